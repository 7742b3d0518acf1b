"""The eight workloads on which define-by-run gradients are compared: one size each of problems
that ``compare_tools.py`` measures at several."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.problems import PROBLEMS


@dataclass(frozen=True)
class Workload:
    """A scalar function, the point, and what is aimed at.

    Attributes:
        name: for tables.
        make: gives f for a NumPy module, because autograd needs its own.
        x: the point.
        ratio: the ratio of a gradient to f that is aimed at.
        autograd: how many times faster than autograd it is aimed to be.
    """

    name: str
    make: Callable[[ModuleType], Callable[[Any], Any]]
    x: Any
    ratio: float
    autograd: float


def _workload(name: str, problem: str, n: int, ratio: float, autograd: float) -> Workload:
    case = PROBLEMS[problem].case(n)
    return Workload(name, case.make, case.x, ratio, autograd)


WORKLOADS = [
    _workload("Griewank's example", "griewank", 2, 10, 30),
    _workload("logistic map, 60 steps", "logistic", 60, 10, 30),
    _workload("pendulum, 400 Euler steps", "pendulum", 400, 10, 30),
    _workload("Rosenbrock loop, 100", "rosenbrock_loop", 100, 10, 30),
    _workload("Rosenbrock vectorised, 1000", "rosenbrock", 1000, 8, 3),
    _workload("elementwise, 10^6", "elementwise", 10**6, 1.8, 1.15),
    _workload("MLP 64-128-10, batch 256", "mlp", 9610, 3.2, 1.3),
    _workload("Gaussian mixture, 500x8, K=10", "mixture", 500, 2.4, 1.6),
]
