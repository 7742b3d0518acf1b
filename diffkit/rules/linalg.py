"""Linear algebra: solving, determinants, norms, decompositions.

All rules take stacks of matrices where NumPy does, and complex matrices. A cotangent pairs with a
tangent as Re(sum(g * t)), so a VJP holds plain transposes where the usual formulas for real
matrices do, and conjugates only where the function itself conjugates.

Formulas follow Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), where no other source is named.

Eigenvectors and singular vectors are defined up to a phase (a sign), and so are their derivatives;
functions that do not depend on it have right ones. Where two eigenvalues or singular values
coincide to rounding, the vectors have no derivative and the rules give NaN for theirs; the first
derivatives of the values stay right. (A convention of zeros would be silently wrong for V f(W) V^H,
and for second derivatives of the values.)
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..errors import MissingRuleError
from . import balls, lapack
from .primitive import Primitive, composite, kept, locally_constant, primitive
from .reductions import spread


def _t(a):
    return np.swapaxes(a, -1, -2)


def _conj(a):
    return np.conjugate(a) if np.iscomplexobj(a) else a


def _real(a):
    return np.real(a) if np.iscomplexobj(a) else a


def _h(a):
    return _conj(_t(a))


def _columns(w):
    """A row of scales, one for each column of a matrix."""
    return np.expand_dims(w, -2)


def _rows(w):
    """A column of scales, one for each row of a matrix."""
    return np.expand_dims(w, -1)


def _eye(a):
    return np.eye(np.shape(a)[-1])


def _refused(what, instead):
    return MissingRuleError(f"{what} has no derivative rule; {instead}")


is_zero = Primitive(
    "is_zero", lambda *arrays: not any(np.any(a) for a in arrays), ball=balls.is_zero
)
has_zero = Primitive("has_zero", lambda a: bool(np.any(np.equal(a, 0))), ball=balls.has_zero)


# Systems of equations. NumPy takes b as a vector where it has one axis, else as a matrix.


def _solve_columns(a, b):
    """np.linalg.solve(a, b) for a matrix b."""
    return np.linalg.solve(a, b)


solve_columns = primitive(
    _solve_columns,
    jvps=(
        lambda t, y, a, b: -np.linalg.solve(a, np.matmul(t, y)),
        lambda t, y, a, b: np.linalg.solve(a, t),
    ),
    vjps=(
        lambda g, y, a, b: -np.matmul(np.linalg.solve(_t(a), g), _t(y)),
        lambda g, y, a, b: np.linalg.solve(_t(a), g),
    ),
    ball=balls.solution,
)


@composite(np.linalg.solve)
def solve(a, b):
    """The solution for each column of b."""
    if np.ndim(b) == 1:
        return solve_columns(a, _rows(b))[..., 0]
    return solve_columns(a, b)


primitive(
    np.linalg.inv,
    jvps=(lambda t, y, a: -np.matmul(y, np.matmul(t, y)),),
    vjps=(lambda g, y, a: -np.matmul(_t(y), np.matmul(g, _t(y))),),
    ball=balls.inverse,
)


# The form in which the derivatives of determinants need the inverse.
transposed_inverse = primitive(
    lapack.transposed_inverse,
    jvps=(lambda t, y, a: -np.matmul(y, np.matmul(_t(t), y)),),
    vjps=(lambda g, y, a: -np.matmul(y, np.matmul(_t(g), y)),),
    ball=lambda a: _t(balls.inverse(a)),
)


@composite(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    """The solution of the system that a is, read as a matrix."""
    if axes is not None:
        a = np.moveaxis(a, axes, range(np.ndim(a) - len(axes), np.ndim(a)))
    unknowns = np.shape(a)[np.ndim(b) :]
    matrix = np.reshape(a, (np.size(b), -1))
    return np.reshape(np.linalg.solve(matrix, np.ravel(b)), unknowns)


@composite(np.linalg.tensorinv)
def tensorinv(a, ind=2):
    """The inverse of the matrix whose row index is the first ind axes of a."""
    rows, columns = np.shape(a)[:ind], np.shape(a)[ind:]
    matrix = np.reshape(a, (int(np.prod(rows)), -1))
    return np.reshape(np.linalg.inv(matrix), (*columns, *rows))


# Pseudo-inverses of constant rank (Golub and Pereyra 1973, theorem 4.3)


def _pinv(a, rcond=None, rtol=None):
    """np.linalg.pinv without its reading of one triangle."""
    return np.linalg.pinv(a, rcond) if rtol is None else np.linalg.pinv(a, rtol=rtol)


def _pinv_jvp(t, y, a, rcond=None, rtol=None):
    left = np.matmul(np.matmul(y, _h(y)), _h(t) - np.matmul(np.matmul(_h(t), a), y))
    right = np.matmul(_h(t) - np.matmul(y, np.matmul(a, _h(t))), np.matmul(_h(y), y))
    return left + right - np.matmul(y, np.matmul(t, y))


def _pinv_vjp(g, y, a, rcond=None, rtol=None):
    g = _conj(g)
    left = np.matmul(np.matmul(y, _h(y)), g - np.matmul(np.matmul(g, a), y))
    right = np.matmul(g - np.matmul(y, np.matmul(a, g)), np.matmul(_h(y), y))
    return _t(left + right) - np.matmul(_t(y), np.matmul(_conj(g), _t(y)))


pinv_of_any = primitive(_pinv, jvps=(_pinv_jvp,), vjps=(_pinv_vjp,))


@composite(np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, *, rtol=None):
    """The pseudo-inverse; its derivative supposes that the rank does not change."""
    return pinv_of_any(mirrored(a, "L") if hermitian else a, rcond=rcond, rtol=rtol)


@composite(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    """The solution of least norm, the squared residuals, the rank and the singular values.

    The derivatives suppose that the rank does not change.
    """
    m, n = np.shape(a)
    s = np.linalg.svd(a, compute_uv=False)
    cutoff = np.finfo(s.dtype).eps * max(m, n) if rcond is None else rcond
    rank = np.sum(s > cutoff * s[0])
    x = np.matmul(pinv_of_any(a, rcond=cutoff), b)
    if m <= n or rank < n:
        return x, np.zeros(0), rank, s
    misfit = b - np.matmul(a, x)
    squares = np.real(misfit * _conj(misfit))
    return x, np.sum(squares, axis=0, keepdims=np.ndim(b) == 1), rank, s


locally_constant(np.linalg.matrix_rank)


# Determinants. The gradient of det is the matrix of cofactors, det(A) A^-T, and that exists where
# the inverse does not: with A = U S V^H it is conj(U) adj(S) V^T det(U) det(V^H).


CONDITION = 10**8  # beyond which half the digits of the inverse are lost


def _is_ill_conditioned(a, transposed):
    """Whether the condition number in the 1-norm is above CONDITION.

    Args:
        a: a matrix.
        transposed: the transpose of its inverse.
    """
    if not np.size(a):
        return False
    norms = [np.abs(m).sum(axis).max(axis=-1) for m, axis in ((a, -2), (transposed, -1))]
    return not np.all(norms[0] * norms[1] <= CONDITION)  # NaN is no condition either


ill_conditioned = Primitive(
    "ill_conditioned",
    _is_ill_conditioned,
    ball="as recorded",  # both ways lead to the gradient
)
vanishing = Primitive("vanishing", lambda y: bool(np.any(y == 0)), ball="as recorded")


def _without(s, *left_out):
    """The product of the singular values but for some."""
    return np.prod(np.delete(s, left_out, axis=-1), axis=-1)


def _rotated(a):
    """U, V^H, the singular values and det(U V^H)."""
    u, s, vh = np.linalg.svd(a)
    return u, vh, s, np.linalg.det(np.matmul(u, vh))[..., None, None]


def _cofactors(a):
    """The gradient of det, also where a is singular."""
    u, vh, s, phase = _rotated(a)
    others = np.stack([_without(s, k) for k in range(s.shape[-1])], axis=-1)
    return phase * np.matmul(_conj(u) * _columns(others), _conj(vh))


def _cofactor_slope(t, a):
    """The Hessian of det, applied to t: in the basis of the singular vectors it takes element ij
    to ji with the sign reversed, and a diagonal element to the other diagonal ones."""
    u, vh, s, phase = _rotated(a)
    x = np.matmul(_h(u), np.matmul(t, _h(vh)))
    out = np.zeros_like(x)
    for i, j in zip(*np.triu_indices(s.shape[-1], 1), strict=True):
        others = _without(s, i, j)
        out[..., i, i] += others * x[..., j, j]
        out[..., j, j] += others * x[..., i, i]
        out[..., i, j] -= others * x[..., j, i]
        out[..., j, i] -= others * x[..., i, j]
    return phase * np.matmul(_conj(u), np.matmul(out, _conj(vh)))


def _third(t, y, *args):
    raise _refused("the third derivative of det at a singular matrix", "move off the singularity")


# Being a Hessian it is symmetric, so one expression serves both modes.
cofactor_slope: Primitive = primitive(
    _cofactor_slope,
    jvps=(lambda t, y, x, a: cofactor_slope(t, a), _third),
    vjps=(lambda g, y, x, a: cofactor_slope(g, a), _third),
)
cofactors = primitive(
    _cofactors,
    jvps=(lambda t, y, a: cofactor_slope(t, a),),
    vjps=(lambda g, y, a: cofactor_slope(g, a),),
)


def _det_gradient(y, a):
    if vanishing(y):  # there is no inverse
        return cofactors(a)
    transposed = transposed_inverse(a)
    if ill_conditioned(a, transposed):
        return cofactors(a)
    return _rows(_rows(y)) * transposed


primitive(
    np.linalg.det,
    jvps=(lambda t, y, a: np.sum(t * _det_gradient(y, a), axis=(-2, -1)),),
    vjps=(lambda g, y, a: _rows(_rows(g)) * _det_gradient(y, a),),
    ball=balls.determinant,
)


def _slogdet_jvp(t, y, a):
    sign, _ = y
    relative = np.sum(t * transposed_inverse(a), axis=(-2, -1))
    turn = 1j * sign * np.imag(relative) if np.iscomplexobj(a) else np.zeros(np.shape(sign))
    return turn, np.real(relative)


def _slogdet_vjp(g, y, a):
    (to_sign, to_log), (sign, _) = g, y
    relative = to_log + 1j * np.imag(to_sign * sign) if np.iscomplexobj(a) else to_log
    return _rows(_rows(relative)) * transposed_inverse(a)


primitive(np.linalg.slogdet, jvps=(_slogdet_jvp,), vjps=(_slogdet_vjp,), ball=balls.slogdet)


# Norms. Every p-norm is Re(sum(w x)) with the same w that is its gradient. Where the norm is 0 it
# has no derivative and w is 0, which is in the subgradient.


def _ratio(a, b):
    """a / b, and 0 where b is 0."""
    if not has_zero(b):
        return a / b
    zero = b == 0
    return np.where(zero, 0.0, a / np.where(zero, 1.0, b))


def _p_norm(x, p, axis=None, keepdims=False):
    """The p-norm of vectors, for a finite p."""
    return np.linalg.vector_norm(x, ord=p, axis=axis, keepdims=keepdims)


def _p_norm_gradient(y, x, p, axis, keepdims):
    y = spread(y, x, axis, keepdims)
    if p == 2:
        return _ratio(_conj(x), y)
    unit = _ratio(_conj(x), np.abs(x)) if np.iscomplexobj(x) else np.sign(x)
    return unit if p == 1 else unit * _ratio(np.abs(x), y) ** (kept(p, x) - 1)


p_norm = primitive(
    _p_norm,
    jvps=(
        lambda t, y, x, p, axis=None, keepdims=False: np.sum(
            t * _p_norm_gradient(y, x, p, axis, keepdims), axis=axis, keepdims=keepdims
        ),
    ),
    vjps=(
        lambda g, y, x, p, axis=None, keepdims=False: (
            spread(g, x, axis, keepdims) * _p_norm_gradient(y, x, p, axis, keepdims)
        ),
    ),
    ball=balls.p_norm,
)


@composite(np.linalg.vector_norm)
def vector_norm(x, *, axis=None, keepdims=False, ord=2):
    """The norm of vectors; at ties the largest elements share the derivative equally."""
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        raise _refused(
            "a norm with ord=0 counts the elements that are not zero, and",
            "it is constant or jumps; use np.count_nonzero",
        )
    return p_norm(x, ord, axis=axis, keepdims=keepdims)


def _matrix_norm(x, ord, keepdims, axes=(-2, -1)):
    if ord in ("fro", "f", None):
        return p_norm(x, 2, axis=axes, keepdims=keepdims)
    x = np.moveaxis(x, axes, (-2, -1))
    if ord in (2, -2, "nuc"):
        s = np.linalg.svd(x, compute_uv=False)
        y = np.sum(s, axis=-1) if ord == "nuc" else s[..., 0 if ord == 2 else -1]
    elif abs(ord) in (1, np.inf):
        sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1)
        y = np.max(sums, axis=-1) if ord > 0 else np.min(sums, axis=-1)
    else:
        raise ValueError(f"a matrix has no norm of order {ord!r}")
    return np.expand_dims(y, axes) if keepdims else y


@composite(np.linalg.matrix_norm)
def matrix_norm(x, *, keepdims=False, ord="fro"):
    """The norm of the matrices in the last two axes."""
    return _matrix_norm(x, ord, keepdims)


@composite(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors or matrices, as the number of axes says."""
    if axis is None and ord is None:
        return p_norm(x, 2, keepdims=keepdims)
    axes = tuple(range(np.ndim(x))) if axis is None else axis
    if not isinstance(axes, tuple) or len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ValueError("improper number of dimensions to norm")
    return _matrix_norm(x, ord, keepdims, tuple(k % np.ndim(x) for k in axes))


@composite(np.linalg.cond)
def cond(x, p=None):
    """The condition number in one of the matrix norms."""
    if p in (None, 2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return _matrix_norm(x, p, False) * _matrix_norm(np.linalg.inv(x), p, False)


# One triangle. NumPy's decompositions of Hermitian matrices read one triangle and the real part of
# the diagonal, so a derivative in an element of the other triangle is zero.


def _triangle(a, uplo):
    n = np.shape(a)[-1]
    return np.tri(n, k=-1) if uplo.upper() == "L" else np.tri(n, k=-1).T


def mirrored(a, uplo):
    """The Hermitian matrix that has the given triangle."""
    half = a * _triangle(a, uplo)
    return half + _h(half) + _real(a) * _eye(a)


def folded(g, uplo):
    """The transpose of mirrored."""
    return (g + _h(g)) * _triangle(g, uplo) + _real(g) * _eye(g)


# Decompositions


def _cholesky_lower(a):
    """np.linalg.cholesky(a), by its lower triangle."""
    return np.linalg.cholesky(a)


def _half_lower(x):
    """The lower triangle with half the diagonal: L^-1 dL, given L^-1 dA L^-H (Murray 2016)."""
    n = np.shape(x)[-1]
    return x * (np.tri(n) - 0.5 * np.eye(n))


def _cholesky_jvp(t, y, a):
    inverse = np.linalg.inv(y)
    return np.matmul(y, _half_lower(np.matmul(inverse, np.matmul(mirrored(t, "L"), _h(inverse)))))


def _cholesky_vjp(g, y, a):
    inverse = np.linalg.inv(y)
    inner = _t(_half_lower(np.matmul(_t(y), g)))
    return folded(_t(np.matmul(_h(inverse), np.matmul(inner, inverse))), "L")


cholesky_lower = primitive(
    _cholesky_lower, jvps=(_cholesky_jvp,), vjps=(_cholesky_vjp,), ball=balls.cholesky
)


@composite(np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    """The factor L of A = L L^H by the lower triangle of a, or L^H by the upper one."""
    return _h(cholesky_lower(_h(a))) if upper else cholesky_lower(a)


def _contrast(w):
    """1 for a pair of different values, NaN for one equal to rounding, 0 on the diagonal."""
    n = w.shape[-1]
    gap = np.abs(w[..., None, :] - w[..., :, None])
    size = np.max(np.abs(w), axis=-1, initial=0.0)[..., None, None]
    out = np.where(gap <= n * np.finfo(w.dtype).eps * size, np.nan, 1.0)
    return np.where(np.eye(n) == 1, 0.0, out)


contrast = Primitive("contrast", _contrast)


def _inverse_gaps(w):
    """1 / (w_j - w_i), zero on the diagonal, NaN where two values coincide."""
    different = contrast(w)
    return different / (_columns(w) - _rows(w) + np.where(different == 1, 0.0, 1.0))


def _eig_jvp(t, y, a):
    w, v = y
    slope = np.linalg.solve(v, np.matmul(t, v))
    turned = np.matmul(v, _inverse_gaps(w) * slope)
    grown = np.real(np.sum(_conj(v) * turned, axis=-2))
    return np.sum(slope * np.eye(np.shape(v)[-1]), axis=-1), turned - v * _columns(grown)


def _eig_vjp(g, y, a):
    (to_w, to_v), (w, v) = g, y
    inner = _eye(v) * _columns(to_w)
    if not is_zero(to_v):
        grown = np.real(np.sum(to_v * v, axis=-2))
        inner = inner + _inverse_gaps(w) * np.matmul(_t(v), to_v - _conj(v) * _columns(grown))
    return np.linalg.solve(_t(v), np.matmul(inner, _t(v)))


# The vectors keep their length 1.
primitive(np.linalg.eig, jvps=(_eig_jvp,), vjps=(_eig_vjp,))


def _eigh_jvp(t, y, a, UPLO="L"):
    w, v = y
    slope = np.matmul(_h(v), np.matmul(mirrored(t, UPLO), v))
    return np.real(np.sum(slope * _eye(v), axis=-1)), np.matmul(v, _inverse_gaps(w) * slope)


def _eigh_vjp(g, y, a, UPLO="L"):
    (to_w, to_v), (w, v) = g, y
    inner = _eye(v) * _columns(to_w)
    if not is_zero(to_v):
        inner = inner + _inverse_gaps(w) * np.matmul(_t(v), to_v)
    return folded(np.matmul(_conj(v), np.matmul(inner, _t(v))), UPLO)


primitive(np.linalg.eigh, jvps=(_eigh_jvp,), vjps=(_eigh_vjp,))
composite(np.linalg.eigvals)(lambda a: np.linalg.eig(a)[0])
composite(np.linalg.eigvalsh)(lambda a, UPLO="L": np.linalg.eigh(a, UPLO)[0])


def _qr_tall(a):
    """np.linalg.qr(a) of a matrix of full rank with no more columns than rows."""
    return np.linalg.qr(a)


# With X = dA R^-1: dR = M R and dQ = X - Q M, where M is upper triangular with a real diagonal
# and Q^H X - M is skew (Walter and Lehmann 2012, section 2).
def _qr_jvp(t, y, a):
    q, r = y
    x = np.matmul(t, np.linalg.inv(r))
    m = folded(np.matmul(_h(q), x), "U")
    return x - np.matmul(q, m), np.matmul(m, r)


def _qr_vjp(g, y, a):
    (to_q, to_r), (q, r) = g, y
    to_m = np.matmul(to_r, _t(r)) - np.matmul(_t(q), to_q)
    return np.matmul(to_q + np.matmul(_conj(q), mirrored(to_m, "U")), _t(np.linalg.inv(r)))


qr_tall = primitive(_qr_tall, jvps=(_qr_jvp,), vjps=(_qr_vjp,))


@composite(np.linalg.qr)
def qr(a, mode="reduced"):
    """Q and R, for a matrix whose leading square block (if it is wide) has full rank."""
    m, n = np.shape(a)[-2:]
    if mode not in ("reduced", "r", "complete") or (mode == "complete" and m > n):
        raise _refused(f"np.linalg.qr with mode={mode!r} of a {m} by {n} matrix",
                       "use mode='reduced'")  # fmt: skip
    factors = qr_tall(a[..., : min(m, n)])
    q, r = factors
    if m < n:
        r = np.concatenate([r, np.matmul(_h(q), a[..., m:])], axis=-1)
    return r if mode == "r" else type(factors)(q, r)


def _svd_thin(a):
    """np.linalg.svd(a, full_matrices=False)."""
    return np.linalg.svd(a, full_matrices=False)


def _inverse_sums(s):
    """1 / (s_i + s_j); a zero on the diagonal only meets an undefined phase and counts as 0."""
    total = _columns(s) + _rows(s)
    if not has_zero(total):
        return 1.0 / total
    zero = total == 0
    return np.where(zero, np.where(_eye(total) == 1, 0.0, np.nan), 1.0 / np.where(zero, 1.0, total))


def _off(a, basis):
    """The part of a outside the span of the orthonormal columns of basis."""
    return a - np.matmul(basis, np.matmul(_h(basis), a))


def _inverse(s):
    return 1.0 / np.where(s == 0, np.nan, s)


# Townsend, "Differentiating the singular value decomposition" (2016), with the two skew matrices
# taken apart into sums and differences of singular values, which also fixes the phases: with
# X = U^H dA V they are sym(X)_ij / (s_j - s_i) ± skew(X)_ij / (s_i + s_j).
def _svd_jvp(t, y, a):
    (u, s, vh), (m, n) = y, np.shape(a)[-2:]
    v = _h(vh)
    x = np.matmul(_h(u), np.matmul(t, v))
    together = _inverse_gaps(s) * 0.5 * (x + _h(x))
    apart = _inverse_sums(s) * 0.5 * (x - _h(x))
    du, dv = np.matmul(u, together + apart), np.matmul(v, together - apart)
    if m > n:
        du = du + _off(np.matmul(t, v), u) * _columns(_inverse(s))
    if n > m:
        dv = dv + _off(np.matmul(_h(t), u), v) * _columns(_inverse(s))
    return du, np.real(np.sum(x * _eye(x), axis=-1)), _h(dv)


def _svd_vjp(g, y, a):
    (to_u, to_s, to_vh), (u, s, vh) = g, y
    (m, n), v = np.shape(a)[-2:], _h(vh)
    inner = np.eye(np.shape(s)[-1]) * _columns(to_s)
    if is_zero(to_u, to_vh):
        return np.matmul(_conj(u), np.matmul(inner, _conj(vh)))
    to_v = _h(to_vh)
    skew_u, skew_v = np.matmul(_t(u), to_u), np.matmul(_t(v), to_v)
    together = _inverse_gaps(s) * 0.5 * (skew_u + skew_v)
    apart = _inverse_sums(s) * 0.5 * (skew_u - skew_v)
    inner = inner + together + _h(together) + apart - _h(apart)
    out = np.matmul(_conj(u), np.matmul(inner, _conj(vh)))
    if m > n:
        out = out + np.matmul(_off(to_u, _conj(u)) * _columns(_inverse(s)), _conj(vh))
    if n > m:
        out = out + np.matmul(_conj(u) * _columns(_inverse(s)), _h(_off(to_v, _conj(v))))
    return out


svd_thin = primitive(_svd_thin, jvps=(_svd_jvp,), vjps=(_svd_vjp,))


@composite(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """U, the singular values and V^H."""
    m, n = np.shape(a)[-2:]
    if compute_uv and full_matrices and m != n:
        raise _refused(f"np.linalg.svd with full_matrices=True of a {m} by {n} matrix",
                       "its extra columns are arbitrary; use full_matrices=False")  # fmt: skip
    factors = svd_thin(mirrored(a, "L") if hermitian else a)
    return factors if compute_uv else factors[1]


composite(np.linalg.svdvals)(lambda x, /: np.linalg.svd(x, compute_uv=False))


# Products


@composite(np.linalg.matrix_power)
def matrix_power(a, n):
    """The power by repeated squaring."""
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    if n < 2:
        return a if n else np.zeros(np.shape(a), a.dtype) + _eye(a)
    half = matrix_power(a, n // 2)
    square = np.matmul(half, half)
    return np.matmul(square, a) if n % 2 else square


@composite(np.linalg.multi_dot)
def multi_dot(arrays, *, out=None):
    """The product of several matrices in the cheapest order; the first and last may be vectors."""
    arrays = [kept(a, *arrays) for a in arrays]
    sizes = [1 if np.ndim(arrays[0]) == 1 else np.shape(arrays[0])[0]]
    sizes += [np.shape(a)[0] for a in arrays[1:]]
    sizes += [1 if np.ndim(arrays[-1]) == 1 else np.shape(arrays[-1])[-1]]

    @cache
    def cheapest(i, j):
        """The cost of the product of arrays i to j-1, and where to split it."""
        if j - i == 1:
            return 0, i
        return min(
            (cheapest(i, k)[0] + cheapest(k, j)[0] + sizes[i] * sizes[k] * sizes[j], k)
            for k in range(i + 1, j)
        )

    def product(i, j):
        if j - i == 1:
            return arrays[i]
        split = cheapest(i, j)[1]
        return np.matmul(product(i, split), product(split, j))

    return product(0, len(arrays))


composite(np.linalg.matrix_transpose)(lambda x, /: _t(x))
composite(np.linalg.matmul)(lambda x1, x2, /: np.matmul(x1, x2))
