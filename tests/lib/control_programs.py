"""Programs with branches and loops, early exits and the points where they meet.

They join the table of `programs`.
"""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from programs import row


def greater(a, b):
    if a > b:
        return a
    return b


def greater_of_squares(a, b):
    return greater(a * a, b + b)


row(17, greater_of_squares, (1.5, 0.4), (0.9, 1.1), orders=2)


def five_outcomes(x, y):
    if x > 0.0:
        if y > 0.0:
            z = x * y
        elif y > -1.0:
            z = x - y * y
        else:
            z = x / y
    else:
        if y > x:
            z = math.exp(x) * y
        else:
            z = x * x * y
    return z * z


row(18, five_outcomes, (1.1, 0.7), (1.1, -0.5), (1.1, -2.0), (-0.4, 0.3), (-0.4, -0.9), orders=2)


def assigned_on_one_path(x):
    y = 2.0 * x
    if x > 1.0:
        y = y * y
        only_here = y + 1.0
        y = y * only_here
    return y + x


row(19, assigned_on_one_path, (0.6,), (1.2,), orders=2)


def fall_through(x):
    if x > 2.0:
        return x * x
    if x > 1.0:
        return x * 3.0
    return -x


row(20, fall_through, (2.5,), (1.5,), (0.5,), orders=2)


def conditional_expressions(x, y):
    a = x if x < y else y * 2.0
    return (a * a if a > 1.0 else a + y) * (1.0 if x > 0.0 else -1.0 if y > 0.0 else x)


row(21, conditional_expressions, (0.5, 0.9), (1.5, 0.9), (-0.5, 0.4), (-0.5, -0.9), orders=2)


def and_or_values(x, y, n):
    a = x and y
    b = 0.0 * x or y * y
    c = n or 3
    d = 2.0 if x > 0.0 and y > 0.0 and not n else 3.0
    e = 5.0 if (x > 1.0) | (y > 1.0) & (n > 0) else 7.0
    return a * b * c + d * x + e * y


row(22, and_or_values, (0.5, 1.5, 2), (1.5, 0.5, 0), (0.5, 0.6, 1), orders=2)


def square_to_hundred(x):
    while x < 100.0:
        x = x * x
    return x


row(23, square_to_hundred, (1.7,), (3.2,), (200.0,), orders=3)


def accumulate_while_falling(x, y, z):
    s = 0.0
    while x > 0.0:
        s += y * x
        x -= z
    return s


row(24, accumulate_while_falling, (3.0, 0.7, 0.8), orders=2)


def nested_whiles(x, n, m):
    p = x
    i = 0
    while i < n:
        j = 0
        while j < m:
            p = p * (1.0 + 0.1 * x)
            j += 1
        i += 1
    return p


row(25, nested_whiles, (1.2, 3, 4), (1.2, 0, 4), (1.2, 2, 0), orders=2,
    gradient=lambda x, n, m: ((1 + 0.1 * x) ** (n * m) + x * n * m * 0.1 * (1 + 0.1 * x) ** (n * m - 1),))  # fmt: skip # noqa: E501


def return_inside_while(x):
    while True:
        x = x * 1.5
        if x > 10.0:
            return x * x


row(26, return_inside_while, (1.1,), (20.0,), orders=2)


def return_inside_two_whiles(x, n):
    i = 0
    while i < n:
        j = 0
        while j < n:
            x = x * 1.1 + 0.1
            if x > 3.0:
                return x * x + i - j
            j += 1
        i += 1
    return -x


row(26, return_inside_two_whiles, (1.0, 2), (1.0, 5), orders=2)


def return_inside_if_in_while_in_while(x, n):
    while n > 0:
        k = n
        while k > 0:
            if x > 2.0:
                if k > 1:
                    return math.sin(x) * k
                x = x - 0.5
            x = x * 1.2
            k -= 1
        n -= 1
    return x


row(26, return_inside_if_in_while_in_while, (1.0, 4), (1.9, 2), (0.4, 2), orders=2)


def product_by_while(v):
    p = 1.0
    i = 0
    while i < len(v):
        p = p * v[i]
        i += 1
    return p


def product_by_for(v):
    p = 1.0
    for x in v:
        p *= x
    return p


for _f in (product_by_while, product_by_for):
    row(27, _f, (np.array([1.5, -0.7, 2.0, 0.4]),), (np.array([]),), orders=2)


def read_backwards(v, w, k):
    s = v[-1] * w[k] + v[k - 1]
    for i in range(len(v) - 1, -1, -1):
        s = s * 0.5 + v[i] * w[-i - 1]
    return s


row(27, read_backwards, (np.array([1.0, 0.5, -2.0]), np.array([0.3, 0.7, 1.1]), 1), orders=2)


def nested_counters(x):
    p = 1.0
    for i in range(5):
        for j in range(2):
            p = p * x
    return p


row(28, nested_counters, (1.3,), (0.0,), orders=3, gradient=lambda x: (10 * x**9,))


def eighth_by_doubling(x):
    n = 1
    while n < 8:
        x = x * x
        n = n * 2
    return x


row(29, eighth_by_doubling, (1.2,), (-0.9,), orders=3, gradient=lambda x: (8 * x**7,))


def steps(x, lo, hi, step):
    s = 0.0
    for i in range(lo, hi, step):
        s += math.cos(i * x) * x
    for i in range(hi, hi):
        s = s * 1e9
    return s


row(28, steps, (0.7, 10, 0, -3), (0.7, 0, 10, 4), (0.7, 5, 5, 1), (0.7, 5, 2, 1), orders=2)


def fibonacci(x, n):
    a, b = x, 1.0
    for _ in range(n):
        a, b = b, a + b
    return a


row(31, fibonacci, (0.5, 10), (0.5, 0), (0.5, 1), orders=1,
    value=lambda x, n: {10: 34 * x + 55, 0: x, 1: 1.0}[n],
    gradient=lambda x, n: ({10: 34.0, 0: 1.0, 1: 0.0}[n],))  # fmt: skip


def branch_squared(x):
    y = x * 3.0 if x > 0.0 else x - 1.0
    return y * y


row(44, branch_squared, (0.5,), (-0.5,), orders=2)


def if_to_order_two(x, y):
    if x > y:
        z = x * x * y
    else:
        z = x * y * y * y
    return z * x


row(40, if_to_order_two, (1.5, 0.5), (0.5, 1.5), orders=3)


def unused(x, y, n):
    return y * y


row(47, unused, (1.0, 1.5, 2), orders=2, gradient=lambda x, y, n: (0.0, 2 * y))


def three_way_merge(x, k):
    if k == 0:
        x = x * x
    elif k == 1:
        x = math.sin(x)
    return x * 2.0


row(48, three_way_merge, (1.2, 0), (1.2, 1), (1.2, 2), orders=2)


def swapped_carries(x, y, n):
    for i in range(n):
        x, y = y, x * 0.9
    return x - 2.0 * y


def rotated_carries(x, y, z, n):
    i = 0
    while i < n:
        x, y, z = y * 1.1, z, x
        i += 1
    return x * 2.0 + y * 3.0 + z


row(49, swapped_carries, (1.2, 0.7, 5), (1.2, 0.7, 4), (1.2, 0.7, 0), orders=2)
row(49, rotated_carries, (1.0, 2.0, 3.0, 4), (1.0, 2.0, 3.0, 0), orders=2)


def after_branches_that_return(x):
    if x > 0.0:
        return x * x
    else:
        return -x
    x = x * 100.0
    return x


def after_return(x):
    y = x * 2.0
    return y * y
    y = y * 100.0


row(50, after_branches_that_return, (1.2,), (-1.2,), orders=2)
row(50, after_return, (1.2,), orders=2, gradient=lambda x: (8 * x,))


def early_exit(x):
    y = x
    while True:
        y = 0.5 * (y + x / y)
        if abs(y * y - x) < 1e-9:
            break
    return y


row(51, early_exit, (2.0,), orders=2, gradient=lambda x: (0.5 / math.sqrt(x),))


def sinc(x):
    return 1.0 if x == 0.0 else math.sin(x) / x


row(56, sinc, (0.0,), gradient=lambda x: (0.0,), orders=2, differences=False)
row(56, sinc, (0.5,), orders=2)


def log_add(x, y):
    return x + math.log1p(math.exp(y - x)) if x > y else y + math.log1p(math.exp(x - y))


def nested_log_add(x, y, z):
    a = log_add(x, y)
    return a if z < -100.0 else z if a < -100.0 else log_add(a, z)


row(57, nested_log_add, (0.3, 0.9, -0.4), (1.3, 0.9, 2.0), orders=3,
    value=lambda x, y, z: math.log(math.exp(x) + math.exp(y) + math.exp(z)))  # fmt: skip
row(57, nested_log_add, (0.3, 0.9, -200.0), (-300.0, -400.0, 0.5), orders=2)


def absolute(x):
    return abs(x) + x


row(58, absolute, (0.0,), (-0.0,), gradient=lambda x: (1.0,), differences=False)


def powers_at_zero(x):
    return x**0 + x**1 + x**2 + x**3 + x**2.0


def power_by_int(x, n):
    return x**n


row(58, powers_at_zero, (0.0,), gradient=lambda x: (1.0,), orders=2)
row(58, power_by_int, (0.0, 0), (0.0, 1), (0.0, 2), orders=2,
    gradient=lambda x, n: ({0: 0.0, 1: 1.0, 2: 0.0}[n],))  # fmt: skip


def zero_to_the(x):
    return 0.0**x


row(58, zero_to_the, (2.0,), orders=1, gradient=lambda x: (0.0,))


def taylor_sine(x, terms):
    term = total = x
    for k in range(1, terms):
        term = -term * x * x / ((2 * k) * (2 * k + 1))
        if abs(term) < 1e-17:
            return total
        total += term
    return total


row(59, taylor_sine, (0.9, 30), orders=3, value=lambda x, n: math.sin(x),
    gradient=lambda x, n: (math.cos(x),))  # fmt: skip
row(59, taylor_sine, (0.9, 3), orders=2)


def int_counter(x, n):
    i = 0
    p = 1.0
    while i < n:
        p = p * x + i
        i += 1
    for k in range(i):
        p += math.sin(k * x)
    return p


row(61, int_counter, (0.8, 5), (0.8, 0), orders=3)


def loop_elses(x, n):
    i = 0
    while i < n:
        if x * i > 2.5:
            break
        i += 1
    else:
        x = x * 2.0
    for j in range(n):
        if j * j > x:
            break
        if j == 1:
            continue
        x = x + 0.1 * j * x
    else:
        return x * 7.0
    return x * i


row(64, loop_elses, (1.2, 2), (1.2, 5), (0.1, 1), (1.2, 0), orders=2)


def chains(x, y, n):
    if 0 < x < y <= 2.0 != x and n not in (2, 3):
        return x * y
    if n in (2, 5) or not 0.0 <= y:
        return x + y * n
    return x - y


row(64, chains, (0.5, 1.5, 1), (0.5, 1.5, 2), (1.5, 0.5, 3), (1.5, -0.5, 3), orders=2)


def growing(x, n):
    for i in range(n):
        x = x + 1e-7 * math.sin(x)
    return x


row(62, growing, (0.5, 1000), orders=2)


def augmented(x, n):
    y = x
    y += 1.0
    y *= x
    y -= 0.5
    y /= 1.0 + x * x
    y **= 2
    n += 1
    n *= 3
    n -= 2
    n //= 2
    n %= 7
    n <<= 2
    n >>= 1
    n |= 1
    n &= 13
    n ^= 2
    return y * n


row(8, augmented, (1.2, 3), orders=2)


def scaled(x, y=2.0, *, z=0.5):
    """Defaults, a keyword-only parameter and annotations."""
    total: float = x * y
    pass
    return total - z


def keywords(x, y):
    return scaled(x) + scaled(x, y) * scaled(y=x, x=y) + scaled(x, z=y)


row(32, keywords, (1.2, 0.7), orders=2)
