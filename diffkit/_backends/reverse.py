"""Reverse mode: record the function once, then pull cotangents back over the tape."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from ..tape import ZERO, filled, forward_sweep, record, reverse_sweep
from .base import Backend, Function, Linear, Point, Value, one, require_finite, require_scalar


class Reverse(Backend):
    """Tape-based reverse-mode automatic differentiation.

    One sweep gives the derivative of one output in all inputs, at a small multiple of the cost of
    the function (Griewank & Walther 2008, section 4.5).
    """

    name = "reverse"
    description = "tape-based reverse-mode automatic differentiation"
    composable = True

    def pullback(self, f: Function, x: Point) -> tuple[Value, Linear]:
        rows, y, k = record(f, [x])
        require_finite(y, x)

        def pull(u: Any) -> Any:
            return filled(reverse_sweep(rows, 1, k, u)[0] if k >= 0 else ZERO, x)

        return y, pull

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        rows, y, k = record(f, [x])
        if type(y) is not float or not isfinite(y):  # spares the usual case two calls
            require_scalar(require_finite(y, x), "gradient")
        if k < 0:
            return y, filled(ZERO, x)
        return y, filled(reverse_sweep(rows, 1, k, one(y))[0], x)

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        # A forward sweep over the recorded gradient: two sweeps fewer than reverse over reverse.
        y = None

        def gradient(t: Any) -> Any:
            nonlocal y
            y, g = self.value_and_gradient(f, t)
            return g

        rows, _, k = record(gradient, [x])
        y = getattr(y, "value", y)
        return y, filled(forward_sweep(rows, [v], k) if k >= 0 else ZERO, np.zeros_like(x))
