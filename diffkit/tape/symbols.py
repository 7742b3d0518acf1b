"""Symbols and SymPy numbers for the values on a tape."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    if isinstance(value, (complex, np.complexfloating)):
        return number(value.real) + number(value.imag) * sympy.I
    if not np.isfinite(value):
        return sympy.nan if np.isnan(value) else sympy.oo * int(np.sign(value))
    numerator, denominator = float(value).as_integer_ratio()
    if denominator <= 1024:
        return sympy.Rational(numerator, denominator)
    return sympy.Float(float(value))
