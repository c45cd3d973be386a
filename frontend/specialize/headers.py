"""Records of a loop that several names may refer to: header cells, named by places.

    best = start                    best refers to start
    for k in range(n):
        if g(k) > best.v:
            best = Guess(g(k))      to start, or to a cell of the loop: a tag says which
    return best.v + start.v

A place is a carry, or the contents of a cell, with the way into it.  Cells that were made in the
loop, or that its carries alone reach, are the loop's own; others keep their names.  On the back
edge each place has a header cell, which holds what the own cell holds that the place refers to; and
the place refers to the header cell of the first place that refers to the same own cell:

    %same = (a refers to cell 3) and (b refers to cell 3)      a = cell 3 or 4, b = cell 3 or 5
    a = header a;  b = %same ? header a : header b

Right because all that refers to one cell refers to one header cell afterwards, which holds what it
held, and what refers to another cell does not.  There are finitely many places, so the types that
the loop carries settle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ...ir.core import Literal, Op, Operand
from ...ir.types import BOOL, I64
from .cells import chosen, reached
from .joins import head, tagged
from .places import outside
from .values import AV, HOLDERS, T, typ

if TYPE_CHECKING:
    from .frame import Frame

TRUE, ZERO = Literal(True, BOOL), Literal(0, I64)
Way = tuple[Any, ...]  # into a value: the head of each structure, and which part of it
Refer = Callable[["Place", AV], AV]
Fresh = Callable[[], Any]  # a new name


class Place(NamedTuple):
    """What refers to a cell: a carry or the contents of a cell, and the way into it."""

    owner: Any
    way: Way


class Kind(NamedTuple):
    """A header cell: the place that it is named after, and what kind of thing it holds."""

    place: Place
    kind: Any
    info: Any


def walked(owner: Any, a: AV, refer: Refer, way: Way = ()) -> AV:
    """A value in which `refer` has replaced each reference."""
    if a.kind == "cell":
        return refer(Place(owner, way), a)
    if not a.kids:
        return a
    if a.kind == "sum":
        kids = [k if k.kind == "cell" else walked(owner, k, refer, way) for k in a.kids]
        out = AV(a.kind, a.info, tuple(kids), a.leaves)
        return refer(Place(owner, way), out) if any(k.kind == "cell" for k in kids) else out
    here = head(typ(a))
    kids = [walked(owner, kid, refer, (*way, here, k)) for k, kid in enumerate(a.kids)]
    return AV(a.kind, a.info, tuple(kids), a.leaves)


def options(a: AV) -> list[tuple[int, Any]]:
    """The cells that a reference may mean, each with its place in the sum."""
    kids = a.kids if a.kind == "sum" else (a,)
    return [(k, kid.info) for k, kid in enumerate(kids) if kid.kind == "cell"]


class Names:
    """Header cells by the places that refer to them; `kept` are the cells that keep their names."""

    def __init__(self, f: Frame, kept: set[Any], of: dict[Kind, Any], fresh: Fresh) -> None:
        self.f, self.kept, self.of, self.fresh = f, kept, of, fresh

    def kind(self, place: Place, content: AV) -> Kind:
        """Records of one class share a header cell, and so do all values of a variable."""
        if content.kind in HOLDERS:
            return Kind(place, content.kind, content.info)
        return Kind(place, None, None)

    def named(self, kind: Kind) -> Any:
        if kind not in self.of:
            self.of[kind] = self.fresh()
        return self.of[kind]

    def taken_over(self, of: dict[Kind, Any]) -> dict[Any, Any]:
        """The names of an earlier run of the loop, and what its cells are called in this one."""
        to: dict[Any, Any] = {}
        for kind, c in of.items():
            if c[0] == "h":
                owner = to.get(kind.place.owner, kind.place.owner)
                to[c] = self.named(kind._replace(place=Place(owner, kind.place.way)))
        return to

    def renamed(
        self, carries: list[AV], changed: list[Any], header: dict[Any, AV], after: dict[Any, AV]
    ) -> tuple[list[AV], dict[Any, AV]]:
        """What comes back from a turn, in terms of header cells."""
        back = Back(self, after)
        outs = [walked(("carry", k), a, back.refer) for k, a in enumerate(carries)]
        out = dict(header)
        for c in changed:
            if c in self.kept:
                out[c] = walked(c, after[c], back.refer)
        while back.work:
            name, content = back.work.popleft()
            out[name] = walked(name, content, back.refer)
        return outs, out


def of_loop(f: Frame, op: Op, inits: list[AV]) -> Names:
    """Cells that only what comes in reaches are header cells of the first place that does."""

    def fresh() -> Any:
        f.headers += 1
        return "h", f.headers

    own = set(reached(f, inits)) - outside(f, op, f.store)
    names = Names(f, set(f.store) - own, {}, fresh)
    taken: set[Any] = set()
    work: deque[tuple[Any, AV]] = deque((("carry", k), a) for k, a in enumerate(inits))

    def adopt(place: Place, a: AV) -> AV:
        for _, c in options(a):
            if c in own and c not in taken:
                taken.add(c)
                names.of.setdefault(names.kind(place, f.store[c]), c)
                work.append((c, f.store[c]))
        return a

    while work:
        owner, a = work.popleft()
        walked(owner, a, adopt)
    return names


class Back:
    """One back edge."""

    def __init__(self, names: Names, store: dict[Any, AV]) -> None:
        self.names, self.f, self.store = names, names.f, store
        self.work: deque[tuple[Any, AV]] = deque()  # header cells and what they hold
        # an own cell is the first of these header cells whose condition holds
        self.means: dict[Any, list[tuple[Operand, Any]]] = {}

    def refer(self, place: Place, a: AV) -> AV:
        """A reference in terms of header cells."""
        known = options(a)
        own = {k: c for k, c in known if c not in self.names.kept}
        if not own:
            return a
        kids = [k for n, k in enumerate(a.kids) if n not in own] if a.kind == "sum" else []
        rest = iter(range(len(kids)))
        groups: dict[Any, list[tuple[int, Any]]] = {}
        to: list[Operand] = []
        for k in range(max(1, len(a.kids))):
            if k not in own:
                to.append(Literal(next(rest), I64))
                continue
            chain = self.means.setdefault(own[k], [])
            if not chain or chain[-1][0] != TRUE:
                name = self.names.named(self.names.kind(place, self.store[own[k]]))
                groups.setdefault(name, []).append((k, own[k]))
                chain = [*chain, (TRUE, name)]
            to.append(self.first(chain, kids))
        for name, group in groups.items():
            self.work.append((name, chosen(self.f, a, group, self.store)))
            for k, c in group:
                self.means[c].append((self.refers(a, k), name))
        if len(kids) == 1:
            return kids[0]
        return AV("sum", None, tuple(kids), (self.tag(a, to),))

    def refers(self, a: AV, k: int) -> Operand:
        """Whether a reference is its k-th alternative."""
        return self.f.scalar("eq", (a.leaves[0], Literal(k, I64)), BOOL) if a.leaves else TRUE

    def first(self, chain: list[tuple[Operand, Any]], kids: list[AV]) -> Operand:
        """Which alternative the first of these header cells is; `kids` grows by them."""
        out: Operand = ZERO
        for condition, name in reversed(chain):
            at = next((k for k, kid in enumerate(kids) if kid.info == name), len(kids))
            kids += [AV("cell", name)] * (at == len(kids))
            out = self.select(condition, Literal(at, I64), out)
        return out

    def tag(self, a: AV, to: list[Operand]) -> Operand:
        """The tag of a reference, where alternative k has become `to[k]`."""
        return tagged(self.f, a.leaves[0], to) if a.leaves else to[0]

    def select(self, condition: Operand, x: Operand, y: Operand) -> Operand:
        if isinstance(condition, Literal):
            return x if condition.value else y
        return x if x == y else self.f.emit("select", [condition, x, y], [I64])


def retyped(t: T, to: dict[Any, Any]) -> T:
    """A type with other cells for those in `to`."""
    if t.kind == "cell":
        return T("cell", to.get(t.info, t.info))
    return T(t.kind, t.info, tuple([retyped(k, to) for k in t.kids]), t.leaves) if t.kids else t
