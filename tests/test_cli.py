"""The command line: what it prints, what it exits with, and that no traceback escapes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from click.testing import Result

import diffkit as dk
from diffkit.cli import parse_point
from diffkit.errors import DomainError
from diffkit.runner import discovery

from .command_line import invoke

GOOD = """
from diffkit.runner import Claim, Experiment

EXPERIMENT = Experiment(
    name="good", title="A good one", question="Does it run?",
    cells=lambda: [{"n": n} for n in range(3)],
    measure=lambda n: {"square": n * n},
    claims=(Claim("It holds.", lambda r: (True, "seen")),
            Claim("It does not.", lambda r: (False, "not seen"))),
)
"""
FAILING_CELL = GOOD.replace('"good"', '"failing"').replace("n * n", "1 // n")
BROKEN = "import a_package_that_does_not_exist"


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "good.py").write_text(GOOD)
    monkeypatch.setattr(discovery, "folder", lambda: folder)
    return folder


def one_error_line(result: Result) -> str:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_run_prints_claims_and_the_page_to_open(experiments: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke("run", "good", "--out", out)
    assert result.exit_code == 0, result.output
    assert "held: It holds." in result.stdout
    assert "did not hold: It does not." in result.stdout
    assert str(out / "good" / "index.html") in result.stdout
    assert (out / "index.html").is_file()


def test_run_without_names_runs_all(experiments: Path, tmp_path: Path) -> None:
    (experiments / "second.py").write_text(GOOD.replace('"good"', '"second"'))
    assert invoke("run", "--out", tmp_path / "out").exit_code == 0
    assert {p.parent.name for p in (tmp_path / "out").glob("*/index.html")} == {"good", "second"}


def test_run_as_json_is_json_alone(experiments: Path, tmp_path: Path) -> None:
    result = invoke("run", "--json", "--out", tmp_path / "out")
    [found] = json.loads(result.stdout)
    assert found["experiment"] == "good"
    assert [claim["outcome"] for claim in found["claims"]] == ["held", "did not hold"]
    assert (found["rows"], found["failed_rows"], found["failed"]) == (3, 0, False)


def test_a_failing_cell_makes_the_exit_code_one_and_the_report_all_the_same(
    experiments: Path, tmp_path: Path
) -> None:
    (experiments / "failing.py").write_text(FAILING_CELL)
    result = invoke("run", "failing", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in one_error_line(result)
    assert (tmp_path / "out" / "failing" / "index.html").is_file()


def test_a_broken_experiment_is_named_and_hides_no_other(experiments: Path, tmp_path: Path) -> None:
    (experiments / "broken.py").write_text(BROKEN)
    result = invoke("run", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "broken: ModuleNotFoundError" in one_error_line(result)
    assert (tmp_path / "out" / "good" / "index.html").is_file()


def test_no_experiment_at_all_is_an_error(experiments: Path, tmp_path: Path) -> None:
    (experiments / "good.py").unlink()
    result = invoke("run", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "no experiment to run" in one_error_line(result)


def test_an_unknown_experiment_is_answered_with_the_nearest_name(
    experiments: Path, tmp_path: Path
) -> None:
    result = invoke("run", "god", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "did you mean 'good'?" in one_error_line(result)
    assert not (tmp_path / "out").exists()


def test_an_output_path_that_is_a_file_is_refused_before_computing(
    experiments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = GOOD.replace("n * n", "__import__('pathlib').Path('ran').touch()")
    (experiments / "good.py").write_text(text)
    (tmp_path / "file").write_text("mine")
    result = invoke("run", "good", "--out", "file")
    assert not (tmp_path / "ran").exists()
    assert result.exit_code == 1
    assert "cannot write to" in one_error_line(result)
    assert (tmp_path / "file").read_text() == "mine"


INTERRUPTING = """
import os, pathlib, signal, time
from diffkit.runner import Experiment

def measure(n):
    (here / f"measured-{n}").open("a").write("x")
    if n == 3 and not (here / "again").exists():
        os.kill(os.getppid(), signal.SIGINT)  # Ctrl-C
        time.sleep(600)
    return {"square": n * n}

here = pathlib.Path(__file__).parent
EXPERIMENT = Experiment(name="good", title="", question="", measure=measure,
                        cells=lambda: [{"n": n} for n in range(6)])
"""


def test_ctrl_c_keeps_what_is_finished_and_the_report_before(
    experiments: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    invoke("run", "good", "--out", out)
    before = (out / "good" / "results.json").read_bytes()
    (experiments / "good.py").write_text(INTERRUPTING)
    result = invoke("run", "good", "--out", out, "--jobs", 1)
    assert result.exit_code == 130
    kept, last = filter(None, result.stderr.splitlines())  # older ones of rich leave a line
    assert kept.startswith("note: 3 of 6 cells of good are kept in ")
    assert kept.endswith("the same command goes on from there")
    assert last.startswith("interrupted")
    assert (out / "good" / "results.json").read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == ["good", "good.sqlite", "index.html"]

    (experiments / "again").touch()
    result = invoke("run", "good", "--out", out, "--json")
    assert json.loads(result.stdout)[0]["measured"] == 3
    found = json.loads((out / "good" / "results.json").read_text())
    assert [row["square"] for row in found["rows"]] == [0, 1, 4, 9, 16, 25]
    times = {n: len((experiments / f"measured-{n}").read_text()) for n in range(6)}
    assert times == {0: 1, 1: 1, 2: 1, 3: 2, 4: 1, 5: 1}


def test_a_second_run_measures_nothing_and_gives_the_same_table(
    experiments: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    counts, tables = [], []
    for _ in range(2):
        counts.append(json.loads(invoke("run", "--out", out, "--json").stdout)[0]["measured"])
        tables.append((out / "good" / "results.csv").read_bytes())
    assert counts == [3, 0]
    assert tables[0] == tables[1]
    assert "3 cells were known" in invoke("run", "--out", out).stdout
    assert "Results from earlier runs" in (out / "good" / "index.html").read_text()


def test_a_changed_file_is_measured_again_and_a_declared_version_is_not(
    experiments: Path, tmp_path: Path
) -> None:
    def measured(text: str) -> int:
        (experiments / "good.py").write_text(text)
        outcome = json.loads(invoke("run", "--out", tmp_path / "out", "--json").stdout)[0]
        return int(outcome["measured"])

    assert [measured(GOOD), measured(GOOD + "# more"), measured(GOOD)] == [3, 3, 0]
    declared = GOOD.replace('title="A good one"', 'title="A good one", version=1')
    assert [measured(declared), measured(declared + "# more")] == [3, 0]


def test_fresh_starts_over_beside_the_old(experiments: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    invoke("run", "--out", out)
    before = (out / "good.sqlite").read_bytes()
    result = invoke("run", "--out", out, "--fresh", "--json")
    assert json.loads(result.stdout)[0]["measured"] == 3
    assert "good.before-1.sqlite" in result.stderr
    assert (out / "good.before-1.sqlite").read_bytes() == before
    shown = invoke("list", "--out", out).stdout
    assert "good.before-1" in shown
    assert "3 ok; last" in shown
    assert invoke("results", "good.before-1", "--out", out).exit_code == 0


def test_retry_measures_again_what_ended_so(experiments: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (experiments / "failing.py").write_text(FAILING_CELL)
    run = ("run", "failing", "--out", out, "--json")

    def measured(*options: str) -> int:
        return int(json.loads(invoke(*run, *options).stdout)[0]["measured"])

    assert [measured(), measured(), measured("--retry", "timeout")] == [3, 0, 0]
    assert measured("--retry", "timeout,error") == 1
    table = invoke("results", "failing", "--out", out, "--attempts", "--format", "csv").stdout
    assert [line.split(",")[0] for line in table.splitlines()] == ["n", "0", "0", "1", "2"]
    result = invoke(*run, "--retry", "late")
    assert result.exit_code == 2
    assert "'late' is no status; there are ok, unsupported" in result.stderr


def test_limits_can_be_given(experiments: Path, tmp_path: Path) -> None:
    text = GOOD.replace("n * n", "__import__('time').sleep(30)")
    (experiments / "good.py").write_text(text)
    result = invoke("run", "--out", tmp_path / "out", "--seconds", 0.2, "--json")
    assert json.loads(result.stdout)[0]["failed_rows"] == 3
    rows = json.loads((tmp_path / "out" / "good" / "results.json").read_text())["rows"]
    assert {(row["status"], row["reason"]) for row in rows} == {
        ("timeout", "took longer than 0.2 s")
    }


def test_results_of_a_store_are_shown_and_exported(experiments: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "table.jsonl"
    (experiments / "failing.py").write_text(FAILING_CELL)
    invoke("run", "failing", "--out", out)
    shown = invoke("results", "failing", "--out", out).stdout
    assert shown.startswith("1 error, 2 ok\n")
    assert "ZeroDivisionError" in shown
    summary = json.loads(invoke("results", "failing", "--out", out, "--json").stdout)
    assert (summary["statuses"], summary["rows"]) == ({"error": 1, "ok": 2}, 3)
    assert invoke("results", "failing", "--out", out, "--to", file).exit_code == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["n"], row["status"], row["attempt"]) for row in rows] == [
        (0, "error", 1),
        (1, "ok", 1),
        (2, "ok", 1),
    ]


def test_a_store_or_a_format_that_is_not_there_is_named(experiments: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    invoke("run", "--out", out)
    assert "did you mean 'good'" in one_error_line(invoke("results", "god", "--out", out))
    path = tmp_path / "none.sqlite"
    assert "there is no store of results at" in one_error_line(invoke("results", path))
    unknown = invoke("results", "good", "--out", out, "--to", tmp_path / "table.xls")
    assert "let it end with .csv, .jsonl or .parquet" in one_error_line(unknown)
    assert invoke("results", "good", "--out", out, "--format", "parquet").exit_code == 2


def test_a_damaged_store_is_listed_as_such_and_recovered_by_a_run(
    experiments: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    invoke("run", "--out", out)
    table = (out / "good" / "results.csv").read_bytes()
    whole = (out / "good.sqlite").read_bytes()
    damaged = whole[: len(whole) // 2]
    (out / "good.sqlite").write_bytes(damaged)
    assert "is damaged" in invoke("list", "--out", out).stdout.replace("\n", " ")
    assert "is damaged" in one_error_line(invoke("results", "good", "--out", out))
    result = invoke("run", "--out", out)
    assert result.exit_code == 0
    assert "was damaged" in result.stderr
    assert (out / "good.damaged-1.sqlite").read_bytes() == damaged
    columns = [line.split(b",")[:3] for line in table.splitlines()]
    again = (out / "good" / "results.csv").read_bytes()
    assert [line.split(b",")[:3] for line in again.splitlines()] == columns


def test_the_seed_makes_random_results_repeat(experiments: Path, tmp_path: Path) -> None:
    text = GOOD.replace("lambda n: ", "lambda n, rng: ").replace("n * n", "rng.random()")
    (experiments / "good.py").write_text(text)

    def squares(seed: int) -> list[float]:
        invoke("run", "good", "--out", tmp_path / "out", "--seed", seed)
        found = json.loads((tmp_path / "out" / "good" / "results.json").read_text())
        assert found["provenance"]["seed"] == seed
        return [row["square"] for row in found["rows"]]

    first = squares(1)
    assert first == squares(1) != squares(2)
    assert len(set(first)) == 3


# --- list ------------------------------------------------------------------------------


def test_list_names_experiments_problems_and_backends(experiments: Path) -> None:
    found = json.loads(invoke("list", "--json").stdout)
    assert [entry["name"] for entry in found["experiments"]] == ["good"]
    assert [entry["name"] for entry in found["problems"]] == list(dk.problems)
    assert [entry["name"] for entry in found["backends"]] == list(dk.backends())
    assert found["missing"] == []
    shown = invoke("list").stdout
    assert all(entry["name"] in shown for kind in found.values() for entry in kind)


def test_list_tells_of_a_broken_experiment(experiments: Path) -> None:
    (experiments / "broken.py").write_text(BROKEN)
    result = invoke("list")
    assert result.exit_code == 1
    assert "good" in result.stdout
    assert "broken" in one_error_line(result)


# --- compare ---------------------------------------------------------------------------


@dataclass
class Spy:
    """Stands for the comparison and keeps what it was asked."""

    asked: dict[str, Any]

    def __call__(self, f: Any, x: Any, **options: Any) -> Any:
        self.asked.update(f=f, x=x, **options)
        return SimpleNamespace(to_dict=lambda: {"value": np.float64("nan"), "at": np.array([1.0])})


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    problem = SimpleNamespace(variables=("x", "y"), points=(np.array([0.5, 0.25]),))
    monkeypatch.setattr(dk, "problems", {"pair": problem})
    monkeypatch.setattr(dk, "compare", Spy(asked))
    return asked


def test_compare_passes_on_what_was_typed(spy: dict[str, Any]) -> None:
    options = ("--operator", "hessian", "--backend", "reverse", "--backend", "symbolic")
    result = invoke("compare", "pair", "--at", "y=3,x=-2e-3", *options, "--json")
    assert result.exit_code == 0, result.output
    assert spy["x"].tolist() == [-2e-3, 3.0]
    assert (spy["operator"], spy["backends"]) == ("hessian", ["reverse", "symbolic"])
    assert json.loads(result.stdout) == {"value": "NaN", "at": [1.0]}


def test_compare_without_a_point_takes_the_first_of_the_problem(spy: dict[str, Any]) -> None:
    assert invoke("compare", "pair", "--json").exit_code == 0
    assert spy["x"].tolist() == [0.5, 0.25]
    assert (spy["operator"], spy["backends"]) == (None, None)


def test_compare_answers_an_unknown_problem_with_the_nearest(spy: dict[str, Any]) -> None:
    result = invoke("compare", "pear", "--at", "1,2")
    assert result.exit_code == 1
    assert "did you mean 'pair'?" in one_error_line(result)


def test_an_error_of_diffkit_is_one_line(
    spy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DomainError("log is not finite\nat x = -1")

    monkeypatch.setattr(dk, "compare", refuse)
    result = invoke("compare", "pair")
    assert result.exit_code == 1
    assert one_error_line(result) == "error: log is not finite at x = -1"


@pytest.mark.parametrize("text", ["", "one", "1,,x", "1", "1,2,3", "x=1", "x=1,z=2", "x=1,y=2,y=3"])
def test_a_point_that_does_not_fit_is_a_usage_error(spy: dict[str, Any], text: str) -> None:
    result = invoke("compare", "pair", "--at", text)
    assert result.exit_code == 2
    assert "--at" in result.stderr


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("1.5", (), 1.5),
        ("-1e-3", ("x",), -1e-3),
        ("x=2", ("x",), 2.0),
        ("1,2", (), [1.0, 2.0]),
        ("1.5,", (), [1.5]),
        (" y = 2, x = 1 ", ("x", "y"), [1.0, 2.0]),
    ],
)
def test_points_are_read_as_typed(text: str, variables: tuple[str, ...], expected: object) -> None:
    point = parse_point(text, variables)
    assert (point.tolist() if isinstance(point, np.ndarray) else point) == expected


def test_names_are_refused_where_the_problem_has_none() -> None:
    with pytest.raises(click.BadParameter, match="names none"):
        parse_point("x=1")


# --- the whole program -----------------------------------------------------------------


def test_every_help_teaches_by_example() -> None:
    for command in ("list", "run", "results", "compare"):
        assert f"\n    diffkit {command}" in invoke(command, "--help").stdout


def test_the_version_is_told() -> None:
    assert invoke("--version").stdout.split() == ["diffkit", "0.1.0"]


def test_the_command_line_loads_neither_sympy_nor_plotly_for_its_help() -> None:
    code = "import sys, diffkit.cli as c; c.cli(['--help'], standalone_mode=False); "
    code += "print([m for m in ('sympy', 'plotly', 'jinja2', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
