"""One warm guarded child that measures cells, a batch of them to each task of the guard."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from diffkit.errors import ExperimentError, GuardError
from diffkit.guard import Guard, Limits, Outcome
from diffkit.runner.engines.engine import CellOutcome, CellTask, finish, without_result
from diffkit.runner.results import CRASHED, MEMORY

_WORKER = "diffkit.runner.engines.worker"

Emit = Callable[[CellOutcome], None]


class Slot:
    """A place for one cell at a time. One thread calls `measure`; any may call `stop`.

    errand: see `Job.errand`.
    threads: of numerical libraries in the child; None leaves it to them.
    """

    def __init__(self, errand: Mapping[str, Any], threads: int | None = 1) -> None:
        self._limits = Limits(errand["seconds"], errand["megabytes"], renewed=True)
        self._errand = {k: errand[k] for k in ("home", "attribute", "digest", "seed")}
        self._guard = Guard(preload=(_WORKER, errand["home"]), threads=threads)
        self._clean = True  # whether the child has measured nothing yet
        self._stopped = False

    def measure(self, tasks: Iterable[CellTask], emit: Emit) -> None:
        """Measure cells in order and emit the outcome of each; after `stop`, only of those before.

        Raises ExperimentError where the experiment cannot be loaded as it was.
        """
        waiting = deque(tasks)
        while waiting and not self._stopped:
            self._run(waiting, emit)

    def stop(self) -> None:
        """End the cell that is being measured, without an outcome, and measure no more."""
        self._stopped = True
        self._guard.cancel()

    def close(self) -> None:
        """End the child."""
        self._stopped = True
        self._guard.close()

    def _run(self, waiting: deque[CellTask], emit: Emit) -> None:
        """Measure from the front of ``waiting`` until all are done or one has ended the child."""
        last: float | None = None

        def on_report(found: list[Any]) -> None:
            nonlocal last
            emit(finish(waiting.popleft(), *found))
            self._clean, last = False, time.perf_counter()

        cells = [task.parameters for task in waiting]
        outcome = self._hand_over(cells, on_report)
        if outcome is None or self._stopped:
            return
        if outcome.ok:
            if outcome.value is not None:
                raise ExperimentError(outcome.value)
            return
        clean, self._clean = self._clean, True
        if outcome.status in (MEMORY, CRASHED) and not clean:
            # What ran before it in that child may be to blame: once more, in a new one.
            self._run(deque([waiting.popleft()]), emit)
            return
        seconds = outcome.seconds if last is None else time.perf_counter() - last
        emit(without_result(waiting.popleft(), outcome.status, outcome.reason, seconds))

    def _hand_over(
        self, cells: Sequence[Mapping[str, Any]], on_report: Callable[[list[Any]], None]
    ) -> Outcome | None:
        try:
            return self._guard.run(
                f"{_WORKER}:measure", {**self._errand, "cells": cells}, self._limits, on_report
            )
        except GuardError:
            if self._stopped:
                return None
            raise
