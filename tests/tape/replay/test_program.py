"""What is taken out of a recording, and what must stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.tape import record_many
from diffkit.tape.recording import GUARD, INPUT
from diffkit.tape.replay.program import Program, constant_key, program

X = np.array([0.7, 1.3, 2.1])


def recorded(f: Any, *inputs: Any) -> Program:
    return program(*record_many(lambda *xs: [f(*xs)], inputs))


def names(made: Program) -> list[str]:
    return [n.rule.name for n in made.nodes if n.operands]


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: x * 1.0, []),
        (lambda x: x / 1.0, []),
        (lambda x: x + 0.0, []),
        (lambda x: x - 0.0, []),
        (lambda x: np.negative(-x), []),
        (lambda x: +x, []),
        (lambda x: x**1, []),
        (lambda x: x * -1.0, ["negative"]),
        (lambda x: 2.0 + -x, ["subtract"]),
        (lambda x: x * (3 * 2.0 + 1), ["multiply"]),
        (lambda x: (np.sin(x), x * 2)[1], ["multiply"]),
        (lambda x: np.sin(x) * np.sin(x), ["sin", "multiply"]),
        (
            lambda x: np.sin(x) * np.cos(x) - np.cos(x) * np.sin(x),
            ["sin", "cos", "multiply", "subtract"],
        ),
        (lambda x: (x - 2.0) - (2.0 - x), ["subtract", "subtract", "subtract"]),
        (lambda x: (2.0 / x) - (x / 2.0), ["divide", "divide", "subtract"]),
        (lambda x: x * 2 - x * 2.5, ["multiply", "multiply", "subtract"]),
    ],
)
@pytest.mark.parametrize("x", [1.7, X], ids=["number", "array"])
def test_simplifications(f: Any, left: list[str], x: Any) -> None:
    assert names(recorded(f, x)) == left


def test_constants_are_told_apart_by_their_bits() -> None:
    values = [0.0, -0.0, 0, False, 1, 1.0, True, "1", None, (1,), (1.0,), [1], slice(1), slice(1.0)]
    keys = [constant_key(v) for v in values]
    assert len(set(keys)) == len(values)
    assert constant_key(float("nan")) == constant_key(float("nan"))


def test_the_same_operation_on_other_constants_is_another() -> None:
    f = lambda x: np.sum(x, axis=0) * np.sum(x, axis=1) + np.sum(x[:, 0]) + np.sum(x[0])  # noqa: E731
    x = np.arange(9.0).reshape(3, 3)
    assert names(recorded(f, x)).count("sum") == 4
    assert names(recorded(f, x)).count("getitem") == 2


def test_what_a_branch_rests_on_stays() -> None:
    def f(x):
        unused = np.exp(x)  # noqa: F841
        return x * 2 if np.sin(x) > 0 else x

    made = recorded(f, 1.0)
    assert names(made) == ["sin", "greater", "guard", "multiply"]
    assert made.guards
    assert len(made) == 3
    assert made.nodes[made.guards[0]].rule is GUARD
    assert made.nodes[0].rule is INPUT


def test_whole_numbers_have_no_negative() -> None:
    """They wrap around: -uint8(1) is 255."""
    f = lambda x: np.sum(x * (-np.floor(x).astype(np.uint8)))  # noqa: E731
    prepared = dk.prepare(dk.gradient, f, X)
    for x in (X, X + 1):
        assert np.array_equal(prepared(x), dk.gradient(f, x))


@pytest.mark.parametrize("operator", [dk.value_and_gradient, dk.hessian])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.copysign(x, np.array([0.0, -0.0, 0.0]))),
        lambda x: np.sum(np.copysign(x, x * 0.0 + 0.0)),
        lambda x: np.sum(np.arctan2(x * 0.0 + 0.0, np.array([-1.0, -0.0, 0.0])) * x),
        lambda x: np.sum(np.sqrt(-x * x + 1j * (x * 0.0 + 0.0)).imag),
        lambda x: np.sum(np.where(np.signbit(0.0 + x * 0.0), x, x * x)),
    ],
)
def test_the_sign_of_a_zero_is_kept_where_it_decides(f: Any, operator: Any) -> None:
    with np.errstate(all="ignore"):
        prepared = dk.prepare(operator, f, X)
        answers = [(prepared(x), operator(f, x)) for x in (X, -X, X - 1)]
    for got, want in answers:
        pairs = zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def test_an_array_of_one_number_is_a_number_only_where_that_computes_the_same() -> None:
    """A power with one exponent is evaluated otherwise, and float32 needs a float64 array."""
    x = np.linspace(0.1, 9.0, 1000)
    for f in (
        lambda x: np.sum(x ** np.full(1000, 2.0)),
        lambda x: np.sum(np.power(x, np.full(1000, -1.0))),
        lambda x: np.sum(np.float_power(x, np.full(1000, 0.5))),
        lambda x: np.sum(x.astype(np.float32) * np.full(1000, 0.1)),
        lambda x: np.sum(x[:, None] * np.ones((1, 3))),
        lambda x: np.sum(x * np.full((3, 1000), 2.0)),
    ):
        prepared = dk.prepare(dk.value_and_gradient, f, x)
        for point in (x, x[::-1].copy()):
            y, g = prepared(point)
            want = dk.value_and_gradient(f, point)
            assert y == want[0]
            assert np.array_equal(g, want[1])


def test_what_rules_have_made_is_not_watched() -> None:
    """Looking at it at each replay would cost more than the replay."""
    own = np.ones(50)

    def made(f: Any) -> Program:
        gradient = lambda x: list(dk.value_and_gradient(f, x))  # noqa: E731
        return program(*record_many(gradient, [np.ones(50)]))

    assert not made(lambda t: np.sum(100.0 * t**2 - t[0])).watching().noted
    assert made(lambda t: np.sum(own * t**2 - t[0])).watching().noted
