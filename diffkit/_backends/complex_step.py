"""The complex step: f'(x) = Im f(x + ih) / h, without a difference and so without cancellation.

Its truncation error is h² f'''/6, below every rounding for h = 1e-20 (Squire & Trapp 1998; Martins,
Sturdza & Alonso 2003). It asks that f be analytic and its imaginary part be right. Where it is not,
because f takes ``abs``, ``real`` or ``conj``, or a special function is inaccurate off the real
line, the answer is wrong without a sign of it. So a second step, many orders longer, has to agree,
and so has, to a hundredth, a difference of f along the real line: |x|² has no imaginary part at any
step.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import DomainError, NonNumericError, UnsupportedError
from ..tape import gather
from .adaptive import estimate_along, unit_roundoff
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
)
from .estimate import vouched
from .lines import Line


@dataclass(frozen=True, repr=False)
class ComplexStep(Backend):
    """The imaginary part of f(x + ih), over h.

    Attributes:
        step: h, in units of max(1, abs(x)) along each element, or less where x is small.
        check: the second step, in the same units, which must give the same derivative up to its
            truncation error; None leaves the check out.
    """

    step: float = 1e-20
    check: float | None = 1e-6

    name = "complex_step"
    description = "the imaginary part of f(x + ih) over h: exact to rounding where f is analytic"
    version = "2"

    def __post_init__(self) -> None:
        for name in ("step", "check"):
            h = getattr(self, name)
            if h is not None and not (np.isfinite(h) and 0 < h <= 1e-3):
                raise ValueError(f"{name} must be a number between 0 and 1e-3, got {h!r}")
        if self.check == self.step:
            raise ValueError(f"check must differ from step, got {self.check!r} for both")

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y = self._value(f, x)

        def push(v: Any) -> Any:
            if not np.any(v):
                return np.zeros_like(y)[()]
            return self._derivative(f, x, y, v, _scale(x, v))

        return y, push

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, push = self.pushforward(f, x)
        if not np.ndim(x):
            return y, push(np.ones_like(x)[()])
        require_same_shape(y, x)
        self._require_elementwise(f, x, y)
        return y, self._derivative(f, x, y, np.ones_like(x), _scale(x, np.ones_like(x), each=True))

    # Second order: a complex step cannot be taken twice, but its gradients can be differenced.

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, d = self.value_and_derivative(f, x)
        unchecked = replace(self, check=None)
        slope = partial(_second, unchecked.value_and_derivative, f)
        return y, _differenced(slope, x, d, np.ones_like(x)[()])

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, g = self.value_and_gradient(f, x)
        slope = partial(_second, replace(self, check=None).value_and_gradient, f)
        columns = [np.ravel(_differenced(slope, x, g, e)) for e in basis(x)]
        h = np.reshape(columns, (np.size(x),) * 2)
        return y, np.reshape((h + h.T) / 2, np.shape(x) * 2)[()]

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        y, g = self.value_and_gradient(f, x)
        slope = partial(_second, replace(self, check=None).value_and_gradient, f)
        return y, _differenced(slope, x, g, v)

    def support(self, operator: str) -> str:
        second = operator in ("second_derivative", "hessian", "hvp")
        return "derived" if second else super().support(operator)

    def _value(self, f: Function, x: Any) -> Any:
        _require_real(x, "x")
        y = evaluate(f, x)
        if np.iscomplexobj(y) and type(x) is float:
            # Python makes a power of a negative number complex, and NumPy makes it NaN.
            y = evaluate(f, np.float64(x))
        _require_real(y, "f(x)")
        return y

    def _derivative(self, f: Function, x: Any, y: Any, v: Any, scale: Any) -> Any:
        h = self._step_for(y) * scale
        short, real = self._slope(f, x, y, v, h)
        _require_same_value(real, y, np.abs(short) * scale, h, x)
        if self.check is not None:
            slope = lambda h: self._slope(f, x, y, v, h * scale)[0]  # noqa: E731
            _require_agreement(short, slope, self.check, y, scale, x)
            _require_real_slope(f, x, y, v, short, scale)
        return short

    def _step_for(self, y: Any) -> float:
        """The step, or a longer one where the imaginary part of a tiny f would underflow."""
        sizes = np.abs(y)[np.abs(y) > 0] if np.ndim(y) else np.abs(y)
        least = float(np.min(sizes, initial=1.0)) or 1.0
        return max(self.step, min(1e-280 / least, 1e-8))

    def _slope(self, f: Function, x: Any, y: Any, v: Any, h: Any) -> tuple[Any, Any]:
        """Im f(x + ihv) / h, and the real part."""
        z = _complex(f, np.add(x, 1j * (h * v)), x)  # NumPy's numbers can be compared
        if np.shape(z) != np.shape(y):
            raise UnsupportedError(
                f"complex_step: f(x) has shape {np.shape(y)} at a real x and {np.shape(z)} at a "
                f"complex one; use another backend"
            )
        dtype = np.asarray(y).dtype
        slope = np.asarray(np.imag(z) / h).astype(dtype)[()]
        return (float(slope) if type(y) is float else slope), np.real(z)

    def _require_elementwise(self, f: Function, x: Any, y: Any) -> None:
        """Step half of the elements: the values of the others must stay real."""
        labels = np.random.default_rng(0).permutation(x.size)
        for bit in range(min(6, max(0, x.size - 1).bit_length())):
            mask = np.reshape(labels >> bit & 1 == 1, x.shape)
            for moved in (mask, ~mask):
                z = _complex(f, x + 1j * np.where(moved, self.step, 0.0), x)
                if np.shape(z) != x.shape or np.any(np.imag(z)[~moved] != 0.0):
                    raise not_elementwise()


def _second(value_and: Any, f: Function, x: Any) -> Any:
    return value_and(f, x)[1]


def _differenced(slope: Function, x: Any, d: Any, v: Any) -> Any:
    """The derivative of the slope along v, by differences that are extrapolated; d is slope(x)."""
    if not np.any(v):
        return np.zeros_like(d)[()]
    return vouched(estimate_along(slope, d, Line(x, v, unit_roundoff(d))), x)


def _complex(f: Function, z: Any, x: Any) -> Any:
    """f at a complex point."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # A cast to real numbers would be a derivative of zero.
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            found = gather(f(z))
    except (TypeError, NonNumericError, np.exceptions.ComplexWarning) as error:
        raise UnsupportedError(
            f"complex_step calls f with complex numbers, which f does not take ({error}); use "
            f"np.sin in place of math.sin, or backend='reverse' or 'finite_difference'"
        ) from error
    if not np.all(np.isfinite(found)):
        raise DomainError(f"f is not finite beside x = {_short(x)}, off the real line")
    return found


def _scale(x: Any, v: Any, each: bool = False) -> Any:
    """The unit of the step along v: 1, or x where that is less but not tiny."""
    near = np.where(x == 0, 1.0, np.clip(np.abs(x), 1e-100, 1.0))
    if each:
        return near
    with np.errstate(divide="ignore"):
        return float(np.min(np.where(v == 0, np.inf, near / np.abs(v))))


def _require_real(y: Any, name: str) -> None:
    if np.iscomplexobj(y):
        raise UnsupportedError(
            f"complex_step takes the imaginary part for itself: {name} must be real, got "
            f"{_short(y)}; use backend='reverse'"
        )


def _require_real_slope(f: Function, x: Any, y: Any, v: Any, slope: Any, scale: Any) -> None:
    """Refuse a slope that f does not have along the real line.

    Raises:
        UnsupportedError: f is not analytic.
    """
    unit = unit_roundoff(y)
    steps = [unit ** (1 / 3) * scale, unit ** (1 / 2) * scale]  # the shorter for a finer scale
    try:
        with np.errstate(all="ignore"):
            long, real = (_difference(f, x, v, h) for h in steps)
    except (ArithmeticError, ValueError):
        return  # beside the edge of the domain nothing can be said
    size = np.max(np.abs(y), initial=0.0) + np.max(np.abs(x * v), initial=0.0)
    with np.errstate(invalid="ignore"):
        allowed = 0.01 * np.maximum(np.abs(slope), np.abs(real)) + np.abs(long - real)
        off, noise = np.abs(real - slope), 64 * unit * size / steps[1]
        # Across a jump the slope grows as the step shrinks.
        jump = (np.abs(real) > 30 * np.maximum(np.abs(long), np.abs(slope))) & (off > noise)
        if not np.any((off > allowed + noise) | jump):
            return
    raise UnsupportedError(
        f"complex_step: the derivative would be {_short(slope)} at x = {_short(x)}, but along the "
        f"real line f has the slope {_short(real)}. f is not analytic (abs, real, conj, a branch); "
        f"use another backend"
    )


def _difference(f: Function, x: Any, v: Any, h: Any) -> Any:
    right, left = (np.asarray(f(_like(x + t * v, x))) for t in (h, -h))
    return (right - left) / (2 * h)


def _like(point: Any, x: Any) -> Any:
    return float(point) if type(x) is float else np.asarray(point, dtype=x.dtype)[()]


def _require_same_value(real: Any, y: Any, change: Any, h: Any, x: Any) -> None:
    """Refuse an f that takes another branch, or another algorithm, for complex numbers."""
    room = 1e-7 * (np.abs(y) + np.max(np.abs(y), initial=0.0) + change) + 1e-300
    # The real part is f - h² f''/2, which is all there is at a minimum of 0.
    room = room + 1e6 * h * h
    if np.any(np.abs(real - y) > room):
        raise UnsupportedError(
            f"complex_step: f is {_short(y)} at x = {_short(x)} and {_short(real)} at x + ih, so "
            f"it does something else for complex numbers; use another backend"
        )


def _require_agreement(short: Any, slope: Linear, h: float, y: Any, scale: Any, x: Any) -> None:
    """Refuse derivatives by two steps that differ by more than the truncation of the longer.

    Raises:
        UnsupportedError: f is not analytic, or its imaginary part is inaccurate.
    """
    long = slope(h)
    single = np.asarray(y).dtype.itemsize < 8
    # h² f'''/6, for an f that changes over a thousandth of the unit; and rounding of f over h.
    share = max(1e6 * h * h, 1e-10) if not single else 1e-3
    size = np.maximum(np.abs(short), np.abs(long))
    # Terms that cancel leave the rounding of numbers as large as f, or as x.
    noise = 64 * np.finfo(np.asarray(y).dtype).eps * (np.max(np.abs(y), initial=0.0) / scale + 1.0)
    # Where f' is zero the truncation is large beside it.
    apart, allowed = np.abs(short - long), share * size + noise + 100 * h * h / scale
    if not np.any(apart > allowed):
        return
    # Beside a large f''', as in a valley, it is larger still; but it falls with the square of h.
    if np.any(np.abs(short - slope(h / 10)) > np.maximum(apart / 30, allowed)):
        raise UnsupportedError(
            f"complex_step: steps of {h:g} and of a shorter length give different derivatives at "
            f"x = {_short(x)}: {_short(long)} and {_short(short)}. f is not analytic there (abs, "
            f"real, conj, a branch) or its imaginary part is inaccurate; use another backend"
        )


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=6, precision=6)
