"""Joins, differences, products and Fourier transforms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...tape.replay.elsewhere import Operation
from .dtypes import alike, inexact, listed


def concatenate(*arrays: Any, axis: int) -> Tensor:
    return torch.cat(alike(*arrays), axis)


def stack(*arrays: Any, axis: int) -> Tensor:
    return torch.stack(alike(*arrays), axis)


def difference(x: Tensor, n: int = 1, axis: int = -1) -> Tensor:
    return torch.diff(x, n, axis)


def convolve(a: Any, v: Any) -> Tensor:
    a, v = alike(a, v)
    return functional.conv1d(a[None, None], v.flip(0)[None, None], padding=len(v) - 1)[0, 0]


def outer(a: Any, b: Any) -> Tensor:
    return torch.outer(*[v.reshape(-1) for v in alike(a, b)])


def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    axes = listed(axes)
    if not isinstance(axes, int):
        axes = [[k] if isinstance(k, int) else list(map(int, k)) for k in map(listed, axes)]
    return torch.tensordot(*alike(a, b), axes)


def einsum(*operands: Any, labels: Any, out: str, optimize: Any = False) -> Tensor:
    return torch.einsum(f"{','.join(labels)}->{out}", *alike(*operands))


def cross(a: Any, b: Any) -> Tensor:
    return torch.linalg.cross(*torch.broadcast_tensors(*alike(a, b)), dim=-1)


def of_pair(fn: Operation) -> Operation:
    return lambda a, b: fn(*alike(a, b))


# Transforms


def transform(fn: Operation) -> Operation:
    def transform(
        x: Tensor, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None
    ) -> Tensor:
        return fn(inexact(x), n, axis, norm)

    return transform


def shift(fn: Operation) -> Operation:
    return lambda x, axes=None: fn(x, listed(axes))
