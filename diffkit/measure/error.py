"""The error of a double against a truth of many more digits.

What is shown where a measure has no meaning, so that nothing is ever divided by zero:

- Truth zero: the difference is the value; relative None; ulps 0 if the value is zero, else None.
- Truth subnormal: all as ever; ulps are units of 2^-1074, and the relative error of even the
  nearest double can be as large as 1.
- Truth infinite, or beyond the doubles: the difference is 0 and ulps are 0 for that infinity; for
  any other value the difference is infinite and ulps None; relative None.
- Truth NaN: the difference is NaN; relative and ulps None.
- Value NaN or infinite: every error that has a meaning is that.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

# The truth minus a double cancels at most 16 digits; this many leave the difference exact enough.
_DIGITS = 60
_UNIT = 2.0**-53


@dataclass(frozen=True)
class Error:
    """How far a value is from the truth, with the sign: positive where the value is too large.

    Attributes:
        value: what was computed.
        truth: what should have been, correctly rounded to a double.
        difference: value − truth; the truth is not rounded for it.
        relative: the difference over |truth|; None where the truth is 0, infinite or NaN.
        ulps: the difference in units in the last place of the rounded truth; None where the truth
            is 0 and the value is not, and where the truth is NaN, or infinite and the value not.
    """

    value: float
    truth: float
    difference: float
    relative: float | None
    ulps: float | None

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)

    @property
    def kind(self) -> str:
        """``"normal"``, ``"zero"``, ``"subnormal"``, ``"infinite"`` or ``"nan"``: the truth's."""
        return kind(self.truth)

    def conditioned(self, x: float, second: float) -> float | None:
        """The error in units of what rounding x alone may do to a derivative f'(x).

        It is |value − f'| / (u (|f'| + |x f''|)), which is the relative error over u (1 + κ) for
        the condition number κ = |x f'' / f'| of the derivative (Higham 2002, section 1.6), without
        the division by f'. About 1 is as good as any method that starts from a rounded x.

        Args:
            x: the point.
            second: f''(x), to a digit or two.

        Returns:
            None where the truth is not finite, or where it and x f'' are zero and the value is not.
        """
        if not math.isfinite(self.truth):
            return None
        scale = abs(self.truth) + abs(x * second)
        if scale == 0:
            return 0.0 if self.difference == 0 else None
        return abs(self.difference) / scale / _UNIT


def condition(x: float, first: float, second: float) -> float | None:
    """κ = |x f''(x) / f'(x)|: how much of a relative change of x is seen in f'(x).

    None where f'(x) is zero, which has no relative change.
    """
    return abs(x * second / first) if first else None


def kind(truth: float) -> str:
    """What sort of number a truth is."""
    if math.isnan(truth):
        return "nan"
    if math.isinf(truth):
        return "infinite"
    if truth == 0:
        return "zero"
    return "subnormal" if abs(truth) < 2.0**-1022 else "normal"


def error(value: float, truth: Any) -> Error:
    """The error of a double.

    Args:
        value: a double; NaN and the infinities give errors that are NaN and infinite.
        truth: a number from ``mpmath``, of at least 30 digits, or an int, which is exact.
    """
    import mpmath

    with mpmath.workdps(_DIGITS):
        rounded = _rounded(truth)
        if not math.isfinite(rounded):
            return _of_infinite(float(value), rounded)
        difference = mpmath.mpf(float(value)) - truth
        return Error(
            value=float(value),
            truth=rounded,
            difference=float(difference),
            relative=float(difference / abs(truth)) if truth else None,
            ulps=_ulps(difference, rounded) if truth else (0.0 if difference == 0 else None),
        )


def _rounded(truth: Any) -> float:
    try:
        return float(truth)
    except OverflowError:  # an int beyond the doubles
        return math.inf if truth > 0 else -math.inf


def _ulps(difference: Any, rounded: float) -> float:
    return float(difference / math.ulp(rounded))


def _of_infinite(value: float, truth: float) -> Error:
    """The error of a truth that is infinite, beyond the doubles, or NaN."""
    if math.isnan(truth):
        return Error(value, truth, math.nan, None, None)
    difference = 0.0 if value == truth else value - truth
    return Error(value, truth, difference, None, 0.0 if value == truth else None)
