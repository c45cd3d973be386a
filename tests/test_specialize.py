"""`specialize`: typed programs give what CPython gives, bit for bit; what it refuses, and how.

The programs stand in tests/cases/specialize, each with its calls in comments below it:

    #> f(1.5, 2)                    gives what CPython gives, the same exception included
    #> f(1.5, 2) == 3.0             gives this (derivatives, and documented differences)
    #> f(1.5) raises OverflowError
    #! E07 2 f(1.5)                 is refused with this code, two lines below its `def`
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import morula
from morula.backend.identity import finish
from morula.frontend.closures import closures
from morula.frontend.errors import Error
from morula.frontend.lower import Lowered, lower
from morula.frontend.resolve import follow
from morula.frontend.specialize import Entry, Linked, specialize
from morula.ir.core import Record
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.structure import Constant, Leaf, PullbackTree, Tree, Tuple
from morula.ir.types import BOOL, F64, I64, Array, Box
from morula.ir.verifier import verify
from sources import made

CASES = Path(__file__).parent / "cases" / "specialize"


def loaded(name: str) -> ModuleType:
    """The functions of a file of cases, which keep its lines."""
    path = CASES / f"{name}.txt"
    module = ModuleType(f"cases_{name}")
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    vars(module)["math"] = math
    return module


def rows(name: str, mark: str) -> list[str]:
    lines = (CASES / f"{name}.txt").read_text().splitlines()
    return [line.removeprefix(mark) for line in lines if line.startswith(mark)]


def called(module: ModuleType, text: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function and the arguments of a call that stands as text."""
    name, _, rest = text.partition("(")
    args: tuple[Any, ...] = eval(
        f"({rest.removesuffix(')')},)" if rest != ")" else "()", vars(module)
    )
    return getattr(module, name), args


def tree_of(value: Any) -> Tree:
    if isinstance(value, tuple):
        return Tuple(tuple(map(tree_of, value)))
    if isinstance(value, np.ndarray):
        return Leaf(Array(F64, 1, not value.flags.c_contiguous))
    kinds = {bool: BOOL, int: I64, float: F64}
    return Leaf(kinds[type(value)]) if type(value) in kinds else Constant(value)


def leaves(value: Any, tree: Tree) -> Iterator[Any]:
    if isinstance(tree, Tuple):
        for part, kid in zip(value, tree.kids, strict=True):
            yield from leaves(part, kid)
    elif isinstance(tree, Leaf):
        yield value


def typed(f: Any, *args: Any) -> tuple[Lowered, Entry]:
    lowered = lower(f)
    entry = specialize(lowered, [tree_of(a) for a in args])
    verify(entry.module, "typed")
    text = str(entry.module)
    assert str(parse(text)) == text
    return lowered, entry


def interpreted(lowered: Lowered, entry: Entry, *args: Any) -> Any:
    given = [x for a, t in zip(args, entry.args, strict=False) for x in leaves(a, t)]
    outer = [(follow(h.path, lowered.entry), h.tree) for h in entry.hidden]
    captures = [x for value, tree in outer for x in leaves(value, tree)]
    out = run(entry.module, entry.name, *given, captures=captures)
    count = len(entry.module.entry.results or ())
    result = iter((out,) if count == 1 else out if count else ())
    return finish(entry.result, result, args, lambda *_: None)


def same(got: Any, want: Any, tolerance: float = 0.0) -> bool:
    """Structure, kind and bits agree; floats within a relative tolerance."""
    if isinstance(want, tuple):
        ok = isinstance(got, tuple) and len(got) == len(want)
        return ok and all(same(g, w, tolerance) for g, w in zip(got, want, strict=True))
    if isinstance(want, np.ndarray):
        return isinstance(got, np.ndarray) and np.allclose(got, want, rtol=tolerance, atol=0.0)
    if isinstance(want, np.generic):
        want = want.item()
    if type(got) is not type(want):
        return False
    if isinstance(want, float) and got != want:
        return bool(got != got and want != want) or abs(got - want) <= tolerance * abs(want)
    return bool(got == want)


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    """The value, or the exception."""
    try:
        return f(*args)
    except Exception as error:
        return error


PROGRAMS = loaded("programs")
DERIVATIVES = loaded("derivatives")
REFUSED = loaded("refused")


@pytest.mark.parametrize("row", rows("programs", "#> "))
def test_program(row: str) -> None:
    text, raised, name = row.partition(" raises ")
    text, equals, value = text.partition(" == ")
    f, args = called(PROGRAMS, text)
    lowered, entry = typed(f, *args)
    got = outcome(lambda: interpreted(lowered, entry, *args))
    if raised:
        assert type(got).__name__ == name
        return
    want = eval(value, vars(PROGRAMS)) if equals else outcome(f, *args)
    if isinstance(want, Exception):
        assert type(got) is type(want), got
    else:
        assert same(got, want), (got, want)


@pytest.mark.parametrize("row", rows("derivatives", "#> "))
def test_derivative(row: str) -> None:
    text, raised, name = row.partition(" raises ")
    text, _, value = text.partition(" == ")
    f, args = called(DERIVATIVES, text)
    typed(f, *args)
    got = outcome(lambda: morula.lower(f, *args).run("typed", *args))
    if raised:
        assert type(got).__name__ == name
    else:
        assert same(got, eval(value, vars(DERIVATIVES)), 1e-6), got


@pytest.mark.parametrize("row", rows("refused", "#! "))
def test_refused(row: str) -> None:
    code, line, text = row.split(" ", 2)
    f, args = called(REFUSED, text)
    with pytest.raises(Error) as caught:
        typed(f, *args)
    error = caught.value
    assert error.code == code and error.line is not None
    assert error.found and error.why and error.instead
    if line != "-":
        assert error.line - f.__code__.co_firstlineno == int(line)


def test_nearest_names() -> None:
    f: Any = made("f", "import math\n\ndef f(x):\n    return math.ldexp(x, 2) + math.exp(x)\n")
    with pytest.raises(Error, match="math.exp"):
        typed(f, 1.0)


GRAD = """
record @f.pullback = pullback @f {wrt = "x"}
fn @only(%x: f64, %n: i64) -> f64 {
  %g: f64 = call @f.grad(%x, %n)
  return %g
}
fn @f.grad(%x: f64, %n: i64) -> f64 {
  %y: f64, %pullback: box<@f.pullback> = vjp @f(%x, %n) {wrt = "x"}
  %ct.x: f64 = pull %pullback(1.0)
  return %ct.x
}
fn @f(%x: f64, %n: i64) -> f64 {
  %s: f64 = for %i: i64 = 0 to %n
      carry %s.1: f64 = 1.0 {
    %s.2: f64 = mul %s.1, %x
    next %s.2
  }
  return %s
}
"""


def test_grad_reads_as_documented() -> None:
    source = """
from morula import grad
def f(x, n):
    s = 1.0
    for i in range(n):
        s = s * x
    return s
def only(x, n):
    g = grad(f)(x, n)
    return g
"""
    _, entry = typed(made("only", source), 1.5, 3)
    text = re.sub(r" +at( \"[^\"]*\")? [\d: ]+(?=[{\n])", "", str(entry.module))
    assert re.sub(r"\)(?=\{)", ") ", re.sub(r"(?<=\S)\{", " {", text)).strip() == GRAD.strip()


def test_pullback_from_python_is_unboxed_and_called() -> None:
    f: Any = made("f", "def f(pull, ct):\n    return pull(ct)[0] + 1.0\n")
    results = Tuple((Leaf(F64), Constant(None)))
    tree = PullbackTree("square.pullback", Leaf(F64), results)
    record = Record("square.pullback", (F64,))
    linked = {"square.pullback": Linked(record, "square.pullback")}
    entry = specialize(lower(f), [tree, Leaf(F64)], linked=linked)
    assert entry.module.records["square.pullback"] == record
    library = """
record @square.pullback = (f64)
fn @square.pullback [%x: f64](%ct: f64) -> f64 {
  %0: f64 = mul %x, %ct
  %1: f64 = add %0, %0
  return %1
}
fn @boxed(%x: f64) -> box<@square.pullback> {
  %b: box<@square.pullback> = box %x {record = @square.pullback}
  return %b
}
"""
    module = entry.module
    module.functions.update(parse(library).functions)
    verify(module, "typed")
    box = run(module, "boxed", 3.0)
    assert run(module, entry.name, box, 2.0) == 13.0
    assert module.entry.params[0].type == Box("square.pullback")


def test_statics_and_defaults_complete_the_arguments() -> None:
    f: Any = made("f", "def f(x, mode, k=3):\n    return x * k if mode == 'a' else -x\n")
    entry = specialize(lower(f), [Leaf(F64), Constant("b")])
    assert len(entry.args) == 3
    assert run(entry.module, entry.name, 2.0) == -2.0


def test_a_global_number_may_be_hidden() -> None:
    f: Any = made("f", "K = 2.0\n\ndef g(x):\n    return x * K\n\ndef f(x):\n    return g(x) + K\n")
    lowered = lower(f)
    entry = specialize(lowered, [Leaf(F64)], hidden_trees={"K": Leaf(F64)})
    assert [h.name for h in entry.hidden] == ["K"]
    assert run(entry.module, entry.name, 3.0, captures=[5.0]) == 20.0


def test_typing_is_linear_in_nesting_and_length() -> None:
    body = "".join(f"    if x > {k} and n != {k}: return x * {k}\n" for k in range(400))
    long: Any = made("f", f"def f(x, n):\n{body}    return x\n")
    lines = ["    " * (k + 1) + f"for i{k} in range(n):\n" for k in range(10)]
    deep: Any = made(
        "f", f"def f(x, n):\n    s = 0\n{''.join(lines)}{'    ' * 11}s = s + x\n    return s\n"
    )
    for f in (long, deep):
        lowered = lower(f)
        closed = closures(lowered.module)
        start = time.perf_counter()
        entry = specialize(lowered, [Leaf(F64), Leaf(I64)], closed=closed)
        assert time.perf_counter() - start < 2.0
        assert sum(len(g.body.ops) for g in entry.module.functions.values()) > 0
    _, entry = typed(deep, 1.5, 2)
    assert run(entry.module, entry.name, 1.5, 2) == 1.5 * 2**10
