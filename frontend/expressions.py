"""Expressions to generic SSA: an opcode is Python's operator, in Python's order of evaluation."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

from ..ir.core import Op, Operand, Value, literal
from ..ir.types import NONE
from .branches import choose
from .desugar import Apply, Steps, Undefined
from .errors import Error
from .frame import UNDEF_VALUE, Frame

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
}
UNARY: dict[type[ast.unaryop], str] = {
    ast.USub: "neg",
    ast.UAdd: "pos",
    ast.Invert: "invert",
    ast.Not: "not_",
}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Is: "is_",
    ast.IsNot: "is_not",
}


def expression(frame: Frame, node: ast.expr) -> Operand:
    """Lower an expression; its value."""
    handler = EXPRESSIONS.get(type(node))
    if handler is None:
        raise Error(
            "E01",
            frame.loc(node),
            f"an expression of the kind `{type(node).__name__}`",
            "it is not part of the language",
            "write it with operators, calls and tuples",
        )
    return handler(frame, node)


def constant(frame: Frame, node: ast.Constant) -> Operand:
    if node.value is ...:
        return frame.emit("global", (), node, {"name": "Ellipsis"})
    return literal(node.value)


def name(frame: Frame, node: ast.Name) -> Operand:
    return frame.load(node.id, node)


def binary(frame: Frame, node: ast.BinOp) -> Operand:
    left = expression(frame, node.left)
    return frame.emit(BINARY[type(node.op)], (left, expression(frame, node.right)), node)


def unary(frame: Frame, node: ast.UnaryOp) -> Operand:
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        # `-1.0` is a number to the reader, as it is to CPython's compiler
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return literal(-value)
    return frame.emit(UNARY[type(node.op)], (expression(frame, node.operand),), node)


def boolean(frame: Frame, node: ast.BoolOp, first: int = 0) -> Operand:
    """`and` and `or` have the value of the operand that decides."""
    value = expression(frame, node.values[first])
    if first + 1 == len(node.values):
        return value

    def more() -> Operand:
        return boolean(frame, node, first + 1)

    def same() -> Operand:
        return value

    arms = (more, same) if isinstance(node.op, ast.And) else (same, more)
    return choose(frame, value, *arms, node.values[first])


def compare(frame: Frame, node: ast.Compare) -> Operand:
    return chain(frame, node, expression(frame, node.left), 0)


def chain(frame: Frame, node: ast.Compare, left: Operand, k: int) -> Operand:
    """`a < b < c` evaluates b once, and c only if `a < b`."""
    right = expression(frame, node.comparators[k])
    held = one_comparison(frame, node.ops[k], left, right, node)
    if k + 1 == len(node.ops):
        return held
    return choose(frame, held, lambda: chain(frame, node, right, k + 1), lambda: held, node)


def one_comparison(
    frame: Frame, op: ast.cmpop, left: Operand, right: Operand, node: ast.Compare
) -> Operand:
    if isinstance(op, (ast.In, ast.NotIn)):
        held = frame.emit("contains", (right, left), node)
        return held if isinstance(op, ast.In) else frame.emit("not_", (held,), node)
    return frame.emit(COMPARE[type(op)], (left, right), node)


def conditional(frame: Frame, node: ast.IfExp) -> Operand:
    test = expression(frame, node.test)
    then, other = node.body, node.orelse
    return choose(
        frame, test, lambda: expression(frame, then), lambda: expression(frame, other), node
    )


def tuple_(frame: Frame, node: ast.Tuple | ast.List) -> Operand:
    """A tuple or list; `star` are the places of what stands for all its elements."""
    opcode = "tuple" if isinstance(node, ast.Tuple) else "list"
    parts, attrs = starred(frame, node.elts)
    return frame.emit(opcode, tuple(parts), node, attrs)


def starred(frame: Frame, nodes: list[ast.expr]) -> tuple[list[Operand], dict[str, Any]]:
    """Elements or arguments; `star` are the places of those that are unpacked."""
    star = tuple([k for k, e in enumerate(nodes) if isinstance(e, ast.Starred)])
    values = [expression(frame, e.value if isinstance(e, ast.Starred) else e) for e in nodes]
    return values, {"star": star} if star else {}


def dict_(frame: Frame, node: ast.Dict) -> Operand:
    """A dict: keys and values in turn; where `star` says so the key is None, the value a dict."""
    parts: list[Operand] = []
    for key, value in zip(node.keys, node.values, strict=True):
        parts.append(literal(None) if key is None else expression(frame, key))
        parts.append(expression(frame, value))
    star = tuple([k for k, key in enumerate(node.keys) if key is None])
    return frame.emit("dict", tuple(parts), node, {"star": star} if star else None)


CONVERSIONS = {-1: "", ord("s"): "!s", ord("r"): "!r", ord("a"): "!a"}


def fstring(frame: Frame, node: ast.JoinedStr) -> Operand:
    """`f"{x:.3f} m"` is `fstring %x {text = "{:.3f} m"}`."""
    text, values = "", []
    for part in node.values:
        match part:
            case ast.Constant(value=str() as written):
                text += written.replace("{", "{{").replace("}", "}}")
            case ast.FormattedValue(value=value, conversion=how, format_spec=spec):
                values.append(expression(frame, value))
                text += "{" + CONVERSIONS[how] + format_of(spec) + "}"
    return frame.emit("fstring", tuple(values), node, {"text": text})


def format_of(spec: ast.expr | None) -> str:
    if not isinstance(spec, ast.JoinedStr):
        return ""
    return ":" + "".join(str(p.value) for p in spec.values if isinstance(p, ast.Constant))


def steps(frame: Frame, node: Steps) -> Operand:
    """A comprehension: its loops, then what they made (see `desugar`)."""
    from .control import block

    block(frame, node.body)
    return expression(frame, node.value)


def apply(frame: Frame, node: Apply) -> Operand:
    opcode, _, name = node.opcode.partition(" ")
    if opcode == "global":
        return frame.program.refer(frame, getattr(builtins, name), name, (), node)
    return frame.emit(opcode, tuple(expression(frame, a) for a in node.args), node)


def undefined(frame: Frame, node: Undefined) -> Operand:
    return UNDEF_VALUE


def subscript(frame: Frame, node: ast.Subscript) -> Operand:
    container = expression(frame, node.value)
    return frame.emit("getitem", (container, expression(frame, node.slice)), node)


def slice_(frame: Frame, node: ast.Slice) -> Operand:
    parts = (node.lower, node.upper, node.step)
    bounds = tuple(literal(None) if p is None else expression(frame, p) for p in parts)
    return frame.emit("slice", bounds, node)


def attribute(frame: Frame, node: ast.Attribute) -> Operand:
    """`math.sin` is one global; an attribute of a value is looked up when the program runs."""
    known = frame.program.attribute(frame, node)
    if known is not None:
        return known
    value = expression(frame, node.value)
    return frame.emit("getattr", (value,), node, {"name": node.attr})


def call(frame: Frame, node: ast.Call) -> Operand:
    callee = expression(frame, node.func)
    args, attrs = starred(frame, node.args)
    if is_super(frame, node):
        args = [frame.load("__class__", node), frame.load(frame.first, node)]
    args += [expression(frame, k.value) for k in node.keywords]
    if node.keywords:
        attrs["kw"] = tuple(k.arg or "**" for k in node.keywords)
    return frame.emit("call", (callee, *args), node, attrs or None)


def is_super(frame: Frame, node: ast.Call) -> bool:
    """`super()` stands for `super(__class__, self)`, as Python has it."""
    f = node.func
    bare = isinstance(f, ast.Name) and f.id == "super" and not node.args
    return bare and frame.owner("super") is None and bool(frame.first)


def function(frame: Frame, node: ast.Lambda) -> Operand:
    return frame.program.nested(frame, node)


def walrus(frame: Frame, node: ast.NamedExpr) -> Operand:
    value = expression(frame, node.value)
    frame.store(node.target.id, value, node)
    return value


EXPRESSIONS: dict[type[ast.expr], Callable[[Frame, Any], Operand]] = {
    ast.Constant: constant,
    ast.Name: name,
    ast.BinOp: binary,
    ast.UnaryOp: unary,
    ast.BoolOp: boolean,
    ast.Compare: compare,
    ast.IfExp: conditional,
    ast.Tuple: tuple_,
    ast.List: tuple_,
    ast.Dict: dict_,
    ast.JoinedStr: fstring,
    Steps: steps,
    Apply: apply,
    Undefined: undefined,
    ast.Subscript: subscript,
    ast.Slice: slice_,
    ast.Attribute: attribute,
    ast.Call: call,
    ast.Lambda: function,
    ast.NamedExpr: walrus,
}


def unpack(
    frame: Frame, value: Operand, count: int, node: ast.AST, star: int | None = None
) -> tuple[Value, ...]:
    """Exactly `count` elements of a value; that at `star` is a list of what is left over."""
    results = tuple(Value(NONE) for _ in range(count))
    attrs = None if star is None else {"star": star}
    frame.ops.append(Op("unpack", (value,), results, attrs, loc=frame.loc(node)))
    return results
