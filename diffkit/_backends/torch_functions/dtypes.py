"""Tensors, dtypes and numbers: whatever meets, the result has the dtype that NumPy would give it.

Left to itself PyTorch makes single precision of whole numbers that meet Python's, and lets numbers
without axes give way to arrays.
"""

from __future__ import annotations

import operator as op
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UnsupportedError
from ...rules import Primitive
from ...tape.replay.elsewhere import Operation


def tensor(value: Any) -> Tensor:
    """A tensor of a number or an array, in memory of its own."""
    return torch.from_numpy(np.array(value, order="C"))


# Dtypes


def dtype_of(dtype: Any) -> torch.dtype:
    """PyTorch's dtype for one of NumPy's."""
    try:
        return torch.from_numpy(np.empty(0, dtype)).dtype
    except TypeError:
        raise UnsupportedError(f"torch has no {np.dtype(dtype)}; use backend='reverse'") from None


@cache
def _numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    return torch.empty(0, dtype=dtype).numpy().dtype


def _kind(value: Any) -> Any:
    """What decides about the dtype of a result: a tensor's dtype, or the type of a number."""
    if isinstance(value, Tensor):
        return value.dtype
    return next(kind for kind in (bool, int, float, complex) if isinstance(value, kind))


def operand(value: Any) -> Any:
    """A tensor or a number; lists of numbers are arrays."""
    return value if isinstance(value, (Tensor, float, int, complex)) else tensor(value)


def _promoting(kind: Any) -> Any:
    """The same in NumPy's terms; Python's numbers take the dtype of what they meet."""
    if isinstance(kind, torch.dtype):
        return _numpy_dtype(kind)
    return np.dtype(bool) if kind is bool else kind


@cache
def _common(kinds: tuple[Any, ...]) -> torch.dtype:
    return dtype_of(np.result_type(*[0.0 if k is float else 0 if k is int else 0j if k is complex
                                   else _promoting(k) for k in kinds]))  # fmt: skip


def cast(value: Any, dtype: torch.dtype) -> Tensor:
    return (value if isinstance(value, Tensor) else tensor(value)).to(dtype)


def alike(*values: Any) -> list[Tensor]:
    """Tensors of the dtype that the values have together."""
    operands = list(map(operand, values))
    dtype = _common(tuple(map(_kind, operands)))
    return [cast(v, dtype) for v in operands]


def inexact(x: Tensor) -> Tensor:
    return x if x.is_floating_point() or x.is_complex() else x.double()


def as_ufunc(ufunc: Any, fn: Operation, scalars: bool = True) -> Operation:
    """fn with the dtypes of one of NumPy's ufuncs.

    Args:
        ufunc: NumPy's function.
        fn: PyTorch's function.
        scalars: whether fn takes Python's numbers as well.
    """

    @cache
    def loop(kinds: tuple[Any, ...]) -> tuple[Any, torch.dtype]:
        *given, result = ufunc.resolve_dtypes((*map(_promoting, kinds), None))
        casts = [
            None if kind == dtype or (scalars and not isinstance(kind, torch.dtype)) else dtype
            for kind, dtype in zip(kinds, map(dtype_of, given), strict=True)
        ]
        return casts, dtype_of(result)

    def converted(values: tuple[Any, ...]) -> Tensor:
        operands = list(map(operand, values))
        casts, result = loop(tuple(map(_kind, operands)))
        pairs = zip(operands, casts, strict=True)
        y = fn(*[v if to is None else cast(v, to) for v, to in pairs])
        if not any(casts) and all(map(op.is_, operands, values)) and y.dtype is result:
            as_they_are.add(tuple([getattr(v, "dtype", type(v)) for v in values]))
        return y.to(result)

    def call(*values: Any) -> Tensor:
        kinds = tuple([v.dtype if type(v) is Tensor else type(v) for v in values])
        return fn(*values) if kinds in as_they_are else converted(values)

    as_they_are: set[tuple[Any, ...]] = set()  # what needs no conversion: the usual case
    return call


# What has no derivative


def constant(fn: Operation) -> Operation:
    return lambda *operands: fn(*operands).detach()


def by_numpy(rule: Primitive) -> Operation:
    return lambda *args, **kwargs: _lifted(rule.fn(*map(lowered, args), **kwargs))


def lowered(value: Any) -> Any:
    """A tensor's memory as an array of NumPy's."""
    if isinstance(value, Tensor):
        return value.numpy(force=True)
    return tuple(map(lowered, value)) if isinstance(value, tuple) else value


def _lifted(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_lifted, value))
    return tensor(value) if isinstance(value, (np.ndarray, np.generic)) else value


def listed(value: Any) -> Any:
    """A parameter, which may have become a tensor, as whole numbers."""
    return value.tolist() if isinstance(value, (Tensor, np.ndarray, np.generic)) else value
