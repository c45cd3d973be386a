"""The text form of a module; `parser` is its exact inverse.

    record @f.pullback = pullback @f {wrt = "x"}
    fn @f [%a: f64](%x: f64) -> f64 at "user.py" 1:1 {
      %0: f64 = mul %x, %a                                         at 2:12
      return %0                                                    at 2:5
    }

A value keeps its name where that is free in the function; else the first free number is appended.
A name of digits alone is a temporary and is counted anew, so printing what was parsed gives the
same text.  Blocks nest without recursion: a generator stands for a block, a stack holds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

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
)
from .ops import is_literal
from .types import BOOL, C128, F64, I64, NONE, STR, Array, Box, List, Scalar

COLUMN = 63  # locations start in column 64
NAME = re.compile(r"\w+(\.\w+)*")
WORD = re.compile(r"[a-z_][a-z0-9_]*")
TYPES = (Scalar, Array, List, Box)
# attributes that stand in the syntax of their op
SYNTAX: dict[str, frozenset[str]] = {
    name: frozenset({"fn"}) for name in ("call", "vjp", "jvp", "closure", "def")
} | {"for": frozenset({"reversed"})}
NAMED = frozenset({"fn", "record"})  # attributes whose string names a function or a record
Lines = Iterator[Any]  # lines, and iterators of lines


class PrintError(ValueError):
    """Something that the text form cannot hold."""


def print_module(module: Module) -> str:
    """The text of a module: records, then functions in their order."""
    lines = [_record(r) for r in module.records.values()]
    lines += [_function(f) for f in module.functions.values()]
    return "".join(lines)


def print_function(f: Function, module: Module | None = None) -> str:
    """The text of one function."""
    return _function(f)


def describe(op: Op, f: Function | None = None) -> str:
    """One line about an op, for messages; names are those of the text of `f` where it prints."""
    writer = _Writer("", typed=f is None or f.results is not None)
    if f is not None:
        with suppress(Exception):  # a broken function names what it can
            flatten(writer.function(f))
    try:
        text: str = next(iter(writer.nest(op, 0))) if op.regions else writer.flat(op, 0)
    except Exception:
        return repr(op)
    return text.strip().removesuffix("{").strip()


def _function(f: Function) -> str:
    file = f.loc[0].file if f.loc else ""
    lines = flatten(_Writer(file, typed=f.results is not None).function(f))
    return "\n".join(lines) + "\n"


def flatten(lines: Lines) -> list[str]:
    """The lines of nested iterators in their order, without recursion."""
    found: list[str] = []
    stack = [lines]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
        elif isinstance(item, str):
            found.append(item)
        else:
            stack.append(item)
    return found


# ---- literals, attributes, locations ----------------------------------------------------------


def string(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _float(value: float) -> str:
    return repr(float(value))


def _complex(value: complex) -> str:
    imaginary = _float(value.imag)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{_float(value.real)}{sign}{imaginary}j"


def _number(value: Any, t: Scalar) -> str:
    """A number as its type writes it."""
    if t.name in ("f64", "f32"):
        return _float(value)
    if t.name == "c128":
        return _complex(complex(value))
    if t == BOOL:
        return "true" if value else "false"
    return str(int(value))


def literal_text(v: Literal) -> str:
    """A literal operand; types that the spelling does not tell follow it."""
    if isinstance(v.type, Scalar) and isinstance(v.value, (bool, int, float, complex)):
        text = _number(v.value, v.type)
        return text if v.type in (F64, I64, BOOL, C128) else f"{text}:{v.type}"
    if v.type == STR and isinstance(v.value, str):
        return string(v.value)
    if v.type == NONE and (v.value is None or v.value is UNDEF or v.value is UNBOUND):
        return "none" if v.value is None else repr(v.value)
    raise PrintError(f"no literal of type {v.type} can hold {v.value!r}")


def attribute_text(key: str, value: Any) -> str:
    """One attribute: `exact`, `to = i64`, `wrt = ("x", "y")`."""
    if not WORD.fullmatch(key):
        raise PrintError(f"{key!r} is no attribute name")
    if value is True:
        return key
    if key == "wrt" and isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if key in NAMED and isinstance(value, str):
        return f"{key} = {symbol(value)}"
    return f"{key} = {_attribute(value)}"


def _attribute(value: Any) -> str:
    if isinstance(value, TYPES):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_attribute, value))})"
    if value is None or value is UNDEF or value is UNBOUND:
        return "none" if value is None else repr(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, complex):
        return _complex(value)
    if isinstance(value, str):
        return string(value)
    raise PrintError(f"no attribute can hold {value!r}")


def symbol(name: str) -> str:
    if not NAME.fullmatch(name):
        raise PrintError(f"{name!r} is no name of a function or record")
    return "@" + name


def _site(site: Site, file: str) -> str:
    where = f"{site.line}:{site.col}"
    return where if site.file == file else f"{string(site.file)} {where}"


def location_text(loc: Loc, file: str) -> str:
    """`at 2:25 from 6:13`; a file only where it is not the function's."""
    return "at " + " from ".join(_site(s, file) for s in loc)


def _header_location(loc: Loc) -> str:
    first = _site(loc[0], "")
    return "at " + " from ".join([first, *(_site(s, loc[0].file) for s in loc[1:])])


def _braces(items: list[str]) -> str:
    return f" {{{', '.join(items)}}}" if items else ""


def _record(r: Record) -> str:
    if r.pullback is not None:
        wrt = attribute_text("wrt", r.wrt)
        return f"record {symbol(r.name)} = pullback {symbol(r.pullback)} {{{wrt}}}\n"
    return f"record {symbol(r.name)} = ({', '.join(map(str, r.types))})\n"


def _public(attrs: Mapping[str, Any]) -> list[str]:
    """Attributes of a function; what is not plain data belongs to a pass and is not printed."""
    found = []
    for key, value in attrs.items():
        try:
            found.append(attribute_text(key, value))
        except PrintError:
            continue
    return found


# ---- names ------------------------------------------------------------------------------------


class _Names:
    """Names of the values of one function."""

    def __init__(self) -> None:
        self.of: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.counts: dict[str, int] = {}
        self.temporaries = 0

    def __call__(self, v: Value) -> str:
        name = self.of.get(v)
        if name is None:
            name = self.of[v] = self._fresh(v.name)
        return "%" + name

    def _fresh(self, wish: str) -> str:
        if not NAME.fullmatch(wish):
            parts = [re.sub(r"\W", "_", part) for part in wish.split(".")]
            wish = ".".join(filter(None, parts))
        if not wish or re.fullmatch("[0-9]+", wish):
            self.temporaries += 1
            return str(self.temporaries - 1)
        name = wish
        while name in self.taken:
            self.counts[wish] = self.counts.get(wish, 0) + 1
            name = f"{wish}.{self.counts[wish]}"
        self.taken.add(name)
        return name


# ---- functions, blocks, ops -------------------------------------------------------------------


class _Writer:
    """Writes one function: its names, its file, and whether definitions show types."""

    def __init__(self, file: str, typed: bool) -> None:
        self.file = file
        self.typed = typed
        self.names = _Names()

    def function(self, f: Function) -> Lines:
        text = f"fn {symbol(f.name)}"
        if f.captures:
            text += f" [{self.definitions(f.captures)}]"
        text += f"({self.definitions(f.params)})"
        if f.results is not None:
            types = ", ".join(map(str, f.results))
            text += f" -> {types}" if len(f.results) == 1 else f" -> ({types})"
        text += _braces(_public(f.attrs))
        if f.loc:
            text += " " + _header_location(f.loc)
        yield text + " {"
        yield self.block(f.body, 1)
        yield "}"

    def block(self, block: Block, depth: int) -> Lines:
        for op in block.ops:
            yield self.nest(op, depth) if op.regions else self.flat(op, depth)

    def definition(self, v: Value) -> str:
        text = self.names(v)
        if self.typed:
            text += f": {v.type}"
        if v.place is not None:
            text += f" in {self.names(v.place) if isinstance(v.place, Value) else v.place}"
        return text

    def definitions(self, values: tuple[Value, ...]) -> str:
        return ", ".join(map(self.definition, values))

    def operand(self, v: Operand) -> str:
        return self.names(v) if isinstance(v, Value) else literal_text(v)

    def operands(self, values: tuple[Operand, ...]) -> str:
        return ", ".join(map(self.operand, values))

    def flat(self, op: Op, depth: int) -> str:
        """An op without regions: one line."""
        return self.line(self.left(op) + self.spelled(op), op, depth)

    def line(self, text: str, op: Op, depth: int) -> str:
        """Indentation, text, attributes and location."""
        hidden = SYNTAX.get(op.opcode, frozenset())
        attrs = [attribute_text(k, v) for k, v in op.attrs.items() if k not in hidden]
        text = "  " * depth + text + _braces(attrs)
        if op.loc:
            text = text.ljust(max(COLUMN, len(text) + 2)) + location_text(op.loc, self.file)
        return text

    def left(self, op: Op) -> str:
        """`%a, %b; %c = `; nothing where there are no results."""
        if not op.results:
            return ""
        n = len(op.results)
        if op.opcode in ("for", "while"):
            loop = Loop(op)
            n = loop.stop + loop.ncarries
        text = self.definitions(op.results[:n])
        if n < len(op.results):
            text += "; " + self.definitions(op.results[n:])
        return text + " = "

    def spelled(self, op: Op) -> str:
        """Opcode and operands of an op without regions."""
        match op.opcode:
            case "call" if not op.groups:
                callee, *rest = op.operands
                return f"call {self.operand(callee)}({self.operands(tuple(rest))})"
            case "call" | "vjp" | "jvp":
                text = f"{op.opcode} {symbol(op.attrs['fn'])}{self.captured(op)}"
                tangents = f"; {self.operands(op.group(2))}" if op.opcode == "jvp" else ""
                return f"{text}({self.operands(op.group(1))}{tangents.rstrip()})"
            case "pull":
                return f"pull {self.operand(op.operands[0])}({self.operands(op.operands[1:])})"
            case "closure":
                defaults = f"({self.operands(op.group(1))})" if op.groups[1] else ""
                return f"closure {symbol(op.attrs['fn'])}{self.captured(op)}{defaults}"
            case "next" if len(op.groups) > 1 and op.groups[1]:
                carries, ys = self.operands(op.group(0)), self.operands(op.group(1))
                return f"next {carries}; {ys}"
            case _ if op.operands:
                return f"{op.opcode} {self.operands(op.operands)}"
            case _:
                return op.opcode

    def captured(self, op: Op) -> str:
        return f" [{self.operands(op.group(0))}]" if op.groups[0] else ""

    def nest(self, op: Op, depth: int) -> Lines:
        """An op with regions."""
        indent = "  " * depth
        left = indent + self.left(op)
        between = {"if": "} else {", "while": "} do {"}.get(op.opcode, "")
        match op.opcode:
            case "if":
                yield f"{left}if {self.operand(op.operands[0])} {{"
            case "def":
                yield f"{left}def {symbol(op.attrs['fn'])}({self.defaulted(op)}) {{"
            case "for" | "while":
                loop = Loop(op)
                head = [left + (self.counted(loop) if loop.is_for else "while")]
                head += [f"{indent}    {part}" for part in self.carried(loop)]
                yield "\n".join(head) + " {"
            case _:
                raise PrintError(f"{op.opcode} has no form with regions")
        for k, region in enumerate(op.regions):
            if k:
                yield indent + between
            yield self.block(region, depth + 1)
        yield self.line("}", op, depth)

    def defaulted(self, op: Op) -> str:
        """Parameters of a nested function, the last of them with defaults."""
        params = op.regions[0].params
        plain = len(params) - len(op.operands)
        texts = [self.definition(p) for p in params]
        for k, v in enumerate(op.operands):
            texts[plain + k] += f" = {self.operand(v)}"
        return ", ".join(texts)

    def counted(self, loop: Loop) -> str:
        """`for reversed %k: i64 = 0 to %n by 2`, or `for %v of %xs`."""
        assert loop.index is not None
        index = self.definition(loop.index)
        if len(loop.op.groups) == 2:
            return f"for {index} of {self.operand(loop.bounds[0])}"
        low, high, step = loop.bounds
        word = "for reversed" if loop.reversed else "for"
        text = f"{word} {index} = {self.operand(low)} to {self.operand(high)}"
        return text if is_literal(step, 1) else f"{text} by {self.operand(step)}"

    def carried(self, loop: Loop) -> Iterator[str]:
        """The lines of carries and of elements."""
        pairs = zip(loop.carries, loop.inits, strict=True)
        carries = [f"{self.definition(p)} = {self.operand(v)}" for p, v in pairs]
        if carries:
            yield "carry " + ", ".join(carries)
        items = zip(loop.elements, loop.each, strict=True)
        each = [f"{self.definition(p)} of {self.operand(v)}" for p, v in items]
        if each:
            yield "each " + ", ".join(each)
