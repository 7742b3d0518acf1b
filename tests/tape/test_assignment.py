"""Item assignment and in-place operators behave as on NumPy's own arrays."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import TracerConversionError

X = np.array([1.5, -0.7, 2.2])


def fill(x):
    out = np.zeros_like(x)
    out[0] = 2 * x[1]
    for k in range(1, 3):
        out[k] = out[k - 1] * x[k] + np.sin(x[k])
    return np.sum(out**2)


def slices_reach_their_array(x):
    a = np.zeros((3, 3), like=x)
    a[:, 0] += x
    a[1] = 2 * a[0] + x
    row = a[2]
    row *= x
    row[1:] = x[:2] ** 2
    return np.sum(a * a * a)


def an_array_reaches_its_slices(x):
    y = 2.0 * x
    tail = y[1:]
    y[2] = x[0] ** 2
    return np.sum(tail * tail) + np.sum(y)


def slices_of_slices(x):
    y = np.stack([x, x * x])
    inner = y[1][1:]
    y[1, 2] = x[0] * x[1]
    inner *= 3.0
    return np.sum(y**2)


def masks_and_lists(x):
    y = x * x
    y[x > 1] = x[1]
    y[[0, 2]] *= x[0]
    return np.sum(np.exp(y / 10))


def aliases(x):
    y = x * 1.0
    z = y
    z += x[0]
    z[0] = x[2]
    return np.sum(y * y)


def broadcast_assignment(x):
    y = np.zeros((2, 3), like=x)
    y[...] = x
    y[:, 1] = x[0]
    return np.sum(y**3)


FUNCTIONS = [
    fill,
    slices_reach_their_array,
    an_array_reaches_its_slices,
    slices_of_slices,
    masks_and_lists,
    aliases,
    broadcast_assignment,
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_reading_agrees_with_differences_of_numpys_own_semantics(f) -> None:
    """Finite differences run the very same code on plain arrays."""
    value, g = dk.value_and_gradient(f, X)
    assert value == pytest.approx(f(X), rel=1e-14)
    numeric = dk.gradient(f, X, backend=dk.FiniteDifference(order=4))
    np.testing.assert_allclose(g, numeric, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(dk.gradient(f, X, backend="forward"), g, rtol=1e-13)
    np.testing.assert_allclose(dk.trace(f, X).gradient()(X), g, rtol=1e-13)
    hessian = dk.hessian(f, X)
    numeric = dk.jacobian(lambda x: dk.gradient(f, x), X, backend=dk.FiniteDifference(order=4))
    np.testing.assert_allclose(hessian, numeric, rtol=1e-6, atol=1e-6)


def test_filling_an_array_takes_time_linear_in_its_length() -> None:
    """No copy for each element: the tape's rows share one shell instead of holding arrays."""
    from diffkit.tape import record

    def f(x):
        out = np.zeros_like(x)
        for k in range(len(x)):
            out[k] = x[k] * x[k - 1]
        return np.sum(out)

    rows, _, _ = record(f, [np.ones(200)])
    held = {id(row[1]) for row in rows if row[0].name == "setitem" and any(row[1].strides)}
    assert not held


def test_the_callers_array_is_not_changed() -> None:
    x = X.copy()

    def f(x):
        x[0] = 5.0
        x += 1.0
        return np.sum(x**2)

    np.testing.assert_allclose(dk.gradient(f, x), [0.0, 2 * 0.3, 2 * 3.2])
    np.testing.assert_array_equal(x, X)


def test_a_view_that_is_not_a_slice_is_refused_rather_than_wrong() -> None:
    def f(x):
        y = np.stack([x, 2 * x])
        t = y.T
        y[0, 0] = 7.0
        return np.sum(t * t)

    with pytest.raises(TracerConversionError, match="copy"):
        dk.gradient(f, X)


def test_assigning_a_complex_value_to_a_real_array_is_refused() -> None:
    def f(x):
        y = x * 1.0
        y[0] = x[1] * 1j
        return np.sum(y)

    with pytest.raises(TypeError, match="complex"):
        dk.gradient(f, X)


def test_where_an_element_is_named_twice_the_last_assignment_wins() -> None:
    def plain(x):
        y = np.zeros_like(x)
        y[[0, 0]] = x[:2]
        return np.sum(y)

    def the_classic_surprise(x):
        y = np.zeros(2, like=x)
        y[np.array([0, 0, 1])] += x
        return y @ y

    for backend in ("forward", "reverse"):
        np.testing.assert_array_equal(dk.gradient(plain, X, backend=backend), [0.0, 1.0, 0.0])
        g = dk.gradient(the_classic_surprise, X, backend=backend)
        np.testing.assert_allclose(g, [0.0, 2 * X[1], 2 * X[2]])
    np.testing.assert_allclose(dk.hessian(the_classic_surprise, X), np.diag([0.0, 2.0, 2.0]))


def test_a_mask_that_is_used_again_is_seen_as_it_was() -> None:
    def f(x):
        mask = np.zeros(3, bool)
        y = x * 2
        for k in range(2):
            mask[:] = False
            mask[k] = True
            y[mask] = 0.0
        return np.sum(y)

    for backend in ("forward", "reverse"):
        np.testing.assert_array_equal(dk.gradient(f, X, backend=backend), [0.0, 0.0, 2.0])


def test_plus_makes_a_copy() -> None:
    def f(x):
        y = +x
        y[0] = 0.0
        return np.sum(x * x)

    np.testing.assert_allclose(dk.gradient(f, X), 2 * X)


def test_assigning_to_whole_numbers_is_refused() -> None:
    def f(x):
        y = np.zeros_like(x, dtype=int)
        y[0] = x[0] * 1.7
        return np.sum(y) * 1.0

    with pytest.raises(TracerConversionError, match="dtype=float"):
        dk.gradient(f, X)


def test_an_array_filled_with_a_traced_value_depends_on_it() -> None:
    for make in (
        lambda x: np.full_like(x, x[0]),
        lambda x: np.full(3, x[0], like=x),
        lambda x: np.full_like(x, fill_value=x[0] * 1.0),
    ):
        for backend in ("forward", "reverse"):
            g = dk.gradient(lambda x, make=make: np.sum(make(x) * x), X, backend=backend)
            np.testing.assert_allclose(g, [X[0] + X.sum(), X[0], X[0]])
