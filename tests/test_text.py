"""Printing and parsing are exact inverses, on pictures, on every form, on random literals."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morula.ir.core import (
    UNBOUND,
    UNDEF,
    Block,
    Function,
    Literal,
    Module,
    Op,
    Operand,
    Record,
    Site,
    Value,
    literal,
)
from morula.ir.parser import TextError, parse
from morula.ir.printer import PrintError, describe, print_function, print_module
from morula.ir.types import C128, F32, F64, I64, NONE, U8, Box, Scalar
from morula.ir.verifier import verify

TEXTS = sorted((Path(__file__).parent / "cases" / "text").glob("*.mir"))


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_identity(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    module = parse(text)
    assert print_module(module) == text
    assert str(module) == text
    assert "".join(map(print_function, module.functions.values())) == text[text.index("fn @") :]


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_texts_verify(path: Path) -> None:
    module = parse(path.read_text(encoding="utf-8"))
    stage = path.stem if path.stem not in ("order2", "generic_forms", "typed_forms") else None
    verify(module, stage)


def one(*ops: Op, typed: bool = False, inputs: tuple[Value, ...] = ()) -> Module:
    end = Op("return", (ops[-1].results[0],) if ops and ops[-1].results else (literal(0),))
    results = tuple(v.type for v in end.operands) if typed else None
    f = Function("f", (), inputs, results, Block((), (*ops, end)))
    return Module({"f": f})


def same(a: Operand, b: Operand) -> bool:
    assert isinstance(a, Literal) and isinstance(b, Literal)
    if isinstance(a.value, float) and math.isnan(a.value):
        return isinstance(b.value, float) and math.isnan(b.value) and a.type == b.type
    return a == b and type(a.value) is type(b.value)


VALUES = st.one_of(
    st.floats(), st.integers(), st.complex_numbers(), st.text(), st.booleans(),
    st.sampled_from([None, UNDEF, UNBOUND, -0.0, math.inf, -math.inf, math.nan, 10**40]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_literals(values: list[Any]) -> None:
    operands = tuple(map(literal, values))
    text = print_module(one(Op("tuple", operands, (Value(),))))
    module = parse(text)
    assert print_module(module) == text
    back = module.entry.body.ops[0].operands
    assert all(same(a, b) for a, b in zip(operands, back, strict=True)) and len(back) == len(values)


@given(st.recursive(VALUES, lambda kids: st.lists(kids, max_size=3).map(tuple), max_leaves=6))
def test_attributes(value: Any) -> None:
    text = print_module(one(Op("tuple", (), (Value(),), {"a": value})))
    module = parse(text)
    assert print_module(module) == text
    assert repr(module.entry.body.ops[0].attrs["a"]) == repr(value)


@given(st.lists(st.text("xs.0_é-", max_size=5), min_size=1, max_size=12))
def test_names(names: list[str]) -> None:
    ops = [Op("tuple", (), (Value(NONE, name),)) for name in names]
    text = print_module(one(*ops))
    assert print_module(parse(text)) == text


@pytest.mark.parametrize(
    ("v", "text"),
    [
        (Literal(1.5, F32), "1.5:f32"),
        (Literal(3, U8), "3:u8"),
        (Literal(0.0, Scalar("f64", 8)), "0.0:f64x8"),
        (Literal(complex(-0.0, math.nan), C128), "-0.0+nanj"),
        (Literal(1e22, F64), "1e+22"),
        (Literal(-0.0, F64), "-0.0"),
        (Literal(-(2**63), I64), "-9223372036854775808"),
    ],
)
def test_literal_spelling(v: Literal, text: str) -> None:
    module = one(Op("tuple", (v,), (Value(),)))
    assert f"tuple {text}\n" in print_module(module)
    assert same(parse(print_module(module)).entry.body.ops[0].operands[0], v)


def test_names_are_kept_where_free() -> None:
    names = ["s", "s", "s.1", "", "7", "s", "ct.x", "<lambda>"]
    ops = [Op("tuple", (), (Value(NONE, name),)) for name in names]
    text = print_module(one(*ops))
    found = [line.split()[0] for line in text.split("\n")[1 : len(names) + 1]]
    assert found == ["%s", "%s.1", "%s.1.1", "%0", "%1", "%s.2", "%ct.x", "%_lambda_"]
    assert print_module(parse(text)) == text


def test_locations_from_column_64() -> None:
    x = Value(NONE, "x")
    long = Value(NONE, "a_name_so_long_that_the_location_stands_two_blanks_after_it")
    loc = (Site("user.py", 2, 3), Site("other.py", 4, 5))
    ops = (Op("neg", (x,), (Value(),), loc=loc), Op("neg", (x,), (long,), loc=loc))
    f = Function(
        "f", (), (x,), None, Block((), (*ops, Op("return", (x,)))), {}, (Site("user.py", 1, 1),)
    )
    text = print_module(Module({"f": f}))
    lines = text.split("\n")
    assert lines[0] == 'fn @f(%x) at "user.py" 1:1 {'
    assert lines[1].index("at 2:3") == 63
    assert lines[2].endswith(' = neg %x  at 2:3 from "other.py" 4:5')
    back = parse(text).entry
    assert back.loc == f.loc and [op.loc for op in back.body.ops] == [loc, loc, ()]


@pytest.mark.parametrize(
    "op",
    [
        Op("tuple", (), (Value(),), {"a": object()}),
        Op("tuple", (), (Value(),), {"A b": 1}),
        Op("tuple", (Literal("x", F64),), (Value(),)),
        Op("tuple", (Literal(None, F64),), (Value(),)),
        Op("closure", (), (Value(),), {"fn": "no name"}, groups=(0, 0)),
        Op("tuple", (), (Value(),), regions=(Block((), ()),)),
    ],
)
def test_what_has_no_text_is_refused(op: Op) -> None:
    with pytest.raises(PrintError):
        print_module(one(op))


def test_attributes_of_a_pass_are_not_printed() -> None:
    f = one().entry.but(attrs={"mine": object(), "defaults": (1,)})
    assert "{defaults = (1)}" in print_function(f)
    assert "mine" not in print_function(f)


def test_functions_and_records_in_attributes() -> None:
    text = (
        "record @r = (f64)\n"
        "fn @f(%x: f64) -> box<@r> {\n"
        "  %0: box<@r> = box %x {record = @r}\n"
        "  return %0\n"
        "}\n"
    )
    module = parse(text)
    assert module.records == {"r": Record("r", (F64,))}
    assert module.entry.body.ops[0].attrs == {"record": "r"}
    assert module.entry.results == (Box("r"),)
    assert print_module(module) == text


def test_comments_and_blank_lines() -> None:
    text = "# one\n\nfn @f(%x) {  # two\n\n  # three\n  return %x # four\n\n}  # five\n# six"
    assert print_module(parse(text)) == "fn @f(%x) {\n  return %x\n}\n"
    assert parse("").functions == {}


@pytest.mark.parametrize(
    ("text", "line", "col", "words"),
    [
        ("fn @f(%x) {\n  return %y\n}", 2, 10, "%y is not defined before this use"),
        ("fn @f(%x) {\n  return %x", 2, 12, "found the end of the text"),
        ("fn @f(%x) {\n  %0 = frobnicate %x\n  return %0\n}", 2, 8, "no opcode `frobnicate`"),
        ("fn @f(%x, %x) {\n  return %x\n}", 1, 11, "%x is defined twice"),
        ("fn @f(%x: f64) {\n  return %x\n}", 1, 4, "without `->`"),
        ("fn @f(%x: f64) -> f64 {\n  %y = neg %x\n  return %y\n}", 2, 3, "%y needs a type"),
        ("fn @f() {\n  return 1.0:i64\n}", 2, 10, "1.0 cannot be of type i64"),
        ("fn @f() {\n  return 1\n}\nfn @f() {\n  return 1\n}", 4, 4, "@f is defined twice"),
        ("record @r = ()\nrecord @r = ()", 2, 8, "@r is declared twice"),
        ("fn @f() {\n  return ?\n}", 2, 10, "found `?`"),
        ("fn @f() {\n  return 1 {a, a}\n}", 2, 16, "`a` stands twice"),
        ("fn @f() {\n  return 1 {a = @g}\n}", 2, 13, "@g cannot be the value of `a`"),
        ("fn @f() {\n  return 1; 2\n}", 2, 3, "`return` has no `;`"),
        ("fn @f() -> () {\n  call @f(1; 2)\n  return\n}", 2, 3, "only there"),
        ("fn @f(%x) {\n  if %x\n    yield\n}", 2, 8, "found the end of the line"),
        ("hello", 1, 1, "or `record` or the end of the line or the end of the text, found `hello`"),
        (
            "fn @f() -> () {\n  %a: i64; %b: i64 = neg 1\n  return\n}",
            2, 3, "the results of neg have no `;`",
        ),
    ],
)  # fmt: skip
def test_errors(text: str, line: int, col: int, words: str) -> None:
    with pytest.raises(TextError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.col) == (line, col)


def test_the_reader_starts_afresh_after_an_error() -> None:
    with pytest.raises(TextError):
        parse("fn @g(%x) {\n  %y = neg %x\n  return %z\n}")
    assert list(parse("fn @f(%y) {\n  return %y\n}").functions) == ["f"]


def nested(depth: int) -> str:
    lines = ["fn @f(%x: f64) -> f64 {"]
    for k in range(depth):
        lines += [f"%c{k}: bool = lt %x, {k}.0", f"%y{k}: f64 = if %c{k} {{"]
    lines.append("yield %x")
    for k in reversed(range(depth)):
        lines += ["} else {", "yield 1.0", "}", f"{'yield' if k else 'return'} %y{k}"]
    return "\n".join([*lines, "}"])


def test_a_thousand_levels() -> None:
    limit = sys.getrecursionlimit()
    module = parse(nested(1000))
    sys.setrecursionlimit(150 + len(__import__("inspect").stack()))
    try:
        text = print_module(module)
        verify(module, "typed")
        assert print_module(parse(text)) == text
    finally:
        sys.setrecursionlimit(limit)


def test_describe_survives_broken_ops() -> None:
    assert describe(Op("add", (Value(F64, "x"), literal(1.0)), (Value(F64, "y"),))) == (
        "%y: f64 = add %x, 1.0"
    )
    assert "while" in describe(Op("while", (), (), {}, (Block((), ()),), (), ()))


def test_import_is_light() -> None:
    code = "import morula, morula.ir, sys; assert 'lark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
