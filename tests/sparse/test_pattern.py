"""A pattern holds at every point of a branch: it may be too large, and is never too small."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import diffkit as dk
from diffkit.errors import UnknownNameError, UnsupportedError
from diffkit.sparse import index_sets
from diffkit.sparse.index_sets import joined, members, numbers_from
from diffkit.sparse.pattern import dependences
from diffkit.tape import ZERO, filled, forward_sweep, record, reverse_sweep
from tests import rules
from tests.rules.rule_checker import Case, _flat, _of_active
from tests.sparse.random_programs import POINTS, programs


def pattern_of(f: Any, x: Any, **more: Any) -> Any:
    return dk.sparsity(f, np.asarray(x, float), **more).toarray()


# Every rule of the derivative table


def rule_cases() -> list[Case]:
    found = []
    for info in pkgutil.iter_modules(rules.__path__):
        if info.name.startswith("test_"):
            module = importlib.import_module(f"{rules.__name__}.{info.name}")
            found += getattr(module, "CASES", [])
    return found


def inputs_of(case: Case) -> list[Any]:
    xs = [np.asarray(case.args[k])[()] for k in case.active]
    return [float(x) if isinstance(x, np.float64) else x for x in xs]


def tape_pattern(f: Any, xs: list[Any]) -> Any:
    """The pattern in all inputs together."""
    ends = np.cumsum([0, *map(np.size, xs)])
    width = int(ends[-1])
    identity = index_sets.rows_from(np.arange(width + 1), np.arange(width), width)
    seeds = [
        identity[start : start + np.size(x)] if np.ndim(x) else frozenset((int(start),))
        for x, start in zip(xs, ends, strict=False)
    ]
    rows, y, k = record(f, xs, complete=True)
    found = index_sets.as_rows(dependences(rows, seeds, k, width), width)
    return np.zeros((np.size(y), width), bool) if found is None else found.toarray()


def nonzeros(f: Any, xs: list[Any]) -> Any:
    """The elements of the Jacobian in all inputs that are not zero, from one sweep for each."""
    rows, y, k = record(f, xs)
    columns = []
    for place, x in enumerate(xs):
        for j in range(np.size(x)):
            column = np.zeros(np.size(y), bool)
            for one in (1, 1j) if np.iscomplexobj(x) else (1,):
                seeds = [np.zeros_like(v)[()] if np.ndim(v) else type(v)(0) for v in xs]
                unit = np.zeros(np.size(x), np.asarray(x).dtype)
                unit[j] = one
                seeds[place] = unit.reshape(np.shape(x)) if np.ndim(x) else type(x)(one)
                tangent = filled(forward_sweep(rows, seeds, k) if k >= 0 else ZERO, y)
                column |= np.ravel(tangent) != 0
            columns.append(column)
    return np.stack(columns, axis=-1)


def moved_a_little(xs: list[Any]) -> list[Any]:
    rng = np.random.default_rng(5)
    return [type(x)(x * (1 + 1e-3 * rng.uniform(-1, 1, np.shape(x)))) if not np.ndim(x)
            else x * (1 + 1e-3 * rng.uniform(-1, 1, np.shape(x))) for x in xs]  # fmt: skip


def test_no_rule_has_too_small_a_pattern() -> None:
    cases = rule_cases()
    assert len(cases) > 2000
    too_small = []
    for case in cases:
        f, xs = _of_active(case), inputs_of(case)
        pattern = tape_pattern(f, xs)
        found = nonzeros(f, xs)
        assert pattern.shape == found.shape
        if np.any(found & ~pattern):
            too_small.append(str(case))
    assert not too_small


def test_no_rule_leads_to_too_small_a_pattern_of_second_derivatives() -> None:
    """The tape of the reverse sweep holds the rules' own operations."""
    first = {case.key or case.fn: case for case in reversed(rule_cases()) if case.second}
    assert len(first) > 200
    too_small = []
    for case in first.values():
        f, xs = _of_active(case), inputs_of(case)
        if any(np.iscomplexobj(x) for x in xs) or np.iscomplexobj(f(*xs)):
            continue
        weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(f(*xs)))

        def gradient(*points: Any, f: Any = f, weights: Any = weights) -> Any:
            rows, _, k = record(f, points)
            seed = weights if np.ndim(weights) else float(weights)
            parts = reverse_sweep(rows, len(points), k, seed)
            return _flat(tuple(filled(g, x) for g, x in zip(parts, points, strict=True)))

        if np.any(nonzeros(gradient, xs) & ~tape_pattern(gradient, xs)):
            too_small.append(str(case))
    assert not too_small


def test_a_new_primitive_without_a_rule_depends_on_everything() -> None:
    mystery = dk.primitive(lambda x: x * 2.0)
    mystery.defvjp(lambda g, y, x: g * 2.0).defjvp(lambda t, y, x: t * 2.0)
    pattern = pattern_of(lambda x: np.concatenate([mystery(x[:3]), x[3:]]), np.ones(5))
    expected = np.eye(5, dtype=bool)
    expected[:3, :3] = True
    np.testing.assert_array_equal(pattern, expected)


# Random programs


@settings(max_examples=120)
@given(programs(), POINTS, st.lists(POINTS, min_size=2, max_size=2))
def test_a_pattern_found_at_one_point_holds_at_others(f: Any, x: Any, others: Any) -> None:
    pattern = pattern_of(f, x)
    for point in (x, *others, moved_a_little([x])[0]):
        jacobian = dk.jacobian(f, point)
        assert not np.any((jacobian != 0) & ~pattern)


@settings(max_examples=60)
@given(programs(), POINTS, POINTS)
def test_so_does_that_of_a_hessian(f: Any, x: Any, other: Any) -> None:
    def number(t: Any) -> Any:
        return np.sum(np.square(f(t)) * np.arange(1.0, 7.0))

    pattern = pattern_of(number, x, operator="hessian")
    np.testing.assert_array_equal(pattern, pattern.T)
    for point in (x, other):
        assert not np.any((dk.hessian(number, point) != 0) & ~pattern)


# What is exact


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.exp(x), np.eye(4)),
        (lambda x: x[::-1] * 2, np.eye(4)[::-1]),
        (lambda x: np.diff(x), np.eye(4)[:3] + np.eye(4, k=1)[:3]),
        (lambda x: np.cumsum(x), np.tril(np.ones((4, 4)))),
        (lambda x: np.sum(np.reshape(x, (2, 2)), axis=0), [[1, 0, 1, 0], [0, 1, 0, 1]]),
        (lambda x: np.diag([1.0, 0.0, 2.0, 0.0]) @ x, np.diag([1, 0, 1, 0])),
        (lambda x: np.convolve(x, [1.0, 0.0, 5.0], "valid"), [[1, 0, 1, 0], [0, 1, 0, 1]]),
        (lambda x: np.pad(x, 1), np.eye(6, 4, k=-1)),
        (lambda x: x[0] * np.ones(2), [[1, 0, 0, 0]] * 2),
        (lambda x: np.stack([x[2], x[0] * x[3], 7.0]), [[0, 0, 1, 0], [1, 0, 0, 1], [0] * 4]),
        (lambda x: np.ravel(np.outer(x, x)), [[i in (k // 4, k % 4) for i in range(4)]
                                              for k in range(16)]),
        (lambda x: np.floor(x) + 1, np.zeros((4, 4))),
    ],
)  # fmt: skip
def test_the_pattern_of(f: Any, expected: Any) -> None:
    x = np.array([0.3, 0.7, 1.1, 1.7])
    np.testing.assert_array_equal(pattern_of(f, x), np.array(expected, bool))


def test_zeros_of_constants_count_in_products_of_any_form() -> None:
    c = np.array([[0.0, 5.0, 0.0], [2.0, 3.0, 0.0], [0.0, 1.0, 4.0]])
    stack = np.stack([c, c.T])
    x = np.ones(3)
    for f in (
        lambda x: np.einsum("ij,j->i", c, x),
        lambda x: np.einsum("j,ij->i", x, c),
        lambda x: np.tensordot(c, x, 1),
        lambda x: x @ c.T,
        lambda x: np.dot(c, x),
    ):
        np.testing.assert_array_equal(pattern_of(f, x), c != 0)
    np.testing.assert_array_equal(
        pattern_of(lambda x: np.ravel(stack @ x), x), np.concatenate([c, c.T]) != 0
    )
    np.testing.assert_array_equal(
        pattern_of(lambda x: np.einsum("ii,i->i", c, x), x), np.diag([False, True, True])
    )
    np.testing.assert_array_equal(
        pattern_of(lambda x: np.ravel(np.outer(x, c[0])), x), np.kron(np.eye(3), [[0], [1], [0]])
    )
    np.testing.assert_array_equal(
        pattern_of(lambda a: np.ravel(c @ a), np.ones((3, 2))), np.kron(c != 0, np.eye(2))
    )


def test_the_pattern_of_a_hessian_is_symmetric_whatever_its_rules() -> None:
    squares = dk.primitive(lambda x: x**2)
    squares.defvjp(lambda g, y, x: np.append(g[0] * (2 * x[0] + 0 * np.sum(x)), 2 * g[1:] * x[1:]))
    pattern = pattern_of(lambda x: np.sum(squares(x)), np.ones(4), operator="hessian")
    np.testing.assert_array_equal(pattern, pattern.T)
    assert pattern[0].all()
    assert pattern.sum() == 10


def test_values_do_not_count_where_they_may_change() -> None:
    x = np.array([0.0, 1.0, 2.0])
    assert pattern_of(lambda x: x[0] * x[1:], x).tolist() == [[1, 1, 0], [1, 0, 1]]
    assert pattern_of(lambda x: np.where(x > 0.5, x, 2 * x[::-1]), x).tolist() == [
        [1, 0, 1], [0, 1, 0], [1, 0, 1]]  # fmt: skip
    assert pattern_of(lambda x: np.maximum(x[0], x[2]), x).tolist() == [[1, 0, 1]]
    assert pattern_of(lambda x: np.max(x), x).all()
    assert pattern_of(lambda x: x[np.argmax(x)], x).all()
    assert pattern_of(np.sort, x).all()


def test_a_branch_has_a_pattern_of_its_own() -> None:
    def f(x: Any) -> Any:
        return x if x[0] > 0 else x + x[::-1]

    np.testing.assert_array_equal(pattern_of(f, [1.0, 2.0]), np.eye(2))
    np.testing.assert_array_equal(pattern_of(f, [-1.0, 2.0]), np.ones((2, 2)))


def test_the_value_of_an_objective_does_not_fill_its_hessian() -> None:
    def separable(x: Any) -> Any:
        return np.sum(np.exp(x)) + np.sum(x[0] * x[1])

    expected = np.eye(4, dtype=bool)
    expected[0, 1] = expected[1, 0] = True
    np.testing.assert_array_equal(pattern_of(separable, np.ones(4), operator="hessian"), expected)
    assert not pattern_of(np.sum, np.ones(4), operator="hessian").any()


def test_sorting_in_rows_mixes_rows_alone() -> None:
    x = np.arange(6.0)
    pattern = pattern_of(lambda x: np.ravel(np.sort(np.reshape(x, (3, 2)), axis=1)), x)
    np.testing.assert_array_equal(pattern, np.kron(np.eye(3), np.ones((2, 2))))


def test_inside_of_a_checkpoint_operations_count_one_by_one() -> None:
    step = dk.checkpoint(lambda x: x**2 + np.roll(x, 1))
    plain = pattern_of(lambda x: np.roll(x**2 + np.roll(x, 1), 2), np.ones(5))
    np.testing.assert_array_equal(pattern_of(lambda x: np.roll(step(x), 2), np.ones(5)), plain)
    assert plain.sum() == 10


def test_loops_on_numbers_and_operations_on_arrays_agree() -> None:
    def loop(x: Any) -> Any:
        total, out = 0.0, []
        for k in range(len(x)):
            total = total + x[k] ** 2
            out.append(total * x[-1])
        return out

    for n in (5, 200):  # beyond 64 members a set is kept in another way
        x = np.linspace(0.0, 1.0, n)
        expected = np.tril(np.ones((n, n), bool))
        expected[:, -1] = True
        np.testing.assert_array_equal(pattern_of(loop, x), expected)
        np.testing.assert_array_equal(pattern_of(lambda x: np.cumsum(x**2) * x[-1], x), expected)


MEMBERS = st.frozensets(st.integers(0, 300), max_size=150)


@given(MEMBERS, MEMBERS)
def test_index_sets_of_any_size_are_sets(a: Any, b: Any) -> None:
    kept = [numbers_from(np.array(sorted(s), int)) for s in (a, b)]
    assert set(members(joined(*kept)).tolist()) == a | b
    assert members(joined(*kept)).tolist() == sorted(a | b)


# Shapes and refusals


def test_elements_are_counted_in_c_order_and_leaves_one_after_the_other() -> None:
    np.testing.assert_array_equal(
        pattern_of(np.transpose, np.ones((2, 3))),
        np.eye(6, dtype=bool)[np.arange(6).reshape(2, 3).T.ravel()],
    )
    point = {"b": np.ones(2), "a": 3.0}
    pattern = dk.sparsity(lambda p: p["b"] * p["a"], point)
    np.testing.assert_array_equal(pattern.toarray(), [[1, 1, 0], [1, 0, 1]])
    pattern = dk.sparsity(lambda a, b: a + b[0], np.ones(2), np.ones(2), argnums=(1, 0))
    np.testing.assert_array_equal(pattern.toarray(), [[1, 0, 1, 0], [1, 0, 0, 1]])


@pytest.mark.parametrize(
    ("f", "x", "shape"),
    [
        (lambda x: x * 2, np.zeros(0), (0, 0)),
        (lambda x: x[:0], np.ones(3), (0, 3)),
        (lambda x: np.ones((2, 2)), np.ones(3), (4, 3)),
        (lambda x: x**2, 2.0, (1, 1)),
    ],
)
def test_the_shape_of(f: Any, x: Any, shape: Any) -> None:
    pattern = dk.sparsity(f, x)
    assert isinstance(pattern, sparse.csr_array)
    assert pattern.shape == shape
    assert pattern.dtype == bool


def test_what_cannot_be_recorded_says_what_to_do() -> None:
    with pytest.raises(UnsupportedError, match=r"float\(\).*sparse=pattern"):
        dk.sparsity(lambda x: np.array([float(v) for v in x]), np.ones(3))
    with pytest.raises(UnknownNameError, match="hessian, jacobian"):
        dk.sparsity(np.sin, np.ones(3), operator="gradient")
    with pytest.raises(UnsupportedError, match="complex"):
        dk.sparsity(np.sin, np.ones(3) + 1j)


def test_a_pattern_that_is_not_sparse_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(UnsupportedError, match="nearly everything"):
        dk.sparsity(lambda x: x / np.sum(x), np.ones(20_000))
