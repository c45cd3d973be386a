"""Loops over what has a known number of parts: the body once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.core import Literal, Loop, Op, Operand
from ...ir.types import BOOL
from . import operators
from .branches import fork
from .values import AV, number, true_or_false

if TYPE_CHECKING:
    from .frame import Frame

FALSE = Literal(False, BOOL)


def unroll(f: Frame, op: Op, parts: Loop, source: AV) -> None:
    """A loop over a tuple: the body once for each element; an exit makes the rest conditional."""
    body, items = parts.body, source.kids
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
