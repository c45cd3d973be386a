"""numpy.linalg: derivatives by rules, to order three, against differences of NumPy's own values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import morula
from morula import grad, jit, jvp

R = np.random.default_rng(0)
A = R.normal(size=(4, 4)) + 2.0 * np.eye(4)
T, S = R.normal(size=(4, 4)), R.normal(size=(4, 4))
ROWS: list[Callable[..., Any]] = [
    lambda a: np.sum(np.linalg.solve(a, a[0]) ** 2),
    lambda a: np.sum(np.sin(np.linalg.solve(a @ a + 1.0, a.T))),
    lambda a: np.sum(np.sin(np.linalg.inv(a))),
    lambda a: np.linalg.det(a) ** 2,
    lambda a: np.linalg.slogdet(a)[1] * np.linalg.slogdet(a)[0],
    lambda a: np.sum(np.sin(np.linalg.cholesky(a @ a.T + np.eye(4)))),
    lambda a: np.sum(np.linalg.cholesky(a + 9.0 * np.eye(4)) ** 3),
]
NAMES = ["solve", "solve for a matrix", "inv", "det", "slogdet", "cholesky", "lower triangle"]


def near(a: Any, b: Any, tol: float) -> bool:
    return bool(np.allclose(a, b, rtol=tol, atol=tol))


def slope(f: Callable[..., Any], a: Any, t: Any, h: float = 1e-5) -> Any:
    return (f(a + h * t) - f(a - h * t)) / (2 * h)


@pytest.mark.parametrize("f", ROWS, ids=NAMES)
def test_three_orders(f: Callable[..., Any]) -> None:
    first = grad(f)
    assert near(jit(f)(A), f(A), 1e-12)
    assert near(np.sum(first(A) * T), slope(f, A, T), 1e-6)
    assert near(jvp(f, (A,), (T,))[1], np.sum(first(A) * T), 1e-10)
    second = grad(lambda a: np.sum(grad(f)(a) * T))
    assert near(second(A), jvp(first, (A,), (T,))[1], 1e-9)
    assert near(second(A), slope(first, A, T), 1e-4)
    third = jvp(second, (A,), (S,))[1]
    assert near(third, slope(second, A, S), 1e-3)


def test_no_elimination_is_kept() -> None:
    """A gradient by the matrix of a system keeps the solution, not the steps to it."""
    lowered = morula.lower(grad(lambda a, b: np.sum(np.linalg.solve(a, b))), A, A[0])
    fwd = lowered.module("ad").functions
    assert not any("factored.bwd" in name for name in fwd)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_a_singular_matrix(n: int) -> None:
    """The determinant has a derivative everywhere; the others raise as NumPy does."""
    singular = np.ones((n, n)) * (n > 1)
    step = np.random.default_rng(n).normal(size=(n, n))
    got = np.sum(grad(lambda a: np.linalg.det(a))(singular) * step)
    assert near(got, slope(np.linalg.det, singular, step), 1e-6)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        grad(lambda a: np.sum(np.linalg.inv(a)))(singular)
    assert jit(lambda a: np.linalg.slogdet(a))(singular) == (0.0, -np.inf)
