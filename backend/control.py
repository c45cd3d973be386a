"""Native code of control: if, for, while, calls and the ends of blocks.

A `for` counts ordinals 0, 1, ... trips-1 (its index is lo + ordinal * step), so histories are
indexed by what LLVM recognises as an induction variable.  A loop without loops or calls in it is
cut into strips, each of which is charged to ctx.poll before the next: the inner loop stays free of
it and can be vectorised, and a short one touches no counter.  A `while` counts ctx.poll down in a
register; loops around others, and blocks that call recursive functions, count it down in memory.
Small loops of known length do nothing.

A saved history of a `for` is allocated before it; that of a `while` grows by doubling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.core import Literal, Loop, Op, Operand
from . import layout
from .branches import Exit, find_tails, if_
from .storage import allocate, read, write
from .writer import FOREVER, UNLIKELY, Code, Regions, Row, size_of

GROWN = 64  # places of a `while`'s history at first
SMALL = 1024  # iterations of a loop that need no look at signals
STRIP = 2048  # iterations of a loop that are charged at once


# ---- signals -----------------------------------------------------------------------------------


def kind(c: Code, op: Op) -> str:
    """small (few iterations, known), leaf (nothing large inside) or outer."""
    if c.sizes[op] <= SMALL:
        return "small"
    inside = size_of([o for r in op.regions for o in r.ops], c.sizes)
    return "leaf" if inside <= SMALL else "outer"


def poll(c: Code) -> None:
    """Look at signals, in a cold function; leave where a handler raised."""
    c.propagate(c.new("call i32 @morula.poll(ptr %ctx)"))


def charge(c: Code, steps: int = 1) -> None:
    """So many steps of something that is not counted otherwise; look at signals where due."""
    at = c.context("poll")
    left = c.new(f"sub i64 {c.new(f'load i64, ptr {at}')}, {steps}")
    c.do(f"store i64 {left}, ptr {at}")
    poll_if(c, c.new(f"icmp sle i64 {left}, 0"))


def poll_if(c: Code, due: str) -> None:
    look, on = c.fresh("look"), c.fresh("on")
    c.branch(due, look, on, UNLIKELY)
    c.start(look)
    poll(c)
    c.jump(on)
    c.start(on)


# ---- for ---------------------------------------------------------------------------------------


def trip_count(c: Code, lo: str, hi: str, step: Operand) -> str:
    """len(range(lo, hi, step)), at most the largest i64 (a loop so long never ends)."""
    known = step.value if isinstance(step, Literal) else 0
    if known == 1 and lo == "0":
        return c.new(f"call i64 @llvm.smax.i64(i64 {hi}, i64 0)")
    (by,) = c.of(step)
    forward = c.new(f"icmp sgt i64 {by}, 0")
    low = c.new(f"select i1 {forward}, i64 {lo}, i64 {hi}")
    high = c.new(f"select i1 {forward}, i64 {hi}, i64 {lo}")
    some = c.new(f"icmp slt i64 {low}, {high}")
    span = c.new(f"sub i64 {high}, {low}")  # unsigned
    size = c.new(f"select i1 {forward}, i64 {by}, i64 {c.new(f'sub i64 0, {by}')}")
    steps = span
    if known not in (1, -1):
        # a step of 0, which a check before the loop refuses, must not divide here
        divisor = c.new(f"call i64 @llvm.umax.i64(i64 {size}, i64 1)")
        shorter = c.new(f"sub i64 {span}, 1")
        steps = c.new(f"add i64 {c.new(f'udiv i64 {shorter}, {divisor}')}, 1")
    count = c.new(f"select i1 {some}, i64 {steps}, i64 0")
    return c.new(f"call i64 @llvm.umin.i64(i64 {count}, i64 {FOREVER})")


@dataclass
class Header:
    """The phis at the head of a loop, written when the values of the back edge are known."""

    code: Code
    types: Sequence[str]
    label: str
    names: list[str]
    first: int

    @classmethod
    def open(cls, c: Code, stem: str, types: Sequence[str]) -> Header:
        label = c.fresh(stem)
        c.jump(label)
        c.start(label)
        header = cls(c, types, label, ["%" + c.fresh("p") for _ in types], len(c.lines))
        c.lines += [""] * len(types)
        return header

    def close(self, *edges: tuple[Sequence[str], str]) -> None:
        """Write the phis; each edge is (values, label that they come from)."""
        for k, (t, name) in enumerate(zip(self.types, self.names, strict=True)):
            incoming = ", ".join(f"[ {values[k]}, %{label} ]" for values, label in edges)
            self.code.lines[self.first + k] = f"  {name} = phi {t} {incoming}"


def for_(c: Code, op: Op) -> Regions:
    loop, how = Loop(op), kind(c, op)
    lo, hi, by = (c.of(v)[0] for v in loop.bounds)
    trips = trip_count(c, lo, hi, loop.bounds[2])
    inits = [w for v in loop.inits for w in c.of(v)]
    saved = [allocate(c, trips, layout.element_size(h.type), op) for h in loop.histories]
    types = layout.all_words(v.type for v in loop.carries)
    before, end, start, strip = c.label, trips, "0", None
    if how == "leaf":
        strip = Header.open(c, "strip", ["i64", *types])
        start, *inner_inits = strip.names
        rest = c.new(f"sub nsw i64 {trips}, {start}")
        length = c.new(f"call i64 @llvm.smin.i64(i64 {rest}, i64 {STRIP})")
        end = c.new(f"add nsw i64 {start}, {length}")
    else:
        inner_inits = inits
    entered = c.label
    head = Header.open(c, "head", ["i64", *types])
    ordinal, *carries = head.names
    body, done = c.fresh("body"), c.fresh("done")
    c.branch(c.new(f"icmp slt i64 {ordinal}, {end}"), body, done)
    c.start(body)
    place = ordinal
    if loop.reversed:
        place = c.new(f"sub nsw i64 {c.new(f'sub nsw i64 {trips}, 1')}, {ordinal}")
    assert loop.index is not None
    c.words[loop.index] = (index(c, lo, by, place),)
    c.bind(loop.carries, carries)
    for v, history in zip(loop.elements, loop.each, strict=True):
        c.words[v] = read(c, history, place)
    yield loop.body.body
    leave = loop.body.end.opcode == "unreachable"
    if leave:
        c.do("unreachable")
        head.close(([start, *inner_inits], entered))
    else:
        for history, data, y in zip(loop.histories, saved, loop.ys, strict=True):
            write(c, history, data, place, c.of(y))
        if how == "outer":
            charge(c)
        following = c.new(f"add nuw nsw i64 {ordinal}, 1")
        back = [following, *(w for v in loop.next for w in c.of(v))]
        latch = c.label
        c.jump(head.label)
        head.close(([start, *inner_inits], entered), (back, latch))
    c.start(done)
    if strip is not None:
        between_strips(c, strip, head, (inits, before), (end, trips))
    results = list(carries)
    for data in saved:
        results += [data, trips]
    return results


def between_strips(
    c: Code,
    strip: Header,
    head: Header,
    entry: tuple[Sequence[str], str],
    span: tuple[str, str],
) -> None:
    """After a strip: charge it and go on where iterations are left."""
    again, after = c.fresh("again"), c.fresh("after")
    c.branch(c.new(f"icmp slt i64 {span[0]}, {span[1]}"), again, after, UNLIKELY)
    c.start(again)
    charge(c, STRIP)
    inits, before = entry
    strip.close((["0", *inits], before), ([span[0], *head.names[1:]], c.label))
    c.jump(strip.label)
    c.start(after)


def index(c: Code, lo: str, by: str, ordinal: str) -> str:
    """lo + ordinal * step, which lies in the range and cannot overflow."""
    offset = ordinal if by == "1" else c.new(f"mul i64 {ordinal}, {by}")
    return offset if lo == "0" else c.new(f"add{' nsw' if by == '1' else ''} i64 {lo}, {offset}")


# ---- while -------------------------------------------------------------------------------------


def while_(c: Code, op: Op) -> Regions:
    loop, how = Loop(op), kind(c, op)
    types = layout.all_words(v.type for v in loop.carries)
    inits = [w for v in loop.inits for w in c.of(v)]
    counted = bool(loop.ys) or loop.trips is not None
    buffers = [allocate(c, str(GROWN), layout.element_size(h.type), op) for h in loop.histories]
    extra: list[tuple[str, str]] = []  # further phis: type and first value
    if counted:
        extra.append(("i64", "0"))
    if buffers:
        extra += [("i64", str(GROWN)), *(("ptr", b) for b in buffers)]
    if how == "leaf":
        extra.append(("i64", c.new(f"load i64, ptr {c.context('poll')}")))
    before = c.label
    head = Header.open(c, "head", [*types, *(t for t, _ in extra)])
    carries, more = head.names[: len(types)], head.names[len(types) :]
    c.bind(loop.carries, carries)
    test = op.regions[0]
    yield test.body
    body, done, tested = c.fresh("body"), c.fresh("done"), c.label
    c.branch(c.of(test.outs[0])[0], body, done)
    c.start(body)
    exits = [(head.names, tested)]

    def leave() -> None:
        """The end of an iteration that is known to be the last."""
        values = [w for v in loop.next for w in c.of(v)] + advance(c, op, more, how)
        exits.append((values, c.label))
        c.jump(done)

    find_tails(c, loop.body, Exit(loop, leave))
    yield loop.body.body
    first = ([*inits, *(v for _, v in extra)], before)
    if loop.body.end.opcode == "unreachable":
        c.do("unreachable")
        head.close(first)
    else:
        back = [w for v in loop.next for w in c.of(v)] + advance(c, op, more, how)
        latch = c.label
        c.jump(head.label)
        head.close(first, (back, latch))
    c.start(done)
    final = [
        c.phi(t, [(values[k], label) for values, label in exits]) for k, t in enumerate(head.types)
    ]
    carries, more = final[: len(types)], final[len(types) :]
    if how == "leaf":
        c.do(f"store i64 {more[-1]}, ptr {c.context('poll')}")
    results = list(carries)
    for k in range(len(buffers)):
        results += [more[2 + k], more[0]]
    return results + ([more[0]] if loop.trips is not None else [])


def advance(c: Code, op: Op, more: Sequence[str], how: str) -> list[str]:
    """The end of a `while`'s body: save the ys, count, look at signals; the next further phis."""
    loop, following = Loop(op), []
    if loop.ys:
        count, room, *data = more[: 2 + len(loop.ys)]
        room, data = make_room(c, op, count, room, data)
        for history, buffer, y in zip(loop.histories, data, loop.ys, strict=True):
            write(c, history, buffer, count, c.of(y))
        following = [c.new(f"add nuw nsw i64 {count}, 1"), room, *data]
    elif loop.trips is not None:
        following = [c.new(f"add nuw nsw i64 {more[0]}, 1")]
    if how == "outer":
        charge(c)
    if how == "leaf":
        left = c.new(f"sub i64 {more[-1]}, 1")
        following.append(count_down(c, left))
    return following


def make_room(c: Code, op: Op, count: str, room: str, data: Sequence[str]) -> tuple[str, list[str]]:
    """Double the histories of a `while` where they are full."""
    loop, grow, on, here = Loop(op), c.fresh("grow"), c.fresh("on"), c.label
    c.branch(c.new(f"icmp eq i64 {count}, {room}"), grow, on, UNLIKELY)
    c.start(grow)
    larger = []
    for history, old in zip(loop.histories, data, strict=True):
        size = layout.element_size(history.type)
        p = c.new(f"call ptr @morula.regrow(ptr %ctx, ptr {old}, i64 {count}, i64 {size})")
        c.fail_if(c.new(f"icmp eq ptr {p}, null"), "MemoryError", "out of memory", op.loc)
        larger.append(p)
    twice, grown = c.new(f"shl i64 {room}, 1"), c.label
    c.jump(on)
    c.start(on)
    room = c.phi("i64", [(room, here), (twice, grown)])
    return room, [
        c.phi("ptr", [(old, here), (new, grown)]) for old, new in zip(data, larger, strict=True)
    ]


def count_down(c: Code, left: str) -> str:
    """ctx.poll in a register: look at signals where it is used up."""
    look, on, here = c.fresh("look"), c.fresh("on"), c.label
    c.branch(c.new(f"icmp sle i64 {left}, 0"), look, on, UNLIKELY)
    c.start(look)
    poll(c)
    full = c.new(f"load i64, ptr {c.context('poll')}")
    looked = c.label
    c.jump(on)
    c.start(on)
    return c.phi("i64", [(left, here), (full, looked)])


# ---- call, ends --------------------------------------------------------------------------------


def call(c: Code, op: Op) -> list[str]:
    name = op.attrs["fn"]
    if name in c.recursive and id(c.block_ops) not in c.charged:
        c.charged.add(id(c.block_ops))  # one look in a block is enough
        charge(c)
    types = [v.type for v in op.results]
    kind = layout.result_type(types)
    args = ", ".join(["ptr %ctx", *c.typed(op.operands)])
    r = c.new(f"call fastcc {kind} {layout.quote('f.' + name)}({args})")
    c.propagate(c.new(f"extractvalue {kind} {r}, 0"))
    return [c.new(f"extractvalue {kind} {r}, {k + 1}") for k in range(len(layout.all_words(types)))]


def return_(c: Code, op: Op) -> list[str]:
    value = c.status(0)
    for k, word in enumerate(c.typed(op.operands)):
        value = c.new(f"insertvalue {c.result_type} {value}, {word}, {k + 1}")
    c.do(f"ret {c.result_type} {value}")
    return []


def unreachable(c: Code, op: Op) -> list[str]:
    c.do("unreachable")
    return []


ROWS: dict[str, Row] = {
    "if": if_,
    "for": for_,
    "while": while_,
    "call": call,
    "return": return_,
    "unreachable": unreachable,
}
