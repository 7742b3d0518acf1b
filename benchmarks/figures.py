"""The figures of the benchmark's page, drawn from the rows of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from diffkit.report.figures import DASHES, MARKERS, PALETTE, chart, log_axis, template
from diffkit.runner import Figure, Results

from . import standings
from .contest import INACCURATE, MISSING, OK, PLAIN, SKIPPED, UNSUPPORTED
from .problems import PROBLEMS
from .standings import OURS, Row, Standing
from .tools import TOOLS

ROW, FRAME = 22, 210  # pixels of a line of a map, and of what is around it
SIGNS = {
    INACCURATE: "✗",
    UNSUPPORTED: "–",
    MISSING: "∅",
    SKIPPED: "▷",
    "timeout": "▷",
    "memory": "▷",
    "crashed": "†",
    "error": "!",
}
SCALE = [[0.0, "#eaf3fb"], [0.3, "#9cc9ea"], [0.65, "#3d7fb8"], [1.0, "#123a66"]]
LEGEND = (
    "✗ wrong, – no such operator, ▷ over the limit of time or memory, † crashed, ! an error, "
    "∅ not installed; the reason shows where the pointer rests."
)


def figures(results: Results) -> list[Figure]:
    """All figures."""
    found = standings.standings(results)
    return [
        Figure("ratio", "Prepared reverse mode beside the fastest other tool", _losses(found),
               ratio(found)),
        Figure("times", "All tools: one derivative, in evaluations of f",
               f"{TIMES}{LEGEND}\n\n{_versions(found)}", times(found)),
        Figure("first", "Who is first where, and why", FIRST, first(found)),
        Figure("sizes", "Times against n", SIZES, against_n(found)),
        Figure("start", "Until the first derivative", START + LEGEND, start(found)),
        Figure("errors", "How wrong", ERRORS + LEGEND, errors(found)),
        Figure("memory", "Memory", MEMORY + LEGEND, memory(found)),
        Figure("problems", "The problems", PROBLEM, problems(found)),
        Figure("none", "Tools without a time, and why", NONE, without(found)),
    ]  # fmt: skip


TIMES = (
    "The multiple of one evaluation of f in plain NumPy, from the least disturbed sample. The "
    "paler, the closer to the fastest of the line. `casadi_buffers` is shown and not ranked: it is "
    "CasADi's function called through memory that it is given once. "
)
FIRST = (
    "For every size the three fastest tools, prepared reverse mode over the fastest other one, and "
    "where it is neither first nor within 10 %, what the numbers of this run say of the reason."
)
SIZES = (
    "Seconds of one derivative, on log axes, with that of f itself. Prepared reverse mode is the "
    "thick line. What n counts stands below each panel."
)
START = (
    "Preparing and the first call together, in evaluations of f: recording, compiling, and what a "
    "library puts off until it is called. Over the time that a call saves it is the number of "
    "calls after which preparing has paid. "
)
ERRORS = (
    "The largest error over the largest component of the derivative, in powers of ten: −16 is the "
    "rounding of doubles. Difference quotients lose half of the digits or a few; where f is "
    "chaotic (the logistic map) all tools are compared with the derivative of what is computed. "
)
MEMORY = (
    "Megabytes by which the resident memory of the tool's process rises at most while it prepares "
    "and calls for the first time. What was there before does not count, "
    "the library itself and what smaller sizes have left free included; below a megabyte the "
    "number means little. "
)
PROBLEM = (
    "Each is written once for names like NumPy's, and runs on every tool's own operations; where a "
    "tool has a loop or a map of its own, that form is tried as well."
)
NONE = "Every tool has a row for every size; these have no time."


def _versions(found: Sequence[Standing]) -> str:
    """Which versions took part, and on how many threads."""
    named = {
        TOOLS[name].package if name in TOOLS else name: row["version"]
        for s in found
        for name, row in s.rows.items()
        if row["version"]
    }
    threads = {row.get("pools") for s in found for row in s.rows.values()} - {None}
    most = f" No pool had more than {max(threads)} thread(s)." if threads else ""
    limits = {row.get("limit") for s in found for row in s.rows.values()} - {None}
    limit = f" A way to prepare had {max(limits):g} s at most." if limits else ""
    return "Versions: " + ", ".join(f"{k} {v}" for k, v in named.items()) + "." + most + limit


def ratio(found: Sequence[Standing]) -> Any:
    """The ratio to the fastest other tool, a dot for each size."""
    problems = standings.by_problem(found)
    drawing = chart("time over that of the fastest other tool", log="x",
                    height=ROW * len(problems) + FRAME)  # fmt: skip
    names = ("smallest n", "", "largest n")
    for rank, name in enumerate(names):
        points = [(s.ratio, s) for of in problems.values() for s in _at(of, rank)]
        points = [(r, s) for r, s in points if np.isfinite(r)]
        drawing.add_scatter(
            x=[r for r, _ in points],
            y=[s.problem for _, s in points],
            mode="markers",
            name=name or "between",
            marker={"size": 9 + 3 * rank, "symbol": MARKERS[rank], "color": PALETTE[rank]},
            customdata=[_against(s) for _, s in points],
            hovertemplate="%{customdata}<extra></extra>",
        )
    drawing.add_vline(1.0, line={"dash": "solid", "color": "#8a929c", "width": 2})
    drawing.add_vline(standings.MARGIN, line={"dash": "dash", "color": "#8a929c", "width": 2})
    drawing.update_yaxes(categoryorder="array", categoryarray=[*problems][::-1])
    marks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    drawing.update_xaxes(tickvals=marks, ticktext=[f"{m:g}" for m in marks])
    return drawing


def _at(of: Sequence[Standing], rank: int) -> Sequence[Standing]:
    """The smallest size, those between, or the largest; a single one is the smallest."""
    return (of[:1], of[1:-1], of[1:][-1:])[rank]


def _against(s: Standing) -> str:
    rival = s.rival
    other = "" if rival is None else f"{rival['tool']} ({rival['way']})"
    return f"{s.label}: {s.ratio:.3g} times {other}"


def _losses(found: Sequence[Standing]) -> str:
    won = standings.won(found)
    lost = sorted((s for s in found if not s.close), key=lambda s: -s.ratio)
    said = (
        f"Left of the solid line prepared reverse mode is the first; left of the dashed one it is "
        f"within 10 %. It is so at every size of {sum(won.values())} of {len(won)} problems, and "
        f"at {len(found) - len(lost)} of {len(found)} sizes."
    )
    if not lost:
        return said
    worst = [f"{s.label} ({s.ratio:.3g} times {s.rival['tool']})" for s in lost[:5] if s.rival]
    return f"{said}\n\nIt loses most at " + ", ".join(worst) + "."


def first(found: Sequence[Standing]) -> Any:
    """A table: the three fastest, our ratio, and why."""
    rows = [
        (
            s.label,
            "<br>".join(f"{name} {s.rows[name]['over_f']:.3g}" for name in s.order[:3]),
            f"{s.ratio:.3g}",
            standings.why(s) or ("first" if s.ratio <= 1 else "within 10 %"),
        )
        for s in found
    ]
    titles = ("problem and n", "the three fastest, times f", "ours ÷ other", "why")
    return _table(titles, rows, (16, 20, 9, 55), lines=3)


def without(found: Sequence[Standing]) -> Any:
    """A table of the tools that have no time."""
    reasons: dict[tuple[str, str, str, str], list[str]] = {}
    for s in found:
        for name, row in s.rows.items():
            if row["outcome"] != OK:
                key = (s.problem, name, row["outcome"], row["why"])
                reasons.setdefault(key, []).append(f"{s.n}")
    rows = [(p, ", ".join(n), tool, out, reason) for (p, tool, out, reason), n in reasons.items()]
    return _table(("problem", "n", "tool", "what", "why"), rows, (12, 12, 12, 10, 54), lines=2)


def problems(found: Sequence[Standing]) -> Any:
    """A table of what the problems are and where they are from."""
    known = [PROBLEMS[name] for name in standings.by_problem(found) if name in PROBLEMS]
    rows = [(p.name, p.title, p.counted, p.source) for p in known]
    return _table(("name", "problem", "n counts", "source"), rows, (12, 28, 10, 50), lines=2)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], widths: Any, lines: int) -> Any:
    import plotly.graph_objects as go

    clear = "rgba(0,0,0,0)"
    cells = {"align": "left", "fill": {"color": clear}, "line": {"color": "#8a929c"}}
    header = {**cells, "values": [f"<b>{t}</b>" for t in titles]}
    body = {**cells, "values": [*zip(*rows, strict=True)] or [[] for _ in titles],
            "height": 18 * lines}  # fmt: skip
    drawing = go.Figure(go.Table(columnwidth=widths, header=header, cells=body))
    height = min(640, 60 + 20 * lines * (len(rows) + 1))
    return drawing.update_layout(template=template(), height=height)


def times(found: Sequence[Standing]) -> Any:
    """The map of times: a line a size, a column a tool."""

    def shade(s: Standing, row: Row) -> float:
        return float(np.log10(row["time"] / s.rows[s.order[0]]["time"])) if s.order else 0.0

    return _map(found, shade, lambda s, row: f"{row['over_f']:.3g}", (0.0, 3.0),
                "time over that of the fastest", ("1", "10", "100", "1000"))  # fmt: skip


def start(found: Sequence[Standing]) -> Any:
    """The map of preparing and first calls."""

    def value(row: Row) -> float:
        return float(row["prepare_over_f"] + row["first_over_f"])

    return _map(found, lambda s, row: float(np.log10(value(row))),
                lambda s, row: _short(value(row)), (0.0, 6.0), "evaluations of f",
                ("1", "10²", "10⁴", "10⁶"))  # fmt: skip


def errors(found: Sequence[Standing]) -> Any:
    """The map of errors."""

    def digits(s: Standing, row: Row) -> float:
        return float(np.log10(max(row["error"], 1e-18)))

    def text(s: Standing, row: Row) -> str:
        return f"{digits(s, row):.0f}" if row["error"] else "0"

    return _map(found, digits, text, (-18.0, 0.0), "error", ("10⁻¹⁸", "10⁻¹²", "10⁻⁶", "1"),
                skip=(PLAIN,), shown=(OK, INACCURATE))  # fmt: skip


def memory(found: Sequence[Standing]) -> Any:
    """The map of memory."""

    def megabytes(s: Standing, row: Row) -> float:
        return max(row["prepare_memory"], 0) / 1e6

    return _map(found, lambda s, row: float(np.log10(max(megabytes(s, row), 0.1))),
                lambda s, row: _short(megabytes(s, row)), (-1.0, 3.0), "megabytes",
                ("0.1", "1", "10", "100", "1000"))  # fmt: skip


def _map(
    found: Sequence[Standing],
    shade: Callable[[Standing, Row], float],
    text: Callable[[Standing, Row], str],
    limits: tuple[float, float],
    label: str,
    ticks: Sequence[str],
    skip: Iterable[str] = (),
    shown: Sequence[str] = (OK,),
) -> Any:
    """Lines of sizes and columns of tools; what has no number has a sign."""
    tools = [name for name in _tools(found) if name not in skip]
    drawing = chart(height=ROW * len(found) + FRAME, margin={"t": 120})

    def each(value: Callable[[Standing, Row], Any], none: Any, lost: Any) -> list[list[Any]]:
        return [[_cell(s, name, value, none, lost, shown) for name in tools] for s in found]

    drawing.add_heatmap(
        x=[name.replace("_", " ") for name in tools],
        y=[s.label for s in found],
        z=each(lambda s, row: float(np.clip(shade(s, row), *limits)), None, lambda row: None),
        text=each(text, "", lambda row: SIGNS[row["outcome"]]),
        customdata=each(lambda s, row: _hover(row), "", _hover),
        texttemplate="%{text}",
        textfont={"size": 11},
        hovertemplate="%{y}, %{x}<br>%{customdata}<extra></extra>",
        zmin=limits[0],
        zmax=limits[1],
        colorscale=SCALE,
        hoverongaps=True,
        xgap=2,
        ygap=2,
        colorbar={
            "title": {"text": label, "side": "top"}, "orientation": "h", "thickness": 10,
            "tickvals": np.linspace(*limits, len(ticks)), "ticktext": list(ticks),
            "y": -0.01, "yanchor": "top",
        },
    )  # fmt: skip
    drawing.update_xaxes(side="top", showgrid=False, ticks="", tickangle=-60)
    drawing.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 11})
    return drawing


def _tools(found: Sequence[Standing]) -> list[str]:
    """The tools that take part, in the order of the rows."""
    return list(dict.fromkeys(name for s in found for name in s.rows))


def _cell(s: Standing, name: str, value: Any, none: Any, lost: Any, shown: Sequence[str]) -> Any:
    if name not in s.rows:
        return none
    row = s.rows[name]
    return value(s, row) if row["outcome"] in shown else lost(row)


def _hover(row: Row) -> str:
    """What is known of a tool at a size."""
    if row["outcome"] != OK:
        return f"{row['outcome']}<br>{_wrapped(row['why'])}"
    lines = [
        f"{row['way']} {row['note']}",
        f"{standings.span(row['time'])}; median {standings.span(row['median'])}, quartiles "
        f"{standings.span(row['low'])} to {standings.span(row['high'])}",
        f"prepare {standings.span(row['prepare'])}, first call {standings.span(row['first'])}",
    ]
    if row["error"] is not None:
        lines.append(f"error {row['error']:.2g} of the largest component ({row['truth'][:60]})")
    return "<br>".join(lines)


def _wrapped(text: str, width: int = 90) -> str:
    import textwrap

    return "<br>".join(textwrap.wrap(text[:500], width))


def _short(value: float) -> str:
    if value < 1e4:
        return f"{value:.3g}" if value >= 0.1 else "<.1"
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def against_n(found: Sequence[Standing], columns: int = 3) -> Any:
    """A panel a problem: seconds against n for all tools."""
    problems = {name: of for name, of in standings.by_problem(found).items() if len(of) > 1}
    rows = -(-len(problems) // columns) or 1
    drawing = make_subplots(
        rows=rows, cols=columns, subplot_titles=[*problems],
        horizontal_spacing=0.06, vertical_spacing=0.32 / rows,
    )  # fmt: skip
    tools = _tools(found)
    for place, (name, of) in enumerate(problems.items()):
        where = {"row": place // columns + 1, "col": place % columns + 1}
        for index, tool in enumerate(tools):
            points = [(s.n, s.rows[tool]["time"]) for s in of if _timed(s, tool)]
            drawing.add_scatter(
                x=[n for n, _ in points], y=[t for _, t in points], name=tool, legendgroup=tool,
                showlegend=place == 0, mode="lines+markers", line=_line(tool, index),
                marker={"symbol": MARKERS[index % len(MARKERS)], "size": 7}, **where,
            )  # fmt: skip
        counted = PROBLEMS[name].counted if name in PROBLEMS else "n"
        drawing.update_xaxes(title_text=counted, tickvals=[s.n for s in of], **log_axis(), **where)
        drawing.update_yaxes(dtick=2, **log_axis(), **where)
    drawing.update_layout(template=template(), height=300 * rows + 120, hovermode="closest",
                          legend={"y": 1.0 + 0.14 / rows})  # fmt: skip
    return drawing


def _timed(s: Standing, tool: str) -> bool:
    return tool in s.rows and s.rows[tool]["outcome"] == OK


def _line(tool: str, index: int) -> dict[str, Any]:
    if tool == OURS:
        return {"width": 5, "color": PALETTE[0]}
    if tool == PLAIN:
        return {"width": 2, "color": "#8a929c", "dash": "dash"}
    return {"width": 2, "color": PALETTE[1:][index % 5], "dash": DASHES[(index // 5) % len(DASHES)]}
