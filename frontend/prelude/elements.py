"""Whole arrays, element by element: loops over the first axis, whose rows are arrays again.

The ranks are known when compiling, so the recursion over the axes becomes a nest of loops.
"""

from __future__ import annotations

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def fill(out, value):
    """Every element of `out` becomes the number."""
    for i in range(len(out)):
        if out.ndim == 1:
            out[i] = value
        else:
            fill(out[i], value)


def assign(out, x):
    """The elements of `out` become those of `x`, which has its shape."""
    for i in range(len(out)):
        if out.ndim == 1:
            out[i] = x[i]
        else:
            assign(out[i], x[i])


def at(x, i):
    """Element or row i of an array; a number is the same everywhere."""
    return x[i] if isinstance(x, np.ndarray) else x


def mapped(fn, out, *xs):
    """out = fn(*xs) by elements."""
    for i in range(len(out)):
        if out.ndim == 1:
            out[i] = fn(*[at(x, i) for x in xs])
        else:
            mapped(fn, out[i], *[at(x, i) for x in xs])


def folded(fn, x, start):
    """fn(... fn(fn(start, x[0]), x[1]) ...) over all elements, the last axis fastest."""
    for i in range(len(x)):
        if x.ndim == 1:
            start = fn(start, x[i])
        else:
            start = folded(fn, x[i], start)
    return start


def reduced(fn, out, x):
    """out = fn(... fn(out, x[..., 0]) ..., x[..., n - 1]), over the last axes of x."""
    for i in range(len(out)):
        if out.ndim == 1:
            out[i] = folded(fn, x[i], out[i])
        else:
            reduced(fn, out[i], x[i])


def counted(out, start, step):
    """out = start, start + step, ..."""
    for i in range(len(out)):
        out[i] = start + i * step


def spaced(out, start, stop, endpoint):
    """As many points from start on; the last is stop, or, without endpoint, the one before it."""
    n = len(out)
    parts = max(n - 1, 1) if endpoint else n
    for i in range(n):
        at_end = endpoint and i == n - 1 and n > 1
        out[i] = stop if at_end else start + i * ((stop - start) / parts)


def diagonal(out, value, k):
    """`value` on a diagonal of a matrix, k to the right of the main one."""
    down, right = max(0, -k), max(0, k)
    for i in range(min(out.shape[0] - down, out.shape[1] - right)):
        out[i + down, i + right] = value


def taken(out, x, *index):
    """out[k] = x[index[k]], where there is an index for each of some first axes of x."""
    for i in range(len(out)):
        if index[0].ndim == 1:
            out[i] = x[tuple([k[i] for k in index])]
        else:
            taken(out[i], x, *[k[i] for k in index])


def put(x, values, *index):
    """x[index[k]] = values[k], in order."""
    for i in range(len(index[0])):
        if index[0].ndim == 1:
            x[tuple([k[i] for k in index])] = at(values, i)
        else:
            put(x, at(values, i), *[k[i] for k in index])


def count(mask):
    n = 0
    for i in range(len(mask)):
        if mask.ndim == 1:
            if mask[i]:
                n += 1
        else:
            n += count(mask[i])
    return n


def nonzero(outs, mask, way, n):
    """The indices of the true elements, one array for each axis, from place n on."""
    for i in range(len(mask)):
        if mask.ndim == 1:
            if mask[i]:
                for out, k in zip(outs, (*way, i), strict=True):
                    out[n] = k
                n += 1
        else:
            n = nonzero(outs, mask[i], (*way, i), n)
    return n


def some(a):
    """Whether an element is true, as far as one has to look."""
    for i in range(len(a)):
        if a.ndim == 1:
            if a[i]:
                return True
        elif some(a[i]):
            return True
    return False


def every(a):
    for i in range(len(a)):
        if a.ndim == 1:
            if not a[i]:
                return False
        elif not every(a[i]):
            return False
    return True


def each(fn, out, x):
    """out[i] = fn(x[i]), where fn is of the last axes of x, which out does not have."""
    for i in range(len(out)):
        if out.ndim == 1:
            out[i] = fn(x[i])
        else:
            each(fn, out[i], x[i])


def running(fn, out, x):
    """out[i] = fn(out[i - 1], x[i]) along the last axis."""
    for i in range(len(out)):
        if out.ndim > 1:
            running(fn, out[i], x[i])
        else:
            out[i] = fn(out[i - 1], x[i]) if i > 0 else x[i]


def dot(x, y, s):
    """s + x[0] * y[0] + x[1] * y[1] + ..."""
    for i in range(len(x)):
        s = s + x[i] * y[i]
    return s


def matrix_vector(out, a, x, zero):
    for i in range(len(out)):
        out[i] = dot(a[i], x, zero)


def stacked(out, a, b):
    """out[..., :, :] = a[..., :, :] @ b[..., :, :]"""
    if out.ndim == 2:
        matrix_matrix(out, a, b)
    else:
        for i in range(len(out)):
            stacked(out[i], a[i], b[i])


def matrix_matrix(out, a, b):
    for i in range(out.shape[0]):
        for k in range(a.shape[1]):
            for j in range(out.shape[1]):
                out[i, j] = out[i, j] + a[i, k] * b[k, j]
