"""Lists, trees and expressions of the user's records as arguments, and derivatives by them."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import morula
from morula import api, grad, jit, jvp, vjp
from recursive_programs import (
    PROGRAMS,
    Add,
    Apply,
    Cons,
    Mul,
    Num,
    Tree,
    Var,
    cons,
    evaluated,
    recursed,
    walked,
)

CASES = pytest.mark.parametrize("name", PROGRAMS)


def parts(value: Any) -> list[Any] | None:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if dataclasses.is_dataclass(value):
        return [getattr(value, f.name) for f in dataclasses.fields(value)]
    return None


def mapped(go: Callable[[Any], Any], value: Any, keep: bool) -> Any:
    """A value with `go` of its floats; all else stays, or is None."""
    if isinstance(value, float) or isinstance(value, np.ndarray):
        return go(value)
    inner = parts(value)
    if inner is None:
        return value if keep else None
    made = [mapped(go, v, keep) for v in inner]
    if isinstance(value, dict):
        return dict(zip(value, made, strict=True))
    if type(value) is tuple:
        return tuple(made)
    return type(value)(*made)


def floats(value: Any) -> Iterator[Any]:
    if isinstance(value, float) or isinstance(value, np.ndarray):
        yield value
    for v in parts(value) or ():
        yield from floats(v)


def vector(value: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([np.atleast_1d(x) for x in floats(value)])


def direction(value: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)

    def go(x: Any) -> Any:
        return rng.uniform(-1.0, 1.0, len(x)) if isinstance(x, np.ndarray) else float(rng.uniform())

    return mapped(go, value, False)


def shifted(value: Any, by: Any, h: float) -> Any:
    left = floats(by)
    return mapped(lambda x: x + h * next(left), value, True)


def difference(f: Callable[..., Any], args: tuple[Any, ...], v: Any, h: float = 1e-3) -> float:
    def d(h: float) -> float:
        return float(f(*shifted(args, v, h)) - f(*shifted(args, v, -h))) / (2 * h)

    return (16 * (4 * d(h / 4) - d(h / 2)) - (4 * d(h / 2) - d(h))) / 45


def plain(name: str) -> Callable[..., Any]:
    """The program in CPython; one that differentiates, compiled."""
    f: Callable[..., Any] = PROGRAMS[name][0]
    return jit(f) if name in ("of_gradient", "descended", "along_itself") else f


@CASES
def test_value(name: str) -> None:
    f, args = PROGRAMS[name]
    got = jit(f)(*args)
    assert got == pytest.approx(plain(name)(*args), rel=1e-14)
    lowered = morula.lower(f, *args)
    for stage in ("ssa", "closed", "typed", "ad", "opt", "memory"):
        assert lowered.run(stage) == pytest.approx(got, rel=1e-14), stage


@CASES
def test_gradient(name: str) -> None:
    """By all arguments at once: against differences, forward mode, and each stage."""
    f, args = PROGRAMS[name]
    g = grad(f, tuple(range(len(args))))
    got = g(*args)
    assert mapped(lambda x: 0.0, got, False) == mapped(lambda x: 0.0, args, False)  # its structure
    for seed in range(3):
        v = direction(args, seed)
        along = float(vector(got) @ vector(v))
        assert along == pytest.approx(difference(plain(name), args, v), rel=1e-8, abs=1e-9)
        assert jvp(f, args, v)[1] == pytest.approx(along, rel=1e-12, abs=1e-13)
    lowered = morula.lower(g, *args)
    for stage in ("ssa", "typed", "ad", "opt", "memory"):
        assert vector(lowered.run(stage)) == pytest.approx(vector(got), rel=1e-10), stage


@CASES
def test_second_order(name: str) -> None:
    """Forward over reverse, reverse over forward and twice reverse, on one direction."""
    f, args = PROGRAMS[name]
    all_of = tuple(range(len(args)))
    v, w = direction(args, 1), direction(args, 2)
    fr = jvp(grad(f, all_of), args, v)[1]
    if len(args) == 1:
        rf = grad(lambda x, v: jvp(f, (x,), v)[1])(*args, v)
    else:
        rf = grad(lambda x, y, v: jvp(f, (x, y), v)[1], (0, 1))(*args, v)
    rr = vjp(grad(f, all_of), *args)[1](v)
    want = difference(lambda *xs: float(vector(grad(f, all_of)(*xs)) @ vector(v)), args, w)
    for got in (fr, rf, rr):
        assert float(vector(got) @ vector(w)) == pytest.approx(want, rel=1e-7, abs=1e-8)


@CASES
def test_check_grads(name: str) -> None:
    morula.check_grads(*PROGRAMS[name])


def test_check_grads_of_order_two_and_of_a_wrong_rule() -> None:
    morula.check_grads(recursed, (cons(0.5, 0.2, 0.7),), 2)
    morula.check_grads(walked, (cons(*[0.1 * math.sin(k) for k in range(3000)]),))

    @morula.custom_vjp
    def wrong(c: Any) -> Any:
        return walked(c)

    wrong.defvjp(lambda c: (walked(c), c), lambda c, ct: (vjp(walked, c)[1](1.01 * ct)[0],))
    with pytest.raises(AssertionError, match="vjp of f gives"):
        morula.check_grads(wrong, (cons(0.5, 0.2),), modes="rev")


def sines(c: Any) -> Any:
    return None if c is None else Cons(math.sin(c.head), sines(c.tail))


def test_custom_rules_over_lists() -> None:
    """Rules that say what is so, of a number and of a list, in both modes to order two."""
    pushed = morula.custom_jvp(recursed, lambda p, t: jvp(recursed, p, t))
    mapped = morula.custom_jvp(sines, lambda p, t: jvp(sines, p, t))
    pulled = morula.custom_vjp(
        sines, lambda c: (sines(c), c), lambda c, ct: (vjp(sines, c)[1](ct)[0],)
    )
    c = cons(0.5, 0.2, 0.7)
    morula.check_grads(lambda c: pushed(mapped(c)) * pushed(c), (c,), 2)
    morula.check_grads(lambda c: recursed(pulled(c)), (c,), 2, "rev")
    lowered = morula.lower(grad(lambda c: pushed(mapped(c))), c)
    for stage in ("ssa", "typed", "ad", "opt", "memory"):
        want = grad(lambda c: recursed(sines(c)))(c)
        assert vector(lowered.run(stage)) == pytest.approx(vector(want), rel=1e-12), stage


def test_forward_over_a_rule_whose_fwd_calls_the_function() -> None:
    @morula.custom_vjp
    def ruled(c: Any) -> Any:
        return sines(c)

    ruled.defvjp(lambda c: (ruled(c), c), lambda c, ct: (vjp(sines, c)[1](ct)[0],))
    c = cons(0.5, 0.2, 0.7)
    got = jvp(grad(lambda c: recursed(ruled(c))), (c,), (c,))[1]
    want = jvp(grad(lambda c: recursed(sines(c))), (c,), (c,))[1]
    assert vector(got) == pytest.approx(vector(want), rel=1e-12)


def test_linearize_of_a_list() -> None:
    c, v = cons(0.5, 0.2, 0.7), cons(1.0, -2.0, 0.3)
    y, push = morula.linearize(sines, c)
    assert vector(push(v)) == pytest.approx(vector(jvp(sines, (c,), (v,))[1]), rel=1e-14)
    assert vector(y) == pytest.approx(vector(sines(c)))
    morula.check_grads(lambda c: recursed(morula.linearize(sines, c)[1](sines(c))), (c,), 2)


def test_one_program_for_all_shapes() -> None:
    before = len(set(map(id, api._programs.values())))
    f = jit(lambda c: walked(c))
    for n in range(1, 12):
        values = tuple(0.1 * k for k in range(n))
        assert f(cons(*values)) == pytest.approx(walked(cons(*values)))
    assert len(set(map(id, api._programs.values()))) <= before + 2


def some_expression(rng: random.Random, depth: int) -> Any:
    k = rng.randrange(5) if depth else rng.randrange(2)
    if k < 2:
        return Num(rng.uniform(-1.0, 1.0)) if k else Var("x")
    if k == 4:
        return Apply(rng.choice(["sin", "exp"]), some_expression(rng, depth - 1))
    kind = Add if k == 2 else Mul
    return kind(some_expression(rng, depth - 1), some_expression(rng, depth - 1))


def test_random_expressions() -> None:
    """Alternatives that come later widen the program that is there."""
    rng = random.Random(7)
    by_x, by_e = grad(evaluated, 1), grad(evaluated, (0, 1))
    before = len(set(map(id, api._programs.values())))
    for _ in range(40):
        e, x = some_expression(rng, 5), rng.uniform(-1.0, 1.0)
        assert jit(evaluated)(e, x) == pytest.approx(evaluated(e, x), rel=1e-13)
        want = difference(lambda x, e=e: evaluated(e, x), (x,), (1.0,))
        assert by_x(e, x) == pytest.approx(want, rel=1e-7, abs=1e-8)
        if any(True for _ in floats(e)):
            v = direction((e, x), 3)
            want = difference(evaluated, (e, x), v)
            assert float(vector(by_e(e, x)) @ vector(v)) == pytest.approx(want, rel=1e-7, abs=1e-8)
    assert len(set(map(id, api._programs.values()))) < before + 60


def test_pullbacks_take_and_give_lists() -> None:
    def scaled(c: Any, x: Any) -> Any:
        return None if c is None else Cons(c.head * x, scaled(c.tail, x * x))

    y, pullback = vjp(scaled, cons(1.0, 2.0, 3.0), 2.0)
    assert y == cons(2.0, 8.0, 48.0)
    # by the list x, x^2, x^4; by x the sum of 1 * 1, 2 * 2x, 3 * 4x^3
    assert pullback(cons(1.0, 1.0, 1.0)) == (cons(2.0, 4.0, 16.0), 1.0 + 8.0 + 96.0)
    assert pullback(Cons(1.0, None)) == (cons(2.0, 0.0, 0.0), 1.0)  # what is missing is zero
    with pytest.raises(morula.Error, match="pass a Cons"):
        pullback(Tree(1.0, ()))


def test_a_node_in_two_places_is_two_arguments() -> None:
    leaf = Num(3.0)
    both = Mul(leaf, Add(leaf, Mul(Num(1.0), Var("x"))))
    g = grad(evaluated)(both, 2.0)
    assert g == Mul(Num(5.0), Add(Num(3.0), Mul(Num(6.0), Var(None))))


def test_shared_arguments() -> None:
    c = cons(1.0, 2.0)
    by_a, by_b = grad(lambda a, b: walked(a) + 2.0 * walked(b), (0, 1))(c, c)
    assert by_b == Cons(2 * by_a.head, Cons(2 * by_a.tail.head, None))


def test_long_lists() -> None:
    n = 30_000
    c = cons(*([0.5] * n))
    assert jit(walked)(c) == pytest.approx(walked(c), rel=1e-9)
    g = grad(walked)(c)
    for k in range(3):
        assert g.head == pytest.approx(3 * 0.25 * (1.0 + 0.5 * k))
        g = g.tail
    for f in (recursed, grad(recursed)):
        try:
            f = jit(f) if f is recursed else f
            f(c)
        except RecursionError:
            pass


def test_what_has_no_end() -> None:
    t = Tree(1.0, ())
    t.kids = (t,)
    with pytest.raises(morula.Error, match="among its own parts"):
        jit(lambda t: t.size)(t)


def test_fields_of_one_kind() -> None:
    bad = Cons(1.0, Cons(np.ones(2), None))
    with pytest.raises(morula.Error, match="a number and an array in one field"):
        jit(walked)(bad)


def test_no_jacobian_of_what_has_no_size() -> None:
    with pytest.raises(morula.Error, match="at run time only"):
        morula.jacfwd(walked)(cons(1.0, 2.0))


@dataclasses.dataclass
class Link:
    value: Any
    rest: Any = None


def doubled(c: Any) -> Any:
    c.value = 2.0 * c.value
    return c.value


def doubled_all(x: Any, n: Any) -> Any:
    c = None
    for i in range(n):
        c = Link(x * i, c)
    while c is not None:
        c.value = c.value * 2.0
        c = c.rest
    return x


def test_what_holds_its_own_class_is_not_written() -> None:
    for f, args in ((doubled, (Link(1.0, Link(2.0)),)), (doubled_all, (1.0, 3))):
        with pytest.raises(morula.Error, match="make a new one") as caught:
            jit(f)(*args)
        assert caught.value.code == "E11"


def test_equality_of_lists_is_refused() -> None:
    with pytest.raises(morula.Error, match="walks both"):
        jit(lambda a, b: a == b)(cons(1.0, 2.0), cons(1.0, 2.0))
    assert jit(lambda a: a is None)(cons(1.0, 2.0)) is False
