"""The table of programs through the compiler, and the cases that are more than one program."""

# The programs that are called here stand without annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest

import judge
import morula
from control_programs import growing
from more_programs import PROGRAMS, cubic, with_auxiliary
from oracle import MODES_AGREE, same
from programs import Program, monomial
from sources import made


def expected(program: Program) -> Any:
    """CPython's result; the closed form where a derivative inside makes CPython no judge."""
    if program.inner and program.value is not None:
        return program.value(*program.args)
    return program.function(*program.args)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_value(program: Program) -> None:
    value = expected(program)
    judge.value(program.function, program.args, value)
    if program.value is not None:
        same(value, program.value(*program.args), "closed form", 1e-11)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_stages(program: Program) -> None:
    judge.stages(program.function, program.args, expected(program), exact=not program.inner)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.orders], ids=str)
def test_derivatives(program: Program) -> None:
    f, args = program.function, program.args
    if program.differences:
        gradient = judge.derivatives(f, args, expected(program), program.orders)
    else:
        gradient = judge.own_gradient(f, args, expected(program))
    if program.gradient is not None:
        same(gradient, program.gradient(*args), "closed form of the gradient", 1e-10)


# ---- case 41: which arguments, and each misuse ------------------------------------------------


def test_ways_to_name_arguments() -> None:
    x, y = 1.3, 0.8
    by_x, by_y = 3 * x**2 * y**4, 4 * x**3 * y**3
    for argnums in (0, "x", -2):
        same(morula.grad(monomial, argnums=argnums)(x, y), by_x)
    same(morula.grad(monomial)(x, y), by_x)
    same(morula.grad(monomial, argnums=(1, 0))(x, y), (by_y, by_x))
    same(morula.grad(monomial, argnums=("y",))(x, y), (by_y,))
    same(morula.value_and_grad(monomial, argnums="y")(x, y), (monomial(x, y), by_y))
    value, pullback = morula.vjp(monomial, x, y)
    same(value, monomial(x, y))
    same(pullback(2.0), (2 * by_x, 2 * by_y))
    same(pullback(1.0), (by_x, by_y))


def int_result(x: float) -> int:
    return int(x)


MISUSES = [
    ("an int argument", lambda: morula.grad(judged_by_int, argnums=1)(1.5, 2)),
    ("a position too high", lambda: morula.grad(monomial, argnums=2)(1.5, 2.0)),
    ("an unknown name", lambda: morula.grad(monomial, argnums="z")(1.5, 2.0)),
    ("the same argument twice", lambda: morula.grad(monomial, argnums=(0, "x"))(1.5, 2.0)),
    ("a tuple result", lambda: morula.grad(with_auxiliary)(1.5)),
    ("an int result", lambda: morula.grad(int_result)(1.5)),
    ("a cotangent of another structure", lambda: morula.vjp(with_auxiliary, 1.5)[1]((1.0, 2.0))),
    ("a cotangent too many", lambda: morula.vjp(monomial, 1.5, 2.0)[1]((1.0, 2.0))),
]


def judged_by_int(x: float, n: int) -> float:
    return x * n


@pytest.mark.parametrize("misuse", [m[1] for m in MISUSES], ids=[m[0] for m in MISUSES])
def test_misuse_has_its_own_error(misuse: Any) -> None:
    with pytest.raises(morula.Error, match="E09"):
        misuse()


# ---- case 60: the same pullback called twice, from Python -------------------------------------


def test_pullback_is_pure() -> None:
    _, pullback = morula.vjp(cubic, 1.2, 0.7)
    first, _, again = pullback(1.0), pullback(5.0), pullback(1.0)
    assert first == again
    same(first, (3 * 1.2**2 * 0.7, 1.2**3))


# ---- case 62: long and deep -------------------------------------------------------------------


def test_million_iterations_in_reverse() -> None:
    n, x, slope = 10**6, 0.5, 1.0
    for _ in range(n):
        x, slope = x + 1e-7 * math.sin(x), slope * (1.0 + 1e-7 * math.cos(x))
    value, gradient = morula.value_and_grad(growing)(0.5, n)
    same(value, x)
    same(gradient, slope, "gradient", MODES_AGREE)


DEEP = """
import sys
sys.path[:0] = {paths!r}
import morula
from more_programs import growing_deep
for run in (morula.jit(growing_deep), morula.grad(growing_deep)):
    try:
        got = run(0.5, 10**5)
    except RecursionError:
        print("RecursionError")
    else:
        print(got)
"""


def test_deep_recursion_never_crashes() -> None:
    """In a process of its own, since a crash would end this one."""
    done = subprocess.run(
        [sys.executable, "-c", DEEP.format(paths=sys.path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for line, right in zip(done.stdout.splitlines(), (0.5 + 1e-6 * 10**5, 1.0), strict=True):
        assert line == "RecursionError" or abs(float(line) - right) <= 1e-9, line


# ---- case 63: many branches -------------------------------------------------------------------


def many_branches(count: int) -> str:
    lines = ["def f(x, y):"]
    for k in range(count):
        lines += [
            f"    if x > {0.01 * k!r}:",
            f"        y = y * {1 + 0.001 * (k % 7)!r} + 0.001 * x",
        ]
    return "\n".join([*lines, "    return y", ""])


def many_exits(count: int) -> str:
    lines = ["def f(x, y):", "    while y < 4.0:", "        y = y * 1.5"]
    for k in range(count):
        lines += [f"        if x > {2 - 0.005 * k!r}:", f"            if y > {3 + 0.001 * k!r}:"]
        lines += ["                break"]
    return "\n".join([*lines, "        y = y + 0.1 * x", "    return y * x", ""])


@pytest.mark.parametrize("source", [many_branches, many_exits])
def test_more_than_300_branches(source: Any) -> None:
    f = made("f", source(310))
    for args in ((1.003, 0.5), (3.2, 0.7), (-1.0, 0.5)):
        value = f(*args)
        judge.value(f, args, value)
        judge.stages(f, args, value)
        judge.orders(f, args, 1)
