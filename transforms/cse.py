"""Common subexpressions: an op that stands already in a dominating place is used again.

Before                                     After
    %0 = mul %x, %y                            %0 = mul %x, %y
    %1 = mul %y, %x                            %2 = add %0, %0
    %2 = add %0, %1

Why it is right.  Pure ops of equal opcode, operands and attributes have equal results, and a
partial op that was defined where it stood first is defined where it is dominated
(`ir/builder.py`).
"""

from __future__ import annotations

from ..ir.core import Module
from .rebuild import rebuilt


def cse(module: Module) -> Module:
    """Every function of the module with equal ops shared."""
    return rebuilt(module, fold=False, hoist=False)
