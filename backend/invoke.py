"""Calling native code from Python, for what the vectorcall function does not take or give.

Every call has a context of its own.  A pullback that the call returns owns that context: its
residuals stand in the arena, and arrays that came from the caller are copied before the call, so
nobody can change them under it.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MethodType
from typing import Any

import numpy as np

from ..ir.core import Module
from ..ir.structure import (
    Boxed,
    Constant,
    Given,
    Leaf,
    Moved,
    PullbackTree,
    Record,
    Shared,
    Sum,
    Tree,
    Tuple,
    Updated,
    leaf_types,
)
from . import runtime
from .border import BorderError, flatten, rebuild
from .call import stack_limit
from .callable_type import Callable as CompiledCallable
from .cotangent import cotangent
from .identity import borrowed, finish, refuse_shared, refuse_unwritable
from .leaves import from_words, slots, to_words

_ENTRY = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_CONTEXT = struct.Struct("=QQQqqqQ")
_NOWHERE = 64  # an empty chunk that starts at no null pointer
_HEADER = ctypes.c_size_t * 3  # of a chunk: the one before it, malloc's pointer, bytes
_MOST = 8
_warm: list[int] = []  # up to so many chunks of the first size, paged in


class Native:
    """A compiled function and the structure of what goes in and comes out.

    `address` is that of its external wrapper `entry.NAME`; `inputs` are the trees of captures and
    parameters; `owner` keeps the code.  `pull(tree)` compiles what applies a pullback of that
    structure, a function of the box and a cotangent's leaves, and is asked when one is called;
    `refuse` makes of a wrong cotangent's error what the user is to see.
    """

    def __init__(
        self,
        address: int,
        inputs: Sequence[Tree],
        result: Tree,
        failure: Callable[[int], BaseException],
        owner: object = None,
        module: Module | None = None,
        pull: Callable[[PullbackTree], tuple[str, Native]] | None = None,
        refuse: Callable[[BorderError], Exception] | None = None,
    ) -> None:
        self.refuse = refuse
        self.first = 0  # inputs before the arguments, which nobody sees
        self.inputs, self.result, self.failure = tuple(inputs), result, failure
        self.owner, self.module, self.pull = owner, module, pull
        self.run = _ENTRY(address)
        self.holds_pullback = _holds_pullback(result)
        self.types = [t for tree in self.inputs for t in leaf_types(tree)]
        self.results = list(leaf_types(result))
        self.given, self.taken = slots(tuple(self.types)), slots(tuple(self.results))
        self.buffer = ctypes.c_char * max(1, self.taken.size)


class Arena:
    """A context whose memory lives as long as this object; a small chunk is used again later."""

    __slots__ = ("ctx", "keep")

    def __init__(self) -> None:
        self.keep: tuple[object, ...] = ()
        chunk, start, end = 0, _NOWHERE, _NOWHERE
        if _warm:
            try:
                chunk = _warm.pop()  # one step, so no other thread gets it
                start = chunk + runtime.HEADER
                end = start + runtime.FIRST
            except IndexError:
                pass
        values = (start, end, chunk, stack_limit(), runtime.POLL, 0, 0)
        self.ctx = runtime.Context.from_buffer_copy(_CONTEXT.pack(*values))

    def __del__(self, free: Any = runtime.free, warm: list[int] = _warm) -> None:
        ctx = self.ctx
        if ctx.chunk and not ctx.reserve and len(warm) < _MOST:
            before, _, size = _HEADER.from_address(ctx.chunk)
            if not before and size == runtime.FIRST:
                warm.append(ctx.chunk)
                return
        if ctx.chunk or ctx.reserve:
            free(ctx)


NOTHING: Mapping[int, Any] = {}


def invoke(native: Native, args: Sequence[Any]) -> Any:
    """The result for these values of the function's inputs."""
    trees = native.inputs
    outer = args[native.first :]
    refuse_shared(native.result, trees[native.first :], outer)
    refuse_unwritable(native.result, outer, args[: native.first])
    leaves = [leaf for t, v in zip(trees, args, strict=True) for leaf in flatten(t, v)]
    keeps = native.holds_pullback
    if keeps:
        leaves = [v.copy() if isinstance(v, np.ndarray) else v for v in leaves]
    arena = Arena()
    lent = {_address(v): v for v in borrowed(native.result, outer)}
    got = _run(native, arena, leaves, lent)
    if not keeps:
        return finish(native.result, iter(got), outer, _no_pullback)
    # a box that came in may be inside one that goes out
    boxes = [v for v in args if not isinstance(v, (int, float, np.ndarray))]
    arena.keep = (native.owner, leaves, boxes)
    sizes = _shapes(native.result, got)

    def make(tree: PullbackTree, box: int, known: list[Any]) -> Pullback:
        return Pullback(tree, box, arena, native, sizes.get(tree.primal, ()), known)

    return finish(native.result, iter(got), outer, make)


def _address(a: np.ndarray[Any, Any]) -> int:
    address: int = a.__array_interface__["data"][0]
    return address


def _run(
    native: Native, arena: Arena, leaves: Sequence[Any], lent: Mapping[int, Any] = NOTHING
) -> list[Any]:
    """Leaves in, leaves out; arrays that come out are copies, but those lent to be written."""
    given = [w for t, v in zip(native.types, leaves, strict=True) for w in to_words(t, v)]
    taken = native.buffer()
    status = native.run(ctypes.addressof(arena.ctx), native.given.pack(*given), taken)
    if status:
        raise native.failure(arena.ctx.site)
    left = iter(native.taken.unpack_from(taken))
    return [from_words(t, left, lent) for t in native.results]


def _holds_pullback(tree: Tree) -> bool:
    match tree:
        case PullbackTree():
            return True
        case Tuple(kids) | Record(_, _, kids) | Sum(kids):
            return any(map(_holds_pullback, kids))
        case Updated(result, writes, shared):
            parts = (result, *[record for _, record in writes], *shared)
            return any(map(_holds_pullback, parts))
    return False


Shapes = tuple[tuple[int, ...] | None, ...]


def _shapes(tree: Tree, leaves: Sequence[Any]) -> dict[Tree, Shapes]:
    """For each part of a result the shapes of its arrays: what a pullback's cotangent has.

    A pullback stands beside the result that it belongs to; two parts of one structure whose
    shapes differ leave the question open.
    """
    found: dict[Tree, Shapes] = {}

    def walk(part: Tree, left: Iterator[Any]) -> Shapes:
        sizes: Shapes = ()
        match part:
            case Leaf():
                leaf = next(left)
                sizes = (leaf.shape if isinstance(leaf, np.ndarray) else None,)
            case Tuple(kids) | Record(_, _, kids):
                sizes = tuple(n for kid in kids for n in walk(kid, left))
            case Sum(kids):
                next(left)
                sizes = (None, *[n for kid in kids for n in walk(kid, left)])
            case Updated(result, writes, shared):
                sizes = walk(result, left)
                for record in (*[r for _, r in writes], *shared):
                    walk(record, left)
            case Boxed() | Moved() | PullbackTree() | Constant() | Given() | Shared():
                sizes = (None,) * len([next(left) for _ in leaf_types(part)])
        if found.setdefault(part, sizes) != sizes:
            found[part] = (None,) * len(sizes)
        return sizes

    walk(tree, iter(leaves))
    return found


def _no_pullback(tree: PullbackTree, box: int, known: list[Any]) -> Any:
    raise AssertionError(tree)


class Pullback:
    """What `vjp` returns beside the value: cotangent of the result -> cotangents of arguments.

    Immutable; any thread may call it, as often as it likes.  `box` is its native part, which
    compiled code takes as an argument, `tree` its structure, `function` the typed function of
    `module` that it applies, `known` the leaves beside the box.
    """

    __slots__ = ("tree", "box", "known", "_arena", "_native", "_shapes", "__weakref__")

    def __init__(
        self,
        tree: PullbackTree,
        box: int,
        arena: Arena,
        native: Native,
        lengths: Shapes = (),
        known: Sequence[Any] = (),
    ) -> None:
        set = object.__setattr__
        set(self, "tree", tree)
        set(self, "box", box)
        set(self, "known", tuple(known))
        set(self, "_arena", arena)
        set(self, "_native", native)
        set(self, "_shapes", lengths)

    tree: PullbackTree
    box: int
    known: tuple[Any, ...]
    _arena: Arena
    _native: Native
    _shapes: Shapes

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a pullback is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a pullback is immutable")

    def _pull(self) -> tuple[str, Native]:
        if self._native.pull is None:
            raise BorderError("E09", "this pullback cannot be applied from Python")
        return self._native.pull(self.tree)

    @property
    def module(self) -> Module | None:
        return self._native.module

    @property
    def function(self) -> str:
        return self._pull()[0]

    @property
    def __call__(self) -> Any:
        """Through native code, which takes our own frames out of the traceback of an error."""
        return MethodType(_applied, self)

    def __repr__(self) -> str:
        kind = "pushforward" if self.tree.spread else "pullback"
        return f"<{kind} of {self.tree.record.partition('.pull')[0]}>"

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle a pullback: it lives in this process's memory")


def pullback(of: Pullback, *cts: Any) -> Any:
    """Apply a pullback to a cotangent of the result, a pushforward to tangents of the arguments."""
    native, tree = of._native, of.tree
    try:
        if tree.spread:
            given = cotangent(tree.primal, cts, (), "tangents")
        elif len(cts) == 1:
            given = cotangent(tree.primal, cts[0], of._shapes)
        else:
            raise BorderError("E09", f"a pullback got {len(cts)} arguments", "pass one cotangent")
    except BorderError as error:
        if native.refuse is None:
            raise
        raise native.refuse(error) from None
    pull = of._pull()[1]
    arena = Arena()  # until the boxes in it are read
    got = _run(pull, arena, [of.box, *of.known, *given])
    return rebuild(pull.result, iter(got), _no_pullback)


_applied = CompiledCallable(pullback, lambda _, *args: pullback(*args))
