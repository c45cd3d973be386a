"""Simplify: fold constants, strict identities and array laws; drop what a branch or loop repeats.

Before                                     After
    %0 = mul %x, 1.0                           %4 = set %a, 0, %y
    %2 = set %a, 0, %0                         return %4
    %4 = set %2, 0, %y
    return %4

Why it is right: each identity holds bit for bit (see `ir/fold.py`); the structural rules are those
listed in `rebuild.py`.
"""

from __future__ import annotations

from ..ir.core import Module
from .rebuild import rebuilt


def simplify(module: Module) -> Module:
    """Every function of the module, folded."""
    return rebuilt(module, share=False, hoist=False)
