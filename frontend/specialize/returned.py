"""Whether a function hands an array back that it was given: Python sees the very object.

    def larger(x, y):
        return x if x[0] > y[0] else y

Where no array is written, arrays are values and have no identity.  A program whose result may be
an argument is therefore specialised as if arrays were written: they are cells then, and `writes`
tells an argument from a new array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...ir.core import LOOPS, Function, Loop, Op, Operand, Value, callees, walk
from ...ir.types import Array


def returned(
    functions: Mapping[str, Function], name: str, around: tuple[str, ...] = ()
) -> list[int]:
    """Which inputs of a function, arrays, may be among its results as they are."""
    f = functions.get(name)
    if f is None or name in around or not any(isinstance(v.type, Array) for v in f.body.outs):
        return []
    from_: dict[Operand, list[Operand]] = {}
    for op in walk(f.body):
        for source, target in handed_on(functions, op, (*around, name)):
            if isinstance(target.type, Array):
                from_.setdefault(target, []).append(source)
    seen: set[Operand] = set()
    work = list(f.body.outs)
    while work:
        v = work.pop()
        if v not in seen:
            seen.add(v)
            work += from_.get(v, ())
    return [k for k, v in enumerate(f.inputs) if v in seen and isinstance(v.type, Array)]


def handed_on(
    functions: Mapping[str, Function], op: Op, around: tuple[str, ...]
) -> Iterator[tuple[Operand, Value]]:
    """Pairs (source, target) where the target may be the source, the same array."""
    if op.opcode == "if":
        for arm in op.regions:
            if arm.end.opcode != "unreachable":
                yield from zip(arm.outs, op.results, strict=True)
    elif op.opcode in LOOPS:
        loop = Loop(op)
        yield from zip(loop.inits, loop.carries, strict=True)
        yield from zip(loop.carries, loop.results, strict=True)
        if loop.body.end.opcode != "unreachable":
            yield from zip(loop.next, loop.carries, strict=True)
    elif op.opcode == "select":
        for source in op.operands[1:]:
            yield source, op.results[0]
    elif op.opcode == "call":
        for name in callees(op):
            for k in returned(functions, name, around):
                for target in op.results:
                    yield op.operands[k], target
