"""Arrays of any rank, element type and layout: the interpreter at both stages, native code."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agreement import agree, equal
from morula.backend.bufferize import bufferize
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.verifier import verify
from native_code import Native

DTYPES: dict[str, Any] = {"f64": np.float64, "i64": np.int64, "bool": np.bool_}
ELEMS, RANKS, NUMBERS = tuple(DTYPES), (1, 2, 3), ("f64", "i64")
SHAPES: dict[int, list[tuple[int, ...]]] = {
    1: [(0,), (1,), (5,)],
    2: [(0, 0), (0, 3), (3, 0), (1, 1), (2, 3), (3, 1)],
    3: [(0, 2, 3), (2, 0, 3), (2, 3, 0), (1, 1, 1), (2, 3, 4)],
}
every = pytest.mark.parametrize(("elem", "rank"), list(itertools.product(ELEMS, RANKS)))
numbers = pytest.mark.parametrize(("elem", "rank"), list(itertools.product(NUMBERS, RANKS)))


def filled(elem: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """An array without two equal rows (of bools: without a short period)."""
    k = np.arange(math.prod(shape))
    values = {"f64": 1.5 * k - 2.25, "i64": 7 * k - 5, "bool": k * k % 5 < 2}[elem]
    return values.astype(DTYPES[elem]).reshape(shape)


def layouts(elem: str, shape: tuple[int, ...]) -> Iterator[np.ndarray[Any, Any]]:
    """Views of this shape: contiguous, columns first, reversed, stepped, a window, transposed,
    repeated."""
    yield filled(elem, shape)
    yield np.asfortranarray(filled(elem, shape))
    for axis in range(len(shape)):
        yield np.flip(filled(elem, shape), axis)
        wide = filled(elem, tuple(n * 3 if k == axis else n for k, n in enumerate(shape)))
        yield wide[
            tuple(slice(1, None, 3) if k == axis else slice(None) for k in range(len(shape)))
        ]
    yield filled(elem, tuple(n + 2 for n in shape))[(slice(1, -1),) * len(shape)]
    yield filled(elem, shape[::-1]).T
    yield np.flip(filled(elem, tuple(2 * n for n in shape[::-1])).T)[
        (slice(None, None, 2),) * len(shape)
    ]
    yield np.broadcast_to(filled(elem, shape[-1:]), shape)
    yield np.broadcast_to(filled(elem, (*shape[:-1], 1)), shape)


def arrays(elem: str, rank: int, strided: bool) -> list[np.ndarray[Any, Any]]:
    if strided:
        return [x for shape in SHAPES[rank] for x in layouts(elem, shape)]
    return [filled(elem, shape) for shape in SHAPES[rank]]


def places(x: np.ndarray[Any, Any]) -> list[tuple[int, ...]]:
    """The first index of an array, the last, and one between."""
    found = list(np.ndindex(x.shape))
    return list(dict.fromkeys([*found[:1], *found[len(found) // 2 :][:1], *found[-1:]]))


def indices(rank: int, typed: bool = True) -> str:
    return ", ".join(f"%i{k}: i64" if typed else f"%i{k}" for k in range(rank))


def kind(elem: str, rank: int, strided: bool = False) -> str:
    return f"{elem}[{rank}, strided]" if strided else f"{elem}[{rank}]"


def repeated(index: str, rank: int) -> str:
    return ", ".join([index] * rank)


def value_of(elem: str) -> Any:
    return {"f64": 0.5, "i64": 41, "bool": True}[elem]


def literal(elem: str) -> str:
    return str(value_of(elem)).lower()


def lengths(rank: int, of: str = "%a") -> str:
    return "".join(f"%n{k}: i64 = len {of} {{axis = {k}}}\n" for k in range(rank))


def nest(rank: int, carry: str, init: str, body: str, result: str) -> str:
    """Loops over the places 0..%n0, 0..%n1, ...; `body` makes %new of %s, which it made before."""
    text, ends = "", ""
    for k in range(rank):
        name, first = (f"r{k}", f"%s{k}") if k else (result, init)
        own = f"s{k + 1}" if k < rank - 1 else "s"
        text += f"%{name}: {carry} = for %i{k}: i64 = 0 to %n{k}\n"
        text += f"    carry %{own}: {carry} = {first} {{\n"
        ends = (f"next %r{k + 1}\n}}\n" if k < rank - 1 else "next %new\n}\n") + ends
    return text + body + ends


# ---- elements ----------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("strided", [False, True])
def test_an_element_and_the_shape(elem: str, rank: int, strided: bool) -> None:
    names = ", ".join(f"%n{k}" for k in range(rank))
    results = ", ".join([elem, *["i64"] * rank])
    text = (
        f"fn @f(%a: {kind(elem, rank, strided)}, {indices(rank)}) -> ({results}) {{\n"
        f"%v: {elem} = get %a, {indices(rank, False)}\n{lengths(rank)}return %v, {names}\n}}\n"
    )
    given = arrays(elem, rank, strided)
    agree(text, *[(x, *at) for x in given for at in places(x)])
    for at in places(given[-1]):
        assert run(parse(text), "f", given[-1], *at) == (given[-1][at].item(), *given[-1].shape)


@every
@pytest.mark.parametrize("strided", [False, True])
def test_all_elements_in_order(elem: str, rank: int, strided: bool) -> None:
    body = (
        f"%e: {elem} = get %a, {indices(rank, False)}\n%x: f64 = convert %e {{to = f64}}\n"
        "%h: f64 = mul %s, 0.75\n%new: f64 = add %h, %x\n"
    )
    text = (
        f"fn @f(%a: {kind(elem, rank, strided)}) -> f64 {{\n"
        + lengths(rank)
        + nest(rank, "f64", "1.0", body, "y")
        + "return %y\n}\n"
    )
    agree(text, *[(x,) for x in arrays(elem, rank, strided)])
    x = arrays(elem, rank, strided)[-1]
    y = 1.0
    for v in x.ravel().tolist():
        y = y * 0.75 + v
    assert Native(bufferize(parse(text)))(x) == y


@every
@pytest.mark.parametrize("strided", [False, True])
def test_an_update_of_what_was_lent_copies_it(elem: str, rank: int, strided: bool) -> None:
    t, at = kind(elem, rank, strided), indices(rank, False)
    text = (
        f"fn @f(%a: {t}, {indices(rank)}, %v: {elem}) -> ({kind(elem, rank)}, {elem}) {{\n"
        f"%b: {kind(elem, rank)} = set %a, {at}, %v\n%w: {elem} = get %a, {at}\n"
        "return %b, %w\n}\n"
    )
    v = value_of(elem)
    given = [(x, i) for x in arrays(elem, rank, strided) for i in places(x)]
    agree(text, *[(x, *i, v) for x, i in given])
    native = Native(bufferize(parse(text)))
    for x, i in given:
        before = x.copy()
        got, old = native(x, *i, v)
        assert np.array_equal(x, before) and old == x[i]
        before[i] = v
        assert np.array_equal(got, before) and got.flags.c_contiguous


@numbers
@pytest.mark.parametrize("strided", [False, True])
def test_adding_at_a_place(elem: str, rank: int, strided: bool) -> None:
    at, t = indices(rank, False), kind(elem, rank)
    text = (
        f"fn @f(%a: {kind(elem, rank, strided)}, {indices(rank)}, %v: {elem}) -> {t} {{\n"
        f"%b: {t} = add_at %a, {at}, %v\n%c: {t} = add_at %b, {at}, %v\nreturn %c\n}}\n"
    )
    v = value_of(elem)
    agree(text, *[(x, *i, v) for x in arrays(elem, rank, strided) for i in places(x)])
    assert str(bufferize(parse(text))).count("= copy") == 1


@every
def test_zeros_filled_in_place(elem: str, rank: int) -> None:
    """No copy: what a nest of loops hands on stays where it was made."""
    t, at = kind(elem, rank), indices(rank, False)
    count = {"f64": "%v: f64 = convert %k {to = f64}\n", "i64": "%v: i64 = add %k, 0\n"}
    value = count.get(elem, "%one: i64 = and %k, 1\n%v: bool = eq %one, 1\n")
    weights = "%k0: i64 = mul %i0, 1\n" + "".join(
        f"%m{k}: i64 = mul %k{k - 1}, 10\n%k{k}: i64 = add %m{k}, %i{k}\n" for k in range(1, rank)
    )
    body = weights + f"%k: i64 = add %k{rank - 1}, 0\n" + value
    body += f"%new: {t} = set %s, {at}, %v\n"
    text = (
        f"fn @f({', '.join(f'%n{k}: i64' for k in range(rank))}) -> {t} {{\n"
        f"%a: {t} = zeros {', '.join(f'%n{k}' for k in range(rank))} {{elem = {elem}}}\n"
        + nest(rank, t, "%a", body, "b")
        + "return %b\n}\n"
    )
    module = parse(text)
    verify(module, "opt")
    assert "copy" not in str(bufferize(module))
    agree(text, *SHAPES[rank])


# ---- whole arrays ------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("strided", [False, True])
def test_copy(elem: str, rank: int, strided: bool) -> None:
    text = (
        f"fn @f(%a: {kind(elem, rank, strided)}) -> {kind(elem, rank)} {{\n"
        f'%b: {kind(elem, rank)} in arena = copy %a {{why = "asked for"}}\nreturn %b\n}}\n'
    )
    module = parse(text)
    verify(module, "memory")
    native = Native(module)
    for x in arrays(elem, rank, strided):
        for got in (native(x), run(module, "f", x)):
            assert equal(np.ascontiguousarray(got), np.ascontiguousarray(x)), x


@pytest.mark.parametrize("rank", RANKS)
def test_sums_of_arrays(rank: int) -> None:
    """Of one and another, of one and itself, of one and null; in place and not."""
    t = kind("f64", rank)
    text = (
        f"fn @f(%a: {t}, %b: {t}) -> ({t}, {t}, {t}) {{\n%z: {t} = null {{type = {t}}}\n"
        f"%c: {t} = accum %a, %b\n%d: {t} = accum %a, %a\n%e: {t} = accum %c, %d\n"
        f"%g: {t} = accum %b, %z\nreturn %e, %d, %g\n}}\n"
    )
    agree(text, *[(x, x[::-1].copy()) for x in arrays("f64", rank, False)])
    x = filled("f64", SHAPES[rank][-1])
    e, d, g = Native(bufferize(parse(text)))(x, x)
    assert np.array_equal(e, 4 * x) and np.array_equal(d, 2 * x) and np.array_equal(g, x)


@pytest.mark.parametrize("rank", RANKS)
def test_zeros_like(rank: int) -> None:
    for strided in (False, True):
        text = (
            f"fn @f(%a: {kind('f64', rank, strided)}) -> f64[{rank}] {{\n"
            f"%z: f64[{rank}] = zeros_like %a\nreturn %z\n}}\n"
        )
        agree(text, *[(x,) for x in arrays("f64", rank, strided)])


@pytest.mark.parametrize("elem", ELEMS)
@pytest.mark.parametrize(
    "dims",
    [(2**62,), (2**32, 2**32), (2**33, 2**31), (2**22, 2**21, 2**21), (2**62, 4, 1), (3, 2**62)],
)
def test_too_large_is_a_memory_error(elem: str, dims: tuple[int, ...]) -> None:
    """Also where the number of elements has more than 64 bits."""
    rank = len(dims)
    names = ", ".join(f"%n{k}" for k in range(rank))
    text = (
        f"fn @f({names.replace(',', ': i64,')}: i64) -> i64 {{\n"
        f"%a: {kind(elem, rank)} = zeros {names} {{elem = {elem}}}\n"
        f"%b: {kind(elem, rank)} = set %a, {repeated('0', rank)}, {literal(elem)}\n"
        "%n: i64 = len %b\nreturn %n\n}\n"
    )
    with pytest.raises(MemoryError):
        Native(bufferize(parse(text)))(*dims)


def test_sums_of_two_shapes_are_refused() -> None:
    text = "fn @f(%a: f64[2], %b: f64[2]) -> f64[2] {\n%c: f64[2] = accum %a, %b\nreturn %c\n}\n"
    native = Native(bufferize(parse(text)))
    for shapes in (((2, 3), (3, 2)), ((2, 3), (2, 2)), ((0, 3), (1, 3)), ((2, 3), (1, 1))):
        with pytest.raises(SystemError, match="two shapes"):
            native(*map(np.ones, shapes))


# ---- arrays on their way -----------------------------------------------------------------------


@every
def test_arms_and_swapped_carries(elem: str, rank: int) -> None:
    t, at, v = kind(elem, rank), repeated("0", rank), literal(elem)
    text = (
        f"fn @f(%a: {t}, %b: {t}, %n: i64, %p: bool) -> ({t}, {t}, i64) {{\n"
        f"%x: {t}, %y: {t} = for %i: i64 = 0 to %n\n"
        f"    carry %c: {t} = %a, %d: {t} = %b {{\n%e: {t} = set %d, {at}, {v}\nnext %e, %c\n}}\n"
        f"%z: {t} = if %p {{\n%u: {t} = set %x, {at}, {v}\nyield %u\n}} else {{\nyield %y\n}}\n"
        f"%m: i64 = len %z {{axis = {rank - 1}}}\nreturn %z, %y, %m\n}}\n"
    )
    shapes = [s for s in SHAPES[rank] if math.prod(s)]
    given = [(filled(elem, s), filled(elem, r)) for s in shapes for r in shapes]
    agree(text, *[(*xy, n, p) for xy in given for n in range(4) for p in (False, True)])


@every
def test_a_callee_writes_what_it_was_handed(elem: str, rank: int) -> None:
    t, at, v = kind(elem, rank), repeated("0", rank), literal(elem)
    text = (
        f"fn @f(%a: {t}, %n: i64) -> {t} {{\n%r: {t} = for %i: i64 = 0 to %n\n"
        f"    carry %c: {t} = %a {{\n%d: {t} = call @g(%c)\nnext %d\n}}\nreturn %r\n}}\n"
        f"fn @g(%c: {t}) -> {t} {{\n%d: {t} = set %c, {at}, {v}\nreturn %d\n}}\n"
    )
    agree(text, *[(x, n) for x in arrays(elem, rank, False) if x.size for n in range(3)])
    assert str(bufferize(parse(text))).count("= copy") == 1  # before the loop


@every
@pytest.mark.parametrize("strided", [False, True])
def test_boxed(elem: str, rank: int, strided: bool) -> None:
    t, u = kind(elem, rank, strided), kind("i64", 4 - rank)
    text = (
        f"record @r = (i64, {t}, {u}, f64)\n"
        f"fn @f(%a: {t}, %b: {u}, {indices(rank)}) -> ({elem}, i64, f64) {{\n"
        f"%0: box<@r> = box 3, %a, %b, 2.5 {{record = @r}}\n"
        f"%1: i64, %2: {t}, %3: {u}, %4: f64 = unbox %0\n"
        f"%v: {elem} = get %2, {indices(rank, False)}\n"
        f"%n: i64 = len %3 {{axis = {3 - rank}}}\nreturn %v, %n, %4\n}}\n"
    )
    other = filled("i64", tuple(range(2, 6 - rank)))
    agree(text, *[(x, other, *at) for x in arrays(elem, rank, strided) for at in places(x)])


@every
def test_a_history_of_arrays(elem: str, rank: int) -> None:
    """A loop saves the array of each turn; a second one reads them, last first."""
    t, at, v = kind(elem, rank), repeated("%i", rank), literal(elem)
    text = (
        f"fn @f(%a: {t}, %n: i64) -> ({t}, f64) {{\n"
        f"%r: {t}; %all: list<{t}> = for %i: i64 = 0 to %n\n"
        f"    carry %c: {t} = %a {{\n%d: {t} = set %c, {at}, {v}\nnext %d; %c\n}}\n"
        f"%s: f64 = for reversed %j: i64 = 0 to %n\n    carry %h: f64 = 1.0\n"
        f"    each %x: {t} of %all {{\n%e: {elem} = get %x, {repeated('%j', rank)}\n"
        "%g: f64 = convert %e {to = f64}\n"
        "%k: f64 = mul %h, 0.75\n%l: f64 = add %k, %g\nnext %l\n}\n"
        "return %r, %s\n}\n"
    )
    x = filled(elem, tuple(range(4, 4 + rank)))
    agree(text, *[(x, n) for n in range(5)])


@pytest.mark.parametrize("elem", ELEMS)
def test_each_element_of_an_array(elem: str) -> None:
    for strided in (False, True):
        text = (
            f"fn @f(%a: {kind(elem, 1, strided)}) -> (f64, {elem}[1]) {{\n%n: i64 = len %a\n"
            f"%s: f64; %ys: {elem}[1] = for %i: i64 = 0 to %n\n    carry %h: f64 = 1.0\n"
            f"    each %e: {elem} of %a {{\n%g: f64 = convert %e {{to = f64}}\n"
            "%k: f64 = mul %h, 0.75\n%l: f64 = add %k, %g\nnext %l; %e\n}\n"
            "return %s, %ys\n}\n"
        )
        agree(text, *[(x,) for x in arrays(elem, 1, strided)])
