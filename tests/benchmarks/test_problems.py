"""The formulas of the benchmark's problems: against published numbers, and against mpmath."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

import diffkit as dk
from benchmarks.problems import PROBLEMS, Operator
from benchmarks.problems.bundle import half_squares, residuals_of_rows
from benchmarks.problems.mixtures import gmm

from . import naive

NAIVE = {
    "rosenbrock_loop": naive.rosenbrock,
    "laplace": naive.determinant,
    "determinant": naive.determinant,
} | {
    name: getattr(naive, name)
    for name in ("griewank", "rosenbrock", "speelpenning", "helmholtz", "logistic", "pendulum",
                 "lotka_volterra", "elementwise", "mlp", "mixture", "gmm", "bundle", "lstm")
}  # fmt: skip


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(30):
        yield


@pytest.mark.parametrize("name", NAIVE)
def test_value_is_that_of_the_formula(name):
    problem = PROBLEMS[name]
    n = problem.sizes[0]
    case = problem.case(n)
    exact = NAIVE[name](case, n, **case.data)
    assert abs(mpf(float(case.make(np)(case.x))) / exact - 1) < 1e-12


def test_rows_of_residuals_are_those_of_the_formula():
    case = PROBLEMS["bundle_jacobian"].case(30)
    exact = [
        naive.residuals(row[:11], row[11:14], row[14], feature)
        for row, feature in zip(case.x, case.data["features"], strict=True)
    ]
    found = case.make(np)(case.x)
    np.testing.assert_allclose(found, np.array(exact, dtype=float), rtol=1e-12)


def test_every_formula_is_checked():
    assert {*NAIVE, "bundle_jacobian"} == set(PROBLEMS)


# ADBench's own test data and expected values: github.com/microsoft/ADBench, data/gmm/test.txt,
# data/ba/test.txt, and test/cpp/modules/common/GmmTests.cpp and BaTests.cpp.

GMM_POINT = (
    np.array([-0.649014, 1.181166, -0.758453]),
    np.array([[0.092339, 0.186260], [0.345561, 0.396767], [0.538817, 0.419195]]),
    np.array([[0.586443, -0.851887, 0.800321], [-1.509405, 0.875874, -0.242790],
              [0.166813, -1.965419, -1.270071]]),
)  # fmt: skip
GMM_DATA = np.array([[1.175171, 2.029160]])
GMM_GRADIENT = [
    1.08662855508652456e-01, -7.41270039523898472e-01, 6.32607184015246071e-01,
    1.11692576532787013e+00, 1.63333013551455269e-01, -2.19989824071193142e-02,
    2.27778292254236098e-01, 1.20963025612832187e+00, -6.06375920733956339e-02,
    2.58529994051162237e+00, 1.12632694524213789e-01, 3.85744309849611777e-01,
    7.35180573182305508e-02, 5.41836362715595232e+00, -3.21494409677446469e-01,
    1.71892309775004937e+00, 8.60091090790866875e-01, -9.94640930466322848e-01,
]  # fmt: skip


def test_mixture_agrees_with_adbench():
    f = gmm(GMM_DATA, gamma=1.0, m=0)(np)
    assert f(GMM_POINT) == pytest.approx(8.07380408004975791, abs=1e-8)
    gradient = np.concatenate([np.ravel(g) for g in dk.gradient(f, GMM_POINT)])
    np.testing.assert_allclose(gradient, GMM_GRADIENT, atol=1e-8)


CAMERA = [1.797201, 0.590697, -0.635786, 90.859550, 29.361415, 28.777534, 211.628116, -0.284531,
          -14.762924, 0.058931, 0.069976]  # fmt: skip
POINT, WEIGHT = [4.173048, 5.586898, 1.403869], 0.417022
FEATURE = np.array([[-525.672849, 161.811929]])
REPROJECTION = [-2.69048849235189402e-01, 2.59944792677901881e-01]
OF_WEIGHT = 8.26092651515999976e-01
JACOBIAN = [  # of the first residual: the camera's parameters
    2.28877202208246757e+02, 6.34574811495545418e+02, -7.82222866259340549e+02,
    2.42892615607159668e+00, -1.17828079628011313e+01, 2.54169312487743460e+00,
    -1.03657084958518086e+00, 4.17022000000000004e-01, 0.0, -3.50739521096005205e+02,
    -9.12107773668008576e+02,
]  # fmt: skip
OF_POINT = [-2.42892615607159668e00, 1.17828079628011313e01]


def test_bundle_agrees_with_adbench():
    row = np.array([[*CAMERA, *POINT, WEIGHT]])
    f = residuals_of_rows(FEATURE)(np)
    np.testing.assert_allclose(f(row), [REPROJECTION], atol=1e-6)
    found = dk.jacobian(f, row)[0, 0, 0]
    np.testing.assert_allclose(found[:11], JACOBIAN, atol=1e-6)
    np.testing.assert_allclose(found[11:13], OF_POINT, atol=1e-6)


def test_bundle_squares_add_up_adbench_residuals():
    parameters = np.array([CAMERA]), np.array([POINT]), np.array([WEIGHT])
    f = half_squares(np.array([[0, 0]]), FEATURE)(np)
    expected = 0.5 * (np.sum(np.square(REPROJECTION)) + OF_WEIGHT**2)
    assert f(parameters) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_sizes_ascend_and_data_are_the_same_each_time(problem):
    assert list(problem.sizes) == sorted(set(problem.sizes))
    first, second = (problem.case(problem.sizes[0]) for _ in range(2))
    for a, b, c in zip(*map(_leaves, (first.x, second.x, first.other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.shape(a) == np.shape(c)
        assert np.any(a != c)


def _leaves(x):
    return x if isinstance(x, tuple) else (x,)


def test_a_size_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"mlp has no n = 5; it has 314, 9610"):
        PROBLEMS["mlp"].chosen((5,))
    assert PROBLEMS["mlp"].chosen(quick=True) == (314, 9610)


# Each form that is written for a tool computes the same function.


@pytest.mark.parametrize("name", PROBLEMS)
def test_forms_for_jax_agree(name):
    jax = pytest.importorskip("jax")
    case = PROBLEMS[name].case(PROBLEMS[name].sizes[0])
    plain = case.make(np)(case.x)
    with (jax if hasattr(jax, "enable_x64") else jax.experimental).enable_x64(True):
        for make in case.forms.get("jax", {}).values():
            np.testing.assert_allclose(make(jax)(case.x), plain, rtol=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_forms_for_casadi_agree(name):
    casadi = pytest.importorskip("casadi")
    problem = PROBLEMS[name]
    case = problem.case(problem.sizes[0])
    for make in case.forms.get("casadi", {}).values():
        symbols = [casadi.MX.sym(f"x{k}", *_shape(v)) for k, v in enumerate(_leaves(case.x))]
        y = make(casadi)(tuple(symbols) if isinstance(case.x, tuple) else symbols[0])
        found = np.array(casadi.Function("f", symbols, [y])(*_leaves(case.x)))
        if problem.operator is Operator.BLOCKS:
            rows, width = case.x.shape
            f = case.make(np)
            seeds = [np.broadcast_to(e, f(case.x).shape).copy() for e in np.eye(2)]
            expected = np.stack([dk.vjp(f, case.x, u) for u in seeds], axis=1)
            found = found.reshape(width, rows, 2).transpose(1, 2, 0)
        else:
            expected, found = case.make(np)(case.x), found.squeeze()
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def _shape(v):
    shape = np.shape(v)
    return (shape[0] if shape else 1, shape[1] if len(shape) == 2 else 1)
