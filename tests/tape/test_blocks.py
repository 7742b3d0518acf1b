"""The sweep in blocks gives what the sweep row after row gives."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.tape import blocks


def chain(x):
    return np.sum(np.exp(-(x**2)) * np.sin(3 * x) + np.sqrt(1 + x**2))


def with_scalars(x):
    scale = x[0] * x[1]
    y = x * scale
    return np.sum(np.tanh(y) * scale + y / (2 + np.cos(scale * x)))


def two_results_of_one_run(x):
    y = np.sin(x)
    z = y * x
    return np.sum(y) * np.sum(np.exp(z) - y) + z[3]


def of_a_matrix(x):
    m = np.reshape(x, (4, -1))
    return np.sum(np.sin(m) * m + m.T.reshape(m.shape))


@pytest.mark.parametrize("f", [chain, with_scalars, two_results_of_one_run, of_a_matrix])
@pytest.mark.parametrize("size", [blocks.LARGE, 9 * blocks.BLOCK + 4])
def test_blocks_give_the_same_gradient(f, size, monkeypatch) -> None:
    x = np.random.default_rng(3).normal(size=size) / 100
    calls = []
    original = blocks.sweep_run
    monkeypatch.setattr(blocks, "sweep_run", lambda *a: calls.append(1) or original(*a))
    monkeypatch.setattr(blocks, "LARGE", 1024)
    in_blocks = dk.gradient(f, x)
    assert calls, "the sweep in blocks was not used"
    monkeypatch.setattr(blocks, "LARGE", 10**9)
    np.testing.assert_allclose(in_blocks, dk.gradient(f, x), rtol=1e-12, atol=1e-13)


def test_the_number_of_threads_does_not_change_a_bit(monkeypatch) -> None:
    x = np.random.default_rng(3).normal(size=20 * blocks.BLOCK) / 100
    monkeypatch.setattr(blocks, "LARGE", 1024)
    together = dk.gradient(with_scalars, x)
    monkeypatch.setattr(blocks, "MAX_THREADS", 1)
    np.testing.assert_array_equal(together, dk.gradient(with_scalars, x))


def test_the_callers_errstate_holds_in_the_threads() -> None:
    x = np.zeros(20 * blocks.BLOCK)
    with np.errstate(all="ignore"):
        g = dk.gradient(lambda x: np.sum(np.sqrt(x * x) * 1.0), x)
    assert np.isnan(g).all()
