"""Abstract values: what `specialize` knows of a Python value, and their types.

An abstract value (`AV`) has a kind, what the kind needs to know, kids, and SSA leaves:

    kind        info                          kids               leaves
    num         NumPy's type of it, or None                      the number; a Literal is static
    const       None, a string, a dtype
    tuple list                                the elements
    record      its class                     the fields
    dict        its keys                      the values
    class       the class
    partial     names of keywords             the function, arguments (a bound method, too)
    array       None (of a cotangent, the type     the array
                that Python sees, where another)
    pending     type of its elements             function, operands  its shape (see `pending`)
    vector      type of its elements                                its length, buffers
    view        its form (see `views`)            the root           indices, starts, counts, steps
    fn          Label                         captures, defaults
    name        "math.sin"                                       (a function without source)
    derivative  Word                          the function
    pullback    Pull                                             box<@f.pullback>
    cell        its id in the store
    range                                     lo, hi, step
    maybe                                     the value          whether it is bound
    sum                                           the alternatives   which of them it is
    boxed       head of what it holds         cells it reaches       box<@record>
    boxed       ("ct", head): its cotangent                          the box, and box<@record.ct>
    leaf                                                         one, as it is
    undef unbound

The type of an abstract value (`T`) is the same tree with types for leaves; a static number is a
type of its own.  Types are keys: of instances, and of what loops carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...ir.core import UNBOUND, UNDEF, Literal, Operand, literal
from ...ir.types import BOOL, C128, F64, I64, NARROW, Array, Box, Scalar, Type, cotangent_type
from ..classes import field_names, is_enum


class T(NamedTuple):
    """The type of an abstract value."""

    kind: str
    info: Any = None
    kids: tuple[T, ...] = ()
    leaves: tuple[Type, ...] = ()


class AV:
    """An abstract value; immutable by convention."""

    __slots__ = ("kind", "info", "kids", "leaves")

    def __init__(
        self,
        kind: str,
        info: Any = None,
        kids: tuple[AV, ...] = (),
        leaves: tuple[Operand, ...] = (),
    ) -> None:
        self.kind, self.info, self.kids, self.leaves = kind, info, kids, leaves

    def __repr__(self) -> str:
        return f"{self.kind}({self.info!r}, {self.kids!r}, {self.leaves!r})"


class Label(NamedTuple):
    """A function with source; its kids are `captures` captures, then defaults."""

    fn: str
    captures: int = 0


class Word(NamedTuple):
    """What a derivative value does to its function: grad, vjp, jvp, ..., or vmap."""

    word: str
    argnums: int | str | tuple[int | str, ...] | None = 0
    has_aux: bool = False
    given: int | None = None  # arguments by place of a vjp without argnums; all where None
    axes: tuple[Any, ...] = ()  # of a vmap: in_axes, out_axes


class Pull(NamedTuple):
    """What a pullback takes and gives: a cotangent of `primal`, of the first of the results.

    `rest` are the cotangent types of what the function gives beside `primal`; those are zero.
    """

    record: str
    primal: T
    rest: tuple[Type, ...]
    results: T
    spread: bool = False  # a pushforward: the parts of the one tuple are its arguments


UNDEFINED = AV("undef")
UNBOUND_AV = AV("unbound")
NOTHING = AV("const", None)
NONE_T = T("const", None)
I64_T = T("num", None, (), (I64,))
F64_T = T("num", None, (), (F64,))
C128_T = T("num", None, (), (C128,))
FLOATS_T: dict[Type, T] = {F64: F64_T, C128: C128_T}
STRUCTURES = frozenset({"tuple", "list", "record", "dict"})  # fixed numbers of parts
HOLDERS = frozenset(
    {"record", "list", "dict", "array", "vector"}
)  # kinds whose values may be cells
ORDER = (BOOL, I64, F64, C128)  # of the numbers: a join is the later one


def number(operand: Operand) -> AV:
    return AV("num", None, (), (operand,))


def true_or_false(value: bool) -> AV:
    return AV("num", None, (), (Literal(value, BOOL),))


def static(value: Any) -> AV:
    """The abstract value of a Python value known now: number, None, string, tuple of those."""
    if value is UNDEF:
        return UNDEFINED
    if value is UNBOUND:
        return UNBOUND_AV
    if isinstance(value, tuple):
        return AV("tuple", None, tuple([static(v) for v in value]))
    if isinstance(value, (bool, int, float, complex)):
        return AV("num", None, (), (literal(value),))
    return AV("const", value)


def typ(a: AV) -> T:
    """The type of an abstract value."""
    kids = tuple([typ(k) for k in a.kids]) if a.kids else ()
    if a.kind == "num":
        x = a.leaves[0]
        if isinstance(x, Literal) and a.info is None:
            return T("num", x)
        return T("num", a.info, (), (x.type,))
    return T(a.kind, a.info, kids, tuple([v.type for v in a.leaves]))


def scalar_of(t: T) -> Type:
    """The type in the IR of a number."""
    kind: Type = t.info.type if isinstance(t.info, Literal) else t.leaves[0]
    return kind


def leaves_of(a: AV) -> list[Operand]:
    """The leaves of a value as its own type counts them: static numbers have none."""
    if a.kind == "num" and isinstance(a.leaves[0], Literal) and a.info is None:
        return []
    if not a.kids:
        return list(a.leaves)
    out = list(a.leaves)
    for k in a.kids:
        out += leaves_of(k)
    return out


def leaf_types(t: T) -> list[Type]:
    if not t.kids:
        return list(t.leaves)
    out = list(t.leaves)
    for k in t.kids:
        out += leaf_types(k)
    return out


def build(t: T, leaves: Iterator[Operand]) -> AV:
    """A value of type t from its leaves."""
    if t.kind == "num" and isinstance(t.info, Literal):
        return AV("num", None, (), (t.info,))
    own = tuple([next(leaves) for _ in t.leaves])
    return AV(t.kind, t.info, tuple([build(k, leaves) for k in t.kids]), own)


def named_leaves(t: T, name: str) -> list[str]:
    """Names of the leaves of a value called `name`, by path: `t.0`, `t.1.0`."""
    if not t.kids:
        return [name] * len(t.leaves)
    if t.kind == "maybe":
        return [f"{name}.bound", *named_leaves(t.kids[0], name)]
    if t.kind == "sum":
        single = sum(bool(leaf_types(k)) for k in t.kids) == 1
        out = [f"{name}.tag" if name else ""]
        for n, k in enumerate(t.kids):
            out += named_leaves(k, name if single or not name else f"{name}.{n}")
        return out
    out = [name] * len(t.leaves)
    for part, kid in zip(part_names(t), t.kids, strict=True):
        out += named_leaves(kid, f"{name}.{part}" if name else "")
    return out


def part_names(t: T | AV) -> list[str]:
    """What the kids of a value are called: the fields of a record, else their places."""
    if t.kind == "record":
        return list(field_names(t.info))
    if t.kind == "dict":
        return [
            k if isinstance(k, str) and k.isidentifier() else str(n) for n, k in enumerate(t.info)
        ]
    return [str(k) for k in range(len(t.kids))]


def dynamic(t: T) -> T:
    """Numbers stop being static: what a loop carries, a cell holds, or a joined key has."""
    if t.kind == "num":
        return T("num", None, (), (t.info.type,)) if isinstance(t.info, Literal) else t
    if t.kind in STRUCTURES or t.kind in ("maybe", "sum"):
        return T(t.kind, t.info, tuple([dynamic(k) for k in t.kids]), t.leaves)
    return t


def all_dynamic(t: T) -> T:
    """As `dynamic`, within captures, too."""
    if t.kind == "num":
        return dynamic(t)
    return T(t.kind, t.info, tuple([all_dynamic(k) for k in t.kids]), t.leaves) if t.kids else t


def floats_dynamic(t: T) -> T:
    """Static floats become dynamic: they are no part of an instance's key, nor of its result."""
    if t.kind == "num":
        return FLOATS_T.get(t.info.type, t) if isinstance(t.info, Literal) else t
    return T(t.kind, t.info, tuple([floats_dynamic(k) for k in t.kids]), t.leaves) if t.kids else t


def cells_in(t: T | AV) -> Iterator[Any]:
    """Cells that a value or a type refers to, in order."""
    if t.kind == "cell":
        yield t.info
    for k in t.kids:
        yield from cells_in(k)


def renamed(a: AV, cells: Mapping[Any, Any]) -> AV:
    """A value with other cells for those in `cells`."""
    if a.kind == "cell":
        return AV("cell", cells.get(a.info, a.info))
    if not a.kids or not cells:
        return a
    return AV(a.kind, a.info, tuple([renamed(k, cells) for k in a.kids]), a.leaves)


def same(a: AV, b: AV) -> bool:
    """Whether two values are certainly one: same structure, identical leaves."""
    if a is b:
        return True
    if typ(a) != typ(b):
        return False
    return all(
        x is y or (isinstance(x, Literal) and x == y)
        for x, y in zip(leaves_of(a), leaves_of(b), strict=True)
    )


def static_value(a: AV) -> Any:
    """The Python value of a static; `Unknown` where it is not static."""
    if a.kind == "num" and isinstance(a.leaves[0], Literal):
        return a.leaves[0].value
    if a.kind == "const":
        return a.info
    if a.kind == "tuple":
        return tuple([static_value(k) for k in a.kids])
    raise Unknown


class Dead(Exception):
    """This path does not go on: it raised, or it waits for the result of a recursion."""


class Mutated(Exception):
    """A class (or list, or dict) that was taken for constant is written."""

    def __init__(self, cls: type) -> None:
        super().__init__(cls.__name__)
        self.cls = cls


class Narrowed(Exception):
    """A program that was specialised without arrays of narrow types has one."""


class Viewed(Exception):
    """A view leaves the program, or is differentiated: then it has to be an array of its own."""


class Unknown(Exception):
    """A value is wanted now that is known at run time only."""


def is_static(a: AV) -> bool:
    if a.kind == "num":
        return isinstance(a.leaves[0], Literal)
    return a.kind == "const" or (a.kind == "tuple" and all([is_static(k) for k in a.kids]))


def cotangent(t: T) -> T:
    """The structure of a cotangent of a value of type t: None where it carries none."""
    if t.kind == "num":
        return FLOATS_T.get(scalar_of(t), NONE_T)
    if t.kind == "array":
        c = cotangent_type(t.leaves[0])
        shown = narrow_of(t.leaves[0])
        return NONE_T if c is None else T("array", shown, (), (c,))
    if t.kind in STRUCTURES:
        return T(t.kind, t.info, tuple([cotangent(k) for k in t.kids]))
    if t.kind == "vector":
        from . import slots

        inner = slots.cotangent_of(t.info)
        return NONE_T if inner is None else T("vector", inner, (), (I64, *slots.layout(inner)))
    if t.kind == "sum":
        kids = tuple([cotangent(k) for k in t.kids])
        return NONE_T if all(k == NONE_T for k in kids) else T("sum", None, kids, (I64,))
    if t.kind == "boxed" and t.info[0] == "record":
        box = t.leaves[0]
        assert isinstance(box, Box)
        return T("boxed", ("ct", t.info), (), (box, Box(box.record + ".ct")))
    if is_moved(t):
        return t
    if t.kind in ("view", "element", "inner"):
        raise Viewed
    return NONE_T


def narrow_of(t: Type) -> Scalar | None:
    """The narrow type of an array's elements, if they have one."""
    return t.elem if isinstance(t, Array) and t.elem in NARROW else None


def is_moved(t: T | AV) -> bool:
    """Whether a value is the cotangent of a boxed record."""
    return t.kind == "boxed" and t.info[0] == "ct"


SCALARS = {"bool": "a bool", "i64": "an int", "f64": "a float", "c128": "a complex number"}


def describe(t: T) -> str:
    """What a user calls a value of this type."""
    match t.kind:
        case "num":
            return SCALARS[str(scalar_of(t))]
        case "const":
            return str(t.info) if t.info is None or is_enum(t.info) else repr(t.info)
        case "tuple":
            kids = ", ".join(describe(k) for k in t.kids)
            return f"a tuple ({kids})" if len(t.kids) <= 4 else f"a tuple of {len(t.kids)}"
        case "record":
            return f"a {t.info.__name__}"
        case "list":
            return f"a list of {len(t.kids)}"
        case "vector" | "inner":
            return "a list"
        case "slot":
            return "a list" if t.info.array is None else "an array"
        case "dict":
            return f"a dict with the keys {', '.join(map(repr, t.info))}" if t.info else "a dict"
        case "class":
            return f"the class {t.info.__name__}"
        case "partial":
            return describe(t.kids[0])
        case "fstring":
            return "a string made at run time"
        case "zipped":
            return "an iterator"
        case "exception":
            return f"the exception {t.info.__name__}"
        case "array" | "view" | "pending" | "element":
            return "an array"
        case "fn":
            return f"the function {t.info.fn}"
        case "name":
            return f"the function {t.info}"
        case "derivative":
            return f"{t.info.word} of {describe(t.kids[0]).removeprefix('the function ')}"
        case "custom":
            return describe(t.kids[0])
        case "pullback":
            return "a pushforward" if t.info.spread else "a pullback"
        case "maybe":
            return f"{describe(t.kids[0])} that not every path binds"
        case "undef" | "unbound":
            return "no value"
        case "sum":
            shown = [describe(k) for k in t.kids[:4]]
            return " or ".join(shown + ["others"] * (len(t.kids) > 4))
        case "boxed" if t.info[0] == "ct":
            return f"a {t.info[1][1].__name__} of cotangents"
        case "boxed":
            name = getattr(t.info[1], "fn", None) or getattr(t.info[1], "__name__", t.info[0])
            return f"the function {name}" if t.info[0] == "fn" else f"a {name}"
        case "cell":
            return "a variable or record that changes"
    return f"a {t.kind}"
