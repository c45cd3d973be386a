"""Lists of arrays and of lists, and lists as arguments, beside CPython."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import morula

X = np.array([1.0, 2.0, -0.5])


@dataclass(frozen=True)
class Point:
    x: float
    n: int


# ---- programs, each with arguments --------------------------------------------------------------


def copies(x: Any, n: int) -> Any:
    rows = []
    for _ in range(n):
        rows.append(x.copy())
        x[0] += 1.0
    rows[1][2] = 7.0
    s = 0.0
    for r in rows:
        s += r[0] * r[2]
    return s


def one_object_twice(x: Any, n: int) -> Any:
    rows = []
    for k in range(n):
        rows.append(x * k)
    rows.append(rows[0])
    rows[0][1] = 100.0
    return rows[-1][1] + rows[n][1]


def through_a_name(x: Any, n: int) -> Any:
    rows = [x * k for k in range(n)]
    b = rows[1]
    b += 1.0
    c = rows[1:]
    return c[0][0] + b[1], len(c)


def appended_inside(n: int) -> Any:
    rows: list[list[float]] = []
    for _ in range(n):
        rows.append([])
    for i in range(n):
        for j in range(i):
            rows[j].append(i * 1.5)
    s = 0.0
    for r in rows:
        for v in r:
            s = s * 0.9 + v
    return s, len(rows[0]), rows[1].pop(), len(rows[1])


def swapped(n: int) -> Any:
    rows = [[0.0] * n for _ in range(n)]
    for i in range(n):
        rows[i][i] = 1.0
    rows[0], rows[1] = rows[1], rows[0]
    rows[0][2] = 5.0
    return rows[1][0], rows[0][1], rows[0][2], rows[1][2]


def stack(x: Any) -> Any:
    todo, s, k = [x], 0.0, 0
    while todo:
        y = todo.pop()
        s += y[0]
        if len(todo) + k < 5:
            todo.append(y * 0.5)
            todo.append(y[::-1])
            k += 1
    return s


def groups(n: int) -> Any:
    found: list[list[tuple[int, float]]] = [[] for _ in range(3)]
    for i in range(n * 3):
        found[i % 3].append((i, i * 0.5))
    return [len(g) for g in found], found[1][2][1], found[2][-1]


def path(x: Any, n: int) -> Any:
    points = [x]
    for _ in range(n):
        points.append(np.sin(points[-1]))
    a = np.array(points)
    return a, a.shape[0]


def cube(n: int) -> Any:
    made = [[[i + j * k for k in range(n)] for j in range(n)] for i in range(n)]
    made[1][2][0] = 50
    s = 0
    for plane in made:
        for row in plane:
            for v in row:
                s += v
    return s, made[1][2][0], np.array(made[0]), made


def named_rows(x: Any, n: int) -> Any:
    rows = []
    for k in range(n):
        r = np.zeros(2)
        r[0] = k
        r[1] = x[k % 3]
        rows.append(r)
    rows[2][0] += 10.0
    rows.pop(0)
    rows.insert(1, x[:2] * 3.0)
    return rows[1][0], rows[2][0], len(rows), rows[0][1]


def in_dicts(x: Any, n: int) -> Any:
    out = []
    for k in range(n):
        out.append({"x": x * k, "k": k})
    return out[1]["x"][1], out[2]["k"]


def methods(n: int) -> Any:
    rows = [[i] * i for i in range(n)]
    rows[2].extend([7, 8])
    rows[3].reverse()
    rows[3].insert(1, -1)
    rows[2].pop(0)
    rows[1].clear()
    rows[3].sort()
    kept = rows[2].copy()
    return rows, rows[2].index(7), rows[3].count(3), sum(rows[3]), max(rows[2]), 8 in kept


def pascal(n: int) -> Any:
    rows = [[1]]
    for _ in range(n):
        row = [1]
        for a, b in zip(rows[-1][:-1], rows[-1][1:], strict=True):
            row.append(a + b)
        row.append(1)
        rows.append(row)
    return rows


def of_one_list(xs: Any) -> Any:
    doubled = [v * 2 for v in xs]
    return sum(xs), len(xs), xs[-1], max(xs), sorted(xs), doubled, [*xs, 7.0], xs[::-1]


def ordered(points: Any) -> Any:
    return sorted(points, key=lambda p: p[1]), sorted(points, key=lambda p: -p[0], reverse=True)


def of_rows(rows: Any) -> Any:
    flat = []
    for r in rows:
        flat.append(r[0])
        flat.extend(r[1:])
    mine = list(rows[0])
    mine[0] = 7.0
    return sum([sum(r) for r in rows]), flat, mine, rows[0][0], len(rows[-1])


def changed(xs: Any, v: Any) -> Any:
    xs.append(v)
    xs[0] = 9.0
    return len(xs)


def of_records(points: Any, d: Any) -> Any:
    return sum([p.x * p.n for p in points]), sum(d["a"]) * d["b"][0]


def of_arrays(arrays: Any) -> Any:
    first, second = arrays
    return first[1] + second.sum(), np.array(arrays).shape


def as_arrays(xs: Any, m: Any) -> Any:
    return np.mean(xs), np.sqrt(xs), np.dot(xs, xs), np.array(m) @ np.ones(2), xs == [1.0, 4.0]


RIGHT: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (copies, (X, 4)),
    (one_object_twice, (X, 3)),
    (through_a_name, (X, 3)),
    (appended_inside, (4,)),
    (swapped, (3,)),
    (stack, (X,)),
    (groups, (4,)),
    (path, (X, 3)),
    (cube, (3,)),
    (named_rows, (X, 5)),
    (in_dicts, (X, 3)),
    (methods, (4,)),
    (pascal, (4,)),
    (of_one_list, ([1.0, 3.0, 2.0],)),
    (ordered, ([(1.0, 3), (5.0, 1), (2.0, 3), (2.0, 1)],)),
    (of_rows, ([[1.0, 2.0], [3.0]],)),
    (changed, ([1.0, 2.0], 5.0)),
    (of_records, ([Point(1.0, 2), Point(2.0, 3)], {"a": [1.0, 2.0], "b": [3, 4]})),
    (of_arrays, ([np.array([1.0, 2.0]), np.array([3.0, 4.0])],)),
    (as_arrays, ([1.0, 4.0], [[1.0, 2.0], [3.0, 4.0]])),
]


def plain(value: Any) -> Any:
    """Arrays as lists, and NumPy's numbers as Python's, all the way down."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


@pytest.mark.parametrize(("f", "args"), RIGHT, ids=lambda v: getattr(v, "__name__", ""))
def test_as_in_cpython(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
    expected = plain(f(*theirs))
    assert plain(morula.jit(f)(*ours)) == expected
    assert plain(ours) == plain(theirs)
    interpreted = copy.deepcopy(args)
    assert plain(morula.lower(f, *interpreted).run("memory")) == expected


def test_what_python_raises() -> None:
    cases: list[tuple[Callable[..., Any], tuple[Any, ...], type[Exception]]] = [
        (lambda xs, i: xs[i], ([1.0], 1), IndexError),
        (lambda rows, i: rows[0][i], ([[1.0]], -2), IndexError),
        (lambda xs: xs.pop(), ([],), IndexError),
        (lambda xs: xs.index(3.0), ([1.0],), ValueError),
        (lambda rows: np.array(rows), ([[1.0], [2.0, 3.0]],), ValueError),
    ]
    for f, args, kind in cases:
        with pytest.raises(kind):
            morula.jit(f)(*args)


# ---- E11: what somebody else holds, too ---------------------------------------------------------


def appended_and_written(x: Any, n: int) -> Any:
    rows = []
    for _ in range(n):
        rows.append(x)
        x[0] += 1.0
    return rows[0][0]


def written_after_a_slice(x: Any, n: int) -> Any:
    rows = [x * k for k in range(n)]
    c = rows[1:]
    c[0][0] = 5.0
    return rows[1][0]


def one_row_many_times(x: Any, n: int) -> Any:
    row = [x[0] for _ in range(n)]
    rows = [row for _ in range(n)]
    rows[0][0] = 1.0
    return rows[1][0]


def used_afterwards(x: Any, n: int) -> Any:
    rows = []
    for k in range(n):
        r = x * k
        rows.append(r)
        r[0] = 9.0
    return rows[1][0]


def list_used_afterwards(x: Any, n: int) -> Any:
    a = [x[0] * i for i in range(n)]
    rows = []
    for _ in range(n):
        rows.append(a)
    a.append(5.0)
    return len(rows[0])


def view_and_its_array(x: Any, n: int) -> Any:
    parts = [x[k:] for k in range(n)]
    x[0] = 3.0
    return parts[0][0]


@pytest.mark.parametrize(
    "f",
    [
        appended_and_written,
        written_after_a_slice,
        one_row_many_times,
        used_afterwards,
        list_used_afterwards,
        view_and_its_array,
    ],
)
def test_a_write_that_two_would_see(f: Callable[..., Any]) -> None:
    with pytest.raises(morula.Error) as caught:
        morula.jit(f)(X.copy(), 3)
    assert caught.value.code == "E11" and "appended at line" in str(caught.value)


def test_lists_in_an_argument_are_not_written() -> None:
    def grown(rows: Any) -> Any:
        rows[0].append(1.0)
        return len(rows[0])

    def twice(a: Any, b: Any) -> Any:
        a.append(1.0)
        return len(b)

    with pytest.raises(morula.Error) as caught:
        morula.jit(grown)([[1.0]])
    assert caught.value.code == "E11"
    xs = [1.0]
    with pytest.raises(morula.Error, match="stands twice") as caught:
        morula.jit(twice)(xs, xs)
    assert caught.value.code == "E11" and xs == [1.0]


# ---- derivatives --------------------------------------------------------------------------------


def energy(x: Any, n: int) -> Any:
    points = [x]
    for k in range(n):
        points.append(points[-1] + 0.1 * np.sin(points[-1] * (k + 1)))
    points[1][0] = x[1] * 2.0
    s = 0.0
    for a, b in zip(points[:-1], points[1:], strict=True):
        s += np.sum((b - a) ** 2) * a[0]
    return s


def table(x: Any, n: int) -> Any:
    rows = [[x[0] * (i + j) for j in range(i + 1)] for i in range(n)]
    for i in range(1, n):
        for j in range(i):
            rows[i][j] = rows[i - 1][j] * rows[i][j + 1] + x[1]
        rows[i].append(x[2] * i)
    return sum([sum(r) for r in rows]) * rows[n - 1][0]


@pytest.mark.parametrize("f", [energy, table])
def test_derivatives_through_lists(f: Callable[..., Any]) -> None:
    """Against differences, forward against reverse, and the second order."""
    morula.check_grads(f, (X * 0.3, 4), order=2)


def network(layers: Any, x: Any) -> Any:
    for w, b in layers:
        x = np.tanh(w @ x + b)
    return np.sum(x)


def test_derivatives_by_lists() -> None:
    def squares(w: Any) -> Any:
        return sum([v**2 for v in w])

    assert morula.grad(squares)([1.0, 2.0]) == [2.0, 4.0]
    assert morula.grad(lambda w: morula.grad(squares)(w)[0] * 3.0)([1.0, 2.0]) == [6.0, 0.0]

    def nested(rows: Any, points: Any) -> Any:
        s = sum([sum([v * v for v in r]) for r in rows])
        return (s + sum([x**3 * k for x, k in points])) * rows[0][0]

    got = morula.grad(nested, argnums=(0, 1))([[1.0, 2.0], [3.0]], [(1.0, 2), (2.0, 3)])
    assert got == ([[42.0, 4.0], [6.0]], [(6.0, None), (36.0, None)])

    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in ((3, 2), (2, 4), (4, 1))]
    by_list = morula.grad(network)(layers, X)
    by_tuple = morula.grad(network)(tuple(layers), X)
    for (a, b), (c, d) in zip(by_list, by_tuple, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-12)
        np.testing.assert_allclose(b, d, rtol=1e-12)

    def step(ws: Any) -> Any:
        return [w - 0.1 * g for w, g in zip(ws, morula.grad(squares)(ws), strict=True)]

    assert morula.jit(step)([1.0, 2.0]) == [0.8, 1.6]
