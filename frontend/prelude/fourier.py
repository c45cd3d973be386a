"""numpy.fft: discrete Fourier transforms of any length.

    y[k] = x[0] w^0 + x[1] w^k + ... + x[n - 1] w^((n - 1) k),   w = exp(-2 pi i / n)

Stockham's form of the algorithm of Cooley and Tukey (1965; Van Loan, Computational Frameworks for
the Fast Fourier Transform, 1992, 1.7): a factor p of the length at a time, from one buffer to
another, so that nothing has to be put in order.  Factors 4 and 2 have butterflies of their own; a
prime factor p costs n p operations.  Roots of unity come from one table, each computed from its
angle.

A transform is linear, and its matrix symmetric: its derivative is itself, in both modes.
"""

from __future__ import annotations

import math

import numpy as np

from ..words import custom_rules

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls


def roots(n, sign):
    """exp(sign 2 pi i k / n) for all k < n."""
    w = np.zeros(n, dtype=complex)
    for k in range(n):
        angle = 2.0 * math.pi * k / n
        w[k] = complex(math.cos(angle), sign * math.sin(angle))
    return w


def factor(n):
    """4, 2, or the least odd factor."""
    if n % 4 == 0:
        return 4
    if n % 2 == 0:
        return 2
    p = 3
    while p * p <= n:
        if n % p == 0:
            return p
        p += 2
    return n


def halves(y, x, w, s, m, step):
    """y = x by a factor 2: groups of s elements, m to a part, roots of w `step` apart."""
    for j in range(m):
        u = w[j * step]
        for q in range(s):
            a, b = x[q + s * j], x[q + s * (j + m)]
            y[q + s * 2 * j] = a + b
            y[q + s * (2 * j + 1)] = (a - b) * u


def quarters(y, x, w, s, m, step, sign):
    """By a factor 4, whose roots are 1, i, -1 and -i."""
    for j in range(m):
        u1, u2, u3 = w[j * step], w[2 * j * step], w[3 * j * step]
        for q in range(s):
            a, c = x[q + s * j], x[q + s * (j + 2 * m)]
            b, d = x[q + s * (j + m)], x[q + s * (j + 3 * m)]
            even, odd, apart = a + c, b + d, a - c
            turned = complex(-sign * (b.imag - d.imag), sign * (b.real - d.real))
            y[q + s * 4 * j] = even + odd
            y[q + s * (4 * j + 1)] = (apart + turned) * u1
            y[q + s * (4 * j + 2)] = (even - odd) * u2
            y[q + s * (4 * j + 3)] = (apart - turned) * u3


def parts(y, x, w, s, m, step, p):
    """By any factor p."""
    n = len(w)
    for j in range(m):
        for k in range(p):
            u = w[j * k * step]
            for q in range(s):
                total = x[q + s * j]
                for t in range(1, p):
                    total += x[q + s * (j + m * t)] * w[k * t % p * (n // p)]
                y[q + s * (p * j + k)] = total * u


def transformed(x, sign):
    """The transform of one row, of complex numbers."""
    n = len(x)
    w = roots(n, sign)
    x = np.array(x)
    y = np.zeros(n, dtype=complex)
    left, s = n, 1
    while left > 1:
        p = factor(left)
        m = left // p
        if p == 4:
            quarters(y, x, w, s, m, s, sign)
        elif p == 2:
            halves(y, x, w, s, m, s)
        else:
            parts(y, x, w, s, m, s, p)
        x, y = y, x
        left, s = m, s * p
    return x


def rows(out, x, sign):
    if x.ndim == 1:
        out[:] = transformed(x, sign)
    else:
        for i in range(len(x)):
            rows(out[i], x[i], sign)


def along_last(x, sign):
    return custom_rules(each_row, each_row_fwd, each_row_bwd, each_row_rule)(x, sign)


def each_row_fwd(x, sign):
    return along_last(x, sign), sign


def each_row_bwd(sign, ct):
    return along_last(ct, sign), None


def each_row_rule(primals, tangents):
    x, sign = primals
    return along_last(x, sign), along_last(tangents[0], sign)


def each_row(x, sign):
    out = np.zeros(x.shape, dtype=complex)
    rows(out, x, sign)
    return out


def resized(x, n):
    """The first n of the last axis, zeros where there are fewer."""
    if x.shape[-1] == n:
        return x
    out = np.zeros((*x.shape[:-1], n), dtype=x.dtype)
    k = min(n, x.shape[-1])
    out[..., :k] = x[..., :k]
    return out


def scale(n, norm, inverse):
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    if norm == "ortho":
        return 1.0 / math.sqrt(n)
    if norm == "forward":
        return 1.0 if inverse else 1.0 / n
    if norm is not None and norm != "backward":
        raise ValueError('Invalid norm value; should be "backward", "ortho" or "forward".')
    return 1.0 / n if inverse else 1.0


def transform(a, n, axis, norm, inverse):
    x = np.moveaxis(np.asarray(a), axis, -1)
    n = x.shape[-1] if n is None else n
    by = scale(n, norm, inverse)
    y = along_last(resized(x, n) * complex(1.0), 1.0 if inverse else -1.0)
    return np.moveaxis(y * by, -1, axis)


def fft(a, n=None, axis=-1, norm=None):
    return transform(a, n, axis, norm, False)


def ifft(a, n=None, axis=-1, norm=None):
    return transform(a, n, axis, norm, True)


def fft2(a, axes=(-2, -1), norm=None):
    return transform(transform(a, None, axes[1], norm, False), None, axes[0], norm, False)


def ifft2(a, axes=(-2, -1), norm=None):
    return transform(transform(a, None, axes[1], norm, True), None, axes[0], norm, True)


def rfft(a, n=None, axis=-1, norm=None):
    """The first half of the transform of real numbers; the other is its mirror image."""
    if np.iscomplexobj(a):
        raise TypeError("ufunc 'rfft_n_even' did not contain a loop with signature complex")
    y = np.moveaxis(transform(a, n, axis, norm, False), axis, -1)
    return np.moveaxis(y[..., : y.shape[-1] // 2 + 1], -1, axis)


def irfft(a, n=None, axis=-1, norm=None):
    """Real numbers from the first half of their transform; what is imaginary in the first and the
    middle one is not read."""
    x = np.moveaxis(np.asarray(a), axis, -1)
    n = 2 * (x.shape[-1] - 1) if n is None else n
    scale(n, norm, True)  # which says what is wrong with them
    half = resized(x, n // 2 + 1)
    whole = np.zeros((*x.shape[:-1], n), dtype=complex)
    whole[..., : n // 2 + 1] = half
    for k in range(1, (n + 1) // 2):
        whole[..., n - k] = np.conj(half[..., k])
    whole[..., 0] = np.real(half[..., 0])
    if n % 2 == 0:
        whole[..., n // 2] = np.real(half[..., n // 2])
    return np.moveaxis(np.real(transform(whole, n, -1, norm, True)), -1, axis)


def fftfreq(n, d=1.0):
    out = np.zeros(n)
    for k in range(n):
        out[k] = (k if k < (n + 1) // 2 else k - n) / (n * d)
    return out


def rfftfreq(n, d=1.0):
    return np.arange(n // 2 + 1) / (n * d)


def fftshift(x):
    for axis in tuple(range(x.ndim)):
        x = np.roll(x, x.shape[axis] // 2, axis)
    return x


def ifftshift(x):
    for axis in tuple(range(x.ndim)):
        x = np.roll(x, -(x.shape[axis] // 2), axis)
    return x
