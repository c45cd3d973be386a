"""Indexing by arrays: `x[index]`, `x[mask]`, and writes to such places.

    x[rows, cols]       a new array: element k is x[rows[k], cols[k]]
    x[:, cols]          the axes of `cols` stand where the colon's neighbour stood
    x[mask]             mask.nonzero() as the index; the length is known at run time only
    x[index] = v        in order, so that the last of several writes to a place stays

Reads copy, as NumPy's do.  Each is a loop of the prelude, and the derivative of the read is that
loop's: an addition to each place that was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.core import Operand
from ...ir.types import BOOL, I64, wide
from ..prelude import elements
from . import ndarray, operators, pending, records, views
from .values import AV, describe, number, static, typ

if TYPE_CHECKING:
    from .frame import Frame


LISTS = ("list", "vector", "inner")


def is_advanced(f: Frame, index: AV) -> bool:
    """Whether an index holds an array, or a list of ints."""
    held = records.contents(f, index)
    parts = index.kids if index.kind == "tuple" else (held,)
    return any(is_places(f, i) for i in parts)


def is_places(f: Frame, i: AV) -> bool:
    return views.is_array(f, i) or records.contents(f, i).kind in LISTS


def nonzero(f: Frame, mask: AV) -> list[AV]:
    """The places of a mask's true elements, an array for each axis."""
    n = ndarray.run(f, elements.count, mask).leaves[0]
    operators.natural(f, n)
    rank = views.rank(f, mask)
    outs = [ndarray.owned(f, ndarray.zeros(f, [n], I64)) for _ in range(rank)]
    none = AV("tuple", None, ())
    ndarray.run(f, elements.nonzero, AV("tuple", None, tuple(outs)), mask, none, static(0))
    return [ndarray.filled(f, out) for out in outs]


def places(f: Frame, a: AV, index: AV) -> tuple[AV, list[AV], int]:
    """An index by arrays as: a view whose first axes they index, they, and where they stood.

    What else the index holds (slices, ints, None) is applied to the view first.
    """
    given = list(index.kids) if index.kind == "tuple" else [index]
    plain: list[AV] = []
    arrays: list[AV] = []
    none = AV("const", None)
    everything = AV("slice", None, (none, none, none))
    used: list[int] = []  # of the view's axes, those that arrays index
    axis = 0
    if any(map(views.is_dots, given)):
        raise refused(f, "`...` beside an array as an index", "write `:` for each axis")
    for i in given:
        if not is_places(f, i):
            plain.append(i)
            axis += not (i.kind == "num" or (i.kind == "const" and i.info is None))
            if i.kind == "const":
                raise refused(f, "None beside an array as an index", "index twice: `x[i][None]`")
            continue
        if not views.is_array(f, i):
            i = ndarray.array_of(f, i)
        i = pending.settled(f, i)
        kind = views.element_type(f, i)
        if kind != BOOL and wide(kind) != I64:
            raise refused(f, f"{describe(typ(i))} of floats as an index", "convert it: astype(int)")
        more = nonzero(f, i) if kind == BOOL else [i]
        for part in more:
            plain.append(everything)
            arrays.append(part)
            used.append(axis)
            axis += 1
    if used != list(range(used[0], used[0] + len(used))):
        raise refused(f, "arrays as indices with a slice between them", "transpose it first")
    view = views.view_of(f, views.packed(f, views.part(f, a, AV("tuple", None, tuple(plain)))))
    front = [view.axes[k] for k in used] + [x for k, x in enumerate(view.axes) if k not in used]
    shape = ndarray.common(f, [views.shape(f, i) for i in arrays])
    spread = [ndarray.spread(f, i, shape) for i in arrays]
    return views.packed(f, view._replace(axes=tuple(front))), spread, used[0]


def taken(f: Frame, a: AV, index: AV) -> AV:
    """`a[index]`."""
    x, arrays, at = places(f, a, index)
    v = views.view_of(f, x)
    shape: list[Operand] = views.shape(f, arrays[0])
    rest = [views.extent(f, v, k) for k in range(len(arrays), len(v.axes))]
    kind = views.element_type(f, x)
    out = ndarray.owned(f, ndarray.zeros(f, [*shape, *rest], kind))
    ndarray.run(f, elements.taken, out, x, *arrays)
    made = views.view_of(f, ndarray.filled(f, out))
    n = len(shape)
    axes = list(made.axes)
    order = [*axes[n : n + at], *axes[:n], *axes[n + at :]]
    return views.packed(f, made._replace(axes=tuple(order)))


def put(f: Frame, a: AV, index: AV, value: AV) -> None:
    """`a[index] = value`."""
    x, arrays, at = places(f, a, index)
    v = views.view_of(f, x)
    if value.kind != "num":
        if not views.is_array(f, value):
            value = ndarray.array_of(f, value)
        value = pending.settled(f, value)
        if ndarray.shares(f, v, views.view_of(f, value)):
            value = ndarray.copied(f, value, cell=True)
        n = len(views.shape(f, arrays[0]))
        rest = [views.extent(f, v, k) for k in range(len(arrays), len(v.axes))]
        shape = [*rest[:at], *views.shape(f, arrays[0]), *rest[at:]]
        given = views.view_of(f, ndarray.spread(f, value, shape, True))
        axes = given.axes
        order = (*axes[at : at + n], *axes[:at], *axes[at + n :])
        value = views.packed(f, given._replace(axes=order))
    else:
        value = number(ndarray.element(f, value, views.element_type(f, x)))
    ndarray.run(f, elements.put, x, value, *arrays)


def refused(f: Frame, found: str, instead: str) -> Exception:
    return f.error("E01", found, "arrays index some axes that stand beside each other", instead)
