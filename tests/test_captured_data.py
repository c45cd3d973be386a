"""Records, dicts and tuples of arrays around a function: read at each call, never written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import morula
from morula import api, grad, jit


@dataclass
class Model:
    rate: float
    power: int
    label: str = "model"

    def at(self, x: Any) -> Any:
        return self.rate * x**self.power


class Weights(NamedTuple):
    row: Any
    bias: float


@dataclass(frozen=True)
class Settings:
    steps: int
    kind: str


MODEL = Model(2.0, 3)
WEIGHTS = Weights(np.array([1.0, 2.0]), 0.5)
DATA = (np.arange(3.0), np.ones(3))
OPTIONS = {"rate": 0.1, "steps": 3}
SETTINGS = Settings(2, "cubic")


def of_model(x: Any) -> Any:
    return MODEL.at(x) + MODEL.rate


def of_all(x: Any) -> Any:
    return WEIGHTS.row[1] * x + WEIGHTS.bias + DATA[0][2] * OPTIONS["rate"]


def of_settings(x: Any) -> Any:
    parts = (x,) * SETTINGS.steps  # a number of parts: known when compiling
    return sum(parts) if SETTINGS.kind == "cubic" else x


def test_fields_are_read_at_each_call() -> None:
    f = jit(of_model)
    try:
        for rate, power in ((2.0, 3), (5.0, 3), (5.0, 2), (1.0, 2)):
            MODEL.rate, MODEL.power = rate, power
            for _ in range(3):
                assert f(2.0) == of_model(2.0)
            assert grad(of_model)(2.0) == pytest.approx(rate * power * 2.0 ** (power - 1))
    finally:
        MODEL.rate, MODEL.power = 2.0, 3


def test_a_label_that_changes_is_seen() -> None:
    def f(x: Any) -> Any:
        return x if MODEL.label == "model" else -x

    assert jit(f)(1.0) == 1.0
    MODEL.label = "other"
    try:
        assert jit(f)(1.0) == -1.0
    finally:
        MODEL.label = "model"


def test_stages() -> None:
    assert jit(of_all)(2.0) == of_all(2.0)
    lowered = morula.lower(grad(of_all), 2.0)
    for stage in ("ssa", "closed", "typed", "ad", "opt", "memory"):
        assert lowered.run(stage) == 2.0


def test_settings_are_constants() -> None:
    assert jit(of_settings)(1.5) == 3.0


def test_a_closure_made_anew_compiles_once() -> None:
    def gradient_at(k: float) -> Any:
        model, scale = Model(k, 2), {"by": k}

        def f(x: Any) -> Any:
            return model.at(x) * scale["by"]

        return grad(f)(3.0)

    assert gradient_at(1.0) == 6.0
    before = len(api._programs)
    assert [gradient_at(float(k)) for k in range(5)] == [6.0 * k * k for k in range(5)]
    assert len(api._programs) == before


def written(x: Any) -> Any:
    MODEL.rate = x
    return MODEL.rate


def written_elsewhere(x: Any) -> Any:
    own = Model(x, 1)
    own.rate = 2.0 * x
    return own.rate * MODEL.rate


@pytest.mark.parametrize("f", [written, written_elsewhere])
def test_writes_are_refused(f: Callable[..., Any]) -> None:
    with pytest.raises(morula.Error, match="pass it as an argument") as caught:
        jit(f)(2.0)
    assert caught.value.code == "E11"
