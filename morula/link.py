"""Bring a pullback that Python holds into a program that calls it.

Its functions come from the program that made it, under names that cannot clash: the text form is
printed, renamed and parsed, since that is the one place where every name is seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .frontend.specialize import Linked
from .ir.core import Module, Record
from .ir.structure import Tree
from .program import EXPORTED, inner, pullbacks_in
from .transforms.clean import pruned

NAME = re.compile(r"@(\w+(?:\.\w+)*)")


def link(trees: Sequence[Tree]) -> tuple[dict[str, Linked], Module]:
    """How the pullbacks among the arguments are called, and the functions that do it."""
    from .ir.parser import parse

    linked: dict[str, Linked] = {}
    functions = Module()
    for tree in pullbacks_in(trees):
        if tree.record in linked:
            continue
        module: Module = EXPORTED[tree.record].compilation.stage("opt")
        root = inner(tree.record)
        suffix = tree.record.removeprefix(root)
        own = pruned(module, root)
        own.records[root] = module.records[root]
        renamed = parse(NAME.sub(lambda m, s=suffix: f"@{with_suffix(m[1], s)}", str(own)))  # type: ignore[misc]
        functions.functions.update(renamed.functions)
        functions.records.update(renamed.records)
        record = renamed.records[tree.record]
        linked[tree.record] = Linked(Record(record.name, record.types), tree.record)
    return linked, functions


def with_suffix(name: str, suffix: str) -> str:
    """A name's own suffix; that of cotangent records stays last."""
    base = name.removesuffix(".ct")
    return base + suffix + name[len(base) :]
