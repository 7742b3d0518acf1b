"""Figures: no value vanishes on a log axis, and no series is told by colour alone."""

from __future__ import annotations

import math

import pytest

from diffkit.report import figures as fig
from diffkit.report import pages
from diffkit.runner import Figure, Results

TABLE = Results.of(
    [
        {"h": h, "order": order, "error": error}
        for order in (1, 2)
        for h, error in ((1.0, 1e-2), (0.1, 1e-4), (0.01, 0.0), (0.001, math.nan))
    ]
)


def test_zero_on_a_log_axis_is_drawn_at_the_foot_and_named() -> None:
    drawn = fig.lines(TABLE, "h", "error", by="order", log="xy")
    curve, zeros, *_ = drawn.data
    assert math.isnan(curve.y[2])
    assert zeros.name == "exactly 0"
    assert list(zeros.x) == [0.01]
    assert 0 < zeros.y[0] < 1e-4
    assert [trace.showlegend for trace in drawn.data if trace.name == "exactly 0"] == [True, False]


def test_the_points_of_a_zero_are_written_as_zero() -> None:
    drawn = fig.lines(TABLE.where(order=1), "h", "error", log="xy")
    assert ("exactly 0", 0.01, 0.0) in pages._points(drawn.data[1])


def test_zero_on_a_linear_axis_is_a_point_like_any_other() -> None:
    [curve] = fig.lines(TABLE.where(order=1), "h", "error", log="x").data
    assert list(curve.y)[:3] == [1e-2, 1e-4, 0.0]


@pytest.mark.parametrize(("log", "kinds"), [("", (None, None)), ("x", ("log", None))])
def test_axes_are_logarithmic_where_asked(log: str, kinds: tuple[str | None, str | None]) -> None:
    layout = fig.chart("a", "b", log=log).layout
    assert (layout.xaxis.type, layout.yaxis.type) == kinds
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("a", "b")


def test_only_powers_of_ten_are_labelled_on_a_log_axis_of_a_few_decades() -> None:
    few = fig.plot({"a": ([1, 2, 3], [1e-5, 1e-2, 0.0])}, log="y")
    many = fig.plot({"a": ([1, 2], [1e-30, 1.0])}, log="y")
    none = fig.plot({"a": ([1, 2], [1.0, 2.0])}, log="y")
    assert [f.layout.yaxis.dtick for f in (few, many, none)] == [1, None, None]


def test_a_negative_value_is_drawn_by_its_size_on_a_log_axis_only() -> None:
    for log, drawn in (("y", 2.0), ("", -2.0)):
        assert fig.plot({"a": ([1.0], [-2.0])}, log=log).data[0].y[0] == drawn


def test_series_differ_in_marker_and_dash_as_well_as_colour() -> None:
    styles = [fig.series_style(index) for index in range(len(fig.PALETTE))]
    for key, part in (("line", "color"), ("line", "dash"), ("marker", "symbol")):
        assert len({style[key][part] for style in styles}) == len(styles)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_type_is_large_enough_to_read(scheme: str) -> None:
    layout = fig.template(scheme)["layout"]
    assert layout["font"]["size"] >= 14
    assert layout["xaxis"]["title"]["font"]["size"] >= 14


def test_a_third_half_begins_a_new_row() -> None:
    halves = tuple(Figure(name, "", "", fig.chart(), half=True) for name in "abc")
    assert [[f.name for _, f in row] for row in pages._groups(halves)] == [["a", "b"], ["c"]]
