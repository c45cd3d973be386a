"""The arguments of NumPy's functions: by place or name, dtypes, shapes, axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...ir.core import Literal, Operand
from ...ir.errors import name_of_exception
from ...ir.types import BOOL, F64, I64, Scalar
from . import ndarray, operators, pending, sequences, views
from .values import AV, Unknown, describe, static_value, typ

if TYPE_CHECKING:
    from .frame import Frame

Given = Mapping[str, AV]
Made = Callable[["Frame", Given], AV]
DTYPES = {
    "float": F64, "numpy.float64": F64, "float64": F64, "numpy.double": F64, "f8": F64, "d": F64,
    "int": I64, "numpy.int64": I64, "int64": I64, "numpy.int_": I64, "numpy.intp": I64, "i8": I64,
    "bool": BOOL, "numpy.bool_": BOOL, "numpy.bool": BOOL, "?": BOOL,
}  # fmt: skip


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
    if named not in DTYPES:
        raise f.error(
            "E03",
            f"the dtype {named or describe(typ(a))}",
            "elements are float64, int64 or bool so far",
            "write `float`, `int` or `bool`",
        )
    return DTYPES[named]


def lengths(f: Frame, a: AV) -> list[Operand]:
    """A shape: an int, or a tuple or list of ints."""
    if a.kind == "num":
        return [operators.as_int(f, a, "a shape")]
    return [operators.as_int(f, k, "a shape") for k in sequences.items(f, a, "a shape")]


def axis_of(f: Frame, a: AV | None, rank: int) -> tuple[int, ...] | None:
    """Axes, which are known when compiling; None for all of them."""
    if a is None or (a.kind == "const" and a.info is None):
        return None
    try:
        known = static_value(a)
    except Unknown:
        raise f.error(
            "E01",
            "an axis that is known at run time only",
            "it decides the rank of the result",
            "write the axis as a literal",
        ) from None
    axes = known if isinstance(known, tuple) else (known,)
    for k in axes:
        if not -rank <= k < rank:
            text = f"axis {k} is out of bounds for array of dimension {rank}"
            f.check(Literal(False, BOOL), name_of_exception(np.exceptions.AxisError), text)
    return tuple(sorted({k % rank for k in axes}))


def array(f: Frame, a: AV) -> AV:
    """An argument as an array: a tuple or list becomes one."""
    return pending.settled(f, a) if views.is_array(f, a) else ndarray.array_of(f, a)


def readable(f: Frame, a: AV) -> AV:
    """An argument as an array of which each element is read once."""
    return a if a.kind == "pending" else array(f, a)


def flag(a: AV | None) -> bool:
    return a is not None and bool(static_value(a))
