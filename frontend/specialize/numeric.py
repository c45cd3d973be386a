"""NumPy's functions on whole arrays, and the methods of arrays: their names and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...ir.types import BOOL, DTYPES, NARROW, Scalar, wide
from .. import names
from ..prelude import elements
from . import calls, creation, narrow, ndarray, operators, records, reductions, shapes, views
from .arguments import Given, Made, array, bound, needed
from .values import AV, static
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
    elem = narrow.both(views.element_type(f, a), views.element_type(f, b))
    a, b = whole(f, a), whole(f, b)
    inner, other = views.extent(f, v, m - 1), views.extent(f, w, 0)
    f.check(f.scalar("eq", (inner, other), BOOL), "ValueError", MISMATCH)
    if m == n == 1:
        out = ndarray.run(f, elements.dot, a, b, zero(elem))
        return narrow.as_type(f, out, elem)
    rows = [views.extent(f, v, 0)] if m == 2 else []
    shape = rows + ([views.extent(f, w, 1)] if n == 2 else [])
    out = ndarray.owned(f, ndarray.zeros(f, shape, wide(elem)))
    if m == 1:
        a, b = views.packed(f, w._replace(axes=w.axes[::-1])), a
    if m == n == 2:
        ndarray.run(f, elements.matrix_matrix, out, a, b)
    else:
        ndarray.run(f, elements.matrix_vector, out, a, b, zero(elem))
    return narrow.as_type(f, ndarray.filled(f, out), elem)


def whole(f: Frame, a: AV) -> AV:
    """An array whose elements are read often: one of a narrow type is copied, to be wide."""
    elem = views.element_type(f, a)
    return ndarray.array_of(f, a, wide(elem)) if elem in NARROW else a


def zero(elem: Scalar) -> AV:
    return static({"b": False, "f": 0.0}.get(DTYPES[elem].kind, 0))


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


def by_elements(name: str, parameters: str, function: Callable[..., Any] | str) -> Made:
    """A function of numbers, of arrays by elements: a program of the prelude, or an operator."""

    def make(f: Frame, given: Given) -> AV:
        args = needed(f, name, given, *parameters.split())
        fn = AV("name", function) if isinstance(function, str) else records.function(f, function)
        if all(a.kind == "num" for a in args):
            return calls.call(f, fn, args, {})
        return ndarray.elementwise(f, fn, args)

    return make


# fmt: off
BY_ELEMENTS: dict[str, tuple[str, Callable[..., Any] | str]] = {
    "maximum":     ("x1 x2", elements.maximum),
    "minimum":     ("x1 x2", elements.minimum),
    "where":       ("condition x y", elements.where),
    "clip":        ("a a_min a_max", elements.clip),
    "square":      ("x", elements.square),
    "reciprocal":  ("x", elements.reciprocal),
    "negative":    ("x", "operator.neg"),
    "add":         ("x1 x2", "operator.add"),
    "subtract":    ("x1 x2", "operator.sub"),
    "multiply":    ("x1 x2", "operator.mul"),
    "divide":      ("x1 x2", "operator.truediv"),
    "true_divide": ("x1 x2", "operator.truediv"),
}
MAKING: dict[str, tuple[str, Made]] = {
    "zeros":      ("shape dtype", creation.made_of_shape("numpy.zeros", None)),
    "empty":      ("shape dtype", creation.made_of_shape("numpy.empty", None)),
    "ones":       ("shape dtype", creation.made_of_shape("numpy.ones", 1.0)),
    "full":       ("shape fill_value dtype", creation.made_of_shape("numpy.full", None)),
    "zeros_like": ("a dtype", creation.made_like("numpy.zeros_like", None)),
    "empty_like": ("a dtype", creation.made_like("numpy.empty_like", None)),
    "ones_like":  ("a dtype", creation.made_like("numpy.ones_like", 1.0)),
    "full_like":  ("a fill_value dtype", creation.made_like("numpy.full_like", None)),
    "array":      ("object dtype", creation.array_),
    "asarray":    ("a dtype", creation.asarray),
    "arange":     ("start stop step dtype", creation.arange),
    "linspace":   ("start stop num", creation.linspace),
    "eye":        ("N M * dtype", creation.eye),
    "identity":   ("N", creation.eye),
    "matmul":     ("a b", dot),
    "outer":      ("a b", outer),
    "nonzero":    ("a", shapes.nonzero),
    "ndim":       ("a", shapes.ndim),
    "shape":      ("a", shapes.shape),
    "size":       ("a", shapes.size),
    "amax":       ("a axis * keepdims", reductions.folding("numpy.amax", elements.maximum, None)),
    "amin":       ("a axis * keepdims", reductions.folding("numpy.amin", elements.minimum, None)),
}
# functions that arrays have as methods, too
SHARED: dict[str, tuple[str, Made]] = {
    "sum":        ("a axis * keepdims", reductions.folding("numpy.sum", "operator.add", 0.0)),
    "prod":       ("a axis * keepdims", reductions.folding("numpy.prod", "operator.mul", 1.0)),
    "max":        ("a axis * keepdims", reductions.folding("numpy.max", elements.maximum, None)),
    "min":        ("a axis * keepdims", reductions.folding("numpy.min", elements.minimum, None)),
    "mean":       ("a axis * keepdims", reductions.mean),
    "argmax":     ("a", reductions.place("numpy.argmax", "operator.gt")),
    "argmin":     ("a", reductions.place("numpy.argmin", "operator.lt")),
    "cumsum":     ("a axis", reductions.running("numpy.cumsum", "operator.add")),
    "cumprod":    ("a axis", reductions.running("numpy.cumprod", "operator.mul")),
    "dot":        ("a b", dot),
    "transpose":  ("a axes", shapes.transpose),
    "reshape":    ("a shape", shapes.reshape),
    "ravel":      ("a", shapes.ravel),
    "copy":       ("a", creation.copy),
}
METHODS: dict[str, tuple[str, Made]] = {
    "astype":     ("a dtype", creation.astype),
    "fill":       ("a value", fill),
    "flatten":    ("a", shapes.flatten),
}
# fmt: on
FUNCTIONS: dict[str, tuple[str, Made]] = {
    **{f"numpy.{n}": row for n, row in (MAKING | SHARED).items()},
    **{f"ndarray.{n}": row for n, row in (METHODS | SHARED).items()},
    "numpy.lib.stride_tricks.as_strided": ("x shape strides", shapes.as_strided),
    **{
        f"numpy.{n}": (parameters, by_elements(f"numpy.{n}", parameters, function))
        for n, (parameters, function) in BY_ELEMENTS.items()
    },
}
IN_PLACE = frozenset({"ndarray.fill"})
# what reads each element of its arguments once
READERS = frozenset(
    [f"{home}.{n}" for home in ("numpy", "ndarray") for n in ("sum", "prod", "mean")]
    + [f"numpy.{n}" for n in BY_ELEMENTS]
)


def call(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """The call of one of NumPy's functions, or of an array's methods."""
    parameters, make = FUNCTIONS[name]
    if name in ("ndarray.reshape", "ndarray.transpose") and len(args) > 2:  # x.reshape(2, 3)
        args = [args[0], AV("tuple", None, tuple(args[1:]))]
    return make(f, bound(f, name, parameters, args, kw))


assert names.ARRAYS == FUNCTIONS.keys(), "a spelling without its code"
