"""What the derivatives of one module have in common: their rules, made once, and free names."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ir.core import Function, Module, reached, walk
from ..ir.types import Type
from .activity import consumed_inputs


@dataclass(eq=False)
class Rule:
    """How to call the derivative of a function.  Positions count captures, then parameters."""

    fwd: str
    bwd: str
    active: list[int]  # inputs whose cotangent bwd returns
    seeds: list[int]  # results whose cotangent it takes
    accumulators: list[int]  # active inputs that are only read: threaded through
    needed: list[int] = field(default_factory=list)  # inputs that bwd takes again
    residuals: list[Type] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of the residuals
    # of active inputs, those of which bwd says at the end whether they were read: see `reached`
    told: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Assumed:
    """What is known of the bwd of a recursive function so far: a lower bound."""

    needed: set[int] = field(default_factory=set)
    record: str | None = None  # of the box of its residuals


Key = tuple[str, tuple[bool, ...], tuple[bool, ...]]


class Derivatives:
    """The derivatives made in one module: rules by (function, active inputs, seeded results)."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.rules: dict[Key, Rule] = {}
        self.pushforwards: dict[tuple[str, tuple[bool, ...], int], tuple[str, list[int]]] = {}
        self.assumed: dict[Key, Assumed] = {}
        self.recursive: dict[Function, bool] = {}
        self.consumed: dict[str, tuple[bool, ...]] = {}

    def fresh(self, name: str) -> str:
        """A function or record name that is not taken."""
        taken = self.module.functions.keys() | self.module.records.keys()
        k = 1
        while (candidate := name if k == 1 else f"{name}.{k}") in taken:
            k += 1
        return candidate

    def consumes(self, name: str) -> tuple[bool, ...]:
        return consumed_inputs(self.module, name, self.consumed)

    def is_recursive(self, name: str) -> bool:
        f = self.module.functions[name]
        if f not in self.recursive:
            called = {op.attrs["fn"] for op in walk(f.body) if op.opcode == "call"}
            self.recursive[f] = any(name in reached(self.module, g) for g in called)
        return self.recursive[f]
