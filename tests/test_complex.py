"""Complex numbers: values at every stage, and derivatives in the convention Re(c t).

The gradient of a real f at z = x + iy is df/dx - i df/dy, so that f(z + t) is about
f(z) + Re(grad(f)(z) t); every program is checked so against central differences, forward against
reverse, and at order two.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import morula
from morula import grad, jit, jvp, vjp
from program_rows import Row, registering

SCALARS: list[Row] = []
scalar = registering(SCALARS)
everywhere = scalar((0.7 + 0.4j,), (-0.3 - 1.2j,), (1.3 - 0.2j,))
ARRAYS: list[Row] = []
ZS = np.array([[0.8 + 0.3j, -0.5 + 0.4j], [0.6 - 0.9j, -0.2 - 1.1j]])
array = registering(ARRAYS)((ZS,))


@everywhere
def arithmetic(z: complex) -> float:
    return (z * z.conjugate() - 2j / (z + 1) + z * 3 - (-z) / 2.5).imag + z.real * z.imag


@everywhere
def powers(z: complex) -> float:
    return (z**3 + z**-2 + z**0.5 + 2**z + z**z + z ** (1 + 2j)).real


@everywhere
def of_cmath(z: complex) -> float:
    w = cmath.exp(z) * cmath.log(z) + cmath.sqrt(z) / cmath.log10(z) + cmath.log(z, 3.0)
    return w.imag + cmath.phase(z) ** 2 + cmath.rect(abs(z), z.imag).real + cmath.polar(z)[0]


@everywhere
def circular(z: complex) -> float:
    w = cmath.sin(z) * cmath.cos(z) + cmath.tan(z)
    return (w + cmath.asin(z) * cmath.acos(2 * z) + cmath.atan(z)).imag


@everywhere
def hyperbolic(z: complex) -> float:
    w = cmath.sinh(z) * cmath.cosh(z) + cmath.tanh(z)
    return (w + cmath.asinh(z) + cmath.acosh(z) * cmath.atanh(z)).real


@everywhere
def of_numpy(z: complex) -> float:
    w = np.exp(1j * z) * np.expm1(z) + np.log1p(z) + np.log2(z) * np.square(z) + np.sign(z)
    return float(np.abs(w) ** 2 + np.angle(z) + np.real(w) * np.imag(np.conj(w)))


@everywhere
def iterated(z: complex) -> float:
    w: complex = 0
    for _ in range(4):
        w = w * w + z / 3
    while abs(w) < 2.0:
        w = w * w + z + 1
    return abs(w)


@everywhere
def branches(z: complex) -> float:
    if z == 0 or not z:
        return 0.0
    w = z if z.imag > 0 else (z * z).conjugate()
    return w.real * 2 if z != 1j and isinstance(w, complex) else w.imag


@dataclass
class Phasor:
    z: complex
    turns: int

    def turned(self, w: complex) -> Phasor:
        return Phasor(self.z * w, self.turns + 1)


@everywhere
def in_records(z: complex) -> float:
    p = Phasor(z, 0)
    for _ in range(3):
        p = p.turned(cmath.exp(0.3j) * z)
    kept = [p.z * k for k in range(p.turns)]
    kept.append(z)
    return sum([abs(w) for w in kept]) + sum(kept, 0j).imag


@everywhere
def recursive(z: complex) -> float:
    def horner(k: int) -> complex:
        return 1.0 + 0j if k == 0 else horner(k - 1) * z + k

    return abs(horner(5))


@array
def elementwise(a: Any) -> Any:
    b = np.exp(a) * 2 - a.conj() / (a + 3)
    return np.sum(np.abs(b) ** 2) + np.mean(b).imag + np.prod(a).real + np.sum(np.angle(a))


@array
def in_place(a: Any) -> Any:
    b = a.copy()
    b *= 2j
    b[0] += b[1]
    b[1, 0] = 3
    b[:, 1] = b[:, 0] * a[:, 1]
    return np.sum(b.real * a.imag) + abs(b[0, 0])


@array
def by_loops(a: Any) -> Any:
    out = np.zeros(a.shape, dtype=complex)
    for i in range(2):
        for j in range(2):
            out[i, j] = a[j, i] * a[i, 0] + 1j * (out[i, j - 1] if j else 0)
    return np.sum(out * out.conj()).real


@array
def products(a: Any) -> Any:
    b = a @ a.T + np.outer(a[0], a[1])
    return (b[0, 1] * np.einsum("ij,jk->ik", a, b)[1, 0]).real + np.vdot(a, b).imag


@array
def linear_algebra(a: Any) -> Any:
    x = np.linalg.solve(a, a[0] * 1j)
    h = a @ a.conj().T + np.eye(2)
    return (
        x[1].real
        + np.linalg.det(a).imag
        + np.linalg.inv(a)[0, 1].real
        + np.linalg.norm(a)
        + np.linalg.slogdet(a)[1]
        + np.linalg.cholesky(h)[1, 0].imag
    )


@array
def transforms(a: Any) -> Any:
    f = np.fft.fft(a, 3, axis=0) * a[0]
    return np.sum(np.abs(f) ** 2) + np.sum(np.fft.irfft(a[1], 3) ** 2)


@array
def reductions(a: Any) -> Any:
    c = np.cumsum(a.ravel()) + np.concatenate([a[0], a[1]]) * np.var(a)
    return np.where(a.real > 0.1, a, 2 * a).sum().imag + abs(c[2]) + np.std(a, axis=0)[1]


ROWS = SCALARS + ARRAYS
NAMES = [f"{f.__name__}-{args[0]}" for f, args in SCALARS] + [f.__name__ for f, _ in ARRAYS]


def copied(z: Any) -> Any:
    return z.copy() if isinstance(z, np.ndarray) else z


def near(a: Any, b: Any, tol: float) -> bool:
    return bool(np.allclose(a, b, rtol=tol, atol=tol))


def slope(f: Callable[[Any], Any], z: Any, t: Any, h: float = 1e-6) -> Any:
    return (f(z + h * t) - f(z - h * t)) / (2 * h)


def way(z: Any, seed: int) -> Any:
    r = np.random.default_rng(seed)
    t = r.uniform(-1, 1, np.shape(z)) + 1j * r.uniform(-1, 1, np.shape(z))
    return t if isinstance(z, np.ndarray) else complex(t)


def paired(c: Any, t: Any) -> float:
    return float(np.sum(c * t).real)


@pytest.mark.parametrize(("f", "args"), ROWS, ids=NAMES)
def test_values_at_every_stage(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    (z,) = args
    expected = f(copied(z))
    assert near(jit(f)(copied(z)), expected, 1e-11)
    lowered = morula.lower(f, copied(z))
    runs = [lowered.run(stage, copied(z)) for stage in ("ssa", "closed", "typed", "opt", "memory")]
    assert all(near(r, expected, 1e-11) for r in runs)
    assert runs[2] == runs[3] == runs[4]


@pytest.mark.parametrize(("f", "args"), ROWS, ids=NAMES)
def test_derivatives(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    (z,) = args
    t, s = way(z, 1), way(z, 2)
    g = grad(f)
    got = g(z)
    assert isinstance(got, complex) or got.dtype == np.complex128
    assert near(paired(got, t), slope(f, z, t), 1e-6)
    assert near(jvp(f, (z,), (t,))[1], paired(got, t), 1e-9)
    wanted = slope(lambda z: paired(g(z), t), z, s)
    forward = jvp(g, (z,), (s,))[1]
    assert near(paired(forward, t), wanted, 1e-4)
    reverse = grad(lambda z: np.sum(grad(f)(z) * t).real)(z)
    assert near(paired(reverse, s), wanted, 1e-4)


def test_of_real_arguments() -> None:
    """A real argument has a real gradient, whatever is complex in between."""

    def f(x: float) -> float:
        z = complex(x, 2 * x) ** 2 * 1j
        return z.real + abs(z)

    assert grad(f)(1.5) == pytest.approx(slope(f, 1.5, 1.0), rel=1e-6)
    assert isinstance(grad(f)(1.5), float)


def test_results_and_pullbacks() -> None:
    w, back = vjp(lambda z: (z * z, z.real), 1 + 2j)
    assert w == ((1 + 2j) ** 2, 1.0)
    assert back((1j, 0.0))[0] == 1j * 2 * (1 + 2j)
    assert back((0, 3.0))[0] == 3.0
    assert jvp(lambda z: z * z, (1 + 2j,), (1j,))[1] == 2j * (1 + 2j)
    assert jit(lambda z: z)(2) == 2 and jit(lambda z: (z, [z], {"z": z}))(1j)[1] == [1j]
    assert jit(lambda zs: [z * z for z in zs])([1j, 2.0 + 0j]) == [-1, 4]
    assert near(grad(lambda zs: abs(zs[0] * zs[1]))([1j, 2.0 + 0j]), [-2j, 1.0], 1e-15)


def test_lower_types() -> None:
    """float32 and complex are complex128; ints and bools join, too."""
    k = np.arange(3)
    x = np.array([0.5, 1.5], np.float32)
    z = np.array([1j, 2.0 - 1j])
    for f, args in (
        (lambda k, z: k[:2] * z + k[0], (k, z)),
        (lambda x, z: x * z - 1j * x[0], (x, z)),
        (lambda x, z: (z.astype(complex), x.astype(np.complex128) + z), (x, z)),
        (lambda z: np.array([True, 2, 0.5, z[0]]), (z,)),
        (lambda n: np.linspace(0.0, 1.0, n) + 1j * np.ones(n), (3,)),
        (lambda z: (z.dtype == np.complex128, np.iscomplexobj(z), np.isrealobj(z.real)), (z,)),
        (lambda z: (np.isnan(z), np.isfinite(z), z == 1j), (z,)),
    ):
        got, wanted = jit(f)(*args), f(*args)
        for a, b in zip(np.atleast_1d(got), np.atleast_1d(wanted), strict=True):
            assert near(a, b, 1e-12) and np.asarray(a).dtype == np.asarray(b).dtype


def test_layouts() -> None:
    big = np.arange(24.0).reshape(4, 6) * (1 - 2j)
    for z in (big.T, big[::2, ::-3], big[:0], np.array(3j), np.asfortranarray(big)):
        assert near(jit(lambda z: z * 2)(z), z * 2, 0.0)
        assert near(grad(lambda z: np.sum(z.real * z.imag))(z), z.imag - 1j * z.real, 1e-15)


def test_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def f(z: complex) -> complex:
        print(f"at {z}", z * z)
        return z

    jit(f)(1 + 2j)
    mine = capsys.readouterr().out
    f(1 + 2j)
    assert mine == capsys.readouterr().out


@pytest.mark.parametrize(
    ("f", "code", "text"),
    [
        (lambda z: z < 1j, "E03", "have no order"),
        (lambda z: math.sin(z), "E03", "z.real"),
        (lambda z: float(z), "E03", "z.real"),
        (lambda z: max(z, 1.0), "E03", "z.real"),
        (lambda z: z // 2, "E03", "no remainder"),
        (lambda z: [1, 2][z], "E06", "an int is needed"),
    ],
)
def test_refused(f: Callable[..., Any], code: str, text: str) -> None:
    with pytest.raises(morula.Error, match=text) as caught:
        jit(f)(1j)
    assert caught.value.code == code


def test_refused_elsewhere() -> None:
    def into_floats(x: Any) -> Any:
        x[0] = 1j
        return x

    with pytest.raises(morula.Error, match="array of floats"):
        jit(into_floats)(np.zeros(2))
    with pytest.raises(morula.Error, match="grad of a function that returns a complex"):
        grad(lambda z: z * z)(1j)
    with pytest.raises(morula.Error, match=r"np.asarray\(z, complex\)"):
        jit(lambda z: z)(np.ones(2, np.complex64))

    def into_a_part(z: Any) -> Any:
        z.real[0] = 1.0
        return z

    with pytest.raises(morula.Error) as caught:
        jit(into_a_part)(np.array([1j]))
    assert caught.value.code == "E11"


fft, ifft = jit(lambda x: np.fft.fft(x)), jit(lambda x: np.fft.ifft(x))
rfft, irfft = jit(lambda x: np.fft.rfft(x)), jit(lambda x: np.fft.irfft(x))
LENGTHS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 30, 49, 64, 97)


@pytest.mark.parametrize("n", LENGTHS)
def test_transforms_of_any_length(n: int) -> None:
    r = np.random.default_rng(n)
    z = r.normal(size=n) + 1j * r.normal(size=n)
    for f, x in ((fft, z), (ifft, z), (rfft, z.real), (irfft, z)):
        if f is irfft and n == 1:
            with pytest.raises(ValueError, match="Invalid number of FFT data points"):
                f(x)
            continue
        got, wanted = f(x), f.__wrapped__(x)
        assert near(got, wanted, 1e-12) and got.dtype == wanted.dtype
    assert near(ifft(fft(z)), z, 1e-13)


def test_transforms_of_any_shape() -> None:
    r = np.random.default_rng(5)
    z = r.normal(size=(3, 4, 6)) + 1j * r.normal(size=(3, 4, 6))
    for f in (
        lambda z: np.fft.fft(z, 8, axis=1),
        lambda z: np.fft.ifft(z, n=3, norm="ortho"),
        lambda z: np.fft.irfft(z, 9, 0, "forward"),
        lambda z: np.fft.fft2(z),
        lambda z: np.fft.ifft2(z, axes=(0, 1)),
        lambda z: np.fft.fftshift(z),
        lambda z: np.fft.ifftshift(z),
        lambda z: np.fft.fftfreq(len(z), 0.1) + np.fft.rfftfreq(5)[: len(z)],
    ):
        assert near(jit(f)(z), f(z), 1e-12)


def test_a_derivative_at_the_origin() -> None:
    """abs has derivative 0 at 0, as for real numbers."""
    assert grad(lambda z: abs(z))(0j) == 0
    assert grad(lambda z: abs(z) * 2 + z.real)(0j) == 1
