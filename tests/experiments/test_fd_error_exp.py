"""fd_error_exp: its cells measure what they say, and its claims can fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.runner import HELD, NOT_HELD, UNCHECKED, Results, discovery
from diffkit.runner.run import judge, measure_cells

EXPERIMENT = discovery.load("fd_error_exp")
TEXT, FLAT, GROWS, BIASED, UNBIASED, POWERS, ROUNDOFF, PLACE, DEPTH = EXPERIMENT.claims


@pytest.fixture(scope="module")
def results() -> Results:
    return measure_cells(EXPERIMENT)


def doctored(results: Results, along: str, difference) -> Results:
    """The results with other errors along x or along h: ``difference(row)`` from the truth."""
    rows = [dict(row) for row in results]
    for row in rows:
        if row["along"] == along and row["status"] == "ok":
            row["difference"] = difference(row)
            row["relative"] = row["difference"] / row["truth"]
            row["ulps"] = row["difference"] / math.ulp(row["truth"])
    return Results.of(rows)


def test_every_cell_has_a_result_but_the_steps_that_vanish(results: Results) -> None:
    assert len(results) == 802 + 5 * (129 + 1)
    refused = [row for row in results if row["status"] != "ok"]
    assert [(row["status"], row["h"], row["representable"]) for row in refused] == [
        ("refused", 1e-16, True)
    ] * 5
    assert "vanishes" in refused[0]["reason"]


def test_the_reading_of_the_plot_is_refuted_and_all_else_holds(results: Results) -> None:
    outcomes = [judge(claim, results).outcome for claim in EXPERIMENT.claims]
    assert outcomes == [NOT_HELD] + [HELD] * 8


def test_the_textbook_cells_are_the_textbook_quotient_bit_for_bit(results: Results) -> None:
    part = results.where(along="x", representable=False)
    x, h = part.column("x"), 1e-9
    assert np.array_equal(part.column("value"), (np.exp(x + h) - np.exp(x)) / h)


def test_the_bias_at_zero_is_the_rounding_of_the_step(results: Results) -> None:
    # 1e-9 / 2^-52 = 4503599.627..., of which e^h - 1 can only be 4503600.
    row = results.where(along="x", x=0.0, representable=False).rows[0]
    assert row["relative"] == pytest.approx(4503600 * 2.0**-52 / 1e-9 - 1, rel=1e-6)
    assert f"{row['relative']:+.2e}" == "+8.27e-08"


def test_cells_call_the_backend_that_they_name() -> None:
    row = EXPERIMENT.measure("h", "central", 4, 1.0, 1e-3, True)
    backend = dk.FiniteDifference(order=4, kind="central", step=1e-3)
    assert row["value"] == dk.derivative(np.exp, 1.0, backend=backend)


def test_the_least_forward_step_shows_the_whole_derivative_as_error(results: Results) -> None:
    row = results.where(along="h", kind="forward", order=1, h=1e-16).ok.rows[0]
    assert (row["value"], row["difference"]) == (0.0, pytest.approx(-math.e))


@pytest.mark.parametrize(
    ("claim", "along", "difference", "outcome"),
    [
        (TEXT, "x", lambda row: 0.0 if row["x"] < 14 else 1.0, HELD),
        (FLAT, "x", lambda row: 1e-7 * row["truth"] if row["x"] > 14 else 1e-9, NOT_HELD),
        (GROWS, "x", lambda row: 1e-7 * (1 + row["x"]), NOT_HELD),
        (BIASED, "x", lambda row: 1e-7 * math.sin(99 * row["x"]) * row["truth"], NOT_HELD),
        (UNBIASED, "x", lambda row: 8.27e-8 * row["truth"], NOT_HELD),
        (POWERS, "h", lambda row: 1e-16 / row["h"] + row["h"] ** 3, NOT_HELD),
        (ROUNDOFF, "h", lambda row: row["h"] ** row["order"], NOT_HELD),
        (PLACE, "h", lambda row: 1e-12 / row["h"] + row["h"], NOT_HELD),
        (DEPTH, "h", lambda row: 100 * row["difference"], NOT_HELD),
        (DEPTH, "h", lambda row: row["difference"] / 100, NOT_HELD),
        (DEPTH, "h", lambda row: math.nan if row["h"] == 1 else row["difference"], UNCHECKED),
        (POWERS, "h", lambda row: math.nan if row["h"] > 0.07 else row["difference"], UNCHECKED),
        (ROUNDOFF, "h", lambda row: 0.0, UNCHECKED),
    ],
)
def test_doctored_data_change_the_verdict(results, claim, along, difference, outcome) -> None:
    real = judge(claim, results).outcome
    found = judge(claim, doctored(results, along, difference))
    assert (found.outcome, found.outcome != real) == (outcome, True), found.evidence


def test_a_zero_error_is_drawn_at_the_foot_and_not_dropped(results: Results) -> None:
    exact = doctored(results, "h", lambda row: 0.0 if row["h"] == 1e-15 else row["difference"])
    chart = next(f.plotly_figure for f in EXPERIMENT.figures(exact) if f.name == "step")
    zeros = [trace for trace in chart.data if trace.name == "exactly 0"]
    assert len(zeros) == 5
    assert all(list(trace.x) == [1e-15] for trace in zeros)


def test_the_best_step_of_each_stencil_is_marked(results: Results) -> None:
    chart = next(f.plotly_figure for f in EXPERIMENT.figures(results) if f.name == "step")
    stars = {t.legendgroup: t.x[0] for t in chart.data if t.marker.symbol == "star"}
    # 2 sqrt(u) for e^x, whose value and derivatives are equal (Nocedal & Wright 2006, 8.1).
    assert stars["forward 1"] == pytest.approx(2 * math.sqrt(2.0**-53))
    assert len(stars) == 5
