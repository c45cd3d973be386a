"""Recursive records at the border: from boxes to Python objects.

A box is an address of eight-byte slots, or, in the interpreter, the tuple of its leaves; null is 0
or None.  A box met twice is one object.  The walk has a stack of its own, so a long list needs no
deep recursion.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from ..ir.structure import Boxed, Tree
from ..ir.types import BOOL, F64, Array, Type
from .layout import SLOT, words

Rebuild = Callable[[Tree, Iterator[Any], Callable[[Boxed, Any], Any]], Any]


def opened(tree: Boxed, box: Any, rebuild: Rebuild) -> Any:
    """The object in a box; `rebuild` puts one together, given what stands in the boxes it holds."""
    made: dict[Any, Any] = {}
    stack = [(tree, box)]
    while stack:
        part, at = stack[-1]
        if key(at) in made:
            stack.pop()
            continue
        inner: list[tuple[Boxed, Any]] = []

        def found(t: Boxed, b: Any, inner: list[tuple[Boxed, Any]] = inner) -> Any:
            if key(b) not in made:
                inner.append((t, b))
            return made.get(key(b))

        value = rebuild(part.held[part.record][1], iter(leaves(part, at)), found)
        if inner:
            stack += inner
        else:
            made[key(at)] = value
            stack.pop()
    return made[key(box)]


def key(box: Any) -> Any:
    return box if isinstance(box, int) else id(box)


def leaves(tree: Boxed, box: Any) -> list[Any]:
    """What a box holds."""
    if not isinstance(box, int):
        return list(box)
    out, at = [], box
    for t in tree.held[tree.record][0]:
        out.append(slot(t, at))
        at += SLOT * len(words(t))
    return out


def slot(t: Type, at: int) -> Any:
    """One leaf at an address; arrays are copied."""
    if t == F64:
        return ctypes.c_double.from_address(at).value
    if isinstance(t, Array):
        from .invoke import _from_words

        count = len(words(t))
        return _from_words(t, iter((ctypes.c_int64 * count).from_address(at)))
    value = ctypes.c_int64.from_address(at).value
    return bool(value) if t == BOOL else value
