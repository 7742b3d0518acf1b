"""Experiments for the benchmark of the runner; a file of its own, as children have to load it."""

from __future__ import annotations

from typing import Any

import numpy as np

import diffkit as dk
from diffkit.measure import error
from diffkit.runner import Experiment, grid

POINTS = 10_000
REAL = ("reverse", "forward", "finite_difference", "complex_step")


def nothing(n: int) -> dict[str, Any]:
    """What a cheap cell gives, for the cost of everything around it."""
    return {"value": 0.5 * n, "error": 1e-9, "relative": 1e-10, "ulps": 0.25}


def cheap(number: int) -> Experiment:
    """Cells that compute nothing; one of several sizes is EXPERIMENTS[number]."""
    return Experiment(
        name="cheap", title="", question="", measure=nothing, cells=lambda: grid(n=range(number))
    )


CHEAP_5000, CHEAP_100000 = cheap(5_000), cheap(100_000)


def smooth(x: Any) -> Any:
    return np.exp(np.sin(x)) / (1 + x * x)


def accuracy(x: float, backend: str) -> dict[str, Any]:
    """The error of a derivative against the certified one, as the atlas measures it."""
    truth = dk.reference(smooth, x, operator="derivative")
    return error(dk.derivative(smooth, x, backend=backend), truth.value).to_dict()


REAL_10000 = Experiment(
    name="real",
    title="",
    question="",
    measure=accuracy,
    cells=lambda: grid(x=np.linspace(-3, 3, POINTS // len(REAL)), backend=REAL),
)
