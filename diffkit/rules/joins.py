"""Arrays put together and taken apart."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np

from ..errors import MissingRuleError
from .primitive import Primitive, composite, primitive


def _zeros(x):
    """Zeros like x, which a derivative never flows into."""
    return np.zeros(np.shape(x), getattr(x, "dtype", float))


def _joint(join):
    """The JVP of a function that is linear in all its arguments together."""

    def joint_jvp(tangents, y, *arrays, **kwargs):
        filled = [_zeros(a) if t is None else t for t, a in zip(tangents, arrays, strict=True)]
        return join()(*filled, **kwargs)

    return joint_jvp


def _concatenate(*arrays, axis):
    return np.concatenate(arrays, axis=axis)


def _parts(g, y, *arrays, axis):
    ends = accumulate((np.shape(a)[axis] for a in arrays), initial=0)
    return [g[(*(slice(None),) * axis, slice(*part))] for part in pairwise(ends)]


join: Primitive = primitive(
    _concatenate, joint_jvp=_joint(lambda: join), joint_vjp=_parts, ball="objects"
)


@composite(np.concatenate)
def concatenate(arrays, axis=0):
    """Arrays one after the other along an axis."""
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    axis = np.lib.array_utils.normalize_axis_index(axis, np.ndim(arrays[0]))
    return join(*arrays, axis=axis)


def _stack(*arrays, axis):
    return np.stack(arrays, axis=axis)


def _layers(g, y, *arrays, axis):
    return [g[(*(slice(None),) * axis, k)] for k in range(len(arrays))]


pile: Primitive = primitive(
    _stack, joint_jvp=_joint(lambda: pile), joint_vjp=_layers, ball="objects"
)


@composite(np.stack)
def stack(arrays, axis=0):
    """Arrays of one shape along a new axis."""
    arrays = tuple(arrays)
    ndim = np.ndim(arrays[0]) + 1
    return pile(*arrays, axis=np.lib.array_utils.normalize_axis_index(axis, ndim))


@composite(np.vstack)
def vstack(tup):
    """Arrays one under the other; vectors are rows."""
    if all(np.ndim(a) == 1 for a in tup):
        return stack(tup)
    return concatenate([np.atleast_2d(a) for a in tup])


@composite(np.hstack)
def hstack(tup):
    """Arrays side by side; vectors one after the other."""
    if not any(np.ndim(a) for a in tup):
        return stack(tup)
    arrays = [np.atleast_1d(a) for a in tup]
    return concatenate(arrays, axis=0 if np.ndim(arrays[0]) == 1 else 1)


@composite(np.dstack)
def dstack(tup):
    """Arrays one behind the other, along the third axis."""
    return concatenate([np.atleast_3d(a) for a in tup], axis=2)


@composite(np.column_stack)
def column_stack(tup):
    """Arrays side by side; vectors are columns."""
    if all(np.ndim(a) == 1 for a in tup):
        return stack(tup, axis=1)
    columns = [np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup]
    return concatenate(columns, axis=1)


def _depth(arrays):
    return 1 + max(map(_depth, arrays)) if isinstance(arrays, list) else 0


def _leaves(arrays):
    return [x for a in arrays for x in _leaves(a)] if isinstance(arrays, list) else [arrays]


@composite(np.block)
def block(arrays):
    """Nested lists of blocks: the innermost lists are joined along the last axis, and so on."""
    ndim = max(_depth(arrays), *map(np.ndim, _leaves(arrays)))

    def joined(part, axis):
        if isinstance(part, list):
            return concatenate([joined(p, axis + 1) for p in part], axis=axis)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return joined(arrays, -_depth(arrays))


@composite(np.append)
def append(arr, values, axis=None):
    """One array after the other; both as vectors if no axis is given."""
    return concatenate((arr, values), axis=axis)


@composite(np.insert)
def insert(arr, obj, values, axis=None):
    """Slices put in before the slices that are named."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis %= np.ndim(arr)
    shape = np.shape(arr)
    values = np.reshape(values, (1,) * (np.ndim(arr) - np.ndim(values)) + np.shape(values))
    places = np.arange(shape[axis])[obj] if isinstance(obj, slice) else obj
    if np.ndim(places) == 0:
        values = np.moveaxis(values, 0, axis)
    many = np.size(places) if np.ndim(places) and np.size(places) > 1 else np.shape(values)[axis]
    values = np.broadcast_to(values, (*shape[:axis], many, *shape[axis + 1 :]))
    order = np.insert(np.arange(shape[axis]), places, shape[axis] + np.arange(many))
    return np.take(concatenate((arr, values), axis=axis), order, axis=axis)


# Apart
@composite(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    """Parts of an array that end at the given places, or so many of almost equal length."""
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections):
        edges = [0, *indices_or_sections, n]
    else:
        short, longer = divmod(n, indices_or_sections)
        edges = [k * short + min(k, longer) for k in range(indices_or_sections + 1)]
    before = (slice(None),) * (axis % np.ndim(ary))
    return [ary[(*before, slice(*ends))] for ends in pairwise(edges)]


@composite(np.split)
def split(ary, indices_or_sections, axis=0):
    """Parts of an array that end at the given places, or so many of equal length."""
    if not np.ndim(indices_or_sections) and np.shape(ary)[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


composite(np.hsplit)(lambda ary, sections: split(ary, sections, 1 if np.ndim(ary) > 1 else 0))
composite(np.vsplit)(lambda ary, sections: split(ary, sections, 0))
composite(np.dsplit)(lambda ary, sections: split(ary, sections, 2))


@composite(np.unstack)
def unstack(x, /, *, axis=0):
    """The slices along an axis, without it."""
    return tuple(np.moveaxis(x, axis, 0))


# Padding goes axis by axis, so that the corners come from the borders that are there already.
def _by_copies(x, before, after, axis, mode):
    """Borders whose elements are elements of x."""
    places = np.pad(np.arange(np.shape(x)[axis]), (before, after), mode=mode)
    return np.take(x, places, axis=axis)


def _framed(x, before, after, axis, left, right):
    """Borders that were made from one slice each."""

    def border(edge, width):
        shape = list(np.shape(x))
        shape[axis] = width
        return np.broadcast_to(edge, shape)

    return concatenate((border(left, before), x, border(right, after)), axis=axis)


def _by_constants(x, before, after, axis, values=0):
    left, right = (np.asarray(v, dtype=x.dtype) for v in np.broadcast_to(values, 2))
    return _framed(x, before, after, axis, left, right)


def _by_ramps(x, before, after, axis, values=0):
    start, stop = np.broadcast_to(values, 2)
    along = [-1 if k == axis else 1 for k in range(np.ndim(x))]
    rise, fall = np.reshape(np.arange(before), along), np.reshape(np.arange(after)[::-1], along)
    first, last = np.take(x, [0], axis=axis), np.take(x, [-1], axis=axis)
    return _framed(x, before, after, axis, start + rise * (first - start) / max(before, 1),
                   stop + fall * (last - stop) / max(after, 1))  # fmt: skip


def _by_summary(x, before, after, axis, summary):
    value = summary(x, axis=axis, keepdims=True)
    return _framed(x, before, after, axis, value, value)


_COPIES = ("edge", "reflect", "symmetric", "wrap")
_SUMMARIES = {"maximum": np.max, "mean": np.mean, "median": np.median, "minimum": np.min}
_VALUES = {"constant": (_by_constants, "constant_values"), "linear_ramp": (_by_ramps, "end_values")}


@composite(np.pad)
def pad(array, pad_width, mode="constant", **options):
    """Borders of the given widths around an array."""
    ndim = np.ndim(array)
    fill, name = _VALUES.get(mode, (None, ""))
    values = _pairs(options.pop(name, 0), ndim)
    even = options.pop("reflect_type", "even") == "even"
    whole = options.pop("stat_length", None) is None
    if options or not (even and whole) or mode not in (*_VALUES, *_COPIES, *_SUMMARIES):
        raise MissingRuleError(
            f"numpy.pad with mode={mode!r}{'' if even else ', an odd reflect_type'}"
            f"{'' if whole else ', stat_length'} has no derivative rule; it has one with "
            f"{', '.join((*_VALUES, *_COPIES, *_SUMMARIES))}, without stat_length"
        )
    for axis, (before, after) in enumerate(_pairs(pad_width, ndim)):
        if mode in _COPIES:
            array = _by_copies(array, before, after, axis, mode)
        elif fill is not None:
            array = fill(array, before, after, axis, values[axis])
        else:
            array = _by_summary(array, before, after, axis, _SUMMARIES[mode])
    return array


def _pairs(given, ndim):
    """A number, a pair, or a pair for each axis, as pairs; a dict names its axes."""
    if isinstance(given, dict):
        pairs = {axis % ndim: np.broadcast_to(pair, 2) for axis, pair in given.items()}
        return [pairs.get(axis, (0, 0)) for axis in range(ndim)]
    return np.broadcast_to(given, (ndim, 2)).tolist()


@composite(np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Evenly spaced numbers, in both ends."""
    parts = max(num - 1 if endpoint else num, 1)
    span = np.asarray(np.arange(num) / parts)
    first, last = np.expand_dims(start, axis), np.expand_dims(stop, axis)
    shape = [1] * max(np.ndim(first), np.ndim(last))
    shape[axis] = num
    weight = np.reshape(span, shape)
    points = first * (1.0 - weight) + last * weight
    return (points, (stop - start) / parts) if retstep else points
