"""Match the cells of two runs, and compare them column by column."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from diffkit.errors import DiffkitError
from diffkit.measure.cost import Spread
from diffkit.runner.diff.difference import Change, Difference, Hole
from diffkit.runner.diff.sides import Cells, Side, read
from diffkit.runner.results import OK

_ERRORS = {"error", "errors", "difference", "relative", "ulps", "bias", "rms", "deviation"}
# What a time is not comparable without, beside the machine; diffkit itself is what may differ.
_MATTERS = ("python", "numpy", "sympy")
# Columns that belong to the timing of that name (`measure.cost`).
_PARTS = ("_samples", "_median", "_slowest", "_low", "_high", "_threads", "_unstable")
_ABOUT_TIMES = ("threads", "unstable")
_LARGEST = math.log(1e308)

_Row = Mapping[str, Any]


def diff(
    before: Path, after: Path, *, threshold: float = 1.2, metrics: Collection[str] = ()
) -> Difference:
    """Compare run ``before`` (A) with run ``after`` (B); see `diffkit.runner.diff`.

    Args:
        before, after: stores, results.json files, or folders of them.
        threshold: the ratio, at least 1, from which on a change of a number counts.
        metrics: only these columns; all without.

    Raises:
        StoreError: there are no results.
        DiffkitError: the threshold is below 1.
    """
    if not threshold >= 1:
        raise DiffkitError(f"a threshold of {threshold} where a ratio of 1 or more is due")
    return _Comparing(threshold, metrics).compare(read(before), read(after))


class _Comparing:
    """What has been found so far."""

    def __init__(self, threshold: float, metrics: Collection[str]) -> None:
        self._threshold, self._metrics = threshold, metrics
        self._changes: list[Change] = []
        self._holes: Counter[tuple[str, str, str]] = Counter()
        self._cells = self._compared = 0

    def compare(self, before: dict[str, Cells], after: dict[str, Cells]) -> Difference:
        for name in before:
            for identity, one in before[name].items():
                if identity in after.get(name, {}):
                    self._cells += 1
                    self._compare_cells(name, one, after[name][identity])
        return Difference(
            threshold=self._threshold,
            cells=self._cells,
            compared=self._compared,
            changes=tuple(sorted(self._changes, key=_weight, reverse=True)),
            holes=tuple(Hole(*what, cells) for what, cells in self._holes.items()),
            only_before=_only(before, after),
            only_after=_only(after, before),
        )

    def _compare_cells(self, name: str, a: Side, b: Side) -> None:
        if a.status != b.status:
            one, other = (s.status + f" ({s.reason})" * bool(s.reason) for s in (a, b))
            self._changes.append(
                Change(name, a.parameters, "status", "status", one, other, ratio=None, beyond=True)
            )
        elif a.status != OK:
            self._compared += 1  # both have failed alike
        elif len(a.rows) != len(b.rows):
            self._value(name, a, "number of rows", len(a.rows), len(b.rows))
        else:
            for left, right in zip(a.rows, b.rows, strict=True):
                self._compare_rows(name, a, b, left, right)

    def _compare_rows(self, name: str, a: Side, b: Side, left: _Row, right: _Row) -> None:
        timed = any(column.endswith("_samples") for column in (*left, *right))
        for column in dict.fromkeys((*left, *right)):
            if self._metrics and column not in self._metrics:
                continue
            if timed and _is_part(column, {*left, *right}):
                continue
            if column not in left or column not in right:
                side = "A" if column in left else "B"
                self._hole(name, column, f"only {side} has it")
            elif f"{column}_samples" in left or f"{column}_samples" in right:
                self._time(name, a, b, column, left, right)
            elif timed and isinstance(left[column], float):
                self._hole(name, column, "it depends on times and has no spread of its own")
            else:
                self._result(name, a, b, column, left, right)

    def _time(self, name: str, a: Side, b: Side, column: str, left: _Row, right: _Row) -> None:
        if why := _apart(a, b) or _unlike(column, left, right):
            self._hole(name, column, why)
            return
        one, other = (Spread.of(row[f"{column}_samples"]) for row in (left, right))
        shaky = [
            f"unstable in {side}: {spread.unstable}"
            for side, spread in (("A", one), ("B", other))
            if spread.unstable
        ]
        if shaky:
            # Without the figures, so that cells with the same trouble are told together.
            self._hole(name, column, "; ".join(re.sub(r"\d+ %", "too much", s) for s in shaky))
            return
        self._compared += 1
        ratio = other.median / one.median if one.median else math.inf
        worse = ratio > self._threshold and other.low > one.high
        better = ratio < 1 / self._threshold and other.high < one.low
        if worse or better:
            self._changes.append(
                Change(name, a.parameters, column, "time", one.median, other.median, ratio, worse)
            )

    def _result(self, name: str, a: Side, b: Side, column: str, left: _Row, right: _Row) -> None:
        one, other = left[column], right[column]
        if not (_is_number(one) and _is_number(other)):
            self._value(name, a, column, one, other)
            return
        is_error = bool(_ERRORS & set(column.split("_")))
        if is_error and (why := _other_truth(a, b, left, right)):
            self._hole(name, column, why)
            return
        self._compared += 1
        if _same(one, other):
            return
        ratio = _ratio(one, other)
        within = ratio is not None and 1 / self._threshold <= ratio <= self._threshold
        turned = not is_error and (one < 0) != (other < 0)
        if turned or not within:
            beyond = not is_error or _is_larger(one, other)
            kind = "error" if is_error else "number"
            self._changes.append(
                Change(name, a.parameters, column, kind, one, other, ratio, beyond)
            )

    def _value(self, name: str, a: Side, column: str, one: Any, other: Any) -> None:
        self._compared += 1
        if not _same(one, other):
            self._changes.append(
                Change(name, a.parameters, column, "value", one, other, ratio=None, beyond=True)
            )

    def _hole(self, name: str, column: str, reason: str) -> None:
        self._holes[name, column, reason] += 1


def _is_part(column: str, columns: set[str]) -> bool:
    """Whether a column says something about a time and is none itself."""
    if column in _ABOUT_TIMES:
        return True
    return any(
        column.endswith(part) and f"{column.removesuffix(part)}_samples" in columns
        for part in _PARTS
    )


def _apart(a: Side, b: Side) -> str:
    """Why times of these two cells make no ratio; empty where they do."""
    if a.host is None or b.host is None:
        return "no machine is named; the stores (.sqlite) name it"
    if a.host != b.host:
        return f"taken on different machines, {a.host} and {b.host}"
    if a.threads != b.threads:
        return f"taken with threads pinned to {a.threads} and {b.threads}"
    for package in _MATTERS:
        one, other = a.versions.get(package), b.versions.get(package)
        if one != other:
            return f"taken with {package} {one} and {other}"
    return ""


def _unlike(column: str, left: _Row, right: _Row) -> str:
    """Why the times of two rows make no ratio; empty where they do."""
    if not (left.get(f"{column}_samples") and right.get(f"{column}_samples")):
        return "only one run has kept its samples"
    for name in (f"{column}_threads", "threads"):
        if left.get(name) != right.get(name):
            return f"taken with {left.get(name)} and {right.get(name)} threads"
    return ""


def _other_truth(a: Side, b: Side, left: _Row, right: _Row) -> str:
    if "truth" in left and "truth" in right:
        return "" if _same(left["truth"], right["truth"]) else "another truth"
    if a.version is None or b.version is None:
        return "no truth is named, nor the version of the experiment; the stores (.sqlite) name it"
    return "" if a.version == b.version else "the experiment has changed, and no truth is named"


def _ratio(one: float, other: float) -> float | None:
    """The other over one; None where one of them is zero, NaN or infinite."""
    if not (one and other and _is_finite(one) and _is_finite(other)):
        return None
    try:
        return abs(other) / abs(one)
    except OverflowError:  # integers beyond the doubles
        difference = math.log(abs(other)) - math.log(abs(one))
        return math.exp(difference) if difference < _LARGEST else math.inf


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _is_larger(one: float, other: float) -> bool:
    """Whether a magnitude has grown; NaN is larger than all others."""
    return other != other or abs(other) > abs(one)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """Equality in which NaN equals itself, and lists equal tuples."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _weight(change: Change) -> tuple[bool, bool, float]:
    """What counts first, and of that what has no ratio, and the largest."""
    ratio = change.ratio
    size = 0.0 if ratio is None else abs(math.log(ratio)) if ratio > 0 else math.inf
    return change.beyond, ratio is None, size


def _only(cells: dict[str, Cells], others: dict[str, Cells]) -> dict[str, tuple[_Row, ...]]:
    found: dict[str, tuple[_Row, ...]] = {}
    for name, many in cells.items():
        lonely = tuple(s.parameters for i, s in many.items() if i not in others.get(name, {}))
        if lonely:
            found[name] = lonely
    return found
