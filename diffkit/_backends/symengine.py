"""SymEngine: plain NumPy functions read into its expressions, and functions written in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..rules import Primitive
from ..tape.replay.program import Program
from .base import OPERATORS
from .peer import Leaves, Peer, Reading, Run
from .symbols.elements import operation
from .symbols.flat import made_at_first
from .symbols.limits import require_takable
from .symbols.symengine_expressions import functions
from .symbols.symengine_function import Evaluation

LARGEST = 20_000  # operations on numbers


@dataclass(frozen=True, repr=False)
class SymEngine(Peer):
    """SymEngine's symbolic derivatives, evaluated in double precision.

    SymEngine rewrites what it is given: it flattens sums and products and joins their numbers. That
    may cost digits. Its expression of f is therefore compared with f at the first point, and all
    its expressions are evaluated in extended precision as well, where the processor has that.
    What differs by more than a millionth is refused.
    """

    name = "symengine"
    description = "SymEngine: symbolic derivatives, compiled by LLVM where prepared"
    natively = frozenset(OPERATORS)

    def accept(self, program: Program) -> None:
        require_takable(program, self.name, LARGEST)

    def operation(self, rule: Primitive) -> Callable[..., Any]:
        return operation(rule, self.name, functions())

    def _own(
        self, f: Callable[..., Any], inputs: Leaves, obstacle: Exception | None = None
    ) -> Reading:
        def on_arrays(leaves: Leaves) -> tuple[Any, list[Any]]:
            return np.array(f(*leaves), dtype=object), []

        reading = Reading(on_arrays, None, obstacle=obstacle)
        still = tuple([np.zeros(np.shape(v)) for v in inputs])
        reading.value = self.run("jvp", reading, inputs, compiled=False)(inputs, still, ())[0]
        return reading

    def constant(self, value: Any) -> Any:
        return value

    def run(self, operator: str, reading: Reading, x: Leaves, compiled: bool) -> Run:
        def make(shapes: Any, inputs: Any) -> Evaluation:
            evaluation = Evaluation(operator, reading, x, shapes, compiled)
            if reading.program is not None:
                evaluation.require_same(reading.program, inputs)
            return evaluation

        return made_at_first(make)
