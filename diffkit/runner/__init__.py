"""Experiments: found, run and written down."""

from diffkit.runner.experiment import Claim, Experiment, Figure, grid
from diffkit.runner.results import Results
from diffkit.runner.run import HELD, NOT_HELD, UNCHECKED, Run, Verdict, run

__all__ = [
    "HELD",
    "NOT_HELD",
    "UNCHECKED",
    "Claim",
    "Experiment",
    "Figure",
    "Results",
    "Run",
    "Verdict",
    "grid",
    "run",
]
