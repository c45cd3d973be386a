"""The reversal of a loop, for `vjp`.

    %s.2 = for %i = lo to hi                   %ct.s.1, %ct.x = for reversed %i = lo to hi
        carry %s = %s.0 {                          carry %ct.s = %ct.s.2, %ct.x = 0.0
      %s.1 = mul %s, %x                            each %s of %s.all {
      next %s.1                                  %0 = mul %ct.s, %x
    }                                            %1 = mul %ct.s, %s
                                                 %2 = add %ct.x, %1
                                                 next %0, %2
                                               }

Why it is right.  A loop composes its body with itself, so its transpose composes the transposed
body, last iteration first.  A carry's cotangent goes around backwards; a value from outside is
read in every iteration, so its cotangent is the sum, a carry; the cotangent of a history is read
where the history was written, and that of an `each` is a history of its own.  A `while` made as
many trips as fwd counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ir.builder import Builder
from ..ir.core import Loop, Operand, Value, free_values, literal
from ..ir.types import BOOL, I64, history_type, is_threaded
from .cotangents import ct_name
from .reached import NO, YES, may_forget, turns

if TYPE_CHECKING:
    from .vjp import Reverse


@dataclass
class Sum:
    """A carry of the reversed loop: the cotangent of a value, and where it says anything."""

    value: Value
    carry: Value
    init: Operand
    next: Operand = NO
    told: Value | None = None  # the carry that says whether; `when` after the loop
    told_init: Operand = NO
    told_next: Operand = YES
    when: Operand = YES


class LoopReversal:
    """The reversal of one `for` or `while`."""

    def __init__(self, reverse: Reverse, b: Builder, loop: Loop, cts: list[Operand | None]) -> None:
        self.r, self.b, self.loop, self.cts = reverse, b, loop, cts
        self.inner = b.child("loop")
        n = loop.ncarries
        self.carried = [k for k in range(n) if loop.carries[k] in reverse.active]
        self.ys = [k for k in range(len(loop.ys)) if cts[n + k] is not None]
        self.sums: list[Sum] = []
        self.told_histories: list[Operand] = []

    def run(self) -> None:
        r, loop, inner = self.r, self.loop, self.inner
        if loop.body.end.opcode == "unreachable":  # no trip was made
            for k in self.carried:
                c = self.seed(k)
                r.reached.note(c, self.seeded(k))
                r.add(self.b, loop.inits[k], c)
            return
        for k in self.carried:
            v = loop.carries[k]
            self.sums.append(Sum(v, inner.param(r.ct_type(v), ct_name(v)), self.seed(k)))
            self.told_from(self.sums[-1], self.seeded(k), may_forget(loop, k))
        history = [inner.param(r.ct_type(loop.ys[k]), ct_name(loop.ys[k])) for k in self.ys]
        accumulators = self.accumulators()
        around, r.ct = r.ct, dict(accumulators)
        for k, s in zip(self.carried, self.sums, strict=True):
            r.reached.note(s.carry, s.told or YES)
            r.add(inner, loop.next[k], s.carry)
        histories = [r.reached.histories.get(self.cts[loop.ncarries + k] or NO) for k in self.ys]
        self.told_histories = [h for h in histories if h is not None]
        for k, c, h in zip(self.ys, [*history], histories, strict=True):
            if h is not None:
                history.append(inner.param(BOOL, f"reached.{c.name}"))
                r.reached.note(c, history[-1])
            r.add(inner, loop.ys[k], c)
        r.reverse(inner, loop.body)
        for s in self.sums:
            after = r.ct.pop(s.value, None)
            s.next = r.zero(inner, s.value) if after is None else after
            s.told_next = NO if after is None else r.reached.of(after)
            if s.told is not None and s.told_next == YES and s.told_init != YES:
                s.when = self.b.op("or", s.told_init, turns(self.b, *self.bounds()))
                s.told_init = YES  # read in every turn: that nobody reads what the last one made
        elements = {k: r.ct.pop(v) for k, v in enumerate(loop.elements) if v in r.ct}
        outside = {v: c for v, c in r.ct.items() if c is not accumulators.get(v)}
        r.ct = around
        for v, c in outside.items():
            self.collect(v, c, accumulators.get(v))
        self.emit(history, elements)

    def accumulators(self) -> dict[Value, Operand]:
        """A carry for the accumulator of every active array that the body reads from outside."""
        r = self.r
        return {
            v: self.inner.param(r.ct_type(v), ct_name(v))
            for v in free_values(self.loop.body)
            if v in r.active and is_threaded(v.type)
        }

    def collect(self, v: Value, c: Operand, accumulator: Operand | None) -> None:
        """A carry that sums the contributions to a value from outside."""
        r = self.r
        if isinstance(accumulator, Value):
            self.sums.append(Sum(v, accumulator, r.accumulator(self.b, v), c))
            return
        total = self.inner.param(r.ct_type(v), ct_name(v))
        s = Sum(v, total, r.zero(self.b, v), self.inner.op("accum", total, c))
        self.sums.append(s)
        if r.reached.matters(v):
            when = r.reached.of(c)
            if when == YES:  # read in every turn: somewhere, if there is one
                s.when = turns(self.b, *self.bounds())
            else:
                self.told_from(s, NO)
                s.told_next = self.inner.op("or", s.told or NO, when)

    def told_from(self, s: Sum, when: Operand, changes: bool = False) -> None:
        """A further carry says whether the sum says anything; first, as `when` does."""
        if (when != YES or changes) and self.r.reached.matters(s.value):
            s.told, s.told_init = self.inner.param(BOOL, f"reached.{s.value.name}"), when

    def seed(self, k: int) -> Operand:
        c = self.cts[k]
        return self.r.zero(self.b, self.loop.results[k]) if c is None else c

    def seeded(self, k: int) -> Operand:
        """Whether the cotangent of a carry says anything after the loop."""
        c = self.cts[k]
        return NO if c is None else self.r.reached.of(c)

    def bounds(self) -> Sequence[Operand]:
        if self.loop.is_for:
            return self.loop.bounds
        return literal(0), self.r.residuals.trip_count(self.loop.op), literal(1)

    def emit(self, history: list[Value], elements: dict[int, Operand]) -> None:
        r, b, loop, inner, sums = self.r, self.b, self.loop, self.inner, self.sums
        told = [s for s in sums if s.told is not None]
        whens = [r.reached.of(c) for c in elements.values()]
        ys = [*elements.values(), *[p for p in whens if p != YES]]
        outs = [s.next for s in sums] + [s.told_next for s in told] + ys
        index = loop.index if loop.index is not None else inner.param(I64, "k")
        given = [index, *loop.elements] if loop.is_for else [index]
        pairs = r.residuals.save(inner, loop.body, outs, given)
        used = set(free_values(inner.block((), "next", outs)))
        read = [k for k, v in enumerate(loop.elements) if v in used]
        params = [index, *[s.carry for s in sums], *[s.told for s in told if s.told], *history]
        params += [loop.elements[k] for k in read] + [v for v, _ in pairs]
        groups = (len(sums) + len(told), len(ys))
        body = inner.block(params, "next", outs, groups)
        inits = [s.init for s in sums] + [s.told_init for s in told]
        each = [c for k in self.ys if (c := self.cts[loop.ncarries + k]) is not None]
        each += [*self.told_histories]
        each += [loop.each[k] for k in read] + [carrier for _, carrier in pairs]
        types = [v.type for v in inits] + [history_type(v.type) for v in ys]
        names = [ct_name(loop.results[k]) for k in self.carried]
        names += [ct_name(s.value) for s in sums[len(names) :]]
        names += [s.told.name for s in told if s.told]
        attrs = {} if loop.reversed else {"reversed": True}
        operands = [*self.bounds(), *inits, *each]
        results = b.emit(
            "for", operands, attrs, types, names, [body], groups=(3, len(inits), len(each))
        )
        for s, p in zip(told, results[len(sums) :], strict=False):
            s.when = p if s.when == YES else s.when
        histories = dict(zip(elements, results[len(inits) :], strict=False))
        tellers = iter(results[len(inits) + len(elements) :])
        for c, when in zip(histories.values(), whens, strict=True):
            if when != YES:
                r.reached.histories[c] = next(tellers)
        self.hand_back(results, histories)

    def hand_back(self, results: Sequence[Operand], elements: dict[int, Operand]) -> None:
        """What the loop has summed goes to the values from outside and those that it starts from;
        accumulators go back before others add."""
        r, b, loop, n = self.r, self.b, self.loop, len(self.carried)
        for s, c in zip(self.sums, results, strict=False):
            r.reached.note(c, s.when)
        for s, c in zip(self.sums[n:], results[n:], strict=False):
            if is_threaded(s.value.type):
                r.put(s.value, c)
            else:
                r.add(b, s.value, c)
        for k, c in elements.items():
            r.add(b, loop.each[k], c)
        for k, c in zip(self.carried, results, strict=False):
            r.add(b, loop.inits[k], c)
