"""Sums: values that are one of several alternatives, told apart by a tag.

    f = math.sin if flag else (lambda t: t * x)       %tag: i64, %x: f64 = if %flag {
                                                        yield 0, 0.0
                                                      } else {
                                                        yield 1, %x
                                                      }
    f(2.0)                                            %0 = eq %tag, 0
                                                      %1: f64 = if %0 { sin } else { mul by %x }

A function chosen at run time, an Optional and a union of records are the same thing: an i64 tag and
the leaves of all alternatives, those of the untaken ones zero or null.  So differentiation and
native code see numbers and branches only.  An operation on a sum is done in one arm for each
alternative; where an alternative does not have the operation, its arm raises what Python raises,
and if none has it, the program is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ...ir.core import Literal, Op, Operand, Value
from ...ir.types import BOOL, C128, F64, I64
from ..errors import Error
from . import boxes
from .branches import fork
from .values import AV, Dead, number

if TYPE_CHECKING:
    from .frame import Frame

SUMS = frozenset({"sum", "boxed"})
TAKING = frozenset({"isinstance", "callable", "print"})  # what takes a sum as it is


class Failure(NamedTuple):
    """What Python raises where an alternative lacks an operation."""

    error: str
    text: str


class Fact(NamedTuple):
    """What a bool says of a sum: it is one of `true` where the bool holds."""

    subject: AV
    true: frozenset[int]


def dispatch(f: Frame, a: AV, go: Callable[[AV], AV], lacks: Callable[[AV], Failure]) -> AV:
    """An operation on a sum: `go` on each alternative, in an arm of its own."""
    return dispatch_all(f, a, lambda kid: [go(kid)], lacks)[0]


def dispatch_all(
    f: Frame, a: AV, go: Callable[[AV], list[AV]], lacks: Callable[[AV], Failure]
) -> list[AV]:
    if a.kind == "boxed":
        return [settled(f, x) for x in go(boxes.opened(f, a))]
    refused: list[Error] = []
    last = len(a.kids) - 1

    def arm(k: int) -> list[AV]:
        if k == last:
            return attempt(f, a.kids[k], go, lacks, refused)
        here = f.scalar("eq", (a.leaves[0], Literal(k, I64)), BOOL)
        if isinstance(here, Literal):
            return attempt(f, a.kids[k], go, lacks, refused) if here.value else arm(k + 1)
        return fork(f, here, lambda: attempt(f, a.kids[k], go, lacks, refused), lambda: arm(k + 1))

    try:
        return arm(0)
    finally:
        if len(refused) == len(a.kids):
            none_first = a.kids[0].kind == "const" and len(refused) > 1
            raise refused[1 if none_first else 0]  # of what is there, not of None


def attempt(
    f: Frame,
    kid: AV,
    go: Callable[[AV], list[AV]],
    lacks: Callable[[AV], Failure],
    refused: list[Error],
) -> list[AV]:
    """One alternative; where it lacks the operation, this path raises at run time."""
    state = f.b, f.store, f.loc
    depth = len(f.program.stack)
    from . import forms

    try:
        if kid.kind == "cell" and forms.varies(f.store.get(kid.info)):
            return forms.each_form(f, kid, lambda: go(kid))
        return go(kid)
    except Error as e:
        if e.certain or len(f.program.stack) != depth:
            raise  # within a function that the operation called
        refused.append(e)
    f.b, f.store, f.loc = state
    failure = lacks(kid)
    f.check(Literal(False, BOOL), failure.error, failure.text)
    raise Dead


def settled(f: Frame, a: AV) -> AV:
    """What came of an opened box; a bound method holds the box."""
    if a.kind != "partial":
        return a
    return AV(a.kind, a.info, tuple([boxes.settled(f, k) for k in a.kids]), a.leaves)


def mapped(a: AV, go: Callable[[AV], AV]) -> AV:
    """A sum with the same tag, whose alternatives `go` wraps without emitting anything."""
    return AV("sum", None, tuple([go(k) for k in a.kids]), a.leaves)


# ---- tests that tell alternatives apart, and what they teach ------------------------------------


def tested(f: Frame, a: AV, holds: Callable[[AV], bool]) -> Operand:
    """A bool that is known for each alternative; a branch on it narrows the value."""
    if a.kind != "sum":
        return Literal(holds(a), BOOL)
    true = frozenset([k for k, kid in enumerate(a.kids) if holds(kid)])
    if len(true) in (0, len(a.kids)):
        return Literal(bool(true), BOOL)
    few = true if 2 * len(true) <= len(a.kids) else frozenset(range(len(a.kids))) - true
    out: Operand | None = None
    for k in sorted(few):
        one = f.scalar("eq", (a.leaves[0], Literal(k, I64)), BOOL)
        out = one if out is None else f.scalar("or", (out, one), BOOL)
    assert out is not None
    if few is not true:
        out = f.scalar("not", (out,), BOOL)
    f.facts[out] = Fact(a, true)
    return out


Known = dict[Value, Fact]  # which alternatives generic values are


def learned(f: Frame, v: Operand, holds: bool) -> Known:
    """Generic values that are known better where the generic bool `v` is, or is not, true."""
    if not isinstance(v, Value) or v not in f.env:
        return {}
    out = dict(f.implied.get((v, holds), {}))
    a = f.env[v]
    fact = f.facts.get(a.leaves[0]) if a.kind == "num" else None
    if fact is not None:
        keep = fact.true if holds else frozenset(range(len(fact.subject.kids))) - fact.true
        for s in f.subjects.get(a.leaves[0], ()):
            merge(out, s, Fact(fact.subject, keep))
    return out


def merge(out: Known, v: Value, fact: Fact) -> None:
    old = out.get(v)
    if old is not None and old.subject is fact.subject:
        fact = Fact(fact.subject, fact.true & old.true)
    out[v] = fact


def conclude(f: Frame, op: Op) -> None:
    """What the results of an `if` say of its condition: those of `and` and `or` do."""
    cond, (then, other) = op.operands[0], op.regions
    if "unreachable" in (then.end.opcode, other.end.opcode):
        return
    for v, x, y in zip(op.results, then.outs, other.outs, strict=True):
        for holds, mine, rest in ((True, x, y), (False, y, x)):
            if rest is cond or (isinstance(rest, Literal) and rest.value is not holds):
                known = learned(f, cond, holds)
                for s, fact in learned(f, mine, holds).items():
                    merge(known, s, fact)
                if known:
                    f.implied[v, holds] = known


def negated(f: Frame, cond: Operand, r: Operand) -> None:
    """`not cond` says the opposite of the same value."""
    fact = f.facts.get(cond)
    if fact is not None:
        f.facts[r] = Fact(fact.subject, frozenset(range(len(fact.subject.kids))) - fact.true)
        if cond in f.subjects:
            f.subjects[r] = f.subjects[cond]


def sole(f: Frame, a: AV, fits: Callable[[AV], bool], lacks: Callable[[AV], Failure]) -> AV:
    """The one alternative that fits, where all others raise; `a` itself if several do."""
    if a.kind == "boxed":
        return boxes.opened(f, a)
    fitting = [k for k, kid in enumerate(a.kids) if fits(kid)]
    if len(fitting) != 1:
        return a
    k = fitting[0]
    failure = lacks(a.kids[k - 1])
    ok = f.scalar("eq", (a.leaves[0], Literal(k, I64)), BOOL)
    f.check(ok, failure.error, failure.text)
    return a.kids[k]


# ---- what Python raises -------------------------------------------------------------------------


def python_type(a: AV) -> str:
    """The name of a value's Python type."""
    match a.kind:
        case "num":
            t = a.leaves[0].type
            return {BOOL: "bool", F64: "float", C128: "complex"}.get(t, "int")  # type: ignore[arg-type]
        case "const":
            return type(a.info).__name__
        case "vector" | "inner":
            return "list"
        case "array" | "view" | "pending" | "element":
            return "numpy.ndarray"
        case "fn" | "derivative" | "custom" | "pullback" | "name":
            return "function"
        case "record":
            return str(a.info.__name__)
        case "boxed":
            return boxes.name_of(a.info)
        case "sum":
            return python_type(a.kids[0])
    return a.kind


def no_operator(symbol: str, *args: AV) -> Failure:
    kinds = " and ".join(f"'{python_type(a)}'" for a in args)
    if symbol in ("<", "<=", ">", ">="):
        return Failure("TypeError", f"'{symbol}' not supported between instances of {kinds}")
    if len(args) == 1:
        return Failure("TypeError", f"bad operand type for unary {symbol}: {kinds}")
    return Failure("TypeError", f"unsupported operand type(s) for {symbol}: {kinds}")


def not_callable(a: AV) -> Failure:
    return Failure("TypeError", f"'{python_type(a)}' object is not callable")


def not_subscriptable(a: AV) -> Failure:
    return Failure("TypeError", f"'{python_type(a)}' object is not subscriptable")


def not_an_index(a: AV) -> Failure:
    return Failure("TypeError", f"indices must be integers or slices, not {python_type(a)}")


def not_iterable(a: AV) -> Failure:
    return Failure("TypeError", f"'{python_type(a)}' object is not iterable")


def not_unpacked(a: AV) -> Failure:
    return Failure("TypeError", f"cannot unpack non-iterable {python_type(a)} object")


def no_attribute(name: str) -> Callable[[AV], Failure]:
    return lambda a: Failure(
        "AttributeError", f"'{python_type(a)}' object has no attribute '{name}'"
    )


def no_argument(name: str) -> Callable[[AV], Failure]:
    last = name.rsplit(".", 1)[-1]
    return lambda a: Failure("TypeError", f"{last}() does not take a '{python_type(a)}'")


TRUTH_KNOWN = frozenset({"const", "tuple", "fn", "name", "derivative", "custom", "pullback"})


def known_truth(a: AV) -> bool:
    if a.kind == "const":
        return bool(a.info)
    return bool(a.kids) if a.kind == "tuple" else True


def truth(f: Frame, a: AV, of: Callable[[AV], Operand]) -> Operand:
    """Python's truth of a sum; where it follows from the tag alone, a branch narrows the value."""
    if a.kind == "boxed":
        return of(boxes.opened(f, a))
    if all(k.kind in TRUTH_KNOWN for k in a.kids):
        return tested(f, a, known_truth)
    failure = Failure("TypeError", "a value has no truth")
    return dispatch(f, a, lambda k: number(of(k)), lambda k: failure).leaves[0]
