"""Functions of complex numbers, as programs over their real and imaginary parts.

Branch cuts are those of C99 and NumPy: the negative real axis of log and sqrt, |x| > 1 on the real
axis of asin and acos, |y| > 1 on the imaginary one of asinh and atan; the sign of a zero says on
which side of a cut a number lies (Kahan, Branch cuts for complex elementary functions, 1987).
Derivatives are those of the programs: in the convention of `transforms/rules.py`, that of an
analytic function is multiplication by its complex derivative.  abs at 0 has derivative 0.
"""

from __future__ import annotations

import math

from .scalars import angle

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def absolute(z):
    if z.real == 0.0 and z.imag == 0.0:
        return 0.0
    return math.hypot(z.real, z.imag)


def polar(z):
    return absolute(z), angle(z)


def rect(r, phi):
    return complex(r * math.cos(phi), r * math.sin(phi))


def exp(z):
    r = math.exp(z.real)
    return complex(r * math.cos(z.imag), r * math.sin(z.imag))


def expm1(z):
    half = math.sin(0.5 * z.imag)
    down = 2.0 * half * half  # 1 - cos(y), without its cancellation
    grown = math.expm1(z.real)
    return complex(grown * math.cos(z.imag) - down, (grown + 1.0) * math.sin(z.imag))


def log(z, base=None):
    if base is not None:
        return log(z) / log(complex(base))
    x, y = abs(z.real), abs(z.imag)
    size = math.hypot(x, y)
    if 0.71 <= size <= 1.73:  # log(size), where that is close to 0
        if x < y:
            x, y = y, x
        return complex(0.5 * math.log1p((x - 1.0) * (x + 1.0) + y * y), angle(z))
    return complex(math.log(size), angle(z))


def log1p(z):
    return log(1.0 + z)


def log2(z):
    return log(z) / math.log(2.0)


def log10(z):
    return log(z) / math.log(10.0)


def sqrt(z):
    if z.real == 0.0 and z.imag == 0.0:
        return complex(math.sqrt(z.real * z.real), z.imag)
    larger = math.sqrt(0.5 * (abs(z.real) + math.hypot(z.real, z.imag)))
    smaller = z.imag / (2.0 * larger)
    if z.real >= 0.0:
        return complex(larger, smaller)
    side = math.copysign(1.0, z.imag)
    return complex(smaller * side, larger * side)


def sin(z):
    return complex(math.sin(z.real) * math.cosh(z.imag), math.cos(z.real) * math.sinh(z.imag))


def cos(z):
    return complex(math.cos(z.real) * math.cosh(z.imag), -(math.sin(z.real) * math.sinh(z.imag)))


def tan(z):
    t = tanh(complex(-z.imag, z.real))
    return complex(t.imag, -t.real)


def sinh(z):
    return complex(math.sinh(z.real) * math.cos(z.imag), math.cosh(z.real) * math.sin(z.imag))


def cosh(z):
    return complex(math.cosh(z.real) * math.cos(z.imag), math.sinh(z.real) * math.sin(z.imag))


def tanh(z):
    """tanh(x + iy) = (tanh x + i tan y) / (1 + i tanh x tan y)"""
    x, y = math.tanh(z.real), math.tan(z.imag)
    return complex(x, y) / complex(1.0, x * y)


def asinh(z):
    """Hull, Fairgrieve and Tang (1997) in short: log(z + sqrt(z z + 1)), odd in the real part."""
    if z.real < 0.0:
        return -asinh(-z)
    return log(z + sqrt(1.0 + z * z))


def asin(z):
    t = asinh(complex(-z.imag, z.real))
    return complex(t.imag, -t.real)


def acos(z):
    s = asin(z)
    return complex(0.5 * math.pi - s.real, -s.imag)


def acosh(z):
    return log(z + sqrt(z + 1.0) * sqrt(z - 1.0))


def atanh(z):
    return 0.5 * (log(1.0 + z) - log(1.0 - z))


def atan(z):
    t = atanh(complex(-z.imag, z.real))
    return complex(t.imag, -t.real)


def power(z, w):
    """exp(w log z); 0 ** 0 is 1, and 0 ** w is 0."""
    if w.real == 0.0 and w.imag == 0.0:
        return complex(1.0, 0.0)
    if z.real == 0.0 and z.imag == 0.0:
        return complex(0.0, 0.0)
    return exp(w * log(z))


def sign(z):
    return z if z.real == 0.0 and z.imag == 0.0 else z / absolute(z)


def isnan(z):
    return math.isnan(z.real) or math.isnan(z.imag)


def isinf(z):
    return math.isinf(z.real) or math.isinf(z.imag)


def isfinite(z):
    return math.isfinite(z.real) and math.isfinite(z.imag)
