"""Sums and extremes over a short last axis, many at a time.

``np.add.reduce`` runs its inner loop over the axis that is reduced. Where that is short, the loop
is all overhead: adding whole columns computes the same sums five times as fast. The order of the
additions is NumPy's own (pairwise summation, in which eight partial sums are kept), and it is
checked, bit by bit, before it is relied upon.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

LONGEST = 15  # elements of the axis up to which columns are worth it
FEWEST = 64  # reductions from which they are

Into = Callable[[Any, Any], None]


def reduction_into(
    ufunc: np.ufunc, shape: tuple[int, ...], axis: Any, keepdims: bool
) -> Callable[..., Any]:
    """A function of an array of that shape and of the array to write its reduction into."""
    plain = _plain(ufunc, axis, keepdims)
    axes = axis if isinstance(axis, tuple) else (axis,)
    last = len(shape) > 1 and len(axes) == 1 and axes[0] in (-1, len(shape) - 1)
    if not last or not 2 <= shape[-1] <= LONGEST or np.prod(shape[:-1]) < FEWEST:
        return plain
    if ufunc is np.add:
        columns = _pairwise(shape) if shape[-1] >= 8 else _one_by_one(ufunc, shape[-1])
    else:
        columns = _one_by_one(ufunc, shape[-1])
    if not _agrees(ufunc, shape[-1]):
        return plain

    def into(a: Any, out: Any) -> None:
        if a.dtype == np.float64 and a.flags.c_contiguous:
            columns(a, out[..., 0] if keepdims else out)
        else:
            plain(a, out)

    return into


def _plain(ufunc: np.ufunc, axis: Any, keepdims: bool) -> Into:
    return lambda a, out: ufunc.reduce(a, axis=axis, out=out, keepdims=keepdims)


def _one_by_one(ufunc: np.ufunc, n: int) -> Into:
    def into(a: Any, out: Any) -> None:
        ufunc(a[..., 0], a[..., 1], out=out)
        for k in range(2, n):
            ufunc(out, a[..., k], out=out)

    return into


def _pairwise(shape: tuple[int, ...]) -> Into:
    """((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)), and then the others one by one."""
    fours, pairs = np.empty((*shape[:-1], 4)), np.empty((*shape[:-1], 2))

    def into(a: Any, out: Any) -> None:
        np.add(a[..., 0:8:2], a[..., 1:8:2], fours)
        np.add(fours[..., 0::2], fours[..., 1::2], pairs)
        np.add(pairs[..., 0], pairs[..., 1], out)
        for k in range(8, shape[-1]):
            np.add(out, a[..., k], out)

    return into


@cache
def _agrees(ufunc: np.ufunc, n: int) -> bool:
    """Whether columns give the very bits of the reduction, on random numbers of all sizes."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(256, n)) * 10.0 ** rng.integers(-8, 8, size=(256, n))
    out = np.empty(256)
    columns = _pairwise if ufunc is np.add and n >= 8 else lambda _: _one_by_one(ufunc, n)
    columns(a.shape)(a, out)
    return bool(np.array_equal(out, ufunc.reduce(a, axis=1)))
