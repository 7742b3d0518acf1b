"""Who is first where, from the rows of a run: nothing here measures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .contest import OK, PLAIN

OURS = "reverse_prepared"
MARGIN = 1.1  # times the fastest, to count as being as fast
A_CALL = 3e-6  # seconds of an operation below which it is mostly the call of NumPy

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """One size of one problem.

    Attributes:
        problem, n: which.
        rows: the rows of all tools, by name.
        order: the tools that are ranked, the fastest first.
    """

    problem: str
    n: int
    rows: Mapping[str, Row]
    order: tuple[str, ...]

    @property
    def ours(self) -> Row:
        """The row of prepared reverse mode."""
        return self.rows[OURS]

    @property
    def rival(self) -> Row | None:
        """The fastest of the others."""
        return next((self.rows[name] for name in self.order if name != OURS), None)

    @property
    def ratio(self) -> float:
        """Our time over that of the fastest other tool.

        Infinite where prepared reverse mode takes no part, 0 where no other tool does.
        """
        return self.ratio_of("time")

    def ratio_of(self, column: str) -> float:
        """The ratio by another column of times: "median" for example."""
        if OURS not in self.order:
            return float("inf")
        others = [float(self.rows[name][column]) for name in self.order if name != OURS]
        return float(self.ours[column]) / min(others, default=float("inf"))

    @property
    def close(self) -> bool:
        """Whether prepared reverse mode is the first, or within the margin of it."""
        return self.ratio <= MARGIN

    @property
    def label(self) -> str:
        return f"{self.problem} {self.n:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def standings(rows: Iterable[Row], others: frozenset[str] = frozenset()) -> list[Standing]:
    """The standings of all sizes, in the order of the rows.

    others: tools that are not ranked, and are to be.
    """
    sizes: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        sizes.setdefault((row["problem"], row["n"]), {})[row["tool"]] = row
    return [Standing(*size, found, _order(found, others)) for size, found in sizes.items()]


def _order(rows: Mapping[str, Row], others: frozenset[str]) -> tuple[str, ...]:
    taking = [
        r for name, r in rows.items() if r["outcome"] == OK and (r["ranked"] or name in others)
    ]
    return tuple(r["tool"] for r in sorted(taking, key=lambda r: float(r["time"])))


def by_problem(found: Iterable[Standing]) -> dict[str, list[Standing]]:
    """The standings of each problem's sizes."""
    problems: dict[str, list[Standing]] = {}
    for standing in found:
        problems.setdefault(standing.problem, []).append(standing)
    return problems


def won(found: Iterable[Standing]) -> dict[str, bool]:
    """For each problem, whether prepared reverse mode is first or close at every size."""
    return {name: all(s.close for s in sizes) for name, sizes in by_problem(found).items()}


def why(standing: Standing) -> str:
    """Why another tool is faster, as far as this run's numbers tell; empty where none is."""
    rival = standing.rival
    if standing.close or rival is None:
        return ""
    if OURS not in standing.order:
        return f"Prepared reverse mode takes no part: {standing.ours['why']}."
    return f"{_how(rival)}; {_ours(standing.ours)}."


_COMPILED = {
    "jax": "XLA compiles the whole gradient and fuses its loops",
    "torch": "TorchInductor compiles the whole gradient and fuses its loops",
    "symengine": "LLVM compiles the gradient as straight-line code on scalars",
    "casadi": "a C compiler compiles the gradient",
}
_HOW = (
    ("jit", "casadi"),
    ("llvm", "symengine"),
    ("compile", "torch"),
)


def _how(rival: Row) -> str:
    """What the faster tool does, by the way that was taken."""
    tool, way = rival["tool"], f"{rival['way']} {rival['note']}"
    compiled = tool == "jax" or any(word in way and tool == of for word, of in _HOW)
    if compiled and tool in _COMPILED:
        return _COMPILED[tool]
    return f"{tool} goes by {rival['way']}"


def _ours(row: Row) -> str:
    """What prepared reverse mode spends its time on."""
    found = re.search(r"plan (\w+), (\d+) operations", row["note"] or "")
    if not found:
        return f"ours takes {span(row['time'])}"
    plan, operations = found[1], int(found[2])
    each = row["time"] / max(operations, 1)
    if plan == "machine":
        return f"ours takes {span(row['time'])} for {operations} operations in machine code"
    if plan in ("source", "native"):
        return f"ours takes {span(each)} for each of {operations} operations on numbers"
    if each < A_CALL:
        return f"ours makes {operations} calls of NumPy of {span(each)} each, most of it overhead"
    return f"ours goes over its arrays in {operations} operations, {span(each)} each on average"


def span(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def text(found: Iterable[Standing]) -> str:
    """The standings as lines for a terminal."""
    lines = []
    for s in found:
        ranked = [f"{name} {s.rows[name]['over_f']:.3g}" for name in s.order]
        rest = [
            f"{name} {row['over_f']:.3g}"
            for name, row in s.rows.items()
            if row["outcome"] == OK and not row["ranked"] and name != PLAIN
        ]
        missing = [f"{name}: {r['outcome']}" for name, r in s.rows.items() if r["outcome"] != OK]
        lines.append(f"{s.label}: times f: {', '.join(ranked)}")
        if rest:
            lines.append(f"    not ranked: {', '.join(rest)}")
        if missing:
            lines.append(f"    {'; '.join(missing)}")
        if OURS in s.rows:
            reason = why(s)
            lines.append(f"    {OURS} over the fastest other: {s.ratio:.2f}"
                         + (f". {reason}" if reason else ""))  # fmt: skip
    return "\n".join(lines)
