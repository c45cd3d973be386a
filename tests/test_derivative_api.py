"""The words around grad: Jacobians, Hessian products, linearize, stop_gradient, custom rules,
check_grads, has_aux, and the interpreter in place of native code.

Each word is used in Python and inside compiled functions, and nested with grad in both orders.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import morula
from morula import (
    check_grads,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
)

STAGES = ("ssa", "closed", "typed", "ad", "opt", "memory")


def f(x: Any, y: Any) -> Any:
    return x * x * y + math.sin(y)


def pair(x: Any, y: Any) -> Any:
    return x * y, (x + math.cos(y), 3)


def cubes(x: Any) -> Any:
    s = 0.0
    for v in x:
        s += v * v * v
    return s


def on_every_stage(g: Any, *args: Any) -> Any:
    """The value of a callable, which all stages agree on."""
    y = g(*args)
    lowered = morula.lower(g, *args)
    for stage in STAGES:
        assert close(lowered.run(stage), y), stage
    return y


def close(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(close, a, b))
    if a is None or b is None:
        return a is b
    if isinstance(a, Point):
        return bool(a == b)
    return bool(np.allclose(a, b, rtol=1e-12, atol=1e-12))


# ---- Jacobians ---------------------------------------------------------------------------------


@pytest.mark.parametrize("jacobian", [jacfwd, jacrev])
def test_jacobians(jacobian: Any) -> None:
    x, y = 2.0, 3.0
    dx, dy = 2.0 * x * y, x * x + math.cos(y)
    assert close(on_every_stage(jacobian(f), x, y), dx)
    assert close(jacobian(f, argnums=(0, 1))(x, y), (dx, dy))
    assert close(jacobian(f, argnums="y")(x, y), dy)
    assert close(jacobian(f, argnums=-1)(x, y), dy)
    wanted = ((y, x), ((1.0, -math.sin(y)), None))
    assert close(on_every_stage(jacobian(pair, (0, 1)), x, y), wanted)


def nested(p: Any, n: Any) -> Any:
    (a, b), c = p
    s = a
    for _ in range(n):
        s = s * b + c
    return s, n, a * c


def test_jacobians_of_nested_arguments() -> None:
    p = ((1.5, 0.5), 2.0)
    by_forward, by_reverse = jacfwd(nested)(p, 3), jacrev(nested)(p, 3)
    assert close(by_forward, by_reverse)
    assert close(by_reverse[2], ((2.0, 0.0), 1.5)) and by_reverse[1] is None
    assert jacfwd(nested, (0, 1))(p, 3)[0][1] is None


def test_jacobians_with_arrays() -> None:
    x = np.array([1.0, 2.0])
    assert close(jacrev(cubes)(x), np.array([3.0, 12.0]))
    assert close(jacfwd(cubes)(x), np.array([3.0, 12.0]))
    with pytest.raises(morula.Error, match="E09"):
        jacfwd(lambda x, n: n)(1.0, 2)


def test_hessian() -> None:
    x, y = 2.0, 3.0
    assert close(on_every_stage(hessian(f), x, y), 2.0 * y)
    wanted = ((2.0 * y, 2.0 * x), (2.0 * x, -math.sin(y)))
    assert close(on_every_stage(hessian(f, (0, 1)), x, y), wanted)
    assert close(hessian(f, ("x", "y"))(x, y), wanted)
    assert close(jacrev(jacfwd(f, (0, 1)), (0, 1))(x, y), wanted)
    assert close(hessian(pair, (0, 1))(x, y)[0], ((0.0, 1.0), (1.0, 0.0)))


def uses_hessian(x: Any, y: Any) -> Any:
    h = hessian(f, argnums=(0, 1))(x, y)
    return h[0][0] * h[1][1] - h[0][1] * h[1][0] + jacfwd(jacrev(f))(x, y)


def test_hessian_inside() -> None:
    x, y = 2.0, 3.0

    def by_hand(x: float, y: float) -> float:
        return -2.0 * y * math.sin(y) - 4.0 * x * x + 2.0 * y

    assert close(on_every_stage(jit(uses_hessian), x, y), by_hand(x, y))
    assert close(on_every_stage(grad(uses_hessian), x, y), -8.0 * x)
    assert close(jvp(grad(uses_hessian), (x, y), (1.0, 0.0))[1], -8.0)
    check_grads(uses_hessian, (x, y), 2)


MADE_OUTSIDE = hessian(f, argnums=1)


def test_words_made_outside() -> None:
    def g(x: Any, y: Any) -> Any:
        return MADE_OUTSIDE(x, y) * x

    assert close(jit(g)(2.0, 3.0), -2.0 * math.sin(3.0))
    assert close(grad(g, 1)(2.0, 3.0), -2.0 * math.cos(3.0))


# ---- hvp, linearize ----------------------------------------------------------------------------


def test_hvp() -> None:
    x, y = 2.0, 3.0
    got = on_every_stage(jit(lambda x, y: hvp(f, (x, y), (1.0, 0.5))), x, y)
    wanted = (2.0 * y + x, 2.0 * x - 0.5 * math.sin(y))
    assert close(got, wanted) and close(hvp(f, (x, y), (1.0, 0.5)), wanted)
    a = np.array([1.0, 2.0])
    assert close(hvp(cubes, (a,), (a,)), (np.array([6.0, 24.0]),))
    with pytest.raises(TypeError, match="2 primals and 1 tangents"):
        hvp(f, (x, y), (1.0,))


def test_hvp_is_differentiable() -> None:
    def g(x: Any, y: Any) -> Any:
        return hvp(f, (x, y), (1.0, 0.0))[0] * y

    assert close(grad(g, 1)(2.0, 3.0), 12.0)
    check_grads(g, (2.0, 3.0), 2)


def test_linearize() -> None:
    x, y = 2.0, 3.0
    value, push = linearize(f, x, y)
    assert close(value, f(x, y))
    assert repr(push) == "<pushforward of f>"
    for t in ((1.0, 0.0), (0.0, 1.0), (0.3, -2.0)):
        assert close(push(*t), jvp(f, (x, y), t)[1])
    a = np.array([1.0, 2.0])
    assert close(linearize(cubes, a)[1](a), 27.0)
    assert close(linearize(pair, x, y)[1](1.0, 0.0), (y, (1.0, None)))
    with pytest.raises(morula.Error, match="E09"):
        push(1.0)


def test_linearize_of_a_gradient_on_every_stage() -> None:
    def slope(x: Any) -> Any:
        return grad(lambda v: math.sin(v) * v)(x) * x

    got = on_every_stage(jit(lambda x: linearize(slope, x)[1](x)), 0.7)
    assert close(got, 0.7 * grad(slope)(0.7))


def pushes(x: Any, n: Any) -> Any:
    y, push = linearize(lambda a, b: a * a * b, x, x + 1.0)
    s = y
    for _ in range(n):
        s = s + push(s, 1.0)
    return s


def test_linearize_inside() -> None:
    x, n = 0.3, 3
    s = x * x * (x + 1.0)
    for _ in range(n):
        s = s + 2.0 * x * (x + 1.0) * s + x * x
    assert close(on_every_stage(jit(pushes), x, n), s)
    on_every_stage(grad(pushes), x, n)
    check_grads(pushes, (x, n), 2)


# ---- has_aux -----------------------------------------------------------------------------------


def with_aux(x: Any, y: Any) -> Any:
    return x * y, (x, y * 2.0, 7)


def test_has_aux() -> None:
    aux = (2.0, 6.0, 7)
    assert on_every_stage(grad(with_aux, has_aux=True), 2.0, 3.0) == (3.0, aux)
    got = value_and_grad(with_aux, (0, 1), has_aux=True)(2.0, 3.0)
    assert got == ((6.0, aux), (3.0, 2.0))
    y, pullback, more = vjp(with_aux, 2.0, 3.0, has_aux=True)
    assert (y, more) == (6.0, aux) and pullback(2.0) == (6.0, 4.0)
    with pytest.raises(morula.Error, match="E09.*\n(.*\n)*.*a tuple of two"):
        grad(f, has_aux=True)(1.0, 2.0)


def test_has_aux_with_arrays() -> None:
    def g(x: Any) -> Any:
        return cubes(x), (x, 1.0)

    a = np.array([1.0, 2.0])
    y, pullback, (same, _) = vjp(g, a, has_aux=True)
    assert close(pullback(2.0), (6.0 * a * a,)) and close(same, a)


def test_has_aux_inside() -> None:
    def g(x: Any, y: Any) -> Any:
        (value, aux), (dx, _) = value_and_grad(with_aux, argnums=(0, 1), has_aux=True)(x, y)
        z, pullback, more = vjp(with_aux, x, y, has_aux=True)
        return value * dx + aux[1] + more[0] * pullback(z)[1]

    check_grads(g, (2.0, 3.0), 2)
    assert close(jit(g)(2.0, 3.0), 6.0 * 3.0 + 6.0 + 2.0 * 12.0)


# ---- stop_gradient -----------------------------------------------------------------------------


def test_stop_gradient() -> None:
    assert stop_gradient(2.0) == 2.0
    g = grad(lambda x: x * stop_gradient(x * x))
    assert close(on_every_stage(g, 3.0), 9.0)
    assert jvp(lambda x: stop_gradient(x) + x, (3.0,), (1.0,)) == (6.0, 1.0)
    assert grad(lambda x: stop_gradient(x))(3.0) == 0.0
    second = grad(grad(lambda x: x * x * stop_gradient(x)))
    assert close(second(3.0), 6.0)


def test_stop_gradient_of_structures() -> None:
    def g(x: Any, n: Any) -> Any:
        a, b, k = stop_gradient((x, x * x, n))
        return a * x + b + k

    assert close(grad(g)(3.0, 2), 3.0)
    x = np.array([1.0, 2.0])
    stopped = grad(lambda x: cubes(stop_gradient(x)) + x[0])
    assert close(on_every_stage(stopped, x), np.array([1.0, 0.0]))


def test_stop_gradient_of_what_a_function_captures() -> None:
    def g(x: Any) -> Any:
        def h(y: Any) -> Any:
            return x * y

        return stop_gradient(h)(x)

    assert close(grad(g)(3.0), 3.0)


# ---- custom_vjp --------------------------------------------------------------------------------


@custom_vjp
def scaled(x: Any, y: Any) -> Any:
    return x * x * y


def scaled_fwd(x: Any, y: Any) -> Any:
    return scaled(x, y), (x, y)


def scaled_bwd(saved: Any, ct: Any) -> Any:
    x, y = saved
    return 10.0 * ct * 2.0 * x * y, ct * x * x


scaled.defvjp(scaled_fwd, scaled_bwd)


def in_a_loop(x: Any, n: Any) -> Any:
    s = 0.0
    for _ in range(n):
        s = s + scaled(x, s + 1.0)
    return s


def test_custom_vjp() -> None:
    assert scaled(2.0, 3.0) == 12.0 and jit(scaled)(2.0, 3.0) == 12.0
    assert on_every_stage(grad(scaled, (0, 1)), 2.0, 3.0) == (120.0, 4.0)
    assert on_every_stage(grad(in_a_loop), 1.1, 3) != pytest.approx(0.0)

    def slope(x: Any, n: Any) -> Any:  # the rule by hand
        s, ds = 0.0, 0.0
        for _ in range(n):
            s, ds = s + x * x * (s + 1.0), ds + 20.0 * x * (s + 1.0) + x * x * ds
        return ds

    assert close(grad(in_a_loop)(1.1, 3), slope(1.1, 3))


def test_custom_vjp_at_order_two() -> None:
    """Reverse over reverse, and forward over reverse, differentiate fwd and bwd."""
    assert close(on_every_stage(grad(grad(scaled)), 2.0, 3.0), 60.0)
    assert close(on_every_stage(hessian(scaled), 2.0, 3.0), 60.0)
    again = grad(grad(in_a_loop))(1.1, 3)
    assert close(jvp(grad(in_a_loop), (1.1, 3), (1.0, None))[1], again)

    def inside(x: Any) -> Any:
        return grad(scaled)(x, x)

    assert close(on_every_stage(jit(inside), 2.0), 80.0) and close(grad(inside)(2.0), 80.0)


@custom_vjp
def norm(x: Any, n: Any) -> Any:
    return math.sqrt(cubes(x)), n


def norm_fwd(x: Any, n: Any) -> Any:
    y = math.sqrt(cubes(x))
    return (y, n), (x, y)


def norm_bwd(saved: Any, ct: Any) -> Any:
    x, y = saved
    return stop_gradient(x) if ct[0] > 1e9 else x, None


norm.defvjp(norm_fwd, norm_bwd)


def test_custom_vjp_of_arrays_and_ints() -> None:
    x = np.array([1.0, 2.0])
    assert close(grad(lambda x: norm(x, 2)[0] * 1.0)(x), x)
    assert close(grad(lambda x: norm(x, 2)[0] + x[1])(x), x + np.array([0.0, 1.0]))


@custom_vjp
def halves(x: Any, y: Any) -> Any:
    return x * y, x + y


halves.defvjp(lambda x, y: ((x * y, x + y), None), lambda saved, ct: (ct[0] + 2.0 * ct[1], None))


def test_custom_vjp_none_is_zero_and_missing_cotangents_are_zeros() -> None:
    assert grad(lambda x, y: halves(x, y)[0], (0, 1))(2.0, 3.0) == (1.0, 0.0)
    assert grad(lambda x, y: halves(x, y)[1], (0, 1))(2.0, 3.0) == (2.0, 0.0)


def test_custom_vjp_is_not_inlined_before_and_is_after() -> None:
    text = morula.lower(grad(in_a_loop), 1.1, 3)
    assert 'vjp = ("scaled.custom_vjp.fwd", "scaled.custom_vjp.bwd")' in text.text("typed")
    assert "custom_vjp" not in text.text("opt")
    module = morula.ir.parse(text.text("typed"))
    assert str(module) == text.text("typed")


def recursive(x: Any, n: Any) -> Any:
    if n == 0:
        return x
    return recursive(scaled(x, 0.25), n - 1)


def test_custom_vjp_in_recursion() -> None:
    x, wanted = 1.1, 1.0
    for _ in range(3):
        x, wanted = x * x * 0.25, wanted * 10.0 * 2.0 * x * 0.25
    assert close(on_every_stage(grad(recursive), 1.1, 3), wanted)


def capturing(a: Any) -> Any:
    @custom_vjp
    def g(x: Any) -> Any:
        return a * x

    g.defvjp(lambda x: (g(x), None), lambda saved, ct: (7.0 * a * ct,))
    return g


def test_custom_vjp_that_captures() -> None:
    assert grad(capturing(3.0))(2.0) == 21.0
    assert grad(capturing(4.0))(2.0) == 28.0
    g = capturing(5.0)
    assert grad(lambda x: g(x) * x)(2.0) == 7.0 * 5.0 * 2.0 + 10.0


def test_custom_vjp_made_inside() -> None:
    def f(x: Any) -> Any:
        def fwd(v: Any) -> Any:
            return v * v, v

        def bwd(v: Any, ct: Any) -> Any:
            return (ct * v,)

        g = custom_vjp(lambda v: v * v, fwd, bwd)
        return g(x)

    assert on_every_stage(grad(f), 3.0) == 3.0


def refused(call: Any, *args: Any) -> morula.Error:
    with pytest.raises(morula.Error) as caught:
        call(*args)
    assert caught.value.code == "E10"
    return caught.value


def test_custom_vjp_misused() -> None:
    error = refused(lambda: jvp(in_a_loop, (1.0, 3), (1.0, None)))
    assert "forward mode through `scaled`" in error.found and "custom_jvp" in error.instead
    assert error.line == in_a_loop.__code__.co_firstlineno + 3 and error.col == 17

    def by_capture(a: Any) -> Any:
        def g(x: Any) -> Any:
            return a * x

        h = custom_vjp(g, lambda x: (x, None), lambda s, ct: (ct,))
        return h(2.0)

    assert "pass `a` to" in refused(grad(by_capture), 1.0).instead

    @custom_vjp
    def bare(x: Any) -> Any:
        return x

    assert "without a rule" in refused(grad, bare).found
    assert "1 parameters" in refused(bare.defvjp, lambda x: (x, x), lambda ct: (ct,)).found
    bare.defvjp(lambda x: x, lambda s, ct: (ct,))
    assert "a fwd that returns a float" in refused(grad(bare), 1.0).found
    bare.defvjp(lambda x: (x, x), lambda s, ct: ct)
    assert "return a tuple" in refused(grad(bare), 1.0).instead
    bare.defvjp(lambda x: (x, x), lambda s, ct: ((ct, ct),))
    assert "as the cotangent of a float" in refused(grad(bare), 1.0).found
    bare.defvjp(lambda x: ((x, x), x), lambda s, ct: (ct,))
    assert "the function itself returns a float" in refused(grad(bare), 1.0).why


# ---- custom_jvp --------------------------------------------------------------------------------


@custom_jvp
def wave(x: Any, n: Any) -> Any:
    return math.sin(x) * n


@wave.defjvp
def wave_rule(primals: Any, tangents: Any) -> Any:
    x, n = primals
    return wave(x, n), 5.0 * math.cos(x) * tangents[0] * n


def test_custom_jvp() -> None:
    assert close(on_every_stage(grad(wave), 1.0, 2), 10.0 * math.cos(1.0))
    assert close(jvp(wave, (1.0, 2), (1.0, None))[1], 10.0 * math.cos(1.0))
    second = -10.0 * math.sin(1.0)
    assert close(on_every_stage(grad(grad(wave)), 1.0, 2), second)
    assert close(on_every_stage(hessian(wave), 1.0, 2), second)
    assert close(jvp(grad(wave), (1.0, 2), (1.0, None))[1], second)
    assert close(grad(lambda x, n: jvp(wave, (x, n), (1.0, None))[1])(1.0, 2), second)
    assert close(jacfwd(jacfwd(wave))(1.0, 2), second)


@custom_jvp
def total(x: Any, scale: Any) -> Any:
    return cubes(x) * scale


@total.defjvp
def total_rule(primals: Any, tangents: Any) -> Any:
    x, scale = primals
    s = 0.0
    for k in range(len(x)):
        s += x[k] * tangents[0][k]
    return cubes(x) * scale, s + tangents[1]


def test_custom_jvp_of_arrays() -> None:
    x = np.array([1.0, 2.0])
    assert close(grad(total, (0, 1))(x, 2.0), (x, 1.0))
    assert close(on_every_stage(grad(lambda x: total(x, x[0]) + x[1]), x), np.array([2.0, 3.0]))
    assert close(jvp(total, (x, 2.0), (x, None))[1], 5.0)


def test_custom_jvp_misused() -> None:
    g = custom_jvp(lambda x: x, lambda p, t: t[0])
    assert "return `(y, t_y)`" in refused(grad(g), 1.0).instead
    assert (
        "write `custom_vjp(f, fwd, bwd)`"
        in refused(grad(lambda x: custom_vjp(math.sin)(x)), 1.0).instead
    )


# ---- custom functions as values, and over data -------------------------------------------------


@dataclass(frozen=True)
class Point:
    a: float
    b: float
    n: int


@custom_vjp
def moved(p: Any, s: Any) -> Any:
    return Point(p.a * s, p.b, p.n)


def moved_fwd(p: Any, s: Any) -> Any:
    return moved(p, s), (p, s)


def moved_bwd(saved: Any, ct: Any) -> Any:
    p, s = saved
    return Point(ct.a * s * 10.0, ct.b, None), ct.a * p.a  # type: ignore[arg-type]


moved.defvjp(moved_fwd, moved_bwd)


def test_custom_functions_over_records() -> None:
    got = on_every_stage(jit(lambda: grad(lambda p, s: moved(p, s).a)(Point(1.0, 2.0, 3), 4.0)))
    assert got == Point(40.0, 0.0, None)  # type: ignore[arg-type]
    rows = jacrev(moved)(Point(1.0, 2.0, 3), 4.0)
    assert (rows.a.a, rows.a.b, rows.b.b, rows.n) == (40.0, 0.0, 1.0, None)
    columns = jacfwd(lambda p, s: Point(p.a * s, p.b * p.b, p.n))(Point(1.0, 2.0, 3), 4.0)
    assert (columns.a.a, columns.b.a, columns.b.b) == (4.0, 0.0, 4.0)


def test_custom_functions_are_values() -> None:
    def chosen(x: Any, n: Any) -> Any:
        return (scaled if n > 2 else wave)(x, n + 0.0)

    def passed(f: Any, x: Any) -> Any:
        return f(x, 2.0)

    assert close(on_every_stage(grad(chosen), 1.0, 3), 60.0)
    assert close(grad(chosen)(1.0, 1), 5.0 * math.cos(1.0))
    assert close(grad(lambda x: passed(scaled, x))(3.0), 120.0)
    assert "a compiled function" in refused(jit(lambda x: scaled.defvjp(x, x)), 1.0).found


def square(x: Any) -> Any:
    return None if x < 0.0 else (x, x * x) if x < 0.5 else x * x


def square_bwd(x: Any, ct: Any) -> Any:
    if ct is None:
        return (0.0,)
    return (7.0 * (ct[0] + 2.0 * x * ct[1]) if isinstance(ct, tuple) else 7.0 * 2.0 * x * ct,)


def square_rule(primals: Any, tangents: Any) -> Any:
    x, t = primals[0], 7.0 * tangents[0]
    return square(x), None if x < 0.0 else (t, 2.0 * x * t) if x < 0.5 else 2.0 * x * t


def test_custom_functions_with_one_of_several() -> None:
    """As result and as argument: the rule is that of the alternative that is there."""
    pulled = custom_vjp(square, lambda x: (square(x), x), square_bwd)
    pushed = custom_jvp(square, square_rule)

    def used(r: Any) -> Any:
        return 1.0 if r is None else math.sin(r[0] * r[1]) if isinstance(r, tuple) else r**3

    def by_pull(x: Any) -> Any:
        return used(pulled(x))

    def by_push(x: Any) -> Any:
        return used(pushed(x))

    for g in (by_pull, by_push):
        assert close(grad(g)(-0.7), 0.0)
        assert close(on_every_stage(grad(g), 0.3), 7.0 * 3.0 * 0.09 * math.cos(0.027))
        assert close(grad(g)(0.7), 7.0 * 6.0 * 0.7**5)
        check_grads(grad(g), (0.7,), modes="rev")
    assert close(jvp(by_push, (0.7,), (1.0,))[1], 7.0 * 6.0 * 0.7**5)

    def scaled_by(x: Any, y: Any) -> Any:
        return x if y is None else x * y

    rule = custom_vjp(
        scaled_by,
        lambda x, y: (scaled_by(x, y), y),
        lambda y, ct: (3.0 * ct, None if y is None else 5.0 * ct),
    )
    given = jit(lambda x, n: grad(lambda x: rule(x, x * 2.0 if n > 0 else None))(x))
    assert close(given(0.7, 1), 13.0) and close(given(0.7, 0), 3.0)


def test_linearize_of_one_of_several() -> None:
    assert close(linearize(square, 0.7)[1](2.0), 2.8)
    assert close(linearize(square, 0.3)[1](2.0), (2.0, 1.2))
    assert linearize(square, -0.7)[1](2.0) is None


def test_no_rule_speaks_of_what_a_function_argument_captures() -> None:
    def applied(g: Any, x: Any) -> Any:
        return g(x) * x

    pulled = custom_vjp(applied, lambda g, x: (applied(g, x), x), lambda x, ct: (None, 3.0 * ct))
    pushed = custom_jvp(applied, lambda p, t: (applied(*p), 3.0 * t[1]))
    assert close(grad(lambda x: pulled(math.sin, x))(0.7), 3.0)
    assert close(grad(lambda x: pushed(math.sin, x))(0.7), 3.0)
    for call in (
        lambda x: pulled(lambda y: y * x, 0.3),
        lambda x: pushed(lambda y: y * x, 0.3),
    ):
        assert refused(grad(call), 0.7).code == "E10"


def test_a_pullback_that_came_in_keeps_the_rules_within() -> None:
    ruled = custom_vjp(lambda a: a**3, lambda a: (a**3, a), lambda a, ct: (7.0 * ct * a,))
    pushed = custom_jvp(lambda a: a**3, lambda p, t: (p[0] ** 3, 7.0 * p[0] * t[0]))

    def called(p: Any, ct: Any) -> Any:
        return p(ct)[0]

    def around(g: Any) -> Any:
        return custom_vjp(lambda a: a, lambda a: (a, a), lambda a, ct: (g(ct * a),))

    for inner in (ruled, pushed):
        outer = around(inner)
        pullback = vjp(outer, 0.7)[1]
        assert close(jit(called)(pullback, 1.3), (1.3 * 0.7) ** 3)
        assert close(grad(lambda ct, p=pullback: p(ct)[0])(1.3), 7.0 * 1.3 * 0.7 * 0.7)
        on_every_stage(grad(called, 1), pullback, 1.3)
        assert close(grad(called, 1)(pullback, 1.3), 7.0 * 1.3 * 0.7 * 0.7)


def test_pushforwards_are_arguments() -> None:
    _, push = linearize(lambda a, b: a * a * b, 3.0, 2.0)

    def g(p: Any, t: Any) -> Any:
        return p(t * t, 1.0)

    assert close(jit(g)(push, 2.0), 57.0) and close(grad(g, 1)(push, 2.0), 48.0)
    assert close(jit(lambda t: push(t, 1.0))(2.0), 33.0)  # 12 t + 9, from outside


# ---- pullbacks and gradients in loops and recursion ----------------------------------------------


def pullbacks_in_a_loop(x: Any, n: Any) -> Any:
    s = 0.0
    for i in range(n):
        y, pullback = vjp(lambda a, b: a * math.sin(b), x + s, x * i)
        s = s + pullback(1.0)[0] + y * 0.5
    return s


def pullback_used_in_a_loop(x: Any, n: Any) -> Any:
    y, pullback = vjp(lambda a: a * a * a, x)
    s = y
    for _ in range(n):
        s = s + pullback(s)[0] * 0.1
    return s


def descent(x: Any, n: Any) -> Any:
    def loss(v: Any) -> Any:
        return v**4 - 3.0 * v * v * x

    v = x
    for _ in range(n):
        v = v - 0.01 * grad(loss)(v)
    return v


def recursive_descent(x: Any, n: Any) -> Any:
    if n == 0:
        return x
    return recursive_descent(x - 0.1 * grad(lambda v: v**4 - 3.0 * v * v * x)(x), n - 1)


def newton(x: Any, n: Any) -> Any:
    v = x
    while n > 0:
        v = v - grad(lambda u: u**4 - x * u)(v) / hessian(lambda u: u**4 - x * u)(v)
        n -= 1
    return v


def gradient_of_recursion(x: Any, n: Any) -> Any:
    def power(v: Any, k: Any) -> Any:
        return 1.0 if k == 0 else v * power(v, k - 1)

    s = 0.0
    for k in range(n):
        s += grad(power)(x, k)
    return s


@pytest.mark.parametrize(
    "g",
    [
        pullbacks_in_a_loop,
        pullback_used_in_a_loop,
        descent,
        recursive_descent,
        newton,
        gradient_of_recursion,
    ],
)
def test_derivatives_in_loops_and_recursion(g: Any) -> None:
    on_every_stage(jit(g), 0.7, 3)
    on_every_stage(grad(g), 0.7, 3)
    check_grads(g, (0.7, 3), 2)


def test_pullbacks_are_carried() -> None:
    """What a loop carries may be a pullback, each turn another."""

    def g(x: Any, n: Any) -> Any:
        _, pullback = vjp(lambda a: a * a, x)
        for _ in range(n):
            _, pullback = vjp(lambda a: a * a, pullback(1.0)[0])
        return pullback(1.0)[0]

    assert close(jit(g)(0.7, 3), 0.7 * 2.0**4)
    assert close(grad(g)(0.7, 3), 2.0**4)


# ---- check_grads -------------------------------------------------------------------------------


def test_check_grads() -> None:
    check_grads(f, (1.1, 0.7), 3)
    check_grads(nested, (((1.1, 0.7), 0.3), 2), 2, modes=("rev",))
    check_grads(cubes, (np.array([1.0, 2.0]),), 2)
    check_grads(f, (1.1, 0.7), 1, "fwd")
    with pytest.raises(AssertionError, match="vjp of f gives .*, differences give"):
        check_grads(scaled, (1.0, 2.0), 1, "rev")
    with pytest.raises(ValueError, match="modes"):
        check_grads(f, (1.1, 0.7), 1, ("forward",))
    with pytest.raises(ValueError, match="order"):
        check_grads(f, (1.1, 0.7), 0)


# ---- without native code -----------------------------------------------------------------------

DISABLED = """
import math, sys
import morula
from morula import grad, hessian, jit, jvp, vjp, check_grads

def f(x, n):
    s = 0.0
    for k in range(n):
        s = s + math.sin(x * k)
    return s

assert jit(f) is f
print(grad(f)(0.5, 3), hessian(f)(0.5, 3), jvp(grad(f), (0.5, 3), (1.0, None))[1])
y, pullback = vjp(f, 0.5, 3)
print(pullback(2.0)[0], grad(lambda x: grad(f)(x, 3))(0.5))
print(morula.lower(grad(f), 0.5, 3).run("opt"))
check_grads(f, (0.5, 3), 2)
print("llvmlite" in sys.modules)

def use(p, ct):
    return p(ct)[0] * ct

print(grad(use, 1)(pullback, 3.0), grad(lambda ct: pullback(ct)[0] * ct)(3.0))
print(vjp(pullback, 1.0)[1]((2.0, None))[0], vjp(grad(f), 0.5, 3)[1](1.0)[0])
"""


def test_disabled(tmp_path: Any) -> None:
    (tmp_path / "disabled.py").write_text(DISABLED)
    env = {**os.environ, "MORULA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "disabled.py"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    first = math.cos(0.5) + 2.0 * math.cos(1.0)
    second = -math.sin(0.5) - 4.0 * math.sin(1.0)
    assert close(tuple(map(float, lines[0].split())), (first, second, second))
    assert close(tuple(map(float, lines[1].split())), (2.0 * first, second))
    assert close(float(lines[2]), first)
    assert lines[3] == "False"
    assert close(tuple(map(float, lines[4].split())), (6.0 * first, 6.0 * first))
    assert close(tuple(map(float, lines[5].split())), (2.0 * first, second))


def test_a_pullback_of_the_interpreter_is_no_argument_of_native_code() -> None:
    pullback = morula.lower(jit(lambda x: vjp(f, x, 2.0)[1]), 0.5).run("typed")
    with pytest.raises(morula.Error, match="a pullback of the interpreter"):
        jit(lambda p, ct: p(ct)[0])(pullback, 1.0)


# ---- Jacobians of what is one of several ---------------------------------------------------------


def one_of_two(x: Any) -> Any:
    return (x * x if x > 1.0 else None), x**3


@pytest.mark.parametrize("jacobian", [morula.jacfwd, morula.jacrev])
def test_jacobian_of_an_optional(jacobian: Any) -> None:
    assert jacobian(one_of_two)(1.5) == (3.0, 6.75)
    assert jacobian(one_of_two)(0.5) == (None, 0.75)


def test_jacobian_by_an_optional() -> None:
    def inner(x: Any) -> Any:
        return morula.jacfwd(lambda v: 0.0 if v is None else v * v)(x if x > 1.0 else None)

    with pytest.raises(morula.Error, match="known at run time only"):
        jit(inner)(1.5)


# ---- rules of methods, and derivatives made by functions -----------------------------------------


@dataclass
class Scaled:
    a: Any

    @morula.custom_vjp
    def f(self, x: Any) -> Any:
        return self.a * x * x


Scaled.f.defvjp(
    lambda self, x: (self.f(x), (self, x)),
    lambda saved, ct: (Scaled(ct * saved[1] ** 2), 10.0 * ct * saved[0].a * saved[1]),
)


def test_a_method_with_a_rule() -> None:
    assert Scaled(2.0).f(3.0) == 18.0
    assert grad(lambda m, x: m.f(x), (0, 1))(Scaled(2.0), 3.0) == (Scaled(9.0), 60.0)
    assert grad(Scaled(2.0).f)(3.0) == 60.0


def test_derivatives_made_by_functions() -> None:
    by_grad = lambda f: lambda x: grad(f)(x)  # noqa: E731
    by_jvp = lambda f: lambda x: jvp(f, (x,), (1.0,))[1]  # noqa: E731
    for d in (by_grad, by_jvp):
        assert close(jit(thrice(d))(1.3), -math.cos(1.3))


def thrice(d: Any) -> Any:
    return lambda x: d(d(d(lambda t: math.sin(t))))(x)


# ---- custom rules of functions that write arrays -----------------------------------------------


def test_custom_rules_of_functions_that_fill_arrays() -> None:
    """What such a function makes is its own: it may fill arrays, and so may its rules."""

    def running(x: Any) -> Any:
        out = np.zeros(len(x))
        total = 0.0
        for k in range(len(x)):
            total += x[k] ** 2
            out[k] = total
        return out

    def running_fwd(x: Any) -> Any:
        return running(x), x

    def running_bwd(x: Any, ct: Any) -> Any:
        out, total = ct.copy(), 0.0
        for k in range(len(x) - 1, -1, -1):
            total += ct[k]
            out[k] = 2.0 * x[k] * total
        return (out,)

    def f(x: Any) -> Any:
        y = np.zeros(3)
        y[:] = custom_vjp(running, running_fwd, running_bwd)(x[::-1])
        return np.sum(y**2)

    x = np.array([1.0, 2.0, 3.0])
    plain = grad(lambda x: np.sum(running(x[::-1]) ** 2))
    assert np.allclose(grad(f)(x), plain(x))
    second = grad(lambda x: np.sum(grad(f)(x) * x))
    assert np.allclose(second(x), grad(lambda x: np.sum(plain(x) * x))(x))


def test_custom_rules_of_functions_that_write_their_arguments() -> None:
    def fill(x: Any) -> float:
        x[0] = 1.0
        return float(np.sum(x))

    def f(x: Any) -> float:
        g = custom_vjp(fill, lambda x: (np.sum(x), len(x)), lambda n, ct: (ct * np.ones(n),))
        return float(g(x))

    with pytest.raises(morula.Error, match="a function that writes its arguments") as caught:
        grad(f)(np.ones(2))
    assert caught.value.code == "E10"


# ---- check_grads of other shapes and numbers ----------------------------------------------------


def test_check_grads_of_matrices_complex_numbers_and_lists() -> None:
    check_grads(lambda m, k: np.sin(m @ m) * k[1], (np.ones((2, 2)), np.arange(3)), 2)
    check_grads(lambda z: abs(z * z + 1) + z.imag, (1.0 + 2.0j,), 2)
    check_grads(lambda z: np.fft.fft(z) * z, (np.array([1j, 2.0, -1.0 + 1j]),), 2)
    check_grads(lambda xs: [x * xs[0] for x in xs], ([1.0, 2.0, -0.5],), 2)
    check_grads(lambda rows: [sum(r) ** 2 for r in rows], ([[1.0, 2.0], [3.0]],))
    with pytest.raises(AssertionError, match="differences give"):
        check_grads(lambda xs: stop_gradient(xs[0]) * xs[0], ([1.0, 2.0],))
    with pytest.raises(AssertionError, match="differences give"):
        check_grads(lambda z: (stop_gradient(z.real) * z).real, (1.0 + 2.0j,))
