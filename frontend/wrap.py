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

from ..ir.binding import order
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
    own = words[-1][0] not in PAIRED  # the parameters are the function's own, not two tuples
    placed, rest, named = handed_on(f, inputs) if own else (inputs, None, {})
    callee = body.function(name, captures, globals)
    for word, options in words:
        if word in CUSTOM:
            parts: list[Operand] = []
            for rule in options.values():
                rule_name = (rules or {})[id(rule)]
                more = tuple(Value(NONE, v.name) for v in module.functions[rule_name].captures)
                captures += more
                parts.append(body.function(rule_name, more, globals))
            callee = body.word(word, (callee, *parts), {})
            continue
        keywords = {k: body.constant(v) for k, v in options.items() if v is not None}
        if word in APPLIED:
            callee = body.word(word, (callee, *placed), named | keywords, rest)
        else:
            callee = body.word(word, (callee,), keywords)
    if words[-1][0] not in APPLIED:
        callee = body.call((callee, *placed), named, rest)
    end = Op("return", (callee,), loc=f.loc)
    entry = Function(
        entry_name(module, name, words),
        captures,
        inputs,
        None,
        Block((), (*body.ops, end)),
        {k: v for k, v in f.attrs.items() if own and k in ("defaults", "kwonly")},
        f.loc,
    )
    return Module({entry.name: entry, **module.functions}, dict(module.records))


def handed_on(
    f: Function, inputs: Sequence[Value]
) -> tuple[list[Value], Operand | None, dict[str, Operand]]:
    """The parameters of an entry as arguments of a function that has the same ones: by place, the
    one that gathers more of those, and by name, where `**` stands for the one that gathers more."""
    placed, rest, named, more = order(f, len(inputs))
    by_name: dict[str, Operand] = {inputs[k].name: inputs[k] for k in named}
    if more is not None:
        by_name["**"] = inputs[more]
    return [inputs[k] for k in placed], None if rest is None else inputs[rest], by_name


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

    def call(
        self,
        operands: Sequence[Operand],
        keywords: Mapping[str, Operand],
        rest: Operand | None = None,
    ) -> Value:
        """A call: what is called, arguments by place, `*rest`, those by name last."""
        attrs: dict[str, Any] = {}
        if rest is not None:
            attrs["star"] = (len(operands) - 1,)
            operands = (*operands, rest)
        if keywords:
            attrs["kw"] = tuple(keywords)
        return self.emit("call", (*operands, *keywords.values()), attrs)

    def word(
        self,
        word: str,
        given: Sequence[Operand],
        keywords: Mapping[str, Operand],
        rest: Operand | None = None,
    ) -> Value:
        """`morula.WORD(*given, *rest, **keywords)`."""
        apply = self.emit("global", (), {"name": f"morula.{word}"}, word)
        return self.call((apply, *given), keywords, rest)

    def constant(self, value: Any) -> Operand:
        """A literal, or a tuple of them."""
        if isinstance(value, tuple):
            return self.emit("tuple", [self.constant(v) for v in value], {})
        made: Literal = literal(value)
        return made
