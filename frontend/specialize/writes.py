"""Records that a call writes, at the border of the program and of a derivative.

Compiled code hands back the fields that it has written (`Updated`), and whoever called puts them in
place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.structure import KEPT
from . import cells, ndarray, views
from .records import class_of, contents, kept
from .values import AV, HOLDERS, T, cells_in, describe, same, typ

if TYPE_CHECKING:
    from .frame import Frame

Entered = list[tuple[tuple[int, ...], AV, AV]]  # the way to a record, its cell, what it held


def entered(f: Frame, a: AV, way: tuple[int, ...], found: Entered) -> AV:
    """An argument from Python: records of classes that are written become cells."""
    if not a.kids and a.kind != "array":
        return a
    kids = tuple([entered(f, kid, (*way, k), found) for k, kid in enumerate(a.kids)])
    a = AV(a.kind, a.info, kids, a.leaves)
    if a.kind not in HOLDERS:
        return a
    ref = kept(f, class_of(a), a)
    if ref is not a:
        found.append((way, ref, a))
    return ref


def left(f: Frame, out: AV, found: Entered) -> AV:
    """What a call hands to Python: its result, and the fields that it wrote (see `Updated`)."""
    mine = {ref.info for _, ref, _ in found}
    ways, writes = list[tuple[int, ...]](), list[AV]()
    for way, ref, old in found:
        new = f.store[ref.info]
        if same(new, old):
            continue
        if new.kind == "array":
            ways.append(way)
            writes.append(new)
            continue
        kids = list[AV]()
        for k, kid in enumerate(new.kids):
            known = new.info == old.info and same(kid, old.kids[k])
            if not known and mine & set(cells.reached(f, [kid])):
                raise f.error(
                    "E11",
                    f"a record among the arguments that is stored in {describe(typ(new))}",
                    "Python would see one object there, compiled code hands back a copy",
                    "store a copy: `dataclasses.replace(...)`",
                )
            kids.append(AV("const", KEPT) if known else snapshot(f, kid))
        ways.append(way)
        writes.append(AV(new.kind, new.info, tuple(kids)))
    result = snapshot(f, out)
    return AV("tuple", tuple(ways), (result, *writes)) if writes else result


def opened(f: Frame, inner: AV, args: list[AV]) -> tuple[AV, list[AV]]:
    """A function on plain records: a derivative is taken by their fields, not by references."""
    if not f.program.mutable:
        return inner, args
    refs = [c for a in args for c in cells_in(a)]
    seen = cells.reached(f, [inner])
    if len(set(refs)) < len(refs) or set(seen) & set(cells.reached(f, args)):
        raise f.error(
            "E11",
            "a derivative by a record that the function reaches in two ways",
            "a write by one of them would be seen by the other, and both have a part in it",
            "pass it once, or pass a copy: `dataclasses.replace(...)`",
        )
    return AV("opened", None, (inner,)), [snapshot(f, a) for a in args]


def closed(f: Frame, value: AV, args: list[AV]) -> AV:
    """The result of an opened function; what it wrote stands in the caller's records."""
    if value.kind != "tuple" or value.info is None:
        return entered(f, value, (), [])
    result, *writes = value.kids
    for way, new in zip(value.info, writes, strict=True):
        ref = args[way[0]]
        for k in way[1:]:
            ref = contents(f, ref).kids[k]
        if new.kind == "array":
            replaced(f, ref, new)
            continue
        old = f.store[ref.info]
        kids = [
            old.kids[k] if n.kind == "const" and n.info is KEPT else entered(f, n, (), [])
            for k, n in enumerate(new.kids)
        ]
        f.store[ref.info] = AV(new.kind, new.info, tuple(kids))
    return entered(f, result, (), [])


def replaced(f: Frame, ref: AV, new: AV) -> None:
    """An array argument holds what a function has left in it; through a view, by elements."""
    if ref.kind == "cell":
        f.store[ref.info] = new
    else:
        ndarray.assign(f, views.view_of(f, ref), new)


def without_writes(t: T | None) -> T:
    """The type of the result proper."""
    assert t is not None
    return t.kids[0] if t.kind == "tuple" and t.info is not None else t


def snapshot(f: Frame, a: AV) -> AV:
    """A result for Python: cells become what they hold, views arrays of their own."""
    if a.kind == "view":
        return contents(f, ndarray.copied(f, a))
    a = contents(f, a)
    if not a.kids:
        return a
    return AV(a.kind, a.info, tuple([snapshot(f, k) for k in a.kids]), a.leaves)
