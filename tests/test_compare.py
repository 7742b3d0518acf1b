"""``compare``: what the table says is true, fits the terminal and ends with a recommendation."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit._comparison import Row
from diffkit._recommend import recommend
from diffkit.measure.cost import Spread, interleaved, peak_memory

GRIEWANK = dk.problems["griewank"]
POINT = np.array([1.5, 0.5])


@pytest.fixture(scope="module")
def found() -> Any:
    return dk.compare(GRIEWANK, POINT)


def test_every_backend_has_a_row_with_its_costs(found: Any) -> None:
    assert [r.backend for r in found.rows] == list(dk.backends())
    for row in found.rows:
        if row.value is None:
            assert row.reason
            continue
        assert row.evaluations >= 1
        assert row.time.low <= row.time.median <= row.time.high
        assert row.prepare >= 0
        assert row.first > 0
        assert row.memory > 0
    assert {r.backend for r in found.rows if r.size} >= {"symbolic", "forward", "reverse"}


def test_errors_are_certified() -> None:
    pytest.importorskip("flint")
    found = dk.compare(np.exp, 1.5, backends=["reverse", dk.FiniteDifference(order=2, step=1e-3)])
    exact, rough = found.rows
    assert exact.ulps <= 0.51
    assert rough.error == pytest.approx(np.exp(1.5) * 1e-6 / 6, rel=1e-3)
    assert rough.ulps == pytest.approx(rough.error / np.spacing(np.exp(1.5)), rel=1e-3)
    assert rough.estimated >= rough.error
    assert found.truth == np.exp(1.5)


def test_errors_over_many_points_are_the_largest() -> None:
    pytest.importorskip("flint")
    coarse = dk.FiniteDifference(order=2, step=1e-3)
    found = dk.compare(np.exp, 0.0, points=[1.0, 5.0], backends=[coarse])
    assert found.points == 3
    assert found.rows[0].error == pytest.approx(np.exp(5) * 1e-6 / 6, rel=1e-3)


def test_a_failure_at_a_further_point_is_told() -> None:
    found = dk.compare(np.log, 1.0, points=[-1.0], backends=["reverse"])
    assert found.rows[0].failures == 1
    assert found.rows[0].status == "error"
    assert found.recommended == ""


def test_a_kink_is_doubtful_and_not_certified() -> None:
    found = dk.compare(lambda x: np.abs(x), 0.0)
    rows = {r.backend: r for r in found.rows}
    assert rows["finite_difference"].status == "doubtful"
    assert "kink" in rows["finite_difference"].reason
    assert rows["reverse"].ulps is None
    assert found.uncertified


def test_a_function_that_cannot_be_traced_is_compared_by_differences() -> None:
    import math

    found = dk.compare(lambda x: math.sin(x), 0.5)
    rows = {r.backend: r for r in found.rows}
    assert rows["reverse"].status in ("error", "unsupported")
    assert rows["finite_difference"].value == pytest.approx(math.cos(0.5), abs=1e-12)


@pytest.mark.parametrize("operator", ["jacobian", "hessian", "jvp", "vjp", "hvp"])
def test_all_operators_are_compared(operator: str) -> None:
    found = dk.compare(GRIEWANK, POINT, operator=operator, backends=["reverse", "forward"])
    assert found.operator == operator
    assert all(r.value is not None or r.status == "unsupported" for r in found.rows)


def test_the_table_fits_80_columns_and_keeps_what_matters(found: Any) -> None:
    from io import StringIO

    from rich.console import Console

    for width in (80, 110, 160):
        out = StringIO()
        Console(file=out, width=width).print(found)
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        text = " ".join(lines)
        for word in ("backend", "value", "time / f", "calls", "status", "reverse", "Recommended"):
            assert word in text
        assert ("memory" in text) == (width == 160)


def test_the_page_escapes_what_the_user_wrote() -> None:
    def f(x: Any) -> Any:
        return x * x

    f.__name__ = "<script>"
    page = dk.compare(f, 1.0, backends=["reverse"])._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_comparison_is_plain_data_and_a_figure(found: Any) -> None:
    stored = json.loads(json.dumps(found.to_dict()))
    assert stored["rows"][0]["backend"] == "finite_difference"
    assert {trace.name for trace in found.figure().data} <= set(dk.backends())
    assert len(found.figure().data) >= 3


def test_a_comparison_of_a_small_function_is_quick() -> None:
    dk.compare(np.exp, 1.5)
    began = time.perf_counter()
    dk.compare(GRIEWANK, POINT)
    assert time.perf_counter() - began < 2


def row(name: str, cost: float, error: float | None, **options: Any) -> Row:
    spread = Spread(cost, 0.95 * cost, 1.05 * cost, 9)
    return Row(name, "ok", value=1.0, error=error, deviation=0.0, time=spread, **options)


def test_the_cheapest_with_the_digits_is_recommended() -> None:
    rows = [row("rough", 1, 1e-4), row("cheap", 2, 1e-12), row("dear", 9, 0.0)]
    assert recommend(rows, 1.0, 1, 1, 1e-6, 8)[0] == "cheap"
    assert recommend(rows, 1.0, 1, 1, 1e-6, 3)[0] == "rough"
    assert recommend(rows, 1.0, 1, 1, 1e-6, 15)[0] == "dear"
    name, why = recommend(rows[:1], 1.0, 1, 1, 1e-6, 8)
    assert name == ""
    assert "none" in why


def test_what_fails_somewhere_is_not_recommended_and_ties_are_told() -> None:
    rows = [row("gaps", 1, 0.0, failures=1), row("a", 2, 0.0), row("b", 2.05, 0.0)]
    name, why = recommend(rows, 1.0, 3, 1, 1e-6, 8)
    assert name == "a"
    assert "b is within the spread" in why


def test_calls_are_timed_in_turn_and_memory_apart() -> None:
    order: list[str] = []
    samples = interleaved(
        [lambda: time.sleep(0.002), lambda: (time.sleep(0.004), order.append("b"))], repeats=3
    )
    assert [len(s) for s in samples] == [3, 3]
    assert 1.2 < np.median(samples[1]) / np.median(samples[0]) < 4
    assert 8e6 <= peak_memory(lambda: np.ones(10**6).sum()) < 9e6
