"""Straight lines through data, and what their slopes mean."""

from __future__ import annotations

from typing import Any

import numpy as np


def line(x: Any, y: Any) -> tuple[float, float]:
    """The slope and the intercept of the least-squares line.

    Raises:
        ValueError: a number is NaN or infinite, or there are fewer than three points, through
            which any line goes.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.size < 3:
        raise ValueError(f"a line needs at least three points, got {x.size}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a line cannot be fitted to NaN or infinity")
    gradient, intercept = np.polyfit(x, y, 1)
    return float(gradient), float(intercept)


def slope(x: Any, y: Any, *, log: str = "xy") -> float:
    """The slope of the line through the data with logarithms taken on the axes of ``log``.

    With ``log="xy"`` it is the power p of y ~ x^p; with ``log="y"`` the rate r of y ~ e^(r x).
    Zeros have no logarithm and are left out.
    """
    # Integers beyond 64 bits come as an array of objects, which np.log refuses.
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    kept = np.ones(x.shape, dtype=bool)
    for axis, values in (("x", x), ("y", y)):
        kept &= (values != 0) | (axis not in log)
    x, y = x[kept], y[kept]
    return line(np.log(x) if "x" in log else x, np.log(y) if "y" in log else y)[0]


def growth(x: Any, y: Any) -> float:
    """The factor by which y grows when x grows by one, where y ~ factor^x."""
    return float(np.exp(slope(x, y, log="y")))


def rms(values: Any) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(values, dtype=float)))))
