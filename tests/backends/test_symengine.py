"""SymEngine: right or refused where rewriting costs digits or takes time without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import symengine
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit._backends.symbols import symengine_function
from diffkit.errors import UnsupportedError

X = np.array([1.0, 2.0])
HAS_MORE_DIGITS = np.finfo(np.longdouble).eps < np.finfo(float).eps


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def logistic(n: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        for _ in range(n):
            x = 4.0 * x * (1.0 - x)
        return x

    return f


def pendulum(n: int) -> Callable[[Any], Any]:
    def f(q: Any) -> Any:
        p = 0.0
        for _ in range(n):
            q, p = q + 0.01 * p, p - 0.01 * np.sin(q)
        return q

    return f


def newton(n: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        root = x
        for _ in range(n):
            root = (root + x / root) / 2
        return root

    return f


# Digits


@pytest.mark.parametrize("n", [10, 20, 30])
def test_the_logistic_map_is_as_right_as_rounding_allows(n: int) -> None:
    truth = float(dk.reference(logistic(n), 0.3, operator="derivative").value)
    found = dk.derivative(logistic(n), 0.3, backend="symengine")
    by_reverse = dk.derivative(logistic(n), 0.3)
    assert abs(found - truth) <= 10 * abs(by_reverse - truth) + 1e-12 * abs(truth)


@pytest.mark.parametrize("n", [40, 50, 60])
def test_the_logistic_map_is_refused_where_its_digits_are_lost(n: int) -> None:
    with pytest.raises(UnsupportedError, match=r"lose the digits of f|become too large"):
        dk.derivative(logistic(n), 0.3, backend="symengine")


HARD: list[tuple[Callable[[Any], Any], float]] = [
    (lambda x: (1 - np.cos(x)) / x**2, 1e-4),
    (lambda x: (np.exp(x) - 1) / x, 1e-9),
    (lambda x: (0.1 * (x - 1.0)) ** 2 + 5, 1 + 1e-10),
    (lambda x: np.log(0.3 * (x - 1.0)), 1 + 1e-14),
    (lambda x: (x + 1e8) - 1e8, 1e-3),
    (lambda x: ((x + 1e16) - 1e16) * x, 1.0),
    (lambda x: np.hypot(x, 1e-200), 1e-200),
    (lambda x: ((2 * x) ** 2 * 3) ** 5, 1e-3),
    (lambda x: np.tan(x), 1.5707963267),
    (np.log1p, 1e-18),
    (np.expm1, 1e-18),
    (lambda x: 1 / (1 + np.exp(-x)), 40.0),
    (lambda x: np.logaddexp(x, 0.0), -50.0),
]


@pytest.mark.parametrize("k", range(len(HARD)))
def test_where_digits_cancel_it_is_right_or_refused(k: int) -> None:
    f, x = HARD[k]
    truth = float(dk.reference(f, x, operator="derivative").value)
    try:
        found = dk.derivative(f, x, backend="symengine")
    except UnsupportedError:
        with pytest.raises(UnsupportedError, match="lose the digits"):
            dk.derivative(f, x, backend="symengine")
    else:
        assert found == pytest.approx(truth, rel=1e-6)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8), st.floats(0.1, 0.9))
@settings(max_examples=30, deadline=None)
def test_any_composition_is_right_or_refused(steps: list[str], x: float) -> None:
    parts: dict[str, Callable[[Any], Any]] = {
        "a": lambda x: 3.9 * x * (1.0 - x), "b": np.sin, "c": lambda x: np.exp(-x),
        "d": lambda x: (x - 0.3) * 0.1 + 0.03, "e": lambda x: 1 / (1 + x * x), "f": np.sqrt,
    }  # fmt: skip

    def f(x: Any) -> Any:
        for step in steps:
            x = parts[step](np.abs(x))
        return x

    truth = dk.derivative(f, x)
    try:
        found = dk.derivative(f, x, backend="symengine")
    except UnsupportedError:
        return
    assert found == pytest.approx(truth, rel=1e-6, abs=1e-9)


def test_digits_that_are_lost_at_a_later_point_are_noticed() -> None:
    """At 0, a fixed point, nothing is lost."""
    g = dk.prepare(dk.derivative, logistic(40), 0.0, backend="symengine")
    assert g.plan.name == "symengine"
    close(g(0.0), 4.0**40)
    if HAS_MORE_DIGITS and symengine.have_llvm_long_double:
        with pytest.raises(UnsupportedError, match="lose the digits"):
            g(0.3)


def test_at_a_minimum_nothing_is_lost() -> None:
    """The derivative is 0 there, and rounding errors are all that there is of it."""
    f = lambda x: 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2  # noqa: E731
    near = np.array([1.0 + 1e-12, 1.0 - 1e-12])
    found = dk.gradient(f, near, backend="symengine")
    np.testing.assert_allclose(found, dk.gradient(f, near), atol=1e-12)
    close(dk.gradient(f, np.ones(2), backend="symengine"), [0, 0])


def test_a_wrong_expression_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = symengine_function._lambdified

    def spoilt(*args: Any, **how: Any) -> Any:
        return lambda inputs: 1.00001 * evaluate(*args, **how)(inputs)

    monkeypatch.setattr(symengine_function, "_lambdified", spoilt)
    with pytest.raises(UnsupportedError, match=r"lose the digits of f\(x\)"):
        dk.gradient(lambda x: np.sum(x**2), X, backend="symengine")


@pytest.mark.parametrize("missing", ["have_llvm", "have_llvm_long_double"])
def test_it_works_without_llvm(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symengine, missing, False)
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    g = dk.prepare(dk.gradient, f, X, backend="symengine")
    close(g(X + 1), dk.gradient(f, X + 1))


# Sizes


@pytest.mark.parametrize(
    ("operator", "f", "x"),
    [
        ("derivative", pendulum(400), 0.5),
        ("derivative", logistic(1000), 0.3),
        ("gradient", lambda x: np.sum(np.sin(x)), np.ones(100_000)),
        ("gradient", lambda a: np.sum(a @ a), np.ones((100, 100))),
        ("second_derivative", logistic(40), 0.3),
        ("second_derivative", pendulum(60), 0.5),
        ("second_derivative", newton(40), 2.0),
        ("gradient", lambda x: logistic(30)(np.sum(x)), np.ones(3) / 10),
        ("jacobian", lambda x: np.stack([newton(n)(x) for n in range(30, 40)]), 2.0),
        ("hvp", lambda x: newton(40)(x[0] * x[1]), X),
        ("gradient", np.linalg.det, np.eye(8) + 0.1),
    ],
)
def test_what_is_too_large_is_refused_soon(operator: str, f: Any, x: Any) -> None:
    """Without the limits each of these takes minutes, or memory without end."""
    apply: Any = getattr(dk, operator)
    with pytest.raises(UnsupportedError, match=r"too large|operations on numbers|4 by 4"):
        apply(f, x, *([X] if operator == "hvp" else []), backend="symengine")


def test_what_is_large_but_sparse_is_not() -> None:
    f = lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)  # noqa: E731
    x = np.linspace(-1, 1, 100)
    close(dk.gradient(f, x, backend="symengine"), dk.gradient(f, x))
    close(dk.hessian(f, x, backend="symengine"), dk.hessian(f, x))


# Kinks and steps, which SymEngine does not differentiate itself


@pytest.mark.parametrize(
    ("f", "x", "due"),
    [
        (lambda x: np.sum(np.floor(x * 2) * x), np.array([1.3, 2.6]), [2, 5]),
        (lambda x: np.sum(np.remainder(x, 0.7) ** 2), np.array([1.3, -2.6]), [1.2, 0.4]),
        (lambda x: np.sum(np.sign(x) * x), np.array([-1.0, 2.0]), [-1, 1]),
        (lambda x: np.sum(np.abs(x)), np.array([-1.0, 0.0]), [-1, 0]),
        (np.max, np.array([1.0, 1.0, 1.0, 0.0]), [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda x: np.maximum(x[0], x[1]), np.ones(2), [0.5, 0.5]),
        (lambda x: np.sum(np.where(x > 0, x**2, -x)), np.array([-1.0, 2.0]), [-1, 4]),
        (lambda x: np.sum(np.trunc(x) * x), np.array([-1.5, 2.5]), [-1, 2]),
        (np.linalg.norm, np.zeros(3), [0, 0, 0]),
    ],
)
def test_kinks_and_steps(f: Any, x: Any, due: Any) -> None:
    close(dk.gradient(f, x, backend="symengine"), due)
    close(dk.prepare(dk.gradient, f, x, backend="symengine")(x), due)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: np.sort(x)[0], "symengine has no argsort"),
        (lambda x: np.sum(np.abs(np.exp(1j * x))), "no complex numbers"),
        (lambda x: np.linalg.eigvalsh(np.outer(x, x))[0], "symengine has no eigh"),
    ],
)
def test_what_symengine_lacks_is_named(f: Any, what: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"{what}.*use backend='reverse'"):
        dk.gradient(f, X, backend="symengine")


def test_functions_whose_derivatives_have_no_numbers_are_refused() -> None:
    """The derivative of gamma is made of a polygamma function, of which SymEngine has no value."""
    from scipy.special import gamma

    with pytest.raises(UnsupportedError, match="has no numbers"):
        dk.derivative(gamma, 1.5, backend="symengine")


# Functions that were written in SymEngine


@pytest.mark.parametrize(
    ("operator", "f", "x", "due"),
    [
        ("gradient", lambda x: symengine.sin(x[0]) * x[1], X, [2 * np.cos(1), np.sin(1)]),
        ("derivative", symengine.sin, 1.0, np.cos(1)),
        ("second_derivative", lambda x: symengine.exp(2 * x), 0.5, 4 * np.e),
        ("jacobian", lambda x: [x[0] * x[1], symengine.sqrt(x[0])], X, [[2, 1], [0.5, 0]]),
        ("derivative", lambda x: symengine.diff(x**3, x), 2.0, 12.0),
        ("derivative", lambda x: x * symengine.pi, 2.0, np.pi),
        ("gradient", lambda a: symengine.DenseMatrix(2, 2, a.ravel()).det(), np.eye(2), np.eye(2)),
    ],
)
def test_functions_of_its_own(operator: str, f: Any, x: Any, due: Any) -> None:
    apply: Any = getattr(dk, operator)
    close(apply(f, x, backend="symengine"), due)
    close(dk.prepare(apply, f, x, backend="symengine")(x), due)


def test_symbols_of_the_users_own_stay_unknown() -> None:
    with pytest.raises(Exception, match=r"(?i)symbol|no numbers"):
        dk.derivative(lambda x: symengine.sin(x) * symengine.Symbol("x0_0"), 1.0,
                      backend=dk.SymEngine(functions="library"))  # fmt: skip
