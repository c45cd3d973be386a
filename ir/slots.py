"""Where an interpreted function keeps its values: one list of slots, literals already in place.

Here is what stage `memory` means: a result that stands `in %v` is written into v's buffer, what is
`in arena` dies with its mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .core import Literal, Op, Operand, Value
from .printer import describe
from .types import DTYPES, F64, Scalar

Env = list[Any]  # slot 0 holds the machine
Step = Callable[[Env], None]


class Trap(RuntimeError):
    """The IR broke a promise of its own: a pass is wrong, not the program."""


class Buffer(np.ndarray[Any, Any]):
    """An array in the arena; `dead` after its release."""

    dead = False


class KeptBox(tuple[Any, ...]):
    """A box in the arena."""

    dead = False


class KeptList(list[Any]):
    """A list in the arena."""

    dead = False


def keep(x: Any) -> Any:
    """The same array, box or list, as one that may die."""
    if isinstance(x, np.ndarray):
        return x.view(Buffer)
    return KeptList(x) if isinstance(x, list) else KeptBox(x)


def poison(x: Any) -> None:
    """Ends an array, box or list: numbers become NaN (or absurd), a later use traps."""
    x.dead = True
    if isinstance(x, Buffer):
        x.fill(np.nan if x.dtype.kind in "fc" else 99)


def frozen(x: Any) -> Any:
    """The array itself, read-only from now on."""
    x.flags.writeable = False
    return x


def same_buffer(x: Any, y: Any) -> bool:
    """Whether two arrays are one place in memory."""
    if x is y:
        return True
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return False
    a, b = x.__array_interface__, y.__array_interface__
    return bool(a["data"] == b["data"] and x.shape == y.shape and x.strides == y.strides)


def dtype(t: Scalar) -> np.dtype[Any]:
    """NumPy's type of an array's elements."""
    return DTYPES[t]


class Slots:
    """The slots of one function; `memory` says that its module has passed that stage."""

    def __init__(self, name: str, memory: bool) -> None:
        self.name = name
        self.memory = memory
        self.known: dict[Operand, int] = {}
        self.template: Env = [None]

    def slot(self, v: Operand) -> int:
        """Where a value lives; a literal's slot holds it from the start."""
        known = self.known.get(v)
        if known is None:
            known = self.known[v] = self.spare()
            if isinstance(v, Literal):
                self.template[known] = float(v.value) if v.type == F64 else v.value
        return known

    def spare(self) -> int:
        self.template.append(None)
        return len(self.template) - 1

    def sources(self, operands: Sequence[Operand]) -> list[int]:
        return [self.slot(v) for v in operands]

    def place(self, v: Value) -> int:
        """The slot whose buffer v must live in; 0 where it may live anywhere."""
        return self.slot(v.place) if self.memory and isinstance(v.place, Value) else 0

    def trap(self, op: Op, why: str) -> Trap:
        return Trap(f"in @{self.name}: {describe(op)}: {why}")

    def receiver(self, targets: Sequence[Value]) -> Callable[[Env, Sequence[Any]], None]:
        """Puts values where they belong: into a slot, or into the buffer that the place names."""
        slots = [self.slot(v) for v in targets]
        places = [self.place(v) for v in targets]

        def receive(env: Env, values: Sequence[Any]) -> None:
            for slot, value in zip(slots, values, strict=True):
                env[slot] = value

        def place(env: Env, values: Sequence[Any]) -> None:
            # all that must be copied is staged before any buffer is written
            staged: list[tuple[Any, Any]] = []
            final = list(values)
            for k, p in enumerate(places):
                if p and isinstance(final[k], np.ndarray) and not same_buffer(final[k], env[p]):
                    staged.append((env[p], final[k].copy()))
                    final[k] = env[p]
            for buffer, contents in staged:
                buffer[...] = contents
            receive(env, final)

        return place if any(places) else receive

    def move(self, operands: Sequence[Operand], targets: Sequence[Value]) -> Step:
        """A parallel assignment."""
        sources = self.sources(operands)
        if len(sources) == len(targets) == 1 and not self.place(targets[0]):
            source, target = sources[0], self.slot(targets[0])

            def one(env: Env) -> None:
                env[target] = env[source]

            return one
        receive = self.receiver(targets)
        return lambda env: receive(env, [env[s] for s in sources])

    def fresh(self, v: Value) -> Callable[[Env, Any], Any]:
        """What becomes of a newly made array, list or box that is called v."""
        if not self.memory:
            return lambda env, x: frozen(x) if isinstance(x, np.ndarray) else x
        if v.place != "arena":
            return lambda env, x: x

        def kept(env: Env, x: Any) -> Any:
            if x is None:
                return None
            x = keep(x)
            env[0].arena.append(x)
            return x

        return kept
