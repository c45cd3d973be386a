"""Every code of `morula.Error`: its example raises it at its line and column with its words, the
cured example runs, docs/errors.md is what the table says, and `morula explain` prints it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import morula
from morula import cli
from morula.frontend.errors import PAGES, TITLES

DOCS = Path(__file__).resolve().parent.parent / "docs"
UPDATE = bool(os.environ.get("MORULA_UPDATE"))

# code, line, column, what was found, why it cannot be, what to write instead
RAISED = [
    ("E01", 5, 5, "a `try` statement", "does not handle exceptions", "test for the condition"),
    ("E02", 6, 12, "`math.sine`", "no such name", "write `sin` or `sinh`"),
    ("E03", 4, 1, "z is a set", "`double` cannot take it", "pass its values as a tuple"),
    ("E04", 5, 12, "the name `pi`", "neither the function nor its module", "import it"),
    ("E05", 13, 5, "a list or dict that grows", "can grow so far", "rows of an array"),
    ("E06", 6, 14, "a float as an argument of range", "an int is needed", "`//`"),
    ("E07", 6, 9, "an array on one path, a float on another", "one kind", "zeros"),
    ("E08", 7, 12, "taken inside itself", "a run-time value", "outside the function"),
    ("E09", 4, 1, "grad by `x`, which is an int", "by floats", "write 2.0 instead of 2"),
    ("E10", 14, 18, "forward mode through `softplus`", "pulls cotangents back", "custom_jvp"),
    ("E11", 10, 1, "in two ways", "both have a part in it", "a copy"),
    ("E12", 2, 13, "expected `,`", "`str(module)`", ""),
]


def pages() -> Any:
    spec = importlib.util.spec_from_file_location("errors_page", DOCS / "errors_page.py")
    assert spec is not None and spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_code_has_a_page_and_a_row() -> None:
    codes = [f"E{k:02}" for k in range(1, 13)]
    assert list(TITLES) == list(PAGES) == [row[0] for row in RAISED] == codes


@pytest.mark.parametrize("row", RAISED, ids=lambda row: row[0])
def test_example(row: tuple[str, int, int, str, str, str]) -> None:
    code, line, col, found, why, instead = row
    error = pages().raised(PAGES[code].example)
    assert (error.code, error.line, error.col) == (code, line, col)
    assert found in error.found and why in error.why and instead in error.instead
    assert f"{code} " in error.text and found in error.text
    if code != "E12":  # whose place is in a text, not in a file
        source = PAGES[code].example.splitlines()[line - 1]
        shown = error.text.splitlines()
        assert shown[0] == f"example.py:{line}:{col}: {code} {TITLES[code]}"
        assert shown[1] == f"  {line:>4} | {source}"
        assert shown[2].index("^") - shown[2].index("|") - 2 == col - 1


@pytest.mark.parametrize("code", PAGES)
def test_cured(code: str, tmp_path: Path) -> None:
    (tmp_path / "cured.py").write_text(PAGES[code].cured)
    runpy.run_path(str(tmp_path / "cured.py"))


def test_the_page_is_what_the_table_says() -> None:
    text = pages().page()
    if UPDATE:
        (DOCS / "errors.md").write_text(text)
    assert (DOCS / "errors.md").read_text() == text, "python docs/errors_page.py writes the page"


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "e07"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("E07: branches or loop turns disagree\n")
    joined = re.sub(r"\s+", " ", out)
    assert PAGES["E07"].means in joined and PAGES["E07"].cure in joined
    assert "y = x[0] if whole else 0.0" in out
    assert cli.main(["explain"]) == 0
    listed = capsys.readouterr().out
    assert all(code in listed and title in listed for code, title in TITLES.items())
    assert cli.main(["explain", "E99"]) == 2
    assert "E01 to E12" in capsys.readouterr().err


def test_errors_of_text_and_laws_are_of_the_family() -> None:
    with pytest.raises(morula.Error, match="E12 line 1, column 1"):
        morula.ir.parse("nonsense")
    module = morula.ir.parse("fn @f(%x: f64) -> i64 {\n  return %x\n}\n")
    with pytest.raises(morula.Error, match="E12 law") as caught:
        morula.ir.verify(module)
    assert caught.value.code == "E12"
