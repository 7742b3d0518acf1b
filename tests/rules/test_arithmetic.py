"""The rules of diffkit/rules/arithmetic.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import MissingRuleError
from diffkit.rules import arithmetic

from .rule_checker import Case, check_rule

A = np.array([[0.7, 1.3, 2.1], [1.9, 0.4, 1.1]])
B = np.array([1.2, 0.8, 1.7])
S = 1.4

BINARY = [np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power]
UNARY = [np.negative, np.positive, np.reciprocal, np.square]
PAIRS = [(A, A + 0.3), (A, B), (B, A), (A, S), (S, A), (S, S + 1), (A[:, :1], B), (A[:1], A[:, :1])]
X = np.array([[-2.3, 0.6, 1.7], [3.4, -0.5, -1.1]])  # far from every jump of x % D
D = np.array([0.9, -0.8, 0.75])

CASES = [
    *(Case(fn, pair, active) for fn in BINARY for pair in PAIRS for active in [(0, 1), (0,), (1,)]),
    *(Case(fn, (x,)) for fn in UNARY for x in (A, S)),
    *(Case(fn, (x,)) for fn in UNARY for x in (A + 1j * A[::-1], 1.2 - 0.7j)),
    *(Case(np.power, (x, p)) for x in (A, S) for p in (2, 3, -1, 0.5, 2.0, 1, 0.3, -1.7)),
    Case(np.power, (A - 1.0, 3)),
    Case(np.power, (A - 1.0, np.array([2.0, 3.0, 1.0]))),
    Case(np.power, (A + 1j * A[::-1], 0.5)),
    Case(np.power, (A + 1j * A[::-1], B + 0.2j), (0, 1)),
    Case(np.multiply, (A + 1j * A[::-1], B), (0, 1)),
    Case(np.divide, (A, B + 2j), (0, 1)),
    *(
        Case(fn, pair, active, step=1e-3, tolerance=1e-6)
        for fn in (np.remainder, np.fmod)
        for pair in [(X, D), (X[0], D[:, None]), (X, 0.7), (2.3, D), (-2.3, 0.7)]
        for active in [(0, 1), (0,), (1,)]
    ),
    Case(np.divmod, (X, D), (0, 1)),
    Case(np.divmod, (-2.3, 0.7), (0, 1), key=np.divmod),
    *(Case(np.modf, (x,)) for x in (X, -2.3)),
    *(Case(np.ldexp, (x, n)) for x in (X, S) for n in (3, np.array([1, 0, -2]))),
    *(Case(np.frexp, (x,)) for x in (A, -2.6)),
    *(Case(np.copysign, pair) for pair in [(X, D), (X, -1.0), (-2.3, X), (S, -S)]),
]
# The table entry, a call that covers it, and its arguments.
CONSTANTS = [
    (np.floor_divide, np.floor_divide, (X, D)),
    (np.floor_divide, np.floor_divide, (2.3, 0.7)),
    (arithmetic._binary_exponent, arithmetic.binary_exponent, (X,)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


@pytest.mark.parametrize(("key", "fn", "args"), CONSTANTS)
def test_locally_constant_functions_have_derivative_zero(key, fn, args) -> None:
    def f(x):
        return np.sum(fn(x, *args[1:]) * 3.0) + np.sum(x)

    np.testing.assert_array_equal(dk.gradient(f, args[0]), np.ones_like(args[0]))


BACKENDS = ["forward", "reverse"]


def slope(f, x, backend):
    return dk.derivative(f, x, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_derivatives_of_powers_at_zero(backend) -> None:
    zero = np.zeros(2)
    for x in (0.0, zero):
        np.testing.assert_array_equal(slope(lambda x: x**0, x, backend), np.zeros_like(x))
        np.testing.assert_array_equal(slope(lambda x: x**0.0, x, backend), np.zeros_like(x))
        np.testing.assert_array_equal(slope(lambda x: x**1, x, backend), np.ones_like(x))
        np.testing.assert_array_equal(slope(lambda x: x**2, x, backend), np.zeros_like(x))
    exponents = np.array([0.0, 1.5, 1.0, 2.0])
    got = slope(lambda x: x**exponents, np.zeros(4), backend)
    np.testing.assert_array_equal(got, [0.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_zero_to_a_power_is_constant_in_the_power(backend) -> None:
    for x in (2.0, 0.5, np.array([0.0, 0.5, 2.0])):
        np.testing.assert_array_equal(slope(lambda x: 0.0**x, x, backend), np.zeros_like(x))
    np.testing.assert_array_equal(
        slope(lambda x: np.power(np.zeros(3), x), np.arange(3.0), backend), 0
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_negative_bases(backend) -> None:
    assert slope(lambda x: x**3, -2.0, backend) == 12.0
    assert slope(lambda x: x**-1, -2.0, backend) == -0.25
    np.testing.assert_array_equal(slope(lambda x: x**3.0, np.array([-2.0]), backend), [12.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_modulus_in_both_arguments(backend) -> None:
    # -7.5 = -3 * 3 + 1.5 with the floor, and -2 * 3 - 1.5 with truncation.
    assert slope(lambda b: np.remainder(-7.5, b), 3.0, backend) == 3.0
    assert slope(lambda b: np.fmod(-7.5, b), 3.0, backend) == 2.0


def test_frexp_keeps_its_value() -> None:
    mantissa, exponent = math.frexp(10.0)
    y, slopes = dk.value_and_jacobian(lambda x: np.stack(np.frexp(x)), 10.0)
    np.testing.assert_array_equal(y, [mantissa, exponent])
    np.testing.assert_array_equal(slopes, [1 / 16, 0.0])


@pytest.mark.parametrize("fn", [np.spacing, lambda x: np.nextafter(x, 2.0)])
def test_functions_of_the_number_format_are_refused(fn) -> None:
    with pytest.raises(MissingRuleError):
        dk.gradient(lambda x: np.sum(fn(x)), np.ones(2))
