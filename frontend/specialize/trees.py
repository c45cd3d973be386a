"""Types of abstract values and the trees of the public border, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.core import Loc
from ...ir.structure import Constant, Leaf, PullbackTree, Tree, Tuple
from ...ir.types import BOOL, F64, I64, Array, Box
from ..errors import Error
from ..resolve import pullback_tree
from .values import Pull, T, static, typ


def type_of_tree(tree: Tree) -> T:
    match tree:
        case Leaf(Array() as t):
            return T("array", None, (), (t,))
        case Leaf(t):
            return T("num", None, (), (t,))
        case Tuple(kids):
            return T("tuple", None, tuple([type_of_tree(k) for k in kids]))
        case Constant(value):
            return typ(static(value))
        case PullbackTree(record, primal, results):
            return T(
                "pullback",
                Pull(record, type_of_tree(primal), (), type_of_tree(results)),
                (),
                (Box(record),),
            )


def tree_of(t: T) -> Tree:
    """The structure of a value at the border; TypeError where Python cannot have it."""
    if t.kind in ("num", "array"):
        return (
            Constant(t.info.value) if t.kind == "num" and t.info is not None else Leaf(t.leaves[0])
        )
    if t.kind == "tuple":
        return Tuple(tuple([tree_of(k) for k in t.kids]))
    if t.kind == "const":
        return Constant(t.info)
    if t.kind == "pullback":
        info: Pull = t.info
        if info.rest:
            raise TypeError("a pullback of a function that changes variables around it")
        return PullbackTree(info.record, tree_of(info.primal), tree_of(info.results))
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
