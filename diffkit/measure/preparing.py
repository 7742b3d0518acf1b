"""After how many calls preparing a derivative has paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..operators import BackendLike, prepare
from .cost import interleaved


@dataclass(frozen=True)
class BreakEven:
    """Times as multiples of one evaluation of f, each the median of ratios taken in turn.

    Attributes:
        plan: how the prepared derivative is computed.
        preparing: preparing it.
        eager: a call without preparing.
        prepared: a call of what was prepared; prepared_low and prepared_high are its quartiles.
        calls: the calls after which preparing has paid; infinite where a call saves nothing.
    """

    plan: str
    preparing: float
    eager: float
    prepared: float
    prepared_low: float
    prepared_high: float
    calls: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def break_even(
    operator: Callable[..., Any],
    f: Callable[..., Any],
    x: Any,
    backend: BackendLike = "reverse",
    budget: float = 1.0,
) -> BreakEven:
    """Measure the derivative of f at x, eager and prepared.

    Args:
        operator: one of diffkit's operators, for a function of x alone.
        f: the function.
        x: the point.
        backend: a name or a configured backend.
        budget: seconds of measuring.
    """
    g = prepare(operator, f, x, backend=backend)
    calls: list[Callable[[], Any]] = [
        lambda: f(x),
        lambda: prepare(operator, f, x, backend=backend),
        lambda: operator(f, x, backend=backend),
        lambda: g(x),
    ]
    of_f, *others = [np.array(s) for s in interleaved(calls, budget=budget)]
    preparing, eager, prepared = [np.quantile(s / of_f, (0.25, 0.5, 0.75)) for s in others]
    saved = float(eager[1] - prepared[1])
    plan = g.plan.name
    pays = saved > 0 and plan != "eager"
    return BreakEven(
        plan=plan,
        preparing=float(preparing[1]),
        eager=float(eager[1]),
        prepared=float(prepared[1]),
        prepared_low=float(prepared[0]),
        prepared_high=float(prepared[2]),
        calls=float(preparing[1]) / saved if pays else float("inf"),
    )
