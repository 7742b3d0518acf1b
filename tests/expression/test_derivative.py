"""Derivatives of SymPy expressions: those of ``sympy.diff``, without its swell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sympy.core.cache import clear_cache

from diffkit.errors import UnsupportedError
from diffkit.expression import count_operations, dag, differentiate, evaluator, jacobian
from diffkit.expression.construct import Construction, raw
from diffkit.expression.evaluate import known_functions

from .random_expressions import EXPRESSIONS, POINTS, X, Y

UNEVALUATED = Construction(evaluate=False)
STEPS = (sympy.DiracDelta, sympy.Derivative, sympy.Subs)


def at(expr: Any, point: dict[Any, Any]) -> Any:
    """The value of a small expression to 25 digits."""
    return sympy.N(expr.subs(point), 25)


def without_deltas(expr: Any) -> Any:
    """Dirac's deltas, and what SymPy has for slopes of steps, replaced by 0."""
    return expr.replace(lambda e: isinstance(e, STEPS), lambda e: sympy.S.Zero)


def logistic(n: int, construct: Any = None) -> Any:
    """The logistic map l_{k+1} = 4 l_k (1 - l_k), as Baydin et al. (2018) have it."""
    value = X
    for _ in range(n - 1):
        if construct is None:
            value = 4 * value * (1 - value)
        else:
            rest = construct.add([sympy.S.One, construct.multiply([sympy.S.NegativeOne, value])])
            value = construct.multiply([construct.multiply([sympy.Integer(4), value]), rest])
    return value


# Agreement


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, POINTS, st.booleans())
@example(X**X, (1, 0), True)
@example(sympy.Max(X, Y, X * Y), (1, 2), False)
def test_derivatives_agree_with_those_of_sympy(expr: Any, xy: Any, evaluate: bool) -> None:
    assume(dag([expr]).small()[-1])
    (ours,) = differentiate([expr], X, evaluate=evaluate)
    theirs = without_deltas(sympy.diff(expr, X))
    point = dict(zip((X, Y), map(sympy.Rational, xy), strict=True))
    a, b = at(ours, point), at(theirs, point)
    assume(b.is_Number and b.is_finite)
    assume(evaluate or a.is_finite)  # SymPy cancels x * (sin(x) / x) at 0
    assert abs(a - b) <= (1e-12 if expr.has(sympy.Float) else 1e-18) * max(1, abs(b))


# A place inside the domain of each function, and the arguments in which SymPy has no derivative.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "acosh": (1.7,), "asec": (1.7,), "acsc": (1.7,), "acoth": (1.7,), "zeta": (2.5, 0.75),
    "betainc_regularized": (1.5, 0.75, 0.125, 0.375), "polygamma": (2, 0.75), "expint": (2, 0.75),
    "chebyshevt": (3, 0.375), "chebyshevu": (3, 0.375), "legendre": (3, 0.375),
    "hermite": (3, 0.375), "hermite_prob": (3, 0.375), "laguerre": (3, 0.375),
    "assoc_laguerre": (3, 0.75, 0.375), "gegenbauer": (3, 0.75, 0.375),
    "jacobi": (3, 0.75, 0.5, 0.375), "RisingFactorial": (1.5, 2.5), "erfcinv": (0.75,),
    "hyper": ((0.5,), (1.5,), 0.375),
}  # fmt: skip
WITHOUT = {
    "polygamma": {0}, "zeta": {0}, "lowergamma": {0}, "uppergamma": {0}, "expint": {0},
    "betainc_regularized": {0, 1}, "besselj": {0}, "bessely": {0}, "besseli": {0}, "besselk": {0},
    "hankel1": {0}, "hankel2": {0}, "chebyshevt": {0}, "chebyshevu": {0}, "legendre": {0},
    "hermite": {0}, "hermite_prob": {0}, "laguerre": {0}, "assoc_laguerre": {0, 1},
    "gegenbauer": {0, 1}, "jacobi": {0, 1, 2}, "hyper": {0, 1}, "DiracDelta": {0},
}  # fmt: skip
# What SymPy does not evaluate, by what it does.
VALUED = {"erfcinv": lambda x: sympy.erfinv(1 - x)}
NOT_OF_NUMBERS = {"And", "Or", "Xor", "Not", "Equality", "Unequality", "ITE", "StrictGreaterThan",
                  "GreaterThan", "StrictLessThan", "LessThan"}  # fmt: skip
FUNCTIONS = sorted(
    (f for f in known_functions() if f.__name__ not in NOT_OF_NUMBERS), key=lambda f: f.__name__
)


def arguments_of(head: Any) -> tuple[Any, ...]:
    """Numbers at which the function is smooth, from which it gets the number it takes."""
    if head.__name__ in ARGUMENTS:
        return ARGUMENTS[head.__name__]
    for given_ in ((0.375,), (1.25, 0.375), (2.0, 1.25, 0.375)):
        try:
            if isinstance(head(*[sympy.Dummy() for _ in given_]), sympy.Basic):
                return given_
        except (TypeError, ValueError):
            continue
    raise AssertionError(f"no arguments for {head}")


@pytest.mark.parametrize("head", FUNCTIONS, ids=lambda f: f.__name__)
def test_each_function_has_the_derivatives_that_sympy_gives_it(head: Any) -> None:
    """Central differences of SymPy's own values at 40 digits tell what is right."""
    numbers = arguments_of(head)
    numbers = tuple(sympy.nsimplify(n) if not isinstance(n, tuple) else n for n in numbers)
    h = sympy.Rational(1, 10**12)
    for k, place in enumerate(numbers):
        if k in WITHOUT.get(head.__name__, ()):
            if not isinstance(place, tuple) and head is not sympy.DiracDelta:
                with pytest.raises(UnsupportedError, match="has no derivative of"):
                    differentiate([raw(head, [*numbers[:k], X, *numbers[k + 1 :]])], X)
            continue
        of = lambda t, k=k: head(*numbers[:k], t, *numbers[k + 1 :])  # noqa: E731
        known = VALUED.get(head.__name__, head)
        values = [
            sympy.N(known(*numbers[:k], place + s * h, *numbers[k + 1 :]), 40) for s in (-1, 1)
        ]
        slope = complex((values[1] - values[0]) / (2 * h))
        for evaluate in (True, False):
            (d,) = differentiate([of(X)], X, evaluate=evaluate)
            found = complex(evaluator([d], [X])(float(place))[0])
            assert found == pytest.approx(slope, rel=1e-10, abs=1e-14), (head, k, evaluate)


@pytest.mark.parametrize("evaluate", [True, False])
def test_steps_have_the_derivative_zero(evaluate: bool) -> None:
    steps = [sympy.sign(X), sympy.floor(X), sympy.ceiling(X), sympy.Heaviside(X)]
    assert differentiate(steps, X, evaluate=evaluate) == [0, 0, 0, 0]


def test_a_modulus_and_an_angle_of_a_complex_expression() -> None:
    """|exp(ix) + 2| is sqrt(5 + 4 cos x), and the angle of (1 + ix)^2 is 2 atan x."""
    u = sympy.exp(sympy.I * X) + 2
    modulus, angle = differentiate([sympy.Abs(u), sympy.arg((1 + sympy.I * X) ** 2)], X)
    values = evaluator([modulus, angle], [X])(0.5)
    assert values[0] == pytest.approx(-2 * np.sin(0.5) / np.sqrt(5 + 4 * np.cos(0.5)), rel=1e-14)
    assert values[1] == pytest.approx(2 / (1 + 0.25), rel=1e-14)


def test_small_derivatives_are_the_very_expressions_of_sympy() -> None:
    for expr in (
        X**3 + 2 * X, sympy.sin(X) * sympy.exp(X) / X, sympy.log(1 + X**2), sympy.exp(X * Y) * X,
        sympy.sqrt(X**2 + Y**2), X / (1 + X), 1 / (1 + sympy.exp(-X)), sympy.atan2(X, Y),
    ):  # fmt: skip
        assert differentiate([expr], X) == [sympy.diff(expr, X)]


# Refusals


@pytest.mark.parametrize(
    "expr",
    [
        sympy.Integral(sympy.exp(-(X**2)), (X, 0, X)),
        sympy.Integral(sympy.exp(-(Y**2)), (Y, 0, X)),
        sympy.Derivative(sympy.sin(X), X),
        sympy.Sum(X ** sympy.Symbol("k"), (sympy.Symbol("k"), 0, 9)),
        sympy.Limit(sympy.sin(Y * X) / Y, Y, 0),
    ],
    ids=str,
)
def test_operators_are_refused_with_what_to_do(expr: Any) -> None:
    with pytest.raises(UnsupportedError, match=rf"{type(expr).__name__} is not .*\.doit\(\)"):
        differentiate([X * expr], X)


def test_unknown_functions_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="SymPy has no derivative of g"):
        differentiate([sympy.Function("g")(X)], X)


# Sharing


def test_the_tree_of_the_logistic_map_is_counted_exactly() -> None:
    """621,696,516,098 nodes for n = 30, as counted on the result of ``sympy.diff`` up to n = 14
    and continued by its recurrence."""
    counts = [
        count_operations(*differentiate([logistic(n)], X), cse=False).tree_nodes for n in (8, 30)
    ]
    theirs = sum(1 for _ in sympy.preorder_traversal(sympy.diff(logistic(8), X)))
    assert counts == [theirs, 621_696_516_098]


def test_an_unevaluated_derivative_takes_a_few_operations_for_each_of_the_function() -> None:
    """For l = 4 l (1 - l): two products and a sum more than the three operations of each step."""
    sizes = []
    for n in (10, 20, 1000):
        f = logistic(n, UNEVALUATED)
        sizes.append(count_operations(f, *differentiate([f], X, evaluate=False), cse=False).dag)
    assert sizes[1] - sizes[0] == 10 * (sizes[2] - sizes[1]) // 980
    assert sizes[2] < 10 * 1000


@pytest.mark.parametrize("n", [1000, 3000])
def test_deep_expressions_hit_no_limit(n: int) -> None:
    chain, value, slope = X, 0.3, 1.0
    for _ in range(n):
        chain = UNEVALUATED(sympy.sin, [chain])
        slope *= np.cos(value)
        value = np.sin(value)
    (d,) = differentiate([chain], X, evaluate=False)
    assert evaluator([d, chain], [X])(0.3) == pytest.approx([slope, value], rel=1e-12)
    (second,) = differentiate([d], X, evaluate=False)
    assert np.isfinite(evaluator([second], [X])(0.3)[0])


def test_equal_expressions_that_were_built_apart_are_one() -> None:
    """Comparing them as trees would take 2**400 steps."""
    one = logistic(400, UNEVALUATED)
    clear_cache()
    other = logistic(400, Construction(evaluate=False))
    assert one is not other
    assert len(dag([one, other]).nodes) == len(dag([one]).nodes)
    assert len(dag(differentiate([one, other], X, evaluate=False)).nodes) == len(
        dag(differentiate([one], X, evaluate=False)).nodes
    )
    assert len(dag(differentiate([logistic(30), logistic(30)], X)).nodes) == 611


def test_functions_are_differentiated_once_for_all_symbols_and_expressions() -> None:
    shared = sympy.sin(X * Y)
    rows = jacobian([shared**2, sympy.exp(shared)], [X, Y], evaluate=False)
    nodes = dag([d for row in rows for d in row.values()]).nodes
    assert sum(isinstance(node, sympy.cos) for node in nodes) == 1
    assert [sorted(row) for row in rows] == [[0, 1], [0, 1]]


def test_a_symbol_that_does_not_occur_is_left_out() -> None:
    z = sympy.Symbol("z")
    assert jacobian([X**2, Y], [X, Y, z]) == [{0: 2 * X}, {1: 1}]
    assert differentiate([X**2], z) == [0]


@settings(max_examples=50, deadline=None)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=3), POINTS)
def test_a_jacobian_is_the_derivatives_one_by_one(exprs: list[Any], xy: Any) -> None:
    point = [float(v) for v in xy]
    for evaluate in (True, False):
        rows = jacobian(exprs, [X, Y], evaluate=evaluate)
        for k, symbol in enumerate((X, Y)):
            alone = [differentiate([e], symbol, evaluate=evaluate)[0] for e in exprs]
            together = [row.get(k, sympy.S.Zero) for row in rows]
            with np.errstate(all="ignore"):
                a, b = (evaluator(d, [X, Y])(*point) for d in (alone, together))
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
