"""Finite differences: derivatives from values of f alone.

With nothing given, the scale of f is searched for at each point and the differences extrapolated
(``search``), and the result carries an estimate of its error and a status (``judgement``). With an
order, a step or a kind, a fixed stencil is used (``stencils``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import numpy as np

from ..errors import DomainError, StepError
from .adaptive import estimate_along, estimate_pointwise, unit_roundoff
from .base import (
    Backend,
    Function,
    Linear,
    Point,
    Value,
    basis,
    evaluate,
    require_same_shape,
    require_scalar,
)
from .elementwise import require_elementwise
from .estimate import Estimate, vouched
from .lines import Line
from .stencils import Stencil, stencil

__all__ = ["Estimate", "FiniteDifference", "Stencil", "stencil"]


@dataclass(frozen=True, repr=False)
class FiniteDifference(Backend):
    """Differences of values of f, which is called as a black box.

    ``FiniteDifference()`` finds its own steps, extrapolates and estimates its error; what it cannot
    vouch for gives a ``DerivativeWarning``, and a ``DomainError`` where there is no estimate.
    With ``order``, ``step`` or ``kind`` it applies one stencil, unchecked.

    Attributes:
        order: the order of accuracy, 1, 2, 4, ...; by default 2.
        step: a fixed absolute step; None takes the textbook step for the order, which is optimal
            for a function whose values and derivatives are of equal size and whose scale is
            max(1, abs(x)).
        kind: ``"central"``, ``"forward"`` or ``"backward"``; None is central where the order is
            even, else forward.
        representable: use (x + h) - x for h, so that the step is the one that was taken.
        bounds: the least and the greatest x at which f may be called: numbers, or arrays of the
            shape of x. A stencil turns forward or backward where it has to.
    """

    order: int | None = None
    step: float | None = None
    kind: str | None = None
    representable: bool = True
    bounds: tuple[Any, Any] = (-inf, inf)

    name = "finite_difference"
    description = "differences of function values, extrapolated, with an estimate of their error"
    exact = False

    def __post_init__(self) -> None:
        stencil(self._kind, self._order)
        if self.step is not None and not (np.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step must be a positive number, got {self.step!r}")
        if len(self.bounds) != 2 or not np.all(np.less(*self.bounds)):
            raise ValueError(f"bounds must be (low, high) with low < high, got {self.bounds!r}")

    @property
    def adaptive(self) -> bool:
        """Whether steps are searched for."""
        return self.order is None and self.step is None and self.kind is None

    @property
    def _order(self) -> int:
        return 2 if self.order is None else self.order

    @property
    def _kind(self) -> str:
        return self.kind or ("forward" if self._order % 2 else "central")

    def stencil(self, derivative: int = 1) -> Stencil:
        """The stencil for a derivative of that order."""
        return stencil(self._kind, self._order, derivative)

    def estimate(
        self, f: Function, x: Any, *, derivative: int = 1, elementwise: bool = False
    ) -> Estimate:
        """The derivative with an estimate of its error.

        Args:
            f: a function of x, which returns a number or an array.
            x: a number or an array.
            derivative: the order of the derivative along each element of x: 1 or 2, or any with a
                fixed stencil.
            elementwise: take f as elementwise, and x as many points at once.

        Returns:
            Shape f(x).shape + x.shape, or x.shape for an elementwise f.

        Raises:
            DomainError: f(x) is not finite, or x is out of bounds.
            ShapeError: f is called elementwise and returns another shape.
        """
        x = _as_point(x)
        y = self._evaluate(f, x)
        if elementwise and np.ndim(x):
            return self._estimate_elementwise(f, x, y)
        parts = [self._estimate_along(f, x, y, e, derivative) for e in basis(x)]
        return parts[0] if not np.ndim(x) else _stacked(parts, np.shape(y) + np.shape(x))

    def _estimate_along(self, f: Any, x: Any, y: Any, v: Any, derivative: int = 1) -> Estimate:
        if not self.adaptive:
            return self._estimate_fixed(f, x, y, v, derivative)
        if derivative not in (1, 2):
            raise ValueError(
                f"steps are searched for derivatives of order 1 and 2, not {derivative!r}; give an "
                f"order and a step, such as FiniteDifference(order=4, step=1e-2)"
            )
        if not np.any(v):
            return Estimate(np.zeros_like(y)[()], _like(y, 0.0), _like(y, 0.0), 1, _like(y, "ok"))
        line = Line(x, v, unit_roundoff(y), self.bounds)
        return estimate_along(f, y, line, derivative)

    def _estimate_fixed(self, f: Any, x: Any, y: Any, v: Any, derivative: int) -> Estimate:
        """The error as the change from twice the step, and the round-off."""
        h = self._along(x, v, derivative)
        value = self._difference(f, x, y, v, h, derivative)
        wide = self._difference(f, x, y, v, 2 * h, derivative)
        rule = self.stencil(derivative)
        roundoff = rule.amplification * 2 * unit_roundoff(y) * np.abs(y) / h**derivative
        error, count = np.abs(wide - value) + roundoff, 2 * len(rule.offsets) + 1
        return Estimate(value, error, _like(y, float(h)), count, _like(y, "ok"))

    def _estimate_elementwise(self, f: Any, x: Any, y: Any) -> Estimate:
        require_same_shape(y, x)
        if self.adaptive:
            return estimate_pointwise(f, x, y, self.bounds)
        h, v = self._steps(x), np.ones_like(x)
        value = self._difference(f, x, y, v, h)
        error = np.abs(self._difference(f, x, y, v, 2 * h) - value)
        roundoff = self.stencil().amplification * 2 * unit_roundoff(y) * np.abs(y) / h
        count = 2 * len(self.stencil().offsets) + 1
        return Estimate(value, error + roundoff, h, count, np.full(np.shape(y), "ok"))

    # Operators

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y = self._evaluate(f, x)

        def push(v: Any) -> Any:
            if self.adaptive:
                return vouched(self._estimate_along(f, x, y, v), x)
            return self._difference(f, x, y, v, self._along(x, v))

        return y, push

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        if not self.adaptive:
            return super().value_and_jacobian(f, x)
        y = self._evaluate(f, x)
        parts = [self._estimate_along(f, x, y, e) for e in basis(x)]
        return y, vouched(_stacked(parts, np.shape(y) + np.shape(x)), x)

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        y = self._evaluate(f, x)
        require_scalar(y, "gradient")
        return y, self.value_and_jacobian(f, x)[1]

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        if np.ndim(x) == 0:
            y, push = self.pushforward(f, x)
            return y, push(np.ones_like(x)[()])
        y = self._evaluate(f, x)
        require_same_shape(y, x)
        if self.adaptive:
            found = estimate_pointwise(f, x, y, self.bounds)
            # A step that a difference of order 2 would take: shorter than those that were searched.
            h, d = FiniteDifference(2, bounds=self.bounds)._steps(x), found.value
            require_elementwise(partial(self._value, f), x, y, d, h)
            return y, vouched(found, x)
        h = self._steps(x)
        d = self._difference(f, x, y, np.ones_like(x), h)
        step = -h if self._kind == "backward" else h
        require_elementwise(partial(self._value, f), x, y, d, step)
        return y, d

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        y = self._evaluate(f, x)
        return y, self._second(f, x, y, np.ones_like(x)[()])

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        y = self._evaluate(f, x)
        require_scalar(y, "hessian")
        n = np.size(x)
        out = np.empty((n, n))
        units = list(basis(x))
        for j in range(n):
            out[j, j] = self._second(f, x, y, units[j])
            for k in range(j):
                out[j, k] = out[k, j] = self._mixed(f, x, y, units[j], units[k])
        return y, np.reshape(out, np.shape(x) * 2)[()]

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        y = self._evaluate(f, x)
        require_scalar(y, "hvp")
        if not np.any(v):
            return y, np.zeros_like(x)[()]
        return y, np.reshape([self._mixed(f, x, y, e, v) for e in basis(x)], np.shape(x))[()]

    def _second(self, f: Function, x: Any, y: Any, v: Any) -> Any:
        """The second derivative along v."""
        if self.adaptive:
            return vouched(self._estimate_along(f, x, y, v, 2), x)
        return self._difference(f, x, y, v, self._along(x, v, derivative=2), derivative=2)

    def _mixed(self, f: Function, x: Any, y: Any, v: Any, w: Any) -> Any:
        """The second derivative along v and w."""
        if not self.adaptive:
            return self._crossed(f, x, v, w)
        # By polarisation: 4 v'Hw = (v+w)'H(v+w) − (v−w)'H(v−w), with v and w of equal weight.
        a, b = (1.0 / np.max(np.abs(d) / np.where(x == 0, 1.0, np.abs(x))) for d in (v, w))
        plus, minus = (
            self._estimate_along(f, x, y, direction, 2)
            for direction in (a * v + b * w, a * v - b * w)
        )
        value = (plus.value - minus.value) / (4 * a * b)
        error = (plus.error + minus.error) / (4 * a * b)
        status = minus.status if plus.status == "ok" else plus.status
        count = plus.evaluations + minus.evaluations - 1
        return vouched(Estimate(value, error, plus.step, count, status), x)

    def _evaluate(self, f: Function, x: Any) -> Any:
        low, high = self.bounds
        if np.any(np.less(x, low)) or np.any(np.greater(x, high)):
            raise DomainError(f"x = {x!r} is out of bounds: it must be within {low!r} and {high!r}")
        y = evaluate(f, x)
        # Python makes a power of a negative number complex, and NumPy makes it NaN.
        return evaluate(f, np.float64(x)) if np.iscomplexobj(y) and type(x) is float else y

    # Steps

    def _steps(self, x: Any, derivative: int = 1) -> Any:
        """The step for each element of x."""
        if self.step is not None:
            h = np.full(np.shape(x), self.step)
        else:
            u = np.finfo(getattr(x, "dtype", np.float64)).eps / 2
            h = self.stencil(derivative).best_step(u, 1.0) * np.maximum(1.0, np.abs(x))
        if self.representable:
            # At the far end of the stencil the grid of doubles may be coarser than at x.
            far = np.abs(x) + max(map(abs, self.stencil(derivative).offsets)) * h
            h = (far + h) - far
        if np.any(h == 0):
            raise StepError(f"the step {self.step!r} vanishes beside x = {x!r}; use a larger one")
        return h[()]

    def _along(self, x: Any, v: Any, derivative: int = 1) -> Any:
        """The step in units of v: the longest whose element steps stay within those for x."""
        speed = np.abs(v)
        if not np.any(speed):
            return 1.0
        with np.errstate(divide="ignore"):
            return np.min(np.where(speed > 0, self._steps(x, derivative) / speed, np.inf))

    # Differences

    def _difference(self, f: Function, x: Any, y: Any, v: Any, h: Any, derivative: int = 1) -> Any:
        rule = self._fitting(x, h * v, derivative)
        total: Any = 0.0
        for o, w in zip(rule.offsets, rule.weights, strict=True):
            total = total + float(w) * (self._value(f, x + o * h * v) if o else y)
        return total / h**derivative

    def _fitting(self, x: Any, step: Any, derivative: int) -> Stencil:
        """The stencil, turned forward or backward where it would leave the bounds."""
        low, high = self.bounds
        for kind in dict.fromkeys((self._kind, "forward", "backward")):
            rule = stencil(kind, self._order, derivative)
            ends = x + min(rule.offsets) * step, x + max(rule.offsets) * step
            if np.all(np.minimum(*ends) >= low) and np.all(np.maximum(*ends) <= high):
                return rule
        raise DomainError(
            f"no stencil of order {self._order} at x = {_short(x)} stays within the bounds; use a "
            f"smaller step"
        )

    def _crossed(self, f: Function, x: Any, v: Any, w: Any) -> Any:
        """The second derivative along v and w: the stencil applied to itself."""
        rule = self.stencil()
        h, k = self._along(x, v, derivative=2), self._along(x, w, derivative=2)
        total: Any = 0.0
        for o, a in zip(rule.offsets, rule.weights, strict=True):
            for p, b in zip(rule.offsets, rule.weights, strict=True):
                total = total + float(a * b) * self._value(f, x + o * h * v + p * k * w)
        return total / (h * k)

    def _value(self, f: Function, point: Any) -> Any:
        try:
            return evaluate(f, point)
        except DomainError as error:
            raise DomainError(
                f"{error}; the stencil reaches outside: use a smaller step, or kind='forward' or "
                f"'backward'"
            ) from None


def _as_point(x: Any) -> Any:
    """x as a float, or as an array of floats."""
    x = np.asarray(x)
    x = x.astype(float) if x.dtype.kind in "iub" else x
    return float(x) if not x.ndim and x.dtype == float else x[()]


def _like(y: Any, value: Any) -> Any:
    """The value, as often as y has elements."""
    return np.full(np.shape(y), value) if np.ndim(y) else value


def _stacked(parts: list[Estimate], shape: tuple[int, ...]) -> Estimate:
    """The estimates for the elements of x as one."""

    def joined(name: str, dtype: Any) -> Any:
        columns = [np.asarray(getattr(part, name)) for part in parts]
        stack = np.stack(columns, axis=-1) if columns else np.zeros(0, dtype)
        return np.reshape(stack, shape)

    calls = 1 + sum(part.evaluations - 1 for part in parts)
    value, error, step = (joined(name, float) for name in ("value", "error", "step"))
    return Estimate(value, error, step, calls, joined("status", "<U14"))


def _short(x: Any) -> str:
    return np.array2string(np.asarray(x), threshold=6, precision=6)
