"""Guards and unboxing: from Python objects to the words of a typed function's parameters.

`unbox(text, object, tree, miss)` emits code that goes to the block `miss` unless the object is
exactly what the tree says; it touches nothing but the object.  A `float` or `numpy.float64`, an
exact `int` of 64 bits, `True` and `False`, an aligned array of float64, int64 or bool of native
byte order, a tuple of such.  Anything else a function may take is converted by `border.classify`
and `border.flatten`, on the slow path; both must agree.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import CellType
from typing import Any

import numpy as np

from ..ir.structure import Constant, Leaf, Tree, Tuple
from ..ir.types import BOOL, DTYPES, F64, I64, Array
from .callable_type import HEADER
from .text import TYPE, Text

# PyArrayObject, the same from NumPy 1.7 to 2.x: data, nd, dimensions, strides, base, descr, flags
DATA, RANK, DIMENSIONS, STRIDES = HEADER, HEADER + 8, HEADER + 16, HEADER + 24
DESCR, FLAGS = HEADER + 40, HEADER + 48
C_CONTIGUOUS, ALIGNED = 0x1, 0x100

TUPLE_ITEMS = tuple.__basicsize__
VALUE = HEADER  # of a float, and of a cell


@dataclass(frozen=True)
class Position:
    """A positional argument of the call."""

    index: int


@dataclass(frozen=True, eq=False)
class Cell:
    """What a closure cell holds at the time of the call."""

    cell: CellType


@dataclass(frozen=True, eq=False)
class Global:
    """What a name of a module is bound to at the time of the call."""

    names: dict[str, Any]
    name: str


@dataclass(frozen=True, eq=False)
class Fixed:
    """An object known when the code is loaded: the default of a parameter."""

    value: object


Source = Position | Cell | Global | Fixed


def fetch(text: Text, source: Source, key: str, miss: str) -> str:
    """The object that a source stands for; `key` makes the names of its symbols unique."""
    match source:
        case Position(index):
            at = text.op(f"getelementptr ptr, ptr %args, i64 {index}", "at")
            return text.op(f"load ptr, ptr {at}", "arg")
        case Fixed(value):
            return text.object(f"{key}.default", value)
        case Cell(cell):
            found = text.field(text.object(f"{key}.cell", cell), VALUE)
        case Global(names, name):
            where, what = text.object(f"{key}.names", names), text.object(f"{key}.name", name)
            found = text.call("ptr", "PyDict_GetItemWithError", f"ptr {where}", f"ptr {what}")
    text.guard(text.op(f"icmp ne ptr {found}, null"), miss)
    return found


def unbox(text: Text, obj: str, tree: Tree, key: str, miss: str) -> list[str]:
    """The words of an argument, with their LLVM types."""
    match tree:
        case Leaf(t) if t == F64:
            return [_float(text, obj, miss)]
        case Leaf(t) if t == I64:
            return [_int(text, obj, miss)]
        case Leaf(t) if t == BOOL:
            return [_bool(text, obj, miss)]
        case Leaf(Array() as t):
            return _array(text, obj, t, miss)
        case Constant(value):
            same = text.op(f"icmp eq ptr {obj}, {_constant(text, value, key)}")
            text.guard(same, miss)
            return []
        case Tuple(kids):
            return _tuple(text, obj, kids, key, miss)
    raise NotImplementedError(f"no native code takes an argument of structure {tree}")


def takes(tree: Tree) -> bool:
    """Whether `unbox` knows this structure."""
    match tree:
        case Leaf(t):
            return t in (F64, I64, BOOL) or isinstance(t, Array)
        case Tuple(kids):
            return all(map(takes, kids))
        case Constant():
            return True
    return False  # a record, a pullback, one of several


def _is_exactly(text: Text, obj: str, type: str, miss: str) -> None:
    found = text.field(obj, TYPE)
    text.guard(text.op(f"icmp eq ptr {found}, {text.c_global(type)}"), miss)


def _float(text: Text, obj: str, miss: str) -> str:
    """A numpy.float64 is laid out as the float that it is."""
    found = text.field(obj, TYPE)
    second, ok = text.fresh("float64"), text.fresh("ok")
    text.branch(text.op(f"icmp eq ptr {found}, {text.c_global('PyFloat_Type')}"), ok, second)
    text.label(second)
    scalar = text.object("numpy.float64", np.float64)
    text.branch(text.op(f"icmp eq ptr {found}, {scalar}"), ok, miss)
    text.label(ok)
    return "double " + text.field(obj, VALUE, "double")


def _int(text: Text, obj: str, miss: str) -> str:
    """One digit is read in place, more go through CPython, which tells overflow."""
    _is_exactly(text, obj, "PyLong_Type", miss)
    small, big, done = text.fresh("small"), text.fresh("big"), text.fresh("int")
    size = text.field(obj, HEADER, "i64")
    if sys.version_info >= (3, 12):  # lv_tag: digits << 3 | sign, where sign is 0, 1 (zero), 2
        text.branch(text.op(f"icmp ult i64 {size}, 16"), small, big)
        text.label(small)
        sign = text.op(f"sub i64 1, {text.op(f'and i64 {size}, 3')}")
    else:  # ob_size: digits, negative for a negative number
        text.branch(text.op(f"icmp ult i64 {text.op(f'add i64 {size}, 1')}, 3"), small, big)
        text.label(small)
        sign = size
    digit = text.op(f"zext i32 {text.field(obj, HEADER + 8, 'i32')} to i64")
    value = text.op(f"mul nsw i64 {sign}, {digit}")
    text.do(f"br label %{done}")
    text.label(big)
    overflow = text.local("i32", "overflow")
    far = text.call("i64", "PyLong_AsLongLongAndOverflow", f"ptr {obj}", f"ptr {overflow}")
    fits = text.op(f"icmp eq i32 {text.op(f'load i32, ptr {overflow}')}, 0")
    text.branch(fits, done, miss)
    text.label(done)
    return "i64 " + text.op(f"phi i64 [ {value}, %{small} ], [ {far}, %{big} ]")


def _bool(text: Text, obj: str, miss: str) -> str:
    true = text.op(f"icmp eq ptr {obj}, {text.c_global('_Py_TrueStruct')}")
    false = text.op(f"icmp eq ptr {obj}, {text.c_global('_Py_FalseStruct')}")
    text.guard(text.op(f"or i1 {true}, {false}"), miss)
    return f"i1 {true}"


def _array(text: Text, obj: str, t: Array, miss: str) -> list[str]:
    """A contiguous array is refused where strides are expected: faster code exists for it."""
    found = text.field(obj, TYPE)
    text.guard(text.op(f"icmp eq ptr {found}, {text.object('numpy.ndarray', np.ndarray)}"), miss)
    dtype = DTYPES[t.elem]
    descr = text.object(f"numpy.dtype.{dtype.name}", dtype)
    right = text.op(f"icmp eq ptr {text.field(obj, DESCR)}, {descr}")
    flat = text.op(f"icmp eq i32 {text.field(obj, RANK, 'i32')}, {t.rank}")
    flags = text.op(f"and i32 {text.field(obj, FLAGS, 'i32')}, {C_CONTIGUOUS | ALIGNED}")
    wanted = ALIGNED if t.strided else C_CONTIGUOUS | ALIGNED
    laid_out = text.op(f"icmp eq i32 {flags}, {wanted}")
    both = text.op(f"and i1 {right}, {flat}")
    text.guard(text.op(f"and i1 {both}, {laid_out}"), miss)
    dimensions = text.field(obj, DIMENSIONS)
    found_words = [f"ptr {text.field(obj, DATA)}"]
    found_words += [f"i64 {_entry(text, dimensions, k)}" for k in range(t.rank)]
    if t.strided:
        strides, shift = text.field(obj, STRIDES), dtype.itemsize.bit_length() - 1
        for k in range(t.rank):
            stride = _entry(text, strides, k)
            odd = text.op(f"and i64 {stride}, {dtype.itemsize - 1}")
            text.guard(text.op(f"icmp eq i64 {odd}, 0"), miss)
            found_words.append(f"i64 {text.op(f'ashr exact i64 {stride}, {shift}')}")
    return found_words


def _entry(text: Text, entries: str, k: int) -> str:
    """An axis's length or stride."""
    at = text.op(f"getelementptr i64, ptr {entries}, i64 {k}", "at") if k else entries
    return text.op(f"load i64, ptr {at}")


def _tuple(text: Text, obj: str, kids: tuple[Tree, ...], key: str, miss: str) -> list[str]:
    _is_exactly(text, obj, "PyTuple_Type", miss)
    size = text.field(obj, HEADER, "i64")
    text.guard(text.op(f"icmp eq i64 {size}, {len(kids)}"), miss)
    found: list[str] = []
    for k, kid in enumerate(kids):
        item = text.field(obj, TUPLE_ITEMS + 8 * k)
        found += unbox(text, item, kid, f"{key}.{k}", miss)
    return found


def _constant(text: Text, value: object, key: str) -> str:
    if value is None:
        return text.c_global("_Py_NoneStruct")
    return text.object(f"{key}.constant", value)
