"""Which arrays have another's shape: what loops carry and branches hand on, after updates only.

    %c: f64[1] = for %i: i64 = 0 to %n
        carry %a: f64[1] = %z {
      %b: f64[1] = set %a, %i, %x
      next %b
    }

%c and %a have the shape of %z.  Right because `set`, `add_at` and `gemm` keep it, by induction over
the turns.  `accum` does not: what is added to null decides.
"""

from __future__ import annotations

from ..ir.core import LOOPS, Block, Loop, Op, Operand, Value
from ..ir.ops import ARRAY_UPDATES
from ..ir.types import Array

KEEPERS = ARRAY_UPDATES - {"accum"}


class Shapes:
    """Finds them op by op and remembers, so that nesting costs no more."""

    def __init__(self) -> None:
        self.found: dict[Op, list[Operand | None]] = {}
        self.local: dict[Block, dict[Value, Op]] = {}

    def of(self, op: Op) -> list[Operand | None]:
        """For each result of a loop or branch the operand whose shape it has, if any."""
        if op not in self.found:
            self.found[op] = self.of_loop(Loop(op)) if op.opcode in LOOPS else self.of_branch(op)
        return self.found[op]

    def of_loop(self, loop: Loop) -> list[Operand | None]:
        found: list[Operand | None] = [None] * len(loop.op.results)
        if loop.body.end.opcode != "next":
            return found
        for k, carry in enumerate(loop.carries):
            if isinstance(carry.type, Array) and self.back(loop.body, loop.next[k]) is carry:
                found[k] = loop.inits[k]
        return found

    def of_branch(self, op: Op) -> list[Operand | None]:
        arms = [r for r in op.regions if r.end.opcode == "yield"]
        found: list[Operand | None] = [None] * len(op.results)
        for k, v in enumerate(op.results):
            if isinstance(v.type, Array) and arms:
                first, *others = [self.back(r, r.outs[k]) for r in arms]
                inside = any(first in self.definers(r) for r in arms)
                if not inside and all(o is first for o in others):
                    found[k] = first
        return found

    def back(self, block: Block, v: Operand) -> Operand:
        """The earliest value known to have the shape of v, as seen from a block."""
        while isinstance(v, Value):
            op = self.definers(block).get(v)
            before: Operand | None = None
            if op is not None and op.opcode in KEEPERS:
                before = op.operands[0]
            elif op is not None and (op.opcode in LOOPS or op.opcode == "if"):
                before = self.of(op)[op.results.index(v)]
            if before is None:
                break
            v = before
        return v

    def definers(self, block: Block) -> dict[Value, Op]:
        if block not in self.local:
            self.local[block] = {v: op for op in block.ops for v in op.results}
        return self.local[block]
