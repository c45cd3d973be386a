"""LLVM text of one function under construction: fresh names, blocks, and what it refers to.

`declares` are the functions it calls, `objects` the live Python objects that it names: an LLVM
global stands for each, bound to the object's address when the code is loaded, so that no address
ever stands in the text.
"""

from __future__ import annotations

from .callable_type import HEADER
from .layout import quote

TYPE = HEADER - 8  # where ob_type stands in an object
LIKELY = "!900"  # a number that `emit` does not come to
FOOTER = '!900 = !{!"branch_weights", i32 2000, i32 1}\n'


class Text:
    """Lines of a function's body."""

    def __init__(self) -> None:
        self.entry: list[str] = []  # allocas
        self.lines: list[str] = []
        self.block = "start"  # the block that lines go to now
        self.declares: set[str] = set()
        self.globals: set[str] = set()  # symbols of C globals (types, exceptions, None)
        self.objects: dict[str, object] = {}
        self._count = 0

    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}.{self._count}"

    def op(self, text: str, stem: str = "v") -> str:
        """`%v.3 = text`"""
        name = "%" + self.fresh(stem)
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def local(self, type: str, stem: str = "local") -> str:
        """Memory on the stack for one value."""
        name = "%" + self.fresh(stem)
        self.entry.append(f"  {name} = alloca {type}")
        return name

    def call(self, result: str, function: str, *args: str) -> str:
        """A call of a C function; `args` are written with their types."""
        types = ", ".join(a.split(" ")[0] for a in args)
        self.declares.add(f"declare {result} @{function}({types})")
        text = f"call {result} @{function}({', '.join(args)})"
        if result == "void":
            self.do(text)
            return ""
        return self.op(text)

    def c_global(self, symbol: str) -> str:
        """The address of a C global of this process."""
        self.globals.add(symbol)
        return quote(symbol)

    def object(self, symbol: str, value: object) -> str:
        """A Python object, as a pointer."""
        self.objects[symbol] = value
        return quote(symbol)

    def field(self, pointer: str, offset: int, type: str = "ptr") -> str:
        """What stands in an object at a place."""
        at = self.op(f"getelementptr i8, ptr {pointer}, i64 {offset}", "at")
        return self.op(f"load {type}, ptr {at}")

    def branch(self, condition: str, likely: str, unlikely: str) -> None:
        self.do(f"br i1 {condition}, label %{likely}, label %{unlikely}, !prof {LIKELY}")

    def guard(self, condition: str, miss: str) -> None:
        """Go on if the condition holds, else to the block `miss`."""
        ok = self.fresh("ok")
        self.branch(condition, ok, miss)
        self.label(ok)

    def body(self) -> str:
        return "\n".join([*self.entry, *self.lines])
