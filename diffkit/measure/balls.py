"""Balls and doubles: what a ball says about the double nearest to the truth."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import MissingPackageError

# The precision of python-flint is global, so only one computation may set it at a time.
_LOCK = threading.RLock()


def require_flint() -> Any:
    """The module of python-flint.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import flint
    except ImportError:
        raise MissingPackageError("ball arithmetic", "python-flint") from None
    return flint


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Ball arithmetic at so many bits in this block; what was set before is put back."""
    ctx = require_flint().ctx
    with _LOCK:
        before = ctx.prec
        ctx.prec = bits
        try:
            yield
        finally:
            ctx.prec = before


def nearest_double(ball: Any) -> float | None:
    """The double that every number in a ball rounds to; None where they round to several."""
    low = float(ball.lower())
    if low != float(ball.upper()):
        return None
    return low + 0.0  # no negative zero: the sign of a zero would not be proved


def upper_bound(ball: Any) -> float:
    """A double that is at least every number in a ball, and tight; infinity if there is none."""
    if not ball.is_finite():
        return math.inf
    top = ball.upper()
    near = float(top)
    return near if top <= near else math.nextafter(near, math.inf)


def exact_fraction(ball: Any) -> tuple[int, int]:
    """The midpoint of a ball as (m, e), for m 2**e."""
    mantissa, exponent = ball.mid().man_exp()
    return int(mantissa), int(exponent)
