"""What a call costs, with its spread.

How a time is taken
-------------------
- Warm-up: a call is made before any is timed, so that imports, caches and compilers are done.
- Loops: a sample is the mean of as many calls as last a hundred steps of the clock, which are
  measured (`resolution`), and a millisecond at least.
- Ratios: calls are timed in turn in one process (`interleaved`), and a ratio is taken round by
  round. Times of two machines, or of two runs, make no ratio here.
- Memory is measured in a pass of its own (`peak_memory`), as that slows the call.
- The samples are kept with the fastest, the median and the quartiles, and with the number of
  threads that libraries could use (`threads.most`).

What is unstable
----------------
Samples that do not settle on one number (`instability`): fewer than three of them; or the
quartiles lie apart by more than a fifth of the median; or the medians of the first and the second
half differ by more than a tenth of it, which is a drift.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from . import threads

STEPS = 100  # of the clock, in a sample
FEWEST = 3  # samples
SPREAD, DRIFT = 0.2, 0.1  # of the median

_SAMPLE = 1e-3  # seconds; shorter samples show what else the machine does
_LONG = 0.1  # seconds of a first call that show without another that it need not be repeated


@cache
def resolution() -> float:
    """The step of the clock in seconds, measured: the median of the differences seen between
    readings. The time of a reading is in it."""
    import numpy as np

    return float(np.median([_step() for _ in range(200)]))


def _step() -> float:
    began = now = time.perf_counter()
    while now == began:
        now = time.perf_counter()
    return now - began


def instability(samples: Sequence[float]) -> str:
    """Why the samples, in the order in which they were taken, do not settle on one number.

    Empty where they do; the rule stands above.
    """
    import numpy as np

    if len(samples) < FEWEST:
        return f"{len(samples)} of {FEWEST} samples"
    low, middle, high = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
    if not high - low <= SPREAD * middle:
        return f"quartiles apart by {_percent(high - low, middle)} of the median"
    half = len(samples) // 2
    drift = abs(float(np.median(samples[-half:]) - np.median(samples[:half])))
    if drift > DRIFT * middle:
        return f"a drift of {_percent(drift, middle)} between the halves"
    return ""


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "a multiple"


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of one call, measured repeatedly.

    Attributes:
        samples: seconds of a call, each the mean over a sample's calls, in the order taken.
        loops: the calls in a sample.
        threads: the most threads that a library could use.
    """

    samples: tuple[float, ...]
    loops: int = 1
    threads: int = 1

    @property
    def fastest(self) -> float:
        """The least disturbed sample, which is nearest to the work itself."""
        return min(self.samples)

    @property
    def slowest(self) -> float:
        """The most disturbed one; together they show the spread."""
        return max(self.samples)

    @property
    def repeats(self) -> int:
        """The number of samples."""
        return len(self.samples)

    @cached_property
    def median(self) -> float:
        """The middle sample."""
        return Spread.of(self.samples).median

    @cached_property
    def unstable(self) -> str:
        """Why the time means little; empty where it is sound."""
        if self.fastest * self.loops < STEPS * resolution():
            return f"shorter than {STEPS} steps of the clock"
        return instability(self.samples)

    def columns(self, name: str) -> dict[str, Any]:
        """The timing as columns of a table of results: the fastest under ``name`` itself."""
        return {
            name: self.fastest,
            f"{name}_median": self.median,
            f"{name}_slowest": self.slowest,
            f"{name}_samples": self.samples,
            f"{name}_threads": self.threads,
            f"{name}_unstable": self.unstable or None,
        }


def timed(
    call: Callable[[], Any],
    *,
    before: Callable[[], Any] | None = None,
    repeats: int = 5,
    budget: float = 0.5,
) -> tuple[Any, Timing]:
    """The result of the last call and the time of a call, after a first one that is not timed.

    Args:
        call: what is timed.
        before: called before each call, untimed: to empty a cache, for example. A sample is then
            one call.
        repeats: the most samples.
        budget: seconds of samples after which no further one begins; there is one.
    """
    prepare = before or _nothing
    prepare()
    result = call()
    loops = 1 if before else _loops(call)
    samples: list[float] = []
    while not samples or (len(samples) < repeats and sum(samples) * loops < budget):
        prepare()
        began = time.perf_counter()
        for _ in range(loops):
            result = call()
        samples.append((time.perf_counter() - began) / loops)
    return result, Timing(tuple(samples), loops, threads.most())


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Spread:
    """The median of repeated measurements, and their quartiles.

    Attributes:
        median, low, high: the middle one, and those at a quarter and at three quarters.
        repeats: the number of measurements.
        samples: the measurements in the order taken.
        unstable: why they mean little; empty where they are sound.
    """

    median: float
    low: float
    high: float
    repeats: int
    samples: tuple[float, ...] = field(default=(), repr=False)
    unstable: str = ""

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """The spread of one measurement or more."""
        import numpy as np

        low, median, high = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
        kept = tuple(float(s) for s in samples)
        return cls(median, low, high, len(samples), kept, instability(samples))


def interleaved(
    calls: Sequence[Callable[[], Any]], *, budget: float = 1.0, repeats: int = 15
) -> list[list[float]]:
    """Seconds of each call, taken in turn so that a drift of the machine hits all alike.

    Args:
        calls: what is timed. The first is what the others are compared with.
        budget: seconds for all together, warm-up included, after which no further round begins;
            there is one.
        repeats: the most rounds.

    Returns:
        For each call the mean of each round's sample. A ratio is taken round by round.
    """
    samples: list[list[float]] = [[] for _ in calls]
    if not calls:
        return samples
    end = time.perf_counter() + budget
    loops = [_loops(call) for call in calls]
    while not samples[0] or (len(samples[0]) < repeats and time.perf_counter() < end):
        for call, taken, n in zip(calls, samples, loops, strict=True):
            taken.append(_seconds(call, n) / n)
    return samples


def _loops(call: Callable[[], Any]) -> int:
    """How many calls make a sample. The first call warms up."""
    wanted = max(_SAMPLE, STEPS * resolution())
    if _seconds(call, 1) >= _LONG:
        return 1
    loops = 1
    while (seconds := _seconds(call, loops)) < wanted:
        # A clock that stands still, or an interruption, must not make the step a huge one.
        loops *= min(max(int(1.1 * wanted / max(seconds, 1e-9)), 2), 10)
    return loops


def _seconds(call: Callable[[], Any], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - began


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
