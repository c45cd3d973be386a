"""The array programs, each with its data (seeded) and what its hand-written C needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import programs_arrays as programs

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    program: Callable[..., Any]
    wrt: tuple[int, ...]
    data: Callable[[bool], Arguments]  # the arguments; small ones compile and check the same
    c: str  # the C: FILE.c:NAME, which has NAME and NAME_gradient
    work: Callable[[Arguments], int] = lambda _: 1  # doubles that the C adjoint saves
    limit: float | None = 2.0  # gradient beside C


def seeded() -> np.random.Generator:
    return np.random.default_rng(2026)


def particles(small: bool) -> Arguments:
    """On a jittered grid, so that none are near."""
    side = 3 if small else 8
    grid = np.stack(np.meshgrid(*[np.arange(side, dtype=float)] * 3), axis=-1).reshape(-1, 3)
    x = 1.2 * grid[:500]
    return (x + 0.1 * seeded().uniform(-1.0, 1.0, x.shape),)


def pushes(small: bool) -> Arguments:
    return 0.1 * seeded().uniform(0.0, 1.0, 10 if small else 100_000), 0.9


def forces(small: bool) -> Arguments:
    n = 10 if small else 1000
    return n * np.sin(np.linspace(0.0, math.pi, n)) * seeded().uniform(0.5, 1.5, n), 100


def daily(small: bool) -> Arguments:
    return 0.05, 0.1, 0.85, seeded().standard_normal(10 if small else 2000)


def series(small: bool) -> Arguments:
    n = 5 if small else 200
    rng = seeded()
    return np.cumsum(rng.standard_normal(n)), np.cumsum(rng.standard_normal(n)), 1.0


def decisions(small: bool) -> Arguments:
    states, actions, rng = 5 if small else 64, 4, seeded()
    p = rng.uniform(0.0, 1.0, (actions, states, states)) ** 4
    return p / p.sum(axis=2, keepdims=True), rng.uniform(0.0, 1.0, (states, actions)), 0.95, 100


def mixture(small: bool) -> Arguments:
    d, k, n = (3, 2, 5) if small else (10, 25, 1000)
    rng = seeded()
    factors = 0.3 * rng.standard_normal((k, d * (d + 1) // 2))
    means, x = rng.uniform(0.0, 1.0, (k, d)), rng.standard_normal((n, d))
    return rng.standard_normal(k), means, factors, x, 1.0, 0


def network(small: bool) -> Arguments:
    batch, inputs, hidden, classes = (3, 4, 5, 2) if small else (256, 784, 128, 10)
    rng = seeded()
    w1 = rng.standard_normal((inputs, hidden)) / math.sqrt(inputs)
    w2 = rng.standard_normal((hidden, classes)) / math.sqrt(hidden)
    x = rng.uniform(0.0, 1.0, (batch, inputs))
    targets = np.eye(classes)[rng.integers(0, classes, batch)]
    return w1, np.zeros(hidden), w2, np.zeros(classes), x, targets


WORKLOADS = (
    Workload(
        "pairwise",
        "pairwise energy, 500 particles",
        programs.pairwise,
        (0,),
        particles,
        "loops.c:pairwise",
    ),
    Workload(
        "recurrence",
        "recurrence in place, 100,000 steps",
        programs.recurrence,
        (0, 1),
        pushes,
        "loops.c:recurrence",
        lambda a: len(a[0]),
    ),
    Workload(
        "jacobi",
        "Jacobi in place, 1,000 x 100 sweeps",
        programs.jacobi,
        (0,),
        forces,
        "loops.c:jacobi",
        lambda a: len(a[0]) * (a[1] + 2),
    ),
    Workload(
        "garch",
        "GARCH(1, 1), 2,000 steps",
        programs.garch,
        (0, 1, 2),
        daily,
        "loops.c:garch",
        lambda a: len(a[3]),
    ),
    Workload(
        "soft_dtw",
        "soft-DTW, 200 x 200",
        programs.soft_dtw,
        (0, 1),
        series,
        "tables.c:soft_dtw",
        lambda a: 3 * len(a[0]) * len(a[1]) + len(a[1]) + 1,
    ),
    Workload(
        "value_iteration",
        "value iteration, 64 states, 4 actions, 100 sweeps",
        programs.value_iteration,
        (0, 1),
        decisions,
        "tables.c:value_iteration",
        lambda a: 2 * a[1].shape[0] * a[3],
    ),
    Workload(
        "gmm_by_loops",
        "Gaussian mixture by loops, d = 10, k = 25, n = 1,000",
        programs.gmm_by_loops,
        (0, 1, 2),
        mixture,
        "models.c:gmm",
    ),
    Workload(
        "gmm_by_arrays",
        "Gaussian mixture by arrays, d = 10, k = 25, n = 1,000",
        programs.gmm_by_arrays,
        (0, 1, 2),
        mixture,
        "models.c:gmm",
    ),
    Workload(
        "mlp",
        "network 256 x 784 x 128 x 10",
        programs.mlp,
        (0, 1, 2, 3),
        network,
        "models.c:mlp",
        lambda a: len(a[4]) * (2 * len(a[1]) + len(a[3]) + 1),
    ),
)
