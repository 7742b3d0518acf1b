"""The table of a comparison: its rows, and how it is shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from . import _rendering
from ._escape import plotly_text, terminal
from .measure.cost import Spread

_WORDY = ("backend", "value", "status")


@dataclass(frozen=True)
class Row:
    """One backend's answer.

    Attributes:
        backend: its name.
        status: ``"ok"``; ``"doubtful"`` where the backend itself warns; ``"unsupported"`` or
            ``"error"``.
        value: the derivative, where there is one.
        ulps: the largest certified error of an element over all points, in units in the last place;
            None where nothing is certified, NaN where the value is.
        error: the largest certified absolute error.
        estimated: the largest error that the backend itself gives for the value at x.
        deviation: the largest absolute difference from the row that the comparison names as its
            yardstick.
        time: seconds of a prepared call, over those of f in the same round, with its samples;
            it says where these are unstable (see `diffkit.measure.cost`).
        seconds: the median time of a prepared call.
        prepare, first: seconds of preparing and of the first call thereafter.
        evaluations: how often the user's function was called for one derivative.
        memory: the most bytes in use during a call.
        size: operations of the derivative: on its tape, or of its expression as a graph.
        failures: at how many of the points there is no value.
        reason: why there is no value, or what is doubtful.
    """

    backend: str
    status: str
    value: Any = None
    ulps: float | None = None
    error: float | None = None
    estimated: float | None = None
    deviation: float | None = None
    time: Spread | None = None
    seconds: float | None = None
    prepare: float | None = None
    first: float | None = None
    evaluations: int | None = None
    memory: int | None = None
    size: int | None = None
    failures: int = 0
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            **vars(self),
            "value": None if self.value is None else plain(self.value),
            "time": None if self.time is None else asdict(self.time),
        }


@dataclass(frozen=True)
class Comparison:
    """A row for each backend.

    Attributes:
        function: the name of the function.
        operator: what was computed.
        point: where; of several points the first.
        points: the number of points that errors are taken over.
        f_value: the value of the function.
        f_seconds: the median time of one evaluation of f, taken in turn with the backends.
        inputs, outputs: the numbers that f takes and gives.
        truth: the certified derivative, correctly rounded; None where there is none.
        uncertified: why there is none, or none at some of the points.
        yardstick: the backend that deviations are taken from. It is another method's answer, not
            the truth.
        rows: the answers.
        recommended: the name of the backend to use; empty where none will do.
        recommendation: which to use here, and the evidence.
        threads: the most threads that a library could use while times were taken.
    """

    function: str
    operator: str
    point: Any
    points: int
    f_value: Any
    f_seconds: float
    inputs: int
    outputs: int
    truth: Any
    uncertified: str
    yardstick: str
    rows: tuple[Row, ...]
    recommended: str
    recommendation: str
    threads: int = 1

    def to_dict(self) -> dict[str, Any]:
        return {
            **vars(self),
            "point": plain(self.point),
            "f_value": plain(self.f_value),
            "truth": None if self.truth is None else plain(self.truth),
            "rows": [row.to_dict() for row in self.rows],
        }

    def __rich__(self) -> Any:
        return _Sheet(self)

    def __str__(self) -> str:
        return _rendering.text(self)

    def _repr_html_(self) -> str:
        from html import escape

        columns = self._columns()
        rows = zip(*(cells for _, _, cells in columns), strict=True)
        notes = (self.legend, *self.reasons, terminal(self.recommendation))
        return (
            f"<p><strong>{escape(self.title)}</strong></p>"
            + _rendering.table([name for _, name, _ in columns], rows, _WORDY)
            + "".join(f"<p>{escape(note)}</p>" for note in notes)
        )

    def figure(self) -> Any:
        """Error against time: a Plotly figure. An error of zero is drawn at a tenth of an ulp."""
        import plotly.graph_objects as go

        certified = any(row.ulps is not None for row in self.rows)
        shown = [
            (row, size)
            for row in self.rows
            if row.time and (size := row.ulps if certified else row.deviation) is not None
            and np.isfinite(size)
        ]  # fmt: skip
        # From left to right names stand above and below, so that neighbours leave each other room.
        shown.sort(key=lambda pair: pair[0].time.median if pair[0].time else 0.0)
        least = 0.1 if certified else min([s for _, s in shown if s], default=1.0) / 10
        fig = go.Figure()
        for k, (row, size) in enumerate(shown):
            assert row.time is not None
            error = {
                "array": [row.time.high - row.time.median],
                "arrayminus": [row.time.median - row.time.low],
            }
            marker = {"size": 11, "symbol": "circle" if row.status == "ok" else "x"}
            fig.add_scatter(
                x=[row.time.median], y=[max(size, least)], error_x=error, mode="markers+text",
                text=[row.backend], textposition=("top center", "bottom center")[k % 2],
                cliponaxis=False, name=row.backend, marker=marker,
                hovertext=[plotly_text(row.reason or row.status)],
            )  # fmt: skip
        measure = "certified error in ulps" if certified else f"difference from {self.yardstick}"
        fig.update_layout(title=plotly_text(self.title), showlegend=False)
        fig.update_xaxes(type="log", title="time of a call, in evaluations of f")
        fig.update_yaxes(type="log", title=measure)
        return fig

    @property
    def title(self) -> str:
        more = f" and {self.points - 1} more" if self.points > 1 else ""
        name = terminal(self.function)
        name = name if len(name) <= 80 else name[:79] + "…"
        return f"{self.operator} of {name} at x = {shown(self.point)}{more}"

    @property
    def legend(self) -> str:
        """What the columns mean."""
        measured = "ulps: certified error in units in the last place, at most; "
        if any(row.ulps is None and row.value is not None for row in self.rows):
            measured += (
                f"difference: largest from {self.yardstick}, as {self.uncertified.rstrip('.')}; "
            )
        return terminal(
            f"f(x) = {shown(self.f_value)}; {measured}time / f: in evaluations of f, "
            f"{self.f_seconds * 1e6:.3g} µs each, ± half the interquartile range{self._threads}; "
            f"calls: of f{self._unstable}"
        )

    @property
    def _threads(self) -> str:
        return f", at most {self.threads} threads" if self.threads > 1 else ""

    @property
    def _unstable(self) -> str:
        mark = any(row.time is not None and row.time.unstable for row in self.rows)
        return "; ?: unstable, measure again on a quieter machine" if mark else ""

    @property
    def reasons(self) -> list[str]:
        """Why a backend has no value, or what is doubtful about it: one line each."""
        return [terminal(f"{r.backend}: {r.reason}", keep="\n") for r in self.rows if r.reason]

    def _columns(self) -> list[tuple[int, str, list[str]]]:
        """Each column with the width of the terminal from which on it is shown."""
        rows = self.rows
        columns = [
            (0, "backend", [r.backend for r in rows]),
            (0, "value", ["" if r.value is None else shown(r.value) for r in rows]),
            (0, "ulps", [_number(r.ulps) for r in rows]),
            (0, "difference", [self._deviation(r) for r in rows]),
            (100, "own estimate", [_number(r.estimated) for r in rows]),
            (100, "error", [_number(r.error) for r in rows]),
            (0, "time / f", [_time(r) for r in rows]),
            (0, "calls", ["" if r.evaluations is None else str(r.evaluations) for r in rows]),
            (120, "prepare", [_seconds(r.prepare) for r in rows]),
            (120, "first", [_seconds(r.first) for r in rows]),
            (130, "memory", [_bytes(r.memory) for r in rows]),
            (110, "size", ["" if r.size is None else str(r.size) for r in rows]),
            (0, "status", [r.status for r in rows]),
        ]
        certified = any(r.ulps is not None for r in rows)
        empty = "difference" if certified else "ulps"
        return [
            c for c in columns if c[1] != empty and (any(c[2]) or c[1] in ("backend", "status"))
        ]

    def _deviation(self, row: Row) -> str:
        return "(itself)" if row.backend == self.yardstick else _number(row.deviation)


class _Sheet:
    """The table, with the columns that the terminal has room for."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        c = self.comparison
        table = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, title=Text(c.title), caption=Text(c.legend)
        )
        columns = [column for column in c._columns() if options.max_width >= column[0]]
        for _, name, _cells in columns:
            table.add_column(
                name,
                justify="left" if name in _WORDY else "right",
                no_wrap=name != "value",
                overflow="fold",
            )
        for row in zip(*(cells for _, _, cells in columns), strict=True):
            table.add_row(*map(Text, row))
        yield table
        for line in c.reasons:
            yield Text(line)
        yield Text(terminal(c.recommendation))


def plain(value: Any) -> Any:
    """Arrays and nests of them as lists."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return np.asarray(value).tolist()


def shown(value: Any) -> str:
    """A number with all its digits; an array with some."""
    if isinstance(value, (tuple, list, dict)):
        return str(plain(value))[:60]
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{float(array):.17g}" if array.dtype.kind == "f" else str(array)
    text = np.array2string(array, precision=9, threshold=6, edgeitems=2, separator=", ")
    return " ".join(text.split()).replace("[ ", "[")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _time(row: Row) -> str:
    if row.time is None:
        return ""
    half = (row.time.high - row.time.low) / 2
    mark = " ?" if row.time.unstable else ""
    return f"{_short(row.time.median)} ± {_short(half)}{mark}"


def _short(number: float) -> str:
    """Three digits, without an exponent where none is needed."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1e6:.3g} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms"


def _bytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1024:.3g} KiB"
