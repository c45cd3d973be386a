"""Cotangents that Python gives to a pullback: tested, and taken apart into leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..ir.parts import parts_of
from ..ir.structure import (
    Boxed,
    Leaf,
    Listed,
    Moved,
    Record,
    Sum,
    Tree,
    Tuple,
    cotangent_tree,
    pooled_in,
)
from ..ir.structure import leaf_types as types_of
from ..ir.types import C128, DTYPES, F64, Array, Scalar, Type, cotangent_type, wide
from ..ir.widen import class_in
from . import recursive
from .border import BorderError, fits, no_array
from .recursive import Boxing, natively


def cotangent(
    tree: Tree,
    value: Any,
    lengths: Sequence[Shape],
    name: str = "ct",
    boxing: Boxing = natively,
) -> list[Any]:
    """The leaves of a cotangent of a result of structure `tree`, which is tested.

    `lengths` has one entry for each leaf of `tree`: how long that array was, None if unknown.
    Ints are taken for floats; None stands where the result holds no float.
    """
    left = iter(lengths)

    def box(part: Boxed, of: Any) -> Any:
        return boxing(lambda make: _boxed_cotangent(part, of, make, name))

    return list(_cotangent(tree, value, left, name, box))


Shape = tuple[int, ...] | None  # of an array in a result, where it is known
BoxOf = Callable[[Boxed, Any], Any]  # the box of a cotangent


# what is taken for a cotangent of such a number, what it becomes, and what that is called
SCALARS: dict[Type, tuple[tuple[type, ...], Callable[[Any], Any], str]] = {
    F64: ((float, int, np.floating, np.integer), float, "a float"),
    C128: ((complex, float, int, np.number), complex, "a complex number"),
}


def _cotangent(
    tree: Tree, value: Any, lengths: Iterator[Shape], name: str, box: BoxOf
) -> Iterator[Any]:
    match tree:
        case Leaf(t) if t in SCALARS:
            next(lengths, None)
            if isinstance(value, np.ndarray) and value.ndim == 0:
                value = value[()]
            kinds, make, wanted = SCALARS[t]
            if isinstance(value, (bool, np.bool_)) or not isinstance(value, kinds):
                raise _wrong(value, name, wanted)
            try:
                yield make(value)
            except OverflowError:
                raise BorderError("E09", f"{name} is an int too large for a float") from None
        case Leaf(Array(elem, rank)) if wide(elem) in (F64, C128):
            yield _cotangent_array(value, rank, next(lengths, None), name, wide(elem))
        case Tuple(kids):
            if not isinstance(value, tuple) or len(value) != len(kids):
                raise _wrong(value, name, f"a tuple of {len(kids)}")
            for k, (kid, v) in enumerate(zip(kids, value, strict=True)):
                yield from _cotangent(kid, v, lengths, f"{name}[{k}]", box)
        case Record(cls, names, kids):
            if type(value) is not cls or (isinstance(value, list) and len(value) != len(kids)):
                raise _wrong(value, name, f"a {cls.__name__}")
            if isinstance(value, dict) and set(value) != set(names):
                raise _wrong(value, name, f"a dict with the keys {', '.join(map(repr, names))}")
            parts = value if isinstance(value, list) else parts_of(value, names)
            for n, kid, v in zip(names or range(len(kids)), kids, parts, strict=True):
                yield from _cotangent(kid, v, lengths, f"{name}.{n}", box)
        case Sum(kids):
            yield from _cotangent_sum(kids, value, lengths, name, box)
        case Listed(element):
            for _ in types_of(tree):
                next(lengths, None)
            yield from _cotangent_list(tree, element, value, name)
        case Boxed() | Moved():
            for _ in types_of(tree):
                next(lengths, None)
            part = tree.primal if isinstance(tree, Moved) else tree
            if part is not tree:
                yield None  # what stands where has no part in it
            if value is not None and not fits(part, value):
                raise _wrong(value, name, f"a {class_in(part).__name__}")
            yield None if value is None else box(part, value)  # null is zero
        case _:
            for _ in types_of(tree):
                next(lengths, None)
            if value is not None:
                raise _wrong(value, name, "None, as the result there holds no float")


def _cotangent_list(tree: Listed, element: Tree | None, value: Any, name: str) -> Iterator[Any]:
    """An array for each float of an element; None is zero."""
    kinds = [c for c in map(cotangent_type, types_of(tree)) if isinstance(c, Array)]
    if value is None or element is None:
        yield from map(no_array, kinds)
        return
    if not isinstance(value, list) or any(True for _ in pooled_in(element)):
        raise _wrong(value, name, "a list of numbers, or None for zeros")
    rows = [
        list(_cotangent(element, v, iter(()), f"{name}[{k}]", lambda *_: None))
        for k, v in enumerate(value)
    ]
    for k, t in enumerate(kinds):
        yield np.array([row[k] for row in rows], DTYPES[t.elem])


def _cotangent_sum(
    kids: Sequence[Tree], value: Any, lengths: Iterator[Shape], name: str, box: BoxOf
) -> Iterator[Any]:
    """The cotangent of one of several: of the first that it fits; those of the others are zero."""
    next(lengths, None)  # the tag
    sizes = [[next(lengths, None) for _ in types_of(kid)] for kid in kids]
    out: list[list[Any] | None] = [None] * len(kids)
    refused: BorderError | None = None
    for k, kid in enumerate(kids):
        try:
            out[k] = list(_cotangent(kid, value, iter(sizes[k]), name, box))
            break
        except BorderError as e:
            refused = refused or e
    else:
        if value is not None and refused is not None:
            raise refused
    for kid, leaves in zip(kids, out, strict=True):
        yield from _zeros(kid) if leaves is None else leaves


def _boxed_cotangent(tree: Boxed, value: Any, make: recursive.Make, name: str) -> Any:
    """The box of a cotangent of a record that holds its own class."""

    def build(item: tuple[Boxed, Any], found: Callable[[Any], Any]) -> Any:
        part, v = item
        types, inside = part.held[part.record]
        kinds = [c for c in map(cotangent_type, types) if c is not None]
        kind = f"{name}, in a {type(v).__name__}" if v is not value else name
        own = _cotangent(inside, v, iter(()), kind, lambda t, x: found((t, x)))
        return make(kinds, list(own))

    return recursive.in_order((tree, value), lambda item: id(item[1]), build)


def _zeros(tree: Tree) -> Iterator[Any]:
    """A zero cotangent."""
    for t in types_of(cotangent_tree(tree)):
        yield 0.0 if t in (F64, C128) else no_array(t) if isinstance(t, Array) else None


def _cotangent_array(
    value: Any, rank: int, shape: Shape, name: str, elem: Scalar
) -> np.ndarray[Any, Any]:
    kinds = "iufc" if elem == C128 else "iuf"
    real = isinstance(value, np.ndarray) and value.dtype.kind in kinds
    if not real:
        raise _wrong(value, name, "an array of floats")
    if value.ndim != rank or shape not in (None, value.shape):
        wanted = str(shape) if shape is not None else "one axis" if rank == 1 else f"{rank} axes"
        error = ValueError(f"{name} has shape {value.shape}, but the result has {wanted}")
        error.hide_frames = True  # type: ignore[attr-defined]
        raise error
    return np.require(value, DTYPES[elem], ["C", "A"])


def _wrong(value: object, name: str, wanted: str) -> BorderError:
    kind = type(value).__name__
    text = f"{name} is {value!r}" if value is None else f"{name} is of type {kind}"
    return BorderError("E09", text, f"pass {wanted}: a cotangent has the result's structure")
