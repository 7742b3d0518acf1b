"""What a comparison of two runs has found, and how it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

SAME, BEYOND, NOTHING_IN_COMMON = 0, 1, 2
_SHOWN = 20


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was.

    kind: "time", "error", "number", "value" or "status".
    before, after: in run A and in run B; of a time the medians.
    ratio: after over before, of magnitudes; None for what is no number, or has none.
    beyond: whether it counts: a change for the worse of a time or an error, any other change.
    """

    experiment: str
    cell: Mapping[str, Any]
    metric: str
    kind: str
    before: Any
    after: Any
    ratio: float | None
    beyond: bool


@dataclass(frozen=True)
class Hole:
    """Something that cannot be compared, and why; ``cells`` tells of how many cells."""

    experiment: str
    metric: str
    reason: str
    cells: int


@dataclass(frozen=True)
class Difference:
    """Two runs compared.

    Attributes:
        threshold: the ratio from which on a change of a number counts.
        cells: how many both have.
        compared: how many results of these were compared, statuses not counted.
        changes: what has changed, with what counts first, and the largest ratio first.
        holes: what could not be compared.
        only_before, only_after: cells that only one run has, by experiment.
    """

    threshold: float
    cells: int
    compared: int
    changes: tuple[Change, ...]
    holes: tuple[Hole, ...]
    only_before: Mapping[str, tuple[Mapping[str, Any], ...]]
    only_after: Mapping[str, tuple[Mapping[str, Any], ...]]

    @property
    def exit_code(self) -> int:
        """0: the same within the threshold; 1: something is beyond it; 2: nothing to compare."""
        if any(change.beyond for change in self.changes):
            return BEYOND
        return SAME if self.compared else NOTHING_IN_COMMON

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's terms."""
        return {**asdict(self), "exit_code": self.exit_code}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.cells} cells in both, {self.compared} results compared: {self._verdict()}"
        counted = [change for change in self.changes if change.beyond]
        better = [change for change in self.changes if not change.beyond]
        yield from _section(f"changed beyond {self.threshold:g}", map(_change, counted))
        yield from _section("better", map(_change, better))
        yield from _section("not comparable", map(_hole, self.holes))
        yield from _section("only in A", _lonely(self.only_before))
        yield from _section("only in B", _lonely(self.only_after))

    def _verdict(self) -> str:
        if self.exit_code == NOTHING_IN_COMMON:
            return "nothing is comparable"
        counts = Counter(c.kind for c in self.changes if c.beyond)
        told = ", ".join(f"{number} of kind {kind}" for kind, number in counts.items())
        return f"changed: {told}" if told else f"the same within a factor of {self.threshold:g}"


def _section(title: str, entries: Iterator[str]) -> Iterator[str]:
    lines = list(entries)
    if lines:
        yield f"\n{title} ({len(lines)})"
        yield from (f"  {line}" for line in lines[:_SHOWN])
        if len(lines) > _SHOWN:
            yield f"  … and {len(lines) - _SHOWN} more; --json has all"


def _change(change: Change) -> str:
    ratio = "" if change.ratio is None else f"  × {change.ratio:.3g}"
    told = f"{short(change.before)} → {short(change.after)}{ratio}"
    return f"{change.experiment}  {cell(change.cell)}  {change.metric}: {told}"


def _hole(hole: Hole) -> str:
    return f"{hole.experiment}  {hole.metric}: {hole.reason} ({hole.cells} cells)"


def _lonely(cells: Mapping[str, tuple[Mapping[str, Any], ...]]) -> Iterator[str]:
    return (f"{name}  {cell(one)}" for name, many in cells.items() for one in many)


def cell(parameters: Mapping[str, Any]) -> str:
    """The parameters of a cell on one line."""
    return ", ".join(f"{name}={short(value)}" for name, value in parameters.items())


def short(value: Any) -> str:
    """A value as it fits on a line."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
