# ruff: noqa: E501, the table has one row to a line
"""What a Python user will try and the language does not hold: each has its own sentence and cure.

A row is a body of `f(x, n)`, the code, the line within the function, the column, what was found, and
what to write instead.
"""

from __future__ import annotations

from typing import Any

import pytest

import morula
from sources import made

LAST = (
    "where `{0}` is only read, capture its last value, as a default argument `{0}={0}` or under a "
    "name that is bound once; else return its new value"
)
PRELUDE = """
import collections, copy, dataclasses, functools, itertools, math, random
import numpy as np
from dataclasses import dataclass
from typing import Any

LOG = []
BOOK = {}

class Plain:
    def __init__(self, a):
        self.a = a

@dataclass
class Rec:
    a: Any = 0.0

@dataclass(frozen=True)
class Fro:
    a: Any = 0.0

def helper(x):
    return x

def gen(n):
    yield from range(n)

def f(x, n):
"""

Row = tuple[str, str, int, int, str, str]
# fmt: off
ROWS: list[Row] = [
    ('try: x = 1/x\nexcept ZeroDivisionError: x = 0.0', 'E01', 1, 5, 'a `try` statement', 'test for the condition with `if` before'),
    ('with open("f") as h: x = 1.0', 'E01', 1, 5, 'a `with` statement', 'open what is needed outside, and pass the numbers in'),
    ('yield x', 'E01', 1, 5, 'a `yield`', 'return a tuple, or write the loop where the values are used'),
    ('class C: pass', 'E01', 1, 5, 'a class inside a function', 'define it at the top of the module'),
    ('del x', 'E01', 1, 5, 'a `del` statement', 'leave it out'),
    ('a, *b = range(n)', 'E01', 1, 5, 'unpacking with a star over a range whose bounds are known at run time only', 'write a `for` loop that adds up what you need, or use sum, max, min, any or all of it'),
    ('s = {x, 1.0}', 'E01', 1, 9, 'a set', 'write a tuple, and compare its elements'),
    ('s = ""\nfor i in range(n): s += "a"\nreturn x if s == "aa" else 0.0', 'E08', 2, 5, 'a loop whose values change their type on every turn', 'carry numbers, or tuples of one length'),
    ('s = str(x) + "a"\nreturn len(s)', 'E03', 2, 12, 'the length of a string made at run time', 'take that of a tuple or array'),
    ('return helper(**BOOK)', 'E03', 1, 12, 'helper: no value for `x`', 'pass one value for each'),
    ('async def h(): pass', 'E01', 1, 5, 'a coroutine', 'write a plain `def`'),
    ('return x < 2j', 'E03', 1, 12, '`<` on a complex number', 'compare or divide their absolute values, or their parts: `z.real`'),
    ('return b"a"[0]', 'E01', 1, 12, 'a bytes object', 'pass the numbers in'),
    ('import math', 'E01', 1, 5, 'an `import` inside a function', 'import at the top of the module'),
    ('return eval("x")', 'E02', 1, 12, '`eval`', 'write the expression out'),
    ('return float(input())', 'E02', 1, 18, '`input`', 'read it outside, and pass the number in'),
    ('h = open("f")', 'E02', 1, 9, '`open`', 'read the file outside, and pass the numbers in'),
    ('return isinstance(x, list[int])', 'E03', 1, 26, 'an item of the function list', 'index a tuple or an array'),
    ('r = [len]\nfor i in range(n): r.append(abs)\nreturn r[0](x)', 'E05', 2, 5, 'a list or dict that grows from turn to turn', 'write into the rows of an array, or keep what is needed in variables'),
    ('d = {}\nfor i in range(n): d[i] = x\nreturn d[0]', 'E01', 2, 24, 'an int as a key of a dict', 'use constant keys, or a tuple that is indexed by an int'),
    ('d = {x: 1.0}\nreturn d[x]', 'E01', 1, 9, 'a float as a key of a dict', 'use constant keys, or a tuple that is indexed by an int'),
    ('t = (1.0, 2.0, 3.0)\nreturn sum(t[0:n])', 'E01', 2, 16, 'a slice of a tuple by numbers known at run time only', 'write the bounds as literals'),
    ('return hash(x)', 'E02', 1, 12, '`hash`', 'compare the values themselves'),
    ('return id(x)', 'E02', 1, 12, '`id`', 'compare with `is`, or keep a number of your own'),
    ('return Plain(x).a', 'E01', 1, 12, 'a call of the class `Plain`', 'decorate it with `@dataclass`'),
    ('return random.random()', 'E02', 1, 12, '`random.random`', 'draw the numbers outside, and pass them in'),
    ('return np.random.rand()', 'E02', 1, 12, '`numpy.random.rand`', 'draw the numbers outside, and pass them in'),
    ('LOG.append(x)\nreturn x', 'E01', 1, 5, '`LOG`, which is a list', 'use a tuple of numbers, or a 1-D array of float64'),
    ('helper.calls = 1\nreturn x', 'E01', 1, 5, 'a write to the attribute `calls` of the function helper', 'use a dataclass, or one variable for each value'),
    ('return x.is_integer()', 'E02', 1, 12, 'the attribute `is_integer` of a float', 'use the value itself'),
    ('return math.foo(x)', 'E02', 1, 12, '`math.foo`', 'write `floor`'),
    ('return next(iter((1.0, 2.0)))', 'E02', 1, 17, '`iter`', 'loop over the sequence itself'),
    ('t = tuple(i*x for i in range(n))\nreturn t[0]', 'E01', 1, 9, 'tuple over a list', 'write a `for` loop that adds up what you need, or use sum, max, min, any or all of it'),
    ('return "%f" % x', 'E03', 1, 12, "`%` on '%f' and a float", 'write an f-string: `f"{x}"`'),
    ('return itertools.chain((1.0,), (x,))', 'E02', 1, 12, '`itertools.chain`', 'write the loops out, or a comprehension'),
    ('return collections.deque((x,))', 'E02', 1, 12, '`collections.deque`', 'keep the last few values in variables of their own'),
    ('return copy.deepcopy(Rec(x)).a', 'E02', 1, 12, '`copy.deepcopy`', 'write `dataclasses.replace(r)` for a record, `list(a)`, `dict(a)`'),
    ('return Fro(x).__dict__["a"]', 'E02', 1, 12, 'the attribute `__dict__` of a Fro', 'add it to the class'),
    ('f = Fro(x); f.a = 2.0; return f.a', 'E01', 1, 17, 'a write to `a` of a Fro, which is frozen', 'make a new one: `dataclasses.replace(...)`'),
    ('return Rec(x).b', 'E02', 1, 12, 'the attribute `b` of a Rec', 'add it to the class'),
    ('r = Rec(x); r.b = 1.0; return r.b', 'E02', 1, 17, 'a write to `b` of a Rec', 'write one of these, or add the field to the class'),
    ('return Rec(x, 2.0).a', 'E03', 1, 12, 'Rec: 2 arguments', 'pass one value for each'),
    ('return x[0]', 'E03', 1, 12, 'an item of a float', 'index a tuple or an array'),
    ('return x()', 'E02', 1, 12, 'a call of a float', 'call a function: one with source, or one of math and NumPy'),
    ('for i in x: pass', 'E01', 1, 5, 'a loop over a float', 'loop over `range(n)`'),
    ('return range(x)', 'E06', 1, 12, 'a float as an argument of range', 'convert it: `int(x)`, or `//`'),
    ('return x << 1', 'E06', 1, 12, '`<<` on a float', 'convert it: `int(x)`'),
    ('return x @ x', 'E03', 1, 12, '`@` on a float and a float', 'write `a * b`, or a loop'),
    ('return "a" + x', 'E03', 1, 12, "`+` on 'a' and a float", 'write an f-string: `f"{x}"`'),
    ('return (1.0,) + x', 'E03', 1, 12, '`+` on a tuple (a float) and a float', 'write `(*t, x)`'),
    ('return np.zeros(2, dtype="c8")', 'E03', 1, 12, 'the dtype c8', 'write `float`, `int`, `bool`, or `np.float32` and the like'),
    ('t = ()\nfor i in range(n): t = t + (x,)\nreturn t[0]', 'E07', 2, 5, '`t`: tuples of ever more elements', 'keep what is needed later in a fixed number of variables, or in a record of its own class'),
    ('t = x\nfor i in range(n): t = (t,)\nreturn t[0]', 'E08', 2, 5, 'a tuple that holds tuples like itself, ever deeper', 'make it a NamedTuple or a frozen dataclass, whose fields may hold its own class'),
    ('def go(k, then):\n    if k == 0: return then(1.0)\n    a = x * k\n    g = lambda r: then(r * a)\n    a = a + 1.0\n    return go(k - 1, g)\nreturn go(n, lambda r: r)', 'E08', 6, 16, '8 calls of `f.go` inside each other, each with larger types', LAST.format("a")),
    ('def more(p, c):\n    def g(y): return p(y) * c\n    c = c * x\n    return g\nh = lambda y: y\nfor i in range(n): h = more(h, x + i)\nreturn h(x)', 'E08', 2, 9, '`f.more.g` holds others like itself, each with a variable `c` of its own that changes', LAST.format("c")),
    ('raise', 'E01', 1, 5, 'a bare `raise`', 'say which exception: `raise ValueError(...)`'),
    ('raise ValueError from TypeError', 'E01', 1, 27, '`raise ... from`', 'leave out `from`'),
    ('@functools.lru_cache\ndef h(a): return a\nreturn h(x)', 'E01', 1, 6, 'a decorator on a nested function', 'call it: `g = decorator(g)`'),
    ('return f"{x:{n}}"', 'E01', 1, 12, 'a format that is computed', 'write the format out: `{x:.3f}`'),
    ('exec("x = 1")', 'E02', 1, 5, '`exec`', 'write the statements out'),
    ('return locals()["x"]', 'E02', 1, 12, '`locals`', 'pass what is needed as an argument'),
    ('return vars(Rec(x))["a"]', 'E02', 1, 12, '`vars`', 'name the fields'),
    ('return getattr(Rec(x), "a" + str(n))', 'E01', 1, 12, 'getattr with a string made at run time as the name', 'write the name as a string'),
    ('return super().foo', 'E01', 1, 12, 'super of a float', 'write `super().method(...)` in a method of a dataclass'),
    ('return ...', 'E01', 1, 12, 'an ellipsis', 'write `pass`, or the indices'),
    ('return set()', 'E02', 1, 12, '`set`', 'write a tuple, and compare its elements'),
    ('return bytes(3)', 'E02', 1, 12, '`bytes`', 'pass the numbers in'),
    ('return int(complex(x, 1))', 'E03', 1, 12, 'a complex number as an argument of int', 'pass a part of it: `z.real`, `z.imag` or `abs(z)`'),
    ('return x.hex()', 'E02', 1, 12, 'the attribute `hex` of a float', 'use the value itself'),
    ('return "a".join(("b", "c")) + x', 'E02', 1, 12, "the attribute `join` of 'a'", 'use the value itself'),
    ('return Rec(x) < Rec(1.0)', 'E03', 1, 12, '`<` on a Rec and a Rec', 'give the class a method `__lt__`, or decorate it with `@dataclass(order=True)`'),
    ('return Rec(x) + 1.0', 'E03', 1, 12, '`+` on a Rec and a float', 'give the class a method `__add__`'),
    ('return helper', 'E01', 0, 1, 'a result that is the function helper', 'call the function inside, and return its result'),
    ('return Rec', 'E01', 0, 1, 'a result that is the class Rec', 'call the function inside, and return its result'),
]
# fmt: on


def written(body: str) -> Any:
    text = PRELUDE + "".join(f"    {line}\n" for line in [*body.splitlines(), "return x"])
    return made("f", text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].splitlines()[0][:40])
def test_refusal(row: Row) -> None:
    body, code, line, col, found, instead = row
    f = written(body)
    with pytest.raises(morula.Error) as caught:
        morula.jit(f)(1.5, 3)
    error = caught.value
    top = PRELUDE.count("\n")
    assert (error.code, error.line, error.col) == (code, top + line, col)
    assert (error.found, error.instead) == (found, instead)
    assert error.why and "^" in str(error)


def test_each_has_its_own_words() -> None:
    words = [(found, instead) for *_, found, instead in ROWS]
    assert len(set(words)) == len(words) > 60
