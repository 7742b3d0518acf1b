"""Measures: how wrong a number is, where a step goes wrong, how large and how slow."""

from .cost import Spread, Timing, instability, interleaved, peak_memory, timed
from .error import Error, condition, error
from .fit import growth, line, rms, slope
from .preparing import BreakEven, break_even
from .steps import StepCurve
from .swell import Swell

__all__ = [
    "BreakEven",
    "Error",
    "Spread",
    "StepCurve",
    "Swell",
    "Timing",
    "break_even",
    "condition",
    "error",
    "growth",
    "instability",
    "interleaved",
    "line",
    "peak_memory",
    "rms",
    "slope",
    "timed",
]
