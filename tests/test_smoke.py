"""What must hold on every Python of the range: compile, call, differentiate, raise, run stages."""

from __future__ import annotations

import math
import traceback
from typing import Any

import numpy as np
import pytest

import morula


def growth(x: float, n: int) -> float:
    def step(s: float) -> float:
        return s * x

    s = 1.0
    i = 0
    while i < n:
        s = step(s)
        i += 1
    return s


def wave(a: float, t: float = 0.5) -> float:
    return math.sin(a * t) if a > 0 else a


def total(xs: Any) -> float:
    s = 0.0
    for v in xs:
        s += v * v
    return s


def pick(xs: Any, k: int) -> Any:
    return xs[k] * 2.0


def deep(x: float, n: int) -> float:
    return x if n == 0 else deep(x * 1.0000001, n - 1)


def test_values_and_derivatives() -> None:
    assert morula.jit(growth)(1.5, 4) == growth(1.5, 4)
    assert morula.grad(growth)(1.5, 4) == pytest.approx(13.5, rel=1e-15)
    assert morula.grad(morula.grad(growth))(1.5, 4) == pytest.approx(27.0, rel=1e-15)
    value, slope = morula.value_and_grad(wave)(0.7)
    assert (value, slope) == pytest.approx((math.sin(0.35), 0.5 * math.cos(0.35)), rel=1e-15)


def test_keywords_and_defaults() -> None:
    compiled = morula.jit(wave)
    assert compiled(0.7) == compiled(a=0.7, t=0.5) == wave(0.7)
    with pytest.raises(TypeError, match="wave"):
        compiled()


def test_arrays() -> None:
    xs = np.arange(4.0)
    assert morula.jit(total)(xs[::2]) == 4.0
    np.testing.assert_array_equal(morula.grad(total)(xs), 2 * xs)
    _, pull = morula.vjp(morula.grad(total), xs)
    np.testing.assert_array_equal(pull(np.ones(4))[0], np.full(4, 2.0))


def test_errors_have_the_user_s_line() -> None:
    with pytest.raises(IndexError) as caught:
        morula.jit(pick)(np.arange(3.0), 3)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.name, last.line) == ("pick", "return xs[k] * 2.0")


def test_deep_recursion() -> None:
    try:
        assert morula.jit(deep)(1.0, 10**7) > 1.0
    except RecursionError:
        pass


def test_stages_agree() -> None:
    lowered = morula.lower(morula.grad(growth), 1.5, 4)
    for stage in lowered.stages[1:7]:
        assert lowered.run(stage) == 13.5, stage
        assert str(morula.ir.parse(lowered.text(stage))) == lowered.text(stage), stage
