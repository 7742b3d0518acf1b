"""The tables of a trace: published numbers, published sums, and every form of the table."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ShapeError, UnknownNameError

GRIEWANK = dk.problems["griewank"], np.array([1.5, 0.5])
PRODUCT = dk.problems["product_plus_sine"], np.array([2.0, 3.0])
HOSTILE = "</td><script>alert(1)</script>|$\\x#_`"


def by_name(table: Any, column: str) -> dict[str, Any]:
    return {row["variable"]: row[column] for row in table.to_dict()["rows"]}


# --- Griewank & Walther 2008, 'Evaluating Derivatives', chapter 1 -------------------------


def test_griewank_evaluation_trace() -> None:
    rows = dk.trace(*GRIEWANK).table().to_dict()["rows"]
    assert [row["variable"] for row in rows] == [
        "v₋₁",
        "v₀",
        "v₁",
        "v₂",
        "v₃",
        "v₄",
        "v₅",
        "v₆",
        "y",
    ]
    assert [row["formula"] for row in rows] == [
        "x₁", "x₂", "v₋₁/v₀", "sin v₁", "exp v₀", "v₁ − v₃", "v₂ + v₄", "v₅·v₄", "v₆",
    ]  # fmt: skip
    printed = ["1.50000", "0.50000", "3.00000", "0.14112", "1.64872", "1.35128", "1.49240"]
    assert [f"{row['value']:.5f}" for row in rows[:7]] == printed
    assert rows[7]["value"] == rows[8]["value"] == 2.016646669428201


def test_griewank_reverse_trace() -> None:
    sums = by_name(dk.trace(*GRIEWANK).table(adjoints=True), "adjoint")
    assert list(sums.values()) == [
        "v̄₋₁ = v̄₁/v₀",
        "v̄₀ = −v̄₁·v₁/v₀ + v̄₃·v₃",
        "v̄₁ = v̄₂·cos v₁ + v̄₄",
        "v̄₂ = v̄₅",
        "v̄₃ = −v̄₄",
        "v̄₄ = v̄₅ + v̄₆·v₅",
        "v̄₅ = v̄₆·v₄",
        "v̄₆ = ȳ",
        "ȳ (seed)",
    ]
    values = by_name(dk.trace(*GRIEWANK).table(adjoints=True), "adjoint's value")
    assert values["v₋₁"] == pytest.approx(3.0118433276739066, rel=4e-16)
    assert values["v₀"] == pytest.approx(-13.723961509314075, rel=4e-16)


def test_griewank_forward_trace() -> None:
    table = dk.trace(*GRIEWANK).table(tangents=[1.0, 0.0])
    assert by_name(table, "tangent")["v₁"] == "v̇₁ = v̇₋₁/v₀ − v̇₀·v₁/v₀"
    values = by_name(table, "tangent's value")
    # v1' = 1 / x2, v2' = cos(3) v1', and 3.0118... is printed for y'.
    assert values["v₁"] == 2.0
    assert values["v₂"] == pytest.approx(2.0 * np.cos(3.0), rel=1e-15)
    assert values["y"] == pytest.approx(3.0118433276739066, rel=4e-16)


# --- Cross Validated 224140: z = x1 x2 + sin x1 at (2, 3) ----------------------------------


def test_product_plus_sine_with_every_adjoint_that_the_text_prints() -> None:
    table = dk.trace(*PRODUCT).table("w", adjoints=True)
    values = by_name(table, "value")
    assert [values[w] for w in ("w₁", "w₂", "w₃")] == [2.0, 3.0, 6.0]
    assert [f"{values[w]:.1f}" for w in ("w₄", "w₅", "y")] == ["0.9", "6.9", "6.9"]
    adjoints = by_name(table, "adjoint's value")
    assert [adjoints[w] for w in ("y", "w₅", "w₄", "w₃", "w₂")] == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert adjoints["w₁"] == pytest.approx(2.583853163452858, rel=2e-16)


def test_the_sums_are_those_of_the_texts() -> None:
    # math.stackexchange.com/a/1720583 computes the sine first: w3 = sin w1, w4 = w1 w2.
    table = dk.trace(dk.problems["sine_plus_product"], [1.0, 2.0]).table("w", adjoints=True)
    sums = by_name(table, "adjoint")
    assert sums["w₁"] == "w̄₁ = w̄₃·cos w₁ + w̄₄·w₂"
    assert sums["w₂"] == "w̄₂ = w̄₄·w₁"
    assert by_name(table, "formula")["w₁"] == "x"
    # Cross Validated 224140 takes the product first.
    sums = by_name(dk.trace(*PRODUCT).table("w", adjoints=True), "adjoint")
    assert sums["w₁"] == "w̄₁ = w̄₃·w₂ + w̄₄·cos w₁"


def test_the_linear_model_has_its_numbers() -> None:
    # alpha = 2, beta = 5, gamma = -2, L = 4, dL/dw = dL/db = -4: lecture notes, see the problem
    f = dk.problems["linear_model_loss"]
    rows = dk.trace(f, np.array([2.0, 3.0])).table(adjoints=True).to_dict()["rows"]
    assert [row["value"] for row in rows[2:6]] == [2.0, 5.0, -2.0, 4.0]
    assert [row["adjoint's value"] for row in rows[:2]] == [-4.0, -4.0]


def test_backpropagation_reads_like_the_textbook() -> None:
    # Nielsen 2015, chapter 2: delta times the transposed matrix, and delta times the activations
    def f(x: Any) -> Any:
        return np.sum(np.tanh(np.reshape(x, (2, 2)) @ np.array([1.0, -1.0])))

    sums = by_name(dk.trace(f, np.arange(4.0)).table(adjoints=True), "adjoint")
    assert sums["v₁"] == "v̄₁ = v̄₂ ⊗ [1, −1]"
    assert sums["v₂"] == "v̄₂ = v̄₃·(1 − v₃²)"


# --- what becomes a line, and what does not ------------------------------------------------


def formulas(f: Any, x: Any) -> list[str]:
    return [row["formula"] for row in dk.trace(f, x).table().to_dict()["rows"]]


def test_constants_stand_inside_formulas() -> None:
    assert formulas(lambda x: 4.0 * x * (1.0 - x), 0.3)[1:4] == ["4·v₀", "1 − v₀", "v₁·v₂"]
    assert formulas(lambda x: x * -2.0 + x**2 + x**-1.5, 2.0)[1:4] == ["v₀·(−2)", "v₀²", "v₁ + v₂"]


def test_what_is_computed_from_constants_alone_is_a_number() -> None:
    assert formulas(lambda x: x * np.sqrt(np.ones_like(x) + 3.0), 1.5)[1] == "v₀·2"


def test_elements_are_inputs_however_often_and_from_wherever_they_are_read() -> None:
    assert formulas(lambda x: x[0] * x[-1] + x[0], np.array([1.0, 2.0])) == [
        "x₁", "x₂", "v₋₁·v₀", "v₁ + v₋₁", "v₂",
    ]  # fmt: skip
    assert formulas(lambda x: x[0, 1] * x[1, 0], np.eye(2))[:4] == ["x1_1", "x1_2", "x2_1", "x2_2"]


def test_a_vector_that_is_used_as_a_whole_is_one_input() -> None:
    assert formulas(lambda x: x[0] * np.sum(x), np.array([1.0, 2.0]))[:3] == [
        "x",
        "v₀[0]",
        "sum(v₀)",
    ]


@pytest.mark.parametrize(("at", "condition"), [(4.0, "v₀ > 3"), (2.0, "v₀ ≤ 3")])
def test_a_branch_is_told_as_the_decision_that_was_taken(at: float, condition: str) -> None:
    def f(x: Any) -> Any:
        return x**2 if x > 3 else -x

    rows = dk.trace(f, at).table(adjoints=True).to_dict()["rows"]
    assert (rows[1]["variable"], rows[1]["formula"], rows[1]["value"]) == (
        "branch", condition, "taken",
    )  # fmt: skip
    assert rows[2]["variable"] == "v₁"


def test_several_outputs_have_seeds_of_their_own() -> None:
    def f(x: Any) -> Any:
        return [x[0] * x[1], np.sin(x[0]), 7.0]

    table = dk.trace(f, np.array([2.0, 3.0])).table("w", adjoints=True, tangents=True)
    assert table.columns[3:] == (
        "tangent", "along x₁", "along x₂", "adjoint", "of y₁", "of y₂", "of y₃",
    )  # fmt: skip
    first = table.to_dict()["rows"][0]
    assert first["adjoint"] == "w̄₁ = w̄₃·w₂ + w̄₄·cos w₁"
    assert [first["of y₁"], first["of y₂"], first["of y₃"]] == [3.0, np.cos(2.0), 0.0]
    last = table.to_dict()["rows"][-1]
    assert (last["variable"], last["formula"], last["value"]) == ("y₃", "7", 7.0)
    combined = dk.trace(f, np.array([2.0, 3.0])).table("w", adjoints=[1.0, 1.0, 0.0])
    assert by_name(combined, "adjoint's value")["w₁"] == 3.0 + np.cos(2.0)


def test_a_gradient_is_a_trace_as_well() -> None:
    rows = dk.trace(np.sin, 2.0).gradient().table().to_dict()["rows"]
    assert rows[-1]["value"] == np.cos(2.0)


def test_wrong_shapes_and_names_are_refused() -> None:
    trace = dk.trace(*GRIEWANK)
    with pytest.raises(ShapeError, match=r"tangent has shape \(3,\)"):
        trace.table(tangents=np.ones(3))
    with pytest.raises(ShapeError, match=r"cotangent has shape \(2,\)"):
        trace.table(adjoints=np.ones(2))
    with pytest.raises(UnknownNameError, match="unknown notation 'q'"):
        trace.table("q")


# --- forms -----------------------------------------------------------------------------------


def test_csv_has_all_digits() -> None:
    rows = list(csv.DictReader(io.StringIO(dk.trace(*GRIEWANK).table(adjoints=True).to_csv())))
    assert float(rows[8]["value"]) == 2.016646669428201
    assert rows[2]["adjoint"] == "v̄₁ = v̄₂·cos v₁ + v̄₄"


def test_latex_has_a_cell_for_every_column_and_closes_what_it_opens() -> None:
    for name in ("griewank", "four_layer_network", "newton_sqrt", "norm", "rectifier"):
        problem = dk.problems[name]
        text = dk.trace(problem, problem.points[0]).table(tangents=True, adjoints=True).to_latex()
        assert text.isascii(), [c for c in text if not c.isascii()]
        body = [line for line in text.splitlines() if line.endswith(r"\\")]
        columns = len(re.search(r"tabular\}\{(\w+)\}", text)[1])  # type: ignore[index]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {columns - 1}
        bare = re.sub(r"\\[{}$&#_%]", "", text)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert bare.count(r"\left") == bare.count(r"\right")


def test_latex_formulas() -> None:
    text = dk.trace(*GRIEWANK).table(adjoints=True).to_latex()
    assert r"variable & formula & value & adjoint & adjoint's value \\" in text
    assert "along x$_{1}$ & along x$_{2}$" in dk.trace(*GRIEWANK).table(tangents=True).to_latex()
    assert r"$v_{2}$ & $\sin v_{1}$ & $0.14112$ & $\bar{v}_{2} = \bar{v}_{5}$" in text
    assert r"\bar{v}_{1} = \bar{v}_{2} \cdot \cos v_{1} + \bar{v}_{4}" in text


def test_markdown_is_a_pipe_table() -> None:
    lines = dk.trace(np.abs, -2.0).table().to_markdown().splitlines()
    assert lines[1] == "| --- | --- | ---: |"
    assert lines[3] == r"| v₁ | \|v₀\| | 2 |"


class Text(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_are_escaped_everywhere() -> None:
    f = dk.Function(lambda x: x * 2.0, name=HOSTILE, variables=(HOSTILE,))
    trace = dk.trace(f, 1.0)
    parsed = Text(trace._repr_html_())
    assert "script" not in parsed.tags
    assert HOSTILE in parsed.text
    assert "<script" not in trace.table().to_markdown()
    assert r"\textbackslash{}x\#\_" in trace.table().to_latex()
    spreadsheet = dk.Function(lambda x: x * 2.0, variables=("=HYPERLINK(1)",))
    assert "'=HYPERLINK(1)" in dk.trace(spreadsheet, 1.0).table().to_csv()
    rings = dk.Function(lambda x: x * 2.0, name="\x1b[2J", variables=("\x07",))
    assert str(dk.trace(rings, 1.0).table()).replace("\n", "").isprintable()


def test_the_terminal_shows_the_whole_table_on_one_line_a_row() -> None:
    text = str(dk.trace(*GRIEWANK).table(tangents=True, adjoints=True))
    (line,) = [line for line in text.splitlines() if line.lstrip().startswith("v₀")]
    assert "v̄₀ = −v̄₁·v₁/v₀ + v̄₃·v₃" in line
    assert "−13.724" in line
