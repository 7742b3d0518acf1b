"""Cut the cells into batches, so that cheap ones share the cost of being handed over."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from diffkit.runner.engines.engine import CellTask

_LENGTH = 0.2  # seconds that a batch should take
_LARGEST = 1000


class Batches:
    """The cells that nobody has taken yet; any thread may take some."""

    def __init__(self, tasks: Iterable[CellTask], slots: int) -> None:
        self._waiting, self._slots = deque(tasks), slots
        self._lock = threading.Lock()

    def take(self, pace: float | None) -> list[CellTask]:
        """The next batch, empty when there is none.

        pace: seconds that a cell has taken lately; None for a first batch, which is one cell.
        """
        with self._lock:
            waiting = len(self._waiting)
            # Towards the end batches become small, so that no slot is left with the last one.
            fair = -(-waiting // (2 * self._slots))
            wanted = 1 if pace is None else int(_LENGTH / max(pace, 1e-9))
            size = max(1, min(wanted, fair, _LARGEST))
            return [self._waiting.popleft() for _ in range(min(size, waiting))]

    def clear(self) -> None:
        """Let nothing be taken any more."""
        with self._lock:
            self._waiting.clear()
