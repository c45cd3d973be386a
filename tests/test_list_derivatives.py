"""Derivatives by and of lists: tangents and cotangents are lists, forward agrees with reverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import morula
from morula import grad, hvp, jit, jvp, linearize, vjp


def weighted(xs: list[float]) -> float:
    total = 0.0
    for k, x in enumerate(xs):
        total += (k + 1) * x * x
    return total


def multiples(n: int, x: float) -> list[float]:
    out = []
    for k in range(n):
        out.append(x * x * k)
    return out


def test_tangents_of_lists() -> None:
    assert jvp(weighted, ([1.0, 2.0],), ([1.0, 0.5],)) == (9.0, 6.0)
    assert hvp(weighted, ([1.0, 2.0],), ([1.0, 0.0],)) == ([2.0, 0.0],)
    value, push = linearize(weighted, [1.0, 2.0])
    assert (value, push([0.0, 1.0])) == (9.0, 8.0)
    assert jvp(lambda x: multiples(3, x), (2.0,), (1.0,)) == ([0.0, 4.0, 8.0], [0.0, 4.0, 8.0])

    def of_pairs(xs: list[tuple[float, int]]) -> float:
        return sum([a**k for a, k in xs])

    assert jvp(of_pairs, ([(2.0, 3), (5.0, 1)],), ([(1.0, None), (0.5, None)],))[1] == 12.5


def test_tangents_of_nested_lists_and_of_arrays() -> None:
    def nested(rows: list[list[float]]) -> float:
        return sum([sum(r) ** 2 for r in rows])

    rows, way = [[1.0, 2.0], [3.0], []], [[1.0, 0.0], [0.5], []]
    forward = jvp(nested, (rows,), (way,))[1]
    assert forward == sum(
        g * t
        for r, w in zip(grad(nested)(rows), way, strict=True)
        for g, t in zip(r, w, strict=True)
    )

    def arrays(xs: list[Any]) -> Any:
        return sum([np.sum(a * a * a) for a in xs])

    def given() -> list[Any]:
        return [np.array([1.0, 2.0]), np.array([0.5, -1.0, 2.0])]

    way2 = [np.array([1.0, -1.0]), np.array([0.3, 0.2, 0.1])]
    forward = jvp(arrays, (given(),), (way2,))[1]
    g = grad(arrays)(given())
    assert np.isclose(forward, sum(np.sum(a * t) for a, t in zip(g, way2, strict=True)))
    made = jvp(lambda x: [np.ones(2) * x**k for k in range(3)], (2.0,), (1.0,))[1]
    assert [a.tolist() for a in made] == [[0.0, 0.0], [1.0, 1.0], [4.0, 4.0]]


def test_cotangents_of_lists() -> None:
    value, back = vjp(lambda x: multiples(3, x), 2.0)
    assert value == [0.0, 4.0, 8.0]
    assert back([1.0, 1.0, 0.5]) == (8.0,) and back(None) == (0.0,)
    _, back = vjp(lambda x: (multiples(2, x), x * x), 2.0)
    assert back(([0.0, 1.0], 1.0)) == (8.0,) and back((None, 1.0)) == (4.0,)
    n = np.array([3])
    _, back = vjp(lambda x: [(x**k, k) for k in range(n[0])], 2.0)
    assert back([(0.0, None), (1.0, None), (1.0, None)]) == (5.0,)
    with pytest.raises(ValueError, match="ct has 9 elements"):
        back([(1.0, None)] * 9)
    with pytest.raises(morula.Error, match="E09"):
        back(1.0)


def test_inside_compiled_code() -> None:
    def both(n: int, x: float) -> Any:
        pushed = jvp(weighted, (multiples(n, x),), (multiples(n, 1.0),))[1]
        return pushed, vjp(lambda y: multiples(n, y), x)[1](multiples(n, x))[0]

    xs, ts = multiples(3, 2.0), multiples(3, 1.0)
    wanted = sum(2 * (k + 1) * x * t for k, (x, t) in enumerate(zip(xs, ts, strict=True)))
    assert jit(both)(3, 2.0) == (wanted, sum(x * 4.0 * k for k, x in enumerate(xs)))

    def second(x: float) -> Any:
        return vjp(lambda y: multiples(3, y), x)[1]([x, x, 1.0])[0]

    assert grad(second)(2.0) == pytest.approx(12.0)
    assert jvp(second, (2.0,), (1.0,))[1] == pytest.approx(12.0)


def test_refused() -> None:
    with pytest.raises(ValueError, match="a tangent has 1 elements, but its primal has 2"):
        jvp(weighted, ([1.0, 2.0],), ([1.0],))
    for word in (morula.jacfwd, morula.jacrev):
        with pytest.raises(morula.Error, match="a list as result"):
            word(lambda x: multiples(3, x))(2.0)
        with pytest.raises(morula.Error, match="complex numbers as"):
            word(lambda x: complex(x, x))(2.0)
    with pytest.raises(morula.Error, match="complex numbers as argument"):
        morula.jacfwd(lambda z: z * z)(1j)
