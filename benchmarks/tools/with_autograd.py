"""autograd, on its own NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, units
from .with_diffkit import adapter


def _gradient(problem: Problem, case: Case) -> list[Ready]:
    import autograd

    return [Ready(autograd.grad(case.make(autograd.numpy)), note="grad")]


def _blocks(problem: Problem, case: Case) -> list[Ready]:
    import autograd

    f, seeds = case.make(autograd.numpy), units(problem, case)

    def pulled(rows: Any) -> Any:
        pull, _ = autograd.make_vjp(f)(rows)
        return np.stack([pull(u) for u in seeds], axis=1)

    return [Ready(pulled, note="make_vjp")]


def _ways(problem: Problem, case: Case) -> Iterable[Way]:
    if problem.operator is Operator.BLOCKS:
        yield Way("make_vjp", _blocks)
    else:
        yield Way("grad", _gradient)
        yield from adapter("autograd", problem)


TOOLS = (Tool("autograd", "autograd", ("autograd", "autograd.numpy"), _ways),)
