"""Cotangents while a block is reversed: one dictionary from primal value to operand.

Absence is None, not zero: a zero is made only where a value is demanded.  Scalars and boxes are
*added* (bwd computes contributions); arrays and lists are *threaded*: their cotangent is an
accumulator that ops update in place, so it is put back, never added twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.builder import Builder
from ..ir.core import LOOPS, Loop, Op, Operand, Value, literal, zero_literal
from ..ir.ops import ARRAY_UPDATES
from ..ir.types import I64, Array, Box, Scalar, cotangent_type, is_threaded
from .reached import YES, Reached

Lengths = dict[Value, list[Value]]  # of arrays, those that the primal has measured
SHAPE_KEEPERS = ARRAY_UPDATES | {"zeros_like"}


class Cotangents:
    """The current scope's cotangents; `active` says for which values there are any."""

    def __init__(
        self, active: set[Value], definer: dict[Value, Op], lengths: Lengths, reached: Reached
    ) -> None:
        self.active, self.lengths = active, lengths
        self.reached = reached
        self.now: Operand = YES  # where what is added now says something
        self.definer = definer
        self.ct: dict[Value, Operand] = {}
        self.carried: dict[Value, tuple[Loop, int]] = {}
        for op in {id(op): op for op in definer.values()}.values():
            if op.opcode in LOOPS:
                loop = Loop(op)
                for k, pair in enumerate(zip(loop.carries, loop.results, strict=True)):
                    for v in pair:
                        self.carried[v] = (loop, k)

    def is_active(self, v: Operand) -> bool:
        return isinstance(v, Value) and v in self.active

    def add(self, b: Builder, v: Operand, c: Operand) -> None:
        """Add a contribution to the cotangent of v."""
        if not isinstance(v, Value) or v not in self.active:
            return
        if self.reached.of(c) == YES:
            self.reached.note(c, self.now)
        if v in self.ct:
            before = self.ct[v]
            when = self.reached.either(b, (before, c))
            c = b.op("accum", before, c)
            self.reached.note(c, when)
        if isinstance(c, Value) and not c.name and v.name:
            c.name = f"ct.{v.name}"  # made just now, and not yet seen by anybody
        self.ct[v] = c

    def accumulator(self, b: Builder, v: Operand) -> Operand:
        """The cotangent of an array so far; fresh zeros where there is none."""
        assert isinstance(v, Value)
        if v not in self.ct:
            self.ct[v] = self.zero(b, v)
        return self.ct[v]

    def put(self, v: Operand, c: Operand) -> None:
        """The accumulator of v after an update."""
        assert isinstance(v, Value)
        if isinstance(c, Value) and not c.name and v.name:
            c.name = f"ct.{v.name}"
        self.ct[v] = c

    def zero(self, b: Builder, v: Operand) -> Operand:
        """A zero cotangent of v: a literal, zeros of v's shape, or null; of an array that the
        primal made, it is made of its lengths, so that the array is not kept for its shape."""
        t = cotangent_type(v.type)
        assert t is not None, v
        if isinstance(t, Scalar):
            return zero_literal(t)
        if isinstance(t, Box):
            return b.op("null", type=t)
        assert is_threaded(t)
        root = self.shape_root(v)
        known = self.lengths.get(root) if isinstance(root, Value) else None
        if known is not None and isinstance(t, Array):
            return b.op("zeros", *known, elem=t.elem)
        return b.op("zeros_like", root)

    def shape_root(self, v: Operand) -> Operand:
        """The earliest value that v has its shape from: through updates and around loops."""
        while isinstance(v, Value):
            if v in self.carried:
                loop, k = self.carried[v]
                if loop.body.end.opcode == "unreachable":
                    v = loop.inits[k]
                    continue
                after = loop.next[k]
                if after is loop.carries[k] or self.keeps_shape(after, loop.carries[k]):
                    v = loop.inits[k]
                    continue
                return v
            op = self.definer.get(v)
            if op is None or op.opcode not in SHAPE_KEEPERS:
                return v
            v = op.operands[0]
        return v

    def keeps_shape(self, v: Operand, carry: Value) -> bool:
        """Whether v is an update of the carry: its shape goes around the loop unchanged."""
        entry = self.carried.pop(carry)
        root = self.shape_root(v)
        self.carried[carry] = entry
        return root is carry


def ct_name(v: Operand, default: str = "") -> str:
    name = v.name if isinstance(v, Value) else ""
    return f"ct.{name or default}" if name or default else ""


def shape_of(b: Builder, v: Operand) -> list[Operand]:
    """The lengths of an array's axes, or of a list."""
    rank = v.type.rank if isinstance(v.type, Array) else 1
    return [b.op("len", v, axis=k) if k else b.op("len", v) for k in range(rank)]


def padded(b: Builder, ct: Operand, room: Operand) -> Operand:
    """The cotangent of a list's buffer: zeros behind those of the elements that the list holds."""
    assert isinstance(ct.type, Array)
    n = b.op("len", ct)
    error = {"error": "ValueError", "text": "ct has {} elements, but the result has at most {}"}
    b.emit("check", [b.op("le", n, room), n, room], error, [])
    zeros = b.op("zeros", room, elem=ct.type.elem)
    inner = b.child("loop")
    k, out = inner.param(I64, "k"), inner.param(ct.type, "ct")
    following = inner.op("set", out, k, inner.op("get", ct, k))
    body = inner.block((k, out), "next", (following,), (1, 0))
    bounds = [literal(0), n, literal(1)]
    return b.emit("for", [*bounds, zeros], {}, [ct.type], ["ct"], [body], groups=(3, 1, 0))[0]


def whole(b: Builder, ct: Operand, shape: Sequence[Operand]) -> Operand:
    """The cotangent of an array of this shape: itself, or zeros for one without elements."""
    assert isinstance(ct.type, Array)
    lengths = shape_of(b, ct)
    if not lengths:
        return ct
    empty = b.op("eq", lengths[0], literal(0))
    fits = b.op("eq", lengths[0], shape[0])
    for n, m in zip(lengths[1:], shape[1:], strict=True):
        fits = b.op("and", fits, b.op("eq", n, m))
    mine, its = [f"({', '.join(['{}'] * len(n))}{',' * (len(n) == 1)})" for n in (lengths, shape)]
    error = {"error": "ValueError", "text": f"ct has shape {mine}, but the result has {its}"}
    b.emit("check", [b.op("or", empty, fits), *lengths, *shape], error, [])
    zeros, given = b.child("if"), b.child("if")
    regions = [
        zeros.block((), "yield", [zeros.op("zeros", *shape, elem=ct.type.elem)]),
        given.block((), "yield", [ct]),
    ]
    return b.emit("if", [empty], {}, [ct.type], ["ct"], regions)[0]
