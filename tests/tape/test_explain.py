"""An error in a sweep says where the operation was recorded."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk


@dk.primitive
def fragile(x):
    return x * 1.0


def _fails(t, y, x):
    raise RuntimeError("no derivative today")


fragile.defvjp(_fails)
fragile.defjvp(_fails)


@pytest.mark.parametrize(("backend", "sweep"), [("reverse", "backward"), ("forward", "forward")])
def test_the_users_line_is_in_the_note(backend, sweep) -> None:
    def f(x):
        y = np.sin(x)
        z = fragile(y)  # this very line
        return np.sum(z * z)

    with pytest.raises(RuntimeError, match="today") as caught:
        dk.gradient(f, np.ones(3), backend=backend)
    (note,) = caught.value.__notes__
    assert f"in the {sweep} sweep, at the derivative of fragile" in note
    assert "test_explain.py" in note
    assert "this very line" in note


def test_a_function_that_fails_the_second_time_does_not_hide_the_error() -> None:
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) > 1:
            raise OSError("gone")
        return fragile(x)

    with pytest.raises(RuntimeError, match="today") as caught:
        dk.derivative(f, 1.0)
    assert "fragile" in caught.value.__notes__[0]
