"""Records that hold their own class, at the border: Python objects to boxes, and back.

A box is an address of eight-byte slots, or, in the interpreter, the tuple of its leaves; null is 0
or None.  Every walk has a stack of its own, so a long list needs no deep recursion.  An object met
twice is one box, and a box met twice is one object.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ..ir.parts import made_of, parts_in
from ..ir.structure import (
    Boxed,
    Leaf,
    Moved,
    PullbackTree,
    Record,
    Sum,
    Tree,
    Tuple,
    leaf_types,
)
from ..ir.types import F64, Type, cotangent_type
from ..ir.widen import apart, joined
from .layout import SLOT
from .leaves import from_words, slots, to_words

Names = dict[type, str]  # the records that are boxes
Held = dict[str, tuple[tuple[Type, ...], Tree]]
Form = tuple[tuple[str, Tree], ...]
Make = Callable[[Sequence[Type], list[Any]], Any]  # a box of these leaves
CHUNK = 1 << 16


class Endless(Exception):
    """An object among the parts of itself."""


# ---- what structure an argument has -------------------------------------------------------------


def self_holding(value: object) -> Names:
    """The classes of records in a value that reach objects of their own class, with names."""
    edges: dict[type, set[type]] = {}
    seen: set[tuple[int, type | None]] = set()
    stack: list[tuple[type | None, Any]] = [(None, value)]
    while stack:
        owner, part = stack.pop()
        kids, kind = parts_in(part), type(part)
        if kids is None:
            continue
        if kind not in (tuple, dict):
            if owner is not None:
                edges[owner].add(kind)
            owner = kind
            edges.setdefault(kind, set())
        if (id(part), owner) not in seen:
            seen.add((id(part), owner))
            stack += [(owner, kid) for kid in kids]
    names: Names = {}
    for cls in sorted(edges, key=lambda c: (c.__module__, c.__qualname__)):
        if cls in reached(cls, edges):
            names[cls] = apart(cls.__name__, names.values())
    return names


def reached(start: type, edges: dict[type, set[type]]) -> set[type]:
    found: set[type] = set()
    work = [start]
    while work:
        more = edges[work.pop()] - found
        found |= more
        work += more
    return found


def classified(value: object, names: Names, one: Callable[[Any], Tree]) -> Form:
    """For each record the structure of all its objects in a value, joined.

    `one` gives that of one object, in which objects of these classes are boxes.
    """
    trees: dict[str, Tree] = {}
    seen = {id(value)}
    stack = [value]
    while stack:
        holder = stack.pop()
        name = names.get(type(holder))
        if name is not None:
            tree = one(holder)
            trees[name] = joined(trees[name], tree) if name in trees else tree
        for part in parts_in(holder) or ():
            if id(part) not in seen and parts_in(part) is not None:
                seen.add(id(part))
                stack.append(part)
    return tuple(sorted(trees.items(), key=lambda pair: pair[0]))


# ---- one walk over what boxes hold ---------------------------------------------------------------


def in_order(
    root: Any, key: Callable[[Any], Hashable], build: Callable[[Any, Callable[[Any], Any]], Any]
) -> Any:
    """What `build` makes of an item, given what it makes of the items inside, asked by `found`."""
    made: dict[Hashable, Any] = {}
    entered: set[Hashable] = set()
    stack = [root]
    while stack:
        item = stack[-1]
        if key(item) in made:
            stack.pop()
            continue
        missing: list[Any] = []

        def found(inner: Any, missing: list[Any] = missing) -> Any:
            if key(inner) not in made:
                missing.append(inner)
            return made.get(key(inner))

        value = build(item, found)
        if not missing:
            made[key(item)] = value
            stack.pop()
            continue
        entered.add(key(item))
        if not entered.isdisjoint(map(key, missing)):
            raise Endless
        stack += missing
    return made[key(root)]


# ---- into boxes ---------------------------------------------------------------------------------


class Address(int):
    """Where a box stands, in memory that lives as long as this."""

    memory: Memory


class Memory:
    """Native boxes, made one after the other."""

    def __init__(self) -> None:
        self.chunks: list[Any] = []
        self.arrays: list[Any] = []
        self.at = self.end = 0

    def __call__(self, types: Sequence[Type], leaves: list[Any]) -> int:
        for k, x in enumerate(leaves):
            if isinstance(x, np.ndarray):  # nobody can change it under a pullback
                leaves[k] = np.array(x)
                self.arrays.append(leaves[k])
        layout = slots(tuple(types))
        size = max(layout.size, SLOT)
        if self.at + size > self.end:
            chunk = (ctypes.c_int64 * (max(CHUNK, size) // SLOT))()
            self.chunks.append(chunk)
            self.at = ctypes.addressof(chunk)
            self.end = self.at + ctypes.sizeof(chunk)
        given = [w for t, v in zip(types, leaves, strict=True) for w in to_words(t, v)]
        start, self.at = self.at, self.at + size
        ctypes.memmove(start, layout.pack(*given), layout.size)
        return start


def natively(pack: Callable[[Make], Any]) -> Any:
    """A box in memory of its own; `pack` makes it."""
    memory = Memory()
    at = pack(memory)
    if at is None:
        return None
    made = Address(at)
    made.memory = memory
    return made


def interpreted(pack: Callable[[Make], Any]) -> Any:
    """A box as the interpreter has it."""
    return pack(lambda types, leaves: tuple(leaves))


Boxing = Callable[[Callable[[Make], Any]], Any]


# ---- out of boxes -------------------------------------------------------------------------------


def opened(
    tree: Boxed, box: Any, rebuild: Callable[[Tree, Iterator[Any], Callable[[Any], Any]], Any]
) -> Any:
    """The object in a box; `rebuild` puts one together, given what stands in the boxes it holds."""

    def build(item: tuple[Boxed, Any], found: Callable[[Any], Any]) -> Any:
        part, at = item
        types, inside = part.held[part.record]
        return rebuild(inside, iter(leaves(types, at)), found)

    return in_order((tree, box), lambda item: key(item[1]), build)


def moved(tree: Moved, box: Any, ct: Any) -> Any:
    """The cotangent of the object in a box: None where it holds no float; null is zero."""

    def build(item: tuple[Boxed, Any, Any], found: Callable[[Any], Any]) -> Any:
        part, at, moves = item
        types, inside = part.held[part.record]
        kinds = [c for c in map(cotangent_type, types) if c is not None]
        cts = iter(leaves(kinds, moves)) if moves else None
        return paired(inside, iter(leaves(types, at)), cts, found)

    def one(item: tuple[Boxed, Any, Any]) -> Hashable:
        return key(item[1]), key(item[2])

    return in_order((tree.primal, box, ct), one, build)


def paired(
    tree: Tree,
    primal: Iterator[Any],
    cts: Iterator[Any] | None,
    found: Callable[[Any], Any],
) -> Any:
    """A cotangent with the structure of its primal."""

    def inside(kid: Tree) -> Any:
        return paired(kid, primal, cts, found)

    match tree:
        case Leaf(t):
            x = next(primal)
            if cotangent_type(t) is None:
                return None
            if cts is not None:
                return next(cts)
            return 0.0 if t == F64 else np.zeros(len(x))
        case Tuple(kids):
            return tuple(map(inside, kids))
        case Record(cls, names, kids):
            return made_of(cls, names, list(map(inside, kids)))
        case Sum(kids):
            tag, out = next(primal), None
            for k, kid in enumerate(kids):
                types = list(leaf_types(kid))
                own = iter(list(islice(primal, len(types))))
                count = sum(cotangent_type(t) is not None for t in types)
                moves = None if cts is None else iter(list(islice(cts, count)))
                if k == tag:
                    out = paired(kid, own, moves, found)
            return out
        case Boxed():
            return found((tree, next(primal), None if cts is None else next(cts)))
        case Moved(inner):
            at, _ = next(primal), next(primal)
            moves = None if cts is None else [next(cts), next(cts)][1]
            return found((inner, at, moves))
        case PullbackTree():
            for t in leaf_types(tree):
                next(primal)
                if cts is not None and cotangent_type(t) is not None:
                    next(cts)
    return None


def key(box: Any) -> Hashable:
    return box if isinstance(box, int) else id(box)


def leaves(types: Sequence[Type], box: Any) -> list[Any]:
    """What a box holds; arrays are copied."""
    if not isinstance(box, int):
        return [np.array(x) if isinstance(x, np.ndarray) else x for x in box]
    layout = slots(tuple(types))
    left = iter(layout.unpack(ctypes.string_at(box, layout.size)))
    return [from_words(t, left, {}) for t in types]
