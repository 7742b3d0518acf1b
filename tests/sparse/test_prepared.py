"""Prepared sparse derivatives find a pattern once for each branch and shape, and no more often."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import diffkit as dk
from diffkit import Forward, Tape
from diffkit._backends.base import Compiled
from diffkit.errors import SparsityError, StaleTapeError, UnknownNameError, UnsupportedError
from diffkit.sparse import index_sets
from diffkit.sparse import prepared as module
from tests.sparse import published
from tests.sparse.random_programs import POINTS, programs

X = np.linspace(-1.0, 1.5, 10)


def branching(x: Any) -> Any:
    return x**2 if x[0] > 0 else x**2 + np.roll(x, 1)


@pytest.fixture
def searches(monkeypatch: Any) -> list[Any]:
    """Notes the shapes of the points at which a pattern is looked for."""
    found: list[Any] = []
    original = module.found_pattern

    def noted(operator: str, f: Any, x: Any, *more: Any, **rest: Any) -> Any:
        found.append(np.shape(x))
        return original(operator, f, x, *more, **rest)

    monkeypatch.setattr(module, "found_pattern", noted)
    return found


def test_the_pattern_is_found_once_for_many_points(searches: list[Any]) -> None:
    jacobian = dk.prepare(dk.jacobian, published.broyden_tridiagonal, X, sparse=True)
    for shift in range(5):
        expected = published.broyden_tridiagonal_jacobian(X + shift)
        np.testing.assert_allclose(jacobian(X + shift).toarray(), expected, rtol=1e-15)
    assert searches == [(10,)]
    assert jacobian.recordings == 1
    assert jacobian.coloring.count == 3
    assert jacobian.pattern.nnz == 28
    assert "3 colours for 10 columns" in repr(jacobian)


def test_another_branch_and_another_shape_have_patterns_of_their_own(searches: list[Any]) -> None:
    jacobian = dk.prepare(dk.jacobian, branching, np.ones(4), sparse=True)
    points = [np.ones(4), -np.ones(4), 2 * np.ones(4), np.ones(7), -3 * np.ones(4), -np.ones(7)]
    for x in points * 2:
        found = jacobian(x)
        np.testing.assert_array_equal(found.toarray(), dk.jacobian(branching, x))
        assert found.nnz == len(x) * (1 if x[0] > 0 else 2)
    assert searches == [(4,), (4,), (7,), (7,)]


def test_the_value_comes_with_it() -> None:
    hessian = dk.prepare(dk.value_and_hessian, published.chained_rosenbrock, X, sparse=True)
    for x in (X, X * 0.5):
        y, found = hessian(x)
        assert type(y) is float or type(y) is np.float64
        assert y == pytest.approx(published.chained_rosenbrock(x), rel=1e-14)
        np.testing.assert_allclose(
            found.toarray(), dk.hessian(published.chained_rosenbrock, x), rtol=1e-13
        )
    assert hessian.recordings == 1


@settings(max_examples=40)
@given(programs(), POINTS, POINTS)
def test_replays_agree_with_the_dense_jacobian(f: Any, x: Any, other: Any) -> None:
    jacobian = dk.prepare(dk.jacobian, f, x, sparse=True)
    for point in (other, x, other + 0.25):
        dense = dk.jacobian(f, point)
        scale = float(np.max(np.abs(dense), initial=1.0))
        np.testing.assert_allclose(jacobian(point).toarray(), dense, rtol=1e-12, atol=1e-14 * scale)


def test_zeros_of_a_matrix_that_may_change_are_not_relied_upon() -> None:
    def product(x: Any, a: Any) -> Any:
        return a @ np.sin(x)

    a = np.diag(np.arange(1.0, 5.0))
    x = np.linspace(0.1, 0.4, 4)
    jacobian = dk.prepare(dk.jacobian, product, x, a, sparse=True)
    b = a + np.eye(4, k=2)
    for matrix in (a, b, a * 0.0):
        np.testing.assert_allclose(jacobian(x, matrix).toarray(), matrix * np.cos(x), rtol=1e-15)
    assert jacobian.recordings == 1
    assert dk.jacobian(product, x, a, sparse=True).nnz == 4


def test_nor_are_they_where_the_pattern_is_too_large_without(monkeypatch: Any) -> None:
    monkeypatch.setattr(index_sets, "MOST", 10)
    with pytest.raises(UnsupportedError, match="nearly everything"):
        dk.prepare(dk.jacobian, lambda x, a: a @ x, np.ones(4), np.eye(4), sparse=True)
    assert dk.jacobian(lambda x, a: a @ x, np.ones(4), np.eye(4), sparse=True).nnz == 4


def test_those_of_a_matrix_of_its_own_are_until_it_changes() -> None:
    a = np.diag(np.arange(1.0, 5.0))

    def product(x: Any) -> Any:
        return a @ np.sin(x)

    x = np.linspace(0.1, 0.4, 4)
    jacobian = dk.prepare(dk.jacobian, product, x, sparse=True)
    assert jacobian(x).nnz == 4
    a[0, 3] = 7.0
    np.testing.assert_allclose(jacobian(x).toarray(), a * np.cos(x), rtol=1e-15)
    assert jacobian(x).nnz == 5


def test_an_argument_that_is_needed_as_a_number() -> None:
    def power(x: Any, times: float) -> Any:
        y = x
        for _ in range(int(times)):
            y = y * np.roll(x, 1)
        return y

    jacobian = dk.prepare(dk.jacobian, power, X, 2.0, sparse=True)
    for times in (2.0, 0.0, 3.0):
        expected = dk.jacobian(power, X, times)
        np.testing.assert_allclose(jacobian(X, times).toarray(), expected, rtol=1e-13)


def test_several_active_arguments_in_their_order() -> None:
    jacobian = dk.prepare(
        dk.jacobian, lambda a, k, b: a * b * k, X[:2], 3.0, X[2:4], argnums=(2, 0), sparse=True
    )
    expected = 3.0 * np.hstack([np.diag(X[:2]), np.diag(X[2:4])])
    np.testing.assert_allclose(jacobian(X[:2], 3.0, X[2:4]).toarray(), expected, rtol=1e-15)
    np.testing.assert_allclose(jacobian(X[:2], 6.0, X[2:4]).toarray(), 2 * expected, rtol=1e-15)
    assert jacobian.recordings == 1


@pytest.mark.parametrize("backend", ["finite_difference", "complex_step", "symbolic"])
def test_a_backend_that_is_not_replayed_colours_once(backend: str, monkeypatch: Any) -> None:
    calls = []
    original = module.compression
    monkeypatch.setattr(module, "compression", lambda *a: calls.append(a) or original(*a))
    jacobian = dk.prepare(dk.jacobian, branching, np.ones(5), sparse=True, backend=backend)
    for x in (np.ones(5), np.full(5, 2.0), -np.ones(5), np.ones(5)):
        expected = dk.jacobian(branching, x)
        np.testing.assert_allclose(jacobian(x).toarray(), expected, rtol=1e-8, atol=1e-9)
    assert len(calls) == 2  # one for each branch


class Prepares(Forward):
    """A backend with a way of its own to make a product ready, as those of other libraries have."""

    replayable = False

    def compiled(self, operator: str, f: Any, x: Any, others: Any) -> Any:
        if operator != "jvp":
            return None
        tape = Tape.record(f, (*x, *others)).tangent()
        zeros = tuple([np.zeros_like(v) for v in others])

        def call(x: Any, v: Any, others: Any) -> Any:
            try:
                return [f(*x, *others), tape(*x, *others, *v, *zeros)]
            except StaleTapeError:
                return None

        return Compiled(call, len(tape), "a tape")


def test_a_backend_that_prepares_by_itself_prepares_one_product(searches: list[Any]) -> None:
    def scaled(x: Any, a: Any) -> Any:
        return a * branching(x)

    backend = Prepares()
    jacobian = dk.prepare(dk.jacobian, scaled, np.ones(4), 2.0, sparse=True, backend=backend)
    for sign, a in ((1, 2.0), (2, 3.0), (-1, 2.0), (1, 1.0), (-3, 5.0)):
        expected = dk.jacobian(scaled, sign * np.ones(4), a)
        np.testing.assert_allclose(jacobian(sign * np.ones(4), a).toarray(), expected, rtol=1e-15)
    np.testing.assert_array_equal(jacobian(np.ones(6), 2.0).toarray(), 4 * np.eye(6))
    assert searches == [(4,), (4,), (6,)]
    assert jacobian.recordings == 3
    given = dk.prepare(dk.jacobian, branching, np.ones(4), sparse=np.eye(4), backend=backend)
    with pytest.raises(SparsityError):
        given(-np.ones(4))
    hessian = dk.prepare(dk.hessian, published.arrowhead, X, sparse=True, backend=backend)
    np.testing.assert_allclose(
        hessian(2 * X).toarray(), published.arrowhead_hessian(2 * X), rtol=1e-13
    )
    empty = dk.prepare(dk.jacobian, np.floor, X, sparse=True, backend=backend)
    assert empty(X + 1).nnz == 0


def test_a_given_pattern_is_checked_at_each_point() -> None:
    jacobian = dk.prepare(dk.jacobian, branching, np.ones(5), sparse=np.eye(5))
    np.testing.assert_array_equal(jacobian(np.full(5, 3.0)).toarray(), 6 * np.eye(5))
    with pytest.raises(SparsityError):
        jacobian(-np.ones(5))


def test_an_element_that_is_zero_by_chance_is_missed_no_longer_than_that() -> None:
    jacobian = dk.prepare(
        dk.jacobian, lambda x: x * x[0] + x[1] ** 2, np.array([1.0, 0.0, 0.0]),
        sparse=np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]]),
    )  # fmt: skip
    np.testing.assert_array_equal(
        jacobian(np.array([2.0, 0.0, 1.0])).toarray(), [[4, 0, 0], [0, 2, 0], [1, 0, 2]]
    )
    with pytest.raises(SparsityError):
        jacobian(np.array([2.0, 0.5, 1.0]))


def test_on_change_raise() -> None:
    jacobian = dk.prepare(dk.jacobian, branching, np.ones(4), sparse=True, on_change="raise")
    assert jacobian(np.full(4, 2.0)).nnz == 4
    with pytest.raises(StaleTapeError, match="another branch"):
        jacobian(-np.ones(4))
    with pytest.raises(UnknownNameError, match="record"):
        dk.prepare(dk.jacobian, branching, np.ones(4), sparse=True, on_change="guess")


def test_plans_can_be_asked_for() -> None:
    for plan in ("arrays", "eager"):
        jacobian = dk.prepare(dk.jacobian, branching, X[5:], sparse=True, plan=plan)
        assert jacobian.plan.name == plan
        np.testing.assert_array_equal(jacobian(X[5:]).toarray(), 2 * np.diag(X[5:]))
    loop = dk.prepare(dk.jacobian, published.broyden_banded, X, sparse=True, plan="source")
    assert loop.plan.name == "source"
    np.testing.assert_allclose(
        loop(2 * X).toarray(), published.broyden_banded_jacobian(2 * X), rtol=1e-14
    )


def test_only_matrices_are_sparse() -> None:
    with pytest.raises(UnsupportedError, match="gradient has no zeros"):
        dk.prepare(dk.gradient, np.sum, X, sparse=True)
