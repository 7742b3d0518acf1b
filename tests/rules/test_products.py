"""The rules of diffkit/rules/products.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.rules.products import contract, cross_product

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(8)


def array(*shape):
    return RNG.uniform(0.5, 2.0, shape)


V, M, T = array(3), array(2, 3), array(4, 2, 3)
S = 1.4
BOTH = (0, 1)

MATMUL = [
    (V, V), (M, V), (V, M.T), (M, M.T), (T, V), (V, array(4, 3, 2)), (T, M.T), (M, array(4, 3, 2)),
    (T, array(4, 3, 5)), (T, array(5, 1, 3, 2)), (array(1, 2, 3), array(4, 3, 2)),
    (M + 1j * M, M.T), (M - 1j, V + 2j * V),
]  # fmt: skip
DOT = [*MATMUL[:7], (S, M), (M, S), (S, S), (T, array(5, 3, 2)), (V, array(4, 3, 2)), (M + 1j, V)]
INNER = [(V, V), (M, V), (V, M), (M, M), (T, M), (M, T), (S, V), (S, S), (T, T)]
TENSORDOT = [
    (T, array(2, 3, 5), 2), (T, M, ((1, 2), (0, 1))), (T, array(3, 4), ([0, 2], [1, 0])),
    (T, array(3, 2, 2), ((2, 1), (0, 2))), (V, M, 0), (T, M, (-1, 1)), (T, T, 3),
    (M + 1j * M, array(3, 2), 1),
]  # fmt: skip
EINSUM = [
    ("ij,jk->ik", M, M.T), ("ij,jk", M, M.T), ("ij,kj->ki", M, M), ("i,j->ij", V, V),
    ("ij->", M), ("ij->i", M), ("ij->ji", M), ("ij", M), ("ji", M), ("ij,jk->", M, M.T),
    ("ii->", array(3, 3)), ("ii->i", array(3, 3)), ("ii", array(3, 3)), ("iij->j", array(3, 3, 2)),
    ("iii->i", array(2, 2, 2)), ("ii,ij->j", array(3, 3), array(3, 2)), ("i,i->i", V, V),
    ("...i,...i->...", T, M), ("...i,...i->...", T, V), ("...ij,jk", T, M.T), ("i...->...", T),
    ("...ij,...jk->...ik", array(5, 1, 2, 3), array(4, 3, 2)), ("...", M), ("...,...", T, M),
    ("ij,j->i", M, V[:1]), ("ij,ij->ij", M, M[:1]), ("ij,jk->k", M, M.T), ("i,j->", V, V),
    ("ij,jk,kl->il", M, M.T, M), ("ij,ij,ij->i", M, M, M), ("bij,bjk->bik", T, array(4, 3, 2)),
    (" i j , j k -> i k ", M, M.T), ("ij,jk->ik", M + 1j, M.T), (",ij->ij", S, M),
]  # fmt: skip


CASES = [
    *(Case(fn, pair, active) for fn in (np.matmul, np.linalg.matmul) for pair in MATMUL
      for active in [(0, 1), (0,), (1,)] if fn is np.matmul or min(map(np.ndim, pair)) > 1),
    Case(np.matmul, (V.tolist(), V), (1,)),
    Case(np.dot, (V, V.tolist())),
    Case(np.matmul, (M.tolist(), M.T), (1,)),
    Case(np.matmul, (M, M.T.tolist())),
    *(Case(np.dot, pair, BOTH) for pair in DOT),
    *(Case(np.inner, pair, BOTH) for pair in INNER),
    *(Case(np.vdot, pair, BOTH) for pair in [(V, V), (M, M), (M + 1j * M, M - 2j), (M, M + 1j)]),
    *(Case(np.vecdot, pair, BOTH) for pair in [(V, V), (T, M), (T, V), (M + 1j * M, M - 2j)]),
    *(Case(np.linalg.vecdot, (T, T**2), BOTH, {"axis": axis}) for axis in (-1, 0, 1)),
    *(Case(np.matvec, pair, BOTH) for pair in [(M, V), (T, M[:1])]),
    *(Case(np.vecmat, pair, BOTH) for pair in [(V, M.T), (M + 1j, array(3, 2))]),
    *(Case(fn, pair, BOTH) for fn in (np.outer, np.linalg.outer)
      for pair in [(V, V), (V, M[0, :2]), (V + 1j, V)]),
    *(Case(np.outer, pair, BOTH) for pair in [(M, V), (S, V), (M, T)]),
    *(Case(np.kron, pair, BOTH) for pair in [(V, V), (M, M), (T, M), (V, M), (M, T), (M, S)]),
    *(Case(np.tensordot, args, BOTH) for args in TENSORDOT),
    *(Case(np.linalg.tensordot, args[:2], BOTH, {"axes": args[2]}) for args in TENSORDOT[:3]),
    *(Case(np.einsum, args, tuple(range(1, len(args)))) for args in EINSUM),
    Case(np.einsum, ("ij,jk,kl->il", M, M.T, M), (1, 2, 3), {"optimize": True}),
    Case(np.einsum, ("ij,jk->ik", array(22, 22), array(22, 22)), (1, 2), second=False),
    Case(np.einsum, (M, [0, 1], M.T, [1, 2], [0, 2]), (0, 2)),
    Case(np.einsum, (M, [30, 2], M.T, [2, 7]), (0, 2)),
    Case(np.einsum, (T, [Ellipsis, 0], V, [0], [Ellipsis]), (0, 2)),
    Case(lambda a, b: contract(a, b, labels=("ij", "j"), out="i"), (M, V), BOTH, key=contract.fn),
    *(Case(np.cross, pair, BOTH) for pair in [(V, V**2), (M, V), (M, M**2), (T, M), (V + 1j, V)]),
    Case(np.cross, (T, array(4, 3, 2), -1, 1, 0), BOTH),
    Case(np.cross, (M.T, M.T**2), BOTH, {"axis": 0}),
    Case(cross_product, (V, M), BOTH, key=cross_product.fn),
    *(Case(np.linalg.cross, pair, BOTH) for pair in [(V, V**2), (T, M)]),
    Case(np.linalg.cross, (M.T, M.T**2), BOTH, {"axis": 0}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")
@pytest.mark.parametrize("pair", [(M[0, :2], M[1, :2]), (T[..., :2], V[:2]), (M, M[:, :2])])
def test_cross_products_of_vectors_in_the_plane_are_those_of_numpy(pair) -> None:
    try:
        np.cross(*pair)
    except ValueError:  # NumPy 2.5 and newer
        with pytest.raises(ValueError, match="3-dimensional vectors"):
            dk.jacobian(lambda a: np.cross(a, pair[1]), pair[0])
    else:
        check_rule(Case(np.cross, pair, BOTH))


@pytest.mark.parametrize("n", [1, 4])
def test_cross_products_of_other_vectors_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match="dimension"):
        dk.jacobian(lambda a: np.cross(a, np.ones(3)), np.ones(n))


def test_the_gradient_of_a_bilinear_form_is_the_other_factor() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    gradient = dk.gradient(lambda x: x @ a @ np.array([1.0, -1.0]), np.zeros(2))
    np.testing.assert_array_equal(gradient, [-1.0, -1.0])


def test_a_trace_by_einsum_has_the_identity_for_gradient() -> None:
    gradient = dk.gradient(lambda x: np.einsum("ii", x), np.ones((2, 2)))
    np.testing.assert_array_equal(gradient, np.eye(2))


def test_operands_may_be_lists() -> None:
    gradient = dk.gradient(lambda x: np.dot([1.0, 2.0], x @ [[3.0], [4.0]]).sum(), np.ones((2, 2)))
    np.testing.assert_array_equal(gradient, [[3.0, 4.0], [6.0, 8.0]])
