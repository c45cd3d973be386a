"""Typed IR of stage `memory` to LLVM text: one table, opcode and operand type -> code.

A function f becomes

    define internal fastcc { i32, T... } @"f.NAME"(ptr noalias %ctx, leaves...)

whose i32 is a status (`writer`), and each entry gets an external wrapper over eight-byte slots,

    define i32 @"entry.NAME"(ptr %ctx, ptr %args, ptr %results)

No address stands in the text: what it needs from outside are external symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir.core import Function, Literal, Module, Op, callees, reached, walk
from ..ir.ops import TOO_LARGE
from ..ir.types import C128, F64, Array, Scalar
from . import control, layout, mathematics, output, runtime, storage
from .mathematics import fast
from .output import Line
from .writer import CheckSite, Code, Regions, Row, Sites

DEEP = "maximum recursion depth exceeded"


@dataclass(frozen=True)
class Emitted:
    """LLVM text, and what a failed check (ctx.site) raises."""

    text: str
    sites: tuple[CheckSite, ...]
    takers: Mapping[str, object] = field(default_factory=dict)  # see `output`


# ---- rows of scalar ops ------------------------------------------------------------------------


def line(text: str) -> Row:
    """One instruction; {x}, {y}, {z} are the operands' words and {fast} an adjoint op's flags."""

    def row(c: Code, op: Op) -> list[str]:
        args = dict(zip("xyz", (c.of(v)[0] for v in op.operands), strict=False))
        return [c.new(text.format(fast=fast(op), **args))]

    return row


def same(c: Code, op: Op) -> list[str]:
    """No instruction: the operand itself."""
    return list(c.of(op.operands[0]))


def checked(kind: str) -> Row:
    """i64 arithmetic that raises OverflowError, unless it is proved {exact}."""

    def row(c: Code, op: Op) -> list[str]:
        x, y = (
            [c.of(v)[0] for v in op.operands]
            if len(op.operands) == 2
            else ["0", c.of(op.operands[0])[0]]
        )
        if op.attrs.get("exact"):
            return [c.new(f"{kind} nsw i64 {x}, {y}")]
        if op.attrs.get("checked"):
            return [c.new(f"{kind} i64 {x}, {y}")]
        pair = c.new(f"call {{ i64, i1 }} @llvm.s{kind}.with.overflow.i64(i64 {x}, i64 {y})")
        value = c.new(f"extractvalue {{ i64, i1 }} {pair}, 0")
        over = c.new(f"extractvalue {{ i64, i1 }} {pair}, 1")
        c.fail_if(over, "OverflowError", TOO_LARGE, op.loc)
        return [value]

    return row


def proved(op: Op) -> bool:
    return bool(op.attrs.get("exact") or op.attrs.get("checked"))


def absolute(c: Code, op: Op) -> list[str]:
    (x,) = c.of(op.operands[0])
    if not proved(op):
        over = c.new(f"icmp eq i64 {x}, {-(2**63)}")
        c.fail_if(over, "OverflowError", TOO_LARGE, op.loc)
    return [c.new(f"call i64 @llvm.abs.i64(i64 {x}, i1 false)")]


def power(c: Code, op: Op) -> list[str]:
    c.used.add("power")
    pair = c.new(f"call {{ i64, i1 }} @morula.power({', '.join(c.typed(op.operands))})")
    value = c.new(f"extractvalue {{ i64, i1 }} {pair}, 0")
    if not proved(op):
        over = c.new(f"extractvalue {{ i64, i1 }} {pair}, 1")
        c.fail_if(over, "OverflowError", TOO_LARGE, op.loc)
    return [value]


def shift_left(c: Code, op: Op) -> list[str]:
    """A shift by 64 or more is too large, unless of 0."""
    (x,), (n,) = map(c.of, op.operands)
    near = c.new(f"call i64 @llvm.umin.i64(i64 {n}, i64 63)")
    value = c.new(f"shl i64 {x}, {near}")
    if not proved(op):
        back = c.new(f"ashr i64 {value}, {near}")
        same = c.new(f"icmp eq i64 {back}, {x}")
        inside = c.new(f"icmp ult i64 {n}, 64")
        zero = c.new(f"icmp eq i64 {x}, 0")
        either = c.new(f"or i1 {inside}, {zero}")
        good = c.new(f"and i1 {same}, {either}")
        c.fail_unless(good, "OverflowError", TOO_LARGE, op.loc)
    wide = c.new(f"icmp ugt i64 {n}, 63")
    return [c.new(f"select i1 {wide}, i64 0, i64 {value}")]


def shift_right(c: Code, op: Op) -> list[str]:
    (x,), (n,) = map(c.of, op.operands)
    near = c.new(f"call i64 @llvm.umin.i64(i64 {n}, i64 63)")
    return [c.new(f"ashr i64 {x}, {near}")]


def floordiv(c: Code, op: Op) -> list[str]:
    """Rounds down; a zero divisor has been refused by a check before."""
    (x,), (y,) = map(c.of, op.operands)
    if not proved(op) and not isinstance(op.operands[1], Literal) or y == "-1":
        least = c.new(f"icmp eq i64 {x}, {-(2**63)}")
        minus = c.new(f"icmp eq i64 {y}, -1")
        over = c.new(f"and i1 {least}, {minus}")
        c.fail_if(over, "OverflowError", TOO_LARGE, op.loc)
    q = c.new(f"sdiv i64 {x}, {y}")
    back = c.new(f"mul i64 {q}, {y}")
    r = c.new(f"sub i64 {x}, {back}")
    down = c.new(f"zext i1 {_rounds_down(c, r, y)} to i64")
    return [c.new(f"sub i64 {q}, {down}")]


def mod(c: Code, op: Op) -> list[str]:
    """The sign of the divisor; x % -1 is 0 even where x // -1 is too large."""
    (x,), (y,) = map(c.of, op.operands)
    if not isinstance(op.operands[1], Literal) or y == "-1":
        minus = c.new(f"icmp eq i64 {y}, -1")
        divisor = c.new(f"select i1 {minus}, i64 1, i64 {y}")
    else:
        divisor = y
    r = c.new(f"srem i64 {x}, {divisor}")
    add = c.new(f"select i1 {_rounds_down(c, r, y)}, i64 {y}, i64 0")
    return [c.new(f"add i64 {r}, {add}")]


def _rounds_down(c: Code, r: str, y: str) -> str:
    """Whether a remainder is not 0 and of the other sign than the divisor."""
    some = c.new(f"icmp ne i64 {r}, 0")
    signs = c.new(f"xor i64 {r}, {y}")
    differ = c.new(f"icmp slt i64 {signs}, 0")
    return c.new(f"and i1 {some}, {differ}")


CONVERSIONS = {
    "f64 i64": "fptosi double {x} to i64",
    "i64 f64": "sitofp i64 {x} to double",
    "bool f64": "uitofp i1 {x} to double",
    "bool i64": "zext i1 {x} to i64",
    "i64 bool": "icmp ne i64 {x}, 0",
    "f64 bool": "fcmp une double {x}, 0.0",
}


def convert(c: Code, op: Op) -> Sequence[str] | Regions:
    source, target = op.operands[0].type, op.attrs["to"]
    if source == target:
        return c.of(op.operands[0])
    if target == C128 and isinstance(source, Scalar):
        real = line(CONVERSIONS[f"{source} f64"])(c, op) if source != F64 else c.of(op.operands[0])
        assert isinstance(real, (list, tuple))
        return [real[0], layout.number(0.0)]
    text = CONVERSIONS.get(f"{source} {target}")
    if text is None:
        raise NotImplementedError(f"no native code for {source} to {target}")
    return line(text)(c, op)


def select(c: Code, op: Op) -> list[str]:
    condition, *arms = op.operands
    return [
        c.new(
            f"select{fast(op) if t == 'double' else ''} i1 {c.of(condition)[0]}, {t} {x}, {t} {y}"
        )
        for t, x, y in zip(layout.words(arms[0].type), c.of(arms[0]), c.of(arms[1]), strict=True)
    ]


def check(c: Code, op: Op) -> list[str]:
    if len(op.operands) > 1:
        c.fail_saying(op)
    else:
        c.fail_unless(c.of(op.operands[0])[0], op.attrs["error"], op.attrs["text"], op.loc)
    return []


def print_(c: Code, op: Op) -> list[str]:
    c.hand_over(op.operands, Line(op.attrs["text"]))
    return []


ORDERED = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
UNSIGNED = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}
BITS = ("and", "or", "xor")


def by_part(instruction: str) -> Row:
    """The same of both parts of complex numbers."""

    def row(c: Code, op: Op) -> list[str]:
        parts = zip(*[c.of(v) for v in op.operands], strict=True)
        return [c.new(f"{instruction}{fast(op)} double {', '.join(p)}") for p in parts]

    return row


def complex_product(c: Code, op: Op) -> list[str]:
    (x, y), (u, v) = map(c.of, op.operands)

    def crossed(sign: str, a: str, b: str, d: str, e: str) -> str:
        first, second = (c.new(f"fmul{fast(op)} double {p}, {q}") for p, q in ((a, b), (d, e)))
        return c.new(f"f{sign}{fast(op)} double {first}, {second}")

    return [crossed("sub", x, u, y, v), crossed("add", x, v, y, u)]


def complex_quotient(c: Code, op: Op) -> list[str]:
    c.used.add("divided")
    pair = c.new(f"call {{ double, double }} @morula.divided({', '.join(c.typed(op.operands))})")
    return [c.new(f"extractvalue {{ double, double }} {pair}, {k}") for k in (0, 1)]


def complex_equality(compare: str, join: str) -> Row:
    def row(c: Code, op: Op) -> list[str]:
        (x, y), (u, v) = map(c.of, op.operands)
        parts = [c.new(f"fcmp {compare} double {p}, {q}") for p, q in ((x, u), (y, v))]
        return [c.new(f"{join} i1 {', '.join(parts)}")]

    return row


# fmt: off
ROWS: dict[str, Row] = mathematics.ROWS | {
    "add f64":      line("fadd{fast} double {x}, {y}"),
    "sub f64":      line("fsub{fast} double {x}, {y}"),
    "mul f64":      line("fmul{fast} double {x}, {y}"),
    "div f64":      line("fdiv{fast} double {x}, {y}"),
    "stop_gradient f64": same,
    "neg f64":      line("fneg{fast} double {x}"),
    "accum f64":    line("fadd{fast} double {x}, {y}"),
    "add i64":      checked("add"),
    "sub i64":      checked("sub"),
    "mul i64":      checked("mul"),
    "neg i64":      checked("sub"),
    "abs i64":      absolute,
    "pow i64":      power,
    "shl i64":      shift_left,
    "shr i64":      shift_right,
    "floordiv i64": floordiv,
    "mod i64":      mod,
    "invert i64":   line("xor i64 {x}, -1"),
    "not bool":     line("xor i1 {x}, true"),
    "add c128":     by_part("fadd"),
    "sub c128":     by_part("fsub"),
    "neg c128":     by_part("fneg"),
    "accum c128":   by_part("fadd"),
    "mul c128":     complex_product,
    "div c128":     complex_quotient,
    "eq c128":      complex_equality("oeq", "and"),
    "ne c128":      complex_equality("une", "or"),
    "complex":      lambda c, op: [c.of(v)[0] for v in op.operands],
    "real":         lambda c, op: [c.of(op.operands[0])[0]],
    "imag":         lambda c, op: [c.of(op.operands[0])[1]],
    "select":       select,
    "convert":      convert,
    "check":        check,
    "print":        print_,
}
ROWS |= {f"{n} f64": line(f"fcmp {p} double {{x}}, {{y}}") for n, p in ORDERED.items()}
ROWS |= {f"{n} i64": line(f"icmp {p} i64 {{x}}, {{y}}") for n, p in SIGNED.items()}
ROWS |= {f"{n} bool": line(f"icmp {p} i1 {{x}}, {{y}}") for n, p in UNSIGNED.items()}
ROWS |= {f"{n} i64": line(f"{n} i64 {{x}}, {{y}}") for n in BITS}
ROWS |= {f"{n} bool": line(f"{n} i1 {{x}}, {{y}}") for n in BITS}
ROWS |= storage.ROWS | control.ROWS
# fmt: on


# ---- functions ---------------------------------------------------------------------------------


def cycles(module: Module, names: Iterable[str]) -> set[str]:
    """Functions that reach themselves."""
    calls = {
        n: {g for op in walk(module.functions[n].body) if op.opcode == "call" for g in callees(op)}
        for n in names
    }
    found = set()
    for n in calls:
        todo, seen = list(calls[n]), set()
        while todo:
            g = todo.pop()
            if g not in seen:
                seen.add(g)
                todo.extend(calls[g])
        if n in seen:
            found.add(n)
    return found


def function(module: Module, f: Function, sites: Sites, used: set[str], recursive: set[str]) -> str:
    """The text of one function."""
    if f.results is None:
        raise TypeError(f"@{f.name} is generic: only typed functions have native code")
    code = Code(module, f, ROWS, sites, used, recursive)
    params = ["ptr noalias nonnull %ctx"]
    for k, v in enumerate(f.inputs):
        kinds = layout.words(v.type)
        code.words[v] = tuple(f"%a{k}.{j}" for j in range(len(kinds)))
        note = " noalias" if isinstance(v.type, Array) else ""
        params += [
            f"{t}{note if t == 'ptr' else ''} {w}"
            for t, w in zip(kinds, code.words[v], strict=True)
        ]
    head = f"{code.result_type} {layout.quote('f.' + f.name)}({', '.join(params)})"
    # a tail call made a loop would run for ever where Python raises RecursionError
    attrs = 'nounwind "disable-tail-calls"="true"' if f.name in recursive else "nounwind"
    code.lines += [f"define internal fastcc {head} {attrs} {{", "entry:"]
    code.lines += code.aliases.declared.splitlines()
    if f.name in recursive:
        enter(code)
    code.ops(f.body.ops)
    return "\n".join([*code.lines, *code.cold, "}\n"])


def enter(c: Code) -> None:
    """A function that may call itself looks at the stack."""
    here = c.new("call ptr @llvm.addressofreturnaddress.p0()")
    address = c.new(f"ptrtoint ptr {here} to i64")
    limit = c.new(f"load i64, ptr {c.context('stack_limit')}")
    deep = c.new(f"icmp ult i64 {address}, {limit}")
    c.fail_if(deep, "RecursionError", DEEP, c.function.loc)


def wrapper(f: Function) -> str:
    """The external function over slots."""
    lines = [f"define i32 {layout.quote('entry.' + f.name)}(ptr %ctx, ptr %args, ptr %results) {{"]
    args = ["ptr %ctx"]
    for k, t in enumerate(layout.all_words(v.type for v in f.inputs)):
        lines.append(f"  %p{k} = getelementptr i64, ptr %args, i64 {k}")
        lines.append(f"  %x{k} = load {'i64' if t == 'i1' else t}, ptr %p{k}")
        if t == "i1":
            lines.append(f"  %b{k} = icmp ne i64 %x{k}, 0")
        args.append(f"{t} %{'b' if t == 'i1' else 'x'}{k}")
    kind = layout.result_type(f.results or ())
    lines.append(f"  %r = call fastcc {kind} {layout.quote('f.' + f.name)}({', '.join(args)})")
    for k, t in enumerate(layout.all_words(f.results or ())):
        lines.append(f"  %r{k} = extractvalue {kind} %r, {k + 1}")
        word = f"{t} %r{k}"
        if t == "i1":
            lines.append(f"  %w{k} = zext i1 %r{k} to i64")
            word = f"i64 %w{k}"
        lines.append(f"  %q{k} = getelementptr i64, ptr %results, i64 {k}")
        lines.append(f"  store {word}, ptr %q{k}")
    lines += [f"  %status = extractvalue {kind} %r, 0", "  ret i32 %status", "}\n"]
    return "\n".join(lines)


def emit(module: Module, entries: Sequence[str]) -> Emitted:
    """LLVM text of these functions and all that they call."""
    names = list(dict.fromkeys(n for e in entries for n in reached(module, e)))
    recursive = cycles(module, names)
    sites, used = Sites(), set[str]()
    texts = [function(module, module.functions[n], sites, used, recursive) for n in names]
    texts += [wrapper(module.functions[e]) for e in entries]
    own: list[Callable[[], str] | str] = [mathematics.FUNCTIONS[n] for n in sorted(used)]
    parts = [
        runtime.PRELUDE,
        mathematics.DECLARATIONS,
        runtime.FUNCTIONS,
        *own,
        *texts,
        *(f"!{k} = {node}" for k, node in enumerate(sites.metadata)),
    ]
    if sites.takers:
        parts += [*output.DECLARES, *output.globals_of(sites.takers)]
    return Emitted("\n".join(map(str, parts)), tuple(sites.ids), sites.takers)
