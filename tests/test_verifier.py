"""Each law of the IR is broken by a module that keeps all others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from morula.ir import verifier
from morula.ir.core import Block, Function, Literal, Module, Op, Value
from morula.ir.parser import parse
from morula.ir.types import F64, I64
from morula.ir.verifier import VerifyError, verify

G = """
fn @g [%c: f64](%x: f64, %n: i64) -> (f64, i64, f64) {
  %0: f64 = mul %x, %c
  return %0, %n, %x
}
"""
RECORD = 'record @g.pullback = pullback @g {wrt = ("x", "c")}\n'
VJP = '  %y: f64, %m: i64, %z: f64, %p: box<@g.pullback> = vjp @g [2.0](%x, 3) {wrt = ("x", "c")}\n'


NEG0, NEG1 = "%0: f64 = neg", "%1: f64 = neg %0"
JVP = '%0: f64, %1: i64, %2: f64, %3: f64, %4: f64 = jvp @g [%x](%x, 1; TANGENT) {wrt = "x"}'


def typed(*lines: str, returns: str = "%x", types: str = "f64", before: str = "") -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return (
        f"{before}fn @f(%x: f64, %n: i64, %a: f64[1]) -> {types} {{\n{body}  return {returns}\n}}\n"
    )


def generic(*lines: str) -> str:
    return "fn @f(%x) {\n" + "".join(f"  {line}\n" for line in lines) + "  return %x\n}\n"


WHILE = (
    "%r: f64{rest} = while",
    "    carry %s: f64 = {init} {{",
    "  %t: bool = lt %s, 9.0",
    "  test {test}",
    "}} do {{",
    "  %u: f64 = add %s, 1.0",
    "  next {next}",
    "}}",
)


def a_while(rest: str = "", init: str = "%x", test: str = "%t", next: str = "%u") -> str:
    return typed(*(x.format(rest=rest, init=init, test=test, next=next) for x in WHILE))


# law, text, stage
TEXTS: list[tuple[int, str, str | None]] = [
    (2, typed("%0: f64 = truediv %x, %x"), None),
    (2, generic("%0 = div %x, %x"), None),
    (4, typed("test true"), None),
    (4, typed("%0: f64 = if true {", "yield 1.0", "} else {", "next 1.0", "}"), None),
    (4, typed("return %x"), None),
    (4, "fn @f() -> () {\n}\n", None),
    (4, "fn @f() -> () {\n  yield\n}\n", None),
    (5, typed("%0: f64 = call %x(%n)"), None),
    (7, typed("%0: bool = check true {error = \"ValueError\", text = \"\"}"), None),
    (9, typed(f"if true {{\n{NEG0} %x\nyield\n}} else {{\n{NEG1}\nyield\n}}"), None),
    (9, typed(f"%0: f64 = if true {{\n{NEG1}\nyield %1\n}} else {{\nyield %x\n}}"), None),
    (11, typed("%0: i64 = add %n, 9223372036854775808"), None),
    (11, typed("%0: i64 = add %n, undef"), None),
    (11, typed('%0: i64 = add %n, "a"'), None),
    (12, typed("%0: f64 = add %x, %n"), None),
    (12, typed("%0: i64 = add %x, %x"), None),
    (12, typed("%0: f64, %1: f64 = add %x, %x"), None),
    (12, typed("%0: i64 = convert %x"), None),
    (12, typed("%0: bool = is_null %x"), None),
    (13, typed("%0: f64 = if %x {", "yield %x", "} else {", "yield %x", "}"), None),
    (13, a_while(test="%s"), None),
    (13, typed('check %n {error = "ValueError", text = ""}'), None),
    (13, generic("while {", "test %x, %x", "} do {", "next", "}"), None),
    (14, "fn @f(%x: box<@nope>) -> () {\n  return\n}\n", None),
    (14, "fn @f(%x: list<box<@nope>>) -> () {\n  return\n}\n", None),
    (14, "record @r = (box<@nope.ct>)\n" + typed(), None),
    (15, typed("%0: f64 = if true {", "yield %x", "} else {", "yield %n", "}"), None),
    (15, typed("%0: f64 = if true {", "yield %x", "} else {", "yield", "}"), None),
    (16, typed("for %k: i64 = 0 to %x {", "next", "}"), None),
    (16, typed("for %k: f64 = 0 to %n {", "next", "}"), None),
    (17, a_while(init="%n"), None),
    (17, a_while(next="%t"), None),
    (17, a_while(next="%u, %u"), None),
    (18, a_while(rest=", %more: f64"), None),
    (18, a_while(next="%u; %s"), None),
    (18, a_while(rest="; %all: f64[1]", next="%u; %s"), None),
    (18, a_while(rest="; %all: i64[1], %trips: i64", next="%u; %s"), None),
    (18, typed("; %all: f64[1], %k.1: i64 = for %k: i64 = 0 to 2 {", "next ; %x", "}"), None),
    (19, typed("for %k: i64 = 0 to 2", "    each %e: i64 of %a {", "next", "}"), None),
    (19, typed("for %k: i64 = 0 to 2", "    each %e: f64 of %x {", "next", "}"), None),
    (20, typed(returns="%n"), None),
    (20, typed(returns="%x, %x"), None),
    (20, "fn @f(%x) {\n  return %x, %x\n}\n", None),
    (20, generic("%g = def @g(%y) {", "return", "}"), None),
    (21, typed("call @g()"), None),
    (21, generic("%0 = closure @g"), None),
    (21, generic('%0 = global {name = "g", fn = @g}'), None),
    (21, "record @r = pullback @g {wrt = \"x\"}\n" + typed(), None),
    (22, typed("%0: f64, %1: i64, %2: f64 = call @g(%x, %n)") + G, None),
    (22, typed("%0: f64, %1: i64, %2: f64 = call @g [%x](%x, %x)") + G, None),
    (22, typed("%0: f64, %1: i64 = call @g [%x](%x, 1)") + G, None),
    (23, typed(VJP.replace('"x", "c"', '"n"')) + G + RECORD, None),
    (23, typed(VJP.replace('"x", "c"', '"q"')) + G + RECORD, None),
    (23, typed(VJP.replace('"x", "c"', '"x", "x"')) + G + RECORD, None),
    (23, typed(VJP.replace(' {wrt = ("x", "c")}', "")) + G + RECORD, None),
    (24, typed(VJP.replace('"x", "c"', '"x"')) + G + RECORD, None),
    (24, typed(VJP.replace("%m: i64, ", "")) + G + RECORD, None),
    (24, typed("%y: f64, %m: i64, %z: f64 = vjp @g [%x](%x, 1) {wrt = \"x\"}") + G, None),
    (25, typed(VJP, "%0: f64, %1: f64 = pull %p(1.0)") + G + RECORD, None),
    (25, typed(VJP, "%0: f64 = pull %p(1.0, 0.0)") + G + RECORD, None),
    (25, typed("%0: f64 = pull %x(1.0)"), None),
    (26, typed(JVP.replace("TANGENT", "%x").replace(", %4: f64", "")) + G, None),
    (26, typed(JVP.replace("TANGENT", "")) + G, None),
    (27, generic("%0 = closure @f [%x]"), None),
    (27, generic("%0 = closure @f(1, 2)"), None),
    (21, "fn @f(%x: f64) -> f64 {jvp = (\"g\")} {\n  return %x\n}\n", None),
    (27, "fn @f(%x) {defaults = (1, 2)} {\n  return %x\n}\n", None),
    (28, typed('check true {error = "Nope", text = ""}'), None),
    (28, typed('check true {error = "print", text = ""}'), None),
    (28, typed('check true {error = "ValueError"}'), None),
    (29, typed("%0: f64 = add %x, %x {exact}"), None),
    (29, typed("%0: i64 = add %n, %n {fast}"), None),
    (29, typed("%0: f64 = add %x, %x {checked}"), None),
    (29, typed("%0: f64 = add %x, %x {fast = 1}"), None),
    (29, typed("%0: f64 = add %x, %x {reversed}"), None),
    (30, generic(), "typed"),
    (30, typed(), "closed"),
    (30, generic() + typed().replace("@f", "@g"), None),
    (31, generic("%g = def @g(%y) {", "return %y", "}"), "closed"),
    (32, typed(JVP.replace("TANGENT", "%x")) + G, "ad"),
    (32, RECORD + typed() + G, "ad"),
    (33, typed("%m: mark = mark"), "opt"),
    (33, typed("%b: f64[1] = copy %a"), "typed"),
    (33, typed("%b: f64[1] in arena = zeros %n"), "opt"),
    (34, typed("%b: f64 in arena = add %x, %x"), "memory"),
    (34, typed("%b: i64[1] in %a = zeros %n {elem = i64}"), "memory"),
    (35, typed("release %n"), "memory"),
    (35, typed("%m: mark = mark", "%0: bool = eq %m, %m"), "memory"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "text", "stage"), TEXTS)
def test_broken_text(law: int, text: str, stage: str | None) -> None:
    module = parse(text)
    with pytest.raises(VerifyError) as caught:
        verify(module, stage)
    assert caught.value.law == law, caught.value


def op_of(module: Module, k: int = 0) -> Op:
    return module.entry.body.ops[k]


def with_op(text: str, change: Callable[[Op], Op], k: int = 0) -> Module:
    module = parse(text)
    ops = list(module.entry.body.ops)
    ops[k] = change(ops[k])
    module.add(module.entry.but(body=Block((), tuple(ops))))
    return module


def renamed() -> Module:
    module = parse(typed())
    module.functions["g"] = module.functions.pop("f")
    return module


def one_armed() -> Module:
    text = typed("if true {", "yield", "} else {", "yield", "}")
    return with_op(text, lambda op: op.but(regions=op.regions[:1]))


def grouped() -> Module:
    return with_op(typed("%0: f64 = add %x, %x"), lambda op: op.but(groups=(1, 1)))


def overgrouped() -> Module:
    text = typed("%0: f64, %1: i64, %2: f64 = call @g [%x](%x, %n)") + G
    return with_op(text, lambda op: op.but(groups=(2, 2)))


def own_parameters() -> Module:
    module = parse(typed())
    f = module.entry
    module.add(f.but(body=Block(f.params, f.body.ops)))
    return module


def armed_parameter() -> Module:
    text = typed("if true {", "yield", "} else {", "yield", "}")
    extra = Block((Value(F64, "v"),), (Op("yield"),))
    return with_op(text, lambda op: op.but(regions=(extra, op.regions[1])))


def two_sets_of_carries() -> Module:
    def change(op: Op) -> Op:
        test, body = op.regions
        other = Value(F64, "s")
        ops = (Op("next", (other,), groups=(1, 0)),)
        return op.but(regions=(test, Block((other,), ops)))

    return with_op(a_while(), change)


def shared_value() -> Module:
    module = parse(typed())
    module.add(module.entry.but(name="g"))
    return module


def twice() -> Module:
    module = parse(typed("%0: f64 = add %x, %x"))
    ops = module.entry.body.ops
    module.add(module.entry.but(body=Block((), (ops[0], *ops))))
    return module


def generic_with_type() -> Module:
    module = parse(generic())
    module.entry.params[0].type = I64
    return module


def own_place() -> Module:
    module = parse(typed("%b: f64[1] = zeros %n"))
    v = op_of(module).results[0]
    v.place = v
    return module


def wrong_place() -> Module:
    module = parse(typed("%b: f64[1] = zeros %n"))
    op_of(module).results[0].place = "attic"
    return module


def misfit_literal() -> Module:
    return with_op(
        typed("%0: f64 = add %x, 1.0"),
        lambda op: op.but(operands=(*op.operands[:1], Literal(1, F64))),
    )


MADE: list[tuple[int, Callable[[], Module]]] = [
    (1, renamed), (3, one_armed), (5, grouped), (5, overgrouped), (6, own_parameters),
    (6, armed_parameter), (6, two_sets_of_carries), (8, shared_value), (8, twice),
    (10, generic_with_type), (11, misfit_literal), (34, own_place), (34, wrong_place),
]  # fmt: skip


@pytest.mark.parametrize(("law", "make"), MADE)
def test_broken_module(law: int, make: Callable[[], Module]) -> None:
    with pytest.raises(VerifyError) as caught:
        verify(make())
    assert caught.value.law == law, caught.value


def test_every_law_is_listed_and_broken() -> None:
    listed = [int(n) for n in re.findall(r"^ ?(\d+)\. ", verifier.__doc__ or "", re.M)]
    assert listed == list(range(1, len(listed) + 1))
    broken = {law for law, *_ in TEXTS} | {law for law, _ in MADE}
    assert broken == set(listed)


def test_the_unbroken_forms_keep_the_laws() -> None:
    for text in (
        a_while(),
        a_while(rest="; %trips: i64"),
        a_while(rest="; %all: f64[1], %trips: i64", next="%u; %s"),
        typed("%0: f64, %1: i64, %2: f64 = call @g [%x](%x, %n)") + G,
        typed(VJP, "%0: f64, %1: f64 = pull %p(1.0, 0.0)") + G + RECORD,
        typed(JVP.replace("TANGENT", "%x")) + G,
        typed("%0: i64 = floordiv %n, 2 {checked}", "%1: i64 = add %0, 1 {exact}"),
        typed("%b: f64[1] in arena = zeros %n", "%c: f64[1] in %b = set %b, 0, %x"),
        typed("for %k: i64 = 0 to 2", "    each %e: f64 of %a {", "next", "}"),
    ):  # fmt: skip
        verify(parse(text))


def test_the_message_names_law_function_and_op() -> None:
    text = typed("%0: i64 = add %x, %x").replace("add %x, %x", "add %x, %x at 3:7")
    with pytest.raises(VerifyError) as caught:
        verify(parse(text), "typed")
    message = str(caught.value)
    assert message.startswith("E12 law 12 in @f: results are (i64), not (f64)\n")
    assert "%0: i64 = add %x, %x" in message and "at 3:7" in message
    with pytest.raises(ValueError, match="no stage"):
        verify(parse(text), "llvm")


def test_function_ends_unreachable() -> None:
    f = Function("f", (), (), (F64,), Block((), (Op("unreachable"),)))
    verify(Module({"f": f}), "typed")
