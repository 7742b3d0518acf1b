"""Sparse Jacobians and Hessians are the dense ones, from few products."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import optimize, sparse
from scipy.sparse.linalg import spsolve

import diffkit as dk
from diffkit import _backends
from diffkit.errors import MissingPackageError, ShapeError, SparsityError, UnsupportedError
from tests.sparse import published
from tests.sparse.random_programs import POINTS, programs

X = np.linspace(-1.0, 1.5, 10)
GRID = np.linspace(0.0, 0.8, 16).reshape(4, 4)
JACOBIANS = [
    (published.broyden_tridiagonal, published.broyden_tridiagonal_jacobian, X, 3),
    (published.broyden_banded, published.broyden_banded_jacobian, X, 7),
    (published.bratu, published.bratu_jacobian, GRID, None),
]
HESSIANS = [
    (published.extended_rosenbrock, published.extended_rosenbrock_hessian, X, 2),
    (published.chained_rosenbrock, optimize.rosen_hess, X, 3),
    (published.arrowhead, published.arrowhead_hessian, X, 2),
]
BACKENDS = ["reverse", "forward", "symbolic", "complex_step", "finite_difference"]
BACKENDS += [name for name in ("jax", "autograd") if name in dk.backends()]


def tolerance(backend: str, second: bool = False) -> float:
    """Relative to the largest element."""
    if backend in ("finite_difference", "complex_step"):
        return 1e-6 if second else 1e-9
    return 1e-14


def assert_near(found: Any, expected: Any, share: float) -> None:
    assert isinstance(found, sparse.csr_array)
    largest = float(np.max(np.abs(expected)))
    np.testing.assert_allclose(found.toarray(), expected, rtol=0.0, atol=share * largest)


# Published derivatives


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "jacobian", "x", "colors"), JACOBIANS)
def test_published_jacobians(f: Any, jacobian: Any, x: Any, colors: Any, backend: str) -> None:
    y, found = dk.value_and_jacobian(f, x, backend=backend, sparse=True)
    np.testing.assert_array_equal(y, f(x))
    assert_near(found, jacobian(x), tolerance(backend))
    if colors:
        assert dk.coloring(dk.sparsity(f, x)).count == colors


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "hessian", "x", "colors"), HESSIANS)
def test_published_hessians(f: Any, hessian: Any, x: Any, colors: int, backend: str) -> None:
    y, found = dk.value_and_hessian(f, x, backend=backend, sparse=True)
    assert y == pytest.approx(f(x), rel=1e-14)
    assert_near(found, hessian(x), tolerance(backend, second=True))
    assert dk.coloring(dk.sparsity(f, x, operator="hessian"), "symmetric").count == colors


def test_newtons_method_on_sparse_jacobians_solves_broydens_equations() -> None:
    """Moré, Garbow & Hillstrom 1981, no. 30: from x = -1 to f(x) = 0."""
    x = np.full(500, -1.0)
    jacobian = dk.prepare(dk.value_and_jacobian, published.broyden_tridiagonal, x, sparse=True)
    for _ in range(8):
        y, j = jacobian(x)
        x = x - spsolve(j.tocsc(), y)
    assert np.max(np.abs(published.broyden_tridiagonal(x))) < 1e-13
    assert jacobian.recordings == 1


def test_scipys_least_squares_takes_prepared_sparse_jacobians() -> None:
    x = np.full(50, -1.0)
    jacobian = dk.prepare(dk.jacobian, published.broyden_tridiagonal, x, sparse=True)
    found = optimize.least_squares(published.broyden_tridiagonal, x, jac=jacobian)
    assert found.success
    assert np.max(np.abs(found.fun)) < 1e-8


def test_scipys_minimize_takes_prepared_sparse_hessians() -> None:
    x = np.full(20, 0.5)
    f = published.chained_rosenbrock
    found = optimize.minimize(
        f,
        x,
        method="trust-constr",
        jac=dk.prepare(dk.gradient, f, x),
        hess=dk.prepare(dk.hessian, f, x, sparse=True),
    )
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, rtol=1e-6)


# The same as the dense derivative


@settings(max_examples=100)
@given(programs(), POINTS)
def test_sparse_and_dense_jacobians_agree(f: Any, x: Any) -> None:
    dense = dk.jacobian(f, x)
    scale = float(np.max(np.abs(dense), initial=1.0))
    for backend in ("reverse", "forward"):
        found = dk.jacobian(f, x, sparse=True, backend=backend).toarray()
        np.testing.assert_allclose(found, dense, rtol=1e-12, atol=1e-14 * scale)


@settings(max_examples=50)
@given(programs(), POINTS)
def test_sparse_and_dense_hessians_agree(f: Any, x: Any) -> None:
    def number(t: Any) -> Any:
        return np.sum(np.square(f(t)) * np.arange(1.0, 7.0))

    dense = dk.hessian(number, x + 0.125)  # beside the ties of the program, where H is symmetric
    scale = float(np.max(np.abs(dense), initial=1.0))
    found = dk.hessian(number, x + 0.125, sparse=True).toarray()
    np.testing.assert_allclose(found, dense, rtol=1e-11, atol=1e-13 * scale)


def problems_with_arrays() -> list[Any]:
    found = []
    for name, problem in dk.problems.items():
        for point in problem.points:
            if np.ndim(point):
                found.append(pytest.param(problem, np.asarray(point, float), id=f"{name}-{point}"))
    return found


@pytest.mark.parametrize(("f", "x"), problems_with_arrays())
def test_the_problems_of_the_catalogue(f: Any, x: Any) -> None:
    try:
        dense = dk.jacobian(f, x, backend="forward")
    except dk.errors.DiffkitError as error:
        with pytest.raises(type(error)):
            dk.jacobian(f, x, backend="forward", sparse=True)
        return
    expected = np.reshape(dense, (-1, x.size))
    found = dk.jacobian(f, x, backend="forward", sparse=True)  # by columns, as the dense one
    scale = float(np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-14, atol=1e-15 * scale)
    if not np.ndim(f(x)):
        dense = np.reshape(dk.hessian(f, x), (x.size, x.size))
        scale = float(np.max(np.abs(dense), initial=0.0))
        found = dk.hessian(f, x, sparse=True)
        np.testing.assert_allclose(found.toarray(), dense, rtol=1e-13, atol=1e-15 * scale)


def test_there_are_problems_with_arrays() -> None:
    assert len(problems_with_arrays()) > 20


# As few products as colours


@pytest.mark.parametrize(
    ("f", "operator", "product", "count"),
    [
        (published.broyden_tridiagonal, "jacobian", "jvp", 3),
        (lambda x: np.append(x**2, np.sum(x)), "jacobian", "jvp", 10),
        (lambda x: np.stack([np.sum(x), x[0] * x[1]]), "jacobian", "vjp", 2),
        (lambda x: np.append(np.sum(x**3), x[1:] ** 2), "jacobian", "vjp", 2),
        (published.arrowhead, "hessian", "hvp", 2),
        (np.sum, "hessian", "hvp", 0),
    ],
)
def test_there_is_one_product_for_each_colour(
    f: Any, operator: str, product: str, count: int, monkeypatch: Any
) -> None:
    calls: list[Any] = []
    reverse = type(_backends.resolve("reverse"))
    original = reverse.value_and_products

    def noted(self: Any, name: str, f: Any, x: Any, vectors: Any) -> Any:
        y, products = original(self, name, f, x, vectors)
        calls.append((name, len(products)))
        return y, products

    monkeypatch.setattr(reverse, "value_and_products", noted)
    getattr(dk, operator)(f, X, sparse=True)
    if product == "jvp" and count == 10:  # one full row: columns take as many as there are
        product, count = "vjp", 2
    assert calls == [(product, count)]


def test_finite_differences_of_a_group_call_the_function_once_for_all() -> None:
    """Curtis, Powell & Reid 1974: two calls a colour, with central differences."""
    calls = []

    def f(x: Any) -> Any:
        if type(x) is np.ndarray:
            calls.append(x)
        return published.broyden_tridiagonal(x)

    backend = dk.FiniteDifference(order=2)
    found = dk.jacobian(f, np.full(1000, 0.3), backend=backend, sparse=True)
    assert len(calls) == 1 + 2 * 3
    expected = published.broyden_tridiagonal_jacobian(np.full(1000, 0.3))
    assert_near(found, expected, 1e-9)


def test_differences_step_in_the_units_of_each_element() -> None:
    x = np.array([1e-3, 1e6, 1.0, 1e9])
    found = dk.jacobian(np.square, x, backend=dk.FiniteDifference(order=2), sparse=True)
    np.testing.assert_allclose(found.diagonal()[1:], 2 * x[1:], rtol=1e-8)


def test_scalar_programs_are_pushed_together_and_agree() -> None:
    """Seven directions go along the tape of a loop at once."""
    found = dk.jacobian(published.broyden_banded, X, sparse=True, backend="forward")
    np.testing.assert_array_equal(found.toarray(), dk.jacobian(published.broyden_banded, X))


class Dense(dk.Backend):
    """A backend that has nothing but whole Jacobians."""

    name = "dense"

    def value_and_jacobian(self, f: Any, x: Any) -> Any:
        return dk.value_and_jacobian(f, x)


def test_where_there_are_no_products_the_dense_matrix_is_looked_up() -> None:
    f = published.broyden_tridiagonal
    assert_near(
        dk.jacobian(f, X, sparse=True, backend=Dense()),
        published.broyden_tridiagonal_jacobian(X),
        1e-15,
    )
    pattern = dk.sparsity(f, X).toarray()
    assert dk.jacobian(f, X, sparse=pattern, backend=Dense()).nnz == 28
    pattern[2, 3] = False
    with pytest.raises(SparsityError, match="1 rows, the first of them 2"):
        dk.jacobian(f, X, sparse=pattern, backend=Dense())
    with pytest.raises(ShapeError):
        dk.jacobian(f, X, sparse=np.eye(4), backend=Dense())
    with pytest.raises(UnsupportedError, match="hvp"):
        dk.hessian(published.arrowhead, X, sparse=True, backend=Dense())


# Shapes


def test_rows_and_columns_are_in_c_order() -> None:
    x = np.arange(6.0).reshape(2, 3)
    found = dk.jacobian(lambda x: np.sin(x).T, x, sparse=True)
    np.testing.assert_array_equal(
        found.toarray(), dk.jacobian(lambda x: np.sin(x).T, x).reshape(6, 6)
    )
    found = dk.hessian(lambda x: np.sum(x[0] * x[1] ** 2), x, sparse=True)
    dense = dk.hessian(lambda x: np.sum(x[0] * x[1] ** 2), x)
    np.testing.assert_array_equal(found.toarray(), dense.reshape(6, 6))


def test_nests_and_several_arguments_stand_one_leaf_after_the_other() -> None:
    point = {"b": np.array([1.0, 2.0]), "a": 3.0}
    found = dk.jacobian(lambda p: p["b"] ** 2 * p["a"], point, sparse=True)
    np.testing.assert_array_equal(found.toarray(), [[1, 6, 0], [4, 0, 12]])
    found = dk.jacobian(lambda a, b: a * b, X[:2], X[2:4], argnums=(1, 0), sparse=True)
    expected = np.hstack([np.diag(X[:2]), np.diag(X[2:4])])
    np.testing.assert_array_equal(found.toarray(), expected)
    found = dk.jacobian(lambda a, b: a * b, X[:2], X[2:4], argnums=1, sparse=True)
    np.testing.assert_array_equal(found.toarray(), np.diag(X[:2]))


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x * 2, np.zeros(0), np.zeros((0, 0))),
        (lambda x: x[:0], np.ones(3), np.zeros((0, 3))),
        (lambda x: np.ones(4), np.ones(3), np.zeros((4, 3))),
        (lambda x: 5.0, np.ones(3), np.zeros((1, 3))),
        (lambda x: np.stack([x, x**2, 1.0]), 2.0, [[1.0], [4.0], [0.0]]),
        (lambda x: x**2, 3, [[6.0]]),
        (lambda x: x[0] * x[2], np.arange(3.0), [[2.0, 0.0, 0.0]]),
        (lambda x: np.cumsum(x) * 0, np.ones(2), np.zeros((2, 2))),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_small_and_empty_ones(f: Any, x: Any, expected: Any, backend: str) -> None:
    if backend in ("symbolic", "complex_step") and not np.size(x):
        backend = "reverse"
    found = dk.jacobian(f, x, sparse=True, backend=backend)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-9, atol=1e-12)


def test_hessians_of_linear_and_constant_functions_are_empty() -> None:
    for f in (np.sum, lambda x: 5.0):
        found = dk.hessian(f, X, sparse=True)
        assert found.shape == (10, 10)
        assert found.nnz == 0
    assert dk.hessian(lambda x: x**3, 2.0, sparse=True).toarray().tolist() == [[12.0]]


def test_single_precision_stays() -> None:
    found = dk.jacobian(np.sin, X.astype(np.float32), sparse=True)
    assert found.dtype == np.float32
    assert found.indices.dtype == np.int32


def test_a_result_is_the_callers_own() -> None:
    jacobian = dk.prepare(dk.jacobian, published.broyden_tridiagonal, X, sparse=True)
    found = jacobian(X)
    found.data[:] = 0.0
    found.eliminate_zeros()
    assert_near(jacobian(X), published.broyden_tridiagonal_jacobian(X), 1e-15)


# Patterns that are given


def black_box(x: Any) -> Any:
    """It cannot be recorded."""
    return np.array([float(a) ** 2 + 3.0 * float(b) for a, b in zip(x, np.roll(x, 1), strict=True)])


def test_a_function_that_cannot_be_recorded_needs_a_pattern() -> None:
    with pytest.raises(UnsupportedError, match="sparse=pattern"):
        dk.jacobian(black_box, X, backend="finite_difference", sparse=True)
    pattern = np.eye(10) + np.roll(np.eye(10), 1, axis=0)
    expected = 2 * np.diag(X) + 3 * np.roll(np.eye(10), 1, axis=0)
    for known in (pattern, pattern.astype(bool), sparse.coo_matrix(pattern)):
        found = dk.jacobian(black_box, X, backend="finite_difference", sparse=known)
        assert_near(found, expected, 1e-9)


@pytest.mark.parametrize("backend", ["reverse", "forward", "finite_difference"])
@pytest.mark.parametrize("missing", [(0, 1), (4, 3), (9, 9), (5, 6)])
def test_a_pattern_that_misses_an_element_is_found_out(backend: str, missing: Any) -> None:
    pattern = dk.sparsity(published.broyden_tridiagonal, X).toarray()
    whole = dk.jacobian(published.broyden_tridiagonal, X, sparse=pattern, backend=backend)
    assert_near(whole, published.broyden_tridiagonal_jacobian(X), 1e-9)
    pattern[missing] = False
    with pytest.raises(SparsityError, match="misses elements"):
        dk.jacobian(published.broyden_tridiagonal, X, sparse=pattern, backend=backend)


def test_so_is_one_of_rows_and_one_of_a_hessian() -> None:
    def wide(x: Any) -> Any:
        return np.stack([np.sum(x), x[0] * x[1]])

    pattern = dk.sparsity(wide, X).toarray()
    assert dk.coloring(pattern).partition == "rows"
    pattern[0, 7] = False
    with pytest.raises(SparsityError, match="1 columns, the first of them 7"):
        dk.jacobian(wide, X, sparse=pattern)
    with pytest.raises(SparsityError):
        dk.hessian(published.chained_rosenbrock, X, sparse=np.eye(10))


def test_a_pattern_may_be_too_large() -> None:
    found = dk.jacobian(published.broyden_tridiagonal, X, sparse=np.ones((10, 10)))
    assert found.nnz == 100
    assert_near(found, published.broyden_tridiagonal_jacobian(X), 1e-15)


def test_patterns_of_another_shape_are_refused() -> None:
    f = published.broyden_tridiagonal
    with pytest.raises(ShapeError, match=r"\(4, 4\).*\(10, 10\)"):
        dk.jacobian(f, X, sparse=np.eye(4))
    with pytest.raises(ShapeError, match=r"\(9, 10\).*\(10, 10\)"):
        dk.jacobian(f, X, sparse=np.ones((9, 10)))
    with pytest.raises(ShapeError, match="two axes"):
        dk.jacobian(f, X, sparse="tridiagonal")
    with pytest.raises(ShapeError, match="symmetric"):
        dk.hessian(published.chained_rosenbrock, X, sparse=np.tri(10))


# Refusals


def test_complex_functions_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="x is complex"):
        dk.jacobian(np.square, X + 1j, sparse=True)
    with pytest.raises(UnsupportedError, match=r"f\(x\) is complex"):
        dk.jacobian(lambda x: x * 1j, X, sparse=True)
    inside = dk.jacobian(lambda x: np.real(np.exp(1j * x)), X, sparse=True)
    assert_near(inside, np.diag(-np.sin(X)), 1e-15)


def test_a_sparse_derivative_is_not_differentiated_again() -> None:
    with pytest.raises(UnsupportedError, match="leave sparse out"):
        dk.gradient(lambda x: np.sum(dk.jacobian(np.square, x, sparse=True).toarray()), X)


def test_hessians_are_those_of_numbers() -> None:
    with pytest.raises(ShapeError, match="one number"):
        dk.hessian(np.square, X, sparse=True)


def test_false_is_dense() -> None:
    for no in (False, np.False_):
        assert type(dk.jacobian(np.square, X, sparse=no)) is np.ndarray


def test_without_scipy_there_is_the_install_line(monkeypatch: Any) -> None:
    for name in [n for n in sys.modules if n.startswith("diffkit.sparse")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[scipy\]'"):
        dk.jacobian(np.square, X, sparse=True)
