"""Who owns an array, and where an update must copy: One-Shot analysis, one function at a time.

A value is *owned* where its memory belongs to the function and nobody else refers to it: what it
allocated, what a call returned, a carry, a parameter that the function consumes.  Borrowed are the
other parameters, what stands in a box or list, and what has been put into one (a use that never
ends).

An op *consumes* an operand where its result takes over the operand's memory: `set`, `add_at`,
`accum`, `gemm`, the inits of a loop and what it hands on, the yields of `if`, what is returned, and
a call's argument for a parameter that the callee consumes.  That goes in place iff the value is
owned, stands once in the op, is not used later, and no loop lies between it and the op.  Else its
contents are copied.

A parameter is consumed iff some op consumes it without a copy.  So the functions of a module depend
on each other: `consumption` is the least fixpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..ir.core import LOOPS, Block, Function, Loop, Module, Op, Operand, Value, free_values
from ..ir.ops import ARRAY_UPDATES
from ..ir.types import Array

KEEPERS = frozenset({"box", "select"})  # the result refers to the operand for ever
MADE = ARRAY_UPDATES | {"zeros", "zeros_like", "copy", "call", "if", "for", "while", "null"}


@dataclass
class Signature:
    """Which inputs a function consumes, and which it keeps in boxes that outlive the call."""

    consumes: set[int] = field(default_factory=set)
    keeps: set[int] = field(default_factory=set)


class Ownership:
    """Where the values of one function are defined and used."""

    def __init__(self, f: Function, signatures: Mapping[str, Signature], everything: bool) -> None:
        self.function, self.signatures, self.everything = f, signatures, everything
        self.home: dict[Value, Block] = dict.fromkeys(f.inputs, f.body)
        self.parent: dict[Block, tuple[Block, int, Op]] = {}
        self.definer: dict[Value, Op] = {}
        self.free: dict[Block, set[Value]] = {}
        self.kept: set[Value] = set()
        self.carried: set[Value] = set()
        self._index(f)

    def _index(self, f: Function) -> None:
        todo = [f.body]
        while todo:
            block = todo.pop()
            for k, op in enumerate(block.ops):
                for v in op.results:
                    self.home[v], self.definer[v] = block, op
                self.kept.update(v for v in self.keeping(op) if isinstance(v, Value))
                if op.opcode in LOOPS:
                    self.carried.update(Loop(op).carries)
                for r in op.regions:
                    self.parent[r] = (block, k, op)
                    self.home.update(dict.fromkeys(r.params, r))
                    todo.append(r)

    def keeping(self, op: Op) -> list[Operand]:
        """Operands to which the op's results refer from now on."""
        if op.opcode in KEEPERS:
            return list(op.operands)
        if op.opcode == "next":  # a history keeps what an iteration hands out
            return list(op.operands[op.groups[0] :])
        if op.opcode == "call":
            keeps = self.signatures[op.attrs["fn"]].keeps
            return [v for k, v in enumerate(op.operands) if k in keeps]
        return []

    def consuming(self, op: Op, block: Block) -> list[int]:
        """The places of the array operands whose memory the op takes over."""
        found: list[int] = []
        if op.opcode in ARRAY_UPDATES:
            found = [0]
        elif op.opcode in LOOPS:
            start = op.groups[0] if op.opcode == "for" else 0
            found = list(range(start, start + Loop(op).ncarries))
        elif op.opcode == "next":
            found = list(range(op.groups[0]))
        elif op.opcode in ("yield", "return"):
            found = list(range(len(op.operands)))
        elif op.opcode == "call":
            found = sorted(self.signatures[op.attrs["fn"]].consumes)
        return [k for k in found if isinstance(op.operands[k].type, Array)]

    def uses(self) -> Iterator[tuple[Block, int, Op, int]]:
        """All consuming uses: block, index in it, op, place of the operand."""
        todo = [self.function.body]
        while todo:
            block = todo.pop()
            for k, op in enumerate(block.ops):
                for place in self.consuming(op, block):
                    yield block, k, op, place
                todo.extend(op.regions)

    # ---- one use

    def owned(self, v: Value) -> bool:
        if v in self.kept:
            return False
        if v in self.definer:
            return self.definer[v].opcode in MADE
        if v in self.carried:
            return True
        inputs = self.function.inputs
        return v in inputs and inputs.index(v) in self.signatures[self.function.name].consumes

    def why(self, block: Block, k: int, op: Op, place: int) -> str | None:
        """Why this use must copy; None where it goes in place."""
        v = op.operands[place]
        assert isinstance(v, Value)
        if v in self.definer and self.definer[v].opcode == "null":
            return None  # there are no contents
        if self.everything:
            return "everything is copied"
        if not self.owned(v):
            return "kept in a box" if v in self.kept else "borrowed"
        return self.conflict(v, block, k, op)

    def conflict(self, v: Value, block: Block, k: int, op: Op) -> str | None:
        """What stands against updating an owned value in place."""
        if sum(o is v for o in op.operands) > 1:
            return "used twice here"
        if any(v in self.outside(r) for r in op.regions):
            return "used in the loop"
        inner = block
        while inner is not self.home[v]:
            outer, _, holder = self.parent[inner]
            if holder.opcode in LOOPS:
                return "defined outside the loop"
            inner = outer
        return self.used_later(v, block, k)

    def outside(self, region: Block) -> set[Value]:
        """Values that a region takes from outside."""
        if region not in self.free:
            self.free[region] = set(free_values(region))
        return self.free[region]

    def line(self, op: Op) -> str:
        """Where an op stands: the innermost line in the function's own file."""
        own = self.function.loc[-1].file if self.function.loc else ""
        site = next((s for s in op.loc if s.file == own), next(iter(op.loc), None))
        return f" at line {site.line}" if site else ""

    def used_later(self, v: Value, block: Block, k: int) -> str | None:
        """The first later use in program order; the length of an array outlives its contents."""
        while True:
            for op in block.ops[k + 1 :]:
                if op.opcode == "len":
                    continue
                if any(o is v for o in op.operands) or any(
                    v in self.outside(r) for r in op.regions
                ):
                    return f"used later by {op.opcode}{self.line(op)}"
            if self.home[v] is block or block not in self.parent:
                return None
            block, k, _ = self.parent[block]


def taken(view: Ownership) -> set[int]:
    """The inputs of a function that some op consumes without a copy."""
    inputs = view.function.inputs
    arrays = {
        v: k for k, v in enumerate(inputs) if isinstance(v.type, Array) and not v.type.strided
    }
    found = set[int]()
    for block, at, op, place in view.uses() if arrays else ():
        v = op.operands[place]
        if v in arrays and isinstance(v, Value) and v not in view.kept:
            if view.conflict(v, block, at, op) is None:
                found.add(arrays[v])
    return found


def consumption(module: Module, entries: frozenset[str]) -> dict[str, Signature]:
    """What each function consumes and keeps; what Python calls gives nothing away."""
    signatures = {name: Signature() for name in module.functions}
    changed = True
    while changed:
        changed = False
        for f in module.functions.values():
            signature, inputs = signatures[f.name], f.inputs
            before = (len(signature.consumes), len(signature.keeps))
            view = Ownership(f, signatures, False)
            signature.keeps |= {k for k, v in enumerate(inputs) if v in view.kept}
            consumed = taken(view)
            if f.name in entries:
                consumed &= set(f.attrs.get("writes", ()))  # what the caller lends
            signature.consumes |= consumed
            changed |= before != (len(signature.consumes), len(signature.keeps))
    return signatures
