"""Keeping freed memory within reach.

A gradient holds its intermediates and then frees them all at once. GNU's malloc hands such memory
back to the system and fetches it again, page by page, at the next gradient, which can take longer
than the arithmetic. It adapts, though: once a large block has been freed, blocks up to that size
come from the heap, and twice that size of free heap is kept (mallopt(3), M_MMAP_THRESHOLD). One
block, allocated and freed without being touched, takes microseconds and teaches it that. Other
allocators do not mind.
"""

from __future__ import annotations

import numpy as np

# Just below the largest size that the threshold adapts to, 32 MiB on 64-bit systems.
_BLOCK = 31 << 20


def keep_freed_memory() -> None:
    """Let the allocator keep up to 62 MiB of freed memory for the next arrays."""
    np.empty(_BLOCK, np.uint8)
