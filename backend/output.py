"""Where compiled code writes: Python objects that take the numbers of a `print` or of a message.

Compiled code makes no strings.  It calls one of these with the numbers, as Python objects, and
Python puts them into the text.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

_said = threading.local()

# what the text of a module that has them declares
DECLARES = """\
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyComplex_FromDoubles(double, double)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare void @Py_DecRef(ptr)
""".splitlines()


class Line:
    """Prints a text with numbers in it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, *values: object) -> None:
        print(self.text.format(*values), end="")


class Message:
    """Keeps the text of an error that is about to be raised in this thread."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, *values: object) -> None:
        _said.text = self.text.format(*values)


def said() -> str:
    """The text that the last message made."""
    text: str = _said.text
    return text


def symbols(takers: Mapping[str, object]) -> dict[str, int]:
    """What the names of a module's takers are bound to when it is linked."""
    return {name: id(taker) for name, taker in takers.items()}


def globals_of(takers: Mapping[str, object]) -> list[str]:
    return [f'@"{name}" = external global {{}}' for name in takers]
