"""Put reports on disk so that a report is always complete: the new one, or the one before."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diffkit.errors import OutputError
from diffkit.runner.export import write_csv
from diffkit.runner.results import jsonable
from diffkit.runner.run import Run

RESULTS_JSON = "results.json"
FORMAT = "diffkit-report/1"


def check_output(out: Path, names: Iterable[str] = ()) -> None:
    """Make the folder ``out`` if need be, and see that reports can be written into it.

    Raises OutputError where it cannot be made or written to, or where the folder of a
    report is taken by something that is not a report.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".check-"):
            pass
    except OSError as error:
        raise _cannot_write(out, error) from error
    for name in names:
        _refuse_foreign(out / name)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new empty folder that takes the place of ``target`` when the block ends well.

    When it does not, for whatever reason, ``target`` stays as it was.
    Raises OutputError where the file system refuses.
    """
    _refuse_foreign(target)
    try:
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        new = scratch / "new"
        new.mkdir()
        yield new
        _swap(new, target, scratch / "old")
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file at once: a reader sees the old text or the new, never a part.

    Raises OutputError where the file system refuses.
    """
    scratch = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def write_results(run: Run, folder: Path) -> None:
    """Write ``results.csv`` and ``results.json`` of a run."""
    with open(folder / "results.csv", "w", newline="", encoding="utf-8") as file:
        write_csv(run.results, file)
    (folder / RESULTS_JSON).write_text(_json(document(run)), encoding="utf-8")


def document(run: Run) -> dict[str, Any]:
    """Everything that a run found, in JSON's terms."""
    experiment = run.experiment
    return {
        "format": FORMAT,
        "experiment": {
            "name": experiment.name,
            "title": experiment.title,
            "question": experiment.question,
            "chapter": experiment.chapter,
            "order": experiment.order,
        },
        "provenance": jsonable(run.provenance.to_dict()),
        "claims": [asdict(verdict) for verdict in run.verdicts],
        **run.results.to_dict(),
    }


def read_documents(out: Path) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The folder and the document of every report in ``out``; None for one that is damaged."""
    for path in sorted(out.glob(f"*/{RESULTS_JSON}")):
        if not path.parent.name.startswith("."):
            yield path.parent.name, _read(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def _json(found: dict[str, Any]) -> str:
    """JSON with each row of the table on one line, as an eye or a diff wants it."""
    head = json.dumps(
        {name: part for name, part in found.items() if name != "rows"},
        indent=1,
        ensure_ascii=False,
        allow_nan=False,
    )
    rows = ",\n  ".join(map(_encoder.encode, found["rows"]))
    return f'{head[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n'


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put ``new`` in the place of ``target``; bring the old one back where that fails."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def _refuse_foreign(target: Path) -> None:
    """A report may replace a report, or nothing; never files that diffkit did not write."""
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{target} is a file, and a report needs a folder of that name")
    if any(target.iterdir()) and not (target / RESULTS_JSON).is_file():
        raise OutputError(f"{target} holds files that are not a report; choose another --out")


def _cannot_write(path: Path, error: OSError) -> OutputError:
    if isinstance(error, OutputError):
        return error
    return OutputError(f"cannot write to {path}: {error.strerror or error}")
