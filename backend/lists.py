"""Deep ops on lists become loops, before places are given.

before
    %c: list<f64[1]> = accum %a, %b
after
    %n: i64 = len %a
    %c: list<f64[1]> = for %k: i64 = 0 to %n
        each %x: f64[1] of %a, %y: f64[1] of %b {
      %s: f64[1] = accum %x, %y
      next ; %s
    }

Why it is right: a list is its elements, and the sum of two cotangents is elementwise.  The rest
of the backend then knows lists only as histories that loops write and read.
"""

from __future__ import annotations

from ..ir.builder import Builder
from ..ir.core import Block, Module, Op, Operand, Value, literal
from ..ir.types import I64, Box, List, cotangent_type, element_type

DEEP = frozenset({"accum", "zeros_like"})


def expand_lists(module: Module) -> Module:
    """The module with `accum` and `zeros_like` of lists as loops."""
    made = module.copy()
    for f in module.functions.values():
        body = expanded(module, f.body)
        if body is not f.body:
            made.functions[f.name] = f.but(body=body)
    return made


def expanded(module: Module, body: Block) -> Block:
    """The block with its deep ops expanded; a block without any stays as it is."""
    order = [body]
    for block in order:
        order.extend(r for op in block.ops for r in op.regions)
    made: dict[Block, Block] = {}
    for block in reversed(order):
        ops: list[Op] = []
        for op in block.ops:
            if op.opcode in DEEP and isinstance(op.results[0].type, List):
                ops.extend(loop_of(module, op))
            elif any(made[r] is not r for r in op.regions):
                ops.append(op.but(regions=tuple(made[r] for r in op.regions)))
            else:
                ops.append(op)
        same = len(ops) == len(block.ops) and all(
            a is b for a, b in zip(ops, block.ops, strict=True)
        )
        made[block] = block if same else Block(block.params, tuple(ops))
    return made[body]


def loop_of(module: Module, op: Op) -> list[Op]:
    """The ops that do the same, the last one defining the op's result."""
    b = Builder(module, fold=False, share=False, hoist=False)
    b.loc = op.loc
    out = deep(b, op.opcode, op.operands)
    last = b.ops[-1]
    assert last.results == (out,)
    return [*b.ops[:-1], last.but(results=op.results)]


def deep(b: Builder, opcode: str, operands: tuple[Operand, ...]) -> Operand:
    """The op on values of any type: elementwise on lists."""
    t = operands[0].type
    if not isinstance(t, List):
        if isinstance(t, Box) and opcode == "zeros_like":
            return b.op("null", type=cotangent_type(t))
        return b.op(opcode, *operands)
    n = b.emit("len", operands[:1], {}, [I64])[0]
    inner = b.child("loop")
    index = inner.param(I64, "k")
    elements = [inner.param(element_type(v.type)) for v in operands]
    element = deep(inner, opcode, tuple(elements))
    body = inner.block((index, *elements), "next", (element,), (0, 1))
    bounds: list[Operand] = [literal(0), n, literal(1)]
    history = List((element.type,))
    groups = (3, 0, len(operands))
    made = b.emit("for", [*bounds, *operands], {}, [history], (), [body], groups=groups)
    assert isinstance(made[0], Value)
    return made[0]
