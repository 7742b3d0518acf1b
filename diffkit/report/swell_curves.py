"""Swell curves: how many operations a derivative has, and how long it takes, against a size n."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from diffkit.measure import Swell, growth
from diffkit.report.figures import PALETTE, chart, label_decades, plot, series_style
from diffkit.runner.experiment import Figure
from diffkit.runner.results import Results

# What of each route is put into a table.
COUNTED = {name: name for name in ("tree", "dag", "cse", "executed", "nodes", "tree_nodes")}
COUNTED |= {"sympy_cse": "cse_by_sympy"}

COUNTS = {
    "sympy_tree": "SymPy, tree",
    "sympy_dag": "SymPy, DAG",
    "sympy_cse": "SymPy, CSE",
    "graph_cse": "graph",
    "reverse_executed": "reverse",
    "f_executed": "f alone",
}
TREES = {"sympy_tree": "SymPy", "graph_tree": "graph", "forward_tree": "forward"}
TREES |= {"reverse_tree": "reverse", "f_tree": "f alone"}
SECONDS = {"diff_seconds": "fastest call", "diff_seconds_slowest": "slowest call"}

CAPTION = (
    "SymPy's derivative as written (tree), with each distinct part counted once (DAG), and after "
    "common subexpression elimination (CSE); the derivative of which nothing was evaluated (graph) "
    "after the same; the operations that reverse mode executes, f included; and f alone."
)


def columns(sizes: Swell) -> dict[str, Any]:
    """The counts of all routes as one row of a table: ``sympy_tree``, ``reverse_executed``, ...

    What was not counted is left out.
    """
    return {
        f"{row.route.replace(' in SymPy', '_in_sympy')}_{column}": count
        for row in sizes.rows
        for name, column in COUNTED.items()
        if (count := getattr(row, name)) is not None
    }


def figures(
    results: Results, of: str, *, caption: str = "", tail: float, until: float
) -> list[Figure]:
    """Four half figures of a table with the columns of COUNTS, TREES and SECONDS against n:
    ``operations`` to some n, ``seconds``, and for all n ``digits`` and ``programs``.

    Args:
        results: with ``n`` and what `columns` gives.
        of: the name of the function, for the title.
        caption: what is to be seen beyond what CAPTION says.
        tail: the n from which the growth of the time is fitted.
        until: the last n of the first figure.
    """
    few = Results(tuple(row for row in results if row["n"] <= until))
    shown = few.series("n", COUNTS)
    counts = plot({k: (x, _floats(y)) for k, (x, y) in shown.items()}, "n", "operations", log="y")
    seconds = plot(few.series("n", SECONDS), "n", "seconds", log="y")
    rate = growth(*results.pair("n", "diff_seconds", start=tail))
    time = (
        f"From n = {tail:g} on, one step more multiplies the time of `sympy.diff` by {rate:.1f}, "
        "its cache emptied before each call."
    )
    return [
        Figure("operations", f"The derivative of {of}", f"{CAPTION} {caption}", counts, half=True),
        Figure("seconds", "Time of `sympy.diff`", time, seconds, half=True),
        Figure(
            "digits", "Written out: so many digits has the count", DIGITS, _digits(results), True
        ),
        Figure("programs", "As a program", PROGRAMS, _programs(results), half=True),
    ]


DIGITS = (
    "The decimal logarithm of the operations of the tree. A straight line on these log axes with "
    "slope 1 is exponential growth: by every route, and for f alone as well."
)
PROGRAMS = (
    "The same derivatives with nothing done twice, on log axes: SymPy's after common subexpression "
    "elimination is quadratic in n, the others are linear."
)


def _digits(results: Results) -> Any:
    series = {}
    for column, name in TREES.items():
        n, trees = results.pair("n", column, start=3)
        series[name] = n, np.array([log10(int(t)) for t in trees])
    return plot(series, "n", "log<sub>10</sub> of the tree's operations", log="xy")


def _programs(results: Results) -> Any:
    names = {k: COUNTS[k] for k in ("sympy_cse", "graph_cse", "reverse_executed", "f_executed")}
    series = {name: results.pair("n", column, start=2) for column, name in names.items()}
    return plot(series, "n", "operations", log="xy")


def _floats(counts: Any) -> Any:
    return np.asarray([float(c) for c in counts])


RATIOS = {
    "sympy": "SymPy",
    "graph": "graph",
    "forward": "forward",
    "reverse": "reverse",
}


def ratios(results: Results) -> list[Figure]:
    """Two figures of a table with ``case`` and what `columns` gives: the size of the derivative
    over that of f, as a program and as a tree, for each case and route."""
    return [
        Figure("programs", "As a program", AS_PROGRAMS, _ratios(results, "cse"), half=True),
        Figure("trees", "Written out", AS_TREES, _ratios(results, "tree"), half=True),
    ]


AS_PROGRAMS = (
    "The operations of the derivative with equal ones done once (hash-consing), over those of f "
    "as a program."
)
AS_TREES = "The operations of the derivative written out, over those of f written out."


def _ratios(results: Results, kind: str) -> Any:
    drawing = chart("derivative / f", log="x", height=80 + 44 * len(results))
    for index, (route, name) in enumerate(RATIOS.items()):
        part = [row for row in results if row.get(f"{route}_{kind}") is not None]
        drawing.add_scatter(
            x=[row[f"{route}_{kind}"] / row[f"f_{kind}"] for row in part],
            y=[row["case"] for row in part],
            name=name,
            mode="markers",
            marker={**series_style(index)["marker"], "size": 11},
        )
    drawing.update_yaxes(autorange="reversed")
    return label_decades(drawing)


def equivalence(results: Results) -> list[Figure]:
    """Two half figures of a table with ``problem``, ``order``, ``common`` and the sizes ``ad`` and
    ``symbolic``: for each problem how many operations are the one's, the other's, and both's."""
    return [
        Figure(
            order,
            f"{order.capitalize()} order",
            SHARED,
            _shared(results.where(order=order)),
            half=True,
        )
        for order in ("forward", "reverse")
    ]


# Beside its colour, what tells a bar from the next.
HATCHES = tuple(
    {"shape": shape, "fillmode": "overlay", "fgcolor": "#fff"} for shape in ("", "/", "x")
)

SHARED = (
    "For each function the operations of its derivative, as percentages of those that AD or the "
    "symbolic derivative does: those that both do, on equal operands, and those of one alone."
)


def _shared(results: Results) -> Any:
    drawing = chart("% of all operations", height=80 + 30 * len(results), barmode="stack")
    rows = [(row, row["ad"] + row["symbolic"] - row["common"]) for row in results]
    parts = {
        "both": [row["common"] for row, _ in rows],
        "AD alone": [row["ad"] - row["common"] for row, _ in rows],
        "symbolic alone": [row["symbolic"] - row["common"] for row, _ in rows],
    }
    for index, (name, counts) in enumerate(parts.items()):
        drawing.add_bar(
            orientation="h",
            x=[100 * count / total for count, (_, total) in zip(counts, rows, strict=True)],
            y=[row["problem"] for row, _ in rows],
            name=name,
            marker={"color": PALETTE[index], "pattern": HATCHES[index]},
            customdata=counts,
            hovertemplate="%{customdata} operations",
        )
    drawing.update_yaxes(autorange="reversed")
    return drawing.update_layout(legend_traceorder="normal")
