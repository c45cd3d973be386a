"""Data: arguments of any shape, sequences, strings, records, through every stage and derivative."""

# The programs that are called here stand without annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import data_programs as data
import judge
import more_data_programs as more
import morula
from data_programs import Particle, Point, Vector
from oracle import same
from sources import made

ROWS = data.ROWS + more.ROWS
IDS = [f"{f.__name__}{args}" for f, args, _ in ROWS]


@pytest.mark.parametrize(("f", "args", "orders"), ROWS, ids=IDS)
def test_program(f: Any, args: tuple[float, ...], orders: int) -> None:
    expected = f(*args)
    judge.value(f, args, expected)
    judge.stages(f, args, expected)
    judge.orders(f, args, orders)


def test_over_an_array() -> None:
    args = (1.3, 0.7, data.ARRAY)
    expected = data.over_array(*args)
    judge.value(data.over_array, args, expected)
    judge.stages(data.over_array, args, expected)
    judge.orders(data.over_array, args, 1)


# ---- records at the border ----------------------------------------------------------------------


def test_record_argument() -> None:
    p = Point(1.3, 0.7)
    assert morula.jit(data.of_point)(p, 2) == data.of_point(p, 2)
    g = morula.grad(data.of_point)(p, 2)
    assert type(g) is Point
    same(g[0], morula.grad(lambda x: data.of_point(Point(x, 0.7), 2))(1.3))
    same(g[1], morula.grad(lambda y: data.of_point(Point(1.3, y), 2))(0.7))


def test_nested_record_argument() -> None:
    q = Particle(Vector(1.3, 0.7), Vector(0.2, 0.4))
    assert morula.jit(data.of_particle)(q) == data.of_particle(q)
    g = morula.grad(data.of_particle)(q)
    assert type(g) is Particle and type(g.p) is Vector
    same((g.p.x, g.p.y, g.v.x, g.v.y), (1.2, 0.4, 1.3, 0.7))
    for stage in ("ssa", "closed", "typed", "ad", "opt", "memory"):
        lowered = morula.lower(data.of_particle, q)
        same(lowered.run(stage, q), data.of_particle(q))


def test_dict_argument() -> None:
    d = {"a": 1.3, "b": (0.7, 0.2), "n": 3}
    assert morula.jit(data.of_dict)(d) == data.of_dict(d)
    g = morula.grad(data.of_dict)(d)
    assert list(g) == ["a", "b", "n"] and g["n"] is None
    same((g["a"], g["b"][0]), (0.7, 1.3))


def test_records_as_results() -> None:
    got = morula.jit(data.gives_records)(1.3, 0.7)
    assert got == data.gives_records(1.3, 0.7)
    assert type(got[0]) is Point and type(got[1]["v"]) is Vector and type(got[2]) is list
    y, pullback = morula.vjp(data.gives_records, 1.3, 0.7)
    assert y == got
    ct = (Point(1.0, 0.0), {"v": Vector(0.0, 2.0), "n": None, "t": (0.5, None)}, [0.0, 0.0])
    same(pullback(ct), (0.7, 1.3 + 2.0 + 0.5))


def test_changed_argument() -> None:
    q = Particle(Vector(1.3, 0.7), Vector(0.2, 0.4))
    expected = data.of_moving(dataclasses.replace(q), 5)
    mine = dataclasses.replace(q)
    same(morula.jit(data.of_moving)(mine, 5), expected)
    plain = dataclasses.replace(q)
    data.of_moving(plain, 5)
    same((mine.p.x, mine.v.y), (plain.p.x, plain.v.y))
    g = morula.grad(data.of_moving)(dataclasses.replace(q), 5)
    assert type(g) is Particle
    h = 1e-6
    up, down = (Particle(Vector(1.3 + s, 0.7), q.v) for s in (h, -h))
    slope = (data.of_moving(up, 5) - data.of_moving(down, 5)) / (2 * h)
    assert abs(g.p.x - slope) < 1e-7


def test_enum_and_string_arguments() -> None:
    f = morula.jit(data.by_mode)
    for mode in data.Mode:
        for unit in ("m", "km"):
            same(f(1.3, mode, unit), data.by_mode(1.3, mode, unit))


# ---- output -------------------------------------------------------------------------------------

PRINTING = """
from dataclasses import dataclass

@dataclass
class P:
    x: float
    n: int

def f(x, n):
    print("start", x, n, sep=", ", end="!\\n")
    for k in range(n):
        print(f"{k}: {x * k:.3f} {x!r:>8} {{}}", True, None, (x, k), P(x, k))
    print()
    return x * x
"""


def test_print(capsys: pytest.CaptureFixture[str]) -> None:
    f = made("f", PRINTING)
    f(1.5, 3)
    expected = capsys.readouterr().out
    assert morula.jit(f)(1.5, 3) == 2.25
    assert capsys.readouterr().out == expected
    lowered = morula.lower(f, 1.5, 3)
    capsys.readouterr()
    for stage in ("ssa", "closed", "typed", "ad", "opt", "memory"):
        lowered.run(stage, 1.5, 3)
        assert capsys.readouterr().out == expected, stage
    assert morula.grad(f)(1.5, 3) == 3.0
    assert capsys.readouterr().out == expected


RAISING = """
def f(x, n):
    assert x > 0.0, f"x = {x:.2f} with {n}"
    if n > 5:
        raise ValueError(f"{n} is too many")
    if n == 3:
        raise KeyError
    return x * n
"""


@pytest.mark.parametrize("args", [(-1.0, 2), (1.0, 7), (1.0, 3), (2.0, 1)], ids=str)
def test_raise(args: tuple[float, int]) -> None:
    f = made("f", RAISING)
    try:
        expected: Any = f(*args)
    except Exception as e:
        expected = e
    for run in (morula.jit(f), lambda *a: morula.value_and_grad(f)(*a)[0]):
        try:
            got: Any = run(*args)
        except Exception as e:
            got = e
        if isinstance(expected, Exception):
            assert type(got) is type(expected) and str(got) == str(expected)
        else:
            assert got == expected


# ---- outside the language -----------------------------------------------------------------------

REFUSED = {
    "(lambda *a: a)(*range(n))": "a starred expression",
    "max(n)": "an int",
    "{n: 1}": "a key of a dict",
    "super()": "super",
    "tuple(filter(lambda v: v > n, (1, 2)))": "a filter whose test",
    "sum([1, 2], start=0, other=1)": "other",
    "str(x)": "an array",
    "isinstance(1.0, 2)": "it is no class",
    "type(lambda: 0)(1)": "`function`",
    "getattr(x, n)": "names are known",
    "(k for k in (1, 2))": "a generator expression that is kept",
}


@pytest.mark.parametrize("expression", REFUSED)
def test_refused(expression: str) -> None:
    f = made("f", f"def f(x, n):\n    return {expression}\n")
    with pytest.raises(morula.Error) as caught:
        morula.jit(f)(np.ones(3), 2)
    assert REFUSED[expression] in str(caught.value)
    assert caught.value.line == 2 and caught.value.instead


# ---- derivatives by gathered arguments, and writes that others would see ------------------------


def gathering(x, y=2.0, *rest, scale=3.0, **more):  # type: ignore[no-untyped-def]
    s = x * y
    for r in rest:
        s = s * r + scale
    return s + sum(more.values())


def test_derivatives_by_gathered_arguments() -> None:
    f, args = gathering, (1.0, 3.0, 4.0, 5.0)
    assert morula.jit(f)(*args, z=1.0) == f(*args, z=1.0)
    assert morula.grad(f, argnums=(0, 1))(*args) == (60.0, 20.0)
    assert morula.grad(f, argnums="rest")(*args) == (15.0, 15.0)
    assert morula.grad(f, argnums="more")(1.0, z=2.0) == {"z": 1.0}
    assert morula.grad(f, argnums="scale")(*args) == 6.0
    assert morula.vjp(f, *args)[1](1.0) == (60.0, 20.0, 15.0, 15.0)
    assert morula.grad(f, argnums=(3, 0))(*args) == (15.0, 60.0)
    assert morula.jvp(f, args, (1.0, 0.0, 0.0, 1.0)) == (f(*args), 75.0)
    assert morula.jacfwd(f, argnums=-1)(*args) == 15.0
    assert morula.hessian(f, argnums=(0, 2))(*args) == ((0.0, 15.0), (15.0, 0.0))
    with pytest.raises(morula.Error, match="twice"):
        morula.grad(f, argnums=(2, "rest"))(*args)
    compiled = morula.jit(f)
    for given in ((1.0,), (1.0, 2.0), (1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0)) * 2:
        assert compiled(*given) == f(*given)


def writes_one_reads_other(p, q):  # type: ignore[no-untyped-def]
    p.v = p.v * 2.0
    return q.v.x


def test_one_record_twice() -> None:
    q = Particle(Vector(1.3, 0.7), Vector(0.2, 0.4))
    other = dataclasses.replace(q)
    assert morula.jit(writes_one_reads_other)(q, other) == 0.2
    assert q.v == Vector(0.4, 0.8) and other.v == Vector(0.2, 0.4)
    assert morula.jit(writes_one_reads_other)(q, q) == 0.8 and q.v == Vector(0.8, 1.6)


def inner_gradient(x, y):  # type: ignore[no-untyped-def]
    p = Particle(Vector(x, y), Vector(y, x))
    g = morula.grad(data.of_moving)(p, 3)
    return g.p.x + p.p.x


def test_gradient_inside_by_a_record_that_changes() -> None:
    f = morula.jit(inner_gradient)
    h = 1e-5
    slope = (f(1.3 + h, 0.7) - f(1.3 - h, 0.7)) / (2 * h)
    assert abs(morula.grad(inner_gradient)(1.3, 0.7) - slope) < 1e-8


# ---- records as models ---------------------------------------------------------------------------


def test_product_of_two_fields() -> None:
    g = morula.grad(lambda p: p.x * p.y)(more.Pair(2.0, 3.0))
    assert g == more.Pair(3.0, 2.0) and type(g) is more.Pair


def test_a_model_minus_its_gradient() -> None:
    def loss(p: Any) -> Any:
        return (p.x - 3.0) ** 2 + 2.0 * (p.y + 1.0) ** 2

    def trained(p: Any, rate: Any, n: Any) -> Any:
        for _ in range(n):
            p = p - morula.grad(loss)(p) * rate
        return p

    plain = more.Pair(0.5, 0.5)
    for _ in range(20):
        plain = more.Pair(plain.x - 0.2 * (plain.x - 3.0), plain.y - 0.4 * (plain.y + 1.0))
    found = morula.jit(trained)(more.Pair(0.5, 0.5), 0.1, 20)
    same(found.x, plain.x)
    same(found.y, plain.y)
    by_rate = morula.grad(lambda r: trained(more.Pair(0.5, 0.5), r, 20).x)(0.1)
    same(by_rate, -2.5 * 20 * 0.8**19 * -2.0)  # x is 3 - 2.5 (1 - 2 r)^20


# ---- exceptions of the user ----------------------------------------------------------------------


class Unstable(ValueError):
    pass


class Coded(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")


def stepped(x: Any) -> Any:
    if x < 0.0:
        raise Unstable(f"x is {x:.1f}")
    return x * x


def test_exceptions_of_the_user() -> None:
    for f in (morula.jit(stepped), morula.grad(stepped)):
        with pytest.raises(Unstable, match="x is -1.5"):
            f(-1.5)
    lowered = morula.lower(stepped, -1.5)
    for stage in ("ssa", "typed", "memory"):
        with pytest.raises(Unstable, match="x is -1.5"):
            lowered.run(stage)
    text = lowered.text("opt")
    assert str(morula.ir.parse(text)) == text
    assert morula.grad(stepped)(3.0) == 6.0


def test_an_exception_with_a_constructor_of_its_own() -> None:
    def f(x: Any) -> Any:
        if x < 0.0:
            raise Coded(3)
        return x

    with pytest.raises(morula.Error, match="an `__init__` of its own"):
        morula.jit(f)(1.0)
