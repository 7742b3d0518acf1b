"""Tables of results as files for other programs; NaN and the infinities are explicit in all.

In CSV and JSON lines they are the words "NaN", "Infinity" and "-Infinity"; in Parquet they are
floats, and what a row does not have is null.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from diffkit._escape import csv_cell
from diffkit.errors import OutputError
from diffkit.runner.results import Results, jsonable


def write(table: Results, path: Path, format_: str | None = None) -> None:
    """Write the table to a file, all of it or nothing.

    format_: "csv", "jsonl" or "parquet"; by default what the name of the file ends with.

    Raises OutputError for another format and where the file system refuses, and
    MissingPackageError for Parquet without polars.
    """
    chosen = format_ or path.suffix.removeprefix(".").lower()
    if chosen not in (*WRITERS, "parquet"):
        raise OutputError(
            f"{path} names no format; let it end with .csv, .jsonl or .parquet, or give --format"
        )
    scratch = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        _write(table, scratch, chosen)
        scratch.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def write_csv(table: Results, file: IO[str]) -> None:
    """Write the table as CSV; lists are JSON, and a missing value is empty.

    A text that a spreadsheet would compute gets a leading apostrophe.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in table.columns])
    for row in table:
        writer.writerow([_csv_value(row.get(name)) for name in table.columns])


def write_json_lines(table: Results, file: IO[str]) -> None:
    """Write a JSON object a row."""
    for row in table:
        file.write(_json(jsonable(row)) + "\n")


# By format; each writes a table to a file of text.
WRITERS: dict[str, Callable[[Results, IO[str]], None]] = {
    "csv": write_csv,
    "jsonl": write_json_lines,
}


def _write(table: Results, path: Path, chosen: str) -> None:
    if chosen == "parquet":
        table.to_polars().write_parquet(path)
        return
    with open(path, "w", newline="", encoding="utf-8") as file:
        WRITERS[chosen](table, file)


def _csv_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return _json(jsonable(value))
    return csv_cell(value) if isinstance(value, str) else jsonable(value)


_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
