"""Kernels: with NumPy's bits where they are asked for, and elsewhere right up to rounding."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.rules.elementary import sech_squared
from diffkit.tape import record_many
from diffkit.tape.replay.arrays.buffers import ArrayProgram
from diffkit.tape.replay.inner_loops import same_bits, trial_points
from diffkit.tape.replay.program import MissedBranch, program

WITHOUT = importlib.util.find_spec("llvmlite") is None
pytestmark = pytest.mark.skipif(WITHOUT, reason="llvmlite is not installed (extra 'fast')")

ULPS = {np.exp: 1.0, np.sin: 0.8, np.cos: 0.8, np.log: 1.0, np.tanh: 2.5, sech_squared: 3.5}
TRUTH: dict[Any, Any] = {
    np.exp: mpmath.exp,
    np.log: mpmath.log,
    np.sin: mpmath.sin,
    np.cos: mpmath.cos,
    np.tanh: mpmath.tanh,
    sech_squared: lambda x: mpmath.sech(x) ** 2,
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 2.0**-1022, 1e308, 709.7, 709.8,
           -745.0, -746.0, -1e300, 1.0, -1.0]  # fmt: skip


def kernel_of(form: Any, operands: int, x: Any, out: Any) -> Any:
    """What a kernel of one operation gives for the rows of x, and a truth table for its result."""
    import ctypes

    from diffkit.tape.replay.machine_code.kernel import Kernel, Operation, Strided

    given = tuple([("a", k) for k in range(operands)])
    kernel = Kernel(
        (x.shape[1],), tuple([Strided((8,), "d")] * operands), 0, (Operation(form, given),),
        ((("v", 0), Strided(out.strides, out.dtype.char)),), (),
    )  # fmt: skip
    engine, address = kernel.compiled()
    table = np.array([*[row.ctypes.data for row in x], out.ctypes.data], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)(table.ctypes.data)
    return engine


@pytest.mark.parametrize("fn", ULPS, ids=str)
def test_functions_are_right_to_the_last_places(fn: Any) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=1500) * s for s in (1e-9, 1e-3, 1.0, 10.0, 250.0)])
    if fn in (np.sin, np.cos):
        x = np.concatenate([x, np.arange(1.0, 900.0) * (np.pi / 2), rng.normal(size=500) * 1e9])
    x = np.abs(x) if fn is np.log else x
    y = np.empty_like(x)
    kernel_of(fn, 1, x[None], y)
    with mpmath.workprec(120):
        truth = [TRUTH[fn](mpmath.mpf(v)) for v in x.tolist()]
        errors = [
            abs(float((mpmath.mpf(a) - b) / mpmath.mpf(float(np.spacing(abs(float(b)))))))
            for a, b in zip(y.tolist(), truth, strict=True)
        ]
    assert max(errors) < ULPS[fn]


@pytest.mark.parametrize("fn", ULPS, ids=str)
def test_functions_at_the_ends_of_the_numbers(fn: Any) -> None:
    x = np.array(SPECIAL)
    y = np.empty_like(x)
    kernel_of(fn, 1, x[None], y)
    with np.errstate(all="ignore"):
        expected = fn.fn(x) if fn is sech_squared else fn(x)
    np.testing.assert_allclose(y, expected, rtol=1e-15, atol=1e-322)
    assert np.array_equal(np.signbit(y[x == 0]), np.signbit(expected[x == 0]))


ELEMENTWISE = [
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.reciprocal, np.sqrt),
    *(np.absolute, np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
]


def test_all_exact_operations_are_tried_below() -> None:
    from diffkit.tape.replay.machine_code.kernel import _LOGIC, _NOT, EXACT

    assert {*ELEMENTWISE, *_LOGIC, *_NOT, "where", "pad"} == EXACT


@pytest.mark.parametrize("size", [1, 5, 8, 30, 33, 1003])
def test_arithmetic_and_orders_have_the_bits_of_numpy(size: int) -> None:
    rng = np.random.default_rng(size)
    for fn in ELEMENTWISE:
        x = rng.choice(trial_points(1)[:, 0], size=(fn.nin, size))
        with np.errstate(all="ignore"):
            expected = fn(*x)
        out = np.empty_like(expected)
        kernel_of(fn, fn.nin, x, out)
        assert same_bits(out, expected), fn


RAMP = np.linspace(1.0, 2.0, 500)

# Random programs on arrays of shape (6, 11)

UNARY = [np.negative, np.square, np.sqrt, np.absolute, np.exp, np.tanh, np.reciprocal]
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.maximum]
SHAPE = (6, 11)
PARTS: dict[str, Any] = {
    "itself": lambda v: v,
    "a row": lambda v: v[2],
    "a column": lambda v: v[:, 3:4],
    "shifted": lambda v: np.concatenate([v[1:], v[:1]]),
    "backwards": lambda v: v[::-1, ::-1],
    "row sums": lambda v: np.sum(v, axis=1, keepdims=True),
    "column sums": lambda v: np.sum(v, axis=0),
    "largest": lambda v: np.max(v, axis=1, keepdims=True),
    "total": lambda v: np.sum(v) * 0.01,
    "mean": lambda v: np.mean(v),
    "chosen": lambda v: np.where(v > 0.5, v, 2.0),
    "powers": lambda v: v**2 + 1.0,
    "inner": lambda v: np.sum(v[1:, 1:]) * 0.01,
    "neighbours": lambda v: np.concatenate([v[:, 1:] - v[:, :-1], v[:, :1]], axis=1),
    "rows of other shapes": lambda v: np.sum(v[1:] * 0.5, axis=0) + np.sum(v[::2, ::-3]),
}


@st.composite
def functions(draw: Any) -> Any:
    steps = []
    for n in range(draw(st.integers(2, 12))):
        part = draw(st.sampled_from(sorted(PARTS)))
        if draw(st.booleans()):
            fn = draw(st.sampled_from(UNARY))
            steps.append((fn, draw(st.integers(0, n)), None, part))
        else:
            fn = draw(st.sampled_from(BINARY))
            steps.append((fn, draw(st.integers(0, n)), draw(st.integers(0, n)), part))

    def f(x: Any) -> Any:
        values = [x]
        for fn, i, j, part in steps:
            a = values[i]
            if j is None:
                values.append(fn(np.abs(a) * 0.5 + 0.1) - PARTS[part](a))
            else:
                values.append(fn(a, np.abs(PARTS[part](values[j])) + 0.25))
        return values[-1] + 0.1 * values[len(values) // 2]

    return f


@settings(max_examples=60, deadline=None)
@given(functions(), st.integers(0, 99), st.booleans())
def test_random_programs_are_what_numpy_computes(f: Any, seed: int, exact: bool) -> None:
    from diffkit.tape.replay.arrays.fusing import fused
    from diffkit.tape.replay.machine_code.kernel import EXACT, INEXACT

    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        x, y = rng.normal(size=(2, *SHAPE))

        def both(t: Any) -> Any:
            value, pull = f(t), dk.gradient(lambda s: np.sum(f(s)), t)
            return [value, pull]

        try:
            recorded = program(*record_many(both, [x]))
            made = ArrayProgram(recorded)
            cold = made([y])
        except (MissedBranch, dk.errors.DiffkitError):  # overflow, or a branch
            return
        forms = EXACT if exact else EXACT | INEXACT
        some = bool(fused(made.program, forms, not exact)[1])
        if exact:
            assert made.heat() is some
        else:
            made = ArrayProgram(recorded, hot=True)
            assert made.hot is some
        found = made([y])
        again = made([y])
    for a, b, c in zip(cold, found, again, strict=True):
        assert same_bits(b, c)
        if exact:
            assert same_bits(a, b)
        else:
            np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-9 * max(1.0, np.max(np.abs(a))))


def mixture(p: Any) -> Any:
    weights, means, logs = p
    points = np.linspace(-1.0, 1.0, 120).reshape(20, 1, 6)
    d = (points - means) * np.exp(-logs)
    e = weights - 0.5 * np.sum(d * d, axis=2) - np.sum(logs, axis=1)
    top = np.max(e, axis=1, keepdims=True)
    return np.sum(top[:, 0] + np.log(np.sum(np.exp(e - top), axis=1)))


def at(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return rng.normal(size=40), rng.normal(size=(40, 6)), rng.normal(size=(40, 6)) / 4


def test_plan_machine_of_arrays() -> None:
    g = dk.prepare(dk.value_and_gradient, mixture, at(0), plan="machine")
    assert g.plan.name == "machine"
    for seed in range(3):
        value, parts = g(at(seed))
        expected, true = dk.value_and_gradient(mixture, at(seed))
        assert value == pytest.approx(expected, rel=1e-13)
        for a, b in zip(parts, true, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    assert g.recordings == 1


def test_threads_share_kernels() -> None:
    g = dk.prepare(dk.gradient, mixture, at(0), plan="machine")
    expected = [g(at(k)) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for found, y in zip(pool.map(g, [at(k % 8) for k in range(64)]), expected * 8, strict=True):
            assert all(same_bits(a, b) for a, b in zip(found, y, strict=True))


@pytest.mark.parametrize("threads", [1, 4])
def test_plan_arrays_comes_to_passes_and_keeps_the_bits(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffkit.tape.replay.arrays import buffers as arrays

    monkeypatch.setattr(arrays, "SOME_PASSES", 0.0)
    monkeypatch.setattr(arrays, "A_TRIAL", 0.0)
    f = lambda p: [mixture(p), *dk.gradient(mixture, p)]  # noqa: E731
    made = ArrayProgram(program(*record_many(lambda *p: f(p), at(0))))
    points = [at(k % 8) for k in range(4 * arrays.FEWEST_CALLS)]
    expected = [f(at(k)) for k in range(8)]
    with ThreadPoolExecutor(threads) as pool:
        for k, found in enumerate(pool.map(made, points)):
            assert all(same_bits(a, b) for a, b in zip(found, expected[k % 8], strict=True))
    assert made._idle[0].kernels


@pytest.mark.parametrize("reduce", [np.max, np.min], ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("place", [0, 7, 300, 499])
def test_a_nan_is_not_hidden_by_an_extreme(reduce: Any, place: int) -> None:
    f = lambda x: [reduce(x / x), reduce(x * x)]  # noqa: E731
    made = ArrayProgram(program(*record_many(f, [RAMP])), hot=True)
    assert made.hot
    bad = RAMP.copy()
    bad[place] = 0.0  # 0 / 0
    with np.errstate(all="ignore"):
        first, second = made([bad])
    assert np.isnan(first)
    assert second == reduce(bad * bad)


@pytest.mark.parametrize("extreme", [np.maximum, np.minimum], ids=lambda fn: fn.__name__)
def test_extremes_of_pairs(extreme: Any) -> None:
    pairs = trial_points(2)[: 8 * 200].T.copy()
    out = np.empty(pairs.shape[1])
    kernel_of(extreme, 2, pairs, out)
    np.testing.assert_array_equal(out, extreme(*pairs))


def test_a_kernel_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.tape.replay.machine_code import kernel as kernels

    f = lambda x: [np.exp(x * 2.0) - x * x * x]  # noqa: E731
    x = np.linspace(0.1, 1.0, 500)
    monkeypatch.setitem(kernels._ARITHMETIC, np.multiply, "fadd {t} {}, {}")
    made = ArrayProgram(program(*record_many(f, [x])), hot=True)
    assert not made.hot
    assert same_bits(made([x])[0], f(x)[0])
