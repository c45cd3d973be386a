"""Clean: inline, fold, share, hoist and drop, until the number of ops stays.

Not a pass of its own mathematics: it is `inline`, `simplify`, `cse` and `licm` in one walk (they
are flags of one builder), then `dce`, repeated.  Stage `opt` is this on every function that the
entry reaches, and `expand` does it before and after each derivative, because what is shared
before is reversed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..ir.core import Function, Module, Record, Value, reached, walk
from ..ir.types import Box, List, Type
from .dce import dce_function
from .effects import Effects
from .inline import Inlinable
from .rebuild import Rebuild

ROUNDS = 8


def clean(module: Module) -> Module:
    """The functions that the entry reaches, cleaned; callees first."""
    out = pruned(module, module.entry.name)
    for root in list(out.functions):
        for name in reversed(reached(out, root)):
            if out.functions[name] is module.functions[name]:
                clean_function(out, name)
    return pruned(out, out.entry.name)


def clean_function(module: Module, name: str) -> None:
    """Clean one function of the module in place of the old one."""
    f = module.functions[name]
    size = -1
    for _ in range(ROUNDS):
        f = dce_function(Rebuild(module, inline=Inlinable(module)).function(f), Effects(module))
        before, size = size, sum(1 for _ in walk(f.body))
        if size == before:
            break
    module.add(f)


def pruned(module: Module, entry: str) -> Module:
    """The module with only what the entry reaches: functions, the entry first, and records.

    A pullback that the entry returns is applied from outside, so its function stays with its
    record.
    """
    functions: dict[str, Function] = {}
    records: dict[str, Record] = {}
    roots = [entry]
    while roots:
        found = [n for n in reached(module, roots.pop(), rules=True) if n not in functions]
        functions.update((n, module.functions[n]) for n in found)
        todo = list(boxes([v.type for n in found for v in values(module.functions[n])]))
        while todo:
            name = todo.pop().record.removesuffix(".ct")
            if name in module.records and name not in records:
                records[name] = module.records[name]
                todo.extend(boxes(records[name].types))
                if name in module.functions:
                    roots.append(name)
    return Module(functions, {n: records[n] for n in module.records if n in records})


def values(f: Function) -> Iterator[Value]:
    """All values that a function defines."""
    yield from f.inputs
    for op in walk(f.body):
        yield from op.results
        for r in op.regions:
            yield from r.params


def boxes(types: Sequence[Type]) -> Iterator[Box]:
    """The box types in these types, inside lists too."""
    for t in types:
        if isinstance(t, Box):
            yield t
        elif isinstance(t, List):
            yield from boxes(t.items)
