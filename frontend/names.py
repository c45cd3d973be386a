"""The Python spelling of every op: what a name of `math`, `numpy` or the builtins means.

    PURE        name -> (opcode, how many floats it takes): one op, floats in
    OWN         name -> its own code in `specialize/builtins.py`, by key

A name is as `global` has it: "math.sin", "numpy.arcsin", "abs".
"""

from __future__ import annotations

# one op on one float, under one name in `math` and `numpy`
BOTH = (
    "sin cos tan sinh cosh tanh exp exp2 expm1 log log1p log2 log10 sqrt cbrt isnan isinf isfinite"
).split()
# numpy's own names
NUMPY = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "fabs": "abs",
    "sign": "sign", "rint": "round",
}  # fmt: skip
# numpy 2 has these, too
ARRAY_API = ("asin", "acos", "atan", "asinh", "acosh", "atanh")
MATH = ("asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma")

PURE: dict[str, tuple[str, int]] = {
    **{f"{module}.{n}": (n, 1) for module in ("math", "numpy") for n in BOTH},
    **{f"numpy.{n}": (op, 1) for n, op in NUMPY.items()},
    **{f"numpy.{n}": (n, 1) for n in ARRAY_API},
    **{f"math.{n}": (n, 1) for n in MATH},
    "math.fabs": ("abs", 1),
    "math.atan2": ("atan2", 2),
    "numpy.arctan2": ("atan2", 2),
    "numpy.atan2": ("atan2", 2),
    "math.pow": ("pow", 2),
    "math.hypot": ("hypot", 2),
    "numpy.hypot": ("hypot", 2),
    "math.copysign": ("copysign", 2),
    "numpy.copysign": ("copysign", 2),
    "math.fmod": ("fmod", 2),
    "numpy.fmod": ("fmod", 2),
}

# of an int these give an int, in some versions of NumPy
KEEP_INTS = frozenset(f"numpy.{n}" for n in ("floor", "ceil", "trunc", "sign"))

OWN: dict[str, str] = {
    **{n: n for n in "abs min max round int float bool pow divmod len range".split()},
    "numpy.abs": "abs",
    "numpy.absolute": "abs",
    "numpy.power": "numpy_pow",
    "numpy.pow": "numpy_pow",
    "numpy.float64": "float",
    "math.floor": "floor",
    "math.ceil": "ceil",
    "math.trunc": "trunc",
    "math.log": "log",
    "math.degrees": "degrees",
    "numpy.degrees": "degrees",
    "numpy.rad2deg": "degrees",
    "math.radians": "radians",
    "numpy.radians": "radians",
    "numpy.deg2rad": "radians",
}

# known to lie outside the language, with what to write instead
INSTEAD: dict[str, str] = {
    "sum": "add in a loop: `for v in x: s += v`",
    "numpy.sum": "add in a loop: `for v in x: s += v`",
    "numpy.dot": "multiply and add in a loop over the indices",
    "numpy.maximum": "write `max(a, b)` for numbers",
    "numpy.minimum": "write `min(a, b)` for numbers",
    "numpy.where": "write `a if condition else b` for numbers",
    "enumerate": "loop over `range(len(x))` and index",
    "zip": "loop over `range(len(x))` and index",
    "reversed": "loop over `range(len(x) - 1, -1, -1)` and index",
    "print": "return the value, and print it outside",
    "isinstance": "types are known when compiling: write a function for each",
    "list": "use a tuple",
    "math.factorial": "write a loop, or `math.gamma(n + 1.0)`",
    "math.fsum": "add in a loop",
}

DERIVATIVES = ("grad", "value_and_grad", "vjp", "jvp")


def instead(name: str) -> str:
    """What to write instead of a name that exists, but has no compiled form."""
    return INSTEAD.get(name, "compute it outside, or write it as a function of numbers")
