"""The op table: every row has its derivative, its code and its spelling, and they agree.

For each differentiable scalar op one module holds the op and its derivatives to the third order,
in reverse and in forward mode; each order is judged by finite differences of the one below.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import morula
from agreement import same as alike
from morula.backend import emit
from morula.backend.bufferize import bufferize
from morula.frontend import names
from morula.ir import ops
from morula.ir.core import Module, literal
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.verifier import verify
from morula.transforms.clean import clean
from morula.transforms.expand import expand
from morula.transforms.rules import CONSTANT, LINEAR, PARTIALS
from native_code import Native
from oracle import close, difference
from sources import made
from towers import Step, differentiated, entry_of

INF, NAN = math.inf, math.nan

# ---- rows -------------------------------------------------------------------------------------

# whose derivative is code of `vjp.py`, `jvp.py` and `expand.py`
BY_CODE = set("call if for while box unbox vjp jvp pull".split())
ENDS = set(ops.ENDS)
PLACEMENT = {"mark", "release", "copy"}  # after AD
# Python's operators, and what no function of Python spells: `stop_gradient` is a word of ours
OPERATORS = set("add sub mul neg div floordiv mod pow".split())
UNSPELLED = {"stop_gradient"}


def test_every_row_has_a_derivative() -> None:
    known = PARTIALS.keys() | LINEAR.keys() | CONSTANT | BY_CODE | ENDS | PLACEMENT
    assert sorted(ops.TABLE.keys() - known) == [], "no derivative, nor a word that there is none"
    assert sorted(known - ops.TABLE.keys()) == [], "a derivative of no op"


def test_every_row_has_one_derivative() -> None:
    kinds: list[set[str]] = [set(PARTIALS), set(LINEAR), CONSTANT, BY_CODE, ENDS, PLACEMENT]
    for a, b in itertools.combinations(kinds, 2):
        assert a & b == set()


def test_every_row_has_code() -> None:
    gone = {"vjp", "jvp", "pull"}  # by stage `ad`
    read_by_the_op_around = {"yield", "next", "test"}
    known = {key.split()[0] for key in emit.ROWS}
    assert sorted(ops.TABLE.keys() - known - gone - read_by_the_op_around) == []


def mathematical() -> set[str]:
    """Scalar functions of floats."""
    kinds = (ops.f1, ops.f2, ops.test1)
    return {name for name, row in ops.TABLE.items() if row.rule in kinds} | {"abs", "min", "max"}


def test_every_function_has_a_spelling() -> None:
    spelled = {opcode for opcode, _ in names.PURE.values()} | set(names.OWN.values())
    assert sorted(mathematical() - spelled - OPERATORS - UNSPELLED) == []


def test_every_spelling_is_a_row() -> None:
    for name, (opcode, arity) in names.PURE.items():
        assert opcode in ops.TABLE, name
        assert ops.infer(Module(), opcode, [literal(1.0)] * arity, {}), name


def test_partials_have_an_entry_for_each_operand() -> None:
    for opcode, rows in PARTIALS.items():
        rule = ops.TABLE[opcode].rule
        unary = rule in (ops.f1, ops.same1, ops.rounded)
        assert len(rows) == (1 if unary else 2), opcode


def test_spelled_functions_mean_what_python_means() -> None:
    """All names in one function, beside CPython's."""
    shifted = {"acosh", "arccosh"}  # defined from 1 on
    calls = []
    for name, (_, arity) in names.PURE.items():
        home, _, word = name.rpartition(".")
        first = "x + 1.0" if word in shifted else "x"
        if hasattr({"math": math, "numpy": np, "scipy.special": special}[home], word):
            calls.append(f"{name}({first})" if arity == 1 else f"{name}({first}, y)")
    source = "import math\nimport numpy\nimport scipy.special\n\n\ndef f(x, y):\n    return (\n"
    f = made("f", source + "".join(f"        {c},\n" for c in calls) + "    )\n")
    for x, y in ((0.7, 1.3), (0.2, -2.5)):
        for call, got, wanted in zip(calls, morula.jit(f)(x, y), f(x, y), strict=True):
            assert got == wanted or close_enough(call, got, float(wanted)), (call, x, y)


def close_enough(name: str, got: Any, expected: float) -> bool:
    """4 ULP; the gamma functions are sums of many terms."""
    if "gamma" in name:
        return math.isclose(got, expected, rel_tol=1e-12, abs_tol=1e-14)
    return alike(float(got), float(expected), 4)


# ---- derivatives ------------------------------------------------------------------------------

UNARY: dict[str, tuple[float, ...]] = {
    "neg": (-2.0, 0.7),
    "abs": (-2.0, 1e-3, 1e6),
    "sin": (-2.3, 0.4, 30.0),
    "cos": (-2.3, 0.4, 30.0),
    "tan": (-1.2, 0.4, 4.0),
    "asin": (-0.95, 0.0, 0.3),
    "acos": (-0.95, 0.0, 0.3),
    "atan": (-3.0, 0.2, 50.0),
    "sinh": (-2.0, 0.3, 5.0),
    "cosh": (-2.0, 0.3, 5.0),
    "tanh": (-2.0, 0.3, 5.0),
    "asinh": (-3.0, 0.2, 40.0),
    "acosh": (1.05, 2.0, 30.0),
    "atanh": (-0.95, 0.0, 0.3),
    "exp": (-3.0, 0.2, 5.0),
    "exp2": (-3.0, 0.2, 5.0),
    "expm1": (-3.0, 0.2, 5.0),
    "log": (0.05, 1.7, 300.0),
    "log1p": (-0.95, 0.0, 100.0),
    "log2": (0.05, 1.7, 300.0),
    "log10": (0.05, 1.7, 300.0),
    "sqrt": (0.05, 2.0, 400.0),
    "cbrt": (-8.2, 0.05, 300.0),
    "erf": (-1.1, 0.0, 2.5),
    "erfc": (-1.1, 0.0, 2.5),
    "gamma": (-2.4, 0.3, 4.5),
    "lgamma": (-1.6, 0.3, 20.0),
}
BINARY: dict[str, tuple[tuple[float, float], ...]] = {
    "add": ((1.3, -0.7), (-2e5, 3.1)),
    "sub": ((1.3, -0.7), (-2e5, 3.1)),
    "mul": ((1.3, -0.7), (-2e3, 3.1)),
    "div": ((1.3, -0.7), (-2e3, 3.1), (0.2, 0.1)),
    "mod": ((7.3, 2.1), (-7.3, 2.1), (7.3, -2.1)),
    "fmod": ((7.3, 2.1), (-7.3, 2.1), (7.3, -2.1)),
    "pow": ((1.3, 2.4), (0.2, -1.5), (2.5, 3.0), (10.0, 0.0)),
    "min": ((1.3, 0.4), (-1.3, 0.4)),
    "max": ((1.3, 0.4), (-1.3, 0.4)),
    "copysign": ((1.3, -0.4), (-1.3, -0.4), (-1.3, 2.0)),
    "hypot": ((3.0, -4.0), (0.1, 2.0), (-1e3, 0.3)),
    "atan2": ((1.0, -2.0), (-1.0, -2.0), (0.3, 0.4), (0.0, 1.0)),
}
ORDERS = 3
GAMMA: dict[str, tuple[float, ...]] = {
    f"polygamma {n}": ((0.4, 3.2, 20.0) if n else (-1.5, 0.4, 3.2, 20.0)) for n in (0, 1, 4)
}
POINTS: dict[str, tuple[tuple[float, float], ...]] = {
    name: tuple((x, 0.5) for x in xs) for name, xs in (UNARY | GAMMA).items()
} | BINARY


def test_every_differentiable_op_has_points() -> None:
    rounding = {"fit"}  # differences of it measure the rounding: see `test_narrow.py`
    assert PARTIALS.keys() - rounding == {name.split()[0] for name in POINTS}


def op_text(name: str) -> str:
    """fn @f(x, y) of one op."""
    opcode, *rest = name.split()
    operands = ", ".join([*rest, "%x"] if opcode in UNARY | {"polygamma": ()} else ["%x", "%y"])
    return f"fn @f(%x: f64, %y: f64) -> f64 {{\n  %z: f64 = {opcode} {operands}\n  return %z\n}}\n"


def patterns(name: str) -> list[str]:
    """By what to differentiate, in the order x before y: mixed ones are symmetric."""
    letters = "xy" if name in BINARY else "x"
    found = []
    for n in range(1, ORDERS + 1):
        found += list(map("".join, itertools.combinations_with_replacement(letters, n)))
    return found


Derivatives = Callable[[float, float], dict[str, float]]


@functools.cache
def derivatives(name: str) -> tuple[Derivatives, Derivatives]:
    """The op and all its derivatives, by keys such as "" and "r.xx": interpreted, and native."""
    wanted: list[Step] = []
    for letter, pattern in itertools.product("rf", patterns(name)):
        below = f"{letter}.{pattern[:-1]}" if len(pattern) > 1 else "f"
        wanted.append((f"{letter}.{pattern}", below, letter, pattern[-1]))
    # and one forward over reverse
    wanted.append(("fr.xx", "r.x", "f", "x"))
    keys = ["f", *(step[0] for step in wanted)]
    module = differentiated(op_text(name), wanted, entry_of(keys))
    made = expand(module)
    verify(made, "ad")
    cleaned = clean(made)
    verify(cleaned, "opt")
    native = Native(bufferize(cleaned))

    def interpreted(x: float, y: float) -> dict[str, float]:
        return dict(zip(keys, run(cleaned, "all", x, y), strict=True))

    def compiled(x: float, y: float) -> dict[str, float]:
        return dict(zip(keys, native(x, y), strict=True))

    return interpreted, compiled


@pytest.mark.parametrize("name", POINTS)
def test_native_is_the_meaning(name: str) -> None:
    interpreted, compiled = derivatives(name)
    for x, y in POINTS[name]:
        expected, got = interpreted(x, y), compiled(x, y)
        assert close_enough(name, got["f"], expected["f"]), (x, y, got["f"], expected["f"])
        for key, value in expected.items():
            assert close(got[key], value, 1e-10), f"{key} at {x}, {y}: {got[key]!r}, {value!r}"


@pytest.mark.parametrize("name", POINTS)
def test_orders(name: str) -> None:
    interpreted, _ = derivatives(name)
    for x, y in POINTS[name]:
        values = interpreted(x, y)
        for pattern in patterns(name):
            got = values[f"r.{pattern}"]
            forward = values[f"f.{pattern}"]
            assert close(got, forward, 1e-10), f"{pattern} at {x}, {y}: r {got!r}, f {forward!r}"
            expected = difference(moving(interpreted, x, y, pattern))
            told = f"{pattern} at {x}, {y}: {got!r}, differences {expected}"
            assert expected.confirms(got), told
        assert close(values["fr.xx"], values["r.xx"], 1e-10)


def moving(values: Derivatives, x: float, y: float, pattern: str) -> Callable[[float], float]:
    """The order below, along the last letter."""
    key = f"r.{pattern[:-1]}" if len(pattern) > 1 else "f"
    if pattern[-1] == "x":
        return lambda t: values(x + t, y)[key]
    return lambda t: values(x, y + t)[key]


# ---- corners, as `transforms/rules.py` documents them -----------------------------------------

CORNERS: list[tuple[str, float, float, dict[str, float]]] = [
    ("abs", 0.0, 0.0, {"x": 0.0, "xx": 0.0, "xxx": 0.0}),
    ("abs", -0.0, 0.0, {"x": 0.0, "xx": 0.0}),
    # a tie gives all to the first operand, as the value does
    ("min", 2.0, 2.0, {"x": 1.0, "y": 0.0, "xx": 0.0, "xy": 0.0}),
    ("max", 2.0, 2.0, {"x": 1.0, "y": 0.0, "xx": 0.0, "xy": 0.0}),
    ("min", 0.0, -0.0, {"x": 1.0, "y": 0.0}),
    # powers at 0: by the base, and by the exponent where the limit is 0
    ("pow", 0.0, 2.0, {"x": 0.0, "xx": 2.0, "xxx": 0.0, "y": 0.0, "yy": 0.0, "xy": 0.0}),
    ("pow", 0.0, 1.0, {"x": 1.0, "xx": 0.0, "xxx": 0.0, "y": 0.0}),
    ("pow", 0.0, 3.0, {"x": 0.0, "xx": 0.0, "xxx": 6.0, "y": 0.0, "yy": 0.0, "yyy": 0.0}),
    ("pow", 0.0, 1.5, {"x": 0.0, "xx": INF, "y": 0.0, "yy": 0.0}),
    ("pow", 0.0, 0.0, {"x": 0.0, "xx": 0.0}),
    ("pow", -2.0, 3.0, {"x": 12.0, "xx": -12.0, "xxx": 6.0, "y": NAN}),
    # at a pole what the formula gives
    ("sqrt", 0.0, 0.0, {"x": INF}),
    ("cbrt", 0.0, 0.0, {"x": INF}),
    ("log", 0.0, 0.0, {"x": INF}),
    ("log1p", -1.0, 0.0, {"x": INF}),
    ("log2", 0.0, 0.0, {"x": INF}),
    ("log10", 0.0, 0.0, {"x": INF}),
    ("asin", 1.0, 0.0, {"x": INF}),
    ("acos", 1.0, 0.0, {"x": -INF}),
    ("acosh", 1.0, 0.0, {"x": INF}),
    ("atanh", 1.0, 0.0, {"x": INF}),
    ("hypot", 0.0, 2.0, {"x": 0.0, "y": 1.0, "xx": 0.5}),
    ("atan2", 0.0, -1.0, {"x": -1.0, "y": -0.0}),
    ("copysign", 2.0, -0.0, {"x": -1.0, "y": 0.0}),
]


@pytest.mark.parametrize(("name", "x", "y", "expected"), CORNERS, ids=str)
def test_corner(name: str, x: float, y: float, expected: dict[str, float]) -> None:
    for values in derivatives(name):
        found = values(x, y)
        for letter, (pattern, wanted) in itertools.product("rf", expected.items()):
            got = found[f"{letter}.{pattern}"]
            assert close(got, wanted, 1e-12), f"{letter}.{pattern}: {got!r}, not {wanted!r}"


def square(x: float) -> float:
    return x**2


def general(x: float, y: float) -> float:
    return float(x**y)


def test_powers_in_python() -> None:
    first, second = morula.grad(square), morula.grad(morula.grad(square))
    assert (first(0.0), second(0.0), morula.grad(second)(0.0)) == (0.0, 2.0, 0.0)
    assert morula.grad(general, argnums=(0, 1))(0.0, 2.0) == (0.0, 0.0)
    assert morula.grad(general, argnums=0)(0.0, 0.0) == 0.0


def test_exponents_that_are_literals() -> None:
    """x ** c for a constant c: no pow of a negative exponent at 0 where c - n is 0."""
    for c, orders in ((2.0, (0.0, 2.0, 0.0)), (3.0, (0.0, 0.0, 6.0)), (1.0, (1.0, 0.0, 0.0))):
        text = f"fn @f(%x: f64, %y: f64) -> f64 {{\n  %z: f64 = pow %x, {c}\n  return %z\n}}\n"
        for word in ("rrr", "fff", "frr"):
            for n, expected in enumerate(orders, 1):
                steps = [(f"g{k}", f"g{k - 1}" if k else "f", word[k], "x") for k in range(n)]
                module = clean(expand(differentiated(text, steps)))
                assert run(module, f"g{n - 1}", 0.0, 1.0) == expected, (c, word[:n])


def test_an_untaken_arm_gives_no_nan() -> None:
    """sin(x) / x with its limit at 0: the untaken quotient contributes nothing."""
    text = """fn @f(%x: f64, %y: f64) -> f64 {
  %c: bool = eq %x, 0.0
  %s: f64 = sin %x
  %q: f64 = div %s, %x
  %r: f64 = select %c, 1.0, %q
  return %r
}
"""
    assert run(parse(text), "f", 0.0, 0.0) == 1.0
    for word in ("r", "f", "rr", "fr"):
        steps = [(f"g{k}", f"g{k - 1}" if k else "f", c, "x") for k, c in enumerate(word)]
        assert run(clean(expand(differentiated(text, steps))), f"g{len(word) - 1}", 0.0, 0.0) == 0.0
