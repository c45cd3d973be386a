"""Folding: what an op is worth when its operands, or the ops behind them, are known.

Identities are strict: they hold bit for bit, for nan, infinities and signed zeros too. `x * 1.0`,
`x / 1.0`, `x - 0.0`, `x + (-0.0)` and `-(-x)` are x; `x + 0.0` is not (it turns -0.0 into 0.0),
nor is `0.0 - x` the same as `-x`.  An op marked {fast} (adjoint arithmetic) may ignore the sign
of zero, so there these fold, too.

Arrays are values, so the usual laws hold: get(set(a, i, v), i) = v; set(set(a, i, _), i, v) =
set(a, i, v); set(a, i, get(a, i)) = a; add_at(set(a, i, u), i, v) = set(a, i, u + v);
accum(zeros, w) = w; unbox(box(v)) = v.
Comparisons of ints that loops and lengths make certain (`ranges.py`) are literals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .core import Literal, Module, Op, Operand, Value, literal, zero_literal
from .ops import ARRAY_UPDATES, CONVERSIONS, TABLE, evaluate, is_literal
from .ranges import below
from .types import BOOL, C128, F32, F64, I64, NARROW, Array, Scalar, wide

if TYPE_CHECKING:
    from .builder import Builder

Folded = tuple[Operand, ...] | None
Rule = Callable[["Builder", tuple[Operand, ...], Mapping[str, Any]], Folded]


def fold(
    b: Builder, opcode: str, operands: tuple[Operand, ...], attrs: Mapping[str, Any]
) -> Folded:
    """Operands that equal the op's results; None where it must be emitted."""
    if operands and all(type(v) is Literal for v in operands):
        known = constant(opcode, operands, attrs)
        if known is not None:
            return (known,)
    rule = RULES.get(opcode)
    return rule(b, operands, attrs) if rule else None


def constant(
    opcode: str, operands: tuple[Operand, ...], attrs: Mapping[str, Any]
) -> Literal | None:
    """The literal result of a scalar op on literals; None if it has none (an int too large)."""
    row = TABLE.get(opcode)
    if row is None or row.rule is None or (row.meaning is None and opcode not in CONVERSIONS):
        return None
    values = [v.value for v in operands if isinstance(v, Literal)]
    try:
        t = row.rule(NO_MODULE, [v.type for v in operands], attrs)[0]
        if not isinstance(t, Scalar) or t not in (F64, I64, BOOL, C128):
            return None
        return Literal(evaluate(opcode, values, attrs, t), t)
    except (ArithmeticError, ValueError, TypeError):
        return None  # its check has not passed, or it raises at run time


def behind(b: Builder, v: Operand, *opcodes: str) -> Op | None:
    """The op that defines v, if it is one of these."""
    op = b.definer.get(v) if type(v) is Value else None
    return op if op is not None and op.opcode in opcodes else None


def same(x: Operand, y: Operand) -> bool:
    return x is y or (type(x) is Literal and x == y)


def again(b: Builder, opcode: str, attrs: Mapping[str, Any], *operands: Operand) -> Folded:
    return b.emit(opcode, operands, attrs)


def add(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    x, y = v
    for p, q in ((x, y), (y, x)):
        if is_literal(q, -0.0) or is_literal(q, 0):
            return (p,)
        if attrs.get("fast") and (is_literal(q, 0.0) or is_literal(q, 0j)):
            return (p,)
    if x.type == F64:
        if n := behind(b, y, "neg"):
            return again(b, "sub", attrs, x, n.operands[0])
        if n := behind(b, x, "neg"):
            return again(b, "sub", attrs, y, n.operands[0])
    return None


def sub(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    x, y = v
    if is_literal(y, 0.0) or is_literal(y, 0):
        return (x,)
    if x.type == F64:
        if attrs.get("fast") and is_literal(x, 0.0):
            return again(b, "neg", attrs, y)
        if n := behind(b, y, "neg"):
            return again(b, "add", attrs, x, n.operands[0])
    return None


def mul(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    for p, q in (v, v[::-1]):
        if is_literal(q, 1.0) or is_literal(q, 1):
            return (p,)
        if is_literal(q, -1.0):
            return again(b, "neg", attrs, p)
        if q.type == F64 and (n := behind(b, q, "neg")):
            inner = b.emit("mul", (n.operands[0], p), attrs)
            return again(b, "neg", attrs, inner[0])
    return None


def div(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    x, y = v
    if is_literal(y, 1.0):
        return (x,)
    for n, pair in ((behind(b, x, "neg"), 0), (behind(b, y, "neg"), 1)):
        if n:
            positive = (n.operands[0], y) if pair == 0 else (x, n.operands[0])
            return again(b, "neg", attrs, b.emit("div", positive, attrs)[0])
    return None


def neg(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    if v[0].type != F64:
        return None
    if n := behind(b, v[0], "neg"):
        return (n.operands[0],)
    if attrs.get("fast") and (n := behind(b, v[0], "sub")) and n.attrs.get("fast"):
        return again(b, "sub", attrs, n.operands[1], n.operands[0])
    return None


def pow_(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    if is_literal(v[1], 1.0) or is_literal(v[1], 1):
        return (v[0],)
    if is_literal(v[1], 0.0):
        return (literal(1.0),)
    return None


def select(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    c, x, y = v
    if type(c) is Literal:
        return (x if c.value else y,)
    if same(x, y):
        return (x,)
    return select_bool(b, c, x, y) if x.type == BOOL else None


def select_bool(b: Builder, c: Operand, x: Operand, y: Operand) -> Folded:
    """A choice between bools of which one is known is logic."""
    if is_literal(x, True) and is_literal(y, False):
        return (c,)
    if is_literal(x, False) and is_literal(y, True):
        return again(b, "not", {}, c)
    if is_literal(x, False):
        return again(b, "and", {}, b.op("not", c), y)
    if is_literal(y, False):
        return again(b, "and", {}, c, x)
    if is_literal(x, True):
        return again(b, "or", {}, c, y)
    return None


def not_(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    n = behind(b, v[0], "not")
    return (n.operands[0],) if n else None


def logical(absorbing: bool) -> Rule:
    """`and` absorbs False and has the unit True; `or` the other way."""

    def rule(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
        for p, q in (v, v[::-1]):
            if is_literal(q, absorbing):
                return (q,)
            if is_literal(q, not absorbing):
                return (p,)
        return (v[0],) if same(*v) else None

    return rule


def ordered(swapped: bool, strict: bool) -> Rule:
    """A comparison of ints that is certain: `lt` is strict, `gt` swapped; a float may be nan."""

    def rule(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
        if v[0].type != I64:
            return None
        x, y = v[::-1] if swapped else v
        if below(b, x, y, 0 if strict else 1):
            return (literal(True),)
        return (literal(False),) if below(b, y, x, 1 if strict else 0) else None

    return rule


def equality(holds: bool) -> Rule:
    """Whether two ints are the same, or not, where that is certain."""

    def rule(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
        if v[0].type != I64:
            return None
        if same(*v):
            return (literal(holds),)
        apart = below(b, v[0], v[1]) or below(b, v[1], v[0])
        return (literal(not holds),) if apart else None

    return rule


def convert(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    return (v[0],) if v[0].type == attrs["to"] else None


def part(k: int) -> Rule:
    def rule(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
        n = behind(b, v[0], "complex")
        return (n.operands[k],) if n else None

    return rule


def fit(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    if attrs["to"] == v[0].type:
        return (v[0],)
    op = b.definer.get(v[0]) if type(v[0]) is Value else None
    if op is None:
        return None
    if op.opcode == "fit" and op.attrs["to"] == attrs["to"]:
        return (v[0],)
    held = op.operands[0].type if op.opcode == "get" else None
    return (v[0],) if isinstance(held, Array) and held.elem == attrs["to"] else None


def get(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    elem = v[0].type.elem if isinstance(v[0].type, Array) else F64
    if behind(b, v[0], "zeros", "zeros_like"):
        return (zero_literal(wide(elem)),) if elem in (F64, F32, C128) else None
    if (n := behind(b, v[0], "set")) and all(map(same, n.operands[1:-1], v[1:])):
        put = n.operands[-1]
        return again(b, "fit", {"to": elem}, put) if elem in NARROW else (put,)
    return None


def set_(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    n = behind(b, v[0], "set")
    if n and all(map(same, n.operands[1:-1], v[1:-1])):
        return again(b, "set", attrs, n.operands[0], *v[1:])
    n = behind(b, v[-1], "get")
    if n and n.operands[0] is v[0] and all(map(same, n.operands[1:], v[1:-1])):
        return (v[0],)  # what stands there already
    return None


def add_at(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    n = behind(b, v[0], "set")
    if n and all(map(same, n.operands[1:-1], v[1:-1])):
        total = b.emit("add", (n.operands[-1], v[-1]), {"fast": True})
        return again(b, "set", attrs, *n.operands[:-1], total[0])
    return None


def accum(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    if v[0].type in (F64, C128):
        return again(b, "add", {"fast": True}, *v)
    for p, q in (v, v[::-1]):
        if behind(b, q, "zeros", "zeros_like", "null"):
            return (p,)
    return None


def known_shape(b: Builder, v: Operand) -> Operand | None:
    """What a loop or branch has made this of by updates only."""
    return b.shapes.get(v) if type(v) is Value else None


def length(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    if n := behind(b, v[0], *ARRAY_UPDATES):
        return again(b, "len", attrs, n.operands[0])
    if n := behind(b, v[0], "zeros"):
        return (n.operands[attrs.get("axis", 0)],)
    if (before := known_shape(b, v[0])) is not None:
        return again(b, "len", attrs, before)
    return None


def zeros_like(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    """Zeros of what has the same shape, so that an updated array is not kept for its shape."""
    if n := behind(b, v[0], *ARRAY_UPDATES, "zeros_like"):
        return again(b, "zeros_like", attrs, n.operands[0])
    if n := behind(b, v[0], "zeros"):
        assert isinstance(v[0].type, Array)
        narrow = {"elem": wide(v[0].type.elem)}
        return again(b, "zeros", narrow if v[0].type.elem in NARROW else n.attrs, *n.operands)
    if (before := known_shape(b, v[0])) is not None:
        return again(b, "zeros_like", attrs, before)
    return None


def unbox(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    n = behind(b, v[0], "box")
    return n.operands if n else None


def is_null(b: Builder, v: tuple[Operand, ...], attrs: Mapping[str, Any]) -> Folded:
    n = behind(b, v[0], "box", "null")
    return (literal(n.opcode == "null"),) if n else None


NO_MODULE = Module()
RULES: dict[str, Rule] = {
    "add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "pow": pow_, "select": select,
    "not": not_, "and": logical(False), "or": logical(True), "convert": convert, "fit": fit,
    "real": part(0), "imag": part(1),
    "get": get, "set": set_, "add_at": add_at, "accum": accum, "len": length,
    "zeros_like": zeros_like, "unbox": unbox, "is_null": is_null, "eq": equality(True),
    "ne": equality(False), "lt": ordered(False, True), "le": ordered(False, False),
    "gt": ordered(True, True), "ge": ordered(True, False),
}  # fmt: skip
