"""Sink ops into the only arms that use them, divide `if` for that, turn costly selects into `if`.

Before                                     After
    %0 = div %s, %x                            %2 = if %c {
    %2 = if %c {                                 yield 1.0
      yield 1.0                                } else {
    } else {                                     %0 = div %s, %x
      yield %0                                   yield %0
    }                                          }

Why it is right.  A pure op, or a partial one whose check has passed before it, computes the same
in the arm.  What every arm needs stays before the `if`.  It matters for derivatives: reverse mode
runs the adjoint of an op wherever the op stands, and 0 times the infinite partial of an untaken
arm is nan.  In its arm it contributes exactly nothing. A `select` whose operand's own cone holds
more than + - * becomes an `if` for the same reason.

What an arm computes and yields sinks, too: an `if` some of whose results are read in arms only
is divided (`split.py`), and the part that makes those results goes to where they are read.  Loops
and calls without effects go as a whole, if one arm or the arms of one `if` read them.

What it costs.  Only what arms of several later `if` read is computed anew in each.  A result of an
`if` that one arm reads moves without a copy; copies for several arms add at most `GROWTH` times the
function's own size, so that chains of such arms do not double at each link.  No `if` goes deeper
than `DEEPEST`, since all later passes recur over nesting.

What stays: a value computed outside a loop and used in an arm inside it, one that a loop carries,
and an argument of a call that the callee uses in an arm: see `reached`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..ir.core import LOOPS, Block, Function, Module, Op, Value, free_values, walk
from ..ir.ops import effect
from ..ir.types import Box, Scalar, is_float, is_threaded
from .activity import consumed
from .effects import Effects
from .rebuild import Rebuild
from .split import Split, holds_costly, is_costly

GROWTH = 1
DEEPEST = 16
Uses = dict[Value, set[tuple[int, int]]]  # (position of the user, arm), or (position, -1)


def sink(module: Module) -> Module:
    """Every function of the module with its pure ops sunk."""
    out = Module({}, dict(module.records))
    for f in module.functions.values():
        out.add(sink_function(module, f))
    return out


def sink_function(module: Module, f: Function) -> Function:
    """The copy gives an op that was sunk into several arms results of its own in each."""
    sunk = f.but(body=Sinking(module, f).block(f.body))
    return Rebuild(module, fold=False, share=False, hoist=False).function(sunk)


class Sinking:
    """One function's sinking: what it may still copy, and how deep in its regions it is."""

    def __init__(self, module: Module, f: Function) -> None:
        self.module = module
        self.effects = Effects(module)
        self.left = GROWTH * sum(1 for _ in walk(f.body))
        self.depth = 0

    def block(self, block: Block) -> Block:
        self.depth += 1
        out = SinkBlock(self, block).run()
        self.depth -= 1
        return out


class SinkBlock:
    """One walk from the last op to the first: an op's users have all been placed before it."""

    def __init__(self, sinking: Sinking, block: Block) -> None:
        self.sinking = sinking
        self.origin = block
        self.ops = expanded_selects(list(block.body))
        self.uses: Uses = {}
        self.placed: dict[int, Op] = {}
        self.sunk: dict[tuple[int, int], list[Op]] = {}  # by (position, arm), last first
        self.costly = costly_values(self.ops)
        self.updated: set[Value] | None = None

    def run(self) -> Block:
        self.note(self.origin.end, len(self.ops))
        for k in range(len(self.ops) - 1, -1, -1):
            op: Op | None = self.ops[k]
            assert op is not None
            if self.goes(op):
                self.move(op, {at for r in op.results for at in self.uses.get(r, ())})
                continue
            if op.opcode == "if" and self.sinking.depth < DEEPEST:
                op = self.divided(op)
            if op is not None:
                self.note(op, k)
                self.placed[k] = op
        out = [self.with_sunk(self.placed[k], k) for k in sorted(self.placed)]
        return Block(self.origin.params, (*out, self.origin.end))

    def goes(self, op: Op) -> bool:
        """Whether the op as a whole is read in arms only, and may go there."""
        where = {u for r in op.results for u in self.uses.get(r, ())}
        if not where or any(arm < 0 for _, arm in where):
            return False
        if op.regions or op.opcode == "call":
            if op.opcode == "if" or len({at for at, _ in where}) > 1 or not self.portable(op):
                return False
        elif effect(op) not in ("pure", "partial"):
            return False
        return not any(needed(self.placed[at], op.results) for at in {at for at, _ in where})

    def portable(self, op: Op) -> bool:
        """Whether a loop or call may stand elsewhere: no effect, no array made or updated."""
        return (
            self.sinking.depth < DEEPEST
            and (op.opcode in LOOPS or op.opcode == "call")
            and not self.sinking.effects.of(op)
            and all(isinstance(r.type, (Scalar, Box)) for r in op.results)
            and any(r in self.costly for r in op.results)
            and self.reads_lasting(op)
        )

    def reads_lasting(self, op: Op) -> bool:
        """Whether no array that the op reads is updated in this block: that would need a copy."""
        arrays = {v for v in read_by(op) if is_threaded(v.type)}
        if arrays and self.updated is None:
            body = Block((), (*self.ops, Op("yield")))
            self.updated = consumed(self.sinking.module, body, {})
        return not arrays or not arrays & (self.updated or set())

    def move(self, op: Op, where: Iterable[tuple[int, int]]) -> None:
        for position, arm in where:
            self.sunk.setdefault((position, arm), []).append(op)
            for v in read_by(op):
                self.uses.setdefault(v, set()).add((position, arm))

    # ---- results of an `if` that only arms read

    def divided(self, op: Op) -> Op | None:
        """What stays of an `if`; the part that makes what only arms read is moved there."""
        targets = {r: arms for r in op.results if (arms := self.targets(r))}
        if not targets:
            return op
        split = Split(self.sinking.effects, op, list(targets)).make()
        if split is None:
            return op
        moving = [r for r in targets if self.worth(split.only([r]), len(targets[r]))]
        if len(moving) < len(targets):
            split = Split(self.sinking.effects, op, moving).make() if moving else None
        if split is None:
            return op
        for at in dict.fromkeys(at for r in moving for at in sorted(targets[r])):
            self.move(split.only([r for r in moving if at in targets[r]]), [at])
        return split.stays

    def targets(self, r: Value) -> set[tuple[int, int]]:
        """The arms that a result of an `if` may go to; none if it has to stay."""
        where = self.uses.get(r, set())
        if not (is_float(r.type) or isinstance(r.type, Box)) or any(arm < 0 for _, arm in where):
            return set()
        if any(needed(self.placed[at], (r,)) for at in {at for at, _ in where}):
            return set()
        return where

    def worth(self, part: Op, copies: int) -> bool:
        """Whether a partial that may be infinite goes along or can follow, and copies fit."""
        if not self.reads_lasting(part):
            return False
        if copies == 1:
            return holds_costly(part) or any(v in self.costly for v in read_by(part))
        added = (copies - 1) * size(part)
        if not holds_costly(part) or added > self.sinking.left:
            return False
        self.sinking.left -= added
        return True

    # ----

    def with_sunk(self, op: Op, k: int) -> Op:
        """The op with what was sunk at the head of its arms, and its regions sunk in turn."""
        if not op.regions:
            return op
        regions = []
        for arm, r in enumerate(op.regions):
            head = tuple(reversed(self.sunk.get((k, arm), ())))
            regions.append(self.sinking.block(Block(r.params, head + r.ops)))
        return op.but(regions=tuple(regions))

    def note(self, op: Op, k: int) -> None:
        """Remember where an op reads: its own operands outside, values of an arm inside it."""
        for v in op.operands:
            if isinstance(v, Value):
                self.uses.setdefault(v, set()).add((k, -1))
        for arm, r in enumerate(op.regions):
            inside = arm if op.opcode == "if" else -1
            for v in free_values(r):
                self.uses.setdefault(v, set()).add((k, inside))


def read_by(op: Op) -> list[Value]:
    """Values from outside that an op or its regions read."""
    return [v for v in op.operands if isinstance(v, Value)] + free_values(*op.regions)


def size(op: Op) -> int:
    return 1 + sum(1 for r in op.regions for _ in walk(r))


def costly_values(ops: list[Op]) -> set[Value]:
    """Results of costly ops, and what is made of them."""
    found: set[Value] = set()
    for op in ops:
        if is_costly(op) or holds_costly(op) or any(v in found for v in read_by(op)):
            found.update(op.results)
    return found


def needed(branch: Op, values: Iterable[Value]) -> bool:
    """Whether every arm of an `if` needs one of the values: then it is computed once, before."""
    return any(all(demands(r, v) for r in branch.regions) for v in values)


def demands(block: Block, v: Value) -> bool:
    """Whether the block reads v whichever way it goes; one that raises need not."""
    todo = [block]
    while todo:
        here = todo.pop()
        if here.end.opcode == "unreachable" or v not in here.free:
            if here.end.opcode == "unreachable":
                continue
            return False
        if any(v in op.operands for op in here.ops):
            continue
        branches = [
            op for op in here.ops if op.opcode == "if" and any(v in r.free for r in op.regions)
        ]
        if not branches:
            return False
        # one branch that needs it in both arms would do; the last to read it is asked
        todo.extend(branches[-1].regions)
    return True


# ---- selects


def expanded_selects(ops: list[Op]) -> list[Op]:
    """Each float select with a costly cone of its own, as an `if` that yields its operands."""
    definer = {v: op for op in ops for v in op.results}
    users: Counter[Value] = Counter()
    for op in ops:
        users.update(v for v in op.operands if isinstance(v, Value))
        for r in op.regions:
            users.update(free_values(r))
    return [as_if(op) if costly(op, definer, users) else op for op in ops]


def costly(op: Op, definer: dict[Value, Op], users: Counter[Value]) -> bool:
    """Whether an operand of the select is computed for it alone by more than + - *."""
    if op.opcode != "select" or not is_float(op.operands[1].type):
        return False
    todo = [v for v in op.operands[1:] if isinstance(v, Value)]
    while todo:
        v = todo.pop()
        made = definer.get(v)
        if made is None or users[v] > 1:
            continue
        if is_costly(made) or holds_costly(made):
            return True
        todo.extend(u for u in made.operands if isinstance(u, Value))
    return False


def as_if(op: Op) -> Op:
    condition, x, y = op.operands
    arms = tuple(Block((), (Op("yield", (v,), loc=op.loc),)) for v in (x, y))
    return Op("if", (condition,), op.results, {}, arms, op.loc)
