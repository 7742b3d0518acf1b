"""What a finite difference estimates: the derivative, and what it may be off by."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DerivativeWarning, DomainError

MEANINGS = {
    "ok": "nothing speaks against it",
    "zero": "cannot be told from zero by the round-off of f",
    "flat": "f changes elsewhere, but here by less than its last digit, if at all",
    "domain": "f has values on one side only",
    "kink": "the slopes on the two sides differ",
    "jump": "f is not continuous",
    "noise": "the values of f are noisy",
    "no convergence": "no step made the differences settle down",
    "not finite": "f has no finite value at points that were tried beside it",
}


@dataclass(frozen=True)
class Estimate:
    """A derivative with its error. For arrays each attribute but ``evaluations`` is an array.

    Attributes:
        value: the derivative; NaN where there is no estimate of it.
        error: what the value may be off by.
        step: the shortest step used.
        evaluations: how many times f was called.
        status: ``"ok"``; ``"zero"`` where the value cannot be told from zero; ``"flat"`` where f
            does not change here in any digit, but does elsewhere; ``"domain"`` where f
            has values on one side only, so that the slope is that of this side; ``"kink"`` where
            the slopes of the sides differ, and the value is their mean; ``"jump"``; ``"noise"``;
            ``"no convergence"``; ``"not finite"`` where f has no finite value beside x.
    """

    value: Any
    error: Any
    step: Any
    evaluations: int
    status: Any

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against any element."""
        return bool(np.all(np.asarray(self.status) == "ok"))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    def __str__(self) -> str:
        lines = [
            f"{value:.17g} ± {error:.1e}  {status}" + ("" if status == "ok" else
            f": {MEANINGS[status]}")
            for value, error, status in self._rows()[:12]
        ]  # fmt: skip
        more = np.size(self.value) - len(lines)
        calls = f"{self.evaluations} evaluations of f"
        return "\n".join([*lines, *([f"… and {more} more"] if more else []), calls])

    def _rows(self) -> list[tuple[Any, Any, str]]:
        columns = (np.ravel(v).tolist() for v in (self.value, self.error, self.status))
        return list(zip(*columns, strict=True))

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def vouched(estimate: Estimate, x: Any, whose: str = "finite differences") -> Any:
    """The value, with a warning where something speaks against it.

    Args:
        estimate: the derivative with its statuses.
        x: the point.
        whose: the estimate is, in words.

    Raises:
        DomainError: there is no value.
    """
    statuses = np.ravel(estimate.status)
    doubtful = [k for k, s in enumerate(statuses.tolist()) if s not in ("ok", "zero")]
    if not doubtful:
        return estimate.value
    values, errors = np.ravel(estimate.value), np.ravel(estimate.error)
    worst = max(doubtful, key=lambda k: (np.isnan(values[k]), errors[k]))
    status = str(statuses[worst])
    where = f" (element {worst} of {values.size})" if values.size > 1 else ""
    point = np.array2string(np.asarray(x), threshold=6, precision=6)
    text = f"{whose} at x = {point}{where}: {status}, {MEANINGS[status]}"
    if np.isnan(values[worst]):
        raise DomainError(f"{text}; there is no estimate of the derivative")
    warnings.warn(
        f"{text}; the derivative {values[worst]:.6g} may be off by {errors[worst]:.1g}",
        DerivativeWarning,
        stacklevel=5,
    )
    return estimate.value
