"""Small programs for the generic stages: functions, closures, cells, names of the module.

Each row is a function and arguments; CPython is the reference, exceptions included.
"""

# mypy: ignore-errors
# ruff: noqa
# The programs are odd on purpose: unbound names, lambdas bound to names, dead code.

from __future__ import annotations

import math

import numpy as np

from program_rows import Row, registering

ROWS: list[Row] = []
row = registering(ROWS)
SCALE, PAIR, OFFSETS = 2.5, (1.0, (2, 3.0)), np.array([1.0, 2.0, 4.0])


# ---- functions ---------------------------------------------------------------------------------


@row((2.0,))
def nested_calls(x):
    def double(v):
        return v * 2

    triple = lambda v, w=x: v * 3 + w

    def both(v, w=1.0, k=3):
        return double(v) + triple(w) * k

    return double(triple(x)), both(x), both(x, k=4), both(w=x, v=1), (lambda: x)()


def with_defaults(a, b=2, c=(1, None, "s"), d=None):
    return a, b, c, d


def applied(x, f=math.sin, g=with_defaults):
    return f(x), g(x)


@row((1,))
def global_functions(x):
    return (
        with_defaults(x),
        with_defaults(x, d=4),
        with_defaults(b=x, a=2),
        applied(x),
        applied(x, g=abs),
        applied(2.0, math.cos),
    )


@row((1,))
def too_many(x):
    return with_defaults(x, 1, 2, 3, 4)


@row((1,))
def unknown_keyword(x):
    return with_defaults(x, e=1)


@row((1,))
def too_few(x):
    return with_defaults(b=1)


def keywords(a, /, b=2, *, c=3, f=math.cos):
    return a, b, c, f(0.0)


def required(a, *, c, d=1):
    return a, c, d


@row((1,))
def keyword_only(x):
    def inside(a, *, b=x, c):
        return a - b * c

    return (
        keywords(x),
        keywords(x, 5, c=6),
        keywords(x, f=abs, b=4),
        required(x, c=2),
        required(d=4, c=2, a=x),
        inside(3, c=4),
        inside(c=4, b=2, a=1),
        (lambda *, y=x: y)(),
    )


@row((1,))
def keyword_only_by_place(x):
    return keywords(x, 2, 3)


@row((1,))
def place_only_by_keyword(x):
    return keywords(a=x)


@row((1,))
def inside_by_place(x):
    def inside(a, *, b=x):
        return a - b

    return inside(1, 2)


@row((10,), (0,))
def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)


@row((9,), (8,))
def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


@row((300,))
def deep_recursion(n):
    def go(k):
        if k == 0:
            return 0
        return go(k - 1) + k

    return go(n)


@row((6,))
def mutual_inside(x):
    def even(n):
        return 1.0 if n == 0 else odd(n - 1) * x

    def odd(n):
        return 0.0 if n == 0 else even(n - 1) + x

    return even(6) + odd(3)


@row((3,))
def self_through_a_lambda(n):
    def go(k):
        again = lambda j: go(j)
        return 1 if k == 0 else k * again(k - 1)

    return go(n)


@row((5,))
def recursive_lambda(n):
    fact = lambda k: 1 if k < 2 else k * fact(k - 1)
    return fact(n)


@row((2.0, 3.0))
def closures_of_closures(x, y):
    def outer(u):
        def inner(v):
            def innermost(w):
                return u * v + x * y + w

            return innermost(u) + x

        return inner

    return outer(x)(y) + outer(2.0)(1.0)


@row((1.0, 5), (2.0, 0))
def composed(x, n):
    def compose(f, g):
        return lambda v: f(g(v))

    f = lambda v: v + x
    for _ in range(n):
        f = compose(f, lambda v: v * 1.5)
    return f(x)


@row((True,), (False,))
def chosen_function(flag):
    if flag:

        def f(v):
            return v + 1

    else:

        def f(v):
            return v + 2

    return f(1)


@row((1.0,))
def passed_around(x):
    def twice(f, v):
        return f(f(v))

    fs = (math.sin, lambda v: v * x, twice)
    return fs[2](fs[1], fs[0](x)), twice(math.exp, x)


# ---- cells -------------------------------------------------------------------------------------


@row((3,), (0,))
def counter(n):
    k = 0

    def up(v):
        nonlocal k
        k += v
        return k

    for i in range(n):
        up(i)
    up(k)
    return k, up(1)


@row((2.0,))
def rebound_after_capture(x):
    def k():
        return x * x

    x = 2.0 * x
    return k() + x


@row((4,))
def late_binding(n):
    fs = ()
    for i in range(n):
        fs = fs + (lambda: i,)
    return fs[0](), fs[-1]()


@row((4,))
def early_binding(n):
    fs = ()
    for i in range(n):
        fs = fs + (lambda i=i: i,)
    return fs[0](), fs[-1]()


@row((4,), (0,))
def cell_test(limit):
    n = 0

    def inc():
        nonlocal n
        n += 1
        return n < limit

    s = 0
    while inc():
        s += n
    return s, n


@row((2.0,))
def two_counters(x):
    def counter():
        k = 0.0

        def inc():
            nonlocal k
            k += x
            return k

        return inc

    p, q = counter(), counter()
    p(), p(), q()
    return p() * 10 + q()


@row((1,))
def called_before_bound(x):
    def f():
        return y

    if x > 5:
        y = 1
    return f()


@row((1,))
def bound_between(x):
    def f():
        return g(x)

    def g(v):
        return v + 1

    return f()


@row((5,))
def nonlocal_two_up(x):
    def middle():
        def inner():
            nonlocal x
            x = x + 1
            return x

        return inner() + x

    return middle() + x


@row((3,))
def nonlocal_in_loop(n):
    total = 0
    for i in range(n):

        def add(v):
            nonlocal total
            total += v + i

        add(i)
        add(1)
    return total


@row((3,))
def shadowed(x):
    def f(x):
        def g():
            y = x
            return y

        y = 2
        return g() + y

    y = 10
    return f(x + 1) + y + x


@row((7,))
def own_name_rebound(n):
    def f(k):
        return k

    g = f

    def f(k):
        return g(k) + 1

    return f(n)


# ---- names of the module -----------------------------------------------------------------------


@row((2.0,))
def module_globals(x):
    global SCALE
    return x * SCALE + PAIR[1][0] + OFFSETS[1] + np.linalg.norm(OFFSETS)


def made(a, b, shift, flag, pair):
    """Functions that read cells of a function that is not compiled."""

    def helper(v):
        return v * a

    def recursive(n):
        return b if n == 0 else recursive(n - 1) + helper(n)

    def entry(x):
        def inner(v):
            return helper(v) + shift[1]

        if flag:
            return inner(x) + recursive(3) + pair[0], b, helper
        return None

    return entry, recursive, helper


ENTRY, RECURSIVE, HELPER = made(2.0, 3, OFFSETS, True, PAIR)
ROWS += [(RECURSIVE, (4,)), (HELPER, (1.5,))]


@row((2.0,))
def calls_made(x):
    return RECURSIVE(3) + HELPER(x)


# ---- the text ----------------------------------------------------------------------------------

FIRST, SECOND = (lambda x: x + 1), (lambda x: x * 2)
OVER_LINES = lambda x: (
    x
    + 1
)  # fmt: skip
OUTER = lambda x: (lambda y: y + x)(x) + 1
ROWS += [
    (FIRST, (3,)),
    (SECOND, (3,)),
    (OVER_LINES, (3,)),
    (OUTER, (3,)),
    (OUTER(3) and FIRST, (1,)),
]


def decorated_by(f):
    return f


@row((2,))
@decorated_by
def decorated(x: float, y: "list[int]" = 3) -> dict[str, int]:
    """A docstring."""
    z: list[float]
    ...
    "a string"
    return x + y  # ü: columns count characters
