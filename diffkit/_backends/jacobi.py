"""jacobi: polynomials through central differences at shrinking steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .black_box import EPS, BlackBox, Found, Sampler
from .optional import library

_METHODS = {None: None, "central": 0, "forward": 1, "backward": -1}


@dataclass(frozen=True, repr=False)
class Jacobi(BlackBox):
    """``jacobi.jacobi``, which has first derivatives only.

    It gives an estimate of the error and no status; a large estimate gives a
    ``DerivativeWarning``. A kink it does not notice: by differences that are central the slope of
    abs(x) at 0 is 0.

    Attributes:
        method: ``"central"``, ``"forward"`` or ``"backward"``; None is central, or one-sided where
            f is not finite on one side.
        maxiter: how many steps to try at most.
        maxgrad: the highest degree of the polynomial.
        step: the first step, as a fraction of x, and by what the steps shrink; None is (0.25, 0.5),
            and (0.25, 0.125) for one-sided differences.
        rtol: the relative error at which to stop; 0 goes on as long as the estimate improves.
    """

    method: str | None = None
    maxiter: int = 10
    maxgrad: int = 3
    step: tuple[float, float] | None = None
    rtol: float = 0.0

    name = "jacobi"
    library = "jacobi"
    description = "jacobi: polynomials through differences at shrinking steps"

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            known = ", ".join(repr(method) for method in _METHODS)
            raise ValueError(f"method must be one of {known}, got {self.method!r}")
        if self.maxiter < 1 or self.maxgrad < 0 or not self.rtol >= 0:
            raise ValueError("maxiter must be positive, maxgrad and rtol must not be negative")
        first, share = self.step or (0.25, 0.5)
        if not (0 < first < 0.5 and 0 < share < 1 and first * share**self.maxiter > EPS):
            raise ValueError(
                f"step must be within (0, 0.5) and (0, 1), and no step shorter than {EPS:.1e}, got "
                f"{self.step!r} and maxiter={self.maxiter!r}"
            )

    def _jacobian(self, f: Sampler, x: Any) -> Found:
        # Its steps are fractions of x, so that all is the same in units of x and of f(x). In other
        # units the powers of a step underflow, and the fit of the polynomial never ends; or the
        # squares of the residuals do, and the error is none.
        of_x, of_f = _power_of_two(x), _power_of_two(np.ravel(f.y))[:, None]
        scaled = lambda point: f(point * of_x) / of_f[:, 0]  # noqa: E731
        found = self._call(scaled, x / of_x, self._first)
        with np.errstate(over="ignore"):  # what overflows is told as not finite
            value, error = found.value * of_f / of_x, found.error * of_f / of_x
        return Found(value, error, self._first * of_x)

    def _elementwise(self, f: Sampler, x: Any) -> Found:
        return self._call(f.whole, x, self._first, diagonal=True)

    @property
    def _first(self) -> float:
        return self.step[0] if self.step else 0.25

    def _call(self, f: Any, x: Any, step: Any, **options: Any) -> Found:
        differentiate = library("jacobi", "jacobi").jacobi
        with np.errstate(all="ignore"):
            value, error = differentiate(
                f, x, method=_METHODS[self.method], rtol=self.rtol, maxiter=self.maxiter,
                maxgrad=self.maxgrad, step=self.step, **options,
            )  # fmt: skip
        return Found(value, error, step)


def _power_of_two(values: Any) -> Any:
    """Powers of two that are at most as large as the values; 1 for zeros."""
    return np.where(values == 0, 1.0, np.ldexp(1.0, np.frexp(values)[1] - 1))
