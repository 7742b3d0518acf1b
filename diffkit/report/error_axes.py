"""The same errors on a linear and on a log axis, side by side: what each shows and hides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffkit.report.figures import plot
from diffkit.runner.experiment import Figure

Pair = tuple[Any, Any]


def figures(
    signed: Pair,
    relative: Pair,
    of: str,
    captions: tuple[str, str],
    *,
    titles: tuple[str, str] = (
        "On a linear axis: nothing, then trouble",
        "On a log axis: the same trouble everywhere",
    ),
    vlines: Mapping[str, float] | None = None,
) -> list[Figure]:
    """Two half figures, ``linear_axis`` and ``log_axis``.

    Args:
        signed: x and the computed value minus the truth.
        relative: x and that over the truth.
        of: the truth, as HTML for the axis titles.
        captions, titles: of the two figures.
        vlines: places to mark in both, by their labels.
    """
    linear = plot({"": signed}, "x", f"computed − {of}", mode="lines", vlines=vlines)
    sizes = {"absolute": signed, f"relative to {of}": relative}
    log = plot(sizes, "x", "size of the error", log="y", mode="markers", vlines=vlines)
    return [
        Figure("linear_axis", titles[0], captions[0], linear, half=True),
        Figure("log_axis", titles[1], captions[1], log, half=True),
    ]
