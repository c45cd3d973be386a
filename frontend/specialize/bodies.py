"""What an instance runs, by the kind of its callee, and what its parameters are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...ir.core import Function, Operand
from . import builtins, derivatives
from .values import AV, Label, T, named_leaves

if TYPE_CHECKING:
    from .frame import Frame
    from .instances import Key


def run_body(f: Frame, args: list[AV]) -> AV:
    """Run the callee of an instance on its parameters."""
    callee = f.me
    if callee.kind == "fn":
        fn = f.fn
        assert fn is not None
        for v, a in zip(fn.captures, callee.kids, strict=False):
            f.env[v] = a
        for v, a in zip(fn.params, args, strict=True):
            f.env[v] = a
        return f.run(fn.body)[0]
    if callee.kind == "derivative":
        return derivatives.body(f, callee, args)
    if callee.kind == "pullback":
        return derivatives.pull(f, callee, args, {})
    return builtins.builtin(f, callee.info, args, {})


def base_name(callee: T) -> str:
    """What a function is called in typed IR before numbers make it unique."""
    if callee.kind == "fn":
        name: str = callee.info.fn
        return name
    if callee.kind == "derivative":
        return f"{base_name(callee.kids[0])}.{callee.info.word}"
    if callee.kind == "pullback":
        return f"{callee.info.record}.call"
    last: str = str(callee.info).rsplit(".", 1)[-1]
    return last


def capture_names(functions: Mapping[str, Function], callee: T) -> list[str]:
    """Names of the leaves of a callee: its captures, then its defaults."""
    if callee.kind == "derivative":
        return capture_names(functions, callee.kids[0])
    if callee.kind != "fn":
        return named_leaves(callee, "f")
    label: Label = callee.info
    fn = functions[label.fn]
    names = [v.name for v in fn.captures]
    defaults = len(callee.kids) - label.captures
    names += [f"{v.name}.default" for v in fn.params[len(fn.params) - defaults :]]
    out: list[str] = []
    for kid, name in zip(callee.kids, names, strict=True):
        out += named_leaves(kid, name)
    return out


def param_names(functions: Mapping[str, Function], key: Key) -> list[str]:
    return argument_names(functions, key.callee, len(key.args))


def argument_names(functions: Mapping[str, Function], callee: T | AV, count: int) -> list[str]:
    """Names of the arguments of a callee."""
    if callee.kind == "fn":
        return [v.name for v in functions[callee.info.fn].params]
    if callee.kind == "derivative":
        if callee.info.word == "jvp":
            return ["primals", "tangents"]
        return argument_names(functions, callee.kids[0], count)
    return ["x", "y", "z"][:count] if count <= 3 else [f"x{k}" for k in range(count)]


def flat(a: AV) -> list[Operand]:
    """All leaves, static numbers too."""
    out: list[Any] = list(a.leaves)
    for k in a.kids:
        out += flat(k)
    return out
