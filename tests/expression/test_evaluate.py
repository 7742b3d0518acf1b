"""SymPy expressions as NumPy functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings

import diffkit as dk
from diffkit.errors import UnsupportedError
from diffkit.expression import dag, differentiate, evaluator
from diffkit.expression.construct import Construction, raw
from diffkit.expression.evaluate import Line, _Lowering

from .random_expressions import EXPRESSIONS, HALF, POINTS, X, Y
from .test_derivative import FUNCTIONS, VALUED, arguments_of


def value(expr: Any, **values: float) -> Any:
    symbols = [sympy.Symbol(name, real=True) for name in values]
    return evaluator([expr], symbols)(*values.values())[0]


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, POINTS)
def test_values_agree_with_those_of_sympy(expr: Any, xy: Any) -> None:
    assume(dag([expr]).small()[-1])
    assume(not expr.has(sympy.floor, sympy.sign, sympy.Heaviside))  # which magnify a rounding
    exact = sympy.N(expr.subs(dict(zip((X, Y), map(sympy.Rational, xy), strict=True))), 25)
    assume(exact.is_Number and exact.is_finite)
    found = evaluator([expr], [X, Y])(*map(float, xy))[0]
    assert float(found) == pytest.approx(float(exact), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("head", FUNCTIONS, ids=lambda f: f.__name__)
def test_each_function_has_its_values(head: Any) -> None:
    numbers = arguments_of(head)
    exact = [sympy.nsimplify(n) if not isinstance(n, tuple) else n for n in numbers]
    wanted = complex(sympy.N(VALUED.get(head.__name__, head)(*exact), 20))
    of_x = head(*exact[:-1], X)
    assert complex(value(of_x, x=float(numbers[-1]))) == pytest.approx(wanted, rel=1e-13)


def test_constants_are_rounded_once() -> None:
    """1/3 + pi - e and sqrt(2) sqrt(3), which arithmetic on doubles rounds twice or more."""
    for constant in (sympy.Rational(1, 3) + sympy.pi - sympy.E, sympy.sqrt(6), sympy.exp(-20)):
        assert value(constant + 0 * X, x=1.0) == float(constant.evalf(40))
        product = raw(sympy.Mul, [raw(sympy.Add, [constant, sympy.S.One]), X])
        assert value(product, x=1.0) == float((constant + 1).evalf(40))
    assert value(2 * sympy.pi * sympy.sqrt(3) * X / 7, x=1.0) == float(
        (2 * sympy.pi * sympy.sqrt(3) / 7).evalf(40)
    )


def test_a_quotient_is_divided_once() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1, 10, (2, 200))
    np.testing.assert_array_equal(evaluator([X / Y], [X, Y])(x, y)[0], x / y)
    np.testing.assert_array_equal(evaluator([X / 3], [X])(x)[0], x / 3)
    np.testing.assert_array_equal(evaluator([X - Y], [X, Y])(x, y)[0], x - y)
    np.testing.assert_array_equal(evaluator([-X / sympy.sqrt(Y)], [X, Y])(x, y)[0], -x / np.sqrt(y))


def test_third_roots_are_real() -> None:
    (d,) = differentiate([sympy.cbrt(X)], X)
    assert evaluator([sympy.cbrt(X), d], [X])(-8.0) == pytest.approx([-2.0, 1 / 12], rel=1e-15)


def test_numbers_behave_as_those_of_numpy() -> None:
    with np.errstate(divide="ignore"):
        assert value(1 / X, x=0.0) == np.inf


def test_conditions_and_pieces() -> None:
    f = sympy.Piecewise((X**2, X > 1), (-X, sympy.And(X < -1, X > -5)), (0, True))
    np.testing.assert_array_equal(
        evaluator([f], [X])(np.array([2.0, 0.0, -2.0, -7.0]))[0], [4.0, 0.0, 2.0, 0.0]
    )
    assert np.isnan(value(sympy.Piecewise((X, X > 1)), x=0.0))
    holds = evaluator([sympy.Xor(X > 1, Y > 1), sympy.Ne(X, Y), sympy.Not(X > 1)], [X, Y])(2.0, 0.5)
    assert list(map(bool, holds)) == [True, True, False]


def test_pieces_that_are_never_reached_are_left_out() -> None:
    pair = sympy.functions.elementary.piecewise.ExprCondPair
    pairs = [pair(X, sympy.false), pair(Y, sympy.true), pair(X * Y, X > 1)]
    assert Construction(evaluate=True)(sympy.Piecewise, pairs) is Y
    both = [pair(sympy.S.Zero, X > 1), pair(sympy.S.Zero, sympy.true)]
    assert Construction(evaluate=False)(sympy.Piecewise, both) is sympy.S.Zero


def test_a_constant_whose_imaginary_part_cancels_is_real() -> None:
    angle = sympy.atan2(HALF, 3 + sympy.elliptic_k(sympy.Rational(2, 9)) ** 2)
    found = value(angle + X, x=0.0)
    assert isinstance(found, float)
    assert found == pytest.approx(float(sympy.re(angle.evalf(20))), rel=1e-15)


def test_dirac_delta_is_zero_but_at_zero() -> None:
    assert value(sympy.DiracDelta(X), x=0.5) == 0.0
    assert value(sympy.DiracDelta(X), x=0.0) == np.inf


def test_the_source_holds_no_name_and_no_number_of_the_expression() -> None:
    hostile = sympy.Symbol("__import__('os').abort()", real=True)
    other = sympy.Symbol("v0", real=True)
    expr = sympy.sin(hostile) * other + sympy.Float("123.456") * hostile**7
    assert evaluator([expr], [hostile, other])(0.5, 2.0)[0] == pytest.approx(
        2 * np.sin(0.5) + 123.456 * 0.5**7, rel=1e-15
    )
    lowering = _Lowering(dag([expr]), [hostile, other])
    source = "\n".join(lowering.line._source([lowering.at[-1]], {}))
    assert "import" not in source
    assert "123" not in source


def test_names_of_values_are_used_again() -> None:
    """A chain of a thousand operations holds two or three arrays at a time, and not a thousand."""
    line = Line(1)
    at = 0
    for _ in range(1000):
        at = line.apply(np.sin, at)
    source = "\n".join(line._source([at], {}))
    assert "v2" not in source


def test_a_line_does_equal_operations_once_and_leaves_out_unused_ones() -> None:
    expr = raw(sympy.Add, [raw(sympy.sin, [X]), raw(sympy.Mul, [raw(sympy.sin, [X]), Y])])
    calls = []
    line = _Lowering(dag([expr]), [X, Y]).line
    line.apply("*", 0, 0)
    for k, (what, operands) in enumerate(line._steps):
        if what is np.sin:
            line._steps[k] = (lambda x: calls.append(x) or np.sin(x), operands)
    assert line.function([len(line._steps) - 2])(0.5, 2.0) == [3 * np.sin(0.5)]
    assert calls == [0.5]


def test_values_can_be_traced() -> None:
    f = dk.function(sympy.sin(X) * Y / (1 + X**2) + sympy.Max(X, Y))
    x = np.array([0.3, 0.7])
    assert dk.gradient(f, x) == pytest.approx(
        [0.7 * (np.cos(0.3) * 1.09 - 0.6 * np.sin(0.3)) / 1.09**2, np.sin(0.3) / 1.09 + 1],
        rel=1e-14,
    )


def test_constants_of_a_large_expression_are_evaluated_without_walking_its_tree() -> None:
    construct, c = Construction(evaluate=False), sympy.Rational(3, 10)
    exact = c
    for _ in range(60):
        c = construct.multiply([raw(sympy.Mul, [sympy.Integer(4), c]), raw(
            sympy.Add, [sympy.S.One, raw(sympy.Mul, [sympy.S.NegativeOne, c])])])  # fmt: skip
        exact = sympy.Float(4 * exact * (1 - exact), 60)
    # thirty digits, of which sixty doublings of an error leave ten
    assert value(raw(sympy.Add, [c, X]), x=0.0) == pytest.approx(float(exact), rel=1e-8)


def test_what_has_no_value_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="contains y, which is not among"):
        evaluator([X * Y], [X])
    with pytest.raises(UnsupportedError, match="no NumPy form of SymPy's g"):
        evaluator([sympy.Function("g")(X)], [X])
    with pytest.raises(UnsupportedError, match="no NumPy form of SymPy's meijerg"):
        evaluator([sympy.meijerg([1], [2], [3], [4], X)], [X])
    with pytest.raises(UnsupportedError, match="fractional order"):
        value(sympy.polygamma(sympy.Rational(1, 2), X), x=1.0)
