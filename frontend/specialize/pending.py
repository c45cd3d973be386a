"""Elementwise results that nobody has computed yet, so that a chain of them is one loop.

    np.sum(np.exp(-x) * y)        one loop: exp, neg, mul and add of an element in each turn
    a[1:] = a[1:] + k * d         one loop, which writes the elements

`x * y` of arrays is a *pending* value: the function, what it is applied to, and the shape.  What
reads an element of it computes that element.  An operand is what the array held when the
expression stood there (arrays are values of the IR), so a later write is not seen.

A pending value lives inside one expression.  One that gets a name, is handed on or is asked for
more than elements becomes an array first (`settled`), so nothing is computed twice.

It is loop fusion in the manner of Wadler's deforestation (1990), done where the values are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.core import Operand
from ...ir.types import Scalar
from ..prelude import elements
from . import ndarray, records, views
from .values import AV

if TYPE_CHECKING:
    from .frame import Frame

ELEMENTS = elements.__file__


def made(fn: AV, args: Sequence[AV], shape: Sequence[Operand], elem: Scalar) -> AV:
    """fn of these numbers, and of arrays that all have this shape."""
    return AV("pending", elem, (fn, *args), tuple(shape))


def frozen(f: Frame, a: AV) -> AV | None:
    """An array operand as what it holds now; None where a tag says which array it is."""
    if a.kind in ("num", "pending"):
        return a
    if a.kind == "element":
        a = views.packed(f, views.view_of(f, a))
    if a.kind != "view":
        held = records.contents(f, a)
        return held if held.kind == "array" else None
    root = records.contents(f, a.kids[0])
    return AV("view", a.info, (root,), a.leaves) if root.kind == "array" else None


def item(f: Frame, a: AV, k: Operand) -> AV:
    """Element or row k."""
    from . import calls

    fn, *args = a.kids
    parts = [x if x.kind == "num" else ndarray.item(f, x, k) for x in args]
    if len(a.leaves) == 1:
        return calls.call(f, fn, parts, {})
    return AV("pending", a.info, (fn, *parts), a.leaves[1:])


def spread(f: Frame, a: AV, shape: Sequence[Operand], assigned: bool) -> AV:
    """The same with a shape to which its own fits: its operands are repeated, not its results."""
    if list(a.leaves) == list(shape):
        return a
    if len(a.leaves) < len(shape) or views.ONE in a.leaves:
        return ndarray.spread(f, settled(f, a), shape, assigned)
    fn, *args = a.kids
    parts = [x if x.kind == "num" else ndarray.spread(f, x, shape, assigned) for x in args]
    return AV("pending", a.info, (fn, *parts), tuple(shape))


def settled(f: Frame, a: AV) -> AV:
    """An array in place of a pending value; anything else as it is."""
    if a.kind != "pending":
        return a
    fn, *args = a.kids
    out = ndarray.owned(f, ndarray.zeros(f, a.leaves, a.info))
    ndarray.run(f, elements.mapped, fn, out, *args)
    return ndarray.filled(f, out)


def is_reader(f: Frame, callee: AV) -> bool:
    """Whether a function reads each element of its arguments once."""
    from . import builtins, numeric

    inner = callee.kids[0] if callee.kind == "partial" else callee
    if inner.kind != "name":
        return False
    return builtins.by_elements(inner.info) or inner.info in numeric.READERS
