"""The whole Jacobian of a scalar program in one forward sweep.

A scalar operation costs Python far more than NumPy needs for a vector. So where every operation
on the tape is on numbers, the tangents along all unit directions are pushed together, each as one
vector; sweeping for one row or column at a time would repeat the overhead of every operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .recording import Recording
from .sweeps import ZERO, forward_sweep

FEW = 4  # directions up to which separate sweeps on plain floats are faster


def batched_jacobian(rows: Recording, x: Any, output: int) -> Any:
    """The Jacobian of shape value.shape + x.shape, or None where the tape is not such a program.

    Args:
        rows: a recording of one input.
        x: the input.
        output: the row of the result: a number, or numbers stacked.
    """
    if type(x) is not np.ndarray or x.ndim != 1 or x.size <= FEW:
        return None
    rule, _, parents, _, j, kwargs = rows[output]
    stacked = j is None and rule.name == "stack" and kwargs == {"axis": 0}
    last = output if stacked else output + 1
    if any(row[4] is None for row in rows[1:last]) or (j is None and not stacked):
        return None
    identity = np.eye(x.size)
    if not stacked:
        return _vector(forward_sweep(rows, [identity], output), x)
    tangents = forward_sweep(rows, [identity], max(parents, default=0), every=True)
    return np.stack([_vector(tangents[p] if p >= 0 else ZERO, x) for p in parents])


def _vector(t: Any, x: Any) -> Any:
    return np.zeros(x.size) if t is ZERO else t
