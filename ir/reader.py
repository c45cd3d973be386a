"""What the rules of `grammar.lark` make: a module, as it is read.

One method for each rule, called with the rule's children as soon as the rule is complete.  So a
definition is known before its uses are read; a name that is not is an error at its place.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lark import Token

from .core import (
    UNBOUND,
    UNDEF,
    Block,
    Function,
    Literal,
    Loc,
    Loop,
    Module,
    Op,
    Operand,
    Record,
    Site,
    Value,
    literal,
)
from .errors import Error
from .ops import GENERIC, TABLE
from .printer import NAMED
from .types import C128, F64, I64, NONE, Array, Box, List, Scalar, Type

WORDS: dict[str, Any] = {
    "true": True, "false": False, "none": None, "undef": UNDEF, "unbound": UNBOUND,
}  # fmt: skip
TYPED_ATTRS = frozenset({"to", "elem", "type"})  # where `none` is the type, not the literal
NUMBERS = {  # the spelling of a number, its type where none follows, and the types that may
    "FLOAT": (float, F64, frozenset({"f64", "f32"})),
    "INT": (int, I64, frozenset({"i64", "i32", "u8"})),
    "COMPLEX": (complex, C128, frozenset({"c128"})),
}


class TextError(Error):
    """A text that is no module; `line` and `col` are 1-based."""

    line: int
    col: int

    def __init__(self, text: str, line: int, col: int) -> None:
        super().__init__("E12", None, text, "a text has the form that `str(module)` writes", "")
        self.text, self.line, self.col = text, line, col

    def __str__(self) -> str:
        return f"E12 line {self.line}, column {self.col}: {self.text}"


class _Place(NamedTuple):
    at: Value | str


class _Results(NamedTuple):
    first: tuple[Value, ...]
    rest: tuple[Value, ...] | None  # None where there is no `;`


class _Operands(NamedTuple):
    items: tuple[Operand, ...]


class _Group(NamedTuple):
    items: tuple[Operand, ...]


class _Captures(NamedTuple):
    values: tuple[Value, ...]


class _Arrow(NamedTuple):
    types: tuple[Type, ...]


class _Chain(NamedTuple):
    sites: Loc


class _Part(NamedTuple):
    """`carry`, `each` or `by`: what is defined, and from what."""

    word: str
    values: tuple[Value, ...]
    operands: tuple[Operand, ...]


class _Body(NamedTuple):
    """An op without its results, attributes and location."""

    opcode: str
    operands: tuple[Operand, ...]
    attrs: dict[str, Any]
    regions: tuple[Block, ...]
    groups: tuple[int, ...]


class Reader:
    """One method for each rule of the grammar, called with the rule's children."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.module = Module()
        self.begin()

    def begin(self) -> None:
        """Before a function: no names, and the header not yet read."""
        self.values: dict[str, Value] = {}
        self.places: dict[Value, tuple[int, int]] = {}  # line and column of a definition
        self.untyped: set[Value] = set()
        self.file: str | None = None
        self.typed: bool | None = None

    def fail(self, token: Token, text: str) -> TextError:
        return TextError(text, token.line or 0, token.column or 0)

    # ---- module, functions, records ----

    def start(self, items: list[Any]) -> Module:
        return self.module

    def record_types(self, items: list[Any]) -> None:
        self.record(items[0], Record(items[0][1:], tuple(items[1:])))

    def record_pullback(self, items: list[Any]) -> None:
        name, f, attrs = items
        wrt = attrs.get("wrt")
        if set(attrs) != {"wrt"} or not isinstance(wrt, tuple):
            raise self.fail(name, "a pullback's record says {wrt} and nothing else")
        self.record(name, Record(name[1:], (), f[1:], wrt))

    def record(self, token: Token, record: Record) -> None:
        if record.name in self.module.records:
            raise self.fail(token, f"record {token} is declared twice")
        self.module.records[record.name] = record

    def header(self, items: list[Any]) -> Function:
        token = items.pop(0)
        captures: tuple[Value, ...] = ()
        params: tuple[Value, ...] = ()
        results: tuple[Type, ...] | None = None
        attrs: dict[str, Any] = {}
        loc: Loc = ()
        for item in items:
            match item:
                case _Captures():
                    captures = item.values
                case _Arrow():
                    results = item.types
                case _Chain():
                    loc = item.sites
                case dict():
                    attrs = item
                case _:
                    params = item
        if token[1:] in self.module.functions:
            raise self.fail(token, f"function {token} is defined twice")
        self.typed = results is not None
        self.file = loc[0].file if loc else ""
        for v in captures + params:
            if (v in self.untyped) == self.typed:
                word = "needs a type" if self.typed else "has a type in a function without `->`"
                raise self.fail(token, f"%{v.name} {word}")
        f = Function(token[1:], captures, params, results, Block((), ()), attrs, loc)
        self.module.add(f)
        return f

    def func(self, items: list[Any]) -> None:
        f, block = items
        self.module.add(f.but(body=block))
        self.begin()

    def captures(self, items: list[Any]) -> _Captures:
        return _Captures(tuple(items[0]) if items else ())

    def arrow(self, items: list[Any]) -> _Arrow:
        return _Arrow(tuple(items))

    # ---- definitions, types ----

    def defs(self, items: list[Any]) -> tuple[Value, ...]:
        return tuple(items)

    def defn(self, items: list[Any]) -> Value:
        token = items[0]
        name = token[1:]
        t: Type | None = None
        place: Value | str | None = None
        for item in items[1:]:
            if isinstance(item, _Place):
                place = item.at
            else:
                t = item
        if name in self.values:
            raise self.fail(token, f"{token} is defined twice in one function")
        if self.typed is not None and (t is not None) != self.typed:
            word = "needs a type" if self.typed else "has a type in a function without `->`"
            raise self.fail(token, f"{token} {word}")
        # a name of digits alone is a temporary: the printer counts those
        v = Value(t or NONE, "" if name.isdecimal() else name, place)
        self.values[name] = v
        self.places[v] = (token.line or 0, token.column or 0)
        if t is None:
            self.untyped.add(v)
        return v

    def place(self, items: list[Any]) -> _Place:
        token = items[0]
        return _Place(self.used(token) if token.type == "VAL" else str(token))

    def scalar(self, items: list[Any]) -> Scalar:
        name, _, lanes = items[0].partition("x")
        return Scalar(name, int(lanes) if lanes else 1)

    def array(self, items: list[Any]) -> Array:
        return Array(self.scalar(items), int(items[1]), len(items) > 2)

    def list_(self, items: list[Any]) -> List:
        return List(tuple(items))

    def box(self, items: list[Any]) -> Box:
        return Box(items[0][1:])

    def block(self, items: list[Any]) -> Block:
        return Block((), tuple(items[1:]))  # the first is OPEN

    def op(self, items: list[Any]) -> Op:
        results = _Results((), None)
        attrs: dict[str, Any] = {}
        loc: Loc = ()
        body: _Body
        for item in items:
            if isinstance(item, _Body):
                body = item
            elif isinstance(item, _Results):
                results = item
            elif isinstance(item, _Chain):
                loc = item.sites
            else:
                attrs = item
        made = Op(
            body.opcode,
            body.operands,
            results.first + (results.rest or ()),
            {**body.attrs, **attrs},
            body.regions,
            loc,
            body.groups,
        )
        self.divided(made, results)
        return made

    def divided(self, op: Op, results: _Results) -> None:
        """The `;` of results stands where the loop's carries end."""
        if results.rest is None:
            return
        v = (op.results or (Value(),))[0]
        if op.opcode not in ("for", "while"):
            raise TextError(f"the results of {op.opcode} have no `;`", *self.places.get(v, (0, 0)))
        loop = Loop(op)
        if len(results.first) != loop.stop + loop.ncarries:
            raise TextError(
                f"{loop.stop + loop.ncarries} carries leave this loop, "
                f"{len(results.first)} stand before `;`",
                *self.places.get(v, (0, 0)),
            )

    def results(self, items: list[Any]) -> _Results:
        parts = [i for i in items if not isinstance(i, Token)]
        if len(parts) == len(items):
            return _Results(parts[0], None)
        if isinstance(items[0], Token):
            return _Results((), parts[0])
        return _Results(parts[0], parts[1])

    def simple(self, items: list[Any]) -> _Body:
        token = items[0]
        name = str(token)
        if name not in TABLE and name not in GENERIC:
            raise self.fail(token, f"no opcode `{name}`")
        parts: list[tuple[Operand, ...]] = [(), ()]
        after = False
        for item in items[1:]:
            if isinstance(item, Token):
                after = True
            else:
                parts[after] = item.items
        if after and name != "next":
            raise self.fail(token, f"`{name}` has no `;`")
        groups = (len(parts[0]), len(parts[1])) if name == "next" else ()
        return _Body(name, parts[0] + parts[1], {}, (), groups)

    def call(self, items: list[Any]) -> _Body:
        word, f = items[0], items[1]
        captures: tuple[Operand, ...] = ()
        parts: list[tuple[Operand, ...]] = [(), ()]
        after = False
        for item in items[2:]:
            if isinstance(item, _Group):
                captures = item.items
            elif isinstance(item, Token):
                after = True
            else:
                parts[after] = item.items
        if after != (word == "jvp"):
            raise self.fail(word, "tangents stand after `;` in a jvp, and only there")
        groups = (len(captures), len(parts[0]), len(parts[1]))
        operands = captures + parts[0] + parts[1]
        return _Body(str(word), operands, {"fn": f[1:]}, (), groups if after else groups[:2])

    def dynamic(self, items: list[Any]) -> _Body:
        return _Body("call", (items[1], *self.rest(items)), {}, (), ())

    def pull(self, items: list[Any]) -> _Body:
        rest = self.rest(items)
        return _Body("pull", (items[1], *rest), {}, (), (1, len(rest)))

    def rest(self, items: list[Any]) -> tuple[Operand, ...]:
        given: tuple[Operand, ...] = items[2].items if len(items) > 2 else ()
        return given

    def closure(self, items: list[Any]) -> _Body:
        captures: tuple[Operand, ...] = ()
        defaults: tuple[Operand, ...] = ()
        for item in items[1:]:
            if isinstance(item, _Group):
                captures = item.items
            else:
                defaults = item.items
        groups = (len(captures), len(defaults))
        return _Body("closure", captures + defaults, {"fn": items[0][1:]}, (), groups)

    def nested(self, items: list[Any]) -> _Body:
        token, *params, block = items
        defaults = tuple(d for _, d in params if d is not None)
        if any(d is None for _, d in params[len(params) - len(defaults) :]):
            raise self.fail(token, "a parameter without default follows one that has one")
        region = Block(tuple(v for v, _ in params), block.ops)
        return _Body("def", defaults, {"fn": token[1:]}, (region,), ())

    def param(self, items: list[Any]) -> tuple[Value, Operand | None]:
        return (items[0], items[1] if len(items) > 1 else None)

    def loop(self, items: list[Any]) -> tuple[dict[str, _Part], list[Block]]:
        parts = {i.word: i for i in items if isinstance(i, _Part)}
        return parts, [i for i in items if isinstance(i, Block)]

    def while_(self, items: list[Any]) -> _Body:
        parts, blocks = self.loop(items)
        carry = parts.get("carry", _Part("carry", (), ()))
        regions = tuple(Block(carry.values, b.ops) for b in blocks)
        return _Body("while", carry.operands, {}, regions, (len(carry.values),))

    def count(self, items: list[Any]) -> _Body:
        attrs = {"reversed": True} if isinstance(items[0], Token) else {}
        index, low, high = items[len(attrs) : len(attrs) + 3]
        parts, (block,) = self.loop(items)
        carry = parts.get("carry", _Part("carry", (), ()))
        each = parts.get("each", _Part("each", (), ()))
        step = parts["by"].operands[0] if "by" in parts else literal(1)
        operands = (low, high, step, *carry.operands, *each.operands)
        region = Block((index, *carry.values, *each.values), block.ops)
        groups = (3, len(carry.values), len(each.values))
        return _Body("for", operands, attrs, (region,), groups)

    def walk(self, items: list[Any]) -> _Body:
        index, iterable = items[:2]
        parts, (block,) = self.loop(items)
        carry = parts.get("carry", _Part("carry", (), ()))
        region = Block((index, *carry.values), block.ops)
        return _Body("for", (iterable, *carry.operands), {}, (region,), (1, len(carry.values)))

    def branch(self, items: list[Any]) -> _Body:
        return _Body("if", (items[0],), {}, (items[1], items[2]), ())

    def by(self, items: list[Any]) -> _Part:
        return _Part("by", (), tuple(items))

    def carry(self, items: list[Any]) -> _Part:
        return _Part("carry", tuple(v for v, _ in items), tuple(x for _, x in items))

    def each(self, items: list[Any]) -> _Part:
        return _Part("each", tuple(v for v, _ in items), tuple(x for _, x in items))

    def bind(self, items: list[Any]) -> tuple[Value, Operand]:
        return items[0], items[1]

    item = bind

    # ---- operands, attributes, locations ----

    def group(self, items: list[Any]) -> _Group:
        return _Group(items[0].items if items else ())

    def operands(self, items: list[Any]) -> _Operands:
        return _Operands(tuple(items))

    def used(self, token: Token) -> Value:
        v = self.values.get(token[1:])
        if v is None:
            raise self.fail(token, f"{token} is not defined before this use")
        return v

    def use(self, items: list[Any]) -> Value:
        return self.used(items[0])

    def literal(self, items: list[Any]) -> Literal:
        token = items[0]
        if token.type == "STRING":
            return literal(json.loads(token, strict=False))
        if token.type == "WORD":
            return literal(WORDS[token])
        read, t, allowed = NUMBERS[token.type]
        if len(items) > 1:
            t = self.scalar(items[1:])
            if t.name not in allowed:
                raise self.fail(token, f"{token} cannot be of type {t}")
        return Literal(read(token), t)

    def attrs(self, items: list[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for token, value in items:
            if token in found:
                raise self.fail(token, f"attribute `{token}` stands twice")
            found[str(token)] = value
        return found

    def attr(self, items: list[Any]) -> tuple[Token, Any]:
        token = items[0]
        value = items[1] if len(items) > 1 else True
        if isinstance(value, Literal):
            value = NONE if value.value is None and token in TYPED_ATTRS else value.value
        elif isinstance(value, Token):
            if token not in NAMED:
                raise self.fail(token, f"{value} cannot be the value of `{token}`")
            value = value[1:]
        if token == "wrt" and isinstance(value, str):
            value = (value,)
        return token, value

    def function(self, items: list[Any]) -> Token:
        token: Token = items[0]
        return token

    def tuple_(self, items: list[Any]) -> tuple[Any, ...]:
        for item in items:
            if isinstance(item, Token):
                raise self.fail(item, f"{item} cannot stand in a tuple")
        return tuple(i.value if isinstance(i, Literal) else i for i in items)

    def loc(self, items: list[Any]) -> _Chain:
        # in a header the file is not known yet: it is the first site's
        file = items[0][0] or "" if self.file is None else self.file
        sites = (Site(file if f is None else f, line, col) for f, line, col in items)
        return _Chain(tuple(sites))

    def site(self, items: list[Any]) -> Any:
        file = json.loads(items[0], strict=False) if len(items) > 2 else None
        return file, int(items[-2]), int(items[-1])
