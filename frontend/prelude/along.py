"""Derivatives along a direction, as functions of the language: what `check_grads` nests.

    pushed(jvp, f)(primals, tangents)    the derivative of f by forward mode
    pulled(vjp, f)(primals, ct)          by reverse mode

The words come as arguments, since nothing here imports the public face.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


def pushed(jvp: Function, f: Function) -> Function:
    def push(primals: Any, tangents: Any) -> Any:
        return jvp(f, primals, tangents)[1]

    return push


def pulled(vjp: Function, f: Function) -> Function:
    def pull(primals: Any, ct: Any) -> Any:
        return vjp(f, *primals)[1](ct)

    return pull
