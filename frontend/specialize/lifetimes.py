"""Whether somebody else still holds an object that is put into a list.

    for k in range(n):
        row = np.zeros(m)
        rows.append(row)         nobody reads this `row` any more: the list may take it over

    rows.append(x)
    x[0] = 1.0                   x is read later: the list and x are one object

By liveness over the SSA form: a value is live after an op if a later one uses it; in a loop those
from outside that the loop uses are live all through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...ir.core import LOOPS, Block, Op, Value
from . import cells
from .values import AV, cells_in

if TYPE_CHECKING:
    from .frame import Frame


def alive(f: Frame, a: AV) -> bool:
    """Whether anything but this value refers to the object, now or later."""
    if a.kind == "pending" or a.kind in ("element", "inner"):
        return a.kind != "pending"
    mine = set(cells_in(a))
    if not mine:
        return False
    if f.fn is None or f.op is None or any(c[0] == "p" for c in mine):
        return True  # what came as an argument, the caller holds
    live = live_after(f.fn.body, f.op)
    if live is None:
        return True
    held = [f.env[v] for v in live if v in f.env]
    return bool(mine & set(cells.reached(f, held)))


def live_after(block: Block, target: Op, after: Iterable[Value] = ()) -> set[Value] | None:
    """Values that are used after an op of this block, or within it; None if it is not there."""
    live = set(after)
    for op in reversed(block.ops):
        if op is target:
            return live
        if op.regions:
            around = set(live)
            if op.opcode in LOOPS:
                around |= {v for r in op.regions for v in r.free}
            for r in op.regions:
                found = live_after(r, target, around)
                if found is not None:
                    return found
        live -= set(op.results)
        live |= {v for v in op.operands if isinstance(v, Value)}
        live |= {v for r in op.regions for v in r.free}
    return None
