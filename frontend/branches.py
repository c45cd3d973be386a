"""`branch`: the one primitive that joins two paths.

Both arms are lowered to their ends; what differs is yielded.  An arm that has returned yields
`undef` for every name, because nobody reads them on that path, and `undef` joined with a value
that is there anyway is that value.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from ..ir.core import Block, Literal, Op, Operand, Value
from ..ir.types import NONE
from .desugar import shown
from .frame import CHOSEN, FALSE, FRESH, OUT, RETURNED, STOP, TRUE, UNDEF_VALUE, Frame


class Flow(NamedTuple):
    """How a list of statements ends: whether control may reach its end, and how it may leave."""

    falls: bool
    leaves: frozenset[str] = frozenset()

    @property
    def dead(self) -> bool:
        """Names are never read again: the function is left on every path."""
        return not self.falls and self.leaves <= {"return"}


FALLS = Flow(True)
Arm = Callable[[], Flow]


class Path(NamedTuple):
    flow: Flow
    ops: list[Op]
    changed: dict[str, Operand]


def branch(frame: Frame, condition: Operand, arms: tuple[Arm, Arm], node: ast.AST) -> Flow:
    """Lower both arms under a condition and join what they changed."""
    then, other = run(frame, arms[0]), run(frame, arms[1])
    flow = Flow(then.flow.falls or other.flow.falls, then.flow.leaves | other.flow.leaves)
    join = Join(frame, condition, then, other)
    for name in dict.fromkeys((*then.changed, *other.changed)):
        join.name(name)
    join.emit(node)
    if not flow.falls:
        frame.env.set(OUT, TRUE)
    return flow


def run(frame: Frame, arm: Arm) -> Path:
    """Lower one arm into a block of its own and take back what it changed."""
    outer, mark = frame.ops, frame.env.mark()
    frame.ops = []
    flow = arm()
    ops, frame.ops = frame.ops, outer
    return Path(flow, ops, frame.env.rewind(mark))


class Join:
    """The results of one `if`, name by name."""

    def __init__(self, frame: Frame, condition: Operand, then: Path, other: Path) -> None:
        self.frame, self.condition, self.then, self.other = frame, condition, then, other
        self.results: list[Value] = []
        self.yields: tuple[list[Operand], list[Operand]] = ([], [])
        self.flags: dict[tuple[Operand, Operand], Value] = {}
        self.tested = False  # a flag is the condition itself

    def name(self, name: str) -> None:
        """Join one name: nothing to do where both arms agree."""
        env, hidden = self.frame.env, name.startswith("$")
        old = env.get(name)
        pair = (self.seen(self.then, name, old), self.seen(self.other, name, old))
        if pair[0] == pair[1]:
            env.set(name, pair[0])
            return
        for here, there in (pair, pair[::-1]):
            # the other path is never read: its own value, if it is there before the branch
            if here == UNDEF_VALUE and (there is old or isinstance(there, Literal)):
                env.set(name, there)
                return
        flag = hidden and name != CHOSEN
        if flag and pair == (TRUE, FALSE) and self.condition in self.frame.tests:
            self.tested = self.tested or name == STOP
            env.set(name, self.condition)
        elif hidden and pair in self.flags:
            env.set(name, self.flags[pair])
        else:
            env.set(name, self.result(name, pair))

    def seen(self, path: Path, name: str, old: Operand) -> Operand:
        """What a path hands on for a name."""
        if path.flow.dead and not name.startswith("$"):
            return UNDEF_VALUE
        return path.changed.get(name, old)

    def result(self, name: str, pair: tuple[Operand, Operand]) -> Value:
        value = Value(NONE, shown(name))
        if name.startswith("$"):
            self.flags[pair] = value
        if any(self.frame.unbound(v) for v in pair):
            self.frame.maybe.add(value)
        self.results.append(value)
        for out, v in zip(self.yields, pair, strict=True):
            out.append(v)
        return value

    def emit(self, node: ast.AST) -> None:
        """The `if` itself; none where it would only test what `next` tests again."""
        frame, loc = self.frame, self.frame.loc(node)
        if self.tested and not self.results and not self.then.ops and not self.other.ops:
            return
        regions = tuple(
            Block((), (*path.ops, Op("yield", tuple(out), loc=loc)))
            for path, out in zip((self.then, self.other), self.yields, strict=True)
        )
        frame.ops.append(Op("if", (self.condition,), tuple(self.results), None, regions, loc))


def choose(
    frame: Frame,
    condition: Operand,
    then: Callable[[], Operand],
    other: Callable[[], Operand],
    node: ast.AST,
) -> Operand:
    """The value of a conditional expression."""

    def arm(value: Callable[[], Operand]) -> Arm:
        def lowered() -> Flow:
            frame.env.set(CHOSEN, value())
            return FALLS

        return lowered

    branch(frame, condition, (arm(then), arm(other)), node)
    chosen = frame.env.get(CHOSEN)
    frame.env.set(CHOSEN, UNDEF_VALUE)
    return chosen


def has_left(frame: Frame, leaves: frozenset[str]) -> Flow:
    """The arm of a path that has left its block: the flags are known as far as they can be."""
    frame.env.set(OUT, TRUE)
    if leaves == {"continue"}:
        frame.env.set(STOP, FALSE)
    elif "continue" not in leaves:
        frame.env.set(STOP, TRUE)
    if leaves == {"return"}:
        frame.env.set(RETURNED, TRUE)
    return Flow(False, leaves)


def stays(frame: Frame) -> None:
    """The arm of a path that has not left: nothing is set."""
    for name, value in FRESH.items():
        if frame.env.get(name) != value:
            frame.env.set(name, value)
