"""Inner and matrix products, and everything else that is linear in each of its arguments."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from string import ascii_letters, ascii_uppercase

import numpy as np

from .primitive import EveryArgument, Primitive, composite, primitive


def _bilinear(fn, vjp_left, vjp_right):
    """Declare a function of two arguments that is linear in each."""
    product = primitive(
        fn,
        jvps=(
            lambda t, y, a, b, *args, **kwargs: product(t, b, *args, **kwargs),
            lambda t, y, a, b, *args, **kwargs: product(a, t, *args, **kwargs),
        ),
        vjps=(vjp_left, vjp_right),
        ball="objects",
    )
    return product


# A vector counts as a matrix of one row (on the left) or one column (on the right). The sweeps
# sum a gradient over the stack axes that were broadcast.
def _as_matrices(g, a, b):
    """Give all three the axes that matmul dropped because a or b was a vector."""
    if np.ndim(a) == 1:
        a, g = np.expand_dims(a, 0), np.expand_dims(g, -1 if np.ndim(b) == 1 else -2)
    if np.ndim(b) == 1:
        b, g = np.expand_dims(b, 1), np.expand_dims(g, -1)
    return g, a, b


def _transposed(b):
    return b.T if type(b) is np.ndarray and b.ndim == 2 else np.matrix_transpose(b)


def _matmul_vjp_left(g, y, a, b):
    if np.ndim(a) == np.ndim(b) == 2:
        return g @ _transposed(b)
    if np.ndim(a) == 1:
        if np.ndim(b) == 1:
            return np.multiply(g, b)
        g, _, b = _as_matrices(g, a, b)
        return np.squeeze(np.matmul(g, _transposed(b)), -2)
    return np.expand_dims(g, -1) * b if np.ndim(b) == 1 else g @ _transposed(b)


def _matmul_vjp_right(g, y, a, b):
    if np.ndim(a) == 2 and np.ndim(b) <= 2:
        return _transposed(a) @ g
    if np.ndim(a) == 1 and np.ndim(b) <= 2:
        return np.multiply(g, a) if np.ndim(b) == 1 else np.expand_dims(a, 1) * g
    if np.ndim(b) <= 2:  # one matrix for a whole stack: one product for its whole gradient
        rows, columns = (-1, np.shape(a)[-1]), (-1,) if np.ndim(b) == 1 else (-1, np.shape(b)[1])
        return _transposed(np.reshape(a, rows)) @ np.reshape(g, columns)
    g, a, _ = _as_matrices(g, a, b)
    return _transposed(a) @ g


_bilinear(np.matmul, _matmul_vjp_left, _matmul_vjp_right)


@composite(np.dot)
def dot(a, b):
    """The product of scalars, the matrix product, or the contraction of a's last axis with b's
    second to last."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


@composite(np.inner)
def inner(a, b):
    """The contraction of the last axes."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.matmul(a, np.transpose(b)) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -1))


@composite(np.vdot)
def vdot(a, b):
    """The inner product of two flattened arrays, the first one conjugated."""
    return np.matmul(_conjugate(np.ravel(a)), np.ravel(b))


def _conjugate(a):
    return np.conjugate(a) if np.iscomplexobj(a) else a


@composite(np.vecdot)
def vecdot(x1, x2, axis=-1):
    """The inner products of vectors along an axis, the first one conjugated."""
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return einsum("...i,...i->...", _conjugate(x1), x2)


@composite(np.matvec)
def matvec(x1, x2):
    """Matrices times vectors."""
    return np.squeeze(np.matmul(x1, np.expand_dims(x2, -1)), -1)


@composite(np.vecmat)
def vecmat(x1, x2):
    """Vectors, conjugated, times matrices."""
    return np.squeeze(np.matmul(np.expand_dims(_conjugate(x1), -2), x2), -2)


_bilinear(
    np.outer,
    lambda g, y, a, b: np.reshape(np.matmul(g, np.ravel(b)), np.shape(a)),
    lambda g, y, a, b: np.reshape(np.matmul(np.ravel(a), g), np.shape(b)),
)


@composite(np.kron)
def kron(a, b):
    """Every element of a times the whole of b."""
    ndim = max(np.ndim(a), np.ndim(b))
    m, n = ((1,) * (ndim - np.ndim(x)) + np.shape(x) for x in (a, b))
    left = np.reshape(a, [k for size in m for k in (size, 1)])
    right = np.reshape(b, [k for size in n for k in (1, size)])
    return np.reshape(left * right, [p * q for p, q in zip(m, n, strict=True)])


# Contractions
def _contracted(axes, a, b):
    """For both arguments the axes that tensordot sums over, in pairs, and those that it keeps."""
    if isinstance(axes, (int, np.integer)):
        axes = range(-axes, 0), range(axes)
    summed = []
    for ks, x in zip(axes, (a, b), strict=True):
        summed.append([k % np.ndim(x) for k in (ks if np.ndim(ks) else (ks,))])
    kept = [
        [k for k in range(np.ndim(x)) if k not in s] for s, x in zip(summed, (a, b), strict=True)
    ]
    return (*summed, *kept)


def _tensordot_vjp_left(g, y, a, b, axes=2):
    summed_a, summed_b, kept_a, kept_b = _contracted(axes, a, b)
    n = len(kept_a)
    grad = np.tensordot(g, b, (list(range(n, n + len(kept_b))), kept_b))
    return np.transpose(grad, np.argsort(kept_a + [summed_a[k] for k in np.argsort(summed_b)]))


def _tensordot_vjp_right(g, y, a, b, axes=2):
    summed_a, summed_b, kept_a, kept_b = _contracted(axes, a, b)
    grad = np.tensordot(a, g, (kept_a, list(range(len(kept_a)))))
    return np.transpose(grad, np.argsort([summed_b[k] for k in np.argsort(summed_a)] + kept_b))


_bilinear(np.tensordot, _tensordot_vjp_left, _tensordot_vjp_right)


# Einstein sums. The gradient of an operand is the Einstein sum of the cotangent with the others.
LARGE = 10_000  # multiplications from which on finding a way through BLAS pays


def _einsum(*operands, labels, out, optimize=False):
    return np.einsum(f"{','.join(labels)}->{out}", *operands, optimize=optimize)


def _einsum_jvp(k, t, y, *operands, **kwargs):
    return contract(*operands[:k], t, *operands[k + 1 :], **kwargs)


def _einsum_vjp(k, g, y, *operands, labels, out, optimize=False):
    shape, mine = np.shape(operands[k]), labels[k]
    arrays = [g, *operands[:k], *operands[k + 1 :]]
    terms = [out, *labels[:k], *labels[k + 1 :]]
    spare = iter(sorted(set(ascii_letters).difference(out, *labels)))
    for place, label in enumerate(mine):  # a label used twice: an identity ties the two axes
        if label in mine[:place]:
            twin = next(spare)
            mine = mine[:place] + twin + mine[place + 1 :]
            arrays.append(np.eye(shape[place]))
            terms.append(label + twin)
    known = set().union(*terms)
    if not optimize:
        sizes = {c: n for term, x in zip(terms, arrays, strict=True)
                 for c, n in zip(term, np.shape(x), strict=True)}  # fmt: skip
        optimize = prod(sizes.values()) > LARGE
    grad = contract(
        *arrays,
        labels=tuple(terms),
        out="".join(c for c in mine if c in known),
        optimize=optimize,
    )
    # Along an axis that was summed on its own the gradient is constant.
    alone = tuple(place for place, label in enumerate(mine) if label not in known)
    grad = np.expand_dims(grad, alone) if alone else grad
    if np.shape(grad) == shape:
        return grad
    return np.broadcast_to(grad, np.broadcast_shapes(np.shape(grad), shape))


contract = primitive(
    _einsum,
    jvps=EveryArgument(_einsum_jvp),
    vjps=EveryArgument(_einsum_vjp),
    ball=lambda *operands, labels, out, optimize=False: _einsum(*operands, labels=labels, out=out),
)


@lru_cache(maxsize=512)
def _spelled_out(subscripts, ndims):
    """Subscripts without an ellipsis: the labels of each operand, and those of the result."""
    terms, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = terms.split(",")
    if not arrow:
        named = "".join(terms).replace(".", "")
        out = "..." + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    widths = [n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True)]
    dotted = max((w for t, w in zip(terms, widths, strict=True) if "..." in t), default=0)
    dots = "".join(sorted(set(ascii_letters).difference(subscripts)))[:dotted]
    labels = tuple(t.replace("...", dots[dotted - w :]) for t, w in zip(terms, widths, strict=True))
    return labels, out.replace("...", dots)


def _as_text(operands):
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` in the form ``einsum("AB,BC->AC", a, b)``."""
    letters = ascii_uppercase + ascii_letters[:26]
    lists = [operands[k] for k in range(1, len(operands), 2)]
    terms = ["".join("..." if k is Ellipsis else letters[k] for k in ks) for ks in lists]
    text = ",".join(terms)
    if len(operands) % 2:
        text += "->" + "".join("..." if k is Ellipsis else letters[k] for k in operands[-1])
    return text, operands[: 2 * len(lists) : 2]


@composite(np.einsum)
def einsum(*operands, optimize=False):
    """The Einstein sum, in either of NumPy's notations."""
    text, arrays = operands[0], operands[1:]
    if not isinstance(text, str):
        text, arrays = _as_text(operands)
    labels, out = _spelled_out(text, tuple(map(np.ndim, arrays)))
    return contract(*arrays, labels=labels, out=out, optimize=optimize)


# The cross product of vectors of three along the last axis. <g, a x b> = <b x g, a> = <g x a, b>
def _cross(a, b):
    return np.cross(a, b)


cross_product: Primitive = _bilinear(
    _cross,
    lambda g, y, a, b: cross_product(b, g),
    lambda g, y, a, b: cross_product(g, a),
)


def _in_space(a, axis):
    """Vectors along the last axis; those of two are put into the plane of the first two axes."""
    a = a if axis in (-1, np.ndim(a) - 1) else np.moveaxis(a, axis, -1)
    if np.shape(a)[-1] == 3:
        return a
    a = np.asarray(a) if isinstance(a, (list, tuple)) else a
    return np.concatenate((a, np.zeros((*np.shape(a)[:-1], 1), a.dtype)), axis=-1)


@composite(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product; of two vectors of two, its third component."""
    if axis is not None:
        axisa = axisb = axisc = axis
    lengths = np.shape(a)[axisa], np.shape(b)[axisb]
    if lengths != (3, 3):
        np.cross(*map(np.zeros, lengths))  # NumPy warns of vectors of two; since 2.5 it refuses
    product = cross_product(_in_space(a, axisa), _in_space(b, axisb))
    if lengths == (2, 2):
        return product[..., 2]
    return product if axisc == -1 else np.moveaxis(product, -1, axisc)


# The same in numpy.linalg
composite(np.linalg.matmul)(lambda x1, x2: np.matmul(x1, x2))
composite(np.linalg.outer)(lambda x1, x2: np.outer(x1, x2))
composite(np.linalg.tensordot)(lambda x1, x2, *, axes=2: np.tensordot(x1, x2, axes))
composite(np.linalg.vecdot)(lambda x1, x2, *, axis=-1: vecdot(x1, x2, axis))
composite(np.linalg.cross)(lambda x1, x2, *, axis=-1: cross(x1, x2, axis=axis))
