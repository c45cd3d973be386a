"""`vmap` beside plain loops: structures, axes, derivatives of it and under it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import morula
from morula import grad, jit, vmap

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.5]])
Y = np.array([1.0, 2.0, -1.0])
W = np.array([0.3, -0.2])


def loss(w: Any, x: Any, y: Any) -> Any:
    return (np.tanh(w @ x) - y) ** 2


def test_numbers_and_arrays() -> None:
    assert vmap(lambda r: r.sum() * r[0])(X).tolist() == [0.0, 10.0, 38.0]
    assert vmap(lambda r, b: r * b, in_axes=(0, None))(X, 2.0).tolist() == (X * 2).tolist()
    assert vmap(lambda a: math.sin(a) if a > 0 else 0.0)(Y).tolist() == [
        math.sin(1.0), math.sin(2.0), 0.0,
    ]  # fmt: skip
    counts = vmap(lambda k, b: (k + 1, k > 1, b))(np.arange(3), np.array([True, False, True]))
    assert [c.tolist() for c in counts] == [[1, 2, 3], [False, False, True], [True, False, True]]
    assert [c.dtype for c in counts] == [np.int64, np.bool_, np.bool_]


@dataclass
class Example:
    x: Any
    weight: Any


def test_structures() -> None:
    got = vmap(lambda r: (r * 2.0, {"s": r[0], "n": 1, "name": "row"}))(X)
    assert got[0].tolist() == (X * 2).tolist() and got[1]["s"].tolist() == [0.0, 2.0, 4.0]
    assert got[1]["n"].tolist() == [1, 1, 1] and got[1]["name"] == "row"
    pairs = vmap(lambda p: p[0] * p[1], in_axes=((0, None),))((Y, 3.0))
    assert pairs.tolist() == (3 * Y).tolist()
    made = vmap(lambda e: Example(e.x + 1.0, e.weight * e.x.sum()))(Example(X, Y))
    assert isinstance(made, Example) and made.x.tolist() == (X + 1).tolist()
    assert np.asarray(made.weight).tolist() == (Y * X.sum(1)).tolist()


def test_axes() -> None:
    assert vmap(lambda c: c.sum(), in_axes=1)(X).tolist() == X.sum(0).tolist()
    assert vmap(lambda c: c * 2, in_axes=1, out_axes=1)(X).tolist() == (X * 2).tolist()
    assert vmap(lambda c: c * 2, in_axes=-1, out_axes=-1)(X).tolist() == (X * 2).tolist()
    a, b = vmap(lambda r: (r, r), out_axes=(1, 0))(X)
    assert a.tolist() == X.T.tolist() and b.tolist() == X.tolist()
    outer = vmap(vmap(lambda a, b: a * b, in_axes=(None, 0)), in_axes=(0, None))(Y, W)
    np.testing.assert_allclose(outer, np.outer(Y, W))


def scaled(a: Any, n: Any = 2.0) -> Any:
    return a * n


def test_axes_by_name_and_defaults() -> None:
    """As in JAX, an argument by keyword is taken apart along axis 0, and a default is whole."""

    def of_parts(p: Any) -> Any:
        return p["a"].sum() + p["b"]

    def of_record(e: Example) -> Any:
        return e.x.sum() * e.weight

    expected = X.sum(1) + 2.0
    for axes in ({"a": 0, "b": None}, {"b": None, "a": 0}):
        assert vmap(of_parts, in_axes=(axes,))({"a": X, "b": 2.0}).tolist() == expected.tolist()
    by_record = vmap(of_record, in_axes=(Example(1, None),))(Example(X, 2.0))
    assert by_record.tolist() == (2.0 * X.sum(0)).tolist()
    got = vmap(lambda r: {"u": r, "v": r}, out_axes={"v": 1, "u": 0})(X)
    assert got["u"].tolist() == X.tolist() and got["v"].tolist() == X.T.tolist()
    for some in (0, (0,), [0]):
        assert vmap(scaled, in_axes=some)(X).tolist() == (2 * X).tolist()
        assert vmap(scaled, in_axes=some)(X, n=Y).tolist() == (X.T * Y).T.tolist()
    assert vmap(lambda *a: a[0] * a[1], in_axes=(0, None))(X, 3.0).tolist() == (3 * X).tolist()
    assert vmap(lambda a, *, s=3.0: a * s, in_axes=1)(X).tolist() == (3 * X.T).tolist()


COLUMNS = vmap(lambda c, s: c.sum() * s, in_axes=(1, None))


@jit
def in_several_ways(x: Any, s: Any) -> Any:
    named = vmap(lambda p: p["a"].sum() * p["s"], in_axes=({"a": 1, "s": None},))
    gathered = vmap(lambda *a: a[0].sum() * a[1], in_axes=(1, None))
    return COLUMNS(x, s), named({"a": x, "s": s}), gathered(x, s), vmap(scaled)(x), vmap(np.sin)(x)


def test_axes_inside_compiled_functions() -> None:
    *sums, doubled, sines = in_several_ways(X, 2.0)
    for found in sums:
        assert found.tolist() == (2.0 * X.sum(0)).tolist()
    assert doubled.tolist() == (2 * X).tolist()
    np.testing.assert_allclose(sines, np.sin(X))
    for derivative in (morula.jacfwd, morula.jacrev):
        by_s = derivative(vmap(lambda *a: a[0].sum() * a[1], in_axes=(1, None)), 1)(X, 2.0)
        assert by_s.tolist() == X.sum(0).tolist()


def test_one_gradient_for_each_example() -> None:
    per_example = vmap(grad(loss), in_axes=(None, 0, 0))
    got = per_example(W, X, Y)
    expected = np.stack([grad(loss)(W, x, y) for x, y in zip(X, Y, strict=True)])
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    lowered = morula.lower(per_example, W, X, Y)
    for stage in ("typed", "ad", "opt", "memory"):
        np.testing.assert_allclose(lowered.run(stage), expected, rtol=1e-12)


def test_derivatives_by_the_example() -> None:
    def cubes(r: Any) -> Any:
        return (r**3).sum()

    np.testing.assert_allclose(vmap(grad(cubes))(X), 3 * X**2)
    np.testing.assert_allclose(vmap(morula.hessian(cubes))(X), [np.diag(6 * r) for r in X])
    for jacobian in (morula.jacfwd, morula.jacrev):
        np.testing.assert_allclose(vmap(jacobian(lambda r: r * r))(X), [np.diag(2 * r) for r in X])
    by_both = vmap(grad(loss, (0, 1)), in_axes=(None, 0, 0))(W, X, Y)
    for k, r in enumerate(X):
        for mine, his in zip(by_both, grad(loss, (0, 1))(W, r, Y[k]), strict=True):
            np.testing.assert_allclose(mine[k], his)


def total(w: Any, s: Any) -> Any:
    return np.sum(vmap(loss, in_axes=(None, 0, 0))(w, X, Y) * s)


def test_derivatives_through_it() -> None:
    s = np.array([1.0, 0.5, 2.0])
    by_hand = sum(k * grad(loss)(W, x, y) for k, x, y in zip(s, X, Y, strict=True))
    np.testing.assert_allclose(grad(total)(W, s), by_hand, rtol=1e-12)
    moved = morula.jvp(total, (W, s), (np.array([1.0, -2.0]), np.zeros(3)))[1]
    np.testing.assert_allclose(moved, by_hand @ [1.0, -2.0], rtol=1e-12)
    second = sum(k * morula.hessian(loss)(W, x, y) for k, x, y in zip(s, X, Y, strict=True))
    np.testing.assert_allclose(morula.hessian(total)(W, s), second, rtol=1e-10)


@jit
def inside(x: Any, scale: Any) -> Any:
    rows = vmap(lambda r: np.exp(-scale * r))(x)
    counts = np.zeros(len(x))

    def count(k: Any) -> Any:
        counts[k] += 1.0
        return counts[k]

    return rows.sum() + vmap(count)(np.arange(len(x))).sum()


def test_inside_compiled_functions() -> None:
    assert inside(X, 0.5) == pytest.approx(np.exp(-0.5 * X).sum() + 3.0)
    assert grad(inside, 1)(X, 0.5) == pytest.approx((-X * np.exp(-0.5 * X)).sum())


def test_batches_of_length_zero_and_one() -> None:
    assert vmap(lambda a: a * 2)(np.zeros(0)).shape == (0,)
    assert vmap(lambda r: r * 2)(X[:1]).tolist() == (X[:1] * 2).tolist()
    with pytest.raises(ValueError, match="length 0"):
        vmap(lambda r: r * 2)(np.zeros((0, 3)))


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for disabled in ("0", "1"):
        monkeypatch.setenv("MORULA_DISABLE_JIT", disabled)
        with pytest.raises(ValueError, match="axis 1 of a has size 2 and axis 0 of b.y has size 3"):
            vmap(lambda a, b: a * b["y"], in_axes=(1, 0))(X, {"y": Y})
        with pytest.raises(ValueError, match=r"\(1,\) for example 1, \(2,\) for example 0"):
            vmap(lambda n: np.ones(n))(np.array([2, 1]))
    refused: list[tuple[Callable[[], Any], str]] = [
        (lambda: vmap(lambda a: a)(2.0), "over a float"),
        (lambda: vmap(lambda a: a, in_axes=2)(X), "the axis 2"),
        (lambda: vmap(lambda a, b: a, in_axes=(0,))(X, Y), "in_axes"),
        (lambda: vmap(lambda a, b: a, in_axes=(0, 0, 0))(X, Y), "in_axes"),
        (lambda: vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": X}), "in_axes"),
        (lambda: vmap(lambda a, b: a * b)(X, 2.0), "over a float"),
        (lambda: vmap(lambda a: a, in_axes=(None,))(X), "over no array"),
        (lambda: vmap(lambda a: a, out_axes=3)(X), "the axis 3"),
        (lambda: vmap(lambda a: [a for _ in range(int(a[0]))])(X), "returns"),
    ]
    for call, text in refused:
        with pytest.raises(morula.Error, match=text) as caught:
            call()
        assert caught.value.code in ("E01", "E03")
    with pytest.raises(TypeError, match="say which"):
        vmap(lambda a: a, in_axes=None)
    with pytest.raises(TypeError, match="axes are ints"):
        vmap(lambda a: a, in_axes="x")
