"""The bias of steps that are no doubles: predicted and measured, over the step and over x."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.report.figures import PALETTE, add_series, chart, label_decades
from diffkit.runner.experiment import Figure
from diffkit.runner.results import Results

OVER_STEP = (
    "The mean of 4000 relative errors of the forward difference of e^x, less its truncation, for "
    "x from 1 to 2. Each circle sits on its ring, the bias foretold from h alone. Steps that are "
    "powers of two have none: their means are chance, and lie about the dotted line, the standard "
    "error of a mean. The dashed line is the largest bias that there can be, half a spacing of "
    "doubles over h: rounding decides how far below it a step falls, and 1e-9 is just one of many."
)
OVER_X = (
    "The same for h = 1e-9 in each binade, from x to 2x. The spacing of doubles doubles with each: "
    "4503600 spacings of 2^-52 are 2251800 of 2^-51, and so on to 281475 of 2^-48, so the bias is "
    "the same from 1 to 32. Half of 281475 is no integer: there the bias jumps. 2^-30 is a "
    "whole number of spacings throughout."
)
CURED = (
    "The same means with the step that was taken, (x + h) − x, in the denominator: what is left "
    "is chance for the decimal steps too."
)


def figures(results: Results) -> list[Figure]:
    """``bias`` over the step, and two halves: ``binades`` over x and ``taken`` for the cure."""
    over_h, over_x = results.ok.where(along="h"), results.ok.where(along="x")
    step = _draw(
        over_h, "h", "step h", "mean relative error", ("10<sup>−k</sup>", "2<sup>−k</sup>")
    )
    h = np.array([min(over_h.column("h")), max(over_h.column("h"))])
    _line(step, h, 2.0**-53 / h, "half a spacing / h", "dash")
    _chance(step, over_h.where(kind="decimal"), "h")
    binades = _draw(over_x, "low", "x", "mean relative error", ("h = 1e-9", "h = 2<sup>−30</sup>"))
    _chance(binades, over_x.where(kind="decimal"), "low")
    taken = chart("step h", "mean relative error", log="xy")
    for k, (kind, name) in enumerate(
        (("decimal", "10<sup>−k</sup>"), ("binary", "2<sup>−k</sup>"))
    ):
        x, y = over_h.where(kind=kind).pair("h", "mean_taken")
        add_series(taken, x, np.abs(y), name, k, mode="markers", foot=1e-19)
    _chance(taken, over_h.where(kind="decimal"), "h", "chance_taken")
    taken.update_traces(marker_size=8, selector={"mode": "markers"})
    return [
        Figure("bias", "Decimal steps are biased, powers of two are not", OVER_STEP, step),
        Figure("binades", "1e-9 along x: the bias follows the spacing", OVER_X, binades, half=True),
        Figure("taken", "Dividing by the step taken", CURED, label_decades(taken), half=True),
    ]


def _draw(rows: Results, x: str, x_title: str, y_title: str, names: tuple[str, str]) -> Any:
    """Sizes of the means of decimal and binary steps, the prediction as rings about the former."""
    drawing = chart(x_title, y_title, log="xy")
    for k, (kind, name) in enumerate(zip(("decimal", "binary"), names, strict=True)):
        part = rows.where(kind=kind)
        a, mean = part.pair(x, "mean")
        add_series(drawing, a, np.abs(mean), f"{name}, measured", k, mode="markers", foot=1e-19)
    a, bias = rows.where(kind="decimal").pair(x, "bias")
    ring = {"symbol": "circle-open", "size": 15, "color": PALETTE[0], "line": {"width": 1.5}}
    drawing.update_traces(marker_size=8, selector={"mode": "markers"})
    drawing.add_scatter(
        x=a, y=np.abs(bias), name=f"{names[0]}, predicted", mode="markers", marker=ring
    )
    return label_decades(drawing)


def _chance(drawing: Any, rows: Results, x: str, column: str = "chance") -> None:
    _line(drawing, *rows.pair(x, column), "standard error", "dot")


def _line(drawing: Any, x: Any, y: Any, name: str, dash: str) -> None:
    order = np.argsort(x)
    style = {"color": "#8a929c", "width": 2, "dash": dash}
    drawing.add_scatter(
        x=np.asarray(x)[order], y=np.asarray(y)[order], name=name, mode="lines", line=style
    )
