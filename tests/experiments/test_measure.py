"""The measures that experiments share."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffkit.measure import error, growth, rms, slope, timed, verdict


@given(st.floats(0.1, 10), st.integers(-1000, 1000))
def test_an_error_of_k_ulps_is_measured_as_such(x: float, k: int) -> None:
    value = x + k * math.ulp(x) if math.frexp(x + k * math.ulp(x))[1] == math.frexp(x)[1] else x
    found = error(value, mpmath.mpf(x))
    assert found.difference == value - x
    assert found.ulps == (value - x) / math.ulp(x)
    assert found.relative == pytest.approx((value - x) / x, rel=1e-15)


def test_the_truth_is_not_rounded_for_the_difference() -> None:
    with mpmath.workdps(50):
        third = mpmath.mpf(1) / 3
    found = error(1 / 3, third)  # the double nearest to 1/3 is 1/3 - 2^-54 / 3
    assert found.difference == pytest.approx(-(2.0**-54) / 3, rel=1e-12)
    assert found.truth == 1 / 3


def test_a_zero_truth_and_nan_are_shown_and_not_divided_by() -> None:
    assert error(1e-3, 0).relative is None
    assert math.isnan(error(math.nan, 1).difference)
    assert error(-math.inf, 1).relative == -math.inf


def test_fits_find_the_law_that_made_the_data() -> None:
    x = [1.0, 2.0, 3.0, 4.0]
    assert slope(x, [5 * v**3 for v in x]) == pytest.approx(3)
    assert growth(x, [7 * 2.5**v for v in x]) == pytest.approx(2.5)
    assert slope([0.0, *x], [0.0, *x]) == pytest.approx(1)  # a zero has no logarithm
    assert rms([3, -4, 0, 0]) == 2.5
    with pytest.raises(ValueError, match="at least three points, got 2"):
        slope([1, 2], [1, 2])
    with pytest.raises(ValueError, match="NaN"):
        slope([1, 2, 3], [1, 2, math.nan])


def test_nan_bears_no_claim_out() -> None:
    nan = math.nan
    assert not verdict.near({"a": (nan, 1.0)}, 0.1)[0]
    assert not verdict.within({"a": (nan, 1.0)}, 10)[0]
    assert not verdict.zero([nan])[0]
    assert not verdict.flat([0, 1], [nan, 1.0], [0, 1, 2], 2)[0]
    assert not verdict.flat([0, 1], [1.0, nan], [0, 1, 2], 2)[0]
    assert not verdict.has_mean([nan, 1.0], 1.0)[0]
    assert not verdict.ratio_at_most([nan], [1.0], 4)[0]


def test_large_integers_are_compared_exactly() -> None:
    big = 2**70
    assert verdict.is_polynomial([big, big + 1, big + 2], degree=1)[0]
    assert not verdict.is_polynomial([big, big + 1, big + 3], degree=1)[0]


def test_a_timing_has_its_spread_and_stays_in_its_budget() -> None:
    emptied = []
    result, timing = timed(lambda: "done", before=lambda: emptied.append(1), repeats=3)
    assert (result, timing.repeats, len(emptied)) == ("done", 3, 4)  # one of them warms up
    assert 0 <= timing.fastest <= timing.slowest
    assert timed(lambda: None, budget=1e-12, repeats=50)[1].repeats == 1


def test_equality_needs_every_value_by_every_route() -> None:
    table = {1: (4, -8), 2: (1,)}
    assert verdict.all_equal(table, table, dict(table))[0]
    assert not verdict.all_equal(table, table, {1: (4, -8)})[0]
    assert not verdict.all_equal(table, {**table, 2: (2,)})[0]
    assert not verdict.all_equal({}, {})[0]


def test_a_slope_is_compared_on_the_axes_that_are_named() -> None:
    x = [1.0, 2.0, 3.0]
    assert verdict.has_slope(x, [-math.exp(v) for v in x], 1, 1e-9, log="y")[0]
    assert verdict.has_slope(x, [v**2 for v in x], 2, 1e-9)[0]
    assert not verdict.has_slope(x, [v**2 for v in x], 1, 0.5)[0]
