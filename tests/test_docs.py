"""The pages say what is: tables, dumps, snippets and commands in README and docs are run.

MORULA_UPDATE=1 python -m pytest tests/test_docs.py     rewrites the tables and dumps in the pages
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

import morula
from morula import cli
from morula.pipeline import NAMES

ROOT = Path(__file__).resolve().parent.parent
README, DOCS = ROOT / "README.md", ROOT / "docs"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
PACKAGES = ("ir", "frontend", "transforms", "backend", "morula")
UPDATE = bool(os.environ.get("MORULA_UPDATE"))
HOW = "MORULA_UPDATE=1 python -m pytest tests/test_docs.py brings the page up to date"
# an expression that is a line of its own, and the number that its comment says it gives
COMMENTED = re.compile(r"^(\S.*?)\s+# (-?\d+\.\d+)(\.\.\.)?(?:,.*)?$")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in this language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M)
    return [text for name, text in found if name == language]


def module_of(path: Path) -> ModuleType:
    """A Python file as a module of its own."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rewritten(page: Path, text: str) -> None:
    """The page has this text; it is written there when asked for."""
    if UPDATE:
        page.write_text(text)
    assert page.read_text() == text, HOW


def python(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What this Python prints, stderr included, in a process of its own."""
    done = subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def checked_comments(block: str, folder: Path, env: Mapping[str, str] | None = None) -> int:
    """Run a block; every number in a comment behind an expression is what it gives."""
    lines, wanted = [], []
    for line in block.splitlines():
        found = COMMENTED.match(line)
        if found:
            wanted.append((line, found[2], bool(found[3])))
            line = f"print('=', float({found[1]}))"
        lines.append(line)
    script = folder / "block.py"
    script.write_text("\n".join(lines) + "\n")
    printed = python(script.name, cwd=folder, env=env).splitlines()
    got = [float(text.removeprefix("= ")) for text in printed if text.startswith("= ")]
    for (line, number, cut), value in zip(wanted, got, strict=True):
        digits = len(number.partition(".")[2])
        tolerance = 10.0**-digits if cut else 1e-12 * abs(float(number))
        assert abs(value - float(number)) <= tolerance, (line, value)
    return len(wanted)


# ---- docs/ir.md --------------------------------------------------------------------------------


def test_op_tables() -> None:
    page = DOCS / "ir.md"
    rewritten(page, module_of(DOCS / "ir_page.py").page(page.read_text()))


@pytest.mark.parametrize("text", blocks(DOCS / "ir.md", "mir"))
def test_ir_programs(text: str) -> None:
    module = morula.ir.parse(text)
    assert str(module) == text
    morula.ir.verify(module)


# ---- docs/surface.md ----------------------------------------------------------------------------


def test_surface_page() -> None:
    rewritten(DOCS / "surface.md", module_of(DOCS / "surface_page.py").page())


# ---- docs/architecture.md ----------------------------------------------------------------------

DUMP = re.compile(r"(?<=<!-- stage: )(\w+)( -->\n```mir\n)(.*?)(?=^```$)", re.S | re.M)


def test_walk_through_the_stages(tmp_path: Path) -> None:
    page = DOCS / "architecture.md"
    name, source = re.findall(
        r"^`([\w.]+)`:\n\n```python\n(.*?)^```$", page.read_text(), re.S | re.M
    )[0]
    (tmp_path / name).write_text(source)
    lowered = morula.lower(morula.grad(module_of(tmp_path / name).balance), 0.5, 4)
    stages = [found[1] for found in DUMP.finditer(page.read_text())]
    assert stages == [
        s for s in lowered.stages if s in ("ssa", "closed", "typed", "ad", "opt", "memory")
    ]

    def dump(found: re.Match[str]) -> str:
        return found[1] + found[2] + lowered.text(found[1]).replace(str(tmp_path) + "/", "")

    rewritten(page, DUMP.sub(dump, page.read_text()))
    for stage in stages:
        assert lowered.run(stage) == 13.5, stage


def test_every_file_has_its_place() -> None:
    """The page about the house names every file in it."""
    text = (DOCS / "architecture.md").read_text()
    files = [
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
        and not (package == "morula" and path.parent != ROOT / package)
    ]
    missing = [str(p) for p in sorted(files) if not re.search(rf"\b{p.stem}\b", text)]
    assert missing == []


# ---- docs/differentiation.md --------------------------------------------------------------------

ORDERED = re.compile(
    r"(?<=<!-- order: )(\d)(, stage: )(\w+)( -->\n```mir\n)(.*?)(?=^```$)", re.S | re.M
)


def test_derivatives_through_the_stages(tmp_path: Path) -> None:
    page = DOCS / "differentiation.md"
    name, source = re.findall(
        r"^`([\w.]+)`:\n\n```python\n(.*?)^```$", page.read_text(), re.S | re.M
    )[0]
    (tmp_path / name).write_text(source)
    echo = module_of(tmp_path / name).echo
    first = morula.grad(echo)
    lowered = {1: morula.lower(first, 1.5, 3), 2: morula.lower(morula.grad(first), 1.5, 3)}
    shown = [(int(found[1]), found[3]) for found in ORDERED.finditer(page.read_text())]
    stages = ("ssa", "closed", "typed", "ad", "opt", "memory")
    assert shown == [(order, stage) for order in (1, 2) for stage in stages]

    def dump(found: re.Match[str]) -> str:
        text = lowered[int(found[1])].text(found[3]).rstrip("\n") + "\n"
        return found[1] + found[2] + found[3] + found[4] + text.replace(str(tmp_path) + "/", "")

    rewritten(page, ORDERED.sub(dump, page.read_text()))
    a = math.sin(1.5)
    b = math.sin(a)
    slope = math.cos(b) * math.cos(a) * math.cos(1.5)
    for stage in stages:
        assert abs(lowered[1].run(stage) - slope) < 1e-15, stage
        h = 1e-5
        second = (first(1.5 + h, 3) - first(1.5 - h, 3)) / (2.0 * h)
        assert abs(lowered[2].run(stage) - second) < 1e-8, stage


@pytest.mark.parametrize("k, count", [(0, 8), (2, 2), (3, 4), (4, 0)])
def test_differentiation_snippets(k: int, count: int, tmp_path: Path) -> None:
    block = blocks(DOCS / "differentiation.md", "python")[k]
    assert checked_comments(block, tmp_path) == count


# ---- docs/adding-an-op.md ----------------------------------------------------------------------


def changes(page: Path) -> Iterator[tuple[str, str, str]]:
    """File, old text and new text of every `diff` block."""
    for block in blocks(page, "diff"):
        head, *lines = block.splitlines()
        old = [line[1:] for line in lines if line[:1] != "+"]
        new = [line[1:] for line in lines if line[:1] != "-"]
        yield head.removeprefix("--- "), "\n".join(old) + "\n", "\n".join(new) + "\n"


def test_adding_an_op(tmp_path: Path) -> None:
    page, tree = DOCS / "adding-an-op.md", tmp_path / "tree"
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    for folder in (*PACKAGES, "docs", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tree)
    for file, old, new in changes(page):
        text = (tree / file).read_text()
        assert text.count(old) == 1, f"{file} has changed where the page adds to it:\n{old}"
        (tree / file).write_text(text.replace(old, new))
    env = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    assert python("-c", "import morula; print(morula.__file__)", cwd=tmp_path, env=env).startswith(
        str(tree)
    )
    assert checked_comments(blocks(page, "python")[0], tmp_path, env) == 6
    python("docs/ir_page.py", cwd=tree, env=env)
    assert "| `logaddexp` | f64, f64 → f64 | pure | 30 |" in (tree / "docs/ir.md").read_text()
    pytest_args = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "logaddexp",
        "tests/test_emit.py",
    )
    assert "1 passed" in python(*pytest_args, cwd=tree, env=env)


# ---- README ------------------------------------------------------------------------------------


def test_readme_first_block(tmp_path: Path) -> None:
    assert checked_comments(blocks(README, "python")[0], tmp_path) == 3


def test_readme_derivatives(tmp_path: Path) -> None:
    """The second block, with an f, an x and a dx to speak of."""
    before = """\
import numpy as np
from morula import grad, hessian, jvp, value_and_grad, vjp, vmap

def f(x, rate=2.0):
    return x * x * rate

x, dx = 3.0, 0.5
xs, n = np.array([1.0, 3.0]), 4.0
"""
    after = """
y, dy                            # none
grad(f, argnums=(0, "rate"))(x)[1]   # 9.0
value_and_grad(f)(x)[1]          # 12.0
pullback(2.0)[0]                 # 24.0
dy                               # 6.0
hessian(f)(x)                    # 4.0
vmap(grad(f), in_axes=(0, None))(xs, n)[1]   # 24.0
"""
    assert checked_comments(before + blocks(README, "python")[1] + after, tmp_path) == 6


def test_readme_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error that README shows is the one that such a line gets."""
    shown = next(b for b in blocks(README, "") if b.startswith("model.py:"))
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(
        "def load(x, path):\n    s = 0.0\n    with open(path) as f:\n        s = x\n    return s\n"
    )
    with pytest.raises(morula.Error) as caught:
        morula.jit(module_of(tmp_path / "model.py").load)(1.0, "x")
    assert str(caught.value).replace(str(tmp_path) + "/", "").startswith(shown.rstrip("\n"))


def test_set_up() -> None:
    """README's two commands, what they name, and what `.ci/run` does are one."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    commands = [
        line for block in blocks(README, "sh") for line in block.splitlines() if "venv" in line
    ]
    assert len(commands) == 2
    for command in commands:
        make, install, run = command.split(" && ")
        assert make == "python3 -m venv .venv"
        found = re.fullmatch(r'\.venv/bin/pip install -q -e "\.\[(\w+)\]"', install)
        assert found is not None and found[1] in project["optional-dependencies"]
        program, *arguments = run.split()
        assert program == ".venv/bin/python"
        assert arguments[0] == "-m" or (ROOT / arguments[0]).is_file()
    tests = commands[1].split(" && ")[2].removeprefix(".venv/bin/")
    ci = (ROOT / ".ci/run").read_text()
    last = ci.rstrip("\n").splitlines()[-1]
    assert tests == "python -m pytest -q -n auto"
    assert tests in last.replace('"$bin/python"', "python")
    assert project["requires-python"] == ">=3.11,<3.14"
    for version in ("3.11", "3.12", "3.13"):
        assert version in README.read_text() and version in ci


# each model has a `loss` for the types that the command line says
MODEL = {
    "f64[1], i64": """\
def loss(p, n):
    s = 0.0
    for v in p:
        s += v ** n
    return s
""",
    "f64, f64": "def loss(p, q):\n    return p * p * q\n",
    "f64, i64": """\
import morula

def loss(p, n):
    s = 1.0
    for k in range(n):
        s *= p
    return s

if __name__ == "__main__":
    print(morula.jit(loss)(1.5, 4))
""",
}


def command_lines() -> list[str]:
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("morula ")]


def ran(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_command_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = {"dump": 0, "opt": 0, "run": 0, "stages": 0, "explain": 0}
    Path("model.py").write_text(MODEL["f64, i64"])
    Path("saved.mir").write_text(
        ran('morula dump model.py:loss --args "f64, i64" --stage opt', capsys)
    )
    for line in command_lines():
        words = shlex.split(line)
        seen[words[1]] += 1
        if words[1] == "dump":
            Path("model.py").write_text(MODEL[words[words.index("--args") + 1]])
        out = ran(line, capsys)
        if "--copies" in words:
            assert out == "loss: no copies\n", line
        elif words[1] == "dump":
            wanted = words[words.index("--stage") + 1].replace("all", ",".join(NAMES))
            assert all(stage in out for stage in wanted.split(",")), line
        elif words[1] == "run":
            assert float(out) == 1.0, line
        elif words[1] == "explain":
            assert out.startswith(words[2]), line
        else:
            assert ("fn @loss(" in out) if words[1] == "opt" else ("typed" in out), line
    assert seen == {"dump": 3, "opt": 1, "run": 1, "stages": 1, "explain": 1}


def test_dump_to_stderr(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL["f64, i64"])
    line = next(
        line
        for b in blocks(README, "sh")
        for line in b.splitlines()
        if line.startswith("MORULA_DUMP")
    )
    setting, program, *args = line.split()
    name, _, value = setting.partition("=")
    assert program == "python"
    out = python(*args, cwd=tmp_path, env={name: value})
    assert out.count("fn @loss(") == len(value.split(",")) and "5.0625" in out


# ---- all pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_pages_point_at_is_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)
    prose = re.sub(r"`[^`\n]+`", "", text)
    links = [link for link in re.findall(r"\]\(([^)#]+)", prose) if "://" not in link]
    paths = re.findall(rf"`((?:{'|'.join((*PACKAGES, 'docs', 'tests'))})/[\w/.]+)`", text)
    missing = [p for p in links if not (page.parent / p).exists()]
    missing += [p for p in paths if not (ROOT / p).exists()]
    assert missing == []
