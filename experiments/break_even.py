"""After how many calls does it pay to prepare a derivative?

Preparing records the function once and makes a program of its derivative; each call then replays
that. The time to prepare, over what a call saves, is the number of calls after which the total is
the same. All three times are taken in turn in one process, in rounds; a ratio is taken round by
round, and its median is shown with the quartiles. Where a method calls the function itself at
every point, as finite differences and the complex step must, there is nothing to be saved.
"""

import warnings

import numpy as np

import diffkit as dk
from diffkit.errors import DerivativeWarning
from diffkit.measure import break_even
from diffkit.report.figures import chart
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

METHODS = ("reverse", "forward", "symbolic", "complex_step", "finite_difference")
REPLAYED = ("reverse", "forward", "symbolic")
DATA = np.random.default_rng(0).normal(size=(20, 4))


def logistic(x):
    for _ in range(60):
        x = 4.0 * x * (1.0 - x)
    return x


def griewank(x):
    ratio, growth = x[0] / x[1], np.exp(x[1])
    return (np.sin(ratio) + ratio - growth) * (ratio - growth)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def regression(w):
    return np.mean(np.log1p(np.exp(-np.dot(DATA, w))))


FUNCTIONS = {
    "Griewank's example": (griewank, np.array([1.5, 0.5])),
    "logistic map, 60 steps": (logistic, 0.3),
    "Rosenbrock, 20 variables": (rosenbrock, np.linspace(-1.0, 1.0, 20)),
    "logistic regression, 20 × 4": (regression, np.linspace(-0.1, 0.1, 4)),
}


def cells():
    return grid(function=tuple(FUNCTIONS), method=METHODS)


def measure(function, method):
    f, x = FUNCTIONS[function]
    operator = dk.derivative if isinstance(x, float) else dk.gradient
    with warnings.catch_warnings():  # how right the derivatives are is another question
        warnings.simplefilter("ignore", DerivativeWarning)
        return break_even(operator, f, x, backend=method).to_dict()


def figures(results):
    figure = chart("calls", "time a call, over that of f", log="xy")
    calls = 2.0 ** np.arange(0, 15)
    for method in REPLAYED:
        row = next(iter(results.ok.where(function="logistic map, 60 steps", method=method)))
        prepared = row["preparing"] / calls + row["prepared"]
        figure.add_scatter(x=calls, y=prepared, name=f"{method}, prepared", mode="lines+markers")
        figure.add_scatter(x=calls, y=np.full(len(calls), row["eager"]), name=method, mode="lines")
    return [Figure("calls", "The logistic map: cost a call, against the number of calls", SEE,
                   figure)]  # fmt: skip


SEE = (
    "The prepared derivative (markers) starts far above the eager one (flat line), because the "
    "first call carries the preparation; where the lines cross, it has paid. Far to the right it "
    "tends to the cost of a replay: a small multiple of f itself."
)


def pays(results):
    rows = [r for r in results.ok if r["method"] in REPLAYED]
    found = {f"{r['function']}, {r['method']}": r["calls"] for r in rows}
    return all(n <= 200 for n in found.values()), "; ".join(
        f"{name}: {n:.0f} calls" for name, n in found.items()
    )


def faster(results):
    rows = [r for r in results.ok if r["method"] == "reverse"]
    return all(r["prepared"] < r["eager"] for r in rows), "; ".join(
        f"{r['function']}: {r['eager'] / r['prepared']:.1f} times" for r in rows
    )


def nothing_saved(results):
    rows = [r for r in results.ok if r["method"] in ("complex_step", "finite_difference")]
    return all(r["plan"] == "eager" for r in rows), f"{len(rows)} cells call the function itself."


EXPERIMENT = Experiment(
    name="break_even",
    chapter="cost",
    order=60,
    title="When preparing pays",
    question=__doc__,
    cells=cells,
    measure=measure,
    timed=True,
    figures=figures,
    claims=(
        Claim("Replaying the reverse sweep is faster than recording it anew, everywhere.", faster),
        Claim(
            "Forward, reverse and symbolic derivatives have paid after at most 200 calls.",
            pays,
        ),
        Claim("Finite differences and the complex step have nothing to prepare.", nothing_saved),
    ),
    reproduce="""import diffkit as dk

def logistic(x):
    for _ in range(60):
        x = 4.0 * x * (1.0 - x)
    return x

g = dk.prepare(dk.derivative, logistic, 0.3)
print(g.plan, g(0.3), dk.derivative(logistic, 0.3))""",
    reading=(cite("griewank2008", "chapter 4, on what a replayed tape costs"),),
)
