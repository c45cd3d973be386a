"""Clocks: interleaved medians, calls in nanoseconds, first calls in fresh processes."""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def medians(calls: Mapping[str, Callable[[], object]], rounds: int = 41) -> dict[str, float]:
    """Median seconds of each call, of this thread's own time: others use the machine, too.

    They take turns, so what disturbs one disturbs all.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call(), call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            taken[name].append(time.thread_time() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def per_call(f: Callable[[float], object], x: float) -> float:
    """Seconds of one call from a Python loop, the loop's own share included."""
    timer = timeit.Timer("f(x)", globals={"f": f, "x": x})
    return min(timer.repeat(9, 200_000)) / 200_000


FIRST_CALL = """
import time
import numpy
from benchmarks.programs import LORENZ_ARGUMENTS, lorenz
start = time.perf_counter()
import morula
morula.grad(lorenz, argnums=(0, 1, 2, 3, 4, 5))(*LORENZ_ARGUMENTS, 1)
print(time.perf_counter() - start)
"""


def first_call(processes: int = 5) -> float:
    """Seconds from `import morula` to the first gradient, in a fresh process that has NumPy."""
    taken = []
    for _ in range(processes):
        command = [sys.executable, "-c", FIRST_CALL]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        taken.append(float(done.stdout))
    return statistics.median(taken)


def peak_memory(prepare: Callable[[], Callable[[], object]]) -> float | None:
    """The most bytes that a call adds to what stands in memory once it is prepared.

    In a child process, so that nobody's warm memory counts; None where Linux does not tell.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        grown = -1
        try:
            trim = ctypes.CDLL(None).malloc_trim  # what lies free counts when it is used again
            trim(0)
            run = prepare()
            trim(0)
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
            before = status("VmRSS")
            run()
            grown = status("VmHWM") - before
        finally:
            os.write(into, str(grown).encode())
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as told:
        found = int(told.read())
    os.waitpid(child, 0)
    return float(found) if found >= 0 else None


def status(name: str) -> int:
    """A line of this process's /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    return 0
