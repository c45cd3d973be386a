"""Records that a loop makes anew in each turn and carries to the next.

    while ...:
        p.step(0.1)                 # writes the cell that p refers to
        p = Particle(p.v, p.p)      # refers to a new cell

On the back edge each cell takes the name of a header cell, whose contents are carried.

Where each carry refers to one cell, as here, the new cell takes the name of the one that the carry
referred to at the head (`renaming`).  Right because nobody else can see the old one or the new one:
no value that is read in the loop or after it reaches them, no cell from outside does.  Two carries
that change places change the contents of their cells.

Where that is not so, cells are named by the places that refer to them (`headers`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...ir.core import Block, Loop, Op, Value, free_values
from .cells import reached
from .values import AV, T, cells_in, renamed, typ

if TYPE_CHECKING:
    from .frame import Frame


def renaming(
    types: list[T], outs: list[AV], header: dict[Any, AV], after: dict[Any, AV]
) -> dict[Any, Any] | None:
    """Which header cell each cell of the back edge becomes; None where two disagree."""
    to: dict[Any, Any] = {}
    work: list[tuple[T, AV]] = list(zip(types, outs, strict=True))
    while work:
        t, a = work.pop()
        if t.kind == a.kind == "cell":
            if to.get(a.info, t.info) != t.info:
                return None
            if a.info not in to and t.info in header and a.info in after:
                work.append((typ(header[t.info]), after[a.info]))
            to[a.info] = t.info
        elif t.kind == a.kind and len(t.kids) == len(a.kids):
            work += zip(t.kids, a.kids, strict=True)
    if len(set(to.values())) != len(to):
        return None
    return {n: h for n, h in to.items() if n != h}


def rebound(
    f: Frame,
    op: Op,
    types: list[T],
    outs: list[AV],
    header: dict[Any, AV],
    after: dict[Any, AV],
) -> tuple[list[AV], dict[Any, AV]]:
    """What comes back, its new cells named as the header has them, where nobody can tell."""
    to = renaming(types, outs, header, after)
    if not to:
        return outs, after
    moved = set(to) | set(to.values())
    held = {d for c, a in after.items() if c not in moved for d in cells_in(a)}
    lost = set(to.values()) - set(to)  # header cells that nothing may refer to any more
    still = {d for a in [*outs, *[after[n] for n in to]] for d in cells_in(a)}
    if moved & {*outside(f, op, header), *held} or lost & still:
        return outs, after
    out = {**after, **{h: renamed(after[n], to) for n, h in to.items()}}
    return [renamed(a, to) for a in outs], out


def outside(f: Frame, op: Op, header: Iterable[Any]) -> set[Any]:
    """Cells that somebody beside the loop's own carries reaches."""
    given = [AV("cell", c) for c in header if c[0] == "p"]
    return set(reached(f, [*given, *live(f, op)]))


def live(f: Frame, op: Op) -> list[AV]:
    """Values from before a loop that the loop or what follows it reads, its own carries aside."""
    assert f.fn is not None
    used: set[Value] = set(free_values(*[Block(r.params, r.ops) for r in op.regions]))
    path = way_to(f.fn.body, op)
    for block, k in path:
        for later in block.ops[k + 1 :]:
            used.update(v for v in later.operands if isinstance(v, Value))
            used.update(free_values(*later.regions))
        holder = block.ops[k]
        if holder is not op and holder.opcode in ("while", "for"):
            used.update(free_values(*[Block((), r.ops) for r in holder.regions]))
            used.update(v for v in Loop(holder).bounds if isinstance(v, Value))
    carried = set(op.results) | {p for r in op.regions for p in r.params}
    known = [f.env[v] for v in used if v in f.env and v not in carried]
    return [*known, f.me]


def way_to(body: Block, op: Op) -> list[tuple[Block, int]]:
    """The blocks around an op, outermost first, and where in each it stands."""
    stack: list[tuple[Block, int]] = [(body, 0)]
    while stack:
        block, k = stack[-1]
        if k == len(block.ops):
            stack.pop()
            if stack:
                stack[-1] = (stack[-1][0], stack[-1][1] + 1)
            continue
        here = block.ops[k]
        if here is op:
            return stack
        inner = [r for r in here.regions if holds(r, op)]
        if inner:
            stack.append((inner[0], 0))
        else:
            stack[-1] = (block, k + 1)
    return []


def holds(block: Block, op: Op) -> bool:
    work = [block]
    while work:
        for o in work.pop().ops:
            if o is op:
                return True
            work.extend(o.regions)
    return False
