"""Stencils: the weights of finite differences, and the model of their error.

The error of a stencil with weights w_j at offsets o_j, of order p, for derivative d, is

    E(h) = C h^p |f^(p+d)| + A eps / h^d,    A = sum |w_j|,    C = |sum w_j o_j^(p+d)| / (p+d)!

where eps is the absolute error of a value of f, at least u |f| with the unit round-off u. It is
least at h* = (d A eps / (p C |f^(p+d)|))^(1/(p+d)) (Higham 2002, section 1.14; Nocedal & Wright
2006, section 8.1 give the two simplest cases).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any


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
    """The stencil of a kind and order, with exact weights.

    Args:
        kind: ``"forward"``, ``"backward"`` or ``"central"``.
        order: the order of accuracy; even for central stencils.
        derivative: the order of the derivative.

    Raises:
        ValueError: no such stencil exists.
    """
    if kind not in ("forward", "backward", "central"):
        raise ValueError(f"kind must be 'forward', 'backward' or 'central', got {kind!r}")
    if order < 1 or derivative < 1 or order != int(order) or derivative != int(derivative):
        raise ValueError(f"order and derivative must be at least 1, got {order} and {derivative}")
    if kind == "central" and order % 2:
        raise ValueError(f"central differences have an even order, got {order}; use kind='forward'")
    offsets = _offsets(kind, order, derivative)
    weights = fornberg_weights(offsets, derivative)
    kept = [(o, w) for o, w in zip(offsets, weights, strict=True) if w]
    return Stencil(tuple(o for o, _ in kept), tuple(w for _, w in kept), order, derivative)


def _offsets(kind: str, order: int, derivative: int) -> tuple[int, ...]:
    if kind == "central":
        reach = (derivative + 1) // 2 + order // 2 - 1
        return tuple(range(-reach, reach + 1))
    forward = tuple(range(order + derivative))
    return forward if kind == "forward" else tuple(-o for o in reversed(forward))


def fornberg_weights(offsets: Sequence[int | Fraction], derivative: int) -> list[Fraction]:
    """The weights for a derivative at 0 of the polynomial through values at the offsets.

    Fornberg 1988, 'Generation of finite difference formulas on arbitrarily spaced grids': takes in
    one offset after another, in O(n² d) operations.
    """
    x = [Fraction(o) for o in offsets]
    weights = [[Fraction(1)] + [Fraction(0)] * derivative]  # of each offset, for each derivative
    for n in range(1, len(x)):
        gaps = [x[n] - x[j] for j in range(n)]
        weights.append(_weights_of_next(weights[-1], x, n, derivative))
        for j in range(n):
            old = [Fraction(0), *weights[j]]
            weights[j] = [(x[n] * old[k + 1] - k * old[k]) / gaps[j] for k in range(derivative + 1)]
    return [w[derivative] for w in weights]


def _weights_of_next(
    last: list[Fraction], x: list[Fraction], n: int, derivative: int
) -> list[Fraction]:
    """The weights of offset n, from those that offset n − 1 had before."""
    ratio = _product(x[n - 1] - v for v in x[: n - 1]) / _product(x[n] - v for v in x[:n])
    old = [Fraction(0), *last]
    return [ratio * (k * old[k] - x[n - 1] * old[k + 1]) for k in range(derivative + 1)]


def _product(factors: Any) -> Fraction:
    total = Fraction(1)
    for factor in factors:
        total *= factor
    return total
