"""An orbit from the radial velocities of a star: Kepler's equation inside a least-squares fit.

A planet pulls its star to and fro along the line of sight with the velocity

    v = K (cos(nu + omega) + e cos omega) + gamma,

where the true anomaly nu follows from the eccentric one, and that from the time by Kepler's
equation E - e sin E = M.  It has no closed solution: `eccentric_anomaly` is Newton's method, a
`while` with a tolerance, and Morula differentiates through it.  The observations are made here,
from a known orbit with noise of a fixed seed; the fit must find that orbit within its own errors.

    python examples/kepler.py
"""

from __future__ import annotations

import math
import sys

import numpy as np
from scipy.optimize import minimize

import morula

NAMES = ("period P (days)", "semi-amplitude K (m/s)", "eccentricity e", "omega", "phase", "gamma")
TRUE = np.array([51.3, 84.0, 0.62, 1.9, 0.35, -12.0])
START = np.array([51.0, 70.0, 0.5, 1.6, 0.4, 0.0])
NOISE = 3.0  # m/s
OBSERVATIONS = 120

# ---- the compiled part: plain Python ----------------------------------------------------------


def eccentric_anomaly(mean, e):
    """E with E - e sin E = mean."""
    E = math.pi
    step = 1.0
    while abs(step) > 1e-12:
        step = (E - e * math.sin(E) - mean) / (1.0 - e * math.cos(E))
        E = E - step
    return E


def velocity(t, period, K, e, omega, phase, gamma):
    turns = t / period + phase
    E = eccentric_anomaly(2.0 * math.pi * (turns - math.floor(turns)), e)
    nu = 2.0 * math.atan2(
        math.sqrt(1.0 + e) * math.sin(0.5 * E), math.sqrt(1.0 - e) * math.cos(0.5 * E)
    )
    return K * (math.cos(nu + omega) + e * math.cos(omega)) + gamma


def chi_squared(p, times, velocities):
    period, K, e, omega, phase, gamma = p
    if not (period > 0.0 and 0.0 <= e < 1.0):
        return math.inf  # a line search that comes here turns back
    total = 0.0
    for t, v in zip(times, velocities, strict=True):
        total += ((v - velocity(t, period, K, e, omega, phase, gamma)) / NOISE) ** 2
    return total


# ---- data and fit -----------------------------------------------------------------------------


def observations() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1609)
    times = np.sort(rng.uniform(0.0, 200.0, OBSERVATIONS))
    clean = np.array([velocity(t, *TRUE) for t in times])
    return times, clean + NOISE * rng.standard_normal(OBSERVATIONS)


def standard_errors(p: np.ndarray, data: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """From the Hessian of chi squared, row by row: each is one call of a pullback."""
    _, pullback = morula.vjp(morula.grad(chi_squared), p, *data)
    hessian = np.array([pullback(row)[0] for row in np.eye(len(p))])
    return np.sqrt(np.diag(np.linalg.inv(0.5 * hessian)))


# ---- checks -----------------------------------------------------------------------------------


def implicit_derivatives_agree() -> bool:
    """Newton's method differentiated, beside the implicit function theorem."""
    worst = 0.0
    for mean in np.linspace(0.1, 6.2, 30):
        for e in (0.0, 0.3, 0.9):
            E, (by_mean, by_e) = morula.value_and_grad(eccentric_anomaly, (0, 1))(mean, e)
            slope = 1.0 / (1.0 - e * math.cos(E))
            worst = max(worst, abs(by_mean / slope - 1.0), abs(by_e - slope * math.sin(E)))
    right = worst <= 1e-10
    print(f"dE/dM and dE/de: off by {worst:.1e} at most  {mark(right)}")
    return right


def mark(right: bool) -> str:
    return "right" if right else "WRONG"


def main() -> int:
    checks = [implicit_derivatives_agree()]
    data = observations()
    objective = morula.value_and_grad(chi_squared)
    scale = np.array([0.1, 10.0, 0.1, 0.1, 0.01, 10.0])  # one unit of the minimiser

    def scaled(q: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(q * scale, *data)
        return value, gradient * scale

    found = minimize(scaled, START / scale, jac=True, method="BFGS")
    p = found.x * scale
    errors = standard_errors(p, data)
    for name, value, error, true in zip(NAMES, p, errors, TRUE, strict=True):
        right = abs(value - true) <= 4.0 * error
        checks.append(right)
        print(f"{name:24}{value:10.4f} +- {error:.4f}   made with {true:8.4f}  {mark(right)}")
    freedom = OBSERVATIONS - len(TRUE)
    checks.append(abs(found.fun - freedom) <= 4.0 * math.sqrt(2.0 * freedom))
    print(f"chi squared {found.fun:.1f} of {freedom} degrees of freedom  {mark(checks[-1])}")
    print(f"{found.nfev} evaluations of value and gradient")
    print(PEERS)
    return 0 if all(checks) else 1


PEERS = """\
peers: JAX has no reverse mode through a while_loop and asks for a rule written by hand; \
PyTorch records every turn for every observation at each call; \
Numba with Enzyme takes the `while`, but scalar arguments only."""

if __name__ == "__main__":
    sys.exit(main())
