"""Making an instance: its body runs until the result type stands, then the function is closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...ir.core import Function, Operand, Value
from ...ir.types import Array
from . import bodies, headers, instances, slots
from . import frame as frames
from .joins import Disagree, Endless, coerce, endless, join
from .values import (
    AV,
    UNDEFINED,
    Dead,
    T,
    build,
    floats_dynamic,
    leaf_types,
    named_leaves,
    same,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame
    from .instances import Instance, Program


def specialise(f: Frame, instance: Instance) -> None:
    """Run the body until the result type stands, then close the function."""
    program = f.program
    program.stack.append(instance)
    before = set(program.instances.values())
    while True:
        instance.used = False
        instance.deps = set()
        run = Run(program, instance, f)
        old = instance.signature()
        run.execute()
        if instance.signature() == old or not instance.used:
            break
        for other in program.instances.values():
            if other not in before and other.deps:
                other.done = False
    program.module.functions[instance.name] = run.close()
    instance.done = True
    instance.deps.discard(instance)
    program.stack.pop()


class Run:
    """One pass over an instance's body."""

    def __init__(self, program: Program, instance: Instance, caller: Frame) -> None:
        self.instance = instance
        key = instance.key
        fn = program.functions[key.callee.info.fn] if key.callee.kind == "fn" else None
        self.frame = f = frames.Frame(program, instance, fn, UNDEFINED)
        if fn is None:
            f.loc = caller.loc
        self.loc = f.loc
        self.names: dict[str, int] = {}
        self.captures: list[Value] = []
        self.params: list[Value] = []
        labels = bodies.capture_names(program.functions, key.callee)
        f.me = build(key.callee, self.values(key.callee, labels, self.captures))
        self.contents: list[AV] = []
        named = bodies.cell_names(program.functions, key)
        for k, t in enumerate(key.contents):
            labels = named_leaves(t, named.get(("p", k), f"cell{k}"))
            self.contents.append(build(t, self.values(t, labels, self.captures)))
            f.store["p", k] = self.contents[-1]
        instance.names = []
        self.args: list[AV] = []
        for name, t in zip(bodies.param_names(program.functions, key), key.args, strict=True):
            start = len(self.params)
            self.args.append(build(t, self.values(t, named_leaves(t, name), self.params)))
            instance.names.append([v.name for v in self.params[start:]])
        self.outs: list[AV] | None = None

    def values(self, t: T, labels: list[str], into: list[Value]) -> Iterator[Operand]:
        """Parameters for the leaves of t, with names that are theirs alone."""
        for kind, name in zip(leaf_types(t), labels, strict=True):
            v = self.frame.b.param(kind, self.unique(name))
            into.append(v)
            if isinstance(kind, Array) and kind.strided:
                self.frame.strided.append(v)
        return iter(into[len(into) - len(labels) :])

    def unique(self, name: str) -> str:
        while name in self.names:
            self.names[name] += 1
            name = f"{name}.{self.names[name]}"
        self.names[name] = 0
        return name

    def execute(self) -> None:
        try:
            result = bodies.run_body(self.frame, self.args)
        except Dead:
            return
        self.summarise(result)

    def summarise(self, result: AV) -> None:
        """Merge what this pass found into the instance: result, written and fresh cells."""
        f, instance = self.frame, self.instance
        changed = [k for k, c in enumerate(self.contents) if not same(f.store["p", k], c)]
        changed = sorted({*changed, *instance.written})
        instance.iterates |= id(result) in f.iterators
        result, written, fresh = self.by_name(result, changed)
        instance.result = merged(f, instance.result, result)
        self.outs = [result]
        for k in changed:
            instance.written[k] = merged(f, instance.written.get(k), written[k])
            self.outs.append(written[k])
        for j, new in enumerate(fresh):
            if new.kind == "undef" and j < len(instance.fresh):
                self.outs.append(new)
                continue
            old = instance.fresh[j] if j < len(instance.fresh) else None
            instance.fresh[j : j + 1] = [merged(f, old, new)]
            self.outs.append(new)

    def by_name(self, result: AV, changed: list[int]) -> tuple[AV, dict[int, AV], list[AV]]:
        """What leaves the function, cells that it made named by the places that they stand in.

        So a recursion whose result may be one of ever more cells has a result of one type.
        """
        f, instance = self.frame, self.instance
        of = instance.fresh_names
        given = {("p", k) for k in range(len(self.contents))}
        names = headers.Names(f, given, of, lambda: ("f", len(of)))
        back = headers.Back(names, f.store)
        result = headers.walked("result", result, back.refer)
        written = {k: headers.walked(k, f.store["p", k], back.refer) for k in changed}
        fresh: dict[Any, AV] = {}
        while back.work:
            c, content = back.work.popleft()
            fresh[c] = headers.walked(c, content, back.refer)
        return result, written, [fresh.get(c, UNDEFINED) for c in of.values()]

    def close(self) -> Function:
        f, instance = self.frame, self.instance
        captures = list(self.captures)
        for name, t in instance.hidden.items():
            leaves = bodies.flat(instances.hidden(f, name, t))
            captures += [x for x in leaves if isinstance(x, Value)]
        if self.outs is None:
            f.loc = self.loc
            block = f.b.block((), "unreachable", (), loc=f.loc)
        else:
            wanted = [instance.result, *instance.written.values(), *instance.fresh]
            outs: list[Operand] = []
            for k, kind in enumerate(wanted):
                assert kind is not None
                outs += coerce(f, self.outs[k] if k < len(self.outs) else UNDEFINED, kind)
            block = f.b.block((), "return", outs, loc=f.loc)
        results = tuple(instance.result_types())
        loc = f.fn.loc if f.fn else self.loc
        flags = slots.buffers(instance.result) if instance.result else ()
        roomy = tuple([k for k, is_buffer in enumerate(flags) if is_buffer])
        attrs = {"roomy": roomy} if roomy else {}
        return Function(
            instance.name, tuple(captures), tuple(self.params), results, block, attrs, loc
        )


def merged(f: Frame, old: T | None, new: AV) -> T:
    t = floats_dynamic(typ(new))
    if old is None or old == t:
        return t
    try:
        return join(old, t)
    except Disagree as e:
        raise f.error(
            "E07", f"a result that is {e}", "a function's results have one kind", e.cure
        ) from None
    except Endless:
        raise endless(f) from None
