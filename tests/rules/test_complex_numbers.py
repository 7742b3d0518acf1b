"""The rules of diffkit/rules/complex_numbers.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk

from .rule_checker import Case, check_rule

X = np.array([[-0.7, 0.3, 0.55], [0.8, -0.4, -0.15]])
Z = X + 1j * np.array([[0.4, -0.6, 0.3], [-0.2, 0.5, 0.7]])
W = 0.3 - 0.6j

CASES = [
    *(
        Case(fn, (z,), step=2e-3, tolerance=1e-6)
        for fn in (np.real, np.imag, np.conjugate, np.angle)
        for z in (Z, W)
    ),
    *(Case(fn, (x,)) for fn in (np.real, np.imag, np.conjugate, np.angle) for x in (X, 0.7)),
    Case(np.angle, (Z,), kwargs={"deg": True}, step=2e-3, tolerance=1e-6),
    *(Case(np.real_if_close, (z,)) for z in (X, Z)),
    Case(lambda x: np.real_if_close(x + 0j), (X,), key=np.real_if_close),
]
# The table entry, a call that covers it, and its arguments.
CONSTANTS = [(fn, fn, (X,)) for fn in (np.isreal, np.iscomplex, np.isrealobj)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_the_gradient_of_a_real_function_is_the_conjugate_of_the_steepest_direction() -> None:
    # |z|**2 = a**2 + b**2: df/da - i df/db = 2a - 2ib.
    got = dk.gradient(lambda z: np.sum(np.real(z) ** 2 + np.imag(z) ** 2), Z)
    np.testing.assert_allclose(got, 2 * np.conjugate(Z))


def test_the_gradient_of_a_holomorphic_function_is_its_complex_derivative() -> None:
    np.testing.assert_allclose(dk.vjp(np.exp, Z, np.ones_like(Z)), np.exp(Z))


def test_real_if_close_drops_rounding_errors_only() -> None:
    z = np.array([1.0 + 1e-15j, 2.0])
    assert dk.vjp(np.real_if_close, z, np.ones(2)).dtype == complex
    values = []
    dk.vjp(lambda z: values.append(np.real_if_close(z)) or np.real(z), z, np.ones(2))
    assert not np.iscomplexobj(values[0])
    assert dk.gradient(lambda x: x if np.isrealobj(x) else 2 * x, 1.0) == 1.0


@pytest.mark.parametrize(("key", "fn", "args"), CONSTANTS)
def test_questions_have_derivative_zero(key, fn, args) -> None:
    got = dk.gradient(lambda x: np.sum(np.where(fn(x), x, 2 * x)), *args)
    np.testing.assert_array_equal(got, np.where(fn(*args), 1.0, 2.0) * np.ones_like(X))
