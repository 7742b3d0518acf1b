"""scipy.differentiate: differences of high order with steps that shrink until they agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .black_box import BlackBox, Found, Sampler
from .optional import library

# The share of the step that is tried next where f was not finite within it, and how often.
_SHORTER, _TRIALS = 0.125, 20
# A step is at least so many spacings of x, or else it is not the step that is taken. The shortest
# of the first formula is an eighth of it, and has to be right to SciPy's tolerance of 1.5e-8.
_SPACINGS = 2.0**30


@dataclass(frozen=True, repr=False)
class SciPy(BlackBox):
    """SciPy's ``scipy.differentiate``: ``derivative``, ``jacobian`` and ``hessian``.

    What SciPy reports as not converged gives a ``DerivativeWarning``, unless its estimate of the
    error is small. A kink, and a period or a feature that its steps jump over, it does not notice.

    Attributes:
        order: the order of the difference formula, rounded up to an even number.
        initial_step: the longest step, absolute. By default it is SciPy's own 0.5; longer for
            large x, whose spacing would swallow it; and shorter where f is not finite within it.
        step_factor: by which the step is divided in each iteration.
        maxiter: how many iterations to make at most.
        rtol, atol: the errors at which to stop; None leaves them to SciPy.
        step_direction: 0 for central, -1 and 1 for one-sided differences; for these ``hessian``
            has no option, so that second derivatives are always central.
    """

    order: int = 8
    initial_step: float | None = None
    step_factor: float = 2.0
    maxiter: int = 10
    rtol: float | None = None
    atol: float | None = None
    step_direction: int = 0

    name = "scipy"
    library = "scipy"
    description = "scipy.differentiate: differences of order 8, until two in a row agree"

    def __post_init__(self) -> None:
        for name in ("order", "maxiter"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a whole number > 0, got {getattr(self, name)!r}")
        if self.step_direction not in (-1, 0, 1):
            raise ValueError(f"step_direction must be -1, 0 or 1, got {self.step_direction!r}")
        for name in ("initial_step", "step_factor", "rtol", "atol"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value!r}")

    def _jacobian(self, f: Sampler, x: Any) -> Found:
        return self._with_steps("jacobian", f.at, x, step_direction=self.step_direction)

    def _elementwise(self, f: Sampler, x: Any) -> Found:
        def at(points: Any) -> Any:
            """f at the points, or at several of each along a last axis."""
            if points.ndim == x.ndim:
                return f.whole(points)
            return np.stack([f.whole(p) for p in np.moveaxis(points, -1, 0)], axis=-1)

        options = {"preserve_shape": True, "step_direction": self.step_direction}
        return self._with_steps("derivative", at, x, **options)

    def _second_derivative(self, f: Sampler, x: Any) -> Found:
        parts = [
            self._with_steps("hessian", lambda points, k=k: f.at(points)[k], x)
            for k in range(np.size(f(x)))
        ]
        return Found(*[np.ravel([getattr(part, name) for part in parts]) for name in _FIELDS])

    def _hessian(self, f: Sampler, x: Any) -> Found:
        return self._with_steps("hessian", lambda points: f.at(points)[0], x)

    def _with_steps(self, function: str, f: Any, x: Any, **options: Any) -> Found:
        """What SciPy's function finds, with steps that stay where f is finite."""
        steps = self._steps(x)
        found = self._call(function, f, x, next(steps), options)
        for step in steps:
            lost = ~np.isfinite(found.value)
            if not lost.any():
                break
            found = _merged(lost, self._call(function, f, x, step, options), found)
        return found

    def _steps(self, x: Any) -> Iterator[Any]:
        """The first steps to try, one after the other."""
        if self.initial_step is not None:
            yield self.initial_step
            return
        least = _SPACINGS * np.spacing(np.abs(x))
        for k in range(_TRIALS):
            yield np.maximum(0.5 * _SHORTER**k, least)
        # The edge may be at zero, and x beside it.
        yield np.maximum(np.minimum(0.25 * np.abs(x), 0.5 * _SHORTER**_TRIALS), least)

    def _call(self, function: str, f: Any, x: Any, step: Any, options: Any) -> Found:
        if function == "hessian":
            step = np.max(step)  # it takes no others
        call = getattr(library("scipy.differentiate", "scipy"), function)
        tolerances = {"rtol": self.rtol, "atol": self.atol}
        with np.errstate(all="ignore"):
            result = call(
                f, x, tolerances=tolerances, order=self.order, initial_step=step,
                step_factor=self.step_factor, maxiter=self.maxiter, **options,
            )  # fmt: skip
        value = result.ddf if function == "hessian" else result.df
        last = step / max(self.step_factor, 1.0) ** self.maxiter
        return Found(value, result.error, np.broadcast_to(last, value.shape), result.success)


_FIELDS = ("value", "error", "step", "settled")


def _merged(where: Any, these: Found, others: Found) -> Found:
    """The one finding where ``where`` is true, and elsewhere the other."""
    pairs = ((getattr(these, name), getattr(others, name)) for name in _FIELDS)
    return Found(*[np.where(where, *pair) for pair in pairs])
