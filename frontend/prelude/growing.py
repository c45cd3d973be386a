"""What lists that grow do with their buffers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def closed_up(x, k, last):
    """What stands behind place k, one place to the front."""
    for i in range(k, last):
        x[i] = x[i + 1]


def opened_up(x, k, last):
    """The element at `last` at place k, and what stood there one place to the back."""
    value = x[last]
    for i in range(last, k, -1):
        x[i] = x[i - 1]
    x[k] = value


def extended(xs, more):
    for v in more:
        xs.append(v)


def reversed_in_place(xs):
    for i in range(len(xs) // 2):
        j = len(xs) - 1 - i
        xs[i], xs[j] = xs[j], xs[i]


def listed(xs):
    out = []
    for v in xs:
        out.append(v)
    return out


def joined(a, b):
    out = listed(a)
    extended(out, b)
    return out


def repeated(a, n):
    out = []
    for _ in range(n):
        for v in a:
            out.append(v)
    return out


def inserted(xs, i, v):
    xs.append(v)
    n = len(xs) - 1
    k = min(max(i + n, 0), n) if i < 0 else min(i, n)
    for j in range(n, k, -1):
        xs[j] = xs[j - 1]
    xs[k] = v


def popped(xs, i):
    v = xs[i]
    for j in range(i % len(xs), len(xs) - 1):
        xs[j] = xs[j + 1]
    xs.pop()
    return v


def emptied(xs):
    for _ in range(len(xs)):
        xs.pop()


def index(xs, v):
    for i in range(len(xs)):
        if xs[i] == v:
            return i
    raise ValueError("value is not in list")


def count(xs, v):
    n = 0
    for x in xs:
        if x == v:
            n += 1
    return n


def ordered(xs):
    y = np.sort(np.array(xs))
    for i in range(len(xs)):
        xs[i] = y[i]


def table(xs, out):
    """The rows of `out` are the elements of xs, all of one shape."""
    for i in range(len(xs)):
        if len(xs[i]) != out.shape[1]:
            raise ValueError("setting an array element with a sequence of several lengths")
        out[i] = xs[i]


def contains(xs, v):
    for x in xs:
        if x == v:
            return True
    return False


def equal(a, b):
    if len(a) != len(b):
        return False
    for i in range(len(a)):
        if a[i] != b[i]:
            return False
    return True


def overwritten(xs, ts):
    """The floats in xs become those of ts, a tangent of it: what else it holds stays."""
    if len(ts) != len(xs):
        raise ValueError(f"a tangent has {len(ts)} elements, but its primal has {len(xs)}")
    for i in range(len(xs)):
        if isinstance(xs[i], np.ndarray):
            xs[i][...] = ts[i]
        elif isinstance(xs[i], list):
            overwritten(xs[i], ts[i])
        else:
            xs[i] = replaced(xs[i], ts[i])


def replaced(x, t):
    if isinstance(x, tuple):
        return tuple([replaced(a, b) for a, b in zip(x, t, strict=True)])
    return x if isinstance(x, int) or t is None else t


def column(xs, out, way):
    """out[i] = xs[i][way[0]][way[1]]..."""
    for i in range(len(xs)):
        out[i] = part(xs[i], way)


def part(x, way):
    return part(x[way[0]], way[1:]) if way else x


def itself(x):
    return x


def sorted_by(xs, key, backwards):
    """The elements in the order of their keys: merge sort of their places, bottom up.

    It is stable, from behind, too, as Python's.
    """
    n = len(xs)
    keys = [key(x) for x in xs]
    order = np.arange(n)
    other = np.zeros(n, dtype=int)
    width = 1
    while width < n:
        for lo in range(0, n, 2 * width):
            middle, hi = min(lo + width, n), min(lo + 2 * width, n)
            i, j = lo, middle
            for k in range(lo, hi):
                first = j >= hi
                if not first and i < middle:
                    a, b = keys[order[i]], keys[order[j]]
                    first = not (a < b if backwards else b < a)
                if first:
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        order, other = other, order
        width = 2 * width
    return [xs[order[k]] for k in range(n)]


METHODS: dict[str, Callable[..., object]] = {
    "extend": extended,
    "reverse": reversed_in_place,
    "index": index,
    "count": count,
    "sort": ordered,
}
INNER = METHODS | {"insert": inserted, "pop": popped, "clear": emptied, "copy": listed}
