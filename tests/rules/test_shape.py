"""The rules of diffkit/rules/shape.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import MissingRuleError
from diffkit.rules.shape import astype

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(3)
V = RNG.uniform(0.5, 2.0, 4)
M = RNG.uniform(0.5, 2.0, (2, 3))
T = RNG.uniform(0.5, 2.0, (2, 3, 4))
Z = M + 1j * M[::-1]
S = 1.4

CASES = [
    *(
        Case(lambda x, d: np.astype(x, np.dtype(d)), (M, d), key=np.astype)
        for d in (float, complex)
    ),
    *(Case(astype, (M, np.dtype(d)), key=astype.fn) for d in (float, complex)),
    *(Case(np.reshape, (x, s)) for x, s in
      [(M, (3, 2)), (M, -1), (T, (4, -1)), (S, (1, 1)), (Z, 6)]),
    Case(np.reshape, (T, (6, 4)), kwargs={"order": "F"}),
    Case(np.reshape, (M,), kwargs={"shape": (6,)}),
    *(Case(np.ravel, (x,)) for x in (M, T, S, Z)),
    Case(np.ravel, (T,), kwargs={"order": "F"}),
    *(Case(np.copy, (x,)) for x in (M, S)),
    *(Case(np.expand_dims, (M, axis)) for axis in (0, -1, (0, 2))),
    *(Case(np.squeeze, (M[:, None, :, None],), kwargs={"axis": a}) for a in (None, 1, (1, -1))),
    *(Case(fn, (x,)) for fn in (np.atleast_1d, np.atleast_2d, np.atleast_3d) for x in (S, V, M, T)),
    *(Case(fn, (S, V), (0, 1)) for fn in (np.atleast_1d, np.atleast_2d, np.atleast_3d)),
    *(Case(np.transpose, (x,)) for x in (V, M, T, Z)),
    *(Case(np.transpose, (T, axes)) for axes in [(1, 2, 0), (-1, 0, -2), [2, 0, 1]]),
    *(Case(fn, (x,)) for fn in (np.matrix_transpose, np.linalg.matrix_transpose) for x in (M, T)),
    Case(np.swapaxes, (T, 0, -1)),
    *(Case(np.moveaxis, (T, *to)) for to in [(0, 2), (-1, 0), ((0, 1), (2, 0))]),
    *(Case(np.rollaxis, (T, *to)) for to in [(2,), (0, 3), (-1, 1), (0, 2), (1, -1), (2, 2)]),
    *(Case(np.flip, (T,), kwargs={"axis": axis}) for axis in (None, 1, -1, (0, 2))),
    Case(np.flipud, (M,)),
    Case(np.fliplr, (M,)),
    *(Case(np.rot90, (M, k)) for k in (1, 2, -1, 7)),
    Case(np.rot90, (T,), kwargs={"axes": (2, 1)}),
    *(Case(np.roll, (T, *by)) for by in [(2,), (-1, 1), ((1, 2), (0, -1)), (3, (1, 2))]),
    *(Case(np.broadcast_to, (x, (2, 2, 3))) for x in (M, M[:1], M[0], S, M[:, :1])),
    Case(np.broadcast_arrays, (M, M[0], S), (0, 1, 2)),
    *(Case(np.meshgrid, (V, M[0], V[:2]), (0, 1, 2), kwargs={"indexing": i, "sparse": s})
      for i in ("xy", "ij") for s in (False, True)),
    Case(np.meshgrid, (V, S), (0, 1)),
    Case(np.meshgrid, (V,)),
    *(Case(np.repeat, (x, 3)) for x in (S, V, M, Z)),
    *(Case(np.repeat, (T, r, a)) for r, a in [(2, 1), ([1, 0, 2], -2), (np.array([2]), 0)]),
    Case(np.repeat, (M, [1, 0, 2, 1, 0, 3])),
    *(Case(np.tile, (x, reps)) for x in (S, V, M) for reps in (2, (3,), (2, 2), (2, 1, 3))),
    *(Case(np.resize, (M, shape)) for shape in [(3, 3), 4, (2,), (2, 2, 4)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_a_broadcast_element_collects_all_its_cotangents() -> None:
    weights = np.arange(8.0).reshape(4, 2)
    gradient = dk.gradient(lambda x: np.sum(np.broadcast_to(x, (4, 2)) * weights), np.ones(2))
    np.testing.assert_array_equal(gradient, [12.0, 16.0])


@pytest.mark.parametrize("flatten", [lambda x: np.ravel(x, "K"), lambda x: np.reshape(x, -1, "A")])
def test_an_order_that_depends_on_memory_is_refused(flatten) -> None:
    with pytest.raises(MissingRuleError, match="order='C'"):
        dk.gradient(lambda x: np.sum(flatten(x) ** 2), M)


def test_questions_about_the_shape_are_answered_with_plain_values() -> None:
    def f(x):
        assert np.shape(x) == (2, 3)
        assert np.ndim(x) == 2
        assert np.size(x) == 6
        assert np.size(x, 1) == 3
        assert not np.iscomplexobj(x)
        assert np.array_equal(x, x)
        assert not np.array_equal(x, x + 1)
        assert np.array_equiv(x, x)
        return np.sum(x)

    np.testing.assert_array_equal(dk.gradient(f, M), np.ones((2, 3)))


def test_a_conversion_to_whole_numbers_is_a_step_function() -> None:
    gradient = dk.gradient(lambda x: np.sum(x * x.astype(int)), np.array([1.5, -2.5]))
    np.testing.assert_array_equal(gradient, [1.0, -2.0])
    single = dk.gradient(lambda x: np.sum(x.astype(np.float32) ** 2), np.array([1.5, -2.5]))
    np.testing.assert_array_equal(single, [3.0, -5.0])
    assert single.dtype == np.float64
