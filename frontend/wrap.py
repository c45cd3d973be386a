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

Word = tuple[str, Mapping[str, Any]]  # grad, value_and_grad, vjp or jvp, and its options
APPLIED = frozenset({"vjp", "jvp"})  # these take the arguments at once: vjp(f, *args)


def wrap(
    module: Module, name: str, words: Sequence[Word], params: Sequence[str], globals: dict[str, Any]
) -> Module:
    """The module with an entry that applies the words, innermost first, to @name and calls it."""
    f = module.functions[name]
    body = Body(f.loc)
    captures = tuple(Value(NONE, v.name) for v in f.captures)
    inputs = tuple(Value(NONE, p) for p in params)
    # keyword-only parameters stand last, and are handed on by name
    own = words[-1][0] != "jvp"  # the parameters are the function's own, not two tuples
    by_name = f.attrs.get("kwonly", 0) if own else 0
    placed, named = inputs[: len(inputs) - by_name], inputs[len(inputs) - by_name :]
    callee: Operand
    if captures:
        attrs, groups = {"fn": name}, (len(captures), 0)
        callee = body.emit("closure", captures, attrs, name, groups)
    else:
        callee = body.emit("global", (), {"name": global_name(name, globals), "fn": name}, name)
    for word, options in words:
        keywords = {k: body.constant(v) for k, v in options.items() if v is not None}
        given = [callee]
        if word in APPLIED:
            given += placed
            keywords |= {v.name: v for v in named}
        callee = body.word(word, given, keywords)
    if words[-1][0] not in APPLIED:
        callee = body.call((callee, *placed), {v.name: v for v in named})
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

    def call(self, operands: Sequence[Operand], keywords: Mapping[str, Operand]) -> Value:
        """A call with keyword arguments last."""
        attrs = {"kw": tuple(keywords)} if keywords else {}
        return self.emit("call", (*operands, *keywords.values()), attrs)

    def word(self, word: str, given: Sequence[Operand], keywords: Mapping[str, Operand]) -> Value:
        """`morula.WORD(*given, **keywords)`."""
        apply = self.emit("global", (), {"name": f"morula.{word}"}, word)
        return self.call((apply, *given), keywords)

    def constant(self, value: Any) -> Operand:
        """A literal, or a tuple of them."""
        if isinstance(value, tuple):
            return self.emit("tuple", [self.constant(v) for v in value], {})
        made: Literal = literal(value)
        return made
