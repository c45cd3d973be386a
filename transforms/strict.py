"""Strict: adjoint arithmetic loses its {fast}, so LLVM keeps the order of every operation."""

from __future__ import annotations

from ..ir.core import Module, Op
from .rebuild import rebuilt


def strict(module: Module) -> Module:
    """Every function of the module without {fast}."""

    def change(op: Op) -> Op:
        if "fast" not in op.attrs:
            return op
        return op.but(attrs={k: v for k, v in op.attrs.items() if k != "fast"})

    return rebuilt(module, fold=False, share=False, hoist=False, change=change)
