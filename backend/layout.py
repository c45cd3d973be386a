"""How values stand in native code: LLVM types, literals, words and the memory of boxes.

A leaf is one or more LLVM values (*words*), as parameters, results and in structs:

    f64 double     i64 i64     bool i1     box<@r> ptr     mark ptr, ptr (cursor, chunk)
    c128 double, double (the real and the imaginary part)
    T[r] ptr, r i64 (data, the length of each axis), in C order
    T[r, strided] the same, and r i64 (the stride of each axis, in elements)
    list<T> ptr, i64: elements are the words of a T, in slots of eight bytes

In memory an element of a bool array is one byte, that of a narrow array as wide as its type
says; words are wide.  In a box, and in the slots of arguments and
results at the border, every word takes eight bytes, a bool as an i64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..ir.core import Literal
from ..ir.types import C128, DTYPES, Array, Box, List, Scalar, Type, element_type

WORDS = {"f64": ("double",), "i64": ("i64",), "bool": ("i1",), "c128": ("double", "double")}
MEMORY = {  # of an element
    "f64": "double", "f32": "float", "bool": "i8", "i64": "i64", "i32": "i32", "i16": "i16",
    "i8": "i8", "u32": "i32", "u16": "i16", "u8": "i8", "c128": "{ double, double }",
}  # fmt: skip
SLOT = 8


def words(t: Type) -> tuple[str, ...]:
    """LLVM types of the words of a leaf."""
    match t:
        case Scalar("mark"):
            return ("ptr", "ptr")
        case Scalar(name, 1) if name in WORDS:
            return WORDS[name]
        case Array(Scalar(name, 1), rank, strided) if name in MEMORY:
            return ("ptr", *["i64"] * (2 * rank if strided else rank))
        case List():
            return ("ptr", "i64")
        case Box():
            return ("ptr",)
    raise NotImplementedError(f"no native code for values of type {t}")


def all_words(types: Iterable[Type]) -> list[str]:
    return [w for t in types for w in words(t)]


def result_type(types: Iterable[Type]) -> str:
    """What a native function returns: its status, then the words of its results."""
    return "{ " + ", ".join(["i32", *all_words(types)]) + " }"


def element(t: Type) -> str:
    """The LLVM type of an array's element in memory."""
    words(t)
    assert isinstance(t, Array)
    return MEMORY[t.elem.name]


def element_size(t: Type) -> int:
    if isinstance(t, List):
        return SLOT * len(words(element_type(t)))
    assert isinstance(t, Array)
    return DTYPES[t.elem].itemsize


def number(value: float) -> str:
    """A double, bit by bit, as LLVM reads it.

    >>> number(1.0), number(-0.0)
    ('0x3FF0000000000000', '0x8000000000000000')
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def constants(v: Literal) -> tuple[str, ...]:
    """A literal as words."""
    if v.type == C128:
        return number(v.value.real), number(v.value.imag)
    return (constant(v),)


def constant(v: Literal) -> str:
    """A literal of one word as an LLVM operand."""
    match v.type:
        case Scalar("f64", 1):
            return number(v.value)
        case Scalar("i64", 1):
            return str(v.value)
        case Scalar("bool", 1):
            return "true" if v.value else "false"
    raise NotImplementedError(f"no native code for literals of type {v.type}")


def quote(name: str) -> str:
    """A global name: `@"f.step"`."""
    if '"' in name or "\\" in name:
        raise ValueError(f"not a name: {name}")
    return f'@"{name}"'
