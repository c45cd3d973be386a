"""Where a function object stands in its file: its syntax tree at the file's own lines.

The whole file is parsed, never a piece cut out and dedented, so every node's position is the
user's.  A function is found by its code object, not by `inspect.getsource`, which follows
`__wrapped__` and takes the first of two lambdas on a line.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass
from types import CodeType, FunctionType

from ..ir.core import Loc, Site
from .depth import deep
from .errors import Error

FunctionNode = ast.FunctionDef | ast.Lambda
Found = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Index = dict[int, list[Found]]

KEPT = 64  # files whose trees are kept
_trees: dict[str, tuple[list[str], Index]] = {}


@dataclass(frozen=True, eq=False)
class Source:
    """A function's node and the lines of its file."""

    file: str
    lines: list[str]
    node: FunctionNode

    @property
    def text(self) -> str:
        """The lines that the function stands on."""
        return "".join(self.lines[first_line(self.node) - 1 : self.node.end_lineno])

    def loc(self, node: ast.AST) -> Loc:
        """Where a node stands; columns count characters, the parser's count UTF-8 bytes."""
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        if not text.isascii():
            offset = len(text.encode()[:offset].decode(errors="ignore"))
        return (Site(self.file, line, offset + 1),)


def find_source(function: FunctionType) -> Source:
    """The source of a Python function; E01 where there is none, or it has changed."""
    code = function.__code__
    lines = file_lines(function)
    if not lines:
        raise Error(
            "E01",
            Site(code.co_filename, code.co_firstlineno, 1),
            f"the function `{function.__name__}`, which has no source text",
            "it is compiled from its text, and functions built by exec or eval have none",
            "put it in a file and import it from there",
        )
    index = indexed(code.co_filename, lines)
    node = located(code, index.get(code.co_firstlineno, []))
    if node is None:
        raise Error(
            "E01",
            Site(code.co_filename, code.co_firstlineno, 1),
            f"a file in which `{function.__name__}` does not stand at line {code.co_firstlineno}",
            "the file has changed since it was imported",
            "import it again, or restart Python",
        )
    if isinstance(node, ast.AsyncFunctionDef):
        raise Error(
            "E01",
            Site(code.co_filename, node.lineno, node.col_offset + 1),
            f"the coroutine `{node.name}`",
            "compiled code runs from start to end without an event loop",
            "write a plain `def`",
        )
    return Source(code.co_filename, lines, node)


def file_lines(function: FunctionType) -> list[str]:
    """The lines of a function's file; a notebook's cells stand in linecache, too."""
    name = function.__code__.co_filename
    linecache.checkcache(name)
    return linecache.getlines(name, function.__globals__)


def indexed(name: str, lines: list[str]) -> Index:
    """The functions of a file by first line, parsed once while its lines stay the same."""
    kept = _trees.get(name)
    if kept is not None and (kept[0] is lines or kept[0] == lines):
        return kept[1]
    with deep():
        try:
            tree = ast.parse("".join(lines), name)
        except SyntaxError:
            return {}
    index: Index = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            index.setdefault(first_line(node), []).append(node)
    while len(_trees) >= KEPT:
        _trees.pop(next(iter(_trees)))
    _trees[name] = (lines, index)
    return index


def first_line(node: Found) -> int:
    """The line that a code object calls its first: that of the first decorator."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(d.lineno for d in decorators)])


def located(code: CodeType, nodes: list[Found]) -> Found | None:
    """The node of a code object among those that start on its line."""
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    fits = [n for n in nodes if name_of(n) == code.co_name and parameter_names(n) == names]
    if len(fits) < 2:
        return fits[0] if fits else None
    spans = [
        ((line, col), (end, end_col))
        for line, end, col, end_col in code.co_positions()
        if line and end and col is not None and end_col
    ]
    if spans:
        start, end = min(s for s, _ in spans), max(e for _, e in spans)
        fits = [n for n in fits if encloses(n, start, end)]
    # nested lambdas both enclose the inner one's code: the smaller is meant
    return min(fits, key=size, default=None)


def encloses(node: Found, start: tuple[int, int], end: tuple[int, int]) -> bool:
    """Whether the body of a function spans the given places."""
    body = node.body if isinstance(node, ast.Lambda) else node
    here = (body.lineno, body.col_offset)
    there = (body.end_lineno or body.lineno, body.end_col_offset or 0)
    return here <= start and end <= there


def size(node: Found) -> tuple[int, int]:
    return (node.end_lineno or 0) - node.lineno, (node.end_col_offset or 0) - node.col_offset


def name_of(node: Found) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def parameters(a: ast.arguments) -> list[ast.arg]:
    """Parameters in the order of the IR: those with defaults last.

    `*args` and `**kwargs` stand before those with defaults.  A keyword-only one without a default
    stands after one by place that has one: then it has the default `unbound`, which is none.
    """
    places = [*a.posonlyargs, *a.args]
    required, optional = split_keywords(a)
    first = len(places) - len(a.defaults)
    rest = [p for p in (a.vararg, a.kwarg) if p is not None]
    if a.defaults:
        return [*places[:first], *rest, *places[first:], *required, *optional]
    return [*places, *required, *rest, *optional]


def split_keywords(a: ast.arguments) -> tuple[list[ast.arg], list[ast.arg]]:
    """Keyword-only parameters without and with a default."""
    pairs = list(zip(a.kwonlyargs, a.kw_defaults, strict=True))
    return [p for p, d in pairs if d is None], [p for p, d in pairs if d is not None]


def default_expressions(a: ast.arguments) -> list[ast.expr]:
    """Defaults in the order in which Python evaluates them."""
    return [*a.defaults, *(d for d in a.kw_defaults if d is not None)]


def undefaulted(a: ast.arguments) -> tuple[int, int]:
    """Where among the defaults, and how often, `unbound` stands for one that is missing."""
    return len(a.defaults), len(split_keywords(a)[0]) if a.defaults else 0


def marks(a: ast.arguments) -> dict[str, int]:
    """How many parameters are keyword-only and positional-only, where some are; the places of
    `*args` and `**kwargs`."""
    counts = {"kwonly": len(a.kwonlyargs), "posonly": len(a.posonlyargs)}
    found = {word: n for word, n in counts.items() if n}
    names = [p.arg for p in parameters(a)]
    for word, p in (("rest", a.vararg), ("named", a.kwarg)):
        if p is not None:
            found[word] = names.index(p.arg)
    return found


def parameter_names(node: Found) -> tuple[str, ...]:
    a = node.args
    return tuple(p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs))
