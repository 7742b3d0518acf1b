"""Heat maps of errors: a row a point, a column a method, a colour an error, and words for statuses.

An error has a colour on one scale of powers of ten. What is not an error has a colour of its own
and a sign, so that neither is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.report.figures import chart
from diffkit.runner.results import Results

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

# The height of a row, and of what is above and below them, in pixels.
ROW, FRAME = 22, 260


@dataclass(frozen=True)
class Sign:
    """How a status is shown: by its sign, on its colour."""

    sign: str
    colour: str
    ink: str = "#1b1f24"


def heat_map(
    results: Results,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row: str,
    column: str,
    value: str,
    status: str,
    signs: Mapping[str, Sign],
    marks: Mapping[str, str],
    limits: tuple[float, float],
    label: str,
    names: Mapping[str, str] | None = None,
) -> PlotlyFigure:
    """A heat map of the sizes of ``value``, on a log scale.

    Args:
        results: the table.
        rows, columns: the values of the columns ``row`` and ``column``, in order, from the top.
        row, column, value, status: names of columns.
        signs: how statuses are shown that have no place on the scale.
        marks: signs that are put behind the errors of statuses that have one.
        limits: the decades at the ends of the scale; an error of zero has the colour of the lower.
        label: of the scale.
        names: shorter names for the columns.
    """
    cells = {(r[row], r[column]): r for r in results}
    drawing = chart(height=ROW * len(rows) + FRAME)
    titles = [(names or {}).get(c, c) for c in columns]
    drawing.add_heatmap(
        x=titles,
        y=list(rows),
        z=[[_colour(cells.get((r, c)), value, status, signs, marks, limits) for c in columns]
           for r in rows],
        text=[[_text(cells.get((r, c)), value, status, signs, marks) for c in columns]
              for r in rows],
        customdata=[[_hover(cells.get((r, c)), value, status) for c in columns] for r in rows],
        **_look(label, limits),
    )  # fmt: skip
    for name, sign in signs.items():
        _add_status(drawing, cells, rows, columns, titles, (status, name, sign, value), marks)
    drawing.update_xaxes(side="top", showgrid=False, ticks="", fixedrange=True, tickangle=-90)
    drawing.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 11})
    return drawing.update_layout(
        legend={"y": -0.01, "yanchor": "top", "itemclick": False, "itemdoubleclick": False},
        margin={"l": 8, "r": 8, "t": 176, "b": 84},
    )


def _look(label: str, limits: tuple[float, float]) -> dict[str, Any]:
    low, high = limits
    ticks = list(range(int(np.ceil(low)), int(high) + 1, 8))
    return {
        "texttemplate": "%{text}",
        "textfont": {"size": 11},
        "hovertemplate": "%{y}, %{x}<br>%{customdata}<extra></extra>",
        "xgap": 2,
        "ygap": 2,
        "zmin": low,
        "zmax": high,
        "colorscale": [[0.0, "#eaf3fb"], [0.3, "#9cc9ea"], [0.65, "#3d7fb8"], [1.0, "#123a66"]],
        "colorbar": {
            "title": {"text": label, "side": "top", "font": {"size": 13}},
            "orientation": "h",
            "thickness": 10,
            "tickangle": 0,
            "yref": "container",
            "y": 1.0,
            "yanchor": "top",
            "ypad": 4,
            "tickvals": ticks,
            "ticktext": [f"10<sup>{t}</sup>" if t else "1" for t in ticks],
        },
    }


def _has_place(cell: Any, value: str, status: str, signs: Any, marks: Any) -> bool:
    """Whether a cell is shown by its error, and not by its status."""
    shown = cell is not None and cell[value] is not None
    return shown and (cell[status] not in signs or cell[status] in marks)


def _colour(
    cell: Any, value: str, status: str, signs: Any, marks: Any, limits: tuple[float, float]
) -> float | None:
    if not _has_place(cell, value, status, signs, marks):
        return None
    return float(np.clip(np.log10(max(abs(cell[value]), 1e-99)), *limits))


def _text(
    cell: Any, value: str, status: str, signs: Mapping[str, Sign], marks: Mapping[str, str]
) -> str:
    if not _has_place(cell, value, status, signs, marks):
        return ""
    return _short(abs(cell[value])) + marks.get(cell[status], "")


def _short(size: float) -> str:
    """Two digits, as an error needs no more."""
    if size == 0:
        return "0"
    if size < 0.1:
        return "<.1"
    return (
        f"{size:.1f}"
        if size < 9.95
        else f"{size:.0f}"
        if size < 9999.5
        else f"{size:.0e}".replace("e+0", "e").replace("e+", "e")
    )


def _hover(cell: Any, value: str, status: str) -> str:
    if cell is None:
        return ""
    error = "" if cell[value] is None else f"<br>error: {cell[value]:.3g} ulps"
    found = "" if cell["value"] is None else f"<br>found {cell['value']!r}"
    truth = "" if cell["truth"] is None else f"<br>truth {cell['truth']!r}"
    return f"{cell[status]}{error}{found}{truth}"


def _add_status(
    drawing: PlotlyFigure,
    cells: Mapping[tuple[str, str], Any],
    rows: Sequence[str],
    columns: Sequence[str],
    titles: Sequence[str],
    what: tuple[str, str, Sign, str],
    marks: Mapping[str, str],
) -> None:
    """The cells of one status in its colour, and the status in the legend."""
    status, name, sign, value = what
    has = [
        [
            (r, c) in cells
            and cells[r, c][status] == name
            and not _has_place(cells[r, c], value, status, {name}, marks)
            for c in columns
        ]
        for r in rows
    ]
    if not any(map(any, has)):
        return
    drawing.add_heatmap(
        x=list(titles),
        y=list(rows),
        z=[[0 if h else None for h in line] for line in has],
        text=[[sign.sign if h else "" for h in line] for line in has],
        customdata=[
            [_hover(cells.get((r, c)), value, status) for c in columns] for r in rows
        ],
        texttemplate="%{text}",
        textfont={"size": 14, "color": sign.ink},
        hovertemplate="%{y}, %{x}<br>%{customdata}<extra></extra>",
        colorscale=[[0, sign.colour], [1, sign.colour]],
        showscale=False,
        hoverongaps=False,
        xgap=2,
        ygap=2,
    )  # fmt: skip
    marker = {"symbol": "square", "size": 14, "color": sign.colour}
    drawing.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker=marker,
        name=name if sign.sign == name else f"{sign.sign} {name}",
    )
