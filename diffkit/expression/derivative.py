"""Symbolic differentiation that keeps what is shared shared.

``sympy.diff`` differentiates a shared subexpression once for each of its uses. Here each distinct
subexpression is differentiated once, by SymPy's own rules, so that the result is the expression
that ``sympy.diff`` would return, up to the order in which SymPy rewrites it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import UnsupportedError
from .graph import depends_on, postorder


def differentiate(exprs: Sequence[Any], symbol: Any) -> list[Any]:
    """The derivatives of SymPy expressions in a symbol.

    Raises:
        UnsupportedError: a function in them has no derivative in SymPy.
    """
    import sympy

    nodes = postorder(exprs)
    active = depends_on(nodes, symbol)
    d: dict[Any, Any] = {symbol: sympy.S.One}
    for node in nodes:
        if node in active and node != symbol:
            d[node] = _node_derivative(node, d, sympy)
    return [d.get(e, sympy.S.Zero) for e in exprs]


def _node_derivative(node: Any, d: dict[Any, Any], sympy: Any) -> Any:
    """The chain rule at one node, whose arguments have been differentiated."""
    args = node.args
    if node.is_Add:
        return sympy.Add(*[d[a] for a in args if a in d])
    if node.is_Mul:
        return sympy.Add(
            *[sympy.Mul(*args[:k], d[a], *args[k + 1 :]) for k, a in enumerate(args) if a in d]
        )
    if node.is_Pow:
        return _power_derivative(node, d, sympy)
    if isinstance(node, sympy.Piecewise):
        return sympy.Piecewise(*[(d.get(a.expr, sympy.S.Zero), a.cond) for a in args])
    if isinstance(node, (sympy.sign, sympy.floor, sympy.ceiling, sympy.Heaviside)):
        return sympy.S.Zero
    if node.is_Boolean or node.is_Relational or isinstance(node, sympy.Tuple):
        return d.get(args[0], sympy.S.Zero)  # (expression, condition) pairs of a Piecewise
    if node.is_Function:
        partials = [(k, a) for k, a in enumerate(args, 1) if a in d]
        try:
            return sympy.Add(*[sympy.Mul(d[a], node.fdiff(k)) for k, a in partials])
        except (sympy.ArgumentIndexError, AttributeError):
            pass
    raise UnsupportedError(f"SymPy has no derivative for {type(node).__name__}")


def _power_derivative(node: Any, d: dict[Any, Any], sympy: Any) -> Any:
    base, exponent = node.args
    terms = []
    if base in d:
        terms.append(exponent * base ** (exponent - 1) * d[base])
    if exponent in d:
        terms.append(node * sympy.log(base) * d[exponent])
    return sympy.Add(*terms)
