"""Strings: known ones, those with run-time numbers in them, and what takes them: print and raise.

A string with run-time parts is a template of Python's `str.format` and the numbers that go in; it
is never made in compiled code.  `print` and the message of an error hand template and numbers to
Python.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, NoReturn

from ...ir.core import Literal, Operand
from ...ir.errors import name_of_exception
from ...ir.types import BOOL
from .. import classes
from . import records, sums
from .values import AV, NOTHING, describe, static, typ

if TYPE_CHECKING:
    from .frame import Frame


def fstring(f: Frame, text: str, args: list[AV]) -> AV:
    """An f-string: `text` has a field for each argument."""
    import string

    out, values = "", list[AV]()
    left = iter(args)
    for written, field, spec, how in string.Formatter().parse(text):
        out += escaped(written)
        if field is not None:
            more, kids = shown(f, next(left), how or "", spec or "")
            out += more
            values += kids
    return made(out, values)


def made(text: str, values: list[AV]) -> AV:
    return AV("fstring", text, tuple(values)) if values else static(text.format())


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def shown(f: Frame, a: AV, how: str = "", spec: str = "") -> tuple[str, list[AV]]:
    """A template of a value, and the numbers that it takes; `how` is r, s or nothing."""
    a = records.contents(f, a)
    if a.kind == "num" and not isinstance(a.leaves[0], Literal):
        bang, colon = ("!" + how if how else ""), (":" + spec if spec else "")
        return "{" + bang + colon + "}", [a]
    if a.kind == "fstring" and how != "r" and not spec:
        return a.info, list(a.kids)
    known = a.leaves[0].value if a.kind == "num" and isinstance(a.leaves[0], Literal) else a.info
    if a.kind in ("num", "const"):
        value = repr(known) if how == "r" else str(known) if how == "s" else known
        return escaped(format(value, spec)), []
    if spec:
        raise refused(f, a, f"the format `{spec}`")
    match a.kind:
        case "tuple":
            return enclosed(f, "(", a.kids, ",)" if len(a.kids) == 1 else ")")
        case "list":
            return enclosed(f, "[", a.kids, "]")
        case "dict":
            return enclosed(f, "{{", a.kids, "}}", [f"{escaped(repr(k))}: " for k in a.info])
        case "record":
            return of_record(f, a, how)
    raise refused(f, a, "the text")


def enclosed(
    f: Frame, start: str, kids: tuple[AV, ...], end: str, heads: list[str] | None = None
) -> tuple[str, list[AV]]:
    parts, values = list[str](), list[AV]()
    for k, kid in enumerate(kids):
        text, more = shown(f, kid, "r")
        parts.append((heads[k] if heads else "") + text)
        values += more
    return start + ", ".join(parts) + end, values


def of_record(f: Frame, a: AV, how: str) -> tuple[str, list[AV]]:
    from . import calls

    for name in ("__repr__",) if how == "r" else ("__str__", "__repr__"):
        fn = records.method(f, a, name)
        if fn is not None:
            return shown(f, calls.call(f, fn, [a], {}))
    cls = a.info
    named = classes.is_named_tuple(cls)
    fields = [(k, n) for k, n in enumerate(classes.field_names(cls)) if classes.is_shown(cls, n)]
    title = cls.__name__ if named else cls.__qualname__
    kids = tuple([a.kids[k] for k, _ in fields])
    return enclosed(f, f"{escaped(title)}(", kids, ")", [f"{n}=" for _, n in fields])


def refused(f: Frame, a: AV, what: str) -> Exception:
    return f.error(
        "E01",
        f"{what} of {describe(typ(a))}",
        "compiled code writes numbers, strings, and tuples and records of them",
        "write its elements, or return the value and write it outside",
    )


def joined(a: AV, b: AV) -> AV | None:
    """a + b of strings."""
    parts = [(escaped(x.info), ()) if x.kind == "const" else (x.info, x.kids) for x in (a, b)]
    return made(parts[0][0] + parts[1][0], [*parts[0][1], *parts[1][1]])


def is_text(a: AV) -> bool:
    return a.kind == "fstring" or (a.kind == "const" and isinstance(a.info, str))


def print_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """print: an effect, in its order."""
    for k, a in enumerate(args):
        if a.kind in sums.SUMS:
            fails = sums.no_argument("print")
            rest = args[k + 1 :]
            before = args[:k]
            return sums.dispatch(
                f,
                a,
                lambda x, b=before, r=rest: print_(f, name, [*b, x, *r], dict(kw)),  # type: ignore[misc]
                fails,
            )
    sep, end = (word(f, kw.pop(n, None), n, d) for n, d in (("sep", " "), ("end", "\n")))
    kw.pop("flush", None)
    if kw:
        found = f"print(..., {next(iter(kw))}=...)"
        raise f.error("E01", found, "compiled code prints to the standard output", "leave it out")
    texts, values = list[str](), list[AV]()
    for a in args:
        text, more = shown(f, a)
        texts.append(text)
        values += more
    leaves: list[Operand] = [v.leaves[0] for v in values]
    text = escaped(sep).join(texts) + escaped(end)
    f.results("print", leaves, [], {"text": text})
    return NOTHING


def word(f: Frame, a: AV | None, name: str, default: str) -> str:
    if a is None or (a.kind == "const" and a.info is None):
        return default
    if a.kind != "const" or not isinstance(a.info, str):
        found = f"print(..., {name}=...) with {describe(typ(a))}"
        raise f.error("E03", found, "it is a string known when compiling", "write a string")
    return a.info


def text_of(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """str and repr."""
    text, values = shown(f, args[0], "r" if name == "repr" else "s") if args else ("", [])
    return made(text, values)


def raise_(f: Frame, a: AV) -> NoReturn:
    """`raise`: a check that always fails."""
    from . import calls

    if a.kind in ("class", "name"):
        a = calls.call(f, a, [], {})
    if a.kind != "exception":
        raise f.error(
            "E03",
            f"a raise of {describe(typ(a))}",
            "only exceptions are raised",
            "write `raise ValueError(...)`",
        )
    cls, title = a.info, name_of_exception(a.info)
    if isinstance(cls.__init__, FunctionType):
        raise f.error(
            "E01",
            f"the exception `{cls.__name__}`, which has an `__init__` of its own",
            "an error of compiled code is made of its message",
            "let its class take the message as `Exception` does",
        )
    if len(a.kids) > 1:
        raise f.error(
            "E01",
            f"{title} with {len(a.kids)} arguments",
            "an error has one message",
            "put all of it into one f-string",
        )
    text, values = shown(f, a.kids[0]) if a.kids else ("", [])
    leaves: list[Operand] = [v.leaves[0] for v in values]
    if not values:
        f.check(Literal(False, BOOL), title, text.format())
    attrs = {"error": title, "text": text}
    f.results("check", [Literal(False, BOOL), *leaves], [], attrs)
    from .values import Dead

    raise Dead
