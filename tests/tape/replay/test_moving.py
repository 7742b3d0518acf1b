"""Large inputs and results that are not copied: they stay the caller's."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.tape.replay.arrays.moving import LARGE
from diffkit.tape.replay.inner_loops import same_bits

WITHOUT = importlib.util.find_spec("numba") is None
RNG = np.random.default_rng(3)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def of_two(x: Any, y: Any) -> Any:
    return np.sum(x * y + x * x) + np.sum(y) * x[0, 3]


def prepared(f: Any, *args: Any, plan: str, **options: Any) -> Any:
    if plan == "machine" and WITHOUT:
        pytest.skip("Numba is not installed (extra 'fast')")
    return dk.prepare(dk.value_and_gradient, f, *args, plan=plan, **options)


@pytest.mark.parametrize("plan", ["arrays", "machine"])
@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 7, 20_000])
def test_the_point_is_read_and_the_gradient_is_new(plan: str, size: int) -> None:
    g = prepared(rosenbrock, RNG.normal(size=size), plan=plan)
    x, y = RNG.normal(size=(2, size))
    kept = x.copy()
    x.flags.writeable = False
    value, first = g(x)
    expected = dk.value_and_gradient(rosenbrock, x)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(first, expected[1], rtol=1e-12, atol=1e-9)
    before = first.copy()
    second = g(y)[1]
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, x)
    assert same_bits(first, before)
    assert same_bits(x, kept)
    first[:] = np.nan  # the caller's own
    assert same_bits(g(x)[1], before)


@pytest.mark.parametrize("plan", ["arrays", "machine"])
def test_one_array_for_two_arguments_and_arrays_that_are_gone(plan: str) -> None:
    shape = (70, 70)
    x, y = RNG.normal(size=(2, *shape))
    g = prepared(of_two, x, y, plan=plan, argnums=(0, 1))
    for a, b in ((x, x), (x, y), (y.copy(), x.copy()), (x * 2.0, x[::-1, :].copy())):
        found, expected = g(a, b), dk.value_and_gradient(of_two, a, b, argnums=(0, 1))
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        for c, d in zip(found[1], expected[1], strict=True):
            np.testing.assert_allclose(c, d, rtol=1e-12, atol=1e-9)
    turned = np.asfortranarray(x)
    np.testing.assert_allclose(g(turned, y)[1][0], g(x, y)[1][0], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("plan", ["arrays", "machine"])
def test_unaligned_points(plan: str) -> None:
    x = RNG.normal(size=LARGE + 5)
    g = prepared(rosenbrock, x, plan=plan)
    raw = np.empty(x.nbytes + 1, np.uint8)
    odd = np.frombuffer(raw.data, np.float64, x.size, offset=1)
    odd[:] = x
    assert same_bits(g(odd)[1], g(x)[1])


@pytest.mark.parametrize("plan", ["arrays", "machine"])
def test_the_point_itself_and_the_same_twice_as_results(plan: str) -> None:
    f = lambda x: np.sum(x * x) * 0.5  # noqa: E731
    x = RNG.normal(size=LARGE)
    g = prepared(f, x, plan=plan)(x)[1]
    assert same_bits(g, x)
    assert not np.shares_memory(g, x)
    if plan == "arrays":
        twice = dk.prepare(dk.jvp, lambda x: (y := x * 2.0) + 0.0 * y, x, x, plan=plan)
        assert same_bits(twice(x, x), 2.0 * x)


@pytest.mark.parametrize("plan", ["arrays", "machine"])
def test_threads_have_addresses_of_their_own(plan: str) -> None:
    points = RNG.normal(size=(8, 30_000))
    g = prepared(rosenbrock, points[0], plan=plan)
    expected = [g(x)[1] for x in points]
    with ThreadPoolExecutor(4) as pool:
        for (_, found), y in zip(pool.map(g, [*points] * 4), expected * 4, strict=True):
            assert same_bits(found, y)


def test_not_finite_points_are_refused_as_before() -> None:
    x = RNG.normal(size=LARGE)
    g = prepared(rosenbrock, x, plan="arrays")
    x[17] = np.inf
    with pytest.raises(dk.errors.DiffkitError):
        g(x)
