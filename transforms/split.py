"""Divide an `if` by its results: what makes some of them apart from what makes the others.

Before                                     After, for %a
    %a, %b = if %c {                           %u, %b = if %c {
      %u = exp %x                                %u = exp %x
      %p = sqrt %u                               yield %u, %u
      yield %p, %u                             } else {
    } else {                                     yield 0.0, %x
      yield 2.0, %x                            }
    }                                          %a = if %c {
                                                 %p = sqrt %u
                                                 yield %p
                                               } else {
                                                 yield 2.0
                                               }

Why it is right.  Both run the same arm, since they test the same value.  Effects stay in the first
part, so what the second part computes is behind checks that have passed.  What both need and is
costly, and what may not be done twice, is done in the first and handed out (%u); the other arm
hands out a zero, which nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.core import LOOPS, Block, Op, Operand, Value, walk, zero_literal
from ..ir.types import Scalar, is_float
from .dce import Dce
from .effects import Effects

CALLS = frozenset({"call", "vjp", "jvp"})
CHEAP = frozenset(
    {"add", "sub", "mul", "neg", "get", "convert", "select", "complex", "real", "imag"}
)


def is_costly(op: Op) -> bool:
    """Whether the op itself is more than + - *: its partials may be infinite."""
    if op.regions or op.opcode in CHEAP:
        return False
    return op.opcode in ("call", "box", "unbox") or any(is_float(r.type) for r in op.results)


def holds_costly(op: Op) -> bool:
    return any(is_costly(inner) for r in op.regions for inner in walk(r))


class Passed(Effects):
    """No op has an effect that must stay: it has happened before."""

    def of(self, op: Op) -> bool:
        return False


@dataclass
class Parts:
    """The first part, if anything is left of it, and the second."""

    stays: Op | None
    moved: Op
    effects: Effects

    def only(self, results: list[Value]) -> Op:
        """The second part, as far as it makes these results."""
        return Dce(self.effects).branch(self.moved, set(results))


class Split:
    """One `if` to be divided; `moving` are the results of the second part."""

    def __init__(self, effects: Effects, op: Op, moving: list[Value]) -> None:
        self.effects = effects
        self.passed = Passed(effects.module)
        self.op = op
        self.moving = [k for k, r in enumerate(op.results) if r in moving]
        self.kept = [k for k in range(len(op.results)) if k not in self.moving]

    def make(self) -> Parts | None:
        """Both parts; None where something would have to be handed out that has no zero."""
        moved = []
        handed: dict[Value, None] = {}
        for r in self.op.regions:
            shared = self.shared(r)
            own = {v for op in shared for v in op.results}
            rest = tuple(op for op in r.ops if op not in shared)
            part = Dce(self.passed).block(Block((), rest), self.moving)
            moved.append(part)
            handed.update((v, None) for v in part.free if v in own)
        if not all(isinstance(v.type, Scalar) for v in handed):
            return None
        results = tuple(self.op.results[k] for k in self.moving)
        second = self.op.but(results=results, regions=tuple(moved))
        return Parts(self.first(list(handed)), second, self.passed)

    def shared(self, r: Block) -> set[Op]:
        """Ops of an arm that the first part does for both."""
        if r.end.opcode == "unreachable":
            return set()
        first = Dce(self.effects).block(r, self.kept)
        done = {v for op in first.body for v in op.results}
        return {op for op in r.body if self.fixed(op) or (once(op) and done & {*op.results})}

    def fixed(self, op: Op) -> bool:
        """Whether the op calls what has effects: then it may stand in no other place."""
        inside = (inner for r in op.regions for inner in walk(r))
        return any(e.opcode in CALLS and self.effects.of(e) for e in (op, *inside))

    def first(self, handed: list[Value]) -> Op | None:
        results = (*(self.op.results[k] for k in self.kept), *handed)
        regions = []
        for r in self.op.regions:
            end = r.end
            if end.opcode != "unreachable":
                own = {v for op in r.body for v in op.results}
                outs: list[Operand] = [r.outs[k] for k in self.kept]
                for v in handed:
                    assert isinstance(v.type, Scalar)
                    outs.append(v if v in own else zero_literal(v.type))
                end = end.but(operands=tuple(outs))
            regions.append(Block((), (*r.body, end)))
        stays = self.op.but(results=results, regions=tuple(regions))
        return Dce(self.effects).one(stays, set(results))


def once(op: Op) -> bool:
    """Whether the op costs so much that it is not done a second time."""
    if is_costly(op) or op.opcode in LOOPS:
        return True
    inside = (inner for r in op.regions for inner in walk(r))
    return any(inner.opcode in LOOPS or inner.opcode in CALLS for inner in inside)
