"""The one family of errors that compiling a program can raise: `morula.Error`.

Each has a stable code and says where it is, what was found, why that cannot be, and what to write
instead.  Errors while the compiled program runs are Python's own.
"""

from __future__ import annotations

import builtins
import linecache

from .core import Loc, Site

TITLES: dict[str, str] = {
    "E01": "outside the language",
    "E02": "unknown call or attribute",
    "E03": "wrong type of argument",
    "E04": "name never bound",
    "E05": "empty container without a type",
    "E06": "an int became a float where an int is needed",
    "E07": "branches or loop turns disagree",
    "E08": "no bound on specialisation, recursive type or order",
    "E09": "not differentiable",
    "E10": "misused custom rule",
    "E11": "write to what is shared",
    "E12": "text of the IR",
}


class Error(Exception):
    """A program that cannot be compiled, at its own line.

    >>> print(Error("E04", None, "the name `y`", "nothing binds it", "bind it before it is read"))
    E04 name never bound
      found:   the name `y`
      because: nothing binds it
      instead: bind it before it is read
    """

    hide_frames = True  # a traceback shows the user's frames only
    certain = False  # refused whichever of several values it turns out to be

    def __init__(
        self, code: str, loc: Loc | Site | None, found: str, why: str, instead: str
    ) -> None:
        site = loc if isinstance(loc, Site) else loc[0] if loc else None
        self.code = code
        self.file = site.file if site else None
        self.line = site.line if site else None
        self.col = site.col if site else None
        self.found, self.why, self.instead = found, why, instead
        # a location without a site of its own, then where the code was called from
        self.callers: Loc = () if loc is None or isinstance(loc, Site) else tuple(loc[1:])
        super().__init__(code, loc, found, why, instead)

    def __str__(self) -> str:
        lines = [f"{self.code} {TITLES[self.code]}"]
        if self.file is not None and self.line is not None and self.col is not None:
            lines[0] = f"{self.file}:{self.line}:{self.col}: {lines[0]}"
            lines += excerpt(self.file, self.line, self.col)
        lines += [f"  found:   {self.found}", f"  because: {self.why}"]
        if self.instead:
            lines.append(f"  instead: {self.instead}")
        lines += [f"  called from {s.file}:{s.line}:{s.col}" for s in self.callers]
        return "\n".join(lines)


def excerpt(file: str, line: int, col: int) -> list[str]:
    """The source line and a caret under the column; nothing where the file is gone."""
    text = linecache.getline(file, line).rstrip("\n")
    if not text.strip():
        return []
    number = f"  {line:>4} | "
    # a tab before the column stays a tab, so that the caret stands where the eye expects it
    lead = "".join("\t" if c == "\t" else " " for c in text[: col - 1])
    return [number + text, " " * (len(number) - 2) + "| " + lead + "^"]


# ---- exceptions of a program --------------------------------------------------------------------

RAISED: dict[str, type[BaseException]] = {}  # of the user's own, by the names that checks have


def name_of_exception(cls: type[BaseException]) -> str:
    """What a check calls an exception: a builtin one by its name, the user's by module and name."""
    own: str = cls.__name__
    if getattr(builtins, own, None) is cls:
        return own
    wanted = f"{cls.__module__}.{cls.__qualname__}"
    name, k = wanted, 2
    while RAISED.setdefault(name, cls) is not cls:
        name, k = f"{wanted}.{k}", k + 1
    return name


def exception_named(name: object) -> type[BaseException] | None:
    """The exception that a check names; one of a program that is not here is made for its name."""
    if not isinstance(name, str):
        return None
    found = getattr(builtins, name, None) or RAISED.get(name)
    if found is None and "." in name:
        found = RAISED[name] = type(name.rpartition(".")[2], (Exception,), {})
    return found if isinstance(found, type) and issubclass(found, BaseException) else None
