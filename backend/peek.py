"""Read what native code has boxed, as the reference interpreter has it: tuples, arrays, lists.

Only tests and dumps look into a pullback that Python holds; calls hand its address on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..ir.core import Module
from ..ir.ops import record_types
from ..ir.types import BOOL, C128, F64, Array, Box, List, Type, element_type
from .layout import SLOT, words
from .leaves import copied


def peek(module: Module, record: str, address: int) -> tuple[Any, ...] | None:
    """The fields of a box; None for null."""
    if not address:
        return None
    types = record_types(module, record)
    left = slots(address, sum(len(words(t)) for t in types))
    return tuple(leaf(module, t, left) for t in types)


def slots(address: int, count: int) -> Iterator[bytes]:
    data = ctypes.string_at(address, count * SLOT) if count else b""
    return (data[k : k + SLOT] for k in range(0, len(data), SLOT))


def leaf(module: Module, t: Type, left: Iterator[bytes]) -> Any:
    """One leaf from its words."""
    word = next(left)
    if t == F64:
        return float(np.frombuffer(word, np.float64)[0])
    if t == C128:
        parts = np.frombuffer(word + next(left), np.float64)
        return complex(parts[0], parts[1])
    value = int.from_bytes(word, "little", signed=True)
    if isinstance(t, Box):
        return peek(module, t.record, value)
    if isinstance(t, Array):
        return array(t, value, left)
    if isinstance(t, List):
        n = int.from_bytes(next(left), "little")
        inner = element_type(t)
        rest = slots(value, n * len(words(inner)))
        return [leaf(module, inner, rest) for _ in range(n)]
    return bool(value) if t == BOOL else value


def array(t: Array, address: int, left: Iterator[bytes]) -> np.ndarray[Any, Any]:
    """A copy, contiguous."""
    rest = [int.from_bytes(next(left), "little", signed=True) for _ in words(t)[1:]]
    return copied(t, address, tuple(rest[: t.rank]), rest[t.rank :])
