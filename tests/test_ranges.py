"""What the builder knows of ints and lengths: which checks go, which stay, and counters."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import morula
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.transforms.clean import clean
from morula.transforms.simplify import simplify


def checks(test: str, bounds: str = "0 to %n", more: str = "") -> int:
    """How many checks of a test in a loop stay."""
    text = (
        "fn @f(%x: f64[1], %k: i64) -> f64 {\n  %n: i64 = len %x\n" + more + "\n"
        f"  %s: f64 = for %i: i64 = {bounds}\n      carry %s.1: f64 = 0.0 {{\n{test}\n"
        '    check %ok {error = "IndexError", text = "no"}\n'
        "    %y: f64 = convert %i {to = f64}\n    %s.2: f64 = add %s.1, %y\n    next %s.2\n  }\n"
        "  return %s\n}\n"
    )
    return str(simplify(parse(text))).count("check ")


AFTER, BEFORE = "    %j: i64 = add %i, 1\n", "    %j: i64 = sub %i, 1\n"
LESS = "  %m: i64 = sub %n, 1"


@pytest.mark.parametrize(
    ("test", "bounds", "more", "left"),
    [
        ("    %ok: bool = lt %i, %n", "0 to %n", "", 0),
        ("    %ok: bool = ge %i, 0", "0 to %n", "", 0),
        ("    %ok: bool = lt %i, %n", "0 to %k", "", 1),
        ("    %ok: bool = lt %i, %k", "0 to %n", "", 1),
        ("    %ok: bool = ge %i, 0", "%k to %n", "", 1),
        ("    %ok: bool = ge %i, 0", "-1 to %n", "", 1),
        (f"{AFTER}    %ok: bool = lt %j, %n", "0 to %n", "", 1),
        (f"{AFTER}    %ok: bool = le %j, %n", "0 to %n", "", 0),
        (f"{AFTER}    %ok: bool = lt %j, %n", "0 to %m", LESS, 0),
        (f"{BEFORE}    %ok: bool = ge %j, 0", "1 to %n", "", 0),
        (f"{BEFORE}    %ok: bool = ge %j, 0", "0 to %n", "", 1),
        (f"{BEFORE}    %ok: bool = ne %j, %n", "1 to %n", "", 0),
        ("    %ok: bool = le %i, %k", "%k to -1 by -1", "", 0),
        ("    %ok: bool = ge %i, 0", "%k to -1 by -1", "", 0),
        ("    %ok: bool = lt %i, %k", "%k to -1 by -1", "", 1),
        ("    %ok: bool = lt %i, %n", "0 to %n by 3", "", 0),
        ("    %ok: bool = lt %i, %n", "0 to %n by %k", "", 1),
    ],
)
def test_checks_that_stay(test: str, bounds: str, more: str, left: int) -> None:
    assert checks(test, bounds, more) == left


def opt(f: Any, *args: Any) -> Any:
    return morula.jit(f).lower(*args).text("opt")


def sweep(x: Any, n: int) -> Any:
    for i in range(1, len(x) - 1):
        x[i] = x[i - 1] + x[i + 1]
    return x[n]


def past(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        x[i] = 2.0
        s += x[i + 1]
    return s


def before(x: Any, lo: int) -> Any:
    s = 0.0
    for i in range(lo, len(x)):
        s += 10.0 * s + x[i - 1]
    return s


def test_a_stencil_has_no_checks_in_its_loop() -> None:
    text = opt(sweep, np.ones(4), 1)
    loop = re.search(r"for %i.*?\n  }", text, re.S)
    assert loop is not None and "check" not in loop[0]
    assert loop[0].count("{exact}") >= 2
    assert morula.jit(sweep)(np.ones(4), 2) == sweep(np.ones(4), 2)


def test_an_index_past_the_end_raises_where_python_does() -> None:
    ours, theirs = np.zeros(3), np.zeros(3)
    with pytest.raises(IndexError):
        past(theirs)
    with pytest.raises(IndexError):
        morula.jit(past)(ours)
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("lo", [-2, -1, 0, 1, 3, 7])
def test_an_index_before_the_start_counts_from_the_end(lo: int) -> None:
    x = np.arange(1.0, 4.0)
    assert morula.jit(before)(x, lo) == before(x, lo)
    step = 1e-6
    for k, g in enumerate(morula.grad(before)(x, lo)):
        e = np.eye(3)[k] * step
        assert g == pytest.approx((before(x + e, lo) - before(x - e, lo)) / (2 * step), rel=1e-6)


def counted(x: float, lo: int, hi: int, start: int) -> Any:
    at, down, total = start, 7, 0.0
    for i in range(lo, hi):
        total += x * at * down + i
        at += 2
        down -= 1
        at += 0
    return total, at, down


@pytest.mark.parametrize(("lo", "hi"), [(0, 4), (-3, 2), (5, 5), (5, 1), (2, -(2**63)), (1, 6)])
def test_counters(lo: int, hi: int) -> None:
    assert morula.jit(counted)(1.5, lo, hi, 3) == counted(1.5, lo, hi, 3)


def triangle(x: Any, n: int) -> Any:
    at, s = 0, 0.0
    for a in range(n):
        for _ in range(a, n):
            s += x[at] * (a + 1.0)
            at += 1
    return s * at


def test_a_counter_of_two_loops_is_saved_once_a_row() -> None:
    x = np.arange(10.0)
    assert morula.jit(triangle)(x, 4) == triangle(x, 4)
    expected = [10.0] * 4 + [20.0] * 3 + [30.0] * 2 + [40.0]
    assert morula.grad(triangle)(x, 4).tolist() == expected
    text = morula.grad(triangle).lower(x, 4).text("opt")
    assert "list<i64[1]>" not in text and "i64[1]" in text


def overflowing(start: int, n: int) -> int:
    at, seen = start, 0
    for _ in range(n):
        seen = at
        at += 1
    return seen


def test_a_counter_that_is_too_large_raises() -> None:
    most = 2**63 - 1
    assert morula.jit(overflowing)(most - 3, 3) == most - 1
    with pytest.raises(OverflowError):
        morula.jit(overflowing)(most, 2)


CARRIED = """\
fn @f(%n: i64, %c: bool) -> (i64, f64) {
  %z: f64[1] = zeros %n
  %a: f64[1] = for %i: i64 = 0 to 3
      carry %b: f64[1] = %z {
    %e: f64[1] = if %c {
      %d: f64[1] = set %b, 0, 2.0
      yield %d
    } else {
      yield %b
    }
    next %e
  }
  %k: i64 = len %a
  %x: f64 = get %a, 0
  return %k, %x
}
"""


def test_the_length_of_what_a_loop_updates_is_known() -> None:
    module = clean(parse(CARRIED))
    assert "len" not in str(module)
    assert run(module, "f", 4, True) == (4, 2.0)
    grown = CARRIED.replace("      yield %b\n", "      %w: f64[1] = zeros 7\n      yield %w\n")
    module = clean(parse(grown))
    assert "len %a" in str(module)
    assert run(module, "f", 4, False) == (7, 0.0)


def test_what_stands_there_already_is_not_written() -> None:
    text = (
        "fn @f(%n: i64) -> f64[1] {\n  %z: f64[1] = zeros %n\n  %a: f64[1] = add_at %z, 0, 2.0\n"
        "  %v: f64 = get %a, 1\n  %b: f64[1] = set %a, 1, %v\n  RETURN\n}\n"
    )
    module = clean(parse(text.replace("RETURN", "return %b")))
    assert "set" not in str(module)
    assert run(module, "f", 3).tolist() == [2.0, 0.0, 0.0]
    other = text.replace("set %a, 1, %v", "set %z, 1, %v").replace("RETURN", "return %b")
    assert "set" in str(clean(parse(other)))
