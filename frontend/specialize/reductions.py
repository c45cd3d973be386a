"""NumPy's folds: sum, max, mean, argmax, cumsum, ... over all elements or along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal
from ...ir.types import BOOL, C128, F32, F64, I64, Scalar, wide
from ..prelude import elements, linear, ordering, scalars
from . import narrow, ndarray, operators, records, shapes, views
from .arguments import Given, Made, array, axes_in_order, axis_of, flag, needed, readable
from .creation import full
from .values import AV, is_static, number, static, static_value
from .views import ONE, ZERO

if TYPE_CHECKING:
    from .frame import Frame


def fold(
    f: Frame, a: AV, axis: AV | None, keep: bool, fn: AV, start: AV | None, none: str = ""
) -> AV:
    """All elements, or those along axes, by a function of two; without a start from the first.

    `none` is what is raised where there is no first.
    """
    shape = views.shape(f, a)
    axes = axis_of(f, axis, len(shape))
    if axes is None:
        axes = tuple(range(len(shape)))
    a, stay = shapes.turned(f, a, axes)
    if start is None:
        for k in axes:
            f.check(f.scalar("gt", (shape[k], ZERO), BOOL), "ValueError", none)
    if not stay:
        if start is None:
            start = a
            for _ in axes:
                start = ndarray.item(f, start, ZERO)
        result = ndarray.run(f, elements.folded, fn, a, start)
        return result if not keep else full(f, [ONE] * len(axes), elem_of(result), result)
    if start is None:
        out = ndarray.copied(f, shapes.at_first(f, a, len(axes)), cell=True)
    else:
        elem = ndarray.result_type(f, fn, [start, a])
        out = ndarray.owned(f, ndarray.zeros(f, [shape[k] for k in stay], elem))
        ndarray.assign(f, views.view_of(f, out), start)
    ndarray.run(f, elements.reduced, fn, out, a)
    out = ndarray.filled(f, out)
    return shapes.with_ones(f, out, axes, len(shape)) if keep else out


def elem_of(a: AV) -> Scalar:
    t = a.leaves[0].type
    assert isinstance(t, Scalar)
    return t


def folding(
    name: str, function: Callable[..., Any] | str, start: float | None, none: str = ""
) -> Made:
    def make(f: Frame, given: Given) -> AV:
        (a,) = needed(f, name, given, "a")
        if a.kind == "num":
            return a
        a = readable(f, a)
        fn = AV("name", function) if isinstance(function, str) else records.function(f, function)
        elem = views.element_type(f, a)
        to = elem if start is None else narrow.total(elem)
        begin = None if start is None else static(int(start) if wide(to) == I64 else start)
        a = narrow.widened(f, a)
        keep = flag(given.get("keepdims"))
        out = fold(f, a, given.get("axis"), keep, fn, begin, none)
        return narrow.as_type(f, out, to)

    return make


def mean(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.mean", given, "a")
    if a.kind == "num":
        return a if a.leaves[0].type == C128 else number(f.convert(a.leaves[0], F64))
    a = readable(f, a)
    elem = views.element_type(f, a)
    to = elem if elem in (F32, C128) else F64
    a = narrow.widened(f, a)
    shape = views.shape(f, a)
    axes = axis_of(f, given.get("axis"), len(shape))
    count = [shape[k] for k in (range(len(shape)) if axes is None else axes)]
    many = number(f.convert(ndarray.product(f, count), F64))
    keep = flag(given.get("keepdims"))
    total = fold(f, a, given.get("axis"), keep, AV("name", "operator.add"), static(0.0))
    return narrow.as_type(f, operators.binary(f, "truediv", total, many), to)


ONCE = (elements.some, elements.every)  # these read each element once


def each(
    name: str, function: Callable[..., Any], elem: Scalar, none: str = "", flat: bool = False
) -> Made:
    """A function of all elements, or, for each place along the other axes, of those along some.

    `none` is what is raised where there are no elements; `flat`: it takes one axis.
    """

    def make(f: Frame, given: Given) -> AV:
        (a,) = needed(f, name, given, "a")
        if a.kind == "num":
            a = AV("tuple", None, (a,))
        a = readable(f, a) if function in ONCE else array(f, a)
        rank = views.rank(f, a)
        axes = axis_of(f, given.get("axis"), rank)
        if axes is None and flat and rank > 1:
            a = shapes.reshaped(f, ndarray.copied(f, a), [Literal(-1, I64)])
        keep = flag(given.get("keepdims"))
        if axes is None:
            some = ndarray.product(f, views.shape(f, a))
        else:
            a, stay = shapes.turned(f, a, axes)
            some = ndarray.product(f, views.shape(f, a)[len(stay) :])
        if none:
            f.check(f.scalar("gt", (some, ZERO), BOOL), "ValueError", none)
        if axes is None or not stay:
            out = ndarray.run(f, function, a)
            if elem == I64:
                operators.natural(f, out.leaves[0])
            out = narrow.of_array(f, out.leaves[0], elem)
            return full(f, [ONE] * rank, elem, out) if keep else out
        ref = ndarray.owned(f, ndarray.zeros(f, views.shape(f, a)[: len(stay)], elem))
        ndarray.run(f, elements.each, records.function(f, function), ref, a)
        out = ndarray.filled(f, ref)
        return shapes.with_ones(f, out, axes, rank) if keep else out

    return make


def running(name: str, fn: str) -> Made:
    """cumsum and cumprod, along one axis or of all elements in order."""

    def make(f: Frame, given: Given) -> AV:
        (a,) = needed(f, name, given, "a")
        a = array(f, a)
        v = views.view_of(f, a)
        axes = axis_of(f, given.get("axis"), len(v.axes))
        if axes is None:
            a, axes = shapes.reshaped(f, a, [Literal(-1, I64)]), (0,)
            v = views.view_of(f, a)
        elem = narrow.total(views.element_type(f, a))
        out = ndarray.owned(f, ndarray.zeros(f, views.shape_of(f, v), elem))
        rows = [shapes.turned(f, x, axes)[0] for x in (out, a)]
        ndarray.run(f, elements.running, AV("name", fn), *rows)
        return ndarray.filled(f, out)

    return make


def norm(f: Frame, given: Given) -> AV:
    """The norm of vectors along an axis, of matrices along two, or of all elements as a vector."""
    (a,) = needed(f, "norm", given, "x")
    a = array(f, a)
    axes = axis_of(f, given.get("axis"), views.rank(f, a))
    order, whole = given.get("ord"), axes is None
    if axes is None:
        axes = tuple(range(views.rank(f, a)))
    axis = AV("tuple", None, tuple(map(static, axes)))
    keep = static(flag(given.get("keepdims")))
    if order is None or (order.kind == "const" and order.info is None):
        return ndarray.run(f, linear.euclidean, a, axis, keep)
    if len(axes) == 1:
        return ndarray.run(f, linear.norm_of_vectors, a, order, axis, keep)
    f.check(Literal(len(axes) == 2, BOOL), "ValueError", "Improper number of dimensions to norm.")
    known = static_value(order) if is_static(order) else None
    if known == "fro":
        return ndarray.run(f, linear.euclidean, a, axis, keep)
    if known not in (1, -1, math.inf, -math.inf):
        raise f.error(
            "E02",
            f"the norm of order {'' if known is None else known!r} of a matrix",
            "it needs singular values, or is known at run time only",
            'write 1, -1, np.inf, -np.inf or "fro", or `ravel` it for the norm of a vector',
        )
    assert isinstance(known, (int, float))
    if not whole and given.get("axis") is not None:
        axes = tuple(axes_in_order(f, given["axis"], views.rank(f, a)))
    first, last = (static(k) for k in (axes if abs(known) == 1 else axes[::-1]))
    return ndarray.run(f, linear.norm_of_matrices, a, static(known > 0), first, last, keep)


def none_of(name: str) -> str:
    return f"zero-size array to reduction operation {name} which has no identity"


def empty(name: str) -> str:
    return f"attempt to get {name} of an empty sequence"


maximum = folding("max", scalars.maximum, None, none_of("maximum"))
minimum = folding("min", scalars.minimum, None, none_of("minimum"))
argmax = each("argmax", ordering.first_maximum, I64, empty("argmax"), flat=True)
argmin = each("argmin", ordering.first_minimum, I64, empty("argmin"), flat=True)
