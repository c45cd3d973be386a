"""Reads the text form back: `parse(text)` is the exact inverse of `printer.print_module`.

The grammar stands in `grammar.lark`; its rules are reduced by `reader` while lark reads (no tree is
made), so nesting costs no stack.  Errors are `TextError` with line, column and what was expected.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from threading import Lock

import lark

from .core import Module
from .reader import Reader, TextError

__all__ = ["TextError", "parse"]

# what a terminal is called in a message; the others are their own text
CALLED = {
    "VAL": "a value %x", "FN": "a name @f", "NAME": "an opcode or attribute", "INT": "an integer",
    "FLOAT": "a number", "COMPLEX": "a number", "STRING": "a string", "WORD": "a literal",
    "SCALAR": "a type", "_NL": "the end of the line", "OPEN": "`{` and the end of the line",
    "WHERE": "arena, heap, caller", "$END": "the end of the text",
}  # fmt: skip


_lock = Lock()  # the reader holds the state of one text


def parse(text: str) -> Module:
    """The module of a text."""
    with _lock:
        reader, grammar = _grammar()
        reader.restart()
        try:
            grammar.parse(text + "\n")
        except lark.exceptions.UnexpectedInput as error:
            raise _explained(error, text) from None
        return reader.module


@cache
def _grammar() -> tuple[Reader, lark.Lark]:
    reader = Reader()
    source = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return reader, lark.Lark(source, parser="lalr", transformer=reader, maybe_placeholders=False)


def _explained(error: lark.exceptions.UnexpectedInput, text: str) -> TextError:
    """What lark found and what it would have taken."""
    names = set(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
    names |= set(getattr(error, "allowed", None) or ())
    terminals = {t.name: t.pattern.value for t in _grammar()[1].terminals}
    words = sorted({CALLED.get(n) or f"`{terminals.get(n, n)}`" for n in names})
    token = getattr(error, "token", None)
    lines = text.split("\n")
    line, col = error.line, error.column
    if token is not None and token.type == "$END" or not 1 <= line <= len(lines):
        line, col, found = len(lines), len(lines[-1]) + 1, "the end of the text"
    else:
        rest = lines[line - 1][col - 1 :].strip()
        found = f"`{rest[:20]}`" if rest else "the end of the line"
    return TextError(f"expected {' or '.join(words)}, found {found}", line, col)
