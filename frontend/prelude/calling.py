"""Callables that Python holds, as functions that can be compiled and differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def applied(pullback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of a cotangent that a pullback is."""

    def pull(ct: Any) -> Any:
        return pullback(ct)

    return pull


def calling(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a bound method, a partial function or an object with `__call__` is."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    return call
