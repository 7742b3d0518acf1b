"""Sines and cosines of large arrays: within one ulp everywhere, and NumPy's where they are hard."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.tape.replay.arrays import runs

if importlib.util.find_spec("llvmlite") is None:
    pytest.skip("llvmlite is not installed (extra 'fast')", allow_module_level=True)

from diffkit.tape.replay.machine_code import sines
from diffkit.tape.replay.machine_code.sines import vectorised
from diffkit.tape.replay.machine_code.vector_functions import FARTHEST

UFUNCS = [np.sin, np.cos]


def ulps(found: Any, ufunc: np.ufunc, x: Any) -> Any:
    """Errors in units in the last place of the truth, from which they are told with 200 bits."""
    import flint

    worst = []
    with flint.ctx.workprec(200):
        for y, v in zip(found.tolist(), x.tolist(), strict=True):
            truth = getattr(flint.arb(v), ufunc.__name__)()
            unit = np.spacing(abs(float(truth)))
            worst.append(abs(float((flint.arb(y) - truth) / flint.arb(float(unit)))))
    return np.array(worst)


def computed(ufunc: np.ufunc, x: Any) -> Any:
    out = np.empty_like(x)
    vectorised(ufunc)(x, out)
    return out


@pytest.mark.parametrize("ufunc", UFUNCS)
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 0.8, 3.0, 100.0, 1e4, FARTHEST * 0.999])
def test_the_error_is_below_four_fifths_of_an_ulp(ufunc: np.ufunc, scale: float) -> None:
    x = np.random.default_rng(int(scale)).uniform(-scale, scale, 5001)
    assert ulps(computed(ufunc, x), ufunc, x).max() < 0.8


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_near_multiples_of_half_pi(ufunc: np.ufunc) -> None:
    """Where all but a few bits cancel, beside the very nearest doubles, which are NumPy's."""
    n = np.arange(1, 4002)
    x = n * (np.pi / 2)
    assert np.array_equal(computed(ufunc, x), ufunc(x))
    for distance in (2.0**-29.5, 2.0**-28, 1e-7, 1e-4, np.pi / 4):
        for y in (x + distance, -x - distance):
            assert ulps(computed(ufunc, y), ufunc, y).max() < 0.8


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_zeros_keep_their_sign_and_denormals_their_bits(ufunc: np.ufunc) -> None:
    x = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-300, 1e-9, -1e-9])
    found = computed(ufunc, x)
    assert np.array_equal(found, ufunc(x))
    assert np.array_equal(np.signbit(found), np.signbit(ufunc(x)))


@pytest.mark.parametrize("ufunc", UFUNCS)
@pytest.mark.parametrize("hard", [np.nan, np.inf, -np.inf, 2.0**20, -1e300])
@pytest.mark.parametrize("size", [8, 9, 16, 1003])
def test_hard_arguments_are_left_to_numpy(ufunc: np.ufunc, hard: float, size: int) -> None:
    for place in (0, 7, size - 1):
        x = np.linspace(-3.0, 3.0, size)
        x[place] = hard
        with np.errstate(invalid="ignore"):
            found, expected = computed(ufunc, x), ufunc(x)
        assert np.array_equal(found[place], expected[place], equal_nan=True)
        assert np.allclose(found, expected, rtol=4e-16, atol=0.0, equal_nan=True)


def test_without_a_loop_it_is_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sines, "V", "no type")
    assert sines.vectorised.__wrapped__(np.sin) is np.sin


@pytest.mark.parametrize("size", range(20))
def test_any_size_and_nothing_behind_the_end(size: int) -> None:
    x, out = np.linspace(-3.0, 3.0, size + 1), np.full(size + 1, 7.0)
    vectorised(np.sin)(x[:size], out[:size])
    np.testing.assert_allclose(out[:size], np.sin(x[:size]), rtol=2.3e-16)
    assert out[size] == 7.0


@pytest.mark.parametrize("size", [runs.LARGE, runs.LARGE + 5, 3 * runs.LARGE + runs.BLOCK + 1])
def test_gradients_are_those_of_numpy_within_a_few_ulps(size: int) -> None:
    rng = np.random.default_rng(size)
    x, y = rng.normal(size=(2, size)) * 3.0
    g = dk.prepare(dk.gradient, lambda x: np.sum(np.sin(x) * 2.0), x)
    np.testing.assert_allclose(g(y), 2.0 * np.cos(y), rtol=2.3e-16, atol=0.0)
    assert g.recordings == 1
