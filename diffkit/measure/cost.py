"""What a call costs, with its spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_SAMPLE = 1e-3  # seconds; a sample of that length does not show the steps of the clock


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of one call, repeated.

    Attributes:
        fastest: the least disturbed call, which is nearest to the work itself.
        slowest: the most disturbed one; together they show the spread.
        repeats: the number of calls.
    """

    fastest: float
    slowest: float
    repeats: int


def timed(
    call: Callable[[], Any],
    *,
    before: Callable[[], Any] = lambda: None,
    repeats: int = 5,
    budget: float = 0.5,
) -> tuple[Any, Timing]:
    """The result of the last call and the time of each.

    Args:
        call: what is timed.
        before: called before each repetition, untimed: to empty a cache, for example.
        repeats: the most repetitions.
        budget: seconds after which no further repetition begins.
    """
    spent: list[float] = []
    result = None
    while len(spent) < repeats and sum(spent) < budget:
        before()
        began = time.perf_counter()
        result = call()
        spent.append(time.perf_counter() - began)
    return result, Timing(min(spent), max(spent), len(spent))


@dataclass(frozen=True)
class Spread:
    """The median of repeated measurements, and their quartiles.

    Attributes:
        median, low, high: the middle one, and those at a quarter and at three quarters.
        repeats: the number of measurements.
    """

    median: float
    low: float
    high: float
    repeats: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """The spread of one measurement or more."""
        import numpy as np

        low, median, high = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
        return cls(median, low, high, len(samples))


def interleaved(
    calls: Sequence[Callable[[], Any]], *, budget: float = 1.0, repeats: int = 15
) -> list[list[float]]:
    """Seconds of each call, taken in turn so that a drift of the machine hits all alike.

    Args:
        calls: what is timed. The first is what the others are compared with.
        budget: seconds for all together, after which no further round begins; there is one.
        repeats: the most rounds.

    Returns:
        For each call the mean of each round's sample. A ratio is taken round by round.
    """
    samples: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + budget
    loops = [_loops(call) for call in calls]
    while not samples or not samples[0] or (
        len(samples[0]) < repeats and time.perf_counter() < end
    ):  # fmt: skip
        if not calls:
            break
        for call, taken, n in zip(calls, samples, loops, strict=True):
            began = time.perf_counter()
            for _ in range(n):
                call()
            taken.append((time.perf_counter() - began) / n)
    return samples


def _loops(call: Callable[[], Any]) -> int:
    began = time.perf_counter()
    call()
    return max(1, int(_SAMPLE / max(time.perf_counter() - began, 1e-7)))


def peak_memory(call: Callable[[], Any]) -> int:
    """The most bytes that a call has in use at once, in a pass of its own: it slows the call.

    Memory that NumPy and Python allocate is counted; what other libraries allocate is not.
    """
    import tracemalloc

    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not running:
            tracemalloc.stop()
