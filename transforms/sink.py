"""Sink ops into the only arms that use them, and turn costly selects into `if`.

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
more than + - * becomes an `if` for the same reason. (A value computed outside a loop and used in
an arm inside it stays outside.)
"""

from __future__ import annotations

from collections import Counter

from ..ir.core import Block, Function, Module, Op, Value, free_values
from ..ir.ops import effect
from ..ir.types import is_float
from .rebuild import Rebuild

CHEAP = frozenset({"add", "sub", "mul", "neg", "get", "convert", "select"})
Uses = dict[Value, set[tuple[int, int]]]  # (position of the user, arm), or (position, -1)


def sink(module: Module) -> Module:
    """Every function of the module with its pure ops sunk."""
    out = Module({}, dict(module.records))
    for f in module.functions.values():
        out.add(sink_function(module, f))
    return out


def sink_function(module: Module, f: Function) -> Function:
    """The copy gives an op that was sunk into several arms results of its own in each."""
    sunk = f.but(body=sink_block(f.body))
    return Rebuild(module, fold=False, share=False, hoist=False).function(sunk)


def sink_block(block: Block) -> Block:
    """One walk from the last op to the first: an op's users have all been placed before it."""
    ops = expanded_selects(list(block.body))
    uses: Uses = {}
    placed: dict[int, Op] = {}
    note(uses, block.end, len(ops))
    sunk: dict[tuple[int, int], list[Op]] = {}  # by (position, arm), last first
    for k in range(len(ops) - 1, -1, -1):
        op = ops[k]
        where = {u for r in op.results for u in uses.get(r, ())}
        inside = where and movable(op) and all(arm >= 0 for _, arm in where)
        if inside and not any(needed(placed[at], op) for at in {at for at, _ in where}):
            for position, arm in where:
                sunk.setdefault((position, arm), []).append(op)
                note_operands(uses, op, position, arm)
            continue
        note(uses, op, k)
        placed[k] = op
    out = [with_sunk(placed[k], k, sunk) for k in sorted(placed)]
    return Block(block.params, (*out, block.end))


def needed(branch: Op, op: Op) -> bool:
    """Whether every arm of an `if` needs a result of op: then it is computed once, before."""
    return any(all(demands(r, v) for r in branch.regions) for v in op.results)


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


def with_sunk(op: Op, k: int, sunk: dict[tuple[int, int], list[Op]]) -> Op:
    """The op with what was sunk at the head of its arms, and its regions sunk in turn."""
    if not op.regions:
        return op
    regions = []
    for arm, r in enumerate(op.regions):
        head = tuple(reversed(sunk.get((k, arm), ())))
        regions.append(sink_block(Block(r.params, head + r.ops)))
    return op.but(regions=tuple(regions))


def movable(op: Op) -> bool:
    return not op.regions and bool(op.results) and effect(op) in ("pure", "partial")


def note(uses: Uses, op: Op, k: int) -> None:
    """Remember where an op reads: its own operands outside, free values of an arm inside it."""
    for v in op.operands:
        if isinstance(v, Value):
            uses.setdefault(v, set()).add((k, -1))
    for arm, r in enumerate(op.regions):
        inside = arm if op.opcode == "if" else -1
        for v in free_values(r):
            uses.setdefault(v, set()).add((k, inside))


def note_operands(uses: Uses, op: Op, position: int, arm: int) -> None:
    for v in op.operands:
        if isinstance(v, Value):
            uses.setdefault(v, set()).add((position, arm))


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
        if made is None or users[v] > 1 or made.regions:
            continue
        if made.opcode not in CHEAP:
            return True
        todo.extend(u for u in made.operands if isinstance(u, Value))
    return False


def as_if(op: Op) -> Op:
    condition, x, y = op.operands
    arms = tuple(Block((), (Op("yield", (v,), loc=op.loc),)) for v in (x, y))
    return Op("if", (condition,), op.results, {}, arms, op.loc)
