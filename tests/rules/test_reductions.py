"""The rules of diffkit/rules/reductions.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DiffkitError, UnsupportedError
from diffkit.rules import reductions

from .rule_checker import Case, check_rule

rng = np.random.default_rng(3)
X = rng.permutation(np.linspace(-1.3, 1.7, 24)).reshape(2, 3, 4)  # distinct, so without ties
V, M, S = X[0, 0], X[0], 0.7
Z = X + 1j * X[::-1, ::-1]
C = X > -0.5
N = np.where(X > 1.2, np.nan, X)
W = np.linspace(0.3, 2.0, 24).reshape(2, 3, 4)

AXES = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, 0)},
    {"axis": None, "keepdims": True}, {"axis": 1, "keepdims": True},
    {"axis": (0, -1), "keepdims": True},
]  # fmt: skip
ONE_AXIS = [{}, {"axis": 0}, {"axis": -1}]
REDUCTIONS = [
    np.sum, np.mean, np.prod, np.var, np.std, np.max, np.amax, np.min, np.amin, np.ptp,
    np.median,
]  # fmt: skip
PASSING_OVER = [
    np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian,
]  # fmt: skip
QUANTILES = [np.quantile, np.nanquantile]
METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
    "interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased",
    "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]  # fmt: skip


def numbers(fn, x, **kwargs):
    """fn with NaN put where N has it."""
    return fn(np.where(np.isnan(N), np.nan, x), **kwargs)


CASES = [
    *(Case(fn, (X,), kwargs=kwargs, step=5e-3) for fn in REDUCTIONS for kwargs in AXES),
    *(Case(fn, (x,), step=5e-3) for fn in REDUCTIONS for x in (V, M)),
    *(Case(fn, (S,)) for fn in (np.sum, np.mean, np.prod, np.max, np.min, np.median)),
    *(Case(fn, (Z,), kwargs=kw) for fn in (np.sum, np.mean, np.prod) for kw in AXES[:4]),
    *(
        Case(fn, (Z,), kwargs=kw)
        for fn in (np.var, np.std, np.nanvar, np.nanmean)
        for kw in AXES[:4]
    ),
    *(
        Case(fn, (X,), kwargs={"ddof": 1, **kw})
        for fn in (np.var, np.std, np.nanstd)
        for kw in AXES
    ),
    Case(np.var, (X,), kwargs={"correction": 1}),
    *(
        Case(fn, (X,), kwargs={"where": C, **kw})
        for fn in (np.sum, np.mean, np.prod, np.var, np.std, np.nansum, np.nanmean, np.nanvar)
        for kw in AXES[:6]
    ),
    *(
        Case(fn, (X,), kwargs={"initial": start, "where": C, **kw}, step=5e-3)
        for fn, start in [(np.sum, 2.0), (np.prod, 2.0), (np.max, -9.0), (np.min, 9.0),
                          (np.max, 0.98), (np.min, 0.2)]
        for kw in AXES[:6]
    ),
    *(
        Case(lambda x, fn=fn, kw=kw: numbers(fn, x, **kw), (X,), key=fn, step=5e-3)
        for fn in PASSING_OVER
        for kw in AXES
    ),
    *(Case(fn, (M,)) for fn in PASSING_OVER),
    *(
        Case(fn, (x,), kwargs=kw)
        for fn in (np.cumsum, np.cumprod)
        for x in (X, M, Z)
        for kw in ONE_AXIS
    ),
    *(Case(fn, (V,)) for fn in (np.cumsum, np.cumprod, np.cumulative_sum, np.cumulative_prod)),
    *(
        Case(lambda x, fn=fn, kw=kw: numbers(fn, x, **kw), (X,), key=fn)
        for fn in (np.nancumsum, np.nancumprod)
        for kw in ONE_AXIS
    ),
    *(
        Case(fn, (X,), kwargs={"axis": axis, "include_initial": initial})
        for fn in (np.cumulative_sum, np.cumulative_prod)
        for axis in (0, -1)
        for initial in (True, False)
    ),
    *(Case(np.average, (X,), kwargs=kw) for kw in AXES),
    *(
        Case(lambda x, w, k=kw: np.average(x, weights=w, **k), (X, W), (0, 1), key=np.average)
        for kw in AXES
    ),
    *(
        Case(lambda x, w, a=axis: np.average(x, a, w), (X, w), (0, 1), key=np.average)
        for axis, w in [(1, W[0, :, 0]), (-1, W[0, 0]), ((2, 0), W[:, 0].T), ((0, 1), W[..., 0])]
    ),
    Case(lambda x, w: np.average(x, 0, w, returned=True), (X, W), (0, 1), key=np.average),
    Case(lambda x: np.average(x, 0, returned=True), (X,), key=np.average),
    *(Case(np.trapezoid, (X,), kwargs=kw) for kw in [{}, {"axis": 0}, {"dx": 0.3, "axis": 1}]),
    *(
        Case(lambda y, x, a=axis: np.trapezoid(y, x, axis=a), (X, x), (0, 1), key=np.trapezoid)
        for axis, x in [(-1, V), (1, X[0, :, 0]), (0, X), (-1, X)]
    ),
    *(Case(fn, (X, q), kwargs=kw) for fn in QUANTILES for q in (0.37, 0.0, 1.0) for kw in AXES),
    *(Case(fn, (X, [0.2, 0.9]), kwargs=kw) for fn in QUANTILES for kw in AXES),
    *(Case(np.quantile, (X, 0.37), kwargs={"method": m, "axis": -1}) for m in METHODS),
    *(Case(fn, (X, [[20.0], [70.0]])) for fn in (np.percentile, np.nanpercentile)),
    *(
        Case(lambda x, fn=fn, kw=kw: numbers(fn, x, q=[0.2, 0.9], **kw), (X,), key=fn)
        for fn in (np.nanquantile,)
        for kw in AXES
    ),
    *(
        Case(
            lambda x, m=m: numbers(np.nanquantile, x, q=0.37, axis=-1, method=m),
            (X,),
            key=np.nanquantile,
        )
        for m in METHODS
    ),
]  # fmt: skip
# The table entry, a call that covers it, and its arguments.
CONSTANTS = [
    (reductions._neighbours, lambda x: reductions.neighbours(x, np.quantile, None, 0.3)[2], (X,)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


@pytest.mark.parametrize(("key", "fn", "args"), CONSTANTS)
def test_locally_constant_functions_have_derivative_zero(key, fn, args) -> None:
    got = dk.gradient(lambda x: np.sum(fn(x, *args[1:])) + np.sum(x), args[0])
    np.testing.assert_array_equal(got, np.ones_like(args[0]))


BACKENDS = ["forward", "reverse"]


def gradient(f, x, backend="reverse"):
    return dk.gradient(f, np.asarray(x), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_products_with_zeros(backend) -> None:
    np.testing.assert_array_equal(gradient(np.prod, [2.0, 0.0, 3.0], backend), [0.0, 6.0, 0.0])
    np.testing.assert_array_equal(gradient(np.prod, [2.0, 0.0, 0.0], backend), np.zeros(3))
    np.testing.assert_array_equal(
        gradient(lambda x: np.sum(np.cumprod(x)), [2.0, 0.0, 3.0], backend), [1.0, 8.0, 0.0]
    )
    np.testing.assert_array_equal(
        gradient(lambda x: np.cumprod(x)[-1], [0.0, 5.0, 0.0, 3.0], backend), np.zeros(4)
    )
    hessian = dk.hessian(np.prod, np.array([2.0, 0.0, 3.0]))
    np.testing.assert_array_equal(hessian, [[0.0, 3.0, 0.0], [3.0, 0.0, 2.0], [0.0, 2.0, 0.0]])


@pytest.mark.parametrize("backend", BACKENDS)
def test_elements_that_tie_share_equally(backend) -> None:
    x = np.array([[1.0, 2.0], [2.0, 2.0]])
    for fn in (np.max, np.amax, np.nanmax):
        third = np.array([[0, 1], [1, 1]]) / 3
        np.testing.assert_array_equal(gradient(fn, x, backend), third)
        np.testing.assert_array_equal(
            gradient(lambda x, fn=fn: -fn(-x), x, backend), [[1, 0], [0, 0]]
        )
        got = gradient(lambda x, fn=fn: np.sum(fn(x, axis=0)), x, backend)
        np.testing.assert_array_equal(got, [[0, 0.5], [1, 0.5]])
        got = gradient(lambda x, fn=fn: fn(x, initial=2.0), x, backend)
        np.testing.assert_array_equal(got, [[0, 0.25], [0.25, 0.25]])
        np.testing.assert_array_equal(
            gradient(lambda x, fn=fn: fn(x, initial=3.0), x, backend), 0 * x
        )
    np.testing.assert_array_equal(gradient(np.ptp, np.ones(4), backend), np.zeros(4))


@pytest.mark.parametrize("backend", BACKENDS)
def test_deviation_of_equal_elements(backend) -> None:
    np.testing.assert_array_equal(gradient(np.std, np.ones(3), backend), np.zeros(3))
    np.testing.assert_array_equal(gradient(np.var, np.ones(3), backend), np.zeros(3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_order_statistics_with_ties_give_their_derivative_to_one_element(backend) -> None:
    got = gradient(np.median, [3.0, 1.0, 1.0, 1.0, 0.0], backend)
    assert sorted(got) == [0.0, 0.0, 0.0, 0.0, 1.0]
    np.testing.assert_array_equal(
        gradient(np.median, [5.0, 1.0, 2.0, 4.0], backend), [0, 0, 0.5, 0.5]
    )
    # The 0.25 quantile of five is the second smallest, and 0.3 of the way is a fifth further on.
    got = gradient(lambda x: np.quantile(x, 0.3), [5.0, 1.0, 2.0, 4.0, 3.0], backend)
    np.testing.assert_allclose(got, [0.0, 0.0, 0.8, 0.0, 0.2], rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_has_derivative_zero_where_it_is_passed_over(backend) -> None:
    x = np.array([1.0, 3.0])
    hole = np.array([0.0, np.nan])
    for fn, want in [(np.nansum, 1.0), (np.nanmean, 1.0), (np.nanprod, 1.0), (np.nanmax, 1.0),
                     (np.nanmedian, 1.0), (np.nanvar, 0.0), (np.nanstd, 0.0)]:  # fmt: skip
        got = gradient(lambda x, fn=fn: fn(x + hole), x, backend)
        np.testing.assert_array_equal(got, [want, 0.0], err_msg=fn.__name__)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.var(x, mean=1.0),
        lambda x: np.nanstd(x, mean=1.0),
        lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=np.ones(3)),
    ],
)
def test_what_has_no_rule_is_refused(f) -> None:
    with pytest.raises(UnsupportedError, match="no rule"):
        gradient(f, np.arange(3.0))


def test_the_position_of_a_quantile_is_refused_as_a_variable() -> None:
    with pytest.raises(DiffkitError, match="argument 2"):
        dk.gradient(lambda q: np.quantile(np.arange(3.0), q), 0.3)


def test_products_of_many_elements_are_differentiated_in_few_operations() -> None:
    x = 1.0 + np.sin(np.arange(5000.0)) / 100
    got = gradient(lambda x: np.cumprod(x)[-1], x)
    np.testing.assert_allclose(got, np.prod(x) / x, rtol=1e-11)
    np.testing.assert_allclose(gradient(np.prod, x), np.prod(x) / x, rtol=1e-11)
