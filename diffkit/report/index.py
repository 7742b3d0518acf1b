"""The index: a course over every report in a folder, also those of earlier runs.

The pages are linked one after the other in the course's order. As a report may come to stand
between two others, the links of its neighbours are renewed together with the index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from diffkit.errors import OutputError
from diffkit.report import course
from diffkit.report.pages import COURSE_ENDS, COURSE_STARTS, count_outcomes, environment
from diffkit.runner.documents import read_documents, write_text
from diffkit.runner.results import FAILED

MARKER = '<meta name="generator" content="diffkit">'

_HEAD = 65_536  # the links at the top of a page stand within so many characters


def check(out: Path) -> None:
    """Raises OutputError where ``out`` has an ``index.html`` that diffkit did not write."""
    page = out / "index.html"
    if page.is_dir() or (page.exists() and MARKER not in page.read_text("utf-8", "replace")):
        raise OutputError(f"{page} is not an index of reports; choose another --out")


def write(out: Path) -> Path:
    """Write ``index.html`` over the reports in ``out`` and link them; the path of the page.

    Raises OutputError where it cannot be written.
    """
    check(out)
    page = out / "index.html"
    entries = _entries(out)
    write_text(page, _render(entries))
    for entry in entries:
        if not entry["damaged"]:
            _link(out / entry["folder"] / "index.html", entry)
    return page


def render(out: Path) -> str:
    """The page as text; a report that cannot be read is named as such."""
    return _render(_entries(out))


def _render(entries: list[dict[str, Any]]) -> str:
    readable = [entry for entry in entries if not entry["damaged"]]
    chapters = [(c, [e for e in readable if e["section"] is c]) for c in _chapters(readable)]
    return (
        environment()
        .get_template("index.html")
        .render(
            chapters=chapters,
            damaged=[entry["folder"] for entry in entries if entry["damaged"]],
            is_course=any(c is not course.FURTHER for c, _ in chapters),
        )
    )


def _chapters(entries: list[dict[str, Any]]) -> list[course.Chapter]:
    return list(dict.fromkeys(entry["section"] for entry in entries))


def _entries(out: Path) -> list[dict[str, Any]]:
    """The reports in the order of the course, each with its neighbours; then damaged ones."""
    documents = dict(read_documents(out))
    readable = {folder: found for folder, found in documents.items() if found is not None}
    entries = [_entry(folder, readable[folder]) for folder in course.in_order(readable)]
    _number(entries)
    for before, after in pairwise(entries):
        before["next"], after["previous"] = after, before
    return entries + [{"folder": f, "damaged": True} for f in documents if f not in readable]


def _number(entries: list[dict[str, Any]]) -> None:
    """Number the pages: 2.3 is the third one of the second chapter of the whole course."""
    seen: Counter[str] = Counter()
    for entry in entries:
        chapter = entry["section"]
        seen[chapter.name] += 1
        if chapter is not course.FURTHER:
            place = course.CHAPTERS.index(chapter) + 1
            entry["chapter"] = f"Chapter {place}: {chapter.title}"
            entry["number"] = f"{place}.{seen[chapter.name]}"


def _entry(folder: str, found: dict[str, Any]) -> dict[str, Any]:
    outcomes = [claim["outcome"] for claim in found["claims"]]
    return {
        "folder": folder,
        "damaged": False,
        "section": course.chapter(found),
        "chapter": course.FURTHER.title,
        "number": "",
        "previous": None,
        "next": None,
        "title": found["experiment"]["title"],
        "question": found["experiment"]["question"],
        "claims": found["claims"],
        "counts": count_outcomes(outcomes),
        "rows": len(found["rows"]),
        "failed": sum(row.get("status") in FAILED for row in found["rows"]),
        "started": found["provenance"]["started"],
        "seconds": found["provenance"]["seconds"],
    }


def _link(page: Path, place: dict[str, Any]) -> None:
    """Put the links of its place into a page; the page is read whole only where they change."""
    links = list(_links(place))
    try:
        with open(page, encoding="utf-8") as file:
            top = file.read(_HEAD)
            if _between(top, *_marks(0)) in (None, links[0]):
                return
            text = top + file.read()
    except OSError:
        return  # a report without its page is not linked
    for k, new in enumerate(links):
        start, end = _marks(k)
        if (old := _between(text, start, end)) is not None:
            text = text.replace(f"{start}{old}{end}", f"{start}{new}{end}", 1)
    write_text(page, text)


def _links(place: dict[str, Any]) -> Iterator[str]:
    module = environment().get_template("course.html").module
    foot = module.foot(place).strip()  # type: ignore[attr-defined]
    # The neighbours stand in a comment at the top as well, so that a change is seen there.
    known = [n["folder"] + n["number"] if n else "" for n in (place["previous"], place["next"])]
    yield f"{module.head(place).strip()}<!-- {' '.join(known)} -->"  # type: ignore[attr-defined]
    yield foot


def _marks(k: int) -> tuple[str, str]:
    return COURSE_STARTS[k], COURSE_ENDS[k]


def _between(text: str, start: str, end: str) -> str | None:
    _, found, rest = text.partition(start)
    inside, ended, _ = rest.partition(end)
    return inside if found and ended else None
