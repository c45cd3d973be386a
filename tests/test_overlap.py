"""Arguments that overlap in memory, of functions that write into them, beside plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import morula

Array = np.ndarray[Any, Any]


def shift(a: Any, b: Any) -> Any:
    for i in range(len(a)):
        a[i] = a[i] + 0.5 * b[i]
    return a[0] + b[-1]


def whole(a: Any, b: Any) -> Any:
    a[1:] += b[:-1]
    b *= 2.0
    return a.sum() + b.max()


def swapped(a: Any, b: Any) -> Any:
    for _ in range(3):
        a, b = b, a
        a[0] = 10.0 + b[1]
    return a


CUTS: dict[str, Callable[[Array], tuple[Array, ...]]] = {
    "shifted": lambda x: (x.ravel()[1:], x.ravel()[:-1]),
    "shifted back": lambda x: (x.ravel()[:-1], x.ravel()[1:]),
    "the same": lambda x: (x[0], x[0]),
    "turned round": lambda x: (x[0], x[0][::-1]),
    "a column and a row": lambda x: (x[:3, 1], x[1, :3]),
    "every second": lambda x: (x.ravel()[::2], x.ravel()[2:10]),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("kind", ["f8", "f4", "i4"])
@pytest.mark.parametrize("f", [shift, whole, swapped])
def test_a_write_to_one_is_seen_by_the_other(
    f: Callable[..., Any], kind: str, cut: Callable[[Array], tuple[Array, ...]]
) -> None:
    if kind == "i4":
        f = swapped  # the others give floats
    theirs, ours = (np.arange(12).reshape(3, 4).astype(kind) for _ in range(2))
    a, b = cut(theirs)
    n = min(len(a), len(b))
    expected = f(a[:n], b[:n])
    a, b = cut(ours)
    got = morula.jit(f)(a[:n], b[:n])
    assert np.array_equal(ours, theirs)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def three(a: Any, b: Any, c: Any, n: int, apart: Any) -> Any:
    a[0, 0] = b[0] + c[1, 1]
    for _ in range(n):
        b[1] = a[0, 0] * apart[0]
        c[0, 1] += b[1]
    apart[1] = 5.0
    return np.sum(a) * np.sum(c)


def test_three_of_one_matrix_beside_one_apart() -> None:
    results, memories = [], []
    for f in (three, morula.jit(three)):
        m, apart = np.arange(9.0).reshape(3, 3), np.array([2.0, 0.0])
        results.append(f(m[:2, :2], m[1], m.T[:2, :2], 2, apart))
        memories.append((m.tolist(), apart.tolist()))
    assert results[0] == results[1] and memories[0] == memories[1]


def test_calls_that_overlap_and_calls_that_do_not() -> None:
    """One callable, whose native code takes it that arguments are apart."""
    f = morula.jit(shift)
    for _ in range(3):
        assert f(np.zeros(3), np.ones(3)) == 1.5
    x = np.arange(4.0)
    y = x.copy()
    assert f(x[1:], x[:-1]) == shift(y[1:], y[:-1]) and np.array_equal(x, y)
    assert f(x[::2], x[1::2]) == shift(y[::2], y[1::2]) and np.array_equal(x, y)
    assert f(np.zeros(3), np.ones(3)) == 1.5


def test_what_is_refused() -> None:
    x = np.arange(6.0)
    frozen = x[:5]
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        morula.jit(shift)(frozen, x[1:])
    calls: tuple[Callable[[], Any], ...] = (
        lambda: morula.grad(shift)(x[1:], x[:-1]),
        lambda: morula.lower(shift, x[1:], x[:-1]).run("typed"),
        lambda: morula.jit(shift)(x.view(np.int64)[1:], x[:-1]),
    )
    for call in calls:
        with pytest.raises(morula.Error, match="overlaps") as caught:
            call()
        assert caught.value.code == "E11"
    assert np.array_equal(x, np.arange(6.0))


def windows(x: Any, step: int) -> Any:
    m = as_strided(x, (3, 2), (step, 8))
    m[1, 1] = 10.0
    back = as_strided(x[4:], (2,), (-16,))
    back += 1.0
    return m.sum() ** 2 + back.sum()


def test_as_strided() -> None:
    x, y = np.arange(6.0), np.arange(6.0)
    assert morula.jit(windows)(x, 8) == windows(y, 8) and np.array_equal(x, y)
    assert morula.grad(windows)(np.arange(6.0), 8).tolist() == [54, 108, 0, 54, 1, 0]
    for step in (24, -8, 4):
        with pytest.raises(ValueError, match="as_strided"):
            morula.jit(windows)(np.arange(6.0), step)
