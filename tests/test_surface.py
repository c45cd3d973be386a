"""NumPy's names, one program each: values, types and shapes as NumPy's, derivatives as differences.

The derivatives are judged without a scalar to sum up to: a pullback and a tangent agree with each
other, <ct, J dx> = <J' ct, dx>, and the tangent with a central difference; so for the function
x -> J(x) dx, whose derivatives are second ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import morula
from surface_rows import GIVEN, ROWS, Row

F = Callable[..., Any]
NAMES = [row[0] for row in ROWS]


def given(letters: str) -> tuple[Any, ...]:
    values = [GIVEN[c] for c in letters.split()]
    return tuple([v.copy() if isinstance(v, np.ndarray) else v for v in values])


def is_float(a: Any) -> bool:
    return isinstance(a, (float, np.floating)) or (
        isinstance(a, np.ndarray) and a.dtype.kind == "f"
    )


def parts(value: Any) -> list[Any]:
    """Numbers and arrays in a nest of tuples, lists and dicts."""
    if isinstance(value, (tuple, list)):
        return [p for v in value for p in parts(v)]
    return [value]


def same(mine: Any, theirs: Any) -> None:
    """Two results have the same numbers, types of elements and shapes."""
    a, b = parts(mine), parts(theirs)
    assert len(a) == len(b), (mine, theirs)
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape and x.dtype == y.dtype, (x.shape, y.shape, x.dtype, y.dtype)
        assert np.allclose(x, y, rtol=1e-12, atol=1e-13, equal_nan=True), (x, y)


def way(args: Sequence[Any], seed: int) -> tuple[Any, ...]:
    r = np.random.default_rng(seed)
    return tuple([r.uniform(-1.0, 1.0, np.shape(a))[()] if is_float(a) else None for a in args])


def moved(args: Sequence[Any], by: Sequence[Any], h: float) -> tuple[Any, ...]:
    return tuple([a if d is None else a + h * d for a, d in zip(args, by, strict=True)])


def dot(a: Any, b: Any) -> float:
    """The inner product over all floats of two structures."""
    pairs = zip(parts(a), parts(b), strict=True)
    return float(sum(np.sum(x * y) for x, y in pairs if x is not None and y is not None))


def weights(value: Any) -> Any:
    """A cotangent of a result."""
    if isinstance(value, (tuple, list)):
        return type(value)([weights(v) for v in value])
    if not is_float(value):
        return None
    return np.cos(1.0 + np.arange(np.size(value))).reshape(np.shape(value))[()]


def near(a: float, b: float, tolerance: float) -> None:
    assert abs(a - b) <= tolerance * max(1.0, abs(a), abs(b)), (a, b)


def judged(f: F, letters: str, tolerance: float = 2e-6, orders: int = 2) -> None:
    """Forward against reverse against differences, of f and of its derivative in a direction."""
    args = given(letters)
    along, across = way(args, 1), way(args, 2)
    ct = weights(f(*args))
    if all(d is None for d in along) or all(c is None for c in parts(ct)):
        return
    if not all(np.isfinite(a).all() for a in args):
        return

    def slope(*args: Any) -> Any:
        return morula.jvp(f, args, along)[1]

    for k, g in enumerate((f, slope)[:orders]):
        h = 1e-5
        forward = morula.jvp(g, args, across)[1]
        up, down = (g(*moved(args, across, s * h)) for s in (1.0, -1.0))
        difference = (dot(up, ct) - dot(down, ct)) / (2.0 * h)
        near(dot(forward, ct), difference, tolerance * 10.0**k)
        near(dot(morula.vjp(g, *args)[1](ct), across), dot(forward, ct), 1e-9)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_values(row: Row) -> None:
    _, letters, f = row
    with np.errstate(all="ignore"):
        same(morula.jit(f)(*given(letters)), f(*given(letters)))


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_derivatives(row: Row) -> None:
    judged(row[2], row[1])


# ---- errors


def raised(f: F, *args: Any) -> tuple[type, str]:
    with pytest.raises(Exception) as caught:
        f(*[a.copy() for a in args])
    return caught.type, str(caught.value)


X, Y, M = np.ones(3), np.ones(2), np.ones((3, 4))


def assigned(x: Any, y: Any) -> None:
    x[:] = y


@pytest.mark.parametrize("f, args", [
    (lambda x, y: x + y, (X, Y)),
    (lambda m, y: m * y + 1.0, (M, Y)),
    (lambda x, m, y: np.where(x > 0, m, y), (X, M, Y)),
    (assigned, (X, Y)),
    (lambda m, y: m @ y, (M, Y)),
    (lambda x, y: x @ y, (X, Y)),
    (lambda m, y: np.dot(m, y), (M, Y)),
    (lambda m: m.reshape(5, 2), (M,)),
    (lambda m: m.reshape(5, -1), (M,)),
    (lambda m: np.sum(m, axis=2), (M,)),
    (lambda m: np.sum(m, axis=(0, 0)), (M,)),
    (lambda m: np.concatenate([m, m[:2]], axis=1), (M,)),
    (lambda m, x: np.concatenate([m, x]), (M, X)),
    (lambda x: np.concatenate([x, x], axis=1), (X,)),
    (lambda m: np.stack([m, m[:2]]), (M,)),
    (lambda x: np.stack([x, x], axis=3), (X,)),
    (lambda m: np.max(m[:0]), (M,)),
    (lambda m: np.min(m[:0], axis=0), (M,)),
    (lambda m: np.argmax(m[:0]), (M,)),
    (lambda m: np.transpose(m, (0,)), (M,)),
    (lambda m: np.moveaxis(m, (0, 1), 0), (M,)),
    (lambda m: np.squeeze(m, axis=0), (M,)),
    (lambda m: np.linalg.solve(m[:3, :3], np.ones(3)), (M,)),
    (lambda m: np.linalg.inv(m), (M,)),
    (lambda m: np.linalg.inv(m[:3, :3]), (M,)),
    (lambda m: np.linalg.cholesky(-m[:3, :3]), (M,)),
    (lambda m: np.linalg.norm(np.stack([m, m]), 1), (M,)),
    (lambda m: np.einsum("ij,jk", m), (M,)),
    (lambda m: np.einsum("ijk->i", m), (M,)),
    (lambda m: np.einsum("i->i", m), (M,)),
    (lambda m: np.einsum("ij->ik", m), (M,)),
    (lambda m: np.einsum("ij->ii", m), (M,)),
    (lambda x: np.repeat(x, [1, 2]), (X,)),
    (lambda x: np.diff(x, n=-1), (X,)),
    (lambda x: x.searchsorted(0.5, "up"), (X,)),
    (lambda x: np.sort(x, axis=1), (X,)),
    (lambda x: np.flip(x, axis=1), (X,)),
    (lambda x: np.roll(x, 1, axis=1), (X,)),
    (lambda x: np.repeat(x, 2, axis=1), (X,)),
    (lambda x: np.cumsum(x, axis=1), (X,)),
    (lambda x: np.linalg.norm(x, axis=1), (X,)),
    (lambda x: np.concatenate([]), (X,)),
    (lambda x: np.convolve(x[:0], x), (X,)),
    (lambda x: np.zeros(-1), (X,)),
])  # fmt: skip
def test_errors_are_those_of_numpy(f: F, args: tuple[Any, ...]) -> None:
    assert raised(morula.jit(f), *args) == raised(f, *args)


@pytest.mark.parametrize("f, found, near", [
    (lambda x: np.nansum(x), "`numpy.nansum`", ("numpy.sum", "numpy.einsum", "numpy.nan_to_num")),
    (lambda x: x.cummsum(), "the attribute `cummsum`", ("cumsum", "sum")),
    (lambda x: np.linalg.norm(x[None], 2), "the norm of order 2", ("fro",)),
])  # fmt: skip
def test_a_missing_name_gives_the_nearest(f: F, found: str, near: tuple[str, ...]) -> None:
    with pytest.raises(morula.Error) as caught:
        morula.jit(f)(X)
    assert caught.value.code == "E02" and found in caught.value.found
    assert all(n in caught.value.instead for n in near), caught.value


def test_a_program_may_use_a_function_in_many_forms() -> None:
    def many(m: Any) -> Any:
        s = 0.0
        for k in tuple(range(30)):
            s = (
                s
                + np.sum(np.roll(m, k, axis=0)[:1] * (k + 1.0))
                + np.sum(np.sort(m, axis=1)[k % 3])
            )
        return s

    m = GIVEN["m"]
    assert abs(morula.jit(many)(m) - many(m)) < 1e-9


def test_views_and_copies_are_those_of_numpy() -> None:
    def views(m: Any) -> Any:
        np.moveaxis(m, 0, 1)[0, 1] = 99.0
        np.swapaxes(m, 0, 1)[2, 2] = -1.0
        np.expand_dims(m, 0)[0, 0, 0] = 7.0
        np.squeeze(m[:1], axis=0)[3] = 5.0
        np.flip(m)[0, 0] = 3.0
        m.real[1, 1] += 1.0
        m.conj()[1, 2] += 2.0
        np.rot90(m)[0, 0] = 4.0
        np.atleast_2d(m[2])[0, 0] = 6.0
        m[:, 1].sort()
        return m

    def copies(m: Any) -> Any:
        for y in (np.sort(m), np.roll(m, 1), np.concatenate([m]), np.conj(m), np.clip(m, -9, 9)):
            y[0, 0] = 50.0
        for y in (np.stack([m])[0], np.repeat(m, 1, axis=0), np.tile(m, 1)):
            y[0, 0] = 50.0
        return m

    for f in (views, copies):
        mine, other = GIVEN["m"].copy(), GIVEN["m"].copy()
        same(morula.jit(f)(other), f(mine))
        same(other, mine)
