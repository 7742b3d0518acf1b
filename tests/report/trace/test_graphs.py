"""Graphs: what they contain, where it stands, and that text in them is only text."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.report.trace.graph import node_width
from diffkit.report.trace.grouping import repetition
from diffkit.report.trace.layout import increasing, layered

SVG = "{http://www.w3.org/2000/svg}"
GRIEWANK = dk.problems["griewank"], np.array([1.5, 0.5])


def test_the_computation_graph_of_griewank_example() -> None:
    graph = dk.trace(*GRIEWANK).graph()
    ends = {(graph.nodes[e.start].lines[0], graph.nodes[e.end].lines[0]) for e in graph.edges}
    # v1 = v-1/v0, v2 = sin v1, v3 = exp v0, v4 = v1 - v3, v5 = v2 + v4, v6 = v5 v4
    assert ends == {(0, 2), (1, 2), (2, 3), (1, 4), (2, 5), (4, 5), (3, 6), (5, 6), (6, 7), (5, 7)}
    assert [node.kind for node in graph.nodes] == ["input"] * 2 + ["operation"] * 5 + ["result"]


def test_the_dependency_graph_is_the_same_with_arrows_reversed() -> None:
    there, back = (dk.trace(*GRIEWANK).graph(dependency=d).to_dot() for d in (False, True))
    arrows = [tuple(line.split("[")[0].strip(" ;").split(" -> ")) for line in there.splitlines()
              if "->" in line]  # fmt: skip
    for a, b in arrows:
        assert f"{b} -> {a}" in back
    assert 'label="v̄₆\\n1"' in back


def test_a_square_by_itself_has_two_edges() -> None:
    assert len(dk.trace(lambda x: x * x, 3.0).graph().edges) == 2


def test_names_are_only_text() -> None:
    hostile = '</title><script>alert("1")</script>\n\\'
    f = dk.Function(lambda x: x * 2.0, name=hostile, variables=(hostile,))
    graph = dk.trace(f, 1.0).graph()
    root = ET.fromstring(graph.to_svg())
    assert not list(root.iter(f"{SVG}script"))
    assert root.find(f"{SVG}title").text.startswith("computation graph of </title>")  # type: ignore[union-attr]
    assert '\\"1\\"' in graph.to_dot()
    assert all(line.endswith((";", "{", "}")) for line in graph.to_dot().splitlines())


def test_a_drawing_says_what_it_shows() -> None:
    root = ET.fromstring(dk.trace(*GRIEWANK).graph().to_svg())
    assert root.get("role") == "img"
    assert "v₁ = v₋₁/v₀ = 3" in root.find(f"{SVG}desc").text  # type: ignore[union-attr, operator]


def test_what_is_written_in_a_notebook_can_be_joined_to_other_text() -> None:
    assert "<b>" in "<b>" + dk.trace(*GRIEWANK).graph()._repr_html_()


@pytest.mark.parametrize("name", sorted(dk.problems))
def test_no_two_nodes_overlap_and_every_edge_leads_down(name: str) -> None:
    problem = dk.problems[name]
    graph = dk.trace(problem, problem.points[0]).graph()
    boxes = [(x, y, node_width(n), 52.0) for n, (x, y) in
             zip(graph.nodes, graph.layout.centres, strict=True)]  # fmt: skip
    for (a, b, w, h), (c, d, u, v) in itertools.combinations(boxes, 2):
        assert abs(a - c) >= (w + u) / 2 or abs(b - d) >= (h + v) / 2
    for route in graph.layout.routes:
        heights = [y for _, y in route]
        assert heights == sorted(heights)
    for x, y, w, h in boxes:
        assert x - w / 2 + 1e-6 >= 0
        assert x + w / 2 <= graph.layout.width + 1e-6
        assert y + h / 2 <= graph.layout.height + 1e-6


# --- groups ----------------------------------------------------------------------------------


def logistic(x: Any) -> Any:
    for _ in range(100):
        x = 3.7 * x * (1.0 - x)
    return x


def test_sixty_lines_stand_alone_and_more_stand_in_groups() -> None:
    def chain(n: int) -> Any:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = np.sin(x)
            return x

        return dk.trace(f, 0.5).graph()

    assert len(chain(59)) == 60
    assert len(chain(60)) <= 24


def test_a_loop_is_grouped_by_whole_turns() -> None:
    graph = dk.trace(logistic, 0.3).graph()
    groups = [node for node in graph.nodes if node.kind == "group"]
    assert all(len(node.lines) % 3 == 0 for node in groups)
    assert sum(len(node.lines) for node in graph.nodes) == 301
    assert {node.value for node in groups[:-1]} == {groups[0].value}


def test_groups_have_no_cycle() -> None:
    for name in ("pendulum", "puma_arm"):
        problem = dk.problems[name]
        graph = dk.trace(problem, problem.points[0]).graph()
        assert all(edge.start < edge.end for edge in graph.edges)


@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.sampled_from("xyz"), min_size=1,
       max_size=6), st.integers(8, 12))  # fmt: skip
def test_a_period_is_found_behind_a_preparation(head: list[str], loop: list[str], n: int) -> None:
    start, period = repetition(head + loop * n)
    names = head + loop * n
    assert all(names[k] == names[k + period] for k in range(start, len(names) - period))
    assert period <= len(loop)


# --- layout ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 5)), min_size=1, max_size=8))
@settings(max_examples=60)
def test_pooling_gives_the_nearest_increasing_sequence(pairs: list[tuple[float, float]]) -> None:
    """No feasible sequence on a grid around it is nearer, and it is increasing itself."""
    values, weights = [p[0] for p in pairs], [p[1] for p in pairs]
    found = increasing(values, weights)
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(found))

    def distance(xs: Any) -> float:
        return sum(w * (x - v) ** 2 for x, v, w in zip(xs, values, weights, strict=True))

    rng = np.random.default_rng(0)
    for _ in range(20):
        other = np.sort(np.array(found) + rng.normal(scale=0.3, size=len(found)))
        assert distance(found) <= distance(other) + 1e-9


def crossings(edges: list[tuple[int, int]], x: list[float]) -> int:
    return sum((x[a] - x[c]) * (x[b] - x[d]) < 0
               for (a, b), (c, d) in itertools.combinations(edges, 2))  # fmt: skip


def test_crossings_that_can_be_avoided_are() -> None:
    # Two layers of five in opposite orders: a permutation untangles them.
    edges = [(k, 9 - k) for k in range(5)]
    placed = layered([(40.0, 20.0)] * 10, edges)
    assert crossings(edges, [x for x, _ in placed.centres]) == 0
    cube = [(0, 2), (1, 3), (0, 3), (2, 4), (3, 5)]
    placed = layered([(40.0, 20.0)] * 6, cube)
    assert crossings(cube[:3], [x for x, _ in placed.centres]) == 0


def test_nothing_to_draw() -> None:
    assert layered([], []).height == 0.0
