"""diffkit diff compares what is comparable, and says of the rest why it is not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from diffkit.cli import cli
from diffkit.errors import DiffkitError, StoreError
from diffkit.guard import wire
from diffkit.runner import Experiment, grid, open_store, run
from diffkit.runner.diff import Difference, diff
from diffkit.runner.diff.comparing import _Comparing
from diffkit.runner.diff.sides import Side
from diffkit.runner.documents import write_results
from diffkit.runner.engines import CellOutcome, CellTask, InProcess

STEADY = (1.0, 1.01, 0.99, 1.0, 1.02, 0.98)
SHAKY = (1.0, 3.0, 0.2, 1.0, 2.5, 0.3)
VERSIONS = {"python": "3.11.7", "numpy": "2.4", "sympy": "1.14", "diffkit": "0.1.0"}
SIDE = Side({"n": 1}, "ok", None, (), version="v1", host="here", versions=VERSIONS)


def compared(
    before: Mapping[str, Any], after: Mapping[str, Any], a: Side = SIDE, b: Side = SIDE,
    threshold: float = 1.2, **options: Any,
) -> Difference:  # fmt: skip
    one = {"e": {"n=1": replace(a, rows=(before,))}}
    other = {"e": {"n=1": replace(b, rows=(after,))}}
    return _Comparing(threshold, options.get("metrics", ())).compare(one, other)


def timing(factor: float = 1.0, samples: Any = STEADY, threads: int = 1) -> dict[str, Any]:
    taken = tuple(factor * s for s in samples)
    return {"t": min(taken), "t_samples": taken, "t_threads": threads, "t_slowest": max(taken)}


def reasons(found: Difference) -> str:
    return "; ".join(f"{hole.metric}: {hole.reason}" for hole in found.holes)


@pytest.mark.parametrize(
    ("factor", "code", "kinds"),
    [(1.0, 0, []), (1.19, 0, []), (1.3, 1, [True]), (0.7, 0, [False])],
)
def test_a_time_counts_where_it_has_grown(factor: float, code: int, kinds: list[bool]) -> None:
    found = compared(timing(), timing(factor))
    assert found.exit_code == code
    assert [change.beyond for change in found.changes] == kinds
    assert found.compared == 1
    for change in found.changes:
        assert change.ratio == pytest.approx(factor)
        assert change.kind == "time"


def test_times_whose_quartiles_overlap_have_not_changed() -> None:
    before, after = (timing(f, (1.0, 1.09, 1.1, 1.0, 1.09, 1.1)) for f in (1.0, 1.04))
    assert not compared(before, after, threshold=1.01).changes


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"host": "there"}, "different machines, here and there"),
        ({"host": None}, "no machine is named"),
        ({"threads": 1}, "threads pinned to None and 1"),
        ({"versions": VERSIONS | {"numpy": "2.5"}}, "numpy 2.4 and 2.5"),
        ({"versions": VERSIONS | {"python": "3.12.0"}}, "python 3.11.7 and 3.12.0"),
    ],
)
def test_times_of_two_machines_or_two_installations_make_no_ratio(
    other: dict[str, Any], reason: str
) -> None:
    found = compared(timing(), timing(9.0), b=replace(SIDE, **other))
    assert reason in reasons(found)
    assert not found.changes
    assert found.exit_code == 2


def test_times_of_two_versions_of_diffkit_do() -> None:
    newer = replace(SIDE, version="v2", versions=VERSIONS | {"diffkit": "0.2.0"})
    assert compared(timing(), timing(9.0), b=newer).exit_code == 1


def test_unstable_times_and_other_threads_make_no_ratio() -> None:
    assert "unstable in B: quartiles" in reasons(compared(timing(), timing(2.0, SHAKY)))
    assert "unstable in A: 2 of 3 samples" in reasons(compared(timing(1.0, STEADY[:2]), timing()))
    assert "with 1 and 2 threads" in reasons(compared(timing(), timing(2.0, threads=2)))
    bare = {"t": 1.0}
    assert "kept its samples" in reasons(compared(bare, timing()))


def test_a_quotient_of_times_without_samples_is_not_compared() -> None:
    found = compared(
        {**timing(), "calls": 3.5, "plan": "loop"}, {**timing(), "calls": 9.5, "plan": "loop"}
    )
    assert "calls: it depends on times" in reasons(found)
    assert found.exit_code == 0


def test_errors_are_compared_against_the_same_truth_only() -> None:
    before, after = {"truth": 1.0, "ulps": 2.0}, {"truth": 1.0, "ulps": 3.0}
    assert compared(before, after, b=replace(SIDE, version="v2")).exit_code == 1
    found = compared(before, after | {"truth": 1.5})
    assert reasons(found) == "ulps: another truth"
    assert [change.metric for change in found.changes] == ["truth"]
    del before["truth"], after["truth"]
    assert compared(before, after).exit_code == 1
    changed = compared(before, after, b=replace(SIDE, version="v2"))
    assert "the experiment has changed" in reasons(changed)
    assert changed.exit_code == 2


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (2.0, -2.0, 0),
        (2.0, 2.3, 0),
        (2.0, 2.5, 1),
        (2.5, 2.0, 0),
        (0.0, 0.0, 0),
        (0.0, 1e-300, 1),
        (1e-300, 0.0, 0),
        (math.nan, math.nan, 0),
        (1.0, math.nan, 1),
        (1.0, math.inf, 1),
        (math.inf, 1.0, 0),
        (1.0, None, 1),
    ],
)
def test_an_error_counts_where_its_magnitude_has_grown(before: Any, after: Any, code: int) -> None:
    assert compared({"difference": before}, {"difference": after}).exit_code == code


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (100, 110, 0),
        (100, 130, 1),
        (130, 100, 1),
        (1.0, -1.0, 1),
        (True, 1, 1),
        (0, 0.0, 0),
        ("tape", "tape", 0),
        ("tape", "loop", 1),
        ((1, math.nan), [1, math.nan], 0),
        ((1, 2), (1, 3), 1),
        (2**2000, 2**2001, 1),
        (2**2000, 2**2000 + 1, 0),
    ],
)
def test_other_results_count_either_way(before: Any, after: Any, code: int) -> None:
    assert compared({"size": before}, {"size": after}).exit_code == code


def test_a_status_counts_and_a_failure_that_stays_does_not() -> None:
    failed = replace(SIDE, status="timeout", reason="took longer than 3 s")
    found = compared({}, {}, b=failed)
    assert found.exit_code == 1
    assert [(c.before, c.after) for c in found.changes] == [
        ("ok", "timeout (took longer than 3 s)")
    ]
    assert compared({}, {}, a=failed, b=failed).exit_code == 0


def test_cells_and_columns_that_only_one_run_has_are_told() -> None:
    one = {"e": {"1": SIDE, "2": replace(SIDE, parameters={"n": 2})}}
    other = {"e": {"1": SIDE}, "f": {"3": replace(SIDE, parameters={"n": 3})}}
    found = _Comparing(1.2, ()).compare(one, other)
    assert found.only_before == {"e": ({"n": 2},)}
    assert found.only_after == {"f": ({"n": 3},)}
    assert "only A has it" in reasons(compared({"size": 1}, {}))
    assert compared({"size": 1, "m": 1}, {"size": 2, "m": 1}, metrics=("m",)).exit_code == 0


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**400), 10**400)


@given(
    st.dictionaries(
        st.sampled_from(["size", "ulps", "text"]), NUMBERS | st.sampled_from(["", "loop", "tape"])
    )
)
def test_a_run_is_the_same_as_itself(row: dict[str, Any]) -> None:
    found = compared(row, row)
    assert not found.changes
    assert not found.holes
    assert found.exit_code == (0 if row else 2)


@given(NUMBERS, NUMBERS, st.floats(1, 1e6))
def test_number_changes_are_symmetric(before: float, after: float, threshold: float) -> None:
    there = compared({"size": before}, {"size": after}, threshold=threshold)
    back = compared({"size": after}, {"size": before}, threshold=threshold)
    if len(there.changes) != len(back.changes):  # only where rounding decides
        [change] = (*there.changes, *back.changes)
        assert max(change.ratio or 0, 1 / (change.ratio or 1)) == pytest.approx(threshold)


# From the disk


def experiment(scale: float, version: str = "1") -> Experiment:
    def measure(n: int) -> dict[str, Any]:
        if n == 2 and scale > 1:
            raise ValueError("no more")
        return {"size": n * scale, "truth": 1.0, "ulps": 0.5}

    return Experiment(
        name="sized", title="", question="", cells=lambda: grid(n=range(3)), measure=measure,
        version=version,
    )  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with a store each; the second is of other code, and larger."""
    for name, scale in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        with open_store(tmp_path / name / "sized.sqlite") as store:
            run(experiment(scale, name), store=store, engine=InProcess())
    return tmp_path / "a", tmp_path / "b"


def test_stores_are_matched_by_parameters_whatever_the_code(runs: tuple[Path, Path]) -> None:
    found = diff(*runs)
    assert (found.cells, found.exit_code) == (3, 1)
    sizes = {c.cell["n"]: c.ratio for c in found.changes if c.metric == "size"}
    assert sizes == {1: 2.0}
    assert [c.cell["n"] for c in found.changes if c.kind == "status"] == [2]
    assert diff(runs[0], runs[0] / "sized.sqlite").exit_code == 0


def test_the_command_prints_what_has_changed_and_exits_with_it(runs: tuple[Path, Path]) -> None:
    before, after = map(str, runs)
    answer = CliRunner().invoke(cli, ["diff", before, after])
    assert answer.exit_code == 1
    assert "3 cells in both" in answer.output
    assert "n=1  size: 1 → 2  × 2" in answer.output
    assert "ok → error (ValueError: no more" in answer.output
    same = CliRunner().invoke(cli, ["diff", before, before])
    assert (same.exit_code, same.output.count("\n")) == (0, 1)
    read = json.loads(CliRunner().invoke(cli, ["diff", before, after, "--json"]).output)
    assert read["exit_code"] == 1
    assert len(read["changes"]) == 2
    other = CliRunner().invoke(cli, ["diff", before, after, "--metric", "ulps"])
    assert "size:" not in other.output


def test_what_is_no_run_or_has_nothing_in_common_exits_with_2(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = CliRunner().invoke(cli, ["diff", str(runs[0]), str(empty)])
    assert answer.exit_code == 2
    with open_store(tmp_path / "other.sqlite") as store:
        run(experiment(1.0), store=store, engine=InProcess(), seed=7)
    answer = CliRunner().invoke(cli, ["diff", str(runs[0]), str(tmp_path / "other.sqlite")])
    assert answer.exit_code == 2
    assert "nothing is comparable" in answer.output
    assert CliRunner().invoke(cli, ["diff", "a", "b", "--threshold", "0.5"]).exit_code == 2
    with pytest.raises(DiffkitError, match="a ratio of 1 or more"):
        diff(*runs, threshold=math.nan)
    with pytest.raises(StoreError, match="there are no results at"):
        diff(runs[0], runs[0].parent / "nowhere")


def test_reports_are_compared_as_far_as_they_tell(tmp_path: Path) -> None:
    from diffkit.runner import discovery

    found = run(discovery.load("bias_of_decimal_steps"))
    write_results(found, tmp_path)
    compared = diff(tmp_path, tmp_path / "results.json")
    assert compared.exit_code == 0
    assert compared.cells == len({row["h"] for row in found.results}) or compared.cells > 0
    text = (tmp_path / "results.json").read_text().replace("bias_of_decimal_steps", "unknown")
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(StoreError, match="compare the stores"):
        diff(tmp_path, tmp_path)


def test_nothing_that_a_store_says_acts_on_the_terminal(tmp_path: Path) -> None:
    told = {"parameters": {"n": "\x1b[2J"}, "dtype": "float64", "seed": 0, "version": "1"}
    for name, value in (("a", 1), ("b", 2)):
        with open_store(tmp_path / f"{name}.sqlite") as store:
            store.begin({"versions": {}})
            rows = wire.encode([{"n": "\x1b[2J", "size": value}])
            task = CellTask("k", 1, {}, json.dumps(told), 0)
            store.add(task, CellOutcome("k", 1, "ok", None, rows, 0.0, "h", "now"), "\x1b[31m")
    answer = CliRunner().invoke(cli, ["diff", *(str(tmp_path / f"{n}.sqlite") for n in "ab")])
    assert answer.exit_code == 1
    assert "\x1b" not in answer.output
