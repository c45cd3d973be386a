"""The example's reader: what it takes, and what it says of files that it cannot."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import morula

EXAMPLE = Path(__file__).parents[1] / "examples" / "lynx_hare.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lynx_hare", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["lynx_hare"] = module
    spec.loader.exec_module(module)
    return module


HEADER = "time,prey,predator\n"
ROWS = "0,30,4\n1,47.2,6.1\n2,70.2,9.8\n3,77.4,35.2\n"
BAD = {
    "": ":1: no column time, prey, predator; the first line has nothing",
    "time,prey\n0,1\n": ":1: no column predator; the first line has time, prey",
    HEADER + "0,30,4\n1,many,6\n": ":3: prey is 'many', not a number",
    HEADER + "0,30,4\n1,47\n": ":3: no predator: the line is too short",
    HEADER + "0,30,0\n": ":2: predator is 0.0; its logarithm needs it above 0",
    HEADER + "0,nan,4\n": ":2: prey is nan, not a finite number",
    HEADER + "0,30,4\n1,47.2,6.1\n": "2 observations; six unknowns need 4 or more",
    HEADER + ROWS + "3,80,40\n": "times must increase, but 3.0 follows 3.0",
}


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_bad_file(
    example: ModuleType,
    text: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    assert example.main(["--data", str(path)]) == 2
    told = capsys.readouterr().err
    assert message in told and str(path) in told and told.count("\n") == 1


def test_no_file_and_no_text(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counts.csv"
    assert example.main(["--data", str(path)]) == 2
    assert "No such file" in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe\x00\x80")
    assert example.main(["--data", str(path)]) == 2
    assert "not a text file in UTF-8" in capsys.readouterr().err


def test_good_file(example: ModuleType, tmp_path: Path) -> None:
    """Spaces, a byte order mark, columns in any order and more of them."""
    path = tmp_path / "counts.csv"
    lines = [f"{r.split(',')[2]},x, {r.split(',')[0]},{r.split(',')[1]}" for r in ROWS.split()]
    path.write_text("\ufeffpredator,note, time ,prey\n" + "\n".join(lines) + "\n")
    counts = example.read(path)
    assert np.array_equal(counts.times, [0, 1, 2, 3])
    assert np.array_equal(counts.predators, [4, 6.1, 9.8, 35.2])


def test_gradient_against_differences(example: ModuleType) -> None:
    """Solver, rejected steps and all."""
    counts = example.Counts(example.YEARS[:6], example.HARES[:6], example.LYNXES[:6])
    p, data = np.log(example.LITERATURE), counts.arguments()
    value, gradient = morula.value_and_grad(example.loss)(p, *data)
    assert value == pytest.approx(example.loss(p, *data), rel=1e-12)
    assert gradient == pytest.approx(example.by_differences(p, data), rel=1e-5)
    second = example.hessian(p, data)
    assert second == pytest.approx(second.T, rel=1e-7)


def test_wild_point_ends(example: ModuleType) -> None:
    data = example.Counts(example.YEARS, example.HARES, example.LYNXES).arguments()
    wild = np.array([6.0, 5.0, 6.0, 5.0, 8.0, 8.0])
    assert morula.jit(example.loss)(wild, *data) == np.inf
