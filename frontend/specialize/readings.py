"""Iterators that are read twice, where names alone do not show it (see `frontend/iterators.py`).

    t = (zip(a, b), 1.0)
    s = sum(x * y for x, y in t[0])
    t = sum(x + y for x, y in t[0])         E01: the first reading leaves nothing

What `zip` and its kin gave is known by identity in the frame that made it; a function that gives
one to its caller says so, and one that reads a parameter twice is given none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.core import Block, Function, Op, Value
from .values import AV

if TYPE_CHECKING:
    from .frame import Frame

READING = frozenset({"call", "for", "unpack"})


def made(f: Frame, a: AV) -> AV:
    """An iterator that has not been read."""
    f.iterators[id(a)] = a
    return a


def read(f: Frame, op: Op, args: list[AV]) -> None:
    """An op takes the elements of these values; the same op may do so again, in a loop."""
    for a in args:
        if id(a) in f.iterators and f.readings.setdefault(id(a), op) is not op:
            raise second(f, "an iterator that is read a second time", "`t = tuple(...)`")


def given(f: Frame, fn: Function, args: list[AV]) -> None:
    """A function of the program takes these arguments."""
    for v, a in zip(fn.params, args, strict=False):
        if id(a) in f.iterators and count(fn.body, v) > 1:
            found = f"an iterator for `{v.name}`, which `{fn.name}` reads more than once"
            raise second(f, found, "pass `tuple(...)`")


def second(f: Frame, found: str, instead: str) -> Exception:
    return f.error(
        "E01", found, "the first reading leaves nothing in it", f"keep its elements: {instead}"
    )


def count(block: Block, v: Value) -> int:
    """How often a value is read at most on a path; what repeats counts twice."""
    n = 0
    for op in block.ops:
        if op.opcode in READING or op.opcode == "closure":
            n += op.operands.count(v) * (2 if op.opcode == "closure" else 1)
        inner = [count(b, v) for b in op.regions]
        n += max(inner, default=0) if op.opcode == "if" else 2 * sum(inner)
    return n
