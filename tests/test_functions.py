"""Functions from outside: wrapped, cached, in containers, partial, bound; what guards them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import closure_programs
import function_programs
import judge
import morula
from morula import grad, jit

# mypy: allow-untyped-defs, allow-untyped-calls


@dataclass(frozen=True)
class Line:
    a: float
    b: float

    def __call__(self, x):
        return self.a * x * x + self.b

    def scaled(self, x, k=1.0):
        return self.a * x * x * k


def doubled(f: Any) -> Any:
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return 2.0 * f(*args, **kwargs)

    return wrapper


@doubled
def square(x):
    return x * x


@functools.lru_cache
def cube(x):
    return x * x * x


@functools.cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@jit
def sine(x):
    return math.sin(x)


half = functools.partial(lambda a, b: a * b * b, 0.5)
LINE = Line(2.0, 3.0)
scaled = LINE.scaled
STEPS = (math.sin, lambda t: t * 3.0, half, LINE, scaled, cube, sine)
TABLE: dict[str, Any] = {"sine": math.sin, "cube": cube, "n": 2.5, "pair": (1.0, half)}


def of_wrapped(x):
    return square(x) + cube(x) * fibonacci(9) + sine(x)


def of_bound(x):
    return half(x) + LINE(x) + scaled(x, k=x)


def of_steps(x, k):
    return STEPS[k](x) + sum(f(x) for f in STEPS)


def of_table(x):
    return TABLE["sine"](x) * TABLE["n"] + TABLE["pair"][1](x) + TABLE["cube"](x)


def of_gradients(x):
    p = Line(x, 2.0)
    by_key = functools.partial(lambda a, b, *, k: a * b * b * k, x, k=x)
    return grad(p)(x) + grad(p.scaled, argnums=1)(x, 2.0) + grad(by_key)(x) + grad(by_key)(x, k=2.0)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (square, (1.5,)),
        (of_wrapped, (1.5,)),
        (of_bound, (1.5,)),
        *[(of_steps, (1.5, k)) for k in (0, 1, 2, 3, 4, 5, 6, -1)],
        (of_table, (1.5,)),
        (of_gradients, (1.5,)),
    ],
)
def test_functions_from_outside(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    expected = f(*args)
    judge.value(f, args, expected)
    judge.stages(f, args, expected, exact=False)
    judge.derivatives(f, args, expected, 2)


ROWS = closure_programs.ROWS + function_programs.ROWS


@pytest.mark.parametrize(("f", "args"), ROWS, ids=[f"{f.__name__}{args}" for f, args in ROWS])
def test_program(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    expected = f(*args)
    judge.value(f, args, expected)
    judge.stages(f, args, expected)
    judge.derivatives(f, args, expected, 2)


def strictly(x, n, m, k):
    return sum(x * a * b * c for a, b, c in zip(range(n), range(m), range(k), strict=True))


def strictly_known(x):
    return sum(a * b for a, b in zip((x, 2.0), (1.0, 2.0, 3.0), strict=True))


@pytest.mark.parametrize(
    ("f", "args"),
    [(strictly_known, (1.3,))]
    + [(strictly, (1.3, *n)) for n in ((2, 3, 2), (3, 2, 1), (2, 2, 3), (1, 2, 3), (3, 2, 2))],
)
def test_a_strict_zip_says_what_python_says(f: Any, args: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="argument") as mine:
        jit(f)(*args)
    with pytest.raises(ValueError, match="argument") as pythons:
        f(*args)
    assert str(mine.value) == str(pythons.value)


def reads_twice(x):
    pairs = zip((x, 2.0), (x, 1.0), strict=True)
    return sum(a * b for a, b in pairs) + sum(a for a, _ in pairs)


def reads_in_a_loop(x, n):
    values = map(lambda k: k * x, range(n))
    s = 0.0
    for _ in range(2):
        for v in values:
            s += v
    return s


def pairs_of(t):
    return zip(t, t[1:], strict=False)


def reads_what_a_function_gave(x):
    pairs = pairs_of((x, 2.0, 3.0))
    return sum(a for a, _ in pairs) + sum(b for _, b in pairs)


def reads_from_a_tuple(x):
    t = (enumerate((x, 2.0)), 1.0)
    return sum(a for _, a in t[0]) + sum(k for k, _ in t[0])


def gives_to_one_that_reads_twice(x):
    def twice(values):
        return sum(values) * max(values)

    return twice((x, 2.0)) + twice(map(abs, (x, 2.0)))


def reads_on_each_path(x, n):
    t = (reversed((x, 2.0)), 1.0)
    if n > 2:
        return sum(a * b for a, b in pairs_of(tuple(t[0])))
    return sum(t[0]) + sum(a * b for a, b in pairs_of((x, x, 3.0)))


def reads_once(x, n):
    values = map(lambda k: k * x, range(n))
    values = map(lambda v: v * x, values)
    if n > 2:
        return sum(values)
    return max(values)


def test_an_iterator_is_read_once() -> None:
    for f, args in ((reads_twice, (1.3,)), (reads_in_a_loop, (1.3, 3))):
        with pytest.raises(morula.Error, match="a second time"):
            jit(f)(*args)
    for f in (reads_what_a_function_gave, reads_from_a_tuple):
        with pytest.raises(morula.Error, match="a second time"):
            jit(f)(1.3)
    with pytest.raises(morula.Error, match="`values`, which .* reads more than once"):
        jit(gives_to_one_that_reads_twice)(1.3)
    for n in (2, 5):
        for g in (reads_once, reads_on_each_path):
            assert jit(g)(1.3, n) == g(1.3, n)


def around(scale: float, values: Any) -> Callable[..., Any]:
    steps = (lambda t: t * scale, math.sin)
    table = {"square": lambda t: t * scale * scale, "values": values}
    fixed = functools.partial(lambda a, b: a * b * scale, scale)

    def f(x, k):
        return steps[k](x) + table["square"](x) + table["values"][1] * fixed(x)

    return f


def test_containers_around_the_entry_hold_hidden_numbers() -> None:
    for scale in (2.0, 3.0):
        f = around(scale, np.array([1.0, 2.0]))
        assert jit(f)(1.5, 0) == f(1.5, 0)
        assert grad(f)(1.5, 0) == scale + 3.0 * scale * scale


def test_words_on_partial_functions_methods_and_objects() -> None:
    assert jit(LINE)(2.0) == 11.0
    assert grad(LINE)(2.0) == grad(LINE.scaled)(2.0) == 8.0
    assert grad(LINE.scaled, argnums=1)(2.0, 1.0) == 8.0
    assert grad(half)(3.0) == 3.0
    assert grad(functools.partial(lambda a, b: a * b * b, b=2.0))(3.0) == 4.0
    assert morula.jvp(LINE, (2.0,), (1.0,)) == (11.0, 8.0)
    assert morula.value_and_grad(LINE.scaled)(2.0, k=3.0) == (24.0, 24.0)
    assert jit(cube)(2.0) == 8.0


def activated(x, f=math.tanh, *, inner=(math.sin, 2.0), k=2.0):
    return f(inner[0](x) * inner[1]) * k


def test_a_default_that_is_a_function() -> None:
    f = jit(activated)
    assert f(0.5) == f(0.5) == activated(0.5)
    assert f(0.5, k=3.0) == activated(0.5, k=3.0)
    slope = grad(activated)(0.5)
    assert slope == pytest.approx((activated(0.5 + 1e-6) - activated(0.5 - 1e-6)) / 2e-6)
    assert grad(activated, argnums="x")(0.5) == slope
    with pytest.raises(morula.Error, match="capture it") as caught:
        f(0.5, math.cos)
    assert caught.value.why == "`activated` cannot take it"


def test_arguments_of_methods_and_objects_have_names() -> None:
    assert grad(LINE.scaled, argnums="k")(2.0, 1.0) == 8.0
    assert grad(LINE, argnums=("x",))(2.0) == (8.0,)


def test_a_function_from_python_is_captured() -> None:
    def apply(f, x):
        return f(x)

    with pytest.raises(morula.Error, match=r"jit\(lambda x: f\(g, x\)\)") as caught:
        jit(apply)(math.sin, 2.0)
    assert caught.value.code == "E03"
    assert jit(lambda x: apply(math.sin, x))(2.0) == math.sin(2.0)


def by_pair(x, n):
    return {(0, 1): x, (1, 1): x * x, "a": 1.0}[n, 1]


@pytest.mark.parametrize(("f", "n"), [(by_pair, 2), (by_pair, -1)])
def test_a_computed_key_that_is_not_there(f: Any, n: int) -> None:
    with pytest.raises(KeyError, match=str(n)):
        jit(f)(1.5, n)
    assert jit(f)(1.5, 1) == f(1.5, 1)


FN: Any = math.sin
SAME: Any = math.sin


def calls_fn(x):
    return FN(x) + SAME(x)


def by_n(x):
    return TABLE["n"] * x


def over_items(x):
    return x * sum(v for _, v in WEIGHTS.items())


WEIGHTS: Any = {"a": 1.0}


def test_a_name_bound_to_another_function(monkeypatch: pytest.MonkeyPatch) -> None:
    here, f = globals(), jit(calls_fn)
    assert [f(1.0) for _ in range(4)] == [2.0 * math.sin(1.0)] * 4
    for other in (math.cos, square, math.sin):
        monkeypatch.setitem(here, "SAME", other)
        assert f(1.0) == math.sin(1.0) + other(1.0)


def test_a_table_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = jit(by_n), jit(over_items)
    for n in (2.5, 3.0, 4.0):
        monkeypatch.setitem(TABLE, "n", n)
        assert f(2.0) == 2.0 * n
    for weights in ({"a": 1.0}, {"a": 1.0, "b": 2.0}, {"b": 2.0}, {"b": 5.0}):
        monkeypatch.setitem(globals(), "WEIGHTS", weights)
        assert g(2.0) == 2.0 * sum(weights.values())
    weights["c"] = 1.0
    assert g(2.0) == 12.0


def writes_table(x):
    TABLE["n"] = x
    return x


def test_a_table_of_the_module_is_only_read() -> None:
    with pytest.raises(morula.Error, match="a write to a dict of the module"):
        jit(writes_table)(1.0)


# ---- the order of a derivative ------------------------------------------------------------------


def its_own(x):
    return grad(its_own)(x)


def counted(x, n):
    return x * x if n == 0 else grad(counted)(x, n - 1)


def through_another(x, n):
    def above(x, n):
        return x * x if n == 0 else between(x, n - 1)

    def between(x, n):
        return morula.jvp(above, (x, n), (1.0, 0))[1]

    return above(x, n)


def in_a_loop(x, n):
    g = math.sin
    for _ in range(n):
        g = grad(g)
    return g(x)


@pytest.mark.parametrize("word", ["jit", "grad", "hessian"])
@pytest.mark.parametrize(
    ("f", "args"), [(its_own, ()), (counted, (3,)), (through_another, (3,)), (in_a_loop, (3,))]
)
def test_an_order_that_the_run_would_decide(f: Any, args: tuple[int, ...], word: str) -> None:
    with pytest.raises(morula.Error) as caught:
        getattr(morula, word)(f)(1.0, *args)
    assert caught.value.code == "E08"
    if f is not in_a_loop:
        assert "the order depends on a run-time value" in str(caught.value)


def unrolled(x):
    g = lambda t: t**6  # noqa: E731
    for _ in (0, 1, 2):
        g = grad(g)
    return g(x)


def test_an_order_that_is_known() -> None:
    assert jit(unrolled)(2.0) == 960.0
    assert grad(grad(unrolled))(2.0) == 1440.0
