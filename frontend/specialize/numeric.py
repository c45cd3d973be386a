"""NumPy's functions on whole arrays, and the methods of arrays: their names and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...ir.types import BOOL, F64
from ..prelude import elements
from . import calls, creation, ndarray, operators, records, reductions, shapes, views
from .arguments import Given, Made, array, bound, needed
from .values import AV
from .views import ONE, Along

if TYPE_CHECKING:
    from .frame import Frame


def dot(f: Frame, given: Given) -> AV:
    a, b = needed(f, "numpy.dot", given, "a", "b")
    return product(f, a, b)


def product(f: Frame, a: AV, b: AV) -> AV:
    """`a @ b` of one or two axes each."""
    if "num" in (a.kind, b.kind):
        return operators.binary(f, "mul", a, b)
    a, b = array(f, a), array(f, b)
    v, w = views.view_of(f, a), views.view_of(f, b)
    m, n = len(v.axes), len(w.axes)
    if max(m, n) > 2:
        raise f.error(
            "E01",
            f"a matrix product of arrays of {m} and {n} axes",
            "it is of vectors and matrices so far",
            "write a loop over the first axis",
        )
    inner, other = views.extent(f, v, m - 1), views.extent(f, w, 0)
    f.check(f.scalar("eq", (inner, other), BOOL), "ValueError", MISMATCH)
    if m == n == 1:
        return ndarray.run(f, elements.dot, a, b)
    rows = [views.extent(f, v, 0)] if m == 2 else []
    shape = rows + ([views.extent(f, w, 1)] if n == 2 else [])
    out = ndarray.owned(f, ndarray.zeros(f, shape, F64))
    if m == 1:
        a, b = views.packed(f, w._replace(axes=w.axes[::-1])), a
    if m == n == 2:
        ndarray.run(f, elements.matrix_matrix, out, a, b)
    else:
        ndarray.run(f, elements.matrix_vector, out, a, b)
    return ndarray.filled(f, out)


MISMATCH = "matmul: the inner lengths of the operands differ"


def outer(f: Frame, given: Given) -> AV:
    a, b = needed(f, "numpy.outer", given, "a", "b")
    v = views.view_of(f, array(f, a))
    column = views.packed(f, v._replace(axes=(*v.axes, Along(None, length=ONE))))
    return operators.binary(f, "mul", column, array(f, b))


def fill(f: Frame, given: Given) -> AV:
    a, value = needed(f, "fill", given, "a", "value")
    ndarray.assign(f, views.view_of(f, a), value)
    return AV("const", None)


def by_elements(name: str, function: Callable[..., Any], *wanted: str) -> Made:
    def make(f: Frame, given: Given) -> AV:
        args = needed(f, name, given, *wanted)
        fn = records.function(f, function)
        if all(a.kind == "num" for a in args):
            return calls.call(f, fn, args, {})
        return ndarray.elementwise(f, fn, args)

    return make


_SUM = reductions.folding("sum", "operator.add", 0.0)
_PROD = reductions.folding("prod", "operator.mul", 1.0)
_MAX = reductions.folding("max", elements.maximum, None)
_MIN = reductions.folding("min", elements.minimum, None)

# fmt: off
FUNCTIONS: dict[str, tuple[str, Made]] = {
    "numpy.zeros":      ("shape dtype", creation.made_of_shape("numpy.zeros", None)),
    "numpy.empty":      ("shape dtype", creation.made_of_shape("numpy.empty", None)),
    "numpy.ones":       ("shape dtype", creation.made_of_shape("numpy.ones", 1.0)),
    "numpy.full":       ("shape fill_value dtype", creation.made_of_shape("numpy.full", None)),
    "numpy.zeros_like": ("a dtype", creation.made_like("numpy.zeros_like", None)),
    "numpy.empty_like": ("a dtype", creation.made_like("numpy.empty_like", None)),
    "numpy.ones_like":  ("a dtype", creation.made_like("numpy.ones_like", 1.0)),
    "numpy.full_like":  ("a fill_value dtype", creation.made_like("numpy.full_like", None)),
    "numpy.array":      ("object dtype", creation.array_),
    "numpy.asarray":    ("a dtype", creation.asarray),
    "numpy.copy":       ("a", creation.copy),
    "numpy.arange":     ("start stop step dtype", creation.arange),
    "numpy.linspace":   ("start stop num", creation.linspace),
    "numpy.eye":        ("N M * dtype", creation.eye),
    "numpy.identity":   ("N", creation.eye),
    "numpy.sum":        ("a axis * keepdims", _SUM),
    "numpy.prod":       ("a axis * keepdims", _PROD),
    "numpy.max":        ("a axis * keepdims", _MAX),
    "numpy.min":        ("a axis * keepdims", _MIN),
    "numpy.amax":       ("a axis * keepdims", _MAX),
    "numpy.amin":       ("a axis * keepdims", _MIN),
    "numpy.mean":       ("a axis * keepdims", reductions.mean),
    "numpy.argmax":     ("a", reductions.place("numpy.argmax", elements.first_larger)),
    "numpy.argmin":     ("a", reductions.place("numpy.argmin", elements.first_smaller)),
    "numpy.cumsum":     ("a axis", reductions.running("numpy.cumsum", "operator.add")),
    "numpy.cumprod":    ("a axis", reductions.running("numpy.cumprod", "operator.mul")),
    "numpy.dot":        ("a b", dot),
    "numpy.matmul":     ("a b", dot),
    "numpy.outer":      ("a b", outer),
    "numpy.transpose":  ("a axes", shapes.transpose),
    "numpy.maximum":    ("x1 x2", by_elements("numpy.maximum", elements.maximum, "x1", "x2")),
    "numpy.minimum":    ("x1 x2", by_elements("numpy.minimum", elements.minimum, "x1", "x2")),
    "numpy.where":      ("condition x y",
                         by_elements("numpy.where", elements.where, "condition", "x", "y")),
    "numpy.clip":       ("a a_min a_max",
                         by_elements("numpy.clip", elements.clip, "a", "a_min", "a_max")),
    "numpy.square":     ("x", by_elements("numpy.square", elements.square, "x")),
    "numpy.reciprocal": ("x", by_elements("numpy.reciprocal", elements.reciprocal, "x")),
    "numpy.reshape":    ("a shape", shapes.reshape),
    "numpy.ravel":      ("a", shapes.ravel),
    "numpy.nonzero":    ("a", shapes.nonzero),
    "numpy.ndim":       ("a", shapes.ndim),
    "numpy.shape":      ("a", shapes.shape),
    "numpy.size":       ("a", shapes.size),
    "ndarray.reshape":  ("a shape", shapes.reshape),
    "ndarray.ravel":    ("a", shapes.ravel),
    "ndarray.flatten":  ("a", shapes.flatten),
    "ndarray.copy":     ("a", creation.copy),
    "ndarray.astype":   ("a dtype", creation.astype),
    "ndarray.fill":     ("a value", fill),
    "ndarray.sum":      ("a axis keepdims", _SUM),
    "ndarray.prod":     ("a axis keepdims", _PROD),
    "ndarray.max":      ("a axis keepdims", _MAX),
    "ndarray.min":      ("a axis keepdims", _MIN),
    "ndarray.mean":     ("a axis keepdims", reductions.mean),
    "ndarray.argmax":   ("a", reductions.place("argmax", elements.first_larger)),
    "ndarray.argmin":   ("a", reductions.place("argmin", elements.first_smaller)),
    "ndarray.cumsum":   ("a axis", reductions.running("cumsum", "operator.add")),
    "ndarray.cumprod":  ("a axis", reductions.running("cumprod", "operator.mul")),
    "ndarray.dot":      ("a b", dot),
    "ndarray.transpose": ("a axes", shapes.transpose),
}
# fmt: on


READERS = frozenset(
    f"{home}.{n}" for home in ("numpy", "ndarray") for n in ("sum", "prod", "mean")
) | {n for n, (_, make) in FUNCTIONS.items() if make.__qualname__.startswith("by_elements")}


def call(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """The call of one of NumPy's functions, or of an array's methods."""
    parameters, make = FUNCTIONS[name]
    if name in ("ndarray.reshape", "ndarray.transpose") and len(args) > 2:  # x.reshape(2, 3)
        args = [args[0], AV("tuple", None, tuple(args[1:]))]
    return make(f, bound(f, name, parameters, args, kw))
