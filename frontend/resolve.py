"""What a name from outside a function stands for, and the name that the IR gives it.

A path says how to find an object again, from the entry function or from a module: hidden
parameters are read along theirs at each call, and guards look whether a static one has changed.

    (("closure", 0),)                       the first closure cell of the entry
    (("global", namespace, "g"), ("closure", 1))    a cell of the function that a module calls g
    (("object", A.at), ("closure", 0))      a cell of a method
"""

from __future__ import annotations

import builtins
import cmath
import enum
import functools
import math
import operator
import os
import sys
import sysconfig
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..ir.core import UNBOUND
from ..ir.parts import parts_in
from ..ir.structure import PullbackTree

Path = tuple[tuple[Any, ...], ...]
NUMBERS = (int, float, complex, np.number, np.ndarray)
LIBRARIES: tuple[ModuleType, ...] = (
    builtins, math, operator, np, np.linalg, np.fft, functools, cmath,
)  # fmt: skip
STANDARD = os.path.join(sysconfig.get_paths()["stdlib"], "")
WRITTEN_IN_IT = "morula.frontend.prelude"  # where Morula has functions of the language
ABSENT = object()
MANY = 1000  # parts of a structure from outside
SCALARS = (int, float, complex, str, np.number, np.bool_, enum.Enum)


def follow(path: Path, entry: FunctionType) -> Any:
    """The object at the end of a path."""
    found: Any = entry
    for step in path:
        match step:
            case ("global", Mapping() as namespace, key):
                found = namespace[key] if key in namespace else getattr(builtins, key)
            case ("closure", k):
                found = found.__closure__[k].cell_contents
            case ("default", name):
                found = dict(default_values(found))[name]
            case ("object", known):
                found = known
            case ("attribute", name):
                found = getattr(found, name)
            case ("rule", name):
                found = found.__morula__[1][name]
            case ("unwrapped",):
                found = found.__wrapped__
            case ("item", key):
                found = found[key]
            case ("keys",):
                found = tuple(found)
    return found


def key_of(path: Path) -> tuple[Any, ...]:
    """A path as a key: a module's names are known by identity."""
    return tuple([(s[0], id(s[1]), s[2]) if s[0] == "global" else s for s in path])


def may_change(path: Path) -> bool:
    """Whether a name of the user's, which leads to a library's object, may be bound to another."""
    match path[:1]:
        case (("global", names, key),):
            return key in names and not is_library_namespace(names)
        case (("closure", _),):
            return True
    return False


def default_values(f: FunctionType) -> list[tuple[str, Any]]:
    """Defaults of the last parameters in the order of the IR, by name."""
    code, values, keyword = f.__code__, f.__defaults__ or (), f.__kwdefaults__ or {}
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    last = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    given = list(zip(names, values, strict=True))
    if given:  # those without a default stand among them
        given += [(n, UNBOUND) for n in last if n not in keyword]
    return given + [(n, keyword[n]) for n in last if n in keyword]


def pullback_tree(value: object) -> PullbackTree | None:
    """The structure of a pullback that Python holds; None for anything else."""
    tree = getattr(value, "tree", None)
    return tree if isinstance(tree, PullbackTree) else None


def is_number(value: object) -> bool:
    """A number, array or pullback: a run-time parameter where a cell of the entry holds it."""
    if isinstance(value, NUMBERS):
        return not isinstance(value, (bool, np.bool_))
    return pullback_tree(value) is not None


def is_data(value: object) -> bool:
    """A structure of numbers among which is an array, or a record or dict with a float: what it
    holds is read at each call.  Tuples of numbers, and records of settings, are constants.
    """
    if parts_in(value) is None:
        return False
    found, work = False, [(value, False)]
    for _ in range(MANY):
        if not work:
            return found
        part, held = work.pop()
        inner = parts_in(part)
        if inner is not None:
            held = held or type(part) is not tuple
            work += [(v, held) for v in inner]
        elif isinstance(part, np.ndarray) or (held and isinstance(part, (float, np.floating))):
            found = True
        elif not (part is None or isinstance(part, SCALARS)):
            return False
    return False  # many, or without end


def is_cached(value: object) -> bool:
    """What functools.cache and lru_cache make: the function, which gives the same each time."""
    return isinstance(value, functools._lru_cache_wrapper)


def unwrapped(value: Any) -> tuple[Any, int]:
    """What is under the wrappers that leave a function as it is, `jit` and lru_cache, and how
    many those are."""
    depth = 0
    while is_cached(value) or (has_morula(value) and value.__morula__[0] == "jit"):
        value, depth = value.__wrapped__, depth + 1
    return value, depth


def is_library_namespace(names: Mapping[str, Any]) -> bool:
    """The names of a module of Python, NumPy, SciPy or Morula, which nobody binds anew."""
    package = str(names.get("__name__", "")).partition(".")[0]
    return package in sys.stdlib_module_names or package in ("numpy", "scipy", "morula")


def has_morula(value: object) -> bool:
    """Whether a value is one of Morula's callables: it says which word made it, and from what."""
    if isinstance(value, (type, ModuleType, FunctionType)):
        return False  # a function that wraps one may have its attributes
    word = getattr(value, "__morula__", None)
    return isinstance(word, tuple) and hasattr(value, "__wrapped__")


def is_library(f: FunctionType) -> bool:
    """A function that is never lowered: Morula's own, the standard library's, NumPy's, SciPy's."""
    package = (f.__module__ or "").split(".")[0]
    if package == "morula":
        return not (f.__module__ or "").startswith(WRITTEN_IN_IT)
    if package in ("numpy", "scipy"):
        return True
    file = f.__code__.co_filename
    return file.startswith("<frozen") or (
        file.startswith(STANDARD) and "site-packages" not in file and "dist-packages" not in file
    )


def library_name(value: Any) -> str | None:
    """The name by which a library's own function is known: `math.sin`, `abs`, `morula.grad`."""
    if isinstance(value, ModuleType):
        return value.__name__
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or has_morula(value):
        return None
    special = sys.modules.get("scipy.special")  # whose functions live elsewhere, or say nothing
    for module in (*LIBRARIES, special) if special else LIBRARIES:
        if vars(module).get(name, ABSENT) is value:
            return name if module is builtins else f"{module.__name__}.{name}"
    home = getattr(value, "__module__", None)
    if not isinstance(home, str):
        return None
    if home.split(".")[0] == "morula" and not home.startswith(WRITTEN_IN_IT):
        return f"morula.{name}"
    if isinstance(value, (FunctionType, BuiltinFunctionType)):
        if not isinstance(value, FunctionType) or is_library(value):
            return f"{home}.{name}"
    return None
