"""Engines: every cell has an outcome, whatever the others do."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import ExperimentError
from diffkit.guard import Limits
from diffkit.runner import Experiment, grid, measure_cells, run
from diffkit.runner.engines import (
    Batches,
    CellTask,
    InProcess,
    Job,
    Local,
)
from diffkit.runner.run import IN_PROCESS
from diffkit.runner.source import source_of
from diffkit.runner.store import Store
from diffkit.runner.sweep import plan
from tests.runner import toys

BAD = {
    "sympy_expansion": ("timeout", "memory"),  # which comes first depends on the machine
    "power_tower": ("timeout",),
    "huge_allocation": ("memory",),
    "exit": ("crashed",),
    "segmentation_fault": ("crashed",),
    "exception": ("error",),
}


def job_and_tasks(experiment: Experiment, seed: int = 0) -> tuple[Job, list[CellTask]]:
    limits = Limits(experiment.seconds, experiment.megabytes)
    job = Job(experiment, source_of(experiment), seed, limits)
    return job, plan(experiment, seed, "")


def test_six_bad_cells_among_forty_have_their_status_and_the_rest_is_well() -> None:
    table = measure_cells(toys.MIXED)
    assert table.column("n").tolist() == list(range(40))
    for row in table:
        assert row["status"] in BAD.get(row["kind"], ("ok",)), dict(row)
        assert bool(row["reason"]) == (row["status"] != "ok")
        if row["kind"] == "good":
            assert row["square"] == row["n"] ** 2
    reasons = {row["kind"]: row["reason"] for row in table.failed}
    assert "exit code 3" in reasons["exit"]
    assert "SIGSEGV" in reasons["segmentation_fault"]
    assert reasons["exception"].startswith("ValueError: told apart (toys.py:")


def test_both_engines_give_the_same_table() -> None:
    for experiment in (toys.SEVERAL, toys.RANDOM):
        tables = [
            measure_cells(experiment, engine=engine, seed=4)
            for engine in (InProcess(), Local(1), Local(2))
        ]
        rows = [[repr({**row, "seconds": 0}) for row in table] for table in tables]
        assert rows[0] == rows[1] == rows[2]


def test_what_an_earlier_cell_left_behind_is_not_a_cells_own_failure() -> None:
    # Alone, each of these cells stays well within the limit.
    assert measure_cells(toys.GREEDY, engine=Local(1)).column("status").tolist() == ["ok"] * 6


def test_an_experiment_that_takes_timings_is_measured_one_cell_at_a_time(tmp_path: Path) -> None:
    assert overlapping(tmp_path, "timed=True") == 0
    assert overlapping(tmp_path, "timed=False") > 0


def overlapping(folder: Path, flag: str) -> int:
    """How many cells began before the one that had begun before them had ended."""
    file = folder / "timed.py"
    file.write_text(f"""
import time
from diffkit.runner import Experiment
def measure(n):
    began = time.time()
    time.sleep(0.15)
    return {{"began": began, "ended": time.time()}}
EXPERIMENT = Experiment(name="timed", title="", question="", measure=measure,
                        cells=lambda: [{{"n": n}} for n in range(8)], {flag})
""")
    from diffkit.runner import discovery

    table = measure_cells(discovery.load("timed", folder), engine=Local(2))
    spans = sorted((row["began"], row["ended"]) for row in table)
    return sum(later[0] < earlier[1] for earlier, later in pairwise(spans))


def test_an_interactive_experiment_runs_in_this_process_and_says_so() -> None:
    here = Experiment(
        name="here", title="", question="", cells=lambda: grid(n=1), measure=lambda n: {"m": n}
    )
    found = run(here)
    assert found.results.column("m").tolist() == [1]
    assert found.notes == (IN_PROCESS,)
    assert not run(toys.SEVERAL).notes


def test_an_experiment_may_take_its_functions_from_elsewhere(tmp_path: Path) -> None:
    from diffkit.runner import discovery

    (tmp_path / "borrowing.py").write_text("""
from diffkit.runner import Experiment
from tests.runner.toys import SEVERAL
EXPERIMENT = Experiment(name="borrowing", title="", question="", cells=SEVERAL.cells,
                        measure=SEVERAL.measure)
""")
    borrowing = discovery.load("borrowing", tmp_path)
    source = source_of(borrowing)
    assert source is not None
    assert (source.home, source.attribute) == (str(tmp_path / "borrowing.py"), "EXPERIMENT")
    assert not run(borrowing).notes


def test_a_file_that_changes_during_the_run_ends_it(tmp_path: Path) -> None:
    from diffkit.runner import discovery

    text = """
from diffkit.runner import Experiment
EXPERIMENT = Experiment(name="changing", title="", question="", cells=lambda: [{"n": 1}],
                        measure=lambda n: {"m": n})
"""
    (tmp_path / "changing.py").write_text(text)
    job, tasks = job_and_tasks(discovery.load("changing", tmp_path))
    (tmp_path / "changing.py").write_text(text.replace('"m": n', '"m": -n'))
    with pytest.raises(ExperimentError, match="changed since the run began"):
        list(Local(1).outcomes(job, tasks))


def test_a_stream_that_is_closed_early_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.guard.processes import eventually, guarded

    monkeypatch.setenv("PAUSE", "0.5")  # so that there are minutes of work left
    others = set(guarded(os.getpid()))  # such as the one in which SymPy differentiates
    job, tasks = job_and_tasks(toys.MANY)
    outcomes = Local(2).outcomes(job, tasks)
    next(outcomes)
    assert set(guarded(os.getpid())) - others
    began = time.perf_counter()
    outcomes.close()  # type: ignore[attr-defined]
    assert time.perf_counter() - began < 20
    assert eventually(lambda: set(guarded(os.getpid())) <= others)


@pytest.mark.parametrize("slots", [1, 2, 7])
@pytest.mark.parametrize("number", [1, 2, 50, 5000])
def test_batches_hold_each_cell_once_and_are_small_at_both_ends(slots: int, number: int) -> None:
    tasks = [CellTask(str(n), 1, {}, "") for n in range(number)]
    batches, sizes, taken = Batches(tasks, slots), [], []
    pace: float | None = None
    while batch := batches.take(pace):
        pace = 1e-5
        sizes.append(len(batch))
        taken += batch
    assert taken == tasks
    assert sizes[0] == sizes[-1] == 1


def test_a_slow_cell_travels_alone() -> None:
    batches = Batches([CellTask(str(n), 1, {}, "") for n in range(50)], 1)
    assert len(batches.take(3.0)) == 1


@pytest.mark.parametrize("status", ["error", "ok"])
def test_each_outcome_is_kept_before_the_next_is_measured(status: str, store: Store) -> None:
    seen: list[int] = []

    def measure(n: int) -> dict[str, Any]:
        seen.append(len(store.latest()))
        return {"m": 1 / 0 if status == "error" else 1}

    here = Experiment(
        name="here", title="", question="", cells=lambda: grid(n=range(5)), measure=measure
    )
    measure_cells(here, store=store)
    assert seen == [0, 1, 2, 3, 4]
