"""Programs of the language, plain Python each, with what is known about them.

The number is that of the case in the project's list of what users of such tools rely on.  Where a
closed form of value or gradient is known it stands with the program; CPython and differences judge
all of them.  `control_programs` holds control flow, `more_programs` functions, recursion and
derivatives inside programs; the latter has them all.
"""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """One function at one place.  `value` and `gradient` are closed forms of all arguments.

    orders       how often it is differentiated (0: only its value)
    inner        it takes derivatives itself, so CPython runs compiled code too
    differences  False where the function has no derivative in the ordinary sense at this point
    """

    case: int
    function: Callable[..., Any]
    args: tuple[Any, ...]
    orders: int
    value: Callable[..., Any] | None = None
    gradient: Callable[..., tuple[Any, ...]] | None = None
    inner: bool = False
    differences: bool = True

    def __str__(self) -> str:
        return f"{self.case}-{self.function.__name__}{self.args}"


PROGRAMS: list[Program] = []


def row(
    case: int,
    function: Callable[..., Any],
    *places: tuple[Any, ...],
    orders: int = 1,
    value: Callable[..., Any] | None = None,
    gradient: Callable[..., tuple[Any, ...]] | None = None,
    inner: bool = False,
    differences: bool = True,
) -> None:
    """The function at each of these argument tuples."""
    for args in places:
        PROGRAMS.append(Program(case, function, args, orders, value, gradient, inner, differences))


# ---- scalars ----------------------------------------------------------------------------------


def constant(x, y):
    return 3.0


row(1, constant, (1.5, 2.0), orders=2, gradient=lambda x, y: (0.0, 0.0))


def literal_times(x):
    return 2.5 * x


row(2, literal_times, (1.5,), orders=2, gradient=lambda x: (2.5,))


def sum_of_arguments(x, y, z):
    return x + y + z


row(3, sum_of_arguments, (1.0, 2.0, 3.0), orders=2, gradient=lambda x, y, z: (1.0, 1.0, 1.0))


def monomial(x, y):
    return x**3 * y**4


row(
    4, monomial, (1.3, 0.8), (-1.1, 1.2), orders=3,
    gradient=lambda x, y: (3 * x**2 * y**4, 4 * x**3 * y**3),
)  # fmt: skip


def product(a, b):
    return a * b


def same_value_twice(x):
    return product(x, x) + product(x * x, x)


row(5, same_value_twice, (1.7,), orders=3, gradient=lambda x: (2 * x + 3 * x * x,))


def fourfold(a, b, c, d):
    return a * b * c * d


def fed_six_times(x):
    return fourfold(x, x, 2.0, x) * x * product(x, x)


row(6, fed_six_times, (1.2,), orders=3, value=lambda x: 2 * x**6, gradient=lambda x: (12 * x**5,))


def pair_indexed(x, y):
    p = (x * y, x - y)
    return p[0] + p[1] * p[-1]


row(7, pair_indexed, (1.5, 0.4), orders=2, gradient=lambda x, y: (y + 2 * (x - y), x - 2 * (x - y)))


def arithmetic(x, y):
    return x + y - x * y / (1.0 + x * x) + (-x) * +y + x % y + x // y * x


row(8, arithmetic, (2.3, 0.7), (-1.9, 0.6), (1.9, -0.6), orders=2)


def powers(x, n):
    return x**2 + x**-2 + x**0 + x**0.5 + 2.0**x + x**x + x**n + x ** (-n) + pow(x, 1.5)


row(8, powers, (1.4, 3), (0.7, 0), (1.4, -2), orders=3)


def trigonometry(x):
    a = math.sin(x) + math.cos(x) * math.tan(x)
    b = math.asin(x) + math.acos(x) * math.atan(x)
    return a + b * math.atan2(x, 2.0 - x) + math.radians(x) * math.degrees(x)


row(8, trigonometry, (0.3,), (-0.6,), orders=3)


def hyperbolic(x):
    a = math.sinh(x) + math.cosh(x) * math.tanh(x)
    return a + math.asinh(x) * math.acosh(1.0 + x * x) - math.atanh(0.5 * x)


row(8, hyperbolic, (0.9,), orders=3)


def exponentials(x):
    a = math.exp(x) + math.exp2(-x) * math.expm1(x)
    b = math.log(x) + math.log1p(x) * math.log2(x) - math.log10(x)
    return a * b + math.log(x, 3.0) + math.pow(x, 1.3)


row(8, exponentials, (0.8,), (2.1,), orders=3)


def roots_and_errors(x):
    a = math.sqrt(x) * math.cbrt(x) + math.hypot(x, 0.5) - math.hypot(x, x)
    return a + math.erf(x) * math.erfc(0.5 * x) + math.gamma(x) * math.lgamma(x + 0.5)


row(8, roots_and_errors, (1.3,), (2.4,), orders=3)


def stepwise(x):
    a = abs(x) * math.fabs(x) + math.copysign(x * x, -x) + math.fmod(5.0 * x, 2.0)
    b = math.floor(x) * x + math.ceil(x) * x * x + math.trunc(-x) * x
    return a + b + round(2.0 * x) * x + int(3.0 * x) * x + min(x, 2.0) * max(x, -5.0, x * 0.5)


row(8, stepwise, (1.3,), (-1.3,), orders=2)


def tests_of_floats(x):
    y = x if math.isfinite(x) and not (math.isnan(x) or math.isinf(x)) else 0.0
    return y * (math.pi + math.e + math.tau) + min(y, math.inf) * bool(y)


row(8, tests_of_floats, (0.7,), orders=1, gradient=lambda x: (math.pi + math.e + math.tau + 1,))


def numpy_names(x):
    a = np.sin(x) * np.arctan(x) + np.exp(-x) * np.sqrt(x) + np.log1p(x)
    return a + np.tanh(x) * np.arcsinh(x) + np.pi * x + np.cos(x)


row(8, numpy_names, (0.8,), orders=2)


def ints(a, b):
    q, r = divmod(a, b)
    s = (a << 2) ^ (b | 5) & ~a
    return (
        q,
        r,
        s,
        a // -b,
        -a % b,
        a**3,
        a >> 1,
        abs(-a),
        min(a, b),
        max(a, b, 3),
        a / b,
        int(a > b),
    )


row(8, ints, (17, 5), (-17, 5), (4, -3), orders=0)


def bools(a, b):
    return a and b, a or b, a & b, a | b, a ^ b, not a, a == b, a + b, int(a) * 2, float(b)


row(22, bools, (True, False), (True, True), (False, False), orders=0)
