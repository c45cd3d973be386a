"""Scalar arithmetic as typed IR means it: Python's and `math`'s, with inf and nan for errors.

`math.exp(1000.0)` raises in Python; here it is inf, as IEEE 754 has it and as native code computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

I64_MIN, I64_MAX = -(2**63), 2**63 - 1


def div(x: float, y: float) -> float:
    """x / y; by zero it is IEEE's signed infinity, or nan."""
    if isinstance(y, complex):
        return divided(x, y)  # type: ignore[return-value]
    if y != 0.0:
        return x / y
    if x == 0.0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def divided(x: complex, y: complex) -> complex:
    """A quotient of complex numbers without overflow on the way: R. L. Smith, Algorithm 116 (1962).

    Python's and NumPy's method, too; by zero it is nan.
    """
    if abs(y.real) >= abs(y.imag):
        ratio = div(y.imag, y.real)
        below = y.real + y.imag * ratio
        re, im = x.real + x.imag * ratio, x.imag - x.real * ratio
    else:
        ratio = div(y.real, y.imag)
        below = y.real * ratio + y.imag
        re, im = x.real * ratio + x.imag, x.imag * ratio - x.real
    return complex(div(re, below), div(im, below))


def times(x: complex, y: complex) -> complex:
    """x * y, one product after the other, as native code computes it."""
    if isinstance(x, complex):
        return complex(x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real)
    return x * y


def floordiv(x: float, y: float) -> float:
    """Python's x // y; by zero it is x / y."""
    if isinstance(x, int) or y != 0.0:
        if math.isinf(x):
            return math.nan
        return x // y
    return div(x, y)


def mod(x: float, y: float) -> float:
    """Python's x % y; by zero, or of an infinity, it is nan."""
    if isinstance(x, int) or y != 0.0:
        return math.nan if math.isinf(x) else x % y
    return math.nan


def fmod(x: float, y: float) -> float:
    return math.nan if y == 0.0 or math.isinf(x) else math.fmod(x, y)


def pow_(x: float, y: float) -> float:
    """C's pow for floats; for ints Python's, whose exponent a check has found non-negative."""
    if isinstance(x, int):
        # from 2**64 on the result is out of range anyhow, and might be huge
        value: float = x**y if y < 64 or -2 < x < 2 else I64_MAX + 1
        return value
    odd = y == math.floor(y) and math.fmod(y, 2.0) != 0.0 if math.isfinite(y) else False
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0.0 and odd else math.inf
    except ValueError:
        if x == 0.0:
            return math.copysign(math.inf, x) if odd else math.inf
        return math.nan


def minimum(x: float, y: float) -> float:
    """Python's min(x, y): the second where it is less, else the first."""
    return y if y < x else x


def maximum(x: float, y: float) -> float:
    """Python's max(x, y): the second where it is greater, else the first."""
    return y if y > x else x


def sign(x: float) -> float:
    """-1, 0 or 1 (and nan): the derivative of abs, 0 at 0 by choice."""
    return x if x != x else float((x > 0) - (x < 0))


def shr(x: int, n: int) -> int:
    return x >> min(n, 63)


def shl(x: int, n: int) -> int:
    return x << n if n < 64 or x == 0 else I64_MAX + 1


def whole(f: Callable[[float], int]) -> Callable[[float], float]:
    """A rounding of `math` as float to float: -0.0, inf and nan stay."""

    def rounded(x: float) -> float:
        return math.copysign(float(f(x)), x) if math.isfinite(x) else x

    return rounded


def at_pole(f: Callable[..., float], pole: float = math.nan) -> Callable[..., float]:
    """A function of `math` that gives `pole` or inf where the original raises."""

    def total(*args: float) -> float:
        try:
            return f(*args)
        except OverflowError:
            return math.inf
        except ValueError:
            return pole

    return total


def log_like(f: Callable[[float], float], zero: float) -> Callable[[float], float]:
    """A logarithm: -inf where its argument is at `zero`, nan below."""

    def total(x: float) -> float:
        if x == zero:
            return -math.inf
        return f(x) if x > zero else math.nan

    return total


def sinh(x: float) -> float:
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def atanh(x: float) -> float:
    if abs(x) == 1.0:
        return math.copysign(math.inf, x)
    return math.atanh(x) if abs(x) < 1.0 else math.nan


def gamma(x: float) -> float:
    """math.gamma; signed inf at zero, nan at the other poles."""
    if x == 0.0:
        return math.copysign(math.inf, x)
    try:
        return math.gamma(x)
    except OverflowError:
        below = x < 0.0 and math.fmod(math.floor(x), 2.0) != 0.0
        return -math.inf if below else math.inf
    except ValueError:
        return math.nan


# B_2k / (2k)! for k = 1..12, the coefficients of the asymptotic series below
BERNOULLI = (
    1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0,
    -3617.0 / 510.0, 43867.0 / 798.0, -174611.0 / 330.0,
)  # fmt: skip


def polygamma(n: int, x: float) -> float:
    """The n-th derivative of digamma, by recurrence upwards and the asymptotic series there.

    psi_n(x) = psi_n(x + 1) - (-1)^n n! / x^(n+1); for large x, with B_2k the Bernoulli numbers,
    psi_0(x) ~ log x - 1/(2x) - sum B_2k / (2k x^2k) and psi_n(x) ~ (-1)^(n+1) ((n-1)! / x^n + n!
    / (2 x^(n+1)) + sum B_2k (2k+n-1)! / ((2k)! x^(2k+n)))  (Abramowitz and Stegun 6.3.18,
    6.4.11). nan at the poles 0, -1, -2, ...
    """
    if x != x or (x <= 0.0 and (x < -1e6 or x == math.floor(x))):
        return math.nan
    if x == math.inf:
        return math.inf if n == 0 else 0.0
    factorial = 1.0
    for k in range(2, n + 1):
        factorial *= k
    sign_n = -1.0 if n % 2 else 1.0
    total = 0.0
    while x < 15.0 + n:
        total -= div(sign_n * factorial, pow_(x, n + 1.0))
        x += 1.0
    if n == 0:
        series = math.log(x) - 0.5 / x
        power = 1.0
        for k, b in enumerate(BERNOULLI, 1):
            power /= x * x
            series -= b / (2 * k) * power
        return total + series
    power = pow_(x, -float(n))
    series = factorial / n * power + 0.5 * factorial * power / x
    rising = factorial / n  # (2k + n - 1)! / (2k)! at k = 0 is (n - 1)!
    for k, b in enumerate(BERNOULLI, 1):
        rising *= (2 * k + n - 2.0) * (2 * k + n - 1.0) / ((2 * k - 1.0) * (2 * k))
        power /= x * x
        series += b * rising * power
    return total - sign_n * series
