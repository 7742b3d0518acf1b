"""The rules of diffkit/rules/linalg.py.

Eigenvectors and singular vectors are defined up to a phase, so they are tested through functions
that do not depend on it: squared sizes and projectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import MissingRuleError
from diffkit.rules import RULES, lapack, linalg
from diffkit.tape import filled, forward_sweep, record, reverse_sweep

from .rule_checker import Case, check_rule

la = np.linalg
RNG = np.random.default_rng(11)


def _random(*shape: int) -> Any:
    return RNG.normal(size=shape)


def _complex(*shape: int) -> Any:
    return _random(*shape) + 1j * _random(*shape)


def _h(a: Any) -> Any:
    return np.conjugate(np.swapaxes(a, -1, -2))


A = _random(3, 3) + 3 * np.eye(3)
STACK = _random(2, 3, 3) + 3 * np.eye(3)
Z = _complex(3, 3) + 3 * np.eye(3)
Z_STACK = _complex(2, 3, 3) + 3 * np.eye(3)
B, BZ = _random(3, 2), _complex(3, 2)
V, VZ = _random(3), _complex(3)
TALL, WIDE, TALL_STACK = _random(4, 3), _random(3, 4), _random(2, 4, 3)
TALL_Z, WIDE_Z = _complex(4, 3), np.concatenate([Z, _complex(3, 1)], axis=1)
SPD, HPD, SPD_STACK = A @ A.T, Z @ _h(Z), STACK @ _h(STACK)
# Well apart eigenvalues, so that a step of the difference leaves them so.
SYM = A + A.T + np.diag([0.0, 6.0, 13.0])
HERM = Z + _h(Z) + np.diag([0.0, 6.0, 13.0])
SYM_STACK = np.stack([SYM, SYM + np.diag([9.0, -4.0, 1.0])])
GENERAL = _random(3, 3) * 0.4 + np.diag([1.0, 3.0, -2.0])
SPIRAL = np.array([[1.0, 2.0, 0.3], [-2.0, 1.1, 0.2], [0.1, 0.4, 3.0]])  # a complex pair
GENERAL_Z = _complex(3, 3) * 0.4 + np.diag([1.0, 3.0j, -2.0])
SINGULAR = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
EXACTLY_SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
RANK_ONE = np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 2.0])
SINGULAR_Z = np.outer([1.0, 2.0j, -1.0], [0.5, 1.0 + 1j, 2.0]) + np.outer([1, 0, 1j], [0, 1, 0])


def projectors(v: Any, inverse: Any) -> Any:
    """v_k w_k for each column v_k and row w_k: independent of how the columns are scaled."""
    return np.expand_dims(np.swapaxes(v, -1, -2), -1) * np.expand_dims(inverse, -2)


def _real_parts(z: Any) -> Any:
    return (np.real(z), np.imag(z)) if np.iscomplexobj(z) else (z,)


def eigh_invariant(a: Any, UPLO: str = "L") -> Any:
    w, v = la.eigh(a, UPLO=UPLO)
    return (w, *_real_parts(projectors(v, _h(v))))


def eig_invariant(a: Any) -> Any:
    w, v = la.eig(a)
    return (*_real_parts(w), *_real_parts(projectors(v, _h(v))))


def svd_invariant(a: Any, **kwargs: Any) -> Any:
    u, s, vh = la.svd(a, **kwargs)
    pairs = projectors(u, vh)  # u_k v_k^H
    return (s, *_real_parts(pairs), *_real_parts(projectors(u, _h(u))))


def slogdet_parts(a: Any) -> Any:
    sign, log = la.slogdet(a)
    return (*_real_parts(sign), log) if np.iscomplexobj(a) else log


NORMS = [
    *(Case(la.norm, (x,), kwargs=k) for x in (TALL, TALL_Z)
      for k in ({}, {"ord": "fro"}, {"ord": "nuc"}, {"ord": 2}, {"ord": -2}, {"ord": 1},
                {"ord": -1}, {"ord": np.inf}, {"ord": -np.inf}, {"axis": 0}, {"axis": -1},
                {"axis": (1, 0), "ord": 1}, {"keepdims": True}, {"axis": (0,), "ord": 3},
                {"ord": "nuc", "keepdims": True}, {"axis": 1, "ord": 1, "keepdims": True})),
    *(Case(la.norm, (x,), kwargs={"ord": p}) for x in (V, VZ)
      for p in (None, 1, 2, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf)),
    *(Case(la.norm, (TALL_STACK,), kwargs=k) for k in
      ({}, {"axis": (1, 2)}, {"axis": (0, -1), "ord": np.inf, "keepdims": True},
       {"axis": (-1, 0), "ord": "nuc"}, {"axis": (2, 1), "ord": 2}, {"axis": 1, "ord": 4})),
    *(Case(la.vector_norm, (TALL_STACK,), kwargs=k) for k in
      ({}, {"axis": (0, 2)}, {"ord": 3, "keepdims": True}, {"axis": (0, 1), "ord": np.inf},
       {"ord": 1, "axis": (0, 1), "keepdims": True})),
    Case(la.vector_norm, (np.abs(TALL_STACK) + 1,), kwargs={"axis": -1, "ord": -np.inf}),
    *(Case(la.matrix_norm, (TALL_STACK,), kwargs=k) for k in
      ({}, {"ord": "nuc"}, {"ord": 2, "keepdims": True}, {"ord": -1})),
    *(Case(la.cond, (A,), kwargs={"p": p}) for p in (None, 2, -2, 1, np.inf, "fro")),
    Case(la.cond, (STACK,)),
    Case(la.norm, (TALL,), key=linalg._p_norm),
]  # fmt: skip

CASES = [
    *(Case(la.solve, (a, b), active) for a in (A, Z) for b in (V, B, VZ)
      for active in ((0, 1), (0,), (1,))),
    *(Case(la.solve, (a, b), (0, 1)) for a, b in
      ((STACK, V), (STACK, B), (STACK, STACK), (A, STACK), (Z_STACK, BZ), (STACK[:1], STACK))),
    Case(la.solve, (A, B), (0, 1), key=linalg._solve_columns),
    *(Case(la.inv, (x,)) for x in (A, STACK, Z)),
    *(Case(linalg.transposed_inverse, (x,), key=lapack.transposed_inverse)
      for x in (A, A.T, A[::-1, ::-1], STACK, Z, A[:1, :1])),
    *(Case(la.tensorsolve, (x, y), (0, 1), kwargs=k) for x, y, k in
      ((_random(2, 3, 6) + 4 * np.eye(6).reshape(2, 3, 6), _random(2, 3), {}),
       (_random(3, 4, 2, 6) + 3 * np.eye(12).reshape(3, 4, 2, 6), _random(3, 4), {}),
       (_random(2, 4, 2) + 2 * np.eye(4).reshape(2, 2, 4).swapaxes(1, 2), _random(4),
        {"axes": (0,)}))),
    Case(la.tensorinv, (_random(2, 3, 6) + np.eye(6).reshape(2, 3, 6),)),
    Case(la.tensorinv, (_random(6, 2, 3) + np.eye(6).reshape(6, 2, 3),), kwargs={"ind": 1}),
    *(Case(la.pinv, (x,)) for x in (A, TALL, WIDE, TALL_STACK, TALL_Z, WIDE_Z, Z)),
    *(Case(la.pinv, (x,), kwargs={"hermitian": True}) for x in (SPD, SPD_STACK)),
    Case(la.pinv, (TALL,), kwargs={"rtol": 1e-8}, key=linalg._pinv),
    *(Case(lambda a, b: la.lstsq(a, b)[0], (a, b), (0, 1), key=la.lstsq)
      for a, b in ((TALL, _random(4)), (TALL, _random(4, 2)), (WIDE, V), (TALL_Z, _complex(4)))),
    *(Case(lambda a, b: (la.lstsq(a, b, rcond=1e-9)[1], la.lstsq(a, b, rcond=1e-9)[3]), (a, b),
           (0, 1), key=la.lstsq)
      for a, b in ((TALL, _random(4)), (TALL, _random(4, 2)), (WIDE, V))),
    *(Case(la.det, (x,)) for x in (A, STACK, Z, A[:1, :1], SINGULAR, EXACTLY_SINGULAR, RANK_ONE,
                                   np.zeros((2, 2)), np.zeros((1, 1)), np.eye(3), SINGULAR_Z,
                                   np.stack([A, RANK_ONE]))),
    Case(la.det, (SINGULAR,), key=linalg._cofactors),
    Case(la.det, (RANK_ONE,), key=linalg._cofactor_slope),
    Case(linalg.cofactor_slope, (A, RANK_ONE), (0,), key=linalg._cofactor_slope),
    *(Case(slogdet_parts, (x,), key=la.slogdet) for x in (A, STACK, -A, Z, Z_STACK)),
    *NORMS,
    *(Case(la.cholesky, (x,)) for x in (SPD, SPD_STACK)),
    *(Case(lambda a: _real_parts(la.cholesky(a)), (x,), key=la.cholesky) for x in (HPD,)),
    *(Case(lambda a: _real_parts(la.cholesky(a, upper=True)), (x,), key=linalg._cholesky_lower)
      for x in (SPD, HPD)),
    *(Case(eigh_invariant, (x,), kwargs=k, key=la.eigh) for x in (SYM, HERM, SYM_STACK)
      for k in ({}, {"UPLO": "U"})),
    *(Case(eigh_invariant, (x,), key=la.eigh) for x in (np.triu(SYM), SYM[:1, :1])),
    *(Case(la.eigvalsh, (x,), kwargs=k) for x in (SYM, HERM, SYM_STACK)
      for k in ({}, {"UPLO": "U"})),
    *(Case(eig_invariant, (x,), key=la.eig) for x in
      (GENERAL, SPIRAL, GENERAL_Z, np.stack([GENERAL, GENERAL.T + 0.1]))),
    *(Case(lambda a: _real_parts(la.eigvals(a)), (x,), key=la.eigvals)
      for x in (GENERAL, SPIRAL, GENERAL_Z)),
    *(Case(lambda a, **k: tuple(p for m in la.qr(a, **k) for p in _real_parts(m)), (x,), kwargs=k,
           key=key)
      for key in (la.qr, linalg._qr_tall)
      for x, k in ((TALL, {}), (WIDE, {}), (A, {}), (TALL_STACK, {}), (TALL_Z, {}), (WIDE_Z, {}),
                   (A, {"mode": "complete"}), (WIDE, {"mode": "complete"}))),
    *(Case(la.qr, (x,), kwargs={"mode": "r"}) for x in (TALL, WIDE, TALL_STACK)),
    *(Case(svd_invariant, (x,), kwargs=k, key=key)
      for key in (la.svd, linalg._svd_thin)
      for x, k in ((A, {}), (Z, {}), (TALL, {"full_matrices": False}),
                   (WIDE, {"full_matrices": False}), (TALL_STACK, {"full_matrices": False}),
                   (TALL_Z, {"full_matrices": False}), (WIDE_Z, {"full_matrices": False}))),
    *(Case(la.svd, (x,), kwargs={"compute_uv": False}) for x in (A, TALL, TALL_STACK)),
    *(Case(la.svd, (x,), kwargs={"compute_uv": False, "hermitian": True})
      for x in (SYM, SYM_STACK)),
    *(Case(la.svdvals, (x,)) for x in (TALL, WIDE_Z)),
    *(Case(la.matrix_power, (x, n)) for x in (A, Z, STACK) for n in (1, 2, 3, 6, -1, -3)),
    *(Case(lambda *m: la.multi_dot(m), m, tuple(range(len(m))), key=la.multi_dot)
      for m in ((A, B), (A, TALL.T, TALL), (V, A, TALL.T, TALL, V), (V, A), (A, A.T, B, BZ.T))),
    Case(la.matrix_transpose, (TALL_STACK,)),
    Case(la.matmul, (A, B), (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def _gradient(f: Any, x: Any) -> Any:
    rows, _y, k = record(f, [x])
    return filled(reverse_sweep(rows, 1, k, 1.0)[0], x)


def _push(f: Any, x: Any, t: Any) -> Any:
    rows, y, k = record(f, [x])
    return filled(forward_sweep(rows, [t], k), y)


def test_the_gradient_of_det_is_the_cofactor_matrix_at_a_singular_matrix() -> None:
    np.testing.assert_allclose(
        _gradient(la.det, SINGULAR), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]], atol=1e-13
    )
    np.testing.assert_allclose(_gradient(la.det, EXACTLY_SINGULAR), [[4, -2], [-2, 1]], atol=1e-14)
    assert not np.any(_gradient(la.det, np.zeros((3, 3))))


def test_the_third_derivative_of_det_is_right_or_refused() -> None:
    # det(x I) = x^3 in three dimensions.
    def along(x: Any) -> Any:
        return la.det(x * np.eye(3))

    def third(x: Any) -> Any:
        return _gradient(lambda z: _gradient(lambda y: _gradient(along, y), z), x)

    assert third(2.0) == pytest.approx(6.0, rel=1e-12)
    with pytest.raises(MissingRuleError, match="third derivative of det"):
        third(0.0)


NORM_KINDS = [{}, {"ord": 1}, {"ord": 2}, {"ord": 3}, {"ord": 2.5}]


@pytest.mark.parametrize("kwargs", NORM_KINDS, ids=str)
def test_the_gradient_of_a_vector_norm_at_zero_is_zero(kwargs: Any) -> None:
    zero = np.zeros(3)
    np.testing.assert_array_equal(_gradient(lambda x: la.norm(x, **kwargs), zero), zero)
    np.testing.assert_array_equal(_push(lambda x: la.norm(x, **kwargs), zero, V), 0.0)


def test_a_row_of_zeros_among_others_has_gradient_zero() -> None:
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    got = _gradient(lambda x: np.sum(la.norm(x, axis=1)), x)
    np.testing.assert_allclose(got, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(_gradient(lambda x: la.norm(x), np.zeros((2, 2))), np.zeros((2, 2)))


def test_the_largest_elements_share_the_gradient_of_the_maximum_norm() -> None:
    x = np.array([2.0, -2.0, 1.0])
    np.testing.assert_array_equal(_gradient(lambda x: la.norm(x, np.inf), x), [0.5, -0.5, 0.0])


def test_a_decomposition_reads_one_triangle_and_so_does_its_gradient() -> None:
    # A = [[4, b], [b, 9]] with b = 2 in the lower triangle: l_22 = sqrt(9 - b^2 / 4).
    a = np.array([[4.0, 2.0], [2.0, 9.0]])
    got = _gradient(lambda a: la.cholesky(a)[1, 1], a)
    np.testing.assert_allclose(got * np.sqrt(8.0), [[1 / 8, 0.0], [-1 / 2, 1 / 2]], rtol=1e-14)
    upper = _gradient(lambda a: la.cholesky(a, upper=True)[1, 1], a)
    np.testing.assert_allclose(upper, got.T, rtol=1e-14)
    assert _gradient(lambda a: la.eigvalsh(a)[0], a)[0, 1] == 0.0
    assert _gradient(lambda a: la.eigvalsh(a, UPLO="U")[0], a)[1, 0] == 0.0


def test_values_have_derivatives_where_they_repeat_as_long_as_they_are_treated_alike() -> None:
    np.testing.assert_allclose(_gradient(lambda a: np.sum(la.eigvalsh(a) ** 2), 3 * np.eye(3)),
                               6 * np.eye(3), atol=1e-13)  # fmt: skip
    np.testing.assert_allclose(_gradient(lambda a: la.norm(a, "nuc"), 2 * np.eye(2)), np.eye(2),
                               atol=1e-14)  # fmt: skip


def test_vectors_of_a_repeated_eigenvalue_have_no_derivative() -> None:
    def root(a: Any) -> Any:
        w, v = la.eigh(a)
        return np.sum(np.matmul(v * np.sqrt(w), v.T))

    # True: 1/2 dA. The eigenvectors cannot tell, so there must not be a number.
    assert np.all(np.isnan(_gradient(root, np.eye(2))[1, 0]))
    rotation = la.qr(A)[0]
    nearly = (rotation * [1.0, 1.0, 3.0]) @ rotation.T
    assert np.isnan(_gradient(root, nearly)).any()
    assert np.isnan(_gradient(lambda a: np.sum(la.svd(a)[0]), np.eye(2))).any()


def test_the_rank_is_constant() -> None:
    assert la.matrix_rank in RULES
    assert not RULES[la.matrix_rank].differentiable
    np.testing.assert_array_equal(_gradient(lambda a: la.matrix_rank(a) * np.sum(a), A), 3.0)
    _, _y, k = record(lambda a: la.matrix_power(a, 0), [A])
    assert k == -1 or not np.any(_push(lambda a: np.sum(a - a + la.matrix_power(a, 0)), A, A))


def test_what_has_no_derivative_is_refused_with_a_hint() -> None:
    with pytest.raises(MissingRuleError, match="full_matrices=False"):
        record(lambda a: la.svd(a)[0], [TALL])
    with pytest.raises(MissingRuleError, match="reduced"):
        record(lambda a: la.qr(a, mode="complete")[0], [TALL])
    with pytest.raises(MissingRuleError, match="count_nonzero"):
        record(lambda a: la.norm(a, 0), [V])


def test_log_det_by_cholesky_agrees_with_slogdet_through_the_public_operators() -> None:
    def by_cholesky(a: Any) -> Any:
        symmetric = (a + a.T) / 2
        return 2 * np.sum(np.log(np.sum(la.cholesky(symmetric) * np.eye(3), axis=1)))

    np.testing.assert_allclose(
        dk.gradient(by_cholesky, SPD), dk.gradient(lambda a: la.slogdet(a)[1], SPD), rtol=1e-10
    )
