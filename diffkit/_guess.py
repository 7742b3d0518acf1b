"""Guesses at the mistake behind a wrong gradient, from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isclose, log, pi
from typing import Any

import numpy as np

_NAMED = (
    (-1.0, "sign"),
    (2.0, "factor 2"),
    (0.5, "factor 1/2"),
    (-2.0, "sign and factor 2"),
    (-0.5, "sign and factor 1/2"),
    (pi / 180, "radians taken for degrees"),
    (180 / pi, "degrees taken for radians"),
    (log(10), "natural logarithm taken for one to base 10"),
    (1 / log(10), "logarithm to base 10 taken for a natural one"),
)


def guess(
    given: Any, expected: Any, wrong: Any, x: Any, y: float, sizes: Iterable[int], tolerance: float
) -> str:
    """What the mistake may be; empty if nothing fits.

    Args:
        given, expected: the gradients, of the shape of x.
        wrong: a mask of the wrong entries.
        x, y: the point and the value of f there.
        sizes: numbers that a mean may have been taken over.
        tolerance: the relative difference that counts as none.
    """
    found = next(_guesses(given, expected, wrong, x, y, sorted(set(sizes)), tolerance), "")
    if not found or np.all(wrong) or found.startswith(("transposed", "entries")):
        return found
    return f"{found}, in {np.sum(wrong)} of {np.size(wrong)} entries" if np.size(x) > 1 else found


def _guesses(
    g: Any, e: Any, wrong: Any, x: Any, y: float, sizes: list[int], tolerance: float
) -> Iterator[str]:
    if not np.all(np.isfinite(g[wrong])):
        yield "not a finite number"
    if np.size(x) > 1:
        yield from _rearranged(g, e, tolerance)
    ratio = _ratio(g[wrong], e[wrong], tolerance)
    if ratio is not None:
        yield from _of_ratio(ratio, sizes, y, tolerance)
    if np.all(g[wrong] == 0):
        yield "missing term (zero is given)"
    yield from _terms(g[wrong] - e[wrong], x[wrong], tolerance * np.max(np.abs(e[wrong])))
    yield from _functions(g[wrong], e[wrong], tolerance)
    if ratio is not None and np.sum(wrong) > 1:
        yield f"factor {ratio:.6g}"
    if np.sum(wrong) == 1 and np.size(x) > 1:
        yield "one entry shifted"
    elif np.all(e[wrong] != 0):
        yield "missing term"


def _same(a: Any, b: Any, tolerance: float) -> bool:
    size = np.max(np.abs(b), initial=0.0)
    return bool(np.shape(a) == np.shape(b) and np.all(np.abs(a - b) <= tolerance * size))


def _rearranged(g: Any, e: Any, tolerance: float) -> Iterator[str]:
    if g.ndim == 2 and g.shape[0] == g.shape[1] and _same(g.T, e, tolerance):
        yield "transposed"
    if g.ndim >= 2 and _same(np.reshape(np.ravel(g), g.shape[::-1]).T, e, tolerance):
        yield "transposed"
    a, b = np.ravel(g), np.ravel(e)
    if _same(a[::-1], b, tolerance):
        yield "entries in reverse order"
    if any(_same(np.roll(a, k), b, tolerance) for k in (1, -1)):
        yield "entries shifted by one place"
    if _same(np.sort(a), np.sort(b), tolerance):
        yield "entries in another order"


def _ratio(g: Any, e: Any, tolerance: float) -> float | None:
    """The one factor between two arrays, if there is one."""
    size = float(np.vdot(e, e))
    if not size or not np.isfinite(size):
        return None
    r = float(np.vdot(e, g)) / size
    return r if r and _same(g / r, e, tolerance) else None


def _of_ratio(r: float, sizes: list[int], y: float, tolerance: float) -> Iterator[str]:
    close = max(tolerance, 1e-12)
    for value, name in _NAMED:
        if isclose(r, value, rel_tol=close):
            yield name
    for n in sizes:
        if n > 1 and isclose(r, n, rel_tol=close):
            yield f"not divided by n = {n}"
        if n > 1 and isclose(r, 1 / n, rel_tol=close):
            yield f"divided by n = {n}"
    if y and isclose(r, y, rel_tol=close):
        yield "multiplied by f(x)"
    if y and isclose(r, 1 / y, rel_tol=close):
        yield "divided by f(x) (the derivative of log f)"
    if isclose(r, round(r), rel_tol=close) and abs(r) < 100:
        yield f"factor {round(r)}"


def _terms(difference: Any, x: Any, allowed: float) -> Iterator[str]:
    """Terms that are the same everywhere, or in proportion to x."""
    if difference.size < 2 or not np.all(np.isfinite(difference)):
        return
    allowed = max(allowed, 1e-9 * float(np.max(np.abs(difference))))
    if np.all(np.abs(difference - difference[0]) <= allowed):
        yield f"missing term: a constant {-difference[0]:.6g}"
    size = float(np.vdot(x, x))
    if size:
        r = float(np.vdot(x, difference)) / size
        if r and np.all(np.abs(difference - r * x) <= allowed):
            yield f"missing term: {-r:.6g} x"


def _functions(g: Any, e: Any, tolerance: float) -> Iterator[str]:
    with np.errstate(all="ignore"):
        if np.all(e != 0) and _same(g * e, np.ones_like(e), tolerance):
            yield "reciprocal"
        if _same(np.abs(g), np.abs(e), tolerance):
            yield "sign of some entries"
        if _same(g, e * e, tolerance):
            yield "squared"
