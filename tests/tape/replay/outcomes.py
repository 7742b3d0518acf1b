"""What a call comes to, so that a replay can be compared with the backend."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call, or the type of the error that it raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            return call(*arguments)
        except Exception as error:
            return type(error)


def difference(a: Any, b: Any, ulps: int = 0) -> str:
    """Where two results differ in type, structure, shape, dtype or bits; "" where they do not.

    Zeros are equal whatever their signs, and so are NaNs.
    """
    if type(a) is not type(b):
        return f"{type(a)} is not {type(b)}: {a!r:.80} {b!r:.80}"
    if isinstance(a, type):
        return "" if a is b else f"{a} is not {b}"
    if a is None:
        return ""
    if isinstance(a, (tuple, list)):
        parts = [difference(v, w, ulps) for v, w in zip(a, b, strict=True)]
        return next(filter(None, parts), "")
    if isinstance(a, dict):
        return str(set(a) ^ set(b) or "") or difference([a[k] for k in a], [b[k] for k in a], ulps)
    x, y = np.asarray(a), np.asarray(b)
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        return f"{x.shape} {x.dtype} is not {y.shape} {y.dtype}"
    if np.array_equal(x, y, equal_nan=True):
        return ""
    unit = np.finfo(x.dtype).eps * max(1, ulps)
    scale = np.max(np.abs(y), initial=1.0, where=np.isfinite(y))
    if ulps and np.allclose(x, y, rtol=unit, atol=unit * scale, equal_nan=True):
        return ""
    return f"{x!r} is not {y!r}"
