"""The rules of diffkit/rules/selection.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.rules import selection

from .rule_checker import Case, check_rule

A = np.array([[0.7, 1.3, 2.1], [1.9, 0.4, 1.1]])
B = np.array([1.2, 0.8, 1.7])
X = np.array([[-0.7, 0.3, 0.55], [0.8, -0.4, -0.15]])
S = 0.43
C = X > 0
WITH_NAN = np.array([[-0.7, np.nan, 0.55], [np.inf, -0.4, -0.15]])

PAIRS = [(A, A[::-1]), (A, B), (B, X), (X, S), (0.9, A), (S, S + 1), (A[:, :1], B)]
ACTIVE = [(0, 1), (0,), (1,)]


def pieces(x):
    return np.piecewise(x, [x < -0.2, x > 0.4], [np.exp, np.log, lambda v: v * v])


def overlapping(x):
    return np.piecewise(
        x, [x < 0.4, x < -0.2], [lambda v, k: np.exp(k * v), lambda v, k: k * v], 2.0
    )


CASES = [
    *(
        Case(fn, pair, active)
        for fn in (np.maximum, np.minimum, np.fmax, np.fmin)
        for pair in PAIRS
        for active in ACTIVE
    ),
    *(Case(np.clip, (x, -0.3, 0.6)) for x in (X, S)),
    Case(np.clip, (X, None, 0.6)),
    Case(np.clip, (X, -0.3, None)),
    Case(np.clip, (X, B - 1.3, B - 0.9), (0, 1, 2)),
    Case(np.clip, (X,), kwargs={"min": -0.3}),
    Case(lambda x, m: np.clip(x, min=-0.3, max=m), (X, B - 0.9), (0, 1), key=np.clip),
    *(Case(np.nan_to_num, (x,)) for x in (X, S)),
    *(
        Case(np.where, (c, *pair), active)
        for c, pair in [(C, (A, X)), (C, (A, B)), (C, (S, A)), (True, (A, B)), (C[:, :1], (S, B))]
        for active in [(1, 2), (1,), (2,)]
    ),
    Case(selection.where, (C, A, X), (1, 2), key=selection._where),
    Case(np.where, (C, A + 1j * X, X), (1, 2)),
    Case(lambda a, b: np.select([X > 0.5, C], [a, b], 0.3), (A, B), (0, 1), key=np.select),
    Case(lambda a, b: np.select([X > 0.5, C], [a * b, 1.0], a), (A, B), (0, 1), key=np.select),
    *(
        Case(
            lambda a, b, mode=mode, i=i: np.choose(i, [a, b, a * b], mode=mode),
            (A, B),
            (0, 1),
            key=np.choose,
        )
        for mode, i in [
            ("raise", np.array([[0, 1, 2], [2, 0, 1]])),
            ("wrap", np.array([[0, -1, 5], [2, 7, 1]])),
            ("clip", np.array([[0, -1, 5], [2, 7, 1]])),
            ("raise", 1),
        ]
    ),
    *(Case(pieces, (x,), key=np.piecewise) for x in (X, X[0], -0.7, 0.55, 0.3)),
    *(Case(overlapping, (x,), key=np.piecewise) for x in (X, X[0], -0.7, 0.3)),
]  # fmt: skip

BINARY_QUESTIONS = [
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.isclose, np.allclose, np.array_equal,
    np.array_equiv, np.isin, np.digitize,
]  # fmt: skip
BINARY_LOGIC = [np.bitwise_and, np.bitwise_or, np.bitwise_xor]
QUESTIONS = [
    np.logical_not, np.isnan, np.isfinite, np.isinf, np.isposinf, np.isneginf, np.any, np.all,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.count_nonzero,
    np.flatnonzero, np.argwhere,
]  # fmt: skip
# The table entry, a call that covers it, and its arguments.
CONSTANTS = [
    *((fn, fn, (X, np.array([0.1, 0.4, 0.7]))) for fn in BINARY_QUESTIONS),
    *((fn, fn, (X,)) for fn in QUESTIONS),
    *((fn, lambda x, fn=fn: fn(x > 0, x < 0.5), (X,)) for fn in BINARY_LOGIC),
    (np.invert, lambda x: np.invert(x > 0), (X,)),
    (np.argpartition, lambda x: np.argpartition(x, 1), (X,)),
    (selection._lexsort, lambda x: np.lexsort((x[0], x[1])), (X,)),
    (np.lexsort, lambda x: np.lexsort(x), (X,)),
    (np.searchsorted, lambda x: np.searchsorted(np.array([0.1, 0.4]), x), (X,)),
    (np.nonzero, lambda x: np.nonzero(x)[0], (X,)),
    (np.where, lambda x: np.where(x)[1], (X,)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


@pytest.mark.parametrize(("key", "fn", "args"), CONSTANTS)
def test_locally_constant_functions_give_plain_values(key, fn, args) -> None:
    seen = []

    def f(x):
        seen.append(fn(x, *args[1:]))
        return np.sum(seen[-1] * 3.0) + np.sum(x)

    np.testing.assert_array_equal(dk.gradient(f, args[0]), np.ones_like(args[0]))
    np.testing.assert_array_equal(seen[-1], fn(*args))
    assert not np.asarray(seen[-1]).dtype.hasobject


BACKENDS = ["forward", "reverse"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x", [0.5, np.full(2, 0.5)], ids=["number", "array"])
@pytest.mark.parametrize("fn", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_arguments_that_tie_share_equally(fn, x, backend) -> None:
    def slope(f):
        return dk.derivative(f, x, backend=backend)

    np.testing.assert_array_equal(slope(lambda x: fn(x, 0.5)), np.full_like(x, 0.5))
    np.testing.assert_array_equal(slope(lambda x: fn(0.5, x)), np.full_like(x, 0.5))
    np.testing.assert_array_equal(slope(lambda x: fn(x, x)), np.full_like(x, 1.0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_clip_shares_with_its_bounds(backend) -> None:
    x = np.array([-1.0, 0.0, 0.3, 1.0, 2.0])
    got = dk.derivative(lambda x: np.clip(x, 0.0, 1.0), x, backend=backend)
    np.testing.assert_array_equal(got, [0.0, 0.5, 1.0, 0.5, 0.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_branch_not_taken_may_be_nan(backend) -> None:
    x = np.array([-1.0, 4.0])
    with np.errstate(invalid="ignore"):
        roots = np.sqrt(x)
    got = dk.derivative(lambda x: np.where(x < 9, x * x, roots), x, backend=backend)
    np.testing.assert_array_equal(got, [-2.0, 8.0])
    assert dk.derivative(lambda x: np.where(x > 0, x, np.nan), 2.0, backend=backend) == 1.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_fmax_passes_over_nan(backend) -> None:
    nan = np.array([np.nan, 1.0])
    for fn, want in ((np.fmax, [1.0, 1.0]), (np.fmin, [1.0, 0.0])):
        got = dk.derivative(lambda x, fn=fn: fn(x, nan), np.array([2.0, 2.0]), backend=backend)
        np.testing.assert_array_equal(got, want)
        got = dk.derivative(lambda x, fn=fn: fn(nan, x), np.array([2.0, 2.0]), backend=backend)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_to_num_has_slope_one_where_it_changes_nothing(backend) -> None:
    got = dk.derivative(lambda x: np.nan_to_num(x + WITH_NAN), X, backend=backend)
    np.testing.assert_array_equal(got, [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])


def test_choose_refuses_numbers_outside_the_choices() -> None:
    with pytest.raises(ValueError, match=r"outside 0 ... 1"):
        dk.gradient(lambda x: np.sum(np.choose([0, 2], [x, 2 * x])), np.ones(2))


def test_piecewise_calls_each_function_on_its_elements_alone() -> None:
    got = dk.gradient(
        lambda x: np.sum(np.piecewise(x, [x > 0], [np.log, lambda v: 0.0 * v])),
        np.array([-1.0, 2.0]),
    )
    np.testing.assert_array_equal(got, [0.0, 0.5])
