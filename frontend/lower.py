"""`lower`: Python functions to generic SSA, one function each, nested ones inside (stage `ssa`).

    def f(x):                  fn @f(%x) {
        if x > 0:                %0 = gt %x, 0
            return x             %result = if %0 {
        return -x                  yield %x
                                 } else {
                                   %1 = neg %x
                                   yield %1
                                 }
                                 return %result
                               }

It knows no types.  The module's first function is the entry; every Python function that it can
reach by name follows.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from ..ir.core import UNBOUND, Block, Function, Module, Op, Operand, Value, literal, walk
from ..ir.types import NONE
from . import outside
from .control import block
from .depth import deep
from .desugar import desugared
from .errors import Error
from .expressions import expression
from .frame import RESULT, UNBOUND_VALUE, Frame
from .iterators import refuse_second_reading
from .matching import matched
from .names import CUSTOM, MAKING
from .prune import prune
from .resolve import (
    Path,
    default_values,
    has_morula,
    is_library,
    is_number,
    key_of,
    library_name,
    may_change,
    unwrapped,
)
from .scope import Scope
from .source import (
    FunctionNode,
    Source,
    default_expressions,
    find_source,
    marks,
    parameters,
    undefaulted,
)
from .subset import check_subset

UNWRAPPED = ("unwrapped",)


@dataclass(eq=False)
class Lowered:
    """Generic SSA of a function and all it reaches, and what its outer names stand for."""

    module: Module
    entry: FunctionType
    globals: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)  # of `globals`: how to find each again
    # names of the user's for objects of a library: how to find each again, and what it was
    library: dict[Any, tuple[Path, Any]] = field(default_factory=dict)
    captures: tuple[str, ...] = ()  # the entry's hidden parameters, in the order of its captures
    hidden: tuple[Path, ...] = ()  # where each of them is read, at each call
    rules: dict[int, str] = field(default_factory=dict)  # names of custom rules, by id
    python: dict[str, FunctionType] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    _program: Program | None = None


def lower(function: FunctionType, rules: Mapping[str, FunctionType] | None = None) -> Lowered:
    """A Python function and all it reaches by name, as a module of stage `ssa`; its custom rules,
    too, where the function itself is one with a rule.
    """
    lowered = Lowered(Module(), function)
    program = lowered._program = Program(lowered)
    program.function(function, ())
    for key, rule in (rules or {}).items():
        path = (("global", rules, key),)
        lowered.rules[id(rule)] = program.function(rule, path)
    with deep():
        program.finish()
    functions = [lowered.module.entry.name, *lowered.rules.values()]
    captures = [v for name in functions for v in lowered.module.functions[name].captures]
    lowered.captures = tuple(v.name for v in captures)
    lowered.hidden = tuple(program.cell_paths[c] for name in functions for c in program.order[name])
    return lowered


def lower_into(lowered: Lowered, function: FunctionType) -> str:
    """Add a function that was found later, and all it reaches; its name in the module."""
    program = lowered._program
    assert program is not None
    name = program.function(function, (("object", function),))
    with deep():
        program.finish()
    return name


def found_so_far(lowered: Lowered) -> dict[str, Function]:
    """All functions that have been lowered together."""
    program = lowered._program
    assert program is not None
    return program.lowered.module.functions


class Program:
    """All functions that are lowered together: who is waiting, and which names are taken."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.names: dict[int, str] = {}  # by id of the function, which `python` keeps alive
        self.taken: set[str] = set()
        self.waiting: list[tuple[str, FunctionType, Path]] = []
        self.known: dict[tuple[Any, ...], str] = {}  # global names by where they were found
        self.paths: dict[str, Path] = {}  # of functions
        # hidden numbers: by cell, in the order of each function's captures
        self.cell_paths: dict[int, Path] = {}
        self.order: dict[str, list[int]] = {}
        self.needed: dict[str, dict[int, Value]] = {}

    # ---- functions ----------------------------------------------------------------------------

    def function(self, f: FunctionType, path: Path) -> str:
        """The name of a Python function; it is lowered when its turn comes."""
        name = self.names.get(id(f))
        if name is None:
            wanted = "lambda" if f.__name__ == "<lambda>" else f.__name__
            name = self.names[id(f)] = self.fresh(wanted)
            self.lowered.python[name] = f
            self.paths[name] = path
            self.waiting.append((name, f, path))
        return name

    def fresh(self, wanted: str) -> str:
        name, k = wanted, 2
        while name in self.taken:
            name, k = f"{wanted}{k}", k + 1
        self.taken.add(name)
        return name

    def finish(self) -> None:
        """Lower all that wait, then hand hidden numbers to those that need them."""
        found: list[str] = []
        while self.waiting:
            name, f, _ = self.waiting.pop(0)
            self.top(name, f)
            found.append(name)
        self.thread(found)

    def top(self, name: str, f: FunctionType) -> None:
        """Lower one function of a module."""
        source = find_source(f)
        check_subset(source, source.node)
        source = matched(source, lambda e: object_of(f, e))
        refuse_second_reading(source, lambda name: meaning(f, source.node, name))
        source = desugared(source, lambda name: meaning(f, source.node, name))
        scope = Scope(source, source.node)
        refuse_rebinding(scope)
        frame = Frame(self, source, scope, name, function=f)
        self.needed[name] = {}
        params, body = self.body(frame)
        prune(body)
        defaults = tuple(value for _, value in default_values(f))
        attrs: dict[str, Any] = dict(marks(source.node.args))
        if defaults and all(map(is_simple, defaults)):
            attrs["defaults"] = defaults
        self.lowered.sources[name] = source
        loc = source.loc(source.node)
        self.lowered.module.add(Function(name, (), params, None, body, attrs, loc))

    def body(self, frame: Frame) -> tuple[tuple[Value, ...], Block]:
        """Parameters and the block of a function, nested or not."""
        node = frame.scope.node
        params = tuple(Value(NONE, p.arg) for p in parameters(node.args))
        if frame.scope.own is not None:
            frame.env.set(frame.scope.own, frame.emit("self", (), node, name=frame.scope.own))
        frame.make_cells(params, node)
        for p in params:
            if p.name not in frame.cells:
                frame.env.set(p.name, p)
        if isinstance(node, ast.Lambda):
            value = expression(frame, node.body)
            frame.do("return", (value,), node.body)
        else:
            # falling off the end returns None
            end = ast.copy_location(ast.Return(None), node)
            block(frame, [*node.body, end])
            frame.do("return", (frame.env.get(RESULT),), last_return(node))
        return params, Block((), tuple(frame.ops))

    def nested(self, frame: Frame, node: FunctionNode) -> Value:
        """A `def` op: the function's defaults, then its body as a region."""
        values = [expression(frame, d) for d in default_expressions(node.args)]
        at, missing = undefaulted(node.args)
        defaults = (*values[:at], *[UNBOUND_VALUE] * missing, *values[at:])
        kid, _ = frame.scope.kids[node]
        short = "lambda" if isinstance(node, ast.Lambda) else node.name
        name = self.fresh(f"{frame.name}.{short}")
        inner = Frame(self, frame.source, kid, name, frame)
        params, body = self.body(inner)
        result = Value(NONE, "" if isinstance(node, ast.Lambda) else short)
        region = (Block(params, body.ops),)
        attrs = {"fn": name, **marks(node.args)}
        loc = frame.loc(node)
        frame.ops.append(Op("def", defaults, (result,), attrs, region, loc))
        return result

    # ---- names from outside -------------------------------------------------------------------

    def outside(self, frame: Frame, name: str, node: ast.expr) -> Operand:
        """A name that no compiled function binds: a cell around the entry, or a global."""
        f = frame.function
        free = f.__code__.co_freevars
        if name in free:
            return self.cell(frame, name, free.index(name), node)
        path: Path = (("global", f.__globals__, name),)
        if name in f.__globals__:
            return self.refer(frame, f.__globals__[name], name, path, node)
        if hasattr(builtins, name):
            return self.refer(frame, getattr(builtins, name), name, path, node)
        near = nearest(name, (*f.__globals__, *vars(builtins)))
        raise Error(
            "E04",
            frame.loc(node),
            f"the name `{name}`",
            "neither the function nor its module binds it",
            f"write {near}" if near else "bind it, or import it at the top of the module",
        )

    def cell(self, frame: Frame, name: str, k: int, node: ast.expr) -> Operand:
        """A variable of the function around the entry: a number is a hidden parameter."""
        f = frame.function
        assert f.__closure__ is not None
        cell, root = f.__closure__[k], self.root(frame)
        path: Path = (*self.paths[root], ("closure", k))
        try:
            value = cell.cell_contents
        except ValueError:
            raise Error(
                "E04",
                frame.loc(node),
                f"the name `{name}` of the function around `{f.__name__}`",
                "it has no value yet",
                "bind it before this function is called",
            ) from None
        if not is_number(value):
            return self.refer(frame, value, name, path, node)
        return self.hidden(root, id(cell), name, path)

    def hidden(self, root: str, cell: int, name: str, path: Path) -> Value:
        """The capture of a top-level function that holds a hidden number."""
        self.cell_paths.setdefault(cell, path)
        needed = self.needed[root]
        if cell not in needed:
            needed[cell] = Value(NONE, name)
        return needed[cell]

    def root(self, frame: Frame) -> str:
        while frame.parent is not None:
            frame = frame.parent
        return frame.name

    def attribute(self, frame: Frame, node: ast.Attribute) -> Operand | None:
        """`math.sin` as one global; None where the chain does not start at a module."""
        chain: list[ast.Attribute] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            chain.append(base)
            base = base.value
        if not isinstance(base, ast.Name) or frame.owner(base.id) is not None:
            return None
        f = frame.function
        value = outer_value(f, base.id)
        if not isinstance(value, ModuleType):
            return None
        wanted = base.id
        path: Path = ()
        while chain and isinstance(value, ModuleType):
            step, home = chain.pop(), value
            if not hasattr(home, step.attr):
                raise unknown_attribute(frame, home, step)
            value, wanted = getattr(home, step.attr), f"{home.__name__}.{step.attr}"
            path = (("global", vars(home), step.attr),)
        found: Operand = self.refer(frame, value, wanted, path, node)
        for step in reversed(chain):
            found = frame.emit("getattr", (found,), step, {"name": step.attr})
        return found

    def refer(self, frame: Frame, value: Any, wanted: str, path: Path, node: ast.expr) -> Operand:
        """A `global` op; that of a Python function with source names it."""
        name = self.global_name(value, wanted, path)
        f, wrappers = unwrapped(value)
        path = (*path, *[UNWRAPPED] * wrappers)
        if has_morula(f) and f.__morula__[0] in MAKING:
            return self.derivative(frame, f, name, path, node)
        if has_morula(f) and f.__morula__[0] in CUSTOM:
            return self.custom(frame, f, name, path, node)
        if not isinstance(f, FunctionType) or is_library(f):
            made = outside.made(self, frame, f, name, path, node)
            return made or frame.emit("global", (), node, {"name": name}, name)
        fn = self.function(f, path)
        defaults = default_values(f)
        if all(is_simple(d) for _, d in defaults):
            return frame.emit("global", (), node, {"name": name, "fn": fn}, name)
        given = tuple(
            UNBOUND_VALUE
            if d is UNBOUND
            else self.refer(frame, d, f"{fn}.{n}", (*self.paths[fn], ("default", n)), node)
            for n, d in defaults
        )
        return frame.emit("closure", given, node, {"fn": fn}, name, (0, len(given)))

    def derivative(
        self, frame: Frame, value: Any, name: str, path: Path, node: ast.expr
    ) -> Operand:
        """What `grad` made outside, as if it were made here: hidden numbers go in as captures."""
        word, options = value.__morula__
        options = {k: v for k, v in options.items() if v is not None}
        inner = (f"{name}.__wrapped__", (*path, ("unwrapped",)))
        callee = frame.emit("global", (), node, {"name": f"morula.{word}"}, f"morula.{word}")
        f = self.refer(frame, value.__wrapped__, *inner, node)
        given = tuple(self.static(frame, v, node) for v in options.values())
        attrs = {"kw": tuple(options)} if options else None
        return frame.emit("call", (callee, f, *given), node, attrs, name)

    def custom(self, frame: Frame, value: Any, name: str, path: Path, node: ast.expr) -> Operand:
        """A function with a rule of its own: all its functions are referred to."""
        word, rules = value.__morula__
        callee = frame.emit("global", (), node, {"name": f"morula.{word}"}, f"morula.{word}")
        f = self.refer(frame, value.__wrapped__, f"{name}.__wrapped__", (*path, UNWRAPPED), node)
        given = [
            self.refer(frame, v, f"{name}.{k}", (*path, ("rule", k)), node)
            for k, v in rules.items()
        ]
        return frame.emit("call", (callee, f, *given), node, None, name)

    def static(self, frame: Frame, value: Any, node: ast.expr) -> Operand:
        """A number, string, None, or a tuple of those, as an operand."""
        if isinstance(value, tuple):
            return frame.emit("tuple", tuple(self.static(frame, v, node) for v in value), node)
        return literal(value)

    def global_name(self, value: Any, wanted: str, path: Path) -> str:
        """The name of an object from outside; two modules' names never meet."""
        known = library_name(value)
        key: tuple[Any, ...] = ("library", known) if known else key_of(path)
        name = self.known.get(key)
        if known and may_change(path):
            self.lowered.library.setdefault(key_of(path), (path, value))
        if name is None:
            name = known or wanted
            if name in self.lowered.globals:
                home = next((s[1].get("__name__") for s in path if s[0] == "global"), None)
                name = f"{home or 'builtins'}.{wanted}"
            base, k = name, 2
            while name in self.lowered.globals:
                name, k = f"{base}{k}", k + 1
            self.known[key] = name
            self.lowered.globals[name] = value
            self.lowered.paths[name] = path
        return name

    # ---- hidden numbers -----------------------------------------------------------------------

    def thread(self, names: Iterable[str]) -> None:
        """Give each function the hidden numbers of those it refers to, until nothing changes."""
        functions = self.lowered.module.functions
        refers = {n: references(functions[n]) for n in self.needed}
        changed = True
        while changed:
            changed = False
            for name, ops in refers.items():
                for op in ops:
                    for cell, v in list(self.needed[op.attrs["fn"]].items()):
                        if cell not in self.needed[name]:
                            self.needed[name][cell] = Value(NONE, v.name)
                            changed = True
        for name, ops in refers.items():
            mine = self.needed[name]
            for op in ops:
                hand_over(op, [mine[c] for c in self.needed[op.attrs["fn"]]])
            self.order[name] = list(mine)
            if tuple(mine.values()) != functions[name].captures:
                functions[name] = functions[name].but(captures=tuple(mine.values()))


def references(f: Function) -> list[Op]:
    """Ops of a function that refer to another of the module, and have not been threaded."""
    return [
        op
        for op in walk(f.body)
        if "fn" in op.attrs
        and (op.opcode == "global" or (op.opcode == "closure" and op.groups[0] == 0))
    ]


def hand_over(op: Op, numbers: list[Value]) -> None:
    """Make a reference to a function with hidden numbers a closure that captures them."""
    if numbers:
        defaults = op.operands
        op.opcode, op.attrs = "closure", {"fn": op.attrs["fn"]}
        op.operands, op.groups = (*numbers, *defaults), (len(numbers), len(defaults))


def is_simple(value: object) -> bool:
    """A default that the function's own header can hold."""
    if isinstance(value, tuple):
        return all(map(is_simple, value))
    return type(value) in (bool, int, float, complex, type(None), str)


def outer_value(f: FunctionType, name: str) -> Any:
    """What a name that no compiled function binds stands for now; None where there is nothing."""
    if name in f.__code__.co_freevars:
        assert f.__closure__ is not None
        try:
            return f.__closure__[f.__code__.co_freevars.index(name)].cell_contents
        except ValueError:
            return None
    return f.__globals__.get(name, getattr(builtins, name, None))


def refuse_rebinding(scope: Scope) -> None:
    """A variable of a function that is not compiled is not written."""
    stack = [scope]
    while stack:
        inner = stack.pop()
        for name, node in inner.nonlocals.items():
            if name in scope.rebinds():
                raise Error(
                    "E01",
                    scope.source.loc(node),
                    f"`nonlocal {name}`, which belongs to a function that is not compiled",
                    "a compiled function writes none of the variables around it",
                    "return the value, or compile the function around it",
                )
        stack.extend(kid for kid, _ in inner.kids.values())


def object_of(f: FunctionType, e: ast.expr) -> Any:
    """What a name, or an attribute of one, stands for outside the function; None if unknown."""
    if isinstance(e, ast.Attribute):
        return getattr(object_of(f, e.value), e.attr, None)
    if not isinstance(e, ast.Name):
        return None
    return outer_value(f, e.id)


def meaning(f: FunctionType, node: FunctionNode, name: str) -> str | None:
    """The library's name of what a name means that the function does not bind."""
    for n in ast.walk(node):
        if isinstance(n, ast.arg) and n.arg == name:
            return None
        if isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load):
            return None
    return library_name(outer_value(f, name))


def unknown_attribute(frame: Frame, module: ModuleType, node: ast.Attribute) -> Error:
    near = nearest(node.attr, dir(module))
    return Error(
        "E02",
        frame.loc(node),
        f"`{module.__name__}.{node.attr}`",
        f"the module `{module.__name__}` has no such name",
        f"write {near}" if near else "look up its name in the module's documentation",
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """The names most like this one, as a choice."""
    near = difflib.get_close_matches(name, [n for n in names if not n.startswith("_")], 3)
    return " or ".join(f"`{n}`" for n in near)


def last_return(node: ast.FunctionDef) -> ast.AST:
    """Where the `return` op of a function stands: its last statement, where that is a return."""
    last = node.body[-1]
    return last if isinstance(last, ast.Return) else node
