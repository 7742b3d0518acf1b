"""Traces drawn as graphs: every node and edge is there, and none lies on another."""

from __future__ import annotations

from itertools import combinations

import pytest

from diffkit.report.trace_graphs import graph

# Griewank's example: two inputs, and two edges that pass a layer.
PARENTS = [(), (), (0, 1), (2,), (1,), (2, 4), (3, 5), (6, 5)]
ROWS = [
    {"name": f"v_{k}", "operation": "add" if mine else "input", "value": float(k),
     "adjoint": 10.0 + k, "parents": mine, "partials": tuple(100.0 * k + p for p in mine)}
    for k, mine in enumerate(PARENTS)
]  # fmt: skip


@pytest.mark.parametrize("backward", [False, True])
def test_nodes_and_edges_are_drawn_once(backward: bool) -> None:
    drawing = graph(ROWS, {"adjoint": "adjoint"}, backward=backward)
    notes = drawing.layout.annotations
    arrows = [n for n in notes if n.showarrow]
    texts = [n.text for n in notes if not n.showarrow]
    assert len(arrows) == sum(map(len, PARENTS))
    assert sum("adjoint" in text for text in texts) == len(ROWS)
    assert [t for t in texts if t == "504"]  # the partial of v_5 by v_4
    # y grows downwards, as the program runs; the dependency graph points the other way.
    assert all((arrow.y > arrow.ay) != backward for arrow in arrows)


def test_no_node_lies_on_another_or_on_an_edge_that_passes() -> None:
    drawing = graph(ROWS, {})
    places = list(zip(drawing.data[0].x, drawing.data[0].y, strict=True))
    for (x, y), (other, z) in combinations(places, 2):
        assert y != z or abs(x - other) >= 1
    for k, mine in enumerate(PARENTS):
        for p in mine:
            (a, top), (b, bottom) = places[p], places[k]
            for x, y in places:
                if top < y < bottom:
                    there = a + (b - a) * (y - top) / (bottom - top)
                    assert abs(x - there) > 0.4
