"""What lists that grow do with their buffers."""

from __future__ import annotations

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
