"""Block by block, in threads, and column by column: the same bits as NumPy's own way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.tape.replay.arrays import runs
from diffkit.tape.replay.arrays.reductions import reduction_into

from .outcomes import difference

SIZES = [runs.LARGE - 1, runs.LARGE, 5 * runs.BLOCK + 17, 3 * runs.LARGE + 1]


def through(x: Any) -> Any:
    y = np.sin(x) * 2.0 - x / 3.0
    z = np.exp(-y * y) + np.tanh(y) * np.max(x)
    return np.where(z > 0.5, z * z, y) * x - z**3 + np.sqrt(1.0 + z * z)


FUNCTIONS: list[Any] = [
    lambda x: np.sum(through(x)),
    lambda x: np.sum(through(x) * through(x)[::-1]),
    lambda x: np.sum(through(x)) * np.sum(np.cos(x)) + x[0] * x[-1],
    lambda x: np.sum(np.cumsum(np.sin(x) * x) * np.cos(x) * x),
    lambda x: np.sum((np.sin(x) * np.cos(x)).reshape(-1, 1) * np.arange(2.0)),
    lambda x: np.sum(np.sin(x) * x) if np.max(np.cos(x) * x) < 50 else np.sum(x),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("k", range(len(FUNCTIONS)))
def test_gradients_of_large_arrays(k: int, size: int) -> None:
    f, rng = FUNCTIONS[k], np.random.default_rng(k)
    points = [rng.normal(size=size) for _ in range(2)]
    prepared = dk.prepare(dk.value_and_gradient, f, points[0])
    kept = prepared(points[1])
    # The backend sweeps large arrays block by block as well, and adds terms in another order.
    ulps = 8 if size >= runs.LARGE else 0
    for x in (*points, points[1]):
        assert not difference(prepared(x), dk.value_and_gradient(f, x), ulps)
    assert not difference(kept, prepared(points[1]))  # still what it was
    assert prepared.recordings == 1


@pytest.mark.parametrize("shape", [(300, 200), (50_000, 2)])
def test_large_matrices_of_either_layout(shape: Any) -> None:
    def f(x: Any) -> Any:
        total = np.sum(through(x), axis=0) @ np.ones(shape[1])
        return np.sum(np.sin(x) * x + np.cos(x.T).T) + total

    x = np.random.default_rng(1).normal(size=shape)
    for first in (x, np.asfortranarray(x)):
        prepared = dk.prepare(dk.value_and_gradient, f, first)
        for point in (x, np.asfortranarray(x * 2), np.repeat(x, 2, axis=0)[::2]):
            assert not difference(prepared(point), dk.value_and_gradient(f, point), 8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_dtypes(dtype: Any) -> None:
    x = np.linspace(0.1, 2.0, runs.LARGE + 5).astype(dtype)
    f = lambda x: np.sum(np.abs(np.sin(x) * x - x * 0.5) ** 2)  # noqa: E731
    prepared = dk.prepare(dk.value_and_gradient, f, x)
    assert not difference(prepared(x + x), dk.value_and_gradient(f, x + x), 8)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([np.add, np.maximum, np.minimum]),
    st.sampled_from(
        [(64, 2), (70, 3), (9, 8, 7), (64, 8), (80, 9), (8, 9, 15), (64, 16), (3, 4), (64, 1)]
    ),
    st.booleans(),
    st.sampled_from([np.float64, np.float32]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_reductions_over_a_short_axis(
    ufunc: Any, shape: Any, keepdims: bool, dtype: Any, transposed: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a = (rng.normal(size=shape) * 10.0 ** rng.integers(-9, 9, shape)).astype(dtype)
    a[rng.random(shape) < 0.1] = -0.0
    a = np.asfortranarray(a) if transposed else a
    for axis in (-1, len(shape) - 1, 0, None, (0,), (-1,)):
        want = ufunc.reduce(a, axis=axis, keepdims=keepdims)
        out = np.empty(np.shape(want), dtype)
        for _ in range(2):  # the second time on used memory
            reduction_into(ufunc, shape, axis, keepdims)(a, out)
            assert np.array_equal(out, want)
