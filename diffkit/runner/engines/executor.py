"""Any `concurrent.futures.Executor`: threads, processes, or workers elsewhere."""

from __future__ import annotations

import concurrent.futures as cf
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from diffkit.errors import ClusterError, ExperimentError
from diffkit.guard import wire
from diffkit.runner.engines import remote
from diffkit.runner.engines.batches import Batches
from diffkit.runner.engines.engine import CellOutcome, CellTask, Job, without_result
from diffkit.runner.engines.interrupts import deferred
from diffkit.runner.engines.local import processors
from diffkit.runner.results import CRASHED

_LOOK = 0.2  # seconds between two looks at Ctrl-C
_EVERY = 1.0  # seconds between two looks at the workers
_END = 10.0  # seconds that workers may take to end what they are at
_AHEAD = 2  # batches for each slot, so that a worker need not wait for the next
_HANDED_OVER = 2e-4  # seconds beside the measuring itself

_Batch = Sequence[CellTask]
_Future = cf.Future[str]


class OnExecutor:
    """Measures in the workers of an executor, each cell in a guarded child of its worker.

    Cells are handed over in batches, and each batch gives its outcomes when all of it is done. Of
    an experiment that takes timings, one cell at a time is measured on each machine. After Ctrl-C
    workers in this process stop at once; other processes are waited for until they have done the
    batches that they have begun, or ten seconds. See `remote` for what travels.

    Args:
        executor: is not shut down here. It may run a call twice, as clusters do that lose a worker.
        slots: how many calls it runs at the same time; by default what it says itself, or as many
            as there are processors.
    """

    threads = 1  # of numerical libraries, in each child

    def __init__(self, executor: cf.Executor, slots: int | None = None) -> None:
        self._executor = executor
        self.slots = slots or getattr(executor, "_max_workers", None) or processors()

    def outcomes(self, job: Job, tasks: Sequence[CellTask]) -> Iterator[CellOutcome]:
        """The outcome of each task as its batch is done; see `diffkit.runner.engines`.

        Raises ExperimentError where the experiment cannot be loaded elsewhere, and ClusterError
        where workers are not fit, or all of them are lost.
        """
        if job.source is None:
            raise ExperimentError(
                f"{job.experiment.name} is not defined in a file of its own, so that no other "
                "process can load it; put it into a module or a file"
            )
        flight = _Flight(self, job, tasks)
        with deferred(flight.stop) as interrupted:
            try:
                yield from flight.outcomes()
            finally:
                flight.end()
        if interrupted.is_set():
            raise KeyboardInterrupt

    def submit(self, order: str, tasks: str) -> _Future:
        """Hand a batch to the executor."""
        try:
            return self._executor.submit(remote.measure, order, tasks)
        except RuntimeError as error:  # BrokenExecutor, or after its shutdown
            raise _broken(error) from error

    def look_after(self) -> None:
        """Called every second: see how many slots there are now.

        Raises ClusterError where nothing will come back any more.
        """

    def lost_workers(self, error: BaseException) -> bool:
        """Whether the error says that the workers of a batch died, while others go on."""
        return False

    def stop(self, job: str) -> None:
        """End what workers are measuring, as far as they can be reached."""
        remote.stop(job)

    def close(self, job: str) -> None:
        """End the children that wait for more of the job, as far as they can be reached."""
        remote.close(job)


class _Flight:
    """The batches of one sweep that are under way."""

    def __init__(self, engine: OnExecutor, job: Job, tasks: Sequence[CellTask]) -> None:
        self._engine, self._name = engine, uuid.uuid4().hex
        self._order = remote.order(job, self._name)
        self._batches = Batches(tasks, max(engine.slots, 1))
        self._again: deque[_Batch] = deque()
        self._running: dict[_Future, _Batch] = {}
        self._pace: float | None = None
        self._stopped = self._told = False

    def outcomes(self) -> Iterator[CellOutcome]:
        self._fill()
        seen = time.monotonic()
        while self._running:
            done, _ = cf.wait(self._running, _LOOK, cf.FIRST_COMPLETED)
            for future in done:
                yield from self._given(future, self._running.pop(future))
            if self._stopped:
                self._tell()
            elif time.monotonic() - seen > _EVERY:
                self._engine.look_after()
                seen = time.monotonic()
            self._fill()

    def stop(self) -> None:
        """Hand over nothing more, and let what has been handed over end soon."""
        self._stopped = True
        self._batches.clear()

    def end(self) -> None:
        """Leave nothing running."""
        self.stop()
        if self._running:
            self._tell()
            cf.wait(self._running, _END)
        self._engine.close(self._name)

    def _tell(self) -> None:
        """What nobody has begun is taken back; what has been begun is stopped, once."""
        for future in self._running:
            future.cancel()
        if not self._told:
            self._told = True
            self._engine.stop(self._name)

    def _fill(self) -> None:
        while not self._stopped and len(self._running) < _AHEAD * self._engine.slots:
            batch = self._again.popleft() if self._again else self._batches.take(self._pace)
            if not batch:
                return
            fields = wire.encode([list(vars(task).values()) for task in batch])
            self._running[self._engine.submit(self._order, fields)] = batch

    def _given(self, future: _Future, batch: _Batch) -> Iterator[CellOutcome]:
        if self._stopped and future.cancelled():
            return
        try:
            answer = wire.decode(future.result())
        except (Exception, cf.CancelledError) as error:
            yield from self._failed(error, batch)
            return
        outcomes = [CellOutcome(*fields) for fields in _read(answer)]
        yield from outcomes
        if outcomes:
            spent = sum(outcome.seconds for outcome in outcomes)
            self._pace = spent / len(outcomes) + _HANDED_OVER
        if len(outcomes) < len(batch) and not self._stopped:
            raise ClusterError("a worker has given back less than it was given; run again")

    def _failed(self, error: BaseException, batch: _Batch) -> Iterator[CellOutcome]:
        """Nothing came back for the batch."""
        if not self._engine.lost_workers(error):
            raise _broken(error) from error
        if len(batch) > 1:  # which of them it was shows when each is alone
            self._again.extend([task] for task in batch)
            return
        reason = "every worker died that it was given to"
        yield without_result(batch[0], CRASHED, reason, 0.0)


def _read(answer: dict[str, Any]) -> list[list[Any]]:
    if "refused" in answer:
        raise ClusterError(
            f"a worker is not fit for this run: {answer['refused']}; install the same there"
        )
    if "failed" in answer:
        raise ExperimentError(str(answer["failed"]))
    found: list[list[Any]] = answer["outcomes"]
    return found


def _broken(error: BaseException) -> ClusterError:
    told = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    return ClusterError(f"the workers have failed ({told}); what was finished is kept: run again")
