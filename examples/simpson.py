"""An integral by adaptive Simpson quadrature, differentiated as it stands.

The recursion halves an interval until two estimates of its area agree, so its depth depends on
the numbers.  The area

    F(w, b) = integral from 0 to b of w / (1 + w^2 t^2) dt = atan(w b)

has closed derivatives by the parameter w and by the upper end b.  By b it is the integrand, which
Morula knows nothing of: the fundamental theorem of calculus comes out as a test.

    python examples/simpson.py
"""

from __future__ import annotations

import math
import sys
import time

from morula import grad, jit

TOLERANCE = 1e-10

# ---- the compiled part: plain Python ----------------------------------------------------------


def integrate(f, a, b):
    """The integral of f from a to b."""

    def area(lo, hi, f_lo, f_mid, f_hi):
        return (hi - lo) / 6.0 * (f_lo + 4.0 * f_mid + f_hi)

    def refined(lo, hi, f_lo, f_mid, f_hi, whole, tolerance):
        mid = 0.5 * (lo + hi)
        f_left, f_right = f(0.5 * (lo + mid)), f(0.5 * (mid + hi))
        left = area(lo, mid, f_lo, f_left, f_mid)
        right = area(mid, hi, f_mid, f_right, f_hi)
        change = left + right - whole
        if abs(change) < 15.0 * tolerance:
            return left + right + change / 15.0
        half = 0.5 * tolerance
        return refined(lo, mid, f_lo, f_left, f_mid, left, half) + refined(
            mid, hi, f_mid, f_right, f_hi, right, half
        )

    f_a, f_mid, f_b = f(a), f(0.5 * (a + b)), f(b)
    return refined(a, b, f_a, f_mid, f_b, area(a, b, f_a, f_mid, f_b), TOLERANCE)


def angle(w, b):
    return integrate(lambda t: w / (1.0 + (w * t) ** 2), 0.0, b)


# ---- checks -----------------------------------------------------------------------------------


def main() -> int:
    w, b = 7.0, 3.0
    bump = 1.0 + (w * b) ** 2
    by_w, by_b = grad(angle, argnums="w"), grad(angle, argnums="b")
    checks = [
        ("F", jit(angle), math.atan(w * b)),
        ("dF/dw", by_w, b / bump),
        ("dF/db", by_b, w / bump),
        ("d2F/dw2", grad(by_w, argnums="w"), -2.0 * w * b**3 / bump**2),
        ("d2F/dw db", grad(by_w, argnums="b"), (1.0 - (w * b) ** 2) / bump**2),
        ("d2F/db2", grad(by_b, argnums="b"), -2.0 * w**3 * b / bump**2),
    ]
    right = True
    for name, f, wanted in checks:
        got = f(w, b)
        ok = abs(got - wanted) <= 1e-8
        right = right and ok
        print(f"{name:10}{got:18.12f}{microseconds(f, w, b):9.1f} us  {mark(ok, wanted)}")
    print(f"{'in CPython':10}{angle(w, b):18.12f}{microseconds(angle, w, b):9.1f} us")
    print(PEERS)
    return 0 if right else 1


def microseconds(f, w: float, b: float, times: int = 20) -> float:
    start = time.perf_counter()
    for _ in range(times):
        f(w, b)
    return (time.perf_counter() - start) / times * 1e6


def mark(ok: bool, wanted: float) -> str:
    return "right" if ok else f"WRONG, it is {wanted:.12f}"


PEERS = """\
peers: JAX refuses the test under jit, and without it one gradient takes seconds, op by op; \
PyTorch records op by op at each call, too; \
Numba, and so Enzyme, takes no inner function that calls itself."""

if __name__ == "__main__":
    sys.exit(main())
