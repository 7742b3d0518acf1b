"""NumPy's own loops over doubles, by their addresses.

A compiled program must round as NumPy does, whose exp or tanh is not that of the C library. It
therefore calls the very loop that the ufunc would call: the public struct ``PyUFuncObject`` (NumPy
C-API reference, "Python types and C-structures") holds the address of one for each signature.
SciPy's ufuncs are made in the same way.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

TYPE_NUMBERS = {"?": 0, "d": 12}  # NPY_BOOL and NPY_DOUBLE
INTEGERS = set("bhilqp")
_SIGNATURES = {1: "d->d", 2: "dd->d"}


class _PyUFuncObject(ctypes.Structure):
    """The fields that this module reads, which are the first."""

    _fields_ = (
        ("head", ctypes.c_byte * object.__basicsize__),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.POINTER(ctypes.c_byte)),
    )


@dataclass(frozen=True)
class InnerLoop:
    """A loop over doubles.

    Attributes:
        address: of ``loop(char **args, npy_intp *count, npy_intp *strides, void *data)``.
        data: the address that is passed on to it.
        operands: 1 or 2.
    """

    address: int
    data: int
    operands: int


@functools.cache
def inner_loop(ufunc: np.ufunc, signature: str | None = None) -> InnerLoop | None:
    """The loop of a ufunc for a signature, or None where there is none to be had.

    Args:
        ufunc: of one result.
        signature: of doubles and truth values, as in ``ufunc.types``: "dd->?" say. By default
            that from doubles to a double.
    """
    if ufunc.nout != 1 or (ufunc.signature is not None and signature is None):
        return None  # matmul and the like, whose loops take more than elements
    signature = signature or _SIGNATURES.get(ufunc.nin)
    if signature not in ufunc.types:
        return None
    if not is_numpys(ufunc) and any(INTEGERS & set(kinds) for kinds in ufunc.types):
        return None  # one operand is meant to be an integer, such as an order
    if type(ufunc).__basicsize__ < ctypes.sizeof(_PyUFuncObject):
        return None
    struct = _PyUFuncObject.from_address(id(ufunc))
    if not _is_as_documented(struct, ufunc):
        return None
    k = ufunc.types.index(signature)
    kinds = struct.types[k * ufunc.nargs : (k + 1) * ufunc.nargs]
    address = struct.functions[k]
    if address is None or kinds != [TYPE_NUMBERS[c] for c in signature.replace("->", "")]:
        return None
    return InnerLoop(address, (struct.data[k] if struct.data else None) or 0, ufunc.nin)


def _is_as_documented(struct: _PyUFuncObject, ufunc: np.ufunc) -> bool:
    """Whether the fields that can be checked hold what they should; pointers come after them."""
    counts = struct.nin, struct.nout, struct.nargs, struct.ntypes
    return (
        counts == (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes)
        and bool(struct.functions and struct.types and struct.name)
        and struct.name == ufunc.__name__.encode()
    )


@functools.cache
def trial_points(operands: int, everywhere: bool = True) -> Any:
    """Points (m, operands) on which a native operation is compared with the original.

    Args:
        operands: 1 or 2.
        everywhere: whether very large and special numbers are among them, for which some special
            functions take minutes.
    """
    rng = np.random.default_rng(0)
    positive = [0.0, 0.5, 1.0, 2.0, 3.0]
    if everywhere:
        positive += [np.pi, 1e-5, 1e5, 1e22, 5e-324, 1e-310, 1e308, np.inf, np.nan]
    special = np.array([*positive, *[-v for v in positive]])
    scales = [0.1, 1.0, 30.0] if everywhere else [0.1, 1.0, 3.0]
    if operands == 1:
        return np.concatenate([special, *[rng.normal(size=200) * s for s in scales]])[:, None]
    ordinary = rng.normal(size=(300, 2)) * rng.choice(scales, size=(300, 2))
    mixed = np.column_stack([np.abs(rng.normal(size=4 * special.size)), np.tile(special, 4)])
    pairs = np.stack(np.meshgrid(special, special), axis=-1).reshape(-1, 2)
    return np.concatenate([pairs, mixed, ordinary, np.abs(ordinary)])


def is_numpys(ufunc: np.ufunc) -> bool:
    """Whether a ufunc is one of NumPy's own, which are defined and quick everywhere."""
    return getattr(np, ufunc.__name__, None) is ufunc


def address_of(array: Any) -> int:
    """Where an array is, in a quarter of the time of ``array.ctypes`` where that is possible."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError, BufferError):  # with gaps, not to be written to, or empty
        return int(array.ctypes.data)


def same_bits(a: Any, b: Any) -> bool:
    """Whether arrays of doubles are equal to the last bit; one NaN is as good as another."""
    if type(a) is type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape:
        if a.tobytes() == b.tobytes():
            return True
    elif type(b) is float and b and a == b:
        return True
    a, b = np.asarray(a, float), np.asarray(b, float)
    return bool(np.all((a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))))
