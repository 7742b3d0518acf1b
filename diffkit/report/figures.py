"""Plotly figures in one look: readable type, a palette for all eyes, honest log axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.runner.results import Results

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

# Okabe & Ito (2008), "Color Universal Design", without black and yellow, which vanish on a
# dark and on a light page; a series also differs from its neighbours in marker and dash.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

# A line that marks a place, in a grey that shows on a light and on a dark page.
MARK = {"dash": "dash", "color": "#8a929c", "width": 2}

# So many labels fit on a log axis of any figure.
FEW_DECADES = 9

# Marks the points that are drawn at the foot of a log axis but stand for zero.
EXACT_ZERO = "exactly 0"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_INK = {
    "light": {"text": "#1b1f24", "grid": "#e3e6ea", "line": "#8a929c"},
    "dark": {"text": "#e8eaed", "grid": "#30363d", "line": "#7d8590"},
}


def template(scheme: str = "light") -> dict[str, Any]:
    """The Plotly template of the "light" or the "dark" page, as plain data."""
    ink = _INK[scheme]
    axis = {
        "gridcolor": ink["grid"],
        "linecolor": ink["line"],
        "zerolinecolor": ink["line"],
        "ticks": "outside",
        "tickcolor": ink["line"],
        "exponentformat": "power",
        "automargin": True,
        "title": {"font": {"size": 15}, "standoff": 10},
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 14, "color": ink["text"]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(PALETTE),
            "xaxis": axis,
            "yaxis": axis,
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "title": {"font": {"size": 14}},
            },
            "margin": {"l": 16, "r": 16, "t": 24, "b": 16},
            "hovermode": "closest",
            "hoverlabel": {"font": {"family": FONT, "size": 14}},
        }
    }


def chart(x: str = "", y: str = "", *, log: str = "", **layout: Any) -> PlotlyFigure:
    """An empty figure with axis titles; ``log`` is "", "x", "y" or "xy".

    Give ``layout`` anything that Plotly's layout takes.
    """
    import plotly.graph_objects as go

    figure = go.Figure(layout={"template": template()})
    figure.update_xaxes(title_text=x, **log_axis("x" in log))
    figure.update_yaxes(title_text=y, **log_axis("y" in log))
    return figure.update_layout(**layout)


def plot(
    series: Mapping[str, tuple[Any, Any]],
    x: str = "",
    y: str = "",
    *,
    log: str = "",
    mode: str = "lines+markers",
    vlines: Mapping[str, float] | None = None,
    hlines: Mapping[str, float] | None = None,
    **layout: Any,
) -> PlotlyFigure:
    """Named series, each ``(x, y)``, with dashed lines and their labels at some x and y.

    On a log axis y is drawn by its size: the sign is lost, and zero stands at the foot.
    """
    figure = chart(x, y, log=log, **layout)
    drawn = {n: (a, np.abs(b) if "y" in log else b) for n, (a, b) in series.items()}
    values = [np.asarray(b, dtype=float) for _, b in drawn.values()]
    foot = _foot(np.concatenate(values)) if values and "y" in log else None
    for index, (name, (a, b)) in enumerate(drawn.items()):
        add_series(figure, a, b, name, index, mode=mode, foot=foot)
    for text, place in (vlines or {}).items():
        figure.add_vline(place, line=MARK, label=_label(text, xanchor="right", yanchor="top"))
    for text, place in (hlines or {}).items():
        figure.add_hline(place, line=MARK, label=_label(text, xanchor="right", yanchor="bottom"))
    return label_decades(figure)


def _label(text: str, **anchors: str) -> dict[str, Any]:
    return {"text": text, "textangle": 0, "textposition": "end", **anchors}


def label_decades(figure: PlotlyFigure) -> PlotlyFigure:
    """Label powers of ten alone on log axes of a few decades, where Plotly adds a 2 and a 5."""
    for axis, name in ((figure.layout.xaxis, "x"), (figure.layout.yaxis, "y")):
        if axis.type == "log" and 1.5 <= _decades(figure, name) <= FEW_DECADES:
            axis.dtick = 1
    return figure


def _decades(figure: PlotlyFigure, axis: str) -> float:
    parts = [np.asarray(t[axis], dtype=float) for t in figure.data if t[axis] is not None]
    numbers = np.concatenate([np.empty(0), *parts])
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    return float(np.log10(numbers.max() / numbers.min())) if numbers.size else 0.0


def log_axis(on: bool = True) -> dict[str, Any]:
    """Axis settings of a log axis, which shows powers of ten; none where it is off."""
    return {"type": "log"} if on else {}


def lines(
    results: Results,
    x: str,
    y: str,
    *,
    by: str | None = None,
    log: str = "",
    labels: Mapping[str, str] | None = None,
    mode: str = "lines+markers",
    **layout: Any,
) -> PlotlyFigure:
    """Column ``y`` over column ``x``, one series for each value of column ``by``.

    ``labels`` gives axis titles for column names. A value of zero has no place on a log
    axis: it is drawn as an open triangle at the foot of the figure, and says so.
    """
    titles = dict(labels or {})
    figure = chart(titles.get(x, x), titles.get(y, y), log=log, **layout)
    figure.update_layout(legend_title_text=f"{titles.get(by, by)} " if by else None)
    foot = _foot(results.column(y)) if "y" in log else None
    for index, (name, part) in enumerate(_series(results, by)):
        add_series(figure, part.column(x), part.column(y), name, index, mode=mode, foot=foot)
    return label_decades(figure)


def add_series(
    figure: PlotlyFigure,
    x: Any,
    y: Any,
    name: str,
    index: int = 0,
    *,
    mode: str = "lines+markers",
    foot: float | None = None,
) -> PlotlyFigure:
    """Add a series in the look of position ``index``; with ``foot``, zeros stand there."""
    values = np.asarray(y, dtype=float)
    zero = (values == 0) if foot is not None else np.zeros(values.shape, dtype=bool)
    style = series_style(index)
    figure.add_scatter(x=x, y=np.where(zero, np.nan, values), name=name, mode=mode, **style)
    if zero.any():
        figure.add_scatter(
            x=np.asarray(x)[zero],
            y=np.full(int(zero.sum()), foot),
            name=EXACT_ZERO,
            legendgroup=EXACT_ZERO,
            legendrank=2000,
            showlegend=all(trace.legendgroup != EXACT_ZERO for trace in figure.data),
            mode="markers",
            meta=EXACT_ZERO,
            marker={"symbol": "triangle-down-open", "size": 9, "color": style["line"]["color"]},
            hovertemplate="%{x}: exactly 0, below any log axis",
        )
    return figure


def series_style(index: int) -> dict[str, Any]:
    """Colour, dash and marker of the series at this position."""
    colour = PALETTE[index % len(PALETTE)]
    return {
        "line": {"color": colour, "width": 2, "dash": DASHES[index % len(DASHES)]},
        "marker": {"color": colour, "size": 6, "symbol": MARKERS[index % len(MARKERS)]},
    }


def _series(results: Results, by: str | None) -> list[tuple[str, Results]]:
    if by is None:
        return [("", results)]
    values = dict.fromkeys(results.column(by).tolist())
    return [(str(value), results.where(**{by: value})) for value in values]


def _foot(values: Any) -> float:
    """Half a decade below the smallest positive value."""
    numbers = np.asarray(values, dtype=float)
    positive = numbers[np.isfinite(numbers) & (numbers > 0)]
    return float(positive.min() / 3) if positive.size else 1e-16
