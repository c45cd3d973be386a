"""Which ops and functions have effects that must stay: checks that raise, and output."""

from __future__ import annotations

from ..ir.core import Module, Op, reached, walk
from ..ir.ops import effect

KEPT = frozenset({"raise", "io"})


class Effects:
    """Effects of a module's functions, found once each."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.known: dict[str, bool] = {}

    def of(self, op: Op) -> bool:
        """Whether this op, its regions or what it calls has an effect."""
        if op.opcode in ("call", "vjp", "jvp"):
            return self.function(op.attrs["fn"])
        if op.regions:
            return any(self.of(inner) for r in op.regions for inner in walk(r) if not inner.regions)
        return effect(op) in KEPT or op.opcode == "unreachable"

    def function(self, name: str) -> bool:
        if name not in self.known:
            self.known[name] = any(
                effect(op) in KEPT
                for f in reached(self.module, name)
                for op in walk(self.module.functions[f].body)
            )
        return self.known[name]
