"""Fit the Lotka-Volterra model to a record of hares and lynxes, with gradients by Morula.

The model of prey u and predator v,

    u' = (alpha - beta v) u        v' = (delta u - gamma) v,

is integrated by an adaptive Runge-Kutta solver written as plain Python scalars (`integrate`).
The six unknowns are the four rates and the two start values, all positive, so their logarithms
are fitted, by least squares of the logarithms of the counts.  Morula compiles the whole loss,
solver and all, and its gradient; the standard errors come from second derivatives, the intervals
from 200 refits of resampled residuals.

    python examples/lynx_hare.py
    python examples/lynx_hare.py --data counts.csv     # columns time, prey, predator
    python examples/lynx_hare.py --dump typed          # print the gradient at a stage, and end
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.optimize import OptimizeResult, minimize

import morula

# Pelts, in thousands, taken in by the Hudson's Bay Company, 1900 to 1920.
YEARS = np.arange(1900.0, 1921.0)
HARES = np.array(
    [30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1]
    + [40.3, 57.0, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7]
)
LYNXES = np.array(
    [4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4]
    + [8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
)
NAMES = ("alpha", "beta", "gamma", "delta", "prey at start", "predators at start")
LITERATURE = (0.55, 0.028, 0.80, 0.024, 34.0, 5.9)  # of a fit with priors, hence the 4 %
SUM_OF_SQUARES = 2.019

TOLERANCE = 1e-8
SMALLEST_STEP = 1e-12
MOST_STEPS = 100_000  # from one count to the next
FIRST_STEP = 1e-3
REFITS = 200

console = Console()

# ---- the compiled part: plain Python ----------------------------------------------------------


def rates(u, v, alpha, beta, gamma, delta):
    return (alpha - beta * v) * u, (delta * u - gamma) * v


def integrate(u, v, h, span, alpha, beta, gamma, delta):
    """Prey and predators after a span of time, and the step to go on with.

    Bogacki and Shampine's pair of orders 3 and 2.  Both are inf where no step can be found.
    """
    t = 0.0
    steps = 0
    ku1, kv1 = rates(u, v, alpha, beta, gamma, delta)
    while t < span:
        steps += 1
        if steps > MOST_STEPS:
            return math.inf, math.inf, h
        last = t + h >= span
        dt = span - t if last else h
        ku2, kv2 = rates(u + 0.5 * dt * ku1, v + 0.5 * dt * kv1, alpha, beta, gamma, delta)
        ku3, kv3 = rates(u + 0.75 * dt * ku2, v + 0.75 * dt * kv2, alpha, beta, gamma, delta)
        u_next = u + dt * (2.0 * ku1 + 3.0 * ku2 + 4.0 * ku3) / 9.0
        v_next = v + dt * (2.0 * kv1 + 3.0 * kv2 + 4.0 * kv3) / 9.0
        ku4, kv4 = rates(u_next, v_next, alpha, beta, gamma, delta)
        u_error = dt * (-5.0 * ku1 / 72.0 + ku2 / 12.0 + ku3 / 9.0 - ku4 / 8.0)
        v_error = dt * (-5.0 * kv1 / 72.0 + kv2 / 12.0 + kv3 / 9.0 - kv4 / 8.0)
        error = max(abs(u_error) / (1.0 + abs(u)), abs(v_error) / (1.0 + abs(v))) / TOLERANCE
        if not math.isfinite(error):
            return math.inf, math.inf, h
        factor = min(5.0, max(0.2, 0.9 / max(error, 1e-3) ** (1.0 / 3.0)))
        if error > 1.0:
            h = dt * factor
            if h < SMALLEST_STEP:
                return math.inf, math.inf, h
            continue
        u, v, ku1, kv1 = u_next, v_next, ku4, kv4
        if last:
            break  # h stays: this step was cut short by the end
        t += dt
        h = dt * factor
    return u, v, h


def loss(p, times, log_prey, log_predators):
    """Sum of squares of the logarithms; p holds the logarithms of the six unknowns."""
    alpha, beta, gamma, delta = math.exp(p[0]), math.exp(p[1]), math.exp(p[2]), math.exp(p[3])
    u, v = math.exp(p[4]), math.exp(p[5])
    h = FIRST_STEP
    total = 0.0
    for i in range(len(times)):
        if i > 0:
            u, v, h = integrate(u, v, h, times[i] - times[i - 1], alpha, beta, gamma, delta)
        if not (0.0 < u < math.inf and 0.0 < v < math.inf):
            return math.inf
        total += (math.log(u) - log_prey[i]) ** 2 + (math.log(v) - log_predators[i]) ** 2
    return total


# ---- data -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    times: np.ndarray
    prey: np.ndarray
    predators: np.ndarray

    def arguments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.times, np.log(self.prey), np.log(self.predators)


class BadData(Exception):
    """A file that cannot be fitted; the message says where and why."""


def read(path: Path) -> Counts:
    """The columns time, prey and predator of a CSV file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadData(f"{path}: not a text file in UTF-8") from error
    reader = csv.DictReader(text.splitlines())
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    missing = [name for name in ("time", "prey", "predator") if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        raise BadData(f"{path}:1: no column {', '.join(missing)}; the first line has {found}")
    rows = [observation(path, reader.line_num, record) for record in reader]
    if len(rows) < 4:
        raise BadData(f"{path}: {len(rows)} observations; six unknowns need 4 or more")
    for k in range(1, len(rows)):
        if rows[k][0] <= rows[k - 1][0]:
            raise BadData(f"{path}: times must increase, but {rows[k][0]} follows {rows[k - 1][0]}")
    columns = np.array(rows).T
    return Counts(*(np.ascontiguousarray(column) for column in columns))


def observation(path: Path, line: int, record: dict[str, Any]) -> tuple[float, float, float]:
    values = []
    for name in ("time", "prey", "predator"):
        told = record[name]
        if told is None:
            raise BadData(f"{path}:{line}: no {name}: the line is too short")
        try:
            value = float(told)
        except ValueError:
            raise BadData(f"{path}:{line}: {name} is {told.strip()!r}, not a number") from None
        if not math.isfinite(value):
            raise BadData(f"{path}:{line}: {name} is {told.strip()}, not a finite number")
        if name != "time" and value <= 0.0:
            raise BadData(f"{path}:{line}: {name} is {value}; its logarithm needs it above 0")
        values.append(value)
    return values[0], values[1], values[2]


# ---- the fit ----------------------------------------------------------------------------------

Objective = Callable[..., tuple[float, np.ndarray]]


def guesses(counts: Counts) -> list[np.ndarray]:
    """Starts for several periods: small cycles about the mean counts have period 2 pi / alpha."""
    span = counts.times[-1] - counts.times[0]
    prey, predators = counts.prey.mean(), counts.predators.mean()
    found = []
    for cycles in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0):
        omega = 2.0 * math.pi * cycles / span
        unknowns = (omega, omega / predators, omega, omega / prey, counts.prey[0])
        found.append(np.log([*unknowns, counts.predators[0]]))
    return found


def fit(objective: Objective, start: np.ndarray, data: tuple[np.ndarray, ...]) -> OptimizeResult:
    """A minimum near a start.  A line search shortens its step at the inf of a wild trial point."""
    return minimize(objective, start, data, method="BFGS", jac=True, options={"gtol": 1e-6})


def best_fit(objective: Objective, counts: Counts) -> OptimizeResult:
    data = counts.arguments()
    starts = sorted(guesses(counts), key=lambda p: objective(p, *data)[0])[:3]
    best = None
    for start in starts:
        found = fit(objective, start, data)
        console.print(
            f"  from {objective(start, *data)[0]:9.3f} to {found.fun:9.6f}"
            f" in {found.nfev} evaluations of value and gradient"
        )
        if best is None or found.fun < best.fun:
            best = found
    return best


def hessian(p: np.ndarray, data: tuple[np.ndarray, ...]) -> np.ndarray:
    """Row by row, each one call of the pullback of the gradient."""
    _, pullback = morula.vjp(morula.grad(loss), p, *data)
    return np.array([pullback(row)[0] for row in np.eye(len(p))])


def standard_errors(p: np.ndarray, counts: Counts) -> np.ndarray:
    """Of the unknowns themselves: those of the logarithms times the unknowns."""
    data = counts.arguments()
    variance = loss_value(p, *data) / (2 * len(counts.times) - len(p))
    second = hessian(p, data)
    try:
        covariance = 2.0 * variance * np.linalg.inv(0.5 * (second + second.T))
    except np.linalg.LinAlgError:  # the counts do not determine all six
        return np.full(len(p), math.nan)
    return np.exp(p) * np.sqrt(np.maximum(np.diag(covariance), 0.0))


def predictions(p: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Prey and predators at these times: two rows."""
    *parameters, u, v = np.exp(p).tolist()
    h = FIRST_STEP
    rows = [(u, v)]
    for span in np.diff(times).tolist():
        u, v, h = integrate_compiled(u, v, h, span, *parameters)
        rows.append((u, v))
    return np.array(rows).T


def refits(objective: Objective, p: np.ndarray, counts: Counts) -> np.ndarray:
    """Fits of 200 data sets: the fitted curve plus residuals drawn with replacement."""
    times, log_prey, log_predators = counts.arguments()
    fitted = np.log(predictions(p, times))
    residuals = np.stack([log_prey, log_predators]) - fitted
    rng = np.random.default_rng(1900)
    found = []
    for _ in track(range(REFITS), "refits of resampled residuals", console=console):
        drawn = [rng.choice(row, len(row)) for row in residuals]
        result = fit(objective, p, (times, fitted[0] + drawn[0], fitted[1] + drawn[1]))
        if math.isfinite(result.fun):
            found.append(result.x)
    return np.array(found)


loss_value = morula.jit(loss)
integrate_compiled = morula.jit(integrate)

# ---- comparison with plain CPython -------------------------------------------------------------


def by_differences(p: np.ndarray, data: tuple[np.ndarray, ...], step: float = 1e-6) -> np.ndarray:
    """Central differences in plain CPython.

    The step is small because a larger one meets the jumps of accepted and rejected steps.
    """
    found = []
    for unit in np.eye(len(p)):
        found.append((loss(p + step * unit, *data) - loss(p - step * unit, *data)) / (2 * step))
    return np.array(found)


def seconds(call: Callable[[], object], times: int) -> float:
    """Median time of a call."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def compare(objective: Objective, p: np.ndarray, data: tuple[np.ndarray, ...]) -> bool:
    """The gradient against differences, and the times of both."""
    _, gradient = objective(p, *data)
    reference = by_differences(p, data)
    off = float(np.max(np.abs(gradient - reference)) / np.max(np.abs(reference)))
    value = seconds(lambda: loss_value(p, *data), 50)
    both = seconds(lambda: objective(p, *data), 50)
    plain = seconds(lambda: loss(p, *data), 3)
    plain_gradient = seconds(lambda: by_differences(p, data), 1)
    table = Table("", "Morula", "CPython", "ratio")
    table.add_row("value", duration(value), duration(plain), f"{plain / value:.0f}")
    table.add_row(
        "gradient", duration(both), f"{duration(plain_gradient)} by differences",
        f"{plain_gradient / both:.0f}",
    )  # fmt: skip
    console.print(table)
    right = off <= 1e-4
    console.print(f"  largest difference of the gradients: {off:.1e} of the largest {mark(right)}")
    return right


def duration(s: float) -> str:
    return f"{s:.2f} s" if s >= 1.0 else f"{s * 1e3:.3g} ms" if s >= 1e-3 else f"{s * 1e6:.3g} us"


def mark(right: bool) -> str:
    return "[green]right[/green]" if right else "[red]WRONG[/red]"


# ---- report -----------------------------------------------------------------------------------


def report(p: np.ndarray, errors: np.ndarray, samples: np.ndarray, known: bool) -> bool:
    """The unknowns with their uncertainty; for the pelts, beside what the literature has."""
    low, high = np.exp(np.quantile(samples, [0.05, 0.95], axis=0))
    columns = ["", "fit", "standard error", "90 % interval"]
    table = Table(*columns, *(["literature", "off by"] if known else []))
    right = True
    for k, name in enumerate(NAMES):
        value = math.exp(p[k])
        cells = [name, f"{value:.4g}", f"{errors[k]:.2g}", f"{low[k]:.3g} to {high[k]:.3g}"]
        if known:
            off = abs(value / LITERATURE[k] - 1.0)
            right = right and off <= 0.04
            cells += [f"{LITERATURE[k]:.3g}", f"{100 * off:.1f} % {mark(off <= 0.04)}"]
        table.add_row(*cells)
    console.print(table)
    return right


def figure(counts: Counts, p: np.ndarray, samples: np.ndarray) -> None:
    """Data, fit and band, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        console.print("no figure: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    grid = np.linspace(counts.times[0], counts.times[-1], 400)
    curves = predictions(p, grid)
    spread = np.array([predictions(sample, grid) for sample in samples])
    low, high = np.nanquantile(spread, [0.05, 0.95], axis=0)
    drawing, axes = pyplot.subplots(figsize=(9, 5))
    for k, (name, data) in enumerate((("prey", counts.prey), ("predators", counts.predators))):
        (line,) = axes.plot(grid, curves[k], label=name)
        axes.fill_between(grid, low[k], high[k], color=line.get_color(), alpha=0.25, lw=0)
        axes.plot(counts.times, data, "o", color=line.get_color())
    axes.set(xlabel="time", ylabel="counts", title="Lotka-Volterra fit with 90 % band")
    axes.legend()
    drawing.savefig("lynx_hare.png", dpi=150)
    console.print("figure: lynx_hare.png")


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fit the Lotka-Volterra model to counts.")
    parser.add_argument("--data", type=Path, metavar="FILE.csv", help="time, prey, predator")
    parser.add_argument("--dump", metavar="STAGE", help="print the gradient at a stage, and end")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    known = options.data is None
    try:
        counts = Counts(YEARS, HARES, LYNXES) if known else read(options.data)
    except BadData as error:
        print(error, file=sys.stderr)
        return 2
    data = counts.arguments()
    objective = morula.value_and_grad(loss)
    if options.dump:
        return dump(options.dump, guesses(counts)[0], data)
    console.print(f"[bold]fit[/bold] of {2 * len(counts.times)} counts")
    start = time.perf_counter()
    found = best_fit(objective, counts)
    console.print(f"  {duration(time.perf_counter() - start)}, compilation included")
    if not math.isfinite(found.fun):
        print("no parameters found that the model can be integrated with", file=sys.stderr)
        return 1
    checks = []
    if known:
        checks.append(abs(found.fun - SUM_OF_SQUARES) <= 5e-4)
        console.print(
            f"  sum of squares {found.fun:.4f}, known {SUM_OF_SQUARES} {mark(checks[-1])}"
        )
    console.print("[bold]gradient[/bold] beside plain CPython, at a point off the fit")
    checks.append(compare(objective, found.x + 0.03, data))
    start = time.perf_counter()
    errors = standard_errors(found.x, counts)
    console.print(f"[bold]Hessian[/bold] in {duration(time.perf_counter() - start)}")
    samples = refits(objective, found.x, counts)
    checks.append(report(found.x, errors, samples, known))
    figure(counts, found.x, samples)
    return 0 if all(checks) else 1


def dump(stage: str, p: np.ndarray, data: tuple[np.ndarray, ...]) -> int:
    lowered = morula.lower(morula.grad(loss), p, *data)
    if stage not in lowered.stages:
        print(f"no stage {stage}; there are {', '.join(lowered.stages)}", file=sys.stderr)
        return 2
    print(lowered.text(stage))
    return 0


if __name__ == "__main__":
    sys.exit(main())
