"""Running: each failure is a row with its reason, and no claim holds by accident."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffkit.errors import (
    DomainError,
    ExperimentError,
    MissingPackageError,
    StepError,
    UnsupportedError,
)
from diffkit.report.figures import chart
from diffkit.runner import HELD, NOT_HELD, UNCHECKED, Claim, Experiment, Figure, Results, grid, run
from diffkit.runner.run import judge, measure_cells


def experiment(**parts: Any) -> Experiment:
    defaults: dict[str, Any] = {
        "name": "toy",
        "title": "A toy",
        "question": "What happens?",
        "cells": lambda: [{"n": n} for n in (2, 1, 0)],
        "measure": lambda n: {"inverse": 1 / n},
    }
    return Experiment(**(defaults | parts))


def test_a_cell_that_raises_is_a_row_with_its_reason_and_the_others_run() -> None:
    table = measure_cells(experiment())
    assert table.column("status").tolist() == ["ok", "ok", "error"]
    assert table.ok.column("inverse").tolist() == [0.5, 1.0]
    assert table.rows[2]["reason"].startswith("ZeroDivisionError: division by zero (test_run.py:")


def test_what_is_unsupported_is_a_result_and_not_a_failure() -> None:
    def measure(n: int) -> dict[str, float]:
        if n == 1:
            raise UnsupportedError("no hessian here")
        if n == 0:
            raise MissingPackageError("jax", "jax")
        return {"value": 1.0}

    found = run(experiment(measure=measure))
    assert found.results.column("status").tolist() == ["ok", "unsupported", "unsupported"]
    assert found.results.rows[1]["reason"] == "no hessian here"
    assert not found.failed


@pytest.mark.parametrize("error", [StepError, DomainError])
def test_what_a_method_refuses_is_a_result_and_not_a_failure(error: type[Exception]) -> None:
    def measure(n: int) -> dict[str, float]:
        raise error("not here")

    found = run(experiment(measure=measure))
    assert [(r["status"], r["reason"]) for r in found.results] == [("refused", "not here")] * 3
    assert not found.failed


def test_a_grid_has_every_combination_and_a_single_value_is_an_axis() -> None:
    assert list(grid(kind="ab", n=1, h=(2, 3))) == [
        {"kind": "ab", "n": 1, "h": 2},
        {"kind": "ab", "n": 1, "h": 3},
    ]


def test_a_cell_may_give_several_rows() -> None:
    table = measure_cells(experiment(measure=lambda n: [{"k": k} for k in range(n)]))
    assert [(row["n"], row["k"]) for row in table] == [(2, 0), (2, 1), (1, 0)]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (3.0, "a dict of results was due"),
        ({"n": 1}, "named like a parameter: n"),
        ({"status": "ok"}, "named like a parameter: status"),
        ({"z": 1j}, "NonNumericError"),
    ],
)
def test_a_measure_that_gives_no_proper_row_fails_with_a_reason(
    outcome: object, reason: str
) -> None:
    table = measure_cells(experiment(measure=lambda n: outcome))
    assert table.column("status").tolist() == ["error"] * 3
    assert reason in table.rows[0]["reason"]


def test_an_interrupt_is_not_taken_for_a_failing_cell() -> None:
    def measure(n: int) -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_cells(experiment(measure=measure))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (list, "no cell"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: [{"seconds": 1}], "rename the parameter seconds"),
        (lambda: [{"x": 1j}], "NonNumericError"),
        (lambda: [3], "its cells"),
    ],
)
def test_an_unusable_grid_is_the_experiments_fault(cells: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        measure_cells(experiment(cells=cells))


def test_progress_is_told_after_each_cell() -> None:
    seen: list[tuple[int, int]] = []
    measure_cells(experiment(), on_cell=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_random_numbers_depend_on_the_seed_and_the_cell_alone() -> None:
    def draw(cells: list[int], seed: int) -> list[float]:
        grid = experiment(
            cells=lambda: [{"n": n} for n in cells], measure=lambda n, rng: {"u": rng.random()}
        )
        return measure_cells(grid, seed=seed).column("u").tolist()

    assert draw([0, 1, 2], 7)[:2] == draw([0, 1], 7)
    assert draw([0, 1], 7) != draw([0, 1], 8)
    assert len(set(draw([0, 1, 2], 7))) == 3


# --- claims ----------------------------------------------------------------------------

DATA = Results.of([{"n": 1}])


@pytest.mark.parametrize("truth", [True, np.True_])
def test_a_claim_whose_check_is_true_held(truth: Any) -> None:
    assert judge(Claim("It is.", lambda r: (truth, "n = 1")), DATA).outcome == HELD


def test_a_claim_whose_check_is_false_did_not_hold() -> None:
    verdict = judge(Claim("It is.", lambda r: (False, "n = 2")), DATA)
    assert (verdict.outcome, verdict.evidence) == (NOT_HELD, "n = 2")


@pytest.mark.parametrize(
    "check",
    [
        lambda r: (r.column("m") == 1, ""),  # no such column
        lambda r: True,  # no evidence
        lambda r: (1, "truthy is not true"),
        lambda r: (np.array([True]), "an array is not a verdict"),
        lambda r: (None, ""),
    ],
)
def test_a_check_that_gives_no_verdict_leaves_the_claim_unchecked(check: Any) -> None:
    verdict = judge(Claim("It is.", check), DATA)
    assert verdict.outcome == UNCHECKED
    assert verdict.evidence


def test_a_run_fails_by_a_cell_or_an_unchecked_claim_but_not_by_one_that_did_not_hold() -> None:
    whole = {"measure": lambda n: {"m": n}}
    false = Claim("No.", lambda r: (False, ""))
    broken = Claim("What?", lambda r: (r.nothing, ""))  # type: ignore[attr-defined]
    assert run(experiment()).failed
    assert not run(experiment(**whole, claims=(false,))).failed
    assert run(experiment(**whole, claims=(broken,))).failed


# --- figures and names -----------------------------------------------------------------


def test_figures_that_raise_say_so_and_name_the_first_failing_cell() -> None:
    with pytest.raises(ExperimentError, match=r"unknown column.*1 of 3 rows failed.*division"):
        run(experiment(figures=lambda r: r.column("eror")))


def test_two_figures_of_one_name_are_refused() -> None:
    twice = [Figure("same", "", "", chart()), Figure("same", "", "", chart())]
    with pytest.raises(ExperimentError, match="two figures are named same"):
        run(experiment(figures=lambda r: twice))


@pytest.mark.parametrize("drawn", [3, Figure("plain", "", "", None)])  # type: ignore[arg-type]
def test_what_cannot_be_drawn_is_refused(drawn: Any) -> None:
    with pytest.raises(ExperimentError, match="a Figure of a Plotly figure was due"):
        run(experiment(figures=lambda r: [drawn]))


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", "1st", "with space", ".hidden", None])
def test_a_name_that_is_no_harmless_folder_is_refused(name: Any) -> None:
    with pytest.raises(ExperimentError, match="lower-case letters"):
        experiment(name=name)
    with pytest.raises(ExperimentError, match="lower-case letters"):
        Figure(name, "", "", None)  # type: ignore[arg-type]


def test_provenance_names_versions_machine_time_and_seed() -> None:
    found = run(experiment(), seed=5, command="diffkit run toy").provenance
    assert found.versions["numpy"] == np.__version__
    assert set(found.versions) == {"python", "diffkit", "numpy", "sympy", "plotly"}
    assert (found.seed, found.command) == (5, "diffkit run toy")
    assert found.started.endswith("+00:00")
    assert found.seconds > 0
    assert found.cpus >= 1
    assert found.processor
