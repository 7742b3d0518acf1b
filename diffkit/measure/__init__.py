"""Measures: how wrong a number is, where a step goes wrong, how large and how slow."""

from .cost import Timing, timed
from .error import Error, error
from .fit import growth, line, rms, slope
from .steps import StepCurve
from .swell import Swell, symbolic_swell

__all__ = [
    "Error",
    "StepCurve",
    "Swell",
    "Timing",
    "error",
    "growth",
    "line",
    "rms",
    "slope",
    "symbolic_swell",
    "timed",
]
