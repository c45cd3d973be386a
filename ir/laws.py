"""Laws inside a function: structure, scope, types, control.  `verifier` numbers and explains them.

A law looks at one op (or value, function, module) where it stands and says what is wrong, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .arithmetic import I64_MAX, I64_MIN
from .core import LOOPS, UNBOUND, UNDEF, Block, Function, Literal, Loop, Module, Op, Operand, Value
from .ops import ENDS, GENERIC, TABLE, TypeRuleError, infer
from .types import (
    BOOL,
    I64,
    NONE,
    STR,
    Array,
    Box,
    List,
    Scalar,
    Type,
    element_type,
    history_type,
)

STAGES = ("ssa", "closed", "typed", "ad", "opt", "memory")
CONTROL = frozenset({"call", "if", "for", "while"}) | ENDS
REGIONS = {
    "if": ("yield", "yield"),
    "while": ("test", "next"),
    "for": ("next",),
    "def": ("return",),
}
RESULTLESS = ENDS | {"check", "print", "release"}
GROUPS = {"vjp": 2, "jvp": 3, "pull": 2, "closure": 2, "while": 1, "next": 2}
INTEGERS = {"i64": (I64_MIN, I64_MAX), "i32": (-(2**31), 2**31 - 1), "u8": (0, 255)}


class Scope:
    """What is known where an op stands."""

    def __init__(self, module: Module, stage: str | None) -> None:
        self.module = module
        self.stage = stage
        self.at = len(STAGES) if stage is None else STAGES.index(stage)
        self.defined: set[Value] = set()
        self.visible: set[Value] = set()
        self.f: Function
        self.typed = True


def types(values: Sequence[Operand]) -> tuple[Type, ...]:
    return tuple(v.type for v in values)


def listed(types: Sequence[Type | None]) -> str:
    return f"({', '.join(map(str, types))})"


def agree(c: Scope, what: str, found: Sequence[Type], wanted: Sequence[Type]) -> str | None:
    """Equal numbers; in typed functions equal types, too."""
    if len(found) != len(wanted):
        return f"{len(found)} {what}, not {len(wanted)}"
    if c.typed and tuple(found) != tuple(wanted):
        return f"{what} are {listed(found)}, not {listed(wanted)}"
    return None


# ---- structure --------------------------------------------------------------------------------


def named(c: Scope) -> str | None:
    for kind in (c.module.functions, c.module.records):
        for name, thing in kind.items():
            if thing.name != name:
                return f"@{thing.name} stands under the name @{name}"
    return None


def has_row(c: Scope, op: Op) -> str | None:
    table = TABLE if c.typed else GENERIC
    if op.opcode in table or op.opcode in CONTROL:
        return None
    return f"no {'typed' if c.typed else 'generic'} opcode {op.opcode}"


def has_regions(c: Scope, op: Op) -> str | None:
    n = len(REGIONS.get(op.opcode, ()))
    return None if len(op.regions) == n else f"{len(op.regions)} regions, not {n}"


def _ended(block: Block, kind: str) -> str | None:
    if not block.ops:
        return f"a block without ops, not even {kind}"
    if block.end.opcode not in (kind, "unreachable"):
        return f"a block ends in {block.end.opcode}, not {kind}"
    early = next((op.opcode for op in block.body if op.opcode in ENDS), None)
    return f"{early} stands before the end of its block" if early else None


def body_ended(c: Scope, f: Function) -> str | None:
    return _ended(f.body, "return")


def regions_ended(c: Scope, op: Op) -> str | None:
    kinds = REGIONS[op.opcode]
    found = (_ended(r, kind) for r, kind in zip(op.regions, kinds, strict=True))
    return next(filter(None, found), None)


def grouped(c: Scope, op: Op) -> str | None:
    n = GROUPS.get(op.opcode, 0)
    if op.opcode == "for":
        n = 3 if c.typed else 2
    elif op.opcode == "call":
        n = 2 if c.typed else 0
    if len(op.groups) != n:
        return f"{len(op.groups)} groups of operands, not {n}"
    if n and (min(op.groups) < 0 or sum(op.groups) != len(op.operands)):
        return f"groups {op.groups} of {len(op.operands)} operands"
    if op.opcode == "for" and op.groups[0] != (3 if c.typed else 1):
        return f"{op.groups[0]} bounds"
    if op.opcode in LOOPS and op.regions[-1].end.opcode == "next":
        return grouped(c, op.regions[-1].end)
    if op.opcode == "pull" and op.groups[0] != 1:
        return "the first group is the pullback"
    if op.opcode == "call" and not c.typed and not op.operands:
        return "no callee"
    return None


def body_bare(c: Scope, f: Function) -> str | None:
    return "the body has parameters of its own" if f.body.params else None


def regions_bare(c: Scope, op: Op) -> str | None:
    if op.opcode == "if":
        return "an arm has parameters" if any(r.params for r in op.regions) else None
    if op.opcode == "def":
        return None
    first = op.regions[0].params
    if op.opcode == "while" and op.regions[1].params != first:
        return "test and body have different parameters"
    wanted = op.groups[0] if op.opcode == "while" else 1 + sum(op.groups[1:])
    return None if len(first) == wanted else f"{len(first)} parameters of the body, not {wanted}"


def resultless(c: Scope, op: Op) -> str | None:
    return "it has results" if op.results else None


# ---- scope ------------------------------------------------------------------------------------


def in_scope(c: Scope, op: Op) -> str | None:
    for v in op.operands:
        if isinstance(v, Value) and v not in c.visible:
            return f"%{v.name} is used where it is not defined"
    return None


# ---- types ------------------------------------------------------------------------------------


def value_typed(c: Scope, v: Value) -> str | None:
    if not c.typed:
        return None if v.type == NONE else f"type {v.type} in a generic function"
    return f"no value has type {v.type}" if v.type == STR else None


def literal_fits(c: Scope, op: Op) -> str | None:
    for v in op.operands:
        if isinstance(v, Literal) and not _fits(v, c.typed):
            return f"the literal {v.value!r} of type {v.type}"
    return None


def _fits(v: Literal, typed: bool) -> bool:
    x, t = v.value, v.type
    if t == STR or x is UNDEF or x is UNBOUND:
        return not typed and (isinstance(x, str) if t == STR else t == NONE)
    if not isinstance(t, Scalar):
        return False
    if t.name in INTEGERS:
        low, high = INTEGERS[t.name]
        return type(x) is int and (low <= x <= high or not typed)
    kinds: dict[str, type] = {"f64": float, "f32": float, "c128": complex, "bool": bool}
    return x is None if t == NONE else type(x) is kinds.get(t.name)


def rule_kept(c: Scope, op: Op) -> str | None:
    if not c.typed:
        return None
    found = types(op.results)
    row = TABLE[op.opcode]
    try:
        if row.rule is not None:
            wanted = infer(c.module, op.opcode, op.operands, op.attrs)
        elif op.opcode in RULES:
            wanted = RULES[op.opcode](types(op.operands))
        else:
            return None
    except TypeRuleError as error:
        return f"it takes {error}"
    except KeyError as error:
        return f"no attribute {error}"
    return None if found == wanted else f"results are {listed(found)}, not {listed(wanted)}"


def _is_null(t: tuple[Type, ...]) -> tuple[Type, ...]:
    if len(t) != 1 or not isinstance(t[0], (Array, Box, List)):
        raise TypeRuleError("one box, array or list")
    return (BOOL,)


def _copy(t: tuple[Type, ...]) -> tuple[Type, ...]:
    if len(t) != 1 or not isinstance(t[0], (Array, List)):
        raise TypeRuleError("one array or list")
    return (Array(t[0].elem, t[0].rank),) if isinstance(t[0], Array) else t


RULES: dict[str, Callable[[tuple[Type, ...]], tuple[Type, ...]]] = {
    "is_null": _is_null,
    "copy": _copy,
}


def tested(c: Scope, op: Op) -> str | None:
    if len(op.operands) != 1 and (op.opcode != "check" or not op.operands):
        return f"{len(op.operands)} operands, not one"
    t = op.operands[0].type
    return f"a bool, not {t}" if c.typed and t != BOOL else None


def unknown(c: Scope, t: Type) -> str | None:
    """A name in a type that the module does not declare."""
    match t:
        case Box(record):
            while record not in c.module.records and record.endswith(".ct"):
                record = record.removesuffix(".ct")
            return None if record in c.module.records else f"no record @{record}"
        case List(items):
            return next(filter(None, (unknown(c, u) for u in items)), None)
        case _:
            return None


def recorded(c: Scope) -> str | None:
    for r in c.module.records.values():
        for t in r.types:
            found = unknown(c, t)
            if found:
                return f"record @{r.name}: {found}"
    return None


def value_known(c: Scope, v: Value) -> str | None:
    return unknown(c, v.type)


# ---- control ----------------------------------------------------------------------------------


def yielded(c: Scope, op: Op) -> str | None:
    for r in op.regions:
        if r.end.opcode == "yield":
            found = agree(c, "yielded", types(r.outs), types(op.results))
            if found:
                return found
    return None


def bounded(c: Scope, op: Op) -> str | None:
    loop = Loop(op)
    if c.typed and loop.index is not None:
        for v in (*loop.bounds, loop.index):
            if v.type != I64:
                return f"bounds and index are i64, not {v.type}"
    return None


def carried(c: Scope, op: Op) -> str | None:
    loop = Loop(op)
    end = loop.body.end
    if end.opcode == "next" and end.groups[0] != loop.ncarries + (0 if c.typed else loop.stop):
        return f"{end.groups[0]} next values, not {loop.ncarries}"
    wanted = types(loop.carries)
    found = agree(c, "initial values", types(loop.inits), wanted)
    if end.opcode == "next":
        # of a generic loop that may be left, `stop` stands first in both
        found = found or agree(c, "next values", types(loop.next), wanted)
    return found or agree(c, "carried results", types(loop.results), wanted)


def collected(c: Scope, op: Op) -> str | None:
    loop = Loop(op)
    rest = types(op.results[loop.stop + loop.ncarries :])
    if not c.typed and loop.ys:
        return "a generic loop has no ys"
    wanted = types(loop.ys) if not c.typed else tuple(map(history_type, types(loop.ys)))
    if op.opcode == "while" and c.typed and rest:
        wanted += (I64,)
    return agree(c, "results after the carries", rest, wanted)


def handed_out(c: Scope, op: Op) -> str | None:
    loop = Loop(op)
    for v, e in zip(loop.each, loop.elements, strict=True):
        try:
            t = element_type(v.type)
        except TypeError as error:
            return str(error)
        if t != e.type:
            return f"an element of {v.type} is {t}, not {e.type}"
    return None


def returned(c: Scope, f: Function) -> str | None:
    if f.body.end.opcode == "unreachable":
        return None
    if f.results is None:
        return None if len(f.body.outs) == 1 else f"returns {len(f.body.outs)} values, not one"
    return agree(c, "returned", types(f.body.outs), f.results)


def def_returned(c: Scope, op: Op) -> str | None:
    end = op.regions[0].end
    if end.opcode == "unreachable" or len(end.operands) == 1:
        return None
    return f"@{op.attrs.get('fn')} returns {len(end.operands)} values, not one"
