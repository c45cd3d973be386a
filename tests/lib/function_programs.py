"""Programs over functions as values and what takes them; CPython and differences judge them."""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

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
