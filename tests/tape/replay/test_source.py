"""Programs on numbers as generated source: nothing of the user's reaches it."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffkit as dk
from diffkit.tape import record_many
from diffkit.tape.replay.numbers.scalars import scalar_program
from diffkit.tape.replay.numbers.source import literal, math_twin, on_numbers, statements
from diffkit.tape.replay.program import program

from .outcomes import difference, outcome

HOSTILE = [
    '__import__("os").abort()',
    "lambda",
    "None",
    "v0",
    "v1",
    "MISS",
    "a0",
    "t",
    "s",
    "r0",
    "e0",
    "ndarray",
    "float",
    "sum",
    "plain",
    "nan",
    "inf",
    "np",
    "k12",
    "{}",
    "{0}",
    "{f}",
    "",
    "é",
    "_",
    "x\n    return 1",
    "float_",
    "sin_",
    "same",
    "unchanged",
    "prepared",
    "logical_and",
    "ok",
    "x",
    "y",
]


def hostile(name: str, factor: float) -> Any:
    def fn(x: Any) -> Any:
        return x * factor

    fn.__name__ = fn.__qualname__ = name
    made = dk.primitive(fn)
    made.defvjp(lambda g, y, x: g * factor * made(x) / (x * factor))
    made.defjvp(lambda t, y, x: t * factor * made(x) / (x * factor))
    return made


def source_of(f: Any, x: Any) -> str:
    scalars = scalar_program(
        program(*record_many(lambda t: list(dk.value_and_gradient(f, t)), [x]))
    )
    assert scalars is not None
    return "\n".join(statements(on_numbers(scalars), scalars, ["if not {}:", "if {}:"])[0])


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_never_source(name: str) -> None:
    """Two functions of one name, beside others, in a call and in a batch."""
    p, q = hostile(name, 2.0), hostile(name, 4.0)
    f = lambda x: p(x[0]) * q(x[1]) + np.sin(x[2])  # noqa: E731
    x = np.array([2.0, 4.0, 1.0])
    text = source_of(f, x)
    assert not re.search(r"import|abort|return|\n ", text), text
    prepared = dk.prepare(dk.value_and_gradient, f, x, plan="source")
    for point in (x, x / 2):
        assert not difference(prepared(point), dk.value_and_gradient(f, point), 4)
        y, g = prepared.batch(np.stack([point, point]))
        assert not difference((np.float64(y[1]), g[1]), dk.value_and_gradient(f, point), 4)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_the_function_itself_is_not_used(name: str) -> None:
    def f(x: Any) -> Any:
        return x * x

    f.__name__ = f.__qualname__ = name
    assert dk.prepare(dk.derivative, f, 1.0, plan="source")(3.0) == 6.0


@given(st.one_of(st.floats(), st.integers(), st.booleans()))
def test_a_literal_is_the_number(value: Any) -> None:
    read = eval(literal(value), {"inf": math.inf, "nan": math.nan})
    assert type(read) is type(value)
    assert read == value or (read != read and value != value)
    assert math.copysign(1, read) == math.copysign(1, value) or value != value
    if -9 < value < 9:
        assert eval(f"{literal(value)} ** 2") == value**2
        assert eval(f"2.0 ** {literal(value)}") == 2.0**value


@pytest.mark.parametrize(
    "fn",
    [
        np.sin,
        np.cos,
        np.tan,
        np.exp,
        np.log,
        np.sqrt,
        np.tanh,
        np.log1p,
        np.expm1,
        np.arctan,
        np.sinh,
        np.cosh,
    ],
)
def test_a_function_of_math_is_used_only_where_it_gives_the_same_bits(fn: Any) -> None:
    twin = math_twin(fn)
    if twin is None:
        return
    points = np.abs(np.random.default_rng(11).normal(size=20_000)) * 7
    assert [twin(v) for v in points.tolist()] == [float(fn(v)) for v in points]


@pytest.mark.parametrize("constant", [math.inf, -math.inf, math.nan, -0.0, 2**70, -3, True, 1e-320])
def test_constants(constant: Any) -> None:
    """With a branch before it, so that a constant that makes the value infinite can be recorded."""
    for f in (
        lambda x: np.where(x > 0, x * x, x + constant) * 1.0,
        lambda x: np.minimum(np.maximum(x, constant), 5.0) * x,
        lambda x: np.copysign(x, constant) * x,
        lambda x: x * (constant == constant) - (x > constant) * x,
        lambda x: np.where(x < constant, x * x, x),
    ):
        with np.errstate(all="ignore"):
            prepared = outcome(dk.prepare, dk.value_and_derivative, f, 2.0)
            for x in (3.0, 0.5) if not isinstance(prepared, type) else ():
                want = outcome(dk.value_and_derivative, f, x)
                assert not difference(outcome(prepared, x), want)


def test_a_long_program_is_neither_too_deep_nor_too_slow_to_compile() -> None:
    def f(x):
        y = x
        for _ in range(25_000):
            y = y * 0.999 + np.sin(x)
        return y

    prepared = dk.prepare(dk.derivative, f, 1.0, plan="source")
    assert prepared.plan.operations > 50_000
    assert prepared(1.5) == dk.derivative(f, 1.5)


def test_a_deep_expression_and_many_results() -> None:
    def f(x):
        y = x[0]
        for k in range(300):
            y = -((1.0 / (1.5 + y * x[k % 50])) ** 2) - -y
        return [y * v for v in x]

    x = np.linspace(0.1, 1.0, 50)
    prepared = dk.prepare(dk.value_and_jvp, f, x, x, plan="source")
    for scale in (0.5, 1.5):
        assert not difference(prepared(x * scale, x), dk.value_and_jvp(f, x * scale, x))
