"""The step that a forward difference is asked for, and the one that it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .verdict import Verdict


def step_taken(h: float, x: float) -> Fraction:
    """The difference of the double nearest to x + h and x, for any x of its binade.

    All doubles of a binade are multiples of one spacing; so is what is taken of h, the multiple
    nearest to it. A tie, where x decides, is rounded to the even multiple.
    """
    spacing = Fraction(math.ulp(x))
    return round(Fraction(h) / spacing) * spacing


def bias(h: float, x: float) -> float:
    """How much longer the step taken is than h, as a part of h."""
    return float(step_taken(h, x) / Fraction(h) - 1)


@dataclass(frozen=True)
class Mean:
    """The mean of errors, and its standard error."""

    mean: float
    chance: float

    @classmethod
    def of(cls, values: Any) -> Mean:
        values = np.asarray(values, dtype=float)
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)))


def as_predicted(
    rows: Iterable[Mapping[str, Any]],
    predicted: str | None = "bias",
    *,
    suffix: str = "",
    sigmas: float = 4.5,
) -> Verdict:
    """Whether each row's ``mean`` is the predicted one, give or take its standard errors.

    Args:
        rows: with ``mean``, ``chance`` (a standard error) and ``h``.
        predicted: the column of the prediction; None predicts zero.
        suffix: of the columns mean and chance.
        sigmas: how many standard errors are allowed; of 100 normal means one is off by 4.5 in
            1500 runs.
    """
    part = list(rows)
    if not part:
        raise ValueError("there are no rows to check")
    expected = [row[predicted] if predicted else 0.0 for row in part]
    mean, chance = (np.array([row[name + suffix] for row in part]) for name in ("mean", "chance"))
    off = (mean - expected) / chance
    worst = int(np.argmax(np.abs(off)))
    return bool(np.all(np.abs(off) <= sigmas)), (
        f"{len(part)} means; the furthest, at h = {part[worst]['h']:.3g}, is off by "
        f"{abs(off[worst]):.1f} standard errors: {mean[worst]:+.3g} where "
        f"{expected[worst]:+.3g} is expected, give or take {chance[worst]:.1g}."
    )


def stands_out(rows: Iterable[Mapping[str, Any]], factor: float, share: float) -> Verdict:
    """Whether in that share of the rows the mean is ``factor`` standard errors from zero."""
    sizes = [abs(row["mean"]) / row["chance"] for row in rows]
    if not sizes:
        raise ValueError("there are no rows to check")
    count = sum(size >= factor for size in sizes)
    return count >= share * len(sizes), (
        f"{count} of {len(sizes)} means are at least {factor:g} standard errors from zero; half of "
        f"them are more than {np.median(sizes):.0f}."
    )
