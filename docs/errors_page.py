"""Writes docs/errors.md: the pages of `morula.frontend.errors`, with what their examples say.

python docs/errors_page.py
"""

from __future__ import annotations

import contextlib
import linecache
import os
import runpy
import tempfile
from collections.abc import Iterator
from pathlib import Path

from morula.frontend.errors import PAGES, TITLES, Error

PAGE = Path(__file__).with_name("errors.md")
FILE = "example.py"
HEAD = """\
# Errors

What cannot be compiled is refused when it is compiled, at its own line, with a code that stays the
same: `morula.Error`, whose attribute `code` is one of those below. The message says what was found,
why it cannot be, and what to write instead. While a compiled program runs, it raises Python's own
exceptions.

`morula explain E07` prints a page in the terminal. This file is generated from the same table, in
`frontend/errors.py`; every example is run by a test.
"""


@contextlib.contextmanager
def inside(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def raised(source: str) -> Error:
    """The error that a program ends with, as a file `example.py` of the current folder."""
    with tempfile.TemporaryDirectory() as folder, inside(folder):
        Path(FILE).write_text(source)
        linecache.clearcache()
        try:
            runpy.run_path(FILE, run_name="example")
        except Error as error:
            str(error)  # reads the source line while the file is there
            error.text = str(error).replace(folder + os.sep, "")  # type: ignore[attr-defined]
            return error
    raise AssertionError(f"nothing is raised by\n{source}")


def page() -> str:
    parts = [HEAD]
    for code, p in PAGES.items():
        message = raised(p.example).text  # type: ignore[attr-defined]
        parts.append(
            f"## {code}: {TITLES[code]}\n\n{p.means}\n\n```python\n{p.example}```\n\n"
            f"```\n{message}\n```\n\n{p.cure}\n\n```python\n{p.cured}```\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
