"""This very process: for experiments that no other process can load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diffkit.guard import wire
from diffkit.runner.cell import Measurer
from diffkit.runner.engines.engine import CellOutcome, CellTask, Job, finish, without_result
from diffkit.runner.results import MEMORY


class InProcess:
    """Measures one cell after the other, here and without limits: a hang hangs, a crash crashes."""

    slots = 1

    def outcomes(self, job: Job, tasks: Sequence[CellTask]) -> Iterator[CellOutcome]:
        """The outcome of each task in turn; see `diffkit.runner.engines`."""
        measurer = Measurer(job.experiment, job.seed)
        for task in tasks:
            try:
                found = measurer.measure(task.parameters)
            except MemoryError as error:
                yield without_result(task, MEMORY, str(error) or "MemoryError", 0.0)
                continue
            rows = wire.encode(found.rows)
            yield finish(task, found.status, found.reason, rows, found.seconds)
