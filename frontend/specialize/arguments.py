"""The arguments of NumPy's functions: by place or name, dtypes, shapes, axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...ir.core import Literal, Operand
from ...ir.errors import name_of_exception
from ...ir.types import BOOL, C128, DTYPES, F32, F64, I8, I16, I32, I64, U8, U16, U32, Scalar
from . import narrow, ndarray, operators, pending, sequences, views
from .values import AV, describe, static_value, typ

if TYPE_CHECKING:
    from .frame import Frame

Given = Mapping[str, AV]
Made = Callable[["Frame", Given], AV]
NAMED = {  # beside NumPy's own names and codes, such as "float32" and "f4"
    "float": F64, "double": F64, "int": I64, "int_": I64, "intp": I64, "bool_": BOOL, "single": F32,
    "complex": C128, "cdouble": C128,
    "intc": I32, "ubyte": U8, "byte": I8, "short": I16, "ushort": U16, "uintc": U32,
}  # fmt: skip
for _elem, _dtype in DTYPES.items():
    NAMED |= {_dtype.name: _elem, _dtype.str[1:]: _elem, _dtype.char: _elem}


def bound(f: Frame, name: str, parameters: str, args: list[AV], kw: dict[str, AV]) -> Given:
    """Arguments by the names of NumPy's parameters; `*` stands before those by name only."""
    names = parameters.replace("*", "").split()
    most = parameters.split().index("*") if "*" in parameters.split() else len(names)
    wrong = next((k for k in kw if k not in names), None)
    if wrong is not None:
        raise f.error(
            "E03",
            f"{name}(..., {wrong}=...)",
            f"it takes {', '.join(names)} here",
            "leave it out",
        )
    if len(args) > most:
        raise f.error(
            "E03",
            f"{name} with {len(args)} arguments",
            f"it takes {', '.join(names)}",
            "pass fewer",
        )
    out = dict(zip(names, args, strict=False))
    for k, a in kw.items():
        if k in out:
            raise f.error("E03", f"{name}: two values for `{k}`", "one is enough", "leave one out")
        out[k] = a
    return out


def needed(f: Frame, name: str, given: Given, *wanted: str) -> list[AV]:
    for w in wanted:
        if w not in given:
            raise f.error("E03", f"{name} without `{w}`", "it needs one", f"pass `{w}`")
    return [given[w] for w in wanted]


def dtype_of(f: Frame, a: AV | None) -> Scalar | None:
    """The type of the elements that a `dtype` names."""
    if a is None or (a.kind == "const" and a.info is None):
        return None
    named = a.info if isinstance(a.info, str) else getattr(a.info, "__name__", "")
    elem = NAMED.get(named.removeprefix("numpy."))
    if elem is None:
        raise f.error(
            "E03",
            f"the dtype {named or describe(typ(a))}",
            "elements are floats of 64 or 32 bits, ints up to 64 bits, or bools so far",
            "write `float`, `int`, `bool`, or `np.float32` and the like",
        )
    return narrow.demanded(f, elem)


def lengths(f: Frame, a: AV) -> list[Operand]:
    """A shape: an int, or a tuple or list of ints."""
    if a.kind == "num":
        return [operators.as_int(f, a, "a shape")]
    return [operators.as_int(f, k, "a shape") for k in sequences.items(f, a, "a shape")]


def axis_of(f: Frame, a: AV | None, rank: int) -> tuple[int, ...] | None:
    """Axes, which are known when compiling; None for all of them."""
    if a is None or (a.kind == "const" and a.info is None):
        return None
    axes = axes_in_order(f, a, rank)
    if len(set(axes)) < len(axes):
        f.check(Literal(False, BOOL), "ValueError", "duplicate value in 'axis'")
    return tuple(sorted(set(axes)))


def axes_in_order(f: Frame, a: AV, rank: int) -> list[int]:
    """An axis, or a tuple or list of them, counted from the front."""
    parts = [a] if a.kind == "num" else sequences.items(f, a, "an axis")
    axes: list[int] = []
    for part in parts:
        if not isinstance(operators.as_int(f, part, "an axis"), Literal):
            raise f.error(
                "E01",
                "an axis that is known at run time only",
                "it decides the shape of the result",
                "write the axis as a literal",
            )
        k = int(static_value(part))
        if not -rank <= k < rank:
            text = f"axis {k} is out of bounds for array of dimension {rank}"
            f.check(Literal(False, BOOL), name_of_exception(np.exceptions.AxisError), text)
        axes.append(k % rank)
    return axes


def array(f: Frame, a: AV) -> AV:
    """An argument as an array: a tuple or list becomes one."""
    return pending.settled(f, a) if views.is_array(f, a) else ndarray.array_of(f, a)


def readable(f: Frame, a: AV) -> AV:
    """An argument as an array of which each element is read once."""
    return a if a.kind == "pending" else array(f, a)


def flag(a: AV | None) -> bool:
    return a is not None and bool(static_value(a))
