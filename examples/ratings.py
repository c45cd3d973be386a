"""Who will like what: a table of ratings as the product of two thin matrices.

Some ratings are known: user u gave item i the value r.  Each user and each item gets a vector of
four numbers and an offset, and a rating is predicted as their scalar product and the offsets.  The
loss walks over the ratings in a loop, indexing by ints from arrays; its gradient has the structure
of the model, and L-BFGS finds the model.  The ratings are made here from a known model with noise.

    python examples/ratings.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.optimize import minimize

import morula

USERS, ITEMS, FACTORS, KNOWN = 60, 40, 4, 1400
NOISE, WEIGHT = 0.1, 0.02
console = Console()


@dataclass
class Model:
    """Vectors and offsets of users and items, and the mean of all ratings."""

    users: np.ndarray
    items: np.ndarray
    by_user: np.ndarray
    by_item: np.ndarray
    mean: float


# ---- the compiled part: plain Python ----------------------------------------------------------


def predicted(m, u, i):
    return m.mean + m.by_user[u] + m.by_item[i] + np.dot(m.users[u], m.items[i])


def loss(m, who, what, rating):
    """Squares of what is off, and of the model's size."""
    total = 0.0
    for k in range(len(rating)):
        total += (predicted(m, who[k], what[k]) - rating[k]) ** 2
    return total + WEIGHT * (np.sum(m.users**2) + np.sum(m.items**2))


# ---- data, fit and checks ---------------------------------------------------------------------


def true_model(rng: np.random.Generator) -> Model:
    return Model(
        rng.normal(0.0, 0.6, (USERS, FACTORS)),
        rng.normal(0.0, 0.6, (ITEMS, FACTORS)),
        rng.normal(0.0, 0.3, USERS),
        rng.normal(0.0, 0.3, ITEMS),
        3.2,
    )


def flat(m: Model) -> np.ndarray:
    parts = (m.users, m.items, m.by_user, m.by_item, np.array([m.mean]))
    return np.concatenate([p.ravel() for p in parts])


def model(v: np.ndarray) -> Model:
    a, b = USERS * FACTORS, (USERS + ITEMS) * FACTORS
    users, items = v[:a].reshape(USERS, FACTORS), v[a:b].reshape(ITEMS, FACTORS)
    return Model(users, items, v[b : b + USERS], v[b + USERS : -1], float(v[-1]))


def table(m: Model) -> np.ndarray:
    return m.mean + m.by_user[:, None] + m.by_item + m.users @ m.items.T


def mark(right: bool) -> str:
    return "right" if right else "WRONG"


def figure(known: np.ndarray, found: np.ndarray) -> None:
    """Hidden ratings as they are and as predicted, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("no figure: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
    axes.plot(known, found, ".", markersize=3)
    axes.set(xlabel="rating", ylabel="predicted", title="ratings that the fit has not seen")
    fig.savefig("ratings.png", dpi=120)
    print(f"figure: {Path('ratings.png').resolve()}")


def main() -> int:
    rng = np.random.default_rng(21)
    truth = table(true_model(rng))
    places = rng.permutation(USERS * ITEMS)
    who, what = np.divmod(places, ITEMS)
    seen, hidden = slice(0, KNOWN), slice(KNOWN, None)
    rating = truth[who[seen], what[seen]] + NOISE * rng.standard_normal(KNOWN)
    data = who[seen], what[seen], rating

    start = 0.1 * rng.standard_normal(flat(true_model(rng)).size)
    objective = morula.value_and_grad(loss)
    way = rng.standard_normal(start.size)
    slope = flat(objective(model(start), *data)[1]) @ way
    h = 1e-6
    value = morula.jit(loss)
    up, down = (value(model(start + s * h * way), *data) for s in (1.0, -1.0))
    checks = [abs(slope - (up - down) / (2 * h)) <= 1e-6 * abs(slope)]
    print(
        f"gradient in a direction: {slope:.5f}, by difference {(up - down) / (2 * h):.5f}", end=""
    )
    print(f"  {mark(checks[-1])}")

    def packed(v: np.ndarray) -> tuple[float, np.ndarray]:
        total, gradient = objective(model(v), *data)
        return total, flat(gradient)

    progress = iter(track(range(500), "fitting", console=console, transient=True))
    found = minimize(
        packed,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=lambda _: next(progress, None),
        options={"maxiter": 500},
    )
    guess = table(model(found.x))[who[hidden], what[hidden]]
    known = truth[who[hidden], what[hidden]]
    off = float(np.sqrt(np.mean((guess - known) ** 2)))
    plain = float(np.std(known))
    checks.append(off < 0.25 * plain)
    print(f"hidden ratings: off by {off:.3f} where their spread is {plain:.3f}  {mark(checks[-1])}")
    print(f"{found.nfev} gradients of {KNOWN} ratings by {start.size} numbers")
    figure(known, guess)
    print(PEERS)
    return 0 if all(checks) else 1


PEERS = """\
peers: with array code JAX and PyTorch gather and scatter the same; the loop as it stands here JAX \
unrolls 1400 times or wants as a scan, and PyTorch and Autograd interpret turn by turn."""

if __name__ == "__main__":
    sys.exit(main())
