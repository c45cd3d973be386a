"""Structures that cover several: what all objects of a class have, and what several calls pass.

joined      of a list whose numbers are 1 and 2.5, f64; of None and a Node, one of the two
widened     of the structures of two calls with records that hold their own class: that of one
            program for both.  Alternatives are added; numbers stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import reduce

from .structure import Boxed, Leaf, Listed, Pooled, Record, Sum, Tree, Tuple, leaf_types
from .types import BOOL, C128, F64, I64, Type

NUMBERS = (BOOL, I64, F64, C128)  # a join of two is the later one


class Unlike(Exception):
    """Two structures that no value has together: which two."""

    def __init__(self, a: Tree, b: Tree) -> None:
        super().__init__(f"{a} and {b}")
        self.trees = a, b


def joined(a: Tree, b: Tree, numbers: bool = True) -> Tree:
    """The structure of values that are either: numbers widen (if they may), records and tuples
    join by part, others become one of several.  Raises `Unlike` for a number and an array.
    """
    if a == b:
        return a
    match a, b:
        case Leaf(x), Leaf(y):
            if numbers and x in NUMBERS and y in NUMBERS:
                return Leaf(max(x, y, key=NUMBERS.index))
            raise Unlike(a, b)
        case (Listed(x), Listed(y)):
            return Listed((x or y) if x is None or y is None else joined(x, y, numbers))
        case (Pooled(Listed() as x), Pooled(Listed() as y)):
            inner = joined(x, y, numbers)
            assert isinstance(inner, Listed)
            return Pooled(inner)
        case Pooled(), Pooled():
            raise Unlike(a, b)
        case (Tuple(xs), Tuple(ys)) if len(xs) == len(ys):
            return Tuple(tuple([joined(x, y, numbers) for x, y in zip(xs, ys, strict=True)]))
        case (Record(c, names, xs), Record(d, others, ys)) if c is d and names == others:
            kids = [joined(x, y, numbers) for x, y in zip(xs, ys, strict=True)]
            return Record(c, names, tuple(kids))
    several = list(a.kids if isinstance(a, Sum) else (a,))
    for other in b.kids if isinstance(b, Sum) else (b,):
        for k, kid in enumerate(several):
            if kid == other or kind_of(kid) == kind_of(other):
                several[k] = joined(kid, other, numbers)
                break
        else:
            several.append(other)
    return several[0] if len(several) == 1 else Sum(tuple(several))


def kind_of(tree: Tree) -> object:
    """What an alternative is told apart by."""
    match tree:
        case Leaf():
            return "number or array"
        case Listed() | Pooled():
            return type(tree)
        case Tuple(kids):
            return len(kids)
        case Record(cls, names):
            return cls, names
    return tree


def apart(wanted: str, taken: Collection[str]) -> str:
    """A name that is not taken: the wanted one, or that with a number."""
    name, k = wanted, 2
    while name in taken:
        name, k = f"{wanted}.{k}", k + 1
    return name


# ---- what several calls pass --------------------------------------------------------------------


def boxes_in(tree: Tree) -> Iterator[Boxed]:
    """The outermost boxes in a structure."""
    match tree:
        case Boxed():
            yield tree
        case Tuple(kids) | Record(_, _, kids) | Sum(kids):
            for kid in kids:
                yield from boxes_in(kid)


def class_in(tree: Boxed) -> type:
    """The class of the record in a box."""
    inside = tree.held[tree.record][1]
    assert isinstance(inside, Record)
    return inside.cls


def widened(a: Tree, b: Tree) -> Tree:
    """The structure that covers two others, which differ in alternatives only; raises `Unlike`.

    A class that comes in boxes in one of them does in the result.
    """
    names: dict[type, str] = {}
    for box in (*boxes_in(a), *boxes_in(b)):
        for record, (_, inside) in box.held.items():
            assert isinstance(inside, Record)
            if inside.cls not in names:
                names[inside.cls] = apart(record, names.values())
    held: dict[str, tuple[tuple[Type, ...], Tree]] = {}
    trees: dict[str, Tree] = {}

    def absorbed(inside: Record) -> Boxed:
        name = names[inside.cls]
        trees[name] = joined(trees[name], inside, False) if name in trees else inside
        return Boxed(name, held)

    def entered(tree: Tree) -> Tree:
        if isinstance(tree, Boxed):
            return Boxed(names[class_in(tree)], held)
        made = mapped(tree, entered)
        return absorbed(made) if isinstance(made, Record) and made.cls in names else made

    for box in (*boxes_in(a), *boxes_in(b)):
        for _, inside in box.held.values():
            entered(inside)
    out = joined(entered(a), entered(b), False)
    held |= {name: (tuple(leaf_types(t)), t) for name, t in trees.items()}
    form = tuple(sorted(trees.items(), key=lambda pair: pair[0]))

    def formed(tree: Tree) -> Tree:
        return Boxed(tree.record, held, form) if isinstance(tree, Boxed) else mapped(tree, formed)

    return formed(out)


def widest(known: list[tuple[Tree, ...]], trees: tuple[Tree, ...]) -> tuple[Tree, ...]:
    """Of the structures of earlier calls the one that serves this call, too, widened if need be.

    It stands in `known` then.  Arguments without boxes are as they are.
    """
    if not known and not any(any(True for _ in boxes_in(t)) for t in trees):
        return trees
    for k, wide in enumerate(known):
        try:
            known[k] = tuple(map(covering, wide, trees))
        except Unlike:
            continue
        return known[k]
    known.append(trees)
    return trees


def covering(wide: Tree, tree: Tree) -> Tree:
    if wide == tree:
        return wide
    if not any(True for t in (wide, tree) for _ in boxes_in(t)):
        raise Unlike(wide, tree)
    return widened(wide, tree)


def mapped(tree: Tree, go: Callable[[Tree], Tree]) -> Tree:
    """A structure with other kids; alternatives that become alike are one."""
    match tree:
        case Tuple(kids):
            return Tuple(tuple(map(go, kids)))
        case Record(cls, names, kids):
            return Record(cls, names, tuple(map(go, kids)))
        case Sum(kids):
            return reduce(lambda x, y: joined(x, y, False), map(go, kids))
    return tree
