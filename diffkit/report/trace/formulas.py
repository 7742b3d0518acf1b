"""What a line computes, written as a formula of its operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from .lines import COMPARISONS, DECISION, INPUT, Line, Lines
from .notation import Notation, superscript

# Operations between their operands: as text and as LaTeX.
_INFIX = {
    "add": (" + ", " + "), "subtract": (" − ", " - "), "multiply": ("·", r" \cdot "),
    "divide": ("/", " / "), "matmul": (" @ ", r"\,@\,"), "remainder": (" mod ", r" \bmod "),
    "logical_and": (" and ", r" \wedge "), "logical_or": (" or ", r" \vee "),
    **{name: (f" {sign} ", f" {tex} ") for (name, sign), tex in
       zip(COMPARISONS.items(), ("<", r"\le", ">", r"\ge", "=", r"\ne"), strict=True)},
}  # fmt: skip

# Functions that LaTeX has a name for.
_NAMED = {
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "arcsin", "arccos", "arctan"),
}
_OPPOSITE = {"<": "≥", "≤": ">", ">": "≤", "≥": "<", "=": "≠", "≠": "="}
_SILENT = {"initial", "where"}  # parameters that hold arrays
_LONG = 40  # characters of a parameter


def formula(lines: Lines, k: int, notation: Notation) -> str:
    """The right-hand side of line k: ``v₋₁/v₀``, or what the function calls an input."""
    line = lines.lines[k]
    if line.kind == INPUT:
        return notation.label(line.label)
    text = _operation(line, operands(lines, k, notation), notation)
    if line.kind == DECISION:
        return text if line.value else _denied(line, text, notation)
    return text


def operation(lines: Lines, k: int, notation: Notation, instead: dict[int, str]) -> str:
    """What line k computes, with other names for some of its operands."""
    names = operands(lines, k, notation)
    names = [instead.get(n, name) for n, name in enumerate(names)]
    return _operation(lines.lines[k], names, notation)


def operands(lines: Lines, k: int, notation: Notation) -> list[str]:
    """The operands of line k: names, numbers, and the shapes of constant arrays."""
    line = lines.lines[k]
    return [
        notation.variable(p) if p >= 0 else constant(a, notation)
        for p, a in zip(line.parents, line.args, strict=True)
    ]


def constant(value: Any, notation: Notation) -> str:
    """A number; of an array only its shape, and of anything else its Python form."""
    if isinstance(value, (bool, np.bool_, int, float, complex, np.number)):
        return notation.number(value)
    if isinstance(value, np.ndarray):
        return notation.number(value) if value.size <= 3 else notation.text(_shape(value))
    return notation.text(_parameter(value))


def _shape(array: np.ndarray[Any, Any]) -> str:
    return f"[constant {'×'.join(map(str, array.shape))}]"


def _parameter(value: Any) -> str:
    if isinstance(value, slice):
        return ":".join("" if v is None else str(v) for v in (value.start, value.stop)) + (
            f":{value.step}" if value.step is not None else ""
        )
    text = "…" if value is Ellipsis else repr(value)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _operation(line: Line, names: list[str], notation: Notation) -> str:
    assert line.rule is not None
    rule, latex = line.rule.name, notation.latex
    if rule in _INFIX and len(names) == 2:
        left, right = names[0], _guarded(names[1])
        if rule in ("multiply", "divide", "remainder"):
            left = _guarded(left)
        return left + _INFIX[rule][latex] + right
    if rule in ("power", "float_power"):
        return _power(names, line, notation)
    if rule in ("negative", "absolute", "fabs", "sqrt", "square", "reciprocal", "logical_not"):
        return _special(rule, names[0], latex)
    if rule == "getitem":
        return f"{names[0]}[{', '.join(names[1:])}]"
    if rule == "setitem":
        target, source, *key = names
        return (
            f"{target}{notation.text(' with ') if latex else ' with '}[{', '.join(key)}] = {source}"
        )
    return _call(rule, names, line.kwargs, notation)


def _guarded(name: str) -> str:
    """A negative number stands in parentheses."""
    return f"({name})" if name[:1] in "−-" else name


def _power(names: list[str], line: Line, notation: Notation) -> str:
    base, exponent = _guarded(names[0]), line.args[1]
    if notation.latex:
        return f"{base}^{{{names[1]}}}"
    if line.parents[1] < 0 and np.ndim(exponent) == 0 and exponent == int(exponent):
        return base + superscript(int(exponent))
    return f"{base}^{_guarded(names[1])}"


def _special(rule: str, a: str, latex: bool) -> str:
    forms = {
        "negative": ("−{}", "-{}"),
        "absolute": ("|{}|", r"\left|{}\right|"),
        "fabs": ("|{}|", r"\left|{}\right|"),
        "sqrt": ("√{}", r"\sqrt{{{}}}"),
        "square": ("{}²", "{}^{{2}}"),
        "reciprocal": ("1/{}", "1 / {}"),
        "logical_not": ("not {}", r"\neg {}"),
    }
    return forms[rule][latex].format(a)


def _call(rule: str, names: list[str], kwargs: dict[str, Any], notation: Notation) -> str:
    told = {k: v for k, v in kwargs.items() if k not in _SILENT and v is not None}
    parameters = [f"{name}={_parameter(v)}" for name, v in told.items() if v is not False]
    name = function(rule, notation)
    parts = names + [notation.text(p) for p in parameters]
    if len(parts) == 1 and (rule in _NAMED):
        return f"{name} {_guarded(parts[0])}"
    return f"{name}({', '.join(parts)})"


def function(rule: str, notation: Notation) -> str:
    """The name of a function."""
    if not notation.latex:
        return rule
    return f"\\{rule}" if rule in _NAMED else rf"\operatorname{{{notation.text(rule)}}}"


def _denied(line: Line, text: str, notation: Notation) -> str:
    """A condition that did not hold, turned round."""
    assert line.rule is not None
    sign = COMPARISONS.get(line.rule.name)
    if sign is None:
        return (r"\neg\, " if notation.latex else "not ") + text
    turned = next(name for name, s in COMPARISONS.items() if s == _OPPOSITE[sign])
    here, there = (_INFIX[name][notation.latex] for name in (line.rule.name, turned))
    return text.replace(here, there, 1)
