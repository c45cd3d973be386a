"""Morula compiles plain Python functions to native code and differentiates them, to any order.

import morula

def f(x, n):
    s = 1.0
    for i in range(n):
        s *= x
    return s

morula.jit(f)(1.5, 4)        # at C speed
morula.grad(f)(1.5, 4)       # its derivative by x
print(morula.lower(morula.grad(f), 1.5, 4).text("opt"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import (
        grad,
        hessian,
        hvp,
        jacfwd,
        jacrev,
        jit,
        jvp,
        linearize,
        lower,
        stop_gradient,
        value_and_grad,
        vjp,
        vmap,
    )
    from .checking import check_grads
    from .custom import custom_jvp, custom_vjp
    from .frontend.errors import Error
    from .lowered import Lowered

__all__ = [
    "Error",
    "Lowered",
    "check_grads",
    "custom_jvp",
    "custom_vjp",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "lower",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
__version__ = "0.1.0"

_HOMES = {
    "Error": "frontend.errors",
    "Lowered": "lowered",
    "check_grads": "checking",
    "custom_jvp": "custom",
    "custom_vjp": "custom",
}


def __getattr__(name: str) -> Any:
    """The public names are imported when they are first used."""
    if name == "ir":
        return importlib.import_module(".ir", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES.get(name, 'api')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
