"""The sums of a trace are the derivatives that the operators compute."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy

import diffkit as dk
from diffkit.report.trace.chain_rule import Sums, adjoints, directions, tangents
from diffkit.report.trace.lines import Lines
from diffkit.report.trace.notation import notation_for
from diffkit.report.trace.partials import partials

CASES = [(name, k) for name, p in dk.problems.items() for k in range(len(p.points))]
cases = pytest.mark.parametrize(("name", "k"), CASES, ids=[f"{n}-{k}" for n, k in CASES])


def joined(lines: Lines, values: Any, like: Any) -> Any:
    """What flows to or from the inputs, in the shape of the point."""
    parts = [values[k] for k in lines.point[0]]
    whole = parts[0] if len(parts) == 1 else np.array(parts)
    return np.reshape(whole, np.shape(like))


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13 * np.max(np.abs(b), initial=0.0))


@cases
def test_adjoints_are_the_gradient(name: str, k: int) -> None:
    f = dk.problems[name]
    x = f.points[k]
    trace = dk.trace(f, x)
    if np.ndim(trace.value):
        u = np.cos(np.arange(np.size(trace.value))).reshape(np.shape(trace.value))
        expected = dk.vjp(f, x, u)
        given = [u] if trace.lines.whole else list(u)
    else:
        expected, given = dk.gradient(f, x), [1.0]
    close(joined(trace.lines, adjoints(trace.lines, given).values, x), expected)


@cases
def test_tangents_are_the_jvp(name: str, k: int) -> None:
    f = dk.problems[name]
    x = f.points[k]
    v = np.cos(1.0 + np.arange(np.size(x))).reshape(np.shape(x))[()]
    lines = dk.trace(f, x).lines
    ((_, direction),) = directions(lines, v, (x,))
    values = tangents(lines, direction).values
    found = [values[place] for place in lines.outputs]
    close(found[0] if lines.whole else np.array(found), dk.jvp(f, x, v))


@cases
def test_values_are_those_of_the_function(name: str, k: int) -> None:
    f = dk.problems[name]
    lines = dk.trace(f, f.points[k]).lines
    found = [lines.lines[place].value for place in lines.outputs]
    np.testing.assert_array_equal(found[0] if lines.whole else found, f(f.points[k]))


@cases
def test_local_partials_in_symbols_equal_their_numbers(name: str, k: int) -> None:
    """What is printed beside a number has that number for value."""
    f = dk.problems[name]
    lines = dk.trace(f, f.points[k]).lines
    here = {sympy.Symbol(str(n), real=True): sympy.Float(line.value, 40)
            for n, line in enumerate(lines.lines) if isinstance(line.value, float)}  # fmt: skip
    for n in list(range(len(lines)))[:60]:
        for partial in partials(lines, n):
            if partial is None or partial.value is None or partial.expression is None:
                continue
            written = float(partial.expression.xreplace(here).evalf(30))
            # 1 - y**2 with y rounded to 1 is 0, where the slope of tanh is 1e-17.
            assert written == pytest.approx(partial.value, rel=1e-12, abs=1e-15), (n, partial)


FUNCTIONS = [
    np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh,
    np.arcsinh, np.arctanh, np.exp, np.expm1, np.exp2, np.log, np.log1p, np.log2, np.log10,
    np.sqrt, np.cbrt, np.absolute, np.square, np.reciprocal, np.negative, np.sinc, np.deg2rad,
]  # fmt: skip


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: fn.__name__)
def test_the_derivative_of_every_elementary_function_is_written(fn: Any) -> None:
    """The text, with its names replaced by numbers, has the value of the derivative."""
    trace = dk.trace(lambda x: fn(x), 0.4)
    lines = trace.lines
    text = Sums(lines, notation_for(lines, "w")).local(1, 0)
    assert "∂" not in text, f"no symbols for {fn.__name__}"
    expected = dk.derivative(fn, 0.4)
    assert read(text, {"w₁": 0.4, "w₂": float(fn(0.4))}) == pytest.approx(expected, rel=1e-5)


def read(text: str, values: dict[str, float]) -> float:
    """The value of a formula as it is printed, by a few rewritings and SymPy."""
    for name, value in values.items():
        text = text.replace(name, f"({value!r})")
    for sign, plain in (("·", "*"), ("−", "-"), ("²", "**2"), ("³", "**3"), ("π", "pi"),
                        ("^", "**"), ("⁄", "/")):  # fmt: skip
        text = text.replace(sign, plain)
    text = text.replace("√(", "sqrt(")
    text = re.sub(r"\b(sin|cos|tan|sinh|cosh|tanh|exp|log|sign) \(", r"\1(", text)
    return float(sympy.sympify(text).evalf())


def test_where_nothing_flows_nothing_arrives() -> None:
    """sqrt has an infinite slope at 0; the branch that was not taken sends 0, and not NaN."""

    def f(x: Any) -> Any:
        return np.where(x > 1.0, np.sqrt(x), 2.0 * x)

    lines = dk.trace(f, 0.0).lines
    assert adjoints(lines, [1.0]).values[0] == 2.0
