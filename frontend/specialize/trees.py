"""Types of abstract values and the trees of the public border, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...ir.core import Loc
from ...ir.structure import Boxed, Constant, Leaf, PullbackTree, Record, Sum, Tree, Tuple, Updated
from ...ir.types import BOOL, F64, I64, Array, Box, Type, cotangent_type
from ..classes import field_names
from ..errors import Error
from ..resolve import pullback_tree
from .boxes import Held
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
        case Boxed(record, held):  # only within a pullback: no argument comes in a box
            content = held[record][1]
            assert isinstance(content, Record)
            return T("boxed", ("record", content.cls), (), (Box(record),))
        case Updated(result, _):
            return type_of_tree(result)
        case PullbackTree(record, primal, results, rest, spread):
            return T(
                "pullback",
                Pull(record, type_of_tree(primal), rest, type_of_tree(results), spread),
                (),
                (Box(record),),
            )


class Boxes:
    """The structures of what boxes hold, by record; a structure may hold its own box."""

    def __init__(self, kinds: Mapping[Any, Held]) -> None:
        self.kinds = kinds
        self.held: dict[str, tuple[tuple[Type, ...], Tree]] = {}

    def tree(self, t: T) -> Tree:
        held = self.kinds[t.info]
        assert held.kids is not None
        if held.record not in self.held:
            types = tuple([x for k in held.kids for x in leaf_types(k)])
            self.held[held.record] = types, Constant(None)  # taken, while its parts are found
            self.held[held.record] = types, tree_of(T(held.kind, held.info, held.kids), self)
        return Boxed(held.record, self.held)


def tree_of(t: T, boxes: Boxes | None = None) -> Tree:
    """The structure of a value at the border; TypeError where Python cannot have it."""
    if t.kind in ("num", "array"):
        return (
            Constant(t.info.value) if t.kind == "num" and t.info is not None else Leaf(t.leaves[0])
        )
    if t.kind == "tuple" and t.info is not None:
        result, *writes = [tree_of(k, boxes) for k in t.kids]
        ways = zip(t.info, writes, strict=True)
        return Updated(result, tuple([(w, r) for w, r in ways if isinstance(r, Record)]))
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
        return boxes.tree(t)
    if t.kind == "const":
        return Constant(t.info)
    if t.kind == "pullback":
        info: Pull = t.info
        if t.kids:
            raise TypeError("a pullback to an argument that is one of several kinds of values")
        rest = tuple([c for x in info.rest if (c := cotangent_type(x)) is not None])
        return PullbackTree(
            info.record,
            tree_of(info.primal, boxes),
            tree_of(info.results, boxes),
            rest,
            info.spread,
        )
    if t.kind == "undef":
        return Constant(None)
    raise TypeError(t.kind)


def tree_of_value(value: Any, name: str, loc: Loc) -> Tree:
    """The structure of a hidden number, array or pullback."""
    tree = pullback_tree(value)
    if tree is not None:
        return tree
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype == np.float64:
        return Leaf(Array(F64, 1, not value.flags.c_contiguous))
    if isinstance(value, (bool, np.bool_)):
        return Leaf(BOOL)
    if isinstance(value, (int, np.integer)):
        return Leaf(I64)
    if isinstance(value, (float, np.floating)):
        return Leaf(F64)
    kind = f"a {type(value).__name__}"
    if isinstance(value, np.ndarray):
        kind = f"an array of {value.dtype} with {value.ndim} axes"
    raise Error(
        "E03",
        loc,
        f"the variable `{name}`, which is {kind}",
        "what comes from outside is a number or a 1-D array of float64 so far",
        "convert it outside, such as `np.asarray(x, dtype=float)`",
    )
