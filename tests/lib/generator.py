"""Random programs of the language, as source text with a file.

`generate(seed)` gives a function and arguments for it.  By construction every program ends, stays
within small numbers and is smooth except where it branches:

- a float variable is bounded by 2 at all times: what may be larger is squashed when it is stored;
- an int variable is bounded by 9; loops have a counter of their own that the body cannot set;
- divisors, roots and logarithms get arguments bounded away from where they are singular.

Whoever compares with differences discards programs that stand on a branch point by chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sources import made

BOUND = 2.0  # of every float variable
INT_BOUND = 9


@dataclass
class Scope:
    """What may be read and what may be set at a place in the text."""

    floats: list[str]
    ints: list[str]
    arrays: list[str] = field(default_factory=list)
    functions: list[tuple[str, int]] = field(default_factory=list)  # name, float parameters
    frozen: set[str] = field(default_factory=set)  # not to be set: captured, or a loop counter
    in_loop: bool = False
    depth: int = 0

    def inner(self, in_loop: bool = False) -> Scope:
        """A block: what it defines anew is not known after it."""
        return Scope(
            list(self.floats), list(self.ints), list(self.arrays), list(self.functions),
            self.frozen, self.in_loop or in_loop, self.depth + 1,
        )  # fmt: skip


@dataclass(frozen=True)
class Bounded:
    """Text of a float expression and a bound of its size."""

    text: str
    size: float


class Writer:
    """One random program: its text grows line by line."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.counter = 0
        self.budget = self.rng.randint(5, 14)  # statements

    # ---- small choices ----

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def number(self, low: float, high: float) -> str:
        return repr(round(self.rng.uniform(low, high), 3))

    def name(self, stem: str) -> str:
        self.counter += 1
        return f"{stem}{self.counter}"

    def line(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    # ---- float expressions ----

    def atom(self, s: Scope) -> Bounded:
        kind = self.rng.random()
        if kind < 0.2:
            return Bounded(self.number(-1.5, 1.5), 1.5)
        if kind < 0.28 and s.ints:
            return Bounded(f"{self.number(0.05, 0.2)} * {self.rng.choice(s.ints)}", 0.2 * INT_BOUND)
        if kind < 0.38 and s.arrays:
            return Bounded(self.element(s), BOUND)
        return Bounded(self.rng.choice(s.floats), BOUND)

    def element(self, s: Scope) -> str:
        array = self.rng.choice(s.arrays)
        if s.ints and self.chance(0.5):
            return f"{array}[{self.rng.choice(s.ints)} % len({array})]"
        return f"{array}[{self.rng.choice((0, 1, 2, -1, -2))}]"

    def expression(self, s: Scope, depth: int = 3) -> Bounded:
        if depth == 0 or self.chance(0.15):
            return self.atom(s)
        form = self.rng.choice(
            (self.sum, self.product, self.unary, self.unary, self.quotient, self.power,
             self.choice, self.extreme, self.call, self.of_two)
        )  # fmt: skip
        return form(s, depth - 1)

    def sum(self, s: Scope, depth: int) -> Bounded:
        a, b = self.expression(s, depth), self.expression(s, depth)
        return Bounded(f"({a.text} {self.rng.choice('+-')} {b.text})", a.size + b.size)

    def product(self, s: Scope, depth: int) -> Bounded:
        a, b = self.expression(s, depth), self.expression(s, depth)
        return Bounded(f"({a.text} * {b.text})", a.size * b.size)

    def quotient(self, s: Scope, depth: int) -> Bounded:
        a, b = self.expression(s, depth), self.small(s, depth)
        return Bounded(f"({a.text} / (1.5 + {b} * {b}))", a.size / 1.5)

    def small(self, s: Scope, depth: int) -> str:
        """An expression fit to be squared or exponentiated."""
        e = self.expression(s, depth)
        return e.text if e.size <= BOUND else f"math.sin({e.text})"

    def unary(self, s: Scope, depth: int) -> Bounded:
        e = self.small(s, depth)
        forms: list[tuple[str, float]] = [
            (f"math.sin({e})", 1.0),
            (f"math.cos({e})", 1.0),
            (f"math.tanh({e})", 1.0),
            (f"math.atan({e})", 1.2),
            (f"math.exp(0.5 * {e})", 2.8),
            (f"math.expm1(0.3 * {e})", 0.9),
            (f"math.log(2.5 + {e})", 1.6),
            (f"math.log1p({e} * {e})", 1.7),
            (f"math.sqrt(1.0 + {e} * {e})", 2.3),
            (f"math.asinh({e})", 1.5),
            (f"math.erf({e})", 1.0),
            (f"math.asin(0.4 * {e})", 1.0),
            (f"math.cbrt(3.0 + {e})", 1.8),
            (f"math.gamma(1.5 + 0.25 * {e})", 1.8),
            (f"math.lgamma(3.0 + {e})", 3.3),
            (f"np.sin({e})", 1.0),
            (f"(-{e})", BOUND),
            (f"abs({e})", BOUND),
        ]
        return Bounded(*self.rng.choice(forms))

    def power(self, s: Scope, depth: int) -> Bounded:
        e = self.small(s, depth)
        forms: list[tuple[str, float]] = [
            (f"({e}) ** 2", 4.0),
            (f"({e}) ** 3", 8.0),
            (f"(1.5 + {e} * {e}) ** -1", 1.0),
            (f"(1.0 + {e} * {e}) ** 0.7", 3.1),
            (f"1.3 ** ({e})", 1.7),
        ]
        if s.ints:
            n = self.rng.choice(s.ints)
            forms.append((f"(0.6 + 0.1 * {e}) ** ({n} & 3)", 1.0))
        text, size = self.rng.choice(forms)
        return Bounded(f"({text})", size)

    def choice(self, s: Scope, depth: int) -> Bounded:
        a, b = self.expression(s, depth), self.expression(s, depth)
        if self.chance(0.2):
            op = self.rng.choice(("and", "or"))
            return Bounded(f"({a.text} {op} {b.text})", max(a.size, b.size))
        return Bounded(f"({a.text} if {self.test(s)} else {b.text})", max(a.size, b.size))

    def extreme(self, s: Scope, depth: int) -> Bounded:
        a, b = self.expression(s, depth), self.expression(s, depth)
        return Bounded(
            f"{self.rng.choice(('min', 'max'))}({a.text}, {b.text})", max(a.size, b.size)
        )

    def of_two(self, s: Scope, depth: int) -> Bounded:
        a, b = self.small(s, depth), self.small(s, depth)
        forms: list[tuple[str, float]] = [
            (f"math.hypot({a}, 1.0 + {b} * {b})", 6.0),
            (f"math.atan2({a}, 2.5 + {b})", 1.6),
            (f"math.copysign({a}, {b})", BOUND),
            (f"math.fmod({a}, 1.7)", 1.7),
            (f"(({a}) % (2.5 + {b}))", 4.5),
        ]
        return Bounded(*self.rng.choice(forms))

    def call(self, s: Scope, depth: int) -> Bounded:
        if not s.functions:
            return self.atom(s)
        name, count = self.rng.choice(s.functions)
        given = [self.small(s, depth) for _ in range(count)]
        if count == 1 and self.chance(0.3):
            return Bounded(f"twice({name}, {given[0]})", BOUND)
        return Bounded(f"{name}({', '.join(given)})", BOUND)

    def stored(self, s: Scope, depth: int = 3) -> str:
        """An expression within the bound of variables."""
        e = self.expression(s, depth)
        if e.size <= BOUND:
            return e.text
        squash = self.rng.choice(("math.sin({})", "math.tanh({})", "math.atan({})"))
        return squash.format(e.text)

    # ---- ints and tests ----

    def integer(self, s: Scope) -> str:
        n = self.rng.choice(s.ints) if s.ints else str(self.rng.randint(0, 5))
        forms = [
            f"({n} + {self.rng.randint(1, 4)}) % 7",
            f"{n} * {self.rng.randint(2, 3)} % 5",
            f"{n} // {self.rng.randint(2, 3)}",
            f"({n} ^ {self.rng.randint(1, 3)}) & 7",
            f"abs({n} - {self.rng.randint(0, 6)})",
            f"({n} << 1) % 9",
            f"divmod({n}, 3)[{self.rng.randint(0, 1)}]",
            str(self.rng.randint(0, 6)),
        ]
        return self.rng.choice(forms)

    def test(self, s: Scope) -> str:
        a, b = self.rng.choice(s.floats), self.number(-0.9, 0.9)
        c = self.rng.choice(s.floats)
        forms = [
            f"{a} {self.rng.choice(('<', '>', '<=', '>='))} {b}",
            f"{a} < {c} + {self.number(0.05, 0.4)}",
            f"{b} < {a} < {self.number(0.9, 1.9)}",
            f"not {a} > {b}",
            f"{a} > {b} and {c} < {self.number(0.2, 1.5)}",
            f"{a} < {b} or {c} > {self.number(0.2, 1.5)}",
        ]
        if s.ints:
            n = self.rng.choice(s.ints)
            forms += [f"{n} % 2 == {self.rng.randint(0, 1)}", f"{n} > 2", f"{n} in (1, 3)", n]
        return self.rng.choice(forms)

    # ---- statements ----

    def block(self, s: Scope, indent: int, count: int) -> None:
        for _ in range(count):
            self.statement(s, indent)
        if self.chance(0.15):
            self.leave(s, indent)

    def statement(self, s: Scope, indent: int) -> None:
        self.budget -= 1
        small = (self.assign, self.assign, self.augment, self.assign_int, self.swap, self.tuples)
        large = (self.branch, self.branch, self.for_range, self.while_loop, self.over_array)
        if self.budget > 0 and s.depth < 3 and self.chance(0.45):
            self.rng.choice(large)(s, indent)
        elif self.chance(0.1):
            self.line(indent, f"if {self.test(s)}:")
            self.leave(s, indent + 1)
        else:
            self.rng.choice(small)(s, indent)

    def target(self, known: list[str], s: Scope, stem: str) -> str:
        """A variable to set: an old one that may be, else a new one."""
        old = [v for v in known if v not in s.frozen]
        if old and self.chance(0.65):
            return self.rng.choice(old)
        return self.name(stem)

    def assign(self, s: Scope, indent: int) -> None:
        text = self.stored(s)
        v = self.target(s.floats, s, "v")
        self.line(indent, f"{v} = {text}")
        if v not in s.floats:
            s.floats.append(v)

    def augment(self, s: Scope, indent: int) -> None:
        old = [v for v in s.floats if v not in s.frozen]
        if not old:
            return self.assign(s, indent)
        v, e = self.rng.choice(old), self.small(s, 2)
        self.line(indent, f"{v} {self.rng.choice(('+=', '-=', '*='))} {e}")
        self.line(indent, f"{v} = math.sin({v})")

    def assign_int(self, s: Scope, indent: int) -> None:
        text = self.integer(s)
        n = self.target(s.ints, s, "n")
        self.line(indent, f"{n} = {text}")
        if n not in s.ints:
            s.ints.append(n)

    def swap(self, s: Scope, indent: int) -> None:
        old = [v for v in s.floats if v not in s.frozen]
        if len(old) < 2:
            return self.assign(s, indent)
        a, b = self.rng.sample(old, 2)
        self.line(indent, f"{a}, {b} = {b}, {self.stored(s, 2)}")

    def tuples(self, s: Scope, indent: int) -> None:
        t, (a, b) = self.name("t"), (self.stored(s, 2), self.stored(s, 2))
        self.line(indent, f"{t} = ({a}, ({b}, {self.integer(s)}))")
        v, n = self.name("v"), self.name("n")
        if self.chance(0.5):
            self.line(indent, f"{v}, (_, {n}) = {t}")
        else:
            self.line(indent, f"{v}, {n} = {t}[1][0], {t}[1][-1]")
        s.floats.append(v)
        s.ints.append(n)

    def leave(self, s: Scope, indent: int) -> None:
        """break or continue in a loop; return anywhere."""
        ways = ["return"] + (["break", "continue"] * 2 if s.in_loop else [])
        way = self.rng.choice(ways)
        self.line(indent, f"return {self.stored(s, 2)}" if way == "return" else way)

    def branch(self, s: Scope, indent: int) -> None:
        self.line(indent, f"if {self.test(s)}:")
        self.block(s.inner(), indent + 1, self.rng.randint(1, 2))
        if self.chance(0.3):
            self.line(indent, f"elif {self.test(s)}:")
            self.block(s.inner(), indent + 1, 1)
        if self.chance(0.6):
            self.line(indent, "else:")
            self.block(s.inner(), indent + 1, self.rng.randint(1, 2))

    def for_range(self, s: Scope, indent: int) -> None:
        i = self.name("i")
        bounds = [f"{self.rng.randint(1, 4)}", "1, 6, 2", "4, 0, -1", "3, 3"]
        if s.ints:
            bounds += [f"{self.rng.choice(s.ints)} % 4", f"1, {self.rng.choice(s.ints)} % 5"]
        self.line(indent, f"for {i} in range({self.rng.choice(bounds)}):")
        self.loop_body(s, indent, i)

    def while_loop(self, s: Scope, indent: int) -> None:
        k = self.name("k")
        self.line(indent, f"{k} = 0")
        test = f"{k} < {self.rng.randint(1, 4)}"
        if self.chance(0.5):
            test += f" and ({self.test(s)})"
        if self.chance(0.15):
            self.line(indent, "while True:")
            self.line(indent + 1, f"if {k} == {self.rng.randint(1, 3)}:")
            self.line(indent + 2, "break")
        else:
            self.line(indent, f"while {test}:")
        self.line(indent + 1, f"{k} += 1")  # first, so that continue cannot miss it
        self.loop_body(s, indent, k)
        s.frozen.add(k)
        s.ints.append(k)

    def over_array(self, s: Scope, indent: int) -> None:
        if not s.arrays:
            return self.for_range(s, indent)
        e = self.name("e")
        self.line(indent, f"for {e} in {self.rng.choice(s.arrays)}:")
        inner = s.inner(in_loop=True)
        inner.floats.append(e)
        inner.frozen = inner.frozen | {e}
        self.block(inner, indent + 1, self.rng.randint(1, 2))

    def loop_body(self, s: Scope, indent: int, counter: str) -> None:
        inner = s.inner(in_loop=True)
        inner.ints.append(counter)
        inner.frozen = inner.frozen | {counter}
        self.block(inner, indent + 1, self.rng.randint(1, 3))
        if self.chance(0.25):
            self.line(indent, "else:")
            self.block(s.inner(), indent + 1, 1)

    # ---- functions ----

    def nested(self, s: Scope, indent: int) -> None:
        """A closure, by def or lambda.  What it captures is not set again, so it is no cell."""
        g, count = self.name("g"), self.rng.randint(1, 2)
        parameters = [self.name("p") for _ in range(count)]
        inner = Scope(s.floats + parameters, list(s.ints), list(s.arrays), list(s.functions))
        inner.frozen = set(s.floats + s.ints)
        s.frozen |= set(s.floats + s.ints)
        if self.chance(0.25):
            given = ", ".join(parameters)
            self.line(indent, f"{g} = lambda {given}: {self.stored(inner)}")
        else:
            self.line(indent, f"def {g}({', '.join(parameters)}):")
            inner.depth = 2
            self.block(inner, indent + 1, self.rng.randint(0, 2))
            self.line(indent + 1, f"return {self.stored(inner)}")
        s.functions.append((g, count))

    def recursive(self) -> tuple[str, int]:
        """A function of the module that calls itself, guarded by a count."""
        r = self.name("r")
        s = Scope(["u", "w"], ["count"])
        s.frozen = {"count"}
        self.line(0, f"def {r}(u, w, count=3):")
        self.line(1, "if count <= 0:")
        self.line(2, f"return {self.stored(s, 2)}")
        again = f"{r}({self.stored(s, 2)}, {self.stored(s, 2)}, count - 1)"
        if self.chance(0.5):
            self.line(1, f"down = {again}")
            s.floats.append("down")
            self.line(1, f"return {self.stored(s, 2)}")
        else:
            self.line(1, f"return math.sin({again} * {self.stored(s, 1)})")
        self.line(0, "")
        return r, 2

    def program(self) -> str:
        for text in ("import math", "", "import numpy as np", "", ""):
            self.line(0, text)
        self.line(0, "def twice(g, u):")
        self.line(1, "return g(g(u))")
        self.line(0, "")
        s = Scope(["x", "y"], ["n"], ["a"])
        if self.chance(0.4):
            s.functions.append(self.recursive())
        self.line(0, "def f(x, y, n, a):")
        if self.chance(0.5):
            self.line(1, f"v = {self.stored(s, 2)}")
            s.floats.append("v")
        for _ in range(self.rng.randint(0, 2)):
            self.nested(s, 1)
        while self.budget > 0:
            self.statement(s, 1)
        self.line(1, f"return {self.result(s)}")
        return "\n".join([*self.lines, ""])

    def result(self, s: Scope) -> str:
        """Mostly the sum of all floats, so that little of the program is dead."""
        return " + ".join(s.floats) if self.chance(0.8) else self.stored(s)


def text(seed: int) -> str:
    return Writer(seed).program()


def generate(seed: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function of two floats, an int and an array, and arguments for it."""
    rng = random.Random(seed + 1)
    array = np.array([rng.uniform(-1.5, 1.5) for _ in range(rng.randint(3, 4))])
    args = (rng.uniform(0.5, 1.5), rng.uniform(-1.2, 1.2), rng.randint(0, 6), array)
    return made("f", text(seed)), args
