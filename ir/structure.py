"""The structure of arguments and results at the public border.

In typed IR everything is flattened to leaves; a `Tree` says how leaves make up a Python value.

    Leaf(F64)                       one SSA value
    Tuple((Leaf(F64), Leaf(I64)))   a tuple
    Record(Point, ("x", "y"), ...)  a dataclass or NamedTuple; a dict by its keys; a list
    Sum((Leaf(F64), Constant(None)))  one of several, an i64 tag says which; leaves of all of them
    Boxed("Node", ...)              one leaf, box<@Node>: a record that holds its own class
    Moved(Boxed(...))               its cotangent: the box, which says what stands where, and the
                                    box of cotangents, where null is zero
    Constant(None)                  no leaf: the value is known (None, a string, a function)
    Given((0, 1))                   no leaf: the record that the arguments hold there, itself
    Shared(0)                       no leaf: a record that stands at several places of a result
    Listed(Leaf(F64))               a list of any length: its length, an array for each leaf of an
                                    element; arrays and lists among them are `Pooled`
    PullbackTree(...)               one leaf, box<@f.pullback>, and what calling it takes and gives
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .types import I64, NARROW, Array, Box, Scalar, Type, cotangent_type


@dataclass(frozen=True)
class Leaf:
    """One leaf; an array may have elements of another type in Python: a cotangent by float32."""

    type: Type
    shown: Scalar | None = None


@dataclass(frozen=True)
class Tuple:
    kids: tuple[Tree, ...]


@dataclass(frozen=True)
class Record:
    """A record by its fields, a dict by its keys, a list (without names)."""

    cls: type
    names: tuple[Any, ...]
    kids: tuple[Tree, ...]


@dataclass(frozen=True)
class Sum:
    """One of several structures: a tag, then the leaves of all, those of the others zero."""

    kids: tuple[Tree, ...]


@dataclass(frozen=True)
class Boxed:
    """A record that holds its own class: one leaf, `box<@record>`.

    `held` says for each such record which leaves its boxes hold and what they make up; `form` says
    the same where the outermost of them is compared with another.
    """

    record: str
    held: Mapping[str, tuple[tuple[Type, ...], Tree]] = field(compare=False, repr=False)
    form: tuple[tuple[str, Tree], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Moved:
    """The cotangent of a value that holds its own class, in that value's structure."""

    primal: Boxed


@dataclass(frozen=True)
class Listed:
    """A list of any length: its length, then an array for each leaf of its elements."""

    element: Tree | None  # None: it is empty


@dataclass(frozen=True)
class Pooled:
    """An array or list among the elements of a `Listed`: one leaf, a handle into a pool.

    The pools of a list are more leaves of it, after its columns: see `pool_types`.
    """

    kid: Leaf | Listed


@dataclass(frozen=True)
class Constant:
    value: Any


@dataclass(frozen=True)
class PullbackTree:
    """A pullback: `box<@record>`; takes a cotangent of `primal`, gives the trees of `results`.

    `results` is a Tuple of the structures of the differentiated arguments, or, where `single`,
    that of the one argument itself.  `known` are leaves beside the box: what the results have of
    the arguments themselves, such as which of several alternatives they are.
    """

    record: str
    primal: Tree
    results: Tree
    rest: tuple[Type, ...] = ()  # cotangents that are zero: of what f gives beside `primal`
    spread: bool = False  # a pushforward: the parts of the one tuple are its arguments
    known: tuple[Type, ...] = ()


Way = tuple[int, ...]  # to a record among the arguments: which argument, which part of it, ...
Aliases = tuple[tuple[Way, Way], ...]  # records met again, and the ways by which they were first


@dataclass(frozen=True)
class Given:
    """In a result: a record among the arguments, the very object."""

    way: Way


@dataclass(frozen=True)
class Shared:
    """In a result: one object that stands at several places, by its number in `Updated.shared`."""

    number: int


class Kept:
    """What stands for a field that a call has not written."""

    def __repr__(self) -> str:
        return "kept"


KEPT = Kept()


@dataclass(frozen=True)
class Updated:
    """A result, and what the call has written into records among its arguments.

    Each write is the way to a record and its new fields, `Constant(KEPT)` where one is as before;
    or the way to an array, and what it holds now.  `shared` are the records that stand at several
    places of these.  It holds where the arguments are one object at these `aliases`, and nowhere
    else.
    """

    result: Tree
    writes: tuple[tuple[Way, Record | Leaf | Listed], ...]
    shared: tuple[Record, ...] = ()
    aliases: Aliases = ()


Tree = (
    Leaf
    | Tuple
    | Record
    | Sum
    | Listed
    | Pooled
    | Boxed
    | Moved
    | Constant
    | Given
    | Shared
    | PullbackTree
    | Updated
)


def leaf_types(tree: Tree) -> Iterator[Type]:
    """Types of the leaves, left to right."""
    match tree:
        case Leaf(t):
            yield t
        case Tuple(kids) | Record(_, _, kids):
            for kid in kids:
                yield from leaf_types(kid)
        case Sum(kids):
            yield I64
            for kid in kids:
                yield from leaf_types(kid)
        case Listed(element):
            yield I64
            yield from list_types(element)
        case Pooled():
            yield I64
        case Boxed(record):
            yield Box(record)
        case Moved(primal):
            yield Box(primal.record)
            yield Box(primal.record + ".ct")
        case PullbackTree(record):
            yield Box(record)
            yield from tree.known
        case Updated(result, writes, shared):
            yield from leaf_types(result)
            for part in (*[written for _, written in writes], *shared):
                yield from leaf_types(part)


def list_types(element: Tree | None) -> Iterator[Type]:
    """The leaves of a list after its length: a column for each leaf of an element, then pools."""
    if element is None:
        return
    for t in leaf_types(element):
        assert isinstance(t, Scalar)
        yield Array(t, 1)
    for pooled in pooled_in(element):
        yield from pool_types(pooled)


def pool_types(pooled: Pooled) -> Iterator[Type]:
    """Of arrays: count, used, starts, lengths by axis, data; of lists: count, used, starts,
    lengths, rooms, columns, pools."""
    ints = Array(I64, 1)
    yield from (I64, I64, ints)
    if isinstance(pooled.kid, Listed):
        yield from (ints, ints)
        yield from list_types(pooled.kid.element)
        return
    t = pooled.kid.type
    assert isinstance(t, Array)
    yield from (ints,) * t.rank
    yield Array(t.elem, 1)


def pooled_in(tree: Tree) -> Iterator[Pooled]:
    """The arrays and lists in the structure of an element, in order."""
    match tree:
        case Pooled():
            yield tree
        case Tuple(kids) | Record(_, _, kids) | Sum(kids):
            for kid in kids:
                yield from pooled_in(kid)


def is_cotangent(t: Type) -> bool:
    """Whether a leaf of a derivative is one by itself, and not what it has of its primal."""
    return t.record.endswith(".ct") if isinstance(t, Box) else cotangent_type(t) is not None


def merged(types: Iterable[Type], cts: Iterable[Any], known: Iterable[Any]) -> list[Any]:
    """Leaves of a derivative: cotangents, and what it has of its primal (tags and boxes)."""
    left, own = iter(cts), iter(known)
    return [next(left if is_cotangent(t) else own) for t in types]


def cotangent_tree(tree: Tree) -> Tree:
    """The structure of a cotangent: a leaf that carries none becomes None."""
    match tree:
        case Leaf(t):
            c = cotangent_type(t)
            if isinstance(t, Array) and c is not None:
                return Leaf(c, t.elem if t.elem in NARROW else None)
            return Constant(None) if c is None else Leaf(c)
        case Tuple(kids):
            return Tuple(tuple(cotangent_tree(k) for k in kids))
        case Record(cls, names, kids):
            return Record(cls, names, tuple(cotangent_tree(k) for k in kids))
        case Sum(kids):
            return Tuple(tuple(cotangent_tree(k) for k in kids))
        case Listed():  # a buffer for each float of an element
            kinds = map(cotangent_type, leaf_types(tree))
            return Tuple(tuple(Leaf(c) for c in kinds if c is not None))
        case Boxed(record):
            return Boxed(record.removesuffix(".ct") + ".ct", {})
        case Moved(primal):  # what stands where has no part in it: null
            return Tuple((Boxed(primal.record + ".ct", {}),) * 2)
        case _:
            return Constant(None)
