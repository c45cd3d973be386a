"""`custom_vjp` and `custom_jvp`: functions whose derivative the user writes.

    @morula.custom_vjp
    def f(x):
        return math.log(1.0 + math.exp(x))

    def fwd(x):
        return f(x), x                                    # the result, and what bwd needs

    def bwd(x, ct):
        return (ct * (1.0 - 1.0 / (1.0 + math.exp(x))),)  # a cotangent for each parameter

    f.defvjp(fwd, bwd)

Called from Python such a function is f itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from .frontend.errors import Error
from .frontend.resolve import unwrapped
from .ir.core import Site


class Custom:
    """A function with a rule; `__morula__` says to the compiler which."""

    def __init__(self, word: str, f: Any) -> None:
        self._word = word
        self._rules: dict[str, FunctionType] = {}
        functools.update_wrapper(self, f)
        self.__wrapped__ = checked(word, f)

    @property
    def __morula__(self) -> tuple[str, Mapping[str, FunctionType]]:
        if not self._rules:
            ask = {"custom_vjp": "defvjp(fwd, bwd)", "custom_jvp": "defjvp(rule)"}[self._word]
            name = self.__wrapped__.__name__
            raise Error(
                "E10",
                site(self.__wrapped__),
                f"`{name}`, a {self._word} without a rule",
                "its derivative would be unknown",
                f"call `{name}.{ask}` before the function is compiled",
            )
        return self._word, self._rules

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, owner: Any, cls: Any = None) -> Any:
        """As a method of a class."""
        return self if owner is None else functools.partial(self, owner)

    def __repr__(self) -> str:
        return f"<morula {self._word}({self.__wrapped__.__qualname__})>"

    def define(self, **rules: Any) -> None:
        """Take the functions of the rule; each takes as many arguments as `wanted` says."""
        own = len(parameters_of(self.__wrapped__))
        made = {}
        for part, rule in rules.items():
            f = checked(self._word, rule)
            wanted = own if part == "fwd" else 2
            count = len(parameters_of(f))
            if count != wanted:
                takes = {
                    "fwd": f"the {own} parameters of `{self.__wrapped__.__name__}`",
                    "bwd": "what fwd saved, and the cotangent of the result",
                    "rule": "a tuple of primals, and a tuple of tangents",
                }[part]
                raise Error(
                    "E10",
                    site(f),
                    f"`{f.__name__}` with {count} parameters as the {part} of a {self._word}",
                    f"it is called with {takes}",
                    f"give it {wanted} parameters",
                )
            made[part] = f
        self._rules = made


class CustomVjp(Custom):
    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """fwd(*args) -> (result, saved); bwd(saved, ct) -> a tuple, one entry per parameter.

        An entry is None where the parameter holds no float, or where its cotangent is zero.
        """
        self.define(fwd=fwd, bwd=bwd)


class CustomJvp(Custom):
    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """rule(primals, tangents) -> (result, tangent of the result), linear in the tangents.

        It serves reverse mode, too.  Returns the rule, so that it can be a decorator.
        """
        self.define(rule=rule)
        return rule


def custom_vjp(f: Callable[..., Any], *rule: Callable[..., Any]) -> CustomVjp:
    """f with a rule for reverse mode, which `f.defvjp(fwd, bwd)` gives it; a decorator.

    Where a derivative of f is taken, the rule is used; it is differentiated for higher orders.
    In a compiled function write `custom_vjp(f, fwd, bwd)`.
    """
    made = CustomVjp("custom_vjp", f)
    if rule:
        made.defvjp(*rule)
    return made


def custom_jvp(f: Callable[..., Any], *rule: Callable[..., Any]) -> CustomJvp:
    """f with a rule for both modes, which `f.defjvp(rule)` gives it; a decorator.

    In a compiled function write `custom_jvp(f, rule)`.
    """
    made = CustomJvp("custom_jvp", f)
    if rule:
        made.defjvp(*rule)
    return made


def checked(word: str, f: Any) -> FunctionType:
    """The Python function that f is, `jit` taken off."""
    found, _ = unwrapped(f)
    if not isinstance(found, FunctionType):
        raise TypeError(f"{word} takes Python functions, not {f!r}")
    return found


def parameters_of(f: FunctionType) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function itself, not of one that it wraps."""
    return inspect.signature(f, follow_wrapped=False).parameters


def site(f: FunctionType) -> Site:
    return Site(f.__code__.co_filename, f.__code__.co_firstlineno, 1)
