"""Random programs over arrays that are written in place, seen through views and by several names.

Each takes a vector `x` of 4, a matrix `m` of 3 by 4, a float `c` and an int `n`, and returns a
float.  Vectors are v0, v1, ...; matrices m0, ...; every statement is plain NumPy.  Names of both
kinds are rebound, swapped, viewed and written, inside and outside loops and branches.
"""

from __future__ import annotations

import random
from typing import Any

from sources import made

VECTORS = ["v0", "v1", "v2"]  # of four elements
MATRICES = ["m0", "m1"]  # of three by four


class Writer:
    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.lines: list[str] = []
        self.indices: list[str] = []
        self.depth = 1
        self.loops = 0

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    # ---- expressions

    def index(self, n: int) -> str:
        """An int index of an axis of length n."""
        known = [str(self.r.randrange(-n, n))]
        known += [f"({k} + {self.r.randrange(n)}) % {n}" for k in self.indices]
        return self.r.choice(known)

    def row(self) -> str:
        """A vector of four that is a view of a matrix, or a vector."""
        m = self.r.choice(MATRICES)
        forms = [
            f"{m}[{self.index(3)}]",
            f"{m}[::-1][{self.index(3)}]",
            f"{m}.T[:, {self.index(3)}]",
            f"{m}[{self.index(3)}, ::-1]",
            *VECTORS,
            *[f"{v}[::-1]" for v in VECTORS],
        ]
        return self.r.choice(forms)

    def scalar(self, depth: int = 2) -> str:
        if depth == 0 or self.r.random() < 0.3:
            forms = ["c", f"{self.r.uniform(-1, 1):.2f}"]
            forms += [f"{v}[{self.index(4)}]" for v in VECTORS]
            forms += [f"{m}[{self.index(3)}, {self.index(4)}]" for m in MATRICES]
            return self.r.choice(forms)
        a, b = self.scalar(depth - 1), self.scalar(depth - 1)
        forms = [
            f"({a} * {b})", f"({a} + {b})", f"({a} - 0.5 * {b})", f"np.sin({a})",
            f"np.sum({self.row()}) * 0.2", f"np.dot({self.row()}, {self.row()}) * 0.1",
        ]  # fmt: skip
        return self.r.choice(forms)

    def vector(self) -> str:
        a, b = self.row(), self.row()
        forms = [
            f"{a} + {b}", f"{a} * {self.scalar(1)}", f"np.cos({a})", f"{a}.copy()",
            f"{a} - 0.3 * {b}", f"np.zeros(4) + {self.scalar(1)}",
            f"np.maximum({a}, {b})", f"np.where({a} > {b}, {a}, {self.scalar(0)})",
        ]  # fmt: skip
        return self.r.choice(forms)

    # ---- statements

    def statement(self) -> None:
        r = self.r
        v, m = r.choice(VECTORS), r.choice(MATRICES)
        kinds: list[Any] = [
            lambda: self.put(f"{v}[{self.index(4)}] = {self.scalar()}"),
            lambda: self.put(f"{v}[{self.index(4)}] += {self.scalar()}"),
            lambda: self.put(f"{m}[{self.index(3)}, {self.index(4)}] = {self.scalar()}"),
            lambda: self.put(f"{m}[{self.index(3)}, {self.index(4)}] *= {self.scalar(1)}"),
            lambda: self.put(f"{m}[{self.index(3)}] = {self.vector()}"),
            lambda: self.put(f"{v} = {self.vector()}"),
            lambda: self.put(f"{v} = {self.row()}"),
            lambda: self.put(f"{v} += 0.5 * {self.row()}"),
            lambda: self.put(f"{v}[1:3] = {self.row()}[{r.randrange(3)}:][:2]"),
            lambda: self.put(f"{m}[:, {self.index(4)}] = {self.scalar()}"),
            lambda: self.put(f"{m}[{self.index(3)}, 1:] *= {self.scalar(1)}"),
            lambda: self.put("v0, v1 = v1, v0"),
            lambda: self.put("m0, m1 = m1, m0"),
            lambda: self.put(f"{m} = {r.choice(MATRICES)}.copy()"),
            lambda: self.put(f"fill({self.row()}, {self.scalar(1)})"),
            lambda: self.put(f"{v} = pick({self.row()}, {self.row()}, {self.scalar(0)})"),
            lambda: self.put(f"{v}[[0, 2, 2]] = {self.row()}[:3]"),
            lambda: self.put(f"{v}[{v} > {self.scalar(0)}] *= 0.5"),
        ]
        if self.depth < 4:
            kinds += [self.loop, self.branch, self.loop]
        r.choice(kinds)()

    def body(self, most: int) -> None:
        self.depth += 1
        for _ in range(self.r.randint(1, most)):
            self.statement()
        self.depth -= 1

    def loop(self) -> None:
        k = f"k{self.loops}"
        self.loops += 1
        self.put(f"for {k} in range({self.r.choice(['n', '2', '3'])}):")
        self.indices.append(k)
        self.body(3)
        self.indices.remove(k)

    def branch(self) -> None:
        self.put(f"if {self.scalar(1)} > {self.scalar(0)}:")
        self.body(2)
        if self.r.random() < 0.5:
            self.put("else:")
            self.body(2)


HEAD = """import numpy as np


def fill(row, t):
    for j in range(len(row)):
        row[j] = row[j] * 0.5 + t * j


def pick(a, b, t):
    return a if t > 0.1 else b


def f(x, m, c, n):
    v0 = x
    v1 = x * 0.5
    v2 = m[1]
    m0 = m
    m1 = m * c
"""
TAIL = """    return (
        np.dot(v0, v1) + v2[0] * v2[3] + np.sum(m0 * m1) + x[1] * m[2, 2] + np.sum(v2 * v0)
    ) * 0.1
"""


def text(seed: int) -> str:
    w = Writer(seed)
    for _ in range(w.r.randint(2, 6)):
        w.statement()
    return HEAD + "\n".join(w.lines) + "\n" + TAIL


def generate(seed: int) -> Any:
    return made("f", text(seed))
