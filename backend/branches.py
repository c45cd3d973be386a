"""Native code of `if`, so that a flag is never tested where it is known.

An early exit is data in the IR: an arm yields a literal flag, and the rest stands under an `if` on
that flag, or the flag makes the test of a `while` false.  Testing it again costs up to three times;
LLVM does not undo it at a loop's head.  So two things are jumped over here:

    %b, %s = if %c { ... yield true, %1 } else { ... yield false, %2 }
    %t = if %b { A } else { B }              the first arm goes on in A, the second in B

    while ... test %go ... do { ... %go.2 = if %c { yield false } else { ... }  next %go.2 }
                                             the first arm leaves the loop

A *run* is a sequence of `if`s each of which tests a result of one before; its arms' ends are edges
to the arms of the next.  A *tail* is an `if` after which a loop's body only hands on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir.core import Block, Literal, Loop, Op, Operand, Value
from ..ir.ops import effect
from . import layout
from .writer import Code, Regions

REST = 16  # ops between a tail and the end of the body that are written once more
NESTED = 32  # tails within tails


@dataclass
class Edge:
    """A jump to a label that is still to be opened: from where, with which values."""

    label: str
    words: dict[Value, tuple[str, ...]]
    known: dict[Value, Operand]


@dataclass
class Exit:
    """A `while` that may be left from inside its body."""

    loop: Loop
    finish: Callable[[], None]  # writes the end of an iteration, then jumps behind the loop

    def leaves(self, env: Mapping[Value, Operand]) -> bool:
        """Whether the test is false after an iteration that ends with these values."""
        test = self.loop.op.regions[0]
        nexts = [env.get(v, v) if isinstance(v, Value) else v for v in self.loop.next]
        known = {
            c: v for c, v in zip(self.loop.carries, nexts, strict=True) if isinstance(v, Literal)
        }
        if any(op.regions or effect(op) not in ("pure", "partial") for op in test.body):
            return False
        for op in test.body:
            value = truth(op, known)
            if value is not None:
                known[op.results[0]] = Literal(value, op.results[0].type)
        end = test.outs[0]
        found = known.get(end) if isinstance(end, Value) else end
        return isinstance(found, Literal) and found.value is False


@dataclass
class Tail:
    """An `if` after which its block only hands on: `rest` are the ops behind it."""

    op: Op
    rest: Sequence[Op]
    up: Exit | Tail
    depth: int = 0

    def leaves(self, env: Mapping[Value, Operand]) -> bool:
        here: Tail = self
        while isinstance(here.up, Tail):
            outs = [env.get(v, v) if isinstance(v, Value) else v for v in here.rest[-1].operands]
            here = here.up
            env = dict(zip(here.op.results, outs, strict=True))
        return here.up.leaves(env)

    def leave(self, c: Code) -> None:
        """Write the rest once more, for this way out."""
        here: Tail = self
        c.ops(here.rest[:-1])
        while isinstance(here.up, Tail):
            words = [w for v in here.rest[-1].operands for w in c.of(v)]
            here = here.up
            c.bind(here.op.results, words)
            c.ops(here.rest[:-1])
        here.up.finish()


def truth(op: Op, known: Mapping[Value, Operand]) -> bool | None:
    """The value of a bool op, as far as known operands tell."""
    values = []
    for v in op.operands:
        found = known.get(v) if isinstance(v, Value) else v
        values.append(found.value if isinstance(found, Literal) else None)
    match op.opcode, values:
        case "not", [bool(x)]:
            return not x
        case "and", [False, _] | [_, False]:
            return False
        case "or", [True, _] | [_, True]:
            return True
        case (("and" | "or"), [bool(x), bool(y)]):
            return x and y if op.opcode == "and" else x or y
    return None


def find_tails(c: Code, block: Block, up: Exit | Tail) -> None:
    """Register the last `if` of a block, if only a few plain ops follow it."""
    depth = up.depth + 1 if isinstance(up, Tail) else 0
    if depth > NESTED:
        return
    for k in range(len(block.ops) - 1, max(-1, len(block.ops) - REST - 2), -1):
        op = block.ops[k]
        if op.opcode == "if":
            c.tails[op] = Tail(op, block.ops[k + 1 :], up, depth)
            return
        if op.regions:
            return


def run_of(ops: Sequence[Op], start: int) -> list[Op]:
    """An `if` and those that follow it and test a flag that an arm before yields as a literal."""
    run, flags = [ops[start]], literal_results(ops[start])
    for op in ops[start + 1 :]:
        if op.opcode != "if" or op.operands[0] not in flags:
            return run
        run.append(op)
        flags |= literal_results(op)
    return run


def literal_results(op: Op) -> set[Operand]:
    """Results of an `if` that are literals at the end of an arm."""
    return {
        v
        for k, v in enumerate(op.results)
        for r in op.regions
        if r.end.opcode == "yield" and isinstance(r.outs[k], Literal)
    }


@dataclass
class Run:
    """The edges of a run of `if`s on their way."""

    code: Code
    live: list[Value] = field(default_factory=list)  # results so far
    edges: dict[str, list[Edge]] = field(default_factory=dict)

    def arrive(self, label: str) -> dict[Value, Operand]:
        """Open a label to which edges lead; what is known there."""
        c, edges = self.code, self.edges[label]
        c.start(label)
        known = edges[0].known
        for v in self.live:
            phis = [
                c.phi(t, [(e.words[v][k], e.label) for e in edges])
                for k, t in enumerate(layout.words(v.type))
            ]
            c.words[v] = tuple(phis)
            if any(e.known.get(v) != known.get(v) for e in edges):
                known = {w: o for w, o in known.items() if w is not v}
        return known

    def go(self, label: str, known: dict[Value, Operand]) -> None:
        """Jump to a label."""
        edge = Edge(self.code.label, {v: self.code.words[v] for v in self.live}, known)
        self.edges.setdefault(label, []).append(edge)


def if_(c: Code, op: Op) -> Regions:
    run = run_of(c.block_ops, c.position)
    state, known = Run(c), dict[Value, Operand]()
    labels = [(c.fresh("then"), c.fresh("else"), c.fresh("join")) for _ in run]
    after = c.fresh("after")
    for k, this in enumerate(run):
        flag, (yes, no, join) = this.operands[0], labels[k]
        if k == 0 or join in state.edges:
            known = state.arrive(join) if k else known
            c.branch(c.of(flag)[0], yes, no)
            state.go(yes, known)
            state.go(no, known)
        live = list(state.live)
        for label, region in zip((yes, no), this.regions, strict=True):
            if label not in state.edges:
                continue  # no edge leads there
            state.live = live
            known = state.arrive(label)
            if this in c.tails:
                find_tails(c, region, c.tails[this])
            yield region.body
            if region.end.opcode == "unreachable":
                c.do("unreachable")
                continue
            known = known | {
                v: known.get(o, o) if isinstance(o, Value) else o
                for v, o in zip(this.results, region.outs, strict=True)
            }
            end_arm(c, run, k, state, known, region.outs, (labels, after))
        state.live = live + list(this.results)
    c.skip = len(run) - 1
    if after in state.edges:
        state.arrive(after)
    else:
        c.start(after)
        for v in state.live:
            c.words[v] = ("poison",) * len(layout.words(v.type))
    return [w for v in op.results for w in c.words[v]]


def end_arm(
    c: Code,
    run: Sequence[Op],
    k: int,
    state: Run,
    known: dict[Value, Operand],
    outs: Sequence[Operand],
    targets: tuple[Sequence[tuple[str, str, str]], str],
) -> None:
    """From the end of an arm of run[k] to where it goes on."""
    this, (labels, after) = run[k], targets
    c.bind(this.results, [w for v in outs for w in c.of(v)])
    state.live = [*state.live, *this.results]
    tail = c.tails.get(run[-1])
    if k == len(run) - 1:
        if tail is not None and tail.leaves(known):
            tail.leave(c)
            return
        target = after
    else:
        flag = known.get(run[k + 1].operands[0])  # type: ignore[arg-type]
        yes, no, join = labels[k + 1]
        target = join
        if isinstance(flag, Literal):
            target = yes if flag.value else no
    state.go(target, known)
    c.jump(target)
