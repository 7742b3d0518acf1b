"""Difference quotients of SciPy, numdifftools and jacobi: functions as black boxes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, flat, ravelled, size
from .with_diffkit import adapter

STEP = 0.1  # of scipy.differentiate, whose 0.5 leaves the domain of some of these functions


def _approx_fprime(problem: Problem, case: Case) -> list[Ready]:
    from scipy.optimize import approx_fprime

    f, vector = ravelled(problem, case)
    if problem.operator is Operator.DERIVATIVE:
        return [Ready(lambda x: approx_fprime(x, lambda v: f(v[0])), np.atleast_1d, flat)]
    return [Ready(lambda x: approx_fprime(x, f), vector, flat)]


def _differentiate(problem: Problem, case: Case) -> list[Ready]:
    from scipy import differentiate

    f, vector = ravelled(problem, case)
    if problem.operator is Operator.DERIVATIVE:
        return [
            Ready(
                partial(differentiate.derivative, f, initial_step=STEP), found=lambda r: flat(r.df)
            )
        ]
    # It asks for a function of (m, ...) that gives (...): a point a column.
    columns = lambda points: np.apply_along_axis(f, 0, points)  # noqa: E731
    return [
        Ready(
            partial(differentiate.jacobian, columns, initial_step=STEP),
            vector,
            lambda r: flat(r.df),
        )
    ]


def _numdifftools(problem: Problem, case: Case) -> list[Ready]:
    import numdifftools as nd

    f, vector = ravelled(problem, case)
    kind = nd.Derivative if problem.operator is Operator.DERIVATIVE else nd.Gradient
    return [Ready(kind(f), vector, flat)]


def _jacobi(problem: Problem, case: Case) -> list[Ready]:
    import jacobi

    f, vector = ravelled(problem, case)
    return [Ready(lambda x: jacobi.jacobi(f, x)[0], vector, flat)]


def _ways(
    ways: tuple[tuple[str, Any, int], ...], backend: str, problem: Problem, case: Case
) -> Iterable[Way]:
    if problem.operator is not Operator.BLOCKS:
        for name, prepare, evaluations in ways:
            yield Way(name, prepare, evaluations * size(case.x))
        for way in adapter(backend, problem):
            yield Way(way.name, way.prepare, 2 * size(case.x))


def _tool(name: str, modules: tuple[str, ...], *ways: tuple[str, Any, int]) -> Tool:
    # The fewest evaluations a variable: one for a one-sided quotient, two for a central one.
    return Tool(name, modules[0], modules, partial(_ways, ways, name),
                why_none="it has no call for the blocks of a Jacobian alone")  # fmt: skip


TOOLS = (
    _tool(
        "scipy",
        ("scipy", "scipy.optimize", "scipy.differentiate"),
        ("optimize.approx_fprime", _approx_fprime, 1),
        ("differentiate", _differentiate, 8),
    ),
    _tool("numdifftools", ("numdifftools",), ("Gradient", _numdifftools, 20)),
    _tool("jacobi", ("jacobi",), ("jacobi", _jacobi, 6)),
)
