"""The array programs beside hand-written C: values and gradients agree, then time and memory."""

# mypy: allow-untyped-calls

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import morula

from . import by_hand
from .measure import medians, peak_memory
from .workloads import Arguments, Workload

Row = tuple[str, float, float, float | None]  # name, seconds of value and gradient, bytes


def compare(folder: Path, w: Workload) -> list[Row]:
    """What each implementation takes, Morula's first."""
    check(folder, w, w.data(True))
    given = w.data(False)
    memory = {name: peak_memory(run) for name, run in fresh(folder, w).items()}
    check(folder, w, given)
    value, gradient = morula.jit(w.program), morula.grad(w.program, argnums=w.wrt)
    primals: dict[str, Callable[[], object]] = {"Morula": lambda: value(*given)}
    gradients: dict[str, Callable[[], object]] = {"Morula": lambda: gradient(*given)}
    for built in by_hand.array_program(folder, w, given):
        primals[built.name], gradients[built.name] = built.primal, built.gradient
    first, second = medians(primals, 31), medians(gradients, 31)
    return [(name, first[name], second[name], memory.get(name)) for name in primals]


def check(folder: Path, w: Workload, given: Arguments) -> None:
    """Values agree with CPython's, gradients with each other and with differences."""
    expected = w.program(*given)
    agree(f"{w.name}, Morula's value", morula.jit(w.program)(*given), expected, 1e-10)
    found = flat(morula.grad(w.program, argnums=w.wrt)(*given))
    direction = np.random.default_rng(1).standard_normal(found.size)
    slope = difference(w, given, direction)
    agree(f"{w.name}, Morula's gradient", found @ direction, slope, 1e-4)
    for built in by_hand.array_program(folder, w, given):
        agree(f"{w.name}, {built.name}", built.primal(), expected, 1e-9)
        agree(f"{w.name}, {built.name}, gradient", flat(built.gradient()), found, 1e-8)


def flat(gradient: tuple[Any, ...]) -> np.ndarray:
    return np.concatenate([np.ravel(g) for g in gradient])


def difference(w: Workload, given: Arguments, direction: np.ndarray) -> float:
    """The central difference of fourth order along a direction, in plain Python."""

    def at(step: float) -> float:
        moved, start = list(given), 0
        for k in w.wrt:
            size = np.size(given[k])
            part = direction[start : start + size].reshape(np.shape(given[k]))
            moved[k] = given[k] + step * (part if np.ndim(given[k]) else part.item())
            start += size
        return float(w.program(*moved))

    h = 1e-5
    p = [at(k * h) for k in (-2, -1, 1, 2)]
    return (p[0] - 8.0 * p[1] + 8.0 * p[2] - p[3]) / (12.0 * h)


def agree(name: str, got: object, expected: object, tolerance: float) -> None:
    """End here if a figure would compare different computations."""
    a, b = np.asarray(got, float), np.asarray(expected, float)
    off = np.max(np.abs(a - b)) / np.max(np.abs(b))
    if not off <= tolerance:
        sys.exit(f"{name}: {a} and {b} differ by {off:.1e} of the largest")


def fresh(folder: Path, w: Workload) -> dict[str, Callable[[], Callable[[], object]]]:
    """Per implementation, what makes ready a gradient that has not yet run on these arguments."""

    def compiled() -> Callable[[], object]:
        gradient = morula.grad(w.program, argnums=w.wrt)
        gradient(*w.data(True))
        given = w.data(False)
        return lambda: gradient(*given)

    def linked(k: int) -> Callable[[], Callable[[], object]]:
        return lambda: by_hand.array_program(folder, w, w.data(False))[k].gradient

    made: dict[str, Callable[[], Callable[[], object]]] = {"Morula": compiled}
    for k, (name, _) in enumerate(by_hand.built(folder, w.c.split(":")[0])):
        if name.endswith(" strict"):
            made[name] = linked(k)
    return made
