"""Lengths of arrays as values of their own, where an array comes into being.

before                                      after
    %c: f64[1] = if %ok { ... }                 %c: f64[1] = if %ok { ... }
                                                %n: i64 = len %c

Reverse mode makes zeros in the shape of arrays that the primal made.  With a length beside each, it
keeps ints for that, never an array for its shape.  Right because `len` is pure; what nobody reads
is removed with the rest.

An update has its array's shape, and the inputs of a function are at hand when it is reversed: only
what branches, loops, calls and boxes hand out is measured, and what loops carry.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.core import LOOPS, Block, Function, Op, Value
from ..ir.types import I64, Array

MEASURED = frozenset({"if", "for", "while", "call", "unbox"})
Lengths = dict[Value, list[Value]]


def lengths(f: Function) -> tuple[Function, Lengths]:
    """The function with its arrays measured, and the lengths of each."""
    known: Lengths = {}
    made: dict[Block, Block] = {}
    order = [f.body]
    for block in order:
        order.extend(r for op in block.ops for r in op.regions)
    carried = {op.regions[-1] for block in order for op in block.ops if op.opcode in LOOPS}
    for block in reversed(order):
        ops = measures(block.params, known) if block in carried else []
        for op in block.ops:
            if any(made[r] is not r for r in op.regions):
                op = op.but(regions=tuple(made[r] for r in op.regions))
            ops.append(op)
            if op.opcode in MEASURED:
                ops += measures(op.results, known)
        same = len(ops) == len(block.ops) and all(
            a is b for a, b in zip(ops, block.ops, strict=True)
        )
        made[block] = block if same else Block(block.params, tuple(ops))
    body = made[f.body]
    return (f if body is f.body else f.but(body=body)), known


def measures(values: Sequence[Value], known: Lengths) -> list[Op]:
    """A `len` for each axis of the arrays among these."""
    out = []
    for v in values:
        if isinstance(v.type, Array):
            known[v] = [Value(I64) for _ in range(v.type.rank)]
            for axis, n in enumerate(known[v]):
                out.append(Op("len", (v,), (n,), {"axis": axis} if axis else {}))
    return out
