"""Replays on arrays run without Python where they can, and with the bits of NumPy's own calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.rules import elementary
from diffkit.tape import record_many
from diffkit.tape.replay.arrays import buffers as arrays
from diffkit.tape.replay.arrays.buffers import ArrayProgram
from diffkit.tape.replay.arrays.code import Coder, NotInstruction
from diffkit.tape.replay.arrays.stretches import PythonCall
from diffkit.tape.replay.program import MissedBranch, program

RNG = np.random.default_rng(5)
W = RNG.normal(size=(4, 6))

# Functions of an array of shape (5, 4) that need no call from Python
WITHOUT_PYTHON: dict[str, Any] = {
    "arithmetic": lambda x: (x * 2.0 - x / 3.0 + 1.0) * -x,
    "a short row": lambda x: x + np.arange(4.0),
    "a short column": lambda x: x * x[:, :1] - x[0],
    "functions": lambda x: np.exp(np.tanh(x)) + np.sqrt(np.abs(x)) * np.sin(x),
    "the slope of tanh": lambda x: elementary.sech_squared(x * 3) * elementary.sech_squared(x[0]),
    "powers": lambda x: x**2 + np.abs(x) ** 0.5,
    "slices": lambda x: x[1:, ::2] * x[:-1, 1::2],
    "backwards": lambda x: x[::-1] - x[:, ::-1],
    "transposed": lambda x: x.T * x[:4, :].T[:, :1],
    "a number as an array": lambda x: np.broadcast_to(np.sum(x), (3, 2)) * x[:3, 1:3],
    "a number as one element": lambda x: np.expand_dims(np.sum(x), 0) * x,
    "a sum": lambda x: np.sum(x * x),
    "a sum over rows": lambda x: np.sum(x, axis=0),
    "a sum over columns": lambda x: np.sum(x, axis=1),
    "a sum that keeps its axis": lambda x: x / np.sum(x * x, axis=-1, keepdims=True),
    "extremes": lambda x: np.max(x, axis=1) - np.min(x, axis=0)[0],
    "the largest of all": lambda x: x - np.max(x),
    "products": lambda x: (x @ W).T @ x,
    "a matrix and a vector": lambda x: x @ x[0] + (W.T @ x[1])[:5],
    "a product of vectors": lambda x: (x[0] @ x[1]) * x,
    "a choice": lambda x: np.where(x > 0.1, x * x, -x),
    "truth counts as one": lambda x: (x > 0) * x + (x < -1),
    "a count": lambda x: x / np.sum(x < 5),
    "logic": lambda x: np.where(np.logical_and(x > -1, ~(x > 1)), x, 0.0),
    "a number as itself": lambda x: np.reshape(np.sum(x), ()) * x,
    "numbers": lambda x: np.log(1.0 + np.sum(x * x)) * x + np.sum(x) ** 1,
    "joined": lambda x: np.concatenate([x[:2], 2.0 * x[1:]], axis=0),
    "piled": lambda x: np.stack([x[0], x[1] * 2.0], axis=1),
    "a cube": lambda x: np.sum(x[:, None, :] * x[None, :, :3, None][..., 0][..., None], axis=2),
}


def replayed(f: Any, x: Any) -> ArrayProgram:
    return ArrayProgram(program(*record_many(lambda t: [f(t)], [x])))


def calls_of(made: ArrayProgram) -> list[Any]:
    return [step.call for step in made._idle[0].steps if type(step) is PythonCall]


def assert_same_bits(a: Any, b: Any) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.array_equal(a.view(np.int64), b.view(np.int64)), (a, b)


@pytest.mark.parametrize("name", WITHOUT_PYTHON)
def test_the_value_has_numpys_bits(name: str) -> None:
    f = WITHOUT_PYTHON[name]
    made = replayed(f, RNG.normal(size=(5, 4)))
    assert not calls_of(made)
    for _ in range(4):
        x = RNG.normal(size=(5, 4)) * 10.0 ** RNG.integers(-3, 3)
        assert_same_bits(made([x])[0], f(x))


@pytest.mark.parametrize("name", WITHOUT_PYTHON)
def test_the_gradient_has_the_eager_bits_with_and_without_python(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = lambda x: np.sum(WITHOUT_PYTHON[name](x) * 1.5)  # noqa: E731
    x, y = RNG.normal(size=(2, 5, 4))
    here = dk.prepare(dk.value_and_gradient, f, x)(y)
    monkeypatch.setattr(arrays, "available", lambda: False)
    there = dk.prepare(dk.value_and_gradient, f, x)(y)
    eager = dk.value_and_gradient(f, y)
    for found in (here, there):
        assert_same_bits(found[0], eager[0])
        assert_same_bits(found[1], eager[1])


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (8,), (9,), (130,), (1000,), (9, 2), (100, 9),
                                   (3, 15, 2), (70, 3), (2, 3, 4, 5), (128, 16), (0, 3), (3, 0)],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("reduce", [np.sum, np.max, np.min], ids=lambda fn: fn.__name__)
def test_reductions_over_all_axes(reduce: Any, shape: tuple[int, ...]) -> None:
    if 0 in shape and reduce is not np.sum:
        return
    for axis in [None, *range(len(shape)), (0, 1) if len(shape) > 1 else 0, (len(shape) - 1,)]:
        f = lambda x, axis=axis: reduce(x * 1.0, axis=axis)  # noqa: E731
        x = RNG.normal(size=shape)
        if 0 in shape and not np.size(reduce(x, axis=axis)):
            continue
        made = replayed(f, x)
        for scale in (1.0, 1e8):
            x = RNG.normal(size=shape) * scale ** RNG.uniform(-1, 1, size=shape)
            assert_same_bits(made([x])[0], f(x))


@pytest.mark.parametrize("turned", [lambda y: y[::-1], lambda y: y.T, lambda y: y[:, ::-1]],
                         ids=["backwards", "transposed", "columns backwards"])  # fmt: skip
@pytest.mark.parametrize("ufunc", [np.multiply, np.add, np.maximum, np.copysign, np.fmod],
                         ids=lambda fn: fn.__name__)  # fmt: skip
def test_an_operand_is_read_before_it_is_written_over(ufunc: Any, turned: Any) -> None:
    """What is recorded is symmetric, where reading what was just written makes no difference."""
    for f in (lambda x: ufunc(np.cos(x), turned(np.cos(x))), lambda x: twice(x, ufunc, turned)):
        for start in (np.zeros((4, 4)), np.full((4, 4), np.pi / 2)):
            made = replayed(f, start)
            x = RNG.normal(size=(4, 4))
            assert_same_bits(made([x])[0], f(x))


def twice(x: Any, ufunc: Any, turned: Any) -> Any:
    y = np.cos(x)
    return ufunc(turned(y), y)


def test_truth_values_are_not_added_up_as_doubles() -> None:
    """Their memory is an eighth as long, and so is that of a result."""
    for f in (
        lambda x: x * np.max(x > 1), lambda x: x * np.min(x > 1, axis=1)[:, None],
        lambda x: x * np.max(x > 1, axis=0), lambda x: x * np.sum(x > 1, axis=0),
        lambda x: x * np.sum(x > 1, axis=1, keepdims=True), lambda x: x * np.sum(x > 1),
    ):  # fmt: skip
        for shape in ((5, 4), (70, 3), (70, 9), (1, 1)):
            made = replayed(f, RNG.normal(size=shape))
            for _ in range(3):
                x = RNG.normal(size=shape)
                assert_same_bits(made([x])[0], f(x))
            coder = next(s._coder for s in made._idle[0].steps if hasattr(s, "_coder"))
            for k, node in enumerate(made.program.nodes):
                if node.rule.fn in (np.max, np.min, np.sum) and node.shape:
                    with pytest.raises(NotInstruction):
                        coder.code(k, coder.arrays[k])


def test_what_memory_holds_by_accident_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instruction that does nothing is tried where the recorded values are already."""
    kinds = (np.exp, np.greater, np.sum)
    whole = Coder.code

    def nothing(self: Coder, k: int, out: Any) -> Any:
        node = self.nodes[k]
        if node.rule.fn not in kinds:
            return whole(self, k, out)
        if out is None:
            self.put(k, node.value)
        else:
            np.copyto(out, node.value)
        return []

    monkeypatch.setattr(Coder, "code", nothing)
    f = lambda x: (np.exp(x) + (np.cos(x) > 0)) * np.sum(x * x)  # noqa: E731
    made = replayed(f, RNG.normal(size=6))
    assert len(calls_of(made)) == 3
    x = RNG.normal(size=6)
    assert_same_bits(made([x])[0], f(x))


def test_what_must_be_called_stands_between_stretches() -> None:
    f = lambda x: np.sum(np.linalg.pinv(x @ x.T + np.eye(5)) @ x, axis=0) * np.cumsum(x[0])  # noqa: E731
    made = replayed(f, RNG.normal(size=(5, 4)))
    assert len(calls_of(made)) == 2
    x = RNG.normal(size=(5, 4))
    assert_same_bits(made([x])[0], f(x))


def test_arrays_are_joined_with_lists() -> None:
    """As NumPy allows; Broyden's tridiagonal equations are written so."""
    f = lambda x: np.concatenate([[0.5], x[1:], [2, 3]]) ** 2  # noqa: E731
    made = replayed(f, RNG.normal(size=6))
    x = RNG.normal(size=6)
    assert_same_bits(made([x])[0], f(x))
    assert_same_bits(dk.prepare(dk.jacobian, f, x)(2 * x), dk.jacobian(f, 2 * x))


def test_numbers_go_to_python_and_back() -> None:
    f = lambda x: (np.sum(x) ** 3.7 + np.sum(x * x)) ** 1.3 * x  # noqa: E731
    made = replayed(f, np.abs(RNG.normal(size=6)))
    assert calls_of(made)  # Python's pow
    x = np.abs(RNG.normal(size=6))
    assert_same_bits(made([x])[0], f(x))


def test_a_guard_stops_the_replay() -> None:
    f = lambda x: x * 2.0 if np.max(x) > 0 else x * 3.0  # noqa: E731
    made = replayed(f, np.ones(5))
    assert not calls_of(made)
    assert_same_bits(made([np.arange(5.0)])[0], 2.0 * np.arange(5.0))
    with pytest.raises(MissedBranch):
        made([-np.ones(5)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stops_the_replay(bad: float) -> None:
    made = replayed(lambda x: np.where(x > 0, x, 0.0) * 2.0, np.ones(5))
    assert made.checks
    with pytest.raises(MissedBranch):
        made([np.array([1.0, 2.0, bad, 0.0, 1.0])])
    over = replayed(lambda x: np.exp(x), np.ones(5))
    with pytest.raises(MissedBranch):
        over([np.full(5, 800.0)])


def test_views_of_every_kind_as_inputs() -> None:
    f = lambda x: np.sum(x * 2.0, axis=0) + x[0]  # noqa: E731
    for x in (np.asfortranarray(RNG.normal(size=(5, 4))), RNG.normal(size=(10, 8))[::2, ::-2]):
        g = dk.prepare(dk.jacobian, f, x)
        assert_same_bits(g(x + 1.0), dk.jacobian(f, x + 1.0))


def test_results_are_the_callers_own() -> None:
    g = dk.prepare(dk.gradient, lambda x: np.sum(np.sin(x) * x), np.ones(30))
    first = g(np.arange(30.0))
    kept = first.copy()
    g(np.ones(30))
    assert_same_bits(first, kept)
