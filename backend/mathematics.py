"""Native code of scalar mathematics: rows for f64 functions, and the functions behind some of them.

The meaning is that of `ir/arithmetic.py`: Python's sign rules for `//` and `%`, IEEE's inf and nan
for errors.  Where libm computes (within 4 ULP of Python's `math`) its function is declared as
pure: it sets errno, which nobody reads.
"""

from __future__ import annotations

from ..ir.arithmetic import BERNOULLI
from ..ir.core import Op
from .blas import GEMM
from .layout import number
from .writer import Code, Row

LIBM = {
    n: n
    for n in "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log1p "
    "log2 log10 cbrt erf erfc lgamma atan2 hypot pow".split()
} | {"gamma": "tgamma"}
BINARY = frozenset({"atan2", "hypot", "pow"})
# one intrinsic, one machine instruction where the processor has it
INTRINSICS = {
    "sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc",
    "round": "roundeven",
}  # fmt: skip
INF = number(float("inf"))
NAN = number(float("nan"))
ZERO, ONE, MINUS_ONE = number(0.0), number(1.0), number(-1.0)


def fast(op: Op) -> str:
    """The flags of an op that carries tangents or cotangents."""
    return " reassoc nsz contract" if op.attrs.get("fast") else ""


def libm(name: str) -> Row:
    def row(c: Code, op: Op) -> list[str]:
        args = ", ".join(f"double {c.of(v)[0]}" for v in op.operands)
        return [c.new(f"call{fast(op)} double @{LIBM[name]}({args})")]

    return row


def intrinsic(name: str) -> Row:
    def row(c: Code, op: Op) -> list[str]:
        (x,) = c.of(op.operands[0])
        return [c.new(f"call{fast(op)} double @llvm.{INTRINSICS[name]}.f64(double {x})")]

    return row


def internal(name: str) -> Row:
    """A function of this module's own text."""

    def row(c: Code, op: Op) -> list[str]:
        c.used.add(name)
        return [c.new(f"call double @morula.{name}({', '.join(c.typed(op.operands))})")]

    return row


def sign(c: Code, op: Op) -> list[str]:
    (x,) = c.of(op.operands[0])
    above = c.new(f"fcmp ogt double {x}, {ZERO}")
    below = c.new(f"fcmp olt double {x}, {ZERO}")
    nan = c.new(f"fcmp uno double {x}, {x}")
    up = c.new(f"select i1 {above}, double {ONE}, double {ZERO}")
    signed = c.new(f"select i1 {below}, double {MINUS_ONE}, double {up}")
    return [c.new(f"select i1 {nan}, double {x}, double {signed}")]


def extreme(comparison: str) -> Row:
    """Python's min and max: the second operand only where it is less (greater)."""

    def row(c: Code, op: Op) -> list[str]:
        (x,), (y,) = map(c.of, op.operands)
        kind = "fcmp o" if str(op.operands[0].type) == "f64" else "icmp s"
        t = "double" if kind == "fcmp o" else "i64"
        second = c.new(f"{kind}{comparison} {t} {y}, {x}")
        return [c.new(f"select i1 {second}, {t} {y}, {t} {x}")]

    return row


def magnitude(comparison: str) -> Row:
    """A comparison of |x| with inf."""

    def row(c: Code, op: Op) -> list[str]:
        (x,) = c.of(op.operands[0])
        size = c.new(f"call double @llvm.fabs.f64(double {x})")
        return [c.new(f"fcmp {comparison} double {size}, {INF}")]

    return row


def isnan(c: Code, op: Op) -> list[str]:
    (x,) = c.of(op.operands[0])
    return [c.new(f"fcmp uno double {x}, {ZERO}")]


def copysign(c: Code, op: Op) -> list[str]:
    return [c.new(f"call double @llvm.copysign.f64({', '.join(c.typed(op.operands))})")]


def fmod(c: Code, op: Op) -> list[str]:
    (x,), (y,) = map(c.of, op.operands)
    return [c.new(f"frem double {x}, {y}")]


ROWS: dict[str, Row] = {f"{n} f64": libm(n) for n in LIBM}
ROWS |= {f"{n} f64": intrinsic(n) for n in INTRINSICS}
ROWS |= {
    "sign f64": sign,
    "min f64": extreme("lt"),
    "max f64": extreme("gt"),
    "min i64": extreme("lt"),
    "max i64": extreme("gt"),
    "isnan f64": isnan,
    "isinf f64": magnitude("oeq"),
    "isfinite f64": magnitude("olt"),
    "copysign f64": copysign,
    "fmod f64": fmod,
    "floordiv f64": internal("floordiv"),
    "mod f64": internal("mod"),
    "polygamma i64": internal("polygamma"),
}

DECLARATIONS = "\n".join(
    [
        f"declare double @{s}({'double, double' if n in BINARY else 'double'}) #9"
        for n, s in LIBM.items()
    ]
    + [f"declare double @llvm.{n}.f64(double)" for n in INTRINSICS.values()]
    + [
        "declare double @llvm.copysign.f64(double, double)",
        "declare i64 @llvm.abs.i64(i64, i1)",
        "declare i64 @llvm.umax.i64(i64, i64)",
        "declare i64 @llvm.smin.i64(i64, i64)",
        "declare i64 @llvm.smax.i64(i64, i64)",
        *[
            f"declare {{ i64, i1 }} @llvm.s{n}.with.overflow.i64(i64, i64)"
            for n in ("add", "sub", "mul")
        ],
        "attributes #9 = "
        "{ nounwind willreturn nocallback nofree nosync speculatable memory(none) }\n",
    ]
)

MOD = f"""\
define internal double @morula.mod(double %x, double %y) #9 {{
  %r = frem double %x, %y
  %zero = fcmp oeq double %r, {ZERO}
  %down = fcmp olt double %r, {ZERO}
  %y.down = fcmp olt double %y, {ZERO}
  %differ = xor i1 %down, %y.down
  %moved = fadd double %r, %y
  %m = select i1 %differ, double %moved, double %r
  %signed.zero = call double @llvm.copysign.f64(double {ZERO}, double %y)
  %z = select i1 %zero, double %signed.zero, double %m
  ret double %z
}}
"""

FLOORDIV = f"""\
define internal double @morula.floordiv(double %x, double %y) #9 {{
  %r = frem double %x, %y
  %zero = fcmp oeq double %r, {ZERO}
  %down = fcmp olt double %r, {ZERO}
  %y.down = fcmp olt double %y, {ZERO}
  %differ = xor i1 %down, %y.down
  %some = xor i1 %zero, true
  %less = and i1 %differ, %some
  %whole.part = fsub double %x, %r
  %q = fdiv double %whole.part, %y
  %q.less = fsub double %q, {ONE}
  %d = select i1 %less, double %q.less, double %q
  %floor = call double @llvm.floor.f64(double %d)
  %rest = fsub double %d, %floor
  %high = fcmp ogt double %rest, {number(0.5)}
  %floor.up = fadd double %floor, {ONE}
  %near = select i1 %high, double %floor.up, double %floor
  %plain = fdiv double %x, %y
  %signed.zero = call double @llvm.copysign.f64(double {ZERO}, double %plain)
  %d.zero = fcmp oeq double %d, {ZERO}
  %v = select i1 %d.zero, double %signed.zero, double %near
  %by.zero = fcmp oeq double %y, {ZERO}
  %z = select i1 %by.zero, double %plain, double %v
  ret double %z
}}
"""

# { x ** n, whether it overflowed }: squares only while bits of n are left
POWER = """\
define internal { i64, i1 } @morula.power(i64 %x, i64 %n) {
entry:
  br label %test
test:
  %k = phi i64 [ %n, %entry ], [ %k.next, %square ]
  %base = phi i64 [ %x, %entry ], [ %base.next, %square ]
  %product = phi i64 [ 1, %entry ], [ %product.next, %square ]
  %over = phi i1 [ false, %entry ], [ %over.next, %square ]
  %more = icmp sgt i64 %k, 0
  br i1 %more, label %body, label %end
body:
  %low = and i64 %k, 1
  %odd = icmp ne i64 %low, 0
  %factor = select i1 %odd, i64 %base, i64 1
  %p = call { i64, i1 } @llvm.smul.with.overflow.i64(i64 %product, i64 %factor)
  %product.next = extractvalue { i64, i1 } %p, 0
  %p.over = extractvalue { i64, i1 } %p, 1
  %over.p = or i1 %over, %p.over
  %k.next = lshr i64 %k, 1
  %left = icmp ne i64 %k.next, 0
  br i1 %left, label %square, label %end
square:
  %s = call { i64, i1 } @llvm.smul.with.overflow.i64(i64 %base, i64 %base)
  %base.next = extractvalue { i64, i1 } %s, 0
  %s.over = extractvalue { i64, i1 } %s, 1
  %over.next = or i1 %over.p, %s.over
  br label %test
end:
  %value = phi i64 [ %product, %test ], [ %product.next, %body ]
  %bad = phi i1 [ %over, %test ], [ %over.p, %body ]
  %r.0 = insertvalue { i64, i1 } poison, i64 %value, 0
  %r = insertvalue { i64, i1 } %r.0, i1 %bad, 1
  ret { i64, i1 } %r
}
"""


def _digamma_series() -> str:
    """log x - 1/(2x) - sum B_2k / (2k x^2k), in arithmetic.polygamma's order."""
    lines, power, series = [], ONE, "%d.0"
    for k, b in enumerate(BERNOULLI, 1):
        lines += [
            f"  %p.{k} = fdiv double {power}, %xx",
            f"  %q.{k} = fmul double {number(b / (2 * k))}, %p.{k}",
            f"  %d.{k} = fsub double {series}, %q.{k}",
        ]
        power, series = f"%p.{k}", f"%d.{k}"
    return "\n".join([*lines, f"  %digamma = fadd double %total, {series}"])


def _general_series() -> str:
    """(n-1)! / x^n + n! / (2 x^(n+1)) + sum B_2k (2k+n-1)! / ((2k)! x^(2k+n))."""
    lines, power, series, rising = [], "%power", "%s.0", "%whole"
    for k, b in enumerate(BERNOULLI, 1):
        lines += [
            f"  %a.{k} = fadd double %nf, {number(2 * k - 2.0)}",
            f"  %b.{k} = fadd double %nf, {number(2 * k - 1.0)}",
            f"  %c.{k} = fmul double %a.{k}, %b.{k}",
            f"  %e.{k} = fdiv double %c.{k}, {number((2 * k - 1.0) * (2 * k))}",
            f"  %r.{k} = fmul double {rising}, %e.{k}",
            f"  %pw.{k} = fdiv double {power}, %xx",
            f"  %f.{k} = fmul double {number(b)}, %r.{k}",
            f"  %g.{k} = fmul double %f.{k}, %pw.{k}",
            f"  %s.{k} = fadd double {series}, %g.{k}",
        ]
        rising, power, series = f"%r.{k}", f"%pw.{k}", f"%s.{k}"
    return "\n".join([*lines, f"  %sum = fmul double %sign, {series}"])


POLYGAMMA = f"""\
define internal double @morula.polygamma(i64 %n, double %x) noinline {{
entry:
  %floor = call double @llvm.floor.f64(double %x)
  %is.whole = fcmp oeq double %x, %floor
  %below = fcmp ole double %x, {ZERO}
  %far = fcmp olt double %x, {number(-1e6)}
  %pole.or.far = or i1 %is.whole, %far
  %pole = and i1 %below, %pole.or.far
  %nan = fcmp uno double %x, {ZERO}
  %bad = or i1 %pole, %nan
  %n.zero = icmp eq i64 %n, 0
  br i1 %bad, label %none, label %some
none:
  ret double {NAN}
some:
  %endless = fcmp oeq double %x, {INF}
  br i1 %endless, label %limit, label %count
limit:
  %at.inf = select i1 %n.zero, double {INF}, double {ZERO}
  ret double %at.inf
count:
  %k = phi i64 [ 2, %some ], [ %k.next, %times ]
  %factorial = phi double [ {ONE}, %some ], [ %factorial.next, %times ]
  %counting = icmp sle i64 %k, %n
  br i1 %counting, label %times, label %ready
times:
  %k.f = sitofp i64 %k to double
  %factorial.next = fmul double %factorial, %k.f
  %k.next = add i64 %k, 1
  br label %count
ready:
  %nf = sitofp i64 %n to double
  %low = and i64 %n, 1
  %odd = icmp ne i64 %low, 0
  %sign = select i1 %odd, double {MINUS_ONE}, double {ONE}
  %signed = fmul double %sign, %factorial
  %enough = fadd double %nf, {number(15.0)}
  %exponent = fadd double %nf, {ONE}
  br label %up
up:
  %y = phi double [ %x, %ready ], [ %y.next, %step ]
  %total = phi double [ {ZERO}, %ready ], [ %total.next, %step ]
  %small = fcmp olt double %y, %enough
  br i1 %small, label %step, label %series
step:
  %y.power = call double @pow(double %y, double %exponent)
  %term = fdiv double %signed, %y.power
  %total.next = fsub double %total, %term
  %y.next = fadd double %y, {ONE}
  br label %up
series:
  %xx = fmul double %y, %y
  br i1 %n.zero, label %zeroth, label %higher
zeroth:
  %log = call double @log(double %y)
  %half = fdiv double {number(0.5)}, %y
  %d.0 = fsub double %log, %half
{_digamma_series()}
  ret double %digamma
higher:
  %minus.n = fneg double %nf
  %power = call double @pow(double %y, double %minus.n)
  %whole = fdiv double %factorial, %nf
  %first = fmul double %whole, %power
  %half.f = fmul double %factorial, {number(0.5)}
  %half.p = fmul double %half.f, %power
  %second = fdiv double %half.p, %y
  %s.0 = fadd double %first, %second
{_general_series()}
  %result = fsub double %total, %sum
  ret double %result
}}
"""

# see `ir.arithmetic.divided`
DIVIDED = """
define internal { double, double } @morula.divided(double %a, double %b, double %c, double %d) {
  %c.abs = call double @llvm.fabs.f64(double %c)
  %d.abs = call double @llvm.fabs.f64(double %d)
  %first = fcmp oge double %c.abs, %d.abs
  %small = select i1 %first, double %d, double %c
  %large = select i1 %first, double %c, double %d
  %ratio = fdiv double %small, %large
  %small.r = fmul double %small, %ratio
  %below = fadd double %large, %small.r
  %p = select i1 %first, double %a, double %b
  %q = select i1 %first, double %b, double %a
  %q.r = fmul double %q, %ratio
  %re = fadd double %p, %q.r
  %p.r = fmul double %p, %ratio
  %im.first = fsub double %q, %p.r
  %im.second = fsub double %p.r, %q
  %im = select i1 %first, double %im.first, double %im.second
  %x = fdiv double %re, %below
  %y = fdiv double %im, %below
  %one = insertvalue { double, double } poison, double %x, 0
  %both = insertvalue { double, double } %one, double %y, 1
  ret { double, double } %both
}
"""

FUNCTIONS = {
    "mod": MOD,
    "floordiv": FLOORDIV,
    "power": POWER,
    "divided": DIVIDED,
    "gemm": GEMM,
    "polygamma": POLYGAMMA,
}
