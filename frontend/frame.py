"""A function while it is lowered: its names, its block, and what it takes from outside.

Names live in an environment with an undo log: an arm of a branch changes it in place, and the log
gives back what changed.  Copying it at every branch would be quadratic in a long function.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import FunctionType
from typing import Any, Protocol

from ..ir.core import UNBOUND, UNDEF, Literal, Loc, Op, Operand, Value, literal
from ..ir.types import NONE
from .desugar import shown
from .scope import Scope
from .source import FunctionNode, Source

# How a function leaves its block early is kept in names that no Python program has.
OUT = "$out"  # the rest of this block is not run
STOP = "$stop"  # the loop around is left
RETURNED = "$returned"  # the function is left
RESULT = "$result"  # what it returns
CHOSEN = "$"  # the value of a conditional expression

UNBOUND_VALUE = Literal(UNBOUND, NONE)
UNDEF_VALUE = Literal(UNDEF, NONE)
TRUE, FALSE = literal(True), literal(False)
# what the flags are wherever control is
FRESH: dict[str, Operand] = {
    OUT: FALSE,
    STOP: FALSE,
    RETURNED: FALSE,
    RESULT: UNDEF_VALUE,
    CHOSEN: UNDEF_VALUE,
}
COMPARISONS = frozenset("lt le gt ge eq ne is_ is_not contains not_".split())


class Env:
    """Names and their values, with an undo log."""

    def __init__(self) -> None:
        self.values: dict[str, Operand] = dict(FRESH)
        self.log: list[tuple[str, Operand | None]] = []

    def get(self, name: str) -> Operand:
        return self.values.get(name, UNBOUND_VALUE)

    def set(self, name: str, value: Operand) -> None:
        self.log.append((name, self.values.get(name)))
        self.values[name] = value

    def mark(self) -> int:
        return len(self.log)

    def rewind(self, mark: int) -> dict[str, Operand]:
        """Undo all since the mark; what was undone, by name."""
        changed = {name: self.get(name) for name, _ in self.log[mark:]}
        while len(self.log) > mark:
            name, old = self.log.pop()
            if old is None:
                del self.values[name]
            else:
                self.values[name] = old
        return changed


class Program(Protocol):
    """What a frame asks of the program around it (`lower.Program`)."""

    def nested(self, frame: Frame, node: FunctionNode) -> Value: ...

    def outside(self, frame: Frame, name: str, node: ast.expr) -> Operand: ...

    def attribute(self, frame: Frame, node: ast.Attribute) -> Operand | None: ...

    def refer(
        self, frame: Frame, value: Any, wanted: str, path: tuple[Any, ...], node: ast.expr
    ) -> Operand: ...


class Frame:
    """One function while it is lowered."""

    def __init__(
        self,
        program: Program,
        source: Source,
        scope: Scope,
        name: str,
        parent: Frame | None = None,
        function: FunctionType | None = None,
    ) -> None:
        self.program, self.source, self.scope, self.name = program, source, scope, name
        self.parent = parent
        self.function: FunctionType = function or parent.function  # type: ignore[union-attr]
        self.env = Env()
        self.ops: list[Op] = []
        self.cells: dict[str, Value] = {}
        # captures of a top-level function, by name: numbers of the functions around it
        self.captures: dict[str, Value] = {} if parent is None else parent.captures
        # values that may be unbound, and results of comparisons
        self.maybe: set[Operand] = set() if parent is None else parent.maybe
        self.tests: set[Operand] = set() if parent is None else parent.tests

    @property
    def first(self) -> str:
        """The name of the first parameter."""
        args = self.source.node.args
        return next((a.arg for a in (*args.posonlyargs, *args.args)), "")

    def loc(self, node: ast.AST) -> Loc:
        return self.source.loc(node)

    def emit(
        self,
        opcode: str,
        operands: tuple[Operand, ...],
        node: ast.AST,
        attrs: Mapping[str, Any] | None = None,
        name: str = "",
        groups: tuple[int, ...] = (),
    ) -> Value:
        """Append an op with one result."""
        result = Value(NONE, name)
        self.ops.append(Op(opcode, operands, (result,), attrs, (), self.loc(node), groups))
        if opcode in COMPARISONS:
            self.tests.add(result)
        return result

    def do(
        self,
        opcode: str,
        operands: tuple[Operand, ...],
        node: ast.AST,
        attrs: Mapping[str, Any] | None = None,
        groups: tuple[int, ...] = (),
    ) -> None:
        """Append an op without a result."""
        self.ops.append(Op(opcode, operands, (), attrs, (), self.loc(node), groups))

    # ---- names --------------------------------------------------------------------------------

    def owner(self, name: str) -> Frame | None:
        """The frame whose variable a name is; None where it comes from outside."""
        frame: Frame | None = self
        while frame is not None:
            scope = frame.scope
            if name in scope.binds or name == scope.own:
                return frame
            if name in scope.globals:
                return None
            frame = frame.parent
        return None

    def load(self, name: str, node: ast.expr) -> Operand:
        owner = self.owner(name)
        if owner is None:
            return self.program.outside(self, name, node)
        # Python has an error of its own for a variable of the function around
        attrs = {"name": name} if owner is self else {"name": name, "free": True}
        if name in owner.cells:
            return self.emit("cell_get", (owner.cells[name],), node, attrs, shown(name))
        value = owner.env.get(name)
        if self.unbound(value):
            return self.emit("bound", (value,), node, attrs, shown(name))
        return value

    def store(self, name: str, value: Operand, node: ast.AST) -> None:
        owner = self.owner(name)
        assert owner is not None, name
        if name in owner.cells:
            self.do("cell_set", (owner.cells[name], value), node)
        else:
            if isinstance(value, Value) and not value.name:
                value.name = shown(name)
            self.env.set(name, value)

    def unbound(self, value: Operand) -> bool:
        """Whether a value may be `unbound`."""
        return value == UNBOUND_VALUE or value in self.maybe

    def make_cells(self, params: tuple[Value, ...], node: ast.AST) -> None:
        """Cells stand at the head of the function; a parameter's holds it at once."""
        given = {p.name: p for p in params}
        for name in self.scope.cells:
            start: Operand = given.get(name, UNBOUND_VALUE)
            self.cells[name] = self.emit("cell", (start,), node, None, shown(name))
