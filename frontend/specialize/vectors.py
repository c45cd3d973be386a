"""Lists whose length the run decides: a length, and one growable array for each leaf of an element.

    path = []                              path = 0, no buffers yet
    for k in range(n):
        path.append((x, k))                a buffer of floats and one of ints, doubled when full
    path[-1][0]                            get of the first, at length - 1

A list is one of these where it is made by a comprehension over something of unknown length, or once
a loop was found to let it grow: then the program starts again, and lists that begin empty are
growable.  Elements are numbers, and tuples, records and unions of them, arrays and lists (see
`pools`); their type is joined over all that is put in.  An append is a write into the buffer's next
place, O(1) on the average, and so is its derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, F64, I64, Array, Scalar
from ..prelude import elements, growing
from . import ndarray, operators, pools, records, slots, views
from .branches import fork
from .joins import Disagree, join, joined
from .values import AV, NOTHING, STRUCTURES, T, leaf_types, number

if TYPE_CHECKING:
    from .frame import Frame

ZERO, ONE = Literal(0, I64), Literal(1, I64)
LEAST = 4  # places of a buffer that has any
BEYOND = "list index out of range"


class Grown(Exception):
    """A list that was taken for one of known length grows in a loop."""


def grows(f: Frame) -> bool:
    """Whether lists that this function makes are growable."""
    return f.home == growing.__file__ or (f.program.growing and not f.home.startswith(HERE))


HERE = growing.__file__.rpartition("growing")[0]  # where the prelude is


def is_plain(t: T) -> bool:
    """Whether values of a type are made of numbers and handles alone, as elements are."""
    return t.kind in PLAIN and all(map(is_plain, t.kids))


PLAIN = STRUCTURES | {"num", "const", "sum", "slot"}


def fits(f: Frame, parts: Sequence[AV]) -> bool:
    """Whether these can be elements of a list that grows."""
    types = [pools.stored(f, p) for p in parts]
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


def gathered(f: Frame, args: Sequence[AV], star: Sequence[int]) -> AV:
    """`[*xs, v]`, of which the run decides how many there are."""
    ref = ndarray.owned(f, empty())
    for k, a in enumerate(args):
        if k in star:
            ndarray.run(f, growing.extended, ref, a)
        else:
            f.store[ref.info] = pushed(f, f.store[ref.info], a, ref)
    return ref if list in f.program.mutable else f.store.pop(ref.info)


def element(f: Frame, a: AV, value: AV) -> T:
    """The type of the elements once a value is among them."""
    t = pools.stored(f, f.whole(value))
    if not is_plain(t):
        raise pools.refused(f, value)
    return t if a.info is None else joined(f, [a.info, t], "an element of a list")


def converted(f: Frame, a: AV, t: T) -> AV:
    """The same list with elements of a wider type."""
    if a.info == t:
        return a
    n, *left = a.leaves
    return AV("vector", t, a.kids, (n, *pools.converted(f, a.info, t, iter(left))))


def as_type(f: Frame, x: Operand, elem: Scalar) -> Operand:
    """A buffer of the same numbers, as ones of another type."""
    room = views.length_of(f, x)
    return moved(f, x, room, room, elem)


def read(f: Frame, x: Operand, k: Operand) -> Operand:
    """An element of a buffer, which is known to be there."""
    assert isinstance(x.type, Array)
    found: Operand = f.emit("get", [x, k], [x.type.elem])
    return found


def written(f: Frame, x: Operand, k: Operand, value: Operand) -> Operand:
    """A buffer with another element at a place that it has."""
    made: Operand = f.emit("set", [x, k, value], [x.type])
    return made


def reserved(f: Frame, x: Operand, size: Operand) -> Operand:
    """A buffer with the same elements and room for so many: twice as much where it has less."""
    room = views.length_of(f, x)
    now = array(x)

    def more() -> list[AV]:
        twice = f.scalar(
            "max", (f.scalar("add", (size, size), I64, True), Literal(LEAST, I64)), I64
        )
        operators.natural(f, twice)
        assert isinstance(x.type, Array)
        return [array(moved(f, x, room, twice, x.type.elem))]

    return fork(f, f.scalar("gt", (size, room), BOOL), more, lambda: [now])[0].leaves[0]


def pushed(f: Frame, a: AV, value: AV, ref: AV | None = None) -> AV:
    """The list, which `ref` refers to, with one more element."""
    value = f.whole(value)
    t = element(f, a, value)
    filling = pools.Filling(f, converted(f, a, t), ref)
    parts = filling.parts(t, value)
    n = filling.leaves[0]
    buffers = [array(x) for x in filling.leaves[1 : 1 + len(parts)]]
    if buffers:
        room = views.length_of(f, buffers[0].leaves[0])
        full = f.scalar("eq", (n, room), BOOL)
        grown = fork(f, full, lambda: [larger(f, x, room) for x in buffers], lambda: buffers)
        for k, (x, part) in enumerate(zip(grown, parts, strict=True)):
            filling.leaves[1 + k] = written(f, x.leaves[0], n, part)
    more = f.scalar("add", (n, ONE), I64, True)
    operators.natural(f, more)
    filling.leaves[0] = more
    return filling.made()


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


def item(f: Frame, ref: AV, k: Operand) -> AV:
    """Element k, which is known to be there; a list that has never had one has none."""
    a = records.contents(f, ref)
    if a.kind == "inner":
        return pools.item(f, a, k)
    if a.info is None:
        f.check(Literal(False, BOOL), "IndexError", BEYOND)
    count = len(leaf_types(a.info))
    found = [read(f, x, k) for x in a.leaves[1 : 1 + count]]
    return pools.built(f, a.info, iter(found), ref)


def length(f: Frame, ref: AV) -> Operand:
    a = records.contents(f, ref)
    return pools.length(f, a) if a.kind == "inner" else a.leaves[0]


def getitem(f: Frame, ref: AV, i: AV) -> AV:
    if i.kind == "slice":
        return sliced(f, ref, i)
    n = length(f, ref)
    return item(f, ref, views.inside(f, operators.as_int(f, i, "an index of a list"), n, BEYOND))


def sliced(f: Frame, ref: AV, i: AV) -> AV:
    """A new list with the elements of a slice; objects among them are shared from then on."""
    a = records.contents(f, ref)
    if a.kind == "inner":
        return sliced(f, pools.as_list(f, a), i)
    if a.info is None:
        return records.kept(f, list, a)
    ends = len(leaf_types(a.info)) + 1
    out: list[Operand] = []
    count: Operand = ZERO
    for x in a.leaves[1:ends]:
        whole = views.packed(f, views.first(f, array(x), a.leaves[0]))
        part = views.packed(f, views.part(f, whole, i))
        count = views.shape(f, part)[0]
        out.append(records.contents(f, ndarray.copied(f, part, cell=True)).leaves[0])
    t = pools.all_shared(f, ref, a)
    return records.kept(f, list, AV("vector", t, (), (count, *out, *a.leaves[ends:])))


def replaced(f: Frame, ref: AV, a: AV, i: AV, value: AV) -> AV:
    """The list with another element at an index."""
    k = place(f, a, i, "list assignment index out of range")
    t = element(f, a, value)
    filling = pools.Filling(f, converted(f, a, t), ref)
    for j, part in enumerate(filling.parts(t, value)):
        filling.leaves[1 + j] = written(f, filling.leaves[1 + j], k, part)
    return filling.made()


def popped(f: Frame, ref: AV, a: AV, i: AV | None) -> tuple[AV, AV]:
    """The list without its last element, or that at an index, and the element."""
    n = a.leaves[0]
    f.check(f.scalar("gt", (n, ZERO), BOOL), "IndexError", "pop from empty list")
    less = f.scalar("sub", (n, ONE), I64, True)
    operators.natural(f, less)
    k = less if i is None else place(f, a, i, "pop index out of range")
    out = item(f, ref, k)
    made = a if i is None else each_buffer(f, a, growing.closed_up, k, less)
    return AV("vector", a.info, a.kids, (less, *made.leaves[1:])), out


def inserted(f: Frame, ref: AV, a: AV, i: AV, value: AV) -> AV:
    """The list with an element before an index, which counts as Python's slices do."""
    k = views.clamped(
        f, operators.as_int(f, i, "an index of a list"), a.leaves[0], ZERO, a.leaves[0]
    )
    return each_buffer(f, pushed(f, a, value, ref), growing.opened_up, k, a.leaves[0])


def each_buffer(f: Frame, a: AV, how: Callable[..., object], k: Operand, last: Operand) -> AV:
    """A list whose buffers have been changed by a function of places k and `last`."""
    count = len(leaf_types(a.info)) if a.info is not None else 0
    n, *buffers = a.leaves
    for j in range(count):
        ref = ndarray.owned(f, array(buffers[j]))
        ndarray.run(f, how, ref, number(k), number(last))
        buffers[j] = records.contents(f, ref).leaves[0]
    return AV("vector", a.info, a.kids, (n, *buffers))


def operator(f: Frame, opcode: str, a: AV, b: AV) -> AV | None:
    """`xs + ys`, `xs * n`."""
    from . import calls

    if opcode == "add":
        if "num" in (a.kind, b.kind):
            return None
        return calls.call(f, records.function(f, growing.joined), [a, b], {})
    parts, n = (a, b) if b.kind == "num" else (b, a)
    return calls.call(f, records.function(f, growing.repeated), [parts, n], {})


def as_array(f: Frame, ref: AV) -> AV | None:
    """np.array of a list of numbers, of arrays of one shape, or of lists of one length."""
    a = records.contents(f, ref)
    if a.kind == "inner":
        a = ref = pools.as_list(f, a)
    if a.info is None:
        return ndarray.kept(f, ndarray.zeros(f, [ZERO], F64))
    elem, rank = slots.numbers_in(a.info)
    if elem is None:
        return None
    if rank == 0:
        whole = views.packed(f, views.first(f, array(a.leaves[1]), a.leaves[0]))
        return ndarray.copied(f, whole)
    out = ndarray.owned(f, ndarray.zeros(f, shape_of(f, ref, rank), elem))
    ndarray.run(f, growing.table, ref, out)
    return ndarray.filled(f, out)


def shape_of(f: Frame, ref: AV, rank: int) -> list[Operand]:
    """The shape of an array of a list's elements, which is that of the first and one axis more."""
    n = length(f, ref)
    if not rank:
        return [n]

    def of_first() -> list[AV]:
        one = item(f, ref, ZERO)
        inner = views.shape(f, one) if views.is_array(f, one) else shape_of(f, one, rank - 1)
        return list(map(number, inner))

    some = f.scalar("gt", (n, ZERO), BOOL)
    found = fork(f, some, of_first, lambda: [number(ZERO)] * rank)
    for x in found:
        operators.natural(f, x.leaves[0])
    return [n, *[x.leaves[0] for x in found]]


def method(f: Frame, word: str, ref: AV, a: AV, given: list[AV]) -> AV:
    """append, extend, insert, pop, reverse, clear, copy, sort."""
    if a.kind == "inner":
        return pools.method(f, word, a, given)
    if word == "copy":
        return sliced(f, ref, EVERYTHING)
    if ref.kind != "cell":
        raise records.unwritable(f, a)
    pools.refuse_shared(f, pools.shared_mark(a), "a list")
    out = NOTHING
    match word:
        case "append":
            a = pushed(f, a, given[0], ref)
        case "insert":
            a = inserted(f, ref, a, given[0], given[1])
        case "pop":
            a, out = popped(f, ref, a, given[0] if given else None)
        case "clear":
            a = AV("vector", a.info, a.kids, (ZERO, *a.leaves[1:]))
        case _ if word in growing.METHODS:
            return ndarray.run(f, growing.METHODS[word], ref, *given)
        case _:
            raise f.error(
                "E01",
                f"`{word}` of a list that grows",
                "it is not there yet",
                "write a loop, or make an array of it: np.array(xs)",
            )
    f.store[ref.info] = a
    return out


NONE = AV("const", None)
EVERYTHING = AV("slice", None, (NONE, NONE, NONE))
