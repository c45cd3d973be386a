"""Recursive types: what reaches itself stands in a box.

    def go(n, k):                                     record @go.lambda = (i64, box, f64, i64)
        if n == 0:
            return k(1.0)
        return go(n - 1, lambda r: k(r * x * n))      %k.1 = box %tag, %k, %x, %n

A class whose fields hold objects of that class, and a function that captures functions of its own
kind, have no finite list of leaves.  The first join that finds one inside itself says so
(`joins.Recursive`); the program is specialised again, and from then on each value of that kind is a
box from its making on.  The types of what the boxes hold stand in the program's table, joined over
all makers.  When they grow, the program is specialised once more (`Again`): the table only grows,
so this ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...ir.core import Operand, Record
from ...ir.types import Box
from .joins import BOXABLE, Disagree, coerce, head, join
from .values import AV, T, all_dynamic, build, cells_in, leaf_types, typ

if TYPE_CHECKING:
    from .frame import Frame

AGAIN = 40  # so often may the table grow


@dataclass
class Held:
    """What the boxes of one kind hold: its kind, and the types of its kids once one is made."""

    record: str
    kind: str
    info: Any
    kids: tuple[T, ...] | None = None


class Again(Exception):
    """The table has grown: specialise once more."""


def noted(table: dict[Any, Held], kinds: dict[Any, T]) -> None:
    """These kinds of values reach themselves."""
    taken = {h.record for h in table.values()}
    for key, t in kinds.items():
        if key not in table:
            name, k = name_of(key), 2
            while name in taken:
                name, k = f"{name_of(key)}.{k}", k + 1
            taken.add(name)
            table[key] = Held(name, t.kind, t.info)
    for held in table.values():
        held.kids = None  # they may name the new kinds without a box


def name_of(key: Any) -> str:
    """What a record of these boxes is called: the class, or the function."""
    info = key[1]
    name = getattr(info, "fn", None) or getattr(info, "name", None)
    return str(name or getattr(info, "__name__", None) or key[0])


def settled(f: Frame, a: AV) -> AV:
    """A value just made, or opened, boxed if its kind is known to reach itself."""
    table = f.program.boxes
    if not table or a.kind not in BOXABLE:
        return a
    if a in f.opened:
        return f.opened[a]
    held = table.get(head(typ(a)))
    return a if held is None else boxed(f, a, held)


def boxed(f: Frame, a: AV, held: Held) -> AV:
    kids = tuple([all_dynamic(typ(k)) for k in a.kids])
    if any(True for t in kids for _ in cells_in(t)):
        raise f.error(
            "E08",
            f"`{name_of(head(typ(a)))}` holds itself, and a variable that changes",
            "what holds itself is kept in memory of its own, and cannot see a variable change",
            "pass the variable as an argument, or keep its value in a new name",
        )
    if held.kids is None:
        held.kids = kids
    else:
        key = head(typ(a))
        try:
            wide = tuple([join(x, y, (key,)) for x, y in zip(held.kids, kids, strict=True)])
        except Disagree as e:
            what = name_of(key)
            why = "all objects of a class that holds itself have fields of the same types"
            raise f.error("E07", f"a field of `{what}`: {e}", why, e.cure) from None
        if wide != held.kids:
            held.kids = wide
            raise Again
    types = tuple([x for k in held.kids for x in leaf_types(k)])
    f.program.module.records.setdefault(held.record, Record(held.record, types))
    leaves: list[Operand] = []
    for k, t in zip(a.kids, held.kids, strict=True):
        leaves += coerce(f, k, t)
    out = f.emit("box", leaves, [Box(held.record)], {"record": held.record})
    return AV("boxed", head(typ(a)), (), (out,))


def opened(f: Frame, a: AV) -> AV:
    """What a box holds."""
    held = f.program.boxes[a.info]
    assert held.kids is not None
    record = f.program.module.records[held.record]
    leaves = iter(f.results("unbox", [a.leaves[0]], record.types))
    made = AV(held.kind, held.info, tuple([build(t, leaves) for t in held.kids]))
    f.opened[made] = a
    return made
