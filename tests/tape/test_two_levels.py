"""A gradient that is recorded: operations on tracers whose values are tracers."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ChangedConstantError, TracerConversionError
from diffkit.tape.memory import collector_paused

X = np.array([0.3, -1.2, 2.5])
C = np.array([2.0, -3.0, 0.5])


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("constant", [2, 2.5, C, C.astype(np.float32), np.arange(1, 4), C < 9])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv"])
def test_an_operator_with_a_constant_has_the_hessian_of_its_ufunc(
    name: str, constant: Any, left: bool
) -> None:
    import operator

    ufunc = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide}[name]

    def by(call: Any) -> Any:
        return lambda x: np.sum(call(constant, x * x) if left else call(x * x, constant))

    for derivative in (dk.hessian, dk.gradient):
        expected = dk.prepare(derivative, by(ufunc), X)(X + 1)
        found = dk.prepare(derivative, by(getattr(operator, name)), X)(X + 1)
        np.testing.assert_array_equal(found, expected)


def test_hessians_of_powers() -> None:
    found = dk.hessian(lambda x: np.sum(x**3 + 2.0**x), X)
    np.testing.assert_allclose(found, np.diag(6 * X + np.log(2) ** 2 * 2.0**X), rtol=1e-14)


@pytest.mark.parametrize("size", [3, 1000])
@pytest.mark.parametrize("left", [False, True])
def test_a_constant_that_is_written_to_between_two_levels_is_not_seen_changed(
    size: int, left: bool
) -> None:
    x = np.linspace(1.0, 2.0, size)

    def f(x: Any) -> Any:
        work = np.full(size, 3.0)
        y = work * (x * x) if left else (x * x) * work
        work[:] = 7.0
        return np.sum(y)

    def gradient(x: Any) -> Any:
        return dk.gradient(f, x)

    if size > 256:
        with pytest.raises(ChangedConstantError):
            dk.jacobian(gradient, x)
    else:
        np.testing.assert_array_equal(dk.jacobian(gradient, x), 6.0 * np.eye(size))


def test_a_tracer_of_a_closed_recording_is_refused_at_the_second_level_too() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x * x

    dk.gradient(f, 2.0)
    for call in (lambda x: x * kept[0], lambda x: kept[0] * x, lambda x: np.sin(x) + kept[0]):
        with pytest.raises(TracerConversionError):
            dk.second_derivative(call, 3.0)


def test_the_collector_waits_and_goes_on_whatever_happens() -> None:
    def fail() -> None:
        with collector_paused(), collector_paused():
            assert not gc.isenabled()
            raise ZeroDivisionError

    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()
    dk.prepare(dk.gradient, lambda x: np.sum(np.sin(x)), X)
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        dk.prepare(dk.gradient, lambda x: np.sum(np.sin(x)), X)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_collector_waits_for_the_last_of_several_threads() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with collector_paused():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with collector_paused():
        thread.start()
        assert inside.wait(60)
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()
