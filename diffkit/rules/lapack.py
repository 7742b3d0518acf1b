"""LAPACK's routines as NumPy has them, by their addresses.

NumPy factorises a matrix whenever it inverts one, and solves for the columns of the unit matrix:
8/3 n^3 operations. ``getri`` makes the inverse of the factors themselves, in 2 n^3 (LAPACK Users'
Guide, 3rd edition 1999, section 2.4.1; its rounding errors are bounded as well, Higham, Accuracy
and Stability of Numerical Algorithms, 2nd edition 2002, section 14.3). It is taken from the
library that NumPy itself is linked with, where that has it, so that nothing else is needed and both
share their threads; elsewhere ``numpy.linalg.inv`` is called.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any, NamedTuple

import numpy as np

# As the builds of NumPy name them: its wheels, others with integers of 64 bits, distributions,
# and Apple's Accelerate.
_NAMES = (
    "scipy_{}_64_", "{}_64_", "scipy_{}_", "{}_", "{}$NEWLAPACK$ILP64", "{}$NEWLAPACK"
)  # fmt: skip
BLOCK = 64  # columns that getri treats together, of each a place in its workspace
_TRIALS = (1, 2, 3, 17, 70)


class Routines(NamedTuple):
    """The addresses of the routines, and of the C library's functions that NumPy calls."""

    getrf: int
    getri: int
    log: int
    exp: int
    integer: int  # bytes of LAPACK's integers


class Workspace:
    """What the routines need for one matrix; for one thread at a time.

    Attributes:
        memory: the order, the length of the work and what a routine reports, as integers of which
            LAPACK may read the lower half; then the pivots, and the work.
        addresses: where the integers, the pivots and the work are.
    """

    def __init__(self, n: int) -> None:
        self.memory = np.empty(3 + (1 + BLOCK) * n, np.int64)
        self.memory[:3] = n, BLOCK * n, 0
        at = _in_memory(self.memory)
        self.addresses = at, at + 24, at + 24 + 8 * n


def _in_memory(array: Any) -> int:
    """The address of an array without gaps, in a quarter of the time of ``array.ctypes``."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array))


@functools.cache
def routines() -> Routines | None:
    """The routines, or None where NumPy's library has none that work."""
    if sys.byteorder != "little":
        return None
    try:
        library = ctypes.CDLL(np.linalg._umath_linalg.__file__)
        functions = [_address(library, name) for name in ("log", "exp")]
    except (AttributeError, OSError):
        return None
    for name in _NAMES:
        try:
            found = [_address(library, name.format(r)) for r in ("dgetrf", "dgetri")]
        except AttributeError:
            continue
        made = Routines(found[0], found[1], functions[0], functions[1], _integer(found[0]))
        return made if _work(made) else None
    return None


def _address(library: Any, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def _integer(getrf: int) -> int:
    """The bytes of an integer, by the pivots that two rows get."""
    space = Workspace(2)
    space.memory[3:5] = 0
    _function(getrf, 6)(*_arguments(np.array([[0.0, 1.0], [1.0, 0.0]]), space)[0])
    return 8 if space.memory[3:5].tolist() == [2, 2] else 4


def _work(made: Routines) -> bool:
    """Whether the routines do what they should, on a few matrices."""
    rng = np.random.default_rng(0)
    for n in _TRIALS:
        a = rng.normal(size=(n, n)) + 2 * np.sqrt(n) * np.eye(n)
        found = _by(made, a)
        if found is None or not np.allclose(found.T, np.linalg.inv(a), rtol=0, atol=1e-12):
            return False
        a[:, 0] = 0.0
        if _by(made, a) is not None:
            return False
    return True


@functools.cache
def _function(address: int, arguments: int) -> Any:
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(address)


def _arguments(y: Any, space: Workspace) -> Any:
    """Those of getrf and those of getri."""
    n, pivots, work = space.addresses
    at, length, info = _in_memory(y), n + 8, n + 16
    return (n, n, at, n, pivots, info), (n, at, n, pivots, work, length, info)


def _by(made: Routines, a: Any) -> Any:
    """The transpose of the inverse; None where the matrix is singular."""
    y, space = np.array(a.T, order="C"), Workspace(len(a))  # LAPACK counts columns first
    of_getrf, of_getri = _arguments(y, space)
    _function(made.getrf, 6)(*of_getrf)
    if not space.memory[2]:
        _function(made.getri, 7)(*of_getri)
    return None if space.memory[2] else y


def transposed_inverse(a: Any) -> Any:
    """The transpose of the inverse, of each matrix of a stack.

    Raises:
        numpy.linalg.LinAlgError: a matrix is singular.
    """
    a = np.asarray(a)
    if a.ndim != 2 or a.dtype != np.float64 or a.shape[0] != a.shape[1] or not a.size:
        return np.swapaxes(np.linalg.inv(a), -1, -2)
    made = routines()
    y = None if made is None else _by(made, a)
    return np.linalg.inv(a).T if y is None else y
