"""`vmap`: a function of one example as a function of many, by a loop over an axis.

    vmap(f)(xs, ys)          for i in range(n): out[i] = f(xs[i], ys[i])

`in_axes` says for each argument along which axis its arrays are taken apart, None where each turn
gets the whole; `out_axes` where the new axis of the results stands.  Both are ints, or in the
structure of the arguments and of the result: tuples of places, and of (name, axes) for dicts and
records.  Arguments by keyword are taken apart along axis 0, defaults not.

What f gives in one turn is written into the results in place, so the derivative of the whole is a
loop, too.  Where the function gives arrays, the first turn is run before the loop, to have their
shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...ir.binding import GATHER
from ...ir.core import Literal, Operand
from ...ir.types import BOOL, F64, I64, Scalar
from ..prelude import matrices
from . import bodies, calls, narrow, ndarray, records, views, writes
from .values import (
    AV,
    STRUCTURES,
    Dead,
    Unknown,
    Word,
    describe,
    number,
    part_names,
    static_value,
    typ,
)
from .views import ONE, ZERO

if TYPE_CHECKING:
    from .frame import Frame

SIZES = "vmap got inconsistent sizes for array axes to be mapped"
EMPTY = "vmap over an axis of length 0 of a function that returns arrays, whose shape is not known"


class Perhaps(NamedTuple):
    """The axes of an argument that has a default: it may be one, and is whole if it is no array."""

    axes: Any


def word(f: Frame, fn: AV, rest: list[AV], kw: dict[str, AV]) -> AV:
    """`vmap(f, in_axes, out_axes)`."""
    options = dict(zip(("in_axes", "out_axes"), rest, strict=False)) | kw
    extra = set(options) - {"in_axes", "out_axes"}
    if extra or len(rest) > 2:
        found = f"vmap with {f'`{min(extra)}`' if extra else 'more arguments'}"
        raise f.error("E03", found, "it takes f, in_axes, out_axes", "leave it out")
    axes = tuple([known(f, n, options[n]) if n in options else 0 for n in ("in_axes", "out_axes")])
    return AV("derivative", Word("vmap", None, axes=axes), (fn,))


def known(f: Frame, name: str, a: AV) -> Any:
    held = records.contents(f, a)
    if held.kind in ("dict", "record"):
        return tuple(
            [(n, known(f, name, k)) for n, k in zip(keys_of(held), held.kids, strict=True)]
        )
    if held.kind in ("tuple", "list"):
        return tuple([known(f, name, k) for k in held.kids])
    try:
        return static_value(held)
    except Unknown:
        raise f.error(
            "E03",
            f"{name} that is known at run time only",
            "it decides the rank of the result",
            "write it as a literal, such as `in_axes=(0, None)`",
        ) from None


def keys_of(a: AV) -> list[Any]:
    """What the parts of a dict or a record are called."""
    return list(a.info) if a.kind == "dict" else part_names(a)


# ---- which axes belong to which parameter -------------------------------------------------------


def aligned(
    f: Frame, callee: AV, args: Sequence[AV], kw: Mapping[str, AV], by_place: bool = False
) -> AV:
    """A derivative with the axes of each `vmap` in it in the order of the parameters."""
    if callee.kind != "derivative" or callee.info.word == "jvp":
        return callee
    w: Word = callee.info
    inner = aligned(f, callee.kids[0], args, kw, by_place)
    if w.word == "vmap" and len(w.axes) == 2:
        optional = may_be_left_out(f, inner)
        names = bodies.argument_names(f.program.functions, inner, len(args))
        axes = list(along_arguments(f, w.axes[0], [n in optional for n in names], len(args)))
        marks = {n: AV("axes", Perhaps(0)) for n in kw}
        bound = calls.bind(f, inner, [AV("axes", x) for x in axes], marks, by_place)
        w = w._replace(axes=(tuple([marked(f, a) for a in bound]), w.axes[1], None))
    return AV("derivative", w, (inner,))


def along_arguments(f: Frame, axes: Any, optional: Sequence[bool], count: int) -> Iterator[Any]:
    """Axes for each argument by place, from those for all or a tuple."""
    for k in range(count):
        may = k < len(optional) and optional[k]
        if not isinstance(axes, tuple):
            yield Perhaps(axes) if may else axes
        elif k < len(axes):
            yield axes[k]
        elif may:
            yield Perhaps(0)
        else:
            raise uneven(f, "in_axes", axes, count)
    if isinstance(axes, tuple) and len(axes) > count:
        raise uneven(f, "in_axes", axes, count)


def marked(f: Frame, a: AV) -> Any:
    """The axes of a parameter, from what stands for its argument; a default is whole."""
    if a.kind == "axes":
        return a.info
    held = records.contents(f, a)
    if held.kind == "tuple" and held.kids:
        return tuple([marked(f, k) for k in held.kids])
    if held.kind == "dict" and held.kids:
        return tuple([(n, marked(f, k)) for n, k in zip(held.info, held.kids, strict=True)])
    return None


def may_be_left_out(f: Frame, fn: AV) -> set[str]:
    """The parameters of a function that have defaults."""
    while fn.kind in ("derivative", "custom"):
        fn = fn.kids[0]
    if fn.kind != "fn":
        return set()
    function = f.program.functions[fn.info.fn]
    gathering = [function.attrs.get(n, -1) for n in GATHER]
    names = [v.name for k, v in enumerate(function.params) if k not in gathering]
    return set(names[len(names) - (len(fn.kids) - fn.info.captures) :])


def parts_of(f: Frame, name: str, axes: Any, held: AV) -> tuple[Any, ...]:
    """Axes for each part of a structure, from one for all, a tuple, or names and axes."""
    count = len(held.kids)
    if isinstance(axes, Perhaps):
        return tuple(map(Perhaps, parts_of(f, name, axes.axes, held)))
    if not isinstance(axes, tuple):
        return (axes,) * count
    if held.kind in ("dict", "record") and axes and all(map(is_named, axes)):
        by_name, keys = dict(axes), keys_of(held)
        if set(by_name) != set(keys):
            raise uneven(f, name, by_name, count)
        return tuple([by_name[n] for n in keys])
    if len(axes) != count:
        raise uneven(f, name, axes, count)
    return axes


def is_named(axes: Any) -> bool:
    return isinstance(axes, tuple) and len(axes) == 2 and isinstance(axes[0], str)


def uneven(f: Frame, name: str, axes: Any, count: int) -> Exception:
    return f.error(
        "E03",
        f"{name}={axes!r} of {count} parts",
        "it has an axis, or None, for each of them, or one for all",
        f"write {count} of them",
    )


# ---- the loop -----------------------------------------------------------------------------------


def body(f: Frame, w: Word, inner: AV, args: list[AV]) -> AV:
    """The body of an instance of `vmap`."""
    if len(w.axes) == 2:
        w = aligned(f, AV("derivative", w, (inner,)), args, {}).info
    in_axes, out_axes, _ = w.axes
    lengths: list[tuple[str, Operand]] = []
    names = bodies.argument_names(f.program.functions, inner, len(args))
    given = zip(args, in_axes, names, strict=True)
    lanes = [laid(f, a, axes, name, lengths) for a, axes, name in given]
    if not lengths:
        raise f.error(
            "E03",
            "vmap over no array",
            "it needs an array to take apart, and `in_axes` that says along which axis",
            "pass an array, with an axis in `in_axes` that is not None",
        )
    n = lengths[0][1]
    for name, m in lengths[1:]:
        parts, shown = list[str](), list[Operand]()
        for which, size in (lengths[0], (name, m)):
            parts.append(f"{which} has size {size.value if isinstance(size, Literal) else '{}'}")
            shown += [] if isinstance(size, Literal) else [size]
        text = f"{SIZES}: {' and '.join(parts)}"
        f.check(f.scalar("eq", (n, m), BOOL), "ValueError", text, *shown)
    lane = AV("lane", None, (inner, *lanes))
    one = tried(f, lambda k: turn(f, lane, k))
    outs, start = results(f, lane, leaves(f, one), n)
    ndarray.run(f, matrices.lanes, lane, number(start), number(n), AV("tuple", None, tuple(outs)))
    left = iter([ndarray.filled(f, out) for out in outs])
    return stacked(f, one, out_axes, left)


def laid(f: Frame, a: AV, axes: Any, name: str, lengths: list[tuple[str, Operand]]) -> AV:
    """An argument with its arrays in front of the loop: those that are taken apart as `mapped`."""
    held = records.contents(f, a)
    if isinstance(axes, Perhaps) and held.kind not in STRUCTURES:
        axes = axes.axes if views.is_array(f, a) else None
    if axes is None or held.kind in ("const", "fn", "name", "derivative", "custom", "partial"):
        return a
    if held.kind in STRUCTURES:
        kids = zip(held.kids, parts_of(f, "in_axes", axes, held), part_names(held), strict=True)
        made = tuple([laid(f, k, x, f"{name}.{part}", lengths) for k, x, part in kids])
        return AV("laid", a.kind == "cell", (AV(held.kind, held.info, made),))
    if not views.is_array(f, a):
        raise f.error(
            "E03",
            f"vmap over {describe(typ(held))}",
            "it takes arrays apart along an axis",
            "pass an array, or say `in_axes=None` for what each turn gets whole",
        )
    v = views.view_of(f, a)
    k = axis_of(f, axes, len(v.axes))
    lengths.append((f"axis {k} of {name}", views.extent(f, v, k)))
    front = (v.axes[k], *v.axes[:k], *v.axes[k + 1 :])
    return AV("mapped", None, (views.packed(f, v._replace(axes=front)),))


def axis_of(f: Frame, axis: Any, rank: int) -> int:
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise f.error(
            "E03",
            f"the axis {axis!r} in a vmap of an array of {rank} axes",
            f"there is none, or it is no int: axes count from {-rank} to {rank - 1}",
            "name an axis that the array has",
        )
    return axis % rank


def turn(f: Frame, lane: AV, k: Operand) -> AV:
    """What the function gives for example k, as a plain structure."""
    inner, *lanes = lane.kids
    return writes.snapshot(f, calls.direct(f, inner, [example(f, a, k) for a in lanes]))


def example(f: Frame, a: AV, k: Operand) -> AV:
    if a.kind == "mapped":
        return ndarray.item(f, a.kids[0], k)
    if a.kind == "laid":
        (held,) = a.kids
        made = AV(held.kind, held.info, tuple([example(f, x, k) for x in held.kids]))
        return records.kept(f, records.class_of(made), made) if a.info else made
    return a


def called(f: Frame, lane: AV, args: list[AV]) -> AV:
    """A turn of the loop: the numbers and arrays in its result."""
    return AV("tuple", None, tuple(leaves(f, turn(f, lane, args[0].leaves[0]))))


def leaves(f: Frame, a: AV) -> list[AV]:
    """The numbers and arrays in a plain structure, in order."""
    if a.kind in STRUCTURES:
        return [x for k in a.kids for x in leaves(f, k)]
    if a.kind in ("num", "array"):
        return [a]
    if a.kind == "const":
        return []
    raise f.error(
        "E03",
        f"vmap of a function that returns {describe(typ(a))}",
        "results are stacked: numbers, arrays, and tuples and records of them",
        "return arrays or numbers",
    )


def tried(f: Frame, run: Callable[[Operand], AV]) -> AV:
    """What one turn gives, run for its type alone; where it always raises, it does so here."""
    outer, store, natural = f.b, f.store, set(f.natural)
    f.b, f.store = outer.child("if"), dict(f.store)
    try:
        k = f.b.param(I64, "")
        f.natural.add(k)
        return run(k)
    except Dead:
        f.b, f.store, f.natural = outer, store, natural
        run(ZERO)
        raise
    finally:
        f.b, f.store, f.natural = outer, store, natural


def results(f: Frame, lane: AV, parts: list[AV], n: Operand) -> tuple[list[AV], Operand]:
    """Buffers for what all turns give, and the turn to go on with.

    The shapes of arrays are those of the first turn, which has to be run for that.
    """
    if all(a.kind == "num" for a in parts):
        made = [ndarray.zeros(f, [n], narrow.common([a])) for a in parts]
        return [ndarray.owned(f, a) for a in made], ZERO
    f.check(f.scalar("gt", (n, ZERO), BOOL), "ValueError", EMPTY)
    first = leaves(f, turn(f, lane, ZERO))
    outs: list[AV] = []
    for a in first:
        elem: Scalar = narrow.common([a]) if a.kind == "num" else views.element_type(f, a)
        shape = [] if a.kind == "num" else views.shape(f, a)
        out = ndarray.owned(f, ndarray.zeros(f, [n, *shape], elem or F64))
        ndarray.setitem(f, out, number(ZERO), a)
        outs.append(out)
    return outs, ONE


def stacked(f: Frame, a: AV, axes: Any, left: Any) -> AV:
    """The structure of one result with arrays of all, whose new axis stands where it is to."""
    if a.kind in STRUCTURES:
        kids = zip(a.kids, parts_of(f, "out_axes", axes, a), strict=True)
        return AV(a.kind, a.info, tuple([stacked(f, k, x, left) for k, x in kids]))
    if a.kind == "const":
        return a
    out = next(left)
    v = views.view_of(f, out)
    k = axis_of(f, axes, len(v.axes))
    order = (*v.axes[1 : k + 1], v.axes[0], *v.axes[k + 1 :])
    return views.packed(f, v._replace(axes=order))
