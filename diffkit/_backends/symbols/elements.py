"""The primitives on NumPy arrays whose elements are another library's expressions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...rules import Primitive
from ...tape.replay.elsewhere import Operation
from .definitions import defined
from .forms import form


def operation(rule: Primitive, library: str, sp: Any) -> Operation:
    """The primitive on arrays of the library's elements.

    Args:
        rule: the primitive.
        library: what to call the library in a message.
        sp: its functions of elements; see ``forms.form``. ``sp.add`` adds up a list.

    Raises:
        UnsupportedError: it cannot be written with these functions.
    """
    if rule.name in _OF_ARRAYS:
        return partial(_OF_ARRAYS[rule.name], sp)
    if rule.name in sp.of_arrays:
        return lambda *args, **kwargs: sp.of_arrays[rule.name](*map(objects, args), **kwargs)
    of_elements = form(rule, library, sp)
    if of_elements is not None:
        return partial(_each, of_elements)
    if rule.ball == "objects" and rule.name not in _NOT_BY_NUMPY:
        return partial(_by_numpy, rule.fn)
    composed = defined(rule, lambda part: operation(part, library, sp), lambda value: value)
    if composed is not None:
        return composed
    raise UnsupportedError(f"{library} has no {rule.name}; use backend='reverse'")


def objects(value: Any) -> Any:
    """An array of numbers as one that expressions can be put into."""
    is_numbers = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(object) if is_numbers else value


def _each(fn: Callable[..., Any], *args: Any) -> Any:
    if not any(map(np.ndim, args)):
        return fn(*map(_element, args))
    return np.frompyfunc(fn, len(args), 1)(*args)


def _element(value: Any) -> Any:
    return value.item() if isinstance(value, (np.ndarray, np.generic)) else value


def _by_numpy(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Moving elements, adding them up and multiplying them is what NumPy does with objects too."""
    y = fn(*map(objects, args), **kwargs)
    return y.item() if isinstance(y, np.ndarray) and not y.ndim else y


def _sum(sp: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None,
         keepdims: Any = False, initial: Any = 0, where: Any = True) -> Any:  # fmt: skip
    """By the library's own sum of many terms: adding one after the other is quadratic there."""
    x = np.where(where, objects(np.asarray(x)), 0) if where is not True else np.asarray(x)
    axes = tuple(np.atleast_1d(range(x.ndim) if axis is None else axis) % max(x.ndim, 1))
    rest = tuple(k for k in range(x.ndim) if k not in axes)
    terms = x.transpose(rest + axes).reshape(*(x.shape[k] for k in rest), -1)
    y = np.empty(terms.shape[:-1], dtype=object)
    for index in np.ndindex(y.shape):
        y[index] = sp.add([*map(sp.number, terms[index]), sp.number(initial)])
    y = np.expand_dims(y, axes) if keepdims is True else y
    return y if y.ndim else y.item()


# Fourier transforms take no objects, and a product of some elements of objects is not known.
_NOT_BY_NUMPY = {"fft", "ifft", "rfft", "irfft", "prod"}

_OF_ARRAYS: dict[str, Operation] = {
    "constant": lambda sp, c, *like: c,
    "astype": lambda sp, x, dtype: x,
    "sum": _sum,
}
