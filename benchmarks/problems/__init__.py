"""The problems on which tools are compared: one file a family, each with its formula's source.

A problem is a function written for a NumPy-like namespace, so that every tool runs it with its own
operations; where a tool has a better way to say the same (a compiled loop, a map), the problem has
a form for that tool as well. Data come from fixed seeds.
"""

from __future__ import annotations

from . import bundle, classical, determinants, dynamics, learning, lstm, mixtures
from .problem import Case, Operator, Problem

PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for family in (classical, dynamics, determinants, learning, mixtures, bundle, lstm)
    for problem in family.PROBLEMS
}

__all__ = ["PROBLEMS", "Case", "Operator", "Problem"]
