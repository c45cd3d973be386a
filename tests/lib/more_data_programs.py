"""More programs over data: operators and special methods, `super`, patterns, dicts, lists, classes.

Each takes floats and gives a float; CPython and differences judge them.
"""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import enum
import functools
import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from data_programs import Row

ROWS: list[Row] = []


def row(*args: float, orders: int = 2) -> Any:
    def add(f: Any) -> Any:
        ROWS.append((f, args, orders))
        return f

    return add


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


@dataclass(frozen=True)
class Pair:
    x: float
    y: float = 2.0

    def __add__(self, other):
        return Pair(self.x + other.x, self.y + other.y)

    def __sub__(self, other):
        return Pair(self.x - other.x, self.y - other.y)

    def __mul__(self, k):
        return Pair(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __neg__(self):
        return Pair(-self.x, -self.y)

    def __abs__(self):
        return math.hypot(self.x, self.y)

    def __round__(self):
        return Pair(round(self.x), round(self.y))

    def __float__(self):
        return self.x * self.y

    def __getitem__(self, i):
        return (self.x, self.y)[i]

    def __len__(self):
        return 2

    def __bool__(self):
        return self.x != 0

    def __contains__(self, v):
        return v == self.x

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y

    @classmethod
    def unit(cls, t):
        return cls(math.cos(t), math.sin(t))

    @staticmethod
    def lift(v):
        return Pair(v, v)

    @property
    def squared(self):
        return self @ self


@dataclass
class Shape:
    r: float

    def area(self):
        return 0.1

    def scaled(self, k):
        return self.area() * k


@dataclass
class Circle(Shape):
    def area(self):
        return math.pi * self.r**2


@dataclass
class Square(Shape):
    extra: float = 1.0

    def area(self):
        return super().area() + self.r**2 * self.extra


@dataclass
class Tile(Square):
    def area(self):
        return super().area() * 2.0 + super(Square, self).area()

    def scaled(self, k):
        return super().scaled(k) + self.extra


class Entry(NamedTuple):
    p: Any
    q: Any = 3.0


@row(1.3)
def operators(x):
    p, q, r = Pair(x), Pair.unit(x), Pair.lift(x)
    s = 2.0 * p + q * 3.0 - (-r)
    t = abs(s) + s[0] * s[1] + len(s) + p.squared + float(q) * round(s).x
    return t + (1.0 if x in p else 0.0) + (1.0 if s else 2.0)


@row(1.3)
def inherited(x):
    shapes = (Circle(x), Square(x), Square(x, 2.0), Tile(x, x))
    return sum(s.scaled(x) for s in shapes)


@row(1.3)
@row(0.7)
def one_of_two_classes(x):
    s = Circle(x) if x > 1 else Tile(x)
    s.r *= 2
    return s.area() + (1 if isinstance(s, Circle) else 0)


@row(1.3)
def enums(x):
    t = 0.0
    for c in (Colour.RED, Colour.GREEN):
        if c is Colour.RED:
            t += x
        elif c == Colour.GREEN:
            t += x * x * c.value
    return t * {"a": 1, "b": 2}["b"]


def of_kind(v):
    match v:
        case True | False:
            return 0.5
        case int():
            return 1.0
        case float():
            return v * 2
        case None:
            return 3.0
        case (a, b):
            return a * b
        case [a, *rest]:
            return a + len(rest)
        case {"k": w, "z": 1, **more}:
            return w * w * len(more) + more["u"]
        case {"k": w}:
            return w**3
        case Entry(p=a) | Pair(x=1.0, y=a):
            return a * 1.5
        case Pair(x=a, y=b) if a > b:
            return a - b
        case Pair(a, b):
            return a * b
        case str():
            return 5.0
        case _:
            return 7.0


@row(1.3)
def kinds(x):
    values = (
        1,
        True,
        x,
        None,
        (x, 2.0),
        (x, 1.0, 2.0),
        {"k": x, "z": 1, "u": x},
        {"k": x, "z": 2},
        Entry(x * x),
        Pair(1.0, x),
        Pair(x, 0.0),
        Pair(x, 9.0),
        "s",
        Colour.RED,
    )
    return sum(of_kind(v) for v in values) * x


@row(1.3)
@row(0.7)
def either_record(x):
    v = Entry(x, 2.0) if x > 1.0 else Pair(x, x)
    match v:
        case Entry(p=a, q=b) | Pair(a, b):
            return a * a * b


@row(1.3)
@row(0.5)
def truths(x):
    b = x > 1
    return x * x if b is True else x if b is not False else -x


@row(1.3)
def strings(x):
    s = "a" + "b"
    k = {"ab": x, "c": 1.0}
    return k[s] * len(s) + k.get("zz", x * x) + (x if s.startswith("a") else 0)


@row(1.3)
def lists(x):
    a = [x, 2.0]
    b = a
    b[0] = x * 3
    b.append(x)
    a.extend((1.0, x))
    c = a.copy()
    c[0] = 0.0
    a.insert(0, x)
    y = a.pop()
    return a[1] * a[0] + len(a) + c[0] + b[-1] * y + sum(a)


@row(1.3)
def dicts(x):
    d = {}
    d["a"] = x
    d["b"] = d["a"] * 2
    d.update(c=x * x)
    e = dict(d)
    e["a"] = 0.0
    gone = d.pop("c") + d.pop("none", x)
    new = d.setdefault("e", x) + d.setdefault("a", 9.0)
    return sum(d.values()) + e["c"] + len(d) + e["a"] + gone + new


@row(1.3)
def inner_dicts(x):
    """An inner dict copied and changed."""
    d = {"a": x, "b": {"c": x * x}}
    e = {**d, "a": 2.0 * x}
    e["b"] = {**e["b"], "d": x**3}
    return d["a"] * e["a"] + e["b"]["d"] * d["b"]["c"] + sum(v for v in e["b"].values())


@row(1.3)
def walks(x):
    out = 0.0
    for i, (a, b) in enumerate(zip((x, 2.0), (1.0, x), strict=True), start=1):
        out += i * a * b
    for k, v in {"p": x, "q": x * x}.items():
        out += v if k == "p" else 2 * v
    for a in reversed((x, 1.0, 2.0)):
        out = out * 0.5 + a
    return out


@dataclass
class Branch:
    value: Any
    left: Any = None
    right: Any = None


def grown(x, depth):
    if depth == 0:
        return None
    return Branch(x * depth, grown(x * 0.5, depth - 1), grown(x + 0.1, depth - 1))


def total(b):
    return 0.0 if b is None else b.value**2 + total(b.left) * total(b.right) + total(b.left)


@row(1.3)
def trees(x):
    return total(grown(x, 4))


@dataclass
class Account:
    total: float = 0.0
    n: int = 0
    last: Any = ()

    def add(self, v):
        self.total += v
        self.n += 1
        self.last = (v, self.total)
        return self


@row(1.3)
def aliases(x):
    a = Account()
    b = a
    for i in range(5):
        (a if i % 2 else b).add(x * i)
        if i == 3:
            b = Account(x)
    return a.total * b.total + a.n + b.n * 10 + a.last[0] * a.last[1]


@row(1.3)
def classes_as_values(x):
    made = Account
    xs = tuple(made(x * i, i) for i in range(3))
    xs[1].add(x)
    return sum(q.total * q.n for q in xs)


@dataclass
class Late:
    a: float
    b: float = field(init=False)
    c: Any = field(default_factory=lambda: (1.0, 2.0))

    def __post_init__(self):
        self.b = self.a**2


@row(1.3)
def late_fields(x):
    p = Late(x)
    return p.a + p.b * p.c[1]


@row(1.3)
def tuples(x):
    a, *b, c = (x, 1.0, x * x, 2.0)
    (d, e), f = (b, c)
    t = (1, 2, 3) * 2 + (x,)
    more = t[-1] * sum(t[1:4]) + t[::2][1] + t.index(2) + t.count(1) + ((x, 1.0) < (x, 2.0))
    return a * d + e * f + sum(b) + (a, b)[0] + len(b) + more


@row(1.3)
def named_tuples(x):
    i = Entry(x)
    j = i._replace(q=x * x)
    d = j._asdict()
    p, q = j
    at = Entry._fields.index("q")
    return p * q + d["q"] + len(j) + at + Entry(*(x, 1.0)).p + Entry(**{"p": x, "q": 2.0}).q


@row(1.3)
def changed_copies(x):
    p = Pair(x, 3.0)
    q = replace(p, y=x * x)
    return q.x * q.y + (p == q) + (p != q) * 2


def with_rate(rate):
    @dataclass(frozen=True)
    class Model:
        bias: Any

        def at(self, x):
            return rate * x + self.bias

    return Model


Half = with_rate(0.5)


@row(1.3)
def methods_with_captures(x):
    """A method reads a number of the function around its class."""
    return Half(x).at(x * x) + functools.reduce(lambda a, b: a * Half(b).at(x), (x, 2.0), 1.0)


# ---- one product by many ways --------------------------------------------------------------------


def multiply(*, a, b):
    return a * b


@row(1.3, 0.7)
def routed(x, y):
    """A product through a record, a tuple, a list, a dict, keyword arguments and a lambda."""
    by_record = Pair(x, y)
    by_tuple = (x, y)
    by_list = [x, y]
    by_dict = {"a": x, "b": y}
    by_lambda = (lambda a: lambda b: a * b)(x)(y)
    return (
        by_record.x * by_record.y
        + 2.0 * by_tuple[0] * by_tuple[1]
        + 3.0 * by_list[0] * by_list[1]
        + 4.0 * by_dict["a"] * by_dict["b"]
        + 5.0 * multiply(**by_dict)
        + 6.0 * multiply(b=y, a=x)
        + 7.0 * by_lambda
    )


@row(1.3, 0.7)
def list_built(x, y):
    """A list by append in a loop of known length, and by comprehension."""
    values = []
    for k in (1, 2, 3):
        values.append(x**k)
    more = [v * y for v in values if v > 0.0]
    return values[2] * more[0] + sum(more)


@row(1.3, 0.7)
def over_lists(x, y):
    """enumerate, zip, filter and the product over lists."""
    xs, ys = [x, 2.0, y], [y, x, 0.5]
    s = sum(k * v for k, v in enumerate(xs)) + sum(a * b for a, b in zip(xs, ys, strict=True))
    return s * math.prod(xs) + sum(filter(lambda v: v > 0.6, ys))


@row(1.3, 0.7)
def repeats(x, y):
    t = (x, y, x * y)
    s = 0.0
    for k in (0, 2, 0, 1, 0):
        s = s * 0.5 + t[k] * t[0]
    return s


@row(1.3, 0.7)
def splatted_extremes(x, y):
    t = (x * y, x - y, y)
    return max(*t) * 2.0 + min(*t, x) * x


# ---- lists and dicts whose length depends on a test ----------------------------------------------


@row(1.3)
@row(-0.3)
def filtered(x):
    m = [t for t in (x, 2.0, -x) if t > 0.0]
    d = {i: v for i, v in enumerate((x, -x, 1.0)) if v > 0}
    return m[0] * m[-1] + sum(m) * len(m) + d[2] + sum(d.values()) + (d[0] if 0 in d else 0.0)


@row(1.3, 1.0)
@row(1.3, 2.0)
@row(1.3, 3.0)
def grown_in_branches(x, y):
    m = [x]
    held = m
    d = {"a": x}
    if y > 1.5:
        m.append(2.0 * x)
        d["b"] = x * x
    if y > 2.5:
        held.append(x * y)
        d["c"] = 1.0
    m[0] = held[-1] * 0.5
    s = 0.0
    for t in m:
        s += t
    for k, v in d.items():
        s += v * len(k)
    m += [1.0]
    return s + d.get("b", 5.0) + len(held) + len(d) + ("c" in d) + max(m) + m.pop() * y


@row(1.3)
@row(-0.3)
def rows_of_lists(x):
    m = [[t for t in (x, -x) if t > s] for s in (-5.0, 0.0)]
    return sum(sum(r) for r in m) + len(m[1]) + m[0][1]


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Unit(enum.Enum):
    M = "m"
    KM = "km"


@row(1.3)
def more_enums(x):
    s = x * Level.HIGH + Level.LOW + (1.0 if Level.HIGH > Level.LOW else 0.0)
    return s * (1000.0 if Unit("km") is Unit.KM else 1.0)


@row(1.3)
@row(-0.7)
def classes_asked_about(x):
    a = Account(x)
    a.add(1.0)
    v = (x if x > 0.0 else None, x)
    s = 2.0 if type(v[0]) is float else 3.0
    return a.total * s * (1.5 if a.__class__ is Account else 1.0) * (type(x) is not int)


@row(1.3)
@row(0.7)
def sorted_lists(x):
    a = [x, 1.0, -x]
    a.sort()
    b = [1.0, x]
    b.sort(key=lambda v: -v)
    c = [x]
    c.clear()
    return a[0] * 3.0 + a[2] + b[0] * 5.0 + len(c)
