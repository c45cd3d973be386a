"""docs/language.md says what is: every ```python block is run, every commented result checked.

    expression  # -> value            is this value, of the same types, floats to 12 digits
    expression  # prints text         prints this line
    expression  # E01                 raises morula.Error with this code
    expression  # ValueError: text    raises this exception; the text may be left out

The first block holds the imports of all others.
"""

from __future__ import annotations

import ast
import contextlib
import io
import math
import re
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

import morula

PAGE = Path(__file__).parents[1] / "docs" / "language.md"
FENCED = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
COMMENT = re.compile(r"  # (->|prints|E\d\d|[A-Z]\w+(?:Error|Exception))(?::? (.*))?$")
IMPORTS, *BLOCKS = FENCED.findall(PAGE.read_text())


def same(got: Any, wanted: Any) -> bool:
    """Equal, of the same types all the way down, floats to 12 digits."""
    if type(got) is not type(wanted):
        return False
    if isinstance(got, float):
        both_nan = math.isnan(got) and math.isnan(wanted)
        return both_nan or got == wanted or math.isclose(got, wanted, rel_tol=1e-12)
    if isinstance(got, tuple | list):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(got, dict):
        return list(got) == list(wanted) and all(same(got[k], wanted[k]) for k in got)
    if hasattr(got, "__dataclass_fields__"):
        return same(vars(got), vars(wanted))
    return bool(got == wanted)


def check(call: CodeType, kind: str, text: str, names: dict[str, Any]) -> None:
    if kind in ("->", "prints"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            got = eval(call, names)
        if kind == "prints":
            assert printed.getvalue() == text + "\n"
        else:
            assert same(got, eval(text, names)), got
        return
    wanted: Any = morula.Error if re.fullmatch(r"E\d\d", kind) else eval(kind, names)
    with pytest.raises(wanted) as caught:
        eval(call, names)
    if wanted is morula.Error:
        assert caught.value.code == kind, caught.value
    assert text in str(caught.value)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.splitlines()[0].strip())
def test_snippet(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = IMPORTS + block
    path = tmp_path / "snippet.py"
    path.write_text(source)
    module = ModuleType("snippet")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "snippet", module)
    names = vars(module)
    checked = 0
    for node in ast.parse(source).body:
        line = source.splitlines()[(node.end_lineno or node.lineno) - 1]
        found = COMMENT.search(line) if isinstance(node, ast.Expr) else None
        if found and isinstance(node, ast.Expr):
            call = compile(ast.Expression(node.value), str(path), "eval")
            check(call, found[1], found[2] or "", names)
            checked += 1
        else:
            exec(compile(ast.Module([node], []), str(path), "exec"), names)
    assert checked, "a snippet without a checked result"
