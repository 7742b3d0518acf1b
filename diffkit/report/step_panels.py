"""Step curves of many functions, one figure each, and how all their minima compare with theory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from diffkit.measure import StepCurve
from diffkit.measure import local as theory
from diffkit.measure.local import Local, Panel, stencil
from diffkit.report import step_curves
from diffkit.report.figures import MARK, add_series, chart
from diffkit.runner.experiment import Claim, Figure
from diffkit.runner.results import Results

Panels = Mapping[str, Panel]
Series = tuple[Any, Any]
Parts = Mapping[str, Series]


PLACE = (
    "Each mark is one stencil on one function. The predicted step runs over 23 powers of ten, and "
    "the error is least where it says, a little to the left: real roundings are smaller than ε."
)
DEPTH = (
    "The error at that step, as the RMS of the steps within a factor of 2. It lies below the "
    "prediction, again because ε stands for the largest rounding and not for the usual one."
)
COMPLEX = (
    "The complex step has no round-off to rise into: shorter steps only take its truncation away, "
    "and from there on it is flat at the last bit, shown here down to 1e-20 of the scale."
)


def panels(
    results: Results, known: Mapping[str, Local], stencils: Iterable[tuple[str, int]]
) -> Panels:
    """The curves of each function, by its name, from columns function, kind, order, h, difference.

    Args:
        results: the table.
        known: each function beside its point.
        stencils: kinds and orders.
    """
    found: dict[str, Panel] = {}
    for name, where in known.items():
        part, curves = results.ok.where(function=name), {}
        for kind, order in stencils:
            h, e = part.where(kind=kind, order=order).pair("h", "difference")
            curves[f"{kind} {order}"] = where.curve(stencil(kind, order), h, e)
        found[name] = (where, curves)
    return found


def complex_errors(results: Results, names: Iterable[str], column: str) -> dict[str, Series]:
    """Steps and errors of the complex step on each function."""
    part = results.ok.where(kind="complex")
    return {name: part.where(function=name).pair("h", column) for name in names}


def figures(
    panels: Panels, complex_step: Parts, titles: Mapping[str, str], captions: Mapping[str, str]
) -> list[Figure]:
    """A half figure for each function, and two for the minima.

    Args:
        panels: the curves of each function.
        complex_step: the steps and errors of the complex step, by function.
        titles: of the functions.
        captions: what to see on a function; the first has the general caption.
    """
    first = next(iter(panels))
    texts = {first: f"{step_curves.CAPTION}\n\n{COMPLEX}", **captions}
    drawn = [
        Figure(name, titles[name], texts[name], _panel(curves, complex_step[name]), half=True)
        for name, (_, curves) in panels.items()
    ]
    place, depth = _minima(panels)
    return [
        *drawn,
        Figure("place", "Where the error is least", PLACE, place, half=True),
        Figure("depth", "How small it gets there", DEPTH, depth, half=True),
    ]


def _panel(curves: Mapping[str, StepCurve], complex_step: Series) -> Any:
    h, e = (np.asarray(v, dtype=float) for v in complex_step)
    shown = h >= 1e-20 * h.max() / 1e-4
    drawing = step_curves.draw(curves, others={"complex step": (h[shown], e[shown])})
    drawing.update_traces(marker_size=4, selector={"mode": "markers"})
    drawing.for_each_trace(_enlarge, selector=lambda trace: trace.marker.symbol == "star")
    # In the legend, marks that small cannot be told apart.
    return drawing.update_layout(height=None, legend={"itemsizing": "constant"})


def _enlarge(star: Any) -> None:
    star.marker.size = 15


def _minima(panels: Panels) -> tuple[Any, Any]:
    """Measured over predicted: the best step, and the error there."""
    found = theory.minima(panels)
    place = chart("predicted best step h*", "measured best step", log="xy")
    depth = chart("predicted least error E(h*)", "measured least error", log="xy")
    kinds = list(dict.fromkeys(name.split(", ")[1] for name in found))
    for figure, x, y in ((place, 0, 2), (depth, 1, 3)):
        for k, kind in enumerate(kinds):
            part = {n: row for n, row in found.items() if n.endswith(", " + kind)}
            a, b = [row[x] for row in part.values()], [row[y] for row in part.values()]
            add_series(figure, a, b, kind, k, mode="markers")
            hover = "%{text}<br>predicted %{x:.2e}<br>measured %{y:.2e}<extra></extra>"
            figure.data[-1].update(text=list(part), hovertemplate=hover)
        ends = [row[x] for row in found.values()]
        line = [min(ends) / 10, max(ends) * 10]
        figure.add_scatter(
            x=line, y=line, mode="lines", line=MARK, name="as predicted", hoverinfo="skip"
        )
        figure.update_traces(marker_size=9, selector={"mode": "markers"})
    return place, depth


def claims(
    panels: Callable[[Results], Panels],
    complex_step: Callable[[Results], Parts],
    scales: Mapping[str, float],
    *,
    power: float = 0.3,
    envelope: float = 2,
    place: float = 3,
    depth: float = 7,
    ulps: float = 2,
) -> tuple[Claim, ...]:
    """The claims of the theory about every curve, and that about the complex step."""
    return (
        Claim(
            "Right of the best step the error of a stencil of order p rises as h^p, on every "
            f"function: the power is p within {power:g}, fitted where the leading term of Taylor's "
            "series is at least 10 times the round-off and 10 times the next term.",
            lambda r: theory.truncates(panels(r), tolerance=power),
        ),
        Claim(
            "Left of it the error rises as 1/h towards small steps, for all orders alike: the "
            "fitted power is −1 within 0.1.",
            lambda r: theory.rounds_off(panels(r), tolerance=0.1),
        ),
        Claim(
            f"E(h) is an envelope: no error is above {envelope:g} E(h), up to where the next term "
            "of Taylor's series is a tenth of the leading one. The factor leaves room for the "
            "roundings of the sum, which E(h) does not count.",
            lambda r: theory.stays_below(panels(r), factor=envelope),
        ),
        Claim(
            f"The error is least within a factor of {place:g} of the predicted step. E(h) adds all "
            "roundings at their largest, ε Σ|w|; of random ones the RMS is 2.4 to 6.2 times less, "
            "depending on the stencil and on where f lies between powers of two, and the step "
            "goes with the square root of that or a higher root: at most 2.2.",
            lambda r: theory.ratios_within(
                {n: (m, e) for n, (e, _, m, _) in theory.minima(panels(r)).items()}, place
            ),
        ),
        Claim(
            f"The least error, as RMS of neighbouring steps, is within a factor of {depth:g} of "
            "E(h*), for the same reason.",
            lambda r: theory.ratios_within(
                {n: (m, e) for n, (_, e, _, m) in theory.minima(panels(r)).items()}, depth
            ),
        ),
        Claim(
            "The complex step has no round-off branch: at all steps from 1e-9 of the function's "
            f"scale down to 1e-300 of it, it is right within {ulps:g} ulps of the derivative.",
            lambda r: theory.has_no_roundoff(complex_step(r), scales=scales, ulps=ulps),
        ),
    )
