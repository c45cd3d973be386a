"""What is measured and whose op counts are asserted: plain Python, scalars only."""

# Programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls

import math

STEP = 1e-3
LORENZ_ARGUMENTS = (1.0, 1.2, 0.9, 10.0, 28.0, 8.0 / 3.0)
LORENZ_STEPS = 10_000


def field(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def lorenz(x, y, z, sigma, rho, beta, steps):
    """The Lorenz system by the classical Runge-Kutta method; x + y + z at the end."""
    h = STEP
    for _ in range(steps):
        x1, y1, z1 = field(x, y, z, sigma, rho, beta)
        x2, y2, z2 = field(x + 0.5 * h * x1, y + 0.5 * h * y1, z + 0.5 * h * z1, sigma, rho, beta)
        x3, y3, z3 = field(x + 0.5 * h * x2, y + 0.5 * h * y2, z + 0.5 * h * z2, sigma, rho, beta)
        x4, y4, z4 = field(x + h * x3, y + h * y3, z + h * z3, sigma, rho, beta)
        x = x + h / 6.0 * (x1 + 2.0 * x2 + 2.0 * x3 + x4)
        y = y + h / 6.0 * (y1 + 2.0 * y2 + 2.0 * y3 + y4)
        z = z + h / 6.0 * (z1 + 2.0 * z2 + 2.0 * z3 + z4)
    return x + y + z


def chain(x):
    """A chain of scalar ops without control flow."""
    y = math.sin(x) * x
    z = math.exp(y) + y * y
    return z * x / (1.0 + z)


def newton_loop(x):
    """A square root by Newton's method: a loop that ends when it has converged."""
    y = x
    while abs(y * y - x) > 1e-12 * x:
        y = 0.5 * (y + x / y)
    return y


def square_plus_one(x):
    return x * x + 1.0
