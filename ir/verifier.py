"""The laws of the IR; `verify(module, stage)` raises `VerifyError` at the first that is broken.

Structure
 1. Functions and records stand in the module under their own names.
 2. An opcode has a row: in a typed function of the typed table, in a generic one of Python's
    operators; control stands in both.
 3. `if` and `while` have two regions, `for` and `def` one, all others none.
 4. A block ends in one op of the kind that its place demands (a function in `return`, an arm in
    `yield`, a test in `test`, a loop's body in `next`) or in `unreachable`; no op ends it earlier.
 5. Groups divide the operands as the opcode says; what a block's end needs stands there.
 6. A function's body and an arm have no parameters of their own; a loop's body has index, carries
    and elements, and both regions of a `while` have the very same parameters.
 7. The end of a block, `check` and `release` have no results.
Scope
 8. A value is defined once in a module.
 9. An operand is defined before its use, in the same block or in one around it.
Types
10. Every value of a typed function has a type; no value of a generic one has.
11. A literal's value fits its type; undef, unbound and strings stand in generic functions only.
12. Result types follow the rule of the row.
13. `if`, `test` and `check` take one operand, a bool in typed functions.
14. Records and functions that a type names exist.
Control
15. Both arms of an `if` yield its results.
16. Bounds and index of a typed `for` are i64.
17. A loop's initial values, parameters, next values and results agree, carry by carry.
18. The results after the carries are a history for each y, then (a `while` has it, if it has ys)
    the trip count, an i64.
19. An element of `each` is what its history or array holds.
20. A function returns its results; a generic one returns one value.
Calls
21. A function that is named exists.
22. A call passes the callee's captures and parameters, and gets its results.
23. `wrt` names inputs of the callee that carry cotangents, each once.
24. `vjp` gets the callee's results and a pullback for the same function and wrt.
25. `pull` passes a cotangent for each result that has one, and gets those of wrt.
26. `jvp` passes a tangent for each of wrt, and gets results, then tangents of those that have one.
27. A closure has as many captures as its function, and no more defaults than parameters.
Effects
28. `check` says the builtin exception that it raises, and its text.
29. `exact` stands on i64 arithmetic, `fast` on float ops, `checked` on partial ones, `reversed` on
    a typed `for`.
Stages
30. A module is generic at `ssa` and `closed`, typed from `typed` on, and never both.
31. `def` stands at `ssa` only.
32. From `ad` on there is no derivative op and no record of a pullback.
Placement
33. `mark`, `release`, `copy` and places stand at `memory` only.
34. A place is arena, heap, caller, or a value of the same type that is defined before; only
    arrays, lists and boxes have one.
35. `release` takes a mark, and nothing else does.

Blocks are walked with an explicit stack; every law looks at one op, so the cost is linear.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from .arithmetic import I64_MAX, I64_MIN
from .core import DERIVATIVES, UNBOUND, UNDEF, Block, Function, Literal, Loop, Module, Op, Value
from .ops import (
    CHECKED_INT,
    DIVISIONS,
    ENDS,
    GENERIC,
    TABLE,
    TypeRuleError,
    effect,
    infer,
    operand_types,
)
from .printer import describe
from .types import (
    BOOL,
    FLOATS,
    I64,
    MARK,
    NONE,
    STR,
    Array,
    Box,
    FnSet,
    List,
    Scalar,
    Type,
    cotangent_type,
    element_type,
    history_type,
)

STAGES = ("ssa", "closed", "typed", "ad", "opt", "memory")
CONTROL = frozenset({"call", "if", "for", "while"}) | ENDS
REGIONS = {"if": ("yield", "yield"), "while": ("test", "next"), "for": ("next",), "def": ("return",)}
RESULTLESS = ENDS | {"check", "release"}
GROUPS = {"vjp": 2, "jvp": 3, "pull": 2, "closure": 2, "while": 1, "next": 2}
PLACED = frozenset({"mark", "release", "copy"})
PLACES = frozenset({"arena", "heap", "caller"})
INTEGERS = {"i64": (I64_MIN, I64_MAX), "i32": (-(2**31), 2**31 - 1), "u8": (0, 255)}


class VerifyError(ValueError):
    """A broken law: its number, the function and the op."""

    def __init__(self, law: int, complaint: str, f: Function | None = None, op: Op | None = None):
        where = f" in @{f.name}" if f is not None else ""
        what = f"\n    {describe(op, f)}" if op is not None else ""
        super().__init__(f"law {law}{where}: {complaint}{what}")
        self.law, self.complaint, self.function, self.op = law, complaint, f, op


class _Scope:
    """What is known where an op stands."""

    def __init__(self, module: Module, stage: str | None) -> None:
        self.module = module
        self.stage = stage
        self.at = len(STAGES) if stage is None else STAGES.index(stage)
        self.defined: set[Value] = set()
        self.visible: set[Value] = set()
        self.f: Function
        self.typed = True


def verify(module: Module, stage: str | None = None) -> None:
    """Checks a module; with a stage, that stage's laws too."""
    if stage is not None and stage not in STAGES:
        raise ValueError(f"{stage!r} is no stage of the IR: {', '.join(STAGES)}")
    c = _Scope(module, stage)
    for number, check in ((1, named), (14, recorded), (21, pulled), (30, staged), (32, expanded)):
        complaint = check(c)
        if complaint:
            raise VerifyError(number, complaint)
    for f in module.functions.values():
        _function(c, f)


def _function(c: _Scope, f: Function) -> None:
    c.f, c.typed = f, f.results is not None
    c.visible = set()
    for number, check in ((4, body_ended), (6, body_bare), (20, returned), (27, defaulted)):
        complaint = check(c, f)
        if complaint:
            raise VerifyError(number, complaint, f)
    _define(c, f.inputs, None)
    stack: list[tuple[Iterator[Op], list[Value]]] = [(iter(f.body.ops), list(f.inputs))]
    todo: list[tuple[Block, Op]] = []
    while stack:
        ops, mine = stack[-1]
        if todo:
            block, holder = todo.pop()
            _define(c, block.params, holder)
            stack.append((iter(block.ops), list(block.params)))
            # the regions left over wait below the one that is entered
            stack[-2] = (_resumed(todo, ops), mine) if todo else stack[-2]
            todo = []
            continue
        op = next(ops, None)
        if op is None:
            c.visible.difference_update(mine)
            stack.pop()
            continue
