"""This machine: a warm guarded child for each slot, and a thread that serves it."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from diffkit.errors import GuardError
from diffkit.runner.engines.batches import Batches
from diffkit.runner.engines.engine import CellOutcome, CellTask, Job
from diffkit.runner.engines.interrupts import deferred
from diffkit.runner.engines.slot import Slot

_PATIENCE = 0.1  # seconds between two calls to a slot to stop

_Given = CellOutcome | BaseException | None


class Local:
    """Measures in child processes, in each of them one cell at a time.

    Args:
        slots: how many; by default as many as there are processors. An experiment that takes
            timings is given one.
        threads: of numerical libraries in each child.
    """

    def __init__(self, slots: int | None = None, threads: int | None = 1) -> None:
        self.slots, self.threads = slots or processors(), threads

    def outcomes(self, job: Job, tasks: Sequence[CellTask]) -> Iterator[CellOutcome]:
        """The outcome of each task as it becomes known; see `diffkit.runner.engines`.

        Raises GuardError where no child can be started and ExperimentError where the experiment
        cannot be loaded in it.
        """
        number = min(1 if job.experiment.timed else self.slots, len(tasks))
        crew = _Crew(Batches(tasks, max(number, 1)))
        with crew.working([Slot(job.errand(), self.threads) for _ in range(number)]):
            with deferred(crew.stop) as interrupted:
                try:
                    yield from crew.given()
                except GuardError:  # of a child that was stopped while it started
                    if not interrupted.is_set():
                        raise
            if interrupted.is_set():
                raise KeyboardInterrupt


class _Crew:
    """The slots with their threads, and what they have given."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._given: queue.SimpleQueue[_Given] = queue.SimpleQueue()
        self._slots: list[Slot] = []
        self._stopped = False

    @contextmanager
    def working(self, slots: list[Slot]) -> Iterator[None]:
        self._slots = slots
        threads = [threading.Thread(target=self._work, args=(slot,)) for slot in slots]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop()
            for thread in threads:
                while thread.is_alive():
                    thread.join(_PATIENCE)
                    self.stop()

    def given(self) -> Iterator[CellOutcome]:
        """What the slots give, until all have ended. Raises what one of them has raised."""
        working, failure = len(self._slots), None
        while working:
            try:
                found = self._given.get(timeout=_PATIENCE if self._stopped else None)
            except queue.Empty:
                self.stop()  # a slot may just have been between two cells
                continue
            if isinstance(found, CellOutcome):
                yield found
                continue
            working -= 1
            if found is not None:
                failure = failure or found
                self.stop()
        if failure is not None:
            raise failure

    def stop(self) -> None:
        """Let the slots end soon; what has been finished is still given."""
        self._stopped = True
        self._batches.clear()
        for slot in self._slots:
            slot.stop()

    def _give(self, outcome: CellOutcome, taken: list[float]) -> None:
        taken.append(outcome.seconds)
        self._given.put(outcome)

    def _work(self, slot: Slot) -> None:
        failure: BaseException | None = None
        try:
            taken: list[float] = []
            while batch := self._batches.take(sum(taken) / len(taken) if taken else None):
                taken.clear()
                slot.measure(batch, lambda outcome: self._give(outcome, taken))
        except BaseException as error:
            failure = error
        finally:
            slot.close()
            self._given.put(failure)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
