"""Finite differences: derivatives from values of f alone.

The error of a stencil with weights w_j at offsets o_j, of order p, for derivative d, is

    E(h) = C h^p |f^(p+d)| + A eps / h^d,    A = sum |w_j|,    C = |sum w_j o_j^(p+d)| / (p+d)!

where eps is the absolute error of a value of f, at least u |f| with the unit round-off u. It is
least at h* = (d A eps / (p C |f^(p+d)|))^(1/(p+d)) (Higham 2002, section 1.14; Nocedal & Wright
2006, section 8.1 give the two simplest cases).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any

import numpy as np

from ..errors import DomainError, StepError
from .base import (
    Backend,
    Function,
    Linear,
    Point,
    Value,
    basis,
    evaluate,
    not_elementwise,
    require_same_shape,
    require_scalar,
)


@dataclass(frozen=True)
class Stencil:
    """Weights at integer offsets: f^(d)(x) is about sum_j w_j f(x + o_j h) / h^d.

    Attributes:
        offsets: the offsets o_j, in steps.
        weights: the weights w_j, exactly.
        order: the order of accuracy p.
        derivative: the order of the derivative d.
    """

    offsets: tuple[int, ...]
    weights: tuple[Fraction, ...]
    order: int
    derivative: int

    @property
    def amplification(self) -> float:
        """A: how much errors of f are amplified."""
        return float(sum(abs(w) for w in self.weights))

    @property
    def truncation(self) -> float:
        """C: the coefficient of the leading truncation term."""
        p = self.order + self.derivative
        moment = sum(w * o**p for w, o in zip(self.weights, self.offsets, strict=True))
        return float(abs(moment)) / factorial(p)

    def error(self, h: Any, noise: float, slope: float) -> Any:
        """E(h) for an absolute error ``noise`` of f and ``slope`` = |f^(p+d)|."""
        return self.truncation * h**self.order * slope + self.amplification * noise / (
            h**self.derivative
        )

    def best_step(self, noise: float, slope: float) -> float:
        """The h at which E(h) is least."""
        p, d = self.order, self.derivative
        ratio = d * self.amplification * noise / (p * self.truncation * slope)
        return float(ratio ** (1 / (p + d)))


@cache
def stencil(kind: str, order: int, derivative: int = 1) -> Stencil:
    """The stencil of a kind and order, its weights from the Taylor conditions, solved exactly.

    Args:
        kind: ``"forward"``, ``"backward"`` or ``"central"``.
        order: the order of accuracy; even for central stencils.
        derivative: the order of the derivative.

    Raises:
        ValueError: no such stencil exists.
    """
    if kind not in ("forward", "backward", "central"):
        raise ValueError(f"kind must be 'forward', 'backward' or 'central', got {kind!r}")
    if order < 1 or derivative < 1 or order != int(order):
        raise ValueError(f"order and derivative must be at least 1, got {order} and {derivative}")
    if kind == "central" and order % 2:
        raise ValueError(f"central differences have an even order, got {order}; use kind='forward'")
    if kind == "central":
        reach = (derivative + 1) // 2 + order // 2 - 1
        offsets = tuple(range(-reach, reach + 1))
    else:
        offsets = tuple(range(order + derivative))
        offsets = offsets if kind == "forward" else tuple(-o for o in reversed(offsets))
    weights = _solve_taylor(offsets, derivative)
    kept = [(o, w) for o, w in zip(offsets, weights, strict=True) if w]
    return Stencil(tuple(o for o, _ in kept), tuple(w for _, w in kept), order, derivative)


def _solve_taylor(offsets: tuple[int, ...], derivative: int) -> list[Fraction]:
    """Solve sum_j w_j o_j^k = d! [k = d] for k = 0 .. n-1, by elimination in fractions."""
    n = len(offsets)
    rows = [
        [Fraction(o) ** k for o in offsets] + [Fraction(factorial(derivative) * (k == derivative))]
        for k in range(n)
    ]
    for c in range(n):
        pivot = next(r for r in range(c, n) if rows[r][c])
        rows[c], rows[pivot] = rows[pivot], rows[c]
        rows[c] = [v / rows[c][c] for v in rows[c]]
        for r in range(n):
            if r != c and rows[r][c]:
                rows[r] = [v - rows[r][c] * w for v, w in zip(rows[r], rows[c], strict=True)]
    return [row[-1] for row in rows]


@dataclass(frozen=True, repr=False)
class FiniteDifference(Backend):
    """Differences of values of f, which is called as a black box.

    Attributes:
        order: the order of accuracy, 1, 2, 4, ...
        step: a fixed absolute step; None takes the textbook step for the order, which is optimal
            for a function whose values and derivatives are of equal size and whose scale is
            max(1, abs(x)).
        kind: ``"central"``, ``"forward"`` or ``"backward"``; None is central where the order is
            even, else forward.
        representable: use (x + h) - x for h, so that the step is the one that was taken.
    """

    order: int = 2
    step: float | None = None
    kind: str | None = None
    representable: bool = True

    name = "finite_difference"
    description = "differences of function values, with a step that balances the two errors"
    exact = False

    def __post_init__(self) -> None:
        stencil(self._kind, self.order)
        if self.step is not None and not (np.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step must be a positive number, got {self.step!r}")

    @property
    def _kind(self) -> str:
        return self.kind or ("forward" if self.order % 2 else "central")

    def stencil(self, derivative: int = 1) -> Stencil:
        """The stencil for a derivative of that order."""
        return stencil(self._kind, self.order, derivative)

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y = evaluate(f, x)

        def push(v: Any) -> Any:
            return self._difference(f, x, y, v, self._along(x, v))

        return y, push

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, push = self.pushforward(f, x)
        if np.ndim(x) == 0:
            return y, push(np.ones_like(x)[()])
        require_same_shape(y, x)
        h = self._steps(x)
        d = self._difference(f, x, y, np.ones_like(x), h)
        self._require_elementwise(f, x, y, d, h)
        return y, d

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        y = evaluate(f, x)
        v = np.ones_like(x)[()]
        return y, self._difference(f, x, y, v, self._along(x, v, derivative=2), derivative=2)

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        y = evaluate(f, x)
        require_scalar(y, "hessian")
        n = np.size(x)
        out = np.empty((n, n))
        units = list(basis(x))
        for j in range(n):
            h = self._along(x, units[j], derivative=2)
            out[j, j] = self._difference(f, x, y, units[j], h, derivative=2)
            for k in range(j):
                out[j, k] = out[k, j] = self._mixed(f, x, units[j], units[k])
        return y, np.reshape(out, np.shape(x) * 2)[()]

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        y = evaluate(f, x)
        require_scalar(y, "hvp")
        if not np.any(v):
            return y, np.zeros_like(x)[()]
        return y, np.reshape([self._mixed(f, x, e, v) for e in basis(x)], np.shape(x))[()]

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
        rule = self.stencil(derivative)
        total: Any = 0.0
        for o, w in zip(rule.offsets, rule.weights, strict=True):
            total = total + float(w) * (self._value(f, x + o * h * v) if o else y)
        return total / h**derivative

    def _mixed(self, f: Function, x: Any, v: Any, w: Any) -> Any:
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

    def _require_elementwise(self, f: Function, x: Any, y: Any, d: Any, h: Any) -> None:
        """Move some elements of x: the values of the others must stay."""
        step = -h if self._kind == "backward" else h
        # What rounding, or a share of its own derivative, may do to a value.
        allowed = 8 * np.finfo(np.asarray(y).dtype).eps * np.abs(y) + 1e-3 * np.abs(d * h)
        for moved in _halves(np.shape(x)):
            change = np.abs(self._value(f, np.where(moved, x + step, x)) - y)
            if np.any(change[~moved] > allowed[~moved]):
                raise not_elementwise()


def _halves(shape: tuple[int, ...]) -> Iterator[Any]:
    """Masks of about half of the elements; of any two out of 64, one mask has only the first."""
    labels = np.random.default_rng(0).permutation(int(np.prod(shape)))
    for bit in range(min(6, max(0, labels.size - 1).bit_length())):
        mask = np.reshape(labels >> bit & 1 == 1, shape)
        yield mask
        yield ~mask
