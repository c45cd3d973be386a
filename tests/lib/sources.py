"""Python source made into functions that have a file, as the compiler needs, and wrappers so made.

Wrappers have explicit parameters and no splats: they are programs of the language themselves.
"""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from oracle import Value, holds_floats, leaves, rebuilt

FOLDER = Path(tempfile.mkdtemp(prefix="morula-tests-"))
COUNT = itertools.count()
OWNER = os.getpid()  # a forked child must not clear the folder


@atexit.register
def clear() -> None:
    if os.getpid() == OWNER:
        shutil.rmtree(FOLDER, ignore_errors=True)


def made(name: str, source: str, **names: object) -> Callable[..., Any]:
    """The function `name` of this source, imported from a file of its own, with these globals."""
    module = f"made_{os.getpid()}_{next(COUNT)}"
    path = FOLDER / f"{module}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    vars(found).update(names)
    sys.modules[module] = found
    spec.loader.exec_module(found)
    function: Callable[..., Any] = getattr(found, name)
    return function


DOT = """def dot(p, q):
    s = 0.0
    for i in range(len(p)):
        s += p[i] * q[i]
    return s
"""


class Text:
    """Values as source text; an array becomes a global."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {}

    def of(self, value: Value) -> str:
        if isinstance(value, tuple):
            return "(" + "".join(f"{self.of(kid)}, " for kid in value).rstrip() + ")"
        if isinstance(value, np.ndarray):
            name = f"array_{len(self.names)}"
            self.names[name] = value
            return name
        return repr(value)

    def weighted(self, path: str, value: Value, weights: Value) -> list[str]:
        """The terms of <weights, value> for the value that stands at this path."""
        if isinstance(value, tuple):
            parts = [self.weighted(f"{path}[{k}]", v, weights[k]) for k, v in enumerate(value)]
            return [term for part in parts for term in part]
        if isinstance(value, np.ndarray):
            return [f"dot({path}, {self.of(weights)})"]
        return [f"{path} * {weights!r}"] if isinstance(value, float) else []


def direction(value: Value, seed: int) -> Value:
    """Tangents or cotangents of a structure: floats of no particular relation; None for others."""
    rng = random.Random(seed)
    count = len(list(leaves(value)))
    steps = iter([math.copysign(rng.uniform(0.3, 1.0), rng.random() - 0.4) for _ in range(count)])
    return without_passive(rebuilt(value, steps))


def without_passive(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(without_passive(kid) for kid in value)
    return value if isinstance(value, (float, np.ndarray)) else None


def scalar(
    f: Callable[..., Any], args: tuple[Value, ...], result: Value
) -> tuple[Callable[..., Any], tuple[Value, ...]]:
    """f with its arguments without floats fixed and its float results summed with weights.

    f itself where all arguments hold floats and the result is one float.
    """
    active = [k for k, a in enumerate(args) if holds_floats(a)]
    if len(active) == len(args) and isinstance(result, float):
        return f, args
    text = Text()
    parameters = ", ".join(f"x{k}" for k in active)
    passed = ", ".join(f"x{k}" if k in active else text.of(a) for k, a in enumerate(args))
    terms = ["y"]
    if not isinstance(result, float):
        terms = text.weighted("y", result, direction(result, 7))
    source = f"def only({parameters}):\n    y = f({passed})\n    return {' + '.join(terms)}\n"
    return made("only", DOT + source, f=f, **text.names), tuple(args[k] for k in active)


def along(f: Callable[..., Any], xs: tuple[Value, ...], v: Value, mode: str) -> Callable[..., Any]:
    """The derivative of a scalar f along v as a function of xs: mode r by grad, f by jvp."""
    import morula

    text = Text()
    parameters = ", ".join(f"x{k}" for k in range(len(xs)))
    if mode == "f":
        body = f"    y, dy = jvp(f, ({parameters},), {text.of(v)})\n    return dy\n"
    else:
        where = tuple(range(len(xs)))
        terms = " + ".join(text.weighted("g", xs, v))
        body = f"    g = grad(f, argnums={where!r})({parameters})\n    return {terms}\n"
    source = f"{DOT}def along_{mode}({parameters}):\n{body}"
    names = {"f": f, "grad": morula.grad, "jvp": morula.jvp, **text.names}
    return made(f"along_{mode}", source, **names)
