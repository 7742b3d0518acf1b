"""Reading a recording into SymPy: one expression for each element of the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .recording import CONSTANT, GUARD, Recording


def symbols_for(value: Any, name: str = "x") -> Any:
    """A real SymPy symbol for a number, an object array of them for an array.

    A vector's are named x1, x2, ...; a matrix's x1_1, x1_2, ...
    """
    import sympy

    if not np.ndim(value):
        return sympy.Symbol(name, real=True)
    out = np.empty(np.shape(value), dtype=object)
    for index in np.ndindex(out.shape):
        label = name + "_".join(str(k + 1) for k in index)
        out[index] = sympy.Symbol(label, real=True)
    return out


def number(value: Any) -> Any:
    """A double as a SymPy number: exactly, and as a short fraction where it is one."""
    import sympy

    if isinstance(value, (bool, np.bool_)):
        return sympy.true if value else sympy.false
    if isinstance(value, (int, np.integer)):
        return sympy.Integer(int(value))
    if not np.isfinite(value):
        return sympy.nan if np.isnan(value) else sympy.oo * int(np.sign(value))
    numerator, denominator = float(value).as_integer_ratio()
    if denominator <= 1024:
        return sympy.Rational(numerator, denominator)
    return sympy.Float(float(value))


def to_sympy(rows: Recording, inputs: Sequence[Any], output: int) -> tuple[Any, list[Any]]:
    """Evaluate the rows on symbols.

    Args:
        rows: the recording.
        inputs: for each input a symbol or an object array of symbols.
        output: the row of the result.

    Returns:
        The expression, or an object array of expressions, and the conditions under which the
        recorded branch is the one that the function takes.

    Raises:
        UnsupportedError: a recorded operation has no SymPy form.
    """
    import sympy

    values: list[Any] = list(inputs)
    conditions = []
    for rule, y, i, a, j, b in rows[len(inputs) : output + 1]:
        if j is None:
            parents, constants, kwargs = i, a, b
        else:
            constants = (a,) if b is None else (a, b)
            parents, kwargs = (i, j)[: len(constants)], {}
        args = [c if p < 0 else values[p] for p, c in zip(parents, constants, strict=True)]
        if rule is GUARD:
            conditions.append(args[0] if y else sympy.Not(args[0]))
            values.append(None)
        elif rule is CONSTANT:
            values.append(_symbolic_array(y))
        elif rule.sympy is None and not rule.differentiable and not rule.elementwise:
            values.append(y)  # an order or a place, as it is on the recorded branch
        else:
            values.append(_operation(rule, args, kwargs, sympy))
    return values[output], conditions


def _operation(rule: Any, args: list[Any], kwargs: dict[str, Any], sympy: Any) -> Any:
    if rule.sympy is None:
        if rule.elementwise:
            raise UnsupportedError(f"{rule.name} has no SymPy form; use another backend")
        # Moving and adding elements up is what NumPy does with arrays of objects as well.
        return rule.fn(*[_symbolic_array(a) for a in args], **kwargs)
    form = getattr(sympy, rule.sympy) if isinstance(rule.sympy, str) else None

    def on_elements(*elements: Any) -> Any:
        numbers = [e if isinstance(e, sympy.Basic) else number(e) for e in elements]
        return form(*numbers) if form is not None else rule.sympy(sympy, *numbers)

    if all(not np.ndim(a) for a in args):
        return on_elements(*args)
    return np.frompyfunc(on_elements, len(args), 1)(*args)


def _symbolic_array(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.frompyfunc(number, 1, 1)(value)
    return value
