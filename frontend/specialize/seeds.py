"""What a derivative is seeded with: cotangents of a result and tangents of arguments, leaf by leaf.

Both have the structure of the primal, None where a part carries none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.structure import merged
from ...ir.types import BOOL, Array, Type, cotangent_type
from ..prelude import growing
from . import boxes, ndarray, records, slots, vectors, views
from .complexes import is_complex
from .joins import head, zero
from .values import (
    AV,
    C128_T,
    F64_T,
    NONE_T,
    NOTHING,
    STRUCTURES,
    T,
    Viewed,
    build,
    cotangent,
    describe,
    is_moved,
    leaf_types,
    number,
    static,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame


def missing(f: Frame, t: Type) -> Operand:
    """The cotangent of what nobody asks about."""
    return zero(f, t)


def cotangent_leaves(f: Frame, ct: AV, primal: T) -> Iterator[Operand]:
    """The leaves of a cotangent, whose structure is that of the value it belongs to."""
    if primal.kind in STRUCTURES:
        if not fits(ct, primal):
            raise wrong_structure(f, ct, primal)
        for a, t in zip(ct.kids, primal.kids, strict=True):
            yield from cotangent_leaves(f, a, t)
        return
    if primal.kind == "sum":
        yield from one_of(f, ct, primal)
        return
    expected = cotangent(primal)
    if is_moved(expected):
        moves = moves_of(f, ct, expected, primal)
        for x in primal.leaves[:-1]:  # what stands where has no part in it
            yield zero(f, cotangent_type(x) or x)
        yield moves
        return
    if expected in (F64_T, C128_T):
        if ct.kind != "num" or (is_complex(ct) and expected == F64_T):
            raise wrong_structure(f, ct, primal)
        yield f.convert(ct.leaves[0], expected.leaves[0])
    elif expected.kind == "vector" and ct.kind in ("vector", "list"):
        yield from cotangent_of_list(f, ct, primal)
    elif expected.kind == "array":
        yield cotangent_array(f, ct, expected.leaves[0], primal)
    else:
        if ct.kind not in ("const", "num"):
            raise wrong_structure(f, ct, primal)
        for x in leaf_types(primal):
            c = cotangent_type(x)
            if c is not None:
                yield zero(f, c)


def cotangent_of_list(f: Frame, ct: AV, primal: T) -> Iterator[Operand]:
    """Of a list of numbers, or of tuples of them, an array for each float of an element."""
    if any(True for _ in slots.slots_in(primal.info)):
        raise wrong_structure(f, ct, primal)
    ct = vectors.of(f, ct.kids) if ct.kind == "list" else ct
    n = ct.leaves[0]

    def columns(t: T, given: T | None, way: tuple[int, ...]) -> Iterator[Operand]:
        if t.kind in STRUCTURES:
            for k, kid in enumerate(t.kids):
                inside = given.kids[k] if given and len(given.kids) == len(t.kids) else None
                yield from columns(kid, inside, (*way, k))
        elif cotangent(t) != NONE_T:
            out = ndarray.owned(f, ndarray.zeros(f, [n], t.leaves[0]))
            if given is not None and given.kind == "num":
                ndarray.run(f, growing.column, ct, out, static(way))
            yield records.contents(f, out).leaves[0]

    yield from columns(primal.info, ct.info, ())


def cotangent_array(f: Frame, ct: AV, t: Type, primal: T) -> Operand:
    """The cotangent of an array; its lengths are checked where the pullback runs."""
    assert isinstance(t, Array)
    if ct.kind == "num" and t.rank == 0:
        ct = ndarray.array_of(f, ct)
    if views.is_array(f, ct):
        ct = records.contents(f, ndarray.copied(f, ct)) if ct.kind in ("view", "element") else ct
        ct = records.contents(f, ct)
    if ct.kind != "array":
        raise wrong_structure(f, ct, primal)
    if views.rank(f, ct) != t.rank:
        mine, shown = shape_text(views.shape(f, ct))
        theirs = "one axis" if t.rank == 1 else f"{t.rank} axes"
        text = f"ct has shape {mine}, but the result has {theirs}"
        f.check(Literal(False, BOOL), "ValueError", text, *shown)
    return contiguous(f, ct, t)


def one_of(f: Frame, ct: AV, primal: T) -> Iterator[Operand]:
    """The cotangent of one of several: of the alternative that it fits, zeros of the others."""
    if ct.kind == "sum" and len(ct.kids) == len(primal.kids):
        for a, t in zip(ct.kids, primal.kids, strict=True):
            yield from cotangent_leaves(f, a, t)
        return
    fitting = [k for k, t in enumerate(primal.kids) if fits(ct, cotangent(t))]
    if not fitting and not (ct.kind == "const" and ct.info is None):
        raise wrong_structure(f, ct, primal)
    for k, t in enumerate(primal.kids):
        if k in fitting[:1]:
            yield from cotangent_leaves(f, ct, t)
        else:
            for x in leaf_types(t):
                c = cotangent_type(x)
                if c is not None:
                    yield zero(f, c)


def moves_of(f: Frame, a: AV, moved: T, primal: T) -> Operand:
    """The box of a cotangent or tangent of a boxed record."""
    held = f.program.boxes[moved.info[1]]
    if not fits(a, moved) and not (a.kind == "const" and a.info is None):
        raise wrong_structure(f, a, primal)
    return boxes.moves(f, a, held)


def fits(ct: AV, t: T) -> bool:
    """Whether a value has the outer structure of this cotangent."""
    if is_moved(t):  # a cotangent, or a record that the program has made
        return head(typ(ct)) in (t.info, t.info[1])
    if t.kind == "array":
        return ct.kind == "array"
    return ct.kind == t.kind and ct.info == t.info and len(ct.kids) == len(t.kids)


def contiguous(f: Frame, a: AV, t: Type) -> Operand:
    """An array as a cotangent or tangent, without gaps and of float64: a copy where it is not."""
    if a.leaves[0].type == t:
        return a.leaves[0]
    assert isinstance(t, Array)
    ref = ndarray.owned(f, ndarray.zeros(f, views.shape(f, a), t.elem))
    ndarray.assign(f, views.view_of(f, ref), a)
    return records.contents(f, ref).leaves[0]


def wrong_structure(f: Frame, ct: AV, primal: T) -> Exception:
    return f.error(
        "E09",
        f"{describe(typ(ct))} as the cotangent of {describe(primal)}",
        "a cotangent has the structure of the result, with None for what holds no float",
        "pass a float for a number, a tuple for a tuple, an array for an array",
    )


# ---- tangents -------


def stays(a: AV) -> bool:
    """Whether a tangent is None everywhere."""
    if a.kind in STRUCTURES or a.kind == "sum":
        return all(map(stays, a.kids))
    return a.kind == "const" and a.info is None


def tangent_leaves(f: Frame, a: AV, x: AV, t: T) -> list[Operand | None]:
    """A tangent for each leaf of an argument; None where it has none, or stays."""
    if t.kind == "sum":
        return tangents_of_one(f, a, x, t)
    if t.kind in STRUCTURES and fits(a, t):
        out: list[Operand | None] = []
        for b, y, u in zip(a.kids, x.kids, t.kids, strict=True):
            out += tangent_leaves(f, b, y, u)
        return out
    expected = cotangent(t)
    if {a.kind, expected.kind} == {"num", "array"}:
        same_shape(f, a, x)
        a = ndarray.array_of(f, a) if a.kind == "num" else ndarray.single(f, a)
    if a.kind == "const" and a.info is None and expected.kind not in STRUCTURES:
        return [None] * len(leaf_types(t))
    if a.kind == "num" and (expected == C128_T or expected == F64_T and not is_complex(a)):
        return [f.convert(a.leaves[0], expected.leaves[0])]
    if is_moved(expected):
        tags = [None] * (len(leaf_types(t)) - len(t.leaves))
        return [*[None] * (len(t.leaves) - 1), moves_of(f, a, expected, t), *tags]
    if expected.kind == "vector" and a.kind in ("vector", "list"):
        return tangent_of_list(f, a, x, t)
    if expected.kind == "array" and a.kind == "array":
        same_shape(f, a, x)
        return [contiguous(f, a, expected.leaves[0])]
    if expected == NONE_T and (a.kind == "const" or (a.kind == "num" and t.kind == "num")):
        return [None] * len(leaf_types(t))
    raise f.error(
        "E09",
        f"{describe(typ(a))} as the tangent of {describe(t)}",
        "a tangent has the structure of its primal",
        "pass a float for a float, a tuple for a tuple; None where nothing moves",
    )


def tangent_of_list(f: Frame, a: AV, x: AV, t: T) -> list[Operand | None]:
    """The tangent of a list as its own buffers: laid out as the list is, which holds the rest."""
    held = vectors.converted(f, AV("vector", x.info, (), x.leaves), t.info)
    ref = ndarray.owned(f, AV("vector", slots.unshared(t.info), (), held.leaves))
    moves = vectors.of(f, a.kids) if a.kind == "list" else a
    ndarray.run(f, growing.overwritten, ref, moves)
    leaves = records.contents(f, ref).leaves
    return [None if cotangent_type(x) is None else v for x, v in zip(t.leaves, leaves, strict=True)]


def same_shape(f: Frame, a: AV, x: AV) -> None:
    """A check that a tangent has the shape of its primal."""
    both = [[] if v.kind == "num" else views.shape(f, v) for v in (a, x)]
    (mine, shown), (theirs, rest) = map(shape_text, both)
    text = f"a tangent has shape {mine}, but its primal has {theirs}"
    if len(both[0]) != len(both[1]):
        f.check(Literal(False, BOOL), "ValueError", text, *shown, *rest)
    for n, m in zip(*both, strict=True):
        f.check(f.scalar("eq", (n, m), BOOL), "ValueError", text, *shown, *rest)


def shape_text(lengths: Sequence[Operand]) -> tuple[str, list[Operand]]:
    """A shape as a text with fields, and what goes into them."""
    shown: list[Operand] = [n for n in lengths if not isinstance(n, Literal)]
    parts = [str(n.value) if isinstance(n, Literal) else "{}" for n in lengths]
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})", shown


def tangents_of_one(f: Frame, a: AV, x: AV, t: T) -> list[Operand | None]:
    """The tangent of one of several: of the alternative that it fits."""
    heads = [head(k) for k in t.kids]
    mine = x.kids if x.kind == "sum" else (x,)
    places = [heads.index(head(typ(k))) for k in mine]
    parts: dict[int, list[Operand | None]] = {}
    if a.kind == "sum" and x.kind == "sum" and len(a.kids) == len(x.kids):
        for k, b, y in zip(places, a.kids, x.kids, strict=True):
            parts[k] = tangent_leaves(f, b, y, t.kids[k])
    else:
        for k, y in zip(places, mine, strict=True):
            if not parts and fits(a, cotangent(t.kids[k])):
                parts[k] = tangent_leaves(f, a, y, t.kids[k])
        if not parts and not (a.kind == "const" and a.info is None):
            raise wrong_structure(f, a, t)
    out: list[Operand | None] = [None]
    for k, kid in enumerate(t.kids):
        out += parts.get(k, [None] * len(leaf_types(kid)))
    return out


def tangent(t: T, value: AV, leaves: Iterator[Operand]) -> AV:
    """The tangent of a result: None where it carries none."""
    if t.kind == "sum" or t.kind in STRUCTURES:
        kids = [tangent(k, v, leaves) for k, v in zip(t.kids, value.kids, strict=True)]
        return AV(t.kind, t.info, tuple(kids), value.leaves)
    own = [next(leaves) for x in leaf_types(t) if cotangent_type(x) is not None]
    if t.kind == "boxed" and t.info[0] != "fn":
        return AV("boxed", cotangent(t).info, (), (value.leaves[0], own[-1]))
    if t.kind == "num" and own:
        return number(own[0])
    if t.kind == "array" and own:
        return AV("array", cotangent(t).info, (), tuple(own))
    if t.kind == "vector" and own:
        c = cotangent(t)
        return build(c, iter(merged(leaf_types(c), own, slots.known_leaves(value))))
    if t.kind in ("view", "element", "inner"):
        raise Viewed  # the program begins anew, with such results copied
    return NOTHING
