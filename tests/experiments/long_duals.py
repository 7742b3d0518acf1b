"""Dual numbers of many digits: a first derivative that shares no rule with diffkit's own.

    slopes(f, x)  # of f(x).shape + x.shape, of 60 digits

NumPy calls the methods of these numbers, so f needs no other form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_DIGITS = 400  # what cancels in a double, down to 1e-300 beside 1, does not cancel here


@dataclass(frozen=True, eq=False)
class Dual:
    """A value and its slope along one direction."""

    a: Any
    b: Any

    def __add__(self, other: Any) -> Dual:
        o = _dual(other)
        return Dual(self.a + o.a, self.b + o.b)

    def __mul__(self, other: Any) -> Dual:
        o = _dual(other)
        return Dual(self.a * o.a, self.a * o.b + self.b * o.a)

    def __truediv__(self, other: Any) -> Dual:
        o = _dual(other)
        return Dual(self.a / o.a, (self.b - self.a / o.a * o.b) / o.a)

    def __pow__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return (other * self.log()).exp()
        return Dual(self.a**other, other * self.a ** (other - 1) * self.b)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Dual:
        return Dual(-self.a, -self.b)

    def __sub__(self, other: Any) -> Dual:
        return self + -_dual(other)

    def __rsub__(self, other: Any) -> Dual:
        return _dual(other) + -self

    def __rtruediv__(self, other: Any) -> Dual:
        return _dual(other) / self

    def __abs__(self) -> Dual:
        return self if self.a >= 0 else -self

    def conjugate(self) -> Dual:
        return self

    def __lt__(self, other: Any) -> bool:
        return bool(self.a < _dual(other).a)

    def __le__(self, other: Any) -> bool:
        return bool(self.a <= _dual(other).a)

    def __gt__(self, other: Any) -> bool:
        return bool(self.a > _dual(other).a)

    def __ge__(self, other: Any) -> bool:
        return bool(self.a >= _dual(other).a)

    def __eq__(self, other: object) -> bool:
        return bool(self.a == _dual(other).a)

    def _through(self, value: Any, slope: Any) -> Dual:
        return Dual(value, slope * self.b)

    def exp(self) -> Dual:
        e = _mp().exp(self.a)
        return self._through(e, e)

    def log(self) -> Dual:
        return self._through(_mp().log(self.a), 1 / self.a)

    def sqrt(self) -> Dual:
        root = _mp().sqrt(self.a)
        return self._through(root, 1 / (2 * root))

    def sin(self) -> Dual:
        return self._through(_mp().sin(self.a), _mp().cos(self.a))

    def cos(self) -> Dual:
        return self._through(_mp().cos(self.a), -_mp().sin(self.a))

    def tan(self) -> Dual:
        return self._through(_mp().tan(self.a), 1 / _mp().cos(self.a) ** 2)

    def tanh(self) -> Dual:
        return self._through(_mp().tanh(self.a), 1 / _mp().cosh(self.a) ** 2)

    def arctan(self) -> Dual:
        return self._through(_mp().atan(self.a), 1 / (1 + self.a**2))


def slopes(f: Callable[..., Any], x: Any) -> Any:
    """The derivative of f at x along each element of x, as mpmath's numbers.

    Returns:
        An object array of shape f(x).shape + x.shape.
    """
    mp = _mp()
    point = np.asarray(x, dtype=float)
    with mp.workdps(_DIGITS):
        columns = []
        for k in range(point.size):
            duals = [Dual(mp.mpf(v), mp.mpf(j == k)) for j, v in enumerate(point.ravel().tolist())]
            moved = np.array(duals, dtype=object).reshape(point.shape)
            y = np.asarray(f(moved if point.shape else duals[0]), dtype=object)
            columns.append([_dual(v).b for v in y.ravel()])
        stacked = np.array(columns, dtype=object).T
    return stacked.reshape(y.shape + point.shape)


def _dual(value: Any) -> Dual:
    return value if isinstance(value, Dual) else Dual(_mp().mpf(value), _mp().mpf(0))


def _mp() -> Any:
    import mpmath

    return mpmath
