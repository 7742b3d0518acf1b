"""The local partial derivatives of a line: symbols where the rule has a SymPy form, numbers too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from diffkit.rules import Primitive
from diffkit.tape.recording import plain
from diffkit.tape.sweeps import push_row
from diffkit.tape.symbols import number

from .formulas import function
from .lines import Line, Lines
from .notation import Notation, superscript

# Where the derivative contains the value itself, the texts write the value's name.
_BY_VALUE = {"exp", "exp2", "sqrt", "divide", "reciprocal", "tan", "tanh"}
# Forms in which SymPy writes a derivative that says less than its number: steps, and cases.
_OPAQUE = ("Heaviside", "Piecewise", "Derivative", "Subs", "DiracDelta", "Max", "Min", "Mod")
_TOO_LONG = 12  # operations of a derivative that is still worth printing


@dataclass(frozen=True)
class Partial:
    """The derivative of a line in one of its operands.

    Attributes:
        value: the number at the recorded point; None of arrays, where it is a linear map.
        expression: a SymPy expression in symbols named after lines ("3"); None where there is none.
    """

    value: float | None
    expression: Any = None


def partials(lines: Lines, k: int) -> tuple[Partial | None, ...]:
    """The partial of line k in each of its operands, None for a constant."""
    line = lines.lines[k]
    return tuple(_partial(line, k, n) if p >= 0 else None for n, p in enumerate(line.parents))


def _partial(line: Line, k: int, n: int) -> Partial | None:
    rule = line.rule
    if rule is None or not rule.differentiable:
        return Partial(0.0) if line.scalar else None
    value = slope(line, n) if line.scalar else None
    if line.kwargs or rule.sympy is None or not (line.scalar or rule.elementwise):
        return Partial(value)
    given = tuple(None if p >= 0 else _constant(a)
                  for p, a in zip(line.parents, line.args, strict=True))  # fmt: skip
    if any(c == "array" for c in given):
        given = tuple(None if c == "array" else c for c in given)
    return Partial(value, _named(_symbolic(rule, given, n), line, k))


def _constant(value: Any) -> Any:
    return "array" if np.ndim(value) else plain(value)


def slope(line: Line, n: int) -> float:
    """The partial of a line of numbers as a number, by its rule."""
    places = tuple(0 if k == n else -1 for k in range(len(line.parents)))
    with np.errstate(all="ignore"):
        pushed = push_row(line.rule, line.value, places, line.args, line.kwargs, [1.0], False)
    return float(pushed)


@lru_cache(maxsize=1024)
def _symbolic(rule: Primitive, constants: tuple[Any, ...], n: int) -> Any:
    """The derivative of a rule in argument n, in symbols "#0", "#1", ... and "#y" for its value."""
    import sympy

    symbols = [sympy.Symbol(f"#{k}", real=True) for k in range(len(constants))]
    args = [s if c is None else number(c) for s, c in zip(symbols, constants, strict=True)]
    try:
        form = rule.sympy if callable(rule.sympy) else _by_name(str(rule.sympy))
        value = form(sympy, *args)
        derivative = sympy.diff(value, symbols[n])
    except (TypeError, ValueError, AttributeError):
        return None
    if rule.name in _BY_VALUE:
        derivative = derivative.subs(value, sympy.Symbol("#y", real=True))
    opaque = any(type(node).__name__ in _OPAQUE for node in sympy.preorder_traversal(derivative))
    return None if opaque or derivative.count_ops() > _TOO_LONG else derivative


def _by_name(name: str) -> Callable[..., Any]:
    return lambda sympy, *args: getattr(sympy, name)(*args)


def _named(derivative: Any, line: Line, k: int) -> Any:
    """The same with the symbols of the trace: "3" is the value of line 3, "c1" an array."""
    if derivative is None:
        return None
    import sympy

    own = {"#y": str(k)}
    own.update({f"#{n}": str(p) if p >= 0 else f"c{n}" for n, p in enumerate(line.parents)})
    new = {s: sympy.Symbol(own[s.name], real=True) for s in derivative.free_symbols}
    return derivative.xreplace(new)


_FUNCTIONS = {
    "Abs": "absolute", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh",
}  # fmt: skip
_SUM, _PRODUCT, _POWER, _ATOM = range(4)


class Writer:
    """SymPy expressions in the notation of a trace."""

    def __init__(self, notation: Notation, lines: Lines, k: int) -> None:
        self.notation, self.lines, self.k = notation, lines, k

    def __call__(self, expression: Any, least: int = _SUM) -> str:
        """The expression, in parentheses where it binds less than is asked for."""
        text, binding = self.parts(expression)
        return text if binding >= least else self.enclosed(text)

    def enclosed(self, text: str) -> str:
        return rf"\left({text}\right)" if self.notation.latex else f"({text})"

    def parts(self, e: Any) -> tuple[str, int]:
        if e.is_Symbol:
            return self.symbol(e.name), _ATOM
        if e.is_Number:
            return self.number(e)
        if e.is_Add:
            return self.sum(e), _SUM
        if e.is_Mul:
            return self.product(e)
        if e.is_Pow:
            return self.power(e)
        if e.is_Function:
            return self.function(e)
        return {"pi": r"\pi" if self.notation.latex else "π", "E": "e"}.get(str(e), str(e)), _ATOM

    def number(self, e: Any) -> tuple[str, int]:
        """A number as a decimal where that is exact and short, else as a fraction."""
        sign = self.minus if e < 0 else ""
        if e.is_Rational and len(f"{abs(float(e))}") > 6 and not e.is_Integer:
            return f"{sign}{abs(e.p)}/{e.q}", _PRODUCT
        return self.notation.number(float(e)), _ATOM if e >= 0 else _SUM

    def symbol(self, name: str) -> str:
        if not name.startswith("c"):
            return self.notation.variable(int(name))
        from .formulas import constant

        return constant(self.lines.lines[self.k].args[int(name[1:])], self.notation)

    def sum(self, e: Any) -> str:
        out = ""
        negatives = [(term.could_extract_minus_sign(), term) for term in e.as_ordered_terms()]
        for negative, term in sorted(negatives, key=lambda pair: pair[0]):
            sign = self.minus if negative else "+"
            text = self(-term if negative else term, _PRODUCT)
            out += f" {sign} {text}" if out else (sign if negative else "") + text
        return out

    @property
    def minus(self) -> str:
        return "-" if self.notation.latex else "−"

    def product(self, e: Any) -> tuple[str, int]:
        if e.could_extract_minus_sign():
            return self.minus + self(-e, _PRODUCT), _SUM
        above, below = [], []
        for factor in e.as_ordered_factors():
            if factor.is_Rational and self.number(factor)[1] == _PRODUCT:
                above += [factor.p] if factor.p != 1 else []
                below.append(self.integer(factor.q))
            elif factor.is_Pow and factor.exp.could_extract_minus_sign():
                below.append(1 / factor)
            else:
                above.append(factor)
        dot = r" \cdot " if self.notation.latex else "·"
        top = dot.join(self(self.integer(f), _POWER) for f in above) or "1"
        if not below:
            return top, _PRODUCT
        bottom = dot.join(self(f, _POWER) for f in below)
        return self.fraction(top, bottom, len(below) > 1), _PRODUCT

    @staticmethod
    def integer(value: Any) -> Any:
        import sympy

        return sympy.sympify(value)

    def fraction(self, top: str, bottom: str, several: bool) -> str:
        bottom = self.enclosed(bottom) if several else bottom
        return f"{top} / {bottom}" if self.notation.latex else f"{top}/{bottom}"

    def power(self, e: Any) -> tuple[str, int]:
        base, exponent = e.base, e.exp
        if exponent.could_extract_minus_sign():
            below = (1 / e).is_Mul
            return self.fraction("1", self(1 / e, _POWER), below), _PRODUCT
        if exponent == self.integer(1) / 2:
            root = self(base, _ATOM) if not self.notation.latex else rf"{{{self(base)}}}"
            return (r"\sqrt" if self.notation.latex else "√") + root, _ATOM
        if self.notation.latex:
            return f"{self(base, _ATOM)}^{{{self(exponent)}}}", _POWER
        if exponent.is_Integer:
            return self(base, _ATOM) + superscript(int(exponent)), _POWER
        return f"{self(base, _ATOM)}^{self(exponent, _ATOM)}", _POWER

    def function(self, e: Any) -> tuple[str, int]:
        name = type(e).__name__
        if name == "Abs":
            bars = r"\left|{}\right|" if self.notation.latex else "|{}|"
            return bars.format(self(e.args[0])), _ATOM
        shown = function(_FUNCTIONS.get(name, name), self.notation)
        if len(e.args) == 1 and e.args[0].is_Symbol:
            return f"{shown} {self(e.args[0])}", _POWER
        return shown + self.enclosed(", ".join(self(a) for a in e.args)), _ATOM
