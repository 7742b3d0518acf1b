"""Sums, products, means, extremes and quantiles over axes."""

from __future__ import annotations

import warnings
from math import prod as size_of

import numpy as np

from ..errors import UnsupportedError
from . import balls
from .arithmetic import or_one
from .primitive import RULES, composite, kept, locally_constant, primitive
from .shape import getitem, scatter


def spread(g, x, axis=None, keepdims=False):
    """Broadcast the cotangent of a reduction of x back over the axes that were reduced."""
    if axis is not None and (not keepdims or keepdims is np._NoValue):
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, np.shape(x))


def count(x, axis=None, where=True):
    """The number of elements that a reduction over axis takes together."""
    if where is not True:
        return np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=True)
    shape = np.shape(x)
    if axis is None:
        return size_of(shape)
    axes = (axis,) if isinstance(axis, int) else axis
    return size_of(shape[k] for k in axes)


def masked(g, where):
    """g where a reduction took the element, and 0 elsewhere."""
    return g if where is True else np.where(where, g, 0.0)


# Sums
def _sum_jvp(t, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    return np.sum(t, axis=axis, keepdims=keepdims, where=where)


def _sum_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    return masked(spread(g, x, axis, keepdims), where)


primitive(np.sum, jvps=(_sum_jvp,), vjps=(_sum_vjp,), ball="objects")


def _mean_jvp(t, y, x, axis=None, dtype=None, out=None, keepdims=False, where=True):
    return np.mean(t, axis=axis, keepdims=keepdims, where=where)


def _mean_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, where=True):
    if where is True:
        return spread(g / count(x, axis), x, axis, keepdims)
    return masked(spread(g, x, axis, keepdims) / count(x, axis, where), where)


primitive(np.mean, jvps=(_mean_jvp,), vjps=(_mean_vjp,), ball=balls.mean)


@composite(np.average)
def average(a, axis=None, weights=None, returned=False, keepdims=False):
    """The mean, or sum(a w) / sum(w); weights may be traced as well."""
    keepdims = keepdims is True
    if weights is None:
        y = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full(np.shape(y), 1.0 * np.size(a) / np.size(y))
    else:
        w = _along_axes(kept(weights, a), a, axis)
        total = np.sum(w, axis=axis, keepdims=keepdims)
        y = np.sum(a * w, axis=axis, keepdims=keepdims) / total
    return (y, np.broadcast_to(total, np.shape(y))) if returned else y


def _along_axes(weights, a, axis):
    """Weights of the shape of a, or of the reduced axes alone, in the shape of a."""
    if np.shape(weights) == np.shape(a):
        return weights
    axes = _axes(a, axis)
    shape = [n if k in axes else 1 for k, n in enumerate(np.shape(a))]
    in_order = np.transpose(weights, np.argsort(axes))
    return np.broadcast_to(np.reshape(in_order, shape), np.shape(a))


def _axes(x, axis):
    """The axes of a reduction as a tuple of numbers from 0."""
    if axis is None:
        return tuple(range(np.ndim(x)))
    return tuple(k % np.ndim(x) for k in ((axis,) if np.ndim(axis) == 0 else axis))


@composite(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The area under the points (x, y); the points may be traced as well."""
    y = np.moveaxis(y if x is None else kept(y, x), axis, -1)
    if x is not None:
        x = kept(np.asarray(x) if isinstance(x, (list, tuple)) else x, y)
        x = np.moveaxis(x, axis, -1) if np.ndim(x) > 1 else np.ravel(x)
        dx = x[..., 1:] - x[..., :-1]
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


# The derivative of the mean inside does not matter, as the deviations sum to 0.
def _variance_slopes(x, axis, ddof, where=True, correction=None, mean=None):
    """The derivative of the variance in each element."""
    if mean is not None:
        raise UnsupportedError("np.var and np.std with mean=... have no rule; leave mean out")
    deviations = x - np.mean(x, axis=axis, keepdims=True, where=where)
    if np.iscomplexobj(deviations):
        deviations = np.conjugate(deviations)
    freedom = count(x, axis, where) - (ddof if correction is None else correction)
    return masked(deviations, where) * 2 / freedom


def _var_jvp(t, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **kwargs):
    return np.sum(t * _variance_slopes(x, axis, ddof, **kwargs), axis=axis, keepdims=keepdims)


def _var_vjp(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **kwargs):
    return _variance_slopes(x, axis, ddof, **kwargs) * spread(g, x, axis, keepdims)


primitive(np.var, jvps=(_var_jvp,), vjps=(_var_vjp,), ball=balls.variance)


# At equal elements the rule gives 0, the middle of the subgradient, as for the norm at 0.
def _std_jvp(t, y, x, *args, **kwargs):
    return _var_jvp(t, y, x, *args, **kwargs) * 0.5 / or_one(y)


def _std_vjp(g, y, x, *args, **kwargs):
    return _var_vjp(g * 0.5 / or_one(y), y, x, *args, **kwargs)


primitive(np.std, jvps=(_std_jvp,), vjps=(_std_vjp,), ball=balls.deviation)


# Products
def _prod_jvp(t, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True):
    return np.sum(t * _others(x, axis, where) * initial, axis=axis, keepdims=keepdims)


def _prod_vjp(g, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True):
    return spread(g, x, axis, keepdims) * _others(x, axis, where) * initial


def _others(x, axis, where):
    """For each element, the product of the others: exact also where an element is zero."""
    if where is not True:
        return masked(_others(np.where(where, x, 1.0), axis, True), where)
    axes = _axes(x, axis)
    rest = tuple(k for k in range(np.ndim(x)) if k not in axes)
    moved = np.transpose(x, rest + axes)
    flat = np.reshape(moved, (*np.shape(moved)[: len(rest)], -1))
    one = np.ones_like(flat[..., :1])
    before = np.cumprod(np.concatenate([one, flat[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, flat[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return np.transpose(np.reshape(before * after, np.shape(moved)), np.argsort(rest + axes))


primitive(np.prod, jvps=(_prod_jvp,), vjps=(_prod_vjp,), ball="objects")


# Extremes. Elements that tie share the derivative equally, the middle of the subgradient.
def _winners(x, y, axis, keepdims, initial, where):
    """Which elements have the value y, and how many of them there are in each reduction."""
    if axis is not None:
        y = spread(y, x, axis, keepdims)
    wins = (x == y) if where is True else (x == y) & where
    if axis is None or (where is True and np.count_nonzero(wins) * count(x, axis) == np.size(x)):
        number = np.count_nonzero(wins) if axis is None else 1  # no ties: the usual case
    else:
        number = np.count_nonzero(wins, axis=axis, keepdims=True)
    return wins, number if initial is None else number + (y == initial)


def _extreme_jvp(t, y, x, axis=None, out=None, keepdims=False, initial=None, where=True):
    wins, number = _winners(x, y, axis, keepdims, initial, where)
    return np.sum(t * (wins / number), axis=axis, keepdims=keepdims)


def _extreme_vjp(g, y, x, axis=None, out=None, keepdims=False, initial=None, where=True):
    wins, number = _winners(x, y, axis, keepdims, initial, where)
    if axis is None:
        return wins * (g / number)
    g = spread(g, x, axis, keepdims)
    return np.where(wins, g, 0.0) if type(number) is int else g / number * wins


for _extreme in (np.max, np.amax, np.min, np.amin, np.nanmax, np.nanmin):
    _largest = _extreme in (np.max, np.amax, np.nanmax)
    primitive(_extreme, jvps=(_extreme_jvp,), vjps=(_extreme_vjp,), ball=balls.extreme(_largest))


@composite(np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    """The maximum less the minimum."""
    keepdims = keepdims is True
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# Cumulative sums and products
def _cumsum_vjp(g, y, x, axis=None, dtype=None, out=None):
    if axis is None:
        return np.reshape(_cumsum_vjp(g, y, g, axis=0), np.shape(x))
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


primitive(
    np.cumsum,
    jvps=(lambda t, y, x, axis=None, dtype=None, out=None: np.cumsum(t, axis=axis),),
    vjps=(_cumsum_vjp,),
    ball="objects",
)


def _recurrence(a, b):
    """The solution of c[k] = a[k] c[k-1] + b[k], c[-1] = 0, along the first axis.

    By recursive doubling (Kogge & Stone 1973). Dividing by a would be shorter, and wrong where a
    is zero.
    """
    step = 1
    while step < np.shape(b)[0]:
        b = np.concatenate([b[:step], b[step:] + a[step:] * b[:-step]])
        a = np.concatenate([a[:step], a[step:] * a[:-step]])
        step *= 2
    return b


def _delayed(y):
    """The running product before each element."""
    return np.concatenate([np.ones_like(y[:1]), y[:-1]])


# With y[k] = y[k-1] x[k], tangents and adjoints obey linear recurrences.
def _cumprod_jvp(t, y, x, axis=None, dtype=None, out=None):
    if axis is None:
        return _cumprod_jvp(np.ravel(t), y, np.ravel(x), axis=0)
    t, y, x = (np.moveaxis(v, axis, 0) for v in (t, y, x))
    return np.moveaxis(_recurrence(x, _delayed(y) * t), 0, axis)


def _cumprod_vjp(g, y, x, axis=None, dtype=None, out=None):
    if axis is None:
        return np.reshape(_cumprod_vjp(g, y, np.ravel(x), axis=0), np.shape(x))
    g, y, x = (np.moveaxis(v, axis, 0) for v in (g, y, x))
    factors = np.concatenate([np.zeros_like(x[:1]), x[:0:-1]])
    return np.moveaxis(_recurrence(factors, g[::-1])[::-1] * _delayed(y), 0, axis)


primitive(np.cumprod, jvps=(_cumprod_jvp,), vjps=(_cumprod_vjp,), ball="objects")


def _cumulative(fn, first):
    """np.cumulative_sum or np.cumulative_prod in terms of np.cumsum or np.cumprod."""

    def cumulative(x, axis=None, dtype=None, out=None, include_initial=False):
        if axis is None and np.ndim(x) > 1:
            raise ValueError("axis is needed for arrays of more than one axis")
        axis = axis or 0
        y = fn(x, axis=axis, dtype=dtype)
        shape = list(np.shape(y))
        shape[axis] = 1
        return np.concatenate([np.full(shape, first), y], axis=axis) if include_initial else y

    return cumulative


composite(np.cumulative_sum)(_cumulative(np.cumsum, 0.0))
composite(np.cumulative_prod)(_cumulative(np.cumprod, 1.0))


# Passing over NaN: such an element counts as the neutral element, with derivative 0.
def _without_nan(fn, neutral):
    def passing_over(a, *args, **kwargs):
        return fn(np.where(np.isnan(a), neutral, a), *args, **kwargs)

    return passing_over


composite(np.nansum)(_without_nan(np.sum, 0.0))
composite(np.nanprod)(_without_nan(np.prod, 1.0))
composite(np.nancumsum)(_without_nan(np.cumsum, 0.0))
composite(np.nancumprod)(_without_nan(np.cumprod, 1.0))


def _numbers(a, where):
    """Which elements count, and the array with 0 for the others."""
    valid = np.logical_and(where, ~np.isnan(a))
    return valid, np.where(valid, a, 0.0)


@composite(np.nanmean)
def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, where=True):
    """The sum of the numbers over their count."""
    valid, a = _numbers(a, where)
    kwargs = {"axis": axis, "keepdims": keepdims is True}
    return np.sum(a, dtype=dtype, **kwargs) / np.sum(valid, **kwargs)


@composite(np.nanvar)
def nanvar(
    a, axis=None, dtype=None, out=None, ddof=0, keepdims=False,
    where=True, mean=None, correction=None,
):  # fmt: skip
    """The sum of squared deviations of the numbers over their count less ddof."""
    if mean is not None:
        raise UnsupportedError("np.nanvar and np.nanstd with mean=... have no rule; leave it out")
    valid, a = _numbers(a, where)
    mean = np.sum(a, axis=axis, keepdims=True) / np.sum(valid, axis=axis, keepdims=True)
    deviations = np.where(valid, a - mean, 0.0)
    if np.iscomplexobj(a):
        squares = np.real(deviations * np.conjugate(deviations))
    else:
        squares = deviations**2
    kwargs = {"axis": axis, "keepdims": keepdims is True}
    freedom = np.sum(valid, **kwargs) - (ddof if correction is None else correction)
    return np.sum(squares, dtype=dtype, **kwargs) / freedom


@composite(np.nanstd)
def nanstd(a, *args, **kwargs):
    """The root of the variance; its derivative is 0 where all numbers are equal."""
    variance = np.nanvar(a, *args, **kwargs)
    equal = variance == 0
    return np.where(equal, 0.0, np.sqrt(np.where(equal, 1.0, variance)))


# Quantiles. By every method a quantile is a blend of two neighbours in sorted order, at a position
# that depends on the number of elements alone. The quantile of the ranks 0, 1, 2, ... is that
# position, so NumPy itself tells where it is. Of equal elements one gets the derivative.
def _neighbours(x, fn, axis, *args, **kwargs):
    """The indices of the lower and the upper neighbour in x.ravel(), and the upper one's share."""
    axes = _axes(x, axis)
    rest = tuple(k for k in range(np.ndim(x)) if k not in axes)
    shape = (*(np.shape(x)[k] for k in rest), -1)
    rows = np.reshape(np.transpose(x, rest + axes), shape)
    places = np.arange(np.size(x)).reshape(np.shape(x)).transpose(rest + axes).reshape(shape)
    order = np.argsort(rows, axis=-1)
    ranks = np.where(np.isnan(rows), np.nan, np.argsort(order, axis=-1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of rows of NaN: the value has told
        position = np.nan_to_num(fn(ranks, *args, axis=-1, **kwargs))
    in_order = np.broadcast_to(
        np.take_along_axis(places, order, -1), (*np.shape(position), places.shape[-1])
    )
    lower, upper = (
        np.take_along_axis(in_order, whole(position).astype(int)[..., None], -1)[..., 0]
        for whole in (np.floor, np.ceil)
    )
    return lower, upper, position - np.floor(position)


def _neighbours_of_balls(x, fn, axis, *args, **kwargs):
    """Of a median, whose place is exact: the order is proved, and the ranks stand for the balls."""
    if fn is not np.median:
        raise TypeError(f"the position of np.{fn.__name__} is rounded")
    flat = np.ravel(np.asarray(x, dtype=object))
    order = balls.by_order(np.argsort)(flat)
    ranks = np.argsort(order).astype(float).reshape(np.shape(x))
    lower, upper, share = _neighbours(ranks, fn, axis)
    return lower, upper, balls.each(balls.ball)(share)


locally_constant(_neighbours, ball=_neighbours_of_balls)
neighbours = RULES[_neighbours]


def _blend(t, y, lower, upper, share):
    t = np.ravel(t)
    return np.reshape(getitem(t, lower) * (1 - share) + getitem(t, upper) * share, np.shape(y))


def _unblend(g, x, lower, upper, share):
    g, size = np.reshape(g, np.shape(share)), (np.size(x),)
    flat = scatter(g * (1 - share), size, lower) + scatter(g * share, size, upper)
    return np.reshape(flat, np.shape(x))


def _declare_median(fn):
    def jvp(t, y, x, axis=None, out=None, overwrite_input=False, keepdims=False):
        return _blend(t, y, *neighbours(x, fn, axis))

    def vjp(g, y, x, axis=None, out=None, overwrite_input=False, keepdims=False):
        return _unblend(g, x, *neighbours(x, fn, axis))

    ball = balls.median if fn is np.median else None
    primitive(fn, jvps=(jvp,), vjps=(vjp,), ball=ball)


def _declare_quantile(fn):
    def at(
        x,
        q,
        axis=None,
        out=None,
        overwrite_input=False,
        method="linear",
        keepdims=False,
        weights=None,
    ):
        if weights is not None:
            raise UnsupportedError(f"np.{fn.__name__} with weights=... has no rule")
        return neighbours(x, fn, axis, q, method=method)

    primitive(
        fn,
        jvps=(lambda t, y, x, *args, **kwargs: _blend(t, y, *at(x, *args, **kwargs)),),
        vjps=(lambda g, y, x, *args, **kwargs: _unblend(g, x, *at(x, *args, **kwargs)),),
    )


_declare_median(np.median)
_declare_median(np.nanmedian)
for _quantile in (np.quantile, np.percentile, np.nanquantile, np.nanpercentile):
    _declare_quantile(_quantile)
