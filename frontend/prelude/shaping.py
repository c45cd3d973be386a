"""NumPy's functions that join, repeat and move elements, as programs over views and slices.

Each is Python that also runs as it stands; compiled, its derivative comes with it.  Axes and ranks
are known when compiling, so that `if a.ndim == 1` is, and a loop over axes is unrolled.  Results
are filled through views of them (`np.moveaxis(out, axis, 0)`), so that they lie in memory in order.
"""

from __future__ import annotations

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def placed(axis, a):
    """An axis of an array, counted from the front; AxisError where there is none."""
    np.moveaxis(a, axis, 0)
    return axis % a.ndim


def all_of(axis):
    """An axis, or several, as a tuple."""
    return axis if isinstance(axis, (tuple, list)) else (axis,)


def replaced(shape, axis, n):
    """A shape with another length along an axis."""
    return (*shape[:axis], n, *shape[axis + 1 :])


# ---- arrays behind each other -------------------------------------------------------------------


def concatenate(arrays, axis=0):
    """Arrays behind each other along an axis that they have, or all their elements (None)."""
    if isinstance(arrays, np.ndarray):
        return joined(arrays, axis)
    if axis is None:
        return concatenate([np.ravel(a) for a in arrays])
    parts = [np.asarray(a) for a in arrays]
    if len(parts) == 0:
        raise ValueError("need at least one array to concatenate")
    first = parts[0]
    axis = placed(axis, first)
    n = 0
    for k, a in enumerate(parts):
        fitting(k, a, first, axis)
        n = n + a.shape[axis]
    out = np.zeros(replaced(first.shape, axis, n), dtype=np.result_type(*parts))
    into = np.moveaxis(out, axis, 0)
    at = 0
    for a in parts:
        into[at : at + a.shape[axis]] = np.moveaxis(a, axis, 0)
        at = at + a.shape[axis]
    return out


def joined(a, axis):
    """The arrays a[0], a[1], ... behind each other."""
    if axis is None:
        return a.flatten()
    axis = placed(axis, a[0])
    moved = np.moveaxis(a, 0, axis).copy()
    shape = moved.shape
    return moved.reshape((*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def fitting(k, a, first, axis):
    if a.ndim != first.ndim:
        raise ValueError(
            "all the input arrays must have same number of dimensions, "
            f"but the array at index 0 has {first.ndim} dimension(s) and the array at index {k} "
            f"has {a.ndim} dimension(s)"
        )
    for d in range(a.ndim):
        if d != axis and a.shape[d] != first.shape[d]:
            raise ValueError(
                "all the input array dimensions except for the concatenation axis must match "
                f"exactly, but along dimension {d}, the array at index 0 has size "
                f"{first.shape[d]} and the array at index {k} has size {a.shape[d]}"
            )


def stack(arrays, axis=0):
    """Arrays of one shape beside each other, along a new axis."""
    if isinstance(arrays, np.ndarray):
        return np.moveaxis(arrays, 0, axis).copy()
    parts = [np.asarray(a) for a in arrays]
    if len(parts) == 0:
        raise ValueError("need at least one array to stack")
    shape = np.shape(parts[0])
    for a in parts:
        if np.shape(a) != shape:
            raise ValueError("all input arrays must have the same shape")
    axis = placed(axis, np.expand_dims(parts[0], 0))
    dtype = np.result_type(*parts)
    out = np.zeros((*shape[:axis], len(parts), *shape[axis:]), dtype=dtype)
    into = np.moveaxis(out, axis, 0)
    for k, a in enumerate(parts):
        into[k] = a
    return out


def hstack(tup):
    parts = [np.atleast_1d(a) for a in tup]
    return concatenate(parts, axis=0 if parts[0].ndim == 1 else 1)


def vstack(tup):
    return concatenate([np.atleast_2d(a) for a in tup])


def dstack(tup):
    return concatenate([atleast_3d(a) for a in tup], axis=2)


def column_stack(tup):
    return concatenate([a if np.ndim(a) > 1 else np.atleast_1d(a)[:, None] for a in tup], axis=1)


def append(arr, values, axis=None):
    if axis is None:
        return concatenate((np.ravel(arr), np.ravel(values)))
    return concatenate((arr, values), axis)


def atleast_1d(a):
    return a if np.ndim(a) > 0 else np.array([a])


def atleast_2d(a):
    if np.ndim(a) == 0:
        return np.array([[a]])
    return a if np.ndim(a) > 1 else a[None]


def atleast_3d(a):
    if np.ndim(a) == 0:
        return np.array([[[a]]])
    if np.ndim(a) == 1:
        return a[None, :, None]
    return a if np.ndim(a) > 2 else a[:, :, None]


# ---- elements again -----------------------------------------------------------------------------


def tile(A, reps):
    """Copies side by side, `reps` of them along each axis, the last ones last."""
    reps = all_of(reps)
    a = np.atleast_1d(A)
    ones = (1,) * max(0, len(reps) - a.ndim)
    reps = (1,) * max(0, a.ndim - len(reps)) + tuple(reps)
    pairs = tuple(zip((*ones, *a.shape), reps, strict=True))
    apart = sum([(1, n) for n, _ in pairs], ())
    many = sum([(r, n) for n, r in pairs], ())
    shape = tuple([r * n for n, r in pairs])
    return np.broadcast_to(a.copy().reshape(apart), many).copy().reshape(shape)


def repeat(a, repeats, axis=None):
    """Each element, or each row along an axis, so many times; `repeats` is one count or a list."""
    x = np.asarray(a)
    if axis is None:
        return repeat(np.ravel(x), repeats, 0)
    axis = placed(axis, x)
    rows = np.moveaxis(x, axis, 0)
    if np.ndim(repeats) == 0:
        out = np.zeros(replaced(x.shape, axis, len(rows) * repeats), dtype=x.dtype)
        into = np.moveaxis(out, axis, 0)
        for i in range(len(rows)):
            for k in range(repeats):
                into[i * repeats + k] = rows[i]
        return out
    counts = np.asarray(repeats)
    if len(counts) != len(rows):
        raise ValueError(
            f"operands could not be broadcast together with shape ({len(rows)},) ({len(counts)},)"
        )
    out = np.zeros(replaced(x.shape, axis, np.sum(counts)), dtype=x.dtype)
    into = np.moveaxis(out, axis, 0)
    at = 0
    for i in range(len(rows)):
        for _ in range(counts[i]):
            into[at] = rows[i]
            at += 1
    return out


# ---- elements elsewhere -------------------------------------------------------------------------


def flip(m, axis=None):
    """A view from the end along an axis, some, or all."""
    axes = tuple(range(m.ndim)) if axis is None else all_of(axis)
    for k in axes:
        m = np.moveaxis(np.moveaxis(m, k, 0)[::-1], 0, k)
    return m


def flipud(m):
    return m[::-1]


def fliplr(m):
    return m[:, ::-1]


def rot90(m, k=1, axes=(0, 1)):
    k = k % 4
    if k == 0:
        return m[...]
    if k == 2:
        return flip(m, axes)
    turned = np.swapaxes(m, axes[0], axes[1])
    return flip(turned, axes[0] if k == 1 else axes[1])


def roll(a, shift, axis=None):
    """What leaves at the end comes in at the front."""
    x = np.asarray(a)
    if axis is None:
        return rolled(np.ravel(x), shift, 0).reshape(x.shape)
    axes, shifts = all_of(axis), all_of(shift)
    if len(shifts) < len(axes):
        shifts = (*shifts,) * len(axes)
    for s, k in zip(shifts, axes, strict=True):
        x = rolled(x, s, k)
    return x


def rolled(x, shift, axis):
    out = np.zeros_like(x)
    into, given = np.moveaxis(out, axis, 0), np.moveaxis(x, axis, 0)
    n = len(given)
    s = shift % max(n, 1)
    into[s:] = given[: n - s]
    into[:s] = given[n - s :]
    return out


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """Differences of neighbours, n times."""
    x = np.asarray(a)
    axis = placed(axis, x)
    if prepend is not None:
        x = concatenate((as_end(prepend, x, axis), x), axis)
    if append is not None:
        x = concatenate((x, as_end(append, x, axis)), axis)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    d = np.moveaxis(x, axis, 0).copy()
    for _ in range(n):
        d = (d[1:] != d[:-1]) if x.dtype == bool else d[1:] - d[:-1]
    return np.moveaxis(d, 0, axis)


def as_end(value, x, axis):
    """What stands before or behind x along an axis: an array, or one number everywhere."""
    if np.ndim(value) > 0:
        return value
    return np.full(replaced(x.shape, axis, 1), value)


# ---- diagonals ----------------------------------------------------------------------------------


def diag(v, k=0):
    """A matrix with this diagonal, or a copy of the diagonal of a matrix."""
    v = np.asarray(v)
    if v.ndim > 1:
        return diagonal(v, k)
    n = len(v) + abs(k)
    out = np.zeros((n, n), dtype=v.dtype)
    for i in range(len(v)):
        out[i + max(0, -k), i + max(0, k)] = v[i]
    return out


def diagonal(a, offset=0, axis1=0, axis2=1):
    """A copy of the elements a[i, i + offset], along the last axis."""
    x = np.moveaxis(a, (axis1, axis2), (0, 1))
    down, right = max(0, -offset), max(0, offset)
    n = max(0, min(x.shape[0] - down, x.shape[1] - right))
    out = np.zeros((*x.shape[2:], n), dtype=x.dtype)
    into = np.moveaxis(out, -1, 0)
    for i in range(n):
        into[i] = x[i + down, i + right]
    return out


def trace(a, offset=0, axis1=0, axis2=1):
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


def tril(m, k=0):
    m = np.asarray(m)
    out = np.zeros_like(m)
    lower(out, m, k)
    return out


def lower(out, m, k):
    for i in range(len(m)):
        if m.ndim > 2:
            lower(out[i], m[i], k)
        else:
            n = max(0, min(m.shape[1], i + k + 1))
            out[i, :n] = m[i, :n]


def triu(m, k=0):
    m = np.asarray(m)
    out = np.zeros_like(m)
    upper(out, m, k)
    return out


def upper(out, m, k):
    for i in range(len(m)):
        if m.ndim > 2:
            upper(out[i], m[i], k)
        else:
            n = max(0, min(m.shape[1], i + k))
            out[i, n:] = m[i, n:]


def tri(N, M=None, k=0):
    return np.tril(np.ones((N, N if M is None else M)), k)


# ---- grids and parts ----------------------------------------------------------------------------


def meshgrid(*xi, indexing="xy"):
    """Each vector along its own axis of a grid; the first two axes are swapped for "xy"."""
    if indexing != "xy" and indexing != "ij":
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    rank = len(xi)
    swaps = indexing == "xy" and rank > 1
    order = (1, 0, *range(2, rank)) if swaps else tuple(range(rank))
    vectors = [np.ravel(x) for x in xi]
    shape = tuple([len(vectors[k]) for k in order])
    return tuple(
        [
            np.broadcast_to(
                np.moveaxis(np.expand_dims(v, tuple(range(1, rank))), 0, order.index(k)), shape
            ).copy()
            for k, v in enumerate(vectors)
        ]
    )


def take(a, indices, axis=None):
    if axis is None:
        return np.ravel(a)[indices]
    rank = np.ndim(indices)
    axis = placed(axis, a)
    taken = np.moveaxis(a, axis, 0)[indices]
    return np.moveaxis(taken, tuple(range(rank)), tuple(range(axis, axis + rank)))


def take_along_axis(arr, indices, axis=-1):
    """out[..., k, ...] = arr[..., indices[..., k, ...], ...], along an axis."""
    if axis is None:
        return np.ravel(arr)[indices]
    out = np.zeros(indices.shape, dtype=arr.dtype)
    into, x, k = (np.moveaxis(v, axis, -1) for v in (out, arr, indices))
    put_along(into, x, k)
    return out


def put_along(out, x, k):
    for i in range(len(out)):
        if out.ndim == 1:
            out[i] = x[k[i]]
        else:
            put_along(out[i], x[i], k[i])
