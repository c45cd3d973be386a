"""Calls: who is called, and with which arguments."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.binding import GATHER
from ...ir.core import Function, Op
from ...ir.structure import PullbackTree, Tree, leaf_types
from ...ir.types import Array
from .. import classes, names
from ..iterators import MAKERS
from ..resolve import follow, is_data, library_name, pullback_tree
from . import (
    builtins,
    custom,
    derivatives,
    instances,
    jacobians,
    mapping,
    narrow,
    readings,
    records,
    selection,
    sums,
)
from .trees import contiguous, tree_of_value, type_of_tree
from .values import AV, Dead, Label, Word, describe, static, typ

if TYPE_CHECKING:
    from .frame import Frame


def call(f: Frame, callee: AV, args: list[AV], kw: dict[str, AV]) -> AV:
    if any(a.kind == "undef" for a in args):
        raise Dead  # the first turn of a loop: see `desugar`
    match callee.kind:
        case "sum" | "boxed":
            each = sums.not_callable
            return sums.dispatch(f, callee, lambda g: call(f, g, args, dict(kw)), each)
        case "custom":
            return custom.call(f, callee, bind(f, callee, args, kw))
        case "fn":
            args = bind(f, callee, args, kw)
            if f.iterators:
                readings.given(f, f.program.functions[callee.info.fn], args)
            return instances.call(f, callee, args)
        case "derivative":
            callee = selection.counted(callee, len(args))
            if kw:
                callee = selection.holding(callee, kw := dict(kw))
            callee = mapping.aligned(f, callee, args, kw)
            return instances.call(f, callee, bind(f, callee, args, kw))
        case "pullback":
            return derivatives.pull(f, callee, args, kw)
        case "row" | "column":
            return jacobians.called(f, callee, args)
        case "lane":
            return mapping.called(f, callee, args)
        case "ufunc":
            return narrow.applied(f, callee, args)
        case "class":
            return records.construct(f, callee.info, args, kw)
        case "partial":
            return partial(f, callee, args, kw)
        case "record" | "cell":
            return records.called(f, callee, args, kw)
        case "name":
            name: str = callee.info
            if name.startswith("morula."):
                return derivatives.word(f, name.removeprefix("morula."), args, kw)
            for k, a in enumerate(args):
                if a.kind in sums.SUMS and name not in sums.TAKING:

                    def of(x: AV, k: int = k) -> AV:
                        return call(f, callee, [*args[:k], x, *args[k + 1 :]], dict(kw))

                    return sums.dispatch(f, a, of, sums.no_argument(name))
            result = builtins.builtin(f, name, args, kw)
            return readings.made(f, result) if name in MAKERS else result
    raise f.error(
        "E02",
        f"a call of {describe(typ(callee))}",
        "it is no function",
        "call a function: one with source, or one of math and NumPy",
    )


def direct(f: Frame, callee: AV, args: list[AV]) -> AV:
    """A call whose arguments stand in the order of the parameters already."""
    if callee.kind == "custom":
        return custom.call(f, callee, args)
    if callee.kind in ("fn", "derivative"):
        return instances.call(f, callee, args)
    return call(f, callee, args, {})


def partial(f: Frame, callee: AV, args: list[AV], kw: dict[str, AV]) -> AV:
    """A call of a bound method or of what functools.partial made."""
    inner, *given = callee.kids
    names = callee.info
    n = len(given) - len(names)
    keywords = dict(zip(names, given[n:], strict=True)) | kw
    return call(f, inner, [*given[:n], *args], keywords)


def global_(f: Frame, name: str, fn: str | None) -> AV:
    """What a name of the module stands for."""
    if fn is not None:
        return function(f, fn)
    tree = f.program.hidden_trees.get(name)
    if tree is not None:
        return parameter(f, name, tree)
    return of_object(f, name, f.program.lowered.globals.get(name))


def function(f: Frame, fn: str) -> AV:
    """A function of the module, with what it takes from outside."""
    program = f.program
    g = program.functions[fn]
    kids = captured(f, fn, g) if g.captures else []
    kids += [static(d) for d in g.attrs.get("defaults", ())]
    return AV("fn", Label(fn, len(g.captures)), tuple(kids))


def closure(f: Frame, op: Op, args: list[AV]) -> AV:
    """A function with its captures and defaults; literal defaults may stand in its header."""
    fn: str = op.attrs["fn"]
    if op.groups[1] == 0:
        header = f.program.functions[fn].attrs.get("defaults", ())
        args = [*args, *map(static, header)]
    return AV("fn", Label(fn, op.groups[0]), tuple(args))


def captured(f: Frame, fn: str, g: Function) -> list[AV]:
    """Numbers around a function that stands under `grad` or `jit` outside: hidden parameters."""
    program, lowered = f.program, f.program.lowered
    known = lowered._program
    assert known is not None
    out: list[AV] = []
    for v, cell in zip(g.captures, known.order[fn], strict=True):
        name, path = f"{fn}.{v.name}", known.cell_paths[cell]
        program.paths[name] = path
        tree = program.hidden_trees.get(name)
        tree = tree or tree_of_value(follow(path, lowered.entry), v.name, f.loc)
        out.append(parameter(f, name, tree))
    return out


def parameter(f: Frame, name: str, tree: Tree) -> AV:
    """What comes from outside at each call; arrays in one piece where the program writes such."""
    for t in leaf_types(tree):
        if isinstance(t, Array):
            narrow.demanded(f, t.elem)
    if np.ndarray in f.program.mutable:
        tree = contiguous(tree)
    return instances.hidden(f, name, type_of_tree(tree))


def of_object(f: Frame, name: str, value: Any) -> AV:
    """A Python object of the user's module."""
    if builtins.known(name) or name.startswith("morula."):
        return AV("name", name)
    about = getattr(value, "__morula__", None)
    if isinstance(about, tuple) and hasattr(value, "__wrapped__"):
        return morulas_own(f, name, about, value.__wrapped__)
    if isinstance(value, FunctionType):
        for fn, python in f.program.lowered.python.items():
            if python is value:
                return function(f, fn)
    if isinstance(value, np.ndarray) or pullback_tree(value) is not None:
        return parameter(f, name, tree_of_value(value, name, f.loc))
    if isinstance(value, type) and (
        not name.startswith("numpy.") or issubclass(value, BaseException)
    ):
        return AV("class", value)
    if classes.is_enum(value):
        return AV("const", value)
    if is_data(value):
        tree = tree_of_value(value, name, f.loc)
        t = type_of_tree(tree)
        # an array from outside is read only: a write to it is refused where it stands
        if not f.program.mutable.isdisjoint(set(records.classes_in(t)) - {np.ndarray}):
            raise f.error(
                "E11",
                f"`{name}` from outside, a {type(value).__name__}, in a program that writes such",
                "a write to it would be seen by nobody outside",
                "pass it as an argument",
            )
        return parameter(f, name, tree)
    if classes.is_record(type(value)):
        if classes.is_frozen(type(value)):
            return of_value(f, name, value)
        raise f.error(
            "E01",
            f"`{name}`, a {type(value).__name__} of the module, whose fields may change",
            "what compiled code knows of it would not be true for ever",
            "pass it as an argument, or let its class be frozen",
        )
    plain = literal_of(value)
    if plain is not UNKNOWN and (value is not None or name in f.program.lowered.globals):
        return static(plain)
    if value is not None and not callable(value):
        raise f.error(
            "E01",
            f"`{name}`, which is a {type(value).__name__}",
            "compiled code holds numbers, tuples, strings and arrays of the module around it",
            "use a tuple of numbers, or a 1-D array of float64",
        )
    if isinstance(getattr(value, "tree", None), PullbackTree):
        raise f.error(
            "E01",
            f"the pullback `{name}` from outside the function",
            "it is made anew in each call that makes it, and comes as an argument only",
            f"pass `{name}` as an argument",
        )
    return AV("name", name)


def of_value(f: Frame, name: str, value: Any) -> AV:
    """A Python object found on the way, such as a default: known under its library's name."""
    known = library_name(value)
    if known is None and isinstance(value, FunctionType):
        return records.function(f, value)
    if classes.is_record(type(value)) and classes.is_frozen(type(value)):
        kids = tuple([of_value(f, name, v) for v in classes.members(value)])
        return AV("record", type(value), kids)
    plain = literal_of(value)
    return static(plain) if plain is not UNKNOWN else of_object(f, known or name, value)


def morulas_own(f: Frame, name: str, about: tuple[Any, ...], wrapped: Any) -> AV:
    """What `jit`, `grad`, ... made outside, as if it were made here."""
    inner = of_object(f, name, wrapped)
    if about[0] == "jit":
        return inner
    options = about[1] if len(about) > 1 and isinstance(about[1], Mapping) else {}
    if about[0] in names.CUSTOM:
        rules = [of_object(f, f"{name}.{k}", v) for k, v in options.items()]
        return custom.made(f, about[0], [inner, *rules])
    argnums, has_aux = options.get("argnums", 0), bool(options.get("has_aux", False))
    if about[0] == "vmap":
        axes = (options.get("in_axes", 0), options.get("out_axes", 0))
        return AV("derivative", Word("vmap", None, axes=axes), (inner,))
    return derivatives.applied(about[0], inner, argnums, has_aux)


UNKNOWN = object()


def literal_of(value: Any) -> Any:
    """A number, None, string, or tuple of those, as Python's own; else UNKNOWN."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    if type(value) is tuple:
        parts = tuple([literal_of(v) for v in value])
        return UNKNOWN if any(p is UNKNOWN for p in parts) else parts
    return UNKNOWN


def bind(
    f: Frame, callee: AV, args: list[AV], kw: dict[str, AV], all_by_place: bool = False
) -> list[AV]:
    """Arguments in the order of the parameters, keywords and defaults put in their places.

    `all_by_place`: as `jvp` has primals, one for each parameter, keyword-only ones too, unless
    there is one that gathers the rest.
    """
    if callee.kind == "derivative" and callee.info.word != "jvp":
        return bind(f, callee.kids[0], args, kw, all_by_place)
    if callee.kind == "custom":
        return bind(f, callee.kids[0], args, kw, all_by_place)
    if callee.kind != "fn":
        if kw:
            builtins.plain(f, str(callee.info), args, kw, 0, None)
        return args
    fn = f.program.functions[callee.info.fn]
    every = [v.name for v in fn.params]
    rest, named = (every[k] if (k := fn.attrs.get(w, -1)) >= 0 else None for w in GATHER)
    params = [n for n in every if n not in (rest, named)]
    most = len(params) - fn.attrs.get("kwonly", 0)
    out: dict[str, AV] = {}
    if all_by_place and rest is None:
        most = len(params)
    if len(args) > most and rest is None:
        raise mismatch(f, fn.name, f"{len(args)} arguments", params)
    out.update(zip(params[:most], args, strict=False))
    by_name = params[fn.attrs.get("posonly", 0) :]
    more: dict[str, AV] = {}
    for name, a in kw.items():
        if name not in by_name and named is not None:
            more[name] = a
            continue
        if name not in by_name:
            close = difflib.get_close_matches(name, by_name, 1)
            raise mismatch(f, fn.name, f"the keyword `{name}`", params, close)
        if name in out:
            raise mismatch(f, fn.name, f"two values for `{name}`", params)
        out[name] = a
    defaults = callee.kids[callee.info.captures :]
    for name, a in zip(params[len(params) - len(defaults) :], defaults, strict=True):
        if a.kind != "unbound":
            out.setdefault(name, a)
    if rest is not None:
        out[rest] = AV("tuple", None, tuple(args[most:]))
    if named is not None:
        out[named] = records.kept(f, dict, AV("dict", tuple(more), tuple(more.values())))
    missing = [p for p in params if p not in out]
    if missing:
        raise mismatch(f, fn.name, f"no value for `{missing[0]}`", params)
    return [out[p] for p in every]


def mismatch(
    f: Frame, name: str, found: str, params: list[str], close: list[str] | None = None
) -> Exception:
    instead = f"write `{close[0]}`" if close else "pass one value for each"
    return f.error("E03", f"{name}: {found}", f"its parameters are ({', '.join(params)})", instead)
