"""What an arm computes, yields, and only an untaken arm reads: it contributes exactly nothing.

Each program has at x = 0 a value with an infinite partial which a taken arm computes and an untaken
one reads.  Reverse mode agrees with forward mode, at orders one and two, there and elsewhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import morula
from morula import grad, jvp
from program_rows import Row, registering

ROWS: list[Row] = []
row = registering(ROWS)
each_n = row(*((x, n) for x in (0.0, 0.7) for n in (0, 1, 2)))


class Pair(NamedTuple):
    u: float
    v: float


class One(NamedTuple):
    w: float


@each_n
def plain(x: float, n: int) -> float:
    if n == 1:
        a, b = math.sqrt(x), x
    else:
        a, b = 2.0 * x, x
    return b if x == 0.0 else a


@each_n
def union(x: float, n: int) -> float:
    r = (math.sqrt(x), x) if n == 1 else x * 2.0
    if isinstance(r, tuple):
        return r[1] if x == 0.0 else r[0]
    return r


@each_n
def optional(x: float, n: int) -> float:
    a = 1.0 / (x + 0.0) if n == 1 and x > 0.5 else (math.sqrt(x) if n == 2 else None)
    if a is None:
        return x
    return x * x if x == 0.0 else a


@each_n
def matched(x: float, n: int) -> float:
    r = (math.sqrt(x), x) if n == 1 else (x if n == 2 else None)
    match r:
        case (a, b):
            return b * 2.0 if x == 0.0 else a
        case None:
            return 0.0
        case y:
            return y


@each_n
def records(x: float, n: int) -> float:
    r: Pair | One = Pair(math.sqrt(x), x * x + x) if n == 1 else One(math.cbrt(x))
    if isinstance(r, Pair):
        return r.v if x == 0.0 else r.u
    return x if x == 0.0 else r.w


@each_n
def lengths(x: float, n: int) -> float:
    t: tuple[float, ...]
    if n == 0:
        t = (x,)
    elif n == 1:
        t = (x * x, math.sqrt(x))
    else:
        t = (x, math.log(x + 1e-300), math.sqrt(x))
    if len(t) == 1:
        return t[0]
    if len(t) == 2:
        return t[0] + t[0] * x if x == 0.0 else t[1]
    return t[0] * x if x == 0.0 else t[1] + t[2]


@each_n
def chosen_closure(x: float, n: int) -> float:
    if n == 1:
        c = math.sqrt(x)

        def g(y: float) -> float:
            return y * 3.0 if x == 0.0 else c + y
    else:

        def g(y: float) -> float:
            return y * x

    return g(x)


@each_n
def nested(x: float, n: int) -> float:
    if n > 0:
        if n == 1:
            a, b = math.sqrt(x), x * 3.0
        else:
            a, b = math.cbrt(x), x
    else:
        a, b = 2.0 * x, x
    if n < 5:
        return b * b + b if x == 0.0 else a + b
    return a


@each_n
def handed_on(x: float, n: int) -> float:
    s = math.sqrt(x)
    a = s if n == 1 else 2.0 * s
    c = a + 1.0 if n < 3 else x
    return x * x + x if x == 0.0 else c


@each_n
def read_in_two_places(x: float, n: int) -> float:
    if n == 1:
        a, b = math.sqrt(x), x
    else:
        a, b = math.cbrt(x), x
    y = b if x == 0.0 else a
    z = b * b if x == 0.0 else a * a
    return y + z


@each_n
def shared_with_what_stays(x: float, n: int) -> float:
    if n == 1:
        u = math.exp(x)
        a, b = math.sqrt(u - 1.0), u
    else:
        a, b = x, x
    return b * x if x == 0.0 else a + b


@each_n
def checked_on_the_way(x: float, n: int) -> float:
    if n == 1:
        a = math.sqrt(x)
        if x < 0.0:
            raise ValueError("negative")
    else:
        a = x
    return x * x + x if x == 0.0 else a


@each_n
def in_a_for(x: float, n: int) -> float:
    s = 0.0
    for k in range(3):
        if k % 2 == 0 and n == 1:
            a, b = math.sqrt(x), x * x
        else:
            a, b = x, x * 2.0
        s += b if x == 0.0 else a
    return s


@each_n
def in_a_while(x: float, n: int) -> float:
    s, k = x, 0
    while k < 3:
        r = (math.sqrt(x) + k, s * x) if n == 1 else x
        if isinstance(r, tuple):
            s = s + (r[1] if x == 0.0 else r[0])
        else:
            s = s + r
        k += 1
    return s


@each_n
def loop_in_an_arm(x: float, n: int) -> float:
    if n >= 1:
        a = 0.0
        for k in range(n):
            a += math.sqrt(x) * (k + 1)
    else:
        a = x
    return 2.0 * x if x == 0.0 else a


@each_n
def loop_before_the_arm(x: float, n: int) -> float:
    a = 0.0
    for k in range(n):
        a += math.sqrt(x) * (k + 1)
    return 2.0 * x if x == 0.0 else a


def root(x: float, n: int) -> float:
    return math.sqrt(x) if n == 0 else root(x, n - 1)


@each_n
def call_before_the_arm(x: float, n: int) -> float:
    a = root(x, n)
    return 2.0 * x if x == 0.0 else a


@each_n
def call_in_an_arm(x: float, n: int) -> float:
    a = root(x, n) + math.sqrt(x) if n == 1 else x
    return 2.0 * x if x == 0.0 else a


# What is computed before the loop or call in which an arm reads it, or does not: see `reached`.


@each_n
def read_in_an_arm_of_a_loop(x: float, n: int) -> float:
    s, r = math.sqrt(x), x
    for k in range(3):
        if x > k * n + 0.1:
            r += s * (k + 1)
    return r


@each_n
def read_in_no_turn(x: float, n: int) -> float:
    s, r = math.sqrt(x) * x, 2.0 * x
    for k in range(n if x > 0.0 else 0):
        r += s * s + k
    return r


@each_n
def read_in_a_while(x: float, n: int) -> float:
    s, r, k = math.cbrt(x), x * x, 0
    while k < n and x > 0.0:
        r, k = r + s, k + 1
    return r + x


@each_n
def carried(x: float, n: int) -> float:
    s, q, r = math.sqrt(x), x, x
    for k in range(4):
        if x > 0.1 and k > n:
            r += s * q
        s, q = q * 0.5, s * 3.0
    return r


@each_n
def in_two_loops(x: float, n: int) -> float:
    s, r = math.sqrt(x), 0.0
    for k in range(3):
        for j in range(k):
            r += s * j if x > 0.1 * n + 0.05 else x * j
    return r


@each_n
def of_a_loop(x: float, n: int) -> float:
    s = x
    for _ in range(n + 1):
        s = math.sqrt(s)
    r = x
    for k in range(3):
        if x > 0.1:
            r += s * k
    return r


@each_n
def of_an_arm(x: float, n: int) -> float:
    s = math.sqrt(x) if n > 0 else 3.0 * x
    r = x
    for k in range(2):
        r += s + k if x > 0.1 else x * x
    return r


def descend(s: float, k: int, x: float) -> float:
    return x if k == 0 else descend(s, k - 1, x) * 2.0 + (s if x > 0.1 else 0.0)


@each_n
def argument_of_a_recursion(x: float, n: int) -> float:
    return descend(math.sqrt(x), n, x) + x


def even(s: float, k: int, x: float) -> float:
    return x if k == 0 else odd(s, k - 1, x) + (s * s if x > 0.1 else x)


def odd(s: float, k: int, x: float) -> float:
    return (s if x > 0.1 else 0.0) if k == 0 else even(s * 2.0, k - 1, x)


@each_n
def arguments_of_mutual_recursion(x: float, n: int) -> float:
    return even(math.sqrt(x) * x, n, x) + odd(math.sqrt(x), n + 1, x)


def test_a_zero_that_is_computed_is_no_excuse() -> None:
    """0 times infinity stays nan where the value was read: nothing says that it is 0."""

    def f(x: float, n: int) -> float:
        s, r = math.sqrt(x), x
        for _ in range(n):
            r += s * s
        return r

    assert grad(f)(0.0, 0) == 1.0
    assert math.isnan(grad(f)(0.0, 1))
    assert close(grad(f)(0.25, 3), 4.0)


def close(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize(("f", "args"), ROWS, ids=lambda v: getattr(v, "__name__", str(v)))
def test_reverse_equals_forward(f: Callable[..., float], args: tuple[float, int]) -> None:
    x, n = args
    assert close(morula.jit(f)(x, n), f(x, n))

    def forward(x: float) -> Any:
        return jvp(lambda x: f(x, n), (x,), (1.0,))[1]

    first = forward(x)
    assert math.isfinite(first)
    assert close(grad(f)(x, n), first)
    second = jvp(forward, (x,), (1.0,))[1]
    assert math.isfinite(second)
    assert close(grad(grad(f))(x, n), second)
    assert close(grad(forward)(x), second)
    assert close(jvp(lambda x: grad(f)(x, n), (x,), (1.0,))[1], second)


def of_an_array(a: Any, n: int) -> float:
    if n > 0:
        s = 0.0
        for k in range(len(a)):
            s += math.sqrt(a[k])
        t = s + math.sqrt(a[n])
    else:
        t = a[0]
    return 3.0 * a[1] * a[1] if a[0] == 0.0 else t


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("first", [0.0, 4.0])
def test_an_array_that_is_read_in_the_arm(first: float, n: int) -> None:
    """Whole gradients, and a second derivative through the accumulator of the first."""
    a = np.array([first, 0.25, 2.25])
    assert morula.jit(of_an_array)(a, n) == of_an_array(a, n)

    def row(t: Any) -> Any:
        return jvp(lambda a: of_an_array(a, n), (a,), (t,))[1]

    assert all(map(close, grad(of_an_array)(a, n), map(row, np.eye(3))))
    t = np.array([1.0, 2.0, 3.0])
    forward = jvp(lambda a: grad(of_an_array)(a, n), (a,), (t,))[1]
    reverse = grad(lambda a: jvp(lambda a: of_an_array(a, n), (a,), (t,))[1])(a)
    assert np.isfinite(forward).all()
    assert all(map(close, forward, reverse))


def test_what_moves_still_raises_where_it_did() -> None:
    def f(x: float, t: tuple[float, float], n: int) -> float:
        a = math.sqrt(t[n]) if n > 0 else x
        return x if x == 0.0 else a

    assert grad(f)(0.0, (0.0, 0.0), 1) == 1.0
    with pytest.raises(IndexError):
        grad(f)(0.0, (0.0, 0.0), 2)


LINKS = {
    "one result": "r = (math.sqrt(v), v) if y > {k}.5 else v * 2.0\n"
    "    v = (r[1] if x == {k}.0 else r[0]) if isinstance(r, tuple) else r\n",
    "read in two arms": "v, w = (math.sqrt(v), math.exp(-w)) if y > {k}.5 else"
    " ((w, 1.0) if x > {k}.5 else (2.0, math.sin(v)))\n",
}


@pytest.mark.parametrize("link", LINKS)
def test_a_chain_stays_linear(link: str, tmp_path: Any) -> None:
    """Twice the links are about twice the ops of the gradient, not their square."""
    sizes = []
    for n in (16, 32):
        body = "".join("    " + LINKS[link].format(k=k) for k in range(n))
        path = tmp_path / f"chain{n}.py"
        path.write_text(f"import math\n\n\ndef f(x, y):\n    v, w = x, y\n{body}    return v + w\n")
        names: dict[str, Any] = {}
        exec(compile(path.read_text(), str(path), "exec"), names)  # noqa: S102
        start = time.perf_counter()
        sizes.append(len(morula.lower(grad(names["f"]), 1.3, 8.0).text("ad").splitlines()))
        assert time.perf_counter() - start < 60
    assert sizes[1] < 3 * sizes[0]
