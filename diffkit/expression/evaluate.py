"""SymPy expressions as plain NumPy functions.

The distinct subexpressions become one straight line of NumPy calls, so that evaluating costs what
the graph costs, and the result can be traced like any other NumPy function. No code is generated
and none is executed from text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..rules import RULES, load_families
from .graph import postorder


@cache
def _numpy_functions() -> dict[Any, Callable[..., Any]]:
    """The NumPy function for each SymPy function, read off the derivative table."""
    import sympy

    load_families()
    named = {
        getattr(sympy, rule.sympy): fn for fn, rule in RULES.items() if isinstance(rule.sympy, str)
    }
    relations = {
        sympy.StrictGreaterThan: np.greater,
        sympy.GreaterThan: np.greater_equal,
        sympy.StrictLessThan: np.less,
        sympy.LessThan: np.less_equal,
        sympy.Equality: np.equal,
        sympy.Unequality: np.not_equal,
    }
    return named | relations | {sympy.Abs: np.absolute}


def evaluator(exprs: Sequence[Any], symbols: Sequence[Any]) -> Callable[..., list[Any]]:
    """A function of one value for each symbol that returns the values of the expressions.

    Values are numbers or arrays that broadcast against each other.

    Raises:
        UnsupportedError: an expression contains another symbol, or a function without a NumPy form.
    """
    nodes = postorder(exprs)
    place = {symbol: k for k, symbol in enumerate(symbols)}
    steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
    for node in nodes:
        if node in place:
            continue
        call, operands = _step(node)
        steps.append((call, tuple(place[a] for a in operands)))
        place[node] = len(symbols) + len(steps) - 1
    wanted = [place[e] for e in exprs]

    def evaluate(*values: Any) -> list[Any]:
        slots = list(values)
        for call, operands in steps:
            slots.append(call(*[slots[k] for k in operands]))
        return [slots[k] for k in wanted]

    return evaluate


def _step(node: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """How to compute one node from its arguments, which come earlier in the line."""
    import sympy

    if node.is_Symbol:
        raise UnsupportedError(f"the expression contains {node}, which is not among its variables")
    if not node.args:
        constant = _constant(node)
        return (lambda: constant), ()
    if node.is_Add:
        return (lambda *terms: reduce(np.add, terms)), node.args
    if node.is_Mul:
        return (lambda *factors: reduce(np.multiply, factors)), node.args
    if node.is_Pow:
        return _power_step(node)
    if isinstance(node, sympy.Piecewise):
        return _choose, tuple(x for pair in node.args for x in pair.args)
    if isinstance(node, sympy.functions.elementary.piecewise.ExprCondPair):
        return (lambda value, condition: value), node.args
    if isinstance(node, (sympy.Max, sympy.Min)):
        pick = np.maximum if isinstance(node, sympy.Max) else np.minimum
        return (lambda *values: reduce(pick, values)), node.args
    if isinstance(node, (sympy.And, sympy.Or)):
        combine = np.logical_and if isinstance(node, sympy.And) else np.logical_or
        return (lambda *values: reduce(combine, values)), node.args
    if isinstance(node, sympy.Not):
        return np.logical_not, node.args
    if isinstance(node, sympy.Heaviside):
        return (lambda x, at_zero=0.5: np.heaviside(x, at_zero)), node.args
    fn = _numpy_functions().get(node.func)
    if fn is None:
        raise UnsupportedError(f"there is no NumPy form of SymPy's {node.func.__name__}")
    return fn, node.args


def _power_step(node: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Roots, reciprocals and squares are rounded once; a general power is less accurate."""
    base, exponent = node.args
    if exponent == -1:
        return (lambda b: np.divide(1.0, b)), (base,)
    if exponent.is_Rational and exponent.q == 2 and abs(exponent.p) == 1:
        if exponent.p == 1:
            return np.sqrt, (base,)
        return (lambda b: np.divide(1.0, np.sqrt(b))), (base,)
    if exponent.is_Integer and abs(exponent.p) < 2**31:
        power = int(exponent)
        return (lambda b: np.power(b, power) if power > 0 else 1.0 / np.power(b, -power)), (base,)
    return np.power, (base, exponent)


def _choose(*pairs: Any) -> Any:
    values, conditions = pairs[::2], pairs[1::2]
    chosen: Any = np.nan
    for value, condition in zip(values[::-1], conditions[::-1], strict=True):
        chosen = np.where(condition, value, chosen)
    return chosen


def _constant(node: Any) -> Any:
    import sympy

    if node in (sympy.true, sympy.false):
        return bool(node)
    if node.is_number:
        value = complex(node.evalf(30)) if node.is_imaginary else float(node)
        return value
    raise UnsupportedError(f"{node} is not a number")
