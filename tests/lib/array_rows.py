"""Programs over arrays: each takes a vector of five and a 3 by 4 matrix, and returns a float."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

# Programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def filled_by_a_function(out, t):
    for k in range(out.shape[0]):
        out[k] = t * k + out[k] * 0.5


def running_sum(x, m):
    y = np.zeros(len(x))
    s = 0.0
    for i in range(len(x)):
        s += x[i]
        y[i] = s * s
    return y[-1] + y[2] * y[1]


def second_name(x, m):
    y = x
    y[0] = 3.0 * x[1]
    x[1] += y[0]
    return np.sum(x * y)


def a_view_of_a_view(x, m):
    r = x[1:-1]
    r += 1.0
    r[::-1][0] = 7.0 * x[0]
    return np.sum(x[::2] ** 2) + x[-2] * r[-1]


def swapped_buffers(x, m):
    old, now = x.copy(), x * 2.0
    for _ in range(3):
        for i in range(len(x)):
            old[i] = now[i] * 1.1 + old[i - 1]
        old, now = now, old
    return np.dot(old, now)


def made_in_the_loop(x, m):
    v = x
    for k in range(3):
        w = np.zeros_like(v)
        for i in range(len(v)):
            w[i] = v[i - 1] * v[i] + k
        v = w
    return v[0] * v[3]


def chosen_by_if(x, m):
    y = np.zeros(5) if x[0] > 10.0 else x.copy()
    for i in range(len(x)):
        y[i] += x[i]
    z = m[0] if x[1] > 0.0 else m[1]
    z[1] = 3.0 * y[0]
    return np.sum(y * y) + m[0, 1] * m[1, 1]


def rows_and_columns(x, m):
    r, c = m[1], m[:, 2]
    r[2] = c[0] * x[0]
    c[1] *= 2.0
    m.T[0, 0] = r[2]
    filled_by_a_function(m[2], x[4])
    return np.sum(m * m) + r[0] * c[2]


def rows_of_a_loop(x, m):
    s = 0.0
    for row in m:
        row[0] = s
        for v in row:
            s += v * v * 0.1
    for a, b in zip(m, m[::-1], strict=True):
        s += np.dot(a, b)
    return s


def overlapping(x, m):
    x[1:] = x[:-1]
    x[:] = x[::-1] * 2.0
    x[2:] += x[:-2]
    m[1:, 1:] = m[:2, :3]
    return np.sum(x * np.arange(5)) + np.sum(m[1] * m[2])


def places(x, m):
    y = x.copy()
    y[y > 0.5] = 0.1
    y[[0, 0, 2]] += x[1]
    rows, columns = np.nonzero(m > 0.2)
    return np.sum(y * y) + m[rows, columns].sum() + np.sum(m[np.array([2, 0, 2])] ** 2)


def other_shapes(x, m):
    flat = m.ravel()
    flat[5] = x[0] * 3.0
    cube = m.reshape(2, 2, -1)
    cube[1, 0, 2] *= x[1]
    return np.sum(m * m) + cube[0, 1] @ cube[1, 1] + m.reshape(-1)[7] * m.size


def new_axes(x, m):
    d = x[:, None] - x[None, ...]
    return np.sum(np.abs(d) * d * x) + np.sum(m[..., None, 1] * m[:, [2]])


def broadcasting(x, m):
    y = m * x[:4] + m[:, :1] - m / (2.0 + m * m)
    y -= y.mean(axis=0)
    return np.sum(y * y) + np.max(m, axis=1, keepdims=True).sum() * np.min(x)


def untaken(x, m):
    """The root of a negative number has no part in the derivative."""
    y = np.where(m > 0.0, np.sqrt(m), 0.0) * np.where(m != 0.0, np.sin(m) / m, 1.0)
    return np.sum(y) + np.sum(np.where(x > 0.5, np.log(x), x * x))


def products(x, m):
    g = m @ m.T
    v = g @ x[:3] + x[1:] @ m.T
    return v @ v + np.outer(x, v)[2, 1] + np.dot(m[0], x[:-1]) + np.trace(g)


def by_name(x, m):
    a = np.concatenate([x, m[0] * 2.0])
    b = np.stack([a, np.roll(a, 2), np.flip(a)])
    c = np.vstack([m, m[::-1]]).T
    return np.sum(b[0] * b[1] * b[2]) + np.linalg.norm(c) + np.var(x) + np.std(m, axis=0).sum()


def sorted_values(x, m):
    order = np.argsort(x)
    y = np.sort(m[1])
    return np.sum(x[order] * np.arange(5)) + y[0] * y[3] + np.cumsum(x)[3] + np.cumprod(x)[2]


def linear_system(x, m):
    a = m[:, :3] + 3.0 * np.eye(3)
    return np.sum(np.linalg.solve(a, x[:3]) * x[2:])


def gauss_seidel(x, m):
    v = np.zeros((4, 5))
    for _ in range(3):
        for i in range(1, 3):
            for j in range(1, 4):
                v[i, j] += 1.2 * (
                    0.25 * (v[i - 1, j] + v[i + 1, j] + v[i, j - 1] + v[i, j + 1] + m[i, j])
                    - v[i, j]
                )
    return np.sum(v * v)


def ints_and_bools(x, m):
    count = np.zeros(3, dtype=int)
    seen = np.zeros(4, dtype=bool)
    s = 0.0
    for i in range(3):
        for j in range(4):
            if m[i, j] > 0.1 and not seen[j]:
                count[i] += 1
                seen[j] = True
                s += m[i, j] * (count[i] + i)
    return s * np.sum(count) + np.sum(x[:4] * ~seen)


def while_with_writes(x, m):
    y = x.copy()
    k = 0
    while np.sum(y * y) > 0.2 and k < 50:
        y *= 0.8
        y[k % 5] += 0.01 * x[0]
        k += 1
    return np.sum(y) * k


def recursive_halves(x, m):
    def total(v):
        if len(v) == 1:
            return v[0] * v[0]
        half = len(v) // 2
        return total(v[:half]) + total(v[half:]) * 1.5

    return total(x) + total(m.ravel())


def stops_early(x, m):
    y = x.copy()
    for i in range(len(y)):
        if y[i] > 0.8:
            break
        y[i] = math.exp(y[i]) + y[i - 1]
    else:
        return np.sum(y)
    return np.sum(y) * 2.0


def best_of_several(x, m):
    """What the inner loops read is overwritten later, by the best of what they gave."""
    v, total = x[:4].copy(), 0.0
    for s in range(4):
        best = -math.inf
        for a in range(3):
            q = 0.0
            for t in range(4):
                q += m[a, t] * v[t] * v[t] + v[t] * v[s]
            if q > best:
                best = q
        v[s] = math.tanh(best)
        total += best
    return total + np.sum(v)


ROWS: list[Callable[[Any, Any], Any]] = [
    running_sum, second_name, a_view_of_a_view, swapped_buffers, made_in_the_loop, chosen_by_if,
    rows_and_columns, rows_of_a_loop, overlapping, places, other_shapes, new_axes, broadcasting,
    untaken, products, by_name, sorted_values, linear_system, gauss_seidel, ints_and_bools,
    while_with_writes, recursive_halves, stops_early, best_of_several,
]  # fmt: skip
