"""The catalogue: what every problem states about itself, and that the statements are true."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DomainError, UnknownNameError

NAMES = list(dk.problems)
POINTS = [
    pytest.param(dk.problems[name], x, id=f"{name}-{k}")
    for name in NAMES
    for k, x in enumerate(dk.problems[name].points)
]

# Differences of order 4 cannot follow these, which is why they are in the catalogue: the scale is
# far from 1, the values are noise, a kink or a pole is near, or a branch lies about the slope.
TOO_HARD_FOR_DIFFERENCES = {
    "absolute-2",
    "badly_scaled-0",
    "badly_scaled-1",
    "exp_minus_one_over_x-2",
    "huber_loss-3",
    "if_problem-1",
    "log-2",
    "logistic_map_16-0",
    "logistic_map_16-1",
    "logistic_map_16-2",
    "logistic_map_8-0",
    "logistic_map_8-1",
    "logistic_map_8-2",
    "noisy_sine-0",
    "noisy_sine-1",
    "norm-2",
    "one_minus_cosine_over_square-2",
    "reciprocal-1",
    "rectifier-2",
    "sin-2",
    "sqrt-1",
    "topologists_sine-1",
    "topologists_sine-2",
    "weierstrass_sum-0",
}
SMOOTH_POINTS = [p for p in POINTS if p.id not in TOO_HARD_FOR_DIFFERENCES]
HARD_POINTS = [p for p in POINTS if p.id in TOO_HARD_FOR_DIFFERENCES]


def test_the_catalogue_is_large_and_its_names_are_lower_snake() -> None:
    assert len(NAMES) >= 25
    assert all(name.isidentifier() and name == name.lower() for name in NAMES)
    assert all(dk.problems[name].name == name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    problem = dk.problems[name]
    assert isinstance(problem, dk.Function)
    assert problem.description
    assert problem.source
    assert problem.points
    assert len(problem.domain) in (1, len(problem.variables))


@pytest.mark.parametrize(("problem", "x"), POINTS)
def test_points_lie_inside_the_domain_and_have_finite_values(problem: Any, x: Any) -> None:
    low, high = np.transpose(problem.domain)
    assert np.all(low < x)
    assert np.all(x < high)
    with np.errstate(all="raise"):
        assert np.all(np.isfinite(problem(x)))


@pytest.mark.parametrize(("problem", "x"), POINTS)
def test_points_have_an_element_for_each_variable(problem: Any, x: Any) -> None:
    if not problem.variables:
        assert isinstance(x, np.ndarray)
    elif len(problem.variables) == 1:
        assert isinstance(x, float)
    else:
        assert x.shape == (len(problem.variables),)


@pytest.mark.parametrize("name", NAMES)
def test_points_cannot_be_changed_by_their_users(name: str) -> None:
    for x in dk.problems[name].points:
        if isinstance(x, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                x[...] = 0.0


def difference_agrees(problem: Any, x: Any) -> bool:
    """Whether differences of order 4 give the derivative that reverse mode gives."""
    exact = dk.jacobian(problem, x)
    try:
        with np.errstate(all="ignore"):
            difference = dk.jacobian(problem, x, backend=dk.FiniteDifference(order=4))
    except DomainError:
        return False
    scale = 1.0 + np.max(np.abs(problem(x)))
    return np.allclose(difference, exact, rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.parametrize(("problem", "x"), SMOOTH_POINTS)
def test_differences_agree_with_reverse_mode(problem: Any, x: Any) -> None:
    assert difference_agrees(problem, x)


@pytest.mark.parametrize(("problem", "x"), HARD_POINTS)
def test_what_is_called_too_hard_for_differences_is(problem: Any, x: Any) -> None:
    assert not difference_agrees(problem, x)


@pytest.mark.parametrize(("problem", "x"), POINTS)
def test_forward_mode_and_symbols_agree_with_reverse_mode(problem: Any, x: Any) -> None:
    exact = dk.jacobian(problem, x)
    # Of cancelling terms each route rounds others; their size is that of the values over x.
    scale = np.max(np.abs(exact)) + np.max(np.abs(problem(x))) / np.min(np.abs(x) + (x == 0.0))
    for backend in ("forward", "symbolic"):
        other = dk.jacobian(problem, x, backend=backend)
        np.testing.assert_allclose(other, exact, rtol=0, atol=1e-11 * scale, err_msg=backend)


@pytest.mark.parametrize("x", dk.problems["rosenbrock"].points)
def test_the_loop_and_the_vectorised_rosenbrock_are_one_function(x: Any) -> None:
    loop, vectorised = dk.problems["rosenbrock"], dk.problems["rosenbrock_vectorised"]
    assert loop(x) == pytest.approx(vectorised(x), rel=1e-15)
    np.testing.assert_allclose(dk.gradient(loop, x), dk.gradient(vectorised, x), rtol=1e-13)
    np.testing.assert_allclose(dk.hessian(loop, x), dk.hessian(vectorised, x), rtol=1e-13)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown problem 'rosenbrok'; did you mean 'rosenb"):
        dk.problems["rosenbrok"]
    assert "rosenbrok" not in dk.problems
    assert dk.problems.get("rosenbrok") is None


def test_an_unknown_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(UnknownNameError, match=r"known: absolute, .*weierstrass_sum"):
        dk.problems["zzzzzzzz"]


@pytest.mark.parametrize("name", NAMES)
def test_problems_travel_between_processes(name: str) -> None:
    problem = pickle.loads(pickle.dumps(dk.problems[name]))
    x = problem.points[0]
    np.testing.assert_array_equal(problem(x), dk.problems[name](x))


def test_every_point_that_is_called_too_hard_exists() -> None:
    assert {p.id for p in HARD_POINTS} == TOO_HARD_FOR_DIFFERENCES


def test_the_catalogue_loads_neither_sympy_nor_plotly() -> None:
    code = "import sys, diffkit as dk; len(dk.problems); "
    code += "print([m for m in ('sympy', 'plotly', 'optree', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]"]
