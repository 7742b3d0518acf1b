"""Symbolic and automatic differentiation, compared operation by operation (Laue 2019)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..errors import UnknownNameError
from ..expression import OperationGraph, Size, add_expressions
from ..tape.tape import trace
from .program import (
    add_tape,
    forward_tape,
    reverse_tape,
    symbols_of,
    unevaluated_adjoints,
    unevaluated_derivatives,
)

# For each order in which the chain rule is taken: the sweeps of AD, and SymPy's rules in turn.
_ORDERS = {
    "forward": (forward_tape, unevaluated_derivatives),
    "reverse": (reverse_tape, unevaluated_adjoints),
}


@dataclass(frozen=True)
class Equivalence:
    """What two ways of finding the same derivative have in common.

    Attributes:
        ad, symbolic: the sizes of both.
        common: the operations, after hash-consing, that stand in both on equal operands.
        only_ad, only_symbolic: of each operation, how many more the one has than the other.
    """

    ad: Size
    symbolic: Size
    common: int
    only_ad: Counter[str]
    only_symbolic: Counter[str]


def compare(f: Any, x: Any, order: str) -> Equivalence:
    """The operations of AD and of symbolic differentiation of f at x, in one graph.

    Args:
        f: a function; of one value, in reverse order.
        x: the point at which it is recorded.
        order: ``"forward"`` or ``"reverse"``: the one in which the chain rule is taken.

    Raises:
        UnknownNameError: there is no such order.
        UnsupportedError: an operation has no SymPy form.
    """
    if order not in _ORDERS:
        raise UnknownNameError("order", order, _ORDERS)
    sweeps, rules = _ORDERS[order]
    tape = trace(f, x)
    graph = OperationGraph(in_sympys_terms=True)
    ad = add_tape(graph, sweeps(tape), "x")
    symbolic = add_expressions(graph, rules(tape, symbols_of(tape)))
    sizes = graph.size(*ad), graph.size(*symbolic)
    return Equivalence(
        *sizes,
        common=len(graph.distinct(*ad) & graph.distinct(*symbolic)),
        only_ad=sizes[0].kinds - sizes[1].kinds,
        only_symbolic=sizes[1].kinds - sizes[0].kinds,
    )
