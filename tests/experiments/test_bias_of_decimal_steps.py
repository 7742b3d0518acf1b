"""bias_of_decimal_steps: the prediction is the rounding of doubles, and its claims can fail."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffkit.measure.decimal_steps import Mean, as_predicted, bias, stands_out, step_taken
from diffkit.runner import HELD, NOT_HELD, UNCHECKED, Results, discovery
from diffkit.runner.run import judge, measure_cells

EXPERIMENT = discovery.load("bias_of_decimal_steps")
DECIMAL, NO_CHANCE, BINARY, SAME, BINADES, BINARY_X, TAKEN = EXPERIMENT.claims


@pytest.fixture(scope="module")
def results() -> Results:
    return measure_cells(EXPERIMENT)


def doctored(results: Results, change, **where) -> Results:
    """The results with ``change(row)`` in the rows that have these values."""
    rows = [dict(row) for row in results]
    for row in rows:
        if all(row[name] == value for name, value in where.items()):
            row.update(change(row))
    return Results.of(rows)


def test_every_cell_has_a_result_and_every_claim_holds(results: Results) -> None:
    assert len(results.ok) == len(results)
    assert {judge(claim, results).outcome for claim in EXPERIMENT.claims} == {HELD}


@given(st.floats(1.0, 1.999), st.integers(3, 14))
def test_the_step_taken_is_what_adding_and_subtracting_gives(x: float, k: int) -> None:
    h = 10.0**-k
    if x + h < 2:  # in the same binade
        assert (x + h) - x == step_taken(h, x)


def test_a_billionth_is_rounded_up_and_a_power_of_two_is_not() -> None:
    # 1e-9 / 2^-52 = 4503599.627...
    assert step_taken(1e-9, 1.5) == 4503600 * 2.0**-52
    assert f"{bias(1e-9, 1.0):+.3e}" == "+8.274e-08"
    assert bias(1e-9, 31.0) == bias(1e-9, 1.0)
    assert bias(1e-9, 32.0) == pytest.approx(140737 * 2.0**-47 / 1e-9 - 1)
    assert bias(2.0**-30, 1.0) == bias(2.0**-30, 511.0) == 0.0


def test_the_mean_and_its_standard_error_are_those_of_the_textbook() -> None:
    found = Mean.of([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5
    assert found.chance == pytest.approx(math.sqrt(5 / 3) / 2)


@pytest.mark.parametrize(
    ("claim", "where", "change"),
    [
        (DECIMAL, {"h": 1e-9, "along": "h"}, lambda row: {"mean": 0.0}),
        (DECIMAL, {"h": 1e-6}, lambda row: {"mean": -row["mean"]}),
        (NO_CHANCE, {"kind": "decimal"}, lambda row: {"mean": row["chance"]}),
        (BINARY, {"kind": "binary", "h": 2.0**-30}, lambda row: {"mean": 8.27e-8}),
        (SAME, {"along": "x", "low": 16.0}, lambda row: {"mean": -3.5e-6}),
        (BINADES, {"along": "x", "low": 64.0}, lambda row: {"mean": 8.27e-8}),
        (BINARY_X, {"along": "x", "kind": "binary"}, lambda row: {"mean": 1e-6}),
        (TAKEN, {"h": 1e-9}, lambda row: {"mean_taken": row["bias"]}),
        (TAKEN, {"h": 1e-9}, lambda row: {"mean_taken": math.nan}),
    ],
)
def test_doctored_data_refute_the_claim(results: Results, claim, where, change) -> None:
    assert judge(claim, doctored(results, change, **where)).outcome == NOT_HELD


def test_no_rows_bear_nothing_out(results: Results) -> None:
    binary = results.where(kind="binary")
    assert judge(DECIMAL, binary).outcome == UNCHECKED
    with pytest.raises(ValueError, match="no rows"):
        stands_out([], 5, 0.5)
    with pytest.raises(ValueError, match="no rows"):
        as_predicted([])


def test_the_predicted_rings_are_drawn_about_the_means(results: Results) -> None:
    figure = next(f.plotly_figure for f in EXPERIMENT.figures(results) if f.name == "bias")
    rings = next(t for t in figure.data if t.name.endswith("predicted"))
    assert dict(zip(rings.x, rings.y, strict=True))[1e-9] == pytest.approx(8.274e-8, rel=1e-3)
