"""Prepared derivatives given to SciPy's optimizers and solvers as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, optimize, sparse

import diffkit as dk
from diffkit.errors import DomainError, ShapeError

from .problems import (
    KOWALIK_CERTIFIED,
    KOWALIK_DEVIATIONS,
    KOWALIK_SQUARES,
    KOWALIK_START,
    KOWALIK_T,
    KOWALIK_Y,
    PROBLEMS,
    kowalik,
)

# Tolerances with which each method comes to the minimiser from the standard starting points.
OPTIONS: dict[str, dict[str, Any]] = {
    "BFGS": {},
    "CG": {"gtol": 1e-8},
    "L-BFGS-B": {"ftol": 0.0, "gtol": 1e-8, "maxfun": 10_000},
    "TNC": {"ftol": 0.0, "xtol": 0.0, "gtol": 1e-8, "maxfun": 10_000},
    "SLSQP": {"ftol": 1e-16, "maxiter": 1000},
    "Newton-CG": {"xtol": 1e-9, "maxiter": 2000},
    "trust-constr": {"gtol": 1e-9, "xtol": 1e-14},
    "trust-ncg": {"gtol": 1e-9},
    "trust-krylov": {"gtol": 1e-6},
    "trust-exact": {"gtol": 1e-9},
    "dogleg": {"gtol": 1e-9},
}
WITH_HESSIAN = ["Newton-CG", "trust-constr", "trust-ncg", "trust-krylov", "trust-exact"]
WITH_PRODUCT = ["Newton-CG", "trust-constr", "trust-ncg", "trust-krylov"]


class Kept:
    """A prepared derivative whose arguments and answers are kept with copies of them.

    A buffer that was used again, by it or by SciPy, would show as a change of what was kept.
    """

    def __init__(self, prepared: Any) -> None:
        self.prepared = prepared
        self.answers: list[tuple[Any, Any]] = []

    def __call__(self, *arguments: Any) -> Any:
        given = [np.array(a) for a in arguments]
        answer = self.prepared(*arguments)
        for argument, before in zip(arguments, given, strict=True):
            np.testing.assert_array_equal(argument, before)
        parts = answer if isinstance(answer, tuple) else (answer,)
        parts = tuple(part.data if sparse.issparse(part) else part for part in parts)
        self.answers += [(part, np.array(part)) for part in parts]
        return answer

    def check(self, overwritten: bool = False) -> None:
        """SciPy may write into what it was given, which is its own; it must be nobody else's."""
        own = [part for part, _ in self.answers if isinstance(part, np.ndarray)]
        assert own
        assert len({part.ctypes.data for part in own}) == len(own)
        for part, before in self.answers:
            assert overwritten or np.array_equal(part, before)


def minimised(problem: Any, found: Any, atol: float = 1e-5) -> None:
    assert problem.sum(found.x) < 1e-10, found
    np.testing.assert_allclose(found.x, problem.minimiser, atol=atol)


# SciPy's trust-krylov multiplies memory that it has not filled.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
MINIMISED = ["Rosenbrock", "Beale", "helical valley", "Wood"]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", MINIMISED)
@pytest.mark.parametrize("method", ["BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"])
def test_gradients(method: str, name: str, together: bool) -> None:
    problem = PROBLEMS[name]
    f, x = problem.sum, problem.start
    operator = dk.value_and_gradient if together else dk.gradient
    g = Kept(dk.prepare(operator, f, x))
    found = optimize.minimize(
        g if together else f,
        x,
        jac=True if together else g,
        method=method,
        options=OPTIONS[method],
    )
    minimised(problem, found)
    g.check()


@pytest.mark.parametrize("name", MINIMISED)
@pytest.mark.parametrize("method", [*WITH_HESSIAN, "dogleg"])
def test_hessians(method: str, name: str) -> None:
    problem = PROBLEMS[name]
    f, x = problem.sum, problem.start
    h = Kept(dk.prepare(dk.hessian, f, x))
    g = Kept(dk.prepare(dk.value_and_gradient, f, x))
    if method == "dogleg" and name != "Rosenbrock":
        return  # SciPy: it needs a Hessian that is positive definite at all points
    found = optimize.minimize(g, x, jac=True, hess=h, method=method, options=OPTIONS[method])
    minimised(problem, found)
    h.check()


@pytest.mark.parametrize("name", MINIMISED)
@pytest.mark.parametrize("method", WITH_PRODUCT)
def test_products_with_the_hessian(method: str, name: str) -> None:
    """hessp(x, p, *args) takes its arguments in the order of a prepared hvp."""
    problem = PROBLEMS[name]
    f, x = (lambda x, scale, shift: scale * problem.sum(x) + shift), problem.start
    args = (0.5, 1.0)
    product = Kept(dk.prepare(dk.hvp, f, x, x, *args))
    found = optimize.minimize(
        f,
        x,
        args,
        method,
        jac=dk.prepare(dk.gradient, f, x, *args),
        hessp=product,
        options=OPTIONS[method] | ({"maxiter": 5000} if method == "Newton-CG" else {}),
    )
    minimised(problem, found)
    product.check()


POINTS = arrays(np.float64, 5, elements=st.floats(-3.0, 3.0))


@given(POINTS, POINTS)
def test_scipys_own_derivatives_of_rosenbrocks_function(x: Any, p: Any) -> None:
    """scipy.optimize has them written by hand, for any number of variables."""
    f = optimize.rosen
    np.testing.assert_allclose(GRADIENT(x), optimize.rosen_der(x), rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(HESSIAN(x), optimize.rosen_hess(x), rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(PRODUCT(x, p), optimize.rosen_hess_prod(x, p), rtol=1e-12, atol=1e-9)
    assert optimize.check_grad(f, GRADIENT, np.abs(x)) < 1e-3


GRADIENT = dk.prepare(dk.gradient, optimize.rosen, np.zeros(5))
HESSIAN = dk.prepare(dk.hessian, optimize.rosen, np.zeros(5))
PRODUCT = dk.prepare(dk.hvp, optimize.rosen, np.zeros(5), np.zeros(5))


STARTS: list[Any] = [
    np.array([-1, 1]),
    np.array([-1.2, 1.0], np.float32),
    np.array([[-1.2, 9.0], [1.0, 9.0]])[:, 0],
    np.broadcast_to(np.float64(0.5), (2,)),
    np.array([-1.2, 1.0], ">f8"),
    [-1.2, 1],
    (-1.2, 1.0),
]


@pytest.mark.parametrize("k", range(len(STARTS)))
@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "trust-constr"])
def test_starting_points_of_every_kind(method: str, k: int) -> None:
    """SciPy makes a float array of them; the derivative was prepared for the point itself."""
    problem, x = PROBLEMS["Rosenbrock"], STARTS[k]
    g, h = (dk.prepare(operator, problem.sum, x) for operator in (dk.gradient, dk.hessian))
    extra = {"hess": h} if method == "trust-constr" else {}
    found = optimize.minimize(
        problem.sum, x, jac=g, method=method, options=OPTIONS[method], **extra
    )
    # SciPy stays in single precision where it was given it.
    minimised(problem, found, 1e-3 if np.asarray(x).dtype == np.float32 else 1e-5)
    assert g.recordings <= 2


@pytest.mark.parametrize("x", [0.0, 0, np.array(0.5), np.array([0.5]), [0.0]])
def test_one_variable(x: Any) -> None:
    """SciPy always gives a vector; f has to return one number of it."""
    f = lambda x: np.cosh(np.sum(x) - 2.0)  # noqa: E731
    g = dk.prepare(dk.value_and_gradient, f, x)
    found = optimize.minimize(g, x, jac=True)
    np.testing.assert_allclose(found.x, [2.0], atol=1e-5)
    vector = lambda x: (x - 2.0) ** 2  # noqa: E731
    with pytest.raises(ShapeError, match=r"one number, but f\(x\) has shape \(1,\)"):
        optimize.minimize(vector, x, jac=dk.prepare(dk.gradient, vector, 0.0))


@pytest.mark.parametrize("backend", ["forward", "symbolic", "finite_difference"])
def test_other_backends(backend: str) -> None:
    problem = PROBLEMS["Beale"]
    g = dk.prepare(dk.value_and_gradient, problem.sum, problem.start, backend=backend)
    found = optimize.minimize(g, problem.start, jac=True, options={"gtol": 1e-6})
    minimised(problem, found, 1e-4)


def test_constraints_with_their_curvature() -> None:
    """Problem 71 of Hock & Schittkowski 1981, "Test examples for nonlinear programming codes"."""
    f = lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]  # noqa: E731
    c = lambda x: np.stack([np.prod(x), x @ x])  # noqa: E731
    x, v = np.array([1.0, 5.0, 5.0, 1.0]), np.ones(2)
    curvature = Kept(dk.prepare(dk.hessian, lambda x, v: v @ c(x), x, v))
    constraint = optimize.NonlinearConstraint(
        c, [25, 40], [np.inf, 40], jac=dk.prepare(dk.jacobian, c, x), hess=curvature
    )
    found = optimize.minimize(
        dk.prepare(dk.value_and_gradient, f, x),
        x,
        jac=True,
        hess=dk.prepare(dk.hessian, f, x),
        bounds=[(1, 5)] * 4,
        constraints=constraint,
        method="trust-constr",
        options={"gtol": 1e-9, "xtol": 1e-12},
    )
    solution = [1.0, 4.74299963, 3.82114998, 1.37940829]
    np.testing.assert_allclose(found.x, solution, atol=1e-5)
    curvature.check()
    found = optimize.minimize(
        f,
        x,
        jac=dk.prepare(dk.gradient, f, x),
        bounds=[(1, 5)] * 4,
        constraints=[
            {"type": kind, "fun": fun, "jac": dk.prepare(dk.jacobian, fun, x)}
            for kind, fun in (
                ("ineq", lambda x: np.prod(x) - 25.0),
                ("eq", lambda x: x @ x - 40.0),
            )
        ],
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(found.x, solution, atol=1e-6)


def kowalik_residuals(x: Any, t: Any, y: Any) -> Any:
    return kowalik(t, *x) - y


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method: str) -> None:
    data = (KOWALIK_T, KOWALIK_Y)
    jacobian = Kept(dk.prepare(dk.jacobian, kowalik_residuals, KOWALIK_START, *data))
    found = optimize.least_squares(
        kowalik_residuals, KOWALIK_START, jacobian, method=method, args=data,
        x_scale=1.0, ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=2000,
    )  # fmt: skip
    np.testing.assert_allclose(found.x, KOWALIK_CERTIFIED, rtol=1e-6)
    np.testing.assert_allclose(2 * found.cost, KOWALIK_SQUARES, rtol=1e-9)
    jacobian.check()


@pytest.mark.parametrize("method", ["lm", "trf"])
def test_curve_fit(method: str) -> None:
    """SciPy gives the parameters one by one and wants a column for each."""
    of_parameters = dk.prepare(dk.jacobian, lambda p, t: kowalik(t, *p), KOWALIK_START, KOWALIK_T)
    p, covariance = optimize.curve_fit(
        kowalik, KOWALIK_T, KOWALIK_Y, KOWALIK_START, method=method,
        jac=lambda t, *p: of_parameters(np.array(p), t), ftol=1e-14, xtol=1e-14, gtol=1e-14,
    )  # fmt: skip
    np.testing.assert_allclose(p, KOWALIK_CERTIFIED, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), KOWALIK_DEVIATIONS, rtol=1e-5)


@pytest.mark.parametrize("kind", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_weighted_least_squares(method: str, kind: bool) -> None:
    """SciPy multiplies the rows of the Jacobian with weights, in some versions in its memory."""
    roots = np.linspace(1.0, 2.0, 20)
    gaps = lambda x: x - np.concatenate([[0.0], x[:-1]]) / 2  # noqa: E731
    f = lambda x: np.sinh(gaps(x)) - np.sinh(gaps(roots))  # noqa: E731
    x = np.full(20, 3.0)
    jacobian = Kept(dk.prepare(dk.jacobian, f, x, sparse=kind))
    found = optimize.least_squares(
        f, x, jacobian, method=method, loss="soft_l1", xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    np.testing.assert_allclose(found.x, roots, atol=1e-6)
    jacobian.check(overwritten=True)


def test_sparse_matrices() -> None:
    problem, n = PROBLEMS["Broyden tridiagonal"], 50
    f, x = problem.residuals, -np.ones(n)
    jacobian = Kept(dk.prepare(dk.jacobian, f, x, sparse=True))
    found = optimize.least_squares(f, x, jacobian, xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(f(found.x), 0.0, atol=1e-7)
    jacobian.check()
    both = dk.prepare(dk.value_and_gradient, problem.sum, x)
    hessian = dk.prepare(dk.hessian, problem.sum, x, sparse=True)
    for method in ("trust-constr", "Newton-CG"):
        found = optimize.minimize(both, x, jac=True, hess=hessian, method=method)
        np.testing.assert_allclose(f(found.x), 0.0, atol=1e-3)
    # The point nearest to the origin at which the equations hold is where they hold.
    curvature = dk.prepare(dk.hessian, lambda x, v: v @ f(x), x, np.ones(n), sparse=True)
    constraint = optimize.NonlinearConstraint(f, 0, 0, jacobian, curvature)
    found = optimize.minimize(
        lambda x: x @ x, x, method="trust-constr", constraints=constraint,
        jac=lambda x: 2 * x, hess=lambda x: 2 * sparse.eye_array(n, format="csr"),
    )  # fmt: skip
    np.testing.assert_allclose(f(found.x), 0.0, atol=1e-8)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_a_heat_equation_with_a_sparse_jacobian(method: str) -> None:
    """The slowest mode of u' = u'' on a grid decays with the rate 4 (n+1)² sin²(π / 2(n+1))."""
    n = 40

    def rhs(t: Any, u: Any) -> Any:
        left, right = np.concatenate([[0.0], u[:-1]]), np.concatenate([u[1:], [0.0]])
        return (n + 1) ** 2 * (left - 2 * u + right)

    u = np.sin(np.pi * np.arange(1, n + 1) / (n + 1))
    jacobian = dk.prepare(dk.jacobian, rhs, 0.0, u, argnums=1, sparse=True)
    found = integrate.solve_ivp(rhs, (0, 0.1), u, method, jac=jacobian, rtol=1e-8, atol=1e-10)
    rate = 4 * (n + 1) ** 2 * np.sin(np.pi / (2 * (n + 1))) ** 2
    np.testing.assert_allclose(found.y[:, -1], u * np.exp(-0.1 * rate), rtol=1e-5)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_roots(method: str, together: bool) -> None:
    problem = PROBLEMS["Broyden tridiagonal"]
    f, x = problem.residuals, problem.start
    jacobian = Kept(dk.prepare(dk.value_and_jacobian if together else dk.jacobian, f, x))
    found = optimize.root(
        jacobian if together else f, x, jac=True if together else jacobian, method=method, tol=1e-13
    )
    assert found.success
    np.testing.assert_allclose(f(found.x), 0.0, atol=1e-10)
    jacobian.check(overwritten=together)


def test_the_minimum_of_many_variables() -> None:
    """The root of Broyden's equations is found as a minimum, by products with the Hessian."""
    problem, x = PROBLEMS["Broyden tridiagonal"], -np.ones(100)
    found = optimize.minimize(
        dk.prepare(dk.value_and_gradient, problem.sum, x),
        x,
        jac=True,
        hessp=dk.prepare(dk.hvp, problem.sum, x, x),
        method="trust-ncg",
    )
    np.testing.assert_allclose(problem.residuals(found.x), 0.0, atol=1e-5)


# The solution of cos x = x to seventeen digits (OEIS A003957).
DOTTIE = 0.73908513321516064


def test_roots_of_one_variable() -> None:
    f = lambda x, a=1.0: np.cos(a * x) - a * x  # noqa: E731
    slope = dk.prepare(dk.derivative, f, 1.0, 1.0)
    bend = dk.prepare(dk.second_derivative, f, 1.0, 1.0)
    for start in (1.0, 1, np.float64(1.0)):
        newton = optimize.root_scalar(f, (2.0,), "newton", x0=start, fprime=slope)
        halley = optimize.root_scalar(f, (2.0,), "halley", x0=start, fprime=slope, fprime2=bend)
        np.testing.assert_allclose([newton.root, halley.root], DOTTIE / 2, rtol=1e-15)
    both = dk.prepare(dk.value_and_derivative, f, 1.0)
    found = optimize.root_scalar(both, method="newton", x0=1.0, fprime=True)
    np.testing.assert_allclose(found.root, DOTTIE, rtol=1e-15)
    starts = np.array([0.5, 1.0, 1.5])
    roots = optimize.newton(f, starts, fprime=dk.prepare(dk.derivative, f, starts))
    np.testing.assert_allclose(roots, DOTTIE, rtol=1e-15)


@pytest.mark.parametrize("start", [0, 0.0])
@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_stiff_equations(method: str, start: Any) -> None:
    """y' = -L (y³ - sin³ t) + cos t is solved by sin t (after Prothero & Robinson 1974)."""

    def rhs(t: Any, y: Any, stiffness: Any) -> Any:
        return -stiffness * (y**3 - np.sin(t) ** 3 * np.array([1.0, 8.0])) + np.cos(t) * np.array(
            [1.0, 2.0]
        )

    y = np.array([np.sin(0.5), 2 * np.sin(0.5)])
    jacobian = Kept(dk.prepare(dk.jacobian, rhs, start, y, 1e4, argnums=1))
    found = integrate.solve_ivp(
        rhs, (0.5, 2.0), y, method, args=(1e4,), jac=jacobian, rtol=1e-6, atol=1e-8
    )
    assert found.success
    np.testing.assert_allclose(found.y[:, -1], [np.sin(2.0), 2 * np.sin(2.0)], rtol=1e-5)
    jacobian.check()


def barrier(x: Any) -> Any:
    return np.sum(x - np.log(x))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_outside_of_the_domain_there_is_no_gradient() -> None:
    """An optimizer that steps there is told so; bounds keep those that know them inside."""
    x = np.array([30.0, 1e-3])
    g = dk.prepare(dk.value_and_gradient, barrier, x)
    with pytest.raises(DomainError, match="choose a point inside the domain"):
        optimize.minimize(g, x, jac=True, method="L-BFGS-B")
    for method in ("L-BFGS-B", "TNC", "SLSQP"):
        found = optimize.minimize(
            g, x, jac=True, method=method, bounds=[(1e-9, None)] * 2, options=OPTIONS[method]
        )
        np.testing.assert_allclose(found.x, 1.0, atol=1e-4)
