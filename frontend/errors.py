"""What each error means: the pages behind `morula explain E07` and docs/errors.md.

A page has an example that raises the error and the same program cured; a test runs both.  In the
example the last line is the call that raises.
"""

from __future__ import annotations

from typing import NamedTuple

from ..ir.errors import TITLES, Error, excerpt

__all__ = ["PAGES", "TITLES", "Error", "Page", "excerpt"]


class Page(NamedTuple):
    """`means` says what is wrong and why it cannot be; `cure` what to do."""

    means: str
    example: str
    cure: str
    cured: str


PAGES: dict[str, Page] = {
    "E01": Page(
        "The function holds a statement or an expression that the language does not have. It is "
        "refused when the function is compiled, at its own line, also where it would never run.",
        """\
from morula import jit


def halved(x):
    try:
        return x / 2.0
    except ZeroDivisionError:
        return 0.0


jit(halved)(1.0)
""",
        "Write it with what the language has, or do it in Python around the compiled function. "
        "Float division gives inf or nan instead of raising, so a test does here.",
        """\
from morula import jit


def halved(x):
    return x / 2.0


jit(halved)(1.0)
""",
    ),
    "E02": Page(
        "A name is called, or an attribute read, that compiled code does not know: a function "
        "without Python source, a name that its module does not have, an attribute that a value "
        "does not have. The nearest known names are shown.",
        """\
import math
from morula import jit


def height(angle):
    return math.sine(angle)


jit(height)(0.5)
""",
        "Use a known name, or write the function in Python; functions with source are compiled "
        "along.",
        """\
import math
from morula import jit


def height(angle):
    return math.sin(angle)


jit(height)(0.5)
""",
    ),
    "E03": Page(
        "An argument is of a type that compiled code does not take, or does not fit the "
        "parameters of the function that is called.",
        """\
from morula import jit


def double(z):
    return 2.0 * z


jit(double)({1.0, 2.0})
""",
        "Pass numbers, None, strings, arrays of numbers or bools, and tuples, lists, "
        "dicts, dataclasses and NamedTuples of these.",
        """\
from morula import jit


def double(re, im):
    return 2.0 * re, 2.0 * im


jit(double)(1.0, 2.0)
""",
    ),
    "E04": Page(
        "A name is read that nothing binds: neither the function, nor one around it, nor its "
        "module. A name that only some paths bind is no error when compiling; reading it on "
        "another path raises UnboundLocalError, as in Python.",
        """\
from morula import jit


def area(radius):
    return pi * radius * radius


jit(area)(1.0)
""",
        "Bind the name before it is read, or import it.",
        """\
from math import pi
from morula import jit


def area(radius):
    return pi * radius * radius


jit(area)(1.0)
""",
    ),
    "E05": Page(
        "A list of records that change, or of functions, grows in a loop. Compiled code lets lists "
        "of numbers, arrays, lists, and tuples and records of those grow; of others it knows how "
        "many elements there are.",
        """\
from dataclasses import dataclass

from morula import jit


@dataclass
class Body:
    x: float


def moved(x, n):
    bodies = [Body(x)]
    for k in range(n):
        bodies.append(Body(x * k))
    for b in bodies:
        b.x += 1.0
    return bodies[-1].x


jit(moved)(1.5, 3)
""",
        "Put a new record in the place of one that changes, or write into an array.",
        """\
from dataclasses import dataclass

from morula import jit


@dataclass(frozen=True)
class Body:
    x: float


def moved(x, n):
    bodies = [Body(x)]
    for k in range(n):
        bodies.append(Body(x * k))
    for k in range(len(bodies)):
        bodies[k] = Body(bodies[k].x + 1.0)
    return bodies[-1].x


jit(moved)(1.5, 3)
""",
    ),
    "E06": Page(
        "A float stands where only an int can: an index, an argument of `range`, a bit "
        "operation. `/` gives a float, also between ints.",
        """\
from morula import jit


def half_sum(x, n):
    s = 0.0
    for k in range(n / 2):
        s += x * k
    return s


jit(half_sum)(1.0, 8)
""",
        "Use `//`, or convert with `int`.",
        """\
from morula import jit


def half_sum(x, n):
    s = 0.0
    for k in range(n // 2):
        s += x * k
    return s


jit(half_sum)(1.0, 8)
""",
    ),
    "E07": Page(
        "A name has values of kinds that no type holds: one on one path and another on the "
        "other, or one before a loop and another after a turn. An int and a float become a "
        "float, None and a value an optional one, records and tuples a union; an array and a "
        "number have nothing in common.",
        """\
import numpy as np
from morula import jit


def first(x, whole):
    y = x if whole else 0.0
    return y


jit(first)(np.array([1.0, 2.0]), True)
""",
        "Give the name the same kind of value everywhere.",
        """\
import numpy as np
from morula import jit


def first(x, whole):
    y = x[0] if whole else 0.0
    return y


jit(first)(np.array([1.0, 2.0]), True)
""",
    ),
    "E08": Page(
        "Compiling would not end: each call of a recursion passes values of yet another type, a "
        "value holds values like itself without end, or a derivative is taken inside the very "
        "function that is differentiated, so that its order is known at run time only.",
        """\
from morula import grad, jit


def derivative(x, order):
    if order == 0:
        return x**5
    return grad(derivative)(x, order - 1)


jit(derivative)(1.0, 2)
""",
        "Let a recursion pass values of the same types. Take derivatives outside of what is "
        "differentiated.",
        """\
from morula import grad, jit


def power(x):
    return x**5


jit(grad(grad(power)))(1.0)
""",
    ),
    "E09": Page(
        "A derivative is asked for that does not exist: by an argument that holds no float, of a "
        "function that returns no float, with argnums that name no argument, with a cotangent "
        "or tangent of another structure.",
        """\
from morula import grad


def square(x):
    return x * x


grad(square)(3)
""",
        "Differentiate floats by floats: write 3.0 for 3.",
        """\
from morula import grad


def square(x):
    return x * x


grad(square)(3.0)
""",
    ),
    "E10": Page(
        "A rule of `custom_vjp` or `custom_jvp` is missing, has the wrong shape, or is asked for "
        "what it cannot give: custom_vjp says nothing about forward mode, and no rule says "
        "anything about values that the function captures.",
        """\
import math
from morula import custom_vjp, jvp


@custom_vjp
def softplus(x):
    return math.log1p(math.exp(x))


softplus.defvjp(lambda x: (softplus(x), x), lambda x, ct: (ct / (1.0 + math.exp(-x)),))


def twice(x):
    return 2.0 * softplus(x)


jvp(twice, (1.0,), (1.0,))
""",
        "For forward mode write a custom_jvp; it serves reverse mode, too. Pass captured values "
        "as arguments.",
        """\
import math
from morula import custom_jvp, jvp


@custom_jvp
def softplus(x):
    return math.log1p(math.exp(x))


@softplus.defjvp
def rule(primals, tangents):
    (x,), (t,) = primals, tangents
    return softplus(x), t / (1.0 + math.exp(-x))


def twice(x):
    return 2.0 * softplus(x)


jvp(twice, (1.0,), (1.0,))
""",
    ),
    "E11": Page(
        "Something is written that others hold, too. In Python all of them see the write, and in "
        "compiled code they do, too. But a derivative has a place for each place of an argument; "
        "none is taken by a record that stands at two of them. And a record of a class that holds "
        "itself is not written.",
        """\
from dataclasses import dataclass
from morula import grad


@dataclass
class Tank:
    level: float


def filled(left, right):
    left.level += 1.0
    return left.level * right.level


tank = Tank(1.0)
grad(filled, argnums=(0, 1))(tank, tank)
""",
        "Pass it once, or pass a copy. Of a record that holds itself, make a new one.",
        """\
from dataclasses import dataclass
from morula import grad


@dataclass
class Tank:
    level: float


def filled(tank):
    left = right = tank
    left.level += 1.0
    return left.level * right.level


grad(filled)(Tank(1.0))
""",
    ),
    "E12": Page(
        "A text is no module of the IR, or a module breaks one of its laws. Only who writes IR "
        "by hand, or changes Morula, sees this.",
        """\
import morula

morula.ir.parse("fn @f(%x: f64) -> f64 {\\n  return %x %x\\n}\\n")
""",
        "docs/ir.md describes the text; `str(module)` writes it.",
        """\
import morula

morula.ir.parse("fn @f(%x: f64) -> f64 {\\n  return %x\\n}\\n")
""",
    ),
}
