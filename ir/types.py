"""Types of the typed stages.  Generic stages (`ssa`, `closed`) have none.

f64 i64 bool c128                   scalars; `f64x8` holds eight tangents at once
f64[1]   f64[1, strided]            an array: rank static, shape dynamic, layout in the type
f32[1]   i32[1] i16 i8 u32 u16 u8   narrow elements: `get` widens to f64 or i64, `set` narrows
list<f64, i64>                      one growable array per leaf, one length
box<@r>                             a reference to a record, or null
none  mark                          no value; a place in the arena
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Scalar:
    name: str
    lanes: int = 1

    def __str__(self) -> str:
        return self.name if self.lanes == 1 else f"{self.name}x{self.lanes}"


@dataclass(frozen=True, slots=True)
class Array:
    elem: Scalar
    rank: int
    strided: bool = False

    def __str__(self) -> str:
        return f"{self.elem}[{self.rank}, strided]" if self.strided else f"{self.elem}[{self.rank}]"


@dataclass(frozen=True, slots=True)
class List:
    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"list<{', '.join(map(str, self.items))}>"


@dataclass(frozen=True, slots=True)
class Box:
    record: str

    def __str__(self) -> str:
        return f"box<@{self.record}>"


Type = Scalar | Array | List | Box

F64, F32, C128 = Scalar("f64"), Scalar("f32"), Scalar("c128")
I64, I32, I16, I8 = Scalar("i64"), Scalar("i32"), Scalar("i16"), Scalar("i8")
U32, U16, U8, BOOL = Scalar("u32"), Scalar("u16"), Scalar("u8"), Scalar("bool")
NONE, MARK, STR = Scalar("none"), Scalar("mark"), Scalar("str")
FLOATS = frozenset({"f64", "f32", "c128"})
DTYPES: dict[Scalar, np.dtype[Any]] = {  # what arrays hold, and NumPy's type of it
    F64: np.dtype(np.float64), F32: np.dtype(np.float32), BOOL: np.dtype(np.bool_),
    I64: np.dtype(np.int64), I32: np.dtype(np.int32), I16: np.dtype(np.int16),
    I8: np.dtype(np.int8), U32: np.dtype(np.uint32), U16: np.dtype(np.uint16),
    U8: np.dtype(np.uint8), C128: np.dtype(np.complex128),
}  # fmt: skip
ELEMENTS = {(d.kind, d.itemsize): elem for elem, d in DTYPES.items()}
NARROW = frozenset(DTYPES) - {F64, I64, BOOL, C128}


def wide(elem: Scalar) -> Scalar:
    """The scalar that an element is, once it has been read."""
    if elem not in NARROW:
        return elem
    return F64 if elem == F32 else I64


def element_of(a: Any) -> Scalar | None:
    """The type that the elements of a NumPy array have in compiled code, if any."""
    return ELEMENTS.get((a.dtype.kind, a.dtype.itemsize))


def array_type(a: Any) -> Array | None:
    """The type of a NumPy array as compiled code reads it; None where it cannot."""
    elem = element_of(a)
    if elem is None or not a.dtype.isnative:
        return None
    return Array(elem, a.ndim, strided=not a.flags.c_contiguous)


def is_float(t: Type) -> bool:
    """A scalar that carries tangents and cotangents."""
    return isinstance(t, Scalar) and t.name in FLOATS


def is_threaded(t: Type) -> bool:
    """Whether the cotangent of a value of this type is an accumulator threaded through bwd."""
    return isinstance(t, (Array, List))


def history_type(t: Type) -> Type:
    """The type of a loop's saved history (ys) of values of type t."""
    return Array(t, 1) if isinstance(t, Scalar) else List((t,))


def element_type(t: Type) -> Type:
    """What `each` hands out of a history of type t: the inverse of `history_type`."""
    if isinstance(t, Array) and t.rank == 1:
        return t.elem
    if isinstance(t, List) and len(t.items) == 1:
        return t.items[0]
    raise TypeError(f"{t} is not a history")


def cotangent_type(t: Type) -> Type | None:
    """The type of a cotangent (or tangent) of a value of type t; None where it carries none.

    That of an array of f32 is an array of f64: it is a sum of many.

    The cotangent of `box<@r>` is `box<@r.ct>`, whose fields are the cotangents of r's fields;
    a record of cotangents is its own cotangent record.
    """
    match t:
        case Scalar():
            return t if t.name in FLOATS else None
        case Array():
            return Array(wide(t.elem), t.rank) if is_float(t.elem) else None
        case List():
            kids = tuple(c for c in map(cotangent_type, t.items) if c is not None)
            return List(kids) if kids else None
        case Box():
            return t if t.record.endswith(".ct") else Box(t.record + ".ct")
        case _:
            return None
