"""Methods of lists, tuples, dicts and strings, whose parts are known while compiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.core import Literal
from ...ir.types import BOOL
from . import comparisons, operators, records, sequences, vectors, walks
from .branches import fork
from .library import Function, counted, dict_, only, sorted_, tuple_of
from .sequences import items, made_dict, made_list
from .values import AV, NOTHING, Mutated, static, static_value

if TYPE_CHECKING:
    from .frame import Frame


def list_method(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """append, extend, insert, pop, reverse: writes; index, count, copy: reads."""
    if name != "list.sort":
        only(f, name, kw)
    ref, *given = args
    a, word = records.contents(f, ref), name.partition(".")[2]
    if a.kind in ("vector", "inner"):
        return vectors.method(f, word, ref, a, given)
    parts = list(a.kids)
    if word in ("index", "count"):
        return found_in(f, word, parts, given[0], a.kind)
    if word == "copy":
        return made_list(f, parts)
    if ref.kind != "cell":
        raise records.unwritable(f, a)
    result = NOTHING
    match word:
        case "append":
            counted(f, name, given, 1, 1)
            parts.append(given[0])
        case "extend":
            if not f.program.growing and walks.is_sequence(f, given[0]):
                raise vectors.Grown
            parts += items(f, given[0], "extend")
        case "reverse":
            parts.reverse()
        case "clear":
            parts = []
        case "sort":
            counted(f, name, given, 0, 0)
            made = sorted_(f, "sorted", [tuple_of(parts)], kw)
            parts = list(records.contents(f, made).kids)
        case "insert":
            parts.insert(place(f, given[0], word), given[1])
        case "pop":
            text = "pop from empty list" if not parts else "pop index out of range"
            k = place(f, given[0], word) if given else -1
            f.check(Literal(-len(parts) <= k < len(parts), BOOL), "IndexError", text)
            result = parts.pop(k)
    f.store[ref.info] = AV("list", None, tuple(parts))
    return result


def augmented(f: Frame, opcode: str, ref: AV, b: AV) -> bool:
    """`+=` and `*=` of a list, `|=` of a dict, which change it for all who hold it; False for
    anything else."""
    a = records.contents(f, ref)
    if a.kind in ("vector", "inner") and opcode == "iadd":
        vectors.method(f, "extend", ref, a, [b])
        return True
    if (a.kind, opcode) not in (("list", "iadd"), ("list", "imul"), ("dict", "ior")):
        return False
    if ref.kind != "cell":
        raise records.unwritable(f, a)
    if opcode == "iadd":
        list_method(f, "list.extend", [ref, b], {})
    elif opcode == "imul":
        times = place(f, b, "a list repeated")
        f.store[ref.info] = AV("list", None, a.kids * max(0, times))
    else:
        dict_method(f, "dict.update", [ref, b], {})
    return True


def place(f: Frame, a: AV, word: str) -> int:
    x = operators.as_int(f, a, f"the place of {word}")
    if not isinstance(x, Literal):
        raise f.error(
            "E01",
            f"{word} at a place known at run time only",
            "a list's length and what stands in it are known when compiling",
            "write the place as a literal",
        )
    return int(x.value)


def found_in(f: Frame, word: str, parts: list[AV], wanted: AV, kind: str) -> AV:
    """index and count."""
    held = [comparisons.equal(f, a, wanted) for a in parts]
    if word == "count":
        total = static(0)
        for x in held:
            total = operators.binary(f, "add", total, AV("num", None, (), (x,)))
        return total

    def search(k: int) -> AV:
        if k == len(held):
            what = "tuple.index(x): x not in tuple" if kind == "tuple" else "value is not in list"
            f.check(Literal(False, BOOL), "ValueError", what)
        x = held[k]
        if isinstance(x, Literal):
            return static(k) if x.value else search(k + 1)
        return fork(f, x, lambda: [static(k)], lambda: [search(k + 1)])[0]

    return search(0)


def dict_method(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    ref, *given = args
    a, word = records.contents(f, ref), name.partition(".")[2]
    match word:
        case "keys":
            return tuple_of([static(k) for k in a.info])
        case "values":
            return tuple_of(list(a.kids))
        case "items":
            pairs = zip(a.info, a.kids, strict=True)
            return tuple_of([tuple_of([static(k), v]) for k, v in pairs])
        case "get":
            missing = given[1] if len(given) > 1 else NOTHING
            if sequences.is_computed(given[0]):
                return sequences.under_computed(f, a, given[0], missing)
            key = sequences.key_of(f, given[0])
            return a.kids[a.info.index(key)] if key in a.info else missing
        case "copy":
            return made_dict(f, dict(zip(a.info, a.kids, strict=True)))
        case "pop":
            return popped(f, ref, a, given)
        case "setdefault":
            key = sequences.key_of(f, given[0])
            if key not in a.info:
                sequences.setitem(f, ref, static(key), given[1] if len(given) > 1 else NOTHING)
            return under(records.contents(f, ref), key)
    new = records.contents(f, dict_(f, "dict", given, kw))
    for key, value in zip(new.info, new.kids, strict=True):
        sequences.setitem(f, ref, static(key), value)
    return NOTHING


def popped(f: Frame, ref: AV, a: AV, given: list[AV]) -> AV:
    """The value under a key, which the dict has no more."""
    key = sequences.key_of(f, given[0])
    if key not in a.info:
        if len(given) > 1:
            return given[1]
        f.check(Literal(False, BOOL), "KeyError", str(key))
    if ref.kind != "cell":
        raise Mutated(dict)
    k = a.info.index(key)
    f.store[ref.info] = AV("dict", (*a.info[:k], *a.info[k + 1 :]), (*a.kids[:k], *a.kids[k + 1 :]))
    return under(a, key)


def under(a: AV, key: object) -> AV:
    """What a dict has under a key."""
    found: AV = a.kids[a.info.index(key)]
    return found


def string_method(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    values = [static_value(a) for a in args]
    return static(getattr(values[0], name.partition(".")[2])(*values[1:]))


METHODS: dict[str, Function] = {
    **{f"list.{n}": list_method for k, n in records.METHODS if k == "list"},
    **{f"tuple.{n}": list_method for k, n in records.METHODS if k == "tuple"},
    **{f"dict.{n}": dict_method for k, n in records.METHODS if k == "dict"},
    **{f"const.{n}": string_method for k, n in records.METHODS if k == "const"},
}
