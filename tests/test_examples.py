"""Every example in plain scalars and data runs, and finds its own checks right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    "name", ["simpson", "expression_tree", "kepler", "church", "heat", "denoise", "ratings"]
)
def test_example(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert "right" in done.stdout and "WRONG" not in done.stdout
    assert "\npeers: " in done.stdout
