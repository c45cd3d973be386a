"""Boxing: from the words of a typed function's results to a new Python object."""

from __future__ import annotations

import numpy as np

from ..ir.structure import Constant, Leaf, Tree, Tuple
from ..ir.types import BOOL, DTYPES, F64, I64, Array
from .layout import words
from .text import Text
from .unbox import DATA, TUPLE_ITEMS


def gives(tree: Tree) -> bool:
    """Whether `box` knows this structure."""
    match tree:
        case Leaf(_, shown) if shown is not None:
            return False
        case Leaf(t):
            return t in (F64, I64, BOOL) or (
                isinstance(t, Array) and t.elem in DTYPES and not t.strided
            )
        case Tuple(kids):
            return all(map(gives, kids))
        case Constant():
            return True
    return False


def box(text: Text, tree: Tree, leaves: list[str], fail: str) -> str:
    """A new reference; `leaves` are the words of the results without types, used up from the left.

    A tuple is made before its items, so that one that cannot be made leaves only the outermost
    tuple to drop.  `fail` is where to go then; nothing is left over.
    """
    root = _box(text, tree, leaves, "result", fail)
    assert not leaves
    return root


def _box(text: Text, tree: Tree, leaves: list[str], key: str, fail: str) -> str:
    match tree:
        case Leaf(t) if t == F64:
            made = text.call("ptr", "PyFloat_FromDouble", f"double {leaves.pop(0)}")
        case Leaf(t) if t == I64:
            made = text.call("ptr", "PyLong_FromLongLong", f"i64 {leaves.pop(0)}")
        case Leaf(t) if t == BOOL:
            wide = text.op(f"zext i1 {leaves.pop(0)} to i64")
            return text.call("ptr", "PyBool_FromLong", f"i64 {wide}")
        case Leaf(Array() as t):
            data, *lengths = (leaves.pop(0) for _ in words(t))
            return _array(text, t, data, lengths, fail)
        case Constant(value):
            known = (
                text.c_global("_Py_NoneStruct")
                if value is None
                else text.object(f"{key}.constant", value)
            )
            text.call("void", "Py_IncRef", f"ptr {known}")
            return known
        case Tuple(kids):
            return _tuple(text, kids, leaves, key, fail)
        case _:
            raise NotImplementedError(f"no native code makes a result of structure {tree}")
    text.guard(text.op(f"icmp ne ptr {made}, null"), fail)
    return made


def _tuple(text: Text, kids: tuple[Tree, ...], leaves: list[str], key: str, fail: str) -> str:
    made = text.call("ptr", "PyTuple_New", f"i64 {len(kids)}")
    text.guard(text.op(f"icmp ne ptr {made}, null"), fail)
    undo = text.fresh("undo")
    for k, kid in enumerate(kids):
        item = _box(text, kid, leaves, f"{key}.{k}", undo)
        at = text.op(f"getelementptr i8, ptr {made}, i64 {TUPLE_ITEMS + 8 * k}", "at")
        text.do(f"store ptr {item}, ptr {at}")
    done = text.fresh("tuple")
    text.do(f"br label %{done}")
    text.label(undo)
    text.call("void", "Py_DecRef", f"ptr {made}")
    text.do(f"br label %{fail}")
    text.label(done)
    return made


def _array(text: Text, t: Array, data: str, lengths: list[str], fail: str) -> str:
    """A fresh array with a copy of the elements; NewFromDescr takes over a reference to descr."""
    name = DTYPES[t.elem].name
    descr = text.object(f"numpy.dtype.{name}", DTYPES[t.elem])
    shape = text.local("i64" if t.rank == 1 else f"[{t.rank} x i64]", "shape")
    size = str(DTYPES[t.elem].itemsize)
    for k, n in enumerate(lengths):
        at = text.op(f"getelementptr i64, ptr {shape}, i64 {k}", "at") if k else shape
        text.do(f"store i64 {n}, ptr {at}")
        size = text.op(f"mul i64 {n}, {size}")
    text.call("void", "Py_IncRef", f"ptr {descr}")
    made = text.call(
        "ptr",
        "PyArray_NewFromDescr",
        f"ptr {text.object('numpy.ndarray', np.ndarray)}",
        f"ptr {descr}",
        f"i32 {t.rank}",
        f"ptr {shape}",
        "ptr null",
        "ptr null",
        "i32 0",
        "ptr null",
    )
    text.guard(text.op(f"icmp ne ptr {made}, null"), fail)
    target = text.field(made, DATA)
    text.call(
        "void", "llvm.memcpy.p0.p0.i64", f"ptr {target}", f"ptr {data}", f"i64 {size}", "i1 false"
    )
    return made
