"""Loose: every float operation gets {fast}, not only adjoints (`fastmath=True`).

Before                                     After
    %0: f64 = add %x, %y                       %0: f64 = add %x, %y {fast}

Why it is allowed: the user has asked for it.  Sums may be reordered and products contracted, and
the sign of a zero is lost, so results differ from Python's in their last bits.
"""

from __future__ import annotations

from ..ir.builder import FAST
from ..ir.core import Module, Op
from ..ir.types import F64
from .rebuild import rebuilt


def loose(module: Module) -> Module:
    """Every function of the module with {fast} float arithmetic."""

    def change(op: Op) -> Op:
        if op.opcode not in FAST or op.results[0].type != F64:
            return op
        return op.but(attrs={**op.attrs, "fast": True})

    return rebuilt(module, fold=False, share=False, hoist=False, change=change)
