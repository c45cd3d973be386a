"""Random programs through CPython, every stage, native code, forward, reverse and second order.

MORULA_SEEDS="100:400" tries other seeds than the first 60.
"""

from __future__ import annotations

import math
import os
from typing import Any

import pytest

import generator
import judge
from oracle import Untrusted, differences, leaves
from sources import scalar

first, _, end = os.environ.get("MORULA_SEEDS", "0:60").partition(":")
SEEDS = range(int(first), int(end))


def trusted(f: Any, args: tuple[Any, ...], value: float) -> bool:
    """Whether differences settle: no branch point stands close by."""
    only, xs = scalar(f, args, value)
    try:
        differences(only, xs)
    except Untrusted:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_random_program(seed: int) -> None:
    f, args = generator.generate(seed)
    value = f(*args)
    try:
        judge.value(f, args, value)
        judge.stages(f, args, value)
        if not trusted(f, args, value):
            pytest.skip("stands on a branch point")
        judge.derivatives(f, args, value, 2)
    except Untrusted:
        pytest.skip("stands on a branch point of the derivative")
    except Exception:
        print(f"seed {seed}, arguments {args!r}\n{generator.text(seed)}")
        raise


def test_programs_are_well_behaved() -> None:
    """Of many seeds: small finite values, and few that differences cannot judge."""
    seeds, skipped = range(1000, 1200), 0
    for seed in seeds:
        f, args = generator.generate(seed)
        value = f(*args)
        assert isinstance(value, float) and math.isfinite(value) and abs(value) < 100.0, seed
        skipped += not trusted(f, args, value)
        assert generator.text(seed) == generator.text(seed)
    assert skipped <= len(seeds) // 10, f"{skipped} of {len(seeds)} programs stand on branch points"


def test_programs_depend_on_their_arguments() -> None:
    active = 0
    for seed in range(1000, 1050):
        f, args = generator.generate(seed)
        only, xs = scalar(f, args, f(*args))
        try:
            found = differences(only, xs)
        except Untrusted:
            continue
        assert len(found) == len(list(leaves(xs)))
        active += any(d.value != 0.0 for d in found)
    assert active >= 40
