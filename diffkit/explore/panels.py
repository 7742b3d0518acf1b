"""How results are shown. Everything typed reaches the page as text, which React escapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import dcc, html

from .._backends.stencils import stencil
from .._escape import plotly_text
from ..errors import DiffkitError, ExpressionError
from ..measure.steps import StepCurve
from ..measure.swell_table import short
from ..report import step_curves
from ..report.figures import PALETTE, chart, label_decades
from ..report.swell_curves import HATCHES
from .jobs import CANCELLED, DONE, FAILED, RUNNING, WAITING, Part
from .request import Request

Parts = Mapping[str, Part]
Children = Any

# What is computed, in this order: what is looked at first comes first.
TASKS = ("values", "certified", "trace", "graph", "steps", "swell")


def plan(wanted: Request) -> dict[str, dict[str, Any]]:
    """The tasks of a request with their arguments."""
    subject = wanted.to_dict()
    more: dict[str, dict[str, Any]] = {
        "values": {"operator": wanted.operator},
        "certified": {"operator": wanted.operator},
        "steps": {"along": wanted.along},
    }
    return {name: {**subject, **more.get(name, {})} for name in TASKS}


# A message beside the input


def complaint(error: DiffkitError) -> list[Any]:
    """An error as the page shows it; one of an expression with its place marked."""
    if not isinstance(error, ExpressionError) or not error.text:
        hint = getattr(error, "hint", "")
        reason = getattr(error, "reason", "") or str(error)
        return [html.P(f"{reason}; {hint}" if hint else reason)]
    lines = error.excerpt.strip("\n")
    hint = f"; {error.hint}" if error.hint else ""
    where = f"Character {error.position + 1}: "
    return [html.P([where, error.reason, hint]), html.Pre(lines, **{"aria-hidden": "true"})]


# Values


def values(parts: Parts, names: Sequence[str]) -> list[Any]:
    """The table of backends: values as soon as they are there, then what is proved of them."""
    quick, full = parts["values"], parts["certified"]
    if quick.value is None and full.value is None:
        return _absence(quick)
    proved = full.value if full.state == DONE else None
    rows = proved["rows"] if proved else quick.value["rows"]
    truth = None if proved is None else proved["truth"]
    notes = _notes(full, proved)
    table = html.Table(
        [_head(), html.Tbody([*_truth_rows(truth, names), *_rows(rows, truth, names, full)])]
    )
    f_value = (proved or quick.value)["f_value"]
    return [
        html.P(["f = ", html.Span(f"{f_value:.17g}", className="number")], className="f-value"),
        html.Div(table, className="scroll"),
        *notes,
    ]


_MOST = 10  # elements of a value that are shown


def _head() -> Any:
    titles = [
        ("backend", ""),
        ("value", "digits that differ from the certified ones are underlined"),
        ("error, ulps", "certified: at most so many units in the last place"),
        ("time / f", "of a prepared call, in evaluations of f"),
        ("calls", "of f for one derivative"),
        ("status", ""),
    ]
    cells = [
        html.Th(title, scope="col", title=hint or None, className=_css(title))
        for title, hint in titles
    ]
    return html.Thead(html.Tr(cells))


def _css(title: str) -> str:
    return title.partition(",")[0].replace(" / ", "-")


def _truth_rows(truth: Any, names: Sequence[str]) -> list[Any]:
    if truth is None:
        return []
    cells = [
        html.Th("certified", scope="row"),
        html.Td(_lines(truth, None, names), className="value"),
        html.Td("≤ 0.5", className="number"),
        html.Td("", className="time-f"),
        html.Td("", className="calls"),
        html.Td("truth, correctly rounded", className="status"),
    ]
    return [html.Tr(cells, className="truth")]


def _rows(
    rows: Sequence[Mapping[str, Any]], truth: Any, names: Sequence[str], full: Part
) -> list[Any]:
    pending = "…" if full.state in (WAITING, RUNNING) else ""
    found = []
    for row in rows:
        time, calls, ulps = row.get("time"), row.get("evaluations"), row.get("ulps")
        cells = [
            html.Th(row["backend"].replace("_", " "), scope="row"),
            html.Td(_lines(row["value"], truth, names), className="value"),
            html.Td(pending if ulps is None else magnitude(ulps), className="number"),
            html.Td(
                pending if time is None else magnitude(time["median"]), className="number time-f"
            ),
            html.Td("" if calls is None else str(calls), className="number calls"),
            html.Td(_status(row), className="status"),
        ]
        found.append(html.Tr(cells, className=row["status"]))
    return found


def _status(row: Mapping[str, Any]) -> list[Any]:
    if not row["reason"]:
        return [row["status"]]
    return [
        html.Details([html.Summary(row["status"]), html.Span(_one_line(row["reason"]))]),
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]


def _lines(value: Any, truth: Any, names: Sequence[str]) -> list[Any]:
    """Each element on a line of its own, with the digits that are not those of the truth marked."""
    if value is None:
        return ["–"]
    elements = list(_elements(value, names))
    truths = [None] * len(elements) if truth is None else [t for _, t in _elements(truth, names)]
    more = len(elements) - _MOST
    shown = [
        html.Div([html.Span(label, className="of"), *_digits(element, known)])
        for (label, element), known in zip(elements[:_MOST], truths, strict=False)
    ]
    return [*shown, html.Div(f"and {more} more")] if more > 0 else shown


def _elements(value: Any, names: Sequence[str]) -> list[tuple[str, float]]:
    if not isinstance(value, list):
        return [("", value)]
    if value and isinstance(value[0], list):
        return [
            (f"{names[i]} {names[j]}", element)
            for i, row in enumerate(value)
            for j, element in enumerate(row)
            if j >= i
        ]
    return list(zip(names, value, strict=True))


def _digits(number: float, truth: float | None) -> list[Any]:
    text = written(number)
    if truth is None:
        return [text]
    known = written(truth)
    same = next(
        (k for k, (a, b) in enumerate(zip(text, known, strict=False)) if a != b),
        min(len(text), len(known)),
    )
    if text == known or "e" in text[:same]:
        return [text]
    return [text[:same], html.Span(text[same:], className="wrong")]


def written(number: float) -> str:
    return repr(float(number)).replace("-", "−", 1) if number < 0 else repr(float(number))


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def magnitude(number: float) -> str:
    """Two digits, with a power of ten where it is long: 0.45, 2.5, 120, 1.3·10⁷."""
    if not math.isfinite(number):
        return "∞" if number > 0 else "NaN"
    if number == 0 or 0.01 <= number < 10_000:
        return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
    mantissa, _, exponent = f"{number:.1e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def _notes(full: Part, proved: Any) -> list[Any]:
    if proved is not None:
        told = [proved["recommendation"]]
        if proved["truth"] is None and proved["uncertified"]:
            told.insert(0, f"{proved['uncertified'].capitalize()}.")
        return [html.P(text, className="note") for text in told if text]
    if full.state in (FAILED, CANCELLED):
        return [html.P(f"No certified errors: {full.reason or 'cancelled'}", className="note")]
    return [html.P("Proving the digits …", className="note")]


# Figures

_CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False}


def _plot(figure: Any, label: str) -> Any:
    # The page's style sheet gives text and lines their colours, light or dark.
    figure.update_layout(height=None, dragmode=False, font={"size": 13})
    graph = dcc.Graph(figure=figure, config=_CONFIG, responsive=True, className="plot")
    return html.Div(graph, role="img", **{"aria-label": label})


def steps(parts: Parts, names: Sequence[str]) -> list[Any]:
    part = parts["steps"]
    if part.state != DONE:
        return _absence(part)
    found = part.value
    curves, others = {}, {}
    for curve in found["curves"]:
        name = f"{curve['kind']}, order {curve['order']}"
        if curve["slope"] is None or len(curve["step"]) < 2:
            others[name] = (curve["step"], curve["error"])
        else:
            used = stencil(curve["kind"], curve["order"])
            curves[name] = StepCurve.of(
                used, curve["step"], curve["error"], found["value"], curve["slope"]
            )
    drawn = step_curves.draw(curves, "certified error, at most", others)
    best = [
        html.Li(f"{name}: best step {magnitude(c.best_step)}, error {magnitude(c.least_error)}")
        for name, c in curves.items()
    ]
    along = f" along {found['along']}" if len(names) > 1 else ""
    caption = (
        f"Finite differences{along}, each with its proved error: too long a step truncates (right),"
        " too short a one leaves round-off alone (left). Dashed: the theory. A star: the predicted"
        " best step."
    )
    label = f"The certified error of finite differences{along} against the step, on log axes"
    without = [
        html.P(f"{', '.join(others)}: no best step follows, as the leading error term is zero.")
    ]
    return [
        _plot(drawn, label),
        html.P(caption),
        html.Ul(best, className="facts"),
        *(without if others else []),
    ]


_COUNTS = {"tree": "written out", "cse": "each once", "executed": "executed"}
_WIDE = 100  # how many times the shortest bar the longest may be on an axis that is not log
_ROUTES = {
    "f": "f",
    "f in SymPy": "f in SymPy",
    "sympy": "SymPy’s derivative",
    "graph": "graph of it",
    "forward": "forward mode",
    "reverse": "reverse mode",
}


def swell(parts: Parts, names: Sequence[str]) -> list[Any]:
    part = parts["swell"]
    if part.state != DONE:
        return _absence(part)
    rows = [row for row in part.value["rows"] if row["tree"] is not None]
    counts = [row[column] for row in rows for column in _COUNTS]
    wide = max(counts) > _WIDE * max(1, min(counts))
    drawn = chart("operations", log="x" if wide else "", barmode="group", bargap=0.25)
    for index, (column, title) in enumerate(_COUNTS.items()):
        drawn.add_bar(
            orientation="h",
            x=[row[column] for row in rows],
            y=[plotly_text(_ROUTES[row["route"]]) for row in rows],
            text=[short(row[column]) for row in rows],
            textposition="outside",
            cliponaxis=False,
            constraintext="none",
            name=title,
            marker={"color": PALETTE[index], "pattern": HATCHES[index]},
            hovertemplate="%{y}: %{x} operations",
        )
    drawn.update_yaxes(autorange="reversed", showgrid=False)
    label_decades(drawn)
    first = part.value["rows"][0]["cse"]
    last = next((row["cse"] for row in rows if row["route"] == "reverse"), None)
    ratio = f" Reverse mode takes {last} where f takes {first}." if first and last else ""
    missing = [html.P(r["reason"]) for r in part.value["rows"] if r["status"] != "ok"]
    caption = (
        "How large f and its derivative are by each route: written out in full, with equal "
        f"operations done once, and as they run.{ratio}"
    )
    return [_plot(drawn, "The operations of f and of its derivative"), html.P(caption), *missing]


# Markup


def markup(name: str) -> Callable[[Parts, Sequence[str]], list[Any]]:
    """A panel into which the page puts the markup of a task (see explore.js)."""

    def shown(parts: Parts, names: Sequence[str]) -> list[Any]:
        return [] if parts[name].state == DONE else _absence(parts[name])

    return shown


PANELS: dict[str, tuple[tuple[str, ...], Callable[[Parts, Sequence[str]], list[Any]]]] = {
    "values": (("values", "certified"), values),
    "steps": (("steps",), steps),
    "swell": (("swell",), swell),
    "trace": (("trace",), markup("trace")),
    "graph": (("graph",), markup("graph")),
}
MARKUP = ("trace", "graph")


def _absence(part: Part) -> list[Any]:
    told = {
        WAITING: "Waiting for its turn …",
        RUNNING: "Computing …",
        CANCELLED: "Cancelled.",
        FAILED: part.reason,
    }
    return [html.P(told.get(part.state, ""), className=f"absence {part.state}")]


NAMES = {
    "values": "values",
    "certified": "certified errors and times",
    "trace": "trace",
    "graph": "graph",
    "steps": "V-curve",
    "swell": "swell",
}


def progress(parts: Parts) -> str:
    """One line on how far all of it is."""
    running = [NAMES[name] for name, part in parts.items() if part.state == RUNNING]
    over = [part for part in parts.values() if part.over]
    if len(over) < len(parts):
        now = f": {running[0]}" if running else ""
        return f"Computing{now} · {len(over)} of {len(parts)} done"
    if any(part.state == CANCELLED for part in over):
        return "Cancelled"
    seconds = sum(part.seconds for part in over)
    failed = [NAMES[name] for name, part in parts.items() if part.state == FAILED]
    trouble = f" · without {', '.join(failed)}" if failed else ""
    return f"Done in {seconds:.1f} s{trouble}"
