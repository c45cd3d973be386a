"""NumPy's statistics, products and comparisons of whole arrays, as programs over the others.

Each is Python that also runs as it stands; compiled, its derivative comes with it.  Axes and other
words that decide a rank are known when compiling, so that `if a.ndim == 1` is.
"""

from __future__ import annotations

import numpy as np

from .linear import magnitudes
from .ordering import sort
from .shaping import placed, replaced

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


# ---- statistics ---------------------------------------------------------------------------------


def count(a, axis):
    """How many elements are reduced to one."""
    if axis is None:
        return a.size
    if not isinstance(axis, (tuple, list)):
        return a.shape[axis]
    n = 1
    for k in axis:
        n = n * a.shape[k]
    return n


def var(a, axis=None, *, ddof=0, keepdims=False):
    x = np.asarray(a)
    d = x - np.mean(x, axis=axis, keepdims=True)
    return np.sum(magnitudes(d), axis=axis, keepdims=keepdims) / np.maximum(
        count(x, axis) - ddof, 0
    )


def std(a, axis=None, *, ddof=0, keepdims=False):
    return np.sqrt(var(a, axis, ddof=ddof, keepdims=keepdims))


def ptp(a, axis=None, *, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def average(a, axis=None, weights=None, *, keepdims=False):
    """The mean, each element weighted; weights have a's shape, or are one vector along the axis."""
    x = np.asarray(a)
    if weights is None:
        return np.mean(x, axis=axis, keepdims=keepdims)
    w = np.asarray(weights)
    if w.ndim < x.ndim:
        shape = (1,) * x.ndim
        w = np.broadcast_to(w.reshape(replaced(shape, placed(axis, x), len(w))), x.shape)
    total = np.sum(w, axis=axis, keepdims=keepdims)
    return np.sum(x * w, axis=axis, keepdims=keepdims) / total


def median(a, axis=None, *, keepdims=False):
    """The middle element, or the mean of the two in the middle."""
    x = np.asarray(a)
    if axis is None:
        middle = of_sorted(np.sort(np.ravel(x)))
        return np.full((1,) * x.ndim, middle) if keepdims else middle
    middle = of_sorted(np.moveaxis(sort(x, axis), axis, 0))
    return np.expand_dims(middle, axis) if keepdims else middle


def of_sorted(x):
    n = len(x)
    if n == 0:
        return np.mean(x, axis=0)
    last = x[n - 1]
    return np.where(np.isnan(last), last, (x[(n - 1) // 2] + x[n // 2]) / 2.0)


def count_nonzero(a, axis=None, *, keepdims=False):
    return np.sum(np.not_equal(a, 0), axis=axis, keepdims=keepdims)


def flatnonzero(a):
    return np.nonzero(np.ravel(a))[0]


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return np.all(np.isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1, a2):
    a, b = np.asarray(a1), np.asarray(a2)
    if np.ndim(a) != np.ndim(b) or np.shape(a) != np.shape(b):
        return False
    return np.all(a == b)


def bincount(x, weights=None, minlength=0):
    """How often each number stands in x, or the sum of its weights."""
    n = minlength
    for k in x:
        if k < 0:
            raise ValueError("'list' argument must have no negative elements")
        n = max(n, k + 1)
    if weights is None:
        out = np.zeros(n, dtype=int)
        for k in x:
            out[k] += 1
        return out
    if len(weights) != len(x):
        raise ValueError("The weights and list don't have the same length.")
    out = np.zeros(n)
    for i in range(len(x)):
        out[x[i]] += weights[i]
    return out


# ---- products -----------------------------------------------------------------------------------


def vdot(a, b):
    return np.dot(np.conj(np.ravel(a)), np.ravel(b))


def kron(a, b):
    """Every element of a times all of b, in place of the element."""
    x, y = np.asarray(a), np.asarray(b)
    mine = (1,) * max(0, y.ndim - x.ndim) + x.shape
    other = (1,) * max(0, x.ndim - y.ndim) + y.shape
    pairs = tuple(zip(mine, other, strict=True))
    left = sum([(n, 1) for n, _ in pairs], ())
    right = sum([(1, m) for _, m in pairs], ())
    shape = tuple([n * m for n, m in pairs])
    return (x.copy().reshape(left) * y.copy().reshape(right)).reshape(shape)


def cross(a, b, *, axis=-1):
    """The vector product in three dimensions, along an axis."""
    x, y = np.moveaxis(np.asarray(a), axis, -1), np.moveaxis(np.asarray(b), axis, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError(
            "incompatible dimensions for cross product: those of vectors must be 3 here"
        )
    parts = [
        x[..., 1] * y[..., 2] - x[..., 2] * y[..., 1],
        x[..., 2] * y[..., 0] - x[..., 0] * y[..., 2],
        x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0],
    ]
    return np.stack(parts, axis=axis)


def convolve(a, v, mode="full"):
    """Sums of products along a vector that slides over the other: all, or those in the middle."""
    if len(a) == 0:
        raise ValueError("a cannot be empty")
    if len(v) == 0:
        raise ValueError("v cannot be empty")
    if len(v) > len(a):
        return convolve(v, a, mode)
    n, m = len(a), len(v)
    if mode == "full":
        first, count = 0, n + m - 1
    elif mode == "same":
        first, count = (m - 1) // 2, n
    elif mode == "valid":
        first, count = m - 1, n - m + 1
    else:
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got '{mode}')")
    out = np.zeros(count, dtype=np.result_type(a, v))
    for i in range(count):
        k = i + first
        for j in range(max(0, k - n + 1), min(m, k + 1)):
            out[i] += a[k - j] * v[j]
    return out


# ---- curves -------------------------------------------------------------------------------------


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of straight lines between points."""
    v = np.moveaxis(np.asarray(y), axis, -1)
    middle = (v[..., 1:] + v[..., :-1]) / 2.0
    if x is None:
        return np.sum(middle * dx, axis=-1)
    p = np.asarray(x)
    p = np.moveaxis(p, axis, -1) if p.ndim > 1 else p
    return np.sum(middle * (p[..., 1:] - p[..., :-1]), axis=-1)


def interp(x, xp, fp, left=None, right=None):
    """Straight lines between points of which xp is sorted; the ends go on as they are."""
    if np.ndim(x) > 0:
        x = np.asarray(x)
        out = np.zeros(x.shape)
        put_between(out, x, xp, fp, left, right)
        return out
    return between(x, xp, fp, left, right)


def put_between(out, x, xp, fp, left, right):
    for i in range(len(x)):
        if x.ndim == 1:
            out[i] = between(x[i], xp, fp, left, right)
        else:
            put_between(out[i], x[i], xp, fp, left, right)


def between(x, xp, fp, left, right):
    n = len(xp)
    if n == 0:
        raise ValueError("array of sample points is empty")
    if len(fp) != n:
        raise ValueError("fp and xp are not of the same length.")
    if x != x:
        return x * 1.0
    if x < xp[0]:
        return fp[0] * 1.0 if left is None else left * 1.0
    if x > xp[n - 1]:
        return fp[n - 1] * 1.0 if right is None else right * 1.0
    if x == xp[n - 1]:
        return fp[n - 1] * 1.0
    k = np.searchsorted(xp, x, side="right") - 1
    slope = (fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k])
    return slope * (x - xp[k]) + fp[k]
