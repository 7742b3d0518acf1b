"""The page of one experiment: everything in one file that opens without a network."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from diffkit._escape import csv_cell
from diffkit.report.figures import EXACT_ZERO, template
from diffkit.runner.experiment import Experiment, Figure, Row
from diffkit.runner.provenance import Provenance
from diffkit.runner.results import BOOKKEEPING, OK, Results, jsonable
from diffkit.runner.run import HELD, NOT_HELD, UNCHECKED, Verdict

# The whole table is in results.csv; a page shows what a reader scrolls through.
SHOWN_ROWS = 40
SHOWN_FAILURES = 200

# Between these stand the links to the pages before and after; the index renews them.
COURSE_STARTS = ("<!-- course -->", "<!-- onwards -->")
COURSE_ENDS = ("<!-- end of course -->", "<!-- end of onwards -->")

# An outcome is told by its mark and its words; the colour only repeats them.
MARKS = {HELD: "✓", NOT_HELD: "✗", UNCHECKED: "?"}
CLASSES = {HELD: "held", NOT_HELD: "not-held", UNCHECKED: "unchecked"}


def write(
    experiment: Experiment,
    results: Results,
    figures: tuple[Figure, ...],
    provenance: Provenance,
    claims: tuple[Verdict, ...],
    folder: Path,
) -> Path:
    """Write ``index.html`` and ``figures/`` into an existing folder; the path of the page."""
    if figures:
        (folder / "figures").mkdir()
    for figure in figures:
        _write_figure(figure, folder / "figures")
    page = folder / "index.html"
    page.write_text(render(experiment, results, figures, provenance, claims), encoding="utf-8")
    return page


def render(
    experiment: Experiment,
    results: Results,
    figures: tuple[Figure, ...],
    provenance: Provenance,
    claims: tuple[Verdict, ...],
) -> str:
    """The page as text."""
    return (
        environment()
        .get_template("experiment.html")
        .render(
            experiment=experiment,
            claims=claims,
            counts=count_outcomes([claim.outcome for claim in claims]),
            groups=_groups(figures),
            drawings=script_json([json.loads(f.plotly_figure.to_json()) for f in figures]),
            templates=script_json({scheme: template(scheme) for scheme in ("light", "dark")}),
            plotly=_plotly() if figures else "",
            failures=_failures(results)[:SHOWN_FAILURES],
            failed=len(results) - len(results.ok),
            columns=[name for name in results.columns if name != "reason"],
            rows=results.rows[:SHOWN_ROWS],
            total=len(results),
            provenance=provenance,
        )
    )


@cache
def environment() -> Environment:
    """The templates, with escaping on for every value put into them."""
    found = Environment(
        loader=PackageLoader("diffkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(prose=prose, inline=inline, shown=shown, span=span, moment=moment)
    found.globals.update(
        mark=MARKS.__getitem__,
        css_class=CLASSES.__getitem__,
        course_marks=tuple(map(Markup, (*COURSE_STARTS, *COURSE_ENDS))),
        style=Markup(_asset("style.css")),
        script=Markup(_asset("page.js")),
    )
    return found


def inline(text: str) -> Markup:
    """Text with `backticks` as code, addresses as links, x^2 raised and l_n lowered; escaped."""
    return Markup(_INLINE.sub(_mark_up, str(escape(text))))


# The first that matches wins, so that nothing is raised or lowered in code or in an address.
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?P<a>https?://[^\s<>]*[^\s<>.,;:)])"
    r"|(?<=[\w)‖])\^(?P<sup>\([^()]*\)|[-−]?\w+)"
    r"|(?<=\b[A-Za-zα-ω])_(?P<sub>\([^()]*\)|\w\b)"
)


def _mark_up(found: re.Match[str]) -> str:
    tag, inner = next((t, s) for t, s in found.groupdict().items() if s is not None)
    if tag == "a":
        return f'<a href="{inner}">{inner}</a>'
    if tag != "code" and inner.startswith("("):
        # f^(p+1) is a derivative and keeps its parentheses; l_(n+1) is an index and does not.
        inner = inner if tag == "sup" else inner[1:-1]
    return f"<{tag}>{inner}</{tag}>"


def prose(text: str) -> Markup:
    """Paragraphs of `inline` text, parted by blank lines."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return Markup("\n").join(Markup("<p>{}</p>").format(inline(part)) for part in paragraphs)


def shown(value: Any) -> str:
    """A value as the table shows it: six digits of a float, a long integer by its ends."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    if isinstance(value, int) and len(text) > 24:
        return f"{text[:8]}…{text[-6:]} ({len(text)} digits)"
    return text if len(text) <= 80 else text[:79] + "…"


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g}\N{NO-BREAK SPACE}µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g}\N{NO-BREAK SPACE}ms"
    return f"{seconds:.3g}\N{NO-BREAK SPACE}s"


def moment(iso: str) -> str:
    """A time in ISO 8601 to the minute, in UTC; an empty one is not known."""
    if not iso:
        return "at an unknown time"
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def count_outcomes(outcomes: list[str]) -> list[tuple[str, int]]:
    """How often each outcome came, those that came at all."""
    return [(o, outcomes.count(o)) for o in (HELD, NOT_HELD, UNCHECKED) if o in outcomes]


def _groups(figures: tuple[Figure, ...]) -> list[list[tuple[int, Figure]]]:
    """Figures by rows of the page: consecutive halves in twos, the others alone."""
    groups: list[list[tuple[int, Figure]]] = []
    for index, figure in enumerate(figures):
        if figure.half and groups and len(groups[-1]) == 1 and groups[-1][0][1].half:
            groups[-1].append((index, figure))
        else:
            groups.append([(index, figure)])
    return groups


def _failures(results: Results) -> list[tuple[str, str, str]]:
    """Status, cell and reason of every row that is not ok."""
    bad = [row for row in results if row.get("status", OK) != OK]
    return [(row["status"], _cell(row), row["reason"]) for row in bad]


def _cell(row: Row) -> str:
    return ", ".join(f"{k} = {shown(v)}" for k, v in row.items() if k not in BOOKKEEPING)


def _write_figure(figure: Figure, folder: Path) -> None:
    drawing = figure.plotly_figure
    (folder / f"{figure.name}.json").write_text(drawing.to_json(), encoding="utf-8")
    with open(folder / f"{figure.name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "x", "y"])
        for trace in drawing.data:
            writer.writerows(_points(trace))


def _points(trace: Any) -> list[tuple[Any, ...]]:
    """The points of a trace that has x and y; other kinds are only in the JSON."""
    x, y = getattr(trace, "x", None), getattr(trace, "y", None)
    if x is None or y is None:
        return []
    if trace.meta == EXACT_ZERO:
        y = [0.0] * len(x)
    pairs = zip(x, y, strict=False)
    return [(csv_cell(trace.name or ""), *map(_csv_cell, pair)) for pair in pairs]


def _csv_cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else jsonable(value)


def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


def _asset(name: str) -> str:
    return (resources.files("diffkit.report") / "templates" / name).read_text(encoding="utf-8")
