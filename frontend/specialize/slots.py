"""What lists that grow hold, as types: numbers, and slots for arrays and lists in pools.

    of arrays     count, used, starts, a buffer of lengths for each axis, data
    of lists      count, used, starts, lengths, rooms, a buffer for each leaf, the pools of these

An element that is an array or a list is a handle, an int: `slot_type` is its type, which says what
the pool holds (see `pools`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...ir.core import Loc, Operand
from ...ir.types import F64, I64, Array, Scalar, Type, cotangent_type
from .values import AV, NONE_T, STRUCTURES, T, cotangent, leaf_types

INTS = Array(I64, 1)
Path = tuple[int, ...]  # which pool of a list, which of the pools of its elements, ...


class Shared:
    """Marks what somebody else holds, too, and since where; marks are alike."""

    def __init__(self, loc: Loc) -> None:
        self.loc = loc

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shared)

    def __hash__(self) -> int:
        return 1


class Slot(NamedTuple):
    """A kind of objects in a pool: arrays of a type, or lists of elements of a type."""

    array: Array | None
    element: T | None = None  # of lists; None where none has had one
    shared: Shared | None = None


def as_before(slot: Slot, before: Slot) -> Slot:
    """A slot whose objects are shared, with all in them, as they were."""
    marks = iter([*slots_in(before.element)])

    def part(t: T) -> T:
        if t.kind == "slot":
            return slot_type(as_before(t.info, next(marks, Slot(None))))
        return T(t.kind, t.info, tuple([part(k) for k in t.kids]), t.leaves) if t.kids else t

    inside = None if slot.element is None else part(slot.element)
    return Slot(slot.array, inside, before.shared)


def slot_type(slot: Slot) -> T:
    return T("slot", slot, (), (I64,))


def slots_in(t: T | None) -> Iterator[Slot]:
    if t is None:
        return
    if t.kind == "slot":
        yield t.info
    for k in t.kids:
        yield from slots_in(k)


def pool_types(slot: Slot) -> tuple[Type, ...]:
    if slot.array is not None:
        lengths = (INTS,) * slot.array.rank
        return (I64, I64, INTS, *lengths, Array(slot.array.elem, 1))
    return (I64, I64, INTS, INTS, INTS, *layout(slot.element))


def layout(t: T | None) -> tuple[Type, ...]:
    """The leaves of a list of such elements, after its length: buffers, then pools."""
    found = [Array(x, 1) for x in (leaf_types(t) if t else ()) if isinstance(x, Scalar)]
    return (*found, *[x for slot in slots_in(t) for x in pool_types(slot)])


def buffers(t: T) -> Iterator[bool]:
    """For each leaf of a value whether it is a buffer of a list, which may have room for more."""
    for x in t.leaves:
        yield t.kind == "vector" and isinstance(x, Array)
    for k in t.kids:
        yield from buffers(k)


def joined(a: Slot, b: Slot) -> Slot | None:
    """The slot for objects of either; None where there is none."""
    shared = a.shared or b.shared
    if a.array is not None or b.array is not None:
        return Slot(a.array, None, shared) if a.array == b.array else None
    if a.element is None or b.element is None:
        return Slot(None, a.element or b.element, shared)
    from .joins import join

    return Slot(None, join(a.element, b.element), shared)


def marked(t: T, path: Path, loc: Loc) -> T:
    """An element type in which the objects of a pool are shared."""
    return changed(t, path, lambda s: s._replace(shared=s.shared or Shared(loc)))


def unshared(t: T) -> T:
    """An element type of which nobody else holds anything."""
    if t.kind == "slot":
        slot: Slot = t.info
        inner = None if slot.element is None else unshared(slot.element)
        return slot_type(Slot(slot.array, inner))
    return T(t.kind, t.info, tuple(map(unshared, t.kids)), t.leaves) if t.kids else t


def changed(t: T, path: Path, how: Callable[[Slot], Slot]) -> T:
    count = 0

    def part(t: T) -> T:
        nonlocal count
        if t.kind == "slot":
            count += 1
            if count - 1 != path[0]:
                return t
            slot: Slot = t.info
            if len(path) == 1:
                return slot_type(how(slot))
            assert slot.element is not None
            return slot_type(slot._replace(element=changed(slot.element, path[1:], how)))
        return T(t.kind, t.info, tuple([part(k) for k in t.kids]), t.leaves) if t.kids else t

    return part(t)


def cotangent_of(t: T | None) -> T | None:
    """The elements of the cotangent of a list: floats, and objects that hold some; None beside."""
    if t is None:
        return None
    if t.kind == "slot":
        slot: Slot = t.info
        if slot.array is not None:
            c = cotangent_type(slot.array)
            return slot_type(Slot(c)) if isinstance(c, Array) else None
        inner = cotangent_of(slot.element)
        return None if inner is None else slot_type(Slot(None, inner))
    if t.kind in STRUCTURES:
        kids = [cotangent_of(k) for k in t.kids]
        if all(k is None for k in kids):
            return None
        return T(t.kind, t.info, tuple([NONE_T if k is None else k for k in kids]))
    return t if t.kind == "num" and cotangent(t) == t else None


def known_leaves(a: AV) -> list[Operand]:
    """What the cotangent of a list has of the list itself: lengths, handles, where they start."""
    n, *left = a.leaves
    return [n, *known_in(a.info, iter(left))]


def known_in(t: T | None, left: Iterator[Operand]) -> list[Operand]:
    if t is None:
        return []
    out: list[Operand] = []

    def part(t: T) -> None:
        buffers = [next(left) for _ in leaf_types(t)] if not t.kids else []
        if t.kind == "slot" and cotangent_of(t) is not None:
            out.extend(buffers)
        for k in t.kids:
            part(k)

    part(t)
    for slot in slots_in(t):
        carries = cotangent_of(slot_type(slot)) is not None
        head = 5 if slot.array is None else len(pool_types(slot)) - 1
        found = [next(left) for _ in range(head)]
        inside = known_in(slot.element, left) if slot.array is None else []
        if slot.array is not None:
            next(left)
        out += [*found, *inside] if carries else []
    return out


def find(t: T, path: Path) -> tuple[int, Slot]:
    """Where a pool begins among the leaves of a list, and what it holds."""
    at, slot = 1, None
    for j in path:
        element = t if slot is None else slot.element
        assert element is not None
        if slot is not None:
            at += 5
        slots = list(slots_in(element))
        at += len(leaf_types(element)) + sum(len(pool_types(s)) for s in slots[:j])
        slot = slots[j]
    assert slot is not None
    return at, slot


def numbers_in(t: T) -> tuple[Scalar | None, int]:
    """What an array of a list's elements holds, and how many axes more than one it has."""
    if t.kind == "num":
        kind = t.leaves[0]
        return (kind if isinstance(kind, Scalar) else None), 0
    if t.kind != "slot":
        return None, 0
    slot: Slot = t.info
    if slot.array is not None:
        return slot.array.elem, slot.array.rank
    if slot.element is None:
        return F64, 1
    elem, rank = numbers_in(slot.element)
    return elem, rank + 1
