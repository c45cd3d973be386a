"""Jacobians and Hessians by arrays and of arrays, beside closed forms and differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen_hess

import morula
from morula import grad, hessian, hvp, jacfwd, jacrev
from morula.ir import parse, run, verify
from morula.ir.core import walk
from morula.transforms.expand import expand

Array = np.ndarray[Any, Any]
X = np.array([1.2, 0.7, 0.3, -0.4])
BOTH = pytest.mark.parametrize("jacobian", [jacfwd, jacrev])


def mixed(x: Any, a: Any) -> Any:
    return np.sin(x) * a + x[::-1] ** 2


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def differences(f: Callable[[Array], Any], x: Array, h: float = 1e-5) -> Array:
    """The Jacobian by central differences, the axes of x last."""
    columns = []
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = h
        columns.append((np.asarray(f(x + unit)) - np.asarray(f(x - unit))) / (2 * h))
    made: Array = np.stack(columns, axis=-1)
    return made.reshape(*made.shape[:-1], *x.shape)


@BOTH
def test_by_and_of_an_array(jacobian: Any) -> None:
    a = 2.0
    by_x = np.diag(np.cos(X) * a) + np.diag(2.0 * X[::-1])[:, ::-1]
    np.testing.assert_allclose(jacobian(mixed)(X, a), by_x, rtol=1e-12)
    first, second = jacobian(mixed, (0, 1))(X, a)
    np.testing.assert_allclose(first, by_x, rtol=1e-12)
    np.testing.assert_allclose(second, np.sin(X), rtol=1e-12)
    for stage in ("typed", "ad", "opt", "memory"):
        got = morula.lower(jacobian(mixed), X, a).run(stage)
        np.testing.assert_allclose(got, by_x, rtol=1e-12)


def looping(x: Any) -> Any:
    y, s = np.zeros(2), 0.0
    for i in range(len(x)):
        y[i % 2] += x[i] ** 3
        s += x[i] * y[0]
    return {"y": y, "s": s, "n": len(x)}


@dataclass
class Pair:
    matrix: Any
    weight: float


def of_a_record(p: Pair) -> Any:
    return p.matrix @ p.matrix.T * p.weight, np.trace(p.matrix) + p.weight


@BOTH
def test_nests_of_numbers_and_arrays(jacobian: Any) -> None:
    got = jacobian(looping)(X)
    assert got["n"] is None
    for name in ("y", "s"):
        expected = differences(lambda x, name=name: looping(x)[name], X)  # type: ignore[misc]
        np.testing.assert_allclose(got[name], expected, atol=1e-8)
    m = np.arange(6.0).reshape(2, 3)
    of_matrix, of_number = jacobian(of_a_record)(Pair(m, 1.5))
    for k, found in enumerate((of_matrix, of_number)):
        expected = differences(lambda m, k=k: of_a_record(Pair(m, 1.5))[k], m)  # type: ignore[misc]
        np.testing.assert_allclose(found.matrix, expected, atol=1e-7)
    assert of_matrix.matrix.shape == (2, 2, 2, 3) and of_number.weight == 1.0
    np.testing.assert_allclose(of_matrix.weight, m @ m.T)


def test_hessians_and_third_derivatives() -> None:
    np.testing.assert_allclose(hessian(rosenbrock)(X), rosen_hess(X), rtol=1e-12, atol=1e-12)
    third = jacfwd(hessian(rosenbrock))(X)
    np.testing.assert_allclose(third, differences(rosen_hess, X), atol=1e-6)
    np.testing.assert_allclose(jacrev(hessian(rosenbrock))(X), third, rtol=1e-12, atol=1e-10)
    v = np.array([1.0, -2.0, 0.5, 3.0])
    (product,) = hvp(rosenbrock, (X,), (v,))
    np.testing.assert_allclose(product, rosen_hess(X) @ v, rtol=1e-12)


def newton(x: Any, steps: int) -> Any:
    for _ in range(steps):
        x = x - np.linalg.solve(hessian(rosenbrock)(x), grad(rosenbrock)(x))
    return x


def test_newtons_method_inside() -> None:
    start = np.array([1.1, 1.2])
    np.testing.assert_allclose(morula.jit(newton)(start, 6), np.ones(2), rtol=1e-10)
    got = jacrev(newton)(start, 2)
    np.testing.assert_allclose(got, differences(lambda x: newton_by_hand(x, 2), start), atol=1e-5)


def newton_by_hand(x: Array, steps: int) -> Array:
    for _ in range(steps):
        slope = np.array(
            [-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)]
        )
        x = x - np.linalg.solve(rosen_hess(x), slope)
    return x


def writes(x: Any) -> Any:
    x[0] *= 2.0
    x += 1.0
    return x * x


@BOTH
def test_of_a_function_that_writes_its_argument(jacobian: Any) -> None:
    """Each column is that of the argument as it came in, and the write is done once."""
    x = X.copy()
    got = jacobian(writes)(x)
    np.testing.assert_allclose(got, np.diag(2.0 * (X * [2, 1, 1, 1] + 1.0) * [2, 1, 1, 1]))
    np.testing.assert_allclose(x, X * [2, 1, 1, 1] + 1.0)


@BOTH
def test_small_and_narrow_arrays(jacobian: Any) -> None:
    assert jacobian(lambda x: x * 2.0)(np.zeros(0)).shape == (0, 0)
    assert jacobian(lambda x: x * 2.0)(np.array(3.0)).tolist() == 2.0
    single = jacobian(lambda x: x * x)(np.array([1.0, 3.0], np.float32))
    assert single.dtype == np.float32 and single.tolist() == [[2.0, 0.0], [0.0, 6.0]]


def cubes(r: Any) -> Any:
    return (r**3).sum()


M = np.array([[0.5, 1.0], [2.0, 3.0], [4.0, 5.5]])
BY_A_VIEW: list[tuple[Callable[[Any], Any], Any]] = [
    (lambda x: grad(cubes)(x[0]), 3 * M[0] ** 2),
    (lambda x: grad(cubes)(x[0] if x[0, 0] > 1.0 else x[:, 1]), 3 * M[:, 1] ** 2),
    (lambda x: grad(lambda p: cubes(p[0]) * p[1])((x[1], 2.0))[0], 6 * M[1] ** 2),
    (lambda x: grad(lambda *r: r[0] @ r[1], 1)(x[0], x[1]), M[0]),
    (lambda x: morula.vjp(lambda r: r * r, x[:, 0])[1](x[::-1, 1])[0], 2 * M[:, 0] * M[::-1, 1]),
    (lambda x: morula.jvp(cubes, (x[0],), (x[1],))[1], 3 * M[0] ** 2 @ M[1]),
    (lambda x: hvp(cubes, (x[2],), (x[0],))[0], 6 * M[2] * M[0]),
    (lambda x: hessian(cubes)(x.T[1]), np.diag(6 * M[:, 1])),
    (lambda x: jacrev(lambda r: r * r)(x.reshape(-1)[1:3]), np.diag(2 * M.reshape(-1)[1:3])),
]  # fmt: skip


@pytest.mark.parametrize(("f", "expected"), BY_A_VIEW)
def test_by_a_view(f: Any, expected: Any) -> None:
    np.testing.assert_allclose(morula.jit(f)(M), expected, rtol=1e-12)
    by_all = jacfwd(f)(M)
    np.testing.assert_allclose(by_all, jacrev(f)(M), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(by_all, differences(morula.jit(f), M), rtol=1e-6, atol=1e-5)


def writes_beside(x: Any) -> Any:
    def other(a: Any, b: Any) -> Any:
        b[0] = 2.0 * a[0]
        return cubes(a) * cubes(b)

    return grad(other)(x[0], x[1])


def writes_what_it_sees(x: Any) -> Any:
    def around(a: Any) -> Any:
        x[1, 0] = 2.0 * a[0]
        return cubes(a) * cubes(x)

    return grad(around)(x[0])


def sees_and_writes_not(x: Any) -> Any:
    y = np.zeros(2)
    y[0] = 1.0
    return grad(lambda a, b: cubes(a) * cubes(b) * cubes(x) * y[0], (0, 1))(x[0], x[:, 1])


def twice_read(x: Any) -> Any:
    y = np.zeros(2)
    y[0] = 1.0
    return grad(lambda a, b: cubes(a) * b.sum() * y[0], (0, 1))(x, x)


def twice_written(x: Any) -> Any:
    def doubling(a: Any, b: Any) -> Any:
        b[0] *= 2.0
        return cubes(a) * b.sum()

    return grad(doubling, (0, 1))(x, x)


def test_one_array_in_two_ways() -> None:
    """A derivative by a part of an array is one by its elements, wherever else it is seen."""
    for f in (writes_beside, writes_what_it_sees):
        with pytest.raises(morula.Error, match="in two ways") as caught:
            morula.jit(f)(M)
        assert caught.value.code == "E11"
    by_both = morula.jit(twice_read)(M[0])
    np.testing.assert_allclose(by_both[0], 3 * M[0] ** 2 * M[0].sum())
    np.testing.assert_allclose(by_both[1], np.full(2, cubes(M[0])))
    with pytest.raises(morula.Error, match="in two ways"):
        morula.jit(twice_written)(M[0].copy())
    a, b = morula.jit(sees_and_writes_not)(M)
    np.testing.assert_allclose(a, 3 * M[0] ** 2 * cubes(M[:, 1]) * cubes(M))
    np.testing.assert_allclose(b, 3 * M[:, 1] ** 2 * cubes(M[0]) * cubes(M))


def taken(x: Any) -> Any:
    def doubling(r: Any) -> Any:
        r[0] *= 2.0
        return cubes(r)

    return grad(doubling)(x[0] if x[0, 0] > 1.0 else x[:, 1]), x


def test_one_of_several_views_that_is_written() -> None:
    for first in (0.5, 3.0):
        x = M.copy()
        x[0, 0] = first
        part = (x[0] if first > 1.0 else x[:, 1]).copy()
        slope, after = morula.jit(taken)(x)
        np.testing.assert_allclose(slope, 3 * part**2 * np.array([8.0, 1.0, 1.0])[: len(part)])
        assert after[0].tolist() == ([6.0, 1.0] if first > 1.0 else [0.5, 2.0])


def with_more(x: Any) -> Any:
    return x * x * x.sum(), {"total": x.sum(), "n": 3, "x": x}


@pytest.mark.parametrize("jacobian", [jacfwd, jacrev, hessian])
def test_has_aux(jacobian: Any) -> None:
    got, more = jacobian(with_more, has_aux=True)(X)
    np.testing.assert_allclose(got, jacobian(lambda x: with_more(x)[0])(X), rtol=1e-12)
    assert more["total"] == X.sum() and more["n"] == 3 and more["x"].tolist() == X.tolist()
    outside = jacobian(with_more, has_aux=True)
    np.testing.assert_allclose(morula.jit(lambda x: outside(x)[0])(X), got, rtol=1e-12)
    with pytest.raises(morula.Error, match="has_aux"):
        jacobian(lambda x: x * x, has_aux=True)(X)


@pytest.mark.parametrize("disabled", ["0", "1"])
def test_shapes_of_tangents_and_cotangents(disabled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ValueError names both shapes; a number has the shape ()."""
    monkeypatch.setenv("MORULA_DISABLE_JIT", disabled)

    def square(x: Any) -> Any:
        return x * x

    @morula.jit
    def pulled(x: Any, ct: Any) -> Any:
        return morula.vjp(square, x)[1](ct)[0]

    wrong: list[tuple[Any, Any, str]] = [
        (X, X[:3], r"\(3,\), but its primal has \(4,\)"),
        (X, X[:1], r"\(1,\), but its primal has \(4,\)"),
        (X, X.reshape(2, 2), r"\(2, 2\), but its primal has \(4,\)"),
        (X, 1.0, r"\(\), but its primal has \(4,\)"),
        (M, M[:, :1], r"\(3, 1\), but its primal has \(3, 2\)"),
        (np.array(2.0), X, r"\(4,\), but its primal has \(\)"),
        (2.0, X, r"\(4,\), but its primal has \(\)"),
    ]
    for x, t, text in wrong:
        with pytest.raises(ValueError, match=text):
            morula.jvp(square, (x,), (t,))
    with pytest.raises(ValueError, match=r"\(3,\), but its primal has \(4,\)"):
        hvp(cubes, (X,), (X[:3],))
    for ct, text in (
        (X[:3], r"\(3,\), but the result has \(4,\)"),
        (X.reshape(2, 2), r"\(2, 2\), but the result has (one axis|\(4,\))"),
    ):
        with pytest.raises(ValueError, match=text):
            pulled(X, ct)
        with pytest.raises(ValueError, match=text):
            morula.vjp(square, X)[1](ct)
    with pytest.raises(morula.Error, match="E09"):
        pulled(X, 1.0)
    with pytest.raises(morula.Error, match="E09"):
        morula.vjp(square, X)[1](1.0)
    for x, t in ((np.array(2.0), 1.0), (2.0, np.array(1.0)), (np.array(2.0), np.array(1.0))):
        assert morula.jvp(square, (x,), (t,))[1] == 4.0


@dataclass
class Node:
    value: float
    rest: Any


def chained(x: Any, i: int) -> Any:
    return None if i == len(x) else Node(x[i] * x[i - 1], chained(x, i + 1))


def summed(n: Any) -> Any:
    return 0.0 if n is None else n.value**2 + math.sin(n.value) * summed(n.rest)


def through_a_tree(x: Any) -> Any:
    return np.array([summed(chained(x, 0)), summed(chained(x * x, 1))])


@morula.custom_jvp
def squared(x: Any, y: Any) -> Any:
    return x * x * y


@squared.defjvp
def squared_jvp(primals: Any, tangents: Any) -> Any:
    (x, y), (dx, dy) = primals, tangents
    return x * x * y, 2.0 * x * y * dx + x * x * dy


def through_a_rule(x: Any) -> Any:
    out = np.zeros(3)
    for i in range(len(x)):
        out[i % 3] += squared(x[i], x[i - 1])
    return out


def through_recursion(x: Any, n: int = 4) -> Any:
    if n < 2:
        return x * n
    return through_recursion(x, n - 1) * 0.5 + through_recursion(x * x, n - 2)


def through_a_list(x: Any) -> Any:
    kept = []
    for i in range(len(x)):
        if x[i] > 0:
            kept.append(x[i] ** 2)
    s = 0.0
    while len(kept) > 1:
        s += kept.pop() * kept[-1]
    return np.array([s, s * s])


def through_rows(x: Any) -> Any:
    rows = np.zeros((4, len(x)))
    rows[0] = x
    for i in range(1, 4):
        rows[i] = np.sin(rows[i - 1]) * rows[i - 1][::-1]
    return rows[1:, ::2]


THROUGH = [through_a_tree, through_a_rule, through_recursion, through_a_list, through_rows]


@pytest.mark.parametrize("f", THROUGH)
def test_several_tangents_in_one_pass(f: Any) -> None:
    """Of 1, 4 and 6 elements: a pass with lanes to spare, a full one, and both."""
    for n in (1, 4, 6):
        x = np.array([0.5, 1.2, -0.3, 0.8, 0.1, 0.9])[:n]
        pushed = jacfwd(f)(x)
        np.testing.assert_allclose(pushed, differences(morula.jit(f), x), atol=1e-8)
        np.testing.assert_allclose(pushed, jacrev(f)(x), rtol=1e-12, atol=1e-14)
    for stage in ("typed", "ad", "memory"):
        got = morula.lower(jacfwd(f), x).run(stage)
        np.testing.assert_allclose(got, pushed, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(jacfwd(jacfwd(f))(x), jacfwd(jacrev(f))(x), rtol=1e-12, atol=1e-12)


LANES = """
fn @g(%x: f64, %n: i64) -> (f64, f64, f64) {
  %y: f64, %t.y: f64, %t.y.1: f64 = jvp @f(%x, %n; 1.0, 10.0) {wrt = "x"}
  return %y, %t.y, %t.y.1
}
fn @f(%x: f64, %n: i64) -> f64 {
  %z: f64 = for %k: i64 = 0 to %n
      carry %y: f64 = 1.0 {
    %0: f64 = mul %y, %x
    next %0
  }
  return %z
}
"""


def test_lanes_of_the_op() -> None:
    module = parse(LANES)
    assert str(parse(str(module))) == str(module)
    verify(module)
    expanded = expand(module)
    verify(expanded)
    loops = [op for f in expanded.functions.values() for op in walk(f.body) if op.opcode == "for"]
    assert len(loops) == 1 and len(loops[0].results) == 3
    assert run(expanded, "g", 3.0, 4) == (81.0, 108.0, 1080.0)


def test_linearize_by_arrays() -> None:
    y, push = morula.linearize(mixed, X, 2.0)
    v = np.array([1.0, 0.0, 2.0, -1.0])
    np.testing.assert_allclose(y, mixed(X, 2.0))
    np.testing.assert_allclose(push(v, 0.5), jacfwd(mixed)(X, 2.0) @ v + 0.5 * np.sin(X))


def test_what_is_refused() -> None:
    def growing(x: Any) -> Any:
        return [v * v for v in x]

    for f in (growing, lambda x: len(x)):
        with pytest.raises(morula.Error) as caught:
            jacrev(f)(X)
        assert caught.value.code == "E09"
