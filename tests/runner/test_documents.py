"""Writing: a report is complete or it is the one before, whatever happens in between."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import OutputError
from diffkit.runner import Experiment, Run, documents, run

HARD = {
    "nan": math.nan,
    "inf": -math.inf,
    "tenth": 0.1,
    "big": 3**100,
    "text": 'a,"b"\n',
    "none": None,
    "pair": (1, 2.5),
}


def toy_run() -> Run:
    toy = Experiment(
        name="toy", title="T", question="Q", cells=lambda: [{"n": 1}], measure=lambda n: HARD
    )
    return run(toy)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """An earlier report."""
    target = tmp_path / "toy"
    target.mkdir()
    documents.write_results(toy_run(), target)
    (target / "index.html").write_text("earlier")
    return target


# --- content ---------------------------------------------------------------------------


def test_json_holds_every_value_exactly(tmp_path: Path) -> None:
    documents.write_results(toy_run(), tmp_path)
    found = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    [row] = found["rows"]
    assert (row["nan"], row["inf"], row["tenth"], row["big"]) == ("NaN", "-Infinity", 0.1, 3**100)
    assert (row["text"], row["none"], row["pair"]) == ('a,"b"\n', None, [1, 2.5])
    assert found["columns"] == ["n", *HARD, "status", "reason", "seconds"]
    assert found["provenance"]["versions"]["numpy"]


def test_csv_holds_every_value_exactly(tmp_path: Path) -> None:
    documents.write_results(toy_run(), tmp_path)
    with open(tmp_path / "results.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["nan"], row["inf"], row["tenth"]) == ("NaN", "-Infinity", "0.1")
    assert (row["big"], row["text"], row["none"]) == (str(3**100), 'a,"b"\n', "")
    assert json.loads(row["pair"]) == [1, 2.5]


# --- replacing -------------------------------------------------------------------------


def test_a_report_takes_the_place_of_the_one_before(report: Path) -> None:
    with documents.replacing(report) as folder:
        (folder / "results.json").write_text("new")
    assert everything(report) == {"results.json": b"new"}
    assert [path.name for path in report.parent.iterdir()] == ["toy"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_whatever_stops_the_writing_the_report_before_stays(
    report: Path, stop: type[BaseException]
) -> None:
    before = everything(report)
    with pytest.raises(stop), documents.replacing(report) as folder:  # noqa: PT012
        (folder / "results.json").write_text("half of it")
        raise stop
    assert everything(report) == before
    assert [path.name for path in report.parent.iterdir()] == ["toy"]


def test_a_full_disk_is_one_clear_error_and_the_report_before_stays(report: Path) -> None:
    before = everything(report)
    with pytest.raises(OutputError, match="No space left"), documents.replacing(report):
        raise OSError(28, "No space left on device")
    assert everything(report) == before


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), KeyboardInterrupt()])
def test_a_swap_that_fails_half_way_brings_the_report_before_back(
    report: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    before = everything(report)
    rename = Path.rename

    def refuse_the_new(self: Path, target: Any) -> Path:
        if self.name == "new":
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises((OutputError, KeyboardInterrupt)), documents.replacing(report):
        pass
    assert everything(report) == before


def test_files_that_are_not_a_report_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="not a report"):
        documents.check_output(tmp_path, ["toy"])
    with pytest.raises(OutputError, match="not a report"), documents.replacing(tmp_path / "toy"):
        pass
    assert everything(tmp_path) == {"toy/thesis.tex": b"years of work"}


# --- checking before computing ---------------------------------------------------------


def test_the_output_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    documents.check_output(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_an_output_path_that_is_or_crosses_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot write to"):
            documents.check_output(path)


def test_a_report_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        documents.check_output(tmp_path, ["toy"])


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind every user that runs the tests, so the refusal is made here.
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        documents.check_output(tmp_path)
    with (
        pytest.raises(OutputError, match="Permission denied"),
        documents.replacing(tmp_path / "toy"),
    ):
        pass


# --- reading back ----------------------------------------------------------------------


def test_reports_are_found_and_a_damaged_one_is_told_apart(report: Path) -> None:
    out = report.parent
    for name, text in {"damaged": "{", "foreign": "[]", ".hidden": "{}"}.items():
        (out / name).mkdir()
        (out / name / "results.json").write_text(text)
    found = dict(documents.read_documents(out))
    assert set(found) == {"damaged", "foreign", "toy"}
    assert found["damaged"] is found["foreign"] is None
    assert found["toy"] is not None
    assert found["toy"]["experiment"]["title"] == "T"


def test_a_text_is_replaced_at_once_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "index.html"
    documents.write_text(page, "old")

    def refuse(self: Path, target: Any) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        documents.write_text(page, "new")
    assert everything(tmp_path) == {"index.html": b"old"}
