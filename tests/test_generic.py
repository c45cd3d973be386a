"""The generic stages agree with CPython bit for bit, exceptions included."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import indent
from types import FunctionType, ModuleType
from typing import Any

import pytest

import generic_functions
import generic_programs
from morula.frontend.closures import closures
from morula.frontend.lower import Lowered, lower
from morula.frontend.resolve import follow
from morula.ir.core import Module
from morula.ir.generic import GenericFunction, run_generic
from morula.ir.parser import parse

ENTRY = generic_functions.ENTRY
ROWS = generic_programs.ROWS + generic_functions.ROWS


def outcome(call: Callable[[], Any]) -> tuple[str, str]:
    """The result's repr, which tells -0.0 from 0.0 and 1 from 1.0; or the exception."""
    try:
        return "value", repr(call())
    except Exception as error:
        return type(error).__name__, "" if isinstance(error, TypeError) else str(error)


def stages(lowered: Lowered) -> dict[str, Module]:
    closed = closures(lowered.module)
    return {
        "ssa": lowered.module,
        "closed": closed,
        "ssa, read back": parse(str(lowered.module)),
        "closed, read back": parse(str(closed)),
    }


def agree(f: Callable[..., Any], args: Sequence[Any]) -> None:
    assert isinstance(f, FunctionType)
    expected = outcome(lambda: f(*args))
    lowered = lower(f)
    for stage, module in stages(lowered).items():
        hidden = [follow(path, f) for path in lowered.hidden]
        name = module.entry.name
        got = outcome(lambda: run_generic(module, name, args, hidden, lowered.globals))  # noqa: B023
        assert got == expected, f"{stage}\n{module}"


@pytest.mark.parametrize(("f", "args"), ROWS, ids=lambda v: getattr(v, "__name__", None))
def test_program(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    agree(f, args)


def test_hidden_numbers() -> None:
    lowered = lower(ENTRY)
    assert set(lowered.captures) == {"a", "b", "shift"}
    hidden = [follow(path, ENTRY) for path in lowered.hidden]
    for module in stages(lowered).values():
        got = run_generic(module, "entry", (2.0,), hidden, lowered.globals)
        assert got[:2] == ENTRY(2.0)[:2]
        assert isinstance(got[2], GenericFunction) and got[2](3.0) == 6.0


def test_derive() -> None:
    """A call of one of Morula's words goes to the hook, with the function and its captures."""
    text = """
fn @f(%x) {
  %g = closure @g [%x](2.0)
  %morula.grad = global {name = "morula.grad"}
  %dg = call %morula.grad(%g, 0) {kw = ("argnums")}
  %y = call %dg(%x)
  return %y
}
fn @g [%a](%b, %c) {
  %0 = mul %a, %b
  %1 = mul %0, %c
  return %1
}
"""
    seen: list[Any] = []

    def derive(word: str, f: GenericFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append((word, f.function.name, f.captures, args, kwargs))
        return lambda x: f(x + 1.0) - f(x)

    got = run_generic(parse(text), "f", (3.0,), (), {"morula.grad": abs}, derive)
    assert got == 6.0
    assert seen == [("grad", "g", [3.0], (), {"argnums": 0})]


def test_recursion_ends() -> None:
    text = "fn @f(%x) {\n  %f = self\n  %0 = call %f(%x)\n  return %0\n}\n"
    with pytest.raises(RecursionError):
        run_generic(parse(text), "f", (1,))


# ---- random control flow -----------------------------------------------------------------------


class Writer:
    """Writes a random function: nested loops and branches with every way to leave them."""

    def __init__(self, seed: int) -> None:
        self.random, self.lines = random.Random(seed), ["def f(a, b, n):", "    steps = 0"]
        # all names are local, and most start without a value
        self.lines += ["    if n > 100:", "        c = d = e = 0"]
        self.left = 30
        self.cells = self.random.random() < 0.4
        if self.cells:
            self.lines += ["    def bump(v):", "        nonlocal c", "        c = c + v"]
            self.lines += ["        return c", "    c = 0"]

    def name(self) -> str:
        return self.random.choice(("a", "b", "c", "d", "e"))

    def value(self) -> str:
        kinds = ["{0} + 1", "{0} - {1}", "({0} and {1})", "({0} or 3)", "{0} * 2 % 7", "{1}"]
        kinds += ["({0} if {1} else 2)", "(4 if {0} > {1} else {1})"]
        kinds += ["bump({0})"] if self.cells else []
        return self.random.choice(kinds).format(self.name(), self.name())

    def test(self) -> str:
        kinds = ["{0} > {1}", "{0} < 3", "{0} % 2 == 0", "{0} < {1} < 5", "{0}", "not {1}", "True"]
        return self.random.choice(kinds).format(self.name(), self.name())

    def block(self, depth: int, loops: int) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.statement(depth, loops)

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def statement(self, depth: int, loops: int) -> None:
        kinds = ["set"] * 5 + ["return"] + (["break", "continue"] if loops else [])
        if self.left > 0 and depth < 6:
            kinds += ["if"] * 4 + ["for"] * 2 + ["while"] * 2
        self.left -= 1
        match self.random.choice(kinds):
            case "set":
                target, value = self.name(), self.value()
                aug = self.random.random() < 0.3
                self.put(depth, f"{target} {'+=' if aug else '='} {value}")
            case "return":
                self.put(depth, f"return {self.name()}, {self.name()}")
            case "if":
                self.put(depth, f"if {self.test()}:")
                self.block(depth + 1, loops)
                if self.random.random() < 0.5:
                    self.put(depth, "else:")
                    self.block(depth + 1, loops)
            case "for":
                self.put(depth, f"for {self.name()} in range({self.random.choice(('n', '3'))}):")
                self.block(depth + 1, loops + 1)
                self.other(depth, loops)
            case "while":
                self.put(depth, f"while {self.test()}:")
                self.put(depth + 1, "steps += 1")
                self.put(depth + 1, "if steps > 40:")
                self.put(depth + 2, self.random.choice(("break", "return 'long', steps")))
                self.block(depth + 1, loops + 1)
                self.other(depth, loops)
            case word:
                self.put(depth, word)

    def other(self, depth: int, loops: int) -> None:
        if self.random.random() < 0.4:
            self.put(depth, "else:")
            self.block(depth + 1, loops)

    def text(self) -> str:
        self.block(1, 0)
        self.put(1, "return a, b, steps")
        return "\n".join(self.lines) + "\n"


def module_of(path: Path, text: str) -> ModuleType:
    """A module read from a file of its own."""
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(150))
def test_random_control_flow(seed: int, tmp_path: Path) -> None:
    f = module_of(tmp_path / f"random_{seed}.py", Writer(seed).text()).f
    for args in ((0, 1, 2), (3, 2, 4), (-1, 5, 0)):
        agree(f, args)


# ---- long programs -----------------------------------------------------------------------------

LONG = {
    "breaks": (
        "for i in range(3):\n",
        "    if x > {k}:\n        if x == {k}.5:\n            break\n",
    ),
    "returns": ("", "if x == {k}:\n    return {k}\n"),
    "adds": ("", "x = x + {k}\n"),
    "branches": ("", "if x > {k}:\n    x = x - 1\nelse:\n    x = x + 2\n"),
}
COUNTS = [("breaks", 300), ("returns", 2000), ("adds", 2000), ("branches", 2000)]


@pytest.mark.parametrize(("kind", "count"), COUNTS)
def test_long_function(kind: str, count: int, tmp_path: Path) -> None:
    head, body = LONG[kind]
    text = head + "".join(body.format(k=k) for k in range(count)) + "return x\n"
    f = module_of(tmp_path / "long.py", "def f(x):\n" + indent(text, "    ")).f
    limit = sys.getrecursionlimit()
    lowered = lower(f)
    closed = closures(lowered.module)
    assert sys.getrecursionlimit() == limit
    for module in (lowered.module, closed):
        for x in (0.5, count - 0.5, 7, -1):
            assert run_generic(module, "f", (x,)) == f(x)


def test_long_expression(tmp_path: Path) -> None:
    f = module_of(tmp_path / "long.py", f"def f(x):\n    return {' + '.join(['x'] * 500)}\n").f
    assert run_generic(lower(f).module, "f", (1.5,)) == 750.0
