"""Products of arrays: dot, matmul, outer, and einsum, of which all others are forms.

    np.einsum("ij,jk->ik", a, b)        a matrix product
    np.einsum("bij,bkj->bik", a, b)     a loop over b, i, k with a sum over j inside

Operands are views whose axes are the result's and then those to be summed; their product is pending
(see `pending`), so the sum is one loop without temporaries.  More than two operands are contracted
from the left, two at a time; each index is summed as soon as no other operand has it.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.core import Literal, Operand, Value
from ...ir.ops import ARRAY_UPDATES
from ...ir.types import BOOL, DTYPES, F64, I64, NARROW, Array, Scalar, wide
from ..prelude import elements, shaping
from . import (
    library,
    narrow,
    ndarray,
    operators,
    pending,
    records,
    reductions,
    sequences,
    shapes,
    views,
)
from .arguments import Given, array, axes_in_order, needed
from .values import AV, static, static_value
from .views import ONE, Along

if TYPE_CHECKING:
    from .frame import Frame

Term = tuple[AV, str]  # an array, and a letter for each of its axes
MISMATCH = (
    "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
    "(n?,k),(k,m?)->(n?,m?) (size {} is different from {})"
)


def dot(f: Frame, given: Given) -> AV:
    """numpy.dot: a sum over the last axis of a, and the last but one of b."""
    a, b = needed(f, "numpy.dot", given, "a", "b")
    ranks = [0 if x.kind == "num" else views.rank(f, array(f, x)) for x in (a, b)]
    if min(ranks) > 0:
        aligned(f, array(f, a), array(f, b), ranks[0] - 1, max(0, ranks[1] - 2))
    if max(ranks) <= 2:
        return product(f, a, b)
    return over(f, array(f, a), array(f, b), [ranks[0] - 1], [max(0, ranks[1] - 2)])


def aligned(f: Frame, a: AV, b: AV, j: int, k: int) -> None:
    """The axes of a and b over which a product is summed have one length."""
    mine, theirs = views.shape(f, a), views.shape(f, b)
    n, m = mine[j], theirs[k]
    shown = [views.shape_shown(s) for s in (mine, theirs)] + [
        f"{views.length_shown(x)} (dim {at})" for x, at in ((n, j), (m, k))
    ]
    text = "shapes {} and {} not aligned: {} != {}".format(*shown)
    values = [x for x in (*mine, *theirs, n, m) if not isinstance(x, Literal)]
    f.check(f.scalar("eq", (n, m), BOOL), "ValueError", text, *values)


def matmul(f: Frame, given: Given) -> AV:
    a, b = needed(f, "numpy.matmul", given, "x1", "x2")
    return product(f, a, b)


def inner(f: Frame, given: Given) -> AV:
    """numpy.inner: a sum over both last axes."""
    a, b = needed(f, "numpy.inner", given, "a", "b")
    if "num" in (a.kind, b.kind):
        return operators.binary(f, "mul", a, b)
    a, b = array(f, a), array(f, b)
    m, n = views.rank(f, a), views.rank(f, b)
    if n == 2 and m <= 2:
        return product(f, a, shapes.reordered(f, b, (1, 0)))
    return product(f, a, b) if m == n == 1 else over(f, a, b, [m - 1], [n - 1])


def tensordot(f: Frame, given: Given) -> AV:
    """numpy.tensordot: a sum over axes of both, by number or by name."""
    a, b = needed(f, "numpy.tensordot", given, "a", "b")
    a, b = array(f, a), array(f, b)
    m, n = views.rank(f, a), views.rank(f, b)
    axes = given.get("axes") or static(2)
    if axes.kind == "num":
        many = int(static_value(axes))
        return over(f, a, b, list(range(m - many, m)), list(range(many)))
    one, other = sequences.items(f, axes, "axes")
    return over(f, a, b, axes_in_order(f, one, m), axes_in_order(f, other, n))


def over(f: Frame, a: AV, b: AV, left: Sequence[int], right: Sequence[int]) -> AV:
    """The product of all elements of a and b, summed over pairs of axes."""
    m, n = views.rank(f, a), views.rank(f, b)
    mine, theirs = string.ascii_lowercase[:m], list(string.ascii_uppercase[:n])
    f.check(Literal(len(left) == len(right), BOOL), "ValueError", "shape-mismatch for sum")
    for j, k in zip(left, right, strict=True):
        theirs[k] = mine[j]
    kept = [c for k, c in enumerate(mine) if k not in left]
    kept += [c for k, c in enumerate(theirs) if k not in right]
    return contracted(f, [(a, mine), (b, "".join(theirs))], "".join(kept))


def product(f: Frame, a: AV, b: AV) -> AV:
    """`a @ b`: of vectors and matrices, and of stacks of matrices, whose shapes are broadcast."""
    if "num" in (a.kind, b.kind):
        return operators.binary(f, "mul", a, b)
    a, b = array(f, a), array(f, b)
    v, w = views.view_of(f, a), views.view_of(f, b)
    m, n = len(v.axes), len(w.axes)
    elem = narrow.both(views.element_type(f, a), views.element_type(f, b))
    a, b = whole(f, a), whole(f, b)
    one, other = views.extent(f, v, m - 1), views.extent(f, w, max(0, n - 2))
    text = MISMATCH.format(*map(views.length_shown, (other, one)))
    values = [n for n in (other, one) if not isinstance(n, Literal)]
    f.check(f.scalar("eq", (one, other), BOOL), "ValueError", text, *values)
    if max(m, n) > 2:
        return narrow.as_type(f, stacks(f, a, b, elem), elem)
    if m == n == 1:
        out = ndarray.run(f, elements.dot, a, b, zero(elem))
        return narrow.as_type(f, out, elem)
    rows = [views.extent(f, v, 0)] if m == 2 else []
    shape = rows + ([views.extent(f, w, 1)] if n == 2 else [])
    if m == 1:
        a, b = shapes.reordered(f, b, (1, 0)), a
    if wide(elem) == F64 and not tiny(f, [one, *shape]):
        return narrow.as_type(f, by_blas(f, a, b, shape), elem)
    zeros = ndarray.zeros(f, shape, wide(elem))
    out = ndarray.owned(f, zeros)
    if m == n == 2:
        ndarray.run(f, elements.matrix_matrix, out, a, b)
    else:
        ndarray.run(f, elements.matrix_vector, out, a, b, zero(elem))
    (filled,) = records.contents(f, out).leaves
    if isinstance(filled, Value):
        f.b.shapes[filled] = zeros.leaves[0]
    return narrow.as_type(f, ndarray.filled(f, out), elem)


def tiny(f: Frame, lengths: Sequence[Operand]) -> bool:
    """Whether so few multiplications are known when compiling that they are written out."""
    known = [known_length(f, n) for n in lengths]
    return math.prod(INLINE + 1 if n is None else n for n in known) <= INLINE


def known_length(f: Frame, n: Operand) -> int | None:
    """A length that is a literal, or that of an array made with one."""
    while isinstance(n, Value):
        op = f.b.definer.get(n)
        made = op
        while made is not None and made.opcode in ("len", *ARRAY_UPDATES):
            array = made.operands[0]
            assert isinstance(array, Value)
            made = f.b.definer.get(f.b.shapes.get(array, array))  # type: ignore[arg-type]
        if op is None or op.opcode != "len" or made is None or made.opcode != "zeros":
            return None
        n = made.operands[op.attrs.get("axis", 0)]
    length: int = n.value
    return length


INLINE = 512


def by_blas(f: Frame, a: AV, b: AV, shape: Sequence[Operand]) -> AV:
    """A matrix by a matrix or vector, as the op `gemm`."""
    (x, of_x), (y, of_y) = operand(f, a), operand(f, b)
    flipped = "a" * of_x + "b" * of_y
    zeros = ndarray.zeros(f, shape, F64)
    attrs = {"transposed": flipped} if flipped else None
    t = Array(F64, len(shape))
    return ndarray.kept(
        f, AV("array", None, (), (f.emit("gemm", [zeros.leaves[0], x, y], [t], attrs),))
    )


def operand(f: Frame, a: AV) -> tuple[Operand, bool]:
    """An array without gaps, and whether it is the transpose of what is meant."""
    if views.element_type(f, a) != F64:
        a = ndarray.array_of(f, a, F64)
    v = views.view_of(f, pending.settled(f, a))
    root = records.contents(f, v.root)
    if root.kind == "array" and v.form is None and not v.fixed:
        t = root.leaves[0].type
        assert isinstance(t, Array)
        axes = [Along(k) for k in range(t.rank)]
        if t == Array(F64, len(v.axes)) and list(v.axes) in (axes, axes[::-1]):
            return root.leaves[0], list(v.axes) != axes
    made = ndarray.copied(f, a, cell=True)
    return records.contents(f, made).leaves[0], False


def stacks(f: Frame, a: AV, b: AV, elem: Scalar) -> AV:
    """The product of stacks of matrices; a vector is a matrix whose axis of length 1 goes."""
    v, w = views.view_of(f, a), views.view_of(f, b)
    row, column = len(v.axes) == 1, len(w.axes) == 1
    one = Along(None, length=ONE)
    v = v._replace(axes=(one, *v.axes)) if row else v
    w = w._replace(axes=(*w.axes, one)) if column else w
    outer = ndarray.common(f, [views.shape_of(f, x)[:-2] for x in (v, w) if len(x.axes) > 2])
    sides = [[views.extent(f, x, k) for k in range(len(x.axes))][-2:] for x in (v, w)]
    parts = [
        ndarray.spread(f, views.packed(f, x), [*outer, *side])
        for x, side in zip((v, w), sides, strict=True)
    ]
    shape = [*outer, sides[0][0], sides[1][1]]
    out = ndarray.owned(f, ndarray.zeros(f, shape, wide(elem)))
    ndarray.run(f, elements.stacked, out, *parts)
    made = ndarray.filled(f, out)
    for k, gone in ((len(shape) - 1, column), (len(shape) - 2, row)):
        if gone:
            made, _ = shapes.turned(f, made, (k,))
            made = shapes.at_first(f, made, 1)
    return made


def whole(f: Frame, a: AV) -> AV:
    """An array whose elements are read often: one of a narrow type is copied, to be wide."""
    elem = views.element_type(f, a)
    return ndarray.array_of(f, a, wide(elem)) if elem in NARROW else a


def zero(elem: Scalar) -> AV:
    return static({"b": False, "f": 0.0}.get(DTYPES[elem].kind, 0))


def outer(f: Frame, given: Given) -> AV:
    """All products of elements of a and of b, which are taken in order."""
    a, b = needed(f, "numpy.outer", given, "a", "b")
    parts = [array(f, x if x.kind != "num" else AV("tuple", None, (x,))) for x in (a, b)]
    a, b = (
        shapes.reshaped(f, ndarray.copied(f, x), [Literal(-1, I64)]) if views.rank(f, x) > 1 else x
        for x in parts
    )
    v = views.view_of(f, a)
    column = views.packed(f, v._replace(axes=(*v.axes, Along(None, length=ONE))))
    return operators.binary(f, "mul", column, b)


# ---- einsum -------------------------------------------------------------------------------------


def einsum(f: Frame, args: list[AV], kw: dict[str, AV]) -> AV:
    """The sum over all indices that the output does not name (Einstein, 1916)."""
    library.only(f, "numpy.einsum", kw, "optimize")
    if not args or not (args[0].kind == "const" and isinstance(args[0].info, str)):
        raise f.error(
            "E01",
            "einsum without its subscripts as a literal",
            "they decide the ranks of operands and result",
            'write them first, as in `np.einsum("ij,jk->ik", a, b)`',
        )
    given = [array(f, a) if a.kind != "num" else a for a in args[1:]]
    ranks = [0 if a.kind == "num" else views.rank(f, a) for a in given]
    try:
        inputs, output = parsed(args[0].info.replace(" ", ""), ranks)
    except ValueError as e:
        f.check(Literal(False, BOOL), "ValueError", str(e))
        raise
    return contracted(f, list(zip(given, inputs, strict=True)), output)


def parsed(text: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand's axes, and of the result's; ValueError as NumPy has it.

    The axes that `...` stands for get digits, counted from the right.
    """
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        more = "fewer" if len(ranks) > len(inputs) else "more"
        raise ValueError(
            f"{more} operands provided to einstein sum function than specified in the subscripts "
            "string"
        )
    most = 0
    for k, (letters, rank) in enumerate(zip(inputs, ranks, strict=True)):
        free = rank - len(letters.replace("...", ""))
        if free < 0 or (free > 0 and "..." not in letters):
            raise ValueError(
                f"einstein sum subscripts string contains too many subscripts for operand {k}"
                if free < 0
                else "operand has more dimensions than subscripts given in einstein sum, but no "
                "'...' ellipsis provided to broadcast the extra dimensions."
            )
        most = max(most, free)
        inputs[k] = letters.replace("...", dots(free))
    known = "".join(inputs)
    wrong = [c for c in known if not (c in string.ascii_letters or c.isdigit())]
    if wrong:
        raise ValueError(
            f"invalid subscript '{wrong[0]}' in einstein sum subscripts string, subscripts must be "
            "letters"
        )
    if not arrow:
        once = sorted(c for c in set(known) if known.count(c) == 1 and not c.isdigit())
        return inputs, dots(most) + "".join(once)
    output = output.replace("...", dots(most))
    for c in output:
        if c not in known:
            raise ValueError(
                f"einstein sum subscripts string included output subscript '{c}' which never "
                "appeared in an input"
            )
        if output.count(c) > 1:
            raise ValueError(
                f"einstein sum subscripts string includes output subscript '{c}' multiple times"
            )
    return inputs, output


def dots(n: int) -> str:
    return "".join(str(k) for k in reversed(range(n)))


def contracted(f: Frame, terms: list[Term], output: str) -> AV:
    """Operands with letters for their axes, multiplied and summed to the letters of the result."""
    terms = [alone(f, a, letters) for a, letters in terms]
    while len(terms) > 2:
        (a, one), (b, other), *rest = terms
        later = output + "".join(letters for _, letters in rest)
        kept = "".join(c for c in dict.fromkeys(one + other) if c in later)
        terms = [(paired(f, [(a, one), (b, other)], kept), kept), *rest]
    return paired(f, terms, output)


def alone(f: Frame, a: AV, letters: str) -> Term:
    """An operand in which each letter stands once: of repeated ones, the diagonal."""
    for c in dict.fromkeys(letters):
        while letters.count(c) > 1:
            j = letters.index(c)
            k = letters.index(c, j + 1)
            same = [views.shape(f, a)[i] for i in (j, k)]
            f.check(f.scalar("eq", tuple(same), BOOL), "ValueError", f"einsum: two lengths of {c}")
            a = ndarray.run(f, shaping.diagonal, a, static(0), static(j), static(k))
            letters = "".join(x for i, x in enumerate(letters) if i not in (j, k)) + c
    return a, letters


def paired(f: Frame, terms: list[Term], output: str) -> AV:
    """One or two operands in which each letter stands once."""
    if len(terms) == 2:
        found = as_matrices(f, terms, output)
        if found is not None:
            return found
    present = dict.fromkeys("".join(letters for _, letters in terms))
    summed = "".join(c for c in present if c not in output)
    order = output + summed
    if not order:
        out = terms[0][0]
        return out if len(terms) == 1 else operators.binary(f, "mul", out, terms[1][0])
    placed = [in_order(f, a, letters, order) for a, letters in terms]
    value = placed[0] if len(placed) == 1 else operators.binary(f, "mul", *placed)
    if not summed:
        return value
    elem = views.element_type(f, value)
    value = narrow.widened(f, value)
    axes = AV("tuple", None, tuple([static(k) for k in range(len(output), len(order))]))
    add = AV("name", "operator.add")
    out = reductions.fold(f, value, axes, False, add, zero(wide(elem)))
    return narrow.as_type(f, out, elem)


def in_order(f: Frame, a: AV, letters: str, order: str) -> AV:
    """An operand with its axes in this order, and axes of length 1 for those it does not have."""
    if a.kind == "num":
        return a
    v = views.view_of(f, a)
    axes = [v.axes[letters.index(c)] if c in letters else Along(None, length=ONE) for c in order]
    return views.packed(f, v._replace(axes=tuple(axes)))


def as_matrices(f: Frame, terms: list[Term], output: str) -> AV | None:
    """A contraction over one index, with at most one more in each operand: a matrix product."""
    (a, one), (b, other) = terms
    both = set(one) & set(other)
    if len(both) != 1 or both & set(output) or max(len(one), len(other)) > 2:
        return None
    if set(output) != set(one + other) - both:
        return None
    (c,) = both
    left_, right = one.replace(c, ""), other.replace(c, "")
    out = product(f, in_order(f, a, one, left_ + c), in_order(f, b, other, c + right))
    if out.kind == "num":
        return out
    return in_order(f, out, left_ + right, output)
