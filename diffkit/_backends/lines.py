"""Lines through the point, along which f is differentiated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, ulp
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Line:
    """The points x + t v.

    Attributes:
        x: the point, a number or an array.
        v: the direction, of the shape of x, not zero.
        unit: the unit round-off of the values of f.
        bounds: the least and the greatest x allowed, numbers or arrays of the shape of x.
    """

    x: Any
    v: Any
    unit: float = 2.0**-53
    bounds: tuple[Any, Any] = (-inf, inf)

    def at(self, t: float) -> Any:
        """x + t v, in the dtype of x."""
        if type(self.x) is float:
            return float(self.x + t * self.v)
        return np.asarray(self.x + t * self.v, dtype=self.x.dtype)[()]

    def taken(self, t: float) -> float:
        """The offset that is taken when t is asked for: (x + t) − x along an axis."""
        if self._axis is None:
            return t
        return float(self._axis.dtype.type(self._axis + t) - self._axis)

    @cached_property
    def size(self) -> float:
        """How far away the origin is, in units of t."""
        if self._axis is not None:
            return float(abs(self._axis))
        near = np.where(self._x == 0, 1.0, np.abs(self._x))
        return float(np.min(near / self._speed))

    def grid(self, t: float) -> float:
        """The spacing of the offsets that can be taken about t."""
        if type(self.x) is float:
            return ulp(abs(self.x) + t * abs(self.v)) / abs(self.v)
        far = (np.abs(self._x) + t * self._speed).astype(self._x.real.dtype)
        return float(np.min(np.spacing(far) / self._speed))

    @cached_property
    def room(self) -> tuple[float, float]:
        """The lowest and the highest t that stay inside the bounds."""
        low, high = (np.broadcast_to(b, np.shape(self.x))[self._moves] for b in self.bounds)
        if not (np.any(np.isfinite(low)) or np.any(np.isfinite(high))):
            return -inf, inf
        v = np.asarray(self.v)[self._moves]
        ends = (low - self._x) / v, (high - self._x) / v
        return float(np.max(np.minimum(*ends))), float(np.min(np.maximum(*ends)))

    @cached_property
    def _moves(self) -> Any:
        return np.asarray(self.v) != 0

    @cached_property
    def _x(self) -> Any:
        return np.asarray(self.x)[self._moves]

    @cached_property
    def _speed(self) -> Any:
        return np.abs(np.asarray(self.v)[self._moves])

    @cached_property
    def _axis(self) -> Any:
        """The only coordinate that moves, if it moves at speed 1 and is real."""
        moving = self._x
        along = moving.size == 1 and np.asarray(self.v)[self._moves][0] == 1.0
        return moving[0] if along and moving.dtype.kind == "f" else None
