"""Derivatives in the interpreter: take a function from a stage on through `ad`, and interpret that.

The interpreters of `ir` know no calculus.  Where a generic program calls `grad(f)`, or a typed one
holds a derivative op, they ask here; the answer is another module, run by the same interpreter.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Mapping, Sequence
from types import MethodType
from typing import Any

import numpy as np

from .backend.border import BorderError, classify, flatten, rebuild
from .backend.cotangent import cotangent
from .backend.identity import aliases, finish, refuse_shared, refuse_unwritable
from .backend.invoke import Pullback
from .backend.peek import peek
from .backend.recursive import interpreted
from .frontend.closures import closures
from .frontend.names import APPLIED, CUSTOM
from .frontend.resolve import follow, library_name
from .frontend.specialize import Entry, Linked, specialize
from .frontend.wrap import Body
from .ir.core import Block, Function, Module, Op, Operand, Value, literal, walk
from .ir.generic import Cell, GenericFunction
from .ir.interpreter import run
from .ir.parts import part_names
from .ir.structure import PullbackTree, Tree, leaf_types, merged
from .ir.types import NONE, Array, Scalar, Type
from .link import bring
from .pipeline import expanded
from .program import INTERPRETED, inner, outside, refused

NAME = "resumed"
EMPTY: Mapping[str, Any] = {}


class Pulled:
    """A pullback in the interpreter: what its box holds, and the module that applies it."""

    def __init__(
        self, resume: Resume, module: Module, function: str, fields: tuple[Any, ...]
    ) -> None:
        self.resume, self.module = resume, module
        self.function, self.fields = function, fields
        self.tree: PullbackTree | None = None  # where it has left typed code
        self.known: tuple[Any, ...] = ()

    @property
    def box(self) -> tuple[Any, ...]:
        """Its leaf in typed code."""
        return self.fields

    def apply(self, cts: Sequence[Any]) -> tuple[Any, ...]:
        return results_of(self.module, self.function, cts, captures=self.fields)

    def __call__(self, *cts: Any) -> Any:
        tree = self.tree
        assert tree is not None
        lengths = [None for _ in leaf_types(tree.primal)]
        seed = cts if tree.spread else cts[0]
        try:
            given = cotangent(tree.primal, seed, lengths, boxing=interpreted)
        except BorderError as error:
            raise refused(error, self.resume.lowered.entry, "a pullback in ") from None
        got = self.apply([*given, *map(zero, tree.rest)])
        leaves = merged(leaf_types(tree.results), got, self.known)
        return rebuild(tree.results, iter(leaves), no_pullback)


@dataclasses.dataclass(eq=False)
class Derived:
    """`grad(f)` and the like, of a function that is being interpreted."""

    resume: Resume
    word: str
    of: Any  # a GenericFunction or another of these
    options: dict[str, Any]

    @property
    def captures(self) -> list[Any]:
        """Says to the interpreter that this is a function of the program."""
        return []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.resume.call(self, args, kwargs)


@dataclasses.dataclass(eq=False)
class Ruled:
    """A function that is being interpreted, with a custom rule: called, it is the function."""

    word: str
    of: Any
    rules: tuple[Any, ...]

    @property
    def captures(self) -> list[Any]:
        """Says to the interpreter that this is a function of the program."""
        return []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.of(*args, **kwargs)


class Resume:
    def __init__(
        self,
        lowered: Any,
        fastmath: bool | str = "adjoint",
        linked: Mapping[str, Linked] | None = None,
        library: Module | None = None,
    ) -> None:
        self.lowered, self.fastmath = lowered, fastmath
        self.linked, self.library = dict(linked or {}), library or Module()

    def admit(self, value: Any) -> Any:
        """An argument as the interpreter has it: a native pullback becomes what its box holds."""
        if type(value) is tuple:
            return tuple(map(self.admit, value))
        if not isinstance(value, Pullback) or value.module is None:
            return value
        name = inner(value.tree.record)
        fields = peek(value.module, name, value.box)
        pulled = Pulled(self, value.module, name, fields or ())
        pulled.tree = value.tree
        pulled.known = value.known
        return pulled

    # ---- typed stages

    def derive(self, op: Op, module: Module, values: list[Any]) -> Sequence[Any]:
        """The results of a `vjp`, `jvp` or `pull` op."""
        if op.opcode == "pull":
            pulled: Pulled = values[0]
            return pulled.apply(values[1:])
        operands = tuple(Value(v.type) for v in op.operands)
        results = tuple(Value(v.type) for v in op.results)
        inner = op.but(operands=operands, results=results)
        body = Block((), (inner, Op("return", results)))
        types = tuple(v.type for v in results)
        entry = Function(NAME, (), operands, types, body)
        made = self.expanded(Module({NAME: entry, **module.functions}, dict(module.records)))
        given = [v.fields if isinstance(v, Pulled) else v for v in values]
        got = results_of(made, NAME, given)
        if op.opcode == "jvp":
            return got
        record = str(op.results[-1].type).removeprefix("box<@").removesuffix(">")
        return [*got[:-1], Pulled(self, made, record, got[-1])]

    def expanded(self, module: Module) -> Module:
        return expanded(module, self.fastmath)

    def run_entry(self, entry: Entry, module: Module, values: Sequence[Any]) -> Any:
        """An entry at some typed stage, on its arguments; hidden ones are read now."""
        hidden = [(h.tree, self.admit(follow(h.path, self.lowered.entry))) for h in entry.hidden]
        refuse_shared(entry.result, entry.args, values)
        refuse_unwritable(entry.result, values, [v for _, v in hidden])
        pairs = [*hidden, *zip(entry.args, values, strict=True)]
        leaves = [leaf for tree, v in pairs for leaf in flatten(tree, v, interpreted)]
        return self.run_typed(module, leaves, entry.result, values)

    def run_typed(
        self, module: Module, leaves: Sequence[Any], result: Tree, values: Sequence[Any] = ()
    ) -> Any:
        """A typed module's entry on leaves; pullbacks in the result can be called."""

        def pullback(tree: PullbackTree, value: Any, known: list[Any]) -> Pulled:
            made = value
            if not isinstance(made, Pulled):
                made = Pulled(self, module, tree.record, value)
            record = outside(made.function) if made.tree is None else made.tree.record
            made.tree, made.known = dataclasses.replace(tree, record=record), tuple(known)
            INTERPRETED[record] = made
            return made

        given = [v.fields if isinstance(v, Pulled) else v for v in leaves]
        f = module.entry
        captured, rest = given[: len(f.captures)], given[len(f.captures) :]
        got = results_of(module, f.name, rest, derive=self.derive, captures=captured)
        return finish(result, iter(got), values, pullback)

    # ---- generic stages

    def derive_generic(self, word: str, f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What `morula.WORD(f, *args, **kwargs)` gives in a generic program."""
        if word in CUSTOM:
            return Ruled(word, f, tuple(args))
        if word in APPLIED:
            return Derived(self, word, f, kwargs)(*args)
        names = ("in_axes", "out_axes") if word == "vmap" else ("argnums", "has_aux")
        return Derived(self, word, f, {**dict(zip(names, args, strict=False)), **kwargs})

    def call(self, derived: Derived, args: Sequence[Any], kwargs: Mapping[str, Any] = EMPTY) -> Any:
        """Compile the derivative for these arguments as far as `ad`, and interpret it."""
        closed, made = self.program(derived, args, kwargs)
        linked, library, trees = {}, Module(), []
        for k, v in enumerate(made.given):
            tree = classify(v)
            if isinstance(v, Pulled):  # under a name of its own, as two may come from one function
                assert isinstance(tree, PullbackTree)
                suffix = f".in{k}"
                tree = dataclasses.replace(tree, record=v.function + suffix)
                linked[tree.record] = bring(v.module, v.function, suffix, library)
            trees.append(tree)
        linked |= self.linked
        lowered = dataclasses.replace(self.lowered, module=closed, hidden=(), captures=())
        same = aliases(trees, made.given)
        entry = specialize(lowered, trees, closed=closed, linked=linked, aliases=same)
        entry.module.functions.update(library.functions | self.library.functions)
        entry.module.records.update(library.records | self.library.records)
        return self.run_entry(entry, self.expanded(entry.module), made.given)

    def program(
        self, derived: Derived, args: Sequence[Any], kwargs: Mapping[str, Any] = EMPTY
    ) -> tuple[Module, Making]:
        """A closed module whose entry applies the derivative to what the values stand for."""
        base = bottom(derived)
        module = base.module if base else self.lowered.module
        loc = base.function.loc if base else module.entry.loc
        if any(op.opcode == "def" for f in module.functions.values() for op in walk(f.body)):
            module = closures(module)
        made = Making(self.lowered.globals, module)
        inputs = [made.operand(v) for v in args]
        if derived.word in APPLIED:
            out = made.word(derived, inputs)
        else:
            named = {k: made.operand(v) for k, v in kwargs.items()}
            out = made.body.call([made.derived(derived), *inputs], named)
        ops = (*made.body.ops, Op("return", (out,), loc=loc))
        entry = Function(NAME, (), tuple(made.params), None, Block((), ops), {}, loc)
        return Module({NAME: entry, **module.functions}, dict(module.records)), made


class Making:
    """Turns values of the interpreter into operands of an entry: numbers become parameters."""

    def __init__(self, globals: dict[str, Any], module: Module) -> None:
        self.globals, self.module = globals, module
        self.body = Body(())
        self.params: list[Value] = []
        self.given: list[Any] = []

    def operand(self, value: Any) -> Operand:
        match value:
            case None | str():
                return literal(value)
            case GenericFunction():
                return self.function(value)
            case Derived():
                return self.derived(value)
            case Ruled():
                apply = self.body.emit("global", [], {"name": f"morula.{value.word}"}, value.word)
                parts = [self.operand(v) for v in (value.of, *value.rules)]
                return self.body.emit("call", [apply, *parts], {})
            case functools.partial():
                apply = self.body.emit("global", [], {"name": "functools.partial"}, "partial")
                parts = [self.operand(v) for v in (value.func, *value.args)]
                named = {k: self.operand(v) for k, v in value.keywords.items()}
                return self.body.call([apply, *parts], named)
            case MethodType():
                owner = self.operand(value.__self__)
                return self.body.emit("getattr", [owner], {"name": value.__name__})
            case Cell():
                return self.body.emit("cell", [self.operand(value.value)], {})
            case tuple() if type(value) is tuple:
                return self.body.emit("tuple", [self.operand(v) for v in value], {})
            case int() | float() | np.number() | np.ndarray() | Pulled() | enum.Enum():
                return self.parameter(value)
        if part_names(value) is not None:
            return self.parameter(value)
        name = library_name(value) or f"value{len(self.globals)}"
        self.globals.setdefault(name, value)
        return self.body.emit("global", [], {"name": name}, name)

    def parameter(self, value: Any) -> Operand:
        param = Value(NONE, f"x{len(self.params)}")
        self.params.append(param)
        self.given.append(value)
        return param

    def function(self, f: GenericFunction) -> Operand:
        captures = [self.operand(v) for v in f.captures]
        defaults = [self.operand(v) for v in f.defaults]
        groups = (len(captures), len(defaults))
        name = f.function.name
        return self.body.emit("closure", captures + defaults, {"fn": name}, name, groups)

    def derived(self, d: Derived) -> Operand:
        return self.word(d, [])

    def word(self, d: Derived, args: list[Operand]) -> Operand:
        options = {k: self.option(k, v) for k, v in d.options.items() if v is not None}
        return self.body.word(d.word, [self.operand(d.of), *args], options)

    def option(self, name: str, value: Any) -> Operand:
        """What stands by name in a call of a word: how to derive, or an argument of `vjp`."""
        known = name in ("argnums", "has_aux")
        return self.body.constant(value) if known else self.operand(value)


def bottom(derived: Derived) -> GenericFunction | None:
    """The function under all the words; None for a method of a class."""
    of = derived.of
    while not isinstance(of, GenericFunction):
        if isinstance(of, functools.partial):
            of = of.func
        elif isinstance(of, (Derived, Ruled)):
            of = of.of
        else:
            return None
    return of


def results_of(module: Module, name: str, args: Sequence[Any], **options: Any) -> tuple[Any, ...]:
    """All results of a typed function; a box among them is a tuple itself."""
    got = run(module, name, *args, **options)
    single = len(module.functions[name].results or ()) == 1
    return (got,) if single else tuple(got)


def zero(t: Type) -> Any:
    """The cotangent of what nobody asks about; an array of length 0 stands for zeros."""
    if isinstance(t, Array):
        return np.zeros((0,) * t.rank)
    return 0.0 if isinstance(t, Scalar) else None


def no_pullback(tree: PullbackTree, value: Any, known: list[Any]) -> Any:
    raise TypeError("a pullback gives no pullback")
