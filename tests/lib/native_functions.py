"""Native functions written by hand, in LLVM text of the ABI that `backend.emit` has, and callables
made of them.
"""

from __future__ import annotations

from collections.abc import Callable as Function
from typing import Any

from morula.backend import call, machine, runtime
from morula.backend.call import Input
from morula.backend.callable_type import Callable
from morula.backend.traceback import Failures
from morula.backend.unbox import Position
from morula.backend.writer import CheckSite
from morula.ir.core import Site
from morula.ir.structure import Constant, Leaf, Tree
from morula.ir.types import BOOL, F64, I64, Array

FLOAT, INT, TRUTH, NONE = Leaf(F64), Leaf(I64), Leaf(BOOL), Constant(None)
ARRAY, STRIDED = Leaf(Array(F64, 1)), Leaf(Array(F64, 1, strided=True))
METADATA = '!0 = !{!"branch_weights", i32 2000, i32 1}\n'


def native(name: str, results: str, params: str, body: str) -> str:
    """Text of a typed function; RET in the body is its result type."""
    kind = "{ " + ", ".join(["i32", *results.split()]) + " }"
    head = f'define internal fastcc {kind} @"f.{name}"(ptr noalias %ctx{params}) {{\n'
    return head + body.replace("RET", kind) + "\n}\n"


def giving(*words: str) -> str:
    """Return these words, each with its type, with status 0."""
    lines, last = [], "zeroinitializer"
    for k, w in enumerate(words):
        lines.append(f"%out{k} = insertvalue RET {last}, {w}, {k + 1}")
        last = f"%out{k}"
    return "\n".join([*lines, f"ret RET {last}"])


SITE = f"getelementptr inbounds {runtime.CTX}, ptr %ctx, i32 0, i32 {runtime.FIELDS['site']}"
LIMIT = (
    f"getelementptr inbounds {runtime.CTX}, ptr %ctx, i32 0, i32 {runtime.FIELDS['stack_limit']}"
)

SQUARE = native("f", "double", ", double %x", "%y = fmul double %x, %x\n" + giving("double %y"))
DOUBLE = native("f", "i64", ", i64 %x", "%y = shl i64 %x, 1\n" + giving("i64 %y"))
NOT = native("f", "i1", ", i1 %x", "%y = xor i1 %x, true\n" + giving("i1 %y"))
NOTHING = native("f", "", ", double %x", "ret RET zeroinitializer")
SWAP = native(
    "f", "i64 double i1", ", double %x, i64 %n, i1 %b", giving("i64 %n", "double %x", "i1 %b")
)
LENGTH = native("f", "i64", ", ptr %p, i64 %n", giving("i64 %n"))
SECOND = native(
    "f",
    "double",
    ", ptr %p, i64 %n, i64 %stride",
    "%at = getelementptr double, ptr %p, i64 %stride\n%y = load double, ptr %at\n"
    + giving("double %y"),
)
COPY = native(
    "f",
    "ptr i64",
    ", ptr %p, i64 %n",
    "%q = call ptr @morula.alloc(ptr %ctx, i64 %n, i64 8)\n%bytes = shl i64 %n, 3\n"
    "call void @llvm.memcpy.p0.p0.i64(ptr %q, ptr %p, i64 %bytes, i1 false)\n"
    + giving("ptr %q", "i64 %n"),
)
RECIPROCAL = native(
    "f",
    "double",
    ", double %x",
    f"""%ok = fcmp une double %x, 0.0
br i1 %ok, label %fine, label %bad
bad:
%at = {SITE}
store i64 0, ptr %at
ret RET {{ i32 1, double 0.0 }}
fine:
%y = fdiv double 1.0, %x
"""
    + giving("double %y"),
)
DEEP = native(
    "f",
    "i64",
    ", i64 %n",
    f"""%here = call ptr @llvm.addressofreturnaddress.p0()
%address = ptrtoint ptr %here to i64
%limit.at = {LIMIT}
%limit = load i64, ptr %limit.at
%deep = icmp ult i64 %address, %limit
br i1 %deep, label %bad, label %fine
bad:
%at = {SITE}
store i64 1, ptr %at
ret RET {{ i32 1, i64 0 }}
fine:
%end = icmp sle i64 %n, 0
br i1 %end, label %leaf, label %go
leaf:
ret RET zeroinitializer
go:
%m = sub i64 %n, 1
%r = call fastcc RET @"f.f"(ptr %ctx, i64 %m)
%status = extractvalue RET %r, 0
%good = icmp eq i32 %status, 0
br i1 %good, label %add, label %fail
fail:
ret RET %r
add:
%v = extractvalue RET %r, 1
%y = add i64 %v, 1
call void asm sideeffect "", "r"(i64 %y)
"""
    + giving("i64 %y"),
)
SPIN = native(
    "f",
    "double",
    ", double %x",
    """br label %loop
loop:
%s = call i32 @PyErr_CheckSignals()
%quiet = icmp eq i32 %s, 0
br i1 %quiet, label %loop, label %raised
raised:
ret RET { i32 2, double 0.0 }""",
)


def here(line: int) -> Site:
    return Site(__file__, line, 5)


def innermost(x: float) -> float:
    return 1.0 / x


def outer(x: float) -> float:
    return innermost(x) + 1.0


LOC = (here(innermost.__code__.co_firstlineno + 1), here(outer.__code__.co_firstlineno + 1))
SITES = (
    CheckSite("ZeroDivisionError", "float division by zero", LOC, "innermost"),
    CheckSite("RecursionError", "maximum recursion depth exceeded", (LOC[0],), "innermost"),
)


class Slow:
    """A fallback that remembers what it was called with."""

    def __init__(self, then: Function[..., Any] | None = None) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.then = then

    def __call__(self, me: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        return self.then(me, *args, **kwargs) if self.then else "slow"


def add(target: Any, text: str, inputs: list[Input], result: Tree) -> None:
    """Compile a function named f and put it at the head of the chain."""
    whole = runtime.PRELUDE + runtime.FUNCTIONS + text + METADATA
    arena, stack = call.needs(whole)
    made = call.vectorcall("f.f", inputs, result, Failures(SITES), arena=arena, stack=stack)

    code = machine.compile(made.joined(whole), (made.symbol,), made.symbols())
    target.prepend(code.addresses[made.symbol], (code, made))


def positions(*trees: Tree) -> list[Input]:
    return [Input(Position(k), t) for k, t in enumerate(trees)]


def make(text: str, args: tuple[Tree, ...], result: Tree, slow: Slow | None = None) -> Any:
    target = Callable(outer, slow or Slow())
    add(target, text, positions(*args), result)
    return target
