"""Run an experiment: cells in order, each failure a row with its reason; then the claims."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.errors import (
    DomainError,
    ExperimentError,
    MissingPackageError,
    StepError,
    UnsupportedError,
)
from diffkit.runner.experiment import Cell, Claim, Experiment, Figure
from diffkit.runner.provenance import Provenance, start
from diffkit.runner.results import BOOKKEEPING, ERROR, OK, REFUSED, UNSUPPORTED, Results, plain

_HERE = Path(__file__).parent

HELD, NOT_HELD, UNCHECKED = "held", "did not hold", "could not be checked"

# Called after each cell with the number done and the number of all.
OnCell = Callable[[int, int], None]


@dataclass(frozen=True)
class Verdict:
    """What became of a claim: ``outcome`` is HELD, NOT_HELD or UNCHECKED."""

    sentence: str
    outcome: str
    evidence: str


@dataclass(frozen=True)
class Run:
    """An experiment with all that one run of it gave."""

    experiment: Experiment
    results: Results
    figures: tuple[Figure, ...]
    verdicts: tuple[Verdict, ...]
    provenance: Provenance

    @property
    def failed(self) -> bool:
        """Whether a cell failed or a claim could not be checked.

        A claim that did not hold is a result, and so is a cell that is unsupported or refused.
        """
        unchecked = any(verdict.outcome == UNCHECKED for verdict in self.verdicts)
        return unchecked or self.results.count(ERROR) > 0


def run(
    experiment: Experiment, *, seed: int = 0, command: str = "", on_cell: OnCell | None = None
) -> Run:
    """Measure every cell, draw the figures and judge the claims; write nothing.

    Raises ExperimentError where the experiment gives no cells or its figures cannot be drawn.
    """
    clock = start(command=command, seed=seed)
    results = measure_cells(experiment, seed=seed, on_cell=on_cell)
    figures = _figures(experiment, results)
    verdicts = tuple(judge(claim, results) for claim in experiment.claims)
    return Run(experiment, results, figures, verdicts, clock.stop())


def measure_cells(
    experiment: Experiment, *, seed: int = 0, on_cell: OnCell | None = None
) -> Results:
    """The table of all cells. Raises ExperimentError where ``cells()`` gives no usable grid."""
    cells = _grid(experiment)
    rows: list[Cell] = []
    for index, cell in enumerate(cells):
        rows += _measure(experiment, cell, [seed, index])
        if on_cell:
            on_cell(index + 1, len(cells))
    return Results.of(rows)


def judge(claim: Claim, results: Results) -> Verdict:
    """The verdict on one claim; a check that raises leaves it unchecked."""
    try:
        held, evidence = claim.check(results)
        if not isinstance(held, bool | np.bool_):
            raise TypeError(f"the check gave {held!r} where True or False was due")
    except Exception as error:
        return Verdict(claim.sentence, UNCHECKED, describe(error))
    return Verdict(claim.sentence, HELD if held else NOT_HELD, str(evidence))


def describe(error: BaseException) -> str:
    """One line for an error: its type, its message and the line of code that raised it."""
    message = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    # The first line outside the runner is the experiment's own, the one its author can mend.
    own = [f for f in frames if Path(f.filename).parent != _HERE and "importlib" not in f.filename]
    place = f" ({Path(own[0].filename).name}:{own[0].lineno})" if own else ""
    return f"{type(error).__name__}: {message}{place}" if message else type(error).__name__ + place


def _grid(experiment: Experiment) -> list[dict[str, Any]]:
    try:
        cells = [{name: plain(v) for name, v in cell.items()} for cell in experiment.cells()]
    except Exception as error:
        raise ExperimentError(f"{experiment.name}: its cells: {describe(error)}") from error
    if not cells:
        raise ExperimentError(f"{experiment.name}: cells() gave no cell; there is nothing to run")
    if reserved := sorted({name for cell in cells for name in cell} & set(BOOKKEEPING)):
        raise ExperimentError(
            f"{experiment.name}: the runner writes {', '.join(BOOKKEEPING)} itself; "
            f"rename the parameter {', '.join(reserved)}"
        )
    return cells


def _measure(experiment: Experiment, cell: dict[str, Any], seed: list[int]) -> list[Cell]:
    began = time.perf_counter()
    try:
        outcome = experiment.measure(**cell, **_random(experiment, seed))
        rows = [_row(cell, row) for row in _as_rows(outcome)]
        status, reason = OK, None
    except (UnsupportedError, MissingPackageError) as error:
        rows, status, reason = [cell], UNSUPPORTED, str(error)
    except (DomainError, StepError) as error:
        # The method declines to answer here rather than answer wrongly.
        rows, status, reason = [cell], REFUSED, str(error)
    except Exception as error:
        rows, status, reason = [cell], ERROR, describe(error)
    seconds = time.perf_counter() - began
    return [{**row, "status": status, "reason": reason, "seconds": seconds} for row in rows]


def _random(experiment: Experiment, seed: list[int]) -> dict[str, np.random.Generator]:
    wants = "rng" in inspect.signature(experiment.measure).parameters
    return {"rng": np.random.default_rng(seed)} if wants else {}


def _as_rows(outcome: Any) -> Sequence[Any]:
    return outcome if isinstance(outcome, list | tuple) else [outcome]


def _row(cell: dict[str, Any], row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise TypeError(f"measure gave {type(row).__name__} where a dict of results was due")
    if clash := sorted(set(row) & {*cell, *BOOKKEEPING}):
        raise ValueError(f"measure gave a result named like a parameter: {', '.join(clash)}")
    return {**cell, **{name: plain(value) for name, value in row.items()}}


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
    failed = results.where(status=ERROR)
    if not len(failed):
        return ""
    return f"; {len(failed)} of {len(results)} rows failed, first {failed.rows[0]['reason']}"
