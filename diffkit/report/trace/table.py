"""The tables of a trace: what was evaluated, and the tangents or adjoints beside it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import numpy as np
from markupsafe import escape

from diffkit import _rendering
from diffkit._escape import csv_cell

from .chain_rule import Sums, Sweep, adjoints, directions, seeds, tangents
from .formulas import formula
from .lines import DECISION, OPERATION, Line, Lines
from .notation import BAR, DOT, Notation, notation_for


@dataclass(frozen=True)
class Cell:
    """One entry: as plain text, as LaTeX for math mode, and the value that was rounded."""

    text: str = ""
    latex: str = ""
    value: Any = None


@dataclass(frozen=True, repr=False)
class TraceTable:
    """A trace as a table. It prints in a terminal and renders in a notebook.

    Attributes:
        title: what it shows.
        columns: the title of each column.
        rows: a cell for each column, inputs first and results last.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Title, columns, and the rows with unrounded numbers."""
        return {
            "title": self.title,
            "columns": list(self.columns),
            "rows": [dict(zip(self.columns, map(_plain, row), strict=True)) for row in self.rows],
        }

    def to_csv(self) -> str:
        """Comma-separated values with all digits."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[csv_cell(_plain(cell)) for cell in row] for row in self.rows])
        return out.getvalue()

    def to_markdown(self) -> str:
        """A pipe table."""
        lines = [list(self.columns), ["---:" if n else "---" for n in self._numeric()]]
        lines += [[_markdown(cell.text) for cell in row] for row in self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def to_latex(self) -> str:
        """A ``tabular`` that needs no package."""
        align = "".join("r" if n else "l" for n in self._numeric())
        out = [rf"\begin{{tabular}}{{{align}}}", r"\hline"]
        out.append(" & ".join(map(_latex_title, self.columns)) + r" \\")
        out.append(r"\hline")
        out += [" & ".join(f"${c.latex}$" if c.latex else "" for c in row) + r" \\"
                for row in self.rows]  # fmt: skip
        return "\n".join([*out, r"\hline", r"\end{tabular}", ""])

    def to_html(self) -> str:
        """A table element."""
        numeric = self._numeric()
        head = "".join(
            f'<th scope="col"{_aligned(n)}>{escape(title)}</th>'
            for title, n in zip(self.columns, numeric, strict=True)
        )
        body = "".join(
            "<tr>" + "".join(_html_cell(c, n) for c, n in zip(row, numeric, strict=True)) + "</tr>"
            for row in self.rows
        )
        return (
            f"<table><caption>{escape(self.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def __rich__(self) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(self.title))
        for title, numeric in zip(self.columns, self._numeric(), strict=True):
            table.add_column(title, justify="right" if numeric else "left", no_wrap=numeric)
        for row in self.rows:
            table.add_row(*[Text(cell.text) for cell in row])
        return table

    def __str__(self) -> str:
        # The table is as wide as it needs to be, whatever the terminal is.
        return _rendering.text(self, width=10_000)

    def __repr__(self) -> str:
        return str(self)

    def _numeric(self) -> list[bool]:
        """Whether a column holds values rather than formulas."""
        return [any(row[k].value is not None for row in self.rows)
                for k in range(len(self.columns))]  # fmt: skip


def _latex_title(title: str) -> str:
    """A title in text mode, with lowered digits in math mode."""
    plain = Notation("v", True, (), 0).escaped(normalize("NFKC", title))
    lowered = re.search(r"[₀-₉]+$", title)
    if lowered is None:
        return plain
    digits = normalize("NFKC", lowered[0])
    return f"{plain[: -len(digits)]}$_{{{digits}}}$"


def _plain(cell: Cell) -> Any:
    if cell.value is None:
        return cell.text
    if isinstance(cell.value, tuple):
        return [_plain(Cell(value=v)) for v in cell.value]
    return cell.value.tolist() if isinstance(cell.value, (np.ndarray, np.generic)) else cell.value


def _markdown(text: str) -> str:
    """Text for a pipe table, in which Markdown finds nothing of its own."""
    return re.sub(r"([\\`*_|\[\]])", r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;")


def _html_cell(cell: Cell, numeric: bool) -> str:
    return f"<td{_aligned(numeric)}>{escape(cell.text)}</td>"


def _aligned(numeric: bool) -> str:
    return f' style="text-align:{"right" if numeric else "left"};{_rendering.ROOM}"'


def table(
    lines: Lines,
    point: Sequence[Any],
    names: str = "v",
    tangent: Any = None,
    cotangent: Any = None,
) -> TraceTable:
    """The table of a trace, with tangents, with adjoints, or with both.

    Args:
        lines: the trace.
        point: the inputs of the tape.
        names: how variables are named, "v" or "w".
        tangent: a direction like the point, True for one along each input, or None.
        cotangent: a seed like the result, True for ones (of several results one seed for each),
            or None.

    Raises:
        ShapeError: a direction or a seed has another shape than it must have.
        UnknownNameError: names is neither "v" nor "w".
    """
    both = notation_for(lines, names), notation_for(lines, names, latex=True)
    columns = _evaluation(lines, both)
    if tangent is not None and tangent is not False:
        columns += _forward(lines, both, directions(lines, tangent, point))
    if cotangent is not None and cotangent is not False:
        columns += _reverse(lines, both, seeds(lines, cotangent))
    rows = tuple(zip(*[cells for _, cells in columns], strict=True))
    return TraceTable(_title(lines, tangent, cotangent), tuple(t for t, _ in columns), rows)


Column = tuple[str, list[Cell]]
Notations = tuple[Notation, Notation]


def _title(lines: Lines, tangent: Any, cotangent: Any) -> str:
    beside = [word for word, asked in (("tangents", tangent), ("adjoints", cotangent))
              if asked is not None and asked is not False]  # fmt: skip
    more = f" with {' and '.join(beside)}" if beside else ""
    upwards = "; adjoints are read from below" if "adjoints" in beside else ""
    return f"evaluation trace of {lines.name}{more}{upwards}"


def _evaluation(lines: Lines, both: Notations) -> list[Column]:
    variable, computed, value = [], [], []
    for k, line in enumerate(lines.lines):
        variable.append(Cell("branch", r"\mathrm{branch}") if line.kind == DECISION else
                        Cell(*[n.variable(k) for n in both]))  # fmt: skip
        computed.append(Cell(*[formula(lines, k, n) for n in both]))
        value.append(Cell("taken", r"\mathrm{taken}") if line.kind == DECISION else
                     _value(line.value, both))  # fmt: skip
    for r, (k, result) in enumerate(zip(lines.outputs, lines.values, strict=True)):
        variable.append(Cell(*[n.result(r) for n in both]))
        computed.append(Cell(*[n.variable(k) if k >= 0 else n.number(result) for n in both]))
        value.append(_value(result, both))
    return [("variable", variable), ("formula", computed), ("value", value)]


def _value(value: Any, both: Notations) -> Cell:
    text, latex = both
    return Cell(text.number(value), latex.number(value), value)


def _forward(lines: Lines, both: Notations, given: list[tuple[str, list[Any]]]) -> list[Column]:
    sweeps = [(label, tangents(lines, direction)) for label, direction in given]
    sums = [Sums(lines, n) for n in both]
    cells = [_tangent_sum(lines, k, line, sweeps[0][1], sums) for k, line in enumerate(lines.lines)]
    for r, k in enumerate(lines.outputs):
        right = [n.variable(k, DOT) if k >= 0 else "0" for n in both]
        cells.append(Cell(*[f"{n.result(r, DOT)} = {t}" for n, t in zip(both, right, strict=True)]))
    columns = [("tangent", cells)]
    for label, sweep in sweeps:
        values = _line_values(lines, sweep, both)
        values += [_value(sweep.values[k] if k >= 0 else 0.0, both) for k in lines.outputs]
        columns.append((f"along {both[0].label(label)}" if label else "tangent's value", values))
    return columns


def _tangent_sum(lines: Lines, k: int, line: Line, sweep: Sweep, sums: list[Sums]) -> Cell:
    if line.kind == DECISION:
        return Cell()
    names = [s.notation.variable(k, DOT) for s in sums]
    if line.kind != OPERATION:
        return Cell(f"{names[0]} (seed)", rf"{names[1]} \ (\mathrm{{seed}})")
    return Cell(*[f"{n} = {s.tangent(sweep.terms[k])}" for n, s in zip(names, sums, strict=True)])


def _reverse(
    lines: Lines, both: Notations, given: list[tuple[int | None, list[Any]]]
) -> list[Column]:
    sweeps = [(k, seed, adjoints(lines, seed)) for k, seed in given]
    sums = [Sums(lines, n) for n in both]
    first = sweeps[0][2]
    cells = [
        Cell() if line.kind == DECISION else
        Cell(*[f"{s.notation.variable(k, BAR)} = {s.adjoint(first.terms[k])}" for s in sums])
        for k, line in enumerate(lines.lines)
    ]  # fmt: skip
    text, latex = both
    cells += [Cell(f"{text.result(r, BAR)} (seed)", rf"{latex.result(r, BAR)} \ (\mathrm{{seed}})")
              for r in range(len(lines.outputs))]  # fmt: skip
    columns = [("adjoint", cells)]
    for chosen, seed, sweep in sweeps:
        values = _line_values(lines, sweep, both)
        values += [_value(u, both) for u in seed]
        of = "adjoint's value" if chosen is None else f"of {text.result(chosen)}"
        columns.append((of, values))
    return columns


def _line_values(lines: Lines, sweep: Sweep, both: Notations) -> list[Cell]:
    pairs = zip(lines.lines, sweep.values, strict=True)
    return [Cell() if line.kind == DECISION else _value(v, both) for line, v in pairs]
