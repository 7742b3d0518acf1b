"""Published problems with known solutions, written in plain NumPy.

Moré, Garbow & Hillstrom 1981, "Testing unconstrained optimization software", section 3, by number;
minimisers where they are known there. They are sums of squares of these residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A sum of squares with a minimum of zero.

    Attributes:
        residuals: those that are squared.
        start: the standard starting point.
        minimiser: where all residuals are zero; None where it is not given in closed form.
    """

    residuals: Callable[[Any], Any]
    start: Any
    minimiser: Any = None

    def sum(self, x: Any) -> Any:
        """The function that is minimised."""
        r = self.residuals(x)
        return r @ r


def rosenbrock(x):  # (1)
    return np.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def beale(x):  # (5)
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** np.array([1.0, 2.0, 3.0]))


def helical_valley(x):  # (7), with a branch at x1 = 0
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi)
    if x[0] < 0:
        turn = turn + 0.5
    radius = np.sqrt(x[0] ** 2 + x[1] ** 2)
    return np.stack([10 * (x[2] - 10 * turn), 10 * (radius - 1), x[2]])


def wood(x):  # (14)
    return np.stack([
        10 * (x[1] - x[0] ** 2), 1 - x[0], 90**0.5 * (x[3] - x[2] ** 2), 1 - x[2],
        10**0.5 * (x[1] + x[3] - 2), (x[1] - x[3]) / 10**0.5,
    ])  # fmt: skip


def broyden_tridiagonal(x):  # (30)
    left, right = np.concatenate([[0.0], x[:-1]]), np.concatenate([x[1:], [0.0]])
    return (3 - 2 * x) * x - left - 2 * right + 1


PROBLEMS = {
    "Rosenbrock": Problem(rosenbrock, np.array([-1.2, 1.0]), np.array([1.0, 1.0])),
    "Beale": Problem(beale, np.array([1.0, 1.0]), np.array([3.0, 0.5])),
    "helical valley": Problem(helical_valley, np.array([-1.0, 0, 0]), np.array([1.0, 0, 0])),
    "Wood": Problem(wood, np.array([-3.0, -1.0, -3.0, -1.0]), np.ones(4)),
    "Broyden tridiagonal": Problem(broyden_tridiagonal, -np.ones(10)),
}  # fmt: skip


# Kowalik and Osborne's function, (15) there, as NIST's Statistical Reference Dataset MGH09.
KOWALIK_T = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
KOWALIK_Y = np.array([
    0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246,
])  # fmt: skip
KOWALIK_START = np.array([0.25, 0.39, 0.415, 0.39])
KOWALIK_CERTIFIED = np.array(
    [1.9280693458e-01, 1.9128232873e-01, 1.2305650693e-01, 1.3606233068e-01]
)
KOWALIK_DEVIATIONS = np.array(
    [1.1435312227e-02, 1.9633220911e-01, 8.0842031232e-02, 9.0025542308e-02]
)
KOWALIK_SQUARES = 3.0750560385e-04


def kowalik(t, a, b, c, d):
    return a * (t**2 + t * b) / (t**2 + t * c + d)
