"""Programs over data: arguments of any shape, sequences of known length, records, strings.

Each takes floats and gives a float; CPython and differences judge them.
"""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Row = tuple[Callable[..., Any], tuple[float, ...], int]
ROWS: list[Row] = []


def row(*args: float, orders: int = 2) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        ROWS.append((f, args, orders))
        return f

    return add


# ---- arguments ----------------------------------------------------------------------------------


def weighted(first, *rest, weight=2.0, power, **more):
    s = first
    for k, r in enumerate(rest):
        s = s + weight * r ** (k + power)
    for name, v in more.items():
        s = s * v if name == "factor" else s + v
    return s


@row(1.3, 0.7)
def gathered(x, y):
    a = weighted(x, power=1) + weighted(x, y, x * y, power=2, weight=y)
    return a * weighted(y, x, power=1, factor=x, shift=y)


@row(1.3, 0.7)
def spread(x, y):
    t = (x, y)
    d = {"power": 2, "factor": y}
    return weighted(*t, x, **d) + weighted(y, *(x, y), *t, weight=x, power=1)


def late(x=1.0, *, required, optional=3.0):
    return x * required - optional


@row(1.3, 0.7)
def keyword_only(x, y):
    return late(required=x) * late(y, required=2.0, optional=x)


@row(1.3, 0.7)
def starred_targets(x, y):
    first, *middle, last = (x, y, x * y, x - y, 2.0)
    head, *rest = [x, y]
    *start, end = x, y, 3.0
    return first * last + middle[0] * middle[1] + middle[2] + head * rest[0] + start[1] * end


@row(1.3, 0.7)
def nested_gathering(x, y):
    def twice(f, *args, **kw):
        return f(*args, **kw) + f(*args, **kw)

    def g(a, b, scale=1.0):
        return a * b * scale

    return twice(g, x, y) + twice(g, x, b=y, scale=x) + twice(lambda *a: a[0] - a[-1], y, x, y * y)


# ---- sequences ----------------------------------------------------------------------------------


@row(1.3, 0.7)
def mapped(x, y):
    t = tuple(map(lambda a, b: a * b, (x, y, 2.0), (y, x, x)))
    u = list(map(math.exp, t))
    return sum(t) + sum(u, y) + sum(filter(lambda k: k > 1, (1, 2, 3))) * x


@row(1.3, 0.7)
def zipped(x, y):
    s = 0.0
    for k, (a, b) in enumerate(zip((x, y, 1.0), (y, 2.0, x), strict=True)):
        s = s + k * a * b
    for v in reversed((x, y, 3.0)):
        s = s * 0.5 + v
    return s


@row(1.3, 0.7)
def run_time_zip(x, y):
    s = 0.0
    for i, j in zip(range(5), range(10, 0, -2), strict=False):
        s = s + x * i - y * j
    for k, i in enumerate(range(3, 9, 2), 1):
        s = s * 1.1 + k * i * x * y
    for i in reversed(range(1, 8, 3)):
        s = s * x + i
    return s


@row(1.3, 0.7)
def ordered(x, y):
    a, b, c = sorted((x, y, x * y))
    d = sorted([x, y, 0.1], reverse=True)
    e = sorted(((x, 1.0), (y, 2.0)), key=lambda p: p[0])
    f = sorted((3, 1, 2))
    return a * 1.0 + b * 2.0 + c * 3.0 + d[0] * d[2] + e[0][1] * x + f[0] * y


@row(1.3, 0.7)
def extremes(x, y):
    far = max(((x, y), (y, x)), key=lambda p: p[0] * p[0])
    return (
        max((x, y, 0.2)) * min(x, y)
        + max(v * v for v in (x, y))
        + far[1]
        + min((x, y), key=lambda v: -v)
        + max((), default=x)
    )


@row(1.3, 0.7)
def counted(x, y):
    yes = any(v > 1.0 for v in (x, y)) and not all(v > 1.0 for v in (x, y))
    never = any(()) or not all(())
    return (x if yes else y) + (1.0 if never else 2.0) * x * y


@row(1.3, 0.7)
def folds_over_ranges(x, y):
    n = 6
    a = sum(x**k / (k + 1) for k in range(n) if k != 2)
    b = max(x * k - k * k * 0.4 for k in range(n))
    c = min((y - 0.3 * k) ** 2 + 0.01 * k for k in range(n))
    d = math.prod(1.0 + 0.1 * x * k for k in range(1, n))
    e = 1.0 if any(k * y > 3.0 for k in range(n)) else 2.0
    f = 1.0 if all(k * y < 30.0 for k in range(n)) else 2.0
    return a * b + c * d + e * x + f * y + sum(range(n)) * x


@row(1.3, 0.7)
def nested_comprehensions(x, y):
    table = [[x * i + y * j for j in range(3)] for i in range(2)]
    flat = [v * v for r in table for v in r if v is not None]
    pairs = {k: x * n for n, k in enumerate(("a", "b", "c"))}
    return (
        sum(flat)
        + table[1][2]
        + pairs["b"] * pairs["c"]
        + sum(i * j * x for i in range(3) for j in range(i))
    )


@row(1.3, 0.7)
def names_of_comprehensions(x, y):
    k = 10.0
    a = sum(k * x for k in (1.0, 2.0))
    fs = [lambda t, k=k: t * k for k in (1.0, 2.0)]
    gs = [(lambda t: t + k) for k in (y, x)]  # noqa: B023
    return a + k + fs[0](x) * fs[1](y) + gs[0](x)


@row(1.3, 0.7)
def lists(x, y):
    items = [x, y]
    alias = items
    for v in (1.0, 2.0):
        items.append(v * x)
    alias[0] = y * y
    items[-1] *= 2.0
    last = items.pop()
    items.extend((x, y))
    items.insert(1, 0.5)
    return sum(items) + last * len(alias) + items[1] + items[2] * sum(items[1:3])


@row(1.3, 0.7)
def list_in_a_loop(x, y):
    w = [x, y, 0.5]
    for i in range(9):
        w[i % 3] = w[(i + 1) % 3] * 0.5 + math.sin(w[i % 3])
    return w[0] * w[1] + w[2]


@row(1.3, 0.7)
def dicts(x, y):
    d = {"a": x, "b": y}
    d["c"] = x * y
    d["a"] += 1.0
    more = {**d, "b": 2.0}
    s = sum(d.values()) + more["b"] + d.get("z", x)
    for k, v in more.items():
        s = s + v * len(k)
    return s + (1.0 if "c" in d else 2.0) * x + len(d)


@row(1.3, 0.7)
def reduced(x, y):
    horner = functools.reduce(lambda a, c: a * x + c, (1.0, y, 2.0, -1.0), 0.0)
    product = functools.reduce(operator.mul, [x, y, 2.0])
    run = functools.reduce(lambda a, k: a * 0.9 + k * x, range(7), y)
    scale = functools.partial(operator.mul, x)
    near = functools.partial(weighted, power=1, weight=y)
    return horner * product + run + scale(y) + near(x, y) + functools.partial(near, y)(x)


@row(1.3, 0.7)
def operators(x, y):
    getters = (operator.add, operator.sub, operator.truediv, max)
    s = 0.0
    for f in getters:
        s = s * 1.5 + f(x, y)
    return s + operator.pow(x, 2) + operator.neg(y) + operator.getitem((x, y), 1)


def over_array(x, y, a):
    s = sum(a) * x + max(a) * y + sum(v * v for v in a) + math.prod(a)
    for i, v in enumerate(a):
        s = s + i * v * y
    for u, v in zip(a, reversed(a), strict=False):
        s = s + u * v * x
    return s + (x if any(v > 2.0 for v in a) else y) + min(a)


# ---- strings ------------------------------------------------------------------------------------


class Mode(enum.Enum):
    SINE = "sin"
    SQUARE = "sq"

    @property
    def weight(self):
        return 2.0 if self is Mode.SINE else 3.0


def by_mode(x, mode, unit="m"):
    v = math.sin(x) if mode is Mode.SINE else x * x
    if unit in ("km", "mile"):
        v = v * 1000.0
    return v * mode.weight if mode.value == "sin" else v * len(mode.name)


@row(1.3, 0.7)
def strings(x, y):
    name = f"{'ab'}_{2}"
    s = x if name == "ab_2" and "b" in name and name.startswith("ab") else y
    return s * sum(by_mode(y, m) for m in Mode) + by_mode(x, Mode.SQUARE, unit="k" + "m")


@row(1.3, 0.7)
def checked(x, y):
    assert x > 0.0, f"x is {x}"
    if y < 0.0:
        raise ValueError("negative")
    s = 0.0
    for k in range(5):
        if k * x > 100.0:
            raise ArithmeticError(f"{k} of {x:.3f}")
        s = s + x * y * k
    return s


# ---- records ------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: float
    y: float = 0.5

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    @property
    def norm(self):
        return math.hypot(self.x, self.y)


@dataclass(frozen=True)
class Vector:
    x: float
    y: float
    UNIT = 2.0

    def __add__(self, o):
        return Vector(self.x + o.x, self.y + o.y)

    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(-self.x, -self.y)

    def __matmul__(self, o):
        return self.x * o.x + self.y * o.y

    def __getitem__(self, k):
        return self.x if k == 0 else self.y

    def __len__(self):
        return 2

    def __lt__(self, o):
        return self @ self < o @ o

    @staticmethod
    def zero():
        return Vector(0.0, 0.0)

    @classmethod
    def along(cls, v):
        return cls(v, v * cls.UNIT)


@row(1.3, 0.7)
def named_tuples(x, y):
    p, q = Point(x, y), Point(y)
    r = p + q
    a, b = r
    s = p._replace(y=x * x)
    return r.norm * a + b * len(p) + p[0] * q[1] + s.y + max(p) + (1.0 if p == (x, y) else 2.0)


@row(1.3, 0.7)
def vectors(x, y):
    v, w = Vector(x, y), Vector(y, 2.0)
    u = 2.0 * v + w * x + -v
    t = sum([v, w, u], Vector.zero())
    z = Vector.along(y)
    m = max(v, w) @ z
    return u @ t + t[0] * t[1] + len(v) * z.y + m + dataclasses.replace(v, x=3.0).x * x


@dataclass
class Account:
    balance: float
    rate: float = 0.1
    history: list[float] = field(default_factory=list)
    total: float = field(init=False)

    def __post_init__(self):
        self.total = self.balance * 2.0

    def add(self, amount):
        self.balance += amount
        self.history.append(amount)
        return self

    def grow(self, n):
        for _ in range(n):
            self.balance = self.balance * (1.0 + self.rate)


@row(1.3, 0.7)
def accounts(x, y):
    a = Account(x, y)
    b = a
    b.add(y).add(x * x)
    a.grow(3)
    c = Account(y)
    c.grow(2)
    return b.balance * c.balance + sum(a.history) + a.total * len(b.history)


@dataclass
class Particle:
    p: Vector
    v: Vector

    def step(self, h):
        self.v = self.v + self.p * (-h)
        self.p = self.p + self.v * h


def kick(particle, by):
    particle.v = particle.v * by


@row(1.3, 0.7)
def particles(x, y):
    ps = (Particle(Vector(x, y), Vector(0.0, 1.0)), Particle(Vector(y, 0.2), Vector(x, 0.0)))
    for _ in range(10):
        for p in ps:
            p.step(0.1)
    kick(ps[0], x)
    return sum(p.p @ p.v for p in ps)


@row(1.3, 0.7)
def aliases(x, y):
    a = Particle(Vector(x, 0.0), Vector(y, 0.0))
    b = Particle(Vector(y, 0.0), Vector(x, 0.0))
    both = (a, b, a)
    if x > 1.0:
        kick(a, 2.0)
    else:
        kick(b, 3.0)
    both[2].p = Vector(5.0, 1.0) * y
    kick(both[1], y)
    return both[0].p.x * a.v.x + b.v.x + (1.0 if both[0] is a else 2.0)


def chosen_record(x, y):
    best = Vector(x, y) if x > y else Vector(y, x * x)
    return best.x * best.y


row(1.3, 0.7)(chosen_record)
row(0.6, 0.7)(chosen_record)


@row(1.3, 0.7)
def carried_record(x, y):
    v = Vector(x, y)
    p = Point(x, y)
    for k in range(6):
        v = v + Vector(v.y * 0.1, -v.x * 0.1) * (1.0 + 0.1 * k)
        p = p + Point(v.x, 0.5)
    return v @ v + p.norm


@row(1.3, 0.7)
def carried_changing_record(x, y):
    p = Particle(Vector(x, y), Vector(y, x))
    for _ in range(4):
        p.step(0.1)
        p = Particle(p.v, p.p)
    return p.p @ p.v


@row(1.3, 0.7)
def chosen_changing_record(x, y):
    if x > y:
        p = Particle(Vector(x, y), Vector(y, x))
    else:
        p = Particle(Vector(y, y), Vector(x, x))
    p.step(0.5)
    return p.p @ p.v


@dataclass
class Base:
    a: float

    def value(self):
        return self.a * self.scale()

    def scale(self):
        return 2.0


@dataclass
class Derived(Base):
    b: float = 3.0

    def scale(self):
        return self.b + Base.scale(self)


@row(1.3, 0.7)
def inherited(x, y):
    objects = (Base(x), Derived(y, x), Derived(a=x * y))
    s = 0.0
    for o in objects:
        s = s + o.value() * (2.0 if isinstance(o, Derived) else 1.0)
    return s


@dataclass(frozen=True)
class Polynomial:
    coefficients: tuple[float, ...]

    def __call__(self, t):
        s = 0.0
        for c in self.coefficients:
            s = s * t + c
        return s

    def derivative(self):
        n = len(self.coefficients) - 1
        return Polynomial(tuple([c * (n - k) for k, c in enumerate(self.coefficients[:-1])]))


@row(1.3, 0.7)
def polynomials(x, y):
    p = Polynomial((x, y, 1.0))
    values = list(map(p, (x, y, 2.0)))
    method = p.derivative().__call__
    return p(y) * p.derivative()(x) + sum(values) + method(y)


def newton(f, x):
    for _ in range(5):
        x = x - f(x) / f.derivative()(x)
    return x


@row(1.3, 0.7)
def passed_objects(x, y):
    return newton(Polynomial((1.0, x, -y - 2.0)), 1.0) * x


@dataclass(frozen=True)
class Normalised:
    x: float
    y: float
    r: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "r", math.hypot(self.x, self.y))


@row(1.3, 0.7)
def frozen_post_init(x, y):
    n = Normalised(x, y)
    return n.x / n.r + n.y * n.r


@dataclass(order=True, frozen=True)
class Version:
    major: float
    minor: float


@row(1.3, 0.7)
def compared(x, y):
    a, b = Version(x, y), Version(x, 2.0)
    s = 1.0 if a < b else 2.0
    t = 3.0 if a == Version(x, y) else 4.0
    u = 5.0 if a != b else 6.0
    return s * x + t * y + u * x * y + min(a, b).minor


ORIGIN = Point(0.25, 0.75)


@row(1.3, 0.7)
def global_records(x, y):
    p = Point(x, y) + ORIGIN
    return p.x * p.y * ORIGIN.x


# ---- records and dicts as arguments -------------------------------------------------------------


def of_point(p, k):
    return p.norm * k + p.x * p.y * p.y


def of_particle(q):
    return q.p @ q.v + q.p.x


def of_moving(q, n):
    for _ in range(n):
        q.step(0.1)
    return q.p @ q.p


def of_dict(d):
    return d["a"] * d["b"][0] + math.sin(d["b"][1]) * d["n"]


def gives_records(x, y):
    return Point(x * y, x), {"v": Vector(x, y), "n": 3, "t": (y, None)}, [x, y]


ARRAY = np.array([1.5, 0.5, 2.5])
