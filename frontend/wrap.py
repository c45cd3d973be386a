"""`wrap`: a derivative object as an entry of its own, so that `grad(f)` has stages like any
function.

    grad(f)                    fn @f.grad(%x) {
                                 %f = global {name = "f", fn = @f}
                                 %grad = global {name = "morula.grad"}
                                 %0 = call %grad(%f)
                                 %1 = call %0(%x)
                                 return %1
                               }

From here on it is an ordinary call of an ordinary global, inside a compiled function or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ir.core import Block, Function, Literal, Loc, Module, Op, Operand, Value, literal
from ..ir.types import NONE
from .names import APPLIED, CUSTOM, PAIRED

Word = tuple[str, Mapping[str, Any]]  # grad, value_and_grad, vjp or jvp, and its options


def wrap(
    module: Module,
    name: str,
    words: Sequence[Word],
    params: Sequence[str],
    globals: dict[str, Any],
    rules: Mapping[int, str] | None = None,
) -> Module:
    """The module with an entry that applies the words, innermost first, to @name and calls it.

    `rules` names the functions of a custom rule, whose captures the entry has, too.
    """
    f = module.functions[name]
    body = Body(f.loc)
    captures = tuple(Value(NONE, v.name) for v in f.captures)
    inputs = tuple(Value(NONE, p) for p in params)
    callee = body.function(name, captures, globals)
    for word, options in words:
        apply = body.emit("global", (), {"name": f"morula.{word}"}, word)
        if word in CUSTOM:
            parts: list[Operand] = []
            for rule in options.values():
                rule_name = (rules or {})[id(rule)]
                own = tuple(Value(NONE, v.name) for v in module.functions[rule_name].captures)
                captures += own
                parts.append(body.function(rule_name, own, globals))
            callee = body.emit("call", (apply, callee, *parts), {})
            continue
        given, attrs = [callee], {}
        if word in PAIRED:
            given += inputs
        elif word in APPLIED:
            given, attrs = handed_on(f, inputs, callee)
        keywords = {k: v for k, v in options.items() if v is not None}
        values = [body.constant(v) for v in keywords.values()]
        names = (*attrs.get("kw", ()), *keywords)
        kw = {**attrs, "kw": names} if names else attrs
        callee = body.emit("call", (apply, *given, *values), kw)
    if words[-1][0] not in APPLIED:
        given, attrs = handed_on(f, inputs, None)
        callee = body.emit("call", (callee, *given), attrs)
    end = Op("return", (callee,), loc=f.loc)
    entry = Function(
        entry_name(module, name, words),
        captures,
        inputs,
        None,
        Block((), (*body.ops, end)),
        {k: v for k, v in f.attrs.items() if k in ("defaults", "kwonly")},
        f.loc,
    )
    return Module({entry.name: entry, **module.functions}, dict(module.records))


def handed_on(
    f: Function, inputs: Sequence[Operand], first: Operand | None
) -> tuple[list[Operand], dict[str, Any]]:
    """The parameters of an entry as arguments of a function that has the same ones."""
    rest, named = (f.attrs.get(word) for word in ("rest", "named"))
    plain = [k for k in range(len(inputs)) if k not in (rest, named)]
    most = len(plain) - f.attrs.get("kwonly", 0)
    given = [v for v in (first, *[inputs[k] for k in plain[:most]]) if v is not None]
    attrs: dict[str, Any] = {}
    if rest is not None:
        attrs["star"] = (len(given),)
        given.append(inputs[rest])
    names = tuple([f.params[k].name for k in plain[most:]])
    given += [inputs[k] for k in plain[most:]]
    if named is not None:
        names, given = (*names, "**"), [*given, inputs[named]]
    return given, attrs | ({"kw": names} if names else {})


def entry_name(module: Module, name: str, words: Sequence[Word]) -> str:
    wanted = ".".join([name, *(word for word, _ in words)])
    k, free = 2, wanted
    while free in module.functions:
        free, k = f"{wanted}{k}", k + 1
    return free


def global_name(name: str, globals: Mapping[str, Any]) -> str:
    """The name under which the wrapped function is referred to."""
    return name if name not in globals else f"{name}.wrapped"


class Body:
    """The ops of the entry."""

    def __init__(self, loc: Loc) -> None:
        self.loc = loc
        self.ops: list[Op] = []

    def emit(
        self,
        opcode: str,
        operands: Sequence[Operand],
        attrs: Mapping[str, Any],
        name: str = "",
        groups: tuple[int, ...] = (),
    ) -> Value:
        v = Value(NONE, name)
        self.ops.append(Op(opcode, tuple(operands), (v,), attrs, (), self.loc, groups))
        return v

    def function(
        self, name: str, captures: Sequence[Operand], globals: Mapping[str, Any]
    ) -> Operand:
        """A function of the module, with what it captures."""
        if captures:
            return self.emit("closure", captures, {"fn": name}, name, (len(captures), 0))
        return self.emit("global", (), {"name": global_name(name, globals), "fn": name}, name)

    def call(self, operands: Sequence[Operand], keywords: Mapping[str, Operand]) -> Value:
        """A call with keyword arguments last."""
        attrs = {"kw": tuple(keywords)} if keywords else {}
        return self.emit("call", (*operands, *keywords.values()), attrs)

    def constant(self, value: Any) -> Operand:
        """A literal, or a tuple of them."""
        if isinstance(value, tuple):
            return self.emit("tuple", [self.constant(v) for v in value], {})
        made: Literal = literal(value)
        return made
