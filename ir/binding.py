"""How Python binds arguments to parameters, for functions of the generic stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .core import UNBOUND, Function, Value

if TYPE_CHECKING:
    from .generic import GenericFunction

Env = dict[Value, Any]
GATHER = ("rest", "named")  # attributes: which parameters are `*args` and `**kwargs`


class Order(NamedTuple):
    """Places of the parameters of a function, by how their arguments come."""

    placed: list[int]
    rest: int | None  # gathers more of those
    named: list[int]
    more: int | None  # gathers more of those


def order(f: Function, count: int) -> Order:
    """How the first `count` parameters get their arguments."""
    rest, more = (f.attrs.get(w) for w in GATHER)
    plain = [k for k in range(count) if k not in (rest, more)]
    most = len(plain) - f.attrs.get("kwonly", 0)
    return Order(plain[:most], rest, plain[most:], more)


def by_place(f: Function, values: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Values in the order of the parameters as the arguments of a call."""
    marked = f.attrs.keys() & {"kwonly", *GATHER}
    if len(values) != len(f.params) or not marked:
        return list(values), {}
    placed, rest, named, more = order(f, len(values))
    given = [values[k] for k in placed]
    by_name = {f.params[k].name.partition(".")[0]: values[k] for k in named}
    if rest is not None:
        given += values[rest]
    return given, by_name | (values[more] if more is not None else {})


def bind(f: GenericFunction, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Env:
    """The environment of a call, as Python binds arguments to parameters."""
    function = f.function
    # a text keeps names apart by `.1`, which no parameter's name in Python holds
    every = [p.name.partition(".")[0] for p in function.params]
    rest, named = (every[k] if (k := function.attrs.get(w, -1)) >= 0 else None for w in GATHER)
    names = [n for n in every if n not in (rest, named)]
    defaults = f.defaults or tuple(function.attrs.get("defaults", ()))
    most = len(names) - function.attrs.get("kwonly", 0)
    if len(args) > most and rest is None:
        raise TypeError(
            f"{function.name}() takes {most} positional arguments but {len(args)} were given"
        )
    given: dict[str, Any] = dict(zip(names[:most], args, strict=False))
    more: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name not in names[function.attrs.get("posonly", 0) :]:
            if named is not None:
                more[name] = value
                continue
            raise TypeError(f"{function.name}() got an unexpected keyword argument '{name}'")
        if name in given:
            raise TypeError(f"{function.name}() got multiple values for argument '{name}'")
        given[name] = value
    first = len(names) - len(defaults)
    for name, value in zip(names[first:], defaults, strict=True):
        if value is not UNBOUND:
            given.setdefault(name, value)
    missing = [n for n in names if n not in given]
    if missing:
        raise TypeError(f"{function.name}() missing required arguments: {', '.join(missing)}")
    given |= {n: v for n, v in ((rest, tuple(args[most:])), (named, more)) if n is not None}
    env: Env = {p: given[n] for p, n in zip(function.params, every, strict=True)}
    env.update(zip(function.captures, f.captures, strict=True))
    return env
