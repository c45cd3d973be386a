"""Histories that every turn of a loop would save alike are made once, before it.

Before                                            After
    %q; %h: list<f64[1]> = for %a = 0 to %n           ; %v.all: f64[1] = for %t = 0 to %m {
        carry %q.1 = 0.0 {                              %0 = get %v, %t
      %s; %v.all: f64[1] = for %t = 0 to %m             next ; %0
          carry %s.1 = 0.0 {                          }
        %0 = get %v, %t                               %q; %h: list<f64[1]> = for %a = 0 to %n
        %1 = get %p, %a, %t                               carry %q.1 = 0.0 {
        %2 = mul %0, %1                                 %s = for %t = 0 to %m ...
        %s.2 = add %s.1, %2                             next %s; %v.all
        next %s.2; %0                                 }
      }
      next %s; %v.all
    }

Reverse mode saves what an inner loop reads of an array that is overwritten later.  Where the array
stays the same while the loop around it turns, all turns save the same numbers.

Why it is right.  What is saved depends on the inner loop's index and on values from outside the
outer loop only, so every turn computes the same; before the loop these values are known.  The ops
are pure, or reads at places that are certain to be there, so making the history where the loop
makes no turn does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.builder import Builder
from ..ir.core import LOOPS, Block, Loop, Module, Op, Operand, Value, literal, walk
from ..ir.ops import effect
from ..ir.types import F64
from .rebuild import Rebuild


def lift(module: Module) -> Module:
    """The module with such histories lifted; the same one where there are none."""
    done = {f.name: Lifting(module) for f in module.functions.values()}
    functions = {name: done[name].function(f) for name, f in module.functions.items()}
    if not any(lifting.found for lifting in done.values()):
        return module
    return Module(functions, dict(module.records))


class Lifting(Rebuild):
    """The copy of one function."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.found = False

    def copied(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        return super().copied(b, self.outer(b, op) if op.opcode in LOOPS else op, operands)

    def outer(self, b: Builder, op: Op) -> Op:
        """A loop without the histories of inner loops that stand before it now."""
        body = Loop(op).body
        if not any(inner.opcode == "for" and Loop(inner).ys for inner in body.body):
            return op
        nested = [op, *(inner for r in op.regions for inner in walk(r))]
        inside = {v for inner in nested for r in inner.regions for v in r.params}
        inside.update(v for inner in nested[1:] for v in inner.results)
        ops = [self.inner(b, o, inside) if o.opcode == "for" else o for o in body.body]
        return op.but(regions=(*op.regions[:-1], Block(body.params, (*ops, body.end))))

    def inner(self, b: Builder, op: Op, inside: set[Value]) -> Op:
        loop = Loop(op)
        if any(v in inside for v in loop.bounds) or loop.body.end.opcode == "unreachable":
            return op
        gone = []
        for k, y in enumerate(loop.ys):
            ops = self.cone(loop, y, inside)
            history = self.made(b, loop, ops, y, loop.histories[k]) if ops else None
            if history is not None:
                self.env[loop.histories[k]] = history
                gone.append(k)
        if not gone:
            return op
        self.found = True
        first, end = loop.body.end.groups[0], loop.body.end
        outs = [v for k, v in enumerate(end.operands) if k - first not in gone]
        end = end.but(operands=tuple(outs), groups=(first, end.groups[1] - len(gone)))
        results = [v for v in op.results if v not in {loop.histories[k] for k in gone}]
        block = Block(loop.body.params, (*loop.body.body, end))
        return op.but(results=tuple(results), regions=(block,))

    def cone(self, loop: Loop, y: Operand, inside: set[Value]) -> list[Op]:
        """The ops that make y of the index and of what stands outside; none where there are
        others."""
        definer = {v: op for op in loop.body.body for v in op.results}
        needed: set[Op] = set()
        todo = [y]
        while todo:
            v = todo.pop()
            if v is loop.index or v not in inside:
                continue
            op = definer.get(v) if isinstance(v, Value) else None
            if op is None or op.regions or (op.opcode != "get" and effect(op) != "pure"):
                return []
            needed.add(op)
            todo += op.operands
        reads = any(op.opcode == "get" for op in needed)
        return [op for op in loop.body.body if op in needed] if reads and y.type == F64 else []

    def made(
        self, b: Builder, loop: Loop, ops: list[Op], y: Operand, history: Value
    ) -> Operand | None:
        """The loop that makes the history; None where a read may be out of bounds."""
        bounds = [self.get(v) for v in loop.bounds]
        inner = b.child("loop")
        assert loop.index is not None
        index = self.params(inner, [loop.index])
        inner.trips[index[0]] = tuple(bounds)
        for op in ops:
            operands = [self.get(v) for v in op.operands]
            if op.opcode == "get" and not all(map(is_certain, within(inner, operands))):
                return None
            self.env.update(zip(op.results, self.emit(inner, op, operands), strict=True))
        body = inner.block(index, "next", [self.get(y)], (0, 1))
        attrs, loc = loop.op.attrs, loop.op.loc + self.inlined_at
        names, groups = [history.name], (3, 0, 0)
        return b.emit("for", bounds, attrs, [history.type], names, [body], loc, groups)[0]


def within(b: Builder, operands: Sequence[Operand]) -> list[Operand]:
    """Whether each index of a read is there, as far as the builder knows."""
    array, *index = operands
    found = []
    for axis, k in enumerate(index):
        n = b.op("len", array, axis=axis) if axis else b.op("len", array)
        found += [b.op("ge", k, literal(0)), b.op("lt", k, n)]
    return found


def is_certain(v: Operand) -> bool:
    return v == literal(True)
