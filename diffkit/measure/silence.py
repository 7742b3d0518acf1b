"""What became of a derivative: right, wrong, warned of, refused, or wrong without a word."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import (
    DerivativeWarning,
    DomainError,
    MissingPackageError,
    MissingRuleError,
    NonFiniteError,
    NonNumericError,
    StepError,
    UnsupportedError,
)

RIGHT, WARNED, REFUSED, UNSUPPORTED = "right", "warned", "refused", "unsupported"
SILENT, MADE_UP, NOT_A_NUMBER = "wrong in silence", "no such derivative", "NaN"
CRASHED = "crashed"

# A relative error beyond this is a wrong derivative, and not an inaccurate one.
WRONG = 1e-3

_REFUSALS = (DomainError, NonFiniteError, StepError)
_UNSUPPORTED = (UnsupportedError, MissingPackageError, MissingRuleError, NonNumericError)


def outcome(derive: Callable[[], Any], truth: Any, wrong: float = WRONG) -> dict[str, Any]:
    """Take a derivative and judge it.

    A value is ``warned`` if diffkit warned of it, whatever its error. Without a warning it is
    ``right`` up to a relative error of ``wrong``, taken of the largest element, and ``wrong in
    silence`` beyond; ``no such derivative`` if there is none to be right about; ``NaN`` if it is
    one, which nobody takes for a derivative. An error that diffkit does not raise on purpose is
    ``crashed``.

    Args:
        derive: gives a number or an array.
        truth: has the rounded ``value``, which may be infinite, and ``absolute`` error bounds, as
            `dk.reference` gives them; None where there is no derivative.
        wrong: the relative error that makes a value wrong.

    Returns:
        ``outcome``, with ``value`` and ``truth`` of the worst element, its error in ``ulps``, the
        ``relative`` error, and ``words``, a warning or a reason.
    """
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            value = np.asarray(derive(), dtype=float)
        except _UNSUPPORTED as error:
            return _row(UNSUPPORTED, words=str(error))
        except _REFUSALS as error:
            return _row(REFUSED, words=str(error))
        except Exception as error:  # a defect, to be seen
            return _row(CRASHED, words=f"{type(error).__name__}: {error}")
    words = [str(w.message) for w in caught if issubclass(w.category, DerivativeWarning)]
    row = _row(RIGHT, value, words="; ".join(words)) if truth is None else _errors(value, truth)
    if words:
        return {**row, "outcome": WARNED, "words": words[0]}
    if np.isnan(value).any():
        return {**row, "outcome": NOT_A_NUMBER}
    if truth is None:
        return {**row, "outcome": MADE_UP}
    return {**row, "outcome": RIGHT if row["relative"] <= wrong else SILENT}


def _row(name: str, value: Any = None, words: str = "") -> dict[str, Any]:
    first = None if value is None else float(np.ravel(value)[0])
    return {
        "outcome": name,
        "value": first,
        "truth": None,
        "ulps": None,
        "relative": None,
        "words": words,
    }


def _errors(value: Any, truth: Any) -> dict[str, Any]:
    """The element that is worst in ulps, and the largest error over the largest truth.

    An element whose truth is zero is measured in ulps of the largest; where all are zero, in ulps
    of 1. An infinite truth is met or missed.
    """
    values, truths = np.ravel(value), np.ravel(truth.value)
    if np.shape(value) != np.shape(truth.value):
        raise ValueError(f"the value is of shape {np.shape(value)}, not {np.shape(truth.value)}")
    gaps = np.where(np.isnan(values), np.nan, np.ravel(truth.absolute(value)))
    scale = float(np.max(np.abs(truths))) or 1.0
    finite = np.isfinite(truths)
    units = [math.ulp(t or scale) if f else 1.0 for t, f in zip(truths, finite, strict=True)]
    ulps = gaps / np.array(units)
    worst = int(np.argmax(np.where(np.isnan(ulps), np.inf, ulps)))
    relative = np.max(gaps) / (scale if finite.all() else 1.0)
    return {
        **_row(RIGHT),
        "value": float(values[worst]),
        "truth": float(truths[worst]),
        "ulps": float(ulps[worst]),
        "relative": float(relative),
    }
