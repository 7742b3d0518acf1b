"""What goes into an engine and what comes out of it."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

from diffkit.guard import Limits, wire
from diffkit.runner.experiment import Experiment
from diffkit.runner.source import Source


@dataclass(frozen=True)
class Job:
    """What all cells of a run have in common.

    experiment: for this process alone.
    source: by which another process loads it; None where none can.
    """

    experiment: Experiment
    source: Source | None
    seed: int
    limits: Limits

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the packages that the experiment is from, other than diffkit."""
        return tuple(self.source.packages) if self.source else ()

    def errand(self) -> dict[str, Any]:
        """What a worker needs to know, as plain JSON. Raises ValueError without a source."""
        if self.source is None:
            raise ValueError(f"{self.experiment.name} cannot be loaded in another process")
        return {
            "home": self.source.home,
            "attribute": self.source.attribute,
            "digest": self.source.digest,
            "seed": self.seed,
            "seconds": self.limits.seconds,
            "megabytes": self.limits.megabytes,
        }


@dataclass(frozen=True)
class CellTask:
    """A cell to be measured.

    key: of its description (see `runner.description`).
    attempt: 1, and one more for each time that it is measured again.
    position: in the grid, counted from 0; it tells tables how to order their rows, and no more.
    """

    key: str
    attempt: int
    parameters: dict[str, Any]
    description: str
    position: int = 0


@dataclass(frozen=True)
class CellOutcome:
    """What became of one attempt at a cell.

    status: one of `runner.results.STATUSES`; reason says why it is not "ok".
    rows: the rows of the table, parameters included, as text (`guard.wire.encode`).
    seconds: of wall-clock time; finished: UTC in ISO 8601.
    """

    key: str
    attempt: int
    status: str
    reason: str | None
    rows: str
    seconds: float
    host: str
    finished: str


class Engine(Protocol):
    """See `diffkit.runner.engines`."""

    slots: int

    def outcomes(self, job: Job, tasks: Sequence[CellTask]) -> Iterator[CellOutcome]:
        """The outcome of each task as it becomes known."""
        ...


def finish(
    task: CellTask, status: str, reason: str | None, rows: str, seconds: float
) -> CellOutcome:
    """The outcome of a task that has ended on this machine, now."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return CellOutcome(task.key, task.attempt, status, reason, rows, seconds, host(), now)


def without_result(task: CellTask, status: str, reason: str, seconds: float) -> CellOutcome:
    """The outcome of a task that gave no row, now."""
    return finish(task, status, reason, wire.encode([task.parameters]), seconds)


@cache
def host() -> str:
    """The name of this machine."""
    return platform.node()
