"""Evaluation traces as a textbook writes them: values, tangents and adjoints, row by row.

The sweeps here take one row after another, in the few lines that a lecture shows; that they agree
with those of the tape, which are made for speed, is for experiments to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..operators import gradient
from ..tape.recording import CONSTANT, GUARD
from ..tape.tape import Operation, trace_inputs


@dataclass(frozen=True)
class Row:
    """One row v_i = φ_i(v_j, …) of an evaluation trace.

    Attributes:
        operation: the name of φ_i; "input" for an independent variable.
        value: v_i.
        parents: the rows j that it is made of, constants left out.
        partials: the local partial derivative ∂φ_i/∂v_j for each of them.
    """

    operation: str
    value: float
    parents: tuple[int, ...] = ()
    partials: tuple[float, ...] = ()


def evaluation_trace(f: Callable[..., Any], *inputs: float) -> list[Row]:
    """The rows of f of one number or more: first its inputs, then its operations, in order.

    Local partials are found by differentiating each operation on its own.

    Raises:
        ValueError: f is not made of operations on numbers, or takes a branch.
    """
    tape = trace_inputs(f, inputs, getattr(f, "__name__", "f"))
    if any(op.primitive in (GUARD, CONSTANT) for op in tape.operations):
        raise ValueError("an evaluation trace is a straight line of operations on numbers")
    return [Row("input", x) for x in inputs] + [_row(op) for op in tape.operations]


def _row(op: Operation) -> Row:
    active = [k for k, parent in enumerate(op.parents) if parent >= 0]

    def alone(values: Any) -> Any:
        args = list(op.args)
        for k, value in zip(active, values, strict=True):
            args[k] = value
        return op.primitive.fn(*args, **op.kwargs)

    slopes = gradient(alone, tuple(float(op.args[k]) for k in active))
    parents = tuple(op.parents[k] for k in active)
    return Row(op.primitive.name, float(op.value), parents, tuple(map(float, slopes)))


def tangents(rows: Sequence[Row], seeds: Sequence[float]) -> list[float]:
    """Forward mode: v̇_i = Σ_j ∂φ_i/∂v_j v̇_j, from the first row to the last.

    (Griewank & Walther 2008, section 3.1.) ``seeds`` are the tangents of the inputs.
    """
    found = list(seeds)
    for row in rows[len(found) :]:
        found.append(sum(c * found[j] for j, c in zip(row.parents, row.partials, strict=True)))
    return found


def adjoints(rows: Sequence[Row], seed: float = 1.0) -> list[float]:
    """Reverse mode: v̄_j += v̄_i ∂φ_i/∂v_j, from the last row, whose adjoint is the seed, back.

    (Griewank & Walther 2008, section 3.2.)
    """
    found = [0.0] * len(rows)
    found[-1] = seed
    for i in reversed(range(len(rows))):
        for j, c in zip(rows[i].parents, rows[i].partials, strict=True):
            found[j] += found[i] * c
    return found


def consumers(rows: Sequence[Row], place: int) -> list[int]:
    """The rows that a row is used in: those over which the sum of its adjoint is taken."""
    return [i for i, row in enumerate(rows) if place in row.parents]
