"""Arrays at the border: what enters and as what, what comes out, what a call writes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import morula
from morula.backend.border import BorderError, classify
from morula.backend.bufferize import bufferize
from morula.backend.callable_type import Callable
from morula.backend.cotangent import cotangent
from morula.backend.emit import emit
from morula.backend.specialisation import Specialisation
from morula.ir.parser import parse
from morula.ir.structure import Leaf, Tree, Tuple, Updated
from morula.ir.types import BOOL, F64, I64, Array
from morula.ir.verifier import verify
from native_functions import FLOAT, INT, Slow, outer, positions

ELEMS = {"f64": F64, "i64": I64, "bool": BOOL}
DTYPES: dict[str, Any] = {"f64": np.float64, "i64": np.int64, "bool": np.bool_}
RANKS = (1, 2, 3)
every = pytest.mark.parametrize(("elem", "rank"), list(itertools.product(ELEMS, RANKS)))
SHAPES: dict[int, list[tuple[int, ...]]] = {
    1: [(0,), (1,), (5,)],
    2: [(0, 3), (3, 0), (1, 1), (3, 2)],
    3: [(2, 0, 3), (1, 1, 1), (2, 3, 4)],
}


def leaf(elem: str, rank: int, strided: bool = False) -> Leaf:
    return Leaf(Array(ELEMS[elem], rank, strided))


def filled(elem: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    k = np.arange(math.prod(shape))
    values = {"f64": 1.5 * k - 2.25, "i64": 7 * k - 5, "bool": k * k % 5 < 2}[elem]
    return values.astype(DTYPES[elem]).reshape(shape)


def special(text: str, inputs: tuple[Tree, ...], result: Tree) -> Specialisation:
    module = parse(text)
    verify(module, "opt")
    placed = bufferize(module)
    verify(placed, "memory")
    return Specialisation(emit(placed, ["f"]), "f", positions(*inputs), result, module=module)


def both(made: Specialisation) -> list[Any]:
    """The vectorcall function, which calls no slow path, and the slow path."""

    def slow(me: Any, *args: Any) -> Any:
        raise AssertionError(args)

    f = Callable(outer, Slow(slow))
    made.install(f)
    assert made.address
    return [f, made]


# ---- what enters, and as what ------------------------------------------------------------------


@every
def test_structure_of_an_array(elem: str, rank: int) -> None:
    """Contiguous where it is, strided else; read-only ones, too."""
    x = filled(elem, (4,) * rank)
    steps = (slice(None, None, 2),) * rank
    taken = [
        (x, False),
        (x[:0], False),
        (x[1:3], False),
        (x[steps], True),
        (x[::-1], True),
        (np.broadcast_to(x[:1], x.shape), True),
        (x.T, rank > 1),
        (np.asfortranarray(x), rank > 1),
    ]
    for a, strided in taken:
        assert classify(a) == leaf(elem, rank, strided)
        a = a[...]
        a.flags.writeable = False
        assert classify(a) == leaf(elem, rank, strided)


@every
def test_a_result_is_the_callers_own(elem: str, rank: int) -> None:
    t = leaf(elem, rank)
    made = special(f"fn @f(%x: {t.type}) -> {t.type} {{\n  return %x\n}}\n", (t,), Tuple((t,)))
    for shape in SHAPES[rank]:
        x = filled(elem, shape)
        for f in both(made):
            y = f(x)[0]
            assert y.dtype == x.dtype and y.shape == x.shape and np.array_equal(x, y)
            assert type(y) is np.ndarray and y.flags.c_contiguous and y.flags.writeable
            assert not np.shares_memory(x, y)


@every
def test_strides_are_read(elem: str, rank: int) -> None:
    """An element of a view, by native guards and by the slow path."""
    t = leaf(elem, rank, True)
    at = ", ".join(f"%i{k}" for k in range(rank))
    text = (
        f"fn @f(%x: {t.type}, {at.replace(',', ': i64,')}: i64) -> ({elem}, i64) {{\n"
        f"  %v: {elem} = get %x, {at}\n  %n: i64 = len %x {{axis = {rank - 1}}}\n"
        "  return %v, %n\n}\n"
    )
    made = special(text, (t, *[INT] * rank), Tuple((Leaf(ELEMS[elem]), INT)))
    x = filled(elem, tuple(range(6, 6 + rank)))
    views = [x[::-1], x[::2], x[1::3], np.flip(x)[::2]]
    if rank > 1:
        views += [
            x.T,
            np.asfortranarray(x),
            x[:, ::2],
            x[..., 1:3],
            np.broadcast_to(x[:1], x.shape),
        ]
    for a in views:
        for i in np.ndindex(a.shape):
            for f in both(made) if i == (0,) * rank else [made]:
                assert f(a, *i) == (a[i], a.shape[-1]), (a.strides, i)


@every
def test_guards_of_an_array(elem: str, rank: int) -> None:
    """Another rank, type of elements, layout or byte order is not this program's."""
    x = filled(elem, (2, 2, 2, 2, 2)[:rank])
    other = {"f64": "i64", "i64": "f64", "bool": "i64"}[elem]
    size = x.itemsize
    unaligned = np.frombuffer(b"\0" * (x.nbytes + 1), x.dtype, x.size, 1).reshape(x.shape)
    never = [
        filled(elem, (2,) * (rank + 1)),
        filled(elem, (2,) * (rank - 1)),
        filled(other, x.shape),
        x.astype(np.float32),
        x.astype(np.int32),
        x.astype(complex),
        np.ma.masked_array(x),
        x.tolist(),
        None,
    ]
    never += [x.astype(x.dtype.newbyteorder()), unaligned] if size > 1 else []
    for strided in (False, True):
        t = leaf(elem, rank, strided)
        text = f"fn @f(%x: {t.type}) -> i64 {{\n  %n: i64 = len %x\n  return %n\n}}\n"
        f = Callable(outer, Slow())
        special(text, (t,), INT).install(f)
        for a in never:
            assert f(a) == "slow", a
        assert f(x) == ("slow" if strided else len(x))
        assert f(x[::-1]) == (len(x) if strided else "slow")


def test_strides_that_are_no_multiple_of_the_element() -> None:
    record = np.zeros((3, 2), [("a", "f8"), ("b", "i4")])
    t = leaf("f64", 2, True)
    text = f"fn @f(%x: {t.type}) -> i64 {{\n  %n: i64 = len %x\n  return %n\n}}\n"
    f = Callable(outer, Slow())
    special(text, (t,), INT).install(f)
    assert f(record["a"]) == "slow"


@pytest.mark.parametrize("rank", RANKS)
def test_cotangent_of_an_array_has_its_shape(rank: int) -> None:
    shape = (2, 3, 4)[:rank]
    t = leaf("f64", rank)
    for ct in (np.ones(shape), np.ones(shape, int), np.asfortranarray(np.ones(shape))):
        (got,) = cotangent(t, ct, (shape,))
        assert got.shape == shape and got.dtype == np.float64 and got.flags.c_contiguous
    for wrong in (
        (*shape, 1),
        shape[1:],
        (1, *shape),
        (5, *shape[1:]),
        shape[::-1] + (1,) * (rank == 1),
    ):
        if wrong:
            with pytest.raises(ValueError, match="shape"):
                cotangent(t, np.ones(wrong), (shape,))
    for no in (1.0, np.ones(shape).tolist(), np.ones(shape, complex), np.ones(shape, bool)):
        with pytest.raises(BorderError) as caught:
            cotangent(t, no, (shape,))
        assert caught.value.kind == "E09"


# ---- arguments that are written ----------------------------------------------------------------


def writing(elem: str, rank: int, strided: bool = False) -> Specialisation:
    """f(a, i..., v) writes a[i...] = v and gives back what stood there."""
    t, own = leaf(elem, rank, strided), leaf(elem, rank)
    at = ", ".join(f"%i{k}" for k in range(rank))
    writes = "" if strided else " {writes = (0)}"
    text = (
        f"fn @f(%a: {t.type}, {at.replace(',', ': i64,')}: i64, %v: {elem}) -> ({elem}, {own.type})"
        f"{writes} {{\n  %old: {elem} = get %a, {at}\n  %b: {own.type} = set %a, {at}, %v\n"
        "  return %old, %b\n}\n"
    )
    result = Updated(Leaf(ELEMS[elem]), (((0,), own),))
    return special(text, (t, *[INT] * rank, Leaf(ELEMS[elem])), result)


VALUES = {"f64": 0.5, "i64": 41, "bool": True}


@every
def test_a_written_argument(elem: str, rank: int) -> None:
    made, strided = writing(elem, rank), writing(elem, rank, True)
    v = VALUES[elem]
    x = filled(elem, (4,) * rank)
    views = [(made, x.copy()), (strided, x.copy()[::-1]), (strided, x.copy()[1::2])]
    views += [(strided, x.copy().T), (strided, np.asfortranarray(x))] if rank > 1 else []
    for f, a in views:
        wanted = a.copy()
        for i in [(0,) * rank, (1,) * rank, (1,) + (0,) * (rank - 1)]:
            old = wanted[i]
            wanted[i] = v
            base, data = a.base, a.ctypes.data
            assert f(a, *i, v) == old
            assert np.array_equal(a, wanted) and a.base is base and a.ctypes.data == data


@every
def test_a_read_only_argument_is_not_written(elem: str, rank: int) -> None:
    for strided in (False, True):
        x = filled(elem, (4,) * rank)
        a = x[::-1] if strided else x[...]
        a.flags.writeable = False
        before = x.copy()
        with pytest.raises(ValueError, match="assignment destination is read-only"):
            writing(elem, rank, strided)(a, *[0] * rank, VALUES[elem])
        assert np.array_equal(x, before)


TWO = """\
fn @f(%a: f64[1], %b: f64[1KIND]) -> (f64, f64[1]) {writes = (0)} {
  %u: f64 = get %b, 0
  %c: f64[1] = set %a, 0, %u
  return %u, %c
}
"""


def test_a_written_argument_overlaps_no_other() -> None:
    for strided in (False, True):
        text = TWO.replace("KIND", ", strided" if strided else "")
        inputs = (leaf("f64", 1), leaf("f64", 1, strided))
        made = special(text, inputs, Updated(FLOAT, (((0,), leaf("f64", 1)),)))
        x = np.arange(8.0)
        step = 2 if strided else 1
        for a, b in ((x, x[::step]), (x[:5], x[4::step]), (x[4:], x[:6:step])):
            before = x.copy()
            with pytest.raises(BorderError, match="overlap") as caught:
                made(a, b)
            assert caught.value.kind == "E11" and "copy" in caught.value.cure
            assert np.array_equal(x, before)
        assert made(x[:4], x[4::step]) == 4.0 and x[0] == 4.0


OUTSIDE = np.zeros(5)


def follows(a: np.ndarray[Any, Any]) -> float:
    for i in range(4):
        a[i + 1] = OUTSIDE[i] + 1.0
    return float(a[4])


def test_a_written_argument_is_no_array_from_outside() -> None:
    """Native code takes it that nobody else holds what it writes."""
    f = morula.jit(follows)
    for x in (OUTSIDE, OUTSIDE[:], OUTSIDE[::-1]):
        with pytest.raises(morula.Error, match="overlaps") as caught:
            f(x)
        assert caught.value.code == "E11" and not OUTSIDE.any()
    assert f(OUTSIDE.copy()) == 1.0


# ---- an array among the arguments is itself in what comes back ----------------------------------


@dataclass
class Holder:
    x: np.ndarray[Any, Any]
    writes: int


def ones_in_front(x: Any, n: int) -> Any:
    y = x
    for i in range(n):
        y[i] = 1.0
    return y, x.copy(), x


def larger(x: Any, y: Any) -> Any:
    return x if x[0] > y[0] else y


def through_calls(x: Any, n: int) -> Any:
    return x if n == 0 else through_calls(x, n - 1)


def swapped(x: Any, y: Any) -> Any:
    for _ in range(3):
        x, y = y, x
        x[0] += 1.0
    return x, y


def stored(r: Holder, x: Any) -> None:
    r.x = x
    r.writes += 1
    x[0] = 5.0


def test_an_argument_is_itself_in_the_result() -> None:
    a, b = np.zeros(3), np.ones(3)
    y, copy, x = morula.jit(ones_in_front)(a, 2)
    assert y is a and x is a and copy is not a
    assert a.tolist() == copy.tolist() == [1.0, 1.0, 0.0]
    a[:] = 0.0
    assert morula.jit(larger)(a, b) is b and morula.jit(larger)(b, a) is b
    assert morula.jit(through_calls)(a, 3) is a
    first, second = morula.jit(swapped)(a, b)
    assert first is b and second is a and b[0] == 3.0 and a[0] == 1.0


def test_what_is_computed_from_an_argument_is_another_array() -> None:
    a = np.ones(3)
    for f in (lambda x: x * 1.0, lambda x: x.copy(), lambda x: np.array(x)):
        out = morula.jit(f)(a)
        assert out is not a and not np.shares_memory(out, a) and out.tolist() == a.tolist()
    assert morula.vjp(lambda x: x, a)[0].tolist() == a.tolist()


def test_an_argument_is_itself_in_a_record_of_the_arguments() -> None:
    r, a = Holder(np.zeros(2), 0), np.ones(3)
    morula.jit(stored)(r, a)
    assert r.x is a and r.writes == 1 and a[0] == 5.0


def test_arrays_of_two_layouts_on_two_paths() -> None:
    a, b = np.ones((3, 2))[:, 0], np.zeros(3)
    assert morula.jit(larger)(a, b) is a
    gradient = morula.grad(lambda x, y: (larger(x, y) * 2.0).sum())
    assert gradient(a, b).tolist() == [2.0] * 3 and gradient(b, a).tolist() == [0.0] * 3
