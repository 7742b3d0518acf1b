"""Keeping freed memory within reach, and the garbage collector off what is kept.

A gradient holds its intermediates and then frees them all at once. GNU's malloc hands such memory
back to the system and fetches it again, page by page, at the next gradient, which can take longer
than the arithmetic. It adapts, though: once a large block has been freed, blocks up to that size
come from the heap, and twice that size of free heap is kept (mallopt(3), M_MMAP_THRESHOLD). One
block, allocated and freed without being touched, takes microseconds and teaches it that. Other
allocators do not mind.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np

# Just below the largest size that the threshold adapts to, 32 MiB on 64-bit systems.
_BLOCK = 31 << 20


def keep_freed_memory() -> None:
    """Let the allocator keep up to 62 MiB of freed memory for the next arrays."""
    np.empty(_BLOCK, np.uint8)


class _Pauses:
    """How many threads want the garbage collector to wait, and whether it ran before."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.count = 0
        self.ran = False

    def enter(self) -> None:
        with self.lock:
            if not self.count:
                self.ran = gc.isenabled()
                gc.disable()
            self.count += 1

    def leave(self) -> None:
        with self.lock:
            self.count -= 1
            if not self.count and self.ran:
                gc.enable()


_pauses = _Pauses()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Let Python's garbage collector wait, in all threads, until the block is left.

    A long recording is hundreds of thousands of tuples, all of which are kept: the collector goes
    through them again and again, a third of the time that preparing takes, and finds nothing.
    What is not in a cycle is freed as ever.
    """
    _pauses.enter()
    try:
        yield
    finally:
        _pauses.leave()
