"""Several forward sweeps over one recording; over a scalar program, in one.

A scalar operation costs Python far more than NumPy needs for a vector. So where every operation
on the tape is on numbers, the tangents along all directions are pushed together, each as one
vector; sweeping for one row or column at a time would repeat the overhead of every operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .recording import Recording, Tracer
from .sweeps import ZERO, filled, forward_sweep

FEW = 4  # directions up to which separate sweeps on plain floats are faster
TOGETHER = 64  # directions of one sweep, which keeps a vector of that length for each row


def pushed(rows: Recording, x: Any, y: Any, output: int, tangents: Sequence[Any]) -> list[Any]:
    """The products of the Jacobian with several tangents of the one input.

    Args:
        rows: a recording of one input.
        x: the input.
        y: the value of the row of the result.
        output: that row; -1 where the result is a constant.
        tangents: of the shape of x.
    """
    products: list[Any] = []
    for start in range(0, len(tangents), TOGETHER):
        part = tangents[start : start + TOGETHER]
        together = None
        if output >= 0 and not any(type(v) is Tracer for v in part):
            together = _batched(rows, x, output, part)
        if together is not None:
            products += [np.ascontiguousarray(together[..., k]) for k in range(len(part))]
        else:
            products += [filled(forward_sweep(rows, [v], output) if output >= 0 else ZERO, y)
                         for v in part]  # fmt: skip
    return products


def batched_jacobian(rows: Recording, x: Any, output: int) -> Any:
    """The Jacobian of shape value.shape + x.shape, or None where the tape is not such a program.

    Args:
        rows: a recording of one input.
        x: the input.
        output: the row of the result: a number, or numbers stacked.
    """
    if type(x) is not np.ndarray or x.ndim != 1:
        return None
    return _batched(rows, x, output, list(np.eye(x.size)))


def _batched(rows: Recording, x: Any, output: int, tangents: Sequence[Any]) -> Any:
    """The products with all tangents, along the last axis; None where the tape is not such a
    program, or the tangents are few."""
    if type(x) is not np.ndarray or x.ndim != 1 or len(tangents) <= FEW:
        return None
    rule, _, parents, _, j, kwargs = rows[output]
    stacked = j is None and rule.name == "stack" and kwargs == {"axis": 0}
    last = output if stacked else output + 1
    if any(row[4] is None for row in rows[1:last]) or (j is None and not stacked):
        return None
    directions = np.stack(list(tangents), axis=-1)
    count = len(tangents)
    if stacked:
        pushed = forward_sweep(rows, [directions], max(parents, default=0), every=True)
        found = np.stack([_vector(pushed[p] if p >= 0 else ZERO, count) for p in parents])
    else:
        found = _vector(forward_sweep(rows, [directions], output), count)
    if np.isnan(found).any():  # a sweep for itself takes more care where a slope is infinite
        found = np.stack([filled(forward_sweep(rows, [v], output), found[..., 0])
                          for v in tangents], axis=-1)  # fmt: skip
    return found


def _vector(t: Any, length: int) -> Any:
    return np.zeros(length) if t is ZERO else t
