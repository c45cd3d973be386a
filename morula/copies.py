"""Which arrays a compiled function copies, where and why: `morula dump --copies`."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .ir.core import LOOPS, Block, Loc, Module, Op, Site, callees

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


@dataclass(frozen=True)
class Copy:
    """A copy that placement keeps."""

    site: Site | None  # the user's line
    array: str  # its name and type
    why: str
    repeated: bool  # in a loop, of this function or of one that calls it


def copies(module: Module) -> list[Copy]:
    """The copies of a module of stage `memory` that its entry reaches, by line."""
    found = dict[Copy, None]()
    for name, repeated in reached(module).items():
        for op, inside in marked(module.functions[name].body):
            if op.opcode == "copy":
                made = op.results[0]
                site, array = users(op.loc), f"{made.name} ({made.type})"
                why = str(op.attrs.get("why", "the program says so"))
                found[Copy(site, array, why, repeated or inside)] = None
    return sorted(found, key=lambda c: c.site or Site("", 0, 0))


def reached(module: Module) -> dict[str, bool]:
    """The functions that the entry calls, itself included, and whether any call is repeated."""
    found = {module.entry.name: False}
    todo = [module.entry.name]
    while todo:
        caller = todo.pop()
        for op, inside in marked(module.functions[caller].body):
            for name in callees(op):
                repeated = inside or found[caller]
                if name not in found or repeated and not found[name]:
                    found[name] = repeated
                    todo.append(name)
    return found


def marked(body: Block) -> Iterator[tuple[Op, bool]]:
    """All ops of a block, nested ones too, and whether a loop stands around them."""
    todo = [(body, False)]
    while todo:
        block, inside = todo.pop()
        for op in block.ops:
            yield op, inside
            todo.extend((r, inside or op.opcode in LOOPS) for r in op.regions)


def users(loc: Loc) -> Site | None:
    """The innermost place that is not in Morula's own files."""
    own = (s for s in loc if not os.path.abspath(s.file).startswith(HERE))
    return next(own, loc[-1] if loc else None)


def shown(name: str, found: Sequence[Copy]) -> str:
    """Each copy under its line; one sentence where there are none."""
    if not found:
        return f"{name}: no copies\n"
    lines = [f"{name}: {len(found)} cop{'y' if len(found) == 1 else 'ies'}"]
    last = None
    for c in found:
        if c.site != last and c.site is not None:
            text = linecache.getline(c.site.file, c.site.line).strip()
            lines.append(f"  {os.path.basename(c.site.file)}:{c.site.line}: {text}")
        last = c.site
        often = ", in a loop" if c.repeated else ""
        lines.append(f"    copies {c.array}{often}: {c.why}")
    return "\n".join(lines) + "\n"
