"""The worked examples as experiments: what their claims come to, and that these can fail."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.report import course
from diffkit.runner import HELD, NOT_HELD, UNCHECKED, Results, discovery
from diffkit.runner.engines.in_process import InProcess
from diffkit.runner.results import UNSUPPORTED
from diffkit.runner.run import judge, measure_cells

# For each experiment the number of its rows, and the places of the claims that do not hold: what
# a text says that is not so, or an expectation that the data refute.
EXPERIMENTS = {
    "gradient_descent": (606, [1]),
    "forward_trace": (21, []),
    "reverse_trace": (33, [3]),
    "forward_gradient": (30, [5]),
    "vjp_rules": (156, [3, 5]),
    "backpropagation": (95, [2]),
    "seeds": (12, [3]),
    "jacobian_sparsity": (17, [3]),
    "symbols_or_values": (12, []),
    "branches_and_loops": (26, [2, 3, 7]),
    "cost_of_differences": (40, [0]),
    "forward_or_reverse": (16, []),
    "checkpointing": (20, [6]),
}
# Claims about time, which a busy machine can refute: that they can be judged is all that is tested.
TIMED = {"cost_of_differences": [4, 5], "forward_or_reverse": [3, 5], "checkpointing": [4]}
_measured: dict[str, Results] = {}

Change = Callable[[list[dict[str, Any]]], None]


def results_of(name: str) -> Results:
    if name not in _measured:
        _measured[name] = measure_cells(discovery.load(name))
    return _measured[name]


def outcome(name: str, place: int, results: Results) -> str:
    return judge(discovery.load(name).claims[place], results).outcome


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_claims_hold_but_those_that_are_reported_as_lost(name: str) -> None:
    rows, lost = EXPERIMENTS[name]
    results = results_of(name)
    assert len(results.ok) == len(results) == rows
    for place, claim in enumerate(discovery.load(name).claims):
        found = judge(claim, results)
        if place in TIMED.get(name, []):
            assert found.outcome != UNCHECKED, found.evidence
        else:
            expected = NOT_HELD if place in lost else HELD
            assert found.outcome == expected, (claim.sentence, found.evidence)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_figures_are_drawn_with_labelled_axes(name: str) -> None:
    figures = discovery.load(name).figures(results_of(name))
    assert figures
    for figure in figures:
        drawing = figure.plotly_figure
        assert all(len(trace.x) for trace in drawing.data)
        if drawing.layout.yaxis.visible is not False:  # a graph has no axes
            assert drawing.layout.yaxis.title.text


@pytest.mark.parametrize("name", [*EXPERIMENTS, "program_levels"])
def test_every_page_has_a_place_in_the_course_and_what_a_page_needs(name: str) -> None:
    experiment = discovery.load(name)
    assert experiment.chapter in {chapter.name for chapter in course.CHAPTERS}
    assert experiment.reproduce
    assert experiment.reading
    assert len(experiment.claims) >= 4


@pytest.mark.parametrize("name", [*EXPERIMENTS, "program_levels"])
def test_the_lines_that_reproduce_run(name: str) -> None:
    exec(compile(discovery.load(name).reproduce, name, "exec"), {})


# --- goldens -----------------------------------------------------------------------------


def test_gradient_descent_ends_where_the_text_says() -> None:
    # Printed by the blog post 'Reverse-mode Automatic Differentiation' for 1000 steps of 1e-2.
    last = results_of("gradient_descent").where(by="reverse", step=1000).rows[0]
    assert (last["loss"], last["x"], last["y"]) == (
        -193992792.6350034,
        -13928.111031430128,
        13928.148130601208,
    )


def test_adjoints_of_the_worked_examples() -> None:
    rows = results_of("reverse_trace")

    def adjoint(example: str) -> dict[str, float]:
        return {r["name"]: r["adjoint"] for r in rows.where(example=example)}

    # Cross Validated 224140: (3 + cos 2, 2).
    found = adjoint("x_1 x_2 + sin x_1")
    assert (found["w_1"], found["w_2"]) == (pytest.approx(3 + np.cos(2), rel=1e-15), 2.0)
    # Griewank & Walther 2008, chapter 1, to all digits: x1 and x2.
    found = adjoint("Griewank's")
    assert found["x_1"] == pytest.approx(3.0118433276739066, rel=4e-16)
    assert found["x_2"] == pytest.approx(-13.723961509314075, rel=4e-16)
    # Lecture notes on a linear model with the measurement (1, 7): all are −4 but the seed.
    assert list(adjoint("(w x + b − y)^2").values()) == [-4.0] * 5 + [1.0]


def test_tangents_of_the_normal_density() -> None:
    # −x e^(−x²/2) / √(2π) at 2, DLMF 7.1.
    last = results_of("forward_trace").where(example="normal density").rows[-1]
    assert last["value"] == pytest.approx(np.exp(-2) / np.sqrt(2 * np.pi), rel=1e-15)
    assert last["tangent"] == pytest.approx(-2 * np.exp(-2) / np.sqrt(2 * np.pi), rel=1e-15)


def test_where_the_text_on_sine_plus_product_is_wrong_its_update_rule_is_right() -> None:
    rows = {r["name"]: r for r in results_of("reverse_trace").where(example="sin x + x y")}
    assert rows["w_2"]["adjoint"] == rows["w_1"]["value"] == 1.0  # and not w_2, which is 2
    assert rows["w_1"]["adjoint"] == pytest.approx(np.cos(1.0) + 2.0)


def test_a_program_that_is_the_square_has_another_derivative() -> None:
    row = results_of("branches_and_loops").where(case="x^2, but 1 at 1", mode="forward").rows[0]
    assert (row["found"], row["left"]) == (0.0, 2.0)


# --- claims can fail ---------------------------------------------------------------------


def change(column: str, value: Any, /, **where: Any) -> Change:
    """Put another value into a column of the rows that have these values."""

    def doctor(rows: list[dict[str, Any]]) -> None:
        chosen = [r for r in rows if all(r.get(k) == v for k, v in where.items()) and column in r]
        assert chosen
        for row in chosen:
            row[column] = value(row) if callable(value) else value

    return doctor


def nudge(column: str, shift: float, /, **where: Any) -> Change:
    return change(column, lambda row: row[column] + shift, **where)


def scaled(column: str, factor: Callable[[dict[str, Any]], float], /, **where: Any) -> Change:
    return change(column, lambda row: row[column] * factor(row), **where)


ZERO = "x_1 x_2 + sin x_1"
LOSSES: list[tuple[str, int, Change]] = [
    ("gradient_descent", 0, nudge("loss", 1e-7, by="reverse", step=1000)),
    ("gradient_descent", 2, scaled("loss", lambda r: 0.999 ** r["step"], by="by hand")),
    ("gradient_descent", 3, nudge("x", 1e-8, by="symbolic", step=1000)),
    ("forward_trace", 0, nudge("value", 1e-4, v=6)),
    ("forward_trace", 1, nudge("tangent", 1e-4, v=4)),
    ("forward_trace", 2, nudge("tangent", 1e-6, example="normal density")),
    ("forward_trace", 3, scaled("tape", lambda r: 1 + 1e-15)),
    ("forward_trace", 4, change("consumers", (2,), v=1)),
    ("reverse_trace", 0, nudge("adjoint", 0.01, example=ZERO, name="w_1")),
    ("reverse_trace", 1, change("adjoint", 4.0, name="b")),
    ("reverse_trace", 2, change("adjoint", 4.0, name="w")),
    ("reverse_trace", 4, change("adjoint", 2.0, example="sin x + x y", name="w_2")),
    ("reverse_trace", 5, nudge("adjoint", 1e-3, name="t_1")),
    ("reverse_trace", 6, nudge("adjoint", 1e-3, name="x_1")),
    ("reverse_trace", 7, scaled("adjoint", lambda r: 1 + 1e-14, name="x_1")),
    ("forward_gradient", 0, change("bias_in_sigmas", 6.0, draw="signs", n=5)),
    ("forward_gradient", 1, change("variance", lambda r: r["n"] - 1.0, draw="normal")),
    ("forward_gradient", 2, change("variance", lambda r: r["n"] + 1.0, draw="sphere")),
    ("forward_gradient", 3, change("variance", 10.0, draw="normal")),
    ("forward_gradient", 4, change("variance", 11.0, part="mean", draw="normal")),
    ("forward_gradient", 6, change("variance", 1.0, part="mean", draw="orthogonal")),
    ("forward_gradient", 7, change("largest", 0.1, draw="orthogonal", directions=10)),
    ("vjp_rules", 0, change("rule_ulps", 10.0, rule="log")),
    ("vjp_rules", 1, change("tape_ulps", -10.0, rule="log")),
    ("vjp_rules", 2, change("apart", 1e-3)),
    ("vjp_rules", 4, change("tape_ulps", 1e15, place="far")),
    ("vjp_rules", 6, scaled("sweep_bytes", lambda r: r["n"])),
    ("backpropagation", 0, change("biases_apart", 1e-9, network="deep", layer=3)),
    ("backpropagation", 1, change("weights_apart", 1e-9, network="four layers")),
    ("backpropagation", 3, change("weights_norm", 1.0, network="deep")),
    ("seeds", 0, change("found", (0.0, 0.0, 0.0), mode="forward", seed="second")),
    ("seeds", 1, change("found", (0.0, 0.0, 0.0), mode="reverse", seed="second")),
    ("seeds", 2, change("found", (0.0, 0.0, 0.0), mode="reverse", seed="third")),
    ("seeds", 4, change("found", (1e-9, 0.0, 0.0), seed="none")),
    ("jacobian_sparsity", 0, change("axes", 2, case="A^2")),
    ("jacobian_sparsity", 1, change("diagonal", True, case="x sorted")),
    ("jacobian_sparsity", 2, nudge("nonzeros", -1, case="softmax")),
    ("jacobian_sparsity", 4, change("sweeps", 4, n=30)),
    ("symbols_or_values", 0, change("same", False, example="griewank")),
    ("symbols_or_values", 1, change("apart", 1e-6, example="griewank")),
    ("symbols_or_values", 2, change("written", lambda r: r["steps"] ** 3)),
    ("symbols_or_values", 3, change("executed", lambda r: r["steps"] ** 2)),
    ("symbols_or_values", 4, change("answer", "a number")),
    ("branches_and_loops", 0, change("beside", (0.0, 0.0), case="smooth join")),
    ("branches_and_loops", 1, change("found", 0.0, case="kink, x < 1")),
    ("branches_and_loops", 4, change("slope_error", 1e-9, k=8)),
    ("branches_and_loops", 5, change("slope_error", lambda r: r["value_error"], part="newton")),
    ("branches_and_loops", 6, change("found", 0.0, case="√2 from 1", mode="forward")),
    ("branches_and_loops", 8, change("answer", "2.25", part="replay")),
    ("cost_of_differences", 1, change("points", lambda r: 2 * r["n"])),
    ("cost_of_differences", 2, change("points", lambda r: 2 * r["n"])),
    ("cost_of_differences", 3, change("points", 2, method="reverse mode", n=500)),
    ("cost_of_differences", 4, change("over_f", lambda r: r["n"], method="reverse mode")),
    ("cost_of_differences", 5, change("over_f", 5.0, method="forward mode")),
    ("forward_or_reverse", 0, change("apart", 1e-6, n=4, m=4)),
    ("forward_or_reverse", 1, change("push", lambda r: 4 * r["f"], n=4, m=4)),
    ("forward_or_reverse", 2, change("forward", 10**9, n=1, m=64)),
    ("forward_or_reverse", 3, change("forward_seconds", 1e3, n=1, m=64)),
    ("forward_or_reverse", 4, scaled("forward", lambda r: 2, n=4, m=4)),
    ("forward_or_reverse", 5, change("together_seconds", 1e3, n=64)),
    ("checkpointing", 0, change("error", 1e-6, n=64)),
    ("checkpointing", 1, change("vectors", 10.0, way="no checkpoints")),
    ("checkpointing", 1, nudge("steps", 1, way="no checkpoints")),
    ("checkpointing", 2, change("vectors", lambda r: r["n"], way="√n checkpoints")),
    ("checkpointing", 3, change("vectors", lambda r: r["n"], way="halves of halves")),
    ("checkpointing", 4, change("over_f", 1e3, way="√n checkpoints", n=256)),
    ("checkpointing", 5, change("vectors", lambda r: r["n"], way="forward, carried")),
]
WINS: list[tuple[str, int, Change]] = [
    ("gradient_descent", 1, change("loss", lambda r: 1 / (1 + r["step"]))),
    ("reverse_trace", 3, change("adjoint", lambda r: {"w_2": 2.0, "w_1": np.cos(1.0)}.get(
        r["name"], 1.0), example="sin x + x y")),
    ("forward_gradient", 5, change("variance", 0.005, part="mean", directions=16)),
    ("vjp_rules", 3, change("rule_ulps", 1.0, place="far")),
    ("vjp_rules", 5, scaled("sweep_bytes", lambda r: r["n"])),
    ("backpropagation", 2, change("misprint", "defined")),
    ("seeds", 3, change("found", (1.0, 2.0, 3.0), mode="reverse", seed="weights")),
    ("jacobian_sparsity", 3, change("nonzeros", 1, part="structure")),
    ("branches_and_loops", 2, change("found", np.inf, case="jump")),
    ("branches_and_loops", 3, change("found", lambda r: r["left"], part="join")),
    ("branches_and_loops", 7, change("found", lambda r: r["truth"], part="until")),
    ("cost_of_differences", 0, change("points", lambda r: 2 * r["n"])),
    ("checkpointing", 6, change("vectors", 10.0, way="forward, recorded")),
]  # fmt: skip


def doctored(name: str, doctor: Change) -> Results:
    rows = [dict(row) for row in results_of(name)]
    doctor(rows)
    return Results.of(rows)


@pytest.mark.parametrize(
    ("name", "place", "doctor"), LOSSES, ids=[f"{name}-{k}" for name, k, _ in LOSSES]
)
def test_doctored_data_refute_the_claim(name: str, place: int, doctor: Change) -> None:
    assert outcome(name, place, doctored(name, doctor)) == NOT_HELD


@pytest.mark.parametrize(
    ("name", "place", "doctor"), WINS, ids=[f"{name}-{k}" for name, k, _ in WINS]
)
def test_a_lost_claim_could_have_been_won(name: str, place: int, doctor: Change) -> None:
    assert outcome(name, place, doctored(name, doctor)) == HELD


def test_every_claim_is_shown_to_fail_or_to_be_winnable() -> None:
    tried = {(name, place) for name, place, _ in LOSSES + WINS}
    every = {(n, k) for n in EXPERIMENTS for k in range(len(discovery.load(n).claims))}
    assert every == tried


# --- levels of a program, most of which need JAX -------------------------------------------


def levels(**counts: int) -> Results:
    """A table of counts, the same for each function; ``f`` and ``gradient`` of each level."""
    experiment = discovery.load("program_levels")
    rows = []
    for cell in experiment.cells():
        key = cell["level"].replace(" ", "_")
        if key in counts:
            rows.append(dict(cell) | {"operations": counts[key] * (1 + (cell["of"] != "f"))})
    return Results.of(rows)


def test_without_jax_its_levels_are_unsupported_with_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    # In this process, in which JAX is hidden.
    results = measure_cells(discovery.load("program_levels"), engine=InProcess())
    assert len(results) == 30
    assert len(results.ok) == 6
    assert results.count(UNSUPPORTED) == 24
    assert "pip install jax" in results.where(level="jaxpr").rows[0]["reason"]
    outcomes = [outcome("program_levels", k, results) for k in range(4)]
    assert outcomes == [HELD, UNCHECKED, UNCHECKED, UNCHECKED]
    assert discovery.load("program_levels").figures(results)


def test_claims_about_levels_follow_the_counts() -> None:
    table = levels(Python=10, jaxpr=10, StableHLO=20, optimised_HLO=15, kernels=3)
    assert [outcome("program_levels", k, table) for k in range(4)] == [HELD] * 4
    table = levels(Python=10, jaxpr=10, StableHLO=10, optimised_HLO=15, kernels=30)
    assert [outcome("program_levels", k, table) for k in range(4)] == [HELD, HELD] + [NOT_HELD] * 2
    for place, level in ((0, "Python"), (1, "jaxpr")):
        rows = [dict(r) for r in table]
        change("operations", 100, of="gradient", level=level)(rows)
        assert outcome("program_levels", place, Results.of(rows)) == NOT_HELD


@pytest.mark.skipif(find_spec("jax") is None, reason="counts at JAX's levels need JAX")
def test_with_jax_every_level_is_counted() -> None:
    results = measure_cells(discovery.load("program_levels"))
    assert len(results.ok) == 30
    assert results.column("operations").min() >= 1


def test_instructions_of_hlo_are_counted_inside_fusions_or_outside() -> None:
    text = """%region_0.1 (a: f32[], b: f32[]) -> f32[] {
  ROOT %s = f32[] add(%a, %b)
}
%fused_computation (p: f32[8]) -> f32[] {
  %p = f32[8]{0} parameter(0)
  %c = f32[8]{0} bitcast(%p)
  %t = f32[8]{0} tanh(%c)
  ROOT %r = f32[] reduce(%t, %z), to_apply=%region_0.1
}
ENTRY %main (x: f32[8]) -> f32[] {
  %x = f32[8]{0} parameter(0)
  %d = f32[8]{0} dot(%w, %x)
  ROOT %f = f32[] fusion(%d), kind=kLoop, calls=%fused_computation
}"""
    import sys

    discovery.load("program_levels")
    count = sys.modules["diffkit_experiment_program_levels"].instructions
    assert (count(text, inside=True), count(text, inside=False)) == (3, 2)


def test_the_trace_of_a_program_is_that_of_the_tape() -> None:
    from diffkit.measure.evaluation_trace import adjoints, consumers, evaluation_trace, tangents

    def f(x, y):
        return np.exp(x * y) / y + 2.0 * x

    rows = evaluation_trace(f, 0.3, 1.7)
    exact = dk.gradient(lambda v: f(*v), (0.3, 1.7))
    assert adjoints(rows)[:2] == pytest.approx(exact, rel=1e-14)
    assert tangents(rows, [0.5, -2.0])[-1] == pytest.approx(0.5 * exact[0] - 2 * exact[1])
    assert [rows[k].operation for k in consumers(rows, 1)] == ["multiply", "divide"]
    with pytest.raises(ValueError, match="straight line"):
        evaluation_trace(lambda x: x if x > 0 else -x, 1.0)
