"""Runs typed stages (`typed` to `memory`) as they stand; generic ones go to `generic.run_generic`.

    run(module, "f", 2.0, 3)        one result, or the tuple of all result leaves

This is the meaning of the IR, not a fast way to run it.  A function becomes straight segments of
steps over one list of slots, joined by jumps; so neither deep nesting nor deep recursion of the
program uses Python's stack.

At stages before `memory` arrays are values: every array is made read-only, so an op that writes
where it must not raises.  `memory` is honoured: what stands `in %v` is written into v's buffer,
`release` fills what was allocated since its mark with NaN and a later use is a `Trap`.  So is
every broken promise: a `get` outside its array, an `{exact}` op that overflows, `unreachable`.
A wrong pass is seen, not hidden.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .arithmetic import I64_MAX, I64_MIN
from .core import DERIVATIVES, Block, Function, Loop, Module, Op, Value, walk
from .ops import ENDS
from .slots import Buffer, Env, Slots, Step, Trap, dtype, frozen
from .steps import step as single
from .types import BOOL, C128, F64, I64, NONE, Array, Box, List, Scalar

__all__ = ["Trap", "run"]

DEEPEST = 20_000  # interpreted calls; then RecursionError, as Python has it
PLACED = frozenset({"mark", "release", "copy"})

Derive = Callable[..., Any]


class _Segment:
    """Steps, then `leave`: the next segment, a call, or the tuple of returned values."""

    __slots__ = ("steps", "leave")
    leave: Callable[[Env], Any]

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def goto(self, target: _Segment) -> None:
        self.leave = lambda env: target


class _Call:
    """A call: which function, what it gets, where its results go, what follows."""

    __slots__ = ("name", "sources", "receive", "after")

    def __init__(
        self,
        name: str,
        sources: list[int],
        receive: Callable[[Env, Sequence[Any]], None],
        after: _Segment,
    ) -> None:
        self.name, self.sources, self.receive, self.after = name, sources, receive, after


class _Code:
    """A function ready to run."""

    __slots__ = ("start", "inputs", "template")

    def __init__(self, start: _Segment, inputs: list[int], template: Env) -> None:
        self.start, self.inputs, self.template = start, inputs, template

    def enter(self, machine: _Machine, values: Sequence[Any]) -> Env:
        env = self.template.copy()
        env[0] = machine
        for slot, value in zip(self.inputs, values, strict=True):
            env[slot] = value
        return env


class _Machine:
    """One run: the module, what differentiates, what the arena holds."""

    __slots__ = ("module", "derive", "memory", "arena")

    def __init__(self, module: Module, derive: Derive | None) -> None:
        self.module, self.derive = module, derive
        self.memory = any(map(_is_placed, module.functions.values()))
        self.arena: list[Any] = []

    def code(self, name: str) -> _Code:
        f = self.module.functions.get(name)
        if f is None:
            raise ValueError(f"no function @{name}; there are {_names(self.module)}")
        known = _codes.setdefault(f, {})
        if self.memory not in known:
            known[self.memory] = _Compiler(f, self.memory).compile()
        return known[self.memory]

    def execute(self, name: str, values: Sequence[Any]) -> tuple[Any, ...]:
        frames: list[tuple[_Call, Env]] = []
        code = self.code(name)
        env, segment = code.enter(self, values), code.start
        while True:
            for step in segment.steps:
                step(env)
            target = segment.leave(env)
            if type(target) is _Segment:
                segment = target
            elif type(target) is _Call:
                if len(frames) >= DEEPEST:
                    raise RecursionError("maximum recursion depth exceeded")
                frames.append((target, env))
                code = self.code(target.name)
                env, segment = code.enter(self, [env[s] for s in target.sources]), code.start
            elif frames:
                call, env = frames.pop()
                call.receive(env, target)
                segment = call.after
            else:
                returned: tuple[Any, ...] = target
                return returned


_codes: WeakKeyDictionary[Function, dict[bool, _Code]] = WeakKeyDictionary()
_placed: WeakKeyDictionary[Function, bool] = WeakKeyDictionary()


def run(
    module: Module,
    name: str,
    *args: Any,
    globals: Mapping[str, Any] | None = None,
    derive: Derive | None = None,
    captures: Sequence[Any] = (),
) -> Any:
    """Runs function `name` (`@name` too) on leaves: floats, ints, bools, arrays, boxes.

    `derive(op, module, values)` gives the list of results of a `vjp`, `jvp` or `pull` op; what a
    generic module calls is said in `generic`.
    """
    name = name.removeprefix("@")
    f = module.functions.get(name)
    if f is None:
        raise ValueError(f"no function @{name}; there are {_names(module)}")
    if f.results is None:
        from .generic import run_generic

        return run_generic(module, name, args, captures, globals, derive)
    machine = _Machine(module, derive)
    for what, given, wanted in (("captures", captures, f.captures), ("arguments", args, f.params)):
        if len(given) != len(wanted):
            raise TypeError(f"@{name} takes {len(wanted)} {what}, not {len(given)}")
    values = [_admit(x, v, machine) for x, v in zip((*captures, *args), f.inputs, strict=True)]
    results = [_release(x, machine) for x in machine.execute(name, values)]
    return results[0] if len(results) == 1 else tuple(results)


def _names(module: Module) -> str:
    return ", ".join("@" + n for n in module.functions) or "none"


def _is_placed(f: Function) -> bool:
    """Whether a function has passed stage `memory`."""
    known = _placed.get(f)
    if known is None:
        known = any(v.place is not None for v in f.inputs) or any(
            op.opcode in PLACED
            or any(v.place is not None for v in op.results)
            or any(v.place is not None for r in op.regions for v in r.params)
            for op in walk(f.body)
        )
        _placed[f] = known
    return known


# ---- the border -------------------------------------------------------------------------------


def _admit(x: Any, v: Value, machine: _Machine) -> Any:
    """An argument as the value of its type."""
    t = v.type
    match t:
        case Scalar() if t == F64 and isinstance(x, (float, int, np.floating, np.integer)):
            return float(x)
        case Scalar() if t == C128 and isinstance(x, (complex, float, int, np.number)):
            return complex(x)
        case Scalar() if t == I64 and isinstance(x, (int, np.integer)):
            if I64_MIN <= x <= I64_MAX:
                return int(x)
            raise OverflowError(f"%{v.name}: int too large for 64 bits")
        case Scalar() if t == BOOL and isinstance(x, (bool, np.bool_)):
            return bool(x)
        case Scalar() if t == NONE and x is None:
            return None
        case Array() if isinstance(x, np.ndarray) and x.ndim == t.rank and x.dtype == dtype(t.elem):
            if not t.strided and not x.flags.c_contiguous:
                raise TypeError(f"%{v.name}: {t} is contiguous, the argument is not")
            return x if machine.memory else frozen(x.view())
        case Array() if x is None:  # null: what an untaken arm yields for a saved array
            return None
        case Box() | List():
            return x
    raise TypeError(f"%{v.name}: {t} cannot be {x!r}")


def _release(x: Any, machine: _Machine) -> Any:
    """A result as the caller gets it: an array of its own, or the buffer that `memory` says."""
    if isinstance(x, np.ndarray):
        if not machine.memory:
            return x.copy()
        return x.view(np.ndarray) if isinstance(x, Buffer) else x
    return x


# ---- from ops to steps ------------------------------------------------------------------------


class _Compiler(Slots):
    """Turns one function into segments; a list of pending blocks stands for recursion."""

    def __init__(self, f: Function, memory: bool) -> None:
        super().__init__(f.name, memory)
        self.body, self.inputs = f.body, f.inputs
        self.pending: list[tuple[Block, _Segment, Callable[[Op, _Segment], None]]] = []

    def compile(self) -> _Code:
        start = _Segment()
        inputs = [self.slot(v) for v in self.inputs]
        self.pending.append((self.body, start, self.returned))
        while self.pending:
            self.block(*self.pending.pop())
        return _Code(start, inputs, self.template)

    def block(
        self, block: Block, segment: _Segment, finish: Callable[[Op, _Segment], None]
    ) -> None:
        parts = {"call": self.call, "if": self.branch, "for": self.count, "while": self.loop}
        for op in block.ops:
            if self.memory:
                self.guard(op, segment)
            if op.opcode == "unreachable":
                segment.leave = self.unreachable(op)
            elif op.opcode in ENDS:
                finish(op, segment)
            elif op.opcode in parts:
                after = _Segment()
                parts[op.opcode](op, segment, after)
                segment = after
            else:
                made = self.derivative(op) if op.opcode in DERIVATIVES else single(self, op)
                segment.steps.append(made)

    def guard(self, op: Op, segment: _Segment) -> None:
        """Traps a use of what a `release` has ended."""
        slots = [self.slot(v) for v in op.operands if isinstance(v.type, (Array, Box, List))]

        def alive(env: Env) -> None:
            for s in slots:
                if getattr(env[s], "dead", False):
                    raise self.trap(op, "uses what has been released")

        if slots:
            segment.steps.append(alive)

    # ---- control ----

    def returned(self, op: Op, segment: _Segment) -> None:
        sources = self.sources(op.operands)
        segment.leave = lambda env: tuple([env[s] for s in sources])

    def unreachable(self, op: Op) -> Callable[[Env], Any]:
        def leave(env: Env) -> Any:
            raise self.trap(op, "was reached")

        return leave

    def call(self, op: Op, segment: _Segment, after: _Segment) -> None:
        site = _Call(op.attrs["fn"], self.sources(op.operands), self.receiver(op.results), after)
        segment.leave = lambda env: site

    def branch(self, op: Op, segment: _Segment, after: _Segment) -> None:
        test, yes, no = self.slot(op.operands[0]), _Segment(), _Segment()
        segment.leave = lambda env: yes if env[test] else no

        def finish(end: Op, arm: _Segment) -> None:
            arm.steps.append(self.move(end.operands, op.results))
            arm.goto(after)

        self.pending += [(r, s, finish) for r, s in zip(op.regions, (yes, no), strict=True)]

    def loop(self, op: Op, segment: _Segment, after: _Segment) -> None:
        loop = Loop(op)
        head, body = _Segment(), _Segment()
        ys, trips = self.spare(), self.spare()
        sources, width = self.sources(loop.ys), len(loop.ys)

        def begin(env: Env) -> None:
            env[ys], env[trips] = [[] for _ in range(width)], 0

        def collect(env: Env) -> None:
            env[trips] += 1
            for history, s in zip(env[ys], sources, strict=True):
                history.append(env[s])

        def tested(end: Op, last: _Segment) -> None:
            test = self.slot(end.operands[0])
            last.leave = lambda env: body if env[test] else after

        def again(end: Op, last: _Segment) -> None:
            last.steps += [collect, self.move(loop.next, loop.carries)]
            last.goto(head)

        segment.steps += [self.move(loop.inits, loop.carries), begin]
        segment.goto(head)
        after.steps.append(self.move(loop.carries, loop.results))
        after.steps += self.histories(loop, ys)
        if loop.trips is not None:
            count = self.slot(loop.trips)
            after.steps.append(lambda env: operator.setitem(env, count, env[trips]))
        self.pending += [(op.regions[0], head, tested), (op.regions[1], body, again)]

    def count(self, op: Op, segment: _Segment, after: _Segment) -> None:
        loop = Loop(op)
        head, body = _Segment(), _Segment()
        span, left, at, ys = self.spare(), self.spare(), self.spare(), self.spare()
        low, high, step = self.sources(loop.bounds)
        each, elements = self.sources(loop.each), self.sources(loop.elements)
        sources, width = self.sources(loop.ys), len(loop.ys)
        assert loop.index is not None
        index, order = self.slot(loop.index), reversed if loop.reversed else iter

        def begin(env: Env) -> None:
            r = range(env[low], env[high], env[step])
            env[span], env[left] = r, order(range(len(r)))
            env[ys] = [[None] * len(r) for _ in range(width)]
            if r and any(env[s] is None or len(env[s]) < len(r) for s in each):
                raise self.trap(op, "has fewer elements than trips")

        def enter(env: Env) -> _Segment:
            k = next(env[left], None)
            if k is None:
                return after
            env[at], env[index] = k, env[span][k]
            for s, e in zip(each, elements, strict=True):
                xs = env[s]
                env[e] = xs.item(k) if isinstance(xs, np.ndarray) else xs[k]
            return body

        def again(end: Op, last: _Segment) -> None:
            def collect(env: Env) -> None:
                for history, s in zip(env[ys], sources, strict=True):
                    history[env[at]] = env[s]

            last.steps += [collect] if sources else []
            last.steps.append(self.move(loop.next, loop.carries))
            last.goto(head)

        segment.steps += [self.move(loop.inits, loop.carries), begin]
        segment.goto(head)
        head.leave = enter
        after.steps.append(self.move(loop.carries, loop.results))
        after.steps += self.histories(loop, ys)
        self.pending.append((loop.body, body, again))

    def histories(self, loop: Loop, ys: int) -> list[Step]:
        """What the iterations handed out, as arrays or lists."""

        def history(k: int, v: Value) -> Step:
            slot, keep, t = self.slot(v), self.fresh(v), v.type

            def step(env: Env) -> None:
                items = env[ys][k]
                made = np.array(items, dtype(t.elem)) if isinstance(t, Array) else items
                env[slot] = keep(env, made)

            return step

        return [history(k, v) for k, v in enumerate(loop.histories)]

    def derivative(self, op: Op) -> Step:
        sources, receive = self.sources(op.operands), self.receiver(op.results)

        def step(env: Env) -> None:
            machine: _Machine = env[0]
            if machine.derive is None:
                raise ValueError(f"{op.opcode} runs before stage `ad` only with derive=")
            receive(env, machine.derive(op, machine.module, [env[s] for s in sources]))

        return step
