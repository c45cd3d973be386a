"""Arrays of float32, of small ints and of bools, and those without axes, beside NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import morula
from morula.ir.parser import parse

Array = np.ndarray[Any, Any]
KINDS = ("f8", "f4", "i8", "i4", "i2", "i1", "u4", "u2", "u1", "?")


def values(kind: str, seed: int, n: int = 5) -> Array:
    """Numbers of a type, ints near the ends of int8 and uint8 among them, zeros too."""
    rng, d = np.random.default_rng([seed, ord(kind[0])]), np.dtype(kind)
    if d.kind == "f":
        return (rng.normal(size=n) * 3).astype(d)
    if d.kind == "b":
        return rng.integers(0, 2, n).astype(bool)
    bounds = np.iinfo(d)
    return rng.integers(max(bounds.min, -200), min(bounds.max, 200), n, endpoint=True).astype(d)


def agree(f: Callable[..., Any], *args: Array) -> None:
    """The same numbers, types and writes as NumPy's."""
    theirs, ours = ([a.copy() for a in args] for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = f(*theirs)
    got = morula.jit(f)(*ours)
    pairs = zip((got, *ours), (expected, *theirs), strict=True)
    for a, b in pairs:
        for x, y in zip(a, b, strict=True) if isinstance(b, tuple) else [(a, b)]:
            if isinstance(y, np.ndarray) and y.ndim:
                assert x.dtype == y.dtype and x.shape == y.shape
            np.testing.assert_allclose(x, y, rtol=2e-6)


def add(x: Any, y: Any) -> Any:
    return x + y


def product_and_more(x: Any, y: Any) -> Any:
    return x * y + x * 2


def divided(x: Any, y: Any) -> Any:
    return x / y


def floor_divided(x: Any, y: Any) -> Any:
    return x // y, x % y


def compared(x: Any, y: Any) -> Any:
    return x < y, np.where(x > y, x, y), np.maximum(x, y)


def of_elements(x: Any, y: Any) -> Any:
    return x[0] + y[1], x[1] * y[0] + x[2], x[0] < y[0], x[0] / y[1]


def summed(x: Any, y: Any) -> Any:
    s = 0
    for i in range(len(x)):
        s = s + x[i] * y[i]
    return s


def matrix(x: Any, y: Any) -> Any:
    return x @ y, np.outer(x, y) @ y


OF_TWO = (add, product_and_more, divided, floor_divided, compared, of_elements, summed, matrix)


@pytest.mark.parametrize("f", OF_TWO, ids=lambda f: f.__name__)
@pytest.mark.parametrize("second", ("f8", "f4", "i8", "i1", "u2", "?"))
@pytest.mark.parametrize("first", KINDS)
def test_arithmetic_of_two_has_numpys_type(f: Callable[..., Any], first: str, second: str) -> None:
    if f is of_elements and first == second == "?":
        pytest.skip("an element of an array of bools is Python's once it is read")
    agree(f, values(first, 1), values(second, 2))


def reduced(x: Any) -> Any:
    return x.max(), x.min(), np.mean(x), np.std(x), x.sum(), np.prod(x[:2]), x.argmax()


def made_like(x: Any) -> Any:
    return np.zeros_like(x), np.full_like(x, 1), x[::-1].copy(), np.empty_like(x[:0])


def taken(x: Any) -> Any:
    return x[[1, 0]], x[x > 0], np.sort(x), np.clip(x, 0, 1)


def told(x: Any, y: Any) -> Any:
    out = np.zeros(len(x), dtype=np.result_type(x, y))
    kept = np.ones(2, x.dtype)
    out[:] = x
    return out, kept, 1 if x.dtype == np.float32 else 2


def test_types_are_told_and_compared() -> None:
    for first, second in (("f4", "f4"), ("f4", "f8"), ("i2", "u1"), ("i8", "f4"), ("?", "i1")):
        agree(told, values(first, 1), values(second, 2))


def converted(x: Any) -> Any:
    return x.astype(np.float32), x.astype("i2"), x.astype(bool), np.zeros(2, dtype=np.uint8)


def scalars(x: Any) -> Any:
    return float(x[0]), abs(x[2]), 1 if x[0] > 0 else 2, np.float32(x[0]) * 1.1, x[1] ** 2


def filled(x: Any) -> Any:
    x.fill(1)
    x[0] = 0
    return x + x


@pytest.mark.parametrize("f", [reduced, made_like, taken, converted, scalars, filled])
@pytest.mark.parametrize("kind", KINDS)
def test_functions_of_one_have_numpys_type(f: Callable[..., Any], kind: str) -> None:
    agree(f, values(kind, 3))


def written(x: Any, y: Any) -> Any:
    x += y
    x[1:] = x[:-1]
    for i in range(len(x)):
        x[i] += x[i - 1]
    return x


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_an_update_in_place_wraps_or_rounds(kind: str) -> None:
    agree(written, values(kind, 4), values(kind, 5))


def set_to(x: Any, n: Any) -> Any:
    x[0] = n
    return x


def plus(x: Any, n: Any) -> Any:
    return x + n


def test_a_python_int_that_has_no_room() -> None:
    """NumPy raises for a number of Python's, where one of its own would wrap."""
    for f in (set_to, plus):
        agree(lambda x, f=f: f(x, 100), np.zeros(2, np.int8))
        for n, kind in ((128, np.int8), (-1, np.uint8), (70000, np.uint16)):
            with pytest.raises(OverflowError, match="out of bounds for"):
                morula.jit(f)(np.zeros(2, kind), n)


def test_what_numpy_refuses() -> None:
    def difference(x: Any) -> Any:
        return x - x

    def shifted(k: Any, w: Any) -> Any:
        k += w
        return k

    with pytest.raises(TypeError, match="boolean subtract"):
        morula.jit(difference)(np.array([True]))
    with pytest.raises(morula.Error, match="int8 that gives float32"):
        morula.jit(shifted)(np.zeros(2, np.int8), np.zeros(2, np.float32))


def test_float32_is_rounded_after_each_operation() -> None:
    """Bit for bit what hardware of 32 bits computes."""

    def horner(x: Any, c: Any) -> Any:
        s = c[0]
        for i in range(1, len(c)):
            s = s * x[i] + c[i]
        return s / x[0], np.sqrt(abs(s))

    x, c = values("f4", 6, 9), values("f4", 7, 9)
    expected = horner(x, c)
    assert morula.jit(horner)(x, c) == tuple(map(float, expected))


@pytest.mark.parametrize("kind", KINDS)
def test_any_strides_and_read_only(kind: str) -> None:
    x = np.concatenate([values(kind, 8), values(kind, 9)])[::-2]
    frozen = values(kind, 8).copy()
    frozen.flags.writeable = False
    agree(lambda x: x + x, x)
    np.testing.assert_array_equal(morula.jit(lambda x: x * x[0])(frozen), frozen * frozen[0])


# ---- derivatives --------------------------------------------------------------------------------


def energy(x: Any, w: Any) -> Any:
    y = np.zeros_like(x)
    for i in range(len(x)):
        y[i] = x[i] * x[i] + w[i] / 3
    y *= 2.0
    return np.sum(np.tanh(y) * w) + y @ x + np.mean(x) + np.max(w)


def test_derivatives_by_float32() -> None:
    """They are added up in float64, and seen as what they are derivatives by."""
    x, w = values("f4", 10), values("f4", 11)
    wide = x.astype(float), w.astype(float)
    got = morula.grad(energy, argnums=(0, 1))(x, w)
    for a, b in zip(got, morula.grad(energy, argnums=(0, 1))(*wide), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-5)
    square, pullback = morula.vjp(lambda x: x * x, x)
    assert square.dtype == pullback(np.ones(5))[0].dtype == np.float32
    with pytest.raises(ValueError, match="shape"):
        morula.jvp(energy, (x, w), (np.ones(4), w))
    moved = morula.jvp(energy, (x, w), (np.ones(5, np.float32), w[::-1]))[1]
    np.testing.assert_allclose(moved, got[0].sum() + got[1] @ w[::-1], rtol=1e-5)


def test_second_derivatives_by_float32() -> None:
    x, w = values("f4", 12), values("f4", 13)

    def slope(x: Any, w: Any) -> Any:
        return np.sum(morula.grad(energy)(x, w) * w)

    expected = morula.grad(slope)(x.astype(float), w.astype(float))
    np.testing.assert_allclose(morula.grad(slope)(x, w), expected, rtol=1e-5)


def test_derivatives_by_float64_beside_narrow_ones() -> None:
    def weighted(y: Any, x: Any, k: Any) -> Any:
        return np.sum(y * y * x) + np.sum(np.where(k > 2, y, 0.0)) + y[0] * k[1]

    y, x, k = values("f8", 14), values("f4", 15), values("u1", 16)
    expected = 2 * y * x + (k > 2)
    expected[0] += k[1]
    np.testing.assert_allclose(morula.grad(weighted)(y, x, k), expected, rtol=1e-12)


def test_the_stages_agree_on_narrow_arrays() -> None:
    x, w = values("f4", 17), values("f4", 18)
    lowered = morula.lower(morula.grad(energy), x, w)
    expected = morula.grad(energy)(x, w)
    for stage in ("typed", "ad", "opt", "memory"):
        got = lowered.run(stage)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        module = lowered.module(stage)
        assert str(parse(str(module))) == str(module)


# ---- arrays without axes ------------------------------------------------------------------------


def without_axes(x: Any, y: Any) -> Any:
    z = np.sin(x) * y + np.sum(x) + x[()]
    y[...] = 2.0 * x
    y += 1.0
    return z * y[()] + np.array(3.0) * x


def test_arrays_without_axes() -> None:
    x, y, again = np.array(0.7), np.array(1.3), np.array(1.3)
    assert morula.jit(without_axes)(x, y) == pytest.approx(without_axes(x, again))
    assert y == again == pytest.approx(2.4)
    g = morula.grad(without_axes)(x, np.array(1.3))
    assert isinstance(g, np.ndarray) and g.shape == ()
    single = morula.grad(without_axes)(x.astype(np.float32), np.array(1.3))
    assert single.dtype == np.float32 and single == pytest.approx(float(g), rel=1e-6)
    moved = morula.jvp(lambda x: without_axes(x, np.full((), 1.3)), (x,), (np.array(2.0),))[1]
    assert moved == pytest.approx(2 * float(g))
    h = 1e-6
    ends = [float(without_axes(np.array(0.7 + s), np.array(1.3))) for s in (h, -h)]
    assert float(g) == pytest.approx((ends[0] - ends[1]) / (2 * h))
    assert morula.jit(lambda x: x.ndim + x.size)(x) == 1
    with pytest.raises(IndexError):
        morula.jit(lambda x: x[0])(x)
