"""Instances: one typed function for each (function, types of captures and arguments, cells).

Cells that the captures and arguments reach are numbered in order of reach, so the key says which
of them are the same; their contents are parameters, and results where the call changes them.  Cells
that the call makes and its result reaches are results, too.

Recursion: result types are a least fixpoint.  A call of an instance without a result yet ends its
path; if the result grows, the body runs again.  Keys that differ only in static numbers are joined
at once, others when the function stands at least twice on the stack; then the upper one starts
again with the joined key (`Restart`).
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ...ir.core import Function, Literal, Module, Operand, Record
from ...ir.structure import Tree
from ...ir.types import BOOL, Array, Type
from .. import prelude
from ..lower import Lowered
from ..resolve import Path
from . import bodies, making, readings, references
from .boxes import Held, settled
from .cells import reached
from .headers import Kind
from .joins import Disagree, Endless, coerce, join
from .lending import Lent, given_back, lent, settle
from .values import (
    AV,
    Dead,
    Label,
    T,
    all_dynamic,
    build,
    cells_in,
    dynamic,
    floats_dynamic,
    leaf_types,
    named_leaves,
    renamed,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame

PRELUDE = os.path.dirname(prelude.__file__)
TWICE = 2  # a function that stands so often on the stack has its keys joined
STATICS = 24  # with more instances than this, static numbers of a function become dynamic
MOST = 64
GROWING = 8  # so many calls inside each other with ever larger types have no end


class Key(NamedTuple):
    callee: T
    args: tuple[T, ...]
    contents: tuple[T, ...]

    @property
    def label(self) -> tuple[Any, ...]:
        """Which function it is, whatever it captures: words, and the function at the bottom."""
        out: list[Any] = []
        t = self.callee
        while t.kind in ("derivative", "custom", "entry", "opened", "partial") and t.kids:
            out += (t.kind, t.info)
            t = t.kids[0]
        return (*out, t.kind, t.info)


class Linked(NamedTuple):
    """A pullback made by an earlier call from Python: what its box holds, and the function that
    runs it on those fields, as captures, and the cotangents."""

    record: Record
    fn: str


@dataclass(eq=False)
class Instance:
    """A typed function being made, or made."""

    key: Key
    name: str
    result: T | None = None
    written: dict[int, T] = field(default_factory=dict)
    fresh: list[T] = field(default_factory=list)
    fresh_names: dict[Kind, Any] = field(default_factory=dict)  # of those, by where they stand
    hidden: dict[str, T] = field(default_factory=dict)
    names: list[list[str]] = field(default_factory=list)  # of the leaves of each argument
    iterates: bool = False  # the result is an iterator
    used: bool = False
    done: bool = False
    deps: set[Instance] = field(default_factory=set)
    memo: dict[Any, Any] = field(default_factory=dict)

    def signature(self) -> Any:
        return self.result, dict(self.written), list(self.fresh), list(self.hidden)

    def result_types(self) -> list[Type]:
        out: list[Type] = []
        for t in [self.result, *self.written.values(), *self.fresh]:
            out += leaf_types(t) if t else []
        return out


class Restart(Exception):
    """Start an instance on the stack again with the key that it has been joined to."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance


class Program:
    """All instances of one compilation, and what they are made from."""

    def __init__(
        self,
        functions: dict[str, Function],
        lowered: Lowered,
        hidden_trees: Mapping[str, Tree],
        linked: Mapping[str, Linked],
    ) -> None:
        self.functions, self.lowered = functions, lowered
        self.hidden_trees, self.linked = hidden_trees, linked
        self.module = Module()
        self.wrapper: str | None = None  # an entry that only applies grad, vjp, ... to a function
        self.paths: dict[str, Path] = {}  # of hidden numbers that no global holds
        self.instances: dict[Key, Instance] = {}
        self.alias: dict[Key, Key] = {}
        self.stack: list[Instance] = []
        self.taken: set[str] = set()
        self.unbound: dict[Any, str] = {}  # reads of names that no path binds, by place
        self.records: dict[tuple[str, tuple[str, ...]], str] = {}
        self.counts: dict[Any, int] = {}
        self.boxes: dict[Any, Held] = {}  # kinds of values that hold themselves
        self.narrow = False  # there are arrays of float32 or of small ints
        self.growing = False  # lists that begin empty are growable
        self.mutable: set[type] = set()  # classes whose records are written somewhere

    def free_name(self, name: str) -> str:
        k, out = 1, name
        while out in self.taken:
            k += 1
            out = f"{name}.{k}"
        self.taken.add(out)
        return out

    def path(self, name: str) -> Path:
        """Where a hidden parameter is read."""
        return self.paths[name] if name in self.paths else self.lowered.paths[name]


class Target(NamedTuple):
    """A resolved callee: the instance, what is passed to it, the caller's cells it reaches."""

    instance: Instance
    captures: list[Operand]
    params: list[Operand]
    cells: list[Any]
    lent: Lent

    def written(self) -> set[Any]:
        """The caller's cells that the call changes."""
        return {self.cells[k] for k in self.instance.written}


def target(f: Frame, callee: AV, args: list[AV]) -> Target:
    """The instance for a call, made if need be."""
    (callee, *args), of = lent(f, [callee, *[settled(f, a) for a in args]])
    order = reached(f, [callee, *args])
    numbers = {c: ("p", k) for k, c in enumerate(order)}
    callee = renamed(callee, numbers)
    args = [renamed(a, numbers) for a in args]
    contents = [renamed(f.store[c], numbers) for c in order]
    key = Key(
        floats_dynamic(typ(callee)),
        tuple([floats_dynamic(typ(a)) for a in args]),
        tuple([dynamic(typ(c)) for c in contents]),
    )
    instance = resolve(f, key)
    captures = coerce(f, callee, instance.key.callee)
    for c, t in zip(contents, instance.key.contents, strict=True):
        captures += coerce(f, c, t)
    for name, t in instance.hidden.items():
        captures += coerce(f, hidden(f, name, t), t)
    params: list[Operand] = []
    for a, t in zip(args, instance.key.args, strict=True):
        params += coerce(f, a, t)
    return Target(instance, captures, params, order, of)


def resolve(f: Frame, key: Key) -> Instance:
    """Find, join or make the instance of a key, and specialise it."""
    program = f.program
    while True:
        key = chased(program, key)
        instance = program.instances.get(key)
        if instance is None:
            instance = widened(f, key)
            if instance is None and generalised(program, key):
                continue
            instance = instance or made(f, key)
        if instance.done or instance in program.stack:
            break
        try:
            making.specialise(f, instance)
            break
        except Restart as r:
            while program.stack and program.stack[-1] is not r.instance:
                abandoned(program, program.stack.pop())
            if r.instance is not instance:
                raise
            abandoned(program, program.stack.pop())
    depend(program, instance)
    return instance


def depend(program: Program, instance: Instance) -> None:
    """The caller's result rests on that of an unfinished instance."""
    if not instance.done:
        instance.used = True
    if program.stack:
        top = program.stack[-1]
        if not instance.done:
            top.deps.add(instance)
        top.deps |= {d for d in instance.deps if d is not top and d in program.stack}


def unfinished(program: Program, instance: Instance) -> bool:
    """Whether an instance is being made, or rests on one that is."""
    return instance in program.stack or any(d in program.stack for d in instance.deps)


def chased(program: Program, key: Key) -> Key:
    while key in program.alias:
        key = program.alias[key]
    return key


def abandoned(program: Program, instance: Instance) -> None:
    """Forget an instance, and those that were made resting on it."""
    resting = [i for i in program.instances.values() if instance in i.deps]
    for i in [instance, *[i for i in resting if i not in program.stack]]:
        program.instances.pop(i.key, None)
        program.taken.discard(i.name)


def made(f: Frame, key: Key) -> Instance:
    program = f.program
    count = program.counts[key.label] = program.counts.get(key.label, 0) + 1
    if count > MOST and not is_ours(program, key):
        raise unbounded(f, key, f"more than {MOST} forms of the function {{}}")
    name = bodies.base_name(key.callee)
    if name == program.wrapper and key.callee.kind == "fn":
        name = f"{name}.entry"
    instance = Instance(key, program.free_name(name))
    program.instances[key] = instance
    return instance


def is_ours(program: Program, key: Key) -> bool:
    """Whether a function is one of the prelude's, whose recursions end with the rank: it has as
    many forms as the program has uses of it, and the axes among its static numbers stay such."""
    last = key.label[-1]
    if not isinstance(last, Label) or not (loc := program.functions[last.fn].loc):
        return False
    return os.path.dirname(loc[0].file) == PRELUDE


def generalised(program: Program, key: Key) -> bool:
    """A function with many instances takes its static numbers as parameters from then on."""
    wide = all_dynamic_key(key)
    if program.counts.get(key.label, 0) < STATICS or wide == key or is_ours(program, key):
        return False
    program.alias[key] = wide
    return True


def all_dynamic_key(key: Key) -> Key:
    return Key(all_dynamic(key.callee), tuple([all_dynamic(t) for t in key.args]), key.contents)


def unbounded(f: Frame, key: Key, found: str) -> Exception:
    found = found.format(f"`{bodies.base_name(key.callee)}`")
    anew = references.anew(f.program.functions, [key.callee, *key.args])
    if anew is not None:
        fn, name = anew
        why = f"each call makes a variable `{name}` of its own that changes, and `{fn}` captures it"
        return f.error("E08", found, why, references.instead(name))
    why = "each call gives it arguments or captured values of yet another type"
    return f.error("E08", found, why, KEEP if any(holds_cell(t) for t in key.args) else SAME)


SAME = "let the recursion pass values of the same types each time"
KEEP = "a function or record among them sees a variable change: keep its value in a new name"


def holds_cell(t: T) -> bool:
    return any(True for _ in cells_in(t))


def size(key: Key) -> int:
    """How many nodes the types of a key have, and how many axes the arrays in it."""
    return nodes(key.callee, *key.args, contents=key.contents)


def nodes(*types: T, contents: Sequence[T] = ()) -> int:
    held = {("p", k): t for k, t in enumerate(contents)}
    count, work = 0, list(types)
    while work:
        t = work.pop()
        count += 1
        if t.kind == "view":
            count += len(t.info[1])
            continue
        array = held.get(t.info, t) if t.kind == "cell" else t
        if array.kind == "array" and isinstance(array.leaves[0], Array):
            count += array.leaves[0].rank
        work.extend(t.kids)
    return count


def widened(f: Frame, key: Key) -> Instance | None:
    """An instance on the stack that serves the key, or restarts with the join of both."""
    program = f.program
    same_label = [u for u in program.stack if u.key.label == key.label]
    if same_label and all(nodes(key.callee) < nodes(u.key.callee) for u in same_label):
        return None  # ever smaller captures come to an end: D(D(f)) calls D(f) calls f
    if len(same_label) >= GROWING and all(
        size(u.key) < size(v.key)
        for u, v in zip(same_label[-GROWING:], same_label[1 - GROWING :], strict=False)
    ):
        raise unbounded(
            f, key, f"{GROWING} calls of {{}} inside each other, each with larger types"
        )
    for up in reversed(same_label):
        statics_only = all_dynamic_key(up.key) == all_dynamic_key(key)
        if len(same_label) < TWICE and not statics_only:
            continue
        joined = joined_key(up.key, key)
        if joined is None:
            continue
        if joined == up.key:
            program.alias[key] = joined
            return up
        program.alias[up.key] = joined
        if key != joined:
            program.alias[key] = joined
        raise Restart(up)
    return None


def joined_key(a: Key, b: Key) -> Key | None:
    """The join of two keys of one function; None: they stay apart."""
    if size(b) < size(a):
        return None  # a recursion that takes its argument apart ends by itself
    if len(a.args) != len(b.args) or len(a.contents) != len(b.contents):
        return None
    try:
        out = Key(
            join(a.callee, b.callee),
            tuple([join(x, y) for x, y in zip(a.args, b.args, strict=True)]),
            tuple([join(x, y) for x, y in zip(a.contents, b.contents, strict=True)]),
        )
    except (Disagree, Endless):
        return None
    mine, theirs = [[list(cells_in(t)) for t in (k.callee, *k.args)] for k in (a, b)]
    return out if mine == theirs or unclear(out) <= max(unclear(a), unclear(b)) else None


def unclear(key: Key) -> int:
    """How many references in the arguments of a key may mean one of several cells."""
    count, work = 0, [key.callee, *key.args]
    while work:
        t = work.pop()
        count += t.kind == "sum" and sum(k.kind == "cell" for k in t.kids) > 1
        work.extend(t.kids)
    return count


def hidden(f: Frame, name: str, t: T) -> AV:
    """A global that is a parameter of every function that reads it."""
    if name not in f.hidden:
        leaves = [
            f.b.param(x, n) for x, n in zip(leaf_types(t), named_leaves(t, name), strict=True)
        ]
        for v in leaves:
            f.b.home[v] = 0
            if isinstance(v.type, Array) and v.type.strided:
                f.strided.append(v)
        f.hidden[name] = build(t, iter(leaves))
        f.instance.hidden[name] = t
    return f.hidden[name]


# ---- calling one --------------------------------------------------------------------------------


def call(f: Frame, callee: AV, args: list[AV]) -> AV:
    """A direct call of an instance."""
    t = target(f, callee, args)
    instance = t.instance
    groups = (len(t.captures), len(t.params))
    leaves = f.results(
        "call",
        t.captures + t.params,
        instance.result_types(),
        {"fn": instance.name},
        (),
        (),
        groups,
    )
    return finished(f, t, iter(leaves))


def finished(f: Frame, t: Target, leaves: Iterator[Operand]) -> AV:
    """The result of a call from its leaves; the caller's cells are updated."""
    instance = t.instance
    if instance.result is None:
        # it never returns: it raises, or calls itself for ever
        f.check(Literal(False, BOOL), "RecursionError", "maximum recursion depth exceeded")
        raise Dead
    back: dict[Any, Any] = {("p", k): c for k, c in enumerate(t.cells)}
    for j in range(len(instance.fresh)):
        f.cells += 1
        back["f", j] = ("c", f.cells)
    result = renamed(build(instance.result, leaves), back)
    cells: dict[Any, AV] = {}
    for k, kind in instance.written.items():
        cells[t.cells[k]] = renamed(build(kind, leaves), back)
    for j, kind in enumerate(instance.fresh):
        cells[back["f", j]] = renamed(build(kind, leaves), back)
    for c, a in cells.items():
        f.store[c] = given_back(f, a, t.lent)
    result = given_back(f, result, t.lent)
    settle(f, t.lent, set(cells))
    return readings.made(f, result) if instance.iterates else result
