"""Exceptions of native code, with the user's file, line and function in the traceback.

A check that fails leaves the number of its site.  Its location is a chain: the place in the
user's source, then the places where that was inlined.  Each becomes one entry of a traceback,
outermost first as Python prints them, on a frame made only to say where: code without columns,
renamed to the user's file and function.
"""

from __future__ import annotations

import ast
import functools
import linecache
import os
import sys
from collections.abc import Sequence
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, Protocol

from ..ir.core import Loc, Site
from ..ir.errors import exception_named
from .output import said

_PACKAGE = __name__.partition(".")[0]


class CheckSite(Protocol):
    """A row of the table that `emit` gives beside its text."""

    @property
    def error(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def loc(self) -> Loc: ...
    @property
    def function(self) -> str: ...


class Failures:
    """Makes the exception of a failed check by its number; native code calls it."""

    def __init__(self, sites: Sequence[CheckSite]) -> None:
        self.sites = sites

    def __call__(self, number: int) -> BaseException:
        return exception(self.sites[number])


def exception(site: CheckSite) -> BaseException:
    """The exception that a site raises, its traceback set."""
    kind = exception_named(site.error)
    if kind is None:
        raise SystemError(f"no exception is called {site.error}")
    text = said() if getattr(site, "values", 0) else site.text
    made = kind(text) if text else kind()
    made.__morula_at__ = site.loc  # type: ignore[attr-defined]
    return made.with_traceback(trace(site.loc, site.function))


def trace(loc: Loc, function: str) -> TracebackType | None:
    """A traceback of one entry for each place; the chain stands innermost first."""
    made: TracebackType | None = None
    for site in loc:
        frame = _frame(site.file, site.line, function_at(site) or function.split(".")[0])
        made = TracebackType(made, frame, -1, site.line)
    return made


def _here() -> FrameType:
    return sys._getframe()


@functools.lru_cache(maxsize=1024)
def _code(file: str, line: int, name: str) -> CodeType:
    code = _here.__code__
    units = len(code.co_code) // 2
    table = bytearray()
    while units:  # entries of up to eight units: "no columns", the line does not move
        n = min(units, 8)
        table += bytes((0x80 | 13 << 3 | n - 1, 0))
        units -= n
    return code.replace(
        co_filename=file,
        co_name=name.rpartition(".")[2],
        co_qualname=name,
        co_firstlineno=line,
        co_linetable=bytes(table),
    )


def _frame(file: str, line: int, name: str) -> FrameType:
    made: Any = FunctionType(_code(file, line, name), {"__name__": name, "sys": sys})
    frame: FrameType = made()
    return frame


def function_at(site: Site) -> str | None:
    """The name of the function whose body holds a place; None if its source is not at hand."""
    found: str | None = None
    for first, last, name in _functions(site.file, len(linecache.getlines(site.file))):
        if first <= (site.line, site.col - 1) < last:
            found = name  # later ones are nested in earlier ones
    return found


@functools.lru_cache(maxsize=64)
def _functions(file: str, lines: int) -> list[tuple[tuple[int, int], tuple[int, int], str]]:
    """All functions of a file, outer before inner: start, end, qualified name."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return []
    found: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    todo: list[tuple[ast.AST, str]] = [(tree, "")]
    while todo:
        node, prefix = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            name = prefix + ("<lambda>" if isinstance(node, ast.Lambda) else node.name)
            if not isinstance(node, ast.ClassDef):
                end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
                found.append(((node.lineno, node.col_offset), end, name))
            prefix = name + ("." if isinstance(node, ast.ClassDef) else ".<locals>.")
        todo.extend((kid, prefix) for kid in ast.iter_child_nodes(node))
    return sorted(found, key=lambda f: (f[0], (-f[1][0], -f[1][1])))


def hide_frames(error: BaseException) -> None:
    """Take the frames of this package out of the traceback of an error meant for the user.

    Meant for the user are exceptions of native code, and those whose class says so by
    `hide_frames = True`.  Anything else is a bug of ours, which needs its whole traceback;
    MORULA_TRACEBACK=full keeps it always.
    """
    meant = getattr(error, "hide_frames", False) or hasattr(error, "__morula_at__")
    if not (meant or isinstance(error, KeyboardInterrupt)) or _keep_all():
        return
    kept: list[TracebackType] = []
    entry = error.__traceback__
    while entry is not None:
        module = str(entry.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] != _PACKAGE:
            kept.append(entry)
        entry = entry.tb_next
    made: TracebackType | None = None
    for entry in reversed(kept):
        made = TracebackType(made, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    error.__traceback__ = made


def _keep_all() -> bool:
    return os.environ.get("MORULA_TRACEBACK") == "full"
