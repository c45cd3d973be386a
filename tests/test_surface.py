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
