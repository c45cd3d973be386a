"""Joins: the type of a value that comes by several paths, and values as members of a wider type.

    bool with i64 is i64, i64 with f64 is f64        numbers are converted on the path they come by
    T with undef is T                                a path on which nobody reads it
    T with unbound is maybe T                        a flag says whether it is bound
    a static number with another is dynamic
    tuples of one length join by element, closures of one function by capture

Anything else disagrees, which is the user's to mend (E07).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand, zero_literal
from ...ir.types import BOOL, Array, Box, Scalar, Type
from .values import AV, ORDER, T, describe, leaf_types, leaves_of

if TYPE_CHECKING:
    from .frame import Frame


class Disagree(Exception):
    """Two types without a join; says what was found in the user's words."""

    def __init__(self, a: T, b: T) -> None:
        super().__init__(f"{describe(a)} on one path, {describe(b)} on another")
        self.cure = cure(a, b)


def cure(a: T, b: T) -> str:
    kinds = {a.kind, b.kind}
    if kinds == {"num", "array"}:
        return "start from an array of zeros, as np.zeros_like(...) gives"
    if kinds <= {"fn", "name", "derivative", "pullback"}:
        return "call the functions in the branches instead of choosing one of them"
    if kinds == {"tuple"}:
        return "make tuples of one length on both paths"
    if any(t.kind == "const" for t in (a, b)):
        return "give the value a number on every path, 0.0 or math.nan for instance"
    return "make values of one kind on both paths"


def scalar_of(t: T) -> Type:
    kind: Type = t.leaves[0] if t.info is None else t.info.type
    return kind


def join(a: T, b: T) -> T:
    """The least type that holds values of both; raises `Disagree`."""
    if a == b or b.kind == "undef":
        return a
    if a.kind == "undef":
        return b
    if a.kind == "num" and b.kind == "num":
        return T("num", None, (), (max(scalar_of(a), scalar_of(b), key=ORDER.index),))
    if "unbound" in (a.kind, b.kind) or "maybe" in (a.kind, b.kind):
        return join_maybe(a, b)
    if a.kind == b.kind and a.info == b.info and len(a.kids) == len(b.kids) and a.kids:
        if a.leaves == b.leaves:
            kids = tuple([join(x, y) for x, y in zip(a.kids, b.kids, strict=True)])
            return T(a.kind, a.info, kids, a.leaves)
    raise Disagree(a, b)


def join_maybe(a: T, b: T) -> T:
    inner = [t.kids[0] if t.kind == "maybe" else t for t in (a, b) if t.kind != "unbound"]
    return T("maybe", None, (inner[0] if len(inner) == 1 else join(*inner),), (BOOL,))


def zeros(f: Frame, t: T) -> list[Operand]:
    """Leaves of a value that nobody reads."""
    return [zero(f, x) for x in leaf_types(t)]


def zero(f: Frame, t: Type) -> Operand:
    """Zero of a leaf type: what stands where nothing is read, or a missing cotangent."""
    if isinstance(t, Scalar):
        return zero_literal(t)
    if isinstance(t, Array) and not t.strided:
        return f.emit("zeros", [Literal(0, ORDER[1])], [t], {"elem": t.elem})
    if isinstance(t, Box):
        return f.emit("null", [], [t], {"type": t})
    for v in f.strided:
        if v.type == t:
            return v
    raise f.error(
        "E07",
        "an array with strides that only one of the paths has",
        "its other path has no such array to stand for it",
        "read it by index on the path where it is",
    )


def coerce(f: Frame, a: AV, t: T) -> list[Operand]:
    """The leaves of `a` as a value of type t, a join of a's type."""
    if a.kind == "num" and t.kind == "num":
        if t.info is not None:
            return []
        return [f.convert(a.leaves[0], t.leaves[0])]
    if a.kind == "undef" or (a.kind == "unbound" and t.kind != "maybe"):
        return zeros(f, t)
    if t.kind == "maybe":
        if a.kind == "maybe":
            return [a.leaves[0], *coerce(f, a.kids[0], t.kids[0])]
        if a.kind == "unbound":
            return [Literal(False, BOOL), *zeros(f, t.kids[0])]
        return [Literal(True, BOOL), *coerce(f, a, t.kids[0])]
    if not a.kids:
        return leaves_of(a)
    out = list(a.leaves)
    for x, y in zip(a.kids, t.kids, strict=True):
        out += coerce(f, x, y)
    return out


def called(name: str) -> str:
    """A variable, or what a function returns, in words."""
    return "the result" if name == "result" else f"`{name}`"


def joined(f: Frame, types: list[T], what: str) -> T:
    """The join of several types, or E07 that names the variable."""
    t = types[0]
    for u in types[1:]:
        try:
            t = join(t, u)
        except Disagree as e:
            found = f"{called(what)}: {e}" if what else str(e)
            why = "a compiled value has one kind, whichever path it comes by"
            raise f.error("E07", found, why, e.cure) from None
    return t
