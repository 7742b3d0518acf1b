"""accuracy_atlas: its truths are true, its outcomes are told apart, and its claims can fail."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DerivativeWarning, DomainError, UnsupportedError
from diffkit.measure import silence
from diffkit.measure.hard_points import Known, points
from diffkit.measure.silence import outcome
from diffkit.runner import HELD, NOT_HELD, Results, discovery
from diffkit.runner.run import judge, measure_cells

from .long_duals import slopes

EXPERIMENT = discovery.load("accuracy_atlas")
WITHIN, FD_DIGITS, EXACT, FACTOR, BEST, FD_SILENT, COMPLEX, *NEVER = EXPERIMENT.claims
COMPLEX_SILENT, MADE_UP, CRASHED = NEVER
CANCELS = "(1−cos x)/x² at 1e−4"
TRUTH = Known(2.0)


@pytest.fixture(scope="module")
def results() -> Results:
    return measure_cells(EXPERIMENT)


def doctored(results: Results, where: dict, **columns) -> Results:
    rows = [dict(row) for row in results]
    for row in rows:
        if all(row[name] == value for name, value in where.items()):
            row.update(columns)
    return Results.of(rows)


def test_the_atlas_is_as_large_as_it_should_be(results: Results) -> None:
    assert len(results.ok) == len(results) == len(points()) * len(dk.backends())
    assert len({point.name for point in points().values()}) >= 60
    assert sum(point.group == "hard" for point in points().values()) >= 40
    certified = [p for p in points().values() if p.truth.proof.startswith("certified")]
    assert len(certified) >= 80


def test_certified_truths_are_those_of_dual_numbers_of_400_digits() -> None:
    for label, point in points().items():
        if point.truth.proof.startswith("certified"):
            expected = slopes(point.function, point.x).astype(float)
            assert np.array_equal(np.asarray(point.truth.of.value, dtype=float), expected), label


@pytest.mark.parametrize(
    ("label", "truth"),
    [
        (CANCELS, -1e-4 / 12),  # the Taylor series
        ("(exp x−1)/x at 1e−7", 0.5 + 1e-7 / 3),
        ("sin(x)/x at 1e−8", -1e-8 / 3),
        ("tanh at 20", 4 * math.exp(-40)),
        ("noisy sine at 1", math.cos(1)),
        ("if problem at 1", 2.0),
        ("|x|² at 1.5", 3.0),
    ],
)
def test_the_truths_of_hard_points_are_the_closed_forms(label: str, truth: float) -> None:
    assert float(points()[label].truth.of.value) == pytest.approx(truth, rel=1e-12)


def raising(error: Exception):
    def derive():
        raise error

    return derive


def warning():
    warnings.warn("noise", DerivativeWarning, stacklevel=2)
    return 3.0


@pytest.mark.parametrize(
    ("derive", "truth", "expected"),
    [
        (lambda: 2.0, TRUTH, silence.RIGHT),
        (lambda: 2.001, TRUTH, silence.RIGHT),
        (lambda: 2.003, TRUTH, silence.SILENT),
        (lambda: -2.0, TRUTH, silence.SILENT),
        (lambda: math.inf, TRUTH, silence.SILENT),
        (lambda: math.nan, TRUTH, silence.NOT_A_NUMBER),
        (lambda: 0.0, None, silence.MADE_UP),
        (lambda: math.inf, Known(math.inf), silence.RIGHT),
        (lambda: 1e300, Known(math.inf), silence.SILENT),
        (lambda: 1e-9, Known(0.0), silence.RIGHT),
        (lambda: 0.5, Known(0.0), silence.SILENT),
        (warning, TRUTH, silence.WARNED),
        (warning, None, silence.WARNED),
        (raising(DomainError("outside")), TRUTH, silence.REFUSED),
        (raising(UnsupportedError("no")), TRUTH, silence.UNSUPPORTED),
        (raising(ZeroDivisionError("oh")), TRUTH, silence.CRASHED),
    ],
)
def test_outcomes_are_told_apart(derive, truth, expected: str) -> None:
    assert outcome(derive, truth)["outcome"] == expected


def test_errors_are_in_ulps_of_the_worst_element() -> None:
    class Two:
        value = np.array([1.0, 0.0])

        def absolute(self, computed):
            return np.abs(computed - self.value)

    row = outcome(lambda: np.array([1.0 + 2**-51, 0.0]), Two())
    assert (row["ulps"], row["truth"]) == (2.0, 1.0)
    row = outcome(lambda: np.array([1.0, 2.0**-50]), Two())  # in ulps of the largest
    assert (row["ulps"], row["truth"]) == (4.0, 0.0)
    with pytest.raises(ValueError, match="shape"):
        outcome(lambda: np.ones(3), Two())


def test_the_known_facts_of_cancellation_and_branches_are_measured(results: Results) -> None:
    # "Off by a factor of 6": 4.41e-5 where −8.33e-6 is right.
    row = results.where(point=CANCELS, backend="reverse").rows[0]
    assert row["outcome"] == silence.SILENT
    assert row["relative"] == pytest.approx(6.29, abs=0.01)
    for backend in ("forward", "reverse", "symbolic"):  # Beck & Fischer 1994
        row = results.where(point="if problem at 1", backend=backend).rows[0]
        assert (row["outcome"], row["value"]) == (silence.SILENT, 0.0)


def test_the_claims_about_exact_methods_come_out_as_measured(results: Results) -> None:
    for claim in (WITHIN, FD_DIGITS, FACTOR, BEST, COMPLEX):
        assert judge(claim, results).outcome == HELD
    assert judge(EXACT, results).outcome == NOT_HELD


@pytest.mark.parametrize(
    ("claim", "where", "columns"),
    [
        (WITHIN, {"point": "exp at 1", "backend": "reverse"}, {"ulps": 30.0}),
        (WITHIN, {"point": "exp at 1", "backend": "reverse"}, {"ulps": None}),
        (FD_DIGITS, {"point": "exp at 1", "backend": "finite_difference"}, {"ulps": 2e4}),
        (FACTOR, {"point": CANCELS, "backend": "forward"}, {"relative": 0.1}),
        (BEST, {"point": CANCELS, "backend": "finite_difference"}, {"relative": 9.0}),
        (BEST, {"point": CANCELS, "backend": "finite_difference"}, {"outcome": "right"}),
        (FD_SILENT, {"backend": "finite_difference"}, {"outcome": silence.SILENT}),
        (COMPLEX, {"point": "|x|² at 1.5"}, {"outcome": silence.SILENT}),
        (COMPLEX_SILENT, {"point": "exp at 1"}, {"outcome": silence.SILENT}),
        (MADE_UP, {"point": "|x| at 0"}, {"outcome": silence.MADE_UP}),
        (CRASHED, {"point": "exp at 1"}, {"outcome": silence.CRASHED}),
    ],
)
def test_doctored_data_refute_the_claim(results: Results, claim, where, columns) -> None:
    assert judge(claim, doctored(results, where, **columns)).outcome == NOT_HELD


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        (EXACT, silence.SILENT),
        (FD_SILENT, silence.SILENT),
        (COMPLEX_SILENT, silence.SILENT),
        (MADE_UP, silence.MADE_UP),
        (CRASHED, silence.CRASHED),
    ],
)
def test_a_claim_that_something_never_happens_holds_where_it_does_not(
    results: Results, claim, outcome: str
) -> None:
    clean = doctored(results, {"outcome": outcome}, outcome=silence.REFUSED)
    assert judge(claim, clean).outcome == HELD


def test_every_cell_of_the_heat_map_shows_an_error_or_a_sign(results: Results) -> None:
    for figure in EXPERIMENT.figures(results):
        maps = [trace for trace in figure.plotly_figure.data if trace.type == "heatmap"]
        shown = np.array([[bool(text) for line in m.text for text in line] for m in maps])
        assert (shown.sum(axis=0) == 1).all()
