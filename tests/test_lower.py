"""What `lower` makes of a function: names, locations, captures, and what it refuses."""

from __future__ import annotations

import importlib.util
import itertools
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from morula.frontend.closures import close, closures
from morula.frontend.errors import TITLES, Error
from morula.frontend.lower import Lowered, lower, lower_into
from morula.frontend.resolve import follow
from morula.frontend.source import find_source
from morula.ir.core import LOOPS, Function, Loop, Op, walk

_numbers = itertools.count()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], ModuleType]:
    """A module read from a file with this text."""

    def reader(text: str) -> ModuleType:
        path = tmp_path / f"user{next(_numbers)}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module

    return reader


Read = Callable[[str], ModuleType]


def ops(f: Function, opcode: str) -> list[Op]:
    return [op for op in walk(f.body) if op.opcode == opcode]


# ---- the picture of TEXT_FORM ------------------------------------------------------------------

PICTURE = """
fn @f(%x, %n) at "FILE" 1:1 {
  %step = def @f.step(%s) {
    %0 = mul %s, %x                                            at 2:25
    return %0                                                  at 2:18
  }                                                            at 2:5
  %s.1, %i = while
      carry %s.2 = 1.0, %i.1 = 0 {
    %1 = lt %i.1, %n                                           at 5:11
    test %1                                                    at 5:5
  } do {
    %s.3 = call %step(%s.2)                                    at 6:13
    %i.2 = iadd %i.1, 1                                        at 6:22
    next %s.3, %i.2                                            at 5:5
  }                                                            at 5:5
  return %s.1                                                  at 7:5
}
""".lstrip()

F = """def f(x, n):
    def step(s): return s * x
    s = 1.0
    i = 0
    while i < n:
        s = step(s); i += 1
    return s
"""


def test_picture(read: Read) -> None:
    module = read(F)
    text = str(lower(module.f).module)
    assert text == PICTURE.replace("FILE", str(module.__file__))


def test_closed(read: Read) -> None:
    closed = closures(lower(read(F).f).module)
    assert list(closed.functions) == ["f", "f.step"]
    (closure,) = ops(closed.functions["f"], "closure")
    assert closure.groups == (1, 0) and closure.operands == closed.functions["f"].params[:1]
    step = closed.functions["f.step"]
    assert [v.name for v in step.captures] == ["x"]
    assert step.captures[0] is not closed.functions["f"].params[0]


def test_close_keeps_nested_order(read: Read) -> None:
    f = read(
        "def f(x):\n"
        "    def g(a):\n"
        "        def h(b):\n            return a * b * x\n"
        "        return h(a)\n"
        "    def k(a):\n        return g(a)\n"
        "    return k(x)\n"
    ).f
    names = [g.name for g in close(lower(f).module.entry)]
    assert names == ["f", "f.g", "f.g.h", "f.k"]


# ---- only what is read is carried --------------------------------------------------------------


def test_prune(read: Read) -> None:
    f = read(
        "def f(x, n):\n"
        "    s = 0.0\n"
        "    for i in range(n):\n"
        "        t = x * i\n"
        "        for j in range(i):\n"
        "            u = t + j\n"
        "            s = s + u\n"
        "    return s\n"
    ).f
    loops = [Loop(op) for op in walk(lower(f).module.entry.body) if op.opcode in LOOPS]
    assert [[v.name for v in loop.carries] for loop in loops] == [["s"], ["s"]]


def test_a_plain_break_is_its_condition(read: Read) -> None:
    f = read(
        "def f(x, n):\n"
        "    s = 0.0\n"
        "    while s < n:\n"
        "        s += x\n"
        "        if s > 4.0:\n"
        "            break\n"
        "    return s\n"
    ).f
    (loop,) = ops(lower(f).module.entry, "while")
    assert not ops(lower(f).module.entry, "if")
    assert Loop(loop).stop == 1 and loop.results[0].name == "stop"
    (test,) = ops(lower(f).module.entry, "gt")
    assert [v is not None for v in loop.regions[1].outs] == [True, True]
    assert test.operands[0] is not None


def test_no_flag_where_an_arm_always_leaves(read: Read) -> None:
    f = read("def f(x):\n    if x > 0:\n        return x\n    y = x * 2\n    return y\n").f
    (branch,) = ops(lower(f).module.entry, "if")
    assert [v.name for v in branch.results] == ["result"]


# ---- source ------------------------------------------------------------------------------------


def test_lambdas_on_one_line(read: Read) -> None:
    module = read(
        "a, b, c = lambda x: x + 1, lambda x: (x) if x else (2), lambda x: lambda x: x * 3\n"
    )
    for name, opcode in (("a", "add"), ("b", "if"), ("c", "def")):
        assert ops(lower(getattr(module, name)).module.entry, opcode)
    inner = lower(module.c(1)).module.entry
    assert ops(inner, "mul") and not ops(inner, "def")


def test_columns_count_characters(read: Read) -> None:
    f = read("def f(x):\n\tü = 'äöü'; return x + x\n").f
    (add,) = ops(lower(f).module.entry, "add")
    assert add.loc[0].line == 2 and add.loc[0].col == 20


def test_indented_function_keeps_its_columns(read: Read) -> None:
    f = read("if True:\n    class C:\n        def f(x):\n            return -x\n").C.f
    (neg,) = ops(lower(f).module.entry, "neg")
    assert neg.loc[0][1:] == (4, 20)


def test_notebook_cell() -> None:
    text, name = "def f(x):\n    return x * 2\n", "<ipython-input-1>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {}
    exec(compile(text, name, "exec"), space)
    assert find_source(space["f"]).text == text


def test_no_source() -> None:
    space: dict[str, Any] = {}
    exec("def f(x):\n    return x\n", space)
    with pytest.raises(Error) as caught:
        lower(space["f"])
    assert caught.value.code == "E01" and "put it in a file" in str(caught.value)


def test_changed_file(read: Read) -> None:
    module = read("def f(x):\n    return x\n")
    assert module.__file__ is not None
    Path(module.__file__).write_text("# another text altogether\n\ndef f(x, y):\n    return x\n")
    with pytest.raises(Error, match="has changed"):
        lower(module.f)


# ---- names from outside ------------------------------------------------------------------------


def referred(lowered: Lowered) -> set[str]:
    found = (op.attrs["name"] for f in lowered.module.functions.values() for op in ops(f, "global"))
    return set(found)


def test_names(read: Read) -> None:
    other = read("K = 3.0\n\ndef abs(x):\n    return x + K\n\ndef g(x):\n    return abs(x)\n")
    module = read(
        f"import math as m, numpy as np, {other.__name__} as o\n"
        f"from {other.__name__} import g as h\n"
        "from numpy import sin as s\n"
        "K = 2.0\n"
        "def f(x):\n"
        "    return m.sin(x) + np.cos(x) + np.pi + s(x) + abs(x) + K + h(x) + o.g(x) + o.K\n"
    )
    lowered = lower(module.f)
    assert list(lowered.module.functions) == ["f", "g", "abs"]
    assert referred(lowered) == {
        "math.sin", "numpy.cos", "numpy.pi", "numpy.sin", "abs", "K", "h",
        f"{other.__name__}.g", f"{other.__name__}.K", f"{other.__name__}.abs",
    }  # fmt: skip
    for name, path in lowered.paths.items():
        assert follow(path, module.f) is lowered.globals[name]
    assert lowered.globals["K"] == 2.0 and lowered.globals["abs"] is abs


def test_defaults(read: Read) -> None:
    module = read(
        "import math\n"
        "def plain(x, y=2, z=(1, None)):\n    return x\n"
        "def with_function(x, f=math.sin):\n    return f(x)\n"
        "def f(x):\n    return plain(x) + with_function(x)\n"
    )
    lowered = lower(module.f)
    assert lowered.module.functions["plain"].attrs == {"defaults": (2, (1, None))}
    (closure,) = ops(lowered.module.entry, "closure")
    assert closure.attrs == {"fn": "with_function"} and closure.groups == (0, 1)


def test_hidden_numbers(read: Read) -> None:
    module = read(
        "def make(a, b, flag):\n"
        "    def g(x):\n        return a * x\n"
        "    def f(x):\n        return f(x - 1) + b if flag and x > 0 else g(x)\n"
        "    return f, g\n"
        "F, G = make(2.0, 3.0, True)\n"
        "def calls(x):\n    return h(x)\n"
        "def h(x):\n    return F(x)\n"
    )
    lowered = lower(module.F)
    assert lowered.captures == ("b", "a")
    assert [follow(p, module.F) for p in lowered.hidden] == [3.0, 2.0]
    assert lowered.globals["flag"] is True
    again = module.make(5.0, 7.0, True)[0]
    assert [follow(p, again) for p in lowered.hidden] == [7.0, 5.0]
    # a function that reaches one with hidden numbers hands them on
    lowered = lower(module.calls)
    assert set(lowered.captures) == {"a", "b"}
    assert sorted(follow(p, module.calls) for p in lowered.hidden) == [2.0, 3.0]
    assert all(set(v.name for v in f.captures) >= {"a"} for f in lowered.module.functions.values())


class Made:
    """As Morula's callables are: what they were made of, and how."""

    def __init__(self, f: Any, word: str, **options: Any) -> None:
        self.__wrapped__, self.__morula__ = f, (word, options)


def test_functions_under_jit_and_grad(read: Read) -> None:
    module = read(
        "def make(a):\n    def f(x):\n        return a * x * x\n    return f\n"
        "def g(x):\n    return x\n"
        "def entry(x):\n    return fast(x) + slope(x) + both(x)[1][0]\n"
    )
    module.__dict__["fast"] = Made(module.g, "jit")
    module.__dict__["slope"] = Made(Made(module.make(2.0), "jit"), "grad", argnums=None)
    module.__dict__["both"] = Made(module.g, "value_and_grad", argnums=(0,))
    lowered = lower(module.entry)
    assert list(lowered.module.functions) == ["entry", "g", "f"]
    assert lowered.captures == ("a",) and follow(lowered.hidden[0], module.entry) == 2.0
    calls = ops(lowered.module.entry, "call")
    assert calls[1].attrs == {} and calls[3].attrs == {"kw": ("argnums",)}
    names = [op.attrs["name"] for op in ops(lowered.module.entry, "global")]
    assert names == ["fast", "morula.grad", "morula.value_and_grad", "both.__wrapped__"]
    assert {"slope", "both"} <= set(lowered.globals)  # guarded


def test_lower_into(read: Read) -> None:
    module = read(
        "def made(a):\n    return lambda x: x * a\n"
        "def one(x):\n    return two(x) + 1\n"
        "def two(x):\n    return x * 2\n"
        "FS = (one, made(2.0))\n"
        "def f(x):\n    return x\n"
    )
    lowered = lower(module.f)
    assert list(lowered.module.functions) == ["f"]
    assert lower_into(lowered, module.one) == "one" == lower_into(lowered, module.one)
    assert list(lowered.module.functions) == ["f", "one", "two"]
    name = lower_into(lowered, module.FS[1])
    assert [v.name for v in lowered.module.functions[name].captures] == ["a"]


# ---- what is refused ---------------------------------------------------------------------------

REFUSED = [
    ("x = {1, x}", 2, 9, "E01", "a set"),
    ("x = (y for y in (x,))", 2, 9, "E01", "a generator expression"),
    ("x = g(y for y in (x,))", 2, 10, "E01", "a generator expression"),
    ("x = {y for y in (x,)}", 2, 9, "E01", "a set comprehension"),
    ("x = f'{x:{x}}'", 2, 9, "E01", "a format that is computed"),
    ("x = b'x'", 2, 9, "E01", "a bytes object"),
    ("x = ...", 2, 9, "E01", "an ellipsis"),
    ("with x: pass", 2, 5, "E01", "a `with` statement"),
    ("try:\n        x = 1\n    finally:\n        x = 2", 2, 5, "E01", "a `try` statement"),
    ("raise", 2, 5, "E01", "a bare `raise`"),
    ("raise ValueError from x", 2, 27, "E01", "`raise ... from`"),
    ("del x", 2, 5, "E01", "a `del` statement"),
    ("import math", 2, 5, "E01", "an `import`"),
    ("from math import sin", 2, 5, "E01", "an `import`"),
    ("class C: pass", 2, 5, "E01", "a class"),
    ("global g\n    g = 1", 3, 5, "E01", "an assignment to the global `g`"),
    ("global g\n    for g in x: pass", 3, 9, "E01", "an assignment to the global `g`"),
    ("@g\n    def h(a): pass", 2, 6, "E01", "a decorator"),
    ("async def h(a): pass", 2, 5, "E01", "a coroutine"),
    ("x = lambda: (yield)", 2, 18, "E01", "a `yield`"),
    ("return x\n    x = {1}", 3, 9, "E01", "a set"),
    ("x = undefined_name", 2, 9, "E04", "`undefined_name`"),
    ("x = math.sine(x)", 2, 9, "E02", "`math.sine`"),
    ("x = math.sine(x); y = {1}", 2, 27, "E01", "a set"),
]


@pytest.mark.parametrize(
    ("body", "line", "col", "code", "found"), REFUSED, ids=lambda v: str(v)[:30]
)
def test_refused(read: Read, body: str, line: int, col: int, code: str, found: str) -> None:
    module = read(f"def f(x):\n    {body}\n    return x\nimport math\ndef g(x): return x\n")
    with pytest.raises(Error) as caught:
        lower(module.f)
    error = caught.value
    assert (error.code, error.line, error.col) == (code, line, col)
    assert error.file == module.__file__
    assert error.found.startswith(found) or found in error.found
    assert error.why and error.instead


def test_refused_in_another_function(read: Read) -> None:
    module = read("def f(x):\n    return g(x)\n\ndef g(x):\n    return {x}\n")
    with pytest.raises(Error) as caught:
        lower(module.f)
    assert caught.value.line == 5


def test_nonlocal_of_what_is_not_compiled(read: Read) -> None:
    f = read(
        "def make():\n    k = 0\n"
        "    def f(x):\n        nonlocal k\n        k += 1\n        return x\n"
        "    return f\nF = make()\n"
    ).F
    with pytest.raises(Error, match="nonlocal k") as caught:
        lower(f)
    assert (caught.value.line, caught.value.col) == (4, 9)


def test_empty_cell(read: Read) -> None:
    f = read(
        "def make():\n    def f(x):\n        return y\n    return f\n    y = 1\nF = make()\n"
    ).F
    with pytest.raises(Error) as caught:
        lower(f)
    assert caught.value.code == "E04" and caught.value.line == 3


def test_rendering(read: Read) -> None:
    module = read("def f(x):\n    return x + {1}\n")
    with pytest.raises(Error) as caught:
        lower(module.f)
    assert str(caught.value).splitlines() == [
        f"{module.__file__}:2:16: E01 outside the language",
        "     2 |     return x + {1}",
        "       |                ^",
        "  found:   a set",
        "  because: compiled code has no objects whose kind is known only at run time",
        "  instead: write a tuple, and compare its elements",
    ]


def test_every_code_has_a_title() -> None:
    assert list(TITLES) == [f"E{k:02}" for k in range(1, 13)]


def test_async_and_generator(read: Read) -> None:
    module = read("async def f(x):\n    return x\n\ndef g(x):\n    yield x\n")
    for f, line in ((module.f, 1), (module.g, 5)):
        assert isinstance(f, FunctionType)
        with pytest.raises(Error) as caught:
            lower(f)
        assert caught.value.line == line
