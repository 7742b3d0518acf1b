"""After how many calls preparing has paid."""

import math
import time

import numpy as np

import diffkit as dk
from diffkit.measure import break_even


def test_the_calls_are_what_preparing_takes_over_what_a_call_saves() -> None:
    def f(x):
        for _ in range(30):
            x = 4.0 * x * (1.0 - x)
        return x

    found = break_even(dk.derivative, f, 0.3, budget=0.3)
    assert found.plan in ("source", "native")
    assert found.prepared_low <= found.prepared <= found.prepared_high < found.eager
    assert math.isclose(found.calls * (found.eager - found.prepared), found.preparing)


def test_a_method_that_calls_the_function_itself_never_pays() -> None:
    calls = 0

    def slow(x):
        nonlocal calls
        calls += 1
        time.sleep(1e-4)
        return np.sin(x)

    found = break_even(dk.derivative, slow, 0.3, backend="complex_step", budget=0.1)
    assert found.plan == "eager"
    assert found.calls == math.inf
    assert calls > 10
