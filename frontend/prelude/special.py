"""SciPy's special functions of whole arrays, by their largest element: nothing overflows."""

from __future__ import annotations

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def logsumexp(a, axis=None, b=None, keepdims=False):
    """log(sum(b * exp(a))) along axes (Blanchard, Higham and Higham, 2021)."""
    x = np.asarray(a)
    top = largest(x, axis)
    e = np.exp(x - top) if b is None else b * np.exp(x - top)
    s = np.log(np.sum(e, axis=axis, keepdims=keepdims))
    if keepdims:
        return s + top
    if axis is None:
        return s + np.sum(top)
    return s + np.sum(top, axis=axis)


def largest(x, axis):
    """The largest element, where that is finite."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0.0)


def softmax(x, axis=None):
    x = np.asarray(x)
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=None):
    x = np.asarray(x)
    d = x - largest(x, axis)
    return d - np.log(np.sum(np.exp(d), axis=axis, keepdims=True))
