"""Reading and placing elements by index. Each of the two is the other's transpose."""

from __future__ import annotations

import numpy as np

from ..errors import MissingRuleError
from .primitive import Primitive, composite, linear

# What an index may hold if no element can be named twice. Lists, tuples and ranges are arrays here.
_BASIC = (int, slice, type(None), type(Ellipsis), np.integer, np.bool_)


def names_twice(k):
    """Whether one part of an index may name an element twice."""
    return not (isinstance(k, _BASIC) or (isinstance(k, np.ndarray) and k.dtype == bool))


def _getitem(x, *index):
    """x[index]."""
    return x[index]


def _scatter(g, shape, *index):
    """Zeros of that shape with g added at index; an element named twice is added to twice."""
    out = np.zeros(shape, dtype=np.asarray(g).dtype)
    if any(map(names_twice, index)):
        np.add.at(out, index, g)
    else:
        out[index] = g
    return out


getitem = linear(_getitem, lambda g, y, x, *index: scatter(g, np.shape(x), *index))
scatter: Primitive = linear(_scatter, lambda g, y, x, shape, *index: getitem(g, *index))


# Whole slices along an axis
def _numbers(indices):
    """Indices as ``take`` reads them: True and False are numbers to it, and not a mask."""
    if isinstance(indices, (list, tuple, range)):
        indices = np.array(indices, dtype=None if len(indices) else int)
    mask = getattr(getattr(indices, "dtype", None), "kind", "") == "b"
    return indices.astype(int) if mask else indices


def _within(indices, n, mode):
    """Indices out of range brought back as ``mode`` says."""
    if mode == "wrap":
        return indices % n
    return np.clip(indices, 0, n - 1) if mode == "clip" else indices


@composite(np.take)
def take(a, indices, axis=None, mode="raise"):
    """Slices along an axis, by their numbers."""
    if axis is None:
        a, axis = np.ravel(a), 0
    axis %= np.ndim(a)
    places = _within(_numbers(indices), np.shape(a)[axis], mode)
    return getitem(a, *(slice(None),) * axis, places)


def _along(indices, shape, axis):
    """The index that picks, at each place of the other axes, elements of its own along one axis."""
    axis %= len(shape)
    index = [
        np.reshape(np.arange(n), [-1 if k == j else 1 for j in range(len(shape))])
        for k, n in enumerate(shape)
    ]
    return (*index[:axis], indices, *index[axis + 1 :])


@composite(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    """Elements along an axis, by numbers that differ from place to place."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return getitem(arr, *_along(indices, np.shape(arr), axis))


@composite(np.put_along_axis)
def put_along_axis(arr, indices, values, axis):
    """Assign to elements along an axis, by numbers that differ from place to place."""
    if axis is None:
        raise MissingRuleError("numpy.put_along_axis with axis=None has no derivative rule")
    arr[_along(indices, np.shape(arr), axis)] = values


@composite(np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    """Assign to the diagonal of an array, where all indices are equal."""
    if wrap:
        raise MissingRuleError("numpy.fill_diagonal with wrap=True has no derivative rule")
    a[(np.arange(min(np.shape(a))),) * np.ndim(a)] = val


@composite(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """The windows of a given shape, at every place where they fit; they are the last axes."""
    widths = tuple(window_shape) if np.ndim(window_shape) else (window_shape,)
    axes = range(np.ndim(x)) if axis is None else axis if np.ndim(axis) else (axis,)
    for k, width in zip([k % np.ndim(x) for k in axes], widths, strict=True):
        starts = np.arange(np.shape(x)[k] - width + 1)
        x = np.moveaxis(np.take(x, starts[:, None] + np.arange(width), axis=k), k + 1, -1)
    return x


@composite(np.compress)
def compress(condition, a, axis=None):
    """The slices where a condition holds."""
    return np.take(a, np.flatnonzero(condition), axis)


@composite(np.extract)
def extract(condition, arr):
    """The elements where a condition holds, as a vector."""
    return np.take(arr, np.flatnonzero(condition))


@composite(np.delete)
def delete(arr, obj, axis=None):
    """All slices but those named."""
    n = np.size(arr) if axis is None else np.shape(arr)[axis]
    return np.take(arr, np.delete(np.arange(n), obj), axis)


# Diagonals
def _place_diagonal(g, shape, offset=0, axis1=0, axis2=1):
    """Zeros of that shape with g, along its last axis, on a diagonal."""
    out = np.zeros(shape, dtype=np.asarray(g).dtype)
    k = np.arange(np.shape(g)[-1])
    np.moveaxis(out, (axis1, axis2), (-2, -1))[..., k + max(-offset, 0), k + max(offset, 0)] = g
    return out


linear(
    np.diagonal,
    lambda g, y, x, offset=0, axis1=0, axis2=1: place_diagonal(
        g, np.shape(x), offset, axis1, axis2
    ),
)
place_diagonal: Primitive = linear(
    _place_diagonal,
    lambda g, y, x, shape, offset=0, axis1=0, axis2=1: np.diagonal(g, offset, axis1, axis2),
)


@composite(np.diag)
def diag(v, k=0):
    """The diagonal of a matrix, or the matrix of a diagonal."""
    if np.ndim(v) == 1:
        return place_diagonal(v, (np.size(v) + abs(k),) * 2, k)
    return np.diagonal(v, k)


@composite(np.diagflat)
def diagflat(v, k=0):
    """The matrix of a diagonal given in any shape."""
    return diag(np.ravel(v), k)


@composite(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None):
    """The sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(np.linalg.diagonal)
def matrix_diagonal(x, *, offset=0):
    """The diagonals of a stack of matrices."""
    return np.diagonal(x, offset, -2, -1)


@composite(np.linalg.trace)
def matrix_trace(x, *, offset=0, dtype=None):
    """The traces of a stack of matrices."""
    return np.trace(x, offset, -2, -1, dtype=dtype)


linear(np.tril, lambda g, y, x, k=0: np.tril(g, k))
linear(np.triu, lambda g, y, x, k=0: np.triu(g, k))
