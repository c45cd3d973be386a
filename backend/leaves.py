"""Leaves as the eight-byte slots of native code, in which arguments, results and boxes stand."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..ir.types import BOOL, F64, Array, Type
from .box import DTYPES
from .layout import SIZES, words


@functools.lru_cache(maxsize=1024)
def slots(types: tuple[Type, ...]) -> struct.Struct:
    """The eight-byte slots of leaves: a float as a double, all else as an int."""
    return struct.Struct("=" + "".join("d" if t == F64 else "q" * len(words(t)) for t in types))


def to_words(t: Type, value: Any) -> tuple[Any, ...]:
    """A leaf as slots."""
    if isinstance(t, Array):
        data = value.__array_interface__["data"][0]
        return (data, len(value), value.strides[0] // 8) if t.strided else (data, len(value))
    return (0 if value is None else value,)  # no box


def from_words(t: Type, left: Iterator[Any]) -> Any:
    if isinstance(t, Array):
        data, length = next(left), next(left)
        return _copied(t, data, length, next(left) if t.strided else 1)
    return bool(next(left)) if t == BOOL else next(left)


def _copied(t: Array, data: int, length: int, stride: int) -> np.ndarray[Any, Any]:
    """A fresh array of what stands at an address."""
    made = np.empty(length, DTYPES[t.elem.name])
    size = SIZES[t.elem.name]
    target = made.__array_interface__["data"][0]
    if stride == 1:
        ctypes.memmove(target, data, length * size)
    else:
        for k in range(length):
            ctypes.memmove(target + k * size, data + k * stride * size, size)
    return made
