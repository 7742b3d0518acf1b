"""What Taylor's theorem needs to know of a function at a point, and what it then foretells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import Any

import numpy as np

from .._backends.stencils import Stencil, stencil
from ..errors import UnsupportedError
from .error import error
from .fit import slope
from .steps import UNIT_ROUNDOFF, StepCurve
from .verdict import Verdict

__all__ = ["Local", "local", "stencil"]

_DIGITS = 50


@dataclass(frozen=True)
class Local:
    """A function beside one point.

    Attributes:
        derivatives: f, f', f'', ... at the point, of 50 digits.
        noise: the absolute error of a value of f near the point.
    """

    derivatives: tuple[Any, ...]
    noise: float

    def error(self, value: float) -> dict[str, Any]:
        """The error of a first derivative."""
        return error(value, self.derivatives[1]).to_dict()

    def curve(self, stencil: Stencil, steps: Any, errors: Any) -> StepCurve:
        """Measured errors of a first derivative, beside E(h)."""
        h, e = np.asarray(steps, dtype=float), np.abs(np.asarray(errors, dtype=float))
        order, size = np.argsort(h), abs(float(self.derivatives[stencil.order + 1]))
        return StepCurve(stencil, h[order], e[order], self.noise, size)

    def truncation_range(self, stencil: Stencil) -> tuple[float, float]:
        """The steps at which the leading truncation term is nearly all of the error.

        At r h* it is r^(p+1)/p times the round-off: 10 times at the lower end. At the upper end
        the next term of Taylor's series is a tenth of it.
        """
        p = stencil.order
        best = self.curve(stencil, [], []).best_step
        leading, *next_ones = (abs(self._term(stencil, k)) for k in (p + 1, p + 2, p + 3))
        ends = [(leading / (10 * t)) ** (1 / k) for k, t in enumerate(next_ones, 1) if t]
        return best * (10 * p) ** (1 / (p + 1)), min(ends, default=np.inf)

    def _term(self, stencil: Stencil, k: int) -> float:
        """The coefficient of h^(k−1) in what the stencil gives."""
        pairs = zip(stencil.weights, stencil.offsets, strict=True)
        moment = sum(w * o**k for w, o in pairs)
        return float(moment) * float(self.derivatives[k]) / factorial(k)


@cache
def local(f: Callable[..., Any], x: float, size: float | None = None, orders: int = 11) -> Local:
    """A function beside x, its derivatives by SymPy from the expression that was recorded there.

    Args:
        f: a function of one number.
        x: the point; the double is taken as the exact number it is.
        size: the largest number that is rounded on the way to f(x); by default f(x).
        orders: how many derivatives.

    Raises:
        UnsupportedError: the function's expression is too large.
    """
    import mpmath
    import sympy

    from ..expression import is_small
    from ..tape.tape import trace

    expr, symbol, found = trace(f, x).to_sympy(), sympy.Symbol("x"), []
    if not is_small(expr):  # all that follows walks the tree
        raise UnsupportedError("the function is too large for its Taylor series by SymPy")
    (own,) = expr.free_symbols
    expr = expr.xreplace({own: symbol})
    with mpmath.workdps(_DIGITS):
        for _ in range(orders + 1):
            found.append(+mpmath.mpf(sympy.lambdify(symbol, expr, "mpmath")(mpmath.mpf(x))))
            expr = sympy.together(sympy.diff(expr, symbol))
    return Local(tuple(found), UNIT_ROUNDOFF * (abs(float(found[0])) if size is None else size))


Panel = tuple[Local, Mapping[str, StepCurve]]


def truncates(panels: Mapping[str, Panel], *, tolerance: float) -> Verdict:
    """Whether each curve rises with the power p of its stencil where truncation is its error."""
    off = {}
    for of, (where, curves) in panels.items():
        for name, c in curves.items():
            low, high = where.truncation_range(c.stencil)
            chosen = (c.step >= low) & (c.step <= high)
            power = slope(c.step[chosen], c.error[chosen])
            off[f"{of}, {name}"] = power - c.stencil.order
    worst = max(off, key=lambda name: abs(off[name]))
    return bool(all(abs(v) <= tolerance for v in off.values())), (
        f"{len(off)} curves; fitted powers are off by {np.median(np.abs(list(off.values()))):.3f} "
        f"in the median and {off[worst]:+.3f} at most ({worst})."
    )


def rounds_off(panels: Mapping[str, Panel], *, tolerance: float) -> Verdict:
    """Whether each curve falls with the power −1 where round-off is its error.

    That is left of a tenth of the best step, and right of where round-off is a tenth of f': at
    steps so short that f does not change the error is all of f', and grows no more.
    """
    off = {}
    for of, (where, curves) in panels.items():
        for name, c in curves.items():
            low = 10 * c.stencil.amplification * c.noise / abs(float(where.derivatives[1]))
            chosen = (c.step >= low) & (c.step <= c.best_step / 10)
            off[f"{of}, {name}"] = slope(c.step[chosen], c.error[chosen]) + 1
    worst = max(off, key=lambda name: abs(off[name]))
    return bool(all(abs(v) <= tolerance for v in off.values())), (
        f"{len(off)} curves; fitted powers lie between {min(off.values()) - 1:.3f} and "
        f"{max(off.values()) - 1:.3f}; furthest off: {worst}."
    )


def stays_below(panels: Mapping[str, Panel], *, factor: float) -> Verdict:
    """Whether no error exceeds ``factor`` times E(h), up to where the next term counts."""
    ratios = {}
    for of, (where, curves) in panels.items():
        for name, c in curves.items():
            chosen = c.step <= where.truncation_range(c.stencil)[1]
            bound = c.stencil.error(c.step[chosen], c.noise, c.slope)
            ratios[f"{of}, {name}"] = c.error[chosen] / bound
    every, worst = np.concatenate(list(ratios.values())), max(ratios, key=lambda n: ratios[n].max())
    return bool(np.all(every <= factor)), (
        f"{every.size} errors; the largest is {every.max():.2f} E(h) ({worst}), half of them are "
        f"below {np.median(every):.2f} E(h)."
    )


def minima(panels: Mapping[str, Panel]) -> dict[str, tuple[float, float, float, float]]:
    """For each curve h* and E(h*), and the measured place and size of the least error."""
    return {
        f"{of}, {name}": (c.best_step, c.least_error, *c.minimum())
        for of, (_, curves) in panels.items()
        for name, c in curves.items()
    }


def ratios_within(pairs: Mapping[str, tuple[float, float]], factor: float) -> Verdict:
    """Whether each measured number is within ``factor`` of the expected one; shows the extremes."""
    ratio = {name: m / e for name, (m, e) in pairs.items()}
    low, high = min(ratio, key=lambda n: ratio[n]), max(ratio, key=lambda n: ratio[n])
    held = all(1 / factor <= r <= factor for r in ratio.values())
    return bool(held), (
        f"Measured over predicted in {len(ratio)} curves: from {ratio[low]:.2f} ({low}) to "
        f"{ratio[high]:.2f} ({high}), median {np.median(list(ratio.values())):.2f}."
    )


def has_no_roundoff(
    parts: Mapping[str, tuple[Any, Any]], *, scales: Mapping[str, float], ulps: float
) -> Verdict:
    """Whether errors stay within ``ulps`` at all steps below 1e-9 of the scale of the function.

    Args:
        parts: steps and errors in ulps, by the name of the function.
        scales: the scale of each.
        ulps: the limit.
    """
    worst, least, count = {}, np.inf, 0
    for name, (h, e) in parts.items():
        chosen = np.asarray(h) <= 1e-9 * scales[name]
        worst[name] = float(np.max(np.abs(np.asarray(e)[chosen])))
        least, count = min(least, float(np.min(h))), count + int(chosen.sum())
    where = max(worst, key=lambda name: worst[name])
    return bool(all(w <= ulps for w in worst.values())), (
        f"{count} errors at steps down to {least:.0e}: at most {worst[where]:.2f} ulps ({where})."
    )
