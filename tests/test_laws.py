"""The laws of the house: who imports whom, how long things are, what loads when, what grows how."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import morula
from morula.ir.core import Module, reached, walk
from sources import made

ROOT = Path(__file__).parent.parent
PARTS = ("ir", "frontend", "transforms", "backend")
FOLDERS = (*PARTS, "morula")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# what each part may import besides itself and the standard library
ALLOWED = {
    "ir": {"numpy", "lark", "scipy"},
    "frontend": {"ir", "numpy"},
    "transforms": {"ir"},
    "backend": {"ir", "numpy", "llvmlite", "scipy"},
}
FILE_LINES, FUNCTION_LINES = 520, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """The files of these folders; links to folders are not followed."""
    for top in folders:
        for folder, _, names in os.walk(ROOT / top):
            for name in sorted(names):
                if name.endswith(".py"):
                    path = Path(folder, name)
                    yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a file imports, by top-level name: a part of the house, or a package."""
    package = ("morula", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full = [tuple(a.name.split(".")) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = (*start, *(node.module.split(".") if node.module else ()))
            full = (
                [base]
                if len(base) > 1 or base != ("morula",)
                else [(*base, a.name) for a in node.names]
            )
        else:
            continue
        for name in full:
            yield node.lineno, name[1] if name[0] == "morula" and len(name) > 1 else name[0]


# ---- imports ----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_import_law(part: str) -> None:
    """`ir` is known to all and knows nobody; the other three never meet."""
    allowed = ALLOWED[part] | {part} | set(sys.stdlib_module_names)
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, tree in sources(part)
        for line, name in imported(path, tree)
        if name not in allowed
    ]
    assert found == []


def test_the_import_law_is_noticed() -> None:
    """What the check above makes of each way to write an import."""
    path = ROOT / "backend" / "x.py"
    for text, name in (
        ("from ..frontend.names import PURE", "frontend"),
        ("from .. import frontend", "frontend"),
        ("from morula.frontend import names", "frontend"),
        ("from morula import frontend", "frontend"),
        ("import morula.frontend.names", "frontend"),
        ("def f():\n    import rich.table", "rich"),
        ("from .writer import Code", "backend"),
        ("from . import layout", "backend"),
    ):
        assert [n for _, n in imported(path, ast.parse(text))] == [name], text


def test_ir_loads_scipy_late() -> None:
    """Inside a function, so that `import morula.ir` does not wait for it."""
    for path, tree in sources("ir"):
        at_the_top = ast.Module([n for n in tree.body if not isinstance(n, ast.FunctionDef)], [])
        assert "scipy" not in {name for _, name in imported(path, at_the_top)}, path


def test_import_linter() -> None:
    """The contracts of pyproject.toml."""
    command = shutil.which("lint-imports", path=f"{Path(sys.executable).parent}:{os.defpath}")
    if command is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_is_light() -> None:
    """What is heavy loads when it is first needed."""
    code = (
        "import sys, morula; morula.grad; morula.jit; morula.lower;"
        "print([n for n in ('llvmlite', 'lark', 'scipy', 'rich') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


# ---- folders and files ------------------------------------------------------------------------


def test_links_for_static_tools() -> None:
    """morula/ir and its like are tracked links to the folders."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no repository")
    listed = subprocess.run(
        ["git", "ls-files", "-s", "morula"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modes = {line.split("\t")[1]: line.split()[0] for line in listed.stdout.splitlines()}
    for part in PARTS:
        link = ROOT / "morula" / part
        assert link.is_symlink() and os.readlink(link) == f"../{part}"
        assert modes[f"morula/{part}"] == "120000", f"{link} is not tracked as a link"


def test_packages_are_the_folders() -> None:
    found = []
    for top in FOLDERS:
        for folder, _, names in os.walk(ROOT / top):
            if "__init__.py" in names:
                parts = Path(folder).relative_to(ROOT).parts
                found.append(".".join(parts if top == "morula" else ("morula", *parts)))
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(found)


def test_files_and_functions_are_short() -> None:
    found = []
    for path, tree in sources(*FOLDERS):
        name = path.relative_to(ROOT)
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > FILE_LINES:
            found.append(f"{name} has {lines} lines: does it hold two things?")
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    found.append(f"{name}:{node.lineno} {node.name} has {length} lines")
    assert found == []


def test_names_of_files_say_something() -> None:
    names = {path.stem.strip("_") for path, _ in sources(*FOLDERS)}
    assert names & VAGUE == set()


def test_every_file_says_what_it_is() -> None:
    empty = [
        str(path.relative_to(ROOT))
        for path, tree in sources(*FOLDERS)
        if tree.body and ast.get_docstring(tree) is None
    ]
    assert empty == []


# ---- growth -----------------------------------------------------------------------------------

GROWTH = 3.3


def benchmark_programs() -> Any:
    path = ROOT / "benchmarks" / "programs.py"
    spec = importlib.util.spec_from_file_location("benchmark_programs", path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_programs"] = found
    spec.loader.exec_module(found)
    return found


def count(module: Module) -> int:
    """All ops that the entry reaches, nested regions included."""
    return sum(
        1 for f in reached(module, module.entry.name) for _ in walk(module.functions[f].body)
    )


def growing(f: Any, args: tuple[Any, ...], inputs: int) -> list[int]:
    """Ops of stage `opt` at orders 0 to 3; the next order of a gradient is its sum's gradient."""
    names = [f"x{k}" for k in range(len(args))]
    given, wrt = ", ".join(names), tuple(range(inputs))
    counts = [count(morula.lower(f, *args).module("opt"))]
    for _ in range(3):
        text = f"import morula\n\n\ndef f({given}):\n    g = morula.grad(inner, argnums={wrt})"
        parts = ", ".join(f"g{k}" for k in range(inputs)) + ","
        text += f"({given})\n    {parts} = g\n    return {parts[:-1].replace(',', ' +')}\n"
        f = made("f", text, inner=f)
        counts.append(count(morula.lower(f, *args).module("opt")))
    return counts


@pytest.mark.parametrize("name", ["chain", "lorenz", "newton_loop"])
def test_growth(name: str) -> None:
    programs = benchmark_programs()
    args, inputs = {
        "chain": ((0.7,), 1),
        "lorenz": ((*programs.LORENZ_ARGUMENTS, 100), 6),
        "newton_loop": ((2.0,), 1),
    }[name]
    counts = growing(getattr(programs, name), args, inputs)
    ratios = [b / a for a, b in zip(counts, counts[1:], strict=False)]
    assert all(r <= GROWTH for r in ratios), f"{counts}: {ratios}"
