"""numpy.linalg: norms, and what Gaussian elimination and Cholesky's method give."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Ordinary programs of the language, which stand without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

SQUARE = "Last 2 dimensions of the array must be square"


# ---- norms --------------------------------------------------------------------------------------


def euclidean(a, axis, keepdims):
    """The root of the sum of squares, also Frobenius' norm of matrices."""
    return np.sqrt(np.sum(magnitudes(a), axis=axis, keepdims=keepdims))


def magnitudes(a):
    """The squares of the absolute values."""
    return a.real * a.real + a.imag * a.imag if np.iscomplexobj(a) else a * a


def norm_of_vectors(a, ord, axis, keepdims):
    if ord == np.inf:
        return np.max(np.abs(a), axis=axis, keepdims=keepdims) * 1.0
    if ord == -np.inf:
        return np.min(np.abs(a), axis=axis, keepdims=keepdims) * 1.0
    if ord == 0:
        return np.sum(np.where(a != 0, 1.0, 0.0), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(a), axis=axis, keepdims=keepdims) * 1.0
    if ord == 2:
        return euclidean(a, axis, keepdims)
    return np.sum(np.abs(a) ** (ord * 1.0), axis=axis, keepdims=keepdims) ** (1.0 / ord)


def norm_of_matrices(a, largest, summed, left, keepdims):
    """The largest or smallest sum of magnitudes, of columns or rows."""
    sums = np.sum(np.abs(a), axis=summed, keepdims=True)
    if largest:
        return np.max(sums, axis=(summed, left), keepdims=keepdims) * 1.0
    return np.min(sums, axis=(summed, left), keepdims=keepdims) * 1.0


# ---- elimination --------------------------------------------------------------------------------


def squared(a):
    """A copy of a square matrix, of floats."""
    a = np.asarray(a)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise np.linalg.LinAlgError(SQUARE)
    return a * 1.0


def factored(a):
    """Lower and upper factor in one matrix, the row that each came from, and the sign of that
    (Gaussian elimination with partial pivoting, as in Golub and Van Loan, 2013, 3.4)."""
    lu = squared(a)
    n = len(lu)
    rows = np.arange(n)
    sign = 1.0
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(lu[i, k]) > abs(lu[best, k]):
                best = i
        if best != k:
            sign = -sign
            rows[k], rows[best] = rows[best], rows[k]
            for j in range(n):
                lu[k, j], lu[best, j] = lu[best, j], lu[k, j]
        if lu[k, k] != 0.0:
            for i in range(k + 1, n):
                factor = lu[i, k] / lu[k, k]
                lu[i, k] = factor
                for j in range(k + 1, n):
                    lu[i, j] -= factor * lu[k, j]
    return lu, rows, sign


def substituted(lu, rows, b):
    """x with a x = b, of the factors of a: forwards through the lower, backwards through the upper
    one."""
    n = len(lu)
    x = np.zeros(b.shape, dtype=np.result_type(lu, b, 1.0))
    for i in range(n):
        x[i] = b[rows[i]]
    for i in range(n):
        for j in range(i):
            x[i] -= lu[i, j] * x[j]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= lu[i, j] * x[j]
        x[i] /= lu[i, i]
    return x


def solve(a, b):
    lu, rows, _ = factored(a)
    refuse_singular(lu)
    x = np.asarray(b)
    if len(x) != len(lu):
        raise ValueError(
            "solve: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(m,m),(m,n)->(m,n) (size {len(x)} is different from {len(lu)})"
        )
    return substituted(lu, rows, x)


def refuse_singular(lu):
    for i in range(len(lu)):
        if lu[i, i] == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")


def inv(a):
    return solve(a, np.eye(len(a)))


def det(a):
    lu, _, sign = factored(a)
    for i in range(len(lu)):
        sign = sign * lu[i, i]
    return sign


class SlogdetResult(NamedTuple):
    sign: float
    logabsdet: float


def slogdet(a):
    """The sign of the determinant, and the logarithm of its magnitude."""
    lu, _, sign = factored(a)
    total = 0.0
    for i in range(len(lu)):
        sign = sign * np.sign(lu[i, i])
        total = total + np.log(np.abs(lu[i, i]))
    return SlogdetResult(sign, total)


def cholesky(a):
    """The lower triangular factor: a = l l', row by row; the upper triangle of a is not read."""
    a = squared(a)
    n = len(a)
    low = np.zeros((n, n), dtype=a.dtype)
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= low[i, k] * low[j, k].conjugate()
            if i > j:
                low[i, j] = s / low[j, j]
            elif s.real > 0.0:
                low[i, i] = np.sqrt(s.real)
            else:
                raise np.linalg.LinAlgError("Matrix is not positive definite")
    return low


# ---- products -----------------------------------------------------------------------------------


def matrix_power(a, n):
    """a @ a @ ... @ a, by squaring; of the inverse where n is negative."""
    if n < 0:
        return matrix_power(inv(a), -n)
    power = squared(a)
    out = np.eye(len(power))
    while n > 0:
        if n % 2 == 1:
            out = out @ power
        n = n // 2
        if n > 0:
            power = power @ power
    return out


def multi_dot(arrays):
    out = arrays[0]
    for a in arrays[1:]:
        out = out @ a
    return out
