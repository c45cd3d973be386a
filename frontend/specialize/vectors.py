"""Lists whose length the run decides: a length, and one growable array for each leaf of an element.

    path = []                              path = 0, no buffers yet
    for k in range(n):
        path.append((x, k))                a buffer of floats and one of ints, doubled when full
    path[-1][0]                            get of the first, at length - 1

A list is one of these where it is made by a comprehension over something of unknown length, or once
a loop was found to let it grow: then the program starts again, and lists that begin empty are
growable.  Elements are numbers, and tuples, records and unions of them; their type is joined over
all that is put in.  An append is a write into the buffer's next place, O(1) on the average, and so
is its derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, F64, I64, Array, Scalar
from ..prelude import elements, growing
from . import ndarray, operators, records, views
from .branches import fork
from .joins import Disagree, coerce, join, joined
from .values import AV, NOTHING, T, build, describe, dynamic, leaf_types, number, typ

if TYPE_CHECKING:
    from .frame import Frame

ZERO, ONE = Literal(0, I64), Literal(1, I64)
LEAST = 4  # places of a buffer that has any
BEYOND = "list index out of range"


class Grown(Exception):
    """A list that was taken for one of known length grows in a loop."""


def grows(f: Frame) -> bool:
    """Whether lists that this function makes are growable."""
    return f.home == growing.__file__ or (f.program.growing and not f.home.startswith(PRELUDE))


PRELUDE = growing.__file__.rpartition("growing")[0]


def is_plain(t: T) -> bool:
    """Whether values of a type are made of scalars alone, as elements are."""
    return all(isinstance(x, Scalar) for x in leaf_types(t)) and not has_cell(t)


def fits(f: Frame, parts: Sequence[AV]) -> bool:
    """Whether these can be elements of a list that grows."""
    types = [dynamic(typ(p)) for p in parts]
    if not all(map(is_plain, types)):
        return False
    try:
        reduce(join, types) if types else None
    except Disagree:
        return False
    return True


def empty() -> AV:
    return AV("vector", None, (), (ZERO,))


def of(f: Frame, parts: Sequence[AV]) -> AV:
    """A growable list that begins with these elements."""
    a = empty()
    for part in parts:
        a = pushed(f, a, part)
    return a


def buffer_types(t: T | None) -> tuple[Array, ...]:
    """The buffers of a list of such elements."""
    found = leaf_types(t) if t is not None else []
    assert all(isinstance(x, Scalar) for x in found)
    return tuple([Array(x, 1) for x in found if isinstance(x, Scalar)])


def element(f: Frame, a: AV, value: AV) -> T:
    """The type of the elements once a value is among them."""
    t = dynamic(typ(f.whole(value)))
    if not is_plain(t):
        raise f.error(
            "E01",
            f"a list that grows, of {describe(typ(records.contents(f, value)))}",
            "the elements of a list that grows are numbers, and tuples and records of them, so far",
            "write into an array of two axes, or keep the parts in lists of their own",
        )
    return t if a.info is None else joined(f, [a.info, t], "an element of a list")


def has_cell(t: T) -> bool:
    return t.kind in ("cell", "vector", "view", "array") or any(map(has_cell, t.kids))


def converted(f: Frame, a: AV, t: T) -> AV:
    """The same list with elements of a wider type."""
    if a.info == t:
        return a
    old, new = buffer_types(a.info), buffer_types(t)
    n, *buffers = a.leaves
    if a.info is None:
        made = [ndarray.zeros(f, [ZERO], b.elem).leaves[0] for b in new]
        return AV("vector", t, (), (n, *made))
    if len(old) != len(new):
        raise f.error(
            "E07",
            f"a list of {describe(a.info)} that gets {describe(t)}",
            "what it holds already has another structure",
            "make all elements of one kind",
        )
    out: list[Operand] = []
    for x, was, now in zip(buffers, old, new, strict=True):
        if was == now:
            out.append(x)
            continue
        out.append(moved(f, x, n, views.length_of(f, x), now.elem))
    return AV("vector", t, (), (n, *out))


def pushed(f: Frame, a: AV, value: AV) -> AV:
    """The list with one more element."""
    value = f.whole(value)
    t = element(f, a, value)
    a = converted(f, a, t)
    n, *buffers = a.leaves
    parts = coerce(f, value, t)
    if buffers:
        room = views.length_of(f, buffers[0])
        full = f.scalar("eq", (n, room), BOOL)
        now = [array(x) for x in buffers]
        grown = fork(f, full, lambda: [larger(f, x, room) for x in now], lambda: now)
        buffers = [
            f.emit("set", [x.leaves[0], n, part], [x.leaves[0].type])
            for x, part in zip(grown, parts, strict=True)
        ]
    more = f.scalar("add", (n, ONE), I64, True)
    operators.natural(f, more)
    return AV("vector", t, (), (more, *buffers))


def larger(f: Frame, a: AV, room: Operand) -> AV:
    """A buffer of twice the room that begins with the same elements."""
    twice = f.scalar("max", (f.scalar("add", (room, room), I64, True), Literal(LEAST, I64)), I64)
    operators.natural(f, twice)
    return array(moved(f, a.leaves[0], room, twice, views.element_type(f, a)))


def moved(f: Frame, x: Operand, n: Operand, room: Operand, elem: Scalar) -> Operand:
    """A buffer of this room that begins with the first n elements of x."""
    ref = ndarray.owned(f, ndarray.zeros(f, [room], elem))
    parts = [views.packed(f, views.first(f, a, n)) for a in (ref, array(x))]
    ndarray.run(f, elements.assign, *parts)
    return records.contents(f, ref).leaves[0]


def array(x: Operand) -> AV:
    return AV("array", None, (), (x,))


def place(f: Frame, a: AV, i: AV, text: str = BEYOND) -> Operand:
    """An index, checked and counted from the start."""
    return views.inside(f, operators.as_int(f, i, "an index of a list"), a.leaves[0], text)


def item(f: Frame, a: AV, k: Operand) -> AV:
    """Element k, which is known to be there; a list that has never had one has none."""
    if a.info is None:
        f.check(Literal(False, BOOL), "IndexError", BEYOND)
    found = [
        f.emit("get", [x, k], [b.elem])
        for x, b in zip(a.leaves[1:], buffer_types(a.info), strict=True)
    ]
    return build(a.info, iter(found))


def getitem(f: Frame, a: AV, i: AV) -> AV:
    if i.kind == "slice":
        return sliced(f, a, i)
    return item(f, a, place(f, a, i))


def sliced(f: Frame, a: AV, i: AV) -> AV:
    """A new list with the elements of a slice."""
    if a.info is None:
        return records.kept(f, list, a)
    out: list[Operand] = []
    count: Operand = ZERO
    for x in a.leaves[1:]:
        whole = views.packed(f, views.first(f, array(x), a.leaves[0]))
        part = views.packed(f, views.part(f, whole, i))
        count = views.shape(f, part)[0]
        out.append(records.contents(f, ndarray.copied(f, part, cell=True)).leaves[0])
    return records.kept(f, list, AV("vector", a.info, (), (count, *out)))


def replaced(f: Frame, a: AV, i: AV, value: AV) -> AV:
    """The list with another element at an index."""
    k = place(f, a, i, "list assignment index out of range")
    t = element(f, a, value)
    a = converted(f, a, t)
    n, *buffers = a.leaves
    parts = coerce(f, f.whole(value), t)
    made = [f.emit("set", [x, k, part], [x.type]) for x, part in zip(buffers, parts, strict=True)]
    return AV("vector", t, (), (n, *made))


def popped(f: Frame, a: AV, i: AV | None) -> tuple[AV, AV]:
    """The list without its last element, or that at an index, and the element."""
    n, *buffers = a.leaves
    f.check(f.scalar("gt", (n, ZERO), BOOL), "IndexError", "pop from empty list")
    less = f.scalar("sub", (n, ONE), I64, True)
    operators.natural(f, less)
    k = less if i is None else place(f, a, i, "pop index out of range")
    out = item(f, a, k)
    if i is not None:
        buffers = [shifted(f, growing.closed_up, x, k, less) for x in buffers]
    return AV("vector", a.info, (), (less, *buffers)), out


def inserted(f: Frame, a: AV, i: AV, value: AV) -> AV:
    """The list with an element before an index, which counts as Python's slices do."""
    k = views.clamped(
        f, operators.as_int(f, i, "an index of a list"), a.leaves[0], ZERO, a.leaves[0]
    )
    last = a.leaves[0]
    a = pushed(f, a, value)
    n, *buffers = a.leaves
    buffers = [shifted(f, growing.opened_up, x, k, last) for x in buffers]
    return AV("vector", a.info, (), (n, *buffers))


def shifted(f: Frame, how: Callable[..., object], x: Operand, k: Operand, last: Operand) -> Operand:
    ref = ndarray.owned(f, array(x))
    ndarray.run(f, how, ref, number(k), number(last))
    return records.contents(f, ref).leaves[0]


def operator(f: Frame, opcode: str, a: AV, b: AV) -> AV | None:
    """`xs + ys`, `xs * n`."""
    from . import calls

    if opcode == "add":
        if "num" in (a.kind, b.kind):
            return None
        return calls.call(f, records.function(f, growing.joined), [a, b], {})
    parts, n = (a, b) if b.kind == "num" else (b, a)
    return calls.call(f, records.function(f, growing.repeated), [parts, n], {})


def as_array(f: Frame, a: AV) -> AV | None:
    """np.array of a list of numbers."""
    if a.info is None:
        return ndarray.kept(f, ndarray.zeros(f, [ZERO], F64))
    if a.info.kind != "num":
        return None
    whole = views.packed(f, views.first(f, array(a.leaves[1]), a.leaves[0]))
    return ndarray.copied(f, whole)


def method(f: Frame, word: str, ref: AV, a: AV, given: list[AV]) -> AV:
    """append, extend, insert, pop, reverse, clear, copy, sort."""
    from . import calls

    if word == "copy":
        return records.kept(f, list, a)
    if ref.kind != "cell":
        raise records.unwritable(f, a)
    out = NOTHING
    match word:
        case "append":
            a = pushed(f, a, given[0])
        case "extend":
            calls.call(f, records.function(f, growing.extended), [ref, given[0]], {})
            return out
        case "insert":
            a = inserted(f, a, given[0], given[1])
        case "pop":
            a, out = popped(f, a, given[0] if given else None)
        case "clear":
            a = AV("vector", a.info, (), (ZERO, *a.leaves[1:]))
        case "reverse":
            calls.call(f, records.function(f, growing.reversed_in_place), [ref], {})
            return out
        case _:
            raise f.error(
                "E01",
                f"`{word}` of a list that grows",
                "it is not there yet",
                "write a loop, or make an array of it: np.array(xs)",
            )
    f.store[ref.info] = a
    return out
