"""Words that are made of other words: `jacfwd`, `jacrev`, `hessian`, `hvp`, `linearize`; and
`stop_gradient`.

    hessian(f)               jacfwd(jacrev(f))
    hvp(f, xs, vs)           jvp(grad(f), xs, vs)[1]
    linearize(f, *xs)        y, pullback = vjp(f, *xs); the pushforward is pullback's own pullback

Structure is JAX's: the Jacobian has the structure of the result, and in each place where a float
or an array stands that of the arguments; the derivative of an array y by an array x has the shape
y.shape + x.shape.  `jacrev` pulls once for each float of the result, `jacfwd` pushes once for each
float of the arguments, in loops over the elements of arrays.  A pass over the function pushes
several tangents: it is as fast as one where the primal is what takes the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Operand
from ...ir.types import C128, F32, F64, Array
from ..prelude import matrices
from . import builtins, calls, derivatives, ndarray, selection, shapes, sums, views, writes
from .values import (
    AV,
    F64_T,
    NONE_T,
    NOTHING,
    STRUCTURES,
    Pull,
    Word,
    cotangent,
    describe,
    narrow_of,
    number,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame
    from .selection import Chosen

LANES = 4  # tangents that one pass over a function pushes

# ---- the words ----------------------------------------------------------------------------------


def hessian(fn: AV, argnums: Any, has_aux: bool = False) -> AV:
    """Forward over reverse: H[i][j] for argnums i and j."""
    rows = AV("derivative", Word("jacrev", argnums, has_aux), (fn,))
    return AV("derivative", Word("jacfwd", argnums, has_aux), (rows,))


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
    at = seeded(f, y, lambda _: None)
    word = Word("vjp", 0, False, 1)
    push = calls.call(f, AV("derivative", word, (pullback,)), [at], {}).kids[1]
    info: Pull = push.info
    pushforward = AV("pullback", info._replace(spread=True), push.kids, push.leaves)
    return AV("tuple", None, (y, pushforward))


# ---- Jacobians ----------------------------------------------------------------------------------


def body(f: Frame, w: Word, inner: AV, args: list[AV]) -> AV:
    """The body of an instance of `jacfwd` or `jacrev`."""
    made = forward if w.word == "jacfwd" else backward
    jacobian, aux = made(f, w, inner, args)
    return AV("tuple", None, (jacobian, aux)) if w.has_aux else jacobian


def backward(f: Frame, w: Word, inner: AV, args: list[AV]) -> tuple[AV, AV]:
    """One pull for each float of the result; for the elements of an array, in a loop."""
    shots = [writes.snapshot(f, a) for a in args]
    value, pullback, aux = derivatives.reverse(f, w, inner, args)
    value = writes.snapshot(f, value)
    demand_float(f, w, value)
    refuse_others(f, value, "jacrev", "result")
    chosen, single = selection.selected(f, w, inner, tuple(map(typ, shots)))
    wanted = [c.of(shots) for c in chosen]
    count = 0

    def row(a: AV) -> AV:
        nonlocal count
        if a.kind in STRUCTURES:
            return AV(a.kind, a.info, tuple([row(k) for k in a.kids]))
        if a.kind == "sum":
            return sums.dispatch(f, a, row, sums.not_callable)
        if not is_moving(a):
            return NOTHING
        place = count
        count += 1
        if a.kind == "num":
            return derivatives.pulled(f, pullback, seeded(f, value, unit_of(place)))
        xs = [x for v in wanted for x in moving(v)]
        outs = [buffer(f, [a, x]) for x in xs]
        pull = AV("row", place, (pullback, value))
        ndarray.run(f, matrices.rows, pull, a, matrix(f, outs, [a] * len(xs), xs))
        return nested(wanted, single, [ndarray.filled(f, out) for out in outs])

    return row(value), aux


def forward(f: Frame, w: Word, inner: AV, args: list[AV]) -> tuple[AV, AV]:
    """One push for each float of the arguments; for the elements of an array, in a loop, several in
    one pass.
    """
    shots = [writes.snapshot(f, a) for a in args]
    chosen, single = selection.selected(f, w, inner, tuple(map(typ, shots)))
    wanted = [c.of(shots) for c in chosen]
    for a in wanted:
        refuse_others(f, a, "jacfwd", "argument")
    xs = [x for a in wanted for x in moving(a)]
    if not xs:
        raise derivatives.no_floats(f, w)
    value, aux = derivatives.with_aux(f, w, calls.direct(f, inner, args))
    value = writes.snapshot(f, value)
    refuse_others(f, value, "jacfwd", "result")
    demand_float(f, w, value)
    ys = moving(value)
    blocks: list[list[AV]] = [[] for _ in ys]  # by result, then by argument
    for place, x in enumerate(xs):
        push = AV("column", (w, place), (inner, *shots))
        if x.kind == "num":
            column = called(f, push, [number(Literal(1.0, F64))]).kids[0].kids
        else:
            outs = [buffer(f, [y, x]) for y in ys]
            size = [ndarray.product(f, views.shape(f, x))]
            units = [ndarray.owned(f, ndarray.zeros(f, size, F64)) for _ in range(lanes(inner))]
            into = matrix(f, outs, ys, [x] * len(ys))
            ndarray.run(f, matrices.columns, push, x, into, AV("tuple", None, tuple(units)))
            column = tuple([ndarray.filled(f, out) for out in outs])
        for block, part in zip(blocks, column, strict=True):
            block.append(part)
    left = iter(blocks)
    return filled(value, lambda: nested(wanted, single, next(left))), aux


def called(f: Frame, callee: AV, args: list[AV]) -> AV:
    """Columns by tangents of one argument, one in each lane, or a row by the cotangent of one
    result.
    """
    given = [writes.snapshot(f, a) for a in args]
    if callee.kind == "row":
        (seed,) = given
        pullback, value = callee.kids
        found = derivatives.pulled(f, pullback, seeded(f, value, unit_of(callee.info, seed)))
        return AV("tuple", None, tuple(moving(writes.snapshot(f, found))))
    w, place = callee.info
    inner, *shots = callee.kids
    chosen, _ = selection.selected(f, w, inner, tuple(map(typ, shots)))
    mine = [writes.entered(f, a, (), []) for a in shots]  # which the function may write
    lanes = [list(unit(shots, chosen, place, seed)) for seed in given]
    _, *moved = derivatives.along(f, inner, mine, *lanes).kids
    out: list[AV] = []
    for a in moved:
        a, _ = derivatives.with_aux(f, w, a)
        out.append(AV("tuple", None, tuple(moving(writes.snapshot(f, a)))))
    return AV("tuple", None, tuple(out))


def lanes(inner: AV) -> int:
    """How many tangents go in one pass: fewer through derivatives, whose code is long already."""
    orders = 0
    while inner.kind == "derivative":
        inner, orders = inner.kids[0], orders + 1
    return max(1, LANES >> orders)


def is_moving(a: AV) -> bool:
    """A float, an array of floats, or one of several values that may be such."""
    return a.kind in ("num", "array", "sum") and cotangent(typ(a)) != NONE_T


def moving(a: AV) -> list[AV]:
    """The floats and arrays of floats in a plain structure, in order; what is one of several."""
    if a.kind in STRUCTURES:
        return [x for k in a.kids for x in moving(k)]
    return [a] if is_moving(a) else []


def filled(a: AV, part: Callable[[], AV]) -> AV:
    """A plain structure, `part()` in place of each of these, None in place of all else."""
    if a.kind in STRUCTURES:
        return AV(a.kind, a.info, tuple([filled(k, part) for k in a.kids]))
    return part() if is_moving(a) else NOTHING


def nested(wanted: Sequence[AV], single: bool, parts: Sequence[AV]) -> AV:
    """The structure of the arguments, with a derivative where a float or an array stands."""
    left = iter(parts)
    made = [filled(a, lambda: next(left)) for a in wanted]
    return made[0] if single else AV("tuple", None, tuple(made))


def buffer(f: Frame, parts: Sequence[AV]) -> AV:
    """Zeros of the shapes of these, one after the other; a number has none."""
    if any(a.kind == "sum" for a in parts):
        raise f.error(
            "E09",
            "a Jacobian by or of an array, beside a value that is one of several",
            "its rows are stacked, and those of several kinds are not",
            "return None, or take it, in a function of its own",
        )
    shape = [n for a in parts if a.kind == "array" for n in views.shape(f, a)]
    elem = F32 if any(narrow_of(v.type) for a in parts for v in a.leaves) else F64
    return ndarray.owned(f, ndarray.zeros(f, shape, elem))


def matrix(f: Frame, outs: Sequence[AV], ys: Sequence[AV], xs: Sequence[AV]) -> AV:
    """These buffers, as matrices with an axis for a result and one for an argument."""
    made: list[AV] = []
    for out, y, x in zip(outs, ys, xs, strict=True):
        sides = [ndarray.product(f, views.shape(f, a)) for a in (y, x) if a.kind == "array"]
        made.append(shapes.reshaped(f, out, sides))
    return AV("tuple", None, tuple(made))


def unit(args: Sequence[AV], chosen: Sequence[Chosen], place: int, seed: AV) -> Iterator[AV]:
    """Tangents of all arguments: `seed` for one float or array, None for the rest."""
    left = [place]

    def one() -> AV:
        left[0] -= 1
        return seed if left[0] == -1 else NOTHING

    parts = {(c.arg, c.part): filled(c.of(args), one) for c in chosen}
    for k, a in enumerate(args):
        if any((k, n) in parts for n in range(len(a.kids))):
            kids = [parts.get((k, n), still(kid)) for n, kid in enumerate(a.kids)]
            yield AV(a.kind, a.info, tuple(kids))
        else:
            yield parts.get((k, None), still(a))


def still(a: AV) -> AV:
    """The tangent of an argument that stays."""
    return filled(a, lambda: NOTHING)


def unit_of(place: int, seed: AV | None = None) -> Callable[[int], AV | None]:
    """What the parts of a cotangent get: 1.0, or `seed`, at a place, zeros elsewhere."""
    one = seed or number(Literal(1.0, F64))
    return lambda k: one if k == place else None


def seeded(f: Frame, a: AV, value: Callable[[int], AV | None]) -> AV:
    """A cotangent of a value: `value` says what the k-th float or array gets, None for zeros; a
    list or tree gets itself."""
    count = 0

    def part(a: AV) -> AV:
        nonlocal count
        if a.kind in STRUCTURES or a.kind == "sum":
            return AV(a.kind, a.info, tuple([part(k) for k in a.kids]), a.leaves)
        if a.kind == "boxed":
            return a
        c = cotangent(typ(a))
        if c == NONE_T:
            return NOTHING
        given = value(count)
        count += 1
        if given is not None:
            return given
        if c == F64_T:
            return number(Literal(0.0, F64))
        return ndarray.zeros(f, views.shape(f, a), F64)

    return part(a)


def refuse_others(f: Frame, a: AV, word: str, what: str) -> None:
    """A Jacobian is one of real numbers, of which compiling knows how many structures there are."""
    leaf = a.leaves[0].type if a.kind in ("num", "array") else None
    if C128 in (leaf, leaf.elem if isinstance(leaf, Array) else None):
        found = f"{word} of a function with complex numbers as {what}"
        why = "a function of them has a derivative in each direction of the plane"
        raise f.error("E09", found, why, "use grad, vjp or jvp, or take both parts apart")
    one_of = a.kind == "sum" and what == "argument" and selection.carries(typ(a))
    if a.kind in ("boxed", "vector", "inner") or one_of:
        found = f"{word} of a function with {describe(typ(a))} as {what}"
        why = "how many floats it holds is known at run time only"
        raise f.error("E09", found, why, "use grad, jvp or hvp")
    for k in a.kids if a.kind in STRUCTURES else ():
        refuse_others(f, k, word, what)


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
