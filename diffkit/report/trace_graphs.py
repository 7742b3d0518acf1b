"""Evaluation traces as graphs: inputs on top, the result at the bottom, partials on the edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diffkit.report.figures import PALETTE, chart

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

_LINE, _GAP = 18, 54  # pixels of a line of text in a node, and between one layer and the next


def graph(
    rows: Sequence[Mapping[str, Any]], derivatives: Mapping[str, str], *, backward: bool = False
) -> PlotlyFigure:
    """A node for each row of a trace, an edge for each use of a value.

    Args:
        rows: with ``name``, ``operation``, ``value``, ``parents`` (places of rows) and
            ``partials``.
        derivatives: for columns of the rows the signs that stand before them in the nodes.
        backward: point the arrows from the result to the inputs: the dependency graph.
    """
    places = _places([row["parents"] for row in rows])
    box = 12 + _LINE * (2 + len(derivatives))
    height = (box + _GAP) * (1 + max(y for _, y in places))
    half = 0.5 * box / (box + _GAP)  # of a node, where a layer is 1
    drawing = chart(height=height, showlegend=False, margin={"l": 8, "r": 8, "t": 0, "b": 0})
    for k, row in enumerate(rows):
        for parent, partial in zip(row["parents"], row["partials"], strict=True):
            (x, y), (ax, ay) = places[parent], places[k]
            _edge(drawing, (x, y + half), (ax, ay - half), f"{partial:.4g}", backward)
    for (x, y), row in zip(places, rows, strict=True):
        _node(drawing, x, y, row, derivatives)
    drawing.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers",
        name="nodes",
        marker={"size": 1, "opacity": 0},
        hoverinfo="skip",
    )
    widest = max(abs(x) for x, _ in places) + 0.6
    drawing.update_xaxes(range=[-widest, widest], visible=False, fixedrange=True)
    bottom = max(y for _, y in places) + 0.5
    return drawing.update_yaxes(range=[bottom, -0.5], visible=False, fixedrange=True)


def _places(parents: Sequence[Sequence[int]]) -> list[tuple[float, int]]:
    """For each node its place across, and its layer: one below the lowest of its parents.

    An edge that passes a layer takes a place in it as a node does, so that it passes beside them.
    """
    layers: list[int] = []
    for mine in parents:
        layers.append(1 + max((layers[p] for p in mine), default=-1))
    across = [0.0] * len(layers)
    for layer in range(max(layers) + 1):
        wished = {
            k: sum(across[p] for p in mine) / max(1, len(mine))
            for k, mine in enumerate(parents)
            if layers[k] == layer
        }
        passing = {p: across[p] for k, mine in enumerate(parents) if layers[k] > layer
                   for p in mine if layers[p] < layer}  # fmt: skip
        middle = sum(wished.values()) / len(wished)
        nodes = sorted(wished, key=lambda k: wished[k])
        left = sum(place < middle for place in passing.values())
        for place, k in enumerate(nodes, start=left):
            across[k] = middle + place - (len(nodes) + len(passing) - 1) / 2
    return list(zip(across, layers, strict=True))


def _edge(
    drawing: PlotlyFigure,
    parent: tuple[float, float],
    child: tuple[float, float],
    text: str,
    backward: bool,
) -> None:
    (x, y), (ax, ay) = (parent, child) if backward else (child, parent)
    drawing.add_annotation(
        x=x, y=y, ax=ax, ay=ay, axref="x", ayref="y", text="", showarrow=True, arrowhead=2,
        arrowwidth=1.5, arrowcolor="#8a929c",
    )  # fmt: skip
    # A little nearer to the parent, where edges to one child are still apart.
    drawing.add_annotation(
        x=0.55 * parent[0] + 0.45 * child[0], y=0.55 * parent[1] + 0.45 * child[1], text=text,
        showarrow=False, xshift=4, xanchor="left", font={"size": 13},
    )  # fmt: skip


def _node(
    drawing: PlotlyFigure, x: float, y: float, row: Mapping[str, Any], signs: Mapping[str, str]
) -> None:
    head, _, index = row["name"].partition("_")
    name = f"{head}<sub>{index}</sub>" if index else head
    lines = [f"<b>{name}</b> {row['operation']}", f"{row['value']:.4g}"]
    lines += [f"{sign} {row[column]:.4g}" for column, sign in signs.items()]
    drawing.add_annotation(
        x=x, y=y, text="<br>".join(lines), showarrow=False, borderpad=4, borderwidth=1.5,
        bordercolor=PALETTE[1 if row["operation"] == "input" else 0],
    )  # fmt: skip
