"""Words that are made of other words: `jacfwd`, `jacrev`, `hessian`, `hvp`, `linearize`; and
`stop_gradient`.

    hessian(f)               jacfwd(jacrev(f))
    hvp(f, xs, vs)           jvp(grad(f), xs, vs)[1]
    linearize(f, *xs)        y, pullback = vjp(f, *xs); the pushforward is pullback's own pullback

Structure is JAX's: the Jacobian has the structure of the result, and in each place where a float
stands that of the arguments.  `jacrev` pulls once for each float of the result, `jacfwd` pushes
once for each float of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Operand
from ...ir.types import F64
from . import builtins, calls, derivatives, ndarray, selection, sums, views
from .values import (
    AV,
    F64_T,
    NOTHING,
    STRUCTURES,
    Pull,
    T,
    Word,
    cotangent,
    describe,
    number,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame
    from .selection import Chosen

NO_MATRIX = "a derivative of an array by an array is a matrix, which the language does not hold"


# ---- the words ----------------------------------------------------------------------------------


def hessian(fn: AV, argnums: Any) -> AV:
    """Forward over reverse: H[i][j] for argnums i and j."""
    rows = AV("derivative", Word("jacrev", argnums), (fn,))
    return AV("derivative", Word("jacfwd", argnums), (rows,))


def hvp(f: Frame, fn: AV, args: list[AV], kw: dict[str, AV]) -> AV:
    """The Hessian times a vector: the tangent of the gradient, one entry for each primal."""
    builtins.plain(f, "hvp", args, kw, 2, 2)
    count = len(args[0].kids) if args[0].kind == "tuple" else 1
    gradient = AV("derivative", Word("grad", tuple(range(count))), (fn,))
    pair = calls.call(f, AV("derivative", Word("jvp", None), (gradient,)), args, {})
    return pair.kids[1]


def linearize(f: Frame, fn: AV, args: list[AV], kw: dict[str, AV]) -> AV:
    """(y, pushforward).  A pullback is linear, so its own pullback is its transpose, at any point:
    at zero, and where the result is a list or tree at itself, as None would end the walk.
    """
    word = Word("vjp", None, False, len(args))
    pair = calls.call(f, AV("derivative", word, (fn,)), args, kw)
    y, pullback = pair.kids
    at = seeded(f, y, lambda _: 0.0)
    word = Word("vjp", 0, False, 1)
    push = calls.call(f, AV("derivative", word, (pullback,)), [at], {}).kids[1]
    info: Pull = push.info
    pushforward = AV("pullback", info._replace(spread=True), push.kids, push.leaves)
    return AV("tuple", None, (y, pushforward))


# ---- Jacobians ----------------------------------------------------------------------------------


def body(f: Frame, w: Word, inner: AV, args: list[AV]) -> AV:
    """The body of an instance of `jacfwd` or `jacrev`."""
    return forward(f, w, inner, args) if w.word == "jacfwd" else backward(f, w, inner, args)


def backward(f: Frame, w: Word, inner: AV, args: list[AV]) -> AV:
    """One pull for each float of the result."""
    value, pullback, _ = derivatives.reverse(f, w, inner, args)
    demand_float(f, w, value)
    count = 0

    def row(a: AV) -> AV:
        nonlocal count
        if a.kind in STRUCTURES:
            return AV(a.kind, a.info, tuple([row(k) for k in a.kids]))
        if a.kind == "sum":
            return sums.dispatch(f, a, row, sums.not_callable)
        if cotangent(typ(a)) != F64_T:
            return NOTHING
        place = count
        count += 1
        seed = seeded(f, value, lambda k: 1.0 if k == place else 0.0)
        return derivatives.pulled(f, pullback, seed)

    refuse_arrays(f, value, "jacrev", "result", "use jacfwd for derivatives by numbers")
    return row(value)


def forward(f: Frame, w: Word, inner: AV, args: list[AV]) -> AV:
    """One push for each float of the arguments."""
    types = tuple([typ(a) for a in args])
    chosen, single = selection.selected(f, w, inner, types)
    for c in chosen:
        instead = "use jacrev for derivatives of numbers, hvp for second ones"
        refuse_arrays(f, c.of(args), "jacfwd", "argument", instead)
    count = sum(floats(c.of(args)) for c in chosen)
    if not count:
        raise derivatives.no_floats(f, w)
    columns = []
    for place in range(count):
        tangents = list(unit(args, chosen, place))
        value, column = derivatives.along(f, inner, args, tangents).kids
        demand_float(f, w, value)
        columns.append(column)
    wanted = [c.of(types) for c in chosen]
    return assembled(columns, lambda leaves: rows(wanted, single, leaves))


def unit(args: Sequence[AV], chosen: Sequence[Chosen], place: int) -> Iterator[AV]:
    """Tangents of all arguments: 1.0 for one float, None for the rest."""
    left = [place]

    def part(a: AV) -> AV:
        if a.kind in STRUCTURES:
            return AV(a.kind, a.info, tuple([part(k) for k in a.kids]))
        if cotangent(typ(a)) == F64_T:
            left[0] -= 1
            if left[0] == -1:
                return number(Literal(1.0, F64))
        return NOTHING

    parts = {(c.arg, c.part): part(c.of(args)) for c in chosen}
    for k, a in enumerate(args):
        if any((k, n) in parts for n in range(len(a.kids))):
            kids = [parts.get((k, n), still(kid)) for n, kid in enumerate(a.kids)]
            yield AV(a.kind, a.info, tuple(kids))
        else:
            yield parts.get((k, None), still(a))


def still(a: AV) -> AV:
    """The tangent of an argument that stays."""
    if a.kind in STRUCTURES:
        return AV(a.kind, a.info, tuple([still(k) for k in a.kids]))
    return NOTHING


def assembled(columns: list[AV], leaf: Callable[[list[AV]], AV]) -> AV:
    """The structure of the result, with what `leaf` makes of its tangents in each place."""
    first = columns[0]
    if first.kind in STRUCTURES:
        kids = [assembled(list(c), leaf) for c in zip(*(c.kids for c in columns), strict=True)]
        return AV(first.kind, first.info, tuple(kids))
    return NOTHING if first.kind == "const" else leaf(columns)


def rows(types: Sequence[T], single: bool, columns: list[AV]) -> AV:
    """The structure of the arguments, with a derivative where a float stands."""
    left = iter(columns)

    def part(t: T) -> AV:
        if t.kind in STRUCTURES:
            return AV(t.kind, t.info, tuple([part(k) for k in t.kids]))
        return next(left) if cotangent(t) == F64_T else NOTHING

    parts = [part(t) for t in types]
    return parts[0] if single else AV("tuple", None, tuple(parts))


def floats(a: AV) -> int:
    if a.kind in STRUCTURES:
        return sum(map(floats, a.kids))
    return int(cotangent(typ(a)) == F64_T)


def seeded(f: Frame, a: AV, value: Callable[[int], float]) -> AV:
    """A cotangent of a value: `value` says what the k-th float gets; arrays get zeros, a list or
    tree itself."""
    count = 0

    def part(a: AV) -> AV:
        nonlocal count
        if a.kind in STRUCTURES or a.kind == "sum":
            return AV(a.kind, a.info, tuple([part(k) for k in a.kids]), a.leaves)
        if a.kind == "boxed":
            return a
        c = cotangent(typ(a))
        if c == F64_T:
            count += 1
            return number(Literal(value(count - 1), F64))
        if c.kind == "array":
            return ndarray.zeros(f, views.shape(f, a), F64)
        return NOTHING

    return part(a)


def refuse_arrays(f: Frame, a: AV, word: str, what: str, instead: str) -> None:
    one_of = a.kind == "sum" and what == "argument" and selection.carries(typ(a))
    if a.kind == "boxed" or one_of:
        found = f"{word} of a function with {describe(typ(a))} as {what}"
        why = "how many floats it holds is known at run time only"
        raise f.error("E09", found, why, "use grad, jvp or hvp")
    if a.kind in STRUCTURES:
        for k in a.kids:
            refuse_arrays(f, k, word, what, instead)
    elif a.kind == "array":
        raise f.error("E09", f"{word} of a function with an array as {what}", NO_MATRIX, instead)


def demand_float(f: Frame, w: Word, value: AV) -> None:
    if not selection.carries(typ(value)):
        raise f.error(
            "E09",
            f"{w.word} of a function that returns {describe(typ(value))}",
            "a Jacobian holds derivatives of floats",
            "return a float, or a tuple of them",
        )


# ---- stop_gradient ------------------------------------------------------------------------------


def stop_gradient(f: Frame, args: list[AV], kw: dict[str, AV]) -> AV:
    """The value itself, of which nothing is differentiated."""
    builtins.plain(f, "stop_gradient", args, kw, 1, 1)
    return stopped(f, args[0])


def stopped(f: Frame, a: AV) -> AV:
    if a.kind in STRUCTURES:
        return AV(a.kind, a.info, tuple([stopped(f, k) for k in a.kids]))
    if not selection.carries(typ(a)) and a.kind in ("num", "const", "name", "array"):
        return a
    if a.kind == "num":
        return number(stop(f, a.leaves[0]))
    if views.is_array(f, a):
        return ndarray.elementwise(f, AV("name", "morula.stop_gradient"), (a,))
    if a.kind in ("fn", "derivative"):  # what a function captures
        return AV(a.kind, a.info, tuple([stopped(f, k) for k in a.kids]), a.leaves)
    raise f.error(
        "E09",
        f"stop_gradient of {describe(typ(a))}",
        "it takes floats, arrays of floats, and tuples and records of those",
        "stop the gradient of the numbers in it",
    )


def stop(f: Frame, x: Operand) -> Operand:
    return x if isinstance(x, Literal) else f.emit("stop_gradient", [x], [F64])
