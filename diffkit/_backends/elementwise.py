"""Whether a function that can only be called is elementwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .base import Function, not_elementwise


def require_elementwise(f: Function, x: Any, y: Any, d: Any, step: Any) -> None:
    """Move some elements of x: the values of the others must stay.

    Args:
        f: the function.
        x: the points.
        y: f(x), of the shape of x.
        d: the derivatives.
        step: by how much to move, of the shape of x.

    Raises:
        ShapeError: they do not.
    """
    # What rounding, or a share of its own derivative, may do to a value.
    allowed = 8 * np.finfo(np.asarray(y).dtype).eps * np.abs(y) + 1e-3 * np.abs(d * step)
    for moved in _halves(np.shape(x)):
        change = np.abs(f(np.where(moved, x + step, x)) - y)
        if np.any(change[~moved] > allowed[~moved]):
            raise not_elementwise()


def _halves(shape: tuple[int, ...]) -> Iterator[Any]:
    """Masks of about half of the elements; of any two out of 64, one mask has only the first."""
    labels = np.random.default_rng(0).permutation(int(np.prod(shape)))
    for bit in range(min(6, max(0, labels.size - 1).bit_length())):
        mask = np.reshape(labels >> bit & 1 == 1, shape)
        yield mask
        yield ~mask
