"""Reverse mode: from a function to its fwd and bwd.

    @f [captures](parameters) -> results
    @f.fwd: as @f, and the residuals after the results
    @f.bwd [needed inputs, residuals](cotangents of results, accumulators)
        -> cotangents of the active inputs

The law.  For y = f(x) with Jacobian J, bwd computes J^T ct.  A block is a composition of ops, so
its transpose is the composition of the ops' transposes in reverse order; where a value is used
twice the contributions add.  For the structured ops:

    if       the arm that was taken is reversed; the other one contributes nothing
    for      s' = body(i, s) repeated: the body's transpose repeated with i running backwards;
             values from outside collect their contributions in carries
    while    a `for` over the trips that fwd counted, backwards
    call     bwd of the callee, on residuals that its fwd returned

bwd is built on the primal's own values: an op's adjoint refers to the very operands of the op.
Then `residuals` decides what of them is passed again, saved by fwd or computed again, and one
renaming copy ends it.  So nothing is renamed while reversing, and the text of bwd reads like the
primal's.

Recursion: what a function's bwd needs of its inputs, and whether anything is saved at all, is the
least fixpoint: assume nothing, build; if bwd reads more, assume that and build again.  The
residuals of one recursive call are one box.

Method: Griewank and Walther 2008 (reverse accumulation); Pearlmutter and Siskind 2008 (first-class,
nested); the structured form follows Innes 2018 and, for what to save, the min-cut of Moses and
Churavy 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Loop,
    Module,
    Op,
    Operand,
    Record,
    Value,
    free_values,
    walk,
)
from ..ir.types import BOOL, F64, Box, Type, cotangent_type, history_type, is_threaded
from .activity import active_values, consumed
from .cotangents import Cotangents, ct_name, shape_of
from .custom import is_custom, rule_of
from .derivatives import Assumed, Derivatives, Rule
from .lengths import lengths
from .loop_reversal import LoopReversal
from .reached import NO, YES, Reached, steep_inputs
from .rebuild import Rebuild
from .residuals import Residuals, extended
from .rules import CONSTANT, LINEAR, PARTIALS, apply_partial

Cts = list[Operand | None]
Ct = dict[Value, Operand]


def vjp(d: Derivatives, name: str, active: Sequence[bool], seeds: Sequence[bool]) -> Rule:
    """Make @name.fwd and @name.bwd in the module; made once for each pattern of activity."""
    key = (name, tuple(active), tuple(seeds))
    if key in d.rules:
        return d.rules[key]
    f = d.module.functions[name]
    if is_custom(f):
        d.rules[key] = rule_of(d, f, active, seeds, vjp)
        return d.rules[key]
    reads_only = [not c for c in d.consumes(name)]
    rule = Rule(
        fwd=d.fresh(f"{name}.fwd"),
        bwd=d.fresh(f"{name}.bwd"),
        active=[k for k, a in enumerate(active) if a],
        seeds=[k for k, s in enumerate(seeds) if s],
        accumulators=[
            k for k, a in enumerate(active) if a and reads_only[k] and is_threaded(f.inputs[k].type)
        ],
    )
    d.rules[key] = rule
    if not d.is_recursive(name):
        Reverse(d, f, rule).build()
        return rule
    steep = steep_inputs(d.module, name)
    rule.told = [k for k in rule.active if k in steep and f.inputs[k].type == F64]
    # what earlier attempts found out holds for this one, too: without that, functions that call
    # each other start from nothing whenever one of them has to start again, which is exponential
    known = d.assumed.setdefault(key, Assumed())
    while True:
        rule.needed = sorted(known.needed)
        if known.record is not None:
            rule.residuals, rule.names = [Box(known.record)], ["residuals"]
        rules, functions = dict(d.rules), dict(d.module.functions)
        announce(d.module, f, rule)
        missing = Reverse(d, f, rule, recursive=True).build()
        if missing is None:
            return rule
        d.rules, d.module.functions = rules, functions
        known.needed.update(missing.needed)
        if missing.saved and known.record is None:
            known.record = d.fresh(f"{name}.residuals")
            d.module.records[known.record] = Record(known.record)  # taken; fields are known later


def announce(module: Module, f: Function, rule: Rule) -> None:
    """Signatures of a recursive function's fwd and bwd, for the calls inside them."""
    assert f.results is not None
    empty = Block((), (Op("unreachable"),))
    module.add(f.but(name=rule.fwd, results=(*f.results, *rule.residuals), body=empty))
    cts = tuple(ct for k in rule.active if (ct := cotangent_type(f.inputs[k].type)))
    module.add(f.but(name=rule.bwd, results=(*cts, *[BOOL for _ in rule.told]), body=empty))


@dataclass
class Missing:
    """What a recursive bwd reads beyond what was assumed."""

    needed: list[int]
    saved: bool


@dataclass
class Arm:
    """An arm of bwd, the arm of the primal that it reverses, if any, and the cotangents there."""

    b: Builder
    primal: Block | None
    ct: Ct

    @property
    def never(self) -> bool:
        return self.primal is not None and self.primal.end.opcode == "unreachable"


class Reverse(Cotangents):
    """The reversal of one function."""

    def __init__(self, d: Derivatives, f: Function, rule: Rule, recursive: bool = False) -> None:
        f, known = lengths(f)
        self.d, self.f, self.rule, self.recursive = d, f, rule, recursive
        self.module = d.module
        definer = {v: op for op in walk(f.body) for v in op.results}
        outputs = [f.body.outs[k] for k in rule.seeds]
        active = active_values(f.body, [f.inputs[k] for k in rule.active], outputs)
        super().__init__(active, definer, known, Reached(f.body, [f.inputs[k] for k in rule.told]))
        self.consumed = consumed(d.module, f.body, d.consumed)
        self.residuals = Residuals(f.body, definer, self.consumed)
        for v in f.inputs:
            self.residuals.settle(v, f.body)
        self.calls: dict[Op, tuple[Rule, list[Value]]] = {}

    def build(self) -> Missing | None:
        """Add fwd and bwd to the module; what must be assumed more, where that fails."""
        f, rule = self.f, self.rule
        assert f.results is not None
        b = Builder(self.module, share=False, hoist=False)
        b.definer.update(self.definer)
        seeds = [b.param(self.ct_type(v), ct_name(v, "y")) for v in self.seeded()]
        accumulators = [
            b.param(self.ct_type(f.inputs[k]), f"acc.{f.inputs[k].name}") for k in rule.accumulators
        ]
        for k, acc in zip(rule.accumulators, accumulators, strict=True):
            self.ct[f.inputs[k]] = acc
        for v, c in zip(self.seeded(), seeds, strict=True):
            self.add(b, v, c)
        self.reverse(b, f.body)
        outs = [self.ct.get(f.inputs[k]) or self.zero(b, f.inputs[k]) for k in rule.active]
        outs += [self.read(self.ct, f.inputs[k]) for k in rule.told]
        again = [v for v in f.inputs if v not in self.consumed]
        saved = self.residuals.resolve(b, f.body, outs, again)
        used = set(free_values(b.block((), "return", outs)))
        needed = [k for k, v in enumerate(f.inputs) if v in used and v not in saved]
        if self.recursive:
            if not set(needed) <= set(rule.needed) or (saved and not rule.residuals):
                return Missing(needed, bool(saved))
        else:
            rule.needed, rule.residuals = needed, [v.type for v in saved]
            rule.names = [v.name for v in saved]
        self.add_bwd(b, saved, [*seeds, *accumulators], outs)
        self.add_fwd(saved)
        return None

    def seeded(self) -> list[Operand]:
        return [self.f.body.outs[k] for k in self.rule.seeds]

    @staticmethod
    def ct_type(v: Operand) -> Type:
        t = cotangent_type(v.type)
        assert t is not None, v
        return t

    def add_bwd(
        self, b: Builder, saved: list[Value], params: list[Value], outs: list[Operand]
    ) -> None:
        rule, f = self.rule, self.f
        residuals = list(saved)
        if self.recursive and rule.residuals:
            record = rule.residuals[0]
            assert isinstance(record, Box)
            types = tuple(v.type for v in saved)
            self.module.records[record.record] = Record(record.record, types)
            box = Value(record, "residuals")
            fields = tuple(Value(v.type, v.name) for v in saved)
            b.ops.insert(0, Op("unbox", (box,), fields))
            self.residuals.alias.update(zip(saved, fields, strict=True))
            residuals = [box]
        body = b.block((), "return", outs)
        types = tuple([self.ct_type(f.inputs[k]) for k in rule.active] + [BOOL] * len(rule.told))
        captures = (*(f.inputs[k] for k in rule.needed), *residuals)
        raw = Function(rule.bwd, captures, tuple(params), types, body, {}, f.loc)
        self.module.add(Renaming(self.module, self.residuals.alias).function(raw))

    def add_fwd(self, saved: list[Value]) -> None:
        rule, f = self.rule, self.f
        r = self.residuals
        same_calls = all(c.fwd == op.attrs["fn"] for op, (c, _) in self.calls.items())
        if not saved and not any(r.saved.values()) and same_calls:
            self.module.functions.pop(rule.fwd, None)
            rule.fwd = f.name
            return

        def change(op: Op) -> Op:
            if op in self.calls:
                callee, values = self.calls[op]
                attrs = {**op.attrs, "fn": callee.fwd}
                return op.but(attrs=attrs, results=op.results + tuple(values))
            return extended(op, r)

        copy = Rebuild(self.module, share=False, hoist=False, change=change)

        def tail(b: Builder, outs: list[Operand]) -> list[Operand]:
            values = [copy.get(v) for v in saved]
            if self.recursive and rule.residuals:
                assert isinstance(rule.residuals[0], Box)
                values = [b.op("box", *values, record=rule.residuals[0].record)]
            elif self.recursive:
                values = []
            return outs + values

        fwd = copy.function(f, tail)
        types = (*(f.results or ()), *rule.residuals)
        self.module.add(fwd.but(name=rule.fwd, results=types))

    # ---- the walk

    def reverse(self, b: Builder, block: Block) -> None:
        """Add the adjoints of a block's ops to b, last op first."""
        for op in reversed(block.body):
            if not any(v in self.active for v in op.results):
                continue
            cts = [self.ct.pop(v, None) for v in op.results]
            given = [c for c in cts if c is not None]
            if not given:
                continue
            b.loc = op.loc
            when = self.reached.either(b, given)
            if when == YES or not self.reached.needs_guard(op):
                self.adjoint(b, op, cts, when)
            else:
                self.guarded(b, op, cts, when)

    def adjoint(self, b: Builder, op: Op, cts: Cts, when: Operand = YES) -> None:
        """The adjoint of one op; where `when` is false, the cotangents say nothing."""
        before, self.now = self.now, when
        if op.opcode in REGION_RULES:
            REGION_RULES[op.opcode](self, b, op, cts)
        elif op.opcode in PARTIALS:
            assert cts[0] is not None
            for x, row in zip(op.operands, PARTIALS[op.opcode], strict=True):
                if row is not None and self.is_active(x):
                    t = apply_partial(b, row, cts[0], op, op.results[0], op.operands)
                    self.add(b, x, t)
        elif op.opcode in LINEAR:
            assert cts[0] is not None
            LINEAR[op.opcode][1](self, b, op, cts[0])
        else:
            assert op.opcode in CONSTANT, f"{op.opcode} has no derivative"
        self.now = before

    def guarded(self, b: Builder, op: Op, cts: Cts, when: Operand) -> None:
        """The adjoint of an op in an arm of its own, which runs where `when` is true."""
        around, bools = self.ct, self.reached.bools
        self.reached.bools = {c: p for c, p in bools.items() if c not in cts}
        inner = b.child("if")
        self.ct = threaded_of(around)
        self.adjoint(inner, op, cts)
        self.reached.bools.update(bools)
        arms = [Arm(inner, None, self.ct), Arm(b.child("if"), None, threaded_of(around))]
        self.join(b, when, arms, around)

    def branch(self, b: Builder, op: Op, cts: Cts) -> None:
        """Both arms start from the accumulators of now; what an arm does not touch stays."""
        around = self.ct
        arms = []
        for r in op.regions:
            inner = b.child("if")
            self.ct = threaded_of(around)
            if r.end.opcode != "unreachable":
                for v, c in zip(r.outs, cts, strict=True):
                    if c is not None:
                        self.add(inner, v, c)
                self.reverse(inner, r)
            arms.append(Arm(inner, r, self.ct))
        self.join(b, op.operands[0], arms, around)

    def join(self, b: Builder, test: Operand, arms: list[Arm], around: Ct) -> None:
        """An `if` of these arms; what they touched gets what it yields."""
        touched = {
            v: None
            for arm in arms
            for v in arm.ct
            if not is_threaded(v.type) or arm.ct[v] is not around.get(v)
        }
        own = [arm.primal for arm in arms]
        values = [v for v in touched if self.residuals.home.get(v) not in own]
        whens = [self.when(b, test, arms, v) for v in values]
        told = [k for k, when in enumerate(whens) if when is None]
        by_element = [k for k, v in enumerate(values) if self.is_told_by_element(arms, v)]
        regions = []
        for arm in arms:
            if arm.never:
                regions.append(Block((), (Op("unreachable", loc=b.loc),)))
                continue
            outs = [arm.ct[v] if v in arm.ct else self.zero(arm.b, v) for v in values]
            outs += [self.read(arm.ct, values[k]) for k in told]
            outs += [self.read_elements(arm, outs[k]) for k in by_element]
            if arm.primal is not None:
                self.residuals.save(arm.b, arm.primal, outs)
            regions.append(arm.b.block((), "yield", outs))
        self.ct = around
        types = [self.ct_type(v) for v in values] + [BOOL] * len(told)
        types += [history_type(BOOL)] * len(by_element)
        names = [ct_name(v) for v in values]
        names += [f"reached.{values[k].name}" for k in (*told, *by_element)]
        results = b.emit("if", (test,), {}, types, names, regions)
        tellers = iter(results[len(values) :])
        for k in told:
            whens[k] = next(tellers)
        for k in by_element:
            self.reached.histories[results[k]] = next(tellers)
        for v, c, when in zip(values, results, whens, strict=False):
            self.reached.note(c, when or YES)
            if is_threaded(v.type):
                self.put(v, c)
            else:
                self.add(b, v, c)

    def is_told_by_element(self, arms: list[Arm], v: Value) -> bool:
        """Whether a history's cotangent has a bool for each element, in the arms that touch it."""
        made = [arm.ct[v] for arm in arms if v in arm.ct]
        return all(c in self.reached.histories for c in made)

    def read_elements(self, arm: Arm, c: Operand) -> Operand:
        known = self.reached.histories.get(c)
        return known or arm.b.op("zeros", *shape_of(arm.b, c), elem=BOOL)

    def read(self, ct: Ct, v: Value) -> Operand:
        """Whether v was read, by these cotangents."""
        return self.reached.of(ct[v]) if v in ct else NO

    def when(self, b: Builder, test: Operand, arms: list[Arm], v: Value) -> Operand | None:
        """Where v was read: always, or as the test says; None where the arms have to tell."""
        if not self.reached.matters(v):
            return YES
        told = [self.read(arm.ct, v) for arm in arms]
        if all(p == YES or arm.never for p, arm in zip(told, arms, strict=True)):
            return YES
        if told == [YES, NO]:
            return test
        return b.op("not", test) if told == [NO, YES] else None

    def loop(self, b: Builder, op: Op, cts: Cts) -> None:
        LoopReversal(self, b, Loop(op), cts).run()

    def call(self, b: Builder, op: Op, cts: Cts) -> None:
        f = self.module.functions[op.attrs["fn"]]
        rule = vjp(
            self.d, f.name, [self.is_active(v) for v in op.operands], [c is not None for c in cts]
        )
        residuals = [Value(t, n) for t, n in zip(rule.residuals, rule.names, strict=True)]
        for saved in residuals:
            self.residuals.settle(saved, self.residuals.home[op.results[0]])
        self.calls[op] = rule, residuals
        threaded: dict[int, Operand] = {}
        taken: set[Operand] = set()
        for k in rule.accumulators:  # an array given twice has one accumulator; the rest are fresh
            v = op.operands[k]
            threaded[k] = self.zero(b, v) if v in taken else self.accumulator(b, v)
            taken.add(v)
        seeds = [cts[k] for k in rule.seeds]
        captures = [op.operands[k] for k in rule.needed] + residuals
        params = [c for c in seeds if c is not None] + list(threaded.values())
        types = [self.ct_type(f.inputs[k]) for k in rule.active] + [BOOL] * len(rule.told)
        attrs = {"fn": rule.bwd}
        groups = (len(captures), len(params))
        outs = b.emit("call", [*captures, *params], attrs, types, groups=groups)
        n = len(rule.active)
        for k, when in zip(rule.told, outs[n:], strict=True):
            self.reached.note(outs[rule.active.index(k)], when)
        first = {op.operands[k]: k for k in reversed(rule.accumulators)}
        back = {k for k in rule.accumulators if first[op.operands[k]] == k}
        for k, c in zip(
            rule.active, outs[:n], strict=True
        ):  # accumulators go back before others add
            if k in back:
                self.put(op.operands[k], c)
        for k, c in zip(rule.active, outs[:n], strict=True):
            if k not in back:
                self.add(b, op.operands[k], c)

    def box(self, b: Builder, op: Op, cts: Cts) -> None:
        """A null cotangent is zero: then the fields get zeros."""
        c = cts[0]
        assert c is not None
        fields = [v for v in op.operands if cotangent_type(v.type) is not None]
        null, full = b.child("if"), b.child("if")
        zeros = [self.zero(null, v) for v in fields]
        types = [self.ct_type(v) for v in fields]
        parts = full.emit("unbox", (c,), {}, types)
        regions = [null.block((), "yield", zeros), full.block((), "yield", parts)]
        is_null = b.emit("is_null", (c,), {}, [BOOL])
        outs = b.emit("if", is_null, {}, types, [ct_name(v) for v in fields], regions)
        for v, part in zip(fields, outs, strict=True):
            self.add(b, v, part)

    def unbox(self, b: Builder, op: Op, cts: Cts) -> None:
        t = self.ct_type(op.operands[0])
        assert isinstance(t, Box)
        fields = [
            self.zero(b, v) if c is None else c
            for v, c in zip(op.results, cts, strict=True)
            if cotangent_type(v.type) is not None
        ]
        self.add(b, op.operands[0], b.emit("box", fields, {"record": t.record}, [t])[0])


class Renaming(Rebuild):
    """The copy that ends bwd: values of arms stand for their carriers."""

    def __init__(self, module: Module, alias: dict[Value, Value]) -> None:
        super().__init__(module)
        self.alias = alias

    def get(self, v: Operand) -> Operand:
        while isinstance(v, Value) and v not in self.env:
            v = self.alias[v]
        return self.env[v] if isinstance(v, Value) else v


def threaded_of(ct: Ct) -> Ct:
    return {v: c for v, c in ct.items() if is_threaded(v.type)}


REGION_RULES = {
    "if": Reverse.branch,
    "for": Reverse.loop,
    "while": Reverse.loop,
    "call": Reverse.call,
    "box": Reverse.box,
    "unbox": Reverse.unbox,
}
