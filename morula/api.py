"""The public callables: what `jit`, `grad`, `value_and_grad`, `vjp` and `jvp` return, and `lower`.

A callable starts as Python.  The first call with arguments of some structure compiles a
specialisation and puts it at the head of the object's native chain; what it does not take comes
back here.  Compiled programs are shared by all callables of the same code: `grad(f)` made anew in
a loop compiles once.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from .backend.border import BorderError, classify
from .backend.callable_type import Callable as NativeCallable
from .backend.identity import aliases
from .backend.invoke import Pullback
from .frontend.classes import is_record
from .frontend.errors import Error
from .frontend.names import PAIRED
from .frontend.prelude.calling import applied, called, calling, on_parts
from .frontend.resolve import has_morula, is_cached, pullback_tree
from .ir.structure import Aliases, Tree
from .ir.widen import widest
from .overlap import in_parts, overlapping
from .pipeline import Compilation, Target, Word
from .program import Program, Unhashable, cells_key, refused, site_of

if TYPE_CHECKING:
    from .lowered import Lowered

ARGNUMS = int | str | Sequence[int | str]
GATHERING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
FASTMATH = (False, True, "adjoint")
_lock = threading.RLock()
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.RLock()))
_programs: dict[Any, Program] = {}
_known: dict[Any, list[tuple[Tree, ...]]] = {}  # structures with boxes that programs serve
_signatures: WeakKeyDictionary[FunctionType, inspect.Signature] = WeakKeyDictionary()
_run_time: dict[Any, frozenset[str]] = {}  # by program: globals that are read at each call


def jit(f: Callable[..., Any], *, fastmath: bool | str = "adjoint") -> Any:
    """Compile f at its first call; the result behaves like f.

    Arguments and results: floats, ints, bools, None, strings, enum members, arrays of any rank and
    layout (float64, float32, ints up to 64 bits, bools), pullbacks, and tuples, named tuples,
    dataclasses, dicts and lists of these.  Floats give inf or nan where Python raises; ints are
    64 bits and raise OverflowError.  `fastmath="adjoint"` lets sums of derivatives be reordered,
    False nothing, True everything.

    With MORULA_DISABLE_JIT=1 in the environment this is f itself, and derivatives are interpreted.

    Raises morula.Error at the first call where f is outside the language.
    """
    if fastmath not in FASTMATH:
        raise ValueError(f"fastmath is False, True or 'adjoint', not {fastmath!r}")
    if disabled():
        return f
    return made("jit", f, {}, fastmath=fastmath)


def grad(f: Callable[..., Any], argnums: ARGNUMS = 0, has_aux: bool = False) -> Any:
    """The gradient of a function with one float result, by the arguments that `argnums` names.

    The gradient has the structure of the argument, None where that holds no float; several
    argnums give a tuple.  With `has_aux` f returns (float, more), and the callable (gradient,
    more).  Works inside compiled functions, and on its own results.

    Raises morula.Error E09 where the result is no float, or the argument holds none.
    """
    return made("grad", f, options_of(f, argnums, has_aux))


def value_and_grad(f: Callable[..., Any], argnums: ARGNUMS = 0, has_aux: bool = False) -> Any:
    """As `grad`, but the callable returns (value, gradient) at little more than the gradient's
    cost; with `has_aux` ((value, more), gradient).
    """
    return made("value_and_grad", f, options_of(f, argnums, has_aux))


def vjp(
    f: Callable[..., Any], *args: Any, argnums: ARGNUMS | None = None, has_aux: bool = False
) -> Any:
    """(f(*args), pullback): the pullback takes a cotangent of the result, as often as you like.

    It returns a tuple, one entry per argument (None where an argument holds no float), or what
    `argnums` names.  With `has_aux` f returns (y, more), and the result is (y, pullback, more).
    """
    return made("vjp", f, options_of(f, argnums, has_aux))(*args)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """(f(*primals), directional derivative along `tangents`)."""
    return made("jvp", f, {})(*pairs("jvp", primals, tangents))


def linearize(f: Callable[..., Any], *args: Any) -> Any:
    """(f(*args), pushforward): the pushforward takes a tangent for each argument, as often as you
    like, and gives that of the result.
    """
    return made("linearize", f, {})(*args)


def jacfwd(f: Callable[..., Any], argnums: ARGNUMS = 0, has_aux: bool = False) -> Any:
    """The Jacobian by forward mode: the structure of f's result and, where a float or an array
    stands in it, that of the arguments that `argnums` names.

    The derivative of an array y by an array x has the shape y.shape + x.shape, and is float32 where
    one of them is, else float64; a number has the shape ().  Its cost grows with the number of
    elements of the arguments: f runs once, and once more for every few of these, whose tangents go
    in one pass.  With `has_aux` f returns (y, more), and the callable (Jacobian, more).

    Raises morula.Error E09 where the result or an argument holds no float, or a list or tree whose
    number of floats is known at run time only.
    """
    return made("jacfwd", f, options_of(f, argnums, has_aux))


def jacrev(f: Callable[..., Any], argnums: ARGNUMS = 0, has_aux: bool = False) -> Any:
    """As `jacfwd` by reverse mode: f runs once, and is pulled back through once for each element of
    its result.
    """
    return made("jacrev", f, options_of(f, argnums, has_aux))


def hessian(f: Callable[..., Any], argnums: ARGNUMS = 0, has_aux: bool = False) -> Any:
    """The second derivatives, `jacfwd(jacrev(f))`; several argnums give a tuple of tuples.

    By an array x they have the shape y.shape + x.shape + x.shape.
    """
    return made("hessian", f, options_of(f, argnums, has_aux))


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Any:
    """f of one example as a function of many, by a native loop over an axis of the arguments.

    `in_axes` is an axis for each argument by place, None for what every example gets whole; one int
    serves all.  Within an argument axes may stand in its structure: tuples, dicts, records.
    Arguments by keyword are taken apart along axis 0, defaults not.  Results are numbers, arrays,
    and tuples, records and dicts of them; each gets one more axis, where `out_axes` says, and has
    the dtype that it has for one example.  Works inside compiled functions, of derivatives
    (`vmap(grad(f))` gives one gradient for each example), and under them.

    Raises ValueError where the mapped axes differ in size, where results of several examples differ
    in shape, or where there is no example and f returns arrays; morula.Error E03 where there is
    nothing to map over, or no such axis.
    """
    options = {"in_axes": axes_of(in_axes), "out_axes": axes_of(out_axes)}
    if None in options.values():
        raise TypeError("vmap maps over an axis of some argument: in_axes and out_axes say which")
    return made("vmap", f, {n: a for n, a in options.items() if a != 0})


def axes_of(axes: Any) -> Any:
    """Axes as ints, None, tuples of them, and pairs of a name and axes for dicts and records."""
    if isinstance(axes, (tuple, list)):
        return tuple(map(axes_of, axes))
    if dataclasses.is_dataclass(axes) and not isinstance(axes, type):
        axes = {x.name: getattr(axes, x.name) for x in dataclasses.fields(axes)}
    if isinstance(axes, dict) and all(isinstance(name, str) for name in axes):
        return tuple([(name, axes_of(a)) for name, a in axes.items()])
    if axes is None or (isinstance(axes, (int, np.integer)) and not isinstance(axes, bool)):
        return axes if axes is None else int(axes)
    raise TypeError(f"axes are ints, None, and tuples, dicts and records of them, not {axes!r}")


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of f, which has one float result, times `tangents`: a tuple with one entry for
    each primal, at a small multiple of the gradient's cost.
    """
    return made("hvp", f, {})(*pairs("hvp", primals, tangents))


def stop_gradient(x: Any) -> Any:
    """x itself; in compiled code no derivative passes through it."""
    return x


def lower(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Lowered:
    """The stages of f (or of `grad(f)`, ...) compiled for such arguments."""
    return front(f).lower(*args, **kwargs)


def checked_argnums(f: Any, argnums: Any) -> Any:
    """A hashable argnums: an int, a name, or a tuple of them."""
    several = isinstance(argnums, (tuple, list))
    found = [argnum(a) for a in (argnums if several else [argnums])]
    if not found or None in found:
        function = f
        while isinstance(function, NativeCallable):
            function = function.__wrapped__
        site = site_of(function) if isinstance(function, FunctionType) else None
        raise Error(
            "E09",
            site,
            f"argnums={argnums!r}",
            "it says which arguments to differentiate by",
            "write a position, a name, or a tuple of them: 0, 'rate', (0, 1)",
        )
    return tuple(found) if several else found[0]


def argnum(value: Any) -> int | str | None:
    """A position or a name; None for anything else."""
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, (int, str)):
        return value
    return int(value) if isinstance(value, np.integer) else None


def options_of(f: Any, argnums: Any, has_aux: bool = False) -> dict[str, Any]:
    """Options of a word, without those that have their usual value."""
    found = {"argnums": None if argnums is None else checked_argnums(f, argnums)}
    return found | {"has_aux": True} if has_aux else found


def pairs(word: str, primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Primals and tangents as tuples of one length."""
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"{word} takes a tuple of primals and a tuple of tangents: {word}(f, (x,), (dx,))"
        )
    if len(primals) != len(tangents):
        raise TypeError(f"{word} got {len(primals)} primals and {len(tangents)} tangents")
    return tuple(primals), tuple(tangents)


# ---- callables


def disabled() -> bool:
    """Whether nothing is to be compiled to native code."""
    return os.environ.get("MORULA_DISABLE_JIT", "0") not in ("", "0")


def front(f: Any) -> Front:
    """The Python side of a callable, or of a plain function as `jit` would make it."""
    if isinstance(f, Interpreted):
        return f.front
    if isinstance(f, NativeCallable):
        side: Front = f._slow.__self__
        return side
    return Front(Target(plain(f, "lower"), words_of(f)), "jit", "adjoint")


def made(word: str, f: Any, options: dict[str, Any], fastmath: bool | str = "adjoint") -> Any:
    """The callable of one word applied to a function, or to another callable."""
    if not callable(f):
        raise TypeError(f"{word} takes a function, not {f!r}")
    bottom = plain(f, word)
    words = (*words_of(f), *([(word, options)] if word != "jit" else []))
    target = Target(bottom, tuple([(w, by_place(bottom, o)) for w, o in words]))
    about = (word, options)
    front = Front(target, word, fastmath)
    if disabled():
        return Interpreted(f, front, about)
    return NativeCallable(
        f,
        front.slow,
        title=f"{word}({getattr(f, '__qualname__', repr(f))})",
        about=about,
        lower=front.lower,
    )


def words_of(f: Any) -> tuple[Word, ...]:
    """The derivative words that a callable stands for, innermost first."""
    if is_cached(f):
        return words_of(f.__wrapped__)
    if not has_morula(f):
        return ()
    word, options = f.__morula__
    inner = words_of(f.__wrapped__)
    return inner if word == "jit" else (*inner, (word, options))


def by_place(f: FunctionType, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options in which `argnums` names no parameter that a function of `*args` gathers."""
    inner, wanted = called(f), options.get("argnums")
    if inner is None or wanted is None:
        return options
    places = {
        name: k
        for k, (name, p) in enumerate(inspect.signature(inner).parameters.items())
        if p.kind is p.POSITIONAL_OR_KEYWORD
    }
    if isinstance(wanted, tuple):
        return {**options, "argnums": tuple([places.get(a, a) for a in wanted])}
    return {**options, "argnums": places.get(wanted, wanted)}


def plain(f: Any, word: str) -> FunctionType:
    """The Python function at the bottom."""
    while is_cached(f) or has_morula(f):
        f = f.__wrapped__
    if pullback_tree(f) is not None:
        f = applied(f)
    elif isinstance(f, (functools.partial, MethodType)) or (callable(f) and is_record(type(f))):
        f = calling(f)
    elif isinstance(f, FunctionType) and any(map(holds_function, defaults_of(f))):
        f = calling(f)  # they stay where the compiler finds them
    if not isinstance(f, FunctionType):
        raise TypeError(
            f"{word} takes a Python function, not {type(f).__name__} {f!r}: "
            "write a function that calls it"
        )
    return f


def defaults_of(f: FunctionType) -> list[Any]:
    return [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]


def holds_function(value: Any) -> bool:
    """Whether a value is a function, or a tuple or dict that has one."""
    if type(value) in (tuple, dict):
        return any(map(holds_function, value.values() if type(value) is dict else value))
    return callable(value) and not is_record(type(value)) and not isinstance(value, Pullback)


class Interpreted:
    """What a derivative is where nothing is compiled: stage `ad` in the reference interpreter."""

    def __init__(self, f: Any, front: Front, about: tuple[str, dict[str, Any]]) -> None:
        functools.update_wrapper(self, f)
        self.__wrapped__ = f
        self.__morula__ = about
        self.front = front

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.lower(*args, **kwargs).run("ad")

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        return self.front.lower(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<morula {self.__morula__[0]}({getattr(self.__wrapped__, '__qualname__', '')})>"


class Front:
    """What a callable does in Python: bind, find or compile a program, install it."""

    def __init__(self, target: Target, word: str, fastmath: bool | str) -> None:
        self.target, self.word, self.fastmath = target, word, fastmath
        self.calls: dict[Program, int] = {}  # that came here, by the program that took them

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        f = self.target.function
        found = _signatures.get(f)
        if found is None:
            found = _signatures[f] = inspect.signature(f, follow_wrapped=False)
        return found

    @functools.cached_property
    def order(self) -> tuple[str, ...]:
        """Parameters as compiled code has them."""
        parameters = self.signature.parameters.values()
        keyword = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        rest = [p for p in parameters if p.kind in GATHERING]
        places = [p for p in parameters if p not in keyword and p not in rest]
        required = [p for p in keyword if p.default is p.empty]
        optional = [p for p in keyword if p.default is not p.empty]
        late = [p for p in places if p.default is not p.empty]
        early = places[: len(places) - len(late)]
        # as `frontend.source.parameters` has them
        order = [*early, *rest, *late, *required, *optional]
        return tuple(p.name for p in (order if late else [*early, *required, *rest, *optional]))

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments in the order of the parameters, defaults filled in."""
        if self.word == "jvp":
            return self.dual(*args)
        if self.word in PAIRED:
            return args
        try:
            found = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise hidden(TypeError(f"{self.target.function.__name__}(): {error}")) from None
        found.apply_defaults()
        return tuple(found.arguments[name] for name in self.order)

    def dual(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, ...]:
        """Primals and tangents of a `jvp`, defaults filled in with tangents of zero."""
        parameters = list(self.signature.parameters.values())[len(primals) :]
        rest = [p.default for p in parameters]
        gathers = any(p.kind is p.VAR_POSITIONAL for p in self.signature.parameters.values())
        if gathers or any(v is inspect.Parameter.empty for v in rest):
            return primals, tangents  # too few: the compiler says which
        return (*primals, *rest), (*tangents, *map(zero_tangent, rest))

    def params(self, count: int) -> tuple[str, ...]:
        if self.word in PAIRED:
            return ("primals", "tangents")
        return self.order[:count]

    def slow(self, this: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A call that no native code of this object has taken."""
        values = self.bound(args, kwargs)
        trees = self.trees(values)
        program = self.program(trees, aliases(trees, values))
        if not self.target.words and (places := overlapping(program.result, values)):
            apart = on_parts(self.target.function)
            return made("jit", apart, {}, self.fastmath)(*in_parts(values, places))
        # where a parameter gathers arguments, native code could not tell (1.0, (2.0,)) from both
        gathers = any(p.kind in GATHERING for p in self.signature.parameters.values())
        if not kwargs and not gathers and len(args) == len(values):
            # a callable made for one call only, such as grad(f)(x), is not worth the installing
            self.calls[program] = count = self.calls.get(program, 0) + 1
            if count == 2:
                program.install(this, self.target.function)
        return program.call(self.target.function, values)

    def trees(self, values: Sequence[Any]) -> tuple[Tree, ...]:
        names = self.params(len(values))
        f = self.target.function
        try:
            return tuple(classify(v, n) for v, n in zip(values, names, strict=True))
        except BorderError as error:
            raise refused(error, f) from None

    def program(self, trees: tuple[Tree, ...], same: Aliases = ()) -> Program:
        """The compiled program for arguments of this structure; compiled if it is new."""
        f = self.target.function
        with _lock:
            key: Any
            try:
                cells = cells_key(f)
                words = tuple((w, tuple(o.items())) for w, o in self.target.words)
                about = (f.__code__, cells, id(f.__globals__), words, self.fastmath, same)
                key = (about, trees)
                found = _programs.get(key)
            except Unhashable:
                return Program(self.compilation(trees, same))
            changed = found.stale(f) if found is not None else []
            if found is not None and not changed and found.fits(f):
                return found
            self.loosen(key, changed)
            wide = widest(_known.setdefault(about, []), trees)
            if wide != trees and (found := self.covered(about, wide, same)) is not None:
                _programs[key] = found
                return found
            program = Program(self.compilation(trees, same, _run_time.get(key, ())))
            _programs[key] = program
            return program

    def covered(self, about: Any, wide: tuple[Tree, ...], same: Aliases) -> Program | None:
        """The program for a wider structure than that of the arguments, if there can be one."""
        f = self.target.function
        found = _programs.get((about, wide))
        if found is None or found.stale(f) or not found.fits(f):
            try:
                run_time = _run_time.get((about, wide), ())
                found = Program(self.compilation(wide, same, run_time))
            except Error:
                return None
            _programs[about, wide] = found
        return found

    def loosen(self, key: Any, changed: list[str]) -> None:
        """A global number that has changed once is a run-time parameter from now on."""
        globals = self.target.function.__globals__
        numbers = [n for n in changed if type(globals.get(n)) in (int, float)]
        _run_time[key] = _run_time.get(key, frozenset()) | frozenset(numbers)

    def compilation(
        self, trees: tuple[Tree, ...], same: Aliases = (), run_time: Iterable[str] = ()
    ) -> Compilation:
        from .link import around, link

        target = Target(self.target.function, self.target.words, self.params(len(trees)))
        globals = self.target.function.__globals__
        hidden = {n: classify(globals[n], n) for n in run_time}
        linked, library = link((*trees, *around(self.target.function)))
        return Compilation(target, trees, self.fastmath, hidden, linked, library, same)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        from .lowered import Lowered

        values = self.bound(args, kwargs)
        trees = self.trees(values)
        return Lowered(self.compilation(trees, aliases(trees, values)), values, self.bound)


def zero_tangent(value: Any) -> Any:
    """The tangent of an argument that does not move."""
    if isinstance(value, tuple):
        return tuple(map(zero_tangent, value))
    if isinstance(value, np.ndarray):
        return np.zeros(value.shape)
    return 0.0 if isinstance(value, (float, np.floating)) else None


def hidden(error: Exception) -> Exception:
    """An error of the call, not of this package: its traceback shows the user's frames only."""
    error.hide_frames = True  # type: ignore[attr-defined]
    return error
