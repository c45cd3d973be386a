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
# functions that become a loop over a generator expression, and what they take by name
FOLDS = {
    "sum": {"start"},
    "prod": {"start"},
    "any": set[str](),
    "all": set[str](),
    "max": {"key", "default"},
    "min": {"key", "default"},
}
LAZY = frozenset({"zip", "enumerate", "map"})  # what takes elements one by one
# functions that take all elements of their argument before they do anything else
TAKERS = frozenset({"tuple", "list", "sorted", "dict", "fsum", "reversed"})


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
    if not any(map(is_concerned, ast.walk(source.node))):
        return source
    node: FunctionNode = copy.deepcopy(source.node)
    Desugar(source, meaning).inside(node)
    return Source(source.file, source.lines, node)


def is_concerned(node: ast.AST) -> bool:
    return isinstance(node, COMPREHENSIONS) or (isinstance(node, ast.Name) and node.id == "filter")


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
            case ast.Call():
                return self.call(node)
            case ast.For(iter=ast.GeneratorExp() as g):
                node.iter = self.lazy(g)
            case ast.For(iter=ast.Call() as made) if kept_ones := self.filtered(made):
                (one,) = kept_ones.generators
                bind = ast.copy_location(ast.Assign([node.target], kept_ones.elt), node)
                kept = ast.copy_location(ast.If(one.ifs[0], [bind, *node.body], []), node)
                node.target, node.iter, node.body = one.target, one.iter, [kept]
            case ast.Starred(value=ast.GeneratorExp() as g):
                node.value = self.collected(g, "list")
            case ast.Assign(targets=[ast.Tuple() | ast.List()], value=ast.GeneratorExp() as g):
                node.value = self.collected(g, "list")
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.GeneratorExp()]):
                return self.membership(node)
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

    def call(self, node: ast.Call) -> ast.AST:
        """A call of a function that takes a generator expression."""
        name = self.consumer(node.func)
        if name in FOLDS and node.args:
            first = self.generated(node.args[0])
            known = all(k.arg in FOLDS[name] for k in node.keywords)
            places = len(node.args) == 1 or (name == "sum" and len(node.args) == 2)
            if isinstance(first, ast.GeneratorExp) and known and places:
                given = {k.arg: k.value for k in node.keywords if k.arg}
                if node.args[1:]:
                    given["start"] = node.args[1]
                return self.fold(name, first, given, node)
        if name == "reduce" and len(node.args) in (2, 3) and not node.keywords:
            if isinstance(g := self.generated(node.args[1]), ast.GeneratorExp):
                return self.reduction(node.args[0], g, node.args[2:], node)
        takes = name in FOLDS or name in TAKERS or name in LAZY or name in ("reduce", "filter")
        for k, g in enumerate(node.args):
            if isinstance(g, ast.GeneratorExp) and takes:
                node.args[k] = self.lazy(g) if name in LAZY else self.collected(g, "list")
        self.inside(node)
        return node

    def membership(self, node: ast.Compare) -> ast.expr:
        """`x in (...)` asks for elements until one is equal."""
        g = node.comparators[0]
        assert isinstance(g, ast.GeneratorExp)
        wanted, acc = self.fresh("wanted"), self.fresh("found")
        same = ast.Compare(load(wanted, node), [ast.Eq()], [g.elt])
        g.elt = ast.copy_location(same, node)
        steps: list[ast.stmt] = [assign(wanted, self.one(node.left), node)]  # type: ignore[arg-type]
        found = self.search("any", g, acc, node)
        if isinstance(node.ops[0], ast.NotIn):
            found = ast.copy_location(ast.UnaryOp(ast.Not(), found), node)
        return ast.copy_location(Steps(steps, found), node)

    def generated(self, node: ast.expr) -> ast.expr:
        """A `filter(...)` as the generator expression that it means."""
        return (self.filtered(node) if isinstance(node, ast.Call) else None) or node

    def filtered(self, node: ast.Call) -> ast.GeneratorExp | None:
        """`filter(keep, xs)` as a generator expression, where `keep` may be asked anew."""
        if self.consumer(node.func) != "filter" or len(node.args) != 2 or node.keywords:
            return None
        keep, xs = node.args
        if not isinstance(keep, (ast.Name, ast.Lambda, ast.Attribute, ast.Constant)):
            return None
        if isinstance(xs, ast.Starred):
            return None
        name = self.fresh("kept")
        test: ast.expr = load(name, node)
        if not isinstance(keep, ast.Constant):
            test = ast.copy_location(ast.Call(keep, [test], []), node)
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        each = ast.comprehension(target, xs, [test], 0)
        return ast.copy_location(ast.GeneratorExp(load(name, node), [each]), node)

    def lazy(self, g: ast.GeneratorExp) -> ast.expr:
        """A generator expression as `map` of a lambda, where it is so plain; else a list."""
        one = g.generators[0]
        plain = len(g.generators) == 1 and not one.ifs and isinstance(one.target, ast.Name)
        if not plain or any(isinstance(n, ast.NamedExpr) for n in ast.walk(g.elt)):
            return self.collected(g, "list")
        assert isinstance(one.target, ast.Name)
        param = ast.copy_location(ast.arg(one.target.id), one.target)
        args = ast.arguments([], [param], None, [], [], None, [])
        each = ast.copy_location(ast.Lambda(args, g.elt), g)
        return ast.copy_location(ast.Call(builtin("map", g), [each, one.iter], []), g)

    def consumer(self, func: ast.expr) -> str:
        """The last part of the library's name of a function, `sum` or `prod`."""
        if isinstance(func, ast.Name):
            return (self.meaning(func.id) or "").rpartition(".")[2]
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            home = self.meaning(func.value.id)
            return func.attr if home in ("math", "functools", "builtins") else ""
        return ""

    # ---- the loops

    def fold(
        self, name: str, g: ast.GeneratorExp, given: dict[str, ast.expr], at: ast.AST
    ) -> ast.expr:
        acc = self.fresh(name)
        if name in ("any", "all"):
            return self.search(name, g, acc, at)
        if name in ("max", "min"):
            return self.extreme(name, g, given, at)
        start = given.get("start", number(0 if name == "sum" else 1, at))
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

    def extreme(
        self, name: str, g: ast.GeneratorExp, given: dict[str, ast.expr], at: ast.AST
    ) -> ast.expr:
        """max and min: the best so far, and its key where there is one."""
        key, default = given.get("key"), given.get("default")
        if isinstance(key, ast.Constant) and key.value is None:
            key = None
        acc, first, item = self.fresh(name), self.fresh("first"), self.fresh("item")
        best, score, by = (self.fresh(n) for n in ("best", "score", "key"))
        order = ast.Gt() if name == "max" else ast.Lt()

        def body(element: ast.expr) -> list[ast.stmt]:
            steps = [assign(item, element, at)]
            if key is None:
                both = [load(acc, at), load(item, at)]
                better = ast.copy_location(ast.Call(builtin(name, at), both, []), at)
                steps.append(assign(acc, choice(load(first, at), load(item, at), better, at), at))
                return [*steps, assign(first, number(False, at), at)]
            asked = ast.copy_location(ast.Call(load(by, at), [load(item, at)], []), at)
            ahead = ast.copy_location(ast.Compare(load(score, at), [order], [load(best, at)]), at)
            newer = self.fresh("newer")
            return [
                *steps,
                assign(score, asked, at),
                assign(newer, choice(load(first, at), number(True, at), ahead, at), at),
                assign(acc, choice(load(newer, at), load(item, at), load(acc, at), at), at),
                assign(best, choice(load(newer, at), load(score, at), load(best, at), at), at),
                assign(first, number(False, at), at),
            ]

        steps = [assign(by, key, at)] if key else []
        instead = self.fresh("default")
        steps += [assign(instead, default, at)] if default else []
        undefined = ast.copy_location(Undefined(), at)
        steps += [assign(n, undefined, at) for n in ((acc, best) if key else (acc,))]
        steps += [assign(first, number(True, at), at), self.loop(g.generators, g.elt, body)]
        if default:
            value = choice(load(first, at), load(instead, at), load(acc, at), at)
            return self.steps(steps, value, at)
        empty = refusal("ValueError", f"{name}() arg is an empty sequence", first, at)
        return self.steps([*steps, empty], load(acc, at), at)

    def reduction(
        self, f: ast.expr, g: ast.GeneratorExp, start: list[ast.expr], at: ast.AST
    ) -> ast.expr:
        """functools.reduce, whose first element stands for a start that is not given."""
        acc, first, by = self.fresh("reduced"), self.fresh("first"), self.fresh("by")
        item = self.fresh("item")

        def body(element: ast.expr) -> list[ast.stmt]:
            both = [load(acc, at), load(item, at)]
            joined = ast.copy_location(ast.Call(load(by, at), both, []), at)
            steps = [assign(item, element, at)]
            if start:
                return [*steps, assign(acc, joined, at)]
            chosen = choice(load(first, at), load(item, at), joined, at)
            return [*steps, assign(acc, chosen, at), assign(first, number(False, at), at)]

        init = start[0] if start else ast.copy_location(Undefined(), at)
        steps = [
            assign(by, f, at),
            assign(acc, init, at),
            assign(first, number(not start, at), at),
            self.loop(g.generators, g.elt, body),
        ]
        if not start:
            text = "reduce() of empty iterable with no initial value"
            steps.append(refusal("TypeError", text, first, at))
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


def choice(test: ast.expr, one: ast.expr, other: ast.expr, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.IfExp(test, one, other), at)


def refusal(error: str, text: str, where: str, at: ast.AST) -> ast.stmt:
    """`raise error(text)` where a name holds True."""
    message = ast.copy_location(ast.Constant(text), at)
    made = ast.copy_location(ast.Call(builtin(error, at), [message], []), at)
    raised = ast.copy_location(ast.Raise(made), at)
    return ast.copy_location(ast.If(load(where, at), [raised], []), at)


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
