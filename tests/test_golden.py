"""The golden cases of `cases/`, and what their format promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden import CASES, Case, read, results, write
from morula.cli import PASSES
from morula.pipeline import IR

FILES = sorted(CASES.glob("*/*.test"))
ROWS = [(path, case.name) for path in FILES for case in read(path)[1]]


@pytest.mark.parametrize(
    ("path", "name"), ROWS, ids=[f"{p.parent.name}/{p.stem}-{n}" for p, n in ROWS]
)
def test_case(path: Path, name: str, pytestconfig: pytest.Config) -> None:
    preface, cases = read(path)
    case = next(c for c in cases if c.name == name)
    assert case.options("after"), "a case that expects nothing"
    if pytestconfig.getoption("--update"):
        for section, text in results(case):
            section.text = text
        write(path, preface, cases)
        return
    for section, text in results(case):
        assert text.strip() == section.text.strip(), f"[after {section.argument}]"


def test_names_are_unique() -> None:
    assert len(ROWS) == len(set(ROWS))


def test_every_stage_has_a_file() -> None:
    assert [stage for stage in IR if not list((CASES / stage).glob("*.test"))] == []


def test_every_pass_has_a_file() -> None:
    """`--passes` of the command line and the two derivatives."""
    wanted = {*PASSES, "vjp", "jvp"}
    assert wanted - {path.stem for path in (CASES / "passes").glob("*.test")} == set()


def test_rewriting_keeps_a_file(tmp_path: Path) -> None:
    """What `--update` writes where nothing has changed is the file itself."""
    for path in FILES:
        copy = tmp_path / path.name
        write(copy, *read(path))
        assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_texts_are_compared(tmp_path: Path) -> None:
    """A case whose text differs is noticed."""
    path = tmp_path / "x.test"
    path.write_text("about\n\n[case a]\nfn @f(%x: f64) -> f64 {\n  return %x\n}\n[after dce]\nno\n")
    (case,) = read(path)[1]
    assert isinstance(case, Case)
    ((section, text),) = results(case)
    assert text != section.text == "no\n"
