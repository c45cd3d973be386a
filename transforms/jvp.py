"""Forward mode: a function on dual values.

    @f.jvp [captures](parameters, tangents of the active inputs) -> results, tangents

The law.  Every op is followed by its linearisation at the same place: the tangent of the result
is the sum over the operands of partial times tangent.  Control flow is the primal's: an `if`
yields tangents beside its values, a loop carries them, ys get histories of tangents.  A value
without a tangent has none (None, not zero); a zero is made only where one is demanded.

Lanes.  Several tangents go in one pass: the inputs and the results have, after the tangents of the
first lane, those of the next.  The primal runs once for all of them, and partials, which do not
depend on tangents, are shared (Griewank and Walther 2008, vector forward mode).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.builder import Builder
from ..ir.core import LOOPS, Block, Function, Literal, Loop, Op, Operand, Value, zero_literal
from ..ir.types import BOOL, Box, Scalar, Type, cotangent_type, history_type, is_threaded
from .activity import active_values
from .custom import is_custom, pushforward, repeated
from .derivatives import Derivatives
from .rules import CONSTANT, LINEAR, PARTIALS, apply_partial

Lane = dict[Operand, Operand]  # the tangents of primal values in one lane


def jvp(d: Derivatives, name: str, active: Sequence[bool], lanes: int = 1) -> tuple[str, list[int]]:
    """Make @name.jvp; its name and the positions of the results that have a tangent."""
    key = (name, tuple(active), lanes)
    if key in d.pushforwards:
        return d.pushforwards[key]
    f = d.module.functions[name]
    if is_custom(f):
        if lanes == 1:
            d.pushforwards[key] = pushforward(d, f, active)
        else:
            one, with_tangent = jvp(d, name, active)
            d.pushforwards[key] = repeated(d, f, one, lanes), with_tangent
        return d.pushforwards[key]
    assert f.results is not None
    varied = active_values(f.body, [v for v, a in zip(f.inputs, active, strict=True) if a])
    with_tangent = [k for k, v in enumerate(f.body.outs) if v in varied]
    if d.is_recursive(name):  # inside a recursion every float result may vary through the call
        with_tangent = [k for k, t in enumerate(f.results) if cotangent_type(t) is not None]
    made = d.fresh(f"{name}.jvp")
    tangents = tuple(t for k in with_tangent if (t := cotangent_type(f.results[k]))) * lanes
    empty = Block((), (Op("unreachable"),))
    d.module.add(f.but(name=made, results=f.results + tangents, body=empty))  # recursion finds it
    d.pushforwards[key] = made, with_tangent
    d.module.add(Forward(d, f, varied, lanes).function(made, active, with_tangent))
    return made, with_tangent


class Forward:
    """The linearisation of one function: `env` maps primal values, `lanes` their tangents."""

    def __init__(self, d: Derivatives, f: Function, varied: set[Value], lanes: int) -> None:
        self.d, self.f, self.varied = d, f, varied
        self.env: dict[Value, Operand] = {}
        self.lanes: list[Lane] = [{} for _ in range(lanes)]

    def function(self, name: str, active: Sequence[bool], with_tangent: list[int]) -> Function:
        f = self.f
        b = Builder(self.d.module)
        captures, params = self.params(b, f.captures), self.params(b, f.params)
        wrt = [v for v, a in zip(f.inputs, active, strict=True) if a]
        seeds = self.tangent_params(b, wrt)
        self.ops(b, f.body)
        if f.body.end.opcode == "unreachable":
            body = b.block((), "unreachable", (), loc=f.body.end.loc)
        else:
            outs = [self.get(v) for v in f.body.outs]
            outs += self.tangents(b, [f.body.outs[k] for k in with_tangent])
            body = b.block((), "return", outs, loc=f.body.end.loc)
        assert f.results is not None
        tangents = [t for k in with_tangent if (t := cotangent_type(f.results[k]))]
        results = (*f.results, *tangents * len(self.lanes))
        return Function(name, captures, (*params, *seeds), results, body, {}, f.loc)

    # ---- values

    def get(self, v: Operand) -> Operand:
        return v if isinstance(v, Literal) else self.env[v]

    def params(self, b: Builder, values: Sequence[Value]) -> tuple[Value, ...]:
        fresh = tuple(b.param(v.type, v.name) for v in values)
        self.env.update(zip(values, fresh, strict=True))
        return fresh

    def tangent_params(self, b: Builder, values: Sequence[Value]) -> tuple[Value, ...]:
        fresh = tuple(b.param(t, n) for t, n in zip(*self.named(values), strict=True))
        self.bind(values, fresh)
        return fresh

    def named(self, values: Sequence[Operand]) -> tuple[list[Type], list[str]]:
        """The types and names of the tangents of some values, lane by lane."""
        types, names = [self.ct_type(v) for v in values], [tangent_name(v) for v in values]
        return types * len(self.lanes), names * len(self.lanes)

    def tangents(self, b: Builder, values: Sequence[Operand]) -> list[Operand]:
        """The tangents of some values, lane by lane."""
        return [self.t(b, v, lane) for lane in self.lanes for v in values]

    def bind(self, values: Sequence[Operand], tangents: Sequence[Operand]) -> None:
        left = iter(tangents)
        for lane in self.lanes:
            lane.update({v: next(left) for v in values})

    @staticmethod
    def ct_type(v: Operand) -> Type:
        t = cotangent_type(v.type)
        assert t is not None, v
        return t

    def t(self, b: Builder, v: Operand, lane: Lane) -> Operand:
        """The tangent of a primal value in a lane, zeros where it has none."""
        if v in lane:
            return lane[v]
        t = self.ct_type(v)
        if isinstance(t, Scalar):
            return zero_literal(t)
        if isinstance(t, Box):
            return b.op("null", type=t)
        assert is_threaded(t)
        return b.op("zeros_like", self.get(v))

    def varies(self, v: Operand) -> bool:
        return isinstance(v, Value) and v in self.varied

    # ---- ops

    def ops(self, b: Builder, block: Block) -> None:
        for op in block.body:
            b.loc = op.loc
            self.one(b, op)

    def one(self, b: Builder, op: Op) -> None:
        if op.opcode == "if":
            self.branch(b, op)
        elif op.opcode in LOOPS:
            self.loop(b, Loop(op))
        elif op.opcode == "call" and any(map(self.varies, op.operands)):
            self.call(b, op)
        else:
            self.simple(b, op)

    def simple(self, b: Builder, op: Op) -> None:
        operands = [self.get(v) for v in op.operands]
        types = [v.type for v in op.results]
        names = [v.name for v in op.results]
        results = b.emit(op.opcode, operands, op.attrs, types, names, (), op.loc, op.groups)
        self.env.update(zip(op.results, results, strict=True))
        if op.opcode in CONSTANT or not any(v in self.lanes[0] for v in op.operands):
            return
        if not any(map(self.varies, op.results)):  # a float that became an int
            return
        for lane in self.lanes:
            if op.opcode in PARTIALS:
                self.scalar(b, op, results[0], operands, lane)
            elif op.opcode == "unbox":
                self.unbox(b, op, lane)
            elif op.opcode == "gemm":
                self.gemm(b, op, lane)
            else:
                self.linear(b, op, operands, lane)

    def linear(self, b: Builder, op: Op, operands: list[Operand], lane: Lane) -> None:
        """What is linear in its floats is its own linearisation."""
        if op.opcode == "box":
            fields = [self.t(b, v, lane) for v in op.operands if cotangent_type(v.type) is not None]
            t = self.ct_type(op.results[0])
            assert isinstance(t, Box)
            made = b.emit("box", fields, {"record": t.record}, [t])[0]
        else:
            assert op.opcode in LINEAR, f"{op.opcode} has no derivative"
            at = [k % len(operands) for k in LINEAR[op.opcode][0]]
            pairs = enumerate(zip(op.operands, operands, strict=True))
            duals = [self.t(b, v, lane) if k in at else x for k, (v, x) in pairs]
            made = b.emit(op.opcode, duals, op.attrs)[0]
        self.name(op.results[0], made, lane)

    @staticmethod
    def name(v: Value, tangent: Operand, lane: Lane) -> None:
        if isinstance(tangent, Value) and not tangent.name and v.name:
            tangent.name = tangent_name(v)  # made just now, and not yet seen by anybody
        lane[v] = tangent

    def scalar(self, b: Builder, op: Op, z: Operand, operands: list[Operand], lane: Lane) -> None:
        total: Operand | None = None
        for v, row in zip(op.operands, PARTIALS[op.opcode], strict=True):
            if row is not None and v in lane:
                part = apply_partial(b, row, lane[v], op, z, operands)
                total = part if total is None else b.op("add", total, part, fast=True)
        if total is not None:
            self.name(op.results[0], total, lane)

    def gemm(self, b: Builder, op: Op, lane: Lane) -> None:
        """The tangent of c + x y is that of c, with x' y and x y' added."""
        c, x, y = op.operands
        total = self.t(b, c, lane)
        for k, v in ((1, x), (2, y)):
            if v in lane:
                factors = [self.get(x), self.get(y)]
                factors[k - 1] = lane[v]
                total = b.emit("gemm", [total, *factors], op.attrs)[0]
        self.name(op.results[0], total, lane)

    def unbox(self, b: Builder, op: Op, lane: Lane) -> None:
        """Fields of a null tangent are zeros."""
        box = lane[op.operands[0]]
        fields = [v for v in op.results if cotangent_type(v.type) is not None]
        types = [self.ct_type(v) for v in fields]
        null, full = b.child("if"), b.child("if")
        zeros = [self.t(null, v, lane) for v in fields]
        parts = full.emit("unbox", (box,), {}, types)
        regions = [null.block((), "yield", zeros), full.block((), "yield", parts)]
        is_null = b.emit("is_null", (box,), {}, [BOOL])
        outs = b.emit("if", is_null, {}, types, [tangent_name(v) for v in fields], regions)
        lane.update(zip(fields, outs, strict=True))

    def call(self, b: Builder, op: Op) -> None:
        active = [self.varies(v) for v in op.operands]
        name, with_tangent = jvp(self.d, op.attrs["fn"], active, len(self.lanes))
        moving = [v for v, a in zip(op.operands, active, strict=True) if a]
        tangents = self.tangents(b, moving)
        operands = [*map(self.get, op.operands), *tangents]
        dual = [op.results[k] for k in with_tangent]
        more_types, more_names = self.named(dual)
        types = [v.type for v in op.results] + more_types
        names = [v.name for v in op.results] + more_names
        groups = (op.groups[0], op.groups[1] + len(tangents))
        outs = b.emit("call", operands, {**op.attrs, "fn": name}, types, names, (), op.loc, groups)
        self.env.update(zip(op.results, outs, strict=False))
        self.bind(dual, outs[len(op.results) :])

    # ---- regions

    def region(self, b: Builder, block: Block, extra: Sequence[int]) -> Block:
        """An arm that yields, after its values, the tangents of those at `extra`."""
        self.ops(b, block)
        if block.end.opcode == "unreachable":
            return b.block((), "unreachable", (), loc=block.end.loc)
        outs = [*map(self.get, block.outs), *self.tangents(b, [block.outs[k] for k in extra])]
        return b.block((), "yield", outs, loc=block.end.loc)

    def branch(self, b: Builder, op: Op) -> None:
        extra = [k for k, v in enumerate(op.results) if self.varies(v)]
        regions = [self.region(self.child(b, "if", op), r, extra) for r in op.regions]
        dual = [op.results[k] for k in extra]
        more_types, more_names = self.named(dual)
        types = [v.type for v in op.results] + more_types
        names = [v.name for v in op.results] + more_names
        condition = [self.get(v) for v in op.operands]
        outs = b.emit("if", condition, op.attrs, types, names, regions, op.loc)
        self.env.update(zip(op.results, outs, strict=False))
        self.bind(dual, outs[len(op.results) :])

    @staticmethod
    def child(b: Builder, kind: str, op: Op) -> Builder:
        inner = b.child(kind)
        inner.loc = op.loc
        return inner

    def loop(self, b: Builder, loop: Loop) -> None:
        op = loop.op
        dual = [k for k, v in enumerate(loop.carries) if self.varies(v)]
        dual_each = [k for k, v in enumerate(loop.elements) if self.varies(v)]
        dual_ys = [k for k, v in enumerate(loop.ys) if self.varies(v)]
        inits = [*map(self.get, loop.inits), *self.tangents(b, [loop.inits[k] for k in dual])]
        each = [*map(self.get, loop.each), *self.tangents(b, [loop.each[k] for k in dual_each])]
        body = self.child(b, "loop", op)
        index = self.params(body, [loop.index]) if loop.index is not None else ()
        carries = self.params(body, loop.carries)
        carries += self.tangent_params(body, [loop.carries[k] for k in dual])
        elements = self.params(body, loop.elements)
        elements += self.tangent_params(body, [loop.elements[k] for k in dual_each])
        regions = []
        if not loop.is_for:
            test = self.child(b, "loop", op)
            test.home.update(dict.fromkeys(carries, test.depth))
            self.ops(test, op.regions[0])
            end = op.regions[0].end
            regions.append(test.block(carries, "test", [self.get(end.operands[0])], loc=end.loc))
        self.ops(body, loop.body)
        nexts: list[Operand] = []
        ys: list[Operand] = []
        end = loop.body.end
        if end.opcode != "unreachable":
            nexts = [*map(self.get, loop.next), *self.tangents(body, [loop.next[k] for k in dual])]
            ys = [*map(self.get, loop.ys), *self.tangents(body, [loop.ys[k] for k in dual_ys])]
        groups = (len(nexts), len(ys)) if end.opcode == "next" else ()
        params = (*index, *carries, *elements)
        regions.append(body.block(params, end.opcode, [*nexts, *ys], groups, end.loc))
        self.finish(b, loop, (dual, dual_ys), inits, each, regions)

    def finish(
        self,
        b: Builder,
        loop: Loop,
        dual: tuple[list[int], list[int]],
        inits: list[Operand],
        each: list[Operand],
        regions: list[Block],
    ) -> None:
        """Emit the loop and bind its results: carries and tangents, ys and tangents, trips."""
        op = loop.op
        t_carries = [loop.results[k] for k in dual[0]]
        t_ys = [loop.histories[k] for k in dual[1]]
        trips = [loop.trips] if loop.trips is not None else []
        carry_types, carry_names = self.named(t_carries)
        y_types, _ = self.named([loop.ys[k] for k in dual[1]])
        y_names = [tangent_name(v) for v in t_ys] * len(self.lanes)
        types = [v.type for v in loop.results] + carry_types + [v.type for v in loop.histories]
        types += [history_type(t) for t in y_types] + [v.type for v in trips]
        names = [v.name for v in loop.results] + carry_names + [v.name for v in loop.histories]
        names += y_names + [v.name for v in trips]
        bounds = [self.get(v) for v in loop.bounds]
        groups = (len(bounds), len(inits), len(each)) if loop.is_for else (len(inits),)
        operands = [*bounds, *inits, *each]
        outs = list(b.emit(op.opcode, operands, op.attrs, types, names, regions, op.loc, groups))
        for values, has_tangents in (
            (loop.results, False),
            (t_carries, True),
            (loop.histories, False),
            (t_ys, True),
            (trips, False),
        ):
            n = len(values) * (len(self.lanes) if has_tangents else 1)
            mine, outs = outs[:n], outs[n:]
            if has_tangents:
                self.bind(values, mine)
            else:
                self.env.update(zip(values, mine, strict=True))


def tangent_name(v: Operand) -> str:
    return f"t.{v.name}" if isinstance(v, Value) and v.name else ""
