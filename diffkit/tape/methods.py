"""The methods and in-place operators that people use on arrays, given to tracers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import TracerConversionError
from ..rules import shape
from . import arithmetic as arithmetic  # the in-place operators are made of its operators
from .assignment import in_place, setitem
from .recording import Tracer


def _method_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return fn(self, *args, **kwargs)

    method.__doc__ = f"numpy.{fn.__name__}(self, ...)"
    return method


def _in_place_of(binary: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tracer, other: Any) -> Any:
        if type(self.value) is float:
            return binary(self, other)
        return in_place(self, binary(self, other))

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    setattr(Tracer, f"__i{_name}__", _in_place_of(getattr(Tracer, f"__{_name}__")))

# Elements of an array of objects are asked for a method of the ufunc's name. (One __getattr__
# instead would make every attribute of a tracer slow.)
for _name, _ufunc in vars(np).items():
    if isinstance(_ufunc, np.ufunc) and _ufunc.nin == _ufunc.nout == 1:
        setattr(Tracer, _name, _method_of(_ufunc))

for _name in (
    *("sum", "mean", "prod", "std", "var", "max", "min", "ptp", "cumsum", "cumprod", "dot"),
    *("ravel", "squeeze", "swapaxes", "clip", "copy", "repeat", "take", "diagonal", "trace"),
    *("argmax", "argmin", "argsort", "any", "all", "nonzero", "round", "conjugate", "compress"),
):
    setattr(Tracer, _name, _method_of(getattr(np, _name)))


def _astype(self: Tracer, dtype: Any, copy: bool = True) -> Any:
    kind = np.dtype(dtype).kind
    return (shape.astype if kind in "fc" else shape.truncated)(self, np.dtype(dtype))


def _reshape(self: Tracer, *new: Any, **kwargs: Any) -> Any:
    return np.reshape(self, new[0] if len(new) == 1 else new, **kwargs)


def _item(self: Tracer, *index: Any) -> Any:
    # CasADi asks for the item of the item of ... until one is no array, or the process crashes.
    if sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] == "casadi":
        raise TracerConversionError(
            "CasADi's functions take no traced values; use NumPy's, or backend='casadi'"
        )
    return self if not self.shape else np.reshape(self, -1)[0] if not index else self[index]


def _flatten(self: Tracer, order: str = "C") -> Any:
    return np.copy(np.reshape(self, -1, order=order))  # type: ignore[call-overload]


def _tolist(self: Tracer) -> Any:
    return [v.tolist() for v in self] if self.shape else self


def _fill(self: Tracer, value: Any) -> None:
    setitem(self, ..., value)


def _transpose(self: Tracer, *axes: Any) -> Any:
    return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)


for _name, _method in {
    "__setitem__": setitem,
    "astype": _astype,
    "conj": _method_of(np.conjugate),
    "fill": _fill,
    "flatten": _flatten,
    "item": _item,
    "reshape": _reshape,
    "tolist": _tolist,
    "transpose": _transpose,
}.items():
    setattr(Tracer, _name, _method)
