"""Reverse mode: record the function once, then pull cotangents back over the tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from ..tape import (
    ZERO,
    Tracer,
    batched_jacobian,
    filled,
    forward_sweep,
    pushed,
    record,
    reverse_sweep,
)
from .base import (
    Backend,
    Function,
    Linear,
    Point,
    Value,
    columns,
    one,
    require_finite,
    require_scalar,
    rows_of,
)


class Reverse(Backend):
    """Tape-based reverse-mode automatic differentiation.

    One sweep gives the derivative of one output in all inputs, at a small multiple of the cost of
    the function (Griewank & Walther 2008, section 4.5). Where columns are cheaper, in a Jacobian
    of more rows than columns and in products with a Hessian, tangents are pushed over the same
    tape instead.
    """

    name = "reverse"
    description = "tape-based reverse-mode automatic differentiation"
    nests = True
    composable = True
    replayable = True

    def pullback(self, f: Function, x: Point) -> tuple[Value, Linear]:
        inputs, rows, y, k = _record(f, x)
        require_finite(y, x)

        def pull(u: Any) -> Any:
            adjoints = reverse_sweep(rows, len(inputs), k, u) if k >= 0 else [ZERO] * len(inputs)
            return _like(x, [filled(g, v) for g, v in zip(adjoints, inputs, strict=True)])

        return y, pull

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        if type(x) is not float:
            return super().value_and_derivative(f, x)
        rows, y, k = record(f, (x,))
        require_finite(y, x)
        if k < 0:
            return y, filled(ZERO, y)
        if type(y) is float:
            return y, reverse_sweep(rows, 1, k, 1.0)[0]
        return y, rows_of(lambda u: filled(reverse_sweep(rows, 1, k, u)[0], x), x, y)

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        inputs, rows, y, k = _record(f, x)
        if type(y) is not float or not isfinite(y):  # spares the usual case two calls
            require_scalar(require_finite(y, x), "gradient")
        adjoints = reverse_sweep(rows, len(inputs), k, one(y)) if k >= 0 else [ZERO] * len(inputs)
        if type(x) is not tuple:
            return y, filled(adjoints[0], x)
        return y, tuple([filled(g, v) for g, v in zip(adjoints, x, strict=True)])

    def value_and_jvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        _, rows, y, k = _record(f, x)
        require_finite(y, x)
        seeds = v if type(x) is tuple else [v]
        return y, filled(forward_sweep(rows, seeds, k) if k >= 0 else ZERO, y)

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        _, rows, y, k = _record(f, x)
        require_finite(y, x)
        if k < 0:
            return y, np.zeros(np.shape(y) + np.shape(x))
        if np.size(y) > 1 and (together := batched_jacobian(rows, x, k)) is not None:
            return y, together
        if np.size(y) > np.size(x):
            return y, columns(lambda v: filled(forward_sweep(rows, [v], k), y), x, y)
        return y, rows_of(lambda u: filled(reverse_sweep(rows, 1, k, u)[0], x), x, y)

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, rows, k = self._recorded_gradient(f, x)
        push = lambda v: filled(forward_sweep(rows, [v], k) if k >= 0 else ZERO, x)  # noqa: E731
        return y, columns(push, x, x)

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        y, rows, k = self._recorded_gradient(f, x)
        seeds = v if type(x) is tuple else [v]
        flat = forward_sweep(rows, seeds, k) if k >= 0 else ZERO
        if type(x) is not tuple:
            return y, filled(flat, x)
        flat = filled(flat, np.zeros(sum(map(np.size, x))))
        ends = np.cumsum([np.size(a) for a in x])
        parts = [flat[e - np.size(a) : e] for a, e in zip(x, ends, strict=True)]
        return y, tuple([np.reshape(p, np.shape(a)) for p, a in zip(parts, x, strict=True)])

    def value_and_products(
        self, operator: str, f: Function, x: Point, vectors: Callable[[Value], Sequence[Any]]
    ) -> tuple[Value, list[Any]]:
        if operator == "vjp":
            return super().value_and_products(operator, f, x, vectors)
        if operator == "hvp":
            y, rows, k = self._recorded_gradient(f, x)
            return y, pushed(rows, x, x, k, vectors(y))
        _, rows, y, k = _record(f, x)
        require_finite(y, x)
        return y, pushed(rows, x, y, k, vectors(y))

    def _recorded_gradient(self, f: Function, x: Point) -> tuple[Value, Any, int]:
        """The value, and the recording of the gradient with the row of its result: forward over
        reverse, so that one more sweep gives a product with the Hessian."""
        y: Any = None

        def gradient(*inputs: Any) -> Any:
            nonlocal y
            y, g = self.value_and_gradient(f, inputs if type(x) is tuple else inputs[0])
            return np.concatenate([np.reshape(a, -1) for a in g]) if type(x) is tuple else g

        rows, _, k = record(gradient, x if type(x) is tuple else (x,))
        while type(y) is Tracer and y.tape is rows:
            y = y.value  # still traced where the Hessian itself is recorded
        return y, rows, k


def _record(f: Function, x: Point) -> tuple[tuple[Any, ...], Any, Value, int]:
    """The inputs, the recording, the value and its row."""
    if type(x) is tuple:
        return x, *record(lambda *leaves: f(leaves), x)
    return (x,), *record(f, (x,))


def _like(x: Point, derivatives: list[Any]) -> Any:
    return tuple(derivatives) if type(x) is tuple else derivatives[0]
