"""Python's operators on abstract values.

Numbers promote as Python's do: bool to int, int to float.  An int operation tests itself for
overflow; what Python refuses by value (division by zero, a negative shift or exponent, a float
that is no int) has a `check` before it.  A float operation never raises.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand, Value
from ...ir.types import BOOL, C128, F64, I64, Type
from .. import classes
from . import comparisons, sums
from .branches import is_natural
from .values import (
    AV,
    ORDER,
    Dead,
    describe,
    is_static,
    number,
    static,
    static_value,
    true_or_false,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame

SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "lshift": "<<", "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "lt": "<", "le": "<=",
    "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "is_": "is", "is_not": "is not",
    "contains": "in", "matmul": "@", "neg": "-", "pos": "+", "invert": "~", "not_": "not",
}  # fmt: skip
AUGMENTED = {
    "i" + name.rstrip("_"): name
    for name in SYMBOLS
    if name in "add sub mul truediv floordiv mod pow lshift rshift and_ or_ xor matmul".split()
}
UNARY = frozenset({"neg", "pos", "invert", "not_"})
BINARY = frozenset(SYMBOLS) - UNARY | frozenset(AUGMENTED)
COMPARISONS = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne"}
BITS = {"and_": "and", "or_": "or", "xor": "xor"}
SMALL = 8  # exponents up to here become multiplications
DIVISION_TEXT = {
    "truediv": "division by zero",
    "floordiv": "integer division or modulo by zero",
    "mod": "integer modulo by zero",
}
NEGATIVE_POWER = "an int to a negative power is a float: write float(a) ** b"


def binary(f: Frame, opcode: str, a: AV, b: AV) -> AV:
    from . import complexes, methods, narrow, ndarray, records

    if "undef" in (a.kind, b.kind):
        raise Dead  # the first turn of a loop: see `desugar`
    if a.kind == "num" and b.kind == "num":
        opcode = AUGMENTED.get(opcode, opcode)
        if opcode in NUMBERS and (a.info or b.info) is not None:
            return narrow.binary(f, opcode, a, b)
        if opcode in NUMBERS and C128 in (a.leaves[0].type, b.leaves[0].type):
            return complexes.binary(f, opcode, a.leaves[0], b.leaves[0])
        if opcode in NUMBERS:
            return NUMBERS[opcode](f, opcode, a.leaves[0], b.leaves[0])
    if opcode in ("is_", "is_not"):
        return comparisons.identity(f, opcode, a, b)
    if "const" in (a.kind, b.kind):
        a, b = as_number(a), as_number(b)
        if a.kind == "num" and b.kind == "num":
            return binary(f, opcode, a, b)
    if a.kind in sums.SUMS or b.kind in sums.SUMS:
        return on_sum(f, opcode, a, b)
    if opcode in AUGMENTED and methods.augmented(f, opcode, a, b):
        return a
    whole = ndarray.binary(f, opcode, a, b)
    if whole is not None:
        return whole
    if OBJECTS & {a.kind, b.kind}:
        found = records.operator(f, opcode, a, b)
        if found is not None:
            return found
        a, b = as_tuple(f, opcode, a), as_tuple(f, opcode, b)
    opcode = AUGMENTED.get(opcode, opcode)
    found = on_parts(f, opcode, a, b)
    if found is not None:
        return found
    if opcode == "contains":
        return comparisons.contains(f, a, b)
    if opcode in ("eq", "ne"):
        return comparisons.equality(f, opcode, a, b)
    if a.kind == "tuple" and b.kind == "tuple":
        if opcode == "add":
            return AV("tuple", None, a.kids + b.kids)
        if opcode in COMPARISONS:
            return comparisons.lexicographic(f, opcode, a, b, 0)
    if opcode == "mul" and {a.kind, b.kind} == {"tuple", "num"}:
        parts, n = (a, b) if a.kind == "tuple" else (b, a)
        if is_static(n) and n.leaves[0].type == I64:
            return AV("tuple", None, parts.kids * max(0, static_value(n)))
    raise refused(f, opcode, a, b)


def as_number(a: AV) -> AV:
    """A member of an IntEnum is the int that it is."""
    if a.kind == "const" and isinstance(a.info, int) and classes.is_enum(a.info):
        return static(int(a.info))
    return a


def on_parts(f: Frame, opcode: str, a: AV, b: AV) -> AV | None:
    """Operators of strings, lists and dicts; None for anything else."""
    from . import sequences, texts, vectors

    if opcode == "contains":
        return sequences.contains(f, a, b)
    if opcode == "add" and texts.is_text(a) and texts.is_text(b):
        return texts.joined(a, b)
    if a.kind == b.kind == "const" and isinstance(a.info, str) and isinstance(b.info, str):
        if opcode in COMPARISONS:
            return true_or_false(getattr(operator, opcode)(a.info, b.info))
    lists = ("list", "vector", "inner")
    grown = {"vector", "inner"} & {a.kind, b.kind} or (
        opcode == "mul" and not (is_static(a) or is_static(b))
    )
    if grown and (a.kind in lists or b.kind in lists) and opcode in ("add", "mul"):
        return vectors.operator(f, opcode, a, b)
    if "list" in (a.kind, b.kind) and opcode not in ("eq", "ne"):
        if opcode == "mul" or a.kind == b.kind:
            x, y = (AV("tuple", None, v.kids) if v.kind == "list" else v for v in (a, b))
            out = binary(f, opcode, x, y)
            return sequences.made_list(f, out.kids) if out.kind == "tuple" else out
    if a.kind == b.kind == "dict" and opcode == "or_":
        pairs = dict(zip(a.info, a.kids, strict=True)) | dict(zip(b.info, b.kids, strict=True))
        return sequences.made_dict(f, pairs)
    return None


OBJECTS = frozenset({"record", "cell"})


def as_tuple(f: Frame, opcode: str, a: AV) -> AV:
    """A record as the operators that it has without methods of its own see it."""
    from . import records

    a = records.contents(f, a)
    if a.kind != "record":
        return a
    named = classes.is_named_tuple(a.info)
    if named or (opcode in COMPARISONS and records.ordered(a.info)):
        return AV("tuple", None, a.kids)
    return a


def on_sum(f: Frame, opcode: str, a: AV, b: AV) -> AV:
    """A binary operator on a sum, on either side."""
    symbol = SYMBOLS[AUGMENTED.get(opcode, opcode)]
    if a.kind == b.kind == "boxed" and a.info == b.info and opcode in ("eq", "ne"):
        raise comparisons.endless(f, a)
    if a.kind in sums.SUMS:
        return sums.dispatch(
            f, a, lambda k: binary(f, opcode, k, b), lambda k: sums.no_operator(symbol, k, b)
        )
    return sums.dispatch(
        f, b, lambda k: binary(f, opcode, a, k), lambda k: sums.no_operator(symbol, a, k)
    )


def refused(f: Frame, opcode: str, *args: AV) -> Exception:
    """An operator on values that have none."""
    from . import records

    opcode = AUGMENTED.get(opcode, opcode)
    args = tuple([records.contents(f, a) for a in args])
    found = " and ".join(describe(typ(a)) for a in args)
    if any(a.kind == "array" for a in args):
        return f.error(
            "E01",
            f"`{SYMBOLS[opcode]}` on {found}",
            "NumPy has no such operator for these, or it is not compiled so far",
            "write a loop over the elements",
        )
    why = "it works on numbers"
    instead = "make numbers of both operands" if len(args) == 2 else "make a number of it"
    if any(a.kind == "record" for a in args):
        why = "its class does not say what that is"
        instead = f"give the class a method `__{opcode.rstrip('_')}__`"
        if opcode in COMPARISONS and len(args) == 2:
            instead += ", or decorate it with `@dataclass(order=True)`"
    elif opcode == "matmul":
        why, instead = "it works on objects whose class defines it", "write `a * b`, or a loop"
    elif any(a.kind == "tuple" for a in args) and opcode == "add":
        why, instead = "a tuple is extended by a tuple", "write `(*t, x)`"
    elif any(a.kind in ("const", "fstring") and not is_none(a) for a in args):
        why, instead = "strings are joined with strings", 'write an f-string: `f"{x}"`'
    if any(map(is_none, args)):
        why = "it works on numbers"
        instead = "see where None comes from: a function that returns on some paths only?"
    if any(a.kind in ("fn", "name", "derivative", "custom", "pullback") for a in args):
        instead = "call the function and use its result"
    return f.error("E03", f"`{SYMBOLS[opcode]}` on {found}", why, instead)


def is_none(a: AV) -> bool:
    return a.kind == "const" and a.info is None


# ---- numbers ------------------------------------------------------------------------------------


def wider(x: Operand, y: Operand) -> Type:
    """The type that arithmetic on two numbers is done in: i64, f64 or c128."""
    return max((x.type, y.type, I64), key=ORDER.index)


def arithmetic(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    t = wider(x, y)
    x, y = f.convert(x, t), f.convert(y, t)
    r = f.scalar(opcode, (x, y), t)
    if t == I64 and opcode in ("add", "mul") and is_natural(f, x) and is_natural(f, y):
        natural(f, r)
    return number(r)


def natural(f: Frame, x: Operand) -> None:
    """Remember that an int is not negative."""
    if isinstance(x, Value):
        f.natural.add(x)


def true_division(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    if F64 not in (x.type, y.type):
        nonzero(f, opcode, f.convert(y, I64))
    return number(f.scalar("div", (f.convert(x, F64), f.convert(y, F64)), F64))


def nonzero(f: Frame, opcode: str, y: Operand) -> None:
    ok = f.scalar("ne", (y, Literal(0, I64)), BOOL)
    f.check(ok, "ZeroDivisionError", DIVISION_TEXT[opcode])


def whole_division(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    t = wider(x, y)
    x, y = f.convert(x, t), f.convert(y, t)
    if t == I64:
        nonzero(f, opcode, y)
    r = f.scalar(opcode, (x, y), t)
    if t == I64 and is_natural(f, y) and (opcode == "mod" or is_natural(f, x)):
        natural(f, r)
    return number(r)


def divided(f: Frame, x: Operand, y: Operand) -> tuple[AV, AV]:
    """divmod."""
    t = wider(x, y)
    x, y = f.convert(x, t), f.convert(y, t)
    if t == I64:
        nonzero(f, "floordiv", y)
    return number(f.scalar("floordiv", (x, y), t)), number(f.scalar("mod", (x, y), t))


def shift(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    if F64 in (x.type, y.type):
        raise no_float(f, opcode)
    x, y = f.convert(x, I64), f.convert(y, I64)
    if not is_natural(f, y):
        f.check(f.scalar("ge", (y, Literal(0, I64)), BOOL), "ValueError", "negative shift count")
    r = f.scalar("shl" if opcode == "lshift" else "shr", (x, y), I64)
    if is_natural(f, x):
        natural(f, r)
    return number(r)


def no_float(f: Frame, opcode: str) -> Exception:
    return f.error(
        "E06",
        f"`{SYMBOLS[opcode]}` on a float",
        "bit operations work on ints",
        "convert it: `int(x)`",
    )


def bits(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    if F64 in (x.type, y.type):
        raise no_float(f, opcode)
    t = BOOL if x.type == y.type == BOOL else I64
    return number(f.scalar(BITS[opcode], (f.convert(x, t), f.convert(y, t)), t))


def compare(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    t = BOOL if x.type == y.type == BOOL and opcode in ("eq", "ne") else wider(x, y)
    return number(f.scalar(opcode, (f.convert(x, t), f.convert(y, t)), BOOL))


def power(f: Frame, opcode: str, x: Operand, y: Operand) -> AV:
    t = wider(x, y)
    n = y.value if isinstance(y, Literal) else None
    if n is not None and n == n and abs(n) <= SMALL and n == int(n):
        if t == I64 and n < 0:
            zero = f.scalar("ne", (f.convert(x, I64), Literal(0, I64)), BOOL)
            f.check(zero, "ZeroDivisionError", "0.0 cannot be raised to a negative power")
            t = F64
        return number(multiplied(f, f.convert(x, t), int(n), t))
    if t == I64 and n is not None and n < 0:
        t = F64
    x, y = f.convert(x, t), f.convert(y, t)
    if t == I64 and not is_natural(f, y):
        f.check(f.scalar("ge", (y, Literal(0, I64)), BOOL), "ValueError", NEGATIVE_POWER)
    return number(f.scalar("pow", (x, y), t))


def multiplied(f: Frame, x: Operand, n: int, t: Type) -> Operand:
    """x ** n by repeated squaring."""
    if n < 0:
        one = f.convert(Literal(1.0, F64), t)
        return f.scalar("div", (one, multiplied(f, x, -n, t)), t)
    result: Operand | None = None
    square = x
    while n:
        if n & 1:
            result = square if result is None else f.scalar("mul", (result, square), t)
        n >>= 1
        if n:
            square = f.scalar("mul", (square, square), t)
    if result is None:
        return f.convert(Literal(1, I64), t)
    return result


NUMBERS = {
    "add": arithmetic, "sub": arithmetic, "mul": arithmetic, "truediv": true_division,
    "floordiv": whole_division, "mod": whole_division, "pow": power, "lshift": shift,
    "rshift": shift, "and_": bits, "or_": bits, "xor": bits, "lt": compare, "le": compare,
    "gt": compare, "ge": compare, "eq": compare, "ne": compare,
}  # fmt: skip


# ---- unary operators and truth ------------------------------------------------------------------


def unary(f: Frame, opcode: str, a: AV) -> AV:
    from . import narrow, ndarray, records, views

    if opcode == "not_":
        x = truth(f, a)
        r = f.scalar("not", (x,), BOOL)
        sums.negated(f, x, r)
        return number(r)
    if a.kind in sums.SUMS:
        symbol = SYMBOLS[opcode]
        return sums.dispatch(
            f, a, lambda k: unary(f, opcode, k), lambda k: sums.no_operator(symbol, k)
        )
    if a.kind in OBJECTS:
        found = records.unary(f, opcode, a)
        if found is not None:
            return found
    if views.is_array(f, a):
        return ndarray.unary(f, opcode, a)
    if a.kind != "num":
        raise refused(f, opcode, a)
    if a.info is not None:
        return narrow.unary(f, opcode, a)
    x = a.leaves[0]
    if opcode == "invert":
        if x.type in (F64, C128):
            raise no_float(f, opcode)
        return number(f.scalar("invert", (f.convert(x, I64),), I64))
    if x.type == BOOL:
        x = f.convert(x, I64)
    return number(x) if opcode == "pos" else number(f.scalar("neg", (x,), x.type))


def truth(f: Frame, a: AV) -> Operand:
    """Python's truth of a value."""
    if a.kind in sums.SUMS:
        return sums.truth(f, a, lambda k: truth(f, k))
    from . import ndarray, records, vectors

    if a.kind in OBJECTS:
        for name in ("bool", "len"):
            found = records.unary(f, name, a)
            if found is not None:
                return truth(f, found)
        a = as_tuple(f, "bool", a)
    a = ndarray.single(f, a)
    match records.contents(f, a).kind:
        case "num":
            x = a.leaves[0]
            if x.type == BOOL:
                return x
            return f.scalar("ne", (x, f.convert(Literal(0, I64), x.type)), BOOL)
        case "vector" | "inner":
            return f.scalar("gt", (vectors.length(f, a), Literal(0, I64)), BOOL)
        case "tuple" | "list" | "dict":
            return Literal(bool(a.kids), BOOL)
        case "const":
            return Literal(bool(a.info), BOOL)
        case "array" | "view" | "pending" | "element":
            raise f.error(
                "E03",
                "the truth of an array",
                "an array of several elements is neither true nor false",
                "ask for its length: `len(x) > 0`",
            )
    return Literal(True, BOOL)


def as_int(f: Frame, a: AV, what: str) -> Operand:
    """An int operand, where Python demands one."""
    if a.kind != "num":
        raise f.error(
            "E03", f"{describe(typ(a))} as {what}", "an int is needed here", "pass an int"
        )
    if a.leaves[0].type in (F64, C128):
        raise f.error(
            "E06",
            f"{describe(typ(a))} as {what}",
            "an int is needed here",
            "convert it: `int(x)`, or `//`",
        )
    return f.convert(a.leaves[0], I64)


def as_float(f: Frame, a: AV, what: str) -> Operand:
    from . import complexes, views

    if complexes.is_complex(a):
        raise complexes.refused(f, a, what)
    if a.kind == "num":
        return f.convert(a.leaves[0], F64)
    if views.is_array(f, a):
        raise f.error(
            "E03",
            f"an array as {what}",
            "this works on numbers",
            "write NumPy's function of that name, or a loop over the elements",
        )
    raise f.error(
        "E03", f"{describe(typ(a))} as {what}", "a number is needed here", "pass a number"
    )
