"""Numbers that are functions, and derivatives counted by them.

A Church numeral n is the function that applies another n times.  Nothing else is needed to add,
multiply and exponentiate, and since `morula.grad` is a function from functions to functions, a
numeral may well be applied to it: `four(grad)(f)` is the fourth derivative of f.  All of this is
resolved while compiling; what is left in machine code is arithmetic.

    python examples/church.py
"""

from __future__ import annotations

import math
import sys

from morula import grad, jit

# ---- numerals ---------------------------------------------------------------------------------

one = lambda f: lambda x: f(x)  # noqa: E731
two = lambda f: lambda x: f(f(x))  # noqa: E731


def plus(m, n):
    return lambda f: lambda x: m(f)(n(f)(x))


def times(m, n):
    return lambda f: m(n(f))


def power(m, n):
    return n(m)


three = plus(one, two)
four = power(two, two)
six = times(two, three)


def sines(x):
    """sin(sin(...)), eight times."""
    return power(two, three)(math.sin)(x)


def sixth_derivative(x):
    """Of x to the sixth: 6!, wherever it is taken."""
    return six(grad)(lambda t: t**6)(x)


def fourth_derivative(x):
    """Of exp(-x^2): Hermite's polynomial of degree four, times exp(-x^2) itself."""
    return four(grad)(lambda t: math.exp(-t * t))(x)


# ---- recursion without a name -----------------------------------------------------------------


def fix(f):
    """The fixed point of f: Curry's combinator, as a strict language needs it."""
    return (lambda me: f(lambda v: me(me)(v)))(lambda me: f(lambda v: me(me)(v)))


def anonymous_power(x, n):
    return fix(lambda go: lambda k: 1.0 if k == 0 else x * go(k - 1))(n)


# ---- continuations ----------------------------------------------------------------------------


def product_of_sums(x, n):
    """Both (1 + x)(2 + x)...(n + x) and its reciprocal, handed to the one who waits for them."""

    def go(k, then):
        if k == 0:
            return then(1.0, 1.0)
        return go(k - 1, lambda up, down: then(up * (k + x), down / (k + x)))

    return go(n, lambda up, down: up - 1.0 / down + math.log(up))


# ---- checks -----------------------------------------------------------------------------------


def main() -> int:
    x = 0.7
    chain, inner = 1.0, x
    for _ in range(8):
        chain, inner = chain * math.cos(inner), math.sin(inner)
    hermite = 16.0 * x**4 - 48.0 * x**2 + 12.0
    checks = [
        ("sin eight times: its derivative", grad(sines)(x), chain),
        ("six(grad)(x^6)", jit(sixth_derivative)(x), 720.0),
        ("four(grad)(exp(-x^2))", jit(fourth_derivative)(x), hermite * math.exp(-x * x)),
        ("x^9 by fix, its second derivative", grad(grad(anonymous_power))(x, 9), 72.0 * x**7),
        ("log of a product, by continuations", grad(product_of_sums)(x, 5),
         sum(1.0 / (k + x) for k in range(1, 6))),
    ]  # fmt: skip
    right = True
    for name, got, wanted in checks:
        ok = abs(got - wanted) <= 1e-12 * abs(wanted)
        right = right and ok
        print(f"{name:40}{got:18.12f}  {'right' if ok else f'WRONG, it is {wanted}'}")
    print(PEERS)
    return 0 if right else 1


PEERS = """\
peers: JAX takes the numerals, grad included, but `fix` and continuations for a constant n only; \
PyTorch runs all of it op by op at each call; \
Numba takes the numerals, but no inner function that calls itself, and has no grad to count."""

if __name__ == "__main__":
    sys.exit(main())
