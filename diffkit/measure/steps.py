"""The error of a finite difference over its step: a V of truncation and round-off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._backends.finite_difference import Stencil, stencil
from .fit import rms, slope
from .verdict import Verdict, near, within

UNIT_ROUNDOFF = 2.0**-53


@dataclass(frozen=True)
class StepCurve:
    """Measured errors of one stencil, beside E(h) = C h^p |f^(p+d)| + A ε / h^d.

    Attributes:
        stencil: its A, C, p and d.
        step: the steps h, ascending.
        error: the absolute error at each.
        noise: ε, the absolute error of a value of f.
        slope: |f^(p+d)| at the point.
    """

    stencil: Stencil
    step: NDArray[np.float64]
    error: NDArray[np.float64]
    noise: float
    slope: float

    @classmethod
    def of(cls, stencil: Stencil, steps: Any, errors: Any, value: float, slope: float) -> StepCurve:
        """The curve of a function that is ``value`` at the point, wrong by the unit round-off."""
        h, e = np.asarray(steps, dtype=float), np.abs(np.asarray(errors, dtype=float))
        order = np.argsort(h)
        return cls(stencil, h[order], e[order], UNIT_ROUNDOFF * abs(value), abs(slope))

    @cached_property
    def best_step(self) -> float:
        """h*, where E(h) is least."""
        return self.stencil.best_step(self.noise, self.slope)

    @property
    def least_error(self) -> float:
        """E(h*)."""
        return float(self.stencil.error(self.best_step, self.noise, self.slope))

    @property
    def predicted(self) -> tuple[list[float | None], list[float | None]]:
        """The two terms of E(h) as straight lines on log axes: x and y, None between the two."""
        low, high = self.step[[0, -1]]
        h = np.array([low, high])
        truncation = self.stencil.truncation * h**self.stencil.order * self.slope
        roundoff = self.stencil.amplification * self.noise / h**self.stencil.derivative
        return [low, high, None, low, high], [*roundoff, None, *truncation]

    def truncation_slope(self, until: float) -> float:
        """The measured power of h from 10 h* to ``until``.

        At 10 h* truncation is at least 10^(p+1)/p ≥ 50 times the round-off. ``until`` keeps the
        next term of Taylor's series out.
        """
        return self._slope(10 * self.best_step, until)

    def roundoff_slope(self) -> float:
        """The measured power of h up to h*/10, where round-off is most of the error."""
        return self._slope(0.0, self.best_step / 10)

    def typical_error(self, reach: float = 2.0) -> NDArray[np.float64]:
        """At each step the RMS error of the steps within a factor ``reach`` of it.

        One error is the luck of a few roundings and can be any small number; their RMS is not.
        """
        windows = [(self.step >= h / reach) & (self.step <= h * reach) for h in self.step]
        return np.array([rms(self.error[window]) for window in windows])

    def minimum(self) -> tuple[float, float]:
        """The step at which the typical error is least, and that error.

        Raises:
            ValueError: an error is NaN, so that none is the least.
        """
        typical = self.typical_error()
        if np.isnan(typical).any():
            raise ValueError("some errors are NaN; there is no least one")
        k = int(np.argmin(typical))
        return float(self.step[k]), float(typical[k])

    def _slope(self, low: float, high: float) -> float:
        chosen = (self.step >= low) & (self.step <= high)
        return slope(self.step[chosen], self.error[chosen])


Curves = Mapping[str, StepCurve]


def curves(
    rows: Iterable[Mapping[str, Any]], *, value: float, slope: float
) -> dict[str, StepCurve]:
    """A curve for each stencil in a table of errors.

    Args:
        rows: each with the ``kind`` and ``order`` of a stencil for the first derivative, the step
            ``h`` and the ``difference`` from the truth.
        value: f at the point.
        slope: f^(p+1) there, for a function whose derivatives of all orders p + 1 are equal.
    """
    parts: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        parts.setdefault((row["kind"], row["order"]), []).append(row)
    return {
        f"{kind} {order}": StepCurve.of(
            stencil(kind, order),
            [row["h"] for row in part],
            [row["difference"] for row in part],
            value,
            slope,
        )
        for (kind, order), part in parts.items()
    }


def truncates_with_its_order(curves: Curves, *, until: float, tolerance: float) -> Verdict:
    """Whether each curve rises with the power p of its stencil."""
    return near(
        {name: (c.truncation_slope(until), float(c.stencil.order)) for name, c in curves.items()},
        tolerance,
    )


def rounds_off_as_one_over_h(curves: Curves, *, tolerance: float) -> Verdict:
    """Whether each curve falls with the power −d of its stencil."""
    return near(
        {name: (c.roundoff_slope(), -float(c.stencil.derivative)) for name, c in curves.items()},
        tolerance,
    )


def is_least_where_predicted(curves: Curves, *, factor: float) -> Verdict:
    """Whether the typical error is least near h*."""
    return within({n: (c.minimum()[0], c.best_step) for n, c in curves.items()}, factor)


def is_as_small_as_predicted(curves: Curves, *, factor: float) -> Verdict:
    """Whether the least typical error is near E(h*)."""
    return within({n: (c.minimum()[1], c.least_error) for n, c in curves.items()}, factor)
