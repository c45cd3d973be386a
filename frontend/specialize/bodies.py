"""What an instance runs, by the kind of its callee, and what its parameters are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...ir.core import Function, Operand
from . import builtins, calls, custom, derivatives, pending, writes
from .values import AV, STRUCTURES, Label, T, named_leaves, part_names

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
    if callee.kind == "custom":
        return custom.body(f, callee, args)
    if callee.kind in ("entry", "opened"):
        found: writes.Entered = []
        same, plain = callee.info
        same = dict(same)
        given = [writes.entered(f, a, (k,), found, same) for k, a in enumerate(args)]
        out = calls.direct(f, callee.kids[0], given)
        return writes.left(f, out, found, plain)
    if callee.kind != "name":
        return pending.settled(f, calls.call(f, callee, args, {}))
    return pending.settled(f, builtins.builtin(f, callee.info, args, {}))


def base_name(callee: T) -> str:
    """What a function is called in typed IR before numbers make it unique."""
    if callee.kind == "fn":
        name: str = callee.info.fn
        return name
    if callee.kind == "derivative":
        return f"{base_name(callee.kids[0])}.{callee.info.word}"
    if callee.kind == "custom":
        return custom.base_name(callee, base_name)
    if callee.kind == "pullback":
        return f"{callee.info.record.partition('.pull')[0]}.pull"
    if callee.kind in ("entry", "opened"):
        return f"{base_name(callee.kids[0])}.{callee.kind}"
    if callee.kind == "partial":
        return base_name(callee.kids[0])
    if callee.kind in ("record", "class"):
        named: str = callee.info.__name__
        return named
    last: str = str(callee.info).rsplit(".", 1)[-1]
    return last


def capture_names(functions: Mapping[str, Function], callee: T) -> list[str]:
    """Names of the leaves of a callee: its captures, then its defaults."""
    if callee.kind == "derivative":
        return capture_names(functions, callee.kids[0])
    if callee.kind in ("entry", "opened"):
        return capture_names(functions, callee.kids[0])
    if callee.kind == "custom":
        return [n for kid in callee.kids for n in capture_names(functions, kid)]
    if callee.kind == "partial":
        inner, *given = callee.kids
        names = bound_names(functions, callee)
        pairs = zip(given, names, strict=True)
        bound = [n for kid, name in pairs for n in named_leaves(kid, name)]
        return capture_names(functions, inner) + bound
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


def cell_names(functions: Mapping[str, Function], key: Key) -> dict[Any, str]:
    """What the cells that an instance gets are called: as the first that refers to one."""
    callee, found = key.callee, dict[Any, str]()
    while callee.kind in ("derivative", "entry", "opened") and callee.kids:
        callee = callee.kids[0]
    pairs = list(zip(param_names(functions, key), key.args, strict=True))
    if callee.kind == "fn":
        names = [v.name for v in functions[callee.info.fn].captures]
        pairs += zip(names, callee.kids, strict=False)
    while pairs:
        name, t = pairs.pop(0)
        if t.kind == "cell":
            found.setdefault(t.info, name)
        own = part_names(t) if t.kind in STRUCTURES else [""] * len(t.kids)
        pairs += [(f"{name}.{n}" if n else name, k) for n, k in zip(own, t.kids, strict=True)]
    return found


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
    if callee.kind == "custom":
        return custom.argument_names(callee.info, argument_names(functions, callee.kids[0], count))
    if callee.kind == "pullback":
        return ["ct"] if count == 1 else [f"t{k}" for k in range(count)]
    if callee.kind in ("entry", "opened"):
        return argument_names(functions, callee.kids[0], count)
    if callee.kind == "partial":
        place = len(callee.kids) - 1 - len(callee.info)
        inner = argument_names(functions, callee.kids[0], count + place)[place:]
        return ([n for n in inner if n not in callee.info] + [f"x{k}" for k in range(count)])[
            :count
        ]
    return ["x", "y", "z"][:count] if count <= 3 else [f"x{k}" for k in range(count)]


def places(
    functions: Mapping[str, Function], callee: T | AV, count: int
) -> tuple[list[int], int | None]:
    """Which parameters are given by place, in their order, and which one gathers the rest."""
    inner = callee
    while inner.kind in ("derivative", "entry", "opened", "custom") and inner.kids:
        if inner.kind == "derivative" and inner.info.word == "jvp":
            return list(range(count)), None
        inner = inner.kids[0]
    if inner.kind != "fn":
        return list(range(count)), None
    attrs = functions[inner.info.fn].attrs
    rest, named = attrs.get("rest"), attrs.get("named")
    if rest is None and named is None:
        return list(range(count)), None
    plain = [k for k in range(count) if k not in (rest, named)]
    return plain[: len(plain) - attrs.get("kwonly", 0)], rest


def bound_names(functions: Mapping[str, Function], callee: T) -> list[str]:
    """What the arguments that a partial function holds are called."""
    inner, *given = callee.kids
    by_place = len(given) - len(callee.info)
    names = argument_names(functions, inner, by_place)[:by_place]
    names += [f"x{k}" for k in range(len(names), by_place)]
    return [*names, *callee.info]


def flat(a: AV) -> list[Operand]:
    """All leaves, static numbers too."""
    out: list[Any] = list(a.leaves)
    for k in a.kids:
        out += flat(k)
    return out
