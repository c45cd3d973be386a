"""A frame: one abstract run over one generic function, which emits its typed ops as it goes.

`env` maps generic values to abstract ones, `store` maps cells to their contents.  A path that does
not go on (it raised, or it waits for the result of a recursion) leaves by `Dead`.

The recursion here follows the nesting of the program and is pure Python: no C frame stands between
two of its steps, so the interpreter's stack does not grow with it (`deep` raises its limit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...ir.builder import Builder
from ...ir.core import Block, Function, Literal, Loc, Op, Operand, Value
from ...ir.ops import TABLE, overflows
from ...ir.types import BOOL, C128, F64, I64, Type
from ..errors import Error
from . import (
    arrays,
    boxes,
    branches,
    calls,
    cells,
    forms,
    iteration,
    joins,
    operators,
    pending,
    readings,
    records,
    sequences,
    sums,
    texts,
    vectors,
)
from .values import AV, NOTHING, Dead, static

if TYPE_CHECKING:
    from .instances import Instance, Program

I64_MIN, I64_MAX = -(2**63), 2**63 - 1
ENDS = frozenset({"yield", "next", "test", "return"})


class Frame:
    def __init__(self, program: Program, instance: Instance, fn: Function | None, me: AV) -> None:
        self.program = program
        self.instance = instance
        self.fn = fn
        self.me = me
        self.env: dict[Value, AV] = {}
        self.store: dict[Any, AV] = {}
        self.cells = 0
        self.headers = 0  # cells of loops: those never get a number again
        self.b = Builder(program.module, fold=False, share=False, hoist=False)
        self.loc: Loc = fn.loc if fn else ()
        self.op: Op | None = None  # that is run
        self.natural: set[Value] = set()  # ints known not to be negative
        self.strided: list[Value] = []  # parameters that stand for an array nobody reads
        self.facts: dict[Operand, sums.Fact] = {}  # what bools say of sums
        self.iterators: dict[int, AV] = {}  # by identity: see `readings`
        self.readings: dict[int, Op] = {}  # which op has read each of them
        self.opened: dict[AV, AV] = {}  # the boxes that values stood in
        self.implied: dict[tuple[Operand, bool], sums.Known] = {}  # the same, of generic bools
        self.subjects: dict[Operand, list[Value]] = {}  # which generic values they say it of
        self.home = fn.loc[0].file if fn is not None and fn.loc else ""  # of the function
        self.fuses = self.home == pending.ELEMENTS  # reads each element once
        self.grows = vectors.grows(self)  # makes lists that can grow
        self.hidden: dict[str, AV] = {}  # global arrays and numbers that come as parameters

    # ---- emission

    def emit(
        self,
        opcode: str,
        operands: Sequence[Operand],
        types: Sequence[Type],
        attrs: Mapping[str, Any] | None = None,
        names: Sequence[str] = (),
        regions: Sequence[Block] = (),
        groups: Sequence[int] = (),
    ) -> Operand:
        """Emit an op with one result."""
        return self.results(opcode, operands, types, attrs, names, regions, groups)[0]

    def results(
        self,
        opcode: str,
        operands: Sequence[Operand],
        types: Sequence[Type],
        attrs: Mapping[str, Any] | None = None,
        names: Sequence[str] = (),
        regions: Sequence[Block] = (),
        groups: Sequence[int] = (),
    ) -> tuple[Operand, ...]:
        return self.b.emit(
            opcode, operands, attrs, types, names, regions, loc=self.loc, groups=groups
        )

    def scalar(
        self, opcode: str, operands: Sequence[Operand], to: Type, exact: bool = False
    ) -> Operand:
        """A scalar op; computed here where all operands are known."""
        for x in operands:
            if not isinstance(x, Literal):
                break
        else:
            return self.computed(opcode, operands, to)
        attrs = {"exact": True} if exact else None
        return self.b.emit(opcode, operands, attrs, (to,), loc=self.loc)[0]

    def computed(self, opcode: str, operands: Sequence[Operand], to: Type) -> Operand:
        meaning = TABLE[opcode].meaning
        assert meaning is not None, opcode
        value: Any = meaning(*[x.value for x in operands if isinstance(x, Literal)])
        if overflows(to, value):
            self.check(Literal(False, BOOL), "OverflowError", OVERFLOW)
        return Literal(value, to)

    def check(self, ok: Operand, error: str, text: str, *shown: Operand) -> None:
        """Raise at run time where `ok` is false; `shown` go into the fields of the text."""
        if isinstance(ok, Literal) and ok.value:
            return
        self.b.emit("check", [ok, *shown], {"error": error, "text": text}, (), loc=self.loc)
        if isinstance(ok, Literal):
            raise Dead

    def convert(self, x: Operand, to: Type) -> Operand:
        """A number as another type of number, as a join or an operation demands it."""
        if x.type == to:
            if isinstance(x, Literal) and to == I64 and not I64_MIN <= x.value <= I64_MAX:
                self.check(Literal(False, BOOL), "OverflowError", OVERFLOW)
            return x
        if isinstance(x, Literal):
            if to == F64:
                try:
                    return Literal(float(x.value), F64)
                except OverflowError:
                    self.check(Literal(False, BOOL), "OverflowError", TOO_LARGE)
            if to == C128:
                return Literal(complex(x.value), C128)
            return Literal(int(x.value), I64)
        return self.b.emit("convert", [x], {"to": to}, (to,), loc=self.loc)[0]

    def error(self, code: str, found: str, why: str, instead: str) -> Error:
        return Error(code, self.loc, found, why, instead)

    # ---- running

    def get(self, v: Operand) -> AV:
        return static(v.value) if isinstance(v, Literal) else self.env[v]

    def run(self, block: Block) -> list[AV]:
        """Run a block; what its end hands on."""
        env = self.env
        for op in block.ops:
            opcode = op.opcode
            self.op, self.loc = op, op.loc
            if opcode in ENDS:
                return [self.whole(self.get(v)) for v in op.operands]
            if opcode == "if":
                self.branch(op)
            elif opcode in ("while", "for"):
                if self.iterators:
                    readings.read(self, op, [self.get(v) for v in op.operands])
                iteration.loop(self, op)
            elif opcode == "unpack":
                value, star = self.get(op.operands[0]), op.attrs.get("star")
                readings.read(self, op, [value])
                parts = sequences.unpack(self, value, len(op.results), star)
                for v, a in zip(op.results, parts, strict=True):
                    env[v] = self.named(a, v.name)
            else:
                a = self.step(op, opcode, [self.get(v) for v in op.operands])
                if op.results:
                    v = op.results[0]
                    if self.facts:
                        self.tell(op, a)
                    env[v] = self.named(self.whole(a), v.name) if v.name else a
        raise Dead

    def named(self, a: AV, name: str) -> AV:
        """Let a fresh result have the name that the user gave it."""
        held = records.contents(self, a)
        if held.kind in ("num", "array") and name:
            x = held.leaves[0]
            if isinstance(x, Value) and not x.name:
                x.name = name
        return a

    def whole(self, a: AV) -> AV:
        """A value that is handed on: an array that nobody has made yet is made."""
        return a if a.kind != "pending" or self.fuses else pending.settled(self, a)

    def branch(self, op: Op) -> None:
        cond = operators.truth(self, self.get(op.operands[0]))
        then, other = op.regions
        if isinstance(cond, Literal):
            outs = self.run(then if cond.value else other)
        else:
            known = op.operands[0]
            names = [v.name for v in op.results]
            better = [sums.learned(self, known, h) if self.facts else {} for h in (True, False)]
            outs = branches.fork(
                self,
                cond,
                lambda: self.informed(better[0], then),
                lambda: self.informed(better[1], other),
                names,
                known,
            )
        for v, a in zip(op.results, outs, strict=True):
            self.env[v] = a
        if self.facts:
            sums.conclude(self, op)

    def tell(self, op: Op, a: AV) -> None:
        """Note which generic values a bool says something of."""
        if a.kind == "num" and a.leaves[0] in self.facts and a.leaves[0] not in self.subjects:
            subject = self.facts[a.leaves[0]].subject
            known = [v for v in op.operands if isinstance(v, Value) and self.env[v] is subject]
            self.subjects[a.leaves[0]] = known
        if op.opcode == "not_":
            for holds in (True, False):
                if (op.operands[0], not holds) in self.implied:
                    self.implied[op.results[0], holds] = self.implied[op.operands[0], not holds]

    def informed(self, better: sums.Known, block: Block) -> list[AV]:
        """Run an arm, in which a value that the condition tested is what the test says."""
        if not better:
            return self.run(block)
        before = {v: self.env[v] for v in better if v in self.env}
        for v, fact in better.items():
            if before.get(v) is fact.subject and 0 < len(fact.true) < len(fact.subject.kids):
                self.env[v] = joins.narrowed(self, fact.subject, fact.true)
        try:
            return self.run(block)
        finally:
            self.env.update(before)

    def step(self, op: Op, opcode: str, args: list[AV]) -> AV:
        """One generic op without regions; on a list of several lengths, in an arm for each."""
        if any(a.kind == "pending" for a in args) and not self.reads_once(opcode, args):
            args = [self.whole(a) for a in args]
        ref = forms.of_several(self, opcode, args)
        if ref is None:
            return self.plain(op, opcode, args)
        return forms.each_form(self, ref, lambda: [self.plain(op, opcode, args)])[0]

    def reads_once(self, opcode: str, args: list[AV]) -> bool:
        """Whether an op reads each element of its operands once."""
        if opcode == "call":
            return pending.is_reader(self, args[0])
        elementwise = opcode in operators.BINARY or opcode in operators.UNARY
        return elementwise or opcode in ("setitem", "getattr")

    def plain(self, op: Op, opcode: str, args: list[AV]) -> AV:
        if opcode in operators.BINARY:
            return operators.binary(self, opcode, args[0], args[1])
        if opcode in operators.UNARY:
            return operators.unary(self, opcode, args[0])
        match opcode:
            case "call":
                kw = op.attrs.get("kw", ())
                n = len(args) - len(kw)
                if self.iterators:
                    readings.read(self, op, args[1:])
                given = sequences.spread(self, op, args[1:n])
                return calls.call(self, args[0], given, sequences.keywords(self, kw, args[n:]))
            case "global":
                return calls.global_(self, op.attrs["name"], op.attrs.get("fn"))
            case "closure":
                return boxes.settled(self, calls.closure(self, op, args))
            case "self":
                return boxes.settled(self, self.me)
            case "tuple":
                return AV("tuple", None, tuple(sequences.spread(self, op, args)))
            case "getitem":
                return arrays.getitem(self, args[0], args[1])
            case "getattr":
                return arrays.getattr_(self, args[0], op.attrs["name"])
            case "slice":
                return AV("slice", None, tuple(args))
            case "cell" | "cell_get" | "cell_set" | "bound":
                return cells.step(self, op, opcode, args)
            case "setattr":
                records.setattr_(self, args[0], op.attrs["name"], args[1])
                return NOTHING
            case "setitem":
                sequences.setitem(self, args[0], args[1], args[2])
                return NOTHING
            case "list" | "dict" | "append" | "with_item":
                return sequences.step(self, op, opcode, args)
            case "fstring":
                return texts.fstring(self, op.attrs["text"], args)
            case "raise":
                texts.raise_(self, args[0])
        raise AssertionError(f"generic op {opcode}")


OVERFLOW = "int too large for 64 bits"
TOO_LARGE = "int too large to convert to float"
