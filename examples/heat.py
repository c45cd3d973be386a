"""Where a rod conducts badly, from the temperatures after a while: loops in place, differentiated.

Heat flows in a rod as  du/dt = d/dx (k du/dx),  with a diffusivity k(x) that nobody knows.  An
explicit scheme steps the temperature forward, in place:

    u_i  <-  u_i + r [k_(i+1/2) (u_(i+1) - u_i) - k_(i-1/2) (u_i - u_(i-1))]

Morula differentiates the final temperatures by all of k at once, at a small multiple of the cost of
the simulation.  From the temperatures after three heatings the field k is found by L-BFGS.

    python examples/heat.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.optimize import minimize

import morula

CELLS, STEPS, RATIO = 60, 900, 0.4  # RATIO is dt / dx^2
SMOOTH = 1e-7  # weight of the roughness of log k
console = Console()

# ---- the compiled part: plain Python ----------------------------------------------------------


def heat(u0, k, steps):
    """The temperatures after so many steps, both ends held at zero."""
    u = u0.copy()
    flux = np.zeros(len(u) + 1)
    for _ in range(steps):
        for i in range(1, len(u)):
            flux[i] = k[i] * (u[i] - u[i - 1])
        for i in range(1, len(u) - 1):
            u[i] += RATIO * (flux[i + 1] - flux[i])
    return u


def misfit(log_k, starts, ends, steps):
    """Sum of squares over all heatings, and the roughness of the field."""
    k = np.exp(log_k)
    total = 0.0
    for u0, seen in zip(starts, ends, strict=True):
        total += np.sum((heat(u0, k, steps) - seen) ** 2)
    return total + SMOOTH * np.sum((log_k[1:] - log_k[:-1]) ** 2)


# ---- data, fit and checks ---------------------------------------------------------------------


def true_field() -> np.ndarray:
    x = np.linspace(0.0, 1.0, CELLS + 1)
    return 0.9 - 0.6 * np.exp(-(((x - 0.62) / 0.08) ** 2))


def heatings() -> np.ndarray:
    x = (np.arange(CELLS) + 0.5) / CELLS
    return np.array([np.exp(-(((x - c) / 0.06) ** 2)) for c in (0.25, 0.5, 0.75)])


def gradient_is_right(starts: np.ndarray, ends: np.ndarray) -> bool:
    """The gradient in a random direction, beside a central difference."""
    rng = np.random.default_rng(3)
    at, way = rng.normal(-0.3, 0.1, CELLS + 1), rng.standard_normal(CELLS + 1)
    slope = morula.grad(misfit)(at, starts, ends, STEPS) @ way
    h = 1e-5
    up, down = (misfit(at + s * h * way, starts, ends, 60) for s in (1.0, -1.0))
    short = morula.grad(misfit)(at, starts, ends, 60) @ way
    right = bool(np.isfinite(slope)) and abs(short - (up - down) / (2 * h)) <= 1e-6 * abs(short)
    print(
        f"gradient in a direction {short:.8f}, "
        f"difference {(up - down) / (2 * h):.8f}  {mark(right)}"
    )
    return right


def mark(right: bool) -> str:
    return "right" if right else "WRONG"


def figure(found: np.ndarray) -> None:
    """The field as made and as found, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("no figure: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    x = np.linspace(0.0, 1.0, CELLS + 1)
    axes.plot(x, true_field(), "k--", label="as made")
    axes.plot(x, found, label="as found")
    axes.set(xlabel="place in the rod", ylabel="diffusivity", ylim=(0.0, 1.1))
    axes.legend()
    fig.savefig("heat.png", dpi=120)
    print(f"figure: {Path('heat.png').resolve()}")


def main() -> int:
    starts = heatings()
    simulate = morula.jit(heat)
    ends = np.array([simulate(u0, true_field(), STEPS) for u0 in starts])
    checks = [gradient_is_right(starts, ends)]
    objective = morula.value_and_grad(misfit)
    guess = np.full(CELLS + 1, np.log(0.7))
    progress = iter(track(range(400), "fitting", console=console, transient=True))

    def told(_: np.ndarray) -> None:
        next(progress, None)

    found = minimize(
        objective,
        guess,
        args=(starts, ends, STEPS),
        jac=True,
        method="L-BFGS-B",
        callback=told,
        options={"maxiter": 400, "maxfun": 2000, "ftol": 1e-15, "gtol": 1e-10},
    )
    k = np.exp(found.x)
    inside = slice(6, -6)  # the ends stay cold: little is seen of them
    worst = float(np.max(np.abs(k - true_field())[inside]))
    checks.append(worst <= 0.03)
    print(f"the field is found to within {worst:.4f}  {mark(checks[-1])}")
    lowest = np.argmin(k[inside]) + 6
    checks.append(abs(lowest / CELLS - 0.62) <= 0.03)
    print(f"it conducts worst at {lowest / CELLS:.2f} of the rod, made at 0.62  {mark(checks[-1])}")
    print(f"{found.nfev} simulations of {len(starts)} x {STEPS} steps, each with its gradient")
    figure(k)
    print(PEERS)
    return 0 if all(checks) else 1


PEERS = """\
peers: JAX wants the loops as array code inside `lax.scan`; PyTorch records 900 steps of slices \
for every heating; Autograd refuses `u[i] += ...`; Zygote refuses to write into arrays."""

if __name__ == "__main__":
    sys.exit(main())
