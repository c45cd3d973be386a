"""Other tools on the same Lorenz program, where they are installed."""

# mypy: allow-untyped-calls

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

from .programs import LORENZ_ARGUMENTS, LORENZ_STEPS, field, lorenz

Peer = tuple[str, Callable[[], object] | None, Callable[[], object] | None]
EVERYTHING = tuple(range(len(LORENZ_ARGUMENTS)))


def with_numba() -> Peer:
    import numba

    names = dict(vars(__import__("benchmarks.programs", fromlist=["lorenz"])))
    names["field"] = numba.njit(field)
    compiled = numba.njit(type(lorenz)(lorenz.__code__, names))
    return "Numba", lambda: compiled(*LORENZ_ARGUMENTS, LORENZ_STEPS), None


def with_jax() -> Peer:
    """A loop of a fixed number of steps, as JAX needs it in reverse."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def scanned(*p: Any) -> Any:
        def step(state: Any, _: None) -> tuple[Any, None]:
            return one_step(*state, *p[3:]), None

        state, _ = jax.lax.scan(step, p[:3], None, length=LORENZ_STEPS)
        return sum(state)

    value = jax.jit(scanned)
    gradient = jax.jit(jax.grad(scanned, argnums=EVERYTHING))
    ready = jax.block_until_ready
    return (
        "JAX",
        lambda: ready(value(*LORENZ_ARGUMENTS)),
        lambda: ready(gradient(*LORENZ_ARGUMENTS)),
    )


def one_step(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any) -> tuple[Any, Any, Any]:
    from .programs import STEP as h

    def moved(k: Any, by: float) -> Any:
        return tuple(s + by * d for s, d in zip((x, y, z), k, strict=True))

    parameters = (sigma, rho, beta)
    a = field(x, y, z, *parameters)
    b = field(*moved(a, 0.5 * h), *parameters)
    c = field(*moved(b, 0.5 * h), *parameters)
    d = field(*moved(c, h), *parameters)
    total = tuple(p + 2.0 * q + 2.0 * r + s for p, q, r, s in zip(a, b, c, d, strict=True))
    u, v, w = moved(total, h / 6.0)
    return u, v, w


def with_autograd() -> Peer:
    import autograd

    gradient = autograd.grad(lorenz, EVERYTHING)
    return "Autograd", None, lambda: gradient(*LORENZ_ARGUMENTS, LORENZ_STEPS)


def with_torch() -> Peer:
    import torch

    def gradient() -> object:
        p = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in LORENZ_ARGUMENTS]
        lorenz(*p, LORENZ_STEPS).backward()
        return [v.grad for v in p]

    return "PyTorch", None, gradient


PEERS = {
    "numba": with_numba,
    "jax": with_jax,
    "autograd": with_autograd,
    "torch": with_torch,
}


def best(call: Callable[[], object] | None) -> float | None:
    """The best of five calls after the one that compiles.

    A tool that runs op by op compiles nothing and takes many seconds: its one call is the figure.
    """
    if call is None:
        return None
    first = clock(call)
    return first if first > 5.0 else min(clock(call) for _ in range(5))


def clock(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def rows() -> Iterator[tuple[str, float | None, float | None]]:
    """Name, seconds of the value, seconds of the gradient."""
    for module, peer in PEERS.items():
        if importlib.util.find_spec(module) is not None:
            name, value, gradient = peer()
            yield name, best(value), best(gradient)
