"""Functions that take the place of autograd's own, whose derivatives are not right everywhere."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f

from ..errors import UnsupportedError


def product(x: Any, axis: Any = None, keepdims: bool = False, **others: Any) -> Any:
    """``np.prod`` by pairs."""
    if others:
        raise UnsupportedError(f"autograd: np.prod with {', '.join(others)}; use backend='reverse'")
    n = np.ndim(x)
    axes = tuple(range(n)) if axis is None else tuple(k % n for k in np.atleast_1d(axis))
    rest = tuple(k for k in range(n) if k not in axes)
    kept = tuple(np.shape(x)[k] for k in rest)
    y = anp.reshape(anp.transpose(x, axes + rest), (-1, *kept))
    while len(y) > 1:
        half = len(y) // 2
        y = anp.concatenate([y[:half] * y[half : 2 * half], y[2 * half :]])
    y = y[0] if len(y) else np.ones(kept)
    return anp.expand_dims(y, axes) if keepdims else y


@primitive
def variable_power(a: Any, b: Any) -> Any:
    """a**b for a variable b: by autograd's own rule its mixed derivative at b = 0 is wrong."""
    return np.power(a, b)


defvjp(
    variable_power,
    lambda y, a, b: unbroadcast_f(
        a, lambda g: g * b * variable_power(a, anp.where((a == 0) & (b == 0), 1.0, b - 1.0))
    ),
    lambda y, a, b: unbroadcast_f(b, lambda g: g * y * anp.log(anp.where(a == 0, 1.0, a))),
)
