"""What is known of ints while a function is built: order, from loops, lengths and sums.

A loop's index lies between its bounds, a length is not negative, and int arithmetic is that of the
integers (it raises where it would not fit).  So an index that is checked against the bound of its
loop, or is one less than another that is, needs no check: `below` says so.  And what is added to
it needs no test for overflow: `fits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .core import Literal, Operand, Value
from .types import I64

if TYPE_CHECKING:
    from .builder import Builder

LIMIT, LONGEST = 2**63, 2**60  # of ints; no array has so many elements
STEPS = 8  # how many sums are looked through
Sum = tuple[Value | None, int]  # a value, or none, plus a number


def below(b: Builder, x: Operand, y: Operand, more: int = 0) -> bool:
    """Whether x < y + more is certain."""
    p, c = linear(b, x)
    q, d = linear(b, y)
    return less(b, (p, c), (q, d + more), STEPS)


def less(b: Builder, x: Sum, y: Sum, steps: int) -> bool:
    """As `below`: either side is replaced by what bounds it, as long as that helps."""
    (p, c), (q, d) = x, y
    if p is q:
        return c < d
    if steps == 0:
        return False
    if p is not None and (most := bound(b, p, upper=True)) is not None:
        if less(b, (most[0], most[1] + c), y, steps - 1):
            return True
    if q is not None and (least := bound(b, q, upper=False)) is not None:
        return less(b, x, (least[0], least[1] + d), steps - 1)
    return False


def fits(b: Builder, opcode: str, operands: Sequence[Operand]) -> bool:
    """Whether an int plus or minus a number has 64 bits for certain."""
    x, y = operands
    if opcode == "add" and isinstance(x, Literal):
        x, y = y, x
    if not isinstance(x, Value) or not isinstance(y, Literal):
        return False
    by = int(y.value) if opcode == "add" else -int(y.value)
    p, c = linear(b, x)
    return inside(b, p, c + by, upper=by > 0, steps=STEPS)


def inside(b: Builder, p: Value | None, c: int, *, upper: bool, steps: int) -> bool:
    """Whether p + c is not too large, or not too small; p itself has 64 bits."""
    if p is None:
        return -LIMIT <= c < LIMIT
    if c == 0 or (c < 0) == upper:
        return True
    if is_length(b, p):
        return c < LIMIT - LONGEST if upper else -LIMIT <= c
    if steps == 0 or (known := bound(b, p, upper=upper)) is None:
        return False
    return inside(b, known[0], known[1] + c, upper=upper, steps=steps - 1)


def is_length(b: Builder, v: Value) -> bool:
    op = b.definer.get(v)
    return op is not None and op.opcode == "len"


def linear(b: Builder, v: Operand) -> Sum:
    """An int as a value plus a number."""
    c = 0
    for _ in range(STEPS):
        if isinstance(v, Literal):
            return None, c + int(v.value)
        op = b.definer.get(v)
        if op is None or op.opcode not in ("add", "sub") or v.type != I64:
            break
        x, y = op.operands
        if isinstance(y, Literal):
            v, c = x, c + (int(y.value) if op.opcode == "add" else -int(y.value))
        elif isinstance(x, Literal) and op.opcode == "add":
            v, c = y, c + int(x.value)
        else:
            break
    return (None, c + int(v.value)) if isinstance(v, Literal) else (v, c)


def bound(b: Builder, v: Value, *, upper: bool) -> Sum | None:
    """The largest, or the least, that a value can be."""
    if v in b.trips:
        lo, hi, step = b.trips[v]
        if not isinstance(step, Literal) or step.value == 0:
            return None
        rising = step.value > 0
        base, c = linear(b, hi if upper == rising else lo)
        if upper == rising:
            c += -1 if rising else 1  # the bound itself is left out
        return base, c
    return (None, 0) if is_length(b, v) and not upper else None
