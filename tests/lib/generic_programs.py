"""Small programs for the generic stages: control flow, names, expressions, assignment.

They go where lowering can go wrong: early exits from nested loops, names bound on some paths, the
order of evaluation.  CPython is the reference, exceptions included.
"""

# mypy: ignore-errors
# ruff: noqa
# The programs are odd on purpose: unbound names, lambdas bound to names, dead code.

from __future__ import annotations

import math
import operator
from math import sqrt as root

import numpy as np

from program_rows import Row, registering

ROWS: list[Row] = []
row = registering(ROWS)
PAIR, OFFSETS = (1.0, (2, 3.0)), np.array([1.0, 2.0, 4.0])


# ---- leaving early -----------------------------------------------------------------------------


@row((3,), (-3,), (0,))
def leaves_first(x):
    if x > 0:
        return x
    if x == 0:
        return
    return -x


@row((1, 1), (1, -1), (-1, 1))
def may_leave(a, b):
    c = 1
    if a > 0:
        if b > 0:
            return "left"
        c = 2
    else:
        c = 3
    d = c + 1
    return c, d


@row((1,), (-1,))
def falls_through(x):
    if x > 0:
        y = x
        y += 1


@row((2.0,))
def after_return(x):
    return x
    y = x.missing
    return y


@row((5, 3), (5, 100), (0, 0))
def break_and_else(n, stop):
    s = 0
    for i in range(n):
        if i == stop:
            break
        s += i
    else:
        s = s * 10
    return s


@row((5, 3), (5, 9), (0, 1))
def while_else(n, stop):
    while n > 0:
        if n == stop:
            break
        n -= 1
    else:
        return "ran out"
    return n


@row((6, 2), (6, 50), (0, 0))
def return_or_break(n, k):
    s = 0
    for i in range(n):
        if i * k == 8:
            return "returned", s, i
        if s > 5:
            break
        s += i
    else:
        return "else", s
    return "broke", s


@row((4, 4), (3, 1), (0, 5))
def nested_return(n, m):
    for i in range(n):
        for j in range(m):
            if i * j == 6:
                return i, j
            if j > i + 1:
                break
        else:
            continue
        if i == 2:
            return "inner"
    return None


@row((10,), (0,), (1,))
def continue_paths(n):
    odd = even = 0
    for i in range(n):
        if i % 3 == 0:
            continue
        if i % 2:
            odd += i
            continue
        even += i
    return odd, even


@row((1.0,), (3.0,))
def forever(x):
    while True:
        y = x * x
        if y > 100:
            break
        x = y + 1
    return x, y


@row((1.0,), (30.0,))
def forever_returns(x):
    k = 0
    while 1:
        k += 1
        if x > 20:
            return k, x
        if k > 50:
            return None
        x = x * 1.5


@row((3,), (7,))
def forever_nested(n):
    while True:
        while True:
            n += 1
            if n % 5 == 0:
                break
        if n > 20:
            return n
        while True:
            n += 2
            if n > 12:
                break


@row((3, True), (3, False))
def flag_after_loop(n, early):
    if early:
        for i in range(n):
            if i == 1:
                return i
        n = 100
    n += 1
    return n


@row((5,), (2,))
def loop_in_arm(n):
    t = 0
    while n:
        n -= 1
        if n % 2:
            for j in range(n):
                if j == 2:
                    break
                t += j
            else:
                t -= 1
                if t < -3:
                    return "low"
        else:
            continue
        t += 100
    return t


@row((2,), (5,))
def else_leaves(n):
    for i in range(4):
        while n < 4:
            n += 1
        else:
            break
        n = 1000
    return n, i


@row((4,))
def else_of_else(n):
    out = ()
    for i in range(n):
        for j in range(i):
            if j == 2:
                break
        else:
            for k in range(i):
                if k == 1:
                    out = out + (k,)
                    break
            else:
                continue
        out = out + (i,)
    return out


@row((1,), (2,), (3,), (4,), (5,))
def elif_chain(k):
    if k == 1:
        r = "one"
    elif k == 2:
        return "two"
    elif k == 3:
        r = "three"
        if k:
            return r
    elif k == 4:
        pass
    else:
        r = "many"
    return r


@row((1, 0), (0, 1), (0, 0), (1, 1))
def flags_of_flags(a, b):
    for i in range(3):
        if a:
            if b:
                if i == 1:
                    break
                if i == 2:
                    return "no"
            else:
                continue
            a += 1
        if i == 1:
            b = 1
        a = a + b
    else:
        return "else", a, b
    return a, b, i


# ---- names bound on some paths -----------------------------------------------------------------


@row((True,), (False,))
def bound_on_a_path(c):
    if c:
        y = 1.0
    return y


@row((0,), (3,))
def loop_variable_after(n):
    for i in range(n):
        pass
    return i


@row((0,), (3,))
def bound_in_loop(n):
    while n > 0:
        last = n
        n -= 1
    return last


@row((True, True), (True, False), (False, True))
def bound_later(a, b):
    if a:
        z = 1
    if b:
        z = 2
    return z


@row((2,))
def never_bound(n):
    if n > 100:
        z = 1
    z += 1
    return z


@row((3,))
def read_before_bound(n):
    for i in range(n):
        if i > 0:
            s = s + i
        else:
            s = 0
    return s


@row((3,))
def unbound_in_turn(n):
    for i in range(n):
        if i == 1:
            t = t + 1
    return 0


@row((3, 0), (3, 7))
def carried_but_local(n, k):
    total = 0
    for i in range(n):
        s = 0
        for j in range(k):
            s += i * j
        total += s
    return total


@row((True,), (False,))
def captured_maybe(c):
    if c:
        y = 5
    f = lambda: y
    return f()


# ---- expressions -------------------------------------------------------------------------------


@row((1, 2, 3), (3, 2, 1), (2, 2, 2), (0, 5, 1))
def comparison_chain(a, b, c):
    return a < b < c, a <= b >= c, a == b != c, (a < b) < c, not a < b <= c


@row((0, 1), (1, 0), ((), 2), (0.0, ""))
def value_semantics(a, b):
    return a and b, a or b, not a, (a or b) and (b or a), a and b or 3, a if b else b


@row((12, 5), (-12, 5))
def integers(a, b):
    return a // b, a % b, a & b, a | b, a ^ b, a << 2, a >> 1, ~a, +a, -a, divmod(a, b), a**b


@row((7, 2), (7, 0))
def divisions(a, b):
    return a / b


@row((2.0, 3), (2, -2), (-8.0, 3))
def powers(x, n):
    return x**n, pow(x, n), -(x**2), (-x) ** 2, 2**-1


@row((1.5,))
def built_in(x):
    return abs(-x), min(x, 2), max(x, 1, 3), round(x), int(x), float(3), bool(x), len(PAIR)


@row((0.5,))
def mathematics(x):
    return math.sin(x) + np.cos(x) * root(x) - math.pi, math.atan2(x, 2), math.inf, np.pi


@row((3, (1, 2, 3)), (9, (1, 2, 3)))
def membership(x, t):
    return x in t, x not in t, x is None, t is not None


@row((4,))
def tuples(x):
    t = (x, (x * 2, "s"), ())
    return t[1][0], t[-1], t[0:2], len(t), t + (1,), t == t, ((),)


@row((1,), (5,))
def walrus(n):
    if (m := n * 2) > 4:
        n = m
    return n, m, (k := 3) + k


@row((5,), (0,))
def walrus_in_test(n):
    s = 0
    while (n := n - 1) > 0:
        if n == 3:
            continue
        s += n
    else:
        s += 1000
    return s, n


@row((True,), (False,))
def walrus_on_a_path(c):
    c and (y := 3)
    return y


ORDER: list[int] = []


def noted(k):
    ORDER.append(k)
    return k


@row(())
def order_of_evaluation():
    ORDER.clear()
    t = (0, 1, 2, 3)
    noted(1) + noted(2) * noted(3)
    t[noted(0)]
    max(noted(7), noted(8), key=operator.neg)
    noted(1) < noted(2) < noted(0) < noted(9)
    noted(0) and noted(5) or noted(6)
    x = y = noted(4)
    return len(ORDER), tuple(ORDER), x, y


# ---- assignment --------------------------------------------------------------------------------


@row((1, 2.0))
def assignments(a, b):
    x = y = a
    x, (y, z) = b, (x, y)
    [p, q] = x, z
    a, b = b, a
    x += 1
    n: int = 3
    m: float
    x -= n
    x *= 2
    x /= 4
    n //= 2
    n **= 3
    n <<= 2
    n |= 1
    n &= 7
    n ^= 2
    n %= 4
    n >>= 1
    return a, b, x, y, z, p, q, n


@row(((1, 2),), ((1, 2, 3),), ((1,),), (5,))
def unpacking(t):
    a, b = t
    return b, a


@row((OFFSETS, 2), (OFFSETS, 5), (OFFSETS, -1))
def array_reads(x, i):
    s = x[i]
    for v in x:
        s = s + v
    return s, len(x)


@row((np.arange(4.0),))
def array_writes(x):
    y = x.copy()
    y[1] = 7.0
    y[2] += y[1]
    y *= 2
    return float(y.sum()), y.shape[0]
