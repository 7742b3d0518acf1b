"""Replays of random programs give the bits of the backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk

from .outcomes import difference, outcome

# Programs on numbers, with branches

UNARY = [
    np.sin,
    np.cos,
    np.exp,
    np.tanh,
    np.sqrt,
    np.log,
    np.arctan,
    np.square,
    np.abs,
    np.floor,
    lambda a: -a,
    lambda a: a**2,
    lambda a: a**3,
    lambda a: a**-1,
    lambda a: a**0.5,
    lambda a: 1.0 / a,
    lambda a: a * -0.0 + 0.0,
    lambda a: 2 * a,
    lambda a: a / 1.0,
    lambda a: np.sign(a) * a,
    lambda a: np.where(a > 0.5, a, np.log(np.abs(a) + 1)),
]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a if a > b else b * b,
    lambda a, b: max(a, b),
    lambda a, b: min(a, -b),
    np.arctan2,
    np.hypot,
    np.maximum,
    np.minimum,
    np.copysign,
    lambda a, b: np.where(a < b, a, b),
    lambda a, b: -a * -b,
    lambda a, b: a + -b,
]
STEPS = st.lists(
    st.tuples(st.integers(0, 999), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=25
)
POINTS = st.lists(st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3), min_size=3, max_size=3)


def on_numbers(steps: Any) -> Any:
    def f(x):
        values = [x[0], x[1], x[2], x[0] * 0.5 + x[1], 0.75]
        for which, i, j in steps:
            fn = [*UNARY, *BINARY][which % (len(UNARY) + len(BINARY))]
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(fn(a, b) if fn in BINARY else fn(a))
        return values[-1] * 1.0 + sum(values[5:-1], values[0])

    return f


def agrees(operator: Any, f: Any, points: Any, plan: str | None, ulps: int = 0) -> None:
    """Assert that a replay at each point, the first one twice, is what the backend gives."""
    prepared = outcome(lambda: dk.prepare(operator, f, points[0], plan=plan))
    want = outcome(operator, f, points[0])
    if isinstance(prepared, type):  # nothing to prepare, or not in that way
        assert prepared is want or plan is not None
        return
    for x in [*points, points[0]]:
        want, got = outcome(operator, f, x), outcome(prepared, x)
        if plan is not None and got is dk.errors.UnsupportedError:
            return
        assert not (where := difference(got, want, ulps)), (x, prepared.plan, where)


@settings(max_examples=200, deadline=None)
@given(STEPS, POINTS, st.sampled_from([None, "source", "arrays"]))
def test_programs_on_numbers(steps: Any, points: Any, plan: str | None) -> None:
    agrees(dk.value_and_gradient, on_numbers(steps), [np.array(x) for x in points], plan)


@settings(max_examples=60, deadline=None)
@given(STEPS, POINTS, st.sampled_from([None, "source", "arrays"]))
def test_second_derivatives_of_programs_on_numbers(steps: Any, points: Any, plan: Any) -> None:
    agrees(dk.value_and_hessian, on_numbers(steps[:8]), [np.array(x) for x in points], plan)


@settings(max_examples=80, deadline=None)
@given(STEPS, POINTS)
def test_batches_of_programs_on_numbers(steps: Any, points: Any) -> None:
    f, x = on_numbers(steps), np.array(points)
    prepared = outcome(lambda: dk.prepare(dk.value_and_gradient, f, x[0]))
    single = [outcome(dk.value_and_gradient, f, row) for row in x]
    if isinstance(prepared, type):
        return
    got = outcome(prepared.batch, x)
    errors = [s for s in single if isinstance(s, type)]
    if errors:
        assert got in errors
        return
    want = tuple(np.stack(part) for part in zip(*single, strict=True))
    assert not (where := difference(got, want, 4)), where


# Programs on arrays

ELEMENTWISE = [
    np.sin,
    np.tanh,
    np.exp,
    np.square,
    lambda a: -a,
    lambda a: 2.0 * a,
    np.abs,
    lambda a: a**2,
    lambda a: a**3,
    lambda a: a * np.full(a.shape, 2.0),
    lambda a: a * np.ones(a.shape),
    lambda a: a + np.zeros(a.shape),
    lambda a: np.where(a > 0, a, a * 0.1),
    lambda a: np.maximum(a, 0.2),
]
RESHAPING = [
    np.transpose,
    np.ravel,
    lambda a: np.reshape(a, (-1, 2)),
    lambda a: a[::2],
    lambda a: a[..., ::-1],
    lambda a: a[1:],
    np.cumsum,
    lambda a: np.flip(a, 0),
    lambda a: np.sum(a, axis=0),
    lambda a: np.sum(a, axis=-1, keepdims=True),
    lambda a: np.max(a, axis=-1),
    lambda a: np.mean(a),
    np.sum,
    np.prod,
    lambda a: np.sort(a, axis=-1),
    lambda a: np.concatenate([a, a * 2]),
    lambda a: np.stack([a, a]),
    lambda a: a[..., None],
    lambda a: np.take(a, [0, -1, 0]),
    lambda a: np.broadcast_to(a, (2, *a.shape)),
    lambda a: a[a > 0],
    np.squeeze,
    lambda a: np.diagonal(a),
    lambda a: np.swapaxes(a, 0, -1),
    np.copy,
    lambda a: np.roll(a, 1),
    lambda a: assigned(a),
]
PAIRED = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (2 + b * b),
    lambda a, b: a @ b,
    lambda a, b: -a * -b,
    lambda a, b: a - -b,
    np.maximum,
    lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.outer(a, b),
    lambda a, b: np.tensordot(a, b, 1),
]
TABLE = [*ELEMENTWISE, *RESHAPING, *PAIRED]


def assigned(a: Any) -> Any:
    out = np.zeros_like(a)
    out[...] = a
    out[0] = a[-1] * 2.0
    return out


def on_arrays(steps: Any) -> Any:
    """Operations for which shapes do not fit are left out."""

    def f(x):
        values = [x, np.cos(x), x * np.arange(1.0, 1 + x.shape[-1]), 1.5]
        for which, i, j in steps:
            fn = TABLE[which % len(TABLE)]
            a, b = values[i % len(values)], values[j % len(values)]
            try:
                y = fn(a, b) if fn in PAIRED else fn(a)
            except (ValueError, TypeError, IndexError, AttributeError):
                continue
            if np.size(y) <= 200:
                values.append(y)
        return sum(np.sum(v * 0.5) for v in values)

    return f


@st.composite
def arrays(draw: Any) -> list[Any]:
    """Three points of one shape, dtype and memory layout."""
    shape = draw(st.sampled_from([(4,), (3, 4), (4, 4), (2, 3, 4), (1, 4), (12,), (9, 17)]))
    layout = draw(st.sampled_from(["C", "F", "every second", "backwards"]))
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    points = []
    for _ in range(3):
        x = rng.normal(size=(2 * shape[0], *shape[1:])).astype(dtype)
        x = {
            "C": x[: shape[0]],
            "F": np.asfortranarray(x[: shape[0]]),
            "every second": x[::2],
            "backwards": x[: shape[0]][::-1],
        }[layout]
        x.flags.writeable = False
        points.append(x)
    return points


@settings(max_examples=250, deadline=None)
@given(STEPS, arrays())
def test_programs_on_arrays(steps: Any, points: Any) -> None:
    agrees(dk.value_and_gradient, on_arrays(steps), points, None)


@settings(max_examples=40, deadline=None)
@given(STEPS, arrays())
def test_products_with_the_hessian_of_programs_on_arrays(steps: Any, points: Any) -> None:
    f, v = on_arrays(steps[:8]), np.cos(points[0])
    prepared = outcome(lambda: dk.prepare(dk.value_and_hvp, f, points[0], v))
    for x in points if not isinstance(prepared, type) else []:
        want, got = outcome(dk.value_and_hvp, f, x, v), outcome(prepared, x, v)
        assert not (where := difference(got, want)), (prepared.plan, where)


@pytest.mark.parametrize("plan", [None, "arrays"])
def test_most_random_programs_on_arrays_are_replayed(plan: str | None) -> None:
    """Otherwise the properties above would compare the backend with itself."""
    rng, replayed = np.random.default_rng(5), 0
    for _ in range(40):
        f = on_arrays(rng.integers(0, 999, (6, 3)).tolist())
        g = outcome(lambda f=f: dk.prepare(dk.gradient, f, rng.normal(size=(3, 4)), plan=plan))
        if not isinstance(g, type):
            outcome(g, rng.normal(size=(3, 4)))
            replayed += g.plan.name != "eager"
    assert replayed > 25


def test_products_that_differ_in_the_order_of_their_elements_are_not_one() -> None:
    """The same numbers, column by column and row by row, of which sums round otherwise."""

    def f(x: Any) -> Any:
        c = np.cos(x)
        return np.sum(-c * -np.mean(x) * 0.5) + np.sum(c * 0.5)

    points = [np.asfortranarray(x) for x in np.random.default_rng(0).normal(size=(40, 3, 4))]
    agrees(dk.value_and_gradient, f, points, None)
