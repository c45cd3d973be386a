"""One function compiled for one structure of arguments: both its ways in, in one piece of code.

The vectorcall function takes a call straight from the interpreter; `Specialisation.__call__` takes
any values of the right structure, from Python, and gives results that native code does not box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.core import Module
from ..ir.structure import PullbackTree, Tree
from . import blas, call, machine, output
from .border import BorderError
from .call import Input
from .emit import Emitted
from .invoke import Native, invoke
from .traceback import Failures
from .unbox import Cell, Fixed, Global, Position


class Specialisation:
    """Compiled code of the function `name`, whose inputs and result have these structures.

    `pull(tree)` gives what applies a pullback of the result: the typed function's name and its
    code; it is asked when a pullback is called.  `refuse` makes of a wrong cotangent's error what
    the user is to see.
    """

    def __init__(
        self,
        emitted: Emitted,
        name: str,
        inputs: Sequence[Input],
        result: Tree,
        *,
        module: Module | None = None,
        pull: Callable[[PullbackTree], tuple[str, Native]] | None = None,
        refuse: Callable[[BorderError], Exception] | None = None,
    ) -> None:
        self.inputs = tuple(inputs)
        failure = Failures(emitted.sites)
        text, entry = emitted.text, f"entry.{name}"
        exports, wrapper = [entry], None
        symbols = output.symbols(emitted.takers) | blas.symbols(emitted.text)
        if call.fits(self.inputs, result):
            arena, stack = call.needs(text)
            wrapper = call.vectorcall(
                f"f.{name}", self.inputs, result, failure, arena=arena, stack=stack
            )
            text, symbols = wrapper.joined(text), symbols | wrapper.symbols()
            exports.append(wrapper.symbol)
        self.code = machine.compile(text, exports, symbols)
        self.address = self.code.addresses[wrapper.symbol] if wrapper else 0
        trees = tuple(i.tree for i in self.inputs)
        owner = (self.code, wrapper, emitted.takers)
        self.native = Native(
            self.code.addresses[entry], trees, result, failure, owner, module, pull, refuse
        )

    def install(self, callable: Any) -> None:
        """Make this the first that a call of `callable` tries, if native code can take the call.

        It may stand in the chains of many callables.
        """
        if self.address:
            callable.prepend(self.address, self)

    def __call__(self, *args: Any) -> Any:
        """The result for these positional arguments."""
        return invoke(self.native, [value(i, args) for i in self.inputs])


def value(i: Input, args: Sequence[Any]) -> Any:
    """What an input is in this call; raises as Python does where a name or a cell is empty."""
    match i.source:
        case Position(index):
            return args[index]
        case Cell(cell):
            return cell.cell_contents
        case Global(names, name):
            if name not in names:
                raise NameError(f"name {name!r} is not defined", name=name)
            return names[name]
        case Fixed(known):
            return known
    raise TypeError("an input without a source: call `invoke` with its value")
