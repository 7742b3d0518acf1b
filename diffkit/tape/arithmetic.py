"""The arithmetic operators of tracers."""

from __future__ import annotations

import operator  # noqa: F401  (the template names it)
from collections.abc import Callable
from threading import get_ident
from typing import Any

import numpy as np

from ..rules import Primitive, arithmetic
from .constants import kept
from .recording import NO_KEYWORDS, Recording, Tracer, apply, tracer

# What the template names
_new = object.__new__
ADD, SUBTRACT = arithmetic.add, arithmetic.subtract
MULTIPLY, DIVIDE, POWER = arithmetic.multiply, arithmetic.divide, arithmetic.raised

_PLAIN = {float, int, np.ndarray}


def _on_arrays(rule: Primitive, call: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """``apply`` for an operator on plain arrays of one recording, or on tracers of one that is
    recorded in turn, which are the usual cases."""
    rows = left.tape if type(left) is Tracer else right.tape
    i = j = -1
    a, b = left, right
    if type(left) is Tracer and left.tape is rows:
        i, a = left.index, left.value
    if type(right) is Tracer and right.tape is rows:
        j, b = right.index, right.value
    if type(a) in _PLAIN and type(b) in _PLAIN:
        y = call(a, b)
        if type(y) is np.ndarray and y.dtype.kind in "fc":
            if type(left) is np.ndarray:
                a = kept(rows.constants, a)
            elif type(right) is np.ndarray:
                b = kept(rows.constants, b)
            rows.append((rule, y, (i, j), (a, b), None, NO_KEYWORDS))
            return tracer(rows, y)
    elif _fits_level(rows, i, a) and _fits_level(rows, j, b) and rows.thread == get_ident():
        if type(a) is np.ndarray:
            y, a = apply(rule, (a, b), NO_KEYWORDS), kept(rows.constants, a)
        else:
            y, b = call(a, b), kept(rows.constants, b) if type(b) is np.ndarray else b
        rows.append((rule, y, (i, j), (a, b), None, NO_KEYWORDS))
        return tracer(rows, y)
    return apply(rule, (left, right), {})


def _fits_level(rows: Recording, row: int, value: Any) -> bool:
    """Whether an operand is a number, an array of numbers, or a tracer of a recording further out
    than the one that records."""
    if type(value) is Tracer:
        return rows.open if row >= 0 else value.tape.open and value.tape.level < rows.level
    return type(value) in _PLAIN and (type(value) is not np.ndarray or value.dtype.kind in "fc")


# The operators come from one template, and not from a function that is handed operator.mul, because
# that one call more would cost a tenth of a gradient.
_OPERATOR = """
def __{name}__(self, other):
    a = self.value
    kind = type(other)
    if kind is Tracer and other.tape is self.tape:
        b = other.value
        if type(a) is not float or type(b) is not float:
            return _on_arrays({rule}, operator.{name}, self, other)
        j = other.index
    elif (kind is float or kind is int) and type(a) is float:
        b = other
        j = -1
    else:
        return _on_arrays({rule}, operator.{name}, self, other)
    try:
        y = a {symbol} b
    except ArithmeticError:  # NumPy's inf or nan, rather than Python's exception
        return apply({rule}, (self, other), {{}})
    {check}
    rows = self.tape
    out = _new(Tracer)
    out.tape = rows
    out.index = len(rows)
    out.value = y
    rows.append(({rule}, y, self.index, a, j, b))
    return out

def __r{name}__(self, other):
    b = self.value
    if type(b) is not float or (type(other) is not float and type(other) is not int):
        return _on_arrays({rule}, operator.{name}, other, self)
    try:
        y = other {symbol} b
    except ArithmeticError:
        return apply({rule}, (other, self), {{}})
    {check}
    rows = self.tape
    out = _new(Tracer)
    out.tape = rows
    out.index = len(rows)
    out.value = y
    rows.append(({rule}, y, -1, other, self.index, b))
    return out
"""
_NOT_COMPLEX = """if type(y) is complex:  # a negative number to a broken power is nan in NumPy
        return apply(POWER, {operands}, {{}})"""

for _name, _symbol, _rule in (
    ("add", "+", "ADD"),
    ("sub", "-", "SUBTRACT"),
    ("mul", "*", "MULTIPLY"),
    ("truediv", "/", "DIVIDE"),
    ("pow", "**", "POWER"),
):
    _source = _OPERATOR.format(name=_name, symbol=_symbol, rule=_rule, check="{check}")
    _forward, _reflected = _source.split("\n\n")
    for _half, _operands in ((_forward, "(self, other)"), (_reflected, "(other, self)")):
        _check = _NOT_COMPLEX.format(operands=_operands) if _name == "pow" else ""
        _scope: dict[str, Any] = {}
        exec(compile(_half.replace("{check}", _check), __file__, "exec"), globals(), _scope)
        for _method, _function in _scope.items():
            setattr(Tracer, _method, _function)
