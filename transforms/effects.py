"""Which ops and functions have effects that must stay: checks that raise, and output."""

from __future__ import annotations

from ..ir.core import Block, Module, Op, reached, walk
from ..ir.ops import effect

KEPT = frozenset({"raise", "io"})


class Effects:
    """Effects of a module's functions, found once each."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.known: dict[str, bool] = {}
        self.blocks: dict[Block, bool] = {}

    def of(self, op: Op) -> bool:
        """Whether this op, its regions or what it calls has an effect."""
        if op.opcode in ("call", "vjp", "jvp"):
            return self.function(op.attrs["fn"])
        if op.regions:
            return any(map(self.block, op.regions))
        return effect(op) in KEPT

    def block(self, block: Block) -> bool:
        """Whether any op inside has an effect; found once for each block."""
        if block not in self.blocks:
            self.blocks[block] = any(map(self.of, block.ops))
        return self.blocks[block]

    def function(self, name: str) -> bool:
        if name not in self.known:
            self.known[name] = any(
                effect(op) in KEPT
                for f in reached(self.module, name)
                for op in walk(self.module.functions[f].body)
            )
        return self.known[name]
