"""Loops of machine code over blocks: the bits of NumPy, whatever the numbers and the sizes."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.tape.replay.arrays import runs
from diffkit.tape.replay.inner_loops import same_bits, trial_points

WITHOUT = importlib.util.find_spec("llvmlite") is None
needs_llvm = pytest.mark.skipif(WITHOUT, reason="llvmlite is not installed (extra 'fast')")
ARITY = {ufunc: ufunc.nin for ufunc in runs.FUSIBLE}


@st.composite
def loops(draw: Any) -> Any:
    """Operations on two arrays and a number, as positions in the list of all values."""
    operations = []
    for n in range(draw(st.integers(1, 12))):
        ufunc = draw(st.sampled_from(sorted(runs.FUSIBLE, key=lambda u: u.__name__)))
        operands = [draw(st.integers(0, 2 + n)) for _ in range(ARITY[ufunc])]
        operations.append((ufunc, tuple(operands)))
    outs = draw(st.sets(st.integers(0, len(operations) - 1), min_size=1, max_size=3))
    return operations, sorted(outs)


@needs_llvm
@settings(max_examples=60, deadline=None)
@given(
    loops(),
    st.sampled_from([0, 1, 7, 8, 9, 16, 1003]),
    st.integers(0, 99),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_a_loop_has_the_bits_of_numpy(made: Any, size: int, seed: int, number: float) -> None:
    from diffkit.tape.replay.machine_code.fused import FusedLoop, Operation

    operations, outs = made
    rng = np.random.default_rng(seed)
    a, b = rng.choice(trial_points(1)[:, 0], size=(2, size))
    names = [("a", 0), ("a", 1), ("n", 0), *[("v", k) for k in range(len(operations))]]
    loop = FusedLoop(
        [Operation(ufunc, tuple([names[n] for n in operands])) for ufunc, operands in operations],
        2, 1, outs,
    )  # fmt: skip
    values: list[Any] = [a.copy(), b.copy(), np.full(size, number)]
    with np.errstate(all="ignore"):
        for ufunc, operands in operations:
            values.append(ufunc(*[values[n] for n in operands]))
    # The first result overwrites an operand, and guards stand behind the others.
    results = [a, *[np.full(size + 1, 7.0) for _ in outs[1:]]]
    at = np.array([v.ctypes.data for v in (a, b, *results)], np.int64)
    held = np.array([number])
    loop.run(at.ctypes.data, held.ctypes.data, size)
    for k, y in zip(outs, results, strict=True):
        assert same_bits(y[:size], values[3 + k])
    assert all(y[size] == 7.0 for y in results[1:])


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def mixed(x: Any) -> Any:
    """Arithmetic, other functions and a number that is computed at each call."""
    scale = np.sqrt(x[0] * x[0] + 1.0)
    y = np.sin(x) * scale + np.abs(x) / (1.0 + x**2)
    return np.sum(np.sqrt(1.0 + y * y) - np.exp(-y * y) * x)


SIZES = [
    runs.LARGE, runs.LARGE + 1, runs.LONG_BLOCK + runs.BLOCK + 5, 2 * runs.LONG_BLOCK + 13,
    4 * runs.LONG_BLOCK + 3,
]  # fmt: skip


def without_fusing(f: Any, x: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_fused", lambda steps, *_: [*steps])
        return dk.prepare(dk.value_and_gradient, f, x)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("f", [rosenbrock, mixed])
def test_fused_or_not_the_bits_are_the_same(f: Any, size: int) -> None:
    rng = np.random.default_rng(size)
    x, y = rng.normal(size=(2, size))
    found, expected = dk.prepare(dk.value_and_gradient, f, x)(y), without_fusing(f, x)(y)
    assert found[0] == expected[0]
    assert same_bits(found[1], expected[1])


def test_denormals_and_points_that_are_not_finite() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=runs.LARGE + 3)
    g, plain = dk.prepare(dk.gradient, mixed, x), without_fusing(mixed, x)
    y = x * 1e-310
    assert same_bits(g(y), plain(y)[1])
    for bad in (np.nan, np.inf):
        y = x.copy()
        y[runs.BLOCK] = bad
        with pytest.raises(dk.errors.DiffkitError) as expected:
            dk.gradient(mixed, y)
        with pytest.raises(type(expected.value)):
            g(y)


def test_unaligned_and_read_only_arrays() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=runs.LARGE + 3)
    g = dk.prepare(dk.gradient, mixed, x)
    raw = np.empty(x.nbytes + 1, np.uint8)
    y = np.frombuffer(raw.data, np.float64, x.size, offset=1)
    y[:] = x
    assert not y.flags.aligned
    y.flags.writeable = False
    assert same_bits(g(y), g(x))


def test_threads_share_a_prepared_derivative() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(8, runs.LARGE + 17))
    g = dk.prepare(dk.gradient, mixed, points[0])
    expected = [g(x) for x in points]
    with ThreadPoolExecutor(4) as pool:
        for found, y in zip(pool.map(g, [*points] * 2), [*expected] * 2, strict=True):
            assert same_bits(found, y)


@needs_llvm
def test_what_differs_from_numpy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.tape.replay.machine_code import fused

    x = np.random.default_rng(0).normal(size=runs.LARGE + 3)
    expected = dk.prepare(dk.gradient, mixed, x)(x)
    monkeypatch.setitem(fused._FORMS, np.multiply, "fadd {t} {}, {}")
    assert same_bits(dk.prepare(dk.gradient, mixed, x)(x), expected)


@needs_llvm
def test_arithmetic_that_stands_together_is_one_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.tape.replay.machine_code import fused

    made = []
    original = fused.FusedLoop.__init__

    def counted(self: Any, operations: Any, *rest: Any) -> None:
        made.append(len(operations))
        original(self, operations, *rest)

    monkeypatch.setattr(fused.FusedLoop, "__init__", counted)
    x = np.random.default_rng(0).normal(size=runs.LARGE + 3)
    dk.prepare(dk.gradient, rosenbrock, x)
    assert max(made) >= 12


@needs_llvm
def test_without_a_loop_numpy_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.tape.replay.machine_code import fused

    x = np.random.default_rng(0).normal(size=runs.LARGE + 3)
    expected = dk.prepare(dk.gradient, rosenbrock, x)(x)
    monkeypatch.setattr(fused, "_VECTOR", "no type")
    assert same_bits(dk.prepare(dk.gradient, rosenbrock, x)(x), expected)
