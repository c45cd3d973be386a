"""Statements to generic SSA, early exits included.

The rest of a block after an `if` of which one arm always leaves is lowered inside the other arm.
Where an arm only may leave, a flag says so, and the rest stands under a test of the flag.  A loop
that may be left has a `stop` operand before the carries in `next`, and a `stop` result.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..ir.core import Block, Op, Operand, Value, free_values, literal
from ..ir.types import NONE
from .branches import FALLS, Flow, branch, has_left, stays
from .desugar import Steps, Unrolled, apply, shown
from .errors import Error
from .expressions import BINARY, expression, unpack
from .frame import (
    OUT,
    RESULT,
    RETURNED,
    STOP,
    TRUE,
    UNBOUND_VALUE,
    UNDEF_VALUE,
    Frame,
)
from .scope import assigned

RETURNS = frozenset({"return"})


def block(frame: Frame, body: list[ast.stmt]) -> Flow:
    """Lower statements to where control leaves them; code after that is never run."""
    for k, node in enumerate(body):
        last = k + 1 == len(body)
        if isinstance(node, ast.If) and not last:
            if always_leaves(node.body):
                return if_else(frame, node, node.body, node.orelse + body[k + 1 :])
            if always_leaves(node.orelse):
                return if_else(frame, node, node.body + body[k + 1 :], node.orelse)
        flow = statement(frame, node)
        if not flow.falls or (last and flow.leaves):
            return flow
        if flow.leaves:
            return guarded(frame, flow, body[k + 1 :], node)
    return FALLS


def guarded(frame: Frame, flow: Flow, rest: list[ast.stmt], node: ast.AST) -> Flow:
    """The rest of a block that a statement may have left."""

    def left() -> Flow:
        return has_left(frame, flow.leaves)

    def stayed() -> Flow:
        stays(frame)
        return block(frame, rest)

    return branch(frame, frame.env.get(OUT), (left, stayed), node)


def statement(frame: Frame, node: ast.stmt) -> Flow:
    handler = STATEMENTS.get(type(node))
    if handler is None:
        raise Error(
            "E01",
            frame.loc(node),
            f"a statement of the kind `{type(node).__name__}`",
            "it is not part of the language",
            "write it with assignments, `if`, `while` and `for`",
        )
    return handler(frame, node) or FALLS


# ---- statements that do not branch -------------------------------------------------------------


def bare(frame: Frame, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        expression(frame, node.value)


def assignment(frame: Frame, node: ast.Assign) -> None:
    value = expression(frame, node.value)
    for target in node.targets:
        assign(frame, target, value)


def annotated(frame: Frame, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(frame, node.target, expression(frame, node.value))


def assign(frame: Frame, target: ast.expr, value: Operand) -> None:
    match target:
        case ast.Name():
            frame.store(target.id, value, target)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            stars = [k for k, p in enumerate(parts) if isinstance(p, ast.Starred)]
            elements = unpack(frame, value, len(parts), target, stars[0] if stars else None)
            for part, element in zip(parts, elements, strict=True):
                assign(frame, part.value if isinstance(part, ast.Starred) else part, element)
        case ast.Subscript():
            container = expression(frame, target.value)
            index = expression(frame, target.slice)
            frame.do("setitem", (container, index, value), target)
        case ast.Attribute():
            owner = expression(frame, target.value)
            frame.do("setattr", (owner, value), target, {"name": target.attr})
        case _:
            raise AssertionError(target)


def augmented(frame: Frame, node: ast.AugAssign) -> None:
    """`x += y` reads x, evaluates y, and stores; the place is evaluated once."""
    opcode, target = "i" + BINARY[type(node.op)].rstrip("_"), node.target
    match target:
        case ast.Name():
            old = frame.load(target.id, target)
            new = frame.emit(opcode, (old, expression(frame, node.value)), node)
            frame.store(target.id, new, node)
        case ast.Subscript():
            container = expression(frame, target.value)
            index = expression(frame, target.slice)
            old = frame.emit("getitem", (container, index), target)
            new = frame.emit(opcode, (old, expression(frame, node.value)), node)
            frame.do("setitem", (container, index, new), node)
        case ast.Attribute():
            owner = expression(frame, target.value)
            old = frame.emit("getattr", (owner,), target, {"name": target.attr})
            new = frame.emit(opcode, (old, expression(frame, node.value)), node)
            frame.do("setattr", (owner, new), node, {"name": target.attr})


def definition(frame: Frame, node: ast.FunctionDef) -> None:
    frame.store(node.name, frame.program.nested(frame, node), node)


def nothing(frame: Frame, node: ast.stmt) -> None:
    """`pass`, and declarations that the scope has taken in."""


def assert_(frame: Frame, node: ast.Assert) -> Flow:
    """`if not test: raise AssertionError(message)`."""
    error: ast.expr = apply("global AssertionError", [], node)
    if node.msg is not None:
        error = ast.copy_location(ast.Call(error, [node.msg], []), node)
    fails = ast.copy_location(ast.Raise(error), node)
    return if_else(frame, ast.copy_location(ast.If(node.test, [], [fails]), node), [], [fails])


def raise_(frame: Frame, node: ast.Raise) -> Flow:
    """Control goes no further; on this path nobody reads a name again."""
    assert node.exc is not None
    frame.do("raise", (expression(frame, node.exc),), node)
    return Flow(False)


# ---- leaving -----------------------------------------------------------------------------------


def return_(frame: Frame, node: ast.Return) -> Flow:
    value = literal(None) if node.value is None else expression(frame, node.value)
    for name, v in ((RESULT, value), (RETURNED, TRUE), (STOP, TRUE), (OUT, TRUE)):
        frame.env.set(name, v)
    return Flow(False, RETURNS)


def break_(frame: Frame, node: ast.Break) -> Flow:
    frame.env.set(STOP, TRUE)
    frame.env.set(OUT, TRUE)
    return Flow(False, frozenset({"break"}))


def continue_(frame: Frame, node: ast.Continue) -> Flow:
    frame.env.set(OUT, TRUE)
    return Flow(False, frozenset({"continue"}))


# ---- branches ----------------------------------------------------------------------------------


def conditional(frame: Frame, node: ast.If) -> Flow:
    return if_else(frame, node, node.body, node.orelse)


def if_else(frame: Frame, node: ast.If, then: list[ast.stmt], other: list[ast.stmt]) -> Flow:
    condition = expression(frame, node.test)
    return branch(frame, condition, (lambda: block(frame, then), lambda: block(frame, other)), node)


def always_leaves(body: list[ast.stmt]) -> bool:
    """Whether control never reaches the end of these statements."""
    for node in body:  # not `any(map(...))`, which takes C stack along an `elif` chain
        if leaves(node):
            return True
    return False


def leaves(node: ast.stmt) -> bool:
    match node:
        case ast.Return() | ast.Break() | ast.Continue():
            return True
        case ast.If():
            return always_leaves(node.body) and always_leaves(node.orelse)
        case ast.While() | ast.For():
            if holds(node.body, ast.Break):
                return False
            return endless(node) or always_leaves(node.orelse)
    return False


def endless(node: ast.While | ast.For) -> bool:
    """A loop that ends only by being left."""
    return (
        isinstance(node, ast.While)
        and isinstance(node.test, ast.Constant)
        and bool(node.test.value)
    )


def holds(body: list[ast.stmt], kind: type[ast.Break] | type[ast.Return]) -> bool:
    """Whether statements hold a `return`, or a `break` of the loop around them."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, kind):
            return True
        if isinstance(node, (ast.FunctionDef, ast.expr)):
            continue
        if isinstance(node, (ast.For, ast.While)) and kind is ast.Break:
            stack.extend(node.orelse)
        else:
            stack.extend(ast.iter_child_nodes(node))
    return False


# ---- loops -------------------------------------------------------------------------------------


def while_(frame: Frame, node: ast.While) -> Flow:
    if any(isinstance(n, (ast.NamedExpr, Steps)) for n in ast.walk(node.test)):
        return while_(frame, test_inside(frame, node))
    return Loop(frame, node).lower()


def for_(frame: Frame, node: ast.For) -> Flow:
    return Loop(frame, node).lower()


def test_inside(frame: Frame, node: ast.While) -> ast.While:
    """`while (x := g()): ...` as `while True` with a `break`: the test region binds no names."""
    if any(holds(node.orelse, k) for k in (ast.Break, ast.Continue)):  # type: ignore[arg-type]
        raise Error(
            "E01",
            frame.loc(node),
            "a `while` with `:=` in its test and an `else` that leaves another loop",
            "both cannot be told apart",
            "assign before the test",
        )
    leave = [*node.orelse, ast.copy_location(ast.Break(), node)]
    first = ast.copy_location(ast.If(node.test, [ast.copy_location(ast.Pass(), node)], leave), node)
    true = ast.copy_location(ast.Constant(True), node)
    return ast.copy_location(ast.While(true, [first, *node.body], []), node)


class Loop:
    """One `while` or `for` while it is lowered."""

    def __init__(self, frame: Frame, node: ast.While | ast.For) -> None:
        self.frame, self.node = frame, node
        self.breaks, self.returns = holds(node.body, ast.Break), holds(node.body, ast.Return)
        self.stops = self.breaks or self.returns
        targets: list[ast.AST] = [node.target] if isinstance(node, ast.For) else []
        names = [n for n in assigned([*targets, *node.body]) if frame.owner(n) is frame]
        self.names = [n for n in names if n not in frame.cells]
        if self.returns:
            # without a `break` the loop is left by `return` only: `stop` says so
            self.names += [RETURNED, RESULT] if self.breaks else [RESULT]

    def lower(self) -> Flow:
        frame, node, loc = self.frame, self.node, self.frame.loc(self.node)
        iterable = () if isinstance(node, ast.While) else (expression(frame, node.iter),)
        inits = [frame.env.get(n) for n in self.names]
        params = tuple(self.value(n) for n in self.names)
        frame.maybe |= {p for p, i in zip(params, inits, strict=True) if frame.unbound(i)}
        outer, mark = frame.ops, frame.env.mark()
        for name, param in zip(self.names, params, strict=True):
            frame.env.set(name, param)
        stays(frame)
        regions = [self.test(params)] if isinstance(node, ast.While) else []
        regions.append(self.body(params))
        outs = [frame.env.get(n) for n in self.names]
        frame.ops = outer
        frame.env.rewind(mark)
        results = tuple(self.value(n) for n in self.names)
        for k, result in enumerate(results):
            if endless(node) and not frame.unbound(outs[k]) and unused(params[k], regions):
                # the body runs at least once and binds the name before it is read
                inits[k] = UNDEF_VALUE if inits[k] == UNBOUND_VALUE else inits[k]
            elif params[k] in frame.maybe:
                frame.maybe.add(result)
        stop = (Value(NONE, "stop"),) if self.stops else ()
        n = len(self.names)
        frame.ops.append(
            Op(
                "while" if isinstance(node, ast.While) else "for",
                (*iterable, *inits),
                (*stop, *results),
                {"makes": node.what} if isinstance(node, Unrolled) else None,
                tuple(regions),
                loc,
                (n,) if isinstance(node, ast.While) else (1, n),
            )
        )
        for name, result in zip(self.names, results, strict=True):
            frame.env.set(name, result)
        return self.after(stop[0] if stop else None)

    def value(self, name: str) -> Value:
        return Value(NONE, shown(name))

    def test(self, params: tuple[Value, ...]) -> Block:
        assert isinstance(self.node, ast.While)
        ops: list[Op] = []
        self.frame.ops = ops
        condition = expression(self.frame, self.node.test)
        self.frame.do("test", (condition,), self.node)
        return Block(params, tuple(ops))

    def body(self, params: tuple[Value, ...]) -> Block:
        frame, node = self.frame, self.node
        ops: list[Op] = []
        frame.ops = ops
        if isinstance(node, ast.For):
            plain = isinstance(node.target, ast.Name)
            element = Value(NONE, shown(node.target.id) if plain else "")  # type: ignore[attr-defined]
            params = (element, *params)
            assign(frame, node.target, element)
        block(frame, node.body)
        outs = tuple(frame.env.get(n) for n in self.names)
        stop = (frame.env.get(STOP),) if self.stops else ()
        frame.do("next", (*stop, *outs), node, groups=(len(stop) + len(outs), 0))
        return Block(params, tuple(ops))

    def after(self, stop: Value | None) -> Flow:
        """What follows the loop: whether it has returned, and its `else`."""
        frame, node = self.frame, self.node
        leaves = RETURNS if self.returns else frozenset[str]()
        returned = (frame.env.get(RETURNED) if self.breaks else stop) if self.returns else None
        if returned is not None:
            for flag in (OUT, RETURNED, STOP):
                frame.env.set(flag, returned)
        if endless(node) and not self.breaks:
            has_left(frame, RETURNS)
            return Flow(False, leaves)
        if not node.orelse:
            return Flow(True, leaves)
        if stop is None:
            return block(frame, node.orelse)

        def left() -> Flow:
            return Flow(True, leaves) if self.breaks else has_left(frame, RETURNS)

        def ran_out() -> Flow:
            stays(frame)
            return block(frame, node.orelse)

        return branch(frame, stop, (left, ran_out), node)


def unused(param: Value, regions: list[Block]) -> bool:
    """Whether a carry is never read inside its loop."""
    inside = [Block((), region.ops) for region in regions]
    return param not in free_values(*inside)


STATEMENTS: dict[type[ast.stmt], Callable[[Frame, Any], Flow | None]] = {
    ast.Expr: bare,
    ast.Assign: assignment,
    ast.AnnAssign: annotated,
    ast.AugAssign: augmented,
    ast.FunctionDef: definition,
    ast.Pass: nothing,
    ast.Nonlocal: nothing,
    ast.Global: nothing,
    ast.Return: return_,
    ast.Break: break_,
    ast.Continue: continue_,
    ast.If: conditional,
    ast.While: while_,
    ast.For: for_,
    Unrolled: for_,
    ast.Raise: raise_,
    ast.Assert: assert_,
}
