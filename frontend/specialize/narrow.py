"""NumPy's types of numbers, where an array of float32, of small ints or of bools has a part.

    x[i] * 2.0 of float32       float32: a Python number takes the type of NumPy's beside it
    k[i] + k[j] of uint8        uint8, which wraps
    x / k of ints               float64, and inf where k is 0

Scalars are f64, i64 and bools in the IR.  An abstract number says in `info` which of NumPy's types
it has, None for a number of Python's.  An operation on one of NumPy's is computed wide and then
made to `fit` its type: so +, -, *, / and sqrt of float32 are rounded as hardware rounds them, since
53 bits are more than twice 24 and two more (Figueroa, When is double rounding innocuous?, 1995).

Numbers are told apart only where arrays of such types are in the program (`Program.narrow`), and
within operations on whole arrays.  The promotion is NumPy's since 2.0 (NEP 50).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.core import Literal, Operand, zero_literal
from ...ir.types import BOOL, C128, DTYPES, ELEMENTS, F32, F64, I8, I64, NARROW, Array, Scalar, wide
from .values import AV, Narrowed, number, static

if TYPE_CHECKING:
    from .frame import Frame

RANKS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
OF_BOOLS = {"add": "or_", "mul": "and_", "and_": "and_", "or_": "or_", "xor": "xor"}
POWER = "Integers to negative integer powers are not allowed."


def demanded(f: Frame, elem: Scalar) -> Scalar:
    """An element type that the program has; what was specialised without is begun anew."""
    if elem in NARROW and not f.program.narrow:
        raise Narrowed
    return elem


def of_array(f: Frame, x: Operand, elem: Scalar) -> AV:
    """An element that has been read."""
    return AV("num", elem if f.program.narrow else None, (), (x,))


# ---- types --------------------------------------------------------------------------------------


def both(a: Scalar, b: Scalar) -> Scalar:
    """The type of an operation on two of NumPy's types."""
    d = np.promote_types(DTYPES[a], DTYPES[b])
    return ELEMENTS.get((d.kind, d.itemsize), F64)


def promoted(args: Iterable[AV]) -> Scalar:
    """The type of an operation on numbers, of which at least one is NumPy's."""
    args = list(args)
    strong = [a.info for a in args if a.info is not None]
    out: Scalar = strong[0]
    for elem in strong[1:]:
        out = both(out, elem)
    for a in args:
        kind = type_of(a)
        if a.info is None and rank(kind) > rank(out):
            out = kind
    return out


def type_of(a: AV) -> Scalar:
    t = a.leaves[0].type
    assert isinstance(t, Scalar)
    return t


def rank(elem: Scalar) -> int:
    return RANKS[DTYPES[elem].kind]


def is_int(elem: Scalar) -> bool:
    return DTYPES[elem].kind in "iu"


def settled(out: AV, args: Sequence[AV]) -> Scalar:
    """The type of the result of a function of numbers, some of them NumPy's."""
    kind: Scalar = out.info if out.info is not None else type_of(out)
    if out.info is not None or kind == BOOL or all(a.info is None for a in args):
        return kind
    common = promoted(args)
    return common if wide(common) == kind else kind


# ---- numbers ------------------------------------------------------------------------------------


def fitted(f: Frame, x: Operand, elem: Scalar) -> AV:
    """A number as one of this type of NumPy's: floats are rounded, ints wrap."""
    x = f.convert(x, wide(elem))
    if elem in NARROW:
        x = f.emit("fit", [x], [x.type], {"to": elem})
    return AV("num", elem, (), (x,))


def binary(f: Frame, opcode: str, a: AV, b: AV) -> AV:
    """An operator on numbers of which one is NumPy's."""
    from . import complexes, operators

    x, y = a.leaves[0], b.leaves[0]
    if C128 in (x.type, y.type):
        out = complexes.binary(f, opcode, x, y)
        return AV("num", type_of(out), (), out.leaves)
    if opcode in operators.COMPARISONS:
        return AV("num", BOOL, (), operators.compare(f, opcode, x, y).leaves)
    to = promoted((a, b))
    if to == BOOL:
        if opcode in OF_BOOLS:
            return AV("num", BOOL, (), operators.bits(f, OF_BOOLS[opcode], x, y).leaves)
        if opcode == "sub":
            text = "numpy boolean subtract, the `-` operator, is not supported"
            f.check(Literal(False, BOOL), "TypeError", text)
        to = I8
    if opcode == "truediv" and rank(to) < 2:
        to = F64
    if is_int(to):
        return of_ints(f, opcode, a, b, to)
    x, y = f.convert(x, F64), f.convert(y, F64)
    return fitted(f, operators.NUMBERS[opcode](f, opcode, x, y).leaves[0], to)


def of_ints(f: Frame, opcode: str, a: AV, b: AV, to: Scalar) -> AV:
    """Division by zero gives 0, as NumPy has it."""
    from . import operators

    for v in (a, b):
        if v.info is None:
            inside(f, v.leaves[0], to)
    x, y = f.convert(a.leaves[0], I64), f.convert(b.leaves[0], I64)
    if opcode == "pow":
        f.check(f.scalar("ge", (y, Literal(0, I64)), BOOL), "ValueError", POWER)
    if opcode not in ("floordiv", "mod"):
        return fitted(f, operators.NUMBERS[opcode](f, opcode, x, y).leaves[0], to)
    zero, one = Literal(0, I64), Literal(1, I64)
    none = f.scalar("eq", (y, zero), BOOL)
    if isinstance(none, Literal):
        r = zero if none.value else operators.NUMBERS[opcode](f, opcode, x, y).leaves[0]
        return fitted(f, r, to)
    divisor = f.emit("select", [none, one, y], [I64])
    r = f.scalar(opcode, (x, divisor), I64)
    return fitted(f, f.emit("select", [none, zero, r], [I64]), to)


def fits(elem: Scalar, to: Scalar) -> bool:
    """Whether every number of one type is one of another."""
    return bool(np.can_cast(DTYPES[elem], DTYPES[to]))


def inside(f: Frame, x: Operand, to: Scalar) -> None:
    """A Python int that becomes an element has room there; NumPy raises, it does not wrap."""
    if to not in NARROW or not is_int(to) or x.type != I64:
        return
    bounds = np.iinfo(DTYPES[to])
    shown = x.value if isinstance(x, Literal) else "of this size"
    text = f"Python integer {shown} out of bounds for {DTYPES[to]}"
    low = f.scalar("ge", (x, Literal(int(bounds.min), I64)), BOOL)
    high = f.scalar("le", (x, Literal(int(bounds.max), I64)), BOOL)
    f.check(f.scalar("and", (low, high), BOOL), "OverflowError", text)


def unary(f: Frame, opcode: str, a: AV) -> AV:
    """-x, +x and ~x of one of NumPy's."""
    from . import operators

    if a.info == BOOL:
        if opcode == "invert":
            return AV("num", BOOL, (), (f.scalar("not", a.leaves, BOOL),))
        text = f"The numpy boolean {opcode}ative, the `-` operator, is not supported"
        f.check(Literal(False, BOOL), "TypeError", text)
    return fitted(f, operators.unary(f, opcode, number(a.leaves[0])).leaves[0], a.info)


def absolute(f: Frame, a: AV) -> AV:
    """abs of an int or bool of NumPy's; that of the least int is itself, as it wraps."""
    if a.info == BOOL:
        return a
    return fitted(f, f.scalar("abs", (f.convert(a.leaves[0], I64),), I64), a.info)


def of_function(f: Frame, name: str, args: Sequence[AV], out: AV) -> AV:
    """The result of a function of floats: NumPy's has NumPy's type, Python's is a float."""
    if not name.startswith("numpy.") or all(a.info is None for a in args):
        return out
    return fitted(f, out.leaves[0], settled(out, args))


def cast(f: Frame, name: str, args: list[AV]) -> AV:
    """`np.float32(x)` and the others."""
    from . import ndarray

    elem = demanded(f, ELEMENTS_BY_NAME[name.rpartition(".")[2]])
    a = args[0] if args else static(0)
    return fitted(f, ndarray.element(f, a, elem), elem)


ELEMENTS_BY_NAME: dict[str, Scalar] = {d.name: elem for elem, d in DTYPES.items()}


def dtype(elem: Scalar) -> AV:
    """NumPy's type of elements, as a value."""
    return AV("name", f"numpy.{DTYPES[elem].name}")


def result_type(f: Frame, args: Sequence[AV]) -> AV:
    """np.result_type of arrays, numbers and types of NumPy's."""
    from . import arguments, ndarray, views

    args = [ndarray.single(f, a) for a in args]
    found = [a for a in args if a.kind == "num"]
    for a in args:
        if a.kind == "num":
            continue
        elem = views.element_type(f, a) if views.is_array(f, a) else arguments.dtype_of(f, a)
        found.append(AV("num", elem, (), (zero_literal(elem or F64),)))
    return dtype(common(found))


# ---- operations on arrays -----------------------------------------------------------------------


def by_type(f: Frame, fn: AV, kinds: Sequence[Scalar | None], elem: Scalar) -> AV:
    """fn as a function of elements of these types, None for Python's numbers, to one of `elem`."""
    plain = not f.program.narrow and all(k in (None, F64, C128) for k in kinds)
    return fn if plain else AV("ufunc", (tuple(kinds), elem), (fn,))


def applied(f: Frame, callee: AV, args: Sequence[AV]) -> AV:
    """A call of what `by_type` makes."""
    from . import calls

    kinds, elem = callee.info
    given = [AV("num", k, (), a.leaves) for k, a in zip(kinds, args, strict=True)]
    out = calls.call(f, callee.kids[0], given, {})
    return of_array(f, fitted(f, out.leaves[0], elem).leaves[0], elem)


def widened(f: Frame, a: AV) -> AV:
    """An array of a narrow type as one of f64 or i64, element by element, when it is read."""
    from . import ndarray, views

    elem = views.element_type(f, a)
    if elem not in NARROW:
        return a
    return ndarray.elementwise(f, AV("ufunc", ((None,), wide(elem)), (SAME,)), [a])


SAME = AV("name", "operator.pos")


def as_type(f: Frame, a: AV, elem: Scalar) -> AV:
    """The result of a computation that was done wide, a number or an array, as one of a type."""
    from . import ndarray, views

    if a.kind == "num":
        return of_array(f, fitted(f, a.leaves[0], elem).leaves[0], elem)
    return a if views.element_type(f, a) == elem else ndarray.array_of(f, a, elem)


def total(elem: Scalar) -> Scalar:
    """The type of a sum or product of such elements."""
    return elem if elem in (F32, F64, C128) else I64


def common(args: Sequence[AV]) -> Scalar:
    """The type of an array of these numbers."""
    if any(a.info is not None for a in args):
        return promoted(args)
    return max(map(type_of, args), key=rank, default=F64)


def castable(f: Frame, a: Scalar, to: Scalar) -> None:
    """What an update in place of an array may give, as NumPy has it."""
    if np.can_cast(DTYPES[a], DTYPES[to], "same_kind"):
        return
    raise f.error(
        "E03",
        f"an update in place of an array of {DTYPES[to]} that gives {DTYPES[a]}",
        "NumPy refuses it, since most results have no room there",
        f"write `x = x + y`, or convert what is added: `y.astype(np.{DTYPES[to].name})`",
    )


def narrow_types(types: Iterable[Any]) -> bool:
    """Whether there is an array of a narrow type among these."""
    return any(isinstance(t, Array) and t.elem in NARROW for t in types)
