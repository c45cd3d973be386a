"""Which objects are one, across a call: arguments that stand twice, results that share.

Structures are trees, and Python's values need not be: one record may stand at several places.  Of
the arguments, `aliases` says which ones, and is a part of what a program is compiled for.  Of a
result, `Given` and `Shared` say it, and `finish` makes it so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..ir.parts import empty, fill, part_names, parts_in, parts_of
from ..ir.structure import (
    KEPT,
    Aliases,
    Boxed,
    Given,
    Leaf,
    Listed,
    PullbackTree,
    Record,
    Shared,
    Sum,
    Tree,
    Tuple,
    Updated,
    Way,
    leaf_types,
)
from ..ir.types import DTYPES, Array
from .border import BorderError, rebuild

Places = Iterator[tuple[Way, Tree, Any]]


def places(trees: Sequence[Tree], args: Sequence[Any], way: Way = ()) -> Places:
    """Records among the arguments, and what is one of several or in boxes, by the ways to them."""
    for k, (tree, value) in enumerate(zip(trees, args, strict=True)):
        if isinstance(tree, (Record, Tuple)):
            parts = value
            if isinstance(tree, Record):
                yield (*way, k), tree, value
                parts = parts_of(value, tree.names)
            yield from places(tree.kids, parts, (*way, k))
        elif isinstance(tree, (Sum, Boxed)):
            yield (*way, k), tree, value


def aliases(trees: Sequence[Tree], args: Sequence[Any]) -> Aliases:
    """The records that may be written and stand at several places of the arguments.

    What is one of several or in boxes has no place: see `refuse_shared`.
    """
    first: dict[int, tuple[Way, Any]] = {}  # with the object, which a getter may have made
    found: list[tuple[Way, Way]] = []
    for way, tree, value in places(trees, args):
        if isinstance(tree, Record) and may_change(tree.cls):
            earlier, _ = first.setdefault(id(value), (way, value))
            if earlier != way:
                found.append((way, earlier))
    return tuple(found)


def may_change(cls: Any) -> bool:
    if dataclasses.is_dataclass(cls):
        return not getattr(cls, "__dataclass_params__").frozen  # noqa: B009
    return cls is dict


def refuse_shared(result: Tree, trees: Sequence[Tree], args: Sequence[Any]) -> None:
    """A record that a call writes is one object where the program takes it to be, only there."""
    if not isinstance(result, Updated):
        return
    written = {record.cls for _, record in result.writes if isinstance(record, Record)}
    known = dict(result.aliases)
    seen: dict[int, tuple[Way | None, Any]] = {}
    placeless = list[Any]()
    for way, tree, value in places(trees, args):
        if not isinstance(tree, Record):
            placeless.append(value)
        elif tree.cls in written:
            earlier, _ = seen.setdefault(id(value), (way, value))
            if known.get(way, way) != earlier:
                where = "or no longer does, and the program is compiled for the other"
                raise shared(value, where, "lower it for such arguments")
    walked: dict[int, Any] = {}
    while placeless:
        value = placeless.pop()
        parts = parts_in(value)
        if parts is None:
            continue
        again = id(value) in walked
        if type(value) in written and (again or id(value) in seen):
            where = "in a record that holds its own class, or one of several kinds"
            raise shared(value, where, "pass a copy of it")
        if not again:
            walked[id(value)] = value
            placeless.extend(parts)


def shared(value: Any, where: str, cure: str) -> BorderError:
    found = f"one {type(value).__name__} stands twice among the arguments"
    return BorderError("E11", f"{found} of a function that writes it, {where}", cure)


def at(way: Way, args: Sequence[Any]) -> Any:
    """What the arguments hold there."""
    target = args[way[0]]
    for k in way[1:]:
        names = part_names(target)
        target = target[k] if names is None else parts_of(target, names)[k]
    return target


def finish(
    tree: Tree,
    leaves: Iterator[Any],
    args: Sequence[Any],
    pullback: Callable[[PullbackTree, int, list[Any]], Any],
) -> Any:
    """A result; what the call has written into the arguments is written there, too."""
    if not isinstance(tree, Updated):
        return rebuild(tree, leaves, pullback)
    parts = (tree.result, *[record for _, record in tree.writes], *tree.shared)
    own = [[next(leaves) for _ in leaf_types(part)] for part in parts]
    objects = own[len(parts) - len(tree.shared) :]
    made: dict[int, Any] = {}

    def built(part: Tree, of: list[Any]) -> Any:
        return rebuild(part, iter(of), pullback, None, there)

    def there(marker: Given | Shared) -> Any:
        if isinstance(marker, Given):
            return at(marker.way, args)
        n = marker.number
        if n not in made:  # it is there before its parts, which may hold it
            record = tree.shared[n]
            made[n] = empty(record.cls)
            left = iter(objects[n])
            kids = [rebuild(kid, left, pullback, None, there) for kid in record.kids]
            fill(made[n], record.names, kids)
        return made[n]

    result = built(tree.result, own[0])
    changes = list[tuple[Any, list[Any], list[Any]]]()
    arrays = list[tuple[Any, Any]]()
    for (way, record), of in zip(tree.writes, own[1:], strict=False):
        if isinstance(record, (Leaf, Listed)):
            arrays.append((at(way, args), built(record, of)))
            continue
        left = iter(of)
        news = [rebuild(kid, left, pullback, None, there) for kid in record.kids]
        pairs = [p for p in zip(record.names, news, strict=True) if p[1] is not KEPT]
        changes.append((at(way, args), [n for n, _ in pairs], [v for _, v in pairs]))
    for target, names, values in changes:  # only now: ways lead through what stood there before
        fill(target, names, values)
    for target, new in arrays:
        if isinstance(new, list):
            target[:] = new
        elif new is not target:
            np.copyto(target, new)
    return result


# ---- arrays


def refuse_unwritable(tree: Tree, args: Sequence[Any], hidden: Sequence[Any] = ()) -> None:
    """An array that a call writes is writeable, and nothing else that the call reads holds its
    memory: no other argument, nor what comes from outside (`hidden`).
    """
    if not isinstance(tree, Updated):
        return
    for way, kid in tree.writes:
        if isinstance(kid, Listed) and sum(v is at(way, args) for v in lists_in(args)) > 1:
            raise BorderError(
                "E11",
                "one list stands twice among the arguments of a function that writes it",
                "pass a copy of it: list(xs)",
            )
    written = [(way, at(way, args)) for way, kid in tree.writes if isinstance(kid, Leaf)]
    if not written:
        return
    every = list(arrays_in([*args, *hidden]))
    for _, a in written:
        if not a.flags.writeable:
            error = ValueError("assignment destination is read-only")
            error.hide_frames = True  # type: ignore[attr-defined]
            raise error
        if sum(np.may_share_memory(a, b) and np.shares_memory(a, b) for b in every) > (a.size > 0):
            raise BorderError(
                "E11",
                "an array that is written, and overlaps another one that the function has",
                "pass a copy of one of them: x.copy()",
            )


def borrowed(tree: Tree, args: Sequence[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The argument arrays that a call writes in place: those that came in as they stand."""
    for way, kid in tree.writes if isinstance(tree, Updated) else ():
        if isinstance(kid, Leaf) and isinstance(kid.type, Array):
            a = at(way, args)
            if a.size and a.dtype == DTYPES[kid.type.elem] and a.flags.c_contiguous:
                yield a


def lists_in(args: Sequence[Any]) -> Iterator[list[Any]]:
    """The lists among the arguments and in their parts."""
    work = list(args)
    while work:
        value = work.pop()
        if isinstance(value, list):
            yield value
        if type(value) in (tuple, list):
            work.extend(value)
        elif (names := part_names(value)) is not None:
            work.extend(parts_of(value, names))


def arrays_in(args: Sequence[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The arrays among the arguments and in their parts."""
    work = list(args)
    while work:
        value = work.pop()
        if isinstance(value, np.ndarray):
            yield value
        elif type(value) is tuple:
            work.extend(value)
        elif (names := part_names(value)) is not None:
            work.extend(parts_of(value, names))
