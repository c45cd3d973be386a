"""The laws of the IR; `verify(module, stage)` raises `VerifyError` at the first that is broken.

Structure
 1. Functions and records stand in the module under their own names.
 2. An opcode has a row: in a typed function of the typed table, in a generic one of Python's
    operators; control stands in both.
 3. `if` and `while` have two regions, `for` and `def` one, all others none.
 4. A block ends in one op of the kind that its place demands (a function in `return`, an arm in
    `yield`, a test in `test`, a loop's body in `next`) or in `unreachable`; no op ends it earlier.
 5. Groups divide the operands as the opcode says.
 6. A function's body and an arm have no parameters of their own; a loop's body has index, carries
    and elements, and both regions of a `while` have the very same parameters.
 7. The end of a block, `check`, `print` and `release` have no results.
Scope
 8. A value is defined once in a module.
 9. An operand is defined before its use, in the same block or in one around it.
Types
10. Every value of a typed function has a type; no value of a generic one has.
11. A literal's value fits its type; undef, unbound and strings stand in generic functions only.
12. Result types follow the rule of the row.
13. `if`, `test` and `check` take one operand, a bool in typed functions; `check` may take numbers
    for its text after it.
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
21. A function that is named exists, also as the custom rule of another.
22. A call passes the callee's captures and parameters, and gets its results.
23. `wrt` names inputs of the callee that carry cotangents, each once.
24. `vjp` gets the callee's results and a pullback for the same function and wrt.
25. `pull` passes a cotangent for each result that has one, and gets those of wrt.
26. `jvp` passes a tangent for each of wrt, and gets results, then tangents of those that have one;
    the same again for each further lane.
27. A closure has as many captures as its function, and no more defaults than parameters.
Effects
28. `check` says the builtin exception that it raises, and its text; the text of `print`, and of a
    `check` with numbers, has a field of `str.format` for each.
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

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from . import laws
from . import laws_between as between
from .core import DERIVATIVES, Block, Function, Module, Op, Value
from .errors import Error
from .laws import RESULTLESS, STAGES, Scope
from .ops import TABLE
from .printer import describe

PLACED = frozenset({"mark", "release", "copy"})


class VerifyError(Error):
    """A broken law: its number, the function and the op."""

    def __init__(self, law: int, complaint: str, f: Function | None = None, op: Op | None = None):
        where = f" in @{f.name}" if f is not None else ""
        what = f"\n    {describe(op, f)}" if op is not None else ""
        loc = op.loc if op is not None else f.loc if f is not None else None
        super().__init__("E12", loc, complaint, f"it breaks law {law}", "")
        self.message = f"E12 law {law}{where}: {complaint}{what}"
        self.law, self.complaint, self.function, self.op = law, complaint, f, op

    def __str__(self) -> str:
        return self.message


def verify(module: Module, stage: str | None = None) -> None:
    """Checks a module; with a stage, that stage's laws too."""
    if stage is not None and stage not in STAGES:
        raise ValueError(f"{stage!r} is no stage of the IR: {', '.join(STAGES)}")
    c = Scope(module, stage)
    for number, check in MODULE_LAWS:
        complaint = check(c)
        if complaint:
            raise VerifyError(number, complaint)
    for f in module.functions.values():
        _function(c, f)


def _function(c: Scope, f: Function) -> None:
    c.f, c.typed = f, f.results is not None
    c.visible = set()
    for number, check in FUNCTION_LAWS:
        complaint = check(c, f)
        if complaint:
            raise VerifyError(number, complaint, f)
    _define(c, f.inputs, None)
    stack = [_block(c, f.body)]
    while stack:
        inner = next(stack[-1], None)
        if inner is None:
            stack.pop()
        else:
            stack.append(inner)


def _block(c: Scope, block: Block) -> Iterator[Any]:
    """Checks a block; yields its nested blocks, which the caller's stack runs."""
    mine: list[Value] = list(block.params)
    for op in block.ops:
        for number, check in laws_of(op.opcode):
            complaint = check(c, op)
            if complaint:
                raise VerifyError(number, complaint, c.f, op)
        for k, region in enumerate(op.regions):
            if op.opcode == "while" and k == 1:
                c.visible.update(region.params)  # the test's own, defined there
            else:
                _define(c, region.params, op)
            yield _block(c, region)
        _define(c, op.results, op)
        mine += op.results
    c.visible.difference_update(mine)


def _define(c: Scope, values: Sequence[Value], op: Op | None) -> None:
    """Makes values known; laws of definitions."""
    for v in values:
        if v in c.defined:
            raise VerifyError(8, f"%{v.name} is defined twice", c.f, op)
        c.defined.add(v)
        c.visible.add(v)
        for number, check in VALUE_LAWS:
            complaint = check(c, v)
            if complaint:
                raise VerifyError(number, f"%{v.name}: {complaint}", c.f, op)


# ---- which laws an op has to keep -------------------------------------------------------------

ModuleLaw = Callable[[Scope], str | None]
FunctionLaw = Callable[[Scope, Function], str | None]
OpLaw = Callable[[Scope, Op], str | None]

MODULE_LAWS: tuple[tuple[int, ModuleLaw], ...] = (
    (1, laws.named),
    (14, laws.recorded),
    (21, between.pulled),
    (30, between.staged),
    (32, between.expanded),
)
FUNCTION_LAWS: tuple[tuple[int, FunctionLaw], ...] = (
    (4, laws.body_ended),
    (6, laws.body_bare),
    (20, laws.returned),
    (21, between.ruled),
    (27, between.defaulted),
)
VALUE_LAWS: tuple[tuple[int, Callable[[Scope, Value], str | None]], ...] = (
    (10, laws.value_typed),
    (14, laws.value_known),
    (33, between.value_unplaced),
    (34, between.value_placed),
)
EVERY: tuple[tuple[int, OpLaw], ...] = (
    (2, laws.has_row),
    (3, laws.has_regions),
    (5, laws.grouped),
    (9, laws.in_scope),
    (11, laws.literal_fits),
    (29, between.flagged),
    (35, between.marked),
)
LOOP_LAWS: tuple[tuple[int, OpLaw], ...] = (
    (4, laws.regions_ended),
    (6, laws.regions_bare),
    (17, laws.carried),
    (18, laws.collected),
)
SOME: dict[str, tuple[tuple[int, OpLaw], ...]] = {
    "if": ((4, laws.regions_ended), (6, laws.regions_bare), (13, laws.tested), (15, laws.yielded)),
    "test": ((13, laws.tested),),
    "check": ((13, laws.tested), (28, between.check_says)),
    "print": ((28, between.print_says),),
    "while": LOOP_LAWS,
    "for": (*LOOP_LAWS, (16, laws.bounded), (19, laws.handed_out)),
    "def": (
        (4, laws.regions_ended),
        (20, laws.def_returned),
        (27, between.def_defaulted),
        (31, between.nested),
    ),
    "call": ((21, between.callee_known), (22, between.passed)),
    "vjp": (
        (21, between.callee_known),
        (22, between.passed),
        (23, between.wrt_named),
        (24, between.vjp_typed),
    ),
    "jvp": (
        (21, between.callee_known),
        (22, between.passed),
        (23, between.wrt_named),
        (26, between.jvp_typed),
    ),
    "pull": ((25, between.pull_typed),),
    "closure": ((21, between.callee_known), (27, between.closed_over)),
    "global": ((21, between.callee_known),),
}


@cache
def laws_of(opcode: str) -> tuple[tuple[int, OpLaw], ...]:
    """The laws for an opcode, in their order."""
    found = [*EVERY, *SOME.get(opcode, ())]
    if opcode in RESULTLESS:
        found.append((7, laws.resultless))
    if opcode in TABLE:
        found.append((12, laws.rule_kept))
    if opcode in DERIVATIVES:
        found.append((32, between.underived))
    if opcode in PLACED:
        found.append((33, between.placement_staged))
    return tuple(sorted(found, key=lambda law: law[0]))
