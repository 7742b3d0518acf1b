"""A replay sees that an array of the user's has changed, however it lies in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.errors import StaleTapeError
from diffkit.tape import record_many
from diffkit.tape.replay.numbers.native import available
from diffkit.tape.replay.program import program
from diffkit.tape.replay.watching import watch

GRID = np.arange(240.0).reshape(8, 30)
ARRAYS: dict[str, Any] = {
    "vector": lambda: np.arange(6.0),
    "one element": lambda: np.ones(1),
    "matrix": lambda: np.ones((3, 2)),
    "column by column": lambda: np.asfortranarray(GRID[:3, :2]),
    "every second": lambda: GRID.copy()[::2, ::7],
    "backwards": lambda: GRID.copy()[::-1, ::-3],
    "turned": lambda: GRID.copy()[:4].T[3:],
    "one column": lambda: GRID.copy()[:, 3],
    "many pieces": lambda: np.ones((700, 3))[:, 1],
    "long": lambda: np.ones(70_000),
    "of truth values": lambda: np.array([True, False, True]),
    "of short integers": lambda: np.arange(7, dtype=np.int16),
}


@pytest.mark.parametrize("plan", [None, "arrays"])
@pytest.mark.parametrize("name", ARRAYS)
def test_any_element_that_changes_is_seen(name: str, plan: str | None) -> None:
    weights = ARRAYS[name]()
    g = dk.prepare(dk.gradient, lambda x: np.sum(weights * x**2), 1.5, plan=plan, on_change="raise")
    total = float(np.sum(weights))
    assert g(2.0) == pytest.approx(4 * total)
    assert g(3.0) == pytest.approx(6 * total)
    for index in {(0,) * weights.ndim, (-1,) * weights.ndim, tuple(n // 2 for n in weights.shape)}:
        kept = weights[index]
        weights[index] = not kept if weights.dtype == bool else kept + 1
        with pytest.raises(StaleTapeError):
            g(2.0)
        weights[index] = kept
        assert g(2.0) == pytest.approx(4 * total)


def test_a_matrix_and_its_transpose_are_watched_once() -> None:
    a, other = np.random.default_rng(0).normal(size=(2, 30, 30))
    g = dk.prepare(dk.gradient, lambda x: x @ (a @ x) + other[0] @ x, np.ones(30))
    rows, values, places = record_many(lambda x: [x @ (a @ x) + a.T @ x @ x + other[0] @ x],
                                       [np.ones(30)])  # fmt: skip
    watched = program(rows, values, places).watching().noted
    assert sorted(array.shape for array, _ in watched) == [(30,), (30, 30)]
    a[3, 4] += 1.0
    np.testing.assert_allclose(g(np.ones(30)), (a + a.T) @ np.ones(30) + other[0], rtol=1e-13)


@pytest.mark.skipif(not available(), reason="Numba is not installed (extra 'fast')")
@settings(deadline=None, max_examples=30)
@given(st.integers(5000, 9000), st.integers(0, 99), st.data())
def test_changes_that_leave_the_sum_as_it_was_are_seen(size: int, seed: int, data: Any) -> None:
    a = np.random.default_rng(seed).integers(-3, 4, size).astype(float)
    made = program(*record_many(lambda x: [np.sum(x * a)], [np.ones(size)]))
    unchanged = watch(made)
    assert unchanged is not None
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=3, max_size=3, unique=True))
    before = a.copy()
    a[places] = a[places[1:] + places[:1]]
    assert bool(unchanged()) is bool(np.array_equal(a, before))
    a[:] = before
    a[places] += [1.0, -2.0, 1.0]
    assert not unchanged()
    a[:] = before
    a[places[0]] = np.nextafter(a[places[0]], 9.0)
    assert not unchanged()
    a[:] = before
    assert unchanged()
