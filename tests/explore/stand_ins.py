"""Tasks for the tests of a desk; they run in a guard's child."""

from __future__ import annotations

import os
import time
from typing import Any

from diffkit.guard import report


def echo(n: int) -> dict[str, Any]:
    return {"n": n, "pid": os.getpid(), "moment": time.monotonic_ns()}


def brief(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def endless() -> None:
    report(os.getpid())
    while True:
        time.sleep(0.01)


def stubborn() -> None:
    """A task that ignores every polite request to end."""
    import signal

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    endless()


def greedy() -> int:
    kept = []
    while True:
        kept.append(bytearray(b"x" * 10**7))


def wrong() -> None:
    raise ValueError("no such thing")
