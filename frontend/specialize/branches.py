"""`fork`: the one primitive that branches.  Both arms run; their values and stores are joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.builder import Builder
from ...ir.core import Block, Op, Operand, Value
from ...ir.types import Type
from .joins import coerce, joined
from .values import (
    AV,
    HOLDERS,
    UNDEFINED,
    Dead,
    T,
    build,
    cells_in,
    leaf_types,
    named_leaves,
    same,
    true_or_false,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame


class Arm:
    """What one arm came to: its ops, its values (None where it does not go on), its store."""

    __slots__ = ("builder", "outs", "store", "leaves")

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.outs: list[AV] | None = None
        self.store: dict[Any, AV] = {}
        self.leaves: list[Operand] = []


def fork(
    f: Frame,
    cond: Operand,
    then: Callable[[], list[AV]],
    other: Callable[[], list[AV]],
    names: Sequence[str] = (),
    known: Operand | None = None,
) -> list[AV]:
    """`if` on a bool; `known` is the generic value that is true in one arm, false in the other."""
    loc = f.loc
    arms = run_arms(f, cond, then, other, known)
    f.loc = loc
    live = [a for a in arms if a.outs is not None]
    if not live:
        emit_if(f, cond, arms, [], [], [])
        raise Dead
    share_new_cells(f, live)
    types, cells = join_arms(f, live, names)
    want = types + list(cells.values())
    columns: list[Type] = []
    labels: list[str] = []
    for k, t in enumerate(want):
        columns += leaf_types(t)
        labels += named_leaves(t, names[k] if k < len(names) else "")
    for a in live:
        coerce_arm(f, a, want, cells)
    live = [a for a in live if a.outs is not None]
    if not live:
        emit_if(f, cond, arms, [], [], [])
        raise Dead
    leaves = iter(emit_if(f, cond, arms, live, columns, labels))
    outs = [build(t, leaves) for t in types]
    for c, t in cells.items():
        f.store[c] = build(t, leaves)
    return outs


def coerce_arm(f: Frame, arm: Arm, want: list[T], cells: dict[Any, T]) -> None:
    """The leaves that an arm yields; an int too large for its type makes it a dead arm."""
    assert arm.outs is not None
    values = arm.outs + [arm.store.get(c, UNDEFINED) for c in cells]
    outer, f.b = f.b, arm.builder
    try:
        for x, t in zip(values, want, strict=True):
            arm.leaves += coerce(f, x, t)
    except Dead:
        arm.outs = None
    f.b = outer


def run_arms(
    f: Frame,
    cond: Operand,
    then: Callable[[], list[AV]],
    other: Callable[[], list[AV]],
    known: Operand | None,
) -> tuple[Arm, Arm]:
    base, outer, before_readings = f.store, f.b, f.readings
    readings: dict[int, Op] = {}
    arms = Arm(outer.child("if")), Arm(outer.child("if"))
    before = f.env.get(known) if isinstance(known, Value) else None
    learn = before is not None and before.kind == "num" and before.leaves[0] is cond
    for arm, run, truth in zip(arms, (then, other), (True, False), strict=True):
        f.store, f.b, f.readings = dict(base), arm.builder, dict(before_readings)
        if learn and isinstance(known, Value):
            f.env[known] = true_or_false(truth)
        try:
            arm.outs = [f.whole(a) for a in run()]
            arm.store = f.store
            readings |= f.readings
        except Dead:
            pass
    if learn and isinstance(known, Value) and before is not None:
        f.env[known] = before
    f.store, f.b, f.readings = base, outer, before_readings | readings
    return arms


def share_new_cells(f: Frame, live: list[Arm]) -> None:
    """A cell that each arm makes and hands on once, and keeps nowhere else, is one cell after the
    `if`: nobody can tell the arms' cells from each other."""
    if len(live) < 2:
        return
    rows = [a.outs for a in live if a.outs is not None]
    for k, column in enumerate(zip(*rows, strict=True)):
        if any(a.kind != "cell" or a.info in f.store for a in column):
            continue
        held = [arm.store[a.info] for arm, a in zip(live, column, strict=True)]
        if len({(h.kind, h.info, *[v.type for v in h.leaves]) for h in held}) > 1:
            continue
        if held[0].kind not in HOLDERS or not all(map(once, live, column)):
            continue
        f.cells += 1
        for arm, outs, a in zip(live, rows, column, strict=True):
            arm.store["c", f.cells] = arm.store.pop(a.info)
            outs[k] = AV("cell", ("c", f.cells))


def once(arm: Arm, ref: AV) -> bool:
    """Whether an arm refers to a cell in one place only."""
    assert arm.outs is not None
    held = [c for a in (*arm.outs, *arm.store.values()) for c in cells_in(a)]
    return held.count(ref.info) == 1


def join_arms(f: Frame, live: list[Arm], names: Sequence[str]) -> tuple[list[T], dict[Any, T]]:
    """Types of the values, and of the cells that an arm changed or that the values newly reach."""
    types: list[T] = []
    rows = [a.outs for a in live if a.outs is not None]
    for k in range(len(rows[0])):
        name = names[k] if k < len(names) else ""
        types.append(joined(f, [typ(r[k]) for r in rows], name))
    cells: dict[Any, T] = {}
    if not any(a.store for a in live):
        return types, cells
    base = f.store
    work = [c for c in base if not all(same(a.store[c], base[c]) for a in live)]
    work += [c for t in types for c in cells_in(t) if c not in base]
    while work:
        c = work.pop()
        if c in cells:
            continue
        cells[c] = joined(f, [typ(a.store.get(c, UNDEFINED)) for a in live], "a captured variable")
        work += [d for d in cells_in(cells[c]) if d not in base and d not in cells]
    return types, cells


def emit_if(
    f: Frame,
    cond: Operand,
    arms: tuple[Arm, Arm],
    live: list[Arm],
    columns: list[Type],
    labels: list[str],
) -> list[Operand]:
    """Emit the `if`; what both arms take from outside unchanged is no result of it."""
    out: list[Operand | None] = [None] * len(columns)
    kept: list[int] = []
    for k in range(len(columns)):
        x = live[0].leaves[k]
        outside = isinstance(x, Value) and f.b.home.get(x, 0) <= f.b.depth
        if outside and all(a.leaves[k] is x for a in live):
            out[k] = x
        else:
            kept.append(k)
    if len(live) == 2 and not kept and not any(a.builder.ops for a in live):
        return [x for x in out if x is not None]
    blocks: list[Block] = []
    for a in arms:
        if a.outs is None:
            blocks.append(a.builder.block((), "unreachable", (), loc=f.loc))
        else:
            outs = [a.leaves[k] for k in kept]
            blocks.append(a.builder.block((), "yield", outs, loc=f.loc))
    types = [columns[k] for k in kept]
    names = [labels[k] for k in kept]
    results = f.results("if", [cond], types, None, names, blocks)
    for k, x in zip(kept, results, strict=True):
        out[k] = x
        if all(is_natural(f, a.leaves[k]) for a in live) and isinstance(x, Value):
            f.natural.add(x)
    return [x for x in out if x is not None]


def is_natural(f: Frame, x: Operand) -> bool:
    """An int known not to be negative."""
    if isinstance(x, Value):
        return x in f.natural
    return type(x.value) is int and x.value >= 0
