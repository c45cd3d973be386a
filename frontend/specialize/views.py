"""Views of arrays: which elements of a root array a reference means.

    row = a[i]                      (a, axis 0 at i; axis 1 whole)
    row[1:]                         (a, axis 0 at i; axis 1 from 1)
    a.T[k, j]                       (a, axis 1 at k; axis 0 at j): an element, read from `a` itself

A view is the reference to its root, what it fixes of the root's axes, and how each of its own axes
runs along one of the root's.  Views of views are views of the root, so all views have one of
finitely many forms for a rank: a recursion on `x[1:]` passes arguments of one type.  Reads and
writes through a view are those of the root's elements, at indices computed from the view's: nobody
copies, and a write is seen through every other view of the root.

Method: an access is an affine map of the indices, as NumPy's strides are, but by axis, so that it
differentiates and vectorises like hand-written indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, I64, Array, Scalar, wide
from . import narrow, pools, records, sums
from .branches import fork, is_natural
from .comparisons import both
from .operators import as_int, natural
from .values import AV, describe, number, typ

if TYPE_CHECKING:
    from .frame import Frame

ZERO, ONE = Literal(0, I64), Literal(1, I64)
WHOLE, CUT, SPREAD = "whole", "cut", "spread"
BEYOND = "index out of bounds"


class Along(NamedTuple):
    """How an axis of a view runs along one of the root's: index start + step * k, k < length.

    `axis` is None where it runs along none: it has one element, or repeats what it has (step 0).
    """

    axis: int | None
    start: Operand = ZERO
    length: Operand | None = None  # None: as long as the root's axis
    step: Operand = ONE


class View(NamedTuple):
    """What a reference means of a root array, taken apart."""

    root: AV  # an array, a cell that holds one, or a sum of those
    fixed: tuple[tuple[int, Operand], ...]
    axes: tuple[Along, ...]
    # the root's elements, in order, as an array of this shape, whose axes the others then mean
    form: tuple[Operand, ...] | None = None


def is_array(f: Frame, a: AV) -> bool:
    """Whether a value is an array, a cell that holds one, or a view of one, or is to be one."""
    return a.kind in ("view", "pending", "element") or records.contents(f, a).kind == "array"


def root_type(f: Frame, root: AV) -> Array:
    if root.kind == "sum":
        return root_type(f, root.kids[0])
    t = records.contents(f, root).leaves[0].type
    assert isinstance(t, Array)
    return t


def element_type(f: Frame, a: AV) -> Scalar:
    """The type of the elements."""
    if a.kind == "pending":
        known: Scalar = a.info
        return known
    return root_type(f, view_of(f, a).root).elem


def view_of(f: Frame, a: AV) -> View:
    """Any reference to an array as a view."""
    assert a.kind != "pending", "an array that nobody has made"
    if a.kind == "element":
        return pools.view_of(f, a)
    if a.kind != "view":
        return View(a, (), tuple([Along(k) for k in range(root_type(f, a).rank)]))
    leaves = iter(a.leaves)
    at, along, forms = a.info
    form = tuple([next(leaves) for _ in range(forms)]) or None
    fixed = tuple([(axis, next(leaves)) for axis in at])
    axes = []
    for how, axis in along:
        if how == WHOLE:
            axes.append(Along(axis))
        elif how == CUT:
            axes.append(Along(axis, next(leaves), next(leaves), next(leaves)))
        else:
            axes.append(Along(None, length=next(leaves)))
    return View(a.kids[0], fixed, tuple(axes), form)


def packed(f: Frame, v: View) -> AV:
    """A view as a value; the whole of the root is the root."""
    rank = root_type(f, v.root).rank
    if v.form is None and is_whole(v, rank):
        return v.root
    info: list[tuple[str, int]] = []
    fixed = tuple(sorted(added(f, v.fixed).items()))
    leaves = [*(v.form or ()), *[x for _, x in fixed]]
    for a in v.axes:
        if a.axis is None:
            assert a.length is not None
            info.append((SPREAD, -1))
            leaves.append(a.length)
        elif a.length is None:
            info.append((WHOLE, a.axis))
        else:
            info.append((CUT, a.axis))
            leaves += [a.start, a.length, a.step]
    form = (tuple([k for k, _ in fixed]), tuple(info), len(v.form or ()))
    return AV("view", form, (v.root,), tuple(leaves))


def is_whole(v: View, rank: int) -> bool:
    """Whether a view is all of an array of this rank."""
    return not v.fixed and v.axes == tuple([Along(k) for k in range(rank)])


# ---- shapes -------------------------------------------------------------------------------------


def extent(f: Frame, v: View, k: int) -> Operand:
    """How many elements a view has along one of its axes."""
    a = v.axes[k]
    if a.length is not None:
        return a.length
    assert a.axis is not None
    return length_along(f, v.root, a.axis) if v.form is None else v.form[a.axis]


def first(f: Frame, a: AV, n: Operand) -> View:
    """The first n elements of an array of one axis."""
    return View(a, (), (Along(0, ZERO, n, ONE),))


def length_of(f: Frame, x: Operand, axis: int = 0) -> Operand:
    """The length of an array along an axis."""
    n: Operand = f.emit("len", [x], [I64], {"axis": axis} if axis else None)
    natural(f, n)
    return n


def length_along(f: Frame, root: AV, axis: int) -> Operand:
    if root.kind == "sum":
        lacks = sums.no_argument("len")
        return sums.dispatch(f, root, lambda r: number(length_along(f, r, axis)), lacks).leaves[0]
    return length_of(f, records.contents(f, root).leaves[0], axis)


def shape(f: Frame, a: AV) -> list[Operand]:
    if a.kind == "pending":
        return list(a.leaves)
    return shape_of(f, view_of(f, a))


def shape_of(f: Frame, v: View) -> list[Operand]:
    return [extent(f, v, k) for k in range(len(v.axes))]


def rank(f: Frame, a: AV) -> int:
    if a.kind == "pending":
        return len(a.leaves)
    return len(view_of(f, a).axes)


def of_shapes(f: Frame, ok: Operand, text: str, *shapes: Sequence[Operand]) -> None:
    """ValueError with the shapes where they do not fit, as NumPy says it: in the text's `{}`, or
    behind it."""
    shown = [shape_shown(s) for s in shapes]
    values = [n for s in shapes for n in s if not isinstance(n, Literal)]
    full = text.format(*shown) if "{" in text else f"{text} {' '.join(shown)} "
    f.check(ok, "ValueError", full, *values)


def shape_shown(shape: Sequence[Operand]) -> str:
    """A shape as NumPy writes it, a template of lengths that the run knows."""
    return f"({','.join(map(length_shown, shape))}{',' * (len(shape) == 1)})"


def length_shown(n: Operand) -> str:
    if not isinstance(n, Literal):
        return "{}"
    return str(n.value) if n.value >= 0 else "newaxis"  # which is NumPy's word for -1


# ---- parts --------------------------------------------------------------------------------------


def part(f: Frame, a: AV, index: AV) -> View:
    """`a[index]` for ints, slices, `...` and None: the view that NumPy's basic indexing gives."""
    v = view_of(f, a)
    given = index_parts(f, v, index)
    fixed, axes, at = list(v.fixed), list[Along](), 0
    for i in given:
        if i.kind == "const" and i.info is None:
            axes.append(Along(None, length=ONE))
            continue
        along = v.axes[at]
        if i.kind == "slice":
            axes.append(cut(f, v, at, i))
        else:
            text = f"{BEYOND} (axis {at})" if at else BEYOND
            k = inside(f, as_int(f, i, "an index of an array"), extent(f, v, at), text)
            if along.axis is not None:
                fixed.append((along.axis, moved(f, along, k)))
        at += 1
    return v._replace(fixed=tuple(fixed), axes=(*axes, *v.axes[at:]))


def index_parts(f: Frame, v: View, index: AV) -> list[AV]:
    """The indices by axis, `...` written out as whole slices."""
    given = list(index.kids) if index.kind == "tuple" else [index]
    none = AV("const", None)
    everything = AV("slice", None, (none, none, none))
    used = sum(not (i.kind == "const" and i.info is None) for i in given)
    dots = [k for k, i in enumerate(given) if is_dots(i)]
    if dots:
        missing = len(v.axes) - (used - 1)
        given[dots[0] : dots[0] + 1] = [everything] * max(0, missing)
        used = len(v.axes) if missing >= 0 else used - 1
    if used > len(v.axes):
        text = (
            f"too many indices for array: array is {len(v.axes)}-dimensional, "
            f"but {used} were indexed"
        )
        f.check(Literal(False, BOOL), "IndexError", text)
    return [checked(f, i) for i in given]


def checked(f: Frame, i: AV) -> AV:
    """An int, a slice or None."""
    if i.kind in ("num", "slice") or (i.kind == "const" and i.info is None):
        return i
    raise f.error(
        "E01",
        f"{describe(typ(records.contents(f, i)))} as an index of an array",
        "an array is indexed by ints, slices, `...`, None and arrays",
        "write an int, a slice, or an array of ints or bools",
    )


def is_dots(i: AV) -> bool:
    return i.kind == "name" and i.info == "Ellipsis"


def inside(f: Frame, i: Operand, n: Operand, text: str) -> Operand:
    """An index of n elements that has been checked, counted from the start."""
    if isinstance(i, Literal):
        if i.value < 0:
            i = f.scalar("add", (n, i), I64, True)
            f.check(f.scalar("ge", (i, ZERO), BOOL), "IndexError", text)
        else:
            f.check(f.scalar("lt", (i, n), BOOL), "IndexError", text)
        return i
    if not is_natural(f, i):
        under = f.scalar("lt", (i, ZERO), BOOL)
        # a negative int and a length, or an int and 0: this cannot overflow
        i = f.scalar("add", (i, f.emit("select", [under, n, ZERO], [I64])), I64, True)
        ok = both(f, f.scalar("ge", (i, ZERO), BOOL), f.scalar("lt", (i, n), BOOL))
        f.check(ok, "IndexError", text)
        return i
    f.check(f.scalar("lt", (i, n), BOOL), "IndexError", text)
    return i


def dropped(f: Frame, v: View, k: Operand) -> View:
    """A view at index k of its first axis, which is known to be there."""
    along, *rest = v.axes
    fixed = v.fixed if along.axis is None else (*v.fixed, (along.axis, moved(f, along, k)))
    return v._replace(fixed=fixed, axes=tuple(rest))


def moved(f: Frame, a: Along, k: Operand) -> Operand:
    """The root's index of index k of an axis."""
    if a.step != ONE:
        k = f.scalar("mul", (k, a.step), I64, True)
    return k if a.start == ZERO else f.scalar("add", (a.start, k), I64, True)


def cut(f: Frame, v: View, axis: int, i: AV) -> Along:
    """A slice of one axis, as Python's `slice.indices` has it."""
    lo, hi, step = [None if k.kind == "const" else k for k in i.kids]
    along, n = v.axes[axis], extent(f, v, axis)
    if (lo, hi, step) == (None, None, None):
        return along
    by = ONE if step is None else as_int(f, step, "the step of a slice")
    bounds = [None if b is None else as_int(f, b, "a bound of a slice") for b in (lo, hi)]
    if isinstance(by, Literal):
        f.check(Literal(by.value != 0, BOOL), "ValueError", STEP_ZERO)
        start, count = range_of(f, bounds, n, by, by.value > 0)
    else:
        f.check(f.scalar("ne", (by, ZERO), BOOL), "ValueError", STEP_ZERO)
        up = f.scalar("gt", (by, ZERO), BOOL)
        made = fork(
            f,
            up,
            lambda: [number(x) for x in range_of(f, bounds, n, by, True)],
            lambda: [number(x) for x in range_of(f, bounds, n, by, False)],
        )
        start, count = (a.leaves[0] for a in made)
    natural(f, count)
    if along.axis is None:
        return Along(None, length=count)
    step_ = by if along.step == ONE else f.scalar("mul", (along.step, by), I64, True)
    return Along(along.axis, moved(f, along, start), count, step_)


STEP_ZERO = "slice step cannot be zero"


def range_of(
    f: Frame, bounds: Sequence[Operand | None], n: Operand, by: Operand, up: bool
) -> tuple[Operand, Operand]:
    """Where a slice starts, and how many elements it has."""
    last = n if up else f.scalar("sub", (n, ONE), I64, True)
    least = ZERO if up else Literal(-1, I64)
    lo, hi = bounds
    start = (ZERO if up else last) if lo is None else clamped(f, lo, n, least, last)
    stop = (last if up else least) if hi is None else clamped(f, hi, n, least, last)
    if up and by == ONE:
        distance = stop if start == ZERO else f.scalar("sub", (stop, start), I64, True)
    else:
        # (stop - start + step - sign) // step, rounded down, is at most 0 where there is nothing
        sign = ONE if up else Literal(-1, I64)
        distance = f.scalar("sub", (stop, start), I64, True)
        room = f.scalar("sub", (f.scalar("add", (distance, by), I64, True), sign), I64, True)
        distance = f.scalar("floordiv", (room, by), I64, True)
    if start == ZERO and hi is None and by == ONE:
        return start, distance
    return start, f.scalar("max", (distance, ZERO), I64)


def clamped(f: Frame, x: Operand, n: Operand, least: Operand, last: Operand) -> Operand:
    """A bound of a slice: from the end where it is negative, and then no further than there is."""
    if isinstance(x, Literal) and x.value < 0:
        x = f.scalar("add", (x, n), I64, True)
    elif not is_natural(f, x):
        under = f.scalar("lt", (x, ZERO), BOOL)
        x = f.scalar("add", (x, f.emit("select", [under, n, ZERO], [I64])), I64, True)
    elif least == ZERO:
        return f.scalar("min", (x, last), I64)
    return f.scalar("max", (f.scalar("min", (x, last), I64), least), I64)


# ---- elements -----------------------------------------------------------------------------------


def at(f: Frame, v: View, index: Sequence[Operand]) -> list[Operand]:
    """The root's indices of an element of a view, by the root's axes; they have been checked."""
    along = [
        (a.axis, moved(f, a, k)) for a, k in zip(v.axes, index, strict=True) if a.axis is not None
    ]
    out = added(f, (*v.fixed, *along))
    index = [out[k] for k in sorted(out)]
    return index if v.form is None else unravelled(f, v, index)


def added(f: Frame, parts: Sequence[tuple[int, Operand]]) -> dict[int, Operand]:
    """The root's indices, where several of a view's axes may run along one of the root's."""
    out: dict[int, Operand] = {}
    for axis, k in parts:
        if axis in out:
            k = f.scalar("add", (out[axis], k), I64, True)
        out[axis] = k
    return out


def unravelled(f: Frame, v: View, index: Sequence[Operand]) -> list[Operand]:
    """Indices of the form as those of the root: both count the same elements in order."""
    assert v.form is not None
    flat: Operand = ZERO
    for n, k in zip(v.form, index, strict=True):
        if flat != ZERO:
            k = f.scalar("add", (f.scalar("mul", (flat, n), I64, True), k), I64, True)
        flat = k
    if root_type(f, v.root).rank == 0:
        return []
    out: list[Operand] = []
    for axis in reversed(range(1, root_type(f, v.root).rank)):
        n = length_along(f, v.root, axis)
        out.append(f.scalar("mod", (flat, n), I64, True))
        flat = f.scalar("floordiv", (flat, n), I64, True)
    return [flat, *reversed(out)]


def read(f: Frame, v: View, index: Sequence[Operand] = ()) -> AV:
    """An element."""
    where = at(f, v, index)

    def of(root: AV) -> AV:
        array = records.contents(f, root).leaves[0]
        t = array.type
        assert isinstance(t, Array)
        return narrow.of_array(f, f.emit("get", [array, *where], [wide(t.elem)]), t.elem)

    return (
        sums.dispatch(f, v.root, of, sums.not_subscriptable) if v.root.kind == "sum" else of(v.root)
    )


def write(f: Frame, v: View, x: Operand, index: Sequence[Operand] = ()) -> None:
    """Let an element be x, which has the type of the elements."""
    where = at(f, v, index)

    def of(root: AV) -> list[AV]:
        old = records.contents(f, root)
        if root.kind not in ("cell", "pool"):
            raise records.unwritable(f, old)
        pools.refuse_shared(f, old.info, "an array")
        array = old.leaves[0]
        assert isinstance(array.type, Array)
        t = Array(array.type.elem, array.type.rank)
        new = f.emit("set", [array, *where, x], [t])
        if root.kind == "pool":
            pools.write_data(f, root, new)
        else:
            f.store[root.info] = AV("array", None, (), (new,))
        return []

    if v.root.kind == "sum":
        sums.dispatch_all(f, v.root, of, sums.not_subscriptable)
    else:
        of(v.root)
