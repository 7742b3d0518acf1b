"""The complex step: right to rounding where f is analytic, and a refusal where it is not."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.errors import DomainError, ShapeError, UnsupportedError

ANALYTIC = [
    (np.exp, mp.exp),
    (np.sin, mp.sin),
    (np.tanh, mp.tanh),
    (lambda x: x**3 * np.exp(-x), lambda x: x**3 * mp.exp(-x)),
    (lambda x: 1.0 / (2.0 + np.cos(x)), lambda x: 1 / (2 + mp.cos(x))),
]


@pytest.mark.parametrize(("f", "exact"), ANALYTIC)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(x=st.floats(-3.0, 3.0).map(lambda v: round(v, 4)))
def test_the_error_is_rounding_alone(f: Any, exact: Any, x: float) -> None:
    with mp.workdps(50):
        truth = float(mp.diff(exact, mp.mpf(x)))
    found = dk.derivative(f, x, backend="complex_step")
    assert abs(found - truth) <= 1e-14 * abs(truth) + 1e-15


@pytest.mark.parametrize("x", [1e-12, 1e-3, 1.0, 1e6])
def test_the_step_suits_the_scale_of_x(x: float) -> None:
    assert dk.derivative(np.log, x, backend="complex_step") == pytest.approx(1.0 / x, rel=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.abs(x) ** 2,
        lambda x: np.real(x) ** 2,
        lambda x: x * np.conj(x),
        lambda x: x**2 + 1j * np.imag(x),
        lambda x: x.real * x,
    ],
    ids=["abs", "real", "conj", "imag", "half real"],
)
def test_what_is_not_analytic_is_refused(f: Any) -> None:
    """Each gives an imaginary part that is wrong, or wrong at another step."""
    with pytest.raises(UnsupportedError, match=r"use another backend|complex"):
        dk.derivative(f, 1.5, backend="complex_step")


def test_an_inaccurate_imaginary_part_is_betrayed_by_the_second_step() -> None:
    def f(z: Any) -> Any:  # right in the real part, rounded to 1e-13 in the imaginary one
        w = np.sin(z)
        return w.real + 1j * np.round(np.imag(w), 13) if np.iscomplexobj(w) else w

    with pytest.raises(UnsupportedError, match="give different derivatives"):
        dk.derivative(f, 1.0, backend="complex_step")
    assert dk.derivative(f, 1.0, backend=dk.ComplexStep(check=None)) == 0.0


def test_a_large_third_derivative_is_no_reason_to_refuse() -> None:
    """On the floor of Rosenbrock's valley the slope is small beside the third derivative, 2400 x,
    and so beside the truncation of the second step. His gradient by hand."""
    f = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2  # noqa: E731
    for offset in np.array([[0.0, 0.0], [-2e-6, -5e-6], [1e-9, 0.0], [0.0, 1e-7]]):
        a, b = x = 1.0 + offset
        want = [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)]
        got = dk.gradient(f, x, backend="complex_step")
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_f_must_take_complex_numbers() -> None:
    with pytest.raises(UnsupportedError, match=r"use np\.sin in place of math\.sin"):
        dk.derivative(lambda x: math.sin(x), 1.0, backend="complex_step")


def test_a_cast_to_real_numbers_is_refused() -> None:
    def f(x: Any) -> Any:
        out = np.zeros(2)
        out[:] = x
        return np.sum(out**2)

    with pytest.raises(UnsupportedError, match="complex numbers"):
        dk.gradient(f, np.array([1.0, 2.0]), backend="complex_step")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_f_must_be_real_and_finite_at_the_point() -> None:
    with pytest.raises(DomainError):
        dk.derivative(np.log, -1.0, backend="complex_step")
    with pytest.raises(UnsupportedError, match="must be real"):
        dk.jacobian(lambda x: np.exp(1j * x), np.array([1.0]), backend="complex_step")


def test_elementwise_derivatives_take_a_few_calls_for_all_points() -> None:
    calls = 0

    def f(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return np.sin(x)

    x = np.linspace(0.0, 3.0, 2)
    np.testing.assert_allclose(dk.derivative(f, x, backend="complex_step"), np.cos(x), rtol=1e-15)
    assert calls <= 9
    with pytest.raises(ShapeError):
        dk.derivative(np.cumsum, x, backend="complex_step")


def test_second_order_differences_the_complex_step() -> None:
    assert dk.second_derivative(np.sin, 1.0, backend="complex_step") == pytest.approx(
        -math.sin(1.0), rel=1e-13
    )
    x = np.array([0.3, 1.2])
    hessian = dk.hessian(lambda x: np.exp(x[0]) * np.sin(x[1]), x, backend="complex_step")
    e, s, c = math.exp(0.3), math.sin(1.2), math.cos(1.2)
    np.testing.assert_allclose(hessian, [[e * s, e * c], [e * c, -e * s]], rtol=1e-12)


@pytest.mark.parametrize("options", [{"step": 0.0}, {"step": 1.0}, {"check": math.nan},
                                     {"step": 1e-9, "check": 1e-9}])  # fmt: skip
def test_steps_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"step|check"):
        dk.ComplexStep(**options)


def test_a_tiny_value_does_not_underflow_to_a_slope_of_zero() -> None:
    slope = dk.derivative(np.exp, -700.0, backend="complex_step")
    assert slope == pytest.approx(math.exp(-700.0), rel=1e-10, abs=0.0)


def test_a_jump_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="not analytic"):
        dk.derivative(
            lambda x: np.where(np.real(x) >= 0, 1.0, 0.0) + x, 0.0, backend="complex_step"
        )
