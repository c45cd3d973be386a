"""Callables that Python holds, as functions that can be compiled and differentiated."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from numpy.lib.stride_tricks import as_strided


def applied(pullback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of a cotangent that a pullback is."""

    def pull(ct: Any) -> Any:
        return pullback(ct)

    return pull


def calling(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a bound method, a partial function or an object with `__call__` is."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    call.__wrapped__ = f  # type: ignore[attr-defined]
    return call


def called(f: Callable[..., Any]) -> Any:
    """What a function that `calling` made calls; None of any other."""
    return f.__wrapped__ if f.__code__.co_filename == __file__ and f.__name__ == "call" else None  # type: ignore[attr-defined]


def within(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the user's source to which one that `calling` made leads."""
    inner = called(f)
    while isinstance(inner, (functools.partial, MethodType)):
        inner = inner.func if isinstance(inner, functools.partial) else inner.__func__
    if inner is not None and not isinstance(inner, FunctionType):
        inner = vars(type(inner)).get("__call__")
    return inner if isinstance(inner, FunctionType) else f


class Part(NamedTuple):
    """A part of an array of one axis: where it begins, its shape, its strides in bytes."""

    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def on_parts(f: Callable[..., Any]) -> Callable[..., Any]:
    """f of arguments of which some are parts of one array, `base`."""

    def call(base: Any, *given: Any) -> Any:
        return f(
            *[
                as_strided(base[g.start :], g.shape, g.strides) if isinstance(g, Part) else g
                for g in given
            ]
        )

    return call
