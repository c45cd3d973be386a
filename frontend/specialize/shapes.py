"""NumPy's functions of shapes: reshape, ravel, transpose, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, DTYPES, I64
from . import gather, ndarray, operators, views
from .arguments import Given, array, lengths, needed
from .values import AV, number, static, static_value
from .views import ONE, ZERO, Along, View

if TYPE_CHECKING:
    from .frame import Frame


def as_strided(f: Frame, given: Given) -> AV:
    """A view by strides in bytes, as NumPy has it, of an array of one axis; it stays inside."""
    a, shape, strides = needed(f, "as_strided", given, "x", "shape", "strides")
    v = views.view_of(f, array(f, a))
    many, steps = lengths(f, shape), lengths(f, strides)
    root = views.root_type(f, v.root)
    if len(v.axes) != 1 or root.rank != 1 or v.form is not None or len(many) != len(steps):
        raise f.error(
            "E01",
            "as_strided of this array, shape and strides",
            "it is of an array of one axis, with a stride for each length",
            "write the view by slices, or `ravel` an array first",
        )
    size = Literal(DTYPES[root.elem].itemsize, I64)
    start = v.axes[0].start
    low: Operand = ZERO
    high: Operand = ZERO
    some: Operand = Literal(True, BOOL)
    axes: list[Along] = []
    for n, bytes_ in zip(many, steps, strict=True):
        whole = f.scalar("eq", (f.scalar("mod", (bytes_, size), I64), ZERO), BOOL)
        f.check(f.scalar("and", (whole, f.scalar("ge", (n, ZERO), BOOL)), BOOL), "ValueError", OUT)
        step = f.scalar("mul", (f.scalar("floordiv", (bytes_, size), I64), v.axes[0].step), I64)
        last = f.scalar("mul", (f.scalar("sub", (n, ONE), I64), step), I64)
        low = f.scalar("add", (low, f.scalar("min", (last, ZERO), I64)), I64)
        high = f.scalar("add", (high, f.scalar("max", (last, ZERO), I64)), I64)
        some = f.scalar("and", (some, f.scalar("gt", (n, ZERO), BOOL)), BOOL)
        operators.natural(f, n)
        axes.append(Along(0, ZERO, n, step))
    room = views.length_along(f, v.root, 0)
    above = f.scalar("ge", (f.scalar("add", (start, low), I64), ZERO), BOOL)
    below = f.scalar("lt", (f.scalar("add", (start, high), I64), room), BOOL)
    inside = f.scalar("and", (above, below), BOOL)
    f.check(f.scalar("or", (inside, f.scalar("not", (some,), BOOL)), BOOL), "ValueError", OUT)
    return views.packed(f, View(v.root, ((0, start),), tuple(axes)))


OUT = "as_strided: the view leaves the array"


def transpose(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "transpose", given, "a")
    v = views.view_of(f, array(f, a))
    axes = given.get("axes")
    order = list(static_value(axes)) if axes is not None else list(range(len(v.axes)))[::-1]
    return views.packed(f, v._replace(axes=tuple([v.axes[k] for k in order])))


def reshape(f: Frame, given: Given) -> AV:
    a, shape = needed(f, "reshape", given, "a", "shape")
    return reshaped(f, array(f, a), lengths(f, shape))


def reshaped(f: Frame, a: AV, shape: list[Operand]) -> AV:
    """The same elements in another shape: a view of an array that is whole, else a copy."""
    v = views.view_of(f, a)
    size = ndarray.product(f, views.shape_of(f, v))
    missing = [k for k, n in enumerate(shape) if isinstance(n, Literal) and n.value == -1]
    known = [n for k, n in enumerate(shape) if k not in missing]
    product_ = ndarray.product(f, known) if known else ONE
    if missing:
        f.check(f.scalar("gt", (product_, ZERO), BOOL), "ValueError", RESHAPE)
        shape[missing[0]] = f.scalar("floordiv", (size, product_), I64, True)
        operators.natural(f, shape[missing[0]])
        product_ = ndarray.product(f, shape)
    f.check(f.scalar("eq", (product_, size), BOOL), "ValueError", RESHAPE)
    rank = len(v.form) if v.form is not None else views.root_type(f, v.root).rank
    if not views.is_whole(v, rank):
        if np.ndarray in f.program.mutable and not is_turned(v, rank):
            raise f.error(
                "E01",
                "another shape of a part of an array",
                "whether it is a view or a copy depends on how the part lies in memory",
                "say that it is a copy: `x[...].copy().reshape(...)`",
            )
        v = views.view_of(f, ndarray.copied(f, a))
    if not shape:
        first = tuple([(k, ZERO) for k in range(views.root_type(f, v.root).rank)])
        return views.packed(f, View(v.root, first, ()))
    axes = tuple([Along(k) for k in range(len(shape))])
    return views.packed(f, View(v.root, (), axes, tuple(shape)))


RESHAPE = "cannot reshape array: the sizes differ"


def is_turned(v: View, rank: int) -> bool:
    """Whether a view is a whole array with its axes in another order, which NumPy copies."""
    return not v.fixed and sorted(v.axes, key=lambda a: a.axis or 0) == [
        Along(k) for k in range(rank)
    ]


def ravel(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "ravel", given, "a")
    return reshaped(f, array(f, a), [Literal(-1, I64)])


def flatten(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "flatten", given, "a")
    return reshaped(f, ndarray.copied(f, array(f, a)), [Literal(-1, I64)])


def ndim(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.ndim", given, "a")
    return static(0 if a.kind == "num" else views.rank(f, array(f, a)))


def shape(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.shape", given, "a")
    if a.kind == "num":
        return AV("tuple", None, ())
    return AV("tuple", None, tuple(map(number, views.shape(f, array(f, a)))))


def size(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.size", given, "a")
    return static(1) if a.kind == "num" else number(ndarray.product(f, views.shape(f, array(f, a))))


def nonzero(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.nonzero", given, "a")
    return AV("tuple", None, tuple(gather.nonzero(f, array(f, a))))
