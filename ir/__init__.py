"""What a program is, in memory and as text; what it means when it runs.

`parse(text)` reads a module (`str(module)` is its text), `verify(module)` checks the laws of the
IR, `run(module, "@f", *args)` interprets a function.  Each is loaded when first used, so that
importing Morula does not import lark.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .interpreter import run as run
    from .parser import parse as parse
    from .verifier import verify as verify

__all__ = ["parse", "run", "verify"]

_HOMES = {"parse": "parser", "run": "interpreter", "verify": "verifier"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("." + _HOMES[name], __name__), name)
