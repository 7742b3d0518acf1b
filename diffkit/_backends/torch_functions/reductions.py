"""Sums, products, means, extremes and quantiles over axes.

PyTorch takes all axes where NumPy takes none, has no products over several, and its median is an
element.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UnsupportedError
from ...tape.replay.elsewhere import Operation
from .dtypes import cast, inexact, listed, lowered, tensor
from .elementwise import astype, choose, real


def axes_of(x: Tensor, axis: Any) -> list[int]:
    axis = listed(axis)
    if axis is None:
        return list(range(x.ndim))
    return [k % x.ndim for k in ((axis,) if isinstance(axis, int) else axis)]


def _rows(x: Tensor, axis: Any) -> tuple[Tensor, list[int]]:
    """What is reduced together along one last axis, and the result's shape with axes kept."""
    axes = axes_of(x, axis)
    rest = [k for k in range(x.ndim) if k not in axes]
    shape = [*[x.shape[k] for k in rest], prod([x.shape[k] for k in axes])]
    rows = x.permute([*rest, *axes]).reshape(shape)
    return rows, [1 if k in axes else n for k, n in enumerate(x.shape)]


def _given(value: Any) -> bool:
    """Whether a parameter was given, and is not False."""
    return value is not np._NoValue and value is not None and value is not False


def _masked(x: Tensor, where: Any, neutral: Any) -> Tensor:
    if where is True or where is np._NoValue:
        return x
    return choose(torch.as_tensor(where), x, neutral)


def _number(x: Tensor, where: Any, axis: Any) -> Any:
    """How many elements are reduced together."""
    if where is True or where is np._NoValue:
        return prod([x.shape[k] for k in axes_of(x, axis)])
    return total(_masked(torch.ones_like(real(x)), where, 0.0), axis, keepdims=True)


def total(
    x: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Tensor:  # fmt: skip
    x = _masked(x, where, 0)
    x = x if dtype is None else astype(x, dtype)
    axes = axes_of(x, axis)
    y = torch.sum(x, axes, _given(keepdims)) if axes else torch.sum(x[..., None], -1)
    return y + initial if _given(initial) else y


def mean(
    x: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    where: Any = True,
) -> Tensor:  # fmt: skip
    x = inexact(x if dtype is None else astype(x, dtype))
    y = total(x, axis, keepdims=True, where=where) / _number(x, where, axis)
    return y if _given(keepdims) else y.squeeze(axes_of(x, axis))


def _deviations(
    x: Tensor, axis: Any, dtype: Any, where: Any, about: Any
) -> tuple[Tensor, list[int]]:
    x = inexact(x if dtype is None else astype(x, dtype))
    if _given(about):
        raise UnsupportedError("torch: variances with mean=... have no rule; leave it out")
    return _masked(x - mean(x, axis, keepdims=True, where=where), where, 0.0), axes_of(x, axis)


def variance(
    x: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, where: Any = True, mean: Any = None, correction: Any = None,
) -> Tensor:  # fmt: skip
    d, axes = _deviations(x, axis, dtype, where, mean)
    freedom = _number(d, where, axis) - (correction if _given(correction) else ddof)
    y = total(real(d * d.conj()), axis, keepdims=True) / freedom
    return y if _given(keepdims) else y.squeeze(axes)


def deviation(
    x: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, where: Any = True, mean: Any = None, correction: Any = None,
) -> Tensor:  # fmt: skip
    """By a norm, whose derivative at equal elements is 0."""
    d, axes = _deviations(x, axis, dtype, where, mean)
    freedom = _number(d, where, axis) - (correction if _given(correction) else ddof)
    y = norm(d, 2, axis, keepdims=True) / freedom**0.5
    return y if _given(keepdims) else y.squeeze(axes)


def norm(x: Tensor, p: Any, axis: Any = None, keepdims: Any = False) -> Tensor:
    rows, kept = _rows(inexact(x), axis)
    y = torch.linalg.vector_norm(rows, float(p), -1)
    return y.reshape(kept) if _given(keepdims) else y


def product(
    x: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Tensor:  # fmt: skip
    x = _masked(x, where, 1)
    rows, kept = _rows(x if dtype is None else astype(x, dtype), axis)
    y = torch.prod(rows, -1)
    y = y.reshape(kept) if _given(keepdims) else y
    return y * initial if initial is not None and initial is not np._NoValue else y


def extreme(fn: Operation, least: float, nan: bool = False) -> Operation:
    """``amax`` or ``amin``, of which elements that tie share the derivative equally.

    Args:
        fn: PyTorch's function.
        least: what no element is beyond.
        nan: whether NaN is passed over.
    """

    def extreme(
        x: Tensor, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True,
    ) -> Tensor:  # fmt: skip
        rows, kept = _rows(_masked(x, where, least), axis)
        if initial is not None and initial is not np._NoValue:
            first = cast(initial, rows.dtype).expand(*rows.shape[:-1], 1)
            rows = torch.cat([first, rows], -1)
        y = fn(torch.where(torch.isnan(rows), least, rows) if nan else rows, -1)
        y = torch.where(torch.isnan(rows).all(-1), torch.nan, y) if nan else y
        return y.reshape(kept) if _given(keepdims) else y

    return extreme


def soft(fn: Operation) -> Operation:
    """``softmax`` or its logarithm."""

    def soft(x: Tensor, axis: Any = None) -> Tensor:
        if axis is None:
            return fn(inexact(x).reshape(-1), 0).reshape(x.shape)
        if not isinstance(axis, int):
            raise UnsupportedError(f"torch has no {fn.__name__} over several axes")
        return fn(inexact(x), axis)

    return soft


def logsumexp(x: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
    rows, kept = _rows(inexact(x), axis)
    y = torch.logsumexp(rows, -1)
    return y.reshape(kept) if _given(keepdims) else y


def cumulative(fn: Operation) -> Operation:
    def cumulative(x: Tensor, axis: Any = None, dtype: Any = None, out: Any = None) -> Tensor:
        x = x if dtype is None else astype(x, dtype)
        return fn(x.reshape(-1), 0) if axis is None else fn(x, axis)

    return cumulative


def median(fn: Callable[..., Any]) -> Operation:
    def median(
        x: Tensor, axis: Any = None, out: Any = None, overwrite_input: Any = False,
        keepdims: Any = False,
    ) -> Tensor:  # fmt: skip
        return _quantiles(fn, x, axis, keepdims, ())

    return median


def quantile(fn: Callable[..., Any]) -> Operation:
    def quantile(
        x: Tensor, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False,
        method: str = "linear", keepdims: Any = False, weights: Any = None,
    ) -> Tensor:  # fmt: skip
        if weights is not None:
            raise UnsupportedError(f"torch: np.{fn.__name__} with weights; use backend='reverse'")
        return _quantiles(fn, x, axis, keepdims, (np.asarray(lowered(q)),), method=method)

    return quantile


def _quantiles(
    fn: Callable[..., Any], x: Tensor, axis: Any, keepdims: Any, q: tuple[Any, ...], **kwargs: Any
) -> Tensor:
    """By every method a quantile is a blend of two neighbours in sorted order, at a position that
    NumPy tells. Where NaN is passed over, it is another in each row."""
    rows, kept = _rows(x, axis)
    several = np.shape(q[0]) if q else ()
    shape = [*several, *(kept if _given(keepdims) else rows.shape[:-1])]
    if not fn.__name__.startswith("nan"):
        return _blend(rows, fn(np.arange(float(rows.shape[-1])), *q, **kwargs)).reshape(shape)
    flat = rows.reshape(-1, rows.shape[-1])
    blends = [
        _blend(row[~row.isnan()], fn(np.arange(float(n)), *q, **kwargs))
        if (n := int((~row.isnan()).sum())) else row.new_full((prod(several),), torch.nan)
        for row in flat
    ]  # fmt: skip
    return torch.stack(blends, -1).reshape(shape)


def _blend(rows: Tensor, position: Any) -> Tensor:
    """The elements at these ranks in each row; the ranks have the first axis."""
    position = np.reshape(position, -1)
    ranks = torch.sort(rows, dim=-1, stable=True).values
    lower, upper = (
        ranks[..., tensor(whole(position).astype(int))] for whole in (np.floor, np.ceil)
    )
    share = tensor(position - np.floor(position)).to(rows.dtype)
    y = torch.where(share == 0, lower, lower * (1 - share) + upper * share)
    return torch.where(torch.isnan(rows).any(-1, True), torch.nan, y).movedim(-1, 0)
