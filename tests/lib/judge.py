"""One program through the compiler: value, every stage, forward, reverse, higher orders."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import morula
from oracle import (
    MODES_AGREE,
    Value,
    along,
    bitwise,
    close,
    confirmed,
    dot,
    holds_floats,
    same,
    transposed,
)
from sources import along as derivative_along
from sources import direction, scalar

GENERIC = ("ssa", "closed")
TYPED = ("typed", "ad", "opt", "memory")
Function = Callable[..., Any]


def value(f: Function, args: tuple[Value, ...], expected: Value) -> None:
    """Native code against CPython."""
    same(morula.jit(f)(*args), expected, "native value")


def stages(f: Function, args: tuple[Value, ...], expected: Value, exact: bool = True) -> None:
    """Every stage in the interpreter.

    The generic ones against CPython, the typed ones against each other, bit for bit; not `exact`
    where the program takes derivatives itself, whose ops may be reassociated.
    """
    lowered = morula.lower(f, *args)
    for stage in (*GENERIC, *TYPED):
        assert stage in lowered.stages, f"no stage {stage} among {lowered.stages}"
    for stage in GENERIC:
        got = lowered.run(stage, *args)
        if exact:
            bitwise(got, expected, f"stage {stage}")
        else:
            same(got, expected, f"stage {stage}", MODES_AGREE)
    first = lowered.run(TYPED[0], *args)
    same(first, expected, f"stage {TYPED[0]}", 1e-12 if exact else MODES_AGREE)
    for stage in TYPED[1:]:
        got = lowered.run(stage, *args)
        if exact:
            bitwise(got, first, f"stage {stage} beside {TYPED[0]}")
        else:
            same(got, first, f"stage {stage} beside {TYPED[0]}", MODES_AGREE)


def gradient_stages(f: Function, xs: tuple[Value, ...], expected: Value) -> None:
    """Every stage of the gradient in the interpreter."""
    lowered = morula.lower(morula.grad(f, argnums=tuple(range(len(xs)))), *xs)
    for stage in (*GENERIC, *TYPED):
        same(lowered.run(stage, *xs), expected, f"gradient at stage {stage}", MODES_AGREE)


def own_gradient(f: Function, args: tuple[Value, ...], expected: Value) -> Value | None:
    """The gradient by all arguments that hold floats, ints standing between them."""
    active = tuple(k for k, a in enumerate(args) if holds_floats(a))
    if not isinstance(expected, float):
        return None
    result, gradient = morula.value_and_grad(f, argnums=active)(*args)
    same(result, expected, "value beside the gradient")
    assert isinstance(gradient, tuple) and len(gradient) == len(active), f"gradient {gradient!r}"
    return gradient


def pulled(f: Function, args: tuple[Value, ...], expected: Value) -> None:
    """vjp and jvp of a function whose arguments all hold floats, results of any structure."""
    if not all(map(holds_floats, args)):
        return
    dx, ct = direction(args, 3), direction(expected, 5)
    y, pullback = morula.vjp(f, *args)
    same(y, expected, "value of vjp")
    gradient = pullback(ct)
    y, dy = morula.jvp(f, args, dx)
    same(y, expected, "value of jvp")
    transposed(ct, dy, gradient, dx)
    same(pullback(ct), gradient, "pullback called again", 0.0)


def orders(f: Function, xs: tuple[Value, ...], highest: int) -> None:
    """A scalar f: the derivatives along one direction, by every word of r and f up to an order.

    An order is judged by differences of the one below, which were judged before.
    """
    v = direction(xs, 11)
    everything = tuple(range(len(xs)))
    below = f
    words: dict[str, Function] = {"": f}
    for order in range(1, highest + 1):
        gradient = morula.grad(below, argnums=everything)(*xs)
        confirmed(gradient, below, xs, f"gradient of order {order}")
        _, forward = morula.jvp(below, xs, v)
        transposed(1.0, forward, gradient, v, f"forward and reverse of order {order}")
        reference = along(below, xs, v)
        assert reference.confirms(forward), f"order {order}: {forward!r} {reference}"
        for letters in itertools.product("rf", repeat=order):
            word = "".join(letters)
            words[word] = derivative_along(words[word[1:]], xs, v, word[0])
            got = morula.jit(words[word])(*xs)
            assert close(got, forward, 10 * MODES_AGREE), f"{word}: {got!r}, forward {forward!r}"
        below = words["r" * order]
    if highest >= 2:
        forward_over_reverse(f, xs, v, everything)


def forward_over_reverse(
    f: Function, xs: tuple[Value, ...], v: Value, everything: tuple[int, ...]
) -> None:
    """All of Hv at once by jvp of grad, and its transpose by the pullback of grad."""
    first = morula.grad(f, argnums=everything)
    _, product = morula.jvp(first, xs, v)
    w = direction(xs, 13)
    _, pullback = morula.vjp(first, *xs)
    transposed(w, product, pullback(w), v, "Hessian")
    assert close(dot(w, product), dot(v, pullback(w)), MODES_AGREE), "Hessian is symmetric"


def derivatives(f: Function, args: tuple[Value, ...], expected: Value, highest: int) -> Value:
    """All of the above; the gradient of f, or None where f's result is no single float."""
    gradient = own_gradient(f, args, expected)
    pulled(f, args, expected)
    only, xs = scalar(f, args, expected)
    everything = tuple(range(len(xs)))
    reduced = morula.grad(only, argnums=everything)(*xs)
    if gradient is not None:
        same(reduced, gradient, "gradient through a wrapper", MODES_AGREE)
    gradient_stages(only, xs, reduced)
    orders(only, xs, highest)
    return gradient
