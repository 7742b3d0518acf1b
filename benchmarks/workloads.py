"""The eight workloads on which define-by-run gradients are compared.

Each is a function of the NumPy module to use, because autograd needs its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy

RNG = numpy.random.default_rng(0)


@dataclass(frozen=True)
class Workload:
    """A scalar function, the point, and how many of them are scalar programs.

    Attributes:
        name: for tables.
        make: gives f for a NumPy module.
        x: the point.
        ratio: the ratio of a gradient to f that is aimed at.
        autograd: how many times faster than autograd it is aimed to be.
    """

    name: str
    make: Callable[[ModuleType], Callable[[Any], Any]]
    x: Any
    ratio: float
    autograd: float


def griewank(np):
    """Griewank's worked example [sin(x1/x2) + x1/x2 - exp(x2)] [x1/x2 - exp(x2)]."""

    def f(x):
        return (np.sin(x[0] / x[1]) + x[0] / x[1] - np.exp(x[1])) * (x[0] / x[1] - np.exp(x[1]))

    return f


def logistic(np):
    """The logistic map, 60 steps."""

    def f(x):
        for _ in range(60):
            x = 4.0 * x * (1.0 - x)
        return x

    return f


def pendulum(np):
    """The energy of a pendulum after 400 Euler steps."""

    def f(x):
        q, p = x[0], x[1]
        for _ in range(400):
            q, p = q + 0.01 * p, p - 0.01 * np.sin(q)
        return 0.5 * p * p - np.cos(q)

    return f


def rosenbrock_loop(np):
    """Rosenbrock's function of 100 variables, element by element."""

    def f(x):
        total = 0.0
        for k in range(99):
            total = total + 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2
        return total

    return f


def rosenbrock(np):
    """Rosenbrock's function of 1000 variables, vectorised."""

    def f(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return f


def elementwise(np):
    """A sum of elementwise functions of 10^6 numbers."""

    def f(x):
        return np.sum(np.exp(-(x**2)) * np.sin(3.0 * x) + np.sqrt(1.0 + x**2))

    return f


DATA = RNG.normal(size=(256, 64))
LABELS = numpy.eye(10)[RNG.integers(0, 10, 256)]


def mlp(np):
    """Cross entropy of a 64-128-10 network on a batch of 256."""

    def f(p):
        w1, b1, w2, b2 = p
        out = np.tanh(np.dot(DATA, w1) + b1)
        out = np.dot(out, w2) + b2
        out = out - np.max(out, axis=1, keepdims=True)
        logs = out - np.log(np.sum(np.exp(out), axis=1, keepdims=True))
        return -np.mean(np.sum(LABELS * logs, axis=1))

    return f


POINTS = RNG.normal(size=(500, 8))


def mixture(np):
    """Log-likelihood of a mixture of 10 axis-parallel Gaussians at 500 points in 8 dimensions."""

    def f(p):
        weights, means, logs = p
        d = (POINTS[:, None, :] - means) * np.exp(-logs)
        e = weights - 0.5 * np.sum(d * d, axis=2) - np.sum(logs, axis=1)
        top = np.max(e, axis=1, keepdims=True)
        likelihood = np.sum(top[:, 0] + np.log(np.sum(np.exp(e - top), axis=1)))
        return likelihood - len(POINTS) * np.log(np.sum(np.exp(weights)))

    return f


WORKLOADS = [
    Workload("Griewank's example", griewank, numpy.array([1.5, 0.5]), 10, 30),
    Workload("logistic map, 60 steps", logistic, numpy.float64(0.3), 10, 30),
    Workload("pendulum, 400 Euler steps", pendulum, numpy.array([1.0, 0.0]), 10, 30),
    Workload("Rosenbrock loop, 100", rosenbrock_loop, RNG.normal(size=100), 10, 30),
    Workload("Rosenbrock vectorised, 1000", rosenbrock, RNG.normal(size=1000), 8, 3),
    Workload("elementwise, 10^6", elementwise, RNG.normal(size=10**6), 1.8, 1.15),
    Workload(
        "MLP 64-128-10, batch 256",
        mlp,
        (
            RNG.normal(size=(64, 128)) / 8,
            numpy.zeros(128),
            RNG.normal(size=(128, 10)) / 11,
            numpy.zeros(10),
        ),
        3.2,
        1.3,
    ),
    Workload(
        "Gaussian mixture, 500x8, K=10",
        mixture,
        (RNG.normal(size=10), RNG.normal(size=(10, 8)), RNG.normal(size=(10, 8)) / 4),
        2.4,
        1.6,
    ),
]
