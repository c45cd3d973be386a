"""`check_grads`: derivatives against differences, to any order.

Directions are random, but the same in each run.  The derivative by forward mode is compared with
the difference along a direction, that by reverse mode by the dot test: <ct, J v> = <J^T ct, v>.
Order two does the same with the derivative, which is a function of the language like another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import api
from .frontend.prelude.along import pulled, pushed
from .ir.parts import made_of, part_names, parts_in

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
    v = direction(args, random)
    ct = direction(api.jit(f)(*args), random)
    measured = difference(tolerance.eps, f, args, v)
    if "fwd" in modes:
        dy = api.jvp(f, args, v)[1]
        tolerance.compare(vector(dy), measured, f"jvp of {name}")
        if order > 1:
            check(tolerance, pushed(api.jvp, f), (args, v), order - 1, modes, f"jvp of {name}")
    if "rev" in modes:
        dx = api.vjp(f, *args)[1](ct)
        got, wanted = paired(vector(dx), vector(v)), paired(vector(ct), measured)
        tolerance.compare(np.array([got]), np.array([wanted]), f"vjp of {name}")
        if order > 1:
            check(tolerance, pulled(api.vjp, f), (args, ct), order - 1, modes, f"vjp of {name}")


def paired(ct: np.ndarray[Any, Any], t: np.ndarray[Any, Any]) -> float:
    """<ct, t>; of complex numbers the real part of it, as `transforms/rules.py` has it."""
    return float(np.sum(ct * t).real)


def difference(
    eps: float, f: Callable[..., Any], args: tuple[Any, ...], v: Any
) -> np.ndarray[Any, Any]:
    """The derivative along v by central differences at three steps, extrapolated."""

    def at(h: float) -> np.ndarray[Any, Any]:
        moves = floats(v)
        moved = mapped(args, lambda x: x + h * next(moves), keep=True)
        return vector(api.jit(f)(*moved))

    d = [(at(h) - at(-h)) / (2.0 * h) for h in (eps, eps / 2.0, eps / 4.0)]
    first = [(4.0 * b - a) / 3.0 for a, b in zip(d, d[1:], strict=False)]
    made: np.ndarray[Any, Any] = (16.0 * first[1] - first[0]) / 15.0
    return made


# ---- values: floats and arrays, in tuples, records and dicts ------------------------------------


def direction(value: Any, random: np.random.Generator) -> Any:
    """A random tangent, or cotangent, of a value; None where it holds no float."""

    def one(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return random.uniform(-1.0, 1.0, x.shape)
        return float(random.uniform(0.5, 1.0)) * (1 if random.integers(2) else -1)

    def go(x: Any) -> Any:
        return one(x) + 1j * one(x) if np.iscomplexobj(x) else one(x)

    return mapped(value, go, keep=False)


def mapped(value: Any, go: Callable[[Any], Any], keep: bool) -> Any:
    """A value with `go` of each float and array in it; the rest stays, or is None.

    Without recursion: a list may be long.
    """
    made: list[list[Any]] = [[]]  # the parts so far of each value that is open
    left = [(value, False)]
    while left:
        v, whole = left.pop()
        if whole:
            done = made.pop()
            made[-1].append(made_of(type(v), part_names(v) or (), done))
        elif is_float(v):
            made[-1].append(go(v))
        elif (parts := parts_of_value(v)) is None:
            made[-1].append(v if keep else None)
        else:
            made.append([])
            left += [(v, True), *((p, False) for p in reversed(parts))]
    return made[0][0]


def floats(value: Any) -> Iterator[Any]:
    """The floats and arrays in a value, from left to right."""
    left = [value]
    while left:
        v = left.pop()
        if is_float(v):
            yield v
        left += reversed(parts_of_value(v) or [])


def parts_of_value(value: Any) -> list[Any] | None:
    return list(value) if type(value) is list else parts_in(value)


def vector(value: Any) -> np.ndarray[Any, Any]:
    """All floats of a value, one after the other."""
    return np.concatenate([np.zeros(0), *map(np.ravel, floats(value))])


def is_float(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc"
    return isinstance(value, (float, complex, np.floating, np.complexfloating))


def shown(x: np.ndarray[Any, Any]) -> str:
    return str(x.tolist() if x.size != 1 else x[0].item())
