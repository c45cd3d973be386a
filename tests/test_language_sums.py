"""Sums and recursive types: functions chosen at run time, Optional, unions, trees, match.

Each program runs in CPython and natively; its gradient is compared with central differences, with
forward mode, and with its second derivative in both orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import morula
from morula import ir

# ---- functions chosen at run time ---------------------------------------------------------------


def chosen_by_index(x: float, n: int) -> Any:
    fs = (math.sin, lambda t: t * x, math.cos)
    s = 0.0
    for i in range(n):
        s = s + fs[i % 3](x + i)
    return s


def chosen_in_a_loop(x: float, n: int) -> Any:
    f: Any = math.sin
    s = x
    for i in range(n):
        s = f(s)
        f = (lambda t: t * x) if i % 2 == 0 else math.cos
    return s


def composed_in_a_loop(x: float, n: int) -> Any:
    f: Any = lambda t: t  # noqa: E731
    for _ in range(n):
        f = lambda t, g=f: g(t) * x + 1.0  # noqa: E731
    result: float = f(x)
    return result


def returned(x: float, n: int) -> Any:
    def pick(k: int) -> Any:
        if k == 0:
            return math.sin
        if k == 1:
            return lambda t: t * t
        return lambda t: t * x

    return sum(pick(k)(x) for k in range(n))


def stored_in_tuple(x: float, c: bool) -> Any:
    pair = (math.sin, x) if c else (lambda t: t * 3.0, 2.0)
    f, y = pair
    return f(y) * x


def captured_twice(x: float, c: bool, d: bool) -> Any:
    f = math.sin if c else (lambda t: t * x)
    g = (lambda t: f(t) + 1.0) if d else math.cos

    def h(t: float) -> Any:
        return g(f(t)) * x

    return h(x) + h(0.5)


def polymorphic(x: float, c: bool) -> Any:
    def twice(f: Any, t: Any) -> Any:
        return f(f(t))

    f = (lambda t: t * x) if c else (lambda t: t + 1.0)
    g = (lambda p: (p[1], p[0] * x)) if c else (lambda p: p)
    a, b = twice(g, (x, 2.0))
    return twice(f, x) + a * b


def continuations(x: float, n: int) -> Any:
    def go(n: int, k: Any) -> Any:
        if n == 0:
            return k(1.0)
        return go(n - 1, lambda r: k(r * x * n))

    result: float = go(n, lambda r: r)
    return result


def two_continuations(x: float, n: int) -> Any:
    """Fibonacci numbers by continuations: each captures the other kind."""

    def fib(n: int, k: Any) -> Any:
        if n < 2:
            return k(x if n == 1 else 1.0)
        return fib(n - 1, lambda a: fib(n - 2, lambda b: k(a + b * x)))

    result: float = fib(n, lambda r: r * x)
    return result


def machine_a(x: float) -> Any:
    return x * 1.1, machine_b


def machine_b(x: float) -> Any:
    return math.sin(x), machine_a if x > 0.5 else machine_c


def machine_c(x: float) -> Any:
    return x + 0.3, machine_a


def state_machine(x: float, n: int) -> Any:
    state: Any = machine_a
    for _ in range(n):
        x, state = state(x)
    return x


def gradients_of_chosen(x: float, c: bool) -> Any:
    f = (lambda t: math.sin(t)) if c else (lambda t: t * t * x)
    return morula.grad(f)(x) + morula.jvp(f, (x,), (1.0,))[1]


def chosen_derivative(x: float, c: bool) -> Any:
    def f(t: float) -> float:
        return math.sin(t) * x

    g = morula.grad(f) if c else f
    return g(x) * x


def chosen_pullback(x: float, c: bool) -> Any:
    y, pull = morula.vjp(lambda t: math.sin(t), x) if c else morula.vjp(lambda t: t * t * x, x)
    result: float = y * pull(1.0)[0]
    return result


# ---- None and unions ----------------------------------------------------------------------------


def optional_result(x: float, n: int) -> Any:
    def first_above(limit: float) -> Any:
        for k in range(n):
            if x * k > limit:
                return x * k
        return None

    a = first_above(2.0)
    b = first_above(1e9)
    return (a if a is not None else x) * (2.0 if b is None else b)


def best_so_far(x: float, n: int) -> Any:
    best: Any = None
    for i in range(n):
        v = math.sin(x * i)
        if best is None or v > best:
            best = v
    return 0.0 if best is None else best * x


def optional_argument(x: float, c: bool) -> Any:
    def f(a: Any, b: float) -> Any:
        return b * 2.0 if a is None else a * a * b

    a = None if c else x * 2.0
    da, db = morula.grad(f, argnums=(0, 1))(a, x)
    return (0.0 if da is None else da) + db


def tuple_or_number(x: float, c: bool) -> Any:
    t: Any = (x, 2.0) if c else x
    if isinstance(t, tuple):
        return t[0] * t[1]
    return t * 3.0


def optional_tuple(x: float, c: bool) -> Any:
    def split(t: float) -> Any:
        if c:
            return t, (t * t, 2)
        return None

    parts = split(x)
    if not parts:
        return x
    a, (b, n) = parts
    return a * b + n * x


def chosen_string(x: float, c: bool) -> Any:
    unit = "hours" if c else "minutes"
    scale = 60.0 if unit == "minutes" else 1.0
    return scale * x * x


def narrowed_by_and(x: float, c: bool) -> Any:
    z = x * x if c else None
    if z is not None and z > 0.1:
        return z * x
    return x if z is None or z < 0.0 else 2.0


def none_by_default(x: float, n: int) -> Any:
    def f(t: float, scale: Any = None) -> Any:
        if scale is None:
            scale = 2.0
        return t * scale

    return f(x) + f(x, x) + f(x, None if n > 3 else x * x)


# ---- recursive types ----------------------------------------------------------------------------


class Cons(NamedTuple):
    head: float
    tail: Any


def cons_list(x: float, n: int) -> Any:
    cells: Any = None
    for i in range(n):
        cells = Cons(x * i, cells)
    s = 0.0
    while cells is not None:
        s = s + cells.head * cells.head
        cells = cells.tail
    return s


def folded_list(x: float, n: int) -> Any:
    def upto(i: int) -> Any:
        return None if i == 0 else Cons(x + i, upto(i - 1))

    def fmap(f: Any, cells: Any) -> Any:
        if cells is None:
            return None
        return Cons(f(cells.head), fmap(f, cells.tail))

    def fold(f: Any, acc: float, cells: Any) -> Any:
        return acc if cells is None else fold(f, f(acc, cells.head), cells.tail)

    def back(cells: Any, onto: Any) -> Any:
        return onto if cells is None else back(cells.tail, Cons(cells.head, onto))

    cells = back(fmap(lambda t: math.sin(t) * x, upto(n)), None)
    result: float = fold(lambda a, b: a * x + b, 1.0, cells)
    return result


@dataclass
class Tree:
    key: float
    left: Any = None
    right: Any = None

    def total(self) -> Any:
        a = self.left.total() if self.left is not None else 0.0
        b = self.right.total() if self.right is not None else 0.0
        return a * 0.5 + self.key * self.key + b


def search_tree(x: float, n: int) -> Any:
    def insert(t: Any, v: float) -> Any:
        if t is None:
            return Tree(v)
        if v < t.key:
            return Tree(t.key, insert(t.left, v), t.right)
        return Tree(t.key, t.left, insert(t.right, v))

    def nearest(t: Any, v: float) -> Any:
        """The least key above v, or None."""
        if t is None:
            return None
        if t.key <= v:
            return nearest(t.right, v)
        found = nearest(t.left, v)
        return t.key if found is None else found

    t: Any = None
    for k in range(n):
        t = insert(t, math.sin(3.0 * k + x))
    a, b = nearest(t, 0.1), nearest(t, 5.0)
    result: float = t.total() + (0.0 if a is None else a * a) + (x if b is None else b)
    return result


@dataclass(frozen=True)
class Num:
    value: float


@dataclass(frozen=True)
class Var:
    pass


@dataclass(frozen=True)
class Add:
    left: Any
    right: Any


@dataclass(frozen=True)
class Mul:
    left: Any
    right: Any


def value_of(e: Any, x: float) -> Any:
    match e:
        case Num(v):
            return v
        case Var():
            return x
        case Add(a, b):
            return value_of(a, x) + value_of(b, x)
        case Mul(a, b):
            return value_of(a, x) * value_of(b, x)


def derivative_of(e: Any) -> Any:
    match e:
        case Num():
            return Num(0.0)
        case Var():
            return Num(1.0)
        case Add(a, b):
            return Add(derivative_of(a), derivative_of(b))
        case Mul(a, b):
            return Add(Mul(derivative_of(a), b), Mul(a, derivative_of(b)))


def simplified(e: Any) -> Any:
    match e:
        case Add(Num(a), Num(b)):
            return Num(a + b)
        case Mul(Num(0.0), _) | Mul(_, Num(0.0)):
            return Num(0.0)
        case Add(a, b):
            return Add(simplified(a), simplified(b))
        case Mul(left=a, right=b):
            return Mul(simplified(a), simplified(b))
        case _:
            return e


def symbolic(x: float, c: float, n: int) -> Any:
    e: Any = Var()
    for k in range(n):
        e = Add(Mul(e, Var()), Num(c * k)) if k % 2 == 0 else Mul(Num(c), e)
    d = simplified(derivative_of(e))
    result: float = value_of(e, x) + value_of(d, x) * x
    return result


class Rose(NamedTuple):
    """A tree whose children are a list: two types that hold each other."""

    value: float
    kids: Any


class Kids(NamedTuple):
    first: Any
    rest: Any


def rose_tree(x: float, n: int) -> Any:
    def grow(v: float, depth: int) -> Any:
        kids: Any = None
        if depth > 0:
            for k in range(3):
                kids = Kids(grow(v * x + k, depth - 1), kids)
        return Rose(v, kids)

    def total(t: Any) -> Any:
        s = math.sin(t.value)
        k = t.kids
        while k is not None:
            s = s + 0.5 * total(k.first)
            k = k.rest
        return s

    result: float = total(grow(x, n))
    return result


# ---- match --------------------------------------------------------------------------------------


def matched(x: float, n: int) -> Any:
    s = 0.0
    for k in range(n):
        t: Any = (x, k) if k % 2 else None
        match t:
            case None:
                s = s + 1.0
            case (a, 3):
                s = s - a
            case (a, m) if m > 4:
                s = s + a * m
            case (a, _) as whole:
                s = s + a * a + whole[1]
        match k:
            case 0 | 1:
                s = s * 1.5
            case int(m) if m == 2:
                s = s * m
            case _:
                s = s + x
    return s


def matched_parts(x: float, c: bool) -> Any:
    t = (1, x, 2.0, 3.0)
    match t if c else (x,):
        case [y]:
            return y * 2.0
        case (1, y, *rest):
            return y * sum(rest)
    return 0.0


TABLE: list[tuple[Callable[..., float], tuple[Any, ...]]] = [
    (chosen_by_index, (0.7, 5)),
    (chosen_in_a_loop, (0.7, 5)),
    (composed_in_a_loop, (0.7, 3)),
    (returned, (0.7, 4)),
    (stored_in_tuple, (0.7, True)),
    (stored_in_tuple, (0.7, False)),
    (captured_twice, (0.7, True, False)),
    (captured_twice, (0.7, False, True)),
    (polymorphic, (0.7, True)),
    (polymorphic, (0.7, False)),
    (continuations, (1.2, 5)),
    (two_continuations, (1.1, 6)),
    (state_machine, (0.7, 9)),
    (gradients_of_chosen, (0.7, True)),
    (gradients_of_chosen, (0.7, False)),
    (chosen_derivative, (0.7, True)),
    (chosen_derivative, (0.7, False)),
    (chosen_pullback, (0.7, True)),
    (chosen_pullback, (0.7, False)),
    (optional_result, (0.8, 6)),
    (best_so_far, (0.7, 5)),
    (best_so_far, (0.7, 0)),
    (optional_argument, (0.7, True)),
    (optional_argument, (0.7, False)),
    (tuple_or_number, (0.7, True)),
    (tuple_or_number, (0.7, False)),
    (optional_tuple, (0.7, True)),
    (optional_tuple, (0.7, False)),
    (chosen_string, (0.7, True)),
    (chosen_string, (0.7, False)),
    (narrowed_by_and, (0.7, True)),
    (narrowed_by_and, (0.2, True)),
    (narrowed_by_and, (0.7, False)),
    (none_by_default, (0.7, 5)),
    (none_by_default, (0.7, 2)),
    (cons_list, (0.7, 4)),
    (folded_list, (0.7, 4)),
    (search_tree, (0.4, 7)),
    (symbolic, (0.8, 0.6, 4)),
    (rose_tree, (0.6, 2)),
    (matched, (0.7, 8)),
    (matched_parts, (0.7, True)),
    (matched_parts, (0.7, False)),
]


def close(a: float, b: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def central(f: Callable[[float], float], x: float, h: float) -> float:
    def slope(h: float) -> float:
        return (f(x + h) - f(x - h)) / (2.0 * h)

    return (4.0 * slope(h / 2) - slope(h)) / 3.0


@pytest.mark.parametrize(
    ("f", "args"), TABLE, ids=[f"{f.__name__}-{k}" for k, (f, _) in enumerate(TABLE)]
)
def test_value_and_derivatives(f: Callable[..., float], args: tuple[Any, ...]) -> None:
    x, rest = args[0], args[1:]

    def only(t: float) -> float:
        return f(t, *rest)

    want = f(*args)
    assert close(morula.jit(f)(*args), want, 1e-14)
    slope = morula.grad(f)(*args)
    assert close(slope, central(only, x, 1e-3), 1e-7)
    value, moved = morula.jvp(only, (x,), (1.0,))
    assert close(value, want, 1e-14) and close(moved, slope, 1e-12)
    second = morula.grad(morula.grad(f))(*args)
    assert close(second, central(lambda t: morula.grad(f)(t, *rest), x, 1e-3), 1e-6)
    _, forward = morula.jvp(morula.grad(only), (x,), (1.0,))
    assert close(forward, second, 1e-10)
    push = morula.grad(lambda t: morula.jvp(only, (t,), (1.0,))[1])
    assert close(push(x), second, 1e-10)


STAGED = [chosen_in_a_loop, continuations, optional_result, symbolic, search_tree, matched]


@pytest.mark.parametrize("f", STAGED)
def test_every_stage_prints_parses_and_runs(f: Callable[..., float]) -> None:
    args = next(a for g, a in TABLE if g is f)
    lowered = morula.lower(morula.grad(f), *args)
    want = morula.grad(f)(*args)
    for stage in ("closed", "typed", "ad", "opt", "memory"):
        text = lowered.text(stage)
        module = ir.parse(text)
        ir.verify(module, stage)
        assert str(module) == text
        assert close(lowered.run(stage, *args), want, 1e-12), stage


# ---- at the border, and what is raised ----------------------------------------------------------


def test_optional_and_recursive_results() -> None:
    def first(x: float) -> Any:
        if x > 1.0:
            return x, (x * x, 2)
        return None

    def cells(x: float, n: int) -> Any:
        made: Any = None
        for i in range(n):
            made = Cons(x * i, made)
        return made, n

    assert morula.jit(first)(2.0) == (2.0, (4.0, 2))
    assert morula.jit(first)(0.5) is None
    assert morula.jit(cells)(0.5, 0) == (None, 0)
    assert morula.jit(cells)(0.5, 3) == cells(0.5, 3)
    for stage in ("closed", "typed", "ad", "opt", "memory"):
        assert morula.lower(cells, 0.5, 3).run(stage, 0.5, 3) == cells(0.5, 3)
    value, pull = morula.vjp(first, 2.0)
    assert value == first(2.0) and pull((1.0, (1.0, None))) == (5.0,)


def test_a_long_list_and_a_deep_recursion() -> None:
    def total(x: float, n: int) -> Any:
        def upto(i: int) -> Any:
            return None if i == 0 else Cons(x + i, upto(i - 1))

        def add(cells: Any) -> Any:
            return 0.0 if cells is None else cells.head * cells.head + add(cells.tail)

        return add(upto(n))

    n = 20_000
    assert close(morula.grad(total)(1.0, n), 2.0 * sum(1.0 + i for i in range(1, n + 1)), 1e-12)


def test_a_tree_as_argument_has_a_tree_as_gradient() -> None:
    tree = Add(Num(2.0), Mul(Var(), Num(3.0)))
    de, dx = morula.grad(value_of, argnums=(0, 1))(tree, 0.5)
    assert de == Add(Num(1.0), Mul(Var(), Num(0.5))) and dx == 3.0


def raises_on_none(x: float, c: bool) -> Any:
    a: Any = None if c else x
    return a + x


def raises_on_call(x: float, c: bool) -> Any:
    f: Any = None if c else math.sin
    return f(x)


def raises_on_attribute(x: float, c: bool) -> Any:
    t: Any = None if c else Num(x)
    return t.value


@pytest.mark.parametrize("f", [raises_on_none, raises_on_call, raises_on_attribute])
def test_an_alternative_without_the_operation_raises_as_python(f: Callable[..., Any]) -> None:
    with pytest.raises(Exception) as want:  # noqa: PT011
        f(0.7, True)
    with pytest.raises(type(want.value)) as got:
        morula.jit(f)(0.7, True)
    assert str(got.value) == str(want.value)
    assert morula.jit(f)(0.7, False) == f(0.7, False)
    with pytest.raises(type(want.value)):
        morula.grad(f)(0.7, True)


def no_alternative(x: float, c: bool) -> Any:
    a: Any = None if c else "text"
    return a + x


def ever_deeper(x: float, n: int) -> Any:
    t: Any = ()
    for _ in range(n):
        t = (t, x)
    return x


@pytest.mark.parametrize(
    ("f", "args", "code"), [(no_alternative, (1.0, True), "E03"), (ever_deeper, (1.0, 3), "E08")]
)
def test_refused(f: Callable[..., Any], args: tuple[Any, ...], code: str) -> None:
    with pytest.raises(morula.Error) as caught:
        morula.jit(f)(*args)
    assert caught.value.code == code and caught.value.line is not None
