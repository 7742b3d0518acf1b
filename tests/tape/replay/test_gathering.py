"""Gathering rows, and adding them up in places: with the bits of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.tape.replay.arrays.gathering import adder, gatherer
from diffkit.tape.replay.numbers import native

RNG = np.random.default_rng(0)
SHAPES = [(7,), (7, 1), (7, 3), (7, 2, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_loops(shape: tuple[int, ...], dtype: Any) -> None:
    if not native.available():
        pytest.skip("Numba is not installed (extra 'fast')")
    low = 0 if dtype is np.uint8 else -7
    index = RNG.integers(low, 7, 40).astype(dtype)
    rows = RNG.normal(size=(40, *shape[1:])) * 10.0 ** RNG.integers(-9, 9, (40, *shape[1:]))
    table, out, taken = RNG.normal(size=shape), np.full(shape, 7.0), np.empty_like(rows)
    add, gather = adder(index, out), gatherer(index, table, rows)
    assert add is not None
    assert gather is not None
    expected = np.zeros(shape)
    np.add.at(expected, index, rows)
    add(rows, out)
    assert np.array_equal(out, expected)
    gather(table, taken)
    assert np.array_equal(taken, table[index])
    wide = np.repeat(rows, 2, axis=-1)[..., ::2]
    add(wide, out)
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("index", [
    np.arange(3), np.zeros((4, 5), int), np.ones(20, bool), [0] * 20, np.full(20, 9), slice(None),
])  # fmt: skip
def test_other_indices_are_left_to_numpy(index: Any) -> None:
    assert adder(index, np.zeros((7, 2))) is None


@pytest.mark.parametrize("plan", [None, "arrays"])
@pytest.mark.parametrize("shape", SHAPES)
def test_replays_have_the_bits_of_the_backend(shape: tuple[int, ...], plan: str | None) -> None:
    index = RNG.integers(-7, 7, 50)
    f = lambda x: np.sum(np.sin(x)[index] ** 2 * 3.0 + x[index])  # noqa: E731
    x, y = RNG.normal(size=(2, *shape))
    g = dk.prepare(dk.value_and_gradient, f, x, plan=plan)
    value, gradient = g(y)
    expected = dk.value_and_gradient(f, y)
    assert value == expected[0]
    assert np.array_equal(gradient, expected[1])
    assert g.recordings == 1
