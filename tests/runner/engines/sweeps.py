"""Experiments of many cheap cells, in a module that workers can load."""

from __future__ import annotations

import math
import time
from typing import Any

from diffkit.runner import Experiment, grid


def root(n: int) -> dict[str, Any]:
    """Slow enough to be interrupted in the middle, and fast enough to travel in batches."""
    time.sleep(0.005)
    return {"root": math.sqrt(n), "nothing": math.nan, "much": math.inf if n % 2 else -0.0}


THREE_HUNDRED = Experiment(
    name="three_hundred", title="", question="", cells=lambda: grid(n=range(300)), measure=root
)
TWO_HUNDRED = Experiment(
    name="two_hundred", title="", question="", cells=lambda: grid(n=range(200)), measure=root
)
