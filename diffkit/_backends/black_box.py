"""What a library that differentiates by values of f alone has to bring: a Jacobian and its error.

Such a library is handed f as a function of a vector of doubles. What it finds is judged by what it
says itself: by its status where it gives one, and by its own estimate of the error. Where it gives
up, or its estimate is larger than ``diffkit.testing`` allows differences to be off by, there is a
``DerivativeWarning``; where it found no number, a ``DomainError``. What the library does not notice
is not noticed here either.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..tape import Tracer, numeric
from .adaptive import sampled
from .base import (
    Backend,
    Function,
    Point,
    Value,
    evaluate,
    require_same_shape,
    require_scalar,
    times_tangent,
)
from .elementwise import require_elementwise
from .estimate import Estimate, vouched
from .optional import with_library

EPS = float(np.finfo(float).eps)
# The error of a derivative of that order beyond which it is doubted, as a fraction of it: what the
# conformance suite allows.
TOLERANCE = {1: EPS ** (1 / 3), 2: EPS ** (1 / 5)}


@dataclass(frozen=True)
class Found:
    """What a library found; all arrays have the shape of the value.

    Attributes:
        value: the derivatives.
        error: its own estimates of their errors.
        step: a step that they were taken from, or a shorter one; it tells how large they may
            become by the rounding of f alone.
        settled: where it says of itself that it has converged; False where it says nothing.
    """

    value: Any
    error: Any
    step: Any
    settled: Any = False


class Sampler:
    """f as a function of a vector of doubles that returns such a vector.

    NaN stands for what is no finite real number.

    Attributes:
        x: the point, as the user gave it.
        y: f(x).
        calls: how often f was called.
    """

    def __init__(self, f: Function, x: Point, y: Value) -> None:
        self._f, self.x, self.y = f, x, y
        self.calls = 0
        self._flat_x, self._flat_y = _flat(x), np.ravel(y)
        self._changed = np.zeros((np.size(y), np.size(x)), dtype=bool)

    def __call__(self, point: Any) -> Any:
        self.calls += 1
        value = np.array(sampled(self._f, self._like_x(point), self.y))
        moved = np.ravel(point) != self._flat_x
        change = np.abs(value - self._flat_y) > 8 * EPS * np.abs(self._flat_y)
        self._changed[:, moved] |= change[:, None]
        return value

    def at(self, points: Any) -> Any:
        """f at points that are the columns of an array: shape (n, ...) gives (m, ...)."""
        flat = np.reshape(points, (np.size(self.x), -1))
        values = np.stack([self(column) for column in flat.T], axis=-1)
        return np.reshape(values, (-1, *np.shape(points)[1:]))

    def size(self, step: float) -> Any:
        """The absolute values of f about a step away from x, or else at x: shape (m,)."""
        moves = step * np.linspace(0.5, 1.0, self._flat_x.size)  # unlike, so that less may cancel
        values = [np.abs(self(self._flat_x + move)) for move in (moves, -moves)]
        return np.where(np.isnan(np.fmax(*values)), np.abs(self._flat_y), np.fmax(*values))

    def swallows(self, step: Any, elementwise: bool) -> Any:
        """Where steps that were tiny have not changed f but in its last digit, and long ones do.

        Shape (m, n), or (m, 1) for an elementwise function.
        """
        far = np.maximum(1.0, np.abs(self._flat_x))
        units = [np.ones_like(far)] if elementwise else np.eye(far.size)
        stuck = ~self._changed.any(axis=1, keepdims=True) if elementwise else ~self._changed
        stuck &= step < 1e-6 * (far[:, None] if elementwise else far)
        for k in np.flatnonzero(stuck.any(axis=0)):
            ends = (self(self._flat_x + sign * far * units[k]) for sign in (1, -1))
            changes = np.any([np.isfinite(y) & (y != self._flat_y) for y in ends], axis=0)
            stuck[:, k] &= changes
        return stuck

    def whole(self, point: Any) -> Any:
        """f at a point of the shape of x, in the shape of y."""
        return np.reshape(self(point), np.shape(self.y))

    def _like_x(self, point: Any) -> Any:
        """A copy, as f may write into its argument."""
        if type(self.x) is float:
            return float(np.ravel(point)[0])
        return np.array(point, dtype=float).reshape(np.shape(self.x))[()]


class BlackBox(Backend):
    """A library that differentiates what it can only call.

    A subclass brings ``_jacobian``; ``_elementwise`` for many points at once; and, where the
    library has second derivatives, ``_hessian`` and ``_second_derivative``. Each takes a `Sampler`
    and a point, which is an array of doubles.

    Attributes:
        library: the package that is asked.
    """

    library = ""
    exact = False

    def _jacobian(self, f: Sampler, x: Any) -> Found:
        """The Jacobian at a vector, by ``f(point)`` or ``f.at(points)``: shape (m, n)."""
        raise NotImplementedError

    def _elementwise(self, f: Sampler, x: Any) -> Found:
        """The derivatives of an elementwise function, by ``f.whole(points)``: shape of x."""
        raise NotImplementedError

    def _second_derivative(self, f: Sampler, x: Any) -> Found:
        """The second derivatives at a vector of length 1: shape (m,)."""
        raise NotImplementedError

    def _hessian(self, f: Sampler, x: Any) -> Found:
        """The Hessian of a function whose value has one element: shape (n, n)."""
        raise NotImplementedError

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """Other versions of the library may give other numbers."""
        return with_library("1", self.library)

    def support(self, operator: str) -> str:
        if operator in ("second_derivative", "hessian", "hvp"):
            native = operator != "hvp" and self._twice
            return "native" if native else "derived" if self._twice else "unsupported"
        return "derived" if operator in ("jvp", "vjp") else "native"  # from the whole Jacobian

    def estimate(
        self, f: Function, x: Any, *, derivative: int = 1, elementwise: bool = False
    ) -> Estimate:
        """The derivative with the library's own estimate of its error.

        Args:
            f: a function of x, which returns a number or an array.
            x: a number or an array.
            derivative: the order of the derivative: 1; or 2, for a number x.
            elementwise: take f as elementwise, and x as many points at once.

        Returns:
            Shape f(x).shape + x.shape, or x.shape for an elementwise f. ``step`` is the shortest
            that is known of.

        Raises:
            DomainError: f(x) is not finite.
            ShapeError: f is called elementwise and returns another shape.
            UnsupportedError: the library has no such derivative.
        """
        x = numeric(x)
        sampler = Sampler(f, x, self._value(f, x))
        if derivative == 2 and self._twice and not np.ndim(x):
            return self._slopes_of_slopes(sampler)
        if derivative != 1:
            raise UnsupportedError(
                f"backend {self.name!r} estimates derivatives of order 1, and 2 of a number x; "
                f"not of order {derivative!r} with x of shape {np.shape(x)}"
            )
        return self._pointwise(sampler) if elementwise and np.ndim(x) else self._slopes(sampler)

    # First order; products are made from the Jacobian

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        sampler = Sampler(f, x, self._value(f, x))
        return sampler.y, self._vouched(self._slopes(sampler), sampler)

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        require_scalar(self._value(f, x), "gradient")
        return self.value_and_jacobian(f, x)

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        sampler = Sampler(f, x, self._value(f, x))
        found = self._pointwise(sampler) if np.ndim(x) else self._slopes(sampler)
        return sampler.y, self._vouched(found, sampler)

    def _slopes(self, f: Sampler) -> Estimate:
        shape = np.shape(f.y) + np.shape(f.x)
        if not np.prod(shape):
            return _nothing(shape)
        point = _flat(f.x)
        return _judged(self._jacobian(f, point), f, shape, point)

    def _pointwise(self, f: Sampler) -> Estimate:
        require_same_shape(f.y, f.x)
        if not np.size(f.x):
            return _nothing(np.shape(f.x))
        points = np.array(f.x, dtype=float)
        found = self._elementwise(f, points)
        step = TOLERANCE[1] * np.maximum(1.0, np.abs(points))
        judged = _judged(found, f, points.shape, points.reshape(-1, 1), elementwise=True)
        require_elementwise(f.whole, points, f.y, judged.value, step)
        return judged

    # Second order

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        self._require_twice("second_derivative")
        sampler = Sampler(f, x, self._value(f, x))
        return sampler.y, self._vouched(self._slopes_of_slopes(sampler), sampler)

    def _slopes_of_slopes(self, f: Sampler) -> Estimate:
        if not np.size(f.y):
            return _nothing(np.shape(f.y))
        point = _flat(f.x)
        return _judged(self._second_derivative(f, point), f, np.shape(f.y), point**2, 2)

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        self._require_twice("hessian")
        y, point = self._value(f, x), _flat(x)
        require_scalar(y, "hessian")
        if not np.size(x):
            return y, np.zeros(np.shape(x) * 2)
        sampler, squares = Sampler(f, x, y), np.ravel(np.outer(point, point))
        found = _judged(self._hessian(sampler, point), sampler, np.shape(x) * 2, squares, 2)
        return y, self._vouched(found, sampler)

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        self._require_twice("hvp")
        require_scalar(self._value(f, x), "hvp")
        y, hessian = self.value_and_hessian(f, x)
        return y, times_tangent(hessian, v)

    @property
    def _twice(self) -> bool:
        """Whether the library has second derivatives."""
        return type(self)._hessian is not BlackBox._hessian

    def _require_twice(self, operator: str) -> None:
        if not self._twice:
            self._require_composable(operator)

    def _value(self, f: Function, x: Point) -> Value:
        _require_real(self.name, x, "x")
        y = evaluate(f, np.array(x) if type(x) is np.ndarray else x)  # f may write into it
        if np.iscomplexobj(y) and type(x) is float:
            # Python makes a power of a negative number complex, and NumPy makes it NaN.
            y = evaluate(f, np.float64(x))
        _require_real(self.name, y, "f(x)")
        return y

    def _vouched(self, estimate: Estimate, f: Sampler) -> Any:
        """The derivative, with a warning where the library doubts it."""
        value = vouched(estimate, f.x, f"backend {self.name!r}")
        dtype = np.asarray(f.y).dtype
        return np.asarray(value, dtype=dtype if dtype.itemsize < 8 else float)[()]


def _judged(
    found: Found,
    f: Sampler,
    shape: tuple[int, ...],
    scale: Any,
    order: int = 1,
    elementwise: bool = False,
) -> Estimate:
    """What a library found, in its shape, with a status for each element.

    ``scale`` is that of the variables, the product of as many as the order of the derivative: for
    each column, if a row stands for an element of f(x).
    """
    rows = (np.size(f.y), -1)
    parts = (found.value, found.error, found.step, found.settled)
    everywhere = (np.broadcast_to(part, np.shape(found.value)) for part in parts)
    value, error, step, settled = (np.reshape(part, rows) for part in everywhere)
    doubted = ~(settled | (error <= TOLERANCE[order] * np.abs(value)))
    status = np.where(doubted, "no convergence", "ok")
    if np.any(doubted):
        # What rounding of the values leaves of a derivative that is zero. But a step that is tiny
        # beside x leaves so much that half the digits of f would have to change along x.
        size = f.size(float(np.min(step)))[:, None]
        with np.errstate(all="ignore"):
            least = np.minimum(64 * EPS / step**order, EPS**0.5 / np.abs(scale)) * size
        status = np.where(doubted & (np.maximum(error, np.abs(value)) <= least), "zero", status)
    if order == 1:
        nothing = (value == 0) & (error == 0)
        if np.any(nothing):
            status = np.where(nothing & f.swallows(step, elementwise), "flat", status)
    status = np.where(np.isfinite(value), status, "not finite")
    value, error, step, status = (np.reshape(part, shape) for part in (value, error, step, status))
    return Estimate(value, error, step, f.calls, status)


def _nothing(shape: tuple[int, ...]) -> Estimate:
    """The estimate where there are no elements."""
    nothing = np.zeros(shape)
    return Estimate(nothing, nothing, nothing, 0, np.zeros(shape, "<U14"))


def _flat(x: Point) -> Any:
    return np.array(x, dtype=float).reshape(-1)


def _require_real(name: str, value: Any, what: str) -> None:
    if type(value) is Tracer:
        raise UnsupportedError(
            f"backend {name!r} cannot be differentiated again by diffkit; use backend='reverse'"
        )
    if np.iscomplexobj(value):
        raise UnsupportedError(
            f"backend {name!r} differentiates real functions of real numbers, but {what} is "
            f"complex; use backend='reverse' or backend='finite_difference'"
        )
