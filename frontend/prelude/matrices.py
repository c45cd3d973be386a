"""Jacobians by and of arrays, and batches: a column, a row or a lane in each turn of a loop."""

from __future__ import annotations

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def columns(push, x, outs, units):
    """Column k of each matrix of `outs` is what the k-th unit vector of x's shape is pushed to.

    As many are pushed at once as there are `units`, which are zeros; those beyond x push nothing.
    """
    for k in range(0, x.size, len(units)):
        for lane, unit in enumerate(units):
            if k + lane < x.size:
                unit[k + lane] = 1.0
        moved = push(*[unit.reshape(x.shape) for unit in units])
        for lane, (unit, tangents) in enumerate(zip(units, moved, strict=True)):
            if k + lane < x.size:
                for out, t in zip(outs, tangents, strict=True):
                    if isinstance(t, np.ndarray):
                        out[:, k + lane] = t.reshape(-1)
                    else:
                        out[k + lane] = t
                unit[k + lane] = 0.0


def rows(pull, y, outs):
    """Row k of each matrix of `outs` is what the k-th unit vector of y's shape is pulled to."""
    unit = np.zeros(y.size)
    for k in range(y.size):
        unit[k] = 1.0
        for out, g in zip(outs, pull(unit.reshape(y.shape)), strict=True):
            if isinstance(g, np.ndarray):
                out[k, :] = g.reshape(-1)
            else:
                out[k] = g
        unit[k] = 0.0


def lanes(turn, start, n, outs):
    """Element k of each of `outs` is what turn k gives, from `start` on."""
    for k in range(start, n):
        for out, y in zip(outs, turn(k), strict=True):
            if isinstance(y, np.ndarray) and y.shape != out.shape[1:]:
                raise ValueError(
                    f"vmap of a function whose results have several shapes: {y.shape} for example "
                    f"{k}, {out.shape[1:]} for example 0"
                )
            out[k] = y
