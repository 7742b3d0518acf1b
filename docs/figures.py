"""The pictures of the README and of docs/, drawn from what diffkit computes.

``python -m docs.figures`` draws them. They are small and committed, so that the README has them
wherever it is read. The screenshot needs a Chromium, and stays as it is where there is none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import diffkit as dk
from diffkit.report.figures import PALETTE
from diffkit.runner import discovery, measure_cells

IMAGES = Path(__file__).parent / "images"
BLUE, RED, GREEN, PINK, AMBER, SKY = PALETTE
STYLE = {
    "svg.hashsalt": "diffkit",  # the same picture gives the same file
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
}


@contextmanager
def figure(name: str, width: float, height: float, columns: int = 1) -> Iterator[Any]:
    """Axes, or a list of them, of a figure that is then written to images/NAME.svg."""
    with plt.rc_context(STYLE):
        drawing, axes = plt.subplots(1, columns, figsize=(width, height))
        yield axes
        drawing.savefig(IMAGES / f"{name}.svg", metadata={"Date": None, "Creator": "diffkit"})
        plt.close(drawing)


def v_curve() -> None:
    """The error of difference quotients of e^x at 1 by their step, beside methods without one."""
    truth = dk.reference(np.exp, 1.0, operator="derivative")

    def error(backend: Any) -> float:
        return max(truth.relative(dk.derivative(np.exp, 1.0, backend=backend)), 1e-17)

    steps = 10.0 ** np.arange(-15, 0.01, 0.05)
    ways = (("forward", 1, RED), ("central", 2, AMBER), ("central", 4, GREEN), ("central", 8, SKY))
    with figure("v_curve", 7.6, 4.2) as axes:
        for kind, order, colour in ways:
            rule = dk.FiniteDifference(order=order, kind=kind)
            errors = [error(dk.FiniteDifference(order, h, kind)) for h in steps]
            label = f"{kind} difference, order {order}"
            axes.loglog(steps, errors, color=colour, label=label, lw=0.9)
            best = rule.stencil().best_step(2.0**-53 * np.e, np.e)
            least = rule.stencil().error(best, 2.0**-53 * np.e, np.e) / np.e
            axes.plot(best, least, "*", color=colour, mec="black", mew=0.5, ms=12)
        small = steps[steps <= 1e-4]
        errors = [error(dk.ComplexStep(step=h, check=None)) for h in small]
        axes.loglog(small, errors, color=PINK, ls="--", label="complex step")
        axes.axhline(error("reverse"), color=BLUE, label="reverse mode, which has no step")
        axes.set(xlabel="step h", ylabel="relative error, certified")
        axes.set_title("The derivative of $e^x$ at 1; ★ is the best step in theory", size=10)
        axes.legend(loc="upper center", ncols=2, fontsize=9)
        axes.set_ylim(2e-17, 1e4)


def error_of_exp() -> None:
    """The picture of the textbook and the same numbers on a logarithmic axis, as fd_error_exp has
    them."""
    results = measure_cells(discovery.load("fd_error_exp")).ok
    textbook = results.where(along="x", representable=False)
    taken = results.where(along="x", representable=True)
    with figure("error_of_exp", 9.0, 3.4, columns=2) as (left, right):
        left.plot(*textbook.pair("x", "difference"), color=RED, lw=1)
        left.axvline(14, color="#8a929c", ls=":")
        left.set(xlabel="x", ylabel="error", title="as it is plotted: “zero until 14”")
        for part, colour, label in ((textbook, RED, "step 1e-9"), (taken, BLUE, "the step taken")):
            x, relative = part.pair("x", "relative")
            right.semilogy(x, np.abs(relative), ".", ms=3, color=colour, label=label)
        right.axvline(14, color="#8a929c", ls=":")
        right.set(xlabel="x", ylabel="relative error", title="the same numbers, relative to $e^x$")
        right.legend(loc="lower left")


def swell() -> None:
    """Operations of the derivative of the logistic map, counted in four ways."""

    def logistic(x: Any, n: int) -> Any:
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    n = range(2, 21)
    sizes = [dk.swell(logistic, 0.3, k, routes=("sympy", "graph", "reverse")) for k in n]
    with figure("swell", 7.6, 4.0) as axes:
        for label, colour, mark, counts in (
            ("sympy.diff, written out", RED, "o", [s["sympy"].tree for s in sizes]),
            ("sympy.diff, shared parts once", AMBER, "s", [s["sympy"].dag for s in sizes]),
            ("one derivative a shared part", GREEN, "^", [s["graph"].dag for s in sizes]),
            ("reverse mode, executed with f", BLUE, "D", [s["reverse"].executed for s in sizes]),
        ):
            axes.semilogy(n, counts, mark + "-", color=colour, label=label, ms=4)
        axes.set(xlabel="steps n of the logistic map", ylabel="operations of the derivative")
        axes.set_xticks(range(2, 21, 2))
        axes.legend()


def descent() -> None:
    """The path of the tutorial's gradient descent."""

    def himmelblau(p: Any) -> Any:
        x, y = p
        return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2

    path = [np.zeros(2)]
    gradient = dk.prepare(dk.gradient, himmelblau, path[0])
    for _ in range(40):
        path.append(path[-1] - 0.01 * gradient(path[-1]))
    x, y = np.meshgrid(np.linspace(-1, 4.5, 200), np.linspace(-1, 3.5, 200))
    with figure("descent", 5.6, 4.0) as axes:
        axes.contour(x, y, himmelblau((x, y)), levels=np.geomspace(1, 400, 14), colors="#8a929c",
                     linewidths=0.6)  # fmt: skip
        axes.plot(*np.transpose(path), "o-", color=BLUE, ms=3, lw=1)
        axes.plot(3, 2, "*", color=RED, ms=13)
        axes.set(xlabel="x", ylabel="y", aspect="equal")
        axes.grid(False)


def griewank() -> None:
    """The computation graph of Griewank's example."""
    trace = dk.trace(dk.problems["griewank"], np.array([1.5, 0.5]))
    (IMAGES / "griewank.svg").write_text(trace.graph().to_svg(), encoding="utf-8")


def step_through() -> None:
    """The page of Griewank's example in the middle of its reverse sweep, in a browser."""
    from tests.browser import chromium

    if chromium.find() is None:
        print("there is no Chromium: images/step_through.png stays as it is")
        return
    trace = dk.trace(dk.problems["griewank"], np.array([1.5, 0.5]))
    with tempfile.TemporaryDirectory() as folder, chromium.browser() as connection:
        tab = chromium.Tab(connection)
        tab.screen(1100, 760)
        tab.open(trace.page(Path(folder) / "page.html"))
        tab.evaluate("document.querySelector('.modes [data-mode=reverse]').click()")
        for _ in range(8):
            tab.press("ArrowRight")
        tab.screenshot(IMAGES / "step_through.png")


if __name__ == "__main__":
    matplotlib.use("svg")
    IMAGES.mkdir(exist_ok=True)
    for draw in (v_curve, error_of_exp, swell, descent, griewank, step_through):
        draw()
