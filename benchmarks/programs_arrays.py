"""Array programs that are measured: loops over elements, written in place, and array code."""

# Programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

import math

import numpy as np


def pairwise(x):
    """The Lennard-Jones energy of particles in space, x[i] one's coordinates."""
    energy = 0.0
    for i in range(len(x)):
        for j in range(i):
            dx = x[i, 0] - x[j, 0]
            dy = x[i, 1] - x[j, 1]
            dz = x[i, 2] - x[j, 2]
            s = 1.0 / (dx * dx + dy * dy + dz * dz)
            s3 = s * s * s
            energy += 4.0 * (s3 * s3 - s3)
    return energy


def recurrence(x, a):
    """A logistic map with a push in each step, in place."""
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = x[i] + a * y[i - 1] * (1.0 - y[i - 1])
    return np.sum(y)


def jacobi(f, sweeps):
    """Sweeps for -u'' + u^3 = f in one array; `left` is the neighbour's old value."""
    n = len(f)
    h2 = 1.0 / (n * n)
    u = np.zeros(n)
    for _ in range(sweeps):
        left = u[0]
        for i in range(1, n - 1):
            here = u[i]
            u[i] = 0.5 * (left + u[i + 1] + h2 * (f[i] - here * here * here))
            left = here
    return np.sum(u * u)


def garch(omega, alpha, beta, returns):
    """Twice the negative log-likelihood of GARCH(1, 1), but for a constant."""
    variance = omega / (1.0 - alpha - beta)
    total = 0.0
    for r in returns:
        total += math.log(variance) + r * r / variance
        variance = omega + alpha * r * r + beta * variance
    return total


def soft_dtw(x, y, gamma):
    """Soft dynamic time warping (Cuturi, Blondel 2017)."""
    n, m = len(x), len(y)
    r = np.full((n + 1, m + 1), math.inf)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            a, b, c = r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]
            least = min(a, b, c)
            total = (
                math.exp((least - a) / gamma)
                + math.exp((least - b) / gamma)
                + math.exp((least - c) / gamma)
            )
            r[i, j] = (x[i - 1] - y[j - 1]) ** 2 + least - gamma * math.log(total)
    return r[n, m]


def value_iteration(transitions, rewards, discount, sweeps):
    """The sum of the values of all states, which are improved one after the other, in place."""
    states, actions = rewards.shape
    v = np.zeros(states)
    for _ in range(sweeps):
        for s in range(states):
            best = -math.inf
            for a in range(actions):
                expected = 0.0
                for t in range(states):
                    expected += transitions[a, s, t] * v[t]
                q = rewards[s, a] + discount * expected
                if q > best:
                    best = q
            v[s] = best
    return np.sum(v)


def log_wishart(factors, d, gamma, m):
    """ADBench's Wishart prior of the inverse covariance factors."""
    n = d + m + 1
    constant = n * d * (math.log(gamma) - 0.5 * math.log(2.0)) - 0.25 * d * (d - 1) * math.log(
        math.pi
    )
    for j in range(1, d + 1):
        constant -= math.lgamma(0.5 * n + 0.5 * (1 - j))
    total = -len(factors) * constant
    for row in factors:
        for i in range(d):
            total += 0.5 * gamma * gamma * math.exp(2.0 * row[i]) - m * row[i]
        for i in range(d, len(row)):
            total += 0.5 * gamma * gamma * row[i] * row[i]
    return total


def gmm_by_loops(alphas, means, factors, x, gamma, m):
    """ADBench's log-likelihood of a Gaussian mixture (Srajer, Kukelova, Fitzgibbon 2018).

    Row c of `factors` is the inverse covariance's factor: the logarithms of its diagonal, then its
    columns below the diagonal.
    """
    n, d = x.shape
    k = len(alphas)
    diagonals, logs = np.zeros((k, d)), np.zeros(k)
    for c in range(k):
        for a in range(d):
            logs[c] += factors[c, a]
            diagonals[c, a] = math.exp(factors[c, a])
    main, z = np.zeros(k), np.zeros(d)
    total = 0.0
    for i in range(n):
        for c in range(k):
            for a in range(d):
                z[a] = diagonals[c, a] * (x[i, a] - means[c, a])
            at = d
            for a in range(d):
                off = x[i, a] - means[c, a]
                for b in range(a + 1, d):
                    z[b] += factors[c, at] * off
                    at += 1
            square = 0.0
            for a in range(d):
                square += z[a] * z[a]
            main[c] = alphas[c] + logs[c] - 0.5 * square
        total += log_sum_exp(main)
    total -= n * log_sum_exp(alphas) + n * d * 0.5 * math.log(2.0 * math.pi)
    return total + log_wishart(factors, d, gamma, m)


def log_sum_exp(values):
    most = values[0]
    for v in values:
        most = max(most, v)
    total = 0.0
    for v in values:
        total += math.exp(v - most)
    return most + math.log(total)


def gmm_by_arrays(alphas, means, factors, x, gamma, m):
    """The same objective, all points at once."""
    n, d = x.shape
    k = len(alphas)
    main = np.zeros((n, k))
    for c in range(k):
        q = np.diag(np.exp(factors[c, :d]))
        at = d
        for a in range(d - 1):
            q[a + 1 :, a] = factors[c, at : at + d - 1 - a]
            at += d - 1 - a
        z = (x - means[c]) @ q.T
        main[:, c] = alphas[c] + np.sum(factors[c, :d]) - 0.5 * np.sum(z * z, axis=1)
    most = np.max(main, axis=1)
    total = np.sum(most + np.log(np.sum(np.exp(main - most[:, None]), axis=1)))
    most = np.max(alphas)
    total -= n * (most + np.log(np.sum(np.exp(alphas - most))))
    return total - n * d * 0.5 * math.log(2.0 * math.pi) + log_wishart(factors, d, gamma, m)


def mlp(w1, b1, w2, b2, x, targets):
    """The cross-entropy of a network with one hidden layer."""
    hidden = np.tanh(x @ w1 + b1)
    scores = hidden @ w2 + b2
    scores = scores - np.max(scores, axis=1)[:, None]
    logs = np.log(np.sum(np.exp(scores), axis=1))
    return np.mean(logs - np.sum(targets * scores, axis=1))
