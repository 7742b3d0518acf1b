"""Plain arrays that a recording refers to must not change before they are swept over.

A function may reuse a work array: multiply with it, then write the next numbers into it. The rows
recorded before would then see the new numbers, and the derivative would be silently wrong. Short
arrays are copied. Longer ones are not, but their content is noted, and a change is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ChangedConstantError

SHORT = 256  # elements up to which a copy costs less than a note
SUMMED = 1 << 14  # elements up to which all of them go into the note
SAMPLES = 64  # elements of a longer array that do, evenly spread


def kept(constants: dict[int, tuple[Any, bytes]], array: Any) -> Any:
    """The array to put into a row: a copy, or the array itself with a note of its content.

    Raises:
        ChangedConstantError: it has changed since it was first used.
    """
    if not array.flags.writeable or array.dtype.kind not in "biufc":
        return array
    if array.size <= SHORT:
        return array.copy()
    key = id(array)
    if key not in constants:
        constants[key] = array, _note(array)
    elif _note(array) != constants[key][1]:
        raise _changed(array)
    return array


def require_unchanged(noted: Iterable[tuple[Any, bytes]]) -> None:
    """Refuse to sweep over a recording whose constants have changed.

    Raises:
        ChangedConstantError: one of them has.
    """
    for array, note in noted:
        if _note(array) != note:
            raise _changed(array)


def _note(array: Any) -> bytes:
    sample = array.flat[:: max(1, array.size // SAMPLES)]
    if array.size > SUMMED:
        return sample.tobytes()
    return sample.tobytes() + np.add.reduce(array, axis=None).tobytes()


def _changed(array: Any) -> ChangedConstantError:
    return ChangedConstantError(
        f"an array of shape {array.shape} was used by the function and then changed in place, so "
        f"the derivative would see the wrong numbers; use a new array, or a .copy() of it"
    )
