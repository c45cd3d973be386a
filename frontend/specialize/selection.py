"""Which arguments a derivative is taken by: argnums, what carries a cotangent, what is gathered.

A derivative of a function with `*args` counts on into what they gather; by the parameter's name it
is that of the whole tuple.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ...ir.types import Type, cotangent_type
from . import bodies
from .values import AV, STRUCTURES, T, Word, describe, leaf_types

if TYPE_CHECKING:
    from .frame import Frame

K = TypeVar("K", AV, T)


def counted(callee: AV, given: int) -> AV:
    """A derivative whose negative argnums count from the end of the arguments given by place."""
    w: Word = callee.info
    if w.word == "jvp":
        return callee
    inner = callee.kids[0]
    if inner.kind == "derivative":
        inner = counted(inner, given)

    def place(a: int | str) -> int | str:
        return a + given if isinstance(a, int) and -given <= a < 0 else a

    argnums = w.argnums
    if isinstance(argnums, tuple):
        argnums = tuple([place(a) for a in argnums])
    elif argnums is not None:
        argnums = place(argnums)
    return AV("derivative", w._replace(argnums=argnums), (inner,))


class Chosen(NamedTuple):
    """What is differentiated by: an argument, or a part of the one that gathers the rest."""

    arg: int
    part: int | None = None

    def of(self, args: Sequence[K]) -> K:
        a = args[self.arg]
        return a if self.part is None else a.kids[self.part]


def holding(callee: AV, kw: dict[str, AV]) -> AV:
    """A derivative of a partial function that holds these keywords, too."""
    inner = callee.kids[0]
    if inner.kind == "derivative":
        return AV("derivative", callee.info, (holding(inner, kw),))
    if inner.kind == "partial":
        own = {k: a for k, a in partial_keywords(inner).items() if k not in kw} | kw
        by_place = inner.kids[: len(inner.kids) - len(inner.info)]
        inner = AV("partial", tuple(own), (*by_place, *own.values()))
        kw.clear()
    return AV("derivative", callee.info, (inner,))


def partial_keywords(a: AV) -> dict[str, AV]:
    """The arguments that a partial function holds by name."""
    return dict(zip(a.info, a.kids[len(a.kids) - len(a.info) :], strict=True))


def selected(f: Frame, w: Word, inner: AV, args: tuple[T, ...]) -> tuple[list[Chosen], bool]:
    """What to differentiate by; whether a single one is meant, which must hold floats then."""
    chosen, single = named(f, w, inner, args)
    if single and not carries(chosen[0].of(args)):
        params = bodies.argument_names(f.program.functions, inner, len(args))
        raise refused_argument(f, w.word, params[chosen[0].arg], chosen[0].of(args))
    return chosen, single


def named(f: Frame, w: Word, inner: AV, args: Sequence[K]) -> tuple[list[Chosen], bool]:
    """What argnums names, whatever it holds."""
    places, rest = bodies.places(f.program.functions, inner, len(args))
    by_place = [Chosen(k) for k in places]
    if rest is not None:
        by_place += [Chosen(rest, n) for n in range(len(args[rest].kids))]
    if w.argnums is None:
        return by_place[: len(args) if w.given is None else w.given], False
    params = bodies.argument_names(f.program.functions, inner, len(args))
    single = not isinstance(w.argnums, tuple)
    wanted = w.argnums if isinstance(w.argnums, tuple) else (w.argnums,)
    out: list[Chosen] = []
    for a in wanted:
        if isinstance(a, str) and a in params:
            chosen = Chosen(params.index(a))
        elif isinstance(a, int) and 0 <= a < len(by_place):
            chosen = by_place[a]
        else:
            raise f.error(
                "E09",
                f"argnums={w.argnums!r}",
                f"the parameters are ({', '.join(params)})",
                f"choose an index below {len(by_place)}, or one of these names",
            )
        if any(c.arg == chosen.arg and (None in (c.part, chosen.part) or c == chosen) for c in out):
            raise f.error(
                "E09",
                f"argnums={w.argnums!r}",
                f"it names the argument `{params[chosen.arg]}` twice",
                "name each argument once",
            )
        out.append(chosen)
    return out, single


def carries(t: T) -> bool:
    """Whether a value of this type holds a float that a derivative can be taken by."""
    return any(c is not None for c in cotangents(t))


def cotangents(t: T) -> list[Type | None]:
    """For each leaf of an argument its cotangent type; None for ints, and within functions."""
    if t.kind in STRUCTURES:
        return [c for k in t.kids for c in cotangents(k)]
    if t.kind == "sum":
        return [None, *[c for k in t.kids for c in cotangents(k)]]
    if t.kind in ("num", "array", "vector"):
        return [cotangent_type(x) for x in leaf_types(t)]
    if t.kind == "boxed" and t.info[0] != "fn":
        # of a cotangent the box that says what is where has none
        tags = [None] * (len(leaf_types(t)) - len(t.leaves))
        return [*[None] * (len(t.leaves) - 1), cotangent_type(t.leaves[-1]), *tags]
    return [None] * len(leaf_types(t))


def refused_argument(f: Frame, name: str, param: str, t: T) -> Exception:
    instead = "pass a float"
    if t.kind == "num":
        instead = "write 2.0 instead of 2: pass a float"
    return f.error(
        "E09",
        f"{name} by `{param}`, which is {describe(t)}",
        "a derivative is taken by floats and arrays of floats",
        instead,
    )


def active(leaf_names: list[str], t: T, part: int | None = None) -> list[str]:
    """Names of the leaves of an argument, or of a part of it, that carry cotangents."""
    if part is not None:
        first = sum(len(leaf_types(k)) for k in t.kids[:part])
        t = t.kids[part]
        leaf_names = leaf_names[first : first + len(leaf_types(t))]
    return [n for n, c in zip(leaf_names, cotangents(t), strict=True) if c is not None]
