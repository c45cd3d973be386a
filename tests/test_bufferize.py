"""Placement: what is updated in place, what is copied and why, what is freed and when."""

from __future__ import annotations

import re

import numpy as np
import pytest

from morula.backend.bufferize import bufferize
from morula.ir.interpreter import run
from morula.ir.parser import parse

HEAD = "fn @f(%x: f64[1], %n: i64, %v: f64) -> "


def placed(text: str) -> str:
    return str(bufferize(parse(text)))


def reasons(text: str) -> list[str]:
    """Why things are copied, in order."""
    return re.findall(r'why = "([^"]*)"', placed(text))


def test_update_goes_in_place() -> None:
    text = placed(
        "fn @f(%n: i64) -> f64 {\n  %a: f64[1] = zeros %n\n  %b: f64[1] = set %a, 0, 1.0\n"
        "  %c: f64[1] = add_at %b, 0, 2.0\n  %r: f64 = get %c, 0\n  return %r\n}\n"
    )
    assert text == (
        "fn @f(%n: i64) -> f64 {\n"
        "  %top: mark = mark\n"
        "  %a: f64[1] in arena = zeros %n\n"
        "  %b: f64[1] in %a = set %a, 0, 1.0\n"
        "  %c: f64[1] in %b = add_at %b, 0, 2.0\n"
        "  %r: f64 = get %c, 0\n"
        "  release %top\n"
        "  return %r\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("%a: f64[1] = set %x, 0, 1.0\n  return %a", "borrowed"),
        (
            "%z: f64[1] = zeros %n\n  %a: f64[1] = set %z, 0, 1.0\n  %s: f64 = get %z, 0\n"
            "  %b: f64[1] = set %a, 1, %s\n  return %b",
            "used later by get",
        ),
        ("%z: f64[1] = zeros %n\n  %a: f64[1] = accum %z, %z\n  return %a", "used twice here"),
        (
            "%z: f64[1] = zeros %n\n  %s: f64 = for %i: i64 = 0 to 3\n      carry %t: f64 = 0.0 {\n"
            "    %a: f64[1] = set %z, 0, %t\n    %u: f64 = get %a, 0\n    next %u\n  }\n"
            "  %b: f64[1] = set %z, 0, %s\n  return %b",
            "defined outside the loop",
        ),
        (
            "%z: f64[1] = zeros %n\n  %a: f64[1] = for %i: i64 = 0 to 3\n      carry %c: f64[1]"
            " = %z {\n    %u: f64 = get %z, 0\n    %d: f64[1] = add_at %c, 0, %u\n"
            "    next %d\n  }\n"
            "  return %a",
            "used in the loop",
        ),
    ],
)
def test_a_copy_says_why(body: str, why: str) -> None:
    text = f"{HEAD}f64[1] {{\n  {body}\n}}\n"
    assert reasons(text) == [why]
    x = np.array([3.0, 4.0])
    assert (
        run(parse(text), "f", x, 2, 0.5).tolist()
        == run(bufferize(parse(text)), "f", x, 2, 0.5).tolist()
    )
    assert x.tolist() == [3.0, 4.0]


def test_length_outlives_the_contents() -> None:
    body = "%z: f64[1] = zeros %n\n  %a: f64[1] = set %z, 0, 1.0\n  %k: i64 = len %z\n"
    assert reasons(f"{HEAD}(f64[1], i64) {{\n  {body}  return %a, %k\n}}\n") == []


def test_the_other_arm_is_no_later_use() -> None:
    text = (
        "fn @f(%p: bool, %n: i64) -> f64[1] {\n  %z: f64[1] = zeros %n\n"
        "  %r: f64[1] = if %p {\n    %a: f64[1] = set %z, 0, 1.0\n    yield %a\n  } else {\n"
        "    %b: f64[1] = set %z, 0, 2.0\n    yield %b\n  }\n  return %r\n}\n"
    )
    assert reasons(text) == []
    assert "%r: f64[1] in %z = if" in placed(text)


ACCUMULATOR = """\
fn @f(%x: f64[1], %n: i64) -> (f64[1], f64) {
  %z: f64[1] = zeros %n
  %a: f64[1] = call @g(%x, %z)
  LATER
  return %a, %s
}
fn @g(%x: f64[1], %acc: f64[1]) -> f64[1] {
  %0: f64 = get %x, 0
  %1: f64[1] = add_at %acc, 0, %0
  return %1
}
"""


def test_a_callee_takes_over_its_accumulator() -> None:
    text = ACCUMULATOR.replace("LATER", "%s: f64 = get %a, 0")
    assert reasons(text) == []
    assert "%a: f64[1] in %z = call @g" in placed(text)


def test_a_caller_that_goes_on_reading_passes_a_copy() -> None:
    text = ACCUMULATOR.replace("LATER", "%s: f64 = get %z, 0")
    assert reasons(text) == ["used later by get"]
    x = np.array([5.0])
    a, s = run(bufferize(parse(text)), "f", x, 1)
    assert (a.tolist(), s) == ([5.0], 0.0)


def test_what_is_boxed_is_copied_before_an_update() -> None:
    text = (
        "record @r = (f64[1])\nfn @f(%n: i64) -> (box<@r>, f64[1]) {\n  %z: f64[1] = zeros %n\n"
        "  %b: box<@r> = box %z {record = @r}\n  %a: f64[1] = set %z, 0, 1.0\n  return %b, %a\n}\n"
    )
    assert reasons(text) == ["kept in a box"]


def test_what_a_callee_boxes_is_kept() -> None:
    text = (
        "record @r = (f64[1])\nfn @f(%n: i64) -> (box<@r>, f64[1]) {\n  %z: f64[1] = zeros %n\n"
        "  %b: box<@r> = call @g(%z)\n  %a: f64[1] = set %z, 0, 1.0\n  return %b, %a\n}\n"
        "fn @g(%a: f64[1]) -> box<@r> {\n  %b: box<@r> = box %a {record = @r}\n  return %b\n}\n"
    )
    assert reasons(text) == ["kept in a box"]


def test_a_carry_stays_in_its_buffer() -> None:
    text = placed(
        "fn @f(%n: i64) -> f64[1] {\n  %z: f64[1] = zeros %n\n"
        "  %r: f64[1] = for %i: i64 = 0 to %n\n      carry %c: f64[1] = %z {\n"
        "    %d: f64[1] = set %c, %i, 1.0\n    next %d\n  }\n  return %r\n}\n"
    )
    assert "%r: f64[1] in %z = for" in text
    assert "carry %c: f64[1] in %z = %z" in text
    assert "copy" not in text


def test_a_body_that_hands_on_what_it_made_is_not_released() -> None:
    text = placed(
        "fn @f(%n: i64) -> f64 {\n  %z: f64[1] = zeros 1\n"
        "  %r: f64[1] = for %i: i64 = 0 to %n\n      carry %c: f64[1] = %z {\n"
        "    %d: f64[1] = zeros 1\n    %u: f64 = get %c, 0\n    %e: f64[1] = set %d, 0, %u\n"
        "    next %e\n  }\n  %s: f64 = get %r, 0\n  return %s\n}\n"
    )
    assert text.count("release") == 1  # at the function's end only
    assert text.index("release") > text.index("next")


def test_a_function_of_scalars_frees_what_it_made() -> None:
    text = placed(
        "fn @f(%n: i64) -> f64 {\n  %s: f64 = for %i: i64 = 0 to %n\n      carry %t: f64 = 0.0 {\n"
        "    %u: f64 = call @g(%t)\n    next %u\n  }\n  return %s\n}\n"
        "fn @g(%t: f64) -> f64 {\n  %a: f64[1] = zeros 4\n  %b: f64[1] = set %a, 1, %t\n"
        "  %u: f64 = get %b, 1\n  return %u\n}\n"
    )
    assert text.count("release") == 1  # in @g; so the loop has nothing to free
    assert text.index("release") > text.index("fn @g")


def test_everything_copied_gives_the_same() -> None:
    text = ACCUMULATOR.replace("LATER", "%s: f64 = get %a, 0")
    module, x = parse(text), np.array([5.0])
    loud = bufferize(module, copy_everything=True)
    assert str(loud).count("everything is copied") == 4
    a, s = run(loud, "f", x, 1)
    assert (a.tolist(), s) == ([5.0], 5.0)
