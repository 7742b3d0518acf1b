"""Linear algebra.

Of a Hermitian matrix NumPy reads one triangle; PyTorch's derivatives are for both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UnsupportedError
from ...tape.replay.elsewhere import Operation
from .dtypes import alike, inexact, lowered
from .elementwise import real


def mirrored(a: Tensor, uplo: str = "L") -> Tensor:
    half = torch.tril(a, -1) if uplo.upper() == "L" else torch.triu(a, 1)
    diagonal = real(torch.diagonal(a, dim1=-2, dim2=-1))
    return half + half.mH + torch.diag_embed(diagonal)


def eigh(a: Tensor, UPLO: str = "L") -> Any:
    return torch.linalg.eigh(mirrored(inexact(a), UPLO))


def eig(a: Tensor) -> Any:
    w, v = torch.linalg.eig(inexact(a))
    if not a.is_complex() and not w.detach().imag.any():
        return w.real, v.real
    return w, v


def det(a: Tensor) -> Tensor:
    matrix = lowered(a)
    if np.size(matrix) and not np.all(np.linalg.cond(matrix, 1) <= 1e8):
        raise UnsupportedError(
            "torch's derivative of det is 0, and wrong, where the matrix is singular; use "
            "backend='reverse'"
        )
    return torch.linalg.det(inexact(a))


def triangular(upper: bool) -> Operation:
    return lambda a, b: torch.linalg.solve_triangular(*map(inexact, alike(a, b)), upper=upper)


def solve(a: Any, b: Any) -> Tensor:
    a, b = map(inexact, alike(a, b))
    stack = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])  # else b may pass for vectors
    return torch.linalg.solve(a, b.expand(*stack, *b.shape[-2:]))


def pinv(a: Tensor, rcond: Any = None, rtol: Any = None) -> Tensor:
    if rtol is None and rcond is None:
        rtol = 1e-15
    return torch.linalg.pinv(a, rtol=float(rcond if rtol is None else rtol))
