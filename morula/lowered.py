"""`lower(f, *args)`: every stage of a function, to print, to read, to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .backend.border import BorderError
from .frontend.depth import deep
from .frontend.resolve import follow
from .ir.core import Module
from .pipeline import GENERIC, IR, NAMES, Compilation
from .program import refused
from .resume import Resume


class Lowered:
    """The stages of one function for one structure of arguments."""

    def __init__(
        self,
        compilation: Compilation,
        args: Sequence[Any],
        bound: Callable[..., tuple[Any, ...]] = lambda args, kwargs: args,
    ) -> None:
        self._compilation = compilation
        self._args = tuple(args)
        self._bound = bound  # arguments of a call, in the order of the parameters

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        return NAMES

    @property
    def times(self) -> dict[str, float]:
        """Seconds that each stage made so far has taken."""
        return dict(self._compilation.times)

    def text(self, stage: str) -> str:
        """A stage as text."""
        return self._compilation.text(stage)

    def module(self, stage: str) -> Module:
        """A stage up to `memory` as a module; its `str` is the text."""
        return self._compilation.module(stage)

    def run(self, stage: str, *args: Any, **kwargs: Any) -> Any:
        """Run a stage up to `memory` in the reference interpreter; without arguments, on those of
        `lower`.  Exceptions of the program propagate."""
        if stage not in IR:
            raise ValueError(f"stage {stage!r} does not run; those that do are {', '.join(IR)}")
        c = self._compilation
        given = self._bound(args, kwargs) if args or kwargs else self._args
        module = c.module(stage)
        if stage == "ad":  # a pullback that it returns may be differentiated
            module = c.ruled
        resume = Resume(c.stage("ssa"), c.fastmath, c.linked, c.library)
        values = tuple(map(resume.admit, given))
        try:
            with deep():
                if stage in GENERIC:
                    return self.run_generic(module, values, resume)
                return resume.run_entry(c.stage("typed"), module, values)
        except BorderError as error:
            raise refused(error, c.target.function) from None

    def run_generic(self, module: Module, values: Sequence[Any], resume: Resume) -> Any:
        from .ir.generic import run_generic

        lowered = self._compilation.stage("ssa")
        captured = [
            resume.admit(follow(path, self._compilation.target.function)) for path in lowered.hidden
        ]
        return run_generic(
            module, module.entry.name, values, captured, lowered.globals, resume.derive_generic
        )

    def __repr__(self) -> str:
        return f"<stages of {self._compilation.target.function.__name__}: {', '.join(NAMES)}>"
