"""Expressions as plain data, there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy
from hypothesis import given, settings

from diffkit.errors import UnsupportedError
from diffkit.expression import dag, differentiate
from diffkit.expression.child import diff
from diffkit.expression.construct import Construction, raw
from diffkit.expression.wire import decode, encode

from .random_expressions import EXPRESSIONS, X, Y


def sent(exprs: list[Any], symbols: list[Any]) -> list[Any]:
    """Through JSON, with the symbols made anew."""
    return decode(json.loads(json.dumps(encode(exprs, symbols))))[0]


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS)
def test_expressions_come_back_as_they_were(expr: Any) -> None:
    (back,) = sent([expr], [X, Y])
    assert back == expr
    assert sympy.srepr(back) == sympy.srepr(expr)


@pytest.mark.parametrize(
    "number",
    [sympy.Rational(-(10**5000) - 1, 3), sympy.Float(0.1), -sympy.Float("1e-400", 50), sympy.oo,
     -sympy.oo, sympy.nan, sympy.zoo, sympy.pi, sympy.E, sympy.I, sympy.EulerGamma, sympy.true,
     sympy.S.Half, sympy.Float(0)],
    ids=lambda n: type(n).__name__,
)  # fmt: skip
def test_numbers_are_exact(number: Any) -> None:
    (back,) = sent([number], [])
    assert type(back) is type(number)
    if not number.is_Float:
        assert back is number or back == number
    else:
        assert (back._mpf_, back._prec) == (number._mpf_, number._prec)


def test_assumptions_and_strange_names_are_kept() -> None:
    symbol = sympy.Symbol("a; import os", positive=True)
    (back,) = sent([symbol**2], [symbol])
    assert back == symbol**2
    assert next(iter(back.free_symbols)).is_positive


def test_nothing_is_evaluated_on_the_way() -> None:
    expr = raw(sympy.Add, [X, raw(sympy.Mul, [sympy.Integer(2), raw(sympy.Add, [X, X])])])
    assert sympy.srepr(sent([expr], [X])[0]) == sympy.srepr(expr)


def test_the_list_is_as_long_as_the_graph() -> None:
    value, construct = X, Construction(evaluate=False)
    for _ in range(2000):
        value = construct.multiply([value, construct.add([value, sympy.S.One])])
    wire = encode([value], [X])
    assert len(wire["nodes"]) == len(dag([value]).nodes) == 4002
    assert len(dag(sent([value], [X])).nodes) == 4002


@pytest.mark.parametrize(
    "expr", [sympy.Function("g")(X), sympy.Integral(X, X), sympy.FiniteSet(X, 1)],
    ids=["unknown", "operator", "set"],
)  # fmt: skip
def test_what_is_not_known_is_not_sent(expr: Any) -> None:
    with pytest.raises(UnsupportedError):
        encode([expr], [X, Y])


def test_names_are_looked_up_in_a_list_and_nowhere_else() -> None:
    for name in ("__import__", "sympify", "Lambda", "eval"):
        with pytest.raises(KeyError):
            decode({"nodes": [[name]], "roots": [0], "symbols": []})


def test_the_child_differentiates_as_sympy_does() -> None:
    exprs = [X**3 * Y, sympy.sin(X * Y)]
    reply = diff(encode(exprs, [X, Y]), [[0, 0], [1, 0, 1]], nodes=1000)
    found, _ = decode(json.loads(json.dumps(reply["derivatives"])), [X, Y])
    assert found == [sympy.diff(exprs[0], X), sympy.diff(exprs[1], X, Y)]
    assert differentiate([exprs[0]], X) == found[:1]


def test_the_child_counts_before_it_replies() -> None:
    reply = diff(encode([sympy.sin(X) ** 5], [X]), [[0, 0]], nodes=3)
    assert reply == {"nodes": 7}
