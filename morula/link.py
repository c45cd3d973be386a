"""Bring a pullback that Python holds into a program that calls it.

Its functions come from the program that made it, under names that cannot clash: the text form is
printed, renamed and parsed, since that is the one place where every name is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import CellType, FunctionType

from .frontend.resolve import is_library, pullback_tree
from .frontend.specialize import Linked
from .ir.core import RULES, Module
from .ir.structure import Tree
from .program import EXPORTED, INTERPRETED, inner, pullbacks_in
from .transforms.clean import pruned

DEPTH = 8  # of functions that hold functions
NAME = re.compile(r"@(\w+(?:\.\w+)*)")


def link(trees: Iterable[Tree]) -> tuple[dict[str, Linked], Module]:
    """How the pullbacks of these structures are called, and the functions that do it."""
    linked: dict[str, Linked] = {}
    functions = Module()
    for tree in pullbacks_in(trees):
        if tree.record in linked:
            continue
        if tree.record in EXPORTED:
            module = EXPORTED[tree.record].compilation.to_differentiate()
        elif tree.record in INTERPRETED:
            module = INTERPRETED[tree.record].module
        else:
            continue
        root = inner(tree.record)
        linked[tree.record] = bring(module, root, tree.record.removeprefix(root), functions)
    return linked, functions


def bring(module: Module, root: str, suffix: str, library: Module) -> Linked:
    """Add a pullback's functions and records to a library, each name with the suffix."""
    from .ir.parser import parse

    own = pruned(module, root)
    own.records[root] = module.records[root]
    made = parse(NAME.sub(lambda m: f"@{with_suffix(m[1], suffix)}", str(own)))
    for name, f in made.functions.items():
        rules = {k: tuple(n + suffix for n in f.attrs[k]) for k in RULES if k in f.attrs}
        if rules:
            made.functions[name] = f.but(attrs={**f.attrs, **rules})
    library.functions.update(made.functions)
    library.records.update(made.records)
    return Linked(made.records[root + suffix], root + suffix)


def around(f: FunctionType, depth: int = 0) -> Iterator[Tree]:
    """Structures of the pullbacks that a function's cells and globals hold."""
    found = [c.cell_contents for c in f.__closure__ or () if c != CellType()]
    found += [f.__globals__[n] for n in f.__code__.co_names if n in f.__globals__]
    for value in found:
        tree = pullback_tree(value)
        if tree is not None:
            yield tree
        elif isinstance(value, FunctionType) and depth < DEPTH and not is_library(value):
            yield from around(value, depth + 1)


def with_suffix(name: str, suffix: str) -> str:
    """A name's own suffix; that of cotangent records stays last."""
    base = name.removesuffix(".ct")
    return base + suffix + name[len(base) :]
