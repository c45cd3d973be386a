"""Lists whose length the run decides: values at every stage, and derivatives to order two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import morula

# Programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def appended(x, n):
    path = []
    for k in range(n):
        path.append(x)
        x = x + math.sin(x * k)
    s = 0.0
    for i in range(len(path)):
        s += path[i] * path[len(path) - 1 - i]
    return s


def written_and_read(x, n):
    xs = [x * k for k in range(n)]
    xs[1] = 7.0 * x
    other = xs
    other[-1] *= x
    return sum(xs) + xs[-1] * len(xs)


def of_pairs(x, n):
    points = [(x, 1)]
    for k in range(n):
        a, b = points[-1]
        points.append((a * 0.9 + x * k, b + k))
    s = 0.0
    for i, (a, b) in enumerate(points[1:]):
        s += a * b * i * a
    return s


def popped_and_inserted(x, n):
    xs = []
    for k in range(n):
        xs.append((x * k, k))
        if k % 3 == 2:
            xs.pop()
        if k == 4:
            xs.insert(1, (x, 9))
            xs.pop(0)
    s = 0.0
    for a, b in xs:
        s += a * b * a
    return s


def extended(x, n):
    ys = [x**k for k in range(n)]
    ys.extend([1.0, x])
    ys += [y * 2 for y in ys[::2]]
    ys.reverse()
    zs = ys + [x] * n
    return np.sum(np.array(zs) * np.arange(len(zs))) + max(ys) + (1.0 if ys else 0.0)


def filtered(x, n):
    a = list(x * k for k in list(range(n)))
    b = [math.sin(v) for v in a if v < 2.0]
    return sum(b) * len(b) + min(b)


def nested(x, n):
    flat = [x * i + j for i in range(n) for j in range(i) if j != 1]
    fixed = [x * i * j for i in (1, 2) for j in range(n)]
    third = [x + i - j for i in range(n) for j in (1, 2)]
    flat.append(x)
    return sum(flat) * len(flat) + sum(fixed) * len(fixed) + sum(third) * third[-1]


def of_known_length_beside(x, n):
    out, rows = [], []
    for i in range(n):
        out.append(x * i)
        rows = [x * j for j in (1, 2)]
        rows.append(x * i)
    table = [[x * i + j for j in (0, 1)] for i in (0, 1, 2)]
    table[1][0] = 5.0
    return sum(out) + sum(rows) * table[1][0] + table[2][1] * len(table)


def filled_by_a_function(x, n):
    def fill(xs, t):
        while len(xs) < n:
            xs.append(t * len(xs))

    out: Any = []
    fill(out, x)
    fill(out, x * 100.0)
    return sum(out) + out[n // 2] ** 2


def a_queue(x, n):
    best = [1e9 for _ in range(n)]
    best[0] = x
    queue = [0]
    head = 0
    while head < len(queue):
        at = queue[head]
        head += 1
        for to in (at + 1, at + 2):
            if to < n and best[at] + x * to < best[to]:
                best[to] = best[at] + x * to
                queue.append(to)
    return best[n - 1] ** 2


ROWS: list[Callable[[Any, Any], Any]] = [
    appended, written_and_read, of_pairs, popped_and_inserted, extended, filtered, nested,
    of_known_length_beside,    filled_by_a_function, a_queue,
]  # fmt: skip


@pytest.mark.parametrize("f", ROWS, ids=[f.__name__ for f in ROWS])
@pytest.mark.parametrize("n", [2, 7])
def test_program(f: Callable[[Any, Any], Any], n: int) -> None:
    x, h = 0.7, 1e-6
    expected = f(x, n)
    assert abs(morula.jit(f)(x, n) - expected) <= 1e-12 * max(1.0, abs(expected))
    lowered = morula.lower(f, x, n)
    for stage in ("ssa", "closed", "typed", "opt", "memory"):
        assert abs(lowered.run(stage, x, n) - expected) <= 1e-12 * max(1.0, abs(expected))
    slope = (f(x + h, n) - f(x - h, n)) / (2 * h)
    g = morula.grad(f)
    _, forward = morula.jvp(f, (x, n), (1.0, None))
    assert abs(g(x, n) - slope) <= 1e-6 * max(1.0, abs(slope))
    assert abs(forward - g(x, n)) <= 1e-10 * max(1.0, abs(slope))
    again = (g(x + h, n) - g(x - h, n)) / (2 * h)
    second = morula.grad(g)(x, n)
    _, crossed = morula.jvp(g, (x, n), (1.0, None))
    assert abs(second - again) <= 1e-5 * max(1.0, abs(again))
    assert abs(second - crossed) <= 1e-9 * max(1.0, abs(again))


def test_a_list_comes_back() -> None:
    def halves(x: Any, n: Any) -> Any:
        out: Any = []
        for k in range(n):
            out.append((x / (k + 1), k))
        return out

    assert morula.jit(halves)(3.0, 3) == halves(3.0, 3)
    assert morula.jit(halves)(3.0, 0) == []


def test_errors_are_pythons() -> None:
    def at(n: Any, i: Any) -> Any:
        xs = [k * 0.5 for k in range(n)]
        return xs[i]

    g = morula.jit(at)
    assert g(3, -3) == 0.0
    for i in (3, -4):
        with pytest.raises(IndexError, match="list index out of range"):
            g(3, i)

    def emptied(n: Any) -> Any:
        xs = [1.0 for _ in range(n)]
        xs.pop()
        return xs.pop()

    assert morula.jit(emptied)(2) == 1.0
    with pytest.raises(IndexError, match="pop from empty list"):
        morula.jit(emptied)(1)


def test_appends_are_linear() -> None:
    """Twice as many appends take about twice the memory, not four times: buffers double."""

    def build(x: Any, n: Any) -> Any:
        xs = []
        for k in range(n):
            xs.append(x * k)
        return xs[-1]

    assert morula.grad(build)(1.0, 300_000) == 299_999.0
