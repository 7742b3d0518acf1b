"""How large a typed expression may be.

What is typed may come from anybody, so that no part of diffkit, SymPy included, may be kept busy
or brought down by a short text. An expression is bounded in length, in depth and in operations,
and its constants from the bottom up: each constant part is computed in plain floats as soon as it
is read, and refused where it overflows. No integer power is ever computed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

LENGTH = 1000  # characters
DEPTH = 32  # parentheses, calls, signs and powers inside each other
OPERATIONS = 250
DIGITS = 40  # of a number, its exponent included
NAME = 32  # characters of a variable's name
VARIABLES = 20
EXPONENT = 1000  # of a constant power, and of constant powers of powers together


def folded(compute: Callable[..., float] | None, constants: Sequence[float | None]) -> float | None:
    """The value of a constant part, from those of its operands; None where it is not constant.

    NaN stands for a value that does not exist, as of log(0) and (-8)**(1/3): such a part is read,
    and the function then has no finite value.

    Raises:
        OverflowError: the value is larger than any double.
    """
    given = [c for c in constants if c is not None]
    if compute is None or len(given) < len(constants):
        return None
    if any(math.isnan(c) for c in given):
        return math.nan
    try:
        value = float(compute(*given))
    except (ValueError, ZeroDivisionError):  # outside the domain
        return math.nan
    if math.isinf(value):
        raise OverflowError
    return value
