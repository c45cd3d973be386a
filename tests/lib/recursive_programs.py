"""Programs over records that hold their own class, with arguments to try them on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from morula import grad, jvp, value_and_grad


@dataclass(frozen=True)
class Cons:
    head: Any
    tail: Any


class Step(NamedTuple):
    """A weighted entry of a list."""

    value: Any
    weight: Any
    rest: Any


@dataclass
class Tree:
    size: Any
    kids: Any
    name: Any = "tree"


@dataclass(frozen=True)
class Num:
    value: Any


@dataclass(frozen=True)
class Var:
    name: Any


@dataclass(frozen=True)
class Add:
    left: Any
    right: Any


@dataclass(frozen=True)
class Mul:
    left: Any
    right: Any


@dataclass(frozen=True)
class Apply:
    """A function of one expression, by name."""

    what: Any
    inner: Any


@dataclass(frozen=True)
class Rows:
    row: Any
    more: Any


def cons(*values: float) -> Any:
    out = None
    for v in reversed(values):
        out = Cons(v, out)
    return out


def steps(*pairs: tuple[float, int]) -> Any:
    out = None
    for value, weight in reversed(pairs):
        out = Step(value, weight, out)
    return out


def walked(c: Any) -> Any:
    s, k = 0.0, 1.0
    while c is not None:
        s += k * c.head**3
        c, k = c.tail, k + 0.5
    return s


def recursed(c: Any) -> Any:
    return 0.25 if c is None else math.sin(c.head) * recursed(c.tail) + c.head


def folded(f: Any, c: Any, start: Any) -> Any:
    while c is not None:
        start = f(start, c.value) * c.weight
        c = c.rest
    return start


def weighted(c: Any) -> Any:
    return folded(lambda a, v: a + v * v, c, 0.5)


def dot(a: Any, b: Any) -> Any:
    s = 0.0
    while a is not None and b is not None:
        s += a.head * b.head * b.head
        a, b = a.tail, b.tail
    return s


def branches(t: Any) -> Any:
    s = math.sin(t.size)
    for kid in t.kids:
        s += branches(kid) * t.size
    return s


def evaluated(e: Any, x: Any) -> Any:
    match e:
        case Num(value):
            return value
        case Var():
            return x
        case Add(left, right):
            return evaluated(left, x) + evaluated(right, x)
        case Mul(left, right):
            return evaluated(left, x) * evaluated(right, x)
        case Apply("sin", inner):
            return math.sin(evaluated(inner, x))
        case Apply(_, inner):
            return math.exp(evaluated(inner, x))


def reversed_sum(c: Any) -> Any:
    """Builds a list of its own, then walks it."""
    out = None
    while c is not None:
        out = Cons(c.head * 2.0, out)
        c = c.tail
    return walked(out)


def prepended(c: Any, x: Any) -> Any:
    return walked(Cons(x, Cons(x * x, c)))


def inside_a_dict(d: Any) -> Any:
    return weighted(d["list"]) * d["scale"] + d["pair"][1] ** 2


def rows(c: Any) -> Any:
    s = 0.0
    while c is not None:
        for k in range(len(c.row)):
            s += c.row[k] ** 2 * (k + 1.0)
        c = c.more
    return s


def of_gradient(c: Any) -> Any:
    """A function of the gradient by a list, which is walked like the list."""
    return walked(grad(walked)(c))


def descended(c: Any) -> Any:
    """A step of gradient descent makes a list of the list and its gradient."""

    def moved(c: Any, g: Any) -> Any:
        return None if c is None else Cons(c.head - 0.1 * g.head, moved(c.tail, g.tail))

    value, g = value_and_grad(walked)(c)
    return value + recursed(moved(c, g))


def along_itself(c: Any) -> Any:
    return jvp(walked, (c,), (c,))[1]


EXPRESSION = Add(Mul(Num(1.5), Apply("sin", Mul(Num(0.7), Var("x")))), Apply("exp", Num(-0.4)))
FOREST = Tree(0.5, (Tree(0.3, ()), Tree(0.2, (Tree(0.1, (), "twig"),)), Tree(0.9, ())))

# name: the function, its arguments
PROGRAMS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "walked": (walked, (cons(0.5, -1.2, 0.7),)),
    "recursed": (recursed, (cons(0.5, -1.2, 0.7),)),
    "weighted": (weighted, (steps((1.5, 1), (2.0, 2), (-0.3, 1)),)),
    "dot": (dot, (cons(1.0, 2.0, 3.0), cons(0.5, 0.25))),
    "branches": (branches, (FOREST,)),
    "evaluated": (evaluated, (EXPRESSION, 0.8)),
    "reversed_sum": (reversed_sum, (cons(0.5, -1.2, 0.7),)),
    "prepended": (prepended, (cons(0.5, -1.2), 0.3)),
    "inside_a_dict": (
        inside_a_dict,
        ({"list": steps((1.5, 1), (2.0, 2)), "scale": 2.0, "pair": (1, 3.0)},),
    ),
    "rows": (rows, (Rows(np.array([1.0, 2.0]), Rows(np.array([0.5]), None)),)),
    "of_gradient": (of_gradient, (cons(0.5, -1.2, 0.7),)),
    "descended": (descended, (cons(0.5, -1.2, 0.7),)),
    "along_itself": (along_itself, (cons(0.5, -1.2, 0.7),)),
}
