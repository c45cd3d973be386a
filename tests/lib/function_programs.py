"""Programs over functions as values and what takes them; CPython and differences judge them."""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from typing import Any

from program_rows import Row, registering

ROWS: list[Row] = []
row = registering(ROWS)


@dataclass(frozen=True)
class Pair:
    a: float
    b: Any

    def scaled(self, x, k=1.0):
        return self.a * x * k


second = operator.itemgetter(1)
sides = operator.attrgetter("a", "b.b")
scaled_twice = operator.methodcaller("scaled", 2.0, k=3.0)


@row((1.3,))
def getters(x):
    get, both = operator.itemgetter(1), operator.itemgetter(0, 2)
    a, b = both((x, 2.0, x * x))
    p = Pair(x, Pair(2.0, x))
    c, d = sides(p)
    e = operator.methodcaller("scaled", x, k=x)(p) + scaled_twice(p)
    return (
        get((x, x * x)) * a + b * second((1.0, x)) + c * d + e + operator.itemgetter("k")({"k": x})
    )


@row((1.3,), (-1.3,))
def operations(x):
    values = [x, 2.0]
    operator.setitem(values, 0, x * x)
    t = operator.concat((x,), (1.0, x))
    n = operator.countOf(t, x) + operator.indexOf((1, 2, 3), 2) + operator.index(3)
    n += operator.length_hint(t) + operator.inv(5) + operator.iand(6, 3)
    return operator.abs(x) * n + values[0] + operator.iadd(x, 1.0) * operator.ipow(x, 2)


@row((1.3,))
def augmented_aliases(x):
    values, table = [x], {"a": x}
    same, known = values, table
    values += (2.0, x)
    values *= 2
    table |= {"b": x}
    operator.iadd(same, [x])
    t: Any = (x,)
    u = t
    t += (1.0,)
    return len(same) * x + same[4] * known["b"] + len(u) + len(t)


@row((1.3,))
def extends_its_argument(x):
    def extend(values):
        values += (x, 2.0)

    mine = [1.0]
    extend(mine)
    return mine[1] * len(mine)


# ---- loops over what is walked together ---------------------------------------------------------


@row((1.3, 5, 4), (1.3, 3, 3))
def left_before_it_is_uneven(x, n, m):
    s = 0.0
    for a, b in zip(range(n), range(m), strict=True):
        s += x * (a + 1) * b
        if a == 2:
            break
    return s


@row((1.25, 6), (1.25, 16))  # sums without rounding: from 3.12 on Python compensates it
def filtered_loop(x, n):
    s = 0.0
    for v in filter(lambda k: k % 2 == 0, range(n)):
        if v == 4:
            continue
        if v > 8:
            break
        s += x * v
    else:
        s = -s
    return s + sum(filter(lambda v: v > 2.0, (x * k for k in range(n)))) + sum(filter(None, (x, 0)))


@row((1.3, 4))
def mapped_loop(x, n):
    s = 0.0
    for v in map(lambda k: x**k, range(n)):
        s += v
    t = functools.reduce(operator.mul, map(lambda k: x + k, range(n)), 1.0)
    u = sum(map(lambda a, b: a * b * x, range(n), range(1, n + 3)))
    return s * t + u + functools.reduce(lambda a, b: a * x + b, range(1, n)) * x


@row((1.3, 5))
def mapped_when_read(x, n):
    count = 0

    def f(k):
        nonlocal count
        count += 1
        return x * k * count

    values = map(f, range(n))
    before = count
    return sum(values) * count + before


@row((1.3, 4))
def generators(x, n):
    s = 0.0
    for v in (x * k for k in range(n)):
        s += v * v
    a, b = (x * k for k in (1, 2))
    s += a * b + max(*(x * k for k in range(3)))
    s += sum(
        a * b for a, b in zip((x * k for k in range(n)), (k + x for k in range(n)), strict=True)
    )
    s += sum(i * v for i, v in enumerate((x * k for k in range(n)), 1))
    s += x if 2.0 in (1.0 * k for k in range(n)) else -x
    return s * x if n not in (k * k for k in range(n)) else s


@row((1.3, 5), (1.3, 0))
def best_by_a_key(x, n):
    a = max((x * k for k in range(n)), key=lambda v: -((v - 2) ** 2), default=x)
    b = min(range(n), key=lambda k: (k - x) ** 2, default=7) * x
    c = max(((k - 2) ** 2 + x for k in range(n)), default=x * x)
    return a * b + c + sum((x * k for k in range(n)), start=x) * math.prod(x + k for k in range(n))


@row((1.3, 5))
def best_of_pairs(x, n):
    a = max(((k - 2) ** 2, x * k) for k in range(n))[1]
    b = min(zip(range(3), range(1, n), strict=False))[1] * x
    return a * b + max(map(lambda k: x * k, range(n))) + max(enumerate((x, 3.0)), key=second)[1]


@row((1.3, 5))
def reduced_generators(x, n):
    a = functools.reduce(lambda a, b: a * x + b, (k + x for k in range(n)))
    b = functools.reduce(lambda s, k: (s[0] * x + k, s[1] + x), (k for k in range(n)), (1.0, 0.0))
    return a * b[0] + b[1]


@row((1.3,))
def best_of_one(x):
    return max([x]) + min((x,), default=2.0) * max((x,), key=abs)


BY_NUMBER = {0: math.sin, 3: lambda t: t * t, -1: math.cos}


@row((1.3, 0), (1.3, 3), (1.3, -1), (1.3, 1))
def chosen_by_a_key(x, n):
    inner = {0: {0: x, 1: math.cos}, 3: {0: x * x, 1: math.sin}}
    f = BY_NUMBER[n] if n in BY_NUMBER else lambda t: t * x
    s = f(x) * BY_NUMBER.get(n, math.exp)(x) + {True: x, False: 2.0}[x > n]
    return s * inner[n][1](inner[n][0]) if n in inner else s


@row((1.3, 4))
def weights_by_number(x, n):
    weights = {0: x, 1: 2.0, (2, 1): x * x}
    s = 0.0
    for i in range(n):
        s += weights[i] * i if i in weights else weights.get((i, 1), x**3)
    return s


@row((1.3, 0), (1.3, 1), (1.3, 2))
def told_apart_by_callable(x, n):
    def thunks(k, a):
        return a if k == 0 else (lambda: thunks(k - 1, a * x))

    t = (Pair(x, 2.0), math.sin, x)[n]
    s = t(x) if callable(t) else t.a if isinstance(t, Pair) else t
    t = thunks(n, x)
    for _ in range(n):
        if callable(t):
            t = t()
    return s * t if not callable(t) else 0.0
