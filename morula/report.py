"""What the command line prints: IR and errors, in colours where the output is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from .pipeline import NAMES, STAGES

LEXERS = {"source": "python", "asm": "gas"}  # all else is IR of ours, or LLVM's


def show(text: str, stage: str, out: TextIO | None = None) -> None:
    """Print a stage's text."""
    out = out or sys.stdout
    if not out.isatty():
        out.write(text if text.endswith("\n") else text + "\n")
        return
    from rich.console import Console
    from rich.syntax import Syntax

    lexer = LEXERS.get(stage) or ir_lexer()
    syntax = Syntax(text, lexer, theme="ansi_dark", background_color="default", word_wrap=False)
    Console(file=out, soft_wrap=True).print(syntax)


def ir_lexer() -> Any:
    """Colours for the text form, and near enough for LLVM's: there is no error token."""
    from pygments.lexer import RegexLexer
    from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Text

    class IRLexer(RegexLexer):  # type: ignore[misc]
        name = "Morula IR"
        tokens = {
            "root": [
                (r"\s+", Text),
                (r"[#;].*", Comment),
                (r"\bat( \"[^\"]*\")? \d+:\d+.*", Comment),
                (r'"(\\.|[^"\\])*"', String),
                (r"%[\w.]+", Name.Variable),
                (r"@[\w.]+", Name.Function),
                (r"-?\b(\d+\.?\d*([eE][-+]?\d+)?|inf|nan|0x[0-9A-F]+)\b", Number),
                (
                    r"\b(fn|record|def|if|else|while|do|for|reversed|carry|each|of|to|by|in)\b",
                    Keyword,
                ),
                (r"\b(yield|next|test|return|unreachable|define|declare|br|ret|phi)\b", Keyword),
                (r"\b(f64|i64|i1|bool|double|ptr|none|mark|box|list)\b", Keyword.Type),
                (r"[\w.]+", Name),
                (r".", Punctuation),
            ]
        }

    return IRLexer()


def head(stage: str) -> str:
    """The line above a stage where several are printed."""
    mark = ";" if stage.startswith("llvm") else "#"
    return f"{mark} ---- {stage}: {STAGES[NAMES.index(stage)].why}"


def times(seconds: Mapping[str, float], out: TextIO | None = None) -> None:
    """A table of how long each stage took."""
    rows = [(name, f"{1e3 * s:.2f} ms") for name, s in seconds.items()]
    table("stage  time", [*rows, ("total", f"{1e3 * sum(seconds.values()):.2f} ms")], out)


def table(header: str, rows: Iterable[tuple[str, ...]], out: TextIO | None = None) -> None:
    """Columns under a header whose names are set apart by two blanks."""
    from rich.console import Console
    from rich.table import Table

    made = Table(*header.split("  "), box=None, pad_edge=False)
    for row in rows:
        made.add_row(*row)
    Console(file=out, soft_wrap=True).print(made)
