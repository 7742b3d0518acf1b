"""Nodes that SymPy does not evaluate, and templates of them."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from diffkit.errors import UnsupportedError
from diffkit.expression.construct import Construction, Template, evaluation_limited, raw

from .random_expressions import HALF, X, Y

UNEVALUATED = Construction(evaluate=False)
ZERO, ONE = sympy.S.Zero, sympy.S.One


@pytest.mark.parametrize(
    ("head", "args", "left"),
    [
        (sympy.Add, (X, ZERO), X),
        (sympy.Add, (ZERO, X), X),
        (sympy.Mul, (ONE, X), X),
        (sympy.Mul, (X, ZERO), ZERO),
        (sympy.Pow, (X, ONE), X),
        (sympy.Pow, (X, ZERO), ONE),
        (sympy.Pow, (ONE, X), ONE),
        (sympy.Add, (HALF, HALF), ONE),
        (sympy.Mul, (HALF, sympy.Integer(6)), sympy.Integer(3)),
        (sympy.Pow, (sympy.Integer(180), sympy.Integer(-1)), sympy.Rational(1, 180)),
    ],
)
def test_what_does_nothing_is_left_out(head: Any, args: tuple[Any, ...], left: Any) -> None:
    assert UNEVALUATED(head, args) is left or UNEVALUATED(head, args) == left
    assert head(*args) == left  # as SymPy has it


def test_nothing_else_is_done() -> None:
    for node in (
        UNEVALUATED(sympy.Add, (X, X)),
        UNEVALUATED(sympy.Mul, (sympy.Integer(2), raw(sympy.Add, (X, ONE)))),
        UNEVALUATED(sympy.Pow, (raw(sympy.Pow, (X, sympy.Integer(2))), HALF)),
        UNEVALUATED(sympy.Pow, (sympy.Integer(2), sympy.Integer(1000))),
        UNEVALUATED(sympy.sin, (sympy.pi,)),
        UNEVALUATED(sympy.Max, (X, X)),
    ):
        assert len(node.args) >= 1
        assert type(node)(*node.args) != node  # SymPy would do something


def test_raw_nodes_are_those_that_sympy_makes() -> None:
    for expr in (X + Y, X * Y, X**Y, sympy.sin(X), sympy.Max(X, Y), X > Y, sympy.And(X > 1, Y > 1)):
        node = raw(expr.func, expr.args)
        assert node == expr
        assert hash(node) == hash(expr)
        assert sympy.srepr(node) == sympy.srepr(expr)
        assert not hasattr(expr, "nargs") or node.nargs == expr.nargs
        assert node.subs(X, 2) == expr.subs(X, 2)


def test_sums_and_products_are_of_two_operands() -> None:
    total = UNEVALUATED.add([X, Y, ONE])
    assert total.args == (X + Y, ONE)
    assert Construction(evaluate=True).add([X, Y, ONE]).args == (1 + X + Y).args
    assert UNEVALUATED.multiply([X]) is X
    assert UNEVALUATED.add([]) is ZERO


def test_a_template_takes_arguments_in_the_order_of_its_places() -> None:
    a, b = sympy.symbols("a b")
    template = Template(a**2 / b + sympy.log(2), [a, b])
    assert template([X, Y], Construction(evaluate=True)) == X**2 / Y + sympy.log(2)
    assert Template(b, [a, b])([X, Y], UNEVALUATED) is Y
    assert Template(sympy.pi, [a])([X], UNEVALUATED) is sympy.pi


def test_what_sympy_cannot_recurse_into_has_an_error_of_its_own() -> None:
    with pytest.raises(UnsupportedError, match="evaluate=False"), evaluation_limited():
        raise RecursionError
