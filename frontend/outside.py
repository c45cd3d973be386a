"""Containers of functions outside a function, as if they were made where they are read.

    STEPS = (math.sin, halved)          %0 = global {name = "math.sin"}
                                        %1 = global {name = "STEPS[1]", fn = @halved}
    def f(x):                           %STEPS = tuple %0, %1
        return STEPS[1](x)

So are a dict, which is read only, what functools.partial made, and a bound method.  Each part has a
path of its own, so hidden numbers find their way, and a guard.  What nobody reads is dropped.
"""

from __future__ import annotations

import functools
import operator
from types import FunctionType, MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any

from ..ir.core import Operand
from .resolve import Path, is_number

if TYPE_CHECKING:
    import ast

    from .frame import Frame
    from .lower import Program

GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
DEEPEST = 16  # a container that holds itself has no end
KEYS = (str, int, float, bool, type(None))


def made(
    program: Program, frame: Frame, value: Any, name: str, path: Path, node: ast.expr
) -> Operand | None:
    """Ops that make the value; None where it is no container of functions."""
    if len(path) > DEEPEST:
        return None

    def part(v: Any, text: str, *steps: tuple[Any, ...]) -> Operand:
        return program.refer(frame, v, f"{name}{text}", (*path, *steps), node)

    if type(value) is tuple and holds_more_than_literals(value):
        parts = [part(v, f"[{k}]", ("item", k)) for k, v in enumerate(value)]
        return frame.emit("tuple", tuple(parts), node, None, name)
    if type(value) in (dict, MappingProxyType) and all(type(k) in KEYS for k in value):
        keys = tuple(value)
        program.global_name(keys, f"{name}.keys", (*path, ("keys",)))
        pairs: list[Operand] = []
        for k, v in value.items():
            pairs += [program.static(frame, k, node), part(v, f"[{k!r}]", ("item", k))]
        return frame.emit("dict", tuple(pairs), node, {"read_only": True}, name)
    if type(value) is functools.partial:
        given = [
            part(v, f".args[{k}]", ("attribute", "args"), ("item", k))
            for k, v in enumerate(value.args)
        ]
        named = [
            part(v, f".{k}", ("attribute", "keywords"), ("item", k))
            for k, v in value.keywords.items()
        ]
        inner = part(value.func, ".func", ("attribute", "func"))
        partial = program.refer(frame, functools.partial, "functools.partial", (), node)
        attrs = {"kw": tuple(value.keywords)} if named else None
        return frame.emit("call", (partial, inner, *given, *named), node, attrs, name)
    if type(value) in GETTERS:
        return got(program, frame, value, name, node)
    if type(value) is MethodType and isinstance(value.__func__, FunctionType):
        owner = part(value.__self__, ".__self__", ("attribute", "__self__"))
        return frame.emit("getattr", (owner,), node, {"name": value.__name__}, name)
    return None


def got(program: Program, frame: Frame, value: Any, name: str, node: ast.expr) -> Operand | None:
    """What operator.itemgetter and its kin made, by what they say to `pickle`."""
    maker, args = value.__reduce__()
    keywords: dict[str, Any] = {}
    if isinstance(maker, functools.partial):
        args, keywords = (*maker.args, *args), maker.keywords
    given = (*args, *keywords.values())
    if not all(type(a) in KEYS for a in given):
        return None
    cls = type(value)
    made = program.refer(frame, cls, f"operator.{cls.__name__}", (), node)
    items = [program.static(frame, a, node) for a in given]
    attrs = {"kw": tuple(keywords)} if keywords else None
    return frame.emit("call", (made, *items), node, attrs, name)


def holds_more_than_literals(value: tuple[Any, ...]) -> bool:
    return any(
        holds_more_than_literals(v) if type(v) is tuple else not (type(v) in KEYS or is_number(v))
        for v in value
    )
