"""`match` statements as `if` statements, before a function is lowered.

    match e:                               subject.1 = e
        case Number(v):                    if isinstance(subject.1, Number):
            return v                           v = subject.1.value
        case Plus(l, r) if r is not l:         return v
            return l, r            =       elif isinstance(subject.1, Plus) and (
                                               l, r = subject.1.left, subject.1.right; r is not l):
                                               return l, r

A pattern is a list of steps: tests, and names for parts of the subject.  The steps up to the last
test are the condition, those after it stand in the arm, where the value is known better.  Names of
the pattern are bound once all of it has matched, as in Python; parts have names of their own.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from .desugar import Steps, Undefined, assign, builtin, load
from .errors import Error
from .source import FunctionNode, Source

Resolve = Callable[[ast.expr], Any]  # the object that a name or attribute stands for, or None
Step = tuple[str, ast.expr]  # a name to give to a value; without a name, a test

SELF = (bool, bytes, bytearray, dict, float, frozenset, int, list, set, str, tuple)


def matched(source: Source, resolve: Resolve) -> Source:
    """The source with `if` for `match`; itself where it has none."""
    if not any(isinstance(n, ast.Match) for n in ast.walk(source.node)):
        return source
    node: FunctionNode = copy.deepcopy(source.node)
    Matching(source, resolve).inside(node)
    return Source(source.file, source.lines, node)


class Matching:
    """The rewriting of one function; it counts the names it makes."""

    def __init__(self, source: Source, resolve: Resolve) -> None:
        self.source, self.resolve = source, resolve
        self.count = 0
        self.parts: list[str] = []  # names of parts within one statement

    def inside(self, node: ast.AST) -> None:
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                out: list[Any] = []
                for v in value:
                    if isinstance(v, ast.AST):
                        self.inside(v)
                    out += self.statement(v) if isinstance(v, ast.Match) else [v]
                value[:] = out
            elif isinstance(value, ast.AST):
                self.inside(value)

    def statement(self, node: ast.Match) -> list[ast.stmt]:
        self.parts = []
        subject = self.fresh("subject")
        arms = [self.case(c, subject) for c in node.cases]
        rest: list[ast.stmt] = []
        for case, (test, body) in zip(reversed(node.cases), reversed(arms), strict=True):
            if test is None:
                rest = body
            else:
                rest = [ast.copy_location(ast.If(test, body, rest), case.pattern)]
        unread = [assign(n, at(Undefined(), node), node) for n in self.parts]
        return [assign(subject, node.subject, node), *unread, *rest]

    def case(self, case: ast.match_case, subject: str) -> tuple[ast.expr | None, list[ast.stmt]]:
        """The condition, None where it always matches, and the arm."""
        p = case.pattern
        names: list[Step] = []
        steps = self.pattern(p, load(subject, p), names)
        if case.guard is not None:
            return self.condition([*steps, *names, ("", case.guard)], p), case.body
        last = max((k + 1 for k, (name, _) in enumerate(steps) if not name), default=0)
        arm = [assign(n, v, p) for n, v in [*steps[last:], *names]]
        for n, _ in steps[last:]:
            self.parts.remove(n)  # bound where they are read
        return self.condition(steps[:last], p), [*arm, *case.body]

    def condition(self, steps: list[Step], p: ast.AST) -> ast.expr | None:
        """`a and (x = ...; b and ...)`."""
        out: ast.expr | None = None
        lets: list[ast.stmt] = []
        for name, value in reversed(steps):
            if name:
                lets.insert(0, assign(name, value, p))
                continue
            if out is not None and lets:
                out = at(Steps(lets, out), p)
            out = value if out is None else at(ast.BoolOp(ast.And(), [value, out]), p)
            lets = []
        return at(Steps(lets, out), p) if lets and out is not None else out

    def fresh(self, name: str) -> str:
        self.count += 1
        return f"{name}.m{self.count}"

    # ---- patterns

    def part(self, value: ast.expr, p: ast.pattern, steps: list[Step], names: list[Step]) -> None:
        """A pattern inside another, on a part of the subject."""
        if isinstance(p, ast.MatchAs) and p.pattern is None:
            if p.name is not None:
                names.append((p.name, value))
            return
        name = self.fresh("part")
        self.parts.append(name)
        steps.append((name, value))
        steps += self.pattern(p, load(name, p), names)

    def pattern(self, p: ast.pattern, subject: ast.expr, names: list[Step]) -> list[Step]:
        match p:
            case ast.MatchValue(value=value):
                return [test(compare(subject, ast.Eq(), value, p))]
            case ast.MatchSingleton(value=value):
                known = at(ast.Constant(value), p)
                return [test(compare(subject, ast.Is(), known, p))]
            case ast.MatchAs(pattern=inner, name=name):
                steps = self.pattern(inner, subject, names) if inner is not None else []
                if name is not None:
                    names.append((name, subject))
                return steps
            case ast.MatchOr(patterns=patterns):
                return [test(self.either(patterns, subject, p, names))]
            case ast.MatchClass():
                return self.record(p, subject, names)
            case ast.MatchSequence(patterns=patterns):
                return self.sequence(p, patterns, subject, names)
            case ast.MatchMapping():
                return self.mapping(p, subject, names)
        raise self.refused(p, "this pattern", "compare with `if`")

    def either(
        self, patterns: list[ast.pattern], subject: ast.expr, p: ast.AST, names: list[Step]
    ) -> ast.expr:
        """One of several; each binds the same names, under the name of a part at first."""
        tests: list[ast.expr] = []
        held: dict[str, str] = {}
        for q in patterns:
            mine: list[Step] = []
            steps = self.pattern(q, subject, mine)
            for name, _ in mine:
                if name not in held:
                    held[name] = self.fresh("part")
                    self.parts.append(held[name])
            if mine:
                steps += [(held[name], value) for name, value in mine]
                steps.append(test(at(ast.Constant(True), q)))
            tests.append(self.condition(steps, q) or at(ast.Constant(True), q))
        names += [(name, load(part, p)) for name, part in held.items()]
        made: ast.expr = at(ast.BoolOp(ast.Or(), tests), p)
        return made

    def mapping(self, p: ast.MatchMapping, subject: ast.expr, names: list[Step]) -> list[Step]:
        """A dict that has these keys."""
        steps = [test(call("isinstance", [subject, builtin("dict", p)], p))]
        steps += [test(compare(k, ast.In(), subject, k)) for k in p.keys]
        for k, q in zip(p.keys, p.patterns, strict=True):
            self.part(at(ast.Subscript(subject, k, ast.Load()), q), q, steps, names)
        if p.rest is not None:
            known = at(ast.Tuple(p.keys, ast.Load()), p)
            key, value = self.fresh("key"), self.fresh("value")
            pair = at(ast.Tuple([store(key, p), store(value, p)], ast.Store()), p)
            items = at(ast.Call(at(ast.Attribute(subject, "items", ast.Load()), p), [], []), p)
            wanted = compare(load(key, p), ast.NotIn(), known, p)
            each = ast.comprehension(pair, items, [wanted], 0)
            names.append((p.rest, at(ast.DictComp(load(key, p), load(value, p), [each]), p)))
        return steps

    def record(self, p: ast.MatchClass, subject: ast.expr, names: list[Step]) -> list[Step]:
        """A class pattern: its fields by place are those of `__match_args__`."""
        steps = [test(call("isinstance", [subject, p.cls], p))]
        cls = self.resolve(p.cls)
        if not isinstance(cls, type):
            shown = ast.unparse(p.cls)
            why = "which fields a class pattern asks about must be known when compiling"
            raise Error("E01", self.source.loc(p.cls), f"the class `{shown}`", why, NAMED)
        fields = getattr(cls, "__match_args__", ())
        if len(p.patterns) == 1 and not fields and issubclass(cls, SELF):
            return steps + self.pattern(p.patterns[0], subject, names)
        if len(p.patterns) > len(fields):
            found = f"{len(p.patterns)} patterns by place for `{cls.__name__}`"
            why = f"its fields are ({', '.join(fields)})"
            raise Error("E03", self.source.loc(p), found, why, "write as many as it has fields")
        by_name = zip(
            [*fields[: len(p.patterns)], *p.kwd_attrs], [*p.patterns, *p.kwd_patterns], strict=True
        )
        for name, q in by_name:
            self.part(at(ast.Attribute(subject, name, ast.Load()), q), q, steps, names)
        return steps

    def sequence(
        self, p: ast.AST, patterns: list[ast.pattern], subject: ast.expr, names: list[Step]
    ) -> list[Step]:
        """A tuple or list of this length, or of at least that many where one has a star."""
        stars = [k for k, q in enumerate(patterns) if isinstance(q, ast.MatchStar)]
        kinds = at(ast.Tuple([builtin("tuple", p), builtin("list", p)], ast.Load()), p)
        size = call("len", [subject], p)
        op: ast.cmpop = ast.GtE() if stars else ast.Eq()
        count = at(ast.Constant(len(patterns) - len(stars)), p)
        steps = [test(call("isinstance", [subject, kinds], p))]
        steps.append(test(compare(size, op, count, p)))
        for k, q in enumerate(patterns):
            after = k - len(patterns) if stars and k > stars[0] else k
            if not isinstance(q, ast.MatchStar):
                self.part(item(subject, after, q), q, steps, names)
            elif q.name is not None:
                end = k + 1 - len(patterns)
                upper = at(ast.Constant(end), q) if end else None
                cut = at(ast.Slice(at(ast.Constant(k), q), upper), q)
                rest = at(ast.Subscript(subject, cut, ast.Load()), q)
                names.append((q.name, call("list", [rest], q)))
        return steps

    def refused(self, p: ast.AST, what: str, instead: str) -> Error:
        why = "patterns are classes, tuples, dicts, values, names and None"
        return Error("E01", self.source.loc(p), what, why, instead)


NAMED = "name a class of the module"


def at(node: Any, where: ast.AST) -> Any:
    return ast.copy_location(node, where)


def test(value: ast.expr) -> Step:
    return "", value


def compare(left: ast.expr, op: ast.cmpop, right: ast.expr, where: ast.AST) -> ast.expr:
    made: ast.expr = at(ast.Compare(left, [op], [right]), where)
    return made


def call(name: str, args: list[ast.expr], where: ast.AST) -> ast.expr:
    made: ast.expr = at(ast.Call(builtin(name, where), args, []), where)
    return made


def store(name: str, where: ast.AST) -> ast.expr:
    made: ast.expr = at(ast.Name(name, ast.Store()), where)
    return made


def item(value: ast.expr, k: int, where: ast.AST) -> ast.expr:
    made: ast.expr = at(ast.Subscript(value, at(ast.Constant(k), where), ast.Load()), where)
    return made
