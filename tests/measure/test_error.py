"""Error measures where they have a meaning, and what is shown where they have none."""

from __future__ import annotations

import math

import mpmath
import pytest

from diffkit.measure import condition, error

UNIT = 2.0**-53


def test_a_zero_truth_has_an_absolute_error_only() -> None:
    found = error(1e-3, 0)
    assert (found.kind, found.difference, found.relative, found.ulps) == ("zero", 1e-3, None, None)
    assert error(0.0, 0).ulps == 0.0
    assert error(0.0, 0).relative is None


def test_a_subnormal_truth_is_measured_in_the_smallest_numbers() -> None:
    found = error(2.0**-1073, mpmath.mpf(3) * mpmath.mpf(2) ** -1074)
    assert (found.kind, found.ulps) == ("subnormal", -1.0)
    assert found.relative == pytest.approx(-1 / 3)


@pytest.mark.parametrize("truth", [10**400, mpmath.mpf(10) ** 400, math.inf])
def test_a_truth_beyond_the_doubles_is_hit_or_missed(truth: object) -> None:
    hit, missed = error(math.inf, truth), error(1e308, truth)
    assert (hit.kind, hit.difference, hit.ulps, hit.relative) == ("infinite", 0.0, 0.0, None)
    assert (missed.difference, missed.ulps, missed.relative) == (-math.inf, None, None)
    assert error(-math.inf, truth).difference == -math.inf


def test_a_truth_that_is_no_number_measures_nothing() -> None:
    found = error(1.0, math.nan)
    assert (found.kind, found.relative, found.ulps) == ("nan", None, None)
    assert math.isnan(found.difference)


def test_a_value_that_is_no_number_is_shown() -> None:
    found = error(math.nan, 1)
    assert all(math.isnan(v) for v in (found.difference, found.relative, found.ulps))


def test_conditioning_excuses_what_a_rounded_argument_does() -> None:
    # f = sin(1e8 x): moving x by half an ulp moves f' by about 1e8 u.
    x = 0.7
    with mpmath.workdps(40):
        truth = 1e8 * mpmath.cos(mpmath.mpf(10) ** 8 * mpmath.mpf(x))
    moved = 1e8 * math.cos(1e8 * x * (1 + 4 * UNIT))
    found = error(moved, truth)
    second = -1e16 * math.sin(1e8 * x)
    assert abs(found.relative) > 1e6 * UNIT
    assert 0.5 < found.conditioned(x, second) < 20
    kappa = condition(x, float(truth), second)
    assert found.conditioned(x, second) == pytest.approx(
        abs(found.relative) / (1 + kappa) / UNIT, rel=1e-9
    )


def test_a_derivative_of_zero_is_conditioned_by_the_curvature_and_not_divided_by() -> None:
    assert condition(1.0, 0.0, 2.0) is None
    assert error(1e-16, 0).conditioned(1.0, 2.0) == pytest.approx(1e-16 / 2 / UNIT)
    assert error(1e-16, 0).conditioned(0.0, 2.0) is None
    assert error(0.0, 0).conditioned(0.0, 2.0) == 0.0
    assert error(1.0, math.inf).conditioned(1.0, 1.0) is None
