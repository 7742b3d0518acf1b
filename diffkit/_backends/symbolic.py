"""Symbolic differentiation: the tape as SymPy expressions, differentiated, then evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..expression import differentiate, evaluator, postorder
from ..tape import record
from ..tape.symbols import number, symbols_for, to_sympy
from .base import (
    Backend,
    Function,
    Linear,
    Point,
    Value,
    require_finite,
    require_scalar,
    times_cotangent,
    times_tangent,
)


class Symbolic(Backend):
    """SymPy's derivative rules, each distinct subexpression differentiated once.

    The function is recorded at x, so branches give the expression of the branch that x takes.
    The result is evaluated in double precision.
    """

    name = "symbolic"
    description = "SymPy expressions of the recorded function, differentiated and evaluated"

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y, jacobian = self.value_and_jacobian(f, x)
        return y, lambda v: times_tangent(jacobian, v)

    def pullback(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y, jacobian = self.value_and_jacobian(f, x)
        return y, lambda u: times_cotangent(u, jacobian)

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, exprs, symbols = _expressions(f, x)
        entries = _evaluated(_jacobian(exprs, symbols), symbols, x)
        return y, np.reshape(entries, np.shape(y) + np.shape(x))[()]

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, exprs, symbols = _expressions(f, x)
        second = differentiate(differentiate(exprs, symbols[0]), symbols[0])
        entries = _evaluated([{0: e} for e in second], symbols, x)
        return y, np.reshape(entries, np.shape(y))[()]

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        y, exprs, symbols = _expressions(f, x)
        require_scalar(y, "hessian")
        gradient = _jacobian(exprs, symbols)[0]
        seconds = _jacobian([gradient.get(k, 0 * symbols[0]) for k in range(len(symbols))], symbols)
        return y, np.reshape(_evaluated(seconds, symbols, x), np.shape(x) * 2)[()]

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        y, hessian = self.value_and_hessian(f, x)
        return y, times_tangent(hessian, v)


def _expressions(f: Function, x: Point) -> tuple[Value, list[Any], list[Any]]:
    """The value at x, the expressions of its elements, and the symbols of the elements of x."""
    rows, y, k = record(f, [x], complete=True)
    require_finite(y, x)
    inputs = symbols_for(x)
    if k < 0:
        return y, [number(0)] * int(np.size(y)), list(np.ravel(inputs))
    try:
        expr, _ = to_sympy(rows, [inputs], k)
    except TypeError as error:  # SymPy cannot order symbols, as sorting them takes
        raise UnsupportedError(
            f"the function does something that symbols cannot: {error}; use another backend"
        ) from None
    # NumPy's sum over nothing is the integer 0, which is no SymPy expression.
    elements = [e if hasattr(e, "args") else number(e) for e in np.ravel(expr)]
    return y, elements, list(np.ravel(inputs))


def _jacobian(exprs: list[Any], symbols: list[Any]) -> list[dict[int, Any]]:
    """For each expression its partial derivatives by symbol; those that are zero are left out."""
    position = {s: k for k, s in enumerate(symbols)}
    users: dict[int, list[int]] = {}
    for row, expr in enumerate(exprs):
        for node in postorder([expr]):
            if node in position:
                users.setdefault(position[node], []).append(row)
    out: list[dict[int, Any]] = [{} for _ in exprs]
    for k, rows in users.items():
        for row, d in zip(rows, differentiate([exprs[r] for r in rows], symbols[k]), strict=True):
            out[row][k] = d
    return out


def _evaluated(rows: list[dict[int, Any]], symbols: list[Any], x: Point) -> Any:
    """The partial derivatives as a dense matrix of doubles."""
    flat = [(i, k, e) for i, row in enumerate(rows) for k, e in row.items()]
    values = evaluator([e for _, _, e in flat], symbols)(*np.ravel(x))
    out = np.zeros((len(rows), len(symbols)))
    for (i, k, _), value in zip(flat, values, strict=True):
        out[i, k] = value
    return out
