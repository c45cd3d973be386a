"""What a loop walks over: a loop that runs (`loops`), or its body once for each part that is known.

A comprehension over what has a known number of parts makes a list of known length; one over
anything else is a loop that carries a list which grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.core import Literal, Loop, Op, Operand, Value
from ...ir.types import BOOL, I64
from . import forms, loops, operators, pending, records, sequences, sums, vectors, walks
from .branches import fork
from .values import AV, describe, number, true_or_false, typ

if TYPE_CHECKING:
    from .frame import Frame

WALKED = frozenset({"range", "tuple", "list", "array", "view", "element", "vector", "inner"})
ZERO, FALSE = Literal(0, I64), Literal(False, BOOL)


def loop(f: Frame, op: Op) -> None:
    parts = Loop(op)
    if not parts.is_for:
        loops.Run(f, op, parts, None).finish()
        return
    source = pending.settled(f, f.get(parts.bounds[0]))
    if source.kind in sums.SUMS:
        source = sums.sole(f, source, lambda k: k.kind in WALKED, sums.not_iterable)
    if source.kind == "cell" and forms.varies(f.store[source.info]):
        outs = forms.each_form(f, source, lambda: over(f, op, parts, source))
        for v, a in zip(op.results, outs, strict=True):
            f.env[v] = a
    elif source.kind == "sum":  # a loop for each alternative
        outs = sums.dispatch_all(f, source, lambda k: over(f, op, parts, k), sums.not_iterable)
        for v, a in zip(op.results, outs, strict=True):
            f.env[v] = a
    else:
        over(f, op, parts, source)


def over(f: Frame, op: Op, parts: Loop, source: AV) -> list[AV]:
    """A `for` over what it walks: its results, which are bound, too."""
    makes = op.attrs.get("makes")
    known = sequences.items_or_none(f, source, unroll=makes is not None)
    runs = source.kind in ("range", "zipped") or walks.is_sequence(f, source)
    if makes == "list" and known is None and runs:
        return made_by_run(f, op, parts, source)
    if makes is not None:
        known = sequences.items(f, source, f"a comprehension that makes a {makes}")
    if makes == "list":
        start_fixed(f, parts)
    if known is not None:
        unroll(f, op, parts, known)
    elif runs:
        loops.Run(f, op, parts, source).finish()
    else:
        raise f.error(
            "E01",
            f"a loop over {describe(typ(source))}",
            "`for` walks over a range, a tuple or an array",
            "loop over `range(n)`",
        )
    return [f.env[v] for v in op.results]


def made_by_run(f: Frame, op: Op, parts: Loop, source: AV) -> list[AV]:
    """A comprehension of unknown length: a loop that carries a list which grows.

    An inner loop of one goes on with what the outer one has so far.
    """
    made = parts.inits[0]
    assert isinstance(made, Value)
    before = f.env[made]
    held = records.contents(f, before)
    f.env[made] = held if held.kind == "vector" else vectors.of(f, held.kids)
    loops.Run(f, op, parts, source).finish()
    f.env[made] = before
    if before.kind == "cell":
        f.env[op.results[0]] = records.kept(f, list, f.env[op.results[0]])
    return [f.env[v] for v in op.results]


def start_fixed(f: Frame, parts: Loop) -> None:
    """A comprehension of known length starts from a list that cannot grow, and is empty."""
    made = parts.inits[0]
    held = records.contents(f, f.env[made]) if isinstance(made, Value) else None
    if held is not None and held.kind == "vector" and held.leaves[0] == ZERO:
        assert isinstance(made, Value)
        f.env[made] = records.kept(f, list, AV("list", None, ()))


def unroll(f: Frame, op: Op, parts: Loop, items: list[AV]) -> None:
    """A loop over a tuple: the body once for each element; an exit makes the rest conditional."""
    body = parts.body
    names = [v.name for v in op.results]

    def turn(k: int, carries: list[AV]) -> list[AV]:
        for v, a in zip(body.params, [items[k], *carries], strict=True):
            f.env[v] = a
        return f.run(body)

    def go(k: int, carries: list[AV]) -> list[AV]:
        """The turns from k on."""
        left: Operand = FALSE
        while k < len(items) and isinstance(left, Literal) and not left.value:
            carries = turn(k, carries)
            k += 1
            if parts.stop:
                left, carries = operators.truth(f, carries[0]), carries[1:]
        if isinstance(left, Literal):
            return [number(left), *carries] if parts.stop else carries
        return fork(f, left, lambda: [true_or_false(True), *carries], lambda: go(k, carries), names)

    outs = go(0, [f.get(v) for v in parts.inits])
    for v, a in zip(op.results, outs, strict=True):
        f.env[v] = a
