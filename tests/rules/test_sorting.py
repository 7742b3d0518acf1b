"""The rules of diffkit/rules/sorting.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk

from .rule_checker import Case, check_rule

V = np.array([1.3, 0.4, 2.2, 1.9, 0.9])
T = np.random.default_rng(6).permutation(24).reshape(2, 3, 4) / 5 + 0.3
Z = np.array([1.0 + 2j, 0.5 - 1j, 1.8 + 0.3j])

CASES = [
    *(Case(np.sort, (x,)) for x in (V, T, Z)),
    *(Case(np.sort, (T,), kwargs={"axis": axis}) for axis in (0, 1, -1, None)),
    Case(np.sort, (V,), kwargs={"stable": True}),
    Case(np.sort, (V,), kwargs={"kind": "heapsort"}),
    Case(np.sort_complex, (Z,)),
    Case(np.sort_complex, (V,)),
    Case(lambda x: np.partition(x, 2)[2], (V,), key=np.partition),
    *(Case(lambda x, axis: np.take(np.partition(x, (0, 1, 2), axis=axis), [0, 1, 2], axis=axis),
           (T, axis), key=np.partition) for axis in (0, 1, -1) if T.shape[axis] > 2),
    Case(lambda x: np.partition(x, range(24), axis=None), (T,), key=np.partition),
    Case(np.unique, (V,)),
    Case(np.unique, (T,), kwargs={"axis": 1}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_of_equal_elements_each_has_a_cotangent_of_its_own_when_sorted() -> None:
    x = np.array([2.0, 1.0, 2.0])
    weights = np.array([1.0, 10.0, 100.0])
    gradient = dk.gradient(lambda x: np.sum(np.sort(x, stable=True) * weights), x)
    np.testing.assert_array_equal(gradient, [10.0, 1.0, 100.0])


def test_of_equal_elements_unique_differentiates_the_first() -> None:
    x = np.array([2.0, 1.0, 2.0])

    def f(x):
        values, where, inverse, counts = np.unique(x, True, True, True)
        np.testing.assert_array_equal(where, [1, 0])
        np.testing.assert_array_equal(inverse, [1, 0, 1])
        np.testing.assert_array_equal(counts, [1, 2])
        return np.sum(values * counts)

    np.testing.assert_array_equal(dk.gradient(f, x), [2.0, 1.0, 0.0])
