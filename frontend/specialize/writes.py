"""Records that a call writes, at the border of the program and of a derivative.

Compiled code hands back the fields that it has written (`Updated`), and whoever called puts them in
place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ...ir.structure import KEPT, Given, Shared, Way
from . import cells, ndarray, pending, pools, sums, views
from .records import class_of, contents, kept
from .values import AV, HOLDERS, UNDEFINED, T, cells_in, same

if TYPE_CHECKING:
    from .frame import Frame

Entered = list[tuple[Way, AV, AV]]  # the way to a record, its cell, what it held
PARTS = ("view", "element", "inner")  # references to parts of arrays and lists
EMPTY: Mapping[Way, Way] = {}
# what is handed over as structures, since a derivative is taken of it: the first of two, for one
Plain = Literal["result", "primal", "nothing"]


def entered(f: Frame, a: AV, way: Way, found: Entered, same: Mapping[Way, Way] = EMPTY) -> AV:
    """An argument from Python: records of classes that are written become cells.

    One that stands at several places (see `same`) is one cell.
    """
    if not a.kids and a.kind not in ("array", "vector"):
        return a
    first = same.get(way)
    if first is not None:
        for there, ref, _ in found:
            if there == first:
                return ref
    kids = tuple([entered(f, kid, (*way, k), found, same) for k, kid in enumerate(a.kids)])
    a = AV(a.kind, a.info, kids, a.leaves)
    if a.kind not in HOLDERS:
        return a
    ref = kept(f, class_of(a), a)
    if ref is not a:
        found.append((way, ref, a))
    return ref


def left(f: Frame, out: AV, found: Entered, plain: Plain) -> AV:
    """What a call hands to whoever called: its result, and the fields that it wrote."""
    changed = [(way, pools.unmarked(f.store[ref.info]), old) for way, ref, old in found]
    changed = [(way, new, old) for way, new, old in changed if not same(new, old)]
    news: list[list[AV | None]] = []
    for _, new, old in changed:
        like = new.info == old.info
        news.append(
            [None if like and same(kid, old.kids[k]) else kid for k, kid in enumerate(new.kids)]
        )
    going = [kid for kids in news for kid in kids if kid is not None]
    leaving = Leaving(f, found, [out, *going])
    result = leaving.result(out, plain)
    writes: list[AV] = []
    for (_, new, _), kids in zip(changed, news, strict=True):
        if new.kind in ("array", "vector"):
            pools.refuse_objects(f, new)
            writes.append(new)
            continue
        parts = [AV("const", KEPT) if kid is None else leaving.value(kid) for kid in kids]
        writes.append(AV(new.kind, new.info, tuple(parts)))
    shared = leaving.shared()
    if not writes and not shared and not leaving.given:
        return result
    return AV("tuple", tuple([way for way, _, _ in changed]), (result, *writes, *shared))


class Leaving:
    """What leaves a call: one object stays one.

    A record or an array of the arguments is `Given`, a record that stands at several places is
    `Shared`.  Other arrays are copied.
    """

    def __init__(self, f: Frame, found: Entered, going: list[AV]) -> None:
        self.f = f
        self.mine = {ref.info: way for way, ref, _ in found}
        self.given = False
        self.numbers: dict[Any, int] = {}
        self.several = self.repeated(going)

    def result(self, out: AV, plain: Plain) -> AV:
        if plain == "primal" and out.kind == "tuple" and len(out.kids) == 2:
            return AV("tuple", None, (snapshot(self.f, out.kids[0]), self.value(out.kids[1])))
        return self.value(out) if plain == "nothing" else snapshot(self.f, out)

    def repeated(self, going: list[AV]) -> set[Any]:
        """The cells that are reached in several ways."""
        seen, again = set[Any](), set[Any]()
        work = list(going)
        while work:
            a = work.pop()
            if a.kind == "cell":
                if a.info in self.mine or contents(self.f, a).kind == "array":
                    continue
                if a.info in seen:
                    again.add(a.info)
                    continue
                seen.add(a.info)
                a = contents(self.f, a)
            if a.kind not in ("boxed", *PARTS):
                work.extend(a.kids)
        return again

    def value(self, a: AV) -> AV:
        if a.kind == "cell" and a.info in self.mine:
            self.given = True
            return AV("const", Given(self.mine[a.info]))
        array = contents(self.f, a).kind == "array"
        if array or a.kind in ("boxed", *PARTS) or (a.kind != "cell" and not a.kids):
            return snapshot(self.f, a)
        if one_of_arrays(self.f, a):
            return sums.dispatch(self.f, a, self.value, sums.not_callable)
        if a.kind != "cell":
            return self.parts(a)
        if a.info in self.several:
            return AV("const", Shared(self.numbers.setdefault(a.info, len(self.numbers))))
        held = contents(self.f, a)
        return held if held.kind == "cell" else self.value(held)

    def parts(self, a: AV) -> AV:
        return AV(a.kind, a.info, tuple([self.value(k) for k in a.kids]), a.leaves)

    def shared(self) -> list[AV]:
        """What these records hold; there may be more of them in there."""
        out: list[AV] = []
        while len(out) < len(self.numbers):
            out.append(self.parts(self.f.store[list(self.numbers)[len(out)]]))
        return out


class Opened(NamedTuple):
    """A function on plain records, and its arguments as such."""

    fn: AV
    args: list[AV]
    twice: set[int]  # arguments that hold a record which stands at two places
    shared: set[Any]  # arrays that are reached in two ways, and so must not be written


def opened(
    f: Frame, inner: AV, args: list[AV], active: set[int], plain: Plain = "result"
) -> Opened:
    """A function on plain records: a derivative is taken by their fields, not by references.

    An array that stands twice, one of them in an active argument, is two while nobody writes it.
    """
    if not f.program.mutable:
        return Opened(inner, args, set(), set())
    shared = set(cells.reached(f, [inner])) & set(cells.reached(f, args))
    first: dict[Any, Way] = {}
    seen_in_part = list[Any]()  # roots of views: who writes one writes a part of the other
    again: list[tuple[Way, Way]] = []
    work: list[tuple[Way, AV]] = [((k,), a) for k, a in reversed(list(enumerate(args)))]
    while work:
        way, a = work.pop()
        if a.kind == "cell":
            if a.info in first:
                other = first[a.info]
                if contents(f, a).kind == "array" and active & {way[0], other[0]}:
                    shared.add(a.info)
                else:
                    again.append((way, other))
                continue
            first[a.info] = way
        if a.kind in PARTS or one_of_arrays(f, a):
            seen_in_part += set(cells_in(a))  # one of several is seen once
            continue
        kids = contents(f, a).kids
        work += [((*way, k), kid) for k, kid in reversed(list(enumerate(kids)))]
    shared |= {c for c, n in Counter([*seen_in_part, *first]).items() if n > 1}
    if any(c in f.store and f.store[c].kind != "array" for c in shared):
        raise in_two_ways(f)
    twice = {way[0] for pair in again for way in pair}
    fn = AV("opened", (tuple(again), plain), (inner,))
    return Opened(fn, [snapshot(f, a) for a in args], twice, shared)


def in_two_ways(f: Frame) -> Exception:
    return f.error(
        "E11",
        "a derivative by a record that the function reaches in two ways",
        "a write by one of them would be seen by the other, and both have a part in it",
        "pass it once, or pass a copy: `dataclasses.replace(...)`",
    )


def closed(f: Frame, value: AV, args: list[AV], shared: set[Any], written: set[Any]) -> AV:
    """The result of an opened function; what it wrote stands in the caller's records.

    `written` are the cells that it wrote by itself, since it captures them.
    """
    if shared & written:
        raise in_two_ways(f)
    if value.kind != "tuple" or value.info is None:
        return entered(f, value, (), [])
    result, *rest = value.kids
    count = len(value.info)
    back = Returning(f, args, rest[count:])
    targets = [back.at(way) for way in value.info]
    if any(c in shared for ref in targets for c in cells_in(ref)):
        raise in_two_ways(f)
    news = list[AV]()
    for ref, new in zip(targets, rest[:count], strict=True):
        if new.kind in ("array", "vector"):
            news.append(new)
            continue
        old = f.store[ref.info]
        kids = [
            old.kids[k] if n.kind == "const" and n.info is KEPT else back.value(n)
            for k, n in enumerate(new.kids)
        ]
        news.append(AV(new.kind, new.info, tuple(kids)))
    out = back.value(result)
    for ref, new in zip(targets, news, strict=True):
        if new.kind in ("array", "vector"):
            replaced(f, ref, new)
        else:
            f.store[ref.info] = new
    return out


class Returning:
    """What an opened function hands back, in the caller's cells."""

    def __init__(self, f: Frame, args: list[AV], shared: list[AV]) -> None:
        self.f, self.args, self.shared = f, args, shared
        self.made: dict[int, AV] = {}

    def at(self, way: Way) -> AV:
        ref = self.args[way[0]]
        for k in way[1:]:
            ref = contents(self.f, ref).kids[k]
        return ref

    def value(self, a: AV) -> AV:
        if a.kind == "const" and isinstance(a.info, Given):
            return self.at(a.info.way)
        if a.kind == "const" and isinstance(a.info, Shared):
            return self.one(a.info.number)
        if not a.kids and a.kind != "array":
            return a
        a = self.parts(a)
        return kept(self.f, class_of(a), a) if a.kind in HOLDERS else a

    def one(self, number: int) -> AV:
        """A record that is there before its parts, which may hold it."""
        if number not in self.made:
            self.made[number] = ref = cells.made(self.f, UNDEFINED)
            self.f.store[ref.info] = self.parts(self.shared[number])
        return self.made[number]

    def parts(self, a: AV) -> AV:
        return AV(a.kind, a.info, tuple([self.value(k) for k in a.kids]), a.leaves)


def replaced(f: Frame, ref: AV, new: AV) -> None:
    """An array argument holds what a function has left in it; through a view, by elements."""
    if ref.kind == "cell":
        f.store[ref.info] = new
    elif ref.kind == "sum":

        def one(kid: AV) -> list[AV]:
            replaced(f, kid, new)
            return []

        sums.dispatch_all(f, ref, one, sums.not_callable)
    else:
        ndarray.assign(f, views.view_of(f, ref), new)


def without_writes(t: T | None) -> T:
    """The type of the result proper."""
    assert t is not None
    return t.kids[0] if t.kind == "tuple" and t.info is not None else t


def one_of_arrays(f: Frame, a: AV) -> bool:
    """One of several arrays, or of several ways to see one: copied, they are of one kind."""
    if a.kind != "sum":
        return False
    kinds = [contents(f, k).kind for k in a.kids]
    return "view" in kinds or kinds.count("array") > 1


def snapshot(f: Frame, a: AV, around: tuple[Any, ...] = ()) -> AV:
    """A plain structure: cells become what they hold, views arrays of their own."""
    a = pending.settled(f, a)
    if a.kind in ("view", "element"):
        return contents(f, ndarray.copied(f, a))
    if a.kind == "inner":
        return pools.as_list(f, a)
    if a.kind == "cell":
        if a.info in around:
            raise f.error(
                "E11",
                "a derivative of or by a record that holds itself",
                "it has no end, and neither would its derivative",
                "differentiate by its parts",
            )
        around = (*around, a.info)
    a = pools.unmarked(contents(f, a))
    if not a.kids:
        return a
    if one_of_arrays(f, a):  # of which each becomes the same: an array
        return sums.dispatch(f, a, lambda k: snapshot(f, k, around), sums.not_callable)
    return AV(a.kind, a.info, tuple([snapshot(f, k, around) for k in a.kids]), a.leaves)
