"""How expressions are written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import diffkit as dk
from diffkit.expression import count_operations, evaluator, show
from diffkit.expression.construct import Construction

from .random_expressions import X, Y
from .test_derivative import logistic


def test_short_expressions_are_written_as_sympy_does() -> None:
    assert show.text(X * sympy.sin(Y)) == "x*sin(y)"
    assert show.text(X + Y, X * Y) == "x + y\nx*y"
    assert show.latex(X / Y) == r"\frac{x}{y}"


def computed(lines: list[tuple[Any, Any]], symbols: list[Any], point: list[float]) -> Any:
    """The value that the lines compute one after another."""
    for name, expr in lines:
        value = evaluator([expr], symbols)(*point)[0]
        if name is None:
            return value
        symbols, point = [*symbols, name], [*point, value]
    raise AssertionError("nothing is computed")


@pytest.mark.parametrize("n", [6, 30, 300])
def test_a_straight_line_computes_the_expression(n: int) -> None:
    expr = logistic(n, Construction(evaluate=False))
    lines = show.straight_line([expr])
    assert computed(lines, [X], [0.3]) == pytest.approx(evaluator([expr], [X])(0.3)[0], rel=1e-15)
    assert len({name for name, _ in lines}) == len(lines)
    written = sum(count_operations(e, cse=False).tree for _, e in lines)
    assert written == count_operations(expr, cse=False).dag  # each operation once
    assert max(len(str(e)) for _, e in lines) < 200


def test_a_chain_without_anything_shared_is_cut_into_lines() -> None:
    chain, construct = X, Construction(evaluate=False)
    for _ in range(5000):
        chain = construct(sympy.sin, [chain])
    lines = show.straight_line([chain])
    assert len(lines) > 100
    assert np.isfinite(computed(lines, [X], [0.3]))


def test_long_texts_end_with_what_is_left_out() -> None:
    expr = logistic(1000, Construction(evaluate=False))
    text = show.text(expr, lines=10).splitlines()
    assert len(text) == 11
    assert text[0] == "v1 = 4*x*(1 - x)" or text[0].startswith("v1 = ")
    assert text[-1] == f"... and {len(show.straight_line([expr])) - 10} more lines"
    assert "more" in show.latex(expr, lines=10)


def test_names_do_not_meet_those_of_symbols() -> None:
    v, w = sympy.symbols("v1 w", real=True)
    expr = sum((sympy.sin(v * w) + k) ** k for k in range(2, 60))
    names = {str(name) for name, _ in show.straight_line([expr]) if name is not None}
    assert names
    assert not names & {"v1", "w"}


def test_functions_describe_themselves_whatever_their_size() -> None:
    assert dk.function(X * Y).description == "x*y"
    large = dk.function(logistic(200, Construction(evaluate=False)))
    assert large.description.startswith("v1 = ")
    assert len(repr(large)) < 1000
