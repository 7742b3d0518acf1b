"""`diffkit trace`: tables in every form, pages, and one line for a mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from tests.command_line import invoke


def run(*args: str) -> Result:
    return invoke("trace", *args)


def test_a_typed_expression_with_its_adjoints() -> None:
    result = run("x*y + sin(x)", "--at", "x=2,y=3", "--adjoints", "--names", "w")
    assert result.exit_code == 0
    # Cross Validated 224140: dz/dx = 3 + cos 2 = 2.58
    (row,) = [line for line in result.output.splitlines() if line.lstrip().startswith("w₁")]
    assert "w̄₁ = w̄₃·w₂ + w̄₄·cos w₁" in row
    assert "2.58385" in row


def test_json_has_all_digits() -> None:
    result = run("griewank", "--at", "1.5,0.5", "--tangents", "--format", "json")
    rows = json.loads(result.output)["rows"]
    assert rows[-1]["value"] == 2.016646669428201  # Griewank & Walther 2008, chapter 1
    assert rows[-1]["along x₁"] == pytest.approx(3.0118433276739066, rel=4e-16)


@pytest.mark.parametrize(
    ("form", "start"),
    [("latex", r"\begin{tabular}"), ("markdown", "| variable"), ("csv", "variable,"),
     ("html", "<table>")],
)  # fmt: skip
def test_forms(form: str, start: str) -> None:
    result = run("-x**2", "--at", "3", "--format", form)
    assert result.exit_code == 0
    assert result.output.startswith(start)


def test_a_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    result = run("griewank", "--out", str(out))
    assert result.output == f"Open {out}\n"
    assert out.read_text("utf-8").startswith("<!doctype html>")


def test_your_own_code(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef f(x, a):\n    return a * np.sin(x)\n"
    )
    result = run(f"{tmp_path / 'mine.py'}:f", "--at", "x=0.5,a=3", "--adjoints", "--format", "json")
    assert json.loads(result.output)["rows"][0]["adjoint's value"] == 3 * np.cos(0.5)


@pytest.mark.parametrize(
    ("args", "message"),
    [(["griewnk"], "griewank"), (["log(x", "--at", "1"], "never closed|not closed"),
     (["x*y"], "--at"), (["sin", "--out", "/nowhere/at/all.html"], "choose another path")],
)  # fmt: skip
def test_mistakes(args: list[str], message: str) -> None:
    result = run(*args)
    assert result.exit_code != 0
    assert re.search(message, result.output + result.stderr)
    assert "Traceback" not in result.output
