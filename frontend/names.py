"""The Python spelling of every op: what a name of `math`, `numpy` or the builtins means.

    PURE        name -> (opcode, how many floats it takes): one op, floats in
    OWN         name -> its own code in `specialize/builtins.py`, by key

A name is as `global` has it: "math.sin", "numpy.arcsin", "abs".
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# one op on one float, under one name in `math` and `numpy`
BOTH = (
    "sin cos tan sinh cosh tanh exp exp2 expm1 log log1p log2 log10 sqrt cbrt isnan isinf isfinite"
).split()
# numpy's own names
NUMPY = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "fabs": "abs",
    "rint": "round",
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
    "scipy.special.erf": ("erf", 1),
    "scipy.special.erfc": ("erfc", 1),
    "scipy.special.gamma": ("gamma", 1),
    "scipy.special.gammaln": ("lgamma", 1),
    "math.copysign": ("copysign", 2),
    "numpy.copysign": ("copysign", 2),
    "math.fmod": ("fmod", 2),
    "numpy.fmod": ("fmod", 2),
}

# functions of complex numbers, by their names in `prelude/complexes.py`
COMPLEX: dict[str, str] = {
    **{
        f"{module}.{n}": n
        for module in ("numpy", "cmath")
        for n in "exp log log10 sqrt sin cos tan sinh cosh tanh isnan isinf isfinite".split()
    },
    **{f"cmath.{n}": n for n in "asin acos atan asinh acosh atanh polar rect".split()},
    **{f"numpy.{n}": n for n in (*ARRAY_API, "expm1", "log1p", "log2", "sign", "power")},
    **{f"numpy.{n}": op for n, op in NUMPY.items() if n.startswith("arc")},
    "cmath.phase": "angle",
    "abs": "absolute",
    "numpy.abs": "absolute",
    "numpy.absolute": "absolute",
    "operator.abs": "absolute",
}

# of an int these give an int, in some versions of NumPy
KEEP_INTS = frozenset(f"numpy.{n}" for n in ("floor", "ceil", "trunc"))

OWN: dict[str, str] = {
    **{n: n for n in "abs min max round int float bool complex pow divmod len range".split()},
    "numpy.complex128": "complex",
    "number.conjugate": "conjugate",
    "numpy.abs": "abs",
    "numpy.absolute": "abs",
    "numpy.power": "numpy_pow",
    "numpy.pow": "numpy_pow",
    "numpy.float64": "float",
    "numpy.sign": "sign",
    "scipy.special.psi": "digamma",
    "scipy.special.polygamma": "polygamma",
    **{f"numpy.{n}": "cast" for n in "float32 int64 int32 int16 int8 uint32 uint16 uint8".split()},
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

OPERATOR_NAMES = (
    "add sub mul truediv floordiv mod pow matmul lshift rshift and_ or_ xor lt le gt ge eq ne is_ "
    "is_not contains getitem neg pos invert not_ iadd isub imul itruediv ifloordiv imod ipow ior "
    "iand ixor ilshift irshift imatmul"
).split()
OPERATORS = {f"operator.{n}": n for n in OPERATOR_NAMES} | {
    "operator.inv": "invert", "operator.concat": "add", "operator.iconcat": "iadd",
}  # fmt: skip
# those of the module `operator` that are no operators (see `specialize/operations.py`)
OPERATIONS = frozenset(
    f"operator.{n}"
    for n in (
        "truth abs index setitem countOf indexOf length_hint call itemgetter attrgetter "
        "methodcaller got_items got_attributes called_method"
    ).split()
)

# what works on functions, sequences and records (see `specialize/library.py`)
LIBRARY = (
    frozenset(
        (
            "map filter zip enumerate reversed sorted tuple list dict sum any all max min "
            "isinstance type getattr hasattr callable setattr print str repr math.prod math.dist "
            "numpy.result_type "
            "functools.reduce functools.partial dataclasses.replace dataclasses.astuple "
            "dataclasses.asdict object.__setattr__ "
            "list.append list.extend list.insert list.pop list.reverse list.index list.count "
            "list.copy list.sort list.clear tuple.index tuple.count dict.keys dict.values "
            "dict.items dict.get dict.copy dict.update dict.pop dict.setdefault "
            "namedtuple._asdict super "
            "const.startswith const.endswith const.upper const.lower const.strip"
        ).split()
    )
    | OPERATORS.keys()
    | OPERATIONS
)

# NumPy's functions and methods on whole arrays (see `specialize/numeric.py` and `ufuncs.py`)
BY_ELEMENTS = (
    "maximum minimum fmax fmin where clip square reciprocal negative positive add subtract "
    "multiply divide true_divide floor_divide mod remainder float_power heaviside logaddexp sinc "
    "signbit conj conjugate imag angle greater greater_equal less less_equal equal not_equal "
    "logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert "
    "round around nan_to_num isclose"
).split()
SPECIAL = "expit log_expit logit xlogy xlog1py entr rel_entr betaln ndtr".split()
ARRAYS = (
    frozenset(
        f"numpy.{n}"
        for n in (
            "zeros empty ones full zeros_like empty_like ones_like full_like array asarray copy "
            "arange linspace eye identity sum prod max min amax amin mean argmax argmin any all "
            "cumsum cumprod dot matmul inner outer tensordot einsum transpose moveaxis swapaxes "
            "expand_dims squeeze broadcast_to reshape ravel nonzero ndim shape size real "
            "iscomplexobj isrealobj "
            "lib.stride_tricks.as_strided linalg.norm"
        ).split()
    )
    | frozenset(
        f"ndarray.{n}"
        for n in (
            "copy astype fill sum prod max min mean argmax argmin any all cumsum cumprod dot "
            "transpose swapaxes squeeze reshape ravel flatten clip round conj conjugate"
        ).split()
    )
    | frozenset(f"numpy.{n}" for n in BY_ELEMENTS)
    | frozenset(f"scipy.special.{n}" for n in SPECIAL)
)

# those that are programs over the others: name -> file and function of `prelude/`
WRITTEN: dict[str, str] = {
    **{
        f"numpy.{n}": f"shaping.{n}"
        for n in (
            "atleast_1d atleast_2d atleast_3d concatenate stack hstack vstack dstack column_stack "
            "append tile repeat flip fliplr flipud rot90 roll diff diag diagonal trace tril triu "
            "tri meshgrid take take_along_axis"
        ).split()
    },
    **{f"ndarray.{n}": f"shaping.{n}" for n in "repeat trace diagonal take".split()},
    **{f"numpy.{n}": f"ordering.{n}" for n in "sort argsort searchsorted".split()},
    **{f"ndarray.{n}": f"ordering.{n}" for n in "argsort searchsorted".split()},
    "ndarray.sort": "ordering.sort_in_place",
    **{
        f"numpy.{n}": f"surface.{n}"
        for n in (
            "var std ptp median average count_nonzero flatnonzero allclose array_equal vdot kron "
            "cross convolve interp trapezoid bincount"
        ).split()
    },
    **{f"ndarray.{n}": f"surface.{n}" for n in "var std".split()},
    **{
        f"numpy.linalg.{n}": f"linear.{n}"
        for n in "solve inv det slogdet cholesky matrix_power multi_dot".split()
    },
    **{
        f"numpy.fft.{n}": f"fourier.{n}"
        for n in (
            "fft ifft fft2 ifft2 rfft irfft fftfreq rfftfreq fftshift ifftshift"
        ).split()
    },
    **{f"scipy.special.{n}": f"special.{n}" for n in "logsumexp softmax log_softmax".split()},
}  # fmt: skip

# known to lie outside the language, with what to write instead
INSTEAD: dict[str, str] = {
    "set": "write a tuple, and compare its elements",
    "frozenset": "write a tuple, and compare its elements",
    "iter": "loop over the sequence itself",
    "next": "index the sequence, or loop over it",
    "open": "read the file outside, and pass the numbers in",
    "input": "read it outside, and pass the number in",
    "eval": "write the expression out",
    "exec": "write the statements out",
    "globals": "pass what is needed as an argument",
    "locals": "pass what is needed as an argument",
    "id": "compare with `is`, or keep a number of your own",
    "hash": "compare the values themselves",
    "vars": "name the fields",
    "dir": "name the fields",
    "slice": "write the slice: `x[a:b]`",
    "bytes": "pass the numbers in",
    "bytearray": "pass the numbers in",
    "collections.deque": "keep the last few values in variables of their own",
    "collections.defaultdict": "write a dict with all its keys",
    "collections.OrderedDict": "write a dict: it keeps its order",
    "collections.Counter": "count in variables of their own",
    "fractions.Fraction": "keep both parts in ints, or write a float",
    "decimal.Decimal": "write a float",
    "copy.copy": "write `dataclasses.replace(r)` for a record, `list(a)`, `dict(a)`",
    "copy.deepcopy": "write `dataclasses.replace(r)` for a record, `list(a)`, `dict(a)`",
    "typing.cast": "leave it out",
    "math.factorial": "write a loop, or `math.gamma(n + 1.0)`",
    "math.fsum": "add in a loop",
}

# words that make a function of a function, and those that take the arguments at once
MAKING = ("grad", "value_and_grad", "jacfwd", "jacrev", "hessian", "vmap")
PAIRED = ("jvp", "hvp")  # these take primals and tangents, each as one tuple
APPLIED = ("vjp", *PAIRED, "linearize")
DERIVATIVES = (*MAKING, *APPLIED)
CUSTOM = {"custom_vjp": 2, "custom_jvp": 1, "custom_rules": 3}  # what gives rules, and how many


# what to write instead of anything in these modules
INSTEAD_OF_MODULE = {
    "random": "draw the numbers outside, and pass them in",
    "numpy.random": "draw the numbers outside, and pass them in",
    "itertools": "write the loops out, or a comprehension",
    "time": "measure outside",
    "os": "do it outside, and pass the numbers in",
    "sys": "do it outside, and pass the numbers in",
}


def is_told(name: str) -> bool:
    """Whether there is a word on what to write instead of a name."""
    return name in INSTEAD or name.rpartition(".")[0] in INSTEAD_OF_MODULE


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The three names most like this one: of its own module first, by their last word."""
    home, _, word = name.rpartition(".")
    by_word: dict[str, str] = {}
    for n in known:
        its, _, last = n.rpartition(".")
        if its.partition(".")[0] in (home.partition(".")[0], "scipy", "numpy") and (
            last not in by_word or its == home
        ):
            by_word[last] = n
    return [by_word[w] for w in difflib.get_close_matches(word, by_word, 3)]


def instead(name: str) -> str:
    """What to write instead of a name that exists, but has no compiled form."""
    module = INSTEAD_OF_MODULE.get(name.rpartition(".")[0])
    usual = module or "compute it outside, or write it as a function of numbers"
    return INSTEAD.get(name, usual)
