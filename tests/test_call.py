"""Calls of compiled code: guards, unboxing, boxing, chains, errors in the user's traceback."""

from __future__ import annotations

import os
import sys
import traceback
from types import CellType
from typing import Any

import numpy as np
import pytest

from morula.backend.border import BorderError, classify, rebuild
from morula.backend.call import Input
from morula.backend.callable_type import Callable
from morula.backend.traceback import trace
from morula.backend.unbox import Cell, Fixed, Global, Position
from morula.ir.core import Site
from morula.ir.structure import Constant, Tuple
from native_functions import (
    ARRAY,
    COPY,
    DOUBLE,
    FLOAT,
    INT,
    LENGTH,
    LOC,
    NONE,
    NOT,
    NOTHING,
    RECIPROCAL,
    SECOND,
    SQUARE,
    STRIDED,
    SWAP,
    TRUTH,
    Slow,
    add,
    make,
    outer,
    positions,
)

# ---- guards and boxing


def test_float() -> None:
    slow = Slow()
    f = make(SQUARE, (FLOAT,), FLOAT, slow)
    assert f(3.0) == 9.0 and f(np.float64(2.0)) == 4.0 and type(f(np.float64(2.0))) is float
    assert f(*[1.5]) == 2.25
    assert not slow.calls

    class Sub(float):
        pass

    others: list[Any] = [3, True, Sub(3.0), np.float32(3.0), "x", None, [1.0], np.ones(())]
    for x in others:
        assert f(x) == "slow"
    assert f() == f(1.0, 2.0) == f(x=1.0) == f(1.0, y=2) == "slow"
    assert [a for a, _ in slow.calls[:8]] == [(x,) for x in others]
    assert slow.calls[8:] == [((), {}), ((1.0, 2.0), {}), ((), {"x": 1.0}), ((1.0,), {"y": 2})]


@pytest.mark.parametrize(
    "n", [0, 1, -1, 7, 2**30 - 1, 2**30, -(2**30), 2**31, -(2**31), 2**60, -(2**62), 2**62 - 1]
)
def test_int(n: int) -> None:
    slow = Slow()
    f = make(DOUBLE, (INT,), INT, slow)
    assert f(n) == 2 * n and not slow.calls


def test_int_refuses() -> None:
    slow = Slow()
    f = make(DOUBLE, (INT,), INT, slow)
    assert f(-(2**63)) == 0 and f(2**63 - 1) == -2  # the function wraps, the guard takes them
    for x in (2**63, -(2**63) - 1, 10**30, True, 1.0, np.int64(3)):
        assert f(x) == "slow"


def test_bool_none_and_tuples() -> None:
    slow = Slow()
    f = make(NOT, (TRUTH,), TRUTH, slow)
    assert f(True) is False and f(False) is True
    assert f(1) == f(np.True_) == f(None) == "slow"
    assert make(NOTHING, (FLOAT,), NONE)(1.0) is None

    tree = Tuple((FLOAT, Tuple((INT, NONE)), TRUTH, Constant("axis")))
    result = Tuple((Tuple((INT,)), FLOAT, Constant("word"), Tuple(()), NONE, TRUTH))
    g = make(SWAP, (tree,), result, slow)
    assert g((1.5, (7, None), True, "axis")) == ((7,), 1.5, "word", (), None, True)
    for bad in (
        (1.5, (7, None), True),
        (1.5, (7, 0), True, "axis"),
        [1.5, (7, None), True, "axis"],
    ):
        assert g(bad) == "slow"
    assert g((1.5, (7, None), True, "other")) == "slow"


def test_arrays() -> None:
    slow = Slow()
    f = make(LENGTH, (ARRAY,), INT, slow)
    assert f(np.ones(5)) == 5 and f(np.ones(0)) == 0 and f(np.ones(9)[3:5]) == 2
    readonly = np.ones(3)
    readonly.flags.writeable = False
    assert f(readonly) == 3 and not slow.calls
    odd = np.frombuffer(b"\0" * 25, np.float64, 3, 1)
    refused: list[Any] = [np.ones(6)[::2], np.ones((2, 2)), np.ones(3, np.float32), odd, [1.0]]
    refused += [np.ones(3, ">f8"), np.ones(3, int), np.ma.masked_array(np.ones(3))]
    for x in refused:
        assert f(x) == "slow"

    g = make(SECOND, (STRIDED,), FLOAT, slow)
    x = np.arange(10.0)
    assert g(x[::3]) == 3.0 and g(x[::-1]) == 8.0 and g(np.broadcast_to(2.5, 4)) == 2.5
    record = np.zeros(4, [("a", "f8"), ("b", "i4")])
    assert g(x) == g(record["a"]) == "slow"


def test_fresh_array_result() -> None:
    f = make(COPY, (ARRAY,), ARRAY)
    x = np.arange(10.0)
    y = f(x)
    assert y.flags.owndata and y.flags.writeable and np.array_equal(x, y)
    y[0] = 5.0
    assert x[0] == 0.0 and np.array_equal(f(x), x)
    for n in (0, 1, 1000, 10**5, 3, 10**6, 0):  # chunks grow, stay warm, are replaced
        assert np.array_equal(f(np.arange(float(n))), np.arange(float(n)))
    h = make(COPY, (ARRAY,), Tuple((ARRAY, NONE)))
    assert h(x)[1] is None and np.array_equal(h(x)[0], x)


def test_cells_globals_and_defaults() -> None:
    cell, names, slow = CellType(2.0), {"n": 3}, Slow()
    f = Callable(outer, slow)
    inputs = [
        Input(Cell(cell), FLOAT),
        Input(Global(names, "n"), INT),
        Input(Position(0), TRUTH),
        Input(Fixed(None), NONE),
        Input(Cell(CellType(len)), Constant(len)),
    ]
    add(f, SWAP, inputs, Tuple((INT, FLOAT, TRUTH)))
    assert f(True) == (3, 2.0, True)
    cell.cell_contents, names["n"] = 4.0, 5
    assert f(False) == (5, 4.0, False)
    names["n"] = "text"  # type: ignore[assignment]
    assert f(False) == "slow"
    del names["n"]
    assert f(False) == "slow"
    names["n"] = 1
    assert f(True) == (1, 4.0, True)
    del cell.cell_contents
    assert f(True) == "slow"


def test_array_in_a_cell_is_kept_during_the_call() -> None:
    x = np.ones(3)
    cell = CellType(x)
    f = Callable(outer, Slow())
    add(f, LENGTH, [Input(Cell(cell), ARRAY)], INT)
    before = sys.getrefcount(x)
    assert [f() for _ in range(10)] == [3] * 10 and sys.getrefcount(x) == before


# ---- chains


def test_specialisations_stand_in_a_chain() -> None:
    slow = Slow()
    f = make(SQUARE, (FLOAT,), FLOAT, slow)
    add(f, DOUBLE, positions(INT), INT)
    add(f, LENGTH, positions(ARRAY), INT)
    add(f, SECOND, positions(STRIDED), FLOAT)
    x = np.arange(6.0)
    assert [f(3.0), f(4), f(x), f(x[::2])] == [9.0, 8, 6, 2.0] and not slow.calls
    assert f("x") == "slow"


def test_first_call_compiles_and_goes_on() -> None:
    def compile_now(me: Any, x: float) -> Any:
        add(me, SQUARE, positions(FLOAT), FLOAT)
        return me(x)

    f = Callable(outer, Slow(compile_now))
    assert f.target == 0 and f(3.0) == 9.0 and f.target
    assert f(4.0) == 16.0 and len(f._slow.calls) == 1


def test_compiling_inside_its_own_call() -> None:
    """The older code still runs, further out on the stack, when newer code takes its place."""

    def again(me: Any, x: Any) -> Any:
        if x == "deep":
            add(me, DOUBLE, positions(INT), INT)
            return me(21)
        return me("deep")

    f = make(SQUARE, (FLOAT,), FLOAT, Slow(again))
    assert f("start") == 42 and f(2.0) == 4.0


# ---- errors


def test_error_has_the_users_lines_and_no_others() -> None:
    f = make(RECIPROCAL, (FLOAT,), FLOAT)
    assert f(2.0) == 0.5
    with pytest.raises(ZeroDivisionError, match="float division by zero") as caught:
        f(0.0)
    found = [(e.name, e.lineno, e.line) for e in traceback.extract_tb(caught.value.__traceback__)]
    assert found[1:] == [
        ("outer", LOC[1].line, "return innermost(x) + 1.0"),
        ("innermost", LOC[0].line, "return 1.0 / x"),
    ]
    assert found[0][0] == "test_error_has_the_users_lines_and_no_others"
    text = "".join(traceback.format_exception(caught.value))
    assert f"backend{os.sep}" not in text and "^" not in text.split("in outer")[1]


def test_error_inside_a_handler_has_its_context() -> None:
    f = make(RECIPROCAL, (FLOAT,), FLOAT)
    try:
        raise KeyError("first")
    except KeyError:
        with pytest.raises(ZeroDivisionError) as caught:
            f(0.0)
    assert isinstance(caught.value.__context__, KeyError)


def test_errors_of_the_fallback_hide_our_frames() -> None:
    def refuse(me: Any, x: Any) -> Any:
        return rebuild(classify(x, "x"), iter([x]), None)  # type: ignore[arg-type]

    def broken(me: Any, x: Any) -> Any:
        raise RuntimeError("a bug")

    f = Callable(outer, Slow(refuse))
    for _ in range(2):  # the first call goes through the property
        with pytest.raises(BorderError, match="set") as caught:
            f({1.0})
        files = [e.filename for e in traceback.extract_tb(caught.value.__traceback__)]
        assert not any("backend" in name for name in files)
    with pytest.raises(RuntimeError) as bug:
        Callable(outer, Slow(broken))(1.0)
    names = [e.name for e in traceback.extract_tb(bug.value.__traceback__)]
    assert names[-1] == "broken" and "slow" in names


def test_unknown_source_keeps_the_site_function() -> None:
    made = trace((Site("/nowhere/at_all.py", 3, 1),), "f.step")
    assert made is not None and made.tb_frame.f_code.co_name == "f" and made.tb_lineno == 3
