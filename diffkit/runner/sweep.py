"""From an experiment to a store: which cells there are, which are missing, and measuring those."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from diffkit.errors import ExperimentError
from diffkit.runner.cell import describe
from diffkit.runner.description import Describer, canonical, key
from diffkit.runner.engines import CellTask, Engine, Job
from diffkit.runner.experiment import Experiment
from diffkit.runner.results import RESERVED, plain
from diffkit.runner.store import Store

# Called after each cell with the number done and the number of all.
OnCell = Callable[[int, int], None]


def plan(experiment: Experiment, seed: int, version: str) -> list[CellTask]:
    """The first attempt at every cell, in the order of the grid.

    version: what stands for the experiment where it declares none.

    Raises ExperimentError where ``cells()`` gives no usable grid.
    """
    try:
        describer = Describer(experiment, seed, version)
        tasks = [_task(describer, cell, n) for n, cell in enumerate(experiment.cells())]
    except Exception as error:
        raise ExperimentError(f"{experiment.name}: its cells: {describe(error)}") from error
    if not tasks:
        raise ExperimentError(f"{experiment.name}: cells() gave no cell; there is nothing to run")
    if reserved := sorted({name for task in tasks for name in task.parameters} & set(RESERVED)):
        raise ExperimentError(
            f"{experiment.name}: the runner writes {', '.join(RESERVED)} itself; "
            f"rename the parameter {', '.join(reserved)}"
        )
    _refuse_twins(experiment, tasks)
    return tasks


def sweep(
    job: Job,
    tasks: Sequence[CellTask],
    store: Store,
    engine: Engine,
    *,
    retry: Collection[str] = (),
    on_cell: OnCell | None = None,
) -> int:
    """Measure the cells that the store does not hold, and those of a status in ``retry`` again.

    Each outcome is in the store before the next is waited for. The number of cells measured.
    """
    missing = _missing(tasks, store.latest(), retry)
    by_key = {task.key: task for task in missing}
    kept, measured = len(tasks) - len(missing), 0
    if on_cell and kept:
        on_cell(kept, len(tasks))
    if not missing:
        return 0
    with closing(_iterator(engine, job, missing)) as outcomes:
        for outcome in outcomes:
            if store.add(by_key[outcome.key], outcome, job.experiment.name):
                measured += 1
                if on_cell:
                    on_cell(kept + measured, len(tasks))
    return measured


def _iterator(engine: Engine, job: Job, tasks: Sequence[CellTask]) -> Any:
    """The outcomes, with a ``close`` whatever kind of iterator the engine gives."""
    return (outcome for outcome in engine.outcomes(job, tasks))


def _missing(
    tasks: Sequence[CellTask], known: dict[str, tuple[str, int]], retry: Collection[str]
) -> list[CellTask]:
    missing = []
    for task in tasks:
        status, attempt = known.get(task.key, ("", 0))
        if not attempt:
            missing.append(task)
        elif status in retry:
            missing.append(replace(task, attempt=attempt + 1))
    return missing


def _task(describer: Describer, cell: Any, position: int) -> CellTask:
    parameters = {name: plain(value) for name, value in cell.items()}
    description = describer.describe(parameters)
    return CellTask(key(description), 1, parameters, description, position)


def _refuse_twins(experiment: Experiment, tasks: Sequence[CellTask]) -> None:
    seen: set[str] = set()
    for task in tasks:
        if task.key in seen:
            raise ExperimentError(
                f"{experiment.name}: cells() gave the same cell twice, "
                f"{canonical(task.parameters)}; to repeat a measurement, add a parameter that "
                "counts the repetitions"
            )
        seen.add(task.key)
