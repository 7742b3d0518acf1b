"""How long a certified gradient takes: a function of 20 operations, and a pendulum of 400 steps.

    python benchmarks/reference.py

Recording is part of what is timed. The medians of many calls are shown, beside the aims.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import pendulum

import diffkit as dk


def twenty_operations(x: Any) -> Any:
    """A scalar function of three variables with 20 operations after its three reads."""
    a, b, c = x[0], x[1], x[2]
    u = a * b + np.sin(c)
    v = np.exp(a / b) - c * c
    w = np.sqrt(u * u + v * v)
    return w * np.log(1.0 + a * a) + np.tanh(u * v) / c - a * b


CASES: list[tuple[str, Callable[[Any], Any], Any, float]] = [
    ("20 operations", twenty_operations, np.array([1.0, 0.3, 0.7]), 1e-3),
    ("pendulum, 400 steps", pendulum(np), np.array([1.0, 0.3]), 0.2),
]


def median_seconds(call: Callable[[], Any]) -> float:
    """The median of the times of a call, over about a second."""
    call()
    samples = []
    end = time.perf_counter() + 1.0
    while len(samples) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)


def main() -> None:
    for name, f, x, aim in CASES:
        seconds = median_seconds(lambda f=f, x=x: dk.reference(f, x).value)  # type: ignore[misc]
        r = dk.reference(f, x)
        print(f"{name:22} {seconds * 1e3:8.2f} ms (aim {aim * 1e3:g} ms)   {r.bits} bits, "
              f"AD is off by {np.max(r.ulps(dk.gradient(f, x))):.2f} ulps")  # fmt: skip


if __name__ == "__main__":
    main()
