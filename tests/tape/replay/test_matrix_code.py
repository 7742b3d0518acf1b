"""Replays of linear algebra run without Python, with the bits and the errors of the rules."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.rules import lapack, linalg
from diffkit.tape.replay.arrays import loops, matrix_loops
from diffkit.tape.replay.arrays.buffers import ArrayProgram
from diffkit.tape.replay.arrays.stretches import PythonCall
from diffkit.tape.replay.program import MissedBranch

from .outcomes import difference, outcome
from .test_array_code import assert_same_bits, calls_of, replayed

la = np.linalg
RNG = np.random.default_rng(17)

# Functions of one matrix, positive definite in its symmetric part
OF_MATRIX: dict[str, Any] = {
    "det": la.det,
    "slogdet": lambda a: la.slogdet(a)[1],
    "both parts of slogdet": lambda a: la.slogdet(-a)[0] * la.slogdet(a)[1],
    "det beside slogdet": lambda a: la.slogdet(a)[1] * la.det(a),
    "two matrices": lambda a: la.det(a) * la.det(a @ a),
    "inv": lambda a: np.sum(la.inv(a) * a),
    "solve for a vector": lambda a: np.sum(la.solve(a, a[0]) ** 2),
    "solve for a matrix": lambda a: np.sum(la.solve(a.T, a[:, :1] * W) ** 2),
    "cholesky": lambda a: np.sum(la.cholesky(a @ a.T + 1.0) ** 2),
}
# Functions of a stack of matrices
OF_STACK: dict[str, Any] = {
    "det": lambda a: np.sum(la.det(a) ** 2),
    "inv": lambda a: np.sum(la.inv(a)[:, 0] * a[:, 1]),
    "solve": lambda a: np.sum(la.solve(a, a[:1, :, :2])[1]),
    "one matrix beside many": lambda a: np.sum(la.solve(a[0], a)[1]),
    "cholesky": lambda a: np.sum(la.cholesky(a @ np.swapaxes(a, -1, -2)) ** 2),
    "products": lambda a: np.sum((a @ a[0] @ a[:, :, :1])[2]),
}
W = np.array([1.0, 2.0])
ORDERS = [1, 2, 3, 10, 33, 70]


def matrix(n: int, *stack: int) -> Any:
    return RNG.normal(size=(*stack, n, n)) / np.sqrt(n) + 2 * np.eye(n)


def array_program(g: Any) -> ArrayProgram:
    (found,) = [v for v in g._run.__globals__.values() if isinstance(v, ArrayProgram)]
    return found


def assert_replays(f: Any, x: Any, y: Any) -> None:
    """Prepared at x, the derivative at y is that of the operator, and Python is not called."""
    g = dk.prepare(dk.value_and_gradient, f, x)
    assert g.plan.name == "arrays"
    assert not calls_of(array_program(g))
    recordings = g.recordings
    assert not difference(g(y), dk.value_and_gradient(f, y))
    assert g.recordings == recordings


@pytest.mark.parametrize("n", ORDERS)
@pytest.mark.parametrize("name", OF_MATRIX)
def test_of_one_matrix(name: str, n: int) -> None:
    assert_replays(OF_MATRIX[name], matrix(n), matrix(n))


@pytest.mark.parametrize("n", [2, 3, 12])
@pytest.mark.parametrize("name", OF_STACK)
def test_of_a_stack(name: str, n: int) -> None:
    assert_replays(OF_STACK[name], matrix(n, 4), matrix(n, 4))


LAYOUTS: dict[str, Any] = {
    "columns first": lambda room: room[:5, :5].T,
    "every other row, backwards": lambda room: room[:10:2, 4::-1],
    "turned round": lambda room: room[5:0:-1, 10:0:-2],
    "with gaps, columns first": lambda room: room[:10:2, :10:2].T,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OF_MATRIX)
def test_in_any_layout(name: str, layout: str) -> None:
    x, y = [LAYOUTS[layout](np.zeros((12, 12))) for _ in range(2)]
    x[...], y[...] = matrix(5), matrix(5)
    assert_replays(OF_MATRIX[name], x, y)


def test_stacks_of_several_axes() -> None:
    assert_replays(lambda a: np.sum(la.inv(a) * a), matrix(3, 2, 4), matrix(3, 2, 4))


@pytest.mark.parametrize("name", OF_MATRIX)
def test_second_derivatives(name: str) -> None:
    x, y = matrix(3), matrix(3)
    h = dk.prepare(dk.hessian, OF_MATRIX[name], x)
    assert not difference(h(y), dk.hessian(OF_MATRIX[name], y))


@pytest.mark.parametrize("name", ["det", "slogdet", "det beside slogdet", "both parts of slogdet"])
def test_a_matrix_is_factorised_once(name: str) -> None:
    g = dk.prepare(dk.gradient, OF_MATRIX[name], matrix(6))
    found = factorisations(array_program(g))
    assert found == (2 if "both" in name else 1)  # of -a and of a


def factorisations(made: ArrayProgram) -> int:
    count = 0
    for step in made._idle[0].steps:
        assert not isinstance(step, PythonCall)
        code, k = step._code.tolist(), 0  # type: ignore[attr-defined]
        while code[k]:
            count += code[k] == loops.MATRIX and code[k + 3] == matrix_loops.FACTORISED
            k += code[k + 1]
    return count


SINGULAR: dict[str, Any] = {
    "zeros": np.zeros((3, 3)),
    "a row of zeros": np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0], [3.0, 1.0, 1.0]]),
    "equal rows": np.array([[1.0, 2.0, 0.5], [1.0, 2.0, 0.5], [3.0, 1.0, 1.0]]),
    "rank one": np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 2.0]),
    "singular but for rounding": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    "indefinite": np.diag([1.0, -1.0, 2.0]),
    "so small that det is 0": np.diag([1e-150, 1e-150, 1e-150]),
    "not a number": np.full((3, 3), np.nan),
    "infinite": np.diag([1.0, np.inf, 2.0]),
}
CALLS: dict[str, Any] = {
    "det": la.det,
    "slogdet": lambda a: la.slogdet(a)[1],
    "inv": lambda a: np.sum(la.inv(a)),
    "solve": lambda a: np.sum(la.solve(a, np.ones(3))),
    "cholesky": lambda a: np.sum(la.cholesky(a)),
    "inv of a stack": lambda a: np.sum(la.inv(np.stack([np.eye(3) + 0 * a, a]))),
}


@pytest.mark.parametrize("kind", SINGULAR)
@pytest.mark.parametrize("name", CALLS)
def test_where_a_matrix_is_singular_the_rule_decides(name: str, kind: str) -> None:
    f, x = CALLS[name], SINGULAR[kind]
    g = dk.prepare(dk.gradient, f, np.eye(3) + 0.1)
    for _ in range(2):  # once more with what it has recorded there
        found, wanted = outcome(g, x), outcome(dk.gradient, f, x)
        assert type(found) is type(wanted)
        if isinstance(found, type):
            assert found is wanted
        else:
            np.testing.assert_array_equal(found, wanted)
    assert_same_bits(g(np.eye(3) + 0.2), dk.gradient(f, np.eye(3) + 0.2))


INVERSES: dict[str, Any] = {
    "inv": la.inv,
    "transposed": linalg.transposed_inverse,
    "solve": lambda a: la.solve(a, np.ones(3)),
    "cholesky": la.cholesky,
}


@pytest.mark.parametrize("name", INVERSES)
def test_a_singular_matrix_stops_the_replay_where_no_result_shows_it(name: str) -> None:
    made = replayed(lambda a: np.where(INVERSES[name](a) > 0, a, 2 * a), np.eye(3))
    assert not calls_of(made)
    with pytest.raises(MissedBranch):
        made([-np.ones((3, 3))])


def cofactors(a: Any) -> Any:
    """The gradient of det, in fractions."""

    def det(rows: list[list[Fraction]]) -> Fraction:
        if not rows:
            return Fraction(1)
        signed = [(-1) ** k * v for k, v in enumerate(rows[0])]
        rest = [[r[:k] + r[k + 1 :] for r in rows[1:]] for k in range(len(rows))]
        return sum((v * det(r) for v, r in zip(signed, rest, strict=True)), Fraction(0))

    m = [[Fraction(v) for v in row] for row in a.tolist()]
    return np.array(
        [[float((-1) ** (i + j) * det([r[:j] + r[j + 1 :] for k, r in enumerate(m) if k != i]))
          for j in range(len(m))] for i in range(len(m))]
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4), st.integers(0, 10**6), st.floats(-17, 0))
def test_near_a_singular_matrix_the_gradient_of_det_is_right(
    n: int, seed: int, smallest: float
) -> None:
    """Cofactors are sums of products of elements: what must be small is the error beside the
    largest of them, however badly the matrix is conditioned."""
    rng = np.random.default_rng(seed)
    left, right = [la.qr(rng.normal(size=(n, n)))[0] for _ in range(2)]
    a = (left * np.r_[10.0**smallest, rng.uniform(0.5, 2.0, n - 1)]) @ right
    truth = cofactors(a)
    assert np.max(np.abs(PREPARED[n](a) - truth)) <= 1e-7 * np.max(np.abs(truth))
    assert not difference(PREPARED[n](a), dk.gradient(la.det, a))


PREPARED = {n: dk.prepare(dk.gradient, la.det, matrix(n)) for n in range(2, 5)}


@pytest.mark.parametrize("name", OF_MATRIX)
def test_both_modes_agree(name: str) -> None:
    f, x, t = OF_MATRIX[name], matrix(8), RNG.normal(size=(8, 8))
    slope = np.sum(dk.prepare(dk.gradient, f, matrix(8))(x) * t)
    pushed = dk.prepare(dk.jvp, f, matrix(8), t, backend="forward")(x, t)
    assert slope == pytest.approx(pushed, rel=1e-11)
    assert slope == pytest.approx(dk.jvp(f, x, t, backend="forward"), rel=1e-11)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
@pytest.mark.parametrize("name", ["det", "slogdet"])
def test_the_inverse_of_the_factors_is_as_accurate_as_numpys(name: str, n: int) -> None:
    """Its error beside the certified truth, in units of that which the condition allows."""
    worst = 0.0
    for _ in range(5):
        a = RNG.normal(size=(n, n))
        truth = dk.reference(OF_MATRIX[name], a).value
        scale = np.max(np.abs(truth)) * la.cond(a) * np.finfo(float).eps
        worst = max(worst, np.max(np.abs(dk.gradient(OF_MATRIX[name], a) - truth)) / scale)
    assert worst < 5 * n


def test_threads_have_matrices_of_their_own() -> None:
    g = dk.prepare(dk.gradient, OF_MATRIX["det beside slogdet"], matrix(30))
    points = [matrix(30) for _ in range(40)]
    wanted = [g(x).copy() for x in points]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for here, there in zip(pool.map(g, points), wanted, strict=True):
                assert_same_bits(here, there)


@pytest.fixture
def without_lapack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lapack, "routines", lambda: None)


@pytest.mark.usefixtures("without_lapack")
@pytest.mark.parametrize("name", OF_MATRIX)
def test_where_numpy_has_no_lapack_that_is_found(name: str) -> None:
    assert_replays_by_any_means(OF_MATRIX[name])


@pytest.fixture
def scipys_lapack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another library, whose integers have 32 bits."""
    import ctypes

    from scipy.linalg import cython_lapack

    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    name = ctypes.pythonapi.PyCapsule_GetName
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    known = lapack.routines()
    assert known is not None
    table = cython_lapack.__pyx_capi__
    getrf, getri = [pointer(table[r], name(table[r])) for r in ("dgetrf", "dgetri")]
    assert (lapack._integer(getrf), known.integer) == (4, 8)
    made = known._replace(getrf=getrf, getri=getri, integer=4)
    assert lapack._work(made)
    monkeypatch.setattr(lapack, "routines", lambda: made)


@pytest.mark.usefixtures("scipys_lapack")
@pytest.mark.parametrize("name", OF_MATRIX)
def test_with_integers_of_32_bits(name: str) -> None:
    assert_replays_by_any_means(OF_MATRIX[name])


def assert_replays_by_any_means(f: Any) -> None:
    """The derivative is close to the truth that differences of it and forward mode know."""
    x, y, t = matrix(6), matrix(6), RNG.normal(size=(6, 6))
    g = dk.prepare(dk.value_and_gradient, f, x)
    value, gradient = g(y)
    assert value == pytest.approx(f(y), rel=1e-14)
    assert np.sum(gradient * t) == pytest.approx(dk.jvp(f, y, t, backend="forward"), rel=1e-11)
    step = 1e-6
    slope = (f(y + step * t) - f(y - step * t)) / (2 * step)
    assert np.sum(gradient * t) == pytest.approx(slope, rel=1e-6, abs=1e-7 * abs(value))


def test_lapacks_routines_are_found_in_wheels_of_numpy() -> None:
    """Else all that is above would be tested in its simple form alone."""
    made = lapack.routines()
    assert made is not None
    assert made.integer == (8 if np.linalg._umath_linalg._ilp64 else 4)  # type: ignore[attr-defined]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 40, 130])
def test_a_determinant_by_its_factors_has_numpys_bits(n: int) -> None:
    made = replayed(la.det, matrix(n))
    assert factorisations(made) == 1
    for scale in (1.0, 10.0 ** (-100 / n), 10.0 ** (100 / n)):
        a = RNG.normal(size=(n, n)) * scale
        for x in (a, -a, a[::-1].copy(), a.T.copy()):
            assert_same_bits(made([x])[0], la.det(x))
    a[:, -1] = 0.0
    assert made([a]) == [0.0]
