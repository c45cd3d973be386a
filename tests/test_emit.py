"""Native code of every scalar op against the interpreter."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from agreement import outcome, same
from morula.backend.emit import ROWS, emit
from morula.backend.mathematics import LIBM
from morula.ir import ops
from morula.ir.builder import Builder
from morula.ir.core import Function, Module, Operand, literal
from morula.ir.interpreter import run
from morula.ir.parser import parse
from morula.ir.types import BOOL, C128, F64, I64, Scalar
from native_code import Native

INF, NAN = math.inf, math.nan
FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -3.0, 0.1, -0.7, 7.25, -7.25, 1e-310,
    -1e-310, 1e-8, 20.0, -20.3, 171.7, -171.7, 700.5, 1e15, 4.5e15, -1e300, 1.7e308, INF, -INF, NAN,
]  # fmt: skip
INTS = [0, 1, -1, 2, -2, 3, 7, -7, 10, 62, 63, 64, 65, 1 << 31, 2**63 - 1, -(2**63), -(2**62)]
BOOLS = [False, True]
COMPLEX = [complex(x, y) for x in FLOATS[::5] for y in (*FLOATS[::7], NAN)]
POINTS: dict[Scalar, list[Any]] = {F64: FLOATS, I64: INTS, BOOL: BOOLS, C128: COMPLEX}


def one_op(opcode: str, types: list[Scalar], attrs: dict[str, Any]) -> Module:
    """fn @f(x, y, ...) with one op."""
    module = Module()
    b = Builder(module, fold=False, share=False, hoist=False)
    params = tuple(b.param(t, n) for t, n in zip(types, "xyz", strict=False))
    result: Operand = b.op(opcode, *params, **attrs)
    block = b.block((), "return", (result,))
    module.add(Function("f", (), params, (result.type,), block))
    return module


def scalar_rows() -> list[tuple[str, list[Scalar], dict[str, Any]]]:
    """Every row of the table that takes scalars, with the types that it takes."""
    found = []
    for name, row in ops.TABLE.items():
        if row.rule is None or row.meaning is None or name in ("get", "set", "zeros", "box"):
            continue
        for n, t in itertools.product((1, 2, 3), (F64, I64, BOOL, C128)):
            shapes = {
                "select": [BOOL, t, t],
                "polygamma": [I64, F64],
                "copy": [],
            }
            types = shapes.get(name, [t] * n)
            attrs: dict[str, Any] = {}
            try:
                sample = [POINTS[u][-1] for u in types]
                (result,) = ops.infer(Module(), name, [literal(v) for v in sample], attrs)
                ops.evaluate(name, sample, attrs, result)
            except (TypeError, KeyError, IndexError):
                continue
            except (ArithmeticError, ValueError):
                pass
            if (name, types, attrs) not in found and f"{name} {types[0]}" not in SENSELESS:
                found.append((name, types, attrs))
    for source, target in itertools.permutations((F64, I64, BOOL), 2):
        found.append(("convert", [source], {"to": target}))
    found += [("convert", [source], {"to": C128}) for source in (F64, I64, BOOL)]
    return found


# what the type rules would take and no stage makes
SENSELESS = {f"{n} bool" for n in "add sub mul neg abs floordiv mod pow min max".split()} | {
    *(f"{n} c128" for n in "abs floordiv mod pow min max lt le gt ge and or xor".split()),
    "accum i64",
    "accum bool",
}


def points(name: str, types: list[Scalar]) -> list[tuple[Any, ...]]:
    """Arguments for which the op is defined: a check before it refuses the others."""
    sets = [POINTS[t] for t in types]
    if name == "polygamma":
        sets = [[0, 1, 2, 3, 5, 8], [x for x in FLOATS if x > -30.0] + [-0.5, -2.7, 14.9, 40.0]]
    found = list(itertools.product(*sets))
    if types[0] == I64 and name in ("floordiv", "mod"):
        return [p for p in found if p[1] != 0]
    if types[0] == I64 and name in ("pow", "shl", "shr"):
        return [p for p in found if 0 <= p[1] <= 70]
    if name == "convert" and types == [F64]:
        return [p for p in found if math.isfinite(p[0]) and abs(p[0]) < 2.0**62]
    return found


@pytest.mark.parametrize(("name", "types", "attrs"), scalar_rows(), ids=lambda v: str(v))
def test_scalar_op(name: str, types: list[Scalar], attrs: dict[str, Any]) -> None:
    """Equal bit for bit; within 4 ULP where libm computes."""
    module = one_op(name, types, attrs)
    native = Native(module)
    tolerance = 4 if name in LIBM and types[0] == F64 else 0
    for args in points(name, types):
        if name == "convert" and attrs["to"] == I64 and not math.isfinite(args[0]):
            continue
        wanted, got = outcome(run, module, "f", *args), outcome(native, *args)
        if name in ("polygamma", "lgamma", "gamma"):
            close = isinstance(got, float) and math.isclose(
                got, wanted, rel_tol=1e-12, abs_tol=1e-14
            )
            assert close or same(got, wanted), (name, args, got, wanted)
        else:
            assert same(got, wanted, tolerance) or got == wanted == wanted, (
                name,
                args,
                got,
                wanted,
            )


def test_every_opcode_has_a_row() -> None:
    """A missing row fails by name."""
    expanded = {"vjp", "jvp", "pull"}  # gone after stage `ad`
    ends = {"yield", "next", "test"}  # read by the op that they end a region of
    known = {key.split()[0] for key in ROWS}
    assert sorted(set(ops.TABLE) - known - expanded - ends) == []


def test_generic_functions_are_refused() -> None:
    with pytest.raises(TypeError, match="generic"):
        emit(parse("fn @f(%x) {\n  return %x\n}\n"), ["f"])
