"""Arrays as NumPy has them: items and slices, writes, attributes, and what makes new ones.

Where the program writes into arrays, each one is a cell of the store (see `records`): who holds a
reference sees the write.  What works on whole arrays is a loop over their elements
(`prelude/elements.py`); so its derivative comes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...ir.core import Literal, Operand, zero_literal
from ...ir.types import BOOL, C128, F64, I64, Array, Scalar, Type, wide
from .. import names
from ..prelude import elements, scalars, shaping
from . import (
    calls,
    cells,
    complexes,
    gather,
    narrow,
    operators,
    pending,
    records,
    sums,
    vectors,
    views,
)
from .branches import is_natural
from .values import AV, Dead, describe, number, static, typ
from .views import ONE, ZERO, Along, View

if TYPE_CHECKING:
    from .frame import Frame

NEGATIVE = "negative dimensions are not allowed"


def kept(f: Frame, a: AV) -> AV:
    """A new array: a cell where arrays are written somewhere in the program."""
    return cells.made(f, a) if np.ndarray in f.program.mutable else a


def owned(f: Frame, a: AV) -> AV:
    """A new array that the code here is about to fill, a cell for that time."""
    return cells.made(f, a)


def filled(f: Frame, ref: AV) -> AV:
    """What has been filled, as the program holds it."""
    return ref if np.ndarray in f.program.mutable else cells.content(f, ref)


def run(f: Frame, function: Callable[..., object], *args: AV) -> AV:
    """A call of a function of the prelude."""
    return calls.call(f, records.function(f, function), list(args), {})


def single(f: Frame, a: AV) -> AV:
    """An array without axes as the number that it holds; anything else as it is."""
    if a.kind in ("array", "cell", "view", "element") and views.is_array(f, a):
        v = views.view_of(f, a)
        return a if v.axes else views.read(f, v)
    return a


# ---- items --------------------------------------------------------------------------------------


def getitem(f: Frame, a: AV, i: AV) -> AV:
    """`a[i]`: an element, a view, or, by arrays, a new array."""
    if a.kind == "pending":
        if i.kind == "num" and f.fuses:  # which asks for what is there
            return pending.item(f, a, operators.as_int(f, i, "an index of an array"))
        a = pending.settled(f, a)
    if gather.is_advanced(f, i):
        return gather.taken(f, a, i)
    v = views.part(f, a, i)
    return views.read(f, v) if not v.axes else views.packed(f, v)


def item(f: Frame, a: AV, k: Operand) -> AV:
    """Element or row k, which is known to be there."""
    if a.kind == "pending":
        return pending.item(f, a, k)
    v = views.dropped(f, views.view_of(f, a), k)
    return views.packed(f, v) if v.axes else views.read(f, v)


def setitem(f: Frame, a: AV, i: AV, value: AV) -> None:
    """`a[i] = value`."""
    if value.kind in sums.SUMS:

        def one(kid: AV) -> list[AV]:
            setitem(f, a, i, kid)
            return []

        sums.dispatch_all(f, value, one, sums.no_argument("setitem"))
        return
    if gather.is_advanced(f, i):
        gather.put(f, a, i, value)
        return
    writable(f, a)
    v = views.part(f, pending.settled(f, a), i)
    if v.axes:
        assign(f, v, value)
    else:
        views.write(f, v, element(f, value, views.root_type(f, v.root).elem))


def writable(f: Frame, a: AV) -> None:
    """ValueError where a view repeats elements, as np.broadcast_to's does: it is only read."""
    complexes.refuse_part(f, a)
    if a.kind != "view":
        return
    for along in views.view_of(f, a).axes:
        if along.axis is None:
            assert along.length is not None
            f.check(f.scalar("eq", (along.length, ONE), BOOL), "ValueError", READ_ONLY)
        elif not isinstance(along.step, Literal):
            f.check(f.scalar("ne", (along.step, ZERO), BOOL), "ValueError", READ_ONLY)


READ_ONLY = "assignment destination is read-only"


def element(f: Frame, value: AV, to: Scalar) -> Operand:
    """A number as an element of an array, as NumPy stores it: wide, `set` narrows it."""
    value = single(f, value)
    if value.kind != "num":
        held = records.contents(f, value)
        found = describe(typ(held))
        raise f.error(
            "E03",
            f"{found} as an element of an array",
            "an element is a number",
            "write a number, or write to a slice: `x[i, :] = ...`",
        )
    x = value.leaves[0]
    if to == BOOL:
        return operators.truth(f, value)
    if x.type == C128 and to != C128:
        raise complexes.refused(f, value, "an element of an array of floats")
    if wide(to) == I64 and x.type == F64:
        from . import builtins

        return builtins.to_int(f, f.scalar("trunc", (x,), F64))
    if value.info is None or not (f.fuses or narrow.fits(value.info, to)):
        narrow.inside(f, x, to)
    return f.convert(x, wide(to))


def assign(f: Frame, v: View, value: AV) -> None:
    """Write a number or an array through a view."""
    target = views.packed(f, v)
    value = single(f, value)
    if not v.axes:
        views.write(f, v, element(f, value, views.root_type(f, v.root).elem))
        return
    if value.kind == "num":
        number_ = number(element(f, value, views.root_type(f, v.root).elem))
        run(f, elements.fill, target, number_)
        return
    if not views.is_array(f, value):
        value = array_of(f, value)
    if same_view(f, target, value):
        return
    if value.kind != "pending" and shares(f, v, views.view_of(f, value)):
        value = copied(f, value, cell=True)
    run(f, elements.assign, target, spread(f, value, views.shape_of(f, v), True))


def same_view(f: Frame, a: AV, b: AV) -> bool:
    """Whether two references mean the same elements, as after `x[i] += y`."""
    if a.kind != b.kind or typ(a) != typ(b):
        return False
    mine, other = (cells.reached(f, [x]) for x in (a, b))
    if mine != other or len(mine) != 1:
        return False
    return all(
        x is y or (isinstance(x, Literal) and x == y)
        for x, y in zip(a.leaves, b.leaves, strict=True)
    )


def shares(f: Frame, a: View, b: View) -> bool:
    """Whether two views may have elements in common."""
    return bool(set(cells.reached(f, [a.root])) & set(cells.reached(f, [b.root])))


def length(f: Frame, a: AV) -> Operand:
    """len(a)."""
    return views.shape(f, a)[0]


# ---- shapes that fit each other -----------------------------------------------------------------


def spread(f: Frame, a: AV, shape: Sequence[Operand], assigned: bool = False) -> AV:
    """An array repeated along axes of length 1, and along new ones in front, to have this shape.

    Of axes that it has more than the shape, each has length 1.
    """
    if a.kind == "pending" and views.rank(f, a) <= len(shape):
        return pending.spread(f, a, shape, assigned)
    v = views.view_of(f, pending.settled(f, a))
    mine = views.shape_of(f, v)
    text = ASSIGNED if assigned else UNFIT
    for _ in range(len(v.axes) - len(shape)):
        views.of_shapes(f, f.scalar("eq", (views.extent(f, v, 0), ONE), BOOL), text, mine, shape)
        v = views.dropped(f, v, ZERO)
    axes = [Along(None, length=n) for n in shape[: len(shape) - len(v.axes)]]
    for k, n in enumerate(shape[len(shape) - len(v.axes) :]):
        along, m = v.axes[k], views.extent(f, v, k)
        if m is n or m == ONE and along.axis is None:
            axes.append(along if m is n else Along(None, length=n))
            continue
        one = f.scalar("eq", (m, ONE), BOOL)
        equal = f.scalar("eq", (m, n), BOOL)
        views.of_shapes(f, f.scalar("or", (one, equal), BOOL), text, mine, shape)
        if along.axis is None:
            axes.append(Along(None, length=n))
        else:
            step = pick(f, equal, along.step, ZERO)  # of length 1 where it is not
            axes.append(Along(along.axis, along.start, n, step))
    return views.packed(f, v._replace(axes=tuple(axes)))


UNFIT = "operands could not be broadcast together with shapes"
ASSIGNED = "could not broadcast input array from shape {} into shape {}"


def pick(f: Frame, condition: Operand, x: Operand, y: Operand) -> Operand:
    if isinstance(condition, Literal):
        return x if condition.value else y
    return x if x == y else f.emit("select", [condition, x, y], [x.type])


def common(f: Frame, shapes: Sequence[Sequence[Operand]]) -> list[Operand]:
    """The shape that arrays of these shapes have together; ValueError where there is none."""
    rank = max(map(len, shapes))
    out: list[Operand] = []
    for k in range(rank):
        lengths = [s[k - rank + len(s)] for s in shapes if k - rank + len(s) >= 0]
        n = lengths[0]
        for m in lengths[1:]:
            if m is n or m == ONE:
                continue
            if n == ONE:
                n = m
                continue
            one, other = f.scalar("eq", (n, ONE), BOOL), f.scalar("eq", (m, ONE), BOOL)
            fits = f.scalar("or", (one, f.scalar("eq", (m, n), BOOL)), BOOL)
            views.of_shapes(f, f.scalar("or", (fits, other), BOOL), UNFIT, *shapes)
            n = pick(f, one, m, n)
        out.append(n)
    return out


# ---- new arrays ---------------------------------------------------------------------------------


def zeros(f: Frame, shape: Sequence[Operand], elem: Type) -> AV:
    """An array of zeros, as a value."""
    for n in shape:
        if not is_natural(f, n):
            f.check(f.scalar("ge", (n, ZERO), BOOL), "ValueError", NEGATIVE)
    assert isinstance(elem, Scalar)
    return AV(
        "array", None, (), (f.emit("zeros", shape, [Array(elem, len(shape))], {"elem": elem}),)
    )


def copied(f: Frame, a: AV, cell: bool = False) -> AV:
    """A new array with the elements of another; `cell`: one that is to be written."""
    a = pending.settled(f, a)
    if a.kind in ("array", "cell"):
        return (owned if cell else kept)(f, AV("array", None, (), records.contents(f, a).leaves))
    v = views.view_of(f, a)
    ref = owned(f, zeros(f, views.shape_of(f, v), views.root_type(f, v.root).elem))
    assign(f, views.view_of(f, ref), a)
    return ref if cell else filled(f, ref)


def array_of(f: Frame, a: AV, elem: Type | None = None) -> AV:
    """np.array of numbers, tuples and lists of those, or an array."""
    a = pending.settled(f, a)
    if views.is_array(f, a):
        if elem in (None, views.element_type(f, a)):
            return copied(f, a)
        v = views.view_of(f, a)
        ref = owned(f, zeros(f, views.shape_of(f, v), elem))
        assign(f, views.view_of(f, ref), a)
        return filled(f, ref)
    held = records.contents(f, a)
    if held.kind in ("vector", "inner") and (whole := vectors.as_array(f, a)) is not None:
        return whole if elem is None else array_of(f, whole, elem)
    if holds_array(f, a):
        kids = [array_of(f, k) if is_nest(f, k) else k for k in held.kids]
        made = run(f, shaping.stack, AV("tuple", None, tuple(kids)))
        return made if elem is None else array_of(f, made, elem)
    rows: list[tuple[tuple[int, ...], AV]] = []
    shape = collected(f, a, (), rows)
    widest = elem or narrow.common([x for _, x in rows])
    ref = owned(f, zeros(f, [Literal(n, I64) for n in shape], widest))
    for way, x in rows:
        v = views.view_of(f, ref)
        value = element(f, x, views.root_type(f, ref).elem)
        views.write(f, v, value, [Literal(k, I64) for k in way])
    return filled(f, ref)


def is_nest(f: Frame, a: AV) -> bool:
    return records.contents(f, a).kind in ("tuple", "list")


def holds_array(f: Frame, a: AV) -> bool:
    """Whether an array with axes stands somewhere in a nest of tuples and lists."""
    if not is_nest(f, a):
        return views.is_array(f, a) and views.rank(f, a) > 0
    return any(holds_array(f, k) for k in records.contents(f, a).kids)


UNEVEN = "setting an array element with a sequence: its parts have several lengths"


def collected(
    f: Frame, a: AV, way: tuple[int, ...], rows: list[tuple[tuple[int, ...], AV]]
) -> tuple[int, ...]:
    """The numbers in a nest of tuples and lists, each with its place; the shape of the nest."""
    from . import sequences

    a = single(f, a)
    if a.kind == "num":
        rows.append((way, a))
        return ()
    parts = sequences.items_or_none(f, a, True)
    if parts is None:
        raise f.error(
            "E03",
            f"an array of {describe(typ(records.contents(f, a)))}",
            "its elements are numbers, in tuples or lists of one length",
            "write the numbers, or fill an array of zeros in a loop",
        )
    shapes = {collected(f, p, (*way, k), rows) for k, p in enumerate(parts)}
    if len(shapes) > 1:
        f.check(Literal(False, BOOL), "ValueError", UNEVEN)
    return (len(parts), *next(iter(shapes), ()))


# ---- element by element -------------------------------------------------------------------------


def elementwise(f: Frame, fn: AV, args: Sequence[AV], into: AV | None = None) -> AV:
    """fn of numbers and arrays, by elements; `into` is written in place."""
    args = [a if a.kind == "num" or views.is_array(f, a) else array_of(f, a) for a in args]
    args = [single(f, a) if a is not into else a for a in args]
    kinds = [a.info if a.kind == "num" else views.element_type(f, a) for a in args]
    elem = result_type(f, fn, args, kinds)
    fn = narrow.by_type(f, fn, kinds, elem)
    if into is not None:
        writable(f, into)
        shape = views.shape(f, into)
        given = [fresh(f, into, a) for a in args]
        narrow.castable(f, elem, views.element_type(f, into))
        if not shape:
            into_number(f, fn, into, args)
            return into
        run(f, elements.mapped, fn, into, *[fitted(f, a, shape) for a in given])
        return into
    if all(a.kind == "num" for a in args):
        return calls.call(f, fn, args, {})
    shape = common(f, [views.shape(f, a) for a in args if a.kind != "num"])
    given = [fitted(f, a, shape) for a in args]
    parts = [pending.frozen(f, a) for a in given]
    if all(a is not None for a in parts):
        return pending.made(fn, [a for a in parts if a is not None], shape, elem)
    out = owned(f, zeros(f, shape, elem))
    run(f, elements.mapped, fn, out, *given)
    return filled(f, out)


def into_number(f: Frame, fn: AV, into: AV, args: Sequence[AV]) -> None:
    """An update in place of an array without axes."""
    v = views.view_of(f, into)
    value = calls.call(f, fn, [single(f, a) for a in args], {})
    views.write(f, v, element(f, value, views.element_type(f, into)))


def fitted(f: Frame, a: AV, shape: Sequence[Operand]) -> AV:
    return a if a.kind == "num" else spread(f, a, shape)


def fresh(f: Frame, into: AV, a: AV) -> AV:
    """An operand of an update in place, copied where it overlaps what is written."""
    if a.kind in ("num", "pending") or same_view(f, into, a):
        return a
    apart = not shares(f, views.view_of(f, into), views.view_of(f, a))
    return a if apart else copied(f, a, cell=True)


def result_type(
    f: Frame, fn: AV, args: Sequence[AV], kinds: Sequence[Scalar | None] = ()
) -> Scalar:
    """The type of fn's result on elements: fn runs on unknown ones, for its type alone."""
    kinds = kinds or [None] * len(args)

    def elements_of(made: Callable[[Scalar], Operand]) -> list[AV]:
        return [
            a if a.kind == "num" else AV("num", k, (), (made(wide(views.element_type(f, a))),))
            for a, k in zip(args, kinds, strict=True)
        ]

    outer, store, natural = f.b, f.store, set(f.natural)
    f.b, f.store = outer.child("if"), dict(f.store)
    try:
        given = elements_of(lambda t: f.b.param(t, ""))
        return narrow.settled(calls.call(f, fn, given, {}), given)
    except Dead:  # whatever the elements are: so what it raises is raised here
        f.b, f.store, f.natural = outer, store, natural
        calls.call(f, fn, elements_of(zero_literal), {})
        raise
    finally:
        f.b, f.store, f.natural = outer, store, natural


OPERANDS = frozenset(
    {"num", "array", "view", "pending", "element", "tuple", "list", "vector", "inner"}
)


def binary(f: Frame, opcode: str, a: AV, b: AV) -> AV | None:
    """A binary operator with an array on either side; None where there is none."""
    if opcode == "contains" or not any(x.kind != "num" and views.is_array(f, x) for x in (a, b)):
        return None
    if not {records.contents(f, x).kind for x in (a, b)} <= OPERANDS:
        return None
    if opcode in ("matmul", "imatmul"):
        from . import products

        made = products.product(f, a, b)
        if opcode == "imatmul":
            assign(f, views.view_of(f, a), made)
        return a if opcode == "imatmul" else made
    in_place = opcode in operators.AUGMENTED
    fn = AV("name", f"operator.{operators.AUGMENTED.get(opcode, opcode)}")
    if not in_place or not views.is_array(f, a):
        return elementwise(f, fn, (a, b))
    return elementwise(f, fn, (a, b), into=a)


def unary(f: Frame, opcode: str, a: AV) -> AV:
    return elementwise(f, AV("name", f"operator.{opcode}"), (a,))


ATTRIBUTES = ("shape", "ndim", "size", "dtype", "T", "real", "imag")


def methods() -> list[str]:
    """The names of all methods of arrays."""
    return [n for n in (*names.ARRAYS, *names.WRITTEN) if n.startswith("ndarray.")]


# ---- attributes and methods ---------------------------------------------------------------------


def getattr_(f: Frame, a: AV, name: str) -> AV | None:
    """An attribute of an array; None where it has none."""
    method = f"ndarray.{name}"
    if method in names.ARRAYS or method in names.WRITTEN:
        return AV("partial", (), (AV("name", method), a))
    match name:
        case "shape":
            return AV("tuple", None, tuple(map(number, views.shape(f, a))))
        case "ndim":
            return static(views.rank(f, a))
        case "size":
            return number(product(f, views.shape(f, a)))
        case "dtype":
            return narrow.dtype(views.element_type(f, a))
        case "real" if views.element_type(f, a) != C128:
            return a
        case "real" | "imag":
            part = scalars.real_part if name == "real" else scalars.imaginary_part
            return elementwise(f, records.function(f, part), [a])
        case "T":
            v = views.view_of(f, pending.settled(f, a))
            return views.packed(f, v._replace(axes=v.axes[::-1]))
    return None


def product(f: Frame, lengths: Sequence[Operand]) -> Operand:
    out = lengths[0] if lengths else ONE
    for n in lengths[1:]:
        out = f.scalar("mul", (out, n), I64, True)
    operators.natural(f, out)
    return out
