"""The rules of diffkit/rules/elementary.py."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import diffkit as dk
from diffkit.rules import elementary
from diffkit.rules.elementary import sech_squared

from .rule_checker import Case, check_rule

A = np.array([[0.7, 1.3, 2.1], [1.9, 0.4, 1.1]])
X = np.array([[-0.7, 0.3, 0.55], [0.8, -0.4, -0.15]])  # inside (-1, 1), without 0
B = np.array([1.2, 0.8, 1.7])
S, T = 1.4, -0.35
Z = X + 1j * np.array([[0.4, -0.6, 0.3], [-0.2, 0.5, 0.7]])

EVERYWHERE = [
    np.exp, np.expm1, np.exp2, np.cbrt, np.absolute, np.fabs, np.sin, np.cos, np.tan, np.arctan,
    np.sinh, np.cosh, np.tanh, np.arcsinh, np.deg2rad, np.radians, np.rad2deg, np.degrees,
    np.sinc, np.i0,
]  # fmt: skip
POSITIVE = [np.log, np.log2, np.log10, np.log1p, np.sqrt]
INSIDE = [np.arcsin, np.arccos, np.arctanh, np.log1p]
HOLOMORPHIC = [
    np.exp, np.expm1, np.exp2, np.log, np.log1p, np.log2, np.log10, np.sqrt, np.sin, np.cos,
    np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh,
    np.arctanh, np.sinc,
]  # fmt: skip
PAIRS = [(X, A), (X, B), (B, X), (X, S), (T, A), (T, S), (X[:, :1], B)]
ACTIVE = [(0, 1), (0,), (1,)]

CASES = [
    *(Case(sech_squared, (x,), key=sech_squared.fn) for x in (np.array([-1.2, 0.0, 0.7]), 0.4)),
    *(Case(fn, (x,), step=5e-3) for fn in EVERYWHERE for x in (X, A, T)),
    *(Case(fn, (x,), step=5e-3) for fn in POSITIVE for x in (A, S)),
    *(Case(fn, (x,), step=2e-3, tolerance=1e-6) for fn in INSIDE for x in (X, T)),
    *(Case(np.arccosh, (x,), step=2e-3, tolerance=1e-6) for x in (A + 0.9, S)),
    *(Case(fn, (x,), step=2e-3, tolerance=1e-6) for fn in HOLOMORPHIC for x in (Z, 0.3 - 0.6j)),
    *(Case(np.absolute, (x,), step=2e-3, tolerance=1e-6) for x in (Z, 0.3 - 0.6j)),
    *(Case(np.sign, (x,), step=2e-3, tolerance=1e-6) for x in (Z, 0.3 - 0.6j)),
    *(
        Case(fn, pair, active, step=5e-3)
        for fn in (np.hypot, np.arctan2, np.logaddexp, np.logaddexp2)
        for pair in PAIRS
        for active in ACTIVE
    ),
    *(Case(np.heaviside, (np.array([[0.0, 1.0, -1.0]]), h), (1,)) for h in (A, S)),
    Case(np.unwrap, (np.array([0.3, 2.9, -2.8, -0.4, 3.0]),)),
    Case(np.unwrap, (6 * A,), kwargs={"axis": 0}),
    Case(np.unwrap, (6 * A,), kwargs={"period": 4.0}),
    *(
        Case(fn, (x, k), key=key)
        for fn, key in [
            (elementary.sinc_derivative, elementary._sinc_derivative),
            (elementary.i0_derivative, elementary._i0_derivative),
        ]
        for x in (X, A, T)
        for k in (1, 2)
    ),
]
STEPS = [np.floor, np.ceil, np.trunc, np.fix, np.rint, np.round, np.around, np.signbit]
# The table entry, a call that covers it, and its arguments.
CONSTANTS = [
    *((fn, fn, (x,)) for fn in STEPS for x in (X, T)),
    *((elementary._sign, np.sign, (x,)) for x in (X, T)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
@pytest.mark.parametrize(("key", "fn", "args"), CONSTANTS)
def test_locally_constant_functions_have_derivative_zero(key, fn, args) -> None:
    (x,) = args
    np.testing.assert_array_equal(
        dk.gradient(lambda x: np.sum(fn(x) * 3.0) + np.sum(x), x), np.ones_like(x)
    )


BACKENDS = ["forward", "reverse"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x", [0.0, np.zeros(2)], ids=["number", "array"])
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.hypot(x, 0.0), 0.0),
        (lambda x: np.hypot(x, 2.0), 0.0),
        (lambda x: np.hypot(x, x), 0.0),
        (np.absolute, 0.0),
        (np.fabs, 0.0),
        (np.sinc, 0.0),
        (np.i0, 0.0),
        (np.tanh, 1.0),
        (lambda x: np.exp(np.logaddexp(x - np.inf, -np.inf)), 0.0),
        (lambda x: np.logaddexp(x, -np.inf), 1.0),
        (lambda x: np.logaddexp(x, 0.0), 0.5),
        (lambda x: np.arctan2(x, 2.0), 0.5),
        (lambda x: np.arctan2(x, -2.0), -0.5),
        (lambda x: np.arctan2(2.0, x), -0.5),
        (lambda x: np.arctan2(-2.0, x), 0.5),
    ],
)
def test_derivatives_at_zero(f, expected, x, backend) -> None:
    got = dk.derivative(f, x, backend=backend)
    np.testing.assert_array_equal(got, np.full_like(x, expected))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("root", [np.sqrt, np.cbrt])
def test_roots_have_an_infinite_slope_at_zero(root, backend) -> None:
    with np.errstate(all="ignore"):
        assert dk.derivative(root, 0.0, backend=backend) == np.inf
        got = dk.derivative(root, np.array([0.0, 1.0]), backend=backend)
    np.testing.assert_array_equal(got, [np.inf, 0.5 if root is np.sqrt else 1 / 3])


def test_sinc_at_zero_to_fourth_order() -> None:
    # sinc x = 1 - (pi x)**2 / 3! + (pi x)**4 / 5! - ...
    f, expected = np.sinc, [0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5]
    for value in expected:
        f = lambda x, f=f: dk.derivative(f, x)  # noqa: E731
        assert f(0.0) == pytest.approx(value, rel=1e-14, abs=0)
    assert dk.second_derivative(np.sinc, 0.0) == pytest.approx(-(math.pi**2) / 3, rel=1e-14)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_sinc_derivative_is_accurate_on_both_sides_of_its_switch(k) -> None:
    z = np.array([1e-9, 1e-3, 0.5, 0.999, 1.001, 1.5, 2.5, 8.0]) * (k + 1)
    with mpmath.workdps(40):
        want = [float(mpmath.diff(lambda u: mpmath.sin(u) / u, mpmath.mpf(v), k)) for v in z]
    got = elementary._sinc_derivative(z / math.pi, k) / math.pi**k
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=2e-16)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_derivatives_of_i0_are_bessel_functions(k) -> None:
    x = np.concatenate([-np.logspace(-8, 2.8, 20), [0.0], np.logspace(-8, 2.8, 20)])
    # Abramowitz & Stegun 1964, 9.6.29: I0' = I1 and I0'' = (I0 + I2) / 2.
    orders = [{0: 1.0}, {1: 1.0}, {0: 0.5, 2: 0.5}][k]
    want = [float(sum(w * mpmath.besseli(n, v) for n, w in orders.items())) for v in x]
    np.testing.assert_allclose(elementary._i0_derivative(x, k), want, rtol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_saturated_functions_keep_their_digits(backend) -> None:
    def relative_error(f, x, want):
        return abs(dk.derivative(f, x, backend=backend) / want - 1)

    assert relative_error(np.tanh, 20.0, 4 * math.exp(-40.0)) < 1e-14
    assert relative_error(np.tanh, np.array([-300.0]), 4 * math.exp(-600.0)) < 1e-13
    assert relative_error(np.expm1, -40.0, math.exp(-40.0)) < 1e-15


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_arctan2_and_hypot_of_extreme_arguments(scale, backend) -> None:
    def slope(fn):
        return dk.derivative(lambda a: fn(a, 4 * scale), 3 * scale, backend=backend)

    assert slope(np.arctan2) == pytest.approx(4 / 25 / scale, rel=1e-15, abs=0)
    assert slope(np.hypot) == pytest.approx(0.6, rel=1e-15)


def test_absolute_of_complex_numbers() -> None:
    # d|a + ib| = (a da + b db) / |.|; the gradient is df/da - i df/db.
    np.testing.assert_allclose(
        dk.gradient(lambda z: np.sum(np.absolute(z)), np.array([3 + 4j, 0j])), [0.6 - 0.8j, 0.0]
    )


def test_tanh_saturates_to_any_order_without_a_warning() -> None:
    for x in (20.0, 400.0, 1000.0, -1000.0):
        first = dk.derivative(np.tanh, x)
        # 1/cosh(x)**2 = 4 exp(-2|x|) / (1 + exp(-2|x|))**2
        assert first == pytest.approx(4 * np.exp(-2 * abs(x)), rel=1e-12, abs=0.0)
        assert dk.second_derivative(np.tanh, x) == pytest.approx(
            -2 * np.sign(x) * first, rel=1e-12, abs=0.0
        )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("a", [0.3, -800.0, 1e6, 1e12, 1e16, -1e300])
@pytest.mark.parametrize("difference", [0.0, 0.25, -2.0, 30.0])
def test_the_shares_of_logaddexp_do_not_depend_on_the_size_of_the_logarithms(
    a: float, difference: float, backend: str
) -> None:
    b = a + difference  # rounded; what counts is what is left of the difference
    for fn, base in ((np.logaddexp, math.e), (np.logaddexp2, 2.0)):
        share = 1 / (1 + base ** (b - a))
        got = dk.gradient(lambda x, fn=fn: fn(x[0], x[1]), np.array([a, b]), backend=backend)
        np.testing.assert_allclose(got, [share, base ** (b - a) * share], rtol=2e-14)
        second = dk.hessian(lambda x, fn=fn: fn(x[0], x[1]), np.array([a, b]), backend=backend)
        bend = share * (1 - share) * math.log(base)
        np.testing.assert_allclose(second, [[bend, -bend], [-bend, bend]], rtol=1e-13, atol=1e-15)
