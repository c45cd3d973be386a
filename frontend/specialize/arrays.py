"""Items: elements of tuples and of read-only arrays, their lengths and attributes.

`x[i]` of an array checks its index first, as NumPy does; a negative index counts from the end, and
what is known not to be negative (a loop's index from 0 upwards) skips that.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, I64
from ..classes import field_names
from . import complexes, sums
from .branches import fork, is_natural
from .comparisons import both
from .operators import as_int
from .values import AV, describe, is_static, number, static_value, typ

if TYPE_CHECKING:
    from .frame import Frame

ZERO = Literal(0, I64)
BEYOND_TUPLE = "tuple index out of range"


def length(f: Frame, a: AV) -> Operand:
    """len(a)."""
    from . import ndarray, sequences, views

    if views.is_array(f, a):
        return ndarray.length(f, a)
    found = sequences.length(f, a)
    if found is not None:
        return found.leaves[0]
    match a.kind:
        case "sum" | "boxed":
            fails = sums.no_argument("len")
            return sums.dispatch(f, a, lambda k: number(length(f, k)), fails).leaves[0]
        case "tuple":
            return Literal(len(a.kids), I64)
        case "const" if isinstance(a.info, str):
            return Literal(len(a.info), I64)
    raise f.error(
        "E03", f"the length of {describe(typ(a))}", "it has none", "take that of a tuple or array"
    )


def getitem(f: Frame, a: AV, i: AV, what: str = "tuple") -> AV:
    from . import ndarray, sequences, views

    if a.kind in sums.SUMS:
        return sums.dispatch(f, a, lambda k: getitem(f, k, i), sums.not_subscriptable)
    if i.kind in sums.SUMS:
        return sums.dispatch(f, i, lambda k: getitem(f, a, k), sums.not_an_index)
    if views.is_array(f, a):
        return ndarray.getitem(f, a, i)
    found = sequences.getitem(f, a, i)
    if found is not None:
        return found
    if a.kind == "tuple":
        if i.kind == "slice":
            return tuple_slice(f, a, i)
        k, beyond = as_int(f, i, f"an index of a {what}"), BEYOND_TUPLE.replace("tuple", what)
        if isinstance(k, Literal):
            return tuple_item(f, a, k.value, beyond)
        return tuple_search(f, a, k, beyond)
    if a.kind == "range" and i.kind == "num":
        from . import walks

        return walks.of_range(f, a, as_int(f, i, "an index of a range"))
    raise f.error(
        "E03", f"an item of {describe(typ(a))}", "it has no items", "index a tuple or an array"
    )


def tuple_item(f: Frame, a: AV, k: int, beyond: str = BEYOND_TUPLE) -> AV:
    n = len(a.kids)
    f.check(Literal(-n <= k < n, BOOL), "IndexError", beyond)
    return a.kids[k]


def normal(f: Frame, k: Operand, n: int, beyond: str) -> Operand:
    """An index of n elements, checked, counted from the start."""
    below = f.scalar("lt", (k, Literal(n, I64)), BOOL)
    above = f.scalar("ge", (k, Literal(-n, I64)), BOOL)
    f.check(both(f, above, below), "IndexError", beyond)
    if is_natural(f, k):
        return k
    under = f.scalar("lt", (k, ZERO), BOOL)
    return f.scalar("add", (k, f.emit("select", [under, Literal(n, I64), ZERO], [I64])), I64, True)


def tuple_search(f: Frame, a: AV, k: Operand, beyond: str) -> AV:
    """An element of a tuple by an int known at run time only."""
    n = len(a.kids)
    k = normal(f, k, n, beyond)

    def search(at: int) -> AV:
        if at == n - 1:
            return a.kids[at]
        here = f.scalar("eq", (k, Literal(at, I64)), BOOL)
        return fork(f, here, lambda: [a.kids[at]], lambda: [search(at + 1)])[0]

    return search(0)


def tuple_slice(f: Frame, a: AV, i: AV) -> AV:
    if not all(is_static(k) for k in i.kids):
        raise f.error(
            "E01",
            "a slice of a tuple by numbers known at run time only",
            "the length of a tuple is known when compiling",
            "write the bounds as literals",
        )
    return AV("tuple", None, a.kids[slice(*[static_value(k) for k in i.kids])])


def unpack(f: Frame, a: AV, n: int) -> list[AV]:
    """The parts of `a, b = value`."""
    from . import ndarray, records, vectors, views

    if a.kind in sums.SUMS:
        return sums.dispatch_all(f, a, lambda k: unpack(f, k, n), sums.not_unpacked)
    if a.kind == "tuple":
        if len(a.kids) < n:
            text = f"not enough values to unpack (expected {n}, got {len(a.kids)})"
            f.check(Literal(False, BOOL), "ValueError", text)
        too_many = f"too many values to unpack (expected {n})"
        f.check(Literal(len(a.kids) <= n, BOOL), "ValueError", too_many)
        return list(a.kids)
    is_list = records.contents(f, a).kind in ("vector", "inner")
    if is_list or views.is_array(f, a):
        count, item = length(f, a), vectors.item if is_list else ndarray.item
        for opcode, text in (("ge", "not enough"), ("le", "too many")):
            ok = f.scalar(opcode, (count, Literal(n, I64)), BOOL)
            f.check(ok, "ValueError", f"{text} values to unpack (expected {n})")
        return [item(f, a, Literal(k, I64)) for k in range(n)]
    raise f.error(
        "E03",
        f"{describe(typ(a))} unpacked into {n} names",
        "it has no elements",
        "unpack a tuple or an array",
    )


def getattr_(f: Frame, a: AV, name: str) -> AV:
    from . import ndarray, records, views

    if a.kind in sums.SUMS:
        return sums.dispatch(f, a, lambda k: getattr_(f, k, name), sums.no_attribute(name))
    found = records.getattr_(f, a, name)
    if found is not None:
        return found
    if views.is_array(f, a):
        found = ndarray.getattr_(f, a, name)
        if found is not None:
            return found
    found = complexes.attribute(f, a, name) if a.kind == "num" else None
    if found is not None:
        return found
    if a.kind == "custom" and name in ("defvjp", "defjvp"):
        raise f.error(
            "E10",
            f"`{name}` in a compiled function",
            "the rule has to be known where the function is used",
            f"write `custom_{name.removeprefix('def')}(f, ...)` with the rule, or give it outside",
        )
    held = records.contents(f, a)
    if held.kind == "record":
        names = [n for n in dir(held.info) if not n.startswith("__")]
        raise f.error(
            "E02",
            f"the attribute `{name}` of {describe(typ(held))}",
            f"its fields are ({', '.join(field_names(held.info))})",
            nearest_of(name, names) or "add it to the class",
        )
    if held.kind == "list" and name in dir(list):
        raise f.error(
            "E01",
            f"the method `{name}` of a list",
            "compiled code knows how many elements a list has",
            "make a new one, such as `[*xs, v]`, or keep what changes in variables",
        )
    known = ndarray.ATTRIBUTES if views.is_array(f, a) else ()
    methods = [n.removeprefix("ndarray.") for n in ndarray.methods()] if known else []
    raise f.error(
        "E02",
        f"the attribute `{name}` of {describe(typ(held))}",
        f"it has {', '.join(known)}, and methods" if known else "it has no attributes",
        nearest_of(name, [*known, *methods])
        or ("write a loop over the elements" if known else "use the value itself"),
    )


def nearest_of(name: str, names: list[str]) -> str:
    found = difflib.get_close_matches(name, names, 3)
    return "the nearest are " + ", ".join(f"`{n}`" for n in found) if found else ""
