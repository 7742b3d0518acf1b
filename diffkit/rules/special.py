"""The ufuncs of scipy.special.

SciPy is an optional package: this file is imported when one of its ufuncs first meets a traced
value. Formulas are those of the NIST Digital Library of Mathematical Functions (DLMF), whose
equation is named where the formula is not plain calculus. A derivative that has no closed form
(in the order of an incomplete gamma function, say) is refused, and never taken for zero.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from ..errors import MissingRuleError
from . import balls
from .constants import (
    DEGREE,
    EIGHTH_PI,
    HALF_ROOT_PI,
    LN2,
    LN10,
    MINUS_ROOT_HALF,
    QUARTER_PI,
    ROOT_PI,
    ROOT_TWO,
    ROOT_TWO_BY_PI,
    ROOT_TWO_PI,
    TWO_BY_ROOT_PI,
)
from .primitive import composite, elementwise, locally_constant


def refuse(name, argument):
    """A rule for an argument in which no derivative is known."""

    def rule(t, y, *args):
        raise MissingRuleError(
            f"scipy.special.{name} has no derivative rule in {argument}; keep {argument} constant, "
            f"or use a backend that calls the function as a black box, such as "
            f"backend='finite_difference'"
        )

    return rule


def _log(x):
    """log x, minus infinity at 0 without a warning."""
    return special.xlogy(1.0, x)


def _real_only(x, name):
    if np.iscomplexobj(x):
        raise MissingRuleError(f"scipy.special.{name} of a complex argument is not holomorphic and "
                               f"has no derivative rule; use its unscaled form")  # fmt: skip
    return x


# Exponentials, logarithms and powers
elementwise(special.exp2, lambda t, y, x: t * y * LN2, sympy=lambda sp, x: 2**x,
            ball=lambda x: 2**x)  # fmt: skip
elementwise(special.exp10, lambda t, y, x: t * y * LN10, sympy=lambda sp, x: 10**x,
            ball=lambda x: 10**x)  # fmt: skip
elementwise(special.expm1, lambda t, y, x: t * (y + 1), sympy=lambda sp, x: sp.exp(x) - 1,
            ball="expm1")  # fmt: skip
elementwise(special.log1p, lambda t, y, x: t / (1 + x), sympy=lambda sp, x: sp.log(1 + x),
            ball="log1p")  # fmt: skip
elementwise(special.cbrt, lambda t, y, x: t / (3 * y * y), sympy="cbrt",
            ball=balls.cbrt)  # fmt: skip
elementwise(special.cosm1, lambda t, y, x: -t * np.sin(x), sympy=lambda sp, x: sp.cos(x) - 1,
            ball=lambda x: x.cos() - 1)  # fmt: skip
# (e^x - 1)/x is 1F1(1; 2; x).
elementwise(special.exprel, lambda t, y, x: t * special.hyp1f1(2.0, 3.0, x) / 2,
            sympy=lambda sp, x: (sp.exp(x) - 1) / x)  # fmt: skip
elementwise(
    special.powm1,
    lambda t, y, a, b: t * b * np.power(a, b - 1.0),
    lambda t, y, a, b: t * special.xlogy(y + 1, a),
    sympy=lambda sp, a, b: a**b - 1,
    ball=lambda a, b: a**b - 1,
)
elementwise(special.sindg, lambda t, y, x: t * special.cosdg(x) * DEGREE,
            sympy=lambda sp, x: sp.sin(x * sp.pi / 180),
            ball=lambda x: (x / 180).sin_pi())  # fmt: skip
elementwise(special.cosdg, lambda t, y, x: -t * special.sindg(x) * DEGREE,
            sympy=lambda sp, x: sp.cos(x * sp.pi / 180),
            ball=lambda x: (x / 180).cos_pi())  # fmt: skip
elementwise(special.tandg, lambda t, y, x: t * (1 + y * y) * DEGREE,
            sympy=lambda sp, x: sp.tan(x * sp.pi / 180),
            ball=lambda x: (x / 180).tan_pi())  # fmt: skip
elementwise(
    special.boxcox,
    lambda t, y, x, p: t * np.power(x, p - 1.0),
    lambda t, y, x, p: t * _boxcox_slope(y, np.log(x), p),
)
elementwise(
    special.boxcox1p,
    lambda t, y, x, p: t * np.power(1.0 + x, p - 1.0),
    lambda t, y, x, p: t * _boxcox_slope(y, np.log1p(x), p),
)
elementwise(
    special.inv_boxcox,
    lambda t, y, x, p: t * np.power(y, 1.0 - p),
    refuse("inv_boxcox", "lmbda"),
)
elementwise(
    special.inv_boxcox1p,
    lambda t, y, x, p: t * np.power(1.0 + y, 1.0 - p),
    refuse("inv_boxcox1p", "lmbda"),
)


def _boxcox_slope(y, log, p):
    # y = log * exprel(p log)
    return log * log * special.hyp1f1(2.0, 3.0, p * log) / 2


# Entropies and logistic functions. At x = 0 the derivative of x log x is minus infinity.
elementwise(
    special.xlogy,
    lambda t, y, a, b: t * special.xlogy(1.0, b),
    lambda t, y, a, b: t * _quotient(a, b),
    sympy=lambda sp, a, b: a * sp.log(b),
    ball=lambda a, b: a * b.log(),
)
elementwise(
    special.xlog1py,
    lambda t, y, a, b: t * special.xlog1py(1.0, b),
    lambda t, y, a, b: t * _quotient(a, 1.0 + b),
    sympy=lambda sp, a, b: a * sp.log(1 + b),
    ball=lambda a, b: a * b.log1p(),
)


def _quotient(a, b):
    """a / b, and 0 for 0 / 0, as xlogy(0, 0) is 0."""
    both = np.logical_and(a == 0, b == 0)
    return np.where(both, 0.0, a / np.where(both, 1.0, b))


elementwise(special.entr, lambda t, y, x: -t * (1 + _log(x)), sympy=lambda sp, x: -x * sp.log(x),
            ball=lambda x: -x * x.log())  # fmt: skip
elementwise(
    special.rel_entr,
    lambda t, y, a, b: t * (1 + _log(a / b)),
    lambda t, y, a, b: -t * a / b,
    sympy=lambda sp, a, b: a * sp.log(a / b),
    ball=lambda a, b: a * (a / b).log(),
)
elementwise(
    special.kl_div,
    lambda t, y, a, b: t * _log(a / b),
    lambda t, y, a, b: t * (1 - a / b),
    sympy=lambda sp, a, b: a * sp.log(a / b) - a + b,
    ball=lambda a, b: a * (a / b).log() - a + b,
)
# 1 - y would lose every digit once y has rounded to 1.
elementwise(special.expit, lambda t, y, x: t * y * special.expit(-x),
            sympy=lambda sp, x: 1 / (1 + sp.exp(-x)),
            ball=lambda x: 1 / (1 + (-x).exp()))  # fmt: skip
elementwise(special.logit, lambda t, y, x: t / (x * (1 - x)),
            sympy=lambda sp, x: sp.log(x / (1 - x)),
            ball=lambda x: (x / (1 - x)).log())  # fmt: skip
elementwise(special.log_expit, lambda t, y, x: t * special.expit(-x),
            sympy=lambda sp, x: -sp.log(1 + sp.exp(-x)),
            ball=lambda x: -(-x).exp().log1p())  # fmt: skip

# Losses
elementwise(
    special.huber,
    lambda t, y, d, r: t * np.maximum(np.abs(r) - d, 0.0),
    lambda t, y, d, r: t * np.maximum(np.minimum(r, d), -d),
)
elementwise(
    special.pseudo_huber,
    lambda t, y, d, r: t * (2 * y / d - r * r / np.hypot(d, r)),
    lambda t, y, d, r: t * r * d / np.hypot(d, r),
    sympy=lambda sp, d, r: d**2 * (sp.sqrt(1 + (r / d) ** 2) - 1),
    ball=lambda d, r: d * d * ((1 + (r / d) ** 2).sqrt() - 1),
)

# Gamma functions (DLMF 5)
elementwise(special.gamma, lambda t, y, x: t * y * special.psi(x), sympy="gamma",
            ball="gamma")  # fmt: skip
elementwise(special.gammaln, lambda t, y, x: t * special.psi(x),
            sympy=lambda sp, x: sp.log(sp.Abs(sp.gamma(x))),
            ball=lambda x: -abs(x.rgamma()).log())  # fmt: skip
elementwise(special.loggamma, lambda t, y, x: t * special.psi(x), sympy="loggamma",
            ball="lgamma")  # fmt: skip
locally_constant(special.gammasgn)


def _rgamma_slope(y, x):
    # Left of 1/2 by reflection (5.5.3), as the poles of gamma are ordinary points of 1/gamma.
    left = np.real(x) < 0.5
    mirror = np.where(left, 1.0 - x, 1.0)
    reflected = special.gamma(mirror) * (
        np.cos(np.pi * x) - special.psi(mirror) * np.sin(np.pi * x) / np.pi
    )
    return np.where(left, reflected, -y * special.psi(np.where(left, 1.0, x)))


elementwise(special.rgamma, lambda t, y, x: t * _rgamma_slope(y, x),
            sympy=lambda sp, x: 1 / sp.gamma(x))  # fmt: skip


def _trigamma(x):
    if np.iscomplexobj(x):
        raise MissingRuleError(
            "the derivative of scipy.special.psi is the Hurwitz zeta function, which SciPy has for "
            "real arguments only; keep the argument real"
        )
    return special.zeta(2.0, x)


# psi' is the Hurwitz zeta function (25.11.12), and zeta' a zeta function again (25.11.17).
elementwise(special.psi, lambda t, y, x: t * _trigamma(x), sympy="digamma",
            ball="digamma")  # fmt: skip
elementwise(
    special._ufuncs._zeta,
    refuse("zeta", "x"),
    lambda t, y, s, q: -t * s * special.zeta(s + 1.0, q),
    sympy="zeta",
    ball=balls.zeta,
)
elementwise(
    special.beta,
    lambda t, y, a, b: t * y * (special.psi(a) - special.psi(a + b)),
    lambda t, y, a, b: t * y * (special.psi(b) - special.psi(a + b)),
    sympy="beta",
    ball=lambda a, b: a.gamma() * b.gamma() * (a + b).rgamma(),
)
elementwise(
    special.betaln,
    lambda t, y, a, b: t * (special.psi(a) - special.psi(a + b)),
    lambda t, y, a, b: t * (special.psi(b) - special.psi(a + b)),
    sympy=lambda sp, a, b: sp.log(sp.Abs(sp.beta(a, b))),
    ball=lambda a, b: -abs(a.rgamma() * b.rgamma() / (a + b).rgamma()).log(),
)
elementwise(
    special.binom,
    lambda t, y, n, k: t * y * (special.psi(n + 1.0) - special.psi(n - k + 1.0)),
    lambda t, y, n, k: t * y * (special.psi(n - k + 1.0) - special.psi(k + 1.0)),
    sympy="binomial",
)
elementwise(
    special.poch,
    lambda t, y, z, m: t * y * (special.psi(z + m) - special.psi(z)),
    lambda t, y, z, m: t * y * special.psi(z + m),
    sympy="RisingFactorial",
)

# Incomplete gamma and beta functions and their inverses (DLMF 8)


def _gamma_density(a, x):
    return np.exp(special.xlogy(a - 1.0, x) - x - special.gammaln(a))


def _beta_density(a, b, x):
    return np.exp(special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b))


elementwise(special.gammainc, refuse("gammainc", "a"),
            lambda t, y, a, x: t * _gamma_density(a, x),
            sympy=lambda sp, a, x: sp.lowergamma(a, x) / sp.gamma(a),
            ball=lambda a, x: x.gamma_lower(a, 1))  # fmt: skip
elementwise(special.gammaincc, refuse("gammaincc", "a"),
            lambda t, y, a, x: -t * _gamma_density(a, x),
            sympy=lambda sp, a, x: sp.uppergamma(a, x) / sp.gamma(a),
            ball=lambda a, x: x.gamma_upper(a, 1))  # fmt: skip
elementwise(special.gammaincinv, refuse("gammaincinv", "a"),
            lambda t, y, a, p: t / _gamma_density(a, y))  # fmt: skip
elementwise(special.gammainccinv, refuse("gammainccinv", "a"),
            lambda t, y, a, p: -t / _gamma_density(a, y))  # fmt: skip
elementwise(special.betainc, refuse("betainc", "a"), refuse("betainc", "b"),
            lambda t, y, a, b, x: t * _beta_density(a, b, x),
            sympy=lambda sp, a, b, x: sp.betainc_regularized(a, b, 0, x),
            ball=lambda a, b, x: x.beta_lower(a, b, 1))  # fmt: skip
elementwise(special.betaincc, refuse("betaincc", "a"), refuse("betaincc", "b"),
            lambda t, y, a, b, x: -t * _beta_density(a, b, x),
            sympy=lambda sp, a, b, x: sp.betainc_regularized(a, b, x, 1),
            ball=lambda a, b, x: (1 - x).beta_lower(b, a, 1))  # fmt: skip
elementwise(special.betaincinv, refuse("betaincinv", "a"), refuse("betaincinv", "b"),
            lambda t, y, a, b, p: t / _beta_density(a, b, y))  # fmt: skip
elementwise(special.betainccinv, refuse("betainccinv", "a"), refuse("betainccinv", "b"),
            lambda t, y, a, b, p: -t / _beta_density(a, b, y))  # fmt: skip

# Error functions and the normal distribution (DLMF 7)
elementwise(special.erf, lambda t, y, x: t * TWO_BY_ROOT_PI * np.exp(-x * x), sympy="erf",
            ball="erf")  # fmt: skip
elementwise(special.erfc, lambda t, y, x: -t * TWO_BY_ROOT_PI * np.exp(-x * x), sympy="erfc",
            ball="erfc")  # fmt: skip
elementwise(special.erfi, lambda t, y, x: t * TWO_BY_ROOT_PI * np.exp(x * x), sympy="erfi",
            ball="erfi")  # fmt: skip
elementwise(special.erfcx, lambda t, y, x: t * (2 * x * y - TWO_BY_ROOT_PI),
            sympy=lambda sp, x: sp.exp(x**2) * sp.erfc(x),
            ball=lambda x: (x * x).exp() * x.erfc())  # fmt: skip
elementwise(special.erfinv, lambda t, y, x: t * HALF_ROOT_PI * np.exp(y * y), sympy="erfinv",
            ball="erfinv")  # fmt: skip
elementwise(
    special.erfcinv,
    lambda t, y, x: -t * HALF_ROOT_PI * np.exp(y * y),
    sympy=lambda sp, x: sp.erfinv(1 - x),
    ball="erfcinv",
)
elementwise(special.dawsn, lambda t, y, x: t * (1 - 2 * x * y),
            sympy=lambda sp, x: sp.sqrt(sp.pi) / 2 * sp.exp(-(x**2)) * sp.erfi(x),
            ball=lambda x: x.pi().sqrt() / 2 * (-x * x).exp() * x.erfi())  # fmt: skip
elementwise(special.wofz, lambda t, y, z: t * (2j / ROOT_PI - 2 * z * y),
            sympy=lambda sp, z: sp.exp(-(z**2)) * sp.erfc(-sp.I * z))  # fmt: skip
elementwise(special.ndtr, lambda t, y, x: t * np.exp(-x * x / 2) / ROOT_TWO_PI,
            sympy=lambda sp, x: (1 + sp.erf(x / sp.sqrt(2))) / 2,
            ball=lambda x: (-x / balls.ball(2).sqrt()).erfc() / 2)  # fmt: skip
# phi/Phi through erfcx, which neither underflows nor cancels in the far tail.
elementwise(special.log_ndtr,
            lambda t, y, x: t * ROOT_TWO_BY_PI / special.erfcx(x * MINUS_ROOT_HALF),
            sympy=lambda sp, x: sp.log((1 + sp.erf(x / sp.sqrt(2))) / 2),
            ball=lambda x: ((-x / balls.ball(2).sqrt()).erfc() / 2).log())  # fmt: skip
elementwise(special.ndtri, lambda t, y, p: t * ROOT_TWO_PI * np.exp(y * y / 2),
            sympy=lambda sp, p: sp.sqrt(2) * sp.erfinv(2 * p - 1),
            ball=lambda p: balls.ball(2).sqrt() * (2 * p - 1).erfinv())  # fmt: skip
elementwise(special.ndtri_exp, lambda t, y, x: t * ROOT_TWO_PI * np.exp(x + y * y / 2))
elementwise(
    special.owens_t,
    lambda t, y, h, a: -t * np.exp(-h * h / 2) * special.erf(a * h / ROOT_TWO) / ROOT_TWO_PI / 2,
    lambda t, y, h, a: t * np.exp(-h * h * (1 + a * a) / 2) / (1 + a * a) / (2 * np.pi),
)


@composite(special.voigt_profile)
def voigt_profile(x, sigma, gamma):
    """The Faddeeva function on a scale (DLMF 7.19.3); sigma is not zero."""
    return np.real(special.wofz((x + 1j * gamma) / (sigma * ROOT_TWO))) / (sigma * ROOT_TWO_PI)


# Distribution functions that are incomplete gamma and beta functions


def _student_density(n, x):
    return np.exp(-(n + 1.0) / 2 * np.log1p(x * x / n) - special.betaln(n / 2, 0.5)) / np.sqrt(n)


elementwise(special.stdtr, refuse("stdtr", "df"), lambda t, y, n, x: t * _student_density(n, x))
elementwise(special.stdtrit, refuse("stdtrit", "df"),
            lambda t, y, n, p: t / _student_density(n, y))  # fmt: skip
composite(special.chdtr)(lambda v, x: special.gammainc(v / 2, x / 2))
composite(special.chdtrc)(lambda v, x: special.gammaincc(v / 2, x / 2))
composite(special.gdtr)(lambda a, b, x: special.gammainc(b, a * x))
composite(special.gdtrc)(lambda a, b, x: special.gammaincc(b, a * x))
composite(special.pdtr)(lambda k, m: special.gammaincc(np.floor(k) + 1.0, m))
composite(special.pdtrc)(lambda k, m: special.gammainc(np.floor(k) + 1.0, m))
composite(special.fdtr)(lambda n, m, x: special.betainc(n / 2, m / 2, n * x / (m + n * x)))
composite(special.fdtrc)(lambda n, m, x: special.betainc(m / 2, n / 2, m / (m + n * x)))

# Exponential integrals (DLMF 6, 8.19) and the dilogarithm
elementwise(special.expi, lambda t, y, x: t * np.exp(x) / x, sympy="Ei",
            ball="ei")  # fmt: skip
elementwise(special.exp1, lambda t, y, x: -t * np.exp(-x) / x,
            sympy=lambda sp, x: sp.expint(1, x),
            ball=lambda x: x.expint(balls.ball(1)))  # fmt: skip
elementwise(special.expn, refuse("expn", "n"), lambda t, y, n, x: t * _expn_slope(y, n, x),
            sympy="expint")  # fmt: skip


def _expn_slope(y, n, x):
    # n E_{n+1} + x E_n = e^-x (8.19.12) leads from E_0 to the order -1, which SciPy lacks.
    lower = special.expn(np.maximum(n, 1) - 1, x)
    return -np.where(np.equal(n, 0), (np.exp(-x) + y) / x, lower)


def _spence_slope(x):
    # log(x)/(1-x), which is -1 at 1
    away = x != 1
    return np.where(away, special.xlogy(1.0, x) / np.where(away, 1.0 - x, 1.0), -1.0 + (x - 1) / 2)


elementwise(special.spence, lambda t, y, x: t * _spence_slope(x),
            sympy=lambda sp, x: sp.polylog(2, 1 - x))  # fmt: skip

# Lambert's W and the Wright omega function. e^-w/(1+w) has no trouble at 0, unlike w/(z(1+w)).
elementwise(
    special._ufuncs._lambertw,
    lambda t, y, z, k, tol: t * np.exp(-y) / (1 + y),
    *(refuse("lambertw", name) for name in ("k", "tol")),
    sympy=lambda sp, z, k, tol: sp.LambertW(z, k),
)
elementwise(special.wrightomega, lambda t, y, z: t * y / (1 + y),
            sympy=lambda sp, z: sp.LambertW(sp.exp(z)))  # fmt: skip

# Bessel functions (DLMF 10.6, 10.29). The mean of two neighbours has no division by x.


def _half_difference(fn, v, x):
    return (fn(v - 1, x) - fn(v + 1, x)) / 2


def _half_sum(fn, v, x):
    return (fn(v - 1, x) + fn(v + 1, x)) / 2


elementwise(special.j0, lambda t, y, x: -t * special.j1(x),
            sympy=lambda sp, x: sp.besselj(0, x),
            ball=lambda x: x.bessel_j(balls.ball(0)))  # fmt: skip
elementwise(special.j1, lambda t, y, x: t * (special.j0(x) - special.jv(2, x)) / 2,
            sympy=lambda sp, x: sp.besselj(1, x),
            ball=lambda x: x.bessel_j(balls.ball(1)))  # fmt: skip
elementwise(special.y0, lambda t, y, x: -t * special.y1(x),
            sympy=lambda sp, x: sp.bessely(0, x),
            ball=lambda x: x.bessel_y(balls.ball(0)))  # fmt: skip
elementwise(special.y1, lambda t, y, x: t * (special.y0(x) - special.yn(2, x)) / 2,
            sympy=lambda sp, x: sp.bessely(1, x),
            ball=lambda x: x.bessel_y(balls.ball(1)))  # fmt: skip
elementwise(special.i0, lambda t, y, x: t * special.i1(x),
            sympy=lambda sp, x: sp.besseli(0, x),
            ball=lambda x: x.bessel_i(balls.ball(0)))  # fmt: skip
elementwise(special.i1, lambda t, y, x: t * (special.i0(x) + special.iv(2, x)) / 2,
            sympy=lambda sp, x: sp.besseli(1, x),
            ball=lambda x: x.bessel_i(balls.ball(1)))  # fmt: skip
elementwise(special.k0, lambda t, y, x: -t * special.k1(x),
            sympy=lambda sp, x: sp.besselk(0, x),
            ball=lambda x: x.bessel_k(balls.ball(0)))  # fmt: skip
elementwise(special.k1, lambda t, y, x: -t * (special.k0(x) + special.kn(2, x)) / 2,
            sympy=lambda sp, x: sp.besselk(1, x),
            ball=lambda x: x.bessel_k(balls.ball(1)))  # fmt: skip
elementwise(special.jv, refuse("jv", "v"),
            lambda t, y, v, x: t * _half_difference(special.jv, v, x), sympy="besselj",
            ball=lambda v, x: x.bessel_j(v))  # fmt: skip
elementwise(special.yv, refuse("yv", "v"),
            lambda t, y, v, x: t * _half_difference(special.yv, v, x), sympy="bessely",
            ball=lambda v, x: x.bessel_y(v))  # fmt: skip
elementwise(special.yn, refuse("yn", "n"),
            lambda t, y, n, x: t * _half_difference(special.yn, n, x), sympy="bessely",
            ball=lambda v, x: x.bessel_y(v))  # fmt: skip
elementwise(special.iv, refuse("iv", "v"),
            lambda t, y, v, x: t * _half_sum(special.iv, v, x), sympy="besseli",
            ball=lambda v, x: x.bessel_i(v))  # fmt: skip
elementwise(special.kv, refuse("kv", "v"),
            lambda t, y, v, x: -t * _half_sum(special.kv, v, x), sympy="besselk",
            ball=lambda v, x: x.bessel_k(v))  # fmt: skip
elementwise(special.kn, refuse("kn", "n"),
            lambda t, y, n, x: -t * _half_sum(special.kn, n, x), sympy="besselk",
            ball=lambda v, x: x.bessel_k(v))  # fmt: skip
elementwise(special.hankel1, refuse("hankel1", "v"),
            lambda t, y, v, x: t * _half_difference(special.hankel1, v, x),
            sympy="hankel1")  # fmt: skip
elementwise(special.hankel2, refuse("hankel2", "v"),
            lambda t, y, v, x: t * _half_difference(special.hankel2, v, x),
            sympy="hankel2")  # fmt: skip

# Scaled by e^-|x|, e^x, e^-|Im x| and e^-+ix
elementwise(special.i0e, lambda t, y, x: t * (special.i1e(x) - np.sign(x) * y),
            sympy=lambda sp, x: sp.exp(-sp.Abs(x)) * sp.besseli(0, x))  # fmt: skip
elementwise(special.i1e,
            lambda t, y, x: t * ((special.i0e(x) + special.ive(2, x)) / 2 - np.sign(x) * y),
            sympy=lambda sp, x: sp.exp(-sp.Abs(x)) * sp.besseli(1, x))  # fmt: skip
elementwise(special.ive, refuse("ive", "v"),
            lambda t, y, v, x: (
                t * (_half_sum(special.ive, v, x) - np.sign(_real_only(x, "ive")) * y)
            ),
            sympy=lambda sp, v, x: sp.exp(-sp.Abs(x)) * sp.besseli(v, x))  # fmt: skip
elementwise(special.k0e, lambda t, y, x: t * (y - special.k1e(x)),
            sympy=lambda sp, x: sp.exp(x) * sp.besselk(0, x))  # fmt: skip
elementwise(special.k1e, lambda t, y, x: t * (y - (special.k0e(x) + special.kve(2, x)) / 2),
            sympy=lambda sp, x: sp.exp(x) * sp.besselk(1, x))  # fmt: skip
elementwise(special.kve, refuse("kve", "v"),
            lambda t, y, v, x: t * (y - _half_sum(special.kve, v, x)),
            sympy=lambda sp, v, x: sp.exp(x) * sp.besselk(v, x))  # fmt: skip
elementwise(special.jve, refuse("jve", "v"),
            lambda t, y, v, x: t * _half_difference(special.jve, v, _real_only(x, "jve")),
            sympy="besselj")  # fmt: skip
elementwise(special.yve, refuse("yve", "v"),
            lambda t, y, v, x: t * _half_difference(special.yve, v, _real_only(x, "yve")),
            sympy="bessely")  # fmt: skip
elementwise(special.hankel1e, refuse("hankel1e", "v"),
            lambda t, y, v, x: t * (_half_difference(special.hankel1e, v, x) - 1j * y))  # fmt: skip
elementwise(special.hankel2e, refuse("hankel2e", "v"),
            lambda t, y, v, x: t * (_half_difference(special.hankel2e, v, x) + 1j * y))  # fmt: skip

# Struve functions (DLMF 11.4)


def _struve_term(v, x):
    return np.power(x / 2, v) * special.rgamma(v + 1.5) / ROOT_PI


elementwise(special.struve, refuse("struve", "v"),
            lambda t, y, v, x: (
                t * (_half_difference(special.struve, v, x) + _struve_term(v, x) / 2)
            ))  # fmt: skip
elementwise(special.modstruve, refuse("modstruve", "v"),
            lambda t, y, v, x: (
                t * (_half_sum(special.modstruve, v, x) + _struve_term(v, x) / 2)
            ))  # fmt: skip


# Hypergeometric functions (DLMF 15.5, 13.3, 16.3): all orders go up by one.
elementwise(
    special.hyp2f1,
    *(refuse("hyp2f1", name) for name in "abc"),
    lambda t, y, a, b, c, z: t * (a * b / c) * special.hyp2f1(a + 1, b + 1, c + 1, z),
    sympy=lambda sp, a, b, c, z: sp.hyper((a, b), (c,), z),
    ball=balls.hyp2f1,
)
elementwise(
    special.hyp1f1,
    *(refuse("hyp1f1", name) for name in "ab"),
    lambda t, y, a, b, z: t * (a / b) * special.hyp1f1(a + 1, b + 1, z),
    sympy=lambda sp, a, b, z: sp.hyper((a,), (b,), z),
    ball=lambda a, b, z: z.hypgeom_1f1(a, b),
)
elementwise(
    special.hyp0f1,
    refuse("hyp0f1", "v"),
    lambda t, y, v, z: t * special.hyp0f1(v + 1, z) / v,
    sympy=lambda sp, v, z: sp.hyper((), (v,), z),
    ball=lambda v, z: z.hypgeom_0f1(v),
)
elementwise(
    special.hyperu,
    *(refuse("hyperu", name) for name in "ab"),
    lambda t, y, a, b, x: -t * a * special.hyperu(a + 1, b + 1, x),
    ball=lambda a, b, x: x.hypgeom_u(a, b),
)

# Elliptic integrals, as hypergeometric functions (DLMF 19.5): the usual formulas divide by m.
elementwise(special.ellipk,
            lambda t, y, m: t * EIGHTH_PI * special.hyp2f1(1.5, 1.5, 2.0, m),
            sympy="elliptic_k",
            ball=lambda m: m.pi() / 2 * balls.hyp2f1(0.5, 0.5, 1, m))  # fmt: skip
elementwise(special.ellipe,
            lambda t, y, m: -t * EIGHTH_PI * special.hyp2f1(0.5, 1.5, 2.0, m),
            sympy="elliptic_e",
            ball=lambda m: m.pi() / 2 * balls.hyp2f1(-0.5, 0.5, 1, m))  # fmt: skip
elementwise(special.ellipkm1,
            lambda t, y, p: -t * EIGHTH_PI * special.hyp2f1(1.5, 1.5, 2.0, 1 - p),
            sympy=lambda sp, p: sp.elliptic_k(1 - p),
            ball=lambda p: p.pi() / 2 * balls.hyp2f1(0.5, 0.5, 1, 1 - p))  # fmt: skip
elementwise(special.ellipkinc,
            lambda t, y, phi, m: t / np.sqrt(1 - m * np.sin(phi) ** 2),
            refuse("ellipkinc", "m"), sympy="elliptic_f")  # fmt: skip
elementwise(special.ellipeinc,
            lambda t, y, phi, m: t * np.sqrt(1 - m * np.sin(phi) ** 2),
            refuse("ellipeinc", "m"), sympy="elliptic_e")  # fmt: skip


@composite(special.agm)
def agm(a, b):
    """The arithmetic-geometric mean by the elliptic integral (DLMF 19.8.5)."""
    return (a + b) * QUARTER_PI / special.ellipk(((a - b) / (a + b)) ** 2)


# Orthogonal polynomials, of any degree n (DLMF 18.9). The derivative of one family is another.


def _lower(n):
    return np.maximum(n, 1) - 1


elementwise(
    special.eval_jacobi,
    *(refuse("eval_jacobi", name) for name in ("n", "alpha", "beta")),
    lambda t, y, n, a, b, x: t * (n + a + b + 1) / 2 * special.eval_jacobi(n - 1, a + 1, b + 1, x),
    sympy="jacobi",
    ball=lambda n, a, b, x: x.jacobi_p(n, a, b),
)
elementwise(
    special.eval_legendre,
    refuse("eval_legendre", "n"),
    lambda t, y, n, x: t * (n + 1) / 2 * special.eval_jacobi(n - 1, 1.0, 1.0, x),
    sympy="legendre",
    ball=lambda n, x: x.legendre_p(n),
)
elementwise(
    special.eval_sh_legendre,
    refuse("eval_sh_legendre", "n"),
    lambda t, y, n, x: t * (n + 1) * special.eval_jacobi(n - 1, 1.0, 1.0, 2 * x - 1),
    sympy=lambda sp, n, x: sp.legendre(n, 2 * x - 1),
    ball=lambda n, x: (2 * x - 1).legendre_p(n),
)
elementwise(
    special.eval_gegenbauer,
    refuse("eval_gegenbauer", "n"),
    refuse("eval_gegenbauer", "alpha"),
    lambda t, y, n, a, x: t * 2 * a * special.eval_gegenbauer(n - 1, a + 1, x),
    sympy="gegenbauer",
    ball=lambda n, a, x: x.gegenbauer_c(n, a),
)
elementwise(
    special.eval_chebyt,
    refuse("eval_chebyt", "n"),
    lambda t, y, n, x: t * n * special.eval_chebyu(n - 1, x),
    sympy="chebyshevt",
    ball=lambda n, x: x.chebyshev_t(n),
)
elementwise(
    special.eval_chebyu,
    refuse("eval_chebyu", "n"),
    lambda t, y, n, x: t * 2 * special.eval_gegenbauer(n - 1, 2.0, x),
    sympy="chebyshevu",
    ball=lambda n, x: x.chebyshev_u(n),
)
elementwise(
    special.eval_hermite,
    refuse("eval_hermite", "n"),
    lambda t, y, n, x: t * 2 * n * special.eval_hermite(_lower(n), x),
    sympy="hermite",
    ball=lambda n, x: x.hermite_h(n),
)
elementwise(
    special.eval_hermitenorm,
    refuse("eval_hermitenorm", "n"),
    lambda t, y, n, x: t * n * special.eval_hermitenorm(_lower(n), x),
    sympy="hermite_prob",
)
elementwise(
    special.eval_laguerre,
    refuse("eval_laguerre", "n"),
    lambda t, y, n, x: -t * special.eval_genlaguerre(n - 1, 1.0, x),
    sympy="laguerre",
    ball=lambda n, x: x.laguerre_l(n),
)
elementwise(
    special.eval_genlaguerre,
    refuse("eval_genlaguerre", "n"),
    refuse("eval_genlaguerre", "alpha"),
    lambda t, y, n, a, x: -t * special.eval_genlaguerre(n - 1, a + 1, x),
    sympy="assoc_laguerre",
    ball=lambda n, a, x: x.laguerre_l(n, a),
)
