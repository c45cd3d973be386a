"""Laws between functions and between stages: calls, effects, stages, placement.

As those of `laws`, they say what is wrong, or None; `verifier` numbers and explains them.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

from .core import RULES, Function, Op, Value
from .errors import exception_named
from .laws import Scope, agree, types
from .ops import CHECKED_INT, DIVISIONS, effect
from .types import FLOATS, I64, MARK, Array, Box, List, Scalar, Type, cotangent_type

PLACES = frozenset({"arena", "heap", "caller"})


# ---- calls ------------------------------------------------------------------------------------


def pulled(c: Scope) -> str | None:
    for r in c.module.records.values():
        if r.pullback is not None and r.pullback not in c.module.functions:
            return f"record @{r.name}: no function @{r.pullback}"
    return None


def callee_known(c: Scope, op: Op) -> str | None:
    name = op.attrs.get("fn")
    if name is None and op.opcode == "global":
        return None
    if op.opcode == "call" and not c.typed:
        return None
    if not isinstance(name, str):
        return "no function is named"
    return None if name in c.module.functions else f"no function @{name}"


def _callee(c: Scope, op: Op) -> Function:
    return c.module.functions[op.attrs["fn"]]


def passed(c: Scope, op: Op) -> str | None:
    if not c.typed:
        return None
    f = _callee(c, op)
    found = agree(c, "captures", types(op.group(0)), types(f.captures))
    found = found or agree(c, "arguments", types(op.group(1)), types(f.params))
    if found or op.opcode != "call":
        return found
    return agree(c, "results", types(op.results), f.results or ())


def _wrt(f: Function, wrt: object) -> str | tuple[Type, ...]:
    """The cotangents of the inputs that wrt names, or what is wrong with it."""
    if not isinstance(wrt, tuple) or not wrt:
        return "wrt is no tuple of names"
    inputs: dict[object, list[Type]] = {}
    for v in f.inputs:
        inputs.setdefault(v.name, []).append(v.type)
    found = []
    for name in wrt:
        if len(inputs.get(name, ())) != 1 or wrt.count(name) != 1:
            return f"{name!r} does not name one input of @{f.name} once"
        t = cotangent_type(inputs[name][0])
        if t is None:
            return f"{name!r} is {inputs[name][0]} and has no cotangent"
        found.append(t)
    return tuple(found)


def wrt_named(c: Scope, op: Op) -> str | None:
    found = _wrt(_callee(c, op), op.attrs.get("wrt"))
    return found if isinstance(found, str) else None


def vjp_typed(c: Scope, op: Op) -> str | None:
    f = _callee(c, op)
    if not op.results or not isinstance(op.results[-1].type, Box):
        return "the last result is the pullback"
    record = c.module.records[op.results[-1].type.record]
    if (record.pullback, record.wrt) != (f.name, op.attrs["wrt"]):
        return f"@{record.name} is no pullback of @{f.name} by {op.attrs['wrt']}"
    return agree(c, "results", types(op.results[:-1]), f.results or ())


def _cotangents(ts: Sequence[Type]) -> tuple[Type, ...]:
    return tuple(t for t in map(cotangent_type, ts) if t is not None)


def pull_typed(c: Scope, op: Op) -> str | None:
    t = op.operands[0].type
    record = c.module.records.get(t.record) if isinstance(t, Box) else None
    f = c.module.functions.get(record.pullback or "") if record is not None else None
    if f is None or record is None:
        return f"{t} is no pullback"
    gives = _wrt(f, record.wrt)
    if isinstance(gives, str):
        return gives
    found = agree(c, "cotangents", types(op.group(1)), _cotangents(f.results or ()))
    return found or agree(c, "results", types(op.results), gives)


def jvp_typed(c: Scope, op: Op) -> str | None:
    f = _callee(c, op)
    takes = _wrt(f, op.attrs["wrt"])
    assert not isinstance(takes, str)
    lanes = max(1, len(op.group(2)) // len(takes))
    found = agree(c, "tangents", types(op.group(2)), takes * lanes)
    results = f.results or ()
    gives = results + _cotangents(results) * lanes
    return found or agree(c, "results", types(op.results), gives)


def closed_over(c: Scope, op: Op) -> str | None:
    f = _callee(c, op)
    if op.groups[0] != len(f.captures):
        return f"{op.groups[0]} captures, not {len(f.captures)}"
    too_many = op.groups[1] > len(f.params)
    return f"{op.groups[1]} defaults of {len(f.params)} parameters" if too_many else None


def def_defaulted(c: Scope, op: Op) -> str | None:
    n, k = len(op.regions[0].params), len(op.operands)
    return f"{k} defaults of {n} parameters" if k > n else None


def ruled(c: Scope, f: Function) -> str | None:
    for rule in RULES:
        names = f.attrs.get(rule, ())
        names = names if isinstance(names, tuple) else (names,)
        for name in names:
            if name not in c.module.functions:
                return f"the custom rule of @{f.name} is @{name}, which there is not"
    return None


def defaulted(c: Scope, f: Function) -> str | None:
    defaults = f.attrs.get("defaults", ())
    if not isinstance(defaults, tuple) or len(defaults) > len(f.params):
        return f"{defaults!r} are no defaults of {len(f.params)} parameters"
    return None


# ---- effects ----------------------------------------------------------------------------------


def check_says(c: Scope, op: Op) -> str | None:
    error, text = op.attrs.get("error"), op.attrs.get("text")
    kind = exception_named(error)
    if kind is None or not issubclass(kind, Exception):
        return f"{error!r} is no exception"
    if not isinstance(text, str):
        return f"the text {text!r}"
    return fields_fit(text, len(op.operands) - 1) if len(op.operands) > 1 else None


def print_says(c: Scope, op: Op) -> str | None:
    text = op.attrs.get("text")
    if not isinstance(text, str):
        return f"the text {text!r}"
    return fields_fit(text, len(op.operands))


def fields_fit(text: str, count: int) -> str | None:
    """A text with a field of `str.format` for each number."""
    try:
        fields = sum(field is not None for _, field, _, _ in string.Formatter().parse(text))
    except ValueError:
        fields = -1
    return None if fields == count else f"{text!r} does not take {count} values"


def flagged(c: Scope, op: Op) -> str | None:
    flags = op.attrs.keys() & FLAGS
    for flag in sorted(flags):
        if op.attrs[flag] is not True or not FLAGS[flag](c, op):
            return f"{flag} means nothing here"
    return None


def _is_exact(c: Scope, op: Op) -> bool:
    return op.opcode in CHECKED_INT | DIVISIONS and types(op.results) == (I64,)


def _is_fast(c: Scope, op: Op) -> bool:
    return any(
        (isinstance(t, Scalar) and t.name in FLOATS)
        or (isinstance(t, Array) and t.elem.name in FLOATS)
        for t in types(op.results)
    )


def _is_checked(c: Scope, op: Op) -> bool:
    return c.typed and (effect(op) == "partial" or _is_exact(c, op))


FLAGS: dict[str, Callable[[Scope, Op], bool]] = {
    "exact": _is_exact,
    "fast": _is_fast,
    "checked": _is_checked,
    "reversed": lambda c, op: op.opcode == "for" and c.typed,
}


# ---- stages -----------------------------------------------------------------------------------


def staged(c: Scope) -> str | None:
    kinds = {f.results is None for f in c.module.functions.values()}
    if len(kinds) > 1:
        return "generic and typed functions in one module"
    if c.stage is not None and kinds and kinds != {c.at < 2}:
        return f"a {'generic' if kinds == {True} else 'typed'} module at stage {c.stage}"
    return None


def nested(c: Scope, op: Op) -> str | None:
    return f"`def` at stage {c.stage}" if c.stage not in (None, "ssa") else None


def expanded(c: Scope) -> str | None:
    if c.stage is None or c.at < 3:
        return None
    left = [r.name for r in c.module.records.values() if r.pullback is not None]
    return f"record @{left[0]} is a pullback's at stage {c.stage}" if left else None


def underived(c: Scope, op: Op) -> str | None:
    late = c.stage is not None and c.at >= 3
    return f"{op.opcode} at stage {c.stage}" if late else None


# ---- placement --------------------------------------------------------------------------------


def placement_staged(c: Scope, op: Op) -> str | None:
    return f"{op.opcode} at stage {c.stage}" if c.stage not in (None, "memory") else None


def value_unplaced(c: Scope, v: Value) -> str | None:
    early = v.place is not None and c.stage not in (None, "memory")
    return f"a place at stage {c.stage}" if early else None


def value_placed(c: Scope, v: Value) -> str | None:
    if v.place is None:
        return None
    if not isinstance(v.type, (Array, List, Box)):
        return f"{v.type} has no place"
    if isinstance(v.place, str):
        return None if v.place in PLACES else f"no place {v.place!r}"
    if v.place is v or v.place not in c.visible:
        return f"it is in %{v.place.name}, which is not defined before"
    return None if v.place.type == v.type else f"{v.type} in {v.place.type}"


def marked(c: Scope, op: Op) -> str | None:
    if op.opcode == "release":
        return None if types(op.operands) == (MARK,) else "it takes one mark"
    return "a mark goes to `release` only" if MARK in types(op.operands) else None
