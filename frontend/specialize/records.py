"""Records: dataclasses and NamedTuples, their fields, methods and operators; classes and enums.

A record is the tuple of its fields.  One that the program writes is a cell of the store that holds
such a tuple, so that everybody who holds the reference sees the write.  Which classes are written
shows while the program runs: the first write to a class taken for constant raises `Mutated`, and
all starts again with that class in `Program.mutable`.  Lists and dicts are the same with their own
kinds.
"""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.core import Literal
from ...ir.types import BOOL
from .. import classes, names
from ..closures import close
from ..lower import found_so_far, lower_into
from . import boxes, calls, cells, custom, operators, pools, sums
from .values import (
    AV,
    HOLDERS,
    UNBOUND_AV,
    Dead,
    Mutated,
    T,
    describe,
    is_static,
    static,
    static_value,
    typ,
)

if TYPE_CHECKING:
    from .frame import Frame

PLAIN: dict[str, type] = {
    "inner": list,
    "list": list,
    "dict": dict,
    "tuple": tuple,
    "array": np.ndarray,
    "vector": list,
}
STANDARD = sys.stdlib_module_names | {"numpy"}


def contents(f: Frame, a: AV) -> AV:
    """A record itself, where the value is a reference to one."""
    if a.kind == "cell":
        held = f.store.get(a.info)
        if held is not None:
            return held
    return pools.data(f, a) if a.kind == "pool" else a


def kept(f: Frame, cls: type, a: AV) -> AV:
    """A new record: a cell where its class is written somewhere, a box where it holds itself."""
    return cells.made(f, a) if cls in f.program.mutable else boxes.settled(f, a)


def classes_in(t: T) -> Iterator[type]:
    """The classes of records, lists and dicts in a type."""
    if t.kind in HOLDERS:
        yield t.info if t.kind == "record" else PLAIN[t.kind]
    for k in t.kids:
        yield from classes_in(k)


def class_of(a: AV) -> type:
    """The Python class of a record, list or dict."""
    if a.kind == "record":
        cls: type = a.info
        return cls
    return PLAIN[a.kind]


def unwritable(f: Frame, a: AV) -> Exception:
    """A write to what is no cell: its kind is taken for written from now on, if it can be."""
    cls = class_of(a)
    if cls not in f.program.mutable:
        return Mutated(cls)
    return f.error(
        "E01",
        f"a write to {'an array' if cls is np.ndarray else f'a {cls.__name__}'} of the module "
        "around the function, or of a record that holds its own class",
        "others who hold it would not see the write",
        "pass it as an argument of its own, or make it inside the function",
    )


# ---- making one ---------------------------------------------------------------------------------


def construct(f: Frame, cls: Any, args: list[AV], kw: dict[str, AV]) -> AV:
    """A call of a class."""
    if issubclass(cls, BaseException):
        return AV("exception", cls, tuple(args))
    if classes.is_enum_class(cls) and len(args) == 1 and is_static(args[0]):
        return member(f, cls, static_value(args[0]))
    if not classes.is_record(cls):
        name = f"{cls.__module__}.{cls.__name__}".removeprefix("builtins.")
        if cls.__module__ in STANDARD:
            why = "it has no compiled form and no Python source"
            raise f.error("E02", f"`{name}`", why, names.instead(name))
        raise f.error(
            "E01",
            f"a call of the class `{cls.__name__}`",
            "only dataclasses and NamedTuples have fields that are known when compiling",
            "decorate it with `@dataclass`",
        )
    if classes.has_init_vars(cls):
        raise f.error(
            "E01",
            f"`InitVar` in `{cls.__name__}`",
            "a record is its fields",
            "make it a field, or compute what it is for before the call",
        )
    init = classes.written(cls, "__new__" if classes.is_named_tuple(cls) else "__init__")
    if init is not None:
        return by_init(f, cls, init, args, kw)
    made = AV("record", cls, tuple(bound(f, cls, args, kw)))
    after = classes.written(cls, "__post_init__")
    if after is None:
        return kept(f, cls, made)
    ref = cells.made(f, made)
    calls.call(f, function(f, after), [ref], {})
    return ref if cls in f.program.mutable else boxes.settled(f, cells.content(f, ref))


def member(f: Frame, cls: Any, value: Any) -> AV:
    """The member of an enum that has this value."""
    try:
        return AV("const", cls(value))
    except ValueError as error:
        f.check(Literal(False, BOOL), "ValueError", str(error))
        raise Dead from None


def by_init(f: Frame, cls: Any, init: FunctionType, args: list[AV], kw: dict[str, AV]) -> AV:
    """A dataclass with an `__init__` of its own."""
    if classes.is_named_tuple(cls):
        raise f.error(
            "E01",
            f"`__new__` in `{cls.__name__}`",
            "a NamedTuple is its fields",
            "write a function",
        )
    empty = tuple([default_of(f, cls, g) for g in classes.given(cls)])
    ref = cells.made(f, AV("record", cls, empty))
    calls.call(f, function(f, init), [ref, *args], kw)
    return ref if cls in f.program.mutable else boxes.settled(f, cells.content(f, ref))


def default_of(f: Frame, cls: type, g: classes.Given) -> AV:
    """What a field is where no argument says so."""
    if g.default is not classes.ABSENT:
        return calls.of_value(f, f"{cls.__name__}.{g.name}", g.default)
    if g.factory is not classes.ABSENT:
        made = calls.of_value(f, f"{cls.__name__}.{g.name}", g.factory)
        return calls.call(f, made, [], {})
    return UNBOUND_AV


def bound(f: Frame, cls: type, args: list[AV], kw: dict[str, AV]) -> list[AV]:
    """The fields, from arguments and defaults."""
    fields = classes.given(cls)
    names = [g.name for g in fields]
    by_place = [g.name for g in fields if g.init and not g.keyword]
    if len(args) > len(by_place):
        raise calls.mismatch(f, cls.__name__, f"{len(args)} arguments", by_place)
    out = dict(zip(by_place, args, strict=False))
    for name, a in kw.items():
        if name not in [g.name for g in fields if g.init]:
            close = difflib.get_close_matches(name, names, 1)
            raise calls.mismatch(f, cls.__name__, f"the keyword `{name}`", names, close)
        if name in out:
            raise calls.mismatch(f, cls.__name__, f"two values for `{name}`", names)
        out[name] = a
    for g in fields:
        if g.name not in out:
            out[g.name] = default_of(f, cls, g)
            if g.init and out[g.name].kind == "unbound":
                raise calls.mismatch(f, cls.__name__, f"no value for `{g.name}`", names)
    return [out[n] for n in names]


# ---- fields and methods -------------------------------------------------------------------------


def function(f: Frame, python: Any) -> AV:
    """A Python function that was found while specialising, such as a method."""
    lowered = f.program.lowered
    for fn, known in lowered.python.items():
        if known is python and fn in f.program.functions:
            return calls.function(f, fn)
    if python.__module__ == "dataclasses" or python.__code__.co_filename in classes.GENERATED:
        raise f.error(
            "E01",
            f"the method `{python.__name__}`, which `dataclass` wrote",
            "it has no source text",
            "write what it does where it is called",
        )
    fn = lower_into(lowered, python)
    for name, made in found_so_far(lowered).items():
        if name not in f.program.functions:
            f.program.functions.update((g.name, g) for g in close(made))
    return calls.function(f, fn)


def getattr_(f: Frame, ref: AV, name: str) -> AV | None:
    """An attribute of a record, class, enum member or function; None where it has none."""
    a = contents(f, ref)
    match a.kind:
        case "record":
            return of_record(f, ref, a, name)
        case "class":
            return of_class(f, a.info, name)
        case "const" if classes.is_enum(a.info):
            if name in ("name", "value"):
                return static_member(f, getattr(a.info, name))
            return of_instance(f, a, type(a.info), name)
        case "super":
            return of_super(f, a, name)
        case "list" | "dict" | "tuple" | "const" | "vector" | "inner":
            kind = "list" if a.kind in ("vector", "inner") else a.kind
            if (kind, name) in METHODS:
                return AV("partial", (), (AV("name", f"{kind}.{name}"), ref))
    return None


METHODS = frozenset(
    {("list", n) for n in "append extend index count copy pop reverse insert sort clear".split()}
    | {("tuple", "index"), ("tuple", "count")}
    | {
        ("dict", n)
        for n in ("keys", "values", "items", "get", "copy", "update", "pop", "setdefault")
    }
    | {("const", n) for n in ("startswith", "endswith", "upper", "lower", "strip")}
)


def static_member(f: Frame, value: Any) -> AV:
    return calls.of_value(f, "value", value)


def of_record(f: Frame, ref: AV, a: AV, name: str) -> AV | None:
    names = classes.field_names(a.info)
    if name in names:
        kid = a.kids[names.index(name)]
        if kid.kind in ("unbound", "maybe"):
            return cells.bound_field(f, kid, a.info.__name__, name)
        return kid
    if name == "_replace" and classes.is_named_tuple(a.info):
        return AV("partial", (), (AV("name", "dataclasses.replace"), ref))
    if name == "_asdict" and classes.is_named_tuple(a.info):
        return AV("partial", (), (AV("name", "namedtuple._asdict"), ref))
    return of_instance(f, ref, a.info, name)


def of_instance(f: Frame, ref: AV, cls: type, name: str) -> AV | None:
    """What the class of a value holds under a name, seen through the value."""
    return seen_through(f, ref, cls, name, classes.attribute(cls, name))


def of_super(f: Frame, a: AV, name: str) -> AV | None:
    """An attribute of what `super()` gives: that of the classes after the one it names."""
    (ref,) = a.kids
    cls = class_of(contents(f, ref))
    after = cls.__mro__[cls.__mro__.index(a.info) + 1 :]
    found = next((vars(c)[name] for c in after if name in vars(c)), classes.ABSENT)
    return seen_through(f, ref, cls, name, found)


def seen_through(f: Frame, ref: AV, cls: type, name: str, found: Any) -> AV | None:
    if name == "__class__":
        return AV("class", cls)
    if classes.is_custom(found):
        word, rules = found.__morula__
        parts = [function(f, python) for python in (found.__wrapped__, *rules.values())]
        return AV("partial", (), (custom.made(f, word, parts), ref))
    match found:
        case classes.ABSENT:
            return None
        case property() if found.fget is not None:
            return calls.call(f, function(f, found.fget), [ref], {})
        case FunctionType():
            return AV("partial", (), (function(f, found), ref))
        case staticmethod():
            return calls.of_value(f, name, found.__func__)
        case classmethod():
            return AV("partial", (), (function(f, found.__func__), AV("class", cls)))
    return class_constant(f, cls, name, found)


def of_class(f: Frame, cls: Any, name: str) -> AV | None:
    """An attribute of a class itself."""
    if isinstance(member := getattr(cls, name, None), cls) and classes.is_enum(member):
        return AV("const", member)
    if name == "__name__":
        return static(cls.__name__)
    if cls is object and name == "__setattr__":
        return AV("name", "object.__setattr__")
    found = classes.attribute(cls, name)
    match found:
        case classes.ABSENT | property():
            return None
        case FunctionType():
            return function(f, found)
        case staticmethod():
            return calls.of_value(f, name, found.__func__)
        case classmethod():
            return AV("partial", (), (function(f, found.__func__), AV("class", cls)))
    return class_constant(f, cls, name, found)


def class_constant(f: Frame, cls: type, name: str, value: Any) -> AV | None:
    """A number, string, tuple or class of those that a class holds: known, under a guard."""
    if calls.literal_of(value) is calls.UNKNOWN and not classes.is_enum(value):
        return None
    lowered, known = f.program.lowered, f"{cls.__module__}.{cls.__qualname__}.{name}"
    lowered.globals[known] = value
    lowered.paths[known] = (("object", cls), ("attribute", name))
    return calls.of_value(f, known, value)


def setattr_(f: Frame, ref: AV, name: str, value: AV, forced: bool = False) -> None:
    """`a.name = value`; `forced` is object.__setattr__, which writes frozen ones, too."""
    if ref.kind in sums.SUMS:

        def one(kid: AV) -> list[AV]:
            setattr_(f, kid, name, value, forced)
            return []

        sums.dispatch_all(f, ref, one, sums.no_attribute(name))
        return
    a = contents(f, ref)
    if a in f.opened or any(map(boxes.may_be_box, (a, *a.kids))):
        raise f.error(
            "E11",
            f"a write to the attribute `{name}` of {describe(typ(a))}",
            "a record of a class that holds itself may be held by others, who would not see it",
            f"make a new one: `dataclasses.replace(record, {name}=value)`",
        )
    if a.kind != "record":
        raise f.error(
            "E01",
            f"a write to the attribute `{name}` of {describe(typ(a))}",
            "only the fields of records are written",
            "use a dataclass, or one variable for each value",
        )
    cls, names = a.info, classes.field_names(a.info)
    if name not in names:
        if isinstance(found := classes.attribute(cls, name), property) and found.fset:
            calls.call(f, function(f, found.fset), [ref, value], {})
            return
        raise f.error(
            "E02",
            f"a write to `{name}` of a {cls.__name__}",
            f"its fields are ({', '.join(names)})",
            "write one of these, or add the field to the class",
        )
    if classes.is_frozen(cls) and not forced:
        raise f.error(
            "E01",
            f"a write to `{name}` of a {cls.__name__}, which is frozen",
            "Python refuses it, too",
            "make a new one: `dataclasses.replace(...)`",
        )
    if ref.kind != "cell":
        raise unwritable(f, a)
    k = names.index(name)
    cells.update(f, ref, AV("record", cls, (*a.kids[:k], value, *a.kids[k + 1 :])))


# ---- calls and operators ------------------------------------------------------------------------


def method(f: Frame, a: AV, name: str) -> AV | None:
    """A method that the user wrote for the class of a value."""
    held = contents(f, a)
    if held.kind == "record":
        found = classes.written(held.info, name)
        return function(f, found) if found else None
    if held.kind == "const" and classes.is_enum(held.info):
        found = classes.written(type(held.info), name)
        return function(f, found) if found else None
    return None


def called(f: Frame, a: AV, args: list[AV], kw: dict[str, AV]) -> AV:
    """A call of an object."""
    fn = method(f, a, "__call__")
    if fn is None:
        held = contents(f, a)
        raise f.error(
            "E02",
            f"a call of {describe(typ(held))}",
            "it has no method `__call__`",
            "call a function, or give the class a `__call__`",
        )
    return calls.call(f, fn, [a, *args], kw)


REFLECTED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}


def operator(f: Frame, opcode: str, a: AV, b: AV) -> AV | None:
    """An operator that the class of an operand defines; None where none does."""
    plain = operators.AUGMENTED.get(opcode, opcode).rstrip("_")
    if opcode in operators.AUGMENTED:
        fn = method(f, a, f"__{opcode}__")
        if fn is not None:
            return calls.call(f, fn, [a, b], {})
    if plain == "contains":
        fn = method(f, a, "__contains__")
        return None if fn is None else calls.call(f, fn, [a, b], {})
    fn = method(f, a, f"__{plain}__")
    if fn is not None:
        return calls.call(f, fn, [a, b], {})
    fn = method(f, b, f"__{REFLECTED.get(plain, 'r' + plain)}__")
    if fn is not None:
        return calls.call(f, fn, [b, a], {})
    if plain == "ne":
        equal = operator(f, "eq", a, b)
        return None if equal is None else operators.unary(f, "not_", equal)
    return None


def unary(f: Frame, name: str, a: AV) -> AV | None:
    fn = method(f, a, f"__{name}__")
    return None if fn is None else calls.call(f, fn, [a], {})


def ordered(cls: type) -> bool:
    """Whether a dataclass compares as the tuple of its fields."""
    return classes.is_named_tuple(cls) or classes.is_generated(cls, "__lt__")


def compared(cls: Any) -> list[int]:
    """Fields that `==` of a dataclass looks at."""
    if classes.is_named_tuple(cls):
        return list(range(len(cls._fields)))
    return [k for k, g in enumerate(dataclasses.fields(cls)) if g.compare]


def replaced(f: Frame, ref: AV, kw: dict[str, AV]) -> AV:
    """dataclasses.replace and `_replace`."""
    a = contents(f, ref)
    if a.kind != "record":
        raise f.error("E03", f"replace of {describe(typ(a))}", "it is no record", "pass a record")
    names = classes.field_names(a.info)
    given = dict(zip(names, a.kids, strict=True))
    init = {g.name for g in classes.given(a.info) if g.init}
    return construct(f, a.info, [], {n: v for n, v in given.items() if n in init} | kw)
