"""Derivatives of typed IR: every order to three, forward and reverse, against differences.

Each order is judged by finite differences of the one below, which was judged before; within an
order all words of r (reverse) and f (forward) agree.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agreement import same as alike
from morula.backend.bufferize import bufferize
from morula.backend.native import Native
from morula.ir.core import Module, reached, walk
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.verifier import verify
from morula.transforms import expand as expansion
from morula.transforms.clean import clean
from morula.transforms.expand import expand
from oracle import close, difference
from typed_programs import PROGRAMS

# by what each order differentiates, one pattern being the head of a longer one
PATTERNS = ("x", "y", "xx", "xy", "yy", "xyx", "yyx")
# what has native code made of it: all pairs, and some of length three
NATIVE = (("r", "x"), ("f", "y"), ("rr", "xy"), ("fr", "xy"), ("rf", "yy"), ("rrr", "xyx"))
ROUNDING = 1e-9


def tower(text: str, word: str, pattern: str) -> Module:
    """The derivative of @f that a word names, innermost first; r takes its pullback, f its jvp."""
    name, records, functions = "f", "", ""
    for k, (letter, wrt) in enumerate(zip(word, pattern, strict=True)):
        if letter == "r":
            records += f'record @{name}.pullback = pullback @{name} {{wrt = "{wrt}"}}\n'
            body = (
                f'  %v: f64, %p: box<@{name}.pullback> = vjp @{name}(%x, %y) {{wrt = "{wrt}"}}\n'
                "  %g: f64 = pull %p(1.0)\n"
            )
        else:
            body = f'  %v: f64, %g: f64 = jvp @{name}(%x, %y; 1.0) {{wrt = "{wrt}"}}\n'
        name = f"g{k}"
        functions = f"fn @{name}(%x: f64, %y: f64) -> f64 {{\n{body}  return %g\n}}\n{functions}"
    module = parse(records + functions + text)
    verify(module, "typed")
    return module


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
    for word in map("".join, itertools.product("rf", repeat=len(pattern))):
        made, cleaned = derivative(program, word, pattern)
        got = function(cleaned)(*args)
        assert expected.confirms(got), f"{word}: {got!r}, differences {expected}"
        assert close(function(made)(*args), got, ROUNDING), f"{word}: ad and opt differ"
        first = function(derivative(program, "r" * len(pattern), pattern)[1])(*args)
        assert close(got, first, ROUNDING), f"{word}: {got!r}, reverse only {first!r}"


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
    if "loops" in program or program == "untaken_arms":
        monkeypatch.setattr(expansion, "sink_function", lambda module, f: f)
    monkeypatch.setattr(expansion, "clean_function", lambda module, name: None)
    for word, pattern in (("r", "x"), ("f", "x"), ("rr", "xy"), ("rf", "xy"), ("fr", "xy")):
        module = expand(tower(text, word, pattern))
        verify(module, "ad")
        expected = function(derivative(program, word, pattern)[1])(*args)
        assert close(function(module)(*args), expected, ROUNDING), word
