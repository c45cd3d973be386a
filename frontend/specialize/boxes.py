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
so this ends.  Which variables that change it refers to is known outside the box (`references`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...ir.builder import Builder
from ...ir.core import Block, Function, Loc, Operand, Record
from ...ir.types import BOOL, Box, cotangent_type
from ...ir.widen import apart
from ..errors import Error
from .branches import fork
from .joins import BOXABLE, Disagree, coerce, head, join, zero
from .references import Place, Taken, filled, in_types, places
from .values import (
    AV,
    NONE_T,
    NOTHING,
    STRUCTURES,
    UNDEFINED,
    T,
    all_dynamic,
    build,
    cotangent,
    is_moved,
    leaf_types,
    typ,
)

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
    places: tuple[Place, ...] = ()  # of references in it (see `references`)
    nested: tuple[Any, ...] = ()  # the kinds of boxes in it

    @property
    def key(self) -> Any:
        return self.kind, self.info

    @property
    def content(self) -> Record:
        assert self.kids is not None
        return Record(self.record, tuple([x for k in self.kids for x in leaf_types(k)]))

    def widened(self, kids: tuple[T, ...], loc: Loc | None) -> bool:
        """Let the boxes hold such values, too; whether they hold more now."""
        before = self.kids
        try:
            self.kids = (
                kids
                if before is None
                else tuple([join(x, y, (self.key,)) for x, y in zip(before, kids, strict=True)])
            )
        except Disagree as e:
            what = f"a field of `{name_of(self.key)}`: {e}"
            why = "all objects of a class that holds itself have fields of the same types"
            raise Error("E07", loc, what, why, e.cure) from None
        self.places, self.nested = in_types(self.kids)
        return before is not None and self.kids != before


class Again(Exception):
    """The table has grown: specialise once more."""


def noted(table: dict[Any, Held], kinds: dict[Any, T]) -> None:
    """These kinds of values reach themselves."""
    taken = {h.record for h in table.values()}
    for key, t in kinds.items():
        if key not in table:
            table[key] = Held(apart(name_of(key), taken), t.kind, t.info)
            taken.add(table[key].record)
    for held in table.values():
        held.kids = None  # they may name the new kinds without a box
        held.places, held.nested = (), ()


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


def may_be_box(a: AV) -> bool:
    """Whether a value is, or may be, a box."""
    return a.kind == "boxed" or (a.kind == "sum" and any(map(may_be_box, a.kids)))


def boxed(f: Frame, a: AV, held: Held) -> AV:
    taken = Taken(f, held.key, a)
    if held.widened(tuple([all_dynamic(typ(k)) for k in taken.kids]), f.loc):
        raise Again
    assert held.kids is not None
    entered(f, held)
    leaves: list[Operand] = []
    for k, t in zip(taken.kids, held.kids, strict=True):
        leaves += coerce(f, k, t)
    out = f.emit("box", leaves, [Box(held.record)], {"record": held.record})
    meant = [taken.meant.get(p, UNDEFINED) for p in places(f.program.boxes, held.key)]
    return AV("boxed", held.key, tuple(meant), (out,))


def entered(f: Frame, held: Held) -> Record:
    """The record of a kind of box, in the module with those of the boxes in it."""
    records = f.program.module.records
    if held.record not in records:
        records[held.record] = held.content
        for kind in held.nested:
            entered(f, f.program.boxes[kind])
    return records[held.record]


def opened(f: Frame, a: AV) -> AV:
    """What a box holds."""
    held = f.program.boxes[a.info[1] if is_moved(a) else a.info]
    assert held.kids is not None
    record = entered(f, held)
    leaves = iter(f.results("unbox", [a.leaves[0]], record.types))
    if is_moved(a):
        cts = iter(cotangents(f, a.leaves[1], record))
        kids = tuple([paired(t, leaves, cts) for t in held.kids])
    else:
        made_of = tuple([build(t, leaves) for t in held.kids])
        kids = filled(f, made_of, a.info, a.kids)
    made = AV(held.kind, held.info, kids)
    f.opened[made] = a
    return made


# ---- cotangents ---------------------------------------------------------------------------------
#
# The cotangent of a boxed record is a box of the cotangents of its fields, and null is zero.  What
# stands where (which of several alternatives a field is) the primal's box says: both go together.


def cotangents(f: Frame, box: Operand, record: Record) -> list[Operand]:
    """What a box of cotangents holds; zeros of null."""
    types = [c for c in map(cotangent_type, record.types) if c is not None]

    def of(leaves: Sequence[Operand]) -> list[AV]:
        return [AV("leaf", None, (), (x,)) for x in leaves]

    null = f.emit("is_null", [box], [BOOL])
    made = fork(
        f,
        null,
        lambda: of([zero(f, t) for t in types]),
        lambda: of(f.results("unbox", [box], types)),
    )
    return [a.leaves[0] for a in made]


def paired(t: T, primal: Iterator[Operand], cts: Iterator[Operand]) -> AV:
    """The cotangent of a value of type t from the value's leaves and its own."""
    c = cotangent(t)
    if t.kind in STRUCTURES or (t.kind == "sum" and c != NONE_T):
        own = tuple([next(primal) for _ in t.leaves])
        return AV(t.kind, t.info, tuple([paired(k, primal, cts) for k in t.kids]), own)
    known = [next(primal) for _ in leaf_types(t)]
    moves = [next(cts) for x in leaf_types(t) if cotangent_type(x) is not None]
    if is_moved(c):
        return AV("boxed", c.info, (), (known[0], moves[-1]))
    return NOTHING if c == NONE_T else AV(c.kind, None, (), tuple(moves))


def moves(f: Frame, a: AV, held: Held) -> Operand:
    """The box of cotangents that a cotangent of a boxed record is; null where it is None.

    One that the program has made itself is a record like its primal: its box is walked.
    """
    if is_moved(a):
        return a.leaves[1]
    kind = Box(held.record + ".ct")
    if a.kind == "const":
        return f.emit("null", [], [kind], {"type": kind})
    box = (boxed(f, a, held) if a.kind != "boxed" else a).leaves[0]
    name = walker(f, held.record)
    return f.results("call", [box], [kind], {"fn": name}, (), (), (0, 1))[0]


def walker(f: Frame, record: str) -> str:
    """The function that makes of a box a box of the floats in it.

    fn @Node.moves(%b: box<@Node>) -> box<@Node.ct> {
      %0: bool = is_null %b
      %1: box<@Node.ct> = if %0 { yield null } else {
        %v: f64, %tag: i64, %next: box<@Node> = unbox %b
        %2: box<@Node.ct> = call @Node.moves(%next)
        %3: box<@Node.ct> = box %v, %2
        yield %3
      }
      return %1
    }
    """
    module, name = f.program.module, f"{record}.moves"
    if name in module.functions:
        return name
    kind, ct = Box(record), Box(record + ".ct")
    b = Builder(module, fold=False)
    box = b.param(kind, "b")
    signature = Function(name, (), (box,), (ct,), Block((), ()), {}, f.loc)
    module.functions[name] = signature  # it may call itself
    arms = b.child("if"), b.child("if")
    types = module.records[record].types
    leaves: list[Operand] = []
    for x, t in zip(arms[1].emit("unbox", [box], {}, types), types, strict=True):
        if isinstance(t, Box):
            callee = walker(f, t.record) if not t.record.endswith(".ct") else None
            if callee is not None:
                made = [Box(t.record + ".ct")]
                (x,) = arms[1].emit("call", [x], {"fn": callee}, made, groups=(0, 1))
            leaves.append(x)
        elif cotangent_type(t) is not None:
            leaves.append(x)
    zero = arms[0].op("null", type=ct)
    regions = [
        arms[0].block((), "yield", [zero]),
        arms[1].block((), "yield", arms[1].emit("box", leaves, {"record": ct.record}, [ct])),
    ]
    null = b.emit("is_null", [box], {}, [BOOL])
    out = b.emit("if", null, {}, [ct], ["ct"], regions)
    module.functions[name] = signature.but(body=b.block((), "return", out))
    return name
