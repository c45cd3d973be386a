"""Typed functions, through `bufferize` and `emit`, as callables; where their inputs come from."""

from __future__ import annotations

import ctypes
import traceback
from types import CellType
from typing import Any

import numpy as np
import pytest

from morula.backend.bufferize import bufferize
from morula.backend.call import Input
from morula.backend.callable_type import Callable
from morula.backend.emit import emit
from morula.backend.specialisation import Specialisation
from morula.backend.unbox import Cell, Fixed, Global, Position
from morula.ir.core import Site
from morula.ir.parser import parse
from morula.ir.structure import Constant, PullbackTree, Tree, Tuple
from native_functions import ARRAY, FLOAT, INT, NONE, STRIDED, Slow, outer, positions

SQUARE = """
fn @f(%x: f64) -> f64 {
  %0: f64 = mul %x, %x
  %1: f64 = add %0, 1.0
  return %1
}
"""
FIB = """
fn @f(%n: i64) -> i64 {
  %0: bool = lt %n, 2
  %r: i64 = if %0 {
    yield %n
  } else {
    %1: i64 = sub %n, 1
    %2: i64 = call @f(%1)
    %3: i64 = sub %n, 2
    %4: i64 = call @f(%3)
    %5: i64 = add %2, %4
    yield %5
  }
  return %r
}
"""
SCALE = """
fn @f(%x: f64[1], %b: f64) -> (f64[1], f64) {
  %n: i64 = len %x
  %s.2: f64; %ys: f64[1] = for %i: i64 = 0 to %n
      carry %s: f64 = 0.0
      each %v: f64 of %x {
    %y: f64 = mul %v, %b
    %s.1: f64 = add %s, %y
    next %s.1; %y
  }
  return %ys, %s.2
}
"""
SUM = """
fn @f [%a: f64](%x: f64[1, strided], %k: i64) -> f64 {
  %n: i64 = len %x
  %ok: bool = lt %k, %n
  check %ok {error = "IndexError", text = "index out of range"}
  %v: f64 = get %x, %k
  %r: f64 = mul %v, %a
  return %r
}
"""


def special(text: str, inputs: list[Input], result: Tree) -> Specialisation:
    module = bufferize(parse(text))
    return Specialisation(emit(module, ["f"]), "f", inputs, result, module=module)


def test_one_piece_of_code_both_ways() -> None:
    slow = Slow()
    f, s = Callable(outer, slow), special(SQUARE, positions(FLOAT), FLOAT)
    s.install(f)
    assert f(3.0) == s(3.0) == s(3) == s(np.float32(3)) == 10.0
    fib = special(FIB, positions(INT), INT)
    fib.install(f)
    assert f(20) == fib(20) == 6765 and f(3.0) == 10.0 and not slow.calls
    with pytest.raises(RecursionError):
        f(10**9)
    with pytest.raises(RecursionError):
        fib(10**9)


def test_one_code_in_many_chains() -> None:
    square, fib = special(SQUARE, positions(FLOAT), FLOAT), special(FIB, positions(INT), INT)
    f, g = Callable(outer, Slow(lambda *_, **kw: "f")), Callable(outer, Slow(lambda *_, **kw: "g"))
    for s in (square, fib, square):
        s.install(f)
    for s in (fib, fib, square):
        s.install(g)
    for h, name in ((f, "f"), (g, "g")):
        assert (h(3.0), h(10), h("x"), h(x=1.0), h(), h(1.0, 2)) == (10.0, 55, *[name] * 4)
        assert len(h._table) == 3
    f.retarget(square.address, square)
    assert f(3.0) == 10.0 and f(10) == "f" and g(10) == 55


def test_arrays_in_and_out() -> None:
    f, s = Callable(outer, Slow()), special(SCALE, positions(ARRAY, FLOAT), Tuple((ARRAY, FLOAT)))
    s.install(f)
    for n in (0, 1, 5, 20_000, 0, 300_000, 2):
        x = np.arange(float(n))
        for ys, total in (f(x, 2.0), s(x, 2.0)):
            assert np.array_equal(ys, 2.0 * x) and total == 2.0 * sum(x.tolist())
    assert f(np.arange(3), 2.0) == "slow"


def test_inputs_from_elsewhere_and_errors() -> None:
    cell, names, x = CellType(2.0), {"k": 1}, np.arange(6.0)[::2]
    inputs = [Input(Cell(cell), FLOAT), Input(Position(0), STRIDED), Input(Global(names, "k"), INT)]
    f, s = Callable(outer, Slow()), special(SUM, inputs, FLOAT)
    s.install(f)
    assert f(x) == s(x) == 4.0
    cell.cell_contents, names["k"] = 10.0, 2
    assert f(x) == s(x) == 40.0
    names["k"] = 3
    for g in (f, s):
        with pytest.raises(IndexError, match="index out of range"):
            g(x)
    del names["k"]
    with pytest.raises(NameError):
        s(x)
    assert f(x) == "slow"


def test_defaults() -> None:
    f = Callable(outer, Slow())
    with_default = [Input(Fixed(0.5), FLOAT)]
    special(SQUARE, with_default, FLOAT).install(f)
    special(SQUARE, positions(FLOAT), FLOAT).install(f)
    assert f() == 1.25 and f(2.0) == 5.0


def test_what_native_code_cannot_take_is_called_from_python() -> None:
    text = """
record @r = (f64)
fn @f(%x: f64) -> box<@r> {
  %b: box<@r> = box %x {record = "r"}
  return %b
}
"""
    tree = PullbackTree("r", FLOAT, FLOAT)
    f, s = Callable(outer, Slow()), special(text, positions(FLOAT), tree)
    s.install(f)
    made = s(2.5)
    assert s.address == 0 and f(2.5) == "slow" and made.tree == tree
    assert ctypes.c_double.from_address(made.box).value == 2.5


def test_result_that_is_the_argument() -> None:
    text = "fn @f(%x: f64[1]) -> f64[1] {\n  return %x\n}\n"
    f, s = Callable(outer, Slow()), special(text, positions(ARRAY), Tuple((ARRAY, NONE)))
    s.install(f)
    x = np.arange(3.0)
    y, none = f(x)
    assert y is not x and not np.shares_memory(x, y) and np.array_equal(x, y) and none is None
    x.flags.writeable = False
    assert f(x)[0].flags.writeable


def test_lines_of_the_call_chain() -> None:
    from native_functions import LOC

    module = parse(SUM)
    body = module.functions["f"].body
    ops = tuple(op.but(loc=LOC) for op in body.ops)
    module.add(module.functions["f"].but(body=type(body)(body.params, ops)))
    placed = bufferize(module)
    inputs: list[Any] = [Input(Fixed(1.0), FLOAT), *positions(STRIDED, INT)]
    s = Specialisation(emit(placed, ["f"]), "f", inputs, FLOAT)
    f = Callable(outer, Slow(lambda me, *args: s(*args)))
    s.install(f)
    x = np.arange(6.0)[::2]
    assert f(x, 1) == f(x, np.int64(1)) == 2.0
    for k in (3, np.int64(3)):  # native code, then the slow path: the same traceback
        with pytest.raises(IndexError) as caught:
            f(x, k)
        found = traceback.extract_tb(caught.value.__traceback__)
        mine = [(e.name, e.lineno) for e in found if not e.filename.endswith(f"{__name__}.py")]
        wanted = [("outer", LOC[1].line), ("innermost", LOC[0].line)]
        assert mine[-2:] == wanted and all(isinstance(site, Site) for site in LOC)
        assert not any("backend" in e.filename for e in found)


def test_constants_are_part_of_the_structure() -> None:
    f = Callable(outer, Slow())
    for word, text in (("a", SQUARE), ("b", SQUARE.replace("1.0", "2.0"))):
        special(text, positions(FLOAT, Constant(word)), FLOAT).install(f)
    assert f(1.0, "a") == 2.0 and f(1.0, "b") == 3.0 and f(1.0, "c") == "slow"
