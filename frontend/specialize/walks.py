"""zip, enumerate, reversed and map of what has a length that the run decides.

A `zipped` gives a tuple of elements in each turn of a loop; `info` says of each of its kids how:
`each` its element, `from` a number that counts up, `back` its element from the end.  Its head says
what becomes of them: a `tuple`, also of a `strict` zip; `bare`, there is one; `map`, they go to the
`function` that is the first kid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, I64
from . import arrays, builtins, calls, ndarray, operators, records, sequences, vectors, views
from .values import AV, describe, number, typ

if TYPE_CHECKING:
    from .frame import Frame


def zipped(f: Frame, args: list[AV], strict: bool = False) -> AV:
    if strict and any(a.kind == "zipped" and is_strict(a) for a in args):
        raise f.error(
            "E01",
            "a zip(..., strict=True) inside another",
            "which of them ends first decides whether the other complains",
            "zip all of it at once",
        )
    kids = list[AV]()
    ways = list[str]()
    for a in args:
        if a.kind == "zipped" and a.info[0] == "bare":
            ways.append(a.info[1])
            kids.append(a.kids[0])
            continue
        parts = sequences.items_or_none(f, a)
        kids.append(a if parts is None else AV("tuple", None, tuple(parts)))
        ways.append("each")
    return AV("zipped", ("strict" if strict else "tuple", *ways), tuple(kids))


def mapped(f: Frame, fn: AV, args: list[AV]) -> AV:
    """map: the function is called in each turn, as Python does."""
    inner = zipped(f, args)
    return AV("zipped", ("map", "function", *inner.info[1:]), (fn, *inner.kids))


def enumerated(f: Frame, a: AV, start: AV) -> AV:
    check_walked(f, a, "enumerate")
    return AV("zipped", ("tuple", "from", "each"), (start, a))


def backwards(f: Frame, a: AV) -> AV:
    check_walked(f, a, "reversed")
    return AV("zipped", ("bare", "back"), (a,))


def is_sequence(f: Frame, a: AV) -> bool:
    """An array, or a list of unknown length."""
    return views.is_array(f, a) or records.contents(f, a).kind in ("vector", "inner")


def check_walked(f: Frame, a: AV, name: str) -> None:
    if a.kind not in ("range", "zipped", "tuple") and not is_sequence(f, a):
        raise f.error(
            "E03",
            f"{name} of {describe(typ(a))}",
            "it takes a tuple, list, range or array",
            "pass a sequence",
        )


def shortest(f: Frame, a: AV) -> Operand:
    """How many turns a loop over a zip does."""
    out: Operand | None = None
    for way, kid in zip(a.info[1:], a.kids, strict=True):
        if way in ("from", "function"):
            continue
        check_walked(f, kid, "zip")
        n = shortest(f, kid) if kid.kind == "zipped" else run_length(f, kid)
        out = n if out is None else f.scalar("min", (out, n), I64)
    assert out is not None
    return out


def run_length(f: Frame, a: AV) -> Operand:
    return builtins.length_of(f, "len", [a]).leaves[0]


def element(f: Frame, a: AV, k: Operand) -> AV:
    """What turn k of a loop over a zip gives."""
    out: list[AV] = []
    for way, kid in zip(a.info[1:], a.kids, strict=True):
        if way == "function":
            continue
        if way == "from":
            out.append(operators.binary(f, "add", kid, number(k)))
            continue
        at = k
        if way == "back":
            last = f.scalar("sub", (run_length(f, kid), Literal(1, I64)), I64, True)
            at = f.scalar("sub", (last, k), I64, True)
        out.append(part(f, kid, at))
    if a.info[0] == "map":
        return calls.call(f, a.kids[0], out, {})
    return out[0] if a.info[0] == "bare" else AV("tuple", None, tuple(out))


def part(f: Frame, a: AV, k: Operand) -> AV:
    """Element k of a sequence, which is known to have it."""
    match a.kind:
        case "zipped":
            return element(f, a, k)
        case "range":
            return number(nth(f, a, k))
    if views.is_array(f, a):
        return ndarray.item(f, a, k)
    held = records.contents(f, a)
    if held.kind in ("vector", "inner"):
        return vectors.item(f, a, k)
    return arrays.getitem(f, a, number(k))


def nth(f: Frame, a: AV, k: Operand) -> Operand:
    lo, _, step = (v.leaves[0] for v in a.kids)
    return f.scalar("add", (lo, f.scalar("mul", (k, step), I64, True)), I64, True)


def of_range(f: Frame, a: AV, k: Operand) -> AV:
    """range(...)[k]."""
    k = views.inside(f, k, run_length(f, a), "range object index out of range")
    return number(nth(f, a, k))


# ---- zip(..., strict=True) ----------------------------------------------------------------------


def is_strict(a: AV) -> bool:
    kids = (k for k in a.kids if k.kind == "zipped")
    return a.info[0] == "strict" or any(map(is_strict, kids))


def ended(f: Frame, a: AV, left: Operand | None) -> None:
    """After a loop that was not left, a strict zip finds one of its arguments longer."""
    for kid in a.kids:
        if kid.kind == "zipped":
            ended(f, kid, left)
    if a.info[0] != "strict":
        return
    least = shortest(f, a)
    lengths = [shortest(f, k) if k.kind == "zipped" else run_length(f, k) for k in a.kids]
    over = [f.scalar("eq", (n, least), BOOL) for n in lengths]
    longer = list(enumerate(over))[1:]
    shorter = [(k, f.scalar("or", (over[0], f.scalar("not", (x,), BOOL)), BOOL)) for k, x in longer]
    for word, checks in (("shorter", shorter), ("longer", longer)):
        for k, ok in checks:
            ok = ok if left is None else f.scalar("or", (ok, left), BOOL)
            f.check(ok, "ValueError", uneven(k, word))


def uneven(k: int, word: str) -> str:
    """What zip says of argument k, which is longer or shorter than those before it."""
    before = "argument 1" if k == 1 else f"arguments 1-{k}"
    return f"zip() argument {k + 1} is {word} than {before}"


def unevenness(lengths: Sequence[int]) -> str | None:
    """What zip says of arguments of these lengths; None where they agree."""
    first = lengths.index(min(lengths))
    if first > 0:
        return uneven(first, "shorter")
    longer = [k for k, n in enumerate(lengths) if n > lengths[0]]
    return uneven(longer[0], "longer") if longer else None
