"""Order: a sorted array is the same elements in the places that its order gives them.

Equal elements keep the order in which ``argsort`` leaves them, so each cotangent goes to exactly
one element.
"""

from __future__ import annotations

import numpy as np

from .primitive import Primitive, composite


def _reordered(order_of):
    """Sort by the order that ``order_of(a, axis, ...)`` finds."""

    def reordered(a, *args, axis=-1, **kwargs):
        if axis is None:
            a, axis = np.ravel(a), -1
        return np.take_along_axis(a, order_of(a, *args, axis=axis, **kwargs), axis)

    return reordered


_sorted, _partitioned = _reordered(np.argsort), _reordered(np.argpartition)


@composite(np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """The elements along an axis in ascending order."""
    return _sorted(a, axis=axis, kind=kind, stable=stable)


@composite(np.sort_complex)
def sort_complex(a):
    """Sorted along the last axis, as complex numbers."""
    return np.sort(a) + 0j


@composite(np.partition)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    """The k-th smallest in its place, the smaller ones before it."""
    return _partitioned(a, kth, axis=axis, kind=kind)


def _find_unique(x, axis=None, equal_nan=True):
    return np.unique(x, True, True, True, axis, equal_nan=equal_nan)[1:]


find_unique = Primitive("unique", _find_unique)


@composite(np.unique)
def unique(
    ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *,
    equal_nan=True, sorted=True,
):  # fmt: skip
    """The distinct elements in ascending order; the cotangent goes to the first of equals."""
    places, inverse, counts = find_unique(ar, axis, equal_nan)
    asked = [(return_index, places), (return_inverse, inverse), (return_counts, counts)]
    values = np.take(ar, places, axis=axis)
    extra = [answer for wanted, answer in asked if wanted]
    return (values, *extra) if extra else values
