"""The table of opcodes: one row each, with type rule, effect, cost and meaning.

The interpreter, the constant folder and the tests share the meaning.  The derivative of an op is a
row of `transforms/rules.py`, its native code a row of `backend/emit.py`, its Python spelling a row
of `frontend/names.py`.

Effects
    pure      may be removed, merged, moved and duplicated
    partial   defined only where its check has passed (or tests itself: the i64 ops below); may be
              removed or merged, moved only to where its check has passed
    raise     may end the function; kept in order, never removed, moved or duplicated
    io        seen from outside; as raise
    call      what the callee's ops have

Costs are in flops; INF is never recomputed.  Opcodes of generic stages (`ssa`, `closed`) are
Python's operators by the names of module `operator`; their rows have no type rule.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import arithmetic as a
from .core import Literal, Module, Op, Operand
from .types import (
    BOOL,
    C128,
    DTYPES,
    F64,
    I64,
    MARK,
    NONE,
    Array,
    Box,
    List,
    Scalar,
    Type,
    cotangent_type,
    wide,
)

INF = float("inf")
Rule = Callable[[Module, Sequence[Type], Mapping[str, Any]], tuple[Type, ...]]


@dataclass(frozen=True)
class Row:
    name: str
    rule: Rule | None  # None: the types stand with the op (calls, regions, generic ops)
    effect: str
    cost: float
    meaning: Callable[..., Any] | None  # None: code of the interpreter (calls, regions, effects)
    generic: bool = False


class TypeRuleError(TypeError):
    """Operands that an opcode does not take."""


# ---- type rules -------------------------------------------------------------------------------


def alike(count: int, to: Type | None = None) -> Rule:
    """So many operands of one scalar type; the result has that type, or `to`."""

    def rule(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
        if len(t) != count or any(u != t[0] for u in t) or not isinstance(t[0], Scalar):
            raise TypeRuleError(f"{count} of one scalar type, not {', '.join(map(str, t))}")
        return (to or t[0],)

    return rule


def of(*operands: Type, to: Type) -> Rule:
    """Exactly these operand types."""

    def rule(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
        if tuple(t) != operands:
            raise TypeRuleError(f"{', '.join(map(str, operands))}, not {', '.join(map(str, t))}")
        return (to,)

    return rule


def divided(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if len(t) != 2 or t[0] != t[1] or t[0] not in (F64, C128):
        raise TypeRuleError(f"two f64 or two c128, not {', '.join(map(str, t))}")
    return (t[0],)


def selected(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if len(t) != 3 or t[0] != BOOL or t[1] != t[2]:
        raise TypeRuleError(f"a bool and two of one type, not {', '.join(map(str, t))}")
    return (t[1],)


def converted(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if len(t) != 1 or not isinstance(t[0], Scalar) or not isinstance(attrs.get("to"), Scalar):
        raise TypeRuleError("one scalar, and the type in {to}")
    return (attrs["to"],)


def rounded(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    to = attrs.get("to")
    if not isinstance(to, Scalar) or len(t) != 1 or t[0] != wide(to):
        raise TypeRuleError("one f64 or i64, and the type in {to}")
    return (t[0],)


def indexed(values: int) -> Rule:
    """An array, an i64 per axis, then `values` elements; the result is an element or the array.

    Elements are f64, i64 or bool: narrow ones are widened when read, narrowed when written.
    """

    def rule(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
        if not t or not isinstance(t[0], Array):
            raise TypeRuleError("an array first")
        expected = [I64] * t[0].rank + [wide(t[0].elem)] * values
        if list(t[1:]) != expected:
            raise TypeRuleError(f"{', '.join(map(str, expected))} after the array")
        return (Array(t[0].elem, t[0].rank),) if values else (wide(t[0].elem),)

    return rule


def measured(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if len(t) != 1 or not isinstance(t[0], (Array, List)):
        raise TypeRuleError("one array or list")
    return (I64,)


def zeroed(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if any(u != I64 for u in t):
        raise TypeRuleError("an i64 per axis")
    return (Array(attrs.get("elem", F64), len(t)),)


def zeros_of(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    ct = cotangent_type(t[0]) if len(t) == 1 and isinstance(t[0], (Array, List)) else None
    if ct is None:
        raise TypeRuleError("one array or list of floats")
    return (ct,)


def multiplied(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    plain = all(isinstance(u, Array) and u.elem == F64 and not u.strided for u in t)
    ranks = tuple([u.rank for u in t if isinstance(u, Array)])
    if not plain or ranks not in PRODUCTS:
        raise TypeRuleError("three f64 arrays: matrices, or a matrix and two vectors")
    return (t[0],)


PRODUCTS = frozenset(
    {(2, 2, 2), (1, 2, 1), (2, 1, 1)}
)  # a product of matrices, with a vector, outer


def accumulated(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if len(t) != 2 or t[0] != t[1]:
        raise TypeRuleError("two cotangents of one type")
    return (t[0],)


def boxed(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    fields = record_types(m, attrs["record"])
    if tuple(t) != fields:
        raise TypeRuleError(
            f"the fields {', '.join(map(str, fields))}, not {', '.join(map(str, t))}"
        )
    return (Box(attrs["record"]),)


def unboxed(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    if len(t) != 1 or not isinstance(t[0], Box):
        raise TypeRuleError("one box")
    return record_types(m, t[0].record)


def null_typed(m: Module, t: Sequence[Type], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    return (attrs["type"],)


def record_types(m: Module, name: str) -> tuple[Type, ...]:
    """Field types of a record; those of `r.ct` are the cotangents of r's fields."""
    if name in m.records:
        return m.records[name].types
    if name.endswith(".ct"):
        fields = record_types(m, name.removesuffix(".ct"))
        return tuple(c for c in map(cotangent_type, fields) if c is not None)
    raise TypeRuleError(f"no record @{name}")


# ---- meanings of array and box ops ------------------------------------------------------------


def get(x: Any, *index: int) -> Any:
    return x[index].item()


def put(x: Any, *rest: Any) -> Any:
    y = x.copy()
    y[rest[:-1]] = narrowed(rest[-1], x.dtype)
    return y


def narrowed(value: Any, to: np.dtype[Any]) -> Any:
    """A number as an element of an array: floats are rounded, ints wrap, as C's casts do."""
    with np.errstate(over="ignore"):
        return np.asarray(value).astype(to)


def add_at(x: Any, *rest: Any) -> Any:
    y = x.copy()
    y[rest[:-1]] += rest[-1]
    return y


def accum(x: Any, y: Any) -> Any:
    """Sum of two cotangents of one structure; null is zero."""
    if x is None or y is None:
        return y if x is None else x
    if isinstance(x, (tuple, list)):
        return type(x)(map(accum, x, y))
    if isinstance(x, np.ndarray) and x.shape != y.shape:
        if y.size:  # NumPy would spread one over the other
            raise SystemError("cotangents of two shapes")
        return x  # an empty array stands for zeros
    return x + y


def gemm(c: Any, a: Any, b: Any, transposed: str = "") -> Any:
    """c + a b, of a or b transposed where their letters say so; of two vectors a b'."""
    a, b = a.T if "a" in transposed else a, b.T if "b" in transposed else b
    return c + (np.outer(a, b) if a.ndim == b.ndim == 1 else a @ b)


def zeros_like(x: Any) -> Any:
    """Zeros of the shape of an array or, deep, of a list; that of a box or of null is null."""
    if x is None or isinstance(x, tuple):
        return None
    return (
        [zeros_like(v) for v in x]
        if isinstance(x, list)
        else np.zeros(x.shape, x.dtype if x.dtype.kind == "c" else float)
    )


# ---- the table --------------------------------------------------------------------------------

TABLE: dict[str, Row] = {}


def row(
    name: str,
    rule: Rule | None,
    meaning: Callable[..., Any] | None,
    cost: float = 1,
    effect: str = "pure",
) -> None:
    if name in TABLE:
        raise ValueError(f"opcode {name} has two rows")
    TABLE[name] = Row(name, rule, effect, cost, meaning)


same, same1, compared = alike(2), alike(1), alike(2, BOOL)
f1, f2, test1 = of(F64, to=F64), of(F64, F64, to=F64), of(F64, to=BOOL)

# fmt: off
# arithmetic: f64 and i64; i64 without {exact} tests itself and is partial
row("add",   same, operator.add)
row("sub",   same, operator.sub)
row("mul",   same, a.times)
row("neg",   same1, operator.neg)
row("abs",   same1, abs)
row("div",   divided, a.div, 4)
row("floordiv", same, a.floordiv, 8)
row("mod",   same, a.mod, 8)
row("pow",   same, a.pow_, 30)
row("min",   same, a.minimum)
row("max",   same, a.maximum)
row("sign",  f1,   a.sign)
row("stop_gradient", f1, float)
row("fit",   rounded, None)
# complex numbers, in the convention of `rules`
row("complex", of(F64, F64, to=C128), complex)
row("real",  of(C128, to=F64), lambda z: z.real)
row("imag",  of(C128, to=F64), lambda z: z.imag)
# comparison and truth
row("eq",    compared, operator.eq)
row("ne",    compared, operator.ne)
row("lt",    compared, operator.lt)
row("le",    compared, operator.le)
row("gt",    compared, operator.gt)
row("ge",    compared, operator.ge)
row("not",   of(BOOL, to=BOOL), operator.not_)
row("select", selected, lambda c, x, y: x if c else y)
row("convert", converted, None)
# bits: i64 and bool
row("and",   same, operator.and_)
row("or",    same, operator.or_)
row("xor",   same, operator.xor)
row("invert", of(I64, to=I64), operator.invert)
row("shl",   of(I64, I64, to=I64), a.shl)
row("shr",   of(I64, I64, to=I64), a.shr, effect="partial")
# mathematics: f64
row("sin",   f1, a.at_pole(math.sin), 14)
row("cos",   f1, a.at_pole(math.cos), 14)
row("tan",   f1, a.at_pole(math.tan), 20)
row("asin",  f1, a.at_pole(math.asin), 20)
row("acos",  f1, a.at_pole(math.acos), 20)
row("atan",  f1, math.atan, 20)
row("sinh",  f1, a.sinh, 20)
row("cosh",  f1, a.at_pole(math.cosh), 20)
row("tanh",  f1, math.tanh, 15)
row("asinh", f1, math.asinh, 20)
row("acosh", f1, a.at_pole(math.acosh), 20)
row("atanh", f1, a.atanh, 20)
row("exp",   f1, a.at_pole(math.exp), 12)
row("exp2",  f1, a.at_pole(math.exp2), 12)
row("expm1", f1, a.at_pole(math.expm1), 15)
row("log",   f1, a.log_like(math.log, 0.0), 12)
row("log1p", f1, a.log_like(math.log1p, -1.0), 15)
row("log2",  f1, a.log_like(math.log2, 0.0), 12)
row("log10", f1, a.log_like(math.log10, 0.0), 12)
row("sqrt",  f1, a.at_pole(math.sqrt), 5)
row("cbrt",  f1, math.cbrt, 20)
row("erf",   f1, math.erf, 20)
row("erfc",  f1, math.erfc, 20)
row("gamma", f1, a.gamma, 60)
row("lgamma", f1, a.at_pole(math.lgamma, math.inf), 60)
row("polygamma", of(I64, F64, to=F64), a.polygamma, 60)
row("atan2", f2, math.atan2, 25)
row("hypot", f2, math.hypot, 12)
row("copysign", f2, math.copysign)
row("fmod",  f2, a.fmod, 8)
row("floor", f1, a.whole(math.floor))
row("ceil",  f1, a.whole(math.ceil))
row("trunc", f1, a.whole(math.trunc))
row("round", f1, a.whole(round))
row("isnan", test1, math.isnan)
row("isinf", test1, math.isinf)
row("isfinite", test1, math.isfinite)
# arrays; those whose index is not checked by a `check` before are undefined, hence partial
row("get",   indexed(0), get, 1, "partial")
row("set",   indexed(1), put, INF, "partial")
row("add_at", indexed(1), add_at, INF, "partial")
row("len",   measured, None, 1)
row("zeros", zeroed, None, INF)
row("zeros_like", zeros_of, zeros_like, INF)
row("accum", accumulated, accum, INF)
row("gemm",  multiplied, None, INF, "partial")
# boxes
row("box",   boxed, lambda *fields: fields, INF)
row("unbox", unboxed, None, 2, "partial")
row("null",  null_typed, lambda: None, INF)
row("is_null", None, lambda b: b is None)
# derivatives, expanded in stage `ad`
row("vjp",   None, None, INF, "call")
row("jvp",   None, None, INF, "call")
row("pull",  None, None, INF)
# control
row("call",  None, None, INF, "call")
row("if",    None, None, INF)
row("for",   None, None, INF)
row("while", None, None, INF)
row("yield", None, None, INF)
row("next",  None, None, INF)
row("test",  None, None, INF)
row("return", None, None, INF)
row("unreachable", None, None, INF)
# effects
row("check", None, None, INF, "raise")
row("print", None, None, INF, "io")
# placement, at stage `memory` only
row("mark",  of(to=MARK), None, INF, "io")
row("release", None, None, INF, "io")
row("copy",  None, lambda x: x.copy(), INF)
# fmt: on

TOO_LARGE = "integer overflow: the result does not fit in 64 bits"
CHECKED_INT = frozenset({"add", "sub", "mul", "neg", "abs", "shl", "pow"})
DIVISIONS = frozenset({"floordiv", "mod"})
ENDS = frozenset({"yield", "next", "test", "return", "unreachable"})
ARRAY_UPDATES = frozenset({"set", "add_at", "accum", "gemm"})  # of the first operand
COMMUTATIVE = frozenset({"add", "mul", "and", "or", "xor", "eq", "ne"})
# floats of these are the same in fwd and bwd, so a test on them may be recomputed
REPEATABLE = frozenset(
    {
        "add", "sub", "mul", "div", "neg", "abs", "min", "max", "sign", "sqrt", "eq", "ne", "lt",
        "le", "gt", "ge", "not", "and", "or", "xor", "invert", "shl", "shr", "select", "convert",
        "fit",
        "floor", "ceil", "trunc", "round", "isnan", "isinf", "isfinite", "copysign", "get", "len",
        "floordiv", "mod", "pow", "complex", "real", "imag",
    }
)  # fmt: skip

# ---- generic opcodes: Python's operators ------------------------------------------------------

OPERATORS = (
    "add sub mul truediv floordiv mod pow matmul lshift rshift and_ or_ xor neg pos invert not_ "
    "lt le gt ge eq ne is_ is_not contains iadd isub imul itruediv ifloordiv imod ipow imatmul "
    "ilshift irshift iand ior ixor getitem setitem"
).split()
OTHERS = (
    "getattr setattr slice tuple list unpack global closure def self cell cell_get cell_set bound "
    "raise dict append with_item fstring"
).split()
GENERIC: dict[str, Row] = {
    n: Row(n, None, "io", INF, getattr(operator, n), True) for n in OPERATORS
} | {n: Row(n, None, "io", INF, None, True) for n in OTHERS}


def operand_types(operands: Sequence[Operand]) -> tuple[Type, ...]:
    return tuple(v.type for v in operands)


def infer(
    m: Module, opcode: str, operands: Sequence[Operand], attrs: Mapping[str, Any]
) -> tuple[Type, ...]:
    """Result types by the row's rule; TypeRuleError where the operands do not fit."""
    rule = TABLE[opcode].rule
    if rule is None:
        raise TypeRuleError(f"{opcode} has no type rule: its types stand with it")
    return rule(m, operand_types(operands), attrs)


def effect(op: Op) -> str:
    """pure, partial, raise, io or call: a function of opcode, types and attributes.

    An op with regions is what its ops are: see `transforms.effects` of the reader's pass.
    """
    name = op.opcode
    if name in CHECKED_INT and op.results and op.results[0].type == I64:
        return "pure" if op.attrs.get("exact") else "partial"
    if name in DIVISIONS and op.results[0].type == I64:
        return "partial"
    if name == "convert" and op.attrs["to"] == I64 and op.operands[0].type == F64:
        return "partial"
    return TABLE[name].effect


def overflows(t: Type, value: Any) -> bool:
    """Whether a result of this type lies outside i64."""
    return t == I64 and not a.I64_MIN <= value <= a.I64_MAX


def evaluate(opcode: str, operands: Sequence[Any], attrs: Mapping[str, Any], t: Type) -> Any:
    """The meaning of a scalar op on Python numbers; OverflowError where an i64 result is too
    large.
    """
    if opcode in CONVERSIONS:
        return CONVERSIONS[opcode](operands[0], attrs["to"])
    meaning = TABLE[opcode].meaning
    assert meaning is not None, opcode
    value = meaning(*operands)
    if overflows(t, value):
        raise OverflowError(TOO_LARGE)
    return value


def convert(value: Any, to: Type) -> Any:
    """One scalar type to another; f64 to i64 truncates, its check has passed."""
    if to == F64:
        return float(value)
    if to == C128:
        return complex(value)
    if to == I64:
        return int(value)
    if to == BOOL:
        return bool(value)
    if to == NONE:
        return None
    return np.dtype(str(to)).type(value).item()


def fit(value: Any, to: Scalar) -> Any:
    """The number that an element of this type would hold."""
    return narrowed(value, DTYPES[to]).item()


CONVERSIONS: dict[str, Callable[[Any, Any], Any]] = {"convert": convert, "fit": fit}  # by {to}


def is_literal(v: Operand, value: Any) -> bool:
    """A literal with exactly this value and type (0.0 is not -0.0, 1 is not True)."""
    return isinstance(v, Literal) and type(v.value) is type(value) and repr(v.value) == repr(value)
