"""Activity: which values a derivative passes through.

A value is active if it depends on an active input and an active output depends on it.  Both are
reachability over the same edges, once along them and once against them: from operand to result,
through the arms of `if`, and through loops

    init -> carry parameter    next -> carry parameter    carry parameter -> result
    each source -> element     ys -> history

so a carry is one class.  A call is taken as depending on all its inputs in all its results: its own
`vjp` or `jvp` finds out more.  Integers and bools carry nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..ir.core import LOOPS, Block, Function, Loop, Module, Op, Operand, Value, walk
from ..ir.ops import ARRAY_UPDATES
from ..ir.types import cotangent_type, is_threaded
from .rules import CONSTANT

Edge = tuple[Operand, Value]
Graph = dict[Operand, list[Operand]]


def edges(op: Op) -> Iterator[Edge]:
    """Pairs (source, target) along which an op passes derivatives."""
    if op.opcode == "if":
        for arm in op.regions:
            if arm.end.opcode != "unreachable":
                yield from zip(arm.outs, op.results, strict=True)
    elif op.opcode in LOOPS:
        loop = Loop(op)
        yield from zip(loop.inits, loop.carries, strict=True)
        yield from zip(loop.carries, loop.results, strict=True)
        yield from zip(loop.each, loop.elements, strict=True)
        if loop.body.end.opcode != "unreachable":
            yield from zip(loop.next, loop.carries, strict=True)
            yield from zip(loop.ys, loop.histories, strict=True)
    elif op.opcode not in CONSTANT:
        for source in op.operands:
            for target in op.results:
                yield source, target


def active_values(
    block: Block, inputs: Iterable[Value], outputs: Iterable[Operand] | None = None
) -> set[Value]:
    """Values that depend on the inputs and, if outputs are given, that these depend on."""
    along, against = graphs(block)
    varied = reach(along, inputs)
    return varied if outputs is None else varied & reach(against, outputs)


def graphs(block: Block) -> tuple[Graph, Graph]:
    """The edges of all ops of a block, along them and against them."""
    along: Graph = {}
    against: Graph = {}
    for op in walk(block):
        for source, target in edges(op):
            along.setdefault(source, []).append(target)
            against.setdefault(target, []).append(source)
    return along, against


def reach(graph: Graph, seeds: Iterable[Operand]) -> set[Value]:
    seen: set[Value] = set()
    todo = list(seeds)
    while todo:
        v = todo.pop()
        if isinstance(v, Value) and v not in seen and cotangent_type(v.type) is not None:
            seen.add(v)
            todo.extend(graph.get(v, ()))
    return seen


def consumed(module: Module, block: Block, memo: dict[str, tuple[bool, ...]]) -> set[Value]:
    """Arrays and lists that the block updates, carries, yields, returns, boxes or hands on so.

    What is consumed may be overwritten in place, so bwd cannot read it afterwards.
    """
    out: set[Operand] = set(block.outs)
    for op in walk(block):
        if op.opcode in ARRAY_UPDATES:
            out.add(op.operands[0])
        elif op.opcode == "box":
            out.update(op.operands)
        elif op.opcode in LOOPS:
            out.update(Loop(op).inits)
            out.update(op.regions[-1].outs)
        elif op.opcode == "if":
            for arm in op.regions:
                out.update(arm.outs)
        elif op.opcode == "call":
            flags = consumed_inputs(module, op.attrs["fn"], memo)
            out.update(v for v, c in zip(op.operands, flags, strict=True) if c)
    return {v for v in out if isinstance(v, Value) and is_threaded(v.type)}


def consumed_inputs(
    module: Module, name: str, memo: dict[str, tuple[bool, ...]]
) -> tuple[bool, ...]:
    """For each input of a function whether it consumes it: the least fixpoint over recursion."""
    if name not in memo:
        f: Function = module.functions[name]
        memo[name] = (False,) * len(f.inputs)
        while True:
            found = consumed(module, f.body, memo)
            now = tuple(v in found for v in f.inputs)
            if now == memo[name]:
                break
            memo[name] = now
    return memo[name]
