"""fd_step_size: theory is what it says, cells measure right, and its claims can fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.measure.local import local, stencil
from diffkit.runner import HELD, NOT_HELD, Results, discovery
from diffkit.runner.run import judge, measure_cells

EXPERIMENT = discovery.load("fd_step_size")
POWERS, ROUNDOFF, ENVELOPE, PLACE, DEPTH, COMPLEX = EXPERIMENT.claims


@pytest.fixture(scope="module")
def results() -> Results:
    return measure_cells(EXPERIMENT)


def doctored(results: Results, kind: str, order: int, difference) -> Results:
    """The results with other errors of one stencil: ``difference(row)`` from the truth."""
    rows = [dict(row) for row in results]
    for row in rows:
        if (row["kind"], row["order"]) == (kind, order):
            row["difference"] = difference(row)
            row["ulps"] = row["difference"] / math.ulp(row["truth"])
    return Results.of(rows)


def test_every_cell_has_a_result_and_every_claim_holds(results: Results) -> None:
    assert len(results.ok) == len(results) > 7000
    assert {judge(claim, results).outcome for claim in EXPERIMENT.claims} == {HELD}


def test_derivatives_are_the_closed_forms() -> None:
    # (−1)^(k−1) (k − 1)! / x^k, DLMF 4.7; and (−1)^k k! Im(1/z^(k+1)) for the two poles of Runge's.
    log = local(np.log, 1e-8).derivatives
    for k in range(1, 12):
        expected = (-1) ** (k - 1) * math.factorial(k - 1) / 1e-8**k
        assert float(log[k]) == pytest.approx(expected, rel=1e-13)
    runge = local(dk.problems["runge"], 0.3).derivatives
    for k in range(12):
        pole = 1 / complex(0.3, -0.2) ** (k + 1)
        assert float(runge[k]) == pytest.approx((-1) ** k * math.factorial(k) * pole.imag / 5)


def test_the_noise_is_the_rounding_of_the_largest_number() -> None:
    assert local(np.exp, 1.0).noise == pytest.approx(math.e * 2.0**-53)
    assert local(dk.problems["noisy_sine"], 10.0, 1e8).noise == 1e8 * 2.0**-53


def test_the_best_forward_step_of_the_exponential_is_the_known_one() -> None:
    # 2 sqrt(u) where f = f'' (Nocedal & Wright 2006, section 8.1).
    curve = local(np.exp, 1.0).curve(stencil("forward", 1), [], [])
    assert curve.best_step == pytest.approx(2 * math.sqrt(2.0**-53))


def test_the_truncation_range_begins_and_ends_where_it_says() -> None:
    # Central, order 2, for e^x: h² / 6 and then h⁴ / 120, so a tenth is reached at h = √2.
    low, high = local(np.exp, 1.0).truncation_range(stencil("central", 2))
    assert high == pytest.approx(math.sqrt(2.0))
    truncation, roundoff = low**2 / 6 * math.e, math.e * 2.0**-53 / low
    assert truncation / roundoff == pytest.approx(10)


def test_cells_call_the_backend_that_they_name() -> None:
    row = EXPERIMENT.measure("log", "central", 4, 1e-10)
    backend = dk.FiniteDifference(order=4, kind="central", step=1e-10)
    assert row["value"] == dk.derivative(np.log, 1e-8, backend=backend)
    # The complex step overshoots by h² / 3 x² here, so its step is seen to be the one asked for.
    row = EXPERIMENT.measure("log", "complex", 2, 1e-12)
    assert row["value"] == pytest.approx(np.log(1e-8 + 1e-12j).imag / 1e-12, rel=1e-12)


@pytest.mark.parametrize(
    ("claim", "kind", "order", "difference"),
    [
        (POWERS, "central", 6, lambda row: row["h"] ** 5),
        (ROUNDOFF, "central", 2, lambda row: 1e-9),
        (ROUNDOFF, "forward", 1, lambda row: 1e-16 * row["h"] ** -0.5),
        (ENVELOPE, "central", 4, lambda row: 6 * row["difference"]),
        (PLACE, "central", 2, lambda row: row["difference"] * row["h"] ** 2),
        (DEPTH, "central", 8, lambda row: row["difference"] / 30),
        (DEPTH, "central", 8, lambda row: row["difference"] * 30),
        (COMPLEX, "complex", 2, lambda row: 1e-16 / row["h"]),
        (COMPLEX, "complex", 2, lambda row: math.nan),
    ],
)
def test_doctored_data_refute_the_claim(results, claim, kind, order, difference) -> None:
    assert judge(claim, doctored(results, kind, order, difference)).outcome == NOT_HELD


def test_each_function_has_a_figure_with_its_stars_and_the_complex_step(results: Results) -> None:
    figures = {f.name: f.plotly_figure for f in EXPERIMENT.figures(results)}
    assert set(figures) == {"exp", "sin", "log", "sqrt", "runge", "noisy_sine", "place", "depth"}
    for name in set(figures) - {"place", "depth"}:
        assert sum(t.marker.symbol == "star" for t in figures[name].data) == 5
        assert any(t.name == "complex step" for t in figures[name].data)
    assert sum(len(t.x) for t in figures["place"].data if t.mode == "markers") == 30
