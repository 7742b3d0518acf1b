"""Points and derivatives as vectors, for libraries that take and give one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np


def joined(arrays: Sequence[Any]) -> Any:
    """All elements of some arrays, one array after the other."""
    if len(arrays) == 1:
        return np.ravel(arrays[0])
    return np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.zeros(0)


def into(flat: Any, arrays: Sequence[Any]) -> None:
    """Write all elements of some arrays into a vector."""
    if len(arrays) == 1:
        flat[:] = arrays[0] if np.ndim(arrays[0]) < 2 else arrays[0].ravel()
    else:
        flat[:] = joined(arrays)


def parted(like: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """The function that takes arrays like these from a vector, one after the other."""
    parts, start = [], 0
    for example in like:
        parts.append(_part(start, example, np.shape(example)))
        start += np.size(example)
    return lambda flat: tuple([part(flat) for part in parts])


def _part(start: int, example: Any, shape: tuple[int, ...]) -> Callable[[Any], Any]:
    dtype = getattr(example, "dtype", np.dtype(float))
    end = start + prod(shape)
    if not shape:
        number = float if dtype.char == "d" else dtype.type
        return lambda flat: number(flat[start])
    if dtype.char == "d":
        return lambda flat: flat[start:end].reshape(shape)
    return lambda flat: flat[start:end].reshape(shape).astype(dtype)


def shaped(operator: str, y: Any, x: Sequence[Any]) -> Callable[[Any], Any]:
    """The function that makes of a vector the derivative as ``Peer.run`` has to return it.

    Args:
        operator: which derivative.
        y: f(x), or an array like it.
        x: what is differentiated.
    """
    if operator in ("gradient", "vjp", "hvp"):
        return parted(x)
    if operator == "hessian":
        return _part(0, x[0], np.shape(x[0]) * 2)
    return _part(0, y, np.shape(y) + (np.shape(x[0]) if operator == "jacobian" else ()))


def made_at_first(make: Callable[[Any, Any], Callable[[Any], Any]]) -> Callable[..., Any]:
    """A ``peer.Run`` that is made when it is first called, as not all shapes are known before.

    Args:
        make: ``make(shapes, inputs)`` gives a function of the inputs, which are three tuples of
            arrays: the point, the vector and what is not differentiated.
    """
    made: list[Callable[[Any], Any]] = []

    def run(x: Any, v: Any, others: Any) -> Any:
        inputs = (x, v if isinstance(v, tuple) else () if v is None else (v,), others)
        if not made:
            made.append(make(tuple([tuple(map(np.shape, part)) for part in inputs]), inputs))
        return made[0](inputs)

    return run
