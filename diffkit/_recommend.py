"""Which backend to use for a function, from the rows of a comparison, and why."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10

import numpy as np

from ._comparison import Row, shown


def recommend(
    rows: Sequence[Row], size: float, inputs: int, outputs: int, f_seconds: float, digits: float
) -> tuple[str, str]:
    """The name of the cheapest backend that has the digits, and the evidence in sentences.

    Args:
        rows: the answers.
        size: the largest element of the derivative, which digits are counted in.
        inputs, outputs: the numbers that f takes and gives.
        f_seconds: the time of f.
        digits: how many are needed.
    """
    about = f"n = {inputs} in, m = {outputs} out, f takes {f_seconds * 1e6:.3g} µs"
    good = [r for r in rows if r.status == "ok" and not r.failures and _digits(r, size) >= digits]
    timed = sorted((r for r in good if r.time is not None), key=_median)
    if not timed:
        best = max((_digits(r, size) for r in rows if r.status == "ok"), default=0.0)
        return "", (
            f"Recommended: none. No backend is known to have {digits:g} digits here; the best has "
            f"{max(best, 0.0):.2g} ({about})."
        )
    first = timed[0]
    return first.backend, " ".join([
        f"Recommended: {first.backend}, {_told(first, size)}.",
        *_others(first, timed[1:], size),
        f"It is the cheapest with {digits:g} digits ({about}).",
        *_growth(first, inputs, outputs),
    ])  # fmt: skip


def _median(row: Row) -> float:
    return row.time.median if row.time else np.inf


def _digits(row: Row, size: float) -> float:
    """Digits of the largest element; from the deviation where nothing is certified."""
    error = row.error if row.error is not None else row.deviation
    if error is None or not isfinite(error):
        return -np.inf
    if error == 0:
        return 16.0
    return min(16.0, -log10(error / size)) if size else 16.0 * (error < 1e-300)


def _told(row: Row, size: float) -> str:
    proof = "certified" if row.error is not None else "agreeing with the yardstick, not certified"
    return f"{_median(row):.3g} × f, {_digits(row, size):.3g} digits {proof}"


def _others(first: Row, rest: Sequence[Row], size: float) -> list[str]:
    if not rest:
        return []
    second = rest[0]
    assert first.time is not None
    assert second.time is not None
    tie = second.time.low <= first.time.high
    verb = "is within the spread of it" if tie else "comes next"
    return [f"{second.backend} {verb} ({_told(second, size)})."]


def _growth(first: Row, inputs: int, outputs: int) -> list[str]:
    """What changes if the function grows, which this point cannot show."""
    if first.backend == "reverse" or inputs <= outputs:
        return []
    return ["With many more inputs reverse mode costs the same, and others grow with n."]


__all__ = ["recommend", "shown"]
