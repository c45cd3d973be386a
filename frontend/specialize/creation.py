"""NumPy's functions that make arrays: zeros, array, arange, eye, ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import F64, I64, Scalar, wide
from ..prelude import elements
from . import builtins, narrow, ndarray, operators, views
from .arguments import Given, Made, array, dtype_of, lengths, needed
from .values import AV, number, static, static_value
from .views import ZERO

if TYPE_CHECKING:
    from .frame import Frame


def made_of_shape(name: str, value: float | None) -> Made:
    def make(f: Frame, given: Given) -> AV:
        (shape,) = needed(f, name, given, "shape")
        elem = dtype_of(f, given.get("dtype"))
        filler = given.get("fill_value")
        if filler is not None and elem is None:
            elem = narrow.common([filler]) if filler.kind == "num" else F64
        return full(f, lengths(f, shape), elem or F64, filler or static(value or 0.0))

    return make


def made_like(name: str, value: float | None) -> Made:
    def make(f: Frame, given: Given) -> AV:
        (a,) = needed(f, name, given, "a")
        a = array(f, a)
        elem = dtype_of(f, given.get("dtype")) or views.element_type(f, a)
        shape = views.shape(f, a)
        return full(f, shape, elem, given.get("fill_value") or static(value or 0.0))

    return make


def full(f: Frame, shape: Sequence[Operand], elem: Scalar, value: AV) -> AV:
    made = ndarray.zeros(f, shape, elem)
    if value.kind == "num" and isinstance(value.leaves[0], Literal) and is_zero(value):
        return ndarray.kept(f, made)
    ref = ndarray.owned(f, made)
    ndarray.assign(f, views.view_of(f, ref), value)
    return ndarray.filled(f, ref)


def is_zero(value: AV) -> bool:
    return repr(float(static_value(value))) == "0.0"


def copy(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "copy", given, "a")
    return ndarray.array_of(f, a)


def array_(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.array", given, "object")
    elem = dtype_of(f, given.get("dtype"))
    if a.kind == "num":
        return a if elem is None else narrow.fitted(f, ndarray.element(f, a, elem), elem)
    return ndarray.array_of(f, a, elem)


def asarray(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.asarray", given, "a")
    elem = dtype_of(f, given.get("dtype"))
    if views.is_array(f, a) and elem in (None, views.element_type(f, a)):
        return a
    return a if a.kind == "num" else ndarray.array_of(f, a, elem)


def astype(f: Frame, given: Given) -> AV:
    a, dtype = needed(f, "astype", given, "a", "dtype")
    return ndarray.array_of(f, a, dtype_of(f, dtype))


def arange(f: Frame, given: Given) -> AV:
    start, stop = given.get("start"), given.get("stop")
    step = given.get("step") or static(1)
    if stop is None:
        start, stop = static(0), needed(f, "numpy.arange", given, "start")[0]
    assert start is not None
    elem = dtype_of(f, given.get("dtype"))
    parts = [start, stop, step]
    if all(a.kind == "num" and a.leaves[0].type != F64 for a in parts):
        walked = builtins.range_of(f, "numpy.arange", parts)
        n, kind = builtins.length_of(f, "len", [walked]).leaves[0], I64
    else:
        distance = operators.binary(f, "truediv", operators.binary(f, "sub", stop, start), step)
        many = f.scalar("ceil", (operators.as_float(f, distance, "a length"),), F64)
        n, kind = f.scalar("max", (builtins.to_int(f, many), ZERO), I64), F64
    operators.natural(f, n)
    ref = ndarray.owned(f, ndarray.zeros(f, [n], elem or kind))
    ndarray.run(f, elements.counted, ref, start, step)
    return ndarray.filled(f, ref)


def linspace(f: Frame, given: Given) -> AV:
    """start + k * ((stop - start) / (num - 1)), the last one exactly stop, as NumPy has it."""
    start, stop = needed(f, "numpy.linspace", given, "start", "stop")
    n = operators.as_int(f, given.get("num") or static(50), "the number of points")
    lo, hi = (operators.as_float(f, a, "a bound") for a in (start, stop))
    ref = ndarray.owned(f, ndarray.zeros(f, [n], F64))
    whole = given.get("endpoint") or static(True)
    ndarray.run(f, elements.spaced, ref, number(lo), number(hi), whole)
    return ndarray.filled(f, ref)


def eye(f: Frame, given: Given) -> AV:
    (n,) = needed(f, "numpy.eye", given, "N")
    rows = operators.as_int(f, n, "a shape")
    columns = operators.as_int(f, given.get("M") or n, "a shape")
    elem = dtype_of(f, given.get("dtype")) or F64
    ref = ndarray.owned(f, ndarray.zeros(f, [rows, columns], elem))
    one = number(f.convert(Literal(1, I64), wide(elem)))
    ndarray.run(f, elements.diagonal, ref, one, given.get("k") or static(0))
    return ndarray.filled(f, ref)
