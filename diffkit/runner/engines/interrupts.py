"""Ctrl-C without loss: what has been finished is given before the interrupt is raised."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred(stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Call ``stop`` at the first Ctrl-C and set the event; the next Ctrl-C is as always.

    Only in the main thread, and where nobody else handles it.
    """
    seen = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or (
        before is not signal.default_int_handler
    ):
        yield seen
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        seen.set()
        stop()

    signal.signal(signal.SIGINT, handle)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
