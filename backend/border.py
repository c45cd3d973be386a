"""From Python values to structure and leaves, and back: the slow path of a call.

`classify` says what structure a value has, `flatten` takes it apart, `rebuild` puts a result
together.  `unbox` and `box` do the same in native code for the usual cases, and must agree.
What cannot go in is a `BorderError` that says what to write instead.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..ir.structure import (
    KEPT,
    Boxed,
    Constant,
    Leaf,
    PullbackTree,
    Record,
    Sum,
    Tree,
    Tuple,
    Updated,
    cotangent_tree,
)
from ..ir.structure import leaf_types as types_of
from ..ir.types import BOOL, F64, I64, Array
from .recursive import opened

ARRAYS = (np.ndarray, np.memmap)  # a masked array or a matrix means more than its data
INT64 = range(-(1 << 63), 1 << 63)


class BorderError(Exception):
    """A value that compiled code does not take: the error's code, what it is, what to write."""

    hide_frames = True  # `traceback.hide_frames`

    def __init__(self, kind: str, text: str, cure: str = "") -> None:
        super().__init__(f"{text}; {cure}" if cure else text)
        self.kind, self.text, self.cure = kind, text, cure


def classify(value: object, name: str = "an argument") -> Tree:
    """The structure of an argument; trees are hashable and serve as keys of dispatch.

    >>> classify((1.0, 2, None))  # doctest: +ELLIPSIS
    Tuple(kids=(Leaf(type=Scalar(name='f64', ...)), Leaf(type=...'i64'...)), Constant(value=None)))
    """
    match value:
        case bool() | np.bool_():
            return Leaf(BOOL)
        case float():
            return Leaf(F64)
        case _ if isinstance(value, np.floating):
            return Leaf(F64)
        case _ if isinstance(value, (int, np.integer)):
            if int(value) not in INT64:
                cure = f"pass a float: float({name})" if name.isidentifier() else "pass a float"
                raise BorderError("E03", f"{name} is an int of more than 64 bits", cure)
            return Leaf(I64)
        case np.ndarray() if type(value) in ARRAYS:
            return _classify_array(value, name)
        case None | str():
            return Constant(value)
    if type(value) is tuple:
        return Tuple(tuple(classify(v, f"{name}[{k}]") for k, v in enumerate(value)))
    if isinstance(tree := getattr(value, "tree", None), PullbackTree):
        return tree
    if isinstance(value, enum.Enum):
        return Constant(value)
    if (names := part_names(value)) is not None:
        parts = zip(names, parts_of(value, names), strict=True)
        kids = tuple(classify(v, f"{name}.{n}") for n, v in parts)
        return Record(type(value), names, kids)
    raise _refused(value, name)


def part_names(value: object) -> tuple[Any, ...] | None:
    """Fields of a dataclass or NamedTuple, keys of a dict; None for anything else."""
    if type(value) is dict:
        return tuple(value) if all(type(k) in (str, int) for k in value) else None
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return tuple(f.name for f in dataclasses.fields(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(value._fields)
    return None


def parts_of(value: Any, names: tuple[Any, ...]) -> list[Any]:
    """What a record holds under these names."""
    if isinstance(value, dict):
        return [value[n] for n in names]
    return [getattr(value, n) for n in names]


def made_of(cls: type, names: tuple[Any, ...], parts: list[Any]) -> Any:
    """A record of these parts, as they are: nothing of the class runs."""
    if cls is list:
        return parts
    if cls is dict:
        return dict(zip(names, parts, strict=True))
    if issubclass(cls, tuple):
        return tuple.__new__(cls, parts)
    made = cls.__new__(cls)
    for n, v in zip(names, parts, strict=True):
        object.__setattr__(made, n, v)
    return made


def _classify_array(a: np.ndarray[Any, Any], name: str) -> Tree:
    asarray = f"np.asarray({name}, float)" if name.isidentifier() else "np.asarray(x, float)"
    found = f"{name} is an array of {a.dtype} of rank {a.ndim}"
    if a.dtype.kind == "f" and a.dtype.itemsize == 8 and not a.dtype.isnative:
        raise BorderError("E03", f"{name} is an array of foreign byte order", f"pass {asarray}")
    if a.dtype != np.float64:
        real = a.dtype.kind in "biuf"
        raise BorderError("E03", found, f"pass {asarray}" if real else "pass an array of float64")
    if a.ndim == 0:
        raise BorderError("E03", found, f"pass a number: float({name})")
    if a.ndim != 1:
        raise BorderError("E03", found, "pass an array of rank 1, such as x.ravel()")
    if not a.flags.aligned or a.strides[0] % 8:
        raise BorderError("E03", f"{name} is an array that is not aligned", f"pass {name}.copy()")
    return Leaf(Array(F64, 1, strided=not a.flags.c_contiguous))


def _refused(value: object, name: str) -> BorderError:
    kind = type(value).__name__
    found = f"{name} is {'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
    match value:
        case np.ndarray():
            cure = "pass a plain array: np.asarray(x), or x.filled(...) of a masked one"
        case list():
            cure = "pass an array, np.asarray(x, float), or a tuple"
        case tuple():
            cure = "pass a plain tuple: tuple(x)"
        case _ if isinstance(value, (complex, np.complexfloating)):
            cure = "pass its real and its imaginary part"
        case dict() | set() | frozenset():
            cure = "pass its values as a tuple"
        case np.generic():
            cure = "pass a float or an int"
        case _:
            cure = "pass floats, ints, bools, float64 arrays, or tuples of them"
    return BorderError("E03", found, cure)


def flatten(tree: Tree, value: Any) -> Iterator[Any]:
    """The leaves of a value that has this structure: float, int, bool, array, box address.

    An argument has the structure that `classify` told; a structure from elsewhere is tested.
    """
    match tree:
        case Leaf(Array(_, _, strided)):
            if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype != np.float64:
                raise BorderError("E03", f"an array is expected, not {value!r}")
            yield value if strided or value.flags.c_contiguous else np.ascontiguousarray(value)
        case Leaf(t) if t == F64:
            yield float(value)
        case Leaf(t) if t == BOOL:
            yield bool(value)
        case Leaf():
            yield int(value)
        case Tuple(kids):
            if not isinstance(value, tuple) or len(value) != len(kids):
                raise BorderError("E03", f"a tuple of {len(kids)} is expected, not {value!r}")
            for kid, v in zip(kids, value, strict=True):
                yield from flatten(kid, v)
        case Record(cls, names, kids):
            if type(value) is not cls:
                raise BorderError("E03", f"a {cls.__name__} is expected, not {value!r}")
            for kid, v in zip(kids, parts_of(value, names), strict=True):
                yield from flatten(kid, v)
        case PullbackTree():
            yield value.box
        case Constant():
            pass


def rebuild(
    tree: Tree,
    leaves: Iterator[Any],
    pullback: Callable[[PullbackTree, int], Any],
    boxed: Callable[[Boxed, Any], Any] | None = None,
) -> Any:
    """The value whose leaves these are; `pullback` and `boxed` make the objects from boxes."""
    match tree:
        case Leaf():
            return next(leaves)
        case Tuple(kids):
            return tuple([rebuild(kid, leaves, pullback, boxed) for kid in kids])
        case Record(cls, names, kids):
            parts = [rebuild(kid, leaves, pullback, boxed) for kid in kids]
            return made_of(cls, names, parts)
        case Sum(kids):
            tag, made = next(leaves), None
            for k, kid in enumerate(kids):
                own = [next(leaves) for _ in types_of(kid)]
                if k == tag:
                    made = rebuild(kid, iter(own), pullback, boxed)
            return made
        case PullbackTree():
            return pullback(tree, next(leaves))
        case Boxed():
            if boxed is not None:
                return boxed(tree, next(leaves))
            return opened(
                tree, next(leaves), lambda t, own, inner: rebuild(t, own, pullback, inner)
            )
        case Updated():
            raise AssertionError("a result that writes: see `finish`")
        case Constant(value):
            return value


def finish(
    tree: Tree,
    leaves: Iterator[Any],
    args: Sequence[Any],
    pullback: Callable[[PullbackTree, int], Any],
) -> Any:
    """A result; what the call has written into the arguments is written there, too."""
    if not isinstance(tree, Updated):
        return rebuild(tree, leaves, pullback)
    result = rebuild(tree.result, leaves, pullback)
    for way, record in tree.writes:
        target = args[way[0]]
        for k in way[1:]:
            names = part_names(target)
            target = target[k] if names is None else parts_of(target, names)[k]
        for name, kid in zip(record.names, record.kids, strict=True):
            value = rebuild(kid, leaves, pullback)
            if value is KEPT:
                continue
            if isinstance(target, dict):
                target[name] = value
            else:
                object.__setattr__(target, name, value)
    return result


def refuse_shared(tree: Tree, args: Sequence[Any]) -> None:
    """A record that a call writes stands once among its arguments."""
    if not isinstance(tree, Updated):
        return
    written = {record.cls for _, record in tree.writes}
    seen: set[int] = set()
    work = list(args)
    while work:
        value = work.pop()
        names = part_names(value)
        if names is None:
            work.extend(value if type(value) is tuple else ())
            continue
        if id(value) in seen and type(value) in written:
            kind = type(value).__name__
            raise BorderError(
                "E11",
                f"one {kind} stands twice among the arguments of a function that writes records",
                "pass a copy of it",
            )
        seen.add(id(value))
        work.extend(parts_of(value, names))


def cotangent(tree: Tree, value: Any, lengths: Sequence[int | None], name: str = "ct") -> list[Any]:
    """The leaves of a cotangent of a result of structure `tree`, which is tested.

    `lengths` has one entry for each leaf of `tree`: how long that array was, None if unknown.
    Ints are taken for floats; None stands where the result holds no float.
    """
    left = iter(lengths)
    return list(_cotangent(tree, value, left, name))


def _cotangent(tree: Tree, value: Any, lengths: Iterator[int | None], name: str) -> Iterator[Any]:
    match tree:
        case Leaf(t) if t == F64:
            next(lengths, None)
            if isinstance(value, np.ndarray) and value.ndim == 0:
                value = value[()]
            if isinstance(value, (bool, np.bool_)) or not isinstance(
                value, (float, int, np.floating, np.integer)
            ):
                raise _wrong(value, name, "a float")
            try:
                yield float(value)
            except OverflowError:
                raise BorderError("E09", f"{name} is an int too large for a float") from None
        case Leaf(Array(elem, 1, _)) if elem == F64:
            yield _cotangent_array(value, next(lengths, None), name)
        case Tuple(kids):
            if not isinstance(value, tuple) or len(value) != len(kids):
                raise _wrong(value, name, f"a tuple of {len(kids)}")
            for k, (kid, v) in enumerate(zip(kids, value, strict=True)):
                yield from _cotangent(kid, v, lengths, f"{name}[{k}]")
        case Record(cls, names, kids):
            if type(value) is not cls or (isinstance(value, list) and len(value) != len(kids)):
                raise _wrong(value, name, f"a {cls.__name__}")
            if isinstance(value, dict) and set(value) != set(names):
                raise _wrong(value, name, f"a dict with the keys {', '.join(map(repr, names))}")
            parts = value if isinstance(value, list) else parts_of(value, names)
            for n, kid, v in zip(names or range(len(kids)), kids, parts, strict=True):
                yield from _cotangent(kid, v, lengths, f"{name}.{n}")
        case Sum(kids):
            yield from _cotangent_sum(kids, value, lengths, name)
        case Boxed():
            next(lengths, None)
            if value is not None:
                wanted = "None there, or a result that is a number"
                raise _wrong(value, name, wanted)
            yield None  # a null box
        case _:
            if isinstance(tree, (Leaf, PullbackTree)):
                next(lengths, None)
            if value is not None:
                raise _wrong(value, name, "None, as the result there holds no float")


def _cotangent_sum(
    kids: Sequence[Tree], value: Any, lengths: Iterator[int | None], name: str
) -> Iterator[Any]:
    """The cotangent of one of several: of the first that it fits; those of the others are zero."""
    next(lengths, None)  # the tag
    sizes = [[next(lengths, None) for _ in types_of(kid)] for kid in kids]
    out: list[list[Any] | None] = [None] * len(kids)
    refused: BorderError | None = None
    for k, kid in enumerate(kids):
        try:
            out[k] = list(_cotangent(kid, value, iter(sizes[k]), name))
            break
        except BorderError as e:
            refused = refused or e
    else:
        if value is not None and refused is not None:
            raise refused
    for kid, leaves in zip(kids, out, strict=True):
        yield from _zeros(kid) if leaves is None else leaves


def _zeros(tree: Tree) -> Iterator[Any]:
    """A zero cotangent."""
    for t in types_of(cotangent_tree(tree)):
        yield 0.0 if t == F64 else np.zeros(0) if isinstance(t, Array) else None


def _cotangent_array(value: Any, length: int | None, name: str) -> np.ndarray[Any, Any]:
    real = isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    if not real:
        raise _wrong(value, name, "an array of floats")
    if value.ndim != 1 or length not in (None, len(value)):
        wanted = f"({length},)" if length is not None else "one axis"
        error = ValueError(f"{name} has shape {value.shape}, but the result has {wanted}")
        error.hide_frames = True  # type: ignore[attr-defined]
        raise error
    return np.require(value, np.float64, ["C", "A"])


def _wrong(value: object, name: str, wanted: str) -> BorderError:
    kind = type(value).__name__
    text = f"{name} is {value!r}" if value is None else f"{name} is of type {kind}"
    return BorderError("E09", text, f"pass {wanted}: a cotangent has the result's structure")
