"""What Python class a value has, and `isinstance`."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

import numpy as np

from . import sums
from .records import class_of, contents
from .values import AV, describe, number, typ

if TYPE_CHECKING:
    from .frame import Frame

NUMBERS = {"f64": float, "i64": int, "bool": bool, "c128": complex}


def python_class(f: Frame, a: AV) -> type | None:
    """The class of a value, where it is known."""
    a = contents(f, a)
    match a.kind:
        case "num":
            return NUMBERS[str(a.leaves[0].type)]
        case "const":
            return type(a.info)
        case "record" | "list" | "dict" | "tuple" | "vector" | "inner":
            return class_of(a)
        case "fn" | "partial":
            return FunctionType
        case "boxed":
            return a.info[1] if a.info[0] == "record" else FunctionType
        case "fstring":
            return str
        case "array" | "view" | "pending" | "element":
            return np.ndarray
    return None


def isinstance_(f: Frame, a: AV, kinds: AV) -> AV:
    """isinstance: known for each alternative of a value."""
    a = contents(f, a)
    wanted = [class_named(f, k) for k in (kinds.kids if kinds.kind == "tuple" else (kinds,))]

    def holds(kid: AV) -> bool:
        cls = python_class(f, kid)
        if cls is None:
            raise f.error(
                "E01",
                f"isinstance of {describe(typ(kid))}",
                "its class is not known when compiling",
                "ask about numbers, tuples, None and records",
            )
        return any(issubclass(cls, w) for w in wanted)

    return number(sums.tested(f, a, holds))


BUILTIN = {c.__name__: c for c in (int, float, bool, str, tuple, list, dict, complex, object)}


def class_named(f: Frame, a: AV) -> type:
    if a.kind == "class":
        cls: type = a.info
        return cls
    if a.kind == "name" and a.info in BUILTIN:
        return BUILTIN[a.info]
    if a.kind == "name" and a.info == "numpy.ndarray":
        return np.ndarray
    if a.kind == "const" and a.info is None:
        return type(None)
    raise f.error(
        "E01",
        f"{describe(typ(a))} as the class that isinstance asks about",
        "it is no class",
        "pass a class, or a tuple of classes",
    )
