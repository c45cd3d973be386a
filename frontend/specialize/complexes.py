"""Complex numbers: values of type c128, made of two floats by the ops `complex`, `real`, `imag`.

z * w, z / w      ops of c128; a float or int beside one is converted
z.imag            op `imag`
np.exp(z)         a program over both parts (`prelude/complexes.py`)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, C128, F64, I64
from ..names import COMPLEX
from ..prelude import complexes, scalars
from .values import AV, describe, number, static, typ

if TYPE_CHECKING:
    from .frame import Frame

SAME = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div"}


def is_complex(a: AV) -> bool:
    return a.kind == "num" and a.leaves[0].type == C128


def real(f: Frame, x: Operand) -> Operand:
    return Literal(x.value.real, F64) if isinstance(x, Literal) else f.scalar("real", (x,), F64)


def imag(f: Frame, x: Operand) -> Operand:
    return Literal(x.value.imag, F64) if isinstance(x, Literal) else f.scalar("imag", (x,), F64)


def binary(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    """An operator on two numbers, one of them complex."""
    from . import calls, operators, records

    if opcode in ("eq", "ne"):
        return number(f.scalar(opcode, (f.convert(x, C128), f.convert(y, C128)), BOOL))
    if opcode == "pow":
        n = y.value if isinstance(y, Literal) else None
        if n is not None and n == n.real and n.real == int(n.real) and abs(n) <= operators.SMALL:
            return number(operators.multiplied(f, f.convert(x, C128), int(n.real), C128))
        args = [number(f.convert(v, C128)) for v in (x, y)]
        return calls.call(f, records.function(f, complexes.power), args, {})
    if opcode not in SAME:
        symbol = operators.SYMBOLS[opcode]
        raise f.error(
            "E03",
            f"`{symbol}` on a complex number",
            "complex numbers have no order, no bits and no remainder",
            "compare or divide their absolute values, or their parts: `z.real`",
        )
    return number(f.scalar(SAME[opcode], (f.convert(x, C128), f.convert(y, C128)), C128))


def attribute(f: Frame, a: AV, name: str) -> AV | None:
    """`.real` and `.imag` of a number, and its method `conjugate`."""
    if name == "conjugate" or (name == "conj" and a.info is not None):
        return AV("partial", (), (AV("name", "number.conjugate"), a))
    if name not in ("real", "imag"):
        return None
    x = a.leaves[0]
    if x.type == C128:
        return number((real if name == "real" else imag)(f, x))
    if name == "real":
        return number(f.convert(x, I64)) if x.type == BOOL else a
    return static(0.0) if x.type == F64 else static(0)


def conjugate(f: Frame, name: str, args: list[AV]) -> AV:
    (a,) = args
    if not is_complex(a):
        return a
    x = a.leaves[0]
    return made(f, real(f, x), f.scalar("neg", (imag(f, x),), F64))


def made(f: Frame, re: Operand, im: Operand) -> AV:
    return number(f.scalar("complex", (re, im), C128))


def as_complex(f: Frame, a: AV, what: str) -> AV:
    from . import operators

    return a if is_complex(a) else number(f.convert(operators.as_float(f, a, what), C128))


def of_parts(f: Frame, name: str, args: list[AV]) -> AV:
    """complex(), complex(z), complex(x, y)."""
    from . import operators

    given: Sequence[AV] = args or [static(0.0)]
    what = "an argument of complex"
    if len(given) == 1:
        return as_complex(f, given[0], what)
    x, y = (operators.as_float(f, a, what) for a in given)
    return made(f, x, y)


def call(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV | None:
    """A function that has a form of its own for complex numbers; None for another."""
    module, _, word = name.rpartition(".")
    if name not in COMPLEX or not (module == "cmath" or any(map(is_complex, args))):
        return None
    from . import calls, records

    program = getattr(complexes, COMPLEX[name])
    if word != "rect":
        what = f"an argument of {name}"
        args = [as_complex(f, a, what) for a in args]
    return calls.call(f, records.function(f, program), args, kw)


def refuse_part(f: Frame, a: AV) -> None:
    """E11 where an array that is about to be written is the real or imaginary part of another."""
    fn = a.kids[0] if a.kind == "pending" else a
    known = f.program.lowered.python.get(fn.info.fn) if fn.kind == "fn" else None
    if known in (scalars.real_part, scalars.imaginary_part):
        raise f.error(
            "E11",
            "a write to a part of complex numbers",
            "`z.real` and `z.imag` are arrays of their own here, not views",
            "write the numbers: `z[i] = complex(x, z[i].imag)`",
        )


def refused(f: Frame, a: AV, what: str) -> Exception:
    return f.error(
        "E03",
        f"{describe(typ(a))} as {what}",
        "a real number is needed here",
        "pass a part of it: `z.real`, `z.imag` or `abs(z)`",
    )
