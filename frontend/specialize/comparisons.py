"""Identity, equality, membership, and the order of tuples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand
from ...ir.types import BOOL, I64
from .. import classes
from . import operators, sums
from .branches import fork
from .values import AV, Mutated, describe, number, true_or_false, typ

if TYPE_CHECKING:
    from .frame import Frame


def is_constant(value: object, a: AV) -> bool:
    return a.kind == "const" and a.info is value


def identity(f: Frame, opcode: str, a: AV, b: AV) -> AV:
    r = identical(f, a, b)
    if opcode == "is_":
        return number(r)
    other = f.scalar("not", (r,), BOOL)
    sums.negated(f, r, other)
    return number(other)


OBJECT = frozenset({"cell", "record", "list", "dict"})  # kinds of values with an identity


def identical(f: Frame, a: AV, b: AV) -> Operand:
    """Whether two values are one object: constants, classes, and records that may change."""
    a, b = a_class(a), a_class(b)
    for x, y in ((a, b), (b, a)):
        if y.kind == "const":
            return sums.tested(f, x, partial(is_constant, y.info))
    if a.kind != "sum" and b.kind == "sum":
        a, b = b, a
    if a.kind == "sum" and b.kind == "cell":
        return sums.tested(f, a, lambda kid: kid.kind == "cell" and kid.info == b.info)
    if a.kind == "sum":
        failure = sums.Failure("TypeError", "values without an identity")
        out = sums.dispatch(f, a, lambda kid: number(identical(f, kid, b)), lambda kid: failure)
        return out.leaves[0]
    if a.kind == b.kind == "num" and BOOL in (types := [v.leaves[0].type for v in (a, b)]):
        same = types == [BOOL, BOOL]  # True and False are one object each
        return equal(f, a, b) if same else Literal(False, BOOL)
    if a.kind == b.kind and a.kind in ("cell", "class", "name"):
        return Literal(a.info is b.info or a.info == b.info, BOOL)
    if a.kind in OBJECT and b.kind in OBJECT:
        return Literal(same_object(f, a, b), BOOL)
    if a.kind != b.kind and "boxed" not in (a.kind, b.kind):
        return Literal(False, BOOL)
    raise no_identity(f, a, b)


def a_class(a: AV) -> AV:
    """`float` is a function and a class."""

    from . import kinds

    known = kinds.BUILTIN.get(a.info) if a.kind == "name" else None
    return a if known is None else AV("class", known)


def same_object(f: Frame, a: AV, b: AV) -> bool:
    """Whether two records are one; those whose class was taken for constant become cells."""
    from . import records

    held = [records.contents(f, v) for v in (a, b)]
    cls, other = (records.class_of(v) for v in held)
    if cls is not other:
        return False
    if cls in f.program.mutable or (held[0].kind == "record" and classes.is_frozen(cls)):
        raise no_identity(f, a, b)
    raise Mutated(cls)


def no_identity(f: Frame, a: AV, b: AV) -> Exception:
    from . import records

    x, y = (describe(typ(records.contents(f, v))) for v in (a, b))
    return f.error(
        "E01",
        f"`is` between {x} and {y}",
        "compiled values that never change have no identity",
        "compare with `==`, or with None",
    )


def equal(f: Frame, a: AV, b: AV) -> Operand:
    """a == b as a bool."""
    from . import records

    if a.kind == "num" and b.kind == "num":
        return operators.compare(f, "eq", a.leaves[0], b.leaves[0]).leaves[0]
    if a.kind in sums.SUMS or b.kind in sums.SUMS:
        return operators.on_sum(f, "eq", a, b).leaves[0]
    a, b = records.contents(f, a), records.contents(f, b)
    if a.kind == b.kind == "record" and not classes.is_named_tuple(a.info):
        return equal_records(f, a, b)
    if "dict" in (a.kind, b.kind) and a.kind == b.kind:
        if set(a.info) != set(b.info):
            return Literal(False, BOOL)
        b = AV("tuple", None, tuple([b.kids[b.info.index(k)] for k in a.info]))
        a = AV("tuple", None, a.kids)
    if a.kind == b.kind == "list":
        a, b = (AV("tuple", None, v.kids) for v in (a, b))
    if {a.kind, b.kind} & {"vector", "inner"} and {a.kind, b.kind} <= {"vector", "inner", "list"}:
        from ..prelude import growing
        from . import ndarray

        return ndarray.run(f, growing.equal, a, b).leaves[0]
    a, b = operators.as_tuple(f, "eq", a), operators.as_tuple(f, "eq", b)
    if a.kind == "tuple" and b.kind == "tuple":
        if len(a.kids) != len(b.kids):
            return Literal(False, BOOL)
        result: Operand = Literal(True, BOOL)
        for x, y in zip(a.kids, b.kids, strict=True):
            result = both(f, result, equal(f, x, y))
        return result
    if "array" in (a.kind, b.kind):
        raise operators.refused(f, "eq", a, b)
    if a.kind == b.kind == "const":
        return Literal(a.info == b.info, BOOL)
    if a.kind == b.kind == "name":
        from . import arguments  # `float` and `np.float64` are one type of elements

        mine, other = (arguments.NAMED.get(v.info.removeprefix("numpy.")) for v in (a, b))
        return Literal(a.info == b.info or mine is not None and mine == other, BOOL)
    plain = ("num", "tuple", "const", "record", "list", "dict")
    if a.kind in plain and b.kind in plain:
        return Literal(False, BOOL)
    raise operators.refused(f, "eq", a, b)


def endless(f: Frame, a: AV) -> Exception:
    """The refusal of `==` between lists or trees."""
    error = f.error(
        "E01",
        f"`==` between {describe(typ(a))} and another, which hold their own class",
        "how deep both are is known at run time only",
        "write a function that walks both and compares their parts",
    )
    error.certain = True
    return error


def equal_records(f: Frame, a: AV, b: AV) -> Operand:
    """`==` of dataclasses: of one class and all fields equal, unless the class says otherwise."""
    from . import records

    if (own := records.operator(f, "eq", a, b)) is not None:
        return operators.truth(f, own)
    if a.info is not b.info or not classes.is_generated(a.info, "__eq__"):
        if a.info is b.info:
            raise operators.refused(f, "eq", a, b)
        return Literal(False, BOOL)
    chosen = records.compared(a.info)
    x, y = (AV("tuple", None, tuple([v.kids[k] for k in chosen])) for v in (a, b))
    return equal(f, x, y)


def both(f: Frame, x: Operand, y: Operand) -> Operand:
    for p, q in ((x, y), (y, x)):
        if isinstance(p, Literal):
            return q if p.value else p
    return f.scalar("and", (x, y), BOOL)


def equality(f: Frame, opcode: str, a: AV, b: AV) -> AV:
    r = equal(f, a, b)
    return number(r if opcode == "eq" else f.scalar("not", (r,), BOOL))


def contains(f: Frame, container: AV, item: AV) -> AV:
    if container.kind in ("list", "cell"):
        from . import records

        container = records.contents(f, container)
    if container.kind in ("vector", "inner"):
        from ..prelude import growing
        from . import ndarray

        return ndarray.run(f, growing.contains, container, item)
    if container.kind not in ("tuple", "list"):
        raise f.error(
            "E01",
            f"`in` on {describe(typ(container))}",
            "membership is known for tuples",
            "write a loop that compares, or use a tuple",
        )
    result: Operand = Literal(False, BOOL)
    for kid in container.kids:
        one = equal(f, kid, item)
        if isinstance(one, Literal):
            if one.value:
                return true_or_false(True)
        elif isinstance(result, Literal):
            result = one
        else:
            result = f.scalar("or", (result, one), BOOL)
    return number(result)


def lexicographic(f: Frame, opcode: str, a: AV, b: AV, k: int) -> AV:
    """The order of tuples: the first elements that differ decide, else the lengths."""
    if k == min(len(a.kids), len(b.kids)):
        n, m = Literal(len(a.kids), I64), Literal(len(b.kids), I64)
        return operators.compare(f, opcode, n, m)
    here = equal(f, a.kids[k], b.kids[k])
    if isinstance(here, Literal):
        if here.value:
            return lexicographic(f, opcode, a, b, k + 1)
        return operators.binary(f, opcode, a.kids[k], b.kids[k])
    out = fork(
        f,
        here,
        lambda: [lexicographic(f, opcode, a, b, k + 1)],
        lambda: [operators.binary(f, opcode, a.kids[k], b.kids[k])],
    )
    return out[0]
