"""NumPy's and SciPy's functions of numbers, which work on arrays by elements.

A row names the parameters, and what an element goes through: a program of `prelude/scalars.py`, or
an operator.  Names that are one op stand in `names.PURE` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...ir.types import C128
from ..prelude import scalars
from . import calls, ndarray, records, views
from .arguments import Given, Made, needed
from .shapes import nonzero
from .values import AV, static, static_value

if TYPE_CHECKING:
    from .frame import Frame

Function = Callable[..., Any] | str


def applied(f: Frame, function: Function, args: list[AV]) -> AV:
    """A function of numbers, of arrays by elements."""
    fn = AV("name", function) if isinstance(function, str) else records.function(f, function)
    if all(a.kind == "num" for a in args):
        return calls.call(f, fn, args, {})
    return ndarray.elementwise(f, fn, args)


def by_elements(name: str, parameters: str, function: Function) -> Made:
    def make(f: Frame, given: Given) -> AV:
        return applied(f, function, needed(f, name, given, *parameters.split()))

    return make


def is_none(a: AV | None) -> bool:
    return a is None or (a.kind == "const" and a.info is None)


def where(f: Frame, given: Given) -> AV:
    (condition,) = needed(f, "numpy.where", given, "condition")
    if "x" not in given and "y" not in given:
        return nonzero(f, {"a": condition})
    return applied(f, scalars.where, [condition, *needed(f, "numpy.where", given, "x", "y")])


def clip(f: Frame, given: Given) -> AV:
    """Between two bounds, of which each may be missing, or be called as NumPy 2 has it."""
    (a,) = needed(f, "clip", given, "a")
    low, high = (given.get(f"a_{n}", given.get(n)) for n in ("min", "max"))
    if is_none(low) or is_none(high):
        function = scalars.minimum if is_none(low) else scalars.maximum
        bound = high if is_none(low) else low
        if bound is None or is_none(bound):
            return applied(f, "operator.pos", [a])
        return applied(f, function, [a, bound])
    assert low is not None and high is not None
    return applied(f, scalars.clip, [a, low, high])


def rounded(f: Frame, given: Given) -> AV:
    """To so many decimals, as NumPy has it: x * 10**decimals to a whole number, and back."""
    (a,) = needed(f, "round", given, "a")
    decimals = static_value(given.get("decimals") or static(0))
    if decimals == 0:
        return applied(f, scalars.whole, [a])
    return applied(f, scalars.rounded, [a, static(10.0 ** abs(decimals)), static(decimals > 0)])


def conjugate(f: Frame, given: Given) -> AV:
    """The method `conj`: real numbers are their own."""
    a = given["x"]
    if a.kind == "num" or views.element_type(f, a) == C128:
        return applied(f, scalars.conjugate, [a])
    return a


def nan_to_num(f: Frame, given: Given) -> AV:
    (x,) = needed(f, "numpy.nan_to_num", given, "x")
    usual = {"nan": 0.0, "posinf": scalars.LARGEST, "neginf": -scalars.LARGEST}
    instead = [value_or(given.get(n), usual[n]) for n in usual]
    return applied(f, scalars.nan_to_num, [x, *instead])


def value_or(a: AV | None, usual: float) -> AV:
    return static(usual) if a is None or is_none(a) else a


def isclose(f: Frame, given: Given) -> AV:
    a, b = needed(f, "numpy.isclose", given, "a", "b")
    rtol, atol = (given.get(n) or static(v) for n, v in (("rtol", 1e-5), ("atol", 1e-8)))
    nan = given.get("equal_nan") or static(False)
    return applied(f, scalars.isclose, [a, b, rtol, atol, nan])


# fmt: off
BY_ELEMENTS: dict[str, tuple[str, Function]] = {
    "maximum":       ("x1 x2", scalars.maximum),
    "minimum":       ("x1 x2", scalars.minimum),
    "fmax":          ("x1 x2", scalars.fmax),
    "fmin":          ("x1 x2", scalars.fmin),
    "square":        ("x", scalars.square),
    "reciprocal":    ("x", scalars.reciprocal),
    "negative":      ("x", "operator.neg"),
    "positive":      ("x", "operator.pos"),
    "add":           ("x1 x2", "operator.add"),
    "subtract":      ("x1 x2", "operator.sub"),
    "multiply":      ("x1 x2", "operator.mul"),
    "divide":        ("x1 x2", "operator.truediv"),
    "true_divide":   ("x1 x2", "operator.truediv"),
    "floor_divide":  ("x1 x2", "operator.floordiv"),
    "mod":           ("x1 x2", "operator.mod"),
    "remainder":     ("x1 x2", "operator.mod"),
    "float_power":   ("x1 x2", scalars.float_power),
    "heaviside":     ("x1 x2", scalars.heaviside),
    "logaddexp":     ("x1 x2", scalars.logaddexp),
    "sinc":          ("x", scalars.sinc),
    "signbit":       ("x", scalars.signbit),
    "conj":          ("x", scalars.conjugate),
    "conjugate":     ("x", scalars.conjugate),
    "imag":          ("val", scalars.imaginary_part),
    "angle":         ("z", scalars.angle),
    "greater":       ("x1 x2", "operator.gt"),
    "greater_equal": ("x1 x2", "operator.ge"),
    "less":          ("x1 x2", "operator.lt"),
    "less_equal":    ("x1 x2", "operator.le"),
    "equal":         ("x1 x2", "operator.eq"),
    "not_equal":     ("x1 x2", "operator.ne"),
    "logical_and":   ("x1 x2", scalars.logical_and),
    "logical_or":    ("x1 x2", scalars.logical_or),
    "logical_xor":   ("x1 x2", scalars.logical_xor),
    "logical_not":   ("x", scalars.logical_not),
    "bitwise_and":   ("x1 x2", "operator.and_"),
    "bitwise_or":    ("x1 x2", "operator.or_"),
    "bitwise_xor":   ("x1 x2", "operator.xor"),
    "invert":        ("x", "operator.invert"),
}
SPECIAL: dict[str, tuple[str, Function]] = {
    "expit":         ("x", scalars.expit),
    "log_expit":     ("x", scalars.log_expit),
    "logit":         ("x", scalars.logit),
    "xlogy":         ("x y", scalars.xlogy),
    "xlog1py":       ("x y", scalars.xlog1py),
    "entr":          ("x", scalars.entr),
    "rel_entr":      ("x y", scalars.rel_entr),
    "betaln":        ("a b", scalars.betaln),
    "ndtr":          ("x", scalars.ndtr),
}
# by elements, too, but with arguments that may be missing
OWN: dict[str, tuple[str, Made]] = {
    "where":         ("condition x y", where),
    "clip":          ("a a_min a_max * min max", clip),
    "round":         ("a decimals", rounded),
    "around":        ("a decimals", rounded),
    "nan_to_num":    ("x * nan posinf neginf", nan_to_num),
    "isclose":       ("a b rtol atol equal_nan", isclose),
}
# fmt: on
ROWS: dict[str, tuple[str, Made]] = {
    **{f"numpy.{n}": row for n, row in OWN.items()},
    **{
        f"{module}.{n}": (parameters, by_elements(f"{module}.{n}", parameters, function))
        for module, rows in (("numpy", BY_ELEMENTS), ("scipy.special", SPECIAL))
        for n, (parameters, function) in rows.items()
    },
    "ndarray.clip": ("a min max", clip),
    "ndarray.round": ("a decimals", rounded),
    "ndarray.conj": ("x", conjugate),
    "ndarray.conjugate": ("x", conjugate),
}
