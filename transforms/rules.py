"""The calculus on one page: the derivative of every op.

A row of `partials` has one lambda per operand: the action of the partial derivative on t, which may
be a tangent of that operand or a cotangent of the result; it serves both modes, since a scalar
partial is its own transpose.  Its arguments are the builder b, t, the result z, the operands.
`None` says that the operand carries none (an integer).

    partials("mul", lambda b, t, z, x, y: t * y, lambda b, t, z, x, y: t * x)

is written with b's methods; `linear` names the operands in which an op is linear (forward mode is
the op itself on tangents) and how to transpose it; `constant` names what has no derivative.

Complex numbers: a cotangent c of z pairs with a tangent t as Re(c t), so `mul` and `div` have one
partial in both modes here, too, and grad of a real f(x + iy) is df/dx - i df/dy.

Choices at corners: abs at 0 has derivative 0; min and max at a tie give all to the first operand,
as the value does; x ** y at x = 0 with y > 1 gives 0 by x; by y it is 0 where x = 0 and y > 0
(the limit), and nan for negative x; a function's derivative at its pole is what the formula gives
(inf or nan).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ir.builder import Builder
from ..ir.core import Literal, Op, Operand
from ..ir.core import literal as lit
from ..ir.types import C128, F64, Array

if TYPE_CHECKING:
    from .vjp import Reverse

Partial = Callable[..., Operand] | None
Transpose = Callable[["Reverse", Builder, Op, Operand], None]

PARTIALS: dict[str, tuple[Partial, ...]] = {}
LINEAR: dict[str, tuple[tuple[int, ...], Transpose]] = {}
CONSTANT: set[str] = set()


class Calculus:
    """A builder with arithmetic as methods, so that a rule reads as its formula."""

    __slots__ = ("b",)

    def __init__(self, b: Builder) -> None:
        self.b = b

    def __getattr__(self, opcode: str) -> Callable[..., Operand]:
        name = {"not_": "not", "and_": "and"}.get(opcode, opcode)

        def op(*operands: Operand | float) -> Operand:
            return self.b.op(
                name, *(lit(v) if isinstance(v, (float, int)) else v for v in operands)
            )

        return op


def partials(opcode: str, *rows: Partial) -> None:
    PARTIALS[opcode] = rows


def linear(opcode: str, at: tuple[int, ...], transpose: Transpose) -> None:
    LINEAR[opcode] = (at, transpose)


def constant(opcodes: str) -> None:
    CONSTANT.update(opcodes.split())


def apply_partial(
    b: Builder, row: Callable[..., Operand], t: Operand, op: Op, z: Operand, operands: Any
) -> Operand:
    """The partial's action on t, as adjoint arithmetic ({fast})."""
    before, b.fast = b.fast, True
    out = row(Calculus(b), t, z, *operands)
    b.fast = before
    return out


TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
LN2, LN10 = math.log(2.0), math.log(10.0)

# fmt: off
# arithmetic
partials("neg", lambda b, t, z, x: b.neg(t))
partials("add", lambda b, t, z, x, y: t, lambda b, t, z, x, y: t)
partials("sub", lambda b, t, z, x, y: t, lambda b, t, z, x, y: b.neg(t))
partials("mul", lambda b, t, z, x, y: b.mul(t, y), lambda b, t, z, x, y: b.mul(t, x))
partials("div", lambda b, t, z, x, y: b.div(t, y), lambda b, t, z, x, y: b.neg(b.mul(b.div(t, y), z)))
# x // y is constant between its jumps; x % y = x - y (x // y)
partials("mod", lambda b, t, z, x, y: t, lambda b, t, z, x, y: b.neg(b.mul(t, b.floordiv(x, y))))
partials("fmod", lambda b, t, z, x, y: t, lambda b, t, z, x, y: b.neg(b.mul(t, b.trunc(b.div(x, y)))))
partials("pow", lambda b, t, z, x, y: b.mul(t, power_by_base(b, x, y)), lambda b, t, z, x, y: b.mul(t, power_by_exponent(b, z, x, y)))
partials("abs", lambda b, t, z, x: b.mul(t, b.sign(x)))
partials("min", lambda b, t, z, x, y: b.select(b.lt(y, x), 0.0, t), lambda b, t, z, x, y: b.select(b.lt(y, x), t, 0.0))
partials("max", lambda b, t, z, x, y: b.select(b.gt(y, x), 0.0, t), lambda b, t, z, x, y: b.select(b.gt(y, x), t, 0.0))
partials("copysign", lambda b, t, z, x, y: b.mul(t, b.mul(b.copysign(1.0, x), b.copysign(1.0, y))), None)
partials("hypot", lambda b, t, z, x, y: b.mul(t, b.div(x, z)), lambda b, t, z, x, y: b.mul(t, b.div(y, z)))
# exponentials and logarithms
partials("exp", lambda b, t, z, x: b.mul(t, z))
partials("exp2", lambda b, t, z, x: b.mul(t, b.mul(z, LN2)))
partials("expm1", lambda b, t, z, x: b.mul(t, b.exp(x)))
partials("log", lambda b, t, z, x: b.div(t, x))
partials("log1p", lambda b, t, z, x: b.div(t, b.add(x, 1.0)))
partials("log2", lambda b, t, z, x: b.div(t, b.mul(x, LN2)))
partials("log10", lambda b, t, z, x: b.div(t, b.mul(x, LN10)))
partials("sqrt", lambda b, t, z, x: b.div(b.mul(t, 0.5), z))
partials("cbrt", lambda b, t, z, x: b.div(t, b.mul(3.0, b.mul(z, z))))
# circular and hyperbolic functions
partials("sin", lambda b, t, z, x: b.mul(t, b.cos(x)))
partials("cos", lambda b, t, z, x: b.neg(b.mul(t, b.sin(x))))
partials("tan", lambda b, t, z, x: b.mul(t, b.add(1.0, b.mul(z, z))))
partials("asin", lambda b, t, z, x: b.div(t, b.sqrt(b.mul(b.sub(1.0, x), b.add(1.0, x)))))
partials("acos", lambda b, t, z, x: b.neg(b.div(t, b.sqrt(b.mul(b.sub(1.0, x), b.add(1.0, x))))))
partials("atan", lambda b, t, z, x: b.div(t, b.add(1.0, b.mul(x, x))))
partials("atan2",                                            # z = atan2(x, y), x the ordinate
         lambda b, t, z, x, y: b.div(b.mul(t, y), b.add(b.mul(x, x), b.mul(y, y))),
         lambda b, t, z, x, y: b.neg(b.div(b.mul(t, x), b.add(b.mul(x, x), b.mul(y, y)))))
partials("sinh", lambda b, t, z, x: b.mul(t, b.cosh(x)))
partials("cosh", lambda b, t, z, x: b.mul(t, b.sinh(x)))
partials("tanh", lambda b, t, z, x: b.mul(t, b.sub(1.0, b.mul(z, z))))
partials("asinh", lambda b, t, z, x: b.div(t, b.hypot(x, 1.0)))
partials("acosh", lambda b, t, z, x: b.div(t, b.mul(b.sqrt(b.sub(x, 1.0)), b.sqrt(b.add(x, 1.0)))))
partials("atanh", lambda b, t, z, x: b.div(t, b.mul(b.sub(1.0, x), b.add(1.0, x))))
# special functions; psi_n is polygamma n: gamma' = gamma psi_0, lgamma' = psi_0, psi_n' = psi_(n+1)
partials("erf", lambda b, t, z, x: b.mul(t, b.mul(TWO_OVER_SQRT_PI, b.exp(b.neg(b.mul(x, x))))))
partials("erfc", lambda b, t, z, x: b.neg(b.mul(t, b.mul(TWO_OVER_SQRT_PI, b.exp(b.neg(b.mul(x, x)))))))
partials("gamma", lambda b, t, z, x: b.mul(t, b.mul(z, b.polygamma(0, x))))
partials("lgamma", lambda b, t, z, x: b.mul(t, b.polygamma(0, x)))
partials("polygamma", None, lambda b, t, z, n, x: b.mul(t, b.polygamma(b.add(n, 1), x)))
# no derivative: integers, tests, and what is constant between its jumps
partials("fit", lambda b, t, z, x: t)  # rounding, as the identity
constant("eq ne lt le gt ge not and or xor invert shl shr isnan isinf isfinite")
constant("stop_gradient sign floor ceil trunc round floordiv len zeros zeros_like null is_null check")
constant("print")
# fmt: on


def power_by_base(b: Calculus, x: Operand, y: Operand) -> Operand:
    """d(x^y)/dx = y x^(y-1); at x = 0 = y it is 0, where x^(y-1) is inf.

    Elsewhere y = 0 needs no care, and gets none: d/dy of the product there is x^-1, not 0.
    """
    if isinstance(y, Literal):
        if y.value == 2.0:
            return b.mul(2.0, x)
        return lit(0.0) if y.value == 0.0 else b.mul(y, b.pow(x, y.value - 1.0))
    origin = b.and_(b.eq(x, 0.0), b.eq(y, 0.0))
    return b.select(origin, 0.0, b.mul(y, b.pow(x, b.sub(y, 1.0))))


def power_by_exponent(b: Calculus, z: Operand, x: Operand, y: Operand) -> Operand:
    """d(x^y)/dy = x^y log x; at x = 0 it is 0, the limit for y > 0."""
    if isinstance(x, Literal) and x.value > 0.0:
        return b.mul(z, math.log(x.value))
    return b.select(b.eq(x, 0.0), 0.0, b.mul(z, b.log(x)))


# ---- what is linear, and its transpose


def transpose_select(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    c, x, y = op.operands
    zero = r.zero(b, op.results[0])
    if r.is_active(x):
        r.add(b, x, b.op("select", c, ct, zero))
    if r.is_active(y):
        r.add(b, y, b.op("select", c, zero, ct))


def transpose_get(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    """The element's cotangent is added in place to the array's accumulator: O(1)."""
    array, *index = op.operands
    r.put(array, b.op("add_at", r.accumulator(b, array), *index, ct))


def transpose_set(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    """The new element's cotangent is read; the old one did not matter, so it is zeroed."""
    array, *index, v = op.operands
    r.add(b, v, b.op("get", ct, *index))
    if r.is_active(array):
        zero = lit(0j) if v.type == C128 else lit(0.0)
        r.add(b, array, b.op("set", ct, *index, zero))


def transpose_add_at(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    array, *index, v = op.operands
    r.add(b, v, b.op("get", ct, *index))
    r.add(b, array, ct)


def transpose_gemm(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    """Of z = c + x y: c gets ct, x gets ct y', y gets x' ct; transposed where the operand was.

    A vector is a matrix of one column, or, as the second of two, of one row.
    """
    c, x, y = op.operands
    flipped = op.attrs.get("transposed", "")
    of_x, of_y = "a" in flipped, "b" in flipped
    outer, vector = rank(x) == 1, rank(y) == 1
    if r.is_active(x):
        acc = r.accumulator(b, x)
        if of_x:
            r.put(x, gemm(b, acc, y, ct, of_y and not vector, not vector))
        else:
            r.put(x, gemm(b, acc, ct, y, False, not of_y and not vector))
    if r.is_active(y):
        acc = r.accumulator(b, y)
        if outer:
            r.put(y, gemm(b, acc, ct, x, True, False))
        elif of_y:
            r.put(y, gemm(b, acc, ct, x, True, of_x))
        else:
            r.put(y, gemm(b, acc, x, ct, not of_x, False))
    r.add(b, c, ct)


def gemm(
    b: Builder, c: Operand, x: Operand, y: Operand, of_x: bool = False, of_y: bool = False
) -> Operand:
    """c + x y; `of_x` and `of_y` say which of them is transposed."""
    flipped = "a" * of_x + "b" * of_y
    return b.op("gemm", c, x, y, **({"transposed": flipped} if flipped else {}))


def rank(v: Operand) -> int:
    assert isinstance(v.type, Array)
    return v.type.rank


def transpose_accum(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    for v in op.operands:
        r.add(b, v, ct)


def transpose_convert(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    (x,) = op.operands
    if r.is_active(x):  # float to float or complex only; an integer carries none
        if ct.type == C128 and x.type == F64:
            ct = b.op("real", ct)
        r.add(b, x, b.op("convert", ct, to=x.type))


def transpose_complex(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    """Re(c (u + iv)) = Re(c) u - Im(c) v."""
    x, y = op.operands
    r.add(b, x, b.op("real", ct))
    if r.is_active(y):
        r.add(b, y, b.op("neg", b.op("imag", ct)))


def transpose_real(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    r.add(b, op.operands[0], b.op("complex", ct, lit(0.0)))


def transpose_imag(r: Reverse, b: Builder, op: Op, ct: Operand) -> None:
    """Im(t) c = Re(-ic t)"""
    r.add(b, op.operands[0], b.op("complex", lit(0.0), b.op("neg", ct)))


linear("select", (1, 2), transpose_select)
linear("get", (0,), transpose_get)
linear("set", (0, -1), transpose_set)
linear("add_at", (0, -1), transpose_add_at)
linear("accum", (0, 1), transpose_accum)
linear("gemm", (0,), transpose_gemm)
linear("convert", (0,), transpose_convert)
linear("complex", (0, 1), transpose_complex)
linear("real", (0,), transpose_real)
linear("imag", (0,), transpose_imag)
