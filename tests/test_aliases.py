"""What LLVM is told of arrays that share no memory, and that it is true."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import morula


def scoped(f: Any, *args: Any) -> tuple[int, int]:
    """Loads and stores of doubles in the native text of f: with a scope, and all."""
    text = morula.jit(f).lower(*args).text("llvm")
    entry = text[text.index("fastcc { i32") : text.index("define i32")]
    found = re.findall(r"^.*(?:load double|store double).*$", entry, re.M)
    return sum("!alias.scope" in line for line in found), len(found)


def two(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = 2.0 * x[i]
    return y[0]


def swapped(x: Any, n: int) -> Any:
    a, b = x * 1.0, np.zeros(len(x))
    for _ in range(n):
        for i in range(1, len(a)):
            b[i] = a[i - 1] + 0.5 * a[i]
        a, b = b, a
    return np.sum(a * a) + 2.0 * np.sum(b)


def given_back(x: Any, n: int) -> Any:
    total = 0.0
    for k in range(n):
        u = x * (k + 1.0)
        v = np.zeros(len(x))
        for i in range(1, len(x)):
            v[i] = u[i - 1] + v[i - 1]
        total += v[-1] + v[k]
    w = np.zeros(len(x))
    w[1:] = x[:-1]
    return total * np.sum(w)


def shift(a: Any, b: Any) -> None:
    for i in range(1, len(a)):
        a[i] = b[i - 1] * 0.5 + a[i - 1]


def by_turns(x: Any, n: int) -> Any:
    a, b = x * 1.0, x * 2.0
    for k in range(n):
        if k % 2 == 0:
            shift(a, b)
        else:
            shift(b, a)
        shift(b, a)
    return np.sum(a) - np.sum(b * x)


def test_two_arrays_have_scopes_and_swapped_ones_have_none() -> None:
    x = np.arange(1.0, 5.0)
    assert scoped(two, x) == (3, 3)
    some, every = scoped(swapped, x, 3)
    assert 0 < some < every
    assert "noalias.scope.decl" in morula.jit(two).lower(x).text("llvm")


def test_results_are_those_of_python() -> None:
    x = np.linspace(0.5, 1.5, 37)
    for f in (swapped, given_back, by_turns):
        for n in (0, 1, 2, 5):
            expected = f(x.copy(), n)
            assert np.isclose(morula.jit(f)(x.copy(), n), expected, rtol=1e-13)
            lowered = morula.grad(f).lower(x, n)
            got = morula.grad(f)(x.copy(), n)
            assert np.allclose(got, lowered.run("memory"), rtol=1e-12)
            u, h = np.cos(np.arange(37.0)), 1e-6
            slope = (f(x + h * u, n) - f(x - h * u, n)) / (2 * h)
            assert np.isclose(got @ u, slope, rtol=1e-5, atol=1e-7)
