"""Random programs over functions and data: closures, recursion, records, lists, derivatives.

Each program is a function of two floats and an int that gives a float.  It is a row of statements,
each of which binds one more float; a statement is one construct of the language around random
expressions of the floats before it, and may hold statements of its own.  All values stay small, and
all functions are smooth but at `abs` and where the data takes another branch.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sources import made

PRELUDE = """
import math
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, NamedTuple

import morula
from morula import grad, jvp, value_and_grad, vjp

class P(NamedTuple):
    a: Any
    b: Any = 0.5
    def dot(self, o):
        return math.sin(self.a * o.a + self.b * o.b)

@dataclass(frozen=True)
class F:
    x: Any
    y: Any = 0.25
    def __add__(self, o):
        return F(self.x + o.x, self.y - o.y)
    def __mul__(self, k):
        return F(self.x * k, self.y)
    @property
    def size(self):
        return math.sin(self.x) * self.y
    def __call__(self, t):
        return math.cos(t * self.x) + self.y

@dataclass
class M:
    v: Any
    n: Any = 0
    def step(self, d):
        self.v = math.sin(self.v + d)
        self.n += 1
        return self

@dataclass(frozen=True)
class Cons:
    head: Any
    tail: Any = None

def walk(c):
    s = 0.0
    while c is not None:
        s = math.sin(s + c.head)
        c = c.tail
    return s

def total(c):
    return 0.25 if c is None else math.sin(c.head * total(c.tail) + c.head)

def apply(g, t, k=1):
    for _ in range(k):
        t = g(t)
    return t

def spread(a, *rest, scale=0.5, **more):
    s = a
    for r in rest:
        s = math.sin(s + r * scale)
    return s + more.get("shift", 0.0) * 0.1

@morula.custom_jvp
def soft(t):
    return t / (1.0 + t * t)

@soft.defjvp
def soft_rule(primals, tangents):
    (t,), (dt,) = primals, tangents
    d = 1.0 + t * t
    return soft(t), dt * (1.0 - t * t) / (d * d)

"""


class Writer:
    """One program while it is written."""

    def __init__(self, seed: int, words: bool) -> None:
        self.rng = random.Random(seed)
        self.words = words  # whether the program takes derivatives itself
        self.lines: list[str] = []
        self.count = 0
        self.floats = ["x", "y"]
        self.indent = 1

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self, what: str) -> str:
        self.count += 1
        return f"{what}{self.count}"

    def pick(self, *of: str) -> str:
        return self.rng.choice(of)

    def expr(self, depth: int = 2, floats: list[str] | None = None) -> str:
        """A float of size about 1."""
        held = floats or self.floats
        if depth == 0 or self.rng.random() < 0.2:
            return self.pick(*held, *held, "0.7", "1.3")
        a, b = self.expr(depth - 1, held), self.expr(depth - 1, held)
        return self.pick(
            f"math.sin({a} + {b})",
            f"math.cos({a} * {b})",
            f"({a} * {b} * 0.5)",
            f"(0.5 * {a} - {b} * 0.25)",
            f"math.exp(-({a}) ** 2)",
            f"({a} if {b} > 0.1 else {b} * 0.5)",
            f"({a} / (1.5 + {b} * {b}))",
            f"math.atan({a})",
        )

    def test(self) -> str:
        return self.pick(
            f"{self.expr(1)} > 0.3",
            f"n > {self.rng.randrange(4)}",
            f"{self.expr(1)} < {self.expr(1)} and n != 2",
            f"not {self.expr(1)} > 0.0",
        )

    def block(self, statements: int) -> None:
        """Statements of a block of their own: the names that they bind are seen inside only."""
        before = list(self.floats)
        self.indent += 1
        for _ in range(statements):
            self.statement(nested=True)
        self.result = self.floats[-1]
        self.floats = before
        self.indent -= 1

    def bind(self, text: str) -> None:
        v = self.name("v")
        self.line(f"{v} = {text}")
        self.floats.append(v)

    def statement(self, nested: bool = False) -> None:
        kinds: list[Callable[[Writer], None]] = list(FUNCTIONS + DATA)
        if self.words:
            kinds += WORDS * 2
        if not nested:
            kinds += CONTROL * 2
        if nested and self.indent > 3:
            self.bind(self.expr())
            return
        self.rng.choice(kinds)(self)


# ---- functions ----------------------------------------------------------------------------------


def rebound(w: Writer) -> None:
    a, g = w.name("a"), w.name("g")
    w.line(f"{a} = {w.expr()}")
    w.line(f"{g} = lambda t: math.sin(t * {a}) + {w.expr(1)}")
    w.line(f"{a} = {w.expr()}")
    w.bind(f"{g}({w.expr()})")


def counted(w: Writer) -> None:
    s, g, i = w.name("s"), w.name("add"), w.name("i")
    w.line(f"{s} = {w.expr()}")
    w.line(f"def {g}(t):")
    w.line(f"    nonlocal {s}")
    w.line(f"    {s} = math.sin({s} + t * {w.expr(1)})")
    w.line(f"    return {s} * 0.5")
    w.line(f"for {i} in range(n + 1):")
    w.line(f"    {g}({w.expr(1)} * {i})")
    w.bind(f"{g}({w.expr()}) + {s}")


def nested(w: Writer) -> None:
    """A function with statements of its own."""
    g, t = w.name("g"), w.name("t")
    w.line(f"def {g}({t}):")
    before = list(w.floats)
    w.floats.append(t)
    w.block(2)
    w.floats = before
    w.line(f"    return math.sin({w.result} + {t})")
    w.bind(f"{g}({w.expr()}) - {g}({w.expr(1)}) * 0.5")


def handed(w: Writer) -> None:
    w.bind(f"apply(lambda t: math.sin(t + {w.expr(1)}), {w.expr()}, n)")


def chosen(w: Writer) -> None:
    g = w.name("g")
    one, other = f"lambda t: t * {w.expr(1)}", w.pick("math.sin", f"lambda t: t - {w.expr(1)}")
    w.line(f"{g} = ({one}) if {w.test()} else ({other})")
    w.bind(f"{g}({w.expr()})")


def indexed(w: Writer) -> None:
    fs = f"(math.sin, lambda t: t * {w.expr(1)}, math.atan)"
    w.bind(f"{fs}[(n + {w.rng.randrange(3)}) % 3]({w.expr()})")


def returned(w: Writer) -> None:
    g = w.name("make")
    w.line(f"def {g}(k):")
    w.line("    def inner(t, u=0.5):")
    w.line(f"        return math.sin(t * k + {w.expr(1)}) * u")
    w.line("    return inner")
    w.bind(f"{g}({w.expr()})({w.expr()}) + {g}({w.expr(1)})({w.expr(1)}, u={w.expr(1)})")


def functional(w: Writer) -> None:
    a, b, c = w.expr(), w.expr(), w.expr(1)
    w.bind(
        w.pick(
            f"reduce(lambda p, q: math.sin(p + q), ({a}, {b}, {c}), 0.5)",
            f"partial(spread, {a}, scale={c})({b}, {c})",
            f"sum(map(lambda p, q: p * q * 0.5, ({a}, {b}), ({c}, {a})))",
            f"sum(p * q * 0.3 for p, q in zip(({a}, {b}), ({c}, {b})))",
            f"sum(k * p * 0.2 for k, p in enumerate(({a}, {b}, {c}), start=1))",
            f"sorted(({a}, {b}, {c}))[n % 3]",
            f"max(({a}, {b}), key=lambda v: -v * v)",
            f"sum(math.sin({a} + i) * 0.3 for i in range(n) if i != 1)",
            f"max(math.sin({a} * (i + 1)) for i in range(n + 1))",
            f"[p * {a} for p in ({b}, {c})][n % 2]",
            f"spread({a}, *({b}, {c}), **{{'scale': {c}, 'shift': {b}}})",
            f"({a} if any(math.sin(i + 0.5) > 0.9 for i in range(n)) else {b})",
        )
    )


def recursive(w: Writer) -> None:
    g = w.name("go")
    step = w.pick(
        f"math.sin({g}(t * 0.9, k - 1) + t)",
        f"{g}(t * 0.8, k - 1) * 0.5 + {g}(t + 0.1, k - 1) * 0.25",
        f"{g}({w.expr(1)} * t, k - 1) * t",
    )
    w.line(f"def {g}(t, k):")
    w.line(f"    return {w.expr(1)} * t if k <= 0 else {step}")
    w.bind(f"{g}({w.expr()}, n)")


def mutual(w: Writer) -> None:
    g, h = w.name("even"), w.name("odd")
    w.line(f"def {g}(t, k):")
    w.line(f"    return t * {w.expr(1)} if k <= 0 else {h}(math.sin(t), k - 1)")
    w.line(f"def {h}(t, k):")
    w.line(f"    return t - {w.expr(1)} if k <= 0 else {g}(math.cos(t), k - 1) * 0.5")
    w.bind(f"{g}({w.expr()}, n)")


def continued(w: Writer) -> None:
    g = w.name("go")
    w.line(f"def {g}(k, c):")
    w.line("    if k <= 0:")
    w.line(f"        return c({w.expr()})")
    known = w.expr(1, ["x", "y"])  # a variable that changes would make each turn a type of its own
    w.line(f"    return {g}(k - 1, lambda r: c(math.sin(r * {known} + k)))")
    w.bind(f"{g}(n, lambda r: r)")


# ---- data ---------------------------------------------------------------------------------------


def named(w: Writer) -> None:
    p = w.name("p")
    w.line(f"{p} = P({w.expr()}, {w.expr()})")
    w.line(f"{p}q = {p}._replace(b={w.expr(1)})")
    w.bind(f"{p}.dot({p}q) + P({w.expr(1)}).a * {p}q[1] * 0.3")


def frozen(w: Writer) -> None:
    q = w.name("q")
    w.line(f"{q} = F({w.expr()}, {w.expr()}) + F({w.expr(1)}) * {w.expr(1)}")
    w.line(f"{q} = replace({q}, y=math.sin({q}.y))")
    w.bind(f"{q}.size + {q}({w.expr(1)}) * 0.5")


def changed(w: Writer) -> None:
    m, i = w.name("m"), w.name("i")
    w.line(f"{m} = M({w.expr()})")
    w.line(f"{m}b = {m} if {w.test()} else M({w.expr(1)})")
    w.line(f"for {i} in range(n):")
    w.line(f"    {w.pick(m, m + 'b')}.step({w.expr(1)} * {i})")
    w.line(f"    if {i} == 1:")
    w.line(f"        {m}b.v *= {w.expr(1)}")
    w.bind(f"math.sin({m}.v + {m}b.v * 0.5 + {m}.n * 0.1)")


def keyed(w: Writer) -> None:
    d = w.name("d")
    w.line(f"{d} = {{'a': {w.expr()}, 'b': {{'c': {w.expr()}}}}}")
    w.line(f"{d}e = {{**{d}, 'a': {w.expr(1)}}}")
    w.line(f"{d}e['b'] = {{**{d}['b'], 'd': {w.expr(1)}}}")
    w.line(f"{d}e['a'] += {d}['a'] * 0.5")
    w.bind(f"math.sin(sum({d}e['b'].values()) + {d}e['a'] * {d}['a'])")


def optional(w: Writer) -> None:
    o, i = w.name("o"), w.name("i")
    w.line(f"{o} = None")
    w.line(f"for {i} in range(n):")
    w.line(f"    if {i} == {w.rng.randrange(4)} or {w.test()}:")
    w.line(f"        {o} = {w.expr()} + {i} * 0.1")
    w.bind(f"{w.expr()} if {o} is None else math.sin({o} * {o})")


def union(w: Writer) -> None:
    u = w.name("u")
    w.line(f"{u} = P({w.expr()}, {w.expr()}) if {w.test()} else F({w.expr()}) if n else {w.expr()}")
    v = w.name("v")
    w.line(f"match {u}:")
    w.line("    case P(a, b) if a > b:")
    w.line(f"        {v} = a * b * 0.5")
    w.line("    case P(a, b):")
    w.line(f"        {v} = math.sin(a - b)")
    w.line("    case F(x=a):")
    w.line(f"        {v} = math.cos(a) * {w.expr(1)}")
    w.line("    case _:")
    w.line(f"        {v} = {u} if isinstance({u}, float) else 0.5")
    w.floats.append(v)


def listed(w: Writer) -> None:
    c, i = w.name("c"), w.name("i")
    w.line(f"{c} = None")
    w.line(f"for {i} in range(n + {w.rng.randrange(2)}):")
    w.line(f"    {c} = Cons({w.expr()} * ({i} + 1) * 0.5, {c})")
    w.bind(f"{w.pick('walk', 'total')}({c}) + (0.1 if {c} is None else {c}.head * 0.2)")


def tupled(w: Writer) -> None:
    t = w.name("t")
    w.line(f"{t}a, *{t}b = ({w.expr()}, {w.expr()}, ({w.expr(1)}, {w.expr(1)}))")
    w.line(f"{t}a, {t}c = {t}b[1][0], {t}a")
    w.bind(f"math.sin({t}a + {t}c * {t}b[0]) + ({t}b[1] + (0.5,))[n % 3] * 0.25")


def checked(w: Writer) -> None:
    e = w.expr()
    w.line(f"assert abs({e}) < 1e6, f'large: {{{w.floats[-1]}:.3f}}'")
    w.line(f"if abs({e}) > 1e7:")
    w.line(f"    raise ValueError(f'very large: {{{w.floats[-1]}}}')")
    w.bind(f"{e} * 0.5")


# ---- control around statements ------------------------------------------------------------------


def branch(w: Writer) -> None:
    v = w.name("v")
    w.line(f"if {w.test()}:")
    w.block(2)
    w.line(f"    {v} = {w.result}")
    w.line("else:")
    w.block(1)
    w.line(f"    {v} = {w.result} * 0.5")
    w.floats.append(v)


def loop(w: Writer) -> None:
    v, i = w.name("v"), w.name("i")
    w.line(f"{v} = {w.expr()}")
    w.floats.append(v)
    w.line(f"for {i} in range(n):")
    w.block(2)
    w.line(f"    if {i} == {w.rng.randrange(5)}:")
    w.line(f"        {w.pick('break', 'continue')}")
    w.line(f"    {v} = math.sin({v} + {w.result} * 0.5)")


def left(w: Writer) -> None:
    """A function that returns out of a loop."""
    g, i = w.name("g"), w.name("i")
    w.line(f"def {g}(t):")
    w.line(f"    for {i} in range(n):")
    w.line(f"        t = math.sin(t + {w.expr(1)})")
    w.line(f"        if t > {w.pick('0.5', '0.9', '0.2')}:")
    w.line(f"            return t * {w.expr(1)}")
    w.line("    else:")
    w.line(f"        t = t - {w.expr(1)} * 0.5")
    w.line("    return t")
    w.bind(f"{g}({w.expr()})")


# ---- derivatives inside -------------------------------------------------------------------------


def inner(w: Writer) -> None:
    t = "t"
    body = w.expr(2, [*w.floats, t, t, t])
    w.bind(
        w.pick(
            f"0.3 * grad(lambda t: {body})({w.expr(1)})",
            f"0.3 * sum(value_and_grad(lambda t: {body})({w.expr(1)}))",
            f"0.3 * jvp(lambda t: {body}, ({w.expr(1)},), ({w.expr(1)},))[1]",
            f"0.1 * grad(lambda t: t * grad(lambda u: math.sin(u * t + {w.expr(1)}))({w.expr(1)}))"
            f"({w.expr(1)})",
        )
    )


def pulled(w: Writer) -> None:
    p = w.name("p")
    w.line(
        f"{p}y, {p} = vjp(lambda t, u: math.sin(t * u) + t * {w.expr(1)}, {w.expr()}, {w.expr(1)})"
    )
    w.bind(f"0.3 * ({p}y + {p}({w.expr(1)})[0] * 0.5 + {p}(0.5)[1])")


def descended(w: Writer) -> None:
    s, i = w.name("s"), w.name("i")
    w.line(f"{s} = {w.expr()}")
    w.line(f"for {i} in range(n):")
    w.line(f"    {s} = {s} - 0.1 * grad(lambda t: math.sin(t) + t * t * {w.expr(1)})({s})")
    w.bind(f"math.sin({s})")


def ruled(w: Writer) -> None:
    w.bind(f"soft({w.expr()}) + 0.5 * grad(lambda t: soft(t * {w.expr(1)}))({w.expr(1)})")


def by_record(w: Writer) -> None:
    g = w.name("g")
    w.line(f"{g} = grad(lambda p: p.dot(p) + p.a * {w.expr(1)})(P({w.expr()}, {w.expr(1)}))")
    w.bind(f"0.3 * ({g}.a + {g}.b)")


def by_list(w: Writer) -> None:
    c, i = w.name("c"), w.name("i")
    w.line(f"{c} = Cons({w.expr()}, Cons({w.expr(1)}))")
    w.line(f"for {i} in range(n):")
    w.line(f"    {c} = Cons({w.expr(1)} * {i}, {c})")
    w.line(f"{c}g = grad({w.pick('walk', 'total')})({c})")
    w.bind(f"0.3 * (walk({c}g) + {c}g.tail.head)")


FUNCTIONS = (
    rebound, counted, nested, handed, chosen, indexed, returned, functional, functional, functional,
    recursive, mutual, continued,
)  # fmt: skip
DATA = (named, frozen, changed, keyed, optional, union, listed, tupled, checked)
CONTROL = (branch, loop, left)
WORDS = (inner, pulled, descended, ruled, by_record, by_list)


def text(seed: int, words: bool) -> str:
    w = Writer(seed, words)
    for _ in range(w.rng.randrange(2, 5)):
        w.statement()
    w.line(
        f"return {' + '.join(f'{v} * {0.9 - 0.1 * k:.1f}' for k, v in enumerate(w.floats[-5:]))}"
    )
    return PRELUDE + "def f(x, y, n):\n" + "\n".join(w.lines) + "\n"


def generate(seed: int, words: bool = False) -> tuple[Any, tuple[float, float, int]]:
    """A program and arguments for it."""
    rng = random.Random(seed + 10**6)
    args = (rng.uniform(0.2, 1.4), rng.uniform(-1.2, 1.2), rng.randrange(5))
    return made("f", text(seed, words)), args
