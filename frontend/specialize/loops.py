"""Loops: the types of what they carry are a fixpoint; each pass runs the body once.

Carries are the generic loop's own, then the contents of cells that the body changes.  A `for` over
a range or an array is a typed `for`, one over a tuple unrolls.  A loop that may be left is a
`while` whose first carry says so:

    while carry stop = false, i = lo, ...         (i for a `for` only)
      { if stop { false } else { i < hi } }
      do { ...; next left, i + step, ... }

A `while` whose test changes a captured variable runs the test in its body, and a first carry
`over` ends it:

    while carry over = false, ... { not over }
      do { if test { ...; yield false, ... } else { yield true, ... }; next ... }

Each loop starts from the header that it settled on when it ran last: without that, nesting is
exponential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ir.builder import Builder
from ...ir.core import Block, Literal, Loop, Op, Operand, Value
from ...ir.types import BOOL, I64, Type
from . import (
    forms,
    headers,
    operators,
    places,
    vectors,
    walks,
)
from .branches import fork, is_natural
from .joins import Disagree, Endless, coerce, endless, join
from .values import (
    AV,
    I64_T,
    UNDEFINED,
    Dead,
    T,
    build,
    cells_in,
    dynamic,
    leaf_types,
    named_leaves,
    number,
    same,
    true_or_false,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame

PASSES = 40
FROZEN = "let the class of records that hold one another be frozen, and make new ones"
ZERO, ONE, FALSE = Literal(0, I64), Literal(1, I64), Literal(False, BOOL)


class Run:
    """One loop while it settles."""

    def __init__(self, f: Frame, op: Op, parts: Loop, source: AV | None) -> None:
        self.f, self.op, self.parts, self.source = f, op, parts, source
        self.loc = f.loc
        self.inits = [f.get(v) for v in parts.inits]
        self.base, self.outer = f.store, f.b
        self.names = [v.name for v in parts.carries]
        self.bounds = self.find_bounds()
        # the index is a carry of its own where the loop may be left
        self.counts = source is not None and bool(parts.stop)
        self.over = False  # the test stands in the body
        self.signed: set[int] = set()  # carries that may be negative
        self.key = (op, tuple([a.kind for a in self.inits]))
        self.header_names: headers.Names | None = None
        self.types, self.cells = self.start()
        self.test: Block | None = None
        self.body: Block | None = None
        self.params: list[Value] = []

    def find_bounds(self) -> tuple[Operand, Operand, Operand]:
        f, source = self.f, self.source
        if source is None:
            return ZERO, ZERO, ONE
        if source.kind == "zipped":
            return ZERO, walks.shortest(f, source), ONE
        if source.kind != "range":
            return ZERO, walks.run_length(f, source), ONE
        lo, hi, step = (k.leaves[0] for k in source.kids)
        return lo, hi, step

    def start(self) -> tuple[list[T], dict[Any, T]]:
        """The header to begin with: what comes in, joined with the last that settled."""
        f = self.f
        types = [dynamic(typ(a)) for a in self.inits]
        memo = f.instance.memo.get(self.key)
        if memo is None:
            return types, {}
        old_types, old_cells, self.signed, of = memo
        to: dict[Any, Any] = {}
        if of:
            self.header_names = headers.of_loop(f, self.op, self.inits)
            to = self.header_names.taken_over(of)
            old_types = [headers.retyped(t, to) for t in old_types]
            old_cells = {to.get(c, c): headers.retyped(t, to) for c, t in old_cells.items()}
        cells = {c: t for c, t in old_cells.items() if c in self.base or c in to.values()}
        there = set(self.base) | set(cells)
        known = all(c in there for t in [*old_types, *cells.values()] for c in cells_in(t))
        try:
            if known:
                for c in self.base.keys() & cells.keys():
                    cells[c] = join(dynamic(typ(self.base[c])), cells[c])
                return [join(a, b) for a, b in zip(types, old_types, strict=True)], cells
        except (Disagree, Endless):
            pass
        return types, {}

    def finish(self) -> None:
        """Settle, then emit the loop and bind its results."""
        f = self.f
        start, natural = f.cells, set(f.natural)
        for _ in range(PASSES):
            f.cells, f.natural = start, set(natural)
            try:
                if self.one_pass():
                    break
            except Dead:
                # the test raises whatever the header holds: so it does before the first turn
                self.ask(self.inits)
                raise
        else:
            raise f.error(
                "E08",
                "a loop whose values change their type on every turn",
                "what it carries has no type that holds for all turns",
                FROZEN if self.cells else "carry numbers, or tuples of one length",
            )
        of = self.header_names.of if self.header_names else {}
        f.instance.memo[self.key] = (self.types, self.cells, self.signed, of)
        self.emit()

    # ---- one pass

    def one_pass(self) -> bool:
        """Run test and body on the header; whether the header holds what comes back."""
        f = self.f
        shape = [*self.types, *self.cells.values()]
        labels: list[str] = []
        names = [*self.names, *[self.cell_name(c) for c in self.cells]]
        for name, t in zip(names, shape, strict=True):
            labels += named_leaves(t, name)
        test, body = self.outer.child("loop"), self.outer.child("loop")
        # both regions share their parameters
        kinds = [k for t in shape for k in leaf_types(t)]
        self.params = [body.param(k, n) for k, n in zip(kinds, labels, strict=True)]
        self.stop = body.param(BOOL, "stop")
        self.ended = body.param(BOOL, "over")
        self.index = body.param(I64, self.index_name())
        if is_natural(f, self.bounds[0]) and self.ascends() or self.descends_to_zero():
            f.natural.add(self.index)
        leaves = iter(self.params)
        carries = [build(t, leaves) for t in self.types]
        for k in self.naturals():
            operators.natural(f, carries[k].leaves[0])
        header = {**self.base, **{c: build(t, leaves) for c, t in self.cells.items()}}
        f.store = dict(header)
        try:
            tested = self.run_test(test, carries)
            if any(not same(f.store[c], a) for c, a in header.items()):
                self.over = True
                return False
            nexts = self.run_body(body, carries)
        finally:
            f.b, f.store, after = self.outer, self.base, f.store
            f.loc = self.loc
        if tested is not None:
            self.test = tested
        if nexts is None:
            self.body = body.block(self.body_params(), "unreachable", (), loc=self.loc)
            return True
        heads, outs = nexts
        return self.settled(body, header, heads, outs, after)

    def cell_name(self, c: Any) -> str:
        """What the contents of a cell are called: as before the loop."""
        held = self.base.get(c)
        first = held.leaves[0] if held is not None and held.kind in ("num", "array") else None
        return (isinstance(first, Value) and first.name) or "cell"

    def naturals(self) -> list[int]:
        """Int carries that start at 0 or above and have not been seen to fall below."""
        return [
            k
            for k, (t, a) in enumerate(zip(self.types, self.inits, strict=True))
            if t == I64_T and k not in self.signed and self.natural(a)
        ]

    def natural(self, a: AV) -> bool:
        return a.kind == "num" and is_natural(self.f, a.leaves[0])

    def index_name(self) -> str:
        name = self.parts.index.name if self.parts.index is not None else ""
        return name if self.source is not None and self.source.kind == "range" else "k"

    def ascends(self) -> bool:
        step = self.bounds[2]
        return self.source is not None and isinstance(step, Literal) and step.value > 0

    def descends_to_zero(self) -> bool:
        _, hi, step = self.bounds
        down = self.source is not None and isinstance(step, Literal) and step.value < 0
        return down and isinstance(hi, Literal) and hi.value >= -1

    def run_test(self, test: Builder, carries: list[AV]) -> Block | None:
        """The test region of a `while`; None for a plain `for`."""
        f, parts = self.f, self.parts
        if self.source is not None and not parts.stop:
            return None
        f.b = test
        if self.over:
            out = f.scalar("not", (self.ended,), BOOL)
        elif parts.stop:
            fresh = fork(f, self.stop, lambda: [true_or_false(False)], lambda: [self.ask(carries)])
            out = fresh[0].leaves[0]
        else:
            out = self.ask(carries).leaves[0]
        return test.block(self.body_params(), "test", [out], loc=self.loc)

    def ask(self, carries: list[AV]) -> AV:
        """Whether there is another turn."""
        f = self.f
        if self.source is not None:
            return number(self.in_range())
        for v, a in zip(self.parts.carries, carries, strict=True):
            f.env[v] = a
        return number(operators.truth(f, f.run(self.op.regions[0])[0]))

    def in_range(self) -> Operand:
        """Whether a `for` that may be left has another turn."""
        f = self.f
        _, hi, step = self.bounds
        if isinstance(step, Literal):
            return f.scalar("lt" if step.value > 0 else "gt", (self.index, hi), BOOL)
        up = f.scalar("gt", (step, ZERO), BOOL)
        below = f.scalar("lt", (self.index, hi), BOOL)
        above = f.scalar("gt", (self.index, hi), BOOL)
        out: Operand = f.emit("select", [up, below, above], [BOOL])
        return out

    def run_body(self, body: Builder, carries: list[AV]) -> tuple[list[Operand], list[AV]] | None:
        """What the body hands on: flags whether it leaves, the carries; None if it raises."""
        f, stop = self.f, self.parts.stop
        f.b = body
        try:
            if not self.over:
                outs = self.turn(carries)
            else:
                more = self.ask(carries).leaves[0]
                end = [true_or_false(True), *[true_or_false(False)] * stop, *carries]
                outs = fork(f, more, lambda: self.last(self.turn(carries)), lambda: end)
            flags = stop + self.over
            return [operators.truth(f, a) for a in outs[:flags]], outs[flags:]
        except Dead:
            return None

    def turn(self, carries: list[AV]) -> list[AV]:
        f, parts = self.f, self.parts
        for v, a in zip(parts.carries, carries, strict=True):
            f.env[v] = a
        if parts.index is not None:
            f.env[parts.index] = self.element()
        return f.run(parts.body)

    def last(self, outs: list[AV]) -> list[AV]:
        """With `over` in front: the loop is over, too, where the body leaves it."""
        if not self.parts.stop:
            return [true_or_false(False), *outs]
        return [outs[0], *outs]

    def element(self) -> AV:
        source = self.source
        if source is not None and source.kind == "zipped":
            return walks.element(self.f, source, self.index)
        if source is not None and source.kind != "range":
            assert self.parts.index is not None
            got = walks.part(self.f, source, self.index)
            return self.f.named(got, self.parts.index.name)
        return number(self.index)

    # ---- joining what comes back

    def settled(
        self,
        body: Builder,
        header: dict[Any, AV],
        heads: list[Operand],
        outs: list[AV],
        after: dict[Any, AV],
    ) -> bool:
        f = self.f
        if self.cells or any(True for t in self.types for _ in cells_in(t)):
            outs, after = places.rebound(f, self.op, self.types, outs, header, after)
        outs, after = self.by_name(body, outs, header, after)
        types = [
            self.joined(t, dynamic(typ(a)), n)
            for t, a, n in zip(self.types, outs, self.names, strict=True)
        ]
        cells = dict(self.cells)
        for c, a in header.items():
            new = after[c]
            if c in cells or not same(new, a):
                old = cells.get(c) or dynamic(typ(a))
                cells[c] = self.joined(old, dynamic(typ(new)), "a captured variable")
        work = [*types, *cells.values()]
        while work:
            for c in cells_in(work.pop()):
                if c not in header and c not in cells:
                    cells[c] = dynamic(typ(after[c]))
                    work.append(cells[c])
        if types != self.types or cells != self.cells:
            self.types, self.cells = types, cells
            return False
        signed = [k for k in self.naturals() if not self.natural(outs[k])]
        if signed:
            self.signed.update(signed)
            return False
        f.b = body
        leaves: list[Operand] = []
        try:
            for a, t in zip(outs, types, strict=True):
                leaves += coerce(f, a, t)
            for c, t in cells.items():
                leaves += coerce(f, after[c], t)
        except Dead:  # an int too large for its type
            f.b = self.outer
            self.body = body.block(self.body_params(), "unreachable", (), loc=self.loc)
            return True
        leaves = heads + self.stepped() + leaves
        f.b = self.outer
        self.body = body.block(self.body_params(), "next", leaves, (len(leaves), 0), loc=self.loc)
        return True

    def by_name(
        self, body: Builder, outs: list[AV], header: dict[Any, AV], after: dict[Any, AV]
    ) -> tuple[list[AV], dict[Any, AV]]:
        """What comes back, cells that were made in the loop by the names of header cells."""
        f = self.f
        changed = [c for c, a in header.items() if c in self.cells or not same(after[c], a)]
        held = [*outs, *[after[c] for c in changed]]
        if all(c in header for a in held for c in cells_in(a)):
            return outs, after
        self.header_names = self.header_names or headers.of_loop(f, self.op, self.inits)
        f.b = body
        try:
            return self.header_names.renamed(outs, changed, header, after)
        finally:
            f.b = self.outer

    def joined(self, a: T, b: T, name: str) -> T:
        before, after = forms.of_type(a), forms.of_type(b)
        if before != after and len(before | after) > forms.FEW and not self.f.program.growing:
            raise vectors.Grown
        if before != after and len(before | after) > forms.FEW:
            raise self.f.error(
                "E05",
                "a list or dict that grows from turn to turn",
                "lists of numbers, arrays, lists, and tuples and records of those, can grow so far",
                "write into the rows of an array, or keep what is needed in variables",
            )
        try:
            return join(a, b)
        except Disagree as e:
            raise self.f.error(
                "E07",
                f"`{name}`: {e}",
                "what a loop carries has one kind, before it and after each turn",
                e.cure,
            ) from None
        except Endless:
            raise endless(self.f) from None

    def stepped(self) -> list[Operand]:
        """The next index, where it is a carry; by one it stays between the bounds."""
        step = self.bounds[2]
        one = isinstance(step, Literal) and abs(step.value) == 1
        return [self.f.scalar("add", (self.index, step), I64, exact=one)] if self.counts else []

    def heads(self) -> list[Value]:
        """The carries before the generic loop's own."""
        over, stop, index = [self.ended] * self.over, [self.stop] * self.parts.stop, [self.index]
        return over + stop + index * self.counts

    def body_params(self) -> list[Value]:
        plain_for = self.source is not None and not self.counts
        return [self.index, *self.params] if plain_for else self.heads() + self.params

    # ---- emission

    def emit(self) -> None:
        f = self.f
        inits: list[Operand] = []
        for a, t in zip(self.inits, self.types, strict=True):
            inits += coerce(f, a, t)
        for c, t in self.cells.items():
            inits += coerce(f, self.base.get(c, UNDEFINED), t)
        assert self.body is not None
        heads = self.heads()
        carries = heads + self.params
        kinds: list[Type] = [v.type for v in carries]
        names = [v.name for v in carries]
        if self.source is not None and not self.counts:
            groups = (3, len(inits), 0)
            operands = [*self.bounds, *inits]
            out = f.results("for", operands, kinds, None, names, (self.body,), groups)
        else:
            assert self.test is not None
            inits = [self.bounds[0] if v is self.index else FALSE for v in heads] + inits
            regions = (self.test, self.body)
            out = f.results("while", inits, kinds, None, names, regions, (len(inits),))
        leaves = iter(out[len(heads) :])
        ends = dict(zip(heads, out, strict=False))
        results = [number(ends[self.stop])] if self.parts.stop else []
        results += [build(t, leaves) for t in self.types]
        for k in self.naturals():
            operators.natural(f, results[k + self.parts.stop].leaves[0])
        for c, t in self.cells.items():
            f.store[c] = build(t, leaves)
        for v, a in zip(self.op.results, results, strict=True):
            f.env[v] = a
        if self.source is not None and self.source.kind == "zipped":
            walks.ended(f, self.source, ends.get(self.stop))
