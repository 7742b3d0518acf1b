"""The Jacobian of a scalar program in one sweep is the one of many sweeps."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.tape import batched, record

X = np.linspace(0.4, 2.0, 9)


def residuals(x):
    out = []
    for k in range(len(x) - 1):
        out += [10.0 * (x[k + 1] - x[k] ** 2), 1.0 - np.sin(x[k]) / x[k + 1]]
    return out


def one_number(x):
    total = 0.0
    for k in range(len(x)):
        total = np.exp(total / 9) + x[k] ** 1.5 * np.arctan2(x[k], x[0])
    return total


def with_a_constant_row(x):
    return np.stack([x[0] * x[3], 5.0, x[8]])


@pytest.mark.parametrize("backend", ["forward", "reverse"])
@pytest.mark.parametrize("f", [residuals, one_number, with_a_constant_row])
def test_the_same_as_separate_sweeps(f, backend, monkeypatch) -> None:
    calls = []
    together = batched.batched_jacobian
    module = f"diffkit._backends.{backend}.batched_jacobian"
    monkeypatch.setattr(module, lambda *a: calls.append(together(*a)) or calls[-1])
    jacobian = dk.jacobian(f, X, backend=backend)
    assert any(c is not None for c in calls) or (f is one_number and backend == "reverse")
    monkeypatch.setattr(module, lambda *a: None)
    np.testing.assert_allclose(jacobian, dk.jacobian(f, X, backend=backend), rtol=1e-13)


def test_a_program_on_arrays_is_left_to_the_ordinary_sweeps() -> None:
    jacobian = dk.jacobian(lambda x: np.cumsum(x) * x[0], X)
    expected = np.tril(np.ones((9, 9))) * X[0]
    expected[:, 0] += np.cumsum(X)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-13)


def root_and_squares(x):
    return np.stack([np.sqrt(x[0]), *(x[k] ** 2 for k in range(1, 9))])


@pytest.mark.parametrize("backend", ["forward", "reverse"])
def test_an_infinite_slope_says_nothing_of_other_directions(backend) -> None:
    """The first element of the row is infinite; the others are zero, and not 0 times infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        jacobian = dk.jacobian(root_and_squares, np.arange(9.0), backend=backend)
    expected = np.diag(2.0 * np.arange(9.0))
    expected[0, 0] = np.inf
    np.testing.assert_array_equal(jacobian, expected)


def test_nor_of_one_number() -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        jacobian = dk.jacobian(
            lambda x: np.sqrt(x[0]) + x[8] ** 2, np.arange(9.0), backend="forward"
        )
    np.testing.assert_array_equal(jacobian, [np.inf, *np.zeros(7), 16.0])


def test_products_with_several_tangents_are_those_with_each() -> None:
    x = np.linspace(0.4, 2.0, 9)
    rng = np.random.default_rng(0)
    for count in (0, 1, 3, 7, 70):  # apart, together, and together in parts
        tangents = [rng.normal(size=9) for _ in range(count)]
        for f in (residuals, one_number, with_a_constant_row, np.cumsum, lambda x: np.ones(2)):
            rows, y, k = record(f, [x])
            found = batched.pushed(rows, x, y, k, tangents)
            assert len(found) == count
            for v, product in zip(tangents, found, strict=True):
                np.testing.assert_allclose(product, dk.jvp(f, x, v, backend="forward"), rtol=1e-12)
