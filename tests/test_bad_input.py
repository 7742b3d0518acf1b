"""Bad input gives one error of a clear class, and a message that says what was given, what was
expected and what to do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit import errors
from diffkit.rules import RULES

from .supporting import BACKENDS, each_where_supported, everywhere

PAIR = np.array([1.0, 2.0])

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


def refused(error: type[Exception], match: str) -> Any:
    """Expect an error of diffkit of that class whose one-line message matches."""
    assert issubclass(error, errors.DiffkitError)
    return pytest.raises(error, match=match)


# Names


def test_an_unknown_backend_is_answered_with_the_nearest() -> None:
    with refused(errors.UnknownNameError, "unknown backend 'revers'; did you mean 'reverse'?"):
        dk.gradient(np.sum, PAIR, backend="revers")
    with refused(errors.UnknownNameError, "did you mean 'finite_difference'?"):
        dk.derivative(np.sin, 1.0, backend="finite_differences")


def test_an_unknown_backend_like_no_other_is_answered_with_all() -> None:
    with refused(errors.UnknownNameError, "known: .*finite_difference.*reverse.*symbolic"):
        dk.gradient(np.sum, PAIR, backend="qqq")


def test_an_unknown_name_is_a_key_error_without_quotes_around_it() -> None:
    with pytest.raises(KeyError) as caught:
        dk.backends()["revers"]
    assert str(caught.value).startswith("unknown backend")


@pytest.mark.parametrize("backend", [None, 3, dk.FiniteDifference, ["reverse"]])
def test_a_backend_is_a_name_or_a_backend(backend: Any) -> None:
    with pytest.raises(TypeError, match="backend must be a name or a configured backend"):
        dk.gradient(np.sum, PAIR, backend=backend)


# Shapes


@each_where_supported(["gradient", "hessian"])
def test_a_vector_where_a_number_is_due(operator: str, backend: str) -> None:
    with refused(errors.ShapeError, r"returns one number, but f\(x\) has shape \(2,\); use jacob"):
        getattr(dk, operator)(np.sin, PAIR, backend=backend)


@everywhere
def test_a_vector_of_one_is_no_number(backend: str) -> None:
    with refused(errors.ShapeError, r"f\(x\) has shape \(1,\)"):
        dk.gradient(lambda x: x**2, np.array([2.0]), backend=backend)


@everywhere
@pytest.mark.parametrize("v", [1.0, np.ones(3), np.ones((1, 2)), np.ones((2, 1))])
def test_a_tangent_of_another_shape(v: Any, backend: str) -> None:
    with refused(errors.ShapeError, r"v must have the shape of x, \(2,\), but has"):
        dk.jvp(np.sin, PAIR, v, backend=backend)
    with refused(errors.ShapeError, r"v must have the shape of x, \(2,\), but has"):
        dk.hvp(lambda x: np.sum(x**2), PAIR, v, backend=backend)


@everywhere
@pytest.mark.parametrize("u", [1.0, np.ones(2), np.ones((3, 1))])
def test_a_cotangent_of_another_shape(u: Any, backend: str) -> None:
    with refused(errors.ShapeError, r"u must have the shape of f\(x\), \(3,\), but has"):
        dk.vjp(lambda x: np.stack([x[0], x[1], x[0]]), PAIR, u, backend=backend)


@everywhere
def test_a_function_that_is_not_elementwise(backend: str) -> None:
    with refused(errors.ShapeError, r"elements of f\(x\) depend on other elements of x"):
        dk.derivative(np.cumsum, PAIR, backend=backend)
    with refused(errors.ShapeError, r"x has shape \(2,\) and f\(x\) has shape \(\)"):
        dk.derivative(np.sum, PAIR, backend=backend)


@everywhere
def test_a_second_derivative_takes_a_number(backend: str) -> None:
    with refused(errors.ShapeError, r"needs a number x, got shape \(2,\); use hessian"):
        dk.second_derivative(np.sin, PAIR, backend=backend)


@pytest.mark.parametrize("operator", [dk.derivative, dk.second_derivative])
def test_a_nest_where_a_number_is_due(operator: Any) -> None:
    with refused(errors.ShapeError, "needs a number or an array x, got a nest; use gradient"):
        operator(np.sin, [1.0, 2.0])


@pytest.mark.parametrize("argnums", [1, -2, 7, (0, 1), "x", 0.0, (0, None)])
def test_argnums_out_of_range(argnums: Any) -> None:
    with refused(errors.ShapeError, "argnums names argument .*, but f was given 1"):
        dk.gradient(np.sin, 1.0, argnums=argnums)


def test_argnums_that_name_an_argument_twice() -> None:
    for argnums in [(0, 0), (0, -2), (1, 0, -1)]:
        with refused(errors.ShapeError, "argnums .* more than once"):
            dk.gradient(lambda x, y: x * y, 1.0, 2.0, argnums=argnums)


def test_argnums_that_name_nothing() -> None:
    with refused(errors.ShapeError, r"argnums is \(\), which names no argument"):
        dk.gradient(np.sin, 1.0, argnums=())


# Nests


@pytest.mark.parametrize(
    ("v", "message"),
    [
        ((1.0, 2.0), "v must have the structure of x"),
        ({"a": 1.0}, "v must have the structure of x"),
        ({"a": 1.0, "c": PAIR}, "v must have the structure of x"),
        ({"a": 1.0, "b": [1.0, 2.0]}, "v must have the structure of x"),
        ({"a": 1.0, "b": np.ones(3)}, r"a leaf of v has shape \(3,\), not \(2,\)"),
        (PAIR, "v must have the structure of x"),
        (1.0, "v must have the structure of x"),
    ],
)
@everywhere
def test_a_tangent_of_another_structure(v: Any, message: str, backend: str) -> None:
    x = {"a": 1.0, "b": PAIR}
    with refused(errors.ShapeError, message):
        dk.jvp(lambda p: p["a"] * np.sum(p["b"]), x, v, backend=backend)


@pytest.mark.parametrize("x", [[], {}, (), [[], {}]])
@everywhere
def test_a_nest_without_numbers(x: Any, backend: str) -> None:
    with refused(errors.NonNumericError, "x holds no numbers"):
        dk.gradient(lambda p: 1.0, x, backend=backend)


@pytest.mark.parametrize("leaf", ["text", object(), {1, 2}, b"bytes", True])
@everywhere
def test_a_leaf_that_is_not_numeric(leaf: Any, backend: str) -> None:
    with refused(errors.NonNumericError, "a leaf of x must be made of real or complex numbers"):
        dk.gradient(lambda p: p[0], (1.0, leaf), backend=backend)


# Points and results that are not numeric


@pytest.mark.parametrize("x", ["1.0", None, object(), True, np.array(["a"]), np.array([None])])
@everywhere
def test_a_point_that_is_not_numeric(x: Any, backend: str) -> None:
    with refused(errors.NonNumericError, "x must be made of real or complex numbers, got"):
        dk.gradient(lambda x: x, x, backend=backend)


@pytest.mark.parametrize("result", ["1.0", None, object(), True, {"a": 1.0}, [1.0, "b"], {1.0}])
@pytest.mark.parametrize("operator", [dk.derivative, dk.gradient, dk.jacobian])
@everywhere
def test_a_result_that_is_not_numeric(result: Any, operator: Any, backend: str) -> None:
    with refused(errors.NonNumericError, "the (result of the )?function"):
        operator(lambda x: result, 1.0, backend=backend)


@everywhere
def test_a_ragged_result(backend: str) -> None:
    with refused(errors.DiffkitError, "the function returned"):
        dk.jacobian(lambda x: [[1.0, 2.0], [3.0]], 1.0, backend=backend)
    with refused(errors.DiffkitError, "the function returned"):
        dk.jacobian(lambda x: [[x, x], [x]], 1.0, backend=backend)


@everywhere
def test_a_forgotten_return_is_guessed(backend: str) -> None:
    def f(x: Any) -> None:
        np.sum(x)

    with refused(errors.NonNumericError, "is a `return` missing"):
        dk.gradient(f, PAIR, backend=backend)


@pytest.mark.parametrize("f", [3.0, "exp(x)", None, PAIR])
def test_a_function_that_is_none(f: Any) -> None:
    with pytest.raises(TypeError, match=r"f must be callable, got .*; see diffkit\.function"):
        dk.gradient(f, PAIR)


@pytest.mark.parametrize("obj", [3.0, b"exp(x)", None])
def test_what_is_no_function_is_not_wrapped(obj: Any) -> None:
    with refused(
        errors.NonNumericError, "a function is a callable, a SymPy expression or text, got"
    ):
        dk.function(obj)


# Points and values that are not finite

NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("bad", NOT_FINITE)
@everywhere
def test_a_point_that_is_not_finite(bad: float, backend: str) -> None:
    with refused(errors.NonFiniteError, "the point is not finite: x = "):
        dk.derivative(lambda x: 2.0 * x, bad, backend=backend)
    with refused(errors.NonFiniteError, "the point is not finite"):
        dk.gradient(np.sum, np.array([1.0, bad]), backend=backend)
    with refused(errors.NonFiniteError, "the point is not finite"):
        dk.gradient(lambda p: p[0] * np.sum(p[1]), (1.0, np.array([bad, 2.0])), backend=backend)


@pytest.mark.parametrize("bad", NOT_FINITE)
@everywhere
def test_a_point_that_is_not_finite_is_refused_though_the_value_is(
    bad: float, backend: str
) -> None:
    with refused(errors.NonFiniteError, "the point is not finite"):
        dk.derivative(np.tanh if np.isinf(bad) else lambda x: 1.0, bad, backend=backend)
    with refused(errors.NonFiniteError, "the point is not finite"):
        dk.gradient(lambda x: x[0], np.array([1.0, bad]), backend=backend)


@pytest.mark.parametrize("bad", NOT_FINITE)
@everywhere
def test_a_vector_that_is_not_finite(bad: float, backend: str) -> None:
    with refused(errors.NonFiniteError, "v is not finite"):
        dk.jvp(np.sin, PAIR, np.array([1.0, bad]), backend=backend)
    with refused(errors.NonFiniteError, "v is not finite"):
        dk.jvp(lambda p: p[0] * np.sum(p[1]), (1.0, PAIR), (1.0, np.array([bad, 1.0])),
               backend=backend)  # fmt: skip
    with refused(errors.NonFiniteError, "u is not finite"):
        dk.vjp(np.sin, PAIR, np.array([1.0, bad]), backend=backend)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.log, -1.0),
        (np.log, 0.0),
        (np.sqrt, -1e-3),
        (lambda x: 1.0 / x, 0.0),
        (lambda x: x**0.5, -2.0),
        (np.arcsin, 1.5),
        (np.exp, 1e4),
        (lambda x: math.nan, 1.0),
    ],
    ids=["log", "log 0", "sqrt", "pole", "power", "arcsin", "overflow", "NaN"],
)
@each_where_supported(["derivative", "gradient", "second_derivative", "hessian"])
def test_a_point_outside_the_domain(f: Any, x: float, operator: str, backend: str) -> None:
    with refused(errors.DomainError, r"is not finite at x = .*choose a point inside the domain"):
        getattr(dk, operator)(f, x, backend=backend)


@everywhere
def test_one_element_outside_the_domain(backend: str) -> None:
    with refused(errors.DomainError, r"f\(x\) = .*nan.* is not finite"):
        dk.jacobian(np.log, np.array([1.0, -1.0]), backend=backend)


def test_a_stencil_that_reaches_outside_the_domain_says_what_to_do() -> None:
    with refused(errors.DomainError, "the stencil reaches outside: use a smaller step, or kind="):
        dk.derivative(np.log, 1e-8, backend=dk.FiniteDifference(order=2))
    for backend in (dk.FiniteDifference(step=1e-12), dk.FiniteDifference(order=1, step=1e-12)):
        assert dk.derivative(np.log, 1e-8, backend=backend) == pytest.approx(1e8, rel=1e-3)


# Configuration


@pytest.mark.parametrize(
    "options",
    [
        {"order": 0},
        {"order": -2},
        {"order": 3, "kind": "central"},
        {"order": 1.5},
        {"step": 0.0},
        {"step": -1e-3},
        {"step": math.nan},
        {"step": math.inf},
        {"kind": "sideways"},
    ],
)
def test_differences_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"order|step|kind"):
        dk.FiniteDifference(**options)


def test_a_step_that_vanishes_beside_x() -> None:
    with pytest.raises(ValueError, match="vanishes beside x"):
        dk.derivative(np.sin, 1e6, backend=dk.FiniteDifference(step=1e-12))


# Conversions that would lose the derivative


@pytest.mark.parametrize("backend", ["forward", "reverse", "symbolic"])
@pytest.mark.parametrize(
    ("f", "hint"),
    [
        (lambda x: math.sin(x[0]), r"use np\.sin for math\.sin"),
        (lambda x: float(x[0]), r"float\(\)"),
        (lambda x: int(x[0]) * x[1], "whole number"),
        (lambda x: [1.0, 2.0][x[0]], "indices are not differentiated"),
    ],
    ids=["math", "float", "int", "index"],
)
def test_conversions_that_lose_the_derivative(f: Any, hint: str, backend: str) -> None:
    with refused(errors.TracerConversionError, hint):
        dk.gradient(f, PAIR, backend=backend)


@everywhere
def test_a_branch_on_many_elements(backend: str) -> None:
    with pytest.raises((ValueError, TypeError), match=r"is ambiguous.*\.any\(\)"):
        dk.gradient(lambda x: x[0] if x > 0 else x[1], PAIR, backend=backend)


def filled(x: Any) -> Any:
    out = np.zeros(2)
    out[0] = 3.0 * x[0]
    return out


@pytest.mark.parametrize("backend", ["forward", "reverse", "symbolic"])
@pytest.mark.parametrize(
    "f",
    [
        filled,
        lambda x: np.array([x[0], 2.0 * x[1]]),
        lambda x: np.sum(np.array([x[0], 2.0 * x[1]])),
        lambda x: np.asarray(x) ** 2,
        lambda x: np.sum(np.exp(np.asarray(x))),
        lambda x: np.array(x) @ x,
        lambda x: np.float64(x[0]),
        lambda x: np.full(2, x[0]),
        lambda x: np.array([x[0]], dtype=float),
        lambda x: x.item(0) if hasattr(x, "item") else x[0],
    ],
    ids=["filled", "list", "sum", "asarray", "exp", "array", "float64", "full", "dtype", "item"],
)
def test_arrays_made_of_traced_values_never_lose_the_derivative(f: Any, backend: str) -> None:
    """A refusal will do, the right answer is better, and zero would be silent and wrong."""
    try:
        found = dk.jacobian(f, PAIR, backend=backend)
    except errors.DiffkitError:
        return
    except ValueError as error:
        if not isinstance(error.__cause__, errors.TracerConversionError):
            raise
        return  # NumPy has put an error of its own around the refusal
    expected = dk.jacobian(f, PAIR, backend="finite_difference")
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("backend", ["forward", "reverse", "symbolic"])
def test_a_function_without_a_rule_is_named(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, np.hypot)
    with refused(errors.MissingRuleError, r"numpy\.hypot has no .*backend='finite_difference'"):
        dk.gradient(lambda x: np.hypot(x[0], x[1]), PAIR, backend=backend)


def test_an_error_of_the_function_itself_comes_through() -> None:
    def f(x: Any) -> Any:
        raise LookupError("mine")

    for backend in BACKENDS:
        with pytest.raises(LookupError, match="mine"):
            dk.gradient(f, PAIR, backend=backend)
