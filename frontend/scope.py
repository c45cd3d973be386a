"""What a function binds, what its nested functions capture, and which names are cells.

Python shares a captured variable between a function and those nested in it.  Where nobody can see
the sharing the variable is an ordinary value, captured when the closure is made.  It is a cell if

- a nested function rebinds it,
- or it may be bound after a closure that captures it is made: further down, or in a loop around.

A function that refers to itself and is no cell is `self` in its own body.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from .errors import Error
from .source import FunctionNode, Source, default_expressions, parameters

FUNCTIONS = (ast.FunctionDef, ast.Lambda)


class Binding(NamedTuple):
    at: int  # position in the order of evaluation
    last: int  # of the loops around it, the end; where there is none, as `at`


class Scope:
    """The names of one function, collected in one walk over its text."""

    def __init__(self, source: Source, node: FunctionNode, parent: Scope | None = None) -> None:
        self.source, self.node, self.parent = source, node, parent
        self.binds: dict[str, list[Binding]] = {}
        self.nonlocals: dict[str, ast.AST] = {}
        self.globals: set[str] = set()
        self.uses: dict[str, None] = {}
        self.kids: dict[FunctionNode, tuple[Scope, int]] = {}
        self.position = self.loops = 0
        self.looped: list[str] = []  # what the loops around have bound so far
        for p in parameters(node.args):
            self.bind(p.arg, p)
        collect(self, node.body if isinstance(node.body, list) else [node.body])
        bound = self.binds.keys() | self.globals
        used = {n: None for n in (*self.uses, *self.nonlocals) if n not in bound}
        self.captured: dict[str, list[tuple[int, Scope]]] = {}
        for kid, at in self.kids.values():
            for name in kid.free:
                if name in self.binds:
                    self.captured.setdefault(name, []).append((at, kid))
                elif name not in bound:
                    used.setdefault(name)
        self.free: dict[str, None] = used
        self.cells = [n for n in self.binds if n in self.captured and needs_cell(self, n)]

    def bind(self, name: str, node: ast.AST) -> None:
        if name in self.globals:
            raise Error(
                "E01",
                self.source.loc(node),
                f"an assignment to the global `{name}`",
                "a compiled function may be kept and run elsewhere, so it writes no globals",
                "return the value, or pass it as an argument",
            )
        self.position += 1
        if name not in self.nonlocals:
            self.binds.setdefault(name, []).append(Binding(self.position, self.position))
            if self.loops:
                self.looped.append(name)

    @property
    def own(self) -> str | None:
        """The function's own name, where it means the closure that runs."""
        if self.parent is None or not isinstance(self.node, ast.FunctionDef):
            return None
        name = self.node.name
        is_own = name in self.free and name in self.parent.binds
        return name if is_own and name not in self.parent.cells else None

    def rebinds(self) -> set[str]:
        """Names of enclosing functions that this one or one nested in it binds."""
        names = set(self.nonlocals)
        for kid, _ in self.kids.values():
            names |= {n for n in kid.rebinds() if n not in self.binds}
        return names


def needs_cell(scope: Scope, name: str) -> bool:
    last, captures = max(scope.binds[name], key=lambda b: b.last), scope.captured[name]
    if any(name in kid.rebinds() for _, kid in captures):
        return True
    return any(at < last.last and not binds(kid.node, name, at, last) for at, kid in captures)


def binds(node: FunctionNode, name: str, at: int, binding: Binding) -> bool:
    """Whether a binding is that of the function definition here, which no loop repeats."""
    is_own = isinstance(node, ast.FunctionDef) and node.name == name
    return is_own and binding == Binding(at + 1, at + 1)


def collect(scope: Scope, nodes: list[ast.stmt] | list[ast.expr]) -> None:
    """Record what statements or an expression bind and use, in the order of evaluation."""
    for node in nodes:
        collect_one(scope, node)


def collect_one(scope: Scope, node: ast.AST) -> None:
    match node:
        case ast.FunctionDef() | ast.Lambda():
            collect(scope, default_expressions(node.args))
            scope.position += 1
            scope.kids[node] = (Scope(scope.source, node, scope), scope.position)
            if isinstance(node, ast.FunctionDef):
                scope.bind(node.name, node)
        case ast.Name(id=name, ctx=ast.Load()):
            scope.uses.setdefault(name)
        case ast.Name(id=name):
            scope.bind(name, node)
        case ast.Nonlocal(names=found):
            scope.nonlocals.update((n, node) for n in found)
        case ast.Global(names=found):
            scope.globals.update(found)
        case ast.For() | ast.While():
            collect_loop(scope, node)
        case _:
            for kid in evaluated(node):
                collect_one(scope, kid)


def collect_loop(scope: Scope, node: ast.For | ast.While) -> None:
    if isinstance(node, ast.For):
        collect_one(scope, node.iter)
    scope.loops += 1
    collect_one(scope, node.target if isinstance(node, ast.For) else node.test)
    collect(scope, node.body)
    scope.loops -= 1
    if not scope.loops:
        scope.position += 1
        for name in scope.looped:
            last = scope.binds[name].pop()
            scope.binds[name].append(last._replace(last=scope.position))
        scope.looped.clear()
    collect(scope, node.orelse)


def evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node in the order in which Python evaluates them; annotations are not."""
    match node:
        case ast.Assign():
            yield from (node.value, *node.targets)
        case ast.AnnAssign():
            yield from ([node.value] if node.value else [])
            yield node.target
        case ast.AugAssign():
            if isinstance(node.target, ast.Name):
                yield ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            yield from (node.value, node.target)
        case ast.NamedExpr():
            yield from (node.value, node.target)
        case _:
            yield from ast.iter_child_nodes(node)


def assigned(nodes: list[ast.AST]) -> list[str]:
    """Names that the nodes bind in their own function, in order of text."""
    found: dict[str, None] = {}
    stack = list(reversed(nodes))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id)
        stack.extend(reversed(list(ast.iter_child_nodes(node))))
    return list(found)
