"""Taylor's remainder along a line, at steps from long to short, with the noise of f beside it.

|f(x + hv) − f(x) − h g·v| falls as h² if g is the gradient and as h if it is not (Griewank &
Walther 2008, chapter 3; Farrell, Ham, Funke & Rognes 2013, section 4). Taken on both sides and
subtracted, the slope of the central difference less g·v falls as h², which leaves a wide range of
steps at which truncation and round-off are both small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_STEPS = 22  # each a quarter of the one before: twelve decades


@dataclass(frozen=True)
class Ladder:
    """Values of f at x ± h v.

    Attributes:
        step: the steps h, descending.
        plus, minus: f(x + h v) − f(x) and f(x − h v) − f(x); NaN where f has no finite value.
        noise: what rounding of the values of f may do to one of these.
    """

    step: Any
    plus: Any
    minus: Any
    noise: Any

    @classmethod
    def along(cls, value_at: Callable[[Any], float], x: Any, v: Any, unit: float) -> Ladder:
        """Twice 22 values of f along v, which is as long as f may be followed.

        Args:
            value_at: f of a vector, NaN where it has no value.
            x, v: the point and the direction, vectors. The entries of v are powers of two, with
                a sign, or zero: then x ± h v is what is asked for, and not its rounding.
            unit: the unit round-off of the values of f.
        """
        steps = 4.0 ** -np.arange(1.0, _STEPS + 1)
        grid = np.spacing(np.abs(x[v != 0])) / np.abs(v[v != 0])
        steps = steps[steps > 4 * np.max(grid, initial=0.0)]
        center = value_at(x)
        right, left = (np.array([value_at(x + s * h * v) for h in steps]) for s in (1, -1))
        sizes = np.fmax(np.fmax(np.abs(right), np.abs(left)), abs(center))
        return cls(steps, right - center, left - center, 2 * unit * sizes)

    def remainder_slope(self, slope: float) -> float | None:
        """The power of h that |f(x + h v) − f(x) − h g·v| falls with; None if rounding hides it."""
        size = np.abs(self.plus - self.step * slope)
        seen = np.isfinite(size) & (size > 32 * self.noise)
        seen &= np.cumprod(seen | ~np.isfinite(size)).astype(bool)
        used = np.flatnonzero(seen)[-5:]
        if used.size < 3:
            return None
        return float(np.polyfit(np.log(self.step[used]), np.log(size[used]), 1)[0])

    def excess(self, slope: float) -> Any:
        """The central difference less the slope, and what rounding may do to it, by step."""
        return (self.plus - self.minus) / (2 * self.step) - slope, self.noise / self.step

    def confirms(self, slope: float, excess: float) -> bool:
        """Whether central differences exceed the slope by that much at the shortest usable steps.

        What a search for longer steps found is not believed if it is gone at shorter ones.
        """
        found, noise = self.excess(slope)
        usable = np.flatnonzero(np.isfinite(found) & (8 * noise <= abs(excess)))[-3:]
        return bool(usable.size == 3 and np.all(np.abs(found[usable] - excess) <= abs(excess) / 2))

    @property
    def flat(self) -> bool:
        """Whether f is the same to the last bit at all of these points."""
        return bool(self.step.size and not self.plus.any() and not self.minus.any())

    def contradicts(self, slope: float, allowed: float) -> bool:
        """Whether a fine structure of f has another slope than the one given.

        That is, whether the differences at the shortest usable steps leave the slope by more than
        their noise and what is allowed.
        """
        found, noise = self.excess(slope)
        informative = np.flatnonzero(np.isfinite(found) & (4 * noise <= 1e-4 * abs(slope)))[-3:]
        gone = np.abs(found[informative]) > 4 * noise[informative] + allowed
        return bool(informative.size == 3 and gone.all())
