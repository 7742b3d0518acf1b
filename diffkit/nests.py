"""Points that are nests of tuples, lists and dicts of arrays, as one flat vector and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import NonNumericError, ShapeError
from .tape import numeric

Unravel = Callable[[Any], Any]
NESTS = (tuple, list, dict)


def ravel(x: Any, name: str = "x") -> tuple[Any, Unravel]:
    """A nest as one vector, and the function that makes a nest of such a vector.

    Raises:
        NonNumericError: a leaf is not numeric, or there is none.
    """
    import optree

    leaves, structure = optree.tree_flatten(x)
    if not leaves:
        raise NonNumericError(f"{name} holds no numbers: {x!r}")
    arrays = [numeric(leaf, f"a leaf of {name}") for leaf in leaves]
    shapes = [np.shape(a) for a in arrays]
    dtypes = [getattr(a, "dtype", np.dtype(float)) for a in arrays]
    ends = np.cumsum([int(np.prod(s)) for s in shapes])

    def unravel(vector: Any) -> Any:
        parts = [
            _leaf(vector, int(end), shape, dtype)
            for end, shape, dtype in zip(ends, shapes, dtypes, strict=True)
        ]
        return optree.tree_unflatten(structure, parts)

    return np.concatenate([np.ravel(a) for a in arrays]), unravel


def _leaf(vector: Any, end: int, shape: tuple[int, ...], dtype: Any) -> Any:
    if not shape:
        return vector[end - 1]
    part = np.reshape(vector[end - int(np.prod(shape)) : end], shape)
    return part if part.dtype == dtype or vector.dtype.kind == "O" else part.astype(dtype)


def ravel_like(v: Any, x: Any, name: str) -> Any:
    """A nest of the same structure as x as one vector.

    Raises:
        ShapeError: the structure or a shape differs.
    """
    import optree

    leaves, structure = optree.tree_flatten(x)
    given, given_structure = optree.tree_flatten(v)
    if structure != given_structure:
        raise ShapeError(f"{name} must have the structure of x, {structure}; got {given_structure}")
    for a, b in zip(given, leaves, strict=True):
        if np.shape(a) != np.shape(b):
            raise ShapeError(f"a leaf of {name} has shape {np.shape(a)}, not {np.shape(b)}")
    return ravel(v, name)[0]


def split_columns(jacobian: Any, unravel: Unravel, value_shape: tuple[int, ...]) -> Any:
    """The last axis of an array as a nest: each leaf has shape value_shape + leaf.shape."""
    import optree

    rows = np.reshape(jacobian, (-1, np.shape(jacobian)[-1]))
    nests = [unravel(row) for row in rows]
    return optree.tree_map(
        lambda *leaves: np.reshape(np.stack(leaves), value_shape + np.shape(leaves[0])), *nests
    )
