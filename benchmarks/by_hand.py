"""The hand-written C: built on the spot by every compiler that is there, called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .programs import LORENZ_ARGUMENTS, LORENZ_STEPS, STEP

SOURCE = Path(__file__).with_name("lorenz.c")
BASE = ("-O3", "-march=native", "-shared", "-fPIC")
# "strict" rounds every operation as Python does.  Left to themselves, gcc and some versions of
# clang contract a*b+c to one rounding; that is shown, too, but is another function.
FLAVOURS = {"strict": (*BASE, "-ffp-contract=off"), "contracted": (*BASE, "-ffp-contract=fast")}


@dataclass(frozen=True)
class Built:
    name: str  # "gcc strict"
    primal: Callable[[], float]
    gradient: Callable[[], tuple[float, ...]]


def compilers() -> list[str]:
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def build(folder: Path, flavour: str) -> list[Built]:
    """The benchmark by each compiler, in one flavour."""
    found = []
    for compiler in compilers():
        library = folder / f"lorenz-{compiler}-{flavour}.so"
        command = [compiler, *FLAVOURS[flavour], str(SOURCE), "-o", str(library), "-lm"]
        subprocess.run(command, check=True)
        found.append(bound(f"{compiler} {flavour}", ctypes.CDLL(str(library))))
    return found


def bound(name: str, library: ctypes.CDLL) -> Built:
    """The two functions, their arguments prepared: a call costs a microsecond of ctypes."""
    pointer = ctypes.POINTER(ctypes.c_double)
    p = np.array(LORENZ_ARGUMENTS)
    states, g = np.zeros(3 * LORENZ_STEPS), np.zeros(6)
    addresses = [a.ctypes.data_as(pointer) for a in (p, states, g)]
    common = (addresses[0], ctypes.c_long(LORENZ_STEPS), ctypes.c_double(STEP))
    library.lorenz.restype = library.lorenz_gradient.restype = ctypes.c_double

    def primal() -> float:
        return float(library.lorenz(*common))

    def gradient() -> tuple[float, ...]:
        library.lorenz_gradient(*common, addresses[1], addresses[2])
        return tuple(g.tolist())

    return Built(name, primal, gradient)
