"""Forward mode: record the function once, then push tangents forward over the tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tape import ZERO, batched_jacobian, filled, forward_sweep, pushed, record
from .base import Backend, Function, Linear, Point, Value, columns, require_finite, require_scalar


class Forward(Backend):
    """Forward-mode automatic differentiation.

    One sweep gives the derivative of all outputs along one direction of the inputs, at a small
    multiple of the cost of the function (Griewank & Walther 2008, section 3.2).
    """

    name = "forward"
    description = "forward-mode automatic differentiation: tangents pushed along the tape"
    composable = True
    replayable = True

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        rows, y, k = record(f, [x])
        require_finite(y, x)

        def push(v: Any) -> Any:
            return filled(forward_sweep(rows, [v], k) if k >= 0 else ZERO, y)

        return y, push

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, g = self.value_and_jacobian(f, x)
        require_scalar(y, "gradient")
        return y, g

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        rows, y, k = record(f, [x])
        require_finite(y, x)
        if k >= 0 and (together := batched_jacobian(rows, x, k)) is not None:
            return y, together
        push = lambda v: filled(forward_sweep(rows, [v], k) if k >= 0 else ZERO, y)  # noqa: E731
        return y, columns(push, x, y)

    def value_and_products(
        self, operator: str, f: Function, x: Point, vectors: Callable[[Value], Sequence[Any]]
    ) -> tuple[Value, list[Any]]:
        if operator != "jvp":
            return super().value_and_products(operator, f, x, vectors)
        rows, y, k = record(f, [x])
        require_finite(y, x)
        return y, pushed(rows, x, y, k, vectors(y))
