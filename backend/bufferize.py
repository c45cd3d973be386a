"""Stage `opt` to stage `memory`: where every array and box lives.

before
    %a: f64[1] = zeros %n
    %b: f64[1] = set %a, 0, %x
after
    %top: mark = mark
    %a: f64[1] in arena = zeros %n
    %b: f64[1] in %a = set %a, 0, %x
    ...
    release %top

New memory is `in arena`.  What `ownership` finds safe is written `in %v`, v's buffer; all else gets
`copy %v {why = "..."}` before it.  A carry whose contents stay in its buffer is `in` its initial
value; one without a place travels by pointer, so two arrays swapped in a loop copy nothing.

`mark` and `release` stand around a function, and around a loop's body, that allocates but hands on
nothing of what it allocated.  So a loop that differentiates in each iteration does not grow.

Why it is right: a copy never changes a result, and an update in place is seen by nobody, because
its old contents have no later use.  `copy_everything` copies at every chance: results must not
change, which a test asserts.

The sum of two boxes becomes a call of a function made here, `@r.accum`, so that its allocations are
seen, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..ir.builder import Builder
from ..ir.core import LOOPS, Block, Function, Loop, Module, Op, Operand, Value, callees, walk
from ..ir.ops import ARRAY_UPDATES, record_types
from ..ir.types import BOOL, MARK, Array, Box, List, Scalar, Type
from .lists import expand_lists
from .nesting import Walk, drive
from .ownership import Ownership, Signature, consumption

NEW = frozenset({"zeros", "zeros_like", "copy", "box"})


def bufferize(
    module: Module, *, entries: Sequence[str] = (), copy_everything: bool = False
) -> Module:
    """A module of stage `memory`; `entries` are the functions that Python calls (the first one)."""
    source = sum_boxes(expand_lists(module))
    called = frozenset(entries or (source.entry.name,))
    signatures = consumption(source, called)
    done: dict[str, Placed] = {}
    for name in callees_first(source):
        done[name] = Placed(source.functions[name], signatures, done, copy_everything)
    grow(done)
    for placed in done.values():
        placed.run()
    made = Module({}, dict(source.records))
    for name in source.functions:
        made.add(done[name].made)
    return made


def callees_first(module: Module) -> list[str]:
    """Function names so that a callee stands before its callers, but for cycles."""
    order: dict[str, None] = {}
    for root in module.functions:
        stack = [(root, iter(calls(module.functions[root])))]
        entered = {root}
        while stack:
            name, rest = stack[-1]
            callee = next((g for g in rest if g not in order and g not in entered), None)
            if callee is None:
                order.setdefault(name)
                stack.pop()
            else:
                entered.add(callee)
                stack.append((callee, iter(calls(module.functions[callee]))))
    return list(order)


def grow(placed: dict[str, Placed]) -> None:
    """Which functions allocate, or call one that does; what is released is found out later."""
    changed = True
    while changed:
        changed = False
        for p in placed.values():
            if not p.grows and (p.copies or p.allocates(p.function.body.ops)):
                p.grows = changed = True


def calls(f: Function) -> list[str]:
    return [g for op in walk(f.body) if op.opcode == "call" for g in callees(op)]


class Placed:
    """One function on its way: `env` maps its values to those that have places."""

    def __init__(
        self,
        f: Function,
        signatures: dict[str, Signature],
        done: dict[str, Placed],
        everything: bool,
    ) -> None:
        self.function, self.done = f, done
        self.env: dict[Value, Value] = {}
        self.ties: dict[int, int] = {}  # results that stand in the buffer of an input
        self.grows = False  # whether it leaves something in the arena
        self.copies: dict[tuple[Op, int], str] = {}
        view = Ownership(f, signatures, everything)
        for block, k, op, place in view.uses():
            why = view.why(block, k, op, place)
            if why is not None:
                self.copies[op, place] = why

    def run(self) -> None:
        f = self.function
        captures, params = self.fresh(f.captures), self.fresh(f.params)
        body = list[Op]()
        drive(self.block(f.body, body))
        inputs = captures + params
        self.grows = self.allocates(body)
        end = body[-1]
        roots = [root(v) for v in end.operands]
        self.ties = {
            k: inputs.index(r) for k, r in enumerate(roots) if r in inputs and in_memory(r)
        }
        new = [
            v for v, r in zip(end.operands, roots, strict=True) if in_memory(v) and r not in inputs
        ]
        if self.grows and not new and end.opcode == "return":
            body = bracketed(body)
            self.grows = False
        self.made = f.but(captures=captures, params=params, body=Block((), tuple(body)))

    # ---- values

    def fresh(self, values: Iterable[Value]) -> tuple[Value, ...]:
        made = []
        for v in values:
            self.env[v] = Value(v.type, v.name)
            made.append(self.env[v])
        return tuple(made)

    def get(self, v: Operand) -> Operand:
        return self.env[v] if isinstance(v, Value) else v

    def operands(self, op: Op, out: list[Op]) -> tuple[Operand, ...]:
        """The op's operands, copied where they must be."""
        found = []
        for k, v in enumerate(op.operands):
            new = self.get(v)
            why = self.copies.get((op, k))
            if why is not None:
                assert isinstance(v.type, Array) and isinstance(new, Value)
                t = Array(v.type.elem, v.type.rank)
                copied = Value(t, new.name, "arena")
                out.append(Op("copy", (new,), (copied,), {"why": why}, (), op.loc))
                new = copied
            found.append(new)
        return tuple(found)

    # ---- ops

    def block(self, block: Block, out: list[Op]) -> Walk:
        for op in block.ops:
            operands = self.operands(op, out)
            regions = list[Block]()
            for r in op.regions:
                params, body = (
                    regions[0].params if op.opcode == "while" and regions else None,
                    list[Op](),
                )
                params = self.fresh(r.params) if params is None else params
                yield self.block(r, body)
                regions.append(Block(params, tuple(body)))
            results = self.fresh(op.results)
            made = Op(op.opcode, operands, results, op.attrs, tuple(regions), op.loc, op.groups)
            if op.opcode in LOOPS:
                made = self.loop(made)
            else:
                self.place(made)
            out.append(made)

    def place(self, op: Op) -> None:
        """Say where the results of an op live."""
        if op.opcode in NEW:
            op.results[0].place = "arena"
        elif op.opcode in ARRAY_UPDATES and isinstance(op.results[0].type, Array):
            assert isinstance(op.operands[0], Value)
            op.results[0].place = op.operands[0]
        elif op.opcode == "if":
            self.joined(op)
        elif op.opcode == "call":
            for k, source in self.done[op.attrs["fn"]].ties.items():
                arg = op.operands[source]
                if isinstance(op.results[k].type, Array) and isinstance(arg, Value):
                    op.results[k].place = arg

    def joined(self, op: Op) -> None:
        """An array that both arms hand on in the same buffer, from outside, stays in it."""
        arrays = {k: v for k, v in enumerate(op.results) if isinstance(v.type, Array)}
        if not arrays:
            return
        arms = [r.outs for r in op.regions if r.end.opcode == "yield"]
        inside = {v for r in op.regions for o in walk(r) for v in o.results}
        for k, v in arrays.items():
            roots = {root(outs[k]) for outs in arms}
            if len(roots) == 1 and not roots & inside:
                v.place = next(r for r in roots if isinstance(r, Value))

    def loop(self, op: Op) -> Op:
        """Places of carries and histories; a body that hands on nothing new is bracketed."""
        loop = Loop(op)
        for history in loop.histories:
            history.place = "arena"
        stay = [root(v) is c for v, c in zip(loop.next, loop.carries, strict=False)]
        for kept, c, init, result in zip(
            stay, loop.carries, loop.inits, loop.results, strict=False
        ):
            if kept and isinstance(c.type, Array) and isinstance(init, Value):
                c.place = result.place = init
        body = list(loop.body.ops)
        if body[-1].opcode != "next" or not self.allocates(body):
            return op
        new = {v for o in walk(loop.body) for v in o.results}
        if any(in_memory(v) and root(v) in new for v in (*loop.next, *loop.ys)):
            return op
        block = Block(loop.body.params, tuple(bracketed(body)))
        return op.but(regions=(*op.regions[:-1], block))

    def allocates(self, ops: Sequence[Op]) -> bool:
        """Whether anything made here, or in a callee, is still in the arena at the end."""
        todo = list(ops)
        while todo:
            op = todo.pop()
            if op.opcode in NEW or op.opcode in LOOPS and Loop(op).histories:
                return True
            if op.opcode == "call":
                if self.done[op.attrs["fn"]].grows:
                    return True
            if op.opcode in LOOPS and Loop(op).body.ops[0].opcode == "mark":
                todo.extend(op.regions[0].ops if op.opcode == "while" else ())
                continue
            todo.extend(o for r in op.regions for o in r.ops)
        return False


def in_memory(v: Operand) -> bool:
    return isinstance(v.type, (Array, List, Box))


def root(v: Operand) -> Operand:
    """The value whose buffer v stands in."""
    while isinstance(v, Value) and isinstance(v.place, Value):
        v = v.place
    return v


def bracketed(body: list[Op]) -> list[Op]:
    """The ops between `mark` and `release`."""
    top = Value(MARK, "top")
    return [Op("mark", (), (top,)), *body[:-1], Op("release", (top,)), body[-1]]


# ---- sums of boxes -----------------------------------------------------------------------------


def sum_boxes(module: Module) -> Module:
    """Turn `accum` of boxes into calls, and write the functions called."""
    wanted = [
        op.operands[0].type
        for f in module.functions.values()
        for op in walk(f.body)
        if op.opcode == "accum" and isinstance(op.operands[0].type, Box)
    ]
    if not wanted:
        return module
    made, names = module.copy(), dict[Type, str]()
    while wanted:
        t = wanted.pop()
        if t in names:
            continue
        assert isinstance(t, Box)
        names[t] = free_name(made, f"{t.record}.accum")
        made.functions[names[t]] = summing(made, t, names[t])
        wanted += [u for u in record_types(made, t.record) if isinstance(u, Box)]
    for f in list(made.functions.values()):
        made.functions[f.name] = f.but(body=calling(f.body, names))
    return made


def free_name(module: Module, name: str) -> str:
    k, found = 2, name
    while found in module.functions:
        found, k = f"{name}.{k}", k + 1
    return found


def summing(module: Module, t: Box, name: str) -> Function:
    """fn @r.accum(%a: box<@r>, %b: box<@r>) -> box<@r>: a new box, or the one that is not null."""
    b = Builder(module, fold=False, share=False, hoist=False)
    x, y = b.param(t, "a"), b.param(t, "b")
    fields = record_types(module, t.record)
    left, right, first = b.child("if"), b.child("if"), b.emit("is_null", (x,), {}, [BOOL])[0]
    second = right.emit("is_null", (y,), {}, [BOOL])[0]
    only, both = right.child("if"), right.child("if")
    pairs = zip(
        both.emit("unbox", (x,), {}, fields), both.emit("unbox", (y,), {}, fields), strict=True
    )
    sums = [
        p if isinstance(p.type, Scalar) and p.type.name != "f64" else both.op("accum", p, q)
        for p, q in pairs
    ]
    full = both.emit("box", sums, {"record": t.record}, [t])
    arms = [only.block((), "yield", (x,)), both.block((), "yield", full)]
    inner = right.emit("if", (second,), {}, [t], regions=arms)
    arms = [left.block((), "yield", (y,)), right.block((), "yield", inner)]
    outer = b.emit("if", (first,), {}, [t], regions=arms)
    return Function(name, (), (x, y), (t,), b.block((), "return", outer))


def calling(body: Block, names: dict[Type, str]) -> Block:
    """The block with sums of boxes as calls; blocks that hold none stay as they are."""
    made = dict[Block, Block]()
    order = [body]
    for block in order:
        order.extend(r for op in block.ops for r in op.regions)
    for block in reversed(order):
        ops = []
        for op in block.ops:
            if op.opcode == "accum" and op.operands[0].type in names:
                op = op.but(
                    opcode="call",
                    attrs={"fn": names[op.operands[0].type]},
                    groups=(0, 2),
                )
            ops.append(op.but(regions=tuple(made[r] for r in op.regions)) if op.regions else op)
        made[block] = Block(block.params, tuple(ops))
    return made[body]
