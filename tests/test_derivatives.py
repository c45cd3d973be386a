"""Derivatives of typed IR: every order to three, forward and reverse, against differences.

Each order is judged by finite differences of the one below, which was judged before; within an
order all words of r (reverse) and f (forward) agree.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import morula
from morula.backend.bufferize import bufferize
from morula.ir.core import LOOPS, Literal, Loop, Module, Operand, reached, walk
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.types import F64, Array
from morula.ir.verifier import verify
from morula.transforms import expand as expansion
from morula.transforms.clean import clean
from morula.transforms.expand import expand
from native_code import Native
from oracle import close, confirmed, difference, same
from towers import tower
from typed_programs import PROGRAMS

# by what each order differentiates, one pattern being the head of a longer one
PATTERNS = ("x", "y", "xx", "xy", "yy", "xyx", "yyx")
# what has native code made of it: all pairs, and some of length three
NATIVE = (("r", "x"), ("f", "y"), ("rr", "xy"), ("fr", "xy"), ("rf", "yy"), ("rrr", "xyx"))
ROUNDING = 1e-9


@functools.cache
def derivative(program: str, word: str, pattern: str) -> tuple[Module, Module]:
    """Stages ad and opt of a derivative, verified."""
    made = expand(tower(PROGRAMS[program][0], word, pattern))
    verify(made, "ad")
    cleaned = clean(made)
    verify(cleaned, "opt")
    return made, cleaned


def function(module: Module) -> Callable[..., float]:
    def call(*args: float) -> float:
        value: float = run(module, module.entry.name, *args)
        return value

    return call


def below(program: str, pattern: str) -> Callable[..., float]:
    """The order below, as reverse mode has it; differences of it judge this order."""
    if len(pattern) == 1:
        return function(parse(PROGRAMS[program][0]))
    return function(derivative(program, "r" * (len(pattern) - 1), pattern[:-1])[1])


def differences(phi: Callable[..., float], args: tuple[float, float], wrt: str) -> Any:
    x, y = args
    return difference((lambda t: phi(x + t, y)) if wrt == "x" else (lambda t: phi(x, y + t)))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_words(program: str, pattern: str) -> None:
    args = PROGRAMS[program][1]
    expected = differences(below(program, pattern), args, pattern[-1])
    first = function(derivative(program, "r" * len(pattern), pattern)[1])(*args)
    assert expected.confirms(first), f"{first!r}, differences {expected}"
    for word in map("".join, itertools.product("rf", repeat=len(pattern))):
        made, cleaned = derivative(program, word, pattern)
        got = function(cleaned)(*args)
        assert close(got, first, ROUNDING), f"{word}: {got!r}, reverse only {first!r}"
        assert close(function(made)(*args), got, ROUNDING), f"{word}: ad and opt differ"


@pytest.mark.parametrize("program", PROGRAMS)
def test_native(program: str) -> None:
    args = PROGRAMS[program][1]
    for word, pattern in NATIVE:
        module = derivative(program, word, pattern)[1]
        placed = bufferize(module)
        verify(placed, "memory")
        expected = function(module)(*args)
        assert close(function(placed)(*args), expected, 0.0), f"{word}: memory"
        assert close(Native(placed)(*args), expected, ROUNDING), f"{word}: native"


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_cleaning(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calculus does not lean on what cleaning does before and after it."""
    text, args = PROGRAMS[program]
    if program != "untaken_arms":  # what sinking is for
        monkeypatch.setattr(expansion, "sink_function", lambda module, f: f)
    monkeypatch.setattr(expansion, "clean_function", lambda module, name: None)
    for word, pattern in (("r", "x"), ("f", "x"), ("rr", "xy"), ("rf", "xy"), ("fr", "xy")):
        module = expand(tower(text, word, pattern))
        verify(module, "ad")
        expected = function(derivative(program, word, pattern)[1])(*args)
        assert close(function(module)(*args), expected, ROUNDING), word


# ---- what is saved, and what carries a cotangent ----------------------------------------------


def stage(f: Callable[..., Any], *args: Any, name: str = "ad") -> Module:
    return morula.lower(f, *args).module(name)


def loops(module: Module, name: str) -> list[Loop]:
    return [Loop(op) for op in walk(module.functions[name].body) if op.opcode in LOOPS]


def saved(module: Module) -> list[Operand]:
    """All that loops of a module hand out per iteration."""
    return [v for name in module.functions for loop in loops(module, name) for v in loop.ys]


def pairwise(a: Any) -> float:
    s = 0.0
    for i in range(len(a)):
        for j in range(i):
            d = a[i] - a[j]
            s += d * d
    return s


def lorenz(x: float, y: float, z: float, sigma: float, rho: float, n: int) -> float:
    for _ in range(n):
        dx, dy, dz = sigma * (y - x), x * (rho - z) - y, x * y - 2.5 * z
        x, y, z = x + 0.01 * dx, y + 0.01 * dy, z + 0.01 * dz
    return x + y + z


def running_sum(x: float, n: int) -> float:
    s, k = 0.0, 1
    for i in range(n):
        k = k + i
        s = s + x * k
    return s


def costly_arm(x: float, n: int) -> float:
    s = x
    for _ in range(n):
        if s < 2.0:
            s = math.exp(s) * 0.5
        else:
            s = s * 0.25
    return s


def test_pairwise_energy_saves_nothing() -> None:
    module = stage(morula.grad(pairwise), np.arange(4.0))
    assert saved(module) == []
    assert "list<" not in str(module)
    assert not any(name.endswith(".fwd") for name in module.functions)
    (fields,) = (r.types for r in module.records.values())
    assert fields == (Array(F64, 1),)


def test_a_step_saves_its_state_only() -> None:
    """Of a step's many products none is saved: three numbers are enough to make them again."""
    gradient = morula.grad(lorenz, argnums=(0, 1, 2, 3, 4))
    module = stage(gradient, 1.0, 1.1, 1.2, 10.0, 28.0, 5)
    assert len(saved(module)) == 3


def test_a_sum_saves_the_carried_factor() -> None:
    """The factor of x is an int that the loop carries; s itself is not needed."""
    module = stage(morula.grad(running_sum), 1.5, 4)
    assert len(saved(module)) == 1
    assert morula.grad(running_sum)(1.5, 4) == 1 + 2 + 4 + 7


def test_ints_carry_nothing() -> None:
    """bwd has no cotangent of an int: each float carry of its loop belongs to a float of f's."""
    module = stage(morula.grad(running_sum), 1.5, 4)
    (bwd,) = (f for f in module.functions.values() if f.name.endswith(".bwd"))
    assert bwd.results == (F64,)
    (loop,) = loops(module, bwd.name)
    assert [v.type for v in loop.carries] == [F64]


def test_one_value_is_saved_once() -> None:
    module = stage(morula.grad(costly_arm), 0.3, 4)
    assert len(saved(module)) == len(set(saved(module)))
    assert len(saved(module)) <= 2


def test_order_two_of_a_sum_is_zero() -> None:
    module = stage(morula.grad(morula.grad(running_sum)), 1.5, 4, name="opt")
    assert "return 0.0" in str(module)


UNUSED = """
fn @f(%x: f64, %y: f64) -> f64 {
  %0: f64 = mul %x, 2.0
  return %0
}
"""


@pytest.mark.parametrize("word", ["r", "f"])
def test_an_unused_argument_gives_a_literal(word: str) -> None:
    cleaned = clean(expand(tower(UNUSED, word, "y")))
    (result,) = cleaned.entry.body.outs
    assert isinstance(result, Literal) and result.value == 0.0
    assert len(list(walk(cleaned.entry.body))) == 1


def test_passive_inputs_are_not_passed() -> None:
    """bwd takes what it reads, no more."""
    made = expand(tower(UNUSED, "r", "x"))
    (bwd,) = (f for f in made.functions.values() if f.name.endswith(".bwd"))
    assert bwd.captures == ()


# ---- pullbacks and arrays ---------------------------------------------------------------------

TWICE = """
record @g.pullback = pullback @g {wrt = ("y", "x")}
fn @f(%x: f64, %y: f64) -> (f64, f64, f64, f64) {
  %u: f64, %n: i64, %v: f64, %p: box<@g.pullback> = vjp @g(%x, %y) {wrt = ("y", "x")}
  %a.y: f64, %a.x: f64 = pull %p(1.0, 0.0)
  %b.y: f64, %b.x: f64 = pull %p(0.0, 1.0)
  return %a.x, %a.y, %b.x, %b.y
}
fn @g(%x: f64, %y: f64) -> (f64, i64, f64) {
  %s: f64 = for %i: i64 = 0 to 3
      carry %s.1: f64 = %x {
    %0: f64 = mul %s.1, %y
    %1: f64 = sin %0
    next %1
  }
  %2: f64 = mul %s, %s
  return %s, 7, %2
}
"""


def everywhere(text: str, *args: Any) -> Any:
    """Results at opt, the same as at ad, at memory and natively."""
    module = parse(text.lstrip())
    verify(module, "typed")
    made = expand(module)
    verify(made, "ad")
    cleaned = clean(made)
    verify(cleaned, "opt")
    placed = bufferize(cleaned)
    verify(placed, "memory")
    expected = run(cleaned, "f", *args)
    for got in (run(made, "f", *args), run(placed, "f", *args), Native(placed)(*args)):
        same(got, expected, rtol=ROUNDING)
    return expected


def test_a_pullback_called_twice() -> None:
    """The same residuals serve both calls; the int between the floats has no cotangent."""
    ax, ay, bx, by = everywhere(TWICE, 0.7, 1.3)
    base = parse(TWICE.lstrip())
    for k, (got_x, got_y) in ((0, (ax, ay)), (2, (bx, by))):

        def value(x: float, y: float, k: int = k) -> float:
            result: float = run(base, "g", x, y)[k]
            return result

        assert differences(value, (0.7, 1.3), "x").confirms(got_x)
        assert differences(value, (0.7, 1.3), "y").confirms(got_y)


GRADIENT = """
record @g.pullback = pullback @g {wrt = "a"}
fn @f(%a: f64[1], %x: f64) -> f64[1] {
  %u: f64, %p: box<@g.pullback> = vjp @g(%a, %x) {wrt = "a"}
  %ct.a: f64[1] = pull %p(1.0)
  return %ct.a
}
"""
BY_ARRAY = {
    "given_twice": """
fn @g(%a: f64[1], %x: f64) -> f64 {
  %0: f64 = call @h(%a, %a)
  %1: f64 = mul %0, %x
  return %1
}
fn @h(%a: f64[1], %b: f64[1]) -> f64 {
  %p: f64 = get %a, 0
  %q: f64 = get %b, 1
  %r: f64 = get %b, 0
  %0: f64 = mul %p, %q
  %1: f64 = mul %0, %r
  return %1
}
""",
    "given_twice_to_a_writer": """
fn @g(%a: f64[1], %x: f64) -> f64 {
  %0: f64[1], %1: f64 = call @h(%a, %a, %x)
  %2: f64 = get %0, 0
  %3: f64 = get %a, 0
  %4: f64 = mul %2, %1
  %5: f64 = mul %4, %3
  return %5
}
fn @h(%a: f64[1], %b: f64[1], %x: f64) -> (f64[1], f64) {
  %p: f64 = get %b, 0
  %0: f64 = mul %p, %x
  %c: f64[1] = set %a, 0, %0
  %q: f64 = get %b, 0
  %r: f64 = get %c, 1
  %1: f64 = mul %q, %r
  return %c, %1
}
""",
    "in_nested_loops": """
fn @g(%a: f64[1], %x: f64) -> f64 {
  %n: i64 = len %a
  %s: f64 = for %i: i64 = 0 to %n
      carry %s.1: f64 = %x {
    %t: f64 = for %j: i64 = 0 to %i
        carry %t.1: f64 = %s.1 {
      %p: f64 = get %a, %i
      %q: f64 = get %a, %j
      %0: f64 = mul %p, %q
      %1: f64 = mul %t.1, %0
      %2: f64 = sin %1
      next %2
    }
    next %t
  }
  return %s
}
""",
    "by_recursion": """
fn @g(%a: f64[1], %x: f64) -> f64 {
  %n: i64 = len %a
  %0: f64 = call @h(%a, %x, %n)
  return %0
}
fn @h(%a: f64[1], %x: f64, %n: i64) -> f64 {
  %c: bool = lt %n, 1
  %r: f64 = if %c {
    yield %x
  } else {
    %m: i64 = sub %n, 1
    %p: f64 = get %a, %m
    %0: f64 = mul %p, %x
    %1: f64 = sin %0
    %2: f64 = call @h(%a, %1, %m)
    %3: f64 = mul %2, %p
    yield %3
  }
  return %r
}
""",
    "never_read": """
fn @g(%a: f64[1], %x: f64) -> f64 {
  return %x
}
""",
}


@pytest.mark.parametrize("name", BY_ARRAY)
def test_by_an_array(name: str) -> None:
    text = GRADIENT + BY_ARRAY[name].lstrip()
    a, x = np.array([0.7, 1.3, -0.4]), 1.2
    gradient = everywhere(text, a, x)
    base = parse(text.lstrip())
    confirmed((gradient,), lambda b: run(base, "g", b, x), (a,), name)
    assert a.tolist() == [0.7, 1.3, -0.4]


def test_no_name_is_used_twice() -> None:
    """Functions that AD makes stand beside the user's, whatever those are called."""
    text = tower(PROGRAMS["captures"][0], "rr", "xy")
    names = [f for f in reached(expand(text), "g1") if re.search(r"\.(fwd|bwd)", f)]
    assert len(names) == len(set(names)) > 0
