"""Inline calls of functions that do not reach themselves.

Before                                     After
    %s.2 = call @f.step [%x](%s.1)             %s.2 = mul %s.1, %x    at 2:25 from 6:13

Why it is right.  A call binds the callee's inputs to operands and its results to what it returns;
so does the copy.  The location of each op says where it was inlined.  Functions in a call cycle
stay calls, and so do those that are derived by name (`vjp`, `jvp`) and those with a custom rule:
`expand` replaces them first.
"""

from __future__ import annotations

from ..ir.core import Function, Module, reached, walk
from .custom import is_custom
from .rebuild import rebuilt


def inline(module: Module) -> Module:
    """Every function with the calls in it inlined; functions not reached stay."""
    can = Inlinable(module)
    return rebuilt(module, fold=False, share=False, hoist=False, inline=can)


class Inlinable:
    """Whether a function may be inlined, found once each."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.known: dict[str, bool] = {}

    def __call__(self, name: str) -> bool:
        if name not in self.known:
            f: Function = self.module.functions[name]
            if is_custom(f):  # its rule is used where it is differentiated
                self.known[name] = False
                return False
            inner = {op.attrs["fn"] for op in walk(f.body) if op.opcode == "call"}
            cyclic = any(name in reached(self.module, callee) for callee in inner)
            self.known[name] = not cyclic and f.body.end.opcode == "return"
        return self.known[name]
