"""Calls whose arguments overlap in memory, of functions that write into them.

    shift(x[1:], x[:-1])        x[1:] and x[:-1] are views of one array, as in Python

Native code takes it that arguments are apart.  Where they are not, the function is compiled once
more, for the memory that they share: one array of one axis, `base`, and of each argument where it
begins, its shape and its strides (`on_parts`).  So a write to one is seen by the others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from .frontend.prelude.calling import Part
from .ir.structure import Leaf, Tree, Updated
from .ir.types import array_type

Array = np.ndarray[Any, Any]


def written(tree: Tree, args: Sequence[Any]) -> list[Array]:
    """The arguments, arrays themselves, that a call writes."""
    writes = tree.writes if isinstance(tree, Updated) else ()
    return [args[way[0]] for way, kid in writes if isinstance(kid, Leaf) and len(way) == 1]


def overlapping(tree: Tree, args: Sequence[Any]) -> list[int]:
    """Which arguments lie in the memory of one that is written, together with it.

    None where there is no more than one, and where they are of several types or not aligned:
    such a call is refused (see `identity.refuse_unwritable`).
    """
    targets = [a for a in written(tree, args) if a.size and a.flags.writeable]
    places = [k for k, a in enumerate(args) if isinstance(a, np.ndarray) and a.size]
    for target in targets:
        others = [args[k] for k in places if np.shares_memory(args[k], target)]
        if len(others) < 2:
            continue
        low, high = bounds(target)
        mine: list[int] = []
        while True:  # what lies between two of them is of the one array, too
            found = [k for k in places if within(args[k], low, high)]
            if found == mine:
                break
            mine = found
            ends = [bounds(args[k]) for k in mine]
            low, high = min(a for a, _ in ends), max(b for _, b in ends)
        if all(alike(args[k], target, low) for k in mine):
            return mine
    return []


def within(a: Array, low: int, high: int) -> bool:
    begin, end = bounds(a)
    return begin < high and low < end


def alike(a: Array, b: Array, low: int) -> bool:
    size = a.itemsize
    aligned = not any(n % size for n in a.strides) and (bounds(a)[0] - low) % size == 0
    return a.dtype == b.dtype and aligned and array_type(a) is not None


def in_parts(args: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """The arguments of a function that `on_parts` has made: the memory that these are parts of, as
    an array that lives as long as they do, and all arguments, those among them as parts."""
    arrays = {k: args[k] for k in places}
    ends = [bounds(a) for a in arrays.values()]
    low, high = min(begin for begin, _ in ends), max(end for _, end in ends)
    dtype = args[places[0]].dtype
    memory: Any = (ctypes.c_char * (high - low)).from_address(low)
    base: Array = np.frombuffer(memory, dtype)
    parts = {
        k: Part((address(a) - low) // dtype.itemsize, a.shape, a.strides) for k, a in arrays.items()
    }
    return [base, *[parts.get(k, a) for k, a in enumerate(args)]]


def address(a: Array) -> int:
    found: int = a.__array_interface__["data"][0]
    return found


def bounds(a: Array) -> tuple[int, int]:
    """The first byte of an array that has elements, and the first beyond it."""
    spans = [(n - 1) * step for n, step in zip(a.shape, a.strides, strict=True)]
    below, above = sum(min(0, n) for n in spans), sum(max(0, n) for n in spans)
    return address(a) + below, address(a) + above + a.itemsize
