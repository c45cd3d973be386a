"""Stage `ad`: replace derivative ops by calls of derivatives, innermost first.

Before                                     After
    %y, %p = vjp @f(%x) {wrt = "x"}            %y, %s.all = call @f.fwd(%x)
    %ct.x = pull %p(1.0)                       %p = box %x, %s.all {record = @f.pullback}
                                               %x.1, %s.1 = unbox %p
                                               %ct.x = call @f.pullback [%x.1, %s.1](1.0)

Take a derivative op whose callee holds none, transitively; clean the callee; differentiate it;
replace every op that asks for the same derivative, and the `pull`s of its pullback, together.
Repeat.

Why it is right.  A callee without derivative ops is a plain function, so `vjp` and `jvp` apply to
it. Innermost first means that an outer derivative sees the inner one as ordinary calls, so it
differentiates through it and no tangents are confused.  A pullback is a box of what bwd needs;
calling it starts from fresh zero accumulators, so it may be called many times.  A derivative op
that reaches itself has no innermost one: its order depends on a run-time value, which is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..ir.builder import Builder
from ..ir.core import (
    DERIVATIVES,
    Function,
    Loc,
    Module,
    Op,
    Operand,
    Record,
    Value,
    reached,
    walk,
    zero_literal,
)
from ..ir.types import I64, Array, Box, Scalar, Type, cotangent_type
from .clean import clean_function, pruned
from .cotangents import padded, shape_of, whole
from .custom import is_custom, without_rules
from .dce import dce
from .derivatives import Derivatives, Rule
from .jvp import jvp
from .rebuild import Rebuild
from .sink import sink_function
from .vjp import vjp

K = TypeVar("K", bound=Operand)
Wanted = tuple[str, str, tuple[str, ...], int]  # "vjp" or "jvp", function, wrt, lanes of a jvp


class UnboundedOrder(Exception):
    """A derivative op reaches itself: how often it is applied is not known before run time."""

    def __init__(self, function: str, loc: Loc) -> None:
        super().__init__(f"the order of the derivative of @{function} depends on a run-time value")
        self.function, self.loc = function, loc


def expand(module: Module) -> Module:
    """The module without derivative ops and custom rules; functions not reached from the entry are
    dropped.
    """
    return ordinary(expand_with_rules(module))


def expand_with_rules(module: Module) -> Module:
    """As `expand`, but custom functions keep their rules, so that it can be differentiated."""
    return Expansion(module.copy()).run()


def ordinary(module: Module) -> Module:
    """The module without custom rules: nothing in it will be differentiated any more."""
    if not any(map(is_custom, module.functions.values())):
        return module
    functions = {name: without_rules(f) for name, f in module.functions.items()}
    return pruned(Module(functions, dict(module.records)), module.entry.name)


class Expansion:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.entry = module.entry.name
        self.derivatives = Derivatives(module)
        self.prepared: set[str] = set()

    def run(self) -> Module:
        while True:
            todo = self.left()
            if not todo:  # boxes of pullbacks that were called at once are dead by now
                return dce(pruned(self.module, self.entry))
            wanted = self.innermost([op for _, op in todo])
            if wanted is None:
                name, op = todo[0]
                raise UnboundedOrder(op.attrs.get("fn", name), op.loc)
            self.replace(wanted, list(dict.fromkeys(name for name, _ in todo)))

    def left(self) -> list[tuple[str, Op]]:
        """The derivative ops that the entry reaches, and in which function each stands.

        What is pulled may have been made elsewhere, so the function of a pullback is reached, too.
        """
        found: dict[str, list[Op]] = {}
        roots = [self.entry]
        while roots:
            for name in reached(self.module, roots.pop(), rules=True):
                if name not in found:
                    ops = walk(self.module.functions[name].body)
                    found[name] = [op for op in ops if op.opcode in DERIVATIVES]
                    roots += [self.wanted(op)[1] for op in found[name] if op.opcode == "pull"]
        return [(name, op) for name, ops in found.items() for op in ops]

    def wanted(self, op: Op) -> Wanted:
        """What derivative an op asks for; a `pull` asks for its pullback's."""
        if op.opcode != "pull":
            wrt = wrt_names(op.attrs["wrt"])
            lanes = len(op.group(2)) // len(wrt) if op.opcode == "jvp" and wrt else 1
            return op.opcode, op.attrs["fn"], wrt, lanes
        t = op.operands[0].type
        assert isinstance(t, Box)
        record = self.module.records[t.record]
        assert record.pullback is not None
        return "vjp", record.pullback, record.wrt, 1

    def innermost(self, ops: list[Op]) -> Wanted | None:
        for wanted in dict.fromkeys(map(self.wanted, ops)):
            inner = reached(self.module, wanted[1], rules=True)
            held = (op for f in inner for op in walk(self.module.functions[f].body))
            if not any(op.opcode in DERIVATIVES for op in held):
                return wanted
        return None

    def prepare(self, name: str) -> None:
        """Clean and sink a function and all that it calls, so that the derivative is lean."""
        clean_function(self.module, name)
        for f in reversed(reached(self.module, name, rules=True)):
            if f not in self.prepared:
                self.prepared.add(f)
                clean_function(self.module, f)
                self.module.add(sink_function(self.module, self.module.functions[f]))

    def replace(self, wanted: Wanted, holders: list[str]) -> None:
        kind, name, wrt, lanes = wanted
        self.prepare(name)
        f = self.module.functions[name]
        active = [v.name in wrt for v in f.inputs]
        make: PullbackMaker | PushforwardMaker
        if kind == "vjp":
            make = PullbackMaker(self.derivatives, f, active, wrt)
        else:
            make = PushforwardMaker(self.derivatives, f, active, wrt, lanes)

        def hook(
            copy: Rebuild, b: Builder, op: Op, operands: list[Operand]
        ) -> Sequence[Operand] | None:
            if op.opcode in DERIVATIVES and self.wanted(op) == wanted:
                b.loc = op.loc + copy.inlined_at
                return make(b, op, operands)
            return None

        for holder in holders:
            g = self.module.functions[holder]
            copy = Rebuild(self.module, share=False, hoist=False, replace=hook)
            self.module.add(copy.function(g))
            self.prepared.discard(holder)
        make.declare()


def wrt_names(wrt: object) -> tuple[str, ...]:
    return (wrt,) if isinstance(wrt, str) else tuple(wrt)  # type: ignore[arg-type]


class PullbackMaker:
    """`vjp` and `pull` of one function by some of its inputs."""

    def __init__(
        self, d: Derivatives, f: Function, active: list[bool], wrt: tuple[str, ...]
    ) -> None:
        assert f.results is not None
        self.d, self.f, self.wrt = d, f, wrt
        self.seeds = [cotangent_type(t) is not None for t in f.results]
        self.rule: Rule = vjp(d, f.name, active, self.seeds)
        self.kept = sorted({*self.rule.needed, *self.rule.accumulators})
        self.arrays = [k for k, t in enumerate(f.results) if seed_is_array(t)]
        self.records = {
            r.name: r for r in d.module.records.values() if r.pullback == f.name and r.wrt == wrt
        }
        self.pullback = next(iter(self.records), f"{f.name}.pullback")  # both named alike
        self.add_pullback()

    def declare(self) -> None:
        """The pullback's records now hold fields."""
        for name in self.records:
            self.d.module.records[name] = Record(name, self.fields())

    def fields(self) -> tuple:  # type: ignore[type-arg]
        inputs = self.f.inputs
        results = self.f.results or ()
        lengths = (I64,) * sum(rank_of(results[k]) for k in self.arrays)
        return (*(inputs[k].type for k in self.kept), *self.rule.residuals, *lengths)

    def add_pullback(self) -> None:
        """@f.pullback [fields](cotangents): bwd on fresh zero accumulators.

        A cotangent of an array has the array's length, or length 0, which stands for zeros.
        """
        rule, f, module = self.rule, self.f, self.d.module
        b = Builder(module, share=False, hoist=False)
        inputs = {k: b.param(f.inputs[k].type, f.inputs[k].name) for k in self.kept}
        residuals = [b.param(t, n) for t, n in zip(rule.residuals, rule.names, strict=True)]
        assert f.results is not None
        shapes = {
            k: [b.param(I64, "length") for _ in range(rank_of(f.results[k]))] for k in self.arrays
        }
        seeds = [k for k, s in enumerate(self.seeds) if s]
        params = [b.param(ct, "ct") for k in seeds if (ct := cotangent_type(f.results[k]))]
        roomy = f.attrs.get("roomy", ())
        cts: list[Operand] = list(params)
        for j, k in enumerate(seeds):
            if k in shapes:
                c = params[j]
                cts[j] = padded(b, c, shapes[k][0]) if k in roomy else whole(b, c, shapes[k])
        zeros = [b.op("zeros_like", inputs[k]) for k in rule.accumulators]
        captures: list[Operand] = [inputs[k] for k in rule.needed]
        operands = [*captures, *residuals, *cts, *zeros]
        types = module.functions[rule.bwd].results
        groups = (len(captures) + len(residuals), len(cts) + len(zeros))
        outs = b.emit("call", operands, {"fn": rule.bwd}, types, groups=groups)
        by_name = {f.inputs[k].name: c for k, c in zip(rule.active, outs, strict=False)}
        results = [by_name[name] for name in self.wrt]
        body = b.block((), "return", results)
        types = tuple(v.type for v in results)
        captured = (*inputs.values(), *residuals, *[n for shape in shapes.values() for n in shape])
        module.add(Function(self.pullback, captured, tuple(params), types, body, {}, f.loc))

    def __call__(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        if op.opcode == "vjp":
            return self.forward(b, op, operands)
        return self.backward(b, op, operands)

    def forward(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        rule = self.rule
        primal = op.results[:-1]
        box = op.results[-1].type
        assert isinstance(box, Box)
        types = [*(v.type for v in primal), *rule.residuals]
        names = [*(v.name for v in primal), *rule.names]
        attrs = {"fn": rule.fwd}
        outs = b.emit("call", operands, attrs, types, names, groups=op.groups)
        lengths = [n for k in self.arrays for n in shape_of(b, outs[k])]
        fields = [*(operands[k] for k in self.kept), *outs[len(primal) :], *lengths]
        boxed = b.emit("box", fields, {"record": box.record}, [box], [op.results[-1].name])
        return [*outs[: len(primal)], *boxed]

    def backward(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        fields = b.emit("unbox", operands[:1], {}, self.fields())
        types = [v.type for v in op.results]
        names = [v.name for v in op.results]
        groups = (len(fields), len(operands) - 1)
        attrs = {"fn": self.pullback}
        return b.emit("call", [*fields, *operands[1:]], attrs, types, names, groups=groups)


def batches(values: Sequence[K], lanes: int) -> list[Sequence[K]]:
    """What belongs to each lane."""
    n = len(values) // lanes
    return [values[k * n : (k + 1) * n] for k in range(lanes)]


def rank_of(t: Type) -> int:
    return t.rank if isinstance(t, Array) else 1


def seed_is_array(t: Type) -> bool:
    return isinstance(t, Array) and cotangent_type(t) is not None


class PushforwardMaker:
    """`jvp` of one function by some of its inputs."""

    def __init__(
        self, d: Derivatives, f: Function, active: list[bool], wrt: tuple[str, ...], lanes: int
    ) -> None:
        self.f, self.wrt, self.lanes = f, wrt, lanes
        self.order = [v.name for v, a in zip(f.inputs, active, strict=True) if a]
        self.name, self.with_tangent = jvp(d, f.name, active, lanes)

    def declare(self) -> None:
        """Nothing to declare: a pushforward keeps no record."""

    def __call__(self, b: Builder, op: Op, operands: list[Operand]) -> Sequence[Operand]:
        n = op.groups[0] + op.groups[1]
        inputs = operands[:n]
        for given in batches(operands[n:], self.lanes):
            tangents = dict(zip(self.wrt, given, strict=True))
            inputs += [tangents[name] for name in self.order]
        assert self.f.results is not None
        count = len(self.f.results)
        dual = [k for k, t in enumerate(self.f.results) if cotangent_type(t) is not None]
        lanes = [
            dict(zip(dual, lane, strict=True)) for lane in batches(op.results[count:], self.lanes)
        ]
        values = [*op.results[:count], *(r[k] for r in lanes for k in self.with_tangent)]
        types, names = [v.type for v in values], [v.name for v in values]
        groups = (op.groups[0], len(inputs) - op.groups[0])
        outs = b.emit("call", inputs, {"fn": self.name}, types, names, groups=groups)
        rest: list[Operand] = []
        for results, got in zip(lanes, batches(outs[count:], self.lanes), strict=True):
            made = dict(zip(self.with_tangent, got, strict=True))
            rest += [made[k] if k in made else self.zero(b, outs[k], results[k]) for k in dual]
        return [*outs[:count], *rest]

    @staticmethod
    def zero(b: Builder, primal: Operand, tangent: Value) -> Operand:
        t = tangent.type
        if isinstance(t, Scalar):
            return zero_literal(t)
        return b.op("null", type=t) if isinstance(t, Box) else b.op("zeros_like", primal)
