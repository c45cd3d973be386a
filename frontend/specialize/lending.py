"""References that may mean one of several cells, as arguments: they are lent as one cell.

    def later(a, n):                            a is cell 0 in the first call,
        if n == 0:                              cell 0 or a new one in the next, ...
            return a
        return later(A(a.y, a.x) if n == 2 else a, n - 1)

If nothing else that a call gets reaches these cells, then the function sees one record, whichever
it is: it gets one cell that holds what that one holds, so that all calls of a recursion have
arguments of the same types.  What the call writes goes to the record that was meant, and where its
result refers to the lent cell, it refers to that record.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Operand
from ...ir.types import I64
from . import cells, joins
from .values import AV, HOLDERS, cells_in, typ

if TYPE_CHECKING:
    from .frame import Frame

Lent = dict[Any, AV]  # a lent cell, and the reference that it stands for


def lent(f: Frame, values: list[AV]) -> tuple[list[AV], Lent]:
    """The same values, references to one of several cells that they alone reach as one cell."""
    if not any(map(ambiguous, values)):
        return values, {}
    count: Counter[Any] = Counter()
    reached = cells.reached(f, values)
    for a in [*values, *[f.store[c] for c in reached if c in f.store]]:
        count.update(cells_in(a))
    out: Lent = {}
    return [replaced(f, a, count, out) for a in values], out


def ambiguous(a: AV) -> bool:
    if a.kind == "sum" and sum(k.kind == "cell" for k in a.kids) > 1:
        return True
    return any(map(ambiguous, a.kids))


def replaced(f: Frame, a: AV, count: Counter[Any], out: Lent) -> AV:
    if not a.kids:
        return a
    kids = [replaced(f, k, count, out) for k in a.kids]
    mine = [(k, kid.info) for k, kid in enumerate(kids) if kid.kind == "cell"]
    kinds = {(f.store[c].kind, f.store[c].info) for _, c in mine if c in f.store}
    alone = all(count[c] == 1 and c in f.store for _, c in mine)
    if a.kind != "sum" or len(mine) < 2 or not alone or len(kinds) > 1:
        return AV(a.kind, a.info, tuple(kids), a.leaves)
    if next(iter(kinds))[0] not in HOLDERS:
        return AV(a.kind, a.info, tuple(kids), a.leaves)
    ref = cells.made(f, cells.chosen(f, a, mine, f.store))
    out[ref.info] = AV("sum", None, tuple(kids), a.leaves)
    return regrouped(f, a.leaves[0], kids, dict.fromkeys([k for k, _ in mine], ref))


def regrouped(f: Frame, tag: Operand, kids: list[AV], new: dict[int, AV]) -> AV:
    """A sum in which some alternatives have become other values, sums too."""
    out: list[AV] = []
    heads: list[Any] = []

    def place(kid: AV) -> int:
        key = joins.head(typ(kid))
        if key not in heads:
            heads.append(key)
            out.append(kid)
        return heads.index(key)

    to: list[Operand] = []
    for k, kid in enumerate(kids):
        kid = new.get(k, kid)
        if kid.kind == "sum":
            to.append(joins.tagged(f, kid.leaves[0], [Literal(place(x), I64) for x in kid.kids]))
        else:
            to.append(Literal(place(kid), I64))
    if len(out) == 1:
        return out[0]
    return AV("sum", None, tuple(out), (joins.tagged(f, tag, to),))


def given_back(f: Frame, a: AV, of: Lent) -> AV:
    """What came of a call, in terms of the records that were meant."""
    if a.kind == "cell":
        return of.get(a.info, a)
    if not a.kids or not of:
        return a
    if a.kind != "sum":
        return AV(a.kind, a.info, tuple([given_back(f, k, of) for k in a.kids]), a.leaves)
    kids = [k if k.kind == "cell" else given_back(f, k, of) for k in a.kids]
    new = {k: of[kid.info] for k, kid in enumerate(kids) if kid.kind == "cell" and kid.info in of}
    return regrouped(f, a.leaves[0], kids, new) if new else AV("sum", None, tuple(kids), a.leaves)


def settle(f: Frame, of: Lent, written: set[Any]) -> None:
    """The records that were meant hold what the lent cells hold."""
    for c, ref in of.items():
        new = f.store.pop(c)
        if c not in written:
            continue
        cells.update(f, ref, new)
