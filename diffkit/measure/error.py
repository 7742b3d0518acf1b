"""The error of a double against a truth of many more digits."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

# The truth minus a double cancels at most 16 digits; this many leave the difference exact enough.
_DIGITS = 60


@dataclass(frozen=True)
class Error:
    """How far a value is from the truth, with the sign: positive where the value is too large.

    Attributes:
        value: what was computed.
        truth: what should have been, correctly rounded to a double.
        difference: value − truth; the truth is not rounded for it.
        relative: the difference over |truth|; None where the truth is 0.
        ulps: the difference in units in the last place of the rounded truth.
    """

    value: float
    truth: float
    difference: float
    relative: float | None
    ulps: float

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)


def error(value: float, truth: Any) -> Error:
    """The error of a double.

    Args:
        value: a double; NaN and the infinities give errors that are NaN and infinite.
        truth: a finite number: from ``mpmath``, of at least 30 digits, or an int, which is exact.
    """
    import mpmath

    with mpmath.workdps(_DIGITS):
        rounded = float(truth)
        difference = mpmath.mpf(float(value)) - truth
        return Error(
            value=float(value),
            truth=rounded,
            difference=float(difference),
            relative=float(difference / abs(truth)) if truth else None,
            ulps=float(difference / math.ulp(rounded)),
        )
