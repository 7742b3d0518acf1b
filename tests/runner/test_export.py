"""Exports: every value can be read back, and NaN, infinity and nothing are told apart."""

from __future__ import annotations

import builtins
import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest

from diffkit.errors import MissingPackageError, OutputError
from diffkit.runner import Results, export, frames

ROWS: list[dict[str, Any]] = [
    {"n": 1, "x": 0.1, "ok": True, "text": "=1+1", "pair": (1, 2), "big": 3**100, "mixed": 1},
    {"n": 2, "x": math.nan, "ok": False, "text": "a\nb", "pair": None, "big": 1, "mixed": "one"},
    {"n": 3, "x": -math.inf, "text": None, "pair": (), "big": 2, "mixed": 2.5},
    {"x": -0.0, "n": -(2**63), "ok": True, "text": "NaN", "mixed": (1, math.inf)},
]
TABLE = Results.of(ROWS)


def written(name: str) -> str:
    file = io.StringIO()
    export.WRITERS[name](TABLE, file)
    return file.getvalue()


def test_csv_tells_everything_apart_but_nothing_and_the_empty_text() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv"))))
    assert [row["x"] for row in rows] == ["0.1", "NaN", "-Infinity", "-0.0"]
    assert [row["text"] for row in rows] == ["'=1+1", "a\nb", "", "NaN"]
    assert [row["pair"] for row in rows] == ["[1, 2]", "", "[]", ""]
    assert [row["mixed"] for row in rows] == ["1", "one", "2.5", '[1, "Infinity"]']
    assert rows[0]["big"] == str(3**100)


def test_json_lines_are_strict_json_with_words_for_what_json_has_not() -> None:
    rows = [json.loads(line, parse_constant=pytest.fail) for line in written("jsonl").splitlines()]
    assert [row["x"] for row in rows] == [0.1, "NaN", "-Infinity", -0.0]
    assert math.copysign(1, rows[3]["x"]) == -1
    assert rows[0]["big"] == 3**100
    assert "ok" not in rows[2]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_is_written_whole_by_what_its_name_ends_with(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    export.write(TABLE, path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    if ending == "parquet":
        check_polars(polars.read_parquet(path))
    else:
        assert path.read_text() == written(ending)


def test_a_format_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"let it end with \.csv, \.jsonl or \.parquet"):
        export.write(TABLE, tmp_path / "table.xlsx")
    export.write(TABLE, tmp_path / "table.xlsx", "csv")


def test_where_the_file_system_refuses_the_file_before_stays(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write to"):
        export.write(TABLE, tmp_path / "nowhere" / "table.csv")
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(OutputError, match="cannot write to"):
        export.write(TABLE, tmp_path / "table.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def check_polars(frame: polars.DataFrame) -> None:
    assert frame.schema["n"] == polars.Int64
    assert frame["n"].to_list() == [1, 2, 3, -(2**63)]
    x = frame["x"].to_list()
    assert (x[0], x[2]) == (0.1, -math.inf)
    assert math.isnan(x[1])
    assert math.copysign(1, x[3]) == -1
    assert frame["x"].null_count() == 0
    assert frame["ok"].to_list() == [True, False, None, True]
    assert frame["text"].to_list() == ["=1+1", "a\nb", None, "NaN"]
    assert frame["pair"].to_list() == [[1, 2], None, [], None]
    assert frame["big"].to_list() == [str(3**100), "1", "2", None]
    assert frame["mixed"].to_list() == ["1", "one", "2.5", '[1, "Infinity"]']


def test_polars_has_every_value() -> None:
    check_polars(TABLE.to_polars())


def test_pandas_has_every_value() -> None:
    frame = TABLE.to_pandas()
    assert frame["n"].dtype == np.int64
    assert frame["n"].tolist() == [1, 2, 3, -(2**63)]
    np.testing.assert_array_equal(frame["x"], [0.1, math.nan, -math.inf, -0.0])
    assert str(frame["ok"].dtype) == "boolean"
    assert frame["ok"].tolist() == [True, False, pandas.NA, True]
    assert frame["text"].tolist() == ["=1+1", "a\nb", None, "NaN"]
    assert frame["big"].tolist() == [3**100, 1, 2, None]
    assert frame["pair"].tolist() == [(1, 2), None, (), None]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None], "int"),
        ([1, 2.0], "float"),
        ([2**53 + 1, 2.0], "words"),  # a float would round it
        ([2**63], "words"),
        ([True, 1], "words"),
        ([None], "str"),
        ([(1,), (2.5,)], "float list"),
        ([("a",)], "words"),
    ],
)
def test_a_column_has_the_type_that_loses_nothing(values: list[Any], kind: str) -> None:
    assert frames.kind(values) == kind


@pytest.mark.parametrize(
    ("package", "install"),
    [("pandas", r"diffkit\[pandas\]"), ("polars", r"diffkit\[parquet\]")],
)
def test_a_missing_package_is_told_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, package: str, install: str
) -> None:
    monkeypatch.delitem(sys.modules, package)
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackageError, match=install):
        getattr(TABLE, f"to_{package}")()
