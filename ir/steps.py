"""Single ops as steps of the interpreter: what the op table means, and what it leaves to code.

A step takes the slots and writes its results there.  Ops whose promise is broken trap: an index
outside its array, an `{exact}` op that overflows, a null box opened.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from . import ops
from .arithmetic import I64_MAX, I64_MIN
from .core import Op
from .errors import exception_named
from .printer import describe, location_text
from .slots import Env, Slots, Step, dtype, poison, same_buffer
from .types import BOOL, C128, F64, I64, NONE, Array, Scalar

LARGEST = 1 << 44  # more elements than any machine holds


def step(s: Slots, op: Op) -> Step:
    """The step of an op that neither calls nor has regions."""
    special = STEPS.get(op.opcode)
    if special is not None:
        return special(s, op)
    if op.opcode not in ops.TABLE or ops.TABLE[op.opcode].meaning is None:
        raise ValueError(f"@{s.name}: typed stages have no {describe(op)}")
    return scalar(s, op)


def raise_check(error: str, text: str, op: Op) -> None:
    """Raises an exception by name; `loc` and a note tell where."""
    kind = exception_named(error) or RuntimeError
    raised = kind(*([text] if text else []))
    raised.loc = op.loc  # type: ignore[attr-defined]
    if op.loc:
        raised.add_note(location_text(op.loc, ""))
    raise raised


def run_types(s: Slots, op: Op, *types: Any) -> None:
    """Refuses scalars whose arithmetic is not written yet."""
    for t in types:
        if isinstance(t, Scalar) and t not in (F64, I64, BOOL, C128, NONE):
            raise NotImplementedError(f"@{s.name}: {describe(op)}: {t} is not run yet")


# ---- numbers ----------------------------------------------------------------------------------


def scalar(s: Slots, op: Op) -> Step:
    """An op of the table on numbers (and `select`, `is_null` on anything)."""
    t = op.results[0].type
    run_types(s, op, t, *(v.type for v in op.operands))
    meaning, target = ops.TABLE[op.opcode].meaning, s.slot(op.results[0])
    assert meaning is not None
    sources = s.sources(op.operands)
    if t == I64 and op.opcode != "select":
        return integer(s, op, meaning, sources, target)
    if len(sources) == 1:
        a = sources[0]

        def unary(env: Env) -> None:
            env[target] = meaning(env[a])

        return unary
    if len(sources) == 2:
        a, b = sources

        def binary(env: Env) -> None:
            env[target] = meaning(env[a], env[b])

        return binary

    def general(env: Env) -> None:
        env[target] = meaning(*[env[k] for k in sources])

    return general


def integer(s: Slots, op: Op, meaning: Callable[..., Any], sources: list[int], target: int) -> Step:
    """An op with an i64 result: it tests itself."""
    exact = bool(op.attrs.get("exact"))

    def one(env: Env) -> None:
        try:
            value = meaning(*[env[k] for k in sources])
        except (ArithmeticError, ValueError) as error:
            raise s.trap(op, f"its check has not passed: {error}") from error
        if not (type(value) is int and I64_MIN <= value <= I64_MAX):
            if exact or type(value) is not int:
                raise s.trap(op, f"{value} is no i64")
            raise_check("OverflowError", ops.TOO_LARGE, op)
        env[target] = value

    return one


def convert(s: Slots, op: Op) -> Step:
    to = op.attrs["to"]
    run_types(s, op, to, op.operands[0].type)
    source, target = s.slot(op.operands[0]), s.slot(op.results[0])

    def one(env: Env) -> None:
        try:
            value = ops.convert(env[source], to)
        except (ArithmeticError, ValueError) as error:
            raise s.trap(op, f"its check has not passed: {error}") from error
        if to == I64 and not I64_MIN <= value <= I64_MAX:
            raise s.trap(op, f"its check has not passed: {value} is no i64")
        env[target] = value

    return one


def check(s: Slots, op: Op) -> Step:
    ok, error, text = s.slot(op.operands[0]), op.attrs["error"], op.attrs["text"]
    shown = [s.slot(v) for v in op.operands[1:]]

    def one(env: Env) -> None:
        if not env[ok]:
            says = text.format(*[env[k] for k in shown]) if shown else text
            raise_check(error, says, op)

    return one


def print_(s: Slots, op: Op) -> Step:
    text, shown = op.attrs["text"], [s.slot(v) for v in op.operands]

    def one(env: Env) -> None:
        print(text.format(*[env[k] for k in shown]), end="")

    return one


# ---- arrays -----------------------------------------------------------------------------------


def inside(s: Slots, op: Op, at: tuple[int, ...], x: Any) -> None:
    if len(at) != x.ndim or not all(map(operator.lt, at, x.shape)) or min(at, default=0) < 0:
        raise s.trap(op, f"index {at} of shape {x.shape}: its check has not passed")


def get(s: Slots, op: Op) -> Step:
    array, *index = s.sources(op.operands)
    target = s.slot(op.results[0])

    def one(env: Env) -> None:
        x, at = env[array], tuple([env[k] for k in index])
        inside(s, op, at, x)
        env[target] = x.item(at)

    return one


def update(s: Slots, op: Op) -> Step:
    """`set` and `add_at`: on a copy, or in the buffer that the place names."""
    array, *index, value = s.sources(op.operands)
    result, adds = op.results[0], op.opcode == "add_at"
    target, keep, place = s.slot(result), s.fresh(result), s.place(result)

    def one(env: Env) -> None:
        x, at = env[array], tuple([env[k] for k in index])
        inside(s, op, at, x)
        y = env[place] if place else x.copy()
        if place and not same_buffer(x, y):
            y[...] = x
        y[at] = y[at] + env[value] if adds else ops.narrowed(env[value], y.dtype)
        env[target] = y if place else keep(env, y)

    return one


def fit(s: Slots, op: Op) -> Step:
    source, target, to = s.slot(op.operands[0]), s.slot(op.results[0]), op.attrs["to"]
    return lambda env: operator.setitem(env, target, ops.fit(env[source], to))


def made(s: Slots, op: Op, make: Callable[..., Any]) -> Step:
    """An op that makes an array, list or box anew, or puts it where the place says."""
    sources, result = s.sources(op.operands), op.results[0]
    target, keep, place = s.slot(result), s.fresh(result), s.place(result)

    def one(env: Env) -> None:
        value = make(*[env[k] for k in sources])
        if place and isinstance(value, np.ndarray):
            env[place][...] = value
            env[target] = env[place]
        else:
            env[target] = keep(env, value)

    return one


def accum(s: Slots, op: Op) -> Step:
    t = op.results[0].type
    run_types(s, op, t)
    if isinstance(t, Scalar):
        return scalar(s, op)

    def make(x: Any, y: Any) -> Any:
        # null is zero: the other one is handed on, as a value of its own
        value = ops.accum(x, y)
        shared = isinstance(value, np.ndarray) and (value is x or value is y)
        return value.copy() if shared else value

    return made(s, op, make)


def gemm(s: Slots, op: Op) -> Step:
    transposed = op.attrs.get("transposed", "")
    return made(s, op, lambda c, a, b: ops.gemm(c, a, b, transposed))


def zeros(s: Slots, op: Op) -> Step:
    t = op.results[0].type
    assert isinstance(t, Array)
    kind = dtype(t.elem)

    def make(*dims: int) -> Any:
        if min(dims, default=0) < 0:
            raise s.trap(op, f"a negative length in {dims}")
        if math.prod(dims) > LARGEST:  # where NumPy has a ValueError
            raise MemoryError("out of memory")
        return np.zeros(dims, kind)

    return made(s, op, make)


def length(s: Slots, op: Op) -> Step:
    source, target = s.slot(op.operands[0]), s.slot(op.results[0])
    axis = op.attrs.get("axis", 0)

    def one(env: Env) -> None:
        x = env[source]  # of a list, an array or null
        env[target] = int(x.shape[axis]) if isinstance(x, np.ndarray) else len(x or ())

    return one


# ---- boxes and placement ----------------------------------------------------------------------


def null(s: Slots, op: Op) -> Step:
    target = s.slot(op.results[0])
    return lambda env: operator.setitem(env, target, None)


def unbox(s: Slots, op: Op) -> Step:
    source, receive = s.slot(op.operands[0]), s.receiver(op.results)

    def one(env: Env) -> None:
        if env[source] is None:
            raise s.trap(op, "the box is null")
        receive(env, env[source])

    return one


def mark(s: Slots, op: Op) -> Step:
    target = s.slot(op.results[0])
    return lambda env: operator.setitem(env, target, len(env[0].arena))


def release(s: Slots, op: Op) -> Step:
    marked = s.slot(op.operands[0])

    def one(env: Env) -> None:
        arena: list[Any] = env[0].arena
        if env[marked] > len(arena):
            raise s.trap(op, "the mark itself has been released")
        for x in arena[env[marked] :]:
            poison(x)
        del arena[env[marked] :]

    return one


STEPS: dict[str, Callable[[Slots, Op], Step]] = {
    "convert": convert,
    "fit": fit,
    "check": check,
    "print": print_,
    "get": get,
    "set": update,
    "add_at": update,
    "accum": accum,
    "gemm": gemm,
    "zeros": zeros,
    "zeros_like": lambda s, op: made(s, op, ops.zeros_like),
    "copy": lambda s, op: made(s, op, lambda x: None if x is None else x.copy()),  # null
    "len": length,
    "box": lambda s, op: made(s, op, lambda *fields: fields),
    "null": null,
    "unbox": unbox,
    "mark": mark,
    "release": release,
}
