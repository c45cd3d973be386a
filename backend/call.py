"""The vectorcall function of one specialisation, as LLVM text.

It stands in the same module as the typed function that it calls, so that LLVM inlines one into
the other.  What it does, in order:

1. guards: no keywords, so many arguments, each exactly of its structure (`unbox`); a mismatch
   tail-calls the next function of the callable's chain, whose last is `fallback`.  The chain is a
   table that the callable points to, and the upper half of `nargsf`, 0 in a call from outside,
   counts how far it has come: so one piece of code may stand in the chains of many callables.
2. a context on the stack; it takes the warm chunk of memory of the last call from the pool, a word
   that is touched only with the GIL held.  A nested call finds the pool empty and makes its own.
3. the call; a status other than 0 raises in a cold block: the exception of the check that failed,
   or what a signal handler has raised already.
4. boxing of the results (`box`), then the arena's memory goes back to the pool.
"""

from __future__ import annotations

import ctypes
import importlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..ir.structure import Tree, leaf_types
from . import runtime
from .box import box, gives
from .callable_type import CHAIN, POSITION
from .layout import all_words, quote, result_type
from .text import FOOTER, TYPE, Text
from .unbox import Fixed, Position, Source, fetch, takes, unbox

SIGNATURE = "ptr %self, ptr %args, i64 %nargsf, ptr %kwnames"
_CTX = "{ ptr, ptr, ptr, i64, i64, i64, ptr }"  # the layout of %morula.ctx
_FAILED = 1


@dataclass(frozen=True)
class Input:
    """Where an argument of the typed function comes from, and its structure.

    Without a source only the caller of `invoke` can fetch it, and there is no vectorcall function.
    """

    source: Source | None
    tree: Tree


@dataclass
class Wrapper:
    """Text to be compiled with a typed function, and the objects that it names."""

    symbol: str
    text: str
    declares: frozenset[str]
    objects: dict[str, object] = field(default_factory=dict)

    def joined(self, text: str) -> str:
        """The whole module's text: `text` is that of the typed function, with its declarations."""
        have = set(re.findall(r'^declare [^@\n]*@("[^"]*"|[\w.$]+)\(', text, re.M))
        new = [d for d in sorted(self.declares) if d.split("@")[1].split("(")[0] not in have]
        return "\n".join([text, *new, "", self.text])

    def symbols(self) -> dict[str, int]:
        """The addresses that loading the code binds its symbols to."""
        found = {name: id(o) for name, o in self.objects.items()}
        found |= {"morula.pool": ctypes.addressof(_pool), "morula.stack_limit": id(stack_limit)}
        if "PyArray_NewFromDescr" in self.text:
            found["PyArray_NewFromDescr"] = _new_array()
        return found


def fits(inputs: Sequence[Input], result: Tree) -> bool:
    """Whether native code can take such arguments and give such a result; else use `invoke`."""
    return all(i.source is not None and takes(i.tree) for i in inputs) and gives(result)


def needs(text: str) -> tuple[bool, bool]:
    """Whether an emitted text may allocate, and whether it may recurse."""
    own = runtime.PRELUDE + runtime.FUNCTIONS
    arena = ("@morula.alloc(", "@morula.grow(", "@morula.regrow(")
    stack = ("@llvm.addressofreturnaddress",)
    return (
        any(text.count(n) > own.count(n) for n in arena),
        any(text.count(n) > own.count(n) for n in stack),
    )


def vectorcall(
    name: str,
    inputs: Sequence[Input],
    result: Tree,
    failure: Callable[[int], BaseException],
    *,
    arena: bool = True,
    stack: bool = True,
) -> Wrapper:
    """The vectorcall function of the typed function `name`.

    `inputs` are in the order of its captures and parameters.  `failure` makes the exception of a
    failed check.  `arena`: it may allocate; `stack`: it may recurse; without, a call is cheaper.
    """
    symbol = f"vectorcall.{name}"
    text = Text()
    text.objects[f"{symbol}.failure"] = failure
    words, held = _arguments(text, symbol, inputs)
    ctx = _enter(text, symbol, arena, stack)
    out = result_type(leaf_types(result))
    joined = ", ".join([f"ptr {ctx}", *words])
    returned = text.op(f"call fastcc {out} {quote(name)}({joined})", "returned")
    status = text.op(f"extractvalue {out} {returned}, 0", "status")
    text.guard(text.op(f"icmp eq i32 {status}, 0"), "failed")
    leaves = [
        text.op(f"extractvalue {out} {returned}, {k + 1}")
        for k in range(len(all_words(leaf_types(result))))
    ]
    made = box(text, result, leaves, "unboxed")
    _leave(text, ctx, arena, held)
    text.do(f"ret ptr {made}")
    _failed(text, symbol, ctx, status, arena, held)
    return _finish(text, symbol, arena, stack)


def _arguments(text: Text, symbol: str, inputs: Sequence[Input]) -> tuple[list[str], list[str]]:
    """Guards and unboxing.  Also the objects that no caller holds, kept alive for the call."""
    count = sum(isinstance(i.source, Position) for i in inputs)
    number = text.op(f"and i64 %nargsf, {(1 << POSITION) - 1}")
    right = text.op(f"icmp eq i64 {number}, {count}")
    plain = text.op("icmp eq ptr %kwnames, null")
    text.guard(text.op(f"and i1 {right}, {plain}"), "miss")
    words: list[str] = []
    held: list[str] = []
    for k, i in enumerate(inputs):
        key = f"{symbol}.{k}"
        assert i.source is not None, "see `fits`"
        obj = fetch(text, i.source, key, "miss")
        words += unbox(text, obj, i.tree, key, "miss")
        if not isinstance(i.source, (Position, Fixed)) and any(
            w.startswith("ptr") for w in all_words(leaf_types(i.tree))
        ):
            held.append(obj)
    for obj in held:
        text.call("void", "Py_IncRef", f"ptr {obj}")
    return words, held


def _enter(text: Text, symbol: str, arena: bool, stack: bool) -> str:
    """The context of this call."""
    ctx = text.local(_CTX, "ctx")
    nowhere = "inttoptr (i64 64 to ptr)"  # an empty chunk that starts at no null pointer
    values = dict.fromkeys(("chunk", "reserve"), "ptr null")
    values |= {"cursor": f"ptr {nowhere}", "end": f"ptr {nowhere}", "site": "i64 0"}
    values["poll"] = f"i64 {runtime.POLL}"
    values["stack_limit"] = "i64 0"
    if stack:
        values["stack_limit"] = "i64 " + _stack(text, symbol)
    for name, value in values.items():
        text.do(f"store {value}, ptr {_part(text, ctx, name)}")
    if arena:
        text.do(f"call void @morula.borrow(ptr {ctx})")
    return ctx


def _part(text: Text, ctx: str, name: str) -> str:
    return text.op(
        f"getelementptr inbounds {_CTX}, ptr {ctx}, i32 0, i32 {runtime.FIELDS[name]}", "part"
    )


def _stack(text: Text, symbol: str) -> str:
    """The stack limit of the running thread, remembered for the thread seen last.

    The id of a thread state is never used again; the address of one may be.
    """
    thread = text.call("i64", "PyThreadState_GetID", f"ptr {text.call('ptr', 'PyThreadState_Get')}")
    known = text.op('load i64, ptr @"morula.stack"')
    hit, ask, go = text.fresh("known"), text.fresh("ask"), text.fresh("limit")
    text.branch(text.op(f"icmp eq i64 {thread}, {known}"), hit, ask)
    text.label(hit)
    limit = text.op('load i64, ptr getelementptr (i64, ptr @"morula.stack", i64 1)')
    text.do(f"br label %{go}")
    text.label(ask)
    asked = text.op(f"call i64 @morula.ask_limit(i64 {thread})")
    text.do(f"br label %{go}")
    text.label(go)
    return text.op(f"phi i64 [ {limit}, %{hit} ], [ {asked}, %{ask} ]")


def _leave(text: Text, ctx: str, arena: bool, held: list[str]) -> None:
    if arena:
        text.do(f"call void @morula.give_back(ptr {ctx})")
    for obj in held:
        text.call("void", "Py_DecRef", f"ptr {obj}")


def _failed(text: Text, symbol: str, ctx: str, status: str, arena: bool, held: list[str]) -> None:
    """The ends of the function where nothing is returned."""
    text.label("failed")
    raised, quiet = text.fresh("raise"), text.fresh("quiet")
    text.do(f"br i1 {text.op(f'icmp eq i32 {status}, {_FAILED}')}, label %{raised}, label %{quiet}")
    text.label(raised)
    site = text.op(f"load i64, ptr {_part(text, ctx, 'site')}")
    text.object(f"{symbol}.failure", text.objects[f"{symbol}.failure"])
    text.do(f"call void @morula.raise(i64 {site})")
    text.do(f"br label %{quiet}")
    text.label(quiet)
    _leave(text, ctx, arena, held)
    text.do("ret ptr null")
    text.label("unboxed")  # no memory for a result; the exception is set
    _leave(text, ctx, arena, held)
    text.do("ret ptr null")
    text.label("miss")
    step = text.op(f"add i64 %nargsf, {1 << POSITION}", "step")
    place = text.op(f"and i64 {text.op(f'lshr i64 {step}, {POSITION}')}, {(1 << 31) - 1}", "place")
    table = text.field("%self", CHAIN)
    next = text.op(f"load ptr, ptr {text.op(f'getelementptr ptr, ptr {table}, i64 {place}')}")
    given = SIGNATURE.replace("%nargsf", step)
    text.do(f"ret ptr {text.op(f'musttail call ptr (ptr, ptr, i64, ptr) {next}({given})')}")


def _finish(text: Text, symbol: str, arena: bool, stack: bool) -> Wrapper:
    """The function, the cold ones that it calls, and its symbols."""
    parts = [_RAISE.replace("FAILURE", f'@"{symbol}.failure"')]
    declares = set(text.declares) | set(_RAISE_DECLARES)
    if arena:
        parts.append(_ARENA)
        declares |= {"declare void @free(ptr)", "declare noalias ptr @malloc(i64)"}
    if stack:
        parts.append(_LIMIT)
        declares |= set(_LIMIT_DECLARES)
    # LLVM takes two globals for two places unless their type is empty; one object may have two
    outside = [f"{quote(n)} = external global {{}}" for n in (*text.objects, *sorted(text.globals))]
    head = f"define ptr {quote(symbol)}({SIGNATURE}) {{\nstart:"
    lines = [*outside, "", head, text.body(), "}", "", *parts, FOOTER]
    return Wrapper(symbol, "\n".join(lines), frozenset(declares), text.objects)


_RAISE_DECLARES = (
    "declare ptr @PyLong_FromLongLong(i64)",
    "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "declare void @PyErr_SetObject(ptr, ptr)",
    "declare void @Py_DecRef(ptr)",
)
_RAISE = f"""\
; set the exception of a failed check
define internal void @morula.raise(i64 %site) noinline cold {{
  %argument = alloca ptr
  %number = call ptr @PyLong_FromLongLong(i64 %site)
  store ptr %number, ptr %argument
  %bad = icmp eq ptr %number, null
  br i1 %bad, label %done, label %make
make:
  %error = call ptr @PyObject_Vectorcall(ptr FAILURE, ptr %argument, i64 1, ptr null)
  call void @Py_DecRef(ptr %number)
  %none = icmp eq ptr %error, null
  br i1 %none, label %done, label %set
set:
  %type.at = getelementptr i8, ptr %error, i64 {TYPE}
  %type = load ptr, ptr %type.at
  call void @PyErr_SetObject(ptr %type, ptr %error)
  call void @Py_DecRef(ptr %error)
  br label %done
done:
  ret void
}}
"""

_LIMIT_DECLARES = (
    "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "declare ptr @PyThreadState_Get()",
    "declare i64 @PyThreadState_GetID(ptr)",
    "declare i64 @PyLong_AsLongLong(ptr)",
    "declare void @PyErr_Clear()",
    "declare void @Py_DecRef(ptr)",
)
_LIMIT = """\
@"morula.stack" = internal global [2 x i64] [i64 -1, i64 0]
@"morula.stack_limit" = external global {}

; the stack limit of a thread not seen last, 0 (no limit) where it cannot be had
define internal i64 @morula.ask_limit(i64 %thread) noinline cold {
  %answer = call ptr @PyObject_Vectorcall(ptr @"morula.stack_limit", ptr null, i64 0, ptr null)
  %none = icmp eq ptr %answer, null
  br i1 %none, label %fail, label %read
read:
  %limit = call i64 @PyLong_AsLongLong(ptr %answer)
  call void @Py_DecRef(ptr %answer)
  store i64 %thread, ptr @"morula.stack"
  store i64 %limit, ptr getelementptr (i64, ptr @"morula.stack", i64 1)
  ret i64 %limit
fail:
  call void @PyErr_Clear()
  ret i64 0
}
"""

_CHUNK = "{ ptr, ptr, i64 }"  # previous, malloc's pointer, bytes


def _at(name: str) -> str:
    return f"getelementptr inbounds {_CTX}, ptr %ctx, i32 0, i32 {runtime.FIELDS[name]}"


_ARENA = f"""\
@"morula.pool" = external global ptr

; start with the chunk that an earlier call has left
define internal void @morula.borrow(ptr noalias %ctx) alwaysinline {{
  %chunk = load ptr, ptr @"morula.pool"
  store ptr null, ptr @"morula.pool"
  %none = icmp eq ptr %chunk, null
  br i1 %none, label %done, label %take
take:
  %size.at = getelementptr {_CHUNK}, ptr %chunk, i32 0, i32 2
  %size = load i64, ptr %size.at
  %start = getelementptr i8, ptr %chunk, i64 {runtime.HEADER}
  %stop = getelementptr i8, ptr %start, i64 %size
  %chunk.at = {_at("chunk")}
  %cursor.at = {_at("cursor")}
  %end.at = {_at("end")}
  store ptr %chunk, ptr %chunk.at
  store ptr %start, ptr %cursor.at
  store ptr %stop, ptr %end.at
  br label %done
done:
  ret void
}}

; the usual case: one chunk, and the pool is empty
define internal void @morula.give_back(ptr noalias %ctx) alwaysinline {{
  %chunk.at = {_at("chunk")}
  %chunk = load ptr, ptr %chunk.at
  %reserve.at = {_at("reserve")}
  %reserve = load ptr, ptr %reserve.at
  %pooled = load ptr, ptr @"morula.pool"
  %no.chunk = icmp eq ptr %chunk, null
  %no.reserve = icmp eq ptr %reserve, null
  %empty = icmp eq ptr %pooled, null
  %easy = and i1 %no.reserve, %empty
  br i1 %no.chunk, label %hard.maybe, label %look
look:
  br i1 %easy, label %size, label %hard
size:
  %before = load ptr, ptr %chunk
  %single = icmp eq ptr %before, null
  %size.at = getelementptr {_CHUNK}, ptr %chunk, i32 0, i32 2
  %bytes = load i64, ptr %size.at
  %modest = icmp ule i64 %bytes, {runtime.WARM}
  %keep = and i1 %single, %modest
  br i1 %keep, label %put, label %hard
put:
  store ptr %chunk, ptr @"morula.pool"
  br label %done
hard.maybe:
  br i1 %no.reserve, label %done, label %hard
hard:
  call void @morula.settle(ptr %chunk, ptr %reserve)
  br label %done
done:
  ret void
}}

; free all chunks; leave one in the pool as large as all of them were, unless it has a larger one
define internal void @morula.settle(ptr %chunk, ptr %reserve) noinline cold {{
start:
  %none = icmp eq ptr %reserve, null
  br i1 %none, label %chain, label %both
both:
  store ptr %chunk, ptr %reserve
  br label %chain
chain:
  %first = phi ptr [ %chunk, %start ], [ %reserve, %both ]
  br label %next
next:
  %c = phi ptr [ %first, %chain ], [ %before, %drop ]
  %total = phi i64 [ 0, %chain ], [ %sum, %drop ]
  %end = icmp eq ptr %c, null
  br i1 %end, label %compare, label %drop
drop:
  %before = load ptr, ptr %c
  %size.at = getelementptr {_CHUNK}, ptr %c, i32 0, i32 2
  %size = load i64, ptr %size.at
  %sum = add i64 %total, %size
  %raw.at = getelementptr {_CHUNK}, ptr %c, i32 0, i32 1
  %raw = load ptr, ptr %raw.at
  call void @free(ptr %raw)
  br label %next
compare:
  %pooled = load ptr, ptr @"morula.pool"
  %empty = icmp eq ptr %pooled, null
  %modest = icmp ule i64 %total, {runtime.WARM}
  %worth = and i1 %empty, %modest
  br i1 %worth, label %make, label %done
make:
  %all = add i64 %total, {runtime.HEADER + 63}
  %fresh = call ptr @malloc(i64 %all)
  %failed = icmp eq ptr %fresh, null
  br i1 %failed, label %done, label %fill
fill:
  %number = ptrtoint ptr %fresh to i64
  %number.63 = add i64 %number, 63
  %aligned = and i64 %number.63, -64
  %shift = sub i64 %aligned, %number
  %new = getelementptr i8, ptr %fresh, i64 %shift
  store ptr null, ptr %new
  %new.raw = getelementptr {_CHUNK}, ptr %new, i32 0, i32 1
  store ptr %fresh, ptr %new.raw
  %new.size = getelementptr {_CHUNK}, ptr %new, i32 0, i32 2
  store i64 %total, ptr %new.size
  store ptr %new, ptr @"morula.pool"
  br label %done
done:
  ret void
}}
"""

_pool = ctypes.c_void_p(None)
_threads = threading.local()


def stack_limit() -> int:
    """`runtime.stack_limit` of this thread, looked up once: the main thread's takes a file."""
    limit: int | None = getattr(_threads, "limit", None)
    if limit is None:
        limit = _threads.limit = runtime.stack_limit()
    return limit


def _new_array() -> int:
    """Address of NumPy's PyArray_NewFromDescr."""
    core = "numpy._core" if np.lib.NumpyVersion(np.__version__) >= "2.0.0b1" else "numpy.core"
    capsule = importlib.import_module(core + "._multiarray_umath")._ARRAY_API
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    return int(table[94] or 0)
