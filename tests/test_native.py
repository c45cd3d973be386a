"""Native code of whole programs: control, recursion, arrays, boxes, memory, signals."""

from __future__ import annotations

import itertools
import math
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agreement import agree, equal
from morula.backend import runtime
from morula.backend.bufferize import bufferize
from morula.backend.emit import emit
from morula.ir.interpreter import run
from morula.ir.parser import parse
from native_code import Native

BOOLS = [False, True]

# ---- programs ----------------------------------------------------------------------------------


FIB = """\
fn @fib(%n: i64) -> i64 {
  %0: bool = lt %n, 2
  %r: i64 = if %0 {
    yield %n
  } else {
    %1: i64 = sub %n, 1
    %2: i64 = call @fib(%1)
    %3: i64 = sub %n, 2
    %4: i64 = call @fib(%3)
    %5: i64 = add %2, %4
    yield %5
  }
  return %r
}
"""


def test_recursion() -> None:
    agree(FIB, (1,), (15,))


def test_deep_recursion_raises() -> None:
    text = """\
fn @down(%n: i64) -> i64 {
  %0: bool = le %n, 0
  %r: i64 = if %0 {
    yield 0
  } else {
    %1: i64 = sub %n, 1
    %2: i64 = call @down(%1)
    %3: i64 = add %2, 1
    yield %3
  }
  return %r
}
"""
    native = Native(bufferize(parse(text)))
    assert native(1000) == 1000
    with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
        native(10**7)
    assert native(1000) == 1000


RANGES = """\
fn @f(%lo: i64, %hi: i64, %step: i64) -> (f64, i64, f64[1]) {
  %s.2: f64, %last: i64; %all: f64[1] = for KIND %i: i64 = %lo to %hi by %step
      carry %s.1: f64 = 0.5, %l: i64 = -1 {
    %0: f64 = convert %i {to = f64}
    %1: f64 = mul %s.1, 0.75
    %s: f64 = add %1, %0
    next %s, %i; %s.1
  }
  return %s.2, %last, %all
}
"""


@pytest.mark.parametrize("kind", ["", "reversed "])
def test_for_counts_as_range(kind: str) -> None:
    big = 2**63 - 1
    argss = [(0, 5, 1), (5, 0, 1), (5, 0, -2), (-3, 9, 4), (0, 0, 1), (3, 4, 100), (7, -8, -5)]
    argss += [(big - 5, big, 2), (-big - 1, -big + 3, 1), (-big, -big - 1, -1), (0, 40_000, 1)]
    argss += [(-big - 1, big, big), (big, -big - 1, -big), (big, -big - 1, -big - 1)]
    agree(RANGES.replace("KIND ", kind), *argss)


def test_reversed_each_of_a_strided_array() -> None:
    text = """\
fn @f(%x: f64[1, strided]) -> (f64, f64[1]) {
  %n: i64 = len %x
  %s.2: f64; %ys: f64[1] = for reversed %i: i64 = 0 to %n
      carry %s.1: f64 = 0.0
      each %e: f64 of %x {
    %0: f64 = mul %s.1, 0.5
    %1: f64 = add %0, %e
    next %1; %0
  }
  return %s.2, %ys
}
"""
    x = np.arange(20.0)
    agree(text, (x,), (x[::-3],), (x[3::2],), (x[:0],), (x[4:5],))


WHILE = """\
fn @f(%x: f64, %n: i64) -> (f64, f64[1], bool[1], i64[1], i64) {
  %s.2: f64, %i.2: i64; %all: f64[1], %odd: bool[1], %is: i64[1], %trips: i64 = while
      carry %s.1: f64 = 1.0, %i.1: i64 = 0 {
    %0: bool = lt %i.1, %n
    test %0
  } do {
    %s: f64 = mul %s.1, %x
    %i: i64 = add %i.1, 1 {exact}
    %1: i64 = and %i.1, 1
    %2: bool = eq %1, 1
    next %s, %i; %s.1, %2, %i.1
  }
  return %s.2, %all, %odd, %is, %trips
}
"""


def test_while_saves_histories() -> None:
    agree(WHILE, (0.5, 0), (0.5, 1), (1.001, 63), (1.001, 64), (1.001, 65), (0.999, 50_000))


def test_checks_raise() -> None:
    text = """\
fn @f(%x: f64[1], %i: i64, %d: i64) -> (f64, i64) {
  %n: i64 = len %x
  %0: bool = lt %i, %n
  check %0 {error = "IndexError", text = "index out of range"}
  %1: f64 = get %x, %i
  %2: bool = ne %d, 0
  check %2 {error = "ZeroDivisionError", text = "integer division or modulo by zero"}
  %3: i64 = floordiv %i, %d
  %4: bool = ge %i, 3
  if %4 {
    check false {error = "ValueError", text = "three"}
    unreachable
  } else {
    yield
  }
  return %1, %3
}
"""
    x = np.array([1.0, 2.0, 4.0, 8.0])
    agree(text, (x, 1, -2), (x, 4, 1), (x, 2, 0), (x, 3, 1))
    sites = emit(bufferize(parse(text)), ["f"]).sites
    assert [s.error for s in sites][:2] == ["IndexError", "ZeroDivisionError"]


UPDATED = """\
fn @f(%n: i64, %x: f64) -> (f64[1], f64, f64[1]) {
  %a: f64[1] = zeros %n
  %b: f64[1] = for %i: i64 = 0 to %n
      carry %c: f64[1] = %a {
    %0: f64 = convert %i {to = f64}
    %1: f64 = mul %0, %x
    %d: f64[1] = set %c, %i, %1
    next %d
  }
  %e: f64[1] = add_at %b, 1, 10.0
  %u: f64 = get %b, 1
  %k: f64[1] = accum %e, %b
  return %k, %u, %e
}
"""


def test_arrays_are_updated_in_place_or_copied() -> None:
    agree(UPDATED, (4, 0.5), (9, -1.5))


SWAP = """\
fn @f(%n: i64) -> (f64[1], f64[1]) {
  %a: f64[1] = zeros 3
  %b: f64[1] = zeros 3
  %p.3: f64[1], %q.3: f64[1] = for %i: i64 = 0 to %n
      carry %p.1: f64[1] = %a, %q.1: f64[1] = %b {
    %0: f64 = convert %i {to = f64}
    %1: f64[1] = add_at %p.1, 0, 1.0
    %2: f64 = get %q.1, 0
    %3: f64 = add %2, %0
    %4: f64[1] = set %1, 1, %3
    next %q.1, %4
  }
  return %p.3, %q.3
}
"""


def test_swapped_buffers_travel_by_pointer() -> None:
    agree(SWAP, (0,), (1,), (2,), (7,))
    assert "copy" not in str(bufferize(parse(SWAP)))


BOXES = """\
record @r = (f64, i64, bool, f64[1], box<@r>)
fn @f(%n: i64, %x: f64) -> (f64, i64) {
  %none: box<@r> = null {type = box<@r>}
  %b: box<@r> = call @chain(%n, %x, %none)
  %s: f64, %k: i64 = call @total(%b)
  return %s, %k
}
fn @chain(%n: i64, %x: f64, %last: box<@r>) -> box<@r> {
  %0: bool = le %n, 0
  %r: box<@r> = if %0 {
    yield %last
  } else {
    %a: f64[1] = zeros 3
    %a.2: f64[1] = set %a, 1, %x
    %1: bool = gt %x, 2.0
    %2: box<@r> = box %x, %n, %1, %a.2, %last {record = @r}
    %3: i64 = sub %n, 1
    %4: f64 = mul %x, 1.5
    %5: box<@r> = call @chain(%3, %4, %2)
    yield %5
  }
  return %r
}
fn @total(%b: box<@r>) -> (f64, i64) {
  %0: bool = is_null %b
  %s: f64, %k: i64 = if %0 {
    yield 0.0, 0
  } else {
    %x: f64, %n: i64, %big: bool, %a: f64[1], %next: box<@r> = unbox %b
    %1: f64, %2: i64 = call @total(%next)
    %3: f64 = get %a, 1
    %4: f64 = select %big, %3, %x
    %5: f64 = add %1, %4
    %6: i64 = add %2, %n
    yield %5, %6
  }
  return %s, %k
}
"""


def test_boxes() -> None:
    agree(BOXES, (0, 1.0), (1, 1.0), (12, 1.0))


def test_sum_of_boxes() -> None:
    text = """\
record @r = (f64, f64[1])
fn @f(%x: f64, %p: bool, %q: bool) -> (f64, f64, f64) {
  %a: f64[1] = zeros 2
  %a.2: f64[1] = set %a, 0, %x
  %one: box<@r> = box %x, %a.2 {record = @r}
  %none: box<@r> = null {type = box<@r>}
  %l: box<@r> = if %p {
    yield %one
  } else {
    yield %none
  }
  %m: box<@r> = if %q {
    yield %one
  } else {
    yield %none
  }
  %sum: box<@r> = accum %l, %m
  %0: bool = is_null %sum
  %u: f64, %v: f64 = if %0 {
    yield -1.0, -2.0
  } else {
    %1: f64, %2: f64[1] = unbox %sum
    %3: f64 = get %2, 0
    yield %1, %3
  }
  %w: f64 = get %a.2, 0
  return %u, %v, %w
}
"""
    module = parse(text)
    native = Native(bufferize(module))
    for p, q in itertools.product(BOOLS, BOOLS):
        assert (
            native(3.0, p, q)
            == run(module, "f", 3.0, p, q)
            == run(bufferize(module), "f", 3.0, p, q)
        )


GROWING = """\
fn @f(%n: i64) -> f64 {
  %s: f64 = for %i: i64 = 0 to %n
      carry %t: f64 = 0.0 {
    %u: f64; %h: f64[1] = for %j: i64 = 0 to 1000
        carry %v: f64 = %t {
      %0: f64 = add %v, 1.0
      next %0; %v
    }
    %w: f64 = get %h, 999
    next %w
  }
  return %s
}
"""


def test_a_loop_that_allocates_does_not_grow() -> None:
    placed = bufferize(parse(GROWING))
    assert str(placed).count("release") == 1  # in the loop; so nothing is left to release after it
    native, ctx = Native(placed), runtime.new_context()
    for _ in range(3):
        assert native(10_000, ctx=ctx) == 9990000.0
        assert ctx.end - ctx.cursor < 1 << 17
    runtime.free(ctx)


def test_arena_is_kept_warm_and_whole() -> None:
    native, ctx = Native(bufferize(parse(WHILE))), runtime.new_context()
    first = native(1.0, 300_000, ctx=ctx)
    size = ctx.end - ctx.cursor
    for _ in range(3):
        assert equal(native(1.0, 300_000, ctx=ctx), first)
        assert ctx.end - ctx.cursor == size  # one chunk, nothing new
    runtime.free(ctx)


def test_no_memory() -> None:
    text = (
        "fn @f(%n: i64) -> f64 {\n  %a: f64[1] = zeros %n\n  %x: f64 = get %a, 0\n  return %x\n}\n"
    )
    native = Native(bufferize(parse(text)))
    assert native(5) == 0.0
    for n in (2**63 - 1, 2**61, 2**60 + 1, 2**50, 2**45):
        with pytest.raises(MemoryError):
            native(n)
    assert native(5) == 0.0


def test_no_address_in_the_text() -> None:
    text = emit(bufferize(parse(UPDATED)), ["f"]).text
    assert "inttoptr" not in text
    assert text == emit(bufferize(parse(UPDATED)), ["f"]).text


def pictures() -> list[tuple[str, str]]:
    """The texts of TEXT_FORM.md that are kept as golden cases."""
    folder = Path(__file__).parent / "cases" / "pictures"
    return [(p.stem, p.read_text()) for p in sorted(folder.glob("*.mir"))]


@pytest.mark.parametrize(("name", "text"), pictures(), ids=lambda v: v[:10])
def test_pictures(name: str, text: str) -> None:
    """n x^(n-1), and n (n-1) x^(n-2)."""
    module = parse(text)
    placed = (
        module if name == "memory" else bufferize(module, entries=[f for f in module.functions])
    )
    for f in [f for f in ("f.grad", "f.grad2") if f in module.functions]:
        native = Native(placed, f)
        for x, n in ((1.5, 0), (1.5, 1), (1.25, 7), (-0.5, 4)):
            order2 = n * (n - 1) * x ** (n - 2)
            wanted = n * x ** (n - 1) if f == "f.grad" else order2
            assert math.isclose(native(x, n), wanted, rel_tol=1e-12), (name, f, x, n)
            assert math.isclose(run(placed, f, x, n), wanted, rel_tol=1e-12)


# ---- control that is threaded, deep or long -----------------------------------------------------

SEARCH = """\
fn @f(%x: i64, %n: i64, %limit: i64) -> (i64, i64, bool[1]) {
  %stop.3: bool, %s.3: i64, %i.3: i64; %bs: bool[1], %trips: i64 = while
      carry %stop.1: bool = false, %s.1: i64 = %x, %i.1: i64 = 0 {
    %0: bool = not %stop.1
    %1: bool = lt %i.1, %n
    %2: bool = and %0, %1
    test %2
  } do {
    %3: i64 = mul %s.1, 3
    %4: i64 = xor %3, %i.1
    %5: i64 = and %4, 1023
    %6: i64 = and %5, 7
    %7: bool = eq %6, 3
    %b.1: bool, %t.1: i64 = if %7 {
      %b.2: bool = gt %5, %limit
      %b.3: bool, %t.2: i64 = if %b.2 {
        yield true, %5
      } else {
        %8: i64 = xor %5, 255
        yield false, %8
      }
      yield %b.3, %t.2
    } else {
      yield false, %5
    }
    %stop.2: bool, %i.2: i64 = if %b.1 {
      yield true, %i.1
    } else {
      %9: i64 = add %i.1, 1
      yield false, %9
    }
    next %stop.2, %t.1, %i.2; %b.1
  }
  return %s.3, %i.3, %bs
}
"""


def test_known_flags_are_jumped_over() -> None:
    agree(SEARCH, (1, 0, 5), (1, 50, 5), (1, 200, 700), (5, 300, 1000), (2, 200, 2000))


def nested(depth: int) -> str:
    """`if a: if b: break`, many times in a row, as the rest of one arm after another."""
    lines, ends = [], []
    for k in range(depth):
        pad = "  " * (k + 2)
        lines += [
            f"{pad}%c{k}: bool = eq %i.1, {k}",
            f"{pad}%b{k}: bool, %s{k}: i64 = if %c{k} {{",
            f"{pad}  yield true, {k}",
            f"{pad}}} else {{",
        ]
        ends.append(f"{pad}  yield %b{k + 1}, %s{k + 1}\n{pad}}}")
    pad = "  " * (depth + 2)
    lines.append(f"{pad}%b{depth}: bool, %s{depth}: i64 = if false {{")
    lines.append(f"{pad}  yield true, 0\n{pad}}} else {{\n{pad}  yield false, -1\n{pad}}}")
    body = "\n".join(lines + ends[::-1])
    return f"""\
fn @f(%n: i64) -> (i64, i64) {{
  %stop.3: bool, %r.3: i64, %i.3: i64 = while
      carry %stop.1: bool = false, %r.1: i64 = 0, %i.1: i64 = %n {{
    %0: bool = not %stop.1
    test %0
  }} do {{
{body}
    %i.2: i64 = sub %i.1, 1
    next %b0, %s0, %i.2
  }}
  return %r.3, %i.3
}}
"""


def test_nesting_is_not_pythons_stack() -> None:
    module = parse(nested(400))
    native = Native(bufferize(module))
    for n in (0, 5, 399, 405):
        assert native(n) == run(module, "f", n)


ENDLESS = {
    "for": "fn @f() -> i64 {\n  %r: i64 = for %i: i64 = 0 to 9223372036854775807\n"
    "      carry %s: i64 = 0 {\n    %t: i64 = xor %s, %i\n    %u: i64 = mul %t, 5 {checked}\n"
    "    next %u\n  }\n  return %r\n}\n",
    "while": "fn @f() -> i64 {\n  %r: i64 = while\n      carry %s: i64 = 1 {\n"
    "    %0: bool = ne %s, 0\n    test %0\n  } do {\n    %t: i64 = mul %s, 5 {checked}\n"
    "    %u: i64 = or %t, 1\n    next %u\n  }\n  return %r\n}\n",
    "nested": "fn @f() -> i64 {\n  %r: i64 = for %i: i64 = 0 to 9223372036854775807\n"
    "      carry %s: i64 = 1 {\n    %q: i64 = for %j: i64 = 0 to %i\n        carry %t: i64 = %s {\n"
    "      %u: i64 = mul %t, 5 {checked}\n      %v: i64 = xor %u, %j\n      next %v\n    }\n"
    "    next %q\n  }\n  return %r\n}\n",
    "recursion": FIB,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_ctrl_c_stops_a_long_loop(kind: str) -> None:
    native = Native(bufferize(parse(ENDLESS[kind])))
    args = (90,) if kind == "recursion" else ()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            native(*args)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, old)
