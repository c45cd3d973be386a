"""`prune`: drop loop carries and results of `if` that nobody reads.

`lower` carries every name that a loop's body binds and yields every name that an arm binds, because
it does not look ahead.  A carry lives if its result, or its parameter in the body, is read by an op
other than the ends of regions; what such ends hand to something living lives, too.

    %t.2, %s.3 = while                         %s.3 = while
        carry %t.1 = unbound, %s.1 = 0.0 {         carry %s.1 = 0.0 {
      ...                                        ...
      %t = mul %s.1, %x              becomes     %t = mul %s.1, %x
      %s.2 = add %s.1, %t                        %s.2 = add %s.1, %t
      next %t, %s.2                              next %s.2
    }                                          }
    return %s.3                                return %s.3

Right because a dropped value is read by nothing that runs.  The function is still being built and
nobody else holds its ops, so they are changed where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ..ir.core import LOOPS, Block, Loop, Op, Operand, Value, walk

T = TypeVar("T")


def prune(body: Block) -> None:
    """Drop what nobody reads from the `if`s and loops of a function's body."""
    ops = [op for op in walk(body) if op.regions and op.opcode != "def"]
    live = living(body, ops)
    for op in ops:
        if op.opcode == "if":
            keep = [k for k, r in enumerate(op.results) if r in live]
            op.results = pick(op.results, 0, keep)
            for region in op.regions:
                region.end.operands = pick(region.end.operands, 0, keep)
        else:
            cut_loop(op, live)


def living(body: Block, ops: list[Op]) -> set[Value]:
    """Values that something reads, found from the ops that run for themselves."""
    needs: dict[Value, tuple[Operand, ...]] = {}
    live: set[Value] = set()
    work: list[Value] = []

    def use(operands: Iterable[Operand]) -> None:
        for v in operands:
            if isinstance(v, Value) and v not in live:
                live.add(v)
                work.append(v)

    for op in ops:
        if op.opcode == "if":
            yields = (region.outs for region in op.regions)
            needs.update(zip(op.results, zip(*yields, strict=True), strict=True))
            continue
        loop = Loop(op)
        use(loop.body.outs[: loop.stop])
        rows = zip(loop.results, loop.inits, loop.carries, loop.next, strict=True)
        for result, init, param, out in rows:
            needs[result] = needs[param] = (result, init, param, out)
    for op in walk(body):
        if op.opcode in LOOPS:
            use(Loop(op).bounds)
        elif op.opcode not in ("yield", "next"):
            use(op.operands)
    while work:
        use(needs.get(work.pop(), ()))
    return live


def cut_loop(op: Op, live: set[Value]) -> None:
    loop = Loop(op)
    lead, stop, n = int(loop.is_for), loop.stop, loop.ncarries
    keep = [k for k, r in enumerate(loop.results) if r in live]
    if len(keep) == n:
        return
    end, body = loop.body.end, loop.body
    op.results = pick(op.results, stop, keep)
    op.operands = pick(op.operands, lead, keep)
    op.groups = (*op.groups[:lead], len(keep))
    end.operands = pick(end.operands, stop, keep)
    end.groups = (len(end.operands), 0)
    body.params = pick(body.params, lead, keep)
    if not loop.is_for:
        op.regions[0].params = body.params


def pick(items: Sequence[T], lead: int, keep: list[int]) -> tuple[T, ...]:
    """The first `lead` items, and of the others those at the given places."""
    return (*items[:lead], *(items[lead + k] for k in keep))
