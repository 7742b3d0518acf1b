"""Reading and writing elements by index."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .dtypes import cast, lowered, operand, tensor


def getitem(x: Tensor, *index: Any) -> Tensor:
    """x[index] as NumPy reads it: slices may step backwards, and a number beside index arrays is
    one of them."""
    if all(map(_is_plain, index)):
        return x[index]
    parts = [_part(k) for k in index]
    if any(isinstance(k, slice) and (k.step or 1) < 0 for k in parts):
        x, parts = _stepped_back(x, parts)
    if any(isinstance(k, Tensor) and k.ndim for k in parts):
        parts = [_as_array(k) for k in parts]
    return x[tuple(parts)]


def _is_plain(k: Any) -> bool:
    """Whether PyTorch reads a part of an index as NumPy does, if all the others are plain, too."""
    if type(k) is slice:
        return k.step is None or bool(k.step > 0)
    return type(k) is int or k is None or k is Ellipsis


def _part(k: Any) -> Any:
    if isinstance(k, (list, tuple, range, np.ndarray, np.generic)):
        k = tensor(np.asarray(k, dtype=None if np.size(k) else int))
    if isinstance(k, Tensor) and k.dtype is not torch.bool:
        return k.long()  # to PyTorch, small whole numbers may be a mask
    return k


def _as_array(k: Any) -> Any:
    if isinstance(k, Tensor) and k.dtype is not torch.bool and not k.ndim:
        return k.reshape(1)
    return tensor([k]) if type(k) is int else k


def _stepped_back(x: Tensor, parts: list[Any]) -> tuple[Tensor, list[Any]]:
    """x with the slices of negative step taken, and the index that is left."""
    parts, dim = list(parts), 0
    for n, k in enumerate(parts):
        if isinstance(k, slice):
            if (k.step or 1) < 0:
                numbers = range(x.shape[dim])[k]
                ahead = slice(numbers[-1], numbers[0] + 1, -numbers.step) if numbers else slice(0)
                x = x[(slice(None),) * dim + (ahead,)].flip(dim)
                parts[n] = slice(None)
            dim += 1
        elif k is Ellipsis:
            dim = x.ndim - sum(map(_width, parts[n + 1 :]))
        else:
            dim += _width(k)
    return x, parts


def _width(k: Any) -> int:
    """How many axes a part of an index reads."""
    if isinstance(k, Tensor) and k.dtype is torch.bool:
        return k.ndim
    return 0 if k is None or k is True or k is False else 1


def scatter(g: Any, shape: Any, *index: Any) -> Tensor:
    return _placed(g, shape, getitem(_numbered(shape), *index))


def _numbered(shape: Any) -> Tensor:
    """An array that holds the place of each element."""
    return tensor(np.arange(prod(shape)).reshape(shape))


def _placed(g: Any, shape: Any, places: Tensor) -> Tensor:
    """Zeros of that shape with g added at these places."""
    g = g if isinstance(g, Tensor) else tensor(float(g))
    flat = g.new_zeros(prod(shape))
    return flat.index_add(0, places.reshape(-1), g.expand(places.shape).reshape(-1)).reshape(shape)


def setitem(x: Tensor, value: Any, *index: Any) -> Tensor:
    """x with value at index; of an element that is named twice the last value counts."""
    places = lowered(getitem(_numbered(x.shape), *index))
    source = np.full(x.numel(), -1)
    source[places.reshape(-1)] = np.arange(places.size)
    if not places.size:
        return x
    given = cast(operand(value), x.dtype)
    given = given.reshape(given.shape[max(given.ndim - places.ndim, 0) :])  # axes of length 1
    given = given.expand(places.shape).reshape(-1)
    written = given[tensor(np.maximum(source, 0))]
    return torch.where(tensor(source >= 0), written, x.reshape(-1)).reshape(x.shape)


def diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    return torch.diagonal(x, offset, axis1, axis2)


def place_diagonal(
    g: Tensor, shape: Any, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Tensor:
    places = _numbered(shape)
    return _placed(g, shape, torch.diagonal(places, offset, axis1, axis2))
