"""What sum, max and their kin are of a range or an array, whose length the run decides."""

from __future__ import annotations

import builtins
import functools

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def sum(xs, start):
    for x in xs:
        start = start + x
    return start


def prod(xs, start):
    for x in xs:
        start = start * x
    return start


def any(xs):
    for x in xs:
        if x:
            return True
    return False


def all(xs):
    for x in xs:
        if not x:
            return False
    return True


def max(xs):
    if len(xs) == 0:
        raise ValueError("max() arg is an empty sequence")
    best = xs[0]
    for x in xs:
        if x > best:
            best = x
    return best


def min(xs):
    if len(xs) == 0:
        raise ValueError("min() arg is an empty sequence")
    best = xs[0]
    for x in xs:
        if x < best:
            best = x
    return best


def reduce(f, xs, start):
    for x in xs:
        start = f(start, x)
    return start


def reduced(f, xs):
    return functools.reduce(f, (x for x in xs))


def max_of(xs):
    return builtins.max(x for x in xs)


def max_by(xs, key):
    return builtins.max((x for x in xs), key=key)


def max_or(xs, default):
    return builtins.max((x for x in xs), default=default)


def max_by_or(xs, key, default):
    return builtins.max((x for x in xs), key=key, default=default)


def min_of(xs):
    return builtins.min(x for x in xs)


def min_by(xs, key):
    return builtins.min((x for x in xs), key=key)


def min_or(xs, default):
    return builtins.min((x for x in xs), default=default)


def min_by_or(xs, key, default):
    return builtins.min((x for x in xs), key=key, default=default)
