"""SciPy functions that do not accept traced values, as functions that do.

The ufuncs of ``scipy.special`` can be called on traced values as they are; SciPy's other functions
convert their arguments to plain arrays and would lose the derivative. Those here take the same
arguments, plain or traced, and have derivatives of any order in both modes::

    from diffkit.scipy import logsumexp
    dk.gradient(lambda x: logsumexp(x), x)

Raises:
    MissingPackageError: on import, where SciPy is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import MissingPackageError
from .rules import balls
from .rules.constants import Constant
from .rules.linalg import _h, _t
from .rules.primitive import Primitive, kept, primitive
from .rules.reductions import spread

try:
    from scipy import linalg, special
except ImportError as error:
    raise MissingPackageError("diffkit.scipy", "scipy", extra="scipy") from error

from .rules import special as _ufunc_rules  # noqa: F401  the rules of special.psi and so on

Axis = int | tuple[int, ...] | None


# Exponential averages

# The largest element, on which the value of a shifted exponential average does not depend.
_shift = Primitive(
    "shift",
    lambda a, axis: np.nan_to_num(
        np.max(np.real(a), axis=axis, keepdims=True), neginf=0.0, posinf=0.0
    ),
    ball="as recorded",  # it cancels, whatever it is
)


def _softmax(x: Any, axis: Axis = None) -> Any:
    powers = np.exp(x - _shift(x, axis))
    total = np.sum(powers, axis=axis, keepdims=True)
    return powers / np.where(total == 0, 1.0, total)


def _softmax_slope(t: Any, y: Any, x: Any, axis: Axis = None) -> Any:
    return y * (t - np.sum(y * t, axis=axis, keepdims=True))


# Its Jacobian is symmetric.
_soft_max = primitive(_softmax, jvps=(_softmax_slope,), vjps=(_softmax_slope,), ball=balls.softmax)


def softmax(x: Any, axis: Axis = None) -> Any:
    """exp(x) / sum(exp(x)) over axis; zeros where every x is minus infinity."""
    return _soft_max(x, axis=axis)


def _logsumexp(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return special.logsumexp(a, axis=axis, keepdims=keepdims)


# exp(a - y) would be the same, with a relative error of |y| ulps.
_log_sum = primitive(
    _logsumexp,
    jvps=(
        lambda t, y, a, axis=None, keepdims=False: np.sum(
            t * _soft_max(a, axis=axis), axis=axis, keepdims=keepdims
        ),
    ),
    vjps=(
        lambda g, y, a, axis=None, keepdims=False: (
            spread(g, a, axis, keepdims) * _soft_max(a, axis=axis)
        ),
    ),
    ball=balls.logsumexp,
)


def logsumexp(
    a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log(sum(b * exp(a))) over axis, as scipy.special.logsumexp computes it."""
    if b is None and not return_sign:
        return _log_sum(a, axis=axis, keepdims=keepdims)
    a = a if b is None else kept(np.asarray(a) if isinstance(a, (list, tuple)) else a, b)
    shift = _shift(a, axis)
    total = np.sum(np.exp(a - shift) * (1.0 if b is None else b), axis=axis, keepdims=True)
    sign = np.sign(total) if return_sign else 1.0
    out = np.log(total * sign) + shift
    if not keepdims:
        out = np.squeeze(out, axis)
        sign = np.squeeze(sign, axis) if return_sign else sign
    return (out, sign) if return_sign else out


def _log_softmax(x: Any, axis: Axis = None) -> Any:
    return special.log_softmax(x, axis=axis)


_log_soft_max = primitive(
    _log_softmax,
    jvps=(lambda t, y, x, axis=None: t - np.sum(np.exp(y) * t, axis=axis, keepdims=True),),
    vjps=(lambda g, y, x, axis=None: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True),),
    ball=balls.log_softmax,
)


def log_softmax(x: Any, axis: Axis = None) -> Any:
    """log(softmax(x)) over axis, accurate where softmax underflows."""
    return _log_soft_max(x, axis=axis)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(0.0, x)


# Polygamma functions


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of the digamma function (DLMF 25.11.12)."""
    orders = np.maximum(n, 1)
    factorial = special.gamma(kept(orders + 1.0, x))
    higher = (-1.0) ** (orders + 1) * factorial * special.zeta(orders + 1.0, x)
    if np.all(np.equal(n, 0)):
        return special.psi(x)
    return np.where(np.equal(n, 0), special.psi(x), higher) if np.any(np.equal(n, 0)) else higher


def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension d (DLMF 35.3.4)."""
    total = sum(special.gammaln(a - k / 2) for k in range(d))
    return total + Constant(
        lambda arb: arb.pi().log() * (d * (d - 1)) / 4, d * (d - 1) / 4 * np.log(np.pi)
    )


# Functions of matrices. The derivative in the direction E is the upper right block of
# f([[A, E], [0, A]]) (Mathias 1996, theorem 2.1), in which f itself stands again, so that
# derivatives of any order follow.


def _matrix_function(fn: Callable[..., Any]) -> Primitive:
    def slope(a: Any, e: Any) -> Any:
        n = np.shape(a)[-1]
        upper = np.concatenate([a, e], axis=-1)
        lower = np.concatenate([np.zeros_like(a), a], axis=-1)
        return rule(np.concatenate([upper, lower], axis=-2))[..., :n, n:]

    rule = primitive(
        fn, jvps=(lambda t, y, a: slope(a, t),), vjps=(lambda g, y, a: slope(_t(a), g),)
    )
    return rule


def _expm(a: Any) -> Any:
    return linalg.expm(a)


def _logm(a: Any) -> Any:
    return linalg.logm(np.asarray(a, np.result_type(a, float)))  # it warns of single precision


def _sqrtm(a: Any) -> Any:
    return linalg.sqrtm(a)


_exponential = _matrix_function(_expm)
_logarithm = _matrix_function(_logm)
_square_root = _matrix_function(_sqrtm)


def expm(a: Any) -> Any:
    """The exponential of a matrix, or of a stack of them."""
    return _exponential(a)


def logm(a: Any) -> Any:
    """The principal logarithm of a matrix."""
    return _logarithm(a)


def sqrtm(a: Any) -> Any:
    """The principal square root of a matrix that is not singular."""
    return _square_root(a)


# Triangular and factored systems


def _solve_lower(a: Any, b: Any) -> Any:
    """L^-1 b, for the lower triangle of a and a matrix b."""
    return linalg.solve_triangular(a, b, lower=True)


def _solve_upper(a: Any, b: Any) -> Any:
    """U^-1 b, for the upper triangle of a and a matrix b."""
    return linalg.solve_triangular(a, b, lower=False)


def _triangle_of(x: Any, lower: bool) -> Any:
    mask = np.tri(np.shape(x)[-1])
    return x * (mask if lower else mask.T)


_lower_solution: Primitive = primitive(
    _solve_lower,
    jvps=(
        lambda t, y, a, b: -_lower_solution(a, np.matmul(_triangle_of(t, True), y)),
        lambda t, y, a, b: _lower_solution(a, t),
    ),
    vjps=(
        lambda g, y, a, b: -_triangle_of(np.matmul(_upper_solution(_t(a), g), _t(y)), True),
        lambda g, y, a, b: _upper_solution(_t(a), g),
    ),
)
_upper_solution: Primitive = primitive(
    _solve_upper,
    jvps=(
        lambda t, y, a, b: -_upper_solution(a, np.matmul(_triangle_of(t, False), y)),
        lambda t, y, a, b: _upper_solution(a, t),
    ),
    vjps=(
        lambda g, y, a, b: -_triangle_of(np.matmul(_lower_solution(_t(a), g), _t(y)), False),
        lambda g, y, a, b: _lower_solution(_t(a), g),
    ),
)


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """The solution x of op(T) x = b for a triangle T of a.

    Args:
        a: a square matrix, of which one triangle is read.
        b: a vector or a matrix.
        trans: 0 or "N" for T, 1 or "T" for its transpose, 2 or "C" for its conjugate transpose.
        lower: which triangle is read.
        unit_diagonal: take the diagonal for ones, whatever stands there.
    """
    if unit_diagonal:
        eye = np.eye(np.shape(a)[-1])
        a = a * (1 - eye) + eye
    if trans not in (0, "N"):
        a, lower = (_h(a) if trans in (2, "C") else _t(a)), not lower
    solution = _lower_solution if lower else _upper_solution
    return solution(a, b[:, None])[:, 0] if np.ndim(b) == 1 else solution(a, b)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """The Cholesky factor for cho_solve. (The other triangle holds zeros.)"""
    return np.linalg.cholesky(a, upper=not lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """The solution of A x = b, given cho_factor(A)."""
    c, lower = c_and_lower
    first, second = (0, 2) if lower else (2, 0)
    return solve_triangular(
        c, solve_triangular(c, b, trans=first, lower=lower), trans=second, lower=lower
    )


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    return linalg.solve_sylvester(a, b, q)


_sylvester_solution: Primitive = primitive(
    _sylvester,
    jvps=(
        lambda t, y, a, b, q: -_sylvester_solution(a, b, np.matmul(t, y)),
        lambda t, y, a, b, q: -_sylvester_solution(a, b, np.matmul(y, t)),
        lambda t, y, a, b, q: _sylvester_solution(a, b, t),
    ),
    vjps=(
        lambda g, y, a, b, q: -np.matmul(_sylvester_solution(_t(a), _t(b), g), _t(y)),
        lambda g, y, a, b, q: -np.matmul(_t(y), _sylvester_solution(_t(a), _t(b), g)),
        lambda g, y, a, b, q: _sylvester_solution(_t(a), _t(b), g),
    ),
)


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution X of A X + X B = Q."""
    return _sylvester_solution(a, b, q)


__all__ = [
    "cho_factor",
    "cho_solve",
    "expm",
    "log_softmax",
    "logm",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "softmax",
    "softplus",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
]
