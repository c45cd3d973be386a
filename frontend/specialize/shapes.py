"""NumPy's functions of shapes: reshape, ravel, transpose, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, C128, DTYPES, I64
from . import arrays, gather, narrow, ndarray, operators, sequences, views
from .arguments import Given, Made, array, axes_in_order, lengths, needed
from .creation import full
from .values import AV, number, static
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
    rank, axes = len(v.axes), given.get("axes")
    if axes is None or (axes.kind == "const" and axes.info is None):
        order = list(range(rank))[::-1]
    else:
        order = axes_in_order(f, axes, rank)
        f.check(Literal(len(order) == rank, BOOL), "ValueError", "axes don't match array")
        f.check(Literal(len(set(order)) == rank, BOOL), "ValueError", "repeated axis in transpose")
    return views.packed(f, v._replace(axes=tuple([v.axes[k] for k in order])))


def turned(f: Frame, a: AV, axes: Sequence[int]) -> tuple[AV, list[int]]:
    """A view with these axes last, and the ones that stay."""
    stay = [k for k in range(views.rank(f, a)) if k not in axes]
    return reordered(f, a, [*stay, *axes]), stay


def reordered(f: Frame, a: AV, order: Sequence[int]) -> AV:
    """The same elements with the axes in another order; of what is pending, the operands'."""
    if a.kind == "pending":
        return operands(f, a, lambda x: reordered(f, x, order), [a.leaves[k] for k in order])
    v = views.view_of(f, a)
    return views.packed(f, v._replace(axes=tuple([v.axes[k] for k in order])))


def at_first(f: Frame, a: AV, n: int) -> AV:
    """What stands at the first place of each of the last n axes."""
    if a.kind == "pending":
        return operands(f, a, lambda x: at_first(f, x, n), a.leaves[: len(a.leaves) - n])
    v = views.view_of(f, a)
    for _ in range(n):
        v = views.dropped(f, v._replace(axes=(v.axes[-1], *v.axes[:-1])), ZERO)
    return views.packed(f, v)


def operands(f: Frame, a: AV, change: Callable[[AV], AV], shape: Sequence[Operand]) -> AV:
    """What is pending, of changed operands."""
    fn, *args = a.kids
    parts = [x if x.kind == "num" else change(x) for x in args]
    return AV("pending", a.info, (fn, *parts), tuple(shape))


def with_ones(f: Frame, a: AV, axes: Sequence[int], rank: int) -> AV:
    """The result of a reduction over these axes with axes of length 1 in their place."""
    v = views.view_of(f, a)
    left = iter(v.axes)
    spread = [Along(None, length=ONE) if k in axes else next(left) for k in range(rank)]
    return views.packed(f, v._replace(axes=tuple(spread)))


def moveaxis(f: Frame, given: Given) -> AV:
    """A view with some axes at other places, the others in their order around them."""
    a, source, destination = needed(f, "numpy.moveaxis", given, "a", "source", "destination")
    v = views.view_of(f, array(f, a))
    rank = len(v.axes)
    here, there = axes_in_order(f, source, rank), axes_in_order(f, destination, rank)
    f.check(Literal(len(here) == len(there), BOOL), "ValueError", MOVED)
    order = [k for k in range(rank) if k not in here]
    for k, m in sorted(zip(there, here, strict=True)):
        order.insert(k, m)
    return views.packed(f, v._replace(axes=tuple([v.axes[k] for k in order])))


MOVED = "`source` and `destination` arguments must have the same number of elements"


def swapaxes(f: Frame, given: Given) -> AV:
    a, one, other = needed(f, "swapaxes", given, "a", "axis1", "axis2")
    v = views.view_of(f, array(f, a))
    axes, rank = list(v.axes), len(v.axes)
    (j,), (k,) = axes_in_order(f, one, rank), axes_in_order(f, other, rank)
    axes[j], axes[k] = axes[k], axes[j]
    return views.packed(f, v._replace(axes=tuple(axes)))


def expand_dims(f: Frame, given: Given) -> AV:
    """A view with new axes of length 1."""
    a, axis = needed(f, "numpy.expand_dims", given, "a", "axis")
    v = views.view_of(f, array(f, a))
    many = 1 if axis.kind == "num" else len(sequences.items(f, axis, "an axis"))
    new = axes_in_order(f, axis, len(v.axes) + many)
    axes = list(v.axes)
    for k in sorted(new):
        axes.insert(k, Along(None, length=ONE))
    return views.packed(f, v._replace(axes=tuple(axes)))


def squeeze(f: Frame, given: Given) -> AV:
    """A view without these axes, each of length 1."""
    (a,) = needed(f, "squeeze", given, "a")
    axis = given.get("axis")
    if axis is None:
        raise f.error(
            "E01",
            "squeeze of all axes of length 1",
            "lengths are known at run time only, and they would decide the rank",
            "say which: `squeeze(x, axis=0)`",
        )
    v = views.view_of(f, array(f, a))
    gone = axes_in_order(f, axis, len(v.axes))
    for k in gone:
        one = f.scalar("eq", (views.extent(f, v, k), ONE), BOOL)
        f.check(one, "ValueError", SQUEEZED)
    fixed = [(x.axis, x.start) for x in (v.axes[k] for k in gone) if x.axis is not None]
    axes = tuple([x for k, x in enumerate(v.axes) if k not in gone])
    left = v._replace(fixed=(*v.fixed, *fixed), axes=axes)
    return views.packed(f, left) if axes else views.read(f, left)


SQUEEZED = "cannot select an axis to squeeze out which has size not equal to one"


def broadcast_to(f: Frame, given: Given) -> AV:
    """A view that repeats what it has; it is only read."""
    a, shape = needed(f, "numpy.broadcast_to", given, "array", "shape")
    wanted = lengths(f, shape)
    if a.kind == "num":
        return full(f, wanted, narrow.common([a]), a)
    a = array(f, a)
    if views.rank(f, a) > len(wanted):
        f.check(Literal(False, BOOL), "ValueError", LONGER)
    return ndarray.spread(f, a, wanted)


LONGER = "input operand has more dimensions than allowed by the axis remapping"


def real(f: Frame, given: Given) -> AV:
    (a,) = needed(f, "numpy.real", given, "val")
    if a.kind == "num" or (views.is_array(f, a) and views.element_type(f, a) == C128):
        return arrays.getattr_(f, a, "real")
    return array(f, a)


def is_of_complex(wanted: bool) -> Made:
    def make(f: Frame, given: Given) -> AV:
        (a,) = needed(f, "numpy.iscomplexobj", given, "x")
        elem = a.leaves[0].type if a.kind == "num" else views.element_type(f, array(f, a))
        return static((elem == C128) == wanted)

    return make


def reshape(f: Frame, given: Given) -> AV:
    a, shape = needed(f, "reshape", given, "a", "shape")
    return reshaped(f, array(f, a), lengths(f, shape))


def reshaped(f: Frame, a: AV, shape: list[Operand]) -> AV:
    """The same elements in another shape: a view of an array that is whole, else a copy."""
    v = views.view_of(f, a)
    size = ndarray.product(f, views.shape_of(f, v))
    wanted = list(shape)
    missing = [k for k, n in enumerate(shape) if isinstance(n, Literal) and n.value == -1]
    known = [n for k, n in enumerate(shape) if k not in missing]
    product_ = ndarray.product(f, known) if known else ONE
    if missing:
        unfit(f, f.scalar("gt", (product_, ZERO), BOOL), size, wanted)
        shape[missing[0]] = f.scalar("floordiv", (size, product_), I64, True)
        operators.natural(f, shape[missing[0]])
        product_ = ndarray.product(f, shape)
    unfit(f, f.scalar("eq", (product_, size), BOOL), size, wanted)
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


def unfit(f: Frame, ok: Operand, size: Operand, shape: list[Operand]) -> None:
    text = f"cannot reshape array of size {views.length_shown(size)} into shape "
    values = [n for n in (size, *shape) if not isinstance(n, Literal)]
    f.check(ok, "ValueError", text + views.shape_shown(shape), *values)


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
