"""What a user types or names is harmless where it is shown: terminal, page, CSV, figure."""

from __future__ import annotations

import csv
import math
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import diffkit as dk
from diffkit import _verdict, errors
from diffkit._escape import csv_cell, plotly_text, terminal
from diffkit.cli import cli
from diffkit.report import pages
from diffkit.report.publish import publish
from diffkit.runner import Claim, Experiment, Figure, export, run
from diffkit.runner.results import Results

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\r\nSet-Cookie: a=b",
    "\u202ename",
    "\x9b31m",
    "[bold red]x[/] [link=http://localhost]y[/link]",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1",
    "-1+1|x",
    "\t=1",
    "{{ 7*7 }}",
    "`id`",
]


@given(st.text())
def test_a_terminal_is_sent_only_what_it_prints(text: str) -> None:
    assert terminal(text).isprintable()
    if text.isprintable():
        assert terminal(text) == text
    assert terminal(text + "\n", keep="\n").endswith("\n")


@given(st.text())
def test_no_text_cell_begins_as_a_formula_does(text: str) -> None:
    cell = csv_cell(text)
    assert str(cell)[:1] not in tuple("=+-@\t\r\n＝＋－＠")
    assert cell in (text, "'" + text)


def test_numbers_and_nothing_stay_as_they_are() -> None:
    for value in (-1, -1.5, 1e-3, None, True, -math.inf):
        assert csv_cell(value) is value


def written(rows: Any) -> list[dict[str, str]]:
    out = StringIO(newline="")
    export.write_csv(Results.of(rows), out)
    return list(csv.DictReader(StringIO(out.getvalue(), newline="")))


def test_the_table_of_results_holds_no_formula_and_all_numbers() -> None:
    rows = [{"=label": label, "n": -1, "x": -1.5, "inf": -math.inf} for label in HOSTILE]
    for label, row in zip(HOSTILE, written(rows), strict=True):
        assert row["'=label"] == ("'" + label if label[0] in "=+-@\t\r" else label)
        assert (row["n"], row["x"], row["inf"]) == ("-1", "-1.5", "-Infinity")


def test_a_preview_of_results_prints_no_control_character() -> None:
    shown = repr(Results.of([{label: label} for label in HOSTILE[:6]]))
    assert one_line(shown).isprintable()


def test_a_report_of_hostile_labels_is_inert(tmp_path: Path) -> None:
    def figures(results: Results) -> list[Figure]:
        drawing = go.Figure()
        for label in HOSTILE:
            drawing.add_scatter(name=label, x=[label], y=[-1.0])
        return [Figure("all", HOSTILE[5], HOSTILE[6], drawing)]

    experiment = Experiment(
        name="hostile", title=HOSTILE[5], question=" ".join(HOSTILE), figures=figures,
        cells=lambda: [{"label": label} for label in HOSTILE],
        measure=lambda label: {"value": label},
        claims=tuple(Claim(label, lambda r, label=label: (True, label)) for label in HOSTILE),
        reproduce=HOSTILE[6], reading=tuple(HOSTILE),
    )  # fmt: skip
    page = publish(run(experiment, command=HOSTILE[6]), tmp_path)
    for path in (page, tmp_path / "index.html"):
        text = path.read_text(encoding="utf-8")
        assert "<img" not in text.replace(str(pages._plotly()), "")
        assert "<script>alert" not in text
        assert "49" not in [cell.strip() for cell in text.split("<td>")]
    with open(page.parent / "figures" / "all.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert not row["series"].startswith(tuple("=+-@\t\r"))
            assert not row["x"].startswith(tuple("=+-@\t\r"))
            assert row["y"] == "-1.0"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", "", "CON:", "x\x00", *HOSTILE])
def test_what_becomes_a_file_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(errors.ExperimentError, match="lower-case letters") as caught:
        Experiment(name=name, title="", question="", cells=list, measure=dict)
    assert str(caught.value).isprintable()
    with pytest.raises(errors.ExperimentError, match="lower-case letters"):
        Figure(name, "", "", go.Figure())


def one_line(text: str) -> str:
    return "".join(text.split("\n"))


@pytest.mark.parametrize("label", HOSTILE)
def test_the_command_line_prints_no_control_character(label: str, tmp_path: Path) -> None:
    at = str(tmp_path / "out")
    for arguments in (
        [label], ["run", label], ["run", label, "--out", at], ["run", "x", "--out", at + label],
        ["compare", label], ["compare", label, "--at", "1"], ["compare", "exp", "--at", label],
        ["compare", "exp", "--operator", label], ["compare", "exp", "--backend", label],
        ["compare", "exp", "--at", f"{label}=1"], ["compare", f"{label}:f", "--at", "1"],
        ["compare", f"math:{label}", "--at", "1"], ["compare", f"{label}.py:f", "--at", "1"],
        ["compare", "exp", label, label], ["list", label], ["compare", "exp", f"--{label}"],
    ):  # fmt: skip
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code in (0, 1, 2), arguments
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert one_line(result.output).isprintable(), arguments


@pytest.mark.parametrize("label", HOSTILE)
def test_results_print_no_control_character_and_no_markup(label: str) -> None:
    from rich.console import Console

    def f(x: Any) -> Any:
        if isinstance(x, complex):  # as the complex step calls it
            raise ValueError(label)
        return np.exp(x)

    f.__name__ = label
    comparison = dk.compare(f, 1.0, backends=["finite_difference", "complex_step"])
    evidence = (_verdict.Evidence("test", "agrees", label),)
    for shown in (comparison, _verdict.Verdict("right", label, evidence=evidence)):
        out = StringIO()
        Console(file=out, width=200, force_terminal=True, color_system=None).print(shown)
        for text in (out.getvalue(), str(shown)):
            assert one_line(text).isprintable()
        assert "<img" not in shown._repr_html_()
        assert "<script" not in shown._repr_html_()
    assert terminal(label)[:30] in comparison.title
    tape = dk.trace(f, 1.0)
    out = StringIO()
    Console(file=out, width=200).print(tape.table())
    assert one_line(out.getvalue()).isprintable()
    assert "".join(terminal(label).split()) in "".join(out.getvalue().split())
    assert repr(tape).isprintable()
    assert one_line(str(dk.swell(f, 1.0))).isprintable()
    with pytest.raises(errors.UnsupportedError, match="cannot be the name"):
        tape.to_source(label)
    title = comparison.figure().layout.title.text
    assert title == plotly_text(comparison.title)
    assert "<" not in title
    assert repr(dk.function(f)).isprintable()
