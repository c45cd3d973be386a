"""Arrays and lists as elements of lists that grow.

    path = [x]                     a pool of arrays: their elements one after the other in `data`,
    path.append(x + 1.0)           for each where it starts and its shape; path holds handles 0, 1
    rows[i].append(v)              a pool of lists: where each starts, its length, its room

An element of a list that is an array or a list is a *handle*, an int into the list's pool of such
elements.  A pool is some more leaves of the list itself:

    of arrays   count, used, starts, a buffer of lengths for each axis, data
    of lists    count, used, starts, lengths, rooms, a buffer for each leaf, the pools of these

`rows[i]` is a reference: the list, which of its pools, the handle.  So writes through it are seen
by whoever has the list, and `rows.append(rows[0])` appends the same object.

What comes from elsewhere is copied into the pool when it is appended.  Nobody can tell as long as
nobody else holds it; where somebody does, both are *shared* from then on, and a write to either is
E11: a copy would not see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, I64, Array, Scalar, Type
from ..prelude import elements, growing
from . import joins, lifetimes, ndarray, operators, records, vectors, views
from .branches import fork
from .slots import (
    Path,
    Shared,
    Slot,
    as_before,
    changed,
    find,
    layout,
    marked,
    pool_types,
    slot_type,
    slots_in,
)
from .values import (
    AV,
    NOTHING,
    STRUCTURES,
    T,
    build,
    describe,
    dynamic,
    leaf_types,
    number,
    typ,
)
from .views import ONE, ZERO, Along, View

if TYPE_CHECKING:
    from .frame import Frame

OBJECTS = frozenset({"array", "view", "element", "pending", "vector", "inner"})


# ---- types --------------------------------------------------------------------------------------


def stored(f: Frame, a: AV) -> T:
    """The type that a value has as an element of a list."""
    if a.kind in STRUCTURES:
        return T(a.kind, a.info, tuple([stored(f, k) for k in a.kids]))
    if views.is_array(f, a):
        return slot_type(Slot(Array(views.element_type(f, a), views.rank(f, a))))
    held = records.contents(f, a)
    if held.kind == "vector":
        return slot_type(Slot(None, held.info))
    if held.kind == "inner":
        return slot_type(Slot(None, place_of(f, held)[2].element))
    return dynamic(typ(a))


def converted(f: Frame, old: T | None, new: T, left: Iterator[Operand]) -> list[Operand]:
    """The leaves of a list after its length, as those of one with elements of a wider type."""
    if old is None:
        return [empty(f, x) for x in layout(new)]
    was = [Array(x, 1) for x in leaf_types(old) if isinstance(x, Scalar)]
    now = [Array(x, 1) for x in leaf_types(new) if isinstance(x, Scalar)]
    out: list[Operand] = []
    for x, y in zip(was, now, strict=True):
        buffer = next(left)
        room = buffer if x == y else vectors.as_type(f, buffer, y.elem)
        out.append(room)
    for a, b in zip(slots_in(old), slots_in(new), strict=True):
        head = 5 if a.array is None else len(pool_types(a))
        out += [next(left) for _ in range(head)]
        if a.array is None and b.element is not None:
            out += converted(f, a.element, b.element, left)
    return out


def empty(f: Frame, t: Type) -> Operand:
    if not isinstance(t, Array):
        return ZERO
    return ndarray.zeros(f, [ZERO], t.elem).leaves[0]


# ---- references ---------------------------------------------------------------------------------


def place_of(f: Frame, a: AV) -> tuple[AV, int, Slot]:
    """The list that a reference is into, where its pool begins, and what that holds."""
    held = records.contents(f, a.kids[0])
    return held, *find(held.info, a.info)


def reference(slot: Slot, path: Path, root: AV, handle: Operand) -> AV:
    return AV("inner" if slot.array is None else "element", path, (root,), (handle,))


def natural(f: Frame, x: Operand) -> Operand:
    operators.natural(f, x)
    return x


def view_of(f: Frame, a: AV) -> View:
    """An array in a pool: a view of the pool's data."""
    held, at, slot = place_of(f, a)
    assert slot.array is not None
    (handle,) = a.leaves
    start = natural(f, vectors.read(f, held.leaves[at + 2], handle))
    lengths = [
        natural(f, vectors.read(f, held.leaves[at + 3 + k], handle)) for k in range(slot.array.rank)
    ]
    root = AV("pool", a.info, a.kids)
    return View(root, ((0, start),), along(f, lengths))


def along(f: Frame, lengths: Sequence[Operand]) -> tuple[Along, ...]:
    """The axes of an array in C order, all along the one axis of the data."""
    out: list[Along] = []
    step: Operand = ONE
    for n in reversed(lengths):
        out.append(Along(0, ZERO, n, step))
        step = n if step == ONE else f.scalar("mul", (step, n), I64, True)
    return tuple(reversed(out))


def data(f: Frame, root: AV) -> AV:
    """The data of a pool of arrays, as an array."""
    held, at, slot = place_of(f, root)
    return AV("array", None, (), (held.leaves[at + len(pool_types(slot)) - 1],))


def write_data(f: Frame, root: AV, new: Operand) -> None:
    """Let the data of a pool be another array, after a write of an element."""
    held, at, slot = place_of(f, root)
    refuse_shared(f, slot.shared, "an array in a list")
    put(f, root.kids[0], held, {at + len(pool_types(slot)) - 1: new})


def put(f: Frame, root: AV, held: AV, news: dict[int, Operand]) -> None:
    """Some leaves of a list anew."""
    if root.kind != "cell":
        raise records.unwritable(f, held)
    leaves = tuple([news.get(k, x) for k, x in enumerate(held.leaves)])
    f.store[root.info] = AV("vector", held.info, held.kids, leaves)


def refuse_shared(f: Frame, shared: Shared | None, what: str) -> None:
    if shared is None:
        return
    line = shared.loc[0].line if shared.loc else 0
    raise f.error(
        "E11",
        f"a write to {what} that was appended at line {line}, and that others hold, too",
        "the list holds a copy of it, and a write to one would not be seen in the other",
        "append a copy, `xs.append(x.copy())` or `xs.append(list(x))`, or write before that",
    )


def share(f: Frame, a: AV) -> None:
    """Whoever holds this object holds what a list has a copy of: it is written no more."""
    if a.kind in ("element", "inner", "view"):
        root = a.kids[0]
        path = a.info if a.kind != "view" else root.info
        if a.kind != "view" or root.kind == "pool":
            owner = root if a.kind != "view" else root.kids[0]
            if owner.kind == "cell":
                held = f.store[owner.info]
                f.store[owner.info] = AV(
                    "vector", marked(held.info, path, f.loc), held.kids, held.leaves
                )
            return
        a = root
    if a.kind == "cell":
        held = f.store[a.info]
        if held.kind == "array" and held.info is None:
            f.store[a.info] = AV("array", Shared(f.loc), (), held.leaves)
        if held.kind == "vector" and not held.kids:
            f.store[a.info] = AV("vector", held.info, (AV("const", Shared(f.loc)),), held.leaves)


def all_shared(f: Frame, ref: AV, a: AV) -> T:
    """The element type of a list of whose objects another list is to hold references, too."""
    t: T = a.info
    for k in range(len(list(slots_in(t)))):
        t = marked(t, (k,), f.loc)
    if ref.kind == "cell":
        f.store[ref.info] = AV("vector", t, a.kids, a.leaves)
    return t


def refuse_objects(f: Frame, a: AV) -> None:
    """A list among the arguments whose arrays or lists a call writes: Python holds those."""
    if a.kind == "vector" and any(True for _ in slots_in(a.info)):
        raise f.error(
            "E11",
            "a write to a list of arrays or lists among the arguments",
            "compiled code has copies of them, and others may hold the objects themselves",
            "make a list of your own first, `[list(r) for r in rows]`, and return it",
        )


def unmarked(a: AV) -> AV:
    """An array or list without the mark that it is shared, which is no part of what it holds."""
    if a.kind == "array" and isinstance(a.info, Shared):
        return AV("array", None, (), a.leaves)
    return AV("vector", a.info, (), a.leaves) if shared_mark(a) else a


def shared_mark(held: AV) -> Shared | None:
    """Since where a list is shared, if it is."""
    return held.kids[0].info if held.kind == "vector" and held.kids else None


def built(f: Frame, t: T, leaves: Iterator[Operand], root: AV, above: Path = ()) -> AV:
    """An element from its leaves, in which handles are references into the list."""
    count = 0

    def part(t: T) -> AV:
        nonlocal count
        if t.kind == "slot":
            count += 1
            return reference(t.info, (*above, count - 1), root, next(leaves))
        if t.kind in STRUCTURES:
            return AV(t.kind, t.info, tuple([part(k) for k in t.kids]))
        return build(t, leaves)

    return part(t)


# ---- what is put in -----------------------------------------------------------------------------


class Filling:
    """A list while objects are put into its pools; `root` refers to it, if anything does."""

    def __init__(self, f: Frame, held: AV, root: AV | None) -> None:
        self.f, self.root = f, root
        self.t: T = held.info
        self.kids = held.kids
        self.leaves = list(held.leaves)

    def made(self) -> AV:
        return AV("vector", self.t, self.kids, tuple(self.leaves))

    def parts(self, t: T, a: AV, path: Path = ()) -> list[Operand]:
        """The leaves of a value as an element of type t, objects in it as handles."""
        count = 0

        def part(t: T, a: AV) -> list[Operand]:
            nonlocal count
            if t.kind == "slot":
                count += 1
                return [self.handle((*path, count - 1), a)]
            if t.kind in STRUCTURES and any(True for _ in slots_in(t)):
                held = records.contents(self.f, a)
                rows = zip(t.kids, held.kids, strict=True)
                return [x for u, k in rows for x in part(u, k)]
            return joins.coerce(self.f, a, t)

        return part(t, self.f.whole(a))

    def handle(self, path: Path, a: AV) -> Operand:
        f = self.f
        held = records.contents(f, a)
        mine = held.kind in ("element", "inner") and held.info == path
        if mine and self.root is not None and held.kids[0].kind == self.root.kind == "cell":
            if held.kids[0].info == self.root.info:
                return held.leaves[0]
        alive = lifetimes.alive(f, a)
        before = find(self.t, path)[1]
        handle = self.array(path, a) if views.is_array(f, a) else self.inner(path, a)
        if alive:
            share(f, a)
            self.t = marked(self.t, path, f.loc)
        else:  # and so nobody holds what it holds
            self.t = changed(self.t, path, lambda s: as_before(s, before))
        return handle

    def array(self, path: Path, a: AV) -> Operand:
        """A copy of an array at the end of the pool."""
        f = self.f
        at, slot = find(self.t, path)
        assert slot.array is not None
        count, used = self.leaves[at : at + 2]
        lengths = views.shape(f, a)
        size = ndarray.product(f, lengths)
        last = at + len(pool_types(slot)) - 1
        after = natural(f, f.scalar("add", (used, size), I64, True))
        self.reserve(last, after)
        target = ndarray.owned(f, vectors.array(self.leaves[last]))
        ndarray.assign(f, View(target, ((0, used),), along(f, lengths)), a)
        self.leaves[last] = records.contents(f, target).leaves[0]
        self.entry(at, count, [used, *lengths])
        self.leaves[at + 1] = after
        return count

    def entry(self, at: int, count: Operand, values: Sequence[Operand]) -> None:
        """One more object of a pool: where it starts, and the rest."""
        f = self.f
        more = natural(f, f.scalar("add", (count, ONE), I64, True))
        for k, value in enumerate(values):
            self.reserve(at + 2 + k, more)
            self.set(at + 2 + k, count, value)
        self.leaves[at] = more

    def reserve(self, k: int, size: Operand) -> None:
        self.leaves[k] = vectors.reserved(self.f, self.leaves[k], size)

    def set(self, k: int, at: Operand, value: Operand) -> None:
        self.leaves[k] = vectors.written(self.f, self.leaves[k], at, value)

    def inner(self, path: Path, a: AV) -> Operand:
        """A copy of a list: an empty one, which its elements are appended to."""
        f = self.f
        at, _ = find(self.t, path)
        count, used = self.leaves[at : at + 2]
        self.entry(at, count, [used, ZERO, ZERO])
        self.t = changed(self.t, path, lambda s: s._replace(shared=None))  # this one is new
        temporary = ndarray.owned(f, self.made())
        ref = AV("inner", path, (temporary,), (count,))
        ndarray.run(f, growing.extended, ref, a)
        held = f.store.pop(temporary.info)
        self.t, self.leaves = held.info, list(held.leaves)
        return count


# ---- lists in lists -----------------------------------------------------------------------------


def length(f: Frame, a: AV) -> Operand:
    held, at, _ = place_of(f, a)
    return natural(f, vectors.read(f, held.leaves[at + 3], a.leaves[0]))


def item(f: Frame, a: AV, k: Operand) -> AV:
    """Element k, which is known to be there."""
    held, at, slot = place_of(f, a)
    if slot.element is None:
        f.check(Literal(False, BOOL), "IndexError", vectors.BEYOND)
        return NOTHING
    start = vectors.read(f, held.leaves[at + 2], a.leaves[0])
    place = f.scalar("add", (start, k), I64, True)
    count = len(leaf_types(slot.element))
    found = [vectors.read(f, x, place) for x in held.leaves[at + 5 : at + 5 + count]]
    return built(f, slot.element, iter(found), a.kids[0], a.info)


def setitem(f: Frame, a: AV, i: AV, value: AV) -> None:
    index = operators.as_int(f, i, "an index of a list")
    k = views.inside(f, index, length(f, a), "list assignment index out of range")
    filling, at, t = widened(f, a, value)
    start = vectors.read(f, filling.leaves[at + 2], a.leaves[0])
    put_at(f, filling, a, t, f.scalar("add", (start, k), I64, True), value)


def widened(f: Frame, a: AV, value: AV) -> tuple[Filling, int, T]:
    """The list around a list, with elements that a value can be among; E11 where it is shared."""
    root = a.kids[0]
    held, _, slot = place_of(f, a)
    if root.kind != "cell":
        raise records.unwritable(f, held)
    refuse_shared(f, slot.shared, "a list in a list")
    new = stored(f, f.whole(value))
    if slot.element is not None:
        new = joins.joined(f, [slot.element, new], "an element of a list")
    if new != slot.element:
        held = vectors.converted(
            f, held, changed(held.info, a.info, lambda s: s._replace(element=new))
        )
    at, slot = find(held.info, a.info)
    return Filling(f, held, root), at, new


def put_at(f: Frame, filling: Filling, a: AV, t: T, place: Operand, value: AV) -> None:
    """Write an element of a list in a list, which has room there, and keep the whole."""
    parts = filling.parts(t, value, a.info)
    at, _ = find(filling.t, a.info)
    for k, x in enumerate(parts):
        filling.set(at + 5 + k, place, x)
    f.store[a.kids[0].info] = filling.made()


def push(f: Frame, a: AV, value: AV) -> None:
    """`rows[i].append(value)`: where the list has room, or in twice as much elsewhere."""
    filling, at, t = widened(f, a, value)
    (handle,) = a.leaves
    start, n, room = (vectors.read(f, filling.leaves[at + k], handle) for k in (2, 3, 4))
    used = filling.leaves[at + 1]
    count = len(leaf_types(t))
    buffers = [vectors.array(x) for x in filling.leaves[at + 5 : at + 5 + count]]

    def elsewhere() -> list[AV]:
        twice = f.scalar("max", (f.scalar("add", (n, n), I64, True), Literal(4, I64)), I64)
        end = f.scalar("add", (used, twice), I64, True)
        moved = [relocated(f, b, start, n, used, end) for b in buffers]
        return [*map(number, (used, twice, natural(f, end))), *moved]

    def here() -> list[AV]:
        return [*map(number, (start, room, used)), *buffers]

    full = f.scalar("eq", (n, room), BOOL)
    found = [x.leaves[0] for x in fork(f, full, elsewhere, here)]
    start, room, filling.leaves[at + 1] = found[:3]
    filling.leaves[at + 5 : at + 5 + count] = found[3:]
    more = natural(f, f.scalar("add", (n, ONE), I64, True))
    for k, x in ((2, start), (3, more), (4, room)):
        filling.set(at + k, handle, x)
    put_at(f, filling, a, t, f.scalar("add", (start, n), I64, True), value)


def relocated(f: Frame, a: AV, start: Operand, n: Operand, to: Operand, end: Operand) -> AV:
    """A buffer with room up to `end`, in which n elements from `start` stand at `to`, too."""
    new = ndarray.owned(f, vectors.array(vectors.reserved(f, a.leaves[0], end)))
    source, target = (views.packed(f, View(new, (), (Along(0, at, n, ONE),))) for at in (start, to))
    ndarray.run(f, elements.assign, target, source)
    return records.contents(f, new)


def pop(f: Frame, a: AV) -> AV:
    held, at, slot = place_of(f, a)
    refuse_shared(f, slot.shared, "a list in a list")
    n = length(f, a)
    f.check(f.scalar("gt", (n, ZERO), BOOL), "IndexError", "pop from empty list")
    less = natural(f, f.scalar("sub", (n, ONE), I64, True))
    out = item(f, a, less)
    put(f, a.kids[0], held, {at + 3: vectors.written(f, held.leaves[at + 3], a.leaves[0], less)})
    return out


def method(f: Frame, word: str, a: AV, given: list[AV]) -> AV:
    """The methods of a list in a list."""
    if word == "append":
        push(f, a, given[0])
        return NOTHING
    if word == "pop" and not given:
        return pop(f, a)
    if word not in growing.INNER:
        raise f.error(
            "E01",
            f"`{word}` of a list in a list",
            "it is not there yet",
            "write a loop, or make an array of it: np.array(xs)",
        )
    return ndarray.run(f, growing.INNER[word], a, *given)


def as_list(f: Frame, a: AV) -> AV:
    """A list in a list as a list of its own, with copies of its elements."""
    return records.contents(f, ndarray.run(f, growing.listed, a))


def refused(f: Frame, a: AV) -> Exception:
    return f.error(
        "E01",
        f"a list that grows, of {describe(typ(records.contents(f, a)))}",
        "the elements of a list that grows are numbers, arrays, lists, and tuples and records of "
        "them that do not change",
        "keep the parts in lists of their own",
    )
