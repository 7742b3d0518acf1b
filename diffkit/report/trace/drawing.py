"""Graphs as SVG.

Colours are those of Okabe and Ito 2008 ("Color universal design"), which the colour-blind can tell
apart, and no meaning hangs on them alone: inputs are round, results have a second outline,
decisions and groups are dashed. Text takes the colour of its surroundings, light or dark.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from .graph import GROUP, RESULT, GraphNode, TraceGraph, node_width, text_width
from .layout import Layout, Point
from .lines import DECISION, INPUT

MARGIN = 12.0
LINE = 20.0  # the height of a line of text

_COLOURS = {
    INPUT: "var(--trace-input, #0072b2)",
    RESULT: "var(--trace-result, #009e73)",
    GROUP: "var(--trace-group, #cc79a7)",
}
_PLAIN = "var(--trace-node, #7f7f7f)"


def svg(graph: TraceGraph, texts: int = 2) -> Markup:
    """The drawing of a graph.

    Nodes and edges carry their numbers as ``data-node`` and ``data-edge``, so that a script can
    find them; ``texts`` beyond 2 leaves room for more lines in a node.
    """
    layout = graph.placed(texts) if texts != 2 else graph.layout
    room = [MARGIN + text_width(e.label) / 2 for e in graph.edges if texts > 2]
    side = max([MARGIN, *(min(r, 70.0) for r in room)]) if graph.nodes else MARGIN
    width, height = layout.width + 2 * side, layout.height + 2 * MARGIN
    parts = [
        f'<svg class="trace-graph" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="{-side:.0f} {-MARGIN:.0f} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'style="max-width:100%;height:auto;font:15px system-ui,sans-serif">',
        f"<title>{escape(graph.title)}</title><desc>{escape(graph.description)}</desc>",
    ]
    parts += [_edge(graph, layout, k, texts) for k in range(len(graph.edges))]
    parts += [_node(node, k, layout.centres[k], texts) for k, node in enumerate(graph.nodes)]
    if texts > 2:  # labels stand above all else, and are shown by the page
        parts += [_label(graph, layout, k) for k in range(len(graph.edges))]
    return Markup("".join([*parts, "</svg>"]))


def _node(node: GraphNode, k: int, centre: Point, texts: int) -> str:
    x, y = centre
    width, height = node_width(node, texts), 12.0 + LINE * texts
    colour = _COLOURS.get(node.kind, _PLAIN)
    radius = height / 2 if node.kind == INPUT else 7.0
    dashes = ";stroke-dasharray:5 4" if node.kind in (DECISION, GROUP) else ""
    out = [f'<g class="node {node.kind}" data-node="{k}"><title>{escape(node.full)}</title>']
    if node.kind == RESULT:
        out.append(_box(x, y, width + 8, height + 8, radius + 4, f"fill:none;stroke:{colour}"))
    style = f"fill:{colour};fill-opacity:.1;stroke:{colour};stroke-width:1.6{dashes}"
    out.append(_box(x, y, width, height, radius, style))
    top = y - (texts - 1) * LINE / 2 + 5
    weights = ("font-weight:600", "")
    for n, text in enumerate((node.title, node.value)):
        name = ("formula", "value")[n]
        out.append(
            f'<text class="{name}" x="{x:.1f}" y="{top + n * LINE:.1f}" text-anchor="middle" '
            f'style="fill:currentColor;{weights[n]}">{escape(text)}</text>'
        )
    if texts > 2:
        out.append(f'<text class="derivative" x="{x:.1f}" y="{top + 2 * LINE:.1f}" '
                   f'text-anchor="middle"></text>')  # fmt: skip
    return "".join([*out, "</g>"])


def _box(x: float, y: float, width: float, height: float, radius: float, style: str) -> str:
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{radius:.1f}" style="{style}"/>'
    )


def _edge(graph: TraceGraph, layout: Layout, k: int, texts: int) -> str:
    route = layout.routes[k]
    upward = graph.dependency
    both = texts > 2  # the page turns arrows round
    arrows = ""
    if not upward or both:
        arrows += _arrow(route[-1], 1, "down")
    if upward or both:
        arrows += _arrow(route[0], -1, "up")
    return (
        f'<g class="edge" data-edge="{k}" style="color:var(--trace-edge, #7f7f7f)">'
        f'<path d="{_curve(route, 6.0 + LINE * texts / 2)}" '
        f'style="fill:none;stroke:currentColor;stroke-width:1.6"/>{arrows}'
        f"<title>{escape(_told(graph, k))}</title></g>"
    )


def _told(graph: TraceGraph, k: int) -> str:
    edge = graph.edges[k]
    ends = [graph.nodes[n].title for n in (edge.start, edge.end)]
    ends = ends[::-1] if graph.dependency else ends
    return " → ".join(ends) + (f", local partial {edge.label}" if edge.label else "")


def _curve(route: Sequence[Point], flat: float) -> str:
    """A smooth way: vertical where it meets a node, and where it passes a layer."""
    (x, y), *rest = route
    out = [f"M{x:.1f} {y:.1f}"]
    for place, (u, v) in enumerate(rest):
        last = place == len(rest) - 1
        end = v if last else v - flat
        middle = (y + end) / 2
        out.append(f"C{x:.1f} {middle:.1f} {u:.1f} {middle:.1f} {u:.1f} {end:.1f}")
        if not last:
            out.append(f"V{v + flat:.1f}")
        x, y = u, end if last else v + flat
    return "".join(out)


def _arrow(tip: Point, direction: int, name: str) -> str:
    x, y = tip
    back = y - 9 * direction
    return (
        f'<path class="arrow {name}" d="M{x:.1f} {y:.1f}L{x - 4.5:.1f} {back:.1f}'
        f'L{x + 4.5:.1f} {back:.1f}Z" style="fill:currentColor"/>'
    )


def _label(graph: TraceGraph, layout: Layout, k: int) -> str:
    route = layout.routes[k]
    (x, y), (u, v) = route[-2], route[-1]
    top = y if len(route) == 2 else v - 46.0
    return (
        f'<text class="partial" data-label="{k}" x="{(x + u) / 2 if len(route) == 2 else u:.1f}" '
        f'y="{(top + v) / 2 + 5:.1f}" text-anchor="middle">{escape(graph.edges[k].label)}</text>'
    )
