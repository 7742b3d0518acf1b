"""Points that are nests of tuples, lists and dicts of arrays, as one flat vector and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from .errors import NonNumericError, ShapeError
from .tape import numeric

Unravel = Callable[[Any], Any]
NESTS = (tuple, list, dict)


def flatten(x: Any, name: str = "x") -> tuple[tuple[Any, ...], Unravel]:
    """The leaves of a nest as floats and arrays, and the function that makes a nest of such leaves.

    Raises:
        NonNumericError: a leaf is not numeric, or there is none.
    """
    import optree

    leaves, structure = optree.tree_flatten(x)
    if not leaves:
        raise NonNumericError(f"{name} holds no numbers: {x!r}")
    arrays = tuple([numeric(leaf, f"a leaf of {name}") for leaf in leaves])
    return arrays, partial(optree.tree_unflatten, structure)


def ravel(x: Any, name: str = "x") -> tuple[Any, Unravel]:
    """A nest as one vector, and the function that makes a nest of such a vector.

    Raises:
        NonNumericError: a leaf is not numeric, or there is none.
    """
    arrays, unflatten = flatten(x, name)
    shapes = [np.shape(a) for a in arrays]
    dtypes = [getattr(a, "dtype", np.dtype(float)) for a in arrays]
    ends = np.cumsum([prod(s) for s in shapes])

    def unravel(vector: Any) -> Any:
        return unflatten(
            _leaf(vector, int(end), shape, dtype)
            for end, shape, dtype in zip(ends, shapes, dtypes, strict=True)
        )

    return np.concatenate([np.ravel(a) for a in arrays]), unravel


def _leaf(vector: Any, end: int, shape: tuple[int, ...], dtype: Any) -> Any:
    if not shape:
        return vector[end - 1]
    part = np.reshape(vector[end - prod(shape) : end], shape)
    return part if part.dtype == dtype or vector.dtype.kind in "Oc" else part.astype(dtype)


def leaves_like(v: Any, x: Any, name: str) -> tuple[Any, ...]:
    """The leaves of a nest of the same structure as x.

    Raises:
        ShapeError: the structure or a shape differs.
    """
    import optree

    given, structure = optree.tree_flatten(v)
    leaves, wanted = optree.tree_flatten(x)
    if structure != wanted:
        raise ShapeError(f"{name} must have the structure of x, {wanted}; got {structure}")
    for a, b in zip(given, leaves, strict=True):
        if np.shape(a) != np.shape(b):
            raise ShapeError(f"a leaf of {name} has shape {np.shape(a)}, not {np.shape(b)}")
    return flatten(v, name)[0]


def split_columns(jacobian: Any, unravel: Unravel, value_shape: tuple[int, ...]) -> Any:
    """The last axis of an array as a nest: each leaf has shape value_shape + leaf.shape."""
    import optree

    rows = np.reshape(jacobian, (-1, np.shape(jacobian)[-1]))
    nests = [unravel(row) for row in rows]
    return optree.tree_map(
        lambda *leaves: np.reshape(np.stack(leaves), value_shape + np.shape(leaves[0])), *nests
    )
