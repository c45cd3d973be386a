"""Loop-invariant code motion: a pure op whose operands are known outside a loop goes there.

Before                                     After
    %s.2 = for %i = 0 to %n                    %0 = mul %x, %x
        carry %s = 0.0 {                       %s.2 = for %i = 0 to %n
      %0 = mul %x, %x                              carry %s = 0.0 {
      %s.1 = add %s, %0                          %s.1 = add %s, %0
      next %s.1                                  next %s.1
    }                                          }

Why it is right.  A pure op is defined everywhere and has no effect, so computing it once, even
before a loop that makes no trip, changes nothing.  Partial ops stay behind their checks; nothing
leaves an arm of `if`.
"""

from __future__ import annotations

from ..ir.core import Module
from .rebuild import rebuilt


def licm(module: Module) -> Module:
    """Every function of the module with its loop invariants hoisted."""
    return rebuilt(module, fold=False, share=False)
