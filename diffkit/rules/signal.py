"""Sampled functions: differences, convolutions, interpolation, polynomials."""

from __future__ import annotations

import numpy as np

from . import balls
from .indexing import getitem
from .primitive import Primitive, composite, kept, linear, primitive


# Differences
def _diff(x, n=1, axis=-1):
    return np.diff(x, n=n, axis=axis)


def _zeros_around(g, n, axis):
    shape = list(np.shape(g))
    shape[axis] = n
    zeros = np.zeros(shape, g.dtype)
    return np.concatenate((zeros, g, zeros), axis=axis)


differences: Primitive = linear(
    _diff, lambda g, y, x, n=1, axis=-1: (-1) ** n * differences(_zeros_around(g, n, axis), n, axis)
)


@composite(np.diff)
def diff(a, n=1, axis=-1, prepend=np._NoValue, append=np._NoValue):
    """The n-th differences along an axis, of an array with something put before and after it."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    if n == 0:
        return a
    parts = [_edge(prepend, a, axis), [a], _edge(append, a, axis)]
    joined = [x for part in parts for x in part]
    return differences(np.concatenate(joined, axis=axis) if len(joined) > 1 else a, n, axis)


def _edge(x, a, axis):
    """What goes before or after a: nothing, a number as a slice, or an array."""
    if x is np._NoValue:
        return []
    shape = list(np.shape(a))
    shape[axis] = 1
    return [x if np.ndim(x) else np.broadcast_to(x, shape)]


@composite(np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    """The differences of neighbours in the flattened array."""
    flat = differences(np.ravel(ary))
    parts = [np.ravel(p) for p in (to_begin, flat, to_end) if p is not None]
    return np.concatenate(parts) if len(parts) > 1 else flat


@composite(np.gradient)
def gradient(f, *varargs, axis=None, edge_order=1):
    """Central differences inside, one-sided ones at the ends, along each axis."""
    f = kept(np.asarray(f) if isinstance(f, (list, tuple)) else f, *varargs)
    axes = range(np.ndim(f)) if axis is None else np.atleast_1d(axis).tolist()
    axes = [k % np.ndim(f) for k in axes]
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    slopes = [_slope(f, h, k, edge_order) for k, h in zip(axes, spacings, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slope(f, spacing, axis, edge_order):
    """Fornberg's (1988) weights for three points, or two at the ends, on any grid."""
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    f = f if axis == np.ndim(f) - 1 else np.moveaxis(f, axis, -1)
    if np.shape(f)[-1] < edge_order + 1:
        raise ValueError(f"at least {edge_order + 1} points are needed along each axis")
    if np.ndim(spacing):
        h = np.diff(kept(np.asarray(spacing) if isinstance(spacing, (list, tuple)) else spacing, f))
        chords = np.diff(f) / h
        share = h[:-1] / (h[:-1] + h[1:])  # of the second chord in the slope between the two
        inner = (1 - share) * chords[..., :-1] + share * chords[..., 1:]
        start, stop = share[:1], 1 - share[-1:]
    else:
        chords = np.diff(f) / spacing
        inner = (f[..., 2:] - f[..., :-2]) / (2 * spacing)
        start = stop = 0.5
    first, last = chords[..., :1], chords[..., -1:]
    if edge_order == 2:
        first = first + start * (first - chords[..., 1:2])
        last = last + stop * (last - chords[..., -2:-1])
    slopes = np.concatenate((first, inner, last), axis=-1)
    return slopes if axis == np.ndim(f) - 1 else np.moveaxis(slopes, -1, axis)


# Convolutions. All modes are parts of the full one, in which both arguments play the same part.
def _convolve(a, v):
    return np.convolve(a, v)


convolve_full: Primitive = primitive(
    _convolve,
    jvps=(lambda t, y, a, v: convolve_full(t, v), lambda t, y, a, v: convolve_full(a, t)),
    vjps=(
        lambda g, y, a, v: np.convolve(g, v[::-1], "valid"),
        lambda g, y, a, v: np.convolve(g, a[::-1], "valid"),
    ),
    ball="objects",
)


def _window(full, longer, shorter, mode, skip):
    if mode == "valid":
        return full[shorter - 1 : longer]
    if mode == "same":
        return full[skip : skip + longer]
    if mode == "full":
        return full
    raise ValueError(f"mode must be 'full', 'same' or 'valid', got {mode!r}")


@composite(np.convolve)
def convolve(a, v, mode="full"):
    """The discrete convolution of two vectors."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    shorter, longer = sorted((np.size(a), np.size(v)))
    return _window(convolve_full(a, v), longer, shorter, mode, (shorter - 1) // 2)


@composite(np.correlate)
def correlate(a, v, mode="valid"):
    """The sums of a shifted along the conjugate of v."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    shorter, longer = sorted((np.size(a), np.size(v)))
    # NumPy computes the longer one along the shorter and reverses: of an even length, the middle
    # is then the other one.
    skip = (shorter - 1) // 2 if np.size(a) >= np.size(v) else shorter // 2
    reversed_v = np.conjugate(v[::-1]) if np.iscomplexobj(v) else v[::-1]
    return _window(convolve_full(a, reversed_v), longer, shorter, mode, skip)


# Polynomials and tables
@composite(np.polyval)
def polyval(p, x):
    """Horner's scheme; the leading coefficient is first."""
    y = 0.0 * x
    for coefficient in p:
        y = y * x + coefficient
    return y


@composite(np.vander)
def vander(x, N=None, increasing=False):
    """The powers of x, side by side."""
    powers = np.arange(np.size(x) if N is None else N)
    return np.expand_dims(x, -1) ** (powers if increasing else powers[::-1])


@composite(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """Straight lines between points; at a point the line to its right, at the last to its left."""
    xp, fp = (np.stack(p) if isinstance(p, (list, tuple)) else p for p in (xp, fp))
    xp, fp = kept(xp, x, fp), kept(fp, x, xp)
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, abs(period))
    k = piece(x, xp)
    slopes = np.diff(fp) / np.diff(xp)
    y = getitem(fp, k) + getitem(slopes, k) * (x - getitem(xp, k))
    y = np.where(x > xp[-1], fp[-1] if right is None else right, y)
    return np.where(x < xp[0], fp[0] if left is None else left, y)


def _piece(x, xp):
    """The number of the piece of a table in which x lies."""
    return np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(len(xp) - 2, 0))


piece = Primitive("piece", _piece, ball=balls.piece)


def _periodic(x, xp, fp, period):
    x, xp = np.remainder(x, period), np.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = getitem(xp, order), getitem(fp, order)
    return (
        x,
        np.concatenate((xp[-1:] - period, xp, xp[:1] + period)),
        np.concatenate((fp[-1:], fp, fp[:1])),
    )
