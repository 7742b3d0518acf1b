"""The index: a table of contents over every report in a folder, also those of earlier runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffkit.errors import OutputError
from diffkit.report.pages import count_outcomes, environment
from diffkit.runner.documents import read_documents, write_text
from diffkit.runner.results import FAILED

MARKER = '<meta name="generator" content="diffkit">'


def check(out: Path) -> None:
    """Raises OutputError where ``out`` has an ``index.html`` that diffkit did not write."""
    page = out / "index.html"
    if page.is_dir() or (page.exists() and MARKER not in page.read_text("utf-8", "replace")):
        raise OutputError(f"{page} is not an index of reports; choose another --out")


def write(out: Path) -> Path:
    """Write ``index.html`` over the reports in ``out``; the path of the page.

    Raises OutputError where it cannot be written.
    """
    check(out)
    page = out / "index.html"
    write_text(page, render(out))
    return page


def render(out: Path) -> str:
    """The page as text; a report that cannot be read is named as such."""
    entries = [_entry(folder, found) for folder, found in read_documents(out)]
    return environment().get_template("index.html").render(entries=entries)


def _entry(folder: str, found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {"folder": folder, "damaged": True}
    outcomes = [claim["outcome"] for claim in found["claims"]]
    return {
        "folder": folder,
        "damaged": False,
        "title": found["experiment"]["title"],
        "question": found["experiment"]["question"],
        "claims": found["claims"],
        "counts": count_outcomes(outcomes),
        "rows": len(found["rows"]),
        "failed": sum(row.get("status") in FAILED for row in found["rows"]),
        "started": found["provenance"]["started"],
        "seconds": found["provenance"]["seconds"],
    }
