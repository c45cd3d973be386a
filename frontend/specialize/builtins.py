"""Calls of what Python, `math` and NumPy bring along, on scalars (see `frontend/names.py`)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.ops import TABLE
from ...ir.types import BOOL, C128, F64, I64
from .. import names
from ..prelude import fourier, linear, ordering, shaping, special, surface
from . import complexes, narrow
from .arrays import length
from .branches import is_natural
from .operators import as_float, as_int, binary, divided, natural, truth, wider
from .values import AV, describe, number, static, typ

if TYPE_CHECKING:
    from .frame import Frame

NAN_TEXT = "cannot convert float NaN to integer"
INF_TEXT = "cannot convert float infinity to integer"
LARGE_TEXT = "float too large for a 64-bit int"
LIMIT = float(2**63)
Own = Callable[["Frame", str, list[AV]], AV]
PRELUDE = {
    "fourier": fourier,
    "linear": linear,
    "ordering": ordering,
    "shaping": shaping,
    "special": special,
    "surface": surface,
}


# what some functions call where the class of their argument defines it
SPECIAL = {
    "abs": "__abs__", "round": "__round__", "int": "__int__", "float": "__float__",
    "divmod": "__divmod__", "pow": "__pow__", "math.floor": "__floor__", "math.ceil": "__ceil__",
    "math.trunc": "__trunc__", "operator.abs": "__abs__",
}  # fmt: skip


def builtin(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """The call of a function without source."""
    if name in SPECIAL and args and args[0].kind in ("record", "cell"):
        from . import calls, records

        method = records.method(f, args[0], SPECIAL[name])
        if method is not None:
            return calls.call(f, method, args, kw)
    from . import ndarray, numeric, pending, views

    args = [ndarray.single(f, a) for a in args] if name not in numeric.IN_PLACE else args
    found = complexes.call(f, name, args, kw)
    if found is not None:
        return found
    if name in names.ARRAYS:
        return numeric.call(f, name, args, kw)
    if name in names.WRITTEN:
        from . import calls, records

        file, _, word = names.WRITTEN[name].partition(".")
        fn = records.function(f, getattr(PRELUDE[file], word))
        return calls.call(f, fn, [pending.settled(f, a) for a in args], kw)
    if name.startswith("numpy.") and by_elements(name):
        args = [ndarray.array_of(f, a) if is_list(f, a) else a for a in args]
    if by_elements(name) and any(views.is_array(f, a) for a in args):
        plain(f, name, args, kw, 1, None)
        return ndarray.elementwise(f, AV("name", name), args)
    if name in names.PURE:
        opcode, n = names.PURE[name]
        if name in ("math.log",) and len(args) == 2:
            return log_to_base(f, name, args)
        plain(f, name, args, kw, n, n)
        what = f"an argument of {name}"
        if name in names.KEEP_INTS and args[0].kind == "num" and args[0].leaves[0].type != F64:
            raise f.error("E03", f"an int as {what}", "NumPy gives an int then", "write `float(x)`")
        xs = tuple([as_float(f, a, what) for a in args])
        to = BOOL if opcode.startswith("is") and opcode != "abs" else F64
        out = number(f.scalar(opcode, xs, to))
        return narrow.of_function(f, name, args, out)
    from . import library, methods, operations

    if name in library.LIBRARY:
        return library.LIBRARY[name](f, name, args, kw)
    if name in operations.OPERATIONS:
        return operations.OPERATIONS[name](f, name, args, kw)
    if name in methods.METHODS:
        return methods.METHODS[name](f, name, args, kw)
    key = names.OWN.get(name)
    if key is None:
        raise unknown(f, name)
    function, least, most = OWN[key]
    plain(f, name, args, kw, least, most)
    return function(f, name, args)


def is_list(f: Frame, a: AV) -> bool:
    from . import records

    return records.contents(f, a).kind in ("list", "tuple", "vector", "inner")


def by_elements(name: str) -> bool:
    """Whether NumPy applies a function to each element of an array."""
    known = name in names.PURE or name in names.OWN
    return name == "abs" or (known and name.startswith(("numpy.", "scipy.special.")))


def unknown(f: Frame, name: str) -> Exception:
    return f.error(
        "E02",
        f"`{name}`",
        "it has no compiled form and no Python source",
        instead(name),
    )


def instead(name: str) -> str:
    """What to write instead of a name: what is known, or the nearest names with a compiled form."""
    if names.is_told(name):
        return names.instead(name)
    near = names.nearest(name, compiled())
    listed = ", ".join(f"`{n}`" for n in near)
    return f"the nearest are {listed}; or {names.instead(name)}" if near else names.instead(name)


@functools.cache
def compiled() -> tuple[str, ...]:
    tables = (names.PURE, names.OWN, names.LIBRARY, names.ARRAYS, names.WRITTEN)
    return tuple(sorted({name for table in tables for name in table}))


def plain(
    f: Frame, name: str, args: list[AV], kw: dict[str, AV], least: int, most: int | None
) -> None:
    """Refuse keywords and wrong numbers of arguments."""
    if kw:
        found = f"{name}(..., {next(iter(kw))}=...)"
        raise f.error("E03", found, "it takes no keywords here", "pass arguments by place only")
    if len(args) < least or (most is not None and len(args) > most):
        wanted = (
            str(least) if least == most else f"{least} to {most}" if most else f"{least} or more"
        )
        found = f"{name} with {len(args)} argument{'' if len(args) == 1 else 's'}"
        raise f.error("E03", found, f"it takes {wanted} here", "pass that many")


# ---- each with its own code -------------------------------------------------------------------


def absolute(f: Frame, name: str, args: list[AV]) -> AV:
    if args[0].kind != "num" or args[0].leaves[0].type in (F64, C128):
        out = number(f.scalar("abs", (as_float(f, args[0], f"an argument of {name}"),), F64))
        return narrow.of_function(f, "numpy.abs", args, out)
    if args[0].info is not None:
        return narrow.absolute(f, args[0])
    r = f.scalar("abs", (f.convert(args[0].leaves[0], I64),), I64)
    natural(f, r)
    return number(r)


def sign(f: Frame, name: str, args: list[AV]) -> AV:
    """-1, 0 or 1 (or nan), of an int as an int."""
    (a,) = args
    if a.kind == "num" and a.leaves[0].type not in (F64, C128):
        x = f.convert(a.leaves[0], I64)
        up, down = (f.scalar(op, (x, Literal(0, I64)), BOOL) for op in ("gt", "lt"))
        r = f.scalar("sub", (f.convert(up, I64), f.convert(down, I64)), I64, True)
        return number(r) if a.info is None else narrow.fitted(f, r, a.info)
    out = number(f.scalar("sign", (as_float(f, a, f"an argument of {name}"),), F64))
    return narrow.of_function(f, name, args, out)


def polygamma(f: Frame, name: str, args: list[AV]) -> AV:
    """The n-th derivative of digamma; digamma itself is the one of order 0."""
    n = Literal(0, I64) if len(args) == 1 else as_int(f, args[0], "the order of polygamma")
    x = as_float(f, args[-1], f"an argument of {name}")
    f.check(
        f.scalar("ge", (n, Literal(0, I64)), BOOL), "ValueError", "polygamma of a negative order"
    )
    return number(f.scalar("polygamma", (n, x), F64))


def extreme(f: Frame, name: str, args: list[AV]) -> AV:
    """min and max: of two or more numbers, or of one tuple of them."""
    if len(args) == 1:
        if args[0].kind != "tuple":
            raise f.error(
                "E03",
                f"{name} of {describe(typ(args[0]))}",
                "it takes two or more numbers, or a tuple of them",
                "write a loop that keeps the best so far",
            )
        args = list(args[0].kids)
        f.check(Literal(bool(args), BOOL), "ValueError", f"{name}() arg is an empty sequence")
    for a in filter(complexes.is_complex, args):
        raise complexes.refused(f, a, f"an argument of {name}")
    if all(a.kind == "num" for a in args):
        r = args[0].leaves[0]
        for a in args[1:]:
            x = a.leaves[0]
            t = BOOL if r.type == x.type == BOOL else wider(r, x)
            old, r, x = r, f.convert(r, t), f.convert(x, t)
            safe = (all if name == "min" else any)([is_natural(f, old), is_natural(f, x)])
            r = f.scalar(name, (r, x), t)
            if t == I64 and safe:
                natural(f, r)
        return number(r)
    bad = next(a for a in args if a.kind != "num")
    raise f.error(
        "E03",
        f"{describe(typ(bad))} as an argument of {name}",
        "it compares numbers",
        "pass the numbers themselves",
    )


def to_int(f: Frame, x: Operand) -> Operand:
    """A float without a fraction as an int; nan, inf and what does not fit raise."""
    if isinstance(x, Literal):
        f.check(Literal(not math.isnan(x.value), BOOL), "ValueError", NAN_TEXT)
        f.check(Literal(not math.isinf(x.value), BOOL), "OverflowError", INF_TEXT)
        f.check(Literal(-LIMIT <= x.value < LIMIT, BOOL), "OverflowError", LARGE_TEXT)
        return Literal(int(x.value), I64)
    f.check(f.scalar("eq", (x, x), BOOL), "ValueError", NAN_TEXT)
    size = f.scalar("abs", (x,), F64)
    f.check(f.scalar("lt", (size, Literal(math.inf, F64)), BOOL), "OverflowError", INF_TEXT)
    low = f.scalar("ge", (x, Literal(-LIMIT, F64)), BOOL)
    high = f.scalar("lt", (x, Literal(LIMIT, F64)), BOOL)
    f.check(f.scalar("and", (low, high), BOOL), "OverflowError", LARGE_TEXT)
    result: Operand = f.emit("convert", [x], [I64], {"to": I64})
    return result


def rounded(f: Frame, name: str, args: list[AV]) -> AV:
    """int, floor, ceil, trunc and round, from a float to an int."""
    if not args:
        return static(0)
    a = args[0]
    if a.kind == "num" and a.leaves[0].type not in (F64, C128):
        return number(f.convert(a.leaves[0], I64))
    x = as_float(f, a, f"an argument of {name}")
    opcode = ROUNDING[name]
    return number(to_int(f, f.scalar(opcode, (x,), F64) if opcode else x))


ROUNDING = {
    "int": "", "math.floor": "floor", "math.ceil": "ceil", "math.trunc": "", "round": "round",
}  # fmt: skip


def to_float(f: Frame, name: str, args: list[AV]) -> AV:
    if not args:
        return static(0.0)
    if args[0].kind == "const" and isinstance(args[0].info, str):
        try:
            return static(float(args[0].info))
        except ValueError:
            raise f.error(
                "E03", f"float({args[0].info!r})", "that text is no number", "write the number"
            ) from None
    return number(as_float(f, args[0], f"an argument of {name}"))


def to_bool(f: Frame, name: str, args: list[AV]) -> AV:
    return number(truth(f, args[0])) if args else static(False)


def power(f: Frame, name: str, args: list[AV]) -> AV:
    return binary(f, "pow", args[0], args[1])


def numpy_power(f: Frame, name: str, args: list[AV]) -> AV:
    """numpy.power: as `**`, but an int to a negative int raises."""
    a, b = args
    if a.kind == b.kind == "num" and F64 not in (a.leaves[0].type, b.leaves[0].type):
        n = f.convert(b.leaves[0], I64)
        ok = f.scalar("ge", (n, Literal(0, I64)), BOOL)
        f.check(ok, "ValueError", "Integers to negative integer powers are not allowed.")
        return binary(f, "pow", number(f.convert(a.leaves[0], I64)), number(n))
    if any(map(complexes.is_complex, args)):
        return binary(f, "pow", a, b)
    x, y = (as_float(f, v, f"an argument of {name}") for v in args)
    return binary(f, "pow", number(x), number(y))


def division_and_rest(f: Frame, name: str, args: list[AV]) -> AV:
    a, b = args
    for v in args:
        as_float(f, v, "an argument of divmod")
    return AV("tuple", None, divided(f, a.leaves[0], b.leaves[0]))


def length_of(f: Frame, name: str, args: list[AV]) -> AV:
    a = args[0]
    if a.kind == "range":
        lo, hi, step = (k.leaves[0] for k in a.kids)
        if isinstance(step, Literal) and step.value == 1:
            span = f.scalar("sub", (hi, lo), I64)
            count = f.scalar("max", (span, Literal(0, I64)), I64)
            natural(f, count)
            return number(count)
        # (hi - lo + step - sign) // step, and 0 where that is negative
        zero, one = Literal(0, I64), Literal(1, I64)
        up = f.scalar("gt", (step, zero), BOOL)
        sign = f.emit("select", [up, one, Literal(-1, I64)], [I64])
        if isinstance(up, Literal):
            sign = one if up.value else Literal(-1, I64)
        over = f.scalar(
            "sub", (f.scalar("add", (f.scalar("sub", (hi, lo), I64), step), I64), sign), I64
        )
        count = f.scalar("floordiv", (over, step), I64)
        natural_count = f.scalar("max", (count, zero), I64)
        natural(f, natural_count)
        return number(natural_count)
    return number(length(f, a))


def range_of(f: Frame, name: str, args: list[AV]) -> AV:
    """range: its bounds as ints; a step of 0 raises."""
    xs = [as_int(f, a, "an argument of range") for a in args]
    lo, hi, step = Literal(0, I64), xs[0], Literal(1, I64)
    if len(xs) > 1:
        lo, hi = xs[0], xs[1]  # type: ignore[assignment]
    if len(xs) > 2:
        step = xs[2]  # type: ignore[assignment]
        ok = f.scalar("ne", (step, Literal(0, I64)), BOOL)
        f.check(ok, "ValueError", "range() arg 3 must not be zero")
    return AV("range", None, (number(lo), number(hi), number(step)))


def log_to_base(f: Frame, name: str, args: list[AV]) -> AV:
    xs = [as_float(f, a, "an argument of math.log") for a in args]
    logs = [f.scalar("log", (x,), F64) for x in xs]
    return number(logs[0] if len(logs) == 1 else f.scalar("div", tuple(logs), F64))


def scaled(f: Frame, name: str, args: list[AV]) -> AV:
    to_degrees = names.OWN[name] == "degrees"
    factor = 180.0 / math.pi if to_degrees else math.pi / 180.0
    x = as_float(f, args[0], f"an argument of {name}")
    return number(f.scalar("mul", (x, Literal(factor, F64)), F64))


OWN: dict[str, tuple[Own, int, int | None]] = {
    "abs": (absolute, 1, 1),
    "complex": (complexes.of_parts, 0, 2),
    "conjugate": (complexes.conjugate, 1, 1),
    "cast": (narrow.cast, 0, 1),
    "min": (extreme, 1, None),
    "max": (extreme, 1, None),
    "round": (rounded, 1, 1),
    "int": (rounded, 0, 1),
    "floor": (rounded, 1, 1),
    "ceil": (rounded, 1, 1),
    "trunc": (rounded, 1, 1),
    "float": (to_float, 0, 1),
    "bool": (to_bool, 0, 1),
    "sign": (sign, 1, 1),
    "digamma": (polygamma, 1, 1),
    "polygamma": (polygamma, 2, 2),
    "pow": (power, 2, 2),
    "numpy_pow": (numpy_power, 2, 2),
    "divmod": (division_and_rest, 2, 2),
    "len": (length_of, 1, 1),
    "range": (range_of, 1, 3),
    "log": (log_to_base, 1, 2),
    "degrees": (scaled, 1, 1),
    "radians": (scaled, 1, 1),
}


def known(name: str) -> bool:
    tables = (names.PURE, names.OWN, names.LIBRARY, names.ARRAYS, names.WRITTEN)
    return any(name in table for table in tables)


assert all(op in TABLE for op, _ in names.PURE.values()), "a spelling without an op"
assert set(names.OWN.values()) == set(OWN), "a spelling without its code"
