"""Running a function on tracers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .foreign import raise_explained
from .recording import Recording, Tracer, gather, unusable


def record_many(
    f: Callable[..., Sequence[Any]], inputs: Sequence[Any]
) -> tuple[Recording, list[Any], list[int]]:
    """Run ``f(*tracers)``, which returns several values, and record all that it does.

    Returns:
        The recording, complete, so that it can be replayed; the values; and the row of each, -1
        for one that does not depend on the inputs.
    """
    rows = Recording(complete=True)
    rows.program = f, inputs
    try:
        results = [y if type(y) is Tracer else gather(y)
                   for y in f(*[rows.input(value) for value in inputs])]  # fmt: skip
    except (TypeError, ValueError) as error:
        raise_explained(error)
    finally:
        rows.open = False
    own = [type(y) is Tracer and y.tape is rows for y in results]
    values = [y.value if mine else y for y, mine in zip(results, own, strict=True)]
    places = [y.index if mine else -1 for y, mine in zip(results, own, strict=True)]
    return rows, values, places


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
    try:
        y = f(*[rows.input(value) for value in inputs])
        if type(y) is not Tracer:
            y = gather(y)
    except (TypeError, ValueError) as error:
        raise_explained(error)
    finally:
        rows.open = False
    if type(y) is Tracer and y.tape is rows:
        return rows, y.value, y.index
    if type(y) is Tracer and not y.tape.open:
        raise unusable(y.tape)
    return rows, y, -1
