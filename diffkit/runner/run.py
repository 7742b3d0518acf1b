"""Run an experiment: every cell into a store, then the figures and the claims over the table."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import ExperimentError
from diffkit.guard import Limits
from diffkit.runner.cell import describe
from diffkit.runner.engines import Engine, InProcess, Job, Local
from diffkit.runner.experiment import Claim, Experiment, Figure
from diffkit.runner.provenance import Clock, Earlier, Provenance, start
from diffkit.runner.results import Results
from diffkit.runner.source import source_of
from diffkit.runner.store import Store, memory_store
from diffkit.runner.sweep import OnCell, plan, sweep

HELD, NOT_HELD, UNCHECKED = "held", "did not hold", "could not be checked"


@dataclass(frozen=True)
class Verdict:
    """What became of a claim: ``outcome`` is HELD, NOT_HELD or UNCHECKED."""

    sentence: str
    outcome: str
    evidence: str


@dataclass(frozen=True)
class Run:
    """An experiment with all that one run of it gave.

    Attributes:
        experiment: what was run.
        results: the table of all cells.
        figures: drawn from the table.
        verdicts: what became of each claim.
        provenance: when, where and with which versions.
        measured: how many cells this run has measured; the others were in the store.
        notes: what a reader of the results should know, a line each.
    """

    experiment: Experiment
    results: Results
    figures: tuple[Figure, ...]
    verdicts: tuple[Verdict, ...]
    provenance: Provenance
    measured: int = 0
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a cell failed or a claim could not be checked.

        A claim that did not hold is a result, and so is a cell that is unsupported, refused or
        not finite.
        """
        unchecked = any(verdict.outcome == UNCHECKED for verdict in self.verdicts)
        return unchecked or len(self.results.failed) > 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to run an experiment.

    Attributes:
        seed: where random numbers begin.
        command: what a reader types to do the same.
        engine: where cells are measured (`runner.engines`); by default in guarded child processes
            of this machine where these can load the experiment, and in this process where not.
        retry: the statuses of which cells in the store are measured again.
        seconds, megabytes: the limits of each cell, instead of those of the experiment.
        on_cell: called after each cell with the number done and the number of all.
    """

    seed: int = 0
    command: str = ""
    engine: Engine | None = None
    retry: Collection[str] = ()
    seconds: float | None = None
    megabytes: float | None = None
    on_cell: OnCell | None = None


def run(experiment: Experiment, *, store: Store | None = None, **settings: Any) -> Run:
    """Measure the cells that are missing, draw the figures and judge the claims.

    Args:
        experiment: what to run.
        store: where the outcomes are kept (`diffkit.runner.open_store`); in memory without one.
        settings: see `diffkit.runner.run.Settings`.

    Raises:
        ExperimentError: the experiment gives no cells, or its figures cannot be drawn.
        StoreError: the store cannot be written to.
    """
    wanted = Settings(**settings)
    job = _job(experiment, wanted)
    clock = start(command=wanted.command, seed=wanted.seed, packages=job.packages)
    with _kept(store) as kept:
        found = _measure(job, kept, wanted, clock)
    figures = _figures(experiment, found.results)
    verdicts = tuple(judge(claim, found.results) for claim in experiment.claims)
    provenance = clock.stop(found.earlier)
    notes = (*found.notes, *(earlier.note for earlier in found.earlier if earlier.note))
    return Run(experiment, found.results, figures, verdicts, provenance, found.measured, notes)


def measure_cells(
    experiment: Experiment, *, store: Store | None = None, **settings: Any
) -> Results:
    """The table of all cells; see `run`."""
    wanted = Settings(**settings)
    job = _job(experiment, wanted)
    clock = start(command=wanted.command, seed=wanted.seed, packages=job.packages)
    with _kept(store) as kept:
        return _measure(job, kept, wanted, clock).results


def _kept(store: Store | None) -> AbstractContextManager[Store]:
    """Where outcomes are kept: a store that stays open, or one in memory for this time only."""
    return memory_store() if store is None else nullcontext(store)


@dataclass(frozen=True)
class _Measured:
    results: Results
    measured: int
    earlier: tuple[Earlier, ...]
    notes: tuple[str, ...]


def _measure(job: Job, store: Store, wanted: Settings, clock: Clock) -> _Measured:
    experiment = job.experiment
    if store.path is not None and job.source is None and experiment.version is None:
        raise ExperimentError(
            f"{experiment.name} cannot be told from another state of itself, as no file defines "
            "it; give it a version= to keep its results in a store"
        )
    tasks = plan(experiment, wanted.seed, job.source.identity if job.source else "")
    engine = wanted.engine or (Local() if job.source else InProcess())
    store.begin(clock.of_store(engine, job.limits))
    measured = sweep(job, tasks, store, engine, retry=wanted.retry, on_cell=wanted.on_cell)
    keys = [task.key for task in tasks]
    earlier = () if measured == len(tasks) else tuple(clock.earlier(store.earlier_runs(keys)))
    notes = () if job.source else (IN_PROCESS,)
    return _Measured(store.results(keys), measured, earlier, notes)


IN_PROCESS = (
    "no other process can load this experiment, so its cells were measured in this one, without "
    "limits; define it in a file of its own to have them guarded"
)


def _job(experiment: Experiment, wanted: Settings) -> Job:
    limits = Limits(
        experiment.seconds if wanted.seconds is None else wanted.seconds,
        experiment.megabytes if wanted.megabytes is None else wanted.megabytes,
    )
    return Job(experiment, source_of(experiment), wanted.seed, limits)


def judge(claim: Claim, results: Results) -> Verdict:
    """The verdict on one claim; a check that raises leaves it unchecked."""
    try:
        held, evidence = claim.check(results)
        if not isinstance(held, bool | np.bool_):
            raise TypeError(f"the check gave {held!r} where True or False was due")
    except Exception as error:
        return Verdict(claim.sentence, UNCHECKED, describe(error))
    return Verdict(claim.sentence, HELD if held else NOT_HELD, str(evidence))


def _figures(experiment: Experiment, results: Results) -> tuple[Figure, ...]:
    try:
        figures = tuple(experiment.figures(results))
        _require_drawable(figures)
    except Exception as error:
        raise ExperimentError(
            f"{experiment.name}: its figures: {describe(error)}{_first_failure(results)}"
        ) from error
    return figures


def _require_drawable(figures: tuple[Figure, ...]) -> None:
    for figure in figures:
        if not (isinstance(figure, Figure) and hasattr(figure.plotly_figure, "to_json")):
            raise TypeError(f"figures gave {figure!r} where a Figure of a Plotly figure was due")
    names = [figure.name for figure in figures]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two figures are named {', '.join(twice)}")


def _first_failure(results: Results) -> str:
    failed = results.failed
    if not len(failed):
        return ""
    return f"; {len(failed)} of {len(results)} rows failed, first {failed.rows[0]['reason']}"
