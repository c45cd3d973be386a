"""Lists whose length the run decides, at the border: rows of Python's as columns of numbers.

    [(1.0, 2), (3.0, 4)]       2, [1.0, 3.0], [2, 4]
    [[1.0, 2.0], [3.0]]        2, handles [0, 1]; count 2, used 3, starts [0, 2], lengths [2, 1],
                               rooms [2, 1], [1.0, 2.0, 3.0]

Arrays and lists among the elements stand in pools, by handles (see `frontend/specialize/pools.py`):
what is one object in Python has one handle, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..ir.structure import Leaf, Listed, Pooled, Tree, pooled_in
from ..ir.structure import leaf_types as types_of
from ..ir.types import DTYPES, I64, Array, Scalar

Go = Callable[[Tree, Iterator[Any]], Any]  # a value of its leaves
Apart = Callable[[Tree, Any], Iterator[Any]]  # the leaves of a value
INTS = DTYPES[I64]


# ---- from leaves to lists -----------------------------------------------------------------------


def rows(element: Tree, leaves: Iterator[Any], go: Go) -> Callable[[int], Any]:
    """What gives an element by its place; `go` makes one of its leaves."""
    columns = [next(leaves) for _ in types_of(element)]
    found = [objects(p, leaves, go) for p in pooled_in(element)]
    handles = places(element)

    def at(i: int) -> Any:
        row = [c[i].item() for c in columns]
        for j, k in enumerate(handles):
            row[k] = found[j](row[k])
        return go(element, iter(row))

    return at


def objects(pooled: Pooled, leaves: Iterator[Any], go: Go) -> Callable[[int], Any]:
    """What gives an object of a pool by its handle, the same one each time."""
    _, _, starts = (next(leaves) for _ in range(3))
    made: dict[int, Any] = {}
    kid = pooled.kid
    if isinstance(kid, Leaf):
        assert isinstance(kid.type, Array)
        lengths = [next(leaves) for _ in range(kid.type.rank)]
        data = next(leaves)

        def build(handle: int) -> Any:
            shape = tuple([int(n[handle]) for n in lengths])
            size = int(np.prod(shape, dtype=np.int64))
            return data[starts[handle] : starts[handle] + size].reshape(shape).copy()
    else:
        counts, _ = next(leaves), next(leaves)
        element = kid.element
        at = rows(element, leaves, go) if element is not None else None

        def build(handle: int) -> Any:
            first = int(starts[handle])
            return [at(first + k) for k in range(int(counts[handle]))] if at else []

    def get(handle: int) -> Any:
        if handle not in made:
            made[handle] = build(handle)
        return made[handle]

    return get


def places(element: Tree) -> list[int]:
    """Which leaves of an element are handles."""
    found: list[int] = []
    at = 0

    def walk(tree: Tree) -> None:
        nonlocal at
        if isinstance(tree, Pooled):
            found.append(at)
        if isinstance(tree, Pooled) or not hasattr(tree, "kids"):
            at += len(list(types_of(tree)))
            return
        at += len(list(types_of(tree))) - sum(len(list(types_of(k))) for k in tree.kids)
        for kid in tree.kids:
            walk(kid)

    walk(element)
    return found


# ---- from lists to leaves -----------------------------------------------------------------------


def columns(element: Tree | None, values: Sequence[Any], apart: Apart) -> Iterator[Any]:
    """The leaves of a list after its length."""
    if element is None:
        return
    table = [list(apart(element, v)) for v in values]
    handles = places(element)
    found: list[list[Any]] = []
    for k in handles:
        known: dict[int, int] = {}
        held: list[Any] = []
        for row in table:
            value = row[k]
            if id(value) not in known:
                known[id(value)] = len(held)
                held.append(value)
            row[k] = known[id(value)]
        found.append(held)
    for k, t in enumerate(types_of(element)):
        assert isinstance(t, Scalar)
        yield np.array([row[k] for row in table], DTYPES[t])
    for pooled, held in zip(pooled_in(element), found, strict=True):
        yield from pool(pooled, held, apart)


def pool(pooled: Pooled, held: Sequence[Any], apart: Apart) -> Iterator[Any]:
    kid = pooled.kid
    lists = isinstance(kid, Listed)
    sizes = [len(v) if lists else v.size for v in held]
    starts = np.cumsum([0, *sizes])
    yield len(held)
    yield int(starts[-1])
    yield starts[:-1].astype(INTS)
    if isinstance(kid, Listed):
        lengths = np.array(sizes, INTS)
        yield lengths
        yield lengths.copy()
        yield from columns(kid.element, [x for v in held for x in v], apart)
        return
    assert isinstance(kid, Leaf) and isinstance(kid.type, Array)
    for axis in range(kid.type.rank):
        yield np.array([v.shape[axis] for v in held], INTS)
    parts = [np.ravel(v) for v in held]
    yield np.concatenate(parts) if parts else np.zeros(0, DTYPES[kid.type.elem])
