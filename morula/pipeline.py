"""The pipeline as a value: one row per stage, from the user's function to native code.

Printing, stopping, timing, verifying and resuming fall out of the table: a `Compilation` makes a
stage when it is asked for, from the one before.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from .frontend.depth import deep
from .frontend.errors import Error
from .ir.core import Module
from .ir.structure import Aliases, Tree

Word = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Stage:
    name: str
    run: Callable[[Compilation], Any]
    why: str
    parses: bool = True  # its text is IR, which parses back and runs in the interpreter


@dataclass(frozen=True)
class Target:
    """What is compiled: a Python function, and the derivative words around it, innermost first."""

    function: FunctionType
    words: tuple[Word, ...] = ()
    params: tuple[str, ...] = ()


class Compilation:
    """One function for one structure of arguments, through the stages."""

    def __init__(
        self,
        target: Target,
        trees: Sequence[Tree],
        fastmath: bool | str = "adjoint",
        hidden_trees: Mapping[str, Tree] | None = None,
        linked: Mapping[str, Any] | None = None,
        library: Module | None = None,
        aliases: Aliases = (),
    ) -> None:
        self.target, self.trees, self.fastmath = target, tuple(trees), fastmath
        self.hidden_trees = hidden_trees or {}  # globals that are run-time parameters
        self.linked = linked or {}  # pullbacks among the arguments: how they are called
        self.library = library or Module()  # the functions that do it
        self.aliases = aliases  # arguments that are one object
        self.made: dict[str, Any] = {}
        self.ruled = Module()  # stage `ad` with custom rules: what a caller differentiates
        self.times: dict[str, float] = {}
        self.shown = shown_stages()

    def stage(self, name: str) -> Any:
        """What a stage holds: a module, or text from `llvm` on; made now if need be."""
        if name not in NAMES:
            raise ValueError(f"no stage {name!r}; the stages are {', '.join(NAMES)}")
        for stage in STAGES[: NAMES.index(name) + 1]:
            if stage.name in self.made:
                continue
            start = time.perf_counter()
            with deep():
                self.made[stage.name] = stage.run(self)
                self.times[stage.name] = time.perf_counter() - start
                self.check(stage)
                if stage.name in self.shown:
                    print(heading(stage.name), self.text(stage.name), sep="\n", file=sys.stderr)
        return self.made[name]

    def to_differentiate(self) -> Module:
        """Stage `opt`, as a program has it that takes one of its pullbacks and may differentiate
        it: custom functions keep their rules.
        """
        from .transforms.clean import clean

        plain = self.stage("opt")
        return plain if self.ruled is self.stage("ad") else clean(self.ruled)

    def check(self, stage: Stage) -> None:
        """Under tests the verifier runs after every stage."""
        if stage.parses and os.environ.get("MORULA_VERIFY"):
            from .ir.verifier import verify

            verify(self.module(stage.name), stage.name)

    def module(self, name: str) -> Module:
        made = self.stage(name)
        module = getattr(made, "module", made)
        if not isinstance(module, Module):
            raise ValueError(f"stage {name!r} is text, not a module")
        return module

    def text(self, name: str) -> str:
        made = self.stage(name)
        if isinstance(made, str):
            return made
        if name in IR:
            with deep():
                return str(self.module(name))
        return str(made.text)


def shown_stages() -> tuple[str, ...]:
    """The stages that MORULA_DUMP names, to be printed whenever something compiles."""
    wanted = [n.strip() for n in os.environ.get("MORULA_DUMP", "").split(",") if n.strip()]
    if "all" in wanted:
        return NAMES
    for name in wanted:
        if name not in NAMES:
            known = ", ".join(NAMES)
            print(f"MORULA_DUMP: no stage {name!r}; there are {known}, all", file=sys.stderr)
    return tuple(n for n in NAMES if n in wanted)


def heading(name: str) -> str:
    return f"# ---- {name}: {STAGES[NAMES.index(name)].why}"


# ---- the stages, in order: each takes the compilation and gives what the stage holds


def source(c: Compilation) -> str:
    from .frontend.source import find_source

    return find_source(c.target.function).text


def ssa(c: Compilation) -> Any:
    from .frontend.lower import lower
    from .frontend.names import CUSTOM
    from .frontend.wrap import wrap

    words = c.target.words
    rules = words[0][1] if words and words[0][0] in CUSTOM else {}
    lowered = lower(c.target.function, rules)
    if words:
        entry = lowered.module.entry.name
        lowered.module = wrap(
            lowered.module, entry, words, c.target.params, lowered.globals, lowered.rules
        )
    return lowered


def closed(c: Compilation) -> Module:
    from .frontend.closures import closures

    return closures(c.stage("ssa").module)


def typed(c: Compilation) -> Any:
    from .frontend.specialize import specialize

    entry = specialize(
        c.stage("ssa"),
        c.trees,
        closed=c.stage("closed"),
        hidden_trees=c.hidden_trees,
        linked=c.linked,
        aliases=c.aliases,
    )
    entry.module.functions.update(c.library.functions)
    entry.module.records.update(c.library.records)
    return entry


def ad(c: Compilation) -> Module:
    from .transforms.expand import ordinary

    c.ruled = expanded(c.module("typed"), c.fastmath)
    return ordinary(c.ruled)


def expanded(module: Module, fastmath: bool | str) -> Module:
    """The module without derivative ops, its arithmetic as strict as was asked for; custom
    functions keep their rules.
    """
    from .transforms.custom import CustomRule
    from .transforms.expand import UnboundedOrder, expand_with_rules
    from .transforms.loose import loose
    from .transforms.strict import strict

    try:
        made = expand_with_rules(module)
    except CustomRule as error:
        raise misused(error) from None
    except UnboundedOrder as error:
        raise Error(
            "E08",
            error.loc,
            f"a derivative of `{error.function}` that is taken inside itself",
            "the order depends on a run-time value",
            "take the derivative outside the function that is differentiated",
        ) from None
    if fastmath is True:
        return loose(made)
    return made if fastmath else strict(made)


def misused(error: Any) -> Error:
    """A custom rule that cannot give what is asked of it, at the function that has it."""
    name, _, word = error.function.rpartition(".custom_")
    found, why, instead = {
        "forward": (
            f"forward mode through `{name}`, which has a custom_vjp",
            "such a rule pulls cotangents back, it does not push tangents",
            "give it a rule for tangents by `custom_jvp`, which serves reverse mode, too",
        ),
        "capture": (
            f"a derivative by `{error.name}`, which `{name}` takes from the function around it",
            f"the rule of a custom_{word} speaks of the parameters only",
            f"pass `{error.name}` to `{name}` as an argument",
        ),
        "reads": (
            f"`{error.name}`, which the rule of `{name}` reads from outside and `{name}` does not",
            "a function and its rule are called with the same values",
            "pass it as an argument",
        ),
    }[error.kind]
    return Error("E10", error.loc, found, why, instead)


def opt(c: Compilation) -> Module:
    from .transforms.clean import clean
    from .transforms.lift import lift

    cleaned = clean(c.stage("ad"))
    lifted = lift(cleaned)
    return cleaned if lifted is cleaned else clean(lifted)


def memory(c: Compilation) -> Module:
    from .backend.bufferize import bufferize

    return bufferize(c.stage("opt"))


def llvm(c: Compilation) -> Any:
    from .backend.emit import emit

    module = c.stage("memory")
    return emit(module, [module.entry.name])


def llvm_opt(c: Compilation) -> str:
    from .backend.machine import optimize

    return str(optimize(c.text("llvm")))


def asm(c: Compilation) -> str:
    from .backend.machine import assembly

    return assembly(c.text("llvm"))


STAGES = (
    Stage("source", source, "the function's text", parses=False),
    Stage("ssa", ssa, "generic SSA: Python's operators, one function per Python function"),
    Stage("closed", closed, "closure-converted: every function top-level, captures explicit"),
    Stage("typed", typed, "specialised: every value typed, every call resolved"),
    Stage("ad", ad, "no derivative op left: fwd, bwd and jvp beside the function"),
    Stage("opt", opt, "inlined, simplified, shared, hoisted"),
    Stage("memory", memory, "arrays placed: written in place, copied with the reason, freed"),
    Stage("llvm", llvm, "LLVM's text", parses=False),
    Stage("llvm-opt", llvm_opt, "after LLVM's own passes", parses=False),
    Stage("asm", asm, "machine code", parses=False),
)
NAMES = tuple(s.name for s in STAGES)
IR = tuple(s.name for s in STAGES if s.parses)
GENERIC = ("ssa", "closed")
