"""The notebooks run in a real kernel, and every result shows itself there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"
JUPYTER = NOTEBOOKS / "first_steps.ipynb"
MARIMO = NOTEBOOKS / "moving_point.py"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The Jupyter notebook, after a kernel has run all of it."""
    notebook = nbformat.read(JUPYTER, as_version=4)
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("kernel"))}}
    NotebookClient(notebook, timeout=100, kernel_name="python3", resources=where).execute()
    return notebook


def outputs(notebook: Any, beginning: str) -> dict[str, Any]:
    """What the cell whose last line begins so has shown, by the type of its content."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.splitlines()[-1].startswith(beginning):
            return {kind: data for o in cell.outputs for kind, data in o.get("data", {}).items()}
    raise AssertionError(f"no cell ends with {beginning}")


def test_every_cell_shows_something_and_nothing_else(executed: Any) -> None:
    for cell in executed.cells:
        if cell.cell_type == "code":
            kinds = [o.output_type for o in cell.outputs]
            assert kinds in (["execute_result"], ["display_data"]), (cell.source, cell.outputs)


@pytest.mark.parametrize(
    "beginning", ["comparison", "dk.check_gradient", "trace.table", "dk.swell"]
)
def test_results_are_tables_whose_cells_hold_what_the_text_holds(
    executed: Any, beginning: str
) -> None:
    shown = outputs(executed, beginning)
    assert "<table" in shown["text/html"]
    assert "\x1b" not in shown["text/plain"]
    assert shown["text/plain"].strip()


def test_a_derivative_in_symbols_is_latex(executed: Any) -> None:
    latex = outputs(executed, "dk.Symbolic")["text/latex"]
    assert latex.startswith("$")
    assert r"\cos" in latex


def test_a_graph_is_drawn(executed: Any) -> None:
    assert "<svg" in outputs(executed, "trace.graph()")["text/html"]


def test_figures_are_plotlys_own(executed: Any) -> None:
    figure = outputs(executed, "comparison.figure()")["application/vnd.plotly.v1+json"]
    assert {trace["name"] for trace in figure["data"]} >= {"reverse", "finite_difference"}


def test_the_notebook_is_kept_without_what_it_has_shown() -> None:
    cells = json.loads(JUPYTER.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)
    assert not any(cell.get("execution_count") for cell in cells)


def test_the_reactive_notebook_runs_and_shows_trace_figure_and_comparison(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "marimo", "export", "html", str(MARIMO), "--output", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    html = page.read_text(encoding="utf-8")
    for shown in ("trace-graph", "plotly", "finite_difference", "accordion"):
        assert shown in html
    assert "marimo+error" not in html


def test_a_cell_that_fails_would_be_seen(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    source = MARIMO.read_text(encoding="utf-8")
    broken.write_text(source.replace('dk.problems["griewank"]', "1 / 0"), encoding="utf-8")
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "marimo", "export", "html", str(broken), "--output", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode != 0 or "marimo+error" in page.read_text(encoding="utf-8")
