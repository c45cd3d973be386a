"""`check_grads`: derivatives against differences, to any order.

Directions are random, but the same in each run.  The derivative by forward mode is compared with
the difference along a direction, that by reverse mode by the dot test: <ct, J v> = <J^T ct, v>.
Order two does the same with the derivative, which is a function of the language like another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import api
from .backend.border import classify, flatten, rebuild
from .frontend.prelude.along import pulled, pushed
from .ir.structure import Tree, cotangent_tree, leaf_types
from .ir.types import F64, Array

MODES = ("fwd", "rev")
STEP = 1e-3


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = MODES,
    *,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    eps: float = STEP,
) -> None:
    """Compare the derivatives of f at these arguments, up to `order`, with differences.

    `modes` is "fwd", "rev" or both.  `eps` is the step of the differences, relative to each number.

    Raises AssertionError, which says what differs, where they do not agree.
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not modes or any(m not in MODES for m in modes):
        raise ValueError(f"modes are 'fwd' and 'rev', not {modes!r}")
    if order < 1:
        raise ValueError(f"order is at least 1, not {order!r}")
    check(Tolerance(atol, rtol, eps), f, tuple(args), order, modes, "f")


class Tolerance:
    def __init__(self, atol: float, rtol: float, eps: float) -> None:
        self.atol, self.rtol, self.eps = atol, rtol, eps

    def compare(self, got: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], what: str) -> None:
        scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
        if not np.all(np.abs(got - wanted) <= self.atol + self.rtol * scale):
            raise AssertionError(f"{what} gives {shown(got)}, differences give {shown(wanted)}")


def check(
    tolerance: Tolerance,
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    modes: Sequence[str],
    name: str,
) -> None:
    random = np.random.default_rng(len(name))
    tree = classify(args)
    y = api.jit(f)(*args)
    out = classify(y)
    v = direction(tree, args, random)
    ct = direction(out, y, random)
    measured = difference(tolerance.eps, f, tree, args, v)
    if "fwd" in modes:
        dy = api.jvp(f, args, v)[1]
        tolerance.compare(vector(cotangent_tree(out), dy), measured, f"jvp of {name}")
        if order > 1:
            check(tolerance, pushed(api.jvp, f), (args, v), order - 1, modes, f"jvp of {name}")
    if "rev" in modes:
        dx = vector(cotangent_tree(tree), api.vjp(f, *args)[1](ct))
        got = np.dot(dx, vector(cotangent_tree(tree), v))
        wanted = np.dot(vector(cotangent_tree(out), ct), measured)
        tolerance.compare(np.array([got]), np.array([wanted]), f"vjp of {name}")
        if order > 1:
            check(tolerance, pulled(api.vjp, f), (args, ct), order - 1, modes, f"vjp of {name}")


def direction(tree: Tree, value: Any, random: np.random.Generator) -> Any:
    """A random tangent, or cotangent, of a value; None where it holds no float."""
    made: list[Any] = []
    for t, leaf in zip(leaf_types(tree), flatten(tree, value), strict=True):
        if isinstance(t, Array):
            made.append(random.uniform(-1.0, 1.0, len(leaf)))
        elif t == F64:
            made.append(float(random.uniform(0.5, 1.0)) * (1 if random.integers(2) else -1))
    return rebuild(cotangent_tree(tree), iter(made), refused)


def difference(
    eps: float, f: Callable[..., Any], tree: Tree, args: tuple[Any, ...], v: Any
) -> np.ndarray[Any, Any]:
    """The derivative along v by central differences at three steps, extrapolated."""

    def at(h: float) -> np.ndarray[Any, Any]:
        moves = flatten(cotangent_tree(tree), v)
        leaves = [
            leaf + h * next(moves) if isinstance(t, Array) or t == F64 else leaf
            for t, leaf in zip(leaf_types(tree), flatten(tree, args), strict=True)
        ]
        y = api.jit(f)(*rebuild(tree, iter(leaves), refused))
        out = classify(y)
        kept = [
            leaf
            for t, leaf in zip(leaf_types(out), flatten(out, y), strict=True)
            if isinstance(t, Array) or t == F64
        ]
        return np.concatenate([np.zeros(0), *(np.atleast_1d(leaf) for leaf in kept)])

    d = [(at(h) - at(-h)) / (2.0 * h) for h in (eps, eps / 2.0, eps / 4.0)]
    first = [(4.0 * b - a) / 3.0 for a, b in zip(d, d[1:], strict=False)]
    made: np.ndarray[Any, Any] = (16.0 * first[1] - first[0]) / 15.0
    return made


def vector(tree: Tree, value: Any) -> np.ndarray[Any, Any]:
    """All floats of a tangent or cotangent, one after the other."""
    leaves = [np.atleast_1d(leaf) for leaf in flatten(tree, value)]
    return np.concatenate([np.zeros(0), *leaves])


def shown(x: np.ndarray[Any, Any]) -> str:
    return str(x.tolist() if x.size != 1 else float(x[0]))


def refused(*_: Any) -> Any:
    raise TypeError("check_grads takes functions of floats, arrays, tuples and records")
