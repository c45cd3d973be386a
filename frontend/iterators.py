"""Iterators that are read twice are refused: Python's are empty the second time.

    pairs = zip(a, b)
    s = sum(x * y for x, y in pairs)
    t = sum(x + y for x, y in pairs)        nothing is left: E01, write tuple(zip(a, b))

`zip`, `enumerate`, `map`, `filter` and `reversed` are sequences in compiled code.  So a name that
is bound to one may be read once on each path; the body of a loop or of a nested function counts
twice.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from .errors import Error
from .source import Source

MAKERS = frozenset({"zip", "enumerate", "map", "filter", "reversed"})
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def refuse_second_reading(source: Source, meaning: Callable[[str], str | None]) -> None:
    Readings(source, meaning).inside(source.node)


class Readings:
    """Names bound to iterators on the way through a function: whether each has been read."""

    def __init__(self, source: Source, meaning: Callable[[str], str | None]) -> None:
        self.source, self.meaning = source, meaning
        self.read: dict[str, bool] = {}

    def inside(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def visit(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                is_iterator = self.makes(value)
                self.visit(value)
                self.read.pop(name, None)
                if is_iterator:
                    self.read[name] = False
            case ast.If() | ast.IfExp():
                self.visit(node.test)
                body, other = node.body, node.orelse
                self.either(
                    body if isinstance(body, list) else [body],
                    other if isinstance(other, list) else [other],
                )
            case ast.For():
                self.visit(node.iter)
                self.visit(node.target)
                self.repeated(node.body)
                self.all(node.orelse)
            case ast.While():
                self.repeated([node.test, *node.body])
                self.all(node.orelse)
            case ast.Name(id=name):
                self.name(name, node)
            case _ if isinstance(node, FUNCTIONS):
                self.inside(node.args)
                own = {n.arg for n in ast.walk(node.args) if isinstance(n, ast.arg)}
                hidden = {name: self.read.pop(name) for name in own & self.read.keys()}
                self.repeated(node.body if isinstance(node.body, list) else [node.body])
                self.read |= hidden
            case _ if isinstance(node, COMPREHENSIONS):
                self.visit(node.generators[0].iter)
                rest = [c for c in ast.iter_child_nodes(node) if c is not node.generators[0]]
                self.repeated([*node.generators[0].ifs, *rest])
            case _:
                self.inside(node)

    def name(self, name: str, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.read.pop(name, None)
        elif self.read.get(name):
            raise Error(
                "E01",
                self.source.loc(node),
                f"`{name}`, an iterator that is read a second time",
                "the first reading leaves nothing in it",
                f"keep its elements: `{name} = tuple(...)`",
            )
        elif name in self.read:
            self.read[name] = True

    def makes(self, value: ast.expr) -> bool:
        """Whether a value is an iterator: made here, or another name for one."""
        match value:
            case ast.Call(func=ast.Name(id=name)):
                return self.meaning(name) in MAKERS
            case ast.Name(id=name):
                return self.read.get(name) is False
        return False

    def all(self, nodes: Sequence[ast.AST]) -> None:
        for n in nodes:
            self.visit(n)

    def repeated(self, nodes: Sequence[ast.AST]) -> None:
        self.all(nodes)
        self.all(nodes)

    def either(self, one: Sequence[ast.AST], other: Sequence[ast.AST]) -> None:
        """Two arms, of which one runs."""
        before = dict(self.read)
        self.all(one)
        after, self.read = self.read, before
        self.all(other)
        if leaves(other):
            self.read = after
        for name, read in () if leaves(one) else after.items():
            self.read[name] = self.read.get(name, False) or read


def leaves(arm: Sequence[ast.AST]) -> bool:
    """Whether nothing after an arm sees what it did."""
    return bool(arm) and isinstance(arm[-1], (ast.Return, ast.Raise))
