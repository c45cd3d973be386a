"""Random programs over functions and data, and with derivatives inside, through every stage.

MORULA_SEEDS="100:400" tries other seeds than the first 10 of each kind.
"""

from __future__ import annotations

import math
import os

import pytest

import generator_language as generator
import judge
import morula
from oracle import Untrusted, differences
from sources import scalar

first, _, end = os.environ.get("MORULA_SEEDS", "0:10").partition(":")


@pytest.mark.parametrize("words", [False, True], ids=["plain", "derivatives"])
@pytest.mark.parametrize("seed", range(int(first), int(end)))
def test_random_program(seed: int, words: bool) -> None:
    f, args = generator.generate(seed, words)
    # CPython calls compiled derivatives where the program takes one
    value = f(*args)
    try:
        if words:
            assert morula.jit(f)(*args) == pytest.approx(value, rel=1e-10, abs=1e-12)
        else:
            judge.value(f, args, value)
        judge.stages(f, args, morula.jit(f)(*args) if words else value, exact=not words)
        only, xs = scalar(f, args, value)
        differences(only, xs)
        judge.derivatives(f, args, value, 2)
    except Untrusted:
        pytest.skip("stands on a branch point")
    except Exception:
        print(f"seed {seed}, arguments {args!r}\n{generator.text(seed, words)}")
        raise


def test_programs_are_well_behaved() -> None:
    """Small finite values, and every construct in some program."""
    texts = []
    for seed in range(1000, 1100):
        f, args = generator.generate(seed)
        value = f(*args)
        assert isinstance(value, float) and math.isfinite(value) and abs(value) < 100.0, seed
        texts += [generator.text(seed, False), generator.text(seed, True)]
    bodies = "".join(t.partition("def f(")[2] for t in texts)
    for word in (
        "nonlocal", "lambda", "reduce", "partial", "sorted", "spread(", "_replace", "replace(",
        ".step(", "**d", "is None", "match", "Cons(", "raise", "assert", "break", "continue",
        "vjp(", "jvp(", "grad(", "value_and_grad(", "soft(", "for ", "if ", "even", "go",
    ):  # fmt: skip
        assert word in bodies, word
