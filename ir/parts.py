"""What records, tuples and dicts of Python hold.

A record is a dataclass or a NamedTuple; a dict counts where its keys are strings and ints.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any


@functools.lru_cache(maxsize=1024)
def fields_of(cls: Any) -> tuple[str, ...] | None:
    """The fields of a record's class; None for any other class."""
    if dataclasses.is_dataclass(cls):
        return tuple(f.name for f in dataclasses.fields(cls))
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return tuple(cls._fields)
    return None


def part_names(value: object) -> tuple[Any, ...] | None:
    """Fields of a record, keys of a dict; None for anything else."""
    if type(value) is dict:
        return tuple(value) if all(type(k) in (str, int) for k in value) else None
    cls: Any = type(value)
    return fields_of(cls)


def parts_of(value: Any, names: tuple[Any, ...]) -> list[Any]:
    """What a record holds under these names."""
    if isinstance(value, dict):
        return [value[n] for n in names]
    return [getattr(value, n) for n in names]


def parts_in(value: Any) -> list[Any] | None:
    """What a tuple, a record or a dict holds; None for anything else."""
    if type(value) is tuple:
        return list(value)
    names = part_names(value)
    return None if names is None else parts_of(value, names)


def made_of(cls: type, names: tuple[Any, ...], parts: list[Any]) -> Any:
    """A record of these parts, as they are: nothing of the class runs."""
    if issubclass(cls, tuple):
        return tuple.__new__(cls, parts)
    made = empty(cls)
    fill(made, names, parts)
    return made


def empty(cls: Any) -> Any:
    """A record, dict or list without its parts."""
    return cls.__new__(cls)


def fill(value: Any, names: Sequence[Any], parts: Sequence[Any]) -> None:
    """Put parts into a record, dict or list that is there."""
    if isinstance(value, list):
        value[:] = parts
        return
    for n, v in zip(names, parts, strict=True):
        if isinstance(value, dict):
            value[n] = v
        else:
            object.__setattr__(value, n, v)
