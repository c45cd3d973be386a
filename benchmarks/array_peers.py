"""Other tools on the array programs, where they are installed."""

# mypy: allow-untyped-calls, allow-untyped-defs

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from . import programs_arrays as programs
from .peers import best
from .workloads import Workload

Call = Callable[[], object]


def with_numba(w: Workload) -> tuple[str, Call | None, Call | None]:
    """The same source; Numba has no derivatives."""
    import numba

    names = dict(vars(programs))
    for name in ("log_sum_exp", "log_wishart"):
        names[name] = numba.njit(FunctionType(names[name].__code__, names))
    compiled, given = numba.njit(FunctionType(w.program.__code__, names)), w.data(False)
    return "Numba", lambda: compiled(*given), None


def with_jax(w: Workload) -> tuple[str, Call | None, Call | None]:
    """The array programs that write no element run in JAX as they stand, NumPy's name changed."""
    if w.name not in AS_THEY_STAND:
        return "JAX", None, None
    import jax

    jax.config.update("jax_enable_x64", True)
    program = FunctionType(w.program.__code__, {**vars(programs), "np": jax.numpy})
    given, ready = [jax.numpy.asarray(a) for a in w.data(False)], jax.block_until_ready
    value, gradient = jax.jit(program), jax.jit(jax.grad(program, argnums=w.wrt))
    return "JAX", lambda: ready(value(*given)), lambda: ready(gradient(*given))


def with_torch(w: Workload) -> tuple[str, Call | None, Call | None]:
    """As above; what PyTorch calls otherwise is translated."""
    if w.name not in AS_THEY_STAND:
        return "PyTorch", None, None
    import torch

    class Names:
        """NumPy's names for PyTorch's functions."""

        exp, log, tanh, sum, mean = torch.exp, torch.log, torch.tanh, torch.sum, torch.mean

        @staticmethod
        def max(x: Any, axis: int) -> Any:
            return torch.amax(x, axis)

    program = FunctionType(w.program.__code__, {**vars(programs), "np": Names})
    given = [torch.as_tensor(a) for a in w.data(False)]

    def gradient() -> object:
        leaves = [t.clone().requires_grad_(k in w.wrt) for k, t in enumerate(given)]
        program(*leaves).backward()
        return [leaves[k].grad for k in w.wrt]

    return "PyTorch", lambda: program(*given), gradient


AS_THEY_STAND = frozenset({"mlp"})
PEERS = {"numba": with_numba, "jax": with_jax, "torch": with_torch}


def rows(w: Workload) -> Iterator[tuple[str, float | None, float | None]]:
    """Name, seconds of the value, seconds of the gradient."""
    for module, peer in PEERS.items():
        if importlib.util.find_spec(module) is not None:
            name, value, gradient = peer(w)
            if value is not None:
                yield name, best(value), best(gradient)
