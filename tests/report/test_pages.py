"""Pages: self-contained, escaped, and saying every outcome in words."""

from __future__ import annotations

import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import OutputError
from diffkit.report import figures as fig
from diffkit.report import index, pages, publish
from diffkit.runner import Claim, Experiment, Figure, Results, Run, run

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'


def measure(n: int) -> dict[str, Any]:
    if n == 3:
        raise ValueError(HOSTILE)
    return {"error": 10.0**-n, "note": HOSTILE, "big": 7**n}


def figures(results: Results) -> list[Figure]:
    drawn = fig.lines(results.ok, "n", "error", log="y", labels={"n": HOSTILE})
    return [
        Figure("first", HOSTILE, HOSTILE, drawn, half=True),
        Figure("second", "B", "b", drawn, half=True),
        Figure("third", "C", "c", drawn),
    ]


def toy(**parts: Any) -> Experiment:
    defaults: dict[str, Any] = {
        "name": "toy",
        "title": f"Title {HOSTILE}",
        "question": f"Question {HOSTILE}",
        "cells": lambda: [{"n": n} for n in range(60)],
        "measure": measure,
        "figures": figures,
        "claims": (
            Claim("First.", lambda r: (True, "yes " + HOSTILE)),
            Claim("Second.", lambda r: (False, "no")),
            Claim("Third.", lambda r: (r.column("absent"), "")),
        ),
        "reproduce": f"print('{HOSTILE}')",
        "reading": ("A book, https://example.org/book.",),
    }
    return Experiment(**(defaults | parts))


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] not in ("script", "style"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def finished() -> Run:
    return run(toy(), command=f"diffkit run toy {HOSTILE}")


@pytest.fixture(scope="module")
def out(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    publish.publish(finished, folder)
    return folder


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return (out / "toy" / "index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def test_nothing_is_loaded_from_anywhere(reader: Reader) -> None:
    loads = [a for _, attributes in reader.elements for a in attributes if a in ("src", "srcset")]
    assert loads == []
    assert [link["href"] for link in reader.all("link")] == ["data:,"]


def test_every_value_is_escaped(reader: Reader) -> None:
    assert reader.all("img") == []
    assert len(reader.all("script")) == 4  # plotly, figures, templates, and the page's own
    assert reader.text.count(HOSTILE) > 5


def test_plotly_is_embedded_once_and_only_where_there_are_figures(page: str) -> None:
    version = r"plotly\.js v\d"
    assert len(re.findall(version, page[: len(page) // 2])) == 1
    assert len(re.findall(version, page)) == 1
    bare = run(toy(figures=lambda r: []))
    text = pages.render(bare.experiment, bare.results, (), bare.provenance, bare.verdicts)
    assert len(text) < 100_000


def test_outcomes_are_told_in_words(reader: Reader) -> None:
    for words in ("held", "did not hold", "could not be checked", "unknown column 'absent'"):
        assert words in reader.text


def test_failing_cells_stand_with_their_reasons(reader: Reader) -> None:
    assert "n = 3" in reader.text
    assert f"ValueError: {HOSTILE}" in reader.text


def test_a_long_table_is_cut_and_says_so(reader: Reader) -> None:
    assert "The first 40 of 60 rows" in reader.text
    assert {"href": "results.csv"} in reader.all("a")


def test_addresses_in_the_reading_are_links(reader: Reader) -> None:
    assert {"href": "https://example.org/book"} in reader.all("a")


def test_every_link_to_a_file_leads_to_one(reader: Reader, out: Path) -> None:
    links = [str(a["href"]) for a in reader.all("a") if "://" not in str(a["href"])]
    links = [link for link in links if not link.startswith("#")]
    assert len(links) == 9
    for link in links:
        assert (out / "toy" / link).is_file(), link


def test_halves_stand_in_pairs_and_the_others_alone(reader: Reader) -> None:
    kinds = [a.get("class") for a in reader.all("div") if a.get("class") in ("pair", "single")]
    assert kinds == ["pair", "single"]


def test_provenance_is_shown(reader: Reader, finished: Run) -> None:
    for words in ("Seed", "numpy", finished.provenance.processor, f"diffkit run toy {HOSTILE}"):
        assert words in reader.text


def test_figures_are_kept_as_json_and_points(out: Path) -> None:
    folder = out / "toy" / "figures"
    assert json.loads((folder / "first.json").read_text())["data"][0]["type"] == "scatter"
    with open(folder / "first.csv", newline="") as file:
        points = list(csv.DictReader(file))
    assert (points[0]["x"], points[0]["y"]) == ("0", "1.0")
    assert len(points) == 59


def test_inline_marks_code_and_escapes_the_rest() -> None:
    assert pages.inline("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
    assert pages.inline("e^x, 2^-53, l_n, l_(n+1), f^(p+1)") == (
        "e<sup>x</sup>, 2<sup>-53</sup>, l<sub>n</sub>, l<sub>n+1</sub>, f<sup>(p+1)</sup>"
    )
    assert pages.inline("‖g‖^2, φ_1") == "‖g‖<sup>2</sup>, φ<sub>1</sub>"
    kept = "`a_b^c` fd_error_exp https://example.org/a_b^2"
    assert "<su" not in pages.inline(kept)
    assert pages.prose("one\n\ntwo") == "<p>one</p>\n<p>two</p>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (1 / 3, "0.333333"),
        (math.nan, "nan"),
        (True, "True"),
        (12345678, "12345678"),
        (10**30 + 7, "10000000…000007 (31 digits)"),
    ],
)
def test_values_are_shown_short(value: object, text: str) -> None:
    assert pages.shown(value) == text


# --- the index -------------------------------------------------------------------------


def test_the_index_covers_earlier_reports_as_well(finished: Run, tmp_path: Path) -> None:
    publish.publish(finished, tmp_path)
    publish.publish(run(toy(name="other", title="Other", figures=lambda r: [])), tmp_path)
    reader = Reader((tmp_path / "index.html").read_text("utf-8"))
    assert [a["href"] for a in reader.all("a")] == ["other/index.html", "toy/index.html"]
    summary = " ".join(reader.text.split())
    assert "1 held · 1 did not hold · 1 could not be checked" in summary
    assert "60 rows · 1 failed" in summary
    assert f"Question {HOSTILE}" in reader.text
    assert reader.all("script") == []


def published(out: Path, **places: tuple[str, int]) -> None:
    """Reports of these names, each in its chapter with its order."""
    for name, (chapter, order) in places.items():
        parts = {"title": name.title(), "chapter": chapter, "order": order}
        publish.publish(run(toy(name=name, figures=lambda r: [], **parts)), out)


def links(page: Path) -> dict[str, str]:
    """Where the page's links to the pages before and after lead."""
    anchors = Reader(page.read_text("utf-8")).all("a")
    return {str(a["rel"]): str(a["href"]) for a in anchors if "rel" in a}


def test_the_index_is_a_course_in_chapters(tmp_path: Path) -> None:
    published(tmp_path, own=("", 0), late=("reverse", 20), early=("reverse", 10),
              first=("difference quotients", 99))  # fmt: skip
    reader = Reader((tmp_path / "index.html").read_text("utf-8"))
    pages_ = [str(a["href"]) for a in reader.all("a") if "/" in str(a["href"])]
    assert pages_ == [f"{n}/index.html" for n in ("first", "early", "late", "own")]
    text = " ".join(reader.text.split())
    for words in ("1. Difference quotients", "4. Reverse mode", "4.1 Early", "4.2 Late"):
        assert words in text
    assert text.index("4.2 Late") < text.rindex("Further reports")


def test_pages_lead_on_in_the_order_of_the_course_whenever_they_were_made(tmp_path: Path) -> None:
    published(tmp_path, a=("forward", 30), c=("forward", 10))
    assert links(tmp_path / "c" / "index.html") == {"next": "../a/index.html"}
    published(tmp_path, b=("forward", 20))
    assert links(tmp_path / "c" / "index.html") == {"next": "../b/index.html"}
    assert links(tmp_path / "b" / "index.html") == {
        "prev": "../c/index.html",
        "next": "../a/index.html",
    }
    assert links(tmp_path / "a" / "index.html") == {"prev": "../b/index.html"}
    assert "Chapter 3: Forward mode · 3.2" in (tmp_path / "b" / "index.html").read_text("utf-8")
    for page in tmp_path.glob("*/index.html"):
        assert all((page.parent / link).is_file() for link in links(page).values())


def test_a_page_whose_place_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    published(tmp_path, a=("forward", 1), b=("forward", 2), z=("pitfalls", 1))
    before = (tmp_path / "a" / "index.html").stat().st_mtime_ns
    published(tmp_path, y=("pitfalls", 0))
    assert (tmp_path / "a" / "index.html").stat().st_mtime_ns == before


def test_a_title_in_the_links_is_escaped(tmp_path: Path) -> None:
    for name in ("a", "b"):
        publish.publish(run(toy(name=name, chapter="forward", figures=lambda r: [])), tmp_path)
    assert Reader((tmp_path / "a" / "index.html").read_text("utf-8")).all("img") == []


def test_the_index_names_a_damaged_report(tmp_path: Path) -> None:
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "results.json").write_text("{")
    assert "diffkit run torn" in index.render(tmp_path)


def test_an_index_of_someone_else_is_refused_before_computing(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>my site</h1>")
    with pytest.raises(OutputError, match="choose another --out"):
        publish.check(tmp_path, ["toy"])
    with pytest.raises(OutputError, match="choose another --out"):
        index.write(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<h1>my site</h1>"


def test_a_page_that_fails_leaves_the_report_before_untouched(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(finished, tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fail(*_: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr(pages, "render", fail)
    with pytest.raises(RuntimeError, match="half way"):
        publish.publish(finished, tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
