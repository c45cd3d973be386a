"""NumPy's and SciPy's functions of numbers that are no ops: programs of one element.

A derivative is that of the program, so each branch has the right one where two of them meet: close
to 0, `sinc` is its series, and `logaddexp` never asks which of two equal numbers is the larger.
"""

from __future__ import annotations

import math

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

LARGEST = 1.7976931348623157e308


def maximum(x, y):
    return x if x >= y or x != x else y


def minimum(x, y):
    return x if x <= y or x != x else y


def fmax(x, y):
    return x if x >= y or y != y else y


def fmin(x, y):
    return x if x <= y or y != y else y


def where(condition, x, y):
    return x if condition else y


def clip(x, low, high):
    return minimum(maximum(x, low), high)


def square(x):
    return x * x


def reciprocal(x):
    return 1.0 / x


def float_power(x, y):
    return float(x) ** float(y)


def heaviside(x, y):
    if x == 0:
        return float(y)
    return 0.0 if x < 0 else 1.0 if x > 0 else float(x)


def logical_and(x, y):
    return bool(x) and bool(y)


def logical_or(x, y):
    return bool(x) or bool(y)


def logical_xor(x, y):
    return bool(x) != bool(y)


def logical_not(x):
    return not bool(x)


def signbit(x):
    return math.copysign(1.0, x) < 0.0


def angle(z):
    return math.atan2(z.imag, z.real)


def real_part(z):
    return z.real


def imaginary_part(z):
    return z.imag


def conjugate(z):
    return z.conjugate()


def nan_to_num(x, nan, posinf, neginf):
    if isinstance(x, int):
        return x
    if x != x:
        return nan
    return posinf if x == math.inf else neginf if x == -math.inf else x


def isclose(a, b, rtol, atol, equal_nan):
    if a == b or (equal_nan and a != a and b != b):
        return True
    return abs(b) < math.inf and abs(a - b) <= atol + rtol * abs(b)


def whole(x):
    return x if isinstance(x, int) else np.rint(x)


def rounded(x, power, up):
    """x * power, or x / power, to the nearest whole number, and back."""
    if isinstance(x, int):
        return x if up else int(np.rint(x / power) * power)
    return np.rint(x * power) / power if up else np.rint(x / power) * power


def sinc(x):
    """sin(pi x) / (pi x)."""
    y = math.pi * x
    if abs(y) < 1e-2:
        z = y * y
        return 1.0 - z / 6.0 * (1.0 - z / 20.0 * (1.0 - z / 42.0))
    return math.sin(y) / y


def logaddexp(x, y):
    if x == y and math.isinf(x):
        return float(x)
    if x >= y:
        return x + math.log1p(math.exp(y - x))
    return y + math.log1p(math.exp(x - y))


# ---- scipy.special ------------------------------------------------------------------------------


def expit(x):
    """1 / (1 + exp(-x)), by the exponential that is at most 1."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def log_expit(x):
    if x >= 0.0:
        return -math.log1p(math.exp(-x))
    return x - math.log1p(math.exp(x))


def logit(p):
    return math.log(p / (1.0 - p))


def xlogy(x, y):
    return 0.0 if x == 0.0 and y == y else x * math.log(y)


def xlog1py(x, y):
    return 0.0 if x == 0.0 and y == y else x * math.log1p(y)


def entr(x):
    return -x * math.log(x) if x > 0.0 else 0.0 if x == 0.0 else -math.inf if x < 0.0 else x


def rel_entr(x, y):
    if x > 0.0 and y > 0.0:
        return x * math.log(x / y)
    if x == 0.0 and y >= 0.0:
        return 0.0
    return math.inf if x == x and y == y else x + y


def betaln(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def ndtr(x):
    """The distribution function of the standard normal distribution."""
    return 0.5 * math.erfc(-x * 0.7071067811865476)
