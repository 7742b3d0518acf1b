"""Running a function on tracers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import NonNumericError
from .recording import Recording, Tracer, numeric, plain


def record(
    f: Callable[..., Any], inputs: Sequence[Any], complete: bool = False
) -> tuple[Recording, Any, int]:
    """Run ``f(*tracers)`` and record what it does.

    Args:
        f: takes one tracer for each input and returns a number or an array.
        inputs: numbers and arrays, as ``numeric`` gives them.
        complete: record operations without derivative and branches as well.

    Returns:
        The recording, the value of f, and its row; the row is -1 where the value does not depend
        on the inputs.

    Raises:
        NonNumericError: f returns something that is not made of numbers.
    """
    rows = Recording(complete)
    rows.program = f, inputs
    y = f(*[rows.input(value) for value in inputs])
    if type(y) is not Tracer:
        y = gather(y)
    if type(y) is Tracer and y.tape is rows:
        return rows, y.value, y.index
    return rows, y, -1


def gather(y: Any) -> Any:
    """The result of a user's function as one number, array or tracer.

    Raises:
        NonNumericError: it is not made of numbers.
    """
    if isinstance(y, (list, tuple)) and any(isinstance(v, (Tracer, list, tuple)) for v in y):
        try:
            return np.stack([gather(v) for v in y])
        except ValueError as error:
            raise NonNumericError(
                f"the function returned a list that does not form an array of numbers: {error}"
            ) from None
    if isinstance(y, (bool, np.bool_)) or y is None or isinstance(y, (str, bytes, dict, set)):
        raise NonNumericError(
            f"the function returned {type(y).__name__} {str(y)[:40]!r}; it must return a number or "
            f"an array of numbers" + (" (is a `return` missing?)" if y is None else "")
        )
    try:
        return plain(numeric(y, "the result of the function"))
    except (ValueError, TypeError) as error:
        if isinstance(error, NonNumericError):
            raise
        raise NonNumericError(
            f"the function returned {type(y).__name__}, which does not form an array of numbers: "
            f"{error}"
        ) from None
