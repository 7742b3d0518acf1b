"""The same elements in another order or shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UnsupportedError
from ...tape.replay.elsewhere import Operation
from .dtypes import listed, tensor


def reshape(x: Tensor, shape: Any, order: str = "C", copy: Any = None) -> Tensor:
    shape = listed(shape)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if order == "F":
        x, shape = transpose(x), shape[::-1]
    elif order != "C":
        raise UnsupportedError(f"torch: order={order!r} depends on how an array lies in memory")
    x = x.reshape(shape)
    return transpose(x) if order == "F" else x


def expand_dims(x: Tensor, axis: Any) -> Tensor:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    ndim = x.ndim + len(axes)
    for k in sorted(k % ndim for k in axes):
        x = x.unsqueeze(k)
    return x


def transpose(x: Tensor, axes: Any = None) -> Tensor:
    return x.permute(list(reversed(range(x.ndim)) if axes is None else listed(axes)))


def moveaxis(x: Tensor, source: Any, destination: Any) -> Tensor:
    return x.movedim(*(k if isinstance(k, int) else tuple(k) for k in (source, destination)))


def roll(x: Tensor, shift: Any, axis: Any = None) -> Tensor:
    shift = listed(shift)
    if axis is None:
        return torch.roll(x, sum(shift) if isinstance(shift, (list, tuple)) else shift)
    pairs = np.broadcast(shift, axis)  # an axis may be named twice
    for by, k in pairs:
        x = torch.roll(x, int(by), int(k))
    return x


def rot90(x: Tensor, k: int = 1, axes: Any = (0, 1)) -> Tensor:
    return torch.rot90(x, k, tuple(axes))


def repeat(x: Tensor, repeats: Any, axis: Any = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    n = x.shape[axis]
    places = np.repeat(np.arange(n), np.asarray(listed(repeats)))
    return torch.index_select(x, axis, tensor(places))


def tile(x: Tensor, reps: Any) -> Tensor:
    reps = listed(reps)
    return torch.tile(x, (reps,) if isinstance(reps, int) else tuple(reps))


def triangle(part: Callable[..., Any]) -> Operation:
    """``np.tril`` or ``np.triu``, which repeat a vector in each row."""

    def triangle(x: Tensor, k: int = 0) -> Tensor:
        n = tuple(x.shape[-2:]) if x.ndim > 1 else tuple(x.shape) * 2
        return torch.where(tensor(part(np.ones(n, bool), k)), x, 0)

    return triangle


def squeeze(x: Tensor, axis: Any = None) -> Tensor:
    return x.squeeze() if axis is None else x.squeeze(axis)
