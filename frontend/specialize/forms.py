"""Lists of several lengths, and dicts of several sets of keys: what paths that met have left.

    m = []                                 m holds [] or [x], by a tag
    if x > 0.0:
        m.append(x)
    return m[0]                            in an arm for each: IndexError, or x

What looks into such a list is done once for each form; who only hands it on does not ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import operators, sums
from .values import AV, T

if TYPE_CHECKING:
    from .frame import Frame

LOOKING = frozenset({"getitem", "setitem", "getattr", "append", "with_item", "call"})


def of_several(f: Frame, opcode: str, args: list[AV]) -> AV | None:
    """The operand that an op looks into and that has several forms."""
    if opcode not in LOOKING and opcode not in operators.BINARY and opcode not in operators.UNARY:
        return None
    if opcode == "call" and args[0].kind not in ("name", "partial"):
        return None
    for a in args:
        for ref in a.kids if a.kind == "partial" else (a,):
            if ref.kind == "cell" and varies(f.store.get(ref.info)):
                return ref
    return None


FEW = 3  # so many forms may a list have by the ways through one turn of a loop


def of_type(t: T) -> set[object]:
    """The lengths of lists and the keys of dicts that a type may be."""
    kids = t.kids if t.kind == "sum" else (t,)
    return {k.info or len(k.kids) for k in kids if k.kind in ("list", "dict")}


def varies(a: AV | None) -> bool:
    return a is not None and a.kind == "sum" and any(k.kind in ("list", "dict") for k in a.kids)


def each_form(f: Frame, ref: AV, go: Callable[[], list[AV]]) -> list[AV]:
    """`go` in an arm for each form of a list or dict."""

    def arm(form: AV) -> list[AV]:
        f.store[ref.info] = form
        return go()

    failure = sums.Failure("TypeError", "the object does not have this operation")
    return sums.dispatch_all(f, f.store[ref.info], arm, lambda _: failure)
