"""From Python values to structure and leaves, and back: the slow path of a call.

`classify` says what structure a value has, `flatten` takes it apart, `rebuild` puts a result
together.  `unbox` and `box` do the same in native code for the usual cases, and must agree.
What cannot go in is a `BorderError` that says what to write instead.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ir.parts import made_of, part_names, parts_of
from ..ir.structure import (
    Boxed,
    Constant,
    Given,
    Leaf,
    Listed,
    Moved,
    Pooled,
    PullbackTree,
    Record,
    Shared,
    Sum,
    Tree,
    Tuple,
    Updated,
    pooled_in,
)
from ..ir.structure import leaf_types as types_of
from ..ir.types import BOOL, C128, DTYPES, F64, I64, Array, Box, array_type, element_of
from ..ir.widen import Unlike, class_in, joined
from . import listed, recursive
from .recursive import Boxing, natively

ARRAYS = (np.ndarray, np.memmap)  # a masked array or a matrix means more than its data
INT64 = range(-(1 << 63), 1 << 63)
CAPTURE = "let a function capture it: jit(lambda x: f(g, x)) instead of jit(f)(g, x)"


class BorderError(Exception):
    """A value that compiled code does not take: the error's code, what it is, what to write."""

    hide_frames = True  # `traceback.hide_frames`

    def __init__(self, kind: str, text: str, cure: str = "") -> None:
        super().__init__(f"{text}; {cure}" if cure else text)
        self.kind, self.text, self.cure = kind, text, cure


InBox = Callable[[object], Boxed | None]  # the box of a record that comes in one


def classify(value: object, name: str = "an argument", box: InBox | None = None) -> Tree:
    """The structure of an argument; trees are hashable and serve as keys of dispatch.

    `box` is known within a record.

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
        case complex() | np.complex128():
            return Leaf(C128)
        case _ if isinstance(value, (int, np.integer)):
            if int(value) not in INT64:
                cure = f"pass a float: float({name})" if name.isidentifier() else "pass a float"
                raise BorderError("E03", f"{name} is an int of more than 64 bits", cure)
            return Leaf(I64)
        case np.ndarray() if type(value) in ARRAYS:
            return _classify_array(value, name)
        case None | str():
            return Constant(value)
    if type(value) is list:
        return classify_list(value, name, box)
    if type(value) is tuple:
        return Tuple(tuple(classify(v, f"{name}[{k}]", box) for k, v in enumerate(value)))
    if isinstance(tree := getattr(value, "tree", None), PullbackTree):
        return tree
    if isinstance(value, enum.Enum):
        return Constant(value)
    if (names := part_names(value)) is not None:
        if box is None and type(value) is not dict:
            box = _boxing(value, name)
        return (box and box(value)) or _record(value, names, name, box)
    raise _refused(value, name)


def classify_list(value: list[Any], name: str, box: InBox | None) -> Listed:
    """The structure of a list: that of all its elements together."""
    kinds = set(map(type, value))
    if kinds <= {*KINDS} and all(v in INT64 for v in value if type(v) is int):
        widest = max((k for k in KINDS if k in kinds), key=KINDS.index, default=None)
        return Listed(None if widest is None else Leaf(SCALARS[widest]))
    element: Tree | None = None
    for k, v in enumerate(value):
        tree = _element(v, f"{name}[{k}]", box)
        try:
            element = tree if element is None else joined(element, tree)
        except Unlike as error:
            found = " and ".join(map(_kind, error.trees))
            raise BorderError(
                "E03",
                f"{name} is a list that holds {found} in one place",
                "its elements are of one kind, arrays of one dtype and rank; or pass a tuple",
            ) from None
    if element is not None and mixes(element):
        raise BorderError(
            "E03",
            f"{name} is a list that holds an array or list, and something else, in one place",
            "its elements are of one kind; or pass a tuple",
        )
    return Listed(element)


def mixes(tree: Tree) -> bool:
    """Whether an array or a list is one of several."""
    if isinstance(tree, Sum):
        return any(True for _ in pooled_in(tree))
    return isinstance(tree, (Tuple, Record)) and any(map(mixes, tree.kids))


KINDS = (bool, int, float, complex)
SCALARS = {bool: BOOL, int: I64, float: F64, complex: C128}


def _element(value: Any, name: str, box: InBox | None) -> Tree:
    """The structure of an element of a list: arrays and lists in it stand in pools."""
    if type(value) is list:
        return Pooled(classify_list(value, name, box))
    if isinstance(value, ARRAYS):
        tree = classify(value, name, box)
        assert isinstance(tree, Leaf) and isinstance(tree.type, Array)
        return Pooled(Leaf(Array(tree.type.elem, tree.type.rank)))
    if type(value) is tuple:
        return Tuple(tuple(_element(v, f"{name}[{k}]", box) for k, v in enumerate(value)))
    return classify(value, name, box)


def _record(value: object, names: tuple[Any, ...], name: str, box: InBox | None) -> Tree:
    parts = zip(names, parts_of(value, names), strict=True)
    return Record(type(value), names, tuple(classify(v, f"{name}.{n}", box) for n, v in parts))


def _boxing(value: object, name: str) -> InBox:
    """The boxes of the records in a value whose classes hold objects of their own kind."""
    names = recursive.self_holding(value)
    held: recursive.Held = {}
    form: recursive.Form = ()

    def box(v: object) -> Boxed | None:
        return Boxed(names[type(v)], held, form) if type(v) in names else None

    def one(v: Any) -> Tree:
        return _record(v, part_names(v) or (), type(v).__name__, box)

    if not names:
        return box
    try:
        form = recursive.classified(value, names, one)
    except Unlike as error:
        kinds = " and ".join(map(_kind, error.trees))
        raise BorderError(
            "E03",
            f"{name} holds records of one class with {kinds} in one field",
            "give the field one kind of value in all of them",
        ) from None
    held |= {record: (tuple(types_of(tree)), tree) for record, tree in form}
    return box


def _kind(tree: Tree) -> str:
    match tree:
        case Leaf(Array()):
            return "an array"
        case Leaf():
            return "a number"
    return "another value"


def _classify_array(a: np.ndarray[Any, Any], name: str) -> Tree:
    asarray = f"np.asarray({name}, float)" if name.isidentifier() else "np.asarray(x, float)"
    found = f"{name} is an array of {a.dtype} of rank {a.ndim}"
    if a.dtype.kind in "fic" and not a.dtype.isnative:
        raise BorderError("E03", f"{name} is an array of foreign byte order", f"pass {asarray}")
    t = array_type(a)
    if t is None:
        if a.dtype.kind == "c":
            asarray = asarray.replace("float", "complex")
        real = a.dtype.kind in "biufc"
        raise BorderError("E03", found, f"pass {asarray}" if real else "pass an array of float64")
    if not a.flags.aligned or any(n % a.itemsize for n in a.strides):
        raise BorderError("E03", f"{name} is an array that is not aligned", f"pass {name}.copy()")
    return Leaf(t)


def _refused(value: object, name: str) -> BorderError:
    kind = type(value).__name__
    found = f"{name} is {'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
    match value:
        case np.ndarray():
            cure = "pass a plain array: np.asarray(x), or x.filled(...) of a masked one"
        case tuple():
            cure = "pass a plain tuple: tuple(x)"
        case np.complexfloating():
            cure = "pass a complex"
        case dict() | set() | frozenset():
            cure = "pass its values as a tuple"
        case np.generic():
            cure = "pass a float or an int"
        case _ if callable(value):
            cure = CAPTURE
        case _:
            cure = "pass numbers, bools, arrays of numbers, or tuples, lists and records of them"
    return BorderError("E03", found, cure)


def flatten(
    tree: Tree,
    value: Any,
    boxing: Boxing = natively,
    found: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """The leaves of a value that has this structure: float, int, bool, array, box address.

    An argument has the structure that `classify` told; a structure from elsewhere is tested.
    `boxing` makes boxes; within one `found` gives those that it holds.
    """
    match tree:
        case Leaf(Array() as t):
            yield _array(t, value)
        case Leaf(t) if t == F64:
            yield float(value)
        case Leaf(t) if t == BOOL:
            yield bool(value)
        case Leaf(t) if t == C128:
            yield complex(value)
        case Leaf():
            yield int(value)
        case Tuple(kids):
            if not isinstance(value, tuple) or len(value) != len(kids):
                raise BorderError("E03", f"a tuple of {len(kids)} is expected, not {value!r}")
            for kid, v in zip(kids, value, strict=True):
                yield from flatten(kid, v, boxing, found)
        case Record(cls, names, kids):
            if type(value) is not cls:
                raise BorderError("E03", f"a {cls.__name__} is expected, not {value!r}")
            for kid, v in zip(kids, parts_of(value, names), strict=True):
                yield from flatten(kid, v, boxing, found)
        case Sum(kids):
            tag = next((k for k, kid in enumerate(kids) if fits(kid, value)), None)
            if tag is None:
                raise BorderError("E03", f"another kind of value is expected, not {value!r}")
            yield tag
            for k, kid in enumerate(kids):
                yield from flatten(kid, value, boxing, found) if k == tag else nothing(kid)
        case Boxed():
            yield found((tree, value)) if found else boxed(tree, value, boxing)
        case Listed(element):
            yield len(value)
            yield from listed.columns(element, value, lambda t, v: flatten(t, v, boxing, found))
        case Pooled():
            yield value
        case PullbackTree():
            if boxing is natively and not isinstance(value.box, int):
                cure = "take it from a compiled call, not from a stage that was run"
                raise BorderError("E03", "a pullback of the interpreter", cure)
            yield value.box
            yield from value.known
        case Constant():
            pass


def _array(t: Array, value: Any) -> np.ndarray[Any, Any]:
    """An array as compiled code reads it; a copy where it has another type or layout."""
    dtype = DTYPES[t.elem]
    if isinstance(value, np.ndarray) and value.ndim == t.rank:
        if value.dtype == dtype and (t.strided or value.flags.c_contiguous):
            return value
        if element_of(value) == t.elem:
            return np.ascontiguousarray(value, dtype)
    raise BorderError("E03", f"an array of {dtype} of rank {t.rank} is expected, not {value!r}")


def boxed(tree: Boxed, value: Any, boxing: Boxing) -> Any:
    """A record that holds its own class as a box."""

    def pack(make: recursive.Make) -> Any:
        def build(item: tuple[Boxed, Any], found: Callable[[Any], Any]) -> Any:
            part, v = item
            types, inside = part.held[part.record]
            return make(types, list(flatten(inside, v, boxing, found)))

        return recursive.in_order((tree, value), lambda item: id(item[1]), build)

    try:
        return boxing(pack)
    except recursive.Endless:
        kind = type(value).__name__
        raise BorderError(
            "E03", f"a {kind} that is among its own parts", "pass one that has an end"
        ) from None


def fits(tree: Tree, value: object) -> bool:
    """Whether a value is this alternative of several."""
    match tree:
        case Leaf(Array(elem, rank)):
            return (
                isinstance(value, np.ndarray) and value.ndim == rank and element_of(value) == elem
            )
        case Leaf():
            known = (int, float, complex, np.number, np.bool_)
            return isinstance(value, known) and (tree.type == C128 or not np.iscomplexobj(value))
        case Tuple(kids):
            return type(value) is tuple and len(value) == len(kids)
        case Listed():
            return type(value) is list
        case Record(cls, names, _):
            return type(value) is cls and (cls is not dict or part_names(value) == names)
        case Boxed():
            return type(value) is class_in(tree)
        case Constant(known):
            return value is known or (type(value) is type(known) and value == known)
        case PullbackTree():
            return getattr(value, "tree", None) == tree
    return False


def nothing(tree: Tree) -> Iterator[Any]:
    """Leaves that nobody reads."""
    for t in types_of(tree):
        yield no_array(t) if isinstance(t, Array) else None if isinstance(t, Box) else 0


def no_array(t: Array) -> np.ndarray[Any, Any]:
    """What stands for an array that is not there."""
    return np.zeros((0,) * t.rank, DTYPES[t.elem])


def rebuild(
    tree: Tree,
    leaves: Iterator[Any],
    pullback: Callable[[PullbackTree, int, list[Any]], Any],
    found: Callable[[Any], Any] | None = None,
    there: Callable[[Given | Shared], Any] | None = None,
) -> Any:
    """The value whose leaves these are; `pullback` makes one from its box and what is known beside
    it, within a box `found` gives the objects in those that it holds, and `there` gives the records
    that are there already."""
    match tree:
        case Leaf(_, shown):
            leaf = next(leaves)
            return leaf if shown is None else leaf.astype(DTYPES[shown])
        case Tuple(kids):
            return tuple([rebuild(kid, leaves, pullback, found, there) for kid in kids])
        case Record(cls, names, kids):
            parts = [rebuild(kid, leaves, pullback, found, there) for kid in kids]
            return made_of(cls, names, parts)
        case Sum(kids):
            tag, made = next(leaves), None
            for k, kid in enumerate(kids):
                own = [next(leaves) for _ in types_of(kid)]
                if k == tag:
                    made = rebuild(kid, iter(own), pullback, found, there)
            return made
        case Listed(element):
            n = next(leaves)
            if element is None:
                return []
            at = listed.rows(
                element, leaves, lambda t, own: rebuild(t, own, pullback, found, there)
            )
            return [at(k) for k in range(n)]
        case Pooled():
            return next(leaves)
        case PullbackTree():
            box = next(leaves)
            return pullback(tree, box, [next(leaves) for _ in tree.known])
        case Boxed():
            if found is not None:
                return found((tree, next(leaves)))
            return recursive.opened(
                tree, next(leaves), lambda t, own, inner: rebuild(t, own, pullback, inner)
            )
        case Moved():
            return recursive.moved(tree, next(leaves), next(leaves))
        case Given() | Shared():
            assert there is not None, "see `identity.finish`"
            return there(tree)
        case Updated():
            raise AssertionError("a result that writes: see `identity.finish`")
        case Constant(value):
            return value
