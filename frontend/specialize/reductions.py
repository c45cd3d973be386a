"""NumPy's folds: sum, max, mean, argmax, cumsum, ... over all elements or along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, F32, F64, I64, Scalar, wide
from ..prelude import elements
from . import narrow, ndarray, operators, pending, records, shapes, views
from .arguments import Given, Made, array, axis_of, flag, needed, readable
from .creation import full
from .values import AV, number, static
from .views import ONE, ZERO, Along, View

if TYPE_CHECKING:
    from .frame import Frame


def turned(v: View, axes: Sequence[int]) -> tuple[View, list[int]]:
    """A view with these axes last, and the ones that stay."""
    stay = [k for k in range(len(v.axes)) if k not in axes]
    return v._replace(axes=tuple([v.axes[k] for k in (*stay, *axes)])), stay


def fold(f: Frame, a: AV, axis: AV | None, keep: bool, fn: AV, start: AV | None) -> AV:
    """All elements, or those along axes, by a function of two; without a start from the first."""
    axes = axis_of(f, axis, views.rank(f, a))
    if a.kind == "pending":
        if axes is None and not keep and start is not None:
            return ndarray.run(f, elements.folded, fn, a, start)
        a = pending.settled(f, a)
    v = views.view_of(f, a)
    if axes is None:
        axes = tuple(range(len(v.axes)))
    view, stay = turned(v, axes)
    if start is None:
        for k in axes:
            some = f.scalar("gt", (views.extent(f, v, k), ZERO), BOOL)
            f.check(some, "ValueError", EMPTY)
    if not stay:
        if start is None:
            zero = AV("tuple", None, tuple([static(0)] * len(axes)))
            start = ndarray.getitem(f, views.packed(f, view), zero)
        result = ndarray.run(f, elements.folded, fn, views.packed(f, view), start)
        return result if not keep else full(f, [ONE] * len(axes), elem_of(result), result)
    shape = [views.extent(f, v, k) for k in stay]
    if start is None:
        first = view._replace(axes=view.axes[: len(stay)], fixed=fixed_at_first(view, len(stay)))
        out = ndarray.copied(f, views.packed(f, first), cell=True)
    else:
        elem = ndarray.result_type(f, fn, [start, a])
        out = ndarray.owned(f, ndarray.zeros(f, shape, elem))
        ndarray.assign(f, views.view_of(f, out), start)
    ndarray.run(f, elements.reduced, fn, out, views.packed(f, view))
    out = ndarray.filled(f, out)
    if not keep:
        return out
    made = views.view_of(f, out)
    left = iter(made.axes)
    spread = [Along(None, length=ONE) if n in axes else next(left) for n in range(len(v.axes))]
    return views.packed(f, made._replace(axes=tuple(spread)))


EMPTY = "zero-size array to reduction operation which has no identity"


def elem_of(a: AV) -> Scalar:
    t = a.leaves[0].type
    assert isinstance(t, Scalar)
    return t


def fixed_at_first(v: View, start: int) -> tuple[tuple[int, Operand], ...]:
    more = [(a.axis, a.start) for a in v.axes[start:] if a.axis is not None]
    return (*v.fixed, *more)


def folding(name: str, function: Callable[..., Any] | str, start: float | None) -> Made:
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
        out = fold(f, a, given.get("axis"), flag(given.get("keepdims")), fn, begin)
        return narrow.as_type(f, out, to)

    return make


def mean(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.mean", given, "a")
    if a.kind == "num":
        return number(f.convert(a.leaves[0], F64))
    a = readable(f, a)
    to = F32 if views.element_type(f, a) == F32 else F64
    a = narrow.widened(f, a)
    shape = views.shape(f, a)
    axes = axis_of(f, given.get("axis"), len(shape))
    count = [shape[k] for k in (range(len(shape)) if axes is None else axes)]
    many = number(f.convert(ndarray.product(f, count), F64))
    keep = flag(given.get("keepdims"))
    total = fold(f, a, given.get("axis"), keep, AV("name", "operator.add"), static(0.0))
    return narrow.as_type(f, operators.binary(f, "truediv", total, many), to)


def place(name: str, better: str) -> Made:
    """argmax and argmin of one axis."""

    def make(f: Frame, given: Given) -> AV:
        (a,) = needed(f, name, given, "a")
        a = array(f, a)
        if len(views.view_of(f, a).axes) != 1:
            raise f.error("E01", f"{name} of several axes", "it is of one so far", "write a loop")
        f.check(f.scalar("gt", (ndarray.length(f, a), ZERO), BOOL), "ValueError", EMPTY)
        out = ndarray.run(f, elements.first_best, AV("name", better), a)
        operators.natural(f, out.leaves[0])
        return out

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
        rows = [views.packed(f, turned(w, axes)[0]) for w in (views.view_of(f, out), v)]
        ndarray.run(f, elements.running, AV("name", fn), *rows)
        return ndarray.filled(f, out)

    return make
