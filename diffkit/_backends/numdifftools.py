"""numdifftools: differences at many steps, extrapolated by Richardson and by Wynn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .black_box import BlackBox, Found, Sampler
from .optional import library

_METHODS = ("central", "forward", "backward")


@dataclass(frozen=True, repr=False)
class Numdifftools(BlackBox):
    """numdifftools' ``Derivative``, ``Jacobian`` and ``Hessian``.

    It gives an estimate of the error and no status; a large estimate gives a
    ``DerivativeWarning``. Its steps are of the size of log(|x|) and more: what is finer than that,
    and a kink, it may not notice.

    Attributes:
        step: the shortest step, absolute; by default numdifftools takes a sequence of steps that
            begins at 2 log(e − 1 + |x|).
        order: the order of the difference formula; None is 2, and 1 for one-sided Hessians.
        method: ``"central"``, ``"forward"`` or ``"backward"``.
        richardson_terms: how many terms of the error are extrapolated away.
    """

    step: float | None = None
    order: int | None = None
    method: str = "central"
    richardson_terms: int = 2

    name = "numdifftools"
    library = "numdifftools"
    description = "numdifftools: differences at many steps, extrapolated"

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(
                f"method must be one of {', '.join(_METHODS)}, got {self.method!r}; "
                f"dk.ComplexStep() takes complex steps, and checks them"
            )
        if self.step is not None and not (np.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step must be a positive number, got {self.step!r}")
        if self.order is not None and (
            self.order < 1 or (self.method == "central" and self.order % 2)
        ):
            raise ValueError(f"order must be positive, and even for central, got {self.order!r}")
        if self.richardson_terms < 0:
            raise ValueError(f"richardson_terms must not be negative: {self.richardson_terms!r}")

    def _jacobian(self, f: Sampler, x: Any) -> Found:
        found = self._call("Jacobian", f, x)
        return Found(*[np.reshape(part, (-1, x.size)) for part in found])

    def _elementwise(self, f: Sampler, x: Any) -> Found:
        return Found(*self._call("Derivative", f.whole, x))

    def _second_derivative(self, f: Sampler, x: Any) -> Found:
        return Found(*self._call("Derivative", f, x[0], n=2))

    def _hessian(self, f: Sampler, x: Any) -> Found:
        return Found(*self._call("Hessian", lambda point: f(point)[0], x))

    def _call(self, cls: str, f: Any, x: Any, **options: Any) -> tuple[Any, Any, Any]:
        """The derivative, its error, and the step."""
        if self.order is not None:
            options["order"] = self.order
        differentiate = getattr(library("numdifftools", "numdifftools"), cls)(
            f, step=self.step, method=self.method, richardson_terms=self.richardson_terms,
            full_output=True, **options,
        )  # fmt: skip
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN")  # it is told by the status
            found = differentiate(x)
        return found.estimate, found.error_estimate, found.final_step
