"""The symbolic backend: exact where SymPy is, and polynomial where its tree is exponential."""

from __future__ import annotations

import time

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import UnsupportedError


def test_a_long_loop_does_not_swell() -> None:
    """``sympy.diff`` takes about 20 s for n = 16, and doubles with n."""
    start = time.perf_counter()
    d = dk.derivative(dk.problems["logistic_map_16"], 0.3, backend="symbolic")
    assert time.perf_counter() - start < 5.0
    assert d == pytest.approx(dk.derivative(dk.problems["logistic_map_16"], 0.3), rel=1e-9)


def test_the_branch_of_the_point_is_differentiated() -> None:
    f = dk.problems["huber_loss"]
    assert dk.derivative(f, 0.5, backend="symbolic") == 0.5
    assert dk.derivative(f, 3.0, backend="symbolic") == 1.0
    assert dk.derivative(f, -3.0, backend="symbolic") == -1.0


@pytest.mark.parametrize("x", [0.5, -0.5])
def test_maxima_and_sizes_have_derivatives(x: float) -> None:
    for f in (np.abs, lambda t: np.maximum(t, 0.0), lambda t: np.minimum(t, t**2), np.sign):
        assert dk.derivative(f, x, backend="symbolic") == dk.derivative(f, x)


@pytest.mark.parametrize(
    "f",
    [np.exp, np.expm1, np.exp2, np.log, np.log1p, np.log2, np.log10, np.sqrt, np.sin,
     np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh,
     np.arctanh, np.square, np.reciprocal, np.deg2rad, np.rad2deg, np.floor],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_elementary_functions_agree_with_reverse_mode(f: np.ufunc) -> None:
    for operator in (dk.derivative, dk.second_derivative):
        exact = operator(f, 0.3)
        assert operator(f, 0.3, backend="symbolic") == pytest.approx(exact, rel=1e-12, abs=1e-14)


def test_constants_are_not_rounded_to_a_few_digits() -> None:
    a = 0.1234567890123456
    assert dk.derivative(lambda x: a * x**2, 0.5, backend="symbolic") == pytest.approx(a, rel=2e-16)


def test_whole_arrays_are_read_element_by_element() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    hessian = dk.hessian(lambda x: x @ a @ x, np.array([0.5, -1.0]), backend="symbolic")
    np.testing.assert_array_equal(hessian, a + a.T)


def test_what_symbols_cannot_do_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TypeError("cannot determine truth value of Relational: x2 < x1")

    monkeypatch.setattr("diffkit._backends.symbolic.to_sympy", refuse)
    with pytest.raises(UnsupportedError, match=r"something that symbols cannot: .*another backend"):
        dk.gradient(np.prod, np.array([2.0, 1.0]), backend="symbolic")
