"""What a call costs, with its spread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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
