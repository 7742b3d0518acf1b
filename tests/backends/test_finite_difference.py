"""Finite differences: the stencils, their errors and their steps."""

from __future__ import annotations

import math
from fractions import Fraction
from math import factorial
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit._backends.finite_difference import stencil

KINDS = [("central", 2), ("central", 4), ("central", 6), ("central", 8)] + [
    (kind, order) for kind in ("forward", "backward") for order in (1, 2, 3, 4)
]


@pytest.mark.parametrize(("kind", "order"), KINDS)
@pytest.mark.parametrize("derivative", [1, 2, 3])
def test_a_stencil_is_exact_for_polynomials_of_its_degree(
    kind: str, order: int, derivative: int
) -> None:
    """Fornberg 1988, section 2: the moments that vanish, and the first that does not."""
    rule = stencil(kind, order, derivative)
    moments = [
        sum(w * Fraction(o) ** k for w, o in zip(rule.weights, rule.offsets, strict=True))
        for k in range(order + derivative + 1)
    ]
    for k, moment in enumerate(moments[:-1]):
        assert moment == (factorial(derivative) if k == derivative else 0)
    assert moments[-1] != 0


@pytest.mark.parametrize(
    ("order", "weights"),
    [
        (2, ["-1/2", "1/2"]),
        (4, ["1/12", "-2/3", "2/3", "-1/12"]),
        (6, ["-1/60", "3/20", "-3/4", "3/4", "-3/20", "1/60"]),
    ],
)
def test_central_weights_are_the_published_ones(order: int, weights: list[str]) -> None:
    """Fornberg 1988, 'Generation of finite difference formulas', Table 1."""
    assert stencil("central", order).weights == tuple(map(Fraction, weights))


@pytest.mark.parametrize(
    ("order", "amplification", "truncation"),
    [(2, 1, 1 / 6), (4, 3 / 2, 1 / 30), (6, 11 / 6, 1 / 140), (8, 25 / 12, 1 / 630)],
)
def test_the_two_constants_of_central_stencils(
    order: int, amplification: float, truncation: float
) -> None:
    rule = stencil("central", order)
    assert rule.amplification == pytest.approx(amplification, rel=1e-15)
    assert rule.truncation == pytest.approx(truncation, rel=1e-15)


def test_the_two_constants_of_the_forward_difference() -> None:
    rule = stencil("forward", 1)
    assert (rule.amplification, rule.truncation) == (2.0, 0.5)
    assert (rule.offsets, rule.weights) == ((0, 1), (-1, 1))


@pytest.mark.parametrize(("kind", "order"), KINDS)
def test_the_best_step_is_the_least_of_the_error(kind: str, order: int) -> None:
    rule = stencil(kind, order)
    h = rule.best_step(1e-16, 2.0)
    least = rule.error(h, 1e-16, 2.0)
    assert least < min(rule.error(factor * h, 1e-16, 2.0) for factor in (0.9, 1.1))
    # At the least the round-off is p times the truncation: E* = (1 + 1/p) A ε / h*.
    assert least == pytest.approx((1 + 1 / order) * rule.amplification * 1e-16 / h, rel=1e-12)


@pytest.mark.parametrize(("kind", "order"), [("forward", 1), ("forward", 2), ("central", 2),
                                             ("central", 4), ("central", 6)])  # fmt: skip
def test_the_error_falls_with_the_order_of_the_stencil(kind: str, order: int) -> None:
    """The slope of log error against log h, where truncation is all."""
    steps = np.array([2.0**-3, 2.0**-4, 2.0**-5])
    errors = [
        abs(dk.derivative(np.exp, 0.0, backend=dk.FiniteDifference(order, h, kind)) - 1.0)
        for h in steps.tolist()
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_error_at_the_textbook_step_is_as_predicted(order: int) -> None:
    backend = dk.FiniteDifference(order)
    x = np.linspace(0.0, 1.0, 101)
    errors = dk.derivative(np.exp, x, backend=backend) / np.exp(x) - 1.0
    rule, u = backend.stencil(), 2.0**-53
    predicted = rule.error(rule.best_step(u, 1.0), u, 1.0)
    assert 0.05 * predicted < np.sqrt(np.mean(errors**2)) < 3.0 * predicted


def test_the_representable_step_takes_the_bias_out() -> None:
    """The step that is taken, (x + h) − x, is the one to divide by (Press et al. 2007, 5.7)."""
    x = np.linspace(0.0, 20.0, 2001)

    def rms(representable: bool) -> float:
        backend = dk.FiniteDifference(order=1, step=1e-9, representable=representable)
        return float(
            np.sqrt(np.mean((dk.derivative(np.exp, x, backend=backend) / np.exp(x) - 1) ** 2))
        )

    linear = dk.FiniteDifference(order=1, step=1e-9)
    assert dk.derivative(lambda t: t, 1.0, backend=linear) == 1.0
    unlike = dk.FiniteDifference(order=1, step=1e-9, representable=False)
    assert abs(dk.derivative(lambda t: t, 1.0, backend=unlike) - 1.0) > 5e-8
    assert rms(True) < rms(False)


@pytest.mark.parametrize("x", [0.0, 1e-3, 1.0, -7.3, 1e6, -1e12])
def test_a_straight_line_has_its_slope_at_every_scale(x: float) -> None:
    for backend in (dk.FiniteDifference(1), dk.FiniteDifference(2), dk.FiniteDifference(4)):
        assert dk.derivative(lambda t: 3.0 * t, x, backend=backend) == pytest.approx(3.0, rel=2e-8)


def test_a_fixed_step_is_the_step_taken() -> None:
    seen: list[float] = []

    def f(x: float) -> float:
        seen.append(x)
        return x

    dk.derivative(f, 1.0, backend=dk.FiniteDifference(order=4, step=0.25))
    assert sorted(seen) == [0.5, 0.75, 1.0, 1.25, 1.5]


@pytest.mark.parametrize(("kind", "sign"), [("forward", 1.0), ("backward", -1.0)])
def test_one_sided_differences_stay_on_their_side(kind: str, sign: float) -> None:
    backend = dk.FiniteDifference(order=2, kind=kind)
    slope = dk.derivative(lambda x: np.sqrt(np.abs(x) + sign * x), 0.0, backend=dk.FiniteDifference(
        order=2, kind="backward" if kind == "forward" else "forward"))  # fmt: skip
    assert slope == 0.0
    assert dk.derivative(np.abs, 0.0, backend=backend) == pytest.approx(sign)


@pytest.mark.parametrize(("order", "calls"), [(1, 2), (2, 3), (4, 5)])
def test_a_derivative_costs_one_call_for_each_point_of_the_stencil(order: int, calls: int) -> None:
    count = 0

    def f(x: float) -> float:
        nonlocal count
        count += 1
        return x

    dk.derivative(f, 1.0, backend=dk.FiniteDifference(order))
    assert count == calls


def test_the_function_is_a_black_box() -> None:
    """math.sin, float() and filled arrays are fine where nothing is traced."""

    def f(x: np.ndarray) -> float:
        out = np.zeros(2)
        out[0], out[1] = math.sin(float(x[0])), math.exp(x[1])
        return float(out.sum())

    gradient = dk.gradient(f, np.array([0.5, 0.25]), backend="finite_difference")
    assert gradient == pytest.approx([math.cos(0.5), math.exp(0.25)], rel=1e-8)


def test_a_long_tangent_does_not_lengthen_the_step() -> None:
    x, v = np.array([1.0, 2.0]), np.array([1e8, -1e8])
    found = dk.jvp(lambda x: np.sin(x[0]) * x[1], x, v, backend="finite_difference")
    exact = 1e8 * (2.0 * np.cos(1.0) - np.sin(1.0))
    assert found == pytest.approx(exact, rel=1e-7)


def test_a_tangent_of_zero_gives_zero() -> None:
    x = np.array([1.0, 2.0])
    assert dk.jvp(np.sum, x, np.zeros(2), backend="finite_difference") == 0.0
    np.testing.assert_array_equal(
        dk.hvp(np.sum, x, np.zeros(2), backend="finite_difference"), np.zeros(2)
    )


@pytest.mark.parametrize("steps", [0.5, 1.5, 2.5])
def test_the_step_is_representable_at_the_far_end_of_the_stencil(steps: float) -> None:
    """Just below 1 the stencil reaches across, to where the doubles lie twice as far apart."""
    x = 1.0 - np.round(steps * 1e-9 * 2.0**52) * 2.0**-52
    backend = dk.FiniteDifference(order=6, step=1e-9)
    assert dk.derivative(lambda t: t - 1.0, x, backend=backend) == pytest.approx(1.0, rel=1e-14)


# Steps that are searched for


ORDINARY = [
    (np.exp, mp.exp, [1.0, -2.3, 0.0]),
    (np.sin, mp.sin, [1.0, 3.0, 10.0]),
    (np.log, mp.log, [0.5, 2.0, 10.0]),
    (np.sqrt, mp.sqrt, [0.3, 2.0]),
    (np.tanh, mp.tanh, [0.5, -1.2]),
    (lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x), [0.5, 1.0, 2.0]),
    (lambda x: np.exp(-x * x), lambda x: mp.exp(-x * x), [0.5, 1.5]),
    (lambda x: x**3 - 2 * x, lambda x: x**3 - 2 * x, [1.5, -0.3]),
]


def test_ordinary_functions_are_right_to_6e_15_in_16_evaluations() -> None:
    errors, calls = [], []
    for f, exact, points in ORDINARY:
        for x in points:
            with mp.workdps(50):
                truth = mp.diff(exact, mp.mpf(x))
            found = dk.FiniteDifference().estimate(f, x)
            error = abs(found.value - truth)
            assert found.status == "ok"
            assert error <= found.error
            errors.append(max(float(error / abs(truth)), 2.0**-53))
            calls.append(found.evaluations)
    assert np.exp(np.mean(np.log(errors))) < 6e-15
    assert np.mean(calls) <= 16


@pytest.mark.parametrize(
    ("f", "exact", "x", "rtol"),
    [
        (np.log, mp.log, 1e-8, 1e-11),
        (np.log, mp.log, 1e100, 1e-10),
        (np.sin, mp.sin, 1e6, 1e-13),
        (np.exp, mp.exp, 1e-300, 1e-12),
        (np.exp, mp.exp, 709.7, 1e-12),
        (lambda x: 1 / x, lambda x: 1 / x, 1e-150, 1e-12),
        (lambda x: np.exp(1e6 * x), lambda x: mp.exp(10**6 * x), 0.0, 1e-11),
        (lambda x: np.sin(1e3 * x), lambda x: mp.sin(1000 * x), 1.0, 1e-10),
        (lambda x: (1 - np.cos(x)) / x**2, lambda x: (1 - mp.cos(x)) / x**2, 1e-3, 1e-6),
        (math.log, mp.log, 1e-8, 1e-11),
    ],
)
def test_the_scale_of_the_function_is_found(f: Any, exact: Any, x: float, rtol: float) -> None:
    with mp.workdps(700):
        h = (abs(mp.mpf(x)) or mp.mpf(1)) * mp.mpf(10) ** -200
        truth = float((exact(x + h) - exact(x - h)) / (2 * h))
    assert dk.derivative(f, x, backend="finite_difference") == pytest.approx(truth, rel=rtol)


@pytest.mark.parametrize(
    ("f", "x", "status"),
    [
        (np.abs, 0.0, "kink"),
        (lambda x: np.maximum(x, x * x), 1.0, "kink"),
        (lambda x: np.sin(x) + 1e-3 * abs(x - 1.0), 1.0, "kink"),
        (np.floor, 2.0, "jump"),
        (lambda x: np.heaviside(x, 0.5), 0.0, "jump"),
        (lambda x: np.sin(x) + (1e-3 if x >= 1.0 else 0.0), 1.0, "jump"),
        (lambda x: (np.sin(x) + 1e8) - 1e8, 1.0, "noise"),
        (lambda x: float(np.float32(np.exp(x))), 0.7, "noise"),
        (lambda x: round(math.sin(x), 3), 1.0, "noise"),
        (lambda x: math.cos(x) if x <= 1.0 else math.nan, 1.0, "domain"),
        (np.sqrt, 0.0, "domain"),
        (np.sin, math.pi / 2, "zero"),
        (np.cbrt, 0.0, "no convergence"),
        (np.abs, 1e-12, "ok"),
        # Constant here and not elsewhere: it may as well change by less than its last digit.
        (np.floor, 2.5, "flat"),
        (lambda x: np.sqrt(x + 1) - np.sqrt(x), 1e12, "flat"),
        (lambda x: np.maximum(x, 0.0), -1.0, "ok"),
        (lambda x: np.abs(x - 1.0), 1.0 + 1e-6, "ok"),
    ],
)
def test_what_is_wrong_has_a_name(f: Any, x: float, status: str) -> None:
    assert dk.FiniteDifference().estimate(f, x).status == status


def test_a_kink_gives_a_warning_and_the_mean_of_the_slopes() -> None:
    with pytest.warns(dk.errors.DerivativeWarning, match=r"kink.*may be off by 1"):
        found = dk.derivative(lambda x: np.maximum(0.0, 2.0 * x), 0.0, backend="finite_difference")
    assert found == pytest.approx(1.0, abs=1e-6)


def test_where_there_is_no_estimate_there_is_an_error() -> None:
    with pytest.raises(dk.errors.DomainError, match="jump, f is not continuous"):
        dk.derivative(np.floor, 2.0, backend="finite_difference")


def test_f_is_never_called_out_of_bounds() -> None:
    def f(x: float) -> float:
        assert 0.0 <= x <= 1.0
        return math.exp(x)

    backend = dk.FiniteDifference(bounds=(0.0, 1.0))
    for x in (0.0, 1e-9, 0.3, 1.0 - 1e-7, 1.0):
        found = backend.estimate(f, x)
        assert found.status == "ok"
        assert found.value == pytest.approx(math.exp(x), rel=1e-9)
    with pytest.raises(dk.errors.DomainError, match="out of bounds"):
        backend.estimate(f, 1.5)
    fixed = dk.FiniteDifference(order=2, step=1e-3, bounds=(0.0, 1.0))
    assert dk.derivative(f, 1.0, backend=fixed) == pytest.approx(math.e, rel=1e-5)


def test_one_call_evaluates_all_points_of_an_elementwise_function() -> None:
    calls = 0

    def f(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return np.log(x)

    x = np.geomspace(1e-8, 1e8, 50)
    found = dk.FiniteDifference().estimate(f, x, elementwise=True)
    assert found.evaluations == calls < 40
    assert found.ok
    np.testing.assert_allclose(found.value, 1.0 / x, rtol=1e-10)


def test_the_elements_of_a_jacobian_have_their_own_errors() -> None:
    def f(x: Any) -> Any:
        return np.array([np.sin(1e3 * x[0]), abs(x[1]) + x[0]])

    found = dk.FiniteDifference().estimate(f, np.array([1.0, 0.0]))
    assert found.status.tolist() == [["ok", "ok"], ["ok", "kink"]]
    np.testing.assert_allclose(found.value[0, 0], 1e3 * np.cos(1e3), rtol=1e-10)
    assert found.to_dict()["evaluations"] == found.evaluations
    assert "kink: the slopes on the two sides differ" in str(found)


def test_second_derivatives_and_those_of_other_orders() -> None:
    assert dk.second_derivative(np.sin, 1.0, backend="finite_difference") == pytest.approx(
        -math.sin(1.0), rel=1e-10
    )
    third = dk.FiniteDifference(order=4, step=1e-2).estimate(np.sin, 1.0, derivative=3)
    assert abs(third.value + math.cos(1.0)) <= third.error < 1e-5
    with pytest.raises(ValueError, match="order 1 and 2"):
        dk.FiniteDifference().estimate(np.sin, 1.0, derivative=3)


def test_opposite_directions_of_unequal_length_do_not_coarsen_the_grid() -> None:
    """1.875 − 1.938 · (1.875 / 1.938) is not zero but 1e-16."""
    x, v = np.array([1.875, 0.0, 0.0]), np.array([1.938, 0.0, 1.0])
    found = dk.hvp(lambda x: x[1] + x[2] + np.cos(x[2]), x, v, backend="finite_difference")
    np.testing.assert_allclose(found, [0.0, 0.0, -1.0], atol=1e-9)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(-30, 6), st.floats(0.1, 10.0), st.floats(-3.0, 3.0))
def test_the_error_is_covered_at_every_scale(k: float, a: float, x: float) -> None:
    """f = sin(c x + a) with c from 1e-30 to 1e6, at points of the scale 1/c."""
    c = 10.0**k
    found = dk.FiniteDifference().estimate(lambda t: np.sin(c * t + a), x / c)
    truth = c * math.cos(c * (x / c) + a)
    # A point is rounded by u x before sin sees it, which nothing shows where all points are
    # rounded alike.
    hidden = 2.0**-53 * abs(x / c * truth) / found.step
    assert abs(found.value - truth) <= 3 * found.error + 2 * hidden + 1e-12 * c


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: 1e3 + np.tanh(x), 0.0, 1.0),
        (lambda x: 1.0 + 1e-3 * np.tanh(x), 0.5, 1e-3 / math.cosh(0.5) ** 2),
        (lambda x: 50.0 + x / (1.0 + x * x), 0.2, 0.96 / 1.04**2),
    ],
)
def test_a_function_that_levels_off_is_not_left_behind(f: Any, x: float, slope: float) -> None:
    """Round-off asks for a step so long that f does not change there."""
    found = dk.FiniteDifference().estimate(f, x)
    assert found.status == "ok"
    assert abs(found.value - slope) <= found.error < 1e-8 * slope
    second = dk.FiniteDifference().estimate(np.tanh, 0.5, derivative=2)
    assert abs(second.value + 0.7268619813835874) <= second.error < 1e-9
