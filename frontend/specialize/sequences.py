"""Lists, dicts and whatever else has a number of parts that is known when compiling.

A list is a tuple with another name; one that the program writes is a cell (see `records`).  So is a
dict, whose keys are known.  What runs over such a thing (map, filter, zip, sorted, ...) runs while
the program is compiled, once for each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Op, Operand
from ...ir.types import BOOL, I64
from .. import classes
from . import arrays, operators, pools, records, sums, vectors
from .values import AV, Dead, Unknown, describe, is_static, number, static, static_value, typ

if TYPE_CHECKING:
    from .frame import Frame

LONGEST = 1024  # a range of so many numbers may become a list or tuple


def items_or_none(f: Frame, a: AV, unroll: bool = False) -> list[AV] | None:
    """The elements of what has a known number of them; None for anything else.

    A range with known bounds has one too, but loops over it stay loops, so only what makes a
    container asks for it (`unroll`).
    """
    ref, a = a, records.contents(f, a)
    match a.kind:
        case "tuple" | "list":
            return list(a.kids)
        case "vector" if isinstance(a.leaves[0], Literal):
            return [vectors.item(f, ref, Literal(k, I64)) for k in range(a.leaves[0].value)]
        case "record" if classes.is_named_tuple(a.info):
            return list(a.kids)
        case "dict":
            return [static(k) for k in a.info]
        case "const" if isinstance(a.info, str):
            return [static(c) for c in a.info]
        case "class" if classes.is_enum_class(a.info):
            return [AV("const", m) for m in a.info]
        case "range" if unroll:
            bounds = [k.leaves[0] for k in a.kids]
            if all(isinstance(b, Literal) for b in bounds):
                found = range(*[b.value for b in bounds if isinstance(b, Literal)])
                return [static(k) for k in found] if len(found) <= LONGEST else None
    return None


def items(f: Frame, a: AV, what: str) -> list[AV]:
    found = items_or_none(f, a, True)
    if found is None:
        held = records.contents(f, a)
        found_text = f"{what} over {describe(typ(held))}"
        if held.kind == "range":
            found_text += " whose bounds are known at run time only"
        if held.kind == "zipped":
            found_text += " whose length is known at run time only"
        raise f.error(
            "E01",
            found_text,
            "the number of elements must be known when compiling, to make a container of them",
            "write a `for` loop that adds up what you need, or use sum, max, min, any or all of it",
        )
    return found


def spread(f: Frame, op: Op, args: list[AV]) -> list[AV]:
    """Elements or arguments, those with a star replaced by what they hold."""
    star = op.attrs.get("star", ())
    if not star:
        return args
    out: list[AV] = []
    for k, a in enumerate(args):
        out += items(f, a, "a starred expression") if k in star else [a]
    return out


def keywords(f: Frame, names: Sequence[str], values: list[AV]) -> dict[str, AV]:
    """Keyword arguments, those of `**d` by the keys of d."""
    out: dict[str, AV] = {}
    for name, a in zip(names, values, strict=True):
        if name != "**":
            out[name] = a
            continue
        held = records.contents(f, a)
        if held.kind != "dict":
            raise f.error(
                "E01",
                f"`**` of {describe(typ(held))}",
                "its keys must be known when compiling",
                "write a dict with constant keys, or pass the arguments one by one",
            )
        for key, kid in zip(held.info, held.kids, strict=True):
            if key in out or not isinstance(key, str):
                text = f"got multiple values for keyword argument '{key}'"
                f.check(Literal(False, BOOL), "TypeError", text)
            out[key] = kid
    return out


# ---- making and writing -------------------------------------------------------------------------


def step(f: Frame, op: Op, opcode: str, args: list[AV]) -> AV:
    match opcode:
        case "list":
            star = op.attrs.get("star", ())
            if any(items_or_none(f, args[k], True) is None for k in star):
                return vectors.gathered(f, args, star)
            return made_list(f, spread(f, op, args))
        case "dict":
            out: dict[object, AV] = {}
            star = op.attrs.get("star", ())
            for k, (key, value) in enumerate(zip(args[::2], args[1::2], strict=True)):
                if k in star:
                    held = records.contents(f, value)
                    out |= zip(held.info, held.kids, strict=True)
                else:
                    out[key_of(f, key)] = value
            if op.attrs.get("read_only"):  # of the module around the function
                return AV("dict", tuple(out), tuple(out.values()))
            return made_dict(f, out)
        case "append" | "with_item" if args[0].kind == "sum":  # of several lengths so far
            return sums.dispatch(
                f, args[0], lambda k: step(f, op, opcode, [k, *args[1:]]), sums.not_iterable
            )
        case "append":
            held = records.contents(f, args[0])
            if held.kind == "vector":
                more = vectors.pushed(f, held, args[1], args[0])
                return records.kept(f, list, more) if args[0].kind == "cell" else more
            return made_list(f, [*held.kids, args[1]])
    held = records.contents(f, args[0])
    pairs = dict(zip(held.info, held.kids, strict=True)) | {key_of(f, args[1]): args[2]}
    return made_dict(f, pairs)


def made_list(f: Frame, parts: Sequence[AV]) -> AV:
    if f.grows and vectors.fits(f, parts):
        return records.kept(f, list, vectors.of(f, parts))
    return records.kept(f, list, AV("list", None, tuple(parts)))


def made_dict(f: Frame, pairs: dict[object, AV]) -> AV:
    return records.kept(f, dict, AV("dict", tuple(pairs), tuple(pairs.values())))


def key_of(f: Frame, a: AV) -> object:
    """A key of a dict, which must be known."""
    try:
        key = static_value(a)
        hash(key)
    except (Unknown, TypeError):
        raise f.error(
            "E01",
            f"{describe(typ(a))} as a key of a dict",
            "keys must be known when compiling",
            "use constant keys, or a tuple that is indexed by an int",
        ) from None
    return key


def is_computed(a: AV) -> bool:
    """A number, or a tuple of such, that is known at run time only, as a key."""
    return not is_static(a) and (a.kind == "num" or (a.kind == "tuple" and bool(a.kids)))


def rows_of(f: Frame, a: AV, key: AV) -> list[tuple[Operand, AV]]:
    """What a dict holds, beside whether that is under a computed key."""
    from . import comparisons

    pairs = zip(map(static, a.info), a.kids, strict=True)
    rows = [(comparisons.equal(f, k, key), v) for k, v in pairs if k.kind == key.kind]
    return [row for row in rows if row[0] != Literal(False, BOOL)]


def has_key(f: Frame, rows: Sequence[tuple[Operand, AV]]) -> Operand:
    found: Operand = Literal(False, BOOL)
    for here, _ in rows:
        found = here if isinstance(found, Literal) else f.scalar("or", (found, here), BOOL)
    return found


def under_computed(f: Frame, a: AV, key: AV, missing: AV | None = None) -> AV:
    """What a dict has under a computed key; each of its values in turn is asked."""
    from . import texts
    from .branches import fork

    rows = rows_of(f, a, key)
    if missing is None:
        text, values = texts.shown(f, key, "r")
        leaves = [v.leaves[0] for v in values]
        attrs = {"error": "KeyError", "text": text}
        f.results("check", [has_key(f, rows), *leaves], [], attrs)
        if not rows:
            raise Dead
        missing = rows.pop()[1]

    def search(rows: Sequence[tuple[Operand, AV]]) -> AV:
        if not rows:
            return missing
        (here, value), *rest = rows
        return fork(f, here, lambda: [value], lambda: [search(rest)])[0]

    return search(rows)


def getitem(f: Frame, ref: AV, i: AV) -> AV | None:
    """An item of a list, dict or NamedTuple; None for anything else."""
    a = records.contents(f, ref)
    match a.kind:
        case "vector" | "inner":
            return vectors.getitem(f, ref, i)
        case "list" if i.kind == "slice":
            cut = arrays.getitem(f, AV("tuple", None, a.kids), i)
            return made_list(f, cut.kids)
        case "list":
            return arrays.getitem(f, AV("tuple", None, a.kids), i, "list")
        case "record":
            if classes.is_named_tuple(a.info):
                return arrays.getitem(f, AV("tuple", None, a.kids), i)
            fn = records.method(f, ref, "__getitem__")
            if fn is not None:
                from . import calls

                return calls.call(f, fn, [ref, i], {})
        case "dict" if is_computed(i):
            return under_computed(f, a, i)
        case "dict":
            key = key_of(f, i)
            f.check(Literal(key in a.info, BOOL), "KeyError", str(key))
            place: int = a.info.index(key)
            return a.kids[place]
        case "const" if isinstance(a.info, str):
            index = slice(*[static_value(k) for k in i.kids]) if i.kind == "slice" else key_of(f, i)
            text: str = a.info
            inside = isinstance(index, slice) or -len(text) <= index < len(text)  # type: ignore[operator]
            f.check(Literal(inside, BOOL), "IndexError", "string index out of range")
            return static(text[index])  # type: ignore[index]
    return None


def setitem(f: Frame, ref: AV, i: AV, value: AV) -> None:
    """`a[i] = value`."""
    from . import ndarray, views

    if ref.kind in sums.SUMS:

        def one(kid: AV) -> list[AV]:
            setitem(f, kid, i, value)
            return []

        sums.dispatch_all(f, ref, one, sums.not_subscriptable)
        return
    if views.is_array(f, ref):
        ndarray.setitem(f, ref, i, value)
        return
    a = records.contents(f, ref)
    if a.kind == "record" and (fn := records.method(f, ref, "__setitem__")) is not None:
        from . import calls

        calls.call(f, fn, [ref, i, value], {})
        return
    if a.kind == "inner":
        pools.setitem(f, a, i, value)
        return
    if a.kind == "vector" and ref.kind == "cell":
        pools.refuse_shared(f, pools.shared_mark(a), "a list")
        f.store[ref.info] = vectors.replaced(f, ref, a, i, value)
        return
    if a.kind not in ("list", "dict", "vector"):
        raise refused_write(f, a)
    if ref.kind != "cell":
        raise records.unwritable(f, a)
    if a.kind == "dict":
        key = key_of(f, i)
        pairs = dict(zip(a.info, a.kids, strict=True)) | {key: value}
        f.store[ref.info] = AV("dict", tuple(pairs), tuple(pairs.values()))
        return
    k = operators.as_int(f, i, "an index of a list")
    if isinstance(k, Literal):
        n = len(a.kids)
        inside = Literal(-n <= k.value < n, BOOL)
        f.check(inside, "IndexError", "list assignment index out of range")
        at = k.value % n
        f.store[ref.info] = AV("list", None, (*a.kids[:at], value, *a.kids[at + 1 :]))
    else:
        f.store[ref.info] = AV("list", None, tuple(placed(f, a, k, value)))


def placed(f: Frame, a: AV, k: Operand, value: AV) -> list[AV]:
    """The elements of a list after a write at an index known at run time only."""
    from .branches import fork

    n = len(a.kids)
    k = arrays.normal(f, k, n, "list assignment index out of range")
    out: list[AV] = []
    for at, old in enumerate(a.kids):
        here = f.scalar("eq", (k, Literal(at, I64)), BOOL)
        out += fork(f, here, lambda: [value], lambda old=old: [old])  # type: ignore[misc]
    return out


def refused_write(f: Frame, a: AV) -> Exception:
    if a.kind == "tuple":
        return f.error(
            "E01", "a write to an item of a tuple", "Python refuses it, too", "make a new tuple"
        )
    return f.error(
        "E01",
        f"a write to an item of {describe(typ(a))}",
        "it has no items",
        "write into a list or a dict",
    )


def unpack(f: Frame, a: AV, n: int, star: int | None) -> list[AV]:
    """The parts of `a, b = value` and `a, *b = value`."""
    found = items_or_none(f, a, True)
    if found is None:
        if star is not None:
            items(f, a, "unpacking with a star")
        return arrays.unpack(f, a, n)
    if star is None:
        return arrays.unpack(f, AV("tuple", None, tuple(found)), n)
    least = n - 1
    text = f"not enough values to unpack (expected at least {least}, got {len(found)})"
    f.check(Literal(len(found) >= least, BOOL), "ValueError", text)
    end = len(found) - (least - star)
    return [*found[:star], made_list(f, found[star:end]), *found[end:]]


def length(f: Frame, ref: AV) -> AV | None:
    """len of a list, dict or record; None for anything else."""
    a = records.contents(f, ref)
    if a.kind in ("vector", "inner"):
        return number(vectors.length(f, ref))
    if a.kind in ("list", "dict") or (a.kind == "record" and classes.is_named_tuple(a.info)):
        return static(len(a.kids))
    if a.kind == "class" and classes.is_enum_class(a.info):
        return static(len(a.info))
    return records.unary(f, "len", ref)


def contains(f: Frame, container: AV, item: AV) -> AV | None:
    """`in` of a list, dict or string; None for anything else."""
    a = records.contents(f, container)
    if a.kind == "dict":
        if is_computed(item):
            return number(has_key(f, rows_of(f, a, item)))
        try:
            return static(static_value(item) in a.info)
        except Unknown:
            return None
    if a.kind == "const" and isinstance(a.info, str) and item.kind == "const":
        return static(item.info in a.info)
    return None


__all__ = ["getitem", "items", "number", "setitem", "spread", "step", "unpack"]
