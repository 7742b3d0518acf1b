"""A run becomes a report: table, figures and page, swapped in together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from diffkit.report import index, pages
from diffkit.runner import documents
from diffkit.runner.run import Run


def check(out: Path, names: Iterable[str]) -> None:
    """See, before anything is computed, that reports of these names can be written to ``out``.

    Raises OutputError where they cannot.
    """
    documents.check_output(out, names)
    index.check(out)


def publish(run: Run, out: Path) -> Path:
    """Write the report of a run into ``out`` and renew the index; the path of the page.

    Until the report is complete, one of the same name stays as it was.
    Raises OutputError where the file system refuses.
    """
    target = out / run.experiment.name
    with documents.replacing(target) as folder:
        documents.write_results(run, folder)
        pages.write(run.experiment, run.results, run.figures, run.provenance, run.verdicts, folder)
    index.write(out)
    return target / "index.html"
