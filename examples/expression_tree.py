"""Formulas as trees, fitted to data: the gradient of a tree is a tree.

A formula is built with Python's operators from recursive frozen dataclasses; `evaluate` walks it.
Morula compiles the walk and its derivative, and the gradient by a tree is a tree of the same
shape, with a number where the tree has a number.  So scipy can fit any formula that somebody
writes down; three candidates compete here for data that were made by one of them.

    python examples/expression_tree.py
"""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

import morula

# ---- the compiled part: plain Python ----------------------------------------------------------


class Operators:
    def __add__(self, other):
        return Sum(self, other)

    def __mul__(self, other):
        return Product(self, other)


@dataclass(frozen=True)
class Number(Operators):
    value: float


@dataclass(frozen=True)
class Variable(Operators):
    pass


@dataclass(frozen=True)
class Sum(Operators):
    left: Formula
    right: Formula


@dataclass(frozen=True)
class Product(Operators):
    left: Formula
    right: Formula


@dataclass(frozen=True)
class Exp(Operators):
    of: Formula


@dataclass(frozen=True)
class Sin(Operators):
    of: Formula


Formula = Number | Variable | Sum | Product | Exp | Sin


def evaluate(formula, x):
    match formula:
        case Number(value):
            return value
        case Variable():
            return x
        case Sum(left, right):
            return evaluate(left, x) + evaluate(right, x)
        case Product(left, right):
            return evaluate(left, x) * evaluate(right, x)
        case Exp(of):
            return math.exp(evaluate(of, x))
        case Sin(of):
            return math.sin(evaluate(of, x))


def loss(formula, xs, ys):
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        total += (evaluate(formula, x) - y) ** 2
    return total / len(xs)


# ---- trees to vectors and back -----------------------------------------------------------------


def numbers(tree) -> list[float]:
    """The numbers of a tree, from left to right."""
    if isinstance(tree, Number):
        return [tree.value]
    return [v for f in dataclasses.fields(tree) for v in numbers(getattr(tree, f.name))]


def with_numbers(tree, values):
    """The same tree with other numbers, taken from an iterator."""
    if isinstance(tree, Number):
        return Number(float(next(values)))
    return type(tree)(
        *[with_numbers(getattr(tree, f.name), values) for f in dataclasses.fields(tree)]
    )


def text(tree) -> str:
    match tree:
        case Number(value):
            return f"{value:.3f}"
        case Variable():
            return "x"
        case Sum(left, right):
            return f"({text(left)} + {text(right)})"
        case Product(left, right):
            return f"{text(left)} * {text(right)}"
    return f"{type(tree).__name__.lower()}({text(tree.of)})"


def fit(start, xs: np.ndarray, ys: np.ndarray):
    """The tree with the numbers that fit best, and the mean square that is left."""
    value_and_grad = morula.value_and_grad(loss)

    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_grad(with_numbers(start, iter(vector)), xs, ys)
        return value, np.array(numbers(gradient))

    found = minimize(objective, numbers(start), jac=True, method="BFGS", options={"gtol": 1e-8})
    return with_numbers(start, iter(found.x)), found.fun


# ---- checks -----------------------------------------------------------------------------------

x = Variable()
ONE = Number(1.0)
TRUE = Number(2.0) * Exp(Number(-0.4) * x) * Sin(Number(1.7) * x + Number(0.3))
CANDIDATES = {
    "a parabola": ONE + Number(0.5) * x + Number(0.1) * x * x,
    "a decay": ONE * Exp(Number(-0.1) * x) + ONE,
    "a damped wave": ONE * Exp(Number(-0.1) * x) * Sin(Number(1.5) * x + Number(0.1)),
}
NOISE = 0.02


def mark(right: bool) -> str:
    return "right" if right else "WRONG"


def gradient_is_right(tree, xs: np.ndarray, ys: np.ndarray, step: float = 1e-5) -> bool:
    """The gradient beside central differences in plain CPython."""
    gradient = np.array(numbers(morula.grad(loss)(tree, xs, ys)))
    vector = np.array(numbers(tree))

    def at(v: np.ndarray) -> float:
        return loss(with_numbers(tree, iter(v)), xs, ys)

    units = step * np.eye(len(vector))
    reference = np.array([(at(vector + u) - at(vector - u)) / (2.0 * step) for u in units])
    off = float(np.max(np.abs(gradient - reference)))
    print(f"gradient of the damped wave: off by {off:.1e} from differences  {mark(off <= 1e-8)}")
    return off <= 1e-8


def main() -> int:
    rng = np.random.default_rng(1843)
    xs = np.linspace(0.0, 6.0, 80)
    ys = np.array([evaluate(TRUE, x) for x in xs]) + NOISE * rng.standard_normal(len(xs))
    checks = [gradient_is_right(CANDIDATES["a damped wave"], xs, ys)]
    results = {name: fit(tree, xs, ys) for name, tree in CANDIDATES.items()}
    for name, (tree, left) in results.items():
        print(f"{name:14} leaves {math.sqrt(left):.4f}   {text(tree)}")
    best, left = min(results.values(), key=lambda result: result[1])
    off = float(np.max(np.abs(np.array(numbers(best)) - numbers(TRUE))))
    checks.append(off <= 0.02 and math.sqrt(left) <= 1.2 * NOISE)
    print(f"made with {text(TRUE)} and noise of {NOISE}  {mark(checks[-1])}")
    print(PEERS)
    return 0 if all(checks) else 1


PEERS = """\
peers: JAX refuses the tree until each class is registered, then traces anew for each shape; \
PyTorch walks it in the interpreter at each call; Numba, and so Enzyme, types no such classes."""

if __name__ == "__main__":
    sys.exit(main())
