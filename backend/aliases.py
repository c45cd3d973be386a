"""Which arrays of a function share no memory, as LLVM is told: scopes of loads and stores.

An array that came in (its parameter is `noalias`) and each place that makes memory of the arena
is a *root*; no two share memory as long as the function runs.  What is updated in place, carried
in place or read out of a history of arrays stands in the memory of a root.  All else, such as a
carry that swaps buffers, says nothing and may be any of them.

Memory that a loop gives back at the end of each turn (`mark` ... `release`) serves other arrays
later, so what is made in there is no root.  Scopes are declared at the entry: where LLVM inlines
the function into a loop, they speak of one turn only.
"""

from __future__ import annotations

from ..ir.core import LOOPS, Block, Function, Loop, Op, Operand, Value
from ..ir.types import Array

MAKERS = frozenset({"zeros", "zeros_like", "copy"})
MOST = 64  # scopes of one function


class Aliases:
    """The metadata of one function's accesses; `nodes` are those of the module, in order."""

    def __init__(self, f: Function, nodes: list[str]) -> None:
        self.sources: dict[Value, tuple[Op, int]] = {}  # elements of `each`: the loop, which
        self.made: dict[Value, tuple[Op, int]] = {}  # histories: the loop, which
        roots = [v for v in f.inputs if isinstance(v.type, Array)]
        self.collect(f.body, roots)
        self.words: dict[Value, str] = {}
        self.declared = ""
        if 1 < len(roots):
            self.number(roots[:MOST], nodes)

    def collect(self, body: Block, roots: list[Value]) -> None:
        todo = [(body, True)]
        while todo:
            block, kept = todo.pop()
            for op in block.ops:
                if kept and op.opcode in MAKERS:
                    roots.append(op.results[0])
                inside = kept
                if op.opcode in LOOPS:
                    loop = Loop(op)
                    inside = kept and loop.body.ops[0].opcode != "mark"
                    self.made.update({h: (op, k) for k, h in enumerate(loop.histories)})
                    self.sources.update({e: (op, k) for k, e in enumerate(loop.elements)})
                    roots += loop.histories if kept else ()
                todo += [(r, inside) for r in op.regions]

    def number(self, roots: list[Value], nodes: list[str]) -> None:
        """One domain, a scope for each root, a list of it, and a list of all others."""

        def node(text: str) -> str:
            nodes.append(text)
            return f"!{len(nodes) - 1}"

        domain = node(f"distinct !{{!{len(nodes)}}}")
        scopes = [node(f"distinct !{{!{len(nodes)}, {domain}}}") for _ in roots]
        for root, scope in zip(roots, scopes, strict=True):
            own = node(f"!{{{scope}}}")
            others = node(f"!{{{', '.join(s for s in scopes if s != scope)}}}")
            self.words[root] = f", !alias.scope {own}, !noalias {others}"
            self.declared += f"  call void @llvm.experimental.noalias.scope.decl(metadata {own})\n"

    def of(self, v: Operand) -> str:
        """What a load or store of an element of v ends with."""
        root = self.root(v)
        return self.words.get(root, "") if isinstance(root, Value) else ""

    def root(self, v: Operand) -> Operand | None:
        """Where the memory of v was made, if that is known."""
        levels = 0  # how many histories of arrays v has been read out of
        while isinstance(v, Value):
            if isinstance(v.place, Value):
                v = v.place
            elif v in self.sources:
                op, k = self.sources[v]
                v, levels = Loop(op).each[k], levels + 1
            elif levels and v in self.made:
                op, k = self.made[v]
                v, levels = Loop(op).ys[k], levels - 1
            else:
                return None if levels else v
        return None
