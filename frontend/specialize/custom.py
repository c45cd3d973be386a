"""Functions with rules of their own, made by `custom_vjp` and `custom_jvp`.

    fn @f.custom_vjp(%x: f64) -> f64 {vjp = ("f.custom_vjp.fwd", "f.custom_vjp.bwd")} {
      %0: f64 = call @f(%x)
      return %0
    }

Each part of a rule is an instance, with everything that any part captures, so that one call can
stand for another: the call itself; fwd, which gives f's results and what it saves; bwd, which takes
these and the cotangents of the results; the rule of custom_jvp, on primals and tangents.  The rules
are specialised when the program stands: fwd may call f.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ...ir.core import RULES, Loc, Operand, reached
from ...ir.types import Array, Scalar, Type, cotangent_type
from .. import names
from . import boxes, calls, derivatives, instances, seeds, selection, writes
from .joins import Disagree, coerce, join, zero
from .values import (
    AV,
    STRUCTURES,
    T,
    build,
    cotangent,
    describe,
    floats_dynamic,
    leaf_types,
    same,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame
    from .instances import Instance, Program


# a custom function and the parts of its rules, in order; `custom_rules` is the prelude's
PARTS = {
    "custom_vjp": ("f", "fwd", "bwd"),
    "custom_jvp": ("f", "rule"),
    "custom_rules": ("f", "fwd", "bwd", "rule"),
}


class Custom(NamedTuple):
    """What a custom function is: its word, and which part of it an instance runs."""

    word: str
    part: str = "call"  # "fwd" and "bwd" of custom_vjp, "rule" of custom_jvp
    params: tuple[T, ...] = ()  # of f, where `part` is no call
    result: T | None = None
    within: bool = False  # called by its own fwd, or by what that calls


def made(f: Frame, word: str, args: list[AV]) -> AV:
    """`custom_vjp(f, fwd, bwd)` or `custom_jvp(f, rule)`."""
    count = names.CUSTOM[word]
    if len(args) != count + 1 or not all(a.kind in derivatives.FUNCTIONS for a in args):
        rules = ", ".join(PARTS[word][1:])
        raise f.error(
            "E10",
            f"{word} of {', '.join(describe(typ(a)) for a in args)}",
            "the rule has to be known where the function is used",
            f"write `{word}(f, {rules})` here, or define the rule outside the compiled function",
        )
    return AV("custom", Custom(word), tuple(args))


def call(f: Frame, callee: AV, args: list[AV]) -> AV:
    """A call of a custom function, which gets values and gives values: its rules know no cells."""
    if not f.program.mutable:
        return instances.call(f, called(f, callee), args)
    out = instances.call(f, called(f, callee), [writes.snapshot(f, a) for a in args])
    return writes.entered(f, out, (), [])


def called(f: Frame, callee: AV) -> AV:
    """The callee of a call of a custom function: its own fwd calls another instance."""
    info: Custom = callee.info
    for i in f.program.stack:
        above = i.key.callee
        if above.kind == "custom" and above.info.part == "fwd" and above.kids == typ(callee).kids:
            return AV("custom", info._replace(within=True), callee.kids)
    return callee


def body(f: Frame, callee: AV, args: list[AV]) -> AV:
    """The body of an instance of a part."""
    info: Custom = callee.info
    if info.part == "call":
        return within(f, callee.kids[0], args, info.word)
    f.loc = location(f, part_of(callee, info.part)) or f.loc
    return {"fwd": forward, "bwd": backward, "rule": push}[info.part](f, info, callee, args)


def part_of(callee: Any, name: str) -> Any:
    """The function that is this part of a rule, or its type."""
    return callee.kids[PARTS[callee.info.word].index(name)]


def within(f: Frame, fn: AV, args: list[AV], what: str) -> AV:
    """A call of f or of a part of its rule, for which arrays and records are objects again."""
    found: writes.Entered = []
    given = [writes.entered(f, a, (k,), found) for k, a in enumerate(args)]
    out = calls.call(f, fn, given, {})
    if not all(same(f.store[ref.info], old) for _, ref, old in found):
        raise f.error(
            "E10",
            f"{what} of a function that writes its arguments",
            "a rule speaks of what goes in and what comes out",
            "copy what is written, `x = x.copy()`, and return it",
        )
    return writes.snapshot(f, out)


def location(f: Frame, fn: AV | T) -> Loc:
    """Where a function is defined."""
    return f.program.functions[fn.info.fn].loc if fn.kind == "fn" else ()


def forward(f: Frame, info: Custom, callee: AV, args: list[AV]) -> AV:
    out = pair(
        f,
        within(f, part_of(callee, "fwd"), args, info.word),
        "fwd",
        "it gives the result of the function, and what bwd needs",
        "return `(result, saved)`",
    )
    value = as_result(f, info, out.kids[0], "fwd")
    saved = AV("tuple", None, (out.kids[1], *derivatives.tags_of(value)))
    return AV("tuple", None, (value, saved))


def backward(f: Frame, info: Custom, callee: AV, args: list[AV]) -> AV:
    assert info.result is not None
    saved, *tags = args[0].kids
    ct = derivatives.with_tags(f, cotangent(info.result), tags, [a.leaves[0] for a in args[1].kids])
    out = within(f, part_of(callee, "bwd"), [saved, ct], info.word)
    if out.kind != "tuple" or len(out.kids) != len(info.params):
        raise f.error(
            "E10",
            f"a bwd that returns {describe(typ(out))}",
            f"it gives one cotangent for each of the {len(info.params)} parameters",
            "return a tuple, such as `(ct_x,)`, with None where a parameter holds no float",
        )
    leaves: list[Operand] = []
    for a, t in zip(out.kids, info.params, strict=True):
        leaves += differentials(f, a, t, "bwd", "cotangent")
    return flat(f, leaves)


def push(f: Frame, info: Custom, callee: AV, args: list[AV]) -> AV:
    primals, moves = args
    left = iter([a.leaves[0] for a in moves.kids])
    moving = [seeds.tangent(t, a, left) for t, a in zip(info.params, primals.kids, strict=True)]
    out = pair(
        f,
        within(f, part_of(callee, "rule"), [primals, AV("tuple", None, tuple(moving))], info.word),
        "custom_jvp rule",
        "it gives the result of the function, and its tangent",
        "return `(y, t_y)`",
    )
    assert info.result is not None
    value = as_result(f, info, out.kids[0], "custom_jvp rule")
    tangents = list(differentials(f, out.kids[1], info.result, "custom_jvp rule", "tangent"))
    return AV("tuple", None, (value, flat(f, tangents)))


def pair(f: Frame, out: AV, what: str, why: str, instead: str) -> AV:
    if out.kind != "tuple" or len(out.kids) != 2:
        raise f.error("E10", f"a {what} that returns {describe(typ(out))}", why, instead)
    return out


def as_result(f: Frame, info: Custom, a: AV, what: str) -> AV:
    """What a rule says is f's result, as f gives it."""
    assert info.result is not None
    if joined(info.result, typ(a)) != info.result:
        raise f.error(
            "E10",
            f"a {what} whose result is {describe(typ(a))}",
            f"the function itself returns {describe(info.result)}",
            "return the same kind of value",
        )
    return build(info.result, iter(coerce(f, a, info.result)))


def joined(a: T, b: T) -> T | None:
    try:
        return join(a, floats_dynamic(b))
    except Disagree:
        return None


def differentials(f: Frame, a: AV, t: T, what: str, kind: str) -> Iterator[Operand]:
    """Leaves of a cotangent or tangent of a value of type t; None stands for zeros."""
    if a.kind == "const" and a.info is None:
        for x in leaf_types(t):
            c = cotangent_type(x)
            if c is not None:
                yield zero(f, c)
    elif t.kind in STRUCTURES and a.kind in STRUCTURES and len(a.kids) == len(t.kids):
        for kid, part in zip(a.kids, t.kids, strict=True):
            yield from differentials(f, kid, part, what, kind)
    elif t.kind in STRUCTURES or (
        t.kind not in ("sum", "boxed") and a.kind not in (cotangent(t).kind, "num")
    ):
        raise f.error(
            "E10",
            f"a {what} that gives {describe(typ(a))} as the {kind} of {describe(t)}",
            f"a {kind} has the structure of what it belongs to",
            "give a float for a float, an array for an array, None where there is no float",
        )
    else:
        yield from seeds.cotangent_leaves(f, a, t)


def flat(f: Frame, leaves: list[Operand]) -> AV:
    """Cotangents or tangents, one after the other."""
    return AV("tuple", None, tuple([AV(kind(x.type), None, (), (x,)) for x in leaves]))


def duals(types: Iterable[T]) -> T:
    """What `flat` makes of the cotangents or tangents of values of these types."""
    found = [cotangent_type(x) for t in types for x in leaf_types(t)]
    return T("tuple", None, tuple([T(kind(c), None, (), (c,)) for c in found if c is not None]))


def kind(t: Type) -> str:
    return "array" if isinstance(t, Array) else "num" if isinstance(t, Scalar) else "leaf"


# ---- rules, once the program stands -------------------------------------------------------------


def complete(program: Program, caller: Frame, root: str) -> None:
    """Specialise the rules of all custom functions that are reached."""
    functions = program.module.functions
    while True:
        by_name = {i.name: i for i in program.instances.values()}
        todo = [
            i
            for n in reached(program.module, root, rules=True)
            if (i := by_name.get(n)) is not None and waits(i) and not has_rule(functions[n].attrs)
        ]
        if not todo:
            return
        for i in todo:
            attrs: dict[str, Any] = {}
            for rule, make in (("vjp", reverse_rule), ("jvp", forward_rule)):
                if i.key.callee.info.word in (f"custom_{rule}", "custom_rules"):
                    made = [part.name for part in make(caller, i)]
                    attrs[rule] = (*made, *walkers(caller, i))
            if inner := held(i):
                attrs["held"] = inner
            if i.key.callee.info.within:
                attrs["within"] = True
            functions[i.name] = functions[i.name].but(attrs=attrs)


def walkers(caller: Frame, i: Instance) -> list[str]:
    """What makes of a box a tangent to reverse at, for each kind of box that goes in or out."""
    assert i.result is not None
    found = dict.fromkeys(r for t in (*i.key.args, i.result) for r in boxed_in(t))
    return [boxes.walker(caller, record) for record in found]


def boxed_in(t: T) -> Iterator[str]:
    if t.kind == "boxed" and t.info[0] == "record":
        yield t.leaves[0].record  # type: ignore[union-attr]
    elif t.kind in STRUCTURES or t.kind == "sum":
        for k in t.kids:
            yield from boxed_in(k)


def held(i: Instance) -> tuple[str, ...]:
    """Floats within functions among the arguments: no rule can speak of them."""
    return tuple(
        name
        for names, t in zip(i.names, i.key.args, strict=True)
        for name, x, c in zip(names, leaf_types(t), selection.cotangents(t), strict=True)
        if c is None and cotangent_type(x) is not None
    )


def has_rule(attrs: Any) -> bool:
    return any(r in attrs for r in RULES)


def waits(i: Instance) -> bool:
    callee = i.key.callee
    return callee.kind == "custom" and callee.info.part == "call" and i.result is not None


def reverse_rule(caller: Frame, i: Instance) -> tuple[Instance, ...]:
    fwd = part(caller, i, "fwd", i.key.args)
    assert i.result is not None
    if fwd.result is None:
        raise never(caller, i, 1, "fwd")
    saved = fwd.result.kids[1]
    bwd = part(caller, i, "bwd", (saved, duals([i.result])))
    if bwd.result is None:
        raise never(caller, i, 2, "bwd")
    return fwd, bwd


def forward_rule(caller: Frame, i: Instance) -> tuple[Instance, ...]:
    primals = T("tuple", None, i.key.args)
    rule = part(caller, i, "rule", (primals, duals(i.key.args)))
    if rule.result is None:
        raise never(caller, i, 1, "custom_jvp rule")
    return (rule,)


def part(caller: Frame, i: Instance, name: str, args: tuple[T, ...]) -> Instance:
    callee = i.key.callee
    caller.loc = location(caller, part_of(callee, name)) or caller.loc
    info = Custom(callee.info.word, name, i.key.args, i.result)
    if i.key.contents or i.written or i.fresh:
        raise caller.error(
            "E10",
            f"{info.word} of a function that keeps variables",
            "a rule speaks of arguments and results",
            "pass what changes as arguments, and return what is new",
        )
    key = instances.Key(callee._replace(info=info), args, ())
    return instances.resolve(caller, key)


def never(caller: Frame, i: Instance, kid: int, what: str) -> Exception:
    caller.loc = location(caller, i.key.callee.kids[kid]) or caller.loc
    return caller.error(
        "E10", f"a {what} that never returns", "each path in it raises", "return a value"
    )


# ---- names --------------------------------------------------------------------------------------


def base_name(callee: T, base: Callable[[T], str]) -> str:
    info: Custom = callee.info
    name = f"{base(callee.kids[0])}.{info.word}"
    return name if info.part == "call" else f"{name}.{info.part}"


def argument_names(info: Custom, inner: list[str]) -> list[str]:
    if info.part == "bwd":
        return ["saved", "ct"]
    return ["primals", "tangents"] if info.part == "rule" else inner
