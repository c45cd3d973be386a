"""Derivatives as values: `grad(f)`, `vjp(f, ...)` and their kin, and pullbacks.

    fn @f.grad(%x: f64, %n: i64) -> f64 {
      %y: f64, %pullback: box<@f.pullback> = vjp @f(%x, %n) {wrt = "x"}
      %ct.x: f64 = pull %pullback(1.0)
      return %ct.x
    }

A derivative is a function like any other: called, it becomes an instance of its own, so derivatives
nest.  Nothing here differentiates; stage `ad` expands the ops.

Structure is JAX's.  `grad` by one argument gives that argument's structure, by several a tuple; the
pullback of `vjp` gives a tuple with one entry for each positional argument, or, where argnums is
one int or name, that argument's structure itself.  What carries no cotangent is None there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Operand, Record
from ...ir.structure import is_cotangent, merged
from ...ir.types import BOOL, F64, Box, Scalar, Type, cotangent_type
from ...ir.widen import apart
from .. import names
from . import (
    bodies,
    builtins,
    calls,
    custom,
    instances,
    jacobians,
    mapping,
    ndarray,
    records,
    seeds,
    selection,
    slots,
    sums,
    writes,
)
from .values import (
    AV,
    NONE_T,
    NOTHING,
    Dead,
    Pull,
    T,
    Unknown,
    Word,
    build,
    cotangent,
    describe,
    leaf_types,
    number,
    static_value,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame
    from .instances import Target

ARGNUMS = "argnums"
FUNCTIONS = frozenset({"fn", "custom", "derivative", "name", "pullback", "partial"})


# ---- the words: grad, value_and_grad, vjp, jvp, jit ---------------------------------------------


def word(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """A call of one of Morula's own functions."""
    if name == "stop_gradient":
        return jacobians.stop_gradient(f, args, kw)
    if name in names.CUSTOM:
        return custom.made(f, name, args)
    if name not in (*names.DERIVATIVES, "jit"):
        raise builtins.unknown(f, f"morula.{name}")
    if not args:
        raise f.error("E03", f"{name} without a function", "it takes one first", "pass a function")
    fn, rest = args[0], args[1:]
    if fn.kind in sums.SUMS:
        return sums.dispatch(
            f, fn, lambda g: word(f, name, [g, *rest], dict(kw)), sums.not_callable
        )
    if fn.kind in ("record", "cell") and (method := records.method(f, fn, "__call__")):
        fn = AV("partial", (), (method, fn))
    if fn.kind not in FUNCTIONS:
        raise f.error(
            "E03",
            f"{name} of {describe(typ(fn))}",
            "it takes a function",
            "pass a function, not the result of calling one",
        )
    if name == "jit":
        return fn
    if name == "jvp":
        builtins.plain(f, "jvp", rest, kw, 2, 2)
        return calls.call(f, AV("derivative", Word("jvp", None), (fn,)), rest, {})
    if name == "hvp":
        return jacobians.hvp(f, fn, rest, kw)
    if name == "vmap":
        return mapping.word(f, fn, rest, kw)
    if name == "linearize":
        return jacobians.linearize(f, fn, rest, kw)
    if name == "vjp":
        argnums = static_argnums(f, kw.pop(ARGNUMS, NOTHING))
        has_aux = flag(f, kw.pop("has_aux", None))
        return calls.call(
            f, AV("derivative", Word("vjp", argnums, has_aux, len(rest)), (fn,)), rest, kw
        )
    options = dict(zip((ARGNUMS, "has_aux"), rest, strict=False)) | kw
    extra = set(options) - {ARGNUMS, "has_aux"}
    if extra or len(rest) > 2:
        found = f"`{min(extra)}`" if extra else f"{len(args)} arguments"
        raise f.error("E03", f"{name} with {found}", "it takes f, argnums, has_aux", "leave it out")
    argnums = static_argnums(f, options[ARGNUMS]) if ARGNUMS in options else 0
    return applied(name, fn, argnums, flag(f, options.get("has_aux")))


def applied(name: str, fn: AV, argnums: Any, has_aux: bool) -> AV:
    """What a word that makes a function of a function makes."""
    if name == "hessian":
        return jacobians.hessian(fn, argnums, has_aux)
    return AV("derivative", Word(name, argnums, has_aux), (fn,))


def static_argnums(f: Frame, a: AV) -> Any:
    try:
        value = static_value(a)
    except Unknown:
        value = 0.5
    kinds = value if isinstance(value, tuple) else (value,)
    if value is not None and (not kinds or any(type(v) not in (int, str) for v in kinds)):
        found = "that is no int, name, or tuple of those, known when compiling"
        raise f.error(
            "E09",
            "argnums=()" if value == () else f"argnums {found}",
            "it says which arguments to differentiate by",
            "write it as a literal, such as `argnums=0`",
        )
    return value


def flag(f: Frame, a: AV | None) -> bool:
    if a is None:
        return False
    try:
        return bool(static_value(a))
    except Unknown:
        raise f.error(
            "E09",
            "has_aux that is known at run time only",
            "it decides what the function returns",
            "write True or False",
        ) from None


# ---- what a derivative runs ---------------------------------------------------------------------


def body(f: Frame, callee: AV, args: list[AV]) -> AV:
    """The body of an instance of a derivative."""
    w: Word = callee.info
    inner = callee.kids[0]
    if w.word == "jvp":
        return push(f, inner, args[0], args[1])
    if w.word == "vmap":
        return mapping.body(f, w, inner, args)
    if w.word in ("jacfwd", "jacrev"):
        return jacobians.body(f, w, inner, args)
    value, pullback, aux = reverse(f, w, inner, args)
    if w.word != "vjp" and value.kind == "sum":
        value = sums.sole(f, value, is_float, not_a_float)
    if w.word == "vjp":
        extra = (aux,) if w.has_aux else ()
        return AV("tuple", None, (value, pullback, *extra))
    if value.kind != "num" or value.leaves[0].type != F64:
        raise f.error(
            "E09",
            f"{w.word} of a function that returns {describe(typ(value))}",
            "a gradient is that of one float",
            "return a float" if value.kind != "tuple" else "return one number, or use vjp",
        )
    gradient = pulled(f, pullback, number(Literal(1.0, F64)))
    if w.word == "grad":
        return AV("tuple", None, (gradient, aux)) if w.has_aux else gradient
    given = AV("tuple", None, (value, aux)) if w.has_aux else value
    return AV("tuple", None, (given, gradient))


def is_float(a: AV) -> bool:
    return a.kind == "num" and a.leaves[0].type == F64


def not_a_float(a: AV) -> sums.Failure:
    found = "None" if a.kind == "const" and a.info is None else sums.python_type(a)
    return sums.Failure("TypeError", f"a gradient is that of one float, not of {found}")


def reverse(f: Frame, w: Word, inner: AV, args: list[AV]) -> tuple[AV, AV, AV]:
    """A `vjp` op: the value, the pullback, the auxiliary value."""
    mine = args
    chosen, _ = selection.named(f, w, inner, args)
    active = {c.arg for c in chosen}
    plain: writes.Plain = "primal" if w.has_aux else "result"
    inner, args, twice, shared = writes.opened(f, inner, args, active, plain)
    args = [whole(f, k, a, chosen) for k, a in enumerate(args)]
    t = instances.target(f, inner, args)
    instance = t.instance
    chosen, single = selection.selected(f, w, inner, instance.key.args)
    if twice & {c.arg for c in chosen}:
        raise writes.in_two_ways(f)
    wrt: list[str] = []
    for c in chosen:
        wrt += selection.active(instance.names[c.arg], instance.key.args[c.arg], c.part)
    if not wrt:
        raise no_floats(f, w)
    returns(f, t)
    structures = [cotangent(c.of(instance.key.args)) for c in chosen]
    results = structures[0] if single else T("tuple", None, tuple(structures))
    record = record_of(f, instance.name, tuple(wrt))
    types = [*instance.result_types(), Box(record)]
    out = derivative_op(f, "vjp", t, [], tuple(wrt), types, "pullback")
    value = instances.finished(f, t, iter(out[:-1]))
    primal = writes.without_writes(instance.result)
    value = writes.closed(f, value, mine, shared, t.written())
    value, aux = with_aux(f, w, value)
    if w.has_aux:
        primal = primal.kids[0]
    rest = tuple(instance.result_types()[len(leaf_types(primal)) :])
    given = iter(t.params)
    known = [build(k, given) for k in instance.key.args]
    tags = tuple([x for c in chosen for x in tags_of(c.of(known))])
    pullback = AV("pullback", Pull(record, primal, rest, results), tags, (out[-1],))
    return value, pullback, aux


def with_aux(f: Frame, w: Word, value: AV) -> tuple[AV, AV]:
    """What is differentiated of a result, and what is handed on."""
    if not w.has_aux:
        return value, NOTHING
    if value.kind != "tuple" or len(value.kids) != 2:
        raise f.error(
            "E09",
            f"has_aux of a function that returns {describe(typ(value))}",
            "it returns the value and the rest, as a pair",
            "return a tuple of two",
        )
    value, aux = value.kids
    return value, aux


def whole(f: Frame, k: int, a: AV, chosen: Sequence[selection.Chosen]) -> AV:
    """Argument k, where a derivative is taken by it with its views as arrays of their own."""
    places = {c.part for c in chosen if c.arg == k}
    if not places:
        return a
    if None in places:
        return writes.snapshot(f, a)
    kids = [writes.snapshot(f, x) if n in places else x for n, x in enumerate(a.kids)]
    return AV(a.kind, a.info, tuple(kids), a.leaves)


def tags_of(a: AV) -> list[AV]:
    """What the cotangent of an argument has of the argument itself: tags, and boxes."""
    if cotangent(typ(a)) == NONE_T:
        return []
    if a.kind == "boxed":
        return [AV("leaf", None, (), a.leaves[:1])]
    if a.kind == "vector":
        return [AV("leaf", None, (), (x,)) for x in slots.known_leaves(a)]
    own = [AV("leaf", None, (), a.leaves)] if a.kind == "sum" else []
    return own + [x for k in a.kids for x in tags_of(k)]


def no_floats(f: Frame, w: Word) -> Exception:
    return f.error(
        "E09",
        f"{w.word} of a function none of whose arguments holds a float",
        "a derivative is taken by floats and arrays of floats",
        "write 2.0 instead of 2: pass a float",
    )


def returns(f: Frame, t: Target) -> None:
    """End the path at the call of a function that does not return: it has no derivative.

    One that is still being made is around this derivative, so the derivative is around itself.
    """
    if t.instance.result is None:
        if instances.unfinished(f.program, t.instance):
            name = bodies.base_name(t.instance.key.callee)
            raise f.error(
                "E08",
                f"a derivative of `{name}` that is taken inside itself",
                "the order depends on a run-time value",
                "take the derivative outside the function that is differentiated",
            )
        groups = (len(t.captures), len(t.params))
        f.results("call", t.captures + t.params, [], {"fn": t.instance.name}, (), (), groups)
        f.check(Literal(False, BOOL), "RecursionError", "maximum recursion depth exceeded")
        raise Dead


def derivative_op(
    f: Frame,
    opcode: str,
    t: Target,
    tangents: list[Operand],
    wrt: tuple[str, ...],
    types: list[Type],
    last: str,
) -> tuple[Operand, ...]:
    groups = [len(t.captures), len(t.params)]
    if opcode == "jvp":
        groups.append(len(tangents))
    labels = ["y" if k == 0 else "" for k in range(len(types) - 1)] + [last]
    operands = t.captures + t.params + tangents
    attrs = {"fn": t.instance.name, "wrt": wrt}
    return f.results(opcode, operands, types, attrs, labels, (), groups)


def record_of(f: Frame, fn: str, wrt: tuple[str, ...]) -> str:
    """The record of the pullbacks of a function by these leaves."""
    program = f.program
    name = program.records.get((fn, wrt))
    if name is None:
        taken = set(program.records.values())
        name = apart(f"{fn}.pullback", taken)
        program.records[fn, wrt] = name
    program.module.records[name] = Record(name, (), pullback=fn, wrt=wrt)
    return name


# ---- pullbacks ----------------------------------------------------------------------------------


def pull(f: Frame, pullback: AV, args: list[AV], kw: dict[str, AV]) -> AV:
    """A call of a pullback."""
    if pullback.info.spread:  # a pushforward: one tangent for each argument
        builtins.plain(f, "a pushforward", args, kw, 0, None)
        return pulled(f, pullback, AV("tuple", None, tuple(args)))
    builtins.plain(f, "a pullback", args, kw, 1, 1)
    return pulled(f, pullback, args[0])


def pulled(f: Frame, pullback: AV, ct: AV) -> AV:
    info: Pull = pullback.info
    given = list(seeds.cotangent_leaves(f, writes.snapshot(f, ct), info.primal))
    for x in info.rest:
        c = cotangent_type(x)
        if c is not None:
            given.append(seeds.missing(f, c))
    expected = leaf_types(info.results)
    types = [x for x in expected if is_cotangent(x)]
    labels = ["ct"] * len(types)
    box = pullback.leaves[0]
    linked = f.program.linked.get(info.record)
    if linked is None:
        record = f.program.module.records[info.record]
        labels = [f"ct.{n}" for n in record.wrt]
        out = f.results("pull", [box, *given], types, None, labels, (), (1, len(given)))
    else:
        fields = f.results("unbox", [box], linked.record.types)
        attrs, groups = {"fn": linked.fn}, (len(fields), len(given))
        out = f.results("call", [*fields, *given], types, attrs, labels, (), groups)
    return writes.entered(f, with_tags(f, info.results, pullback.kids, out), (), [])


def with_tags(f: Frame, t: T, tags: Iterable[AV], cts: Iterable[Operand]) -> AV:
    """A cotangent, of its leaves and of what `tags_of` the primal are."""
    return shown(f, build(t, iter(merged(leaf_types(t), cts, [a.leaves[0] for a in tags]))))


def shown(f: Frame, a: AV) -> AV:
    """A cotangent or tangent as the program sees it: by arrays of float32 it is one of those."""
    if a.kind == "array" and isinstance(a.info, Scalar):
        plain = AV("array", None, (), a.leaves)
        return records.contents(f, ndarray.array_of(f, plain, a.info))
    if not a.kids:
        return a
    return AV(a.kind, a.info, tuple([shown(f, k) for k in a.kids]), a.leaves)


# ---- forward mode -------------------------------------------------------------------------------


def placed(f: Frame, inner: AV, primals: Sequence[AV], tangents: AV) -> tuple[list[AV], list[AV]]:
    """The arguments of a `jvp` in the order of the parameters, and a tangent for each.

    Where a parameter gathers the rest, so do its tangents; a default stays.
    """
    pairs = [
        AV("pair", None, (x, t))
        for x, t in zip(primals, writes.snapshot(f, tangents).kids, strict=True)
    ]
    args: list[AV] = []
    moves: list[AV] = []
    for a in calls.bind(f, inner, pairs, {}, all_by_place=True):
        if a.kind == "pair":
            x, t = a.kids
        elif a.kind == "tuple" and all(k.kind == "pair" for k in a.kids):
            x, t = (AV("tuple", None, tuple([k.kids[side] for k in a.kids])) for side in (0, 1))
        else:
            x, t = a, jacobians.still(a)
        args.append(x)
        moves.append(t)
    return args, moves


def push(f: Frame, inner: AV, primals: AV, tangents: AV) -> AV:
    """A `jvp` op: the value and its tangent."""
    for a, what in ((primals, "primals"), (tangents, "tangents")):
        if a.kind != "tuple":
            raise f.error(
                "E09",
                f"{describe(typ(a))} as the {what} of jvp",
                "both are tuples, one entry for each argument",
                "write `(x,)` for one argument",
            )
    if len(primals.kids) != len(tangents.kids):
        raise f.error(
            "E09",
            f"{len(primals.kids)} primals and {len(tangents.kids)} tangents",
            "each argument has one tangent",
            "pass as many of both; 0.0 where an argument stays",
        )
    inner = mapping.aligned(f, inner, primals.kids, {}, by_place=True)
    return along(f, inner, *placed(f, inner, primals.kids, tangents))


def along(f: Frame, inner: AV, args: list[AV], *lanes: list[AV]) -> AV:
    """`push`, with a tangent for each parameter: the value, then its tangent in each lane.

    Where a tangent is None in one lane, it is None in all.
    """
    mine = args
    active = {k for k, t in enumerate(lanes[0]) if not seeds.stays(t)}
    inner, args, twice, shared = writes.opened(f, inner, args, active)
    args = [writes.snapshot(f, a) if k in active else a for k, a in enumerate(args)]
    t = instances.target(f, inner, args)
    returns(f, t)
    instance = t.instance
    wrt: dict[str, None] = {}
    moves: list[Operand] = []
    for moving in lanes:
        for k, a in enumerate(moving):
            leaves = seeds.tangent_leaves(f, a, args[k], instance.key.args[k])
            if k in twice and any(x is not None for x in leaves):
                raise writes.in_two_ways(f)
            for name, x in zip(instance.names[k], leaves, strict=True):
                if x is not None:
                    wrt[name] = None
                    moves.append(x)
    if not wrt:
        raise f.error(
            "E09",
            "jvp with tangents that are None",
            "where nothing moves there is no derivative",
            "pass a float for a float, or call the function itself",
        )
    kinds = instance.result_types()
    changes = [c for c in map(cotangent_type, kinds) if c is not None]
    types = [*kinds, *changes * len(lanes)]
    out = derivative_op(f, "jvp", t, moves, tuple(wrt), types, "t.y")
    value = instances.finished(f, t, iter(out[: len(kinds)]))
    primal = writes.without_writes(instance.result)
    plain = value.kids[0] if value.kind == "tuple" and value.info is not None else value
    moved: list[AV] = []
    for lane in range(len(lanes)):
        leaves_of = iter(out[len(kinds) + lane * len(changes) :])
        tangent = shown(f, seeds.tangent(primal, plain, leaves_of))
        moved.append(writes.entered(f, tangent, (), []))
    value = writes.closed(f, value, mine, shared, t.written())
    return AV("tuple", None, (value, *moved))
