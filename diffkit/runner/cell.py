"""Measure one cell: whatever its measure raises becomes a status with a reason."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkit.errors import (
    DomainError,
    MissingPackageError,
    NonFiniteError,
    StepError,
    UnsupportedError,
)
from diffkit.runner.description import stream
from diffkit.runner.experiment import Experiment
from diffkit.runner.results import (
    ERROR,
    NONFINITE,
    OK,
    REFUSED,
    RESERVED,
    UNSUPPORTED,
    plain,
)

_HERE = Path(__file__).parent
_LONGEST_MESSAGE = 2000  # characters

# Looked through in this order.
_STATUSES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((UnsupportedError, MissingPackageError), UNSUPPORTED),
    # The method declines to answer here rather than answer wrongly.
    ((DomainError, StepError), REFUSED),
    ((NonFiniteError,), NONFINITE),
)


@dataclass(frozen=True)
class Measured:
    """What became of one cell: rows of parameters and results, without bookkeeping."""

    status: str
    reason: str | None
    rows: list[dict[str, Any]]
    seconds: float


class Measurer:
    """Measures cells of one experiment under one seed."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._experiment, self._seed = experiment, seed
        self._random = "rng" in inspect.signature(experiment.measure).parameters

    def measure(self, parameters: dict[str, Any]) -> Measured:
        """What the cell gives. Raises MemoryError, and what is no Exception."""
        began = time.perf_counter()
        try:
            outcome = self._experiment.measure(**parameters, **self._numbers(parameters))
            rows = [_row(parameters, row) for row in _as_rows(outcome)]
            status, reason = OK, None
        except MemoryError:
            raise
        except Exception as error:
            rows, (status, reason) = [parameters], _failure(error)
        return Measured(status, reason, rows, time.perf_counter() - began)

    def _numbers(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if not self._random:
            return {}
        return {"rng": stream(self._seed, self._experiment.name, parameters)}


def describe(error: BaseException) -> str:
    """One line for an error: its type, its message and the line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    # The first line outside the runner is the experiment's own, the one its author can mend.
    own = [f for f in frames if _is_own(f.filename)]
    place = f" ({Path(own[0].filename).name}:{own[0].lineno})" if own else ""
    message, name = one_line(error), type(error).__name__
    return f"{name}: {message}{place}" if message else name + place


def one_line(error: BaseException) -> str:
    """The message, as much of it as can be shown on one line."""
    try:
        text = str(error)[:_LONGEST_MESSAGE]
    except Exception:
        text = "(its message cannot be printed)"
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _is_own(file: str) -> bool:
    return not Path(file).is_relative_to(_HERE) and "importlib" not in file


def _failure(error: Exception) -> tuple[str, str]:
    for kinds, status in _STATUSES:
        if isinstance(error, kinds):
            return status, one_line(error)
    return ERROR, describe(error)


def _as_rows(outcome: Any) -> Sequence[Any]:
    return outcome if isinstance(outcome, list | tuple) else [outcome]


def _row(cell: dict[str, Any], row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise TypeError(f"measure gave {type(row).__name__} where a dict of results was due")
    if clash := sorted(set(row) & {*cell, *RESERVED}):
        raise ValueError(f"measure gave a result named like a parameter: {', '.join(clash)}")
    return {**cell, **{name: plain(value) for name, value in row.items()}}
