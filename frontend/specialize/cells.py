"""The store: captured variables that change.

A cell is a variable that a nested function rebinds, or that changes while a nested function holds
it.  References to it are values of kind `cell`; its contents stand in the frame's store, so that
everybody who holds the reference sees each write.  Arrays written in place and records will be
cells, too: all access goes through `content` and `update`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...ir.core import Literal, Op, Operand
from ...ir.types import BOOL, I64
from .branches import fork
from .values import AV, NOTHING

if TYPE_CHECKING:
    from .frame import Frame


def content(f: Frame, ref: AV) -> AV:
    """What a reference refers to; it may mean one of several cells."""
    if ref.kind == "cell":
        return f.store[ref.info]
    return chosen(f, ref, [(k, kid.info) for k, kid in enumerate(ref.kids)], f.store)


def update(f: Frame, ref: AV, new: AV) -> None:
    if ref.kind == "cell":
        f.store[ref.info] = new
        return
    for k, kid in enumerate(ref.kids):
        if kid.kind == "cell":
            here = f.scalar("eq", (ref.leaves[0], Literal(k, I64)), BOOL)
            f.store[kid.info] = either(f, here, known(new), known(f.store[kid.info]))


def chosen(f: Frame, a: AV, some: list[tuple[int, Any]], store: dict[Any, AV]) -> AV:
    """What the one of these cells holds that a reference means."""
    (k, c), *rest = some
    if not rest:
        return store[c]
    here = f.scalar("eq", (a.leaves[0], Literal(k, I64)), BOOL)
    return either(f, here, lambda: store[c], lambda: chosen(f, a, rest, store))


def either(f: Frame, cond: Operand, then: Callable[[], AV], other: Callable[[], AV]) -> AV:
    if isinstance(cond, Literal):
        return then() if cond.value else other()
    return fork(f, cond, lambda: [then()], lambda: [other()])[0]


def known(a: AV) -> Callable[[], AV]:
    return lambda: a


def made(f: Frame, new: AV) -> AV:
    """A new cell of this frame."""
    f.cells += 1
    ref = AV("cell", ("c", f.cells))
    update(f, ref, new)
    return ref


def step(f: Frame, op: Op, opcode: str, args: list[AV]) -> AV:
    match opcode:
        case "cell":
            return made(f, args[0] if args else AV("unbound"))
        case "cell_set":
            update(f, args[0], args[1])
            return NOTHING
        case "cell_get":
            return bound(f, content(f, args[0]), op.attrs.get("name", ""), is_captured(f, op))
    return bound(f, args[0], op.attrs["name"], is_captured(f, op))


def is_captured(f: Frame, op: Op) -> bool:
    """Whether the variable belongs to a function around this one."""
    return f.fn is not None and op.operands[0] in f.fn.captures


def bound(f: Frame, a: AV, name: str, captured: bool) -> AV:
    """The value of a variable; a check raises where no assignment has been reached."""
    if a.kind not in ("maybe", "unbound"):
        return a
    error, text = "UnboundLocalError", UNBOUND_TEXT.format(name)
    if captured:
        error, text = "NameError", FREE_TEXT.format(name)
    if a.kind == "unbound":
        f.program.unbound.setdefault(f.loc, name)
        f.check(Literal(False, BOOL), error, text)
    f.check(a.leaves[0], error, text)
    return a.kids[0]


def bound_field(f: Frame, a: AV, cls: str, name: str) -> AV:
    """A field that not every path has written."""
    ok = a.leaves[0] if a.kind == "maybe" else Literal(False, BOOL)
    f.check(ok, "AttributeError", f"'{cls}' object has no attribute '{name}'")
    return a.kids[0]


def reached(f: Frame, values: list[AV]) -> list[Any]:
    """Cells reached from values, through contents too, in order of reach."""
    order: dict[Any, None] = {}
    work = list(reversed(values))
    while work:
        a = work.pop()
        if a.kind == "cell" and a.info not in order:
            order[a.info] = None
            if a.info in f.store:
                work.append(f.store[a.info])
        work.extend(reversed(a.kids))
    return list(order)


UNBOUND_TEXT = "cannot access local variable '{}' where it is not associated with a value"
FREE_TEXT = (
    "cannot access free variable '{}' where it is not associated with a value in enclosing scope"
)
