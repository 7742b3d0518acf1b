"""What the guarded child runs: one cell after the other, each reported as it ends."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from diffkit.guard import report, wire
from diffkit.guard.task import home as load
from diffkit.runner.cell import Measurer
from diffkit.runner.experiment import Experiment
from diffkit.runner.results import plain
from diffkit.runner.source import digest as digest_of


def measure(
    home: str, attribute: str, digest: str, seed: int, cells: list[dict[str, Any]]
) -> str | None:
    """Measure cells, given by their parameters, and report [status, reason, rows, seconds] of each.

    Returns what is wrong with the experiment itself, in which case nothing has been measured.
    """
    module = load(home)
    if digest_of(Path(str(module.__file__))) != digest:
        return f"{module.__file__} has been changed since the run began; run it again"
    experiment = getattr(module, attribute, None)
    if not isinstance(experiment, Experiment):
        return f"{home} does not define {attribute} as an experiment"
    measurer = _measurer(experiment, seed)
    for parameters in cells:
        # Lists that have travelled were tuples.
        found = measurer.measure({name: plain(value) for name, value in parameters.items()})
        report([found.status, found.reason, wire.encode(found.rows), found.seconds])
    return None


@lru_cache(maxsize=1)
def _measurer(experiment: Experiment, seed: int) -> Measurer:
    return Measurer(experiment, seed)
