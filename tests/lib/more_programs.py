"""Programs with functions as values, recursion and derivatives of their own.

They join the table of `programs`; import PROGRAMS from here to have all.
"""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import control_programs  # noqa: F401  # its rows stand before these
import morula
from morula import grad, jvp, value_and_grad, vjp
from programs import PROGRAMS, row

__all__ = ["PROGRAMS"]

# ---- closures and functions passed on ---------------------------------------------------------


def twice(g, x):
    return g(g(x))


def twice_with_capture(x, b):
    def g(y):
        return y * b + math.sin(y)

    return twice(g, x)


row(9, twice_with_capture, (0.8, 1.3), orders=3)


def nullary_closures(x, y):
    def first():
        return x * y

    def second():
        return x - y

    return first() * second() + first()


row(11, nullary_closures, (1.3, 0.4), orders=2)


def inner_recursion(x, n):
    def down(k):
        if k == 0:
            return 1.0
        return x * down(k - 1)

    return down(n)


row(14, inner_recursion, (1.2, 5), (1.2, 0), orders=3,
    gradient=lambda x, n: (n * x ** (n - 1) if n else 0.0,))  # fmt: skip


def several_levels(x, y):
    def outer(a):
        def inner(b):
            x = b * a  # shadows the parameter
            return x + y

        return inner(a) * inner(x)

    return outer(x * 2.0)


def captured_closure(x):
    def square(a):
        return a * a

    def scaled(a):
        return square(a) * x

    def both(a):
        return scaled(a) + square(x)

    return both(x) + both(2.0)


def lambdas(x, y):
    f = lambda a, k=2: a * y**k  # noqa: E731
    g = lambda: f(x) + f(x, 3)  # noqa: E731
    return twice(lambda t: t * x, y) + g()


row(15, several_levels, (1.2, 0.7), orders=2)
row(15, captured_closure, (1.3,), orders=3, gradient=lambda x: (3 * x * x + 2 * x + 4 + 2 * x,))
row(15, lambdas, (1.2, 0.7), orders=2)


FACTOR = 1.5
PAIR = (2.0, (3, 0.25))


def module_globals(x):
    return x * FACTOR + PAIR[0] * x * x + PAIR[1][0] * PAIR[1][1] * x**3


row(15, module_globals, (1.2,), orders=3, gradient=lambda x: (1.5 + 4 * x + 2.25 * x * x,))

WEIGHTS = np.array([0.5, -1.0, 2.0])


def global_array(x):
    s = 0.0
    for i in range(len(WEIGHTS)):
        s += WEIGHTS[i] * x**i
    for w in WEIGHTS:
        s *= 1.0 + w * x
    return s


row(15, global_array, (0.7,), orders=2)


def entry_with_cells(a: float, n: int, v: np.ndarray) -> Callable[..., float]:
    def entry(x):
        s = a * x
        for i in range(n):
            s += v[i] * x**i
        return s

    return entry


row(15, entry_with_cells(0.7, 3, WEIGHTS), (1.2,), orders=2)


def tuples(t, x):
    a, (b, n) = t
    u = (b * x, (a, n, None), t)
    (p, q), r = u[0:1] + (u[2][0],), u[1][0]
    return p * q * r + n * x


row(7, tuples, ((0.5, (1.5, 2)), 0.7), orders=2)


def tuples_in_and_out(t, x):
    a, (b, n) = t
    lo, hi = (a, b) if a < b else (b, a)
    return lo * x, (n + 1, hi * hi, x < hi), -x


row(7, tuples_in_and_out, ((0.5, (1.5, 2)), 0.7), ((1.5, (0.5, 2)), 0.7), orders=2)


def no_result(x):
    y = x * x
    y = y + 1.0


row(20, no_result, (1.2,), orders=0, value=lambda x: None)

# ---- recursion --------------------------------------------------------------------------------


def factorial(x):
    if x < 1.5:
        return x
    return x * factorial(x - 1.0)


row(30, factorial, (5.2,), (1.0,), orders=3)


def power_with_default(x, n=4, *, acc=1.0):
    if n == 0:
        return acc
    return power_with_default(x, n - 1, acc=acc * x)


row(32, power_with_default, (1.2,), (1.2, 6), orders=2)


def countdown(x, n):
    if n <= 0:
        return x
    return countdown(x * 1.1, n - 1) + n * x


row(34, countdown, (0.8, 6), (0.8, 0), orders=2)


def accumulated(x, n, total):
    if n == 0:
        return total
    return accumulated(x, n - 1, total * 0.9 + math.sin(x * n))


row(35, accumulated, (0.6, 5, 0.3), orders=2)


def power_by_while(x, n):
    p = 1.0
    while n > 0:
        p *= x
        n -= 1
    return p


def power_by_recursion(x, n):
    return 1.0 if n == 0 else x * power_by_recursion(x, n - 1)


for _f in (power_by_while, power_by_recursion):
    row(45, _f, (1.3, 5), (1.3, 1), (1.3, 0), orders=3,
        gradient=lambda x, n: (n * x ** (n - 1) if n else 0.0,))  # fmt: skip


def two_calls(x, n):
    if n < 2:
        return x * n + 1.0
    return two_calls(x * 0.9, n - 1) * two_calls(x, n - 2)


row(30, two_calls, (0.7, 4), orders=2)


def sum_by_recursion(v, i):
    return 0.0 if i == len(v) else v[i] * v[i] + sum_by_recursion(v, i + 1)


row(35, sum_by_recursion, (np.array([0.5, -1.5, 2.0]), 0), orders=2)


def growing_deep(x, n):
    if n == 0:
        return x
    return growing_deep(x + 1e-6, n - 1)


row(62, growing_deep, (0.5, 100), orders=2, gradient=lambda x, n: (1.0,))

# ---- derivatives inside -----------------------------------------------------------------------


def captured_square(x):
    a = x * x

    def g(y):
        return a * y

    return grad(g)(x) * x


row(16, captured_square, (1.3,), orders=2, inner=True, value=lambda x: x**3,
    gradient=lambda x: (3 * x * x,))  # fmt: skip


def captured_function(x):
    def square(y):
        return y * y

    def g(y):
        return square(x) * square(y)

    return grad(g)(2.0)


row(16, captured_function, (1.3,), orders=2, inner=True, value=lambda x: 4 * x * x,
    gradient=lambda x: (8 * x,))  # fmt: skip


def second_of_square(x):
    return grad(grad(lambda y: y * y))(x) * x


row(39, second_of_square, (1.3,), inner=True, orders=1, gradient=lambda x: (2.0,))


def quintic(x):
    return x**5 + 2 * x


def fourth(x):
    return grad(grad(grad(grad(quintic))))(x)


row(39, fourth, (-3.0,), inner=True, orders=1, value=lambda x: -360.0, gradient=lambda x: (120.0,))


def several_arguments(x, y, n):
    return x * x * y + n * x


def by_several(x, y, n):
    a = grad(several_arguments)(x, y, n)
    b = grad(several_arguments, argnums=1)(x, y, n)
    v, (c, d) = value_and_grad(several_arguments, argnums=("y", "x"))(x, y, n)
    return a * b + v * c * d


row(41, by_several, (1.2, 0.7, 2), orders=2, inner=True,
    value=lambda x, y, n: (2 * x * y + n) * x * x * (1 + x * x * y + n * x))  # fmt: skip


def seeded(x, y):
    z, pullback = vjp(product, x, y)
    a, b = pullback(3.0)
    return z + a * b


def product(a, b):
    return a * b


row(41, seeded, (1.2, 0.7), orders=2, inner=True, value=lambda x, y: 10 * x * y)


def d_of_x_d_sum(x):
    def outer(x):
        def inner(y):
            return x + y

        return x * grad(inner)(x)

    return grad(outer)(x)


def d_of_x_d_product(x):
    def outer(x):
        return x * grad(lambda y: x * y)(x)

    return grad(outer)(x)


row(52, d_of_x_d_sum, (1.0,), inner=True, value=lambda x: 1.0, gradient=lambda x: (0.0,))
row(52, d_of_x_d_product, (4.0,), inner=True, value=lambda x: 8.0, gradient=lambda x: (2.0,))


def sine(x):
    return math.sin(x)


def sine_and_derivatives(x):
    a = grad(sine)
    b = grad(a)
    return sine(x) + a(x) + b(x) + grad(b)(x)


row(53, sine, (0.7,), orders=3, gradient=lambda x: (math.cos(x),))
row(53, sine_and_derivatives, (0.7,), inner=True, orders=2, value=lambda x: 0.0,
    gradient=lambda x: (0.0,))  # fmt: skip


def mixed_modes(x):
    def f(t):
        return math.exp(2.0 * t)

    _, forward = jvp(f, (x,), (1.0,))
    _, of_gradient = jvp(grad(f), (x,), (1.0,))
    of_forward = grad(lambda t: jvp(f, (t,), (1.0,))[1])(x)
    return forward + of_gradient + of_forward


row(53, mixed_modes, (0.3,), inner=True, orders=2, value=lambda x: 10 * math.exp(2 * x),
    gradient=lambda x: (20 * math.exp(2 * x),))  # fmt: skip


def rebound_between(x):
    a = x

    def f(y):
        return a * y * y

    first = grad(f)(x)
    a = x * x
    return first + grad(f)(x)


row(54, rebound_between, (1.3,), inner=True, orders=2, value=lambda x: 2 * x**2 + 2 * x**3,
    gradient=lambda x: (4 * x + 6 * x * x,))  # fmt: skip


def with_auxiliary(x):
    return x * x, (x * 3.0, 7)


def auxiliary(x):
    (y, (side, k)), pullback = vjp(with_auxiliary, x)
    (g,) = pullback((1.0, (0.0, None)))
    return y + g * side + k


row(55, with_auxiliary, (1.3,), orders=2)
row(55, auxiliary, (1.3,), inner=True, orders=2, value=lambda x: 7 * x * x + 7,
    gradient=lambda x: (14 * x,))  # fmt: skip


def pullback_twice(x, y):
    _, pullback = vjp(several_arguments_of_two, x, y)
    a, b = pullback(1.0)
    c, d = pullback(x)
    return a * d + b * c


def several_arguments_of_two(x, y):
    return x * x * y


row(60, pullback_twice, (1.2, 0.7), inner=True, orders=2, value=lambda x, y: 4 * x**4 * y)


def call_pullback(pullback, ct):
    return pullback(ct)[0]


def pullback_passed_on(x):
    y, pullback = morula.vjp(sine, x)
    return call_pullback(pullback, y) + call_pullback(pullback, 1.0)


row(60, pullback_passed_on, (0.7,), inner=True, orders=2,
    value=lambda x: math.sin(x) * math.cos(x) + math.cos(x))  # fmt: skip


def cubic(x, y):
    return x**3 * y


def by_name(x, y):
    return grad(grad(cubic, argnums="x"), argnums="x")(x, y) + grad(cubic, "y")(x, y)


row(65, by_name, (1.2, 0.7), inner=True, orders=2, value=lambda x, y: 6 * x * y + x**3)


def descent(x, steps):
    def loss(t):
        return (t - 1.0) ** 2 * (1.0 + 0.1 * t)

    for _ in range(steps):
        x = x - 0.1 * grad(loss)(x)
    return x


row(53, descent, (2.0, 6), inner=True, orders=2)


def newton(x, a):
    def f(t):
        return t * t * t - a

    for _ in range(6):
        x = x - f(x) / grad(f)(x)
    return x


row(53, newton, (1.5, 2.7), inner=True, orders=2, value=lambda x, a: math.cbrt(a))


def array_gradient(v, x):
    def f(w):
        s = 0.0
        for a in w:
            s += a * a * x
        return s

    g = grad(f)(v)
    return g[0] * g[-1] + len(g)


row(16, array_gradient, (np.array([0.5, 1.5, -2.0]), 0.7), inner=True, orders=2,
    value=lambda v, x: 4 * x * x * v[0] * v[-1] + 3)  # fmt: skip
