"""Golden cases: programs in, IR text out, in files named *.test.

what the file shows, in free text

[case name]
def f(x, n):                    a Python function f, or a module as text
    ...
[args f64, i64]                 of a Python function: its arguments
[grad x]                        and its gradient by x; twice for the second order
[wrt x]                         of a text: the active inputs, for `vjp` and `jvp`
[after typed]                   a stage, or passes by commas, each `after` from the input
fn @f(%x: f64, ...              what is expected; `pytest --update` writes it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import morula
from agreement import equal, outcome
from morula import api
from morula.cli import PASSES, arguments, trees
from morula.ir.core import DERIVATIVES, Function, Module, walk
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.types import cotangent_type
from morula.ir.verifier import verify
from morula.transforms.derivatives import Derivatives
from morula.transforms.jvp import jvp
from morula.transforms.vjp import vjp
from sources import made

CASES = Path(__file__).parent.parent / "cases"
HEAD = re.compile(r"\[(case|args|grad|wrt|after)\b *(.*)\]")


@dataclass
class Section:
    word: str
    argument: str
    text: str = ""


@dataclass
class Case:
    name: str
    source: str = ""
    sections: list[Section] = field(default_factory=list)

    def options(self, word: str) -> list[str]:
        return [s.argument for s in self.sections if s.word == word]


def read(path: Path) -> tuple[str, list[Case]]:
    """The free text at the head of a file, and its cases."""
    preface, cases = "", list[Case]()
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        head = HEAD.fullmatch(line.rstrip())
        if head and head[1] == "case":
            cases.append(Case(head[2]))
        elif head:
            cases[-1].sections.append(Section(head[1], head[2]))
        elif not cases:
            preface += line
        elif cases[-1].sections:
            cases[-1].sections[-1].text += line
        else:
            cases[-1].source += line
    return preface, cases


def write(path: Path, preface: str, cases: list[Case]) -> None:
    parts = [preface.strip() + "\n"]
    for case in cases:
        parts.append(f"\n[case {case.name}]\n{case.source.strip()}\n")
        for s in case.sections:
            parts.append(f"[{s.word} {s.argument}]\n" + (s.text.strip() + "\n" if s.text else ""))
    path.write_text("".join(parts), encoding="utf-8")


def results(case: Case) -> Iterator[tuple[Section, str]]:
    """For each `after` of the case, what comes out now."""
    make = passed if case.source.lstrip().startswith(("fn @", "record @")) else staged
    for section in case.sections:
        if section.word == "after":
            yield section, make(case, section.argument)


def staged(case: Case, stage: str) -> str:
    """A stage of the function f."""
    f = made("f", case.source)
    path = f.__code__.co_filename
    for wrt in case.options("grad"):
        f = morula.grad(f, argnums=arguments(wrt))
    structures = tuple(trees(", ".join(case.options("args"))))
    text = api.front(f).compilation(structures).text(stage).replace(f'"{path}"', '"user.py"')
    return confirmed(text, stage)


def passed(case: Case, names: str) -> str:
    """The module after passes; that of a derivative is made for the first function."""
    module = parse(case.source)
    verify(module)
    before = module
    for name in names.split(","):
        name = name.strip()
        module = derived(module, name, case) if name in ("vjp", "jvp") else PASSES[name]()(module)
    expected = sampled(before, before.entry)
    assert expected is None or equal(sampled(module, before.entry), expected), "another meaning"
    return confirmed(str(module))


def sampled(module: Module, f: Function) -> Any:
    """What a function gives for some arguments; nothing where derivatives are still ops."""
    ops = (op for name in module.functions for op in walk(module.functions[name].body))
    if any(op.opcode in DERIVATIVES for op in ops):
        return None
    values = {"f64": 0.75, "i64": 2, "bool": True, "f64[1]": np.arange(9.0)}
    args = [values[str(v.type)] for v in f.inputs]
    return outcome(run, module, f.name, *args)


def derived(module: Module, name: str, case: Case) -> Module:
    d, f = Derivatives(module), module.entry
    wrt = case.options("wrt")[0].split(", ")
    active = [v.name in wrt for v in f.inputs]
    if name == "jvp":
        jvp(d, f.name, active)
    else:
        assert f.results is not None
        vjp(d, f.name, active, [cotangent_type(t) is not None for t in f.results])
    return module


def confirmed(text: str, stage: str | None = None) -> str:
    """A text that parses back to itself and obeys the laws."""
    module = parse(text)
    verify(module, stage)
    assert str(module) == text
    return text
