"""Shapes and axes: the same elements in the same or another order."""

from __future__ import annotations

import numpy as np

from ..errors import MissingRuleError
from .indexing import getitem as getitem
from .indexing import names_twice as names_twice
from .indexing import scatter as scatter
from .primitive import Primitive, composite, linear, locally_constant


# Elements keep their order
def _order(order):
    if order not in ("C", "F"):
        raise MissingRuleError(
            f"order={order!r} depends on how an array lies in memory, which its derivative does "
            f"not share; use order='C' or order='F'"
        )
    return order


linear(
    np.reshape,
    lambda g, y, x, shape=None, order="C", copy=None: np.reshape(
        g, np.shape(x), order=_order(order)
    ),
)
linear(np.ravel, lambda g, y, x, order="C": np.reshape(g, np.shape(x), order=_order(order)))
linear(np.expand_dims, lambda g, y, x, axis: np.reshape(g, np.shape(x)))
linear(np.squeeze, lambda g, y, x, axis=None: np.reshape(g, np.shape(x)))
linear(np.copy, lambda g, y, x, order="K", subok=False: g)


def _at_least(k, shape_of):
    """``np.atleast_kd`` of any number of arrays."""

    def atleast(*arrays):
        shaped = [np.reshape(a, shape_of(np.shape(a))) if np.ndim(a) < k else a for a in arrays]
        return shaped[0] if len(shaped) == 1 else tuple(shaped)

    return atleast


composite(np.atleast_1d)(_at_least(1, lambda shape: (1,)))
composite(np.atleast_2d)(_at_least(2, lambda shape: (1, *shape) if shape else (1, 1)))
composite(np.atleast_3d)(
    _at_least(3, lambda shape: ((1, *shape) if len(shape) == 1 else shape or (1, 1)) + (1,))
)


# Axes change places
linear(
    np.transpose,
    lambda g, y, x, axes=None: np.transpose(
        g, None if axes is None else np.argsort([a % np.ndim(x) for a in axes])
    ),
)
linear(np.matrix_transpose, lambda g, y, x: np.matrix_transpose(g))
composite(np.linalg.matrix_transpose)(np.matrix_transpose)
linear(np.swapaxes, lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
linear(np.moveaxis, lambda g, y, x, source, destination: np.moveaxis(g, destination, source))


@composite(np.rollaxis)
def rollaxis(a, axis, start=0):
    """Move an axis to before ``start``, counted while the axis is still in its place."""
    axis %= np.ndim(a)
    start += np.ndim(a) if start < 0 else 0
    return np.moveaxis(a, axis, start - (axis < start))


# Elements change places
linear(np.flip, lambda g, y, x, axis=None: np.flip(g, axis))
linear(np.flipud, lambda g, y, x: np.flipud(g))
linear(np.fliplr, lambda g, y, x: np.fliplr(g))
linear(np.rot90, lambda g, y, x, k=1, axes=(0, 1): np.rot90(g, -k, axes))
linear(np.roll, lambda g, y, x, shift, axis=None: np.roll(g, np.negative(shift), axis))


# Elements are repeated, so their cotangents are summed
def sum_to_shape(g, shape):
    """Sum g over the axes along which an array of that shape was broadcast."""
    extra = np.ndim(g) - len(shape)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, n in enumerate(shape) if n == 1 and np.shape(g)[k + extra] != 1
    )
    return np.reshape(np.sum(g, axis=axes), shape)


linear(np.broadcast_to, lambda g, y, x, shape, subok=False: sum_to_shape(g, np.shape(x)))


@composite(np.broadcast_arrays)
def broadcast_arrays(*arrays, subok=False):
    """All arrays in the shape that they have together."""
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple([np.broadcast_to(a, shape) for a in arrays])


@composite(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Coordinate vectors laid out along axes of their own; "xy" swaps the first two."""
    if indexing not in ("xy", "ij"):
        raise ValueError("indexing must be 'xy' or 'ij'")
    axes = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        axes[:2] = [1, 0]
    grids = [
        np.reshape(x, [-1 if k == axis else 1 for k in range(len(xi))])
        for axis, x in zip(axes, xi, strict=True)
    ]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


def _repeat_vjp(g, y, x, repeats, axis=None):
    if axis is None:
        return np.reshape(_repeat_vjp(g, y, np.ravel(x), repeats, 0), np.shape(x))
    axis %= np.ndim(x)
    shape = np.shape(x)
    if np.size(repeats) == 1:
        apart = (*shape[: axis + 1], int(np.reshape(repeats, ())), *shape[axis + 1 :])
        return np.sum(np.reshape(g, apart), axis=axis + 1)
    source = np.repeat(np.arange(shape[axis]), repeats)
    return scatter(g, shape, *(slice(None),) * axis, source)


linear(np.repeat, _repeat_vjp)


def _tile_vjp(g, y, x, reps):
    reps = tuple(reps) if np.ndim(reps) else (reps,)
    ndim = np.ndim(y)
    shape = (1,) * (ndim - np.ndim(x)) + np.shape(x)
    reps = (1,) * (ndim - len(reps)) + reps
    apart = [n for pair in zip(reps, shape, strict=True) for n in pair]
    return np.reshape(np.sum(np.reshape(g, apart), axis=tuple(range(0, 2 * ndim, 2))), np.shape(x))


linear(np.tile, _tile_vjp)


@composite(np.resize)
def resize(a, new_shape):
    """The elements over and over until the new shape is full."""
    shape = tuple(new_shape) if np.ndim(new_shape) else (new_shape,)
    places = np.arange(int(np.prod(shape))) % max(np.size(a), 1)
    return np.reshape(np.ravel(a)[places], shape) if np.size(a) else np.zeros(shape)


# Questions about the shape, answered at once
composite(np.shape)(lambda a: a.shape)
composite(np.ndim)(lambda a: a.ndim)
composite(np.iscomplexobj)(lambda x: x.dtype.kind == "c")
composite(np.size)(lambda a, axis=None: a.size if axis is None else a.shape[axis])

# What depends on the shape alone
locally_constant(np.zeros_like, np.ones_like, np.empty_like, np.full_like)


def _astype(x, dtype):
    return np.asarray(x).astype(dtype)


astype: Primitive = linear(_astype, lambda g, y, x, dtype: g, ball=lambda x, dtype: x)
# To integers, a conversion is a step function.


def _truncated(x, dtype):
    return np.asarray(x).astype(dtype)


truncated: Primitive = locally_constant(_truncated)
composite(np.astype)(lambda x, dtype, /, *, copy=True, device=None: x.astype(dtype))
