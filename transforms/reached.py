"""Which cotangents say nothing, since no path that ran read their value.

    def f(x, n):                  %ct.s, %reached.s = for reversed %k = 0 to 3
        s = math.sqrt(x)              carry %ct.s.1 = 0.0, %reached.s.1 = false {
        r = 0.0                     %ct.s.2 = if %0 { yield 1.0 } else { yield 0.0 }
        for k in range(3):          %1 = add %ct.s.1, %ct.s.2
            if n == 1:              %2 = or %reached.s.1, %0
                r += s              next %1, %2
        return r                  }
                                  %ct.x = if %reached.s {
                                    %3 = div %ct.s, ...
                                    yield %3
                                  } else {
                                    yield 0.0
                                  }

Why it is right.  A zero that stands for "nobody read it" must not meet an infinite partial: 0 times
inf is nan, and the contribution is exactly nothing.  A zero that was computed must: of sqrt(x)**2
at 0 nan is the honest answer.  The two are told apart by a bool beside the cotangent: an `if`
yields true from the arms that read the value, a loop carries it, a recursive bwd returns it, and
the adjoint of an op runs where it is true.  A bool is made only for floats that depend on an op
whose partials may be infinite, or on a loop: of the candidates for a maximum, say, each made by a
loop, only the loop that made the largest is reversed.

Elements of arrays have no such bool: their cotangents are zeros in an accumulator.  Nor has what a
loop reads in every turn, though nobody may read what its last turn makes: loops stay free of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..ir.builder import Builder
from ..ir.core import LOOPS, Block, Loop, Module, Op, Operand, Value, literal, walk
from .activity import graphs, reach

YES, NO = literal(True), literal(False)
STEEP = frozenset(
    "div mod fmod pow hypot exp exp2 expm1 log log1p log2 log10 sqrt cbrt tan asin acos atan2 "
    "sinh cosh acosh atanh gamma lgamma polygamma call vjp jvp unbox".split()
)
# zero times a partial of these is zero, whatever the operands are
TAME = frozenset("add sub neg select convert fit min max abs copysign complex real imag if".split())


class Reached:
    """`of(c)` for a cotangent c: the bool, or true where its value was read for certain."""

    def __init__(self, body: Block, inputs: Iterable[Value] = ()) -> None:
        along, _ = graphs(body)
        ops = list(walk(body))
        steep = [v for op in ops if op.opcode in STEEP for v in op.results]
        self.steep = reach(along, [*inputs, *steep])
        loops = [v for op in ops if op.opcode in LOOPS for v in op.results]
        self.dear = self.steep | reach(along, loops)
        self.bools: dict[Operand, Operand] = {}
        self.histories: dict[Operand, Operand] = {}  # bools of a history of cotangents

    def matters(self, v: Operand) -> bool:
        """Whether v depends on an op whose partials may be infinite, or on a loop."""
        return v in self.dear

    def needs_guard(self, op: Op) -> bool:
        """Whether the adjoint of op must not run, or costs too much to run, for nothing."""
        if op.opcode in TAME:
            return False
        return op.opcode in LOOPS or any(v in self.steep for v in op.results)

    def of(self, c: Operand) -> Operand:
        return self.bools.get(c, YES)

    def note(self, c: Operand, when: Operand) -> None:
        """c says something only where `when` is true."""
        if isinstance(c, Value) and when != YES:
            self.bools[c] = when

    def either(self, b: Builder, cts: Sequence[Operand]) -> Operand:
        """Whether any of these says something."""
        when: Operand = NO
        for p in map(self.of, cts):
            if p == YES:
                return YES
            when = p if when == NO or p == when else b.op("or", when, p)
        return when


def steep_inputs(module: Module, name: str) -> set[int]:
    """The inputs of a function for which some call passes what is steep: a least fixpoint."""
    found: dict[str, set[int]] = {f: set() for f in module.functions}
    todo = list(found)
    while todo:
        f = module.functions[todo.pop()]
        steep = Reached(f.body, [f.inputs[k] for k in found[f.name]]).steep
        for op in walk(f.body):
            if op.opcode in ("call", "vjp") and (callee := op.attrs["fn"]) in found:
                inputs = module.functions[callee].inputs  # of a bwd that is being made: a guess
                passed = {k for k, v in enumerate(op.operands[: len(inputs)]) if v in steep}
                if not passed <= found[callee]:
                    found[callee] |= passed
                    todo.append(callee)
    return found[name]


def may_forget(loop: Loop, k: int) -> bool:
    """Whether some turn may replace what a loop carries by what does not depend on it."""
    along, against = graphs(loop.body)
    after = reach(along, [loop.carries[k]])
    before = reach(against, [loop.next[k]])
    if loop.next[k] not in after:
        return True
    return any(
        r in after and r in before and any(arm.outs[j] not in after for arm in op.regions)
        for op in walk(loop.body)
        if op.opcode == "if" and all(arm.end.opcode != "unreachable" for arm in op.regions)
        for j, r in enumerate(op.results)
    )


def turns(b: Builder, lo: Operand, hi: Operand, step: Operand) -> Operand:
    """Whether a `for` over these bounds makes a turn."""
    up = b.op("and", b.op("gt", step, literal(0)), b.op("lt", lo, hi))
    down = b.op("and", b.op("lt", step, literal(0)), b.op("gt", lo, hi))
    return b.op("or", up, down)
