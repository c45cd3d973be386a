"""Copy a function through a folding builder: the one walk that most passes are.

What the copy does on its way, where the builder's flags and the arguments ask for it:
    - constants, strict identities, array laws (fold); equal ops once (share); loop invariants out
      (hoist): see `ir/builder.py`
    - an `if` on a literal becomes its arm; a result that both arms yield alike is that operand
    - the length of an array that a loop or branch only updates is that of the array before
    - an `if` that only finds out flags by a few comparisons becomes `and`, `or`, `select`
    - a carry that never changes is its initial value; one ys per value, one `each` per array
    - a carry that counts turns is a sum with the index
    - a loop that provably makes no trip is its initial values
    - calls of the functions that `inline` accepts become the callee's ops, their locations chained
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..ir.builder import Builder
from ..ir.core import LOOPS, Block, Function, Literal, Loc, Loop, Module, Op, Operand, Value
from ..ir.core import literal as as_literal
from ..ir.ops import effect
from ..ir.types import BOOL, I64
from .shapes import Shapes

Change = Callable[[Op], Op]


@dataclass(frozen=True)
class Kept:
    """Positions of what stays of a loop, and of its carries that do not."""

    carries: list[int]
    ys: list[int]
    sources: list[int]  # of `each`
    fixed: set[int]  # carries that never change
    counted: dict[int, int]  # carries that count turns, and by how much


class Rebuild:
    """One copy of one function; `env` maps its values to operands of the copy."""

    def __init__(
        self,
        module: Module,
        *,
        fold: bool = True,
        share: bool = True,
        hoist: bool = True,
        inline: Callable[[str], bool] = lambda name: False,
        change: Change | None = None,
        replace: Callable[[Rebuild, Builder, Op, list[Operand]], Sequence[Operand] | None]
        | None = None,
    ) -> None:
        self.module = module
        self.tidy, self.share, self.hoist = fold, share, hoist
        self.inline = inline
        self.change = change
        self.replace = replace
        self.env: dict[Value, Operand] = {}
        self.inlined_at: Loc = ()
        self.shapes = Shapes()

    # ---- functions and blocks

    def function(
        self, f: Function, tail: Callable[[Builder, list[Operand]], list[Operand]] | None = None
    ) -> Function:
        """The copy of f; `tail` may add to what it returns."""
        b = Builder(self.module, fold=self.tidy, share=self.share, hoist=self.hoist)
        captures, params = self.params(b, f.captures), self.params(b, f.params)
        self.ops(b, f.body)
        outs = [self.get(v) for v in f.body.outs]
        if f.body.end.opcode == "unreachable":
            block = b.block((), "unreachable", (), loc=f.body.end.loc)
            return f.but(captures=captures, params=params, body=block)
        if tail:
            outs = tail(b, outs)
        block = b.block((), "return", outs, loc=f.body.end.loc)
        types = tuple(v.type for v in outs)
        return f.but(captures=captures, params=params, results=types, body=block)

    def params(self, b: Builder, params: Sequence[Value]) -> tuple[Value, ...]:
        fresh = tuple(b.param(p.type, p.name) for p in params)
        self.env.update(zip(params, fresh, strict=True))
        return fresh

    def get(self, v: Operand) -> Operand:
        return v if isinstance(v, Literal) else self.env[v]

    def ops(self, b: Builder, block: Block) -> None:
        for op in block.body:
            self.one(b, op)

    def region(self, b: Builder, block: Block) -> Block:
        """The copy of an arm, which ends as the original does."""
        self.ops(b, block)
        return self.ended(b, block, (), [self.get(v) for v in block.outs])

    @staticmethod
    def ended(b: Builder, block: Block, params: Sequence[Value], outs: Sequence[Operand]) -> Block:
        return b.block(params, block.end.opcode, outs, block.end.groups, block.end.loc)

    # ---- one op

    def one(self, b: Builder, op: Op) -> None:
        if self.change:
            op = self.change(op)
        operands = [self.get(v) for v in op.operands]
        results = self.replace(self, b, op, operands) if self.replace else None
        if results is None:
            results = self.copied(b, op, operands)
        self.env.update(zip(op.results, results, strict=True))

    def copied(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        if op.opcode == "call" and self.inline(op.attrs["fn"]):
            return self.inlined(b, op, operands)
        if op.opcode == "if":
            return self.branch(b, op, operands)
        if op.opcode in LOOPS:
            return self.loop(b, op, operands)
        regions = [self.region(b.child("loop"), r) for r in op.regions]
        return self.emit(b, op, operands, regions)

    def emit(
        self, b: Builder, op: Op, operands: Sequence[Operand], regions: Sequence[Block] = ()
    ) -> tuple[Operand, ...]:
        """The op again, on other operands."""
        types = [v.type for v in op.results]
        names = [v.name for v in op.results]
        loc = op.loc + self.inlined_at
        return b.emit(op.opcode, operands, op.attrs, types, names, regions, loc, op.groups)

    def inlined(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        f = self.module.functions[op.attrs["fn"]]
        before = self.inlined_at
        self.inlined_at = op.loc + before
        self.env.update(zip(f.inputs, operands, strict=True))
        self.ops(b, f.body)
        self.inlined_at = before
        outs = [self.get(v) for v in f.body.outs]
        for result, out in zip(op.results, outs, strict=True):
            if isinstance(out, Value) and not out.name:
                out.name = result.name  # the caller's name serves a value that had none
        return outs

    def branch(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        condition = operands[0]
        if self.tidy and isinstance(condition, Literal):
            arm = op.regions[0 if condition.value else 1]
            if arm.end.opcode != "unreachable":
                self.ops(b, arm)
                return [self.get(v) for v in arm.outs]
        regions = [self.region(b.child("if"), r) for r in op.regions]
        if self.tidy and all(map(is_flag, op.results)) and all(map(is_test, regions)):
            return self.flattened(b, op, condition, regions)
        results = list(self.emit(b, op, operands, regions))
        if self.tidy:
            self.keep_shapes(b, op, results)
            live = [r for r in regions if r.end.opcode != "unreachable"]
            for k in range(len(results)):
                outs = {r.outs[k] for r in live}
                if len(outs) == 1 and (len(live) == 2 or visible(b, outs)):
                    results[k] = outs.pop()
        return results

    def flattened(
        self, b: Builder, op: Op, condition: Operand, regions: list[Block]
    ) -> Sequence[Operand]:
        """An `if` that only finds out flags, as logic: `x > 0 and y > 0` needs no branch."""
        for r in regions:
            for inner in r.body:
                b.append(inner)
        b.loc = op.loc + self.inlined_at
        outs = []
        for result, x, y in zip(op.results, *(r.outs for r in regions), strict=True):
            outs.append(b.op("select", condition, x, y, name=result.name))
        return outs

    # ---- loops

    def loop(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        loop = Loop(op)
        n0 = len(loop.bounds)
        inits = operands[n0 : n0 + loop.ncarries]
        each = operands[n0 + loop.ncarries :]
        if self.tidy and not loop.ys and idle(loop, operands):
            return inits + [as_literal(0)] * (loop.trips is not None)
        kept = self.kept(loop, operands)
        regions = self.loop_regions(b, loop, operands, kept)
        nkept, nsources = len(kept.carries), len(kept.sources)
        groups = (n0, nkept, nsources) if loop.is_for else (nkept,)
        results = [loop.results[k] for k in kept.carries] + [loop.histories[k] for k in kept.ys]
        results += [loop.trips] if loop.trips is not None else []
        copy = b.emit(
            op.opcode,
            operands[:n0] + [inits[k] for k in kept.carries] + [each[k] for k in kept.sources],
            op.attrs,
            [v.type for v in results],
            [v.name for v in results],
            regions,
            op.loc + self.inlined_at,
            groups,
        )
        made = dict(zip(results, copy, strict=True))
        if self.tidy:
            self.keep_shapes(b, op, copy, kept.carries)
        made.update((loop.results[k], inits[k]) for k in kept.fixed)
        for k, by in kept.counted.items():
            turns = b.op("sub", b.op("max", operands[1], operands[0]), operands[0])
            made[loop.results[k]] = advanced(b, inits[k], by, turns, loop.results[k].name)
        outputs = [made[v] for v in loop.results]
        for y in loop.ys:
            outputs.append(made[loop.histories[next(j for j in kept.ys if loop.ys[j] == y)]])
        return outputs + ([made[loop.trips]] if loop.trips is not None else [])

    def kept(self, loop: Loop, operands: list[Operand]) -> Kept:
        """What the copy of a loop carries, hands out and reads; the rest is known otherwise."""
        n0 = len(loop.bounds)
        each = operands[n0 + loop.ncarries :]
        if not self.tidy:
            ncarries, nys, neach = loop.ncarries, len(loop.ys), len(each)
            return Kept([*range(ncarries)], [*range(nys)], [*range(neach)], set(), {})
        fixed = self.invariant(loop, operands[n0 : n0 + loop.ncarries])
        counted = counters(loop, operands)
        carries = [k for k in range(loop.ncarries) if k not in fixed and k not in counted]
        return Kept(carries, unique(loop.ys), unique(each), fixed, counted)

    def loop_regions(
        self, b: Builder, loop: Loop, operands: list[Operand], kept: Kept
    ) -> list[Block]:
        """The copies of a loop's test, if it has one, and body."""
        n0, op = len(loop.bounds), loop.op
        inits = operands[n0 : n0 + loop.ncarries]
        each = operands[n0 + loop.ncarries :]
        body = b.child("loop")
        index = self.params(body, [loop.index]) if loop.index is not None else ()
        if index:
            b.trips[index[0]] = tuple(operands[:n0])
        for k in kept.fixed:
            self.env[loop.carries[k]] = inits[k]
        for k, by in kept.counted.items():
            turns = body.op("sub", index[0], operands[0], exact=True)
            self.env[loop.carries[k]] = advanced(body, inits[k], by, turns, loop.carries[k].name)
        carries = self.params(body, [loop.carries[k] for k in kept.carries])
        if self.tidy:
            self.keep_shapes(b, op, carries, kept.carries)
        elements = self.params(body, [loop.elements[k] for k in kept.sources])
        for k, source in enumerate(each):
            first = next(j for j in kept.sources if each[j] == source) if self.tidy else k
            self.env[loop.elements[k]] = self.env[loop.elements[first]]
        regions = []
        if not loop.is_for:
            test = b.child("loop")
            self.home(test, carries)
            self.ops(test, op.regions[0])
            outs = [self.get(v) for v in op.regions[0].outs]
            regions.append(self.ended(test, op.regions[0], carries, outs))
        self.ops(body, loop.body)
        params, end = (*index, *carries, *elements), loop.body.end
        if end.opcode == "unreachable":
            return [*regions, body.block(params, "unreachable", (), loc=end.loc)]
        outs = [self.get(loop.next[k]) for k in kept.carries]
        outs += [self.get(loop.ys[k]) for k in kept.ys]
        groups = (len(kept.carries), len(kept.ys))
        return [*regions, body.block(params, "next", outs, groups, end.loc)]

    def keep_shapes(
        self, b: Builder, op: Op, copies: Sequence[Operand], kept: Sequence[int] | None = None
    ) -> None:
        """Tell the builder which of these have the shape of something before the op."""
        found = self.shapes.of(op)
        for k, v in zip(range(len(copies)) if kept is None else kept, copies, strict=False):
            before = found[k]
            if before is not None and isinstance(v, Value):
                b.shapes[v] = self.get(before)

    @staticmethod
    def home(b: Builder, values: Sequence[Operand]) -> None:
        for v in values:
            if isinstance(v, Value):
                b.home[v] = b.depth

    @staticmethod
    def invariant(loop: Loop, inits: Sequence[Operand]) -> set[int]:
        """Carries whose next value is themselves, or the literal that they began with."""
        if loop.body.end.opcode == "unreachable":
            return set()
        pairs = zip(loop.next, loop.carries, inits, strict=True)
        return {
            k
            for k, (after, carry, init) in enumerate(pairs)
            if after is carry or (isinstance(after, Literal) and after == init)
        }


def counters(loop: Loop, operands: Sequence[Operand]) -> dict[int, int]:
    """Int carries to which every turn of a `for` by 1 adds the same number, and that number."""
    if not loop.is_for or loop.reversed or operands[2] != as_literal(1):
        return {}
    steps = {op.results[0]: op for op in loop.body.ops if op.opcode == "add"}
    found = {}
    for k, (carry, after) in enumerate(zip(loop.carries, loop.next, strict=False)):
        step = steps.get(after) if isinstance(after, Value) and carry.type == I64 else None
        if step is not None and carry in step.operands:
            by = next((v for v in step.operands if isinstance(v, Literal)), None)
            if by is not None:
                found[k] = int(by.value)
    return found


def advanced(b: Builder, start: Operand, by: int, turns: Operand, name: str) -> Operand:
    """What a counter is after so many turns."""
    gone = b.op("mul", turns, as_literal(by))
    return b.op("add", start, gone, name=name)


FLAT = 4  # ops of an arm that are cheaper to run than to jump over


def is_flag(v: Value) -> bool:
    return v.type == BOOL


def is_test(block: Block) -> bool:
    """An arm of a few comparisons or ops on bools: no derivative passes through it."""
    return (
        block.end.opcode == "yield"
        and len(block.ops) <= FLAT
        and all(
            not op.regions and effect(op) == "pure" and all(map(is_flag, op.results))
            for op in block.body
        )
    )


def rebuilt(module: Module, **options: Any) -> Module:
    """A copy of every function of the module; `options` are those of `Rebuild`."""
    out = Module({}, dict(module.records))
    for f in module.functions.values():
        out.add(Rebuild(module, **options).function(f))
    return out


def visible(b: Builder, outs: set[Operand]) -> bool:
    """Whether a single yielded operand is known outside the arm."""
    (v,) = outs
    return isinstance(v, Literal) or b.home.get(v, b.depth + 1) <= b.depth


def idle(loop: Loop, operands: Sequence[Operand]) -> bool:
    """Whether a `for` has literal bounds that give no trip."""
    bounds = operands[: len(loop.bounds)]
    if not bounds or not all(isinstance(v, Literal) for v in bounds):
        return False
    lo, hi, step = (v.value for v in bounds if isinstance(v, Literal))
    return bool(step) and len(range(lo, hi, step)) == 0


def unique(values: Sequence[Operand]) -> list[int]:
    """Positions of the first occurrences."""
    seen: dict[Operand, int] = {}
    for k, v in enumerate(values):
        seen.setdefault(v, k)
    return list(seen.values())
