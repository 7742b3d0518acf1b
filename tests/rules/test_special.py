"""The rules of diffkit/rules/special.py and the functions of diffkit/scipy.py."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import linalg as sla
from scipy import special as sp

import diffkit.scipy as dsp
from diffkit.errors import MissingRuleError
from diffkit.rules import RULES
from diffkit.tape import filled, forward_sweep, record, reverse_sweep

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(5)
X = np.array([[-1.3, 0.4, 0.9], [1.7, -0.6, 2.2]])
P = np.abs(X) + 0.1
Q = np.array([0.7, 1.6, 2.9])
UNIT = np.array([0.15, 0.4, 0.55, 0.8])
S = 1.3
Z = X + 0.5j * X[::-1]
SHIFT = np.array([-0.5, 0.3, 0.5])


def each(fn: Any, *xs: Any, **options: Any) -> list[Case]:
    return [Case(fn, (x,), **options) for x in xs]


def both(fn: Any, *pairs: Any, **options: Any) -> list[Case]:
    return [Case(fn, pair, a, **options) for pair in pairs for a in ((0, 1), (0,), (1,))]


def last(fn: Any, *args: Any, **options: Any) -> list[Case]:
    """Active in the last argument alone."""
    return [Case(fn, args, (len(args) - 1,), **options)]


EVERYWHERE = [
    sp.exp2, sp.exp10, sp.expm1, sp.cosm1, sp.exprel, sp.sindg, sp.cosdg, sp.tandg, sp.expit,
    sp.log_expit, sp.erf, sp.erfc, sp.erfi, sp.erfcx, sp.dawsn, sp.ndtr, sp.log_ndtr,
    sp.j0, sp.j1, sp.i0, sp.i1, sp.i0e, sp.i1e, sp.cbrt, sp.gammaln, sp.gamma, sp.rgamma, sp.psi,
    sp.expi, sp.wrightomega,
]  # fmt: skip
POSITIVE = [
    sp.log1p, sp.entr, sp.y0, sp.y1, sp.k0, sp.k1, sp.k0e, sp.k1e, sp.loggamma, sp.exp1, sp.spence,
]  # fmt: skip
INSIDE = [sp.logit, sp.erfinv, sp.erfcinv, sp.ndtri, sp.ellipk, sp.ellipe, sp.ellipkm1]
COMPLEX = [sp.expm1, sp.log1p, sp.erf, sp.erfc, sp.erfi, sp.erfcx, sp.dawsn, sp.wofz, sp.exp1,
           sp.expi, sp.wrightomega, sp.spence]  # fmt: skip
SMOOTH = {"step": 4e-3}

CASES = [
    *(c for fn in EVERYWHERE for c in each(fn, X, S, **SMOOTH)),
    *(c for fn in POSITIVE for c in each(fn, P, S, **SMOOTH)),
    *(c for fn in INSIDE for c in each(fn, UNIT, 0.3, **SMOOTH)),
    *(c for fn in COMPLEX for c in each(fn, Z + 3, **SMOOTH)),
    *(c for fn in (sp.gamma, sp.loggamma, sp.rgamma)
      for c in each(fn, Z + 3, step=4e-3, second=False)),
    *each(sp.rgamma, np.array([0.0, -1.0, -2.0, 0.5, -3.5])),
    *each(sp.wofz, X, **SMOOTH),
    *each(sp.exprel, np.array([0.0, 1e-9])),
    *each(sp.spence, np.array([1.0, 1.2])),
    *each(sp.ellipk, np.array([0.0, -2.0])),
    *each(sp.log_ndtr, np.array([-30.0, -8.0, 5.0])),
    *each(sp.j1, np.array([0.0, 1.0])),
    *each(sp.ndtri_exp, -P, **SMOOTH),
    *each(sp.erfcinv, 1 + UNIT, **SMOOTH),
    *each(sp.ellipe, -P),
    *both(sp.powm1, (P, Q), (S, P), step=4e-3),
    *both(sp.boxcox, (P, SHIFT), (P, 0.0 * Q), step=4e-3),
    *both(sp.boxcox1p, (P, SHIFT), (S, 0.4), step=4e-3),
    *(Case(fn, (P, 0.7), (0,), step=4e-3) for fn in (sp.inv_boxcox, sp.inv_boxcox1p)),
    *both(sp.xlogy, (X, Q), (X, P), (S, Q), step=4e-3),
    *both(sp.xlog1py, (X, Q), (0.0, S), step=4e-3),
    *both(sp.xlogy, (0.0, S)),
    *both(sp.rel_entr, (P, Q), (S, P), step=4e-3),
    *both(sp.kl_div, (P, Q), (S, P), step=4e-3),
    *both(sp.huber, (1.1, X), (Q, X)),
    *both(sp.pseudo_huber, (1.1, X), (Q, X)),
    *both(sp.pseudo_huber, (1.1, 0.0)),
    *last(sp._ufuncs._zeta, 2.5, P + 1),
    *last(sp.zeta, 2.0, Q, key=sp._ufuncs._zeta),
    *both(sp.beta, (P, Q), (S, Q), step=4e-3),
    *both(sp.betaln, (P, Q), (S, Q), step=4e-3),
    *both(sp.binom, (P + 4, Q), step=4e-3),
    *both(sp.poch, (P, Q), (S, 2.5), step=4e-3),
    *(c for fn in (sp.gammainc, sp.gammaincc) for a in (0.6, 1.0, 3.5)
      for c in last(fn, a, P, **SMOOTH)),
    *(c for fn in (sp.gammaincinv, sp.gammainccinv) for c in last(fn, 2.5, UNIT, **SMOOTH)),
    *(c for fn in (sp.betainc, sp.betaincc, sp.betaincinv, sp.betainccinv)
      for c in last(fn, 1.7, 2.6, UNIT, **SMOOTH)),
    *both(sp.owens_t, (X, Q), (S, 0.4)),
    Case(sp.voigt_profile, (X, Q, 0.4), (0, 1, 2), step=4e-3, second=False),
    *last(sp.stdtr, 3.5, X), *last(sp.stdtrit, 3.5, UNIT, **SMOOTH),
    *last(sp.chdtr, 3.0, P), *last(sp.chdtrc, 3.0, P, **SMOOTH),
    Case(sp.gdtr, (1.2, 2.5, P), (0, 2), step=4e-3),
    Case(sp.gdtrc, (1.2, 2.5, P), (0, 2), step=4e-3),
    *last(sp.pdtr, 2.0, P), *last(sp.pdtrc, 2.0, P),
    *last(sp.fdtr, 3.0, 5.0, P, **SMOOTH), *last(sp.fdtrc, 3.0, 5.0, P, **SMOOTH),
    *(c for n in (0, 1, 3) for c in last(sp.expn, n, P + 0.3, step=4e-3, second=n != 0)),
    *(Case(lambda z: (np.real(sp.lambertw(z)), np.imag(sp.lambertw(z, k=-1))), (z,), step=2e-3,
           key=sp._ufuncs._lambertw)
      for z in (P, np.array([0.0, 0.1]) + 0.02, Z)),
    *(c for fn in (sp.jv, sp.jve, sp.iv, sp.ive, sp.struve, sp.modstruve) for v in (0, 1, 2.5)
      for c in last(fn, v, P + 0.2, **SMOOTH)),
    *(c for fn in (sp.yv, sp.yve, sp.kv, sp.kve, sp.hankel1, sp.hankel2, sp.hankel1e, sp.hankel2e)
      for v in (0, 1, 2.5) for c in last(fn, v, P + 0.2, step=2e-3)),
    *(c for fn in (sp.yn, sp.kn) for n in (0, 1, 3) for c in last(fn, n, P + 0.2, step=2e-3)),
    *(c for fn in (sp.jv, sp.yv, sp.iv, sp.kv, sp.kve, sp.hankel1) for c in last(fn, 1.5, Z + 3)),
    *last(sp.jv, 2, X), *last(sp.iv, 3, X),
    *last(sp.hyp2f1, 0.7, 1.3, 2.1, UNIT - 0.5), *last(sp.hyp1f1, 0.7, 1.3, X),
    *last(sp.hyp0f1, 1.3, X), *last(sp.hyperu, 0.7, 1.3, P + 0.3, step=4e-3),
    Case(sp.ellipkinc, (UNIT, 0.3), (0,)), Case(sp.ellipeinc, (UNIT, 0.3), (0,)),
    *both(sp.agm, (P, Q), (S, S), step=4e-3),
    *(c for fn in (sp.eval_legendre, sp.eval_sh_legendre, sp.eval_chebyt, sp.eval_chebyu,
                   sp.eval_hermite, sp.eval_hermitenorm, sp.eval_laguerre)
      for n in (0, 1, 2, 5) for c in last(fn, n, X / 3, second=n > 1)
      if n > 0),
    *(c for n in (1, 4) for c in last(sp.eval_genlaguerre, n, 0.6, X, second=n > 1)),
    *(c for n in (1, 4) for c in last(sp.eval_gegenbauer, n, 0.6, X / 3, second=n > 1)),
    *(c for n in (1, 4) for c in last(sp.eval_jacobi, n, 0.6, 1.2, X / 3, second=n > 1)),
    *last(sp.eval_legendre, 4, np.array([-1.0, 1.0]), step=1e-2),
    *(Case(dsp.logsumexp, (X,), kwargs=k, key=dsp._logsumexp) for k in
      ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"keepdims": True})),
    *(Case(lambda a, b, **k: dsp.logsumexp(a, b=b, **k), (X, Q), (0, 1), kwargs=k, step=4e-3,
           key=dsp._logsumexp) for k in ({}, {"axis": 0}, {"axis": 1, "keepdims": True})),
    *(Case(lambda a, b, **k: dsp.logsumexp(a, b=b, return_sign=True, **k)[0], (X, -Q), (0, 1),
           kwargs=k, step=4e-3, key=dsp._logsumexp) for k in ({}, {"axis": 0})),
    *(Case(fn, (X,), kwargs=k, key=key)
      for fn, key in ((dsp.softmax, dsp._softmax), (dsp.log_softmax, dsp._log_softmax))
      for k in ({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)})),
    *(Case(dsp.polygamma, (n, P), (1,), step=2e-3) for n in (0, 1, 2, np.array([0, 1, 3]))),
    Case(dsp.multigammaln, (P + 2, 3)),
    Case(dsp.softplus, (X,)),
]  # fmt: skip

M = RNG.normal(size=(3, 3))
MZ = M + 1j * RNG.normal(size=(3, 3))
STACK = RNG.normal(size=(2, 3, 3))
SPD = M @ M.T + 2 * np.eye(3)
TRIANGLE = M + 4 * np.eye(3)
B, V = RNG.normal(size=(3, 2)), RNG.normal(size=3)


def cholesky_solution(a: Any, b: Any, lower: bool) -> Any:
    return dsp.cho_solve(dsp.cho_factor(a, lower=lower), b)


CASES += [
    *(Case(dsp.expm, (x,), key=dsp._expm) for x in (M, MZ, STACK, np.zeros((2, 2)), np.eye(2))),
    *(Case(dsp.logm, (x,), key=dsp._logm, step=4e-3) for x in (SPD, TRIANGLE)),
    *(Case(dsp.sqrtm, (x,), key=dsp._sqrtm, step=4e-3) for x in (SPD, np.eye(3))),
    *(Case(dsp.solve_triangular, (TRIANGLE, b), (0, 1), kwargs=k, key=key)
      for key in (dsp._solve_lower, dsp._solve_upper) for b in (V, B)
      for k in ({}, {"lower": True}, {"trans": 1}, {"trans": "C", "lower": True},
                {"unit_diagonal": True})),
    *(Case(dsp.solve_triangular, (TRIANGLE + 0.3j * M, B), (0, 1), kwargs=k, key=dsp._solve_lower)
      for k in ({}, {"trans": 2, "lower": True})),
    *(Case(cholesky_solution, (SPD, b, lower), (0, 1)) for b in (V, B) for lower in (True, False)),
    Case(dsp.solve_sylvester, (SPD, TRIANGLE, M), (0, 1, 2), key=dsp._sylvester),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def _gradient(f: Any, x: Any) -> Any:
    rows, y, k = record(f, [x])
    return filled(reverse_sweep(rows, 1, k, np.ones(np.shape(y))[()])[0], x)


REFUSED = [
    (sp.gammainc, (1.5, 2.0), 0), (sp.gammaincc, (1.5, 2.0), 0), (sp.gammaincinv, (1.5, 0.2), 0),
    (sp.gammainccinv, (1.5, 0.2), 0), (sp.betainc, (1.5, 2.0, 0.3), 0),
    (sp.betainc, (1.5, 2.0, 0.3), 1), (sp.betaincc, (1.5, 2.0, 0.3), 0),
    (sp.betaincc, (1.5, 2.0, 0.3), 1), (sp.betaincinv, (1.5, 2.0, 0.3), 0),
    (sp.betainccinv, (1.5, 2.0, 0.3), 1), (sp.jv, (1.5, 2.0), 0), (sp.yv, (1.5, 2.0), 0),
    (sp.iv, (1.5, 2.0), 0), (sp.kv, (1.5, 2.0), 0), (sp.ive, (1.5, 2.0), 0),
    (sp.kve, (1.5, 2.0), 0), (sp.jve, (1.5, 2.0), 0), (sp.yve, (1.5, 2.0), 0),
    (sp.struve, (1.5, 2.0), 0), (sp.modstruve, (1.5, 2.0), 0), (sp.hankel1, (1.5, 2.0), 0),
    (sp.zeta, (2.5, 1.5), 0), (sp.hyp2f1, (0.5, 1.5, 2.0, 0.3), 0),
    (sp.hyp2f1, (0.5, 1.5, 2.0, 0.3), 2),
    (sp.hyp1f1, (0.5, 1.5, 0.3), 1), (sp.hyp0f1, (0.5, 0.3), 0), (sp.hyperu, (0.5, 1.5, 0.3), 1),
    (sp.ellipkinc, (0.5, 0.3), 1), (sp.ellipeinc, (0.5, 0.3), 1), (sp.stdtr, (3.0, 0.3), 0),
    (sp.eval_legendre, (2.5, 0.3), 0), (sp.eval_jacobi, (2.0, 0.5, 0.5, 0.3), 1),
    (sp.inv_boxcox, (0.5, 0.3), 1),
]  # fmt: skip


@pytest.mark.parametrize(("fn", "args", "k"), REFUSED, ids=lambda v: getattr(v, "__name__", None))
def test_a_derivative_without_a_formula_is_refused_and_not_zero(fn: Any, args: Any, k: int) -> None:
    def f(x: float) -> Any:
        return fn(*args[:k], x, *args[k + 1 :])

    rows, _y, row = record(f, [args[k]])
    with pytest.raises(MissingRuleError, match=r"keep \w+ constant"):
        reverse_sweep(rows, 1, row, 1.0)
    with pytest.raises(MissingRuleError, match="finite_difference"):
        forward_sweep(rows, [1.0], row)


def test_scaled_bessel_functions_of_complex_arguments_are_refused() -> None:
    with pytest.raises(MissingRuleError, match="not holomorphic"):
        _gradient(lambda z: np.real(sp.ive(1, z)), Z)


def test_the_digamma_function_of_complex_arguments_is_refused() -> None:
    with pytest.raises(MissingRuleError, match="Hurwitz"):
        _gradient(lambda z: np.real(sp.psi(z)), Z)


def test_the_order_zero_polynomial_is_constant() -> None:
    for fn in (sp.eval_legendre, sp.eval_sh_legendre, sp.eval_chebyt, sp.eval_chebyu,
               sp.eval_hermite, sp.eval_hermitenorm, sp.eval_laguerre):  # fmt: skip
        assert not np.any(_gradient(lambda x, fn=fn: fn(0, x), X / 3))


def test_special_points() -> None:
    # 1/gamma near -n is (-1)^n n! (x + n).
    np.testing.assert_allclose(
        _gradient(sp.rgamma, np.array([0.0, -1.0, -2.0, -3.0])), [1, -1, 2, -6], rtol=1e-14
    )
    assert _gradient(lambda x: sp.xlogy(0.0, x), 0.0) == 0.0
    assert _gradient(lambda x: sp.xlogy(x, x), 0.0) == -np.inf
    assert _gradient(sp.entr, 0.0) == np.inf
    assert _gradient(sp.spence, 1.0) == -1.0
    assert _gradient(sp.ellipk, 0.0) == pytest.approx(np.pi / 8, rel=1e-15)
    assert _gradient(sp.exprel, 0.0) == 0.5
    assert _gradient(lambda x: np.real(sp.lambertw(x)), 0.0) == 1.0
    assert _gradient(sp.i0e, 0.0) == 0.0
    # Far out, where 1 - expit(x) has rounded to zero and ndtr underflows.
    assert _gradient(sp.expit, 40.0) == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert _gradient(sp.log_ndtr, -60.0) == pytest.approx(
        60 + 1 / 60 - 2 / 60**3 + 10 / 60**5, rel=1e-10
    )  # Mills' ratio


def test_logsumexp_of_nothing_has_gradient_zero() -> None:
    nothing = np.array([-np.inf, -np.inf])
    np.testing.assert_array_equal(_gradient(dsp.logsumexp, nothing), [0.0, 0.0])
    np.testing.assert_allclose(
        _gradient(dsp.logsumexp, np.array([1e4, 1e4, -np.inf])), [0.5, 0.5, 0.0], rtol=1e-15
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "args"),
    [
        (dsp.logsumexp, sp.logsumexp, (X, 0, Q)), (dsp.softmax, sp.softmax, (X, 1)),
        (dsp.log_softmax, sp.log_softmax, (X, 1)), (dsp.polygamma, sp.polygamma, ([0, 1, 2], Q)),
        (dsp.multigammaln, sp.multigammaln, (P + 2, 3)), (dsp.expm, sla.expm, (M,)),
        (dsp.logm, sla.logm, (SPD,)), (dsp.sqrtm, sla.sqrtm, (SPD,)),
        (dsp.solve_triangular, sla.solve_triangular, (TRIANGLE, V, 1)),
        (dsp.solve_sylvester, sla.solve_sylvester, (SPD, TRIANGLE, M)),
        (dsp.softplus, lambda x: np.logaddexp(x, 0), (X,)),
        (lambda a, b: dsp.cho_solve(dsp.cho_factor(a), b), sla.solve, (SPD, B)),
    ],
)  # fmt: skip
def test_plain_arrays_give_scipys_value(ours: Any, theirs: Any, args: Any) -> None:
    np.testing.assert_allclose(ours(*args), theirs(*args), rtol=1e-13)


def test_logsumexp_returns_the_sign() -> None:
    value, sign = dsp.logsumexp([1.0, 2.0], b=[1.0, -1.0], return_sign=True)
    assert (value, sign) == pytest.approx((np.log(np.e**2 - np.e), -1.0), rel=1e-15)


def test_the_derivative_of_expm_at_a_nilpotent_matrix() -> None:
    # exp([[0, x], [0, 0]]) = [[1, x], [0, 1]], and d/dA_21 of the trace of exp(A) there is x.
    a = np.array([[0.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(
        _gradient(lambda a: np.sum(dsp.expm(a) * np.eye(2)), a), [[1, 0], [3, 1]], atol=1e-14
    )


def test_every_sympy_form_has_the_value_of_the_function() -> None:
    sympy = pytest.importorskip("sympy")
    formed = 0
    for case in CASES:
        rule = RULES.get(case.fn)
        if rule is None or rule.sympy is None or any(np.iscomplexobj(a) for a in case.args):
            continue
        point = [np.ravel(a)[-1].item() for a in case.args]
        numbers = [sympy.Rational(p) for p in point]
        form = rule.sympy
        expression = (
            getattr(sympy, form)(*numbers) if isinstance(form, str) else form(sympy, *numbers)
        )
        want = complex(case.fn(*point))
        assert complex(sympy.N(expression)) == pytest.approx(want, rel=1e-9, abs=1e-12), rule.name
        formed += 1
    assert formed > 100


def test_without_scipy_the_error_carries_the_install_line() -> None:
    program = (
        "import sys; sys.modules['scipy'] = None\n"
        "import diffkit\n"
        "try:\n    import diffkit.scipy\n"
        "except diffkit.errors.MissingPackageError as e:\n    print(e)"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'diffkit[scipy]'" in out.stdout
