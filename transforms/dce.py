"""Dead code elimination: ops, carries, ys, `each` and results that nothing reads are gone.

Before                                     After
    %s.2, %k.2 = for ...                       %s.2 = for ...
        carry %s = 0.0, %k = 1.0 {                 carry %s = 0.0 {
      ...                                        ...
      next %s.1, %k.1                            next %s.1
    return %s.2                                return %s.2

Why it is right.  An op without effect (see `ir/ops.py`) is seen through its results only.  A carry
is live if its result is, if the test reads it, or if a live carry or ys needs it in the body: the
least fixpoint, so carries that only feed each other go.  A `while` without live results goes too:
that it ends is assumed.
"""

from __future__ import annotations

from ..ir.core import LOOPS, Block, Function, Loop, Module, Op, Operand, Value, free_values
from .effects import Effects

Live = set[Value]


def dce(module: Module) -> Module:
    """Every function of the module without dead code; functions not reached stay."""
    effects = Effects(module)
    out = Module({}, dict(module.records))
    for f in module.functions.values():
        out.add(dce_function(f, effects))
    return out


def dce_function(f: Function, effects: Effects) -> Function:
    return f.but(body=Dce(effects).block(f.body, list(range(len(f.body.outs)))))


class Dce:
    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    def block(self, block: Block, kept: list[int], groups: tuple[int, ...] | None = None) -> Block:
        """The block with only the outs at these positions, and what they need."""
        end = block.end
        if end.opcode != "unreachable":
            outs = tuple(end.operands[k] for k in kept)
            end = end.but(operands=outs, groups=end.groups if groups is None else groups)
        live: Live = {v for v in end.operands if isinstance(v, Value)}
        ops = [end]
        for op in reversed(block.body):
            new = self.one(op, live)
            if new is None:
                continue
            ops.append(new)
            live.update(v for v in new.operands if isinstance(v, Value))
            if new.regions:
                live.update(free_values(*new.regions))
        return Block(block.params, tuple(reversed(ops)))

    def one(self, op: Op, live: Live) -> Op | None:
        if not any(r in live for r in op.results) and not self.effects.of(op):
            return None
        if op.opcode == "if":
            return self.branch(op, live)
        if op.opcode in LOOPS:
            return self.loop(op, live)
        return op

    def branch(self, op: Op, live: Live) -> Op:
        kept = [k for k, r in enumerate(op.results) if r in live]
        regions = tuple(self.block(r, kept) for r in op.regions)
        return op.but(results=tuple(op.results[k] for k in kept), regions=regions)

    def loop(self, op: Op, live: Live) -> Op:
        loop = Loop(op)
        n = loop.ncarries
        ys = [k for k, h in enumerate(loop.histories) if h in live]
        needed = {k for k, r in enumerate(loop.results) if r in live}
        test = None
        if not loop.is_for:
            test = self.block(op.regions[0], [0])
            needed |= positions(loop.carries, used(test))
        while True:
            outs = sorted(needed) + [n + k for k in ys]
            body = self.block(loop.body, outs, (len(needed), len(ys)))
            more = needed | positions(loop.carries, used(body))
            if more == needed:
                break
            needed = more
        carries = sorted(needed)
        elements = sorted(positions(loop.elements, used(body)))
        params = [loop.carries[k] for k in carries]
        inner = ([loop.index] if loop.index is not None else []) + params
        inner += [loop.elements[k] for k in elements]
        body = Block(tuple(inner), body.ops)
        regions = (body,) if test is None else (Block(tuple(params), test.ops), body)
        operands: list[Operand] = [*loop.bounds, *(loop.inits[k] for k in carries)]
        operands += [loop.each[k] for k in elements]
        results = [loop.results[k] for k in carries] + [loop.histories[k] for k in ys]
        if loop.trips is not None and (ys or loop.trips in live):
            results.append(loop.trips)
        groups = (3, len(carries), len(elements)) if loop.is_for else (len(carries),)
        return op.but(
            operands=tuple(operands), results=tuple(results), regions=regions, groups=groups
        )


def used(block: Block) -> Live:
    """What the block reads of the values that it does not make, its own parameters included."""
    return set(free_values(Block((), block.ops)))


def positions(values: tuple[Value, ...], among: Live) -> set[int]:
    return {k for k, v in enumerate(values) if v in among}
