"""Writes docs/surface.md: the names of Python, NumPy and SciPy that compiled code may call.

    python docs/surface_page.py

Names and arguments come from the tables that the compiler reads (`frontend/names.py`, those of
`frontend/specialize/` and the signatures of `frontend/prelude/`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

from morula.frontend import names
from morula.frontend.specialize import builtins, ndarray, numeric

PAGE = Path(__file__).with_name("surface.md")
HEAD = """\
# The surface

The names of Python's library, NumPy and SciPy that compiled code may call, with the arguments that
each takes, in NumPy's meaning; behind `*` by keyword only. All have derivatives of any order,
forwards and backwards, where their results are floats. Any other name is E02, and an argument that
is not listed E03, while compiling: neither is ever ignored.

Axes are known while compiling: literals, or ints that the compiler can see. Lengths are known at
run time only.

This page is generated from the compiler's tables by `docs/surface_page.py`. What differs from NumPy
is told, and tested, under [sharp bits](language.md#sharp-bits).
"""
# what takes arguments that no row says
ARGUMENTS = {
    "numpy.einsum": "subscripts, *operands, *, optimize",
    "numpy.result_type": "*arrays_and_dtypes",
    "numpy.float64": "x",
    "scipy.special.polygamma": "n, x",
    "numpy.complex128": "real, imag",
}


def arguments(name: str) -> str:
    """The parameters of a function as one would call it."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    if name in numeric.FUNCTIONS:
        given = numeric.FUNCTIONS[name][0].split()
    elif name in names.WRITTEN:
        file, _, word = names.WRITTEN[name].partition(".")
        parameters = inspect.signature(getattr(builtins.PRELUDE[file], word)).parameters.values()
        given = [str(p.replace(annotation=p.empty)) for p in parameters]
        at = next((k for k, p in enumerate(parameters) if p.kind == p.KEYWORD_ONLY), len(given))
        if at < len(given) and not any(p.kind == p.VAR_POSITIONAL for p in parameters):
            given.insert(at, "*")
    else:
        most = names.PURE[name][1] if name in names.PURE else builtins.OWN[names.OWN[name]][2]
        given = ["x", "y"][: most or 1]
    if name.startswith("ndarray."):
        given = given[1:]
    return ", ".join(given)


def rows(home: str, chosen: Iterable[str]) -> str:
    """A table of two columns of calls."""
    calls = [f"`{n.removeprefix(home + '.')}({arguments(n)})`" for n in sorted(chosen)]
    calls += [""] * (len(calls) % 2)
    half = len(calls) // 2
    pairs = zip(calls[:half], calls[half:], strict=True)
    return "\n".join(["| | |", "|---|---|", *(f"| {a} | {b} |" for a, b in pairs)]) + "\n"


def listed(words: Iterable[str]) -> str:
    return " ".join(f"`{w}`" for w in sorted(words)) + "\n"


def page() -> str:
    known = builtins.compiled()
    lone = [n for n in known if "." not in n]

    def of(home: str) -> list[str]:
        return [n for n in known if n.rpartition(".")[0] == home]

    def by_elements(home: str) -> list[str]:
        ours = {f"{home}.{n}" for n in (*names.BY_ELEMENTS, *names.SPECIAL)}
        return [n for n in of(home) if n in names.PURE or n in names.OWN or n in ours]

    whole = [n for n in of("numpy") if n not in by_elements("numpy")]
    special = [n for n in of("scipy.special") if n not in by_elements("scipy.special")]
    strides = of("numpy.lib.stride_tricks")
    parts = [
        HEAD,
        "## NumPy, element by element\n\nOf numbers and of arrays, which are broadcast; a chain of "
        "these is one loop.\n",
        rows("numpy", by_elements("numpy")),
        "## NumPy, on whole arrays\n",
        rows("numpy", whole + strides),
        "## Arrays\n\nBeside items, slices, operators, `len` and loops, the attributes "
        + listed(ndarray.ATTRIBUTES).rstrip()
        + " and these methods.\n",
        rows("ndarray", of("ndarray")),
        "## numpy.linalg\n\n`solve` and its kin by elimination with partial pivoting, "
        "derivatives by rules; a singular matrix raises `np.linalg.LinAlgError`.\n",
        rows("numpy.linalg", of("numpy.linalg")),
        "## numpy.fft\n\nOf any length, by mixed radix; `norm` is known while compiling.\n",
        rows("numpy.fft", of("numpy.fft")),
        "## Complex numbers\n\nBeside operators, `complex(x, y)`, `.real`, `.imag`, `.conjugate()` "
        "and functions of whole arrays, those of numbers and, in NumPy, of arrays by elements:\n",
        listed(names.COMPLEX),
        "## scipy.special\n\nBy elements; `digamma` is `psi`:\n",
        rows("scipy.special", by_elements("scipy.special")),
        "On whole arrays:\n",
        rows("scipy.special", special),
        "## Python's own\n\nThe built-ins\n",
        listed(lone),
        "of `math`\n",
        listed(n.removeprefix("math.") for n in of("math")),
        "of `operator` all operators and, of `functools` and `dataclasses`,\n",
        listed(n for n in known if n.startswith(("functools.", "dataclasses."))),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
