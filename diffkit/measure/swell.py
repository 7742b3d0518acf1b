"""Expression swell: how much larger a derivative is than what it is the derivative of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..expression import count_operations
from .cost import timed


@dataclass(frozen=True)
class Swell:
    """The size of a SymPy derivative, and what it took to get it.

    A sum or product of k operands counts k − 1 operations, anything else one.

    Attributes:
        tree: operations of the derivative as written out.
        dag: each distinct subexpression counted once.
        cse: after ``sympy.cse``, which also finds partial sums and products.
        diff_seconds: the fastest call of ``sympy.diff``, its cache emptied before.
        diff_seconds_slowest: the slowest such call.
    """

    tree: int
    dag: int
    cse: int
    diff_seconds: float
    diff_seconds_slowest: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def symbolic_swell(expr: Any, symbol: Any) -> tuple[Any, Swell]:
    """``sympy.diff(expr, symbol)`` as a user would call it, and its size.

    The expression is taken as SymPy built it: nothing is simplified or expanded.
    """
    import sympy
    from sympy.core.cache import clear_cache

    # Without this, the derivative of a smaller expression that stands in this one is not counted.
    derivative, timing = timed(lambda: sympy.diff(expr, symbol), before=clear_cache)
    size = count_operations(derivative)
    assert size.cse is not None
    return derivative, Swell(size.tree, size.dag, size.cse, timing.fastest, timing.slowest)
