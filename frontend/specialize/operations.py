"""The module `operator`: operators as functions, and functions that get an item, an attribute or
the result of a method.

    itemgetter(1, 2)(t)          (t[1], t[2])
    attrgetter("a.b")(r)         r.a.b
    methodcaller("m", 2.0)(r)    r.m(2.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import names
from . import arrays, builtins, calls, operators, sequences
from .library import Function, counted, only, tuple_of
from .methods import found_in
from .values import AV, NOTHING, Unknown, number, static_value

if TYPE_CHECKING:
    from .frame import Frame


def operator(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """A function that is an operator."""
    only(f, name, kw)
    opcode = names.OPERATORS[name]
    if opcode in operators.UNARY:
        counted(f, name, args, 1, 1)
        return operators.unary(f, opcode, args[0])
    counted(f, name, args, 2, 2)
    if opcode == "getitem":
        return arrays.getitem(f, args[0], args[1])
    return operators.binary(f, opcode, args[0], args[1])


def truth(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, 1)
    return number(operators.truth(f, args[0]))


def absolute(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    return calls.call(f, AV("name", "abs"), args, kw)


def index(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, 1)
    return number(operators.as_int(f, args[0], "an argument of operator.index"))


def setitem(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 3, 3)
    sequences.setitem(f, *args)
    return NOTHING


def searched(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """countOf and indexOf."""
    counted(f, name, args, 2, 2)
    word = name.removeprefix("operator.").removesuffix("Of")
    return found_in(f, word, sequences.items(f, args[0], name), args[1], "iterable")


def length_hint(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, 2)
    return builtins.length_of(f, "len", args[:1])


def called(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, None)
    return calls.call(f, args[0], args[1:], kw)


# ---- what takes its argument later --------------------------------------------------------------


def getter(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """itemgetter, attrgetter and methodcaller: a partial function that lacks the object."""
    counted(f, name, args, 1, None)
    if name != "operator.methodcaller":
        only(f, name, kw)
    return AV("partial", tuple(kw), (AV("name", GETS[name]), *args, *kw.values()))


GETS = {
    "operator.itemgetter": "operator.got_items",
    "operator.attrgetter": "operator.got_attributes",
    "operator.methodcaller": "operator.called_method",
}


def got_items(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    *wanted, a = args
    found = [arrays.getitem(f, a, i) for i in wanted]
    return found[0] if len(found) == 1 else tuple_of(found)


def got_attributes(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    *wanted, a = args
    found = []
    for text in wanted:
        x = a
        for part in named(f, text, "attrgetter").split("."):
            x = arrays.getattr_(f, x, part)
        found.append(x)
    return found[0] if len(found) == 1 else tuple_of(found)


def called_method(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    method, *given, a = args
    return calls.call(f, arrays.getattr_(f, a, named(f, method, "methodcaller")), given, kw)


def named(f: Frame, a: AV, word: str) -> str:
    try:
        return str(static_value(a))
    except Unknown:
        raise f.error(
            "E01",
            f"{word} with a name that is known at run time only",
            "names are known when compiling",
            "write the name as a string",
        ) from None


OPERATIONS: dict[str, Function] = {
    **{n: operator for n in names.OPERATORS},
    "operator.truth": truth,
    "operator.abs": absolute,
    "operator.index": index,
    "operator.setitem": setitem,
    "operator.countOf": searched,
    "operator.indexOf": searched,
    "operator.length_hint": length_hint,
    "operator.call": called,
    **{n: getter for n in GETS},
    "operator.got_items": got_items,
    "operator.got_attributes": got_attributes,
    "operator.called_method": called_method,
}
