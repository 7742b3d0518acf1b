"""Functions that optimisation and automatic differentiation have measured themselves by."""

from __future__ import annotations

from typing import Any

import numpy as np

from .catalogue import POSITIVE, REALS, problem

ROSENBROCK = (
    "Rosenbrock 1960, 'An automatic method for finding the greatest or least value of a "
    "function'; extended to n variables as in scipy.optimize.rosen"
)
GRIEWANK = "Griewank 1989, 'On automatic differentiation'"


@problem(points=([-1.2, 1.0], [1.0, 1.0], [0.5, -0.3, 0.8, 1.1]), source=ROSENBROCK)
def rosenbrock(x: Any) -> Any:
    """Σ 100 (x_(k+1) − x_k²)² + (1 − x_k)², in a loop over the elements."""
    total = 0.0
    for k in range(len(x) - 1):
        total = total + 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2
    return total


@problem(points=([-1.2, 1.0], [1.0, 1.0], [0.5, -0.3, 0.8, 1.1]), source=ROSENBROCK)
def rosenbrock_vectorised(x: Any) -> Any:
    """Σ 100 (x_(k+1) − x_k²)² + (1 − x_k)², on whole arrays."""
    head, tail = x[:-1], x[1:]
    return np.sum(100.0 * (tail - head**2) ** 2 + (1.0 - head) ** 2)


@problem(
    points=([1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 2.0], [1.1, 0.9, 1.2, 0.8, 1.3, 0.7, 1.4, 0.6]),
    source=f"Speelpenning 1980, 'Compiling fast partial derivatives of functions given by "
    f"algorithms'; {GRIEWANK}",
)
def speelpenning_product(x: Any) -> Any:
    """x1 x2 … xn, whose gradient holds n different products of n − 1 factors."""
    product = x[0]
    for k in range(1, len(x)):
        product = product * x[k]
    return product


# The co-volumes b and the interactions A of a mixture of n components; R T = 1.
def _mixture(n: int) -> tuple[Any, Any]:
    k = np.arange(1.0, n + 1.0)
    return 0.1 / (1.0 + k), 1.0 / (k[:, None] + k - 1.0)


@problem(
    domain=(0.0, 1.0),
    points=([0.3, 0.2, 0.4, 0.1], [0.5, 0.25]),
    source=f"the Helmholtz energy of a mixed fluid by the equation of Peng and Robinson; "
    f"{GRIEWANK}, for at most 9 components: b·x < 1",
)
def helmholtz_energy(x: Any) -> Any:
    """Σ x_k log(x_k / (1 − b·x)) − x·A x / (√8 b·x) log((1 + (1+√2) b·x) / (1 + (1−√2) b·x))."""
    b, a = _mixture(len(x))
    bx = b @ x
    root = np.sqrt(2.0)
    mixing = np.sum(x * np.log(x / (1.0 - bx)))
    interaction = x @ (a @ x) / (np.sqrt(8.0) * bx)
    return mixing - interaction * np.log((1.0 + (1.0 + root) * bx) / (1.0 + (1.0 - root) * bx))


@problem(
    variables="x",
    points=(0.5, 1.0, 2.0),
    source="a chain of n compositions, whose derivative is a product of n factors: the simplest "
    "case of the chain rule in Griewank & Walther 2008, 'Evaluating Derivatives', chapter 3",
)
def sine_chain(x: Any) -> Any:
    """sin(sin(… sin x)), 64 times."""
    for _ in range(64):
        x = np.sin(x)
    return x


@problem(
    variables="x",
    points=(0.5, 0.0, 1.0),
    source="Runge 1901, 'Über empirische Funktionen und die Interpolation zwischen äquidistanten "
    "Ordinaten'",
)
def runge(x: Any) -> Any:
    """1 / (1 + 25 x²)."""
    return 1.0 / (1.0 + 25.0 * x**2)


@problem(
    variables="x y",
    points=([1.0, 1.0], [-2.0, 3.0]),
    source="Himmelblau 1972, 'Applied Nonlinear Programming'",
)
def himmelblau(v: Any) -> Any:
    """(x² + y − 11)² + (x + y² − 7)²."""
    x, y = v
    return (x**2 + y - 11.0) ** 2 + (x + y**2 - 7.0) ** 2


@problem(
    variables="x1 x2 x3 x4",
    points=([3.0, -1.0, 0.0, 1.0],),
    source="Powell 1962, 'An iterative method for finding stationary values of a function of "
    "several variables'; Moré, Garbow & Hillstrom 1981, problem 13",
)
def powell_singular(v: Any) -> Any:
    """(x1 + 10 x2)² + 5 (x3 − x4)² + (x2 − 2 x3)⁴ + 10 (x1 − x4)⁴."""
    a, b, c, d = v
    return (a + 10.0 * b) ** 2 + 5.0 * (c - d) ** 2 + (b - 2.0 * c) ** 4 + 10.0 * (a - d) ** 4


@problem(
    variables="angle",
    points=(1.0, 0.1, -2.0),
    source="the explicit Euler method on a pendulum: a program of many steps with little in each",
)
def pendulum(angle: Any) -> Any:
    """The angle of a pendulum after 50 Euler steps of 0.02, started at rest."""
    speed = 0.0
    for _ in range(50):
        angle, speed = angle + 0.02 * speed, speed - 0.02 * np.sin(angle)
    return angle


@problem(
    variables="x",
    domain=POSITIVE,
    points=(2.0, 0.5, 100.0),
    source="Heron of Alexandria's square root: a loop whose length depends on the value",
)
def newton_sqrt(x: Any) -> Any:
    """√x by Newton's iteration r ← (r + x/r) / 2, until r² is within 1e-12 of x."""
    r = 0.5 * (1.0 + x)
    for _ in range(60):
        r = 0.5 * (r + x / r)
        if np.abs(r * r - x) <= 1e-12 * x:
            break
    return 0.5 * (r + x / r)


@problem(
    variables="x y",
    domain=(POSITIVE, REALS),
    points=([2.0, 3.0], [0.5, -1.0]),
    source="the power as a function of both its arguments: d(x^y) = y x^(y−1) dx + x^y log x dy",
)
def power(v: Any) -> Any:
    """x^y."""
    x, y = v
    return x**y
