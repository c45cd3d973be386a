"""Matrix products: by the op `gemm` where the lengths are known at run time, in loops where few
multiplications are known when compiling; values at every stage and derivatives to order two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import morula
from morula import grad, jit, jvp

ROWS: list[Callable[..., Any]] = []
SIZES = [(3, 4), (33, 40)]  # by loops of our own, and by BLAS


def row(f: Callable[..., Any]) -> Callable[..., Any]:
    ROWS.append(f)
    return f


@row
def matrices(a: Any, b: Any) -> Any:
    return np.sum(np.sin(a @ b) ** 2)


@row
def transposed(a: Any, b: Any) -> Any:
    c = b.T @ a.T
    return np.sum(c**3) + np.sum(a.T @ a) + np.sum(b.T @ b.T) + np.sum(a @ b.T)


@row
def vectors(a: Any, b: Any) -> Any:
    return np.sum((a @ b[0]) ** 2 * b[0, 0]) + np.sum((a[:, 1] @ a) ** 3) + a[0] @ b @ b[1]


@row
def parts(a: Any, b: Any) -> Any:
    return np.sum((a[::2] @ b[:, ::-1]) ** 2) + np.sum(a[1:, :2] @ b[:2])


@row
def overwritten(a: Any, b: Any) -> Any:
    c, s = a.copy(), 0.0
    for k in range(3):
        c = c @ b
        c[0] *= 2.0
        s += np.sum(c * c) * k
    a[0] = 1.0
    return s + np.sum(a @ b)


@row
def in_a_branch(a: Any, b: Any) -> Any:
    c = a @ b if a[0, 0] > 0 else a * 2.0
    return np.sum(np.where(c > 0, c, 0.0) ** 2) + np.trace(np.linalg.matrix_power(b, 3))


def given(m: int, k: int) -> tuple[Any, Any]:
    r = np.random.default_rng(m)
    return r.normal(size=(m, k)), r.normal(size=(k, k)) / np.sqrt(k)


def copied(args: tuple[Any, Any]) -> tuple[Any, Any]:
    return args[0].copy(), args[1].copy()


def near(a: Any, b: Any, tol: float) -> bool:
    return bool(np.allclose(a, b, rtol=tol, atol=tol))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("f", ROWS, ids=lambda f: f.__name__)
def test_values_at_every_stage(f: Callable[..., Any], size: tuple[int, int]) -> None:
    args = given(*size)
    expected = f(*copied(args))
    assert near(jit(f)(*copied(args)), expected, 1e-11)
    lowered = morula.lower(f, *copied(args))
    for stage in ("typed", "opt", "memory"):
        assert near(lowered.run(stage, *copied(args)), expected, 1e-11)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("f", ROWS, ids=lambda f: f.__name__)
def test_derivatives(f: Callable[..., Any], size: tuple[int, int]) -> None:
    args = given(*size)
    r = np.random.default_rng(1)
    way = tuple([r.normal(size=x.shape) for x in args])
    other = tuple([r.normal(size=x.shape) for x in args])
    gradient = grad(f, argnums=(0, 1))

    def moved(h: float, t: Any) -> tuple[Any, Any]:
        return args[0] + h * t[0], args[1] + h * t[1]

    def dot(g: Any, t: Any) -> Any:
        return np.sum(g[0] * t[0]) + np.sum(g[1] * t[1])

    h = 1e-6
    slope = (f(*moved(h, way)) - f(*moved(-h, way))) / (2 * h)
    got = dot(gradient(*copied(args)), way)
    assert near(got / slope, 1.0, 1e-5)
    assert near(jvp(f, copied(args), way)[1], got, 1e-9)

    def directed(a: Any, b: Any) -> Any:
        ga, gb = morula.grad(f, argnums=(0, 1))(a.copy(), b.copy())
        return np.sum(ga * way[0]) + np.sum(gb * way[1])

    second = dot(grad(directed, argnums=(0, 1))(*copied(args)), other)
    crossed = jvp(directed, copied(args), other)[1]
    slope = (dot(gradient(*moved(h, other)), way) - dot(gradient(*moved(-h, other)), way)) / (2 * h)
    assert near(second, crossed, 1e-8) and near(second / slope, 1.0, 1e-4)


def test_which_are_ops() -> None:
    def small(x: float, y: float) -> Any:
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        return turn @ turn @ np.array([x, y])

    a, b = given(3, 4)
    assert "gemm" in morula.lower(lambda a, b: a @ b, a, b).text("opt")
    assert "gemm" not in morula.lower(small, 1.0, 2.0).text("opt")
    gradient = morula.lower(grad(matrices, argnums=(0, 1)), a, b).text("memory")
    assert gradient.count("gemm") == 3 and 'transposed = "a"' in gradient


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_of_nothing(shape: tuple[int, int]) -> None:
    a, b = np.ones(shape), np.ones(shape[::-1])
    assert near(jit(lambda a, b: a @ b)(a, b), a @ b, 0.0)
    assert grad(lambda a, b: np.sum(a @ b))(a, b).shape == shape
