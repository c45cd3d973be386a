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
from typing import TYPE_CHECKING

from ..ir.builder import Builder
from ..ir.core import Loop, Operand, Value, free_values, literal
from ..ir.types import I64, history_type, is_threaded
from .cotangents import ct_name

if TYPE_CHECKING:
    from .vjp import Reverse


class LoopReversal:
    """The reversal of one `for` or `while`."""

    def __init__(self, reverse: Reverse, b: Builder, loop: Loop, cts: list[Operand | None]) -> None:
        self.r, self.b, self.loop, self.cts = reverse, b, loop, cts
        self.inner = b.child("loop")
        n = loop.ncarries
        self.carried = [k for k in range(n) if loop.carries[k] in reverse.active]
        self.ys = [k for k in range(len(loop.ys)) if cts[n + k] is not None]

    def run(self) -> None:
        r, b, loop = self.r, self.b, self.loop
        if loop.body.end.opcode == "unreachable":  # no trip was made
            for k in self.carried:
                r.add(b, loop.inits[k], self.carry_seed(k))
            return
        carries = [
            self.inner.param(r.ct_type(loop.carries[k]), ct_name(loop.carries[k]))
            for k in self.carried
        ]
        history = [self.inner.param(r.ct_type(loop.ys[k]), ct_name(loop.ys[k])) for k in self.ys]
        accumulators = self.accumulators()
        around, r.ct = r.ct, dict(accumulators)
        for k, c in zip(self.carried, carries, strict=True):
            r.add(self.inner, loop.next[k], c)
        for k, c in zip(self.ys, history, strict=True):
            r.add(self.inner, loop.ys[k], c)
        r.reverse(self.inner, loop.body)
        nexts = [r.ct.pop(loop.carries[k], None) for k in self.carried]
        after = [
            r.zero(self.inner, loop.carries[k]) if c is None else c
            for k, c in zip(self.carried, nexts, strict=True)
        ]
        elements = {k: r.ct.pop(v) for k, v in enumerate(loop.elements) if v in r.ct}
        outside = [v for v in r.ct if r.ct[v] is not accumulators.get(v)]
        totals, sums = self.collect(outside, accumulators)
        r.ct = around
        self.emit(carries, history, after, elements, outside, totals, sums)

    def accumulators(self) -> dict[Value, Operand]:
        """A carry for the accumulator of every active array that the body reads from outside."""
        r = self.r
        return {
            v: self.inner.param(r.ct_type(v), ct_name(v))
            for v in free_values(self.loop.body)
            if v in r.active and is_threaded(v.type)
        }

    def collect(
        self, outside: list[Value], accumulators: dict[Value, Operand]
    ) -> tuple[list[Operand], list[Operand]]:
        """Carries that sum the contributions to values from outside, and their next values."""
        r = self.r
        totals, sums = [], []
        for v in outside:
            if v in accumulators:
                totals.append(accumulators[v])
                sums.append(r.ct[v])
            else:
                total = self.inner.param(r.ct_type(v), ct_name(v))
                totals.append(total)
                sums.append(self.inner.op("accum", total, r.ct[v]))
        return totals, sums

    def carry_seed(self, k: int) -> Operand:
        c = self.cts[k]
        return self.r.zero(self.b, self.loop.results[k]) if c is None else c

    def emit(
        self,
        carries: list[Value],
        history: list[Value],
        after: list[Operand],
        elements: dict[int, Operand],
        outside: list[Value],
        totals: list[Operand],
        sums: list[Operand],
    ) -> None:
        r, b, loop, inner = self.r, self.b, self.loop, self.inner
        outs = [*after, *sums, *elements.values()]
        index = loop.index if loop.index is not None else inner.param(I64, "k")
        given = [index, *loop.elements] if loop.is_for else [index]
        pairs = r.residuals.save(inner, loop.body, outs, given)
        used = set(free_values(inner.block((), "next", outs)))
        read = [k for k, v in enumerate(loop.elements) if v in used]
        params = [index, *carries, *totals, *history]
        params += [loop.elements[k] for k in read] + [v for v, _ in pairs]
        groups = (len(after) + len(sums), len(elements))
        body = inner.block(params, "next", outs, groups)  # type: ignore[arg-type]
        inits = [self.carry_seed(k) for k in self.carried]
        inits += [r.accumulator(b, v) if is_threaded(v.type) else r.zero(b, v) for v in outside]
        each = [c for k in self.ys if (c := self.cts[loop.ncarries + k]) is not None]
        each += [loop.each[k] for k in read] + [carrier for _, carrier in pairs]
        bounds: Sequence[Operand] = loop.bounds
        if not loop.is_for:
            bounds = (literal(0), r.residuals.trip_count(loop.op), literal(1))
        types = [v.type for v in inits] + [history_type(v.type) for v in elements.values()]
        names = [ct_name(loop.results[k]) for k in self.carried] + [ct_name(v) for v in outside]
        attrs = {} if loop.reversed else {"reversed": True}
        operands = [*bounds, *inits, *each]
        results = b.emit(
            "for", operands, attrs, types, names, [body], groups=(3, len(inits), len(each))
        )
        n, m = len(self.carried), len(inits)
        for v, c in zip(outside, results[n:m], strict=True):
            if is_threaded(v.type):
                r.put(v, c)
            else:
                r.add(b, v, c)
        for k, c in zip(elements, results[m:], strict=True):
            r.add(b, loop.each[k], c)
        for k, c in zip(self.carried, results[:n], strict=True):
            r.add(b, loop.inits[k], c)
