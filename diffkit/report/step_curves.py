"""Step curves: the error of finite differences over the step, what is predicted, what is claimed.

    figures: step_curves.figure(curves, "e<sup>x</sup> at x = 1")
    claims: *step_curves.claims(lambda results: curves, until=0.1)

where ``curves`` are those of `diffkit.measure.steps.curves`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.measure import StepCurve, steps
from diffkit.report.figures import PALETTE, add_series, chart, label_decades
from diffkit.runner.experiment import Claim, Figure
from diffkit.runner.results import Results

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

# Shows on a light and on a dark page.
OUTLINE = {"color": "#8a929c", "width": 1.5}

CAPTION = (
    "Points are measured, for each kind of stencil and its order p. The dashed lines are the two "
    "terms of E(h) = C h^p |f^(p+1)| + A ε / h, with ε = 2^-53 |f|: truncation falls as h^p to the "
    "left, and round-off rises as 1/h. A star marks the predicted best step and its error."
)


def figure(
    curves: steps.Curves,
    of: str,
    *,
    name: str = "step",
    title: str = "The error against the step",
    caption: str = "",
    others: Mapping[str, tuple[Any, Any]] | None = None,
) -> Figure:
    """The curves of some stencils on log axes; ``of`` names function and point.

    ``caption`` says what is to be seen in these curves beyond what is common to all, and
    ``others`` are series of steps and errors without a prediction.
    """
    drawing = draw(curves, f"error of the derivative of {of}", others)
    return Figure(name, title, f"{CAPTION} {caption}".strip(), drawing)


def draw(
    curves: steps.Curves,
    y: str = "error of the derivative",
    others: Mapping[str, tuple[Any, Any]] | None = None,
) -> PlotlyFigure:
    """A Plotly figure of the curves; a legend entry shows or hides all that is one stencil's."""
    extra = {name: (h, np.abs(e)) for name, (h, e) in (others or {}).items()}
    low, high = _extent(curves, [e for _, e in extra.values()])
    drawing = chart("step h", y, log="xy", height=580)
    for index, (name, curve) in enumerate(curves.items()):
        add_series(drawing, curve.step, curve.error, name, index, mode="markers", foot=low)
        drawing.update_traces(legendgroup=name, selector={"name": name})
        _draw_prediction(drawing, curve, name, PALETTE[index % len(PALETTE)])
    for index, (name, (h, e)) in enumerate(extra.items(), len(curves)):
        add_series(drawing, h, e, name, index, mode="markers", foot=low)
    # The dashed lines would stretch the axis far beyond the points.
    drawing.update_yaxes(range=[np.log10(low) - 0.3, np.log10(high) + 0.5])
    return label_decades(drawing)


def _draw_prediction(drawing: PlotlyFigure, curve: StepCurve, name: str, colour: str) -> None:
    group = {"name": f"{name}, predicted", "legendgroup": name, "showlegend": False}
    dashed = {"color": colour, "width": 1.5, "dash": "dash"}
    star = {"symbol": "star", "size": 17, "color": colour, "line": OUTLINE}
    h, e = curve.predicted
    drawing.add_scatter(x=h, y=e, mode="lines", line=dashed, hoverinfo="skip", **group)
    h, e = [curve.best_step], [curve.least_error]
    drawing.add_scatter(x=h, y=e, mode="markers", marker=star, **group)


def _extent(curves: steps.Curves, others: list[Any]) -> tuple[float, float]:
    """A little below the smallest positive error, measured or predicted, and the largest."""
    parts = [np.append(curve.error, curve.least_error) for curve in curves.values()]
    errors = np.concatenate([np.empty(0), *parts, *others])
    errors = errors[np.isfinite(errors) & (errors > 0)]
    return (float(errors.min() / 3), float(errors.max())) if errors.size else (1e-16, 1.0)


def claims(
    curves: Callable[[Results], steps.Curves],
    *,
    until: float,
    power: float = 0.1,
    place: float = 3,
    depth: float = 5,
) -> tuple[Claim, ...]:
    """The four claims of the theory about every step curve.

    Args:
        curves: the curves of a table of results.
        until: where the next term of Taylor's series begins to count.
        power: the tolerance of fitted powers.
        place, depth: the factors within which the least error is where, and as, predicted.
    """
    return (
        Claim(
            "Right of the best step the error of a stencil of order p rises as h^p: the power "
            f"fitted from 10 times that step to h = {until:g} is p within {power:g}.",
            lambda r: steps.truncates_with_its_order(curves(r), until=until, tolerance=power),
        ),
        Claim(
            f"Left of it the error falls as 1/h: the fitted power is −1 within {power:g}.",
            lambda r: steps.rounds_off_as_one_over_h(curves(r), tolerance=power),
        ),
        Claim(
            f"The error is least within a factor of {place:g} of the predicted step. The "
            "prediction adds up all roundings at their largest; real ones partly cancel and come "
            "to about a quarter of that, and the best step goes with the square root of it or a "
            "higher root.",
            lambda r: steps.is_least_where_predicted(curves(r), factor=place),
        ),
        Claim(
            f"For the same reason the least error is within a factor of {depth:g} of the predicted "
            "one, taken as the RMS of neighbouring steps, because one error can be small by luck.",
            lambda r: steps.is_as_small_as_predicted(curves(r), factor=depth),
        ),
    )
