"""Whether the user's arrays that stand in a program are still what they were.

A replay asks this each time. Their memory is compared with a copy of it, byte by byte, in one call
of a compiled loop. Of long arrays it is the fingerprint that is compared, for which they are read
once: each word is folded by a one-to-one map, multiplied by an odd number of its place, and added
up, so that a change of one is always seen, and one of several but for a coincidence of 64 bits.
Without Numba ``constants.note`` is asked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from .numbers.native import available
from .program import Program

LONGEST = 1 << 15  # bytes of a stretch of memory of which a copy is kept
LARGEST = 1 << 20  # elements of an array that is scattered over memory
PIECES = 256  # stretches of memory that an array may consist of


def watch(program: Program) -> Callable[[], bool] | None:
    """A function that sees whether the arrays are unchanged; None where there are none."""
    if not program.noted:
        return None
    arrays = [array for array, _ in program.noted if array.size]
    if not available() or any(a.size > LARGEST and not _is_one_piece(a) for a in arrays):
        return program.unchanged
    pieces = _merged([piece for array in arrays for piece in _pieces(array)])
    if len(pieces) > PIECES:
        return program.unchanged
    from .numbers import loops

    copies, rows = [], []
    for at, n in pieces:
        if n > LONGEST and not n % 8:
            rows.append((at, 0, n, loops.fingerprint(at, n >> 3)))
        else:
            copies.append(np.frombuffer(ctypes.string_at(at, n), np.uint8))
            rows.append((at, copies[-1].ctypes.data, n, 0))
    table, same = np.array(rows, np.int64), loops.entry(loops.same_bytes)
    address, count = table.ctypes.data, len(table)

    def unchanged(kept: Any = (arrays, copies, table)) -> Any:
        return same(address, count)  # addresses alone keep nothing alive

    return unchanged


def _pieces(array: Any) -> list[tuple[int, int]]:
    """The address and the number of bytes of each stretch of memory with elements of an array."""
    if _is_one_piece(array):
        return [(array.ctypes.data, array.nbytes)]
    steps = [np.arange(n) * s for n, s in zip(array.shape, array.strides, strict=True)]
    at = np.unique(reduce(np.add.outer, steps, np.zeros((), int)))
    ends = np.flatnonzero(np.diff(at) != array.itemsize)
    first, last = at[[0, *(ends + 1)]], at[[*ends, -1]] + array.itemsize
    begin = array.ctypes.data + first
    return list(zip(begin.tolist(), (last - first).tolist(), strict=True))


def _is_one_piece(array: Any) -> bool:
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


def _merged(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same memory in fewer pieces: the columns of a table lie between each other."""
    found: list[tuple[int, int]] = []
    for at, n in sorted(pieces):
        if found and at <= sum(found[-1]):
            first, before = found[-1]
            found[-1] = first, max(before, at + n - first)
        else:
            found.append((at, n))
    return found
