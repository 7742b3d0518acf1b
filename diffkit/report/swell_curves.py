"""Swell curves: how many operations a derivative has, and how long it takes, against a size n."""

from __future__ import annotations

from diffkit.measure import growth
from diffkit.report.figures import plot
from diffkit.runner.experiment import Figure
from diffkit.runner.results import Results

COUNTS = {"tree": "tree", "dag": "DAG", "cse": "CSE", "gradient": "reverse", "function": "f alone"}
SECONDS = {"diff_seconds": "fastest call", "diff_seconds_slowest": "slowest call"}

CAPTION = (
    "SymPy's derivative as written (tree), with each distinct part counted once (DAG), and after "
    "common subexpression elimination (CSE); the operations that reverse mode executes, f "
    "included; and f alone."
)


def figures(results: Results, of: str, *, caption: str = "", tail: float) -> list[Figure]:
    """Two half figures, ``operations`` and ``seconds``, of a table with those columns against n.

    Args:
        results: with ``n`` and the columns of COUNTS and SECONDS.
        of: the name of the function, for the title.
        caption: what is to be seen beyond what CAPTION says.
        tail: the n from which the growth of the time is fitted.
    """
    every_other = {"tick0": 1, "dtick": 2}
    counts = plot(results.series("n", COUNTS), "n", "operations", log="y", xaxis=every_other)
    seconds = plot(results.series("n", SECONDS), "n", "seconds", log="y", xaxis=every_other)
    rate = growth(*results.pair("n", "diff_seconds", start=tail))
    time = (
        f"From n = {tail:g} on, one step more multiplies the time of `sympy.diff` by {rate:.1f}, "
        "its cache emptied before each call."
    )
    return [
        Figure(
            "operations",
            f"Operations of the derivative of {of}",
            f"{CAPTION} {caption}",
            counts,
            half=True,
        ),
        Figure("seconds", "Time of `sympy.diff`", time, seconds, half=True),
    ]
