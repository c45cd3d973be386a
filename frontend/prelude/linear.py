"""numpy.linalg: norms, and what Gaussian elimination and Cholesky's method give.

Derivatives do not go through the elimination, which would keep all that it overwrites, but by rules
(Giles, Collected matrix derivative results for forward and reverse mode, 2008; of Cholesky's factor
Smith 1995, in the form of Murray, Differentiation of the Cholesky decomposition, 2016).  A rule is
written with the functions themselves, so that it has derivatives by rules again.  Cotangents of
complex matrices are in the convention of `transforms/rules.py`, so nothing is conjugated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..words import custom_rules

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
    a, b = squared(a), np.asarray(b)
    if len(b) != len(a):
        raise ValueError(
            "solve: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(m,m),(m,n)->(m,n) (size {len(b)} is different from {len(a)})"
        )
    kind = np.result_type(a, b, 1.0)
    return solution(a.astype(kind), b.astype(kind))


def solution(a, b):
    return custom_rules(eliminated, solution_fwd, solution_bwd, solution_rule)(a, b)


def eliminated(a, b):
    lu, rows, _ = factored(a)
    refuse_singular(lu)
    return substituted(lu, rows, b)


def solution_fwd(a, b):
    x = solution(a, b)
    return x, (a, x)


def solution_bwd(saved, ct):
    """Of a x = b: b gets y with a' y = ct, and a gets -y x'."""
    a, x = saved
    y = solution(np.array(a.T), ct)
    return -(np.outer(y, x) if x.ndim == 1 else y @ x.T), y


def solution_rule(primals, tangents):
    a, b = primals
    t_a, t_b = tangents
    x = solution(a, b)
    return x, solution(a, t_b - t_a @ x)


def refuse_singular(lu):
    for i in range(len(lu)):
        if lu[i, i] == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")


def inv(a):
    return inverse(squared(a))


def inverse(a):
    return custom_rules(inverted, inverse_fwd, inverse_bwd, inverse_rule)(a)


def inverted(a):
    return eliminated(a, np.eye(len(a), dtype=a.dtype))


def inverse_fwd(a):
    x = inverse(a)
    return x, x


def inverse_bwd(x, ct):
    """d(1/a) = -(1/a) da (1/a)"""
    return (-(x.T @ ct @ x.T),)


def inverse_rule(primals, tangents):
    x = inverse(primals[0])
    return x, -(x @ tangents[0] @ x)


def det(a):
    return determinant(squared(a))


def determinant(a):
    return custom_rules(multiplied, determinant_fwd, determinant_bwd, determinant_rule)(a)


def multiplied(a):
    """The product of the pivots."""
    lu, _, sign = factored(a)
    for i in range(len(lu)):
        sign = sign * lu[i, i]
    return sign


def determinant_fwd(a):
    d = determinant(a)
    return d, (a, d)


def determinant_bwd(saved, ct):
    """d det(a) = det(a) tr(da / a); where a is singular, the cofactors say the same."""
    a, d = saved
    return (ct * (cofactors(a) if d == 0.0 else d * inverse(a).T),)


def determinant_rule(primals, tangents):
    a, t = primals[0], tangents[0]
    d = determinant(a)
    by = cofactors(a) if d == 0.0 else d * inverse(a).T
    return d, np.sum(by * t)


def cofactors(a):
    """The determinants of what is left of a without a row and a column, with their signs."""
    n = len(a)
    out = np.zeros((n, n), dtype=a.dtype)
    for i in range(n):
        for j in range(n):
            rest = np.zeros((n - 1, n - 1), dtype=a.dtype)
            for p in range(n - 1):
                for q in range(n - 1):
                    rest[p, q] = a[p + (p >= i), q + (q >= j)]
            out[i, j] = multiplied(rest) * (1.0 if (i + j) % 2 == 0 else -1.0)
    return out


class SlogdetResult(NamedTuple):
    sign: float
    logabsdet: float


def slogdet(a):
    """The sign of the determinant, and the logarithm of its magnitude."""
    return logarithm(squared(a))


def logarithm(a):
    return custom_rules(summed, logarithm_fwd, logarithm_bwd, logarithm_rule)(a)


def logarithm_fwd(a):
    found = logarithm(a)
    return found, (a, found.sign)


def logarithm_bwd(saved, ct):
    """d log det(a) = tr(da / a), whose imaginary part turns the sign of a complex one."""
    a, sign = saved
    if np.iscomplexobj(a):
        return (complex(ct.logabsdet, (ct.sign * sign).imag) * inverse(a).T,)
    return (ct.logabsdet * inverse(a).T,)


def logarithm_rule(primals, tangents):
    found = logarithm(primals[0])
    t = np.trace(solution(primals[0], tangents[0]))
    if np.iscomplexobj(t):
        return found, SlogdetResult(found.sign * complex(0.0, t.imag), t.real)
    return found, SlogdetResult(0.0, t)


def summed(a):
    lu, _, sign = factored(a)
    total = 0.0
    for i in range(len(lu)):
        sign = sign * np.sign(lu[i, i])
        total = total + np.log(np.abs(lu[i, i]))
    return SlogdetResult(sign, total)


def cholesky(a):
    """The lower triangular factor: a = l l', row by row; the upper triangle of a is not read."""
    a = squared(a)
    return rooted(a) if np.iscomplexobj(a) else factor(a)


def factor(a):
    return custom_rules(rooted, factor_fwd, factor_bwd, factor_rule)(a)


def factor_fwd(a):
    low = factor(a)
    return low, low


def factor_bwd(low, ct):
    """dl = l phi(l^-1 da l'^-1), where phi takes the lower triangle, half of its diagonal."""
    n = len(low)
    up = np.array(low.T)
    s = solution(up, np.array(solution(up, lower_half(up @ ct)).T))
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            out[i, j] = s[i, j] + s[j, i]
        out[i, i] = s[i, i]
    return (out,)


def factor_rule(primals, tangents):
    """The tangent is symmetric: of it, too, the lower triangle says all."""
    low, t = factor(primals[0]), np.tril(tangents[0])
    t = t + np.tril(t, -1).T
    halved = solution(low, np.array(solution(low, t).T))
    return low, low @ lower_half(np.array(halved.T))


def lower_half(p):
    out = np.zeros(p.shape)
    for i in range(len(p)):
        for j in range(i):
            out[i, j] = p[i, j]
        out[i, i] = 0.5 * p[i, i]
    return out


def rooted(a):
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
