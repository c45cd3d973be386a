"""How strongly to smooth a picture: total-variation denoising, its weight learned by a gradient.

The denoised picture minimises  |u - noisy|^2 / 2 + w TV(u).  Chambolle's projection finds it by
steps on a dual field p, here three hundred of them, in place.  What weight w is best is asked of a
picture whose clean version is known: the distance to it is a function of w through all the steps,
and Newton's method on its first and second derivative by w (reverse, and forward over reverse)
finds the least.  The scheme: Chambolle 2004, "An algorithm for total variation minimization".

    python examples/denoise.py
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

import morula

SIZE, STEPS, TAU = 40, 300, 0.125
NOISE = 0.15
console = Console()

# ---- the compiled part: plain Python ----------------------------------------------------------


def divergence(p, q, out):
    """out = div (p, q), the transpose of minus the forward differences."""
    n, m = out.shape
    for i in range(n):
        for j in range(m):
            d = p[i, j] + q[i, j]
            if i > 0:
                d -= p[i - 1, j]
            if j > 0:
                d -= q[i, j - 1]
            out[i, j] = d


def denoised(noisy, w):
    n, m = noisy.shape
    p, q = np.zeros((n, m)), np.zeros((n, m))
    u = np.zeros((n, m))
    for _ in range(STEPS):
        divergence(p, q, u)
        u -= noisy / w
        for i in range(n):
            for j in range(m):
                down = u[i + 1, j] - u[i, j] if i < n - 1 else 0.0
                right = u[i, j + 1] - u[i, j] if j < m - 1 else 0.0
                size = 1.0 + TAU * math.sqrt(down * down + right * right + 1e-12)
                p[i, j] = (p[i, j] + TAU * down) / size
                q[i, j] = (q[i, j] + TAU * right) / size
    divergence(p, q, u)
    return noisy - w * u


def loss(log_w, noisy, clean):
    d = denoised(noisy, math.exp(log_w)) - clean
    return np.sum(d * d) / d.size


# ---- pictures and checks ----------------------------------------------------------------------


def pictures() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    clean = np.where((x - 0.6) ** 2 + (y - 0.4) ** 2 < 0.07, 0.9, 0.3)
    clean = np.where((x < 0.35) & (y > 0.55), 0.6 + 0.3 * x, clean)
    noise = np.random.default_rng(8).standard_normal(clean.shape)
    return clean + NOISE * noise, clean


def mark(right: bool) -> str:
    return "right" if right else "WRONG"


def figure(noisy: np.ndarray, found: np.ndarray, clean: np.ndarray) -> None:
    """The three pictures, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("no figure: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
    for ax, picture, name in zip(
        axes, (noisy, found, clean), ("noisy", "denoised", "clean"), strict=True
    ):
        ax.imshow(picture, vmin=0.0, vmax=1.0, cmap="gray")
        ax.set(title=name, xticks=[], yticks=[])
    fig.savefig("denoise.png", dpi=120)
    print(f"figure: {Path('denoise.png').resolve()}")


def main() -> int:
    noisy, clean = pictures()
    slope = morula.grad(loss)
    value = morula.jit(loss)

    def both(t: float) -> tuple[float, float]:
        first, second = morula.jvp(slope, (t, noisy, clean), (1.0, None, None))
        return first, second

    t = math.log(0.05)
    h = 1e-4
    first, second = both(t)
    by_difference = (value(t + h, noisy, clean) - value(t - h, noisy, clean)) / (2 * h)
    again = (slope(t + h, noisy, clean) - slope(t - h, noisy, clean)) / (2 * h)
    checks = [abs(first - by_difference) <= 1e-5 * abs(first)]
    print(f"d loss / d log w {first:.9f}, difference {by_difference:.9f}  {mark(checks[-1])}")
    checks.append(abs(second - again) <= 1e-3 * abs(second) + 1e-9)
    print(f"second derivative {second:.7f}, difference {again:.7f}  {mark(checks[-1])}")
    for _ in track(range(12), "learning the weight", console=console, transient=True):
        first, second = both(t)
        step = first / second if second > 0.0 else math.copysign(0.3, first)
        t -= min(0.5, max(-0.5, step))
        if abs(first) < 1e-10:
            break
    w = math.exp(t)
    best = value(t, noisy, clean)
    beside = [value(t + d, noisy, clean) for d in (-0.05, 0.05)]
    checks.append(best <= min(beside))
    print(f"best weight {w:.4f}: loss {best:.6f}, beside it {min(beside):.6f}  {mark(checks[-1])}")
    gain = value(math.log(1e-4), noisy, clean) / best
    checks.append(gain > 3.0)
    print(f"the picture is {gain:.1f} times nearer to the clean one  {mark(checks[-1])}")
    figure(noisy, morula.jit(denoised)(noisy, w), clean)
    print(PEERS)
    return 0 if all(checks) else 1


PEERS = """\
peers: PyTorch and JAX want the sweep as shifted array slices, and keep or recompute 300 of them; \
Autograd refuses writes; Numba with Enzyme takes scalar arguments only."""

if __name__ == "__main__":
    sys.exit(main())
