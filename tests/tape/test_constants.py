"""A plain array that changes after its use is copied or refused, never silently seen changed."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ChangedConstantError


def reusing_a_work_array(n):
    def f(x):
        work = np.linspace(1.0, 2.0, n)
        total = np.sum(x[0] * work)
        work[:] = 3.0
        return total + np.sum(np.multiply(work, x[1]))

    return f


@pytest.mark.parametrize("backend", ["forward", "reverse"])
def test_short_arrays_are_seen_as_they_were(backend) -> None:
    g = dk.gradient(reusing_a_work_array(100), np.ones(2), backend=backend)
    np.testing.assert_allclose(g, [150.0, 300.0])


@pytest.mark.parametrize("backend", ["forward", "reverse"])
@pytest.mark.parametrize("n", [1000, 10**5])
def test_a_change_of_a_long_array_is_refused(n, backend) -> None:
    with pytest.raises(ChangedConstantError, match="copy"):
        dk.gradient(reusing_a_work_array(n), np.ones(2), backend=backend)


def test_a_change_of_one_element_is_noticed() -> None:
    def f(x):
        work = np.ones(5000)
        y = np.sum(x * work[:3]) + np.sum(x[0] * work)
        work[4321] = 2.0
        return y

    with pytest.raises(ChangedConstantError):
        dk.gradient(f, np.ones(3))


def test_arrays_that_stay_may_be_used_as_often_as_one_likes() -> None:
    data = np.linspace(0.0, 1.0, 2000)

    def f(x):
        return sum(np.sum(data * x[0]) + np.sum(np.sin(data + x[1])) for _ in range(3))

    expected = [3 * data.sum(), 3 * np.cos(data + 2.0).sum()]
    np.testing.assert_allclose(dk.gradient(f, np.array([1.0, 2.0])), expected, rtol=1e-12)


@pytest.mark.parametrize("backend", ["forward", "reverse"])
def test_lists_masks_and_views_are_seen_as_they_were(backend) -> None:
    def with_a_list(x):
        c = [1.0, 1.0, 1.0]
        s = np.sum(x * c)
        c[0] = 50.0
        return s

    def with_an_index(x):
        i = [0, 1]
        s = np.sum(x[i])
        i[0] = 2
        return s

    def with_a_mask(x):
        m = np.array([True, False, True])
        s = np.sum(x, where=m)
        m[:] = True
        return s

    def with_a_broadcast_view(x):
        w = np.ones(3)
        y = np.broadcast_to(w, (2, 3)) * x
        w[:] = 7.0
        return np.sum(y) / 2

    expected = {
        with_a_list: [1, 1, 1],
        with_an_index: [1, 1, 0],
        with_a_mask: [1, 0, 1],
        with_a_broadcast_view: [1, 1, 1],
    }
    for f, g in expected.items():
        np.testing.assert_array_equal(dk.gradient(f, np.ones(3), backend=backend), g)


def test_a_change_of_one_element_of_a_large_array_is_noticed() -> None:
    def f(x):
        work = np.ones(20_000)
        y = x[0] * work
        work[5] = 100.0
        return np.sum(y)

    with pytest.raises(ChangedConstantError):
        dk.gradient(f, np.ones(3))
