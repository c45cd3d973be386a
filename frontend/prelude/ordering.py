"""NumPy's functions of order: sort, argsort, searchsorted, and where the best element stands.

Each is Python that also runs as it stands; compiled, its derivative comes with it: that of a sorted
array moves each element's to where the element went.  As in NumPy, nan stands behind everything.
"""

from __future__ import annotations

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def before(x, y):
    return x < y or (y != y and x == x)


def above(x, best):
    """Whether x is the maximum rather than what was before it."""
    return x > best or (x != x and best == best)


def below(x, best):
    return x < best or (x != x and best == best)


def first_maximum(x):
    return first_best(above, x)


def first_minimum(x):
    return first_best(below, x)


def first_best(better, x):
    """The place of the first element that none is better than."""
    best = 0
    for i in range(1, len(x)):
        if better(x[i], x[best]):
            best = i
    return best


# ---- sorting ------------------------------------------------------------------------------------


def rows(fn, out, x):
    """fn(out, x) for each row along the last axis."""
    if x.ndim == 1:
        fn(out, x)
    else:
        for i in range(len(x)):
            rows(fn, out[i], x[i])


def argsort(a, axis=-1, kind=None):
    """The order of the elements along an axis, equal ones as they stood."""
    x = np.asarray(a)
    if axis is None:
        return argsort(np.ravel(x))
    out = np.zeros(x.shape, dtype=int)
    rows(put_order, np.moveaxis(out, axis, -1), np.moveaxis(x, axis, -1))
    return out


def sort(a, axis=-1, kind=None):
    x = np.asarray(a)
    if axis is None:
        return sort(np.ravel(x))
    out = np.zeros_like(x)
    rows(put_sorted, np.moveaxis(out, axis, -1), np.moveaxis(x, axis, -1))
    return out


def sort_in_place(a, axis=-1, kind=None):
    """The method: the array itself is in order afterwards."""
    a[...] = sort(a, axis)


def put_order(out, x):
    out[:] = order(x)


def put_sorted(out, x):
    k = order(x)
    for i in range(len(x)):
        out[i] = x[k[i]]


def order(a):
    """The order of a vector: merges of runs, from the bottom (Knuth, 1973, section 5.2.4)."""
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
                if i < mid and (j >= hi or not before(a[order[j]], a[order[i]])):
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        order, other = other, order
        width *= 2
    return order


# ---- searching ----------------------------------------------------------------------------------


def place(a, v, right):
    """Where v goes into a sorted array."""
    lo = 0
    hi = len(a)
    while lo < hi:
        mid = (lo + hi) // 2
        if not before(v, a[mid]) if right else before(a[mid], v):
            lo = mid + 1
        else:
            hi = mid
    return lo


def searchsorted(a, v, side="left"):
    if side != "left" and side != "right":
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    if np.ndim(v) == 0:
        return place(a, v, side == "right")
    v = np.asarray(v)
    out = np.zeros(v.shape, dtype=int)
    put_places(out, a, v, side == "right")
    return out


def put_places(out, a, v, right):
    for i in range(len(v)):
        if v.ndim == 1:
            out[i] = place(a, v[i], right)
        else:
            put_places(out[i], a, v[i], right)
