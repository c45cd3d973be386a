"""Functions with rules of their own: `custom_vjp` and `custom_jvp`.

    fn @f(%x: f64) -> f64 {vjp = ("f.fwd", "f.bwd")}      fn @f(%x: f64) -> f64 {jvp = ("f.rule")}

    @f.fwd: as @f, and what it saves after the results
    @f.bwd (saved, cotangents of all results) -> cotangents of all parameters
    @f.rule (parameters, their tangents) -> results, their tangents

After these names stand the walkers of the boxes that go in or out, which make of a box one of the
floats in it.

Where a derivative meets @f, these are called instead of anything made from its body.  Here they get
the signatures of made ones (`vjp` and `jvp` say which).  Both are programs like others, so they are
differentiated in turn.

Reverse mode through `custom_jvp`: the rule is linear in the tangents, so its own reverse by the
tangents, taken at zero, is its transpose.

A rule speaks of parameters only, so a derivative by a captured value is refused; so is forward mode
through `custom_vjp`, which cannot say what it is.  But where fwd calls the function itself,
forward over reverse goes on: by the transpose of bwd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.builder import Builder
from ..ir.core import RULES, Function, Loc, Operand, Value, zero_literal
from ..ir.types import I64, Scalar, cotangent_type, is_threaded
from .cotangents import shape_of, whole
from .derivatives import Derivatives, Rule

VJP, JVP = RULES
WITHIN = "within"  # attribute of a custom function as its own fwd calls it
HELD = "held"  # names of its parameters that stand within functions, so no rule speaks of them
Vjp = Callable[[Derivatives, str, Sequence[bool], Sequence[bool]], Rule]


class CustomRule(Exception):
    """A custom rule cannot give what is asked of it: `kind` is "forward", "capture" or "reads"."""

    def __init__(self, kind: str, f: Function, name: str = "", loc: Loc = ()) -> None:
        super().__init__(f"{kind}: the custom rule of @{f.name} {name}")
        self.kind, self.function, self.name, self.loc = kind, f.name, name, loc or f.loc


def is_custom(f: Function) -> bool:
    return VJP in f.attrs or JVP in f.attrs


def without_rules(f: Function) -> Function:
    """The function as one like others: nothing will be differentiated any more."""
    if not is_custom(f):
        return f
    return f.but(attrs={k: v for k, v in f.attrs.items() if k not in (*RULES, WITHIN, HELD)})


def refuse_captures(f: Function, active: Sequence[bool]) -> None:
    held = f.attrs.get(HELD, ())
    for k, (v, a) in enumerate(zip(f.inputs, active, strict=True)):
        if a and (k < len(f.captures) or v.name in held):
            raise CustomRule("capture", f, v.name)


class Wrapper:
    """A function with the inputs of f, or some of them, that calls a rule."""

    def __init__(self, d: Derivatives, f: Function) -> None:
        self.d, self.f = d, f
        self.b = Builder(d.module, share=False, hoist=False)
        self.b.loc = f.loc
        self.inputs: dict[int, Value] = {}

    def input(self, k: int) -> Value:
        """The k-th input of f as one of this function."""
        if k not in self.inputs:
            v = self.f.inputs[k]
            self.inputs[k] = self.b.param(v.type, v.name)
        return self.inputs[k]

    def captured(self, g: Function) -> list[Operand]:
        """What a rule captures, which f does, too."""
        places = {v.name: k for k, v in enumerate(self.f.captures)}
        for v in g.captures:
            if v.name not in places:
                raise CustomRule("reads", self.f, v.name)
        return [self.input(places[v.name]) for v in g.captures]

    def zero(self, k: int) -> Operand:
        """A zero tangent or cotangent of the k-th input."""
        t = cotangent_type(self.f.inputs[k].type)
        assert t is not None
        if isinstance(t, Scalar):
            return zero_literal(t)
        if is_threaded(t):
            return self.b.op("zeros_like", self.input(k))
        return self.b.op("null", type=t)

    def point(self, primal: Operand) -> Operand:
        """A tangent or cotangent at which to reverse what is linear: zero, but a box of what the
        primal holds, since null would end the walk.
        """
        t = cotangent_type(primal.type)
        assert t is not None
        if isinstance(t, Scalar):
            return zero_literal(t)
        if is_threaded(t):
            return self.b.op("zeros_like", primal)
        for rule in RULES:
            for name in self.f.attrs.get(rule, ()):
                g = self.d.module.functions[name]
                if [v.type for v in g.inputs] == [primal.type] and g.results == (t,):
                    return self.call(name, (), (primal,))[0]
        return self.b.op("null", type=t)

    def call(
        self, fn: str, captures: Sequence[Operand], params: Sequence[Operand]
    ) -> tuple[Operand, ...]:
        types = self.d.module.functions[fn].results
        groups = (len(captures), len(params))
        return self.b.emit("call", [*captures, *params], {"fn": fn}, types, groups=groups)

    def add(
        self, name: str, captures: Sequence[Value], params: Sequence[Value], outs: Sequence[Operand]
    ) -> str:
        made = self.d.fresh(name)
        body = self.b.block((), "return", outs)
        types = tuple(v.type for v in outs)
        loc = self.f.loc
        self.d.module.add(Function(made, tuple(captures), tuple(params), types, body, {}, loc))
        return made

    def add_whole(self, name: str, more: Sequence[Value], outs: Sequence[Operand]) -> str:
        """With all inputs of f, as f has them."""
        inputs = [self.input(k) for k in range(len(self.f.inputs))]
        n = len(self.f.captures)
        return self.add(name, inputs[:n], [*inputs[n:], *more], outs)


def rule_of(
    d: Derivatives, f: Function, active: Sequence[bool], seeds: Sequence[bool], vjp: Vjp
) -> Rule:
    """How reverse mode calls a function with a custom rule."""
    refuse_captures(f, active)
    rule = Rule(
        fwd="",
        bwd="",
        active=[k for k, a in enumerate(active) if a],
        seeds=[k for k, s in enumerate(seeds) if s],
        accumulators=[],  # a rule gives whole cotangents
    )
    if VJP in f.attrs:
        by_vjp(d, f, rule)
    else:
        by_jvp(d, f, rule, vjp)
    return rule


# ---- custom_vjp ---------------------------------------------------------------------------------


def by_vjp(d: Derivatives, f: Function, rule: Rule) -> None:
    fwd, bwd = (d.module.functions[n] for n in f.attrs[VJP][:2])
    assert f.results is not None and fwd.results is not None
    n = len(f.results)
    # lengths that bwd needs: of results whose cotangent is missing, of arrays that it gives
    # cotangents of
    dual = [k for k, t in enumerate(f.results) if cotangent_type(t) is not None]
    absent = [k for k in dual if k not in rule.seeds and is_threaded(f.results[k])]
    arrays = [k for k in rule.active if is_threaded(f.inputs[k].type)]
    w = Wrapper(d, f)
    inputs = [w.input(k) for k in range(len(f.inputs))]
    outs = w.call(fwd.name, w.captured(fwd), inputs[len(f.captures) :])
    shapes = [shape_of(w.b, outs[k]) for k in absent] + [shape_of(w.b, inputs[k]) for k in arrays]
    lengths = [n for shape in shapes for n in shape]
    rule.fwd = w.add_whole(f"{f.name}.fwd", [], [*outs, *lengths])
    rule.residuals = [*fwd.results[n:], *(I64 for _ in lengths)]
    rule.names = [*(v.name for v in bwd.params[: len(fwd.results) - n]), *("" for _ in lengths)]

    w = Wrapper(d, f)
    captures = w.captured(bwd)
    saved = [w.b.param(t, n) for t, n in zip(rule.residuals, rule.names, strict=True)]
    first = len(fwd.results) - n
    left = iter(saved[first:])
    known = [[next(left) for _ in shape] for shape in shapes]
    shape_at = dict(zip(absent, known, strict=False))
    given = {k: w.b.param(t, "ct") for k in rule.seeds if (t := cotangent_type(f.results[k]))}
    cts: list[Operand] = []
    for k in dual:
        t = cotangent_type(f.results[k])
        if k in given:
            cts.append(given[k])
        elif k in shape_at:
            cts.append(w.b.op("zeros", *shape_at[k]))
        else:
            cts.append(zero_literal(t) if isinstance(t, Scalar) else w.b.op("null", type=t))
    results = w.call(bwd.name, captures, [*saved[:first], *cts])
    params = [k for k in range(len(f.captures), len(f.inputs)) if cotangent_type(f.inputs[k].type)]
    by_input = dict(zip(params, results, strict=True))
    for k, shape in zip(arrays, known[len(absent) :], strict=True):
        by_input[k] = whole(w.b, by_input[k], shape)
    rule.needed = sorted(w.inputs)
    needed = [w.inputs[k] for k in rule.needed]
    outs_of_active = [by_input[k] for k in rule.active]
    rule.bwd = w.add(f"{f.name}.bwd", [*needed, *saved], list(given.values()), outs_of_active)


# ---- custom_jvp ---------------------------------------------------------------------------------


def dual_inputs(f: Function) -> list[int]:
    """Parameters of f that have a tangent, in order: the rule takes these tangents last."""
    n = len(f.captures)
    return [k for k in range(n, len(f.inputs)) if cotangent_type(f.inputs[k].type) is not None]


def pushforward(d: Derivatives, f: Function, active: Sequence[bool]) -> tuple[str, list[int]]:
    """A function with the signature that `jvp` makes; positions of the results with a tangent."""
    if JVP not in f.attrs and not f.attrs.get(WITHIN):
        raise CustomRule("forward", f)
    refuse_captures(f, active)
    assert f.results is not None
    w = Wrapper(d, f)
    inputs = [w.input(k) for k in range(len(f.inputs))]
    seeds: dict[int, Value] = {}
    for k in dual_inputs(f):
        t = cotangent_type(f.inputs[k].type)
        if active[k] and t is not None:
            seeds[k] = w.b.param(t, f"t.{f.inputs[k].name}")
    tangents = [seeds[k] if k in seeds else w.zero(k) for k in dual_inputs(f)]
    params = inputs[len(f.captures) :]
    if JVP in f.attrs:
        rule = d.module.functions[f.attrs[JVP][0]]
        outs = w.call(rule.name, w.captured(rule), [*params, *tangents])
    else:
        outs = transposed(w, params, tangents)
    made = w.add_whole(f"{f.name}.jvp", list(seeds.values()), outs)
    return made, [k for k, t in enumerate(f.results) if cotangent_type(t) is not None]


def repeated(d: Derivatives, f: Function, one: str, lanes: int) -> str:
    """The function that pushes several tangents, by a call of `one`, which pushes one, for each."""
    w = Wrapper(d, f)
    inputs = [w.input(k) for k in range(len(f.inputs))]
    captures, params = inputs[: len(f.captures)], inputs[len(f.captures) :]
    assert f.results is not None
    n = len(f.results)
    kinds = d.module.functions[one].params[len(params) :]
    seeds: list[Value] = []
    outs: list[Operand] = []
    for k in range(lanes):
        mine = [w.b.param(v.type, v.name) for v in kinds]
        got = w.call(one, captures, [*params, *mine])
        seeds += mine
        outs += got[n:] if k else got
    return w.add_whole(f"{f.name}.jvp", seeds, outs)


def transposed(
    w: Wrapper, params: Sequence[Operand], tangents: Sequence[Operand]
) -> tuple[Operand, ...]:
    """The results and their tangents by a custom_vjp: bwd is linear in the cotangents, so its
    reverse by them, taken at zero, pushes tangents.
    """
    from .vjp import vjp

    fwd, bwd = (w.d.module.functions[n] for n in w.f.attrs[VJP][:2])
    assert w.f.results is not None and bwd.results is not None
    n = len(w.f.results)
    outs = w.call(fwd.name, w.captured(fwd), params)
    cts = [w.point(v) for v in outs[:n] if cotangent_type(v.type) is not None]
    captured = w.captured(bwd)
    operands = [*captured, *outs[n:], *cts]
    first = len(operands) - len(cts)
    active = [k >= first for k in range(len(operands))]
    rule = vjp(w.d, bwd.name, active, [True] * len(bwd.results))
    got = w.call(rule.fwd, captured, operands[len(captured) :])
    residuals = got[len(bwd.results) :]
    accumulators = [w.b.op("zeros_like", operands[k]) for k in rule.accumulators]
    needed = [operands[k] for k in rule.needed]
    pushed = w.call(rule.bwd, [*needed, *residuals], [*tangents, *accumulators])
    return (*outs[:n], *pushed[: len(rule.active)])


def by_jvp(d: Derivatives, f: Function, rule: Rule, vjp: Vjp) -> None:
    """Reverse the rule by its tangents, at zero."""
    g = d.module.functions[f.attrs[JVP][0]]
    assert f.results is not None and g.results is not None
    n, duals = len(f.results), dual_inputs(f)
    first = len(g.inputs) - len(duals)  # of the tangents among g's inputs
    place = {k: first + j for j, k in enumerate(duals)}
    results = [k for k, t in enumerate(f.results) if cotangent_type(t) is not None]
    seeds = [False] * n + [k in rule.seeds for k in results]
    wanted = {place[k] for k in rule.active}
    inner = vjp(d, g.name, [k in wanted for k in range(len(g.inputs))], seeds)

    def inputs_of_g(w: Wrapper, wanted: Sequence[int]) -> list[Operand]:
        """Inputs of g in terms of f's, and tangents to reverse at."""
        captured = w.captured(g) if any(k < len(g.captures) for k in wanted) else []
        out: list[Operand] = []
        for k in wanted:
            if k < len(g.captures):
                out.append(captured[k])
            elif k < first:
                out.append(w.input(k - len(g.captures) + len(f.captures)))
            else:
                out.append(w.point(w.input(duals[k - first])))
        return out

    w = Wrapper(d, f)
    operands = inputs_of_g(w, range(len(g.inputs)))
    outs = w.call(inner.fwd, operands[: len(g.captures)], operands[len(g.captures) :])
    rule.fwd = w.add_whole(f"{f.name}.fwd", [], [*outs[:n], *outs[len(g.results) :]])
    rule.residuals, rule.names = list(inner.residuals), list(inner.names)

    w = Wrapper(d, f)
    saved = [w.b.param(t, n) for t, n in zip(rule.residuals, rule.names, strict=True)]
    given = [w.b.param(t, "ct") for k in rule.seeds if (t := cotangent_type(f.results[k]))]
    captures = [*inputs_of_g(w, inner.needed), *saved]
    accumulators = inputs_of_g(w, inner.accumulators)
    cts = w.call(inner.bwd, captures, [*given, *accumulators])
    by_place = dict(zip(inner.active, cts, strict=False))  # without what it tells
    rule.needed = sorted(w.inputs)
    needed = [w.inputs[k] for k in rule.needed]
    outs_of_active = [by_place[place[k]] for k in rule.active]
    rule.bwd = w.add(f"{f.name}.bwd", [*needed, *saved], given, outs_of_active)
