"""What is measured is right: Morula, CPython and the hand-written C agree on small data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import morula
from benchmarks.arrays import check
from benchmarks.workloads import WORKLOADS, Workload
from morula.copies import copies


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("c")


@pytest.mark.parametrize("w", WORKLOADS, ids=lambda w: w.name)
def test_values_and_gradients_agree(folder: Path, w: Workload) -> None:
    """`check` ends the program where they do not."""
    check(folder, w, w.data(True))


def test_a_wrong_gradient_is_noticed(folder: Path) -> None:
    w = WORKLOADS[0]
    wrong = Workload(w.name, w.title, lambda x: 2.0 * w.program(x), w.wrt, w.data, w.c)
    with pytest.raises(SystemExit, match="differ"):
        check(folder, wrong, w.data(True))


LOOPS = [w for w in WORKLOADS if w.c.startswith(("loops", "tables")) or w.name == "gmm_by_loops"]


@pytest.mark.parametrize("w", LOOPS, ids=lambda w: w.name)
def test_loops_copy_nothing(w: Workload) -> None:
    for f in (morula.jit(w.program), morula.grad(w.program, argnums=w.wrt)):
        assert copies(f.lower(*w.data(True)).module("memory")) == []
