"""Leaves as the eight-byte slots of native code, in which arguments, results and boxes stand."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.types import BOOL, C128, DTYPES, F64, Array, Type
from .layout import words


@functools.lru_cache(maxsize=1024)
def slots(types: tuple[Type, ...]) -> struct.Struct:
    """The eight-byte slots of leaves: a float as a double, all else as an int."""
    return struct.Struct("=" + "".join(FORMATS.get(t) or "q" * len(words(t)) for t in types))


FORMATS: dict[Type, str] = {F64: "d", C128: "dd"}


def to_words(t: Type, value: Any) -> tuple[Any, ...]:
    """A leaf as slots."""
    if isinstance(t, Array):
        data = value.__array_interface__["data"][0]
        if t.strided:
            return (data, *value.shape, *[n // value.itemsize for n in value.strides])
        return (data, *value.shape)
    if t == C128:
        return value.real, value.imag
    return (0 if value is None else value,)  # no box


def from_words(t: Type, left: Iterator[Any], lent: Mapping[int, Any]) -> Any:
    """A leaf; an array that stands in a buffer lent to be written is the one that was lent."""
    if isinstance(t, Array):
        data, shape = next(left), tuple([next(left) for _ in range(t.rank)])
        if data in lent:
            return lent[data]
        return copied(t, data, shape, [next(left) for _ in range(t.rank * t.strided)])
    if t == C128:
        return complex(next(left), next(left))
    return bool(next(left)) if t == BOOL else next(left)


def copied(
    t: Array, data: int, shape: tuple[int, ...], strides: Sequence[int]
) -> np.ndarray[Any, Any]:
    """A fresh array of what stands at an address."""
    made = np.empty(shape, DTYPES[t.elem])
    if not made.size:
        return made
    item = made.itemsize
    if not strides:
        ctypes.memmove(made.__array_interface__["data"][0], data, made.size * item)
        return made
    for index in np.ndindex(shape):
        at = sum(k * n for k, n in zip(index, strides, strict=True))
        ctypes.memmove(made[(*index, None)].__array_interface__["data"][0], data + at * item, item)
    return made
