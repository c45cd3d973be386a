"""Tables of programs: a function and arguments to try it with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Program = Callable[..., Any]
Row = tuple[Program, tuple[Any, ...]]


def registering(rows: list[Row]) -> Callable[..., Callable[[Program], Program]]:
    """A decorator that puts a program into a table, once for each tuple of arguments."""

    def row(*calls: tuple[Any, ...]) -> Callable[[Program], Program]:
        def register(f: Program) -> Program:
            rows.extend((f, args) for args in calls)
            return f

        return register

    return row
