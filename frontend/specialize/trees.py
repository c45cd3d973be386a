"""Types of abstract values and the trees of the public border, both ways."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...ir.core import Literal, Loc, Module
from ...ir.parts import part_names, parts_in
from ...ir.structure import (
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
)
from ...ir.structure import leaf_types as types_in
from ...ir.types import BOOL, C128, F64, I64, Array, Box, Scalar, Type, array_type, cotangent_type
from ..classes import field_names
from ..errors import Error
from ..resolve import pullback_tree
from . import slots
from .boxes import Held, noted
from .joins import head, join
from .references import bare, places
from .values import Pull, T, leaf_types, static, typ


def type_of_tree(tree: Tree) -> T:
    match tree:
        case Leaf(Array() as t):
            return T("array", None, (), (t,))
        case Leaf(t):
            return T("num", None, (), (t,))
        case Tuple(kids):
            return T("tuple", None, tuple([type_of_tree(k) for k in kids]))
        case Record(cls, names, kids):
            parts = tuple([type_of_tree(k) for k in kids])
            if cls in (dict, list):
                return T(cls.__name__, names if cls is dict else None, parts)
            return T("record", cls, parts)
        case Sum(kids):
            return T("sum", None, tuple([type_of_tree(k) for k in kids]), (I64,))
        case Constant(value):
            return typ(static(value))
        case Pooled(kid):
            if isinstance(kid, Leaf):
                assert isinstance(kid.type, Array)
                return slots.slot_type(slots.Slot(kid.type))
            inside = None if kid.element is None else type_of_tree(kid.element)
            return slots.slot_type(slots.Slot(None, inside))
        case Listed(element):
            inner = None if element is None else type_of_tree(element)
            return T("vector", inner, (), tuple(types_in(tree)))
        case Boxed() | Moved():
            raise Error(
                "E03",
                None,
                "a pullback that takes or gives a record which holds its own class",
                "the record's boxes are those of the program that made the pullback",
                "call `vjp` inside the compiled function",
            )
        case Updated(result):
            return type_of_tree(result)
        case Given() | Shared():
            return typ(static(tree))
        case PullbackTree(record, primal, results, rest, spread, known):
            info = Pull(record, type_of_tree(primal), rest, type_of_tree(results), spread)
            beside = tuple([T("leaf", None, (), (t,)) for t in known])
            return T("pullback", info, beside, (Box(record),))


class Entering:
    """Types of arguments, in which records that hold their own class come in boxes."""

    def __init__(self, boxes: dict[Any, Held], module: Module, trees: Sequence[Tree]) -> None:
        self.boxes, self.module = boxes, module
        for tree in trees:
            self.note(tree)

    def note(self, tree: Tree) -> None:
        """Give a box to each class that holds itself in an argument."""
        match tree:
            case Tuple(kids) | Record(_, _, kids) | Sum(kids):
                for kid in kids:
                    self.note(kid)
            case Boxed(_, held):
                kinds = [self.plain(inside) for _, inside in held.values()]
                new = {head(t): t for t in kinds if head(t) not in self.boxes}
                if new:
                    noted(self.boxes, new)
                for _, inside in held.values():
                    self.type(inside)

    def plain(self, tree: Tree) -> T:
        assert isinstance(tree, Record)
        return T("record", tree.cls)

    def type(self, tree: Tree) -> T:
        match tree:
            case Boxed(record, structures):
                return self.boxed(self.boxes[head(self.plain(structures[record][1]))])
            case Tuple(kids):
                return T("tuple", None, tuple([self.type(k) for k in kids]))
            case Sum(kids):
                return reduce(join, [self.type(k) for k in kids])
            case Record(cls, names, kids) if cls is not list:
                parts = tuple([self.type(k) for k in kids])
                t = T("dict", names, parts) if cls is dict else T("record", cls, parts)
                held = self.boxes.get(head(t))
                return t if held is None else self.widened(held, parts)
        return type_of_tree(tree)

    def widened(self, held: Held, parts: tuple[T, ...]) -> T:
        """The type of a box, which holds such parts, too."""
        held.widened(tuple(map(bare, parts)), None)
        self.module.records[held.record] = held.content
        return self.boxed(held)

    def boxed(self, held: Held) -> T:
        nobody = [T("undef") for _ in places(self.boxes, held.key)]
        return T("boxed", held.key, tuple(nobody), (Box(held.record),))


class Boxes:
    """The structures of what boxes hold, by record; a structure may hold its own box."""

    def __init__(self, kinds: Mapping[Any, Held]) -> None:
        self.kinds = kinds
        self.held: dict[str, tuple[tuple[Type, ...], Tree]] = {}

    def boxed(self, key: Any) -> Boxed:
        held = self.kinds[key]
        assert held.kids is not None
        if held.record not in self.held:
            types = held.content.types
            self.held[held.record] = types, Constant(None)  # taken, while its parts are found
            self.held[held.record] = types, tree_of(T(held.kind, held.info, held.kids), self)
        return Boxed(held.record, self.held)


def shown_as(t: T) -> Scalar | None:
    """The type of elements that Python sees, where it is another than compiled code has."""
    return t.info if t.kind == "array" and isinstance(t.info, Scalar) else None


def tree_of(t: T, boxes: Boxes | None = None) -> Tree:
    """The structure of a value at the border; TypeError where Python cannot have it."""
    if t.kind in ("num", "array"):
        return (
            Constant(t.info.value)
            if t.kind == "num" and isinstance(t.info, Literal)
            else Leaf(t.leaves[0], shown_as(t))
        )
    if t.kind == "tuple" and t.info is not None:
        result, *others = [tree_of(k, boxes) for k in t.kids]
        count = len(t.info)
        changed = [r for r in others[:count] if isinstance(r, (Record, Leaf, Listed))]
        shared = [r for r in others[count:] if isinstance(r, Record)]
        return Updated(result, tuple(zip(t.info, changed, strict=True)), tuple(shared))
    if t.kind == "tuple":
        return Tuple(tuple([tree_of(k, boxes) for k in t.kids]))
    if t.kind in ("record", "dict", "list"):
        parts = tuple([tree_of(k, boxes) for k in t.kids])
        if t.kind == "record":
            return Record(t.info, field_names(t.info), parts)
        return Record({"dict": dict, "list": list}[t.kind], t.info or (), parts)
    if t.kind == "sum":
        return Sum(tuple([tree_of(k, boxes) for k in t.kids]))
    if t.kind == "boxed" and boxes is not None and t.info[0] == "record":
        return boxes.boxed(t.info)
    if t.kind == "boxed" and boxes is not None and t.info[0] == "ct":
        return Moved(boxes.boxed(t.info[1]))
    if t.kind == "vector":
        return Listed(None if t.info is None else tree_of(t.info, boxes))
    if t.kind == "slot":
        slot: slots.Slot = t.info
        if slot.array is not None:
            return Pooled(Leaf(slot.array))
        return Pooled(Listed(None if slot.element is None else tree_of(slot.element, boxes)))
    if t.kind == "const":
        return t.info if isinstance(t.info, (Given, Shared)) else Constant(t.info)
    if t.kind == "pullback":
        info: Pull = t.info
        rest = tuple([c for x in info.rest if (c := cotangent_type(x)) is not None])
        return PullbackTree(
            info.record,
            tree_of(info.primal, boxes),
            tree_of(info.results, boxes),
            rest,
            info.spread,
            tuple([x for k in t.kids for x in leaf_types(k)]),
        )
    if t.kind == "undef":
        return Constant(None)
    raise TypeError(t.kind)


def contiguous(tree: Tree) -> Tree:
    """The structure with arrays copied into one piece where they have strides."""
    match tree:
        case Leaf(Array(elem, rank, True)):
            return Leaf(Array(elem, rank))
        case Tuple(kids):
            return Tuple(tuple([contiguous(k) for k in kids]))
        case Record(cls, names, kids):
            return Record(cls, names, tuple([contiguous(k) for k in kids]))
        case Sum(kids):
            return Sum(tuple([contiguous(k) for k in kids]))
    return tree


def tree_of_value(value: Any, name: str, loc: Loc) -> Tree:
    """The structure of a hidden number, array or pullback, or of a structure of those."""
    tree = pullback_tree(value)
    if tree is not None:
        return tree
    if isinstance(value, np.ndarray) and (array := array_type(value)) is not None:
        return Leaf(array)
    if isinstance(value, (bool, np.bool_)):
        return Leaf(BOOL)
    if isinstance(value, (int, np.integer)):
        return Leaf(I64)
    if isinstance(value, (float, np.floating)):
        return Leaf(F64)
    if isinstance(value, (complex, np.complex128)):
        return Leaf(C128)
    if value is None or isinstance(value, (str, enum.Enum)):
        return Constant(value)
    parts = parts_in(value)
    if parts is not None:
        kids = tuple([tree_of_value(v, name, loc) for v in parts])
        names = part_names(value)
        return Tuple(kids) if names is None else Record(type(value), names, kids)
    kind = f"a {type(value).__name__}"
    if isinstance(value, np.ndarray):
        kind = f"an array of {value.dtype} with {value.ndim} axes"
    raise Error(
        "E03",
        loc,
        f"the variable `{name}`, which is {kind}",
        "what comes from outside is a number, or an array of numbers or bools",
        "convert it outside, such as `np.asarray(x, dtype=float)`",
    )
