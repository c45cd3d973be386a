"""Random programs over records that change and share: which names see which write.

Records stand in variables, fields, tuples, lists and dicts, are made and rebound in branches and
loops, swapped, passed to functions that write them or hand them back, held by closures, and told
apart by `is`.  CPython is the judge.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sources import made

PRELUDE = """
from dataclasses import dataclass, replace


@dataclass
class A:
    x: float
    y: float

    def bump(self, v):
        self.x += v
        return self

    def swap(self):
        self.x, self.y = self.y, self.x


@dataclass
class B:
    a: A
    b: A
    z: float

    def put(self, a):
        self.a = a
        return self.b


def bump(a, v):
    a.x = a.x * 0.5 + v


def pick(a, b, c):
    if c > 0.0:
        return a
    return b


def store(b, a):
    b.b = a
    a.y += b.z


def both(a, b):
    a.x += 1.0
    b.y -= a.x
    return b.x


def fresh(a):
    return A(a.y, a.x)


def wrap(a, v):
    b = B(a, fresh(a), v)
    b.a.x += v
    return b


def later(a, n):
    if n <= 0:
        return a
    a.y += 0.125
    return later(fresh(a) if n == 2 else a, n - 1)

"""
KINDS = "fabtld"  # floats, records, records of records, tuples, lists, dicts
PARTS = {
    "a": (".x", ".y"),
    "b": (".a.x", ".a.y", ".b.x", ".b.y", ".z"),
    "t": ("[0].x", "[0].y", "[1].x", "[1].y"),
    "l": ("[0].x", "[0].y", "[1].x", "[1].y"),
    "d": ('["p"].x', '["p"].y', '["q"].x', '["q"].y'),
    "f": ("",),
}


class Writer:
    """One program under construction; names are known in the block that binds them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.scopes: list[dict[str, list[str]]] = [{k: [] for k in KINDS}]
        self.scopes[0]["f"] = ["x", "y"]
        self.count = self.depth = 0

    # ---- names

    def known(self, kind: str) -> str:
        """A name of this kind; empty where there is none."""
        names = [n for scope in self.scopes for n in scope[kind]]
        return self.random.choice(names) if names else ""

    def bound(self, kind: str, value: str) -> str:
        """An assignment to a name that is there already, or to a new one."""
        names = [n for scope in self.scopes for n in scope[kind] if n not in ("x", "y")]
        if names and (len(self.scopes) > 1 or self.random.random() < 0.6):
            return f"{self.random.choice(names)} = {value}"
        self.count += 1
        name = f"{kind}{self.count}"
        self.scopes[-1][kind].append(name)
        return f"{name} = {value}"

    # ---- expressions

    def number(self) -> str:
        r = self.random.random()
        if r < 0.15:
            return self.random.choice(["0.5", "1.0", "2.0", "-1.0"])
        if r < 0.45:
            return self.known("f")
        if r < 0.8:
            return self.record() + self.random.choice([".x", ".y"])
        if r < 0.9 and (b := self.known("b")):
            return f"{b}.z"
        return f"({self.number()} {self.random.choice('+-*')} {self.number()}) * 0.5"

    def record(self) -> str:
        """A record that is there already."""
        ways = [self.known("a")] * 4
        for kind, n, parts in (
            ("b", 2, (".a", ".b")),
            ("t", 1, ("[0]", "[1]")),
            ("l", 1, ("[0]", "[-1]")),
            ("d", 1, ('["p"]', '["q"]')),
        ):
            if name := self.known(kind):
                ways += [name + self.random.choice(parts)] * n
        return self.random.choice(ways)

    def value(self) -> str:
        """A record, new or not."""
        r, a = self.random.random(), self.record()
        if r < 0.35:
            return f"A({self.number()}, {self.number()})"
        for limit, text in (
            (0.72, a),
            (0.77, f"pick({a}, {self.record()}, {self.number()})"),
            (0.81, f"fresh({a})"),
            (0.85, f"replace({a}, x={self.number()})"),
            (0.89, f"{a}.bump({self.number()})"),
            (0.93, f"({a} if {self.condition()} else {self.record()})"),
            (0.96, f"later({a}, n)"),
        ):
            if r < limit:
                return text
        return f"{b}.put({a})" if (b := self.known("b")) else a

    def condition(self) -> str:
        r = self.random.random()
        if r < 0.15:
            return f"{self.record()} is {self.random.choice(['', 'not '])}{self.record()}"
        if r < 0.3 and self.depth:
            return f"k{self.depth} == {self.random.randint(0, 2)}"
        return f"{self.number()} {self.random.choice('<>')} {self.number()}"

    # ---- statements

    def statement(self, indent: int, depth: int) -> None:
        out, r = "    " * indent, self.random.random()
        if depth and r < 0.09:
            self.lines.append(f"{out}if {self.condition()}:")
            self.block(indent + 1, depth - 1)
            if self.random.random() < 0.6:
                self.lines.append(f"{out}else:")
                self.block(indent + 1, depth - 1)
        elif depth and r < 0.2:
            self.loop(out, indent, depth)
        elif r < 0.23:
            self.count += 1
            name = f"g{self.count}"
            a, back = self.record(), self.record()
            self.lines += [
                f"{out}def {name}(v):",
                f"{out}    {a}.x += v",
                f"{out}    return {back}",
            ]
            call = f"{name}({self.number()})"
            self.lines.append(out + (call if r < 0.215 else self.bound("a", call)))
        else:
            self.lines.append(out + self.simple())

    def loop(self, out: str, indent: int, depth: int) -> None:
        self.depth += 1
        count = self.random.choice(["n", "2", "3"])
        self.lines.append(f"{out}for k{self.depth} in range({count}):")
        self.block(indent + 1, depth - 1)
        if self.random.random() < 0.2:
            leave = self.random.choice(["break", "continue"])
            self.lines.append(f"{out}    if {self.condition()}:")
            self.lines.append(f"{out}        {leave}")
            self.lines.append(f"{out}    {self.record()}.y += 0.25")
        self.depth -= 1

    def simple(self) -> str:
        """A statement of one line."""
        b, i, d, a = (self.known(k) for k in "blda")
        other, how = self.known("a"), self.random.choice(["=", "+=", "-="])
        ways: list[tuple[int, Callable[[], str]]] = [
            (16, lambda: self.bound("a", self.value())),
            (18, lambda: f"{self.record()}.{self.random.choice('xy')} {how} {self.number()}"),
            (3, lambda: self.bound("b", f"B({self.value()}, {self.value()}, {self.number()})")),
            (2, lambda: self.bound("b", b or f"wrap({self.record()}, {self.number()})")),
            (3, lambda: self.bound("t", f"({self.value()}, {self.value()})")),
            (3, lambda: self.bound("l", f"[{self.value()}, {self.value()}]")),
            (3, lambda: self.bound("d", f'{{"p": {self.value()}, "q": {self.value()}}}')),
            (4, lambda: f"{a}, {other} = {other}, {a}"),
            (4, lambda: f"bump({self.record()}, {self.number()})"),
            (3, lambda: self.bound("f", f"both({self.record()}, {self.record()})")),
            (2, lambda: f"{self.record()}.swap()"),
            (2, lambda: self.bound("f", self.number())),
        ]
        if b:
            ways.append((7, lambda: f"{b}.{self.random.choice('ab')} = {self.value()}"))
            ways.append((2, lambda: f"store({b}, {self.value()})"))
        if i:
            ways.append((3, lambda: f"{i}[{self.random.choice([0, 1, -1])}] = {self.value()}"))
        if d:
            ways.append((3, lambda: f'{d}["{self.random.choice("pq")}"] = {self.value()}'))
        weights = [w for w, _ in ways]
        return self.random.choices([way for _, way in ways], weights)[0]()

    def block(self, indent: int, depth: int) -> None:
        self.scopes.append({k: [] for k in KINDS})
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent, depth)
        self.scopes.pop()

    def program(self) -> str:
        self.lines = ["def f(x, y, n):", "    a0 = A(x, y)", "    a1 = A(y, 2.0)"]
        self.scopes[0]["a"] = ["a0", "a1"]
        for _ in range(self.random.randint(4, 12)):
            self.statement(1, 2)
        parts = [n + p for k in KINDS for n in self.scopes[0][k] for p in PARTS[k]]
        total = " + ".join(f"{k + 2}.0 * {part}" for k, part in enumerate(parts))
        return PRELUDE + "\n".join([*self.lines, f"    return {total}"]) + "\n"

    def handed(self) -> str:
        """A program on records from outside, whose result is all that it has names for."""
        self.lines = ["def f(a0, a1, b0, n):", "    x, y = a0.x, a1.y"]
        self.lines += ["    a0.x += 0.5", "    b0.z -= 0.5"]
        self.scopes[0]["a"], self.scopes[0]["b"] = ["a0", "a1"], ["b0"]
        for _ in range(self.random.randint(2, 8)):
            self.statement(1, 2)
        names = [n for k in KINDS[1:] for n in self.scopes[0][k]]
        self.random.shuffle(names)
        self.lines.append(f"    return ({', '.join(names)}, {self.known('f')})")
        return PRELUDE + "\n".join(self.lines) + "\n" + self.called() + "\n"

    def called(self) -> str:
        """A function of numbers that calls the program, on the records of one of `GIVEN`."""
        parts = [f"a0{p}" for p in PARTS["a"]] + [f"b0{p}" for p in PARTS["b"]]
        total = " + ".join(f"{k + 2}.0 * {part}" for k, part in enumerate(parts))
        return f"""

def outer(x, y, n):
    {self.random.choice(GIVEN)}
    out = f(a0, a1, b0, n)
    a1.y *= 1.5
    return {total} + out[-1]
"""


GIVEN = (
    "a0, a1 = A(x, y), A(y, 2.0); b0 = B(A(2.0, x), A(y, y), x)",
    "a0 = a1 = A(x, y); b0 = B(A(2.0, x), A(y, y), x)",
    "a0, a1 = A(x, y), A(y, 2.0); b0 = B(a1, a0, x)",
    "a0, a1 = A(x, y), A(y, 2.0); b0 = B(a0, a0, x)",
    "a0 = a1 = A(x, y); b0 = B(A(2.0, x), a0, x)",
    "a0 = a1 = A(x, y); b0 = B(a0, a0, x)",
    "a0, a1, b = A(x, y), A(y, 2.0), A(2.0, x); b0 = B(b, b, x)",
)


def handed(seed: int) -> str:
    """The text of `f(a0, a1, b0, n)` of a seed, of `outer(x, y, n)`, and of records to pass."""
    given = [f"lambda x, y: given{k}(x, y)" for k in range(len(GIVEN))]
    makers = [
        f"def given{k}(x, y):\n    {line}\n    return a0, a1, b0\n" for k, line in enumerate(GIVEN)
    ]
    return Writer(seed).handed() + "\n\n".join(["", *makers, f"MAKERS = [{', '.join(given)}]"])


def text(seed: int) -> str:
    return Writer(seed).program()


def generate(seed: int) -> Callable[..., Any]:
    """The function `f(x, y, n)` of a seed."""
    return made("f", text(seed))
