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
SAMPLES = 64  # elements that go into the note of a longer array, beside the sum of all


class Watched(dict[int, tuple[Any, bytes]]):
    """The constants of a recording that is to be replayed, which must know of short arrays too.

    Attributes:
        copies: by the identity of a copy, the copy and the array that it was made of.
    """

    def __init__(self) -> None:
        self.copies: dict[int, tuple[Any, Any]] = {}

    def notes(self) -> dict[int, tuple[Any, bytes]]:
        """By the identity of what stands in a row, the user's array and a note of its content."""
        return dict(self) | {key: (own, note(own)) for key, (_, own) in self.copies.items()}


def kept(constants: dict[int, tuple[Any, bytes]], value: Any) -> Any:
    """What to put into a row for a constant: a copy, or an array itself with a note of its content.

    Raises:
        ChangedConstantError: the array has changed since it was first used.
    """
    if type(value) is list:
        return [kept(constants, v) for v in value]
    if type(value) is not np.ndarray or value.dtype.kind not in "biufc" or not _may_change(value):
        return value
    if value.size <= SHORT:
        copy = value.copy(order="K")  # how products round depends on the layout
        if type(constants) is Watched:
            constants.copies[id(copy)] = copy, value
        return copy
    key = id(value)
    if key not in constants:
        constants[key] = value, note(value)
    elif note(value) != constants[key][1]:
        raise _changed(value)
    return value


def _may_change(array: Any) -> bool:
    """Whether an array, or what it is a view of, can be written to."""
    while type(array) is np.ndarray:
        if array.flags.writeable:
            return True
        array = array.base
    return array is not None


def require_unchanged(noted: Iterable[tuple[Any, bytes]]) -> None:
    """Refuse to sweep over a recording whose constants have changed.

    Raises:
        ChangedConstantError: one of them has.
    """
    for array, content in noted:
        if note(array) != content:
            raise _changed(array)


def note(array: Any) -> bytes:
    """What tells that an array has changed: all of a short one, samples and the sum of others."""
    if array.size <= SHORT:
        return bytes(array.tobytes())
    sample = array.flat[:: max(1, array.size // SAMPLES)]
    with np.errstate(all="ignore"):
        return sample.tobytes() + np.add.reduce(array, axis=None).tobytes()


def _changed(array: Any) -> ChangedConstantError:
    return ChangedConstantError(
        f"an array of shape {array.shape} was used by the function and then changed in place, so "
        f"the derivative would see the wrong numbers; use a new array, or a .copy() of it"
    )
