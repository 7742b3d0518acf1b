"""The rules of diffkit/rules/indexing.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.lib.stride_tricks import sliding_window_view

import diffkit as dk
from diffkit.rules.indexing import getitem, place_diagonal, scatter
from diffkit.tape.assignment import cleared

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(4)
V = RNG.uniform(0.5, 2.0, 5)
M = RNG.uniform(0.5, 2.0, (4, 3))
T = RNG.uniform(0.5, 2.0, (2, 3, 4))
Z = M + 1j * M[::-1]

INDICES = [
    (T, 1), (T, -1), (T, np.int64(1)), (T, (1, 2)), (T, (1, 2, 3)), (T, slice(None, None, -2)),
    (T, (slice(None), slice(2, 0, -1))), (T, (..., 0)), (T, Ellipsis), (T, None), (T, ()),
    (T, (0, None, ..., slice(1, 3))), (T, slice(2, 2)),
    (T, T > 1), (T, T[:, 0, 0] > 9), (T, (slice(None), np.array([True, False, True]))),
    (T, True), (T, [1, 0, 1]), (T, ([1, 0, 1],)), (T, np.array([[1, 1], [0, 1]])),
    (T, (np.array([0, 1, 1]), np.array([2, 2, 2]))),
    (T, (np.array([[0], [1]]), slice(None), [3, 3])), (T, (0, slice(None), [1, 1, 2])),
    (T, (np.array([True, False]), [0, 0, 2])), (T, (range(-1, 1),)), (T, ((0, 0),)),
    (T, np.array(1)), (T, np.array([], dtype=int)), (V, [4, -1, 4]), (V, 2), (Z, [0, 0, -4]),
]  # fmt: skip

DIAGONALS = [(0,), (1,), (-2,), (1, 1, 2), (-1, 2, 0), (0, -1, 0)]


def changed(change, x, *args):
    """A copy of x after NumPy has changed it in place."""
    x = np.copy(x)
    change(x, *args)
    return x


CASES = [
    *(Case(cleared, (M, *i), key=cleared.fn) for i in ((0,), (slice(None), 1), ([0, 1], [2, 0]))),
    *(Case(lambda x, i: x[i], (x, i), key=getitem.fn) for x, i in INDICES),
    Case(scatter, (V, (2, 3), [0, 1, 1, 0, 1], [2, 2, 2, 2, 0]), key=scatter.fn),
    Case(scatter, (M, (6, 3), slice(1, 5)), key=scatter.fn),
    Case(scatter, (1.3, (6,), 2), key=scatter.fn),
    *(Case(np.take, (T, i), kwargs={"axis": a})
      for i, a in [(1, None), ([0, 5, 5], None), (2, -1), ([[0, 1], [1, 1]], 1), ((0, -1), 0),
                   (np.array([True, False]), 0), ([], 1)]),
    *(Case(np.take, (V, [-7, 1, 7, 7]), kwargs={"mode": mode}) for mode in ("wrap", "clip")),
    *(Case(np.take_along_axis, (T, np.take(T.argsort(a), [0, 1, 1], axis=a), a))
      for a in (0, 1, -1)),
    Case(np.take_along_axis, (V, np.array([0, 0, 3]), 0)),
    Case(np.take_along_axis, (M, np.array([11, 2, 2]), None)),
    Case(np.take_along_axis, (M, np.array([[2]]), 1)),
    *(Case(lambda x, v, k, a: changed(np.put_along_axis, x, k, v, a),
           (T, v, T.argsort(a)[:1], a), (0, 1), key=np.put_along_axis)
      for v, a in [(T[:1] ** 2, 1), (1.4, 2)]),
    *(Case(lambda x, v: changed(np.fill_diagonal, x, v), (x, v), (0, 1), key=np.fill_diagonal)
      for x in (M, T[:, :2, :2]) for v in (1.4, V[: min(x.shape)])),
    *(Case(sliding_window_view, (x, w), kwargs={"axis": a})
      for x, w, a in [(V, 2, None), (M, (2, 3), None), (T, 2, 1), (T, (2, 2), (-1, 1))]),
    *(Case(np.compress, (c, M), (1,), kwargs={"axis": a})
      for c, a in [([True, False, True], 0), (np.array([0, 1, 1]), -1), (M.ravel() > 1, None)]),
    *(Case(np.extract, (c, M), (1,)) for c in (M > 1, np.arange(12) % 2)),
    *(Case(np.delete, (M, obj, axis))
      for obj in (1, [0, 2], slice(None, None, 2), -1) for axis in (0, 1, None)),
    *(Case(np.diagonal, (T, *how)) for how in DIAGONALS),
    *(Case(np.trace, (T, *how)) for how in DIAGONALS),
    Case(np.trace, (Z,)),
    *(Case(place_diagonal, (T[0, :, :2], (2, 3, 3), k, 0, 2), key=place_diagonal.fn)
      for k in (0, 1)),
    *(Case(np.diag, (x, k)) for x in (V, M, Z) for k in (0, 1, -2)),
    *(Case(np.diagflat, (x, k)) for x in (V, M, 1.4) for k in (0, 1, -2)),
    *(Case(fn, (T,), kwargs={"offset": k})
      for fn in (np.linalg.diagonal, np.linalg.trace) for k in (0, 2, -1)),
    *(Case(fn, (x, k)) for fn in (np.tril, np.triu) for x in (V, M, T, Z) for k in (0, 1, -1)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_an_element_that_is_read_twice_collects_both_cotangents() -> None:
    gradient = dk.gradient(lambda x: np.sum(x[[0, 2, 2]] * np.array([1.0, 10.0, 100.0])), V)
    np.testing.assert_array_equal(gradient, [1.0, 0.0, 110.0, 0.0, 0.0])


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_the_gradient_counts_how_often_an_index_names_an_element(data: st.DataObject) -> None:
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=4))
    index = data.draw(
        arrays.basic_indices(shape, allow_newaxis=True)
        | arrays.integer_array_indices(shape)
        | arrays.arrays(bool, shape)
    )
    x = np.ones(shape)
    places = np.arange(x.size).reshape(shape)[index]
    expected = np.bincount(np.ravel(places), minlength=x.size).reshape(shape)
    gradient = dk.gradient(lambda x: np.sum(x[index]) + np.sum(0 * x), x)
    np.testing.assert_array_equal(gradient, expected)
