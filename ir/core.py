"""What a program is: values, operations, blocks, functions, a module.

Everything here is immutable by convention: a pass builds new ones through `builder`.  A value is
known by identity; its name is a wish that the printer keeps where it can.

Operands of an op are one tuple, divided into `groups` (their sizes) where the opcode has several:

    opcode            groups of operands                   regions
    call vjp          captures, parameters
    jvp               captures, primals, tangents
    pull              pullback (1), cotangents
    closure           captures, defaults of the last parameters
    def               defaults of the last parameters      body (its block has the parameters)
    if                                                     then, else   (end in yield)
    for               bounds (lo, hi, step), inits, each   body(index, carries.., elements..)
    for (generic)     iterable (1), inits                  body(element, carries..)
    while             inits                                test(carries..), body(the same carries..)
    next              carries, ys                          (generic: stop stands before the carries)
    map               arrays                               body(elements..) ends in yield
    yield (of map)    elements, summands

Results of a loop are carries, then ys, then (a `while` that has the `;` part) the trip count.
Both regions of a `while` have the very same values as parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .types import BOOL, C128, F64, I64, NONE, STR, Scalar, Type


class Site(NamedTuple):
    """A place in the user's source, 1-based."""

    file: str
    line: int
    col: int


Loc = tuple[Site, ...]  # innermost first, then where it was inlined


class _Word:
    """A literal of generic stages that is no Python value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNDEF = _Word("undef")  # never read: joined with T it is T
UNBOUND = _Word("unbound")  # a name without a value on this path: a read raises


class Value:
    """One SSA value; `place` (stage memory) is "arena", "heap", "caller" or a value."""

    __slots__ = ("type", "name", "place")
    type: Type
    name: str
    place: Value | str | None

    def __init__(self, type: Type = NONE, name: str = "", place: Value | str | None = None) -> None:
        self.type, self.name, self.place = type, name, place

    def __repr__(self) -> str:
        return f"%{self.name or hex(id(self))[-5:]}: {self.type}"


class Literal:
    """A constant operand.  Equal when type and printed value agree: 0.0 and -0.0 differ."""

    __slots__ = ("value", "type", "_key", "_hash")
    value: Any
    type: Type

    def __init__(self, value: Any, type: Type) -> None:
        self.value, self.type = value, type
        self._key = (type, repr(value))
        self._hash = hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{self.value!r}: {self.type}"


Operand = Value | Literal


def literal(value: Any) -> Literal:
    """The literal of a Python value by its own type.

    >>> literal(True).type, literal(2).type, literal(2.0).type
    (Scalar(name='bool', lanes=1), Scalar(name='i64', lanes=1), Scalar(name='f64', lanes=1))
    """
    if isinstance(value, bool):
        return Literal(value, BOOL)
    if isinstance(value, int):
        return Literal(value, I64)
    if isinstance(value, float):
        return Literal(float(value), F64)
    if isinstance(value, complex):
        return Literal(value, C128)
    if isinstance(value, str):
        return Literal(value, STR)
    return Literal(value, NONE)


def zero_literal(t: Scalar) -> Literal:
    """Zero of a scalar type."""
    zeros: dict[str, Any] = {"f64": 0.0, "f32": 0.0, "c128": 0j, "bool": False}
    return Literal(zeros.get(t.name, 0), t)


class Op:
    """One operation.  `attrs` are printed, `groups` are seen in the syntax."""

    __slots__ = ("opcode", "operands", "results", "attrs", "regions", "loc", "groups")

    def __init__(
        self,
        opcode: str,
        operands: tuple[Operand, ...] = (),
        results: tuple[Value, ...] = (),
        attrs: Mapping[str, Any] | None = None,
        regions: tuple[Block, ...] = (),
        loc: Loc = (),
        groups: tuple[int, ...] = (),
    ) -> None:
        self.opcode = opcode
        self.operands = tuple(operands)
        self.results = tuple(results)
        self.attrs: Mapping[str, Any] = attrs if attrs is not None else {}
        self.regions = tuple(regions)
        self.loc = loc
        self.groups = tuple(groups)

    def group(self, k: int) -> tuple[Operand, ...]:
        """The operands of group k."""
        start = sum(self.groups[:k])
        return self.operands[start : start + self.groups[k]]

    def but(self, **changes: Any) -> Op:
        """This op with some fields changed; its results stay the same values."""
        fields = {name: changes.get(name, getattr(self, name)) for name in self.__slots__}
        return Op(**fields)

    def __repr__(self) -> str:
        return f"{list(self.results)} = {self.opcode} {list(self.operands)} {dict(self.attrs)}"


class Block:
    """Parameters, then ops; the last op ends it: yield, next, test, return or unreachable."""

    __slots__ = ("params", "ops", "_free")

    def __init__(self, params: tuple[Value, ...], ops: tuple[Op, ...]) -> None:
        self.params = tuple(params)
        self.ops = tuple(ops)
        self._free: tuple[Value, ...] | None = None

    @property
    def free(self) -> tuple[Value, ...]:
        """Values used here, nested regions included, but defined outside, in order of use.

        Found once, inner blocks first, so that deep nesting costs no more than flat code.
        """
        if self._free is None:
            order = [self]
            for block in order:
                inner = (r for op in block.ops for r in op.regions)
                order.extend(r for r in inner if r._free is None)
            for block in reversed(order):
                block._free = block._own_free()
        assert self._free is not None
        return self._free

    def _own_free(self) -> tuple[Value, ...]:
        bound = set(self.params)
        used: dict[Value, None] = {}
        for op in self.ops:
            for v in op.operands:
                if isinstance(v, Value) and v not in bound:
                    used.setdefault(v)
            for r in op.regions:
                for v in r._free or ():
                    if v not in bound:
                        used.setdefault(v)
            bound.update(op.results)
        return tuple(used)

    @property
    def end(self) -> Op:
        return self.ops[-1]

    @property
    def body(self) -> tuple[Op, ...]:
        """All ops but the one that ends the block."""
        return self.ops[:-1]

    @property
    def outs(self) -> tuple[Operand, ...]:
        """What the block's end hands on."""
        return self.ops[-1].operands


@dataclass(frozen=True, eq=False)
class Function:
    """`fn @name [captures](params) -> results`; `results` is None in generic stages."""

    name: str
    captures: tuple[Value, ...]
    params: tuple[Value, ...]
    results: tuple[Type, ...] | None
    body: Block
    attrs: Mapping[str, Any] = field(default_factory=dict)
    loc: Loc = ()

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Captures, then parameters: what a direct call passes, in its order."""
        return self.captures + self.params

    def but(self, **changes: Any) -> Function:
        fields = {n: changes.get(n, getattr(self, n)) for n in self.__dataclass_fields__}
        return Function(**fields)


@dataclass(frozen=True)
class Record:
    """What `box<@name>` holds.  Until stage `ad` a pullback's record names its function instead:
    `record @f.pullback = pullback @f {wrt = "x"}`."""

    name: str
    types: tuple[Type, ...] = ()
    pullback: str | None = None
    wrt: tuple[str, ...] = ()


@dataclass(eq=False)
class Module:
    """Functions by name, the first is the entry; records by name."""

    functions: dict[str, Function] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def entry(self) -> Function:
        return next(iter(self.functions.values()))

    def add(self, f: Function) -> Function:
        self.functions[f.name] = f
        return f

    def copy(self) -> Module:
        return Module(dict(self.functions), dict(self.records))

    def __str__(self) -> str:
        from .printer import print_module

        return print_module(self)


class Loop:
    """The anatomy of a `for` or `while`, so that nobody counts operands by hand."""

    __slots__ = ("op", "ncarries", "stop")

    def __init__(self, op: Op) -> None:
        self.op = op
        self.ncarries = op.groups[0] if op.opcode == "while" else op.groups[1]
        last = op.regions[-1].end
        # a generic loop that may be left has `stop` before the carries, in next and in the results
        self.stop = int(bool(last.groups) and last.groups[0] == self.ncarries + 1)

    @property
    def is_for(self) -> bool:
        return self.op.opcode == "for"

    @property
    def bounds(self) -> tuple[Operand, ...]:
        """lo, hi, step of a typed `for`; the iterable of a generic one; nothing of a `while`."""
        return self.op.group(0) if self.is_for else ()

    @property
    def inits(self) -> tuple[Operand, ...]:
        return self.op.group(1 if self.is_for else 0)

    @property
    def each(self) -> tuple[Operand, ...]:
        return self.op.group(2) if self.is_for and len(self.op.groups) > 2 else ()

    @property
    def reversed(self) -> bool:
        return bool(self.op.attrs.get("reversed"))

    @property
    def body(self) -> Block:
        return self.op.regions[-1]

    @property
    def index(self) -> Value | None:
        return self.body.params[0] if self.is_for else None

    @property
    def carries(self) -> tuple[Value, ...]:
        """The carries as the body (and the test) sees them."""
        k = int(self.is_for)
        return self.body.params[k : k + self.ncarries]

    @property
    def elements(self) -> tuple[Value, ...]:
        """The elements of `each` as the body sees them."""
        return self.body.params[int(self.is_for) + self.ncarries :]

    @property
    def next(self) -> tuple[Operand, ...]:
        return self.body.outs[self.stop : self.stop + self.ncarries]

    @property
    def ys(self) -> tuple[Operand, ...]:
        """The per-iteration outputs as the body hands them out."""
        return self.body.outs[self.stop + self.ncarries :]

    @property
    def results(self) -> tuple[Value, ...]:
        """The carries as they leave the loop."""
        return self.op.results[self.stop : self.stop + self.ncarries]

    @property
    def histories(self) -> tuple[Value, ...]:
        """The results that hold the ys of all iterations."""
        start = self.stop + self.ncarries
        return self.op.results[start : start + len(self.ys)]

    @property
    def trips(self) -> Value | None:
        """The trip count that a `while` with the `;` part yields."""
        n = self.stop + self.ncarries + len(self.ys)
        return self.op.results[n] if len(self.op.results) > n else None


LOOPS = frozenset({"for", "while"})
DERIVATIVES = frozenset({"vjp", "jvp", "pull"})


def walk(block: Block) -> Iterator[Op]:
    """All ops of a block, those of nested regions after the op that holds them."""
    stack = [iter(block.ops)]
    while stack:
        op = next(stack[-1], None)
        if op is None:
            stack.pop()
            continue
        yield op
        stack.extend(iter(r.ops) for r in reversed(op.regions))


def free_values(*blocks: Block) -> list[Value]:
    """Values used in the blocks, nested regions included, but defined outside, in order of use."""
    return list(dict.fromkeys(v for block in blocks for v in block.free))


def callees(op: Op) -> tuple[str, ...]:
    """Names of the functions that an op names, in attributes."""
    name = op.attrs.get("fn")
    return (name,) if isinstance(name, str) else ()


RULES = ("vjp", "jvp")  # attributes of a function: the functions that are its custom rule


def reached(module: Module, name: str, rules: bool = False) -> list[str]:
    """Functions reachable from one, itself first, in order of discovery; with `rules`, by custom
    rules, too.
    """
    seen: dict[str, None] = {}
    todo = [name]
    while todo:
        f = todo.pop()
        if f in seen or f not in module.functions:
            continue
        seen[f] = None
        found = [n for op in walk(module.functions[f].body) for n in callees(op)]
        if rules:
            found += [n for rule in RULES for n in module.functions[f].attrs.get(rule, ())]
        todo.extend(reversed(found))
    return list(seen)
