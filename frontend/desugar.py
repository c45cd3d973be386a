"""Comprehensions as loops, before a function is lowered.

    sum(x ** k for k in range(n) if k != 2)        sum.1 = 0
                                                   for k.1 in range(n):
                                                       if k.1 != 2:
                                            =          sum.1 = sum.1 + x ** k.1
                                                   (the value is) sum.1

    [v * x for v in t]                             list.2 = []
                                                   for v.2 in t:
                                                       list.2 = (append list.2, v.2 * x)

The names of a comprehension are its own in Python, so each gets a name that no program has.  A
generator expression runs when it is asked; one that stands as the only argument of a function that
asks for all of it at once may run at its place, and no other is taken.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from .errors import Error
from .source import FunctionNode, Source

COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.DictComp)
FOLDS = frozenset({"sum", "any", "all", "max", "min", "prod"})
# functions that take all elements of their argument before they do anything else
TAKERS = frozenset({"tuple", "list", "sorted", "dict", "fsum", "reversed", "enumerate"})


class Steps(ast.expr):
    """Statements, then the value of an expression."""

    _fields = ("body", "value")
    body: list[ast.stmt]
    value: ast.expr

    def __init__(self, body: list[ast.stmt] | None = None, value: Any = None) -> None:
        super().__init__()  # a copy is made without arguments
        self.body, self.value = body or [], value


class Apply(ast.expr):
    """A generic opcode on expressions."""

    _fields = ("args",)
    args: list[ast.expr]

    def __init__(self, opcode: str = "", args: list[ast.expr] | None = None) -> None:
        super().__init__()
        self.opcode, self.args = opcode, args or []


class Undefined(ast.expr):
    """A value that nobody reads."""


class Unrolled(ast.For):
    """A loop over what has a length known when compiling: a container is made in it."""

    what: str


Meaning = Callable[[str], str | None]  # the library's name of a plain name, if it has one


def desugared(source: Source, meaning: Meaning) -> Source:
    """The source with loops for comprehensions; itself where it has none."""
    if not any(isinstance(n, COMPREHENSIONS) for n in ast.walk(source.node)):
        return source
    node: FunctionNode = copy.deepcopy(source.node)
    Desugar(source, meaning).inside(node)
    return Source(source.file, source.lines, node)


class Desugar:
    """The rewriting of one function; it counts the names it makes."""

    def __init__(self, source: Source, meaning: Meaning) -> None:
        self.source, self.meaning = source, meaning
        self.count = 0

    def inside(self, node: ast.AST) -> None:
        """Rewrite the comprehensions below a node."""
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [self.one(v) if isinstance(v, ast.AST) else v for v in value]
            elif isinstance(value, ast.AST):
                setattr(node, field, self.one(value))

    def one(self, node: ast.AST) -> ast.AST:
        match node:
            case ast.Call(func=func, args=[ast.GeneratorExp() as g, *rest], keywords=keywords):
                name = self.consumer(func)
                plain = not keywords and len(rest) <= (name == "sum")
                if name in FOLDS and plain:
                    return self.fold(name, g, rest, node)
                if name in FOLDS | TAKERS:
                    node.args[0] = self.collected(g, "list")
                    self.inside(node)
                    return node
            case ast.Call(args=[_, ast.GeneratorExp() as g, *_], func=func):
                if self.consumer(func) in ("reduce", "map", "filter"):
                    node.args[1] = self.collected(g, "list")
            case ast.ListComp():
                return self.collected(node, "list")
            case ast.DictComp():
                return self.collected(node, "dict")
            case ast.GeneratorExp():
                raise Error(
                    "E01",
                    self.source.loc(node),
                    "a generator expression that is kept or handed on",
                    "compiled code has no values that run while they are asked",
                    "put it inside sum, max, min, any, all, tuple or sorted, or write `[...]`",
                )
        self.inside(node)
        return node

    def consumer(self, func: ast.expr) -> str:
        """The last part of the library's name of a function, `sum` or `prod`."""
        if isinstance(func, ast.Name):
            return (self.meaning(func.id) or "").rpartition(".")[2]
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            home = self.meaning(func.value.id)
            return func.attr if home in ("math", "functools") else ""
        return ""

    # ---- the loops

    def fold(self, name: str, g: ast.GeneratorExp, rest: list[ast.expr], at: ast.AST) -> ast.expr:
        acc = self.fresh(name)
        if name in ("any", "all"):
            return self.search(name, g, acc, at)
        if name in ("max", "min"):
            return self.extreme(name, g, acc, at)
        start = rest[0] if rest else number(0 if name == "sum" else 1, at)
        op = ast.Add() if name == "sum" else ast.Mult()
        steps = [assign(acc, start, at)]

        def body(element: ast.expr) -> list[ast.stmt]:
            return [assign(acc, ast.copy_location(ast.BinOp(load(acc, at), op, element), at), at)]

        steps.append(self.loop(g.generators, g.elt, body))
        return self.steps(steps, load(acc, at), at)

    def search(self, name: str, g: ast.GeneratorExp, acc: str, at: ast.AST) -> ast.expr:
        found = name == "any"

        def body(element: ast.expr) -> list[ast.stmt]:
            test = element if found else ast.copy_location(ast.UnaryOp(ast.Not(), element), at)
            leave = ast.copy_location(ast.Break(), at)
            hit: list[ast.stmt] = [assign(acc, number(found, at), at), leave]
            return [ast.copy_location(ast.If(test, hit, []), at)]

        loop = self.loop(g.generators, g.elt, body, acc if found else f"not {acc}")
        return self.steps([assign(acc, number(not found, at), at), loop], load(acc, at), at)

    def extreme(self, name: str, g: ast.GeneratorExp, acc: str, at: ast.AST) -> ast.expr:
        first, item = f"first{acc[len(name) :]}", f"item{acc[len(name) :]}"

        def body(element: ast.expr) -> list[ast.stmt]:
            both = [load(acc, at), load(item, at)]
            better = ast.copy_location(ast.Call(builtin(name, at), both, []), at)
            chosen = ast.copy_location(ast.IfExp(load(first, at), load(item, at), better), at)
            return [
                assign(item, element, at),
                assign(acc, chosen, at),
                assign(first, number(False, at), at),
            ]

        empty = f"{name}() arg is an empty sequence"
        text = ast.copy_location(ast.Constant(empty), at)
        error = ast.copy_location(ast.Call(builtin("ValueError", at), [text], []), at)
        refuse: list[ast.stmt] = [ast.copy_location(ast.Raise(error), at)]
        steps = [
            assign(acc, ast.copy_location(Undefined(), at), at),
            assign(first, number(True, at), at),
            self.loop(g.generators, g.elt, body),
            ast.copy_location(ast.If(load(first, at), refuse, []), at),
        ]
        return self.steps(steps, load(acc, at), at)

    def collected(self, g: Any, kind: str) -> ast.expr:
        """A list or dict of all elements."""
        acc = self.fresh(kind)
        empty: ast.expr = ast.List([], ast.Load()) if kind == "list" else ast.Dict([], [])

        def body(element: ast.expr) -> list[ast.stmt]:
            parts = element.elts if isinstance(element, ast.Tuple) and kind == "dict" else [element]
            made = apply("append" if kind == "list" else "with_item", [load(acc, g), *parts], g)
            return [assign(acc, made, g)]

        element = g.elt if kind == "list" else pair(g.key, g.value, g)
        loop = self.loop(g.generators, element, body, kind=kind)
        return self.steps([assign(acc, ast.copy_location(empty, g), g), loop], load(acc, g), g)

    def loop(
        self,
        generators: list[ast.comprehension],
        element: ast.expr,
        body: Callable[[ast.expr], list[ast.stmt]],
        leave: str = "",
        kind: str = "",
    ) -> ast.stmt:
        """The loops of a comprehension around what its element does; `leave` ends outer loops."""
        names: dict[str, str] = {}
        heads: list[tuple[ast.comprehension, list[ast.expr]]] = []
        for g in generators:
            g.iter = rename(g.iter, names)
            for n in ast.walk(g.target):
                if isinstance(n, ast.Name):
                    names[n.id] = self.fresh(n.id)
            g.target = rename(g.target, names)
            heads.append((g, [rename(t, names) for t in g.ifs]))
        inner = body(rename(element, names))
        for k, (g, tests) in reversed(list(enumerate(heads))):
            for t in reversed(tests):
                inner = [ast.copy_location(ast.If(t, inner, []), g.target)]
            if leave and k + 1 < len(heads):
                inner.append(left(leave, g.target))
            made = (Unrolled if kind else ast.For)(g.target, g.iter, inner, [])
            if isinstance(made, Unrolled):
                made.what = kind
            inner = [ast.copy_location(made, g.target)]
        return inner[0]

    def steps(self, body: list[ast.stmt], value: ast.expr, at: ast.AST) -> ast.expr:
        made = ast.copy_location(Steps(body, value), at)
        self.inside(made)
        return made

    def fresh(self, name: str) -> str:
        self.count += 1
        return f"{name}.{self.count}"


def left(leave: str, at: ast.AST) -> ast.stmt:
    """Leave an outer loop where an inner one has found what it looks for."""
    test = load(leave.removeprefix("not "), at)
    if leave.startswith("not "):
        test = ast.copy_location(ast.UnaryOp(ast.Not(), test), at)
    return ast.copy_location(ast.If(test, [ast.copy_location(ast.Break(), at)], []), at)


def rename(node: ast.expr, names: dict[str, str]) -> ast.expr:
    """Give the names of a comprehension their own names, where they mean it."""
    if not names:
        return node
    match node:
        case ast.Name(id=name):
            node.id = names.get(name, name)
            return node
        case ast.Lambda():
            a = node.args
            own = {p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if p}
            a.defaults = [rename(d, names) for d in a.defaults]
            a.kw_defaults = [d and rename(d, names) for d in a.kw_defaults]
            node.body = rename(node.body, {k: v for k, v in names.items() if k not in own})
            return node
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp() | ast.SetComp():
            rename_comprehension(node, names)
            return node
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            kids = [rename(v, names) if isinstance(v, ast.AST) else v for v in value]  # type: ignore[arg-type]
            value[:] = kids
        elif isinstance(value, ast.AST):
            setattr(node, field, rename(value, names))  # type: ignore[arg-type]
    return node


def rename_comprehension(node: Any, names: dict[str, str]) -> Any:
    """A comprehension inside another: its own names hide the outer ones."""
    for g in node.generators:
        g.iter = rename(g.iter, names)
        bound = {n.id for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        names = {k: v for k, v in names.items() if k not in bound}
        g.ifs = [rename(t, names) for t in g.ifs]
    for field in ("elt", "key", "value"):
        if hasattr(node, field):
            setattr(node, field, rename(getattr(node, field), names))
    return node


def shown(name: str) -> str:
    """What a name is called in dumps."""
    return name.lstrip("$").partition(".")[0]


def number(value: int | bool, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Constant(value), at)


def load(name: str, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Name(name, ast.Load()), at)


def assign(name: str, value: ast.expr, at: ast.AST) -> ast.stmt:
    target = ast.copy_location(ast.Name(name, ast.Store()), at)
    return ast.copy_location(ast.Assign([target], value), at)


def apply(opcode: str, args: list[ast.expr], at: ast.AST) -> ast.expr:
    return ast.copy_location(Apply(opcode, args), at)


def builtin(name: str, at: ast.AST) -> ast.expr:
    """A builtin, whatever the module calls by that name."""
    return apply(f"global {name}", [], at)


def pair(key: ast.expr, value: ast.expr, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Tuple([key, value], ast.Load()), at)
