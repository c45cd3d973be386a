"""NumPy's functions on whole arrays, and the methods of arrays: their names and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ir.types import BOOL
from .. import names
from ..prelude import elements
from . import creation, ndarray, products, reductions, shapes, ufuncs, views
from .arguments import Given, Made, bound, needed
from .values import AV

if TYPE_CHECKING:
    from .frame import Frame


def fill(f: Frame, given: Given) -> AV:
    a, value = needed(f, "fill", given, "a", "value")
    ndarray.assign(f, views.view_of(f, a), value)
    return AV("const", None)


# fmt: off
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
    "linspace":   ("start stop num endpoint", creation.linspace),
    "eye":        ("N M k dtype", creation.eye),
    "identity":   ("N dtype", creation.eye),
    "matmul":     ("x1 x2", products.matmul),
    "inner":      ("a b", products.inner),
    "outer":      ("a b", products.outer),
    "tensordot":  ("a b axes", products.tensordot),
    "nonzero":    ("a", shapes.nonzero),
    "ndim":       ("a", shapes.ndim),
    "shape":      ("a", shapes.shape),
    "size":       ("a", shapes.size),
    "amax":       ("a axis * keepdims", reductions.maximum),
    "amin":       ("a axis * keepdims", reductions.minimum),
    "moveaxis":   ("a source destination", shapes.moveaxis),
    "expand_dims": ("a axis", shapes.expand_dims),
    "broadcast_to": ("array shape", shapes.broadcast_to),
    "real":       ("val", shapes.real),
    "iscomplexobj": ("x", shapes.is_of_complex(True)),
    "isrealobj":  ("x", shapes.is_of_complex(False)),
}
# functions that arrays have as methods, too
SHARED: dict[str, tuple[str, Made]] = {
    "sum":        ("a axis * keepdims", reductions.folding("numpy.sum", "operator.add", 0.0)),
    "prod":       ("a axis * keepdims", reductions.folding("numpy.prod", "operator.mul", 1.0)),
    "max":        ("a axis * keepdims", reductions.maximum),
    "min":        ("a axis * keepdims", reductions.minimum),
    "any":        ("a axis * keepdims", reductions.each("any", elements.some, BOOL)),
    "all":        ("a axis * keepdims", reductions.each("all", elements.every, BOOL)),
    "mean":       ("a axis * keepdims", reductions.mean),
    "argmax":     ("a axis * keepdims", reductions.argmax),
    "argmin":     ("a axis * keepdims", reductions.argmin),
    "cumsum":     ("a axis", reductions.running("numpy.cumsum", "operator.add")),
    "cumprod":    ("a axis", reductions.running("numpy.cumprod", "operator.mul")),
    "dot":        ("a b", products.dot),
    "transpose":  ("a axes", shapes.transpose),
    "reshape":    ("a shape", shapes.reshape),
    "ravel":      ("a", shapes.ravel),
    "squeeze":    ("a axis", shapes.squeeze),
    "swapaxes":   ("a axis1 axis2", shapes.swapaxes),
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
    "numpy.linalg.norm": ("x ord axis keepdims", reductions.norm),
    "numpy.lib.stride_tricks.as_strided": ("x shape strides", shapes.as_strided),
    **ufuncs.ROWS,
}
VARIADIC = {"numpy.einsum": products.einsum}
IN_PLACE = frozenset({"ndarray.fill", "ndarray.sort"})
# what reads each element of its arguments once
READERS = frozenset(
    f"{home}.{n}" for home in ("numpy", "ndarray") for n in "sum prod mean max min any all".split()
) | frozenset({"numpy.amax", "numpy.amin", *ufuncs.ROWS})


def call(f: Frame, name: str, args: list[AV], kw: dict[str, AV]) -> AV:
    """The call of one of NumPy's functions, or of an array's methods."""
    if name in VARIADIC:
        return VARIADIC[name](f, args, kw)
    parameters, make = FUNCTIONS[name]
    if name in ("ndarray.reshape", "ndarray.transpose") and len(args) > 2:  # x.reshape(2, 3)
        args = [args[0], AV("tuple", None, tuple(args[1:]))]
    return make(f, bound(f, name, parameters, args, kw))


assert names.ARRAYS == FUNCTIONS.keys() | VARIADIC.keys(), "a spelling without its code"
