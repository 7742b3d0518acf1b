"""After how many calls preparing a derivative has paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..operators import BackendLike, prepare
from . import threads
from .cost import Spread, interleaved


@dataclass(frozen=True)
class BreakEven:
    """Times as multiples of one evaluation of f, each the median of ratios taken in turn.

    Attributes:
        plan: how the prepared derivative is computed.
        preparing: preparing it.
        eager: a call without preparing.
        prepared: a call of what was prepared; prepared_low and prepared_high are its quartiles.
        calls: the calls after which preparing has paid; infinite where a call saves nothing.
        preparing_samples, eager_samples, prepared_samples: the ratios, round by round.
        threads: the most threads that a library could use.
        unstable: which of the three did not settle on one number, and why; None where all did.
    """

    plan: str
    preparing: float
    eager: float
    prepared: float
    prepared_low: float
    prepared_high: float
    calls: float
    preparing_samples: tuple[float, ...]
    eager_samples: tuple[float, ...]
    prepared_samples: tuple[float, ...]
    threads: int
    unstable: str | None

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
    preparing, eager, prepared = (Spread.of(s / of_f) for s in others)
    saved = eager.median - prepared.median
    plan = g.plan.name
    pays = saved > 0 and plan != "eager"
    return BreakEven(
        plan=plan,
        preparing=preparing.median,
        eager=eager.median,
        prepared=prepared.median,
        prepared_low=prepared.low,
        prepared_high=prepared.high,
        calls=preparing.median / saved if pays else float("inf"),
        preparing_samples=preparing.samples,
        eager_samples=eager.samples,
        prepared_samples=prepared.samples,
        threads=threads.most(),
        unstable=_unstable(preparing=preparing, eager=eager, prepared=prepared),
    )


def _unstable(**spreads: Spread) -> str | None:
    found = [f"{name}: {spread.unstable}" for name, spread in spreads.items() if spread.unstable]
    return "; ".join(found) or None
