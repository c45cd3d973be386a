"""Joins: the type of a value that comes by several paths, and values as members of a wider type.

    bool with i64 is i64, i64 with f64 is f64        numbers are converted on the path they come by
    T with undef is T                                a path on which nobody reads it
    T with unbound is maybe T                        a flag says whether it is bound
    a static number with another is dynamic
    tuples of one length join by element, closures of one function by capture
    T with None, two functions, two classes     a sum: a tag and the leaves of both

A sum inside a record or a closure that holds the same kind again has no finite type: `Recursive`
says so, and `boxes` gives that kind a box.  A number and an array disagree, as do two kinds of
array, which is the user's to mend (E07).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.core import Literal, Operand, zero_literal
from ...ir.types import BOOL, I64, Array, Box, Scalar, Type, wide
from . import narrow
from .values import AV, ORDER, Mutated, T, describe, dynamic, leaf_types, leaves_of, scalar_of, typ

if TYPE_CHECKING:
    from .frame import Frame


class Disagree(Exception):
    """Two types without a join; says what was found in the user's words."""

    def __init__(self, a: T, b: T, found: str = "", instead: str = "") -> None:
        super().__init__(found or f"{describe(a)} on one path, {describe(b)} on another")
        self.cure = instead or cure(a, b)


class Recursive(Exception):
    """Kinds of records and closures that hold values of their own kind."""

    def __init__(self, kinds: dict[Any, T]) -> None:
        super().__init__()
        self.kinds = kinds


class Endless(Exception):
    """A tuple that holds ever more tuples of its own length."""


ALTERNATIVES = frozenset(
    {
        "num",
        "const",
        "tuple",
        "list",
        "dict",
        "record",
        "class",
        "partial",
        "array",
        "view",
        "vector",
        "inner",
        "element",
    }
    | {"fn", "name", "derivative", "custom", "pullback", "cell", "boxed"}
)
WRAPPERS = ("derivative", "custom")  # what is made of functions
BOXABLE = frozenset({"fn", "record"})
FIXED = "keep what is needed later in a fixed number of variables, or in a record of its own class"
LENGTHS = 8  # so many lengths of tuples may one value have
DEEP = 4  # so often may a tuple hold one of its own length


def head(t: T) -> Any:
    """What an alternative of a sum is told apart by; two types of one head join."""
    match t.kind:
        case "num" | "array" | "vector":
            return t.kind
        case "boxed":
            return t.info
        case "tuple" | "list":
            return t.kind, len(t.kids)
        case "custom":
            return t.kind, t.info, *(head(k) for k in t.kids)
        case "derivative" | "partial":
            return t.kind, t.info, len(t.kids), head(t.kids[0])
    return t.kind, t.info


def cure(a: T, b: T) -> str:
    kinds = {a.kind, b.kind}
    if kinds == {"num", "array"}:
        return "start from an array of zeros, as np.zeros_like(...) gives"
    if kinds == {"tuple"}:
        return "make tuples of one length on both paths"
    return "make values of one kind on both paths"


def numpys(a: T, b: T) -> Scalar | None:
    """NumPy's type of a number that is of either type; Python's takes that of the other."""
    x, y = (None if isinstance(t.info, Literal) else t.info for t in (a, b))
    if x is None or y is None:
        found: Scalar | None = x or y
        kind = wider(a, b)
        assert isinstance(kind, Scalar)
        return found if found is None or wide(found) == kind else kind
    return narrow.both(x, y)


def wider(a: T, b: T) -> Type:
    return max(scalar_of(a), scalar_of(b), key=ORDER.index)


def packed(t: T) -> tuple[Scalar, int]:
    """The elements of an array and its rank, without its layout."""
    array = t.leaves[0]
    assert isinstance(array, Array)
    return array.elem, array.rank


def join(a: T, b: T, above: tuple[Any, ...] = ()) -> T:
    """The least type that holds values of both; raises `Disagree`.

    `above` are the heads of the records, closures and tuples that the values stand in.
    """
    if a == b or b.kind == "undef":
        return a
    if a.kind == "undef":
        return b
    if a.kind == "num" and b.kind == "num":
        info = numpys(a, b)
        return T("num", info, (), (wider(a, b) if info is None else wide(info),))
    if a.kind == b.kind == "vector":
        return join_vectors(a, b)
    if a.kind == b.kind == "slot":
        return join_slots(a, b)
    if a.kind == b.kind == "array" and a.leaves == b.leaves:
        return T("array", a.info or b.info, (), a.leaves)  # of which one is shared
    if a.kind == b.kind == "array" and packed(a) == packed(b):
        raise Mutated(np.ndarray)  # two layouts: from now on arguments come without gaps
    if "unbound" in (a.kind, b.kind) or "maybe" in (a.kind, b.kind):
        return join_maybe(a, b, above)
    if a.kind == b.kind != "sum" and a.info == b.info and len(a.kids) == len(b.kids) and a.kids:
        if a.leaves == b.leaves and (a.kind not in WRAPPERS or head(a) == head(b)):
            inside = above if a.kind == "range" else (*above, head(a))
            kids = tuple([join(x, y, inside) for x, y in zip(a.kids, b.kids, strict=True)])
            return T(a.kind, a.info, kids, a.leaves)
    return join_sum(a, b, above)


def join_vectors(a: T, b: T) -> T:
    """Lists that grow join by their elements; one that has had none yet fits any other."""
    from . import slots

    kids = a.kids or b.kids  # a mark that it is shared
    if a.info is None or b.info is None:
        one = a if b.info is None else b
        return T("vector", one.info, kids, one.leaves)
    inner = join(a.info, b.info)
    if len(leaf_types(inner)) != len(leaf_types(a.info)):
        raise Disagree(a, b)
    return T("vector", inner, kids, (I64, *slots.layout(inner)))


def join_slots(a: T, b: T) -> T:
    from . import slots

    slot = slots.joined(a.info, b.info)
    if slot is None:
        raise Disagree(a, b, "arrays of several numbers of axes, or arrays and lists, in one list")
    return slots.slot_type(slot)


def join_maybe(a: T, b: T, above: tuple[Any, ...]) -> T:
    inner = [t.kids[0] if t.kind == "maybe" else t for t in (a, b) if t.kind != "unbound"]
    kid = inner[0] if len(inner) == 1 else join(inner[0], inner[1], above)
    return T("maybe", None, (kid,), (BOOL,))


def join_sum(a: T, b: T, above: tuple[Any, ...]) -> T:
    """A sum of the alternatives of both, in an order that does not depend on who comes first."""
    alternatives = [dynamic(t) for t in (a.kids if a.kind == "sum" else (a,))]
    for t in b.kids if b.kind == "sum" else (b,):
        for k, x in enumerate(alternatives):
            if head(x) == head(t):
                if x.kind == t.kind == "array" or "sum" in (x.kind, t.kind):
                    if x != t:
                        raise Disagree(a, b)
                else:
                    alternatives[k] = join(x, dynamic(t), above)
                break
        else:
            alternatives.append(dynamic(t))
    kinds = [t.kind for t in alternatives]
    if not ALTERNATIVES.issuperset(kinds) or ("array" in kinds and "num" in kinds):
        raise Disagree(a, b)
    if sum(k in ("tuple", "list") for k in kinds) > LENGTHS:
        raise Disagree(a, b, "tuples of ever more elements", FIXED)
    if len(alternatives) == 1:
        return alternatives[0]
    inside: dict[Any, T] = {}
    for t in alternatives:
        nested(t, inside)
    again = {h: t for h, t in inside.items() if h in above}
    recursive = {h: t for h, t in again.items() if t.kind in BOXABLE}
    if recursive:
        raise Recursive(recursive)
    if any(above.count(h) >= DEEP for h in again):
        raise Endless
    return T("sum", None, tuple(sorted(alternatives, key=rank)), (I64,))


RANKS = ("const", "num", "array")


def rank(t: T) -> tuple[int, str]:
    """The place of an alternative in a sum: None first, then numbers, then by name."""
    return (RANKS.index(t.kind) if t.kind in RANKS else len(RANKS)), str(head(t))


def nested(t: T, out: dict[Any, T]) -> None:
    """The structures and closures in a type, itself included, by their heads."""
    if t.kids and t.kind not in ("sum", "maybe", "range", "boxed"):
        out.setdefault(head(t), t)
    for k in t.kids:
        nested(k, out)


def zeros(f: Frame, t: T) -> list[Operand]:
    """Leaves of a value that nobody reads."""
    return [zero(f, x) for x in leaf_types(t)]


def zero(f: Frame, t: Type) -> Operand:
    """Zero of a leaf type: what stands where nothing is read, or a missing cotangent."""
    if isinstance(t, Scalar):
        return zero_literal(t)
    if isinstance(t, Array) and not t.strided:
        return f.emit("zeros", [Literal(0, I64)] * t.rank, [t], {"elem": t.elem})
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
        if isinstance(t.info, Literal):
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
    if t.kind == "sum":
        return coerce_sum(f, a, t)
    if a.kind == "vector":
        from . import vectors

        return list(a.leaves if t.info is None else vectors.converted(f, a, t.info).leaves)
    if not a.kids:
        return leaves_of(a)
    out = list(a.leaves)
    for x, y in zip(a.kids, t.kids, strict=True):
        out += coerce(f, x, y)
    return out


def coerce_sum(f: Frame, a: AV, t: T) -> list[Operand]:
    """Tag and leaves of all alternatives; those that `a` does not have are zero."""
    places = [head(k) for k in t.kids]
    if a.kind == "sum":
        to = [places.index(head(typ(k))) for k in a.kids]
        tag, parts = retagged(f, a.leaves[0], to), dict(zip(to, a.kids, strict=True))
    else:
        k = places.index(head(typ(a)))
        tag, parts = Literal(k, I64), {k: a}
    out = [tag]
    for k, kid in enumerate(t.kids):
        out += coerce(f, parts[k], kid) if k in parts else zeros(f, kid)
    return out


def retagged(f: Frame, tag: Operand, to: list[int]) -> Operand:
    """A tag in another order of the alternatives."""
    return tagged(f, tag, [Literal(k, I64) for k in to])


def tagged(f: Frame, tag: Operand, to: Sequence[Operand]) -> Operand:
    """What stands in `to` for the alternative that a tag says."""
    if isinstance(tag, Literal):
        place: int = tag.value
        return to[place]
    if list(to) == [Literal(k, I64) for k in range(len(to))]:
        return tag
    out = to[-1]
    for k in reversed(range(len(to) - 1)):
        if out != to[k]:
            here = f.emit("eq", [tag, Literal(k, I64)], [BOOL])
            out = f.emit("select", [here, to[k], out], [I64])
    return out


def narrowed(f: Frame, a: AV, keep: frozenset[int]) -> AV:
    """A sum of which some alternatives remain; one alone is that value itself."""
    kept = sorted(keep)
    if len(kept) == 1:
        return a.kids[kept[0]]
    to = [kept.index(k) if k in keep else 0 for k in range(len(a.kids))]
    tag = retagged(f, a.leaves[0], to)
    return AV("sum", None, tuple([a.kids[k] for k in kept]), (tag,))


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
        except Endless:
            raise endless(f) from None
    return t


def endless(f: Frame) -> Exception:
    return f.error(
        "E08",
        "a tuple that holds tuples like itself, ever deeper",
        "a tuple is as many values as it has elements, and this one has no end",
        "make it a NamedTuple or a frozen dataclass, whose fields may hold its own class",
    )
