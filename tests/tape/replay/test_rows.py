"""What each row of a table does alone, in one pass over all rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.tape import record_many
from diffkit.tape.replay import rows
from diffkit.tape.replay.program import Program, program
from diffkit.tape.replay.rows import by_rows

from .outcomes import difference, outcome

if importlib.util.find_spec("llvmlite") is None:
    pytest.skip("llvmlite is not installed (extra 'fast')", allow_module_level=True)

ROUNDING = 100_000  # ulps of the largest element: sums that cancel are taken in another order
ROWS = 67  # eight at a time, and three that are left
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(ROWS, 3)) + 0.1
OTHER = RNG.normal(size=(ROWS, 2))
FEW = RNG.normal(size=(5, 3))
WHICH = RNG.integers(-5, 5, ROWS)
COLUMN = np.arange(1.0, ROWS + 1.0)


@pytest.fixture(autouse=True, scope="module")
def few_operations() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "FEWEST_OPERATIONS", 6)
        yield


def gradient_program(f: Any, x: Any) -> Program:
    recorded = record_many(lambda t: [*dk.value_and_gradient(f, t)], [x])
    return program(*recorded)


def rows_of(made: Program) -> list[str]:
    return [node.rule.name for node in made.nodes if node.rule.name == "rows"]


def rotated(x: Any) -> Any:
    """As bundle adjustment does it: an axis, an angle, a cross product."""
    angle = np.sqrt(np.sum(x * x, axis=1))[:, None]
    w = x / angle
    turned = np.stack((w[:, 1] * x[:, 2], w[:, 2] * x[:, 0], w[:, 0] * x[:, 1]), axis=1)
    return x * np.cos(angle) + turned * np.sin(angle)


def shares(x: Any) -> Any:
    """The logarithms of sums of exponentials, and what is largest."""
    top = np.max(x, axis=1, keepdims=True)
    return top[:, 0] + np.log(np.sum(np.exp(x - top), axis=1))


FUNCTIONS = {
    "rotation": lambda x: np.sum(rotated(x) ** 2),
    "quotients of columns": lambda x: np.sum((x[:, 0:2] / (2.0 + x[:, 2:3] ** 2) - OTHER) ** 2),
    "weights of rows": lambda x: np.sum(COLUMN[:, None] * np.tanh(x) * np.arange(3.0)),
    "sums of columns": lambda x: np.sum(np.sum(rotated(x) * COLUMN[:, None], axis=0) ** 2),
    "gathered": lambda x: np.sum((np.sin(x[:5] * 2.0)[WHICH] * x + x**2) ** 2),
    "joined": lambda x: np.sum(np.concatenate([x * 2.0, np.exp(-x)], axis=1) ** 2),
    "stacked": lambda x: np.sum(np.stack([x, rotated(x)], axis=2) * np.arange(2.0)),
    "chosen": lambda x: np.sum(np.where(x > 0.3, x**2, np.minimum(x, -x) * 3.0)),
    "backwards": lambda x: np.sum(x[:, ::-1] * x * np.arange(3.0) + np.sin(x[:, None, :])[:, 0]),
    "one pass after another": lambda x: np.sum((x**2 + np.exp(x) - np.sum(x) * x) ** 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name: str) -> None:
    f = FUNCTIONS[name]
    assert rows_of(by_rows(gradient_program(f, TABLE)))
    g = dk.prepare(dk.value_and_gradient, f, TABLE, plan="machine")
    for x in (TABLE, TABLE * 1.1 + 0.01, np.asfortranarray(TABLE), np.repeat(TABLE, 2, 0)[::2]):
        assert not (where := difference(g(x), dk.value_and_gradient(f, x), 256)), where
    assert g.plan.name == "machine"
    assert g.recordings <= 3  # one for each layout


def test_several_arguments_and_a_table_of_few() -> None:
    def f(p: Any) -> Any:
        few, weights, table = p
        return np.sum(weights[:, None] * (rotated(few[WHICH] + 2.0) - table) ** 2)

    p = FEW, COLUMN, TABLE
    g = dk.prepare(dk.gradient, f, p, plan="machine")
    q = FEW * 0.9, COLUMN + 1.0, TABLE * 1.2
    assert not (where := difference(g(q), dk.gradient(f, q), 256)), where


def test_cotangents_of_rows() -> None:
    u = np.cos(TABLE)
    g = dk.prepare(dk.vjp, rotated, TABLE, u, plan="machine")
    v = u * 0.5 + 0.1
    assert not (where := difference(g(TABLE * 1.1, v), dk.vjp(rotated, TABLE * 1.1, v), 256)), where


def test_what_is_not_finite_is_left_to_the_backend() -> None:
    f = lambda x: np.sum(np.log(x) * x + np.sqrt(x) * 2.0 / (1.0 + x))  # noqa: E731
    x = np.abs(TABLE) + 0.1
    g = dk.prepare(dk.gradient, f, x, plan="machine")
    x[3, 1] = -1.0
    with np.errstate(all="ignore"):
        assert outcome(g, x) is outcome(dk.gradient, f, x) is dk.errors.DomainError


@pytest.mark.parametrize("f", [
    lambda x: np.sum(np.cumsum(x, axis=0) ** 2),
    lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2),
    lambda x: np.sum(x @ x.T),
    lambda x: np.sum(np.sort(x, axis=0) * np.arange(3.0)),
])  # fmt: skip
def test_rows_that_are_mixed(f: Any) -> None:
    g = outcome(lambda: dk.prepare(dk.gradient, f, TABLE, plan="machine"))
    if isinstance(g, type):
        assert g is dk.errors.UnsupportedError
        return
    x = TABLE * 1.1
    assert not (where := difference(g(x), dk.gradient(f, x), 256)), where


STEPS = st.lists(
    st.tuples(st.integers(0, 999), st.integers(0, 99), st.integers(0, 99)), min_size=4, max_size=15
)
ALONE = [
    np.tanh, np.sin, np.exp, np.square, np.abs,
    lambda a: -a,
    lambda a: a * 0.5,
    lambda a: a * np.cos(np.arange(float(a.shape[0]))).reshape(-1, *[1] * (a.ndim - 1)),
    lambda a: a + np.arange(float(a.shape[-1])) if a.ndim > 1 else a + 1.0,
    lambda a: a[:, ::-1],
    lambda a: a[:, 1:],
    lambda a: a[:, :1],
    lambda a: a[:, 0],
    lambda a: a[:, None],
    lambda a: np.sum(a, axis=-1) if a.ndim > 1 else a,
    lambda a: np.max(a, axis=1, keepdims=True),
    lambda a: np.reshape(a, (len(a), -1)),
    lambda a: np.sum(a, axis=0),
    np.sum,
    lambda a: a[::-1],
]  # fmt: skip
PAIRED = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (2 + b * b),
    np.maximum,
    lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.concatenate([a, b], axis=1),
    lambda a, b: np.stack([a, b], axis=1),
]
TABLE_OF = [*ALONE, *PAIRED]


def on_rows(steps: Any) -> Any:
    """Operations for which shapes do not fit are left out."""

    def f(x: Any) -> Any:
        values = [x, x * OTHER[:, :1], np.cos(x[:, 0]), x[0]]
        for which, i, j in steps:
            fn = TABLE_OF[which % len(TABLE_OF)]
            a, b = values[i % len(values)], values[j % len(values)]
            try:
                y = fn(a, b) if fn in PAIRED else fn(a)
            except (ValueError, TypeError, IndexError, AttributeError):
                continue
            if np.size(y) <= 20 * ROWS:
                values.append(y)
        return sum(np.sum(v * 0.5) for v in values)

    return f


@settings(max_examples=30, deadline=None)
@given(STEPS, st.integers(0, 2**32), st.sampled_from([(ROWS, 3), (ROWS, 1), (64, 4)]))
def test_programs_on_rows(steps: Any, seed: int, shape: tuple[int, int]) -> None:
    points = np.random.default_rng(seed).normal(size=(3, *shape))
    f = on_rows(steps)
    prepared = outcome(lambda: dk.prepare(dk.value_and_gradient, f, points[0], plan="machine"))
    if isinstance(prepared, type):
        return
    for x in points:
        want, got = outcome(dk.value_and_gradient, f, x), outcome(prepared, x)
        if got is dk.errors.UnsupportedError:
            return
        assert not (where := difference(got, want, ROUNDING)), (prepared.plan, where)
