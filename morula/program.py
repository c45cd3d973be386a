"""A compiled program: native code for one function and one structure of arguments.

Hidden arguments (numbers in closure cells, arrays of modules) are read at every call, along the
paths that the frontend noted.  What was taken as known, such as a global number or function, is
guarded in native code and here; where it has changed, `stale` names it and the caller compiles
anew.
"""

from __future__ import annotations

import functools
import itertools
import linecache
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import CellType, FunctionType, MethodType
from typing import Any
from weakref import WeakValueDictionary

from .backend.border import BorderError, classify
from .backend.bufferize import bufferize
from .backend.call import Input
from .backend.emit import emit
from .backend.invoke import Native, invoke
from .backend.specialisation import Specialisation
from .backend.unbox import Cell, Global, Position, Source
from .frontend.errors import Error
from .frontend.prelude.calling import within
from .frontend.resolve import Path, follow, is_data, is_number, key_of, library_name
from .ir.builder import Builder
from .ir.core import Function, Module, Operand, Site, literal, zero_literal
from .ir.ops import record_types
from .ir.structure import (
    Constant,
    PullbackTree,
    Record,
    Sum,
    Tree,
    Tuple,
    Updated,
    cotangent_tree,
    leaf_types,
    merged,
)
from .ir.types import Array, Box, Scalar, Type
from .pipeline import Compilation
from .transforms.clean import clean

EXPORTED: dict[str, Program] = {}  # the programs whose pullbacks Python holds, by record
INTERPRETED: WeakValueDictionary[str, Any] = WeakValueDictionary()  # those not of native code
_numbers = itertools.count(1)


class Program:
    """Compiles in its constructor; `call` and `install` run it."""

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        c = compilation
        for name in c.shown:
            c.stage(name)
        entry, lowered = c.stage("typed"), c.stage("ssa")
        emitted = c.stage("llvm")
        function = c.target.function
        self.hidden: list[tuple[Path, Tree]] = [(h.path, h.tree) for h in entry.hidden]
        run_time = {key_of(h.path) for h in entry.hidden}
        self.guards: list[tuple[str, Path, Any]] = [
            (name, path, lowered.globals[name])
            for name, path in lowered.paths.items()
            if path and key_of(path) not in run_time and library_name(lowered.globals[name]) is None
        ]
        self.guards += [("", path, value) for path, value in lowered.library.values()]
        self.result = exported(entry.result, self)
        self.pulls: dict[str, tuple[str, Native]] = {}
        inputs = [Input(source(path, function), tree) for path, tree in self.hidden]
        inputs += [Input(Position(k), tree) for k, tree in enumerate(entry.args)]
        inputs += [Input(source(path, function), Constant(value)) for _, path, value in self.guards]
        self.specialisation = Specialisation(
            emitted,
            entry.name,
            inputs,
            self.result,
            module=c.to_differentiate() if any(pullbacks_in([self.result])) else None,
            pull=self.pull,
            refuse=lambda error: refused(error, function, "the pullback of "),
        )
        self.specialisation.native.first = len(self.hidden)
        self.function = function
        native = all(i.source is not None for i in inputs)
        bound = any(isinstance(i.source, Cell) for i in inputs)  # to the cells of one function
        self.serves = "none" if not native else "one" if bound else "all"

    def call(self, function: FunctionType, args: Sequence[Any]) -> Any:
        """The result for these arguments; hidden ones are read now."""
        hidden = [follow(path, function) for path, _ in self.hidden]
        known = [value for _, _, value in self.guards]
        try:
            return invoke(self.specialisation.native, [*hidden, *args, *known])
        except BorderError as error:
            raise refused(error, function) from None

    def install(self, callable: Any, function: FunctionType) -> None:
        """Put the native code at the head of a callable's chain, if it can serve this one."""
        if self.serves == "all" or (self.serves == "one" and function is self.function):
            self.specialisation.install(callable)

    def fits(self, function: FunctionType) -> bool:
        """Whether the hidden arguments of this function still have the structure compiled for."""
        try:
            return all(classify(follow(path, function)) == tree for path, tree in self.hidden)
        except BorderError:
            return False  # compiled anew, it is refused at its place

    def stale(self, function: FunctionType) -> list[str]:
        """Names of what was taken as known and has another value now."""
        return [name for name, path, value in self.guards if differs(path, function, value)]

    # ---- pullbacks that Python holds

    def pull(self, tree: PullbackTree) -> tuple[str, Native]:
        """The function that applies a pullback of this program's result, and its code."""
        if tree.record not in self.pulls:
            module, name = self.applying(tree)
            memory = bufferize(clean(module))
            cotangent = cotangent_tree(tree.primal)
            inputs = [Input(Position(0), tree), Input(Position(1), cotangent)]
            emitted = emit(memory, [name])
            made = Specialisation(
                emitted,
                name,
                inputs,
                tree.results,
                module=module,
                refuse=lambda error: refused(error, self.function, "the pullback of "),
            )
            self.pulls[tree.record] = name, made.native
        return self.pulls[tree.record]

    def applying(self, tree: PullbackTree) -> tuple[Module, str]:
        """A module whose entry takes the box and the cotangents, and calls the pullback."""
        module: Module = self.compilation.stage("opt")
        record = inner(tree.record)
        applied = module.functions[record]
        b = Builder(module, share=False, hoist=False)
        box = b.param(Box(record), "pullback")
        known = [b.param(t, "known") for t in tree.known]
        cts = [b.param(t, "ct") for t in leaf_types(cotangent_tree(tree.primal))]
        fields = b.emit("unbox", [box], {}, record_types(module, record))
        zeros = [zero(b, t) for t in tree.rest]
        groups = (len(fields), len(cts) + len(zeros))
        operands = [*fields, *cts, *zeros]
        outs = b.emit("call", operands, {"fn": record}, applied.results, groups=groups)
        results = tuple(leaf_types(tree.results))
        outs = tuple(merged(results, outs, known))
        name = f"{record}.apply"
        body = b.block((), "return", outs)
        entry = Function(name, (), (box, *known, *cts), results, body, {}, applied.loc)
        return Module({name: entry, **module.functions}, module.records), name


def zero(b: Builder, t: Type) -> Operand:
    """The cotangent of what nobody asks about; an array of length 0 stands for zeros."""
    if isinstance(t, Scalar):
        return zero_literal(t)
    if isinstance(t, Box):
        return b.op("null", type=t)
    return b.op("zeros", *[literal(0)] * (t.rank if isinstance(t, Array) else 1))


# ---- where values come from


def source(path: Path, function: FunctionType) -> Source | None:
    """How native code reads what a path leads to; None where only Python can."""
    match path:
        case (("global", dict() as names, str() as key),) if key in names:
            return Global(names, key)
        case (("closure", int() as k),):
            assert function.__closure__ is not None
            return Cell(function.__closure__[k])
    return None


def refused(error: BorderError, f: Any, taker: str = "") -> Error:
    """A border's error as the family has it, at the function's own line."""
    f = within(f)
    why = f"{taker}`{f.__name__}` cannot take it"
    return Error(error.kind, site_of(f), error.text, why, error.cure)


def site_of(f: FunctionType) -> Site:
    """The line where a function begins: of its `def`, not of its decorators."""
    code = f.__code__
    lines = (linecache.getline(code.co_filename, n) for n in range(code.co_firstlineno, 10**9))
    for k, line in enumerate(itertools.takewhile(bool, lines)):
        text = line.lstrip()
        if text.startswith(("def ", "async ")) or "lambda" in text:
            return Site(code.co_filename, code.co_firstlineno + k, len(line) - len(text) + 1)
    return Site(code.co_filename, code.co_firstlineno, 1)


def differs(path: Path, function: FunctionType, value: Any) -> bool:
    try:
        found = follow(path, function)
    except (AttributeError, LookupError, TypeError, ValueError):
        return True
    if found is value:
        return False
    if type(found) is not type(value) or not isinstance(value, (int, float, str, tuple)):
        return True
    return repr(found) != repr(value)


# ---- names of pullbacks


def exported(tree: Tree, program: Program) -> Tree:
    """The result's structure with a record name of its own for each pullback that goes out."""
    match tree:
        case Tuple(kids):
            return Tuple(tuple(exported(k, program) for k in kids))
        case Record(cls, names, kids):
            return Record(cls, names, tuple(exported(k, program) for k in kids))
        case Sum(kids):
            return Sum(tuple(exported(k, program) for k in kids))
        case Updated(result, writes, shared):
            return replace(
                tree,
                result=exported(result, program),
                writes=tuple(
                    (way, exported_record(r, program) if isinstance(r, Record) else r)
                    for way, r in writes
                ),
                shared=tuple(exported_record(r, program) for r in shared),
            )
        case PullbackTree(record, primal, results, rest, spread):
            name = outside(record)
            EXPORTED[name] = program
            return PullbackTree(name, primal, exported(results, program), rest, spread, tree.known)
    return tree


def exported_record(tree: Record, program: Program) -> Record:
    return replace(tree, kids=tuple(exported(k, program) for k in tree.kids))


def outside(record: str) -> str:
    """A name of its own for the record of a pullback that goes out."""
    return f"{record}.out{next(_numbers)}"


def inner(record: str) -> str:
    """The name that an exported pullback's record has in its own program."""
    return record.rpartition(".out")[0]


class Unhashable(Exception):
    """A cell holds something that no key of a program can stand for."""


def cells_key(f: FunctionType, depth: int = 0) -> Any:
    """What the closure cells of a function mean to a compiled program: numbers by type only."""
    if depth > 16:
        raise Unhashable
    return tuple(cell_key(cell, depth) for cell in f.__closure__ or ())


def cell_key(cell: CellType, depth: int) -> Any:
    try:
        value = cell.cell_contents
    except ValueError:
        return None
    return value_key(value, depth)


def value_key(value: Any, depth: int) -> Any:
    if is_number(value) or is_data(value):
        return classify(value)
    if isinstance(value, FunctionType):
        cells = cells_key(value, depth + 1)
        defaults = tuple(value_key(v, depth + 1) for v in value.__defaults__ or ())
        return value.__code__, cells, id(value.__globals__), defaults, repr(value.__defaults__)
    if hasattr(value, "__morula__") and hasattr(value, "__wrapped__"):
        word, options = value.__morula__
        return word, tuple(options.items()), value_key(value.__wrapped__, depth + 1)
    if isinstance(value, (MethodType, functools.partial)):
        parts = (
            (value.__func__, value.__self__)
            if isinstance(value, MethodType)
            else (value.func, value.args, value.keywords)
        )
        return type(value), tuple([value_key(v, depth + 1) for v in parts])
    if type(value) is dict:
        return dict, tuple([(k, value_key(v, depth + 1)) for k, v in value.items()])
    if type(value) is tuple and any(map(callable, value)):
        return tuple, tuple([value_key(v, depth + 1) for v in value])
    try:
        hash(value)
    except TypeError:
        raise Unhashable from None
    return type(value), value, id(value) if callable(value) else None


def pullbacks_in(trees: Iterable[Tree]) -> Iterator[PullbackTree]:
    for tree in trees:
        match tree:
            case Tuple(kids) | Record(_, _, kids) | Sum(kids):
                yield from pullbacks_in(kids)
            case Updated(result, writes, shared):
                yield from pullbacks_in((result, *[record for _, record in writes], *shared))
            case PullbackTree():
                yield tree
