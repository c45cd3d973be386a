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

from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Operand, Record
from ...ir.structure import is_cotangent
from ...ir.types import BOOL, F64, Box, Type, cotangent_type
from .. import names
from . import bodies, builtins, calls, custom, instances, jacobians, seeds, sums, writes
from .values import (
    AV,
    NONE_T,
    NOTHING,
    STRUCTURES,
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
FUNCTIONS = frozenset({"fn", "custom", "derivative", "name", "pullback"})


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
        return jacobians.hessian(fn, argnums)
    return AV("derivative", Word(name, argnums, has_aux), (fn,))


def static_argnums(f: Frame, a: AV) -> Any:
    try:
        value = static_value(a)
    except Unknown:
        value = 0.5
    kinds = value if isinstance(value, tuple) else (value,)
    if value is not None and any(type(v) not in (int, str) for v in kinds):
        raise f.error(
            "E09",
            "argnums that is no int, name, or tuple of those, known when compiling",
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


# ---- which arguments ----------------------------------------------------------------------------


def counted(callee: AV, given: int) -> AV:
    """A derivative whose negative argnums count from the end of the arguments given by place."""
    w: Word = callee.info
    if w.word == "jvp":
        return callee
    inner = callee.kids[0]
    if inner.kind == "derivative":
        inner = counted(inner, given)

    def place(a: int | str) -> int | str:
        return a + given if isinstance(a, int) and -given <= a < 0 else a

    argnums = w.argnums
    if isinstance(argnums, tuple):
        argnums = tuple([place(a) for a in argnums])
    elif argnums is not None:
        argnums = place(argnums)
    return AV("derivative", w._replace(argnums=argnums), (inner,))


def selected(f: Frame, w: Word, inner: AV, args: tuple[T, ...]) -> tuple[list[int], bool]:
    """Indices of the arguments to differentiate by; whether a single one is meant."""
    places, rest = bodies.places(f.program.functions, inner, len(args))
    if w.argnums is None:
        given = len(args) if w.given is None else w.given
        gathered = [rest] if rest is not None and given > len(places) else []
        return places[:given] + gathered, False
    params = bodies.argument_names(f.program.functions, inner, len(args))
    single = not isinstance(w.argnums, tuple)
    wanted = w.argnums if isinstance(w.argnums, tuple) else (w.argnums,)
    out: list[int] = []
    for a in wanted:
        if isinstance(a, str) and a in params:
            k = params.index(a)
        elif isinstance(a, int) and 0 <= a < len(places):
            k = places[a]
        elif isinstance(a, int) and rest is not None and a >= 0:
            raise f.error(
                "E09",
                f"argnums={w.argnums!r}, one of those that `*{params[rest]}` gathers",
                "they are one parameter",
                f"name it: `argnums={params[rest]!r}` gives a tuple",
            )
        else:
            raise f.error(
                "E09",
                f"argnums={w.argnums!r}",
                f"the parameters are ({', '.join(params)})",
                f"choose an index below {len(places)}, or one of these names",
            )
        if k in out:
            raise f.error(
                "E09",
                f"argnums={w.argnums!r}",
                f"it names the argument `{params[k]}` twice",
                "name each argument once",
            )
        out.append(k)
    if single and not carries(args[out[0]]):
        raise refused_argument(f, w.word, params[out[0]], args[out[0]])
    return out, single


def carries(t: T) -> bool:
    """Whether a value of this type holds a float that a derivative can be taken by."""
    return any(c is not None for c in cotangents(t))


def cotangents(t: T) -> list[Type | None]:
    """For each leaf of an argument its cotangent type; None for ints, and within functions."""
    if t.kind in STRUCTURES:
        return [c for k in t.kids for c in cotangents(k)]
    if t.kind == "sum":
        return [None, *[c for k in t.kids for c in cotangents(k)]]
    if t.kind in ("num", "array"):
        return [cotangent_type(x) for x in leaf_types(t)]
    if (
        t.kind == "boxed" and t.info[0] != "fn"
    ):  # of a cotangent the box that says what is where has none
        return [*[None] * (len(t.leaves) - 1), cotangent_type(t.leaves[-1])]
    return [None] * len(leaf_types(t))


def refused_argument(f: Frame, name: str, param: str, t: T) -> Exception:
    instead = "pass a float"
    if t.kind == "num":
        instead = "write 2.0 instead of 2: pass a float"
    return f.error(
        "E09",
        f"{name} by `{param}`, which is {describe(t)}",
        "a derivative is taken by floats and arrays of floats",
        instead,
    )


# ---- what a derivative runs ---------------------------------------------------------------------


def body(f: Frame, callee: AV, args: list[AV]) -> AV:
    """The body of an instance of a derivative."""
    w: Word = callee.info
    inner = callee.kids[0]
    if w.word == "jvp":
        return push(f, inner, args[0], args[1])
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
    inner, args = writes.opened(f, inner, args)
    t = instances.target(f, inner, args)
    instance = t.instance
    chosen, single = selected(f, w, inner, instance.key.args)
    wrt: list[str] = []
    for k in chosen:
        wrt += active(instance.names[k], instance.key.args[k])
    if not wrt:
        raise no_floats(f, w)
    returns(f, t)
    structures = [cotangent(instance.key.args[k]) for k in chosen]
    gathering = bodies.places(f.program.functions, inner, len(args))[1]
    if w.argnums is None and chosen[-1:] == [gathering]:
        structures[-1:] = structures[-1].kids  # as many entries as arguments
    results = structures[0] if single else T("tuple", None, tuple(structures))
    record = record_of(f, instance.name, tuple(wrt))
    types = [*instance.result_types(), Box(record)]
    out = derivative_op(f, "vjp", t, [], tuple(wrt), types, "pullback")
    value = instances.finished(f, t, iter(out[:-1]))
    primal = writes.without_writes(instance.result)
    value = writes.closed(f, value, mine)
    aux = NOTHING
    if w.has_aux:
        if value.kind != "tuple" or len(value.kids) != 2:
            raise f.error(
                "E09",
                f"has_aux of a function that returns {describe(typ(value))}",
                "it returns the value and the rest, as a pair",
                "return a tuple of two",
            )
        value, aux = value.kids
        primal = primal.kids[0]
    rest = tuple(instance.result_types()[len(leaf_types(primal)) :])
    given = iter(t.params)
    known = [build(k, given) for k in instance.key.args]
    tags = tuple([x for k in chosen for x in tags_of(known[k])])
    pullback = AV("pullback", Pull(record, primal, rest, results), tags, (out[-1],))
    return value, pullback, aux


def tags_of(a: AV) -> list[AV]:
    """What the cotangent of an argument has of the argument itself: tags, and boxes."""
    if cotangent(typ(a)) == NONE_T:
        return []
    if a.kind == "boxed":
        return [AV("leaf", None, (), a.leaves[:1])]
    own = [AV("leaf", None, (), a.leaves)] if a.kind == "sum" else []
    return own + [x for k in a.kids for x in tags_of(k)]


def no_floats(f: Frame, w: Word) -> Exception:
    return f.error(
        "E09",
        f"{w.word} of a function none of whose arguments holds a float",
        "a derivative is taken by floats and arrays of floats",
        "write 2.0 instead of 2: pass a float",
    )


def active(leaf_names: list[str], t: T) -> list[str]:
    """Names of the leaves of an argument that carry cotangents."""
    return [n for n, c in zip(leaf_names, cotangents(t), strict=True) if c is not None]


def returns(f: Frame, t: Target) -> None:
    """End the path at the call of a function that does not return: it has no derivative."""
    if t.instance.result is None:
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
        name, k = f"{fn}.pullback", 2
        while name in taken:
            name, k = f"{fn}.pullback.{k}", k + 1
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
    tags, cts = iter(pullback.kids), iter(out)
    leaves = [next(cts) if is_cotangent(x) else next(tags).leaves[0] for x in expected]
    return writes.entered(f, build(info.results, iter(leaves)), (), [])


# ---- forward mode -------------------------------------------------------------------------------


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
    args = calls.bind(f, inner, list(primals.kids), {}, all_by_place=True)
    mine = args
    inner, args = writes.opened(f, inner, args)
    tangents = writes.snapshot(f, tangents)
    t = instances.target(f, inner, args)
    returns(f, t)
    instance = t.instance
    wrt: list[str] = []
    moves: list[Operand] = []
    for k, a in enumerate(tangents.kids):
        leaves = seeds.tangent_leaves(f, a, args[k], instance.key.args[k])
        for name, x in zip(instance.names[k], leaves, strict=True):
            if x is not None:
                wrt.append(name)
                moves.append(x)
    kinds = instance.result_types()
    changes = [c for c in map(cotangent_type, kinds) if c is not None]
    out = derivative_op(f, "jvp", t, moves, tuple(wrt), [*kinds, *changes], "t.y")
    value = instances.finished(f, t, iter(out[: len(kinds)]))
    primal = writes.without_writes(instance.result)
    plain = value.kids[0] if value.kind == "tuple" and value.info is not None else value
    moved = writes.entered(f, seeds.tangent(primal, plain, iter(out[len(kinds) :])), (), [])
    return AV("tuple", None, (writes.closed(f, value, mine), moved))
