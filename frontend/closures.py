"""`closures`: every function top-level, captures explicit (stage `ssa` to stage `closed`).

    fn @f(%x) {                              fn @f(%x) {
      %g = def @f.g(%s) {                      %g = closure @f.g [%x]
        %0 = mul %s, %x                        ...
        return %0                  becomes   }
      }                                      fn @f.g [%x](%s) {
      ...                                      %0 = mul %s, %x
    }                                          return %0
                                             }

A free value of a nested function becomes a capture.  Right because a captured variable that may
change is a cell, so the value that the closure takes when it is made is the one it would have read.
"""

from __future__ import annotations

from ..ir.core import Block, Function, Module, Op, Operand, Value, free_values
from .depth import deep

Renaming = dict[Value, Value]


def closures(module: Module) -> Module:
    """The module with its nested functions lifted, each after the function it stood in."""
    closed = Module({}, dict(module.records))
    for f in module.functions.values():
        for lifted in close(f):
            closed.add(lifted)
    return closed


def close(f: Function) -> list[Function]:
    """A function without nested ones, then those that stood in it."""
    lifted: list[Function] = []
    with deep():
        body = close_block(f.body, {}, lifted)
    return [f.but(body=body), *lifted]


def close_block(block: Block, renaming: Renaming, lifted: list[Function]) -> Block:
    # lists, not generators: the recursion then takes no C stack (see `depth`)
    return Block(block.params, tuple([close_op(op, renaming, lifted) for op in block.ops]))


def close_op(op: Op, renaming: Renaming, lifted: list[Function]) -> Op:
    operands = tuple(renamed(v, renaming) for v in op.operands)
    if op.opcode == "def":
        return lift(op, operands, renaming, lifted)
    regions = tuple([close_block(r, renaming, lifted) for r in op.regions])
    return op.but(operands=operands, regions=regions)


def lift(op: Op, defaults: tuple[Operand, ...], renaming: Renaming, lifted: list[Function]) -> Op:
    """A `closure` op for a `def`, whose body becomes a function of its own."""
    (body,) = op.regions
    free = free_values(body)
    captures = tuple(Value(v.type, v.name) for v in free)
    place = len(lifted)
    inner = close_block(body, dict(zip(free, captures, strict=True)), lifted)
    name = op.attrs["fn"]
    attrs = {k: v for k, v in op.attrs.items() if k != "fn"}
    f = Function(name, captures, body.params, None, Block((), inner.ops), attrs, op.loc)
    lifted.insert(place, f)
    taken = tuple(renamed(v, renaming) for v in free)
    groups = (len(taken), len(defaults))
    return Op("closure", (*taken, *defaults), op.results, {"fn": name}, (), op.loc, groups)


def renamed(v: Operand, renaming: Renaming) -> Operand:
    return renaming.get(v, v) if isinstance(v, Value) else v
