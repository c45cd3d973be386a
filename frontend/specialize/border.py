"""`specialize`: a module of stage `closed` and the structure of its arguments, to stage `typed`.

    fn @f(%x, %n) {                       fn @f(%x: f64, %n: i64) -> f64 {
      %0 = gt %n, 0                         %0: bool = gt %n, 0
      %1 = if %0 {                          %1: f64 = if %0 {
        yield %x               becomes        yield %x
      } else {                              } else {
        yield 0                               yield 0.0
      }                                     }
      return %1                             return %1
    }                                     }

It runs the program on abstract values, once for each function and types of arguments, and writes
down what it does.  Right because each typed op does what Python's operator does on values of those
types, or has a `check` before it that raises what Python raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...ir.core import Function, Module, Op, reached, walk
from ...ir.structure import Aliases, Constant, Leaf, Tree, Updated
from ...ir.structure import leaf_types as tree_types
from ..closures import closures
from ..depth import deep
from ..errors import Error
from ..lower import Lowered
from ..resolve import Path, follow
from . import custom
from .boxes import AGAIN, Again, Held, noted
from .frame import Frame
from .instances import Instance, Key, Linked, Program, resolve
from .joins import Recursive
from .narrow import narrow_types
from .returned import returned
from .trees import Boxes, Entering, contiguous, tree_of, tree_of_value, type_of_tree
from .values import (
    UNDEFINED,
    Label,
    Mutated,
    Narrowed,
    T,
    Viewed,
    describe,
    leaf_types,
    static,
    typ,
)
from .vectors import Grown
from .views import View


@dataclass(frozen=True)
class Hidden:
    """A parameter that the caller does not see: a captured number or array, or a global one."""

    name: str
    path: Path  # where it is read at each call (see `frontend/resolve.py`)
    tree: Tree


@dataclass(frozen=True)
class Entry:
    """Stage `typed`: the module, its first function, and how Python values map to its leaves.

    The leaves of `hidden`, in order, are the captures of the function, those of `args` its
    parameters, those of `result` its results.
    """

    module: Module
    name: str
    args: tuple[Tree, ...]
    hidden: tuple[Hidden, ...]
    result: Tree


def specialize(
    lowered: Lowered,
    arg_trees: Sequence[Tree],
    *,
    closed: Module | None = None,
    hidden_trees: Mapping[str, Tree] | None = None,
    linked: Mapping[str, Linked] | None = None,
    aliases: Aliases = (),
) -> Entry:
    """Type the first function of the closed module for these arguments.

    `hidden_trees` names globals that are run-time parameters (numbers whose guard has failed,
    pullbacks) and may give the structure of captures; arrays become parameters by themselves.
    `linked` says how the pullbacks among them are called, `aliases` which arguments are one object.
    """
    if closed is None:
        closed = closures(lowered.module)
    mutable: set[type] = set()
    growing = narrow = False
    refused: Error | None = None
    held: dict[Any, Held] = {}
    grown = 0
    with deep():
        while True:
            program = Program(closed.functions, lowered, hidden_trees or {}, linked or {})
            program.mutable |= mutable
            program.growing, program.narrow = growing, narrow
            program.boxes = held
            try:
                return Border(program, closed.entry, arg_trees, aliases).entry()
            except Error as e:
                if refused is not None or growing or not appends(closed):
                    raise refused or e from None
                refused, growing = e, True  # perhaps since a list had too few lengths
            except Mutated as e:
                assert e.cls not in mutable, e.cls
                mutable.add(e.cls)
            except Narrowed:
                assert not narrow
                narrow = True
            except Grown:
                assert not growing
                growing = True
            except Viewed:
                assert View not in mutable
                mutable.add(View)  # from now on results are arrays of their own
            except (Recursive, Again) as e:
                grown += 1
                if grown > AGAIN:
                    raise endless(closed.entry) from None
                if isinstance(e, Recursive):
                    noted(held, e.kinds)


def appends(module: Module) -> bool:
    """Whether a program has a method that lets a list grow."""
    return any(
        op.opcode == "getattr" and op.attrs.get("name") in GROWING
        for f in module.functions.values()
        for op in walk(f.body)
    )


GROWING = frozenset({"append", "extend", "insert"})


def arrays_lent(instance: Instance, result: Updated) -> list[int]:
    """Which leaves of the arguments are arrays that the call writes: the caller lends those."""
    out: list[int] = []
    for way, kid in result.writes:
        if isinstance(kid, Leaf):
            at, *rest = way
            args = instance.key.args
            place, t = sum(len(leaf_types(a)) for a in args[:at]), args[at]
            for k in rest:
                place += len(t.leaves) + sum(len(leaf_types(a)) for a in t.kids[:k])
                t = t.kids[k]
            out.append(place)
    return out


def holds_view(t: T) -> bool:
    return t.kind in ("view", "element", "inner") or any(holds_view(k) for k in t.kids)


def holds_box(t: T) -> bool:
    return t.kind == "boxed" or any(holds_box(k) for k in t.kids)


def endless(fn: Function) -> Error:
    return Error(
        "E08",
        fn.loc,
        "a record or function that holds itself, in ever more types",
        "what holds itself has one list of types for its fields",
        "give each field values of one kind",
    )


class Border:
    """The first instance of a program, whose caller is Python."""

    def __init__(
        self, program: Program, fn: Function, trees: Sequence[Tree], aliases: Aliases = ()
    ) -> None:
        self.aliases = aliases
        self.program, self.fn = program, fn
        self.trees = self.completed(trees)
        self.captures = self.capture_trees()
        if np.ndarray in program.mutable:
            self.trees = tuple(map(contiguous, self.trees))
            self.captures = tuple(map(contiguous, self.captures))
        if narrow_types(x for t in (*self.trees, *self.captures) for x in tree_types(t)):
            program.narrow = True
        entering = Entering(program.boxes, program.module, self.trees)
        self.types = tuple([entering.type(t) for t in self.trees])
        if fn.name not in program.lowered.python:
            program.wrapper = fn.name

    def completed(self, trees: Sequence[Tree]) -> tuple[Tree, ...]:
        """One tree for each parameter; defaults stand for those that are missing."""
        params = self.fn.params
        defaults = self.fn.attrs.get("defaults", ())
        missing = len(params) - len(trees)
        if missing < 0 or missing > len(defaults):
            raise Error(
                "E03",
                self.fn.loc,
                f"{len(trees)} arguments for {self.fn.name}",
                f"its parameters are ({', '.join(v.name for v in params)})",
                "pass one value for each",
            )
        rest = defaults[len(defaults) - missing :]
        return (*trees, *[tree_of(typ(static(d))) for d in rest])

    def capture_trees(self) -> tuple[Tree, ...]:
        program, lowered = self.program, self.program.lowered
        out: list[Tree] = []
        for v, path in zip(self.fn.captures, lowered.hidden, strict=True):
            tree = program.hidden_trees.get(v.name)
            out.append(tree or tree_of_value(follow(path, lowered.entry), v.name, self.fn.loc))
        return tuple(out)

    def entry(self) -> Entry:
        program, fn = self.program, self.fn
        kids = tuple([type_of_tree(t) for t in self.captures])
        callee = T("fn", Label(fn.name, len(kids)), kids)
        if program.mutable:
            callee = T("entry", (self.aliases, "nothing"), (callee,))
        key = Key(callee, self.types, ())
        caller = Frame(program, Instance(key, ""), None, UNDEFINED)
        caller.loc = fn.loc
        instance = resolve(caller, key)
        if np.ndarray not in program.mutable:
            if returned(program.module.functions, instance.name):
                raise Mutated(np.ndarray)
        if instance.result is None and program.unbound:
            loc, name = next(iter(program.unbound.items()))
            raise Error(
                "E04",
                loc,
                f"the name `{name}`",
                "no path to here binds it",
                "bind it before it is read",
            )
        custom.complete(program, caller, instance.name)
        result = self.result_tree(instance)
        name = self.outermost(instance)
        if isinstance(result, Updated) and (lent := arrays_lent(instance, result)):
            f = program.module.functions[name]
            places = tuple([len(f.captures) + k for k in lent])
            program.module.functions[name] = f.but(attrs={**f.attrs, "writes": places})
        hidden = [
            Hidden(v.name, path, tree)
            for v, path, tree in zip(
                fn.captures, program.lowered.hidden, self.captures, strict=True
            )
        ]
        hidden += [Hidden(n, program.path(n), tree_of(t)) for n, t in instance.hidden.items()]
        module = self.collected(name)
        return Entry(module, name, self.arg_trees(instance), tuple(hidden), result)

    def arg_trees(self, instance: Instance) -> tuple[Tree, ...]:
        """The structures of the arguments as the instance takes them: a recursion may have joined
        their types with others, and what comes in boxes is as the boxes are in the end."""
        boxes = Boxes(self.program.boxes)
        rows = zip(self.trees, self.types, instance.key.args, strict=True)
        try:
            return tuple(
                [tree if t == u and not holds_box(t) else tree_of(u, boxes) for tree, t, u in rows]
            )
        except TypeError:
            raise Error(
                "E01",
                self.fn.loc,
                "an argument of a class that holds itself, in objects of which the program puts "
                "functions, too",
                "all objects of such a class have fields of the same types, and Python's have none",
                "make these objects of a class of their own",
            ) from None

    def result_tree(self, instance: Instance) -> Tree:
        t = instance.result
        if t is None:
            return Constant(None)
        if holds_view(t):
            raise Viewed
        try:
            tree = tree_of(t, Boxes(self.program.boxes))
        except TypeError:
            raise Error(
                "E01",
                self.fn.loc,
                f"a result that is {describe(t)}",
                "a compiled function hands numbers, tuples, arrays and pullbacks to Python",
                "call the function inside, and return its result",
            ) from None
        return replace(tree, aliases=self.aliases) if isinstance(tree, Updated) else tree

    def outermost(self, instance: Instance) -> str:
        """The function that Python calls: one to which a wrapper only hands on stands for it."""
        program = self.program
        functions = program.module.functions
        f = functions[instance.name]
        if program.wrapper is None:
            return instance.name
        if len(f.body.ops) == 2 and f.body.ops[0].opcode == "call":
            call: Op = f.body.ops[0]
            inner = functions[call.attrs["fn"]]
            handed_on = call.operands == f.inputs and f.body.outs == call.results
            if handed_on and len(inner.captures) == len(f.captures):
                return inner.name
        del functions[f.name]
        name = program.free_name(program.wrapper)
        functions[name] = f.but(name=name)
        return name

    def collected(self, name: str) -> Module:
        """The functions that the entry reaches, the entry first, and the records of their boxes."""
        made = self.program.module
        out = Module()
        for n in reached(made, name, rules=True):
            out.add(made.functions[n])
        for r in made.records.values():
            if r.pullback is None or r.pullback in out.functions:
                out.records[r.name] = r
        for n, link in self.program.linked.items():
            out.records[n] = link.record
        return out
