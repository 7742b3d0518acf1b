"""What travels between the processes arrives as it was, or is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diffkit.errors import GuardError
from diffkit.guard import Guard, wire
from tests.guard.processes import task

NUMBERS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers(allow_nan=True)
    | st.text(st.characters())
)
KEYS = st.text() | st.sampled_from(["$int", "$float", "$complex", "$dict"])
VALUES = st.recursive(
    NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)


def identical(first: Any, second: Any) -> bool:
    """The same types and the same bits; NaN is NaN, and -0.0 is not 0.0."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(identical(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(identical, first, second))
    if isinstance(first, complex):
        return identical(first.real, second.real) and identical(first.imag, second.imag)
    if isinstance(first, float):
        same = first == second and math.copysign(1, first) == math.copysign(1, second)
        return same or (math.isnan(first) and math.isnan(second))
    return bool(first == second)


def there_and_back(value: Any) -> Any:
    frame = wire.frame({"value": value})
    assert wire.length(frame) == len(frame) - wire.HEADER
    return wire.message(frame[wire.HEADER :])["value"]


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard() as guard:
        yield guard


@given(VALUES)
@example({"$int": "ff"})
@example({"$float": "nan"})
@example({"$complex": [1, 2]})
@example([{"$dict": [["$dict", {"$int": "1"}]]}])
def test_a_value_comes_back_with_the_same_bits(value: Any) -> None:
    assert identical(there_and_back(value), value)


@settings(max_examples=25)
@given(VALUES)
def test_a_value_comes_back_from_a_child_with_the_same_bits(guard: Guard, value: Any) -> None:
    outcome = guard.run(task("echo"), {"value": value})
    assert outcome.ok, outcome
    assert identical(outcome.value, value)


@pytest.mark.parametrize("digits", [4299, 4300, 4301, 50_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_may_have_more_digits_than_python_prints(
    guard: Guard, digits: int, sign: int
) -> None:
    value = sign * (10**digits - 1)
    assert guard.run(task("echo"), {"value": value}).value == value


def test_messages_are_strict_json() -> None:
    frame = wire.frame({"value": [math.nan, math.inf, -math.inf, 10**5000, 1j]})
    assert b"NaN" not in frame
    assert b"Infinity" not in frame


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(-3), -3),
        (np.bool_(True), True),
        (np.complex128(1 - 2j), 1 - 2j),
        (np.array(2.5), 2.5),
        (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (np.array([1.5, np.inf]), [1.5, math.inf]),
        (np.zeros((0, 2)), []),
    ],
)
def test_tuples_and_numpy_become_lists_and_numbers(value: Any, plain: Any) -> None:
    assert identical(there_and_back(value), plain)


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", {1: "number as key"}, np.longdouble(1), np.array([object()])],
)
def test_what_cannot_travel_is_refused_before_it_starts(guard: Guard, value: Any) -> None:
    with pytest.raises(GuardError, match=r"cannot travel|use strings as keys"):
        guard.run(task("echo"), {"value": value})
    assert guard.run(task("echo")).ok


def test_a_value_that_contains_itself_is_refused(guard: Guard) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(GuardError, match="cannot travel"):
        guard.run(task("echo"), {"value": endless})


def test_messages_longer_than_a_pipe_holds_arrive(guard: Guard) -> None:
    value = list(range(300_000))
    assert guard.run(task("echo"), {"value": value}).value == value


@given(st.binary(max_size=40))
def test_other_bytes_are_no_message(data: bytes) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.message(b"[" + data)
    with pytest.raises(wire.ProtocolError):
        wire.length(b"\x00" + data)
