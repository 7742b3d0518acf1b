"""CasADi: plain NumPy functions read into its symbols, and functions written in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from ..errors import UnknownNameError, UnsupportedError
from ..rules import Primitive
from ..tape.replay.program import Node, Program
from .base import OPERATORS
from .peer import Leaves, Peer, Reading, Run
from .symbols.casadi_columns import (
    EXPANDED,
    LINEAR_ALGEBRA,
    natural,
    of_natural,
    operation,
    require_symbolic,
)
from .symbols.casadi_function import Evaluation
from .symbols.flat import made_at_first
from .symbols.limits import require_takable, work

SYMBOLS = ("auto", "SX", "MX")
SMALL = 500  # operations on numbers up to which each is a symbol of its own, whatever they are
SCALAR = 10  # operations on numbers, for each recorded operation, up to which they stay symbols
MOST = {"SX": 1_000_000, "MX": 100_000}  # nodes; SX has one a number, MX one an array


@dataclass(frozen=True, repr=False)
class CasADi(Peer):
    """CasADi's derivatives of expression graphs, evaluated by its virtual machine.

    A function that was written in CasADi is given a column for a vector, a matrix for a matrix, and
    a matrix of one element for a number; it returns the like, or a list of such to be put one
    under the other.

    Attributes:
        symbols: ``"SX"``: a symbol for each number; ``"MX"``: a symbol for each array. ``"auto"``
            takes SX for programs of few numbers or of numbers alone, MX for large arrays and
            linear algebra.
    """

    symbols: str = "auto"

    name = "casadi"
    description = "CasADi: expression graphs, differentiated and run by its virtual machine"
    natively = frozenset(OPERATORS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.symbols not in SYMBOLS:
            raise UnknownNameError("kind of symbols", self.symbols, SYMBOLS)

    def accept(self, program: Program) -> None:
        kind = self._kind(program)
        require_takable(program, self.name, MOST["SX"] if kind == "SX" else inf)
        if kind == "MX" and len(program) > MOST["MX"]:
            raise UnsupportedError(
                f"f comes to {len(program)} operations, more than the {MOST['MX']} that are given "
                f"to casadi; use backend='reverse'"
            )

    def _kind(self, program: Program) -> str:
        if self.symbols != "auto":
            return self.symbols
        if any(_is_large_matrix(program, node) for node in program.nodes):
            return "MX"
        numbers = work(program)
        return "SX" if numbers <= max(SMALL, SCALAR * len(program)) else "MX"

    def operation(self, rule: Primitive) -> Callable[..., Any]:
        return operation(rule)

    def constant(self, value: Any) -> Any:
        return value

    def _own(
        self, f: Callable[..., Any], inputs: Leaves, obstacle: Exception | None = None
    ) -> Reading:
        def on_columns(leaves: Leaves) -> tuple[Any, list[Any]]:
            return of_natural(f(*map(natural, leaves))), []

        reading = Reading(on_columns, None, obstacle=obstacle)
        still = tuple([np.zeros(np.shape(v)) for v in inputs])
        reading.value = self.run("jvp", reading, inputs, compiled=False)(inputs, still, ())[0]
        require_symbolic(f, inputs, reading.value)
        return reading

    def run(self, operator: str, reading: Reading, x: Leaves, compiled: bool) -> Run:
        def make(shapes: Any, inputs: Any) -> Callable[[Any], Any]:
            if reading.program is not None:
                return Evaluation(operator, reading, x, shapes, self._kind(reading.program))
            if self.symbols != "auto":
                return Evaluation(operator, reading, x, shapes, self.symbols)
            try:
                return Evaluation(operator, reading, x, shapes, "SX")
            except Exception:  # some of CasADi's functions take MX alone
                return Evaluation(operator, reading, x, shapes, "MX")

        return made_at_first(make)


def _is_large_matrix(program: Program, node: Node) -> bool:
    """Whether linear algebra is done with a matrix that is too large to be done by symbols."""
    if node.rule.name not in LINEAR_ALGEBRA:
        return False
    return program.nodes[node.operands[0]].shape[-1] > EXPANDED
