"""Experiments: found, run and written down.

experiment      what an experiment is; `discovery` finds those of the folder
description     the canonical description of a cell, and its key
cell            measure one cell: whatever it raises becomes a status
engines/        where cells are measured
store/          what became of them, in SQLite
sweep           measure what the store does not hold
run             a sweep, then the figures and the claims
results         the table; `frames` and `export` hand it to others, `documents` writes reports
"""

from diffkit.runner.experiment import Claim, Experiment, Figure, grid
from diffkit.runner.results import Results
from diffkit.runner.run import HELD, NOT_HELD, UNCHECKED, Run, Verdict, measure_cells, run
from diffkit.runner.store import memory_store, open_store, read_store
from diffkit.runner.sweep import OnCell

__all__ = [
    "HELD",
    "NOT_HELD",
    "UNCHECKED",
    "Claim",
    "Experiment",
    "Figure",
    "OnCell",
    "Results",
    "Run",
    "Verdict",
    "grid",
    "measure_cells",
    "memory_store",
    "open_store",
    "read_store",
    "run",
]
