"""What right means: comparison of results, and derivatives found without the compiler.

Every judgement is of the form `error <= tolerance`, never `error > tolerance`, so a nan fails.
Values are nested tuples of numbers, None and 1-D arrays; their *leaves* are the floats in them,
an array being as many leaves as it has elements.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Value = Any  # a float, int, bool, None, 1-D array, or a tuple of such
EXACT_ENOUGH = 1e-12  # native libm and `x ** 3` as products may differ by a few ULP
MODES_AGREE = 1e-9  # adjoint ops may be reassociated
DIFFERENCES_AGREE = 2e-6


class Untrusted(Exception):
    """No step of the finite differences gives a figure worth comparing with."""


# ---- structure --------------------------------------------------------------------------------


def leaves(value: Value) -> Iterator[float]:
    """The floats, left to right."""
    if isinstance(value, tuple):
        for kid in value:
            yield from leaves(kid)
    elif isinstance(value, np.ndarray):
        yield from value.tolist()
    elif isinstance(value, float):
        yield float(value)


def rebuilt(value: Value, floats: Iterator[float]) -> Value:
    """The same structure with its floats replaced, ints and the like as they were."""
    if isinstance(value, tuple):
        return tuple(rebuilt(kid, floats) for kid in value)
    if isinstance(value, np.ndarray):
        return np.array([next(floats) for _ in range(len(value))])
    return next(floats) if isinstance(value, float) else value


def moved(value: Value, direction: Value, t: float) -> Value:
    """value + t * direction."""
    return rebuilt(
        value, iter([x + t * d for x, d in zip(leaves(value), leaves(direction), strict=True)])
    )


def dot(a: Value, b: Value) -> float:
    return math.fsum(x * y for x, y in zip(leaves(a), leaves(b), strict=True))


def holds_floats(value: Value) -> bool:
    return any(True for _ in leaves(value)) or isinstance(value, np.ndarray)


# ---- comparison -------------------------------------------------------------------------------


def close(a: float, b: float, rtol: float, atol: float = 0.0) -> bool:
    """Within rtol of the larger one, of 1 at least; inf and nan only where both are."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= rtol * max(1.0, abs(a), abs(b)) + atol


def kind(value: Value) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    for name, types in (("int", (int, np.integer)), ("float", (float, np.floating))):
        if isinstance(value, types):
            return name
    return type(value).__name__


def agree(got: Value, expected: Value, what: str, equal: Callable[[float, float], bool]) -> None:
    """One structure, one kind at each place, floats equal in the sense given."""
    told = f"{what}: {got!r}, expected {expected!r}"
    assert kind(got) == kind(expected), told
    if isinstance(expected, tuple):
        assert len(got) == len(expected), told
        for k, (g, e) in enumerate(zip(got, expected, strict=True)):
            agree(g, e, f"{what}[{k}]", equal)
    elif isinstance(expected, np.ndarray):
        assert got.shape == expected.shape and got.dtype == expected.dtype, told
        assert all(map(equal, got.tolist(), expected.tolist())), told
    elif kind(expected) == "float":
        assert equal(float(got), float(expected)), told
    else:
        assert got == expected, told


def same(got: Value, expected: Value, what: str = "value", rtol: float = EXACT_ENOUGH) -> None:
    agree(got, expected, what, lambda g, e: close(g, e, rtol))


def bitwise(got: Value, expected: Value, what: str = "value") -> None:
    """The same bits, the sign of zero included; one nan is as good as another."""
    agree(got, expected, what, lambda g, e: bits(g) == bits(e))


def bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("<d", x)


# ---- derivatives by differences ---------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """A derivative and how far it may be off."""

    value: float
    error: float

    def confirms(self, derivative: float) -> bool:
        return close(derivative, self.value, DIFFERENCES_AGREE, 20 * self.error)


def ridders(phi: Callable[[float], float], step: float = 0.02, levels: int = 8) -> Difference:
    """Central difference of phi at 0, extrapolated to step 0 (Ridders 1982)."""
    best, rows = Difference(math.nan, math.inf), list[list[float]]()
    for _ in range(levels):
        row = [(phi(step) - phi(-step)) / (2 * step)]
        for j, above in enumerate(rows[-1] if rows else []):
            factor = 4.0 ** (j + 1)
            row.append((row[j] * factor - above) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - above))
            if error <= best.error:
                best = Difference(row[-1], error)
        rows.append(row)
        step /= 2
    return best


def difference(phi: Callable[[float], float]) -> Difference:
    """The derivative of phi at 0, by the first range of steps that settles.

    Steps that cross a branch point do not settle, smaller ones then do; Untrusted if none does.
    """
    for step in (0.02, 1e-3, 5e-5):
        found = ridders(phi, step)
        if found.error <= 1e-6 * max(1.0, abs(found.value)):
            return found
    raise Untrusted("differences do not settle")


def differences(phi: Callable[..., float], args: tuple[Value, ...]) -> list[Difference]:
    """One difference for each leaf of the arguments."""
    count = len(list(leaves(args)))
    found = []
    for k in range(count):
        unit = rebuilt(args, iter([1.0 if j == k else 0.0 for j in range(count)]))
        found.append(along(phi, args, unit))
    return found


def along(phi: Callable[..., float], args: tuple[Value, ...], direction: Value) -> Difference:
    """The directional derivative of phi."""
    return difference(lambda t: phi(*moved(args, direction, t)))


def confirmed(gradient: Value, phi: Callable[..., float], args: Value, what: str) -> None:
    """A gradient against differences, leaf by leaf."""
    got, expected = list(leaves(gradient)), differences(phi, args)
    assert len(got) == len(expected), f"{what}: {gradient!r} for arguments {args!r}"
    for k, (g, d) in enumerate(zip(got, expected, strict=True)):
        assert d.confirms(g), f"{what}, leaf {k}: {g!r}, differences {d.value!r} +- {d.error:.1e}"


def transposed(ct: Value, dy: Value, gradient: Value, dx: Value, what: str = "dot test") -> None:
    """<ct, J dx> = <J^T ct, dx>: forward and reverse are each other's transposes."""
    forward, reverse = dot(ct, dy), dot(gradient, dx)
    assert close(forward, reverse, MODES_AGREE), f"{what}: forward {forward!r}, reverse {reverse!r}"
