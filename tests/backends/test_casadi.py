"""CasADi: two kinds of symbols, functions of its own, and what must not go wrong in silence."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import casadi
import numpy as np
import pytest

import diffkit as dk
from diffkit._backends import casadi as adapter
from diffkit.errors import TracerConversionError, UnknownNameError, UnsupportedError
from diffkit.testing import check_backend

from .test_every_rule_elsewhere import cases, outcome

X = np.array([1.0, 2.0])
KINDS = ("SX", "MX")


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


# Two kinds of symbols


@pytest.mark.parametrize("symbols", KINDS)
def test_either_kind_of_symbols_conforms(symbols: str) -> None:
    report = check_backend(dk.CasADi(symbols=symbols))
    assert report.counts["unsupported"] == 0


@pytest.mark.parametrize("symbols", KINDS)
def test_either_kind_of_symbols_has_every_rule_right_or_refuses(symbols: str) -> None:
    outcomes: Counter[str] = Counter()
    with np.errstate(all="ignore"):
        for case in cases(of_each=1):
            outcomes[outcome(dk.CasADi(symbols=symbols), case)] += 1
    assert outcomes["right"] >= 200, outcomes


def kind_of(f: Callable[..., Any], x: Any) -> str:
    backend = dk.CasADi()
    program = backend.read(f, (x,)).program
    assert program is not None
    return backend._kind(program)


def iterated(x: Any) -> Any:
    for _ in range(200):
        x = 3.5 * x * (1.0 - x)
    return x


@pytest.mark.parametrize(
    ("f", "x", "kind"),
    [
        (iterated, 0.3, "SX"),
        (lambda x: np.sum(np.sin(x)), np.ones(20), "SX"),
        (lambda x: np.sum(np.sin(x)), np.ones(2000), "MX"),
        (np.linalg.det, np.eye(3), "SX"),
        (np.linalg.det, np.eye(8), "MX"),
    ],
)
def test_the_kind_of_symbols_goes_by_the_program(f: Any, x: Any, kind: str) -> None:
    assert kind_of(f, x) == kind


def test_a_kind_of_symbols_that_there_is_not() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'SX'"):
        dk.CasADi(symbols="SY")


def test_arrays_of_many_elements_and_axes() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 30, 40))
    w = rng.standard_normal((40, 5))

    def f(x: Any) -> Any:
        y = np.tanh(np.swapaxes(x, 0, 1) @ w) * np.linspace(0.5, 1, 5)
        return np.sum(np.max(y, axis=2) * y[:, :, 0]) + np.einsum("ijk,ijl->", x, x) * 1e-3

    close(dk.gradient(f, x, backend="casadi"), dk.gradient(f, x))


def test_a_million_numbers_take_no_million_symbols() -> None:
    x = np.linspace(-1, 1, 10**6)
    f = lambda x: np.sum(np.exp(-(x**2)) * np.sin(3.0 * x))  # noqa: E731
    close(dk.gradient(f, x, backend="casadi"), dk.gradient(f, x))


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedError, match="more than the 1000000 that are given to casadi"):
        dk.gradient(np.sum, np.ones(2_000_000), backend=dk.CasADi(symbols="SX"))
    monkeypatch.setitem(adapter.MOST, "MX", 100)
    with pytest.raises(UnsupportedError, match=r"600 operations, more than the 100"):
        dk.derivative(iterated, 0.3, backend=dk.CasADi(symbols="MX"))


# What CasADi must not get wrong silently


def test_functions_of_casadi_refuse_traced_values_and_do_not_crash() -> None:
    """In a process of its own: CasADi asks a traced number for its item without end, unless that is
    refused, until the process dies."""
    program = """
import casadi, numpy as np
from diffkit.tape import record
a = casadi.SX.sym("a")
F = casadi.Function("F", [a], [a])
calls = [casadi.sin, casadi.SX, casadi.DM, casadi.MX, casadi.sumsqr, casadi.norm_2, F,
         lambda x: casadi.vertcat(x, x), lambda x: casadi.fmax(x, 0.0),
         lambda x: casadi.mtimes(x, x), lambda x: casadi.sin(np.array([x, x]))]
refused = 0
def f(x):
    global refused
    for call in calls:
        try:
            print("silent:", call(x))
        except (NotImplementedError, TypeError):
            refused += 1
    return np.sum(x)
for x in (1.0, np.ones(1), np.ones(2), np.ones((2, 2))):
    record(f, [x])
print(refused, "of", 4 * len(calls))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.returncode
    assert done.stdout == "44 of 44\n", done.stdout


def test_a_traced_number_still_has_an_item() -> None:
    close(dk.gradient(lambda x: np.sum(x**2).item() * x[0].item(), X), [7.0, 4.0])


@pytest.mark.parametrize(
    "f",
    [
        math.sin,
        lambda x: x**2 if math.sin(x) > 0 else -x,
        lambda x: casadi.sin(x) if math.cos(x) > 0 else -x,
    ],
)
def test_numbers_made_of_symbols_are_refused(f: Any) -> None:
    """CasADi's float(symbol) is NaN, and a comparison with NaN takes a branch without a word."""
    with pytest.raises(TracerConversionError) as refused:
        dk.derivative(f, 1.0, backend="casadi")
    assert "it makes numbers of symbols" in refused.value.__notes__[0]
    with pytest.raises(UnsupportedError, match="it makes numbers of symbols"):
        dk.derivative(f, 1.0, backend=dk.CasADi(functions="library"))


SINGULAR = np.ones((8, 8))


def inverted(a: Any) -> Any:
    return np.sum(np.linalg.inv(a))


def test_where_casadi_cannot_evaluate_there_are_no_zeros() -> None:
    """Its buffers are left as they were where a linear solver fails."""
    regular = SINGULAR + np.eye(8)
    due = dk.gradient(inverted, regular)
    g = dk.prepare(dk.gradient, inverted, regular, backend="casadi")
    close(g(regular), due)
    with pytest.raises(UnsupportedError, match="singular"):
        g(SINGULAR)
    close(g(regular), due)
    # Older versions of CasADi have no large determinants of MX at all.
    with pytest.raises(UnsupportedError, match=r"singular|'eval' not defined"):
        dk.gradient(np.linalg.det, SINGULAR, backend="casadi")


def test_small_determinants_are_expanded_and_may_be_zero() -> None:
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    close(dk.gradient(np.linalg.det, singular, backend="casadi"), [[4, -2], [-2, 1]])
    with pytest.raises(UnsupportedError, match=r"n! operations|symbols='MX'"):
        dk.gradient(np.linalg.det, SINGULAR, backend=dk.CasADi(symbols="SX"))


@pytest.mark.parametrize("symbols", KINDS)
def test_a_branch_that_is_not_taken_has_no_say(symbols: str) -> None:
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)) / x, 0.0))  # noqa: E731
    with np.errstate(all="ignore"):
        close(
            dk.gradient(f, np.array([0.0, 4.0]), backend=dk.CasADi(symbols=symbols)), [0, -1 / 16]
        )


@pytest.mark.parametrize("symbols", KINDS)
@pytest.mark.parametrize(
    ("f", "x", "due"),
    [
        (np.max, np.array([1.0, 1.0, 1.0, 0.0]), [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda x: np.maximum(x[0], x[1]), np.ones(2), [0.5, 0.5]),
        (lambda x: np.sum(np.clip(x, 0.0, 1.0)), np.array([0.0, 0.5, 1.0]), [0.5, 1, 0.5]),
        (lambda x: np.sum(np.abs(x)), np.zeros(2), [0, 0]),
        (lambda x: np.hypot(x[0], x[1]), np.zeros(2), [0, 0]),
        (np.linalg.norm, np.zeros(3), [0, 0, 0]),
        (np.std, np.ones(2), [0, 0]),
        (np.prod, np.array([2.0, 0.0, 3.0]), [0, 6, 0]),
    ],
)
def test_ties_and_kinks_are_as_everywhere(symbols: str, f: Any, x: Any, due: Any) -> None:
    close(dk.gradient(f, x, backend=dk.CasADi(symbols=symbols)), due)


def test_truth_values_of_numbers_and_bits_are_not_mixed_up() -> None:
    x = np.array([0.5, 2.0, 0.0])
    f = lambda x: np.sum(x * (x.astype(bool) & (x < 1)))  # noqa: E731
    close(dk.gradient(f, x, backend="casadi"), [1, 0, 0])
    with pytest.raises(UnsupportedError, match="bitwise_and of whole numbers"):
        dk.gradient(lambda x: np.sum(x * np.bitwise_and(x.astype(int), 1)), x, backend="casadi")


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: np.sort(x)[0], "casadi has no argsort"),
        (lambda x: np.sum(np.abs(np.exp(1j * x))), "no complex numbers"),
        (lambda x: np.sum(np.abs(np.fft.fft(x))), "no complex numbers"),
        (lambda x: np.linalg.eigvalsh(np.outer(x, x))[0], "casadi has no eigh"),
    ],
)
def test_what_casadi_lacks_is_named(f: Any, what: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"{what}.*use backend='reverse'"):
        dk.gradient(f, X, backend="casadi")
    with pytest.raises(UnsupportedError, match="no complex numbers"):
        dk.derivative(np.sin, 1.0 + 2.0j, backend="casadi")


# Functions that were written in CasADi


def of_two() -> casadi.Function:
    x = casadi.SX.sym("x", 2)
    return casadi.Function("F", [x], [casadi.sin(x[0]) * x[1]])


def root(x: Any) -> Any:
    """The square root by Newton's method, which takes MX alone."""
    z, p = casadi.MX.sym("z"), casadi.MX.sym("p")
    return casadi.rootfinder("r", "newton", {"x": z, "p": p, "g": z**2 - p})(1.0, x)


@pytest.mark.parametrize(
    ("operator", "f", "x", "due"),
    [
        ("gradient", lambda x: casadi.sin(x[0]) * x[1], X, [2 * np.cos(1), np.sin(1)]),
        ("gradient", of_two(), X, [2 * np.cos(1), np.sin(1)]),
        ("hessian", of_two(), X, [[-2 * np.sin(1), np.cos(1)], [np.cos(1), 0]]),
        ("derivative", casadi.sin, 1.0, np.cos(1)),
        ("second_derivative", casadi.sin, 1.0, -np.sin(1)),
        ("derivative", lambda x: casadi.sin(x) * x, X, np.cos(X) * X + np.sin(X)),
        ("jacobian", lambda x: [x[0] * x[1], x[0]], X, [[2, 1], [1, 0]]),
        ("jacobian", lambda x: x**2, X, [[2, 0], [0, 4]]),
        ("gradient", lambda a: casadi.trace(a @ a), np.array([[1.0, 2], [3, 4]]), [[2, 6], [4, 8]]),
        ("derivative", root, 2.0, 0.5 / np.sqrt(2)),
        ("gradient", lambda x: casadi.if_else(x[0] > 0, x[0] * x[1], 0.0), X, [2, 1]),
        # CasADi's numbers beside traced ones
        ("gradient", lambda x: casadi.sum1(x * np.array([1.0, 3.0])), X, [1, 3]),
        ("gradient", lambda x: casadi.dot(casadi.DM([1.0, 3.0]), x), X, [1, 3]),
        # it differentiates by itself
        ("gradient", lambda x: casadi.sumsqr(casadi.gradient(casadi.sumsqr(x), x)), X, 8 * X),
    ],
)
def test_functions_of_its_own(operator: str, f: Any, x: Any, due: Any) -> None:
    apply: Any = getattr(dk, operator)
    close(apply(f, x, backend="casadi"), due)
    close(dk.prepare(apply, f, x, backend="casadi")(x), due)


def test_a_function_of_its_own_takes_two_axes_at_most() -> None:
    with pytest.raises(UnsupportedError, match=r"up to two axes, not of shape \(2, 2, 2\)"):
        dk.gradient(casadi.sumsqr, np.ones((2, 2, 2)), backend=dk.CasADi(functions="library"))


# Prepared


def test_results_of_a_prepared_derivative_are_kept() -> None:
    g = dk.prepare(dk.gradient, lambda x: np.sum(x**3), X, backend="casadi")
    first = g(X)
    g(X + 1)
    close(first, 3 * X**2)
