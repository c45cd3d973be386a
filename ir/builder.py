"""The builder that every pass makes ops with: it folds, shares and hoists as it goes.

    fold    constants are computed and strict identities applied (`fold.py`), sums of ints that
            cannot be too large marked {exact} (`ranges.py`)
    share   an op that stands already in a dominating place is used again (hash-consing, so CSE)
    hoist   a pure op whose operands are known outside a loop goes there (loop-invariant code
            motion)

Why that is right.  Sharing: a builder's table is searched with those of the builders around it,
and what stands there dominates.  Only pure and partial ops are shared; a partial op was defined
where it stood first, so it is defined here.  Hoisting: a pure op has no effect and is defined
everywhere, so a loop that does not run only makes it superfluous; it never leaves an arm of `if`,
since an op in an untaken arm must not reach the derivative (see `transforms/sink.py`).

Effects are emitted where they are asked for, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .core import Block, Literal, Loc, Module, Op, Operand, Value
from .fold import fold
from .ops import COMMUTATIVE, INF, TABLE, effect, infer
from .ranges import fits
from .types import I64, Type

SHARED = frozenset({"pure", "partial"})
NEVER_SHARED = frozenset(
    {"zeros", "zeros_like", "box", "mark", "copy"}
)  # each is a buffer of its own


class Builder:
    """Ops of one block; `kind` is "fn", "if" or "loop".  Children build the nested regions."""

    def __init__(
        self,
        module: Module,
        *,
        fold: bool = True,
        share: bool = True,
        hoist: bool = True,
        parent: Builder | None = None,
        kind: str = "fn",
    ) -> None:
        self.module = module
        self.parent = parent
        self.kind = kind
        self.ops: list[Op] = []
        self.fold, self.share, self.hoist = fold, share, hoist
        self.depth: int = parent.depth + 1 if parent else 0
        self.home: dict[Value, int] = parent.home if parent else {}
        self.definer: dict[Value, Op] = parent.definer if parent else {}
        # bounds of the indices of loops, and arrays of the shape of others
        self.trips: dict[Value, tuple[Operand, ...]] = parent.trips if parent else {}
        self.shapes: dict[Value, Operand] = parent.shapes if parent else {}
        self.table: dict[Any, tuple[Operand, ...]] = {}
        self.loc: Loc = parent.loc if parent else ()
        self.fast: bool = parent.fast if parent else False  # float arithmetic is marked {fast}

    def child(self, kind: str) -> Builder:
        """The builder of a region of the op that this builder will emit next."""
        return Builder(
            self.module, fold=self.fold, share=self.share, hoist=self.hoist, parent=self, kind=kind
        )

    def param(self, type: Type, name: str = "") -> Value:
        """A parameter of the block being built."""
        v = Value(type, name)
        self.home[v] = self.depth
        return v

    def op(self, opcode: str, *operands: Operand, name: str = "", **attrs: Any) -> Operand:
        """Emit an op of one result, types by its row's rule; returns the result."""
        return self.emit(opcode, operands, attrs, names=(name,))[0]

    def emit(
        self,
        opcode: str,
        operands: Sequence[Operand],
        attrs: Mapping[str, Any] | None = None,
        types: Sequence[Type] | None = None,
        names: Sequence[str] = (),
        regions: Sequence[Block] = (),
        loc: Loc | None = None,
        groups: Sequence[int] = (),
    ) -> tuple[Operand, ...]:
        """Emit an op and return its results, or operands that equal them."""
        operands, attrs = tuple(operands), attrs or {}
        if self.fast and opcode in FAST and "fast" not in attrs:
            attrs = {**attrs, "fast": True}
        if self.fold and not regions:
            folded = fold(self, opcode, operands, attrs)
            if folded is not None:
                return folded
            if opcode in SUMS and operands[0].type == I64 and "exact" not in attrs:
                if fits(self, opcode, operands):
                    attrs = {**{k: v for k, v in attrs.items() if k != "checked"}, "exact": True}
        if types is None:
            types = infer(self.module, opcode, operands, attrs)
        results = tuple(Value(t, names[k] if k < len(names) else "") for k, t in enumerate(types))
        op = Op(
            opcode,
            operands,
            results,
            attrs,
            tuple(regions),
            self.loc if loc is None else loc,
            tuple(groups),
        )
        return self.place(op)

    def place(self, op: Op) -> tuple[Operand, ...]:
        """Put a finished op where it belongs; the results of an equal one if it stands already."""
        if op.opcode == "check":
            return self.place_check(op)
        kind = effect(op)
        shareable = (
            not op.regions
            and kind in SHARED
            and op.opcode not in NEVER_SHARED
            and op.opcode != "pull"
        )
        target = self
        if shareable and self.share:
            key = self.key(op)
            standing = self.standing(key)
            if standing is None and op.attrs.get("fast"):  # a strict op serves a {fast} one, too
                strict = {k: v for k, v in op.attrs.items() if k != "fast"}
                standing = self.standing(self.key(op.but(attrs=strict)))
            if standing is not None:
                return standing
        if shareable and self.hoist and kind == "pure" and TABLE[op.opcode].cost < INF:
            target = self.outermost(op)
        target.append(op)
        if shareable and self.share:
            target.table[key] = op.results
        return op.results

    def place_check(self, op: Op) -> tuple[Operand, ...]:
        """A check that cannot fail, or that has passed here or around already, is left out."""
        ok = op.operands[0]
        if self.fold and isinstance(ok, Literal) and ok.value:
            return ()
        if self.share:
            key = ("check", ok)
            if self.standing(key) is not None:
                return ()
            self.table[key] = ()
        self.append(op)
        return ()

    def standing(self, key: Any) -> tuple[Operand, ...] | None:
        """The results of an op with this key that stands here or around."""
        around: Builder | None = self
        while around is not None:
            if key in around.table:
                return around.table[key]
            around = around.parent
        return None

    def outermost(self, op: Op) -> Builder:
        """The builder outside all loops that an op does not depend on."""
        known = max((self.home.get(v, 0) for v in op.operands if isinstance(v, Value)), default=0)
        target = self
        while target.kind == "loop" and target.parent is not None and known < target.depth:
            target = target.parent
        return target

    def append(self, op: Op) -> None:
        for v in op.results:
            self.home[v] = self.depth
            self.definer[v] = op
        self.ops.append(op)

    @staticmethod
    def key(op: Op) -> Any:
        operands: Any = op.operands
        if op.opcode in COMMUTATIVE:
            operands = frozenset(operands) if operands[0] != operands[1] else operands
        attrs = tuple(sorted((k, v) for k, v in op.attrs.items() if k not in UNKEYED))
        return op.opcode, operands, attrs, op.results[0].type if op.results else None

    def block(
        self,
        params: Sequence[Value],
        end: str,
        outs: Sequence[Operand],
        groups: Sequence[int] = (),
        loc: Loc = (),
    ) -> Block:
        """The finished block: its ops, then the op that ends it."""
        last = Op(end, tuple(outs), loc=loc, groups=tuple(groups))
        return Block(tuple(params), (*self.ops, last))


# attributes that say what is known of an op, not what it computes; `checked` ops and others merge
UNKEYED = frozenset({"checked", "why"})
SUMS = frozenset({"add", "sub"})
FAST = frozenset({"add", "sub", "mul", "div", "neg"})
