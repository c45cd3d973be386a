"""Measure Morula beside hand-written C, and against what it must reach.

`python -m benchmarks` measures all; names of workloads (`lorenz`, `calls`, `pairwise`, ...) choose.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import morula

from . import array_peers, arrays, by_hand, peers
from .arrays import agree
from .measure import first_call, medians, per_call
from .programs import LORENZ_ARGUMENTS, LORENZ_STEPS, lorenz, square_plus_one
from .workloads import WORKLOADS, Workload

console = Console()
EVERYTHING = tuple(range(len(LORENZ_ARGUMENTS)))
MUST_REACH = {"primal": 1.2, "gradient": 2.0, "call": 60e-9, "first call": 0.5}


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def verdict(figure: float, limit: float) -> str:
    return "[green]reached[/green]" if figure <= limit else "[red]missed[/red]"


def differences(f: Callable[..., float], at: tuple[float, ...]) -> np.ndarray:
    """Central differences of fourth order."""
    found = []
    for unit in np.eye(len(at)):
        h = 1e-5
        p = [f(*(np.array(at) + k * h * unit).tolist(), LORENZ_STEPS) for k in (-2, -1, 1, 2)]
        found.append((p[0] - 8 * p[1] + 8 * p[2] - p[3]) / (12 * h))
    return np.array(found)


def compare_lorenz(folder: Path) -> bool:
    """Value and gradient beside C, all in one run."""
    value = morula.jit(lorenz)
    gradient = morula.grad(lorenz, argnums=EVERYTHING)
    arguments = (*LORENZ_ARGUMENTS, LORENZ_STEPS)
    primals: dict[str, Callable[[], object]] = {"Morula": lambda: value(*arguments)}
    gradients: dict[str, Callable[[], object]] = {"Morula": lambda: gradient(*arguments)}
    reference = differences(lorenz, LORENZ_ARGUMENTS)
    expected = lorenz(*arguments)
    agree("Morula's value", value(*arguments), expected, 1e-12)
    agree("Morula's gradient", gradient(*arguments), reference, 1e-5)
    for built in by_hand.lorenz(folder):
        agree(built.name, built.primal(), expected, 1e-7)
        agree(f"{built.name}, gradient", built.gradient(), reference, 1e-5)
        primals[built.name], gradients[built.name] = built.primal, built.gradient
    reached = True
    for what, calls in (("primal", primals), ("gradient", gradients)):
        reached = tabulate(what, medians(calls)) and reached
    return reached


def tabulate(what: str, taken: dict[str, float]) -> bool:
    """One table; the limit holds against the faster of the strict builds."""
    table = Table("", "median", "Morula / it", title=f"Lorenz, {LORENZ_STEPS} steps: {what}")
    for name, seconds in taken.items():
        table.add_row(name, duration(seconds), f"{taken['Morula'] / seconds:.2f}")
    console.print(table)
    strict = [seconds for name, seconds in taken.items() if name.endswith(" strict")]
    if not strict:
        console.print("no C compiler found: install gcc or clang to compare")
        return True
    ratio, limit = taken["Morula"] / min(strict), MUST_REACH[what]
    console.print(f"{ratio:.2f} of C, at most {limit}: {verdict(ratio, limit)}\n")
    return ratio <= limit


def anew(x: float) -> object:
    return morula.grad(square_plus_one)(x)


def calls() -> bool:
    """What stands around the native code: calling and compiling."""
    compiled = morula.jit(square_plus_one)
    compiled(1.5), anew(1.5)
    call, first = per_call(compiled, 1.5), first_call()
    table = Table("", "time", "at most", "", title="Calls")
    for name, seconds, limit in (
        ("jit(x*x + 1)(x)", call, MUST_REACH["call"]),
        ("first call of the Lorenz gradient, import included", first, MUST_REACH["first call"]),
    ):
        table.add_row(name, duration(seconds), duration(limit), verdict(seconds, limit))
    table.add_row("the same function in CPython", duration(per_call(square_plus_one, 1.5)), "", "")
    timed = medians({"grad": lambda: anew(1.5)}, 1001)["grad"]
    table.add_row("grad(f)(x), grad taken anew each time", duration(timed), "", "")
    console.print(table)
    return call <= MUST_REACH["call"] and first <= MUST_REACH["first call"]


def compare_arrays(folder: Path, w: Workload) -> bool:
    """One table: value, gradient and memory of each implementation."""
    found = arrays.compare(folder, w)
    (_, value, gradient, _), *others = found
    table = Table("", "value", "", "gradient", "", "peak memory", title=w.title)
    for name, first, second, peak in found:
        memory = "" if peak is None else f"{peak / 1e6:.1f} MB"
        ratios = f"{value / first:.2f}", f"{gradient / second:.2f}"
        table.add_row(name, duration(first), ratios[0], duration(second), ratios[1], memory)
    for name, *figures in array_peers.rows(w):
        seconds = [duration(s) if s is not None else "-" for s in figures]
        table.add_row(name, seconds[0], "", seconds[1], "", "")
    console.print(table)
    strict = [second for name, _, second, _ in others if name.endswith(" strict")]
    if not strict or w.limit is None:
        return True
    ratio = gradient / min(strict)
    console.print(f"{ratio:.2f} of C, at most {w.limit}: {verdict(ratio, w.limit)}\n")
    return ratio <= w.limit


def compare_peers() -> None:
    others = list(peers.rows())
    if others:
        table = Table("", "value", "gradient", title="Other tools, Lorenz")
        for name, *figures in others:
            table.add_row(name, *(duration(s) if s is not None else "-" for s in figures))
        console.print(table)


def main(names: list[str]) -> int:
    known = ["lorenz", "calls", *(w.name for w in WORKLOADS)]
    for name in names:
        if name not in known:
            sys.exit(f"no workload {name!r}: there are {', '.join(known)}")
    names = names or known
    console.print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}"
    )
    reached = True
    with tempfile.TemporaryDirectory() as folder:
        for w in WORKLOADS:
            if w.name in names:
                reached = compare_arrays(Path(folder), w) and reached
        if "lorenz" in names:
            reached = compare_lorenz(Path(folder)) and reached
            compare_peers()
    if "calls" in names:
        reached = calls() and reached
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
