"""The rules of diffkit/rules/signal.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.rules.signal import convolve_full, differences

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(7)
V = RNG.uniform(0.5, 2.0, 6)
W = RNG.uniform(0.5, 2.0, 3)
M = RNG.uniform(0.5, 2.0, (4, 5))
T = RNG.uniform(0.5, 2.0, (3, 4, 4))
X = np.array([0.1, 0.5, 1.1, 1.2, 2.0])
Y = np.array([0.0, 0.3, 0.4, 1.0])
S = 1.4

POINTS = np.array([[-0.5, 0.2, 0.7], [1.15, 1.9, 2.5]])

CASES = [
    *(Case(np.diff, (x,), kwargs={"n": n}) for x in (V, M, M + 1j) for n in (0, 1, 2, 3)),
    *(Case(np.diff, (T, 2, axis)) for axis in (0, 1, -1)),
    *(Case(differences, (T, 1, axis), key=differences.fn) for axis in (0, -1)),
    Case(lambda a, b, c: np.diff(a, prepend=b, append=c), (M, S, M**2), (0, 1, 2), key=np.diff),
    Case(lambda a, b: np.diff(a, 2, axis=0, append=b), (M, M[:1]), (0, 1), key=np.diff),
    Case(np.ediff1d, (M,)),
    Case(np.ediff1d, (V, W, S), (0, 1, 2)),
    *(Case(np.gradient, (x, *h), kwargs={"edge_order": k})
      for k in (1, 2) for x, h in [(V, ()), (V, (0.3,)), (X**2, (X,)), (M, ()), (M, (0.2, X))]),
    *(Case(np.gradient, (T, 0.5), kwargs={"axis": axis}) for axis in (0, -1, (2, 0))),
    *(Case(np.gradient, (X**2, X), (0, 1), kwargs={"edge_order": k}) for k in (1, 2)),
    Case(np.gradient, (V, S), (0, 1)),
    Case(np.gradient, (V[:2],)),
    *(Case(fn, (a, b, mode), (0, 1))
      for fn in (np.convolve, np.correlate) for mode in ("full", "same", "valid")
      for a, b in [(V, W), (W, V), (V, W[:2]), (W[:2], V), (V, V + 1), (V, V[:4]), (V[:4], V)]),
    *(Case(fn, (V + 1j * V[::-1], W - 2j, mode), (0, 1))
      for fn in (np.convolve, np.correlate) for mode in ("full", "same", "valid")),
    Case(np.convolve, (V, 1j * W), (0, 1)),
    Case(np.convolve, (V, S), (0, 1)),
    Case(convolve_full, (V, W), (0, 1), key=convolve_full.fn),
    *(Case(np.polyval, (W, x), (0, 1)) for x in (S, V, M)),
    Case(np.polyval, ([3, 2.0, 1], V), (1,)),
    Case(np.polyval, (W + 1j, V), (0, 1)),
    Case(np.vander, (V,)),
    Case(np.vander, (V - 1.2, 4), kwargs={"increasing": True}),
    *(Case(np.interp, (x, X, X**2 + 1), (0, 1, 2), step=1e-3) for x in (0.7, POINTS[0], POINTS)),
    Case(np.interp, (POINTS, X, X**2, S, 2 * S), (0, 2, 3, 4), step=1e-3),
    Case(np.interp, (POINTS, X.tolist(), (X**2).tolist()), step=1e-3),
    Case(np.interp, (POINTS, Y, Y**2), (0, 1, 2), {"period": 1.07}, step=1e-3),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_interpolation_takes_the_line_to_the_right_of_a_point_and_to_the_left_of_the_last() -> None:
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 7.0])
    slopes = [dk.derivative(lambda x: np.interp(x, xp, fp), x) for x in (-1.0, 0.0, 1.0, 3.0, 4.0)]
    assert slopes == [0.0, 1.0, 3.0, 3.0, 0.0]


def test_a_power_of_zero_in_a_vandermonde_matrix_has_its_derivative() -> None:
    jacobian = dk.jacobian(lambda x: np.vander(x, 3), np.zeros(1))
    np.testing.assert_array_equal(jacobian.ravel(), [0, 1, 0])


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode must be"):
        dk.gradient(lambda x: np.sum(np.convolve(x, W, "half")), V)
