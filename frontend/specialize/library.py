"""Functions of Python over what has a known number of parts, and those that take functions.

Each runs while the program is compiled, once for each part.  Of a range or an array, whose length
is known at run time only, the folds are loops (`prelude/folds.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...ir.core import Literal
from ...ir.types import BOOL, F64
from .. import classes
from ..prelude import folds, growing
from . import builtins, calls, kinds, narrow, operators, records, sequences, sums, texts, walks
from .branches import fork
from .sequences import items, items_or_none, made_dict, made_list
from .values import AV, NOTHING, describe, number, static, static_value, true_or_false, typ

if TYPE_CHECKING:
    from .frame import Frame

Function = Callable[["Frame", str, list[AV], dict[str, AV]], AV]


def tuple_of(parts: list[AV]) -> AV:
    return AV("tuple", None, tuple(parts))


def counted(f: Frame, name: str, args: list[AV], least: int, most: int | None) -> None:
    builtins.plain(f, name, args, {}, least, most)


def only(f: Frame, name: str, kw: dict[str, AV], *known: str) -> None:
    """Refuse keywords that a function does not have."""
    extra = [k for k in kw if k not in known]
    if extra:
        found = f"{name}(..., {extra[0]}=...)"
        takes = f"it takes {', '.join(known)} by keyword" if known else "it takes no keywords here"
        raise f.error("E03", found, takes, "leave it out")


def flag(f: Frame, a: AV | None, what: str) -> bool:
    if a is None:
        return False
    x = operators.truth(f, a)
    if not isinstance(x, Literal):
        raise f.error(
            "E01",
            f"{what} that is known at run time only",
            "it decides an order",
            "write a literal",
        )
    return bool(x.value)


# ---- sequences to sequences ---------------------------------------------------------------------


def map_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 2, None)
    if any(items_or_none(f, a) is None for a in args[1:]):
        return walks.mapped(f, args[0], args[1:])
    rows = [items(f, a, "map") for a in args[1:]]
    return tuple_of([calls.call(f, args[0], list(row), {}) for row in zip(*rows, strict=False)])


def filter_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 2, 2)
    out = []
    for a in items(f, args[1], "filter"):
        none = args[0].kind == "const" and args[0].info is None
        keep = operators.truth(f, a if none else calls.call(f, args[0], [a], {}))
        if not isinstance(keep, Literal):
            raise f.error(
                "E01",
                "a filter whose test is known at run time only",
                "the number of elements must be known when compiling",
                "add in a loop, with an `if` inside",
            )
        if keep.value:
            out.append(a)
    return tuple_of(out)


def zip_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw, "strict")
    strict = flag(f, kw.get("strict"), "strict")
    if any(items_or_none(f, a) is None for a in args):
        return walks.zipped(f, args, strict)
    rows = [items(f, a, "zip") for a in args]
    if strict and rows and (text := walks.unevenness([len(r) for r in rows])):
        f.check(Literal(False, BOOL), "ValueError", text)
    return tuple_of([tuple_of(list(row)) for row in zip(*rows, strict=False)])


def enumerate_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw, "start")
    counted(f, name, args, 1, 2)
    start = kw.get("start", args[1] if len(args) > 1 else static(0))
    parts = items_or_none(f, args[0])
    if parts is None:
        return walks.enumerated(f, args[0], start)
    pairs = [
        tuple_of([operators.binary(f, "add", start, static(k)), a]) for k, a in enumerate(parts)
    ]
    return tuple_of(pairs)


def reversed_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 1, 1)
    parts = items_or_none(f, args[0])
    if parts is None:
        return walks.backwards(f, args[0])
    return tuple_of(parts[::-1])


def sorted_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """A network of compare-and-swap: insertion sort, which is stable; known keys sort now."""
    only(f, name, kw, "key", "reverse")
    counted(f, name, args, 1, 1)
    key = kw.get("key")
    if sequences.items_or_none(f, args[0], True) is None and walks.is_sequence(f, args[0]):
        return sorted_in_run(f, args[0], key, kw.get("reverse"))
    parts = items(f, args[0], "sorted")
    backwards = flag(f, kw.get("reverse"), "reverse")
    bare = key is None or (key.kind == "const" and key.info is None)
    rows = [(a if bare or key is None else calls.call(f, key, [a], {}), a) for a in parts]
    if backwards:
        rows.reverse()
    for end in range(1, len(rows)):
        for k in range(end, 0, -1):
            rows[k - 1], rows[k] = in_order(f, rows[k - 1], rows[k], bare)
    return made_list(f, [a for _, a in (rows[::-1] if backwards else rows)])


def sorted_in_run(f: Frame, a: AV, key: AV | None, reverse: AV | None) -> AV:
    """A list or array of unknown length, by merging, which is stable; keys are computed once."""
    itself = key is None or (key.kind == "const" and key.info is None)
    by = records.function(f, growing.itself) if itself else key
    assert by is not None
    back = static(flag(f, reverse, "reverse"))
    return calls.call(f, records.function(f, growing.sorted_by), [a, by, back], {})


Row = tuple[AV, AV]


def in_order(f: Frame, a: Row, b: Row, bare: bool) -> tuple[Row, Row]:
    """Two elements with their keys, the smaller first."""
    less = operators.truth(f, operators.binary(f, "lt", b[0], a[0]))
    if isinstance(less, Literal):
        return (b, a) if less.value else (a, b)
    if bare:
        first, second = fork(f, less, lambda: [b[1], a[1]], lambda: [a[1], b[1]])
        return (first, first), (second, second)
    out = fork(f, less, lambda: [*b, *a], lambda: [*a, *b])
    return (out[0], out[1]), (out[2], out[3])


def tuple_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 0, 1)
    return tuple_of(items(f, args[0], "tuple") if args else [])


def list_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 0, 1)
    unknown = args and items_or_none(f, args[0], True) is None
    if unknown and (args[0].kind in ("range", "zipped") or walks.is_sequence(f, args[0])):
        return calls.call(f, records.function(f, growing.listed), args, {})
    return made_list(f, items(f, args[0], "list") if args else [])


def dict_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 0, 1)
    pairs: dict[object, AV] = {}
    if args:
        held = records.contents(f, args[0])
        if held.kind == "dict":
            pairs |= zip(held.info, held.kids, strict=True)
        else:
            for a in items(f, held, "dict"):
                key, value = items(f, a, "a pair")
                pairs[sequences.key_of(f, key)] = value
    return made_dict(f, pairs | kw)


# ---- folds --------------------------------------------------------------------------------------


def looped(f: Frame, name: str, args: list[AV]) -> AV:
    """A fold over what has a length known at run time only."""
    held = args[name.startswith("reduce")]
    if held.kind not in ("range", "zipped") and not walks.is_sequence(f, held):
        raise f.error(
            "E03",
            f"{name} of {describe(typ(records.contents(f, held)))}",
            "it takes a tuple, list, range or array",
            "pass a sequence",
        )
    return calls.call(f, records.function(f, getattr(folds, name)), args, {})


def sum_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw, "start")
    counted(f, name, args, 1, 2)
    start = kw.get("start", args[1] if len(args) > 1 else static(0))
    parts = items_or_none(f, args[0])
    if parts is None:
        return looped(f, "sum", [args[0], start])
    return functools.reduce(lambda a, b: operators.binary(f, "add", a, b), parts, start)


def prod_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw, "start")
    counted(f, name, args, 1, 1)
    start = kw.get("start", static(1))
    parts = items_or_none(f, args[0])
    if parts is None:
        return looped(f, "prod", [args[0], start])
    return functools.reduce(lambda a, b: operators.binary(f, "mul", a, b), parts, start)


def any_all(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 1, 1)
    parts = items_or_none(f, args[0])
    if parts is None:
        return looped(f, name, args)
    out = true_or_false(name == "all")
    for a in parts:
        x, y = out.leaves[0], operators.truth(f, a)
        if isinstance(y, Literal):
            if y.value == (name == "any"):
                return true_or_false(name == "any")
        elif isinstance(x, Literal):
            out = AV("num", None, (), (y,))
        else:
            out = AV("num", None, (), (f.scalar("or" if name == "any" else "and", (x, y), BOOL),))
    return out


def extreme(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """max and min, of arguments or of a sequence."""
    only(f, name, kw, "key", "default")
    counted(f, name, args, 1, None)
    key, default = kw.get("key"), kw.get("default")
    if len(args) == 1:
        parts = items_or_none(f, args[0])
        if parts is None:
            return extreme_of_loop(f, name, args[0], key, default)
        args = parts
        if not args and default is not None:
            return default
        f.check(Literal(bool(args), BOOL), "ValueError", f"{name}() arg is an empty sequence")
        if len(args) == 1:
            return args[0]
    if key is None and all(a.kind == "num" for a in args):
        return builtins.extreme(f, name, args)
    rows = [(a if key is None else calls.call(f, key, [a], {}), a) for a in args]
    best = rows[0]
    for row in rows[1:]:
        better = operators.binary(f, "gt" if name == "max" else "lt", row[0], best[0])
        x = operators.truth(f, better)
        if isinstance(x, Literal):
            best = row if x.value else best
        else:
            old = best
            out = fork(f, x, lambda row=row: [*row], lambda old=old: [*old])  # type: ignore[misc]
            best = (out[0], out[1])
    return best[1]


def extreme_of_loop(f: Frame, name: str, a: AV, key: AV | None, default: AV | None) -> AV:
    """max and min of what has a length known at run time only."""
    if a.kind not in ("range", "zipped") and not walks.is_sequence(f, a):
        return builtins.extreme(f, name, [a])
    if key is None and default is None and a.kind != "zipped":
        return looped(f, name, [a])
    way = "_by" * (key is not None) + "_or" * (default is not None)
    return looped(f, f"{name}{way or '_of'}", [x for x in (a, key, default) if x is not None])


def reduce_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 2, 3)
    parts = items_or_none(f, args[1])
    if parts is None:
        return looped(f, "reduce" if len(args) == 3 else "reduced", args)
    parts = [*args[2:], *parts]
    text = "reduce() of empty iterable with no initial value"
    f.check(Literal(bool(parts), BOOL), "TypeError", text)
    return functools.reduce(lambda a, b: calls.call(f, args[0], [a, b], {}), parts)


# ---- functions and objects ----------------------------------------------------------------------


def partial_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, None)
    inner, *given = args
    if inner.kind == "partial":
        n = len(inner.kids) - len(inner.info)
        kw = dict(zip(inner.info, inner.kids[n:], strict=True)) | kw
        inner, given = inner.kids[0], [*inner.kids[1:n], *given]
    return AV("partial", tuple(kw), (inner, *given, *kw.values()))


def isinstance_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 2, 2)
    return kinds.isinstance_(f, args[0], args[1])


def type_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 1, 1)
    cls = kinds.python_class(f, args[0])
    if cls is None:
        found = f"the type of {describe(typ(args[0]))}"
        raise f.error("E01", found, "it is not known when compiling", "ask with isinstance")
    return AV("class", cls)


def getattr_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """getattr and hasattr with a name that is known."""
    from . import arrays

    only(f, name, kw)
    counted(f, name, args, 2, 3 if name == "getattr" else 2)
    if args[1].kind != "const" or not isinstance(args[1].info, str):
        found = f"{name} with {describe(typ(args[1]))} as the name"
        raise f.error("E01", found, "names are known when compiling", "write the name as a string")
    found_ = records.getattr_(f, args[0], args[1].info)
    if name == "hasattr":
        return true_or_false(found_ is not None)
    if found_ is None and len(args) == 3:
        return args[2]
    return found_ or arrays.getattr_(f, args[0], args[1].info)


def callable_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    known = ("fn", "name", "derivative", "custom", "pullback", "partial", "class")

    def is_function(a: AV) -> bool:
        if a.kind in known or (a.kind == "boxed" and a.info[0] == "fn"):
            return True
        cls = kinds.python_class(f, a)
        return cls is not None and any("__call__" in vars(c) for c in cls.__mro__)

    counted(f, name, args, 1, 1)
    return number(sums.tested(f, args[0], is_function))


def setattr_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """object.__setattr__, with which a frozen dataclass makes itself."""
    counted(f, name, args, 3, 3)
    records.setattr_(f, args[0], static_value(args[1]), args[2], forced=name != "setattr")
    return NOTHING


def replace_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, 1)
    return records.replaced(f, args[0], kw)


def fields_as_dict(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    counted(f, name, args, 1, 1)
    a = records.contents(f, args[0])
    return made_dict(f, dict(zip(classes.field_names(a.info), a.kids, strict=True)))


def super_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """`super()`, whose class and object the frontend has written down."""
    counted(f, name, args, 2, 2)
    cls, ref = args
    held = records.contents(f, ref)
    if cls.kind != "class" or held.kind != "record" or not issubclass(held.info, cls.info):
        raise f.error(
            "E01",
            f"super of {describe(typ(held))}",
            "it is a part of a method, which asks for that of a class before its own",
            "write `super().method(...)` in a method of a dataclass",
        )
    return AV("super", cls.info, (ref,))


def astuple_(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """dataclasses.astuple and asdict, which go into the fields."""
    only(f, name, kw)
    counted(f, name, args, 1, 1)
    return unmade(f, args[0], name.endswith("astuple"))


def unmade(f: Frame, a: AV, flat: bool) -> AV:
    a = records.contents(f, a)
    if not a.kids or a.kind not in ("record", "tuple", "list", "dict"):
        return a
    kids = [unmade(f, k, flat) for k in a.kids]
    if a.kind == "record" and not classes.is_named_tuple(a.info):
        if flat:
            return tuple_of(kids)
        return made_dict(f, dict(zip(classes.field_names(a.info), kids, strict=True)))
    return AV(a.kind, a.info, tuple(kids))


def distance(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """math.dist."""
    counted(f, name, args, 2, 2)
    total = static(0.0)
    for a, b in zip(items(f, args[0], name), items(f, args[1], name), strict=False):
        d = operators.binary(f, "sub", a, b)
        total = operators.binary(f, "add", total, operators.binary(f, "mul", d, d))
    return AV("num", None, (), (f.scalar("sqrt", (operators.as_float(f, total, name),), F64),))


def result_type(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    only(f, name, kw)
    counted(f, name, args, 1, None)
    return narrow.result_type(f, args)


LIBRARY: dict[str, Function] = {
    "numpy.result_type": result_type,
    "map": map_,
    "filter": filter_,
    "zip": zip_,
    "enumerate": enumerate_,
    "reversed": reversed_,
    "sorted": sorted_,
    "tuple": tuple_,
    "list": list_,
    "dict": dict_,
    "sum": sum_,
    "math.prod": prod_,
    "any": any_all,
    "all": any_all,
    "max": extreme,
    "min": extreme,
    "functools.reduce": reduce_,
    "functools.partial": partial_,
    "isinstance": isinstance_,
    "type": type_,
    "getattr": getattr_,
    "hasattr": getattr_,
    "callable": callable_,
    "setattr": setattr_,
    "object.__setattr__": setattr_,
    "dataclasses.replace": replace_,
    "namedtuple._asdict": fields_as_dict,
    "super": super_,
    "dataclasses.astuple": astuple_,
    "dataclasses.asdict": astuple_,
    "math.dist": distance,
    "print": texts.print_,
    "str": texts.text_of,
    "repr": texts.text_of,
}
