"""The tables of docs/ir.md, generated from the op table.

    python docs/ir_page.py          rewrite the tables in place

Types, effects and costs come from `ir/ops.py`, the scalar types of an op from its native rows.
What an op means is one sentence, here; an opcode without one is an error by name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path

from morula.backend.emit import ROWS
from morula.ir import ops
from morula.ir.core import Op, Value
from morula.ir.types import BOOL, C128, F64, I64, Scalar

PAGE = Path(__file__).with_name("ir.md")
SCALARS = {"f64": F64, "c128": C128, "i64": I64, "bool": BOOL}
HOLDING = ("if", "for", "while")  # an op with regions has the effects of what it holds
# a table stands between these two, the first with its name
START, END = "<!-- table: {} -->\n", "<!-- end of table -->\n"

# ---- what an op means --------------------------------------------------------------------------

MEANING: dict[str, dict[str, str]] = {
    "arithmetic": {
        "add": "`x + y`",
        "sub": "`x - y`",
        "mul": "`x * y`",
        "neg": "`-x`",
        "abs": "the magnitude of x",
        "div": "`x / y`; by zero a signed infinity, or nan",
        "floordiv": "Python's `x // y`; of floats, by zero as `div`",
        "mod": "Python's `x % y`, with the sign of y; of floats, by zero nan",
        "pow": "x to the power y; of floats as C has it, an int exponent is not negative",
        "min": "Python's min: y where y < x, else x",
        "max": "Python's max: y where y > x, else x",
        "sign": "-1.0, 0.0 or 1.0; nan of nan",
        "stop_gradient": "x itself, without a derivative",
    },
    "complex": {
        "complex": "`complex(x, y)`: x + iy",
        "real": "the real part",
        "imag": "the imaginary part",
    },
    "comparison": {
        "eq": "`x == y`",
        "ne": "`x != y`",
        "lt": "`x < y`",
        "le": "`x <= y`",
        "gt": "`x > y`",
        "ge": "`x >= y`",
        "not": "`not x`",
        "select": "the second operand where the first is true, else the third; both are computed",
        "convert": "to the type in `{to}`; f64 to i64 cuts off the fraction",
        "fit": "as an element of the type in `{to}` would hold it: rounded to f32, or wrapped",
    },
    "bits": {
        "and": "`x & y`",
        "or": "x or y, bit by bit",
        "xor": "`x ^ y`",
        "invert": "`~x`",
        "shl": "`x << y`, y not negative",
        "shr": "`x >> y`, y not negative, with the sign",
    },
    "mathematics": {
        "sin": "sine",
        "cos": "cosine",
        "tan": "tangent",
        "asin": "arc sine; nan outside -1 to 1",
        "acos": "arc cosine; nan outside -1 to 1",
        "atan": "arc tangent",
        "sinh": "hyperbolic sine",
        "cosh": "hyperbolic cosine",
        "tanh": "hyperbolic tangent",
        "asinh": "inverse of sinh",
        "acosh": "inverse of cosh; nan below 1",
        "atanh": "inverse of tanh; infinite at -1 and 1, nan beyond",
        "exp": "e to the power x",
        "exp2": "2 to the power x",
        "expm1": "e to the power x, less 1, exact near 0",
        "log": "natural logarithm; -inf at 0, nan below",
        "log1p": "log of 1 + x, exact near 0",
        "log2": "logarithm to base 2",
        "log10": "logarithm to base 10",
        "sqrt": "square root; nan below 0",
        "cbrt": "cube root",
        "erf": "error function",
        "erfc": "1 - erf, exact where erf is near 1",
        "gamma": "gamma function; nan at negative integers",
        "lgamma": "log of the magnitude of gamma",
        "polygamma": "the n-th derivative of digamma, at x: carries gamma and lgamma to any order",
        "atan2": "the angle of the point (y, x), ordinate first",
        "hypot": "the length of (x, y), without overflow",
        "copysign": "x with the sign of y",
        "fmod": "C's remainder, with the sign of x; nan by zero",
        "floor": "the whole number below, as a float",
        "ceil": "the whole number above, as a float",
        "trunc": "the whole number towards zero, as a float",
        "round": "the nearest whole number, half to even, as a float",
        "isnan": "whether x is nan",
        "isinf": "whether x is infinite",
        "isfinite": "whether x is neither",
    },
    "arrays": {
        "get": "the element at an index, one i64 per axis",
        "set": "the array with one element replaced: a new value, whatever its memory",
        "add_at": "the array with v added to one element: the transpose of `get`",
        "len": "the length of axis `{axis}`, 0 where that is left out",
        "zeros": "an array of these lengths, all zero; elements are f64 or `{elem}`",
        "zeros_like": "the zero cotangent of an array or, deep, of a list",
        "accum": "the sum of two cotangents; null is zero",
        "gemm": "`c + a @ b` of matrices and vectors, the outer product of two vectors; a and b "
        "transposed where `{transposed}` has their letter",
    },
    "boxes": {
        "box": "a reference to a new record `{record}` with these fields",
        "unbox": "the fields; the box is not null",
        "null": "no box, list or array, of type `{type}`; as a cotangent it is zero",
        "is_null": "whether it is null",
    },
    "derivatives": {
        "vjp": "what `@f` returns, and a pullback that gives cotangents of the inputs `{wrt}`",
        "jvp": "what `@f` returns, and its tangents, for tangents of the inputs `{wrt}`; by lanes",
        "pull": "cotangents of the inputs that the pullback is for",
    },
    "control": {
        "call": "what `@f` returns",
        "if": "runs one of two arms",
        "for": "counts; carries go round, `each` goes in, ys come out",
        "while": "runs its body as long as its test holds",
        "yield": "ends an arm",
        "next": "ends a loop's body",
        "test": "ends the test of a `while`",
        "return": "ends a function",
        "unreachable": "ends an arm or body that never comes to its end",
        "check": 'where x is false, raises `{error = "...", text = "..."}` at the op\'s own line',
        "print": 'writes `{text = "..."}` with these values in its fields',
    },
    "placement": {
        "mark": "the place up to which the arena is used",
        "release": "frees what the arena gave since the mark",
        "copy": "a fresh copy in the arena, with the reason in `{why}`",
    },
}

GENERIC: dict[str, str] = {
    "getattr": 'the attribute `{name = "..."}` of an object',
    "setattr": "sets the attribute `{name}` of the first operand to the second",
    "slice": "the slice start:stop:step, for `getitem`",
    "tuple": "the tuple of its operands",
    "list": "the list of its operands",
    "dict": "the dict of keys and values in turn; at a place of `{star}` the value is a dict",
    "append": "a new list with one more element",
    "with_item": "a new dict with one more key and value",
    "fstring": "the string `{text}` with its operands in its fields",
    "unpack": "the items of an iterable, as many as there are results",
    "global": 'a name from outside: `{name = "math.sin"}`; `fn` is its function in the module',
    "closure": "`closure @f [captures](defaults)`: a function value, from `closed` on",
    "def": "`def @f(%p, %q = %x) {...}`: a nested function, its body in place, at `ssa` only",
    "self": "the closure that runs",
    "cell": "a new variable that functions share, holding its operand",
    "cell_get": "what a cell holds",
    "cell_set": "puts the second operand into the cell",
    "bound": "its operand; UnboundLocalError where that is `unbound`",
    "raise": "raises its operand",
}

# ---- types, for reading ------------------------------------------------------------------------

# by the name of the rule; T is one scalar type, S any
RULES: dict[str, str] = {
    "divided": "T, T → T",
    "selected": "bool, S, S → S",
    "converted": "T → U",
    "rounded": "f64 or i64 → its type",
    "measured": "array → i64",
    "zeroed": "i64, … → array",
    "zeros_of": "A → its cotangent",
    "accumulated": "S, S → S",
    "multiplied": "f64 arrays c, a, b → c's type",
    "boxed": "fields → box",
    "unboxed": "box → fields",
    "null_typed": "→ S",
}
# of ops whose types stand with them
WRITTEN: dict[str, str] = {
    "is_null": "box, list or array → bool",
    "copy": "A → A",
    "vjp": "captures; arguments → results, box",
    "jvp": "captures; arguments; tangents → results; tangents",
    "pull": "box, cotangents → cotangents",
    "call": "captures; arguments → results",
    "if": "bool → yields",
    "for": "lo, hi, step; initial carries; arrays → carries; histories",
    "while": "initial carries → carries; histories, trips",
    "yield": "S, …",
    "next": "carries; ys",
    "test": "bool",
    "return": "S, …",
    "unreachable": "",
    "check": "bool, numbers of its text…",
    "print": "S, …",
    "release": "mark",
}


def types(row: ops.Row) -> str:
    """Operands → results of an op, from its type rule."""
    rule = row.rule
    if rule is None:
        return WRITTEN[row.name]
    inside = inspect.getclosurevars(rule).nonlocals
    name = rule.__qualname__.partition(".")[0]
    if name == "of":
        return f"{', '.join(map(str, inside['operands']))} → {inside['to']}".lstrip()
    if name == "indexed":
        return "array, i64, …, element → array" if inside["values"] else "array, i64, … → element"
    if name == "alike":
        return f"{', '.join('T' * inside['count'])} → {inside['to'] or 'T'}"
    if row.name == "release":
        return WRITTEN["release"]
    return RULES[name]


def scalars(name: str) -> list[Scalar]:
    """The scalar types that an opcode has native rows for, one by one."""
    return [t for key, t in SCALARS.items() if f"{name} {key}" in ROWS]


def typed(row: ops.Row) -> str:
    """As `types`, with what T stands for."""
    text = types(row)
    if re.search(r"\bT\b", text) and (found := scalars(row.name)):
        *some, last = map(str, found)
        return f"{text}; T is {', '.join(some)} or {last}" if some else f"{text}; T is {last}"
    return text


def effect(row: ops.Row) -> str:
    """The effect by operand type, where it differs."""
    if row.name in HOLDING:
        return "its ops'"
    if row.name in ops.ENDS:
        return "–"
    if row.name == "convert":
        return "pure; f64 to i64 partial"
    found: dict[str, list[str]] = {}
    for t in scalars(row.name):
        op = Op(row.name, (Value(t), Value(t)), (Value(t),))
        found.setdefault(ops.effect(op), []).append(str(t))
    if len(found) < 2:
        return next(iter(found), row.effect)
    return ", ".join(f"{kind} ({' '.join(names)})" for kind, names in found.items())


def cost(row: ops.Row) -> str:
    return "–" if row.cost == ops.INF else f"{row.cost:g}"


# ---- tables ------------------------------------------------------------------------------------


def complete(kind: str, table: Iterable[str], described: Iterable[str]) -> None:
    """Every opcode has its sentence, and every sentence an opcode."""
    table, described = list(table), list(described)
    missing = [n for n in table if n not in described]
    unknown = [n for n in described if n not in table]
    if missing or unknown:
        raise SystemExit(
            f"docs/ir_page.py: {kind} without a sentence: {missing}; sentences of no op: {unknown}"
        )


def op_table(meaning: Mapping[str, str]) -> list[str]:
    lines = ["| op | types | effect | cost | meaning |", "|---|---|---|---|---|"]
    for name, sentence in meaning.items():
        row = ops.TABLE[name]
        lines.append(f"| `{name}` | {typed(row)} | {effect(row)} | {cost(row)} | {sentence} |")
    return lines


def operator_table() -> list[str]:
    """Python's operators by the names of module `operator`, in two columns of op and meaning."""
    pairs = []
    for name in ops.OPERATORS:
        doc = (ops.GENERIC[name].meaning.__doc__ or "").removeprefix("Same as ")
        python = doc.partition(" (")[0].rstrip(".")
        cell = python.replace("|", "\\|")  # else it ends the cell
        pairs.append(f"| `{name}` | `{cell}` ")
    pairs += ["| | "] * (-len(pairs) % 3)
    rows = ["".join(pairs[k : k + 3]) + "|" for k in range(0, len(pairs), 3)]
    return ["| op | means | op | means | op | means |", "|---|---|---|---|---|---|", *rows]


def generic_table() -> list[str]:
    return ["| op | meaning |", "|---|---|", *(f"| `{n}` | {s} |" for n, s in GENERIC.items())]


def tables() -> dict[str, list[str]]:
    """All tables of the page, by name."""
    complete("ops", ops.TABLE, [n for section in MEANING.values() for n in section])
    complete("generic ops", ops.OTHERS, GENERIC)
    made = {name: op_table(section) for name, section in MEANING.items()}
    return made | {"operators": operator_table(), "generic": generic_table()}


def page(text: str) -> str:
    """The text of the page with its tables made anew."""
    for name, lines in tables().items():
        start = START.format(name)
        if text.count(start) != 1:
            raise SystemExit(f"{PAGE}: one line `{start.strip()}` is expected")
        before, _, rest = text.partition(start)
        old = "".join(takewhile(lambda line: line != END, rest.splitlines(keepends=True)))
        text = before + start + "\n".join(lines) + "\n" + rest[len(old) :]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
