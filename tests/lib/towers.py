"""Derivatives of `@f(x, y)` as typed text, of any order, reverse (r) and forward (f)."""

from __future__ import annotations

from collections.abc import Sequence

from morula.ir.core import Module
from morula.ir.parser import parse
from morula.ir.verifier import verify

Step = tuple[str, str, str, str]  # the derivative's name, whose it is, r or f, by what


def steps(word: str, pattern: str) -> list[Step]:
    """One after the other, innermost first: g0 of f, g1 of g0, ..."""
    names = ["f", *(f"g{k}" for k in range(len(word)))]
    return [(names[k + 1], names[k], c, pattern[k]) for k, c in enumerate(word)]


def differentiated(text: str, wanted: Sequence[Step], entry: str = "") -> Module:
    """The module of all these derivatives; the entry is the last, or a text that calls them."""
    records, functions = "", ""
    for name, of, letter, wrt in wanted:
        if letter == "r":
            record = f"@{of}.pullback.{wrt}"
            line = f'record {record} = pullback @{of} {{wrt = "{wrt}"}}\n'
            records += line if line not in records else ""
            body = (
                f'  %v: f64, %p: box<{record}> = vjp @{of}(%x, %y) {{wrt = "{wrt}"}}\n'
                "  %g: f64 = pull %p(1.0)\n"
            )
        else:
            body = f'  %v: f64, %g: f64 = jvp @{of}(%x, %y; 1.0) {{wrt = "{wrt}"}}\n'
        functions = f"fn @{name}(%x: f64, %y: f64) -> f64 {{\n{body}  return %g\n}}\n{functions}"
    module = parse(records + entry + functions + text)
    verify(module, "typed")
    return module


def tower(text: str, word: str, pattern: str) -> Module:
    """The derivative that a word names; its function is the entry."""
    return differentiated(text, steps(word, pattern))


def entry_of(names: Sequence[str]) -> str:
    """A function of x and y that returns what each of these gives."""
    calls = "".join(f"  %v{k}: f64 = call @{n}(%x, %y)\n" for k, n in enumerate(names))
    values = ", ".join(f"%v{k}" for k in range(len(names)))
    types = ", ".join(["f64"] * len(names))
    return f"fn @all(%x: f64, %y: f64) -> ({types}) {{\n{calls}  return {values}\n}}\n"
