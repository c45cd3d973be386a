"""The hand-written C: built on the spot by every compiler that is there, called through ctypes.

Each call's arguments are prepared: ctypes itself costs a microsecond.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .programs import LORENZ_ARGUMENTS, LORENZ_STEPS, STEP
from .workloads import Arguments, Workload

BASE = ("-O3", "-march=native", "-shared", "-fPIC")
# "strict" rounds every operation as Python does.  Left to themselves, gcc and some versions of
# clang contract a*b+c to one rounding; that is shown, too, but is another function.
FLAVOURS = {"strict": (*BASE, "-ffp-contract=off"), "contracted": (*BASE, "-ffp-contract=fast")}


Gradient = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Built:
    name: str  # "gcc strict"
    primal: Callable[[], float]
    gradient: Gradient


def compilers() -> list[str]:
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def built(folder: Path, source: str) -> Iterator[tuple[str, ctypes.CDLL]]:
    """A file of C by each compiler in each flavour."""
    for flavour in FLAVOURS:
        for compiler in compilers():
            yield f"{compiler} {flavour}", library(folder, source, compiler, flavour)


@cache
def library(folder: Path, source: str, compiler: str, flavour: str) -> ctypes.CDLL:
    path = folder / f"{source}-{compiler}-{flavour}.so"
    text = Path(__file__).with_name(source)
    command = [compiler, *FLAVOURS[flavour], str(text), "-o", str(path), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(path))


def lorenz(folder: Path) -> list[Built]:
    p = np.array(LORENZ_ARGUMENTS)
    states, g = np.zeros(3 * LORENZ_STEPS), np.zeros(6)
    arguments = (p.ctypes, ctypes.c_long(LORENZ_STEPS), ctypes.c_double(STEP))
    found = []
    for name, c in built(folder, "lorenz.c"):
        primal = bound(c.lorenz, *arguments)
        gradient = bound(c.lorenz_gradient, *arguments, states.ctypes, g.ctypes)
        found.append(Built(name, primal, giving(gradient, lambda: tuple(g.tolist()))))
    return found


def giving(run: Callable[[], float], result: Callable[[], tuple[Any, ...]]) -> Gradient:
    """A call that runs and hands out what it wrote."""

    def gradient() -> tuple[Any, ...]:
        run()
        return result()

    return gradient


def bound(function: Any, *arguments: Any) -> Callable[[], float]:
    """A call that gives a double; arrays come as their `ctypes`."""
    given = [ctypes.c_void_p(a.data) if hasattr(a, "shape") else a for a in arguments]
    function.restype = ctypes.c_double

    def call() -> float:
        value: float = function(*given)
        return value

    call.keep = arguments  # type: ignore[attr-defined]
    return call


def array_program(folder: Path, w: Workload, given: Arguments) -> list[Built]:
    """The C of a workload on these arguments."""
    source, name = w.c.split(":")
    return [on_arrays(label, c, name, w, given) for label, c in built(folder, source)]


def on_arrays(label: str, c: ctypes.CDLL, name: str, w: Workload, given: Arguments) -> Built:
    """An array goes as its address and its lengths, then come the gradients and the memory."""
    arguments: list[Any] = []
    for a in given:
        if isinstance(a, np.ndarray):
            arguments += [a.ctypes, *map(ctypes.c_long, a.shape)]
        else:
            arguments.append(ctypes.c_double(a) if isinstance(a, float) else ctypes.c_long(a))
    gradients = tuple(np.zeros(np.shape(given[k])) for k in w.wrt)
    outputs = [g.ctypes for g in (*gradients, np.empty(w.work(given)))]
    primal = bound(getattr(c, name), *arguments)
    run = bound(getattr(c, f"{name}_gradient"), *arguments, *outputs)
    return Built(label, primal, giving(run, lambda: gradients))
