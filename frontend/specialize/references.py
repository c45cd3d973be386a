"""References in boxes: which variables and records that change, what stands in a box refers to.

    def f(x, n):
        count = 0                                                    cell 1
        def go(k, then):
            nonlocal count
            count += 1
            if k == 0:
                return then(1.0)
            return go(k - 1, lambda r: then(r * x + count))          refers to cell 1
        return go(n, lambda r: r)

A reference to a cell has no leaves (see `cells`), so a box holds none: which cell is meant is known
beside the box.  What boxes hold (`boxes.Held`) says `cell` and the place where it stands, such as
"capture `count` of @f.go.lambda".  A boxed value has a kid for each of the places that can be
reached from it, through other boxes too, which is the cell meant there:

    boxed @f.go.lambda [count = cell 1]                              leaves: the box

So calls pass the contents of those cells as they do for any closure, and what several paths bring
together says by a tag, outside the box, which cell is meant.  A box within a box has the cells of
the one around it; hence in one value, one place means one cell, however often a box of that kind
stands in it.  Cells that each round makes anew would need a place in memory of their own (E08).

A place that no value made so far has reached has the kid `undef`; alternatives that need it cannot
be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...ir.core import Function
from . import joins
from .lending import regrouped
from .values import AV, UNDEFINED, Dead, Label, T, cells_in, is_moved, same

if TYPE_CHECKING:
    from .boxes import Held
    from .frame import Frame

Step = tuple[str, Any, int, int]  # what a structure is, how many parts it has, and which of them


class Place(NamedTuple):
    """Where a reference stands in what boxes of one kind hold."""

    kind: Any
    way: tuple[Step, ...]
    which: int = 0  # of several cells that the reference may mean, told apart in the box


def step(a: AV | T, k: int) -> Step:
    return a.kind, a.info, len(a.kids), k


def in_types(kids: tuple[T, ...]) -> tuple[tuple[Place, ...], tuple[Any, ...]]:
    """The places of references in what a box holds, and the kinds of boxes in it."""
    places: dict[Place, None] = {}
    nested: dict[Any, None] = {}
    work = list(reversed(kids))
    while work:
        t = work.pop()
        if t.kind == "cell":
            places[t.info] = None
        elif t.kind == "boxed" and not is_moved(t):
            nested[t.info] = None
        work.extend(reversed(t.kids))
    return tuple(places), tuple(nested)


def bare(t: T) -> T:
    """A type as it stands in a box: what the boxes within refer to, the one around says."""
    if not t.kids or t.kind == "boxed":
        return T(t.kind, t.info, (), t.leaves)
    return T(t.kind, t.info, tuple(map(bare, t.kids)), t.leaves)


def places(table: Mapping[Any, Held], kind: Any) -> tuple[Place, ...]:
    """The places of references that are reached from a box, in the order of its kids."""
    out: dict[Place, None] = {}
    seen, work = {kind}, [kind]
    while work:
        held = table[work.pop()]
        out.update(dict.fromkeys(held.places))
        new = [k for k in held.nested if k not in seen]
        seen.update(new)
        work.extend(new)
    return tuple(out)


# ---- into a box ---------------------------------------------------------------------------------


class Taken:
    """What goes into a box, places instead of cells, and the cells that are meant."""

    def __init__(self, f: Frame, kind: Any, a: AV) -> None:
        self.f, self.kind = f, kind
        self.meant: dict[Place, AV] = {}
        for k in a.kids:
            self.note_boxes(k)
        self.kids = tuple([self.taken(k, (step(a, n),)) for n, k in enumerate(a.kids)])

    def note_boxes(self, a: AV) -> None:
        """What the boxes within say of the cells: theirs are those of the box around them."""
        if a.kind != "boxed":
            for k in a.kids:
                self.note_boxes(k)
        elif a.kids:
            for p, ref in zip(places(self.f.program.boxes, a.info), a.kids, strict=True):
                if ref.kind != "undef" and not same(self.meant.setdefault(p, ref), ref):
                    raise of_each_round(self.f, p)

    def taken(self, a: AV, way: tuple[Step, ...]) -> AV:
        if a.kind == "cell":
            return self.placed([a], way)[0]
        if a.kind == "boxed":
            return AV(a.kind, a.info, (), a.leaves)
        if not a.kids:
            return a
        if a.kind == "sum":
            cells = iter(self.placed([k for k in a.kids if k.kind == "cell"], way))
            parts = [next(cells) if k.kind == "cell" else self.taken(k, way) for k in a.kids]
        else:
            parts = [self.taken(k, (*way, step(a, n))) for n, k in enumerate(a.kids)]
        return AV(a.kind, a.info, tuple(parts), a.leaves)

    def placed(self, refs: list[AV], way: tuple[Step, ...]) -> list[AV]:
        """Where the cells stand that a reference may mean: as in the boxes within, if there."""
        spots = [Place(self.kind, way, n) for n in range(len(refs))]
        free = [p for p in spots if p not in self.meant]
        where = {self.meant[p].info: p for p in spots if p not in free}
        for ref in refs:
            if ref.info not in where:
                if not free:
                    raise of_each_round(self.f, spots[0])
                where[ref.info] = free.pop(0)
                self.meant[where[ref.info]] = ref
        return [AV("cell", where[ref.info]) for ref in refs]


def of_each_round(f: Frame, place: Place) -> Exception:
    """Boxes that hold one another have different cells at one place."""
    kind, info, _, k = place.way[-1]
    owner, name, what = f"a {kind}", "", "a variable or record"
    if kind == "fn":
        owner, name = f"`{info.fn}`", captured(f.program.functions, info, k)
    elif kind == "record":
        owner = f"a {info.__name__}"
    if name:
        what = f"a variable `{name}`"
    return f.error(
        "E08",
        f"{owner} holds others like itself, each with {what} of its own that changes",
        "what holds itself stands in boxes, and all boxes of one value see the same variables",
        instead(name),
    )


def captured(functions: Mapping[str, Function], label: Label, k: int) -> str:
    """The name of a variable that a function captures; "" where it is a default."""
    return functions[label.fn].captures[k].name if k < label.captures else ""


def anew(functions: Mapping[str, Function], types: Iterable[T]) -> tuple[str, str] | None:
    """A function of which these types hold several, each with a cell of its own, and its name."""
    found: dict[tuple[Label, int], set[Any]] = {}
    work = list(types)
    while work:
        t = work.pop()
        if t.kind == "fn":
            for k, kid in enumerate(t.kids[: t.info.captures]):
                found.setdefault((t.info, k), set()).update(
                    cells_in(kid) if kid.kind == "cell" else ()
                )
        work.extend(t.kids)
    for (label, k), cells in found.items():
        if len(cells) > 1:
            return label.fn, captured(functions, label, k)
    return None


def instead(name: str) -> str:
    """What to write where each round has a variable of its own that changes."""
    if not name:
        return "hold values that do not change, such as records of a frozen class"
    return (
        f"where `{name}` is only read, capture its last value, as a default argument "
        f"`{name}={name}` or under a name that is bound once; else return its new value"
    )


# ---- out of a box -------------------------------------------------------------------------------


class Missing(Exception):
    """A value refers to a cell at a place that no value has reached: it cannot be there."""


def filled(f: Frame, kids: tuple[AV, ...], kind: Any, meant: tuple[AV, ...]) -> tuple[AV, ...]:
    """What comes out of a box, cells instead of places."""
    table = f.program.boxes
    of = dict(zip(places(table, kind), meant, strict=True))

    def fill(a: AV) -> AV:
        if a.kind == "cell":
            if of[a.info].kind == "undef":
                raise Missing
            return of[a.info]
        if a.kind == "boxed" and not is_moved(a):
            refs = tuple([of[p] for p in places(table, a.info)])
            return AV(a.kind, a.info, refs, a.leaves)
        if a.kind == "sum":
            return fill_sum(a)
        return AV(a.kind, a.info, tuple(map(fill, a.kids)), a.leaves) if a.kids else a

    def fill_sum(a: AV) -> AV:
        made: dict[int, AV] = {}
        for n, k in enumerate(a.kids):
            try:
                made[n] = fill(k)
            except Missing:
                pass
        if not made:
            raise Missing
        kids = tuple([made.get(n, UNDEFINED) for n in range(len(a.kids))])
        out = AV(a.kind, a.info, kids, a.leaves)
        if len(made) < len(kids):
            out = joins.narrowed(f, out, frozenset(made))
        cells = [k.info for k in out.kids if k.kind in ("cell", "sum")]
        if out.kind == "sum" and len({None, *cells}) <= len(cells):
            out = regrouped(f, out.leaves[0], list(out.kids), {})
        return out

    try:
        return tuple(map(fill, kids)) if meant else kids
    except Missing:
        raise Dead from None
