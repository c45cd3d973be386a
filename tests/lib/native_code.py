"""Running native code by ctypes: the slow, simple way.

A box stays the address that it is; all else goes in and comes out as Python and NumPy have it.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from morula.backend import layout, machine, output, runtime
from morula.backend.emit import emit
from morula.backend.writer import FAILED, CheckSite
from morula.ir.core import Module
from morula.ir.errors import exception_named
from morula.ir.types import Array, Box, Type

DTYPES = {"f64": np.float64, "i64": np.int64, "bool": np.bool_, "c128": np.complex128}


class Native:
    """Functions of a module of stage `memory`, compiled together."""

    def __init__(self, module: Module, *names: str) -> None:
        self.module = module
        self.names = names or (module.entry.name,)
        self.emitted = emit(module, self.names)
        symbols = output.symbols(self.emitted.takers)
        entries = [f"entry.{n}" for n in self.names]
        self.code = machine.compile(self.emitted.text, entries, symbols)

    def __call__(
        self, *args: Any, name: str | None = None, ctx: runtime.Context | None = None
    ) -> Any:
        """Results of a function: one leaf, or a tuple of them."""
        name = name or self.names[0]
        f = self.module.functions[name]
        own = ctx or runtime.new_context()
        try:
            results = call(
                self.code.addresses[f"entry.{name}"],
                own,
                [v.type for v in f.inputs],
                list(f.results or ()),
                args,
                self.emitted.sites,
            )
        finally:
            runtime.free(own) if ctx is None else runtime.reset(own)
        return results[0] if len(results) == 1 else results


def call(
    address: int,
    ctx: runtime.Context,
    params: list[Type],
    types: list[Type],
    args: tuple[Any, ...],
    sites: tuple[CheckSite, ...],
) -> tuple[Any, ...]:
    """Call a wrapper over slots; array results are copied out of the arena."""
    if len(args) != len(params):
        raise TypeError(f"{len(params)} arguments wanted, {len(args)} given")
    words = [w for t, a in zip(params, args, strict=True) for w in to_words(t, a)]
    slots = (ctypes.c_uint64 * max(1, len(words)))(*words)
    found = (ctypes.c_uint64 * max(1, len(layout.all_words(types))))()
    entry = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        address
    )
    status = entry(ctypes.addressof(ctx), ctypes.addressof(slots), ctypes.addressof(found))
    if status == FAILED:
        site = sites[ctx.site]
        kind = exception_named(site.error) or RuntimeError
        raise kind(output.said() if site.values else site.text)
    results, k = [], 0
    for t in types:
        n = len(layout.words(t))
        results.append(from_words(t, found[k : k + n]))
        k += n
    return tuple(results)


def to_words(t: Type, value: Any) -> list[int]:
    """A leaf as words of eight bytes."""
    if isinstance(t, Array):
        dtype = np.dtype(DTYPES[t.elem.name])
        if not isinstance(value, np.ndarray) or (value.dtype, value.ndim) != (dtype, t.rank):
            raise TypeError(f"an array {t} wanted, not {value!r}")
        if not t.strided and not value.flags.c_contiguous:
            raise TypeError(f"a contiguous array {t} wanted")
        strides = [n // dtype.itemsize % 2**64 for n in value.strides if t.strided]
        return [value.ctypes.data, *value.shape, *strides]
    if isinstance(t, Box):
        return [value or 0]
    if str(t) == "f64":
        return [int(np.float64(value).view(np.uint64))]
    if str(t) == "c128":
        return [int(np.float64(part).view(np.uint64)) for part in (value.real, value.imag)]
    return [int(value) % 2**64]


def from_words(t: Type, words: list[int]) -> Any:
    """A leaf from words; an array is a copy."""
    if isinstance(t, Array):
        shape = words[1 : 1 + t.rank]
        size = math.prod(shape) * layout.element_size(t)
        data = ctypes.string_at(words[0], size) if size else b""
        return np.frombuffer(data, DTYPES[t.elem.name]).reshape(shape).copy()
    if isinstance(t, Box):
        return words[0]
    if str(t) == "f64":
        return float(np.uint64(words[0]).view(np.float64))
    if str(t) == "c128":
        return complex(*[np.uint64(w).view(np.float64) for w in words])
    if str(t) == "bool":
        return bool(words[0])
    return words[0] - 2**64 if words[0] >= 2**63 else words[0]
