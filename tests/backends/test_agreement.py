"""Backends agree with each other, and with identities of calculus, on random small programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import diffkit as dk

from ..supporting import supporting

Program = Callable[[Any], Any]

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)

# Steps whose value and slopes stay of moderate size, so that differences can follow them.
UNARY = {
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "gaussian": lambda a: np.exp(-(a**2)),
    "root": lambda a: np.sqrt(1.0 + a * a),
    "log": lambda a: np.log(2.0 + np.sin(a)),
    "negative": lambda a: -a,
    "half": lambda a: a / 2.0,
    "witch": lambda a: 1.0 / (1.0 + a**2),
    "branch": lambda a: np.where(a > 0.0, np.sin(a), a),  # slope 1 at 0 from both sides
}
BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: np.sin(a) * b,
    "divide": lambda a, b: a / (2.0 + np.cos(b)),
    "power": lambda a, b: (2.0 + np.sin(a)) ** np.tanh(b),
    "arctan2": lambda a, b: np.arctan2(a, 3.0 + np.sin(b)),
}

# NumPy has no arctan2 of complex numbers, so the complex step cannot follow these programs.
BACKENDS = [name for name in dk.backends() if name != "complex_step"]

step = st.one_of(
    st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 7)),
    st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 7), st.integers(0, 7)),
)
steps = st.lists(step, min_size=1, max_size=7)
numbers = st.floats(-2.0, 2.0).map(lambda v: round(v, 3))
points = st.lists(numbers, min_size=3, max_size=3).map(np.array)


def run(program: list[Any], lines: list[Any]) -> list[Any]:
    """A straight-line program: every step reads earlier lines and adds one."""
    lines = list(lines)
    for name, *operands in program:
        call = (UNARY | BINARY)[name]
        lines.append(call(*[lines[k % len(lines)] for k in operands]))
    return lines


def scalar(program: list[Any]) -> Program:
    """R^3 → R: the sum of the last lines, so that no step is dead for long."""
    return lambda x: sum(run(program, [x[0], x[1], x[2]])[-3:])


def vector(program: list[Any]) -> Program:
    """R^3 → R^2."""
    return lambda x: np.stack(run(program, [x[0], x[1], x[2]])[-2:])


def whole(program: list[Any]) -> Program:
    """R^3 → R^3, elementwise: the same steps on whole arrays."""
    return lambda x: run(program, [x])[-1]


def allowed(backend: str, exact: float, otherwise: float) -> float:
    return exact if dk.backends()[backend].exact else otherwise


def close(found: Any, expected: Any, tolerance: float) -> None:
    scale = 1.0 + np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@quick
@given(steps, points)
def test_gradients_agree(program: list[Any], x: Any) -> None:
    f = scalar(program)
    exact = dk.gradient(f, x)
    close(dk.gradient(f, x, backend="forward"), exact, 1e-13)
    close(dk.gradient(f, x, backend="symbolic"), exact, 1e-12)
    close(dk.gradient(f, x, backend=dk.FiniteDifference(order=4)), exact, 1e-8)


@quick
@given(steps, points)
def test_jacobians_agree(program: list[Any], x: Any) -> None:
    f = vector(program)
    exact = dk.jacobian(f, x)
    assert exact.shape == (2, 3)
    close(dk.jacobian(f, x, backend="forward"), exact, 1e-13)
    close(dk.jacobian(f, x, backend="symbolic"), exact, 1e-12)
    close(dk.jacobian(f, x, backend=dk.FiniteDifference(order=4)), exact, 1e-8)


@quick
@given(steps.filter(lambda p: all(s[0] != "branch" for s in p)), points)
def test_hessians_agree_and_are_symmetric(program: list[Any], x: Any) -> None:
    f = scalar(program)
    exact = dk.hessian(f, x)
    close(exact.T, exact, 1e-13)
    close(dk.hessian(f, x, backend="forward"), exact, 1e-12)
    close(dk.hessian(f, x, backend="symbolic"), exact, 1e-11)
    close(dk.hessian(f, x, backend=dk.FiniteDifference(order=4)), exact, 1e-6)


# Where a branch changes a higher derivative, differences may say that they are not sure.
@pytest.mark.filterwarnings("ignore::diffkit.errors.DerivativeWarning")
@quick
@given(steps, points)
def test_elementwise_derivatives_agree(program: list[Any], x: Any) -> None:
    f = whole(program)
    exact = dk.derivative(f, x)
    close(np.diag(exact), dk.jacobian(f, x), 1e-13)
    close([dk.derivative(f, t) for t in x.tolist()], exact, 1e-13)
    for backend, tolerance in (
        ("forward", 1e-13),
        ("symbolic", 1e-12),
        ("finite_difference", 1e-7),
    ):
        close(dk.derivative(f, x, backend=backend), exact, tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(quick, max_examples=25)
@given(program=steps, x=points, v=points, u=st.tuples(numbers, numbers).map(np.array))
def test_jvp_and_vjp_are_adjoint(backend: str, program: list[Any], x: Any, v: Any, u: Any) -> None:
    f = vector(program)
    by_jvp = u @ dk.jvp(f, x, v, backend=backend)
    by_vjp = dk.vjp(f, x, u, backend=backend) @ v
    close(by_jvp, by_vjp, allowed(backend, 1e-12, 1e-7))


@pytest.mark.parametrize("backend", BACKENDS)
@settings(quick, max_examples=25)
@given(program=steps, x=points, v=points)
def test_products_are_those_with_the_matrices(
    backend: str, program: list[Any], x: Any, v: Any
) -> None:
    tolerance = allowed(backend, 1e-11, 1e-4)
    jacobian = dk.jacobian(vector(program), x, backend=backend)
    close(dk.jvp(vector(program), x, v, backend=backend), jacobian @ v, tolerance)
    if backend not in supporting("hessian", "hvp"):
        return
    smooth = [s for s in program if s[0] != "branch"] or [("sin", 0)]
    hessian = dk.hessian(scalar(smooth), x, backend=backend)
    close(dk.hvp(scalar(smooth), x, v, backend=backend), hessian @ v, tolerance)


@quick
@given(steps, steps, points, numbers)
def test_derivatives_are_linear(p: list[Any], q: list[Any], x: Any, a: float) -> None:
    f, g = scalar(p), scalar(q)
    combined = dk.gradient(lambda x: a * f(x) + g(x), x)
    close(combined, a * dk.gradient(f, x) + dk.gradient(g, x), 1e-13)


@quick
@given(steps, steps, st.floats(-2.0, 2.0))
def test_the_chain_rule_holds(p: list[Any], q: list[Any], x: float) -> None:
    f, g = whole(p), whole(q)
    chained = dk.derivative(f, g(x)) * dk.derivative(g, x)
    close(dk.derivative(lambda t: f(g(t)), x), chained, 1e-12)


@quick
@given(steps, points)
def test_the_order_of_variables_does_not_matter(program: list[Any], x: Any) -> None:
    f = scalar(program)
    nest = {"c": x[2], "a": x[0], "b": x[1]}
    g = dk.gradient(lambda p: f([p["a"], p["b"], p["c"]]), nest)
    close([g["a"], g["b"], g["c"]], dk.gradient(f, x), 1e-13)
