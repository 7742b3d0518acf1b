"""Elementwise functions that PyTorch has otherwise than NumPy, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...tape.replay.elsewhere import Operation
from .dtypes import alike, cast, dtype_of, inexact, lowered, tensor


def power(a: Any, b: Any) -> Tensor:
    """To PyTorch the slope b a^(b-1) is 0 at b = 0 whatever b does, and second derivatives would be
    wrong; so a a^(b-1) stands for a^b there."""
    y: Tensor = a**b
    if all(isinstance(v, Tensor) and v.requires_grad for v in (a, b)) and (b == 0).any():
        zero = b == 0
        base = torch.where(zero & (a != 0), a, 1.0)
        y = torch.where(zero, base * base ** torch.where(zero, b - 1.0, 0.0), y)
    return y


def ldexp(x: Tensor, n: Any) -> Tensor:
    half = n // 2  # a power of two may be out of range where the product is not
    return x * torch.exp2(half.to(x.dtype)) * torch.exp2((n - half).to(x.dtype))


def cbrt(x: Tensor) -> Tensor:
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


def passing_over_nan(fn: Operation) -> Operation:
    return lambda a, b: torch.where(torch.isnan(a), b, torch.where(torch.isnan(b), a, fn(a, b)))


def heaviside(x: Tensor, h: Tensor) -> Tensor:
    step = torch.where(torch.isnan(x), x, (x > 0).to(x.dtype)).detach()
    return torch.where(x == 0, h, step)


def sinc(x: Tensor) -> Tensor:
    """sin(pi x) / (pi x), near 0 by its Taylor series: the quotient's derivatives cancel there."""
    z = torch.pi * x
    near = torch.abs(z) < 1.0
    far = torch.where(near, 1.0, z)
    square = torch.where(near, z, 0.0) ** 2
    series = torch.ones_like(z)
    for k in range(10, 0, -1):
        series = 1.0 - square / (2 * k * (2 * k + 1)) * series
    return torch.where(near, series, torch.sin(far) / far)


def real(x: Tensor) -> Tensor:
    return x.real if x.is_complex() else x


def imag(x: Tensor) -> Tensor:
    return x.imag if x.is_complex() else torch.zeros_like(x)


def angle(x: Tensor, deg: bool = False) -> Tensor:
    return torch.angle(inexact(x)) * (180 / torch.pi if deg else 1.0)


def nan_to_num(
    x: Tensor, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Tensor:
    return torch.nan_to_num(x, nan, posinf, neginf)


def choose(condition: Any, a: Any, b: Any) -> Tensor:
    return torch.where(cast(condition, torch.bool), *alike(a, b))


def astype(x: Tensor, dtype: Any) -> Tensor:
    to = dtype_of(dtype)
    return (x if to.is_complex else real(x)).to(to)


def unwrap(p: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    plain = lowered(p)  # whole periods are added, and they are locally constant
    return p + tensor(np.unwrap(plain, *args, **kwargs) - plain)
