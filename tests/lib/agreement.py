"""Whether the interpreter, at `typed` and at `memory`, and native code give the same."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from morula.backend.bufferize import bufferize
from morula.ir.interpreter import run
from morula.ir.parser import parse
from native_code import Native


def ulps(x: float, y: float) -> int:
    """How many doubles lie between two."""
    if math.isnan(x) or math.isnan(y):
        return 0 if math.isnan(x) and math.isnan(y) else 2**62

    def place(v: float) -> int:
        (n,) = struct.unpack("<q", struct.pack("<d", v))
        return int(n) if n >= 0 else -(2**63) - int(n)

    return abs(place(x) - place(y))


def same(x: Any, y: Any, tolerance: int = 0) -> bool:
    if isinstance(x, np.ndarray):
        alike = x.shape == y.shape and x.dtype == y.dtype
        return alike and (x.tobytes() == y.tobytes() or all(map(same, x.tolist(), y.tolist())))
    if isinstance(x, complex) and isinstance(y, complex):
        return same(x.real, y.real, tolerance) and same(x.imag, y.imag, tolerance)
    if isinstance(x, float):
        signs = math.copysign(1.0, x) == math.copysign(1.0, y) or x != x
        return isinstance(y, float) and signs and ulps(x, y) <= tolerance
    return type(x) is type(y) and bool(x == y)


def outcome(f: Any, *args: Any) -> Any:
    """A result, or the exception that came instead."""
    try:
        return f(*args)
    except (ArithmeticError, ValueError, RecursionError, IndexError) as e:
        return type(e).__name__, str(e)


def agree(text: str, *argss: tuple[Any, ...], entry: str | None = None) -> None:
    """Typed and memory in the interpreter, and native code, with and without copies."""
    module = parse(text)
    name = entry or module.entry.name
    for everything in (False, True):
        placed = bufferize(module, entries=(name,), copy_everything=everything)
        assert str(parse(str(placed))) == str(placed)
        native = Native(placed, name)
        for args in argss:
            wanted = outcome(run, module, name, *args)
            honoured = outcome(run, placed, name, *args)
            got = outcome(native, *args)
            assert equal(honoured, wanted), (args, honoured, wanted)
            assert equal(got, wanted), (args, got, wanted)


def equal(x: Any, y: Any) -> bool:
    if isinstance(x, tuple) and isinstance(y, tuple):
        return len(x) == len(y) and all(map(equal, x, y))
    return same(x, y)
