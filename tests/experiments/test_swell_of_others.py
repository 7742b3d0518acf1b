"""The other experiments on swell: what their claims come to, and that these can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diffkit.runner import HELD, NOT_HELD, Results, discovery
from diffkit.runner.run import judge, measure_cells

# For each experiment the number of its rows, and the places of the claims that do not hold.
EXPERIMENTS = {
    "swell_speelpenning": (14, []),
    "swell_catalogue": (11, [4]),
    "tree_or_graph": (40, []),
    "simplify_and_suffer": (289, []),
}
_measured: dict[str, Results] = {}


def results_of(name: str) -> Results:
    if name not in _measured:
        _measured[name] = measure_cells(discovery.load(name))
    return _measured[name]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_claims_hold_but_those_that_are_reported_as_lost(name: str) -> None:
    rows, lost = EXPERIMENTS[name]
    results = results_of(name)
    assert len(results.ok) == len(results) == rows
    outcomes = [judge(claim, results).outcome for claim in discovery.load(name).claims]
    assert outcomes == [NOT_HELD if k in lost else HELD for k in range(len(outcomes))]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_figures_are_drawn(name: str) -> None:
    figures = discovery.load(name).figures(results_of(name))
    assert len(figures) == 2
    for figure in figures:
        assert all(len(trace.x) for trace in figure.plotly_figure.data)


def first(column: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0][column] = value(rows[0]) if callable(value) else value

    return change


def every(column: str, value: Any, **where: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if all(row[k] == v for k, v in where.items()):
                row[column] = value(row) if callable(value) else value

    return change


LOSSES = [
    ("swell_speelpenning", 0, first("graph_tree", 4)),
    ("swell_speelpenning", 1, every("sympy_cse_by_sympy", lambda r: r["n"] * (r["n"] - 1) // 2)),
    ("swell_speelpenning", 2, first("forward_cse", 4)),
    ("swell_speelpenning", 3, every("reverse_dag", lambda r: 3 * r["n"] - 5)),
    ("swell_speelpenning", 4, every("reverse_executed", lambda r: r["n"] ** 2)),
    ("swell_catalogue", 0, first("reverse_executed", lambda r: 5 * r["f_executed"])),
    ("swell_catalogue", 1, first("forward_executed", lambda r: 5 * r["f_executed"])),
    ("swell_catalogue", 2, first("graph_cse", 10_000)),
    ("swell_catalogue", 3, every("reverse_tree", lambda r: r["reverse_cse"])),
    ("tree_or_graph", 0, first("common", lambda r: r["common"] - 1)),
    ("tree_or_graph", 1, first("ad_tree", lambda r: r["ad_tree"] + 1)),
    ("tree_or_graph", 2, every("symbolic", lambda r: 2 * r["ad"], problem="griewank")),
    ("tree_or_graph", 3, every("evaluated", 20, problem="logistic_map_8")),
    ("simplify_and_suffer", 0, every("ulps", 1e74, form="expanded")),
    ("simplify_and_suffer", 1, every("ulps", 1e4, form="as built", n=14)),
    ("simplify_and_suffer", 2, every("ulps", 1.0, form="simplified")),
    ("simplify_and_suffer", 3, every("ulps", 1.0, form="Horner")),
    ("simplify_and_suffer", 4, every("ulps", 1.0, form="factored", along="x")),
    ("simplify_and_suffer", 5, every("ulps", 1e200, form="expanded", n=11)),
]


@pytest.mark.parametrize(
    ("name", "place", "change"), LOSSES, ids=[f"{name}-{k}" for name, k, _ in LOSSES]
)
def test_doctored_data_refute_the_claim(name: str, place: int, change: Any) -> None:
    rows = [dict(row) for row in results_of(name)]
    change(rows)
    claim = discovery.load(name).claims[place]
    assert judge(claim, Results.of(rows)).outcome == NOT_HELD


def test_a_loss_can_be_won() -> None:
    rows = [dict(row) for row in results_of("swell_catalogue")]
    every("reverse_cse", 1)(rows)
    assert judge(discovery.load("swell_catalogue").claims[4], Results.of(rows)).outcome == HELD


def test_the_evaluated_forms_are_the_same_function() -> None:
    results = results_of("simplify_and_suffer").where(along="n", n=3)
    values = results.column("value")
    assert len(values) == 7
    np.testing.assert_allclose(values, results.column("truth"), rtol=1e-13)


def test_the_puma_arm_is_the_product_of_its_denavit_hartenberg_matrices() -> None:
    import diffkit as dk

    def link(angle: float, offset: float, length: float, twist: int) -> Any:
        c, s = np.cos(angle), np.sin(angle)
        ca, sa = np.cos(twist * np.pi / 2), np.sin(twist * np.pi / 2)
        return np.array([
            [c, -s * ca, s * sa, length * c],
            [s, c * ca, -c * sa, length * s],
            [0, sa, ca, offset],
            [0, 0, 0, 1],
        ])  # fmt: skip

    arm = dk.problems["puma_arm"]
    # Offsets, lengths and twists of the Puma 560, Corke & Armstrong-Hélouvry 1994, in metres.
    joints = [
        (0, 0, 1),
        (0, 0.4318, 0),
        (0.15005, 0.0203, -1),
        (0.4318, 0, 1),
        (0, 0, -1),
        (0, 0, 0),
    ]
    for angles in arm.points:
        pose = np.eye(4)
        for angle, joint in zip(angles, joints, strict=True):
            pose = pose @ link(angle, *joint)
        np.testing.assert_allclose(arm(angles), (pose @ [0.1, 0, 0.2, 1])[:3], atol=1e-15)
