"""What is measured is right: Morula, CPython and the hand-written C agree on small data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.arrays import check
from benchmarks.workloads import WORKLOADS, Workload


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
