"""Large inputs that are read where they are, and results that are written where they stay.

The instructions of a replay hold addresses of the replay's own memory, so that an input is copied
in and a result copied out. For a large array that takes as long as the computing. Here the words
that hold addresses within it are found once, and at each call they are moved to the caller's array,
or to a new one that the caller keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

LARGE = 1 << 12  # elements from which moving addresses is faster than moving numbers


class Moving:
    """An array of a replay that may lie elsewhere at each call.

    Args:
        array: the replay's own.
        words: vectors of instructions and tables, in which addresses are found.
    """

    def __init__(self, array: Any, words: Iterable[Any]) -> None:
        self.array = array
        begin = array.ctypes.data
        self._places = [
            (vector, int(n), int(vector[n]) - begin)
            for vector in words
            for n in np.flatnonzero((vector >= begin) & (vector < begin + array.nbytes))
        ]

    def to(self, other: Any) -> None:
        """Compute with the memory of another array of the same layout."""
        at = other.__array_interface__["data"][0]
        for vector, n, offset in self._places:
            vector[n] = at + offset

    def take(self, value: Any) -> None:
        """Read an input where it is, or copy it where it is of another layout."""
        own = self.array
        if (
            type(value) is np.ndarray and value.strides == own.strides
            and value.dtype is own.dtype and value.flags.aligned
        ):  # fmt: skip
            self.to(value)
        else:
            self.to(own)
            np.copyto(own, value)

    def new(self) -> Any:
        """A new array for a result."""
        made = np.empty(self.array.shape, self.array.dtype)
        self.to(made)
        return made


def may_move(array: Any, others: Iterable[Any]) -> bool:
    """Whether instructions alone know of an array, which is one piece of memory.

    Args:
        array: the array.
        others: the arrays that functions called from Python are given.
    """
    return (
        array.size >= LARGE
        and array.flags.c_contiguous
        and not any(np.may_share_memory(array, other) for other in others)
    )
