"""Arrays written in place: values, arguments and derivatives, against NumPy and differences.

MORULA_SEEDS="100:400" tries other random programs than the first 20.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import array_programs
import morula
from agreement import equal, outcome
from array_rows import ROWS
from morula.backend.bufferize import bufferize
from morula.ir.interpreter import run
from native_code import Native

first, _, end = os.environ.get("MORULA_SEEDS", "0:20").partition(":")
X = np.array([0.3, 0.9, 0.55, -0.2, 0.7])
M = np.random.default_rng(7).uniform(-1.0, 1.0, (3, 4))
F = Callable[..., Any]
pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")


def near(a: Any, b: Any, rtol: float) -> bool:
    return bool(np.allclose(a, b, rtol=rtol, atol=rtol))


def along(f: F, args: tuple[Any, ...], way: tuple[Any, ...], h: float) -> float:
    """The slope of f at args in a direction, by a central difference."""
    up = [a + h * d for a, d in zip(args, way, strict=True)]
    down = [a - h * d for a, d in zip(args, way, strict=True)]
    return float((f(*up) - f(*down)) / (2 * h))


def copies(*args: Any) -> tuple[Any, ...]:
    return tuple([a.copy() if isinstance(a, np.ndarray) else a for a in args])


def directions(seed: int) -> tuple[Any, ...]:
    r = np.random.default_rng(seed)
    return r.uniform(-1, 1, X.shape), r.uniform(-1, 1, M.shape)


def dot(a: tuple[Any, ...], b: tuple[Any, ...]) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


@pytest.mark.parametrize("f", ROWS, ids=[f.__name__ for f in ROWS])
def test_values_at_every_stage(f: F) -> None:
    mine, other = copies(X, M), copies(X, M)
    expected = f(*mine)
    assert near(morula.jit(f)(*other), expected, 1e-12)
    for a, b in zip(mine, other, strict=True):  # what it writes, the caller sees
        assert near(a, b, 1e-12)
    lowered = morula.lower(f, *copies(X, M))
    for stage in ("ssa", "closed", "typed", "opt", "memory"):
        assert near(lowered.run(stage, *copies(X, M)), expected, 1e-12), stage


@pytest.mark.parametrize("f", ROWS, ids=[f.__name__ for f in ROWS])
def test_derivatives(f: F) -> None:
    way, other = directions(1), directions(2)
    gradient = morula.grad(f, argnums=(0, 1))
    slope = along(f, (X, M), way, 1e-6)
    got = gradient(*copies(X, M))
    _, forward = morula.jvp(f, copies(X, M), way)
    assert near(dot(got, way), slope, 1e-6) and near(forward, slope, 1e-6)

    def directed(x: Any, m: Any) -> Any:
        gx, gm = morula.grad(f, argnums=(0, 1))(x.copy(), m.copy())
        return np.sum(gx * way[0]) + np.sum(gm * way[1])

    second = morula.grad(directed, argnums=(0, 1))(*copies(X, M))
    _, crossed = morula.jvp(directed, copies(X, M), other)
    wanted = along(lambda x, m: dot(gradient(*copies(x, m)), way), (X, M), other, 1e-6)
    assert near(dot(second, other), wanted, 1e-5) and near(crossed, wanted, 1e-5)


@pytest.mark.parametrize("f", ROWS[:8], ids=[f.__name__ for f in ROWS[:8]])
def test_a_gradient_call_writes_as_a_call_does(f: F) -> None:
    mine, other = copies(X, M), copies(X, M)
    f(*mine)
    morula.grad(f, argnums=(0, 1))(*other)
    for a, b in zip(mine, other, strict=True):
        assert near(a, b, 1e-12)


# ---- random programs


def arguments(k: int) -> tuple[Any, ...]:
    r = np.random.default_rng(k)
    return r.uniform(-1, 1, 4), r.uniform(-1, 1, (3, 4)), float(r.uniform(-1, 1)), k % 3 + 1


def started(f: F, n: int, *floats: Any) -> Any:
    return f(*copies(*floats), n)


@pytest.mark.parametrize("seed", range(int(first), int(end)))
def test_random_program(seed: int) -> None:
    f, source = array_programs.generate(seed), array_programs.text(seed)
    for k in (1, 2):
        mine, other = arguments(k), arguments(k)
        with np.errstate(all="ignore"):
            expected = f(*mine)
        if not abs(expected) < 1e8:
            return
        assert near(morula.jit(f)(*other), expected, 1e-9), source
        assert near(mine[0], other[0], 1e-9) and near(mine[1], other[1], 1e-9), source
        *floats, n = arguments(k)
        *way, _ = arguments(k + 10)
        got = morula.grad(f, argnums=(0, 1, 2))(*copies(*floats), n)
        _, forward = morula.jvp(f, (*copies(*floats), n), (*way, None))
        assert near(forward, dot(got, tuple(way)), 1e-8), source
        fixed = functools.partial(started, f, n)
        wide, narrow = (along(fixed, tuple(floats), tuple(way), h) for h in (1e-5, 5e-6))
        if near(wide, narrow, 1e-6):  # no branch point stands close by
            assert near(forward, narrow, 1e-4), source


@pytest.mark.parametrize("seed", range(int(first), int(end), 2))
def test_copies_change_nothing(seed: int) -> None:
    """Values bit for bit, natively too; gradients as the interpreter runs them."""
    f, source = array_programs.generate(seed), array_programs.text(seed)
    for g in (f, morula.grad(f, argnums=(0, 1, 2))):
        module = morula.lower(g, *arguments(1)).module("opt")
        name = module.entry.name
        quiet = bufferize(module, entries=(name,))
        loud = bufferize(module, entries=(name,), copy_everything=True)
        assert str(loud).count("copy ") > str(quiet).count("copy ")
        with np.errstate(all="ignore"):
            found, wanted = (outcome(run, m, name, *arguments(1)) for m in (loud, quiet))
            assert equal(found, wanted), source
        found, wanted = (outcome(Native(m, name), *arguments(1)) for m in (loud, quiet))
        assert equal(found, wanted) if g is f else alike(found, wanted), source


def alike(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple) and not isinstance(a[0], str):
        return all(map(alike, a, b))
    return a == b if isinstance(a, tuple) else near(a, b, 1e-9)


# ---- the border


def test_an_argument_of_any_layout_is_written() -> None:
    def f(a: Any, v: Any) -> Any:
        for i in range(a.shape[0]):
            a[i, 0] = v * i
        return a[0, 1]

    g = morula.jit(f)
    layouts: list[F] = [
        lambda: np.ones((3, 4)),
        lambda: np.ones((4, 3)).T,
        lambda: np.ones((6, 8))[::2, ::2],
        lambda: np.ones((3, 4), order="F"),
        lambda: np.ones((3, 2, 4))[:, 1],
    ]
    for made in layouts:
        mine, other = made(), made()
        assert g(other, 2.0) == f(mine, 2.0) and (mine == other).all()


def test_ints_and_bools_keep_their_types() -> None:
    def f(k: Any, b: Any) -> Any:
        k[1] = 7
        b[0] = not b[0]
        return k * 2, b & (k > 1)

    mine = np.array([1, 2, 3]), np.array([True, False, True])
    other = copies(*mine)
    for a, b in zip(f(*mine), morula.jit(f)(*other), strict=True):
        assert a.dtype == b.dtype and (a == b).all()
    assert (mine[0] == other[0]).all() and (mine[1] == other[1]).all()
    small = np.array([1, 2, 3], np.int32)
    morula.jit(lambda k: f(k, k > 0))(small)
    assert small.tolist() == [1, 7, 3] and small.dtype == np.int32


def test_what_cannot_be_written() -> None:
    def f(a: Any, b: Any) -> Any:
        a[0] = b[1]
        return a[0]

    g = morula.jit(f)
    fixed = np.ones(3)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        g(fixed, np.ones(3))
    x = np.ones(4)
    with pytest.raises(morula.Error) as caught:
        morula.grad(f)(x[:3], x[1:])
    assert caught.value.code == "E11"
    assert g(x, np.full(2, 5.0)) == 5.0 == x[0]


def test_more_axes_than_the_part_that_is_written() -> None:
    def f(a: Any, v: Any) -> Any:
        out = np.zeros(3)
        out[:] = a
        out += a[0] * v
        part = np.zeros((2, 3))
        part[1] = a * v
        return out, part

    a = np.array([[1.0, 2.0, 3.0]])
    for got, want in zip(morula.jit(f)(a, 2.0), f(a, 2.0), strict=True):
        assert near(got, want, 1e-14)
    with pytest.raises(ValueError):
        morula.jit(f)(np.ones((2, 3)), 2.0)


def test_lists_beside_arrays() -> None:
    def f(x: Any, n: Any) -> Any:
        xs = [0]
        for k in range(n):
            xs.append(k)
        y = x[[0, 2, 2]] * [1.0, 2.0, 3.0] + np.add([1.0, 2.0, 3.0], x[xs[:3]])
        return y, isinstance(xs, list)

    x = np.array([1.0, 2.0, 3.0])
    got, want = morula.jit(f)(x, 3), f(x, 3)
    assert near(got[0], want[0], 1e-14) and got[1] is want[1] is True


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (1, 1), (2, 3, 4)])
def test_shapes(shape: tuple[int, ...]) -> None:
    def f(a: Any) -> Any:
        return np.exp(a) * 2.0 + a, np.sum(a), a.size, a.T.shape

    a = np.random.default_rng(1).uniform(-1, 1, shape)
    got, want = morula.jit(f)(a), f(a)
    assert got[0].shape == shape and near(got[0], want[0], 1e-14)
    assert near(got[1], want[1], 1e-14) and got[2:] == want[2:]
    assert morula.grad(lambda a: np.sum(a * a))(a).shape == shape


def test_errors_are_numpys() -> None:
    def at(a: Any, i: Any, j: Any) -> Any:
        return a[i, j]

    g, a = morula.jit(at), np.ones((2, 3))
    assert g(a, -1, -3) == 1.0
    for i, j in ((2, 0), (0, 3), (-3, 0), (0, -4)):
        with pytest.raises(IndexError):
            g(a, i, j)
    add = morula.jit(lambda x, y: x + y)
    with pytest.raises(ValueError):
        add(np.ones(3), np.ones(4))
    assert add(np.ones((3, 1)), np.ones(4)).shape == (3, 4)
    with pytest.raises(ValueError):
        morula.jit(lambda n: np.zeros(n))(-1)


def flipped(x: Any, n: Any) -> Any:
    y = x * 1.0
    for _ in range(n):
        y[0] += 1.0
        y = y[::-1]
    return y, 0


def shortened(x: Any, n: Any) -> Any:
    y = x * 2.0
    for _ in range(n):
        y = y[1:]
    return {"y": y}


def one_of_three(x: Any, n: Any) -> Any:
    return x if n == 0 else x[::-1] if n == 1 else x + 1.0


@pytest.mark.parametrize("f", [flipped, shortened, one_of_three])
def test_results_that_are_one_of_several_views(f: Any) -> None:
    for n in range(3):
        given = np.array([3.0, 1.0, 2.0])
        expected, got = f(given.copy(), n), morula.jit(f)(given, n)
        assert repr(got) == repr(expected)
        assert (got is given) == (f is one_of_three and n == 0)
        for stage in ("typed", "memory"):
            assert repr(morula.lower(f, given, n).run(stage)) == repr(expected)
