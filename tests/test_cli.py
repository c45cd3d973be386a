"""The command line: what it prints, and what it says of bad usage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from morula.cli import main, trees
from morula.ir.structure import Leaf, Tuple
from morula.ir.types import F64, I64, Array

MODEL = """
def f(x, n):
    s = 1.0
    while n > 0:
        s = s * x
        n -= 1
    return s

def total(xs):
    s = 0.0
    for v in xs:
        s += v
    return s

class Model:
    pass
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "cli_model.py"
    path.write_text(MODEL)
    return str(path)


def printed(capsys: Any, *argv: str) -> str:
    assert main(argv) == 0
    out: str = capsys.readouterr().out
    return out


def refused(capsys: Any, *argv: str) -> str:
    assert main(argv) in (1, 2)
    err: str = capsys.readouterr().err
    assert "Traceback" not in err
    return err


ARGS = ("--args", "f64, i64")


@pytest.mark.parametrize("stage", ["ssa", "closed", "typed", "ad", "opt", "memory"])
def test_a_dumped_gradient_runs(capsys: Any, model: str, tmp_path: Path, stage: str) -> None:
    text = printed(capsys, "dump", f"{model}:f", *ARGS, "--grad", "x", "--stage", stage)
    saved = tmp_path / "saved.mir"
    saved.write_text(text)
    assert printed(capsys, "run", str(saved), "@f.grad", "2.0", "3") == "12.0\n"


def test_all_heads_each_stage(capsys: Any, model: str) -> None:
    text = printed(capsys, "dump", f"{model}:f", *ARGS, "--stage", "all")
    heads = [line.split()[2] for line in text.splitlines() if "---- " in line]
    names = "source ssa closed typed ad opt memory llvm llvm-opt asm".split()
    assert heads == [f"{n}:" for n in names]
    assert "\x1b" not in text


def test_order_and_several_arguments(capsys: Any, model: str) -> None:
    assert "@f.grad.grad" in printed(
        capsys, "dump", f"{model}:f", *ARGS, "--grad", "0", "--order", "2"
    )
    assert "E09" in refused(capsys, "dump", f"{model}:f", *ARGS, "--grad", "x, y")


def test_arrays_run(capsys: Any, model: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.mir"
    saved.write_text(printed(capsys, "dump", f"{model}:total", "--args", "f64[1]"))
    assert printed(capsys, "run", str(saved), "@total", "[1.0, 2.0]") == "3.0\n"


def test_passes(capsys: Any, model: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.mir"
    saved.write_text(printed(capsys, "dump", f"{model}:f", *ARGS, "--stage", "typed"))
    assert "fn @f" in printed(capsys, "opt", str(saved), "--passes", "cse, dce")
    generic = tmp_path / "generic.mir"
    generic.write_text(printed(capsys, "dump", f"{model}:f", *ARGS, "--stage", "ssa"))
    assert "generic" in refused(capsys, "opt", str(generic))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("dump", "nowhere.py:f"), "no file"),
        (("dump", "{}:g"), "has no g"),
        (("dump", "{}:"), "FILE:FUNC"),
        (("dump", "{}:Model"), "no Python function"),
        (("dump", "{}:f", "--args", "f64, q8"), "no type 'q8'"),
        (("dump", "{}:f", "--args", "(f64"), "brackets"),
        (("dump", "{}:f", "--args", "f64"), "E03"),
        (("dump", "{}:f", *ARGS, "--stage", "ssa,foo"), "no stage 'foo'"),
        (("dump", "{}:f", *ARGS, "--order", "2"), "--grad"),
        (("dump", "{}:f", *ARGS, "--grad", "n"), "E09"),
        (("opt", "{}", "--passes", "foo"), "no pass 'foo'"),
    ],
)
def test_bad_usage(capsys: Any, model: str, argv: tuple[str, ...], says: str) -> None:
    assert says in refused(capsys, *(a.format(model) for a in argv))


def test_files_that_are_no_programs(capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(: pass\n")
    assert "broken.py:1: SyntaxError" in refused(capsys, "dump", f"{tmp_path}/broken.py:f")
    (tmp_path / "raises.py").write_text("\nraise ValueError('no')\n")
    assert "raises.py:2: ValueError: no" in refused(capsys, "dump", f"{tmp_path}/raises.py:f")
    (tmp_path / "bad.mir").write_text(
        "fn @g(%x: f64) -> f64 {\n  %0: f64 = mull %x\n  return %0\n}\n"
    )
    assert "bad.mir:2:13: E12" in refused(capsys, "run", f"{tmp_path}/bad.mir", "@g", "1.0")
    (tmp_path / "law.mir").write_text("fn @g(%x: f64) -> i64 {\n  return %x\n}\n")
    assert "E12" in refused(capsys, "run", f"{tmp_path}/law.mir", "@g", "1.0")


def test_structures() -> None:
    assert trees("f64, (i64, f64[1]), ") == [
        Leaf(F64),
        Tuple((Leaf(I64), Leaf(Array(F64, 1)))),
    ]


COPYING = """
import numpy as np

def fill(x, n):
    y = np.zeros(n)
    for i in range(n):
        y[i] = x
    return np.sum(y * y)

def keep(x, n):
    y = np.zeros(n)
    s = x
    for i in range(n):
        z = y.copy()
        z[i] = x * s
        y[i] = z[0]
        s += y[i]
    old = y.copy()
    y[0] = s
    return np.sum(y * old)

def other(x):
    return x
"""


def test_copies_are_listed_by_line_with_the_reason(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "copying.py"
    path.write_text(COPYING)
    text = printed(capsys, "dump", "--copies", str(path), *ARGS)
    assert text == (
        "fill: no copies\n"
        "keep: 2 copies\n"
        "  copying.py:15: z[i] = x * s\n"
        "    copies y (f64[1]), in a loop: used later by set at line 16\n"
        "  copying.py:19: y[0] = s\n"
        "    copies y (f64[1]): used later by for at line 20\n"
    )
    text = printed(capsys, "dump", "--copies", f"{path}:fill", *ARGS, "--grad", "x")
    assert text == "fill.grad: no copies\n"
    assert "no function of 3" in refused(
        capsys, "dump", "--copies", str(path), "--args", "f64, f64, f64"
    )


def test_types_of_arrays() -> None:
    from morula.ir.types import F32, U8

    assert trees("f32[2, strided], u8[1]") == [Leaf(Array(F32, 2, True)), Leaf(Array(U8, 1))]
