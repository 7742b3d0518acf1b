"""How many threads diffkit itself may use."""

from __future__ import annotations

import os

VARIABLE = "DIFFKIT_NUM_THREADS"


def cores() -> int:
    """The cores that this process may use, or what the variable DIFFKIT_NUM_THREADS says."""
    said = os.environ.get(VARIABLE, "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return found or 1
