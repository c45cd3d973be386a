"""The reference interpreter: every op of the table, control, placement, and its traps."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morula.ir import ops
from morula.ir.core import Block, Function, Module, Op, Site, Value, literal
from morula.ir.interpreter import DEEPEST, Trap, run
from morula.ir.parser import parse
from morula.ir.types import C128, F64, I64, Scalar
from morula.ir.verifier import verify

PICTURES = Path(__file__).parent / "cases" / "text"
BIG = 2**63 - 1
FLOATS = [0.0, -0.0, 1.0, -2.5, 0.5, 3.7e300, math.inf, -math.inf, math.nan]


def picture(name: str) -> Module:
    return parse((PICTURES / f"{name}.mir").read_text())


def value(
    text: str,
    x: float = 2.0,
    n: int = 3,
    a: Any = None,
    *,
    returns: str = "%y",
    types: str = "f64",
    stage: str | None = None,
) -> Any:
    """Runs the lines of a function over x, n and a; the module must keep the laws."""
    inputs = "%x: f64, %n: i64, %a: f64[1]"
    module = parse(f"fn @f({inputs}) -> {types} {{\n{text}\nreturn {returns}\n}}\n")
    verify(module, stage)
    return run(module, "f", x, n, np.array([1.0, 2.0, 4.0]) if a is None else a)


# ---- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_pictures(n: int) -> None:
    x = 1.25
    first, second = n * x ** (n - 1), n * (n - 1) * x ** (n - 2)
    assert run(picture("typed"), "f", x, n) == x**n
    for stage in ("ad", "opt", "memory", "order2"):
        assert run(picture(stage), "f.grad", x, n) == pytest.approx(first, rel=1e-14)
    assert run(picture("order2"), "@f.grad2", x, n) == pytest.approx(second, rel=1e-14)


@pytest.mark.parametrize("stage", ["ssa", "closed"])
def test_generic_pictures(stage: str) -> None:
    assert run(picture(stage), "f", 1.25, 7) == 1.25**7


def test_derive_gives_the_results_of_derivative_ops() -> None:
    asked: list[str] = []

    def derive(op: Op, module: Module, values: list[Any]) -> Sequence[Any]:
        asked.append(op.opcode)
        if op.opcode == "vjp":
            x, n = values
            return [run(module, op.attrs["fn"], x, n), (x, n)]
        (x, n), ct = values
        return [ct * n * x ** (n - 1)]

    assert run(picture("typed"), "f.grad", 1.5, 4, derive=derive) == 4 * 1.5**3
    assert asked == ["vjp", "pull"]
    with pytest.raises(ValueError, match="only with derive="):
        run(picture("typed"), "f.grad", 1.5, 4)


# ---- every scalar op means what the table says ------------------------------------------------

SCALARS = [
    name
    for name, row in ops.TABLE.items()
    if row.meaning is not None and row.rule is not None and name not in
    {"get", "set", "add_at", "zeros_like", "accum", "gemm", "box", "null", "select"}
]  # fmt: skip


def signatures(name: str) -> list[list[Scalar]]:
    rule = ops.TABLE[name].rule
    assert rule is not None
    found = []
    for types in ([F64], [I64], [F64, F64], [I64, I64], [I64, F64], [Scalar("bool")],
                  [Scalar("bool")] * 2, [C128], [C128] * 2):  # fmt: skip
        # `same` takes any number of operands of any scalar type: the op's own arity decides
        try:
            rule(Module(), types, {})
            ops.TABLE[name].meaning(*[ONE[t.name] for t in types])  # type: ignore[misc]
        except (ops.TypeRuleError, TypeError):
            continue
        if types[0].name != "bool" or name in ("and", "or", "xor", "not", "eq", "ne"):
            found.append(types)
    return found


ONE = {"f64": 0.5, "i64": 1, "bool": 1, "c128": 1j}


def samples(t: Scalar) -> list[Any]:
    if t == C128:
        return [0j, 1 - 2j, complex(-0.0, math.inf), complex(math.nan, 1.0), -3.5 + 0.5j]
    if t == F64:
        return FLOATS
    return [0, 1, -7, 5, 64, BIG, -BIG - 1] if t == I64 else [True, False]


def cases(name: str, types: list[Scalar]) -> Iterator[list[Any]]:
    first = [0, 1, 5] if name == "polygamma" else samples(types[0])
    return map(list, itertools.product(first, *map(samples, types[1:])))


def meant(name: str, args: list[Any], t: Scalar) -> str:
    """What the table says, as text; a broken promise of a partial op is a trap."""
    try:
        found = ops.evaluate(name, args, {}, t)
    except (ArithmeticError, ValueError) as error:
        return type(error).__name__ if isinstance(error, OverflowError) else "Trap"
    return "Trap" if t == I64 and type(found) is not int else repr(found)


@pytest.mark.parametrize("name", SCALARS)
def test_scalar_op(name: str) -> None:
    tried = 0
    for types in signatures(name):
        inputs = tuple(Value(t, f"x{k}") for k, t in enumerate(types))
        (t,) = ops.infer(Module(), name, inputs, {})
        result = Value(t)
        body = Block((), (Op(name, inputs, (result,)), Op("return", (result,))))
        module = Module({"f": Function("f", (), inputs, (t,), body)})
        verify(module)
        for args in cases(name, types):
            tried += 1
            try:
                found = repr(run(module, "f", *args))
            except (OverflowError, Trap) as error:
                found = type(error).__name__
            assert isinstance(t, Scalar) and found == meant(name, args, t), (name, args)
    assert tried


def test_convert_and_select() -> None:
    assert value("%y: f64 = convert %n {to = f64}") == 3.0
    assert value("%y: i64 = convert %x {to = i64}", -2.7, types="i64") == -2
    assert value("%b: bool = lt %x, 3.0\n%y: i64 = select %b, %n, 9", types="i64") == 3
    for bad in (math.nan, math.inf, 1e300):
        with pytest.raises(Trap):
            value("%y: i64 = convert %x {to = i64}", bad, types="i64")


def test_exact_ops_trap() -> None:
    with pytest.raises(OverflowError):
        value("%y: i64 = add %n, 1", 0.0, BIG, types="i64")
    with pytest.raises(Trap, match="no i64"):
        value("%y: i64 = add %n, 1 {exact}", 0.0, BIG, types="i64")
    with pytest.raises(Trap, match="check has not passed"):
        value("%y: i64 = floordiv %n, 0", types="i64")


def test_types_that_are_not_run_yet_are_refused() -> None:
    module = parse("fn @f() -> f32 {\n  %0: f32 = add 1.0:f32, 2.0:f32\n  return %0\n}\n")
    with pytest.raises(NotImplementedError, match="f32"):
        run(module, "f")


# ---- errors -----------------------------------------------------------------------------------


def test_check_raises_with_its_place() -> None:
    line = '%c: bool = gt %x, 0.0\ncheck %c {error = "ZeroDivisionError", text = "by zero"}'
    assert value(line + ' at "u.py" 4:9', 1.0, returns="%x") == 1.0
    with pytest.raises(ZeroDivisionError) as caught:
        value(line + ' at "u.py" 4:9 from 7:1', 0.0, returns="%x")
    assert str(caught.value) == "by zero"
    assert caught.value.loc == (Site("u.py", 4, 9), Site("", 7, 1))  # type: ignore[attr-defined]
    assert caught.value.__notes__ == ['at "u.py" 4:9 from 7:1']
    with pytest.raises(OverflowError) as over:
        value('%y: i64 = mul %n, 2 at "u.py" 1:2', 0.0, BIG, types="i64")
    assert over.value.loc == (Site("u.py", 1, 2),)  # type: ignore[attr-defined]


def test_unreachable_traps() -> None:
    with pytest.raises(Trap, match="unreachable: was reached"):
        value("if true {\nunreachable\n} else {\nyield\n}", returns="%x")


def test_arguments_are_checked() -> None:
    text = "fn @f(%x: f64, %n: i64, %b: bool, %a: f64[1]) -> f64 {\n  return %x\n}\n"
    module = parse(text)
    a = np.zeros(2)
    assert run(module, "f", 3, 1, True, a) == 3.0
    assert type(run(module, "f", np.float64(3), np.int64(1), np.bool_(True), a)) is float
    for bad in (
        ("x", 1, True, a), (1.0, 1.0, True, a), (1.0, 1, 1, a), (1.0, 1, True, [0.0]),
        (1.0, 1, True, a.astype("f4")), (1.0, 1, True, np.zeros((2, 2))),
        (1.0, 1, True, np.zeros(4)[::2]), (1.0, 1, True),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            run(module, "f", *bad)
    with pytest.raises(OverflowError):
        run(module, "f", 1.0, 2**63, True, a)
    with pytest.raises(ValueError, match="no function @g; there are @f"):
        run(module, "g")


# ---- control ----------------------------------------------------------------------------------


def test_if_and_results() -> None:
    text = (
        "%c: bool = lt %x, 0.0\n%y: f64, %z: i64 = if %c {\nyield 1.0, 2\n} else {\nyield %x, %n\n}"
    )
    assert value(text, -1.0, returns="%y, %z", types="(f64, i64)") == (1.0, 2)
    assert value(text, 5.0, returns="%y, %z", types="(f64, i64)") == (5.0, 3)
    assert run(parse("fn @f() -> () {\n  return\n}\n"), "f") == ()


@pytest.mark.parametrize(
    ("head", "indices", "order"),
    [
        ("0 to 3", [0, 1, 2], [0, 1, 2]),
        ("3 to 0 by -1", [3, 2, 1], [3, 2, 1]),
        ("1 to 8 by 3", [1, 4, 7], [1, 4, 7]),
        ("5 to 5", [], []),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_for(head: str, indices: list[int], order: list[int], reverse: bool) -> None:
    word = "for reversed" if reverse else "for"
    text = f"""%last: f64; %is: i64[1], %es: f64[1] = {word} %i: i64 = {head}
        carry %s: f64 = %x
        each %e: f64 of %a {{
      %t: f64 = mul %s, 2.0
      %u: f64 = add %t, %e
      next %u; %i, %e
    }}"""
    last, found, elements = value(
        text, 1.0, returns="%last, %is, %es", types="(f64, i64[1], f64[1])"
    )
    assert found.dtype == np.int64 and found.tolist() == indices
    assert elements.tolist() == [1.0, 2.0, 4.0][: len(indices)]
    s = 1.0
    for e in elements.tolist()[:: -1 if reverse else 1]:
        s = 2.0 * s + e
    assert last == s


def test_too_few_elements_trap() -> None:
    text = "for %i: i64 = 0 to 9\neach %e: f64 of %a {\nnext\n}"
    with pytest.raises(Trap, match="fewer elements"):
        value(text, returns="%x")


def test_carries_are_assigned_in_parallel() -> None:
    text = """%p: f64, %q: f64 = for %i: i64 = 0 to %n
        carry %s: f64 = 1.0, %t: f64 = 2.0 {
      next %t, %s
    }"""
    assert value(text, returns="%p, %q", types="(f64, f64)") == (2.0, 1.0)


def test_while_histories_and_trips() -> None:
    text = """%s.3: f64; %all: f64[1], %trips: i64 = while
        carry %s: f64 = %x {
      %c: bool = lt %s, 20.0
      test %c
    } do {
      %s.2: f64 = mul %s, 2.0
      next %s.2; %s
    }"""
    last, history, trips = value(text, returns="%s.3, %all, %trips", types="(f64, f64[1], i64)")
    assert (last, history.tolist(), trips) == (32.0, [2.0, 4.0, 8.0, 16.0], 4)


def test_histories_of_arrays_are_lists() -> None:
    text = """; %all: list<f64[1]> = for %i: i64 = 0 to %n {
      %z: f64[1] = zeros %i
      next ; %z
    }
    %s: i64 = for %j: i64 = 0 to %n
        carry %k: i64 = 0
        each %e: f64[1] of %all {
      %m: i64 = len %e
      %l: i64 = add %k, %m
      next %l
    }"""
    assert value(text, 1.0, 4, returns="%s", types="i64") == 0 + 1 + 2 + 3


RECURSION = """
fn @f(%n: i64) -> i64 {
  %c: bool = le %n, 0
  %y: i64 = if %c {
    yield 0
  } else {
    %m: i64 = sub %n, 1
    %r: i64 = call @f(%m)
    %s: i64 = add %r, 1
    yield %s
  }
  return %y
}
"""


def test_recursion() -> None:
    module = parse(RECURSION)
    assert run(module, "f", 10 * sys.getrecursionlimit()) == 10 * sys.getrecursionlimit()
    with pytest.raises(RecursionError):
        run(module, "f", DEEPEST + 10)


def test_captures() -> None:
    module = parse(
        "fn @f [%a: f64](%x: f64) -> f64 {\n  %0: f64 = sub %x, %a\n  return %0\n}\n"
        "fn @g(%x: f64) -> f64 {\n  %0: f64 = call @f [1.0](%x)\n  return %0\n}\n"
    )
    assert run(module, "g", 5.0) == 4.0
    assert run(module, "f", 5.0, captures=(2.0,)) == 3.0


# ---- arrays and boxes as values ---------------------------------------------------------------


def test_arrays_are_values() -> None:
    a = np.array([1.0, 2.0, 4.0])
    text = """%b: f64[1] = set %a, 1, %x
    %c: f64[1] = add_at %b, 0, 5.0
    %p: f64 = get %a, 1
    %q: f64 = get %b, 0
    %l: i64 = len %c
    %z: f64[1] = zeros_like %c
    %d: f64[1] = accum %c, %z
    %e: i64[1] = zeros 2 {elem = i64}"""
    d, p, q, n, e, same = value(
        text, 9.0, 0, a, returns="%d, %p, %q, %l, %e, %a",
        types="(f64[1], f64, f64, i64, i64[1], f64[1])",
    )  # fmt: skip
    assert d.tolist() == [6.0, 9.0, 4.0] and (p, q, n) == (2.0, 1.0, 3)
    assert e.dtype == np.int64 and e.tolist() == [0, 0]
    assert a.tolist() == [1.0, 2.0, 4.0] and a.flags.writeable
    same[0] = 7.0  # a result is the caller's own
    assert a[0] == 1.0


def test_two_axes() -> None:
    module = parse(
        "fn @f(%a: f64[2]) -> (f64, i64, i64) {\n"
        "  %b: f64[2] = set %a, 1, 2, 9.0\n  %0: f64 = get %b, 1, 2\n"
        "  %1: i64 = len %a\n  %2: i64 = len %a {axis = 1}\n  return %0, %1, %2\n}\n"
    )
    assert run(module, "f", np.zeros((2, 3))) == (9.0, 2, 3)


@pytest.mark.parametrize("index", [-1, 3])
@pytest.mark.parametrize(
    "line",
    ["%y: f64 = get %a, %n", "%b: f64[1] = set %a, %n, %x", "%b: f64[1] = add_at %a, %n, %x"],
)
def test_an_index_outside_traps(line: str, index: int) -> None:
    with pytest.raises(Trap, match="check has not passed"):
        value(line, 1.0, index, returns="%x")


def test_boxes() -> None:
    text = """record @r = (f64, box<@r>)
fn @f(%x: f64) -> (f64, bool, bool, box<@r>) {
  %0: box<@r> = null {type = box<@r>}
  %1: box<@r> = box %x, %0 {record = @r}
  %2: f64, %3: box<@r> = unbox %1
  %4: bool = is_null %3
  %5: bool = is_null %1
  %6: box<@r> = accum %1, %1
  return %2, %4, %5, %6
}
fn @g() -> f64 {
  %0: box<@r> = null {type = box<@r>}
  %1: f64, %2: box<@r> = unbox %0
  return %1
}
"""
    module = parse(text)
    verify(module)
    assert run(module, "f", 2.5) == (2.5, True, False, (5.0, None))
    with pytest.raises(Trap, match="null"):
        run(module, "g")


# ---- stage memory is honoured -----------------------------------------------------------------


def memory(text: str, **more: Any) -> Any:
    return value(text, stage="memory", **more)


def test_a_place_is_the_buffer() -> None:
    a = np.array([1.0, 2.0, 4.0])
    text = """%b: f64[1] in %a = set %a, 0, %x
    %c: f64[1] in %b = add_at %b, 1, %x
    %d: f64[1] in %c = accum %c, %c
    %y: f64 = get %a, 1"""
    d, y = value(text, 8.0, 0, a, returns="%d, %y", types="(f64[1], f64)", stage="memory")
    assert d is a and a.tolist() == [16.0, 20.0, 8.0] and y == 20.0


def test_a_wrong_place_is_seen() -> None:
    # %a is read after the update that takes its buffer
    lines = "%b: f64[1]{} = set %a, 0, %x\n%y: f64 = get %a, 0"
    assert memory(lines.format(" in arena")) == 1.0
    assert memory(lines.format(" in %a")) == 2.0


def test_copies_are_fresh() -> None:
    text = "%b: f64[1] in heap = copy %a\n%c: f64[1] in %b = set %b, 0, %x\n%y: f64 = get %a, 0"
    assert memory(text) == 1.0


def test_places_of_loops_ifs_and_calls() -> None:
    text = """fn @f(%a: f64[1] in caller, %n: i64) -> f64[1] {
  %b: f64[1] in %a = for %i: i64 = 0 to %n
      carry %s: f64[1] in %a = %a {
    %t: f64[1] in %s = add_at %s, %i, 1.0
    next %t
  }
  %c: bool = gt %n, 1
  %d: f64[1] in %b = if %c {
    %e: f64[1] in arena = zeros 3
    %g: f64[1] in %e = set %e, 0, 7.0
    yield %g
  } else {
    yield %b
  }
  %h: f64[1] in %d = call @g(%d)
  return %h
}
fn @g(%a: f64[1] in caller) -> f64[1] {
  %b: f64[1] in %a = add_at %a, 2, 0.5
  return %b
}
"""
    module = parse(text)
    verify(module, "memory")
    assert str(module) == text
    a = np.array([1.0, 2.0, 4.0])
    assert run(module, "f", a, 1) is a and a.tolist() == [2.0, 2.0, 4.5]
    # the other arm's contents are copied into the place
    assert run(module, "f", a, 2) is a and a.tolist() == [7.0, 0.0, 0.5]


def test_swapped_buffers_are_staged() -> None:
    text = """fn @f(%a: f64[1] in caller, %b: f64[1] in caller) -> (f64[1], f64[1]) {
  %c: f64[1] in %a, %d: f64[1] in %b = if true {
    yield %b, %a
  } else {
    yield %a, %b
  }
  return %c, %d
}
"""
    a, b = np.array([1.0]), np.array([2.0])
    c, d = run(parse(text), "f", a, b)
    assert c is a and d is b and (a[0], b[0]) == (2.0, 1.0)


def test_release_poisons() -> None:
    text = """%m: mark = mark
    %b: f64[1] in arena = zeros %n
    {early}
    {late}"""
    read, free = "%y: f64 = get %b, 0", "release %m"
    assert memory(text.format(early=read, late=free)) == 0.0
    with pytest.raises(Trap, match="released"):
        memory(text.format(early=free, late=read))


def test_release_ends_boxes_and_histories_and_spares_the_rest() -> None:
    text = """record @r = (f64)
fn @f(%x: f64) -> f64 {
  %keep: f64[1] in arena = zeros 1
  %m: mark = mark
  %b: box<@r> in arena = box %x {record = @r}
  ; %ys: f64[1] in arena = for %i: i64 = 0 to 3 {
    next ; %x
  }
  %m.1: mark = mark
  %late: f64[1] in arena = zeros 1
  release %m
  USE
  %y: f64 = get %keep, 0
  return %y
}
"""
    assert run(parse(text.replace("  USE\n", "")), "f", 1.0) == 0.0
    for use in (
        "%0: f64 = unbox %b", "%0: f64 = get %ys, 0", "%0: i64 = len %late",
        "for %j: i64 = 0 to 3\n each %e: f64 of %ys {\n next\n }",
    ):  # fmt: skip
        module = parse(text.replace("USE", use))
        verify(module, "memory")
        with pytest.raises(Trap, match="released"):
            run(module, "f", 1.0)
    with pytest.raises(Trap, match="mark itself"):
        run(parse(text.replace("USE", "release %m.1")), "f", 1.0)


def test_returning_what_was_released_traps() -> None:
    text = "%m: mark = mark\n%b: f64[1] in arena = zeros 1\nrelease %m"
    with pytest.raises(Trap, match="released"):
        memory(text, returns="%b", types="f64[1]")


def test_runs_are_repeatable() -> None:
    module = picture("memory")
    assert [run(module, "f.grad", 1.5, 5) for _ in range(3)] == [5 * 1.5**4] * 3
    body = Block((), (Op("return", (literal(1.0),)),))
    assert run(Module({"f": Function("f", (), (), (F64,), body)}), "f") == 1.0
