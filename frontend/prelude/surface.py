"""NumPy's functions that are programs over its others.

Each is Python that also runs as it stands; compiled, its derivative comes with it.  Axes and other
words that decide a rank are known when compiling, so that `if a.ndim == 1` is.
"""

from __future__ import annotations

import math

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def atleast_1d(a):
    return a if np.ndim(a) > 0 else np.array([a])


def atleast_2d(a):
    if np.ndim(a) == 0:
        return np.array([[a]])
    return a if np.ndim(a) > 1 else a[None]


def diff(a, axis=-1):
    if a.ndim == 2 and axis != 0:
        return a[:, 1:] - a[:, :-1]
    return a[1:] - a[:-1]


def inner(a, b):
    return np.dot(a, b)


def vdot(a, b):
    return np.dot(np.ravel(a), np.ravel(b))


def trace(a):
    s = 0.0
    for i in range(min(a.shape[0], a.shape[1])):
        s = s + a[i, i]
    return s


def diag(v):
    """A matrix with this diagonal, or the diagonal of a matrix."""
    if v.ndim == 1:
        out = np.zeros((len(v), len(v)))
        for i in range(len(v)):
            out[i, i] = v[i]
        return out
    out = np.zeros(min(v.shape[0], v.shape[1]))
    for i in range(len(out)):
        out[i] = v[i, i]
    return out


def tril(m, k=0):
    out = np.zeros_like(m)
    for i in range(m.shape[0]):
        for j in range(max(0, min(m.shape[1], i + k + 1))):
            out[i, j] = m[i, j]
    return out


def triu(m, k=0):
    out = np.zeros_like(m)
    for i in range(m.shape[0]):
        for j in range(max(0, i + k), m.shape[1]):
            out[i, j] = m[i, j]
    return out


def flip(m, axis=None):
    if m.ndim == 1 or axis == 0:
        return m[::-1]
    return m[:, ::-1] if axis == 1 else m[::-1, ::-1]


def roll(a, shift):
    n = len(a)
    out = np.zeros_like(a)
    for i in range(n):
        out[(i + shift) % n] = a[i]
    return out


def repeat(a, repeats, axis=None):
    if axis == 1:
        return np.transpose(repeat(np.transpose(a), repeats, 0))
    rows = np.ravel(a) if axis is None else a
    out = np.zeros((len(rows) * repeats, *rows.shape[1:]))
    for i in range(len(rows)):
        for k in range(repeats):
            out[i * repeats + k] = rows[i]
    return out


def tile(a, reps):
    """Copies side by side; `reps` is an int, or two for rows and columns."""
    if isinstance(reps, int):
        return np.concatenate([a] * reps) if a.ndim == 1 else tile_2d(a, 1, reps)
    return tile_2d(a if a.ndim == 2 else a[None], reps[0], reps[1])


def tile_2d(a, down, across):
    n, m = a.shape
    out = np.zeros((n * down, m * across))
    for i in range(n * down):
        for j in range(m * across):
            out[i, j] = a[i % n, j % m]
    return out


def concatenate(arrays, axis=0):
    """Arrays of one or two axes behind each other."""
    if axis != 0:
        return np.transpose(concatenate([np.transpose(a) for a in arrays]))
    n = 0
    for a in arrays:
        n = n + len(a)
    out = np.zeros((n, *arrays[0].shape[1:]))
    at = 0
    for a in arrays:
        out[at : at + len(a)] = a
        at = at + len(a)
    return out


def stack(arrays, axis=0):
    if axis == 0:
        return concatenate([a[None] for a in arrays])
    return concatenate([a[:, None] for a in arrays], axis=1)


def hstack(tup):
    parts = [np.atleast_1d(a) for a in tup]
    return concatenate(parts, axis=0 if parts[0].ndim == 1 else 1)


def vstack(tup):
    return concatenate([np.atleast_2d(a) for a in tup])


def var(a, axis=None, ddof=0, keepdims=False):
    m = np.mean(a, axis=axis, keepdims=True) if axis is not None else np.mean(a)
    d = a - m
    n = a.size if axis is None else a.shape[axis]
    return np.sum(d * d, axis=axis, keepdims=keepdims) / (n - ddof)


def std(a, axis=None, ddof=0, keepdims=False):
    return np.sqrt(var(a, axis, ddof, keepdims))


def norm(x):
    """The root of the sum of squares."""
    return math.sqrt(np.sum(x * x))


def argsort(a):
    """The order of the elements, equal ones as they stood: merges of runs, from the bottom."""
    n = len(a)
    order = np.arange(n)
    other = np.arange(n)
    width = 1
    while width < n:
        for lo in range(0, n, 2 * width):
            mid = min(lo + width, n)
            hi = min(lo + 2 * width, n)
            i = lo
            j = mid
            for k in range(lo, hi):
                if i < mid and (j >= hi or not a[order[j]] < a[order[i]]):
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        order, other = other, order
        width *= 2
    return order


def sort(a):
    return a[argsort(a)]


def place(a, v, right):
    """Where v goes into a sorted array."""
    lo = 0
    hi = len(a)
    while lo < hi:
        mid = (lo + hi) // 2
        if a[mid] < v or (right and a[mid] == v):
            lo = mid + 1
        else:
            hi = mid
    return lo


def searchsorted(a, v, side="left"):
    if np.ndim(v) == 0:
        return place(a, v, side == "right")
    out = np.zeros(len(v), dtype=int)
    for i in range(len(v)):
        out[i] = place(a, v[i], side == "right")
    return out


def any(a):
    for i in range(len(a)):
        if a.ndim == 1:
            if a[i]:
                return True
        elif any(a[i]):
            return True
    return False


def all(a):
    for i in range(len(a)):
        if a.ndim == 1:
            if not a[i]:
                return False
        elif not all(a[i]):
            return False
    return True


def solve(a, b):
    """a x = b by Gaussian elimination with partial pivoting."""
    n = len(b)
    lu = a.copy()
    x = b.copy()
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(lu[i, k]) > abs(lu[best, k]):
                best = i
        if lu[best, k] == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")
        if best != k:
            for j in range(k, n):
                lu[k, j], lu[best, j] = lu[best, j], lu[k, j]
            if x.ndim == 1:
                x[k], x[best] = x[best], x[k]
            else:
                for j in range(x.shape[1]):
                    x[k, j], x[best, j] = x[best, j], x[k, j]
        for i in range(k + 1, n):
            factor = lu[i, k] / lu[k, k]
            for j in range(k + 1, n):
                lu[i, j] -= factor * lu[k, j]
            x[i] -= factor * x[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= lu[i, j] * x[j]
        x[i] /= lu[i, i]
    return x
